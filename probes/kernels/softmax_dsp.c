/* SPDX-License-Identifier: MIT */
#include "simd.h"
#include "softmax.h"
#include "variants.h"

uint32_t mn_softmax_dsp_scratch(const struct mn_layer *l)
{
	return 4 * l->in.c;
}

static inline int32_t high_mul(int32_t a, int32_t b)
{
	return mn_high_mul_dsp(a, b);
}

MN_INLINE int32_t maximum(const int8_t *x, uint32_t n)
{
	int32_t max = INT8_MIN;

	if (n >= 4) {
		uint32_t m = 0x80808080u;

		for (; n >= 4; n -= 4, x += 4)
			m = mn_max4(m, mn_load4(x));
		m = mn_max4(m, m >> 16);
		m = mn_max4(m, m >> 8);
		max = (int8_t)m;
	}
	for (; n; n--, x++)
		if (*x > max)
			max = *x;
	return max;
}

/* Each exponential is taken once and kept. 0 stands for a difference below diff_min: it adds
 * nothing and gives -128, as the reference has it. */
int mn_softmax_dsp(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const struct mn_shape in = a->layer->in;
	const uint32_t rows = in.n * in.h * in.w;
	const int8_t *x = a->in;
	int32_t *exps = a->scratch;
	int8_t *dst = a->out;

	for (uint32_t row = 0; row < rows; row++, x += in.c, dst += in.c) {
		int32_t max = maximum(x, in.c), sum = 0, headroom, recip;

		for (uint32_t c = 0; c < in.c; c++) {
			int32_t diff = x[c] - max, e = 0;

			if (diff >= q->diff_min)
				e = mn_exp_q5(high_mul(mn_shl32(diff, q->in_shift), q->in_mult),
					      high_mul);
			exps[c] = e;
			sum = mn_softmax_sum(sum, e);
		}
		headroom = __builtin_clz((uint32_t)sum);
		recip = mn_recip_1p((int32_t)(((uint32_t)sum << headroom) - (1u << 31)), high_mul);
		for (uint32_t c = 0; c < in.c; c++)
			dst[c] = mn_softmax_output(exps[c], recip, headroom, high_mul);
	}
	return 0;
}
