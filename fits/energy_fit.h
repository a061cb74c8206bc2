/* SPDX-License-Identifier: MIT */
/*
 * What predicts energy best: ways to tell a layer's energy, compared by their error on layers that
 * they have not seen.
 *
 *   constant   mean power of the board with these kernels, times the layer's latency
 *   power      power by kernels, op and kernel path, times latency. log P = m + k(kernels) + o(op)
 * + c(kernels, op) + p(kernels, op, path), least squares with a penalty of one row on o, c and p:
 * what few rows speak of stays near what the levels above say per op     mJ per op of each op type
 * and kernel set, through the origin, relative errors
 *
 * The first two take the latency as measured. All rows of one layer are held out together: each
 * layer for itself up to 100 layers, in 10 folds by the hash of its text above.
 */
#ifndef MN_ENERGY_FIT_H
#define MN_ENERGY_FIT_H

#include "err.h"
#include "store_read.h"

enum mn_energy_way { MN_ENERGY_CONSTANT, MN_ENERGY_POWER, MN_ENERGY_PER_OP, MN_ENERGY_WAYS };

/* "constant power x latency" … */
const char *mn_energy_way_name(enum mn_energy_way way);

/* One board, all kernel sets; warm and cold are apart. Strings are valid during the callback. */
struct mn_energy_compared {
	enum mn_kind kind;
	const char *board;
	int cold;
	int64_t n, n_layers;             /* rows, and different layers among them */
	int64_t n_ops;                   /* rows of layers that have ops: the only ones of per op */
	double mape_pct[MN_ENERGY_WAYS]; /* over n_ops rows; NAN: none */
	double all_mape_pct[MN_ENERGY_WAYS]; /* over n rows; NAN for per op */
	double power_mean_mW, power_std_mW;  /* over n rows */
	enum mn_energy_way best;             /* smallest mape_pct, or all_mape_pct without ops */
	const char *folds;                   /* "leave-one-layer-out", "10 folds of layers" */
};

/*
 * Every board with at least 5 different layers that have latency and energy. boards NULL: all. cb
 * returns 0 to go on; else that ends the run and is returned. MN_E_NOMEM, and what the store gives.
 */
int mn_energy_compare(struct mn_store *store, const char *const *boards, size_t n_boards,
		      int (*cb)(const struct mn_energy_compared *compared, void *arg), void *arg,
		      struct mn_err *err);

#endif
