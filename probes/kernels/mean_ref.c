/* SPDX-License-Identifier: MIT */
#include "fixed.h"
#include "variants.h"

int mn_mean_ref(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const struct mn_shape in = a->layer->in, out = mn_layer_out_shape(a->layer);
	const uint32_t rows = in.h / out.h, columns = in.w / out.w; /* averaged */
	int32_t mult = q->out_mult, shift = q->out_shift;
	int32_t offset = mn_mul32((int32_t)(rows * columns), q->in_zp);
	int8_t *dst = a->out;

	mn_mean_rescale(rows * columns, &mult, &shift);
	for (uint32_t n = 0; n < out.n; n++) {
		const int8_t *image = a->in + (size_t)n * in.h * in.w * in.c;

		for (uint32_t oy = 0; oy < out.h; oy++) {
			for (uint32_t ox = 0; ox < out.w; ox++) {
				for (uint32_t c = 0; c < in.c; c++) {
					const int8_t *x =
						image + ((size_t)oy * in.w + ox) * in.c + c;
					int32_t sum = 0;

					for (uint32_t y = 0; y < rows; y++)
						for (uint32_t i = 0; i < columns; i++)
							sum = mn_add32(
								sum,
								x[((size_t)y * in.w + i) * in.c]);
					*dst++ = mn_requantise(mn_add32(sum, -offset), mult, shift,
							       q);
				}
			}
		}
	}
	return 0;
}
