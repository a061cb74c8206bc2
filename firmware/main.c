/* SPDX-License-Identifier: MIT */
#include "board_config.h"
#include "session.h"

#ifndef MN_BUILD_FLAGS
#error "CMake gives MN_BUILD_FLAGS and MN_BUILD_VERSION"
#endif

static struct mn_session session;
static uint8_t batch[MN_SESSION_SLACK(MN_BOARD_BATCH_BYTES) + MN_BOARD_BATCH_BYTES]
	__attribute__((aligned(8)));
static uint8_t results[MN_BOARD_RESULT_BYTES] __attribute__((aligned(8)));

int main(void)
{
	const struct mn_session_buffers buffers = {
		.batch = batch,
		.batch_bytes = MN_BOARD_BATCH_BYTES,
		.results = results,
		.result_bytes = MN_BOARD_RESULT_BYTES,
	};

	mn_session_init(&session, &buffers);
	session.firmware = MN_BUILD_VERSION;
	session.compiler = "gcc " __VERSION__;
	session.flags = MN_BUILD_FLAGS;
	for (;;)
		mn_session_poll(&session);
}
