/* SPDX-License-Identifier: MIT */
#include "machine_impl.h"

#include <stdlib.h>
#include <string.h>

uint16_t mn_map_halfword(const struct mn_map *map, uint32_t addr)
{
	uint32_t at = addr - map->region->base;

	if (at + 2 > map->region->size_bytes)
		return 0;
	return (uint16_t)(map->bytes[at] | map->bytes[at + 1] << 8);
}

int mn_insn_has_slots(const struct mn_insn *i)
{
	return i->cls == MN_I_DIV || (i->attr & (MN_IA_LOAD | MN_IA_STORE));
}

unsigned mn_insn_slots(const struct mn_insn *i)
{
	return i->cls == MN_I_DIV ? 1 : i->attr & (MN_IA_LOAD | MN_IA_STORE) ? i->n_words : 0;
}

static int make_segments(struct mn_machine *m, struct mn_block *b)
{
	uint32_t line_bytes = m->cycles->ops->line_bytes, room = b->n;
	struct mn_segment *s;

	b->segment = calloc(room, sizeof(*b->segment));
	if (!b->segment)
		return MN_E_NOMEM;
	for (uint32_t i = 0; i < b->n; i++) {
		unsigned slots = mn_insn_slots(&b->insn[i]);
		uint32_t first = b->at[i] & ~(line_bytes - 1);
		uint32_t last = (b->at[i] + b->insn[i].size - 1) & ~(line_bytes - 1);

		s = b->n_segments ? &b->segment[b->n_segments - 1] : NULL;
		if (!s || s->count == MN_SEG_INSNS || s->n_slots + slots > MN_MEMO_SLOTS ||
		    s->lines.n + 2 > (int)MN_LINES) {
			s = &b->segment[b->n_segments++];
			s->first = (uint16_t)i;
		}
		s->count++;
		s->n_slots = (uint8_t)(s->n_slots + slots);
		s->words = (uint8_t)(1 + (s->n_slots + 7) / 8);
		s->last_mask = 0;
		memset(&s->last_mask, 0xff, s->n_slots % 8 ? s->n_slots % 8 : 8);
		if (slots)
			s->slot[s->slot_insns++] = (uint8_t)(i - s->first);
		if (slots && (b->insn[i].cond || b->insn[i].cls == MN_I_DIV))
			s->marked = 1;
		if (s->lines.n == 0 || s->lines.line[s->lines.n - 1] != first)
			s->lines.line[s->lines.n++] = first;
		if (last != first)
			s->lines.line[s->lines.n++] = last;
		s->ends = (b->insn[i].attr & MN_IA_PC) != 0;
	}
	return 0;
}

/* Only the flash cannot change while the program runs. */
static int constant_word(void *user, uint32_t addr, uint32_t *ret_word)
{
	const struct mn_map *map = mn_machine_map(user, addr);

	if (!map || map->region->kind > MN_REGION_FLASH_ALIAS || (addr & 3) ||
	    addr - map->region->base + 4 > map->region->size_bytes)
		return 0;
	*ret_word = mn_map_halfword(map, addr) | (uint32_t)mn_map_halfword(map, addr + 2) << 16;
	return 1;
}

static void find_recipe(struct mn_machine *m, struct mn_block *b, const uint16_t *hw)
{
	if (m->options.bare || m->options.reference || b->it_entry)
		return;
	b->recipe = mn_addr_analyse(b->insn, b->at, hw, b->n, constant_word, m);
	if (b->recipe && b->recipe->n_access > MN_BLOCK_EVENTS) {
		mn_addr_free(b->recipe);
		b->recipe = NULL;
	}
	for (unsigned r = 0; b->recipe && r < 15; r++) {
		if (!(b->recipe->reads >> r & 1))
			continue;
		b->read_id[b->n_reads] = mn_machine_reg_id(r);
		b->read_to[b->n_reads++] = &m->value[r];
	}
}

static struct mn_block *make_block(struct mn_machine *m, const struct mn_map *map, uint32_t pc,
				   uint32_t size)
{
	struct mn_insn insn[MN_BLOCK_INSNS];
	uint16_t hw[2 * MN_BLOCK_INSNS];
	uint32_t at[MN_BLOCK_INSNS], n = 0, it = m->it_left, addr = pc;
	struct mn_block *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	while (addr - pc < size && n < MN_BLOCK_INSNS) {
		hw[2 * n] = mn_map_halfword(map, addr);
		hw[2 * n + 1] = mn_map_halfword(map, addr + 2);
		mn_insn_decode(hw[2 * n], hw[2 * n + 1], &insn[n]);
		if (it) {
			insn[n].cond = 1;
			it--;
		}
		if (insn[n].cls == MN_I_IT)
			it = insn[n].it_count;
		if (insn[n].attr & MN_IA_FP)
			b->fpu = 1;
		at[n] = addr;
		addr += insn[n++].size;
	}
	b->pc = pc;
	b->size = size;
	b->it_entry = (uint8_t)m->it_left;
	b->it_exit = (uint8_t)it;
	b->n = (uint16_t)n;
	b->insn = malloc(n * sizeof(*b->insn));
	b->at = malloc(n * sizeof(*b->at));
	if (!b->insn || !b->at)
		return b; /* the caller sees n_segments == 0 */
	memcpy(b->insn, insn, n * sizeof(*b->insn));
	memcpy(b->at, at, n * sizeof(*b->at));
	if (make_segments(m, b) == 0)
		find_recipe(m, b, hw);
	return b;
}

void mn_block_free(struct mn_block *b)
{
	while (b) {
		struct mn_block *next = b->next;

		for (uint32_t i = 0; i < b->n_segments; i++)
			mn_memo_free(&b->segment[i].memo);
		mn_addr_free(b->recipe);
		free(b->segment);
		free(b->insn);
		free(b->at);
		free(b);
		b = next;
	}
}

struct mn_block *mn_block_find(struct mn_machine *m, uint32_t pc, uint32_t size)
{
	struct mn_map *map = &m->map[0];
	struct mn_block **head, *b;

	if (pc - map->region->base >= map->region->size_bytes) {
		map = mn_machine_map(m, pc);
		if (!map)
			return NULL;
	}
	if (!map->block) {
		map->block = calloc(map->region->size_bytes / 2, sizeof(*map->block));
		if (!map->block)
			return NULL;
	}
	head = &map->block[(pc - map->region->base) >> 1];
	for (b = *head; b; b = b->next)
		if (b->size == size && b->it_entry == m->it_left)
			return b;
	b = make_block(m, map, pc, size);
	if (!b || b->n_segments == 0) {
		mn_block_free(b);
		return NULL;
	}
	b->next = *head;
	*head = b;
	return b;
}

/* A pointer in memory, as it is at the start of the block. */
static int load(struct mn_machine *m, const struct mn_addr_recipe *r, const struct mn_addr_op *op,
		uint32_t addr, uint32_t *ret)
{
	const struct mn_map *map = mn_machine_map(m, addr);
	uint32_t at, v = 0;

	if (!map || addr - map->region->base + op->bytes > map->region->size_bytes)
		return 0;
	for (uint32_t k = 0; k < op->after; k++) {
		uint32_t other = m->value[r->access[k].base] + r->access[k].offset;

		if (r->access[k].store &&
		    (addr - other < r->access[k].bytes || other - addr < op->bytes))
			return 0; /* the block itself may have written it */
	}
	at = addr - map->region->base;
	for (unsigned k = 0; k < op->bytes; k++)
		v |= (uint32_t)map->bytes[at + k] << (8 * k);
	if (op->is_signed)
		v = op->bytes == 1 ? (uint32_t)(int8_t)v : (uint32_t)(int16_t)v;
	*ret = v;
	return 1;
}

static int operate(struct mn_machine *m, const struct mn_addr_recipe *r)
{
	uint32_t *value = m->value;

	for (uint32_t k = 0; k < r->n_ops; k++) {
		const struct mn_addr_op *op = &r->op[k];
		uint32_t a = value[op->a] + op->a_offset, b = value[op->b] + op->b_offset;
		uint32_t *ret = &value[MN_ADDR_FIRST + k];

		switch (op->kind) {
		case MN_ADDR_ADD:
			*ret = a + (b << op->shift);
			break;
		case MN_ADDR_SUB:
			*ret = a - (b << op->shift);
			break;
		case MN_ADDR_MUL:
			*ret = a * b;
			break;
		case MN_ADDR_LSR:
			*ret = a >> op->shift;
			break;
		case MN_ADDR_ASR:
			*ret = (uint32_t)((int32_t)a >> op->shift);
			break;
		default:
			if (!load(m, r, op, a, ret))
				return 0;
			break;
		}
	}
	return 1;
}

int mn_block_addresses(struct mn_machine *m, const struct mn_block *b)
{
	const struct mn_addr_recipe *r = b->recipe;
	const struct mn_addr_extent *e = r->extent;
	const uint32_t *value = m->value;
	uint32_t device = 0;

	if (b->n_reads && uc_reg_read_batch(m->uc, (int *)b->read_id, (void **)b->read_to,
					    b->n_reads) != UC_ERR_OK)
		return 0;
	if (r->n_ops && !operate(m, r))
		return 0;
	/* No peripheral: those are at 0x4… 0x5… and 0xe… 0xf…. */
	for (uint32_t k = 0; k < r->n_extents; k++, e++)
		device |= 0x84u >> ((value[e->base] + e->low) >> 29) |
			  0x84u >> ((value[e->base] + e->high) >> 29);
	return !(device & 1);
}
