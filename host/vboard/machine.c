/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <capstone/capstone.h>
#include <unicorn/unicorn.h>

#include "memo.h"

#define MAX_INSNS  512u  /* of a block */
#define MAX_EVENTS 8448u /* accesses of a block */
#define SEG_INSNS  48u
#define SEG_LINES  16u
#define PAGE       4096u
#define SKIPPED    0xffu /* access class of an instruction whose condition failed */

enum event_type { EV_ACCESS, EV_RAN, EV_DIVIDE };

/* What the emulator reported while a block ran, in order: classes, and what they are of. */
struct events {
	uint32_t n;
	uint8_t class[MAX_EVENTS]; /* EV_DIVIDE: cycles */
	uint8_t type[MAX_EVENTS];
	uint32_t pc[MAX_EVENTS]; /* EV_RAN, EV_DIVIDE: of the instruction */
};

struct segment {
	uint16_t first, count;
	uint8_t n_lines;
	uint8_t n_slots; /* access classes in the key */
	uint8_t ends;    /* the last instruction may branch */
	uint8_t marked;  /* has instructions that report their execution */
	uint8_t slot_insns;
	uint8_t slot[SEG_INSNS]; /* instructions that have slots, from `first` */
	uint32_t line[SEG_LINES];
	struct mn_memo memo;
};

struct block {
	struct block *next; /* same start, entered inside an IT block */
	uint32_t pc, size;
	uint16_t n, n_segments;
	uint8_t it_entry; /* instructions still under an IT at the start */
	uint8_t it_exit, fpu;
	struct mn_insn *insn;
	uint32_t *at; /* address of each */
	struct segment *segment;
};

struct map {
	const struct mn_region *region;
	uint8_t *bytes;
	int owned;
	struct block **block; /* by halfword, made when code runs there */
};

struct profile {
	uint64_t cycles, insns, stall[MN_STALL_CAUSES];
};

struct mn_machine {
	const struct mn_board *board;
	const struct mn_elf *elf;
	struct mn_cycles *cycles;
	struct mn_soc *soc;
	struct mn_machine_options options;
	uc_engine *uc;
	struct map map[16];
	uint32_t n_maps;
	uint8_t info[PAGE]; /* the page of the unique id */
	struct mn_states *states;

	/* the block that is being executed */
	struct block *block;
	uint32_t insn;  /* instructions of it that are accounted */
	uint32_t event; /* events of it that are accounted */
	uint32_t it_left;
	uint32_t state; /* number of the model's state, MN_NO_STATE: it is in the model itself */
	struct events events;
	uint32_t skip_reads;
	const struct segment
		*touched; /* accounted last and without a step: its lines are youngest */
	uint64_t touched_misses;
	uint8_t config;

	int stopping;
	struct mn_machine_result result;
	uint64_t blocks, segments, stepped, bare_insns;
	uint32_t resets;
	struct profile *profile; /* by symbol, the last one for the rest */
	uint32_t last_symbol;
	csh cs;
};

static void stop(struct mn_machine *m, enum mn_machine_end end, uint32_t pc, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void stop(struct mn_machine *m, enum mn_machine_end end, uint32_t pc, const char *fmt, ...)
{
	va_list args;

	if (m->stopping)
		return;
	m->stopping = 1;
	m->result.end = end;
	m->result.pc = pc;
	va_start(args, fmt);
	vsnprintf(m->result.reason, sizeof(m->result.reason), fmt, args);
	va_end(args);
	uc_emu_stop(m->uc);
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

static struct map *map_of(struct mn_machine *m, uint32_t addr)
{
	for (uint32_t i = 0; i < m->n_maps; i++)
		if (addr - m->map[i].region->base < m->map[i].region->size_bytes)
			return &m->map[i];
	return NULL;
}

static uint16_t halfword(const struct map *map, uint32_t addr)
{
	uint32_t at = addr - map->region->base;

	if (at + 2 > map->region->size_bytes)
		return 0;
	return (uint16_t)(map->bytes[at] | map->bytes[at + 1] << 8);
}

static int has_slots(const struct mn_insn *i)
{
	return i->cls == MN_I_DIV || (i->attr & (MN_IA_LOAD | MN_IA_STORE));
}

static unsigned slots_of(const struct mn_insn *i)
{
	return i->cls == MN_I_DIV ? 1 : i->attr & (MN_IA_LOAD | MN_IA_STORE) ? i->n_words : 0;
}

static int make_segments(struct mn_machine *m, struct block *b)
{
	uint32_t line_bytes = m->cycles->ops->line_bytes, room = b->n;
	struct segment *s;

	b->segment = calloc(room, sizeof(*b->segment));
	if (!b->segment)
		return MN_E_NOMEM;
	for (uint32_t i = 0; i < b->n; i++) {
		unsigned slots = slots_of(&b->insn[i]);
		uint32_t first = b->at[i] & ~(line_bytes - 1);
		uint32_t last = (b->at[i] + b->insn[i].size - 1) & ~(line_bytes - 1);

		s = b->n_segments ? &b->segment[b->n_segments - 1] : NULL;
		if (!s || s->count == SEG_INSNS || s->n_slots + slots > MN_MEMO_SLOTS ||
		    s->n_lines + 2 > (int)SEG_LINES) {
			s = &b->segment[b->n_segments++];
			s->first = (uint16_t)i;
		}
		s->count++;
		s->n_slots = (uint8_t)(s->n_slots + slots);
		if (slots)
			s->slot[s->slot_insns++] = (uint8_t)(i - s->first);
		if (slots && (b->insn[i].cond || b->insn[i].cls == MN_I_DIV))
			s->marked = 1;
		if (s->n_lines == 0 || s->line[s->n_lines - 1] != first)
			s->line[s->n_lines++] = first;
		if (last != first)
			s->line[s->n_lines++] = last;
		s->ends = (b->insn[i].attr & MN_IA_PC) != 0;
	}
	return 0;
}

static struct block *make_block(struct mn_machine *m, const struct map *map, uint32_t pc,
				uint32_t size)
{
	struct mn_insn insn[MAX_INSNS];
	uint32_t at[MAX_INSNS], n = 0, it = m->it_left, addr = pc;
	struct block *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	while (addr - pc < size && n < MAX_INSNS) {
		mn_insn_decode(halfword(map, addr), halfword(map, addr + 2), &insn[n]);
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
	make_segments(m, b);
	return b;
}

static void free_block(struct block *b)
{
	while (b) {
		struct block *next = b->next;

		for (uint32_t i = 0; i < b->n_segments; i++)
			mn_memo_free(&b->segment[i].memo);
		free(b->segment);
		free(b->insn);
		free(b->at);
		free(b);
		b = next;
	}
}

static struct block *find_block(struct mn_machine *m, uint32_t pc, uint32_t size)
{
	struct map *map = &m->map[0];
	struct block **head, *b;

	if (pc - map->region->base >= map->region->size_bytes) {
		map = map_of(m, pc);
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
		free_block(b);
		return NULL;
	}
	b->next = *head;
	*head = b;
	return b;
}

/* ---- accounting -------------------------------------------------------------------------------
 */

/* Make the model hold its own state again. */
static void materialise(struct mn_machine *m, uint32_t pc)
{
	if (m->state == MN_NO_STATE)
		return;
	m->cycles->ops->load(m->cycles, pc, mn_states_get(m->states, m->state));
	m->state = MN_NO_STATE;
}

static struct profile *profile_of(struct mn_machine *m, uint32_t pc)
{
	const struct mn_elf_symbol *s;
	uint32_t offset, k = m->last_symbol;

	if (k < m->elf->n_symbols && pc - m->elf->symbols[k].addr < m->elf->symbols[k].bytes)
		return &m->profile[k];
	s = mn_elf_symbol(m->elf, pc, &offset);
	m->last_symbol = s ? (uint32_t)(s - m->elf->symbols) : m->elf->n_symbols;
	return &m->profile[m->last_symbol];
}

static void trace_line(struct mn_machine *m, const struct mn_step_in *in, uint64_t before,
		       const uint64_t *stall_before)
{
	const uint64_t *stall = m->cycles->stats.stall;
	const struct mn_elf_symbol *s;
	struct map *map = map_of(m, in->pc);
	uint32_t offset = 0;
	cs_insn *insn = NULL;
	size_t n = 0;

	s = mn_elf_symbol(m->elf, in->pc, &offset);
	if (map)
		n = cs_disasm(m->cs, map->bytes + (in->pc - map->region->base), in->insn->size,
			      in->pc, 1, &insn);
	fprintf(m->options.trace, "%" PRIu64 " +%" PRIu64 " %08" PRIx32 " %s+%" PRIu32 " %s %s%s",
		before, m->cycles->now - before, in->pc, s ? s->name : "?", offset,
		n ? insn->mnemonic : "?", n ? insn->op_str : "", in->executed ? "" : " (skipped)");
	for (unsigned c = 1; c < MN_STALL_CAUSES; c++)
		if (stall[c] != stall_before[c])
			fprintf(m->options.trace, " %s:%" PRIu64, mn_stall_name(c),
				stall[c] - stall_before[c]);
	fputc('\n', m->options.trace);
	if (n)
		cs_free(insn, n);
}

static void step(struct mn_machine *m, const struct mn_step_in *in)
{
	uint64_t before = m->cycles->now, stall[MN_STALL_CAUSES];
	struct profile *p;

	if (!m->profile && !m->options.trace) {
		m->cycles->ops->step(m->cycles, in);
		return;
	}
	memcpy(stall, m->cycles->stats.stall, sizeof(stall));
	m->cycles->ops->step(m->cycles, in);
	if (m->options.trace)
		trace_line(m, in, before, stall);
	if (m->profile) {
		p = profile_of(m, in->pc);
		p->cycles += m->cycles->now - before;
		p->insns++;
		for (unsigned c = 0; c < MN_STALL_CAUSES; c++)
			p->stall[c] += m->cycles->stats.stall[c] - stall[c];
	}
}

/* Does an unconditional branch always leave the straight line? */
static int always_taken(const struct mn_insn *i)
{
	return (i->attr & MN_IA_PC) && i->cls != MN_I_BCC && i->cls != MN_I_CBZ;
}

/*
 * The classes of one instruction's accesses from the events, starting at *event. Returns whether it
 * was executed. `next` is the instruction after it in time.
 */
static int take_events(struct mn_machine *m, const struct mn_insn *i, uint32_t pc, uint32_t next,
		       uint32_t *event, uint8_t *access, uint8_t *ret_divide)
{
	const struct events *e = &m->events;

	if (!has_slots(i)) {
		/* A skipped branch shows by what follows; other skipped ones cost the same. */
		return !(i->cond && (i->attr & MN_IA_PC) && next == pc + i->size);
	}
	if (i->cond || i->cls == MN_I_DIV) {
		if (*event >= e->n || e->type[*event] == EV_ACCESS || e->pc[*event] != pc)
			return 0;
		*ret_divide = e->class[*event];
		(*event)++;
		if (i->cls == MN_I_DIV)
			return 1;
	}
	for (unsigned k = 0; k < i->n_words && *event < e->n; k++)
		access[k] = e->class[(*event)++];
	return 1;
}

static void check_aligned(struct mn_machine *m, const struct mn_step_in *in)
{
	if (in->insn->n_words > 1 && in->executed &&
	    (in->insn->attr & (MN_IA_LOAD | MN_IA_STORE)) &&
	    m->cycles->ops->unaligned(in->access[0]))
		stop(m, MN_END_FAULT, in->pc, "unaligned access by a multiple load or store");
}

/* Step instructions [m->insn, end) of the block; `next` follows the last of the block. */
static void step_block(struct mn_machine *m, uint32_t end, uint32_t next)
{
	struct block *b = m->block;
	uint8_t access[MN_MEMO_SLOTS];

	m->touched = NULL;
	if (m->insn < end)
		materialise(m, b->at[m->insn]);
	for (; m->insn < end; m->insn++) {
		uint32_t k = m->insn;
		struct mn_step_in in = {.insn = &b->insn[k], .pc = b->at[k], .access = access};

		in.next_pc = k + 1u < b->n ? b->at[k + 1] : next;
		memset(access, 0, in.insn->n_words);
		in.executed = (uint8_t)take_events(m, in.insn, in.pc, in.next_pc, &m->event, access,
						   &in.div_cycles);
		if (in.insn->attr & MN_IA_PC) {
			in.taken = in.executed &&
				   (always_taken(in.insn) || in.next_pc != in.pc + in.insn->size);
			in.branch = m->cycles->ops->branch(m->cycles, in.insn, in.pc, in.next_pc);
		}
		check_aligned(m, &in);
		step(m, &in);
	}
}

static void step_segment(struct mn_machine *m, const struct segment *s, uint32_t next)
{
	step_block(m, s->first + s->count, next);
	m->stepped++;
}

/* The access part of a segment's key, by instruction. Returns the event after it. */
static uint32_t marked_classes(struct mn_machine *m, const struct segment *s, uint8_t *access)
{
	const struct block *b = m->block;
	uint32_t event = m->event;

	for (uint32_t k = 0; k < s->slot_insns; k++) {
		uint32_t at = s->first + (uint32_t)s->slot[k];
		const struct mn_insn *i = &b->insn[at];
		unsigned slots = slots_of(i);
		uint8_t divide = 0;
		int ran = take_events(m, i, b->at[at], 0, &event, access, &divide);

		if (!ran)
			memset(access, SKIPPED, slots);
		else if (i->cls == MN_I_DIV)
			access[0] = divide;
		access += slots;
	}
	return event;
}

/* Step a segment with the classes in its key: the functional part has been asked already. */
static void step_key(struct mn_machine *m, const struct segment *s, const struct mn_memo_key *key,
		     uint32_t next_pc, int executed_last)
{
	const struct block *b = m->block;
	const uint8_t *access = key->access;
	uint32_t last = s->first + s->count - 1u;

	materialise(m, b->at[s->first]);
	for (uint32_t k = s->first; k <= last; k++) {
		const struct mn_insn *i = &b->insn[k];
		unsigned slots = slots_of(i);
		struct mn_step_in in = {.insn = i, .pc = b->at[k], .executed = 1};

		in.next_pc = k < last ? b->at[k + 1] : next_pc;
		in.access = access;
		if (slots && access[0] == SKIPPED)
			in.executed = 0;
		if (i->cls == MN_I_DIV && in.executed)
			in.div_cycles = access[0];
		if (k == last && s->ends) {
			in.executed = (uint8_t)executed_last;
			in.taken = key->taken;
			in.branch = key->branch;
		}
		check_aligned(m, &in);
		step(m, &in);
		access += slots;
	}
	m->stepped++;
}

/* Account one whole segment, from memory if possible. */
static void account_segment(struct mn_machine *m, struct segment *s, uint32_t next)
{
	struct mn_cycles *c = m->cycles;
	struct block *b = m->block;
	uint32_t last = s->first + s->count - 1u, event, state;
	struct mn_memo_key key;
	const struct mn_memo_entry *entry;
	size_t key_bytes = (8u + s->n_slots + 7u) & ~7u;
	uint8_t raw[MN_STATE_MAX];
	uint32_t next_pc = last + 1u < b->n ? b->at[last + 1] : next;
	uint64_t before;
	int executed_last = 1;

	m->segments++;
	if (m->state == MN_NO_STATE) {
		memset(raw, 0, sizeof(raw));
		if (c->ops->save(c, b->at[s->first], raw))
			m->state = mn_states_number(m->states, raw);
	}
	if (m->state == MN_NO_STATE ||
	    (!(m->touched == s && m->touched_misses == c->stats.i_misses) &&
	     !c->ops->lines(c, s->line, s->n_lines))) {
		step_segment(m, s, next);
		return;
	}
	memset((uint8_t *)&key + key_bytes - 8, 0, 8);
	key.state = m->state;
	key.config = m->config;
	key.branch = key.taken = key.zero = 0;
	if (s->marked || m->events.n - m->event < s->n_slots) {
		memset(key.access, 0, s->n_slots);
		event = marked_classes(m, s, key.access);
	} else {
		memcpy(key.access, m->events.class + m->event, s->n_slots);
		event = m->event + s->n_slots;
	}
	if (s->ends) {
		const struct mn_insn *i = &b->insn[last];

		if (i->cond)
			executed_last = has_slots(i) ? key.access[s->n_slots - 1] != SKIPPED
						     : next_pc != b->at[last] + i->size;
		key.taken = executed_last && (always_taken(i) || next_pc != b->at[last] + i->size);
		key.branch = c->ops->branch(c, i, b->at[last], next_pc);
	}
	entry = mn_memo_find(&s->memo, &key, key_bytes);
	if (entry) {
		c->now += entry->cycles;
		c->stats.insns += s->count;
		m->state = entry->state;
	} else {
		before = c->now;
		step_key(m, s, &key, next_pc, executed_last);
		memset(raw, 0, sizeof(raw));
		if (c->now - before < 0xffffffffu && c->ops->save(c, next_pc, raw)) {
			state = mn_states_number(m->states, raw);
			if (state != MN_NO_STATE) {
				mn_memo_add(&s->memo, &key, (uint32_t)(c->now - before), state);
				m->state = state;
			}
		}
	}
	m->insn = last + 1;
	m->event = event;
	m->touched = s;
	m->touched_misses = c->stats.i_misses;
}

/* The block has ended: `next` is where the program went on. */
static void finish_block(struct mn_machine *m, uint32_t next)
{
	struct block *b = m->block;

	if (!b)
		return;
	m->it_left = b->it_exit;
	if (next != b->pc + b->size)
		m->it_left = 0;
	if (m->options.reference) {
		step_block(m, b->n, next);
	} else if (m->insn) { /* a register access has split it: finish that segment by steps */
		for (uint32_t k = 0; k < b->n_segments; k++) {
			struct segment *s = &b->segment[k];

			if (m->insn >= (uint32_t)s->first + s->count)
				continue;
			if (m->insn > s->first)
				step_segment(m, s, next);
			else
				account_segment(m, s, next);
		}
	} else {
		for (uint32_t k = 0; k < b->n_segments; k++)
			account_segment(m, &b->segment[k], next);
	}
	m->block = NULL;
}

/* Account everything before the instruction that made the last event. Returns its address. */
static uint32_t sync_to_access(struct mn_machine *m)
{
	struct block *b = m->block;
	uint32_t k, event = m->event;

	if (!b)
		return 0;
	for (k = m->insn; k < b->n; k++) {
		const struct mn_insn *i = &b->insn[k];

		if (!has_slots(i))
			continue;
		if (i->cond || i->cls == MN_I_DIV) {
			if (event >= m->events.n || m->events.type[event] == EV_ACCESS ||
			    m->events.pc[event] != b->at[k])
				continue;
			event++;
			if (i->cls == MN_I_DIV)
				continue;
		}
		if (event + i->n_words >= m->events.n)
			break;
		event += i->n_words;
	}
	if (k == b->n)
		return b->at[b->n - 1];
	step_block(m, k, 0);
	materialise(m, b->at[k]);
	return b->at[k];
}

/* ---- hooks ------------------------------------------------------------------------------------
 */

static void check_budget(struct mn_machine *m, uint32_t pc)
{
	if (m->options.cycles_max &&
	    m->cycles->now - mn_soc_last_io(m->soc) > m->options.cycles_max)
		stop(m, MN_END_BUDGET, pc,
		     "no byte over the link in %" PRIu64 " cycles: an endless loop?",
		     m->options.cycles_max);
}

/* After a register access. */
static void check_events(struct mn_machine *m, uint32_t pc)
{
	m->config = (uint8_t)mn_soc_config_id(m->soc);
	if (mn_soc_event(m->soc) == MN_SOC_CLOSED)
		stop(m, MN_END_CLOSED, pc, "the link was closed");
	else if (mn_soc_event(m->soc) == MN_SOC_RESET)
		uc_emu_stop(m->uc);
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
	struct mn_machine *m = user;
	uint32_t pc = (uint32_t)address;

	if (m->stopping) {
		uc_emu_stop(uc);
		return;
	}
	finish_block(m, pc);
	m->events.n = m->insn = m->event = 0;
	m->block = find_block(m, pc, size);
	if (!m->block) {
		stop(m, MN_END_FAULT, pc, "no code can be executed here");
		return;
	}
	if (m->block->fpu && !mn_soc_fpu_on(m->soc))
		stop(m, MN_END_FAULT, pc, "floating point with the FPU off (CPACR)");
	if ((++m->blocks & 1023) == 0)
		check_budget(m, pc);
}

/* Only counts: what a run without the model would be. */
static void on_block_bare(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
	struct mn_machine *m = user;
	struct block *b;

	if (m->stopping) {
		uc_emu_stop(uc);
		return;
	}
	m->blocks++;
	b = find_block(m, (uint32_t)address, size);
	if (!b) {
		stop(m, MN_END_FAULT, (uint32_t)address, "no code can be executed here");
		return;
	}
	m->bare_insns += b->n;
	m->cycles->now += b->n;
	if ((m->blocks & 1023) == 0)
		check_budget(m, (uint32_t)address);
}

static void note(struct mn_machine *m, uint8_t class, uint8_t type, uint32_t pc)
{
	struct events *e = &m->events;

	if (e->n == MAX_EVENTS)
		return;
	e->class[e->n] = class;
	e->type[e->n] = type;
	e->pc[e->n++] = pc;
}

static void on_access(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
		      void *user)
{
	struct mn_machine *m = user;
	struct mn_cycles *c = m->cycles;
	struct events *e = &m->events;
	uint32_t addr = (uint32_t)address, bytes = (uint32_t)size;
	int store = type == UC_MEM_WRITE;

	(void)uc;
	(void)value;
	if (m->skip_reads) {
		/* Unicorn reads an unaligned word that crosses a page as two more aligned words. */
		m->skip_reads--;
		return;
	}
	if (!store && (addr & (PAGE - 1)) + bytes > PAGE)
		m->skip_reads = 2;
	if (e->n + 2 > MAX_EVENTS)
		return;
	if (bytes == 8) { /* a d register: two words on the bus */
		e->type[e->n] = EV_ACCESS;
		e->class[e->n++] = c->ops->access(c, addr, 4, store);
		addr += 4;
		bytes = 4;
	}
	e->type[e->n] = EV_ACCESS;
	e->class[e->n++] = c->ops->access(c, addr, bytes, store);
}

/* Unicorn's numbers of r0 … r12 are consecutive, those of SP, LR and PC are elsewhere. */
static int reg_id(unsigned r)
{
	return r == 13   ? UC_ARM_REG_SP
	       : r == 14 ? UC_ARM_REG_LR
	       : r == 15 ? UC_ARM_REG_PC
			 : UC_ARM_REG_R0 + (int)r;
}

/* An access in an IT block that is executed, or a division. Also called where data only look like
 * IT. */
static void on_marked(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
	struct mn_machine *m = user;
	uint32_t pc = (uint32_t)address, n = 0, d = 0, k;
	const struct block *b = m->block;
	const struct mn_insn *i;

	(void)size;
	for (k = 0; b && k < b->n && b->at[k] != pc; k++)
		;
	if (!b || k == b->n)
		return;
	i = &b->insn[k];
	if (i->cls != MN_I_DIV) {
		if (i->cond)
			note(m, 0, EV_RAN, pc);
		return;
	}
	uc_reg_read(uc, reg_id(i->rd_div[0]), &n);
	uc_reg_read(uc, reg_id(i->rd_div[1]), &d);
	if (d == 0 && mn_soc_divide_traps(m->soc)) {
		stop(m, MN_END_FAULT, pc, "division by zero");
		return;
	}
	note(m, m->cycles->ops->divide(m->cycles, n, d, i->is_signed), EV_DIVIDE, pc);
}

/* Every instruction: the reference. The one before it is complete. */
static void on_code(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
	struct mn_machine *m = user;
	uint32_t pc = (uint32_t)address, k;

	if (m->stopping) {
		uc_emu_stop(uc);
		return;
	}
	if (!m->block)
		return;
	for (k = m->insn; k < m->block->n && m->block->at[k] != pc; k++)
		;
	if (k == m->block->n)
		return;
	step_block(m, k, pc);
	if (has_slots(&m->block->insn[k]) &&
	    (m->block->insn[k].cond || m->block->insn[k].cls == MN_I_DIV))
		on_marked(uc, address, size, user);
}

static uint64_t on_device_read(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
	const struct map *window = user;
	struct mn_machine *m = (struct mn_machine *)(void *)window->bytes;
	uint32_t addr = window->region->base + (uint32_t)offset, value = 0, pc = 0;

	(void)uc;
	if (m->stopping)
		return 0;
	if (!m->options.bare)
		pc = sync_to_access(m);
	if (mn_soc_read(m->soc, addr, size, &value))
		stop(m, MN_END_FAULT, pc, "no register to read at 0x%08" PRIx32, addr);
	else
		check_events(m, pc);
	return value;
}

static void on_device_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value,
			    void *user)
{
	const struct map *window = user;
	struct mn_machine *m = (struct mn_machine *)(void *)window->bytes;
	uint32_t addr = window->region->base + (uint32_t)offset, pc = 0;

	(void)uc;
	if (m->stopping)
		return;
	if (!m->options.bare)
		pc = sync_to_access(m);
	if (mn_soc_write(m->soc, addr, size, (uint32_t)value))
		stop(m, MN_END_FAULT, pc, "no register to write at 0x%08" PRIx32, addr);
	else
		check_events(m, pc);
}

static bool on_invalid(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
		       void *user)
{
	struct mn_machine *m = user;
	uint32_t pc = 0;

	(void)size;
	(void)value;
	uc_reg_read(uc, UC_ARM_REG_PC, &pc);
	if (type == UC_MEM_FETCH_UNMAPPED || type == UC_MEM_FETCH_PROT) {
		stop(m, MN_END_FAULT, (uint32_t)address, "no code can be executed here");
		return false;
	}
	if (!m->options.bare) {
		pc = sync_to_access(m);
	}
	stop(m, MN_END_FAULT, pc, "%s 0x%08" PRIx32 ": %s",
	     type == UC_MEM_READ_UNMAPPED || type == UC_MEM_READ_PROT ? "read of" : "write to",
	     (uint32_t)address,
	     type == UC_MEM_WRITE_PROT ? "read-only memory" : "outside the memory map");
	return false;
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *user)
{
	struct mn_machine *m = user;
	uint32_t pc = 0;

	uc_reg_read(uc, UC_ARM_REG_PC, &pc);
	stop(m, MN_END_FAULT, pc, "processor exception %" PRIu32 " of the emulator (%s)", number,
	     number == 1   ? "undefined instruction"
	     : number == 2 ? "SVC"
	     : number == 7 ? "BKPT"
			   : "unexpected");
}

static bool on_undefined(uc_engine *uc, void *user)
{
	struct mn_machine *m = user;
	uint32_t pc = 0;

	uc_reg_read(uc, UC_ARM_REG_PC, &pc);
	stop(m, MN_END_FAULT, pc, "undefined instruction");
	return false;
}

/* ---- set-up -----------------------------------------------------------------------------------
 */

/* Instructions whose execution must be seen: found by looking for IT and SDIV/UDIV in the code. */
static int hook_marked(struct mn_machine *m)
{
	uc_hook hook;

	for (uint32_t r = 0; r < m->elf->n_code; r++) {
		uint32_t addr = (m->elf->code[r].addr + 1) & ~1u;
		uint32_t end = m->elf->code[r].addr + m->elf->code[r].bytes;
		struct map *map = map_of(m, addr);
		uint8_t *seen = map ? calloc((end - addr) / 2 + 1, 1) : NULL;

		if (!map)
			continue;
		if (!seen)
			return MN_E_NOMEM;
		for (uint32_t a = addr; a < end; a += 2) {
			struct mn_insn i;
			uint32_t b = a;

			mn_insn_decode(halfword(map, a), halfword(map, a + 2), &i);
			if (i.cls == MN_I_DIV)
				seen[(a - addr) / 2] = 1;
			if (i.cls != MN_I_IT)
				continue;
			for (unsigned k = i.it_count; k && (b += i.size) < end; k--) {
				mn_insn_decode(halfword(map, b), halfword(map, b + 2), &i);
				if (has_slots(&i))
					seen[(b - addr) / 2] = 1;
			}
		}
		for (uint32_t a = addr; a < end; a += 2) {
			if (!seen[(a - addr) / 2])
				continue;
			if (uc_hook_add(m->uc, &hook, UC_HOOK_CODE, (void *)on_marked, m, a, a)) {
				free(seen);
				return MN_E_INTERNAL;
			}
		}
		free(seen);
	}
	return 0;
}

static struct mn_region device_regions[2] = {
	{NULL, 0x40000000u, 0x00080000u, MN_REGION_SRAM},
	{NULL, 0xe0000000u, 0x00100000u, MN_REGION_SRAM},
};

static int map_memory(struct mn_machine *m, const uint8_t *file, struct mn_err *err)
{
	uint8_t *flash = NULL;
	uint32_t words[3] = {m->board->uid0, m->board->uid1, m->board->uid2};
	uint32_t at;

	for (uint32_t i = 0; i < m->board->memory_count && i < 14; i++) {
		const struct mn_region *r = &m->board->memory[i];
		struct map *map = &m->map[m->n_maps++];
		int ram = r->kind != MN_REGION_FLASH && r->kind != MN_REGION_FLASH_ALIAS;

		map->region = r;
		if (r->kind == MN_REGION_FLASH_ALIAS) {
			map->bytes = flash;
		} else {
			void *bytes = NULL;

			if (posix_memalign(&bytes, PAGE, r->size_bytes))
				return mn_err_set(err, MN_E_NOMEM, "out of memory");
			map->bytes = bytes;
			map->owned = 1;
			memset(map->bytes, ram ? 0 : 0xff, r->size_bytes);
			if (!ram)
				flash = map->bytes;
		}
		if (uc_mem_map_ptr(m->uc, r->base, r->size_bytes,
				   ram ? UC_PROT_ALL : UC_PROT_READ | UC_PROT_EXEC, map->bytes))
			return mn_err_set(err, MN_E_INTERNAL, "the emulator refuses memory %s",
					  r->name);
	}
	for (uint32_t i = 0; i < m->elf->n_load; i++) {
		uint32_t addr = m->elf->load[i].addr, left = m->elf->load[i].bytes;
		const uint8_t *from = file + m->elf->load[i].offset;

		while (left) {
			struct map *map = map_of(m, addr);
			uint32_t room, n;

			if (!map)
				return mn_err_set(err, MN_E_INTERNAL, "a segment left its memory");
			room = map->region->base + map->region->size_bytes - addr;
			n = left < room ? left : room;
			memcpy(map->bytes + (addr - map->region->base), from, n);
			addr += n;
			from += n;
			left -= n;
		}
	}
	memset(m->info, 0xff, sizeof(m->info));
	at = m->board->uid_address & (PAGE - 1);
	for (unsigned i = 0; i < 12 && at + i < PAGE; i++)
		m->info[at + i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
	at = m->board->flash_size_address & (PAGE - 1);
	m->info[at] = (uint8_t)m->board->flash_size_kb;
	m->info[(at + 1) & (PAGE - 1)] = (uint8_t)(m->board->flash_size_kb >> 8);
	if (uc_mem_map_ptr(m->uc, m->board->uid_address & ~(PAGE - 1), PAGE, UC_PROT_READ, m->info))
		return mn_err_set(err, MN_E_INTERNAL, "the emulator refuses the unique id's page");
	for (unsigned i = 0; i < 2; i++) {
		/* The window's callbacks get the machine through the map entry's pointer. */
		struct map *window = &m->map[14 + i];

		window->region = &device_regions[i];
		window->bytes = (uint8_t *)m;
		if (uc_mmio_map(m->uc, window->region->base, window->region->size_bytes,
				on_device_read, window, on_device_write, window))
			return mn_err_set(err, MN_E_INTERNAL, "the emulator refuses the registers");
	}
	return 0;
}

static int add_hooks(struct mn_machine *m)
{
	const struct mn_machine_options *o = &m->options;
	uc_hook hook;
	int bad = 0;

	if (o->bare) {
		bad |= uc_hook_add(m->uc, &hook, UC_HOOK_BLOCK, (void *)on_block_bare, m, 1, 0);
	} else {
		bad |= uc_hook_add(m->uc, &hook, UC_HOOK_BLOCK, (void *)on_block, m, 1, 0);
		bad |= uc_hook_add(m->uc, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
				   (void *)on_access, m, 1, 0);
		if (o->reference)
			bad |= uc_hook_add(m->uc, &hook, UC_HOOK_CODE, (void *)on_code, m, 1, 0);
		else if (hook_marked(m))
			return MN_E_NOMEM;
	}
	bad |= uc_hook_add(m->uc, &hook, UC_HOOK_MEM_INVALID, (void *)on_invalid, m, 1, 0);
	bad |= uc_hook_add(m->uc, &hook, UC_HOOK_INTR, (void *)on_interrupt, m, 1, 0);
	bad |= uc_hook_add(m->uc, &hook, UC_HOOK_INSN_INVALID, (void *)on_undefined, m, 1, 0);
	return bad ? MN_E_INTERNAL : 0;
}

int mn_machine_new(const struct mn_board *board, const struct mn_elf *elf, const uint8_t *file,
		   struct mn_cycles *cycles, struct mn_soc *soc,
		   const struct mn_machine_options *options, struct mn_machine **ret_machine,
		   struct mn_err *err)
{
	struct mn_machine *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	m->board = board;
	m->elf = elf;
	m->cycles = cycles;
	m->soc = soc;
	m->options = *options;
	m->state = MN_NO_STATE;
	m->last_symbol = 0xffffffffu;
	if (options->trace || options->profile)
		m->options.reference = 1;
	m->states = mn_states_new(cycles->ops->state_bytes);
	if (options->profile)
		m->profile = calloc(elf->n_symbols + 1u, sizeof(*m->profile));
	if (!m->states || (options->profile && !m->profile)) {
		mn_machine_free(m);
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	}
	if (cs_open(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS, &m->cs) != CS_ERR_OK ||
	    uc_open(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS, &m->uc) != UC_ERR_OK ||
	    uc_ctl_set_cpu_model(m->uc, board->cpu == MN_CPU_CORTEX_M7 ? UC_CPU_ARM_CORTEX_M7
								       : UC_CPU_ARM_CORTEX_M4)) {
		mn_machine_free(m);
		return mn_err_set(err, MN_E_INTERNAL, "the emulator does not start");
	}
	rc = map_memory(m, file, err);
	if (!rc) {
		rc = add_hooks(m);
		if (rc)
			mn_err_set(err, rc, "the emulator refuses its hooks");
	}
	if (rc) {
		mn_machine_free(m);
		return rc;
	}
	*ret_machine = m;
	return 0;
}

void mn_machine_free(struct mn_machine *m)
{
	if (!m)
		return;
	if (m->uc)
		uc_close(m->uc);
	if (m->cs)
		cs_close(&m->cs);
	for (uint32_t i = 0; i < m->n_maps; i++) {
		struct map *map = &m->map[i];

		for (uint32_t k = 0; map->block && k < map->region->size_bytes / 2; k++)
			free_block(map->block[k]);
		free(map->block);
		if (map->owned)
			free(map->bytes);
	}
	mn_states_free(m->states);
	free(m->profile);
	free(m->result.report);
	free(m);
}

/* ---- running ----------------------------------------------------------------------------------
 */

static int write_report(struct mn_machine *m)
{
	static const char *const names[17] = {"r0",  "r1", "r2", "r3", "r4",  "r5",
					      "r6",  "r7", "r8", "r9", "r10", "r11",
					      "r12", "sp", "lr", "pc", "xpsr"};
	struct mn_machine_result *r = &m->result;
	const struct mn_elf_symbol *s;
	struct map *map = map_of(m, r->pc);
	uint32_t offset = 0;
	cs_insn *insn = NULL;
	size_t n = 0, size;
	char *text = NULL;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return MN_E_NOMEM;
	s = mn_elf_symbol(m->elf, r->pc, &offset);
	fprintf(f, "pc 0x%08" PRIx32, r->pc);
	if (s)
		fprintf(f, " in %s + %" PRIu32, s->name, offset);
	if (map) {
		uint32_t left = map->region->base + map->region->size_bytes - r->pc;

		n = cs_disasm(m->cs, map->bytes + (r->pc - map->region->base), left < 4 ? left : 4,
			      r->pc, 1, &insn);
	}
	fprintf(f, "\n  %s %s\n", n ? insn->mnemonic : "(no instruction)", n ? insn->op_str : "");
	if (n)
		cs_free(insn, n);
	for (unsigned i = 0; i < 17; i++)
		fprintf(f, "  %-4s 0x%08" PRIx32 "%s", names[i], r->reg[i],
			i % 4 == 3 || i == 16 ? "\n" : "");
	fprintf(f, "  cycle %" PRIu64 "\n", m->cycles->now);
	if (fclose(f)) {
		free(text);
		return MN_E_NOMEM;
	}
	free(r->report);
	r->report = text;
	return 0;
}

static void reset_cpu(struct mn_machine *m)
{
	struct map *map = map_of(m, m->board->boot_address);
	const uint8_t *v = map->bytes + (m->board->boot_address - map->region->base);
	uint32_t sp, pc, zero = 0;

	memcpy(&sp, v, 4);
	memcpy(&pc, v + 4, 4);
	for (int r = UC_ARM_REG_R0; r <= UC_ARM_REG_R12; r++)
		uc_reg_write(m->uc, r, &zero);
	uc_reg_write(m->uc, UC_ARM_REG_PRIMASK, &zero);
	uc_reg_write(m->uc, UC_ARM_REG_BASEPRI, &zero);
	uc_reg_write(m->uc, UC_ARM_REG_FAULTMASK, &zero);
	uc_reg_write(m->uc, UC_ARM_REG_CONTROL, &zero);
	uc_reg_write(m->uc, UC_ARM_REG_SP, &sp);
	uc_reg_write(m->uc, UC_ARM_REG_LR, &zero);
	uc_reg_write(m->uc, UC_ARM_REG_PC, &pc);
	m->block = NULL;
	m->state = MN_NO_STATE;
	m->it_left = m->events.n = m->insn = m->event = m->skip_reads = 0;
	m->touched = NULL;
	m->cycles->ops->reset(m->cycles);
	mn_soc_reset(m->soc);
	m->config = (uint8_t)mn_soc_config_id(m->soc);
}

int mn_machine_run(struct mn_machine *m, struct mn_machine_result *ret_result, struct mn_err *err)
{
	uc_err rc;
	uint32_t pc = 0;

	reset_cpu(m);
	for (;;) {
		uc_reg_read(m->uc, UC_ARM_REG_PC, &pc);
		rc = uc_emu_start(m->uc, pc | 1, 0xffffffffu, 0, 0);
		uc_reg_read(m->uc, UC_ARM_REG_PC, &pc);
		if (m->stopping)
			break;
		if (mn_soc_event(m->soc) == MN_SOC_RESET) {
			m->resets++;
			reset_cpu(m);
			continue;
		}
		if (rc == UC_ERR_OK) {
			/* WFI and friends: nothing here ever wakes the core. */
			stop(m, MN_END_FAULT, pc,
			     "the core went to sleep: no interrupt is emulated");
			break;
		}
		stop(m, MN_END_FAULT, pc, "%s", uc_strerror(rc));
		break;
	}
	for (unsigned r = 0; r < 15; r++)
		uc_reg_read(m->uc, reg_id(r), &m->result.reg[r]);
	m->result.reg[15] = m->result.pc;
	uc_reg_read(m->uc, UC_ARM_REG_XPSR, &m->result.reg[16]);
	if (write_report(m))
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	*ret_result = m->result;
	m->result.report = NULL;
	return 0;
}

void mn_machine_stats(const struct mn_machine *m, struct mn_machine_stats *ret_stats)
{
	memset(ret_stats, 0, sizeof(*ret_stats));
	ret_stats->cycles = m->cycles->now;
	ret_stats->model = m->cycles->stats;
	ret_stats->insns = m->options.bare ? m->bare_insns : m->cycles->stats.insns;
	ret_stats->blocks = m->blocks;
	ret_stats->segments = m->segments;
	ret_stats->stepped = m->stepped;
	ret_stats->states = mn_states_count(m->states);
	ret_stats->resets = m->resets;
}

struct ranked {
	const struct profile *p;
	const char *name;
};

static int by_cycles(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->p->cycles < y->p->cycles ? 1 : x->p->cycles > y->p->cycles ? -1 : 0;
}

void mn_machine_profile(const struct mn_machine *m, FILE *out)
{
	uint32_t n = m->elf->n_symbols + 1;
	struct ranked *r;

	if (!m->profile)
		return;
	r = calloc(n, sizeof(*r));
	if (!r)
		return;
	for (uint32_t i = 0; i < n; i++)
		r[i] = (struct ranked){&m->profile[i], i < m->elf->n_symbols
							       ? m->elf->symbols[i].name
							       : "(no symbol)"};
	qsort(r, n, sizeof(*r), by_cycles);
	fprintf(out, "%12s %12s", "cycles", "insns");
	for (unsigned c = 0; c < MN_STALL_CAUSES; c++)
		fprintf(out, " %11s", mn_stall_name(c));
	fprintf(out, "  function\n");
	for (uint32_t i = 0; i < n && r[i].p->cycles; i++) {
		fprintf(out, "%12" PRIu64 " %12" PRIu64, r[i].p->cycles, r[i].p->insns);
		for (unsigned c = 0; c < MN_STALL_CAUSES; c++)
			fprintf(out, " %11" PRIu64, r[i].p->stall[c]);
		fprintf(out, "  %s\n", r[i].name);
	}
	free(r);
}
