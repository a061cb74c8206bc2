/* SPDX-License-Identifier: MIT */
/* Turns of the dsp kernels' loops, against walking over every pixel and tap. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "feature.h"

static struct mn_layer_info info;

static uint64_t f(const struct mn_layer *l, enum mn_feature feature)
{
	uint64_t value = mn_feature_value(feature, l, &info);
	uint8_t number = (uint8_t)feature;
	double same;

	mn_feature_values(&number, 1, l, &info, &same);
	assert_true(same == (double)value);
	return value;
}

static struct mn_layer parse(const char *text)
{
	struct mn_layer l;

	assert_int_equal(mn_layer_parse(text, strlen(text), &l, NULL, NULL), 0);
	assert_int_equal(mn_layer_check(&l, &info, NULL), 0);
	return l;
}

/* Taps of output o of a dimension that lie inside. */
static uint32_t inside(const struct mn_layer *l, int dim, uint32_t o)
{
	int in = (int)(dim ? l->in.w : l->in.h), n = 0;
	int kernel = dim ? l->kernel_w : l->kernel_h,
	    dilation = dim ? l->dilation_w : l->dilation_h;
	int at = (int)o * (dim ? l->stride_w : l->stride_h) - (int)mn_layer_pad_before(l, dim);

	for (int k = 0; k < kernel; k++)
		n += at + k * dilation >= 0 && at + k * dilation < in;
	return (uint32_t)n;
}

static void check_conv(const struct mn_layer *l)
{
	uint64_t runs = 0, rows = 0, pixels = 0, taps = 0;
	uint64_t row = (uint64_t)l->kernel_w * l->in.c;

	for (uint32_t y = 0; y < info.out.h; y++)
		for (uint32_t x = 0; x < info.out.w; x++) {
			uint32_t ty = inside(l, 0, y), tx = inside(l, 1, x);
			int whole = ty == l->kernel_h && tx == l->kernel_w && l->dilation_w == 1;

			pixels++;
			taps += (uint64_t)ty * tx;
			if (l->kernel_h == 1 && (l->kernel_w == 1 || whole))
				runs++;
			else if (whole && row % 4 == 0)
				runs += l->kernel_h;
			else if (l->in.c % 4 == 0)
				runs += (uint64_t)l->kernel_h * l->kernel_w;
			else
				rows += l->kernel_h;
		}
	if (!(mn_path_of(l) & MN_PATH_1X1)) {
		assert_int_equal(f(l, MN_FEATURE_GATHER_RUNS), runs);
		assert_int_equal(f(l, MN_FEATURE_PATCH_ROWS), rows);
		assert_int_equal(f(l, MN_FEATURE_PATCH_ELEMENTS), rows * row);
	}
	assert_int_equal(f(l, MN_FEATURE_INNER_MACS), taps * l->in.c * l->out_c);
	/* Every output and every MAC is somebody's. */
	assert_int_equal(4 * f(l, MN_FEATURE_BLOCKS) + 2 * f(l, MN_FEATURE_SINGLE_OUTPUTS) +
				 f(l, MN_FEATURE_LAST_OUTPUTS),
			 info.out_elements);
	assert_int_equal(16 * f(l, MN_FEATURE_BLOCK_STEPS) + 4 * f(l, MN_FEATURE_BLOCK_TAILS) +
				 2 * f(l, MN_FEATURE_SINGLE_TAPS) + f(l, MN_FEATURE_LAST_TAPS),
			 info.macs);
}

static void check_depthwise(const struct mn_layer *l)
{
	uint64_t rows = 0, taps = 0, pixels = 0;
	uint64_t blocks = f(l, MN_FEATURE_BLOCKS), singles = f(l, MN_FEATURE_SINGLE_OUTPUTS);

	for (uint32_t y = 0; y < info.out.h; y++)
		for (uint32_t x = 0; x < info.out.w; x++) {
			uint32_t ty = inside(l, 0, y), tx = inside(l, 1, x);

			pixels++;
			taps += (uint64_t)ty * tx;
			if (l->kernel_h == 3 && l->kernel_w == 3 && l->dilation_w == 1 &&
			    l->multiplier == 1 && ty == 3 && tx == 3)
				continue;
			rows += l->kernel_w == 1 ? 1 : ty;
		}
	assert_int_equal(blocks % pixels, 0);
	assert_int_equal(f(l, MN_FEATURE_BLOCK_ROWS), rows * (blocks / pixels));
	assert_int_equal(f(l, MN_FEATURE_BLOCK_STEPS), taps * (blocks / pixels));
	assert_int_equal(f(l, MN_FEATURE_SINGLE_TAPS), taps * (singles / pixels));
	assert_true(4 * blocks + singles >= info.out_elements);
	assert_true(4 * blocks + singles < info.out_elements + 3 * pixels);
}

static void windows_as_counted_one_by_one(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint32_t r[12];
		char text[MN_LAYER_TEXT_MAX];
		struct mn_layer l;
		int depthwise = i % 2;

		for (int j = 0; j < 12; j++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			r[j] = (uint32_t)(seed >> 40);
		}
		snprintf(text, sizeof(text),
			 "%s in=1x%ux%ux%u %s=%u kernel=%ux%u stride=%ux%u dilation=%ux%u "
			 "padding=%s",
			 depthwise ? "depthwise_conv_2d" : "conv_2d", 1 + r[0] % 14, 1 + r[1] % 14,
			 1 + r[2] % 17, depthwise ? "multiplier" : "out_c",
			 depthwise && r[4] % 3 ? 1 : 1 + r[3] % 9, 1 + r[5] % 4, 1 + r[6] % 4,
			 1 + r[7] % 3, 1 + r[8] % 3, r[9] % 4 ? 1 : 2, r[10] % 4 ? 1 : 2,
			 r[11] % 2 ? "same" : "valid");
		/* A window that does not fit. */
		if (mn_layer_parse(text, strlen(text), &l, NULL, NULL))
			continue;
		assert_int_equal(mn_layer_check(&l, &info, NULL), 0);
		if (depthwise)
			check_depthwise(&l);
		else
			check_conv(&l);
	}
}

static void a_few_by_hand(void **state)
{
	struct mn_layer l;

	(void)state;
	l = parse("fully_connected in=2x1x1x22 out_c=7");
	assert_int_equal(f(&l, MN_FEATURE_ROWS), 2);
	assert_int_equal(f(&l, MN_FEATURE_BLOCKS), 2);
	assert_int_equal(f(&l, MN_FEATURE_BLOCK_STEPS), 10);
	assert_int_equal(f(&l, MN_FEATURE_BLOCK_TAILS), 4);
	assert_int_equal(f(&l, MN_FEATURE_SINGLE_OUTPUTS), 6);
	assert_int_equal(f(&l, MN_FEATURE_UNALIGNED_STEPS), 20);
	/* Weights, table of channels, columns; what is too much for the cache counts 8 / 5 times.
	 */
	l = parse("conv_2d in=1x2x2x40 out_c=100 kernel=1x1");
	assert_int_equal(f(&l, MN_FEATURE_REFETCH_4K), 2 * ((4000 + 1200 + 160 - 4096) / 5 * 8));
	assert_int_equal(f(&l, MN_FEATURE_REFETCH_16K), 0);
	/* Two outputs: the weights are widened instead. */
	l = parse("conv_2d in=1x6x6x8 out_c=2 kernel=1x1");
	assert_int_equal(f(&l, MN_FEATURE_WIDEN_STEPS), 4);
	l = parse("mean in=1x4x5x6 axes=h");
	assert_int_equal(f(&l, MN_FEATURE_ROWS), 5);
	assert_int_equal(f(&l, MN_FEATURE_BLOCK_STEPS), 20);
	assert_int_equal(f(&l, MN_FEATURE_BLOCK_ROWS), 20);
	assert_int_equal(f(&l, MN_FEATURE_SINGLE_TAPS), 40);
	l = parse("mean in=1x4x5x4 axes=hw");
	assert_int_equal(f(&l, MN_FEATURE_BLOCK_ROWS), 1);
	assert_int_equal(f(&l, MN_FEATURE_BLOCK_STEPS), 20);
	l = parse("add in=1x5x6x7 in2=1x1x1x7");
	assert_int_equal(f(&l, MN_FEATURE_RUNS), 30);
	assert_int_equal(f(&l, MN_FEATURE_RUN_TAILS), 90);
	assert_int_equal(f(&l, MN_FEATURE_RAGGED_ELEMENTS), 210);
	l = parse("add in=1x5x6x8 in2=1x5x6x8");
	assert_int_equal(f(&l, MN_FEATURE_RUNS), 1);
	l = parse("pad in=1x8x8x16 pads=0,0,1,1,1,1,0,0");
	assert_int_equal(f(&l, MN_FEATURE_RUNS), 8);
	l = parse("pad in=1x8x8x16 pads=0,0,1,1,0,0,0,0");
	assert_int_equal(f(&l, MN_FEATURE_RUNS), 1);
	l = parse("concatenation in=1x8x8x16 pads=0,0,0,0,0,0,16,8");
	assert_int_equal(f(&l, MN_FEATURE_RUNS), 64);
	l = parse("transpose in=1x4x5x6 order=nchw");
	assert_int_equal(f(&l, MN_FEATURE_SINGLE_OUTPUTS), 120);
	l = parse("strided_slice in=1x12x12x16 shape=1x8x10x16 begin=0,2,1,0");
	assert_int_equal(f(&l, MN_FEATURE_RUNS), 8);
	l = parse("resize_nearest_neighbor in=1x4x4x8 shape=1x8x8x8");
	assert_int_equal(f(&l, MN_FEATURE_RUNS), 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_as_counted_one_by_one),
		cmocka_unit_test(a_few_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
