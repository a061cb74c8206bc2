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

#define MN_MEMO_SLOTS 48u /* access classes of a segment, at most */
#define MN_MEMO_WORDS (1u + MN_MEMO_SLOTS / 8u)
#define MN_NO_STATE   0xffffffffu
#define MN_NO_ENTRY   0xffffffffu

struct mn_states;

struct mn_states *mn_states_new(size_t bytes);
void mn_states_free(struct mn_states *states);
/* Number of a state; MN_NO_STATE when the table is full or memory is. */
uint32_t mn_states_number(struct mn_states *states, const uint8_t *state);
const uint8_t *mn_states_get(const struct mn_states *states, uint32_t number);
uint32_t mn_states_count(const struct mn_states *states);

/* Word 0: state, then configuration, branch class and whether taken, a byte each. Then the access
 * classes, zero beyond the segment's own. */
struct mn_memo_entry {
	uint32_t cycles, state;
	uint32_t follow; /* entry that the next segment used after it: a guess */
	uint32_t pad;
	uint64_t key[]; /* as many words as the segment needs */
};

struct mn_memo {
	uint8_t *entry;
	uint32_t *place; /* by hash: number of the entry + 1 */
	uint32_t n, room, places;
};

static inline size_t mn_memo_stride(unsigned words)
{
	return sizeof(struct mn_memo_entry) + words * sizeof(uint64_t);
}

static inline struct mn_memo_entry *mn_memo_at(const struct mn_memo *memo, unsigned words,
					       uint32_t number)
{
	return (struct mn_memo_entry *)(void *)(memo->entry + number * mn_memo_stride(words));
}

static inline int mn_memo_is(const struct mn_memo *memo, const uint64_t *key, unsigned words,
			     uint32_t number)
{
	const uint64_t *other = mn_memo_at(memo, words, number)->key;

	for (unsigned w = 0; w < words; w++)
		if (other[w] != key[w])
			return 0;
	return 1;
}

/* Number of the entry with that key, or MN_NO_ENTRY. A segment always uses the same `words`. */
uint32_t mn_memo_find(const struct mn_memo *memo, const uint64_t *key, unsigned words);
/* Remember a key that is not there. The entry's number; MN_NO_ENTRY without memory. */
uint32_t mn_memo_add(struct mn_memo *memo, const uint64_t *key, unsigned words, uint32_t cycles,
		     uint32_t state);
void mn_memo_free(struct mn_memo *memo);

#endif
