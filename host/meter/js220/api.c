/* SPDX-License-Identifier: MIT */
#include "js220.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol.h"
#include "usb.h"

#define REQUEST_IN 0xc0 /* in, vendor, device */
#define CONNECT    1
#define DISCONNECT 2
#define REPLY_MS   1000
/* Unix time of 2018-01-01, where its clock begins. */
#define EPOCH_S 1514764800

static const struct mn_usb_id ids[] = {
	{0x16d0, 0x10ba, NULL, "JS220", 0, NULL},
	{0x16d0, 0x10b9, NULL, "JS220", 0,
	 "the JS220 is in its updater and cannot measure: finish the update with Joulescope's own "
	 "application, then plug it in again"},
	{0},
};

static const char *const streams[] = {"s/i/ctrl", "s/v/ctrl", "s/gpi/0/ctrl", "s/gpi/1/ctrl", NULL};

struct js220 {
	struct mn_usb *usb;
	uint16_t out_id;
	int connected;
	uint8_t range_auto; /* of the topic s/i/range/mode */
	int has_range_auto;
	uint8_t volt_auto;
	int has_volt_auto;
	struct mn_js220_decoder decoder;
};

static int list(struct mn_meter_found **found, size_t *n, struct mn_err *err)
{
	return mn_usb_list("js220", ids, found, n, err);
}

static int publish(struct js220 *p, const char *topic, enum mn_js220_type type, uint64_t value,
		   struct mn_err *err)
{
	uint8_t frame[MN_JS220_FRAME];
	size_t n = mn_js220_publish(p->out_id++, topic, type, value, frame);

	return mn_usb_write(p->usb, frame, n, err);
}

static int request(struct js220 *p, uint8_t what, struct mn_err *err)
{
	uint8_t status = 0xff;
	int rc = mn_usb_control(p->usb, REQUEST_IN, what, 0, 0, &status, 1, err);

	if (rc < 0)
		return rc;
	if (rc != 1 || status)
		return mn_err_set(err, MN_E_PROTOCOL, "the JS220 refuses with status %u", status);
	return 0;
}

static int64_t utc_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return ((int64_t)t.tv_sec - EPOCH_S) * (INT64_C(1) << 30) +
	       (int64_t)((double)t.tv_nsec * 1.073741824);
}

/* It asks for the time now and then and expects an answer. */
static int answer(struct js220 *p, const struct mn_js220_frame *f, struct mn_err *err)
{
	uint8_t frame[MN_JS220_FRAME];
	size_t n = mn_js220_timesync(f, p->out_id, utc_now(), frame);

	if (!n)
		return 0;
	p->out_id++;
	return mn_usb_write(p->usb, frame, n, err);
}

/* What a frame means while the instrument is being opened: 1 it is what is waited for. */
typedef int wanted(struct js220 *p, const struct mn_js220_frame *f, void *arg);

/* Frames until the wanted one, or MN_E_TIMEOUT. */
static int wait_for(struct js220 *p, wanted *is_it, void *arg, const char *what, struct mn_err *err)
{
	uint64_t until = mn_usb_now_ns() + REPLY_MS * UINT64_C(1000000);

	for (;;) {
		uint64_t now = mn_usb_now_ns();
		struct mn_js220_frame f;
		const uint8_t *bytes;
		size_t n;
		int rc, found;

		bytes = mn_usb_bytes(p->usb, &n);
		if (n < MN_JS220_FRAME) {
			if (now >= until)
				return mn_err_set(err, MN_E_TIMEOUT,
						  "the JS220 does not answer to %s", what);
			rc = mn_usb_more(p->usb, (int)((until - now) / 1000000) + 1, err);
			if (rc)
				return rc;
			continue;
		}
		rc = mn_js220_frame(bytes, &f);
		found = !rc && is_it(p, &f, arg);
		if (!rc)
			rc = answer(p, &f, err);
		mn_usb_take(p->usb, MN_JS220_FRAME);
		if (found || rc)
			return rc == MN_E_PROTOCOL ? mn_err_set(err, rc, "no frame of a JS220 came")
						   : rc;
	}
}

static int is_connect(struct js220 *p, const struct mn_js220_frame *f, void *arg)
{
	(void)p;
	return mn_js220_is_connect(f, arg);
}

/* The metadata of topics comes before the answer to the ping that followed the question. */
static int is_pong(struct js220 *p, const struct mn_js220_frame *f, void *arg)
{
	struct mn_js220_message m;

	(void)arg;
	if (mn_js220_message(f, &m))
		return 0;
	if (!strcmp(m.topic, "s/i/range/mode$") && m.type == MN_JS220_JSON)
		p->has_range_auto = !mn_js220_option(m.text, m.text_len, "auto", &p->range_auto);
	if (!strcmp(m.topic, "s/v/range/mode$") && m.type == MN_JS220_JSON)
		p->has_volt_auto = !mn_js220_option(m.text, m.text_len, "auto", &p->volt_auto);
	return !strcmp(m.topic, "c/!pong");
}

static int connect_it(struct mn_meter *m, struct mn_err *err)
{
	struct js220 *p = m->impl;
	struct mn_js220_connect c;
	int rc;

	/* Also throws away what a killed program left behind; its status says nothing then. */
	(void)request(p, DISCONNECT, NULL);
	rc = mn_usb_read_start(p->usb, 32768, err);
	if (!rc)
		rc = request(p, CONNECT, err);
	p->connected = !rc;
	if (!rc)
		rc = wait_for(p, is_connect, &c, "the connection", err);
	if (rc)
		return rc;
	if (c.status)
		return mn_err_set(err, MN_E_IO, "the JS220 cannot start its sensor (status %u)",
				  c.status);
	if (c.protocol >> 24 != 1)
		return mn_err_set(err, MN_E_VERSION,
				  "the JS220 speaks protocol %u and mnchar 1: update one of them",
				  c.protocol >> 24);
	snprintf(m->info.firmware, sizeof(m->info.firmware), "%u.%u.%u", c.firmware >> 24,
		 c.firmware >> 16 & 0xff, c.firmware & 0xffff);
	snprintf(m->info.calibration, sizeof(m->info.calibration),
		 "in the instrument; hardware %u.%u.%u, FPGA %u.%u.%u", c.hardware >> 24,
		 c.hardware >> 16 & 0xff, c.hardware & 0xffff, c.fpga >> 24, c.fpga >> 16 & 0xff,
		 c.fpga & 0xffff);
	rc = publish(p, "$", MN_JS220_NULL, 0, err);
	if (!rc)
		rc = publish(p, "c/!ping", MN_JS220_U32, 1, err);
	return rc ? rc : wait_for(p, is_pong, NULL, "a question", err);
}

static void close_js220(struct mn_meter *m)
{
	struct js220 *p = m->impl;

	if (p->connected)
		(void)request(p, DISCONNECT, NULL);
	mn_usb_close(p->usb);
	free(p);
}

static int open_js220(struct mn_meter *m, const char *serial, struct mn_err *err)
{
	struct js220 *p = calloc(1, sizeof(*p));
	const struct mn_usb_id *id;
	int rc;

	if (!p)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	rc = mn_usb_open(ids, serial, &p->usb, &id, err);
	if (rc) {
		free(p);
		return rc;
	}
	m->impl = p;
	snprintf(m->info.model, sizeof(m->info.model), "%s", id->model);
	snprintf(m->info.serial, sizeof(m->info.serial), "%s", mn_usb_serial(p->usb));
	rc = mn_usb_claim(p->usb, 0, err);
	if (!rc)
		rc = connect_it(m, err);
	if (rc) {
		close_js220(m);
		m->impl = NULL;
		return rc;
	}
	m->caps = (struct mn_meter_caps){
		.tick_hz = MN_JS220_TICK_HZ,
		.period_ticks = MN_JS220_PERIOD,
		.n_markers = MN_JS220_MARKERS,
		.measures_voltage = 1,
	};
	return 0;
}

static int configure(struct mn_meter *m, const struct mn_meter_config *config, struct mn_err *err)
{
	struct js220 *p = m->impl;
	int rc = 0;

	if (config->sample_hz && config->sample_hz != MN_JS220_TICK_HZ / MN_JS220_PERIOD)
		return mn_err_set(err, MN_E_INVALID, "a JS220 is read at %d Hz here, not at %u",
				  MN_JS220_TICK_HZ / MN_JS220_PERIOD, config->sample_hz);
	if (config->range >= 0)
		return mn_err_set(err, MN_E_INVALID, "a JS220 chooses its range itself here");
	/* Automatic is the default after connecting, so a firmware that does not tell the number
	 * of that word is fine too. */
	if (p->has_range_auto)
		rc = publish(p, "s/i/range/mode", MN_JS220_U8, p->range_auto, err);
	if (!rc && p->has_volt_auto)
		rc = publish(p, "s/v/range/mode", MN_JS220_U8, p->volt_auto, err);
	return rc;
}

static int on_samples(void *arg, const struct mn_meter_sample *samples, size_t n)
{
	return mn_meter_push(arg, samples, n);
}

static int start(struct mn_meter *m, struct mn_err *err)
{
	struct js220 *p = m->impl;
	int rc = 0;

	mn_js220_decoder_init(&p->decoder, on_samples, m);
	for (int i = 0; streams[i] && !rc; i++)
		rc = publish(p, streams[i], MN_JS220_U32, 1, err);
	return rc;
}

static int pump(struct mn_meter *m, int timeout_ms, struct mn_err *err)
{
	struct js220 *p = m->impl;
	int rc = mn_usb_pump(p->usb, timeout_ms, err);
	const uint8_t *bytes;
	size_t n, at;

	if (rc)
		return rc;
	bytes = mn_usb_bytes(p->usb, &n);
	for (at = 0; n - at >= MN_JS220_FRAME && !rc; at += MN_JS220_FRAME) {
		struct mn_js220_frame f;

		if (mn_js220_frame(bytes + at, &f))
			return mn_err_set(err, MN_E_PROTOCOL,
					  "what comes from the JS220 are no frames");
		rc = mn_js220_decode(&p->decoder, &f);
		if (!rc && f.port == MN_JS220_CONTROL)
			rc = answer(p, &f, err);
	}
	if (n && n < MN_JS220_FRAME && !rc)
		rc = mn_usb_more(p->usb, timeout_ms, err);
	mn_usb_take(p->usb, at);
	return rc;
}

static void stop(struct mn_meter *m)
{
	struct js220 *p = m->impl;
	int rc = 0;

	for (int i = 0; streams[i] && !rc; i++)
		rc = publish(p, streams[i], MN_JS220_U32, 0, NULL);
	if (!rc)
		(void)mn_usb_drain(p->usb, 100, 3000, NULL);
}

const struct mn_meter_ops mn_meter_js220 = {
	.name = "js220",
	.what = "Joulescope JS220",
	.list = list,
	.open = open_js220,
	.configure = configure,
	.start = start,
	.pump = pump,
	.stop = stop,
	.close = close_js220,
};
