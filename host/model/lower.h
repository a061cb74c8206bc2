/* SPDX-License-Identifier: MIT */
/*
 * An operator of a model as a layer that can be measured and run.
 *
 * Shapes become NHWC, filled from the right. Where a layer cannot say it in the operator's own
 * dimensions, it says it as a view of the same bytes in the same order:
 *   fully_connected: rows x 1 x 1 x features, as the weights have the features;
 *   mean over other axes than H and W: outer x averaged x 1 x inner, over H, if the axes are
 *   neighbours; reshape of more than four dimensions: 1 x 1 x 1 x elements.
 * A constant input of an op of two inputs is an activation input with data.
 *
 * An operator is one layer, or several, its parts, to be run one after the other in any order: a
 * CONCATENATION is one for each of its inputs (layer.h says why), all into the same output, and so
 * is a PACK, which concatenates views; a SPLIT, SPLIT_V or UNPACK is a strided_slice for each of
 * its outputs. SQUEEZE and EXPAND_DIMS are a reshape.
 */
#ifndef MN_LOWER_H
#define MN_LOWER_H

#include "kernel.h"
#include "layer.h"
#include "model.h"

/*
 * The layer of operator `op` of a subgraph: shapes only, whatever the type of its tensors, so that
 * a float model can be counted too. The layer has passed mn_layer_check() and its output has as
 * many elements as the operator's. MN_E_UNSUPPORTED: the message names the operator and what about
 * it; MN_E_INVALID: its tensors contradict each other.
 */
int mn_lower_layer_part(const struct mn_subgraph *subgraph, uint32_t op, uint32_t part,
			struct mn_layer *ret_layer, struct mn_err *err);

/* The same for an operator of one part; MN_E_UNSUPPORTED for others. */
int mn_lower_layer(const struct mn_subgraph *subgraph, uint32_t op, struct mn_layer *ret_layer,
		   struct mn_err *err);

/* Layers that an operator becomes, at least 1. */
uint32_t mn_lower_parts(const struct mn_subgraph *subgraph, uint32_t op);

/* One int8 operator, ready to run. Pointers are into the model or into `memory`. */
struct mn_lowered {
	struct mn_layer layer;
	struct mn_quant quant;
	int32_t in, in2, out;             /* tensors of the subgraph; in2 -1 if there is none */
	const int8_t *in_data, *in2_data; /* inputs that are constants; else NULL */
	const int8_t *weights;            /* NULL if the op has none */
	const int32_t *bias;              /* NULL without */
	void *memory;                     /* what mn_lowered_free() frees */
};

/*
 * Lower a part of an int8 operator. The model must outlive *ret. As mn_lower_layer();
 * MN_E_UNSUPPORTED also for other types than int8 activations and weights and int32 bias, for
 * weights with a zero point other than 0, and for rescales beyond a kernel's range; MN_E_NOMEM.
 * quant.table is made for the ops that have one.
 */
int mn_lower_part(const struct mn_subgraph *subgraph, uint32_t op, uint32_t part,
		  struct mn_lowered *ret, struct mn_err *err);

/* The same for an operator of one part; MN_E_UNSUPPORTED for others. */
int mn_lower(const struct mn_subgraph *subgraph, uint32_t op, struct mn_lowered *ret,
	     struct mn_err *err);

void mn_lowered_free(struct mn_lowered *lowered);

#endif
