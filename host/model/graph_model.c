/* SPDX-License-Identifier: MIT */
/* A graph from a model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "lower.h"

/* The conversion of a model's float (or uint8) input or output, which is the application's. */
static bool is_boundary(const struct mn_graph *g, const struct mn_subgraph *s,
			const struct mn_operator *o)
{
	if (o->n_inputs < 1 || o->n_outputs != 1 || o->inputs[0] < 0)
		return false;
	if (o->builtin == MN_BUILTIN_QUANTIZE)
		return s->tensors[o->inputs[0]].type != MN_TYPE_INT8 &&
		       s->tensors[o->outputs[0]].type == MN_TYPE_INT8 &&
		       (g->tensors[o->inputs[0]].role & MN_GRAPH_INPUT);
	if (o->builtin == MN_BUILTIN_DEQUANTIZE || o->builtin == MN_BUILTIN_QUANTIZE)
		return s->tensors[o->inputs[0]].type == MN_TYPE_INT8 &&
		       s->tensors[o->outputs[0]].type != MN_TYPE_INT8 &&
		       (g->tensors[o->outputs[0]].role & MN_GRAPH_OUTPUT);
	return false;
}

static int leave_out(struct mn_graph *g, const struct mn_subgraph *s, uint32_t op)
{
	const struct mn_operator *o = &s->operators[op];

	g->left_out[g->n_left_out++] = op;
	if (s->tensors[o->outputs[0]].type == MN_TYPE_INT8)
		g->tensors[o->outputs[0]].role |= MN_GRAPH_INPUT;
	else
		g->tensors[o->inputs[0]].role |= MN_GRAPH_OUTPUT;
	return 0;
}

static int add_part(struct mn_graph *g, const struct mn_subgraph *s, uint32_t op, uint32_t part,
		    struct mn_err *err)
{
	const struct mn_operator *o = &s->operators[op];
	struct mn_graph_node node = {.op = op, .part = part};
	struct mn_lowered lowered;
	int rc = mn_lower_part(s, op, part, &lowered, err);

	if (rc < 0)
		return rc;
	node.layer = lowered.layer;
	node.in = lowered.in;
	node.in2 = lowered.in2;
	node.out = lowered.out;
	if (lowered.weights)
		node.weights = s->tensors[o->inputs[1]].buffer;
	mn_lowered_free(&lowered);
	if (mn_graph_add_node(g, &node) < 0)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	return 0;
}

static int take_tensors(struct mn_graph *g, const struct mn_subgraph *s)
{
	for (uint32_t t = 0; t < s->n_tensors; t++) {
		uint8_t role = s->tensors[t].data ? MN_GRAPH_CONSTANT : 0;

		if (mn_graph_add_tensor(g, (uint32_t)s->tensors[t].bytes, role) < 0)
			return MN_E_NOMEM;
	}
	for (uint32_t i = 0; i < s->n_inputs; i++)
		if (s->inputs[i] >= 0)
			g->tensors[s->inputs[i]].role |= MN_GRAPH_INPUT;
	for (uint32_t i = 0; i < s->n_outputs; i++)
		if (s->outputs[i] >= 0)
			g->tensors[s->outputs[i]].role |= MN_GRAPH_OUTPUT;
	return 0;
}

/* Append ", 3 SPLIT" as long as there is room. */
static void add_name(char *list, size_t size, uint32_t op, const char *name)
{
	size_t used = strlen(list);

	if (size - used > 64)
		snprintf(list + used, size - used, "%s%u %.40s", used ? ", " : "", op, name);
	else if (strcmp(list + used - 3, "...") != 0)
		snprintf(list + used, size - used, " ...");
}

int mn_graph_from_model(const struct mn_model *model, struct mn_graph **ret_graph,
			struct mn_err *err)
{
	const struct mn_subgraph *s = &model->subgraphs[0];
	char names[320] = "";
	struct mn_err first = {0};
	struct mn_graph *g = NULL;
	int rc;

	if (model->n_subgraphs != 1)
		return mn_err_set(err, MN_E_UNSUPPORTED, "the model has %u subgraphs, not one",
				  model->n_subgraphs);
	rc = mn_graph_new(&g);
	if (rc == 0)
		rc = take_tensors(g, s);
	if (rc == 0) {
		g->left_out = calloc((size_t)s->n_operators + 1, sizeof(*g->left_out));
		rc = g->left_out ? 0 : MN_E_NOMEM;
	}
	if (rc < 0)
		mn_err_set(err, rc, "out of memory");
	for (uint32_t i = 0; i < s->n_operators && rc == 0; i++) {
		if (is_boundary(g, s, &s->operators[i])) {
			rc = leave_out(g, s, i);
			continue;
		}
		for (uint32_t part = 0; part < mn_lower_parts(s, i) && rc == 0; part++) {
			struct mn_err why = {0};

			rc = add_part(g, s, i, part, &why);
			if (rc == MN_E_NOMEM)
				mn_err_set(err, rc, "%s", why.msg);
			if (rc == 0 || rc == MN_E_NOMEM)
				continue;
			if (!first.code)
				first = why;
			add_name(names, sizeof(names), i, mn_operator_name(&s->operators[i]));
			rc = 0;
			break;
		}
	}
	if (rc == 0 && first.code)
		rc = mn_err_set(err, MN_E_UNSUPPORTED, "not supported: %s (%s)", names, first.msg);
	else if (rc == 0 && !g->n_nodes)
		rc = mn_err_set(err, MN_E_INVALID, "the model has no layer to run");
	if (rc < 0)
		mn_graph_free(g);
	else
		*ret_graph = g;
	return rc;
}
