/* SPDX-License-Identifier: MIT */
/*
 * The models that are fitted, as data: fits/models/NAME.yaml, one model a file.
 *
 *   name: features
 *   fits:                        # one for each kind of layer; others have no such model
 *     - ops: [conv_2d]           # names of probes/layer.h, or model: whole models
 *       targets: [latency]       # latency, energy, power
 *       weighting: relative      # relative: each row counts by its relative error; none
 *       kernels: mnchar/?/dsp    # only rows of these kernels (a glob); left out: of any. The first
 *                                # of the fits for one op and target that matches is taken
 *       origin: no               # no: with a constant term
 *       robust: no               # yes: bisquare (regress.h); may be left out
 *       dependent: refuse        # what becomes of terms that the rows cannot tell from the
 *                                # constant and the terms before them (in the order of
 *                                # probes/feature.h): refuse the path, or drop them; may be left
 * out paths:                   # coefficients of their own for each kernel path
 *         - path: [1x1, mod4]    # probes/feature.h; all must hold. Left out: any layer
 *           terms: [macs]        # probes/feature.h
 *
 * A layer belongs to the first path that contains it, also if that path could not be fitted.
 */
#ifndef MN_MODELS_H
#define MN_MODELS_H

#include "err.h"
#include "feature.h"
#include "regress.h"

/* An op number for whole models beside enum mn_op. */
enum { MN_MODELS_WHOLE = 31, MN_MODEL_PATHS_MAX = MN_PATHS_MAX };

enum mn_target { MN_TARGET_LATENCY, MN_TARGET_ENERGY, MN_TARGET_POWER, MN_TARGET_COUNT };
const char *mn_target_name(enum mn_target target); /* "latency" "energy" "power" */
const char *mn_target_unit(enum mn_target target); /* "ms" "mJ" "mW" */

struct mn_model_path {
	uint32_t n_terms;
	enum mn_feature terms[MN_REGRESS_TERMS_MAX]; /* in the order of enum mn_feature, but const
							last */
};

/* One of a file's fits. */
struct mn_model {
	char *name, *kernels; /* kernels NULL: any */
	uint32_t ops;         /* bit 1 << op */
	uint32_t targets;     /* bit 1 << target */
	enum mn_weighting weighting;
	int robust, drop;
	size_t n_paths;
	uint8_t paths[MN_MODEL_PATHS_MAX]; /* bits of enum mn_path; parallel to path */
	struct mn_model_path path[MN_MODEL_PATHS_MAX];
};

/* 1 if it is for that op (enum mn_op or MN_MODELS_WHOLE), target and kernel set. */
int mn_model_matches(const struct mn_model *model, int op, enum mn_target target,
		     const char *kernels);

struct mn_models {
	struct mn_model *all;
	size_t n;
};

/*
 * Read a file's models and append them. MN_E_SYNTAX, MN_E_INVALID with "FILE:LINE:COLUMN:
 * sentence", MN_E_NOTFOUND, MN_E_IO, MN_E_NOMEM; *models is then as before. mn_models_text: from
 * memory, name stands for the path.
 */
int mn_models_file(struct mn_models *models, const char *path, struct mn_err *err);
int mn_models_text(struct mn_models *models, const char *name, const char *text, size_t len,
		   struct mn_err *err);
/* All *.yaml of a folder in the order of their names. */
int mn_models_folder(struct mn_models *models, const char *folder, struct mn_err *err);
/* Those that come with mnchar. */
int mn_models_shipped(struct mn_models *models, struct mn_err *err);
void mn_models_free(struct mn_models *models);

#endif
