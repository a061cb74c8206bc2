/* SPDX-License-Identifier: MIT */
#include "meter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "js220/js220.h"
#include "lpm01a/lpm01a.h"
#include "ppk2/ppk2.h"
#include "virtual/virtual.h"

/* How long a stop() may take at most, when the device is silent. */
#define PUMP_MS 100

const struct mn_meter_ops *const mn_meter_drivers[] = {
	&mn_meter_ppk2, &mn_meter_lpm01a, &mn_meter_js220, &mn_meter_virtual, NULL,
};

struct mn_meter_reader {
	pthread_t thread;
	pthread_mutex_t lock; /* of err */
	atomic_int stop;
	int running;
	struct mn_err err; /* code 0: samples flow */
	mn_meter_sink *sink;
	void *arg;
	uint64_t last_tick;
	int has_tick;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int mn_meter_push(struct mn_meter *m, const struct mn_meter_sample *samples, size_t n)
{
	struct mn_meter_reader *r = m->reader;

	for (size_t i = 0; i < n; i++) {
		if (r->has_tick && samples[i].tick <= r->last_tick)
			return MN_E_PROTOCOL;
		r->last_tick = samples[i].tick;
		r->has_tick = 1;
	}
	if (n)
		r->sink(r->arg, samples, n, now_ns());
	return 0;
}

int mn_meter_list(struct mn_meter_found **ret_found, size_t *ret_n, struct mn_err *err)
{
	struct mn_meter_found *found = NULL;
	size_t n = 0;

	for (size_t i = 0; mn_meter_drivers[i]; i++) {
		int status = 0;

		if (mn_meter_drivers[i]->list)
			status = mn_meter_drivers[i]->list(&found, &n, err);
		if (status) {
			free(found);
			return mn_err_prefix(err, status, "%s: ", mn_meter_drivers[i]->name);
		}
	}
	*ret_found = found;
	*ret_n = n;
	return 0;
}

static const struct mn_meter_ops *find_driver(const char *spec, size_t len)
{
	for (size_t i = 0; mn_meter_drivers[i]; i++) {
		const char *name = mn_meter_drivers[i]->name;

		if (strlen(name) == len && !memcmp(name, spec, len))
			return mn_meter_drivers[i];
	}
	return NULL;
}

static int no_driver(const char *spec, struct mn_err *err)
{
	char names[256] = "";

	for (size_t i = 0; mn_meter_drivers[i]; i++) {
		size_t used = strlen(names);

		snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
			 mn_meter_drivers[i]->name);
	}
	return mn_err_set(err, MN_E_NOTFOUND, "there is no power monitor '%s'; known are %s", spec,
			  names);
}

int mn_meter_open(const char *spec, struct mn_meter **ret_meter, struct mn_err *err)
{
	const char *colon = strchr(spec, ':');
	const struct mn_meter_ops *ops =
		find_driver(spec, colon ? (size_t)(colon - spec) : strlen(spec));
	struct mn_meter *m;
	int status;

	if (!ops)
		return no_driver(spec, err);
	m = calloc(1, sizeof(*m));
	if (!m)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	m->reader = calloc(1, sizeof(*m->reader));
	if (!m->reader) {
		free(m);
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	}
	pthread_mutex_init(&m->reader->lock, NULL);
	m->ops = ops;
	m->config.board_fd = -1;
	status = ops->open(m, colon ? colon + 1 : "", err);
	if (status) {
		pthread_mutex_destroy(&m->reader->lock);
		free(m->reader);
		free(m);
		return mn_err_prefix(err, status, "%s: ", ops->name);
	}
	*ret_meter = m;
	return 0;
}

void mn_meter_close(struct mn_meter *m)
{
	if (!m)
		return;
	mn_meter_stop(m, NULL);
	m->ops->close(m);
	pthread_mutex_destroy(&m->reader->lock);
	free(m->reader);
	free(m);
}

static int check_volt(const struct mn_meter *m, const struct mn_meter_config *config,
		      struct mn_err *err)
{
	if (!config->volt_mV && (config->mode == MN_METER_SOURCE || !m->caps.measures_voltage))
		return mn_err_set(
			err, MN_E_INVALID,
			"the %s does not measure voltage: say with --volt what the board is "
			"supplied with",
			m->info.model);
	if (config->mode == MN_METER_SOURCE && !m->caps.max_volt_mV)
		return mn_err_set(err, MN_E_INVALID, "the %s cannot supply a board", m->info.model);
	if (config->mode == MN_METER_SOURCE &&
	    (config->volt_mV < m->caps.min_volt_mV || config->volt_mV > m->caps.max_volt_mV))
		return mn_err_set(err, MN_E_INVALID, "the %s supplies %u to %u mV, not %u",
				  m->info.model, m->caps.min_volt_mV, m->caps.max_volt_mV,
				  config->volt_mV);
	return 0;
}

static int check_load(const struct mn_meter *m, const struct mn_meter_config *config,
		      struct mn_err *err)
{
	if (!m->caps.max_current_uA || config->board_uA <= m->caps.max_current_uA)
		return 0;
	return mn_err_set(err, MN_E_INVALID,
			  "the %s takes %.0f mA at most and the board draws up to %.0f mA: use a "
			  "monitor for higher currents",
			  m->info.model, m->caps.max_current_uA / 1e3, config->board_uA / 1e3);
}

int mn_meter_configure(struct mn_meter *m, const struct mn_meter_config *config, struct mn_err *err)
{
	int status = check_volt(m, config, err);

	/* Before anything is switched on, and after, when the mode or range has set the limit. */
	if (!status)
		status = check_load(m, config, err);
	if (!status && m->ops->configure)
		status = m->ops->configure(m, config, err);
	if (!status)
		status = check_load(m, config, err);
	if (status)
		return mn_err_prefix(err, status, "%s: ", m->ops->name);
	m->config = *config;
	return 0;
}

static void *read_loop(void *arg)
{
	struct mn_meter *m = arg;
	struct mn_meter_reader *r = m->reader;

	while (!atomic_load(&r->stop)) {
		struct mn_err err = {0};
		int status = m->ops->pump(m, PUMP_MS, &err);

		if (!status)
			continue;
		err.code = status;
		if (!err.msg[0])
			snprintf(err.msg, sizeof(err.msg), "%s", mn_err_text(status));
		pthread_mutex_lock(&r->lock);
		r->err = err;
		pthread_mutex_unlock(&r->lock);
		break;
	}
	return NULL;
}

int mn_meter_start(struct mn_meter *m, mn_meter_sink *sink, void *arg, struct mn_err *err)
{
	struct mn_meter_reader *r = m->reader;
	int status;

	if (r->running)
		return mn_err_set(err, MN_E_BUSY, "%s: it is running already", m->ops->name);
	r->sink = sink;
	r->arg = arg;
	r->has_tick = 0;
	r->err.code = 0;
	atomic_store(&r->stop, 0);
	status = m->ops->start(m, err);
	if (status)
		return mn_err_prefix(err, status, "%s: ", m->ops->name);
	if (pthread_create(&r->thread, NULL, read_loop, m)) {
		if (m->ops->stop)
			m->ops->stop(m);
		return mn_err_set(err, MN_E_NOMEM, "%s: no reader thread", m->ops->name);
	}
	r->running = 1;
	return 0;
}

int mn_meter_status(struct mn_meter *m, struct mn_err *err)
{
	struct mn_meter_reader *r = m->reader;
	int status;

	pthread_mutex_lock(&r->lock);
	status = r->err.code;
	if (status)
		mn_err_set(err, status, "%s %s: %s", m->info.model, m->info.serial, r->err.msg);
	pthread_mutex_unlock(&r->lock);
	return status;
}

int mn_meter_stop(struct mn_meter *m, struct mn_err *err)
{
	struct mn_meter_reader *r = m->reader;

	if (r->running) {
		atomic_store(&r->stop, 1);
		pthread_join(r->thread, NULL);
		r->running = 0;
		if (m->ops->stop)
			m->ops->stop(m);
	}
	return mn_meter_status(m, err);
}
