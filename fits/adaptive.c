/* SPDX-License-Identifier: MIT */
#include "adaptive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"

enum {
	COORDS = 16,
	NEIGHBOURS = 4,
	PATIENCE = 3, /* rounds without progress before the model is said to be the limit */
	SETTLED = 50, /* rows a term: less than 1 % of the error is left to the coefficients */
	FOLDS = 10,
	REFERENCE = 600, /* members that stand for a large group when distances to all are summed */
};

/* Items that share coefficients. */
struct group {
	uint32_t domain;
	int op;
	const struct mn_model *model;
	size_t path;
	uint32_t *member; /* items */
	size_t n;

	uint32_t *row; /* measured members, in the order of measuring */
	size_t n_rows;
	size_t left; /* members that may still be asked for */
	double p90, mape, best_p90;
	int stalled, fitted, closed; /* closed: enum */
	struct mn_regress_result fit;
	double *predicted; /* out-of-fold, of each row */
};

/* What doubt adds to the weights of the pool, on average. */
#define PULL 0.3

enum { OPEN, REACHED, LIMITED, EXHAUSTED };
enum { UNKNOWN, ASKED, MEASURED, FAILED };

struct mn_adaptive {
	const struct mn_models *models;
	struct mn_models shipped;
	double target;
	enum mn_target what;
	uint64_t seed;
	size_t n;
	struct mn_adaptive_item *items;
	float (*at)[COORDS];
	uint64_t *key;
	uint8_t *status;
	double *value;
	double *feature[MN_FEATURE_COUNT]; /* columns by item; NULL: no group uses it */
	struct group *groups;
	size_t n_groups, uncovered, measured, failed, rounds;
};

/* Coordinates */

static float octaves(double x)
{
	return (float)log2(1 + x);
}

static void place(const struct mn_layer *l, float *at)
{
	const struct mn_shape *wide = l->shape.c ? &l->shape : &l->in2;
	unsigned begin = 0;

	for (int i = 0; i < 4; i++)
		begin += l->pad[i][0] + l->pad[i][1];
	at[0] = octaves(l->in.h);
	at[1] = octaves(l->in.w);
	at[2] = octaves(l->in.c);
	at[3] = octaves(l->out_c + l->multiplier);
	at[4] = octaves(l->kernel_h);
	at[5] = octaves(l->kernel_w);
	at[6] = octaves(l->stride_h);
	at[7] = octaves(l->stride_w);
	at[8] = octaves(l->dilation_h * l->dilation_w);
	at[9] = octaves(l->in.n);
	at[10] = l->padding;
	at[11] = l->act != MN_ACT_NONE;
	at[12] = l->in.c % 4 != 0;
	at[13] = octaves((double)wide->h * wide->w * wide->c);
	at[14] = octaves(begin);
	at[15] = l->axes + (float)l->bias;
}

static double distance(const struct mn_adaptive *a, uint32_t i, uint32_t j)
{
	float sum = 0;

	for (int k = 0; k < COORDS; k++) {
		float d = a->at[i][k] - a->at[j][k];

		sum += d * d;
	}
	return sqrt((double)sum);
}

/* Numbers that depend on the seed, a stream and a counter only (splitmix64). */
static uint64_t hash64(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static double uniform(uint64_t seed, uint64_t stream, uint64_t i)
{
	return (double)(hash64(hash64(seed ^ hash64(stream)) + i) >> 11) * 0x1p-53;
}

/* Groups */

static const struct mn_model *model_of(const struct mn_adaptive *a, const char *name,
				       const struct mn_adaptive_item *item)
{
	for (size_t i = 0; i < a->models->n; i++) {
		const struct mn_model *m = &a->models->all[i];

		if (!strcmp(m->name, name) &&
		    mn_model_matches(m, item->layer.op, a->what, item->kernels))
			return m;
	}
	return NULL;
}

static struct group *group_of(struct mn_adaptive *a, uint32_t domain, int op, size_t path)
{
	for (size_t i = 0; i < a->n_groups; i++) {
		struct group *g = &a->groups[i];

		if (g->domain == domain && g->op == op && g->path == path)
			return g;
	}
	return NULL;
}

static int add_member(struct mn_adaptive *a, const struct mn_model *model, size_t path, uint32_t i)
{
	const struct mn_adaptive_item *item = &a->items[i];
	struct group *g = group_of(a, item->domain, item->layer.op, path), *groups;
	uint32_t *member;

	if (!g) {
		groups = realloc(a->groups, (a->n_groups + 1) * sizeof(*groups));
		if (!groups)
			return MN_E_NOMEM;
		a->groups = groups;
		g = &groups[a->n_groups++];
		*g = (struct group){.domain = item->domain,
				    .op = item->layer.op,
				    .model = model,
				    .path = path,
				    .p90 = NAN,
				    .mape = NAN,
				    .best_p90 = INFINITY};
	}
	if ((g->n & (g->n - 1)) == 0) { /* full: at powers of two */
		member = realloc(g->member, (g->n ? 2 * g->n : 1) * sizeof(*member));
		if (!member)
			return MN_E_NOMEM;
		g->member = member;
	}
	g->member[g->n++] = i;
	return 0;
}

static int add_columns(struct mn_adaptive *a)
{
	uint8_t used[MN_FEATURE_COUNT];
	double values[MN_FEATURE_COUNT];
	size_t n_used = 0;

	for (size_t i = 0; i < a->n_groups; i++) {
		const struct mn_model_path *p = &a->groups[i].model->path[a->groups[i].path];

		for (uint32_t j = 0; j < p->n_terms; j++)
			if (!a->feature[p->terms[j]] &&
			    !(a->feature[p->terms[j]] = calloc(a->n, sizeof(double))))
				return MN_E_NOMEM;
		a->groups[i].row = malloc(a->groups[i].n * sizeof(uint32_t));
		a->groups[i].predicted = malloc(a->groups[i].n * sizeof(double));
		if (!a->groups[i].row || !a->groups[i].predicted)
			return MN_E_NOMEM;
		a->groups[i].left = a->groups[i].n;
	}
	for (int f = 0; f < MN_FEATURE_COUNT; f++)
		if (a->feature[f])
			used[n_used++] = (uint8_t)f;
	for (size_t i = 0; i < a->n; i++) {
		struct mn_layer_info info;

		if (mn_layer_check(&a->items[i].layer, &info, NULL))
			return MN_E_INVALID;
		mn_feature_values(used, n_used, &a->items[i].layer, &info, values);
		for (size_t k = 0; k < n_used; k++)
			a->feature[used[k]][i] = values[k];
		place(&a->items[i].layer, a->at[i]);
		a->key[i] = mn_layer_hash(&a->items[i].layer);
	}
	return 0;
}

int mn_adaptive_new(const struct mn_adaptive_options *options, const struct mn_adaptive_item *items,
		    size_t n, struct mn_adaptive **ret_adaptive, struct mn_err *err)
{
	const char *name = options->model ? options->model : "features";
	struct mn_adaptive *a;
	int ret = MN_E_NOMEM, what = 0, covered = 0;

	while (what < MN_TARGET_COUNT &&
	       strcmp(mn_target_name((enum mn_target)what), options->target))
		what++;
	if (what == MN_TARGET_COUNT)
		return mn_err_set(err, MN_E_INVALID, "there is no target '%s'", options->target);
	if (!n || n > UINT32_MAX || !(options->target_p90_pct > 0))
		return mn_err_set(err, MN_E_INVALID,
				  n ? "the target is not over 0 %%"
				    : "there is nothing to choose from");
	a = calloc(1, sizeof(*a));
	if (!a)
		goto out;
	a->models = options->models ? options->models : &a->shipped;
	if (!options->models && (ret = mn_models_shipped(&a->shipped, err)) < 0) {
		free(a);
		return ret;
	}
	a->what = (enum mn_target)what;
	a->target = options->target_p90_pct;
	a->seed = options->seed;
	a->n = n;
	a->items = malloc(n * sizeof(*a->items));
	a->at = calloc(n, sizeof(*a->at));
	a->key = calloc(n, sizeof(*a->key));
	a->status = calloc(n, 1);
	a->value = calloc(n, sizeof(*a->value));
	if (!a->items || !a->at || !a->key || !a->status || !a->value)
		goto out;
	memcpy(a->items, items, n * sizeof(*items));
	for (size_t i = 0; i < n; i++) {
		const struct mn_model *m = model_of(a, name, &items[i]);
		int path =
			m ? mn_path_first(m->paths, m->n_paths, mn_path_of(&items[i].layer)) : -1;

		if (!(items[i].weight > 0)) {
			ret = MN_E_INVALID;
			goto out;
		}
		covered |= m != NULL;
		if (path < 0)
			a->uncovered++;
		else if (add_member(a, m, (size_t)path, (uint32_t)i))
			goto out;
	}
	if (!covered) {
		mn_adaptive_free(a);
		return mn_err_set(err, MN_E_INVALID, "no model '%s' covers any of the layers",
				  name);
	}
	ret = add_columns(a);
out:
	if (ret) {
		mn_adaptive_free(a);
		return mn_err_set(err, ret, "%s",
				  ret == MN_E_NOMEM ? "out of memory"
						    : "a candidate's layer or weight is not valid");
	}
	*ret_adaptive = a;
	return 0;
}

void mn_adaptive_free(struct mn_adaptive *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n_groups; i++) {
		free(a->groups[i].member);
		free(a->groups[i].row);
		free(a->groups[i].predicted);
	}
	for (int f = 0; f < MN_FEATURE_COUNT; f++)
		free(a->feature[f]);
	mn_models_free(&a->shipped);
	free(a->groups);
	free(a->items);
	free(a->at);
	free(a->key);
	free(a->status);
	free(a->value);
	free(a);
}

void mn_adaptive_set(struct mn_adaptive *a, size_t item, double value)
{
	int good = isfinite(value) && value > 0;

	if (item >= a->n || a->status[item] == MEASURED || a->status[item] == FAILED)
		return;
	a->status[item] = good ? MEASURED : FAILED;
	a->value[item] = value;
	a->measured += (size_t)good;
	a->failed += (size_t)!good;
}

/* Fits */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void collect_rows(const struct mn_adaptive *a, struct group *g)
{
	g->n_rows = g->left = 0;
	for (size_t i = 0; i < g->n; i++) {
		uint8_t s = a->status[g->member[i]];

		if (s == MEASURED)
			g->row[g->n_rows++] = g->member[i];
		g->left += s == UNKNOWN;
	}
}

static void describe_rows(const struct mn_adaptive *a, const struct group *g,
			  struct mn_regress *ret_data)
{
	const struct mn_model_path *p = &g->model->path[g->path];

	*ret_data = (struct mn_regress){
		.n = g->n_rows,
		.n_terms = p->n_terms,
		.y = a->value,
		.rows = g->row,
		.weighting = g->model->weighting,
		.robust = g->model->robust,
		.drop = g->model->drop,
		.predicted = g->predicted,
	};
	for (uint32_t j = 0; j < p->n_terms; j++)
		ret_data->x[j] = p->terms[j] == MN_FEATURE_CONST ? NULL : a->feature[p->terms[j]];
}

static int fit_group(struct mn_adaptive *a, struct group *g, struct mn_err *err)
{
	struct mn_regress data;
	double *size;
	uint8_t *fold;
	int ret;

	collect_rows(a, g);
	g->fitted = 0;
	if (!g->n_rows)
		return 0;
	fold = malloc(g->n_rows);
	size = malloc(g->n_rows * sizeof(*size));
	if (!fold || !size) {
		ret = mn_err_set(err, MN_E_NOMEM, "out of memory");
		goto out;
	}
	describe_rows(a, g, &data);
	ret = mn_regress_folds(a->key, g->row, NULL, g->n_rows, a->seed, FOLDS, fold, &data.n_folds,
			       &data.n_distinct);
	data.fold = fold;
	if (!ret)
		ret = mn_regress_fit(&data, &g->fit, err);
	if (ret || g->fit.status != MN_REGRESS_OK)
		goto out;
	g->fitted = 1;
	for (size_t i = 0; i < g->n_rows; i++)
		size[i] = fabs(100 * (g->predicted[i] / a->value[g->row[i]] - 1));
	g->mape = 0;
	for (size_t i = 0; i < g->n_rows; i++)
		g->mape += size[i] / (double)g->n_rows;
	qsort(size, g->n_rows, sizeof(*size), by_value);
	g->p90 = size[(g->n_rows * 9 + 9) / 10 - 1];
out:
	free(fold);
	free(size);
	return ret;
}

/* Enough rows for the terms, with some to check them by. */
static size_t first_size(const struct group *g)
{
	size_t wanted = 2 * (size_t)g->model->path[g->path].n_terms + 6;

	return wanted < g->n ? wanted : g->n;
}

static void judge(const struct mn_adaptive *a, struct group *g)
{
	if (!g->left) {
		g->closed = g->fitted && g->p90 <= a->target ? REACHED : EXHAUSTED;
	} else if (g->closed == REACHED || g->closed == LIMITED) {
		return;
	} else if (g->fitted && g->p90 <= a->target && g->n_rows >= first_size(g)) {
		g->closed = REACHED;
	} else if (g->fitted && a->rounds) {
		double progress = g->best_p90 - g->p90;

		g->stalled = progress > 0.1 * (g->p90 - a->target) ? 0 : g->stalled + 1;
		if (g->p90 < g->best_p90)
			g->best_p90 = g->p90;
		if (g->stalled >= PATIENCE &&
		    g->n_rows >= SETTLED * (size_t)g->model->path[g->path].n_terms)
			g->closed = LIMITED;
	}
}

/* Choice */

/* What is not known of a member, as a fraction of its figure. */
static double doubt(const struct mn_adaptive *a, const struct group *g, uint32_t item)
{
	const struct mn_model_path *p = &g->model->path[g->path];
	double close[NEIGHBOURS], error[NEIGHBOURS], x[MN_REGRESS_TERMS_MAX], value, lo, hi,
		sum = 0;
	struct mn_regress data;
	int n = 0;

	for (size_t i = 0; i < g->n_rows; i++) {
		double d = distance(a, item, g->row[i]);
		int k;

		if (n == NEIGHBOURS && d >= close[n - 1])
			continue;
		for (k = n < NEIGHBOURS ? n++ : n - 1; k > 0 && close[k - 1] > d; k--) {
			close[k] = close[k - 1];
			error[k] = error[k - 1];
		}
		close[k] = d;
		error[k] = fabs(g->predicted[i] / a->value[g->row[i]] - 1);
	}
	for (int k = 0; k < n; k++)
		sum += error[k] / n;
	describe_rows(a, g, &data);
	for (uint32_t j = 0; j < p->n_terms; j++)
		x[j] = data.x[j] ? data.x[j][item] : 1;
	mn_regress_predict(&data, &g->fit, x, &value, &lo, &hi);
	return sum + (value > 0 && isfinite(hi) ? (hi - value) / value : 1);
}

/*
 * Greedy support points: count more members that, with those measured or asked for already, are
 * spread like the weights. attraction is the mean distance to the weighted pool; repulsion the mean
 * distance to what is chosen.
 */
static int spread(struct mn_adaptive *a, struct group *g, size_t count, uint32_t *ret,
		  size_t *ret_n, struct mn_err *err)
{
	double *attraction = calloc(g->n, sizeof(double)),
	       *repulsion = calloc(g->n, sizeof(double));
	double *weight = calloc(g->n, sizeof(double)), total = 0, mean = 0;
	size_t chosen = 0, step = (g->n + REFERENCE - 1) / REFERENCE, shift;
	uint64_t stream = hash64((uint64_t)(g - a->groups)) + a->rounds;

	if (!attraction || !repulsion || !weight) {
		free(attraction);
		free(repulsion);
		free(weight);
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	}
	for (size_t i = 0; i < g->n; i++) {
		weight[i] = g->fitted ? doubt(a, g, g->member[i]) : 1;
		mean += weight[i] / (double)g->n;
	}
	/* Most of it stays spread like the pool: a fit must not forget the layers it knows. */
	for (size_t i = 0; i < g->n; i++)
		weight[i] = (1 + PULL * weight[i] / mean) * a->items[g->member[i]].weight;
	shift = (size_t)(uniform(a->seed, stream, 0) * (double)step);
	for (size_t j = shift < step ? shift : 0; j < g->n; j += step) {
		/* A seed sees its own sample of the pool: each has another design. */
		double w = weight[j] * (0.5 + uniform(a->seed, stream, j + 1));

		total += w;
		for (size_t i = 0; i < g->n; i++)
			attraction[i] += w * distance(a, g->member[i], g->member[j]);
	}
	for (size_t j = 0; j < g->n; j++) {
		if (a->status[g->member[j]] != MEASURED && a->status[g->member[j]] != ASKED)
			continue;
		chosen++;
		for (size_t i = 0; i < g->n; i++)
			repulsion[i] += distance(a, g->member[i], g->member[j]);
	}
	while (count-- > 0) {
		double best = INFINITY;
		size_t which = g->n;

		for (size_t i = 0; i < g->n; i++) {
			double score = attraction[i] / total - repulsion[i] / (double)(chosen + 1);

			if (a->status[g->member[i]] == UNKNOWN && score < best) {
				best = score;
				which = i;
			}
		}
		if (which == g->n)
			break;
		a->status[g->member[which]] = ASKED;
		g->left--;
		chosen++;
		ret[(*ret_n)++] = g->member[which];
		for (size_t i = 0; i < g->n; i++)
			repulsion[i] += distance(a, g->member[i], g->member[which]);
	}
	free(attraction);
	free(repulsion);
	free(weight);
	return 0;
}

/* How many of max each open group gets: by what it misses and how much of the pool it stands for.
 */
static double claim(const struct mn_adaptive *a, const struct group *g)
{
	if (g->closed != OPEN)
		return 0;
	return (double)g->n * (g->fitted ? fmin(g->p90 / a->target, 10) : 10);
}

int mn_adaptive_next(struct mn_adaptive *a, size_t max, uint32_t *ret_items, struct mn_err *err)
{
	double claims = 0;
	size_t n = 0;
	int ret = 0;

	/* What was asked for and never came is asked for again. */
	for (size_t i = 0; i < a->n; i++)
		if (a->status[i] == ASKED)
			a->status[i] = UNKNOWN;
	for (size_t i = 0; i < a->n_groups && !ret; i++) {
		ret = fit_group(a, &a->groups[i], err);
		judge(a, &a->groups[i]);
		claims += claim(a, &a->groups[i]);
	}
	/* Groups that cannot be fitted yet come first, whatever the others miss. */
	for (size_t i = 0; i < a->n_groups && !ret && n < max; i++) {
		struct group *g = &a->groups[i];
		size_t first = first_size(g);

		if (g->closed == OPEN && g->n_rows < first)
			ret = spread(a, g,
				     first - g->n_rows < max - n ? first - g->n_rows : max - n,
				     ret_items, &n, err);
	}
	for (size_t i = 0; i < a->n_groups && !ret && n < max && claims > 0; i++) {
		struct group *g = &a->groups[i];
		size_t share = (size_t)ceil((double)max * claim(a, g) / claims);

		if (g->closed == OPEN && g->n_rows >= first_size(g))
			ret = spread(a, g, share < max - n ? share : max - n, ret_items, &n, err);
	}
	a->rounds++;
	return ret ? ret : (int)n;
}

void mn_adaptive_state(const struct mn_adaptive *a, struct mn_adaptive_state *ret)
{
	double *size = malloc((a->measured ? a->measured : 1) * sizeof(*size)), sum = 0;
	size_t n = 0;

	*ret = (struct mn_adaptive_state){
		.pool = a->n,
		.measured = a->measured,
		.failed = a->failed,
		.uncovered = a->uncovered,
		.groups = a->n_groups,
		.p90_pct = NAN,
		.mape_pct = NAN,
		.worst_p90_pct = NAN,
	};
	for (size_t i = 0; i < a->n_groups; i++) {
		const struct group *g = &a->groups[i];

		ret->reached += g->closed == REACHED;
		ret->limited += g->closed == LIMITED;
		ret->exhausted += g->closed == EXHAUSTED;
		if (!g->fitted)
			continue;
		for (size_t k = 0; k < g->n_rows && size; k++)
			size[n++] = fabs(100 * (g->predicted[k] / a->value[g->row[k]] - 1));
		if (!(g->p90 <= ret->worst_p90_pct)) {
			ret->worst_p90_pct = g->p90;
			ret->worst_op = g->op;
			ret->worst_path = g->model->paths[g->path];
			ret->worst_n = g->n_rows;
		}
	}
	for (size_t i = 0; i < n; i++)
		sum += size[i];
	if (n) {
		qsort(size, n, sizeof(*size), by_value);
		ret->p90_pct = size[(n * 9 + 9) / 10 - 1];
		ret->mape_pct = sum / (double)n;
	}
	free(size);
}

double mn_adaptive_predict(const struct mn_adaptive *a, const struct mn_layer *layer,
			   uint32_t domain)
{
	struct mn_layer_info info;

	if (mn_layer_check(layer, &info, NULL))
		return NAN;
	for (size_t i = 0; i < a->n_groups; i++) {
		const struct group *g = &a->groups[i];
		const struct mn_model_path *p = &g->model->path[g->path];
		uint8_t features[MN_REGRESS_TERMS_MAX];
		double values[MN_REGRESS_TERMS_MAX], sum = 0;

		if (!g->fitted || g->domain != domain || g->op != layer->op ||
		    mn_path_first(g->model->paths, g->model->n_paths, mn_path_of(layer)) !=
			    (int)g->path)
			continue;
		for (uint32_t j = 0; j < p->n_terms; j++)
			features[j] = (uint8_t)p->terms[j];
		mn_feature_values(features, p->n_terms, layer, &info, values);
		for (uint32_t j = 0; j < p->n_terms; j++)
			sum += g->fit.terms[j].value * values[j];
		return sum;
	}
	return NAN;
}
