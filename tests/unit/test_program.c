/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "program.h"

static struct mn_layer parsed(const char *text)
{
	struct mn_layer layer;

	assert_int_equal(mn_layer_parse(text, strlen(text), &layer, NULL, NULL), 0);
	return layer;
}

static void test_single(void **state)
{
	struct mn_layer layer = parsed("conv_2d in=1x5x5x3 out_c=5 kernel=3x3");
	struct mn_program program;
	struct mn_step step;

	(void)state;
	/* 75 in, 45 out, 135 scratch, 40 of quantisation, each from a multiple of 16. */
	assert_int_equal(mn_program_single(&layer, 135, &step, &program), 0);
	assert_ptr_equal(program.steps, &step);
	assert_int_equal(program.n_steps, 1);
	assert_memory_equal(&step.layer, &layer, sizeof(layer));
	assert_int_equal(step.in_off, 0);
	assert_int_equal(step.in2_off, 0);
	assert_int_equal(step.out_off, 80);
	assert_int_equal(step.scratch_off, 128);
	assert_int_equal(step.scratch_bytes, 135);
	assert_int_equal(step.quant_off, 272);
	assert_int_equal(step.weight_off, 0);
	assert_int_equal(step.bias_off, 0);
	assert_int_equal(program.arena_bytes, 312);
	assert_int_equal(mn_program_check(&program, 312, 135, 20, NULL, NULL, NULL, NULL), 0);

	layer = parsed("add in=1x1x1x20 in2=1x1x1x1");
	assert_int_equal(mn_program_single(&layer, 0, &step, &program), 0);
	assert_int_equal(step.in2_off, 32);
	assert_int_equal(step.out_off, 48);
	assert_int_equal(step.scratch_off, 0);
	assert_int_equal(program.arena_bytes, 68);
	assert_int_equal(mn_program_check(&program, 68, 0, 0, NULL, NULL, NULL, NULL), 0);

	layer = parsed("null");
	assert_int_equal(mn_program_single(&layer, 0, &step, &program), 0);
	assert_int_equal(program.arena_bytes, 0);
	assert_int_equal(mn_program_check(&program, 0, 0, 0, NULL, NULL, NULL, NULL), 0);
}

static void test_single_refused(void **state)
{
	struct mn_layer layer = parsed("add in=1x1x1x2147483647 in2=1x1x1x1");
	struct mn_program program, untouched;
	struct mn_step step, untouched_step;

	(void)state;
	memset(&program, 0x5a, sizeof(program));
	memset(&untouched, 0x5a, sizeof(untouched));
	memset(&step, 0x5a, sizeof(step));
	memset(&untouched_step, 0x5a, sizeof(untouched_step));
	/* 2^31 in, 16, 2^31 out: more than 32 bits. */
	assert_int_equal(mn_program_single(&layer, 0, &step, &program), MN_E_OVERFLOW);
	layer.in.n = 0;
	assert_int_equal(mn_program_single(&layer, 0, &step, &program), MN_E_INVALID);
	layer = parsed("softmax in=1x1x1x10");
	assert_int_equal(mn_program_single(&layer, UINT32_MAX, &step, &program), MN_E_OVERFLOW);
	layer.op = MN_OP_COUNT;
	assert_int_equal(mn_program_single(&layer, 0, &step, &program), MN_E_UNSUPPORTED);
	assert_memory_equal(&program, &untouched, sizeof(program));
	assert_memory_equal(&step, &untouched_step, sizeof(step));
}

/* Two convolutions that share one arena: 0 input, 256 hidden, 512 output, 768 scratch, 1024 quants.
 */
static void two_steps(struct mn_step steps[2], struct mn_program *program)
{
	memset(steps, 0, 2 * sizeof(*steps));
	steps[0].layer = steps[1].layer = parsed("conv_2d in=1x4x4x16 out_c=16 kernel=1x1");
	steps[0].out_off = 256;
	steps[1].in_off = 256;
	steps[1].out_off = 512;
	for (uint32_t i = 0; i < 2; i++) {
		steps[i].scratch_off = 768;
		steps[i].scratch_bytes = 64;
		steps[i].quant_off = 1024 + 128 * i;
		steps[i].weight_off = 256 * i;
		steps[i].bias_off = 4 * i;
	}
	*program = (struct mn_program){2, 1280, steps};
}

static void test_check(void **state)
{
	struct mn_step steps[2];
	struct mn_program program;

	(void)state;
	two_steps(steps, &program);
	assert_int_equal(mn_program_check(&program, 1280, 512, 68, NULL, NULL, NULL, NULL), 0);
	/* x + x: both inputs may be one tensor. */
	two_steps(steps, &program);
	steps[1].layer = parsed("add in=1x1x1x256 in2=1x1x1x256");
	steps[1].in2_off = 256;
	assert_int_equal(mn_program_check(&program, 1280, 512, 68, NULL, NULL, NULL, NULL), 0);
	/* What a step does not use may be anywhere. */
	two_steps(steps, &program);
	steps[0].layer.bias = steps[1].layer.bias = 0;
	steps[0].bias_off = 4000;
	assert_int_equal(mn_program_check(&program, 1280, 512, 0, NULL, NULL, NULL, NULL), 0);
}

static void test_check_invalid(void **state)
{
	struct mn_step steps[2];
	struct mn_program program;
	uint32_t step = 99, need = 99, have = 99;
	const char *what = "untouched";

	(void)state;
#define REFUSED(change, at)                                                                        \
	do {                                                                                       \
		two_steps(steps, &program);                                                        \
		change;                                                                            \
		step = 99;                                                                         \
		assert_int_equal(                                                                  \
			mn_program_check(&program, 4096, 4096, 4096, &step, &what, &need, &have),  \
			MN_E_INVALID);                                                             \
		assert_int_equal(step, at);                                                        \
		assert_int_equal(                                                                  \
			mn_program_check(&program, 4096, 4096, 4096, NULL, NULL, NULL, NULL),      \
			MN_E_INVALID);                                                             \
	} while (0)
	REFUSED(program.n_steps = 0, 0);
	REFUSED(program.n_steps = MN_PROGRAM_STEPS_MAX + 1, 0);
	REFUSED(steps[1].layer.in.c = 0, 1);
	REFUSED(steps[1].layer.in.h = 5, 1); /* grows into its output */
	/* alignment */
	REFUSED(steps[0].in_off = 8, 0);
	REFUSED(steps[0].out_off = 257, 0);
	REFUSED(steps[1].scratch_off = 772, 1);
	REFUSED(steps[1].quant_off = 1156, 1);
	REFUSED(steps[1].weight_off = 8, 1);
	REFUSED(steps[1].bias_off = 2, 1);
	/* beyond the arena, also by wrapping */
	REFUSED(program.arena_bytes = 1279, 1);
	REFUSED(steps[1].out_off = 1184, 1);
	REFUSED(steps[1].out_off = 0xfffffff0u, 1);
	REFUSED(steps[0].scratch_bytes = 0xfffffff0u, 0);
	/* overlaps in a step */
	REFUSED(steps[0].out_off = 0, 0);
	REFUSED(steps[0].out_off = 240, 0);
	REFUSED(steps[1].scratch_off = 752, 1); /* output */
	REFUSED(steps[1].scratch_off = 496, 1); /* input */
	REFUSED(steps[0].quant_off = 816, 0);   /* scratch */
	REFUSED(steps[1].quant_off = 640, 1);   /* output */
	/* a step that destroys the multipliers of another */
	REFUSED(steps[1].quant_off = 1024, 0);
	REFUSED(steps[1].out_off = 896, 0);
	REFUSED(steps[1].scratch_off = 1136, 0);
#undef REFUSED
	assert_string_equal(what, "untouched");
	assert_int_equal(need, 99);
	assert_int_equal(have, 99);
}

static void test_check_too_big(void **state)
{
	struct mn_step steps[2];
	struct mn_program program;

	(void)state;
#define TOO_BIG(change, arena, pool, bias, at, name, bytes, there)                                 \
	do {                                                                                       \
		uint32_t step = 99, need = 0, have = 0;                                            \
		const char *what = "";                                                             \
		two_steps(steps, &program);                                                        \
		change;                                                                            \
		assert_int_equal(                                                                  \
			mn_program_check(&program, arena, pool, bias, &step, &what, &need, &have), \
			MN_E_TOO_BIG);                                                             \
		assert_int_equal(step, at);                                                        \
		assert_string_equal(what, name);                                                   \
		assert_int_equal(need, bytes);                                                     \
		assert_int_equal(have, there);                                                     \
		assert_int_equal(                                                                  \
			mn_program_check(&program, arena, pool, bias, NULL, NULL, NULL, NULL),     \
			MN_E_TOO_BIG);                                                             \
	} while (0)
	TOO_BIG((void)0, 1279, 512, 68, 0, "arena", 1280, 1279);
	TOO_BIG((void)0, 0, 512, 68, 0, "arena", 1280, 0);
	TOO_BIG((void)0, 1280, 511, 68, 1, "weight pool", 512, 511);
	TOO_BIG((void)0, 1280, 0, 68, 0, "weight pool", 256, 0);
	TOO_BIG((void)0, 1280, 512, 67, 1, "bias pool", 68, 67);
	TOO_BIG((void)0, 1280, 512, 0, 0, "bias pool", 64, 0);
	/* A need beyond 32 bits is said as the largest there is. */
	TOO_BIG(steps[1].weight_off = 0xfffffff0u, 1280, 512, 68, 1, "weight pool", UINT32_MAX,
		512);
	TOO_BIG(steps[1].bias_off = 0xfffffffcu, 1280, 512, 68, 1, "bias pool", UINT32_MAX, 68);
#undef TOO_BIG
}

static void test_hash(void **state)
{
	struct mn_step steps[2];
	struct mn_program program;
	uint64_t layer, forward;

	(void)state;
	two_steps(steps, &program);
	layer = mn_layer_hash(&steps[0].layer);
	program.n_steps = 1;
	assert_int_equal(mn_program_hash(&program), layer);
	program.n_steps = 2;
	assert_true(mn_program_hash(&program) != layer);
	/* The order counts, the offsets do not. */
	steps[1].layer = parsed("softmax in=1x1x1x256");
	forward = mn_program_hash(&program);
	steps[0].out_off += 16;
	assert_int_equal(mn_program_hash(&program), forward);
	steps[0].layer = steps[1].layer;
	steps[1].layer = parsed("conv_2d in=1x4x4x16 out_c=16 kernel=1x1");
	assert_true(mn_program_hash(&program) != forward);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single),        cmocka_unit_test(test_single_refused),
		cmocka_unit_test(test_check),         cmocka_unit_test(test_check_invalid),
		cmocka_unit_test(test_check_too_big), cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
