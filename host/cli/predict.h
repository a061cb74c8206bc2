/* SPDX-License-Identifier: MIT */
/* What `mnchar predict` found out, and its printing. */
#ifndef MN_PREDICT_H
#define MN_PREDICT_H

#include "arena.h"
#include "board_memory.h"
#include "flash.h"
#include "layer.h"
#include "mnchar.h"
#include "model.h"

/* What of a model does not depend on a rig. */
struct predict_layer {
	uint32_t op, part;    /* of the entry subgraph; a concatenation has a part for each input */
	const char *name;     /* "CONV_2D" */
	const char *layer_op; /* "conv_2d"; "" if the operator is no layer */
	char output[64];      /* "1x8x8x16" */
	uint64_t ops;
	uint64_t sram_bytes;  /* activations and scratch alive while it runs */
	uint64_t flash_bytes; /* its constants; of a concatenation at its first part */
	char why[160];        /* why it is no layer; "" if it is one */
	int left_out;         /* 1: a conversion at the model's ends, which the application does */
	struct mnchar_layer layer;
};

struct predict_model {
	const char *file;
	struct mn_model *model;
	struct mn_arena *arena;
	struct predict_layer *layers;
	size_t n_layers, n_left_out;
};

/* Three costs of n_layers, and their sums. */
struct predict_costs {
	struct mnchar_cost *layers;
	struct mnchar_cost total;
	int have; /* 0: the rig has no such model at all */
};

struct prediction {
	struct mnchar_rig rig;
	struct predict_costs latency, ops, energy;
	/* Of the latency; ops of operators that are no layer count as not covered. */
	uint64_t ops_all, ops_covered;
	size_t n_covered, n_extrapolated;
	struct mn_board_memory board; /* all 0: not known */
	struct mn_flash flash;        /* total_bytes 0: not known */
	uint64_t sram_bytes;          /* arena and the runtime's own; 0: not known */
};

/* -1: not known; else whether the model fits the board. */
int predict_fits(const struct predict_model *m, const struct prediction *p);
/* Share of ops covered; by layers if the model has no ops. */
double predict_covered_pct(const struct predict_model *m, const struct prediction *p);

/* n predictions of one model. MN_E_NOMEM, MN_E_IO. */
int predict_print_text(const struct predict_model *m, const struct prediction *p, size_t n,
		       struct mn_err *err);
int predict_print_json(const struct predict_model *m, const struct prediction *p, size_t n,
		       struct mn_err *err);
void predict_print_csv(const struct predict_model *m, const struct prediction *p, size_t n);

#endif
