/* SPDX-License-Identifier: MIT */
/* The window cutter on synthetic streams whose energy is known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "window.h"

#define HZ      100000u
#define RUN_PA  100000000000 /* 100 mA */
#define IDLE_PA 20000000000  /* 20 mA */
#define VOLT_UV 3300000

#define WINDOW 1u
#define LAYER  2u

struct stream {
	struct mn_meter_sample s[4096];
	size_t n;
};

static void put(struct stream *t, size_t n, int64_t pA, uint8_t bits, uint8_t edge)
{
	for (size_t i = 0; i < n; i++) {
		t->s[t->n] = (struct mn_meter_sample){
			.tick = t->n ? t->s[t->n - 1].tick + 1 : 1,
			.current_pA = pA,
			.voltage_uV = VOLT_UV,
			.bits = bits,
			.edge_q8 = edge,
		};
		t->n++;
	}
}

static struct mn_window_config config(void)
{
	return (struct mn_window_config){.tick_hz = HZ,
					 .period_ticks = 1,
					 .window_bit = 0,
					 .layer_bit = 1,
					 .idle_us = 1000,
					 .guard_us = 100};
}

static struct mn_window_cutter *cutter(const struct mn_window_config *c)
{
	struct mn_window_cutter *ret = NULL;

	assert_int_equal(mn_window_new(c, &ret, NULL), 0);
	return ret;
}

#define assert_near(a, b, rel) assert_true(fabs((a) - (b)) <= (rel)*fabs(b))

static struct mn_window one(const struct stream *t)
{
	struct mn_window_config c = config();
	struct mn_window_cutter *cut = cutter(&c);
	struct mn_window w, other;

	assert_int_equal(mn_window_feed(cut, t->s, t->n), 0);
	assert_int_equal(mn_window_next(cut, &w), 1);
	assert_int_equal(mn_window_next(cut, &other), 0);
	mn_window_free(cut);
	return w;
}

/* The first sample began 1/4 after its start, the last ended at 1/2: 100.25 samples of 100 mA. */
static void edges_are_weighted(void **state)
{
	static struct stream t;
	struct mn_window w;

	(void)state;
	t.n = 0;
	put(&t, 300, IDLE_PA, 0, 0);
	put(&t, 1, RUN_PA, WINDOW, 64);
	put(&t, 99, RUN_PA, WINDOW, 0);
	put(&t, 1, RUN_PA, 0, 128);
	put(&t, 300, IDLE_PA, 0, 0);
	w = one(&t);
	assert_near(w.gross.duration_s, 100.25e-5, 1e-9);
	assert_near(w.gross.covered_s, 100.25e-5, 1e-9);
	assert_near(w.gross.charge_C, 0.1 * 100.25e-5, 1e-9);
	assert_near(w.gross.energy_J, 0.33 * 100.25e-5, 1e-9);
	assert_near(mn_window_net_J(&w), (0.33 - 0.066) * 100.25e-5, 1e-9);
	assert_near(w.idle.duration_s, 2e-3, 1e-6);
	assert_int_equal(w.expected, 100);
	assert_int_equal(w.gross.received, 101);
	assert_int_equal(w.dropped, 0);
	mn_window_clear(&w);
}

/* A gap has no energy: nothing is put in the place of what was lost, and it is counted. */
static void lost_samples_are_counted(void **state)
{
	static struct stream t;
	struct mn_window w;
	char reason[200];

	(void)state;
	t.n = 0;
	put(&t, 300, IDLE_PA, 0, 0);
	put(&t, 1, RUN_PA, WINDOW, 0);
	put(&t, 500, RUN_PA, WINDOW, 0);
	put(&t, 1, RUN_PA, WINDOW, 0);
	t.s[t.n - 1].tick += 10;
	put(&t, 498, RUN_PA, WINDOW, 0);
	put(&t, 300, IDLE_PA, 0, 0);
	w = one(&t);
	assert_int_equal(w.dropped, 10);
	assert_int_equal(w.expected, 1010);
	assert_int_equal(w.gross.received, 1000);
	assert_near(w.gross.duration_s, 1010e-5, 1e-9);
	assert_near(w.gross.covered_s, 1000e-5, 1e-9);
	assert_near(w.gross.energy_J, 0.33 * 1000e-5, 1e-9);
	assert_int_equal(mn_window_bad(&w, reason, sizeof(reason)), 1);
	assert_non_null(strstr(reason, "10 of 1010"));
	mn_window_clear(&w);
}

static void one_in_a_thousand_may_be_lost(void **state)
{
	static struct stream t;
	struct mn_window w;
	char reason[200];

	(void)state;
	t.n = 0;
	put(&t, 300, IDLE_PA, 0, 0);
	put(&t, 1000, RUN_PA, WINDOW, 0);
	t.s[t.n - 1].tick += 1;
	put(&t, 300, IDLE_PA, 0, 0);
	w = one(&t);
	assert_int_equal(w.dropped, 1);
	assert_int_equal(mn_window_bad(&w, reason, sizeof(reason)), 0);
	mn_window_clear(&w);
}

static void an_edge_in_a_gap_is_not_known(void **state)
{
	static struct stream t;
	struct mn_window w;
	char reason[200];

	(void)state;
	t.n = 0;
	put(&t, 300, IDLE_PA, 0, 0);
	put(&t, 1, RUN_PA, WINDOW, 128);
	t.s[t.n - 1].tick += 5;
	put(&t, 3000, RUN_PA, WINDOW, 0);
	put(&t, 300, IDLE_PA, 0, 0);
	w = one(&t);
	assert_int_equal(mn_window_bad(&w, reason, sizeof(reason)), 1);
	assert_non_null(strstr(reason, "edge"));
	mn_window_clear(&w);
}

static void flags_are_counted_inside_only(void **state)
{
	static struct stream t;
	struct mn_window w;
	char reason[200];

	(void)state;
	t.n = 0;
	put(&t, 300, IDLE_PA, 0, 0);
	t.s[200].flags = MN_SAMPLE_SATURATED | MN_SAMPLE_RANGE;
	put(&t, 100, RUN_PA, WINDOW, 0);
	t.s[310].flags = MN_SAMPLE_RANGE;
	t.s[311].flags = MN_SAMPLE_HELD;
	put(&t, 300, IDLE_PA, 0, 0);
	w = one(&t);
	assert_int_equal(w.saturated, 0);
	assert_int_equal(w.range_changes, 1);
	assert_int_equal(w.held, 1);
	assert_int_equal(mn_window_bad(&w, reason, sizeof(reason)), 0);
	mn_window_clear(&w);
	t.s[320].flags = MN_SAMPLE_SATURATED;
	w = one(&t);
	assert_int_equal(mn_window_bad(&w, reason, sizeof(reason)), 1);
	mn_window_clear(&w);
}

/* Two layers, 40 and 60 samples, 5 times: toggles in the middle of a sample. */
static void layers_are_segments(void **state)
{
	static struct stream t;
	struct mn_window_config c = config();
	struct mn_window_cutter *cut;
	struct mn_window w;
	uint8_t bits = WINDOW;

	(void)state;
	t.n = 0;
	c.n_segments = 2;
	put(&t, 300, IDLE_PA, 0, 0);
	for (int rep = 0; rep < 5; rep++) {
		put(&t, rep ? 39 : 40, RUN_PA, bits, 0);
		bits ^= LAYER;
		put(&t, 1, RUN_PA, bits, 128);
		put(&t, 59, 2 * RUN_PA, bits, 0);
		bits ^= LAYER;
		if (rep < 4)
			put(&t, 1, 2 * RUN_PA, bits, 128);
	}
	put(&t, 300, IDLE_PA, 0, 0);
	cut = cutter(&c);
	assert_int_equal(mn_window_feed(cut, t.s, t.n), 0);
	assert_int_equal(mn_window_next(cut, &w), 1);
	assert_int_equal(w.n_segments, 2);
	assert_int_equal(w.n_toggles, 9);
	assert_int_equal(w.segments[0].n, 5);
	assert_int_equal(w.segments[1].n, 5);
	assert_near(w.segments[0].sum.duration_s, (40.5 + 4 * 40) * 1e-5, 1e-9);
	assert_near(w.segments[1].sum.duration_s, (4 * 60 + 59.5) * 1e-5, 1e-9);
	assert_near(w.segments[0].sum.energy_J + w.segments[1].sum.energy_J, w.gross.energy_J,
		    1e-9);
	assert_true(w.segments[1].sum.energy_J > 2.9 * w.segments[0].sum.energy_J);
	mn_window_clear(&w);
	mn_window_free(cut);
}

/* However the stream is cut into pieces the windows are the same; a stream may begin in a window.
 */
static void pieces_do_not_matter(void **state)
{
	static struct stream t;
	struct mn_window_config c = config();
	struct mn_window_cutter *cut = cutter(&c);
	struct mn_window w[2];
	size_t n = 0;

	(void)state;
	t.n = 0;
	put(&t, 50, RUN_PA, WINDOW, 0); /* began before we looked */
	for (int i = 0; i < 2; i++) {
		put(&t, 150, IDLE_PA, 0, 0);
		put(&t, 100, RUN_PA, WINDOW, 0);
	}
	put(&t, 50, IDLE_PA, 0, 0);
	for (size_t i = 0; i < t.n; i += 7)
		assert_int_equal(mn_window_feed(cut, t.s + i, t.n - i < 7 ? t.n - i : 7), 0);
	n = (size_t)mn_window_next(cut, &w[0]);
	assert_int_equal(n, 1);
	assert_int_equal(mn_window_next(cut, &w[1]), 0);
	assert_int_equal(mn_window_flush(cut), 0);
	assert_int_equal(mn_window_next(cut, &w[1]), 1);
	assert_near(w[0].gross.energy_J, w[1].gross.energy_J, 1e-12);
	assert_near(w[0].idle.duration_s, 2e-3, 1e-6);
	assert_near(w[1].idle.duration_s, 1.4e-3,
		    1e-6); /* the stream ended 500 us after the fall */
	mn_window_clear(&w[0]);
	mn_window_clear(&w[1]);
	mn_window_free(cut);
}

static void cut_by_time(void **state)
{
	static struct stream t;
	struct mn_window_config c = config();
	struct mn_window_cutter *cut;
	struct mn_window w;

	(void)state;
	t.n = 0;
	c.history_us = 20000;
	cut = cutter(&c);
	put(&t, 300, IDLE_PA, 0, 0);
	put(&t, 100, RUN_PA, 0, 0);
	assert_int_equal(mn_window_feed(cut, t.s, t.n), 0);
	assert_int_equal(mn_window_cut(cut, 300.5, 400.5, &w), MN_E_AGAIN);
	put(&t, 300, IDLE_PA, 0, 0);
	assert_int_equal(mn_window_feed(cut, t.s + 400, 300), 0);
	assert_int_equal(mn_window_cut(cut, 300.5, 400.5, &w), 0);
	assert_near(w.gross.energy_J, (0.33 * 99.5 + 0.066 * 0.5) * 1e-5, 1e-9);
	assert_near(w.gross.duration_s, 100e-5, 1e-9);
	assert_int_equal(w.expected, 100);
	assert_int_equal(w.gross.received, 101);
	assert_int_equal(w.dropped, 0);
	assert_near(w.idle.energy_J, 0.066 * 2e-3, 1e-9);
	mn_window_free(cut);
}

static void trace_is_kept_on_request(void **state)
{
	static struct stream t;
	struct mn_window_config c = config();
	struct mn_window_cutter *cut;
	struct mn_window w;

	(void)state;
	t.n = 0;
	c.keep_trace = 1;
	put(&t, 300, IDLE_PA, 0, 0);
	put(&t, 100, RUN_PA, WINDOW, 0);
	put(&t, 300, IDLE_PA, 0, 0);
	cut = cutter(&c);
	assert_int_equal(mn_window_feed(cut, t.s, t.n), 0);
	assert_int_equal(mn_window_next(cut, &w), 1);
	assert_true(w.trace_n >= 100 + 110 + 110);
	for (size_t i = 1; i < w.trace_n; i++)
		assert_int_equal(w.trace[i].tick, w.trace[i - 1].tick + 1);
	mn_window_clear(&w);
	mn_window_free(cut);
}

static void bad_configurations(void **state)
{
	struct mn_window_config c = config();
	struct mn_window_cutter *cut;
	struct mn_err err;
	struct mn_meter_sample back[2] = {{.tick = 5}, {.tick = 5}};

	(void)state;
	c.tick_hz = 0;
	assert_int_equal(mn_window_new(&c, &cut, &err), MN_E_INVALID);
	c = config();
	c.window_bit = 8;
	assert_int_equal(mn_window_new(&c, &cut, &err), MN_E_INVALID);
	c = config();
	cut = cutter(&c);
	assert_int_equal(mn_window_feed(cut, back, 2), MN_E_INVALID);
	mn_window_free(cut);
	mn_window_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges_are_weighted),
		cmocka_unit_test(lost_samples_are_counted),
		cmocka_unit_test(one_in_a_thousand_may_be_lost),
		cmocka_unit_test(an_edge_in_a_gap_is_not_known),
		cmocka_unit_test(flags_are_counted_inside_only),
		cmocka_unit_test(layers_are_segments),
		cmocka_unit_test(pieces_do_not_matter),
		cmocka_unit_test(cut_by_time),
		cmocka_unit_test(trace_is_kept_on_request),
		cmocka_unit_test(bad_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
