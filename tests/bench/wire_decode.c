/* SPDX-License-Identifier: MIT */
/* `wire.decode`: bytes of RESULT frames through the streaming decoder, against memcpy of the same
 * bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire.h"

#define FRAMES 2000u
#define REPS   24u

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What a board sends for probes of eight repetitions. */
static size_t make_stream(uint8_t *stream, size_t size)
{
	uint8_t payload[MN_WIRE_PAYLOAD_MAX], cycles[REPS * 4];
	struct mn_msg_result result = {.batch = 7, .reps = REPS / 3, .rep_cycles = cycles};
	size_t fill = 0;

	result.rep_cycles_len = sizeof(cycles);
	for (uint32_t i = 0; i < FRAMES; i++) {
		struct mn_frame frame = {1, MN_MSG_RESULT, (uint16_t)i, payload, 0};
		int len;

		for (uint32_t k = 0; k < REPS; k++)
			mn_put_le32(cycles + 4 * k, 1234567u * (i + 1) + k);
		result.index = (uint16_t)i;
		result.n_cycles = 987654321u + i;
		len = mn_wire_pack_result(&result, payload, sizeof(payload));
		frame.len = (uint16_t)len;
		len = mn_frame_encode(&frame, stream + fill, size - fill);
		if (len < 0)
			abort();
		fill += (size_t)len;
	}
	return fill;
}

int main(void)
{
	static uint8_t stream[FRAMES * 512], copy[sizeof(stream)];
	static struct mn_frame_decoder decoder;
	size_t size = make_stream(stream, sizeof(stream));
	double decode_s = 1e9, copy_s = 1e9, start;
	uint32_t sum = 0;

	for (int round = 0; round < 20; round++) {
		uint32_t frames = 0;

		start = now_s();
		for (size_t i = 0; i < size; i++) {
			struct mn_msg_result result;
			struct mn_frame frame;

			if (mn_frame_feed(&decoder, stream[i], &frame) != 1)
				continue;
			if (mn_wire_unpack_result(frame.payload, frame.len, &result) < 0)
				abort();
			frames++;
		}
		start = now_s() - start;
		if (frames != FRAMES)
			abort();
		decode_s = start < decode_s ? start : decode_s;

		start = now_s();
		for (int k = 0; k < 100; k++) {
			stream[0] ^= (uint8_t)k;
			memcpy(copy, stream, size);
			sum += copy[(size_t)k];
			stream[0] ^= (uint8_t)k;
		}
		start = (now_s() - start) / 100;
		copy_s = start < copy_s ? start : copy_s;
	}
	fprintf(stderr, "%s", sum == 1 ? " " : "");
	printf("{\"name\": \"wire.decode\", \"value\": %.0f, \"unit\": \"bytes/s\", \"reference\": "
	       "%.0f, \"ratio\": %.4f, \"reference_is\": \"memcpy of the same bytes\"}\n",
	       (double)size / decode_s, (double)size / copy_s, copy_s / decode_s);
	return 0;
}
