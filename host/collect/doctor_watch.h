/* SPDX-License-Identifier: MIT */
/* What every logic line of a power monitor does: for finding out how it is wired. */
#ifndef MN_DOCTOR_WATCH_H
#define MN_DOCTOR_WATCH_H

#include "meter.h"

struct mn_watch;

struct mn_watch_lines {
	int n_lines; /* 0: it has none */
	struct {
		size_t rises, edges;
		double high_s;
	} line[8];
	int marks_falls;
	size_t falls, saturated;
	double mean_A; /* while any line was high, else of all */
};

/* Opens, configures and starts the monitor. As mn_meter_open(), _configure() and _start(). */
int mn_watch_open(const char *meter, const struct mn_meter_config *config,
		  struct mn_watch **ret_watch, struct mn_err *err);
void mn_watch_close(struct mn_watch *watch);
/* Forget what was seen. */
void mn_watch_begin(struct mn_watch *watch);
/*
 * Wait until a line has risen and fallen `windows` times (or as many falls came), at most 2 s, and
 * say what was seen. What ended the monitor's stream.
 */
int mn_watch_end(struct mn_watch *watch, size_t windows, struct mn_watch_lines *ret_lines,
		 struct mn_err *err);

#endif
