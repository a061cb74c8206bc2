/* SPDX-License-Identifier: MIT */
/*
 * The models that are fitted, as data: which terms, for which ops, with which weighting.
 *
 * ops         the paper's claim (MicroNets, arXiv 2010.11267, section 3): cost = a * ops
 * ops-affine  the same with a fixed cost a layer
 * features    what the kernels do: multiply, write and requantise outputs, copy windows (im2col),
 *             start. Between layers of one op this is 4 to 6 times as exact as ops alone on
 * measured silicon (1,407 convolutions on an F446RE: MAPE 31 % against 4 to 6 %) mean        one
 * number: mean power
 */
#ifndef MN_MODELS_H
#define MN_MODELS_H

#include "feature.h"
#include "regress.h"

/* An op number for whole models beside enum mn_op. */
enum { MN_MODELS_WHOLE = 31 };

enum mn_target { MN_TARGET_LATENCY, MN_TARGET_ENERGY, MN_TARGET_POWER, MN_TARGET_COUNT };
const char *mn_target_name(enum mn_target target); /* "latency" "energy" "power" */
const char *mn_target_unit(enum mn_target target); /* "ms" "mJ" "mW" */

struct mn_model {
	const char *name;
	uint32_t ops;     /* bit 1 << op */
	uint32_t targets; /* bit 1 << target */
	/*
	 * Layers span five orders of magnitude, so relative. Whole models are fitted unweighted, as
	 * the paper does, so that published figures are reproduced.
	 */
	enum mn_weighting weighting;
	uint32_t n_terms;
	enum mn_feature terms[MN_REGRESS_TERMS_MAX];
};

/* name NULL at the end. */
extern const struct mn_model mn_models[];

#endif
