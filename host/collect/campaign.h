/* SPDX-License-Identifier: MIT */
/*
 * A sweep on boards, into the store: which probes are still open on each, a row for each that ends,
 * a session for each board.
 *
 * Rows are committed one by one as results come, so that a killed process loses the probe in flight
 * and nothing else, and the same call later goes on where it was.
 */
#ifndef MN_CAMPAIGN_H
#define MN_CAMPAIGN_H

#include "loop.h"
#include "runner.h"
#include "store.h"
#include "sweep.h"
#include "target.h"

struct mn_campaign_config {
	struct mn_store *store;
	const struct mn_sweep *sweep;
	/* "dsp", "ref", an id, or "all": run every layer with these instead of what the sweep says;
	 * NULL: as it says */
	const char *kernels;
	size_t limit;  /* measure at most so many probes on each board; 0: all */
	uint32_t baud; /* to raise serial links to; 0: stay */
	int progress;  /* 0 none, 1 a line now and then, 2 bars on a terminal */
};

struct mn_campaign_outcome {
	/* Probes of all boards. known: an earlier run has them. failed: with a reason, refused:
	 * because they do not fit. again: of the failed ones, those that a later run tries again.
	 */
	size_t measured, known, failed, again, refused, open;
	size_t boards_done, boards_lost, boards_failed;
	int interrupted;
};

/*
 * Run to the end. 0 when every board was tried; what became of them is in *ret. MN_E_*: the store
 * or this computer failed, nothing that was measured is lost. Prints notes and progress to stderr.
 */
int mn_campaign_run(const struct mn_campaign_config *config, const struct mn_target *targets,
		    size_t n_targets, struct mn_campaign_outcome *ret, struct mn_err *err);

#endif
