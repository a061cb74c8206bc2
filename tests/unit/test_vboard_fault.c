/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fault.h"

static struct mn_faults f;

static size_t send_all(const uint8_t *in, size_t len, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += mn_fault_tx(&f, in[i], out + n);
	return n;
}

static void test_parse(void **state)
{
	struct mn_err err;

	(void)state;
	mn_fault_init(&f);
	assert_int_equal(mn_fault_add(&f, "drop-byte:7", &err), 0);
	assert_int_equal(f.n[MN_FAULT_DROP_BYTE], 7);
	assert_int_equal(mn_fault_add(&f, "dead-counter", &err), 0);
	assert_true(mn_fault_on(&f, MN_FAULT_DEAD_COUNTER));
	assert_int_equal(mn_fault_add(&f, "drop", &err), MN_E_SYNTAX);
	assert_non_null(strstr(err.msg, "late-answer"));
	assert_int_equal(mn_fault_add(&f, "stall:", &err), MN_E_SYNTAX);
	assert_int_equal(mn_fault_add(&f, "stall:0", &err), MN_E_SYNTAX);
	assert_int_equal(mn_fault_add(&f, "stall:9x", &err), MN_E_SYNTAX);
	assert_int_equal(mn_fault_add(&f, "stall:99999999999", &err), MN_E_SYNTAX);
}

static void test_bytes(void **state)
{
	struct mn_err err;
	uint8_t out[16];

	(void)state;
	mn_fault_init(&f);
	mn_fault_add(&f, "drop-byte:2", &err);
	mn_fault_add(&f, "flip-bit:3", &err);
	mn_fault_add(&f, "stall:4", &err);
	assert_int_equal(send_all((const uint8_t *)"abcdef", 6, out), 3);
	assert_memory_equal(out, "abd", 3); /* c is 0x63: bit 0 inverted gives b */
}

static void test_reset_mid_run(void **state)
{
	struct mn_err err;

	(void)state;
	mn_fault_init(&f);
	mn_fault_add(&f, "reset-mid-run:2", &err);
	assert_int_equal(mn_fault_marker(&f), 0);
	assert_int_equal(mn_fault_marker(&f), 1);
	assert_int_equal(mn_fault_marker(&f), 0);
}

/* HELLO gets an older version, every other frame passes unchanged. */
static void test_old_protocol(void **state)
{
	const uint8_t hello[] = {MN_PROTO_MAX, 0, 'x'};
	struct mn_frame frame = {MN_PROTO_MAX, MN_MSG_HELLO, 5, hello, sizeof(hello)}, got;
	struct mn_frame_decoder decoder;
	static uint8_t in[MN_WIRE_FRAME_MAX], out[MN_WIRE_FRAME_MAX + 8];
	struct mn_err err;
	size_t n;
	int len, frames = 0;

	(void)state;
	mn_fault_init(&f);
	mn_fault_add(&f, "old-protocol", &err);
	len = mn_frame_encode(&frame, in, sizeof(in));
	assert_true(len > 0);
	n = send_all(in, (size_t)len, out);
	mn_frame_decoder_init(&decoder);
	for (size_t i = 0; i < n; i++)
		if (mn_frame_feed(&decoder, out[i], &got) == 1) {
			frames++;
			assert_int_equal(got.type, MN_MSG_HELLO);
			assert_int_equal(got.seq, 5);
			assert_int_equal(got.version, MN_PROTO_MIN - 1);
			assert_int_equal(got.payload[0], MN_PROTO_MIN - 1);
			assert_int_equal(got.payload[2], 'x');
		}
	assert_int_equal(frames, 1);
	frame.type = MN_MSG_PONG;
	len = mn_frame_encode(&frame, in, sizeof(in));
	n = send_all(in, (size_t)len, out);
	assert_int_equal(n, (size_t)len);
	assert_memory_equal(in, out, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_reset_mid_run),
		cmocka_unit_test(test_old_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
