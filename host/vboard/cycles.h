/* SPDX-License-Identifier: MIT */
/*
 * The cycle model of one core: what each executed instruction costs. Knows nothing of the emulator.
 *
 * A model is split in two so that a block that has run before need not be simulated again:
 *
 *   functional part  Caches and branch predictor, changed only by the order of addresses, never by
 *                    time. access(), branch() and lines() look up, update, and answer with a class.
 *   pipeline part    step() advances the clock by one instruction, given the classes. Its state
 *                    relative to the clock is small and finite: save() writes it in a canonical
 * form and load() takes it back, so (state, instructions, classes) -> (cycles, state') may be
 * remembered. save() says 0 when something outside that form is pending (a line being prefetched):
 * then the next block must be stepped.
 *
 * Deterministic: pseudo-random replacement starts from a seed. Rules and their sources: m4.c, m7.c;
 * the numbers: data/boards/<board>.yaml.
 */
#ifndef MN_CYCLES_H
#define MN_CYCLES_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "addr.h"
#include "insn.h"

struct mn_board;
struct mn_cycles;

/* What the program set up: wait states and what is switched on. */
struct mn_cycles_config {
	uint8_t flash_wait_states;
	uint8_t art_i, art_d, art_prefetch; /* flash accelerator */
	uint8_t l1_i, l1_d;
	uint8_t apb1_div, apb2_div; /* HCLK / PCLK */
};

/* Cache maintenance, arg is an address or the register's set/way word. */
enum mn_maintain {
	MN_MAINTAIN_ART_I_RESET,
	MN_MAINTAIN_ART_D_RESET,
	MN_MAINTAIN_I_ALL,
	MN_MAINTAIN_I_ADDRESS,
	MN_MAINTAIN_D_INVALIDATE_ADDRESS,
	MN_MAINTAIN_D_INVALIDATE_SETWAY,
	MN_MAINTAIN_D_CLEAN_ADDRESS,
	MN_MAINTAIN_D_CLEAN_SETWAY,
	MN_MAINTAIN_D_FLUSH_ADDRESS, /* clean and invalidate */
	MN_MAINTAIN_D_FLUSH_SETWAY,
	MN_MAINTAIN_PREDICTOR_ALL
};

/* Why an instruction did not issue at the earliest, for --profile and --trace. */
#define MN_STALL_TABLE(X)                                                                          \
	X(ISSUE, "issue")     /* the instruction itself */                                         \
	X(FETCH, "fetch")     /* instruction queue: alignment, refill after a branch */            \
	X(IMISS, "i-miss")    /* instruction line not in a cache */                                \
	X(DEPEND, "depend")   /* an operand was not ready */                                       \
	X(UNIT, "unit")       /* a unit was busy, M7: the pair was forbidden */                    \
	X(MEMORY, "memory")   /* data cache misses, wait states, peripherals */                    \
	X(ALIGN, "unaligned") /* unaligned data access */                                          \
	X(STORE, "store")     /* the store buffer was full */                                      \
	X(BRANCH, "branch")   /* mispredicted or unpredicted */

enum mn_stall {
#define X(name, text) MN_STALL_##name,
	MN_STALL_TABLE(X)
#undef X
		MN_STALL_CAUSES
};

const char *mn_stall_name(enum mn_stall cause);

#define MN_STATE_MAX 128u /* bytes of the largest canonical pipeline state */

/*
 * The instruction lines of a run of instructions, and when they were last used. So that a run whose
 * lines are known to be cached costs nothing to look up, the order of use is told to the cache only
 * when it matters: before a line is replaced.
 */
#define MN_LINES 20u

enum mn_lines_listed { MN_LINES_NOT_LISTED, MN_LINES_LISTED, MN_LINES_NO_ORDER };

struct mn_lines {
	uint64_t epoch; /* mn_cycles.lines_epoch when all of them were cached */
	uint64_t used;  /* mn_cycles.uses when they were used last */
	uint8_t n, listed;
	uint32_t line[MN_LINES]; /* addresses, ascending */
};

#define MN_LINES_USED 64u

struct mn_step_in {
	const struct mn_insn *insn;
	uint32_t pc;
	uint32_t next_pc;      /* of the instruction executed after it */
	uint8_t executed;      /* 0: its IT condition failed */
	uint8_t taken;         /* 1: next_pc is not the next address */
	uint8_t branch;        /* class from branch() */
	uint8_t div_cycles;    /* MN_I_DIV: from mn_cycles_ops.divide */
	const uint8_t *access; /* n_words classes from access() */
};

struct mn_cycles_stats {
	uint64_t insns;
	uint64_t i_misses, d_lookups, d_misses, branches, mispredicts;
	uint64_t stall[MN_STALL_CAUSES]; /* only of stepped instructions */
};

struct mn_cycles_ops {
	const char *name;
	size_t state_bytes; /* of the canonical state, at most MN_STATE_MAX */
	unsigned line_bytes;
	/* Class of a data access (functional). */
	uint8_t (*access)(struct mn_cycles *m, uint32_t addr, unsigned bytes, int store);
	/* The same for all accesses of a recipe in order, none of them to a peripheral. */
	void (*accesses)(struct mn_cycles *m, const struct mn_addr_recipe *recipe,
			 const uint32_t *value, uint8_t *ret_class);
	/* 1 if the class is of an address that is no multiple of the size. */
	int (*unaligned)(uint8_t access);
	/* Class of a branch that was executed (functional). */
	uint8_t (*branch)(struct mn_cycles *m, const struct mn_insn *insn, uint32_t pc,
			  uint32_t next_pc);
	/* Cycles of a division n / d. */
	uint8_t (*divide)(const struct mn_cycles *m, uint32_t n, uint32_t d, int is_signed);
	void (*step)(struct mn_cycles *m, const struct mn_step_in *in);
	/* 1 and used, if all lines hit without any cost; else 0, nothing changed. */
	int (*lines)(struct mn_cycles *m, struct mn_lines *lines);
	/* Tell the cache of mn_cycles.used. */
	void (*told)(struct mn_cycles *m);
	/* The canonical state, zero-padded to state_bytes; 0 if the next block must be stepped. */
	int (*save)(const struct mn_cycles *m, uint32_t pc, uint8_t *state);
	void (*load)(struct mn_cycles *m, uint32_t pc, const uint8_t *state);
	/* Registers of the chip that change timing were written: flash wait states and caches. */
	void (*configure)(struct mn_cycles *m, const struct mn_cycles_config *config);
	void (*maintain)(struct mn_cycles *m, enum mn_maintain op, uint32_t arg);
	/* As after power-on; the clock goes on. */
	void (*reset)(struct mn_cycles *m);
	/* Let the clock run on with nothing executed. */
	void (*advance)(struct mn_cycles *m, uint64_t cycles);
	void (*free)(struct mn_cycles *m);
};

/* First member of each model's own struct. */
struct mn_cycles {
	const struct mn_cycles_ops *ops;
	uint64_t now;         /* cycle at which the next instruction could issue at the earliest */
	uint64_t lines_epoch; /* changes when an instruction line may have gone */
	uint64_t uses;
	struct mn_lines *used[MN_LINES_USED]; /* not told to the cache yet */
	uint32_t n_used;
	struct mn_cycles_stats stats;
};

/* The lines were used and were cached. */
static inline void mn_lines_used(struct mn_cycles *m, struct mn_lines *lines)
{
	lines->used = ++m->uses;
	if (lines->listed != MN_LINES_NOT_LISTED)
		return;
	if (m->n_used == MN_LINES_USED)
		m->ops->told(m);
	lines->listed = MN_LINES_LISTED;
	m->used[m->n_used++] = lines;
}

/* Take the list of used lines, the longest ago first; it is empty then. Returns how many. */
uint32_t mn_lines_take(struct mn_cycles *m, struct mn_lines *ret_lines[MN_LINES_USED]);

/* MN_E_NOMEM, or MN_E_INVALID with a sentence for a board's parameters that make no sense. */
int mn_m4_new(const struct mn_board *board, struct mn_cycles **ret_model, struct mn_err *err);
int mn_m7_new(const struct mn_board *board, uint32_t seed, struct mn_cycles **ret_model,
	      struct mn_err *err);
/* The model that board->cpu names. */
int mn_cycles_new(const struct mn_board *board, uint32_t seed, struct mn_cycles **ret_model,
		  struct mn_err *err);
void mn_cycles_free(struct mn_cycles *model);

#endif
