/* SPDX-License-Identifier: MIT */
#include "machine_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct mn_profile *profile_of(struct mn_machine *m, uint32_t pc)
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
	struct mn_map *map = mn_machine_map(m, in->pc);
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

void mn_trace_step(struct mn_machine *m, const struct mn_step_in *in)
{
	uint64_t before = m->cycles->now, stall[MN_STALL_CAUSES];
	struct mn_profile *p;

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

struct ranked {
	const struct mn_profile *p;
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
