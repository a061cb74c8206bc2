/* SPDX-License-Identifier: MIT */
/*
 * The wire: frames and messages between a host and a board. The only definition of the protocol.
 *
 * A frame is COBS(header, payload, CRC-32C little endian) followed by one 0x00. Header: u8 version,
 * u8 message type, u16 seq little endian. The CRC covers header and payload. Bytes outside a valid
 * frame (boot noise, a torn frame) are dropped at the next 0x00.
 *
 * Everything here is pure: bytes in, bytes out, no I/O, no allocation, freestanding.
 */
#ifndef MN_WIRE_H
#define MN_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "msg.def"

struct mn_program;
struct mn_step;

#define MN_PROTO_MIN 2
#define MN_PROTO_MAX 2

#define MN_WIRE_HEADER_BYTES 4
#define MN_WIRE_CRC_BYTES    4
/* Largest payload; a frame before COBS is at most header + this + CRC. */
#define MN_WIRE_PAYLOAD_MAX 2048
#define MN_WIRE_RAW_MAX     (MN_WIRE_HEADER_BYTES + MN_WIRE_PAYLOAD_MAX + MN_WIRE_CRC_BYTES)
/* Largest encoded frame with its final 0x00: COBS adds one byte per 254 started. */
#define MN_WIRE_FRAME_MAX (MN_WIRE_RAW_MAX + MN_WIRE_RAW_MAX / 254 + 2)

enum mn_msg_type {
#define X(NAME, name, type) MN_MSG_##NAME = (type),
	MN_MSG_TABLE(X)
#undef X
};

enum mn_clock_source { MN_CLOCK_HSE_BYPASS = 1, MN_CLOCK_HSI = 2 };

/* HELLO.caches */
#define MN_CACHE_ART_I    (1u << 0) /* F4: flash instruction cache; F7: ART on the ITCM port */
#define MN_CACHE_ART_D    (1u << 1) /* F4: flash data cache */
#define MN_CACHE_PREFETCH (1u << 2) /* flash prefetch */
#define MN_CACHE_L1_I     (1u << 3)
#define MN_CACHE_L1_D     (1u << 4)

/* PROBE.mode and RESULT.mode */
#define MN_PROBE_COLD  (1u << 0) /* invalidate caches before each repetition */
#define MN_PROBE_STEPS (1u << 1) /* also time every step, in one extra pass */

/* struct mn_msg_hello … struct mn_rec_step: one field per line of msg.def. */
#define MN_CT_U8          uint8_t
#define MN_CT_U16         uint16_t
#define MN_CT_U32         uint32_t
#define MN_CT_U64         uint64_t
#define MN_CT_I32         int32_t
#define F(type, field)    MN_CT_##type field;
#define F_STR(field, max) char field[(max) + 1];
#define F_BYTES(field)                                                                             \
	const uint8_t *field;                                                                      \
	uint16_t field##_len;
#define X(NAME, name, type)                                                                        \
	struct mn_msg_##name {                                                                     \
		MN_FIELDS_##NAME(F, F_STR, F_BYTES)                                                \
	};
MN_MSG_TABLE(X)
#undef X
#define X(NAME, name)                                                                              \
	struct mn_rec_##name {                                                                     \
		MN_FIELDS_##NAME(F, F_STR, F_BYTES)                                                \
	};
MN_REC_TABLE(X)
#undef X
#undef F
#undef F_STR
#undef F_BYTES

/*
 * int mn_wire_pack_hello(const struct mn_msg_hello *msg, uint8_t *buf, size_t size);
 *   Payload bytes into buf. Returns the length, or MN_E_TOO_BIG.
 * int mn_wire_unpack_hello(const uint8_t *buf, size_t len, struct mn_msg_hello *ret_msg);
 *   Returns the bytes consumed (trailing bytes of a newer protocol are not an error), or
 * MN_E_PROTOCOL when buf is too short or a string is longer than its field. BYTES point into buf.
 * *ret_msg is untouched on failure. … and likewise for every message and record.
 */
#define X(NAME, name, type)                                                                        \
	int mn_wire_pack_##name(const struct mn_msg_##name *msg, uint8_t *buf, size_t size);       \
	int mn_wire_unpack_##name(const uint8_t *buf, size_t len, struct mn_msg_##name *ret_msg);
MN_MSG_TABLE(X)
#undef X
#define X(NAME, name)                                                                              \
	int mn_wire_pack_##name(const struct mn_rec_##name *rec, uint8_t *buf, size_t size);       \
	int mn_wire_unpack_##name(const uint8_t *buf, size_t len, struct mn_rec_##name *ret_rec);
MN_REC_TABLE(X)
#undef X

/* Program steps to and from their record. Unpacking does not check the layer: mn_program_check()
 * does. */
void mn_wire_step_to_rec(const struct mn_step *step, struct mn_rec_step *ret_rec);
void mn_wire_step_from_rec(const struct mn_rec_step *rec, struct mn_step *ret_step);

/* "HELLO" …, "?" for an unknown type. */
const char *mn_msg_name(uint8_t type);

/* CRC-32C (Castagnoli, reflected 0x82F63B78); crc is 0 at first, or the value so far. */
uint32_t mn_crc32c(uint32_t crc, const void *data, size_t len);

uint32_t mn_get_le32(const void *p);
void mn_put_le32(void *p, uint32_t value);

/* COBS without the final 0x00. dst has at least len + len / 254 + 1 bytes. Returns bytes written.
 */
size_t mn_cobs_encode(const uint8_t *src, size_t len, uint8_t *dst);
/* In place or not (dst == src is fine). Returns bytes written, or MN_E_PROTOCOL. src has no 0x00.
 */
int mn_cobs_decode(const uint8_t *src, size_t len, uint8_t *dst);

struct mn_frame {
	uint8_t version;
	uint8_t type;
	uint16_t seq;
	const uint8_t *payload;
	uint16_t len;
};

/*
 * One complete frame with its final 0x00 into buf (MN_WIRE_FRAME_MAX is always enough).
 * Returns the length, or MN_E_TOO_BIG.
 */
int mn_frame_encode(const struct mn_frame *frame, uint8_t *buf, size_t size);

/*
 * Streaming decoder. Feed bytes as they come; when one completes a frame, mn_frame_feed() returns 1
 * and *ret_frame points into the decoder until the next feed. Otherwise 0 (need more), MN_E_CRC or
 * MN_E_PROTOCOL (a frame ended and was dropped; feeding goes on). Stray 0x00 bytes between frames
 * are ignored.
 */
struct mn_frame_decoder {
	uint32_t fill;
	uint8_t overrun;
	uint8_t buf[MN_WIRE_FRAME_MAX];
};

void mn_frame_decoder_init(struct mn_frame_decoder *decoder);
int mn_frame_feed(struct mn_frame_decoder *decoder, uint8_t byte, struct mn_frame *ret_frame);

#endif
