/* SPDX-License-Identifier: MIT */
#include "softmax.h"
#include "variants.h"

static int32_t exponential(const struct mn_quant *q, int32_t diff)
{
	return mn_exp_q5(mn_high_mul(mn_shl32(diff, q->in_shift), q->in_mult), mn_high_mul);
}

int mn_softmax_ref(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const struct mn_shape in = a->layer->in;
	const uint32_t rows = in.n * in.h * in.w;
	int8_t *dst = a->out;

	for (uint32_t row = 0; row < rows; row++) {
		const int8_t *x = a->in + (size_t)row * in.c;
		int32_t max = INT8_MIN, sum = 0, headroom, recip;

		for (uint32_t c = 0; c < in.c; c++)
			if (x[c] > max)
				max = x[c];
		for (uint32_t c = 0; c < in.c; c++)
			if (x[c] - max >= q->diff_min)
				sum = mn_softmax_sum(sum, exponential(q, x[c] - max));
		headroom = __builtin_clz((uint32_t)sum);
		recip = mn_recip_1p((int32_t)(((uint32_t)sum << headroom) - (1u << 31)),
				    mn_high_mul);
		for (uint32_t c = 0; c < in.c; c++) {
			if (x[c] - max >= q->diff_min)
				*dst++ = mn_softmax_output(exponential(q, x[c] - max), recip,
							   headroom, mn_high_mul);
			else
				*dst++ = INT8_MIN;
		}
	}
	return 0;
}
