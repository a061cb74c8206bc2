/* SPDX-License-Identifier: MIT */
/*
 * Property: on every layer and every input, dsp writes the bytes that ref writes, and nothing else.
 * Buffers have their exact sizes on the heap, so that the address sanitizer sees a byte too far.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "exec.h"
#include "move.h"

struct random {
	uint32_t x;
};

static uint32_t draw(struct random *r)
{
	return r->x = mn_xorshift32(r->x);
}

/* lo … hi */
static uint32_t between(struct random *r, uint32_t lo, uint32_t hi)
{
	return lo + (draw(r) >> 8) % (hi - lo + 1);
}

static int one_in(struct random *r, uint32_t n)
{
	return between(r, 1, n) == 1;
}

/* 1 … max with small, odd and just-divisible extents all likely. */
static uint32_t extent(struct random *r, uint32_t max)
{
	return one_in(r, 4) ? 1 : one_in(r, 3) ? between(r, 1, 5) : between(r, 1, max);
}

static uint32_t channels(struct random *r)
{
	static const uint32_t usual[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 64};

	return usual[between(r, 0, sizeof(usual) / sizeof(usual[0]) - 1)];
}

static void draw_slice(struct random *r, struct mn_layer *l)
{
	const uint32_t in[4] = {l->in.n, l->in.h, l->in.w, l->in.c};
	uint32_t *out[4] = {&l->shape.n, &l->shape.h, &l->shape.w, &l->shape.c};

	for (int i = 0; i < 4; i++) {
		uint32_t step = one_in(r, 2) ? 1 : between(r, 1, 4), room;
		int back = one_in(r, 5);

		/* The whole dimension often: runs grow over it. */
		l->begin[i] = (uint16_t)(one_in(r, 2) ? (back ? in[i] - 1 : 0)
						      : between(r, 0, in[i] - 1));
		room = back ? l->begin[i] : in[i] - 1 - l->begin[i];
		*out[i] = 1 + (one_in(r, 2) ? room / step : between(r, 0, room / step));
		l->steps[i] = (int16_t)(back ? -(int32_t)step : (int32_t)step);
	}
}

static void draw_layer(struct random *r, enum mn_op op, struct mn_layer *l)
{
	struct mn_layer_info info;

	do {
		mn_layer_init(l, op);
		l->in = (struct mn_shape){one_in(r, 4) ? between(r, 2, 3) : 1, extent(r, 11),
					  extent(r, 11), channels(r)};
		switch (op) {
		case MN_OP_CONV_2D:
		case MN_OP_DEPTHWISE_CONV_2D:
		case MN_OP_AVERAGE_POOL_2D:
		case MN_OP_MAX_POOL_2D:
			l->kernel_h = (uint16_t)extent(r, 10);
			l->kernel_w = (uint16_t)extent(r, 10);
			if (one_in(r, 2))
				l->kernel_h = l->kernel_w = one_in(r, 2) ? 3 : 1;
			l->stride_h = (uint16_t)extent(r, 4);
			l->stride_w = (uint16_t)extent(r, 4);
			l->padding = (uint8_t)between(r, 0, 1);
			if (op == MN_OP_CONV_2D)
				l->out_c = channels(r);
			if (op == MN_OP_DEPTHWISE_CONV_2D && one_in(r, 2))
				l->multiplier = (uint16_t)between(r, 1, 9);
			if ((op == MN_OP_CONV_2D || op == MN_OP_DEPTHWISE_CONV_2D) &&
			    one_in(r, 4)) {
				l->dilation_h = (uint16_t)between(r, 1, 4);
				l->dilation_w = (uint16_t)between(r, 1, 4);
			}
			break;
		case MN_OP_FULLY_CONNECTED:
			l->in.h = one_in(r, 4) ? 2 : 1;
			l->in.w = 1;
			l->in.c = one_in(r, 2) ? between(r, 1, 300) : channels(r);
			l->out_c = channels(r);
			break;
		case MN_OP_MEAN:
			l->axes = (uint8_t)(between(r, 1, 3) << 1);
			if (one_in(r, 4))
				l->in.h = between(r, 12, 40);
			break;
		case MN_OP_ADD:
		case MN_OP_MUL:
		case MN_OP_SUB:
		case MN_OP_MAXIMUM:
		case MN_OP_MINIMUM:
			l->in2 = l->in;
			if (one_in(r, 2)) {
				uint32_t *dims[] = {&l->in.n,  &l->in.h,  &l->in.w,  &l->in.c,
						    &l->in2.n, &l->in2.h, &l->in2.w, &l->in2.c};

				for (int i = 0; i < 3; i++)
					*dims[between(r, 0, 7)] = 1;
			}
			break;
		case MN_OP_SOFTMAX:
			l->in.c = between(r, 1, 80);
			break;
		case MN_OP_PAD:
			for (int i = 0; i < 8; i++)
				if (one_in(r, 3))
					l->pad[i / 2][i % 2] = (uint16_t)between(r, 0, 5);
			break;
		case MN_OP_CONCATENATION:
			if (one_in(r, 8))
				break;
			for (int i = 0, dim = (int)between(r, 0, 3); i < 2; i++)
				l->pad[dim][i] = (uint16_t)between(r, 0, 40);
			break;
		case MN_OP_STRIDED_SLICE:
			draw_slice(r, l);
			break;
		case MN_OP_RESIZE_NEAREST_NEIGHBOR:
			l->sampling = (uint8_t)between(r, 0, 2);
			l->shape =
				(struct mn_shape){l->in.n, extent(r, 25), extent(r, 25), l->in.c};
			break;
		case MN_OP_TRANSPOSE:
			do {
				l->order = (uint8_t)between(r, 0, 255);
			} while (mn_layer_check(l, NULL, NULL) < 0);
			break;
		case MN_OP_RESHAPE:
			l->shape = (struct mn_shape){1, 1, l->in.n * l->in.h * l->in.w, l->in.c};
			break;
		default:
			break;
		}
		if (op == MN_OP_CONV_2D || op == MN_OP_DEPTHWISE_CONV_2D ||
		    op == MN_OP_FULLY_CONNECTED)
			l->bias = (uint8_t)between(r, 0, 1);
	} while (mn_layer_check(l, &info, NULL) < 0 || info.macs > 300000);
}

/* Any multiplier and shift that quantize_multiplier() can give, the extremes often. */
static void draw_rescale(struct random *r, int32_t *mult, int32_t *shift, int32_t lo, int32_t hi)
{
	*mult = (int32_t)(1u << 30 | draw(r) >> 2);
	if (one_in(r, 6))
		*mult = one_in(r, 2) ? INT32_MAX : 1 << 30;
	*shift = lo + (int32_t)between(r, 0, (uint32_t)(hi - lo));
	if (one_in(r, 30)) {
		*mult = 0;
		*shift = 0;
	}
}

static int32_t draw_zp(struct random *r)
{
	return one_in(r, 4) ? (one_in(r, 2) ? -128 : 127) : (int32_t)between(r, 0, 255) - 128;
}

/* A third of the layers as the stimulus has them, the others with extremes everywhere. */
static void draw_quant(struct random *r, const struct mn_layer *l, int32_t *mult, int32_t *shift,
		       struct mn_quant *q)
{
	uint32_t out_c = mn_layer_out_shape(l).c;
	int small = one_in(r, 2);

	mn_stimulus_quant(l, mult, shift, q);
	if (one_in(r, 3))
		return;
	q->in_zp = draw_zp(r);
	q->in2_zp = draw_zp(r);
	if (l->op != MN_OP_PAD && l->op != MN_OP_SOFTMAX)
		q->out_zp = draw_zp(r);
	if (one_in(r, 2)) {
		q->act_min = (int32_t)between(r, 0, 255) - 128;
		q->act_max = q->act_min + (int32_t)between(r, 0, (uint32_t)(127 - q->act_min));
	}
	for (uint32_t c = 0; c < out_c; c++)
		draw_rescale(r, &mult[c], &shift[c], small ? -12 : -31, small ? -2 : 6);
	draw_rescale(r, &q->out_mult, &q->out_shift, small ? -10 : -31, small ? -1 : 6);
	if (l->op == MN_OP_FULLY_CONNECTED && one_in(r, 2)) {
		q->mult = mult;
		q->shift = shift;
	}
	if (l->op == MN_OP_ADD) {
		draw_rescale(r, &q->in_mult, &q->in_shift, small ? -3 : -31, 0);
		draw_rescale(r, &q->in2_mult, &q->in2_shift, small ? -3 : -31, 0);
		draw_rescale(r, &q->out_mult, &q->out_shift, -24, small ? -12 : 2);
	}
	if (l->op == MN_OP_SUB) {
		draw_rescale(r, &q->in_mult, &q->in_shift, small ? -3 : -31, 0);
		draw_rescale(r, &q->in2_mult, &q->in2_shift, small ? -3 : -31, 0);
		draw_rescale(r, &q->out_mult, &q->out_shift, -24, small ? -12 : 2);
	}
	if (l->op == MN_OP_LEAKY_RELU)
		draw_rescale(r, &q->in_mult, &q->in_shift, small ? -10 : -31, small ? -1 : 6);
	if (l->op == MN_OP_LOGISTIC || l->op == MN_OP_TANH) {
		q->in_mult = (int32_t)(1u << 30 | draw(r) >> 2);
		q->in_shift = (int32_t)between(r, 17, 30);
		q->diff_min = -(int32_t)((15ll << 27) >> q->in_shift);
	}
	if (l->op == MN_OP_HARD_SWISH) {
		q->in_mult = (int32_t)between(r, 1 << 14, INT16_MAX);
		q->in_shift = (int32_t)between(r, 0, 20) - 10;
		q->out_mult = (int32_t)between(r, 1 << 14, INT16_MAX);
		q->out_shift = -(int32_t)between(r, 0, 15);
	}
	if (l->op == MN_OP_SOFTMAX) {
		q->in_mult = (int32_t)(1u << 30 | draw(r) >> 2);
		q->in_shift = (int32_t)between(r, 17, 28);
		/* As TFLite has it: differences that the shift would overflow give -128. */
		q->diff_min = -(31 * (1 << 26) / (1 << q->in_shift) < 255
					? (int32_t)((31ll << 26) >> q->in_shift)
					: 255);
	}
}

static void *exact(struct random *r, uint32_t bytes)
{
	uint8_t *p = malloc(bytes ? bytes : 1);

	assert_non_null(p);
	mn_stimulus_fill(p, bytes, draw(r));
	return p;
}

/* Runs of one extreme byte: accumulators far from zero, softmax with equal classes. */
static void maybe_extreme(struct random *r, void *p, uint32_t bytes)
{
	if (bytes && one_in(r, 8))
		memset(p, one_in(r, 2) ? 0x80 : 0x7f, bytes);
}

static void run_layer(struct random *r, const struct mn_layer *l, uint32_t seed)
{
	static const char *const ids[] = {"mnchar/2/ref", "mnchar/2/dsp"};
	char text[MN_LAYER_TEXT_MAX];
	struct mn_layer_info info;
	struct mn_quant q;
	uint32_t in2_bytes = 0;
	int32_t *mult, *shift, *bias;
	int8_t *in, *in2, *weights, *out[2], *table;

	assert_int_equal(mn_layer_check(l, &info, NULL), 0);
	if (mn_op_inputs((enum mn_op)l->op) == 2)
		assert_int_equal(mn_shape_elements(&l->in2, &in2_bytes), 0);
	mult = exact(r, 4 * info.out.c);
	shift = exact(r, 4 * info.out.c);
	draw_quant(r, l, mult, shift, &q);
	table = exact(r, 256);
	if (mn_op_has_table((enum mn_op)l->op) && !one_in(r, 8)) {
		mn_kernel_table((enum mn_op)l->op, &q, table);
		q.table = table;
	}
	in = exact(r, info.input_bytes - in2_bytes);
	in2 = exact(r, in2_bytes);
	weights = exact(r, info.weight_bytes);
	bias = exact(r, info.bias_bytes);
	maybe_extreme(r, in, info.input_bytes - in2_bytes);
	maybe_extreme(r, weights, info.weight_bytes);
	for (uint32_t c = 0; c < info.bias_bytes / 4; c++)
		if (one_in(r, 2))
			bias[c] >>= 14;
	for (int i = 0; i < 2; i++) {
		const struct mn_kernel *kernel =
			mn_kernel_find(mn_kernel_set_find(ids[i]), (enum mn_op)l->op);
		void *scratch = exact(r, kernel->scratch_bytes(l));
		struct mn_kernel_args args = {.layer = l,
					      .quant = &q,
					      .in = in,
					      .in2 = in2,
					      .weights = weights,
					      .bias = l->bias ? bias : NULL,
					      .scratch = scratch};

		args.out = out[i] = exact(r, info.output_bytes);
		/* It leaves the other inputs' parts alone. */
		if (l->op == MN_OP_CONCATENATION)
			memset(out[i], 0x5a, info.output_bytes);
		assert_int_equal(kernel->run(&args), 0);
		free(scratch);
	}
	for (uint32_t i = 0; i < info.output_bytes; i++) {
		if (out[0][i] != out[1][i]) {
			mn_layer_format(l, text, sizeof(text));
			fail_msg("seed %#x: %s: byte %u: ref %d, dsp %d", seed, text, i, out[0][i],
				 out[1][i]);
		}
	}
	free(mult);
	free(shift);
	free(in);
	free(in2);
	free(weights);
	free(bias);
	free(table);
	free(out[0]);
	free(out[1]);
}

static void check_op(enum mn_op op, uint32_t layers)
{
	const char *fixed = getenv("MNCHAR_SEED");

	for (uint32_t i = 0; i < layers; i++) {
		uint32_t seed =
			fixed ? (uint32_t)strtoul(fixed, NULL, 0) : 0x9e3779b9u * (i + 1) + op;
		struct random r = {seed ? seed : 1};
		struct mn_layer layer;

		for (int k = 0; k < 8; k++)
			draw(&r);
		draw_layer(&r, op, &layer);
		run_layer(&r, &layer, seed);
	}
}

#define OP_TEST(name, OP, layers)                                                                  \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		check_op(MN_OP_##OP, layers);                                                      \
	}
OP_TEST(conv_2d, CONV_2D, 4000)
OP_TEST(depthwise_conv_2d, DEPTHWISE_CONV_2D, 4000)
OP_TEST(fully_connected, FULLY_CONNECTED, 2000)
OP_TEST(average_pool_2d, AVERAGE_POOL_2D, 1500)
OP_TEST(max_pool_2d, MAX_POOL_2D, 1500)
OP_TEST(mean, MEAN, 1500)
OP_TEST(add, ADD, 3000)
OP_TEST(softmax, SOFTMAX, 1500)
OP_TEST(pad, PAD, 1000)
OP_TEST(reshape, RESHAPE, 200)
OP_TEST(mul, MUL, 2000)
OP_TEST(sub, SUB, 2000)
OP_TEST(maximum, MAXIMUM, 500)
OP_TEST(minimum, MINIMUM, 500)
OP_TEST(concatenation, CONCATENATION, 1000)
OP_TEST(quantize, QUANTIZE, 500)
OP_TEST(relu, RELU, 300)
OP_TEST(relu6, RELU6, 300)
OP_TEST(logistic, LOGISTIC, 300)
OP_TEST(tanh, TANH, 300)
OP_TEST(leaky_relu, LEAKY_RELU, 500)
OP_TEST(hard_swish, HARD_SWISH, 300)
OP_TEST(strided_slice, STRIDED_SLICE, 2000)
OP_TEST(resize_nearest_neighbor, RESIZE_NEAREST_NEIGHBOR, 1000)
OP_TEST(transpose, TRANSPOSE, 1000)

/* Sums that one 16-bit pass cannot hold. */
static void test_large_windows(void **state)
{
	static const char *const texts[] = {
		"average_pool_2d in=1x20x20x5 kernel=20x20",
		"average_pool_2d in=1x1x600x4 kernel=1x600",
		"max_pool_2d in=1x20x20x5 kernel=20x20",
		"mean in=1x300x3x6 axes=h",
		"mean in=1x40x40x4 axes=hw",
		"softmax in=1x1x1x600",
		"softmax in=1x1x1x5000",
	};

	(void)state;
	for (uint32_t i = 0; i < 40 * sizeof(texts) / sizeof(texts[0]); i++) {
		const char *text = texts[i / 40];
		struct random r = {i + 1};
		struct mn_layer layer;

		for (int k = 0; k < 8; k++)
			draw(&r);
		assert_int_equal(mn_layer_parse(text, strlen(text), &layer, NULL, NULL), 0);
		run_layer(&r, &layer, i + 1);
	}
}

/* The integers against the float32 that they stand for, on a machine that has it. */
static void test_nearest(void **state)
{
	struct random r = {77};

	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t most = i % 2 ? 40 : 65535;
		uint32_t in = between(&r, 1, most), out = between(&r, 1, most);
		uint32_t x = between(&r, 0, out - 1), want;
		uint8_t sampling = (uint8_t)between(&r, 0, 2);
		int corners = sampling == MN_SAMPLING_ALIGN_CORNERS;
		struct mn_nearest n = mn_nearest_of(in, out, sampling);
		float scale = corners && out > 1 ? (float)(in - 1) / (float)(out - 1)
						 : (float)in / (float)out;
		float at = ((float)x + (sampling == MN_SAMPLING_HALF_PIXEL ? 0.5f : 0.0f)) * scale;

		want = (uint32_t)(corners ? roundf(at) : floorf(at));
		want = want < in ? want : in - 1;
		if (mn_nearest_at(&n, x) != want)
			fail_msg("%u of %u from %u, sampling %u: %u, not %u", x, out, in, sampling,
				 mn_nearest_at(&n, x), want);
	}
}

/* What the functions of one byte are, to a quantum. */
static void test_tables(void **state)
{
	struct mn_quant q = {.in_zp = 3, .in_mult = 1 << 30, .in_shift = 24, .diff_min = -120};
	int8_t logistic[256], hyperbolic[256], swish[256];

	(void)state;
	mn_kernel_table(MN_OP_LOGISTIC, &q, logistic);
	mn_kernel_table(MN_OP_TANH, &q, hyperbolic);
	q = (struct mn_quant){.in_zp = 3,
			      .out_zp = -20,
			      .in_mult = 21845,
			      .in_shift = 3,
			      .out_mult = 1 << 14,
			      .out_shift = -6};
	mn_kernel_table(MN_OP_HARD_SWISH, &q, swish);
	for (int x = -128; x < 128; x++) {
		double real = (x - 3) / 16.0, gate = fmin(fmax(real + 3, 0), 6) / 6;
		double y[3] = {fmin(256 / (1 + exp(-real)) - 128, 127), fmin(128 * tanh(real), 127),
			       fmin(16 * real * gate - 20, 127)};

		assert_true(fabs(logistic[(uint8_t)x] - y[0]) < 1);
		assert_true(fabs(hyperbolic[(uint8_t)x] - y[1]) < 1);
		assert_true(fabs(swish[(uint8_t)x] - y[2]) < 1);
	}
}

static void test_sets(void **state)
{
	(void)state;
	assert_true(mn_kernel_sets_count() >= 2); /* a third library may follow */
	assert_string_equal(mn_kernel_sets[0]->id, "mnchar/2/dsp");
	assert_ptr_equal(mn_kernel_set_find("mnchar/2/ref"), mn_kernel_sets[1]);
	assert_null(mn_kernel_set_find("mnchar/0/ref"));
	for (uint32_t i = 0; i < mn_kernel_sets_count(); i++) {
		for (int op = 0; op < MN_OP_COUNT; op++) {
			const struct mn_kernel *kernel =
				mn_kernel_find(mn_kernel_sets[i], (enum mn_op)op);

			assert_non_null(kernel);
			assert_int_equal(kernel->op, op);
		}
		assert_null(mn_kernel_find(mn_kernel_sets[i], MN_OP_COUNT));
	}
}

static uint32_t dsp_scratch(const char *text)
{
	struct mn_layer layer;

	assert_int_equal(mn_layer_parse(text, strlen(text), &layer, NULL, NULL), 0);
	return mn_kernel_find(mn_kernel_sets[0], (enum mn_op)layer.op)->scratch_bytes(&layer);
}

static void test_scratch(void **state)
{
	(void)state;
	/* 12 bytes a channel, two columns of int16; with in channels not divisible by 4 also the
	 * bytes of one. */
	assert_int_equal(dsp_scratch("conv_2d in=1x8x8x16 out_c=8 kernel=3x3"), 12 * 8 + 4 * 144);
	assert_int_equal(dsp_scratch("conv_2d in=1x8x8x3 out_c=8 kernel=3x3"), 12 * 8 + 5 * 27);
	assert_int_equal(dsp_scratch("conv_2d in=1x8x8x3 out_c=8 kernel=1x1"), 12 * 8 + 4 * 3);
	assert_int_equal(dsp_scratch("fully_connected in=1x1x1x37 out_c=8"), 2 * 37);
	/* Less than four outputs take their inputs as they are. */
	assert_int_equal(dsp_scratch("fully_connected in=1x1x1x37 out_c=3"), 0);
	assert_int_equal(dsp_scratch("softmax in=1x1x1x10"), 40);
	assert_int_equal(dsp_scratch("depthwise_conv_2d in=1x8x8x16 kernel=3x3"), 12 * 16);
	/* The largest that the check lets pass does not wrap. */
	assert_int_equal(dsp_scratch("conv_2d in=1x1x2x134217727 out_c=1 kernel=1x2"), 1342177282);
	assert_int_equal(dsp_scratch("conv_2d in=1x1x1x1 out_c=268435455 kernel=1x1"), 3221225464u);
	assert_int_equal(dsp_scratch("softmax in=1x1x1x268435455"), 1073741820);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_scratch),
		cmocka_unit_test(test_conv_2d),
		cmocka_unit_test(test_depthwise_conv_2d),
		cmocka_unit_test(test_fully_connected),
		cmocka_unit_test(test_average_pool_2d),
		cmocka_unit_test(test_max_pool_2d),
		cmocka_unit_test(test_mean),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_softmax),
		cmocka_unit_test(test_pad),
		cmocka_unit_test(test_reshape),
		cmocka_unit_test(test_mul),
		cmocka_unit_test(test_sub),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_minimum),
		cmocka_unit_test(test_concatenation),
		cmocka_unit_test(test_quantize),
		cmocka_unit_test(test_relu),
		cmocka_unit_test(test_relu6),
		cmocka_unit_test(test_logistic),
		cmocka_unit_test(test_tanh),
		cmocka_unit_test(test_leaky_relu),
		cmocka_unit_test(test_hard_swish),
		cmocka_unit_test(test_strided_slice),
		cmocka_unit_test(test_resize_nearest_neighbor),
		cmocka_unit_test(test_transpose),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_large_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
