/* SPDX-License-Identifier: MIT */
#include "export.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct collecting {
	struct mn_cost_table *table;
	int64_t *newest; /* measurement; parallel to table->rigs */
	size_t n_newest;
	struct mn_err *err;
};

static struct mn_cost_rig *find_or_add(struct collecting *c, enum mn_kind kind, const char *board,
				       const char *kernels, int cold)
{
	const struct mn_cost_rig key = {
		.kind = mn_kind_name(kind),
		.board = board,
		.kernels = kernels,
		.cold = cold != 0,
		.clock_hz = NAN,
	};

	for (size_t i = c->table->n_rigs; i-- > 0;) {
		struct mn_cost_rig *r = &c->table->rigs[i];

		if (!strcmp(r->kind, key.kind) && !strcmp(r->board, board) &&
		    !strcmp(r->kernels, kernels) && r->cold == key.cold)
			return r;
	}
	return mn_cost_add_rig(c->table, &key);
}

static int no_memory(struct collecting *c)
{
	return mn_err_set(c->err, MN_E_NOMEM, "out of memory while exporting");
}

/* What the fit knows of its uncertainty; covariances stay the fit's until the table copies them. */
static int take_spreads(struct collecting *c, const struct mn_fit *fit,
			struct mn_cost_spread *spreads, uint32_t *ret_n)
{
	if (fit->n_path_stats > MN_PATHS_MAX)
		return mn_err_set(c->err, MN_E_SCHEMA, "fit %lld has %u kernel paths",
				  (long long)fit->id, (unsigned)fit->n_path_stats);
	for (uint32_t i = 0; i < fit->n_path_stats; i++) {
		const struct mn_fit_path *p = &fit->path_stats[i];
		int path = mn_path_parse(p->path);

		if (path < 0 || p->n_terms > MN_FEATURE_COUNT)
			return mn_err_set(c->err, MN_E_SCHEMA,
					  "fit %lld has a kernel path that this mnchar does not "
					  "know: %s",
					  (long long)fit->id, p->path);
		spreads[i] = (struct mn_cost_spread){
			.path = (uint8_t)path,
			.n = p->n,
			.sigma = p->sigma,
			.t95 = p->t95,
			.n_terms = p->n_terms,
			.covariance = p->covariance,
		};
	}
	*ret_n = fit->n_path_stats;
	return 0;
}

static int take_fit(const struct mn_fit *fit, void *arg)
{
	struct collecting *c = arg;
	struct mn_cost_term terms[MN_PATHS_MAX * MN_FEATURE_COUNT];
	struct mn_cost_spread spreads[MN_PATHS_MAX];
	struct mn_cost_model m = {
		.op = fit->op,
		.backbone = fit->backbone,
		.model = fit->model,
		.weighting = fit->weighting,
		.validation = fit->validation,
		.fitted_at = fit->created_at,
		.detail = fit->detail,
		.terms = terms,
		.spreads = spreads,
		.n_terms = fit->n_terms,
		.n = fit->n,
		.n_excluded = fit->n_excluded,
		.r2 = fit->r2,
		.mape_pct = fit->mape_pct,
		.within5_pct = fit->within5_pct,
		.within10_pct = fit->within10_pct,
		.worst_pct = fit->worst_pct,
		.std_pct = fit->std_pct,
		.worst_layer = fit->worst_layer,
		.range_min = fit->range_min,
		.range_max = fit->range_max,
	};
	struct mn_cost_rig *rig;
	int op = mn_op_parse(fit->op, strlen(fit->op)), n, rc;

	if (strcmp(fit->status, "ok"))
		return 0;
	m.predicts = !strcmp(fit->target, "latency")  ? MN_COST_LATENCY_MS
		     : !strcmp(fit->target, "energy") ? MN_COST_ENERGY_MJ
						      : MN_COST_POWER_MW;
	m.range_feature = op < 0 ? MN_FEATURE_OPS : mn_feature_size((enum mn_op)op);
	n = mn_path_parse_list(fit->paths, m.paths);
	if (n < 0)
		return mn_err_set(c->err, MN_E_SCHEMA,
				  "fit %lld has kernel paths that this mnchar does not know: %s",
				  (long long)fit->id, fit->paths);
	m.n_paths = (uint32_t)n;
	if (fit->n_terms > MN_PATHS_MAX * MN_FEATURE_COUNT)
		return mn_err_set(c->err, MN_E_SCHEMA, "fit %lld has %u terms", (long long)fit->id,
				  (unsigned)fit->n_terms);
	for (uint32_t i = 0; i < fit->n_terms; i++) {
		const struct mn_fit_term *t = &fit->terms[i];
		int feature = mn_feature_parse(t->name), path = mn_path_parse(t->path);

		if (feature < 0 || path < 0)
			return mn_err_set(c->err, MN_E_SCHEMA,
					  "fit %lld uses the feature \"%s\" on the path \"%s\", "
					  "which this mnchar does not know",
					  (long long)fit->id, t->name, t->path);
		terms[i] = (struct mn_cost_term){(enum mn_feature)feature,
						 t->value,
						 t->ci95_lo,
						 t->ci95_hi,
						 t->std_err,
						 (uint8_t)path};
	}
	rc = take_spreads(c, fit, spreads, &m.n_spreads);
	if (rc)
		return rc;
	rig = find_or_add(c, fit->kind, fit->board, fit->kernels, fit->cold);
	if (!rig)
		return no_memory(c);
	if (!rig->cycle_model[0] && fit->rig_model[0] &&
	    mn_cost_set_provenance(c->table, rig, rig->clock_hz, rig->image, fit->rig_model))
		return no_memory(c);
	return mn_cost_add_model(c->table, rig, &m) ? 0 : no_memory(c);
}

static double known(double value)
{
	return value >= 0 ? value : NAN;
}

/* The newest row of a rig says which clock and image the table is about. */
static int note_newest(struct collecting *c, struct mn_cost_rig *rig, const struct mn_row *row)
{
	size_t i = (size_t)(rig - c->table->rigs);

	if (i >= c->n_newest) {
		int64_t *newest = realloc(c->newest, (i + 1) * sizeof(*newest));

		if (!newest)
			return MN_E_NOMEM;
		memset(newest + c->n_newest, 0, (i + 1 - c->n_newest) * sizeof(*newest));
		c->newest = newest;
		c->n_newest = i + 1;
	}
	if (row->measurement_id < c->newest[i])
		return 0;
	c->newest[i] = row->measurement_id;
	return mn_cost_set_provenance(c->table, rig, row->clock_hz > 0 ? row->clock_hz : NAN,
				      row->image, row->rig_model);
}

static int take_row(const struct mn_row *row, void *arg)
{
	struct collecting *c = arg;
	const struct mn_cost_measured m = {
		.layer = row->layer_text,
		.model = row->model,
		.backbone = row->backbone,
		.ops = known((double)row->ops),
		.cycles = known(row->cycles),
		.latency_ms = known(row->latency_ms),
		.energy_mJ = known(row->energy_mJ),
		.power_mW = known(row->power_mW),
		.excluded_latency = row->excluded_latency,
		.excluded_energy = row->excluded_energy,
		.source = row->source,
		.image = row->image,
		.measurement = row->measurement_id,
	};
	struct mn_cost_rig *rig;

	rig = find_or_add(c, row->kind, row->board, row->kernels, row->cold);
	if (!rig || !mn_cost_add_measured(c->table, rig, &m) || note_newest(c, rig, row))
		return no_memory(c);
	return 0;
}

/* An image stands at a row only where it is not the rig's. */
static void drop_common_images(struct mn_cost_table *table)
{
	for (size_t i = 0; i < table->n_rigs; i++) {
		struct mn_cost_rig *rig = &table->rigs[i];

		for (size_t j = 0; j < rig->n_measured; j++)
			if (!strcmp(rig->measured[j].image, rig->image))
				rig->measured[j].image = "";
	}
}

static int add_validations(struct mn_store *store, struct mn_cost_table *table, struct mn_err *err)
{
	for (size_t i = 0; i < table->n_rigs; i++) {
		struct mn_cost_rig *rig = &table->rigs[i];
		char *text;
		int rc;

		if (strcmp(rig->kind, "virtual") != 0)
			continue;
		rc = mn_store_validation(store, rig->cycle_model, &text, err);
		if (rc)
			return rc;
		rc = mn_cost_set_validation(table, rig, text);
		free(text);
		if (rc)
			return mn_err_set(err, rc, "out of memory");
	}
	return 0;
}

int mn_export_table(struct mn_store *store, const struct mn_export_filter *filter,
		    struct mn_cost_table **ret_table, struct mn_err *err)
{
	const struct mn_row_filter rows = {
		.board = filter->board,
		.kernels = filter->kernels,
		.kind = filter->kind,
		.with_excluded = 1,
		.latest_only = 1,
	};
	const struct mn_fit_filter fits = {
		.board = filter->board,
		.kernels = filter->kernels,
		.kind = filter->kind,
	};
	struct collecting c = {.table = mn_cost_table_new("mnchar " MNCHAR_VERSION), .err = err};
	int rc;

	if (!c.table)
		return no_memory(&c);
	rc = filter->models_only ? 0 : mn_store_each_row(store, &rows, take_row, &c, err);
	if (!rc)
		rc = mn_store_each_fit(store, &fits, take_fit, &c, err);
	if (!rc && c.table->n_rigs == 0)
		rc = mn_err_set(err, MN_E_NOTFOUND,
				"nothing is stored%s%s: run `mnchar collect` and `mnchar fit` "
				"first",
				filter->board ? " for " : "", filter->board ? filter->board : "");
	if (!rc)
		rc = add_validations(store, c.table, err);
	if (!rc) {
		drop_common_images(c.table);
		mn_cost_choose(c.table);
		*ret_table = c.table;
	} else {
		mn_cost_table_free(c.table);
	}
	free(c.newest);
	return rc;
}
