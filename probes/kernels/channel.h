/* SPDX-License-Identifier: MIT */
/*
 * What an output channel of a convolution needs beside its weights, side by side: the kernels read
 * it for every output, and three tables cost three pointers. Made once a run, in scratch.
 */
#ifndef MN_CHANNEL_H
#define MN_CHANNEL_H

#include "simd.h"

struct mn_channel {
	int32_t bias, mult, shift;
};

MN_INLINE void mn_channels_make(struct mn_channel *channels, const struct mn_kernel_args *a,
				uint32_t out_c)
{
	for (uint32_t c = 0; c < out_c; c++)
		channels[c] = (struct mn_channel){a->bias ? a->bias[c] : 0, a->quant->mult[c],
						  a->quant->shift[c]};
}

#endif
