/* SPDX-License-Identifier: MIT */
/*
 * A sweep, or models, on boards, into the store: which probes are still open on each, a row for
 * each that ends, a session for each board.
 *
 * Rows are committed one by one as results come, so that a killed process loses the probe in flight
 * and nothing else, and the same call later goes on where it was.
 */
#ifndef MN_CAMPAIGN_H
#define MN_CAMPAIGN_H

#include "energy.h"
#include "kernels/kernel.h"
#include "loop.h"
#include "program.h"
#include "runner.h"
#include "store.h"
#include "sweep.h"
#include "target.h"

/*
 * A model to run as a program. What it is stored under: name, and the family it belongs to.
 *
 * program: its program with a kernel set (struct mn_graph_plan of host/model is one source), called
 * once for each set of each board that is asked for; everything in *ret is borrowed and stays until
 * the campaign ends. A failure, with *err, becomes a row: the model cannot run with these kernels.
 */
struct mn_campaign_model {
	const char *name, *backbone;
	int (*program)(const struct mn_kernel_set *set, void *arg, struct mn_stored_program *ret,
		       struct mn_err *err);
	void *arg;
};

/* How models are run. */
struct mn_campaign_run {
	uint8_t whole;  /* all steps as one program, each step timed in one more pass; where a board
			   cannot hold so many steps, as several programs, one after the other */
	uint8_t layers; /* each step alone, at its place in the program's plan */
	uint8_t cold;
	uint16_t warmup, reps;
	uint32_t seed;
};

struct mn_campaign_config {
	struct mn_store *store;
	const struct mn_sweep *sweep; /* NULL: none */
	const struct mn_campaign_model *models;
	size_t n_models;
	struct mn_campaign_run run; /* of models */
	/* "dsp", "ref", an id, or "all": run every layer with these instead of what the sweep says;
	 * NULL: as it says */
	const char *kernels;
	/* NULL: latency only. A real monitor watches one board: one target then. */
	const struct mn_energy_config *energy;
	size_t limit;  /* measure at most so many probes on each board; 0: all */
	uint32_t baud; /* to raise serial links to; 0: stay */
	/* n_targets names as the boards' rows have them ("virtual-f446re"), written when a board
	 * has said hello; NULL: not wanted */
	char (*ret_boards)[40];
	/* Called when a board has said what it is and its session is open; NULL: never. kernels:
	 * the ids of its kernel sets, each after ';'. */
	void (*begun)(size_t target, int64_t session_id, const struct mn_rig *rig,
		      const char *kernels, void *arg);
	void *arg;    /* of begun */
	int progress; /* 0 none, 1 a line now and then, 2 bars on a terminal */
};

struct mn_campaign_outcome {
	/* Probes of all boards. known: an earlier run has them. failed: with a reason, refused:
	 * because they do not fit. again: of the failed ones, those that a later run tries again.
	 */
	size_t measured, known, failed, again, refused, open;
	size_t boards_done, boards_lost, boards_failed;
	int interrupted;
};

/* Does a kernels id ("mnchar/1/dsp") answer to what a probe or --kernels says: itself, its library,
 * its variant, "all", or "" for a board's first (index 0)? */
int mn_campaign_wants(const char *wanted, const char *id, uint8_t index);

/*
 * Run to the end. 0 when every board was tried; what became of them is in *ret. MN_E_*: the store
 * or this computer failed, nothing that was measured is lost. Prints notes and progress to stderr.
 */
int mn_campaign_run(const struct mn_campaign_config *config, const struct mn_target *targets,
		    size_t n_targets, struct mn_campaign_outcome *ret, struct mn_err *err);

#endif
