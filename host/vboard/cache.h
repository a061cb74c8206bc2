/* SPDX-License-Identifier: MIT */
/*
 * Two caches as trackers of addresses (no data): fully associative with least recently used
 * replacement, and set-associative with seeded pseudo-random replacement.
 */
#ifndef MN_CACHE_H
#define MN_CACHE_H

#include <stdint.h>

struct mn_lru;

/* Of addresses base … base + span_bytes. At most 254 lines. NULL if not, or out of memory. */
struct mn_lru *mn_lru_new(uint32_t lines, uint32_t line_bytes, uint32_t base, uint32_t span_bytes);
void mn_lru_free(struct mn_lru *lru);
void mn_lru_clear(struct mn_lru *lru);
/* 1 if the address's line is there; touch also makes it the youngest. */
int mn_lru_has(const struct mn_lru *lru, uint32_t addr);
int mn_lru_touch(struct mn_lru *lru, uint32_t addr);
/* Insert an absent line over the oldest. */
void mn_lru_insert(struct mn_lru *lru, uint32_t addr);

struct mn_l1;

#define MN_L1_NEAR 512u

/* The first member of a mn_l1: lines that are there, by number, so that most hits need no search.
 * A line that is not here may still be there. */
struct mn_l1_head {
	uint32_t line_shift;
	uint32_t near[MN_L1_NEAR];
};

/* 1: addr's line is there, and was looked up before. */
static inline int mn_l1_near(const struct mn_l1 *l1, uint32_t addr)
{
	const struct mn_l1_head *head = (const struct mn_l1_head *)(const void *)l1;
	uint32_t line = addr >> head->line_shift;

	return head->near[line % MN_L1_NEAR] == line;
}

/* bytes = sets * ways * line_bytes, all powers of two. NULL if not, or out of memory. */
struct mn_l1 *mn_l1_new(uint32_t bytes, uint32_t ways, uint32_t line_bytes, uint32_t seed);
void mn_l1_free(struct mn_l1 *l1);
void mn_l1_clear(struct mn_l1 *l1);   /* and the replacement's seed starts over */
void mn_l1_restart(struct mn_l1 *l1); /* only the replacement's seed */
void mn_l1_invalidate_all(struct mn_l1 *l1);
/* 1 if addr's line is there; dirty marks it written. */
int mn_l1_hit(struct mn_l1 *l1, uint32_t addr, int dirty);
/* Insert addr's absent line; 1 if a written line had to go. */
int mn_l1_fill(struct mn_l1 *l1, uint32_t addr, int dirty);
/* Drop and / or clean one line; 1 if it was dirty. */
int mn_l1_address(struct mn_l1 *l1, uint32_t addr, int clean, int invalidate);
/* The same by the word that DCISW and friends take: way in the top bits, set above the line offset.
 */
int mn_l1_setway(struct mn_l1 *l1, uint32_t setway, int clean, int invalidate);

#endif
