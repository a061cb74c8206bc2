/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a batch in one LOAD: at 921600 baud 11 ms, so that a piece that is lost costs little. */
#define PIECE_BYTES 1024
/* A frame that came broken was probably our answer: do not wait for the whole time-out. */
#define BROKEN_US 20000
/* The board falls back to the old rate 1 s after BAUD if no PING comes. */
#define BAUD_CONFIRM_US    200000
#define BAUD_CONFIRM_TRIES 4
#define BAUD_FALL_BACK_US  1100000
/* Loads of one batch from its start, before the link is called broken. */
#define LOADS_MAX 4
/* Rounds of BAUD before the first rate has to do. */
#define BAUD_ROUNDS_MAX 2

enum state {
	STATE_NEW,
	STATE_HELLO,
	STATE_BAUD,         /* BAUD sent at the old rate */
	STATE_BAUD_CONFIRM, /* PING at the new rate */
	STATE_BAUD_BACK,    /* waiting until the board has fallen back as well */
	STATE_READY,
	STATE_PING,
	STATE_LOAD,
	STATE_RUN,
	STATE_RESULTS, /* RUNNING came: results come unasked */
	STATE_FETCH,
	STATE_END,
};

struct mn_client {
	struct mn_client_config config;
	enum state state;
	int64_t deadline; /* of the present state */

	/* The request that is under way. */
	uint8_t request; /* message type */
	uint16_t seq;
	uint32_t attempt; /* from 1 */
	int64_t sent_us;  /* last attempt */
	uint32_t wait_us; /* its time-out */
	uint32_t token;

	int64_t hello_until;
	uint32_t baud; /* of the link now */
	uint32_t baud_rounds;
	uint32_t recoveries; /* since the last result */
	int greeted;         /* there was a hello */
	struct mn_msg_hello hello;

	/* The batch under way; batch 0: none. */
	uint32_t batch;
	uint32_t batch_next;
	const uint8_t *data;
	uint32_t size, loaded, loads;
	uint16_t n_probes, n_got, n_done;
	int done; /* DONE came: n_done is known */
	int ran;  /* RUN was sent */
	int lost; /* the board has said that it does not hold it */
	uint16_t fetching;
	struct mn_client_energy energy;
	struct mn_client_probe probes[MN_CLIENT_BATCH_PROBES];
	uint8_t got[MN_CLIENT_BATCH_PROBES];
	uint16_t last; /* index after the highest result that came */

	struct mn_client_event queued; /* given out by the next tick */
	struct mn_client_stats stats;
	struct mn_frame_decoder decoder;
	size_t out_len;
	uint8_t out[4 * MN_WIRE_FRAME_MAX];
};

int mn_client_new(const struct mn_client_config *config, struct mn_client **ret_client)
{
	struct mn_client *c = calloc(1, sizeof(*c));

	if (!c)
		return MN_E_NOMEM;
	c->config = *config;
	c->baud = config->baud;
	c->batch_next = config->batch_first;
	c->deadline = INT64_MAX;
	mn_frame_decoder_init(&c->decoder);
	*ret_client = c;
	return 0;
}

void mn_client_free(struct mn_client *client)
{
	free(client);
}

const struct mn_msg_hello *mn_client_hello(const struct mn_client *client)
{
	return &client->hello;
}

const struct mn_client_stats *mn_client_stats(const struct mn_client *client)
{
	return &client->stats;
}

void mn_client_set_energy(struct mn_client *client, const struct mn_client_energy *energy)
{
	client->energy = *energy;
}

int mn_client_is_ready(const struct mn_client *client)
{
	return client->state == STATE_READY && client->queued.type == MN_CLIENT_NONE;
}

const uint8_t *mn_client_output(const struct mn_client *client, size_t *ret_n)
{
	*ret_n = client->out_len;
	return client->out;
}

void mn_client_sent(struct mn_client *client, size_t n)
{
	client->out_len -= n;
	memmove(client->out, client->out + n, client->out_len);
}

int64_t mn_client_deadline(const struct mn_client *client)
{
	return client->queued.type == MN_CLIENT_NONE ? client->deadline : INT64_MIN;
}

/* -------- sending -------- */

/* A link that takes nothing still holds the last attempt: one more copy of it would not help. */
static void put_frame(struct mn_client *c, const uint8_t *payload, int len)
{
	struct mn_frame frame = {.version = c->greeted ? c->hello.proto : MN_PROTO_MIN,
				 .type = c->request,
				 .seq = c->seq,
				 .payload = payload,
				 .len = (uint16_t)len};
	int n = mn_frame_encode(&frame, c->out + c->out_len, sizeof(c->out) - c->out_len);

	if (n > 0)
		c->out_len += (size_t)n;
}

static void send_attempt(struct mn_client *c, int64_t now)
{
	uint8_t payload[MN_WIRE_PAYLOAD_MAX];
	int len = 0;

	switch (c->request) {
	case MN_MSG_HELLO_REQ: {
		struct mn_msg_hello_req m = {MN_PROTO_MIN, MN_PROTO_MAX};

		/* Ends whatever the board has half received. */
		if (c->out_len < sizeof(c->out))
			c->out[c->out_len++] = 0;
		len = mn_wire_pack_hello_req(&m, payload, sizeof(payload));
		break;
	}
	case MN_MSG_BAUD: {
		struct mn_msg_baud m = {c->config.baud_raise};

		len = mn_wire_pack_baud(&m, payload, sizeof(payload));
		break;
	}
	case MN_MSG_PING: {
		struct mn_msg_ping m = {c->token};

		len = mn_wire_pack_ping(&m, payload, sizeof(payload));
		break;
	}
	case MN_MSG_LOAD: {
		uint32_t left = c->size - c->loaded;
		struct mn_msg_load m = {
			.batch = c->batch,
			.total = c->size,
			.offset = c->loaded,
			.data = c->data + c->loaded,
			.data_len = (uint16_t)(left < PIECE_BYTES ? left : PIECE_BYTES),
		};

		len = mn_wire_pack_load(&m, payload, sizeof(payload));
		break;
	}
	case MN_MSG_RUN: {
		struct mn_msg_run m = {c->batch,     c->n_probes,    mn_crc32c(0, c->data, c->size),
				       c->energy.us, c->energy.reps, c->energy.idle_us};

		len = mn_wire_pack_run(&m, payload, sizeof(payload));
		break;
	}
	case MN_MSG_FETCH: {
		struct mn_msg_fetch m = {c->batch, c->fetching};

		len = mn_wire_pack_fetch(&m, payload, sizeof(payload));
		break;
	}
	default:
		return;
	}
	put_frame(c, payload, len);
	c->sent_us = now;
	c->deadline = now + c->wait_us;
}

/* A new request: new number, first attempt. */
static void request(struct mn_client *c, enum state state, uint8_t type, int64_t now)
{
	c->state = state;
	c->request = type;
	c->seq++;
	c->attempt = 1;
	c->wait_us = c->config.answer_us;
	send_attempt(c, now);
}

static void set_event(struct mn_client_event *ev, enum mn_client_event_type type)
{
	memset(ev, 0, sizeof(*ev));
	ev->type = type;
}

static void become_ready(struct mn_client *c)
{
	c->state = STATE_READY;
	c->request = 0;
	c->deadline = INT64_MAX;
}

static void end(struct mn_client *c, struct mn_client_event *ev, enum mn_client_event_type type)
{
	set_event(ev, type);
	c->state = STATE_END;
	c->request = 0;
	c->deadline = INT64_MAX;
	c->out_len = 0;
}

static void batch_over(struct mn_client *c, struct mn_client_event *ev,
		       enum mn_client_event_type type)
{
	set_event(ev, type);
	ev->n_done = c->n_done;
	ev->ran = c->ran;
	c->batch = 0;
	c->data = NULL;
	become_ready(c);
}

/* -------- hello, and hello again -------- */

static void ping(struct mn_client *c, enum state state, int64_t now)
{
	c->token = c->token * 1664525u + 1013904223u;
	request(c, state, MN_MSG_PING, now);
}

static void hello(struct mn_client *c, int64_t now)
{
	c->hello_until = now + c->config.hello_us;
	/* Whatever is still to be written belongs to a conversation that is over. */
	c->out_len = 0;
	request(c, STATE_HELLO, MN_MSG_HELLO_REQ, now);
}

void mn_client_start(struct mn_client *client, int64_t now_us)
{
	hello(client, now_us);
}

static void recover(struct mn_client *c, int64_t now, struct mn_client_event *ev)
{
	if (c->recoveries++ >= c->config.recoveries) {
		end(c, ev, MN_CLIENT_FAILED);
		mn_err_set(&ev->err, MN_E_TIMEOUT,
			   "the board answers hello but not what is asked then");
		return;
	}
	c->stats.recoveries++;
	hello(c, now);
	/* A board that runs a probe does not listen. Its result will do instead of a hello. */
	if (c->batch && c->ran && !c->done && c->last < c->n_probes)
		c->hello_until += c->probes[c->last].limit_us;
}

/* Set the link's rate; the caller of this client does it before anything else is written. */
static void change_baud(struct mn_client *c, uint32_t baud, struct mn_client_event *ev)
{
	set_event(ev, MN_CLIENT_BAUD);
	ev->baud = c->baud = baud;
	mn_frame_decoder_init(&c->decoder);
}

/* Hello and rate are agreed: go on with the batch if one was under way, else be ready. */
static void agreed(struct mn_client *c, int64_t now, struct mn_client_event *ev)
{
	if (c->batch && c->lost) {
		batch_over(c, ev, MN_CLIENT_LOST);
	} else if (c->batch && c->done) {
		request(c, STATE_FETCH, MN_MSG_FETCH, now);
	} else if (c->batch && c->ran) {
		/* RUNNING or DONE: it holds the batch; NO_BATCH: it was reset. */
		request(c, STATE_RUN, MN_MSG_RUN, now);
	} else if (c->batch) {
		c->loaded = 0;
		request(c, STATE_LOAD, MN_MSG_LOAD, now);
	} else {
		become_ready(c);
		/* A rate change may be this call's event already. */
		set_event(ev->type == MN_CLIENT_NONE ? ev : &c->queued, MN_CLIENT_READY);
	}
}

static void raise_baud(struct mn_client *c, int64_t now, struct mn_client_event *ev)
{
	if (c->config.baud && c->config.baud_raise && c->config.baud_raise != c->baud)
		request(c, STATE_BAUD, MN_MSG_BAUD, now);
	else
		agreed(c, now, ev);
}

static void on_hello(struct mn_client *c, const struct mn_frame *frame, int64_t now,
		     struct mn_client_event *ev)
{
	struct mn_msg_hello m;

	/* proto comes first, so that a hello we cannot read otherwise still says what it speaks. */
	if (frame->len && (frame->payload[0] < MN_PROTO_MIN || frame->payload[0] > MN_PROTO_MAX)) {
		end(c, ev, MN_CLIENT_FAILED);
		mn_err_set(&ev->err, MN_E_VERSION,
			   "the board speaks protocol %u, mnchar %s speaks %u to %u: flash the "
			   "image of "
			   "this version (mnchar flash)",
			   frame->payload[0], MNCHAR_VERSION, MN_PROTO_MIN, MN_PROTO_MAX);
		return;
	}
	if (mn_wire_unpack_hello(frame->payload, frame->len, &m) < 0) {
		end(c, ev, MN_CLIENT_FAILED);
		mn_err_set(&ev->err, MN_E_PROTOCOL, "the board's hello cannot be read");
		return;
	}
	if (c->greeted && (m.uid0 != c->hello.uid0 || m.uid1 != c->hello.uid1 ||
			   m.uid2 != c->hello.uid2 || strcmp(m.image, c->hello.image))) {
		end(c, ev, MN_CLIENT_FAILED);
		mn_err_set(&ev->err, MN_E_PROTOCOL,
			   "another board, or another image, answers on this link now");
		return;
	}
	c->hello = m;
	c->greeted = 1;
	raise_baud(c, now, ev);
}

static void hello_timeout(struct mn_client *c, int64_t now, struct mn_client_event *ev)
{
	if (now >= c->hello_until) {
		end(c, ev, MN_CLIENT_FAILED);
		mn_err_set(
			&ev->err, MN_E_TIMEOUT,
			"no answer to hello in %u s: is the image flashed (mnchar flash), and is "
			"this the board's port?",
			c->config.hello_us / 1000000);
		return;
	}
	/* The board may be at its first rate again, or still at the raised one. */
	if (c->config.baud && c->baud != c->config.baud)
		change_baud(c, c->config.baud, ev);
	else if (c->config.baud && c->config.baud_raise && c->config.baud_raise != c->baud &&
		 c->attempt % 4 == 3)
		change_baud(c, c->config.baud_raise, ev);
	c->attempt++;
	c->stats.retries++;
	if (c->wait_us < 4 * c->config.answer_us)
		c->wait_us *= 2;
	send_attempt(c, now);
	if (c->deadline > c->hello_until)
		c->deadline = c->hello_until;
}

static void start_baud_confirm(struct mn_client *c, int64_t now, struct mn_client_event *ev)
{
	change_baud(c, c->config.baud_raise, ev);
	ping(c, STATE_BAUD_CONFIRM, now);
	c->wait_us = BAUD_CONFIRM_US;
	c->deadline = now + BAUD_CONFIRM_US;
}

/* A lost answer, or a rate that does not work on this cable: try again, then stay below. */
static void give_up_baud(struct mn_client *c, int64_t now, struct mn_client_event *ev)
{
	if (++c->baud_rounds >= BAUD_ROUNDS_MAX)
		c->config.baud_raise = 0;
	if (c->baud != c->config.baud)
		change_baud(c, c->config.baud, ev);
	c->state = STATE_BAUD_BACK;
	c->request = 0;
	c->deadline = now + BAUD_FALL_BACK_US;
}

/* -------- the batch -------- */

static void load_from(struct mn_client *c, uint32_t offset, int64_t now)
{
	c->loaded = offset;
	request(c, STATE_LOAD, MN_MSG_LOAD, now);
}

int mn_client_submit(struct mn_client *client, const uint8_t *batch, uint32_t batch_bytes,
		     const struct mn_client_probe *probes, uint16_t n_probes, int64_t now_us)
{
	if (!mn_client_is_ready(client))
		return MN_E_BUSY;
	if (!n_probes || n_probes > MN_CLIENT_BATCH_PROBES || !batch_bytes)
		return MN_E_INVALID;
	client->batch = client->batch_next ? client->batch_next : 1;
	client->batch_next = client->batch + 1;
	client->data = batch;
	client->size = batch_bytes;
	client->n_probes = n_probes;
	client->n_got = client->n_done = client->last = 0;
	client->done = client->ran = client->lost = 0;
	client->loads = 1;
	memcpy(client->probes, probes, n_probes * sizeof(*probes));
	memset(client->got, 0, sizeof(client->got));
	load_from(client, 0, now_us);
	return 0;
}

int mn_client_ping(struct mn_client *client, int64_t now_us)
{
	if (!mn_client_is_ready(client))
		return MN_E_BUSY;
	ping(client, STATE_PING, now_us);
	return 0;
}

/* Wait for the result after the last one, or for DONE. */
static void await_result(struct mn_client *c, int64_t now)
{
	int64_t limit = c->last < c->n_probes ? c->probes[c->last].limit_us : 0;

	c->state = STATE_RESULTS;
	c->request = 0;
	c->attempt = 0;
	c->deadline = now + limit + c->config.answer_us;
}

/* Ask for the first result that should be there and is not; 0 if there is none. */
static int fetch_next(struct mn_client *c, int64_t now)
{
	for (uint16_t i = 0; i < c->n_done; i++) {
		if (c->got[i])
			continue;
		c->fetching = i;
		request(c, STATE_FETCH, MN_MSG_FETCH, now);
		return 1;
	}
	return 0;
}

static void on_done(struct mn_client *c, const struct mn_frame *frame, int64_t now,
		    struct mn_client_event *ev)
{
	struct mn_msg_done m;

	if (mn_wire_unpack_done(frame->payload, frame->len, &m) < 0 || !c->batch ||
	    m.batch != c->batch || c->done || m.n_done > c->n_probes ||
	    (c->state != STATE_RUN && c->state != STATE_RESULTS && c->state != STATE_HELLO)) {
		c->stats.stray++;
		return;
	}
	c->done = 1;
	c->n_done = m.n_done;
	if (!fetch_next(c, now))
		batch_over(c, ev, MN_CLIENT_DONE);
}

static void on_result(struct mn_client *c, const struct mn_frame *frame, int64_t now,
		      struct mn_client_event *ev)
{
	struct mn_msg_result m;

	if (mn_wire_unpack_result(frame->payload, frame->len, &m) < 0 || !c->batch ||
	    m.batch != c->batch || m.index >= c->n_probes || c->got[m.index] ||
	    m.tag != c->probes[m.index].tag ||
	    (c->state != STATE_RUN && c->state != STATE_RESULTS && c->state != STATE_FETCH &&
	     c->state != STATE_HELLO)) {
		c->stats.stray++;
		return;
	}
	set_event(ev, MN_CLIENT_RESULT);
	ev->result = m;
	c->got[m.index] = 1;
	c->n_got++;
	c->recoveries = 0;
	if (m.index >= c->last)
		c->last = (uint16_t)(m.index + 1);
	if (!c->done) {
		await_result(c, now);
	} else {
		c->stats.fetched++;
		if (!fetch_next(c, now))
			batch_over(c, &c->queued, MN_CLIENT_DONE);
	}
}

static void on_loaded(struct mn_client *c, const struct mn_frame *frame, int64_t now,
		      struct mn_client_event *ev)
{
	struct mn_msg_loaded m;

	if (mn_wire_unpack_loaded(frame->payload, frame->len, &m) < 0 || m.batch != c->batch ||
	    m.received > c->size) {
		c->stats.stray++;
		return;
	}
	if (m.received == c->size) {
		c->ran = 1;
		request(c, STATE_RUN, MN_MSG_RUN, now);
	} else if (m.received > c->loaded || c->loads++ < LOADS_MAX) {
		load_from(c, m.received, now);
	} else {
		batch_over(c, ev, MN_CLIENT_REFUSED);
		mn_err_set(&ev->err, MN_E_PROTOCOL,
			   "the board takes no more than %u of %u bytes of the batch", m.received,
			   c->size);
	}
}

static void on_running(struct mn_client *c, const struct mn_frame *frame, int64_t now)
{
	struct mn_msg_running m;

	if (mn_wire_unpack_running(frame->payload, frame->len, &m) < 0 || m.batch != c->batch) {
		c->stats.stray++;
		return;
	}
	await_result(c, now);
}

/* The board has answered our request with an error. */
static void on_error(struct mn_client *c, const struct mn_frame *frame, int64_t now,
		     struct mn_client_event *ev)
{
	struct mn_msg_error m;

	if (mn_wire_unpack_error(frame->payload, frame->len, &m) < 0) {
		c->stats.stray++;
		return;
	}
	if (m.code == MN_E_BUSY)
		return; /* the time-out asks again */
	switch (c->state) {
	case STATE_BAUD:
		/* It cannot make that rate: stay. */
		c->config.baud_raise = 0;
		agreed(c, now, ev);
		return;
	case STATE_RUN:
	case STATE_LOAD:
	case STATE_FETCH:
		if (m.code == MN_E_NO_BATCH) {
			/* It was reset: is it the same board, with the same clock? */
			c->lost = 1;
			recover(c, now, ev);
			return;
		}
		if (c->state == STATE_FETCH) {
			/* Not there after all: its probe stays without a result. */
			c->n_done = c->fetching;
			if (!fetch_next(c, now))
				batch_over(c, ev, MN_CLIENT_DONE);
			return;
		}
		if ((m.code == MN_E_CRC || m.code == MN_E_AGAIN) && c->loads++ < LOADS_MAX) {
			load_from(c, 0, now);
			return;
		}
		batch_over(c, ev, MN_CLIENT_REFUSED);
		mn_err_set(&ev->err, m.code, "the board refuses the batch: %s (%s)", m.text,
			   mn_err_text(m.code));
		return;
	case STATE_HELLO:
		end(c, ev, MN_CLIENT_FAILED);
		if (m.code == MN_E_VERSION)
			mn_err_set(
				&ev->err, m.code,
				"the board and mnchar %s have no protocol version in common: flash "
				"the image of this version (mnchar flash)",
				MNCHAR_VERSION);
		else
			mn_err_set(&ev->err, m.code, "the board refuses hello: %s (%s)", m.text,
				   mn_err_text(m.code));
		return;
	default:
		recover(c, now, ev);
	}
}

static void on_pong(struct mn_client *c, const struct mn_frame *frame, int64_t now,
		    struct mn_client_event *ev)
{
	struct mn_msg_pong m;

	if (mn_wire_unpack_pong(frame->payload, frame->len, &m) < 0 || m.token != c->token) {
		c->stats.stray++;
		return;
	}
	if (c->state == STATE_PING) {
		set_event(ev, MN_CLIENT_PONG);
		ev->pong = m;
		ev->sent_us = c->sent_us;
		ev->received_us = now;
		become_ready(c);
	} else {
		agreed(c, now, ev);
	}
}

/* -------- bytes and time -------- */

static const struct {
	uint8_t request, answer;
} answers[] = {
	{MN_MSG_HELLO_REQ, MN_MSG_HELLO}, {MN_MSG_BAUD, MN_MSG_BAUD},   {MN_MSG_PING, MN_MSG_PONG},
	{MN_MSG_LOAD, MN_MSG_LOADED},     {MN_MSG_RUN, MN_MSG_RUNNING},
};

/* Is this the answer to the request that is under way? DONE and RESULT are known by their batch
 * instead. */
static int is_answer(const struct mn_client *c, const struct mn_frame *frame)
{
	if (!c->request || frame->seq != c->seq)
		return 0;
	if (frame->type == MN_MSG_ERROR)
		return 1;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i].request == c->request)
			return answers[i].answer == frame->type;
	return 0;
}

static void on_frame(struct mn_client *c, const struct mn_frame *frame, int64_t now,
		     struct mn_client_event *ev)
{
	if (c->state == STATE_NEW || c->state == STATE_END)
		return;
	switch (frame->type) {
	case MN_MSG_FAULT: {
		struct mn_msg_fault m;

		if (mn_wire_unpack_fault(frame->payload, frame->len, &m) < 0)
			break;
		end(c, ev, MN_CLIENT_FAULT);
		ev->fault = m;
		ev->ran = c->batch && m.batch == c->batch && m.index < c->n_probes;
		return;
	}
	case MN_MSG_DONE:
		on_done(c, frame, now, ev);
		return;
	case MN_MSG_RESULT:
		on_result(c, frame, now, ev);
		return;
	default:
		break;
	}
	if (!is_answer(c, frame)) {
		c->stats.stray++;
		return;
	}
	switch (frame->type) {
	case MN_MSG_HELLO:
		on_hello(c, frame, now, ev);
		break;
	case MN_MSG_BAUD:
		start_baud_confirm(c, now, ev);
		break;
	case MN_MSG_PONG:
		on_pong(c, frame, now, ev);
		break;
	case MN_MSG_LOADED:
		on_loaded(c, frame, now, ev);
		break;
	case MN_MSG_RUNNING:
		on_running(c, frame, now);
		break;
	case MN_MSG_ERROR:
		on_error(c, frame, now, ev);
		break;
	default:
		break;
	}
}

size_t mn_client_input(struct mn_client *client, const uint8_t *bytes, size_t n, int64_t now_us,
		       struct mn_client_event *ret_event)
{
	struct mn_frame frame;

	ret_event->type = MN_CLIENT_NONE;
	/* First what is owed already, so that events stay in order. */
	if (client->queued.type != MN_CLIENT_NONE)
		return 0;
	for (size_t i = 0; i < n; i++) {
		int ret = mn_frame_feed(&client->decoder, bytes[i], &frame);

		if (ret == 1) {
			on_frame(client, &frame, now_us, ret_event);
			if (ret_event->type != MN_CLIENT_NONE ||
			    client->queued.type != MN_CLIENT_NONE)
				return i + 1;
		} else if (ret < 0) {
			client->stats.bad_frames++;
			if (client->request && client->state != STATE_HELLO &&
			    client->deadline > now_us + BROKEN_US)
				client->deadline = now_us + BROKEN_US;
		}
	}
	return n;
}

void mn_client_tick(struct mn_client *client, int64_t now_us, struct mn_client_event *ret_event)
{
	struct mn_client *c = client;

	ret_event->type = MN_CLIENT_NONE;
	if (c->queued.type != MN_CLIENT_NONE) {
		*ret_event = c->queued;
		c->queued.type = MN_CLIENT_NONE;
		return;
	}
	if (now_us < c->deadline)
		return;
	switch (c->state) {
	case STATE_HELLO:
		hello_timeout(c, now_us, ret_event);
		return;
	case STATE_BAUD:
		/* The echo may be lost with the board at the new rate already. */
		give_up_baud(c, now_us, ret_event);
		return;
	case STATE_BAUD_CONFIRM:
		if (c->attempt < BAUD_CONFIRM_TRIES) {
			c->attempt++;
			c->stats.retries++;
			send_attempt(c, now_us);
			return;
		}
		give_up_baud(c, now_us, ret_event);
		return;
	case STATE_BAUD_BACK:
		raise_baud(c, now_us, ret_event);
		return;
	case STATE_RESULTS:
		/* Either the board still runs and does not listen, or DONE is lost, or it is gone.
		 */
		request(c, STATE_RUN, MN_MSG_RUN, now_us);
		c->stats.retries++;
		return;
	case STATE_PING:
	case STATE_LOAD:
	case STATE_RUN:
	case STATE_FETCH:
		if (c->attempt >= c->config.attempts) {
			recover(c, now_us, ret_event);
			return;
		}
		c->attempt++;
		c->stats.retries++;
		c->wait_us *= 2;
		if (c->state == STATE_PING) {
			/* Its own number: a late PONG must not be timed against this attempt. */
			c->seq++;
			c->token++;
		}
		send_attempt(c, now_us);
		return;
	case STATE_NEW:
	case STATE_READY:
	case STATE_END:
		return;
	}
}
