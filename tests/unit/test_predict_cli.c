/* SPDX-License-Identifier: MIT */
/* mnchar predict as a script sees it: golden models, the made-up table as virtual-f446re. */
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
#include <jansson.h>
#include <sys/wait.h>

#define RESNET    "graph/graph_002_resnet_downsample"
#define DENSE     "graph/graph_008_dense_concat"
#define TRANSPOSE "transpose/transpose_001_1x4x5x6_p0312"

static char scratch[] = "/tmp/mnchar-predict-XXXXXX";
static char said[1 << 16]; /* on stderr */

static int run(const char *model, const char *arguments, char **ret)
{
	static char out[1 << 20];
	char command[4096], path[256];
	size_t n;
	int status;
	FILE *p;

	snprintf(command, sizeof(command),
		 "'%s/bin/mnchar' predict '%s/tests/golden/%s.tflite' --table '%s/table.json' %s "
		 "2>'%s/err'",
		 getenv("MNCHAR_BUILD_DIR"), getenv("MNCHAR_SOURCE_DIR"), model, scratch, arguments,
		 scratch);
	p = popen(command, "r");
	assert_non_null(p);
	n = fread(out, 1, sizeof(out) - 1, p);
	out[n] = '\0';
	status = pclose(p);
	assert_true(WIFEXITED(status));
	snprintf(path, sizeof(path), "%s/err", scratch);
	p = fopen(path, "r");
	assert_non_null(p);
	said[fread(said, 1, sizeof(said) - 1, p)] = '\0';
	fclose(p);
	*ret = out;
	return WEXITSTATUS(status);
}

/* The made-up table with the name of a board that has a description. */
static int write_table(void **state)
{
	char path[4096];
	json_t *root, *rigs;

	(void)state;
	snprintf(path, sizeof(path), "%s/tests/data/cost-table.json", getenv("MNCHAR_SOURCE_DIR"));
	root = json_load_file(path, 0, NULL);
	rigs = json_object_get(root, "rigs");
	json_object_set_new(json_array_get(rigs, 0), "board", json_string("virtual-f446re"));
	/* Something to pass over, with brackets that are no brackets. */
	json_array_append_new(json_object_get(json_array_get(rigs, 0), "measured_layers"),
			      json_pack("{s:s, s:s, s:[[i]], s:i}", "layer", "relu in=1x1x1x1",
					"note", "a \"]\" and a \\\"[", "cycles", 3, "measurement",
					1));
	snprintf(path, sizeof(path), "%s/table.json", scratch);
	if (!root || json_dump_file(root, path, 0))
		return -1;
	json_decref(root);
	return 0;
}

static json_t *predict_json(const char *model, const char *arguments, int exit_code)
{
	char all[256], *out;
	json_t *root;

	snprintf(all, sizeof(all), "--json %s", arguments);
	if (run(model, all, &out) != exit_code)
		fail_msg("%s", said);
	root = json_loads(out, 0, NULL);
	assert_non_null(root);
	return root;
}

static double real(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_number(v))
		fail_msg("%s is no number", key);
	return json_number_value(v);
}

static void the_total_is_that_of_the_library(void **state)
{
	json_t *root = predict_json(RESNET, "", 0), *p, *layers, *total, *layer;
	double sum = 0, ops = 0;
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(json_object_get(root, "predictions")), 1);
	p = json_array_get(json_object_get(root, "predictions"), 0);
	assert_string_equal(json_string_value(json_object_get(p, "kind")), "virtual");
	assert_string_equal(json_string_value(json_object_get(p, "board")), "virtual-f446re");
	layers = json_object_get(p, "layers");
	total = json_object_get(p, "total");
	assert_true(json_array_size(layers) > 4);
	json_array_foreach(layers, i, layer)
	{
		json_t *pi = json_object_get(layer, "latency_ms_pi95");
		double ms = real(layer, "latency_ms");

		assert_true(json_is_true(json_object_get(layer, "covered")));
		assert_string_equal(json_string_value(json_object_get(layer, "model")), "features");
		assert_true(json_number_value(json_array_get(pi, 0)) < ms);
		assert_true(json_number_value(json_array_get(pi, 1)) > ms);
		assert_true(real(layer, "sram_bytes") > 0);
		sum += ms;
		ops += real(layer, "ops");
	}
	assert_true(fabs(sum - real(total, "latency_ms")) < 1e-9 * sum);
	assert_true(ops == real(total, "ops") && ops == real(total, "ops_covered"));
	assert_true(real(total, "ops_covered_pct") == 100);
	assert_true(real(total, "ops_model_latency_ms") > 0);
	/* ADD has no energy model: no total that would lack it. */
	assert_true(json_is_null(json_object_get(total, "energy_mJ")));
	assert_true(json_is_true(json_object_get(total, "fits")));
	assert_true(real(total, "sram_bytes") > real(total, "arena_bytes"));
	json_decref(root);
}

/* A concatenation is a layer for each input; its constants count once. */
static void a_concatenation_has_parts(void **state)
{
	json_t *root = predict_json(DENSE, "", 0), *layers, *layer;
	size_t i, parts = 0;

	(void)state;
	layers = json_object_get(json_array_get(json_object_get(root, "predictions"), 0), "layers");
	json_array_foreach(layers, i, layer)
	{
		parts += real(layer, "part") > 0;
	}
	assert_true(parts > 0);
	json_decref(root);
}

static void what_is_not_covered_stops_it(void **state)
{
	char *out;
	json_t *root, *p, *layer;

	(void)state;
	assert_int_equal(run(TRANSPOSE, "", &out), 1);
	assert_string_equal(out, "");
	assert_non_null(strstr(said, "TRANSPOSE"));
	assert_non_null(strstr(said, "0 of 1 layers"));
	root = predict_json(TRANSPOSE, "--allow-uncovered", 0);
	p = json_array_get(json_object_get(root, "predictions"), 0);
	layer = json_array_get(json_object_get(p, "layers"), 0);
	assert_true(json_is_false(json_object_get(layer, "covered")));
	assert_true(json_is_null(json_object_get(layer, "latency_ms")));
	assert_true(json_is_null(json_object_get(json_object_get(p, "total"), "latency_ms")));
	assert_true(real(json_object_get(p, "total"), "layers_covered") == 0);
	json_decref(root);
	assert_int_equal(run(TRANSPOSE, "--allow-uncovered", &out), 0);
	assert_non_null(strstr(out, "not covered"));
}

static size_t cells(const char *line)
{
	size_t n = 1;
	int quoted = 0;

	for (; *line && *line != '\n'; line++) {
		quoted ^= *line == '"';
		n += *line == ',' && !quoted;
	}
	return n;
}

static void text_and_csv_say_the_same(void **state)
{
	size_t columns, rows = 0;
	char *out, *line, total[256] = "";

	(void)state;
	assert_int_equal(run(RESNET, "", &out), 0);
	assert_non_null(strstr(out, "virtual figures"));
	assert_non_null(strstr(out, "latency: "));
	assert_non_null(strstr(out, "by op count alone"));
	assert_non_null(strstr(out, "covered: 100 % of the ops"));
	assert_non_null(strstr(out, "it fits"));
	assert_int_equal(run(RESNET, "--csv", &out), 0);
	columns = cells(out);
	while ((line = strsep(&out, "\n")) && *line) {
		assert_int_equal(cells(line), columns);
		if (!strncmp(line, "total,", 6))
			snprintf(total, sizeof(total), "%.255s", line);
		rows++;
	}
	assert_true(rows > 6);
	assert_non_null(strstr(total, ",virtual,virtual-f446re,test/1,0,"));
}

static void boards_and_kinds_are_chosen_and_never_guessed(void **state)
{
	char *out;

	(void)state;
	assert_int_equal(run(RESNET, "--board nucleo-f446re", &out), 2);
	assert_non_null(strstr(said, "nucleo-f446re"));
	assert_int_equal(run(RESNET, "--board virtual-f446re --board nucleo-f446re", &out), 2);
	assert_int_equal(run(RESNET, "--kind measured", &out), 2);
	assert_int_equal(run(RESNET, "--kernels other", &out), 2);
	/* The cold rig knows convolutions only, and has no description. */
	assert_int_equal(run(RESNET, "--cold", &out), 1);
	assert_int_equal(run(RESNET, "--cold --allow-uncovered", &out), 0);
	assert_non_null(strstr(out, "cold caches"));
	assert_non_null(strstr(out, "no intervals"));
	assert_non_null(strstr(out, "not a board that mnchar has a description of"));
	assert_int_equal(run("graph/none", "", &out), 1);
	assert_int_equal(run(RESNET, "--kind other", &out), 64);
	assert_int_equal(run(RESNET, "--table /nowhere.json", &out), 1);
}

static void the_model_can_be_chosen(void **state)
{
	json_t *root = predict_json(RESNET, "--model ops --allow-uncovered", 0), *total;

	(void)state;
	total = json_object_get(json_array_get(json_object_get(root, "predictions"), 0), "total");
	assert_true(real(total, "latency_ms") == real(total, "ops_model_latency_ms"));
	assert_true(real(total, "layers_covered") < real(total, "layers"));
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_total_is_that_of_the_library),
		cmocka_unit_test(a_concatenation_has_parts),
		cmocka_unit_test(what_is_not_covered_stops_it),
		cmocka_unit_test(text_and_csv_say_the_same),
		cmocka_unit_test(boards_and_kinds_are_chosen_and_never_guessed),
		cmocka_unit_test(the_model_can_be_chosen),
	};
	char path[256];
	int rc;

	if (!mkdtemp(scratch))
		return 1;
	rc = cmocka_run_group_tests(tests, write_table, NULL);
	snprintf(path, sizeof(path), "%s/err", scratch);
	unlink(path);
	snprintf(path, sizeof(path), "%s/table.json", scratch);
	unlink(path);
	rmdir(scratch);
	return rc;
}
