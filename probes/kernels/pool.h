/* SPDX-License-Identifier: MIT */
/* Pooling windows: the part of each that lies inside the image. */
#ifndef MN_POOL_H
#define MN_POOL_H

#include "kernel.h"

/* The window of output o in one dimension, clipped to 0..in. */
static inline void mn_window_clip(uint32_t o, uint32_t stride, uint32_t pad, uint32_t kernel,
				  uint32_t in, uint32_t *ret_first, uint32_t *ret_end)
{
	/* at + kernel is below 2^31 by mn_layer_check(); kernel > pad by the SAME rule. */
	uint32_t at = o * stride;
	uint32_t first = at > pad ? at - pad : 0, end = at + kernel - pad;

	*ret_first = first;
	*ret_end = end < in ? end : in;
}

/* What a pool does to one window: x is its first pixel inside the image, all channels. */
typedef void mn_pool_pixel(const struct mn_kernel_args *args, const int8_t *x, uint32_t rows,
			   uint32_t columns, int8_t *out);

/* Call pixel for every output of a pool. */
static inline void mn_pool_each(const struct mn_kernel_args *a, mn_pool_pixel *pixel)
{
	const struct mn_layer *l = a->layer;
	const struct mn_shape in = l->in, out = mn_layer_out_shape(l);
	const uint32_t pad_h = mn_layer_pad_before(l, 0), pad_w = mn_layer_pad_before(l, 1);
	const int8_t *image = a->in;
	int8_t *dst = a->out;

	for (uint32_t n = 0; n < out.n; n++, image += (size_t)in.h * in.w * in.c) {
		for (uint32_t oy = 0; oy < out.h; oy++) {
			uint32_t y0, y1, x0, x1;

			mn_window_clip(oy, l->stride_h, pad_h, l->kernel_h, in.h, &y0, &y1);
			for (uint32_t ox = 0; ox < out.w; ox++, dst += in.c) {
				mn_window_clip(ox, l->stride_w, pad_w, l->kernel_w, in.w, &x0, &x1);
				pixel(a, image + ((size_t)y0 * in.w + x0) * in.c, y1 - y0, x1 - x0,
				      dst);
			}
		}
	}
}

#endif
