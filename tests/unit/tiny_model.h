/* SPDX-License-Identifier: MIT */
/* A model without a file: softmax, add, softmax and a custom operator, on 8 int8 each; then a
 * float softmax. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H

#include "model.h"

enum { TINY_TENSORS = 6, TINY_OPERATORS = 5 };

struct tiny_model {
	struct mn_model model;
	struct mn_subgraph graph;
	struct mn_tensor tensors[TINY_TENSORS];
	struct mn_operator operators[TINY_OPERATORS];
	int32_t ends[TINY_TENSORS];
	int32_t add_inputs[2];
};

static inline const struct mn_model *tiny_model(struct tiny_model *t)
{
	static const int32_t builtins[TINY_OPERATORS] = {MN_BUILTIN_SOFTMAX, MN_BUILTIN_ADD,
							 MN_BUILTIN_SOFTMAX, MN_BUILTIN_CUSTOM,
							 MN_BUILTIN_SOFTMAX};

	*t = (struct tiny_model){.add_inputs = {1, 0}};
	for (int i = 0; i < TINY_TENSORS; i++) {
		t->tensors[i] = (struct mn_tensor){.name = "",
						   .type = i < 5 ? MN_TYPE_INT8 : MN_TYPE_FLOAT32,
						   .rank = 2,
						   .shape = {1, 8},
						   .elements = 8,
						   .bytes = i < 5 ? 8 : 32};
		t->ends[i] = i;
	}
	for (int i = 0; i < TINY_OPERATORS; i++)
		t->operators[i] = (struct mn_operator){
			.builtin = builtins[i],
			.custom_name = builtins[i] == MN_BUILTIN_CUSTOM ? "Mine, too" : "",
			.inputs = i == 1 ? t->add_inputs : &t->ends[i],
			.outputs = &t->ends[i + 1],
			.n_inputs = i == 1 ? 2 : 1,
			.n_outputs = 1,
			.options = {.beta = 1, .subgraphs = {-1, -1}}};
	t->graph = (struct mn_subgraph){.name = "",
					.tensors = t->tensors,
					.operators = t->operators,
					.inputs = &t->ends[0],
					.outputs = &t->ends[TINY_TENSORS - 1],
					.n_tensors = TINY_TENSORS,
					.n_operators = TINY_OPERATORS,
					.n_inputs = 1,
					.n_outputs = 1};
	t->model = (struct mn_model){
		.version = 3, .description = "", .subgraphs = &t->graph, .n_subgraphs = 1};
	return &t->model;
}

#endif
