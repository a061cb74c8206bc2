/* SPDX-License-Identifier: MIT */
/* The PowerShield dialect: replies, voltages, text and binary samples, in pieces as the input cuts
 * them. */
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

struct sum {
	uint64_t n, last;
};

static int emit(void *arg, const struct mn_meter_sample *samples, size_t n)
{
	struct sum *sum = arg;

	for (size_t i = 0; i < n; i++) {
		check(samples[i].tick > sum->last, "ticks rise");
		sum->last = samples[i].tick;
	}
	sum->n += n;
	return 0;
}

static void stream(const uint8_t *data, size_t size, enum mn_lpm01a_kind kind, int binary)
{
	static struct mn_lpm01a_decoder d;
	struct sum sum = {0};

	mn_lpm01a_decoder_init(&d, kind, binary, 1000, 3300, emit, &sum);
	for (size_t at = 0; at < size;) {
		size_t part = (size_t)data[at] % 61 + 1;
		uint8_t *copy;

		if (part > size - at)
			part = size - at;
		copy = malloc(part);
		check(copy != NULL, "out of memory");
		memcpy(copy, data + at, part);
		check(mn_lpm01a_decode(&d, copy, part) == 0, "emit's verdict comes back");
		free(copy);
		at += part;
	}
	check(sum.n == d.stats.samples, "samples are counted");
	check(d.tick == 1 + sum.n + d.stats.lost, "time is what came and what did not");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mn_err err = {0};
	char value[64];
	uint32_t mV = 0;
	uint8_t *copy = malloc(size ? size : 1);
	int rc;

	check(copy != NULL, "out of memory");
	memcpy(copy, data, size);
	rc = mn_lpm01a_reply(copy, size, "volt get", value, sizeof(value), &err);
	check(rc == 0 || rc == MN_E_AGAIN || (rc == MN_E_PROTOCOL && err.msg[0]), "its verdict");
	if (mn_lpm01a_volt(copy, size, &mV) == 0)
		check(mV >= 500 && mV <= 6000, "a voltage");
	free(copy);
	stream(data, size, MN_LPM01A_SHIELD, 0);
	stream(data, size, MN_LPM01A_SHIELD, 1);
	stream(data, size, MN_LPM01A_V3PWR, 1);
	return 0;
}
