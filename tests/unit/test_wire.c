/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "exec.h"
#include "program.h"
#include "wire.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t rng = MN_POOL_SEED;

static uint32_t draw(void)
{
	return rng = mn_xorshift32(rng);
}

/* ---- messages: every one and every record, by the same table as the code ---- */

/* Random values in every field; strings and bytes of a length that differs from field to field. */
static uint8_t payload[300];
#define FILL_U8(v)  ((v) = (uint8_t)draw())
#define FILL_U16(v) ((v) = (uint16_t)draw())
#define FILL_U32(v) ((v) = draw())
#define FILL_U64(v) ((v) = (uint64_t)draw() << 32 | draw())
#define FILL_I32(v) ((v) = (int32_t)draw())

#define FILL(type, field) FILL_##type(m->field);
#define FILL_STR(field, max)                                                                       \
	do {                                                                                       \
		size_t n = full ? (max) : draw() % ((max) + 1);                                    \
		memset(m->field, 0, sizeof(m->field));                                             \
		for (size_t i = 0; i < n; i++)                                                     \
			m->field[i] = (char)(1 + draw() % 255);                                    \
	} while (0);
#define FILL_BYTES(field)                                                                          \
	m->field = payload;                                                                        \
	m->field##_len = (uint16_t)(full ? sizeof(payload) : draw() % sizeof(payload));

#define SAME(type, field)    assert_true(a->field == b->field);
#define SAME_STR(field, max) assert_string_equal(a->field, b->field);
#define SAME_BYTES(field)                                                                          \
	assert_int_equal(a->field##_len, b->field##_len);                                          \
	assert_memory_equal(a->field, b->field, a->field##_len);

/* Bytes on the wire of the fixed parts, from the table. */
#define SIZE_U8              1
#define SIZE_U16             2
#define SIZE_U32             4
#define SIZE_U64             8
#define SIZE_I32             4
#define SIZE(type, field)    n += SIZE_##type;
#define SIZE_STR(field, max) n += 1 + strlen(m->field);
#define SIZE_BYTES(field)    n += 2 + (size_t)m->field##_len;

#define ROUND_TRIP(NAME, name, type)                                                               \
	static void fill_##name(struct type *m, int full)                                          \
	{                                                                                          \
		(void)full;                                                                        \
		memset(m, 0, sizeof(*m));                                                          \
		MN_FIELDS_##NAME(FILL, FILL_STR, FILL_BYTES)                                       \
	}                                                                                          \
	static void same_##name(const struct type *a, const struct type *b)                        \
	{                                                                                          \
		MN_FIELDS_##NAME(SAME, SAME_STR, SAME_BYTES)                                       \
	}                                                                                          \
	static size_t size_##name(const struct type *m)                                            \
	{                                                                                          \
		size_t n = 0;                                                                      \
		(void)m;                                                                           \
		MN_FIELDS_##NAME(SIZE, SIZE_STR, SIZE_BYTES) return n;                             \
	}                                                                                          \
	static void test_pack_##name(void **state)                                                 \
	{                                                                                          \
		(void)state;                                                                       \
		for (int round = 0; round < 20; round++) {                                         \
			struct type in, out, untouched;                                            \
			uint8_t *buf, *exact;                                                      \
			size_t size;                                                               \
                                                                                                   \
			fill_##name(&in, round == 0);                                              \
			size = size_##name(&in);                                                   \
			buf = malloc(size + 3);                                                    \
			assert_non_null(buf);                                                      \
			assert_int_equal(mn_wire_pack_##name(&in, buf, size), size);               \
			assert_int_equal(mn_wire_unpack_##name(buf, size, &out), size);            \
			same_##name(&in, &out);                                                    \
			/* What a newer protocol appends is left alone. */                         \
			memset(buf + size, 0xff, 3);                                               \
			assert_int_equal(mn_wire_unpack_##name(buf, size + 3, &out), size);        \
			same_##name(&in, &out);                                                    \
			memset(&out, 0x5a, sizeof(out));                                           \
			memset(&untouched, 0x5a, sizeof(untouched));                               \
			for (size_t len = 0; len < size; len++) {                                  \
				exact = malloc(len ? len : 1);                                     \
				assert_non_null(exact);                                            \
				assert_int_equal(mn_wire_pack_##name(&in, exact, len),             \
						 MN_E_TOO_BIG);                                    \
				memcpy(exact, buf, len);                                           \
				assert_int_equal(mn_wire_unpack_##name(exact, len, &out),          \
						 MN_E_PROTOCOL);                                   \
				assert_memory_equal(&out, &untouched, sizeof(out));                \
				free(exact);                                                       \
			}                                                                          \
			free(buf);                                                                 \
		}                                                                                  \
	}

#define X(NAME, name, type) ROUND_TRIP(NAME, name, mn_msg_##name)
MN_MSG_TABLE(X)
#undef X
#define X(NAME, name) ROUND_TRIP(NAME, name, mn_rec_##name)
MN_REC_TABLE(X)
#undef X

static void test_long_string(void **state)
{
	/* ERROR: i32, then a string of at most 127. */
	uint8_t buf[4 + 1 + 255];
	struct mn_msg_error error, untouched;

	(void)state;
	memset(buf, 'x', sizeof(buf));
	memset(&error, 0x5a, sizeof(error));
	memset(&untouched, 0x5a, sizeof(untouched));
	buf[4] = 128;
	assert_int_equal(mn_wire_unpack_error(buf, sizeof(buf), &error), MN_E_PROTOCOL);
	buf[4] = 255;
	assert_int_equal(mn_wire_unpack_error(buf, sizeof(buf), &error), MN_E_PROTOCOL);
	assert_memory_equal(&error, &untouched, sizeof(error));
	buf[4] = 127;
	assert_int_equal(mn_wire_unpack_error(buf, sizeof(buf), &error), 132);
	assert_int_equal(strlen(error.text), 127);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(mn_msg_name(MN_MSG_HELLO), "HELLO");
	assert_string_equal(mn_msg_name(MN_MSG_FAULT), "FAULT");
	assert_string_equal(mn_msg_name(0), "?");
}

/* A batch in a frame: the pieces fit what the protocol says. */
static void test_limits(void **state)
{
	struct mn_msg_hello hello;
	struct mn_msg_load load;
	uint8_t buf[MN_WIRE_PAYLOAD_MAX];

	(void)state;
	fill_hello(&hello, 1);
	assert_true(mn_wire_pack_hello(&hello, buf, sizeof(buf)) > 0);
	fill_load(&load, 1);
	load.data_len = MN_WIRE_PAYLOAD_MAX - 14;
	load.data = buf;
	{
		uint8_t large[MN_WIRE_PAYLOAD_MAX];

		memset(buf, 0, sizeof(buf));
		assert_int_equal(mn_wire_pack_load(&load, large, sizeof(large)),
				 MN_WIRE_PAYLOAD_MAX);
		load.data_len++;
		assert_int_equal(mn_wire_pack_load(&load, large, sizeof(large)), MN_E_TOO_BIG);
	}
}

static void test_step(void **state)
{
	static const char *const texts[] = {
		"null",
		"conv_2d in=1x49x10x1 out_c=64 kernel=10x4 stride=2x3 dilation=4x5 padding=same "
		"act=relu bias=0",
		"depthwise_conv_2d in=1x9x9x2 multiplier=300 kernel=3x3 act=relu6",
		"fully_connected in=2x3x4x64 out_c=70000",
		"mean in=1x7x7x64 axes=w",
		"add in=2x8x8x16 in2=1x8x1x16 act=relu",
		"pad in=1x8x8x16 pads=256,1,2,3,4,5,6,300",
		"reshape in=1x1x1x64 shape=1x8x8x1",
		"sub in=2x8x8x16 in2=1x8x1x16 act=relu",
		"concatenation in=1x8x8x16 pads=0,0,0,0,0,0,300,8",
		"strided_slice in=1x400x9x8 shape=1x4x3x8 begin=0,300,8,0 steps=1,2,-2,1",
		"resize_nearest_neighbor in=1x4x4x8 shape=1x8x8x8 sampling=half_pixel",
		"transpose in=1x4x5x6 order=nchw",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct mn_step step, again;
		struct mn_rec_step rec, unpacked;
		uint8_t buf[256];
		int len;

		memset(&step, 0, sizeof(step));
		assert_int_equal(
			mn_layer_parse(texts[i], strlen(texts[i]), &step.layer, NULL, NULL), 0);
		step.in_off = draw();
		step.in2_off = draw();
		step.out_off = draw();
		step.scratch_off = draw();
		step.scratch_bytes = draw();
		step.quant_off = draw();
		step.weight_off = draw();
		step.bias_off = draw();
		mn_wire_step_to_rec(&step, &rec);
		len = mn_wire_pack_step(&rec, buf, sizeof(buf));
		assert_true(len > 0);
		assert_int_equal(mn_wire_unpack_step(buf, (size_t)len, &unpacked), len);
		mn_wire_step_from_rec(&unpacked, &again);
		assert_memory_equal(&step, &again, sizeof(step));
	}
}

/* ---- CRC and COBS ---- */

static void test_crc(void **state)
{
	uint8_t data[64];

	(void)state;
	/* The check value of CRC-32C. */
	assert_int_equal(mn_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(mn_crc32c(0, "", 0), 0);
	/* RFC 3720, B.4: 32 bytes of zeros, of ones, and rising. */
	memset(data, 0, 32);
	assert_int_equal(mn_crc32c(0, data, 32), 0x8a9136aa);
	memset(data, 0xff, 32);
	assert_int_equal(mn_crc32c(0, data, 32), 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		data[i] = i;
	assert_int_equal(mn_crc32c(0, data, 32), 0x46dd794e);
	/* In pieces. */
	for (size_t cut = 0; cut <= 9; cut++)
		assert_int_equal(
			mn_crc32c(mn_crc32c(0, "123456789", cut), "123456789" + cut, 9 - cut),
			0xe3069283);
}

static void test_le32(void **state)
{
	uint8_t bytes[4];

	(void)state;
	mn_put_le32(bytes, 0x89abcdef);
	assert_memory_equal(bytes, "\xef\xcd\xab\x89", 4);
	assert_int_equal(mn_get_le32(bytes), 0x89abcdef);
}

static void check_cobs(const uint8_t *src, size_t len)
{
	size_t size = len + len / 254 + 1, out;
	uint8_t *encoded = malloc(size), *decoded;

	assert_non_null(encoded);
	out = mn_cobs_encode(src, len, encoded);
	assert_true(out >= 1 && out <= size);
	assert_null(memchr(encoded, 0, out));
	decoded = malloc(out);
	assert_non_null(decoded);
	assert_int_equal(mn_cobs_decode(encoded, out, decoded), len);
	assert_memory_equal(decoded, src, len);
	/* In place. */
	assert_int_equal(mn_cobs_decode(encoded, out, encoded), len);
	assert_memory_equal(encoded, src, len);
	free(encoded);
	free(decoded);
}

static void test_cobs(void **state)
{
	static const struct {
		const char *src;
		size_t len;
		const char *encoded;
		size_t encoded_len;
	} known[] = {
		{"", 0, "\x01", 1},
		{"\0", 1, "\x01\x01", 2},
		{"\0\0", 2, "\x01\x01\x01", 3},
		{"\x11\x22\0\x33", 4, "\x03\x11\x22\x02\x33", 5},
		{"\x11\x22\x33\x44", 4, "\x05\x11\x22\x33\x44", 5},
		{"\x11\0\0\0", 4, "\x02\x11\x01\x01\x01", 5},
	};
	uint8_t data[1100], out[1200];

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		assert_int_equal(mn_cobs_encode((const uint8_t *)known[i].src, known[i].len, out),
				 known[i].encoded_len);
		assert_memory_equal(out, known[i].encoded, known[i].encoded_len);
	}
	/* Around the runs of 254, without and with a zero anywhere near. */
	for (size_t len = 250; len <= 512; len++) {
		memset(data, 0xaa, sizeof(data));
		check_cobs(data, len);
		for (size_t zero = 250; zero < len && zero < 262; zero++) {
			data[zero] = 0;
			check_cobs(data, len);
			data[zero] = 0xaa;
		}
	}
	for (int i = 0; i < 2000; i++) {
		size_t len = draw() % sizeof(data);

		for (size_t k = 0; k < len; k++)
			data[k] = draw() % 4 ? (uint8_t)draw() : 0;
		check_cobs(data, len);
	}
	/* What no encoder writes. */
	assert_int_equal(mn_cobs_decode((const uint8_t *)"\x03\x11", 2, out), MN_E_PROTOCOL);
	assert_int_equal(mn_cobs_decode((const uint8_t *)"\xff", 1, out), MN_E_PROTOCOL);
	assert_int_equal(mn_cobs_decode((const uint8_t *)"\x02\x11\0\x11", 4, out), MN_E_PROTOCOL);
}

/* ---- frames ---- */

static size_t encode(uint8_t type, uint16_t seq, const uint8_t *data, uint16_t len, uint8_t *buf)
{
	struct mn_frame frame = {1, type, seq, data, len};
	int n = mn_frame_encode(&frame, buf, MN_WIRE_FRAME_MAX);

	assert_true(n > 0);
	assert_int_equal(buf[n - 1], 0);
	assert_ptr_equal(memchr(buf, 0, (size_t)n), buf + n - 1);
	return (size_t)n;
}

struct seen {
	int frames, crc, protocol, other;
	struct mn_frame last;
};

static struct seen feed(struct mn_frame_decoder *decoder, const uint8_t *buf, size_t len)
{
	struct seen s = {0};

	for (size_t i = 0; i < len; i++) {
		struct mn_frame frame;

		switch (mn_frame_feed(decoder, buf[i], &frame)) {
		case 0:
			break;
		case 1:
			s.frames++;
			s.last = frame;
			break;
		case MN_E_CRC:
			s.crc++;
			break;
		case MN_E_PROTOCOL:
			s.protocol++;
			break;
		default:
			s.other++;
			break;
		}
	}
	return s;
}

static void test_frames(void **state)
{
	static uint8_t data[MN_WIRE_PAYLOAD_MAX], buf[MN_WIRE_FRAME_MAX];
	static struct mn_frame_decoder decoder;
	static const uint16_t lengths[] = {0, 1, 2, 245, 246, 247, 253, 254, 255, 500, 2047, 2048};

	(void)state;
	mn_frame_decoder_init(&decoder);
	for (int pattern = 0; pattern < 3; pattern++) {
		for (size_t i = 0; i < COUNT(lengths); i++) {
			uint16_t len = lengths[i], seq = (uint16_t)draw();
			size_t n;
			struct seen s;

			for (size_t k = 0; k < len; k++)
				data[k] = pattern == 0 ? 0 : pattern == 1 ? 0xff : (uint8_t)draw();
			n = encode(MN_MSG_LOAD, seq, data, len, buf);
			s = feed(&decoder, buf, n);
			assert_int_equal(s.frames, 1);
			assert_int_equal(s.crc + s.protocol + s.other, 0);
			assert_int_equal(s.last.version, 1);
			assert_int_equal(s.last.type, MN_MSG_LOAD);
			assert_int_equal(s.last.seq, seq);
			assert_int_equal(s.last.len, len);
			assert_memory_equal(s.last.payload, data, len);
			/* Nothing is left over: the next feed starts anew. */
			assert_int_equal(feed(&decoder, buf, n).frames, 1);
		}
	}
}

static void test_frame_too_big(void **state)
{
	static uint8_t data[MN_WIRE_PAYLOAD_MAX + 1], buf[MN_WIRE_FRAME_MAX];
	struct mn_frame frame = {1, 2, 3, data, MN_WIRE_PAYLOAD_MAX + 1};

	(void)state;
	assert_int_equal(mn_frame_encode(&frame, buf, sizeof(buf)), MN_E_TOO_BIG);
	frame.len = 10;
	assert_int_equal(mn_frame_encode(&frame, buf, 10), MN_E_TOO_BIG);
	/* 18 bytes before COBS and 2 around them. */
	assert_int_equal(mn_frame_encode(&frame, buf, 20), 20);
	assert_int_equal(mn_frame_encode(&frame, buf, 19), MN_E_TOO_BIG);
}

static void test_frame_in_place(void **state)
{
	static uint8_t buf[MN_WIRE_FRAME_MAX], apart[MN_WIRE_FRAME_MAX], data[600];
	size_t n;

	(void)state;
	/* The payload may already lie in the buffer. */
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)draw();
	n = encode(5, 6, data, sizeof(data), apart);
	memcpy(buf + 100, data, sizeof(data));
	assert_int_equal(encode(5, 6, buf + 100, sizeof(data), buf), n);
	assert_memory_equal(buf, apart, n);
}

/* One frame between two good ones is damaged: the good ones arrive, it does not. */
static void check_damage(const uint8_t *stream, size_t first, size_t second, size_t total,
			 size_t at, int what)
{
	static uint8_t bytes[3 * MN_WIRE_FRAME_MAX];
	static struct mn_frame_decoder decoder;
	struct seen s;
	size_t n = total;

	memcpy(bytes, stream, total);
	if (what < 8) {
		bytes[at] ^= (uint8_t)(1 << what);
	} else if (what == 8) { /* dropped */
		memmove(bytes + at, bytes + at + 1, total - at - 1);
		n--;
	} else { /* doubled */
		memmove(bytes + at + 1, bytes + at, total - at);
		n++;
	}
	mn_frame_decoder_init(&decoder);
	s = feed(&decoder, bytes, n);
	if (s.frames == 3) {
		/* Only a doubled end of frame is harmless: an empty frame is none. */
		assert_int_equal(what, 9);
		assert_int_equal(at, first + second - 1);
		return;
	}
	/* Without its end a frame takes the next one with it. */
	if (at == first + second - 1 && what <= 8)
		assert_int_equal(s.frames, 1);
	else
		assert_int_equal(s.frames, 2);
	assert_true(s.crc + s.protocol >= 1);
	assert_int_equal(s.other, 0);
	if (s.frames == 2)
		assert_int_equal(s.last.seq, 3);
}

static void test_damage(void **state)
{
	static uint8_t stream[3 * MN_WIRE_FRAME_MAX], data[400];
	size_t first, second, total;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i % 5 ? (uint8_t)draw() : 0;
	memset(data + 20, 0x77, 300);
	first = encode(1, 1, data, 30, stream);
	second = encode(2, 2, data, sizeof(data), stream + first);
	total = first + second;
	total += encode(3, 3, data, 30, stream + total);
	for (size_t at = first; at < first + second; at++)
		for (int what = 0; what < 10; what++)
			check_damage(stream, first, second, total, at, what);
}

static void test_noise(void **state)
{
	static uint8_t frame[MN_WIRE_FRAME_MAX], noise[5000];
	static struct mn_frame_decoder decoder;
	size_t n;

	(void)state;
	n = encode(9, 77, (const uint8_t *)"hello", 5, frame);
	mn_frame_decoder_init(&decoder);
	/* Zeros between frames are silence. */
	memset(noise, 0, 10);
	assert_int_equal(feed(&decoder, noise, 10).protocol, 0);
	/* More bytes than any frame has, without an end: dropped once, at the end. */
	memset(noise, 0x42, sizeof(noise));
	noise[sizeof(noise) - 1] = 0;
	assert_int_equal(feed(&decoder, noise, sizeof(noise)).protocol, 1);
	assert_int_equal(feed(&decoder, frame, n).frames, 1);
	/* Too short for a header and a CRC. */
	assert_int_equal(feed(&decoder, (const uint8_t *)"\x04\x01\x02\x03", 5).protocol, 1);
	/* Boot noise never becomes a frame, and costs at most the frame that follows it. */
	for (int i = 0; i < 2000; i++) {
		size_t len = draw() % 64;
		struct seen s;

		for (size_t k = 0; k < len; k++)
			noise[k] = (uint8_t)draw();
		s = feed(&decoder, noise, len);
		assert_int_equal(s.frames + s.other, 0);
		feed(&decoder, frame, n);
		assert_int_equal(feed(&decoder, frame, n).frames, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define X(NAME, name, type) cmocka_unit_test(test_pack_##name),
		MN_MSG_TABLE(X)
#undef X
#define X(NAME, name) cmocka_unit_test(test_pack_##name),
			MN_REC_TABLE(X)
#undef X
				cmocka_unit_test(test_long_string),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_crc),
		cmocka_unit_test(test_le32),
		cmocka_unit_test(test_cobs),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_frame_too_big),
		cmocka_unit_test(test_frame_in_place),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_noise),
	};

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)draw();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
