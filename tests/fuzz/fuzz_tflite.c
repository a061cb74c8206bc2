/* SPDX-License-Identifier: MIT */
/* A model file of any bytes: read all of it, lower each operator, run what is
 * small, plan its arena. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "exec.h"
#include "graph.h"
#include "kernel.h"
#include "lower.h"

#define MACS_MAX  20000u
#define BYTES_MAX 20000u

/* Reads the ends of n bytes, so that the sanitizer sees where the pointer leads. */
static unsigned touch(const void *data, size_t n)
{
	const uint8_t *p = data;
	unsigned sum = 0;

	for (size_t i = 0; p && i < n && i < 16; i++)
		sum += p[i] + p[n - 1 - i];
	return sum;
}

static void run(const struct mn_lowered *s, const struct mn_kernel_set *set)
{
	const struct mn_kernel *kernel = mn_kernel_find(set, s->layer.op);
	struct mn_kernel_args args = {.layer = &s->layer,
				      .quant = &s->quant,
				      .in = s->in_data,
				      .in2 = s->in2_data,
				      .weights = s->weights,
				      .bias = s->bias};
	struct mn_layer_info info;
	uint32_t scratch, in = 0, in2 = 0;
	int8_t *a = NULL, *b = NULL;

	if (!kernel || mn_layer_check(&s->layer, &info, NULL) < 0)
		abort();
	scratch = kernel->scratch_bytes(&s->layer);
	if (info.macs > MACS_MAX || info.input_bytes > BYTES_MAX || info.output_bytes > BYTES_MAX ||
	    scratch > BYTES_MAX ||
	    (uint64_t)info.output_bytes * s->layer.kernel_h * s->layer.kernel_w > MACS_MAX)
		return;
	if (mn_shape_elements(&s->layer.in, &in) < 0 || mn_shape_elements(&s->layer.in2, &in2) < 0)
		abort();
	args.out = malloc(info.output_bytes);
	args.scratch = scratch ? aligned_alloc(16, ((size_t)scratch + 15) / 16 * 16) : NULL;
	if (!args.in)
		args.in = a = calloc(1, in);
	if (s->in2 >= 0 && !args.in2)
		args.in2 = b = calloc(1, in2);
	if (args.out && args.in)
		kernel->run(&args);
	free(args.out);
	free(args.scratch);
	free(a);
	free(b);
}

/* A program that is planned is one that a board would take, had it the memory. */
static void plan_graph(const struct mn_model *model)
{
	struct mn_graph *graph;
	struct mn_graph_plan *plan;
	struct mn_err err = {0};

	if (mn_graph_from_model(model, &graph, &err) < 0) {
		if (!err.code)
			abort();
		return;
	}
	if (graph->n_nodes <= MN_PROGRAM_STEPS_MAX && graph->n_tensors <= 1000 &&
	    mn_graph_plan(graph, mn_kernel_sets[0], &plan, &err) == 0) {
		int rc = mn_program_check(&plan->program, plan->program.arena_bytes,
					  plan->weight_bytes, 4 * MN_BIAS_WORDS, NULL, NULL, NULL,
					  NULL);

		/* Too many channels for the bias pool, or a model that reads what it has not
		 * written, or writes a tensor in place. */
		if (rc < 0 && rc != MN_E_TOO_BIG && rc != MN_E_INVALID)
			abort();
		mn_graph_plan_free(plan);
	}
	mn_graph_free(graph);
}

static volatile unsigned sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mn_model *model;
	struct mn_arena *arena;
	struct mn_err err = {0};
	unsigned sum = 0, runs = 0;

	if (mn_model_parse(data, size, &model, &err) < 0) {
		if (!err.code || !err.msg[0])
			abort();
		return 0;
	}
	sum += touch(model->description, strlen(model->description));
	for (uint32_t i = 0; i < model->n_metadata; i++)
		sum += touch(model->metadata[i].name, strlen(model->metadata[i].name)) +
		       touch(model->metadata[i].data, model->metadata[i].data_bytes);
	for (uint32_t g = 0; g < model->n_subgraphs; g++) {
		const struct mn_subgraph *s = &model->subgraphs[g];

		for (uint32_t i = 0; i < s->n_tensors; i++) {
			const struct mn_tensor *t = &s->tensors[i];

			sum += touch(t->name, strlen(t->name)) + touch(t->data, t->data_bytes);
			for (uint32_t k = 0; k < t->n_scales; k++)
				sum += mn_tensor_scale(t, k) > 0;
			for (uint32_t k = 0; k < t->n_zero_points; k++)
				sum += mn_tensor_zero_point(t, k) > 0;
		}
		for (uint32_t i = 0; i < s->n_operators; i++) {
			struct mn_layer layer;
			struct mn_lowered lowered;

			sum += touch(mn_operator_name(&s->operators[i]), 1);
			for (uint32_t part = 0; part < 4 && part < mn_lower_parts(s, i); part++) {
				mn_lower_layer_part(s, i, part, &layer, NULL);
				if (mn_lower_part(s, i, part, &lowered, &err) < 0)
					continue;
				for (uint32_t k = 0; runs < 8 && k < mn_kernel_sets_count();
				     k++, runs++)
					run(&lowered, mn_kernel_sets[k]);
				mn_lowered_free(&lowered);
			}
		}
	}
	if (mn_arena_plan(model, NULL, &arena, &err) == 0) {
		if (arena->smallest_bytes < arena->used_bytes || arena->peak >= arena->n_steps)
			abort();
		mn_arena_free(arena);
	} else if (!err.code) {
		abort();
	}
	plan_graph(model);
	mn_model_free(model);
	sink = sum;
	return 0;
}
