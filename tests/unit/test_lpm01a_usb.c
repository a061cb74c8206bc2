/* SPDX-License-Identifier: MIT */
/* The real libusb and the real driver with an LPM01A and a V3PWR of umockdev. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lpm01a_usb.h"
#include "meter_seen.h"

static UMockdevTestbed *testbed;
static struct lpm01a_usb *box;

/* 8 mA, and in the window 20 mA with a ripple: from 0.5 to 1.3 s of every two. */
static void board(void *arg, double t_s, double *ret_A, int *ret_d7)
{
	double at = fmod(t_s + 1e-9, 2);

	(void)arg;
	*ret_d7 = at >= 0.5 && at < 1.3;
	*ret_A = *ret_d7 ? 0.020 + 0.002 * sin(300 * t_s) : 0.008;
}

static int setup(void **state)
{
	(void)state;
	testbed = umockdev_testbed_new();
	box = calloc(1, sizeof(*box));
	lpm01a_usb_plug(box, testbed, 2, MN_LPM01A_SHIELD, LPM01A_PRODUCT, board, NULL);
	return 0;
}

static int setup_v3pwr(void **state)
{
	(void)state;
	testbed = umockdev_testbed_new();
	box = calloc(1, sizeof(*box));
	lpm01a_usb_plug(box, testbed, 2, MN_LPM01A_V3PWR, "STLINK-V3PWR", board, NULL);
	return 0;
}

static int setup_other(void **state)
{
	(void)state;
	testbed = umockdev_testbed_new();
	box = calloc(1, sizeof(*box));
	lpm01a_usb_plug(box, testbed, 2, MN_LPM01A_SHIELD, "STM32 Virtual ComPort", board, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	usb_fake_free(&box->usb);
	free(box);
	g_object_unref(testbed);
	return 0;
}

static const struct mn_meter_config supply = {
	.mode = MN_METER_SOURCE, .volt_mV = 3300, .range = -1, .board_fd = -1};

static struct mn_meter *open_box(void)
{
	struct mn_meter *m = NULL;
	struct mn_err err = {0};

	if (mn_meter_open("lpm01a", &m, &err))
		fail_msg("%s", err.msg);
	return m;
}

/* Of [from, to) seconds as it was sent, at 3292 mV. */
static double true_J(double from_s, double to_s, uint32_t hz, int binary)
{
	double sum = 0;

	for (uint64_t n = (uint64_t)llround(from_s * hz); n < (uint64_t)llround(to_s * hz); n++) {
		double A;
		int d7;

		board(NULL, (double)n / hz, &A, &d7);
		sum += lpm01a_model_quantize(A, binary) * 3.292 / hz;
	}
	return sum;
}

static void energy_before_a_fall(void **state)
{
	struct mn_meter *m = open_box();
	struct meter_seen seen;
	struct mn_window w;
	struct mn_err err = {0};
	double expected;

	(void)state;
	assert_string_equal(m->info.model, "X-NUCLEO-LPM01A");
	assert_string_equal(m->info.serial, LPM01A_SERIAL);
	assert_string_equal(m->info.firmware, "1.0.6");
	assert_int_equal(box->usb.baud, 3686400);
	meter_seen_begin(&seen, m, &supply);
	assert_int_equal(box->box.power, 1);
	assert_int_equal(m->caps.marks_falls, 1);
	assert_int_equal(m->caps.tick_hz, 5000);
	/* Just behind the second fall, so that its history is still there. */
	if (meter_seen_wait(&seen, m, 17500, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	assert_true(seen.n_falls >= 2);
	assert_int_equal(seen.dropped, 0);
	/* The board says that a window took 0.8 s: it is what lies before the fall. */
	expected = true_J(0.5, 1.3, 5000, 0);
	{
		size_t last = seen.n_falls - 1;
		double to = (double)seen.falls[last] - 1, from = to - 0.8 * 5000;

		if (mn_window_cut(seen.cutter, from, to, &w))
			fail_msg("the window is no longer there");
	}
	assert_true(fabs(w.gross.energy_J - expected) < 0.002 * expected);
	mn_window_clear(&w);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
	assert_int_equal(box->box.power, 0);
	assert_int_equal(box->box.control, 0);
	assert_int_equal(box->usb.dtr, 0);
}

static void binary_by_time(void **state)
{
	struct mn_meter_config config = supply;
	struct mn_meter *m = open_box();
	struct meter_seen seen;
	struct mn_window w;
	struct mn_err err = {0};
	double expected = true_J(0.6, 1.2, 100000, 1);

	(void)state;
	config.sample_hz = 100000;
	meter_seen_begin(&seen, m, &config);
	assert_int_equal(m->caps.marks_falls, 0);
	if (meter_seen_wait(&seen, m, 130000, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	assert_int_equal(mn_window_cut(seen.cutter, 60000, 120000, &w), 0);
	assert_int_equal(w.gross.received, 60000);
	assert_true(fabs(w.gross.energy_J - expected) < 1e-6 * expected);
	mn_window_clear(&w);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
}

static void a_bad_start_is_got_over(void **state)
{
	struct mn_meter *m;

	(void)state;
	box->box.faults.stale = 200;
	box->box.faults.first_htc_refused = 1;
	box->box.faults.nuls = box->box.faults.glued_prompt = box->box.faults.service_line = 1;
	m = open_box();
	assert_int_equal(mn_meter_configure(m, &supply, NULL), 0);
	mn_meter_close(m);
}

static void old_firmware_has_no_events(void **state)
{
	struct mn_meter *m = open_box();

	(void)state;
	box->box.faults.old_firmware = 1;
	assert_int_equal(mn_meter_configure(m, &supply, NULL), 0);
	assert_int_equal(m->caps.marks_falls, 0);
	mn_meter_close(m);
}

static void refusals(void **state)
{
	struct mn_meter_config config = supply;
	struct mn_meter *m = open_box();
	struct mn_err err;

	(void)state;
	/* An F767ZI does not go with 50 mA, and nothing is switched on for it. */
	config.board_uA = 131000;
	assert_int_equal(mn_meter_configure(m, &config, &err), MN_E_INVALID);
	assert_non_null(strstr(err.msg, "50 mA"));
	assert_non_null(strstr(err.msg, "131 mA"));
	assert_int_equal(box->box.power, 0);
	config = supply;
	config.mode = MN_METER_AMMETER;
	assert_int_equal(mn_meter_configure(m, &config, &err), MN_E_INVALID);
	config = supply;
	config.volt_mV = 5000;
	assert_int_equal(mn_meter_configure(m, &config, &err), MN_E_INVALID);
	config.volt_mV = 0;
	assert_int_equal(mn_meter_configure(m, &config, &err), MN_E_INVALID);
	assert_non_null(strstr(err.msg, "--volt"));
	config = supply;
	config.sample_hz = 4000;
	assert_int_equal(mn_meter_configure(m, &config, &err), MN_E_INVALID);
	mn_meter_close(m);
}

static void overcurrent_and_unplugged(void **state)
{
	struct mn_meter *m = open_box();
	struct meter_seen seen;
	struct mn_err err = {0};

	(void)state;
	box->box.faults.overcurrent_at = 3000;
	meter_seen_begin(&seen, m, &supply);
	assert_int_equal(meter_seen_wait(&seen, m, 100000, &err), MN_E_IO);
	assert_non_null(strstr(err.msg, "50 mA"));
	meter_seen_end(&seen, m);
	box->box.faults.overcurrent_at = 0;
	box->unplug_at = box->transfers + 20;
	meter_seen_begin(&seen, m, &supply);
	assert_int_equal(meter_seen_wait(&seen, m, 1000000, &err), MN_E_CLOSED);
	assert_non_null(strstr(err.msg, "unplugged"));
	meter_seen_end(&seen, m);
	mn_meter_close(m);
}

static void silent(void **state)
{
	struct mn_meter *m;
	struct mn_err err;

	(void)state;
	box->box.faults.silent = 1;
	assert_int_equal(mn_meter_open("lpm01a", &m, &err), MN_E_TIMEOUT);
	assert_int_equal(box->usb.claimed, 0);
}

static void v3pwr(void **state)
{
	struct mn_meter_config config = supply;
	struct mn_meter *m = open_box();
	struct meter_seen seen;
	struct mn_err err = {0};

	(void)state;
	assert_string_equal(m->info.model, "STLINK-V3PWR");
	config.board_uA = 131000;
	meter_seen_begin(&seen, m, &config);
	assert_int_equal(m->caps.tick_hz, 100000);
	assert_int_equal(m->caps.marks_falls, 0);
	if (meter_seen_wait(&seen, m, 50000, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(seen.dropped, 0);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
}

static void another_serial_port_of_st(void **state)
{
	struct mn_meter_found *found;
	struct mn_meter *m;
	struct mn_err err;
	size_t n;

	(void)state;
	assert_int_equal(mn_meter_open("lpm01a", &m, &err), MN_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "STM32 Virtual ComPort"));
	assert_int_equal(mn_meter_list(&found, &n, NULL), 0);
	assert_int_equal(n, 0);
	free(found);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(energy_before_a_fall),
		T(binary_by_time),
		T(a_bad_start_is_got_over),
		T(old_firmware_has_no_events),
		T(refusals),
		T(overcurrent_and_unplugged),
		T(silent),
		cmocka_unit_test_setup_teardown(v3pwr, setup_v3pwr, teardown),
		cmocka_unit_test_setup_teardown(another_serial_port_of_st, setup_other, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
