/* SPDX-License-Identifier: MIT */
/* The JS220's frames: pure functions. facts/joulescope.md, section 2. */
#ifndef MN_JS220_PROTOCOL_H
#define MN_JS220_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "meter.h"

enum {
	MN_JS220_FRAME = 512,
	MN_JS220_PAYLOAD = MN_JS220_FRAME - 4,
	MN_JS220_TICK_HZ = 2000000,
	MN_JS220_PERIOD = 2, /* ticks of a sample of current or voltage */
	MN_JS220_TOPIC = 32,
	MN_JS220_MARKERS = 2,
};

enum mn_js220_port {
	MN_JS220_CONTROL = 0,
	MN_JS220_PUBSUB = 1,
	MN_JS220_CURRENT = 21,
	MN_JS220_VOLTAGE = 22,
	MN_JS220_GPI0 = 24,
};

enum mn_js220_type { MN_JS220_NULL = 0, MN_JS220_JSON = 2, MN_JS220_U8 = 7, MN_JS220_U32 = 9 };

/* A frame, its payload inside of the bytes that it was read from. */
struct mn_js220_frame {
	uint16_t id;
	unsigned port;
	size_t length;
	const uint8_t *payload;
};

/* MN_E_PROTOCOL: no frame starts here. */
int mn_js220_frame(const uint8_t bytes[MN_JS220_FRAME], struct mn_js220_frame *ret_frame);

/* What a message of port 1 says. */
struct mn_js220_message {
	char topic[MN_JS220_TOPIC + 1];
	unsigned type;
	uint64_t value;   /* of numbers */
	const char *text; /* of JSON; text_len bytes, no NUL */
	size_t text_len;
};
int mn_js220_message(const struct mn_js220_frame *frame, struct mn_js220_message *ret_message);

/* The answer to CONNECT. */
struct mn_js220_connect {
	uint8_t status;
	uint32_t protocol, firmware, hardware, fpga; /* major 8, minor 8, patch 16 bit */
};
/* 1 if the frame is that, else 0. */
int mn_js220_is_connect(const struct mn_js220_frame *frame, struct mn_js220_connect *ret_connect);
/* If it asks for the time: the answer into out, its length; else 0. utc: 34Q30 since 2018. */
size_t mn_js220_timesync(const struct mn_js220_frame *frame, uint16_t id, int64_t utc,
			 uint8_t out[MN_JS220_FRAME]);

/* A message to the instrument into out; returns its length. topic is shorter than MN_JS220_TOPIC.
 */
size_t mn_js220_publish(uint16_t id, const char *topic, enum mn_js220_type type, uint64_t value,
			uint8_t out[MN_JS220_FRAME]);

/*
 * The value that stands for a name in the JSON of a topic's metadata:
 * {"options": [[0, "off"], [1, "auto"]]}. MN_E_NOTFOUND, MN_E_SYNTAX.
 */
int mn_js220_option(const char *json, size_t len, const char *name, uint8_t *ret_value);

enum { MN_JS220_SLOTS = 1 << 16, MN_JS220_BATCH = 1024 };

struct mn_js220_stats {
	uint64_t samples;
	uint64_t frames_lost; /* by their numbers */
	uint64_t duplicates;  /* samples that came twice */
	uint64_t bad_frames;
};

typedef int mn_js220_emit(void *arg, const struct mn_meter_sample *samples, size_t n);

/* One signal: where it is, and what came of it. */
struct mn_js220_signal {
	int started;
	uint64_t next;                  /* sample id that should come */
	uint32_t stamp[MN_JS220_SLOTS]; /* id / 2 + 1 of what is in the slot, 0: nothing */
};

/* Puts current, voltage and lines of the same time together. Large: allocate it. */
struct mn_js220_decoder {
	struct mn_js220_stats stats;
	struct mn_js220_signal signals[2 + MN_JS220_MARKERS];
	float current_A[MN_JS220_SLOTS], voltage_V[MN_JS220_SLOTS];
	uint8_t lines[MN_JS220_MARKERS][MN_JS220_SLOTS];  /* bit 0: first tick, 1: second */
	uint8_t halves[MN_JS220_MARKERS][MN_JS220_SLOTS]; /* which of the two came */
	uint64_t base, at; /* ids: first and next sample to hand out, in slots of 2 ticks */
	uint64_t latest;   /* newest of all signals */
	int started, has_bits;
	uint8_t bits;
	int has_frame;
	uint16_t frame;
	mn_js220_emit *emit;
	void *arg;
	struct mn_meter_sample batch[MN_JS220_BATCH];
	size_t n_batch;
};

void mn_js220_decoder_init(struct mn_js220_decoder *decoder, mn_js220_emit *emit, void *arg);
/* One frame of any port. What emit returned, else 0. */
int mn_js220_decode(struct mn_js220_decoder *decoder, const struct mn_js220_frame *frame);

#endif
