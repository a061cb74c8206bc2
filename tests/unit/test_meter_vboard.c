/* SPDX-License-Identifier: MIT */
/*
 * What a virtual board draws, measured in three ways from one run of the shipping image: by the
 * virtual meter, by a PPK2 and by an LPM01A that "see" the same current, through the real libusb
 * and the real drivers. The energies of its windows agree within 0.5 %.
 */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lpm01a_usb.h"
#include "meter_seen.h"
#include "ppk2_usb.h"
#include "vboard_client.h"

enum { LAYERS = 3, HZ = 100000 };

static const char *const layers[LAYERS] = {
	"conv_2d in=1x12x12x16 out_c=16 kernel=3x3 padding=same",
	"add in=1x16x16x32 in2=1x16x16x32",
	"softmax in=1x1x1x10",
};

/* The run: its samples, and what the board and the virtual meter say of its windows. */
static struct {
	char path[64];
	float *current_A;
	uint8_t *bits;
	size_t n;
	double board_s[LAYERS], virtual_J[LAYERS];
} run;

static UMockdevTestbed *testbed;

static void run_board(void)
{
	const char *args[] = {"--board", "virtual-f446re", "--power", run.path, NULL};
	struct vb_client c;
	char program[4096];
	int fd;

	snprintf(run.path, sizeof(run.path), "meter-vboard-XXXXXX");
	fd = mkstemp(run.path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(program, sizeof(program), "%s/bin/mnchar-vboard", getenv("MNCHAR_BUILD_DIR"));
	memset(&c, 0, sizeof(c));
	assert_int_equal(vb_start(&c, program, args), 0);
	assert_int_equal(vb_hello(&c), 0);
	c.energy_us = 100000;
	c.idle_us = 20000;
	for (int i = 0; i < LAYERS; i++) {
		struct vb_result result;

		assert_int_equal(vb_run(&c, layers[i], 0, 0, 3, &result), 0);
		assert_int_equal(result.status, 0);
		run.board_s[i] = result.energy_micros * 1e-6;
	}
	assert_int_equal(vb_stop(&c), 0);
	unlink(c.log);
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static void load(void)
{
	uint8_t record[16];
	FILE *f = fopen(run.path, "rb");
	size_t room = 0;

	assert_non_null(f);
	assert_int_equal(fread(record, 16, 1, f), 1);
	while (fread(record, 16, 1, f) == 1) {
		if (run.n == room) {
			room = room ? 2 * room : 65536;
			run.current_A = realloc(run.current_A, room * sizeof(*run.current_A));
			run.bits = realloc(run.bits, room);
			assert_true(run.current_A && run.bits);
		}
		run.current_A[run.n] = (float)get(record + 8, 4) * 1e-9f;
		run.bits[run.n++] = record[12];
	}
	fclose(f);
}

static struct mn_meter *open_meter(const char *name)
{
	struct mn_meter *m = NULL;
	struct mn_err err = {0};

	if (mn_meter_open(name, &m, &err))
		fail_msg("%s", err.msg);
	return m;
}

static void measure_virtually(void)
{
	struct mn_meter_config config = {.mode = MN_METER_AMMETER, .range = -1};
	struct mn_meter *m = open_meter("virtual");
	struct meter_seen seen;
	struct mn_window w;
	struct mn_err err = {0};

	config.board_fd = open(run.path, O_RDONLY);
	meter_seen_begin(&seen, m, &config);
	/* It ends with the file. */
	assert_int_equal(meter_seen_wait(&seen, m, UINT64_MAX, &err), MN_E_CLOSED);
	(void)mn_meter_stop(m, NULL);
	(void)mn_window_flush(seen.cutter);
	for (int i = 0; i < LAYERS; i++) {
		/* The timed windows come first, and have no sleep around them: the energy window
		 * is the long one. */
		double duration_s;

		do {
			assert_int_equal(mn_window_next(seen.cutter, &w), 1);
			duration_s = w.gross.duration_s;
			run.virtual_J[i] = w.gross.energy_J;
			mn_window_clear(&w);
		} while (duration_s < 0.09);
	}
	meter_seen_end(&seen, m);
	mn_meter_close(m);
	close(config.board_fd);
}

static int prepare(void **state)
{
	(void)state;
	run_board();
	load();
	measure_virtually();
	unlink(run.path);
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	free(run.current_A);
	free(run.bits);
	return 0;
}

static void see(void *arg, uint64_t n, double *ret_A, uint8_t *ret_bits)
{
	(void)arg;
	*ret_A = (double)run.current_A[n < run.n ? n : run.n - 1];
	*ret_bits = n < run.n ? run.bits[n] : 0;
}

/* The LPM01A's samples are means over their time. */
static void see_slowly(void *arg, double t_s, double *ret_A, int *ret_d7)
{
	uint64_t first = (uint64_t)llround(t_s * HZ);
	double sum = 0, A;
	uint8_t bits = 0;

	for (int i = 0; i < HZ / MN_LPM01A_TEXT_HZ; i++) {
		see(arg, first + (uint64_t)i, &A, &bits);
		if (i == 0)
			*ret_d7 = bits & 1;
		sum += A;
	}
	*ret_A = sum / (HZ / MN_LPM01A_TEXT_HZ);
}

static int setup(void **state)
{
	(void)state;
	testbed = umockdev_testbed_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	g_object_unref(testbed);
	return 0;
}

static const struct mn_meter_config supply = {
	.mode = MN_METER_SOURCE, .volt_mV = 3300, .range = -1, .board_fd = -1};

static void assert_agrees(const char *meter, int layer, double energy_J)
{
	double off = energy_J / run.virtual_J[layer] - 1;

	print_message("%-6s %-56s %.4f mJ, virtual meter %.4f mJ: %+.3f %%\n", meter, layers[layer],
		      1e3 * energy_J, 1e3 * run.virtual_J[layer], 100 * off);
	assert_true(fabs(off) < 0.005);
}

static void ppk2_agrees(void **state)
{
	struct ppk2_usb *kit = calloc(1, sizeof(*kit));
	struct meter_seen seen;
	struct mn_window w;
	struct mn_err err = {0};
	struct mn_meter *m;
	int i = 0;

	(void)state;
	ppk2_usb_plug(kit, testbed, 2, "PPK2", PPK2_SERIAL, see, NULL);
	m = open_meter("ppk2");
	meter_seen_begin(&seen, m, &supply);
	if (meter_seen_wait(&seen, m, run.n + 12000, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	assert_int_equal(seen.dropped, 0);
	while (mn_window_next(seen.cutter, &w)) {
		if (w.gross.duration_s > 0.09) {
			char why[256];

			if (mn_window_bad(&w, why, sizeof(why)))
				fail_msg("%s", why);
			assert_true(i < LAYERS);
			assert_true(fabs(w.gross.duration_s - run.board_s[i]) < 30e-6);
			assert_agrees("PPK2", i++, w.gross.energy_J);
		}
		mn_window_clear(&w);
	}
	assert_int_equal(i, LAYERS);
	meter_seen_end(&seen, m);
	mn_meter_close(m);
	usb_fake_free(&kit->usb);
	free(kit);
}

static void lpm01a_agrees(void **state)
{
	struct lpm01a_usb *box = calloc(1, sizeof(*box));
	double volt = 3.3 / 3.292; /* this box supplies 8 mV less than it was told, and says so */
	struct meter_seen seen;
	struct mn_window w;
	struct mn_err err = {0};
	struct mn_meter *m;
	size_t fall = 0;

	(void)state;
	lpm01a_usb_plug(box, testbed, 2, MN_LPM01A_SHIELD, LPM01A_PRODUCT, see_slowly, NULL);
	/* Not much longer than the run, so that it is still in the cutter's history. */
	box->limit = run.n / (HZ / MN_LPM01A_TEXT_HZ) + 2000;
	m = open_meter("lpm01a");
	meter_seen_begin(&seen, m, &supply);
	if (meter_seen_wait(&seen, m, run.n / (HZ / MN_LPM01A_TEXT_HZ) + 500, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	for (int i = 0; i < LAYERS; i++) {
		double to, found = 0;

		/* Of all falls the one that ends as long a time under load as the board says:
		 * short windows are timed ones. */
		for (; fall < seen.n_falls && !(found > 0); fall++) {
			to = (double)seen.falls[fall] - 1;
			if (mn_window_cut(seen.cutter, to - run.board_s[i] * MN_LPM01A_TEXT_HZ, to,
					  &w))
				continue;
			found = w.gross.energy_J * volt;
			mn_window_clear(&w);
			if (fabs(found / run.virtual_J[i] - 1) > 0.05)
				found = 0;
		}
		assert_agrees("LPM01A", i, found);
	}
	meter_seen_end(&seen, m);
	mn_meter_close(m);
	usb_fake_free(&box->usb);
	free(box);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ppk2_agrees, setup, teardown),
		cmocka_unit_test_setup_teardown(lpm01a_agrees, setup, teardown),
	};

	if (argc > 1 && !strcmp(argv[1], "none")) {
		printf("skipped: no firmware was built\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, prepare, clean_up);
}
