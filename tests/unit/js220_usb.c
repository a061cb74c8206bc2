/* SPDX-License-Identifier: MIT */
#include "js220_usb.h"

#include <errno.h>
#include <string.h>

static void put(uint8_t *p, uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* A frame of a port; its payload is filled in by the caller. NULL: it gets lost. */
static uint8_t *frame(struct js220_usb *p, unsigned port, size_t length)
{
	static uint8_t lost[MN_JS220_FRAME];
	uint8_t *f = p->n_out < sizeof(p->out) ? p->out + p->n_out : lost;

	memset(f, 0, MN_JS220_FRAME);
	put(f, p->id++ | (uint32_t)length << 16 | (uint32_t)port << 25, 4);
	if (port >= 16 && ++p->frames == p->lose_frame_at)
		return lost + 4;
	if (f != lost)
		p->n_out += MN_JS220_FRAME;
	return f + 4;
}

static void answer_connect(struct js220_usb *p)
{
	uint8_t *f = frame(p, 0, 24);

	f[0] = 1;
	f[1] = p->connect_status;
	put(f + 4, p->protocol, 4);
	put(f + 12, 0x01030000, 4); /* 1.3.0 */
	put(f + 16, 0x01000000, 4);
	put(f + 20, 0x01030001, 4);
	/* It asks for the time at once. */
	f = frame(p, 0, 44);
	f[0] = 3;
	put(f + 12, 0x1122334455667788, 8);
}

static void say(struct js220_usb *p, const char *topic, unsigned type, const void *data, size_t n)
{
	uint8_t *f = frame(p, 1, 36 + n);

	memcpy(f, topic, strlen(topic));
	f[32] = (uint8_t)type;
	memcpy(f + 36, data, n);
}

static int control(void *arg, const uint8_t setup[8], uint8_t *data, int n)
{
	struct js220_usb *p = arg;

	if (setup[0] != 0xc0 || n < 1)
		return -EPIPE;
	data[0] = 0;
	p->n_out = p->at = 0;
	p->streaming = 0;
	p->connected = setup[1] == 1;
	if (p->connected)
		answer_connect(p);
	return 1;
}

static void out(void *arg, const uint8_t *bytes, size_t n)
{
	static const char mode[] = "{\"dtype\": \"u8\", \"brief\": \"range\", \"options\": [[0, "
				   "\"off\"], [3, \"auto\"], [4, \"manual\"]]}";
	static const char *const streams[] = {"s/i/ctrl", "s/v/ctrl", "s/gpi/0/ctrl",
					      "s/gpi/1/ctrl"};
	struct js220_usb *p = arg;
	const char *topic = (const char *)bytes + 4;
	uint32_t value = 0;

	if (n < 48)
		return;
	if ((bytes[3] >> 1) == 0) { /* port 0: the time */
		memcpy(&p->utc_answered, bytes + 24, 8);
		return;
	}
	memcpy(&value, bytes + 40, 4);
	if (!strcmp(topic, "$") && !p->no_metadata)
		say(p, "s/i/range/mode$", 2, mode, sizeof(mode));
	if (!strcmp(topic, "c/!ping"))
		say(p, "c/!pong", 9, bytes + 40, 8);
	if (!strcmp(topic, "s/i/range/mode"))
		p->range_mode = (uint8_t)value;
	for (int i = 0; i < 4; i++)
		if (!strcmp(topic, streams[i])) {
			int was = p->streaming;

			p->streaming = value ? was | 1 << i : was & ~(1 << i);
			if (!was)
				p->tick = p->frames = 0;
		}
}

/* 4032 ticks: 16 frames each of current and voltage, and one of each line. */
static void run(struct js220_usb *p)
{
	uint8_t *f;

	for (unsigned k = 0; k < 16; k++) {
		uint64_t tick = p->tick + k * 252;

		f = frame(p, MN_JS220_CURRENT, 508);
		put(f, (uint32_t)(p->first_id + tick), 4);
		for (unsigned i = 0; i < 126; i++) {
			uint8_t bits;
			float A;
			uint32_t raw;

			p->source(p->source_arg, tick + 2 * i, &A, &bits);
			memcpy(&raw, &A, 4);
			put(f + 4 + 4 * i,
			    p->nan_at && tick / 2 + i == p->nan_at ? 0x7fc00000 : raw, 4);
		}
		if (p->frames == p->repeat_frame_at && p->n_out < sizeof(p->out)) {
			memcpy(frame(p, MN_JS220_CURRENT, 508), f, 508);
		}
		f = frame(p, MN_JS220_VOLTAGE, 508);
		put(f, (uint32_t)(p->first_id + tick), 4);
		for (unsigned i = 0; i < 126; i++)
			put(f + 4 + 4 * i, 0x40533333 /* 3.3 */, 4);
	}
	for (unsigned line = 0; line < 2; line++) {
		f = frame(p, MN_JS220_GPI0 + line, 508);
		put(f, (uint32_t)(p->first_id + p->tick), 4);
		for (unsigned i = 0; i < 4032; i++) {
			uint8_t bits;
			float A;

			p->source(p->source_arg, p->tick + i, &A, &bits);
			f[4 + i / 8] |= (uint8_t)((bits >> line & 1) << (i % 8));
		}
	}
	p->tick += 4032;
}

static int in(void *arg, uint8_t *buf, size_t size)
{
	struct js220_usb *p = arg;
	size_t n;

	if (p->unplug_at && p->frames >= p->unplug_at) {
		p->usb.unplugged = 1;
		return -ENODEV;
	}
	if (p->streaming == 15 && p->at == p->n_out) {
		p->n_out = p->at = 0;
		for (int i = 0; i < 4; i++)
			run(p);
	}
	n = p->n_out - p->at;
	if (!n)
		return -EAGAIN;
	if (n > size)
		n = size;
	memcpy(buf, p->out + p->at, n);
	p->at += n;
	if (p->at == p->n_out)
		p->at = p->n_out = 0;
	return (int)n;
}

void js220_usb_plug(struct js220_usb *p, UMockdevTestbed *testbed, uint8_t address,
		    js220_source *source, void *arg)
{
	const struct usb_fake_model model = {.arg = p, .control = control, .out = out, .in = in};
	struct usb_fake_config config;

	memset(p, 0, sizeof(*p));
	p->source = source;
	p->source_arg = arg;
	p->protocol = 0x01000000;
	p->first_id = UINT32_MAX - 100000 + 1;
	usb_fake_config_begin(&config, 0x16d0, 0x10ba, 0x0100);
	usb_fake_interface(&config, 0, 0xff, 0, 0, 2);
	usb_fake_endpoint(&config, 0x82, 2, 512);
	usb_fake_endpoint(&config, 0x01, 2, 512);
	usb_fake_plug(&p->usb, testbed, address, &config, "JS220", JS220_SERIAL, &model);
}
