/* SPDX-License-Identifier: MIT */
/* `mnchar plot`: latency against size, drawn by gnuplot. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "paths.h"
#include "plot.h"

struct options {
	const char *db, *keep;
	struct mn_plot_options plot;
};

enum { KEY_KIND = 256, KEY_KEEP, KEY_COLD };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = my ? &my->db : NULL;
		return 0;
	case 'b':
		my->plot.board = arg;
		return 0;
	case 'k':
		my->plot.kernels = arg;
		return 0;
	case KEY_KIND:
		my->plot.kind = mn_kind_parse(arg);
		if (my->plot.kind < 0)
			argp_error(state, "--kind: '%s' is none of measured, virtual, published",
				   arg);
		return 0;
	case KEY_COLD:
		my->plot.cold = 1;
		return 0;
	case 'o':
		my->plot.out = arg;
		return 0;
	case KEY_KEEP:
		my->keep = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is not an option", arg);
		return 0;
	case ARGP_KEY_END:
		if (!my->plot.board)
			argp_error(state, "which board? --board BOARD");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"board", 'b', "BOARD", 0, "The board to draw (required)", 0},
	{"out", 'o', "FILE", 0, "Picture, .svg or .png (default: BOARD.svg)", 0},
	{"keep", KEY_KEEP, "FILE", 0, "Also keep the gnuplot script, which holds its data", 0},
	{"kernels", 'k', "NAME", 0, "This kernel set (default: the one with the most rows)", 0},
	{"kind", KEY_KIND, "KIND", 0, "This kind (default: the one with the most rows)", 0},
	{"cold", KEY_COLD, NULL, 0, "Rows with cold caches instead of warm ones", 0},
	{0},
};
static const struct argp_child children[] = {{&mn_argp_db, 0, NULL, 0}, {0}};

const struct argp mn_argp_plot = {
	.options = options,
	.parser = parse,
	.children = children,
	.doc = "Draw latency against ops for one board, with the fitted lines; layers without "
	       "multiply-accumulates against their output. The title says whether the figures are "
	       "measured, virtual or published."
	       "\v"
	       "Example: mnchar plot --board virtual-f746zg --out f746zg.png --keep f746zg.gp",
};

int mn_cmd_plot(int argc, char **argv)
{
	struct options my = {.plot.kind = -1};
	struct mn_plot_summary summary;
	struct mn_store *store = NULL;
	struct mn_err err = {0};
	char schema[PATH_MAX], out[PATH_MAX];
	FILE *script = NULL;
	int rc, found = 1;

	argp_parse(&mn_argp_plot, argc, argv, 0, NULL, &my);
	snprintf(out, sizeof(out), "%s.svg", my.plot.board);
	if (!my.plot.out)
		my.plot.out = out;
	rc = mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), &err);
	if (rc == 0)
		rc = mn_store_open(my.db, MN_STORE_READ, schema, &store, &err);
	if (rc == 0) {
		script = my.keep ? fopen(my.keep, "w+") : tmpfile();
		if (!script)
			rc = mn_err_set(&err, MN_E_IO, "%s: %s",
					my.keep ? my.keep : "a temporary file", strerror(errno));
	}
	if (rc == 0) {
		rc = mn_plot_script(store, &my.plot, script, &summary, &err);
		found = rc != MN_E_NOTFOUND;
	}
	if (rc == 0 && fflush(script))
		rc = mn_err_set(&err, MN_E_IO, "cannot write the gnuplot script: %s",
				strerror(errno));
	if (rc == 0)
		rc = mn_plot_run(script, &err);
	if (rc == 0) {
		printf("%s: %zu rows of %s\n", my.plot.out, summary.n_rows, summary.kernels);
		if (summary.n_other_rows)
			mn_cmd_warn(
				"%zu rows of other kernels, kinds or cache states of %s are not "
				"in it",
				summary.n_other_rows, my.plot.board);
	}
	if (script)
		fclose(script);
	mn_store_close(store);
	if (rc == 0)
		return MN_EXIT_OK;
	return found ? mn_cmd_fail(&err) : (mn_cmd_warn("%s: %s", my.db, err.msg), MN_EXIT_EMPTY);
}
