/* SPDX-License-Identifier: MIT */
/* Instructions given as halfwords through a cycle model, without an emulator. */
#ifndef VBOARD_SIM_H
#define VBOARD_SIM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "cycles.h"

struct sim {
	struct mn_board *board;
	struct mn_cycles *model;
	uint32_t pc;
};

/* One instruction: halfwords (second 0 if narrow), address of its access, where it goes (0: on). */
struct sim_insn {
	uint16_t h1, h2;
	uint32_t addr;
	uint32_t next;
};

#define SIM_SRAM 0x20000000u /* SRAM1 of the F446, DTCM of the F7 */

static inline void sim_board(struct sim *s, const char *name)
{
	char path[512];
	struct mn_err err;

	snprintf(path, sizeof(path), "%s/data/boards/%s.yaml", getenv("MNCHAR_SOURCE_DIR"), name);
	if (mn_board_load(path, &s->board, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		abort();
	}
}

static inline void sim_open(struct sim *s, const char *name)
{
	struct mn_cycles_config config;
	struct mn_err err;

	memset(s, 0, sizeof(*s));
	sim_board(s, name);
	if (mn_cycles_new(s->board, 1, &s->model, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	memset(&config, 0, sizeof(config));
	config.apb1_div = 4;
	config.apb2_div = 2;
	config.l1_i = config.l1_d = 1;
	s->model->ops->configure(s->model, &config); /* 0 wait states */
}

static inline void sim_close(struct sim *s)
{
	mn_cycles_free(s->model);
	mn_board_free(s->board);
}

static inline void sim_flash(struct sim *s, unsigned wait_states, int i, int d, int prefetch)
{
	struct mn_cycles_config config;

	memset(&config, 0, sizeof(config));
	config.apb1_div = 4;
	config.apb2_div = 2;
	config.flash_wait_states = (uint8_t)wait_states;
	config.art_i = (uint8_t)i;
	config.art_d = (uint8_t)d;
	config.art_prefetch = (uint8_t)prefetch;
	s->model->ops->configure(s->model, &config);
}

static inline void sim_step(struct sim *s, const struct sim_insn *i, int cond, int executed)
{
	const struct mn_cycles_ops *ops = s->model->ops;
	struct mn_insn d;
	uint8_t access[40] = {0};
	struct mn_step_in in = {.insn = &d, .pc = s->pc, .access = access};

	mn_insn_decode(i->h1, i->h2, &d);
	d.cond = (uint8_t)cond;
	in.executed = (uint8_t)executed;
	in.next_pc = i->next ? i->next : s->pc + d.size;
	if (executed && (d.attr & (MN_IA_LOAD | MN_IA_STORE)))
		for (unsigned k = 0; k < d.n_words; k++)
			access[k] = ops->access(s->model, i->addr + k * d.access_bytes,
						d.access_bytes, (d.attr & MN_IA_STORE) != 0);
	if (d.attr & MN_IA_PC) {
		in.taken = i->next != 0;
		in.branch = ops->branch(s->model, &d, s->pc, in.next_pc);
	}
	if (d.cls == MN_I_DIV)
		in.div_cycles = ops->divide(s->model, i->addr, 3, d.is_signed);
	ops->step(s->model, &in);
	s->pc = in.next_pc;
}

static inline uint64_t sim_run(struct sim *s, const struct sim_insn *list, unsigned n,
			       unsigned times)
{
	uint64_t start = s->model->now;

	for (unsigned t = 0; t < times; t++)
		for (unsigned k = 0; k < n; k++)
			sim_step(s, &list[k], 0, 1);
	return s->model->now - start;
}

/* Cycles of 120 passes from pc, after 24 that are not counted: steady state. */
#define SIM_PASSES 120u
static inline uint64_t sim_steady(struct sim *s, uint32_t pc, const struct sim_insn *list,
				  unsigned n)
{
	s->pc = pc;
	sim_run(s, list, n, 24);
	return sim_run(s, list, n, SIM_PASSES);
}

#define SIM_STEADY(s, pc, ...)                                                                     \
	sim_steady((s), (pc), (const struct sim_insn[]){__VA_ARGS__},                              \
		   sizeof((const struct sim_insn[]){__VA_ARGS__}) / sizeof(struct sim_insn))

#endif
