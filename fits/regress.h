/* SPDX-License-Identifier: MIT */
/*
 * Least squares on plain arrays: no store, no layers, no names. What the arrays mean is fit.h's
 * business.
 *
 * Model: y = sum of value_j * x_j, all value_j >= 0. Costs are sums of non-negative parts: a
 * negative ms per MAC is impossible, so a coefficient that would come out negative is held at 0
 * (the non-negative least squares solution, by Lawson and Hanson's active set) and marked.
 *
 * Columns that depend on each other exactly (condition over 1e9) are refused as rank-deficient, or
 * those that add nothing are left out and marked.
 * Where they nearly do (condition over MN_REGRESS_CONDITION_MAX) the fit is a ridge: each
 * equilibrated column is penalised with 1 / MN_REGRESS_CONDITION_MAX^2, which chooses the smallest
 * of the coefficients that explain the rows alike. Predictions of layers like those fitted are not
 * touched by that; single coefficients mean little then, and the caller is told.
 *
 * Robust: iteratively reweighted with Tukey's bisquare (4.685 times the scale of the residuals,
 * which is 1.4826 times the median of their absolute values).
 *
 * Method: one pass of Householder QR over the rows, a triangle per fold (GSL); everything after
 * that (solution by SVD, rank, covariance, each fold's own solution) works on triangles of a few
 * numbers. No normal equations: the conditioning of the data is not squared. A million rows need no
 * more memory than their own columns. GSL's error handler is switched off meanwhile; not thread
 * safe for that reason.
 *
 * Intervals are value +- t(0.975, n - terms) * standard error: right for independent errors whose
 * size is as the weighting says.
 *
 * Out-of-fold: each fold is predicted by the terms fitted on the others, with the same zero
 * columns and non-negativity decided anew, so nothing of a held-out row is seen.
 */
#ifndef MN_REGRESS_H
#define MN_REGRESS_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum {
	MN_REGRESS_TERMS_MAX = 18,
	MN_REGRESS_FOLDS_MAX = 20,
};

#define MN_REGRESS_CONDITION_MAX 1e5

enum mn_weighting {
	MN_WEIGHTING_NONE,     /* minimise sum of (y - fit)^2 */
	MN_WEIGHTING_RELATIVE, /* minimise sum of (1 - fit/y)^2: a small layer counts as much as a
				  large one */
};

struct mn_regress {
	size_t n;       /* rows used */
	size_t n_terms; /* 1..MN_REGRESS_TERMS_MAX */
	/* A column a term, of doubles or of integers; neither is the constant 1. */
	const double *x[MN_REGRESS_TERMS_MAX];
	const uint32_t *x32[MN_REGRESS_TERMS_MAX];
	const double *y;
	const uint32_t *rows; /* row i has y[rows[i]]; NULL: y[i] */
	const uint32_t *item; /* and x[j][item[rows[i]]]; NULL: x[j][rows[i]] */
	enum mn_weighting weighting;
	const uint8_t *fold; /* of row i, from mn_regress_folds() */
	uint32_t n_folds;
	size_t n_distinct; /* distinct keys; repeated rows do not make a model determined */
	int robust;        /* 1: bisquare */
	int drop; /* 1: columns that depend on the constant and those before them are left out; 0:
		     refused */
	double *predicted; /* if not NULL: gets each row's out-of-fold prediction, n of them */
};

/* Why there is no model; text in mn_regress_status_text(). */
enum mn_regress_status {
	MN_REGRESS_OK,
	MN_REGRESS_TOO_FEW,    /* fewer rows, or fewer distinct ones, than terms + 2 */
	MN_REGRESS_SINGLE,     /* no column but the constant varies */
	MN_REGRESS_DEFICIENT,  /* columns that depend on each other exactly */
	MN_REGRESS_NAN,        /* NaN, infinite, or not positive with relative weights: bad_row */
	MN_REGRESS_IMPOSSIBLE, /* nothing but the constant is left: y does not grow with any column
				*/
};
/* "ok" "too few rows" "single size" "rank-deficient" "not a number" "impossible" */
const char *mn_regress_status_text(enum mn_regress_status status);

enum mn_regress_state {
	MN_REGRESS_FITTED,
	MN_REGRESS_ZERO,    /* the column is 0 in every row: nothing can be said, value 0 */
	MN_REGRESS_HELD,    /* would be negative (`unconstrained`): held at 0 */
	MN_REGRESS_DROPPED, /* depends on other columns (struct mn_regress.drop): value 0 */
};

struct mn_regress_term {
	enum mn_regress_state state;
	double value, std_err, ci95_lo, ci95_hi; /* 0 if not fitted */
	double unconstrained;                    /* value without the non-negativity */
	/* Variance inflation: how many times larger the variance is than with columns that are
	 * orthogonal to each other. 1 is best; over 10 the term is hard to tell from the others. */
	double vif;
};

/* Relative errors are (fit - y) / y in percent; r2 is 1 - sum (y - fit)^2 / sum (y - mean y)^2,
 * unweighted, NAN if y does not vary. */
struct mn_regress_errors {
	double r2, mape_pct, within5_pct, within10_pct, worst_pct;
	size_t worst; /* i of the row with the largest error */
};

struct mn_regress_result {
	enum mn_regress_status status;
	struct mn_regress_term terms[MN_REGRESS_TERMS_MAX];
	size_t n_fitted;  /* terms in state FITTED */
	double sigma;     /* standard deviation of the (weighted) residuals, n - n_fitted degrees */
	double condition; /* of the equilibrated columns, 1 is orthogonal; set if DEFICIENT too */
	int ridge;        /* 1: see above */
	double t95;       /* half width of a 95 % interval in standard errors */
	/* Of the values; 0 in rows and columns of terms that are not fitted. */
	double covariance[MN_REGRESS_TERMS_MAX][MN_REGRESS_TERMS_MAX];
	size_t n_outliers; /* robust: rows of weight 0 */
	size_t outlier;    /* i of the one that is furthest off */
	size_t bad_row;    /* i, if status is NAN */
	struct mn_regress_errors in_sample, out_of_fold;
};

/*
 * Deal rows to folds: equal keys always to the same one (a layer that was measured twice must not
 * predict itself), the distinct keys evenly, in an order drawn from seed that does not depend on
 * the order of rows. Leave-one-out (a fold a key) below 2 * max_folds distinct keys. fold[i] is for
 * row i; rows, item and keys are as rows, item and a column of struct mn_regress. max_folds
 * is 2..MN_REGRESS_FOLDS_MAX / 2. MN_E_NOMEM, MN_E_INVALID.
 */
int mn_regress_folds(const uint64_t *keys, const uint32_t *rows, const uint32_t *item, size_t n,
		     uint64_t seed, uint32_t max_folds, uint8_t *fold, uint32_t *ret_folds,
		     size_t *ret_distinct);

/* The middle one of n > 0 values (the upper of two), which are left in another order. */
double mn_regress_median(double *values, size_t n);

/*
 * Fit. 0 with ret->status for whatever the data are; MN_E_INVALID, MN_E_NOMEM for what the caller
 * did. With fewer than two folds out_of_fold is all NAN.
 */
int mn_regress_fit(const struct mn_regress *data, struct mn_regress_result *ret,
		   struct mn_err *err);

/*
 * Predictions of each row by the terms of `result` fitted on the rows of other groups: fold[i] of
 * row i is below n_folds (2..MN_REGRESS_FOLDS_MAX). predicted has n. MN_E_INVALID, MN_E_NOMEM.
 */
int mn_regress_hold_out(const struct mn_regress *data, const struct mn_regress_result *result,
			const uint8_t *fold, uint32_t n_folds, double *predicted);

/*
 * Bootstrap: n_resamples times each key counts 0, 1, 2 ... times (Poisson with mean 1, drawn from
 * seed), all its rows alike, and the terms are fitted again. ret_lo, ret_hi (n_terms each) get the
 * 2.5 and 97.5 percentile of each value. keys as in mn_regress_folds(). MN_E_INVALID, MN_E_NOMEM.
 */
int mn_regress_bootstrap(const struct mn_regress *data, const struct mn_regress_result *result,
			 const uint64_t *keys, uint64_t seed, uint32_t n_resamples, double *ret_lo,
			 double *ret_hi);

/* Errors of predictions that were made elsewhere; y[rows[i]] against predicted[i]. */
void mn_regress_measure(const double *y, const uint32_t *rows, const double *predicted, size_t n,
			struct mn_regress_errors *ret);

/*
 * What a new row with these x (n_terms of them) will be: value, and the interval that 95 of 100
 * such rows fall into. It has the uncertainty of the coefficients and the scatter of rows about
 * them: sigma times the value with relative weights, else sigma.
 */
void mn_regress_predict(const struct mn_regress *data, const struct mn_regress_result *result,
			const double *x, double *ret_value, double *ret_lo, double *ret_hi);

#endif
