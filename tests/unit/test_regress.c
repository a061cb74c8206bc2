/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gsl/gsl_multifit.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#include "regress.h"

enum { ROWS = 400 };

/* Columns as of a sweep: sizes over decades. */
struct data {
	double x[3][ROWS], y[ROWS];
	uint64_t key[ROWS];
	uint8_t fold[ROWS];
	struct mn_regress d;
};

static gsl_rng *new_rng(unsigned long seed)
{
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);

	assert_non_null(rng);
	gsl_rng_set(rng, seed);
	return rng;
}

static void deal(struct data *t, size_t n)
{
	t->d.n = n;
	assert_int_equal(mn_regress_folds(t->key, t->d.rows, NULL, n, 1, 10, t->fold, &t->d.n_folds,
					  &t->d.n_distinct),
			 0);
	t->d.fold = t->fold;
}

/* y = a*x0 + b*x1 + c, times (1 + noise) */
static struct data *make(size_t n, double a, double b, double c, double noise, unsigned long seed)
{
	struct data *t = calloc(1, sizeof(*t));
	gsl_rng *rng = new_rng(seed);

	assert_non_null(t);
	for (size_t i = 0; i < n; i++) {
		t->x[0][i] = exp(gsl_ran_flat(rng, log(1e3), log(1e7)));
		t->x[1][i] = exp(gsl_ran_flat(rng, log(1e2), log(1e5)));
		t->x[2][i] = 0;
		t->y[i] = (a * t->x[0][i] + b * t->x[1][i] + c) *
			  (1 + noise * gsl_ran_gaussian(rng, 1));
		t->key[i] = i * 7919;
	}
	gsl_rng_free(rng);
	t->d.n_terms = 3;
	t->d.x[0] = t->x[0];
	t->d.x[1] = t->x[1];
	t->d.y = t->y;
	t->d.weighting = MN_WEIGHTING_RELATIVE;
	deal(t, n);
	return t;
}

static struct mn_regress_result fit(const struct data *t)
{
	struct mn_regress_result r;
	struct mn_err err;

	assert_int_equal(mn_regress_fit(&t->d, &r, &err), 0);
	return r;
}

static void assert_close(double got, double want, double relative)
{
	if (!(fabs(got - want) <= relative * fabs(want)))
		fail_msg("%.17g is not %.17g to %g", got, want, relative);
}

static void exact_data_gives_the_planted_coefficients(void **state)
{
	struct data *t = make(300, 2.5e-6, 4e-5, 0.013, 0, 11);
	struct mn_regress_result r = fit(t);

	(void)state;
	assert_int_equal(r.status, MN_REGRESS_OK);
	assert_close(r.terms[0].value, 2.5e-6, 1e-9);
	assert_close(r.terms[1].value, 4e-5, 1e-9);
	assert_close(r.terms[2].value, 0.013, 1e-9);
	assert_true(r.out_of_fold.mape_pct < 1e-6);
	assert_true(r.out_of_fold.r2 > 1 - 1e-12);
	assert_true(r.out_of_fold.within5_pct == 100 && r.out_of_fold.within10_pct == 100);
	free(t);
}

/* GSL's own weighted multifit is the reference for values and covariance. */
static void equals_gsl_multifit(void **state)
{
	struct data *t = make(ROWS, 2.5e-6, 4e-5, 0.013, 0.05, 12);
	struct mn_regress_result r = fit(t);
	gsl_matrix *x = gsl_matrix_alloc(ROWS, 3), *cov = gsl_matrix_alloc(3, 3);
	gsl_vector *y = gsl_vector_alloc(ROWS), *w = gsl_vector_alloc(ROWS);
	gsl_vector *c = gsl_vector_alloc(3);
	gsl_multifit_linear_workspace *work = gsl_multifit_linear_alloc(ROWS, 3);
	double chisq;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		gsl_matrix_set(x, i, 0, t->x[0][i]);
		gsl_matrix_set(x, i, 1, t->x[1][i]);
		gsl_matrix_set(x, i, 2, 1);
		gsl_vector_set(y, i, t->y[i]);
		gsl_vector_set(w, i, 1 / (t->y[i] * t->y[i]));
	}
	gsl_multifit_wlinear(x, w, y, c, cov, &chisq, work);
	assert_close(r.sigma, sqrt(chisq / (ROWS - 3)), 1e-9);
	for (size_t j = 0; j < 3; j++) {
		/* wlinear's covariance is for known weights: sigma = 1. */
		double se = r.sigma * sqrt(gsl_matrix_get(cov, j, j));

		assert_close(r.terms[j].value, gsl_vector_get(c, j), 1e-9);
		assert_close(r.terms[j].std_err, se, 1e-8);
		/* t(0.975, 397) = 1.96596 */
		assert_close(r.terms[j].ci95_hi, gsl_vector_get(c, j) + 1.96596 * se, 1e-5);
	}
	gsl_multifit_linear_free(work);
	gsl_matrix_free(x);
	gsl_matrix_free(cov);
	gsl_vector_free(y);
	gsl_vector_free(w);
	gsl_vector_free(c);
	free(t);
}

/* Share of 95 % intervals that hold the truth, by simulation. */
static void coverage(enum mn_weighting weighting, size_t n)
{
	enum { RUNS = 2000 };
	static const double truth[3] = {2e-6, 5e-5, 0.5};
	size_t hits[3] = {0};

	for (unsigned long run = 0; run < RUNS; run++) {
		struct data *t = make(n, truth[0], truth[1], truth[2], 0, 1000 + run);
		gsl_rng *rng = new_rng(5000 + run);
		struct mn_regress_result r;

		t->d.weighting = weighting;
		for (size_t i = 0; i < n; i++)
			t->y[i] = weighting == MN_WEIGHTING_RELATIVE
					  ? t->y[i] * (1 + 0.02 * gsl_ran_gaussian(rng, 1))
					  : t->y[i] + 0.05 * gsl_ran_gaussian(rng, 1);
		r = fit(t);
		assert_int_equal(r.status, MN_REGRESS_OK);
		for (int j = 0; j < 3; j++)
			hits[j] += r.terms[j].ci95_lo <= truth[j] && truth[j] <= r.terms[j].ci95_hi;
		gsl_rng_free(rng);
		free(t);
	}
	for (int j = 0; j < 3; j++) {
		double share = 100.0 * (double)hits[j] / RUNS;

		if (share < 93 || share > 97)
			fail_msg("term %d, n %zu, weighting %d: %.2f %% covered (seeds 1000 and "
				 "5000 on)",
				 j, n, (int)weighting, share);
	}
}

static void intervals_cover_as_they_say(void **state)
{
	(void)state;
	coverage(MN_WEIGHTING_RELATIVE, 30);
	coverage(MN_WEIGHTING_RELATIVE, 200);
	coverage(MN_WEIGHTING_NONE, 8);
	coverage(MN_WEIGHTING_NONE, 60);
}

/* A model too rich for its few rows looks better on them than it is. */
static void out_of_fold_is_not_in_sample(void **state)
{
	double in = 0, out = 0;

	(void)state;
	for (unsigned long seed = 1; seed <= 50; seed++) {
		struct data *t = make(9, 2e-6, 5e-5, 0.5, 0.2, seed);
		struct mn_regress_result r = fit(t);

		assert_int_equal(r.status, MN_REGRESS_OK);
		in += r.in_sample.mape_pct;
		out += r.out_of_fold.mape_pct;
		free(t);
	}
	assert_true(out > 1.3 * in);
}

/* The predictions of a fold come from the other folds alone: refit by hand without it. */
static void held_out_rows_are_not_seen(void **state)
{
	struct data *t = make(25, 2e-6, 5e-5, 0.5, 0.1, 3);
	struct mn_regress_result whole, r;
	uint32_t rows[25];
	double sum = 0;

	(void)state;
	assert_int_equal(t->d.n_folds, 10);
	whole = fit(t);
	for (uint32_t f = 0; f < 10; f++) {
		struct mn_regress d = t->d;
		struct mn_err err;

		d.n = 0;
		d.rows = rows;
		d.n_folds = 0;
		d.fold = NULL;
		for (uint32_t i = 0; i < 25; i++)
			if (t->fold[i] != f)
				rows[d.n++] = i;
		assert_int_equal(mn_regress_fit(&d, &r, &err), 0);
		for (uint32_t i = 0; i < 25; i++)
			if (t->fold[i] == f)
				sum += 100 *
				       fabs((r.terms[0].value * t->x[0][i] +
					     r.terms[1].value * t->x[1][i] + r.terms[2].value) /
						    t->y[i] -
					    1);
	}
	assert_close(whole.out_of_fold.mape_pct, sum / 25, 1e-8);
	assert_true(isnan(r.out_of_fold.mape_pct));
	free(t);
}

static void folds_keep_equal_keys_together(void **state)
{
	uint64_t key[100], shuffled[100];
	uint8_t fold[100], other[100];
	uint32_t n_folds;
	size_t distinct, count[10] = {0};

	(void)state;
	for (size_t i = 0; i < 100; i++)
		key[i] = i / 2;
	assert_int_equal(mn_regress_folds(key, NULL, NULL, 100, 1, 10, fold, &n_folds, &distinct),
			 0);
	assert_int_equal(n_folds, 10);
	assert_int_equal(distinct, 50);
	for (size_t i = 0; i < 100; i += 2) {
		assert_int_equal(fold[i], fold[i + 1]);
		count[fold[i]]++;
	}
	for (size_t f = 0; f < 10; f++)
		assert_int_equal(count[f], 5);
	/* Another order of rows, the same folds. */
	for (size_t i = 0; i < 100; i++)
		shuffled[i] = key[99 - i];
	assert_int_equal(
		mn_regress_folds(shuffled, NULL, NULL, 100, 1, 10, other, &n_folds, &distinct), 0);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(fold[i], other[99 - i]);
	/* Another seed, other folds. */
	assert_int_equal(mn_regress_folds(key, NULL, NULL, 100, 2, 10, other, &n_folds, &distinct),
			 0);
	assert_memory_not_equal(fold, other, sizeof(fold));
	/* Few distinct keys: each is left out once. */
	assert_int_equal(mn_regress_folds(key, NULL, NULL, 38, 1, 10, fold, &n_folds, &distinct),
			 0);
	assert_int_equal(n_folds, 19);
	assert_int_equal(mn_regress_folds(key, NULL, NULL, 38, 1, 1, fold, &n_folds, &distinct),
			 MN_E_INVALID);
}

static void refuses_too_few_rows(void **state)
{
	struct data *t = make(5, 2e-6, 5e-5, 0.5, 0.01, 1);

	(void)state;
	assert_int_equal(fit(t).status, MN_REGRESS_OK);
	deal(t, 4);
	assert_int_equal(fit(t).status, MN_REGRESS_TOO_FEW);
	/* Measuring a layer again does not determine more. */
	deal(t, 5);
	t->x[0][4] = t->x[0][3];
	t->x[1][4] = t->x[1][3];
	t->key[4] = t->key[3];
	deal(t, 5);
	assert_int_equal(fit(t).status, MN_REGRESS_TOO_FEW);
	assert_true(isnan(fit(t).out_of_fold.mape_pct));
	free(t);
}

static void refuses_a_single_size(void **state)
{
	struct data *t = make(20, 2e-6, 5e-5, 0.5, 0.01, 1);

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		t->x[0][i] = 1000;
		t->x[1][i] = 10;
	}
	assert_int_equal(fit(t).status, MN_REGRESS_SINGLE);
	/* Also through the origin, where arithmetic would go through. */
	t->d.n_terms = 1;
	assert_int_equal(fit(t).status, MN_REGRESS_SINGLE);
	free(t);
}

static void dependent_columns_are_refused_and_nearly_dependent_ones_get_a_ridge(void **state)
{
	struct data *t = make(50, 2e-6, 5e-5, 0.5, 0, 1);
	struct mn_regress_result r;

	(void)state;
	for (size_t i = 0; i < 50; i++) {
		t->x[1][i] = 3 * t->x[0][i];
		t->y[i] = 2e-6 * t->x[0][i] + 0.5;
	}
	assert_int_equal(fit(t).status, MN_REGRESS_DEFICIENT);
	for (size_t i = 0; i < 50; i++)
		t->x[1][i] *= 1 + 1e-7 * (double)(i % 7);
	r = fit(t);
	assert_int_equal(r.status, MN_REGRESS_OK);
	assert_true(r.ridge && r.condition > 1e5);
	assert_true(r.terms[0].vif > 1e6 && r.terms[2].vif < 10);
	/* Neither column alone is known, their sum is: rows of the same kind are predicted. */
	assert_true(r.out_of_fold.worst_pct < 1e-3);
	/* A column that is the constant in disguise. */
	for (size_t i = 0; i < 50; i++)
		t->x[1][i] = 7;
	assert_int_equal(fit(t).status, MN_REGRESS_DEFICIENT);
	free(t);
}

/* Of new rows, 95 of 100 fall into the interval, with few rows as with many. */
static void prediction_intervals_cover_as_they_say(void **state)
{
	static const size_t sizes[] = {12, 30, 200};

	(void)state;
	for (int k = 0; k < 3; k++) {
		int inside = 0, total = 0;

		for (unsigned long seed = 1; seed <= 400; seed++) {
			/* The last 10 are new. */
			struct data *t = make(sizes[k] + 10, 2e-6, 5e-5, 0.5, 0.05, seed);
			struct mn_regress_result r;

			t->d.n = sizes[k];
			r = fit(t);
			for (size_t i = sizes[k]; i < sizes[k] + 10; i++) {
				const double x[] = {t->x[0][i], t->x[1][i], 1};
				double value, lo, hi;

				mn_regress_predict(&t->d, &r, x, &value, &lo, &hi);
				assert_true(lo < value && value < hi);
				inside += lo <= t->y[i] && t->y[i] <= hi;
				total++;
			}
			free(t);
		}
		print_message("%zu rows: %.2f %%\n", sizes[k], 100.0 * inside / total);
		assert_in_range(1000 * inside / total, 930, 970);
	}
}

static void resamples_say_what_the_theory_says(void **state)
{
	double lo[3], hi[3], again_lo[3], again_hi[3];
	struct data *t = make(200, 2e-6, 5e-5, 0.5, 0.05, 11);
	struct mn_regress_result r = fit(t);

	(void)state;
	assert_int_equal(mn_regress_bootstrap(&t->d, &r, t->key, 1, 1000, lo, hi), 0);
	for (int j = 0; j < 3; j++) {
		double theory = r.terms[j].ci95_hi - r.terms[j].ci95_lo;

		assert_true(lo[j] < r.terms[j].value && r.terms[j].value < hi[j]);
		assert_true(hi[j] - lo[j] > 0.7 * theory && hi[j] - lo[j] < 1.4 * theory);
	}
	assert_int_equal(mn_regress_bootstrap(&t->d, &r, t->key, 1, 1000, again_lo, again_hi), 0);
	assert_memory_equal(lo, again_lo, sizeof(lo));
	assert_memory_equal(hi, again_hi, sizeof(hi));
	assert_int_equal(mn_regress_bootstrap(&t->d, &r, t->key, 1, 1, lo, hi), MN_E_INVALID);
	free(t);
}

static void a_group_held_out_is_not_seen(void **state)
{
	struct data *t = make(90, 2e-6, 5e-5, 0.5, 0, 4);
	struct mn_regress_result r;
	double predicted[90];
	uint8_t group[90];

	(void)state;
	/* One group costs twice as much: the others cannot know. */
	for (size_t i = 0; i < 90; i++) {
		group[i] = i % 3;
		if (group[i] == 2)
			t->y[i] *= 2;
	}
	r = fit(t);
	assert_int_equal(mn_regress_hold_out(&t->d, &r, group, 3, predicted), 0);
	for (size_t i = 0; i < 90; i++)
		if (group[i] == 2)
			assert_true(fabs(predicted[i] / t->y[i] - 0.5) < 1e-6);
	assert_int_equal(mn_regress_hold_out(&t->d, &r, group, 1, predicted), MN_E_INVALID);
	free(t);
}

static void dependent_columns_are_dropped_if_asked(void **state)
{
	struct data *t = make(50, 2e-6, 5e-5, 0.5, 0, 4);
	struct mn_regress_result r;

	(void)state;
	for (size_t i = 0; i < 50; i++)
		t->x[1][i] = 3 * t->x[0][i];
	t->d.drop = 1;
	r = fit(t);
	assert_int_equal(r.status, MN_REGRESS_OK);
	assert_int_equal(r.terms[0].state, MN_REGRESS_FITTED);
	assert_int_equal(r.terms[1].state, MN_REGRESS_DROPPED);
	assert_int_equal(r.terms[2].state, MN_REGRESS_FITTED);
	assert_true(r.terms[1].value == 0);
	free(t);
}

static void a_disturbed_row_does_not_move_a_robust_fit(void **state)
{
	struct data *t = make(100, 2e-6, 5e-5, 0.5, 0.01, 3);
	struct mn_regress_result plain, robust;

	(void)state;
	for (size_t i = 0; i < 100; i += 10)
		t->y[i] *= 3;
	t->y[40] *= 2;
	plain = fit(t);
	t->d.robust = 1;
	robust = fit(t);
	assert_true(fabs(plain.terms[0].value / 2e-6 - 1) > 0.02);
	assert_true(fabs(robust.terms[0].value / 2e-6 - 1) < 0.005);
	assert_true(fabs(robust.terms[1].value / 5e-5 - 1) < 0.01);
	assert_in_range(robust.n_outliers, 10, 12);
	/* Relative residuals end at 1: any of the disturbed may be the furthest. */
	assert_int_equal(robust.outlier % 10, 0);
	/* Rows that lie on it exactly have no scale to be judged by. */
	for (size_t i = 0; i < 100; i++)
		t->y[i] = 2e-6 * t->x[0][i] + 5e-5 * t->x[1][i] + 0.5;
	robust = fit(t);
	assert_true(fabs(robust.terms[0].value / 2e-6 - 1) < 1e-9);
	assert_int_equal(robust.n_outliers, 0);
	free(t);
}

static void refuses_what_is_no_number(void **state)
{
	const double bad[] = {NAN, INFINITY, 0, -1};

	(void)state;
	for (size_t k = 0; k < 4; k++) {
		struct data *t = make(20, 2e-6, 5e-5, 0.5, 0.01, 1);

		t->y[13] = bad[k];
		assert_int_equal(fit(t).status, MN_REGRESS_NAN);
		assert_int_equal(fit(t).bad_row, 13);
		free(t);
	}
	for (size_t k = 0; k < 2; k++) {
		struct data *t = make(20, 2e-6, 5e-5, 0.5, 0.01, 1);

		t->x[1][5] = bad[k];
		assert_int_equal(fit(t).status, MN_REGRESS_NAN);
		assert_int_equal(fit(t).bad_row, 5);
		free(t);
	}
}

static void drops_a_column_of_zeros(void **state)
{
	struct data *t = make(100, 2e-6, 0, 0.5, 0, 1);
	struct mn_regress_result r;

	(void)state;
	t->d.x[1] = t->x[2];
	r = fit(t);
	assert_int_equal(r.status, MN_REGRESS_OK);
	assert_int_equal(r.terms[1].state, MN_REGRESS_ZERO);
	assert_int_equal(r.n_fitted, 2);
	assert_close(r.terms[0].value, 2e-6, 1e-9);
	free(t);
}

/* Planted: y falls with x1. Held at 0, and the others are the best without it. */
static void holds_a_negative_cost_at_zero(void **state)
{
	struct data *t = make(200, 2e-6, 0, 1, 0.001, 1);
	struct mn_regress_result r, without;

	(void)state;
	for (size_t i = 0; i < 200; i++)
		t->y[i] -= 5e-6 * t->x[1][i];
	r = fit(t);
	assert_int_equal(r.status, MN_REGRESS_OK);
	assert_int_equal(r.terms[1].state, MN_REGRESS_HELD);
	assert_true(r.terms[1].value == 0 && r.terms[1].unconstrained < -4e-6);
	assert_int_equal(r.n_fitted, 2);
	t->d.x[1] = t->x[2];
	without = fit(t);
	assert_close(r.terms[0].value, without.terms[0].value, 1e-12);
	assert_close(r.terms[2].value, without.terms[2].value, 1e-12);
	free(t);
}

static void refuses_a_cost_that_does_not_grow(void **state)
{
	struct data *t = make(50, 2e-6, 0, 1, 0, 1);

	(void)state;
	t->d.x[1] = NULL;
	t->d.n_terms = 2;
	for (size_t i = 0; i < 50; i++)
		t->y[i] = 100 - 1e-6 * t->x[0][i];
	assert_int_equal(fit(t).status, MN_REGRESS_IMPOSSIBLE);
	free(t);
}

static void a_mean_is_a_model_of_one_constant(void **state)
{
	struct data *t = make(3, 0, 0, 1, 0, 1);
	struct mn_regress_result r;

	(void)state;
	t->y[0] = 99;
	t->y[1] = 100;
	t->y[2] = 101;
	t->d.x[0] = NULL;
	t->d.n_terms = 1;
	t->d.weighting = MN_WEIGHTING_NONE;
	r = fit(t);
	assert_int_equal(r.status, MN_REGRESS_OK);
	assert_close(r.terms[0].value, 100, 1e-12);
	assert_close(r.sigma, 1, 1e-12);
	/* t(0.975, 2) = 4.30265 */
	assert_close(r.terms[0].ci95_hi, 100 + 4.30265 / sqrt(3), 1e-6);
	assert_close(r.out_of_fold.worst_pct, 100 * 1.5 / 99, 1e-9);
	assert_int_equal(r.out_of_fold.worst, 0);
	free(t);
}

static void error_columns_count_as_they_say(void **state)
{
	struct data *t = make(4, 0, 0, 0, 0, 1);
	struct mn_regress_result r;

	(void)state;
	/* Through the origin, unweighted: the large row alone decides, 2 a unit (to 1e-12). */
	for (size_t i = 0; i < 3; i++)
		t->x[0][i] = (double)i + 1;
	t->x[0][3] = 1e9;
	t->y[0] = 2 / 1.04;
	t->y[1] = 4 / 1.08;
	t->y[2] = 6 / 1.2;
	t->y[3] = 2e9;
	t->d.n_terms = 1;
	t->d.weighting = MN_WEIGHTING_NONE;
	r = fit(t);
	assert_close(r.in_sample.mape_pct, 8, 1e-6);
	assert_close(r.in_sample.within5_pct, 50, 1e-12);
	assert_close(r.in_sample.within10_pct, 75, 1e-12);
	assert_close(r.in_sample.worst_pct, 20, 1e-6);
	assert_int_equal(r.in_sample.worst, 2);
	free(t);
}

static void refuses_bad_calls(void **state)
{
	struct data *t = make(10, 1, 1, 1, 0, 1);
	struct mn_regress_result r;
	struct mn_err err;

	(void)state;
	t->d.n_terms = MN_REGRESS_TERMS_MAX + 1;
	assert_int_equal(mn_regress_fit(&t->d, &r, &err), MN_E_INVALID);
	t->d.n_terms = 0;
	assert_int_equal(mn_regress_fit(&t->d, &r, &err), MN_E_INVALID);
	t->d.n_terms = 2;
	t->d.fold = NULL;
	assert_int_equal(mn_regress_fit(&t->d, &r, &err), MN_E_INVALID);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_data_gives_the_planted_coefficients),
		cmocka_unit_test(equals_gsl_multifit),
		cmocka_unit_test(intervals_cover_as_they_say),
		cmocka_unit_test(out_of_fold_is_not_in_sample),
		cmocka_unit_test(held_out_rows_are_not_seen),
		cmocka_unit_test(folds_keep_equal_keys_together),
		cmocka_unit_test(refuses_too_few_rows),
		cmocka_unit_test(refuses_a_single_size),
		cmocka_unit_test(
			dependent_columns_are_refused_and_nearly_dependent_ones_get_a_ridge),
		cmocka_unit_test(prediction_intervals_cover_as_they_say),
		cmocka_unit_test(resamples_say_what_the_theory_says),
		cmocka_unit_test(a_group_held_out_is_not_seen),
		cmocka_unit_test(dependent_columns_are_dropped_if_asked),
		cmocka_unit_test(a_disturbed_row_does_not_move_a_robust_fit),
		cmocka_unit_test(refuses_what_is_no_number),
		cmocka_unit_test(drops_a_column_of_zeros),
		cmocka_unit_test(holds_a_negative_cost_at_zero),
		cmocka_unit_test(refuses_a_cost_that_does_not_grow),
		cmocka_unit_test(a_mean_is_a_model_of_one_constant),
		cmocka_unit_test(error_columns_count_as_they_say),
		cmocka_unit_test(refuses_bad_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
