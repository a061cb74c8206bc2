/* SPDX-License-Identifier: MIT */
#include "fit.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "models.h"
#include "regress.h"

enum { TRIANGLE = MN_REGRESS_TERMS_MAX * (MN_REGRESS_TERMS_MAX + 1) / 2 };

/* One fit that waits to be stored; owns what it points to, but for the ids. */
struct result {
	struct mn_fit fit;
	size_t group, number; /* results of one group and target share the first */
	struct mn_fit_term terms[MN_MODEL_PATHS_MAX * MN_REGRESS_TERMS_MAX];
	char path_text[MN_MODEL_PATHS_MAX * MN_REGRESS_TERMS_MAX][MN_PATH_TEXT_MAX];
	char paths[MN_MODEL_PATHS_MAX * MN_PATH_TEXT_MAX];
	struct mn_fit_path path_stats[MN_MODEL_PATHS_MAX];
	char stats_text[MN_MODEL_PATHS_MAX][MN_PATH_TEXT_MAX];
	double covariance[MN_MODEL_PATHS_MAX][TRIANGLE];
	char *board, *kernels, *backbone, *rig_model, *worst;
	const int64_t *ids;
	uint32_t n_ids;
	char validation[48];
	char detail[2048];
};

struct campaign {
	const struct mn_fit_options *options;
	const struct mn_group_data *data;
	const struct mn_group *group; /* being fitted */
	struct result *results;
	size_t n_results, results_size, n_groups;
	int64_t **ids; /* arrays that results share */
	size_t n_ids, ids_size;
	struct mn_store *store;
	struct mn_err *err;
};

/* The rows of a group that one fit may use, and why others may not. */
struct selection {
	uint32_t *rows;
	uint8_t *fold;
	size_t n, n_distinct;
	uint32_t n_folds;
	size_t n_excluded, n_stale, n_bad, n_no_ops;
	int64_t first_bad; /* measurement */
	const int64_t *ids;
	const struct mn_group_rig *rig;
	const char *path; /* for sentences: "1x1: ", "" if the model has one path */
};

static int no_memory(struct campaign *c)
{
	return mn_err_set(c->err, MN_E_NOMEM, "out of memory while fitting");
}

/* Room for one more element: the array, perhaps moved, or NULL. */
static void *grown(void *array, size_t *size, size_t n, size_t element)
{
	size_t more = *size ? *size * 2 : 64;
	void *moved;

	if (n < *size)
		return array;
	moved = realloc(array, more * element);
	if (moved)
		*size = more;
	return moved;
}

static void say(struct result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Append a sentence to detail. */
static void say(struct result *r, const char *fmt, ...)
{
	size_t len = strlen(r->detail);
	va_list ap;

	if (len && len + 2 < sizeof(r->detail)) {
		memcpy(r->detail + len, "; ", 3);
		len += 2;
	}
	va_start(ap, fmt);
	vsnprintf(r->detail + len, sizeof(r->detail) - len, fmt, ap);
	va_end(ap);
}

/* Selection */

static void deselect(struct selection *s)
{
	free(s->rows);
	free(s->fold);
	memset(s, 0, sizeof(*s));
}

static int belongs(const struct mn_group *g, size_t i, int cold, int backbone)
{
	return g->cold[i] == cold && (backbone < 0 || g->backbone[i] == backbone);
}

/* Pooled rows are of many rigs: none of them is the fit's. */
static char unknown[] = "";
static const struct mn_group_rig pooled_rig = {unknown, unknown, 0};

/* The rig of the newest measurement. -1: no row at all. */
static int newest_rig(const struct mn_group *g, int cold, int backbone)
{
	int64_t newest = -1;
	int rig = -1;

	for (size_t i = 0; i < g->n; i++)
		if (belongs(g, i, cold, backbone) && g->id[i] > newest) {
			newest = g->id[i];
			rig = g->rig[i];
		}
	return rig;
}

static int select_rows(struct campaign *c, int cold, int backbone, enum mn_target target,
		       struct selection *s)
{
	const struct mn_group *g = c->group;
	int rig = newest_rig(g, cold, backbone), ret;
	int64_t *ids = NULL, **all_ids;

	memset(s, 0, sizeof(*s));
	if (rig < 0 || !g->value[target])
		return 0;
	s->rig = c->data->n_pooled ? &pooled_rig : &c->data->rigs[rig];
	s->rows = malloc(g->n * sizeof(*s->rows));
	s->fold = malloc(g->n);
	if (!s->rows || !s->fold)
		goto nomem;
	for (size_t i = 0; i < g->n; i++) {
		double value = g->value[target][i];

		if (!belongs(g, i, cold, backbone) || value == MN_GROUP_ABSENT)
			continue;
		if (!c->data->n_pooled && !mn_group_same_rig(s->rig, &c->data->rigs[g->rig[i]]))
			s->n_stale++;
		else if (value == MN_GROUP_EXCLUDED)
			s->n_excluded++;
		else if (value == MN_GROUP_BAD && s->n_bad++ == 0)
			s->first_bad = g->id[i];
		else if (value == MN_GROUP_BAD)
			continue;
		else if (target != MN_TARGET_POWER && g->op == MN_MODELS_WHOLE &&
			 !(mn_items_feature(g->items, MN_FEATURE_OPS, g->item[i]) > 0))
			s->n_no_ops++;
		else
			s->rows[s->n++] = (uint32_t)i;
	}
	if (s->n == 0)
		return 0;
	ids = malloc(s->n * sizeof(*ids));
	all_ids = grown(c->ids, &c->ids_size, c->n_ids, sizeof(*c->ids));
	if (all_ids)
		c->ids = all_ids;
	if (!ids || !all_ids)
		goto nomem;
	for (size_t i = 0; i < s->n; i++)
		ids[i] = g->id[s->rows[i]];
	c->ids[c->n_ids++] = ids;
	s->ids = ids;
	ret = mn_regress_folds(g->items->key, s->rows, g->item, s->n, c->options->seed,
			       c->options->max_folds ? c->options->max_folds : 10, s->fold,
			       &s->n_folds, &s->n_distinct);
	return ret ? mn_err_set(c->err, ret, "cannot deal %zu rows to folds", s->n) : 0;
nomem:
	free(ids);
	return no_memory(c);
}

/* One fit */

static void list_terms(const struct mn_model_path *p, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (uint32_t j = 0; j < p->n_terms && len < size; j++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", j ? ", " : "",
					mn_feature_name(p->terms[j]));
}

static void explain_refusal(struct result *r, const struct mn_group *group,
			    const struct mn_model_path *p, const struct selection *s,
			    const struct mn_regress_result *g)
{
	char terms[256];

	list_terms(p, terms, sizeof(terms));
	switch (g->status) {
	case MN_REGRESS_TOO_FEW:
		say(r,
		    "%s%zu rows of %zu distinct %s for the terms %s: two more than terms are "
		    "needed",
		    s->path, s->n, s->n_distinct, r->fit.backbone[0] ? "models" : "layers", terms);
		break;
	case MN_REGRESS_SINGLE:
		say(r, "%s%s is the same in all %zu rows: one size gives no slope", s->path, terms,
		    s->n);
		break;
	case MN_REGRESS_DEFICIENT:
		say(r,
		    "%sthe terms %s depend on each other in these rows (condition %.1e): a sweep "
		    "must vary them independently",
		    s->path, terms, g->condition);
		break;
	case MN_REGRESS_IMPOSSIBLE:
		say(r, "%s%s does not grow with the terms %s: only a constant would be left",
		    s->path, r->fit.target, terms);
		break;
	case MN_REGRESS_NAN:
		say(r, "%smeasurement %lld has a figure that is no number", s->path,
		    (long long)group->id[s->rows[g->bad_row]]);
		break;
	case MN_REGRESS_OK:
		break;
	}
}

static void explain_terms(struct result *r, const struct mn_group *group,
			  const struct mn_model_path *p, const struct selection *s,
			  const struct mn_regress_result *g)
{
	for (uint32_t j = 0; j < p->n_terms; j++) {
		const struct mn_regress_term *t = &g->terms[j];
		const char *name = mn_feature_name(p->terms[j]);

		if (t->state == MN_REGRESS_ZERO)
			say(r, "%s%s is 0 in every row and was dropped", s->path, name);
		if (t->state == MN_REGRESS_DROPPED)
			say(r,
			    "%s%s cannot be told from the other terms in these rows and was "
			    "dropped",
			    s->path, name);
		if (t->state == MN_REGRESS_HELD && t->unconstrained > 0)
			say(r, "%s%s came out as 0 with the others held", s->path, name);
		if (t->state == MN_REGRESS_HELD && t->unconstrained < 0)
			say(r, "%s%s was held at 0: unconstrained it came out impossible, %.4g %s",
			    s->path, name, t->unconstrained, r->fit.unit);
	}
	if (g->ridge)
		say(r,
		    "%sterms depend on each other in these rows (condition %.1e), so a ridge "
		    "chose among them: trust the sum, not the single coefficients",
		    s->path, g->condition);
	if (g->n_outliers)
		say(r,
		    "%s%zu rows were outliers and got no weight, the furthest is measurement %lld",
		    s->path, g->n_outliers, (long long)group->id[s->rows[g->outlier]]);
}

static void explain_rows(struct result *r, const struct selection *s, size_t n_older)
{
	if (n_older)
		say(r, "%zu older measurements of the same probes were left out", n_older);
	if (s->n_distinct < s->n)
		say(r, "%zu rows repeat a %s: they are held out together", s->n - s->n_distinct,
		    r->fit.backbone[0] ? "model" : "layer");
	if (s->n_excluded)
		say(r, "%zu rows are excluded with a reason of their own", s->n_excluded);
	if (s->n_stale)
		say(r, "%zu rows of an older image, cycle model or clock were left out",
		    s->n_stale);
	if (s->n_no_ops)
		say(r, "%zu rows without an op count were left out", s->n_no_ops);
	if (s->n_bad)
		say(r, "%zu rows without a positive finite figure were left out (measurement %lld)",
		    s->n_bad, (long long)s->first_bad);
}

static void fill_range(struct result *r, const struct mn_group *g, const struct selection *s)
{
	enum mn_feature size =
		g->op == MN_MODELS_WHOLE ? MN_FEATURE_OPS : mn_feature_size((enum mn_op)g->op);

	r->fit.range_min = r->fit.range_max = NAN;
	for (size_t i = 0; i < s->n; i++) {
		double x = mn_items_feature(g->items, size, g->item[s->rows[i]]);

		if (x < 0) /* a model whose op count is not known */
			continue;
		if (!(x >= r->fit.range_min))
			r->fit.range_min = x;
		if (!(x <= r->fit.range_max))
			r->fit.range_max = x;
	}
}

/* Rows and what was predicted for them when they were held out. */
struct held_out {
	uint32_t *rows;
	double *predicted;
	size_t n;
};

/* The rows of a fit over all of its paths, with what other folds predict for them. */
struct pool {
	struct held_out alike[MN_LIKENESS_COUNT];
	size_t n_covered, n_judged; /* by 95 % intervals */
	uint32_t *rows;
	double *predicted;
	size_t n;
	int left_out; /* leave-one-out in every path */
};

static void add_terms(struct result *r, const struct mn_model *m, size_t path,
		      const struct mn_regress_result *g)
{
	for (uint32_t j = 0; j < m->path[path].n_terms; j++) {
		const struct mn_regress_term *t = &g->terms[j];

		if (t->state != MN_REGRESS_FITTED)
			continue;
		mn_path_format(m->paths[path], r->path_text[r->fit.n_terms]);
		r->terms[r->fit.n_terms++] = (struct mn_fit_term){
			.name = mn_feature_name(m->path[path].terms[j]),
			.value = t->value,
			.ci95_lo = t->ci95_lo,
			.ci95_hi = t->ci95_hi,
			.std_err = t->std_err,
			.vif = t->vif,
		};
	}
	if (!(g->condition <= r->fit.condition))
		r->fit.condition = g->condition;
}

/* What predictions on this path are uncertain by. */
static void add_path_stats(struct result *r, const struct mn_model *m, size_t path, size_t n,
			   const struct mn_regress_result *g)
{
	uint32_t i = r->fit.n_path_stats++;
	double *covariance = r->covariance[i];

	mn_path_format(m->paths[path], r->stats_text[i]);
	r->path_stats[i] = (struct mn_fit_path){
		.n = (int64_t)n,
		.sigma = g->sigma,
		.t95 = g->t95,
		.condition = g->condition,
		.mape_pct = g->out_of_fold.mape_pct,
		.within10_pct = g->out_of_fold.within10_pct,
		.n_terms = (uint32_t)g->n_fitted,
	};
	for (uint32_t a = 0; a < m->path[path].n_terms; a++)
		for (uint32_t b = 0; b <= a; b++)
			if (g->terms[a].state == MN_REGRESS_FITTED &&
			    g->terms[b].state == MN_REGRESS_FITTED)
				*covariance++ = g->covariance[a][b];
}

static int is_mean(const struct mn_model *m)
{
	return m->n_paths == 1 && m->path[0].n_terms == 1 &&
	       m->path[0].terms[0] == MN_FEATURE_CONST;
}

/*
 * Rows that look disturbed: more than 10 robust standard deviations and a fifth off. They stay in
 * the fit (a robust model weighs them), but nobody should overlook them.
 */
static int explain_outliers(struct campaign *c, struct result *r, const struct pool *pool,
			    const double *y)
{
	double *sizes = malloc((pool->n ? pool->n : 1) * sizeof(*sizes)), limit, worst = 0;
	size_t n = 0, furthest = 0;

	if (!sizes)
		return no_memory(c);
	for (size_t i = 0; i < pool->n; i++)
		sizes[i] = fabs(pool->predicted[i] / y[pool->rows[i]] - 1);
	limit = fmax(0.2, 10 * 1.4826 * mn_regress_median(sizes, pool->n));
	free(sizes);
	for (size_t i = 0; i < pool->n; i++) {
		double off = fabs(pool->predicted[i] / y[pool->rows[i]] - 1);

		n += off > limit;
		if (off > worst) {
			worst = off;
			furthest = i;
		}
	}
	if (n && pool->n >= 20)
		say(r,
		    "%zu rows are so far off (over %.0f %%, half of the rows are within %.2g %%) "
		    "that the board may have been disturbed, the furthest is measurement %lld",
		    n, 100 * limit, 100 * limit / 14.826,
		    (long long)c->group->id[pool->rows[furthest]]);
	return 0;
}

static double held_out_mape(const struct held_out *h, const double *y)
{
	struct mn_regress_errors e;

	if (!h->n)
		return NAN;
	mn_regress_measure(y, h->rows, h->predicted, h->n, &e);
	return e.mape_pct;
}

static int fill_errors(struct campaign *c, struct result *r, const struct mn_model *m,
		       const struct pool *pool, const double *y)
{
	struct mn_regress_errors e;
	int ret;

	mn_regress_measure(y, pool->rows, pool->predicted, pool->n, &e);
	r->fit.r2 = is_mean(m) ? NAN : e.r2;
	r->fit.mape_pct = e.mape_pct;
	r->fit.within5_pct = e.within5_pct;
	r->fit.within10_pct = e.within10_pct;
	r->fit.worst_pct = e.worst_pct;
	r->fit.by_size_pct = held_out_mape(&pool->alike[MN_LIKENESS_SIZE], y);
	r->fit.by_channels_pct = held_out_mape(&pool->alike[MN_LIKENESS_CHANNELS], y);
	if (pool->n_judged)
		r->fit.coverage_pct = 100 * (double)pool->n_covered / (double)pool->n_judged;
	ret = mn_store_name(c->store, c->group->id[pool->rows[e.worst]], &r->worst, c->err);
	if (ret)
		return ret;
	r->fit.worst_layer = r->worst;
	if (pool->left_out)
		snprintf(r->validation, sizeof(r->validation), "leave-one-out");
	else
		snprintf(r->validation, sizeof(r->validation), "%u-fold seed %llu",
			 (unsigned)(c->options->max_folds ? c->options->max_folds : 10),
			 (unsigned long long)c->options->seed);
	return explain_outliers(c, r, pool, y);
}

/* The key and everything that does not depend on the outcome. */
static int new_result(struct campaign *c, const struct mn_model *m, enum mn_target target, int cold,
		      const char *backbone, const struct selection *s, struct result **ret_result)
{
	const struct mn_group *g = c->group;
	struct result *results, *r;

	results = grown(c->results, &c->results_size, c->n_results, sizeof(*c->results));
	if (!results)
		return no_memory(c);
	c->results = results;
	r = &c->results[c->n_results++];
	memset(r, 0, sizeof(*r));
	r->group = c->n_groups;
	r->number = c->n_results;
	r->board = strdup(g->board);
	r->kernels = strdup(g->kernels);
	r->backbone = strdup(backbone);
	r->rig_model = strdup(s->rig->model);
	if (!r->board || !r->kernels || !r->backbone || !r->rig_model)
		return no_memory(c);
	r->fit = (struct mn_fit){
		.kind = g->kind,
		.board = r->board,
		.kernels = r->kernels,
		.op = g->op == MN_MODELS_WHOLE ? "model" : mn_op_name((enum mn_op)g->op),
		.backbone = r->backbone,
		.cold = cold,
		.model = m->name,
		.target = mn_target_name(target),
		.unit = mn_target_unit(target),
		.n = (int64_t)s->n,
		.n_excluded = (int64_t)(s->n_excluded + s->n_stale + s->n_no_ops + s->n_bad),
		.r2 = NAN,
		.mape_pct = NAN,
		.within5_pct = NAN,
		.within10_pct = NAN,
		.worst_pct = NAN,
		.std_pct = NAN,
		.worst_layer = "",
		.rig_model = r->rig_model,
		.weighting = m->weighting == MN_WEIGHTING_RELATIVE ? "relative" : "none",
		.version = MNCHAR_VERSION,
		.created_at = "",
	};
	r->fit.condition = NAN;
	r->fit.coverage_pct = r->fit.by_size_pct = r->fit.by_channels_pct = NAN;
	r->ids = s->ids;
	r->n_ids = (uint32_t)s->n;
	for (size_t i = 0; i < m->n_paths; i++) {
		char path[MN_PATH_TEXT_MAX];
		size_t len = strlen(r->paths);

		snprintf(r->paths + len, sizeof(r->paths) - len, "%s%s", len ? "," : "",
			 mn_path_format(m->paths[i], path));
	}
	*ret_result = r;
	return 0;
}

/* The rows of s that are on a path of the model, dealt to folds among themselves. */
static int select_path(struct campaign *c, const struct mn_model *m, size_t path,
		       const struct selection *s, struct selection *ret)
{
	const struct mn_group *g = c->group;
	int rc;

	*ret = (struct selection){
		.rows = malloc((s->n ? s->n : 1) * sizeof(*ret->rows)),
		.fold = malloc(s->n ? s->n : 1),
		.path = "",
	};
	if (!ret->rows || !ret->fold)
		return no_memory(c);
	for (size_t i = 0; i < s->n; i++)
		if (mn_path_first(m->paths, m->n_paths, g->items->path[g->item[s->rows[i]]]) ==
		    (int)path)
			ret->rows[ret->n++] = s->rows[i];
	if (ret->n == 0)
		return 0;
	if (ret->n == s->n) {
		memcpy(ret->fold, s->fold, s->n);
		ret->n_folds = s->n_folds;
		ret->n_distinct = s->n_distinct;
		return 0;
	}
	rc = mn_regress_folds(g->items->key, ret->rows, g->item, ret->n, c->options->seed,
			      c->options->max_folds ? c->options->max_folds : 10, ret->fold,
			      &ret->n_folds, &ret->n_distinct);
	return rc ? mn_err_set(c->err, rc, "cannot deal %zu rows to folds", ret->n) : 0;
}

static int no_held_out(struct held_out *h, size_t more)
{
	uint32_t *rows = realloc(h->rows, (h->n + more) * sizeof(*rows));
	double *predicted;

	if (!rows)
		return 1;
	h->rows = rows;
	predicted = realloc(h->predicted, (h->n + more) * sizeof(*predicted));
	if (!predicted)
		return 1;
	h->predicted = predicted;
	return 0;
}

/* Hold out alike layers together. Nothing is added if the path has one group of them. */
static int hold_out(struct campaign *c, const struct mn_regress *data,
		    const struct mn_regress_result *fitted, enum mn_likeness likeness,
		    struct held_out *h)
{
	const struct mn_group *g = c->group;
	uint8_t number[256], *fold;
	uint32_t n_groups = 0;
	int ret = 0;

	memset(number, 255, sizeof(number));
	fold = malloc(data->n);
	if (!fold || no_held_out(h, data->n)) {
		free(fold);
		return no_memory(c);
	}
	for (size_t i = 0; i < data->n; i++) {
		uint8_t like = g->items->like[likeness][g->item[data->rows[i]]];

		if (number[like] == 255)
			number[like] = (uint8_t)(n_groups < MN_REGRESS_FOLDS_MAX ? n_groups++
										 : n_groups - 1);
		fold[i] = number[like];
	}
	if (n_groups > 1) {
		ret = mn_regress_hold_out(data, fitted, fold, n_groups, h->predicted + h->n);
		memcpy(h->rows + h->n, data->rows, data->n * sizeof(*data->rows));
		h->n += data->n;
	}
	free(fold);
	return ret ? no_memory(c) : 0;
}

/* How many held-out rows their intervals contain. */
static void judge_intervals(const struct campaign *c, const struct mn_regress *data,
			    const struct mn_regress_result *fitted, size_t step, struct pool *pool)
{
	const struct mn_group *g = c->group;

	for (size_t i = 0; i < data->n; i += step) {
		double x[MN_REGRESS_TERMS_MAX], value, lo, hi, y = data->y[data->rows[i]];
		size_t at = g->item[data->rows[i]];

		for (size_t j = 0; j < data->n_terms; j++)
			x[j] = data->x32[j] ? data->x32[j][at] : data->x[j] ? data->x[j][at] : 1;
		mn_regress_predict(data, fitted, x, &value, &lo, &hi);
		pool->n_covered += fabs(y - data->predicted[i]) <= (hi - lo) / 2;
		pool->n_judged++;
	}
}

/* What a fit says of layers unlike those that it saw, from a sample of its rows. */
static int fit_held_out(struct campaign *c, const struct mn_regress *data,
			const struct mn_regress_result *fitted, struct pool *pool)
{
	const size_t step = data->n / MN_FIT_SAMPLE_MAX + 1;
	struct mn_regress sample = *data;
	uint32_t *rows = NULL;
	int ret = 0;

	judge_intervals(c, data, fitted, step, pool);
	if (c->group->op == MN_MODELS_WHOLE)
		return 0;
	if (step > 1) {
		rows = malloc((data->n / step + 1) * sizeof(*rows));
		if (!rows)
			return no_memory(c);
		sample.n = 0;
		for (size_t i = 0; i < data->n; i += step)
			rows[sample.n++] = data->rows[i];
		sample.rows = rows;
	}
	for (int l = 0; l < MN_LIKENESS_COUNT && !ret; l++)
		ret = hold_out(c, &sample, fitted, (enum mn_likeness)l, &pool->alike[l]);
	free(rows);
	return ret;
}

static int bootstrap(struct campaign *c, struct result *r, const struct mn_regress *data,
		     const struct mn_regress_result *fitted, uint32_t first_term)
{
	double lo[MN_REGRESS_TERMS_MAX], hi[MN_REGRESS_TERMS_MAX];
	uint32_t n = first_term;

	if (mn_regress_bootstrap(data, fitted, c->group->items->key, c->options->seed,
				 c->options->bootstrap, lo, hi))
		return no_memory(c);
	r->fit.bootstrap = c->options->bootstrap;
	for (size_t j = 0; j < data->n_terms; j++)
		if (fitted->terms[j].state == MN_REGRESS_FITTED) {
			r->terms[n].boot_lo = lo[j];
			r->terms[n++].boot_hi = hi[j];
		}
	return 0;
}

/* Fit one path: its terms and sentences into r, its rows into the pool. */
static int fit_path(struct campaign *c, struct result *r, const struct mn_model *m, size_t path,
		    const double *y, const struct selection *all, struct pool *pool)
{
	const struct mn_group *g = c->group;
	const struct mn_model_path *p = &m->path[path];
	struct mn_regress_result fitted;
	struct selection s;
	char name[MN_PATH_TEXT_MAX + 2];
	uint32_t first_term;
	int ret = select_path(c, m, path, all, &s);

	if (ret || (s.n == 0 && m->n_paths > 1))
		goto out;
	if (m->n_paths > 1) {
		mn_path_format(m->paths[path], name);
		memcpy(name + strlen(name), ": ", 3);
		s.path = name;
	}
	{
		struct mn_regress data = {
			.n = s.n,
			.n_terms = p->n_terms,
			.y = y,
			.rows = s.rows,
			.item = g->item,
			.weighting = m->weighting,
			.robust = m->robust,
			.drop = m->drop,
			.fold = s.fold,
			.n_folds = s.n_folds,
			.n_distinct = s.n_distinct,
			.predicted = pool->predicted + pool->n,
		};

		for (uint32_t j = 0; j < p->n_terms; j++) {
			data.x[j] = g->items->big[p->terms[j]];
			data.x32[j] = g->items->small[p->terms[j]];
		}
		first_term = r->fit.n_terms;
		ret = mn_regress_fit(&data, &fitted, c->err);
		if (!ret && fitted.status == MN_REGRESS_OK)
			ret = fit_held_out(c, &data, &fitted, pool);
		if (!ret && fitted.status == MN_REGRESS_OK) {
			add_terms(r, m, path, &fitted);
			if (c->options->bootstrap)
				ret = bootstrap(c, r, &data, &fitted, first_term);
		}
	}
	if (ret)
		goto out;
	if (fitted.status != MN_REGRESS_OK) {
		/* Of several refusals the last path's is the most general one. */
		r->fit.status = mn_regress_status_text(fitted.status);
		explain_refusal(r, g, p, &s, &fitted);
		goto out;
	}
	add_path_stats(r, m, path, s.n, &fitted);
	explain_terms(r, g, p, &s, &fitted);
	if (is_mean(m))
		r->fit.std_pct = 100 * fitted.sigma / fitted.terms[0].value;
	memcpy(pool->rows + pool->n, s.rows, s.n * sizeof(*s.rows));
	pool->n += s.n;
	pool->left_out &= s.n_folds == s.n_distinct;
out:
	deselect(&s);
	return ret;
}

/* The ids of the rows that were used, where those are not all that were selected. */
static int fill_used(struct campaign *c, struct result *r, const struct selection *s,
		     const struct pool *pool)
{
	int64_t **all_ids, *ids;

	if (pool->n == s->n)
		return 0;
	say(r, "%zu rows are on a path that was not fitted", s->n - pool->n);
	r->fit.n = (int64_t)pool->n;
	r->fit.n_excluded += (int64_t)(s->n - pool->n);
	all_ids = grown(c->ids, &c->ids_size, c->n_ids, sizeof(*c->ids));
	if (!all_ids)
		return no_memory(c);
	c->ids = all_ids;
	ids = malloc(pool->n * sizeof(*ids));
	if (!ids)
		return no_memory(c);
	c->ids[c->n_ids++] = ids;
	for (size_t i = 0; i < pool->n; i++)
		ids[i] = c->group->id[pool->rows[i]];
	r->ids = ids;
	r->n_ids = (uint32_t)pool->n;
	return 0;
}

static int fit_paths(struct campaign *c, struct result *r, const struct mn_model *m,
		     const double *y, const struct selection *s, struct pool *pool)
{
	int ret = 0;

	r->fit.status = mn_regress_status_text(MN_REGRESS_TOO_FEW);
	r->fit.n_terms = r->fit.n_path_stats = 0;
	r->fit.condition = NAN;
	r->detail[0] = '\0';
	pool->n = pool->n_covered = pool->n_judged = 0;
	pool->left_out = 1;
	for (int l = 0; l < MN_LIKENESS_COUNT; l++)
		pool->alike[l].n = 0;
	for (size_t i = 0; i < m->n_paths && !ret; i++)
		ret = fit_path(c, r, m, i, y, s, pool);
	return ret;
}

/* How much slower each rig is than the held-out predictions for it: multiplied into factor, the
 * first one stays 1. Returns the largest change, negative without memory. */
static double rescale(const struct campaign *c, const struct pool *pool, const double *y,
		      double *factor)
{
	double *ratios = malloc(pool->n * sizeof(*ratios)), first = 0, change = 0;

	if (!ratios)
		return -1;
	for (size_t rig = 0; rig < c->data->n_pooled; rig++) {
		size_t n = 0;
		double ratio;

		for (size_t i = 0; i < pool->n; i++)
			if (c->group->rig[pool->rows[i]] == rig && pool->predicted[i] > 0)
				ratios[n++] = y[pool->rows[i]] / pool->predicted[i];
		if (n == 0)
			continue;
		ratio = mn_regress_median(ratios, n);
		if (first == 0)
			first = ratio;
		factor[rig] *= ratio / first;
		change = fmax(change, fabs(ratio / first - 1));
	}
	free(ratios);
	return change;
}

/* The same with a factor for each rig: rows divided by theirs, until the factors stand still. */
static int fit_pooled(struct campaign *c, struct result *r, const struct mn_model *m, double *y,
		      const struct selection *s, struct pool *pool)
{
	const struct mn_group *g = c->group;
	const double *raw = y;
	double *factor = calloc(c->data->n_pooled, sizeof(*factor)), change = 1;
	uint8_t *seen = calloc(c->data->n_pooled, 1);
	double *scaled = malloc(g->n * sizeof(*scaled));
	int ret = factor && seen && scaled ? 0 : no_memory(c);

	for (size_t i = 0; i < c->data->n_pooled && !ret; i++)
		factor[i] = 1;
	for (int round = 0; round < 30 && !ret && change > 1e-4; round++) {
		for (size_t i = 0; i < s->n; i++)
			scaled[s->rows[i]] = raw[s->rows[i]] / factor[g->rig[s->rows[i]]];
		ret = fit_paths(c, r, m, scaled, s, pool);
		if (ret || !pool->n)
			break;
		change = rescale(c, pool, scaled, factor);
		if (change < 0)
			ret = no_memory(c);
	}
	/* The errors of what was fitted last are those of rows as measured: they are relative. */
	for (size_t i = 0; i < s->n && !ret; i++) {
		y[s->rows[i]] = scaled[s->rows[i]];
		seen[g->rig[s->rows[i]]] = 1;
	}
	for (size_t i = 0; i < c->data->n_pooled && !ret && pool->n; i++)
		if (seen[i])
			say(r, "rig factor %.4g: %s", factor[i], c->data->pooled[i]);
	free(factor);
	free(seen);
	free(scaled);
	return ret;
}

static int fit_model(struct campaign *c, const struct mn_model *m, enum mn_target target, int cold,
		     const char *backbone, const struct selection *s)
{
	const double *y = c->group->value[target];
	double *own = NULL; /* of a pooled fit */
	struct pool pool = {
		.rows = malloc((s->n ? s->n : 1) * sizeof(*pool.rows)),
		.predicted = malloc((s->n ? s->n : 1) * sizeof(*pool.predicted)),
		.left_out = 1,
	};
	struct result *r = NULL;
	int ret = pool.rows && pool.predicted ? new_result(c, m, target, cold, backbone, s, &r)
					      : no_memory(c);

	if (ret)
		goto out;
	fill_range(r, c->group, s);
	if (c->data->n_pooled && s->n) {
		own = malloc(c->group->n * sizeof(*own));
		if (own)
			memcpy(own, y, c->group->n * sizeof(*own));
		y = own;
		ret = own ? fit_pooled(c, r, m, own, s, &pool) : no_memory(c);
	} else {
		ret = fit_paths(c, r, m, y, s, &pool);
	}
	if (!ret && pool.n) {
		r->fit.status = mn_regress_status_text(MN_REGRESS_OK);
		ret = fill_used(c, r, s, &pool);
		if (!ret)
			ret = fill_errors(c, r, m, &pool, y);
	} else if (!ret && s->n == 0) {
		say(r, "no row is left");
	}
	explain_rows(r, s, backbone[0] && strcmp(backbone, "all") ? 0 : c->group->n_older[cold]);
out:
	for (int l = 0; l < MN_LIKENESS_COUNT; l++) {
		free(pool.alike[l].rows);
		free(pool.alike[l].predicted);
	}
	free(pool.rows);
	free(pool.predicted);
	free(own);
	return ret;
}

/* Whether the fit number i of the models is one of this group and target: the first of its name
 * whose kernels match. */
static int applies(const struct campaign *c, size_t i, enum mn_target target)
{
	const struct mn_models *models = c->data->models;
	const struct mn_model *m = &models->all[i];

	if (!mn_model_matches(m, c->group->op, target, c->group->kernels))
		return 0;
	for (size_t j = 0; j < i; j++)
		if (!strcmp(models->all[j].name, m->name) &&
		    mn_model_matches(&models->all[j], c->group->op, target, c->group->kernels))
			return 0;
	return 1;
}

static int fit_target(struct campaign *c, enum mn_target target, int cold, int backbone,
		      const char *backbone_name)
{
	struct selection s;
	int ret = select_rows(c, cold, backbone, target, &s);

	c->n_groups++;
	if (ret || s.n + s.n_excluded + s.n_stale + s.n_no_ops + s.n_bad == 0)
		goto out;
	for (size_t i = 0; i < c->data->models->n && !ret; i++) {
		const struct mn_model *m = &c->data->models->all[i];

		if (applies(c, i, target))
			ret = fit_model(c, m, target, cold, backbone_name, &s);
	}
out:
	deselect(&s);
	return ret;
}

static int fit_group(struct campaign *c)
{
	const struct mn_group *g = c->group;
	int n_backbones = g->op == MN_MODELS_WHOLE ? (int)c->data->n_backbones : 0, ret = 0;

	for (int cold = 0; cold <= 1 && !ret; cold++)
		for (int b = -1; b < n_backbones && !ret; b++) {
			const char *name = g->op != MN_MODELS_WHOLE ? ""
					   : b < 0                  ? "all"
								    : c->data->backbones[b];

			/* Models of no known family are in "all" only. */
			if (b >= 0 && !name[0])
				continue;
			for (int t = 0; t < MN_TARGET_COUNT && !ret; t++)
				ret = fit_target(c, (enum mn_target)t, cold, b, name);
		}
	return ret;
}

/* The store */

/* All or nothing: a reader never sees half of the old fits and half of the new ones. */
static int put_results(struct campaign *c, struct mn_store *store)
{
	int ret = mn_store_begin(store, c->err);

	if (ret)
		return ret;
	for (size_t i = 0; i < c->n_results; i++) {
		struct result *r = &c->results[i];

		ret = mn_store_put_fit(store, &r->fit, r->ids, r->n_ids, &r->fit.id, c->err);
		if (ret) {
			mn_store_rollback(store);
			return ret;
		}
	}
	return mn_store_commit(store, c->err);
}

static void free_results(struct campaign *c)
{
	for (size_t i = 0; i < c->n_results; i++) {
		struct result *r = &c->results[i];

		free(r->board);
		free(r->kernels);
		free(r->backbone);
		free(r->rig_model);
		free(r->worst);
	}
	for (size_t i = 0; i < c->n_ids; i++)
		free(c->ids[i]);
	free(c->results);
	free(c->ids);
}

static int by_error(const void *a, const void *b)
{
	const struct result *x = a, *y = b;
	double ex = isnan(x->fit.mape_pct) ? INFINITY : x->fit.mape_pct;
	double ey = isnan(y->fit.mape_pct) ? INFINITY : y->fit.mape_pct;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (ex != ey)
		return ex < ey ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

int mn_fit_run(struct mn_store *store, const struct mn_fit_options *options,
	       int (*cb)(const struct mn_fit *fit, void *arg), void *arg,
	       struct mn_fit_stats *ret_stats, struct mn_err *err)
{
	struct mn_models shipped = {0};
	const struct mn_models *models = options->models ? options->models : &shipped;
	struct mn_group_data data = {0};
	struct campaign c = {.options = options, .data = &data, .store = store, .err = err};
	struct mn_fit_stats stats = {0};
	int ret = 0;

	if (options->max_folds == 1 || options->max_folds > MN_REGRESS_FOLDS_MAX / 2)
		return mn_err_set(err, MN_E_INVALID, "folds must be 2 to %d",
				  MN_REGRESS_FOLDS_MAX / 2);
	if (options->pool && !options->dry_run)
		return mn_err_set(err, MN_E_INVALID, "a pooled fit is of no rig: it is not stored");
	if (!options->models)
		ret = mn_models_shipped(&shipped, err);
	if (!ret)
		ret = mn_group_read(&data, store, models, options->boards, options->n_boards, err);
	if (!ret && options->pool)
		ret = mn_group_pool(&data);
	for (size_t i = 0; i < data.n_groups && !ret; i++) {
		c.group = &data.groups[i];
		ret = fit_group(&c);
	}
	if (ret)
		goto out;
	if (options->by_error && c.n_results)
		qsort(c.results, c.n_results, sizeof(*c.results), by_error);
	for (size_t i = 0; i < c.n_results; i++) {
		struct result *r = &c.results[i];

		/* Only now the array has stopped moving. */
		r->fit.terms = r->terms;
		r->fit.paths = r->paths;
		r->fit.path_stats = r->path_stats;
		for (uint32_t j = 0; j < r->fit.n_path_stats; j++) {
			r->path_stats[j].path = r->stats_text[j];
			r->path_stats[j].covariance = r->covariance[j];
		}
		for (uint32_t j = 0; j < r->fit.n_terms; j++)
			r->terms[j].path = r->path_text[j];
		r->fit.detail = r->detail;
		r->fit.validation = r->validation;
		if (!strcmp(r->fit.status, "ok"))
			stats.fitted++;
		else
			stats.refused++;
	}
	stats.rows = data.rows;
	if (!options->dry_run && c.n_results)
		ret = put_results(&c, store);
	for (size_t i = 0; i < c.n_results && !ret && cb; i++)
		ret = cb(&c.results[i].fit, arg);
	if (!ret && ret_stats)
		*ret_stats = stats;
out:
	mn_group_free(&data);
	free_results(&c);
	mn_models_free(&shipped);
	return ret;
}
