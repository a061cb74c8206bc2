/* SPDX-License-Identifier: MIT */
/*
 * Real models against what TensorFlow Lite Micro itself used for them, to the byte, on a Cortex-M4
 * and a Cortex-M7. The models are not ours to ship: MNCHAR_SHARED names the folder that has models/
 * and data/, or it is shared/ beside the source tree; without it the test is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

#define COLUMNS_MAX 64

static char shared[1024];

static int split(char *line, char **fields, int max)
{
	int n = 0;

	line[strcspn(line, "\r\n")] = '\0';
	while (n < max) {
		fields[n++] = line;
		line = strchr(line, ',');
		if (!line)
			break;
		*line++ = '\0';
	}
	return n;
}

static uint64_t cell(char *const *header, char *const *row, int n, const char *column)
{
	for (int i = 0; i < n; i++)
		if (strcmp(header[i], column) == 0)
			return strtoull(row[i], NULL, 10);
	fail_msg("there is no column %s", column);
	return 0;
}

static void check_categories(const struct mn_arena *a, char *const *header, char *const *row, int n)
{
	char column[80];

	for (int k = 0; k < MN_ARENA_OTHER; k++) {
		const struct mn_arena_category *c = &a->recorded[k];
		const char *name = mn_arena_category_name((enum mn_arena_category_id)k);

		snprintf(column, sizeof(column), "%s_req", name);
		assert_int_equal(c->requested_bytes, cell(header, row, n, column));
		snprintf(column, sizeof(column), "%s_used", name);
		assert_int_equal(c->used_bytes, cell(header, row, n, column));
		snprintf(column, sizeof(column), "%s_n", name);
		assert_int_equal(c->n, cell(header, row, n, column));
	}
}

static void test_truth(void **state)
{
	static char head[4096], line[4096];
	char path[1200], *header[COLUMNS_MAX], *row[COLUMNS_MAX];
	unsigned models = 0;
	FILE *f;
	int n;

	(void)state;
	snprintf(path, sizeof(path), "%s/data/arena-truth.csv", shared);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(head, sizeof(head), f));
	n = split(head, header, COLUMNS_MAX);
	while (fgets(line, sizeof(line), f)) {
		struct mn_model *model;
		struct mn_arena *a;
		struct mn_err err;
		uint64_t sum = 0;

		assert_int_equal(split(line, row, COLUMNS_MAX), n);
		print_message("%s\n", row[0]);
		snprintf(path, sizeof(path), "%s/models/%s.tflite", shared, row[0]);
		if (mn_model_open(path, &model, &err) < 0 ||
		    mn_arena_plan(model, NULL, &a, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(a->n_issues, 0);
		assert_int_equal(a->used_bytes, cell(header, row, n, "arena_used"));
		assert_int_equal(a->used_bytes, cell(header, row, n, "arena_used_m7"));
		assert_int_equal(a->smallest_bytes, cell(header, row, n, "arena_min_working"));
		assert_int_equal(a->smallest_bytes, cell(header, row, n, "arena_min_m7"));
		assert_int_equal(a->nonpersistent_bytes,
				 cell(header, row, n, "head_nonpersistent"));
		assert_int_equal(a->persistent_bytes, cell(header, row, n, "tail_persistent"));
		assert_int_equal(a->recording_persistent_bytes, cell(header, row, n, "rec_tail"));
		assert_int_equal(a->nonpersistent_bytes + a->recording_persistent_bytes,
				 cell(header, row, n, "rec_total"));
		check_categories(a, header, row, n);
		/* What it is made of is all there is. */
		for (int k = 0; k < MN_ARENA_CATEGORIES; k++)
			sum += a->category[k].used_bytes;
		assert_int_equal(sum, a->persistent_bytes);
		assert_int_equal(a->steps[a->peak].top_bytes, a->nonpersistent_bytes);
		mn_arena_free(a);
		mn_model_free(model);
		models++;
	}
	fclose(f);
	print_message("%u models equal\n", models);
	assert_true(models >= 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_truth)};
	const char *from = getenv("MNCHAR_SHARED"), *top = getenv("MNCHAR_SOURCE_DIR");
	char path[1200];
	FILE *f;

	if (from)
		snprintf(shared, sizeof(shared), "%s", from);
	else
		snprintf(shared, sizeof(shared), "%s/../shared", top ? top : ".");
	snprintf(path, sizeof(path), "%s/data/arena-truth.csv", shared);
	f = fopen(path, "r");
	if (!f) {
		printf("skipped: %s is not there (MNCHAR_SHARED names the folder)\n", path);
		return 77;
	}
	fclose(f);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
