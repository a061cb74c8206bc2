/* SPDX-License-Identifier: MIT */
#include "fake_peer.h"

#include <string.h>

#include "err.h"
#include "program.h"

#define FIRST_BAUD  115200
#define OVERHEAD    10
#define FRAMING_MAX 8

uint32_t fake_peer_crc(uint64_t tag)
{
	return mn_crc32c(0, &tag, sizeof(tag));
}

uint32_t fake_peer_cycles(uint64_t tag)
{
	return 1000 + (uint32_t)(tag % 1000);
}

static void power_on(struct fake_peer *f)
{
	f->baud = f->old_baud = FIRST_BAUD;
	f->baud_open = f->framing = 0;
	f->faulted = 0;
	f->batch = f->total = f->received = 0;
	f->done = 0;
	f->n_probes = f->n_done = f->running = 0;
	mn_frame_decoder_init(&f->decoder);
}

void fake_peer_init(struct fake_peer *f)
{
	memset(f, 0, sizeof(*f));
	f->hello = (struct mn_msg_hello){
		.proto = MN_PROTO_MAX,
		.firmware = "0.1.0",
		.board = "nucleo-f446re",
		.chip_id = 0x421,
		.uid0 = 0x54524956, /* "VIRT" */
		.uid1 = 1,
		.uid2 = 2,
		.clock_source = MN_CLOCK_HSE_BYPASS,
		.clock_set_hz = 180000000,
		.clock_measured_hz = 180000100,
		.hse_measured_hz = 8000000,
		.wait_states = 5,
		.caches = MN_CACHE_ART_I | MN_CACHE_ART_D | MN_CACHE_PREFETCH,
		.arena_bytes = 100000,
		.pool_bytes = 300000,
		.bias_pool_bytes = 16384,
		.batch_bytes = 8192,
		.result_bytes = 8192,
		.reps_max = 64,
		.kernels = "mnchar/2/dsp;mnchar/2/ref",
		.compiler = "gcc",
		.flags = "-O2",
		.image = "0123456789abcdef",
		.marker_pin = "PA8 (D7)",
	};
	f->probe_us = 1000;
	power_on(f);
}

static void emit(struct fake_peer *f, uint8_t type, uint16_t seq, const uint8_t *payload, int len)
{
	struct mn_frame frame = {f->hello.proto, type, seq, payload, (uint16_t)len};
	int n = mn_frame_encode(&frame, f->out + f->out_len, sizeof(f->out) - f->out_len);

	if (n > 0)
		f->out_len += (uint32_t)n;
}

#define EMIT(f, NAME, name, seq, m)                                                                \
	do {                                                                                       \
		uint8_t payload_[MN_WIRE_PAYLOAD_MAX];                                             \
		int len_ = mn_wire_pack_##name(m, payload_, sizeof(payload_));                     \
		if (len_ >= 0)                                                                     \
			emit(f, MN_MSG_##NAME, seq, payload_, len_);                               \
	} while (0)

static void emit_error(struct fake_peer *f, uint16_t seq, int code)
{
	struct mn_msg_error m = {.code = code, .text = "says the fake"};

	EMIT(f, ERROR, error, seq, &m);
}

static void emit_result(struct fake_peer *f, uint16_t index, uint16_t seq)
{
	uint8_t reps[4 * 3 * 64], steps[4 * MN_PROGRAM_STEPS_MAX];
	uint64_t tag = f->tags[index];
	uint32_t n = f->reps[index];
	struct mn_msg_result m = {
		.batch = f->batch,
		.index = index,
		.tag = tag,
		.kernels = f->kernels[index],
		.mode = f->modes[index],
		.reps = f->reps[index],
		.n_cycles = (uint64_t)n * fake_peer_cycles(tag) + OVERHEAD,
		.n2_cycles = (uint64_t)2 * n * fake_peer_cycles(tag) + OVERHEAD,
		.n_micros = 100,
		.n2_micros = 200,
		.overhead_cycles = OVERHEAD,
		.output_crc = fake_peer_crc(tag),
		.rep_cycles = reps,
		.rep_cycles_len = (uint16_t)(4 * 3 * n),
	};

	if (f->refuse_at && tag == (uint64_t)f->refuse_at) {
		m.status = MN_E_TOO_BIG;
		m.need = 1000;
		m.have = 500;
		m.rep_cycles_len = 0;
	}
	if (!m.status && (m.mode & MN_PROBE_STEPS)) {
		m.step_cycles = steps;
		m.step_cycles_len = (uint16_t)(4 * f->steps[index]);
	}
	for (uint32_t i = 0; i < m.step_cycles_len / 4u; i++)
		mn_put_le32(steps + 4 * i, 100 + i);
	for (uint32_t i = 0; i < m.rep_cycles_len / 4u; i++)
		mn_put_le32(reps + 4 * i, fake_peer_cycles(tag) + i % 2);
	EMIT(f, RESULT, result, seq, &m);
}

static void emit_done(struct fake_peer *f, uint16_t seq)
{
	struct mn_msg_done m = {f->batch, f->n_done};

	EMIT(f, DONE, done, seq, &m);
}

/* Begin the probe `running`, or end the batch. */
static void next_probe(struct fake_peer *f, int64_t now)
{
	f->running++;
	if (f->running > f->n_probes || (f->results_max && f->running > f->results_max)) {
		f->running = 0;
		emit_done(f, f->run_seq);
		return;
	}
	f->started++;
	f->busy_until = now + f->probe_us;
	if (f->hang_at && f->started == (uint32_t)f->hang_at)
		f->busy_until += f->hang_us;
}

static void unpack_batch(struct fake_peer *f)
{
	const uint8_t *p = f->data, *end = f->data + f->total;

	for (uint16_t i = 0; i < f->n_probes && i < FAKE_PROBES_MAX; i++) {
		struct mn_rec_probe probe = {0};
		struct mn_rec_step step;
		int n = mn_wire_unpack_probe(p, (size_t)(end - p), &probe);

		if (n < 0)
			return;
		p += n;
		for (uint16_t j = 0; j < probe.n_steps; j++) {
			n = mn_wire_unpack_step(p, (size_t)(end - p), &step);
			if (n < 0)
				return;
			p += n;
		}
		f->tags[i] = probe.tag;
		f->reps[i] = probe.reps;
		f->kernels[i] = probe.kernels;
		f->modes[i] = probe.mode;
		f->steps[i] =
			probe.n_steps < MN_PROGRAM_STEPS_MAX ? probe.n_steps : MN_PROGRAM_STEPS_MAX;
	}
}

static void on_load(struct fake_peer *f, const struct mn_frame *frame)
{
	struct mn_msg_load m;
	struct mn_msg_loaded reply;

	if (mn_wire_unpack_load(frame->payload, frame->len, &m) < 0)
		return;
	if (m.total > f->hello.batch_bytes) {
		emit_error(f, frame->seq, MN_E_TOO_BIG);
		return;
	}
	if (m.batch != f->batch) {
		f->batch = m.batch;
		f->total = m.total;
		f->received = 0;
		f->done = 0;
		f->n_done = 0;
	}
	if (!f->done && m.offset <= f->received && m.offset + m.data_len > f->received) {
		memcpy(f->data + m.offset, m.data, m.data_len);
		f->received = m.offset + m.data_len;
	}
	reply.batch = f->batch;
	reply.received = f->received;
	EMIT(f, LOADED, loaded, frame->seq, &reply);
}

static void on_run(struct fake_peer *f, const struct mn_frame *frame, int64_t now)
{
	struct mn_msg_run m;
	struct mn_msg_running reply;

	if (mn_wire_unpack_run(frame->payload, frame->len, &m) < 0)
		return;
	if (m.batch != f->batch) {
		emit_error(f, frame->seq, MN_E_NO_BATCH);
		return;
	}
	if (f->done) {
		emit_done(f, frame->seq);
		return;
	}
	if (f->received < f->total) {
		emit_error(f, frame->seq, MN_E_AGAIN);
		return;
	}
	if (mn_crc32c(0, f->data, f->total) != m.crc) {
		f->received = 0;
		emit_error(f, frame->seq, MN_E_CRC);
		return;
	}
	f->done = 1;
	f->n_probes = m.n_probes;
	f->run_seq = frame->seq;
	unpack_batch(f);
	reply.batch = m.batch;
	reply.n_probes = m.n_probes;
	EMIT(f, RUNNING, running, frame->seq, &reply);
	if (f->running)
		f->twice++;
	f->running = 0;
	next_probe(f, now);
}

static void on_frame(struct fake_peer *f, const struct mn_frame *frame, int64_t now)
{
	switch (frame->type) {
	case MN_MSG_HELLO_REQ:
		if (f->answers_version)
			emit_error(f, frame->seq, MN_E_VERSION);
		else
			EMIT(f, HELLO, hello, frame->seq, &f->hello);
		break;
	case MN_MSG_BAUD: {
		struct mn_msg_baud m;

		if (mn_wire_unpack_baud(frame->payload, frame->len, &m) < 0)
			break;
		EMIT(f, BAUD, baud, frame->seq, &m);
		if (!f->baud_open)
			f->old_baud = f->baud;
		f->baud = m.baud;
		f->baud_open = 1;
		f->baud_since = now;
		break;
	}
	case MN_MSG_PING: {
		struct mn_msg_ping m;
		struct mn_msg_pong reply = {0};

		if (mn_wire_unpack_ping(frame->payload, frame->len, &m) < 0)
			break;
		f->baud_open = 0;
		reply.token = m.token;
		reply.cycles = (uint64_t)((double)now * (f->hello.clock_set_hz / 1e6) *
					  (f->clock_factor != 0 ? f->clock_factor : 1));
		reply.micros = (uint32_t)now;
		EMIT(f, PONG, pong, frame->seq, &reply);
		break;
	}
	case MN_MSG_LOAD:
		on_load(f, frame);
		break;
	case MN_MSG_RUN:
		on_run(f, frame, now);
		break;
	case MN_MSG_FETCH: {
		struct mn_msg_fetch m;

		if (mn_wire_unpack_fetch(frame->payload, frame->len, &m) < 0)
			break;
		if (m.batch != f->batch)
			emit_error(f, frame->seq, MN_E_NO_BATCH);
		else if (m.index >= f->n_done)
			emit_error(f, frame->seq, MN_E_NOTFOUND);
		else
			emit_result(f, m.index, frame->seq);
		break;
	}
	default:
		break;
	}
}

static void emit_fault(struct fake_peer *f)
{
	struct mn_msg_fault m = {
		.batch = f->batch,
		.index = (uint16_t)(f->running - 1),
		.pc = 0x08001234,
		.cfsr = 0x82,
		.hfsr = 0x40000000,
		.address = 0xdeadbeec,
	};

	EMIT(f, FAULT, fault, f->run_seq, &m);
}

void fake_peer_input(struct fake_peer *f, uint8_t byte, uint32_t baud, int64_t now_us)
{
	struct mn_frame frame;

	fake_peer_tick(f, now_us);
	if (f->dead || f->running)
		return;
	if (f->faulted) {
		if (!byte)
			emit_fault(f);
		return;
	}
	if (baud && (baud != f->baud || (f->baud_max && baud > f->baud_max))) {
		if (f->baud != FIRST_BAUD && ++f->framing >= FRAMING_MAX) {
			f->baud = FIRST_BAUD;
			f->baud_open = f->framing = 0;
			mn_frame_decoder_init(&f->decoder);
		}
		return;
	}
	if (mn_frame_feed(&f->decoder, byte, &frame) == 1) {
		f->framing = 0;
		on_frame(f, &frame, now_us);
	}
}

void fake_peer_tick(struct fake_peer *f, int64_t now_us)
{
	if (f->baud_open && now_us - f->baud_since > 1000000) {
		f->baud = f->old_baud;
		f->baud_open = 0;
	}
	while (f->running && !f->faulted && now_us >= f->busy_until) {
		uint64_t tag = f->tags[f->running - 1];

		if ((f->reset_at && f->started == (uint32_t)f->reset_at) ||
		    (f->reset_tag && tag == (uint64_t)f->reset_tag)) {
			f->reset_at = 0;
			f->resets++;
			power_on(f);
			return;
		}
		if ((f->fault_at && f->started == (uint32_t)f->fault_at) ||
		    (f->fault_tag && tag == (uint64_t)f->fault_tag)) {
			f->faulted = 1;
			emit_fault(f);
			return;
		}
		f->runs++;
		emit_result(f, (uint16_t)(f->running - 1), f->run_seq);
		f->n_done++;
		next_probe(f, f->busy_until);
	}
}

int64_t fake_peer_deadline(const struct fake_peer *f)
{
	int64_t at = INT64_MAX;

	if (f->running && !f->faulted)
		at = f->busy_until;
	if (f->baud_open && f->baud_since + 1000001 < at)
		at = f->baud_since + 1000001;
	return at;
}
