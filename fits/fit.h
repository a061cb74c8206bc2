/* SPDX-License-Identifier: MIT */
/*
 * The fit campaign: rows of the store -> fits of the store.
 *
 * A group is what may share coefficients: one kind, board, kernel set, op, cache state (warm, cold)
 * and, for whole models, one backbone ("all" pools them). Measured, virtual and published rows are
 * never pooled. Inside a group only the newest rig counts: rows of another image, cycle model or
 * clock (over 1 % apart) are left out and `detail` says how many. Of several measurements of one
 * probe the newest counts. Null probes are not fitted: their overhead is gone from the cycles
 * already. Excluded figures are left out and counted.
 *
 * Every model (models.h) is tried on every group that has figures of its target. What cannot be
 * fitted is stored too, with its status and a sentence. The errors beside R2 are out-of-fold, over
 * all kernel paths together; beside them stand the errors when all layers of one spatial size, or
 * of one range of channels, are held out together (group.h: enum mn_likeness), and how many
 * held-out rows lie in their 95 % interval: both from at most MN_FIT_SAMPLE_MAX rows, evenly
 * spread, of each path. A path that cannot be fitted is named in `detail`: its rows are not used.
 * Deterministic: the same rows and seed give the same bits.
 *
 * Memory: the rows of one (kind, board, kernels, op) at a time, about 150 bytes each; the store is
 * read once.
 */
#ifndef MN_FIT_H
#define MN_FIT_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "store_read.h"

struct mn_models;

enum { MN_FIT_SAMPLE_MAX = 65536 };

struct mn_fit_options {
	const struct mn_models *models; /* NULL: those that come with mnchar */
	const char *const *boards;      /* NULL: all */
	size_t n_boards;
	uint64_t seed;      /* of the folds */
	uint32_t max_folds; /* 2..10; 0: 10 */
	uint32_t bootstrap; /* resamples for percentile intervals of the coefficients; 0: none */
	/* 1: rows of all kinds, boards, kernel sets and clocks in one fit an op, board "pooled",
	 * with a factor for each rig as a further term: its costs against those of the first.
	 * `detail` has them. Needs dry_run: a cost table is of one rig. */
	int pool;
	int dry_run;  /* 1: nothing is written to the store */
	int by_error; /* 1: the models of one group and target come smallest out-of-fold MAPE
			 first, those that could not be fitted last */
};

struct mn_fit_stats {
	int64_t rows;    /* read */
	int64_t fitted;  /* fits with status "ok" */
	int64_t refused; /* the others */
};

/*
 * Fit everything and replace the fits of the same keys, in one transaction after all are computed.
 * cb (may be NULL) gets every fit in order after that; another value than 0 from it ends the run
 * and is returned. ret_stats may be NULL. A store without rows is no failure: all stats are 0.
 * MN_E_NOMEM, MN_E_INVALID (options), and what the store gives.
 */
int mn_fit_run(struct mn_store *store, const struct mn_fit_options *options,
	       int (*cb)(const struct mn_fit *fit, void *arg), void *arg,
	       struct mn_fit_stats *ret_stats, struct mn_err *err);

#endif
