/* SPDX-License-Identifier: MIT */
/*
 * Real models against a census of them: operators, shapes, options and MACs of each layer. The
 * models are not ours to ship: MNCHAR_SHARED names the folder that has models/ and data/, or it is
 * shared/ beside the source tree; without it the test is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lower.h"

static char shared[1024];

static FILE *open_csv(const char *name)
{
	char path[1200];

	snprintf(path, sizeof(path), "%s/data/%s", shared, name);
	return fopen(path, "r");
}

/* Split a line at its commas; the files have no quotes. */
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

static void shape_text(const struct mn_tensor *tensor, char *buf, size_t size)
{
	int n = 0;

	buf[0] = '\0';
	for (int i = 0; i < tensor->rank; i++)
		n += snprintf(buf + n, size - (size_t)n, "%s%d", i ? "x" : "", tensor->shape[i]);
}

/* MACs of the ops that have any; 0 for the rest, whether mnchar has a layer for them or not. */
static uint64_t macs_of(const struct mn_subgraph *s, uint32_t op, const char *where)
{
	struct mn_layer layer;
	struct mn_layer_info info;
	struct mn_err err;
	int rc = mn_lower_layer(s, op, &layer, &err);

	if (rc == MN_E_UNSUPPORTED) {
		int32_t builtin = s->operators[op].builtin;

		if (builtin == MN_BUILTIN_CONV_2D || builtin == MN_BUILTIN_DEPTHWISE_CONV_2D ||
		    builtin == MN_BUILTIN_FULLY_CONNECTED)
			fail_msg("%s: %s", where, err.msg);
		return 0;
	}
	if (rc < 0)
		fail_msg("%s: %s", where, err.msg);
	assert_int_equal(mn_layer_check(&layer, &info, NULL), 0);
	return info.macs;
}

static void options_text(const struct mn_operator *op, char *buf, size_t size)
{
	static const char *const acts[] = {"NONE", "RELU", "RELU_N1_TO_1", "RELU6"};
	const struct mn_options *o = &op->options;
	const char *padding = o->padding_same ? "SAME" : "VALID";

	buf[0] = '\0';
	assert_in_range(o->fused, 0, 3);
	switch (op->builtin) {
	case MN_BUILTIN_CONV_2D:
		snprintf(buf, size, "padding=%s stride_w=%d stride_h=%d act=%s dil_w=%d dil_h=%d",
			 padding, o->stride_w, o->stride_h, acts[o->fused], o->dilation_w,
			 o->dilation_h);
		break;
	case MN_BUILTIN_DEPTHWISE_CONV_2D:
		snprintf(buf, size,
			 "padding=%s stride_w=%d stride_h=%d depth_multiplier=%d act=%s dil_w=%d "
			 "dil_h=%d",
			 padding, o->stride_w, o->stride_h, o->depth_multiplier, acts[o->fused],
			 o->dilation_w, o->dilation_h);
		break;
	case MN_BUILTIN_AVERAGE_POOL_2D:
	case MN_BUILTIN_MAX_POOL_2D:
		snprintf(buf, size, "padding=%s stride_w=%d stride_h=%d kw=%d kh=%d act=%s",
			 padding, o->stride_w, o->stride_h, o->kernel_w, o->kernel_h,
			 acts[o->fused]);
		break;
	case MN_BUILTIN_FULLY_CONNECTED:
		snprintf(buf, size, "act=%s weights_format=%u keep_num_dims=%s", acts[o->fused],
			 o->weights_format, o->keep_dims ? "True" : "False");
		break;
	case MN_BUILTIN_ADD:
		snprintf(buf, size, "act=%s", acts[o->fused]);
		break;
	case MN_BUILTIN_SOFTMAX:
		snprintf(buf, size, "beta=%.1f", (double)o->beta);
		break;
	default:
		break;
	}
}

static void test_layers(void **state)
{
	FILE *f = open_csv("model-layers.csv");
	char line[2048], name[256] = "", where[512], text[256];
	struct mn_model *model = NULL;
	unsigned layers = 0;
	char *field[8];

	(void)state;
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f)) {
		const struct mn_subgraph *s;
		const struct mn_operator *op;
		uint32_t index;

		assert_int_equal(split(line, field, 8), 8);
		if (strcmp(name, field[0])) {
			mn_model_free(model);
			snprintf(name, sizeof(name), "%s", field[0]);
			model = open_model(name);
		}
		snprintf(where, sizeof(where), "%s %s %s", name, field[1], field[2]);
		s = &model->subgraphs[0];
		index = (uint32_t)strtoul(field[1], NULL, 10);
		assert_in_range(index, 0, s->n_operators - 1);
		op = &s->operators[index];
		if (strcmp(mn_operator_name(op), field[2]))
			fail_msg("%s is %s", where, mn_operator_name(op));
		shape_text(&s->tensors[op->outputs[0]], text, sizeof(text));
		field[5][strcspn(field[5], " ")] = '\0';
		if (strcmp(text, field[5]))
			fail_msg("%s: output %s, not %s", where, text, field[5]);
		shape_text(&s->tensors[op->inputs[0]], text, sizeof(text));
		field[3][strcspn(field[3], " ")] = '\0';
		if (*field[3] && !s->tensors[op->inputs[0]].data && strcmp(text, field[3]))
			fail_msg("%s: input %s, not %s", where, text, field[3]);
		options_text(op, text, sizeof(text));
		if (*text && strcmp(text, field[6]))
			fail_msg("%s: options %s, not %s", where, text, field[6]);
		if (macs_of(s, index, where) != strtoull(field[7], NULL, 10))
			fail_msg("%s: not %s MACs", where, field[7]);
		layers++;
	}
	mn_model_free(model);
	fclose(f);
	printf("%u layers agree\n", layers);
	assert_true(layers > 300);
}

static void test_models(void **state)
{
	FILE *f = open_csv("model-census.csv");
	char line[2048];
	char *field[7];
	unsigned models = 0;

	(void)state;
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f)) {
		struct mn_model *model;
		uint64_t macs = 0;

		assert_int_equal(split(line, field, 7), 7);
		model = open_model(field[0]);
		assert_int_equal(model->subgraphs[0].n_operators, strtoul(field[1], NULL, 10));
		for (uint32_t i = 0; i < model->subgraphs[0].n_operators; i++)
			macs += macs_of(&model->subgraphs[0], i, field[0]);
		if (macs != strtoull(field[2], NULL, 10))
			fail_msg("%s: %llu MACs, not %s", field[0], (unsigned long long)macs,
				 field[2]);
		mn_model_free(model);
		models++;
	}
	fclose(f);
	printf("%u models agree\n", models);
	assert_true(models >= 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_models),
	};
	const char *top = getenv("MNCHAR_SOURCE_DIR"), *given = getenv("MNCHAR_SHARED");
	FILE *f;

	if (given && *given)
		snprintf(shared, sizeof(shared), "%s", given);
	else
		snprintf(shared, sizeof(shared), "%s/../shared", top ? top : ".");
	f = open_csv("model-layers.csv");
	if (!f) {
		printf("skipped: %s/data/model-layers.csv is not there (MNCHAR_SHARED)\n", shared);
		return 77;
	}
	fclose(f);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
