/* SPDX-License-Identifier: MIT */
#include "fixed.h"
#include "variants.h"

int mn_depthwise_conv_2d_ref(const struct mn_kernel_args *a)
{
	const struct mn_layer *l = a->layer;
	const struct mn_quant *q = a->quant;
	const struct mn_shape in = l->in, out = mn_layer_out_shape(l);
	const int32_t pad_h = (int32_t)mn_layer_pad_before(l, 0);
	const int32_t pad_w = (int32_t)mn_layer_pad_before(l, 1);
	int8_t *dst = a->out;

	for (uint32_t n = 0; n < out.n; n++) {
		const int8_t *image = a->in + (size_t)n * in.h * in.w * in.c;

		for (uint32_t oy = 0; oy < out.h; oy++) {
			for (uint32_t ox = 0; ox < out.w; ox++) {
				for (uint32_t oc = 0; oc < out.c; oc++) {
					uint32_t ic = oc / l->multiplier;
					const int8_t *w = a->weights + oc;
					int32_t acc = a->bias ? a->bias[oc] : 0;

					for (uint32_t ky = 0; ky < l->kernel_h; ky++) {
						int32_t iy = (int32_t)(oy * l->stride_h +
								       ky * l->dilation_h) -
							     pad_h;

						for (uint32_t kx = 0; kx < l->kernel_w;
						     kx++, w += out.c) {
							int32_t ix = (int32_t)(ox * l->stride_w +
									       kx * l->dilation_w) -
								     pad_w;
							int32_t x;

							if (iy < 0 || iy >= (int32_t)in.h ||
							    ix < 0 || ix >= (int32_t)in.w)
								continue;
							x = image[((size_t)iy * in.w + (size_t)ix) *
									  in.c +
								  ic];
							acc = mn_add32(acc, (x - q->in_zp) * *w);
						}
					}
					*dst++ = mn_requantise(acc, q->mult[oc], q->shift[oc], q);
				}
			}
		}
	}
	return 0;
}
