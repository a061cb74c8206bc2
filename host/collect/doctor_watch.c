/* SPDX-License-Identifier: MIT */
#include "doctor_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define END_MS 2000

struct mn_watch {
	struct mn_meter *meter;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct mn_watch_lines lines; /* high_s in ticks until it is asked for */
	uint64_t last_tick, all_ticks, high_ticks;
	double all_A, high_A; /* sums over ticks */
	uint8_t bits;
	int has;
};

/* On the reader thread. */
static void sink(void *arg, const struct mn_meter_sample *s, size_t n, uint64_t host_ns)
{
	struct mn_watch *w = arg;

	(void)host_ns;
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < n; i++) {
		uint64_t ticks = w->has ? s[i].tick - w->last_tick : 0;
		double amps = (double)s[i].current_pA * 1e-12;
		uint8_t changed = w->has ? s[i].bits ^ w->bits : 0;

		for (int k = 0; k < w->lines.n_lines; k++) {
			int was = w->bits >> k & 1, is = s[i].bits >> k & 1;
			double edge = s[i].edge_q8 / 256.0;

			w->lines.line[k].edges += changed >> k & 1;
			w->lines.line[k].rises += w->has && is && !was;
			/* The part of the sample before its edge, and the part after it. */
			w->lines.line[k].high_s += (double)ticks * (was == is ? was
								    : was     ? edge
									      : 1 - edge);
		}
		w->lines.falls += !!(s[i].flags & MN_SAMPLE_FALL);
		w->lines.saturated += !!(s[i].flags & MN_SAMPLE_SATURATED);
		w->all_ticks += ticks;
		w->all_A += amps * (double)ticks;
		if (s[i].bits & 1) {
			w->high_ticks += ticks;
			w->high_A += amps * (double)ticks;
		}
		w->bits = s[i].bits;
		w->last_tick = s[i].tick;
		w->has = 1;
	}
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
}

int mn_watch_open(const char *meter, const struct mn_meter_config *config,
		  struct mn_watch **ret_watch, struct mn_err *err)
{
	struct mn_watch *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int rc;

	if (!w)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->more, &attr);
	pthread_condattr_destroy(&attr);
	rc = mn_meter_open(meter, &w->meter, err);
	if (!rc)
		rc = mn_meter_configure(w->meter, config, err);
	if (!rc) {
		w->lines.n_lines = w->meter->caps.n_markers > 8 ? 8 : w->meter->caps.n_markers;
		w->lines.marks_falls = w->meter->caps.marks_falls;
		rc = mn_meter_start(w->meter, sink, w, err);
	}
	if (rc) {
		mn_watch_close(w);
		return rc;
	}
	*ret_watch = w;
	return 0;
}

void mn_watch_close(struct mn_watch *w)
{
	if (!w)
		return;
	mn_meter_close(w->meter);
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void mn_watch_begin(struct mn_watch *w)
{
	pthread_mutex_lock(&w->lock);
	memset(w->lines.line, 0, sizeof(w->lines.line));
	w->lines.falls = w->lines.saturated = 0;
	w->all_ticks = w->high_ticks = 0;
	w->all_A = w->high_A = 0;
	pthread_mutex_unlock(&w->lock);
}

static int enough(const struct mn_watch *w, size_t windows)
{
	if (w->lines.falls >= windows)
		return 1;
	for (int k = 0; k < w->lines.n_lines; k++)
		if (w->lines.line[k].rises >= windows && !(w->bits >> k & 1))
			return 1;
	return 0;
}

int mn_watch_end(struct mn_watch *w, size_t windows, struct mn_watch_lines *ret, struct mn_err *err)
{
	struct timespec until;
	int late = 0, rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += END_MS / 1000;
	pthread_mutex_lock(&w->lock);
	while (!enough(w, windows) && !late && !(rc = mn_meter_status(w->meter, err))) {
		struct timespec step;

		/* The end of a stream is not signalled. */
		clock_gettime(CLOCK_MONOTONIC, &step);
		late = step.tv_sec > until.tv_sec;
		step.tv_nsec += 50000000;
		step.tv_sec += step.tv_nsec / 1000000000;
		step.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&w->more, &w->lock, &step);
	}
	*ret = w->lines;
	for (int k = 0; k < ret->n_lines; k++)
		ret->line[k].high_s /= w->meter->caps.tick_hz;
	if (w->high_ticks)
		ret->mean_A = w->high_A / (double)w->high_ticks;
	else if (w->all_ticks)
		ret->mean_A = w->all_A / (double)w->all_ticks;
	pthread_mutex_unlock(&w->lock);
	return rc;
}
