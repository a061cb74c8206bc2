/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <string.h>

#include "cycles.h"
#include "elapsed.h"
#include "err.h"

volatile struct mn_session_running mn_session_running;

/* A result as it is kept: the message, then the values that it points to. */
struct kept {
	uint32_t size; /* of the whole record */
	struct mn_msg_result msg;
	uint32_t values[];
};

/* Where a frame's payload is packed, inside the buffer that mn_frame_encode() then fills from its
 * start. */
#define PAYLOAD(s) ((s)->decoder.buf + sizeof((s)->decoder.buf) - MN_WIRE_PAYLOAD_MAX)
#define SEND(s, name, seq, msg)                                                                    \
	send_packed(s, seq, MN_TYPE_##name,                                                        \
		    mn_wire_pack_##name(msg, PAYLOAD(s), MN_WIRE_PAYLOAD_MAX))

enum {
#define X(NAME, name, type) MN_TYPE_##name = (type),
	MN_MSG_TABLE(X)
#undef X
};

static void send_packed(struct mn_session *s, uint16_t seq, uint8_t type, int len)
{
	struct mn_frame frame = {s->proto, type, seq, PAYLOAD(s), 0};

	if (len < 0)
		return;
	frame.len = (uint16_t)len;
	len = mn_frame_encode(&frame, s->decoder.buf, sizeof(s->decoder.buf));
	if (len > 0)
		mn_board_uart_write(s->decoder.buf, (uint32_t)len);
}

static void copy_text(char *dst, size_t size, const char *src)
{
	size_t len = 0;

	while (len + 1 < size && src[len])
		len++;
	memcpy(dst, src, len);
	dst[len] = '\0';
}

static void send_error(struct mn_session *s, uint16_t seq, int code, const char *text)
{
	struct mn_msg_error msg = {.code = code};

	copy_text(msg.text, sizeof(msg.text), text);
	SEND(s, error, seq, &msg);
}

static void send_done(struct mn_session *s, uint16_t seq)
{
	struct mn_msg_done msg = {.batch = s->batch, .n_done = s->n_done};

	SEND(s, done, seq, &msg);
}

static uint64_t cycles_since_boot(struct mn_session *s, uint32_t *ret_micros)
{
	uint32_t cycles = mn_cycles(), micros = mn_board_micros();

	s->cycles += mn_elapsed_cycles(cycles - s->last_cycles, micros - s->last_micros,
				       mn_board_facts()->clock_set_hz);
	s->last_cycles = cycles;
	s->last_micros = micros;
	*ret_micros = micros;
	return s->cycles;
}

/* "id;id": a set that does not fit whole is left out, and with it those after it, to keep the
 * indices right. */
static void list_kernels(char *dst, size_t size)
{
	size_t used = 0;

	for (uint32_t i = 0; i < mn_kernel_sets_count(); i++) {
		const char *id = mn_kernel_sets[i]->id;
		size_t len = strlen(id);

		if (used + len + 2 > size)
			break;
		if (i)
			dst[used++] = ';';
		memcpy(dst + used, id, len);
		used += len;
	}
	dst[used] = '\0';
}

static void on_hello_req(struct mn_session *s, const struct mn_frame *frame)
{
	const struct mn_board_facts *facts = mn_board_facts();
	const struct mn_exec_mem *mem = mn_board_memory();
	struct mn_msg_hello_req req;
	struct mn_msg_hello msg = {0};
	const uint8_t *id;
	uint32_t id_len;

	if (mn_wire_unpack_hello_req(frame->payload, frame->len, &req) < 0) {
		send_error(s, frame->seq, MN_E_PROTOCOL, "HELLO_REQ is too short");
		return;
	}
	if (req.proto_max < MN_PROTO_MIN || req.proto_min > MN_PROTO_MAX) {
		send_error(s, frame->seq, MN_E_VERSION, "no common protocol version");
		return;
	}
	s->proto = req.proto_max < MN_PROTO_MAX ? req.proto_max : MN_PROTO_MAX;
	memset(s->past, 0, sizeof(s->past));

	msg.proto = s->proto;
	copy_text(msg.firmware, sizeof(msg.firmware), s->firmware);
	copy_text(msg.board, sizeof(msg.board), facts->name);
	msg.chip_id = facts->chip_id;
	msg.cpuid = facts->cpuid;
	msg.uid0 = facts->uid[0];
	msg.uid1 = facts->uid[1];
	msg.uid2 = facts->uid[2];
	msg.clock_source = facts->clock_source;
	msg.clock_set_hz = facts->clock_set_hz;
	msg.clock_measured_hz = facts->clock_measured_hz;
	msg.hse_measured_hz = facts->hse_measured_hz;
	msg.wait_states = mn_board_wait_states();
	msg.caches = mn_board_caches();
	msg.counter_status = facts->counter_status;
	msg.counter_cycles = facts->counter_cycles;
	msg.counter_reference = facts->counter_reference;
	msg.arena_bytes = mem->arena_bytes;
	msg.pool_bytes = mem->pool_bytes;
	msg.bias_pool_bytes = mem->bias_pool_bytes;
	msg.batch_bytes = s->buffers.batch_bytes;
	msg.result_bytes = s->buffers.result_bytes;
	msg.reps_max = MN_MEASURE_REPS_MAX;
	list_kernels(msg.kernels, sizeof(msg.kernels));
	copy_text(msg.compiler, sizeof(msg.compiler), s->compiler);
	copy_text(msg.flags, sizeof(msg.flags), s->flags);
	id = mn_board_build_id(&id_len);
	for (uint32_t i = 0; i < id_len && 2 * i + 2 < sizeof(msg.image); i++) {
		msg.image[2 * i] = "0123456789abcdef"[id[i] >> 4];
		msg.image[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
	}
	copy_text(msg.marker_pin, sizeof(msg.marker_pin), facts->marker_pin);
	copy_text(msg.layer_pin, sizeof(msg.layer_pin), facts->layer_pin);
	SEND(s, hello, frame->seq, &msg);
}

static void on_baud(struct mn_session *s, const struct mn_frame *frame)
{
	struct mn_msg_baud msg;

	if (mn_wire_unpack_baud(frame->payload, frame->len, &msg) < 0) {
		send_error(s, frame->seq, MN_E_PROTOCOL, "BAUD is too short");
		return;
	}
	if (mn_board_uart_check(msg.baud)) {
		send_error(s, frame->seq, MN_E_INVALID,
			   "the UART's divider misses that rate by 2 % or more");
		return;
	}
	SEND(s, baud, frame->seq, &msg);
	mn_board_uart_set(msg.baud);
	if (!s->baud_open)
		s->old_baud = s->baud;
	s->baud = msg.baud;
	s->baud_open = 1;
	s->baud_since = mn_board_micros();
}

static void on_ping(struct mn_session *s, const struct mn_frame *frame)
{
	struct mn_msg_ping ping;
	struct mn_msg_pong pong = {0};

	if (mn_wire_unpack_ping(frame->payload, frame->len, &ping) < 0) {
		send_error(s, frame->seq, MN_E_PROTOCOL, "PING is too short");
		return;
	}
	s->baud_open = 0;
	pong.token = ping.token;
	pong.cycles = cycles_since_boot(s, &pong.micros);
	if (mn_board_facts()->counter_status == MN_E_NO_COUNTER)
		pong.cycles = 0;
	SEND(s, pong, frame->seq, &pong);
}

static int is_past(const struct mn_session *s, uint32_t batch)
{
	for (uint32_t i = 0; i < MN_SESSION_PAST; i++) {
		if (s->past[i] == batch)
			return 1;
	}
	return 0;
}

static void begin_batch(struct mn_session *s, uint32_t batch, uint32_t total)
{
	if (s->batch) {
		s->past[s->past_next] = s->batch;
		s->past_next = (uint8_t)((s->past_next + 1u) % MN_SESSION_PAST);
	}
	s->batch = batch;
	s->total = total;
	s->received = 0;
	s->done = 0;
	s->n_done = 0;
	s->results_used = 0;
}

static uint8_t *batch_start(const struct mn_session *s)
{
	return s->buffers.batch + MN_SESSION_SLACK(s->buffers.batch_bytes);
}

static void on_load(struct mn_session *s, const struct mn_frame *frame)
{
	struct mn_msg_load msg;
	struct mn_msg_loaded reply;

	if (mn_wire_unpack_load(frame->payload, frame->len, &msg) < 0) {
		send_error(s, frame->seq, MN_E_PROTOCOL, "LOAD is too short");
		return;
	}
	if (!msg.batch || !msg.total || msg.offset > msg.total ||
	    msg.data_len > msg.total - msg.offset) {
		send_error(s, frame->seq, MN_E_INVALID,
			   "batch is 0, or the piece lies outside its batch");
		return;
	}
	if (msg.total > s->buffers.batch_bytes) {
		send_error(s, frame->seq, MN_E_TOO_BIG, "the batch is larger than batch_bytes");
		return;
	}
	if (msg.batch != s->batch) {
		if (is_past(s, msg.batch)) {
			send_error(s, frame->seq, MN_E_NO_BATCH, "that batch has been replaced");
			return;
		}
		begin_batch(s, msg.batch, msg.total);
	} else if (msg.total != s->total) {
		send_error(s, frame->seq, MN_E_INVALID, "the batch was begun with another size");
		return;
	}
	/* A piece that would leave a gap is not kept: `received` tells the host where to go on. */
	if (!s->done && msg.offset <= s->received && msg.offset + msg.data_len > s->received) {
		memcpy(batch_start(s) + msg.offset, msg.data, msg.data_len);
		s->received = msg.offset + msg.data_len;
	}
	reply.batch = s->batch;
	reply.received = s->received;
	SEND(s, loaded, frame->seq, &reply);
}

/* 0 if the batch is n_probes probes with their steps and nothing else. */
static int walk_batch(const struct mn_session *s, uint16_t n_probes)
{
	const uint8_t *p = batch_start(s), *end = p + s->total;

	for (uint16_t i = 0; i < n_probes; i++) {
		struct mn_rec_probe probe;
		int used = mn_wire_unpack_probe(p, (size_t)(end - p), &probe);

		if (used < 0)
			return used;
		p += used;
		if ((uint32_t)(end - p) / MN_SESSION_STEP_BYTES < probe.n_steps)
			return MN_E_PROTOCOL;
		p += probe.n_steps * MN_SESSION_STEP_BYTES;
	}
	return p == end ? 0 : MN_E_PROTOCOL;
}

/* Unpack a probe's steps so that they end where its records end; *at moves behind them. */
static void unpack_program(uint8_t **at, const struct mn_rec_probe *probe,
			   struct mn_program *ret_program)
{
	uint8_t *from = *at, *end = from + probe->n_steps * MN_SESSION_STEP_BYTES;
	struct mn_step *steps =
		(struct mn_step *)(void *)(end - (uintptr_t)end % 8u) - probe->n_steps;

	for (uint32_t i = 0; i < probe->n_steps; i++) {
		struct mn_rec_step rec = {0};
		struct mn_step step;

		/* walk_batch() has seen that the bytes are there. */
		mn_wire_unpack_step(from, MN_SESSION_STEP_BYTES, &rec);
		from += MN_SESSION_STEP_BYTES;
		mn_wire_step_from_rec(&rec, &step);
		memcpy(&steps[i], &step, sizeof(step));
	}
	*at = end;
	ret_program->n_steps = probe->n_steps;
	ret_program->arena_bytes = probe->arena_bytes;
	ret_program->steps = steps;
}

/* Room for one more result with so many values, or NULL. */
static struct kept *keep(struct mn_session *s, uint32_t n_values)
{
	uint32_t size = ((uint32_t)sizeof(struct kept) + n_values * 4u + 7u) & ~7u;
	struct kept *kept = (struct kept *)(void *)(s->buffers.results + s->results_used);

	if (size > s->buffers.result_bytes - s->results_used)
		return NULL;
	kept->size = size;
	return kept;
}

/* 0, or MN_E_FULL when the result of this probe has no place: the batch ends before it. */
static int run_probe(struct mn_session *s, uint16_t index, const struct mn_rec_probe *probe,
		     const struct mn_program *program, uint16_t seq)
{
	uint16_t reps = probe->reps > MN_MEASURE_REPS_MAX ? MN_MEASURE_REPS_MAX : probe->reps;
	uint32_t n_values = mn_measure_values(reps, probe->mode, probe->n_steps);
	struct kept *kept = keep(s, n_values);

	if (kept) {
		uint32_t micros;

		/* A batch may sleep for longer than the counters tell apart. */
		cycles_since_boot(s, &micros);
		mn_measure_probe(probe, program, &s->energy, kept->values, &kept->msg);
		s->cycles += mn_measure_asleep();
		mn_board_stack_check();
	} else {
		if (index)
			return MN_E_FULL;
		/* It would never fit, however often it were submitted. */
		kept = keep(s, 0);
		if (!kept)
			return MN_E_FULL;
		kept->msg = (struct mn_msg_result){
			.tag = probe->tag,
			.status = MN_E_TOO_BIG,
			.need = (uint32_t)sizeof(struct kept) + n_values * 4u,
			.have = s->buffers.result_bytes,
			.kernels = probe->kernels,
			.mode = probe->mode,
			.reps = probe->reps,
		};
	}
	kept->msg.batch = s->batch;
	kept->msg.index = index;
	s->results_used += kept->size;
	s->n_done++;
	SEND(s, result, seq, &kept->msg);
	return 0;
}

static void run_batch(struct mn_session *s, uint16_t n_probes, uint16_t seq)
{
	uint8_t *at = batch_start(s);

	/* From here on the records are used up: whatever happens, this batch does not run again. */
	s->done = 1;
	mn_session_running.proto = s->proto;
	mn_session_running.seq = seq;
	for (uint16_t i = 0; i < n_probes; i++) {
		struct mn_rec_probe probe = {0};
		struct mn_program program;

		at += mn_wire_unpack_probe(at, MN_SESSION_PROBE_BYTES, &probe);
		unpack_program(&at, &probe, &program);
		mn_session_running.index = i;
		mn_session_running.batch = s->batch;
		if (run_probe(s, i, &probe, &program, seq))
			break;
	}
	mn_session_running.batch = 0;
}

static void on_run(struct mn_session *s, const struct mn_frame *frame)
{
	struct mn_msg_run msg;
	struct mn_msg_running running;
	uint16_t seq = frame->seq;

	if (mn_wire_unpack_run(frame->payload, frame->len, &msg) < 0) {
		send_error(s, seq, MN_E_PROTOCOL, "RUN is too short");
		return;
	}
	if (!msg.batch || msg.batch != s->batch) {
		send_error(s, seq, MN_E_NO_BATCH, "that batch is not held");
		return;
	}
	if (s->done) {
		send_done(s, seq);
		return;
	}
	if (s->received < s->total) {
		send_error(s, seq, MN_E_AGAIN, "the batch is not complete");
		return;
	}
	if (mn_crc32c(0, batch_start(s), s->total) != msg.crc) {
		s->received = 0;
		send_error(s, seq, MN_E_CRC, "the batch does not have that CRC: load it again");
		return;
	}
	if (!msg.n_probes || walk_batch(s, msg.n_probes)) {
		s->received = 0;
		send_error(s, seq, MN_E_PROTOCOL, "the batch is not that many whole probes");
		return;
	}
	s->energy = (struct mn_measure_energy){
		.min_us = msg.energy_us,
		.min_reps = msg.energy_reps,
		.idle_us = msg.idle_us,
	};
	running.batch = msg.batch;
	running.n_probes = msg.n_probes;
	SEND(s, running, seq, &running);
	run_batch(s, msg.n_probes, seq);
	/* Whatever came while nobody listened is torn. After DONE the host may speak again. */
	while (mn_board_uart_read() != MN_UART_NONE)
		;
	mn_frame_decoder_init(&s->decoder);
	send_done(s, seq);
}

static void on_fetch(struct mn_session *s, const struct mn_frame *frame)
{
	struct mn_msg_fetch msg;
	struct kept *kept = (struct kept *)(void *)s->buffers.results;

	if (mn_wire_unpack_fetch(frame->payload, frame->len, &msg) < 0) {
		send_error(s, frame->seq, MN_E_PROTOCOL, "FETCH is too short");
		return;
	}
	if (!msg.batch || msg.batch != s->batch) {
		send_error(s, frame->seq, MN_E_NO_BATCH, "that batch is not held");
		return;
	}
	if (msg.index >= s->n_done) {
		send_error(s, frame->seq, MN_E_NOTFOUND, "no result of that index");
		return;
	}
	for (uint16_t i = 0; i < msg.index; i++)
		kept = (struct kept *)(void *)((uint8_t *)kept + kept->size);
	SEND(s, result, frame->seq, &kept->msg);
}

static void on_frame(struct mn_session *s, const struct mn_frame *frame)
{
	if (frame->type == MN_MSG_HELLO_REQ) {
		on_hello_req(s, frame);
		return;
	}
	if (frame->type & 0x80)
		return; /* an answer: an echo of our own */
	if (frame->version < MN_PROTO_MIN || frame->version > MN_PROTO_MAX) {
		send_error(s, frame->seq, MN_E_VERSION, "that protocol version is not spoken here");
		return;
	}
	switch (frame->type) {
	case MN_MSG_BAUD:
		on_baud(s, frame);
		break;
	case MN_MSG_PING:
		on_ping(s, frame);
		break;
	case MN_MSG_LOAD:
		on_load(s, frame);
		break;
	case MN_MSG_RUN:
		on_run(s, frame);
		break;
	case MN_MSG_FETCH:
		on_fetch(s, frame);
		break;
	default:
		send_error(s, frame->seq, MN_E_UNSUPPORTED, "unknown message");
		break;
	}
}

void mn_session_init(struct mn_session *s, const struct mn_session_buffers *buffers)
{
	memset(s, 0, sizeof(*s));
	s->buffers = *buffers;
	s->firmware = s->compiler = s->flags = "";
	s->proto = MN_PROTO_MAX;
	s->baud = s->old_baud = MN_SESSION_BAUD;
	mn_frame_decoder_init(&s->decoder);
	s->last_micros = mn_board_micros();
	s->last_cycles = mn_cycles();
}

static void set_baud(struct mn_session *s, uint32_t baud)
{
	mn_board_uart_set(baud);
	s->baud = baud;
	s->baud_open = 0;
	s->framing_errors = 0;
	mn_frame_decoder_init(&s->decoder);
}

static void idle(struct mn_session *s)
{
	uint32_t micros = mn_board_micros();

	if (s->baud_open && micros - s->baud_since > MN_SESSION_CONFIRM_US)
		set_baud(s, s->old_baud);
	/* Often enough that neither counter wraps unseen. */
	if (micros - s->last_micros > 1000000u)
		cycles_since_boot(s, &micros);
}

void mn_session_poll(struct mn_session *s)
{
	int byte = mn_board_uart_read();
	struct mn_frame frame;

	if (byte == MN_UART_NONE) {
		idle(s);
		return;
	}
	if (byte == MN_UART_FRAMING) {
		/* A new host speaks at the first rate while we are still at the one the last host
		 * agreed. */
		if (s->baud != MN_SESSION_BAUD && ++s->framing_errors >= MN_SESSION_FRAMING_MAX)
			set_baud(s, MN_SESSION_BAUD);
		return;
	}
	if (mn_frame_feed(&s->decoder, (uint8_t)byte, &frame) == 1) {
		s->framing_errors = 0;
		on_frame(s, &frame);
	}
}
