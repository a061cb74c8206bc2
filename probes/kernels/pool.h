/* SPDX-License-Identifier: MIT */
/* The part of a pooling window that lies inside the image: rows [y0, y1), columns [x0, x1). */
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

#endif
