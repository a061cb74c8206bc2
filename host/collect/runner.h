/* SPDX-License-Identifier: MIT */
/*
 * One board, from opening its link to its last probe: client and link together, what to do when a
 * board is lost, and in which order probes run. Time is injected; the loop (loop.h) waits.
 *
 * Lost means: the link closed, no answer, a fault, a reset. The link is then opened again, up to 3
 * times with growing pauses; each new result starts the count anew. The probe that ran is tried
 * once more; the second time it becomes a failure.
 */
#ifndef MN_RUNNER_H
#define MN_RUNNER_H

#include "client.h"
#include "err.h"
#include "task.h"

struct mn_runner;

/* All are called from within mn_runner_* calls; 0, or MN_E_* to give the board up with *err. arg is
 * the config's. */
struct mn_runner_calls {
	/* The board has said hello and its clock and counter are fine. `first`: give it its tasks
	 * with mn_runner_set_tasks(); else it is back after a loss. host_hz: its clock by this
	 * computer, 0 when that was not measured. */
	int (*hello)(struct mn_runner *runner, const struct mn_msg_hello *hello, double host_hz,
		     int first, void *arg, struct mn_err *err);
	/* With a power monitor, else NULL: the link to open instead of the configured one (NULL:
	 * *err says why none), and that it was tried. */
	const char *(*link)(struct mn_runner *runner, const char *link, void *arg,
			    struct mn_err *err);
	int (*linked)(struct mn_runner *runner, int opened, void *arg, struct mn_err *err);
	/* With a power monitor, else NULL: this task is submitted next, alone. The energy window to
	 * ask for. */
	int (*energy)(struct mn_runner *runner, struct mn_task *task,
		      struct mn_client_energy *ret_energy, void *arg, struct mn_err *err);
	/* A measurement: status 0, checked by mn_task_check(). MN_E_AGAIN: run the task once more.
	 */
	int (*result)(struct mn_runner *runner, struct mn_task *task,
		      const struct mn_msg_result *result, void *arg, struct mn_err *err);
	/* retry: 1 if a later run should try again. */
	int (*failure)(struct mn_runner *runner, struct mn_task *task, int code, const char *reason,
		       int retry, void *arg, struct mn_err *err);
	/* Something worth a line for people. */
	void (*note)(struct mn_runner *runner, const char *text, void *arg);
};

struct mn_runner_config {
	const char *name;     /* as asked for: "virtual-f446re", a serial number, a link */
	const char *link;     /* link spec */
	int wait_for_virtual; /* -1: any kind; 1: must be virtual; 0: must be hardware */
	uint32_t baud;        /* to raise to; 0: stay at 115200 */
	uint32_t batch_first; /* see client.h; random */
	const struct mn_runner_calls *calls;
	void *arg;
};

enum mn_runner_status {
	MN_RUNNER_BUSY,
	MN_RUNNER_DONE,        /* all tasks done */
	MN_RUNNER_LOST,        /* tasks are left; the error says why */
	MN_RUNNER_FAILED,      /* the board never was usable */
	MN_RUNNER_INTERRUPTED, /* by mn_runner_stop() */
};

/* config's strings are copied. MN_E_NOMEM. Nothing happens until the first tick. */
int mn_runner_new(const struct mn_runner_config *config, struct mn_runner **ret_runner);
void mn_runner_free(struct mn_runner *runner);

/* Tasks are the caller's and stay where they are. */
void mn_runner_set_tasks(struct mn_runner *runner, struct mn_task *tasks, size_t n);

/* For the loop: descriptor (-1: none now), whether it wants to write, and when to tick at the
 * latest. */
int mn_runner_fd(const struct mn_runner *runner);
int mn_runner_wants_write(const struct mn_runner *runner);
int64_t mn_runner_deadline(const struct mn_runner *runner);
/* The descriptor may have changed after any of these. */
void mn_runner_io(struct mn_runner *runner, int64_t now_us);
void mn_runner_tick(struct mn_runner *runner, int64_t now_us);
/* End after the result of the probe that is running. A second call: at once. */
void mn_runner_stop(struct mn_runner *runner);

enum mn_runner_status mn_runner_status(const struct mn_runner *runner);
/* Why: valid when the status is LOST or FAILED. */
const struct mn_err *mn_runner_error(const struct mn_runner *runner);
const char *mn_runner_name(const struct mn_runner *runner);
const char *mn_runner_link(const struct mn_runner *runner);

struct mn_runner_progress {
	size_t total, done, failed;
	double cycles_total, cycles_done; /* estimates */
	double eta_us;                    /* -1: not known yet */
	int running;                      /* a batch is under way */
};
void mn_runner_progress(const struct mn_runner *runner, int64_t now_us,
			struct mn_runner_progress *ret);
struct mn_client_stats mn_runner_stats(const struct mn_runner *runner);

#endif
