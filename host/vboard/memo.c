/* SPDX-License-Identifier: MIT */
#include "memo.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STATES  (1u << 18)
#define HASH_PLACES (1u << 19)
#define MAX_ENTRIES 2048u /* of a segment */

struct mn_states {
	size_t bytes;
	uint32_t n, room;
	uint8_t *data;
	uint32_t *place; /* number + 1 */
};

struct mn_states *mn_states_new(size_t bytes)
{
	struct mn_states *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->bytes = bytes;
	s->place = calloc(HASH_PLACES, sizeof(*s->place));
	if (!s->place) {
		free(s);
		return NULL;
	}
	return s;
}

void mn_states_free(struct mn_states *s)
{
	if (!s)
		return;
	free(s->data);
	free(s->place);
	free(s);
}

static uint32_t hash(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u, w;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	for (; n; n--, p++)
		h = (h ^ *p) * 0x100000001b3u;
	return (uint32_t)(h ^ h >> 32);
}

uint32_t mn_states_number(struct mn_states *s, const uint8_t *state)
{
	uint32_t at = hash(state, s->bytes) & (HASH_PLACES - 1);

	for (; s->place[at]; at = (at + 1) & (HASH_PLACES - 1))
		if (memcmp(s->data + (size_t)(s->place[at] - 1) * s->bytes, state, s->bytes) == 0)
			return s->place[at] - 1;
	if (s->n == MAX_STATES)
		return MN_NO_STATE;
	if (s->n == s->room) {
		uint32_t room = s->room ? s->room * 2 : 256;
		uint8_t *data = realloc(s->data, room * s->bytes);

		if (!data)
			return MN_NO_STATE;
		s->data = data;
		s->room = room;
	}
	memcpy(s->data + (size_t)s->n * s->bytes, state, s->bytes);
	s->place[at] = ++s->n;
	return s->n - 1;
}

const uint8_t *mn_states_get(const struct mn_states *s, uint32_t number)
{
	return s->data + (size_t)number * s->bytes;
}

uint32_t mn_states_count(const struct mn_states *s)
{
	return s->n;
}

static uint32_t place_of(const struct mn_memo *memo, const uint64_t *key, unsigned words)
{
	uint64_t h = 0;

	for (unsigned w = 0; w < words; w++) {
		h = (h ^ key[w]) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	return (uint32_t)h & (memo->places - 1);
}

uint32_t mn_memo_find(const struct mn_memo *memo, const uint64_t *key, unsigned words)
{
	if (!memo->n)
		return MN_NO_ENTRY;
	for (uint32_t at = place_of(memo, key, words); memo->place[at];
	     at = (at + 1) & (memo->places - 1))
		if (mn_memo_is(memo, key, words, memo->place[at] - 1))
			return memo->place[at] - 1;
	return MN_NO_ENTRY;
}

static void put(struct mn_memo *memo, unsigned words, uint32_t number)
{
	uint32_t at = place_of(memo, mn_memo_at(memo, words, number)->key, words);

	while (memo->place[at])
		at = (at + 1) & (memo->places - 1);
	memo->place[at] = number + 1;
}

/* Room for twice as many, at most half of the places used. */
static int grow(struct mn_memo *memo, unsigned words)
{
	uint32_t room = memo->room ? memo->room * 2 : 4, places = room * 2;
	uint32_t *place = calloc(places, sizeof(*place));
	uint8_t *entry = realloc(memo->entry, room * mn_memo_stride(words));

	if (entry)
		memo->entry = entry;
	if (!place || !entry) {
		free(place);
		return 0;
	}
	free(memo->place);
	memo->place = place;
	memo->room = room;
	memo->places = places;
	for (uint32_t k = 0; k < memo->n; k++)
		put(memo, words, k);
	return 1;
}

uint32_t mn_memo_add(struct mn_memo *memo, const uint64_t *key, unsigned words, uint32_t cycles,
		     uint32_t state)
{
	struct mn_memo_entry *e;

	if (memo->n == MAX_ENTRIES) { /* start over: what is still in use comes back soon */
		memset(memo->place, 0, memo->places * sizeof(*memo->place));
		memo->n = 0;
	}
	if (memo->n == memo->room && !grow(memo, words))
		return MN_NO_ENTRY;
	e = mn_memo_at(memo, words, memo->n);
	*e = (struct mn_memo_entry){.cycles = cycles, .state = state, .follow = MN_NO_ENTRY};
	memcpy(e->key, key, words * sizeof(*key));
	put(memo, words, memo->n);
	return memo->n++;
}

void mn_memo_free(struct mn_memo *memo)
{
	free(memo->entry);
	free(memo->place);
	memset(memo, 0, sizeof(*memo));
}
