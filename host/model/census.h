/* SPDX-License-Identifier: MIT */
/*
 * What an operator of a model costs on paper, whatever its type and whether mnchar can run it.
 *
 * MACs: output elements x kernel taps x input channels of a group; taps that fall in the padding
 * count (the TFLite and MicroNets convention). Counted for convolutions, fully connected layers,
 * SVDF (products with both filters, one step) and LSTM (eight gate matrices a step); 0 for all
 * else. ops are 2 x MACs.
 */
#ifndef MN_CENSUS_H
#define MN_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "model.h"

struct mn_census {
	uint64_t macs;         /* sticks at UINT64_MAX */
	uint64_t weight_bytes; /* constant inputs: weights, biases, shapes */
	bool int8;             /* each activation that it reads or writes is int8 */
};

/* Of operator `op` of a subgraph. A tensor of an unusual rank, or one left out, counts as nothing.
 */
void mn_census_of(const struct mn_subgraph *subgraph, uint32_t op, struct mn_census *ret);

#endif
