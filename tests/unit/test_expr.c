/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "expr.h"

/* b fails when it is asked for. */
enum { ID_A, ID_B, ID_BIG, ID_LEAST };

static const struct mn_expr_name names[] = {
	{"a", 0, ID_A}, {"b", 0, ID_B},    {"big", 0, ID_BIG}, {"least", 0, ID_LEAST},
	{"ten", 1, 10}, {"android", 1, 7}, {NULL, 0, 0}};

static int value(void *ctx, int64_t id, int64_t *ret)
{
	(void)ctx;
	if (id == ID_B)
		return MN_E_NOTFOUND;
	*ret = id == ID_A ? 3 : id == ID_BIG ? INT64_MAX : INT64_MIN;
	return 0;
}

static void test_values(void **state)
{
	static const struct {
		const char *text;
		int64_t want;
	} cases[] = {
		{"1 + 2 * 3", 7},
		{"(1 + 2) * 3", 9},
		{"10 - 3 - 2", 5},
		{"100 / 10 / 5", 2},
		{"-7 / 2", -3},
		{"-7 % 3", -1},
		{"7 % 3 * 2", 2},
		{"--a", 3},
		{"- - a", 3},
		{"ten * a", 30},
		{"a<=3", 1},
		{"a < 3", 0},
		{"a >= 3 and a <= 3", 1},
		{"a > 3 or a != 4", 1},
		{"a == 3", 1},
		{"not a", 0},
		{"not not a", 1},
		{"not a == 4", 1},
		{"1 or 0 and 0", 1},
		{"(1 or 0) and 0", 0},
		{"5 and 7", 1},
		{"0 or 0", 0},
		{"(a < 4) + (a > 4)", 1},
		{"\ta\n+\r1 ", 4},
		{"android", 7}, /* not "and" and a name */
		/* The right side is not asked for. */
		{"0 and b", 0},
		{"1 or b", 1},
		{"9223372036854775807", INT64_MAX},
		{"least", INT64_MIN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mn_expr expr;
		struct mn_expr_error error;
		int64_t got;

		if (mn_expr_compile(cases[i].text, names, &expr, &error) < 0)
			fail_msg("%s: %zu: %s", cases[i].text, error.offset, error.why);
		assert_int_equal(mn_expr_eval(&expr, value, NULL, &got, &error), 0);
		if (got != cases[i].want)
			fail_msg("%s is %lld, not %lld", cases[i].text, (long long)got,
				 (long long)cases[i].want);
	}
}

static void test_syntax(void **state)
{
	static const struct {
		const char *text;
		int code;
		size_t offset;
	} cases[] = {
		{"", MN_E_SYNTAX, 0},      {"  ", MN_E_SYNTAX, 2},
		{"a +", MN_E_SYNTAX, 3},   {"a + c", MN_E_SYNTAX, 4},
		{"(a", MN_E_SYNTAX, 2},    {"a)", MN_E_SYNTAX, 1},
		{"a a", MN_E_SYNTAX, 2},   {"1 < a < 5", MN_E_SYNTAX, 6},
		{"a = 5", MN_E_SYNTAX, 2}, {"12x", MN_E_SYNTAX, 2},
		{"a & 1", MN_E_SYNTAX, 2}, {"and", MN_E_SYNTAX, 0},
		{"a and", MN_E_SYNTAX, 5}, {"9223372036854775808", MN_E_OVERFLOW, 0},
	};
	struct mn_expr_error error;
	struct mn_expr expr;
	char deep[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = mn_expr_compile(cases[i].text, names, &expr, &error);

		if (rc != cases[i].code || error.offset != cases[i].offset || !error.why[0])
			fail_msg("'%s': %s at %zu: %s", cases[i].text, mn_err_name(rc),
				 error.offset, error.why);
	}
	/* Nesting and length are bounded. */
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(mn_expr_compile(deep, names, &expr, &error), MN_E_OVERFLOW);
	assert_int_equal(error.offset, MN_EXPR_DEPTH_MAX);
	memset(deep, '-', sizeof(deep) - 1);
	assert_int_equal(mn_expr_compile(deep, names, &expr, &error), MN_E_OVERFLOW);
	for (size_t i = 0; i + 4 < sizeof(deep); i += 4)
		memcpy(deep + i, "not ", 5);
	assert_int_equal(mn_expr_compile(deep, names, &expr, &error), MN_E_OVERFLOW);
	for (size_t i = 0; i + 2 < sizeof(deep); i += 2)
		memcpy(deep + i, "1+", 3);
	assert_int_equal(mn_expr_compile(deep, names, &expr, &error), MN_E_OVERFLOW);
}

static void test_evaluation_fails(void **state)
{
	static const struct {
		const char *text;
		int code;
		size_t offset;
	} cases[] = {
		{"1 + a / 0", MN_E_INVALID, 6},   {"a % (3 - a)", MN_E_INVALID, 2},
		{"big + 1", MN_E_OVERFLOW, 4},    {"big * 2", MN_E_OVERFLOW, 4},
		{"-big - 2", MN_E_OVERFLOW, 5},   {"-least", MN_E_OVERFLOW, 0},
		{"least / -1", MN_E_OVERFLOW, 6}, {"least % -1", MN_E_OVERFLOW, 6},
		{"1 and b", MN_E_NOTFOUND, 6},
	};
	struct mn_expr_error error;
	struct mn_expr expr;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t got = 42;
		int rc;

		assert_int_equal(mn_expr_compile(cases[i].text, names, &expr, &error), 0);
		rc = mn_expr_eval(&expr, value, NULL, &got, &error);
		if (rc != cases[i].code || error.offset != cases[i].offset)
			fail_msg("'%s': %s at %zu: %s", cases[i].text, mn_err_name(rc),
				 error.offset, error.why);
		assert_int_equal(!error.why[0], rc == MN_E_NOTFOUND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_evaluation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
