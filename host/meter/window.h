/* SPDX-License-Identifier: MIT */
/*
 * Cuts windows out of a stream of samples. Pure: samples in, windows out, no clock, no device.
 *
 * By marker: a window is the time the window line is high. The sample in which the line changed
 * counts with the part of it that lies inside (edge_q8), so that a window is cut finer than its
 * samples. By time, where there is no channel: from and to are ticks with a fraction.
 *
 *   charge_C  = sum(current * weight * dt)        over the samples that came
 *   energy_J  = sum(current * voltage * weight * dt)
 *   mean_A    = charge / covered time
 *
 * Samples that were lost are counted and nothing is put in their place: covered_s is the time that
 * samples stand for, duration_s the time between the edges.
 *
 * Idle: the same sums over idle_s before the rise and after the fall, each kept away from the edge
 * by a guard. With the layer line, a window is also cut into segments: toggle k ends segment
 * (k mod n_segments), sums are over all repetitions.
 */
#ifndef MN_WINDOW_H
#define MN_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "meter.h"

/* What was drawn in some time. */
struct mn_window_sum {
	double duration_s; /* between the edges */
	double covered_s;  /* that samples stand for */
	double charge_C;
	double energy_J;
	double filtered_J; /* energy of filtered_pA: an extra figure, never the one that counts */
	uint64_t received; /* samples with a weight > 0 */
};

struct mn_window_segment {
	struct mn_window_sum sum;
	uint64_t n; /* toggles that ended it: repetitions */
};

struct mn_window {
	struct mn_window_sum gross;
	struct mn_window_sum idle; /* before and after, added up; duration 0: no idle seen */
	uint64_t expected;         /* samples that fit between the edges */
	uint64_t dropped;          /* of those, missing by their ticks */
	uint64_t saturated, held, range_changes;
	uint64_t n_toggles;        /* edges of the layer line inside */
	double from_tick, to_tick; /* the edges; [0, 1) fractions of a tick are kept */
	int edge_lost;             /* samples are missing around an edge: it is not known */
	struct mn_window_segment *segments; /* n_segments of the config, or NULL */
	uint32_t n_segments;
	struct mn_meter_sample *trace; /* idle, window, idle: if asked for */
	size_t trace_n;
};

struct mn_window_config {
	uint32_t tick_hz, period_ticks;
	uint8_t window_bit;  /* bit number in sample.bits */
	uint8_t layer_bit;   /* … of the layer toggle; 255: there is none */
	uint32_t idle_us;    /* on each side; 0: none */
	uint32_t guard_us;   /* between edge and idle */
	uint32_t n_segments; /* steps of the program; 0: not cut */
	uint8_t keep_trace;
	uint32_t history_us; /* for mn_window_cut(): how far back it can reach; 0: not used */
};

struct mn_window_cutter;

/* MN_E_INVALID, MN_E_NOMEM. */
int mn_window_new(const struct mn_window_config *config, struct mn_window_cutter **ret_cutter,
		  struct mn_err *err);
void mn_window_free(struct mn_window_cutter *cutter);

/*
 * More samples, in order. Windows that are complete (fallen, and the idle time after it has passed)
 * wait for mn_window_next(). MN_E_NOMEM.
 */
int mn_window_feed(struct mn_window_cutter *cutter, const struct mn_meter_sample *samples,
		   size_t n);
/* 1 and the oldest complete window, whose arrays are the caller's (mn_window_clear()); else 0. */
int mn_window_next(struct mn_window_cutter *cutter, struct mn_window *ret_window);
/*
 * Nothing more will come: a window whose idle time after it is short is complete as it is.
 * MN_E_AGAIN: the marker is still high.
 */
int mn_window_flush(struct mn_window_cutter *cutter);
/* Another program: segments from now on; must not be called while the marker is high. */
void mn_window_segments(struct mn_window_cutter *cutter, uint32_t n_segments);

/*
 * By device time: [from_tick, to_tick) out of the history, with the idle time around it.
 * MN_E_AGAIN: it has not all come yet, or no longer lies in the history.
 */
int mn_window_cut(struct mn_window_cutter *cutter, double from_tick, double to_tick,
		  struct mn_window *ret_window);

/* Free what a window owns. */
void mn_window_clear(struct mn_window *window);

/* energy less the idle power over the same time, J; NAN without idle. */
double mn_window_net_J(const struct mn_window *window);

/* More than 0.1 % dropped, anything saturated or an edge lost: a sentence into reason, 1. Else 0.
 */
int mn_window_bad(const struct mn_window *window, char *reason, size_t size);

/* The share that may be dropped: EEMBC EnergyRunner's emon-drop-thresh-pct. */
#define MN_WINDOW_DROP_MAX 0.001

#endif
