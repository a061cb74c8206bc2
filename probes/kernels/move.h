/* SPDX-License-Identifier: MIT */
/* What the ops share that only move bytes: concatenation, strided_slice, transpose, resize. */
#ifndef MN_MOVE_H
#define MN_MOVE_H

#include "kernel.h"

/* Where a part of a concatenation goes: `rows` stretches of `bytes`, the first at `at` in the
 * output, `pitch` from one to the next. */
struct mn_part {
	size_t rows, bytes, at, pitch;
};

struct mn_part mn_part_of(const struct mn_layer *layer);

/* A walk over the input in the order of the output: output dimension i takes one step of step[i]
 * elements, from `first` on. strided_slice and transpose. */
struct mn_walk {
	size_t first;
	ptrdiff_t step[4];
	uint32_t extent[4]; /* of the output */
};

struct mn_walk mn_walk_of(const struct mn_layer *layer);

static inline const int8_t *mn_walk_at(const struct mn_walk *w, const int8_t *first, uint32_t n,
				       uint32_t y, uint32_t x)
{
	return first + (ptrdiff_t)n * w->step[0] + (ptrdiff_t)y * w->step[1] +
	       (ptrdiff_t)x * w->step[2];
}

/*
 * Where resize_nearest_neighbor takes row or column i of `out` from, of `in`. TFLite computes it in
 * float32, position times in / out, each rounded; the same here in integers, for cores without an
 * FPU and for compilers that would fuse or widen it.
 */
struct mn_nearest {
	uint32_t mantissa; /* of the scale, 24 bits, 0 for a scale of 0 */
	uint32_t exponent; /* scale = mantissa / 2^exponent */
	uint32_t in;
	uint8_t sampling;
};

struct mn_nearest mn_nearest_of(uint32_t in, uint32_t out, uint8_t sampling);
uint32_t mn_nearest_at(const struct mn_nearest *nearest, uint32_t i);

#endif
