/* SPDX-License-Identifier: MIT */
/* The real libusb and the real driver with an emulated JS220 of umockdev. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "js220_usb.h"
#include "meter_seen.h"

static UMockdevTestbed *testbed;
static struct js220_usb *box;

/* 60 mA, 200 mA with a ripple in a window of 20000.5 us that begins and ends between samples. */
enum { RISE = 60001, FALL = 100002 };

static void board(void *arg, uint64_t tick, float *ret_A, uint8_t *ret_bits)
{
	int high = tick >= RISE && tick < FALL;

	(void)arg;
	*ret_A = high ? 0.2f + 0.001f * (float)(tick / 2 % 50) : 0.06f;
	*ret_bits = (uint8_t)(high | (high && tick / 1000 % 2) << 1);
}

static int setup(void **state)
{
	(void)state;
	testbed = umockdev_testbed_new();
	box = calloc(1, sizeof(*box));
	js220_usb_plug(box, testbed, 2, board, NULL);
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

static const struct mn_meter_config config = {
	.mode = MN_METER_AMMETER, .range = -1, .board_fd = -1};

static struct mn_meter *open_box(void)
{
	struct mn_meter *m = NULL;
	struct mn_err err = {0};

	if (mn_meter_open("js220", &m, &err))
		fail_msg("%s", err.msg);
	return m;
}

static double true_J(void)
{
	double sum = 0;

	for (uint64_t tick = RISE; tick < FALL; tick++) {
		float A;
		uint8_t bits;

		/* A sample holds for both of its ticks. */
		board(NULL, tick & ~UINT64_C(1), &A, &bits);
		sum += (double)A * 3.3 / MN_JS220_TICK_HZ;
	}
	return sum;
}

static void run(struct mn_meter *m, struct meter_seen *seen, uint64_t samples)
{
	struct mn_err err = {0};

	meter_seen_begin(seen, m, &config);
	if (meter_seen_wait(seen, m, samples, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
}

/* Through the wrap of the 32-bit sample number. */
static void a_window(void **state)
{
	struct mn_meter *m = open_box();
	struct meter_seen seen;
	struct mn_window w;

	(void)state;
	assert_string_equal(m->info.serial, JS220_SERIAL);
	assert_string_equal(m->info.firmware, "1.3.0");
	assert_true(box->utc_answered != 0);
	run(m, &seen, 200000);
	assert_int_equal(box->range_mode, 3);
	assert_int_equal(seen.dropped, 0);
	assert_int_equal(seen.bits, 3);
	assert_int_equal(mn_window_next(seen.cutter, &w), 1);
	assert_true(fabs(w.gross.duration_s - (FALL - RISE) / 2e6) < 0.6e-6);
	assert_true(fabs(w.gross.energy_J - true_J()) < 1e-4 * true_J());
	mn_window_clear(&w);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
	assert_int_equal(box->connected, 0);
	assert_int_equal(box->usb.claimed, 0);
}

static void losses(void **state)
{
	struct mn_meter *m = open_box();
	struct meter_seen seen;
	struct mn_window w;
	char why[256];

	(void)state;
	/* A frame of current is 126 samples; one that comes twice changes nothing. */
	box->lose_frame_at = 34 * 18 + 5;
	box->repeat_frame_at = 34 * 4 + 7;
	box->nan_at = 45000;
	run(m, &seen, 200000);
	assert_int_equal(mn_window_next(seen.cutter, &w), 1);
	assert_int_equal(w.dropped, 127);
	assert_int_equal(mn_window_bad(&w, why, sizeof(why)), 1);
	mn_window_clear(&w);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
}

static void refusals(void **state)
{
	struct mn_meter_config other = config;
	struct mn_meter *m;
	struct mn_err err;

	(void)state;
	box->protocol = 0x02000000;
	assert_int_equal(mn_meter_open("js220", &m, &err), MN_E_VERSION);
	box->protocol = 0x01000000;
	box->connect_status = 5;
	assert_int_equal(mn_meter_open("js220", &m, &err), MN_E_IO);
	box->connect_status = 0;
	box->no_metadata = 1;
	m = open_box();
	assert_int_equal(mn_meter_configure(m, &config, &err), 0);
	other.mode = MN_METER_SOURCE;
	other.volt_mV = 3300;
	assert_int_equal(mn_meter_configure(m, &other, &err), MN_E_INVALID);
	mn_meter_close(m);
}

static void unplugged(void **state)
{
	struct mn_meter *m = open_box();
	struct meter_seen seen;
	struct mn_err err = {0};

	(void)state;
	box->unplug_at = 500;
	meter_seen_begin(&seen, m, &config);
	assert_int_equal(meter_seen_wait(&seen, m, 10000000, &err), MN_E_CLOSED);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {T(a_window), T(losses), T(refusals), T(unplugged)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
