/* SPDX-License-Identifier: MIT */
/*
 * Remembers what the pipeline part of a cycle model did. Pipeline states are numbered; a segment (a
 * run of instructions without a branch inside) remembers, for an entry state, a configuration and
 * the classes of its accesses and branch, the cycles and the state after.
 */
#ifndef MN_MEMO_H
#define MN_MEMO_H

#include <stddef.h>
#include <stdint.h>

#define MN_MEMO_SLOTS 40u /* access classes of a segment, at most */
#define MN_NO_STATE   0xffffffffu

struct mn_states;

struct mn_states *mn_states_new(size_t bytes);
void mn_states_free(struct mn_states *states);
/* Number of a state; MN_NO_STATE when the table is full or memory is. */
uint32_t mn_states_number(struct mn_states *states, const uint8_t *state);
const uint8_t *mn_states_get(const struct mn_states *states, uint32_t number);
uint32_t mn_states_count(const struct mn_states *states);

struct mn_memo_key {
	uint32_t state;
	uint8_t config, branch, taken, zero;
	uint8_t access[MN_MEMO_SLOTS]; /* zero beyond the segment's own */
};

struct mn_memo_entry {
	struct mn_memo_key key;
	uint32_t cycles, state;
};

struct mn_memo {
	struct mn_memo_entry *entry; /* last used first among the first few */
	uint32_t n, room, next;
};

/* The entry with that key, or NULL. key_bytes: how much of it counts, a multiple of 8. */
const struct mn_memo_entry *mn_memo_find(struct mn_memo *memo, const struct mn_memo_key *key,
					 size_t key_bytes);
/* Remember; without memory nothing happens. */
void mn_memo_add(struct mn_memo *memo, const struct mn_memo_key *key, uint32_t cycles,
		 uint32_t state);
void mn_memo_free(struct mn_memo *memo);

#endif
