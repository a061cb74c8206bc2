/* SPDX-License-Identifier: MIT */
/*
 * Pictures: latency against size, one picture a board, drawn by gnuplot (a program, not a library).
 *
 * The script holds its data inline, so that the .gp file alone draws the picture again.
 */
#ifndef MN_PLOT_H
#define MN_PLOT_H

#include <stdio.h>

#include "store_read.h"

struct mn_plot_options {
	const char *board;
	const char *kernels; /* NULL: the set with the most rows */
	int kind;            /* -1: the kind with the most rows */
	int cold;
	const char *out; /* file to draw into: *.svg or *.png */
};

struct mn_plot_summary {
	size_t n_rows;
	char kernels[96];    /* the set that was drawn */
	size_t n_other_rows; /* of other kernel sets, kinds and cache states of the board */
};

/*
 * Write the gnuplot script. MN_E_NOTFOUND: the board has no row to draw, err says what to run.
 * MN_E_INVALID: out ends in neither .svg nor .png. MN_E_IO.
 */
int mn_plot_script(struct mn_store *store, const struct mn_plot_options *options, FILE *script,
		   struct mn_plot_summary *ret_summary, struct mn_err *err);

/* Run gnuplot on a script that is open for reading. MN_E_NOTFOUND: gnuplot is not installed, err
 * says how to get it. MN_E_IO: it failed. */
int mn_plot_run(FILE *script, struct mn_err *err);

#endif
