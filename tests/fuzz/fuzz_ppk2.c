/* SPDX-License-Identifier: MIT */
/*
 * The PPK2's bytes, in pieces as the input cuts them: metadata, then the sample stream. Ticks rise,
 * nothing is written beyond what was promised, and every word is handed out, counted as lost, or
 * was part of a slip.
 */
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

static void metadata(const uint8_t *data, size_t size)
{
	struct mn_ppk2_calibration cal;
	struct mn_err err = {0};
	size_t used = 0;
	uint8_t *copy = malloc(size ? size : 1);
	int rc;

	check(copy != NULL, "out of memory");
	memcpy(copy, data, size);
	rc = mn_ppk2_metadata_parse(copy, size, &cal, &used, &err);
	if (rc == 0) {
		check(used <= size, "more used than there was");
		for (int r = 0; r < MN_PPK2_RANGES; r++)
			check(cal.r[r] > 0 && cal.gi[r] > 0 && cal.ug[r] > 0, "a value of 0");
	} else {
		check(rc == MN_E_AGAIN || (rc == MN_E_PROTOCOL && err.msg[0]), "its verdict");
	}
	free(copy);
}

static uint64_t check_samples(const struct mn_meter_sample *out, size_t n, uint64_t last)
{
	for (size_t i = 0; i < n; i++) {
		check(out[i].tick > last, "ticks rise");
		last = out[i].tick;
	}
	return last;
}

static void stream(const uint8_t *data, size_t size)
{
	static struct mn_ppk2_decoder d;
	struct mn_ppk2_calibration cal;
	struct mn_meter_sample *out;
	uint64_t last = 0, made = 0;
	size_t at = 0, n;
	uint64_t now = 0;

	mn_ppk2_calibration_init(&cal);
	mn_ppk2_decoder_init(&d, &cal, 3300);
	while (at < size) {
		size_t part = (size_t)data[at] * 9 + 1;

		if (part > size - at)
			part = size - at;
		out = malloc(MN_PPK2_OUT(part) * sizeof(*out));
		check(out != NULL, "out of memory");
		n = mn_ppk2_decode(&d, data + at, part, out);
		check(n <= MN_PPK2_OUT(part), "no more samples than promised");
		last = check_samples(out, n, last);
		made += n;
		free(out);
		now += (uint64_t)data[at] << 22;
		(void)mn_ppk2_arrived(&d, now);
		at += part;
	}
	out = malloc(MN_PPK2_OUT(0) * sizeof(*out));
	check(out != NULL, "out of memory");
	n = mn_ppk2_decode_end(&d, out);
	check(n <= MN_PPK2_OUT(0), "no more samples than promised");
	last = check_samples(out, n, last);
	made += n;
	free(out);
	check(made == d.stats.samples, "samples are counted");
	check(made + d.stats.garbage <= size / 4, "no sample from nothing");
	check(d.tick == 1 + made + d.stats.lost + d.stats.overrun,
	      "time is what came and what did not");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	metadata(data, size);
	stream(data, size);
	return 0;
}
