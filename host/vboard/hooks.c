/* SPDX-License-Identifier: MIT */
#include "machine_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void check_budget(struct mn_machine *m, uint32_t pc)
{
	if (m->interrupted)
		mn_machine_stop(m, MN_END_INTERRUPTED, pc, "ended from outside");
	if (m->options.cycles_max &&
	    m->cycles->now - mn_soc_last_io(m->soc) > m->options.cycles_max)
		mn_machine_stop(m, MN_END_BUDGET, pc,
				"no byte over the link in %" PRIu64 " cycles: an endless loop?",
				m->options.cycles_max);
}

/* After a register access. */
static void check_events(struct mn_machine *m, uint32_t pc)
{
	m->config = (uint8_t)mn_soc_config_id(m->soc);
	if (mn_soc_event(m->soc) == MN_SOC_CLOSED)
		mn_machine_stop(m, MN_END_CLOSED, pc, "the link was closed");
	else if (mn_soc_event(m->soc) == MN_SOC_RESET)
		uc_emu_stop(m->uc);
}

/*
 * The emulator translates a block for watching its accesses only if there is a hook for accesses at
 * that moment, and without it the code is several times faster. So hot blocks whose accesses the
 * recipe tells are translated once more, while there is no such hook. That cannot be done while it
 * runs: stop here, before the block.
 */
static void stop_to_retranslate(struct mn_machine *m, uint32_t pc)
{
	m->retranslate = 1;
	m->resume_pc = pc;
	m->block = m->previous = NULL;
	uc_hook_del(m->uc, m->access_hook); /* takes effect when the emulator has stopped */
	uc_emu_stop(m->uc);
}

static int note_hot(struct mn_machine *m, struct mn_block *b)
{
	if (m->n_hot == m->hot_room) {
		uint32_t room = m->hot_room ? m->hot_room * 2 : 64;
		struct mn_block **hot = realloc(m->hot, room * sizeof(struct mn_block *));

		if (!hot)
			return 0;
		m->hot = hot;
		m->hot_room = room;
	}
	if (m->n_waiting++ == 0)
		m->waiting_since = m->blocks;
	m->hot[m->n_hot++] = b;
	return 1;
}

static uc_err request(struct mn_machine *m, uint32_t pc, uc_tb *ret_tb)
{
	return uc_ctl(m->uc, MN_UC_CTL(UC_CTL_TB_REQUEST_CACHE, 2, 3), (uint64_t)pc, ret_tb);
}

int mn_hooks_retranslate(struct mn_machine *m)
{
	uint32_t first = m->n_hot - m->n_waiting;
	uc_tb tb;

	m->retranslate = 0;
	m->retranslations++;
	if (m->refused) {
		uc_ctl_remove_cache(m->uc, (uint64_t)m->refused->pc, (uint64_t)m->refused->pc + 2);
		m->refused = NULL;
	}
	for (uint32_t k = first; k < m->n_hot; k++)
		uc_ctl_remove_cache(m->uc, (uint64_t)m->hot[k]->pc, (uint64_t)m->hot[k]->pc + 2);
	/* All of them: what overlaps has gone, too. */
	for (uint32_t k = 0; k < m->n_hot; k++) {
		struct mn_block *b = m->hot[k];

		b->fast = b->recipe && request(m, b->pc, &tb) == UC_ERR_OK && tb.size == b->size;
	}
	m->n_waiting = 0;
	return mn_hooks_add_access(m);
}

/* The recipe of a fast block failed: its accesses have to be watched again. */
static void refuse(struct mn_machine *m, struct mn_block *b)
{
	uint32_t k = 0;

	while (k < m->n_hot && m->hot[k] != b)
		k++;
	if (k < m->n_hot) {
		m->n_hot--;
		memmove(&m->hot[k], &m->hot[k + 1], (m->n_hot - k) * sizeof(m->hot[0]));
	}
	mn_addr_free(b->recipe);
	b->recipe = NULL;
	b->fast = 0;
	m->refused = b;
	stop_to_retranslate(m, b->pc);
}

static struct mn_block *block_after(struct mn_machine *m, uint32_t pc, uint32_t size)
{
	struct mn_block *p = m->previous, *b;

	for (unsigned k = 0; p && k < 2; k++) {
		b = p->after[k];
		if (b && b->pc == pc && b->size == size && b->it_entry == m->it_left)
			return b;
	}
	b = mn_block_find(m, pc, size);
	if (p) {
		p->after[p->turn] = b;
		p->turn ^= 1;
	}
	return b;
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
	struct mn_machine *m = user;
	uint32_t pc = (uint32_t)address;
	struct mn_block *b;

	if (m->stopping) {
		uc_emu_stop(uc);
		return;
	}
	mn_account_finish(m, pc);
	m->events.n = m->insn = m->event = 0;
	m->block = b = block_after(m, pc, size);
	if (!b) {
		mn_machine_stop(m, MN_END_FAULT, pc, "no code can be executed here");
		return;
	}
	m->previous = b;
	if (b->fpu && !mn_soc_fpu_on(m->soc))
		mn_machine_stop(m, MN_END_FAULT, pc, "floating point with the FPU off (CPACR)");
	if ((++m->blocks & 1023) == 0)
		check_budget(m, pc);
	if (b->fast) {
		if (!mn_block_addresses(m, b)) {
			refuse(m, b);
			return;
		}
		m->cycles->ops->accesses(m->cycles, b->recipe, m->value, m->events.class);
		m->events.n = b->recipe->n_access;
		m->fast_blocks++;
	} else if (b->recipe && b->runs < MN_HOT && ++b->runs == MN_HOT && !note_hot(m, b)) {
		b->runs = 0;
	} else if (m->n_waiting && m->it_left == 0 && m->blocks - m->waiting_since > MN_HOT * 64) {
		stop_to_retranslate(m, pc);
	}
}

/* Only counts: what a run without the model would be. */
static void on_block_bare(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
	struct mn_machine *m = user;
	struct mn_block *b;

	if (m->stopping) {
		uc_emu_stop(uc);
		return;
	}
	m->blocks++;
	b = mn_block_find(m, (uint32_t)address, size);
	if (!b) {
		mn_machine_stop(m, MN_END_FAULT, (uint32_t)address, "no code can be executed here");
		return;
	}
	m->bare_insns += b->n;
	m->cycles->now += b->n;
	if ((m->blocks & 1023) == 0)
		check_budget(m, (uint32_t)address);
}

static void note(struct mn_machine *m, uint8_t class, uint8_t type, uint32_t pc)
{
	struct mn_events *e = &m->events;

	if (e->n == MN_BLOCK_EVENTS)
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
	struct mn_events *e = &m->events;
	uint32_t addr = (uint32_t)address, bytes = (uint32_t)size;
	int store = type == UC_MEM_WRITE;

	(void)uc;
	(void)value;
	if (m->block && m->block->fast)
		return;
	if (m->skip_reads) {
		/* Unicorn reads an unaligned word that crosses a page as two more aligned words. */
		m->skip_reads--;
		return;
	}
	if (!store && (addr & (m->page_bytes - 1)) + bytes > m->page_bytes)
		m->skip_reads = 2;
	if (e->n + 2 > MN_BLOCK_EVENTS)
		return;
	if (bytes == 8) { /* a d register: two words on the bus */
		e->type[e->n] = MN_EV_ACCESS;
		e->class[e->n++] = c->ops->access(c, addr, 4, store);
		addr += 4;
		bytes = 4;
	}
	e->type[e->n] = MN_EV_ACCESS;
	e->class[e->n++] = c->ops->access(c, addr, bytes, store);
}

/* An access in an IT block that is executed, or a division. Also called where data only look like
 * IT. */
static void on_marked(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
	struct mn_machine *m = user;
	uint32_t pc = (uint32_t)address, n = 0, d = 0, k;
	const struct mn_block *b = m->block;
	const struct mn_insn *i;

	(void)size;
	for (k = 0; b && k < b->n && b->at[k] != pc; k++)
		;
	if (!b || k == b->n)
		return;
	i = &b->insn[k];
	if (i->cls != MN_I_DIV) {
		if (i->cond)
			note(m, 0, MN_EV_RAN, pc);
		return;
	}
	uc_reg_read(uc, mn_machine_reg_id(i->rd_div[0]), &n);
	uc_reg_read(uc, mn_machine_reg_id(i->rd_div[1]), &d);
	if (d == 0 && mn_soc_divide_traps(m->soc)) {
		mn_machine_stop(m, MN_END_FAULT, pc, "division by zero");
		return;
	}
	note(m, m->cycles->ops->divide(m->cycles, n, d, i->is_signed), MN_EV_DIVIDE, pc);
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
	mn_account_step(m, k, pc);
	if (mn_insn_has_slots(&m->block->insn[k]) &&
	    (m->block->insn[k].cond || m->block->insn[k].cls == MN_I_DIV))
		on_marked(uc, address, size, user);
}

static uint64_t on_device_read(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
	const struct mn_map *window = user;
	struct mn_machine *m = (struct mn_machine *)(void *)window->bytes;
	uint32_t addr = window->region->base + (uint32_t)offset, value = 0, pc = 0;

	(void)uc;
	if (m->stopping)
		return 0;
	if (!m->options.bare)
		pc = mn_account_to_access(m);
	if (mn_soc_read(m->soc, addr, size, &value))
		mn_machine_stop(m, MN_END_FAULT, pc, "no register to read at 0x%08" PRIx32, addr);
	else
		check_events(m, pc);
	return value;
}

static void on_device_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value,
			    void *user)
{
	const struct mn_map *window = user;
	struct mn_machine *m = (struct mn_machine *)(void *)window->bytes;
	uint32_t addr = window->region->base + (uint32_t)offset, pc = 0;

	(void)uc;
	if (m->stopping)
		return;
	if (!m->options.bare)
		pc = mn_account_to_access(m);
	if (mn_soc_write(m->soc, addr, size, (uint32_t)value))
		mn_machine_stop(m, MN_END_FAULT, pc, "no register to write at 0x%08" PRIx32, addr);
	else
		check_events(m, pc);
}

/* Which access of a fast block is the first to touch [addr, addr + bytes). */
static uint32_t event_at(const struct mn_machine *m, uint32_t addr, uint32_t bytes)
{
	const struct mn_addr_recipe *r = m->block->recipe;

	for (uint32_t k = 0; k < r->n_access; k++) {
		uint32_t other = m->value[r->access[k].base] + r->access[k].offset;

		if (other - addr < bytes || addr - other < r->access[k].bytes)
			return k;
	}
	return m->events.n;
}

static bool on_invalid(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
		       void *user)
{
	struct mn_machine *m = user;
	uint32_t pc = 0;

	(void)value;
	uc_reg_read(uc, UC_ARM_REG_PC, &pc);
	if (type == UC_MEM_FETCH_UNMAPPED || type == UC_MEM_FETCH_PROT) {
		mn_machine_stop(m, MN_END_FAULT, (uint32_t)address, "no code can be executed here");
		return false;
	}
	if (m->block && m->block->fast)
		m->events.n = event_at(m, (uint32_t)address, (uint32_t)size) + 1;
	else if (type == UC_MEM_READ_UNMAPPED || type == UC_MEM_READ_PROT)
		note(m, 0, MN_EV_ACCESS,
		     0); /* the hook on reads is called for possible ones only */
	if (!m->options.bare)
		pc = mn_account_to_access(m);
	mn_machine_stop(m, MN_END_FAULT, pc, "%s 0x%08" PRIx32 ": %s",
			type == UC_MEM_READ_UNMAPPED || type == UC_MEM_READ_PROT ? "read of"
										 : "write to",
			(uint32_t)address,
			type == UC_MEM_WRITE_PROT ? "read-only memory" : "outside the memory map");
	return false;
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *user)
{
	struct mn_machine *m = user;
	uint32_t pc = 0;

	uc_reg_read(uc, UC_ARM_REG_PC, &pc);
	mn_machine_stop(m, MN_END_FAULT, pc, "processor exception %" PRIu32 " of the emulator (%s)",
			number,
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
	mn_machine_stop(m, MN_END_FAULT, pc, "undefined instruction");
	return false;
}

static struct mn_region device_regions[2] = {
	{NULL, 0x40000000u, 0x00080000u, MN_REGION_SRAM},
	{NULL, 0xe0000000u, 0x00100000u, MN_REGION_SRAM},
};

int mn_hooks_map_devices(struct mn_machine *m)
{
	for (unsigned i = 0; i < 2; i++) {
		/* The window's callbacks get the machine through the map entry's pointer. */
		struct mn_map *window = &m->map[14 + i];

		window->region = &device_regions[i];
		window->bytes = (uint8_t *)m;
		if (uc_mmio_map(m->uc, window->region->base, window->region->size_bytes,
				on_device_read, window, on_device_write, window))
			return MN_E_INTERNAL;
	}
	return 0;
}

/* Instructions whose execution must be seen: found by looking for IT and SDIV/UDIV in the code. */
static int hook_marked(struct mn_machine *m)
{
	uc_hook hook;

	for (uint32_t r = 0; r < m->elf->n_code; r++) {
		uint32_t addr = (m->elf->code[r].addr + 1) & ~1u;
		uint32_t end = m->elf->code[r].addr + m->elf->code[r].bytes;
		struct mn_map *map = mn_machine_map(m, addr);
		uint8_t *seen = map ? calloc((end - addr) / 2 + 1, 1) : NULL;

		if (!map)
			continue;
		if (!seen)
			return MN_E_NOMEM;
		for (uint32_t a = addr; a < end; a += 2) {
			struct mn_insn i;
			uint32_t b = a;

			mn_insn_decode(mn_map_halfword(map, a), mn_map_halfword(map, a + 2), &i);
			if (i.cls == MN_I_DIV)
				seen[(a - addr) / 2] = 1;
			if (i.cls != MN_I_IT)
				continue;
			for (unsigned k = i.it_count; k && (b += i.size) < end; k--) {
				mn_insn_decode(mn_map_halfword(map, b), mn_map_halfword(map, b + 2),
					       &i);
				if (mn_insn_has_slots(&i))
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

int mn_hooks_add_access(struct mn_machine *m)
{
	return uc_hook_add(m->uc, &m->access_hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
			   (void *)on_access, m, 1, 0)
		       ? MN_E_INTERNAL
		       : 0;
}

int mn_hooks_add(struct mn_machine *m)
{
	const struct mn_machine_options *o = &m->options;
	uc_hook hook;
	int bad = 0;

	if (o->bare) {
		bad |= uc_hook_add(m->uc, &hook, UC_HOOK_BLOCK, (void *)on_block_bare, m, 1, 0);
	} else {
		bad |= uc_hook_add(m->uc, &hook, UC_HOOK_BLOCK, (void *)on_block, m, 1, 0);
		bad |= mn_hooks_add_access(m) != 0;
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
