/* SPDX-License-Identifier: MIT */
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[MN_FAULTS] = {
#define X(name, text) [MN_FAULT_##name] = text,
	MN_FAULT_TABLE(X)
#undef X
};

void mn_fault_init(struct mn_faults *faults)
{
	memset(faults, 0, sizeof(*faults));
	mn_frame_decoder_init(&faults->decoder);
}

int mn_fault_add(struct mn_faults *faults, const char *text, struct mn_err *err)
{
	size_t len = strcspn(text, ":");
	unsigned long n = 1;
	char list[256] = "";

	if (text[len] == ':') {
		char *end;

		n = strtoul(text + len + 1, &end, 10);
		if (end == text + len + 1 || *end || n == 0 || n > 0xffffffffu)
			return mn_err_set(err, MN_E_SYNTAX,
					  "%s: a number from 1 expected after ':'", text);
	}
	for (int i = 0; i < MN_FAULTS; i++) {
		if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0) {
			faults->n[i] = (uint32_t)n;
			return 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s", names[i]);
	}
	return mn_err_set(err, MN_E_SYNTAX, "%s: unknown fault, there are:%s", text, list);
}

/* The frame that has just ended, with HELLO made older. */
static size_t make_old(struct mn_faults *f, uint8_t *out)
{
	struct mn_frame_decoder decoder;
	struct mn_frame frame;
	uint8_t payload[MN_WIRE_PAYLOAD_MAX];
	int n;

	mn_frame_decoder_init(&decoder);
	for (uint32_t i = 0; i < f->fill; i++) {
		if (mn_frame_feed(&decoder, f->frame[i], &frame) != 1)
			continue;
		if (frame.type != MN_MSG_HELLO || frame.len == 0)
			break;
		memcpy(payload, frame.payload, frame.len);
		payload[0] = MN_PROTO_MIN - 1; /* HELLO.proto, its first field */
		frame.payload = payload;
		frame.version = MN_PROTO_MIN - 1;
		n = mn_frame_encode(&frame, out, MN_WIRE_FRAME_MAX);
		if (n > 0)
			return (size_t)n;
		break;
	}
	memcpy(out, f->frame, f->fill);
	return f->fill;
}

static void watch(struct mn_faults *f, uint8_t byte)
{
	struct mn_frame frame;

	if (!f->has_report && mn_frame_feed(&f->decoder, byte, &frame) == 1 &&
	    frame.type == MN_MSG_FAULT)
		f->has_report = mn_wire_unpack_fault(frame.payload, frame.len, &f->report) >= 0;
}

size_t mn_fault_tx(struct mn_faults *f, uint8_t byte, uint8_t *out)
{
	size_t n;

	watch(f, byte);
	f->sent++;
	if (f->n[MN_FAULT_DROP_BYTE] && f->sent == f->n[MN_FAULT_DROP_BYTE])
		return 0;
	if (f->n[MN_FAULT_STALL] && f->sent > f->n[MN_FAULT_STALL])
		return 0;
	if (f->n[MN_FAULT_FLIP_BIT] && f->sent == f->n[MN_FAULT_FLIP_BIT])
		byte ^= 1;
	if (!f->n[MN_FAULT_OLD_PROTOCOL]) {
		out[0] = byte;
		return 1;
	}
	f->frame[f->fill++] = byte;
	if (byte != 0 && f->fill < sizeof(f->frame))
		return 0;
	n = make_old(f, out);
	f->fill = 0;
	return n;
}

int mn_fault_marker(struct mn_faults *f)
{
	f->markers++;
	return f->n[MN_FAULT_RESET_MID_RUN] && f->markers == f->n[MN_FAULT_RESET_MID_RUN];
}
