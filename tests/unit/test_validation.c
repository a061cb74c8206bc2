/* SPDX-License-Identifier: MIT */
/* data/boards/validation.json speaks of the boards as they are now, and what reads it. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "board.h"
#include "layer.h"
#include "paths.h"
#include "validated.h"
#include "validation.h"

static void describe(const char *name, char *model, size_t size)
{
	struct mn_board *board = NULL;
	char file[80], path[PATH_MAX];
	struct mn_err err;

	snprintf(file, sizeof(file), "%s.yaml", name);
	assert_int_equal(mn_path(MN_DIR_BOARDS, file, path, sizeof(path), &err), 0);
	if (mn_board_load(path, &board, &err))
		fail_msg("%s", err.msg);
	snprintf(model, size, "%s %u %016llx", board->model->name, (unsigned)board->model->version,
		 (unsigned long long)board->file_hash);
	mn_board_free(board);
}

/*
 * An entry of a board's version must be of its parameters too: whoever changes a parameter raises
 * the version, so that the board is "not validated" until it has been compared again.
 */
static void test_entries(void **state)
{
	char path[PATH_MAX], model[256], recorded[256];
	struct mn_err err;
	json_t *root, *entry, *op;
	size_t i, k;

	(void)state;
	assert_int_equal(mn_path(MN_DIR_BOARDS, "validation.json", path, sizeof(path), &err), 0);
	root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	json_array_foreach(json_object_get(root, "boards"), i, entry)
	{
		const char *board, *name, *hash, *against;
		int version;
		char *text;

		assert_int_equal(json_unpack(entry, "{s:s, s:s, s:i, s:s, s:s}", "board", &board,
					     "model", &name, "model_version", &version,
					     "parameters_fnv1a", &hash, "against", &against),
				 0);
		snprintf(recorded, sizeof(recorded), "%s %d %s", name, version, hash);
		describe(board, model, sizeof(model));
		if (strncmp(recorded, model, strlen(recorded) - strlen(hash)) == 0)
			assert_string_equal(recorded, model);
		assert_int_equal(mn_validation_find(board, recorded, &text, &err), 0);
		json_array_foreach(json_object_get(entry, "ops"), k, op)
		{
			const char *of = json_string_value(json_object_get(op, "op"));
			struct mn_validated v;

			assert_true(strcmp(of, "model") == 0 || mn_op_parse(of, strlen(of)) >= 0);
			assert_int_equal(mn_validated_get(text, of, &v), 1);
			assert_true(v.n > 0 && v.ratio > 0 && v.mape_pct >= 0);
			assert_true(isnan(v.ratio_lo) ||
				    (v.ratio_lo <= v.ratio && v.ratio <= v.ratio_hi));
		}
		free(text);
		/* Another version, other parameters, options by hand: nothing is known of those. */
		snprintf(recorded, sizeof(recorded), "%s %d %s", name, version + 1, hash);
		assert_int_equal(mn_validation_find(board, recorded, &text, &err), 0);
		assert_string_equal(text, "");
		free(text);
		snprintf(recorded, sizeof(recorded), "%s %d %s --board x.yaml", name, version,
			 hash);
		assert_int_equal(mn_validation_find(board, recorded, &text, &err), 0);
		assert_string_equal(text, "");
		free(text);
	}
	json_decref(root);
}

static void test_texts(void **state)
{
	static const char text[] =
		"{\"ops\": [{\"op\": \"conv_2d\", \"n\": 223, \"ratio\": 0.976, "
		"\"mape_pct\": 3.26, \"p95_pct\": 10.3, \"ratio_span\": [0.913, 0.976]},"
		" {\"op\": \"add\", \"n\": 5, \"ratio\": 0.95, \"mape_pct\": 5.5}]}";
	struct mn_validated v;
	char buf[256], small[8];

	(void)state;
	assert_int_equal(mn_validated_get(text, "add", &v), 1);
	assert_int_equal(v.n, 5);
	assert_true(isnan(v.p95_pct) && isnan(v.ratio_lo));
	assert_int_equal(mn_validated_get(text, "softmax", &v), 0);
	assert_int_equal(mn_validated_get("", "add", &v), 0);
	assert_int_equal(mn_validated_get("{", "add", &v), 0);
	assert_int_equal(mn_validated_get("[1]", "add", &v), 0);
	mn_validated_op_text(text, "conv_2d", buf, sizeof(buf));
	assert_string_equal(
		buf, "0.98 of what was measured, MAPE 3.3 %, p95 10 % (n 223; 0.91 to 0.98 by "
		     "compiler)");
	mn_validated_op_text(text, "softmax", buf, sizeof(buf));
	assert_string_equal(buf, "not validated");
	mn_validated_text(text, buf, sizeof(buf));
	assert_non_null(strstr(buf, ", add 0.95 of what was measured, MAPE 5.5 % (n 5)"));
	mn_validated_text("", buf, sizeof(buf));
	assert_string_equal(buf, "not validated");
	mn_validated_text(text, small, sizeof(small));
	assert_int_equal(strlen(small), sizeof(small) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
