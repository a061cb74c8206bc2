/* SPDX-License-Identifier: MIT */
/*
 * CSV: no byte outside of the text is touched, positions go forward, and what was read, written
 * with every field in quotes, reads the same again. The importer on top must refuse or accept, and
 * leave the store usable: it runs on a database in memory.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 32 };

static void check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static char *copy_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	check(text != NULL, "out of memory");
	if (size)
		memcpy(text, data, size);
	return text;
}

/* Every field in quotes, into out (2 * size + 3 for each field is enough). */
static size_t write_record(const struct mn_csv_field *fields, size_t n, char *out)
{
	char *p = out;

	for (size_t i = 0; i < n; i++) {
		if (i)
			*p++ = ',';
		*p++ = '"';
		for (size_t k = 0; k < fields[i].len; k++) {
			if (fields[i].text[k] == '"')
				*p++ = '"';
			*p++ = fields[i].text[k];
		}
		*p++ = '"';
	}
	*p++ = '\n';
	return (size_t)(p - out);
}

static void read_twice(const uint8_t *data, size_t size)
{
	char *text = copy_of(data, size), *again = malloc(2 * size + 4 * FIELDS + 2);
	struct mn_csv_field fields[FIELDS], seconds[FIELDS];
	struct mn_csv csv, second;
	size_t n, m, len, pos = 0;
	const char *why = NULL;
	int rc;

	check(again != NULL, "out of memory");
	mn_csv_init(&csv, text, size);
	while ((rc = mn_csv_record(&csv, fields, FIELDS, &n, &why)) == 1) {
		check(csv.pos > pos || (pos == 0 && csv.pos == size), "a record of no bytes");
		check(csv.pos <= size, "beyond the end");
		check(n >= 1 && n <= FIELDS, "number of fields");
		pos = csv.pos;
		for (size_t i = 0; i < n; i++)
			check(strlen(fields[i].text) == fields[i].len, "a field's length");
		len = write_record(fields, n, again);
		mn_csv_init(&second, again, len);
		check(mn_csv_record(&second, seconds, FIELDS, &m, &why) == 1, "read again");
		check(m == n, "as many fields");
		for (size_t i = 0; i < n; i++)
			check(!strcmp(seconds[i].text, fields[i].text), "the same text");
	}
	check(rc == 0 || why != NULL, "an error without a reason");
	free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mn_store *store;
	struct mn_import_result result;
	struct mn_err err = {0};
	char *text;

	read_twice(data, size);
	if (!store) {
		const char *source = getenv("MNCHAR_SOURCE_DIR");
		char schema[4096];

		snprintf(schema, sizeof(schema), "%s/data/schema", source ? source : ".");
		if (mn_store_open(":memory:", MN_STORE_CREATE, schema, &store, &err) != 0)
			check(0, err.msg);
	}
	text = copy_of(data, size);
	if (mn_import_text(store, "f.csv", text, size, &result, &err) == 0)
		check(result.added <= result.rows, "more added than read");
	else
		check(err.msg[0] && err.code < 0, "an error without a sentence");
	free(text);
	check(mn_store_begin(store, &err) == 0, "the store is stuck in a group");
	mn_store_rollback(store);
	/* Each input meets an empty store. */
	if (err.code == 0) {
		mn_store_close(store);
		store = NULL;
	}
	return 0;
}
