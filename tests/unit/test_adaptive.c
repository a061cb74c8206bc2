/* SPDX-License-Identifier: MIT */
/* Which layers a sweep that learns asks for, and when it stops. */
#include "store_util.h"

#include <math.h>

#include "adaptive.h"
#include "models.h"

enum { POOL = 600 };

static const char model_text[] =
	"name: features\nfits:\n"
	"  - ops: [conv_2d]\n    targets: [latency]\n    weighting: relative\n"
	"    origin: no\n    paths:\n"
	"      - path: [1x1]\n        terms: [macs, out_elements]\n"
	"      - terms: [macs, out_elements, im2col_elements]\n";

static struct mn_models models;
static struct mn_adaptive_item pool[POOL];

static int setup(void **state)
{
	struct mn_err err = {0};

	(void)state;
	if (mn_models_text(&models, "m", model_text, strlen(model_text), &err))
		fail_msg("%s", err.msg);
	for (uint32_t i = 0; i < POOL; i++) {
		struct mn_layer *l = &pool[i].layer;

		mn_layer_init(l, MN_OP_CONV_2D);
		l->padding = MN_PADDING_SAME;
		l->in = (struct mn_shape){1, 2 + i % 7, 2 + i / 7 % 9, 1 + i % 31};
		l->out_c = 1 + i % 23;
		l->kernel_h = l->kernel_w = i % 2 ? 1 : 3;
		pool[i].kernels = "k/1";
		pool[i].domain = 0;
		pool[i].weight = 1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mn_models_free(&models);
	return 0;
}

/* ms of a layer: what the model says, or with a term that it lacks. */
static double cost(const struct mn_layer *l, double unmodelled)
{
	struct mn_layer_info info;

	assert_int_equal(mn_layer_check(l, &info, NULL), 0);
	return 1e-4 + 2e-6 * (double)info.macs + 3e-5 * (double)info.out_elements +
	       1e-6 * (double)info.im2col_elements + unmodelled * (l->in.c % 4 ? 1e-2 : 0);
}

static struct mn_adaptive *start(uint64_t seed, double target)
{
	const struct mn_adaptive_options options = {
		.models = &models, .target = "latency", .target_p90_pct = target, .seed = seed};
	struct mn_adaptive *a = NULL;
	struct mn_err err = {0};

	if (mn_adaptive_new(&options, pool, POOL, &a, &err))
		fail_msg("%s", err.msg);
	return a;
}

/* Rounds of at most `round` until it ends; the items in order. */
static size_t run(struct mn_adaptive *a, size_t round, double unmodelled, uint32_t *order)
{
	size_t used = 0;
	int n;

	while ((n = mn_adaptive_next(a, round, order + used, NULL)) > 0) {
		assert_true((size_t)n <= round);
		for (int i = 0; i < n; i++)
			mn_adaptive_set(a, order[used + (size_t)i],
					cost(&pool[order[used + (size_t)i]].layer, unmodelled));
		used += (size_t)n;
		assert_true(used <= POOL);
	}
	assert_int_equal(n, 0);
	return used;
}

static void stops_when_the_model_holds(void **state)
{
	struct mn_adaptive *a = start(1, 2);
	struct mn_adaptive_state s;
	uint32_t order[POOL];
	size_t used = run(a, 50, 0, order);

	(void)state;
	mn_adaptive_state(a, &s);
	assert_true(used < POOL / 8);
	assert_int_equal(s.measured, used);
	assert_int_equal(s.groups, 2);
	assert_int_equal(s.reached, 2);
	assert_true(s.p90_pct < 2);
	for (size_t i = 0; i < POOL; i++) {
		double p = mn_adaptive_predict(a, &pool[i].layer, 0);

		assert_true(fabs(p / cost(&pool[i].layer, 0) - 1) < 0.02);
	}
	assert_true(isnan(mn_adaptive_predict(a, &pool[0].layer, 1)));
	mn_adaptive_free(a);
}

static void asks_once_and_the_same_for_a_seed(void **state)
{
	uint32_t x[POOL], y[POOL], z[POOL];
	struct mn_adaptive *a = start(7, 0.001), *b = start(7, 0.001), *c = start(8, 0.001);
	size_t n = run(a, 40, 1, x), m = run(b, 40, 1, y), k = run(c, 40, 1, z);
	uint8_t seen[POOL] = {0};

	(void)state;
	assert_int_equal(n, m);
	assert_memory_equal(x, y, n * sizeof(*x));
	assert_true(k != n || memcmp(x, z, n * sizeof(*x)) != 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(seen[x[i]], 0);
		seen[x[i]] = 1;
	}
	mn_adaptive_free(a);
	mn_adaptive_free(b);
	mn_adaptive_free(c);
}

/* A model that lacks a cause is not fed for ever, and that is what it says. */
static void says_that_the_model_is_the_limit(void **state)
{
	struct mn_adaptive *a = start(3, 0.5);
	struct mn_adaptive_state s;
	uint32_t order[POOL];
	size_t used = run(a, 25, 1, order);

	(void)state;
	mn_adaptive_state(a, &s);
	assert_true(used < POOL);
	assert_true(s.limited >= 1);
	assert_int_equal(s.limited + s.reached + s.exhausted, s.groups);
	assert_true(s.worst_p90_pct > 0.5);
	assert_int_equal(s.worst_op, MN_OP_CONV_2D);
	mn_adaptive_free(a);
}

/* The first round covers the pool: no layer is far from one that was asked for. */
static void the_first_round_spreads(void **state)
{
	struct mn_adaptive *a = start(5, 1);
	uint32_t pick[60];
	int n = mn_adaptive_next(a, 36, pick, NULL), few = 0, many = 0, small = 0, large = 0;

	(void)state;
	assert_in_range(n, 20, 36);
	for (int i = 0; i < n; i++) {
		const struct mn_layer *l = &pool[pick[i]].layer;

		few += l->in.c <= 8;
		many += l->in.c >= 24;
		small += l->in.h * l->in.w <= 12;
		large += l->in.h * l->in.w >= 48;
	}
	assert_true(few >= 2 && many >= 2 && small >= 2 && large >= 2);
	mn_adaptive_free(a);
}

/* A layer that does not fit the board is not asked for again, one whose figure never came is. */
static void failures_and_losses(void **state)
{
	struct mn_adaptive *a = start(2, 1);
	struct mn_adaptive_state s;
	uint32_t first[40], second[POOL];
	int n = mn_adaptive_next(a, 20, first, NULL), again = 0, m;

	(void)state;
	assert_true(n > 4);
	mn_adaptive_set(a, first[0], NAN);
	mn_adaptive_set(a, first[1], 0);
	for (int i = 3; i < n; i++)
		mn_adaptive_set(a, first[i], cost(&pool[first[i]].layer, 0));
	m = mn_adaptive_next(a, POOL, second, NULL);
	for (int i = 0; i < m; i++) {
		assert_int_not_equal(second[i], first[0]);
		assert_int_not_equal(second[i], first[1]);
		assert_int_not_equal(second[i], first[3]);
		again += second[i] == first[2];
	}
	assert_in_range(again, 0, 1);
	mn_adaptive_state(a, &s);
	assert_int_equal(s.failed, 2);
	assert_int_equal(s.measured, n - 3);
	mn_adaptive_free(a);
}

static void what_is_refused(void **state)
{
	struct mn_adaptive_options o = {
		.models = &models, .target = "latency", .target_p90_pct = 5, .seed = 1};
	struct mn_adaptive_item one = pool[0];
	struct mn_adaptive *a = NULL;
	struct mn_err err = {0};

	(void)state;
	assert_int_equal(mn_adaptive_new(&o, pool, 0, &a, &err), MN_E_INVALID);
	o.model = "nonsense";
	assert_int_equal(mn_adaptive_new(&o, pool, 1, &a, &err), MN_E_INVALID);
	assert_non_null(strstr(err.msg, "nonsense"));
	o.model = NULL;
	o.target = "beauty";
	assert_int_equal(mn_adaptive_new(&o, pool, 1, &a, &err), MN_E_INVALID);
	o.target = "latency";
	o.target_p90_pct = 0;
	assert_int_equal(mn_adaptive_new(&o, pool, 1, &a, &err), MN_E_INVALID);
	o.target_p90_pct = 5;
	one.weight = 0;
	assert_int_equal(mn_adaptive_new(&o, &one, 1, &a, &err), MN_E_INVALID);
	one.weight = 1;
	mn_layer_init(&one.layer, MN_OP_SOFTMAX);
	one.layer.in = (struct mn_shape){1, 1, 1, 4};
	assert_int_equal(mn_adaptive_new(&o, &one, 1, &a, &err), MN_E_INVALID);
	assert_null(a);
	mn_adaptive_free(NULL);
}

/* A model for other kernels says nothing of these. */
static void models_are_chosen_by_kernels(void **state)
{
	static const char text[] =
		"name: features\nfits:\n  - ops: [conv_2d]\n    kernels: mnchar/*/dsp\n"
		"    targets: [latency]\n    weighting: relative\n    origin: no\n"
		"    paths:\n      - terms: [macs]\n";
	struct mn_models theirs = {0};
	struct mn_adaptive_options o = {
		.models = &theirs, .target = "latency", .target_p90_pct = 5, .seed = 1};
	struct mn_adaptive_item one = pool[0];
	struct mn_adaptive *a = NULL;
	struct mn_err err = {0};

	(void)state;
	assert_int_equal(mn_models_text(&theirs, "m", text, strlen(text), &err), 0);
	assert_int_equal(mn_adaptive_new(&o, &one, 1, &a, &err), MN_E_INVALID);
	one.kernels = "mnchar/2/dsp";
	assert_int_equal(mn_adaptive_new(&o, &one, 1, &a, &err), 0);
	mn_adaptive_free(a);
	mn_models_free(&theirs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stops_when_the_model_holds),
		cmocka_unit_test(asks_once_and_the_same_for_a_seed),
		cmocka_unit_test(says_that_the_model_is_the_limit),
		cmocka_unit_test(the_first_round_spreads),
		cmocka_unit_test(failures_and_losses),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(models_are_chosen_by_kernels),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
