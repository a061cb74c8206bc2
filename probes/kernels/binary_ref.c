/* SPDX-License-Identifier: MIT */
/* mul, sub, maximum, minimum. (add came first and has files of its own.) */
#include "broadcast.h"
#include "fixed.h"
#include "variants.h"

typedef int8_t value(const struct mn_quant *q, int32_t x1, int32_t x2);

struct context {
	const struct mn_quant *quant;
	value *value;
};

static int8_t mul(const struct mn_quant *q, int32_t x1, int32_t x2)
{
	return mn_requantise((x1 - q->in_zp) * (x2 - q->in2_zp), q->out_mult, q->out_shift, q);
}

static int8_t sub(const struct mn_quant *q, int32_t x1, int32_t x2)
{
	int32_t v1 = mn_shl32(x1 - q->in_zp, q->left_shift);
	int32_t v2 = mn_shl32(x2 - q->in2_zp, q->left_shift);
	int32_t r1 = mn_rescale(v1, q->in_mult, q->in_shift);
	int32_t r2 = mn_rescale(v2, q->in2_mult, q->in2_shift);

	return mn_requantise((int32_t)((uint32_t)r1 - (uint32_t)r2), q->out_mult, q->out_shift, q);
}

static int8_t maximum(const struct mn_quant *q, int32_t x1, int32_t x2)
{
	(void)q;
	return (int8_t)(x1 > x2 ? x1 : x2);
}

static int8_t minimum(const struct mn_quant *q, int32_t x1, int32_t x2)
{
	(void)q;
	return (int8_t)(x1 < x2 ? x1 : x2);
}

static void run(const void *ctx, const int8_t *x1, uint32_t step1, const int8_t *x2, uint32_t step2,
		int8_t *out, uint32_t n)
{
	const struct context *c = ctx;

	for (uint32_t i = 0; i < n; i++)
		out[i] = c->value(c->quant, x1[i * step1], x2[i * step2]);
}

static int each(const struct mn_kernel_args *a, value *f)
{
	const struct context c = {a->quant, f};

	mn_broadcast_each(a, run, &c);
	return 0;
}

int mn_mul_ref(const struct mn_kernel_args *a)
{
	return each(a, mul);
}

int mn_sub_ref(const struct mn_kernel_args *a)
{
	return each(a, sub);
}

int mn_maximum_ref(const struct mn_kernel_args *a)
{
	return each(a, maximum);
}

int mn_minimum_ref(const struct mn_kernel_args *a)
{
	return each(a, minimum);
}
