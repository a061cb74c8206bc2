/* SPDX-License-Identifier: MIT */
/*
 * The protocol client against fake_peer.c over a wire that loses, flips and doubles. Time is
 * injected: a test of minutes takes microseconds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "client.h"
#include "fake_peer.h"
#include "program.h"

enum fault { FAULT_NONE, FAULT_DROP, FAULT_FLIP, FAULT_INSERT, FAULT_DOUBLE, FAULT_LATE };

/* What a whole conversation looks like. */
struct talk {
	struct fake_peer *board;
	struct mn_client *client;
	struct mn_client_config config;
	int64_t now;
	uint32_t baud; /* of the host's end; 0: no rate */

	/* One fault: in the bytes to the host (1) or to the board (0), at that byte; DOUBLE and
	 * LATE: at that frame. */
	enum fault fault;
	int to_host;
	long at;
	long count[2], frames;
	uint8_t late[MN_WIRE_FRAME_MAX];
	uint32_t late_len;
	int64_t late_until;

	/* What came out. */
	int ready, done, lost, refused, faulted, failed, pongs;
	struct mn_client_event last;
	uint8_t *got;
	unsigned n_probes;
};

static const struct mn_client_config plain = {
	.answer_us = 500000,
	.attempts = 5,
	.hello_us = 10000000,
	.recoveries = 3,
	.batch_first = 77,
};

static void begin(struct talk *t, const struct mn_client_config *config)
{
	memset(t, 0, sizeof(*t));
	t->board = malloc(sizeof(*t->board));
	assert_non_null(t->board);
	fake_peer_init(t->board);
	t->config = *config;
	t->baud = config->baud;
	assert_int_equal(mn_client_new(config, &t->client), 0);
	t->n_probes = 12;
	t->got = calloc(t->n_probes, 1);
}

static void finish(struct talk *t)
{
	mn_client_free(t->client);
	free(t->board);
	free(t->got);
}

static void on_event(struct talk *t, const struct mn_client_event *ev)
{
	switch (ev->type) {
	case MN_CLIENT_NONE:
		return;
	case MN_CLIENT_READY:
		t->ready++;
		break;
	case MN_CLIENT_BAUD:
		t->baud = ev->baud;
		break;
	case MN_CLIENT_PONG:
		t->pongs++;
		break;
	case MN_CLIENT_RESULT:
		assert_in_range(ev->result.tag, 1, t->n_probes);
		/* What was measured is what was asked for. */
		if (!ev->result.status) {
			assert_int_equal(ev->result.output_crc, fake_peer_crc(ev->result.tag));
			assert_int_equal(ev->result.n_cycles,
					 4 * fake_peer_cycles(ev->result.tag) + 10);
			assert_int_equal(ev->result.rep_cycles_len, 48);
		}
		t->got[ev->result.tag - 1]++;
		break;
	case MN_CLIENT_DONE:
		t->done++;
		break;
	case MN_CLIENT_LOST:
		t->lost++;
		break;
	case MN_CLIENT_REFUSED:
		t->refused++;
		break;
	case MN_CLIENT_FAULT:
		t->faulted++;
		break;
	case MN_CLIENT_FAILED:
		t->failed++;
		break;
	}
	t->last = *ev;
}

static void feed(struct talk *t, const uint8_t *bytes, size_t n)
{
	struct mn_client_event ev;

	while (n) {
		size_t used = mn_client_input(t->client, bytes, n, t->now, &ev);

		on_event(t, &ev);
		bytes += used;
		n -= used;
		if (mn_client_deadline(t->client) <= t->now) {
			mn_client_tick(t->client, t->now, &ev);
			on_event(t, &ev);
		}
	}
}

/* Applies the fault; gives the bytes that arrive (0, 1 or 2). */
static size_t spoil(struct talk *t, int to_host, uint8_t byte, uint8_t out[2])
{
	long at = t->count[to_host]++;

	out[0] = byte;
	if (t->to_host != to_host || t->at != at)
		return 1;
	switch (t->fault) {
	case FAULT_DROP:
		return 0;
	case FAULT_FLIP:
		out[0] = byte ^ (uint8_t)(1u << (at % 8));
		return 1;
	case FAULT_INSERT:
		out[1] = (uint8_t)(at * 37);
		return 2;
	default:
		return 1;
	}
}

static void board_to_host(struct talk *t)
{
	uint8_t buf[sizeof(t->board->out) / 8], frame[MN_WIRE_FRAME_MAX], two[2];
	uint32_t n = t->board->out_len, used = 0;

	assert_true(n <= sizeof(buf));
	memcpy(buf, t->board->out, n);
	t->board->out_len = 0;
	while (used < n) {
		uint32_t len = 0;

		do {
			frame[len++] = buf[used];
		} while (buf[used++] && used < n && len < sizeof(frame));
		if (t->config.baud && (t->baud != t->board->baud && t->baud != t->board->old_baud))
			continue; /* the host hears garbage */
		if (t->fault == FAULT_LATE && t->to_host && t->frames++ == t->at) {
			memcpy(t->late, frame, len);
			t->late_len = len;
			t->late_until = t->now + 3000000;
			continue;
		}
		for (int copy = 0; copy < 2; copy++) {
			if (copy == 1 &&
			    !(t->fault == FAULT_DOUBLE && t->to_host && t->frames++ == t->at))
				break;
			for (uint32_t i = 0; i < len; i++)
				feed(t, two, spoil(t, 1, frame[i], two));
		}
	}
}

static void host_to_board(struct talk *t)
{
	size_t n;
	const uint8_t *out = mn_client_output(t->client, &n);
	uint8_t two[2];

	if (t->fault == FAULT_DOUBLE && !t->to_host && n && t->frames++ == t->at)
		for (size_t i = 0; i < n; i++)
			fake_peer_input(t->board, out[i], t->baud, t->now);
	for (size_t i = 0; i < n; i++) {
		size_t m = spoil(t, 0, out[i], two);

		for (size_t j = 0; j < m; j++)
			fake_peer_input(t->board, two[j], t->baud, t->now);
	}
	mn_client_sent(t->client, n);
}

/* One step of the world. 0 when nothing would ever happen again. */
static int step(struct talk *t)
{
	struct mn_client_event ev;
	int64_t next, board;
	size_t n;

	mn_client_output(t->client, &n);
	if (n) {
		host_to_board(t);
		t->now += 10;
		return 1;
	}
	if (t->board->out_len) {
		board_to_host(t);
		t->now += 10;
		return 1;
	}
	next = mn_client_deadline(t->client);
	board = fake_peer_deadline(t->board);
	if (t->late_len && t->late_until < next && t->late_until < board) {
		uint32_t len = t->late_len;

		t->now = t->late_until > t->now ? t->late_until : t->now;
		t->late_len = 0;
		feed(t, t->late, len);
		return 1;
	}
	if (next == INT64_MAX && board == INT64_MAX)
		return 0;
	if (next < board) {
		if (next > t->now)
			t->now = next;
		mn_client_tick(t->client, t->now, &ev);
		on_event(t, &ev);
	} else {
		if (board > t->now)
			t->now = board;
		fake_peer_tick(t->board, t->now);
	}
	return 1;
}

static unsigned missing(const struct talk *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->n_probes; i++)
		n += !t->got[i];
	return n;
}

/* Submit what has no result yet. */
static void submit(struct talk *t, uint8_t *buf, size_t size)
{
	struct mn_client_probe probes[64];
	struct mn_layer layer;
	struct mn_step program_step = {0};
	struct mn_rec_step rec;
	uint16_t n = 0;
	size_t len = 0;

	memset(&layer, 0, sizeof(layer));
	program_step.layer = layer;
	mn_wire_step_to_rec(&program_step, &rec);
	for (unsigned i = 0; i < t->n_probes; i++) {
		struct mn_rec_probe probe = {.tag = i + 1, .reps = 4, .warmup = 1, .n_steps = 1};

		if (t->got[i])
			continue;
		len += (size_t)mn_wire_pack_probe(&probe, buf + len, size - len);
		len += (size_t)mn_wire_pack_step(&rec, buf + len, size - len);
		probes[n].tag = i + 1;
		probes[n++].limit_us = 2000000;
	}
	assert_int_equal(mn_client_submit(t->client, buf, (uint32_t)len, probes, n, t->now), 0);
}

/* Until every probe has its result, or the client gives up. Bounds: steps and simulated time. */
static void talk(struct talk *t)
{
	static uint8_t batch[8192];

	mn_client_start(t->client, t->now);
	for (int i = 0; i < 200000; i++) {
		if (t->failed || t->faulted)
			return;
		if (!step(t)) {
			if (!mn_client_is_ready(t->client) || !missing(t))
				return;
			submit(t, batch, sizeof(batch));
		}
	}
	fail_msg("the conversation does not end: fault %d at %ld", (int)t->fault, t->at);
}

static void assert_complete(const struct talk *t)
{
	for (unsigned i = 0; i < t->n_probes; i++)
		if (t->got[i] != 1)
			fail_msg("probe %u has %u results (fault %d, to host %d, at %ld)", i,
				 t->got[i], (int)t->fault, t->to_host, t->at);
	assert_int_equal(t->failed, 0);
	assert_int_equal(t->board->twice, 0);
	if (!t->lost)
		assert_int_equal(t->board->runs, t->n_probes);
	assert_true(t->now < 60000000);
}

static void without_faults(void **state)
{
	struct talk t;

	(void)state;
	begin(&t, &plain);
	talk(&t);
	assert_complete(&t);
	assert_int_equal(t.ready, 1);
	assert_int_equal(t.done, 1);
	assert_int_equal(mn_client_stats(t.client)->retries, 0);
	assert_int_equal(mn_client_stats(t.client)->stray, 0);
	assert_int_equal(mn_client_stats(t.client)->bad_frames, 0);
	assert_string_equal(mn_client_hello(t.client)->board, "nucleo-f446re");
	/* No time-out was waited for. */
	assert_true(t.now < 100000);
	finish(&t);
}

/* Every byte of the conversation, in both directions, once each. */
static void any_byte_wrong(void **state)
{
	static const enum fault faults[] = {FAULT_DROP, FAULT_FLIP, FAULT_INSERT};
	long bytes[2];
	struct talk t;

	(void)state;
	begin(&t, &plain);
	talk(&t);
	memcpy(bytes, t.count, sizeof(bytes));
	finish(&t);
	assert_true(bytes[0] > 1000 && bytes[1] > 1000);
	for (int to_host = 0; to_host < 2; to_host++) {
		for (size_t f = 0; f < 3; f++) {
			for (long at = 0; at < bytes[to_host]; at++) {
				begin(&t, &plain);
				t.fault = faults[f];
				t.to_host = to_host;
				t.at = at;
				talk(&t);
				assert_complete(&t);
				finish(&t);
			}
		}
	}
}

static void any_frame_doubled_or_late(void **state)
{
	static const enum fault faults[] = {FAULT_DOUBLE, FAULT_LATE};

	(void)state;
	for (int to_host = 0; to_host < 2; to_host++) {
		for (size_t f = 0; f < 2; f++) {
			for (long at = 0; at < 24; at++) {
				struct talk t;

				begin(&t, &plain);
				t.fault = faults[f];
				t.to_host = to_host;
				t.at = at;
				talk(&t);
				assert_complete(&t);
				finish(&t);
			}
		}
	}
}

/* With a rate to raise: the same, and the rate is raised unless the BAUD talk itself was hit. */
static void any_byte_wrong_while_raising_the_rate(void **state)
{
	struct mn_client_config config = plain;
	long first;
	struct talk t;

	(void)state;
	config.baud = 115200;
	config.baud_raise = 921600;
	begin(&t, &config);
	talk(&t);
	assert_complete(&t);
	assert_int_equal(t.baud, 921600);
	assert_int_equal(t.board->baud, 921600);
	finish(&t);
	for (int to_host = 0; to_host < 2; to_host++) {
		first = 600; /* hello, baud and ping are over by then */
		for (long at = 0; at < first; at++) {
			begin(&t, &config);
			t.fault = FAULT_DROP;
			t.to_host = to_host;
			t.at = at;
			talk(&t);
			assert_complete(&t);
			assert_int_equal(t.baud, t.board->baud);
			finish(&t);
		}
	}
}

static void rate_that_does_not_work(void **state)
{
	struct mn_client_config config = plain;
	struct talk t;

	(void)state;
	config.baud = 115200;
	config.baud_raise = 3000000;
	begin(&t, &config);
	t.board->baud_max = 921600;
	talk(&t);
	assert_complete(&t);
	assert_int_equal(t.baud, 115200);
	assert_int_equal(t.board->baud, 115200);
	finish(&t);
}

/* A host that was killed has left the board at another rate. */
static void board_at_a_raised_rate(void **state)
{
	struct mn_client_config config = plain;
	struct talk t;

	(void)state;
	config.baud = 115200;
	config.baud_raise = 921600;
	begin(&t, &config);
	t.board->baud = t.board->old_baud = 921600;
	talk(&t);
	assert_complete(&t);
	finish(&t);
}

static void reset_at_any_probe(void **state)
{
	struct mn_client_config with_baud = plain;

	(void)state;
	with_baud.baud = 115200;
	with_baud.baud_raise = 921600;
	for (int i = 0; i < 2; i++) {
		for (int at = 1; at <= 12; at++) {
			struct talk t;

			begin(&t, i ? &with_baud : &plain);
			t.board->reset_at = at;
			talk(&t);
			assert_complete(&t);
			assert_int_equal(t.board->resets, 1);
			assert_int_equal(t.lost, 1);
			assert_int_equal(t.board->runs, 12);
			finish(&t);
		}
	}
}

static void slow_and_hanging_probes(void **state)
{
	struct talk t;

	(void)state;
	/* Each within its limit, but longer than a time-out. */
	begin(&t, &plain);
	t.board->probe_us = 1900000;
	talk(&t);
	assert_complete(&t);
	assert_int_equal(mn_client_stats(t.client)->retries, 0);
	finish(&t);
	/* Much longer than its limit: asked for again and again, and taken when it comes. */
	for (int64_t us = 1000000; us < 30000000; us += 1000000) {
		begin(&t, &plain);
		t.board->hang_at = 5;
		t.board->hang_us = us;
		talk(&t);
		assert_complete(&t);
		finish(&t);
	}
}

static void results_that_do_not_fit(void **state)
{
	struct talk t;

	(void)state;
	begin(&t, &plain);
	t.board->results_max = 5;
	talk(&t);
	assert_complete(&t);
	assert_int_equal(t.done, 3);
	finish(&t);
}

static void refused_probe_is_a_result(void **state)
{
	struct talk t;

	(void)state;
	begin(&t, &plain);
	t.board->refuse_at = 3;
	talk(&t);
	assert_complete(&t);
	finish(&t);
}

static void fault_is_final(void **state)
{
	struct talk t;

	(void)state;
	begin(&t, &plain);
	t.board->fault_at = 4;
	talk(&t);
	assert_int_equal(t.faulted, 1);
	assert_int_equal(missing(&t), 9);
	assert_int_equal(t.last.ran, 1);
	assert_int_equal(t.last.fault.index, 3);
	assert_int_equal(t.last.fault.pc, 0x08001234);
	assert_int_equal(mn_client_deadline(t.client), INT64_MAX);
	finish(&t);
}

static void silent_board(void **state)
{
	struct talk t;

	(void)state;
	begin(&t, &plain);
	t.board->dead = 1;
	talk(&t);
	assert_int_equal(t.failed, 1);
	assert_int_equal(t.last.err.code, MN_E_TIMEOUT);
	assert_true(t.now >= 10000000 && t.now < 11000000);
	finish(&t);
}

static void board_that_dies_in_the_middle(void **state)
{
	struct talk t;

	(void)state;
	begin(&t, &plain);
	t.board->hang_at = 5;
	t.board->hang_us = INT64_MAX / 4;
	talk(&t);
	assert_int_equal(t.failed, 1);
	assert_int_equal(t.last.err.code, MN_E_TIMEOUT);
	assert_int_equal(missing(&t), 8);
	assert_true(t.now < 120000000);
	finish(&t);
}

static void other_protocols(void **state)
{
	struct talk t;

	(void)state;
	begin(&t, &plain);
	t.board->answers_version = 1;
	talk(&t);
	assert_int_equal(t.failed, 1);
	assert_int_equal(t.last.err.code, MN_E_VERSION);
	finish(&t);
	begin(&t, &plain);
	t.board->hello.proto = MN_PROTO_MAX + 1;
	talk(&t);
	assert_int_equal(t.failed, 1);
	assert_int_equal(t.last.err.code, MN_E_VERSION);
	finish(&t);
}

static void another_board_after_a_reset(void **state)
{
	struct talk t;
	static uint8_t batch[8192];

	(void)state;
	begin(&t, &plain);
	mn_client_start(t.client, 0);
	while (!mn_client_is_ready(t.client))
		assert_int_equal(step(&t), 1);
	t.board->reset_at = 2;
	submit(&t, batch, sizeof(batch));
	while (!t.board->resets)
		assert_int_equal(step(&t), 1);
	t.board->hello.uid2++;
	while (step(&t))
		;
	assert_int_equal(t.failed, 1);
	assert_int_equal(t.last.err.code, MN_E_PROTOCOL);
	finish(&t);
}

static void ping_gives_the_clocks(void **state)
{
	struct talk t;

	(void)state;
	begin(&t, &plain);
	mn_client_start(t.client, 0);
	assert_int_equal(mn_client_ping(t.client, 0), MN_E_BUSY);
	while (!mn_client_is_ready(t.client))
		assert_int_equal(step(&t), 1);
	assert_int_equal(mn_client_ping(t.client, t.now), 0);
	assert_int_equal(mn_client_ping(t.client, t.now), MN_E_BUSY);
	while (!t.pongs)
		assert_int_equal(step(&t), 1);
	assert_true(t.last.received_us > t.last.sent_us);
	assert_in_range(t.last.pong.cycles, t.last.sent_us * 180, t.last.received_us * 180);
	finish(&t);
}

static void bad_submissions(void **state)
{
	struct mn_client_probe probes[1] = {{1, 1000}};
	uint8_t byte = 0;
	struct talk t;

	(void)state;
	begin(&t, &plain);
	assert_int_equal(mn_client_submit(t.client, &byte, 1, probes, 1, 0), MN_E_BUSY);
	mn_client_start(t.client, 0);
	while (!mn_client_is_ready(t.client))
		assert_int_equal(step(&t), 1);
	assert_int_equal(mn_client_submit(t.client, &byte, 1, probes, 0, 0), MN_E_INVALID);
	assert_int_equal(mn_client_submit(t.client, &byte, 0, probes, 1, 0), MN_E_INVALID);
	assert_int_equal(
		mn_client_submit(t.client, &byte, 1, probes, MN_CLIENT_BATCH_PROBES + 1, 0),
		MN_E_INVALID);
	/* More than the board holds: its own words come back. */
	t.board->hello.batch_bytes = 0;
	assert_int_equal(mn_client_submit(t.client, &byte, 1, probes, 1, 0), 0);
	while (step(&t))
		;
	assert_int_equal(t.refused, 1);
	assert_int_equal(t.last.err.code, MN_E_TOO_BIG);
	assert_non_null(strstr(t.last.err.msg, "says the fake"));
	assert_int_equal(mn_client_is_ready(t.client), 1);
	mn_client_free(NULL);
	finish(&t);
}

/* Random noise on every byte at 1 in 300: slow, but complete. */
static void noisy_line(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 40; seed++) {
		struct talk t;
		uint32_t x = seed;

		begin(&t, &plain);
		t.n_probes = 12;
		t.fault = FAULT_FLIP;
		mn_client_start(t.client, 0);
		for (int i = 0; i < 200000 && !t.failed; i++) {
			static uint8_t batch[8192];

			/* Move the one fault of the wire a random way ahead, in a random direction.
			 */
			if (t.at < t.count[t.to_host]) {
				x = x * 1664525u + 1013904223u;
				t.to_host = x >> 31;
				t.at = t.count[t.to_host] + (long)(x >> 8) % 600;
			}
			if (!step(&t)) {
				if (!missing(&t))
					break;
				submit(&t, batch, sizeof(batch));
			}
		}
		if (t.failed || missing(&t))
			fail_msg("seed %u: %u missing, %s", seed, missing(&t), t.last.err.msg);
		assert_int_equal(t.board->twice, 0);
		finish(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_faults),
		cmocka_unit_test(any_byte_wrong),
		cmocka_unit_test(any_frame_doubled_or_late),
		cmocka_unit_test(any_byte_wrong_while_raising_the_rate),
		cmocka_unit_test(rate_that_does_not_work),
		cmocka_unit_test(board_at_a_raised_rate),
		cmocka_unit_test(reset_at_any_probe),
		cmocka_unit_test(slow_and_hanging_probes),
		cmocka_unit_test(results_that_do_not_fit),
		cmocka_unit_test(refused_probe_is_a_result),
		cmocka_unit_test(fault_is_final),
		cmocka_unit_test(silent_board),
		cmocka_unit_test(board_that_dies_in_the_middle),
		cmocka_unit_test(other_protocols),
		cmocka_unit_test(another_board_after_a_reset),
		cmocka_unit_test(ping_gives_the_clocks),
		cmocka_unit_test(bad_submissions),
		cmocka_unit_test(noisy_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
