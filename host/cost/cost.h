/* SPDX-License-Identifier: MIT */
/*
 * Cost tables: what `mnchar export` writes and a search reads. Load one, ask what a layer costs.
 * Needs neither the store nor GSL. The file's schema is in README.md, "Cost tables".
 *
 * A table holds rigs (a board with its kernels and cache state); a rig holds models (fitted
 * coefficients with their errors) and the layers and whole models that were measured on it.
 *
 * A finished table is constant: any number of threads may read and evaluate it.
 */
#ifndef MN_COST_H
#define MN_COST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"
#include "feature.h"
#include "layer.h"

#define MN_COST_SCHEMA  "mnchar-cost-table"
#define MN_COST_VERSION 2 /* 1, which had no kernel paths, is read too */

enum mn_cost_quantity { MN_COST_LATENCY_MS, MN_COST_ENERGY_MJ, MN_COST_POWER_MW };
const char *mn_cost_quantity_name(enum mn_cost_quantity quantity); /* "latency_ms" … */
const char *mn_cost_quantity_unit(enum mn_cost_quantity quantity); /* "ms" "mJ" "mW" */
int mn_cost_quantity_parse(const char *name);                      /* or MN_E_NOTFOUND */

struct mn_cost_term {
	enum mn_feature feature;
	double value; /* of the quantity, per 1 of the feature */
	double ci95_lo, ci95_hi, std_err;
	uint8_t path; /* bits of enum mn_path: it counts for layers on this path */
};

/*
 * What predictions on one path are uncertain by. 95 of 100 new layers with the features x, of the
 * path's terms in their order, lie in value +- t95 * sqrt(x' covariance x + s * s), where s is
 * sigma * value if the model's weighting is "relative", else sigma.
 */
struct mn_cost_spread {
	uint8_t path;
	int64_t n; /* layers fitted */
	double sigma, t95;
	uint32_t n_terms;
	/* Lower triangle by rows, n_terms * (n_terms + 1) / 2; the model's unit squared. */
	const double *covariance;
};

/* prediction = sum of value * feature over the terms of the layer's path, which is the first of
 * paths that contains it (feature.h). Strings belong to the table, never NULL. */
struct mn_cost_model {
	enum mn_cost_quantity predicts;
	const char *op;       /* op name; "model" for whole models, whose only features are ops and
				 const */
	const char *backbone; /* whole models: the family it was fitted on, or "all" */
	const char *model;    /* "ops" "ops-affine" "features" "mean" */
	const char *weighting, *validation, *fitted_at, *detail;
	/* 1: the one with the smallest out-of-fold MAPE for its op, backbone and quantity */
	int preferred;
	struct mn_cost_term *terms;
	uint32_t n_terms;
	/* A path without terms could not be fitted: the model does not cover layers on it. */
	uint8_t paths[MN_PATHS_MAX];
	uint32_t n_paths; /* 0 counts as one: MN_PATH_ANY */
	/* At most one for each path; a table that was made before there were intervals has none. */
	struct mn_cost_spread *spreads;
	uint32_t n_spreads;
	int64_t n, n_excluded;
	double r2, mape_pct, within5_pct, within10_pct, worst_pct, std_pct; /* NAN: none */
	const char *worst_layer;
	/* Outside of this range of its size a prediction is extrapolated; NAN: not known. */
	enum mn_feature range_feature; /* ops or out_elements */
	double range_min, range_max;
};

/* Something measured: a layer, or a whole model by name. Figures are of one run; NAN: none. */
struct mn_cost_measured {
	const char *layer;            /* canonical text; "" for a whole model */
	const char *model, *backbone; /* "" for a layer */
	double ops, cycles, latency_ms, energy_mJ, power_mW;
	const char *excluded_latency, *excluded_energy, *source;
	const char *image;   /* if another than the rig's; else "" */
	int64_t measurement; /* id in the database it came from */
};

struct mn_cost_rig {
	const char *kind; /* "measured" "virtual" "published" */
	const char *board, *kernels;
	int cold;
	double clock_hz;         /* NAN: not known */
	const char *image;       /* build id of the firmware */
	const char *cycle_model; /* virtual boards: name, version and parameters' hash */
	/* Of that model against measured figures: a JSON object (validated.h); "": not validated.
	 */
	const char *validation;
	struct mn_cost_model *models;
	size_t n_models;
	struct mn_cost_measured *measured;
	size_t n_measured;
};

struct mn_cost_table {
	const char *generator; /* "mnchar 0.1.0" */
	struct mn_cost_rig *rigs;
	size_t n_rigs;
	struct mn_cost_strings *strings;
};

/* Building. Every struct is copied, with its strings, terms and spreads. NULL: out of memory. The
 * pointers are valid until the next addition of the same kind. */
struct mn_cost_table *mn_cost_table_new(const char *generator);
struct mn_cost_rig *mn_cost_add_rig(struct mn_cost_table *table, const struct mn_cost_rig *rig);
/* Clock, image and cycle model of a rig, once they are known. MN_E_NOMEM. */
int mn_cost_set_provenance(struct mn_cost_table *table, struct mn_cost_rig *rig, double clock_hz,
			   const char *image, const char *cycle_model);
int mn_cost_set_validation(struct mn_cost_table *table, struct mn_cost_rig *rig,
			   const char *validation);
struct mn_cost_model *mn_cost_add_model(struct mn_cost_table *table, struct mn_cost_rig *rig,
					const struct mn_cost_model *model);
struct mn_cost_measured *mn_cost_add_measured(struct mn_cost_table *table, struct mn_cost_rig *rig,
					      const struct mn_cost_measured *measured);
/* Set every model's `preferred`. */
void mn_cost_choose(struct mn_cost_table *table);
void mn_cost_table_free(struct mn_cost_table *table);

/*
 * Files. Reading is strict about what it understands and skips members that it does not know, so
 * that a later version may add some. MN_E_SYNTAX (line and column), MN_E_VERSION, MN_E_INVALID (a
 * member is missing or of the wrong type: err names it), MN_E_IO, MN_E_NOMEM.
 */
int mn_cost_load(const char *path, struct mn_cost_table **ret_table, struct mn_err *err);
int mn_cost_read_json(const char *text, size_t len, struct mn_cost_table **ret_table,
		      struct mn_err *err);
/* The same without what was measured: the reader passes over it, which is most of a table. */
int mn_cost_load_models(const char *path, struct mn_cost_table **ret_table, struct mn_err *err);
int mn_cost_read_models(const char *text, size_t len, struct mn_cost_table **ret_table,
			struct mn_err *err);
int mn_cost_write_json(const struct mn_cost_table *table, FILE *f, struct mn_err *err);

/* The rig of that board; kernels NULL: the first that there is. NULL if there is none. */
const struct mn_cost_rig *mn_cost_find_rig(const struct mn_cost_table *table, const char *board,
					   const char *kernels, int cold);

/*
 * The model for an op and the kernel path with these bits (mn_path_of()), and which of its paths
 * that is: ret_path. name NULL: the preferred one, or, where that does not cover the path, the next
 * best that does. NULL if there is none.
 */
const struct mn_cost_model *mn_cost_find_model(const struct mn_cost_rig *rig,
					       enum mn_cost_quantity quantity, const char *op,
					       const char *name, unsigned bits, uint8_t *ret_path);

struct mn_cost_value {
	double value;
	const struct mn_cost_model *model;
	int extrapolated; /* 1: the layer's size is outside of the range of the fitted rows */
};

/*
 * Cost of one layer. model NULL: the preferred one, or, where that does not cover the layer's
 * kernel path, the next best that does. MN_E_NOTFOUND: no model covers the layer, and err names its
 * op and path: nothing is silently 0. MN_E_INVALID, MN_E_OVERFLOW, MN_E_UNSUPPORTED: the layer
 * itself, as mn_layer_check() says.
 */
int mn_cost_layer(const struct mn_cost_rig *rig, enum mn_cost_quantity quantity, const char *model,
		  const struct mn_layer *layer, struct mn_cost_value *ret, struct mn_err *err);

#endif
