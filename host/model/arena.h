/* SPDX-License-Identifier: MIT */
/*
 * The tensor arena of a model as TensorFlow Lite Micro lays it out on a 32-bit Arm core: every
 * buffer with its offset, what is kept for good, and the smallest arena that works. The byte counts
 * are those that TFLM itself would report, for the version of the rules that is asked for.
 *
 * Layout. Non-persistent buffers (activations, scratch) grow from the start of the arena, and share
 * addresses where their times do not overlap (planner.h). Persistent ones (structs, kernel data,
 * variables) grow down from its end. In between, while tensors are allocated, stand temporary
 * structs; for small activations they are what decides the smallest arena.
 *
 * Time. A counter: 0 while the model's inputs are written, then one more for each operator in the
 * order of execution. A buffer lives from its first to its last time, both included: an operator's
 * inputs and outputs never share memory.
 */
#ifndef MN_ARENA_H
#define MN_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "model.h"
#include "tflm.h"

/* What a recording interpreter reports; the names are TFLM's.  enum  name */
#define MN_ARENA_CATEGORY_TABLE(X)                                                                 \
	X(EVAL_TENSOR, "eval_tensor")                                                              \
	X(PERSISTENT_TENSOR, "persistent_tensor")                                                  \
	X(PERSISTENT_TENSOR_QUANT, "persistent_tensor_quant")                                      \
	X(PERSISTENT_BUFFER, "persistent_buffer")                                                  \
	X(VARIABLE, "variable")                                                                    \
	X(NODE_REGISTRATION, "node_registration")                                                  \
	X(OP_DATA, "op_data") /* of no use since the options are not counted: always 0 */          \
	X(OTHER, "other")     /* not reported: allocator structs, options, scratch handles */

enum mn_arena_category_id {
#define X(name, text) MN_ARENA_##name,
	MN_ARENA_CATEGORY_TABLE(X)
#undef X
		MN_ARENA_CATEGORIES
};

const char *mn_arena_category_name(enum mn_arena_category_id id);

struct mn_arena_category {
	uint64_t requested_bytes; /* asked for */
	uint64_t used_bytes;      /* with what alignment added */
	uint64_t n;               /* allocations; for eval_tensor tensors, for nodes operators */
};

/* A buffer in the shared part. */
struct mn_arena_buffer {
	uint32_t subgraph;
	int32_t tensor;           /* of the subgraph, -1: scratch of `op` */
	int32_t op;               /* of the subgraph: scratch only, else -1 */
	uint64_t bytes, reserved; /* as asked for; rounded up */
	uint64_t offset;
	int32_t first, last; /* -1: of nothing that runs */
};

/* One tick of the time. */
struct mn_arena_step {
	uint32_t subgraph;
	int32_t op;          /* -1: the inputs of a subgraph are written */
	uint64_t live_bytes; /* sum over the buffers alive */
	uint64_t top_bytes;  /* end of the highest of them: gaps included */
};

/* An operator that TFLM would not run, or whose rule is not known. */
struct mn_arena_issue {
	uint32_t subgraph, op;
	char text[160]; /* "operator 3, TILE: ..." */
};

struct mn_arena {
	const struct mn_tflm *tflm; /* whose rules */
	uint64_t used_bytes;        /* arena_used_bytes(): the two below */
	uint64_t nonpersistent_bytes, persistent_bytes;
	/* The smallest arena with which AllocateTensors() succeeds: the largest of used_bytes and
	 * the two phases, rounded up. */
	uint64_t smallest_bytes;
	uint64_t plan_phase_bytes, prepare_phase_bytes;
	/* With the recording interpreter, whose own structs are bigger. */
	uint64_t recording_persistent_bytes;
	struct mn_arena_category recorded[MN_ARENA_CATEGORIES];
	/* With the plain one. used_bytes sum up to persistent_bytes. */
	struct mn_arena_category category[MN_ARENA_CATEGORIES];

	struct mn_arena_buffer *buffers; /* tensors in their order, then scratch */
	size_t n_buffers;
	struct mn_arena_step *steps; /* by time */
	size_t n_steps;
	size_t peak; /* step of the largest top_bytes; of those, of the largest live_bytes */
	/* Persistent bytes of each operator's options and kernel, alignment included: by operator,
	 * subgraph after subgraph. */
	uint32_t *op_persistent_bytes;
	size_t n_ops;

	/* Not empty: the figures above are lower bounds. */
	struct mn_arena_issue *issues;
	size_t n_issues;
};

/*
 * Plan a model. tflm NULL: the default version. The result does not point into the model. Operators
 * that TFLM lacks or refuses are no failure but an issue. MN_E_INVALID: an operator lacks a tensor
 * that its kind must have, subgraphs call each other in a circle, or an offline plan is not one of
 * this model; MN_E_TOO_BIG: past the limits of planner.h, or over 65536 steps; MN_E_OVERFLOW;
 * MN_E_NOMEM.
 */
int mn_arena_plan(const struct mn_model *model, const struct mn_tflm *tflm,
		  struct mn_arena **ret_arena, struct mn_err *err);

void mn_arena_free(struct mn_arena *arena);

#endif
