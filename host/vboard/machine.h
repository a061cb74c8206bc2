/* SPDX-License-Identifier: MIT */
/*
 * The machine: Unicorn executes the image, this file tells the cycle model what was executed.
 *
 * Two paths that give equal cycles:
 *
 *   reference  a hook on every instruction; each is stepped through the model.
 *   block      a hook on every block. When it has ended (and so the branch is known) it is
 * accounted in segments: one whose instruction lines are all cached and whose (pipeline state,
 *              access classes, branch class) was seen before is looked up, any other is stepped.
 *
 * Where a block's accesses go: hot blocks have a recipe (addr.h) that tells the addresses from the
 * registers at their start, and run without any hook on accesses. Accesses of the others are hooked
 * and noted. A recipe that fails, or leads to a peripheral, makes the block one of the others.
 *
 * A register access needs the exact time: the block up to that instruction is stepped first.
 * Unicorn's PC is not to be trusted there (it is only exact with a hook on every instruction): the
 * number of accesses so far says which instruction it is. Instructions in an IT block that access
 * memory, and divisions, have a hook of their own, because a failed condition is otherwise
 * invisible and the operands decide the cost.
 */
#ifndef MN_MACHINE_H
#define MN_MACHINE_H

#include <stdint.h>
#include <stdio.h>

#include "board.h"
#include "cycles.h"
#include "elf_read.h"
#include "soc.h"

struct mn_machine;

struct mn_machine_options {
	int reference;       /* step every instruction */
	int bare;            /* no model: one cycle an instruction, counted per block */
	int profile;         /* implies reference: cycles by function and stall cause */
	FILE *trace;         /* implies reference: one line per instruction */
	uint64_t cycles_max; /* stop after so many cycles without a byte over the link; 0: never */
};

enum mn_machine_end { MN_END_CLOSED, MN_END_FAULT, MN_END_BUDGET, MN_END_INTERRUPTED };

struct mn_machine_result {
	enum mn_machine_end end;
	uint32_t pc;      /* of the instruction that stopped it */
	char reason[160]; /* for people */
	uint32_t reg[17]; /* r0 … r15, xpsr */
	char *report;     /* registers, disassembly, symbol: lines; free() it */
};

struct mn_machine_stats {
	uint64_t cycles, insns, blocks;
	uint64_t fast;              /* blocks whose accesses were not watched */
	uint64_t segments, stepped; /* of those, stepped instead of looked up */
	uint32_t states, resets;
	struct mn_cycles_stats model;
};

/* All are borrowed. */
int mn_machine_new(const struct mn_board *board, const struct mn_elf *elf, const uint8_t *file,
		   struct mn_cycles *cycles, struct mn_soc *soc,
		   const struct mn_machine_options *options, struct mn_machine **ret_machine,
		   struct mn_err *err);
void mn_machine_free(struct mn_machine *machine);
/* Run until the link closes, the program faults or the budget is used up. MN_E_INTERNAL,
 * MN_E_NOMEM. */
int mn_machine_run(struct mn_machine *machine, struct mn_machine_result *ret_result,
		   struct mn_err *err);
/* End a run soon. May be called from a signal handler. */
void mn_machine_interrupt(struct mn_machine *machine);
/* "pc 0x08001d66 in mn_soc_init + 38: ldr.w r2, [r3, #0xa10]" */
void mn_machine_where(struct mn_machine *machine, uint32_t pc, char *buf, size_t size);
void mn_machine_stats(const struct mn_machine *machine, struct mn_machine_stats *ret_stats);
/* Cycles by function and cause, most expensive first. Only with options.profile. */
void mn_machine_profile(const struct mn_machine *machine, FILE *out);

#endif
