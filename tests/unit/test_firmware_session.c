/* SPDX-License-Identifier: MIT */
/* Conversations with the firmware's session on a fake board. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "clock_check.h"
#include "elapsed.h"
#include "err.h"
#include "fake_board.h"
#include "program.h"
#include "session.h"
#include "uart_rate.h"
#include "wire.h"

#define ARENA        65536u
#define POOL         65536u
#define BATCH_BYTES  6144u
#define RESULT_BYTES 4096u

static struct mn_session session;
static struct mn_session_buffers buffers;

/* What the board has sent since the last clear, frame by frame. */
static struct reply {
	uint8_t type;
	uint16_t seq;
	uint16_t len;
	uint8_t payload[MN_WIRE_PAYLOAD_MAX];
} replies[128];
static unsigned n_replies;

/* A batch under construction. */
static uint8_t batch[65536];
static uint32_t batch_len;
static uint16_t batch_probes;

/* What run() asks for besides. */
static struct mn_measure_energy wanted;

static int setup_with(uint32_t batch_bytes, uint32_t result_bytes)
{
	fake_board_init(ARENA, POOL);
	/* From the heap, so that the sanitizer sees the first byte too many. */
	buffers.batch = malloc(MN_SESSION_SLACK(batch_bytes) + batch_bytes);
	buffers.batch_bytes = batch_bytes;
	buffers.results = malloc(result_bytes);
	buffers.result_bytes = result_bytes;
	mn_session_init(&session, &buffers);
	session.firmware = "1.2.3";
	session.compiler = "gcc test";
	session.flags = "-O9";
	batch_len = batch_probes = 0;
	wanted = (struct mn_measure_energy){0};
	n_replies = 0;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_with(BATCH_BYTES, RESULT_BYTES);
}

static int teardown(void **state)
{
	(void)state;
	free(buffers.batch);
	free(buffers.results);
	fake_board_free();
	return 0;
}

static void decode_replies(void)
{
	static struct mn_frame_decoder decoder;
	struct mn_frame frame;

	mn_frame_decoder_init(&decoder);
	n_replies = 0;
	for (size_t i = 0; i < fake.tx_len; i++) {
		int r = mn_frame_feed(&decoder, fake.tx[i], &frame);

		assert_true(r >= 0);
		if (r != 1)
			continue;
		assert_true(n_replies < sizeof(replies) / sizeof(replies[0]));
		replies[n_replies].type = frame.type;
		replies[n_replies].seq = frame.seq;
		replies[n_replies].len = frame.len;
		memcpy(replies[n_replies].payload, frame.payload, frame.len);
		n_replies++;
	}
}

static void poll_all(void)
{
	while (fake.rx_at < fake.rx_len || fake.rx_framing)
		mn_session_poll(&session);
	mn_session_poll(&session);
}

static void send_bytes(const uint8_t *data, size_t len)
{
	fake.rx_at = 0;
	memcpy(fake.rx, data, len);
	fake.rx_len = len;
	fake.tx_len = 0;
	poll_all();
	decode_replies();
}

static void send_frame(uint8_t version, uint8_t type, uint16_t seq, const uint8_t *payload, int len)
{
	uint8_t bytes[MN_WIRE_FRAME_MAX];
	struct mn_frame frame = {version, type, seq, payload, (uint16_t)len};

	assert_true(len >= 0);
	len = mn_frame_encode(&frame, bytes, sizeof(bytes));
	assert_true(len > 0);
	send_bytes(bytes, (size_t)len);
}

#define SEND(NAME, name, seq, ...)                                                                 \
	do {                                                                                       \
		struct mn_msg_##name m_ = {__VA_ARGS__};                                           \
		uint8_t p_[MN_WIRE_PAYLOAD_MAX];                                                   \
		send_frame(MN_PROTO_MAX, MN_MSG_##NAME, seq, p_,                                   \
			   mn_wire_pack_##name(&m_, p_, sizeof(p_)));                              \
	} while (0)

#define REPLY(i, NAME, name, msg)                                                                  \
	do {                                                                                       \
		assert_true((i) < n_replies);                                                      \
		assert_int_equal(replies[i].type, MN_MSG_##NAME);                                  \
		assert_true(mn_wire_unpack_##name(replies[i].payload, replies[i].len, msg) >= 0);  \
	} while (0)

static int error_code(unsigned i)
{
	struct mn_msg_error error;

	REPLY(i, ERROR, error, &error);
	assert_true(error.text[0] != '\0');
	return error.code;
}

static struct mn_layer layer_of(const char *text)
{
	struct mn_layer layer;
	const char *why = NULL;

	if (mn_layer_parse(text, strlen(text), &layer, NULL, &why))
		fail_msg("%s: %s", text, why);
	return layer;
}

#define CONV "conv_2d in=1x6x6x4 out_c=8 kernel=3x3 padding=same act=relu"

static void add_program(struct mn_rec_probe probe, const struct mn_step *steps)
{
	int r = mn_wire_pack_probe(&probe, batch + batch_len, sizeof(batch) - batch_len);

	assert_int_equal(r, MN_SESSION_PROBE_BYTES);
	batch_len += (uint32_t)r;
	for (uint32_t i = 0; i < probe.n_steps; i++) {
		struct mn_rec_step rec;

		mn_wire_step_to_rec(&steps[i], &rec);
		r = mn_wire_pack_step(&rec, batch + batch_len, sizeof(batch) - batch_len);
		assert_int_equal(r, MN_SESSION_STEP_BYTES);
		batch_len += (uint32_t)r;
	}
	batch_probes++;
}

/* tag is the index in the batch. */
static void add_layer(const char *text, struct mn_rec_probe probe)
{
	struct mn_layer layer = layer_of(text);
	const struct mn_kernel_set *set = mn_kernel_sets[0];
	const struct mn_kernel *kernel = mn_kernel_find(set, (enum mn_op)layer.op);
	struct mn_step step;
	struct mn_program program;

	assert_non_null(kernel);
	assert_int_equal(mn_program_single(&layer, kernel->scratch_bytes(&layer), &step, &program),
			 0);
	probe.tag = batch_probes;
	probe.n_steps = 1;
	probe.arena_bytes = program.arena_bytes;
	add_program(probe, &step);
}

static void load(uint32_t number)
{
	struct mn_msg_loaded loaded;

	for (uint32_t at = 0; at < batch_len;) {
		uint32_t n = batch_len - at < 1500 ? batch_len - at : 1500;

		SEND(LOAD, load, (uint16_t)at, .batch = number, .total = batch_len, .offset = at,
		     .data = batch + at, .data_len = (uint16_t)n);
		REPLY(0, LOADED, loaded, &loaded);
		at += n;
		assert_int_equal(loaded.received, at);
	}
}

static void run(uint32_t number)
{
	SEND(RUN, run, 99, .batch = number, .n_probes = batch_probes,
	     .crc = mn_crc32c(0, batch, batch_len), .energy_us = wanted.min_us,
	     .energy_reps = wanted.min_reps, .idle_us = wanted.idle_us);
}

/* load(), run(), and the number of results that came, checking the frame of the answer. */
static unsigned load_and_run(uint32_t number)
{
	struct mn_msg_running running;
	struct mn_msg_done done;

	load(number);
	run(number);
	REPLY(0, RUNNING, running, &running);
	assert_int_equal(running.n_probes, batch_probes);
	REPLY(n_replies - 1, DONE, done, &done);
	assert_int_equal(done.batch, number);
	assert_int_equal(done.n_done, n_replies - 2);
	for (unsigned i = 0; i < n_replies; i++)
		assert_int_equal(replies[i].seq, 99);
	return done.n_done;
}

/* CRC of a single layer's output, computed here. */
static uint32_t native_crc(const char *text, uint32_t seed)
{
	struct mn_layer layer = layer_of(text);
	const struct mn_kernel_set *set = mn_kernel_sets[0];
	struct mn_exec_mem mem = fake.memory;
	struct mn_program program;
	struct mn_step step;
	struct mn_exec exec;
	uint32_t crc;

	mem.arena = aligned_alloc(16, ARENA);
	assert_int_equal(
		mn_program_single(&layer,
				  mn_kernel_find(set, (enum mn_op)layer.op)->scratch_bytes(&layer),
				  &step, &program),
		0);
	assert_int_equal(mn_exec_bind(&exec, &program, &mem, set, seed, NULL), 0);
	mn_exec_fill(&exec);
	assert_int_equal(mn_exec_run(&exec), 0);
	crc = mn_exec_output_crc(&exec);
	free(mem.arena);
	return crc;
}

static void hello(void **state)
{
	struct mn_msg_hello h;
	(void)state;

	SEND(HELLO_REQ, hello_req, 7, .proto_min = 1, .proto_max = 9);
	REPLY(0, HELLO, hello, &h);
	assert_int_equal(replies[0].seq, 7);
	assert_int_equal(h.proto, MN_PROTO_MAX);
	assert_string_equal(h.firmware, "1.2.3");
	assert_string_equal(h.board, "fake");
	assert_int_equal(h.chip_id, 0x10006421);
	assert_int_equal(h.cpuid, 0x410fc241);
	assert_int_equal(h.uid2, 3);
	assert_int_equal(h.clock_source, MN_CLOCK_HSE_BYPASS);
	assert_int_equal(h.clock_set_hz, 180000000);
	assert_int_equal(h.clock_measured_hz, 180000100);
	assert_int_equal(h.hse_measured_hz, 8010000);
	assert_int_equal(h.wait_states, 5);
	assert_int_equal(h.caches, MN_CACHE_ART_I | MN_CACHE_PREFETCH);
	assert_int_equal(h.counter_status, 0);
	assert_int_equal(h.counter_cycles, 262150);
	assert_int_equal(h.arena_bytes, ARENA);
	assert_int_equal(h.pool_bytes, POOL);
	assert_int_equal(h.bias_pool_bytes, 4 * MN_BIAS_WORDS);
	assert_int_equal(h.batch_bytes, BATCH_BYTES);
	assert_int_equal(h.result_bytes, RESULT_BYTES);
	assert_int_equal(h.reps_max, MN_MEASURE_REPS_MAX);
	assert_memory_equal(h.kernels, mn_kernel_sets[0]->id, strlen(mn_kernel_sets[0]->id));
	assert_string_equal(h.compiler, "gcc test");
	assert_string_equal(h.flags, "-O9");
	assert_int_equal(strlen(h.image), 40);
	assert_memory_equal(h.image, "abcd01ff0000", 12);
	assert_string_equal(h.marker_pin, "PA8 (D7)");
	assert_string_equal(h.layer_pin, "PA9 (D8)");
}

static void version_mismatch(void **state)
{
	(void)state;
	SEND(HELLO_REQ, hello_req, 1, .proto_min = MN_PROTO_MAX + 1, .proto_max = 200);
	assert_int_equal(error_code(0), MN_E_VERSION);
	SEND(HELLO_REQ, hello_req, 2, .proto_min = 0, .proto_max = MN_PROTO_MIN - 1);
	assert_int_equal(error_code(0), MN_E_VERSION);
	send_frame(MN_PROTO_MAX + 1, MN_MSG_PING, 3, (const uint8_t[4]){0}, 4);
	assert_int_equal(error_code(0), MN_E_VERSION);
	/* HELLO_REQ itself is understood in whatever version its frame is. */
	send_frame(MN_PROTO_MAX + 5, MN_MSG_HELLO_REQ, 4, (const uint8_t[]){1, MN_PROTO_MAX}, 2);
	assert_int_equal(replies[0].type, MN_MSG_HELLO);
}

static void noise_and_strangers(void **state)
{
	static const uint8_t noise[] = {0x55, 0xff, 0x01, 0x00, 0x00, 0x03, 0x11, 0x22, 0x00};
	uint8_t frame[64];
	struct mn_frame ping = {MN_PROTO_MAX, MN_MSG_PING, 5, (const uint8_t[4]){1, 2, 3, 4}, 4};
	int len = mn_frame_encode(&ping, frame, sizeof(frame));
	(void)state;

	send_bytes(noise, sizeof(noise));
	assert_int_equal(n_replies, 0);
	/* One flipped bit: dropped in silence, the retry is answered. */
	frame[6] ^= 4;
	send_bytes(frame, (size_t)len);
	assert_int_equal(n_replies, 0);
	frame[6] ^= 4;
	send_bytes(frame, (size_t)len);
	assert_int_equal(n_replies, 1);
	/* An answer that comes back as an echo is no request. */
	send_frame(MN_PROTO_MAX, MN_MSG_PONG, 6, NULL, 0);
	assert_int_equal(n_replies, 0);
	send_frame(MN_PROTO_MAX, 0x55, 6, NULL, 0);
	assert_int_equal(error_code(0), MN_E_UNSUPPORTED);
	/* Every request, too short. */
	for (uint8_t type = MN_MSG_HELLO_REQ; type <= MN_MSG_FETCH; type++) {
		send_frame(MN_PROTO_MAX, type, 6, (const uint8_t[1]){0}, 1);
		assert_int_equal(error_code(0), MN_E_PROTOCOL);
	}
}

static void ping_counts_cycles(void **state)
{
	struct mn_msg_pong a, b;
	(void)state;

	SEND(PING, ping, 1, .token = 0xfeedbeef);
	REPLY(0, PONG, pong, &a);
	assert_int_equal(a.token, 0xfeedbeef);
	/* Three minutes later: the 32-bit counter has wrapped seven times. */
	for (int i = 0; i < 180; i++) {
		fake.cycles += 180000000;
		mn_session_poll(&session);
	}
	SEND(PING, ping, 2, .token = 1);
	REPLY(0, PONG, pong, &b);
	assert_in_range(b.cycles - a.cycles, 180ull * 180000000, 181ull * 180000000);
	assert_in_range(b.micros - a.micros, 180000000, 181000000);
}

static void baud_confirmed(void **state)
{
	struct mn_msg_baud baud;
	(void)state;

	SEND(BAUD, baud, 1, .baud = 921600);
	REPLY(0, BAUD, baud, &baud);
	assert_int_equal(baud.baud, 921600);
	assert_int_equal(fake.baud, 921600);
	SEND(PING, ping, 2, .token = 1);
	fake.cycles += 5 * 180000000ull;
	poll_all();
	assert_int_equal(fake.baud, 921600);
}

static void baud_falls_back(void **state)
{
	(void)state;
	SEND(BAUD, baud, 1, .baud = 921600);
	fake.cycles += 180000000 / 2;
	poll_all();
	assert_int_equal(fake.baud, 921600);
	fake.cycles += 180000000;
	poll_all();
	assert_int_equal(fake.baud, 115200);

	/* A retried BAUD does not make the new rate the one to fall back to. */
	SEND(BAUD, baud, 1, .baud = 921600);
	SEND(BAUD, baud, 1, .baud = 921600);
	fake.cycles += 2 * 180000000ull;
	poll_all();
	assert_int_equal(fake.baud, 115200);
}

static void baud_refused(void **state)
{
	(void)state;
	fake.baud_refused = 2000000;
	SEND(BAUD, baud, 1, .baud = 2000000);
	assert_int_equal(error_code(0), MN_E_INVALID);
	assert_int_equal(fake.baud_sets, 0);
}

static void new_host_at_the_first_rate(void **state)
{
	(void)state;
	SEND(BAUD, baud, 1, .baud = 921600);
	SEND(PING, ping, 2, .token = 1);
	fake.rx_framing = MN_SESSION_FRAMING_MAX;
	poll_all();
	assert_int_equal(fake.baud, 115200);
	/* At that rate framing errors are just lost bytes. */
	fake.rx_framing = 3 * MN_SESSION_FRAMING_MAX;
	poll_all();
	assert_int_equal(fake.baud_sets, 2);
}

static void divider(void **state)
{
	(void)state;
	assert_int_equal(mn_uart_divider(45000000, 115200), 391);
	assert_int_equal(mn_uart_divider(54000000, 115200), 469);
	assert_int_equal(mn_uart_divider(45000000, 921600), 49);
	assert_int_equal(mn_uart_divider(54000000, 921600), 59);
	assert_int_equal(mn_uart_divider(54000000, 2000000), 27);
	assert_int_equal(mn_uart_divider(45000000, 2000000), 0); /* 2.2 % off */
	assert_int_equal(mn_uart_divider(16000000, 115200), 139);
	assert_int_equal(mn_uart_divider(16000000, 921600), 0); /* 2.1 % off */
	assert_int_equal(mn_uart_divider(45000000, 0), 0);
	assert_int_equal(mn_uart_divider(45000000, 45000000), 0);
	assert_int_equal(mn_uart_divider(45000000, UINT32_MAX), 0);
}

static void clock_check(void **state)
{
	const uint32_t hse = 8000000, set = 180000000;
	(void)state;

	assert_int_equal(mn_clock_check(hse, 8000000, set, 180000000), 0);
	assert_int_equal(mn_clock_check(hse, 7700000, set, 180170000), 0);
	/* HSE is 10 MHz: HCLK is 225 MHz, and by HSE's own measure exactly what was set. */
	assert_int_equal(mn_clock_check(hse, 9999685, set, 180000000), MN_E_CLOCK);
	/* The PLL multiplies by something else. */
	assert_int_equal(mn_clock_check(hse, 8000000, set, 168000000), MN_E_CLOCK);
	assert_int_equal(mn_clock_check(hse, 8000000, set, 180190000), MN_E_CLOCK);
	/* Noise on an open input. */
	assert_int_equal(mn_clock_check(hse, 123456, set, 99), 0);
	/* No HSE, or no capture. */
	assert_int_equal(mn_clock_check(hse, 0, set, 0), 0);
	assert_int_equal(mn_clock_check(hse, 0, set, 180000000), 0);
	assert_int_equal(mn_clock_check(hse, 8000000, set, 0), 0);
}

static void one_layer(void **state)
{
	struct mn_msg_result r;
	(void)state;

	add_layer(CONV, (struct mn_rec_probe){.warmup = 2, .reps = 5, .seed = 42});
	assert_int_equal(load_and_run(11), 1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.batch, 11);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.reps, 5);
	/* A repetition is one read of the counter here, and so is one of the empty kernel. */
	assert_int_equal(r.n_cycles, 5 * 1000);
	assert_int_equal(r.n2_cycles, 10 * 1000);
	assert_int_equal(r.overhead_cycles, 1000);
	assert_in_range(r.n_micros, 5000 / 180, 5000 / 180 + 1);
	assert_in_range(r.n2_micros, 10000 / 180, 10000 / 180 + 1);
	assert_int_equal(r.rep_cycles_len, 15 * 4);
	for (int i = 0; i < 15; i++)
		assert_int_equal(mn_get_le32(r.rep_cycles + 4 * i), 1000);
	assert_int_equal(r.step_cycles_len, 0);
	assert_int_equal(r.output_crc, native_crc(CONV, 42));
	assert_int_equal(fake.marker_rises, 2);
	assert_int_equal(fake.marker_high, 0);
	assert_int_equal(fake.irq_masked, 0);
	/* Warm: once before the overhead and before the warm-up of each window, never while the
	 * marker is high. */
	assert_int_equal(fake.invalidations, 3);
	assert_int_equal(fake.invalidations_marked, 0);
}

/* The marker rises for the energy window only, between two times of sleep. */
static void energy_window(void **state)
{
	struct mn_msg_result r;
	struct mn_msg_pong before, after;
	(void)state;

	SEND(PING, ping, 5, .token = 1);
	REPLY(0, PONG, pong, &before);
	wanted = (struct mn_measure_energy){.min_us = 100, .min_reps = 3, .idle_us = 20000};
	add_layer(CONV, (struct mn_rec_probe){.warmup = 2, .reps = 5, .seed = 42});
	assert_int_equal(load_and_run(11), 1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.n2_cycles, 10 * 1000);
	/* 100 us at 180 MHz. Here all of a repetition is the reading of the counter: 8 cycles are
	 * taken as the least that is left of it. */
	assert_int_equal(r.energy_reps, 18000 / 8);
	assert_int_equal(r.energy_cycles, 1000);
	assert_in_range(r.energy_micros, 5, 6);
	assert_int_equal(r.output_crc, native_crc(CONV, 42));
	assert_int_equal(fake.marker_rises, 1);
	assert_int_equal(fake.marker_high, 0);
	assert_int_equal(fake.layer_toggles, 0);
	assert_int_equal(fake.idles, 2);
	assert_int_equal(fake.idle_us, 2 * 20000);
	assert_int_equal(fake.idles_marked, 0);
	/* The cycles that passed asleep are in the time since boot, though the counter missed them.
	 */
	SEND(PING, ping, 6, .token = 2);
	REPLY(0, PONG, pong, &after);
	assert_true(after.cycles - before.cycles > 2 * 20000 * 180);
	assert_in_range((after.cycles - before.cycles) / 180, after.micros - before.micros - 10,
			after.micros - before.micros + 10);
}

static void energy_of_few_repetitions(void **state)
{
	struct mn_msg_result r;
	(void)state;

	wanted = (struct mn_measure_energy){.min_us = 1, .min_reps = 100};
	add_layer(CONV, (struct mn_rec_probe){.reps = 2});
	load_and_run(1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.energy_reps, 100);
}

static void no_energy_when_cold(void **state)
{
	struct mn_msg_result r;
	(void)state;

	wanted = (struct mn_measure_energy){.min_us = 100, .idle_us = 5};
	add_layer(CONV, (struct mn_rec_probe){.mode = MN_PROBE_COLD, .reps = 2});
	load_and_run(1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.energy_reps, 0);
	assert_int_equal(fake.marker_rises, 0);
	assert_int_equal(fake.idles, 0);
}

static void null_probe(void **state)
{
	struct mn_msg_result r;
	(void)state;

	add_layer("null", (struct mn_rec_probe){.reps = 3});
	assert_int_equal(load_and_run(1), 1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.output_crc, 0);
	assert_int_equal(r.n_cycles, 3000);
}

static void every_kernel_set(void **state)
{
	(void)state;
	for (uint8_t k = 0; k < mn_kernel_sets_count(); k++) {
		struct mn_msg_result r;
		struct mn_layer layer = layer_of(CONV);
		struct mn_step step;
		struct mn_program program;

		batch_len = batch_probes = 0;
		assert_int_equal(mn_program_single(&layer,
						   mn_kernel_find(mn_kernel_sets[k], MN_OP_CONV_2D)
							   ->scratch_bytes(&layer),
						   &step, &program),
				 0);
		add_program((struct mn_rec_probe){.kernels = k,
						  .reps = 1,
						  .seed = 3,
						  .n_steps = 1,
						  .arena_bytes = program.arena_bytes},
			    &step);
		assert_int_equal(load_and_run(1u + k), 1);
		REPLY(1, RESULT, result, &r);
		assert_int_equal(r.status, 0);
		assert_int_equal(r.kernels, k);
		assert_int_equal(r.output_crc, native_crc(CONV, 3));
	}
}

static void cold(void **state)
{
	struct mn_msg_result r;
	(void)state;

	add_layer(CONV, (struct mn_rec_probe){.mode = MN_PROBE_COLD, .warmup = 1, .reps = 4});
	load_and_run(1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.mode, MN_PROBE_COLD);
	/* 4 and 8 repetitions, each after an invalidation that no figure holds. */
	assert_int_equal(fake.invalidations_marked, 12);
	assert_int_equal(r.n_cycles, 4000);
	assert_int_equal(r.n2_cycles, 8000);
	assert_in_range(r.n_micros, 4 * (1000 / 180), 4 * (1000 / 180 + 1));
	assert_int_equal(r.rep_cycles_len, 12 * 4);
}

static void counter_wraps(void **state)
{
	struct mn_msg_result r;
	(void)state;

	/* Repetitions of 11 s: each fits 32 bits, the windows do not. */
	fake.cycles_per_read = 2000000000;
	fake.cycles = 0xfffff000;
	add_layer(CONV, (struct mn_rec_probe){.reps = 3});
	load_and_run(1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.n_cycles, 6000000000);
	assert_int_equal(r.n2_cycles, 12000000000);
	assert_int_equal(r.rep_cycles_len, 9 * 4);
	assert_int_equal(mn_get_le32(r.rep_cycles), 2000000000);

	/* Of 50 s: the windows stay exact, and no repetition is reported short. */
	fake.cycles_per_read = 9000000000;
	batch_len = batch_probes = 0;
	add_layer(CONV, (struct mn_rec_probe){.reps = 1});
	load_and_run(2);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.n_cycles, 9000000000);
	assert_int_equal(r.n2_cycles, 18000000000);
	assert_int_equal(r.rep_cycles_len, 0);
}

static void elapsed(void **state)
{
	uint64_t x = 88172645463325252ull;
	(void)state;

	for (int i = 0; i < 100000; i++) {
		uint64_t cycles, off;
		uint32_t micros;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		cycles = x >> (x % 30 + 26); /* below 2^38: 25 minutes */
		micros = (uint32_t)(cycles / 180);
		off = (x >> 5) % 2000; /* the timer read a little late */
		assert_true(mn_elapsed_cycles((uint32_t)cycles, micros + (uint32_t)off,
					      180000000) == cycles);
	}
}

/* conv, add of its output to itself shifted, and a pool that writes where the first input was. */
static uint32_t network(struct mn_step *steps, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct mn_layer layer =
			layer_of(i % 2 ? "max_pool_2d in=1x6x6x4 kernel=3x3 padding=same"
				       : "conv_2d in=1x6x6x4 out_c=4 kernel=3x3 padding=same");
		const struct mn_kernel *kernel =
			mn_kernel_find(mn_kernel_sets[0], (enum mn_op)layer.op);

		/* Two buffers of 144 that take turns, then scratch, then quantisation for each. */
		steps[i] = (struct mn_step){
			.layer = layer,
			.in_off = i % 2 ? 160 : 0,
			.out_off = i % 2 ? 0 : 160,
			.scratch_off = 320,
			.scratch_bytes = kernel->scratch_bytes(&layer),
			.quant_off = 4096 + 64 * i,
			.weight_off = 160 * i,
		};
		assert_true(steps[i].scratch_bytes < 4096 - 320);
	}
	return 4096 + 64 * n;
}

static void program_that_reuses_its_input(void **state)
{
	struct mn_msg_result r;
	struct mn_step steps[6];
	struct mn_program program = {6, network(steps, 6), steps};
	struct mn_exec exec;
	(void)state;

	add_program((struct mn_rec_probe){.mode = MN_PROBE_STEPS,
					  .reps = 2,
					  .seed = 5,
					  .n_steps = 6,
					  .arena_bytes = program.arena_bytes},
		    steps);
	load_and_run(1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.rep_cycles_len, 6 * 4);
	assert_int_equal(r.step_cycles_len, 6 * 4);
	for (int i = 0; i < 6; i++)
		assert_int_equal(mn_get_le32(r.step_cycles + 4 * i), 1000);

	assert_int_equal(mn_exec_bind(&exec, &program, &fake.memory, mn_kernel_sets[0], 5, NULL),
			 0);
	mn_exec_fill(&exec);
	assert_int_equal(mn_exec_run(&exec), 0);
	assert_int_equal(r.output_crc, mn_exec_output_crc(&exec));
}

/* Three steps, seven times: 21 pieces, so 20 toggles; the last piece ends with the window. */
static void layer_toggles(void **state)
{
	struct mn_step steps[3];
	struct mn_rec_probe probe = {.reps = 2, .n_steps = 3, .arena_bytes = network(steps, 3)};
	struct mn_msg_result r;
	(void)state;

	wanted = (struct mn_measure_energy){.min_us = 1, .min_reps = 7, .idle_us = 10};
	add_program(probe, steps);
	load_and_run(1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.energy_reps, 7);
	assert_int_equal(fake.layer_toggles, 20);
	assert_int_equal(fake.layer_high, 0);
	assert_int_equal(fake.marker_rises, 1);
}

/* As many steps as the batch holds: they are unpacked in place, and the sanitizer watches both
 * ends. */
static void largest_programs(void **state)
{
	const uint32_t n = (BATCH_BYTES - MN_SESSION_PROBE_BYTES) / MN_SESSION_STEP_BYTES;
	struct mn_step steps[64];
	struct mn_msg_result r;
	uint32_t arena = network(steps, n);
	struct mn_rec_probe probe = {.reps = 1, .arena_bytes = arena};
	(void)state;

	assert_int_equal(n, 59);
	probe.n_steps = (uint16_t)n;
	add_program(probe, steps);
	load_and_run(1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.status, 0);

	/* The same with smaller ones around it, at every place that its steps can have modulo 8. */
	for (uint16_t before = 1; before < 9; before++) {
		batch_len = batch_probes = 0;
		for (uint16_t i = 0; i < before; i++)
			add_layer("null", (struct mn_rec_probe){.reps = 1});
		probe.n_steps = 48;
		add_program(probe, steps);
		probe.n_steps = 1;
		if (batch_len + 127 <= BATCH_BYTES)
			add_program(probe, steps);
		load_and_run(10u + before);
		for (uint16_t i = 0; i < batch_probes; i++) {
			REPLY(1u + i, RESULT, result, &r);
			assert_int_equal(r.status, 0);
		}
	}
}

static void pieces_in_any_order(void **state)
{
	struct mn_msg_loaded loaded;
	(void)state;

	add_layer(CONV, (struct mn_rec_probe){.reps = 1});
	add_layer(CONV, (struct mn_rec_probe){.reps = 1});
	/* The second piece first: nothing is held. */
	SEND(LOAD, load, 1, .batch = 5, .total = batch_len, .offset = 100, .data = batch + 100,
	     .data_len = 50);
	REPLY(0, LOADED, loaded, &loaded);
	assert_int_equal(loaded.received, 0);
	SEND(LOAD, load, 2, .batch = 5, .total = batch_len, .offset = 0, .data = batch,
	     .data_len = 100);
	REPLY(0, LOADED, loaded, &loaded);
	assert_int_equal(loaded.received, 100);
	/* RUN before it is complete. */
	run(5);
	assert_int_equal(error_code(0), MN_E_AGAIN);
	/* The first again, then one that overlaps what is there. */
	SEND(LOAD, load, 3, .batch = 5, .total = batch_len, .offset = 0, .data = batch,
	     .data_len = 100);
	REPLY(0, LOADED, loaded, &loaded);
	assert_int_equal(loaded.received, 100);
	SEND(LOAD, load, 4, .batch = 5, .total = batch_len, .offset = 60, .data = batch + 60,
	     .data_len = (uint16_t)(batch_len - 60));
	REPLY(0, LOADED, loaded, &loaded);
	assert_int_equal(loaded.received, batch_len);
	run(5);
	assert_int_equal(n_replies, 4);
}

static void bad_pieces(void **state)
{
	(void)state;
	SEND(LOAD, load, 1, .batch = 0, .total = 10, .data = batch, .data_len = 10);
	assert_int_equal(error_code(0), MN_E_INVALID);
	SEND(LOAD, load, 1, .batch = 1, .total = 10, .offset = 5, .data = batch, .data_len = 6);
	assert_int_equal(error_code(0), MN_E_INVALID);
	SEND(LOAD, load, 1, .batch = 1, .total = 10, .offset = UINT32_MAX, .data = batch,
	     .data_len = 6);
	assert_int_equal(error_code(0), MN_E_INVALID);
	SEND(LOAD, load, 1, .batch = 1, .total = BATCH_BYTES + 1, .data = batch, .data_len = 6);
	assert_int_equal(error_code(0), MN_E_TOO_BIG);
	SEND(LOAD, load, 1, .batch = 1, .total = 100, .data = batch, .data_len = 6);
	SEND(LOAD, load, 1, .batch = 1, .total = 101, .data = batch, .data_len = 6);
	assert_int_equal(error_code(0), MN_E_INVALID);
}

static void never_twice(void **state)
{
	struct mn_msg_done done;
	struct mn_msg_loaded loaded;
	struct mn_msg_result first, again;
	(void)state;

	add_layer(CONV, (struct mn_rec_probe){.reps = 2, .seed = 1});
	add_layer(CONV, (struct mn_rec_probe){.reps = 2, .seed = 2});
	assert_int_equal(load_and_run(77), 2);
	REPLY(2, RESULT, result, &first);
	assert_int_equal(fake.marker_rises, 4);
	run(77);
	assert_int_equal(n_replies, 1);
	REPLY(0, DONE, done, &done);
	assert_int_equal(done.n_done, 2);
	/* A late piece of it. */
	SEND(LOAD, load, 1, .batch = 77, .total = batch_len, .offset = 0, .data = batch,
	     .data_len = 50);
	REPLY(0, LOADED, loaded, &loaded);
	assert_int_equal(loaded.received, batch_len);
	run(77);
	REPLY(0, DONE, done, &done);
	/* A new host. */
	SEND(HELLO_REQ, hello_req, 7, .proto_min = 1, .proto_max = MN_PROTO_MAX);
	run(77);
	REPLY(0, DONE, done, &done);
	assert_int_equal(fake.marker_rises, 4);
	SEND(FETCH, fetch, 1, .batch = 77, .index = 1);
	REPLY(0, RESULT, result, &again);
	assert_int_equal(again.tag, 1);
	assert_int_equal(again.output_crc, native_crc(CONV, 2));
	assert_int_equal(again.rep_cycles_len, first.rep_cycles_len);
	SEND(FETCH, fetch, 1, .batch = 77, .index = 0);
	REPLY(0, RESULT, result, &again);
	assert_int_equal(again.tag, 0);
	assert_int_equal(again.output_crc, native_crc(CONV, 1));
	SEND(FETCH, fetch, 1, .batch = 77, .index = 2);
	assert_int_equal(error_code(0), MN_E_NOTFOUND);
	SEND(FETCH, fetch, 1, .batch = 78, .index = 0);
	assert_int_equal(error_code(0), MN_E_NO_BATCH);
}

static void late_frames_of_an_old_batch(void **state)
{
	struct mn_msg_result r;
	(void)state;

	add_layer(CONV, (struct mn_rec_probe){.reps = 1});
	load_and_run(1);
	load_and_run(2);
	SEND(LOAD, load, 1, .batch = 1, .total = batch_len, .offset = 0, .data = batch,
	     .data_len = 50);
	assert_int_equal(error_code(0), MN_E_NO_BATCH);
	run(1);
	assert_int_equal(error_code(0), MN_E_NO_BATCH);
	SEND(FETCH, fetch, 1, .batch = 2, .index = 0);
	REPLY(0, RESULT, result, &r);
	/* A new host may use any number but the one that is held. */
	SEND(HELLO_REQ, hello_req, 7, .proto_min = 1, .proto_max = MN_PROTO_MAX);
	assert_int_equal(load_and_run(1), 1);
}

static void not_loaded(void **state)
{
	(void)state;
	run(1);
	assert_int_equal(error_code(0), MN_E_NO_BATCH);
	run(0);
	assert_int_equal(error_code(0), MN_E_NO_BATCH);
	SEND(FETCH, fetch, 1, .batch = 0, .index = 0);
	assert_int_equal(error_code(0), MN_E_NO_BATCH);
}

static void corrupt_batch(void **state)
{
	(void)state;
	add_layer(CONV, (struct mn_rec_probe){.reps = 1});
	load(1);
	SEND(RUN, run, 1, .batch = 1, .n_probes = 1, .crc = 0x12345678);
	assert_int_equal(error_code(0), MN_E_CRC);
	/* It can be loaded again under its number. */
	load(1);
	SEND(RUN, run, 1, .batch = 1, .n_probes = 2, .crc = mn_crc32c(0, batch, batch_len));
	assert_int_equal(error_code(0), MN_E_PROTOCOL);
	load(1);
	SEND(RUN, run, 1, .batch = 1, .n_probes = 0, .crc = mn_crc32c(0, batch, batch_len));
	assert_int_equal(error_code(0), MN_E_PROTOCOL);
	/* A probe that promises more steps than there are. */
	batch[MN_SESSION_PROBE_BYTES - 2] = 0xff;
	batch[MN_SESSION_PROBE_BYTES - 1] = 0xff;
	load(1);
	run(1);
	assert_int_equal(error_code(0), MN_E_PROTOCOL);
	assert_int_equal(fake.marker_rises, 0);
}

static void refused(struct mn_rec_probe probe, const struct mn_step *steps, int code,
		    struct mn_msg_result *r)
{
	static uint32_t number = 1000;

	batch_len = batch_probes = 0;
	add_program(probe, steps);
	load_and_run(++number);
	REPLY(1, RESULT, result, r);
	assert_int_equal(r->status, code);
	assert_int_equal(r->n_cycles, 0);
	assert_int_equal(r->n2_cycles, 0);
	assert_int_equal(r->rep_cycles_len, 0);
	assert_int_equal(fake.marker_rises, 0);
}

static void refusals(void **state)
{
	struct mn_layer layer = layer_of("conv_2d in=1x4x4x4 out_c=8 kernel=3x3 padding=same");
	const uint32_t scratch =
		mn_kernel_find(mn_kernel_sets[0], MN_OP_CONV_2D)->scratch_bytes(&layer);
	struct mn_program program;
	struct mn_step step, steps[2];
	struct mn_rec_probe probe = {.reps = 1, .n_steps = 1};
	struct mn_msg_result r;
	(void)state;

	assert_int_equal(mn_program_single(&layer, scratch, &step, &program), 0);
	probe.arena_bytes = program.arena_bytes;

	probe.arena_bytes = ARENA + 16;
	refused(probe, &step, MN_E_TOO_BIG, &r);
	assert_int_equal(r.need, ARENA + 16);
	assert_int_equal(r.have, ARENA);
	probe.arena_bytes = program.arena_bytes;

	/* Weights past the end of the pool, in the second step. */
	steps[0] = steps[1] = step;
	steps[1].weight_off = POOL - 16;
	steps[1].quant_off = (program.arena_bytes + 15) / 16 * 16;
	probe.arena_bytes = steps[1].quant_off + 64;
	probe.n_steps = 2;
	refused(probe, steps, MN_E_TOO_BIG, &r);
	assert_int_equal(r.step, 1);
	assert_int_equal(r.need, POOL - 16 + 3 * 3 * 4 * 8);
	assert_int_equal(r.have, POOL);
	probe.arena_bytes = program.arena_bytes;
	probe.n_steps = 1;

	if (scratch) {
		steps[0].scratch_bytes = scratch - 1;
		refused(probe, steps, MN_E_TOO_BIG, &r);
		assert_int_equal(r.need, scratch);
		assert_int_equal(r.have, scratch - 1);
	}
	probe.kernels = (uint8_t)mn_kernel_sets_count();
	refused(probe, &step, MN_E_UNSUPPORTED, &r);
	probe.kernels = 0;
	probe.mode = 0x80;
	refused(probe, &step, MN_E_UNSUPPORTED, &r);
	probe.mode = 0;
	probe.reps = 0;
	refused(probe, &step, MN_E_INVALID, &r);
	probe.reps = MN_MEASURE_REPS_MAX + 1;
	refused(probe, &step, MN_E_INVALID, &r);
	probe.reps = 1;
	probe.n_steps = 0;
	refused(probe, &step, MN_E_INVALID, &r);
	probe.n_steps = 1;
	steps[0] = step;
	steps[0].layer.stride_h = 0;
	refused(probe, steps, MN_E_INVALID, &r);
	steps[0] = step;
	steps[0].layer.op = 200;
	refused(probe, steps, MN_E_UNSUPPORTED, &r);
	steps[0] = step;
	steps[0].out_off = steps[0].in_off;
	refused(probe, steps, MN_E_INVALID, &r);
}

static void dead_counter(void **state)
{
	struct mn_msg_result r;
	struct mn_msg_hello h;
	struct mn_msg_pong pong;
	(void)state;

	fake.facts.counter_status = MN_E_NO_COUNTER;
	fake.counter_dead = 1;
	SEND(HELLO_REQ, hello_req, 7, .proto_min = 1, .proto_max = MN_PROTO_MAX);
	REPLY(0, HELLO, hello, &h);
	assert_int_equal(h.counter_status, MN_E_NO_COUNTER);
	SEND(PING, ping, 1, .token = 1);
	REPLY(0, PONG, pong, &pong);
	assert_int_equal(pong.cycles, 0);
	add_layer(CONV, (struct mn_rec_probe){.reps = 1});
	add_layer("null", (struct mn_rec_probe){.reps = 1});
	assert_int_equal(load_and_run(3), 2);
	for (unsigned i = 1; i < 3; i++) {
		REPLY(i, RESULT, result, &r);
		assert_int_equal(r.status, MN_E_NO_COUNTER);
		assert_int_equal(r.n_cycles, 0);
		assert_int_equal(r.rep_cycles_len, 0);
	}
	assert_int_equal(fake.marker_rises, 0);
}

static void outputs_that_differ(void **state)
{
	struct mn_msg_result r;
	(void)state;

	fake.corrupt_output = 0x10;
	add_layer(CONV, (struct mn_rec_probe){.reps = 1});
	load_and_run(1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.status, MN_E_CRC);
	assert_int_equal(r.n_cycles, 0);
}

static void results_that_do_not_fit(void **state)
{
	unsigned n_done, left;
	struct mn_msg_result r;
	(void)state;

	/* 128 repetitions are 1.5 KB of result each. */
	for (int i = 0; i < 5; i++)
		add_layer("null", (struct mn_rec_probe){.reps = 128});
	n_done = load_and_run(1);
	assert_int_equal(n_done, 2);
	assert_int_equal(fake.marker_rises, 4);
	for (unsigned i = 0; i < n_done; i++) {
		SEND(FETCH, fetch, 1, .batch = 1, .index = (uint16_t)i);
		REPLY(0, RESULT, result, &r);
		assert_int_equal(r.tag, i);
		assert_int_equal(r.rep_cycles_len, 128 * 3 * 4);
	}
	/* The rest again, under a new number. */
	left = 5 - n_done;
	batch_len = batch_probes = 0;
	for (unsigned i = 0; i < left; i++)
		add_layer("null", (struct mn_rec_probe){.reps = 128});
	assert_int_equal(load_and_run(2), 2);
}

static void result_that_never_fits(void **state)
{
	struct mn_msg_result r;

	teardown(state);
	setup_with(BATCH_BYTES, 512);
	add_layer("null", (struct mn_rec_probe){.reps = 128});
	add_layer("null", (struct mn_rec_probe){.reps = 1});
	assert_int_equal(load_and_run(1), 2);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.status, MN_E_TOO_BIG);
	assert_true(r.need > r.have);
	assert_int_equal(r.have, 512);
	REPLY(2, RESULT, result, &r);
	assert_int_equal(r.status, 0);
}

static void largest_result_fits_a_frame(void **state)
{
	struct mn_step steps[79];
	struct mn_msg_result r;

	teardown(state);
	setup_with(8192, 8192);
	add_program((struct mn_rec_probe){.mode = MN_PROBE_STEPS,
					  .reps = MN_MEASURE_REPS_MAX,
					  .n_steps = 79,
					  .arena_bytes = network(steps, 79)},
		    steps);
	assert_int_equal(load_and_run(1), 1);
	REPLY(1, RESULT, result, &r);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.rep_cycles_len, 3 * 4 * MN_MEASURE_REPS_MAX);
	assert_int_equal(r.step_cycles_len, 4 * 79);
}

static void bytes_while_it_runs_are_dropped(void **state)
{
	uint8_t bytes[4096];
	struct mn_msg_run msg;
	struct mn_frame frame = {MN_PROTO_MAX, MN_MSG_RUN, 99, NULL, 0};
	uint8_t payload[64];
	int len;
	struct mn_msg_pong pong;
	(void)state;

	add_layer(CONV, (struct mn_rec_probe){.reps = 1});
	load(8);
	msg = (struct mn_msg_run){.batch = 8, .n_probes = 1, .crc = mn_crc32c(0, batch, batch_len)};
	frame.payload = payload;
	frame.len = (uint16_t)mn_wire_pack_run(&msg, payload, sizeof(payload));
	len = mn_frame_encode(&frame, bytes, sizeof(bytes));
	/* RUN, then half of a RUN that the host sent again. */
	memcpy(bytes + len, bytes, (size_t)len / 2);
	send_bytes(bytes, (size_t)len + (size_t)len / 2);
	assert_int_equal(n_replies, 3);
	assert_int_equal(fake.marker_rises, 2);
	SEND(PING, ping, 5, .token = 3);
	REPLY(0, PONG, pong, &pong);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(hello),
		TEST(version_mismatch),
		TEST(noise_and_strangers),
		TEST(ping_counts_cycles),
		TEST(baud_confirmed),
		TEST(baud_falls_back),
		TEST(baud_refused),
		TEST(new_host_at_the_first_rate),
		TEST(divider),
		TEST(clock_check),
		TEST(one_layer),
		TEST(energy_window),
		TEST(energy_of_few_repetitions),
		TEST(no_energy_when_cold),
		TEST(layer_toggles),
		TEST(null_probe),
		TEST(every_kernel_set),
		TEST(cold),
		TEST(counter_wraps),
		TEST(elapsed),
		TEST(program_that_reuses_its_input),
		TEST(largest_programs),
		TEST(pieces_in_any_order),
		TEST(bad_pieces),
		TEST(never_twice),
		TEST(late_frames_of_an_old_batch),
		TEST(not_loaded),
		TEST(corrupt_batch),
		TEST(refusals),
		TEST(dead_counter),
		TEST(outputs_that_differ),
		TEST(results_that_do_not_fit),
		TEST(result_that_never_fits),
		TEST(largest_result_fits_a_frame),
		TEST(bytes_while_it_runs_are_dropped),
	};

	return cmocka_run_group_tests_name("firmware_session", tests, NULL, NULL);
}
