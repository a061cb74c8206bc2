/* SPDX-License-Identifier: MIT */
#include "broadcast.h"
#include "simd.h"
#include "variants.h"

struct mul {
	uint32_t offset1, offset2; /* -zero points, twice */
	int32_t mult, shift, zp;
	struct mn_limits limits;
};

MN_INLINE int32_t output(const struct mul *p, int32_t product)
{
	return mn_rescale_dsp(product, p->mult, p->shift, p->zp);
}

MN_INLINE int8_t one(const struct mul *p, int32_t a, int32_t b)
{
	return (int8_t)mn_pack4(output(p, a * b), 0, 0, 0, p->limits);
}

/* Both inputs go along. */
MN_NOINLINE void run_both(const struct mul *p, const int8_t *x1, const int8_t *x2, int8_t *out,
			  uint32_t n)
{
	const struct mul q = *p;

	for (; n >= 4; n -= 4, x1 += 4, x2 += 4, out += 4) {
		uint32_t v1 = mn_load4(x1), v2 = mn_load4(x2);
		uint32_t e1 = mn_add_even(q.offset1, v1), o1 = mn_add_odd(q.offset1, v1);
		uint32_t e2 = mn_add_even(q.offset2, v2), o2 = mn_add_odd(q.offset2, v2);

		mn_store4(out, mn_pack4(output(&q, mn_lo16(e1) * mn_lo16(e2)),
					output(&q, mn_lo16(o1) * mn_lo16(o2)),
					output(&q, mn_hi16(e1) * mn_hi16(e2)),
					output(&q, mn_hi16(o1) * mn_hi16(o2)), q.limits));
	}
	for (; n; n--)
		*out++ = one(&q, *x1++ + mn_lo16(q.offset1), *x2++ + mn_lo16(q.offset2));
}

/* One input stands still: b without its zero point. */
MN_NOINLINE void run_one(const struct mul *p, const int8_t *x, uint32_t offset, int32_t b,
			 int8_t *out, uint32_t n)
{
	const struct mul q = *p;

	for (; n >= 4; n -= 4, x += 4, out += 4) {
		uint32_t v = mn_load4(x);
		uint32_t e = mn_add_even(offset, v), o = mn_add_odd(offset, v);

		mn_store4(out, mn_pack4(output(&q, mn_lo16(e) * b), output(&q, mn_lo16(o) * b),
					output(&q, mn_hi16(e) * b), output(&q, mn_hi16(o) * b),
					q.limits));
	}
	for (; n; n--)
		*out++ = one(&q, *x++ + mn_lo16(offset), b);
}

static void run(const void *ctx, const int8_t *x1, uint32_t step1, const int8_t *x2, uint32_t step2,
		int8_t *out, uint32_t n)
{
	const struct mul *p = ctx;

	if (step1 && step2)
		run_both(p, x1, x2, out, n);
	else if (step1)
		run_one(p, x1, p->offset1, *x2 + mn_lo16(p->offset2), out, n);
	else
		run_one(p, x2, p->offset2, *x1 + mn_lo16(p->offset1), out, n);
}

int mn_mul_dsp(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const struct mul p = {
		.offset1 = mn_twice16(-q->in_zp),
		.offset2 = mn_twice16(-q->in2_zp),
		.mult = q->out_mult,
		.shift = q->out_shift,
		.zp = q->out_zp,
		.limits = mn_limits_of(q),
	};

	mn_broadcast_each(a, run, &p);
	return 0;
}
