/* SPDX-License-Identifier: MIT */
#include "fixed.h"
#include "pool.h"
#include "variants.h"

int mn_average_pool_2d_ref(const struct mn_kernel_args *a)
{
	const struct mn_layer *l = a->layer;
	const struct mn_shape in = l->in, out = mn_layer_out_shape(l);
	const uint32_t pad_h = mn_layer_pad_before(l, 0), pad_w = mn_layer_pad_before(l, 1);
	int8_t *dst = a->out;

	for (uint32_t n = 0; n < out.n; n++) {
		const int8_t *image = a->in + (size_t)n * in.h * in.w * in.c;

		for (uint32_t oy = 0; oy < out.h; oy++) {
			for (uint32_t ox = 0; ox < out.w; ox++) {
				uint32_t y0, y1, x0, x1;

				mn_window_clip(oy, l->stride_h, pad_h, l->kernel_h, in.h, &y0, &y1);
				mn_window_clip(ox, l->stride_w, pad_w, l->kernel_w, in.w, &x0, &x1);
				for (uint32_t c = 0; c < in.c; c++) {
					int32_t sum = 0, count = (int32_t)((y1 - y0) * (x1 - x0));

					for (uint32_t y = y0; y < y1; y++)
						for (uint32_t x = x0; x < x1; x++)
							sum = mn_add32(
								sum, image[((size_t)y * in.w + x) *
										   in.c +
									   c]);
					*dst++ = (int8_t)mn_clamp(mn_average(sum, count),
								  a->quant->act_min,
								  a->quant->act_max);
				}
			}
		}
	}
	return 0;
}
