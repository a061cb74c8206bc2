/* SPDX-License-Identifier: MIT */
#include "simd.h"
#include "variants.h"

/*
 * (x - zp) * 2^20 has 28 bits and so have the rescaled inputs; doubled they still fit, and the high
 * multiply of a doubled number is one instruction.
 */
struct add {
	uint32_t offset1, offset2; /* -zero points, twice */
	int32_t mult1, shift1, mult2, shift2, mult, shift, zp;
	int32_t left; /* left shift and the doubling */
	struct mn_limits limits;
};

MN_INLINE int32_t input(const struct add *p, int32_t x, int32_t mult, int32_t shift)
{
	return mn_round_shift_add(mn_high_mul_doubled(mn_shl32(x, p->left), mult), shift, 0);
}

MN_INLINE int32_t input1(const struct add *p, int32_t x)
{
	return input(p, x, p->mult1, p->shift1);
}

MN_INLINE int32_t input2(const struct add *p, int32_t x)
{
	return input(p, x, p->mult2, p->shift2);
}

MN_INLINE int32_t output(const struct add *p, int32_t a, int32_t b)
{
	return mn_round_shift_add(mn_high_mul_doubled(2 * (a + b), p->mult), p->shift, p->zp);
}

MN_INLINE int8_t one(const struct add *p, int32_t a, int32_t b)
{
	return (int8_t)mn_pack4(output(p, a, b), 0, 0, 0, p->limits);
}

/* Both inputs run along. */
MN_NOINLINE void run_both(const struct add *p, const int8_t *x1, const int8_t *x2, int8_t *out,
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

/* One input stands still: b is its rescaled value. */
MN_NOINLINE void run_one(const struct add *p, const int8_t *x, uint32_t offset, int32_t mult,
			 int32_t shift, int32_t b, int8_t *out, uint32_t n)
{
	for (; n; n--)
		*out++ = one(p, input(p, *x++ + mn_lo16(offset), mult, shift), b);
}

/* Bytes from one index to the next in a dimension: 0 where the input broadcasts. */
MN_INLINE size_t step_of(uint32_t extent, size_t bytes)
{
	return extent == 1 ? 0 : bytes;
}

int mn_add_dsp(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const struct mn_shape s1 = a->layer->in, s2 = a->layer->in2;
	const struct mn_shape out = mn_layer_out_shape(a->layer);
	const struct add p = {
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
	uint32_t run = out.c, ow = out.w, oh = out.h, on = out.n;
	int8_t *dst = a->out;

	/* TFLite's parameters never shift left; others are not worth a second path. */
	if (q->left_shift > 20 || q->in_shift > 0 || q->in2_shift > 0 || q->out_shift > 0)
		return mn_add_ref(a);

	/* Dimensions that both inputs have are one run. */
	if (s1.c == s2.c && s1.w == s2.w) {
		run *= ow;
		ow = 1;
		if (s1.h == s2.h) {
			run *= oh;
			oh = 1;
			if (s1.n == s2.n) {
				run *= on;
				on = 1;
			}
		}
	}
	for (uint32_t n = 0; n < on; n++) {
		for (uint32_t y = 0; y < oh; y++) {
			for (uint32_t x = 0; x < ow; x++, dst += run) {
				const int8_t *x1 = a->in +
						   n * step_of(s1.n, (size_t)s1.h * s1.w * s1.c) +
						   y * step_of(s1.h, (size_t)s1.w * s1.c) +
						   x * step_of(s1.w, s1.c);
				const int8_t *x2 = a->in2 +
						   n * step_of(s2.n, (size_t)s2.h * s2.w * s2.c) +
						   y * step_of(s2.h, (size_t)s2.w * s2.c) +
						   x * step_of(s2.w, s2.c);

				if (s1.c == s2.c)
					run_both(&p, x1, x2, dst, run);
				else if (s2.c == 1)
					run_one(&p, x1, p.offset1, p.mult1, p.shift1,
						input2(&p, *x2 - q->in2_zp), dst, run);
				else
					run_one(&p, x2, p.offset2, p.mult2, p.shift2,
						input1(&p, *x1 - q->in_zp), dst, run);
			}
		}
	}
	return 0;
}
