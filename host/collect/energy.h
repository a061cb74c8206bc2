/* SPDX-License-Identifier: MIT */
/*
 * A board's power monitor while its probes run: samples are cut into windows on the monitor's
 * reader thread as they come, so nothing waits for the event loop, and each result takes the window
 * that belongs to it.
 *
 * A window is believed if at most 0.1 % of its samples are missing, none is saturated, no sample is
 * missing around an edge, and its length by the monitor's clock agrees with the board's cycle
 * counter and with the board's timer within 1 %. A monitor that only tells when the marker fell
 * (caps.marks_falls) gives the window's end; its length is then the board's, whose two clocks are
 * still compared.
 */
#ifndef MN_ENERGY_H
#define MN_ENERGY_H

#include "client.h"
#include "meter.h"
#include "window.h"

struct mn_energy_config {
	const char *meter;        /* "ppk2:SERIAL", "virtual" … */
	uint32_t volt_mV;         /* 0: not said */
	int source;               /* the monitor supplies the board */
	int optional;             /* without it the session goes on without energy */
	int trace;                /* keep the samples */
	int any_board;            /* what tests set: a USB monitor may watch a virtual board */
	uint32_t window_us, reps; /* of a window, at least */
	uint32_t repeat;          /* windows of a probe; its energy is their median */
};

#define MN_ENERGY_REPEAT_MAX 9

struct mn_energy;

/*
 * Opens, configures and starts it; the virtual meter starts with its board (mn_energy_link()).
 * MN_E_INVALID: no marker lines, voltage 0 …; as mn_meter_open() and mn_meter_configure().
 */
int mn_energy_open(const struct mn_energy_config *config, struct mn_energy **ret_energy,
		   struct mn_err *err);
void mn_energy_close(struct mn_energy *energy);

/*
 * Around opening the link of a board. mn_energy_link(): the link to open instead, borrowed, or
 * NULL: the same; mn_energy_linked() after it, opened or not. The virtual meter makes its side
 * channel here. MN_E_INVALID: no virtual board.
 */
const char *mn_energy_link(struct mn_energy *energy, const char *link, struct mn_err *err);
int mn_energy_linked(struct mn_energy *energy, int opened, struct mn_err *err);

/* MN_E_INVALID: the board draws more than the monitor can measure. */
int mn_energy_check_board(const struct mn_energy *energy, const struct mn_msg_hello *hello,
			  struct mn_err *err);

/* What to ask of the board. */
void mn_energy_ask(const struct mn_energy *energy, struct mn_client_energy *ret_ask);
/* Before a probe of so many steps is sent: windows of before are forgotten. */
void mn_energy_arm(struct mn_energy *energy, uint32_t n_steps);
/*
 * The window of a result, waiting for its last samples. 0; MN_E_AGAIN with the reason: not to be
 * believed; MN_E_CLOCK: the two clocks disagree; MN_E_CLOSED, MN_E_IO …: the monitor is gone. The
 * caller clears *ret_window (mn_window_clear()) when it is 0.
 */
int mn_energy_take(struct mn_energy *energy, const struct mn_msg_hello *hello,
		   const struct mn_msg_result *result, struct mn_window *ret_window,
		   struct mn_err *err);

const struct mn_meter *mn_energy_meter(const struct mn_energy *energy);
const struct mn_energy_config *mn_energy_config(const struct mn_energy *energy);
/* The samples of a window as data/schema/005-energy.sql keeps them; free() it. MN_E_NOMEM. */
int mn_energy_pack_trace(const struct mn_window *window, void **ret_bytes, size_t *ret_len);

#endif
