/* SPDX-License-Identifier: MIT */
/* The greedy planner: its ties, its gaps and its offline plans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "planner.h"

#define ONLINE MN_PLANNER_ONLINE

static uint64_t plan(const struct mn_plan_buffer *buffers, size_t n, uint64_t *offsets)
{
	struct mn_err err;
	uint64_t bytes;

	if (mn_planner_greedy(buffers, n, offsets, &bytes, &err) < 0)
		fail_msg("%s", err.msg);
	return bytes;
}

static void test_none(void **state)
{
	(void)state;
	assert_int_equal(plan(NULL, 0, NULL), 0);
}

static void test_chain_shares(void **state)
{
	/* A chain of three: first and last never live at once. */
	const struct mn_plan_buffer b[] = {
		{64, 0, 1, ONLINE}, {128, 1, 2, ONLINE}, {64, 2, 3, ONLINE}};
	uint64_t at[3];

	(void)state;
	assert_int_equal(plan(b, 3, at), 192);
	assert_int_equal(at[1], 0);
	assert_int_equal(at[0], 128);
	assert_int_equal(at[2], 128);
}

static void test_tie_goes_to_the_later(void **state)
{
	const struct mn_plan_buffer b[] = {
		{32, 0, 5, ONLINE}, {32, 0, 5, ONLINE}, {32, 0, 5, ONLINE}};
	uint64_t at[3];

	(void)state;
	assert_int_equal(plan(b, 3, at), 96);
	assert_int_equal(at[2], 0);
	assert_int_equal(at[1], 32);
	assert_int_equal(at[0], 64);
}

static void test_first_fit_not_best_fit(void **state)
{
	/* Gaps of 64 at 16 and of 16 at 96 for a buffer of 16: the lower one, not the tighter. */
	const struct mn_plan_buffer b[] = {{16, 0, 9, 0},
					   {16, 0, 9, 80},
					   {16, 0, 9, 112},
					   {16, 3, 4, ONLINE},
					   {16, 5, 6, ONLINE}};
	uint64_t at[5];

	(void)state;
	assert_int_equal(plan(b, 5, at), 128);
	assert_int_equal(at[3], 16);
	assert_int_equal(at[4], 16);
}

static void test_ends_are_included(void **state)
{
	const struct mn_plan_buffer touch[] = {{16, 0, 1, ONLINE}, {16, 1, 2, ONLINE}};
	const struct mn_plan_buffer apart[] = {{16, 0, 1, ONLINE}, {16, 2, 2, ONLINE}};
	uint64_t at[2];

	(void)state;
	assert_int_equal(plan(touch, 2, at), 32);
	assert_int_equal(plan(apart, 2, at), 16);
}

static void test_offline(void **state)
{
	/* Given offsets stay although they overlap; the free buffer goes around both. */
	const struct mn_plan_buffer b[] = {
		{256, 0, 3, ONLINE}, {64, 0, 3, 32}, {64, 0, 3, 48}, {32, 0, 3, ONLINE}};
	uint64_t at[4];

	(void)state;
	assert_int_equal(plan(b, 4, at), 368);
	assert_int_equal(at[1], 32);
	assert_int_equal(at[2], 48);
	assert_int_equal(at[0], 112);
	assert_int_equal(at[3], 0);
}

static void test_refused(void **state)
{
	const struct mn_plan_buffer negative[] = {{16, 0, 1, -2}};
	const struct mn_plan_buffer huge[] = {{UINT64_MAX, 0, 1, ONLINE}};
	const struct mn_plan_buffer sum[] = {{(uint64_t)1 << 62, 0, 1, ONLINE}, {16, 0, 1, ONLINE}};
	uint64_t at[2] = {7, 7}, bytes = 7;
	struct mn_err err;

	(void)state;
	assert_int_equal(mn_planner_greedy(negative, 1, at, &bytes, &err), MN_E_INVALID);
	assert_int_equal(mn_planner_greedy(huge, 1, at, &bytes, &err), MN_E_OVERFLOW);
	assert_int_equal(mn_planner_greedy(sum, 2, at, &bytes, &err), MN_E_OVERFLOW);
	assert_int_equal(mn_planner_greedy(huge, MN_PLANNER_BUFFERS_MAX + 1, at, &bytes, &err),
			 MN_E_TOO_BIG);
	assert_int_equal(at[0], 7);
	assert_int_equal(bytes, 7);
}

/* What any plan must hold, whatever the rule: no two buffers that live at once share a byte. */
static void test_random_plans_never_overlap(void **state)
{
	struct mn_plan_buffer b[60];
	uint64_t at[60];
	unsigned seed = 20260820;

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 200; round++) {
		uint64_t end = 0, bytes;

		for (int i = 0; i < 60; i++) {
			b[i].bytes = 16 * (uint64_t)(rand() % 20);
			b[i].first = rand() % 30;
			b[i].last = b[i].first + rand() % 6;
			b[i].offline_offset = ONLINE;
		}
		bytes = plan(b, 60, at);
		for (int i = 0; i < 60; i++) {
			if (at[i] + b[i].bytes > end)
				end = at[i] + b[i].bytes;
			for (int k = 0; k < i; k++)
				if (b[i].first <= b[k].last && b[k].first <= b[i].last &&
				    b[i].bytes && b[k].bytes)
					assert_true(at[i] + b[i].bytes <= at[k] ||
						    at[k] + b[k].bytes <= at[i]);
		}
		assert_int_equal(end, bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_chain_shares),
		cmocka_unit_test(test_tie_goes_to_the_later),
		cmocka_unit_test(test_first_fit_not_best_fit),
		cmocka_unit_test(test_ends_are_included),
		cmocka_unit_test(test_offline),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_random_plans_never_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
