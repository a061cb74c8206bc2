/* SPDX-License-Identifier: MIT */
/*
 * Every golden model, every case, every kernel set: each output byte equals TFLM's. Our own sets
 * run all of them; another library may say that it has no kernel for a layer. Our own sets run them
 * twice: each tensor with memory of its own, and all where the plan of a program has them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec.h"
#include "graph.h"
#include "kernel.h"
#include "lower.h"

#define PATH_MAX_ 1024

static const char *golden_dir(void)
{
	static char dir[PATH_MAX_];
	const char *top = getenv("MNCHAR_SOURCE_DIR");

	snprintf(dir, sizeof(dir), "%s/tests/golden", top ? top : ".");
	return dir;
}

static uint8_t *slurp(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	long size;

	if (!f)
		fail_msg("%s cannot be opened", path);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	data = malloc((size_t)size + 1);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, (size_t)size, f), size);
	fclose(f);
	*ret_size = (size_t)size;
	return data;
}

/* A model ready to run: each operator lowered, each activation with memory of its own. */
struct runner {
	struct mn_model *model;
	const struct mn_subgraph *subgraph;
	struct mn_lowered *steps;
	uint32_t n_steps; /* operators, those with parts more than once */
	int8_t **tensors; /* by tensor index; NULL: not an activation */
	struct mn_graph *graph;
	struct mn_graph_plan *plan; /* NULL: each tensor has its own memory */
	uint8_t *arena;
};

static void *in_arena(struct runner *r, uint32_t at, const void *data, size_t size)
{
	assert_true(at % MN_ALIGN == 0 && at + size <= r->plan->program.arena_bytes);
	if (data)
		memcpy(r->arena + at, data, size);
	return r->arena + at;
}

/* Put everything where the plan of the model has it: constants, multipliers and tables too. */
static void runner_plan(struct runner *r, const char *path, const struct mn_kernel_set *set)
{
	struct mn_err err = {0};

	if (mn_graph_from_model(r->model, &r->graph, &err) < 0 ||
	    mn_graph_plan(r->graph, set, &r->plan, &err) < 0)
		fail_msg("%s: %s", path, err.msg);
	assert_int_equal(r->plan->program.n_steps, r->n_steps);
	/* A board takes it, if it has as much memory. */
	assert_int_equal(mn_program_check(&r->plan->program, r->plan->program.arena_bytes,
					  r->plan->weight_bytes, 4 * MN_BIAS_WORDS, NULL, NULL,
					  NULL, NULL),
			 0);
	r->arena = aligned_alloc(MN_ALIGN, r->plan->program.arena_bytes + MN_ALIGN);
	assert_non_null(r->arena);
	memset(r->arena, 0xa5, r->plan->program.arena_bytes);
	for (uint32_t i = 0; i < r->subgraph->n_tensors; i++) {
		const struct mn_tensor *t = &r->subgraph->tensors[i];

		if (t->data && r->plan->tensor_off[i] == UINT32_MAX)
			continue;
		if (!t->data)
			free(r->tensors[i]);
		r->tensors[i] = in_arena(r, r->plan->tensor_off[i], t->data, t->bytes);
	}
	for (uint32_t i = 0; i < r->n_steps; i++) {
		const struct mn_step *step = &r->plan->program.steps[i];
		struct mn_lowered *s = &r->steps[i];
		const uint32_t n = mn_layer_out_shape(&s->layer).c;

		assert_memory_equal(&step->layer, &s->layer, sizeof(s->layer));
		s->in_data = s->in2_data = NULL;
		if (step->layer.op != MN_OP_FULLY_CONNECTED && s->quant.mult) {
			int32_t *mult = in_arena(r, step->quant_off, NULL, 8 * (size_t)n);

			memcpy(mult, s->quant.mult, 4 * (size_t)n);
			memcpy(mult + n, s->quant.shift, 4 * (size_t)n);
			s->quant.mult = mult;
			s->quant.shift = mult + n;
		}
		if (s->quant.table)
			s->quant.table = in_arena(r, step->quant_off, s->quant.table, 256);
	}
}

static void runner_open(struct runner *r, const char *path)
{
	struct mn_err err = {0};

	if (mn_model_open(path, &r->model, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(r->model->n_subgraphs, 1);
	r->subgraph = &r->model->subgraphs[0];
	r->n_steps = 0;
	for (uint32_t i = 0; i < r->subgraph->n_operators; i++)
		r->n_steps += mn_lower_parts(r->subgraph, i);
	r->steps = calloc(r->n_steps, sizeof(*r->steps));
	r->tensors = calloc(r->subgraph->n_tensors, sizeof(*r->tensors));
	assert_true(r->steps && r->tensors);
	for (uint32_t i = 0, step = 0; i < r->subgraph->n_operators; i++)
		for (uint32_t part = 0; part < mn_lower_parts(r->subgraph, i); part++)
			if (mn_lower_part(r->subgraph, i, part, &r->steps[step++], &err) < 0)
				fail_msg("%s: %s", path, err.msg);
	for (uint32_t i = 0; i < r->subgraph->n_tensors; i++)
		if (!r->subgraph->tensors[i].data) {
			/* Exactly as long as the tensor: the sanitizer sees a byte too many. */
			r->tensors[i] = malloc(r->subgraph->tensors[i].bytes);
			assert_non_null(r->tensors[i]);
		}
}

static void runner_close(struct runner *r)
{
	for (uint32_t i = 0; i < r->n_steps; i++)
		mn_lowered_free(&r->steps[i]);
	for (uint32_t i = 0; i < r->subgraph->n_tensors && !r->plan; i++)
		free(r->tensors[i]);
	mn_graph_plan_free(r->plan);
	mn_graph_free(r->graph);
	free(r->arena);
	free(r->steps);
	free(r->tensors);
	mn_model_free(r->model);
}

static int is_ours(const struct mn_kernel_set *set)
{
	return !strncmp(set->id, "mnchar/", 7);
}

/* 1, or 0 if another library has no kernel for it. */
static int run_step(struct runner *r, uint32_t i, const struct mn_kernel_set *set, const char *name)
{
	struct mn_lowered *s = &r->steps[i];
	const struct mn_kernel *kernel = mn_kernel_find(set, s->layer.op);
	struct mn_kernel_args args = {
		.layer = &s->layer,
		.quant = &s->quant,
		.in = s->in_data ? s->in_data : r->tensors[s->in],
		.in2 = s->in2_data   ? s->in2_data
		       : s->in2 >= 0 ? r->tensors[s->in2]
				     : NULL,
		.out = r->tensors[s->out],
		.weights = s->weights,
		.bias = s->bias,
	};
	uint32_t scratch;
	int rc;

	if (!kernel && !is_ours(set))
		return 0;
	if (!kernel)
		fail_msg("%s has no kernel for %s", set->id, mn_op_name(s->layer.op));
	scratch = kernel->scratch_bytes(&s->layer);
	if (r->plan) {
		args.scratch = in_arena(r, r->plan->program.steps[i].scratch_off, NULL, scratch);
		rc = kernel->run(&args);
		if (rc < 0)
			fail_msg("%s, %s: %s", name, kernel->name, mn_err_name(rc));
		return 1;
	}
	if (scratch) {
		args.scratch = aligned_alloc(16, ((size_t)scratch + 15) / 16 * 16);
		assert_non_null(args.scratch);
		memset(args.scratch, 0xa5, scratch);
	}
	rc = kernel->run(&args);
	free(args.scratch);
	if (rc == MN_E_UNSUPPORTED && !is_ours(set))
		return 0;
	if (rc < 0)
		fail_msg("%s, %s: %s", name, kernel->name, mn_err_name(rc));
	return 1;
}

/*
 * Runs every case of a model; returns their number and adds the bytes compared. 0: another library
 * has no kernel for one of its layers.
 */
static unsigned run_model(const char *name, unsigned n_cases, const struct mn_kernel_set *set,
			  int planned, uint64_t *bytes)
{
	char path[PATH_MAX_];
	struct runner r = {0};
	uint8_t *cases;
	size_t size, at = 0;

	snprintf(path, sizeof(path), "%s/%s.tflite", golden_dir(), name);
	runner_open(&r, path);
	if (planned)
		runner_plan(&r, path, set);
	snprintf(path, sizeof(path), "%s/%s.bin", golden_dir(), name);
	cases = slurp(path, &size);
	for (unsigned i = 0; i < n_cases; i++) {
		for (uint32_t k = 0; k < r.subgraph->n_inputs; k++) {
			int32_t tensor = r.subgraph->inputs[k];
			size_t n = r.subgraph->tensors[tensor].bytes;

			assert_true(at + n <= size);
			memcpy(r.tensors[tensor], cases + at, n);
			at += n;
		}
		for (uint32_t k = 0; k < r.n_steps; k++) {
			if (!run_step(&r, k, set, name)) {
				n_cases = 0;
				goto out;
			}
		}
		for (uint32_t k = 0; k < r.subgraph->n_outputs; k++) {
			int32_t tensor = r.subgraph->outputs[k];
			size_t n = r.subgraph->tensors[tensor].bytes;

			assert_true(at + n <= size);
			for (size_t b = 0; b < n; b++)
				if ((int8_t)cases[at + b] != r.tensors[tensor][b])
					fail_msg("%s, %s, case %u: output byte %zu is %d, not %d",
						 set->id, name, i, b, r.tensors[tensor][b],
						 (int8_t)cases[at + b]);
			at += n;
			*bytes += n;
		}
	}
	assert_int_equal(at, size);
out:
	free(cases);
	runner_close(&r);
	return n_cases;
}

static void test_all(void **state)
{
	const struct mn_kernel_set *set = *state;
	char path[PATH_MAX_], line[1024], name[512];
	unsigned models = 0, cases = 0, lacking = 0, n_cases;
	uint64_t bytes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/index.csv", golden_dir());
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f)); /* the heading */
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%511[^,],%*[^,],%u", name, &n_cases) != 2)
			fail_msg("index.csv: %s", line);
		n_cases = run_model(name, n_cases, set, 0, &bytes);
		if (is_ours(set))
			run_model(name, n_cases, set, 1, &bytes);
		cases += n_cases;
		models++;
		lacking += !n_cases;
	}
	fclose(f);
	printf("%s: %u models, %u without a kernel, %u cases, %llu output bytes equal\n", set->id,
	       models, lacking, cases, (unsigned long long)bytes);
	assert_int_equal(models, 343);
	if (is_ours(set))
		assert_int_equal(cases, 1029);
	else
		assert_true(cases >= 600);
}

int main(void)
{
	uint32_t n = mn_kernel_sets_count();
	struct CMUnitTest *tests = calloc(n, sizeof(*tests));
	int rc;

	if (!tests || n < 2) /* ref and dsp at least */
		return 1;
	for (uint32_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){.name = mn_kernel_sets[i]->id,
					       .test_func = test_all,
					       .initial_state = (void *)mn_kernel_sets[i]};
	rc = _cmocka_run_group_tests("golden", tests, n, NULL, NULL);
	free(tests);
	return rc;
}
