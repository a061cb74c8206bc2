/* SPDX-License-Identifier: MIT */
/* Every output looked up in the table that came with the quantisation. */
#include "simd.h"
#include "variants.h"

static void look_up(const struct mn_kernel_args *a)
{
	const struct mn_shape in = a->layer->in;
	const int8_t *x = a->in, *table = a->quant->table;
	uint32_t n = in.n * in.h * in.w * in.c;
	int8_t *out = a->out;

	for (; n >= 4; n -= 4, x += 4, out += 4) {
		uint32_t w = mn_load4(x);
		uint32_t y0 = (uint8_t)table[w & 0xff], y1 = (uint8_t)table[w >> 8 & 0xff];
		uint32_t y2 = (uint8_t)table[w >> 16 & 0xff], y3 = (uint8_t)table[w >> 24];

		mn_store4(out, y0 | y1 << 8 | y2 << 16 | y3 << 24);
	}
	for (; n; n--)
		*out++ = table[(uint8_t)*x++];
}

int mn_logistic_dsp(const struct mn_kernel_args *a)
{
	if (!a->quant->table)
		return mn_logistic_ref(a);
	look_up(a);
	return 0;
}

int mn_tanh_dsp(const struct mn_kernel_args *a)
{
	if (!a->quant->table)
		return mn_tanh_ref(a);
	look_up(a);
	return 0;
}

int mn_hard_swish_dsp(const struct mn_kernel_args *a)
{
	if (!a->quant->table)
		return mn_hard_swish_ref(a);
	look_up(a);
	return 0;
}
