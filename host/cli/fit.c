/* SPDX-License-Identifier: MIT */
/* `mnchar fit`: rows of the store to fits of the store. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "energy_fit.h"
#include "fit.h"
#include "paths.h"
#include "store.h"

struct options {
	const char *db;
	const char **boards;
	size_t n_boards;
	struct mn_fit_options fit;
};

enum { KEY_SEED = 256, KEY_FOLDS, KEY_DRY_RUN, KEY_COMPARE, KEY_BOOTSTRAP, KEY_POOL };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;
	const char **boards;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = my ? &my->db : NULL;
		return 0;
	case 'b':
		boards = realloc(my->boards, (my->n_boards + 1) * sizeof(*boards));
		if (!boards)
			argp_failure(state, MN_EXIT_FAILED, 0, "out of memory");
		my->boards = boards;
		my->boards[my->n_boards++] = arg;
		return 0;
	case KEY_SEED:
		my->fit.seed = (uint64_t)mn_cmd_number(state, "--seed", arg, 0, LLONG_MAX);
		return 0;
	case KEY_FOLDS:
		my->fit.max_folds = (uint32_t)mn_cmd_number(state, "--folds", arg, 2, 10);
		return 0;
	case KEY_BOOTSTRAP:
		my->fit.bootstrap = (uint32_t)mn_cmd_number(state, "--bootstrap", arg, 20, 100000);
		return 0;
	case KEY_POOL:
		my->fit.pool = my->fit.dry_run = 1;
		return 0;
	case KEY_DRY_RUN:
		my->fit.dry_run = 1;
		return 0;
	case KEY_COMPARE:
		my->fit.by_error = 1;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is not an option", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"board", 'b', "BOARD", 0, "Only this board; may be given several times", 0},
	{"seed", KEY_SEED, "N", 0, "Seed of the folds and of the bootstrap (default: 1)", 0},
	{"folds", KEY_FOLDS, "N", 0, "Folds for the out-of-fold errors (default: 10)", 0},
	{"bootstrap", KEY_BOOTSTRAP, "N", 0,
	 "Also N refits on resampled layers: percentile intervals of the coefficients, in query "
	 "--json (from --seed)",
	 0},
	{"pool", KEY_POOL, NULL, 0,
	 "One fit an op over all rows (of the --board given), whatever their kind, board, kernels "
	 "and "
	 "clock, with a factor for each rig; nothing is stored",
	 0},
	{"compare", KEY_COMPARE, NULL, 0,
	 "Print the models side by side, smallest out-of-fold error first", 0},
	{"dry-run", KEY_DRY_RUN, NULL, 0, "Print, store nothing", 0},
	{0},
};
static const struct argp_child children[] = {{&mn_argp_db, 0, NULL, 0}, {0}};

const struct argp mn_argp_fit = {
	.options = options,
	.parser = parse,
	.children = children,
	.doc = "Fit cost models to what was measured, and store them with the rows that they were "
	       "made from. Measured, virtual and published rows are never pooled; nor boards, "
	       "kernel sets, or warm and cold rows; of two images of a board the newer counts. "
	       "What cannot be fitted is listed with the reason."
	       "\v"
	       "Models: ops (the MicroNets way: cost = a * ops), ops-affine (with a fixed cost), "
	       "features (what the kernels' loops do, by kernel path: the default), basic (a few "
	       "of "
	       "those, for small tables), mean (power). "
	       "Layers are fitted with relative weights, whole models unweighted. ops and "
	       "ops-affine "
	       "are for layers with multiply-accumulates and for whole models. The errors are "
	       "out-of-fold: of rows that the fit did not see. --compare also holds out all layers "
	       "of "
	       "one spatial size together (size_pct: MAPE then) and all of one range of channels "
	       "(chan_pct), and says how many held-out rows their 95 % intervals contain "
	       "(in_ci_pct).\n\n"
	       "Example: mnchar fit --board virtual-f446re && mnchar query",
};

/* "12.3", or nothing for NAN. */
static const char *percent(char *buf, size_t size, double value)
{
	if (isnan(value))
		return "";
	snprintf(buf, size, "%.1f", value);
	return buf;
}

/* "pooled" is no board: it stands for several kinds as well. */
static int add(const struct mn_fit *fit, void *arg)
{
	struct mn_table *table = arg;
	char n[24], mape[24], within[24], worst[24];
	const char *cells[12] = {
		strcmp(fit->board, "pooled") ? mn_kind_name(fit->kind) : "pooled",
		fit->board,
		fit->kernels,
		fit->backbone[0] ? fit->backbone : fit->op,
		fit->cold ? "cold" : "warm",
		fit->target,
		fit->model,
		n,
		percent(mape, sizeof(mape), fit->mape_pct),
		percent(within, sizeof(within), fit->within10_pct),
		percent(worst, sizeof(worst), fit->worst_pct),
	};
	char *note = NULL;
	int rc;

	snprintf(n, sizeof(n), "%" PRId64, fit->n);
	if (!strcmp(fit->status, "ok"))
		rc = asprintf(&note, "%s", fit->detail);
	else
		rc = asprintf(&note, "NOT FITTED, %s: %s", fit->status, fit->detail);
	if (rc < 0)
		return MN_E_NOMEM;
	cells[11] = note;
	rc = mn_table_add(table, cells);
	free(note);
	return rc;
}

enum { COMPARE_COLUMNS = 16 };

static int compare(const struct mn_fit *fit, void *arg)
{
	struct mn_table *table = arg;
	char n[24], terms[24], mape[24], in5[24], in10[24], worst[24], size[24], channels[24],
		ci[24];
	const char *cells[COMPARE_COLUMNS] = {
		strcmp(fit->board, "pooled") ? mn_kind_name(fit->kind) : "pooled",
		fit->board,
		fit->kernels,
		fit->backbone[0] ? fit->backbone : fit->op,
		fit->cold ? "cold" : "warm",
		fit->target,
		fit->model,
		n,
		terms,
		percent(mape, sizeof(mape), fit->mape_pct),
		percent(in5, sizeof(in5), fit->within5_pct),
		percent(in10, sizeof(in10), fit->within10_pct),
		percent(worst, sizeof(worst), fit->worst_pct),
		percent(size, sizeof(size), fit->by_size_pct),
		percent(channels, sizeof(channels), fit->by_channels_pct),
		percent(ci, sizeof(ci), fit->coverage_pct),
	};

	snprintf(n, sizeof(n), "%" PRId64, fit->n);
	snprintf(terms, sizeof(terms), "%u", (unsigned)fit->n_terms);
	return mn_table_add(table, cells);
}

/* Which way tells energy best: a line for each board that has some. */
static int compare_energy(const struct mn_energy_compared *c, void *arg)
{
	int *lines = arg;

	if (!(*lines)++)
		printf("\nEnergy, out-of-fold MAPE of ways to tell a layer's from its latency or "
		       "its "
		       "ops:\n");
	printf("%s %s %s, %.4g mW (std %.1f %%):", mn_kind_name(c->kind), c->board,
	       c->cold ? "cold" : "warm", c->power_mean_mW,
	       100 * c->power_std_mW / c->power_mean_mW);
	for (int w = 0; w < MN_ENERGY_WAYS; w++)
		if (!isnan(c->mape_pct[w]))
			printf(" %s %.1f %%,", mn_energy_way_name((enum mn_energy_way)w),
			       c->mape_pct[w]);
	printf(" n %" PRId64 " with ops, %s; without the third over all %" PRId64
	       ": %.1f %%, %.1f %%. Better: %s\n",
	       c->n_ops, c->folds, c->n, c->all_mape_pct[MN_ENERGY_CONSTANT],
	       c->all_mape_pct[MN_ENERGY_POWER], mn_energy_way_name(c->best));
	return 0;
}

int mn_cmd_fit(int argc, char **argv)
{
	static const struct mn_column columns[] = {
		{"kind", 0},     {"board", 0},    {"kernels", 0},   {"op", 0},
		{"caches", 0},   {"target", 0},   {"model", 0},     {"n", 1},
		{"mape_pct", 1}, {"in10_pct", 1}, {"worst_pct", 1}, {"note", 0},
	};
	static const struct mn_column compared[COMPARE_COLUMNS] = {
		{"kind", 0},      {"board", 0},    {"kernels", 0},  {"op", 0},
		{"caches", 0},    {"target", 0},   {"model", 0},    {"n", 1},
		{"terms", 1},     {"mape_pct", 1}, {"in5_pct", 1},  {"in10_pct", 1},
		{"worst_pct", 1}, {"size_pct", 1}, {"chan_pct", 1}, {"in_ci_pct", 1},
	};
	struct options my = {.fit.seed = 1};
	struct mn_table *table = NULL;
	struct mn_store *store = NULL;
	struct mn_fit_stats stats = {0};
	int energy_lines = 0;
	struct mn_err err = {0};
	char schema[PATH_MAX];
	int rc;

	argp_parse(&mn_argp_fit, argc, argv, 0, NULL, &my);
	my.fit.boards = my.boards;
	my.fit.n_boards = my.n_boards;
	table = my.fit.by_error ? mn_table_new(compared, COMPARE_COLUMNS)
				: mn_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	rc = table ? 0 : mn_err_set(&err, MN_E_NOMEM, "out of memory");
	if (rc == 0)
		rc = mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), &err);
	if (rc == 0)
		rc = mn_store_open(my.db, my.fit.dry_run ? MN_STORE_READ : MN_STORE_WRITE, schema,
				   &store, &err);
	if (rc == 0)
		rc = mn_fit_run(store, &my.fit, my.fit.by_error ? compare : add, table, &stats,
				&err);
	if (rc == 0 && mn_table_rows(table))
		rc = mn_table_print(table);
	if (rc == 0)
		rc = mn_energy_compare(store, my.boards, my.n_boards, compare_energy, &energy_lines,
				       &err);
	mn_store_close(store);
	mn_table_free(table);
	free(my.boards);
	if (rc)
		return mn_cmd_fail(&err);
	if (stats.fitted + stats.refused == 0) {
		mn_cmd_warn(
			"%s has nothing to fit%s: run `mnchar collect` or `mnchar import` first",
			my.db, my.n_boards ? " for that board" : "");
		return MN_EXIT_EMPTY;
	}
	fprintf(stderr,
		"mnchar: %" PRId64 " rows read, %" PRId64 " models fitted, %" PRId64 " not%s\n",
		stats.rows, stats.fitted, stats.refused,
		my.fit.dry_run ? "; nothing was stored" : "");
	return MN_EXIT_OK;
}
