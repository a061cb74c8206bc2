/* SPDX-License-Identifier: MIT */
/* The functions that softmax is made of, on fixed-point numbers Q<integer bits>.<fraction bits>. */
#ifndef MN_SOFTMAX_H
#define MN_SOFTMAX_H

#include "fixed.h"

#define MN_ONE INT32_MAX /* 1.0 in Q0.31 */

/* exp(a) for a <= 0 in Q5.26, result Q0.31. high_mul is a parameter so that dsp can use its own. */
static inline int32_t mn_exp_q5(int32_t a, int32_t (*high_mul)(int32_t, int32_t))
{
	/* exp(-2^e) in Q0.31 for e = -2 … 4. */
	static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308,
					  39332535,   720401,     242};
	const int32_t quarter = 1 << 24;
	int32_t m = (a & (quarter - 1)) - quarter;
	int32_t rest = m - a;
	/* m is a multiple of 2^-26 in [-1/4, 0): the shift cannot overflow. Taylor around -1/8. */
	int32_t x = mn_shl32(m, 5) + (1 << 28);
	int32_t x2 = high_mul(x, x), x3 = high_mul(x2, x), x4 = high_mul(x2, x2);
	int32_t p = mn_round_shift(high_mul(mn_round_shift(x4, 2) + x3, 715827883) + x2, 1);
	int32_t r = 1895147668 + high_mul(1895147668, x + p);

	for (int i = 0; i < 7; i++)
		if (rest & (1 << (24 + i)))
			r = high_mul(r, factors[i]);
	return a == 0 ? MN_ONE : r;
}

/* 1 / (1 + a), both in Q0.31, a >= 0. */
static inline int32_t mn_recip_1p(int32_t a, int32_t (*high_mul)(int32_t, int32_t))
{
	int32_t half = (int32_t)(((int64_t)a + MN_ONE + 1) / 2);
	int32_t x = 1515870810 + high_mul(half, -1010580540);

	for (int i = 0; i < 3; i++) {
		int32_t rest = (1 << 29) - high_mul(half, x);

		x = mn_add32(x, mn_shl_sat(high_mul(x, rest), 2));
	}
	return mn_shl_sat(x, 1);
}

/* e / sum as int8 with scale 1/256 and zero point -128. recip and headroom are of the sum. */
static inline int8_t mn_softmax_output(int32_t e, int32_t recip, int32_t headroom,
				       int32_t (*high_mul)(int32_t, int32_t))
{
	int32_t n = 12 - headroom + 23;
	int32_t y = n > 31 ? 0 : mn_round_shift(high_mul(recip, e), n);

	return (int8_t)mn_clamp(y - 128, INT8_MIN, INT8_MAX);
}

/*
 * The sum of the exponentials, Q12.19. The reference stops with a failed check at 512, which takes
 * more than 512 classes; here it goes on to 4096 and then stays there.
 */
static inline int32_t mn_softmax_sum(int32_t sum, int32_t e)
{
	uint32_t y = (uint32_t)sum + (uint32_t)mn_round_shift(e, 12);

	return y > INT32_MAX ? INT32_MAX : (int32_t)y;
}

#endif
