/* SPDX-License-Identifier: MIT */
/* The JS220's frames: messages, metadata, and streams whose parts are put together. Ticks rise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static uint64_t last;

static int emit(void *arg, const struct mn_meter_sample *samples, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		check(samples[i].tick > last, "ticks rise");
		last = samples[i].tick;
	}
	return 0;
}

/* A frame is a header of eight bytes of input and as much of the rest as its length says. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mn_js220_decoder d;
	uint8_t bytes[MN_JS220_FRAME], out[MN_JS220_FRAME], value;

	mn_js220_decoder_init(&d, emit, NULL);
	last = 0;
	(void)mn_js220_option((const char *)data, size, "auto", &value);
	while (size >= 8) {
		struct mn_js220_message message;
		struct mn_js220_connect connect;
		struct mn_js220_frame f;
		size_t n;

		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, data, 8);
		data += 8;
		size -= 8;
		if (mn_js220_frame(bytes, &f))
			continue;
		n = f.length > 4 ? f.length - 4 : 0;
		if (n > size)
			n = size;
		memcpy(bytes + 8, data, n);
		data += n;
		size -= n;
		if (mn_js220_message(&f, &message) == 0)
			check(message.text_len <= f.length, "the text lies in the frame");
		(void)mn_js220_is_connect(&f, &connect);
		(void)mn_js220_timesync(&f, 1, 2, out);
		check(mn_js220_decode(&d, &f) == 0, "emit's verdict comes back");
	}
	return 0;
}
