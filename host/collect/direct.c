/* SPDX-License-Identifier: MIT */
#include "direct.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "board_link.h"
#include "loop.h"

#define PROBE_LIMIT_US 60000000

struct mn_direct {
	struct mn_client *client;
	struct mn_link *link;
	uint8_t batch[MN_TASK_BATCH_BYTES];
};

/* Bytes both ways until something happens. */
static int next_event(struct mn_direct *d, struct mn_client_event *ev, struct mn_err *err)
{
	for (;;) {
		struct pollfd p = {.fd = mn_link_fd(d->link), .events = POLLIN};
		int64_t wait;
		uint8_t byte;
		size_t n;
		const uint8_t *out = mn_client_output(d->client, &n);
		ssize_t got = n ? mn_link_write(d->link, out, n, err) : 0;

		if (got > 0)
			mn_client_sent(d->client, (size_t)got);
		else if (got < 0 && got != MN_E_AGAIN)
			return (int)got;
		/* What the kernel did not take now it takes soon. */
		if (got > 0 && (size_t)got < n)
			p.events |= POLLOUT;
		wait = (mn_client_deadline(d->client) - mn_loop_now_us()) / 1000 + 1;
		if (poll(&p, 1,
			 wait < 0      ? 0
			 : wait > 1000 ? 1000
				       : (int)wait) < 0 &&
		    errno != EINTR)
			return mn_err_set(err, MN_E_IO, "cannot wait for %s: %s",
					  mn_link_spec(d->link), strerror(errno));
		ev->type = MN_CLIENT_NONE;
		while (ev->type == MN_CLIENT_NONE &&
		       (got = mn_link_read(d->link, &byte, 1, err)) == 1)
			(void)mn_client_input(d->client, &byte, 1, mn_loop_now_us(), ev);
		if (ev->type == MN_CLIENT_NONE && got < 0 && got != MN_E_AGAIN)
			return (int)got;
		if (ev->type == MN_CLIENT_NONE)
			mn_client_tick(d->client, mn_loop_now_us(), ev);
		switch (ev->type) {
		case MN_CLIENT_NONE:
			continue;
		case MN_CLIENT_BAUD:
			if (mn_link_set_baud(d->link, ev->baud, err))
				return MN_E_IO;
			continue;
		case MN_CLIENT_FAILED:
		case MN_CLIENT_REFUSED:
			if (err)
				*err = ev->err;
			return ev->err.code;
		case MN_CLIENT_FAULT:
			return mn_err_set(
				err, MN_E_FAULT,
				"its processor has faulted (pc %08x): press the reset button",
				ev->fault.pc);
		case MN_CLIENT_LOST:
			return mn_err_set(err, MN_E_CLOSED, "the board was reset");
		default:
			return 0;
		}
	}
}

int mn_direct_open(const char *link_spec, int timeout_ms, struct mn_direct **ret_direct,
		   struct mn_err *err)
{
	struct mn_client_config config = {
		.answer_us = 400000,
		.attempts = 3,
		.hello_us = (uint32_t)timeout_ms * 1000u,
		.recoveries = 0,
		.batch_first = 1 + (uint32_t)mn_loop_now_us() % 0x7ffffffe,
	};
	struct mn_direct *d = calloc(1, sizeof(*d));
	struct mn_client_event ev;
	int ret;

	if (!d)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	ret = mn_link_open(link_spec, &d->link, err);
	if (ret) {
		free(d);
		return ret;
	}
	/* Never raised: a board that an earlier host left at another rate comes back to the first
	 * by itself. */
	if (mn_link_has_baud(d->link))
		config.baud = 115200;
	ret = mn_client_new(&config, &d->client);
	if (ret)
		mn_err_set(err, ret, "out of memory");
	else
		mn_client_start(d->client, mn_loop_now_us());
	do
		ret = ret ? ret : next_event(d, &ev, err);
	while (!ret && ev.type != MN_CLIENT_READY);
	if (ret) {
		mn_direct_close(d);
		return ret;
	}
	*ret_direct = d;
	return 0;
}

void mn_direct_close(struct mn_direct *d)
{
	if (!d)
		return;
	mn_client_free(d->client);
	mn_link_close(d->link);
	free(d);
}

const struct mn_msg_hello *mn_direct_hello(const struct mn_direct *d)
{
	return mn_client_hello(d->client);
}

int mn_direct_ping(struct mn_direct *d, struct mn_clock_sample *ret, struct mn_err *err)
{
	struct mn_client_event ev;
	int rc = mn_client_ping(d->client, mn_loop_now_us());

	if (rc)
		return mn_err_set(err, rc, "the board is busy");
	do
		rc = next_event(d, &ev, err);
	while (!rc && ev.type != MN_CLIENT_PONG);
	if (!rc)
		*ret = (struct mn_clock_sample){ev.sent_us, ev.received_us, ev.pong.cycles};
	return rc;
}

int mn_direct_run(struct mn_direct *d, const struct mn_task *task, uint16_t n,
		  const struct mn_client_energy *energy, mn_direct_result *on_result, void *arg,
		  struct mn_err *err)
{
	struct mn_client_probe probes[MN_CLIENT_BATCH_PROBES];
	const struct mn_client_energy none = {0};
	struct mn_client_event ev;
	uint32_t used = 0, size = mn_direct_hello(d)->batch_bytes;
	int rc;

	if (n < 1 || n > MN_CLIENT_BATCH_PROBES)
		return mn_err_set(err, MN_E_INVALID, "%u probes are no batch", n);
	if (size > sizeof(d->batch))
		size = sizeof(d->batch);
	for (uint16_t i = 0; i < n; i++) {
		rc = mn_task_pack(task, i + 1u, d->batch + used, size - used, err);
		if (rc < 0)
			return rc;
		used += (uint32_t)rc;
		probes[i] = (struct mn_client_probe){i + 1u, PROBE_LIMIT_US};
	}
	mn_client_set_energy(d->client, energy ? energy : &none);
	rc = mn_client_submit(d->client, d->batch, used, probes, n, mn_loop_now_us());
	if (rc)
		return mn_err_set(err, rc, "the board does not take a batch now");
	do {
		rc = next_event(d, &ev, err);
		if (!rc && ev.type == MN_CLIENT_RESULT)
			on_result(arg, &ev.result);
	} while (!rc && ev.type != MN_CLIENT_DONE);
	return rc;
}
