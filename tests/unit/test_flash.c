/* SPDX-License-Identifier: MIT */
/*
 * The flash model: against the measured links (skipped without the shared folder, see
 * test_arena_truth.c), and what must hold without them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flash.h"

static char shared[1024];

static int32_t builtin_by_name(const char *name)
{
	for (int32_t i = 0; i < MN_BUILTIN_COUNT; i++)
		if (strcmp(mn_builtin_name(i), name) == 0)
			return i;
	fail_msg("%s is no operator", name);
	return -1;
}

static int build_of(const char *core, const char *build, const char *variant)
{
	int generic = strcmp(variant, "generic") == 0;

	if (strcmp(core, "m7") == 0)
		return strcmp(build, "release") ? -1 : MN_FLASH_M7_RELEASE_INT8 + generic;
	return (strcmp(build, "release") ? MN_FLASH_M4_DEFAULT_INT8 : MN_FLASH_M4_RELEASE_INT8) +
	       generic;
}

/* set,variant,core,build,text,data,bss,delta_flash,delta_static_ram,n_ops,...,ops,models */
static void test_links(void **state)
{
	char path[1200], line[4096];
	double worst = 0;
	unsigned links = 0;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/data/flash-size.csv", shared);
	f = fopen(path, "r");
	if (!f) {
		print_message("skipped: %s is not there (MNCHAR_SHARED)\n", path);
		skip();
	}
	assert_non_null(fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f)) {
		char *field[21], *p = line, *save = NULL;
		int32_t ops[32];
		struct mn_flash flash;
		double real, error;
		size_t n = 0;
		int build;

		for (int i = 0; i < 21; i++)
			field[i] = strsep(&p, ",");
		build = build_of(field[2], field[3], field[1]);
		if (strcmp(field[1], "all") == 0 || build < 0)
			continue;
		for (char *op = strtok_r(field[19], " ", &save); op;
		     op = strtok_r(NULL, " ", &save))
			ops[n++] = builtin_by_name(op);
		mn_flash_runtime(ops, n, (enum mn_flash_build)build, &flash);
		assert_int_equal(flash.n_missing, 0);
		real = strtod(field[4], NULL) + strtod(field[5], NULL);
		error = (double)flash.runtime_bytes / real - 1;
		if (fabs(error) > fabs(worst))
			worst = error;
		if (fabs(error) > 0.005)
			fail_msg("%s %s %s %s: %+.2f %%", field[0], field[1], field[2], field[3],
				 100 * error);
		assert_true((double)flash.runtime_low_bytes <= real &&
			    real <= (double)flash.runtime_high_bytes);
		assert_true(llabs((long long)flash.static_ram_bytes -
				  strtoll(field[8], NULL, 10)) <= 8);
		links++;
	}
	fclose(f);
	print_message("%u links, worst %+.3f %%\n", links, 100 * worst);
	assert_true(links >= 60);
}

/*
 * Leave one set out, solve the rest, predict it. Ridge regression on the totals with one flat prior
 * for all operators, so that nothing of the set left out comes back through the prior. There are
 * about as many sets as unknowns: what is tested is how much one link more or less matters.
 */
#define FEATURES_MAX 40
#define SETS_MAX     16

enum { F_BASE, F_MANY, F_CONV, F_MATMUL, F_FLOAT, F_OPS };

struct set {
	char name[32];
	double x[FEATURES_MAX], y;
};

static int feature_of(int32_t builtin)
{
	static int32_t known[FEATURES_MAX];
	static int n;

	for (int i = 0; i < n; i++)
		if (known[i] == builtin)
			return F_OPS + i;
	assert_true(F_OPS + n < FEATURES_MAX);
	known[n] = builtin;
	return F_OPS + n++;
}

static void read_set(struct set *set, const char *name, char *ops, double bytes, int generic)
{
	char *save = NULL;
	int n = 0;

	memset(set, 0, sizeof(*set));
	snprintf(set->name, sizeof(set->name), "%s", name);
	set->y = bytes;
	set->x[F_BASE] = 1;
	for (char *op = strtok_r(ops, " ", &save); op; op = strtok_r(NULL, " ", &save), n++) {
		int32_t b = builtin_by_name(op);
		int conv = b == MN_BUILTIN_CONV_2D || b == MN_BUILTIN_DEPTHWISE_CONV_2D;

		set->x[feature_of(b)] = 1;
		if (conv)
			set->x[F_CONV] = 1;
		if (conv || b == MN_BUILTIN_FULLY_CONNECTED)
			set->x[F_MATMUL] = 1;
		if (b == MN_BUILTIN_MEAN || b == MN_BUILTIN_LOGISTIC ||
		    (generic && b == MN_BUILTIN_SOFTMAX))
			set->x[F_FLOAT] = 1;
	}
	set->x[F_MANY] = n > 1;
}

/* Solve the normal equations in place by elimination; the ridge keeps them regular. */
static void solve(double m[FEATURES_MAX][FEATURES_MAX + 1])
{
	for (int c = 0; c < FEATURES_MAX; c++) {
		int p = c;

		for (int i = c + 1; i < FEATURES_MAX; i++)
			if (fabs(m[i][c]) > fabs(m[p][c]))
				p = i;
		for (int k = 0; k <= FEATURES_MAX; k++) {
			double t = m[c][k];

			m[c][k] = m[p][k];
			m[p][k] = t;
		}
		for (int i = 0; i < FEATURES_MAX; i++)
			for (int k = FEATURES_MAX; i != c && k >= c; k--)
				m[i][k] -= m[i][c] / m[c][c] * m[c][k];
	}
}

static double error_of_left_out(const struct set *sets, int n, int left, double flat)
{
	static double m[FEATURES_MAX][FEATURES_MAX + 1];
	double sum = 0;

	memset(m, 0, sizeof(m));
	for (int i = 0; i < FEATURES_MAX; i++) {
		double prior = i == F_BASE    ? 15000
			       : i == F_MANY  ? 76
			       : i == F_FLOAT ? 160
			       : i < F_OPS    ? 1500
					      : flat;
		double spread = i == F_BASE ? 20000 : i == F_MANY || i == F_FLOAT ? 15 : prior;

		m[i][i] = 100 / (spread * spread);
		m[i][FEATURES_MAX] = m[i][i] * prior;
	}
	for (int s = 0; s < n; s++)
		for (int i = 0; s != left && i < FEATURES_MAX; i++) {
			for (int k = 0; k < FEATURES_MAX; k++)
				m[i][k] += sets[s].x[i] * sets[s].x[k];
			m[i][FEATURES_MAX] += sets[s].x[i] * sets[s].y;
		}
	solve(m);
	for (int i = 0; i < FEATURES_MAX; i++)
		sum += sets[left].x[i] * m[i][FEATURES_MAX] / m[i][i];
	return sum / sets[left].y - 1;
}

static void leave_one_out(const char *variant, double flat, double at_most)
{
	static struct set sets[SETS_MAX];
	char path[1200], line[4096];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/data/flash-size.csv", shared);
	f = fopen(path, "r");
	if (!f) {
		print_message("skipped: %s is not there (MNCHAR_SHARED)\n", path);
		skip();
	}
	while (fgets(line, sizeof(line), f)) {
		char *field[21], *p = line;

		for (int i = 0; i < 21; i++)
			field[i] = strsep(&p, ",");
		if (strcmp(field[1], variant) || strcmp(field[2], "m4") ||
		    strcmp(field[3], "release"))
			continue;
		assert_true(n < SETS_MAX);
		read_set(&sets[n++], field[0], field[19],
			 strtod(field[4], NULL) + strtod(field[5], NULL),
			 strcmp(variant, "generic") == 0);
	}
	fclose(f);
	assert_true(n >= 12);
	for (int i = 0; i < n; i++) {
		double error = error_of_left_out(sets, n, i, flat);

		print_message("%s %s left out: %+.1f %%\n", variant, sets[i].name, 100 * error);
		assert_true(fabs(error) < at_most);
	}
}

static void test_leave_one_out_int8(void **state)
{
	(void)state;
	leave_one_out("int8", 3000, 0.12);
}

static void test_leave_one_out_generic(void **state)
{
	(void)state;
	leave_one_out("generic", 5000, 0.20);
}

static void test_sets(void **state)
{
	const int32_t fc[] = {MN_BUILTIN_FULLY_CONNECTED};
	const int32_t more[] = {MN_BUILTIN_FULLY_CONNECTED, MN_BUILTIN_SVDF, MN_BUILTIN_TILE};

	(void)state;
	for (int b = 0; b < MN_FLASH_BUILDS; b++) {
		struct mn_flash one, three;

		mn_flash_runtime(fc, 1, (enum mn_flash_build)b, &one);
		mn_flash_runtime(more, 3, (enum mn_flash_build)b, &three);
		assert_int_equal(one.n_guess + one.n_missing, 0);
		assert_int_equal(three.n_guess, 1);
		assert_int_equal(three.n_missing, 1);
		assert_true(three.runtime_bytes > one.runtime_bytes);
		/* A guess makes the interval wider than the measured share. */
		assert_true(three.runtime_high_bytes - three.runtime_bytes >
			    one.runtime_high_bytes - one.runtime_bytes + 1000);
	}
}

static void test_file_parts(void **state)
{
	const uint8_t file[100] = {0};
	const struct mn_tensor t[] = {
		{.data = file, .data_bytes = 40, .buffer = 1, .n_scales = 2, .n_zero_points = 2},
		{.data = file, .data_bytes = 40, .buffer = 1},
		{.n_scales = 1, .n_zero_points = 1}};
	const struct mn_subgraph g = {.name = "", .tensors = t, .n_tensors = 3};
	const struct mn_model model = {
		.subgraphs = &g, .n_subgraphs = 1, .data = file, .size = sizeof(file)};
	struct mn_flash f;
	struct mn_err err;

	(void)state;
	assert_int_equal(mn_flash_of(&model, MN_FLASH_M4_RELEASE_INT8, &f, &err), 0);
	assert_int_equal(f.weights_bytes, 40);
	assert_int_equal(f.quantisation_bytes, 36);
	assert_int_equal(f.graph_bytes, 24);
	assert_int_equal(f.total_bytes, f.runtime_bytes + 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_file_parts),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_leave_one_out_int8),
		cmocka_unit_test(test_leave_one_out_generic),
	};
	const char *from = getenv("MNCHAR_SHARED"), *top = getenv("MNCHAR_SOURCE_DIR");

	if (from && *from)
		snprintf(shared, sizeof(shared), "%s", from);
	else
		snprintf(shared, sizeof(shared), "%s/../shared", top ? top : ".");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
