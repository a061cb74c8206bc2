/* SPDX-License-Identifier: MIT */
#include "regress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

enum {
	WIDTH = MN_REGRESS_TERMS_MAX + 1, /* the terms and y */
	BLOCK = 120,                      /* rows that are reduced at a time: fits the L1 cache */
};

/* Smallest over largest singular value of the equilibrated columns below which they count as
 * dependent. QR of a million rows keeps about 1e-13; columns that differ in one row of a million
 * are still above. */
static const double rank_tolerance = 1e-9;

const char *mn_regress_status_text(enum mn_regress_status status)
{
	switch (status) {
	case MN_REGRESS_OK:
		return "ok";
	case MN_REGRESS_TOO_FEW:
		return "too few rows";
	case MN_REGRESS_SINGLE:
		return "single size";
	case MN_REGRESS_DEFICIENT:
		return "rank-deficient";
	case MN_REGRESS_NAN:
		return "not a number";
	case MN_REGRESS_IMPOSSIBLE:
		return "impossible";
	}
	return "?";
}

/* Folds */

/* Finaliser of splitmix64 (public domain, Vigna): a bijection, so distinct keys stay distinct. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

struct dealt {
	uint64_t order;
	uint32_t row;
};

static int by_order(const void *a, const void *b)
{
	const struct dealt *x = a, *y = b;

	return (x->order > y->order) - (x->order < y->order);
}

int mn_regress_folds(const uint64_t *keys, const uint32_t *rows, size_t n, uint64_t seed,
		     uint32_t max_folds, uint8_t *fold, uint32_t *ret_folds, size_t *ret_distinct)
{
	struct dealt *deck;
	size_t distinct = 0, dealt = 0;
	uint32_t folds;

	if (max_folds < 2 || max_folds > MN_REGRESS_FOLDS_MAX / 2 || n > UINT32_MAX)
		return MN_E_INVALID;
	deck = malloc((n ? n : 1) * sizeof(*deck));
	if (!deck)
		return MN_E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		deck[i].order = mix(keys[rows ? rows[i] : i] ^ mix(seed));
		deck[i].row = (uint32_t)i;
	}
	qsort(deck, n, sizeof(*deck), by_order);
	for (size_t i = 0; i < n; i++)
		distinct += i == 0 || deck[i].order != deck[i - 1].order;
	folds = distinct < 2 * max_folds ? (uint32_t)distinct : max_folds;
	for (size_t i = 0; i < n; i++) {
		dealt += i > 0 && deck[i].order != deck[i - 1].order;
		fold[deck[i].row] = (uint8_t)(dealt % folds);
	}
	free(deck);
	*ret_folds = folds;
	*ret_distinct = distinct;
	return 0;
}

/* Triangles */

/*
 * The R of a QR decomposition of the weighted rows [x | y] of one fold, with a block of rows that
 * wait below it.
 */
struct triangle {
	double a[WIDTH + BLOCK][WIDTH];
	size_t pending;
};

static void reduce(struct triangle *t, size_t width)
{
	double tau_data[WIDTH];
	gsl_matrix_view a;
	gsl_vector_view tau = gsl_vector_view_array(tau_data, width);

	if (t->pending == 0)
		return;
	a = gsl_matrix_view_array_with_tda(&t->a[0][0], width + t->pending, width, WIDTH);
	gsl_linalg_QR_decomp(&a.matrix, &tau.vector);
	/* Below the diagonal are the Householder vectors: not wanted. */
	for (size_t i = 1; i < width; i++)
		memset(t->a[i], 0, i * sizeof(double));
	t->pending = 0;
}

static double *next_row(struct triangle *t, size_t width)
{
	if (t->pending == BLOCK)
		reduce(t, width);
	return t->a[width + t->pending++];
}

/* Append the (reduced) triangle `from`. */
static void merge(struct triangle *t, const struct triangle *from, size_t width)
{
	for (size_t i = 0; i < width; i++)
		memcpy(next_row(t, width), from->a[i], width * sizeof(double));
}

/* Solutions */

struct solution {
	double value[MN_REGRESS_TERMS_MAX];   /* 0 outside the set */
	double std_err[MN_REGRESS_TERMS_MAX]; /* for sigma = 1 */
	double rss;                           /* residual sum of squares */
	double ratio;                         /* smallest over largest singular value */
	int full_rank;
};

/* Least squares over the columns in `set` of a reduced triangle: SVD of the equilibrated columns.
 */
static void solve(const struct triangle *t, size_t p, unsigned set, struct solution *ret)
{
	double a_data[MN_REGRESS_TERMS_MAX * MN_REGRESS_TERMS_MAX] = {0};
	double v_data[MN_REGRESS_TERMS_MAX * MN_REGRESS_TERMS_MAX];
	double s[MN_REGRESS_TERMS_MAX], scale[MN_REGRESS_TERMS_MAX];
	double residual[MN_REGRESS_TERMS_MAX];
	size_t column[MN_REGRESS_TERMS_MAX], m = 0;
	gsl_matrix_view a, v;
	gsl_vector_view sv;

	memset(ret, 0, sizeof(*ret));
	for (size_t j = 0; j < p; j++)
		if (set & 1u << j)
			column[m++] = j;
	a = gsl_matrix_view_array(a_data, p, m);
	v = gsl_matrix_view_array(v_data, m, m);
	sv = gsl_vector_view_array(s, m);
	for (size_t k = 0; k < m; k++) {
		scale[k] = 0;
		for (size_t i = 0; i < p; i++)
			scale[k] = hypot(scale[k], t->a[i][column[k]]);
		if (!(scale[k] > 0))
			return;
		for (size_t i = 0; i < p; i++)
			gsl_matrix_set(&a.matrix, i, k, t->a[i][column[k]] / scale[k]);
	}
	if (gsl_linalg_SV_decomp_jacobi(&a.matrix, &v.matrix, &sv.vector))
		return;
	ret->ratio = gsl_vector_min(&sv.vector) / gsl_vector_max(&sv.vector);
	ret->full_rank = ret->ratio > rank_tolerance;
	if (!ret->full_rank)
		return;
	for (size_t k = 0; k < m; k++) {
		double value = 0, variance = 0;

		for (size_t l = 0; l < m; l++) {
			double ud = 0, vs = gsl_matrix_get(&v.matrix, k, l) / s[l];

			for (size_t i = 0; i < p; i++)
				ud += gsl_matrix_get(&a.matrix, i, l) * t->a[i][p];
			value += vs * ud;
			variance += vs * vs;
		}
		ret->value[column[k]] = value / scale[k];
		ret->std_err[column[k]] = sqrt(variance) / scale[k];
	}
	ret->rss = t->a[p][p] * t->a[p][p];
	for (size_t i = 0; i < p; i++) {
		residual[i] = t->a[i][p];
		for (size_t k = 0; k < m; k++)
			residual[i] -= t->a[i][column[k]] * ret->value[column[k]];
		ret->rss += residual[i] * residual[i];
	}
}

static int feasible(const struct solution *s, size_t p)
{
	for (size_t j = 0; j < p; j++)
		if (s->value[j] < 0)
			return 0;
	return s->full_rank;
}

/*
 * The best subset of `set` without a negative value; 0 if there is none. With so few terms, trying
 * all subsets is exact and quick; the full set wins whenever it is feasible.
 */
static unsigned solve_nonnegative(const struct triangle *t, size_t p, unsigned set,
				  struct solution *ret)
{
	unsigned best = 0;

	solve(t, p, set, ret);
	if (feasible(ret, p))
		return set;
	for (unsigned sub = (set - 1) & set; sub; sub = (sub - 1) & set) {
		struct solution s;

		solve(t, p, sub, &s);
		if (feasible(&s, p) && (!best || s.rss < ret->rss)) {
			*ret = s;
			best = sub;
		}
	}
	return best;
}

/* Data */

static size_t row_of(const struct mn_regress *d, size_t i)
{
	return d->rows ? d->rows[i] : i;
}

static double x_of(const struct mn_regress *d, size_t j, size_t row)
{
	return d->x[j] ? d->x[j][row] : 1.0;
}

/* Finds a bad value, columns that are all 0, columns that vary. Returns the status so far. */
static enum mn_regress_status look(const struct mn_regress *d, unsigned *ret_set,
				   unsigned *ret_varying, size_t *ret_bad)
{
	*ret_set = *ret_varying = 0;
	for (size_t i = 0; i < d->n; i++) {
		size_t row = row_of(d, i), first = row_of(d, 0);
		double y = d->y[row];
		int bad = !isfinite(y) || (d->weighting == MN_WEIGHTING_RELATIVE && y <= 0);

		for (size_t j = 0; j < d->n_terms && !bad; j++) {
			double x = x_of(d, j, row);

			bad = !isfinite(x);
			if (x != 0)
				*ret_set |= 1u << j;
			if (x != x_of(d, j, first))
				*ret_varying |= 1u << j;
		}
		if (bad) {
			*ret_bad = i;
			return MN_REGRESS_NAN;
		}
	}
	return MN_REGRESS_OK;
}

static void accumulate(const struct mn_regress *d, struct triangle *folds)
{
	size_t width = d->n_terms + 1;

	for (size_t i = 0; i < d->n; i++) {
		size_t row = row_of(d, i);
		double *out = next_row(&folds[d->fold ? d->fold[i] : 0], width);
		double w = d->weighting == MN_WEIGHTING_RELATIVE ? 1 / d->y[row] : 1;

		for (size_t j = 0; j < d->n_terms; j++)
			out[j] = w * x_of(d, j, row);
		out[d->n_terms] = w * d->y[row];
	}
	for (uint32_t f = 0; f < d->n_folds; f++)
		reduce(&folds[f], width);
}

/* values: n_terms numbers a fold, or the same for all if fold is NULL. */
static void measure(const struct mn_regress *d, const double (*values)[MN_REGRESS_TERMS_MAX],
		    const uint8_t *fold, struct mn_regress_errors *ret)
{
	double mean = 0, total = 0, rss = 0, sum = 0;
	size_t in5 = 0, in10 = 0;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < d->n; i++)
		mean += (d->y[row_of(d, i)] - mean) / (double)(i + 1);
	for (size_t i = 0; i < d->n; i++) {
		const double *value = values[fold ? fold[i] : 0];
		size_t row = row_of(d, i);
		double y = d->y[row], fit = 0, relative;

		for (size_t j = 0; j < d->n_terms; j++)
			fit += value[j] * x_of(d, j, row);
		relative = 100 * fabs((fit - y) / y);
		rss += (y - fit) * (y - fit);
		total += (y - mean) * (y - mean);
		sum += relative;
		in5 += relative <= 5;
		in10 += relative <= 10;
		if (i == 0 || relative > ret->worst_pct) {
			ret->worst_pct = relative;
			ret->worst = i;
		}
	}
	ret->r2 = total > 0 ? 1 - rss / total : NAN;
	ret->mape_pct = sum / (double)d->n;
	ret->within5_pct = 100 * (double)in5 / (double)d->n;
	ret->within10_pct = 100 * (double)in10 / (double)d->n;
}

static const struct mn_regress_errors no_errors = {NAN, NAN, NAN, NAN, NAN, 0};

static void cross_validate(const struct mn_regress *d, const struct triangle *folds, unsigned set,
			   struct triangle *work, struct mn_regress_errors *ret)
{
	double values[MN_REGRESS_FOLDS_MAX][MN_REGRESS_TERMS_MAX];
	size_t width = d->n_terms + 1;

	for (uint32_t held = 0; held < d->n_folds; held++) {
		struct solution s;

		memset(work, 0, sizeof(*work));
		for (uint32_t f = 0; f < d->n_folds; f++)
			if (f != held)
				merge(work, &folds[f], width);
		reduce(work, width);
		if (!solve_nonnegative(work, d->n_terms, set, &s))
			memset(&s, 0, sizeof(s));
		memcpy(values[held], s.value, sizeof(values[held]));
	}
	measure(d, values, d->fold, ret);
}

static void fill_terms(const struct mn_regress *d, unsigned set, unsigned used,
		       const struct solution *free_fit, const struct solution *s,
		       struct mn_regress_result *ret)
{
	double t95;

	for (size_t j = 0; j < d->n_terms; j++)
		ret->n_fitted += (used >> j) & 1;
	ret->sigma = sqrt(s->rss / (double)(d->n - ret->n_fitted));
	ret->condition = 1 / s->ratio;
	t95 = gsl_cdf_tdist_Pinv(0.975, (double)(d->n - ret->n_fitted));
	for (size_t j = 0; j < d->n_terms; j++) {
		struct mn_regress_term *term = &ret->terms[j];

		if (!(set & 1u << j)) {
			term->state = MN_REGRESS_ZERO;
			continue;
		}
		term->unconstrained = free_fit->value[j];
		if (!(used & 1u << j)) {
			term->state = MN_REGRESS_HELD;
			continue;
		}
		term->value = s->value[j];
		term->std_err = ret->sigma * s->std_err[j];
		term->ci95_lo = term->value - t95 * term->std_err;
		term->ci95_hi = term->value + t95 * term->std_err;
	}
}

static unsigned constant_terms(const struct mn_regress *d)
{
	unsigned set = 0;

	for (size_t j = 0; j < d->n_terms; j++)
		if (!d->x[j])
			set |= 1u << j;
	return set;
}

/* What can be refused before any arithmetic. */
static enum mn_regress_status refuse(const struct mn_regress *d, unsigned set, unsigned varying)
{
	size_t terms = 0;

	for (size_t j = 0; j < d->n_terms; j++)
		terms += (set >> j) & 1;
	if (terms == 0 || d->n < terms + 2)
		return MN_REGRESS_TOO_FEW;
	if ((set & ~constant_terms(d)) && !varying)
		return MN_REGRESS_SINGLE;
	if (d->n_distinct < terms + 2)
		return MN_REGRESS_TOO_FEW;
	return MN_REGRESS_OK;
}

int mn_regress_fit(const struct mn_regress *data, struct mn_regress_result *ret, struct mn_err *err)
{
	struct mn_regress_result out = {.in_sample = no_errors, .out_of_fold = no_errors};
	struct solution free_fit, s;
	struct triangle *folds = NULL, *all;
	gsl_error_handler_t *handler;
	unsigned set, varying, used;
	size_t width = data->n_terms + 1;

	if (data->n_terms == 0 || data->n_terms > MN_REGRESS_TERMS_MAX ||
	    data->n_folds > MN_REGRESS_FOLDS_MAX || (data->n_folds > 1 && !data->fold))
		return mn_err_set(err, MN_E_INVALID, "a regression with %zu terms and %u folds",
				  data->n_terms, (unsigned)data->n_folds);
	out.status = look(data, &set, &varying, &out.bad_row);
	if (out.status == MN_REGRESS_OK)
		out.status = refuse(data, set, varying);
	if (out.status != MN_REGRESS_OK) {
		*ret = out;
		return 0;
	}

	/* A triangle a fold, then one for sums of them. */
	folds = calloc((size_t)data->n_folds + 2, sizeof(*folds));
	if (!folds)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	all = &folds[data->n_folds ? data->n_folds : 1];
	handler = gsl_set_error_handler_off();
	accumulate(data, folds);
	if (data->n_folds == 0)
		reduce(&folds[0], width);
	for (struct triangle *f = folds; f < all; f++)
		merge(all, f, width);
	reduce(all, width);

	solve(all, data->n_terms, set, &free_fit);
	if (!free_fit.full_rank) {
		out.status = MN_REGRESS_DEFICIENT;
		out.condition = free_fit.ratio > 0 ? 1 / free_fit.ratio : INFINITY;
		goto out;
	}
	used = solve_nonnegative(all, data->n_terms, set, &s);
	if (!used || ((set & ~constant_terms(data)) && !(used & ~constant_terms(data)))) {
		out.status = MN_REGRESS_IMPOSSIBLE;
		goto out;
	}
	fill_terms(data, set, used, &free_fit, &s, &out);
	measure(data, &s.value, NULL, &out.in_sample);
	if (data->n_folds > 1)
		cross_validate(data, folds, set, all, &out.out_of_fold);
out:
	gsl_set_error_handler(handler);
	free(folds);
	*ret = out;
	return 0;
}
