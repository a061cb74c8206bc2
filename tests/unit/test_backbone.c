/* SPDX-License-Identifier: MIT */
/* What backbones draw, where their errors are, and the members of the shipped ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backbone.h"
#include "kernel.h"

static void expect_error(const char *text, int code, const char *want)
{
	struct mn_backbone *b = NULL;
	struct mn_err err = {0};
	int rc = mn_backbone_parse(text, strlen(text), "t", &b, &err);

	if (rc != code || !strstr(err.msg, want))
		fail_msg("%d '%s', not '%s', for\n%s", rc, err.msg, want, text);
	assert_null(b);
}

static struct mn_backbone *parse(const char *text)
{
	struct mn_backbone *b = NULL;
	struct mn_err err = {0};

	if (mn_backbone_parse(text, strlen(text), "t", &b, &err))
		fail_msg("%s\n%s", err.msg, text);
	return b;
}

#define HEAD "name: t\ninput: 8x8x3\nblocks:\n"

static void test_errors(void **state)
{
	(void)state;
	expect_error("name: t\nblocks: [{op: softmax}]\n", MN_E_SYNTAX,
		     "t:1:1: 'input' is missing");
	expect_error("name: t\ninput: 8x8\nblocks: [{op: softmax}]\n", MN_E_SYNTAX, "t:2:8: input");
	expect_error(HEAD "  - {op: conf, channels: 3}\n", MN_E_SYNTAX, "t:4:");
	expect_error(HEAD "  - {op: conv, filters: 3}\n", MN_E_SYNTAX,
		     "t:4:16: there is no key 'filters'");
	expect_error(HEAD "  - {op: conv}\n", MN_E_INVALID, "t:4:5: 'channels' is missing");
	expect_error(HEAD "  - {op: conv, channels: 4|x}\n", MN_E_SYNTAX, "t:4:28: expected");
	expect_error(HEAD "  - {op: conv, channels: 8..4}\n", MN_E_SYNTAX, "t:4:29: expected");
	expect_error(HEAD "  - {op: conv, channels: 0}\n", MN_E_INVALID, "t:4:26: 0 is below 1");
	expect_error(HEAD "  - {op: conv, channels: 1..60000|1..60000}\n", MN_E_OVERFLOW, "t:4:26");
	expect_error(HEAD "  - {op: softmax, stride: 2}\n", MN_E_INVALID,
		     "t:4:19: this op has no stride");
	expect_error(HEAD "  - {op: conv, channels: 3, act: elu}\n", MN_E_SYNTAX, "t:4:34: act is");
	expect_error(HEAD "  - {op: average_pool, kernel: 9}\n", MN_E_INVALID,
		     "t:4:5: average_pool");
	expect_error(HEAD "  - {op: conv, channels: 1, repeat: 5000}\n", MN_E_OVERFLOW, "t:4:5");
	expect_error(HEAD "  - {op: softmax, repeat: 0}\n", MN_E_INVALID, "without a layer");
	expect_error(HEAD "  - {op: softmax}\nmembers:\n"
			  "  - {name: m, blocks: [{op: conv, channels: 1..2}]}\n",
		     MN_E_INVALID, "t:6:45: a member has one value here, not a choice of 2");
}

/* Inputs of a node are earlier tensors of its layer's sizes; all of it can be planned. */
static void check_model(const struct mn_backbone_model *m)
{
	const struct mn_graph *g = m->graph;
	struct mn_graph_plan *plan;
	struct mn_err err = {0};
	uint64_t macs = 0;

	for (uint32_t i = 0; i < g->n_nodes; i++) {
		const struct mn_graph_node *n = &g->nodes[i];
		struct mn_layer_info info;

		assert_int_equal(mn_layer_check(&n->layer, &info, NULL), 0);
		assert_true(n->in >= 0 && n->in < n->out);
		assert_int_equal(n->out, i + 1);
		if (n->layer.op == MN_OP_ADD) {
			assert_true(n->in2 >= 0 && n->in2 < n->out && n->in2 != n->in);
			assert_int_equal(g->tensors[n->in].bytes, g->tensors[n->in2].bytes);
		} else {
			assert_int_equal(n->in2, -1);
			assert_int_equal(g->tensors[n->in].bytes, info.input_bytes);
		}
		assert_int_equal(g->tensors[n->out].bytes, info.output_bytes);
		macs += info.macs;
	}
	assert_int_equal(macs, m->macs);
	if (mn_graph_plan(g, mn_kernel_sets[0], &plan, &err))
		fail_msg("%s: %s", m->name, err.msg);
	assert_int_equal(plan->macs, macs);
	mn_graph_plan_free(plan);
}

static void test_residual(void **state)
{
	struct mn_backbone *b =
		parse(HEAD "  - {op: conv, channels: 8}\n"
			   "  - {op: residual, channels: 8}\n"
			   "  - {op: residual, channels: 12, stride: 2}\n"
			   "  - {op: inverted_residual, channels: 12, expand: 2}\n");
	struct mn_backbone_model *m;
	struct mn_err err;
	const struct mn_graph_node *n;

	(void)state;
	assert_int_equal(mn_backbone_sample(b, 1, 0, &m, &err), 0);
	check_model(m);
	n = m->graph->nodes;
	assert_int_equal(m->graph->n_nodes, 1 + 3 + 4 + 4);
	/* conv; conv conv add; conv conv shortcut add; conv dw conv add */
	assert_int_equal(n[3].layer.op, MN_OP_ADD);
	assert_int_equal(n[3].in2, n[0].out);
	assert_int_equal(n[3].layer.act, MN_ACT_RELU);
	assert_int_equal(n[6].in, n[3].out);
	assert_int_equal(n[6].layer.kernel_h, 1);
	assert_int_equal(n[6].layer.stride_h, 2);
	assert_int_equal(n[7].in, n[5].out);
	assert_int_equal(n[7].in2, n[6].out);
	assert_int_equal(n[8].layer.out_c, 24);
	assert_int_equal(n[11].in2, n[7].out);
	mn_backbone_model_free(m);
	mn_backbone_free(b);
}

static void test_draws(void **state)
{
	struct mn_backbone *b =
		parse("name: t\ninput: 8x8x1\nwidth_percent: 50|100\nmultiple: 4\n"
		      "blocks:\n  - {op: conv, channels: 4..20/2, kernel: 1x3|3}\n");
	uint32_t seen[32] = {0}, kernels = 0;
	struct mn_backbone_model *m, *again;
	struct mn_err err;

	(void)state;
	for (uint64_t i = 0; i < 300; i++) {
		const struct mn_layer *l;

		assert_int_equal(mn_backbone_sample(b, 7, i, &m, &err), 0);
		assert_int_equal(mn_backbone_sample(b, 7, i, &again, &err), 0);
		assert_string_equal(m->name, again->name);
		l = &m->graph->nodes[0].layer;
		assert_true(l->out_c % 4 == 0 && l->out_c >= 4 && l->out_c <= 20);
		seen[l->out_c]++;
		kernels += l->kernel_h == 1;
		mn_backbone_model_free(m);
		mn_backbone_model_free(again);
	}
	for (uint32_t c = 4; c <= 20; c += 4)
		assert_true(seen[c] > 0);
	assert_in_range(kernels, 110, 190);
	mn_backbone_free(b);
}

static struct mn_backbone *shipped(const char *name)
{
	const char *top = getenv("MNCHAR_SOURCE_DIR");
	struct mn_backbone *b = NULL;
	struct mn_err err = {0};
	char path[4096];

	assert_non_null(top);
	snprintf(path, sizeof(path), "%s/probes/backbones/%s.yaml", top, name);
	if (mn_backbone_load(path, &b, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(mn_backbone_name(b), name);
	return b;
}

/* MACs from the layers of table 5 of the paper, by hand: conv, then each separable's depthwise and
 * pointwise, then dense. Large ones are those of ARM's model zoo, too: 65.71 and 64.49 million. */
static void test_members(void **state)
{
	static const struct {
		const char *backbone, *name;
		uint32_t index;
		uint64_t macs;
	} members[] = {
		{"ds-cnn-kws", "micronet-kws-l", 0, 65714076},
		{"ds-cnn-kws", "micronet-kws-m", 1, 15556352},
		{"ds-cnn-kws", "micronet-kws-s", 2, 8326752},
		{"ds-cnn-ad", "micronet-ad-l", 0, 64493664},
		{"ds-cnn-ad", "micronet-ad-m", 1, 62345616},
		{"ds-cnn-ad", "micronet-ad-s", 2, 18739088},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct mn_backbone *b = shipped(members[i].backbone);
		struct mn_backbone_model *m;
		struct mn_err err;

		assert_int_equal(mn_backbone_members(b), 3);
		assert_int_equal(mn_backbone_member(b, members[i].index, &m, &err), 0);
		check_model(m);
		assert_string_equal(m->name, members[i].name);
		assert_int_equal(m->macs, members[i].macs);
		mn_backbone_model_free(m);
		mn_backbone_free(b);
	}
}

static void test_shipped(void **state)
{
	static const char *const names[] = {"ds-cnn-kws", "ds-cnn-ad", "cnn-cifar10",
					    "mobilenetv2-vww-50", "mobilenetv2-vww-160"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct mn_backbone *b = shipped(names[i]);
		struct mn_backbone_model *m;
		struct mn_err err;

		for (uint64_t k = 0; k < 40; k++) {
			if (mn_backbone_sample(b, 1, k, &m, &err))
				fail_msg("%s", err.msg);
			check_model(m);
			mn_backbone_model_free(m);
		}
		mn_backbone_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),  cmocka_unit_test(test_residual),
		cmocka_unit_test(test_draws),   cmocka_unit_test(test_members),
		cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
