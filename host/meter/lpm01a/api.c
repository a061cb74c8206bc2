/* SPDX-License-Identifier: MIT */
#include "lpm01a.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"
#include "usb.h"

#define BAUD     3686400
#define QUIET_MS 200
#define DRAIN_MS 3000
#define REPLY_MS 1000
#define VOLT_MS  15000 /* a new voltage starts its self-calibration, "seconds" */
#define STOP_MS  3000

static const struct mn_usb_id ids[] = {
	/* ST's id for any serial port of an STM32: only the product string tells. */
	{0x0483, 0x5740, "PowerShield", "X-NUCLEO-LPM01A", MN_LPM01A_SHIELD, NULL},
	{0x0483, 0x3757, NULL, "STLINK-V3PWR", MN_LPM01A_V3PWR, NULL},
	{0},
};

static const struct limits {
	uint32_t min_mV, max_mV, max_uA;
} limits[] = {
	[MN_LPM01A_SHIELD] = {1800, 3300, 50000},
	[MN_LPM01A_V3PWR] = {1600, 3600, 500000},
};

struct lpm01a {
	struct mn_usb *usb;
	enum mn_lpm01a_kind kind;
	int controlled, powered, running;
	int has_events; /* it knows eventsrc: firmware 1.0.6 and newer */
	int binary;
	uint32_t hz, volt_mV; /* as it says */
	struct mn_lpm01a_decoder decoder;
};

static int list(struct mn_meter_found **found, size_t *n, struct mn_err *err)
{
	return mn_usb_list("lpm01a", ids, found, n, err);
}

static int send(struct lpm01a *p, const char *command, struct mn_err *err)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s\r\n", command);

	return mn_usb_write(p->usb, line, (size_t)n, err);
}

/* What a reply is looked for in: 0, MN_E_AGAIN or an error. */
typedef int parser(const void *bytes, size_t n, const char *command, void *ret, struct mn_err *err);

static int parse_ack(const void *bytes, size_t n, const char *command, void *ret,
		     struct mn_err *err)
{
	return mn_lpm01a_reply(bytes, n, command, ret, MN_METER_TEXT, err);
}

static int parse_volt(const void *bytes, size_t n, const char *command, void *ret,
		      struct mn_err *err)
{
	char value[MN_METER_TEXT];
	int rc = mn_lpm01a_volt(bytes, n, ret);

	if (rc == MN_E_PROTOCOL)
		return mn_err_set(err, rc, "'%s' was answered with no voltage", command);
	/* An error reply has no number. */
	if (rc == MN_E_AGAIN) {
		rc = mn_lpm01a_reply(bytes, n, command, value, sizeof(value), err);
		return rc == 0 ? MN_E_AGAIN : rc;
	}
	return rc;
}

static int ask(struct lpm01a *p, const char *command, int timeout_ms, parser *parse, void *ret,
	       struct mn_err *err)
{
	uint64_t until = mn_usb_now_ns() + (uint64_t)timeout_ms * 1000000;
	int rc;

	/* What is there now is no answer to this. */
	for (;;) {
		size_t n;

		(void)mn_usb_bytes(p->usb, &n);
		if (!n)
			break;
		mn_usb_take(p->usb, n);
	}
	rc = send(p, command, err);
	while (!rc) {
		uint64_t now = mn_usb_now_ns();
		size_t n;
		const uint8_t *bytes = mn_usb_bytes(p->usb, &n);

		rc = n ? parse(bytes, n, command, ret, err) : MN_E_AGAIN;
		if (rc == 0) {
			mn_usb_take(p->usb, n);
			return 0;
		}
		if (rc != MN_E_AGAIN)
			return rc;
		if (now >= until)
			return mn_err_set(err, MN_E_TIMEOUT, "no answer to '%s'", command);
		rc = mn_usb_more(p->usb, (int)((until - now) / 1000000) + 1, err);
	}
	return rc;
}

static int command(struct lpm01a *p, const char *text, struct mn_err *err)
{
	char value[MN_METER_TEXT];

	return ask(p, text, REPLY_MS, parse_ack, value, err);
}

/* Bytes of an earlier run may spoil the first command: once more then. */
static int take_control(struct lpm01a *p, struct mn_err *err)
{
	int rc = send(p, "stop", err);

	if (!rc)
		rc = mn_usb_drain(p->usb, QUIET_MS, DRAIN_MS, err);
	if (rc)
		return rc;
	rc = command(p, "htc", err);
	if (rc == MN_E_PROTOCOL || rc == MN_E_TIMEOUT)
		rc = command(p, "htc", err);
	p->controlled = !rc;
	return rc;
}

static void close_lpm01a(struct mn_meter *m)
{
	struct lpm01a *p = m->impl;

	if (p->powered)
		(void)command(p, "pwr off", NULL);
	if (p->controlled)
		(void)command(p, "hrc", NULL);
	mn_usb_close(p->usb);
	free(p);
}

static void set_caps(struct mn_meter *m)
{
	struct lpm01a *p = m->impl;

	m->caps = (struct mn_meter_caps){
		.tick_hz = p->hz,
		.period_ticks = 1,
		.marks_falls = (uint8_t)(p->has_events && !p->binary),
		.max_current_uA = limits[p->kind].max_uA,
		.min_volt_mV = limits[p->kind].min_mV,
		.max_volt_mV = limits[p->kind].max_mV,
	};
}

static int identify(struct mn_meter *m, struct mn_err *err)
{
	struct lpm01a *p = m->impl;
	char value[MN_METER_TEXT], *id;
	int rc = ask(p, "powershield", REPLY_MS, parse_ack, value, err);

	if (rc)
		return rc;
	/* "present <board id>"; the V3PWR says its name there. */
	id = strrchr(value, ' ');
	snprintf(m->info.calibration, sizeof(m->info.calibration), "%s",
		 p->kind == MN_LPM01A_SHIELD && id ? id + 1 : value);
	rc = ask(p, "version", REPLY_MS, parse_ack, value, err);
	if (!rc)
		snprintf(m->info.firmware, sizeof(m->info.firmware), "%s", value);
	return rc;
}

static int open_lpm01a(struct mn_meter *m, const char *serial, struct mn_err *err)
{
	struct lpm01a *p = calloc(1, sizeof(*p));
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
	p->kind = (enum mn_lpm01a_kind)id->kind;
	snprintf(m->info.model, sizeof(m->info.model), "%s", id->model);
	snprintf(m->info.serial, sizeof(m->info.serial), "%s", mn_usb_serial(p->usb));
	rc = mn_usb_claim_cdc(p->usb, BAUD, err);
	if (!rc)
		rc = mn_usb_read_start(p->usb, 4096, err);
	if (!rc)
		rc = take_control(p, err);
	if (!rc)
		rc = identify(m, err);
	if (rc) {
		close_lpm01a(m);
		m->impl = NULL;
		return mn_err_prefix(err, rc, "%s: ", id->model);
	}
	/* Which rate is chosen decides whether there is a marker. */
	p->hz = p->kind == MN_LPM01A_SHIELD ? MN_LPM01A_TEXT_HZ : MN_LPM01A_BINARY_HZ;
	p->binary = p->kind == MN_LPM01A_V3PWR;
	p->has_events = p->kind == MN_LPM01A_SHIELD;
	set_caps(m);
	return 0;
}

static int set_rate(struct lpm01a *p, uint32_t hz, struct mn_err *err)
{
	char text[32];
	int rc;

	if (!hz)
		hz = p->kind == MN_LPM01A_SHIELD ? MN_LPM01A_TEXT_HZ : MN_LPM01A_BINARY_HZ;
	if (!mn_lpm01a_has_rate(hz))
		return mn_err_set(err, MN_E_INVALID,
				  "it samples at 1, 2 or 5 times a power of ten up to 100000 Hz, "
				  "not at %u",
				  hz);
	p->hz = hz;
	p->binary = p->kind == MN_LPM01A_V3PWR || hz > MN_LPM01A_TEXT_HZ;
	snprintf(text, sizeof(text), hz >= 1000 ? "freq %uk" : "freq %u",
		 hz >= 1000 ? hz / 1000 : hz);
	rc = command(p, text, err);
	if (!rc)
		rc = command(p, p->binary ? "format bin_hexa" : "format ascii_dec", err);
	return rc;
}

static int set_volt(struct lpm01a *p, uint32_t mV, struct mn_err *err)
{
	char text[32], value[MN_METER_TEXT];
	int rc;

	snprintf(text, sizeof(text), "volt %um", mV);
	rc = ask(p, text, VOLT_MS, parse_ack, value, err);
	if (!rc)
		rc = ask(p, "volt get", REPLY_MS, parse_volt, &p->volt_mV, err);
	if (rc)
		return rc;
	if (p->volt_mV * 20 < mV * 19 || p->volt_mV * 20 > mV * 21)
		return mn_err_set(err, MN_E_PROTOCOL, "it was set to %u mV and supplies %u mV", mV,
				  p->volt_mV);
	return 0;
}

static int configure(struct mn_meter *m, const struct mn_meter_config *config, struct mn_err *err)
{
	static const char *const common[] = {"acqtime inf", "trigdelay 0", "output current", NULL};
	static const char *const shield[] = {"acqmode dyn", "trigsrc sw", NULL};
	struct lpm01a *p = m->impl;
	struct mn_err refused;
	int rc = 0;

	if (config->mode != MN_METER_SOURCE)
		return mn_err_set(err, MN_E_INVALID,
				  "a %s measures what it supplies: it is no ammeter, use it as a "
				  "source",
				  m->info.model);
	if (config->range >= 0)
		return mn_err_set(err, MN_E_INVALID, "a %s chooses its range itself",
				  m->info.model);
	for (int i = 0; common[i] && !rc; i++)
		rc = command(p, common[i], err);
	for (int i = 0; p->kind == MN_LPM01A_SHIELD && shield[i] && !rc; i++)
		rc = command(p, shield[i], err);
	if (!rc)
		rc = set_rate(p, config->sample_hz, err);
	if (!rc && p->kind == MN_LPM01A_SHIELD && !p->binary) {
		rc = command(p, "eventsrc d7 fal", &refused);
		p->has_events = !rc;
		/* Firmware before 1.0.6: windows are cut by time. */
		if (rc == MN_E_PROTOCOL)
			rc = 0;
		else if (rc)
			mn_err_set(err, rc, "%s", refused.msg);
	}
	if (!rc)
		rc = set_volt(p, config->volt_mV, err);
	if (!rc)
		rc = command(p, p->kind == MN_LPM01A_SHIELD ? "pwr on nostatus" : "pwr on", err);
	if (rc)
		return rc;
	p->powered = 1;
	set_caps(m);
	return 0;
}

static int on_samples(void *arg, const struct mn_meter_sample *samples, size_t n)
{
	return mn_meter_push(arg, samples, n);
}

static int start(struct mn_meter *m, struct mn_err *err)
{
	struct lpm01a *p = m->impl;
	int rc = mn_usb_drain(p->usb, QUIET_MS, DRAIN_MS, err);

	if (rc)
		return rc;
	mn_lpm01a_decoder_init(&p->decoder, p->kind, p->binary, p->hz, p->volt_mV, on_samples, m);
	rc = send(p, "start", err);
	p->running = !rc;
	return rc;
}

/* The acquisition has ended by itself: say why. */
static int ended(struct lpm01a *p, struct mn_err *err)
{
	switch (p->decoder.end) {
	case MN_LPM01A_RUNS:
		return 0;
	case MN_LPM01A_OVERCURRENT:
		return mn_err_set(err, MN_E_IO,
				  "the board drew more than %u mA and was switched off: use a "
				  "monitor for higher currents",
				  limits[p->kind].max_uA / 1000);
	case MN_LPM01A_TARGET_OFF:
		return mn_err_set(err, MN_E_IO, "it has switched the board off");
	case MN_LPM01A_ERROR:
		return mn_err_set(err, MN_E_IO, "%s", p->decoder.message);
	default:
		return mn_err_set(err, MN_E_IO, "it has ended the acquisition by itself");
	}
}

static int pump(struct mn_meter *m, int timeout_ms, struct mn_err *err)
{
	struct lpm01a *p = m->impl;
	int rc = mn_usb_pump(p->usb, timeout_ms, err);
	const uint8_t *bytes;
	size_t n;

	if (rc)
		return rc;
	bytes = mn_usb_bytes(p->usb, &n);
	rc = mn_lpm01a_decode(&p->decoder, bytes, n);
	mn_usb_take(p->usb, n);
	return rc ? rc : ended(p, err);
}

/* What it sends on the way to its end belongs to no window. */
static void stop(struct mn_meter *m)
{
	struct lpm01a *p = m->impl;

	if (p->running && !send(p, "stop", NULL))
		(void)mn_usb_drain(p->usb, QUIET_MS, STOP_MS, NULL);
	p->running = 0;
}

const struct mn_meter_ops mn_meter_lpm01a = {
	.name = "lpm01a",
	.what = "ST X-NUCLEO-LPM01A and STLINK-V3PWR",
	.list = list,
	.open = open_lpm01a,
	.configure = configure,
	.start = start,
	.pump = pump,
	.stop = stop,
	.close = close_lpm01a,
};
