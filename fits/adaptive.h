/* SPDX-License-Identifier: MIT */
/*
 * Which layers to measure next, so that a model predicts the others: sweeps that learn.
 *
 * A pool of candidates (all layers that a sweep expands to) is dealt to groups that share
 * coefficients: domain (the caller's number for kernel set and cache state), op and kernel path.
 * The first round spreads over each group: support points (Mak and Joseph, Annals of Statistics
 * 46(6A), 2018), the subset whose energy distance to the pool is smallest, taken greedily. Later
 * rounds do the same against a pool that weighs each candidate by how badly it is known: the
 * out-of-fold errors of its measured neighbours, and the half width of its prediction interval. A
 * group stops when the 90th percentile of its out-of-fold errors is within the target; when
 * nothing is left to measure; or when three rounds in a row did not bring it down by a tenth of
 * what is missing and there are 50 rows a term: then the model limits it, more rows would not help.
 *
 * Distance of two layers: Euclidean over the base-2 logarithms of sizes, channels, window, strides
 * and dilation; padding, activation, bias and in channels mod 4 count as one octave.
 *
 * Deterministic: pool, figures and seed decide. Memory: about 100 bytes a candidate. Time of a
 * round: the product of candidates and new probes in each group.
 */
#ifndef MN_ADAPTIVE_H
#define MN_ADAPTIVE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "layer.h"

struct mn_adaptive;
struct mn_models;

struct mn_adaptive_item {
	struct mn_layer layer; /* has passed mn_layer_check() */
	const char *kernels;   /* kernel set's id, which decides the model; borrowed */
	uint32_t domain;       /* what never shares coefficients: kernel set, cache state */
	double weight;         /* how often it occurs in practice, against others; over 0 */
};

struct mn_adaptive_options {
	const struct mn_models *models; /* borrowed; NULL: those that come with mnchar */
	const char *model;              /* name of the model that must hold; NULL: "features" */
	const char *target;             /* what the figures are: "latency", "energy" */
	double target_p90_pct;          /* over 0 */
	uint64_t seed;
};

/* Items are copied. MN_E_INVALID: no item, no such model, a weight or target that is not over 0.
 * Items of ops that the model does not cover are never asked for: see mn_adaptive_state. */
int mn_adaptive_new(const struct mn_adaptive_options *options, const struct mn_adaptive_item *items,
		    size_t n, struct mn_adaptive **ret_adaptive, struct mn_err *err);
void mn_adaptive_free(struct mn_adaptive *adaptive);

/* Figure of an item, in the target's unit; not positive or not finite: it cannot be had, never ask
 * again. */
void mn_adaptive_set(struct mn_adaptive *adaptive, size_t item, double value);

/*
 * Fit what is there and choose at most max items to measure next, the most wanted first. Returns
 * their number; 0: done. MN_E_NOMEM.
 */
int mn_adaptive_next(struct mn_adaptive *adaptive, size_t max, uint32_t *ret_items,
		     struct mn_err *err);

/* As of the last mn_adaptive_next(). */
struct mn_adaptive_state {
	size_t pool, measured, failed; /* candidates; with a figure; that cannot be had */
	size_t uncovered;              /* candidates that the model has no terms for */
	size_t groups, reached, limited, exhausted; /* groups, by how they ended; the rest go on */
	/* Over all measured items of fitted groups, out-of-fold; NAN before there are some. */
	double p90_pct, mape_pct;
	/* The group that is furthest from the target. */
	double worst_p90_pct;
	int worst_op;
	unsigned worst_path; /* bits of enum mn_path */
	size_t worst_n;
};
void mn_adaptive_state(const struct mn_adaptive *adaptive, struct mn_adaptive_state *ret);

/* What the present fit says of a layer in a domain; NAN if its group is not fitted. */
double mn_adaptive_predict(const struct mn_adaptive *adaptive, const struct mn_layer *layer,
			   uint32_t domain);

#endif
