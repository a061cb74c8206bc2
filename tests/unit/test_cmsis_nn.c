/* SPDX-License-Identifier: MIT */
/*
 * The adapter to CMSIS-NN, on a stand-in for the library (unit/cmsis_nn): its outputs are those of
 * ref, its scratch is what the library asks for, what the library lacks is said. Golden layers are
 * compared in test_cmsis_nn_golden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmsis_nn.h"
#include "err.h"
#include "exec.h"

#define ARENA_BYTES 65536u
#define POOL_BYTES  65536u

static struct mn_exec_mem mem;

static int setup(void **state)
{
	int32_t *bias = malloc(MN_BIAS_WORDS * sizeof(int32_t));
	void *pool = aligned_alloc(MN_ALIGN, POOL_BYTES);

	(void)state;
	mem = (struct mn_exec_mem){
		.arena = aligned_alloc(MN_ALIGN, ARENA_BYTES),
		.arena_bytes = ARENA_BYTES,
		.pool = pool,
		.pool_bytes = POOL_BYTES,
		.bias_pool = bias,
		.bias_pool_bytes = MN_BIAS_WORDS * sizeof(int32_t),
	};
	if (!mem.arena || !pool || !bias)
		return 1;
	mn_stimulus_pools(bias, MN_BIAS_WORDS, pool, POOL_BYTES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(mem.arena);
	free((void *)(uintptr_t)mem.pool);
	free((void *)(uintptr_t)mem.bias_pool);
	return 0;
}

static struct mn_layer layer_of(const char *text)
{
	struct mn_layer layer;
	const char *why = "";

	if (mn_layer_parse(text, strlen(text), &layer, NULL, &why) < 0)
		fail_msg("%s: %s", text, why);
	return layer;
}

/* Runs a layer as a board would; the status of binding or of running. */
static int run(const struct mn_layer *layer, const struct mn_kernel_set *set, uint32_t scratch,
	       uint32_t *ret_crc)
{
	struct mn_program program;
	struct mn_step step;
	struct mn_exec exec;
	int rc;

	assert_int_equal(mn_program_single(layer, scratch, &step, &program), 0);
	rc = mn_exec_bind(&exec, &program, &mem, set, 7, NULL);
	if (rc < 0)
		return rc;
	mn_exec_fill(&exec);
	rc = mn_exec_run(&exec);
	if (!rc)
		*ret_crc = mn_exec_output_crc(&exec);
	return rc;
}

static uint32_t scratch_of(const struct mn_kernel_set *set, const struct mn_layer *layer)
{
	return mn_kernel_find(set, layer->op)->scratch_bytes(layer);
}

static void equals_ref(void **state)
{
	static const char *const layers[] = {
		"conv_2d in=1x7x9x5 out_c=6 kernel=3x2 stride=2x1 padding=same act=relu",
		"conv_2d in=1x7x9x5 out_c=6 kernel=2x3 stride=1x2 padding=valid act=relu6 bias=0",
		"conv_2d in=3x4x6x4 out_c=5 kernel=1x1 padding=same",
		"conv_2d in=2x9x8x3 out_c=4 kernel=3x3 dilation=2x1 padding=same",
		"conv_2d in=1x1x32x3 out_c=4 kernel=1x5 stride=1x2 padding=same",
		"depthwise_conv_2d in=1x7x9x5 kernel=3x3 stride=1x2 padding=same act=relu",
		"depthwise_conv_2d in=2x6x5x3 multiplier=3 kernel=2x4 padding=same bias=0",
		"depthwise_conv_2d in=1x9x9x4 kernel=3x3 dilation=1x2 padding=valid act=relu6",
		"fully_connected in=1x1x1x33 out_c=7 act=relu",
		"fully_connected in=2x1x3x16 out_c=5 bias=0",
		"average_pool_2d in=2x7x6x5 kernel=3x2 stride=2x1 padding=same act=relu",
		"max_pool_2d in=2x7x6x5 kernel=2x3 stride=1x2 padding=same act=relu6",
		"add in=2x3x4x5 in2=2x3x4x5 act=relu",
		"softmax in=2x1x3x10",
		"pad in=2x3x4x5 pads=1,0,2,1,0,3,1,2",
		"reshape in=1x4x5x6 shape=1x1x1x120",
		"null",
	};
	const struct mn_kernel_set *ref = mn_kernel_set_find(mn_kernel_sets[1]->id);

	(void)state;
	assert_non_null(strstr(ref->id, "/ref"));
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		struct mn_layer layer = layer_of(layers[i]);
		uint32_t want = 0, got = 1;
		int rc = run(&layer, &mn_cmsis_nn_set, scratch_of(&mn_cmsis_nn_set, &layer), &got);

		assert_int_equal(run(&layer, ref, 0, &want), 0);
		if (rc < 0 || got != want)
			fail_msg("%s: %s", layers[i], rc < 0 ? mn_err_name(rc) : "other bytes");
	}
}

/* mn_exec has one rescale for fully_connected; a model may have one a channel. */
static void fully_connected_by_channel(void **state)
{
	struct mn_layer layer = layer_of("fully_connected in=1x1x1x24 out_c=3");
	const int32_t mult[] = {1 << 30, 1400000000, 1900000000}, shift[] = {-6, -8, -7};
	struct mn_quant quant = {.in_zp = 3,
				 .out_zp = -5,
				 .act_min = -128,
				 .act_max = 127,
				 .mult = mult,
				 .shift = shift};
	int8_t in[24], want[3], got[3];
	int32_t sums[3];
	struct mn_kernel_args args = {.layer = &layer,
				      .quant = &quant,
				      .in = in,
				      .weights = mem.pool,
				      .bias = mem.bias_pool,
				      .scratch = sums};

	(void)state;
	assert_true(scratch_of(&mn_cmsis_nn_set, &layer) <= sizeof(sums));
	mn_stimulus_fill(in, sizeof(in), 1);
	args.out = want;
	assert_int_equal(mn_kernel_find(mn_kernel_sets[1], layer.op)->run(&args), 0);
	args.out = got;
	assert_int_equal(mn_kernel_find(&mn_cmsis_nn_set, layer.op)->run(&args), 0);
	assert_memory_equal(want, got, sizeof(want));
}

static void says_what_it_lacks(void **state)
{
	struct mn_layer mean = layer_of("mean in=1x4x4x8 axes=hw");
	struct mn_layer broadcast = layer_of("add in=1x3x4x5 in2=1x1x1x5");
	uint32_t crc;

	(void)state;
	assert_int_equal(run(&mean, &mn_cmsis_nn_set, 0, &crc), MN_E_UNSUPPORTED);
	assert_int_equal(run(&broadcast, &mn_cmsis_nn_set, 0, &crc), MN_E_UNSUPPORTED);
}

static void plan_is_for_the_library(void **state)
{
	struct mn_kernel_set plan = {0};

	(void)state;
	assert_int_equal(mn_cmsis_nn_plan("mnchar/2/dsp", &plan), MN_E_NOTFOUND);
	assert_int_equal(mn_cmsis_nn_plan("cmsis-nnx/1/c", &plan), MN_E_NOTFOUND);
	assert_int_equal(mn_cmsis_nn_plan("cmsis-nn", &plan), MN_E_NOTFOUND);
	assert_null(plan.id);
	assert_string_equal(mn_cmsis_nn_set.id, "cmsis-nn/99.1.2/c");
	assert_int_equal(mn_cmsis_nn_plan(mn_cmsis_nn_set.id, &plan), 0);
	assert_ptr_equal(plan.id, mn_cmsis_nn_set.id);
	for (uint32_t i = 0; i < mn_cmsis_nn_set.n_kernels; i++) {
		enum mn_op op = (enum mn_op)mn_cmsis_nn_set.kernels[i].op;

		assert_non_null(mn_kernel_find(&plan, op));
		assert_int_equal(mn_kernel_find(&plan, op)->run(NULL), MN_E_UNSUPPORTED);
	}
}

/* The stand-in has the real library's sizes, but for fully_connected, where it asks for more. */
static void scratch_too_small_is_refused(void **state)
{
	static const char *const enough[] = {
		"conv_2d in=1x7x9x5 out_c=6 kernel=3x3 padding=same",
		"conv_2d in=1x7x9x5 out_c=6 kernel=1x1 padding=same",
		"depthwise_conv_2d in=1x7x9x5 kernel=5x3 padding=same",
		"depthwise_conv_2d in=1x7x9x5 multiplier=2 kernel=5x3 padding=same",
		"average_pool_2d in=1x7x6x5 kernel=3x2",
	};
	struct mn_layer fc = layer_of("fully_connected in=1x1x1x33 out_c=7");
	struct mn_kernel_set plan;
	uint32_t crc;

	(void)state;
	assert_int_equal(mn_cmsis_nn_plan(mn_cmsis_nn_set.id, &plan), 0);
	for (size_t i = 0; i < sizeof(enough) / sizeof(enough[0]); i++) {
		struct mn_layer layer = layer_of(enough[i]);
		uint32_t scratch = scratch_of(&plan, &layer);

		assert_int_equal(run(&layer, &mn_cmsis_nn_set, scratch, &crc), 0);
		if (scratch)
			assert_int_equal(run(&layer, &mn_cmsis_nn_set, scratch - 1, &crc),
					 MN_E_INVALID);
	}
	assert_int_equal(scratch_of(&plan, &fc), 0);
	assert_int_equal(run(&fc, &mn_cmsis_nn_set, 0, &crc), MN_E_INVALID);
	assert_int_equal(run(&fc, &mn_cmsis_nn_set, 28, &crc), 0);
}

static void is_one_of_the_sets(void **state)
{
	(void)state;
	assert_int_equal(mn_kernel_sets_count(), 3);
	assert_ptr_equal(mn_kernel_set_find("cmsis-nn/99.1.2/c"), &mn_cmsis_nn_set);
	assert_ptr_equal(mn_kernel_sets[2], &mn_cmsis_nn_set); /* ours stay the default */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_ref),
		cmocka_unit_test(fully_connected_by_channel),
		cmocka_unit_test(says_what_it_lacks),
		cmocka_unit_test(plan_is_for_the_library),
		cmocka_unit_test(scratch_too_small_is_refused),
		cmocka_unit_test(is_one_of_the_sets),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
