/* SPDX-License-Identifier: MIT */
/*
 * What virtual boards draw: the shipping images with energy windows, their samples through the
 * window cutter. Every figure here is the model's, against the published means that it is anchored
 * in.
 */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vboard_client.h"
#include "window.h"

#define CONV  "conv_2d in=1x12x12x16 out_c=16 kernel=3x3 padding=same"
#define POINT "conv_2d in=1x12x12x32 out_c=32 kernel=1x1"
#define DW    "depthwise_conv_2d in=1x12x12x32 kernel=3x3 padding=same"
#define FULL  "fully_connected in=1x1x1x576 out_c=120"
#define ADD   "add in=1x16x16x32 in2=1x16x16x32"
#define POOL  "average_pool_2d in=1x30x30x6 kernel=2x2 stride=2x2"
#define SOFT  "softmax in=1x1x1x10"

/* A board, started with its samples going to a file that nobody else has. */
struct rig {
	struct vb_client c;
	char path[64];
};

static void start(struct rig *r, const char *board)
{
	const char *args[] = {"--board", board, "--power", r->path, NULL};
	char program[4096];
	int fd;

	snprintf(r->path, sizeof(r->path), "power-%s-XXXXXX", board);
	fd = mkstemp(r->path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(program, sizeof(program), "%s/bin/mnchar-vboard", getenv("MNCHAR_BUILD_DIR"));
	memset(&r->c, 0, sizeof(r->c));
	assert_int_equal(vb_start(&r->c, program, args), 0);
	assert_int_equal(vb_hello(&r->c), 0);
	r->c.idle_us = 5000;
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

/* A layer in an energy window; a board that does not answer has said why. */
static void run(struct rig *r, const char *layer, unsigned reps, struct vb_result *ret)
{
	char log[1024];

	if (vb_run(&r->c, layer, 0, 0, reps, ret)) {
		vb_log(&r->c, log, sizeof(log));
		fail_msg("%s: %s", layer, log);
	}
	assert_int_equal(ret->status, 0);
}

/* Stop it and cut the file. Returns how many windows there are. */
static size_t windows(struct rig *r, struct mn_window *w, size_t max)
{
	const struct mn_window_config config = {.tick_hz = 100000,
						.period_ticks = 1,
						.layer_bit = 1,
						.idle_us = 4000,
						.guard_us = 100};
	struct mn_window_cutter *cutter;
	uint8_t record[16];
	uint64_t tick = 0;
	size_t n = 0;
	FILE *f;

	assert_int_equal(vb_stop(&r->c), 0);
	unlink(r->c.log);
	assert_int_equal(mn_window_new(&config, &cutter, NULL), 0);
	f = fopen(r->path, "rb");
	assert_non_null(f);
	assert_int_equal(fread(record, 16, 1, f), 1);
	assert_memory_equal(record, "mnpower1", 8);
	assert_int_equal(get(record + 8, 4), 100000);
	assert_int_equal(get(record + 12, 4), 3300);
	while (fread(record, 16, 1, f) == 1) {
		struct mn_meter_sample s = {.tick = get(record, 8),
					    .current_pA = (int64_t)get(record + 8, 4) * 1000,
					    .voltage_uV = 3300000,
					    .bits = record[12],
					    .edge_q8 = record[13]};

		assert_int_equal(s.tick, ++tick);
		assert_int_equal(mn_window_feed(cutter, &s, 1), 0);
	}
	fclose(f);
	unlink(r->path);
	while (n < max && mn_window_next(cutter, &w[n]))
		n++;
	mn_window_free(cutter);
	return n;
}

static double watts(const struct mn_window *w)
{
	return w->gross.energy_J / w->gross.covered_s;
}

/* One window for each layer that asks for one, as long as the board says, with sleep around it. */
static void windows_as_long_as_asked(void **state)
{
	static const char *const layers[] = {CONV, POINT, DW, FULL, ADD, POOL, SOFT};
	static const struct {
		const char *name;
		double mW;
	} boards[] = {{"virtual-f446re", 161}, {"virtual-f746zg", 444}, {"virtual-f767zi", 431}};

	(void)state;
	for (size_t b = 0; b < 3; b++) {
		struct vb_result result[7];
		struct mn_window w[8];
		double sum = 0;
		struct rig r;

		start(&r, boards[b].name);
		r.c.energy_us = 3000;
		for (size_t i = 0; i < 7; i++) {
			run(&r, layers[i], 3, &result[i]);
			assert_true(result[i].energy_micros >= 3000);
		}
		assert_int_equal(windows(&r, w, 8), 7);
		for (size_t i = 0; i < 7; i++) {
			double s = (double)result[i].energy_cycles / r.c.hello.clock_set_hz;
			double idle = w[i].idle.energy_J / w[i].idle.covered_s;

			print_message("%s %-60s %6.1f mW, asleep %5.1f mW\n", boards[b].name,
				      layers[i], 1e3 * watts(&w[i]), 1e3 * idle);
			/* An edge is known to 1/256 of a sample, 40 ns, each. */
			assert_true(fabs(w[i].gross.duration_s - s) < 1e-6 + 1e-4 * s);
			assert_int_equal(w[i].dropped, 0);
			assert_true(w[i].idle.duration_s > 7.9e-3);
			assert_true(idle > 0.1 * watts(&w[i]) && idle < 0.8 * watts(&w[i]));
			sum += i < 4 ? watts(&w[i]) / 4 : 0;
		}
		/* Convolutions and fully connected draw what is published for whole models. */
		assert_true(fabs(1e3 * sum / boards[b].mW - 1) < 0.03);
	}
}

/* The same window twice, after different histories, draws the same. */
static void windows_repeat(void **state)
{
	struct vb_result result;
	struct mn_window w[3];
	struct rig r;

	(void)state;
	start(&r, "virtual-f446re");
	r.c.energy_us = 2000;
	run(&r, CONV, 3, &result);
	run(&r, ADD, 3, &result);
	run(&r, CONV, 3, &result);
	assert_int_equal(windows(&r, w, 3), 3);
	/* A sample that an edge lies in is a mean of both sides: 10 us of 2 ms at most. */
	assert_true(fabs(w[0].gross.energy_J / w[2].gross.energy_J - 1) < 2e-3);
}

/* Without an energy window the marker shows the two timed ones. */
static void no_energy_no_sleep(void **state)
{
	struct vb_result result;
	struct mn_window w[3];
	struct rig r;

	(void)state;
	start(&r, "virtual-f446re");
	run(&r, CONV, 8, &result);
	assert_int_equal(result.energy_reps, 0);
	assert_true(windows(&r, w, 3) >= 1);
	assert_true(fabs(w[0].gross.duration_s - 8e0 * (double)result.n_cycles / 8 / 180e6) <
		    0.02 * w[0].gross.duration_s + 2e-6);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_as_long_as_asked),
		cmocka_unit_test(windows_repeat),
		cmocka_unit_test(no_energy_no_sleep),
	};

	if (argc > 1 && !strcmp(argv[1], "none")) {
		printf("skipped: no firmware was built\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
