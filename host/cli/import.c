/* SPDX-License-Identifier: MIT */
/* `mnchar import`: CSV into the store. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "import.h"
#include "paths.h"
#include "store.h"

struct options {
	const char *db;
	int first; /* of the files in argv */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = my ? &my->db : NULL;
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
	       "Example: mnchar import --db paper.db micronets-2021.csv",
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

int mn_cmd_import(int argc, char **argv)
{
	struct options my = {.first = argc};
	struct mn_store *store = NULL;
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
	rc = mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), &err);
	if (rc == 0)
		rc = mn_store_open(my.db, MN_STORE_CREATE, schema, &store, &err);
	for (int i = my.first; i < argc && rc == 0; i++) {
		const char *file = find_file(argv[i], path, sizeof(path));
		struct mn_import_result result = {0};

		rc = mn_import_file(store, file, &result, &err);
		if (rc == 0)
			report(file, my.db, &result);
	}
	mn_store_close(store);
	return rc < 0 ? mn_cmd_fail(&err) : MN_EXIT_OK;
}
