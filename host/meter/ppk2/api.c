/* SPDX-License-Identifier: MIT */
#include "ppk2.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"
#include "usb.h"

#define QUIET_MS          100
#define DRAIN_MS          3000
#define METADATA_MS       1000
#define METADATA_TRIES    5
#define CHUNK             4096
#define DFU_SEMVER        0x08 /* [C] the text is like "power_profiler_kit_2 1.2.4-db16a94" */
#define REQUEST_VENDOR_IN 0xc1

static const struct mn_usb_id ids[] = {
	/* 1915:c00a is shared with other firmware of Nordic's. */
	{0x1915, 0xc00a, "PPK2", "PPK2", 0, NULL},
	{0x1915, 0x521f, NULL, "PPK2", 0,
	 "the PPK2 is in its bootloader and cannot measure: unplug it and plug it in again; if "
	 "that "
	 "does not help, install its firmware with Nordic's Power Profiler application"},
	{0},
};

int mn_ppk2_real_time = 1;

struct ppk2 {
	struct mn_usb *usb;
	struct mn_ppk2_calibration cal;
	struct mn_ppk2_decoder decoder;
	int powered;
	struct mn_meter_sample out[MN_PPK2_OUT(CHUNK)];
};

static int list(struct mn_meter_found **found, size_t *n, struct mn_err *err)
{
	return mn_usb_list("ppk2", ids, found, n, err);
}

static int send(struct ppk2 *p, struct mn_err *err, size_t n, const uint8_t *bytes)
{
	return mn_usb_write(p->usb, bytes, n, err);
}

#define SEND(p, err, ...)                                                                          \
	send(p, err, sizeof((const uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__})

/* A kit that was left streaming by a killed program has kilobytes to say first. */
static int silence(struct ppk2 *p, struct mn_err *err)
{
	int rc = SEND(p, err, MN_PPK2_STOP);

	return rc ? rc : mn_usb_drain(p->usb, QUIET_MS, DRAIN_MS, err);
}

/* The answer to one request. MN_E_AGAIN: it did not come in time. */
static int ask_metadata(struct ppk2 *p, struct mn_err *err)
{
	uint64_t until = mn_usb_now_ns() + METADATA_MS * (uint64_t)1000000;
	int rc = SEND(p, err, MN_PPK2_GET_METADATA);

	while (!rc) {
		uint64_t now = mn_usb_now_ns();
		size_t n, used;
		const uint8_t *bytes = mn_usb_bytes(p->usb, &n);

		if (now >= until)
			return MN_E_AGAIN;
		/* What came stays until it is whole. */
		rc = mn_ppk2_metadata_parse(bytes, n, &p->cal, &used, err);
		if (!rc) {
			mn_usb_take(p->usb, used);
			return 0;
		}
		if (rc != MN_E_AGAIN)
			return rc;
		rc = mn_usb_more(p->usb, (int)((until - now) / 1000000) + 1, err);
	}
	return rc;
}

static int read_metadata(struct ppk2 *p, struct mn_err *err)
{
	int rc = MN_E_AGAIN;

	for (int i = 0; i < METADATA_TRIES && (rc == MN_E_AGAIN || rc == MN_E_PROTOCOL); i++) {
		rc = silence(p, err);
		if (!rc)
			rc = ask_metadata(p, err);
	}
	if (rc == MN_E_AGAIN)
		return mn_err_set(err, MN_E_TIMEOUT,
				  "the PPK2 %s does not answer: unplug it and plug it in again",
				  mn_usb_serial(p->usb));
	return rc;
}

/* As Nordic's application: a user gain that is far from 1 was never meant. */
static int reset_gains(struct ppk2 *p, struct mn_err *err)
{
	int rc = 0;

	for (int r = 0; r < MN_PPK2_RANGES && !rc; r++) {
		if (fabs(p->cal.ug[r] - 1) <= 0.1)
			continue;
		rc = SEND(p, err, MN_PPK2_USER_GAIN, (uint8_t)r, 0, 0, 0x80, 0x3f /* 1.0f */);
		p->cal.ug[r] = 1;
	}
	return rc;
}

static void write_calibration(const struct mn_ppk2_calibration *cal, char *buf, size_t size)
{
	const struct {
		const char *name;
		const double *values;
	} rows[] = {{"R", cal->r}, {"GS", cal->gs}, {"GI", cal->gi}, {"O", cal->o},
		    {"S", cal->s}, {"I", cal->i},   {"UG", cal->ug}};
	size_t used =
		(size_t)snprintf(buf, size, "ppk2 calibrated=%d hw=%d", cal->calibrated, cal->hw);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int r = 0; r < MN_PPK2_RANGES && used < size; r++)
			used += (size_t)snprintf(buf + used, size - used, " %s%d=%.9g",
						 rows[i].name, r, rows[i].values[r]);
}

/* "1.2.4-db16a94" from the interface that firmware updates use; else the release number. */
static void read_firmware(struct ppk2 *p, char *buf, size_t size)
{
	char text[64] = "";
	const char *version;
	int n = mn_usb_control(p->usb, REQUEST_VENDOR_IN, DFU_SEMVER, 0, 0, text, sizeof(text) - 1,
			       NULL);

	version = n > 0 ? strrchr(text, ' ') : NULL;
	for (const char *c = version; c && *c; c++)
		if (*c < ' ' || *c > '~')
			version = NULL;
	snprintf(buf, size, "%s", version ? version + 1 : mn_usb_release(p->usb));
}

static void close_ppk2(struct mn_meter *m)
{
	struct ppk2 *p = m->impl;

	if (p->powered)
		(void)SEND(p, NULL, MN_PPK2_STOP, MN_PPK2_POWER, 0);
	mn_usb_close(p->usb);
	free(p);
}

static int open_ppk2(struct mn_meter *m, const char *serial, struct mn_err *err)
{
	struct ppk2 *p = calloc(1, sizeof(*p));
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
	rc = mn_usb_claim_cdc(p->usb, 115200, err);
	if (!rc)
		rc = mn_usb_read_start(p->usb, 4096, err);
	if (!rc)
		rc = read_metadata(p, err);
	if (!rc)
		rc = reset_gains(p, err);
	if (rc) {
		close_ppk2(m);
		m->impl = NULL;
		return rc;
	}
	snprintf(m->info.model, sizeof(m->info.model), "%s", id->model);
	snprintf(m->info.serial, sizeof(m->info.serial), "%s", mn_usb_serial(p->usb));
	read_firmware(p, m->info.firmware, sizeof(m->info.firmware));
	write_calibration(&p->cal, m->info.calibration, sizeof(m->info.calibration));
	m->caps = (struct mn_meter_caps){
		.tick_hz = MN_PPK2_SAMPLE_HZ,
		.period_ticks = 1,
		.n_markers = 8,
		.max_current_uA = MN_PPK2_MAX_UA,
		.min_volt_mV = MN_PPK2_MIN_MV,
		.max_volt_mV = MN_PPK2_MAX_MV,
	};
	return 0;
}

static int configure(struct mn_meter *m, const struct mn_meter_config *config, struct mn_err *err)
{
	struct ppk2 *p = m->impl;
	uint8_t high = (uint8_t)(config->volt_mV >> 8), low = (uint8_t)config->volt_mV;
	int source = config->mode == MN_METER_SOURCE, rc;

	if (config->sample_hz && config->sample_hz != MN_PPK2_SAMPLE_HZ)
		return mn_err_set(err, MN_E_INVALID, "a PPK2 samples at %d Hz, not at %u",
				  MN_PPK2_SAMPLE_HZ, config->sample_hz);
	if (config->range >= 0)
		return mn_err_set(err, MN_E_INVALID, "a PPK2 chooses its range itself");
	if (config->volt_mV > MN_PPK2_MAX_MV || (source && config->volt_mV < MN_PPK2_MIN_MV))
		return mn_err_set(err, MN_E_INVALID, "a PPK2 works with %d to %d mV, not %u",
				  MN_PPK2_MIN_MV, MN_PPK2_MAX_MV, config->volt_mV);
	/* Off while it changes over to supplying: the old voltage must not reach the board. */
	rc = source ? SEND(p, err, MN_PPK2_POWER, 0) : 0;
	if (!rc && config->volt_mV >= MN_PPK2_MIN_MV)
		rc = SEND(p, err, MN_PPK2_VOLTAGE, high, low);
	if (!rc)
		rc = SEND(p, err, MN_PPK2_MODE, source ? 2 : 1);
	/* In ampere mode it closes the path through the kit. */
	if (!rc)
		rc = SEND(p, err, MN_PPK2_POWER, 1);
	if (!rc)
		p->powered = 1;
	return rc;
}

static int start(struct mn_meter *m, struct mn_err *err)
{
	struct ppk2 *p = m->impl;
	int rc = silence(p, err);

	if (rc)
		return rc;
	mn_ppk2_decoder_init(&p->decoder, &p->cal, m->config.volt_mV);
	return SEND(p, err, MN_PPK2_START);
}

static int pump(struct mn_meter *m, int timeout_ms, struct mn_err *err)
{
	struct ppk2 *p = m->impl;
	int rc = mn_usb_pump(p->usb, timeout_ms, err);
	const uint8_t *bytes;
	size_t n;

	if (rc)
		return rc;
	bytes = mn_usb_bytes(p->usb, &n);
	if (!n)
		return 0;
	for (size_t at = 0; at < n && !rc;) {
		size_t part = n - at < CHUNK ? n - at : CHUNK;
		size_t made = mn_ppk2_decode(&p->decoder, bytes + at, part, p->out);

		rc = mn_meter_push(m, p->out, made);
		at += part;
	}
	mn_usb_take(p->usb, n);
	if (mn_ppk2_real_time)
		(void)mn_ppk2_arrived(&p->decoder, mn_usb_now_ns());
	return rc;
}

static void stop(struct mn_meter *m)
{
	/* An error means that it is gone, and pump() has said so. */
	(void)silence(m->impl, NULL);
}

const struct mn_meter_ops mn_meter_ppk2 = {
	.name = "ppk2",
	.what = "Nordic Power Profiler Kit II",
	.list = list,
	.open = open_ppk2,
	.configure = configure,
	.start = start,
	.pump = pump,
	.stop = stop,
	.close = close_ppk2,
};
