/* SPDX-License-Identifier: MIT */
#include "meter_seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static void sink(void *arg, const struct mn_meter_sample *s, size_t n, uint64_t host_ns)
{
	struct meter_seen *seen = arg;

	(void)host_ns;
	pthread_mutex_lock(&seen->lock);
	for (size_t i = 0; i < n; i++) {
		if (seen->samples)
			seen->dropped += (s[i].tick - seen->last_tick) / seen->period - 1;
		seen->last_tick = s[i].tick;
		seen->samples++;
		seen->flags |= s[i].flags;
		seen->bits |= s[i].bits;
		if (s[i].flags & MN_SAMPLE_FALL && seen->n_falls < 16)
			seen->falls[seen->n_falls++] = s[i].tick;
	}
	if (mn_window_feed(seen->cutter, s, n))
		seen->flags = ~0u;
	pthread_cond_signal(&seen->more);
	pthread_mutex_unlock(&seen->lock);
}

void meter_seen_begin(struct meter_seen *seen, struct mn_meter *m,
		      const struct mn_meter_config *config)
{
	struct mn_window_config cut = {
		.layer_bit = 255, .idle_us = 100000, .guard_us = 1000, .history_us = 5000000};
	struct mn_err err = {0};

	memset(seen, 0, sizeof(*seen));
	pthread_mutex_init(&seen->lock, NULL);
	pthread_cond_init(&seen->more, NULL);
	if (mn_meter_configure(m, config, &err))
		fail_msg("%s", err.msg);
	seen->period = m->caps.period_ticks;
	cut.tick_hz = m->caps.tick_hz;
	cut.period_ticks = m->caps.period_ticks;
	assert_int_equal(mn_window_new(&cut, &seen->cutter, NULL), 0);
	if (mn_meter_start(m, sink, seen, &err))
		fail_msg("%s", err.msg);
}

int meter_seen_wait(struct meter_seen *seen, struct mn_meter *m, uint64_t samples,
		    struct mn_err *err)
{
	struct timespec now, until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	pthread_mutex_lock(&seen->lock);
	while (seen->samples < samples && !rc) {
		clock_gettime(CLOCK_REALTIME, &now);
		if (now.tv_sec >= until.tv_sec)
			fail_msg("%llu samples in a minute", (unsigned long long)seen->samples);
		/* The end of the stream is not signalled: look for it now and then. */
		now.tv_nsec += 20000000;
		if (now.tv_nsec >= 1000000000) {
			now.tv_nsec -= 1000000000;
			now.tv_sec++;
		}
		pthread_cond_timedwait(&seen->more, &seen->lock, &now);
		rc = mn_meter_status(m, err);
	}
	pthread_mutex_unlock(&seen->lock);
	return rc;
}

void meter_seen_end(struct meter_seen *seen, struct mn_meter *m)
{
	mn_meter_stop(m, NULL);
	mn_window_free(seen->cutter);
	pthread_cond_destroy(&seen->more);
	pthread_mutex_destroy(&seen->lock);
}
