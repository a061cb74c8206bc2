/* SPDX-License-Identifier: MIT */
#include "protocol.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define OP_CONNECT  1
#define OP_TIMESYNC 3
/* topic, type, flags, op, app */
#define PUBLISH_HEADER (MN_JS220_TOPIC + 4)
/* An id that is behind or ahead by more than a quarter of its range belongs to another stream. */
#define QUARTER UINT32_C(0x40000000)

static uint64_t get(const uint8_t *p, int n)
{
	uint64_t v = 0;

	for (int i = 0; i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static void put(uint8_t *p, uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void put_header(uint8_t *p, uint16_t id, size_t length, unsigned port)
{
	put(p, id | (uint32_t)length << 16 | (uint32_t)port << 25, 4);
}

int mn_js220_frame(const uint8_t bytes[MN_JS220_FRAME], struct mn_js220_frame *ret)
{
	uint32_t header = (uint32_t)get(bytes, 4);
	size_t length = header >> 16 & 0x1ff;

	if (header >> 30 || length > MN_JS220_PAYLOAD)
		return MN_E_PROTOCOL;
	*ret = (struct mn_js220_frame){.id = (uint16_t)header,
				       .port = header >> 25 & 0x1f,
				       .length = length,
				       .payload = bytes + 4};
	return 0;
}

int mn_js220_message(const struct mn_js220_frame *f, struct mn_js220_message *ret)
{
	if (f->port != MN_JS220_PUBSUB || f->length < PUBLISH_HEADER)
		return MN_E_PROTOCOL;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->topic, f->payload, MN_JS220_TOPIC);
	ret->type = f->payload[MN_JS220_TOPIC];
	ret->text = (const char *)f->payload + PUBLISH_HEADER;
	ret->text_len = strnlen(ret->text, f->length - PUBLISH_HEADER);
	if (f->length >= PUBLISH_HEADER + 8)
		ret->value = get(f->payload + PUBLISH_HEADER, 8);
	return 0;
}

int mn_js220_is_connect(const struct mn_js220_frame *f, struct mn_js220_connect *ret)
{
	if (f->port != MN_JS220_CONTROL || f->length < 4 || f->payload[0] != OP_CONNECT)
		return 0;
	*ret = (struct mn_js220_connect){.status = f->payload[1]};
	/* A refusal has no versions. */
	if (f->length >= 24) {
		ret->protocol = (uint32_t)get(f->payload + 4, 4);
		ret->firmware = (uint32_t)get(f->payload + 12, 4);
		ret->hardware = (uint32_t)get(f->payload + 16, 4);
		ret->fpga = (uint32_t)get(f->payload + 20, 4);
	} else if (!ret->status) {
		ret->status = 0xff;
	}
	return 1;
}

size_t mn_js220_timesync(const struct mn_js220_frame *f, uint16_t id, int64_t utc,
			 uint8_t out[MN_JS220_FRAME])
{
	if (f->port != MN_JS220_CONTROL || f->length < 44 || f->payload[0] != OP_TIMESYNC)
		return 0;
	memset(out, 0, 48);
	put_header(out, id, 44, MN_JS220_CONTROL);
	out[4] = OP_TIMESYNC;
	memcpy(out + 16, f->payload + 12, 8); /* its own count comes back */
	put(out + 24, (uint64_t)utc, 8);
	put(out + 32, (uint64_t)utc, 8);
	return 48;
}

size_t mn_js220_publish(uint16_t id, const char *topic, enum mn_js220_type type, uint64_t value,
			uint8_t out[MN_JS220_FRAME])
{
	size_t length = PUBLISH_HEADER + 8;

	memset(out, 0, 4 + length);
	put_header(out, id, length, MN_JS220_PUBSUB);
	memcpy(out + 4, topic, strnlen(topic, MN_JS220_TOPIC - 1));
	out[4 + MN_JS220_TOPIC] = (uint8_t)type;
	put(out + 4 + PUBLISH_HEADER, value, 8);
	return 4 + length;
}

int mn_js220_option(const char *json, size_t len, const char *name, uint8_t *ret)
{
	json_t *root = json_loadb(json, len, 0, NULL), *option;
	int rc = root ? MN_E_NOTFOUND : MN_E_SYNTAX;
	size_t i, k;

	json_array_foreach(json_object_get(root, "options"), i, option)
	{
		json_int_t value = json_integer_value(json_array_get(option, 0));

		/* [value, name, other names] */
		for (k = 1; k < json_array_size(option); k++) {
			const char *text = json_string_value(json_array_get(option, k));

			if (text && !strcmp(text, name) && value >= 0 && value <= 255 &&
			    json_is_integer(json_array_get(option, 0))) {
				*ret = (uint8_t)value;
				rc = 0;
			}
		}
	}
	json_decref(root);
	return rc;
}

void mn_js220_decoder_init(struct mn_js220_decoder *d, mn_js220_emit *emit, void *arg)
{
	memset(d, 0, sizeof(*d));
	d->emit = emit;
	d->arg = arg;
}

static int hand_over(struct mn_js220_decoder *d)
{
	size_t n = d->n_batch;

	d->n_batch = 0;
	return n ? d->emit(d->arg, d->batch, n) : 0;
}

static int has(const struct mn_js220_signal *s, uint64_t slot)
{
	return s->stamp[slot % MN_JS220_SLOTS] == (uint32_t)(slot + 1);
}

/* The lines at the two ticks of a slot. */
static void line_bits(const struct mn_js220_decoder *d, uint64_t slot, uint8_t *ret_first,
		      uint8_t *ret_second)
{
	*ret_first = *ret_second = 0;
	for (int i = 0; i < MN_JS220_MARKERS; i++) {
		uint8_t both = d->lines[i][slot % MN_JS220_SLOTS];

		*ret_first |= (uint8_t)((both & 1) << i);
		*ret_second |= (uint8_t)((both >> 1) << i);
	}
}

static int emit_slot(struct mn_js220_decoder *d, uint64_t slot)
{
	float current_A = d->current_A[slot % MN_JS220_SLOTS];
	float voltage_V = d->voltage_V[slot % MN_JS220_SLOTS];
	struct mn_meter_sample *s = &d->batch[d->n_batch];
	uint8_t first, second;

	line_bits(d, slot, &first, &second);
	/* NaN is the instrument's word for a sample that it lost: a gap in the ticks. */
	if (!(fabsf(current_A) < 1e3f) || !(fabsf(voltage_V) < 1e3f))
		return 0;
	*s = (struct mn_meter_sample){
		.tick = (slot - d->base + 1) * MN_JS220_PERIOD,
		.current_pA = llroundf(current_A * 1e12f),
		.voltage_uV = (int32_t)lroundf(voltage_V * 1e6f),
		.bits = second,
		/* A change is at a tick: at the beginning of the sample, or in its middle. */
		.edge_q8 = d->has_bits && first != d->bits ? 0 : 128,
	};
	s->filtered_pA = s->current_pA;
	d->bits = second;
	d->has_bits = 1;
	d->n_batch++;
	d->stats.samples++;
	return d->n_batch == MN_JS220_BATCH ? hand_over(d) : 0;
}

/* All slots that every signal has passed; those that one of them lacks are gaps. */
static int emit_ready(struct mn_js220_decoder *d)
{
	uint64_t until = UINT64_MAX;
	int rc = 0;

	for (size_t i = 0; i < 2 + MN_JS220_MARKERS; i++) {
		if (!d->signals[i].started)
			return 0;
		if (d->signals[i].next / 2 < until)
			until = d->signals[i].next / 2;
	}
	if (!d->started) {
		d->started = 1;
		d->at = d->base = until;
	}
	/* A signal that stays away must not hold back the others until they are overwritten. */
	if (d->latest / 2 > until + MN_JS220_SLOTS / 2)
		until = d->latest / 2 - MN_JS220_SLOTS / 2;
	/* What lies further back than the slots reach is gone. */
	if (until > d->at + MN_JS220_SLOTS)
		d->at = until - MN_JS220_SLOTS;
	for (; d->at < until && !rc; d->at++) {
		int whole = 1;

		for (size_t i = 0; i < 2 + MN_JS220_MARKERS; i++)
			whole = whole && has(&d->signals[i], d->at);
		if (whole)
			rc = emit_slot(d, d->at);
	}
	return rc ? rc : hand_over(d);
}

/*
 * The 64-bit id of a frame's first element, ids of the first frame of all signals being near each
 * other. MN_E_PROTOCOL: it belongs to no stream that is running.
 */
static int unwrap(struct mn_js220_decoder *d, struct mn_js220_signal *s, uint32_t id,
		  uint64_t *ret_id)
{
	uint64_t near = s->started ? s->next : d->latest;
	uint32_t ahead = id - (uint32_t)near, behind = (uint32_t)near - id;

	if (!d->latest) {
		/* Room to the left, for signals that begin earlier. */
		*ret_id = (UINT64_C(1) << 32) + id;
	} else if (ahead < QUARTER) {
		*ret_id = near + ahead;
	} else if (behind < QUARTER) {
		*ret_id = near - behind;
	} else {
		return MN_E_PROTOCOL;
	}
	return 0;
}

static void store_line(struct mn_js220_decoder *d, int line, uint64_t id, int bit)
{
	struct mn_js220_signal *s = &d->signals[2 + line];
	size_t k = id / 2 % MN_JS220_SLOTS;
	uint8_t mask = (uint8_t)(1 << (id & 1));

	/* A slot of an earlier round starts afresh. */
	if (!(id & 1) || d->halves[line][k] == 3)
		d->halves[line][k] = 0;
	d->halves[line][k] |= mask;
	d->lines[line][k] = (uint8_t)((d->lines[line][k] & ~mask) | (bit ? mask : 0));
	if (d->halves[line][k] == 3)
		s->stamp[k] = (uint32_t)(id / 2 + 1);
}

static int take_stream(struct mn_js220_decoder *d, const struct mn_js220_frame *f)
{
	int line = (int)f->port - MN_JS220_GPI0;
	size_t index = f->port == MN_JS220_CURRENT   ? 0
		       : f->port == MN_JS220_VOLTAGE ? 1
						     : (size_t)(2 + line);
	struct mn_js220_signal *s = &d->signals[index];
	const uint8_t *p = f->payload + 4;
	size_t n = f->length - 4, count = line >= 0 ? 8 * n : n / 4;
	unsigned step = line >= 0 ? 1 : MN_JS220_PERIOD;
	uint64_t id;

	if (unwrap(d, s, (uint32_t)get(f->payload, 4), &id)) {
		d->stats.bad_frames++;
		return 0;
	}
	if (s->started && id > s->next && line >= 0 && id / 2 < d->at + MN_JS220_SLOTS)
		d->halves[line][id / 2 % MN_JS220_SLOTS] = 0;
	for (size_t i = 0; i < count; i++, id += step) {
		size_t k = id / 2 % MN_JS220_SLOTS;
		uint32_t bits;

		if (s->started && id < s->next) {
			d->stats.duplicates++;
			continue;
		}
		if (line >= 0) {
			store_line(d, line, id, p[i / 8] >> (i % 8) & 1);
			continue;
		}
		bits = (uint32_t)get(p + 4 * i, 4);
		memcpy(index ? &d->voltage_V[k] : &d->current_A[k], &bits, 4);
		s->stamp[k] = (uint32_t)(id / 2 + 1);
	}
	if (!s->started || id > s->next)
		s->next = id;
	s->started = 1;
	if (s->next > d->latest)
		d->latest = s->next;
	return emit_ready(d);
}

int mn_js220_decode(struct mn_js220_decoder *d, const struct mn_js220_frame *f)
{
	if (d->has_frame)
		d->stats.frames_lost += (uint16_t)(f->id - d->frame - 1);
	d->frame = f->id;
	d->has_frame = 1;
	if (f->length <= 4 ||
	    (f->port != MN_JS220_CURRENT && f->port != MN_JS220_VOLTAGE &&
	     (f->port < MN_JS220_GPI0 || f->port >= MN_JS220_GPI0 + MN_JS220_MARKERS)))
		return 0;
	return take_stream(d, f);
}
