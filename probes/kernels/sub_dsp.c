/* SPDX-License-Identifier: MIT */
#include "broadcast.h"
#include "simd.h"
#include "variants.h"

/* As add_dsp.c has it: (x - zp) * 2^20 and the rescaled inputs still fit when they are doubled. */
struct sub {
	uint32_t offset1, offset2; /* -zero points, twice */
	int32_t mult1, shift1, mult2, shift2, mult, shift, zp;
	int32_t left; /* left shift and the doubling */
	struct mn_limits limits;
};

MN_INLINE int32_t input1(const struct sub *p, int32_t x)
{
	return mn_round_shift_add(mn_high_mul_doubled(mn_shl32(x, p->left), p->mult1), p->shift1,
				  0);
}

MN_INLINE int32_t input2(const struct sub *p, int32_t x)
{
	return mn_round_shift_add(mn_high_mul_doubled(mn_shl32(x, p->left), p->mult2), p->shift2,
				  0);
}

MN_INLINE int32_t output(const struct sub *p, int32_t a, int32_t b)
{
	return mn_round_shift_add(mn_high_mul_doubled(2 * (a - b), p->mult), p->shift, p->zp);
}

MN_INLINE int8_t one(const struct sub *p, int32_t a, int32_t b)
{
	return (int8_t)mn_pack4(output(p, a, b), 0, 0, 0, p->limits);
}

MN_NOINLINE void run_both(const struct sub *p, const int8_t *x1, const int8_t *x2, int8_t *out,
			  uint32_t n)
{
	for (; n >= 4; n -= 4, x1 += 4, x2 += 4, out += 4) {
		uint32_t v1 = mn_load4(x1), v2 = mn_load4(x2);
		uint32_t e1 = mn_add_even(p->offset1, v1), o1 = mn_add_odd(p->offset1, v1);
		uint32_t e2 = mn_add_even(p->offset2, v2), o2 = mn_add_odd(p->offset2, v2);

		mn_store4(out, mn_pack4(output(p, input1(p, mn_lo16(e1)), input2(p, mn_lo16(e2))),
					output(p, input1(p, mn_lo16(o1)), input2(p, mn_lo16(o2))),
					output(p, input1(p, mn_hi16(e1)), input2(p, mn_hi16(e2))),
					output(p, input1(p, mn_hi16(o1)), input2(p, mn_hi16(o2))),
					p->limits));
	}
	for (; n; n--)
		*out++ = one(p, input1(p, *x1++ + mn_lo16(p->offset1)),
			     input2(p, *x2++ + mn_lo16(p->offset2)));
}

static void run(const void *ctx, const int8_t *x1, uint32_t step1, const int8_t *x2, uint32_t step2,
		int8_t *out, uint32_t n)
{
	const struct sub *p = ctx;

	if (step1 && step2) {
		run_both(p, x1, x2, out, n);
	} else if (step1) {
		const int32_t b = input2(p, *x2 + mn_lo16(p->offset2));

		for (; n; n--)
			*out++ = one(p, input1(p, *x1++ + mn_lo16(p->offset1)), b);
	} else {
		const int32_t a = input1(p, *x1 + mn_lo16(p->offset1));

		for (; n; n--)
			*out++ = one(p, a, input2(p, *x2++ + mn_lo16(p->offset2)));
	}
}

int mn_sub_dsp(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const struct sub p = {
		.offset1 = mn_twice16(-q->in_zp),
		.offset2 = mn_twice16(-q->in2_zp),
		.mult1 = q->in_mult,
		.shift1 = q->in_shift,
		.mult2 = q->in2_mult,
		.shift2 = q->in2_shift,
		.mult = q->out_mult,
		.shift = q->out_shift,
		.zp = q->out_zp,
		.left = q->left_shift + 1,
		.limits = mn_limits_of(q),
	};

	/* TFLite's parameters never shift left; others are not worth a second path. */
	if (q->left_shift > 20 || q->in_shift > 0 || q->in2_shift > 0 || q->out_shift > 0)
		return mn_sub_ref(a);
	mn_broadcast_each(a, run, &p);
	return 0;
}
