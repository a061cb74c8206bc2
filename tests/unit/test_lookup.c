/* SPDX-License-Identifier: MIT */
/* Lookup tables of searches: what a key means, and what is written for it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "cost_util.h"
#include "layer.h"
#include "lookup_table.h"
#include "predictor.h"

static struct mn_cost_table *table;

static int load(void **state)
{
	char path[4096];
	struct mn_err err = {0};

	(void)state;
	snprintf(path, sizeof(path), "%s/tests/data/cost-table.json", getenv("MNCHAR_SOURCE_DIR"));
	return mn_cost_load_models(path, &table, &err);
}

static int unload(void **state)
{
	(void)state;
	mn_cost_table_free(table);
	return 0;
}

/* The layers of a key, one canonical text a line. */
static int layers_of(const char *key, const struct mn_block_options *options, char *buf,
		     size_t size, struct mn_err *err)
{
	struct mn_block block;
	size_t at = 0;
	int rc = mn_block_parse(key, strlen(key), options, &block, err);

	buf[0] = '\0';
	for (size_t i = 0; i < block.n && !rc; i++) {
		struct mn_layer layer;
		char text[MN_LAYER_TEXT_MAX];

		assert_int_equal(mn_layer_import(&block.layers[i], &layer, NULL), 0);
		assert_int_equal(mn_layer_check(&layer, NULL, NULL), 0);
		assert_true(mn_layer_format(&layer, text, sizeof(text)) > 0);
		at += (size_t)snprintf(buf + at, size - at, "%s\n", text);
	}
	return rc;
}

#define ONE  " kernel=1x1 stride=1x1 dilation=1x1 padding=same "
#define FIVE " kernel=5x5 stride=1x1 dilation=1x1 padding=same "

static void keys_become_their_layers(void **state)
{
	static const struct {
		const char *key, *layers;
		int style, channels;
	} cases[] = {
		{"Conv-input:33x33x3-output:17x17x32",
		 "conv_2d in=1x33x33x3 out_c=32 kernel=3x3 stride=2x2 dilation=1x1 padding=same "
		 "act=relu6 bias=1\n",
		 MN_BLOCK_OFA, 0},
		{"expanded_conv-input:7x7x8-output:7x7x8-expand:6-kernel:5-stride:1-idskip:1",
		 "conv_2d in=1x7x7x8 out_c=48" ONE "act=relu6 bias=1\n"
		 "depthwise_conv_2d in=1x7x7x48 multiplier=1" FIVE "act=relu6 bias=1\n"
		 "conv_2d in=1x7x7x48 out_c=8" ONE "act=none bias=1\n"
		 "add in=1x7x7x8 in2=1x7x7x8 act=none\n",
		 MN_BLOCK_OFA, 0},
		{"expanded_conv-input:7x7x8-output:4x4x12-expand:40-kernel:3-stride:2-idskip:0-se:"
		 "1-hs:1",
		 "conv_2d in=1x7x7x8 out_c=40" ONE "act=none bias=1\n"
		 "hard_swish in=1x7x7x40\n"
		 "depthwise_conv_2d in=1x7x7x40 multiplier=1 kernel=3x3 stride=2x2 dilation=1x1 "
		 "padding=same act=none bias=1\n"
		 "hard_swish in=1x4x4x40\n"
		 "mean in=1x4x4x40 axes=hw\n"
		 "conv_2d in=1x1x1x40 out_c=16" ONE "act=relu bias=1\n"
		 "conv_2d in=1x1x1x16 out_c=40" ONE "act=none bias=1\n"
		 "logistic in=1x1x1x40\n"
		 "mul in=1x4x4x40 in2=1x1x1x40 act=none\n"
		 "conv_2d in=1x4x4x40 out_c=12" ONE "act=none bias=1\n",
		 MN_BLOCK_OFA, 1},
		{"Logits-input:7x7x64-output:10",
		 "mean in=1x7x7x64 axes=hw\n"
		 "fully_connected in=1x1x1x64 out_c=10 act=none bias=1\n",
		 MN_BLOCK_OFA, 0},
		{"AvgPool2D-input:7x6x64-output:1x1x64",
		 "average_pool_2d in=1x7x6x64 kernel=7x6 stride=1x1 padding=valid act=none\n",
		 MN_BLOCK_OFA, 0},
		{"ConvBlock_H8_W8_Cin8_Cout8_exp1_kernel5_stride1_group2",
		 "conv_2d in=1x8x8x4 out_c=4" ONE "act=relu6 bias=1\n"
		 "conv_2d in=1x8x8x4 out_c=4" ONE "act=relu6 bias=1\n"
		 "depthwise_conv_2d in=1x8x8x8 multiplier=1" FIVE "act=relu6 bias=1\n"
		 "conv_2d in=1x8x8x4 out_c=4" ONE "act=none bias=1\n"
		 "conv_2d in=1x8x8x4 out_c=4" ONE "act=none bias=1\n"
		 "add in=1x8x8x8 in2=1x8x8x8 act=none\n",
		 MN_BLOCK_HW_NAS_BENCH, 0},
		{"Skip_H8_W8_Cin8_Cout8_stride1", "", MN_BLOCK_HW_NAS_BENCH, 0},
		{"Skip_H8_W8_Cin8_Cout16_stride2",
		 "conv_2d in=1x8x8x8 out_c=16 kernel=1x1 stride=2x2 dilation=1x1 padding=same "
		 "act=relu6 bias=1\n",
		 MN_BLOCK_HW_NAS_BENCH, 0},
		{"AvgP_H7_W7_Cin64_Cout64_kernel7_stride1",
		 "average_pool_2d in=1x7x7x64 kernel=7x7 stride=1x1 padding=valid act=none\n",
		 MN_BLOCK_HW_NAS_BENCH, 0},
		{"FC_Cin64_Cout10", "fully_connected in=1x1x1x64 out_c=10 act=none bias=1\n",
		 MN_BLOCK_HW_NAS_BENCH, 0},
	};
	char got[4096];
	struct mn_err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct mn_block_options options = {(enum mn_block_style)cases[i].style,
							 cases[i].channels};

		if (layers_of(cases[i].key, &options, got, sizeof(got), &err))
			fail_msg("%s", err.msg);
		assert_string_equal(got, cases[i].layers);
	}
}

static void broken_keys_are_refused(void **state)
{
	static const struct {
		const char *key;
		int style, code;
	} cases[] = {
		{"mean", MN_BLOCK_OFA, MN_E_NOTFOUND},
		{"", MN_BLOCK_OFA, MN_E_NOTFOUND},
		{"Conv-input:33x33-output:17x17x32", MN_BLOCK_OFA, MN_E_SYNTAX},
		{"Conv-input:33x33x3-output:17x17x32-kernel:3", MN_BLOCK_OFA, MN_E_SYNTAX},
		{"Conv-input:33x33x3-output:0x17x32", MN_BLOCK_OFA, MN_E_INVALID},
		{"Conv-input:33x33x3-output:30x30x32", MN_BLOCK_OFA, MN_E_INVALID},
		{"Block-input:7x7x8-output:7x7x8", MN_BLOCK_OFA, MN_E_SYNTAX},
		{"expanded_conv-input:7x7x8-output:7x7x8-expand:576-kernel:5-stride:1-idskip:1",
		 MN_BLOCK_OFA, MN_E_OVERFLOW},
		{"expanded_conv-input:7x7x8-output:7x7x8-expand:6-kernel:5-stride:0-idskip:1",
		 MN_BLOCK_OFA, MN_E_INVALID},
		{"expanded_conv-input:7x7x8-output:7x7x8-expand:6-kernel:5-stride:1-idskip:2",
		 MN_BLOCK_OFA, MN_E_SYNTAX},
		{"ConvNorm_H8_W8_Cin6_Cout8_kernel3_stride1_group4", MN_BLOCK_HW_NAS_BENCH,
		 MN_E_INVALID},
		{"ConvNorm_H8_W8_Cin640_Cout640_kernel3_stride1_group128", MN_BLOCK_HW_NAS_BENCH,
		 MN_E_TOO_BIG},
		{"FC_Cin64", MN_BLOCK_HW_NAS_BENCH, MN_E_SYNTAX},
		{"fbnet", MN_BLOCK_HW_NAS_BENCH, MN_E_NOTFOUND},
	};
	char got[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct mn_block_options options = {(enum mn_block_style)cases[i].style, 0};
		struct mn_err err = {0};

		assert_int_equal(layers_of(cases[i].key, &options, got, sizeof(got), &err),
				 cases[i].code);
		assert_true(cases[i].code == MN_E_NOTFOUND || err.msg[0]);
	}
}

static double cost_of_layers(const char *const *layers, size_t n)
{
	struct mnchar_predictor *p = NULL;
	double sum = 0;

	assert_int_equal(mnchar_predictor_new((const struct mnchar_table *)table, 0,
					      MNCHAR_LATENCY_MS, NULL, &p, NULL),
			 0);
	for (size_t i = 0; i < n; i++) {
		struct mnchar_cost cost = {.size = sizeof(cost)};
		struct mnchar_layer layer;

		assert_int_equal(mnchar_layer_parse(layers[i], &layer, sizeof(layer), NULL), 0);
		assert_int_equal(mnchar_layer_cost(p, &layer, &cost, NULL), 0);
		sum += cost.value;
	}
	mnchar_predictor_free(p);
	return sum;
}

/* A table of another device in YAML is read for its keys, and written anew with our costs. */
static void a_table_of_another_device_gives_the_keys(void **state)
{
	static const char yaml[] =
		"# another device\n"
		"Conv-input:33x33x3-output:17x17x32: {count: 5, mean: 1.25, var: 0.1}\n"
		"'Logits-input:1x1x64-output:10':\n"
		"  count: 3\n"
		"  mean: 7\n"
		"\"Logits-input:1x1x64-output:10\": {mean: 8}";
	static const char *const conv[] = {
		"conv_2d in=1x33x33x3 out_c=32 kernel=3x3 stride=2x2 padding=same act=relu6"};
	static const char *const logits[] = {"fully_connected in=1x1x1x64 out_c=10"};
	const struct mn_block_options options = {MN_BLOCK_OFA, 0};
	struct mn_lookup *lookup = NULL;
	struct mn_err err = {0};
	char *text = NULL, expected[256];
	size_t len = 0;
	FILE *f;

	(void)state;
	if (mn_lookup_make(table, yaml, sizeof(yaml) - 1, &options, &lookup, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(lookup->n, 2);
	assert_true(fabs(lookup->entries[0].latency_ms - cost_of_layers(conv, 1)) < 1e-12);
	assert_true(fabs(lookup->entries[1].latency_ms - cost_of_layers(logits, 1)) < 1e-12);
	assert_true(lookup->entries[0].latency_std_ms > 0);
	f = open_memstream(&text, &len);
	assert_int_equal(mn_lookup_write_ofa(lookup, f, &err), 0);
	fclose(f);
	assert_non_null(strstr(text, "# virtual figures, predicted: test-board, kernels test/1"));
	snprintf(expected, sizeof(expected),
		 "\nLogits-input:1x1x64-output:10: {count: 1, mean: %.9f, std: ",
		 lookup->entries[1].latency_ms);
	assert_non_null(strstr(text, expected));
	free(text);
	mn_lookup_free(lookup);
}

static void hw_nas_bench_gets_its_dictionary(void **state)
{
	static const char keys[] = "{\"FC_Cin64_Cout10\": 1,\n"
				   " \"ConvNorm_H8_W8_Cin8_Cout8_kernel1_stride1_group1\": 2}\n";
	static const char *const fc[] = {"fully_connected in=1x1x1x64 out_c=10"};
	const struct mn_block_options options = {MN_BLOCK_HW_NAS_BENCH, 0};
	struct mn_lookup *lookup = NULL;
	char *text = NULL;
	size_t len = 0;
	json_t *root, *latency, *energy;
	FILE *f;

	(void)state;
	assert_int_equal(mn_lookup_make(table, keys, sizeof(keys) - 1, &options, &lookup, NULL), 0);
	f = open_memstream(&text, &len);
	assert_int_equal(mn_lookup_write_hw_nas_bench(lookup, f, NULL), 0);
	fclose(f);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	latency = json_object_get(json_object_get(root, "fbnet"), "test-board_latency");
	energy = json_object_get(json_object_get(root, "fbnet"), "test-board_energy");
	assert_int_equal(json_object_size(latency), 2);
	assert_true(fabs(json_number_value(json_object_get(latency, "FC_Cin64_Cout10")) -
			 cost_of_layers(fc, 1)) < 1e-12);
	/* The made-up energy is 0.15 mJ a ms. */
	assert_true(fabs(json_number_value(json_object_get(energy, "FC_Cin64_Cout10")) -
			 0.15 * cost_of_layers(fc, 1)) < 1e-12);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(root, "mnchar"), "kind")),
		"virtual");
	json_decref(root);
	free(text);
	mn_lookup_free(lookup);
}

static void what_cannot_be_priced_is_said_with_its_line(void **state)
{
	static const char no_keys[] = "count: 1\nmean: 3\n";
	static const char broken[] = "Logits-input:1x1x64-output:10\n\nConv-input:1x1-output:1\n";
	const struct mn_block_options options = {MN_BLOCK_OFA, 0};
	struct mn_lookup *lookup = NULL;
	struct mn_err err = {0};

	(void)state;
	assert_int_equal(
		mn_lookup_make(table, no_keys, sizeof(no_keys) - 1, &options, &lookup, &err),
		MN_E_NOTFOUND);
	assert_int_equal(mn_lookup_make(table, broken, sizeof(broken) - 1, &options, &lookup, &err),
			 MN_E_SYNTAX);
	assert_non_null(strstr(err.msg, "line 3: Conv-input"));
	assert_null(lookup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_become_their_layers),
		cmocka_unit_test(broken_keys_are_refused),
		cmocka_unit_test(a_table_of_another_device_gives_the_keys),
		cmocka_unit_test(hw_nas_bench_gets_its_dictionary),
		cmocka_unit_test(what_cannot_be_priced_is_said_with_its_line),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
