/* SPDX-License-Identifier: MIT */
/* Operators of several parts as layers, and plans of graphs that are built by hand. */
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
#include "lower.h"

#define TENSORS 8

static const float scale = 0.5f;
static const int64_t zero;

/* A subgraph of one operator; tensors are int8 activations of one scale, unless data says more. */
struct one {
	struct mn_tensor tensors[TENSORS];
	struct mn_operator op;
	struct mn_subgraph subgraph;
	int32_t inputs[4], outputs[4];
};

static void set_tensor(struct one *o, int i, const int32_t *shape, uint8_t rank)
{
	struct mn_tensor *t = &o->tensors[i];

	memset(t, 0, sizeof(*t));
	t->name = "";
	t->type = MN_TYPE_INT8;
	t->rank = rank;
	t->elements = 1;
	for (int d = 0; d < rank; d++) {
		t->shape[d] = shape[d];
		t->elements *= (uint64_t)shape[d];
	}
	t->bytes = t->elements;
	t->n_scales = t->n_zero_points = 1;
	t->scales = (const uint8_t *)&scale;
	t->zero_points = (const uint8_t *)&zero;
}

static void set_constant(struct one *o, int i, const int32_t *values, int32_t n)
{
	set_tensor(o, i, &n, 1);
	o->tensors[i].type = MN_TYPE_INT32;
	o->tensors[i].bytes *= 4;
	o->tensors[i].data = (const uint8_t *)values;
	o->tensors[i].data_bytes = (uint32_t)o->tensors[i].bytes;
}

static void set_operator(struct one *o, int32_t builtin, uint32_t n_inputs, uint32_t n_outputs)
{
	for (uint32_t i = 0; i < n_inputs; i++)
		o->inputs[i] = (int32_t)i;
	for (uint32_t i = 0; i < n_outputs; i++)
		o->outputs[i] = (int32_t)(n_inputs + i);
	o->op = (struct mn_operator){
		.builtin = builtin,
		.custom_name = "",
		.inputs = o->inputs,
		.outputs = o->outputs,
		.n_inputs = n_inputs,
		.n_outputs = n_outputs,
	};
	o->subgraph = (struct mn_subgraph){
		.name = "",
		.tensors = o->tensors,
		.operators = &o->op,
		.n_tensors = TENSORS,
		.n_operators = 1,
	};
}

static void expect(const struct one *o, const char *const *texts, uint32_t n)
{
	assert_int_equal(mn_lower_parts(&o->subgraph, 0), n);
	for (uint32_t i = 0; i < n; i++) {
		struct mn_lowered l;
		struct mn_err err = {0};
		char text[MN_LAYER_TEXT_MAX];

		if (mn_lower_part(&o->subgraph, 0, i, &l, &err))
			fail_msg("%s", err.msg);
		assert_true(mn_layer_format(&l.layer, text, sizeof(text)) > 0);
		assert_string_equal(text, texts[i]);
		mn_lowered_free(&l);
	}
}

static void test_split(void **state)
{
	static const int32_t axis = -1, sizes[] = {2, -1};
	static const char *const even[] = {
		"strided_slice in=1x1x3x6 shape=1x1x3x2 begin=0,0,0,0 steps=1,1,1,1",
		"strided_slice in=1x1x3x6 shape=1x1x3x2 begin=0,0,0,2 steps=1,1,1,1",
		"strided_slice in=1x1x3x6 shape=1x1x3x2 begin=0,0,0,4 steps=1,1,1,1"};
	static const char *const uneven[] = {
		"strided_slice in=1x1x3x6 shape=1x1x3x2 begin=0,0,0,0 steps=1,1,1,1",
		"strided_slice in=1x1x3x6 shape=1x1x3x4 begin=0,0,0,2 steps=1,1,1,1"};
	struct one o;

	(void)state;
	set_operator(&o, MN_BUILTIN_SPLIT, 2, 3);
	set_constant(&o, 0, &axis, 1);
	set_tensor(&o, 1, (const int32_t[]){3, 6}, 2);
	for (int i = 2; i < 5; i++)
		set_tensor(&o, i, (const int32_t[]){3, 2}, 2);
	expect(&o, even, 3);

	set_operator(&o, MN_BUILTIN_SPLIT_V, 3, 2);
	set_tensor(&o, 0, (const int32_t[]){3, 6}, 2);
	set_constant(&o, 1, sizes, 2);
	set_constant(&o, 2, &axis, 1);
	set_tensor(&o, 3, (const int32_t[]){3, 2}, 2);
	set_tensor(&o, 4, (const int32_t[]){3, 4}, 2);
	expect(&o, uneven, 2);
	/* Outputs that reach beyond the input. */
	set_tensor(&o, 4, (const int32_t[]){3, 5}, 2);
	{
		struct mn_lowered l;

		assert_true(mn_lower_part(&o.subgraph, 0, 1, &l, NULL) < 0);
	}
}

static void test_pack(void **state)
{
	static const char *const unpacked[] = {
		"strided_slice in=1x2x3x4 shape=1x2x1x4 begin=0,0,0,0 steps=1,1,1,1",
		"strided_slice in=1x2x3x4 shape=1x2x1x4 begin=0,0,1,0 steps=1,1,1,1",
		"strided_slice in=1x2x3x4 shape=1x2x1x4 begin=0,0,2,0 steps=1,1,1,1"};
	static const char *const packed[] = {"concatenation in=1x2x1x4 pads=0,0,0,0,0,1,0,0",
					     "concatenation in=1x2x1x4 pads=0,0,0,0,1,0,0,0"};
	struct one o;

	(void)state;
	set_operator(&o, MN_BUILTIN_UNPACK, 1, 3);
	o.op.options.axis = 1;
	set_tensor(&o, 0, (const int32_t[]){2, 3, 4}, 3);
	for (int i = 1; i < 4; i++)
		set_tensor(&o, i, (const int32_t[]){2, 4}, 2);
	expect(&o, unpacked, 3);

	set_operator(&o, MN_BUILTIN_PACK, 2, 1);
	o.op.options.axis = -2;
	set_tensor(&o, 0, (const int32_t[]){2, 4}, 2);
	set_tensor(&o, 1, (const int32_t[]){2, 4}, 2);
	set_tensor(&o, 2, (const int32_t[]){2, 2, 4}, 3);
	expect(&o, packed, 2);
}

static int32_t add_layer(struct mn_graph *g, const char *text, int32_t in, int32_t in2, int32_t out)
{
	struct mn_graph_node node = {.in = in, .in2 = in2, .out = out};

	assert_int_equal(mn_layer_parse(text, strlen(text), &node.layer, NULL, NULL), 0);
	return mn_graph_add_node(g, &node);
}

/* A residual by hand, as a sampled network is built: the plan runs, and says what is wrong. */
static void test_by_hand(void **state)
{
	const struct mn_kernel_set *set = mn_kernel_sets[1]; /* ref: no scratch */
	struct mn_graph *g;
	struct mn_graph_plan *plan;
	struct mn_err err = {0};
	int32_t in, a, b, out;

	(void)state;
	assert_int_equal(mn_graph_new(&g), 0);
	in = mn_graph_add_tensor(g, 8 * 8 * 8, MN_GRAPH_INPUT);
	a = mn_graph_add_tensor(g, 8 * 8 * 16, 0);
	b = mn_graph_add_tensor(g, 8 * 8 * 8, 0);
	out = mn_graph_add_tensor(g, 8 * 8 * 8, MN_GRAPH_OUTPUT);
	add_layer(g, "conv_2d in=1x8x8x8 out_c=16 kernel=1x1", in, -1, a);
	add_layer(g, "conv_2d in=1x8x8x16 out_c=8 kernel=1x1", a, -1, b);
	add_layer(g, "add in=1x8x8x8 in2=1x8x8x8", b, in, out);
	if (mn_graph_plan(g, set, &plan, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(plan->program.n_steps, 3);
	assert_int_equal(plan->weight_bytes, 256);
	assert_int_equal(plan->bias_bytes, 4 * 24);
	assert_int_equal(plan->macs, 2 * 8192);
	assert_int_equal(plan->kept_bytes, 8 * 24);
	/* At the widest the input, 1024 bytes and 512 live at once; nothing may take the input's
	 * place before it is added. */
	assert_int_equal(plan->shared_bytes, 512 + 1024 + 512);
	assert_int_equal(plan->program.steps[2].in2_off, plan->program.steps[0].in_off);
	assert_int_equal(mn_program_check(&plan->program, plan->program.arena_bytes, 256,
					  4 * MN_BIAS_WORDS, NULL, NULL, NULL, NULL),
			 0);
	mn_graph_plan_free(plan);

	/* A tensor of another size than its layer's. */
	g->tensors[b].bytes++;
	assert_int_equal(mn_graph_plan(g, set, &plan, &err), MN_E_INVALID);
	assert_non_null(strstr(err.msg, "node 1"));
	g->tensors[b].bytes--;
	g->nodes[2].in2 = 99;
	assert_int_equal(mn_graph_plan(g, set, &plan, &err), MN_E_INVALID);
	g->nodes[2].in2 = in;
	g->nodes[0].layer.out_c = 0;
	assert_int_equal(mn_graph_plan(g, set, &plan, NULL), MN_E_INVALID);
	mn_graph_free(g);
}

/* Nodes that share weights share a place in the pool; biases wrap around. */
static void test_pools(void **state)
{
	struct mn_graph *g;
	struct mn_graph_plan *plan;
	int32_t in, out;

	(void)state;
	assert_int_equal(mn_graph_new(&g), 0);
	in = mn_graph_add_tensor(g, 4, MN_GRAPH_INPUT);
	out = mn_graph_add_tensor(g, 3000, MN_GRAPH_OUTPUT);
	for (uint32_t i = 0; i < 3; i++) {
		int32_t node = add_layer(g, "fully_connected in=1x1x1x4 out_c=3000", in, -1, out);

		g->nodes[node].weights = i == 1 ? 8 : 7;
	}
	assert_int_equal(mn_graph_plan(g, mn_kernel_sets[0], &plan, NULL), 0);
	assert_int_equal(plan->weight_bytes, 2 * 12000);
	assert_int_equal(plan->program.steps[1].weight_off, 12000);
	assert_int_equal(plan->program.steps[2].weight_off, 0);
	assert_int_equal(plan->bias_bytes, 3 * 12000);
	assert_int_equal(plan->program.steps[1].bias_off, 0);
	mn_graph_plan_free(plan);
	mn_graph_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
