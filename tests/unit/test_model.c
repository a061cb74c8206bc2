/* SPDX-License-Identifier: MIT */
/* The .tflite reader and the lowering: what they read, and what they make of broken files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flatbuf.h"
#include "lower.h"
#include "quant.h"

/* One operator each, small. */
static const char conv_name[] = "conv_2d/conv_2d_003_k1x1_s2x2_same_5x3_c2_1_none";
static const char add_name[] = "add/add_006_1x6x5x7_1x6x5x1_relu";

static void golden_path(char *path, size_t size, const char *name)
{
	const char *top = getenv("MNCHAR_SOURCE_DIR");

	snprintf(path, size, "%s/tests/golden/%s.tflite", top ? top : ".", name);
}

static uint8_t *load(const char *name, size_t *ret_size)
{
	char path[1024];
	uint8_t *data = malloc(1 << 16);
	FILE *f;

	assert_non_null(data);
	golden_path(path, sizeof(path), name);
	f = fopen(path, "rb");
	assert_non_null(f);
	*ret_size = fread(data, 1, 1 << 16, f);
	fclose(f);
	return data;
}

static void put32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

/* Where a field of the table at `pos` is in the file; it must be there. */
static uint32_t field_at(const uint8_t *data, uint32_t pos, unsigned field)
{
	uint32_t vtable = pos - mn_fb_le32(data + pos);
	uint32_t at = data[vtable + 4 + 2 * field] | data[vtable + 5 + 2 * field] << 8;

	assert_int_not_equal(at, 0);
	return pos + at;
}

/* Where what the field points to is. */
static uint32_t target(const uint8_t *data, uint32_t pos, unsigned field)
{
	uint32_t at = field_at(data, pos, field);

	return at + mn_fb_le32(data + at);
}

/* Table i of a vector of tables. */
static uint32_t element(const uint8_t *data, uint32_t vector, uint32_t i)
{
	uint32_t at = vector + 4 + 4 * i;

	return at + mn_fb_le32(data + at);
}

/* Parse a copy that is exactly as long as the file, so that the sanitizer sees a byte too many. */
static int parse(const uint8_t *data, size_t size, struct mn_model **ret, struct mn_err *err)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct mn_model *model = NULL;
	int rc;

	assert_non_null(copy);
	if (size)
		memcpy(copy, data, size);
	memset(err, 0, sizeof(*err));
	rc = mn_model_parse(copy, size, &model, err);
	if (rc < 0) {
		assert_null(model);
		assert_int_equal(err->code, rc);
		assert_memory_equal(err->msg, "byte ", 5);
	}
	if (rc == 0 && ret)
		*ret = model;
	else
		mn_model_free(model);
	if (rc < 0 || !ret)
		free(copy);
	return rc;
}

static void free_parsed(struct mn_model *model)
{
	uint8_t *copy = (uint8_t *)(uintptr_t)model->data;

	mn_model_free(model);
	free(copy);
}

static void test_reads(void **state)
{
	char path[1024];
	struct mn_model *model;
	const struct mn_subgraph *s;
	const struct mn_operator *op;
	const struct mn_tensor *in, *weights;
	struct mn_err err;

	(void)state;
	golden_path(path, sizeof(path), conv_name);
	assert_int_equal(mn_model_open(path, &model, &err), 0);
	assert_int_equal(model->version, 3);
	assert_int_equal(model->n_subgraphs, 1);
	s = &model->subgraphs[0];
	assert_int_equal(s->n_operators, 1);
	assert_int_equal(s->n_inputs, 1);
	assert_int_equal(s->n_outputs, 1);
	op = &s->operators[0];
	assert_string_equal(mn_operator_name(op), "CONV_2D");
	assert_true(op->options.padding_same);
	assert_int_equal(op->options.stride_h, 2);
	assert_int_equal(op->options.stride_w, 2);
	assert_int_equal(op->options.dilation_h, 1);
	assert_int_equal(op->options.fused, MN_FUSED_NONE);
	assert_int_equal(op->inputs[0], s->inputs[0]);
	assert_int_equal(op->outputs[0], s->outputs[0]);
	in = &s->tensors[op->inputs[0]];
	assert_int_equal(in->rank, 4);
	assert_int_equal(in->shape[1], 5);
	assert_int_equal(in->shape[2], 3);
	assert_int_equal(in->shape[3], 2);
	assert_int_equal(in->bytes, 30);
	assert_int_equal(in->type, MN_TYPE_INT8);
	assert_string_equal(mn_type_name(in->type), "INT8");
	assert_null(in->data);
	assert_int_equal(in->n_scales, 1);
	assert_true(mn_tensor_scale(in, 0) > 0);
	assert_in_range(mn_tensor_zero_point(in, 0) + 128, 0, 255);
	weights = &s->tensors[op->inputs[1]];
	assert_non_null(weights->data);
	assert_true(weights->data_bytes >= weights->bytes);
	assert_int_equal(mn_tensor_zero_point(weights, 0), 0);
	mn_model_free(model);
	mn_model_free(NULL);

	assert_int_equal(mn_model_open("/nonexistent/x.tflite", &model, &err), MN_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "/nonexistent/x.tflite"));
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(mn_builtin_name(MN_BUILTIN_ADD), "ADD");
	assert_string_equal(mn_builtin_name(114), "QUANTIZE");
	assert_string_equal(mn_builtin_name(128), "CUMSUM");
	assert_string_equal(mn_builtin_name(209), "STABLEHLO_CASE");
	for (int i = 0; i < MN_BUILTIN_COUNT; i++)
		assert_string_not_equal(mn_builtin_name(i), "?");
	assert_string_equal(mn_builtin_name(MN_BUILTIN_COUNT), "?");
	assert_string_equal(mn_builtin_name(-1), "?");
	assert_string_equal(mn_type_name(MN_TYPE_COUNT), "?");
}

/* Every prefix of a file is refused or read, never read beyond. */
static void test_truncated(void **state)
{
	const char *names[] = {conv_name, add_name};
	struct mn_err err;

	(void)state;
	for (int n = 0; n < 2; n++) {
		size_t size;
		uint8_t *data = load(names[n], &size);
		unsigned refused = 0;

		for (size_t k = 0; k < size; k++)
			refused += parse(data, k, NULL, &err) < 0;
		assert_int_equal(parse(data, size, NULL, &err), 0);
		assert_true(refused > size / 2);
		free(data);
	}
}

/* Every byte changed to a few telling values: refused or read and lowered, never beyond. */
static void test_changed(void **state)
{
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	size_t size;
	uint8_t *data = load(add_name, &size);
	struct mn_err err;

	(void)state;
	for (size_t k = 0; k < size; k++) {
		uint8_t old = data[k];

		for (size_t i = 0; i < sizeof(values); i++) {
			struct mn_model *model;
			struct mn_lowered lowered;

			data[k] = values[i];
			if (parse(data, size, &model, &err) < 0)
				continue;
			for (uint32_t op = 0; op < model->subgraphs[0].n_operators; op++)
				if (mn_lower(&model->subgraphs[0], op, &lowered, &err) == 0)
					mn_lowered_free(&lowered);
			free_parsed(model);
		}
		data[k] = old;
	}
	free(data);
}

static void test_header(void **state)
{
	uint8_t data[16] = "\0\0\0\0TFL3";
	struct mn_err err;

	(void)state;
	assert_int_equal(parse(data, 0, NULL, &err), MN_E_SYNTAX);
	assert_int_equal(parse(data, 7, NULL, &err), MN_E_SYNTAX);
	assert_memory_equal(err.msg, "byte 7:", 7);
	/* The root offset leads to itself, behind the end, and to 0. */
	for (uint32_t offset = 0; offset < 64; offset++) {
		put32(data, offset);
		assert_true(parse(data, sizeof(data), NULL, &err) < 0);
	}
	put32(data, 0xffffffff);
	assert_int_equal(parse(data, sizeof(data), NULL, &err), MN_E_SYNTAX);
	assert_memory_equal(err.msg, "byte 0:", 7);
	data[7] = '4';
	assert_int_equal(parse(data, sizeof(data), NULL, &err), MN_E_SYNTAX);
	assert_memory_equal(err.msg, "byte 4:", 7);
}

/* A value at a place of the golden convolution is refused with that code and that byte. */
static void refuse(size_t place, uint32_t value, int code, size_t byte)
{
	size_t size;
	uint8_t *data = load(conv_name, &size);
	char want[32];
	struct mn_err err;

	put32(data + place, value);
	snprintf(want, sizeof(want), "byte %zu:", byte);
	if (parse(data, size, NULL, &err) != code || memcmp(err.msg, want, strlen(want)))
		fail_msg("%u at %zu: %s %s, not %s at byte %zu", value, place,
			 mn_err_name(err.code), err.msg, mn_err_name(code), byte);
	free(data);
}

static void test_hostile(void **state)
{
	size_t size;
	uint8_t *data = load(conv_name, &size);
	uint32_t root = mn_fb_le32(data);
	uint32_t subgraph = element(data, target(data, root, 2), 0);
	uint32_t tensor = element(data, target(data, subgraph, 0), 0);
	uint32_t shape = target(data, tensor, 0);
	uint32_t op = element(data, target(data, subgraph, 3), 0);
	uint32_t inputs = target(data, op, 1);
	uint32_t at;

	(void)state;
	/* Schema version. */
	refuse(field_at(data, root, 0), 4, MN_E_UNSUPPORTED, root);
	/* Absurd counts. */
	refuse(shape, 0xffffffff, MN_E_SYNTAX, shape);
	refuse(shape, 9, MN_E_UNSUPPORTED, shape + 4);
	at = target(data, subgraph, 0);
	refuse(at, 0x40000000, MN_E_SYNTAX, at);
	at = target(data, root, 4);
	refuse(at, 0x7fffffff, MN_E_SYNTAX, at);
	/* Dimensions that are negative, or overflow in the product. */
	refuse(shape + 8, 0xffffffff, MN_E_INVALID, shape + 8);
	refuse(shape + 8, 0x7fffffff, MN_E_OVERFLOW, shape + 4);
	/* Offsets behind the end, into nothing, and a table that is its own vtable. */
	at = field_at(data, tensor, 0);
	refuse(at, 0xfffffffc, MN_E_SYNTAX, at);
	refuse(at, 0, MN_E_SYNTAX, at);
	refuse(tensor, 0x7fffffff, MN_E_SYNTAX, tensor);
	refuse(tensor, 0x80000000, MN_E_SYNTAX, tensor);
	/* Indices of nothing. */
	refuse(inputs + 4, 1000, MN_E_INVALID, inputs + 4);
	refuse(inputs + 4, (uint32_t)-2, MN_E_INVALID, inputs + 4);
	at = target(data, op, 2);
	refuse(at + 4, (uint32_t)-1, MN_E_INVALID, at + 4);
	at = target(data, subgraph, 1);
	refuse(at + 4, (uint32_t)-1, MN_E_INVALID, at + 4);
	at = element(data, target(data, subgraph, 0), mn_fb_le32(data + inputs + 8));
	refuse(field_at(data, at, 2), 77, MN_E_INVALID, at);
	free(data);
}

/*
 * Subgraphs that share one list of tensors would make a reader allocate the square of the file's
 * size.
 */
static void test_shared_lists(void **state)
{
	enum { N = 2000, SIZE = 8 + 16 + 12 + 4 + 4 * N + 8 + 8 + 4 + 4 * N + 8 };
	uint8_t *data = calloc(1, SIZE);
	uint32_t model, subgraphs, subgraph, tensors, tensor;
	struct mn_err err;

	(void)state;
	assert_non_null(data);
	memcpy(data + 4, "TFL3", 4);
	/* vtable of the model: version at 4, subgraphs at 8. */
	memcpy(data + 8, "\x0a\0\x0c\0\x04\0\0\0\x08\0", 10);
	model = 24;
	put32(data, model);
	put32(data + model, model - 8);
	put32(data + model + 4, 3);
	subgraphs = model + 12;
	put32(data + model + 8, 4);
	put32(data + subgraphs, N);
	/* vtable of the subgraph: tensors at 4. */
	subgraph = subgraphs + 4 + 4 * N + 8;
	memcpy(data + subgraph - 8, "\x06\0\x08\0\x04\0", 6);
	put32(data + subgraph, 8);
	for (uint32_t i = 0; i < N; i++)
		put32(data + subgraphs + 4 + 4 * i, subgraph - (subgraphs + 4 + 4 * i));
	tensors = subgraph + 8;
	put32(data + subgraph + 4, 4);
	put32(data + tensors, N);
	/* The tensor: an empty table, its vtable in front. */
	tensor = tensors + 4 + 4 * N + 4;
	memcpy(data + tensor - 4, "\x04\0\x04\0", 4);
	put32(data + tensor, 4);
	for (uint32_t i = 0; i < N; i++)
		put32(data + tensors + 4 + 4 * i, tensor - (tensors + 4 + 4 * i));
	assert_int_equal(tensor + 4, SIZE);

	assert_int_equal(parse(data, SIZE, NULL, &err), MN_E_SYNTAX);
	assert_non_null(strstr(err.msg, "share"));
	/* One subgraph alone is a model, if an empty one. */
	put32(data + subgraphs, 1);
	assert_int_equal(parse(data, SIZE, NULL, &err), 0);
	free(data);
}

/* Codes above 127 are only in builtin_code; old files have only the byte. */
static void test_operator_code(void **state)
{
	size_t size;
	uint8_t *data = load(conv_name, &size);
	uint32_t root = mn_fb_le32(data);
	uint32_t code = element(data, target(data, root, 1), 0);
	uint32_t old = field_at(data, code, 0), builtin = field_at(data, code, 3);
	const struct {
		uint8_t old;
		uint32_t builtin;
		const char *name;
	} cases[] = {
		{3, 0, "CONV_2D"},          {3, 3, "CONV_2D"}, {0, 3, "CONV_2D"},
		{127, 130, "BROADCAST_TO"}, {127, 9999, "?"},
	};
	struct mn_lowered lowered;
	struct mn_model *model;
	struct mn_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		data[old] = cases[i].old;
		put32(data + builtin, cases[i].builtin);
		assert_int_equal(parse(data, size, &model, &err), 0);
		assert_string_equal(mn_operator_name(&model->subgraphs[0].operators[0]),
				    cases[i].name);
		if (cases[i].builtin > 3) {
			assert_int_equal(mn_lower(&model->subgraphs[0], 0, &lowered, &err),
					 MN_E_UNSUPPORTED);
			assert_non_null(strstr(err.msg, cases[i].name));
		}
		free_parsed(model);
	}
	put32(data + builtin, (uint32_t)-5);
	data[old] = 0x80;
	assert_int_equal(parse(data, size, NULL, &err), MN_E_INVALID);
	free(data);
}

/* Constants at an address that is no multiple of 4 are copied to one that is. */
static void test_unaligned(void **state)
{
	size_t size;
	uint8_t *data = load(conv_name, &size);
	uint8_t *moved = malloc(size + 4);
	struct mn_err err;

	(void)state;
	assert_non_null(moved);
	for (int shift = 0; shift < 4; shift++) {
		struct mn_model *model;
		struct mn_lowered lowered;
		const struct mn_tensor *weights;

		memcpy(moved + shift, data, size);
		assert_int_equal(mn_model_parse(moved + shift, size, &model, &err), 0);
		assert_int_equal(mn_lower(&model->subgraphs[0], 0, &lowered, &err), 0);
		assert_int_equal((uintptr_t)lowered.weights % 4, 0);
		assert_int_equal((uintptr_t)lowered.bias % 4, 0);
		weights = &model->subgraphs[0].tensors[model->subgraphs[0].operators[0].inputs[1]];
		assert_memory_equal(lowered.weights, weights->data, weights->bytes);
		mn_lowered_free(&lowered);
		mn_lowered_free(NULL);
		mn_model_free(model);
	}
	free(moved);
	free(data);
}

static void test_lower_refuses(void **state)
{
	size_t size;
	uint8_t *data = load(conv_name, &size);
	uint32_t root = mn_fb_le32(data);
	uint32_t subgraph = element(data, target(data, root, 2), 0);
	uint32_t op = element(data, target(data, subgraph, 3), 0);
	uint32_t input = mn_fb_le32(data + target(data, op, 1) + 4);
	uint32_t tensor = element(data, target(data, subgraph, 0), input);
	uint32_t type = field_at(data, tensor, 1);
	struct mn_lowered lowered;
	struct mn_layer layer;
	struct mn_model *model;
	struct mn_err err;

	(void)state;
	/* A float input: counted, not run. */
	data[type] = MN_TYPE_FLOAT32;
	assert_int_equal(parse(data, size, &model, &err), 0);
	assert_int_equal(mn_lower_layer(&model->subgraphs[0], 0, &layer, &err), 0);
	assert_int_equal(layer.op, MN_OP_CONV_2D);
	assert_int_equal(mn_lower(&model->subgraphs[0], 0, &lowered, &err), MN_E_UNSUPPORTED);
	assert_string_equal(err.msg, "operator 0, CONV_2D: the input is FLOAT32");
	assert_int_equal(mn_lower(&model->subgraphs[0], 1, &lowered, &err), MN_E_INVALID);
	free_parsed(model);
	data[type] = MN_TYPE_COUNT;
	assert_int_equal(parse(data, size, NULL, &err), MN_E_UNSUPPORTED);
	free(data);
}

static void test_multiplier(void **state)
{
	int32_t mult, shift, diff_min;

	(void)state;
	assert_int_equal(mn_quant_multiplier(0.5, &mult, &shift), 0);
	assert_int_equal(mult, 1 << 30);
	assert_int_equal(shift, 0);
	assert_int_equal(mn_quant_multiplier(3, &mult, &shift), 0);
	assert_int_equal(mult, 3 << 29);
	assert_int_equal(shift, 2);
	assert_int_equal(mn_quant_multiplier(0, &mult, &shift), 0);
	assert_int_equal(mult, 0);
	/* Rounds up to 2^31, which becomes 2^30 and one more shift. */
	assert_int_equal(mn_quant_multiplier(1 - 0x1p-40, &mult, &shift), 0);
	assert_int_equal(mult, 1 << 30);
	assert_int_equal(shift, 1);
	assert_int_equal(mn_quant_multiplier(0x1p-32, &mult, &shift), 0);
	assert_int_equal(mult, 1 << 30);
	assert_int_equal(shift, -31);
	assert_int_equal(mn_quant_multiplier(0x1p-33, &mult, &shift), 0);
	assert_int_equal(mult, 0);
	assert_int_equal(shift, 0);
	assert_int_equal(mn_quant_multiplier(0x1p30, &mult, &shift), MN_E_INVALID);
	assert_int_equal(mn_quant_multiplier(-1, &mult, &shift), MN_E_INVALID);
	assert_int_equal(mn_quant_multiplier(NAN, &mult, &shift), MN_E_INVALID);
	assert_int_equal(mn_quant_multiplier(INFINITY, &mult, &shift), MN_E_INVALID);

	assert_int_equal(mn_quant_softmax(1, 0x1p-6f, &mult, &shift, &diff_min), 0);
	assert_int_equal(mult, 1 << 30);
	assert_int_equal(shift, 21);
	assert_int_equal(diff_min, -31 * 32);
	assert_int_equal(mn_quant_softmax(1, 0x1p-30f, &mult, &shift, &diff_min), MN_E_INVALID);
	assert_int_equal(mn_quant_softmax(1, 1e30f, &mult, &shift, &diff_min), MN_E_INVALID);
	assert_int_equal(mn_quant_softmax(NAN, 1, &mult, &shift, &diff_min), MN_E_INVALID);

	assert_int_equal(mn_quant_bound(6, 0.1f, -20), 40);
	assert_int_equal(mn_quant_bound(0, 0.1f, -20), -20);
	assert_int_equal(mn_quant_bound(6, 1e-30f, -128), 127);
	assert_int_equal(mn_quant_bound(0.05f, 0.1f, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),        cmocka_unit_test(test_names),
		cmocka_unit_test(test_truncated),    cmocka_unit_test(test_changed),
		cmocka_unit_test(test_header),       cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_shared_lists), cmocka_unit_test(test_operator_code),
		cmocka_unit_test(test_unaligned),    cmocka_unit_test(test_lower_refuses),
		cmocka_unit_test(test_multiplier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
