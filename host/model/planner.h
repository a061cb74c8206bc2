/* SPDX-License-Identifier: MIT */
/*
 * Where buffers go in an arena, given when each is needed: the greedy planner of TensorFlow Lite
 * Micro (memory_planner/greedy_memory_planner.cc, the same rule since 2019), as a pure function.
 *
 * Rule: buffers with a given offset are placed first, in index order, and are not checked against
 * each other. The others follow by size, the largest first; of equal sizes the later index first.
 * Each takes the lowest address at which it fits between the buffers already placed whose time
 * overlaps its own: first fit, not best fit.
 */
#ifndef MN_PLANNER_H
#define MN_PLANNER_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define MN_PLANNER_ONLINE (-1)
/* The rule costs time quadratic in the number of buffers; a real model has some hundreds. */
#define MN_PLANNER_BUFFERS_MAX 20000

struct mn_plan_buffer {
	uint64_t bytes;         /* as they are; the caller rounds */
	int32_t first, last;    /* first and last time of use, both included */
	int64_t offline_offset; /* MN_PLANNER_ONLINE, or the offset it must have */
};

/*
 * Offset of each of the n buffers into ret_offsets (n entries, kept by the caller) and the end of
 * the highest into *ret_bytes (0 without buffers). MN_E_TOO_BIG: over MN_PLANNER_BUFFERS_MAX
 * buffers; MN_E_OVERFLOW: past 2^62 bytes; MN_E_INVALID: a negative offline offset; MN_E_NOMEM.
 */
int mn_planner_greedy(const struct mn_plan_buffer *buffers, size_t n, uint64_t *ret_offsets,
		      uint64_t *ret_bytes, struct mn_err *err);

#endif
