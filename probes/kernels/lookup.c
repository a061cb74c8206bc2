/* SPDX-License-Identifier: MIT */
#include "lookup.h"

#include "fixed.h"

#define ONE INT32_MAX /* 1.0 in Q0.31 */

/* exp(a) in Q0.31, a <= 0 with `bits` integer bits, 4 or 5. */
static int32_t exponential(int32_t a, int bits)
{
	/* exp(-2^e) in Q0.31 for e = -2 … 4. */
	static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308,
					  39332535,   720401,     242};
	const int32_t quarter = 1 << (29 - bits);
	int32_t m = (a & (quarter - 1)) - quarter;
	int32_t rest = m - a;
	int32_t x = mn_shl32(m, bits) + (1 << 28);
	int32_t x2 = mn_high_mul(x, x), x3 = mn_high_mul(x2, x), x4 = mn_high_mul(x2, x2);
	int32_t p = mn_round_shift(mn_high_mul(mn_round_shift(x4, 2) + x3, 715827883) + x2, 1);
	int32_t r = 1895147668 + mn_high_mul(1895147668, x + p);

	for (int e = -2; e < bits; e++)
		if (rest & (1 << (31 - bits + e)))
			r = mn_high_mul(r, factors[e + 2]);
	return a == 0 ? ONE : r;
}

/* 2 / (1 + a) in Q2.29, a >= 0 in Q0.31. */
static int32_t twice_reciprocal(int32_t a)
{
	int32_t half = (int32_t)(((int64_t)a + ONE + 1) / 2);
	int32_t x = 1515870810 + mn_high_mul(half, -1010580540);

	for (int i = 0; i < 3; i++) {
		int32_t rest = (1 << 29) - mn_high_mul(half, x);

		x = mn_add32(x, mn_shl_sat(mn_high_mul(x, rest), 2));
	}
	return x;
}

/* Beyond the range of the fixed-point numbers -1 or 1, else 0 and *ret in Q4.27. */
static int scaled(const struct mn_quant *q, int32_t x, int32_t *ret)
{
	x -= q->in_zp;
	if (x <= q->diff_min)
		return -1;
	if (x >= -q->diff_min)
		return 1;
	*ret = mn_rescale(x, q->in_mult, q->in_shift);
	return 0;
}

int8_t mn_logistic_value(const struct mn_quant *q, int32_t x)
{
	int32_t v = 0, p;
	int beyond = scaled(q, x, &v);

	if (beyond)
		return beyond < 0 ? INT8_MIN : INT8_MAX;
	p = v ? mn_shl_sat(twice_reciprocal(exponential(v < 0 ? v : -v, 4)), 1) : 1 << 30;
	if (v < 0)
		p = ONE - p;
	return (int8_t)mn_clamp(mn_round_shift(p, 23) - 128, INT8_MIN, INT8_MAX);
}

int8_t mn_tanh_value(const struct mn_quant *q, int32_t x)
{
	int32_t v = 0, t = 0;
	int beyond = scaled(q, x, &v);

	if (beyond)
		return beyond < 0 ? INT8_MIN : INT8_MAX;
	/* The same bits with one integer bit more are twice the number: exp(-2|v|). */
	if (v)
		t = mn_shl_sat(twice_reciprocal(exponential(v < 0 ? v : -v, 5)) - (1 << 29), 2);
	if (v < 0)
		t = -t;
	return (int8_t)mn_clamp(mn_round_shift(t, 24), INT8_MIN, INT8_MAX);
}

static int32_t shl16_sat(int32_t x, int32_t n)
{
	return mn_clamp(mn_shl_sat(x, n), INT16_MIN, INT16_MAX);
}

/* a * b / 2^15 to nearest, half up; b is not negative. */
static int32_t high_mul16(int32_t a, int32_t b)
{
	return (a * b + (1 << 14)) >> 15;
}

int8_t mn_hard_swish_value(const struct mn_quant *q, int32_t x)
{
	int32_t v = (int16_t)(uint16_t)((uint32_t)(x - q->in_zp) << 7);
	int32_t product = high_mul16(v, q->out_mult), gate = v;

	if (q->in_shift > 0)
		gate = shl16_sat(gate, q->in_shift - 1);
	gate = high_mul16(gate, q->in_mult);
	if (q->in_shift > 0)
		gate = shl16_sat(gate, 1);
	else
		gate = mn_round_shift(gate, -q->in_shift);
	/* From -1 … 1 to 0 … 1. */
	gate = (gate + (1 << 15)) >> 1;
	x = mn_round_shift(gate * product / (1 << 15), -q->out_shift);
	return (int8_t)mn_clamp(x + q->out_zp, INT8_MIN, INT8_MAX);
}

void mn_kernel_table(enum mn_op op, const struct mn_quant *q, int8_t *table)
{
	for (int32_t x = INT8_MIN; x <= INT8_MAX; x++)
		table[(uint8_t)x] = op == MN_OP_LOGISTIC ? mn_logistic_value(q, x)
				    : op == MN_OP_TANH   ? mn_tanh_value(q, x)
							 : mn_hard_swish_value(q, x);
}
