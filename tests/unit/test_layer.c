/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "exec.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct mn_layer parsed(const char *text)
{
	struct mn_layer layer;
	size_t column = 0;
	const char *why = "";

	if (mn_layer_parse(text, strlen(text), &layer, &column, &why) < 0)
		fail_msg("%s: column %zu: %s", text, column, why);
	return layer;
}

static struct mn_layer_info counted(const char *text)
{
	struct mn_layer layer = parsed(text);
	struct mn_layer_info info;

	assert_int_equal(mn_layer_check(&layer, &info, NULL), 0);
	return info;
}

/* Canonical texts with their hashes. The hashes are keys of rows in databases: they never change.
 */
static const struct {
	const char *text;
	uint64_t hash;
} canonical[] = {
	{"null", 0x5b9bc4ba528108e4u},
	{"conv_2d in=1x49x10x1 out_c=64 kernel=10x4 stride=2x2 dilation=1x1 padding=same act=relu "
	 "bias=1",
	 0xa0ee516b3d0782a9u},
	{"conv_2d in=4x1x1x4294967 out_c=12 kernel=1x1 stride=1x1 dilation=1x1 padding=valid "
	 "act=none bias=0",
	 0x52814ffc28ac92e9u},
	{"depthwise_conv_2d in=1x25x5x64 multiplier=1 kernel=3x3 stride=1x1 dilation=2x1 "
	 "padding=same act=relu6 bias=1",
	 0xbbab85f23610121au},
	{"fully_connected in=1x1x1x64 out_c=12 act=none bias=1", 0xa829ba87bdce6864u},
	{"average_pool_2d in=1x25x5x64 kernel=25x5 stride=25x5 padding=valid act=none",
	 0x4181aa374325cae2u},
	{"max_pool_2d in=1x8x8x3 kernel=2x2 stride=2x2 padding=same act=relu", 0x36cacd879870df92u},
	{"mean in=1x7x7x64 axes=hw", 0x4d4bb0f7c80182e0u},
	{"mean in=1x7x7x64 axes=w", 0x01daf780dd264a56u},
	{"add in=1x8x8x16 in2=1x1x1x16 act=none", 0xce7ba818aec6f011u},
	{"softmax in=1x1x1x12", 0xa340cee07a72d16du},
	{"pad in=1x8x8x16 pads=0,0,1,1,1,1,0,65535", 0xea26a070617560d9u},
	{"reshape in=1x1x1x64 shape=1x8x8x1", 0x008bef8bd1cbd4c8u},
	{"mul in=1x8x8x16 in2=1x1x1x16 act=relu", 0xc7fe00fcf99fdd3cu},
	{"sub in=1x8x8x16 in2=1x8x8x1 act=none", 0x55b2cb527039b4c8u},
	{"maximum in=1x8x8x16 in2=1x1x1x1", 0x5aac628e6e633a83u},
	{"minimum in=1x8x8x16 in2=1x8x8x16", 0x3a68ac512ce678c5u},
	{"concatenation in=1x8x8x16 pads=0,0,0,0,0,0,16,8", 0x2ad1d2b129c0209du},
	{"quantize in=1x8x8x16", 0x7e7832f2a0c59ecau},
	{"relu in=1x8x8x16", 0x85b8cd64fcaf3e33u},
	{"relu6 in=1x8x8x16", 0x5581b5d8dd40c007u},
	{"logistic in=1x8x8x16", 0xb51f4d9d696db323u},
	{"tanh in=1x8x8x16", 0xbbc316d077f11dacu},
	{"leaky_relu in=1x8x8x16", 0x17b27b48218162e4u},
	{"hard_swish in=1x8x8x16", 0x3cbbf48aaf87831du},
	{"strided_slice in=1x9x9x8 shape=1x4x3x8 begin=0,1,8,0 steps=1,2,-2,1",
	 0x375fb05b2cdd5db0u},
	{"resize_nearest_neighbor in=1x4x4x8 shape=1x8x8x8 sampling=half_pixel",
	 0x62f86d29e88539f1u},
	{"transpose in=1x4x5x6 order=nchw", 0xf48d1582a190ef85u},
};

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(canonical); i++) {
		struct mn_layer layer = parsed(canonical[i].text), again;
		char text[MN_LAYER_TEXT_MAX], small[MN_LAYER_TEXT_MAX];
		size_t len = strlen(canonical[i].text);

		assert_int_equal(mn_layer_format(&layer, text, sizeof(text)), len);
		assert_string_equal(text, canonical[i].text);
		again = parsed(text);
		assert_memory_equal(&layer, &again, sizeof(layer));
		/* Room for the text and its NUL, and one byte less. */
		assert_int_equal(mn_layer_format(&layer, small, len + 1), len);
		assert_int_equal(mn_layer_format(&layer, small, len), MN_E_TOO_BIG);
		assert_int_equal(mn_layer_format(&layer, small, 0), MN_E_TOO_BIG);
	}
}

static void test_hashes(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(canonical); i++) {
		struct mn_layer layer = parsed(canonical[i].text);
		uint64_t hash = mn_layer_hash(&layer);

		if (hash != canonical[i].hash) {
			print_error("%s: %#llx\n", canonical[i].text, (unsigned long long)hash);
			wrong = 1;
		}
	}
	assert_int_equal(wrong, 0);
	{
		struct mn_layer layer;

		mn_layer_init(&layer, MN_OP_COUNT);
		assert_int_equal(mn_layer_hash(&layer), 0);
		layer = parsed("softmax in=1x1x1x12");
		layer.in.c = 13;
		assert_true(mn_layer_hash(&layer) != canonical[10].hash);
	}
}

static void test_longest(void **state)
{
	struct mn_layer layer;
	char text[MN_LAYER_TEXT_MAX];

	(void)state;
	/* Every field at its longest, whether or not the check would let it pass. */
	for (int op = 0; op < MN_OP_COUNT; op++) {
		mn_layer_init(&layer, (enum mn_op)op);
		layer.in = layer.in2 = layer.shape =
			(struct mn_shape){UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
		layer.out_c = UINT32_MAX;
		layer.multiplier = layer.kernel_h = layer.kernel_w = layer.stride_h = UINT16_MAX;
		layer.stride_w = layer.dilation_h = layer.dilation_w = UINT16_MAX;
		layer.act = MN_ACT_RELU6;
		layer.axes = MN_AXIS_H | MN_AXIS_W;
		if (op == MN_OP_RESIZE_NEAREST_NEIGHBOR)
			layer.sampling = MN_SAMPLING_ALIGN_CORNERS;
		memset(layer.pad, 0xff, sizeof(layer.pad));
		assert_true(mn_layer_format(&layer, text, sizeof(text)) > 0);
	}
}

static void test_defaults(void **state)
{
	struct mn_layer a, b;

	(void)state;
	/* Any order, blanks and tabs, omitted fields. */
	a = parsed("  conv_2d\tkernel=3x2   out_c=8 in=1x8x8x4 ");
	b = parsed("conv_2d in=1x8x8x4 out_c=8 kernel=3x2 stride=1x1 dilation=1x1 padding=valid "
		   "act=none bias=1");
	assert_memory_equal(&a, &b, sizeof(a));
	a = parsed("depthwise_conv_2d in=1x8x8x4 kernel=3x3");
	assert_int_equal(a.multiplier, 1);
	assert_int_equal(a.bias, 1);
	a = parsed("max_pool_2d in=1x8x8x4 kernel=2x2");
	assert_int_equal(a.stride_w, 1);
	assert_int_equal(a.dilation_w, 1);
	assert_int_equal(a.bias, 0);
	/* Leading zeros are numbers too. */
	a = parsed("softmax in=01x001x1x0012");
	assert_int_equal(a.in.c, 12);
}

static void test_errors(void **state)
{
	static const struct {
		const char *text;
		int code;
		size_t column;
		const char *why;
	} cases[] = {
		/* syntax */
		{"", MN_E_SYNTAX, 1, "unknown op"},
		{"   ", MN_E_SYNTAX, 4, "unknown op"},
		{"conv", MN_E_SYNTAX, 1, "unknown op"},
		{" conv_2dd in=1x1x1x1", MN_E_SYNTAX, 2, "unknown op"},
		{"null=", MN_E_SYNTAX, 5, "a blank is expected"},
		{"softmax foo=1", MN_E_SYNTAX, 9, "unknown field"},
		{"softmax =1", MN_E_SYNTAX, 9, "unknown field"},
		{"softmax in=1x1x1x1 act=none", MN_E_SYNTAX, 20, "the op has no such field"},
		{"null in=1x1x1x1", MN_E_SYNTAX, 6, "the op has no such field"},
		{"softmax in=1x1x1x1 in=1x1x1x1", MN_E_SYNTAX, 20, "the field is given twice"},
		{"softmax in", MN_E_SYNTAX, 11, "an = is expected"},
		{"softmax in 1x1x1x1", MN_E_SYNTAX, 11, "an = is expected"},
		{"softmax in=", MN_E_SYNTAX, 12, "a number is expected"},
		{"softmax in=x", MN_E_SYNTAX, 12, "a number is expected"},
		{"transpose in=1x1x1x4 order=nhw", MN_E_SYNTAX, 31,
		 "a permutation of nhwc is expected"},
		{"transpose in=1x1x1x4 order=nhwh", MN_E_INVALID, 28,
		 "order is missing or not a permutation of nhwc"},
		{"transpose in=1x1x1x4", MN_E_INVALID, 1,
		 "order is missing or not a permutation of nhwc"},
		{"strided_slice in=1x1x1x4 shape=1x1x1x2 steps=1,1,1", MN_E_SYNTAX, 51,
		 "a comma is expected"},
		{"strided_slice in=1x1x1x4 shape=1x1x1x2 steps=1,1,1,-40000", MN_E_INVALID, 53,
		 "the number is too large"},
		{"strided_slice in=1x1x1x4 shape=1x1x1x2 steps=1,1,1,0", MN_E_INVALID, 46,
		 "a step is 0 or -32768"},
		{"strided_slice in=1x1x1x4 shape=1x1x1x2 begin=0,0,0,4", MN_E_INVALID, 46,
		 "begin is not inside the input"},
		{"strided_slice in=1x1x1x4 shape=1x1x1x2 steps=1,1,1,-1", MN_E_INVALID, 32,
		 "the last element is not inside the input"},
		{"concatenation in=1x1x1x4 pads=0,0,0,0,1,0,1,0", MN_E_INVALID, 31,
		 "pads of a concatenation are in one dimension"},
		{"resize_nearest_neighbor in=1x1x1x4 shape=1x2x2x3", MN_E_INVALID, 42,
		 "a resize changes N or C"},
		{"resize_nearest_neighbor in=1x1x1x1 shape=1x1x65536x1", MN_E_OVERFLOW, 42,
		 "a resize of 2^16 rows or columns or more"},
		{"resize_nearest_neighbor in=1x1x1x4 sampling=up", MN_E_SYNTAX, 45,
		 "plain, align_corners or half_pixel is expected"},
		{"sub in=1x1x1x4 in2=1x1x1x3", MN_E_INVALID, 20,
		 "the shapes of the inputs do not broadcast"},
		{"softmax in=-1x1x1x1", MN_E_SYNTAX, 12, "a number is expected"},
		{"softmax in=1x1x1", MN_E_SYNTAX, 17, "an x is expected"},
		{"softmax in=1x1,1x1", MN_E_SYNTAX, 15, "an x is expected"},
		{"softmax in=1x1x1x1x1", MN_E_SYNTAX, 19, "a blank is expected"},
		{"pad in=1x1x1x1 pads=0,0x0", MN_E_SYNTAX, 24, "a comma is expected"},
		{"max_pool_2d in=1x4x4x1 kernel=2x2 padding=full", MN_E_SYNTAX, 43,
		 "valid or same is expected"},
		{"max_pool_2d in=1x4x4x1 kernel=2x2 act=tanh", MN_E_SYNTAX, 39,
		 "none, relu or relu6 is expected"},
		{"mean in=1x4x4x1 axes=wh", MN_E_SYNTAX, 22, "h, w or hw is expected"},
		/* ranges */
		{"softmax in=4294967296x1x1x1", MN_E_INVALID, 12, "the number is too large"},
		{"max_pool_2d in=1x4x4x1 kernel=2x65536", MN_E_INVALID, 33,
		 "the number is too large"},
		{"fully_connected in=1x1x1x4 out_c=4 bias=2", MN_E_INVALID, 41,
		 "the number is too large"},
		/* the check: the value at fault, or the op if its field is omitted */
		{"softmax", MN_E_INVALID, 1, "in is missing or has a 0"},
		{" softmax in=1x0x1x1", MN_E_INVALID, 13, "in is missing or has a 0"},
		{"conv_2d in=1x4x4x1 kernel=1x1", MN_E_INVALID, 1, "out_c is 0 or missing"},
		{"conv_2d in=1x4x4x1 out_c=1", MN_E_INVALID, 1, "kernel is 0 or missing"},
		{"conv_2d in=1x4x4x1 out_c=1 kernel=1x0", MN_E_INVALID, 35,
		 "kernel is 0 or missing"},
		{"conv_2d in=1x4x4x1 out_c=1 kernel=1x1 stride=1x0", MN_E_INVALID, 46,
		 "stride is 0"},
		{"conv_2d in=1x4x4x1 out_c=1 kernel=1x1 dilation=0x1", MN_E_INVALID, 48,
		 "dilation is 0"},
		{"conv_2d in=1x4x4x1 out_c=1 kernel=5x1", MN_E_INVALID, 35,
		 "the window is larger than the input and padding is valid"},
		{"conv_2d in=1x4x4x1 out_c=1 kernel=1x3 dilation=1x2", MN_E_INVALID, 35,
		 "the window is larger than the input and padding is valid"},
		{"depthwise_conv_2d in=1x4x4x1 multiplier=0 kernel=1x1", MN_E_INVALID, 41,
		 "multiplier is 0"},
		{"mean in=1x4x4x1", MN_E_INVALID, 1, "axes is missing or not h, w or hw"},
		{"add in=1x4x4x2", MN_E_INVALID, 1, "in2 is missing or has a 0"},
		{"add in=1x4x4x2 in2=1x4x4x3", MN_E_INVALID, 20,
		 "the shapes of the inputs do not broadcast"},
		{"reshape in=1x4x4x2", MN_E_INVALID, 1, "shape is missing or has a 0"},
		{"reshape in=1x4x4x2 shape=1x1x1x31", MN_E_INVALID, 26,
		 "shape has not as many elements as in"},
		/* overflow */
		{"softmax in=1x1x46341x46341", MN_E_OVERFLOW, 12, "in has 2^31 elements or more"},
		{"softmax in=65536x65536x65536x65536", MN_E_OVERFLOW, 12,
		 "in has 2^31 elements or more"},
		{"softmax in=1x1x1x268435456", MN_E_OVERFLOW, 12,
		 "softmax over 2^28 elements or more"},
		{"add in=1x1x1x65536 in2=1x1x65536x1", MN_E_OVERFLOW, 8,
		 "the output has 2^31 elements or more"},
		{"conv_2d in=1x46340x46340x1 out_c=2 kernel=1x1", MN_E_OVERFLOW, 12,
		 "the output has 2^31 elements or more"},
		{"conv_2d in=1x1x1x32768 out_c=65536 kernel=1x1", MN_E_OVERFLOW, 43,
		 "the weights have 2^31 bytes or more, or one output has 2^28 inputs or more"},
		{"conv_2d in=1x1x2x134217728 out_c=1 kernel=1x2", MN_E_OVERFLOW, 43,
		 "the weights have 2^31 bytes or more, or one output has 2^28 inputs or more"},
		{"conv_2d in=1x1x1x4 out_c=4 kernel=65535x65535 padding=same", MN_E_OVERFLOW, 35,
		 "the weights have 2^31 bytes or more, or one output has 2^28 inputs or more"},
		{"conv_2d in=1x1x1x1 out_c=268435456 kernel=1x1", MN_E_OVERFLOW, 43,
		 "2^28 output channels or more"},
		{"fully_connected in=1x1x1x65536 out_c=65536", MN_E_OVERFLOW, 20,
		 "the weights have 2^31 bytes or more, or one output has 2^28 inputs or more"},
		{"depthwise_conv_2d in=1x1x1x65536 multiplier=65535 kernel=1x1", MN_E_OVERFLOW, 45,
		 "in channels * multiplier is 2^31 or more"},
		{"conv_2d in=1x9x9x1 out_c=1 kernel=65535x1 dilation=65535x1 padding=same",
		 MN_E_OVERFLOW, 35, "the window reaches 2^31 elements"},
		{"pad in=1x1x2147483647x1 pads=0,0,0,0,0,1,0,0", MN_E_OVERFLOW, 30,
		 "the output has 2^31 elements or more"},
		{"reshape in=1x1x1x1 shape=65536x65536x1x1", MN_E_OVERFLOW, 26,
		 "the output has 2^31 elements or more"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].text), column = 77;
		/* Exactly as many bytes as there are: no NUL to lean on. */
		char *text = malloc(len ? len : 1);
		const char *why = NULL;
		struct mn_layer layer, untouched;
		int rc;

		assert_non_null(text);
		memcpy(text, cases[i].text, len);
		memset(&layer, 0x5a, sizeof(layer));
		memset(&untouched, 0x5a, sizeof(untouched));
		rc = mn_layer_parse(text, len, &layer, &column, &why);
		if (rc != cases[i].code || column != cases[i].column || !why ||
		    strcmp(why, cases[i].why))
			fail_msg("\"%s\": %s, column %zu, %s", cases[i].text, mn_err_name(rc),
				 column, why ? why : "NULL");
		assert_memory_equal(&layer, &untouched, sizeof(layer));
		assert_int_equal(mn_layer_parse(text, len, &layer, NULL, NULL), cases[i].code);
		free(text);
	}
}

/* What the text cannot say but a program from the wire can. */
static void test_check_fields(void **state)
{
	const struct mn_layer good = parsed("max_pool_2d in=1x8x8x4 kernel=2x2");
	struct mn_layer layer;
	const char *why = NULL;

	(void)state;
#define REFUSED(base, field, value, expected_code)                                                 \
	do {                                                                                       \
		layer = base;                                                                      \
		layer.field = value;                                                               \
		assert_int_equal(mn_layer_check(&layer, NULL, &why), expected_code);               \
		assert_non_null(why);                                                              \
		why = NULL;                                                                        \
	} while (0)
	REFUSED(good, op, MN_OP_COUNT, MN_E_UNSUPPORTED);
	REFUSED(good, op, 255, MN_E_UNSUPPORTED);
	REFUSED(good, padding, 2, MN_E_INVALID);
	REFUSED(good, act, 3, MN_E_INVALID);
	REFUSED(good, bias, 1, MN_E_INVALID);
	REFUSED(good, axes, 2, MN_E_INVALID);
	REFUSED(good, reserved[1], 1, MN_E_INVALID);
	REFUSED(good, dilation_h, 2, MN_E_INVALID);
	REFUSED(good, dilation_w, 0, MN_E_INVALID);
	REFUSED(good, multiplier, 1, MN_E_INVALID);
	REFUSED(good, pad[2][1], 1, MN_E_INVALID);
	REFUSED(good, in2.c, 1, MN_E_INVALID);
	REFUSED(good, shape.n, 1, MN_E_INVALID);
	REFUSED(good, out_c, 1, MN_E_INVALID);
	REFUSED(parsed("mean in=1x8x8x4 axes=h"), axes, 1, MN_E_INVALID);
	REFUSED(parsed("mean in=1x8x8x4 axes=h"), axes, 8 | 2, MN_E_INVALID);
	REFUSED(parsed("mean in=1x8x8x4 axes=h"), act, 1, MN_E_INVALID);
	REFUSED(parsed("softmax in=1x8x8x4"), kernel_h, 1, MN_E_INVALID);
	REFUSED(parsed("null"), in.n, 1, MN_E_INVALID);
	REFUSED(parsed("fully_connected in=1x1x1x4 out_c=4"), bias, 2, MN_E_INVALID);
#undef REFUSED
	/* A value without a name has no text and no hash. */
	layer = good;
	layer.act = 3;
	{
		char text[MN_LAYER_TEXT_MAX];

		assert_int_equal(mn_layer_format(&layer, text, sizeof(text)), MN_E_INVALID);
		assert_int_equal(mn_layer_hash(&layer), 0);
		layer.op = MN_OP_COUNT;
		assert_int_equal(mn_layer_format(&layer, text, sizeof(text)), MN_E_UNSUPPORTED);
	}
	/* The outputs of a failed check stay as they are. */
	{
		struct mn_layer_info info, untouched;

		memset(&info, 0x5a, sizeof(info));
		memset(&untouched, 0x5a, sizeof(untouched));
		assert_int_equal(mn_layer_check(&layer, &info, NULL), MN_E_UNSUPPORTED);
		assert_memory_equal(&info, &untouched, sizeof(info));
	}
}

/* Counts worked out by hand. */
static void test_counts(void **state)
{
	static const struct {
		const char *text;
		struct mn_shape out;
		uint64_t macs, im2col;
		uint32_t input, output, weight, bias, quant;
	} cases[] = {
		{"null", {0, 0, 0, 0}, 0, 0, 0, 0, 0, 0, 0},
		/* SAME, stride 2: 25x5 outputs of 64 channels, 40 taps each, padding counted. */
		{"conv_2d in=1x49x10x1 out_c=64 kernel=10x4 stride=2x2 padding=same",
		 {1, 25, 5, 64},
		 25 * 5 * 64 * 40,
		 25 * 5 * 40,
		 490,
		 8000,
		 2560,
		 256,
		 512},
		/* VALID: (8 - 3) / 2 + 1 = 3; two images. */
		{"conv_2d in=2x8x7x3 out_c=5 kernel=3x2 stride=2x3 bias=0",
		 {2, 3, 2, 5},
		 2 * 3 * 2 * 5 * 18,
		 2 * 3 * 2 * 18,
		 336,
		 60,
		 90,
		 0,
		 40},
		/* 1x1 stride 1 needs no im2col; stride 2 does. */
		{"conv_2d in=1x6x6x16 out_c=8 kernel=1x1",
		 {1, 6, 6, 8},
		 36 * 8 * 16,
		 0,
		 576,
		 288,
		 128,
		 32,
		 64},
		{"conv_2d in=1x6x6x16 out_c=8 kernel=1x1 stride=2x1",
		 {1, 3, 6, 8},
		 18 * 8 * 16,
		 18 * 16,
		 576,
		 144,
		 128,
		 32,
		 64},
		/* Dilation 2: a 3x3 window reaches 5. */
		{"conv_2d in=1x9x9x4 out_c=2 kernel=3x3 dilation=2x2",
		 {1, 5, 5, 2},
		 25 * 2 * 36,
		 25 * 36,
		 324,
		 50,
		 72,
		 8,
		 16},
		{"depthwise_conv_2d in=1x10x10x8 multiplier=3 kernel=3x3 padding=same",
		 {1, 10, 10, 24},
		 100 * 24 * 9,
		 0,
		 800,
		 2400,
		 216,
		 96,
		 192},
		{"fully_connected in=3x1x1x64 out_c=12",
		 {3, 1, 1, 12},
		 3 * 64 * 12,
		 0,
		 192,
		 36,
		 768,
		 48,
		 0},
		{"fully_connected in=1x2x5x7 out_c=3 bias=0",
		 {1, 2, 5, 3},
		 10 * 7 * 3,
		 0,
		 70,
		 30,
		 21,
		 0,
		 0},
		{"average_pool_2d in=1x25x5x64 kernel=25x5 stride=25x5",
		 {1, 1, 1, 64},
		 0,
		 0,
		 8000,
		 64,
		 0,
		 0,
		 0},
		{"max_pool_2d in=1x7x7x3 kernel=2x2 stride=2x2 padding=same",
		 {1, 4, 4, 3},
		 0,
		 0,
		 147,
		 48,
		 0,
		 0,
		 0},
		{"mean in=2x7x6x5 axes=hw", {2, 1, 1, 5}, 0, 0, 420, 10, 0, 0, 0},
		{"mean in=2x7x6x5 axes=h", {2, 1, 6, 5}, 0, 0, 420, 60, 0, 0, 0},
		{"mean in=2x7x6x5 axes=w", {2, 7, 1, 5}, 0, 0, 420, 70, 0, 0, 0},
		{"add in=1x8x8x16 in2=1x8x8x16", {1, 8, 8, 16}, 0, 0, 2048, 1024, 0, 0, 0},
		{"add in=1x4x1x5 in2=1x1x6x5", {1, 4, 6, 5}, 0, 0, 50, 120, 0, 0, 0},
		{"softmax in=1x1x1x10", {1, 1, 1, 10}, 0, 0, 10, 10, 0, 0, 0},
		{"pad in=1x3x4x5 pads=1,0,2,1,0,3,1,2", {2, 6, 7, 8}, 0, 0, 60, 672, 0, 0, 0},
		{"reshape in=1x4x5x6 shape=1x1x1x120", {1, 1, 1, 120}, 0, 0, 120, 120, 0, 0, 0},
		{"mul in=1x4x1x5 in2=1x1x6x5", {1, 4, 6, 5}, 0, 0, 50, 120, 0, 0, 0},
		{"maximum in=1x1x1x5 in2=2x1x6x1", {2, 1, 6, 5}, 0, 0, 17, 60, 0, 0, 0},
		{"quantize in=1x1x6x5", {1, 1, 6, 5}, 0, 0, 30, 30, 0, 0, 0},
		{"logistic in=1x1x6x5", {1, 1, 6, 5}, 0, 0, 30, 30, 0, 0, 256},
		{"hard_swish in=1x1x6x5", {1, 1, 6, 5}, 0, 0, 30, 30, 0, 0, 256},
		{"strided_slice in=1x9x9x8 shape=1x4x3x8 begin=0,1,8,0 steps=1,2,-2,1",
		 {1, 4, 3, 8},
		 0,
		 0,
		 648,
		 96,
		 0,
		 0,
		 0},
		{"resize_nearest_neighbor in=1x4x4x3 shape=1x8x7x3",
		 {1, 8, 7, 3},
		 0,
		 0,
		 48,
		 168,
		 0,
		 0,
		 0},
		{"transpose in=2x3x4x5 order=cnhw", {5, 2, 3, 4}, 0, 0, 120, 120, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct mn_layer layer = parsed(cases[i].text);
		struct mn_layer_info info = counted(cases[i].text);
		struct mn_shape out = mn_layer_out_shape(&layer);

		assert_memory_equal(&info.out, &cases[i].out, sizeof(out));
		assert_memory_equal(&out, &cases[i].out, sizeof(out));
		assert_int_equal(info.macs, cases[i].macs);
		assert_int_equal(info.ops, 2 * cases[i].macs);
		assert_int_equal(info.im2col_elements, cases[i].im2col);
		assert_int_equal(info.out_elements, cases[i].output);
		assert_int_equal(info.input_bytes, cases[i].input);
		assert_int_equal(info.output_bytes, cases[i].output);
		assert_int_equal(info.weight_bytes, cases[i].weight);
		assert_int_equal(info.bias_bytes, cases[i].bias);
		assert_int_equal(info.quant_bytes, cases[i].quant);
	}
	/* 2^31 - 2^15 inputs, nearly 2^31 outputs and weights: 46 bits of MACs. */
	{
		struct mn_layer_info info =
			counted("fully_connected in=1x1x32767x32768 out_c=65535");

		assert_int_equal(info.macs, 32767ull * 32768 * 65535);
		assert_int_equal(info.input_bytes, 32767u * 32768u);
		assert_int_equal(info.output_bytes, 32767u * 65535u);
	}
	/* A part of a concatenation has the whole tensor and writes its own elements of it. */
	{
		struct mn_layer_info info =
			counted("concatenation in=1x2x2x4 pads=0,0,0,0,0,0,3,5");

		assert_int_equal(info.out.c, 12);
		assert_int_equal(info.output_bytes, 48);
		assert_int_equal(info.out_elements, 16);
	}
	/* Two inputs of nearly 2^31 are counted without wrapping. */
	assert_int_equal(counted("add in=1x1x1x2147483647 in2=1x1x1x2147483647").input_bytes,
			 4294967294u);
}

static void test_pad_before(void **state)
{
	static const struct {
		const char *text;
		uint32_t h, w;
	} cases[] = {
		{"max_pool_2d in=1x8x8x1 kernel=3x3 padding=same", 1, 1},
		{"max_pool_2d in=1x8x8x1 kernel=3x3 padding=valid", 0, 0},
		/* Total 1: all of it behind. Total 2: one each. */
		{"max_pool_2d in=1x8x9x1 kernel=3x3 stride=2x2 padding=same", 0, 1},
		{"max_pool_2d in=1x49x10x1 kernel=10x4 stride=2x2 padding=same", 4, 1},
		/* A stride larger than the window leaves nothing to pad. */
		{"max_pool_2d in=1x8x8x1 kernel=1x2 stride=4x3 padding=same", 0, 0},
		{"conv_2d in=1x9x9x1 out_c=1 kernel=3x5 dilation=4x1 padding=same", 4, 2},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct mn_layer layer = parsed(cases[i].text);

		assert_int_equal(mn_layer_pad_before(&layer, 0), cases[i].h);
		assert_int_equal(mn_layer_pad_before(&layer, 1), cases[i].w);
	}
}

static void test_ops(void **state)
{
	(void)state;
	for (int op = 0; op < MN_OP_COUNT; op++) {
		const char *name = mn_op_name((enum mn_op)op);

		assert_int_equal(mn_op_parse(name, strlen(name)), op);
		/* One letter less is none, or as relu6 has it an op of that name. */
		int less = mn_op_parse(name, strlen(name) - 1);

		if (less != MN_E_NOTFOUND)
			assert_int_equal(strlen(mn_op_name((enum mn_op)less)), strlen(name) - 1);
	}
	assert_string_equal(mn_op_name(MN_OP_COUNT), "?");
	assert_int_equal(mn_op_parse("", 0), MN_E_NOTFOUND);
	assert_int_equal(mn_op_inputs(MN_OP_NOP), 0);
	assert_int_equal(mn_op_inputs(MN_OP_CONV_2D), 1);
	assert_int_equal(mn_op_inputs(MN_OP_ADD), 2);
	assert_int_equal(mn_op_inputs(MN_OP_SUB), 2);
	assert_int_equal(mn_op_inputs(MN_OP_CONCATENATION), 1);
	assert_int_equal(mn_op_inputs(MN_OP_COUNT), 0);
	assert_true(mn_op_has_table(MN_OP_TANH));
	assert_false(mn_op_has_table(MN_OP_RELU));
}

static void test_shape(void **state)
{
	uint32_t n = 7;

	(void)state;
	assert_int_equal(mn_shape_elements(&(struct mn_shape){2, 3, 4, 5}, &n), 0);
	assert_int_equal(n, 120);
	assert_int_equal(mn_shape_elements(&(struct mn_shape){1, 1, 1, INT32_MAX}, &n), 0);
	assert_int_equal(n, INT32_MAX);
	n = 7;
	assert_int_equal(mn_shape_elements(&(struct mn_shape){1, 2, 1, 1u << 30}, &n),
			 MN_E_OVERFLOW);
	assert_int_equal(n, 7);
	/* A product that is 0 modulo 2^64, and one that is 0. */
	assert_int_equal(
		mn_shape_elements(&(struct mn_shape){1u << 31, 1u << 31, 1u << 31, 1u << 31}, &n),
		MN_E_OVERFLOW);
	assert_int_equal(mn_shape_elements(&(struct mn_shape){UINT32_MAX, UINT32_MAX, 0, 1}, &n),
			 0);
	assert_int_equal(n, 0);
}

/*
 * Random fields: whatever passes the check has a text that parses back to the same bytes, and out
 * shape, counts and texts never depend on anything else.
 */
static void test_random(void **state)
{
	uint32_t x = MN_POOL_SEED, passed = 0;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		struct mn_layer layer, again;
		char text[MN_LAYER_TEXT_MAX];
		int len;

		/* Up to three random bytes anywhere in a good layer. */
		layer = parsed(canonical[i % COUNT(canonical)].text);
		x = mn_xorshift32(x);
		for (uint32_t k = x >> 30; k; k--) {
			x = mn_xorshift32(x);
			((uint8_t *)&layer)[x % sizeof(layer)] = (uint8_t)(x >> 24 & x >> 16);
		}
		if (mn_layer_check(&layer, NULL, NULL) < 0)
			continue;
		passed++;
		len = mn_layer_format(&layer, text, sizeof(text));
		assert_true(len > 0);
		if (mn_layer_parse(text, (size_t)len, &again, NULL, NULL) < 0)
			fail_msg("%u: %s", i, text);
		assert_int_equal(mn_layer_hash(&layer), mn_layer_hash(&again));
		assert_memory_equal(&layer.in, &again.in, sizeof(layer.in));
	}
	assert_true(passed > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_longest),    cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_errors),     cmocka_unit_test(test_check_fields),
		cmocka_unit_test(test_counts),     cmocka_unit_test(test_pad_before),
		cmocka_unit_test(test_ops),        cmocka_unit_test(test_shape),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
