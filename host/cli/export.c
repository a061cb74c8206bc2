/* SPDX-License-Identifier: MIT */
/* `mnchar export`: cost tables for a search. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "export.h"
#include "lookup_table.h"
#include "paths.h"

static const char *const formats[] = {"json", "csv", "ofa", "hw-nas-bench", "nn-meter"};
enum format { JSON, CSV, OFA, HW_NAS_BENCH, NN_METER, FORMATS };

struct options {
	const char *db, *out, *keys;
	struct mn_export_filter filter;
	enum format format;
	int expand_is_channels;
};

enum { KEY_KIND = 256, KEY_MODELS_ONLY, KEY_KEYS, KEY_EXPAND };

static enum format format_of(const struct argp_state *state, const char *text)
{
	for (int i = 0; i < FORMATS; i++)
		if (!strcmp(formats[i], text))
			return (enum format)i;
	argp_error(state, "--format: '%s' is none of json, csv, ofa, hw-nas-bench, nn-meter", text);
	return JSON;
}

/* Lookup tables have the keys of the search. */
static int needs_keys(enum format format)
{
	return format == OFA || format == HW_NAS_BENCH;
}

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
		my->format = format_of(state, arg);
		return 0;
	case KEY_KEYS:
		my->keys = arg;
		return 0;
	case KEY_EXPAND:
		if (strcmp(arg, "ratio") && strcmp(arg, "channels"))
			argp_error(state, "--expand: '%s' is none of ratio, channels", arg);
		my->expand_is_channels = !strcmp(arg, "channels");
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
	case ARGP_KEY_END:
		if (needs_keys(my->format) && !my->keys)
			argp_error(state,
				   "--format %s needs --keys FILE: the blocks that the search "
				   "looks up",
				   formats[my->format]);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"format", 'f', "csv|json|ofa|hw-nas-bench|nn-meter", 0,
	 "Form of the table (default: json). Lookup tables with predicted costs: ofa "
	 "(ProxylessNAS and Once-for-All, YAML), hw-nas-bench (its FBNet space, JSON). Measured "
	 "layers: nn-meter (JSON of its builder)",
	 0},
	{"keys", KEY_KEYS, "FILE", 0,
	 "Keys to price for ofa and hw-nas-bench: any file with a key at the start of a line, such "
	 "as the search's table of another device",
	 0},
	{"expand", KEY_EXPAND, "ratio|channels", 0,
	 "What `expand` in an ofa key is: the ratio (ProxylessNAS; default) or the middle channels "
	 "(OFA, MobileNetV3)",
	 0},
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
	       "Example: mnchar export --format csv | less -S\n"
	       "Example: mnchar export --board virtual-f446re --kernels mnchar/2/dsp --format ofa "
	       "--keys mobile_trim.yaml",
};

/* All of a file. The caller frees *ret. */
static int read_file(const char *path, char **ret, size_t *ret_len, struct mn_err *err)
{
	FILE *f = fopen(path, "rb"), *to = open_memstream(ret, ret_len);
	char part[65536];
	size_t n;
	int bad;

	while (f && to && (n = fread(part, 1, sizeof(part), f)) > 0)
		fwrite(part, 1, n, to);
	bad = !f || !to || ferror(f) || ferror(to);
	if (bad)
		mn_err_set(err, MN_E_IO, "%s: %s", path, strerror(errno));
	if (f)
		fclose(f);
	if (to)
		bad |= fclose(to) != 0;
	return bad ? MN_E_IO : 0;
}

static int write_lookup(const struct options *my, const struct mn_cost_table *table, FILE *f,
			struct mn_err *err)
{
	const struct mn_block_options how = {
		.style = my->format == OFA ? MN_BLOCK_OFA : MN_BLOCK_HW_NAS_BENCH,
		.expand_is_channels = my->expand_is_channels,
	};
	struct mn_lookup *lookup = NULL;
	char *text = NULL;
	size_t len = 0;
	int rc = read_file(my->keys, &text, &len, err);

	if (rc == 0) {
		rc = mn_lookup_make(table, text, len, &how, &lookup, err);
		if (rc)
			mn_err_prefix(err, rc, "%s: ", my->keys);
	}
	if (rc == 0)
		rc = my->format == OFA ? mn_lookup_write_ofa(lookup, f, err)
				       : mn_lookup_write_hw_nas_bench(lookup, f, err);
	mn_lookup_free(lookup);
	free(text);
	return rc;
}

static int write_format(const struct options *my, struct mn_store *store,
			const struct mn_cost_table *table, FILE *f, struct mn_err *err)
{
	switch (my->format) {
	case CSV:
		return mn_export_csv(table, f, err);
	case OFA:
	case HW_NAS_BENCH:
		return write_lookup(my, table, f, err);
	case NN_METER:
		return mn_export_nn_meter(store, table, f, err);
	default:
		return mn_cost_write_json(table, f, err);
	}
}

static int write_table(const struct options *my, struct mn_store *store,
		       const struct mn_cost_table *table, struct mn_err *err)
{
	int to_stdout = !strcmp(my->out, "-"), rc;
	FILE *f = to_stdout ? stdout : fopen(my->out, "w");

	if (!f)
		return mn_err_set(err, MN_E_IO, "%s: %s", my->out, strerror(errno));
	rc = write_format(my, store, table, f, err);
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
	if (needs_keys(my.format))
		my.filter.models_only = 1;
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
		rc = write_table(&my, store, table, &err);
	mn_cost_table_free(table);
	mn_store_close(store);
	return rc ? mn_cmd_fail(&err) : MN_EXIT_OK;
}
