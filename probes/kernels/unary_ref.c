/* SPDX-License-Identifier: MIT */
/* quantize, relu, relu6, leaky_relu: at most one rescale a byte. */
#include "fixed.h"
#include "variants.h"

static uint32_t elements(const struct mn_kernel_args *a)
{
	const struct mn_shape in = a->layer->in;

	return in.n * in.h * in.w * in.c;
}

/* relu is quantize with act_min at the zero point. */
int mn_quantize_ref(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const uint32_t n = elements(a);

	for (uint32_t i = 0; i < n; i++)
		a->out[i] = mn_requantise(a->in[i] - q->in_zp, q->out_mult, q->out_shift, q);
	return 0;
}

int mn_relu6_ref(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const uint32_t n = elements(a);

	for (uint32_t i = 0; i < n; i++)
		a->out[i] = (int8_t)mn_clamp(a->in[i], q->act_min, q->act_max);
	return 0;
}

int mn_leaky_relu_ref(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const uint32_t n = elements(a);

	for (uint32_t i = 0; i < n; i++) {
		int32_t x = a->in[i] - q->in_zp;

		a->out[i] = mn_requantise(x, x < 0 ? q->in_mult : q->out_mult,
					  x < 0 ? q->in_shift : q->out_shift, q);
	}
	return 0;
}
