/* SPDX-License-Identifier: MIT */
/* `mnchar import`: CSV, or what TensorFlow Lite Micro's profiler prints, into the store. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board_memory.h"
#include "cmd.h"
#include "import.h"
#include "paths.h"
#include "store.h"
#include "tflm_profile.h"

struct options {
	const char *db;
	int first; /* of the files in argv */
	int is_profile;
	const char *model;
	struct mn_profile_source source;
};

enum {
	OPT_FORMAT = 0x100,
	OPT_MODEL,
	OPT_KERNELS,
	OPT_CLOCK,
	OPT_TICK,
	OPT_COMPILER,
	OPT_FLAGS,
	OPT_SOURCE
};

static const struct argp_option options[] = {
	{"format", OPT_FORMAT, "csv|tflm-profiler", 0,
	 "csv, the default; or what tflite::MicroProfiler prints", 0},
	{0, 0, 0, 0, "With --format tflm-profiler:", 1},
	{"model", OPT_MODEL, "FILE", 0, "The .tflite file that ran (required)", 1},
	{"board", 'b', "BOARD", 0, "Board that it ran on (required)", 1},
	{"kernels", OPT_KERNELS, "KERNELS", 0,
	 "Library and version of the interpreter's kernels, as cmsis-nn/6.0.0 (required)", 1},
	{"clock-hz", OPT_CLOCK, "HZ", 0, "Clock of the CPU (required); ticks are its cycles", 1},
	{"tick-hz", OPT_TICK, "HZ", 0, "Ticks are of another timer, this many a second", 1},
	{"compiler", OPT_COMPILER, "TEXT", 0, "Compiler of the kernels", 1},
	{"flags", OPT_FLAGS, "TEXT", 0, "Compiler flags of the kernels", 1},
	{"source", OPT_SOURCE, "TEXT", 0, "Where the figures come from (the file's name)", 1},
	{0},
};

/* All that the profiler's text does not say. */
static void check_profile_options(const struct argp_state *state, const struct options *my)
{
	const struct mn_profile_source *s = &my->source;

	if (my->is_profile) {
		const char *missing = !my->model         ? "--model: an event names an operator, "
							   "and only the model has its shapes"
				      : !s->board        ? "--board"
				      : !s->kernels      ? "--kernels"
				      : s->clock_hz == 0 ? "--clock-hz"
							 : NULL;

		if (missing)
			argp_error(state, "--format tflm-profiler needs %s", missing);
	} else if (my->model || s->board || s->kernels || s->clock_hz || s->tick_hz ||
		   s->compiler || s->flags || s->source) {
		argp_error(state, "--model, --board and the like belong to --format "
				  "tflm-profiler: CSV says them in its columns");
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = my ? &my->db : NULL;
		return 0;
	case OPT_FORMAT:
		if (strcmp(arg, "csv") != 0 && strcmp(arg, "tflm-profiler") != 0)
			argp_error(state, "--format is csv or tflm-profiler, not '%s'", arg);
		my->is_profile = arg[0] == 't';
		return 0;
	case OPT_MODEL:
		my->model = arg;
		return 0;
	case 'b':
		my->source.board = arg;
		return 0;
	case OPT_KERNELS:
		my->source.kernels = arg;
		return 0;
	case OPT_CLOCK:
		my->source.clock_hz = mn_cmd_number(state, "--clock-hz", arg, 1, 100000000000);
		return 0;
	case OPT_TICK:
		my->source.tick_hz = mn_cmd_number(state, "--tick-hz", arg, 1, 100000000000);
		return 0;
	case OPT_COMPILER:
		my->source.compiler = arg;
		return 0;
	case OPT_FLAGS:
		my->source.flags = arg;
		return 0;
	case OPT_SOURCE:
		my->source.source = arg;
		return 0;
	case ARGP_KEY_END:
		check_profile_options(state, my);
		return 0;
	case ARGP_KEY_ARGS:
		my->first = state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which file?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&mn_argp_db, 0, NULL, 0}, {0}};

const struct argp mn_argp_import = {
	.options = options,
	.parser = parse,
	.children = children,
	.args_doc = "FILE...",
	.doc = "Put figures from elsewhere into the database: a CSV file with one row for each "
	       "layer "
	       "or whole model. The file goes in whole or, if a line is wrong, not at all; a row "
	       "that "
	       "was imported before is not imported again. A name that is no file here is looked "
	       "for "
	       "among the published figures that come with mnchar."
	       "\v"
	       "The first line names the columns, in any order:\n"
	       "  kind              measured, virtual or published (required)\n"
	       "  board             nucleo-f446re (required)\n"
	       "  kernels           library and version of the layers' code (required)\n"
	       "  layer             as in: conv_2d in=1x8x8x4 out_c=8 kernel=3x3; or\n"
	       "  model             name of a whole model; one of the two in each row\n"
	       "  backbone          family of the model\n"
	       "  ops               2 per MAC; needed only for a model\n"
	       "  latency_ns latency_us latency_ms latency_s    one of them, or cycles; of one "
	       "run\n"
	       "  energy_nJ energy_uJ energy_mJ    one of them; of one run\n"
	       "  power_uW power_mW                one of them; mean while running\n"
	       "  sram_bytes flash_bytes\n"
	       "  excluded_latency  why the latency is missing or stays out of fits\n"
	       "  excluded_energy   why energy and power stay out of fits\n"
	       "  source            where the figure stands (required if published)\n"
	       "  chip cpu clock_hz compiler flags note\n"
	       "  cold              1: caches were invalidated before each run\n"
	       "Lines that start with # are comments. Three published tables of measured layers "
	       "are recognised by their header and taken as they are: rows that are no layer of "
	       "ours are counted, doubtful ones go in as excluded.\n"
	       "\n"
	       "The output of tflite::MicroProfiler, from Log(), LogCsv() or "
	       "LogTicksPerTagCsv(), is joined with the model: each run of each operator is a row, "
	       "and each run of the model. Operators that are no layer of ours are counted. "
	       "LogTicksPerTagCsv() prints sums: they give a layer where the model has one "
	       "operator "
	       "of a name, and the model.\n"
	       "\n"
	       "Example: mnchar import --db paper.db micronets-2021.csv\n"
	       "Example: mnchar import --format tflm-profiler --model kws.tflite "
	       "--board nucleo-f446re --kernels cmsis-nn/6.0.0 --clock-hz 180000000 serial.log",
};

/* The file itself, else the one of that name among the published figures. */
static const char *find_file(const char *name, char *buf, size_t size)
{
	if (access(name, F_OK) < 0 && !strchr(name, '/') &&
	    mn_path(MN_DIR_PUBLISHED, name, buf, size, NULL) == 0)
		return buf;
	return name;
}

static void report(const char *file, const char *db, const struct mn_import_result *r)
{
	printf("%s: %" PRIu64 " rows, %" PRIu64 " new in %s", file, r->rows, r->added, db);
	if (r->excluded)
		printf(", %" PRIu64 " of them excluded with a reason", r->excluded);
	for (size_t i = 0; i < r->n_reasons; i++)
		printf("%s%" PRIu64 " %s",
		       i ? ", " : "; no layer of ours and left out: ", r->reasons[i].rows,
		       r->reasons[i].why);
	putchar('\n');
}

static void left_out(void *arg, const char *why)
{
	mn_import_leave_out(arg, why);
}

/* A profiler's text: to CSV, and that into the store. */
static int import_profile(struct mn_store *store, const char *file, const struct options *my,
			  const struct mn_model *model, struct mn_import_result *ret,
			  struct mn_err *err)
{
	const int64_t hz = my->source.tick_hz ? my->source.tick_hz : my->source.clock_hz;
	struct mn_profile_source source = my->source;
	struct mn_import_result others = {0};
	struct mn_profile profile = {0};
	char *text = NULL, *csv = NULL, name[256];
	const char *base = strrchr(my->model, '/');
	struct mn_board_memory board;
	size_t len, csv_len;
	int rc;

	base = base ? base + 1 : my->model;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(base, "."), base);
	source.name = file;
	source.model_name = name;
	if (mn_board_memory_load(source.board, &board, NULL) == 0) {
		source.chip = board.chip;
		source.cpu = board.cpu;
	}
	rc = mn_import_read(file, &text, &len, err);
	if (rc == 0)
		rc = mn_profile_parse(file, text, len, hz, &profile, err);
	if (rc == 0)
		rc = mn_profile_rows(&profile, model, &source, left_out, &others, &csv, &csv_len,
				     err);
	if (rc == 0)
		rc = mn_import_text(store, file, csv, csv_len, ret, err);
	if (rc == 0) {
		ret->left_out = others.left_out;
		ret->n_reasons = others.n_reasons;
		memcpy(ret->reasons, others.reasons, sizeof(others.reasons));
	}
	mn_profile_free(&profile);
	free(csv);
	free(text);
	return rc;
}

int mn_cmd_import(int argc, char **argv)
{
	struct options my = {.first = argc};
	struct mn_store *store = NULL;
	struct mn_model *model = NULL;
	struct mn_err err = {0};
	char schema[PATH_MAX], path[PATH_MAX];
	int rc;

	argp_parse(&mn_argp_import, argc, argv, 0, NULL, &my);
	/* Before the database is made: a mistyped name should leave nothing behind. */
	for (int i = my.first; i < argc; i++)
		if (access(find_file(argv[i], path, sizeof(path)), R_OK) < 0) {
			mn_cmd_warn("%s: cannot read the file to import: %s", argv[i],
				    strerror(errno));
			return MN_EXIT_FAILED;
		}
	rc = my.model ? mn_model_open(my.model, &model, &err) : 0;
	if (rc == 0)
		rc = mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), &err);
	if (rc == 0)
		rc = mn_store_open(my.db, MN_STORE_CREATE, schema, &store, &err);
	for (int i = my.first; i < argc && rc == 0; i++) {
		const char *file = find_file(argv[i], path, sizeof(path));
		struct mn_import_result result = {0};

		rc = my.is_profile ? import_profile(store, file, &my, model, &result, &err)
				   : mn_import_file(store, file, &result, &err);
		if (rc == 0)
			report(file, my.db, &result);
	}
	mn_store_close(store);
	mn_model_free(model);
	return rc < 0 ? mn_cmd_fail(&err) : MN_EXIT_OK;
}
