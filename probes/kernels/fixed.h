/* SPDX-License-Identifier: MIT */
/*
 * TFLite's fixed-point arithmetic: every rescale is a rounding high multiply and then a rounding
 * right shift (double rounding, TFLITE_SINGLE_ROUNDING not defined). Written from the rules, in the
 * plainest form; the dsp kernels have the same functions as instructions in simd.h.
 *
 * Accumulators wrap at 32 bits as the processors' do, also where the reference kernels leave it
 * undefined, so that all variants agree on every input.
 */
#ifndef MN_FIXED_H
#define MN_FIXED_H

#include <stdint.h>

#include "kernel.h"

static inline int32_t mn_add32(int32_t a, int32_t b)
{
	return (int32_t)((uint32_t)a + (uint32_t)b);
}

static inline int32_t mn_mul32(int32_t a, int32_t b)
{
	return (int32_t)((uint32_t)a * (uint32_t)b);
}

static inline int32_t mn_shl32(int32_t a, int32_t n)
{
	return (int32_t)((uint32_t)a << n);
}

/* (a * b + 2^30) / 2^31, down. The one case that overflows saturates. */
static inline int32_t mn_high_mul(int32_t a, int32_t b)
{
	if (a == INT32_MIN && b == INT32_MIN)
		return INT32_MAX;
	return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* x / 2^n to nearest, half away from zero; n in 0..31. */
static inline int32_t mn_round_shift(int32_t x, int32_t n)
{
	int32_t mask = (int32_t)((1u << n) - 1);
	int32_t rest = x & mask;
	int32_t threshold = (mask >> 1) + (x < 0);

	return (x >> n) + (rest > threshold);
}

/* x * mult * 2^(shift - 31); mult 0..2^31 - 1, shift -31..30. */
static inline int32_t mn_rescale(int32_t x, int32_t mult, int32_t shift)
{
	int32_t left = shift > 0 ? shift : 0;
	int32_t right = shift > 0 ? 0 : -shift;

	return mn_round_shift(mn_high_mul(mn_shl32(x, left), mult), right);
}

static inline int32_t mn_clamp(int32_t x, int32_t lo, int32_t hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

/* Rescale, zero point and activation: what ends every output of a layer with a rescale. */
static inline int8_t mn_requantise(int32_t acc, int32_t mult, int32_t shift,
				   const struct mn_quant *q)
{
	int32_t y = mn_add32(mn_rescale(acc, mult, shift), q->out_zp);

	return (int8_t)mn_clamp(y, q->act_min, q->act_max);
}

/* Left shift that saturates. */
static inline int32_t mn_shl_sat(int32_t x, int n)
{
	int64_t y = (int64_t)((uint64_t)(int64_t)x << n);

	return y > INT32_MAX ? INT32_MAX : y < INT32_MIN ? INT32_MIN : (int32_t)y;
}

/*
 * Mean of n elements as one rescale: *mult and *shift of s_in / s_out in, of s_in / (n * s_out)
 * out. k = min(floor(log2 n), 32, 31 + shift); M' = (M << k) / n, down; shift' = shift - k.
 */
static inline void mn_mean_rescale(uint32_t n, int32_t *mult, int32_t *shift)
{
	int32_t k = 31 - __builtin_clz(n);

	if (k > 31 + *shift)
		k = 31 + *shift;
	*mult = (int32_t)(((uint64_t)(uint32_t)*mult << k) / n);
	*shift -= k;
}

/* Sum of a window divided by its elements, half away from zero. */
static inline int32_t mn_average(int32_t sum, int32_t n)
{
	return sum > 0 ? mn_add32(sum, n / 2) / n : mn_add32(sum, -(n / 2)) / n;
}

#endif
