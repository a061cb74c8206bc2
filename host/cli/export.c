/* SPDX-License-Identifier: MIT */
/* `mnchar export`: cost tables for a search. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "export.h"
#include "paths.h"

struct options {
	const char *db, *out;
	struct mn_export_filter filter;
	int csv;
};

enum { KEY_KIND = 256, KEY_MODELS_ONLY };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = my ? &my->db : NULL;
		return 0;
	case 'b':
		my->filter.board = arg;
		return 0;
	case 'k':
		my->filter.kernels = arg;
		return 0;
	case KEY_KIND:
		my->filter.kind = mn_kind_parse(arg);
		if (my->filter.kind < 0)
			argp_error(state, "--kind: '%s' is none of measured, virtual, published",
				   arg);
		return 0;
	case 'f':
		if (strcmp(arg, "csv") && strcmp(arg, "json"))
			argp_error(state, "--format: '%s' is none of csv, json", arg);
		my->csv = !strcmp(arg, "csv");
		return 0;
	case 'o':
		my->out = arg;
		return 0;
	case KEY_MODELS_ONLY:
		my->filter.models_only = 1;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is not an option", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"format", 'f', "csv|json", 0, "Form of the table (default: json)", 0},
	{"out", 'o', "FILE", 0, "Write there; -: the standard output (default)", 0},
	{"board", 'b', "BOARD", 0, "Only this board", 0},
	{"kernels", 'k', "NAME", 0, "Only this kernel set", 0},
	{"kind", KEY_KIND, "KIND", 0, "Only measured, virtual or published", 0},
	{"models-only", KEY_MODELS_ONLY, NULL, 0,
	 "Without the measured layers: what libmnchar and predict need, and smaller", 0},
	{0},
};
static const struct argp_child children[] = {{&mn_argp_db, 0, NULL, 0}, {0}};

const struct argp mn_argp_export = {
	.options = options,
	.parser = parse,
	.children = children,
	.doc = "Write a cost table for a neural architecture search: the fitted coefficients with "
	       "intervals, errors and the range they hold in, and the measured layers, each with "
	       "where it comes from."
	       "\v"
	       "The table has a version; README.md, section Cost tables, says what is in it.\n\n"
	       "Example: mnchar export --board virtual-f446re --out f446re.json\n"
	       "Example: mnchar export --format csv | less -S",
};

static int write_table(const struct options *my, const struct mn_cost_table *table,
		       struct mn_err *err)
{
	int to_stdout = !strcmp(my->out, "-"), rc;
	FILE *f = to_stdout ? stdout : fopen(my->out, "w");

	if (!f)
		return mn_err_set(err, MN_E_IO, "%s: %s", my->out, strerror(errno));
	rc = my->csv ? mn_export_csv(table, f, err) : mn_cost_write_json(table, f, err);
	if (to_stdout)
		return rc;
	if (fclose(f) && !rc)
		rc = mn_err_set(err, MN_E_IO, "%s: %s", my->out, strerror(errno));
	/* Half a table must not look like a table. */
	if (rc)
		unlink(my->out);
	return rc;
}

int mn_cmd_export(int argc, char **argv)
{
	struct options my = {.out = "-", .filter.kind = -1};
	struct mn_cost_table *table = NULL;
	struct mn_store *store = NULL;
	struct mn_err err = {0};
	char schema[PATH_MAX];
	int rc;

	argp_parse(&mn_argp_export, argc, argv, 0, NULL, &my);
	rc = mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), &err);
	if (rc == 0)
		rc = mn_store_open(my.db, MN_STORE_READ, schema, &store, &err);
	if (rc == 0) {
		rc = mn_export_table(store, &my.filter, &table, &err);
		if (rc == MN_E_NOTFOUND) {
			mn_cmd_warn("%s: %s", my.db, err.msg);
			mn_store_close(store);
			return MN_EXIT_EMPTY;
		}
	}
	if (rc == 0)
		rc = write_table(&my, table, &err);
	mn_cost_table_free(table);
	mn_store_close(store);
	return rc ? mn_cmd_fail(&err) : MN_EXIT_OK;
}
