/* SPDX-License-Identifier: MIT */
/*
 * One probe, measured.
 *
 * A window is a number of repetitions of the program with the marker pin high and interrupts off;
 * the cycle counter is read before the first repetition and after each, so that a repetition's
 * figure holds one call of the kernel and one turn of the loop. overhead_cycles is that turn with
 * an empty kernel in the same loop. A probe is warm-up and a window of N, warm-up and a
 * window of 2 N and, if asked, one pass that times each step.
 *
 * One layer: its pointers are bound before the window. A program of several steps binds each step
 * right before its kernel, inside the figure; the overhead is then one repetition that binds every
 * step and runs an empty kernel for each.
 *
 * Cold: the caches are written back and invalidated before each repetition, outside what is timed;
 * the window's cycles and microseconds are the sums of its repetitions. The marker stays high
 * throughout.
 *
 * Each window begins, before its warm-up, with the caches and the branch predictor emptied, and
 * what is written while time is taken lies at fixed addresses: figures depend on the probe alone,
 * not on what ran before it, where in a batch it stands, or the phase of a timer.
 *
 * Outputs: a single layer never overwrites its input, so the CRC is that of the last repetition's
 * output. Programs may reuse their input's place, so after each window the input is filled again
 * and one untimed run gives the CRC. The two CRCs must be equal (else MN_E_CRC).
 */
#ifndef MN_MEASURE_H
#define MN_MEASURE_H

#include "board.h"
#include "program.h"
#include "wire.h"

/* Largest N: three windows' worth of u32 plus all step cycles fit one RESULT payload. */
#define MN_MEASURE_REPS_MAX 128u

/* u32 values that a probe's result needs: repetitions of both windows, then steps if asked. */
static inline uint32_t mn_measure_values(uint16_t reps, uint8_t mode, uint32_t n_steps)
{
	return 3u * reps + (mode & MN_PROBE_STEPS ? n_steps : 0);
}

/*
 * The energy window that a probe is asked for as well, after the others: asleep for idle_us, the
 * marker high for at least min_us and min_reps repetitions, asleep for idle_us. min_us 0: none, and
 * the marker rises for the timed windows; else for the energy window only. A program of several
 * steps toggles the layer line between any two steps. A cold probe has none: its window would
 * hold the invalidations.
 */
struct mn_measure_energy {
	uint32_t min_us, min_reps, idle_us;
};

/* Cycles since the last call that the cycle counter missed, asleep. */
uint64_t mn_measure_asleep(void);

/*
 * Measure. values has room for mn_measure_values(). Fills everything of *result but batch and
 * index; result->status is 0 or why there are no figures (then need, have and step say more), and
 * the BYTES fields point into values. rep_cycles is left empty when a single repetition took 2^32
 * cycles or more: its u32 could not hold it; n_cycles and n2_cycles stay exact.
 */
void mn_measure_probe(const struct mn_rec_probe *probe, const struct mn_program *program,
		      const struct mn_measure_energy *energy, uint32_t *values,
		      struct mn_msg_result *result);

#endif
