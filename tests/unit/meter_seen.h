/* SPDX-License-Identifier: MIT */
/* A sink for tests of meters: cuts windows, counts, and lets the test wait for samples. */
#ifndef MN_METER_SEEN_H
#define MN_METER_SEEN_H

#include <pthread.h>
#include <stdint.h>

#include "meter.h"
#include "window.h"

struct meter_seen {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct mn_window_cutter *cutter;
	uint64_t samples, dropped, last_tick;
	uint32_t period;
	unsigned flags; /* all that were seen, or'ed */
	uint8_t bits;
	uint64_t falls[16]; /* ticks with MN_SAMPLE_FALL */
	size_t n_falls;
};

/* Configures and starts; fails the test if that fails. */
void meter_seen_begin(struct meter_seen *seen, struct mn_meter *m,
		      const struct mn_meter_config *config);
/* Until so many samples came or the stream ended: 0 or what ended it. Bounded, no pause. */
int meter_seen_wait(struct meter_seen *seen, struct mn_meter *m, uint64_t samples,
		    struct mn_err *err);
/* Stops and frees. */
void meter_seen_end(struct meter_seen *seen, struct mn_meter *m);

#endif
