/* SPDX-License-Identifier: MIT */
/*
 * The machine's inside, shared by machine.c (set-up and running), hooks.c (what the emulator
 * reports), block.c (what is known of the code), account.c (what it costs) and trace.c (what people
 * see of it). Nobody else includes it.
 */
#ifndef MN_MACHINE_IMPL_H
#define MN_MACHINE_IMPL_H

#include "machine.h"

#include <capstone/capstone.h>
#include <signal.h>
#include <unicorn/unicorn.h>

#include "addr.h"
#include "memo.h"

#define MN_BLOCK_INSNS  512u
#define MN_BLOCK_EVENTS 8448u /* accesses of a block */
#define MN_SEG_INSNS    48u
#define MN_PAGE         4096u
#define MN_HOT          24u /* executions after which a block is worth another translation */

/* Unicorn's own macros shift into the sign. rw: 1 write, 2 read, 3 both. */
#define MN_UC_CTL(type, n_args, rw)                                                                \
	((uc_control_type)((uint32_t)(type) | (uint32_t)(n_args) << 26 | (uint32_t)(rw) << 30))

enum mn_event_type { MN_EV_ACCESS, MN_EV_RAN, MN_EV_DIVIDE };

/* What the emulator reported while a block ran, in order: classes, and what they are of. */
struct mn_events {
	uint32_t n;
	uint8_t class[MN_BLOCK_EVENTS + 8]; /* MN_EV_DIVIDE: cycles; 8: may be read as words */
	uint8_t type[MN_BLOCK_EVENTS];      /* not filled in for a block with a recipe in use */
	uint32_t pc[MN_BLOCK_EVENTS];       /* MN_EV_RAN, MN_EV_DIVIDE: of the instruction */
};

struct mn_segment {
	uint16_t first, count;
	uint8_t n_slots; /* access classes in the key */
	uint8_t ends;    /* the last instruction may branch */
	uint8_t marked;  /* has instructions that report their execution */
	uint8_t slot_insns;
	uint8_t slot[MN_SEG_INSNS]; /* instructions that have slots, from `first` */
	uint8_t words;              /* of a key */
	uint64_t last_mask;         /* of the classes in the last of them */
	struct mn_lines lines;
	struct mn_memo memo;
};

struct mn_block {
	struct mn_block *next;     /* same start, entered inside an IT block */
	struct mn_block *after[2]; /* that came after it lately */
	uint32_t pc, size;
	uint16_t n, n_segments;
	uint8_t it_entry; /* instructions still under an IT at the start */
	uint8_t it_exit, fpu;
	uint8_t fast;                  /* its accesses are not reported: the recipe tells them */
	uint8_t turn;                  /* of after[] */
	uint8_t n_reads;               /* registers that the recipe needs */
	uint32_t runs;                 /* counted up to MN_HOT, while not fast */
	struct mn_addr_recipe *recipe; /* or NULL */
	int read_id[15];
	void *read_to[15];
	struct mn_insn *insn;
	uint32_t *at; /* address of each */
	struct mn_segment *segment;
};

struct mn_map {
	const struct mn_region *region;
	uint8_t *bytes;
	int owned;
	struct mn_block **block; /* by halfword, made when code runs there */
};

struct mn_profile {
	uint64_t cycles, insns, stall[MN_STALL_CAUSES];
};

struct mn_machine {
	const struct mn_board *board;
	const struct mn_elf *elf;
	struct mn_cycles *cycles;
	struct mn_soc *soc;
	struct mn_machine_options options;
	uc_engine *uc;
	uc_hook access_hook;
	struct mn_map map[16];
	uint32_t n_maps;
	uint32_t page_bytes;   /* of the emulator */
	uint8_t info[MN_PAGE]; /* the page of the unique id */
	struct mn_states *states;

	/* the block that is being executed */
	struct mn_block *block;
	uint32_t insn;  /* instructions of it that are accounted */
	uint32_t event; /* events of it that are accounted */
	uint32_t it_left;
	uint32_t state; /* number of the model's state, MN_NO_STATE: it is in the model itself */
	struct mn_events events;
	uint32_t value[MN_ADDR_FIRST + MN_ADDR_OPS]; /* of its recipe */
	uint32_t skip_reads;
	struct mn_segment *came_from; /* accounted last, by this entry of its memo; or NULL */
	uint32_t came_from_entry;
	uint32_t follow; /* what its entry guesses for the next */
	uint8_t config;
	struct mn_block *previous;

	/* blocks to translate anew, and those that have been */
	struct mn_block **hot;
	uint32_t n_hot, hot_room, n_waiting;
	uint64_t waiting_since;
	struct mn_block *refused; /* its accesses are to be reported again */
	int retranslate;
	uint32_t resume_pc;

	int stopping;
	volatile sig_atomic_t interrupted;
	struct mn_machine_result result;
	uint64_t blocks, segments, stepped, fast_blocks, bare_insns;
	uint32_t resets, retranslations;
	struct mn_profile *profile; /* by symbol, the last one for the rest */
	uint32_t last_symbol;
	csh cs;
};

/* machine.c: only the first reason counts. */
void mn_machine_stop(struct mn_machine *m, enum mn_machine_end end, uint32_t pc, const char *fmt,
		     ...) __attribute__((format(printf, 4, 5)));
struct mn_map *mn_machine_map(struct mn_machine *m, uint32_t addr);
/* Unicorn's number of r0 … r15. */
int mn_machine_reg_id(unsigned r);

/* block.c */
uint16_t mn_map_halfword(const struct mn_map *map, uint32_t addr);
/* The block at pc, decoded once. NULL: there is no memory for code, or no memory for us. */
struct mn_block *mn_block_find(struct mn_machine *m, uint32_t pc, uint32_t size);
void mn_block_free(struct mn_block *b);
/* Does the instruction access memory or divide: does it have events? */
int mn_insn_has_slots(const struct mn_insn *i);
unsigned mn_insn_slots(const struct mn_insn *i);
/* Fill m->value from the registers. 0: the recipe cannot be used now. */
int mn_block_addresses(struct mn_machine *m, const struct mn_block *b);

/* account.c */
void mn_account_finish(struct mn_machine *m, uint32_t next);
/* Step [m->insn, end) of the block; `next` follows the last of the block. */
void mn_account_step(struct mn_machine *m, uint32_t end, uint32_t next);
/* Account everything before the instruction that made the last event. Returns its address. */
uint32_t mn_account_to_access(struct mn_machine *m);

/* hooks.c */
int mn_hooks_add(struct mn_machine *m);
int mn_hooks_add_access(struct mn_machine *m);
/* With the emulator stopped. */
int mn_hooks_retranslate(struct mn_machine *m);
int mn_hooks_map_devices(struct mn_machine *m);

/* trace.c: one step through the model, traced and profiled if wanted. */
void mn_trace_step(struct mn_machine *m, const struct mn_step_in *in);

#endif
