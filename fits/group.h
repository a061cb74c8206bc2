/* SPDX-License-Identifier: MIT */
/*
 * The measurements of a store as columns, sorted into groups: one kind, board, kernel set and op.
 * Of several measurements of one probe (on one kind, board, clock setting, from one source) the
 * newest counts, the others are counted. Null probes are left out: their overhead is gone from the
 * cycles already.
 *
 * Layers are kept apart from rows: a layer that was measured a thousand times has its features
 * once. Memory: about 55 bytes for each layer (10 features), 25 for each row, 30 for each probe.
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

/* Ways to hold out similar layers together. */
enum mn_likeness {
	MN_LIKENESS_SIZE,     /* output pixels (rows of fully_connected), by powers of 4 */
	MN_LIKENESS_CHANNELS, /* input channels, by powers of 2 */
	MN_LIKENESS_COUNT
};

/* The layers of one op, or the whole models, each once. */
struct mn_items {
	size_t n, size;
	uint64_t *key; /* hash of the text or name */
	/* Of each feature one column or none, if no model of the op uses it: in 32 bits until a
	 * value needs more. ops: -1 not known */
	uint32_t *small[MN_FEATURE_COUNT];
	double *big[MN_FEATURE_COUNT];
	uint8_t *path; /* bits of enum mn_path; 0 of whole models */
	uint8_t *like[MN_LIKENESS_COUNT];
};

/* A feature of an item that has its column. */
static inline double mn_items_feature(const struct mn_items *items, enum mn_feature feature,
				      size_t item)
{
	return items->big[feature] ? items->big[feature][item] : items->small[feature][item];
}

struct mn_group {
	enum mn_kind kind;
	const char *board, *kernels;
	int op; /* enum mn_op or MN_MODELS_WHOLE */
	const struct mn_items *items;

	size_t n, size;
	int64_t *id;                    /* measurement; descending */
	uint32_t *item;                 /* index into items */
	double *value[MN_TARGET_COUNT]; /* NULL: no row has such a figure */
	uint16_t *rig, *backbone;       /* indices into the data's */
	uint8_t *cold;
	size_t n_older[2]; /* by cold: measurements that newer ones of the same probe replace */
};

struct mn_group_data {
	const struct mn_models *models;
	struct mn_items items[MN_MODELS_WHOLE + 1]; /* by op */
	struct mn_group *groups; /* by kind, board, kernels, op: names, ascending */
	size_t n_groups;
	struct mn_group_rig *rigs;
	size_t n_rigs;
	char **backbones; /* ascending */
	size_t n_backbones;
	int64_t rows; /* read: the newest of each probe, null probes too */

	/* What mn_group_pool() pooled, for people: "virtual virtual-f446re mnchar/1/dsp 180 MHz"; a
	 * pooled row's rig is an index into it. */
	char **pooled;
	size_t n_pooled;

	struct mn_group_names *names; /* private */
};

/*
 * Read the rows of some boards (NULL: of all). MN_E_NOMEM; MN_E_TOO_BIG: more than 65535 rigs or
 * backbones; what the store gives. The data must be freed in any case.
 */
int mn_group_read(struct mn_group_data *data, struct mn_store *store,
		  const struct mn_models *models, const char *const *boards, size_t n_boards,
		  struct mn_err *err);
/*
 * Make one group of each op's groups, whatever their kind, board and kernels; kernels is "pooled"
 * if they differ, board is. What was in a group of its own, or of another image or clock, is a rig
 * of its own. MN_E_NOMEM, MN_E_TOO_BIG.
 */
int mn_group_pool(struct mn_group_data *data);
void mn_group_free(struct mn_group_data *data);

/* Same image, same cycle model, clocks at most 1 % apart (a measured clock is never quite the
 * same). */
int mn_group_same_rig(const struct mn_group_rig *a, const struct mn_group_rig *b);

#endif
