/* SPDX-License-Identifier: MIT */
#include "cache.h"

#include <stdlib.h>
#include <string.h>

#define NO_LINE 0xffffffffu

#define NOWHERE 0xffu

/* Lines held are numbered places 0 … n - 1, in a ring with place n as its head: after the head
 * comes the youngest, before it the oldest. */
struct mn_lru {
	uint32_t n, base, shift, places;
	uint8_t younger[NOWHERE + 1], older[NOWHERE + 1];
	uint32_t *line; /* its number */
	uint8_t *place; /* by number of the line: where it is held */
};

struct mn_lru *mn_lru_new(uint32_t lines, uint32_t line_bytes, uint32_t base, uint32_t span_bytes)
{
	struct mn_lru *lru;

	if (lines == 0 || lines >= NOWHERE || line_bytes == 0 || (line_bytes & (line_bytes - 1)))
		return NULL;
	lru = calloc(1, sizeof(*lru));
	if (!lru)
		return NULL;
	lru->n = lines;
	lru->base = base;
	lru->shift = (uint32_t)__builtin_ctz(line_bytes);
	lru->places = (span_bytes >> lru->shift) + 1;
	lru->line = calloc(lines, sizeof(*lru->line));
	lru->place = malloc(lru->places);
	if (!lru->line || !lru->place) {
		mn_lru_free(lru);
		return NULL;
	}
	mn_lru_clear(lru);
	return lru;
}

void mn_lru_free(struct mn_lru *lru)
{
	if (!lru)
		return;
	free(lru->line);
	free(lru->place);
	free(lru);
}

void mn_lru_clear(struct mn_lru *lru)
{
	memset(lru->place, NOWHERE, lru->places);
	for (uint32_t i = 0; i <= lru->n; i++) {
		lru->older[i] = (uint8_t)(i < lru->n ? i + 1 : 0);
		lru->younger[i] = (uint8_t)(i ? i - 1 : lru->n);
		if (i < lru->n)
			lru->line[i] = NO_LINE;
	}
}

static uint32_t lru_place(const struct mn_lru *lru, uint32_t addr)
{
	uint32_t number = (addr - lru->base) >> lru->shift;

	return number < lru->places ? lru->place[number] : NOWHERE;
}

int mn_lru_has(const struct mn_lru *lru, uint32_t addr)
{
	return lru_place(lru, addr) != NOWHERE;
}

static void make_youngest(struct mn_lru *lru, uint32_t place)
{
	uint32_t head = lru->n;

	if (lru->older[head] == place)
		return;
	lru->older[lru->younger[place]] = lru->older[place];
	lru->younger[lru->older[place]] = lru->younger[place];
	lru->older[place] = lru->older[head];
	lru->younger[place] = (uint8_t)head;
	lru->younger[lru->older[head]] = (uint8_t)place;
	lru->older[head] = (uint8_t)place;
}

int mn_lru_touch(struct mn_lru *lru, uint32_t addr)
{
	uint32_t place = lru_place(lru, addr);

	if (place == NOWHERE)
		return 0;
	make_youngest(lru, place);
	return 1;
}

void mn_lru_insert(struct mn_lru *lru, uint32_t addr)
{
	uint32_t number = (addr - lru->base) >> lru->shift, oldest = lru->younger[lru->n];

	if (number >= lru->places)
		return;
	if (lru->line[oldest] != NO_LINE)
		lru->place[lru->line[oldest]] = NOWHERE;
	lru->line[oldest] = number;
	lru->place[number] = (uint8_t)oldest;
	make_youngest(lru, oldest);
}

struct mn_l1 {
	struct mn_l1_head head;
	uint32_t sets, ways, line_shift, way_shift, seed, lfsr;
	uint32_t *line; /* [set][way] line number */
	uint8_t *dirty;
};

struct mn_l1 *mn_l1_new(uint32_t bytes, uint32_t ways, uint32_t line_bytes, uint32_t seed)
{
	struct mn_l1 *l1;
	uint32_t sets;

	if (ways == 0 || line_bytes < 4 || (line_bytes & (line_bytes - 1)) || (ways & (ways - 1)))
		return NULL;
	sets = bytes / ways / line_bytes;
	if (sets == 0 || (sets & (sets - 1)) || sets * ways * line_bytes != bytes)
		return NULL;
	l1 = calloc(1, sizeof(*l1));
	if (!l1)
		return NULL;
	l1->sets = sets;
	l1->ways = ways;
	l1->line_shift = (uint32_t)__builtin_ctz(line_bytes);
	l1->head.line_shift = l1->line_shift;
	l1->way_shift = 32 - (uint32_t)__builtin_ctz(ways);
	l1->seed = seed ? seed : 1;
	l1->line = calloc((size_t)sets * ways, sizeof(*l1->line));
	l1->dirty = calloc((size_t)sets * ways, 1);
	if (!l1->line || !l1->dirty) {
		mn_l1_free(l1);
		return NULL;
	}
	mn_l1_clear(l1);
	return l1;
}

void mn_l1_free(struct mn_l1 *l1)
{
	if (!l1)
		return;
	free(l1->line);
	free(l1->dirty);
	free(l1);
}

static void forget(struct mn_l1 *l1, uint32_t line)
{
	uint32_t *near = &l1->head.near[line % MN_L1_NEAR];

	if (*near == line)
		*near = NO_LINE;
}

void mn_l1_invalidate_all(struct mn_l1 *l1)
{
	for (uint32_t k = 0; k < MN_L1_NEAR; k++)
		l1->head.near[k] = NO_LINE;
	for (uint32_t i = 0; i < l1->sets * l1->ways; i++) {
		l1->line[i] = NO_LINE;
		l1->dirty[i] = 0;
	}
}

void mn_l1_restart(struct mn_l1 *l1)
{
	l1->lfsr = l1->seed;
}

void mn_l1_clear(struct mn_l1 *l1)
{
	mn_l1_invalidate_all(l1);
	mn_l1_restart(l1);
}

static uint32_t l1_find(const struct mn_l1 *l1, uint32_t addr)
{
	uint32_t line = addr >> l1->line_shift, at = (line & (l1->sets - 1)) * l1->ways;

	for (uint32_t w = 0; w < l1->ways; w++)
		if (l1->line[at + w] == line)
			return at + w;
	return NO_LINE;
}

int mn_l1_hit(struct mn_l1 *l1, uint32_t addr, int dirty)
{
	uint32_t at = l1_find(l1, addr);

	if (at == NO_LINE)
		return 0;
	l1->dirty[at] |= (uint8_t)dirty;
	l1->head.near[l1->line[at] % MN_L1_NEAR] = l1->line[at];
	return 1;
}

int mn_l1_fill(struct mn_l1 *l1, uint32_t addr, int dirty)
{
	uint32_t line = addr >> l1->line_shift, at = (line & (l1->sets - 1)) * l1->ways, w;
	int evicted;

	for (w = 0; w < l1->ways && l1->line[at + w] != NO_LINE; w++)
		;
	if (w == l1->ways) {
		/* Galois LFSR, x^32 + x^22 + x^2 + x + 1 */
		l1->lfsr = (l1->lfsr >> 1) ^ ((l1->lfsr & 1) ? 0x80200003u : 0u);
		w = l1->lfsr & (l1->ways - 1);
	}
	evicted = l1->line[at + w] != NO_LINE && l1->dirty[at + w];
	forget(l1, l1->line[at + w]);
	l1->head.near[line % MN_L1_NEAR] = line;
	l1->line[at + w] = line;
	l1->dirty[at + w] = (uint8_t)dirty;
	return evicted;
}

static int l1_drop(struct mn_l1 *l1, uint32_t at, int clean, int invalidate)
{
	int dirty = l1->line[at] != NO_LINE && l1->dirty[at];

	if (clean || invalidate)
		l1->dirty[at] = 0;
	if (invalidate) {
		forget(l1, l1->line[at]);
		l1->line[at] = NO_LINE;
	}
	return dirty;
}

int mn_l1_address(struct mn_l1 *l1, uint32_t addr, int clean, int invalidate)
{
	uint32_t at = l1_find(l1, addr);

	return at == NO_LINE ? 0 : l1_drop(l1, at, clean, invalidate);
}

int mn_l1_setway(struct mn_l1 *l1, uint32_t setway, int clean, int invalidate)
{
	uint32_t way = l1->ways > 1 ? setway >> l1->way_shift : 0;
	uint32_t set = (setway >> l1->line_shift) & (l1->sets - 1);

	return l1_drop(l1, set * l1->ways + way, clean, invalidate);
}
