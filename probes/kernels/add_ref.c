/* SPDX-License-Identifier: MIT */
#include "fixed.h"
#include "variants.h"

/* Elements from one index to the next in a dimension: 0 where the input broadcasts. */
static size_t step_of(uint32_t extent, size_t elements)
{
	return extent == 1 ? 0 : elements;
}

int mn_add_ref(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const struct mn_shape s1 = a->layer->in, s2 = a->layer->in2;
	const struct mn_shape out = mn_layer_out_shape(a->layer);
	int8_t *dst = a->out;

	for (uint32_t n = 0; n < out.n; n++) {
		for (uint32_t y = 0; y < out.h; y++) {
			for (uint32_t x = 0; x < out.w; x++) {
				const int8_t *p1 = a->in +
						   n * step_of(s1.n, (size_t)s1.h * s1.w * s1.c) +
						   y * step_of(s1.h, (size_t)s1.w * s1.c) +
						   x * step_of(s1.w, s1.c);
				const int8_t *p2 = a->in2 +
						   n * step_of(s2.n, (size_t)s2.h * s2.w * s2.c) +
						   y * step_of(s2.h, (size_t)s2.w * s2.c) +
						   x * step_of(s2.w, s2.c);

				for (uint32_t c = 0; c < out.c; c++) {
					int32_t v1 = p1[c * step_of(s1.c, 1)] - q->in_zp;
					int32_t v2 = p2[c * step_of(s2.c, 1)] - q->in2_zp;
					int32_t r1 = mn_rescale(mn_shl32(v1, q->left_shift),
								q->in_mult, q->in_shift);
					int32_t r2 = mn_rescale(mn_shl32(v2, q->left_shift),
								q->in2_mult, q->in2_shift);

					*dst++ = mn_requantise(mn_add32(r1, r2), q->out_mult,
							       q->out_shift, q);
				}
			}
		}
	}
	return 0;
}
