/* SPDX-License-Identifier: MIT */
/* A sweep file as libcyaml reads it: the right keys with the right types, values still text.
 * Private to mn_sweep. */
#ifndef MN_SWEEP_RAW_H
#define MN_SWEEP_RAW_H

#include "yaml_index.h"

enum sweep_field {
#define X(name, kind, ops) SWEEP_FIELD_##name,
#include "sweep_fields.def"
#undef X
	SWEEP_FIELDS
};

struct sweep_raw_list {
	char **v;
	uint32_t n;
};

struct sweep_raw_lists {
	struct sweep_raw_list field[SWEEP_FIELDS];
};

struct sweep_raw_range {
	char *from, *to, *step, *scale; /* step and scale may be NULL */
};

struct sweep_raw_ranges {
	struct sweep_raw_range *field[SWEEP_FIELDS]; /* NULL: none */
};

/* How to measure; NULL: as the level above says. */
struct sweep_raw_how {
	char *mode, *warmup, *reps, *repeats;
	struct sweep_raw_list kernels;
};

struct sweep_raw_sample {
	char *count, *seed;
};

struct sweep_raw_group {
	char *name, *op, *where; /* op and where may be NULL */
	struct sweep_raw_how how;
	char *one[SWEEP_FIELDS]; /* a field with one value; NULL: none */
	struct sweep_raw_lists lists;
	struct sweep_raw_ranges ranges;
	struct sweep_raw_sample *sample; /* may be NULL */
	struct sweep_raw_list layers;
};

struct sweep_raw {
	char *name, *description, *seed; /* the last two may be NULL */
	struct sweep_raw_how defaults;
	struct sweep_raw_group *groups;
	uint32_t n_groups;
};

/* The file's name of a field. */
const char *sweep_field_name(enum sweep_field field);

/* Read the text that `index` was built from. MN_E_SYNTAX with a position, MN_E_NOMEM. */
int sweep_raw_read(const struct mn_yaml_index *index, struct sweep_raw **ret_raw,
		   struct mn_err *err);
void sweep_raw_free(struct sweep_raw *raw);

#endif
