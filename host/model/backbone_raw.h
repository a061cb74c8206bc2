/* SPDX-License-Identifier: MIT */
/* A backbone file as libcyaml reads it, values still text. Private to mn_backbone. */
#ifndef MN_BACKBONE_RAW_H
#define MN_BACKBONE_RAW_H

#include "yaml_index.h"

enum backbone_op {
	BACKBONE_CONV,
	BACKBONE_SEPARABLE,
	BACKBONE_RESIDUAL,
	BACKBONE_INVERTED_RESIDUAL,
	BACKBONE_AVERAGE_POOL,
	BACKBONE_DENSE,
	BACKBONE_SOFTMAX
};

/* Choices; NULL: not said. */
struct backbone_raw_block {
	enum backbone_op op;
	char *kernel, *stride, *channels, *expand, *repeat, *act;
};

struct backbone_raw_member {
	char *name;
	struct backbone_raw_block *blocks;
	uint32_t n_blocks;
};

struct backbone_raw {
	char *name, *description, *input, *width_percent, *multiple;
	struct backbone_raw_block *blocks;
	uint32_t n_blocks;
	struct backbone_raw_member *members;
	uint32_t n_members;
};

/* As sweep_raw_read(). */
int backbone_raw_read(const struct mn_yaml_index *index, struct backbone_raw **ret,
		      struct mn_err *err);
void backbone_raw_free(struct backbone_raw *raw);

#endif
