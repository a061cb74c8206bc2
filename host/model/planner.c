/* SPDX-License-Identifier: MIT */
#include "planner.h"

#include <stdlib.h>
#include <string.h>

/* A sum of two of these stays far from the end of a uint64_t. */
#define OFFSET_MAX ((uint64_t)1 << 62)

struct entry {
	uint64_t bytes, offset;
	int32_t first, last;
	int offline;
	size_t index;
};

/* The order in which buffers are placed. */
static int by_turn(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->offline != y->offline)
		return x->offline ? -1 : 1;
	if (x->offline)
		return x->index < y->index ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->index > y->index ? -1 : 1;
}

/* First fit among `placed`, which is ordered by offset. */
static uint64_t find_gap(const struct entry *placed, size_t n, const struct entry *wanted)
{
	uint64_t candidate = 0;

	for (size_t i = 0; i < n; i++) {
		const struct entry *p = &placed[i];

		if (p->first > wanted->last || wanted->first > p->last)
			continue;
		if (p->offset >= candidate && p->offset - candidate >= wanted->bytes)
			break;
		if (p->offset + p->bytes > candidate)
			candidate = p->offset + p->bytes;
	}
	return candidate;
}

int mn_planner_greedy(const struct mn_plan_buffer *buffers, size_t n, uint64_t *ret_offsets,
		      uint64_t *ret_bytes, struct mn_err *err)
{
	struct entry *turn = NULL, *placed = NULL;
	uint64_t end = 0;
	int rc = 0;

	if (n > MN_PLANNER_BUFFERS_MAX)
		return mn_err_set(err, MN_E_TOO_BIG, "%zu buffers to plan; the most is %d", n,
				  MN_PLANNER_BUFFERS_MAX);
	turn = calloc(n + 1, sizeof(*turn));
	placed = calloc(n + 1, sizeof(*placed));
	if (!turn || !placed) {
		rc = mn_err_set(err, MN_E_NOMEM, "out of memory for a plan of %zu buffers", n);
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		const struct mn_plan_buffer *b = &buffers[i];

		if (b->offline_offset < MN_PLANNER_ONLINE) {
			rc = mn_err_set(err, MN_E_INVALID, "buffer %zu is planned at offset %lld",
					i, (long long)b->offline_offset);
			goto out;
		}
		turn[i] = (struct entry){.bytes = b->bytes,
					 .first = b->first,
					 .last = b->last,
					 .offline = b->offline_offset != MN_PLANNER_ONLINE,
					 .index = i};
		turn[i].offset = turn[i].offline ? (uint64_t)b->offline_offset : 0;
		if (b->bytes > OFFSET_MAX || turn[i].offset > OFFSET_MAX)
			rc = MN_E_OVERFLOW;
	}
	qsort(turn, n, sizeof(*turn), by_turn);

	for (size_t i = 0; i < n && rc == 0; i++) {
		size_t at = i;

		if (!turn[i].offline)
			turn[i].offset = find_gap(placed, i, &turn[i]);
		if (turn[i].offset > OFFSET_MAX || turn[i].offset + turn[i].bytes > OFFSET_MAX) {
			rc = MN_E_OVERFLOW;
			break;
		}
		if (turn[i].offset + turn[i].bytes > end)
			end = turn[i].offset + turn[i].bytes;
		/* Equal offsets stay in the order of placing. */
		while (at > 0 && placed[at - 1].offset > turn[i].offset)
			at--;
		memmove(&placed[at + 1], &placed[at], (i - at) * sizeof(*placed));
		placed[at] = turn[i];
	}
	if (rc < 0) {
		mn_err_set(err, rc, "the arena would be over 2^62 bytes");
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		ret_offsets[turn[i].index] = turn[i].offset;
	*ret_bytes = end;
out:
	free(turn);
	free(placed);
	return rc;
}
