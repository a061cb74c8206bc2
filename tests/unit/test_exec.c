/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "exec.h"
#include "wire.h"

#define POOL_BYTES  (64 * 1024)
#define ARENA_BYTES (128 * 1024)

struct memory {
	int32_t bias[MN_BIAS_WORDS];
	_Alignas(MN_ALIGN) int8_t pool[POOL_BYTES];
	_Alignas(MN_ALIGN) uint8_t arena[ARENA_BYTES];
	struct mn_exec_mem mem;
};

static int setup(void **state)
{
	struct memory *m = aligned_alloc(MN_ALIGN, sizeof(*m));

	assert_non_null(m);
	memset(m->arena, 0xa5, sizeof(m->arena));
	mn_stimulus_pools(m->bias, MN_BIAS_WORDS, m->pool, POOL_BYTES);
	m->mem = (struct mn_exec_mem){m->arena,   ARENA_BYTES, m->pool,
				      POOL_BYTES, m->bias,     sizeof(m->bias)};
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct mn_layer parsed(const char *text)
{
	struct mn_layer layer;

	if (mn_layer_parse(text, strlen(text), &layer, NULL, NULL) < 0)
		fail_msg("%s", text);
	return layer;
}

static uint32_t crc_of(struct memory *m, const char *text, const struct mn_kernel_set *set,
		       uint32_t seed)
{
	struct mn_layer layer = parsed(text);
	struct mn_program program;
	struct mn_step step;
	struct mn_exec exec;
	uint32_t scratch = mn_kernel_find(set, (enum mn_op)layer.op)->scratch_bytes(&layer), crc;

	assert_int_equal(mn_program_single(&layer, scratch, &step, &program), 0);
	assert_int_equal(mn_exec_bind(&exec, &program, &m->mem, set, seed, NULL), 0);
	mn_exec_fill(&exec);
	assert_int_equal(mn_exec_run(&exec), 0);
	crc = mn_exec_output_crc(&exec);
	/* Running again changes nothing: what a measurement repeats is the same work. */
	assert_int_equal(mn_exec_run(&exec), 0);
	assert_int_equal(mn_exec_output_crc(&exec), crc);
	return crc;
}

/*
 * Output CRCs of seed 1. They stand for stimulus, quantisation and kernels together: a board, a
 * virtual board and this machine have to give them. If they change, the kernels' version has to.
 */
static const struct {
	const char *text;
	uint32_t crc;
} pinned[] = {
	{"null", 0x0},
	{"conv_2d in=1x9x8x5 out_c=7 kernel=3x3 stride=2x1 padding=same act=relu6", 0x6822d116},
	{"conv_2d in=2x5x5x16 out_c=12 kernel=1x1", 0x19dfe1f2},
	{"depthwise_conv_2d in=1x9x8x10 kernel=3x3 padding=same act=relu", 0xfa335915},
	{"depthwise_conv_2d in=1x20x6x1 multiplier=9 kernel=5x2", 0x7f0d51d5},
	{"fully_connected in=1x1x1x77 out_c=13", 0xd55eb104},
	{"average_pool_2d in=1x9x9x6 kernel=3x3 stride=2x2 padding=same", 0x3bde8ec7},
	{"max_pool_2d in=1x9x9x6 kernel=3x3 stride=2x2 padding=same", 0x845e0f55},
	{"mean in=1x9x9x6 axes=hw", 0x66d10465},
	{"add in=1x9x9x6 in2=1x9x9x6 act=relu", 0x3c27480d},
	{"add in=1x9x9x6 in2=1x1x1x6", 0xac23394f},
	{"softmax in=1x1x3x11", 0x714c218e},
	{"pad in=1x5x5x3 pads=0,0,1,2,3,0,1,1", 0x2d1ddb29},
	{"reshape in=1x5x5x3 shape=1x1x1x75", 0xe1f07f41},
};

static void test_determinism(void **state)
{
	struct memory *m = *state;
	int wrong = 0;

	for (size_t i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++) {
		for (uint32_t k = 0; k < 2; k++) {
			uint32_t crc = crc_of(m, pinned[i].text, mn_kernel_sets[k], 1);

			if (crc != pinned[i].crc) {
				print_error("%s, %s: %#x\n", mn_kernel_sets[k]->id, pinned[i].text,
					    crc);
				wrong = 1;
			}
		}
	}
	assert_int_equal(wrong, 0);
	/* Another seed is another input; 0 is the pool's seed. */
	assert_true(crc_of(m, pinned[5].text, mn_kernel_sets[0], 2) != pinned[5].crc);
	assert_int_equal(crc_of(m, pinned[5].text, mn_kernel_sets[0], 0),
			 crc_of(m, pinned[5].text, mn_kernel_sets[0], MN_POOL_SEED));
}

/* A short network: the output of a step is the input of the next. */
static void test_steps(void **state)
{
	struct memory *m = *state;
	static const char *const texts[] = {
		"conv_2d in=1x8x8x4 out_c=8 kernel=3x3 padding=same act=relu",
		"depthwise_conv_2d in=1x8x8x8 kernel=3x3 padding=same act=relu",
		"mean in=1x8x8x8 axes=hw",
		"fully_connected in=1x1x1x8 out_c=4",
		"softmax in=1x1x1x4",
	};
	struct mn_step steps[5];
	struct mn_program program = {5, 2400, steps};
	uint32_t crcs[2];

	memset(steps, 0, sizeof(steps));
	for (int i = 0; i < 5; i++) {
		steps[i].layer = parsed(texts[i]);
		steps[i].in_off = i % 2 ? 512 : 0;
		steps[i].out_off = i % 2 ? 0 : 512;
		steps[i].scratch_off = 1024;
		steps[i].scratch_bytes = 512;
		steps[i].quant_off = 2048 + 64 * (uint32_t)i;
		steps[i].weight_off = 1024 * (uint32_t)i;
	}
	for (uint32_t k = 0; k < 2; k++) {
		struct mn_exec exec;
		int8_t *out = (int8_t *)m->arena + 512;
		int sum = 0;

		assert_int_equal(mn_exec_bind(&exec, &program, &m->mem, mn_kernel_sets[k], 1, NULL),
				 0);
		mn_exec_fill(&exec);
		assert_int_equal(mn_exec_run(&exec), 0);
		crcs[k] = mn_exec_output_crc(&exec);
		assert_int_equal(crcs[k], mn_crc32c(0, out, 4));
		for (int i = 0; i < 4; i++)
			sum += out[i] + 128;
		assert_in_range(sum, 250, 260); /* probabilities */
	}
	assert_int_equal(crcs[0], crcs[1]);
}

static void test_bind(void **state)
{
	struct memory *m = *state;
	static const struct mn_kernel only[] = {{MN_OP_NOP, "null", NULL, NULL}};
	static const struct mn_kernel_set poor = {"test/1/poor", only, 1};
	struct mn_layer layer = parsed("conv_2d in=1x4x4x16 out_c=16 kernel=1x1");
	struct mn_exec_mem mem = m->mem;
	struct mn_program program;
	struct mn_step step;
	struct mn_exec exec, untouched;
	uint32_t at = 99;

	memset(&exec, 0x5a, sizeof(exec));
	memset(&untouched, 0x5a, sizeof(untouched));
	/* Scratch for ref is not enough for dsp. */
	assert_int_equal(mn_program_single(&layer, 0, &step, &program), 0);
	assert_int_equal(mn_exec_bind(&exec, &program, &mem, mn_kernel_sets[0], 1, &at),
			 MN_E_INVALID);
	assert_int_equal(at, 0);
	assert_int_equal(mn_program_single(&layer, 64, &step, &program), 0);
	at = 99;
	assert_int_equal(mn_exec_bind(&exec, &program, &mem, &poor, 1, &at), MN_E_UNSUPPORTED);
	assert_int_equal(at, 0);
	mem.arena_bytes = program.arena_bytes - 1;
	assert_int_equal(mn_exec_bind(&exec, &program, &mem, mn_kernel_sets[0], 1, &at),
			 MN_E_TOO_BIG);
	mem = m->mem;
	mem.arena += 4;
	assert_int_equal(mn_exec_bind(&exec, &program, &mem, mn_kernel_sets[0], 1, NULL),
			 MN_E_INVALID);
	mem = m->mem;
	mem.pool += 4;
	assert_int_equal(mn_exec_bind(&exec, &program, &mem, mn_kernel_sets[0], 1, &at),
			 MN_E_INVALID);
	assert_memory_equal(&exec, &untouched, sizeof(exec));
}

/* The image holds the pools as 32-bit words of one sequence. */
static void test_pools(void **state)
{
	int32_t bias[8];
	uint8_t pool[12];
	uint32_t x = MN_POOL_SEED;

	(void)state;
	mn_stimulus_pools(bias, 8, pool, sizeof(pool));
	for (int i = 0; i < 8; i++) {
		x = mn_xorshift32(x);
		assert_int_equal(bias[i], (int32_t)x >> 20);
		assert_in_range(bias[i] + 2048, 0, 4095);
	}
	for (int i = 0; i < 3; i++) {
		x = mn_xorshift32(x);
		assert_int_equal(mn_get_le32(pool + 4 * i), x);
	}
}

static void test_fill(void **state)
{
	uint8_t bytes[16], part[16];

	(void)state;
	mn_stimulus_fill(bytes, 16, 5);
	assert_int_equal(mn_get_le32(bytes), mn_xorshift32(5));
	/* A shorter fill is the beginning of a longer one, and stops where it should. */
	for (uint32_t n = 0; n <= 16; n++) {
		memset(part, 0x5a, sizeof(part));
		mn_stimulus_fill(part, n, 5);
		assert_memory_equal(part, bytes, n);
		for (uint32_t i = n; i < 16; i++)
			assert_int_equal(part[i], 0x5a);
	}
	mn_stimulus_fill(part, 16, 0);
	mn_stimulus_fill(bytes, 16, MN_POOL_SEED);
	assert_memory_equal(part, bytes, 16);
}

/* Outputs that are all at a limit would hide a wrong kernel behind a right CRC. */
static void test_spread(void **state)
{
	struct memory *m = *state;
	static const char *const texts[] = {
		"conv_2d in=1x20x20x3 out_c=8 kernel=3x3",
		"conv_2d in=1x10x10x64 out_c=40 kernel=1x1",
		"conv_2d in=1x49x10x1 out_c=8 kernel=10x4",
		"conv_2d in=1x64x64x1 out_c=1 kernel=1x1",
		"depthwise_conv_2d in=1x20x20x12 kernel=3x3",
		"depthwise_conv_2d in=1x40x40x8 kernel=1x1",
		"fully_connected in=1x1x16x600 out_c=64",
		"fully_connected in=1x1x400x2 out_c=10",
		"mean in=1x7x7x600 axes=hw",
		"mean in=1x4x4x2000 axes=h",
		"add in=1x20x20x10 in2=1x20x20x10",
		"average_pool_2d in=1x40x40x8 kernel=2x2",
		"pad in=1x20x20x10 pads=0,0,0,0,0,0,0,0",
	};

	for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
		const int8_t *out;
		struct mn_layer layer = parsed(texts[t]);
		struct mn_layer_info info;
		uint32_t seen[256] = {0}, values = 0, limits, n;
		struct mn_program program;
		struct mn_step step;
		struct mn_exec exec;

		assert_int_equal(mn_program_single(&layer, 0, &step, &program), 0);
		assert_int_equal(mn_exec_bind(&exec, &program, &m->mem,
					      mn_kernel_set_find("mnchar/2/ref"), 7, NULL),
				 0);
		mn_exec_fill(&exec);
		assert_int_equal(mn_exec_run(&exec), 0);
		out = (const int8_t *)m->arena + step.out_off;
		assert_int_equal(mn_layer_check(&layer, &info, NULL), 0);
		n = info.output_bytes;
		for (uint32_t i = 0; i < n; i++)
			seen[out[i] + 128]++;
		for (int i = 0; i < 256; i++)
			values += seen[i] > 0;
		limits = seen[0] + seen[255];
		if (values < 150 || limits > n / 10)
			fail_msg("%s: %u values, %u of %u at a limit", texts[t], values, limits, n);
	}
}

/* Every multiplier is one that TFLite's quantize_multiplier() can give. */
static void test_quant(void **state)
{
	static const char *const texts[] = {
		"conv_2d in=1x1x1x1 out_c=300 kernel=1x1",
		"conv_2d in=1x1x1x16777215 out_c=7 kernel=2x8 padding=same",
	};
	struct mn_quant q;

	(void)state;
	for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
		struct mn_layer layer = parsed(texts[t]);
		int32_t mult[300], shift[300];

		mn_stimulus_quant(&layer, mult, shift, &q);
		assert_ptr_equal(q.mult, mult);
		assert_ptr_equal(q.shift, shift);
		for (uint32_t c = 0; c < layer.out_c; c++) {
			assert_true(mult[c] >= 1 << 30);
			assert_in_range(shift[c] + 31, 0, 31);
		}
		assert_in_range(q.in_zp + 8, 0, 15);
		assert_in_range(q.out_zp + 8, 0, 15);
	}
	for (uint32_t n = 1; n < 40000; n = n * 3 + 1) {
		struct mn_layer layer = parsed("mean in=1x1x1x3 axes=hw");

		layer.in.h = layer.in.w = n;
		mn_stimulus_quant(&layer, NULL, NULL, &q);
		assert_true(q.out_mult >= 1 << 30);
		assert_in_range(q.out_shift, 0, 30);
	}
	{
		struct mn_layer layer = parsed("fully_connected in=1x1x1x9 out_c=4 act=relu6");

		mn_stimulus_quant(&layer, NULL, NULL, &q);
		assert_null(q.mult);
		assert_int_equal(q.act_min, q.out_zp);
		assert_int_equal(q.act_max, q.out_zp + 96);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_determinism), cmocka_unit_test(test_steps),
		cmocka_unit_test(test_bind),        cmocka_unit_test(test_pools),
		cmocka_unit_test(test_fill),        cmocka_unit_test(test_spread),
		cmocka_unit_test(test_quant),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
