/* SPDX-License-Identifier: MIT */
/*
 * What operators cost on paper: small ones by hand, and real models against a census of them (that
 * part is skipped without the shared folder, see test_arena_truth.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "census.h"

static char shared[1024];
static const uint8_t constant[16];

static struct mn_tensor tensor(unsigned rank, const int32_t *shape, int is_constant)
{
	struct mn_tensor t = {
		.name = "", .type = MN_TYPE_INT8, .rank = (uint8_t)rank, .elements = 1};

	for (unsigned i = 0; i < rank; i++) {
		t.shape[i] = shape[i];
		t.elements *= (uint64_t)shape[i];
	}
	t.bytes = t.elements;
	if (is_constant) {
		t.data = constant;
		t.data_bytes = (uint32_t)t.bytes;
	}
	return t;
}

#define SHAPE(...)                                                                                 \
	(const int32_t[])                                                                          \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

static struct mn_census count(int32_t builtin, const struct mn_tensor *tensors, uint32_t n_in)
{
	static const int32_t in[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
	const int32_t out[] = {(int32_t)n_in};
	const struct mn_operator op = {.builtin = builtin,
				       .custom_name = "",
				       .inputs = in,
				       .n_inputs = n_in,
				       .outputs = out,
				       .n_outputs = 1};
	const struct mn_subgraph g = {.name = "", .tensors = tensors, .operators = &op};
	struct mn_census c;

	mn_census_of(&g, 0, &c);
	return c;
}

static void test_by_hand(void **state)
{
	const struct mn_tensor grouped[] = {tensor(4, SHAPE(1, 4, 4, 6), 0),
					    tensor(4, SHAPE(8, 3, 3, 3), 1),
					    tensor(4, SHAPE(1, 4, 4, 8), 0)};
	const struct mn_tensor svdf[] = {tensor(2, SHAPE(2, 10), 0), tensor(2, SHAPE(6, 10), 1),
					 tensor(2, SHAPE(6, 4), 1), tensor(2, SHAPE(2, 3), 0)};
	const struct mn_tensor transposed[] = {
		tensor(1, SHAPE(4), 1), tensor(4, SHAPE(5, 2, 2, 3), 1),
		tensor(4, SHAPE(1, 4, 4, 3), 0), tensor(4, SHAPE(1, 8, 8, 5), 0)};
	struct mn_tensor lstm[10];
	struct mn_census c = count(MN_BUILTIN_CONV_2D, grouped, 2);

	(void)state;
	assert_int_equal(c.macs, 1 * 4 * 4 * 8 * 3 * 3 * 3);
	assert_int_equal(c.weight_bytes, 8 * 27);
	assert_true(c.int8);
	assert_int_equal(count(MN_BUILTIN_SVDF, svdf, 3).macs, 2 * (60 + 24));
	assert_int_equal(count(MN_BUILTIN_TRANSPOSE_CONV, transposed, 3).macs, 48 * 5 * 2 * 2);
	/* Seven steps of four matrices 6 x 5 and four 6 x 6. */
	lstm[0] = tensor(3, SHAPE(1, 7, 5), 0);
	for (int i = 1; i <= 4; i++)
		lstm[i] = tensor(2, SHAPE(6, 5), 1);
	for (int i = 5; i <= 8; i++)
		lstm[i] = tensor(2, SHAPE(6, 6), 1);
	lstm[9] = tensor(3, SHAPE(1, 7, 6), 0);
	assert_int_equal(count(MN_BUILTIN_UNIDIRECTIONAL_SEQUENCE_LSTM, lstm, 9).macs,
			 7 * 4 * (30 + 36));
	assert_int_equal(count(MN_BUILTIN_ADD, grouped, 2).macs, 0);
}

static int split(char *line, char **fields, int max)
{
	int n = 0;

	line[strcspn(line, "\r\n")] = '\0';
	while (n < max && line)
		fields[n++] = strsep(&line, ",");
	return n;
}

static FILE *open_csv(const char *name)
{
	char path[1200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/data/%s", shared, name);
	f = fopen(path, "r");
	if (!f) {
		print_message("skipped: %s is not there (MNCHAR_SHARED)\n", path);
		skip();
	}
	return f;
}

static struct mn_model *open_model(const char *name)
{
	struct mn_model *model;
	struct mn_err err;
	char path[1200];

	snprintf(path, sizeof(path), "%s/models/%s.tflite", shared, name);
	if (mn_model_open(path, &model, &err) < 0)
		fail_msg("%s", err.msg);
	return model;
}

/* model,layers,macs,ops,const_bytes,int8_full,op_types */
static void test_models(void **state)
{
	FILE *f = open_csv("model-census.csv");
	char line[2048], *field[7];
	unsigned models = 0;

	(void)state;
	assert_non_null(fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f)) {
		struct mn_model *model;
		uint64_t macs = 0;

		assert_int_equal(split(line, field, 7), 7);
		model = open_model(field[0]);
		for (uint32_t i = 0; i < model->subgraphs[0].n_operators; i++) {
			struct mn_census c;

			mn_census_of(&model->subgraphs[0], i, &c);
			macs += c.macs;
		}
		assert_int_equal(model->subgraphs[0].n_operators, strtoul(field[1], NULL, 10));
		assert_int_equal(macs, strtoull(field[2], NULL, 10));
		mn_model_free(model);
		models++;
	}
	fclose(f);
	assert_true(models >= 15);
}

/* model,index,op,inputs,weights,outputs,options,macs */
static void test_layers(void **state)
{
	FILE *f = open_csv("model-layers.csv");
	char line[2048], name[256] = "", *field[8];
	struct mn_model *model = NULL;
	unsigned layers = 0;

	(void)state;
	assert_non_null(fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f)) {
		struct mn_census c;

		assert_int_equal(split(line, field, 8), 8);
		if (strcmp(name, field[0])) {
			mn_model_free(model);
			snprintf(name, sizeof(name), "%s", field[0]);
			model = open_model(name);
		}
		mn_census_of(&model->subgraphs[0], (uint32_t)strtoul(field[1], NULL, 10), &c);
		if (c.macs != strtoull(field[7], NULL, 10))
			fail_msg("%s layer %s: %llu MACs, not %s", name, field[1],
				 (unsigned long long)c.macs, field[7]);
		layers++;
	}
	mn_model_free(model);
	fclose(f);
	assert_true(layers > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_layers),
	};
	const char *from = getenv("MNCHAR_SHARED"), *top = getenv("MNCHAR_SOURCE_DIR");

	if (from && *from)
		snprintf(shared, sizeof(shared), "%s", from);
	else
		snprintf(shared, sizeof(shared), "%s/../shared", top ? top : ".");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
