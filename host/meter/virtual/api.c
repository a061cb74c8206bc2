/* SPDX-License-Identifier: MIT */
#include "virtual.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HEADER_BYTES 16u
#define RECORD_BYTES 16u
#define CHUNK        4096u /* records */

struct box {
	int fd;
	size_t used; /* bytes of a record that is not complete */
	uint8_t bytes[CHUNK * RECORD_BYTES];
	struct mn_meter_sample samples[CHUNK];
};

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = bytes; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static int virtual_open(struct mn_meter *m, const char *serial, struct mn_err *err)
{
	struct box *box;

	if (*serial)
		return mn_err_set(err, MN_E_INVALID, "the virtual meter has no serial number");
	box = calloc(1, sizeof(*box));
	if (!box)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	box->fd = -1;
	m->impl = box;
	snprintf(m->info.model, sizeof(m->info.model), "virtual");
	snprintf(m->info.firmware, sizeof(m->info.firmware), "%s", MNCHAR_VERSION);
	snprintf(m->info.calibration, sizeof(m->info.calibration),
		 "current model of the virtual board");
	m->caps = (struct mn_meter_caps){
		.tick_hz = 100000,
		.period_ticks = 1,
		.n_markers = 2,
		.measures_voltage = 1,
		.is_virtual = 1,
		.max_current_uA = 4000000,
	};
	return 0;
}

static int virtual_configure(struct mn_meter *m, const struct mn_meter_config *config,
			     struct mn_err *err)
{
	struct box *box = m->impl;

	(void)err;
	if (config->mode == MN_METER_SOURCE)
		return mn_err_set(err, MN_E_INVALID, "it only watches a virtual board");
	if (config->board_fd < 0)
		return mn_err_set(err, MN_E_INVALID,
				  "it only sees what a virtual board draws: use it with a board "
				  "whose name begins with virtual-");
	box->fd = config->board_fd;
	return 0;
}

static int wait_bytes(struct box *box, int timeout_ms, struct mn_err *err)
{
	struct pollfd p = {.fd = box->fd, .events = POLLIN};
	int n = poll(&p, 1, timeout_ms);

	if (n < 0 && errno != EINTR)
		return mn_err_set(err, MN_E_IO, "the side channel of the virtual board: %s",
				  strerror(errno));
	return n > 0;
}

/* 1 when it is there, 0 when not yet. */
static int read_some(struct box *box, size_t most, struct mn_err *err)
{
	ssize_t n = read(box->fd, box->bytes + box->used, most - box->used);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0)
		return mn_err_set(err, MN_E_IO, "the side channel of the virtual board: %s",
				  strerror(errno));
	if (!n)
		return mn_err_set(err, MN_E_CLOSED, "the virtual board has ended");
	box->used += (size_t)n;
	return 0;
}

static int virtual_start(struct mn_meter *m, struct mn_err *err)
{
	struct box *box = m->impl;
	uint32_t hz;
	int status, tries = 100;

	box->used = 0;
	while (box->used < HEADER_BYTES) {
		status = wait_bytes(box, 100, err);
		if (status < 0)
			return status;
		if (!status && !--tries)
			return mn_err_set(err, MN_E_TIMEOUT,
					  "the virtual board says nothing of its current");
		if (!status)
			continue;
		status = read_some(box, HEADER_BYTES, err);
		if (status)
			return status;
	}
	hz = (uint32_t)get(box->bytes + 8, 4);
	if (memcmp(box->bytes, "mnpower1", 8) || !hz || hz > 10000000)
		return mn_err_set(err, MN_E_PROTOCOL, "that is no virtual board's current");
	m->caps.tick_hz = hz;
	m->config.volt_mV = (uint32_t)get(box->bytes + 12, 4);
	box->used = 0;
	return 0;
}

static int virtual_pump(struct mn_meter *m, int timeout_ms, struct mn_err *err)
{
	struct box *box = m->impl;
	size_t n;
	int status = wait_bytes(box, timeout_ms, err);

	if (status <= 0)
		return status;
	status = read_some(box, sizeof(box->bytes), err);
	if (status)
		return status;
	n = box->used / RECORD_BYTES;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = box->bytes + i * RECORD_BYTES;

		box->samples[i] = (struct mn_meter_sample){
			.tick = get(p, 8),
			.current_pA = (int64_t)get(p + 8, 4) * 1000,
			.filtered_pA = (int64_t)get(p + 8, 4) * 1000,
			.voltage_uV = (int32_t)(m->config.volt_mV * 1000),
			.bits = p[12],
			.edge_q8 = p[13],
		};
	}
	box->used -= n * RECORD_BYTES;
	memmove(box->bytes, box->bytes + n * RECORD_BYTES, box->used);
	if (mn_meter_push(m, box->samples, n))
		return mn_err_set(err, MN_E_PROTOCOL,
				  "the samples of the virtual board are out of order");
	return 0;
}

static void virtual_close(struct mn_meter *m)
{
	free(m->impl);
}

const struct mn_meter_ops mn_meter_virtual = {
	.name = "virtual",
	.what = "what a virtual board draws (a model)",
	.open = virtual_open,
	.configure = virtual_configure,
	.start = virtual_start,
	.pump = virtual_pump,
	.close = virtual_close,
};
