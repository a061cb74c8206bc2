/* SPDX-License-Identifier: MIT */
/*
 * A network as layers that hand tensors on, and its plan: the program that a board runs.
 *
 * A graph comes from a model (mn_graph_from_model) or is built by hand, node by node, as a sampled
 * backbone is. Nodes stand in the order of execution.
 *
 * The plan. Activations and scratch share the arena as TensorFlow Lite Micro has it: the greedy
 * planner, with a tensor alive from the node that writes it to the last that reads it, both
 * included; the graph's inputs from the start, its outputs to the end. Behind them stands what
 * lives for ever: constants that are activation inputs, then multipliers, shifts and tables of
 * each node. Weights follow one another in the pool, each MN_ALIGN-aligned, nodes that share
 * weights share a place. Biases follow one another in the bias pool and begin again at its start
 * when it is full: no figure depends on their values.
 */
#ifndef MN_GRAPH_H
#define MN_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel.h"
#include "layer.h"
#include "model.h"
#include "program.h"

enum { MN_GRAPH_INPUT = 1, MN_GRAPH_OUTPUT = 2, MN_GRAPH_CONSTANT = 4 };

struct mn_graph_tensor {
	uint32_t bytes;
	uint8_t role; /* MN_GRAPH_* bits; 0: from one node to others */
};

struct mn_graph_node {
	struct mn_layer layer;
	int32_t in, in2, out; /* tensors; in2: -1 unless the op has two inputs */
	uint32_t op, part;    /* what it comes from: operator of the model, part of it (lower.h) */
	uint32_t weights;     /* nodes of equal numbers share weights; 0: its own */
};

struct mn_graph {
	struct mn_graph_node *nodes;
	struct mn_graph_tensor *tensors;
	uint32_t n_nodes, n_tensors;
	/* Operators of the model that were left out: mn_graph_from_model(). */
	uint32_t *left_out;
	uint32_t n_left_out;
};

/* MN_E_NOMEM. *ret is empty; free with mn_graph_free(). */
int mn_graph_new(struct mn_graph **ret_graph);
void mn_graph_free(struct mn_graph *graph);

/* Append; the index of the new tensor or node, or MN_E_NOMEM. */
int32_t mn_graph_add_tensor(struct mn_graph *graph, uint32_t bytes, uint8_t role);
int32_t mn_graph_add_node(struct mn_graph *graph, const struct mn_graph_node *node);

/*
 * The first subgraph of a model; tensors have the indices that they have there. Left out, and
 * listed, is what stands between a float model boundary and the int8 network: a QUANTIZE of a
 * model input that is not int8, a DEQUANTIZE into a model output; its int8 side becomes an input
 * or output of the graph. MN_E_UNSUPPORTED: the message names every operator that has no layer (as
 * mn_lower_part() says of the first), or says that there are several subgraphs; MN_E_NOMEM.
 */
int mn_graph_from_model(const struct mn_model *model, struct mn_graph **ret_graph,
			struct mn_err *err);

/* The plan of a graph with a kernel set, which decides the scratch. One step for each node. */
struct mn_graph_plan {
	struct mn_program program; /* its steps are the plan's; not limited in number */
	uint32_t shared_bytes;     /* of the arena: activations and scratch, as planned */
	uint32_t kept_bytes;       /* of the arena: constants, multipliers, tables */
	uint32_t weight_bytes;     /* of the weight pool */
	uint32_t bias_bytes;       /* all biases, also where they share the pool */
	uint64_t macs;
	uint32_t *tensor_off; /* place of each tensor in the arena; UINT32_MAX: unused */
};

/*
 * MN_E_UNSUPPORTED: the set has no kernel for a node, which err names; MN_E_INVALID: a node does
 * not pass mn_layer_check(), or its tensors have other sizes than its layer; MN_E_OVERFLOW: beyond
 * 32 bits; as mn_planner_greedy(); MN_E_NOMEM. Does not ask whether a board has the room.
 */
int mn_graph_plan(const struct mn_graph *graph, const struct mn_kernel_set *set,
		  struct mn_graph_plan **ret_plan, struct mn_err *err);
void mn_graph_plan_free(struct mn_graph_plan *plan);

#endif
