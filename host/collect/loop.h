/* SPDX-License-Identifier: MIT */
/* The event loop: any number of boards at once, one thread. */
#ifndef MN_LOOP_H
#define MN_LOOP_H

#include "err.h"
#include "runner.h"

struct mn_loop_config {
	/* Called at most every period_us, and once at the end; NULL: never. */
	void (*progress)(struct mn_runner *const *runners, size_t n, int64_t now_us, void *arg);
	/* Checked after every turn: 1 stops all boards at once (the store failed, say). NULL:
	 * never. */
	int (*stopped)(void *arg);
	int64_t period_us;
	void *arg;
};

/*
 * Run all boards until each has ended. SIGINT and SIGTERM stop each after the probe that it runs, a
 * second one at once; they are blocked meanwhile and delivered here. *ret_signals is how many came.
 * MN_E_IO when the kernel refuses epoll, a timer or a signal descriptor.
 */
int mn_loop_run(struct mn_runner *const *runners, size_t n, const struct mn_loop_config *config,
		int *ret_signals, struct mn_err *err);

/* Microseconds of CLOCK_MONOTONIC. */
int64_t mn_loop_now_us(void);

#endif
