/* SPDX-License-Identifier: MIT */
#include "fixed.h"
#include "variants.h"

int mn_fully_connected_ref(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const struct mn_shape in = a->layer->in;
	const uint32_t out_c = a->layer->out_c, rows = in.n * in.h * in.w;
	int8_t *dst = a->out;

	for (uint32_t row = 0; row < rows; row++) {
		const int8_t *x = a->in + (size_t)row * in.c;
		const int8_t *w = a->weights;

		for (uint32_t oc = 0; oc < out_c; oc++, w += in.c) {
			int32_t acc = a->bias ? a->bias[oc] : 0;

			for (uint32_t c = 0; c < in.c; c++)
				acc = mn_add32(acc, (x[c] - q->in_zp) * w[c]);
			*dst++ = mn_requantise(acc, q->mult ? q->mult[oc] : q->out_mult,
					       q->mult ? q->shift[oc] : q->out_shift, q);
		}
	}
	return 0;
}
