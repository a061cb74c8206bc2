/* SPDX-License-Identifier: MIT */
#include "memo.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STATES  (1u << 18)
#define HASH_PLACES (1u << 19)
#define MAX_ENTRIES 256u

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

static int same(const struct mn_memo_key *a, const struct mn_memo_key *b, size_t bytes)
{
	const uint8_t *p = (const uint8_t *)a, *q = (const uint8_t *)b;

	for (size_t i = 0; i < bytes; i += 8) {
		uint64_t x, y;

		memcpy(&x, p + i, 8);
		memcpy(&y, q + i, 8);
		if (x != y)
			return 0;
	}
	return 1;
}

const struct mn_memo_entry *mn_memo_find(struct mn_memo *memo, const struct mn_memo_key *key,
					 size_t key_bytes)
{
	for (uint32_t i = 0; i < memo->n; i++) {
		if (!same(&memo->entry[i].key, key, key_bytes))
			continue;
		if (i) { /* one step forward: frequent ones gather at the front */
			struct mn_memo_entry t = memo->entry[i];

			memo->entry[i] = memo->entry[i - 1];
			memo->entry[i - 1] = t;
			i--;
		}
		return &memo->entry[i];
	}
	return NULL;
}

void mn_memo_add(struct mn_memo *memo, const struct mn_memo_key *key, uint32_t cycles,
		 uint32_t state)
{
	uint32_t at = memo->n;

	if (at == memo->room && at < MAX_ENTRIES) {
		uint32_t room = memo->room ? memo->room * 2 : 2;
		struct mn_memo_entry *entry = realloc(memo->entry, room * sizeof(*entry));

		if (!entry)
			return;
		memo->entry = entry;
		memo->room = room;
	}
	if (at == MAX_ENTRIES) {
		/* Full: the back half is overwritten in turn. */
		at = MAX_ENTRIES / 2 + memo->next++ % (MAX_ENTRIES / 2);
	} else {
		memo->n++;
	}
	memo->entry[at] = (struct mn_memo_entry){*key, cycles, state};
}

void mn_memo_free(struct mn_memo *memo)
{
	free(memo->entry);
	memset(memo, 0, sizeof(*memo));
}
