/* SPDX-License-Identifier: MIT */
/*
 * The rows of one (kind, board, kernels, op) as columns, collected while the store is read. Only
 * the features that some model of the op uses are kept. Reused from group to group.
 */
#ifndef MN_GROUP_H
#define MN_GROUP_H

#include <stddef.h>
#include <stdint.h>

#include "models.h"
#include "store_read.h"

/* What a value column holds besides positive finite figures. */
#define MN_GROUP_ABSENT   (-1.0) /* there is no such figure */
#define MN_GROUP_EXCLUDED (-2.0) /* there is one, and a reason to leave it out */
#define MN_GROUP_BAD      (-3.0) /* 0, NaN or infinite */

struct mn_group_rig {
	char *image, *model;
	double clock_hz;
};

struct mn_group {
	const struct mn_models *models; /* set it before the first row */
	enum mn_kind kind;
	char *board, *kernels;
	int op; /* enum mn_op or MN_MODELS_WHOLE */

	size_t n, size;
	int64_t *id;   /* measurement */
	uint64_t *key; /* equal for equal layers or models */
	double *value[MN_TARGET_COUNT];
	double *feature[MN_FEATURE_COUNT]; /* NULL: not used by this op. ops: -1 not known */
	struct mn_layer *layer;            /* layers */
	char **name;                       /* whole models */
	uint16_t *rig, *backbone;          /* indices */
	uint8_t *cold;
	uint8_t *path; /* bits of enum mn_path; 0 of whole models */

	struct mn_group_rig *rigs;
	size_t n_rigs;
	char **backbones;
	size_t n_backbones;
};

/* 1 if the row belongs to the group as begun. */
int mn_group_has(const struct mn_group *group, const struct mn_row *row);
/* Forget the rows and start with the row's key. MN_E_NOMEM. */
int mn_group_begin(struct mn_group *group, const struct mn_row *row);
/* MN_E_NOMEM; MN_E_TOO_BIG: more than 65535 rigs or backbones. */
int mn_group_add(struct mn_group *group, const struct mn_row *row);
/* Forget rows and key, keep the memory. */
void mn_group_clear(struct mn_group *group);
void mn_group_free(struct mn_group *group);

/* Same image, same cycle model, clocks at most 1 % apart (a measured clock is never quite the
 * same). */
int mn_group_same_rig(const struct mn_group_rig *a, const struct mn_group_rig *b);

/* Canonical text of the row's layer or the name of its model; the caller frees it. NULL: no
 * memory. */
char *mn_group_row_name(const struct mn_group *group, size_t row);

#endif
