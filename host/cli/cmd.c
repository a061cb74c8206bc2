/* SPDX-License-Identifier: MIT */
#include "cmd.h"

#include <errno.h>
#include <libsmartcols.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static error_t parse_db(int key, char *arg, struct argp_state *state)
{
	const char **db = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		if (db && !*db)
			*db = MN_DB_DEFAULT;
		return 0;
	case 'd':
		*db = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option db_options[] = {
	{"db", 'd', "FILE", 0, "The database (default: " MN_DB_DEFAULT " in the current folder)",
	 0},
	{0},
};

const struct argp mn_argp_db = {.options = db_options, .parser = parse_db};

int mn_cmd_fail(const struct mn_err *err)
{
	fflush(stdout);
	fprintf(stderr, "mnchar: %s\n", err->msg[0] ? err->msg : mn_err_text(err->code));
	return err->code == MN_E_INTERRUPTED ? MN_EXIT_INTERRUPTED : MN_EXIT_FAILED;
}

void mn_cmd_warn(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("mnchar: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

long long mn_cmd_number(const struct argp_state *state, const char *option, const char *text,
			long long min, long long max)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max)
		argp_error(state, "%s: '%s' is not a number from %lld to %lld", option, text, min,
			   max);
	return value;
}

struct mn_table {
	struct libscols_table *scols;
	size_t n_columns;
	size_t n_rows;
};

struct mn_table *mn_table_new(const struct mn_column *columns, size_t n_columns)
{
	struct mn_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->scols = scols_new_table();
	if (!table->scols)
		goto fail;
	table->n_columns = n_columns;
	/* A cut number would be a wrong number. */
	scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
	for (size_t i = 0; i < n_columns; i++)
		if (!scols_table_new_column(table->scols, columns[i].name, 0,
					    columns[i].right ? SCOLS_FL_RIGHT : 0))
			goto fail;
	return table;
fail:
	mn_table_free(table);
	return NULL;
}

int mn_table_add(struct mn_table *table, const char *const *cells)
{
	struct libscols_line *line = scols_table_new_line(table->scols, NULL);

	if (!line)
		return MN_E_NOMEM;
	for (size_t i = 0; i < table->n_columns; i++)
		if (cells[i] && scols_line_set_data(line, i, cells[i]))
			return MN_E_NOMEM;
	table->n_rows++;
	return 0;
}

int mn_table_addf(struct mn_table *table, const char *fmt, ...)
{
	const char **cells = calloc(table->n_columns, sizeof(*cells));
	char *text = NULL, *p;
	va_list ap;
	int ret, len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0 || !cells) {
		if (len < 0)
			text = NULL;
		ret = MN_E_NOMEM;
		goto out;
	}
	p = text;
	for (size_t i = 0; i < table->n_columns && p; i++)
		cells[i] = strsep(&p, "\t");
	ret = mn_table_add(table, cells);
out:
	free(text);
	free(cells);
	return ret;
}

size_t mn_table_rows(const struct mn_table *table)
{
	return table->n_rows;
}

int mn_table_print(struct mn_table *table)
{
	scols_table_set_stream(table->scols, stdout);
	return scols_print_table(table->scols) ? MN_E_NOMEM : 0;
}

void mn_table_free(struct mn_table *table)
{
	if (!table)
		return;
	scols_unref_table(table->scols);
	free(table);
}

int mn_json_print(json_t *root, struct mn_err *err)
{
	int ret;

	if (!root)
		return mn_err_set(err, MN_E_NOMEM, "out of memory while writing JSON");
	/* 0 digits would be jansson's default of 17, said here because it is our contract. */
	ret = json_dumpf(root, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
	json_decref(root);
	if (ret)
		return mn_err_set(err, MN_E_IO, "cannot write JSON to the standard output");
	putchar('\n');
	return 0;
}

json_t *mn_json_real(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

const char *mn_cmd_yaml(enum mn_dir dir, const char *name, char *buf, size_t size)
{
	char file[256];

	if (!strpbrk(name, "/.") &&
	    (size_t)snprintf(file, sizeof(file), "%s.yaml", name) < sizeof(file) &&
	    !mn_path(dir, file, buf, size, NULL))
		return buf;
	return name;
}
