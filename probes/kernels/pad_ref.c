/* SPDX-License-Identifier: MIT */
#include "variants.h"

int mn_pad_ref(const struct mn_kernel_args *a)
{
	const struct mn_layer *l = a->layer;
	const struct mn_shape in = l->in, out = mn_layer_out_shape(l);
	int8_t *dst = a->out;

	for (uint32_t n = 0; n < out.n; n++) {
		for (uint32_t y = 0; y < out.h; y++) {
			for (uint32_t x = 0; x < out.w; x++) {
				for (uint32_t c = 0; c < out.c; c++) {
					/* Before the input: wraps to a large number. */
					uint32_t in_n = n - l->pad[0][0], in_y = y - l->pad[1][0];
					uint32_t in_x = x - l->pad[2][0], in_c = c - l->pad[3][0];
					int inside = in_n < in.n && in_y < in.h && in_x < in.w &&
						     in_c < in.c;
					size_t at = (((size_t)in_n * in.h + in_y) * in.w + in_x) *
							    in.c +
						    in_c;

					*dst++ = inside ? a->in[at] : (int8_t)a->quant->out_zp;
				}
			}
		}
	}
	return 0;
}
