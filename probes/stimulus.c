/* SPDX-License-Identifier: MIT */
#include "exec.h"

#include <string.h>

/* Words of a stimulus are little endian on every machine. */
static void put_word(uint8_t *p, uint32_t n, uint32_t word)
{
	for (uint32_t i = 0; i < n; i++)
		p[i] = (uint8_t)(word >> 8 * i);
}

void mn_stimulus_fill(void *buf, uint32_t n, uint32_t seed)
{
	uint8_t *p = buf;
	uint32_t x = seed ? seed : MN_POOL_SEED;

	for (uint32_t i = 0; i < n; i += 4) {
		x = mn_xorshift32(x);
		put_word(p + i, n - i < 4 ? n - i : 4, x);
	}
}

void mn_stimulus_pools(int32_t *bias, uint32_t bias_words, void *pool, uint32_t pool_bytes)
{
	uint32_t x = MN_POOL_SEED;

	for (uint32_t i = 0; i < bias_words; i++) {
		x = mn_xorshift32(x);
		bias[i] = (int32_t)x >> 20;
	}
	for (uint32_t i = 0; i + 4 <= pool_bytes; i += 4) {
		x = mn_xorshift32(x);
		put_word((uint8_t *)pool + i, 4, x);
	}
}

static uint32_t square_root(uint64_t x)
{
	uint64_t root = 0;

	for (int bit = 31; bit >= 0; bit--) {
		uint64_t next = root | 1ull << bit;

		if (next * next <= x)
			root = next;
	}
	return (uint32_t)root;
}

/* num / den as multiplier and shift: multiplier in 2^30 … 2^31 - 1. num, den in 1 … 2^31 - 1. */
static void multiplier_of(uint32_t num, uint32_t den, int32_t *mult, int32_t *shift)
{
	int s = __builtin_clz(den) -
		__builtin_clz(num); /* num / den is in (2^(s - 1), 2^(s + 1)) */
	uint64_t m;

	if (((uint64_t)num << 31) >= (uint64_t)den << (31 + s))
		s++;
	/* Now num / den is in [2^(s - 1), 2^s). */
	m = s <= 31 ? ((uint64_t)num << (31 - s)) / den : 0;
	*mult = (int32_t)m;
	*shift = s;
}

/* A number that depends on the layer only: layers differ in zero points and multipliers. */
static uint32_t layer_seed(const struct mn_layer *l)
{
	const uint32_t fields[] = {l->op,       l->kernel_h, l->kernel_w, l->in.h,
				   l->in.w,     l->in.c,     l->out_c,    l->multiplier,
				   l->stride_h, l->stride_w, l->act,      l->padding};
	uint32_t x = MN_POOL_SEED;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		x = mn_xorshift32(x ^ (fields[i] + 1) * 0x9e3779b1u);
	return x ? x : MN_POOL_SEED;
}

/* -8 … 7 */
static int32_t zero_point(uint32_t *x)
{
	*x = mn_xorshift32(*x);
	return (int32_t)*x >> 28;
}

/*
 * The rescale of a sum of `taps` products of two uniform int8. A uniform int8 has a standard
 * deviation of 74, such a sum one of 74 * 74 * sqrt(taps); 48 quanta of it are 1 / (114 * sqrt).
 */
static void output_multiplier(uint64_t taps, int32_t *mult, int32_t *shift)
{
	uint64_t den = square_root(taps << 16) * 114ull; /* sqrt in units of 1/256 */

	if (den > INT32_MAX)
		den = INT32_MAX;
	multiplier_of(256, (uint32_t)den, mult, shift);
}

/* A channel's multiplier: down to 7/8 of the layer's, as trained channels differ. */
static void channel_multiplier(uint32_t random, int32_t *mult, int32_t *shift)
{
	*mult -= (int32_t)(((uint64_t)(uint32_t)*mult * (random >> 16)) >> 19);
	if (*mult < 1 << 30) {
		*mult *= 2;
		*shift -= 1;
	}
}

static void activation(const struct mn_layer *l, struct mn_quant *q)
{
	q->act_min = INT8_MIN;
	q->act_max = INT8_MAX;
	if (l->act != MN_ACT_NONE || l->op == MN_OP_RELU || l->op == MN_OP_RELU6)
		q->act_min = q->out_zp;
	if (l->act == MN_ACT_RELU6 || l->op == MN_OP_RELU6)
		q->act_max = q->out_zp + 96; /* s_out is 1/16 */
}

void mn_stimulus_quant(const struct mn_layer *layer, int32_t *mult, int32_t *shift,
		       struct mn_quant *ret_quant)
{
	const struct mn_shape in = layer->in;
	struct mn_quant q;
	uint32_t x = layer_seed(layer), out_c = mn_layer_out_shape(layer).c;
	uint64_t taps = 1;

	memset(&q, 0, sizeof(q));
	q.in_zp = zero_point(&x);
	q.in2_zp = zero_point(&x);
	q.out_zp = zero_point(&x);
	switch (layer->op) {
	case MN_OP_CONV_2D:
	case MN_OP_DEPTHWISE_CONV_2D:
		taps = (uint64_t)layer->kernel_h * layer->kernel_w;
		if (layer->op == MN_OP_CONV_2D)
			taps *= in.c;
		for (uint32_t c = 0; mult && c < out_c; c++) {
			output_multiplier(taps, &mult[c], &shift[c]);
			x = mn_xorshift32(x);
			channel_multiplier(x, &mult[c], &shift[c]);
		}
		q.mult = mult;
		q.shift = shift;
		break;
	case MN_OP_FULLY_CONNECTED:
		output_multiplier(in.c, &q.out_mult, &q.out_shift);
		channel_multiplier(x, &q.out_mult, &q.out_shift);
		break;
	case MN_OP_MEAN:
		/* The mean of n numbers has 1 / sqrt(n) of their deviation. */
		if (layer->axes & MN_AXIS_H)
			taps *= in.h;
		if (layer->axes & MN_AXIS_W)
			taps *= in.w;
		multiplier_of(square_root(taps << 8) * 10, 256, &q.out_mult, &q.out_shift);
		channel_multiplier(x, &q.out_mult, &q.out_shift);
		break;
	case MN_OP_ADD:
	case MN_OP_SUB:
		/* s1 = s, s2 between 7/8 s and s, s_out = 1.6 s; t = 2 s. */
		q.left_shift = 20;
		multiplier_of(1, 2, &q.in_mult, &q.in_shift);
		multiplier_of(1, 2, &q.in2_mult, &q.in2_shift);
		channel_multiplier(x, &q.in2_mult, &q.in2_shift);
		multiplier_of(20, 16u << 20, &q.out_mult, &q.out_shift);
		break;
	case MN_OP_SOFTMAX:
		/* s_in = 1/16: 2^26 / 16 = 2^22; diff_min = -floor(31 * 2^26 / 2^23). */
		q.in_mult = 1 << 30;
		q.in_shift = 23;
		q.diff_min = -248;
		q.out_zp = INT8_MIN;
		break;
	case MN_OP_MUL:
		output_multiplier(1, &q.out_mult, &q.out_shift);
		channel_multiplier(x, &q.out_mult, &q.out_shift);
		break;
	case MN_OP_LEAKY_RELU:
		/* alpha = 0.2 */
		multiplier_of(3, 20, &q.in_mult, &q.in_shift);
		multiplier_of(3, 4, &q.out_mult, &q.out_shift);
		break;
	case MN_OP_QUANTIZE:
	case MN_OP_RELU:
		multiplier_of(3, 4, &q.out_mult, &q.out_shift);
		channel_multiplier(x, &q.out_mult, &q.out_shift);
		break;
	case MN_OP_LOGISTIC:
		/* s_in = 1/16: 2^27 / 16 = 2^23; diff_min = -floor(15 * 2^27 / 2^24). */
		q.in_mult = 1 << 30;
		q.in_shift = 24;
		q.diff_min = -120;
		q.out_zp = INT8_MIN;
		break;
	case MN_OP_TANH:
		/* s_in = 1/32 */
		q.in_mult = 1 << 30;
		q.in_shift = 23;
		q.diff_min = -240;
		q.out_zp = 0;
		break;
	case MN_OP_HARD_SWISH:
		/* s_in = s_out = 1/16: s_in / 128 / s_out, and by 3 / 2^15. */
		q.out_mult = 1 << 14;
		q.out_shift = -6;
		q.in_mult = 21845;
		q.in_shift = 3;
		break;
	default:
		/* Raw bytes: one quantisation in and out. */
		q.out_zp = q.in_zp;
		break;
	}
	activation(layer, &q);
	*ret_quant = q;
}
