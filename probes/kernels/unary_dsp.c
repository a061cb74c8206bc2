/* SPDX-License-Identifier: MIT */
/* quantize, relu, relu6, leaky_relu, four bytes at a time. */
#include "simd.h"
#include "variants.h"

/* A rescale for x >= 0 and one for the others. */
struct unary {
	uint32_t offset; /* -zero point, twice */
	int32_t mult, shift, mult_below, shift_below, zp;
	struct mn_limits limits;
};

static uint32_t elements(const struct mn_kernel_args *a)
{
	const struct mn_shape in = a->layer->in;

	return in.n * in.h * in.w * in.c;
}

static struct unary unary_of(const struct mn_quant *q)
{
	return (struct unary){.offset = mn_twice16(-q->in_zp),
			      .mult = q->out_mult,
			      .shift = q->out_shift,
			      .mult_below = q->in_mult,
			      .shift_below = q->in_shift,
			      .zp = q->out_zp,
			      .limits = mn_limits_of(q)};
}

MN_INLINE int32_t linear(const struct unary *p, int32_t x)
{
	return mn_rescale_dsp(x, p->mult, p->shift, p->zp);
}

MN_INLINE int32_t bent(const struct unary *p, int32_t x)
{
	return mn_rescale_dsp(x, x < 0 ? p->mult_below : p->mult, x < 0 ? p->shift_below : p->shift,
			      p->zp);
}

MN_INLINE void each(const struct unary *p, int32_t (*value)(const struct unary *, int32_t),
		    const struct mn_kernel_args *a)
{
	const int8_t *x = a->in;
	int8_t *out = a->out;
	uint32_t n = elements(a);

	for (; n >= 4; n -= 4, x += 4, out += 4) {
		uint32_t v = mn_load4(x);
		uint32_t e = mn_add_even(p->offset, v), o = mn_add_odd(p->offset, v);

		mn_store4(out, mn_pack4(value(p, mn_lo16(e)), value(p, mn_lo16(o)),
					value(p, mn_hi16(e)), value(p, mn_hi16(o)), p->limits));
	}
	for (; n; n--)
		*out++ = (int8_t)mn_pack4(value(p, *x++ + mn_lo16(p->offset)), 0, 0, 0, p->limits);
}

int mn_quantize_dsp(const struct mn_kernel_args *a)
{
	const struct unary p = unary_of(a->quant);

	each(&p, linear, a);
	return 0;
}

int mn_leaky_relu_dsp(const struct mn_kernel_args *a)
{
	const struct unary p = unary_of(a->quant);

	each(&p, bent, a);
	return 0;
}

int mn_relu6_dsp(const struct mn_kernel_args *a)
{
	const struct mn_limits limits = mn_limits_of(a->quant);
	const int8_t *x = a->in;
	int8_t *out = a->out;
	uint32_t n = elements(a);

	for (; n >= 4; n -= 4, x += 4, out += 4)
		mn_store4(out, mn_min4(mn_max4(mn_load4(x), limits.lo), limits.hi));
	for (; n; n--)
		*out++ = (int8_t)mn_clamp(*x++, a->quant->act_min, a->quant->act_max);
	return 0;
}
