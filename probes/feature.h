/* SPDX-License-Identifier: MIT */
/*
 * Features: the numbers of a layer that cost models are linear in. fits/ regresses on them,
 * host/cost evaluates with them, cost tables name them: one definition for all three.
 */
#ifndef MN_FEATURE_H
#define MN_FEATURE_H

#include <stddef.h>
#include <stdint.h>

#include "layer.h"

/* The names are in databases and cost tables: append only. */
/*      enum             name */
#define MN_FEATURE_TABLE(X)                                                                        \
	X(CONST, "const")                     /* 1 */                                              \
	X(OPS, "ops")                         /* 2 * macs */                                       \
	X(MACS, "macs")                       /* struct mn_layer_info */                           \
	X(OUT_ELEMENTS, "out_elements")       /* struct mn_layer_info */                           \
	X(IM2COL_ELEMENTS, "im2col_elements") /* struct mn_layer_info */                           \
	X(IN_ELEMENTS, "in_elements")         /* of all activation inputs */                       \
	X(WINDOW_ELEMENTS, "window_elements") /* pools: out_elements * window, padding counted */

enum mn_feature {
#define X(name, text) MN_FEATURE_##name,
	MN_FEATURE_TABLE(X)
#undef X
		MN_FEATURE_COUNT
};

const char *mn_feature_name(enum mn_feature feature); /* "?" for an unknown one */
/* The feature of that name, or MN_E_NOTFOUND. */
int mn_feature_parse(const char *name);

/* Value for a layer that passed mn_layer_check(), which gave info. Saturates at UINT64_MAX. */
uint64_t mn_feature_value(enum mn_feature feature, const struct mn_layer *layer,
			  const struct mn_layer_info *info);

/*
 * The feature that says how large a layer is, in which validity ranges are given: ops for the ops
 * that have MACs, out_elements for the others.
 */
enum mn_feature mn_feature_size(enum mn_op op);

#endif
