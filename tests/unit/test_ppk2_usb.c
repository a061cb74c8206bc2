/* SPDX-License-Identifier: MIT */
/* The real libusb and the real driver with a PPK2 of umockdev: the way of a window, and what goes
 * wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "meter_seen.h"
#include "ppk2_usb.h"

enum { PERIODS = 120000, RISE = 20000, FALL = 80000 };

static UMockdevTestbed *testbed;
static struct ppk2_usb *kit;

/* Idle at 12 mA, a window at about 45 mA that wobbles, idle again; once round in PERIODS. */
static void board(void *arg, uint64_t n, double *ret_A, uint8_t *ret_bits)
{
	uint64_t at = n % PERIODS;
	int high = at >= RISE && at < FALL;

	(void)arg;
	*ret_A = high ? 0.045 + 0.0001 * (double)(at % 41) : 0.012;
	*ret_bits = high ? 1 : 0;
}

static void marker_never(void *arg, uint64_t n, double *ret_A, uint8_t *ret_bits)
{
	board(arg, n, ret_A, ret_bits);
	*ret_bits = 0;
}

static void marker_on_line_3(void *arg, uint64_t n, double *ret_A, uint8_t *ret_bits)
{
	board(arg, n, ret_A, ret_bits);
	*ret_bits = (uint8_t)(*ret_bits << 3);
}

static int setup(void **state)
{
	(void)state;
	testbed = umockdev_testbed_new();
	kit = calloc(1, sizeof(*kit));
	ppk2_usb_plug(kit, testbed, 2, "PPK2", PPK2_SERIAL, board, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	usb_fake_free(&kit->usb);
	free(kit);
	g_object_unref(testbed);
	return 0;
}

static const struct mn_meter_config supply = {
	.mode = MN_METER_SOURCE, .volt_mV = 3300, .range = -1, .board_fd = -1};

static struct mn_meter *open_kit(void)
{
	struct mn_meter *m = NULL;
	struct mn_err err = {0};

	if (mn_meter_open("ppk2", &m, &err))
		fail_msg("%s", err.msg);
	return m;
}

/* Energy of the window as the words that the kit sent say it: exact. */
static double true_J(void)
{
	double sum = 0;

	for (uint64_t n = RISE; n < FALL; n++) {
		double A, exact;
		uint8_t bits;

		board(NULL, n, &A, &bits);
		ppk2_model_word(&kit->kit, A, 0, 0, &exact);
		sum += exact * 3.3 / 100000;
	}
	return sum;
}

static void info_and_list(void **state)
{
	struct mn_meter_found *found;
	struct mn_meter *m;
	size_t n;

	(void)state;
	assert_int_equal(mn_meter_list(&found, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_string_equal(found[0].driver, "ppk2");
	assert_string_equal(found[0].model, "PPK2");
	assert_string_equal(found[0].serial, PPK2_SERIAL);
	assert_int_equal(found[0].status, 0);
	free(found);
	m = open_kit();
	assert_string_equal(m->info.serial, PPK2_SERIAL);
	assert_string_equal(m->info.firmware, "1.2.4-db16a94");
	assert_non_null(strstr(m->info.calibration, "R3=0.9636 "));
	assert_int_equal(m->caps.n_markers, 8);
	assert_int_equal(kit->usb.dtr, 1);
	assert_int_equal(kit->usb.baud, 115200);
	assert_int_equal(kit->usb.claimed, 2);
	mn_meter_close(m);
	assert_int_equal(kit->usb.dtr, 0);
	assert_int_equal(kit->usb.claimed, 0);
}

static void windows_of(struct mn_meter *m, int n)
{
	struct mn_window w;
	struct mn_err err = {0};
	struct meter_seen seen;

	meter_seen_begin(&seen, m, &supply);
	assert_int_equal(kit->kit.volt_mV, 3300);
	assert_int_equal(kit->kit.mode, 2);
	assert_int_equal(kit->kit.power, 1);
	if (meter_seen_wait(&seen, m, (uint64_t)n * PERIODS, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	assert_int_equal(seen.dropped, 0);
	for (int i = 0; i < n; i++) {
		char why[256];

		assert_int_equal(mn_window_next(seen.cutter, &w), 1);
		if (mn_window_bad(&w, why, sizeof(why)))
			fail_msg("%s", why);
		assert_int_equal(w.expected, FALL - RISE);
		if (fabs(w.gross.energy_J - true_J()) > 1e-4 * true_J())
			fail_msg("%.9g J, not %.9g", w.gross.energy_J, true_J());
		assert_true(fabs(w.gross.filtered_J - w.gross.energy_J) < 1e-3 * w.gross.energy_J);
		mn_window_clear(&w);
	}
	meter_seen_end(&seen, m);
}

static void windows_have_the_energy_that_was_sent(void **state)
{
	struct mn_meter *m = open_kit();

	(void)state;
	windows_of(m, 2);
	/* Stopped and started again: the kit counts from 0, and so do the ticks. */
	windows_of(m, 1);
	mn_meter_close(m);
	assert_int_equal(kit->kit.power, 0);
}

static void empty_and_short_transfers_change_nothing(void **state)
{
	struct mn_meter *m = open_kit();

	(void)state;
	kit->empty_every = 5;
	kit->short_every = 3;
	windows_of(m, 1);
	mn_meter_close(m);
}

static void a_stall_is_cleared(void **state)
{
	struct mn_meter *m = open_kit();

	(void)state;
	kit->stall_at = 30;
	windows_of(m, 1);
	assert_int_equal(kit->usb.halts_cleared, 1);
	mn_meter_close(m);
}

static void ampere_mode(void **state)
{
	struct mn_meter_config config = supply;
	struct mn_meter *m = open_kit();
	struct mn_err err;

	(void)state;
	config.mode = MN_METER_AMMETER;
	assert_int_equal(mn_meter_configure(m, &config, &err), 0);
	/* Commands have no answer: closing is the last of them. */
	assert_int_equal(kit->kit.mode, 1);
	assert_int_equal(kit->kit.power, 1);
	config.volt_mV = 0;
	assert_int_equal(mn_meter_configure(m, &config, &err), MN_E_INVALID);
	assert_non_null(strstr(err.msg, "--volt"));
	config.volt_mV = 5100;
	assert_int_equal(mn_meter_configure(m, &config, &err), MN_E_INVALID);
	config.mode = MN_METER_SOURCE;
	config.volt_mV = 700;
	assert_int_equal(mn_meter_configure(m, &config, &err), MN_E_INVALID);
	config.volt_mV = 3300;
	config.sample_hz = 1000;
	assert_int_equal(mn_meter_configure(m, &config, &err), MN_E_INVALID);
	mn_meter_close(m);
}

static void metadata_split_late_broken_and_behind_a_stream(void **state)
{
	static const uint8_t go = MN_PPK2_START;
	struct mn_meter *m;

	(void)state;
	kit->kit.faults.metadata_chunk = 7;
	mn_meter_close(open_kit());
	kit->kit.faults.metadata_chunk = 64;
	kit->kit.faults.metadata_lost = 1;
	mn_meter_close(open_kit());
	kit->kit.faults.metadata_broken = 2;
	mn_meter_close(open_kit());
	/* Left streaming by a program that was killed. */
	ppk2_model_write(&kit->kit, &go, 1);
	ppk2_model_run(&kit->kit, 5000);
	m = open_kit();
	assert_int_equal(kit->kit.streaming, 0);
	windows_of(m, 1);
	mn_meter_close(m);
}

static void a_kit_without_metadata(void **state)
{
	struct mn_meter *m;
	struct mn_err err;

	(void)state;
	kit->kit.faults.metadata_broken = 1000;
	assert_int_equal(mn_meter_open("ppk2", &m, &err), MN_E_PROTOCOL);
	assert_int_equal(kit->usb.claimed, 0);
}

/* A gap, a slipped byte: counted, and the window is refused when it is more than 0.1 %. */
static void losses_are_counted(void **state)
{
	struct meter_seen seen;
	struct mn_window w;
	struct mn_err err = {0};
	struct mn_meter *m = open_kit();
	char why[256];

	(void)state;
	kit->kit.faults.gap_at = 30000;
	kit->kit.faults.gap = 63;
	kit->kit.faults.drop_byte_at = 50000;
	kit->kit.faults.drop_byte = 1;
	meter_seen_begin(&seen, m, &supply);
	assert_int_equal(meter_seen_wait(&seen, m, PERIODS, &err), 0);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	assert_in_range(seen.dropped, 64, 65);
	assert_int_equal(mn_window_next(seen.cutter, &w), 1);
	assert_int_equal(w.dropped, seen.dropped);
	assert_int_equal(mn_window_bad(&w, why, sizeof(why)), 1);
	/* What came is right: the mean is that of the board. */
	assert_true(fabs(w.gross.energy_J / w.gross.covered_s * 0.6 - true_J()) < 1e-4 * true_J());
	mn_window_clear(&w);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
}

/* A block is a multiple of the counter: here the window is short against the board's own clock. */
static void a_lost_block_makes_the_window_short(void **state)
{
	struct meter_seen seen;
	struct mn_window w;
	struct mn_err err = {0};
	struct mn_meter *m = open_kit();

	(void)state;
	kit->lose_block_at = 80;
	meter_seen_begin(&seen, m, &supply);
	assert_int_equal(meter_seen_wait(&seen, m, PERIODS, &err), 0);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	assert_int_equal(mn_window_next(seen.cutter, &w), 1);
	assert_int_equal(w.expected, FALL - RISE - MN_PPK2_BLOCK);
	mn_window_clear(&w);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
}

static void saturation_and_no_range(void **state)
{
	struct meter_seen seen;
	struct mn_window w;
	struct mn_err err = {0};
	struct mn_meter *m = open_kit();
	char why[256];

	(void)state;
	kit->kit.faults.saturate_at = 40000;
	kit->kit.faults.no_value_at = 45000;
	kit->kit.faults.no_value = 4;
	meter_seen_begin(&seen, m, &supply);
	assert_int_equal(meter_seen_wait(&seen, m, PERIODS, &err), 0);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	assert_int_equal(mn_window_next(seen.cutter, &w), 1);
	assert_int_equal(w.saturated, 1);
	assert_int_equal(w.held, 4);
	assert_int_equal(mn_window_bad(&w, why, sizeof(why)), 1);
	mn_window_clear(&w);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
}

static void unplugged_in_a_window(void **state)
{
	struct meter_seen seen;
	struct mn_window w;
	struct mn_err err = {0};
	struct mn_meter *m = open_kit();

	(void)state;
	kit->unplug_at = 70;
	meter_seen_begin(&seen, m, &supply);
	assert_int_equal(meter_seen_wait(&seen, m, PERIODS, &err), MN_E_CLOSED);
	assert_non_null(strstr(err.msg, "unplugged"));
	assert_non_null(strstr(err.msg, PPK2_SERIAL));
	assert_int_equal(mn_meter_stop(m, NULL), MN_E_CLOSED);
	assert_int_equal(mn_window_next(seen.cutter, &w), 0);
	assert_int_equal(mn_window_flush(seen.cutter), MN_E_AGAIN);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
}

static void two_markers_and_none(void **state)
{
	struct meter_seen seen;
	struct mn_window w;
	struct mn_err err = {0};
	struct mn_meter *m = open_kit();

	(void)state;
	/* Two windows in one recording are two windows. */
	meter_seen_begin(&seen, m, &supply);
	assert_int_equal(meter_seen_wait(&seen, m, 2 * PERIODS, &err), 0);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	assert_int_equal(mn_window_next(seen.cutter, &w), 1);
	mn_window_clear(&w);
	assert_int_equal(mn_window_next(seen.cutter, &w), 1);
	mn_window_clear(&w);
	meter_seen_end(&seen, m);
	/* No marker: no window, and nothing is made up. */
	kit->kit.source = marker_never;
	meter_seen_begin(&seen, m, &supply);
	assert_int_equal(meter_seen_wait(&seen, m, PERIODS, &err), 0);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	assert_int_equal(mn_window_next(seen.cutter, &w), 0);
	assert_int_equal(seen.bits, 0);
	meter_seen_end(&seen, m);
	/* On another line it is seen there. */
	kit->kit.source = marker_on_line_3;
	meter_seen_begin(&seen, m, &supply);
	assert_int_equal(meter_seen_wait(&seen, m, PERIODS, &err), 0);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	assert_int_equal(mn_window_next(seen.cutter, &w), 0);
	assert_int_equal(seen.bits, 1 << 3);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
}

static void which_of_two(void **state)
{
	struct ppk2_usb *second = calloc(1, sizeof(*second));
	struct mn_meter_found *found;
	struct mn_meter *m;
	struct mn_err err;
	size_t n;

	(void)state;
	ppk2_usb_plug(second, testbed, 3, "PPK2", "0123456789AB", board, NULL);
	assert_int_equal(mn_meter_open("ppk2", &m, &err), MN_E_INVALID);
	assert_non_null(strstr(err.msg, PPK2_SERIAL));
	assert_non_null(strstr(err.msg, "0123456789AB"));
	assert_int_equal(mn_meter_open("ppk2:0123456789AB", &m, &err), 0);
	assert_int_equal(second->usb.dtr, 1);
	assert_int_equal(kit->usb.dtr, 0);
	mn_meter_close(m);
	assert_int_equal(mn_meter_open("ppk2:77", &m, &err), MN_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "0123456789AB"));
	assert_int_equal(mn_meter_list(&found, &n, NULL), 0);
	assert_int_equal(n, 2);
	free(found);
	usb_fake_free(&second->usb);
	free(second);
}

static void busy(void **state)
{
	struct mn_meter *m;
	struct mn_err err;

	(void)state;
	kit->usb.busy = 1;
	assert_int_equal(mn_meter_open("ppk2", &m, &err), MN_E_BUSY);
	assert_non_null(strstr(err.msg, "in use"));
}

static int setup_other(void **state)
{
	(void)state;
	testbed = umockdev_testbed_new();
	kit = calloc(1, sizeof(*kit));
	ppk2_usb_plug(kit, testbed, 2, "nRF Connectivity", "1", board, NULL);
	return 0;
}

/* The ids are shared with other devices: one of those is neither listed nor spoken to. */
static void another_product_with_the_same_id(void **state)
{
	struct mn_meter_found *found;
	struct mn_meter *m;
	struct mn_err err;
	size_t n;

	(void)state;
	assert_int_equal(mn_meter_open("ppk2", &m, &err), MN_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "nRF Connectivity"));
	assert_int_equal(kit->usb.claimed, 0);
	assert_int_equal(mn_meter_list(&found, &n, NULL), 0);
	assert_int_equal(n, 0);
	free(found);
}

static int setup_bootloader(void **state)
{
	(void)state;
	testbed = umockdev_testbed_new();
	kit = calloc(1, sizeof(*kit));
	ppk2_usb_plug_bootloader(kit, testbed, 2);
	return 0;
}

static void bootloader(void **state)
{
	struct mn_meter_found *found;
	struct mn_meter *m;
	struct mn_err err;
	size_t n;

	(void)state;
	assert_int_equal(mn_meter_open("ppk2", &m, &err), MN_E_VERSION);
	assert_non_null(strstr(err.msg, "bootloader"));
	assert_int_equal(mn_meter_list(&found, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(found[0].status, MN_E_UNSUPPORTED);
	assert_non_null(strstr(found[0].remedy, "unplug"));
	free(found);
}

/* Not readable for us: the rule file is named. As root, by giving that up for the call. */
static void no_permission(void **state)
{
	gchar *root = umockdev_testbed_get_root_dir(testbed);
	struct mn_meter_found *found;
	struct mn_meter *m;
	struct mn_err err;
	char path[256];
	int was_root = !geteuid(), rc, listed;
	size_t n;

	(void)state;
	assert_int_equal(chmod(root, 0777), 0);
	snprintf(path, sizeof(path), "%s%s", root, kit->usb.node);
	assert_int_equal(chmod(path, 0), 0);
	/* umockdev's own socket for it is not what is closed. */
	snprintf(path, sizeof(path), "%s/ioctl%s", root, kit->usb.node);
	assert_int_equal(chmod(path, 0777), 0);
	g_free(root);
	if (was_root)
		assert_int_equal(seteuid(65534), 0);
	rc = mn_meter_open("ppk2", &m, &err);
	listed = mn_meter_list(&found, &n, NULL);
	if (was_root)
		assert_int_equal(seteuid(0), 0);
	if (rc != MN_E_PERM)
		fail_msg("%s", err.msg);
	assert_non_null(strstr(err.msg, "60-mnchar.rules"));
	assert_int_equal(listed, 0);
	assert_int_equal(n, 1);
	assert_int_equal(found[0].status, MN_E_PERM);
	assert_non_null(strstr(found[0].remedy, "60-mnchar.rules"));
	free(found);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(info_and_list),
		T(windows_have_the_energy_that_was_sent),
		T(empty_and_short_transfers_change_nothing),
		T(a_stall_is_cleared),
		T(ampere_mode),
		T(metadata_split_late_broken_and_behind_a_stream),
		T(a_kit_without_metadata),
		T(losses_are_counted),
		T(a_lost_block_makes_the_window_short),
		T(saturation_and_no_range),
		T(unplugged_in_a_window),
		T(two_markers_and_none),
		T(which_of_two),
		T(busy),
		T(no_permission),
		cmocka_unit_test_setup_teardown(another_product_with_the_same_id, setup_other,
						teardown),
		cmocka_unit_test_setup_teardown(bootloader, setup_bootloader, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
