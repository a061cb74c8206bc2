/* SPDX-License-Identifier: MIT */
/* What a measurement says, derived from what is stored; shared by the two ways of reading. */
#ifndef MN_STORE_ROW_H
#define MN_STORE_ROW_H

#include "store_read.h"

/* As stored; negative: NULL, clocks 0. */
struct mn_row_raw {
	enum mn_kind kind;
	int64_t clock_set_hz, clock_measured_hz;
	int64_t reps;
	int is_null; /* the null probe: its cycles are the overhead */
	int64_t n_cycles, n2_cycles, overhead_cycles;
	int64_t cycles, latency_ns, energy_nJ, power_uW;
};

double mn_row_clock_hz(enum mn_kind kind, int64_t set, int64_t measured);
void mn_row_derive(const struct mn_row_raw *raw, struct mn_row_figures *ret);

#endif
