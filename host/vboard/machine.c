/* SPDX-License-Identifier: MIT */
#include "machine_impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void mn_machine_stop(struct mn_machine *m, enum mn_machine_end end, uint32_t pc, const char *fmt,
		     ...)
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

struct mn_map *mn_machine_map(struct mn_machine *m, uint32_t addr)
{
	for (uint32_t i = 0; i < m->n_maps; i++)
		if (addr - m->map[i].region->base < m->map[i].region->size_bytes)
			return &m->map[i];
	return NULL;
}

/* Unicorn's numbers of r0 … r12 are consecutive, those of SP, LR and PC are elsewhere. */
int mn_machine_reg_id(unsigned r)
{
	return r == 13   ? UC_ARM_REG_SP
	       : r == 14 ? UC_ARM_REG_LR
	       : r == 15 ? UC_ARM_REG_PC
			 : UC_ARM_REG_R0 + (int)r;
}

static int map_memory(struct mn_machine *m, const uint8_t *file, struct mn_err *err)
{
	uint8_t *flash = NULL;
	uint32_t words[3] = {m->board->uid0, m->board->uid1, m->board->uid2};
	uint32_t at;

	for (uint32_t i = 0; i < m->board->memory_count && i < 14; i++) {
		const struct mn_region *r = &m->board->memory[i];
		struct mn_map *map = &m->map[m->n_maps++];
		int ram = r->kind != MN_REGION_FLASH && r->kind != MN_REGION_FLASH_ALIAS;

		map->region = r;
		if (r->kind == MN_REGION_FLASH_ALIAS) {
			map->bytes = flash;
		} else {
			void *bytes = NULL;

			if (posix_memalign(&bytes, MN_PAGE, r->size_bytes))
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
			struct mn_map *map = mn_machine_map(m, addr);
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
	at = m->board->uid_address & (MN_PAGE - 1);
	for (unsigned i = 0; i < 12 && at + i < MN_PAGE; i++)
		m->info[at + i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
	at = m->board->flash_size_address & (MN_PAGE - 1);
	m->info[at] = (uint8_t)m->board->flash_size_kb;
	m->info[(at + 1) & (MN_PAGE - 1)] = (uint8_t)(m->board->flash_size_kb >> 8);
	if (uc_mem_map_ptr(m->uc, m->board->uid_address & ~(MN_PAGE - 1), MN_PAGE, UC_PROT_READ,
			   m->info))
		return mn_err_set(err, MN_E_INTERNAL, "the emulator refuses the unique id's page");
	if (mn_hooks_map_devices(m))
		return mn_err_set(err, MN_E_INTERNAL, "the emulator refuses the registers");
	return 0;
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
	/* Pages of 4 KB instead of 1: a jump to another page costs a search. Unicorn 2.0.1 makes
	 * them twice as large as it is told, so the size is asked for. */
	uc_ctl_set_page_size(m->uc, MN_PAGE / 2);
	if (uc_ctl(m->uc, MN_UC_CTL(UC_CTL_UC_PAGE_SIZE, 1, 2), &m->page_bytes)) {
		mn_machine_free(m);
		return mn_err_set(err, MN_E_INTERNAL, "the emulator does not start");
	}
	/* No address ends the run: without this Unicorn 2.0.1 looks up a slot that is not there
	 * when it is asked to translate while it is stopped. */
	uc_ctl_exits_enable(m->uc);
	rc = map_memory(m, file, err);
	if (!rc) {
		rc = mn_hooks_add(m);
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
		struct mn_map *map = &m->map[i];

		for (uint32_t k = 0; map->block && k < map->region->size_bytes / 2; k++)
			mn_block_free(map->block[k]);
		free(map->block);
		if (map->owned)
			free(map->bytes);
	}
	free(m->hot);
	mn_states_free(m->states);
	free(m->profile);
	free(m->result.report);
	free(m);
}

/* ---- running ----------------------------------------------------------------------------------
 */

void mn_machine_where(struct mn_machine *m, uint32_t pc, char *buf, size_t size)
{
	struct mn_map *map = mn_machine_map(m, pc);
	const struct mn_elf_symbol *s;
	uint32_t offset = 0, left;
	cs_insn *insn = NULL;
	char symbol[128] = "";
	size_t n = 0;

	s = mn_elf_symbol(m->elf, pc, &offset);
	if (s)
		snprintf(symbol, sizeof(symbol), " in %.100s + %" PRIu32, s->name, offset);
	if (map) {
		left = map->region->base + map->region->size_bytes - pc;
		n = cs_disasm(m->cs, map->bytes + (pc - map->region->base), left < 4 ? left : 4, pc,
			      1, &insn);
	}
	snprintf(buf, size, "pc 0x%08" PRIx32 "%s: %s %s", pc, symbol,
		 n ? insn->mnemonic : "(no instruction)", n ? insn->op_str : "");
	if (n)
		cs_free(insn, n);
}

void mn_machine_interrupt(struct mn_machine *m)
{
	m->interrupted = 1;
}

static int write_report(struct mn_machine *m)
{
	static const char *const names[17] = {"r0",  "r1", "r2", "r3", "r4",  "r5",
					      "r6",  "r7", "r8", "r9", "r10", "r11",
					      "r12", "sp", "lr", "pc", "xpsr"};
	struct mn_machine_result *r = &m->result;
	char *text = NULL, where[256];
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return MN_E_NOMEM;
	mn_machine_where(m, r->pc, where, sizeof(where));
	fprintf(f, "%s\n", where);
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
	struct mn_map *map = mn_machine_map(m, m->board->boot_address);
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
	m->block = m->previous = NULL;
	m->state = MN_NO_STATE;
	m->it_left = m->events.n = m->insn = m->event = m->skip_reads = 0;
	m->came_from = NULL;
	m->follow = MN_NO_ENTRY;
	m->cycles->ops->reset(m->cycles);
	mn_soc_reset(m->soc);
	m->config = (uint8_t)mn_soc_config_id(m->soc);
}

int mn_machine_run(struct mn_machine *m, struct mn_machine_result *ret_result, struct mn_err *err)
{
	uc_err rc;
	uint32_t pc = 0;

	reset_cpu(m);
	uc_reg_read(m->uc, UC_ARM_REG_PC, &pc);
	for (;;) {
		rc = uc_emu_start(m->uc, pc | 1, 0xffffffffu, 0, 0);
		uc_reg_read(m->uc, UC_ARM_REG_PC, &pc);
		if (m->stopping)
			break;
		if (m->interrupted) {
			mn_machine_stop(m, MN_END_INTERRUPTED, pc, "ended from outside");
			break;
		}
		if (m->retranslate) {
			if (mn_hooks_retranslate(m))
				return mn_err_set(err, MN_E_INTERNAL,
						  "the emulator refuses its hooks");
			pc = m->resume_pc;
			continue;
		}
		if (mn_soc_event(m->soc) == MN_SOC_RESET) {
			m->resets++;
			reset_cpu(m);
			uc_reg_read(m->uc, UC_ARM_REG_PC, &pc);
			continue;
		}
		if (rc == UC_ERR_OK) {
			/* WFI: its block has ended. SysTick may wake the core. */
			if (!m->options.bare)
				mn_account_finish(m, pc);
			m->block = m->previous = NULL;
			m->events.n = m->insn = m->event = 0;
			m->came_from = NULL;
			m->follow = MN_NO_ENTRY;
			if (mn_soc_sleep(m->soc))
				continue;
			mn_machine_stop(m, MN_END_FAULT, pc,
					"the core went to sleep and nothing wakes it");
			break;
		}
		mn_machine_stop(m, MN_END_FAULT, pc, "%s", uc_strerror(rc));
		break;
	}
	for (unsigned r = 0; r < 15; r++)
		uc_reg_read(m->uc, mn_machine_reg_id(r), &m->result.reg[r]);
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
	ret_stats->fast = m->fast_blocks;
	ret_stats->segments = m->segments;
	ret_stats->stepped = m->stepped;
	ret_stats->states = mn_states_count(m->states);
	ret_stats->resets = m->resets;
}
