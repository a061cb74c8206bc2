/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "err.h"
#include "wire.h"

/* Half-byte table: 64 bytes of flash and fast enough to follow 921600 baud between two received
 * bytes. */
static const uint32_t crc_nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t mn_crc32c(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ crc_nibble[crc & 15];
		crc = crc >> 4 ^ crc_nibble[crc & 15];
	}
	return ~crc;
}

size_t mn_cobs_encode(const uint8_t *src, size_t len, uint8_t *dst)
{
	size_t code_at = 0, out = 1;
	uint8_t code = 1;

	for (size_t i = 0; i < len; i++) {
		if (src[i]) {
			dst[out++] = src[i];
			code++;
		}
		if (!src[i] || (code == 0xff && i + 1 < len)) {
			dst[code_at] = code;
			code_at = out++;
			code = 1;
		}
	}
	dst[code_at] = code;
	return out;
}

int mn_cobs_decode(const uint8_t *src, size_t len, uint8_t *dst)
{
	size_t in = 0, out = 0;

	while (in < len) {
		uint8_t code = src[in++];

		if (code == 0 || (size_t)(code - 1) > len - in)
			return MN_E_PROTOCOL;
		for (uint8_t i = 1; i < code; i++)
			dst[out++] = src[in++];
		if (code != 0xff && in < len)
			dst[out++] = 0;
	}
	return (int)out;
}

int mn_frame_encode(const struct mn_frame *frame, uint8_t *buf, size_t size)
{
	size_t raw_len = MN_WIRE_HEADER_BYTES + (size_t)frame->len + MN_WIRE_CRC_BYTES;
	uint8_t *raw;
	size_t len;

	if (frame->len > MN_WIRE_PAYLOAD_MAX || size < raw_len + raw_len / 254 + 2)
		return MN_E_TOO_BIG;
	/* Encoding never gets ahead of its source when the source lies this far behind. */
	raw = buf + (raw_len / 254 + 2);
	if (frame->len)
		memmove(raw + MN_WIRE_HEADER_BYTES, frame->payload, frame->len);
	raw[0] = frame->version;
	raw[1] = frame->type;
	raw[2] = (uint8_t)frame->seq;
	raw[3] = (uint8_t)(frame->seq >> 8);
	mn_put_le32(raw + raw_len - MN_WIRE_CRC_BYTES,
		    mn_crc32c(0, raw, raw_len - MN_WIRE_CRC_BYTES));
	len = mn_cobs_encode(raw, raw_len, buf);
	buf[len++] = 0;
	return (int)len;
}

void mn_frame_decoder_init(struct mn_frame_decoder *decoder)
{
	decoder->fill = 0;
	decoder->overrun = 0;
}

int mn_frame_feed(struct mn_frame_decoder *decoder, uint8_t byte, struct mn_frame *ret_frame)
{
	uint32_t fill = decoder->fill;
	uint8_t overrun = decoder->overrun;
	int len;

	if (byte) {
		if (fill == sizeof(decoder->buf))
			decoder->overrun = 1;
		else
			decoder->buf[decoder->fill++] = byte;
		return 0;
	}
	mn_frame_decoder_init(decoder);
	if (overrun)
		return MN_E_PROTOCOL;
	if (fill == 0)
		return 0;
	len = mn_cobs_decode(decoder->buf, fill, decoder->buf);
	if (len < MN_WIRE_HEADER_BYTES + MN_WIRE_CRC_BYTES || len > MN_WIRE_RAW_MAX)
		return MN_E_PROTOCOL;
	len -= MN_WIRE_CRC_BYTES;
	if (mn_crc32c(0, decoder->buf, (size_t)len) != mn_get_le32(decoder->buf + len))
		return MN_E_CRC;
	ret_frame->version = decoder->buf[0];
	ret_frame->type = decoder->buf[1];
	ret_frame->seq = (uint16_t)(decoder->buf[2] | decoder->buf[3] << 8);
	ret_frame->payload = decoder->buf + MN_WIRE_HEADER_BYTES;
	ret_frame->len = (uint16_t)(len - MN_WIRE_HEADER_BYTES);
	return 1;
}
