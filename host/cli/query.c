/* SPDX-License-Identifier: MIT */
/* `mnchar query`: the stored fits, for people and as JSON. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "paths.h"
#include "store_read.h"
#include "validated.h"

struct options {
	const char *db;
	struct mn_fit_filter filter;
	int json, all, terms;
};

enum { KEY_KIND = 256, KEY_TARGET, KEY_BACKBONE, KEY_ALL, KEY_TERMS };

static const char *one_of(struct argp_state *state, const char *option, const char *arg,
			  const char *const *words)
{
	for (const char *const *w = words; *w; w++)
		if (!strcmp(*w, arg))
			return arg;
	argp_error(state, "%s: '%s' is none of %s, %s, %s%s%s", option, arg, words[0], words[1],
		   words[2], words[3] ? ", " : "", words[3] ? words[3] : "");
	return arg;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const targets[] = {"latency", "energy", "power", NULL};
	struct options *my = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = my ? &my->db : NULL;
		return 0;
	case 'j':
		my->json = 1;
		return 0;
	case 'b':
		my->filter.board = arg;
		return 0;
	case 'o':
		if (strcmp(arg, "model") && mn_op_parse(arg, strlen(arg)) < 0)
			argp_error(state,
				   "--op: '%s' is no op: conv_2d, depthwise_conv_2d … or "
				   "model for whole models",
				   arg);
		my->filter.op = arg;
		return 0;
	case 'k':
		my->filter.kernels = arg;
		return 0;
	case 'm':
		my->filter.model = arg;
		return 0;
	case KEY_TARGET:
		my->filter.target = one_of(state, "--target", arg, targets);
		return 0;
	case KEY_KIND:
		my->filter.kind = mn_kind_parse(arg);
		if (my->filter.kind < 0)
			argp_error(state, "--kind: '%s' is none of measured, virtual, published",
				   arg);
		return 0;
	case KEY_BACKBONE:
		my->filter.backbone = arg;
		return 0;
	case KEY_TERMS:
		my->terms = 1;
		return 0;
	case KEY_ALL:
		my->all = 1;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is not an option", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"board", 'b', "BOARD", 0, "Only this board", 0},
	{"op", 'o', "OP", 0, "Only this op; model: whole models", 0},
	{"kernels", 'k', "NAME", 0, "Only this kernel set", 0},
	{"model", 'm', "NAME", 0, "Only this model: ops, ops-affine, basic, features, mean", 0},
	{"target", KEY_TARGET, "latency|energy|power", 0, "Only this target", 0},
	{"kind", KEY_KIND, "KIND", 0, "Only measured, virtual or published", 0},
	{"backbone", KEY_BACKBONE, "NAME", 0, "Only this family of whole models; all: pooled", 0},
	{"terms", KEY_TERMS, NULL, 0, "Every coefficient with its interval, one a line", 0},
	{"all", KEY_ALL, NULL, 0, "Also what could not be fitted, with the reason", 0},
	{"json", 'j', NULL, 0, "An array with one object a fit", 0},
	{0},
};
static const struct argp_child children[] = {{&mn_argp_db, 0, NULL, 0}, {0}};

const struct argp mn_argp_query = {
	.options = options,
	.parser = parse,
	.children = children,
	.doc = "Print the stored fits: coefficients with their 95 % intervals, and how far off "
	       "they "
	       "are for rows that they have not seen. The first column says where the figures come "
	       "from: measured, virtual (a modelled CPU) or published."
	       "\v"
	       "One line a fit. cost: of ops and ops-affine the coefficients; of the others how "
	       "many "
	       "there are (--terms prints them). ms/Mop is milliseconds for a million ops (2 ops "
	       "per "
	       "multiply-accumulate). in5_pct and in10_pct: share of rows predicted within 5 and "
	       "10 "
	       "%. size_pct, chan_pct: mean error when all layers of one spatial size, or of one "
	       "range of channels, are held out together. in_ci_pct: held-out rows inside of "
	       "their 95 % interval. --json has the coefficients per 1 of their feature, in ms, mJ "
	       "or mW.\n\n"
	       "Example: mnchar query --board virtual-f446re --op conv_2d\n"
	       "Example: mnchar query --json --model features",
};

/* Table */

/* Unit for people and the factor to it: per 1 becomes per million for counts. ms and mJ per million
 * are ns and nJ per 1. */
static double human_unit(const struct mn_fit *fit, const char *term, char *buf, size_t size)
{
	const char *nano = !strcmp(fit->unit, "ms") ? "ns" : "nJ";

	if (!strcmp(term, "const"))
		snprintf(buf, size, "%s", fit->unit);
	else if (!strcmp(term, "ops"))
		snprintf(buf, size, "%s/Mop", fit->unit);
	else if (strlen(term) > 5 && !strcmp(term + strlen(term) - 5, "_macs"))
		snprintf(buf, size, "%s/%.*s MMAC", fit->unit, (int)strlen(term) - 5, term);
	else if (!strcmp(term, "macs"))
		snprintf(buf, size, "%s/MMAC", fit->unit);
	else
		snprintf(buf, size, "%s/%s", nano,
			 !strcmp(term, "out_elements")      ? "output"
			 : !strcmp(term, "in_elements")     ? "input"
			 : !strcmp(term, "im2col_elements") ? "im2col"
			 : !strcmp(term, "window_elements") ? "tap"
							    : term);
	return strcmp(term, "const") ? 1e6 : 1;
}

static const char *number(char *buf, size_t size, int digits, double value)
{
	if (isnan(value))
		return "-";
	snprintf(buf, size, "%.*f", digits, value);
	return buf;
}

enum { COLUMNS = 17, SUMMARY_COLUMNS = 18 };

struct output {
	const struct options *my;
	int (*add)(const struct mn_fit *fit, const struct output *out);
	struct mn_store *store;
	struct mn_table *table;
	json_t *json;
	char *validation; /* of a virtual fit's cycle model; "" not validated */
	size_t n, n_hidden;
	struct mn_err *err;
};

static int add_term(struct mn_table *table, const struct mn_fit *fit, uint32_t i,
		    const char **cells)
{
	const struct mn_fit_term *t = &fit->terms[i];
	char unit[96], value[32], ci[80];
	double factor = human_unit(fit, t->name, unit, sizeof(unit));

	snprintf(value, sizeof(value), "%.4g", t->value * factor);
	snprintf(ci, sizeof(ci), "[%.4g, %.4g]", t->ci95_lo * factor, t->ci95_hi * factor);
	if (strcmp(t->path, "any") != 0) {
		size_t len = strlen(unit);

		snprintf(unit + len, sizeof(unit) - len, " (%s)", t->path);
	}
	cells[7] = value;
	cells[8] = unit;
	cells[9] = ci;
	return mn_table_add(table, cells);
}

static int add_fit(const struct mn_fit *fit, const struct output *out)
{
	char n[24], r2[24], mape[24], in5[24], in10[24], worst[24];
	const char *cells[COLUMNS] = {
		mn_kind_name(fit->kind),
		fit->board,
		fit->kernels,
		fit->backbone[0] ? fit->backbone : fit->op,
		fit->cold ? "cold" : "warm",
		fit->target,
		fit->model,
	};
	char error[160];
	int rc = 0, virt = fit->kind == MN_KIND_VIRTUAL;

	mn_validated_op_text(out->validation, fit->op, error, sizeof(error));
	snprintf(n, sizeof(n), "%" PRId64, fit->n);
	cells[10] = n;
	cells[11] = number(r2, sizeof(r2), 4, fit->r2);
	cells[12] = number(mape, sizeof(mape), 1, fit->mape_pct);
	cells[13] = number(in5, sizeof(in5), 0, fit->within5_pct);
	cells[14] = number(in10, sizeof(in10), 0, fit->within10_pct);
	cells[15] = number(worst, sizeof(worst), 0, fit->worst_pct);
	if (strcmp(fit->status, "ok")) {
		char *why = NULL;

		cells[8] = "not fitted";
		if (asprintf(&why, "%s: %s", fit->status, fit->detail) < 0)
			return MN_E_NOMEM;
		cells[16] = why;
		rc = mn_table_add(out->table, cells);
		free(why);
		return rc;
	}
	for (uint32_t i = 0; i < fit->n_terms && rc == 0; i++) {
		char *last = NULL;

		if (i == 0 &&
		    asprintf(&last, "%s; worst: %s%s%s", fit->validation, fit->worst_layer,
			     virt ? "; the board's model: " : "", virt ? error : "") < 0)
			return MN_E_NOMEM;
		cells[16] = last;
		rc = add_term(out->table, fit, i, cells);
		free(last);
		/* Further terms stand below the first. */
		memset(cells, 0, sizeof(cells));
	}
	return rc;
}

/* The cost as one cell: what a person wants first. */
static char *headline(const struct mn_fit *fit)
{
	const struct mn_fit_term *t = fit->terms;
	char unit[96], text[160];
	double factor;

	if (strcmp(fit->status, "ok"))
		snprintf(text, sizeof(text), "not fitted");
	else if (fit->n_terms == 1 || (fit->n_terms == 2 && !strcmp(fit->model, "ops-affine"))) {
		factor = human_unit(fit, t->name, unit, sizeof(unit));
		snprintf(text, sizeof(text), "%.4g %s [%.4g, %.4g]", t->value * factor, unit,
			 t->ci95_lo * factor, t->ci95_hi * factor);
		if (fit->n_terms == 2)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), " + %.4g %s",
				 t[1].value, fit->unit);
	} else {
		snprintf(text, sizeof(text), "%u terms", (unsigned)fit->n_terms);
	}
	return strdup(text);
}

/* What was validated is the cycle model: nothing is known of what a virtual board draws. */
static int is_validated(const struct mn_fit *fit)
{
	return fit->kind == MN_KIND_VIRTUAL && !strcmp(fit->target, "latency");
}

static int add_summary(const struct mn_fit *fit, const struct output *out)
{
	char n[24], r2[24], mape[24], in5[24], in10[24], worst[24], size[24], channels[24], ci[24];
	char *cost = headline(fit), *why = NULL, *note = NULL, error[160];
	int ok = !strcmp(fit->status, "ok"), rc = cost ? 0 : MN_E_NOMEM;
	const char *cells[SUMMARY_COLUMNS] = {
		mn_kind_name(fit->kind),
		fit->board,
		fit->kernels,
		fit->backbone[0] ? fit->backbone : fit->op,
		fit->cold ? "cold" : "warm",
		fit->target,
		fit->model,
		cost,
		n,
		number(r2, sizeof(r2), 4, fit->r2),
		number(mape, sizeof(mape), 1, fit->mape_pct),
		number(in5, sizeof(in5), 0, fit->within5_pct),
		number(in10, sizeof(in10), 0, fit->within10_pct),
		number(worst, sizeof(worst), 0, fit->worst_pct),
		number(size, sizeof(size), 1, fit->by_size_pct),
		number(channels, sizeof(channels), 1, fit->by_channels_pct),
		number(ci, sizeof(ci), 0, fit->coverage_pct),
	};

	snprintf(n, sizeof(n), "%" PRId64, fit->n);
	snprintf(error, sizeof(error), "not validated");
	if (is_validated(fit))
		mn_validated_op_text(out->validation, fit->op, error, sizeof(error));
	if (rc == 0 && asprintf(&note, "%s%s%s", fit->validation,
				fit->kind == MN_KIND_VIRTUAL ? "; board model: " : "",
				fit->kind == MN_KIND_VIRTUAL ? error : "") < 0) {
		note = NULL;
		rc = MN_E_NOMEM;
	}
	cells[17] = note;
	if (rc == 0 && !ok) {
		/* The reason stands where the cost would. */
		if (asprintf(&why, "not fitted, %s: %s", fit->status, fit->detail) < 0) {
			why = NULL;
			rc = MN_E_NOMEM;
		}
		cells[7] = why;
	}
	if (rc == 0)
		rc = mn_table_add(out->table, cells);
	free(cost);
	free(why);
	free(note);
	return rc;
}

/* JSON */

static json_t *term_json(const struct mn_fit_term *t)
{
	return json_pack("{s:s, s:o, s:[o,o], s:[o,o], s:s, s:o}", "name", t->name, "value",
			 mn_json_real(t->value), "ci95", mn_json_real(t->ci95_lo),
			 mn_json_real(t->ci95_hi), "bootstrap95", mn_json_real(t->boot_lo),
			 mn_json_real(t->boot_hi), "path", t->path, "vif", mn_json_real(t->vif));
}

/* The covariance as rows of the lower triangle. */
static json_t *path_json(const struct mn_fit_path *p)
{
	json_t *rows = json_array();
	const double *value = p->covariance;

	for (uint32_t a = 0; a < p->n_terms && rows; a++) {
		json_t *row = json_array();

		for (uint32_t b = 0; b <= a; b++)
			json_array_append_new(row, mn_json_real(*value++));
		json_array_append_new(rows, row);
	}
	return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "path", p->path, "n",
			 (json_int_t)p->n, "sigma", mn_json_real(p->sigma), "t95",
			 mn_json_real(p->t95), "condition", mn_json_real(p->condition), "mape_pct",
			 mn_json_real(p->mape_pct), "within10_pct", mn_json_real(p->within10_pct),
			 "covariance", rows);
}

/* Of the fit's op; null: not validated, or not virtual. */
static json_t *model_error_json(const struct mn_fit *fit, const char *validation)
{
	struct mn_validated v;

	if (!is_validated(fit) || !mn_validated_get(validation, fit->op, &v))
		return json_null();
	return json_pack("{s:I, s:o, s:o, s:o, s:[o,o]}", "n", (json_int_t)v.n, "ratio",
			 mn_json_real(v.ratio), "mape_pct", mn_json_real(v.mape_pct), "p95_pct",
			 mn_json_real(v.p95_pct), "ratio_span", mn_json_real(v.ratio_lo),
			 mn_json_real(v.ratio_hi));
}

static int add_json(const struct mn_fit *fit, const struct output *out)
{
	json_t *array = out->json, *terms = json_array(), *intervals = json_array(), *object;
	int failed = 0;

	for (uint32_t i = 0; i < fit->n_terms; i++)
		failed |= json_array_append_new(terms, term_json(&fit->terms[i]));
	for (uint32_t i = 0; i < fit->n_path_stats; i++)
		failed |= json_array_append_new(intervals, path_json(&fit->path_stats[i]));
	object = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:s, s:s,"
		" s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:s, "
		"s:i, s:o}",
		"board", fit->board, "kind", mn_kind_name(fit->kind), "kernels", fit->kernels, "op",
		fit->op, "model", fit->model, "target", fit->target, "unit", fit->unit, "terms",
		terms, "n", (json_int_t)fit->n, "r2", mn_json_real(fit->r2), "mape_pct",
		mn_json_real(fit->mape_pct), "within5_pct", mn_json_real(fit->within5_pct),
		"within10_pct", mn_json_real(fit->within10_pct), "worst_pct",
		mn_json_real(fit->worst_pct), "worst_layer", fit->worst_layer, "validation",
		fit->validation, "backbone", fit->backbone, "caches", fit->cold ? "cold" : "warm",
		"status", fit->status, "detail", fit->detail, "rig_model", fit->rig_model,
		"std_pct", mn_json_real(fit->std_pct), "range_min", mn_json_real(fit->range_min),
		"range_max", mn_json_real(fit->range_max), "n_excluded",
		(json_int_t)fit->n_excluded, "paths", fit->paths, "condition",
		mn_json_real(fit->condition), "intervals", intervals, "coverage_pct",
		mn_json_real(fit->coverage_pct), "by_size_mape_pct", mn_json_real(fit->by_size_pct),
		"by_channels_mape_pct", mn_json_real(fit->by_channels_pct), "weighting",
		fit->weighting, "bootstrap", (int)fit->bootstrap, "board_model_error",
		model_error_json(fit, out->validation));
	failed |= json_array_append_new(array, object);
	return failed ? MN_E_INVALID : 0;
}

/* Both */

static int take(const struct mn_fit *fit, void *arg)
{
	struct output *out = arg;
	int rc;

	if (strcmp(fit->status, "ok") && !out->my->all) {
		out->n_hidden++;
		return 0;
	}
	out->n++;
	free(out->validation);
	out->validation = NULL;
	rc = fit->kind == MN_KIND_VIRTUAL
		     ? mn_store_validation(out->store, fit->rig_model, &out->validation, out->err)
		     : 0;
	if (rc)
		return rc;
	rc = out->add(fit, out);
	return rc ? mn_err_set(out->err, rc,
			       "fit %" PRId64 " cannot be shown: memory ran out, or a name in it "
			       "is not UTF-8",
			       fit->id)
		  : 0;
}

static int note_row(const struct mn_row *row, void *arg)
{
	(void)row;
	*(int *)arg = 1;
	return 1;
}

/* Why there is nothing to show, and what to run. */
static int explain_nothing(struct mn_store *store, const struct options *my, size_t n_hidden)
{
	struct mn_row_filter rows = {
		.board = my->filter.board, .kind = my->filter.kind, .with_excluded = 1};
	int have_rows = 0;

	if (n_hidden) {
		mn_cmd_warn("%s: %zu fits match, none could be made; mnchar query --all says why",
			    my->db, n_hidden);
		return MN_EXIT_EMPTY;
	}
	mn_store_each_row(store, &rows, note_row, &have_rows, NULL);
	if (have_rows)
		mn_cmd_warn("%s has no such fit; run `mnchar fit` after measuring or importing",
			    my->db);
	else
		mn_cmd_warn("%s has no measurement%s%s; run `mnchar collect` or `mnchar import`, "
			    "then `mnchar fit`",
			    my->db, my->filter.board ? " of " : "",
			    my->filter.board ? my->filter.board : "");
	return MN_EXIT_EMPTY;
}

static int print(struct output *out, struct mn_table *table, json_t *json, struct mn_err *err)
{
	if (!out->my->json)
		return mn_table_print(table) ? mn_err_set(err, MN_E_IO, "cannot print the table")
					     : 0;
	return mn_json_print(json_incref(json), err);
}

int mn_cmd_query(int argc, char **argv)
{
	static const struct mn_column columns[COLUMNS] = {
		{"kind", 0},       {"board", 0},   {"kernels", 0},  {"op", 0},
		{"caches", 0},     {"target", 0},  {"model", 0},    {"cost", 1},
		{"unit", 0},       {"ci95", 0},    {"n", 1},        {"r2", 1},
		{"mape_pct", 1},   {"in5_pct", 1}, {"in10_pct", 1}, {"worst_pct", 1},
		{"validation", 0},
	};
	static const struct mn_column summary[SUMMARY_COLUMNS] = {
		{"kind", 0},      {"board", 0},      {"kernels", 0},  {"op", 0},
		{"caches", 0},    {"target", 0},     {"model", 0},    {"cost", 0},
		{"n", 1},         {"r2", 1},         {"mape_pct", 1}, {"in5_pct", 1},
		{"in10_pct", 1},  {"worst_pct", 1},  {"size_pct", 1}, {"chan_pct", 1},
		{"in_ci_pct", 1}, {"validation", 0},
	};
	struct options my = {.filter.kind = -1};
	struct mn_err err = {0};
	struct output out = {.my = &my, .err = &err};
	struct mn_table *table = NULL;
	struct mn_store *store = NULL;
	json_t *json = NULL;
	char schema[PATH_MAX];
	int rc, status = MN_EXIT_OK;

	argp_parse(&mn_argp_query, argc, argv, 0, NULL, &my);
	table = my.terms ? mn_table_new(columns, COLUMNS) : mn_table_new(summary, SUMMARY_COLUMNS);
	json = json_array();
	out.add = my.json ? add_json : my.terms ? add_fit : add_summary;
	out.table = table;
	out.json = json;
	rc = table && json ? 0 : mn_err_set(&err, MN_E_NOMEM, "out of memory");
	if (rc == 0)
		rc = mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), &err);
	if (rc == 0)
		rc = mn_store_open(my.db, MN_STORE_READ, schema, &store, &err);
	out.store = store;
	if (rc == 0)
		rc = mn_store_each_fit(store, &my.filter, take, &out, &err);
	if (rc == 0 && (out.n || my.json))
		rc = print(&out, table, json, &err);
	if (rc == 0 && !out.n)
		status = explain_nothing(store, &my, out.n_hidden);
	else if (rc == 0 && out.n_hidden && !my.json)
		mn_cmd_warn("%zu more could not be fitted; mnchar query --all says why",
			    out.n_hidden);
	mn_store_close(store);
	mn_table_free(table);
	json_decref(json);
	free(out.validation);
	return rc ? mn_cmd_fail(&err) : status;
}
