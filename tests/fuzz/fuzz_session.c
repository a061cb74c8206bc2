/* SPDX-License-Identifier: MIT */
/*
 * The firmware's session on a fake board with little memory: raw bytes, frames with a right CRC
 * around any payload, and whole batches of any probes and steps. Nothing is touched that is not the
 * session's, and after everything the board still answers a PING.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_board.h"
#include "session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA = 2048, POOL = 2048, BATCH = 1024, RESULTS = 1024 };

struct input {
	const uint8_t *data;
	size_t left;
};

static struct mn_session session;

static void take(struct input *in, void *to, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	memset(to, 0, n);
	if (have)
		memcpy(to, in->data, have);
	in->data += have;
	in->left -= have;
}

static uint8_t take_byte(struct input *in)
{
	uint8_t byte;

	take(in, &byte, 1);
	return byte;
}

static void feed(const uint8_t *bytes, size_t n)
{
	memcpy(fake.rx, bytes, n);
	fake.rx_len = n;
	fake.rx_at = fake.tx_len = 0;
	while (fake.rx_at < fake.rx_len)
		mn_session_poll(&session);
	mn_session_poll(&session);
}

static void feed_frame(uint8_t version, uint8_t type, const uint8_t *payload, int len)
{
	struct mn_frame frame = {version, type, 7, payload, (uint16_t)len};
	static uint8_t bytes[MN_WIRE_FRAME_MAX];

	len = mn_frame_encode(&frame, bytes, sizeof(bytes));
	if (len > 0)
		feed(bytes, (size_t)len);
}

static void feed_batch(struct input *in)
{
	uint8_t batch[BATCH], payload[BATCH + 64];
	uint32_t n = 0;
	struct mn_msg_load load = {.batch = 1u + take_byte(in) % 16, .data = batch};
	struct mn_msg_run run = {.batch = load.batch, .n_probes = take_byte(in) % 4};

	for (uint16_t i = 0; i < run.n_probes; i++) {
		uint8_t sizes = take_byte(in);
		struct mn_rec_probe probe = {
			.kernels = sizes & 1,
			.mode = take_byte(in) & 7,
			.warmup = sizes >> 1 & 1,
			.reps = sizes >> 2 & 3,
			.seed = sizes,
			.n_steps = sizes >> 5,
		};

		take(in, &probe.arena_bytes, 2);
		n += (uint32_t)mn_wire_pack_probe(&probe, batch + n, MN_SESSION_PROBE_BYTES);
		for (uint16_t k = 0; k < probe.n_steps; k++) {
			if (n + MN_SESSION_STEP_BYTES + MN_SESSION_PROBE_BYTES * 4 > BATCH)
				break;
			take(in, batch + n, MN_SESSION_STEP_BYTES);
			n += MN_SESSION_STEP_BYTES;
		}
		if (n + MN_SESSION_PROBE_BYTES > BATCH)
			break;
	}
	load.total = n;
	load.data_len = (uint16_t)n;
	run.crc = mn_crc32c(0, batch, n);
	feed_frame(MN_PROTO_MAX, MN_MSG_LOAD, payload,
		   mn_wire_pack_load(&load, payload, sizeof(payload)));
	feed_frame(MN_PROTO_MAX, MN_MSG_RUN, payload,
		   mn_wire_pack_run(&run, payload, sizeof(payload)));
	feed_frame(MN_PROTO_MAX, MN_MSG_RUN, payload,
		   mn_wire_pack_run(&run, payload, sizeof(payload)));
}

static void must_answer(void)
{
	static const uint8_t separator[1] = {0};
	static const uint8_t ping[4] = {1, 2, 3, 4};
	struct mn_frame_decoder decoder;
	struct mn_frame frame;

	feed(separator, 1);
	feed_frame(MN_PROTO_MAX, MN_MSG_PING, ping, 4);
	mn_frame_decoder_init(&decoder);
	for (size_t i = 0; i < fake.tx_len; i++) {
		if (mn_frame_feed(&decoder, fake.tx[i], &frame) == 1 && frame.type == MN_MSG_PONG)
			return;
	}
	fprintf(stderr, "broken: no answer to PING\n");
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct mn_session_buffers buffers = {
		.batch = malloc(MN_SESSION_SLACK(BATCH) + BATCH),
		.batch_bytes = BATCH,
		.results = malloc(RESULTS),
		.result_bytes = RESULTS,
	};

	fake_board_init(ARENA, POOL);
	mn_session_init(&session, &buffers);
	while (in.left) {
		uint8_t what = take_byte(&in), bytes[256], n;

		switch (what % 3) {
		case 0:
			n = take_byte(&in);
			take(&in, bytes, n);
			feed(bytes, n);
			break;
		case 1:
			n = take_byte(&in);
			take(&in, bytes, n);
			feed_frame(what & 0x80 ? what : MN_PROTO_MAX, bytes[0], bytes + 1,
				   n ? n - 1 : 0);
			break;
		default:
			feed_batch(&in);
			break;
		}
	}
	must_answer();
	free(buffers.batch);
	free(buffers.results);
	fake_board_free();
	return 0;
}
