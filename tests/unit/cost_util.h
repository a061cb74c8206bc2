/* SPDX-License-Identifier: MIT */
/* Random layers, and the made-up cost table of tests/data, for the tests of libmnchar. */
#ifndef COST_UTIL_H
#define COST_UTIL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mnchar.h"

/* A table by its path in the tree. */
static inline struct mnchar_table *open_table_of_tree(const char *name)
{
	const char *source = getenv("MNCHAR_SOURCE_DIR");
	struct mnchar_table *table = NULL;
	struct mnchar_error err = {0};
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", source ? source : ".", name);
	if (mnchar_table_open(path, &table, &err)) {
		fprintf(stderr, "%s\n", err.message);
		exit(1);
	}
	return table;
}

static inline struct mnchar_table *open_made_up_table(void)
{
	return open_table_of_tree("tests/data/cost-table.json");
}

/* xorshift64*: the same layers on every machine. */
static inline uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * 0x2545f4914f6cdd1du) >> 33) % below;
}

/* One of the ops that networks are made of, of a size that they have. */
static inline void random_layer(uint64_t *seed, struct mnchar_layer *layer)
{
	static const int ops[] = {MNCHAR_CONV_2D,
				  MNCHAR_CONV_2D,
				  MNCHAR_CONV_2D,
				  MNCHAR_DEPTHWISE_CONV_2D,
				  MNCHAR_FULLY_CONNECTED,
				  MNCHAR_AVERAGE_POOL_2D,
				  MNCHAR_ADD,
				  MNCHAR_MEAN,
				  MNCHAR_SOFTMAX,
				  MNCHAR_RELU};
	int op = ops[draw(seed, sizeof(ops) / sizeof(ops[0]))];
	uint32_t size =
		op == MNCHAR_FULLY_CONNECTED || op == MNCHAR_SOFTMAX ? 1 : 3 + draw(seed, 30);

	mnchar_layer_init(layer, sizeof(*layer), op);
	layer->in[0] = 1;
	layer->in[1] = layer->in[2] = size;
	layer->in[3] = 1 + draw(seed, 64);
	switch (op) {
	case MNCHAR_CONV_2D:
	case MNCHAR_DEPTHWISE_CONV_2D:
	case MNCHAR_AVERAGE_POOL_2D:
		layer->kernel[0] = layer->kernel[1] = 1 + 2 * draw(seed, 2);
		layer->stride[0] = layer->stride[1] = 1 + draw(seed, 2);
		layer->padding = draw(seed, 2);
		break;
	case MNCHAR_MEAN:
		layer->axes = 6;
		break;
	default:
		break;
	}
	if (op == MNCHAR_CONV_2D || op == MNCHAR_FULLY_CONNECTED)
		layer->out_channels = 1 + draw(seed, 64);
	for (int i = 0; i < 4 && op == MNCHAR_ADD; i++)
		layer->in2[i] = layer->in[i];
}

#endif
