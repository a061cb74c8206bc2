/* SPDX-License-Identifier: MIT */
/*
 * What a virtual board draws: samples of current with the state of the marker lines, on a side
 * channel. A model with few terms, whose parameters are in the board's file with their sources:
 *
 *   asleep   I = base + sleep_uA_per_MHz * f
 *   running  I = base + run_uA_per_MHz * f, and besides
 *            insn_fC for each instruction, i_line_fC and d_line_fC for each line that a cache did
 *            not hold
 *
 * It costs the emulator nothing: it is asked only at register accesses, where the cycle model's
 * counters are exact, and spreads what was counted since the last one evenly. So the energy between
 * two marker edges is what the model says, and a kernel between two accesses is drawn as flat.
 *
 * The stream (little endian): 16 bytes "mnpower1", u32 samples a second, u32 supply in mV; then a
 * record of 16 bytes per sample: u64 index from 1, u32 current in nA, u8 marker lines after it, u8
 * where in the sample they changed (1/256), u16 0. It is deterministic between marker edges: time
 * that the board waits for its host is as long as the host takes.
 */
#ifndef MN_POWER_H
#define MN_POWER_H

#include <stdint.h>

#include "err.h"

struct mn_cycles_stats;
struct mn_power;

/* One X of a board file's model.power. */
#define MN_POWER_PARAMS(X)                                                                         \
	X(supply_mV)                                                                               \
	X(sample_hz)                                                                               \
	X(base_uA)                                                                                 \
	X(sleep_uA_per_MHz)                                                                        \
	X(run_uA_per_MHz)                                                                          \
	X(insn_fC)                                                                                 \
	X(i_line_fC)                                                                               \
	X(d_line_fC)

struct mn_power_params {
#define X(name) uint32_t name;
	MN_POWER_PARAMS(X)
#undef X
};

/*
 * target: "fd:N", or a file that is made. The header is written at once. MN_E_INVALID (parameters),
 * MN_E_IO, MN_E_NOMEM.
 */
int mn_power_open(const struct mn_power_params *params, const char *target,
		  struct mn_power **ret_power, struct mn_err *err);
/* Writes what is complete. NULL is fine. */
void mn_power_close(struct mn_power *power);

/* Everything up to cycle `now` was drawn at this clock, asleep or running. */
void mn_power_advance(struct mn_power *power, uint64_t now, uint32_t hclk_hz, int asleep,
		      const struct mn_cycles_stats *stats);
/* The marker lines are these from the last mn_power_advance() on. What is complete is written. */
void mn_power_lines(struct mn_power *power, uint8_t lines);
/* Write what is complete: before waiting for somebody who may wait for it. */
void mn_power_flush(struct mn_power *power);

#endif
