/* SPDX-License-Identifier: MIT */
/*
 * Recordings: the first line of the input is the column mapping, the rest the file, in pieces.
 * Ticks rise; what is refused has a sentence.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static int emit(void *arg, const struct mn_meter_sample *samples, size_t n, uint32_t period,
		struct mn_err *err)
{
	uint64_t *last = arg;

	(void)err;
	check(period > 0, "a period");
	for (size_t i = 0; i < n; i++) {
		check(samples[i].tick > *last, "ticks rise");
		*last = samples[i].tick;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mn_recording_config config = {.volt_mV = 3300};
	const uint8_t *eol = memchr(data, '\n', size);
	struct mn_recording *r = NULL;
	struct mn_err err = {0};
	uint64_t last = 0;
	char columns[512];
	size_t at;
	int rc;

	if (!eol || (size_t)(eol - data) >= sizeof(columns))
		return 0;
	at = (size_t)(eol - data);
	memcpy(columns, data, at);
	columns[at] = '\0';
	config.columns = columns;
	config.rate_hz = at % 2 ? 1000 : 0;
	rc = mn_recording_new(&config, emit, &last, &r, &err);
	for (at++; at < size && !rc;) {
		size_t part = (size_t)data[at] % 37 + 1;
		uint8_t *copy;

		if (part > size - at)
			part = size - at;
		copy = malloc(part);
		check(copy != NULL, "out of memory");
		memcpy(copy, data + at, part);
		rc = mn_recording_feed(r, copy, part, &err);
		free(copy);
		at += part;
	}
	if (!rc)
		rc = mn_recording_end(r, &err);
	check(rc == 0 || (rc < 0 && err.msg[0]), "an error without a sentence");
	mn_recording_free(r);
	return 0;
}
