/* SPDX-License-Identifier: MIT */
/*
 * What the later stages see of the store: rows to regress on, and fits. fits, export and report
 * include this header and no other of the store, except that they take the handle from whoever
 * opened it.
 */
#ifndef MN_STORE_READ_H
#define MN_STORE_READ_H

#include "store.h"

/*
 * One measurement joined with its context. Strings are valid during the callback only, never NULL.
 * cycles, latency_ms, energy_mJ are per run; negative: not there.
 *
 * cycles      as imported, else (n2_cycles - n_cycles) / reps - overhead_cycles: what an empty
 *             kernel costs in the same loop is not the layer's. The null probe keeps it
 * clock_hz    virtual and published: as set; measured: as measured, else as set
 * latency_ms  as imported, else cycles / clock_hz
 * power_mW    as stored, else energy / latency
 * energy_mJ   as stored, else power * latency
 */
struct mn_row {
	int64_t measurement_id;
	enum mn_kind kind;
	const char *board, *kernels, *rig_model, *image;
	int cold;
	const struct mn_layer *layer; /* NULL for a whole model */
	struct mn_layer_info info;    /* zero for a whole model */
	const char *layer_text;       /* "" for a whole model */
	const char *model, *backbone; /* "" for a layer */
	int64_t ops;                  /* of the layer or the model; -1 not known */
	double cycles;
	double clock_hz; /* 0 not known */
	double latency_ms;
	double overhead_ms;
	double energy_mJ;
	double power_mW;
	int64_t sram_bytes, flash_bytes; /* -1 not known */
	/* "" or why the figure stays out of fits. excluded_energy speaks of energy and power. */
	const char *excluded_latency, *excluded_energy;
	const char *note, *source, *session_sweep;
	int64_t output_crc; /* -1 not known */
	/* A program that the board ran (store.h); 0: none. Steps [first_step, first_step + n_steps)
	 * of program_steps. */
	int64_t program_id, first_step, n_steps, program_steps;
	int64_t program_arena_bytes, program_weight_bytes;
};

struct mn_row_filter {
	const char *board; /* NULL: any */
	const char *kernels;
	const char *op; /* op name; "model" for whole models */
	int kind;       /* enum mn_kind, or -1 */
	/*
	 * 1: every figure is given, the caller looks at excluded_*. 0: excluded figures are
	 * withheld (negative: latency_ms and cycles, or energy_mJ and power_mW; derived before
	 * that, so that an excluded latency still gives power), and a row of which no figure is
	 * left is left out.
	 */
	int with_excluded;
	/* 1: of several measurements of one probe on one kind, board and clock setting and from one
	 * source, the newest only (chosen before exclusion is looked at). */
	int latest_only;
	/* 0: layers and whole models. 1: programs only, with their pieces and single steps, which
	 * no fit and no table sees. */
	int programs;
	const char *model; /* NULL: any */
};

/* Rows in a fixed order (kind, board, kernels, op, backbone, probe, id). cb returns 0 to go on;
 * else the loop ends and returns it. filter may be NULL: every row, but no excluded figures. */
int mn_store_each_row(struct mn_store *store, const struct mn_row_filter *filter,
		      int (*cb)(const struct mn_row *row, void *arg), void *arg,
		      struct mn_err *err);

/* Of one run; negative: not there. As in struct mn_row. */
struct mn_row_figures {
	double cycles, latency_ms, energy_mJ, power_mW;
};

/*
 * All measurements as numbers, for who reads a million of them: every session, layer and probe
 * once, each with its number 0, 1, 2 ..., then every measurement with the numbers of its session
 * and probe, the newest first. One state of the database. A callback returns 0 to go on; else the
 * scan ends and returns it. Strings and structs are valid during the callback only.
 */
#define MN_SCAN_NONE UINT32_MAX
enum {
	MN_SCAN_NULL_PROBE = 1
}; /* from the probe callback: it is one, and its rows keep the overhead */

struct mn_scan_session {
	enum mn_kind kind;
	const char *board, *image, *rig_model, *source;
	double clock_hz;
	int64_t clock_set_hz; /* 0: not known */
};

struct mn_scan_probe {
	uint32_t layer;               /* number of its layer; MN_SCAN_NONE: a model */
	const char *model, *backbone; /* "" for a layer */
	int64_t ops;                  /* of a model; -1: not known */
	const char *kernels;
	int cold;
};

struct mn_scan_row {
	int64_t id;              /* of the measurement */
	uint32_t session, probe; /* numbers */
	struct mn_row_figures figures;
	int excluded_latency, excluded_energy; /* 1: there is a reason to leave them out */
};

struct mn_scan {
	/* Each kernel set that some probe has, before all else; may be NULL. */
	int (*kernels)(const char *kernels, void *arg);
	int (*session)(const struct mn_scan_session *session, uint32_t number, void *arg);
	/* layer and info NULL: this mnchar cannot read it; if it was measured, the scan fails
	 * later.
	 */
	int (*layer)(const struct mn_layer *layer, const struct mn_layer_info *info,
		     const char *text, uint32_t number, void *arg);
	int (*probe)(const struct mn_scan_probe *probe, uint32_t number, void *arg);
	int (*row)(const struct mn_scan_row *row, void *arg);
	void *arg;
};
int mn_store_scan(struct mn_store *store, const struct mn_scan *scan, struct mn_err *err);

/* The text of a measurement's layer, or the name of its model; the caller frees it. MN_E_NOTFOUND.
 */
int mn_store_name(struct mn_store *store, int64_t measurement_id, char **ret_name,
		  struct mn_err *err);

/* Raw cycles of each repetition in order of running, at most size values. Returns how many the row
 * has, or MN_E_*. */
int mn_store_get_reps(struct mn_store *store, int64_t measurement_id, uint32_t *buf, uint32_t size,
		      struct mn_err *err);

/* Cycles of each step of a program in one pass, likewise. */
int mn_store_get_steps(struct mn_store *store, int64_t measurement_id, uint32_t *buf, uint32_t size,
		       struct mn_err *err);

/* A step of a program as it ran, offsets and all; op and part are of the model's file. In order. */
struct mn_program_step_row {
	int64_t position, op, part;
	const char *layer_text;
	struct mn_step step;
};
int mn_store_each_program_step(struct mn_store *store, int64_t program_id,
			       int (*cb)(const struct mn_program_step_row *row, void *arg),
			       void *arg, struct mn_err *err);

struct mn_failure_row {
	enum mn_kind kind;
	const char *board, *kernels, *layer_text, *model, *reason;
	const char *at;                          /* "2021-04-01T12:00:00Z" */
	int code;                                /* MN_E_* */
	int retry;                               /* 1: a later run tries again */
	int64_t program_id, first_step, n_steps; /* of a program; 0: none */
};
/* In order of occurrence; board NULL: any. A failure stays listed after a later success. */
int mn_store_each_failure(struct mn_store *store, const char *board,
			  int (*cb)(const struct mn_failure_row *row, void *arg), void *arg,
			  struct mn_err *err);

/* Rounds in order of occurrence, with the board they were for; board NULL: any. */
int mn_store_each_round(struct mn_store *store, const char *board,
			int (*cb)(const char *board, enum mn_kind kind,
				  const struct mn_round *round, void *arg),
			void *arg, struct mn_err *err);

/* A fitted model: coefficients with intervals, errors, and the measurements it was made from. */
struct mn_fit_term {
	const char *name; /* "ops" "const" "macs" "out_elements" "im2col_elements" */
	double value, ci95_lo, ci95_hi, std_err;
	const char *path; /* kernel path (probes/feature.h); NULL counts as "any" */
	double vif;       /* variance inflation; NAN or 0: not known */
	/* 2.5 and 97.5 percentile over the fit's resamples, if it has some. */
	double boot_lo, boot_hi;
};

/*
 * What predictions on one path are uncertain by. A new layer with the features x (of the path's
 * terms, in their order in `terms`) lies, in 95 of 100 cases, in value +- t95 * sqrt(x' covariance
 * x + s * s), s = sigma * value with relative weights, else sigma. mn_fit_interval() does it.
 */
struct mn_fit_path {
	const char *path;
	int64_t n; /* rows */
	double sigma, t95;
	double condition;              /* NAN: not known */
	double mape_pct, within10_pct; /* of its held-out rows; NAN: not known */
	uint32_t n_terms;
	const double *covariance; /* lower triangle by rows, n_terms * (n_terms + 1) / 2; fit's unit
				     squared */
};

struct mn_fit {
	int64_t id; /* set by reading */
	enum mn_kind kind;
	const char *board, *kernels;
	const char *op;       /* op name, or "model" for whole models */
	const char *backbone; /* of a whole-model fit, "all" pools them; else "" */
	int cold;             /* 1: of rows with cold caches; a group of its own */
	const char *model;    /* "ops" "ops-affine" "features" "mean" */
	const char *target;   /* "latency" "energy" "power" */
	const char *unit; /* of prediction: "ms" "mJ" "mW"; terms are unit per 1 of their feature */
	const char *status; /* "ok", or why nothing was fitted: "rank-deficient", "too few rows",
			       "single size" */
	const char *detail; /* the sentence behind status, "" if ok */
	const struct mn_fit_term *terms;
	uint32_t n_terms;
	int64_t n, n_excluded;
	double r2, mape_pct, within5_pct, within10_pct,
		worst_pct;       /* by `validation`; NAN if not ok */
	double std_pct;          /* mean power: standard deviation / mean; else NAN */
	const char *worst_layer; /* text of the layer or name of the model */
	const char *validation;  /* "10-fold seed 1", "leave-one-out", "in-sample" */
	const char *rig_model;   /* virtual: cycle model of the rig; else "" */
	const char *weighting;   /* "relative" "none" */
	const char *version;     /* of mnchar */
	const char *created_at;  /* set by reading: "2021-04-01T12:00:00Z" */
	/* Paths in the order in which a layer looks for its own, "1x1,any". "": only "any". A path
	 * without terms was not fitted: layers on it have no cost here. */
	const char *paths;
	double condition; /* largest of the paths; NAN or 0: not known */
	/* One for each path that was fitted; none of a fit made before intervals were stored. */
	const struct mn_fit_path *path_stats;
	uint32_t n_path_stats;
	double coverage_pct; /* held-out rows inside of their 95 % interval; NAN: not known */
	/* MAPE when all layers of a spatial size, of a range of channels, are held out together;
	 * NAN: not known, or there is one group only. */
	double by_size_pct, by_channels_pct;
	uint32_t bootstrap;          /* resamples behind boot_lo, boot_hi; 0: none */
	double range_min, range_max; /* of ops in the rows used; of out_elements for a layer without
					MACs */
};

/*
 * Replace the fits of (kind, board, kernels, op, backbone, cold, model, target) by this one, with
 * the ids of the measurements it used, so that it can be repeated. One transaction.
 */
int mn_store_put_fit(struct mn_store *store, const struct mn_fit *fit,
		     const int64_t *measurement_ids, uint32_t n_ids, int64_t *ret_id,
		     struct mn_err *err);

/*
 * What was recorded of how far a virtual rig's cycle model (rig_model) is from measured figures,
 * newest first: a JSON object (host/cost/validated.h), or "": not validated, or no virtual rig. The
 * caller frees *ret.
 */
int mn_store_validation(struct mn_store *store, const char *rig_model, char **ret,
			struct mn_err *err);

/*
 * What a layer on `path` with the features x (one for each of the path's terms, in the order of
 * terms) costs: value and its 95 % prediction interval, in the fit's unit; NAN for the interval if
 * the fit has none. MN_E_NOTFOUND: the path has no terms.
 */
int mn_fit_interval(const struct mn_fit *fit, const char *path, const double *x, double *ret_value,
		    double *ret_lo, double *ret_hi);

struct mn_fit_filter {
	const char *board, *kernels, *op, *model, *target, *backbone; /* NULL: any */
	int kind;                                                     /* -1: any */
};
int mn_store_each_fit(struct mn_store *store, const struct mn_fit_filter *filter,
		      int (*cb)(const struct mn_fit *fit, void *arg), void *arg,
		      struct mn_err *err);

#endif
