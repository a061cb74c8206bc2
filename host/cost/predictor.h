/* SPDX-License-Identifier: MIT */
/*
 * A rig's models of one quantity, compiled: for each op and kernel path the coefficients to use, in
 * arrays. What mnchar.h calls a predictor; this header is for the library's own files.
 */
#ifndef MN_PREDICTOR_H
#define MN_PREDICTOR_H

#include "cost.h"
#include "mnchar.h"

/* Combinations of the bits of enum mn_path. */
#define X(name, bit, text) +1
enum { MN_PATH_COMBINATIONS = 1 << (0 MN_PATH_TABLE(X)) };
#undef X

/* Caches that features know: of 4 and of 16 KB. */
enum { MN_CACHES = 2 };

/* One model on one kernel path. */
struct mn_formula {
	const struct mn_cost_model *model;
	uint32_t n_terms;
	uint8_t features[MN_FEATURE_COUNT]; /* enum mn_feature */
	uint8_t path;
	uint8_t relative;   /* 1: sigma is a share of the value */
	uint8_t has_spread; /* 0: the table does not say how sure it is */
	double values[MN_FEATURE_COUNT];
	int32_t refetch_at[MN_CACHES]; /* its terms that count fetches into a cache; -1: none */
	double sigma, t95;
	/* Lower triangle with off-diagonal elements doubled, so that a quadratic form is a sum over
	 * it; row a starts at a * stride, an even number, and is 0 behind its end. */
	double *covariance;
	uint32_t stride;
};

struct mnchar_predictor {
	const struct mn_cost_rig *rig;
	enum mn_cost_quantity quantity;
	const char *model; /* NULL: the preferred ones */
	struct mn_formula *formulas;
	uint32_t n_formulas;
	int has_refetch; /* 1: some formula has a term of that */
	/* Index + 1; 0: not covered. */
	uint16_t formula_of[MN_OP_COUNT][MN_PATH_COMBINATIONS];
};

/* A layer's place in its formula. */
struct mn_point {
	const struct mn_formula *formula; /* NULL: not covered */
	struct mn_layer_info info;
	double x[MN_FEATURE_COUNT];
	double value;
	uint32_t flags; /* enum mnchar_flag */
};

/* MN_E_* as mn_layer_check(); a layer that no model covers gives 0 and the flag MNCHAR_UNCOVERED.
 */
int mn_predictor_point(const struct mnchar_predictor *p, const struct mn_layer *layer,
		       struct mn_point *ret, struct mnchar_error *err);
/*
 * A layer alone finds constants in the data cache from its run before; in a network the other
 * layers have displaced them. Adds to the point what is fetched anew when `others` bytes, constants
 * and outputs of the other layers, go through the cache between two runs; returns how much that
 * added to the value.
 */
double mn_predictor_refill(struct mn_point *at, uint64_t others);
/* Constants that a layer reads. */
uint64_t mn_constant_bytes(const struct mn_layer_info *info);

/* x' covariance x. */
double mn_formula_variance(const struct mn_formula *f, const double *x);
/* Standard deviation of layers about the fit where that gives `value`. */
double mn_formula_scatter(const struct mn_formula *f, double value);

/* The caller's layer as the one that all else works with. MN_E_INVALID. */
int mn_layer_import(const struct mnchar_layer *from, struct mn_layer *ret,
		    struct mnchar_error *err);
/* And back, into a struct of that size. */
void mn_layer_export(const struct mn_layer *layer, struct mnchar_layer *ret, size_t size);
/* Element i of an array whose elements are as large as the first says. */
const struct mnchar_layer *mn_layer_at(const struct mnchar_layer *layers, size_t i);

int mnchar_fail(struct mnchar_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* MN_E_NOTFOUND with a sentence that names op and path. */
int mn_predictor_uncovered(const struct mnchar_predictor *p, const struct mn_layer *layer,
			   struct mnchar_error *err);

#endif
