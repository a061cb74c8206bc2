/* SPDX-License-Identifier: MIT */
/*
 * Bytes from a line: the frame decoder, then every unpacker on what the frames hold, then programs.
 * The fuzzer cannot guess a CRC, so the input is also taken as a payload and as a frame's inside.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

/* What unpacks packs again into the bytes that it took. */
#define UNPACK(name, type)                                                                         \
	do {                                                                                       \
		static uint8_t packed[1 << 17];                                                    \
		struct type msg;                                                                   \
		int n = mn_wire_unpack_##name(data, size, &msg);                                   \
		if (n >= 0) {                                                                      \
			check((size_t)n <= size);                                                  \
			n = mn_wire_pack_##name(&msg, packed, sizeof(packed));                     \
			check(n >= 0 && (size_t)n <= size);                                        \
		}                                                                                  \
	} while (0);

static void unpack_all(const uint8_t *data, size_t size)
{
#define X(NAME, name, type) UNPACK(name, mn_msg_##name)
	MN_MSG_TABLE(X)
#undef X
#define X(NAME, name) UNPACK(name, mn_rec_##name)
	MN_REC_TABLE(X)
#undef X
}

static void run_steps(const uint8_t *data, size_t size)
{
	static struct mn_step steps[MN_PROGRAM_STEPS_MAX];
	struct mn_program program = {0, 0, steps};
	uint32_t step, need, have;
	const char *what;

	if (size < 4)
		return;
	program.arena_bytes = mn_get_le32(data);
	data += 4;
	size -= 4;
	/* Few enough that checking each against each takes no time. */
	while (program.n_steps < 8) {
		struct mn_rec_step rec, again;
		int n = mn_wire_unpack_step(data, size, &rec);

		if (n < 0)
			break;
		mn_wire_step_from_rec(&rec, &steps[program.n_steps]);
		mn_wire_step_to_rec(&steps[program.n_steps], &again);
		data += n;
		size -= (size_t)n;
		program.n_steps++;
	}
	if (mn_program_check(&program, 1u << 17, 1u << 19, 1u << 14, &step, &what, &need, &have) ==
	    0)
		check(program.arena_bytes <= 1u << 17 && mn_program_hash(&program) != 0);
}

static int feed(struct mn_frame_decoder *decoder, const uint8_t *data, size_t size)
{
	int frames = 0;

	for (size_t i = 0; i < size; i++) {
		struct mn_frame frame;

		if (mn_frame_feed(decoder, data[i], &frame) != 1)
			continue;
		frames++;
		check(frame.len <= MN_WIRE_PAYLOAD_MAX);
		unpack_all(frame.payload, frame.len);
	}
	return frames;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mn_frame_decoder decoder;
	static uint8_t buf[MN_WIRE_FRAME_MAX];
	struct mn_frame frame = {1, 2, 3, data, 0};
	int n;

	mn_frame_decoder_init(&decoder);
	feed(&decoder, data, size);
	unpack_all(data, size);
	run_steps(data, size);
	if (size > MN_WIRE_PAYLOAD_MAX)
		return 0;
	/* Whatever came before, behind two ends a frame arrives. */
	frame.len = (uint16_t)size;
	n = mn_frame_encode(&frame, buf, sizeof(buf));
	check(n > 0);
	feed(&decoder, (const uint8_t *)"\0", 1);
	check(feed(&decoder, buf, (size_t)n) == 1);
	return 0;
}
