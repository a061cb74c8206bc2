/* SPDX-License-Identifier: MIT */
/* The arena of small models whose figures are worked out by hand in the comments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

/* Never read: constants only have to be there. */
static const uint8_t constant[4096];

static struct mn_tensor tensor(uint8_t type, unsigned rank, const int32_t *shape, uint32_t n_scales)
{
	struct mn_tensor t = {.name = "", .type = type, .rank = (uint8_t)rank, .elements = 1};

	for (unsigned i = 0; i < rank; i++) {
		t.shape[i] = shape[i];
		t.elements *= (uint64_t)shape[i];
	}
	t.bytes = t.elements * (type == MN_TYPE_INT32 || type == MN_TYPE_FLOAT32 ? 4 : 1);
	t.n_scales = t.n_zero_points = n_scales;
	return t;
}

static struct mn_tensor weights(uint8_t type, unsigned rank, const int32_t *shape, uint32_t scales)
{
	struct mn_tensor t = tensor(type, rank, shape, scales);

	t.data = constant;
	t.data_bytes = (uint32_t)t.bytes;
	return t;
}

#define SHAPE(...)                                                                                 \
	(const int32_t[])                                                                          \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define LIST(...)                                                                                  \
	(const int32_t[])                                                                          \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

static struct mn_operator operator_of(int32_t builtin, uint32_t n_in, const int32_t *in,
				      uint32_t n_out, const int32_t *out)
{
	return (struct mn_operator){.builtin = builtin,
				    .custom_name = "",
				    .n_inputs = n_in,
				    .inputs = in,
				    .n_outputs = n_out,
				    .outputs = out,
				    .options = {.subgraphs = {-1, -1},
						.stride_h = 1,
						.stride_w = 1,
						.dilation_h = 1,
						.dilation_w = 1}};
}

static struct mn_arena *plan(const struct mn_subgraph *subgraphs, uint32_t n,
			     const struct mn_metadata *metadata)
{
	const struct mn_model model = {.subgraphs = subgraphs,
				       .n_subgraphs = n,
				       .metadata = metadata,
				       .n_metadata = metadata ? 1 : 0};
	struct mn_arena *a;
	struct mn_err err;

	if (mn_arena_plan(&model, NULL, &a, &err) < 0)
		fail_msg("%s", err.msg);
	return a;
}

static void test_softmax(void **state)
{
	const struct mn_tensor t[] = {tensor(MN_TYPE_INT8, 2, SHAPE(1, 10), 1),
				      tensor(MN_TYPE_INT8, 2, SHAPE(1, 10), 1)};
	const struct mn_operator op[] = {operator_of(MN_BUILTIN_SOFTMAX, 1, LIST(0), 1, LIST(1))};
	const struct mn_subgraph g = {"", t, op, LIST(0), LIST(1), 2, 1, 1, 1};
	struct mn_arena *a = plan(&g, 1, NULL);

	(void)state;
	/*
	 * Head: both live while the operator runs, 16 each. Tail: allocators 36 44 36 8 and the
	 * subgraph's 8: 132; two tensors of 12: 156; a node of 32: 188; options of 4: 192; data of
	 * 64, aligned: 256; for the input a pointer: 260, aligned 272; its tensor of 32: 304,
	 * scales 12 and 8: 324; the output's pointer: 328, aligned 336; 52 more: 388.
	 */
	assert_int_equal(a->nonpersistent_bytes, 32);
	assert_int_equal(a->persistent_bytes, 388);
	assert_int_equal(a->used_bytes, 420);
	/* Plan: 12 * 12 + 4 + 24 * 2 = 196, aligned 208; 40 * 2 = 80; 256 of the tail: 544. */
	assert_int_equal(a->plan_phase_bytes, 544);
	/* Prepare: 144 for requests, two temporary tensors of 52, 256: 504. */
	assert_int_equal(a->prepare_phase_bytes, 504);
	assert_int_equal(a->smallest_bytes, 544);
	/* With the recording structs, 16 + 88 more, all else moves by the alignment: 192 + 104 =
	 * 296, 360 -> 368, 372 -> 384, 436, 440 -> 448, 500. */
	assert_int_equal(a->recording_persistent_bytes, 500);
	assert_int_equal(a->recorded[MN_ARENA_PERSISTENT_BUFFER].requested_bytes, 72);
	assert_int_equal(a->recorded[MN_ARENA_PERSISTENT_BUFFER].used_bytes, 72 + 16 + 12);
	assert_int_equal(a->recorded[MN_ARENA_PERSISTENT_BUFFER].n, 3);
	assert_int_equal(a->n_steps, 2);
	assert_int_equal(a->peak, 1);
	assert_int_equal(a->steps[1].op, 0);
	assert_int_equal(a->op_persistent_bytes[0], 4 + 64);
	/* The later of two equals lies lower. */
	assert_int_equal(a->buffers[1].offset, 0);
	assert_int_equal(a->buffers[0].offset, 16);
	mn_arena_free(a);
}

static struct mn_arena *plan_conv(const struct mn_options *options, const struct mn_tensor *in,
				  const struct mn_tensor *filter, const struct mn_tensor *out,
				  int32_t builtin)
{
	const struct mn_tensor t[] = {*in, *filter, *out};
	struct mn_operator op[] = {operator_of(builtin, 2, LIST(0, 1), 1, LIST(2))};
	const struct mn_subgraph g = {"", t, op, LIST(0), LIST(2), 3, 1, 1, 1};

	if (options)
		op[0].options = *options;
	op[0].options.subgraphs[0] = op[0].options.subgraphs[1] = -1;
	return plan(&g, 1, NULL);
}

/* Bytes of the only scratch buffer, 0 if there is none. */
static uint64_t scratch_of(struct mn_arena *a)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < a->n_buffers; i++)
		if (a->buffers[i].tensor < 0) {
			assert_int_equal(bytes, 0);
			assert_int_equal(a->buffers[i].first, a->buffers[i].last);
			bytes = a->buffers[i].bytes;
		}
	mn_arena_free(a);
	return bytes;
}

static void test_convolution_scratch(void **state)
{
	const struct mn_tensor in = tensor(MN_TYPE_INT8, 4, SHAPE(1, 8, 8, 3), 1);
	const struct mn_tensor out = tensor(MN_TYPE_INT8, 4, SHAPE(1, 8, 8, 5), 1);
	const struct mn_tensor k3 = weights(MN_TYPE_INT8, 4, SHAPE(5, 3, 3, 3), 5);
	const struct mn_tensor k1 = weights(MN_TYPE_INT8, 4, SHAPE(5, 1, 1, 3), 5);
	const struct mn_tensor float_in = tensor(MN_TYPE_FLOAT32, 4, SHAPE(1, 8, 8, 3), 0);
	const struct mn_tensor float_out = tensor(MN_TYPE_FLOAT32, 4, SHAPE(1, 8, 8, 5), 0);
	const struct mn_tensor float_k3 = weights(MN_TYPE_FLOAT32, 4, SHAPE(5, 3, 3, 3), 0);
	const struct mn_options plain = {.padding_same = true,
					 .stride_h = 1,
					 .stride_w = 1,
					 .dilation_h = 1,
					 .dilation_w = 1};
	struct mn_options dilated = plain;

	(void)state;
	/* Two columns of int16 of 27 taps, rounded to 28. */
	assert_int_equal(scratch_of(plan_conv(&plain, &in, &k3, &out, MN_BUILTIN_CONV_2D)), 112);
	assert_int_equal(scratch_of(plan_conv(&plain, &in, &k1, &out, MN_BUILTIN_CONV_2D)), 0);
	dilated.dilation_w = 2;
	assert_int_equal(scratch_of(plan_conv(&dilated, &in, &k1, &out, MN_BUILTIN_CONV_2D)), 16);
	assert_int_equal(
		scratch_of(plan_conv(&plain, &float_in, &float_k3, &float_out, MN_BUILTIN_CONV_2D)),
		0);
}

static void test_depthwise_scratch(void **state)
{
	const struct mn_tensor in = tensor(MN_TYPE_INT8, 4, SHAPE(1, 9, 9, 6), 1);
	const struct mn_tensor k3 = weights(MN_TYPE_INT8, 4, SHAPE(1, 3, 3, 6), 6);
	const struct mn_tensor k5 = weights(MN_TYPE_INT8, 4, SHAPE(1, 5, 5, 6), 6);
	const struct mn_tensor twice = weights(MN_TYPE_INT8, 4, SHAPE(1, 5, 5, 12), 12);
	const struct mn_tensor out2 = tensor(MN_TYPE_INT8, 4, SHAPE(1, 9, 9, 12), 1);
	const int32_t dw = MN_BUILTIN_DEPTHWISE_CONV_2D;

	(void)state;
	assert_int_equal(scratch_of(plan_conv(NULL, &in, &k3, &in, dw)), 0);
	assert_int_equal(scratch_of(plan_conv(NULL, &in, &k5, &in, dw)), 2 * 6 * 25);
	assert_int_equal(scratch_of(plan_conv(NULL, &in, &twice, &out2, dw)), 0);
}

static void test_refused_types(void **state)
{
	const struct mn_tensor in = tensor(MN_TYPE_UINT8, 4, SHAPE(1, 8, 8, 3), 1);
	const struct mn_tensor k3 = weights(MN_TYPE_UINT8, 4, SHAPE(5, 3, 3, 3), 1);
	const struct mn_tensor out = tensor(MN_TYPE_UINT8, 4, SHAPE(1, 8, 8, 5), 1);
	const struct mn_tensor float_in = tensor(MN_TYPE_FLOAT32, 4, SHAPE(1, 8, 8, 3), 0);
	const struct mn_tensor int_k3 = weights(MN_TYPE_INT8, 4, SHAPE(5, 3, 3, 3), 1);
	struct mn_arena *a = plan_conv(NULL, &in, &k3, &out, MN_BUILTIN_CONV_2D);

	(void)state;
	assert_int_equal(a->n_issues, 1);
	assert_non_null(strstr(a->issues[0].text, "CONV_2D"));
	assert_non_null(strstr(a->issues[0].text, "type of its input"));
	mn_arena_free(a);
	a = plan_conv(NULL, &float_in, &int_k3, &out, MN_BUILTIN_CONV_2D);
	assert_int_equal(a->n_issues, 1);
	mn_arena_free(a);
}

static void test_unknown_operators(void **state)
{
	const struct mn_tensor t[] = {tensor(MN_TYPE_INT8, 1, SHAPE(16), 1),
				      tensor(MN_TYPE_INT8, 1, SHAPE(16), 1),
				      tensor(MN_TYPE_INT8, 1, SHAPE(16), 1)};
	struct mn_operator op[] = {operator_of(MN_BUILTIN_TILE, 1, LIST(0), 1, LIST(1)),
				   operator_of(MN_BUILTIN_CUSTOM, 1, LIST(1), 1, LIST(2))};
	const struct mn_subgraph g = {"", t, op, LIST(0), LIST(2), 3, 2, 1, 1};
	struct mn_arena *a;

	(void)state;
	op[1].custom_name = "ethos-u";
	a = plan(&g, 1, NULL);
	assert_int_equal(a->n_issues, 2);
	assert_non_null(strstr(a->issues[0].text, "TILE"));
	assert_non_null(strstr(a->issues[1].text, "ethos-u"));
	assert_int_equal(a->nonpersistent_bytes, 32);
	mn_arena_free(a);
}

static void test_variables_and_untouched_tensors(void **state)
{
	struct mn_tensor t[] = {tensor(MN_TYPE_INT8, 1, SHAPE(16), 1),
				tensor(MN_TYPE_INT8, 1, SHAPE(16), 1),
				tensor(MN_TYPE_INT8, 1, SHAPE(20), 1),  /* a variable */
				tensor(MN_TYPE_INT8, 1, SHAPE(100), 1), /* of no operator */
				tensor(MN_TYPE_INT8, 1, SHAPE(0), 1)};  /* empty */
	const struct mn_operator op[] = {operator_of(MN_BUILTIN_LOGISTIC, 1, LIST(0), 1, LIST(1))};
	const struct mn_subgraph g = {"", t, op, LIST(0), LIST(1), 5, 1, 1, 1};
	struct mn_arena *a;

	(void)state;
	t[2].is_variable = true;
	a = plan(&g, 1, NULL);
	/* The tensor that nothing touches is planned, but shares with all that run. */
	assert_int_equal(a->n_buffers, 3);
	assert_int_equal(a->nonpersistent_bytes, 112);
	assert_int_equal(a->recorded[MN_ARENA_VARIABLE].requested_bytes, 20);
	assert_int_equal(a->recorded[MN_ARENA_VARIABLE].n, 1);
	mn_arena_free(a);
}

static void test_offline_plan(void **state)
{
	const struct mn_tensor t[] = {tensor(MN_TYPE_INT8, 1, SHAPE(16), 1),
				      tensor(MN_TYPE_INT8, 1, SHAPE(16), 1)};
	const struct mn_operator op[] = {operator_of(MN_BUILTIN_LOGISTIC, 1, LIST(0), 1, LIST(1))};
	const struct mn_subgraph g = {"", t, op, LIST(0), LIST(1), 2, 1, 1, 1};
	uint8_t offsets[] = {1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 64, 0, 0, 0, 255, 255, 255, 255};
	struct mn_metadata meta = {"OfflineMemoryAllocation", offsets, sizeof(offsets)};
	const struct mn_model model = {
		.subgraphs = &g, .n_subgraphs = 1, .metadata = &meta, .n_metadata = 1};
	struct mn_arena *a = plan(&g, 1, &meta), *untouched = NULL;
	struct mn_err err;

	(void)state;
	assert_int_equal(a->buffers[0].offset, 64);
	assert_int_equal(a->buffers[1].offset, 0);
	assert_int_equal(a->nonpersistent_bytes, 80);
	mn_arena_free(a);

	offsets[8] = 3;
	assert_int_equal(mn_arena_plan(&model, NULL, &untouched, &err), MN_E_INVALID);
	offsets[8] = 2;
	meta.data_bytes -= 4;
	assert_int_equal(mn_arena_plan(&model, NULL, &untouched, &err), MN_E_INVALID);
	assert_null(untouched);
}

static void test_called_subgraphs(void **state)
{
	const struct mn_tensor t[] = {tensor(MN_TYPE_BOOL, 1, SHAPE(1), 0),
				      tensor(MN_TYPE_INT8, 1, SHAPE(32), 1),
				      tensor(MN_TYPE_INT8, 1, SHAPE(32), 1)};
	const struct mn_tensor then[] = {tensor(MN_TYPE_INT8, 1, SHAPE(32), 1),
					 tensor(MN_TYPE_INT8, 1, SHAPE(32), 1)};
	struct mn_operator call[] = {operator_of(MN_BUILTIN_IF, 2, LIST(0, 1), 1, LIST(2))};
	struct mn_operator work[] = {operator_of(MN_BUILTIN_LOGISTIC, 1, LIST(0), 1, LIST(1))};
	const struct mn_subgraph g[] = {{"", t, call, LIST(0, 1), LIST(2), 3, 1, 2, 1},
					{"", then, work, LIST(0), LIST(1), 2, 1, 1, 1},
					{"", then, work, LIST(0), LIST(1), 2, 1, 1, 1}};
	const struct mn_model model = {.subgraphs = g, .n_subgraphs = 3};
	struct mn_arena *a, *untouched = NULL;
	struct mn_err err;

	(void)state;
	call[0].options.subgraphs[0] = 1;
	call[0].options.subgraphs[1] = 2;
	a = plan(g, 3, NULL);
	/* Times: 0 inputs, 1 IF, 2 then 3 its operator, 4 else 5 its operator. IF's own tensors
	 * live through both; the branches' tensors share. */
	assert_int_equal(a->n_steps, 6);
	assert_int_equal(a->buffers[2].first, 1);
	assert_int_equal(a->buffers[2].last, 5);
	assert_int_equal(a->buffers[3].first, 2);
	assert_int_equal(a->buffers[4].last, 3);
	assert_int_equal(a->buffers[5].first, 4);
	assert_int_equal(a->nonpersistent_bytes, 16 + 4 * 32);
	mn_arena_free(a);

	call[0].options.subgraphs[1] = 0;
	assert_int_equal(mn_arena_plan(&model, NULL, &untouched, &err), MN_E_INVALID);
	call[0].options.subgraphs[1] = 3;
	assert_int_equal(mn_arena_plan(&model, NULL, &untouched, &err), MN_E_INVALID);
	assert_null(untouched);
}

static void test_missing_tensor(void **state)
{
	const struct mn_tensor t[] = {tensor(MN_TYPE_INT8, 4, SHAPE(1, 4, 4, 2), 1)};
	const struct mn_operator op[] = {operator_of(MN_BUILTIN_CONV_2D, 1, LIST(0), 1, LIST(0))};
	const struct mn_subgraph g = {"", t, op, LIST(0), LIST(0), 1, 1, 1, 1};
	const struct mn_model model = {.subgraphs = &g, .n_subgraphs = 1};
	struct mn_arena *untouched = NULL;
	struct mn_err err;

	(void)state;
	assert_int_equal(mn_arena_plan(&model, NULL, &untouched, &err), MN_E_INVALID);
	assert_non_null(strstr(err.msg, "CONV_2D"));
	assert_null(untouched);
}

static void test_versions(void **state)
{
	(void)state;
	assert_non_null(mn_tflm_find(NULL));
	assert_ptr_equal(mn_tflm_find("90b983c2b"), mn_tflm_find(NULL));
	assert_null(mn_tflm_find("0000000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_softmax),
		cmocka_unit_test(test_convolution_scratch),
		cmocka_unit_test(test_depthwise_scratch),
		cmocka_unit_test(test_refused_types),
		cmocka_unit_test(test_unknown_operators),
		cmocka_unit_test(test_variables_and_untouched_tensors),
		cmocka_unit_test(test_offline_plan),
		cmocka_unit_test(test_called_subgraphs),
		cmocka_unit_test(test_missing_tensor),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
