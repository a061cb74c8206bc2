/* SPDX-License-Identifier: MIT */
#include "energy.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <zlib.h>

#include "known.h"
#include "rig.h"

#define GUARD_US  100
#define IDLE_MIN  2000 /* us */
#define IDLE_MAX  50000
#define TAKE_MS   3000 /* for the samples of a window that has ended */
#define CLOCK_OFF 0.01
/* Kept besides two windows, where they are cut by time: a repetition may be long. */
#define HISTORY_US 4000000u

struct mn_energy {
	struct mn_energy_config config;
	char *name;
	struct mn_meter *meter;
	struct mn_window_cutter *cutter;
	pthread_mutex_t lock; /* of cutter and failed */
	pthread_cond_t more;
	int failed;  /* of the cutter */
	int by_time; /* the monitor only tells when the marker fell */
	int fell;    /* since mn_energy_arm() */
	double fall_tick;
	int is_virtual, started;
	int fds[2]; /* side channel: ours, the board's */
	char *link;
};

static uint32_t idle_us(const struct mn_energy *e)
{
	uint32_t us = e->config.window_us / 4;

	return us < IDLE_MIN ? IDLE_MIN : us > IDLE_MAX ? IDLE_MAX : us;
}

/* On the reader thread. */
static void sink(void *arg, const struct mn_meter_sample *samples, size_t n, uint64_t host_ns)
{
	struct mn_energy *e = arg;
	int status;

	(void)host_ns;
	pthread_mutex_lock(&e->lock);
	status = mn_window_feed(e->cutter, samples, n);
	for (size_t i = 0; i < n && e->by_time; i++)
		if (samples[i].flags & MN_SAMPLE_FALL) {
			e->fell++;
			e->fall_tick = (double)samples[i].tick - e->meter->caps.period_ticks;
		}
	if (status && !e->failed)
		e->failed = status;
	pthread_cond_signal(&e->more);
	pthread_mutex_unlock(&e->lock);
}

static int start(struct mn_energy *e, struct mn_err *err)
{
	const struct mn_meter_caps *caps = &e->meter->caps;
	struct mn_window_config cut = {
		.tick_hz = caps->tick_hz,
		.period_ticks = caps->period_ticks,
		.layer_bit = caps->n_markers > 1 ? 1 : 255,
		.idle_us = idle_us(e),
		.guard_us = GUARD_US,
		.keep_trace = (uint8_t)e->config.trace,
	};
	int status;

	e->by_time = caps->marks_falls;
	if (e->by_time)
		cut.history_us = 2 * e->config.window_us + 2 * idle_us(e) + HISTORY_US;
	if (!caps->n_markers && !e->by_time)
		return mn_err_set(
			err, MN_E_UNSUPPORTED,
			"the %s has no logic input for the marker, and windows are not cut "
			"without one",
			e->meter->info.model);
	mn_window_free(e->cutter);
	e->cutter = NULL;
	e->failed = 0;
	status = mn_window_new(&cut, &e->cutter, err);
	if (!status)
		status = mn_meter_start(e->meter, sink, e, err);
	e->started = !status;
	return status;
}

static int open_meter(struct mn_energy *e, int board_fd, struct mn_err *err)
{
	struct mn_meter_config config = {
		.mode = e->config.source ? MN_METER_SOURCE : MN_METER_AMMETER,
		.volt_mV = e->config.volt_mV,
		.range = -1,
		.board_fd = board_fd,
	};
	int status = mn_meter_open(e->name, &e->meter, err);

	if (!status)
		status = mn_meter_configure(e->meter, &config, err);
	return status;
}

static void shut(struct mn_energy *e)
{
	mn_meter_close(e->meter);
	e->meter = NULL;
	e->started = 0;
	for (int i = 0; i < 2; i++) {
		if (e->fds[i] >= 0)
			close(e->fds[i]);
		e->fds[i] = -1;
	}
	free(e->link);
	e->link = NULL;
}

int mn_energy_open(const struct mn_energy_config *config, struct mn_energy **ret_energy,
		   struct mn_err *err)
{
	struct mn_energy *e = calloc(1, sizeof(*e));
	pthread_condattr_t attr;
	int status = 0;

	if (!e)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	e->config = *config;
	e->fds[0] = e->fds[1] = -1;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e->more, &attr);
	pthread_condattr_destroy(&attr);
	e->name = strdup(config->meter);
	e->is_virtual = !strcmp(config->meter, "virtual");
	if (!e->name)
		status = mn_err_set(err, MN_E_NOMEM, "out of memory");
	if (!status && !e->is_virtual) {
		status = open_meter(e, -1, err);
		if (!status)
			status = start(e, err);
	}
	if (status) {
		mn_energy_close(e);
		return status;
	}
	*ret_energy = e;
	return 0;
}

void mn_energy_close(struct mn_energy *e)
{
	if (!e)
		return;
	shut(e);
	mn_window_free(e->cutter);
	pthread_cond_destroy(&e->more);
	pthread_mutex_destroy(&e->lock);
	free(e->name);
	free(e);
}

const char *mn_energy_link(struct mn_energy *e, const char *link, struct mn_err *err)
{
	if (!e->is_virtual)
		return link;
	shut(e);
	if (strncmp(link, "exec:", 5) || !strstr(link, "mnchar-vboard")) {
		mn_err_set(err, MN_E_INVALID,
			   "the virtual meter sees virtual boards only; %s is none", link);
		return NULL;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, e->fds)) {
		mn_err_set(err, MN_E_IO, "cannot make a socket pair: %s", strerror(errno));
		return NULL;
	}
	/* The board's end passes through exec; nothing else is started before it is closed here. */
	(void)fcntl(e->fds[1], F_SETFD, 0);
	(void)fcntl(e->fds[0], F_SETFL, O_NONBLOCK);
	if (asprintf(&e->link, "%s --power fd:%d", link, e->fds[1]) < 0) {
		e->link = NULL;
		mn_err_set(err, MN_E_NOMEM, "out of memory");
	}
	return e->link;
}

int mn_energy_linked(struct mn_energy *e, int opened, struct mn_err *err)
{
	int status;

	if (!e->is_virtual)
		return 0;
	if (e->fds[1] >= 0)
		close(e->fds[1]);
	e->fds[1] = -1;
	if (!opened)
		return 0;
	status = open_meter(e, e->fds[0], err);
	return status ? status : start(e, err);
}

int mn_energy_check_board(const struct mn_energy *e, const struct mn_msg_hello *hello,
			  struct mn_err *err)
{
	const struct mn_known_board *known = mn_known_find(hello->board);
	uint32_t need = known ? known->max_uA : 0;

	if (e->is_virtual && !mn_hello_is_virtual(hello))
		return mn_err_set(err, MN_E_INVALID, "the virtual meter is for virtual boards");
	if (!e->is_virtual && mn_hello_is_virtual(hello) && e->meter && !e->config.any_board)
		return mn_err_set(err, MN_E_INVALID,
				  "the %s would measure something else: a virtual board draws no "
				  "current",
				  e->meter->info.model);
	if (e->meter && e->meter->caps.max_current_uA && e->meter->caps.max_current_uA < need)
		return mn_err_set(err, MN_E_INVALID,
				  "%s draws up to %u mA, the %s measures up to %u mA", hello->board,
				  need / 1000, e->meter->info.model,
				  e->meter->caps.max_current_uA / 1000);
	return 0;
}

void mn_energy_ask(const struct mn_energy *e, struct mn_client_energy *ret)
{
	uint32_t period_us = e->meter ? (uint32_t)(1000000ull * e->meter->caps.period_ticks /
						   e->meter->caps.tick_hz) +
						1
				      : 1;

	*ret = (struct mn_client_energy){
		.us = e->config.window_us,
		.reps = e->config.reps,
		/* The guard on both sides, and samples that do not begin with it. */
		.idle_us = idle_us(e) + 2 * GUARD_US + 4 * period_us,
	};
}

void mn_energy_arm(struct mn_energy *e, uint32_t n_steps)
{
	struct mn_window old;

	pthread_mutex_lock(&e->lock);
	while (e->cutter && mn_window_next(e->cutter, &old))
		mn_window_clear(&old);
	if (e->cutter)
		mn_window_segments(e->cutter, n_steps > 1 ? n_steps : 0);
	e->fell = 0;
	pthread_mutex_unlock(&e->lock);
}

/*
 * 1 and the window if it is there. Where only the fall is known it began as much before as the
 * board says, and has come when the idle time after it has.
 */
static int next_window(struct mn_energy *e, double board_s, struct mn_window *ret)
{
	double ticks = board_s * e->meter->caps.tick_hz;
	struct mn_window later;

	if (!e->by_time)
		return mn_window_next(e->cutter, ret);
	if (!e->fell ||
	    mn_window_cut(e->cutter, e->fall_tick,
			  e->fall_tick + (GUARD_US + idle_us(e)) * 1e-6 * e->meter->caps.tick_hz,
			  &later))
		return 0;
	mn_window_clear(&later);
	return !mn_window_cut(e->cutter, e->fall_tick - ticks, e->fall_tick, ret);
}

/* The next window within TAKE_MS: 1, 0, or MN_E_* of the cutter. */
static int wait_window(struct mn_energy *e, double board_s, struct mn_window *ret)
{
	struct timespec until;
	int got = 0, late = 0, failed;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += TAKE_MS / 1000;
	pthread_mutex_lock(&e->lock);
	while (!(failed = e->failed) && !(got = next_window(e, board_s, ret)) && !late &&
	       !mn_meter_status(e->meter, NULL)) {
		struct timespec step;

		/* A monitor that ends does not signal. */
		clock_gettime(CLOCK_MONOTONIC, &step);
		step.tv_nsec += 50000000;
		step.tv_sec += step.tv_nsec / 1000000000;
		step.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&e->more, &e->lock, &step);
		late = step.tv_sec > until.tv_sec;
	}
	pthread_mutex_unlock(&e->lock);
	return failed ? failed : got;
}

static int check(const struct mn_window *w, const struct mn_msg_hello *hello,
		 const struct mn_msg_result *result, double period_s, struct mn_err *err)
{
	double hz = hello->clock_measured_hz ? hello->clock_measured_hz : hello->clock_set_hz;
	double cycles_s = (double)result->energy_cycles / hz,
	       micros_s = result->energy_micros * 1e-6;
	double slack = 2 * period_s + 2e-6;
	char reason[256];

	if (mn_window_bad(w, reason, sizeof(reason)))
		return mn_err_set(err, MN_E_AGAIN, "%s", reason);
	if (fabs(w->gross.duration_s - cycles_s) > CLOCK_OFF * cycles_s + slack ||
	    fabs(w->gross.duration_s - micros_s) > CLOCK_OFF * micros_s + slack)
		return mn_err_set(
			err, MN_E_CLOCK,
			"the window took %.6f s by the monitor's clock, %.6f s by the "
			"board's cycle counter and %.6f s by its timer: more than 1 %% apart",
			w->gross.duration_s, cycles_s, micros_s);
	return 0;
}

int mn_energy_take(struct mn_energy *e, const struct mn_msg_hello *hello,
		   const struct mn_msg_result *result, struct mn_window *ret_window,
		   struct mn_err *err)
{
	double hz = hello->clock_measured_hz ? hello->clock_measured_hz : hello->clock_set_hz;
	struct mn_window w;
	int status = wait_window(e, (double)result->energy_cycles / hz, &w);

	if (status < 0)
		return mn_err_set(err, status, "windows cannot be cut: %s", mn_err_text(status));
	if (!status) {
		status = mn_meter_status(e->meter, err);
		return status ? status
			      : mn_err_set(err, MN_E_AGAIN,
					   "no window was seen on the monitor's first logic line: "
					   "is %s wired to it?",
					   hello->marker_pin);
	}
	if (e->by_time && e->fell > 1) {
		mn_window_clear(&w);
		return mn_err_set(err, MN_E_AGAIN, "the marker fell %d times in one window",
				  e->fell);
	}
	status = check(&w, hello, result,
		       (double)e->meter->caps.period_ticks / e->meter->caps.tick_hz, err);
	if (status) {
		mn_window_clear(&w);
		return status;
	}
	*ret_window = w;
	return 0;
}

const struct mn_meter *mn_energy_meter(const struct mn_energy *e)
{
	return e->meter;
}

const struct mn_energy_config *mn_energy_config(const struct mn_energy *e)
{
	return &e->config;
}

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

int mn_energy_pack_trace(const struct mn_window *w, void **ret_bytes, size_t *ret_len)
{
	size_t len = 24 * w->trace_n;
	uLongf packed = compressBound(len);
	uint8_t *raw = malloc(len + 1), *out = malloc(packed);
	int status = raw && out ? 0 : MN_E_NOMEM;

	for (size_t i = 0; i < w->trace_n && !status; i++) {
		const struct mn_meter_sample *s = &w->trace[i];
		uint8_t *p = raw + 24 * i;

		put(p, s->tick, 8);
		put(p + 8, (uint64_t)s->current_pA, 8);
		put(p + 16, (uint32_t)s->voltage_uV, 4);
		p[20] = s->bits;
		p[21] = s->edge_q8;
		put(p + 22, s->flags, 2);
	}
	if (!status && compress(out, &packed, raw, len) != Z_OK)
		status = MN_E_NOMEM;
	free(raw);
	if (status) {
		free(out);
		return status;
	}
	*ret_bytes = out;
	*ret_len = packed;
	return 0;
}
