/* SPDX-License-Identifier: MIT */
#include "energy_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>

#include "feature.h"

#define LEAST_LAYERS 5
#define MOST_SINGLE  100
#define FOLDS        10
/* Of log power: all rows, kernels, op, kernels and op, those and the kernel path. */
#define LEVELS 5
#define PATHS  16
#define OPS    64
/* Rows that a coefficient is held back by: what few rows say stays near the levels above. */
static const double penalty[LEVELS] = {1e-9, 0.01, 1, 1, 1};

struct row {
	uint32_t board, kernels; /* interned */
	int kind, cold, op;
	unsigned path;
	uint64_t layer; /* hash */
	double ops, ms, mJ;
	uint32_t feature[LEVELS];
};

struct rows {
	struct row *row;
	size_t n, room;
	char **name;
	size_t n_names;
	const char *const *boards;
	size_t n_boards;
};

static const char *const names[] = {"constant power x latency",
				    "power by op and kernel path x latency",
				    "mJ per op by op type"};

const char *mn_energy_way_name(enum mn_energy_way way)
{
	return names[way];
}

/* ---- reading ---- */

static int intern(struct rows *r, const char *text, uint32_t *ret)
{
	char **grown;

	for (size_t i = 0; i < r->n_names; i++)
		if (!strcmp(r->name[i], text)) {
			*ret = (uint32_t)i;
			return 0;
		}
	grown = realloc(r->name, (r->n_names + 1) * sizeof(*grown));
	if (!grown)
		return MN_E_NOMEM;
	r->name = grown;
	r->name[r->n_names] = strdup(text);
	if (!r->name[r->n_names])
		return MN_E_NOMEM;
	*ret = (uint32_t)r->n_names++;
	return 0;
}

static int take(const struct mn_row *row, void *arg)
{
	struct rows *r = arg;
	struct row *to;
	int wanted = !r->boards;

	for (size_t i = 0; i < r->n_boards && !wanted; i++)
		wanted = !strcmp(r->boards[i], row->board);
	if (!wanted || !row->layer || !strncmp(row->layer_text, "null", 4) ||
	    !(row->latency_ms > 0) || !(row->energy_mJ > 0) || row->excluded_latency[0] ||
	    row->excluded_energy[0])
		return 0;
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 256;

		to = realloc(r->row, room * sizeof(*to));
		if (!to)
			return MN_E_NOMEM;
		r->row = to;
		r->room = room;
	}
	to = &r->row[r->n];
	*to = (struct row){
		.kind = (int)row->kind,
		.cold = row->cold,
		.op = row->layer->op,
		.path = mn_path_of(row->layer),
		.layer = mn_layer_hash(row->layer),
		.ops = (double)row->info.ops,
		.ms = row->latency_ms,
		.mJ = row->energy_mJ,
	};
	if (intern(r, row->board, &to->board) || intern(r, row->kernels, &to->kernels))
		return MN_E_NOMEM;
	r->n++;
	return 0;
}

/* ---- one board ---- */

struct board {
	struct row *row;
	size_t n, n_features, n_layers;
	uint64_t *layer; /* the different ones, sorted */
	double *hold;    /* penalty of each feature */
};

static size_t feature_key(const struct row *r, int level)
{
	const size_t parts[LEVELS] = {
		0,
		r->kernels,
		(size_t)r->op,
		(size_t)r->kernels * OPS + (size_t)r->op,
		((size_t)r->kernels * OPS + (size_t)r->op) * PATHS + r->path % PATHS,
	};

	return parts[level];
}

static int number_features(struct board *b, size_t n_names)
{
	size_t size = n_names * OPS * PATHS + OPS;
	uint32_t *map = malloc(size * sizeof(*map));

	b->hold = malloc((b->n * LEVELS + 1) * sizeof(*b->hold));
	if (!map || !b->hold) {
		free(map);
		return MN_E_NOMEM;
	}
	b->n_features = 0;
	for (int level = 0; level < LEVELS; level++) {
		memset(map, 0xff, size * sizeof(*map));
		for (size_t i = 0; i < b->n; i++) {
			uint32_t *at = &map[feature_key(&b->row[i], level)];

			if (*at == UINT32_MAX) {
				*at = (uint32_t)b->n_features;
				b->hold[b->n_features++] = penalty[level];
			}
			b->row[i].feature[level] = *at;
		}
	}
	free(map);
	return 0;
}

static int by_hash(const void *a, const void *b)
{
	const uint64_t *p = a, *q = b;

	return *p < *q ? -1 : *p > *q;
}

static int list_layers(struct board *b)
{
	b->layer = malloc((b->n + 1) * sizeof(*b->layer));
	if (!b->layer)
		return MN_E_NOMEM;
	for (size_t i = 0; i < b->n; i++)
		b->layer[i] = b->row[i].layer;
	qsort(b->layer, b->n, sizeof(*b->layer), by_hash);
	b->n_layers = 0;
	for (size_t i = 0; i < b->n; i++)
		if (!b->n_layers || b->layer[b->n_layers - 1] != b->layer[i])
			b->layer[b->n_layers++] = b->layer[i];
	return 0;
}

static size_t fold_of(const struct board *b, const struct row *row)
{
	const uint64_t *at;

	if (b->n_layers > MOST_SINGLE)
		return (size_t)((row->layer * 0x9e3779b97f4a7c15u >> 32) % FOLDS);
	at = bsearch(&row->layer, b->layer, b->n_layers, sizeof(*b->layer), by_hash);
	return (size_t)(at - b->layer);
}

/* Coefficients of log power from the rows of all folds but one: *x. */
static int fit_power(const struct board *b, size_t fold, gsl_matrix *a, gsl_vector *x)
{
	gsl_matrix_set_zero(a);
	gsl_vector_set_zero(x);
	for (size_t f = 0; f < b->n_features; f++)
		gsl_matrix_set(a, f, f, b->hold[f]);
	for (size_t i = 0; i < b->n; i++) {
		const struct row *r = &b->row[i];

		if (fold_of(b, r) == fold)
			continue;
		for (int p = 0; p < LEVELS; p++) {
			*gsl_vector_ptr(x, r->feature[p]) += log(r->mJ / r->ms);
			for (int q = 0; q < LEVELS; q++)
				*gsl_matrix_ptr(a, r->feature[p], r->feature[q]) += 1;
		}
	}
	return gsl_linalg_cholesky_decomp1(a) || gsl_linalg_cholesky_svx(a, x) ? MN_E_SINGULAR : 0;
}

/* Mean power of a kernel set, W, without a fold; of all sets if it has no other row. */
static double mean_power(const struct board *b, size_t fold, uint32_t kernels)
{
	double sum[2] = {0, 0};
	size_t n[2] = {0, 0};

	for (size_t i = 0; i < b->n; i++) {
		const struct row *r = &b->row[i];
		int same = r->kernels == kernels;

		if (fold_of(b, r) == fold)
			continue;
		sum[same] += r->mJ / r->ms;
		n[same]++;
	}
	return n[1] ? sum[1] / (double)n[1] : n[0] ? sum[0] / (double)n[0] : NAN;
}

/* mJ per op of an op and kernel set without a fold: the a of least sum of (1 - a * ops / mJ)^2; NAN
 * without another row. */
static double per_op(const struct board *b, size_t fold, const struct row *of)
{
	double xy = 0, xx = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct row *r = &b->row[i];
		double x = r->ops / r->mJ;

		if (fold_of(b, r) == fold || r->op != of->op || r->kernels != of->kernels)
			continue;
		xy += x;
		xx += x * x;
	}
	return xx > 0 ? xy / xx : NAN;
}

struct errors {
	double sum[MN_ENERGY_WAYS], all[MN_ENERGY_WAYS];
	int64_t n_ops, n;
};

/* The rows of a fold, predicted by the others. */
static void score(const struct board *b, size_t fold, const gsl_vector *x, struct errors *e)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct row *r = &b->row[i];
		double predicted[MN_ENERGY_WAYS], log_power = 0;

		if (fold_of(b, r) != fold)
			continue;
		for (int p = 0; p < LEVELS; p++)
			log_power += gsl_vector_get(x, r->feature[p]);
		predicted[MN_ENERGY_CONSTANT] = mean_power(b, fold, r->kernels) * r->ms;
		predicted[MN_ENERGY_POWER] = exp(log_power) * r->ms;
		predicted[MN_ENERGY_PER_OP] = r->ops > 0 ? per_op(b, fold, r) * r->ops : NAN;
		for (int w = 0; w < MN_ENERGY_WAYS; w++) {
			double off = fabs(predicted[w] / r->mJ - 1);

			if (!isnan(off))
				e->all[w] += off;
			if (!isnan(predicted[MN_ENERGY_PER_OP]))
				e->sum[w] += off;
		}
		e->n++;
		e->n_ops += !isnan(predicted[MN_ENERGY_PER_OP]);
	}
}

static int compare_board(struct board *b, size_t n_names, struct mn_energy_compared *out)
{
	struct errors e = {0};
	gsl_matrix *a = NULL;
	gsl_vector *x = NULL;
	double sum = 0, squares = 0;
	size_t folds;
	int ret = list_layers(b);

	if (!ret)
		ret = number_features(b, n_names);
	out->n = (int64_t)b->n;
	out->n_layers = (int64_t)b->n_layers;
	if (ret || b->n_layers < LEAST_LAYERS)
		return ret;
	a = gsl_matrix_alloc(b->n_features, b->n_features);
	x = gsl_vector_alloc(b->n_features);
	if (!a || !x)
		ret = MN_E_NOMEM;
	folds = b->n_layers > MOST_SINGLE ? FOLDS : b->n_layers;
	out->folds = b->n_layers > MOST_SINGLE ? "10 folds of layers" : "leave-one-layer-out";
	for (size_t fold = 0; fold < folds && !ret; fold++) {
		ret = fit_power(b, fold, a, x);
		if (!ret)
			score(b, fold, x, &e);
	}
	for (size_t i = 0; i < b->n; i++) {
		double mW = b->row[i].mJ / b->row[i].ms * 1e3;

		sum += mW;
		squares += mW * mW;
	}
	out->n_ops = e.n_ops;
	out->power_mean_mW = sum / (double)b->n;
	out->power_std_mW = sqrt(
		fmax(0, (squares - sum * sum / (double)b->n) / (double)(b->n > 1 ? b->n - 1 : 1)));
	out->best = MN_ENERGY_CONSTANT;
	for (int w = 0; w < MN_ENERGY_WAYS; w++) {
		out->mape_pct[w] = e.n_ops ? 100 * e.sum[w] / (double)e.n_ops : NAN;
		out->all_mape_pct[w] =
			w == MN_ENERGY_PER_OP ? NAN : 100 * e.all[w] / (double)(e.n ? e.n : 1);
		if (e.n_ops ? out->mape_pct[w] < out->mape_pct[out->best]
			    : out->all_mape_pct[w] < out->all_mape_pct[out->best])
			out->best = (enum mn_energy_way)w;
	}
	gsl_matrix_free(a);
	gsl_vector_free(x);
	return ret;
}

/* ---- all boards ---- */

static int same_board(const struct row *p, const struct row *q)
{
	return p->kind == q->kind && p->board == q->board && p->cold == q->cold;
}

static int by_board(const void *a, const void *b)
{
	const struct row *p = a, *q = b;

	if (p->kind != q->kind)
		return p->kind < q->kind ? -1 : 1;
	if (p->board != q->board)
		return p->board < q->board ? -1 : 1;
	if (p->cold != q->cold)
		return p->cold < q->cold ? -1 : 1;
	return p->layer < q->layer ? -1 : p->layer > q->layer;
}

int mn_energy_compare(struct mn_store *store, const char *const *boards, size_t n_boards,
		      int (*cb)(const struct mn_energy_compared *compared, void *arg), void *arg,
		      struct mn_err *err)
{
	static const int kinds[] = {MN_KIND_MEASURED, MN_KIND_VIRTUAL, MN_KIND_PUBLISHED};
	struct rows r = {.boards = n_boards ? boards : NULL, .n_boards = n_boards};
	gsl_error_handler_t *handler = gsl_set_error_handler_off();
	int ret = 0;

	for (int k = 0; k < 3 && !ret; k++) {
		/* A publication may have the same layer several times: each is a row. */
		const struct mn_row_filter filter = {.kind = kinds[k],
						     .latest_only = kinds[k] != MN_KIND_PUBLISHED};

		ret = mn_store_each_row(store, &filter, take, &r, err);
	}
	if (r.n)
		qsort(r.row, r.n, sizeof(*r.row), by_board);
	for (size_t i = 0, end; i < r.n && !ret; i = end) {
		struct board b = {.row = r.row + i};
		struct mn_energy_compared out = {.kind = (enum mn_kind)r.row[i].kind,
						 .board = r.name[r.row[i].board],
						 .cold = r.row[i].cold};

		for (end = i; end < r.n && same_board(&r.row[i], &r.row[end]); end++)
			;
		b.n = end - i;
		ret = compare_board(&b, r.n_names, &out);
		free(b.layer);
		free(b.hold);
		if (ret)
			mn_err_set(err, ret, "energy of %s: %s", out.board, mn_err_text(ret));
		else if (out.n_layers >= LEAST_LAYERS)
			ret = cb(&out, arg);
	}
	gsl_set_error_handler(handler);
	for (size_t i = 0; i < r.n_names; i++)
		free(r.name[i]);
	free(r.name);
	free(r.row);
	return ret;
}
