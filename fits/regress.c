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
 * dependent. QR of a million rows keeps about 1e-13. */
static const double rank_tolerance = 1e-9;

static const double penalty = 1 / MN_REGRESS_CONDITION_MAX;

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

/* Sorts by order; a million cards byte by byte, as that takes a third of the time. */
static int sort_deck(struct dealt *deck, size_t n)
{
	struct dealt *from = deck, *to, *spare;

	if (n < 4096) {
		qsort(deck, n, sizeof(*deck), by_order);
		return 0;
	}
	to = spare = malloc(n * sizeof(*spare));
	if (!spare)
		return MN_E_NOMEM;
	for (int shift = 0; shift < 64; shift += 8) {
		size_t start[257] = {0};
		struct dealt *other = from;

		for (size_t i = 0; i < n; i++)
			start[(from[i].order >> shift & 255) + 1]++;
		for (int i = 1; i < 256; i++)
			start[i] += start[i - 1];
		for (size_t i = 0; i < n; i++)
			to[start[from[i].order >> shift & 255]++] = from[i];
		from = to;
		to = other;
	}
	/* An even number of passes: the result is in deck. */
	free(spare);
	return 0;
}

int mn_regress_folds(const uint64_t *keys, const uint32_t *rows, const uint32_t *item, size_t n,
		     uint64_t seed, uint32_t max_folds, uint8_t *fold, uint32_t *ret_folds,
		     size_t *ret_distinct)
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
		size_t row = rows ? rows[i] : i;

		deck[i].order = mix(keys[item ? item[row] : row] ^ mix(seed));
		deck[i].row = (uint32_t)i;
	}
	if (sort_deck(deck, n)) {
		free(deck);
		return MN_E_NOMEM;
	}
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

double mn_regress_median(double *values, size_t n)
{
	size_t lo = 0, hi = n - 1, middle = n / 2;

	/* Hoare's quickselect. */
	while (lo < hi) {
		double pivot = values[lo + (hi - lo) / 2];
		size_t i = lo, j = hi;

		for (;;) {
			double swap;

			while (values[i] < pivot)
				i++;
			while (values[j] > pivot)
				j--;
			if (i >= j)
				break;
			swap = values[i];
			values[i++] = values[j];
			values[j--] = swap;
		}
		if (middle <= j)
			hi = j;
		else
			lo = j + 1;
	}
	return values[middle];
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
	double value[MN_REGRESS_TERMS_MAX]; /* 0 outside the set */
	double vif[MN_REGRESS_TERMS_MAX];
	double covariance[MN_REGRESS_TERMS_MAX][MN_REGRESS_TERMS_MAX]; /* for sigma = 1 */
	double rss;                                                    /* residual sum of squares */
	double ratio; /* smallest over largest singular value */
	int full_rank;
};

static double column_norm(const struct triangle *t, size_t p, size_t j)
{
	double norm = 0;

	for (size_t i = 0; i < p; i++)
		norm = hypot(norm, t->a[i][j]);
	return norm;
}

/* Least squares over the columns in `set` of a reduced triangle: SVD of the equilibrated columns,
 * with a ridge the penalties stand below them. */
static void solve(const struct triangle *t, size_t p, unsigned set, int ridge, struct solution *ret)
{
	double a_data[2 * MN_REGRESS_TERMS_MAX * MN_REGRESS_TERMS_MAX] = {0};
	double v_data[MN_REGRESS_TERMS_MAX * MN_REGRESS_TERMS_MAX];
	double s[MN_REGRESS_TERMS_MAX], scale[MN_REGRESS_TERMS_MAX];
	size_t column[MN_REGRESS_TERMS_MAX], m = 0;
	gsl_matrix_view a, v;
	gsl_vector_view sv;

	memset(ret, 0, sizeof(*ret));
	for (size_t j = 0; j < p; j++)
		if (set & 1u << j)
			column[m++] = j;
	a = gsl_matrix_view_array(a_data, ridge ? p + m : p, m);
	v = gsl_matrix_view_array(v_data, m, m);
	sv = gsl_vector_view_array(s, m);
	for (size_t k = 0; k < m; k++) {
		scale[k] = column_norm(t, p, column[k]);
		if (!(scale[k] > 0))
			return;
		for (size_t i = 0; i < p; i++)
			gsl_matrix_set(&a.matrix, i, k, t->a[i][column[k]] / scale[k]);
		if (ridge)
			gsl_matrix_set(&a.matrix, p + k, k, penalty);
	}
	if (gsl_linalg_SV_decomp_jacobi(&a.matrix, &v.matrix, &sv.vector))
		return;
	ret->ratio = gsl_vector_min(&sv.vector) / gsl_vector_max(&sv.vector);
	ret->full_rank = ret->ratio > rank_tolerance;
	if (!ret->full_rank)
		return;
	for (size_t k = 0; k < m; k++) {
		double value = 0;

		for (size_t l = 0; l < m; l++) {
			double ud = 0, vs = gsl_matrix_get(&v.matrix, k, l) / s[l];

			for (size_t i = 0; i < p; i++)
				ud += gsl_matrix_get(&a.matrix, i, l) * t->a[i][p];
			value += vs * ud;
			ret->vif[column[k]] += vs * vs;
			for (size_t o = 0; o < m; o++)
				ret->covariance[column[k]][column[o]] +=
					vs * gsl_matrix_get(&v.matrix, o, l) / s[l] / scale[k] /
					scale[o];
		}
		ret->value[column[k]] = value / scale[k];
	}
	ret->rss = t->a[p][p] * t->a[p][p];
	for (size_t i = 0; i < p; i++) {
		double residual = t->a[i][p];

		for (size_t k = 0; k < m; k++)
			residual -= t->a[i][column[k]] * ret->value[column[k]];
		ret->rss += residual * residual;
	}
}

static int feasible(const struct solution *s, size_t p)
{
	for (size_t j = 0; j < p; j++)
		if (s->value[j] < 0)
			return 0;
	return s->full_rank;
}

/* The column outside of `used` along which the residual shrinks most; p: none. */
static size_t steepest(const struct triangle *t, size_t p, unsigned candidates, const double *x)
{
	double best = 1e-12, norm = column_norm(t, p, p);
	size_t found = p;

	for (size_t j = 0; j < p; j++) {
		double w = 0, scale;

		if (!(candidates & 1u << j))
			continue;
		for (size_t i = 0; i < p; i++) {
			double residual = t->a[i][p];

			for (size_t k = 0; k < p; k++)
				residual -= t->a[i][k] * x[k];
			w += t->a[i][j] * residual;
		}
		scale = column_norm(t, p, j) * norm;
		if (scale > 0 && w / scale > best) {
			best = w / scale;
			found = j;
		}
	}
	return found;
}

/* Move x to the solution over *used, or as far as no value is negative, and drop what is 0 there.
 */
static void step(double *x, size_t p, unsigned *used, const struct solution *s)
{
	double alpha = 1;

	for (size_t j = 0; j < p; j++)
		if ((*used & 1u << j) && s->value[j] <= 0 && x[j] / (x[j] - s->value[j]) < alpha)
			alpha = x[j] / (x[j] - s->value[j]);
	for (size_t j = 0; j < p; j++) {
		if (!(*used & 1u << j))
			continue;
		x[j] += alpha * (s->value[j] - x[j]);
		if (s->value[j] <= 0 && x[j] <= 1e-14 * fabs(s->value[j])) {
			x[j] = 0;
			*used &= ~(1u << j);
		}
	}
}

/*
 * The best solution over columns of `set` without a negative value, by Lawson and Hanson (Solving
 * Least Squares Problems, chapter 23); the full set wins whenever it is feasible. Returns the
 * columns used, 0 if there are none.
 */
static unsigned solve_nonnegative(const struct triangle *t, size_t p, unsigned set, int ridge,
				  struct solution *ret)
{
	double x[MN_REGRESS_TERMS_MAX] = {0};
	unsigned used = 0, barred = 0;

	solve(t, p, set, ridge, ret);
	if (feasible(ret, p))
		return set;
	for (int round = 0; round < 10 * MN_REGRESS_TERMS_MAX; round++) {
		size_t j = steepest(t, p, set & ~used & ~barred, x);
		struct solution s;

		if (j == p)
			break;
		solve(t, p, used | 1u << j, ridge, &s);
		/* Rounding can promise descent where there is none: never try that again. */
		if (!s.full_rank || s.value[j] <= 0) {
			barred |= 1u << j;
			continue;
		}
		used |= 1u << j;
		while (used && !feasible(&s, p)) {
			unsigned before = used;

			step(x, p, &used, &s);
			if (used == before)
				break;
			if (used)
				solve(t, p, used, ridge, &s);
		}
		memcpy(x, s.value, sizeof(x));
	}
	if (used)
		solve(t, p, used, ridge, ret);
	return used && feasible(ret, p) ? used : 0;
}

/* Data */

static size_t row_of(const struct mn_regress *d, size_t i)
{
	return d->rows ? d->rows[i] : i;
}

static double x_of(const struct mn_regress *d, size_t j, size_t row)
{
	size_t at = d->item ? d->item[row] : row;

	return d->x32[j] ? d->x32[j][at] : d->x[j] ? d->x[j][at] : 1.0;
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

static double weight_of(const struct mn_regress *d, size_t row)
{
	return d->weighting == MN_WEIGHTING_RELATIVE ? 1 / d->y[row] : 1;
}

static double fit_of(const struct mn_regress *d, const double *value, size_t row)
{
	double fit = 0;

	for (size_t j = 0; j < d->n_terms; j++)
		fit += value[j] * x_of(d, j, row);
	return fit;
}

/* robust: another weight a row, or NULL. */
static void accumulate(const struct mn_regress *d, const double *robust, struct triangle *folds)
{
	size_t width = d->n_terms + 1;

	for (size_t i = 0; i < d->n; i++) {
		size_t row = row_of(d, i);
		double *out = next_row(&folds[d->fold ? d->fold[i] : 0], width);
		double w = weight_of(d, row) * (robust ? sqrt(robust[i]) : 1);

		for (size_t j = 0; j < d->n_terms; j++)
			out[j] = w * x_of(d, j, row);
		out[d->n_terms] = w * d->y[row];
	}
	for (uint32_t f = 0; f < (d->n_folds ? d->n_folds : 1); f++)
		reduce(&folds[f], width);
}

/* The triangle of all folds but `held`; UINT32_MAX: of all. */
static void gather(const struct mn_regress *d, const struct triangle *folds, uint32_t held,
		   struct triangle *work)
{
	memset(work, 0, sizeof(*work));
	for (uint32_t f = 0; f < (d->n_folds ? d->n_folds : 1); f++)
		if (f != held)
			merge(work, &folds[f], d->n_terms + 1);
	reduce(work, d->n_terms + 1);
}

void mn_regress_measure(const double *ys, const uint32_t *rows, const double *predicted, size_t n,
			struct mn_regress_errors *ret)
{
	double mean = 0, total = 0, rss = 0, sum = 0;
	size_t in5 = 0, in10 = 0;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < n; i++)
		mean += (ys[rows ? rows[i] : i] - mean) / (double)(i + 1);
	for (size_t i = 0; i < n; i++) {
		double y = ys[rows ? rows[i] : i], fit = predicted[i];
		double relative = 100 * fabs((fit - y) / y);

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
	ret->mape_pct = sum / (double)n;
	ret->within5_pct = 100 * (double)in5 / (double)n;
	ret->within10_pct = 100 * (double)in10 / (double)n;
}

static const struct mn_regress_errors no_errors = {NAN, NAN, NAN, NAN, NAN, 0};

static void cross_validate(const struct mn_regress *d, const struct triangle *folds, unsigned set,
			   int ridge, struct triangle *work, double *predicted)
{
	double values[MN_REGRESS_FOLDS_MAX][MN_REGRESS_TERMS_MAX];

	for (uint32_t held = 0; held < d->n_folds; held++) {
		struct solution s;

		gather(d, folds, held, work);
		if (!solve_nonnegative(work, d->n_terms, set, ridge, &s))
			memset(&s, 0, sizeof(s));
		memcpy(values[held], s.value, sizeof(values[held]));
	}
	for (size_t i = 0; i < d->n; i++)
		predicted[i] = fit_of(d, values[d->fold[i]], row_of(d, i));
}

/* Bisquare weights from the residuals of a solution. 0: the rows lie on it, nothing to weigh. */
static int reweigh(const struct mn_regress *d, const struct solution *s, double *scratch,
		   double *weights, struct mn_regress_result *ret)
{
	double scale, worst = 0;

	for (size_t i = 0; i < d->n; i++) {
		size_t row = row_of(d, i);

		weights[i] = weight_of(d, row) * (d->y[row] - fit_of(d, s->value, row));
		scratch[i] = fabs(weights[i]);
	}
	scale = 4.685 * 1.4826 * mn_regress_median(scratch, d->n);
	/* Exact to rounding. */
	if (!(scale > 1e-9 * (d->weighting == MN_WEIGHTING_RELATIVE ? 1 : fabs(s->value[0]))))
		return 0;
	ret->n_outliers = 0;
	for (size_t i = 0; i < d->n; i++) {
		double u = fabs(weights[i]) / scale;

		weights[i] = u < 1 ? (1 - u * u) * (1 - u * u) : 0;
		ret->n_outliers += u >= 1;
		if (u > worst) {
			worst = u;
			ret->outlier = i;
		}
	}
	return 1;
}

static void fill_terms(const struct mn_regress *d, const struct triangle *all, unsigned set,
		       unsigned used, double n_rows, const struct solution *free_fit,
		       const struct solution *s, struct mn_regress_result *ret)
{
	double freedom;

	for (size_t j = 0; j < d->n_terms; j++)
		ret->n_fitted += (used >> j) & 1;
	freedom = fmax(1, n_rows - (double)ret->n_fitted);
	ret->sigma = sqrt(s->rss / freedom);
	ret->t95 = gsl_cdf_tdist_Pinv(0.975, freedom);
	for (size_t j = 0; j < d->n_terms; j++)
		for (size_t k = 0; k < d->n_terms; k++)
			ret->covariance[j][k] = ret->sigma * ret->sigma * s->covariance[j][k];
	for (size_t j = 0; j < d->n_terms; j++) {
		struct mn_regress_term *term = &ret->terms[j];

		if (!(set & 1u << j)) {
			term->state = MN_REGRESS_ZERO;
			continue;
		}
		/* What is only rounding is 0. */
		if (fabs(free_fit->value[j]) * column_norm(all, d->n_terms, j) >
		    1e-9 * column_norm(all, d->n_terms, d->n_terms))
			term->unconstrained = free_fit->value[j];
		if (!(used & 1u << j)) {
			term->state = MN_REGRESS_HELD;
			continue;
		}
		term->value = s->value[j];
		term->vif = s->vif[j];
		term->std_err = sqrt(ret->covariance[j][j]);
		term->ci95_lo = term->value - ret->t95 * term->std_err;
		term->ci95_hi = term->value + ret->t95 * term->std_err;
	}
}

void mn_regress_predict(const struct mn_regress *data, const struct mn_regress_result *r,
			const double *x, double *ret_value, double *ret_lo, double *ret_hi)
{
	double value = 0, variance = 0, half;

	for (size_t j = 0; j < data->n_terms; j++) {
		value += r->terms[j].value * x[j];
		for (size_t k = 0; k < data->n_terms; k++)
			variance += x[j] * x[k] * r->covariance[j][k];
	}
	half = r->sigma * (data->weighting == MN_WEIGHTING_RELATIVE ? value : 1);
	half = r->t95 * sqrt(variance + half * half);
	*ret_value = value;
	*ret_lo = value - half;
	*ret_hi = value + half;
}

static unsigned constant_terms(const struct mn_regress *d)
{
	unsigned set = 0;

	for (size_t j = 0; j < d->n_terms; j++)
		if (!d->x[j] && !d->x32[j])
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

struct work {
	struct triangle *folds, *all; /* a triangle a fold, then one for sums of them */
	double *weights, *scratch;    /* n each; weights: of a robust fit */
	double n_rows;                /* sum of the weights */
};

static int get_work(const struct mn_regress *d, struct work *w)
{
	size_t folds = d->n_folds ? d->n_folds : 1;

	w->folds = calloc(folds + 1, sizeof(*w->folds));
	w->all = w->folds + folds;
	w->scratch = malloc((d->n ? d->n : 1) * sizeof(double));
	w->weights = d->robust ? malloc((d->n ? d->n : 1) * sizeof(double)) : NULL;
	w->n_rows = (double)d->n;
	return w->folds && w->scratch && (w->weights || !d->robust) ? 0 : MN_E_NOMEM;
}

static void free_work(struct work *w)
{
	free(w->folds);
	free(w->scratch);
	free(w->weights);
}

/* The columns of the set that do not depend on the constant and on those before them. */
static unsigned independent(const struct mn_regress *d, const struct triangle *all, unsigned set)
{
	unsigned kept = set & constant_terms(d);

	for (size_t j = 0; j < d->n_terms; j++) {
		struct solution s;

		if (!(set & ~kept & 1u << j))
			continue;
		solve(all, d->n_terms, kept | 1u << j, 0, &s);
		if (s.full_rank)
			kept |= 1u << j;
	}
	return kept;
}

/* Solve, judge the condition, and choose the ridge if that is needed. */
static unsigned fit_once(const struct mn_regress *d, struct work *w, const double *weights,
			 unsigned *set, struct solution *free_fit, struct solution *s,
			 struct mn_regress_result *ret)
{
	size_t folds = d->n_folds ? d->n_folds : 1;

	memset(w->folds, 0, folds * sizeof(*w->folds));
	accumulate(d, weights, w->folds);
	gather(d, w->folds, UINT32_MAX, w->all);
	solve(w->all, d->n_terms, *set, 0, free_fit);
	if (!free_fit->full_rank && d->drop) {
		*set = independent(d, w->all, *set);
		solve(w->all, d->n_terms, *set, 0, free_fit);
	}
	ret->condition = free_fit->ratio > 0 ? 1 / free_fit->ratio : INFINITY;
	/* What the rows do not determine is not made up by a penalty. */
	if (!free_fit->full_rank) {
		ret->status = MN_REGRESS_DEFICIENT;
		return 0;
	}
	ret->ridge = ret->condition > MN_REGRESS_CONDITION_MAX;
	if (ret->ridge)
		solve(w->all, d->n_terms, *set, 1, free_fit);
	return solve_nonnegative(w->all, d->n_terms, *set, ret->ridge, s);
}

/* Bisquare: fit, weigh, fit again until the values stand still. */
static unsigned fit_robust(const struct mn_regress *d, struct work *w, unsigned set, unsigned used,
			   struct solution *free_fit, struct solution *s,
			   struct mn_regress_result *ret)
{
	for (int round = 0; round < 30 && used; round++) {
		double before[MN_REGRESS_TERMS_MAX], change = 0;

		memcpy(before, s->value, sizeof(before));
		if (!reweigh(d, s, w->scratch, w->weights, ret))
			break;
		used = fit_once(d, w, w->weights, &set, free_fit, s, ret);
		w->n_rows = 0;
		for (size_t i = 0; i < d->n; i++)
			w->n_rows += w->weights[i];
		for (size_t j = 0; j < d->n_terms; j++)
			if (s->value[j] != before[j])
				change = fmax(change,
					      fabs(s->value[j] - before[j]) /
						      fmax(fabs(before[j]), fabs(s->value[j])));
		if (change < 1e-9)
			break;
	}
	return used;
}

int mn_regress_fit(const struct mn_regress *data, struct mn_regress_result *ret, struct mn_err *err)
{
	struct mn_regress_result out = {.in_sample = no_errors, .out_of_fold = no_errors};
	struct solution free_fit, s;
	gsl_error_handler_t *handler;
	unsigned set, before, varying, used;
	struct work w = {0};

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
	if (get_work(data, &w)) {
		free_work(&w);
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	}
	handler = gsl_set_error_handler_off();
	before = set;
	used = fit_once(data, &w, NULL, &set, &free_fit, &s, &out);
	if (data->robust)
		used = fit_robust(data, &w, set, used, &free_fit, &s, &out);
	if (out.status != MN_REGRESS_OK)
		goto out;
	if (!used || ((set & ~constant_terms(data)) && !(used & ~constant_terms(data)))) {
		out.status = MN_REGRESS_IMPOSSIBLE;
		goto out;
	}
	fill_terms(data, w.all, set, used, w.n_rows, &free_fit, &s, &out);
	for (size_t j = 0; j < data->n_terms; j++)
		if (before & ~set & 1u << j)
			out.terms[j].state = MN_REGRESS_DROPPED;
	for (size_t i = 0; i < data->n; i++)
		w.scratch[i] = fit_of(data, s.value, row_of(data, i));
	mn_regress_measure(data->y, data->rows, w.scratch, data->n, &out.in_sample);
	if (data->n_folds > 1) {
		double *predicted = data->predicted ? data->predicted : w.scratch;

		cross_validate(data, w.folds, set, out.ridge, w.all, predicted);
		mn_regress_measure(data->y, data->rows, predicted, data->n, &out.out_of_fold);
	}
out:
	gsl_set_error_handler(handler);
	free_work(&w);
	*ret = out;
	return 0;
}

static unsigned terms_of(const struct mn_regress *d, const struct mn_regress_result *r)
{
	unsigned set = 0;

	for (size_t j = 0; j < d->n_terms; j++)
		if (r->terms[j].state == MN_REGRESS_FITTED || r->terms[j].state == MN_REGRESS_HELD)
			set |= 1u << j;
	return set;
}

int mn_regress_hold_out(const struct mn_regress *data, const struct mn_regress_result *result,
			const uint8_t *fold, uint32_t n_folds, double *predicted)
{
	struct mn_regress d = *data;
	gsl_error_handler_t *handler;
	struct work w = {0};

	if (n_folds < 2 || n_folds > MN_REGRESS_FOLDS_MAX)
		return MN_E_INVALID;
	d.fold = fold;
	d.n_folds = n_folds;
	if (get_work(&d, &w)) {
		free_work(&w);
		return MN_E_NOMEM;
	}
	handler = gsl_set_error_handler_off();
	accumulate(&d, NULL, w.folds);
	cross_validate(&d, w.folds, terms_of(&d, result), result->ridge, w.all, predicted);
	gsl_set_error_handler(handler);
	free_work(&w);
	return 0;
}

/* Poisson with mean 1, from 64 random bits. */
static double poisson(uint64_t bits)
{
	double u = (double)(bits >> 11) * 0x1p-53, p = exp(-1), sum = p;
	int k = 0;

	while (u >= sum && k < 20) {
		p /= ++k;
		sum += p;
	}
	return k;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int mn_regress_bootstrap(const struct mn_regress *data, const struct mn_regress_result *result,
			 const uint64_t *keys, uint64_t seed, uint32_t n_resamples, double *ret_lo,
			 double *ret_hi)
{
	struct mn_regress d = *data;
	const unsigned set = terms_of(data, result);
	gsl_error_handler_t *handler;
	struct work w = {0};
	double *values;

	if (n_resamples < 2)
		return MN_E_INVALID;
	d.fold = NULL;
	d.n_folds = 0;
	values = malloc((size_t)n_resamples * d.n_terms * sizeof(*values));
	if (!values || get_work(&d, &w)) {
		free(values);
		free_work(&w);
		return MN_E_NOMEM;
	}
	handler = gsl_set_error_handler_off();
	for (uint32_t b = 0; b < n_resamples; b++) {
		struct solution s;

		for (size_t i = 0; i < d.n; i++) {
			size_t row = row_of(&d, i);

			w.scratch[i] =
				poisson(mix(keys[d.item ? d.item[row] : row] ^ mix(seed + 1 + b)));
		}
		memset(w.folds, 0, sizeof(*w.folds));
		accumulate(&d, w.scratch, w.folds);
		if (!solve_nonnegative(w.folds, d.n_terms, set, result->ridge, &s))
			memset(&s, 0, sizeof(s));
		for (size_t j = 0; j < d.n_terms; j++)
			values[j * n_resamples + b] = s.value[j];
	}
	gsl_set_error_handler(handler);
	for (size_t j = 0; j < d.n_terms; j++) {
		double *v = values + j * n_resamples, last = n_resamples - 1;

		qsort(v, n_resamples, sizeof(*v), by_value);
		ret_lo[j] = v[(size_t)(0.025 * last + 0.5)];
		ret_hi[j] = v[(size_t)(0.975 * last + 0.5)];
	}
	free(values);
	free_work(&w);
	return 0;
}
