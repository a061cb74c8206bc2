/* SPDX-License-Identifier: MIT */
#include "graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec.h"
#include "planner.h"

int mn_graph_new(struct mn_graph **ret_graph)
{
	struct mn_graph *graph = calloc(1, sizeof(*graph));

	if (!graph)
		return MN_E_NOMEM;
	*ret_graph = graph;
	return 0;
}

void mn_graph_free(struct mn_graph *graph)
{
	if (!graph)
		return;
	free(graph->nodes);
	free(graph->tensors);
	free(graph->left_out);
	free(graph);
}

/* Room for one more; the sizes double. */
static void *grown(void *array, uint32_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	return n >= 1u << 30 ? NULL : realloc(array, (n ? 2 * (size_t)n : 1) * size);
}

int32_t mn_graph_add_tensor(struct mn_graph *graph, uint32_t bytes, uint8_t role)
{
	void *array = grown(graph->tensors, graph->n_tensors, sizeof(*graph->tensors));

	if (!array)
		return MN_E_NOMEM;
	graph->tensors = array;
	graph->tensors[graph->n_tensors] = (struct mn_graph_tensor){bytes, role};
	return (int32_t)graph->n_tensors++;
}

int32_t mn_graph_add_node(struct mn_graph *graph, const struct mn_graph_node *node)
{
	void *array = grown(graph->nodes, graph->n_nodes, sizeof(*graph->nodes));

	if (!array)
		return MN_E_NOMEM;
	graph->nodes = array;
	graph->nodes[graph->n_nodes] = *node;
	return (int32_t)graph->n_nodes++;
}

/* ---- plan ---- */

struct planning {
	const struct mn_graph *graph;
	const struct mn_kernel_set *set;
	struct mn_graph_plan *plan;
	struct mn_step *steps;
	struct mn_plan_buffer *buffers; /* tensors, then the scratch of each node */
	uint64_t *offsets;
	uint64_t end; /* of the arena, so far */
	struct mn_err *err;
};

static uint64_t aligned(uint64_t bytes)
{
	return (bytes + MN_ALIGN - 1) / MN_ALIGN * MN_ALIGN;
}

static int too_much(struct planning *p, const char *what)
{
	return mn_err_set(p->err, MN_E_OVERFLOW, "the %s are over 4 GiB", what);
}

/* A node's tensor has the bytes that the layer says, and is alive at that time. */
static int use(struct planning *p, uint32_t node, int32_t tensor, uint32_t bytes)
{
	const struct mn_graph *g = p->graph;
	struct mn_plan_buffer *b;

	if (tensor < 0 || (uint32_t)tensor >= g->n_tensors || g->tensors[tensor].bytes != bytes)
		return mn_err_set(p->err, MN_E_INVALID,
				  "node %u, %s: its tensor %d is not one of %u bytes", node,
				  mn_op_name((enum mn_op)g->nodes[node].layer.op), tensor, bytes);
	b = &p->buffers[tensor];
	b->bytes = aligned(bytes);
	if (b->first < 0)
		b->first = (int32_t)node + 1;
	b->last = (int32_t)node + 1;
	return 0;
}

/* Check a node, note when its tensors live, and take its weights and biases. */
static int take_node(struct planning *p, uint32_t i, uint64_t *weights, uint32_t *bias)
{
	const struct mn_graph_node *node = &p->graph->nodes[i];
	const struct mn_kernel *kernel = mn_kernel_find(p->set, (enum mn_op)node->layer.op);
	const char *name = mn_op_name((enum mn_op)node->layer.op), *why = "";
	struct mn_step *step = &p->steps[i];
	struct mn_layer_info info;
	uint32_t in2_bytes = 0;
	int rc = mn_layer_check(&node->layer, &info, &why);

	if (rc < 0)
		return mn_err_set(p->err, rc, "node %u, %s: %s", i, name, why);
	if (!kernel)
		return mn_err_set(p->err, MN_E_UNSUPPORTED, "node %u: the kernels %s have no %s", i,
				  p->set->id, name);
	step->layer = node->layer;
	step->scratch_bytes = kernel->scratch_bytes(&node->layer);
	if (mn_op_inputs((enum mn_op)node->layer.op) == 2) {
		(void)mn_shape_elements(&node->layer.in2, &in2_bytes);
		rc = use(p, i, node->in2, in2_bytes);
	}
	if (rc == 0)
		rc = use(p, i, node->in, info.input_bytes - in2_bytes);
	if (rc == 0)
		rc = use(p, i, node->out, info.output_bytes);
	if (rc < 0)
		return rc;
	p->buffers[p->graph->n_tensors + i] = (struct mn_plan_buffer){
		aligned(step->scratch_bytes), (int32_t)i + 1, (int32_t)i + 1, MN_PLANNER_ONLINE};
	p->plan->macs += info.macs;

	step->weight_off = (uint32_t)*weights;
	for (uint32_t k = 0; node->weights && k < i; k++)
		if (p->graph->nodes[k].weights == node->weights)
			step->weight_off = p->steps[k].weight_off;
	if (step->weight_off == *weights)
		*weights += aligned(info.weight_bytes);
	if (*weights > UINT32_MAX)
		return too_much(p, "weights");
	if (*bias + info.bias_bytes > 4 * MN_BIAS_WORDS)
		*bias = 0;
	step->bias_off = info.bias_bytes ? *bias : 0;
	*bias += info.bias_bytes;
	p->plan->bias_bytes += info.bias_bytes;
	return 0;
}

static int keep(struct planning *p, uint32_t bytes, uint32_t *ret_off)
{
	*ret_off = 0;
	if (!bytes)
		return 0;
	*ret_off = (uint32_t)p->end;
	p->end += aligned(bytes);
	return p->end > UINT32_MAX ? too_much(p, "tensors") : 0;
}

/* Places of what lives for ever, then of each step. */
static int place(struct planning *p)
{
	const struct mn_graph *g = p->graph;
	int rc = 0;

	p->plan->shared_bytes = (uint32_t)p->end;
	for (uint32_t t = 0; t < g->n_tensors && rc == 0; t++) {
		uint32_t *at = &p->plan->tensor_off[t];

		if (p->buffers[t].first < 0)
			*at = UINT32_MAX;
		else if (g->tensors[t].role & MN_GRAPH_CONSTANT)
			rc = keep(p, g->tensors[t].bytes, at);
		else
			*at = (uint32_t)p->offsets[t];
	}
	for (uint32_t i = 0; i < g->n_nodes && rc == 0; i++) {
		const struct mn_graph_node *node = &g->nodes[i];
		struct mn_step *step = &p->steps[i];
		const int two = mn_op_inputs((enum mn_op)node->layer.op) == 2;
		struct mn_layer_info info;

		(void)mn_layer_check(&node->layer, &info, NULL);
		step->in_off = p->plan->tensor_off[node->in];
		step->in2_off = two ? p->plan->tensor_off[node->in2] : 0;
		step->out_off = p->plan->tensor_off[node->out];
		step->scratch_off =
			step->scratch_bytes ? (uint32_t)p->offsets[g->n_tensors + i] : 0;
		rc = keep(p, info.quant_bytes, &step->quant_off);
	}
	p->plan->kept_bytes = (uint32_t)p->end - p->plan->shared_bytes;
	return rc;
}

static int plan(struct planning *p)
{
	const struct mn_graph *g = p->graph;
	const size_t n = (size_t)g->n_tensors + g->n_nodes;
	uint64_t weights = 0;
	uint32_t bias = 0;
	int rc = 0;

	for (uint32_t t = 0; t < g->n_tensors; t++)
		p->buffers[t] = (struct mn_plan_buffer){
			0, g->tensors[t].role & MN_GRAPH_INPUT ? 0 : -1, 0, MN_PLANNER_ONLINE};
	for (uint32_t i = 0; i < g->n_nodes && rc == 0; i++)
		rc = take_node(p, i, &weights, &bias);
	for (uint32_t t = 0; t < g->n_tensors; t++) {
		if (g->tensors[t].role & MN_GRAPH_OUTPUT)
			p->buffers[t].last = (int32_t)g->n_nodes;
		if (g->tensors[t].role & MN_GRAPH_CONSTANT)
			p->buffers[t].bytes = 0; /* has a place of its own */
	}
	if (rc == 0)
		rc = mn_planner_greedy(p->buffers, n, p->offsets, &p->end, p->err);
	if (rc == 0 && p->end > UINT32_MAX)
		rc = too_much(p, "tensors");
	if (rc == 0)
		rc = place(p);
	p->plan->weight_bytes = (uint32_t)weights;
	p->plan->program = (struct mn_program){g->n_nodes, (uint32_t)p->end, p->steps};
	return rc;
}

int mn_graph_plan(const struct mn_graph *graph, const struct mn_kernel_set *set,
		  struct mn_graph_plan **ret_plan, struct mn_err *err)
{
	const size_t n = (size_t)graph->n_tensors + graph->n_nodes + 1;
	struct planning p = {.graph = graph, .set = set, .err = err};
	int rc;

	p.plan = calloc(1, sizeof(*p.plan));
	p.steps = calloc((size_t)graph->n_nodes + 1, sizeof(*p.steps));
	p.buffers = calloc(n, sizeof(*p.buffers));
	p.offsets = calloc(n, sizeof(*p.offsets));
	if (p.plan)
		p.plan->tensor_off = calloc((size_t)graph->n_tensors + 1, sizeof(uint32_t));
	if (!p.plan || !p.steps || !p.buffers || !p.offsets || !p.plan->tensor_off)
		rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
	else
		rc = plan(&p);
	free(p.buffers);
	free(p.offsets);
	if (rc == 0) {
		*ret_plan = p.plan;
		return 0;
	}
	free(p.steps);
	if (p.plan)
		free(p.plan->tensor_off);
	free(p.plan);
	return rc;
}

void mn_graph_plan_free(struct mn_graph_plan *plan)
{
	if (!plan)
		return;
	free((void *)plan->program.steps);
	free(plan->tensor_off);
	free(plan);
}
