/* SPDX-License-Identifier: MIT */
/*
 * A MicroProfiler's output of any bytes: no byte outside of it is touched, events point into it, an
 * error has a place, and what becomes rows is CSV that the importer takes whole.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"
#include "tflm_profile.h"
#include "tiny_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void left_out(void *arg, const char *why)
{
	check(*why != '\0', "left out without a reason");
	++*(size_t *)arg;
}

static void import(char *csv, size_t len)
{
	struct mn_import_result result;
	struct mn_store *store = NULL;
	struct mn_err err = {0};
	char schema[4096];
	const char *source = getenv("MNCHAR_SOURCE_DIR");

	snprintf(schema, sizeof(schema), "%s/data/schema", source ? source : ".");
	check(mn_store_open(":memory:", MN_STORE_CREATE, schema, &store, &err) == 0, err.msg);
	check(mn_import_text(store, "f.log", csv, len, &result, &err) == 0, err.msg);
	check(result.added == result.rows && result.rows > 0, "rows twice");
	mn_store_close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mn_profile_source source = {.name = "f.log",
					   .model_name = "tiny",
					   .board = "nucleo-f446re",
					   .kernels = "k/1",
					   .clock_hz = 180000000};
	const char *text = (const char *)data;
	struct mn_profile profile = {0};
	struct mn_err err = {0};
	struct tiny_model tiny;
	const struct mn_model *model = tiny_model(&tiny);
	char *csv = NULL;
	size_t len = 0, none = 0;
	int rc = mn_profile_parse("f.log", text, size, size % 2 ? 180000000 : 0, &profile, &err);

	source.tick_hz = size % 3 ? 0 : 1000000;
	if (rc < 0) {
		check(!strncmp(err.msg, "f.log:", 6) && err.code == rc, "an error without a place");
		return 0;
	}
	check(profile.n_events > 0, "nothing read is an error");
	for (size_t i = 0; i < profile.n_events; i++) {
		const struct mn_profile_event *e = &profile.events[i];

		check(e->tag_len > 0 && e->tag >= text && e->tag + e->tag_len < text + size &&
			      e->line > 0 && e->tag_column > 0 && e->ticks_column > 0,
		      "an event's place");
	}
	rc = mn_profile_rows(&profile, model, &source, left_out, &none, &csv, &len, &err);
	check(rc == 0 || (csv == NULL && !strncmp(err.msg, "f.log:", 6)), "rows or an error");
	/* A database each time is slow. */
	if (rc == 0 && len < 4096)
		import(csv, len);
	mn_profile_free(&profile);
	free(csv);
	return 0;
}
