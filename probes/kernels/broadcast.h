/* SPDX-License-Identifier: MIT */
/* Two inputs whose shapes broadcast, cut into runs in which each of them either goes along or
 * stands still. */
#ifndef MN_BROADCAST_H
#define MN_BROADCAST_H

#include "kernel.h"

/* n outputs. step1, step2: 1 if that input goes along, 0 if it stands still; never both 0. */
typedef void mn_broadcast_run(const void *ctx, const int8_t *x1, uint32_t step1, const int8_t *x2,
			      uint32_t step2, int8_t *out, uint32_t n);

/* Calls run for the outputs in their order, with the longest runs that the shapes allow. */
static inline __attribute__((always_inline)) void
mn_broadcast_each(const struct mn_kernel_args *a, mn_broadcast_run *run, const void *ctx)
{
	const struct mn_shape s1 = a->layer->in, s2 = a->layer->in2;
	const struct mn_shape out = mn_layer_out_shape(a->layer);
	const uint32_t e1[4] = {s1.n, s1.h, s1.w, s1.c}, e2[4] = {s2.n, s2.h, s2.w, s2.c};
	uint32_t extent[4] = {out.n, out.h, out.w, out.c};
	uint32_t step1[4], step2[4]; /* elements from one index to the next */
	uint32_t all1 = 1, all2 = 1, n = 1, goes1 = 1, goes2 = 1, known = 0;
	int8_t *dst = a->out;

	for (int d = 3; d >= 0; d--) {
		step1[d] = e1[d] == 1 ? 0 : all1;
		step2[d] = e2[d] == 1 ? 0 : all2;
		all1 *= e1[d];
		all2 *= e2[d];
	}
	/* Dimensions from the last on belong to the run while the same inputs go along. */
	for (int d = 3; d >= 0; d--) {
		uint32_t along1 = e1[d] != 1, along2 = e2[d] != 1;

		if (extent[d] == 1)
			continue;
		if (known && (along1 != goes1 || along2 != goes2))
			break;
		goes1 = along1;
		goes2 = along2;
		known = 1;
		n *= extent[d];
		extent[d] = 1;
	}
	for (uint32_t i = 0; i < extent[0]; i++)
		for (uint32_t y = 0; y < extent[1]; y++)
			for (uint32_t x = 0; x < extent[2]; x++, dst += n)
				run(ctx, a->in + i * step1[0] + y * step1[1] + x * step1[2], goes1,
				    a->in2 + i * step2[0] + y * step2[1] + x * step2[2], goes2, dst,
				    n);
}

#endif
