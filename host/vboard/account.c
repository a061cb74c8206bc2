/* SPDX-License-Identifier: MIT */
#include "machine_impl.h"

#include <string.h>

#define SKIPPED 0xffu /* access class of an instruction whose condition failed */

struct key {
	uint64_t word[MN_MEMO_WORDS];
	uint8_t branch, taken, executed_last;
};

/* Make the model hold its own state again. */
static void materialise(struct mn_machine *m, uint32_t pc)
{
	if (m->state == MN_NO_STATE)
		return;
	m->cycles->ops->load(m->cycles, pc, mn_states_get(m->states, m->state));
	m->state = MN_NO_STATE;
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
	const struct mn_events *e = &m->events;

	if (!mn_insn_has_slots(i)) {
		/* A skipped branch shows by what follows; other skipped ones cost the same. */
		return !(i->cond && (i->attr & MN_IA_PC) && next == pc + i->size);
	}
	if (i->cond || i->cls == MN_I_DIV) {
		if (*event >= e->n || e->type[*event] == MN_EV_ACCESS || e->pc[*event] != pc)
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
		mn_machine_stop(m, MN_END_FAULT, in->pc,
				"unaligned access by a multiple load or store");
}

/* Step instructions [m->insn, end) of the block; `next` follows the last of the block. */
void mn_account_step(struct mn_machine *m, uint32_t end, uint32_t next)
{
	struct mn_block *b = m->block;
	uint8_t access[MN_MEMO_SLOTS];

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
		mn_trace_step(m, &in);
	}
}

static void step_segment(struct mn_machine *m, const struct mn_segment *s, uint32_t next)
{
	mn_account_step(m, s->first + s->count, next);
	m->stepped++;
}

/* The access part of a segment's key, by instruction. Returns the event after it. */
static uint32_t marked_classes(struct mn_machine *m, const struct mn_segment *s, uint8_t *access)
{
	const struct mn_block *b = m->block;
	uint32_t event = m->event;

	for (uint32_t k = 0; k < s->slot_insns; k++) {
		uint32_t at = s->first + (uint32_t)s->slot[k];
		const struct mn_insn *i = &b->insn[at];
		unsigned slots = mn_insn_slots(i);
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
static void step_key(struct mn_machine *m, const struct mn_segment *s, const struct key *key,
		     uint32_t next_pc)
{
	const struct mn_block *b = m->block;
	const uint8_t *access = (const uint8_t *)&key->word[1];
	uint32_t last = s->first + s->count - 1u;

	materialise(m, b->at[s->first]);
	for (uint32_t k = s->first; k <= last; k++) {
		const struct mn_insn *i = &b->insn[k];
		unsigned slots = mn_insn_slots(i);
		struct mn_step_in in = {.insn = i, .pc = b->at[k], .executed = 1};

		in.next_pc = k < last ? b->at[k + 1] : next_pc;
		in.access = access;
		if (slots && access[0] == SKIPPED)
			in.executed = 0;
		if (i->cls == MN_I_DIV && in.executed)
			in.div_cycles = access[0];
		if (k == last && s->ends) {
			in.executed = key->executed_last;
			in.taken = key->taken;
			in.branch = key->branch;
		}
		check_aligned(m, &in);
		mn_trace_step(m, &in);
		access += slots;
	}
	m->stepped++;
}

/* All that decides what the segment costs. Returns the event after it. */
static uint32_t make_key(struct mn_machine *m, const struct mn_segment *s, uint32_t next_pc,
			 struct key *key)
{
	const struct mn_block *b = m->block;
	uint32_t last = s->first + s->count - 1u, event = m->event + s->n_slots;

	key->taken = key->branch = 0;
	key->executed_last = 1;
	if (s->marked || event > m->events.n) {
		memset(&key->word[1], 0, (s->words - 1) * sizeof(key->word[0]));
		event = marked_classes(m, s, (uint8_t *)&key->word[1]);
	} else if (s->words > 1) {
		/* Beyond the last class there is something to read, and it does not count. */
		for (unsigned w = 1; w < s->words; w++)
			memcpy(&key->word[w], m->events.class + m->event + 8 * (w - 1), 8);
		key->word[s->words - 1] &= s->last_mask;
	}
	if (s->ends) {
		const struct mn_insn *i = &b->insn[last];
		int straight = next_pc == b->at[last] + i->size;

		if (i->cond)
			key->executed_last =
				mn_insn_has_slots(i)
					? ((uint8_t *)&key->word[1])[s->n_slots - 1] != SKIPPED
					: !straight;
		key->taken = key->executed_last && (always_taken(i) || !straight);
		key->branch = m->cycles->ops->branch(m->cycles, i, b->at[last], next_pc);
	}
	key->word[0] = m->state | (uint64_t)m->config << 32 | (uint64_t)key->branch << 40 |
		       (uint64_t)key->taken << 48;
	return event;
}

/* Are all its instruction lines cached, so that they cost nothing? */
static int lines_cached(struct mn_cycles *c, struct mn_lines *lines)
{
	if (lines->epoch != c->lines_epoch)
		return c->ops->lines(c, lines);
	mn_lines_used(c, lines);
	return 1;
}

static void number_state(struct mn_machine *m, uint32_t pc)
{
	uint8_t raw[MN_STATE_MAX] = {0};

	if (m->cycles->ops->save(m->cycles, pc, raw))
		m->state = mn_states_number(m->states, raw);
}

/* Account one whole segment, from memory if possible. */
static void account_segment(struct mn_machine *m, struct mn_segment *s, uint32_t next)
{
	struct mn_cycles *c = m->cycles;
	struct mn_block *b = m->block;
	uint32_t last = s->first + s->count - 1u, event, at;
	struct mn_memo_entry *entry;
	uint32_t next_pc = last + 1u < b->n ? b->at[last + 1] : next;
	struct key key;

	m->segments++;
	if (m->state == MN_NO_STATE)
		number_state(m, b->at[s->first]);
	if (m->state == MN_NO_STATE || !lines_cached(c, &s->lines)) {
		step_segment(m, s, next);
		m->came_from = NULL;
		return;
	}
	event = make_key(m, s, next_pc, &key);
	at = m->follow;
	if (at >= s->memo.n || !mn_memo_is(&s->memo, key.word, s->words, at))
		at = mn_memo_find(&s->memo, key.word, s->words);
	if (at == MN_NO_ENTRY) {
		uint64_t before = c->now;

		step_key(m, s, &key, next_pc);
		number_state(m, next_pc);
		if (m->state != MN_NO_STATE && c->now - before < 0xffffffffu)
			at = mn_memo_add(&s->memo, key.word, s->words, (uint32_t)(c->now - before),
					 m->state);
	} else {
		entry = mn_memo_at(&s->memo, s->words, at);
		c->now += entry->cycles;
		c->stats.insns += s->count;
		m->state = entry->state;
	}
	if (m->came_from && m->came_from_entry < m->came_from->memo.n)
		mn_memo_at(&m->came_from->memo, m->came_from->words, m->came_from_entry)->follow =
			at;
	m->came_from = at == MN_NO_ENTRY ? NULL : s;
	m->came_from_entry = at;
	m->follow = at == MN_NO_ENTRY ? at : mn_memo_at(&s->memo, s->words, at)->follow;
	m->insn = last + 1;
	m->event = event;
}

/* The block has ended: `next` is where the program went on. */
void mn_account_finish(struct mn_machine *m, uint32_t next)
{
	struct mn_block *b = m->block;

	if (!b)
		return;
	m->it_left = b->it_exit;
	if (next != b->pc + b->size)
		m->it_left = 0;
	if (m->options.reference) {
		mn_account_step(m, b->n, next);
	} else if (m->insn) { /* a register access has split it: finish that segment by steps */
		for (uint32_t k = 0; k < b->n_segments; k++) {
			struct mn_segment *s = &b->segment[k];

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
uint32_t mn_account_to_access(struct mn_machine *m)
{
	struct mn_block *b = m->block;
	uint32_t k, event = m->event;

	if (!b)
		return 0;
	for (k = m->insn; k < b->n; k++) {
		const struct mn_insn *i = &b->insn[k];

		if (!mn_insn_has_slots(i))
			continue;
		if (i->cond || i->cls == MN_I_DIV) {
			if (event >= m->events.n || m->events.type[event] == MN_EV_ACCESS ||
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
	mn_account_step(m, k, 0);
	materialise(m, b->at[k]);
	return b->at[k];
}
