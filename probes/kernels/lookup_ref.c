/* SPDX-License-Identifier: MIT */
/* Every output computed, as TensorFlow Lite Micro does it. */
#include "lookup.h"
#include "variants.h"

static int each(const struct mn_kernel_args *a, int8_t (*value)(const struct mn_quant *, int32_t))
{
	const struct mn_shape in = a->layer->in;
	const uint32_t n = in.n * in.h * in.w * in.c;

	for (uint32_t i = 0; i < n; i++)
		a->out[i] = value(a->quant, a->in[i]);
	return 0;
}

int mn_logistic_ref(const struct mn_kernel_args *a)
{
	return each(a, mn_logistic_value);
}

int mn_tanh_ref(const struct mn_kernel_args *a)
{
	return each(a, mn_tanh_value);
}

int mn_hard_swish_ref(const struct mn_kernel_args *a)
{
	return each(a, mn_hard_swish_value);
}
