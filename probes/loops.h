/* SPDX-License-Identifier: MIT */
/*
 * How often the loops of the dsp kernels (kernels/NAME_dsp.c) turn for a layer: the features that
 * feature.h lists from `blocks` on, all at once. Counted, not run: nothing here depends on data.
 */
#ifndef MN_LOOPS_H
#define MN_LOOPS_H

#include <stdint.h>

#include "feature.h"

enum { MN_LOOPS_FIRST = MN_FEATURE_BLOCKS, MN_LOOPS_COUNT = MN_FEATURE_COUNT - MN_LOOPS_FIRST };

/* Value of feature f at [f - MN_LOOPS_FIRST], for a layer that passed mn_layer_check(). */
void mn_loops_of(const struct mn_layer *layer, const struct mn_layer_info *info,
		 uint64_t ret_values[MN_LOOPS_COUNT]);

/* Taps of one dimension (0: rows, 1: columns) of a window that lie in the input, over all outputs
 * and window positions. */
uint64_t mn_loops_taps(const struct mn_layer *layer, const struct mn_layer_info *info, int dim);

/* Bytes that a data cache of `cache` bytes fetches again when `bytes` are gone through again and
 * again, in each pass. */
uint64_t mn_loops_refetched(uint64_t bytes, uint64_t cache);

#endif
