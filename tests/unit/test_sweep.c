/* SPDX-License-Identifier: MIT */
/* What sweeps expand to, where their errors are, and what the shipped ones hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel.h"
#include "program.h"
#include "sweep.h"

static struct mn_sweep *parse(const char *text)
{
	struct mn_sweep *sweep;
	struct mn_err err = {0};

	if (mn_sweep_parse(text, strlen(text), "t.yaml", &sweep, &err) < 0)
		fail_msg("%s\n%s", err.msg, text);
	return sweep;
}

/* The layers of a sweep are these texts, one a line. */
static void expect_layers(const char *text, const char *want)
{
	struct mn_sweep *sweep = parse(text);
	char got[8192];
	int n = 0;

	got[0] = '\0';
	for (uint32_t i = 0; i < sweep->n_probes; i++) {
		n += mn_layer_format(&sweep->probes[i].layer, got + n, sizeof(got) - (size_t)n);
		got[n++] = '\n';
		got[n] = '\0';
	}
	assert_string_equal(got, want);
	mn_sweep_free(sweep);
}

#define HEAD "name: t\ngroups:\n"

static void test_grid(void **state)
{
	(void)state;
	/* Fields in the order of the table, not of the file; the last varies fastest; a range
	 * holds both ends. */
	expect_layers(HEAD "- name: g\n"
			   "  op: conv_2d\n"
			   "  range:\n"
			   "    out_channels: {from: 2, to: 8, step: 3}\n"
			   "  list: {kernel: [1x1, 3x2], in_channels: [3]}\n"
			   "  size: 4x5\n"
			   "  padding: same\n"
			   "  where: not (kernel_height == 3 and out_channels == 5)\n",
		      "conv_2d in=1x4x5x3 out_c=2 kernel=1x1 stride=1x1 dilation=1x1 padding=same "
		      "act=none "
		      "bias=1\n"
		      "conv_2d in=1x4x5x3 out_c=2 kernel=3x2 stride=1x1 dilation=1x1 padding=same "
		      "act=none "
		      "bias=1\n"
		      "conv_2d in=1x4x5x3 out_c=5 kernel=1x1 stride=1x1 dilation=1x1 padding=same "
		      "act=none "
		      "bias=1\n"
		      "conv_2d in=1x4x5x3 out_c=8 kernel=1x1 stride=1x1 dilation=1x1 padding=same "
		      "act=none "
		      "bias=1\n"
		      "conv_2d in=1x4x5x3 out_c=8 kernel=3x2 stride=1x1 dilation=1x1 padding=same "
		      "act=none "
		      "bias=1\n");
}

static void test_every_op(void **state)
{
	(void)state;
	expect_layers(
		HEAD
		"- {name: a, op: \"null\"}\n"
		"- {name: b, op: depthwise_conv_2d, in_channels: 2, multiplier: 3, kernel: 1, "
		"bias: 0}\n"
		"- {name: c, op: fully_connected, batch: 2, in_channels: 8, out_channels: 4, "
		"activation: "
		"relu6}\n"
		"- {name: d, op: average_pool_2d, size: 6, in_channels: 1, kernel: 2, stride: "
		"2x1}\n"
		"- {name: e, op: max_pool_2d, height: 6, width: 5, in_channels: 1, kernel_height: "
		"2, "
		"kernel_width: 3, stride_width: 2}\n"
		"- {name: f, op: mean, size: 6, in_channels: 3, axes: w}\n"
		"- {name: g, op: softmax, in_channels: 7}\n"
		"- {name: h, op: conv_2d, size: 9, in_channels: 1, out_channels: 1, kernel: 3, "
		"dilation: 2x1, stride_height: 3}\n",
		"null\n"
		"depthwise_conv_2d in=1x1x1x2 multiplier=3 kernel=1x1 stride=1x1 dilation=1x1 "
		"padding=valid "
		"act=none bias=0\n"
		"fully_connected in=2x1x1x8 out_c=4 act=relu6 bias=1\n"
		"average_pool_2d in=1x6x6x1 kernel=2x2 stride=2x1 padding=valid act=none\n"
		"max_pool_2d in=1x6x5x1 kernel=2x3 stride=1x2 padding=valid act=none\n"
		"mean in=1x6x6x3 axes=w\n"
		"softmax in=1x1x1x7\n"
		"conv_2d in=1x9x9x1 out_c=1 kernel=3x3 stride=3x1 dilation=2x1 padding=valid "
		"act=none bias=1\n");
	expect_layers(HEAD "- name: add\n"
			   "  op: add\n"
			   "  size: 2x3\n"
			   "  in_channels: 4\n"
			   "  list: {in2: [same, channels, map, scalar, 1x1x3x4]}\n"
			   "- name: pad\n"
			   "  op: pad\n"
			   "  in_channels: 4\n"
			   "  list: {pads: [1, 1x2, \"0,0,1,2,3,4,0,5\"]}\n"
			   "- {name: part, op: concatenation, in_channels: 4, "
			   "pads: \"0,0,0,0,0,0,4,8\"}\n"
			   "- {name: slice, op: strided_slice, size: 9, in_channels: 2, "
			   "shape: 1x4x3x2, begin: \"0,1,8,0\", steps: \"1,2,-2,1\"}\n"
			   "- {name: resize, op: resize_nearest_neighbor, size: 2x3, "
			   "in_channels: 2, list: {shape: [double, 1x1x5x2], "
			   "sampling: [plain, half_pixel]}}\n"
			   "- {name: transpose, op: transpose, size: 2x3, in_channels: 4, "
			   "order: nchw}\n"
			   "- {name: mul, op: mul, size: 2, in_channels: 4, in2: map, "
			   "activation: relu6}\n"
			   "- {name: maximum, op: maximum, in_channels: 4}\n"
			   "- {name: tanh, op: tanh, in_channels: 4}\n"
			   "- name: reshape\n"
			   "  op: reshape\n"
			   "  batch: 2\n"
			   "  size: 2x3\n"
			   "  in_channels: 4\n"
			   "  list: {shape: [flat, 1x4x4x3]}\n",
		      "add in=1x2x3x4 in2=1x2x3x4 act=none\n"
		      "add in=1x2x3x4 in2=1x1x1x4 act=none\n"
		      "add in=1x2x3x4 in2=1x2x3x1 act=none\n"
		      "add in=1x2x3x4 in2=1x1x1x1 act=none\n"
		      "add in=1x2x3x4 in2=1x1x3x4 act=none\n"
		      "pad in=1x1x1x4 pads=0,0,1,1,1,1,0,0\n"
		      "pad in=1x1x1x4 pads=0,0,1,1,2,2,0,0\n"
		      "pad in=1x1x1x4 pads=0,0,1,2,3,4,0,5\n"
		      "concatenation in=1x1x1x4 pads=0,0,0,0,0,0,4,8\n"
		      "strided_slice in=1x9x9x2 shape=1x4x3x2 begin=0,1,8,0 steps=1,2,-2,1\n"
		      "resize_nearest_neighbor in=1x2x3x2 shape=1x4x6x2 sampling=plain\n"
		      "resize_nearest_neighbor in=1x2x3x2 shape=1x4x6x2 sampling=half_pixel\n"
		      "resize_nearest_neighbor in=1x2x3x2 shape=1x1x5x2 sampling=plain\n"
		      "resize_nearest_neighbor in=1x2x3x2 shape=1x1x5x2 sampling=half_pixel\n"
		      "transpose in=1x2x3x4 order=nchw\n"
		      "mul in=1x2x2x4 in2=1x2x2x1 act=relu6\n"
		      "maximum in=1x1x1x4 in2=1x1x1x4\n"
		      "tanh in=1x1x1x4\n"
		      "reshape in=2x2x3x4 shape=2x1x1x24\n"
		      "reshape in=2x2x3x4 shape=1x4x4x3\n");
}

static void test_how(void **state)
{
	struct mn_sweep *s =
		parse("name: t\n"
		      "description: d\n"
		      "seed: 40\n"
		      "defaults: {mode: cold, warmup: 2, reps: 7, kernels: [dsp, ref]}\n"
		      "groups:\n"
		      "- {name: a, op: softmax, in_channels: 3}\n"
		      "- {name: b, op: softmax, in_channels: 3, mode: both, repeats: 2,\n"
		      "   warmup: 0, reps: 65535, kernels: [x/1/y]}\n"
		      "- {name: c, op: softmax, list: {in_channels: [3, 3]}}\n");
	static const struct mn_sweep_probe want[] = {
		{.kernels = "dsp", .cold = 1, .warmup = 2, .reps = 7, .seed = 40},
		{.kernels = "ref", .cold = 1, .warmup = 2, .reps = 7, .seed = 40},
		{.kernels = "x/1/y", .reps = 65535, .seed = 40, .group = 1},
		{.kernels = "x/1/y", .reps = 65535, .seed = 41, .group = 1},
		{.kernels = "x/1/y", .cold = 1, .reps = 65535, .seed = 40, .group = 1},
		{.kernels = "x/1/y", .cold = 1, .reps = 65535, .seed = 41, .group = 1},
	};

	(void)state;
	assert_string_equal(s->name, "t");
	assert_string_equal(s->description, "d");
	assert_int_equal(s->n_probes, 6);
	assert_int_equal(s->n_layers, 1);
	assert_int_equal(s->n_groups, 3);
	assert_int_equal(s->groups[2].n_probes, 0);
	assert_int_equal(s->groups[2].n_merged, 4);
	assert_int_equal(s->groups[1].line, 7);
	for (int i = 0; i < 6; i++) {
		const struct mn_sweep_probe *p = &s->probes[i];

		assert_string_equal(p->kernels, want[i].kernels);
		assert_int_equal(p->cold, want[i].cold);
		assert_int_equal(p->warmup, want[i].warmup);
		assert_int_equal(p->reps, want[i].reps);
		assert_int_equal(p->seed, want[i].seed);
		assert_int_equal(p->group, want[i].group);
		assert_int_equal(p->layer_hash, mn_layer_hash(&p->layer));
	}
	mn_sweep_free(s);
	mn_sweep_free(NULL);

	s = parse("name: t\ngroups:\n- {name: a, op: \"null\"}\n");
	assert_string_equal(s->probes[0].kernels, "");
	assert_int_equal(s->probes[0].cold, 0);
	assert_int_equal(s->probes[0].warmup, 1);
	assert_int_equal(s->probes[0].reps, 5);
	assert_int_equal(s->probes[0].seed, 1);
	mn_sweep_free(s);
}

#define SAMPLE(seed, scale)                                                                        \
	HEAD "- name: g\n"                                                                         \
	     "  op: fully_connected\n"                                                             \
	     "  range:\n"                                                                          \
	     "    in_channels: {from: 1, to: 1024, scale: " scale "}\n"                            \
	     "    out_channels: {from: 1, to: 1024}\n"                                             \
	     "  where: out_channels <= 4 * in_channels and macs <= 100000\n"                       \
	     "  sample: {count: 300, seed: " seed "}\n"

static void test_sample(void **state)
{
	struct mn_sweep *a = parse(SAMPLE("7", "log")), *b = parse(SAMPLE("7", "log"));
	struct mn_sweep *c = parse(SAMPLE("8", "log")), *d = parse(SAMPLE("7", "linear"));
	uint32_t low_log = 0, low_linear = 0;

	(void)state;
	assert_int_equal(a->n_probes, 300);
	assert_int_equal(a->n_layers, 300);
	assert_true(a->groups[0].n_rejected > 0);
	/* The same seed gives the same layers, another one others. */
	assert_int_equal(a->hash, b->hash);
	assert_int_not_equal(a->hash, c->hash);
	for (uint32_t i = 0; i < 300; i++) {
		const struct mn_layer *l = &a->probes[i].layer;

		assert_memory_equal(l, &b->probes[i].layer, sizeof(*l));
		assert_true(l->out_c <= 4 * l->in.c);
		assert_true((uint64_t)l->out_c * l->in.c <= 100000);
		low_log += l->in.c <= 128;
		low_linear += d->probes[i].layer.in.c <= 128;
	}
	/* Seven of ten octaves lie below 128, an eighth of the numbers. */
	assert_true(low_log > 2 * low_linear);
	mn_sweep_free(a);
	mn_sweep_free(b);
	mn_sweep_free(c);
	mn_sweep_free(d);

	/* The draws themselves are pinned: a new version of mnchar finds its old sweeps. */
	expect_layers(HEAD "- name: g\n"
			   "  op: softmax\n"
			   "  range: {in_channels: {from: 1, to: 1000, scale: log}}\n"
			   "  sample: {count: 3, seed: 1}\n"
			   "- name: h\n"
			   "  op: softmax\n"
			   "  range: {in_channels: {from: 1001, to: 9000}}\n"
			   "  sample: {count: 3, seed: 2}\n",
		      "softmax in=1x1x1x7\n"
		      "softmax in=1x1x1x115\n"
		      "softmax in=1x1x1x2\n"
		      "softmax in=1x1x1x6315\n"
		      "softmax in=1x1x1x3210\n"
		      "softmax in=1x1x1x3862\n");
}

/* The hash speaks of what is measured, not of names, groups and comments. */
static void test_hash(void **state)
{
	struct mn_sweep *a = parse(HEAD "- {name: a, op: softmax, list: {in_channels: [3, 4]}}\n");
	struct mn_sweep *b = parse("# other\nname: u\ndescription: x\ngroups:\n"
				   "- {name: a, op: softmax, in_channels: 3}\n"
				   "- {name: b, layers: [softmax in=1x1x1x4]}\n");
	struct mn_sweep *c = parse(HEAD "- {name: a, op: softmax, list: {in_channels: [4, 3]}}\n");
	struct mn_sweep *d = parse(HEAD "- {name: a, op: softmax, list: {in_channels: [3, 4]}, "
					"reps: 6}\n");

	(void)state;
	assert_int_equal(a->hash, b->hash);
	assert_int_not_equal(a->hash, c->hash);
	assert_int_not_equal(a->hash, d->hash);
	mn_sweep_free(a);
	mn_sweep_free(b);
	mn_sweep_free(c);
	mn_sweep_free(d);
}

#define GROUP HEAD "- name: g\n"
#define CONV  GROUP "  op: conv_2d\n"

/* Each error with its code, its place and a piece of its sentence. */
static const struct {
	const char *text;
	int code;
	const char *place; /* line:column */
	const char *piece;
} errors[] = {
	/* YAML */
	{"", MN_E_SYNTAX, "1:1", "empty"},
	{"# nothing\n", MN_E_SYNTAX, "1:1", "empty"},
	{"name: t\n\tgroups: 3\n", MN_E_SYNTAX, "2:1", "tab"},
	{"name: t\ngroups: [1, 2\n", MN_E_SYNTAX, "3:1", "expected"},
	{"name: \"\x01\"\n", MN_E_SYNTAX, "1:8", "control"},
	{"name: t\nx: \xff\n", MN_E_SYNTAX, "2:4", "UTF-8"},
	{"name: \"a\\0b\"\n", MN_E_SYNTAX, "1:7", "NUL"},
	{"name: t\n---\nname: u\n", MN_E_SYNTAX, "2:1", "second document"},
	{"name: &x t\ndescription: *x\n", MN_E_SYNTAX, "2:14", "alias"},
	{"name: t\ngroups: []\nname: u\n", MN_E_SYNTAX, "3:1", "'name' is given twice"},
	{"[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", MN_E_SYNTAX, "1:17", "deeper"},
	{"? [a]\n: b\n", MN_E_SYNTAX, "1:3", "key"},
	/* Keys and types */
	{"- a\n", MN_E_SYNTAX, "1:1", "MAPPING"},
	{"groups:\n- {name: g, op: softmax}\n", MN_E_SYNTAX, "1:1", "'name' is missing"},
	{"name: t\n", MN_E_SYNTAX, "1:1", "'groups' is missing"},
	{"name: t\ngroups: []\n", MN_E_SYNTAX, "2:9", "Insufficient"},
	{"name: t\ngroups: 3\n", MN_E_SYNTAX, "2:9", "SEQUENCE"},
	{"name: [t]\ngroups: 3\n", MN_E_SYNTAX, "1:7", "STRING"},
	{"name: t\nfoo: 1\n", MN_E_SYNTAX, "2:1", "no key 'foo'"},
	{"name: t\ndefaults: {rep: 1}\n", MN_E_SYNTAX, "2:12", "no key 'rep'"},
	{CONV "  list: {kernels: [1]}\n", MN_E_SYNTAX, "5:10", "no key 'kernels'"},
	{CONV "  kernel: [1x1]\n", MN_E_SYNTAX, "5:11", "STRING"},
	{CONV "  list: {kernel: 1x1}\n", MN_E_SYNTAX, "5:18", "SEQUENCE"},
	{CONV "  list: {kernel: [1x1, [2x2]]}\n", MN_E_SYNTAX, "5:24", "STRING"},
	{CONV "  list: {kernel: []}\n", MN_E_SYNTAX, "5:18", "Insufficient"},
	{CONV "  range: {kernel: {from: 1}}\n", MN_E_SYNTAX, "5:19", "'to' is missing"},
	{CONV "  range: {kernel: {from: 1, to: 2, by: 1}}\n", MN_E_SYNTAX, "5:36", "no key 'by'"},
	{CONV "  range:\n    kernel: 3\n", MN_E_SYNTAX, "6:13", "MAPPING"},
	{CONV "  sample: {count: 3}\n", MN_E_SYNTAX, "5:11", "'seed' is missing"},
	{HEAD "- op: softmax\n", MN_E_SYNTAX, "3:3", "'name' is missing"},
	{HEAD "- {name: a, op: softmax, in_channels: 1}\n- {op: softmax}\n", MN_E_SYNTAX, "4:3",
	 "'name' is missing"},
	{"name:\ngroups:\n- {name: g, op: softmax}\n", MN_E_SYNTAX, "1:6", "STRING length"},
	/* Groups */
	{GROUP, MN_E_SYNTAX, "3:3", "op or layers"},
	{CONV "  layers: [softmax in=1x1x1x4]\n", MN_E_SYNTAX, "3:3", "op or layers"},
	{GROUP "  op: conv\n", MN_E_SYNTAX, "4:7", "no op 'conv'"},
	{GROUP "  layers: [softmax in=1x1x1x4]\n  where: 1\n", MN_E_INVALID, "5:3", "'where'"},
	{GROUP "  layers: [softmax in=1x1x1x4]\n  in_channels: 1\n", MN_E_INVALID, "5:3",
	 "'in_channels'"},
	{GROUP "  op: softmax\n  kernel: 3\n", MN_E_INVALID, "5:3", "softmax has no kernel"},
	{GROUP "  op: \"null\"\n  list: {in_channels: [3]}\n", MN_E_INVALID, "5:10",
	 "null has no in_channels"},
	{CONV "  kernel: 3\n  list: {kernel: [1]}\n", MN_E_INVALID, "6:10", "given twice"},
	{CONV "  kernel: 3\n  kernel_width: 1\n", MN_E_INVALID, "3:3",
	 "both kernel and kernel_width"},
	/* Values */
	{"name: t\nseed: 0\ngroups: [{name: g, op: softmax}]\n", MN_E_INVALID, "2:7", "seed is 0"},
	{"name: t\nseed: -1\ngroups: [{name: g, op: softmax}]\n", MN_E_SYNTAX, "2:7", "'-1'"},
	{"name: t\ndefaults: {reps: 0}\ngroups: [{name: g, op: softmax}]\n", MN_E_INVALID, "2:18",
	 "reps is 0"},
	{CONV "  reps: 65536\n", MN_E_INVALID, "5:9", "reps is 65536"},
	{CONV "  warmup: 1e3\n", MN_E_SYNTAX, "5:11", "'1e3'"},
	{CONV "  repeats: 1001\n", MN_E_INVALID, "5:12", "repeats is 1001"},
	{CONV "  mode: hot\n", MN_E_SYNTAX, "5:9", "'hot'"},
	{CONV "  in_channels: four\n", MN_E_SYNTAX, "5:16", "'four'"},
	{CONV "  in_channels: 0\n", MN_E_INVALID, "5:16", "in_channels is 0"},
	{CONV "  in_channels: 4294967296\n", MN_E_SYNTAX, "5:16", "whole number"},
	{CONV "  in_channels: 99999999999999999999\n", MN_E_SYNTAX, "5:16", "whole number"},
	{CONV "  list:\n    in_channels:\n      - 3\n      - 3.5\n", MN_E_SYNTAX, "8:9", "'3.5'"},
	{CONV "  kernel: 3x\n", MN_E_SYNTAX, "5:11", "'3x'"},
	{CONV "  kernel: 3x3x3\n", MN_E_SYNTAX, "5:11", "HxW"},
	{CONV "  kernel: 65536\n", MN_E_INVALID, "5:11", "65536"},
	{CONV "  bias: 2\n", MN_E_INVALID, "5:9", "bias is 2"},
	{CONV "  padding: full\n", MN_E_SYNTAX, "5:12", "'full'"},
	{CONV "  list: {activation: [relu, tanh]}\n", MN_E_SYNTAX, "5:29", "'tanh'"},
	{CONV "  range: {padding: {from: 1, to: 2}}\n", MN_E_INVALID, "5:11", "cannot be a range"},
	{CONV "  range: {kernel: {from: 3, to: 2}}\n", MN_E_INVALID, "5:33", "to is 2"},
	{CONV "  range: {kernel: {from: 3, to: 4, step: 0}}\n", MN_E_INVALID, "5:42", "step is 0"},
	{CONV "  range: {kernel: {from: 3, to: 4, scale: lin}}\n", MN_E_SYNTAX, "5:43", "'lin'"},
	{CONV "  range: {height: {from: 1, to: 2000000000}}\n", MN_E_OVERFLOW, "5:19",
	 "a range of 2000000000 values"},
	{GROUP "  op: mean\n  axes: c\n", MN_E_SYNTAX, "5:9", "'c'"},
	{GROUP "  op: pad\n  pads: \"1,2,3\"\n", MN_E_SYNTAX, "5:9", "pads"},
	{GROUP "  op: pad\n  pads: \"0,0,0,0,0,70000,0,0\"\n", MN_E_INVALID, "5:9", "70000"},
	{GROUP "  op: add\n  in2: 1x2\n", MN_E_SYNTAX, "5:8", "'1x2'"},
	/* Expressions: the column inside the value, in every style of scalar. */
	{CONV "  where: macs <= \n", MN_E_SYNTAX, "5:17", "ends"},
	{CONV "  where: macs < foo\n", MN_E_SYNTAX, "5:17", "'foo'"},
	{CONV "  where:    macs < foo\n", MN_E_SYNTAX, "5:20", "'foo'"},
	{CONV "  where: \"macs < foo\"\n", MN_E_SYNTAX, "5:18", "'foo'"},
	{CONV "  where: 'macs < foo'\n", MN_E_SYNTAX, "5:18", "'foo'"},
	{CONV "  where: macs < 3 and\n    macs > foo\n", MN_E_SYNTAX, "6:12", "'foo'"},
	{CONV "  where: >-\n    macs < 3 and\n    macs > foo\n", MN_E_SYNTAX, "7:12", "'foo'"},
	{CONV "  where: |\n    macs < 3\n    and macs > foo\n", MN_E_SYNTAX, "7:16", "'foo'"},
	{"# \xc3\xa9\nname: \xc3\xa9\ngroups:\n- {name: g, op: softmax, where: foo}\n", MN_E_SYNTAX,
	 "4:33", "'foo'"},
	{"\xef\xbb\xbfname: t\ngroups:\n- {name: g, op: softmax, where: 1 < foo}\n", MN_E_SYNTAX,
	 "3:37", "'foo'"},
	{"name: t\r\ngroups:\r\n- {name: g, op: softmax, where: 1 < foo}\r\n", MN_E_SYNTAX, "3:37",
	 "'foo'"},
	{GROUP "  op: softmax\n  where: kernel_height\n", MN_E_SYNTAX, "5:10", "'kernel_height'"},
	{GROUP "  op: softmax\n  in_channels: 3\n  where: 1 / (in_channels - 3)\n", MN_E_INVALID,
	 "6:12", "division by 0"},
	/* Layers */
	{CONV "  kernel: 3\n  in_channels: 3\n  out_channels: 4\n", MN_E_INVALID, "3:3",
	 "group 'g', conv_2d in=1x1x1x3 out_c=4 kernel=3x3"},
	{CONV "  kernel: 3\n  in_channels: 3\n  out_channels: 4\n  where: macs < 9\n", MN_E_INVALID,
	 "3:3", "group 'g'"},
	{CONV "  kernel: 1\n  size: 2000000000\n  in_channels: 3\n  out_channels: 4\n",
	 MN_E_OVERFLOW, "3:3", "2^31"},
	{GROUP "  op: reshape\n  size: 2000000000\n  in_channels: 2000000000\n", MN_E_OVERFLOW,
	 "3:3", "2^31"},
	{GROUP "  op: reshape\n  in_channels: 3\n  shape: 1x1x1x4\n", MN_E_INVALID, "3:3", "group"},
	{GROUP "  layers:\n    - softmax in=1x1x1x4\n    - softmax in=1x1x0x4\n", MN_E_INVALID,
	 "6:18", "group 'g'"},
	{GROUP "  layers:\n    - softmax foo=1\n", MN_E_SYNTAX, "5:15", "group 'g'"},
	{GROUP "  layers: [softmax]\n", MN_E_INVALID, "4:12", "missing"},
	/* Too much */
	{CONV "  range:\n    in_channels: {from: 1, to: 2000}\n"
	      "    out_channels: {from: 1, to: 2000}\n",
	 MN_E_OVERFLOW, "3:3", "1000000 combinations"},
	{HEAD "- {name: g, op: softmax, range: {in_channels: {from: 1, to: 60000},"
	      " batch: {from: 1, to: 2}}}\n",
	 MN_E_OVERFLOW, "3:3", "100000 probes"},
	{HEAD "- {name: g, op: softmax, where: 0, range: {in_channels: {from: 1, to: 60000},"
	      " batch: {from: 1, to: 16}}}\n"
	      "- {name: h, op: softmax, where: 0, range: {in_channels: {from: 1, to: 60000},"
	      " batch: {from: 1, to: 16}}}\n",
	 MN_E_OVERFLOW, "4:3", "in group 'h'"},
	{GROUP "  op: softmax\n  range: {in_channels: {from: 1, to: 60}}\n"
	       "  sample: {count: 61, seed: 1}\n",
	 MN_E_INVALID, "6:11", "only 60 of 61"},
	{GROUP "  op: softmax\n  in_channels: 1\n  sample: {count: 1, seed: x}\n", MN_E_SYNTAX,
	 "6:28", "'x'"},
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct mn_sweep *sweep = NULL;
		struct mn_err err = {0};
		size_t size = strlen(errors[i].text);
		char want[64];
		char *copy = malloc(size ? size : 1); /* ends where the text ends */
		int rc;

		assert_non_null(copy);
		memcpy(copy, errors[i].text, size);
		rc = mn_sweep_parse(copy, size, "t.yaml", &sweep, &err);
		free(copy);
		snprintf(want, sizeof(want), "t.yaml:%s: ", errors[i].place);
		if (rc != errors[i].code || strncmp(err.msg, want, strlen(want)) ||
		    !strstr(err.msg, errors[i].piece))
			fail_msg("%s %s\nwanted %s %s ... %s, for\n%s", mn_err_name(rc), err.msg,
				 mn_err_name(errors[i].code), want, errors[i].piece,
				 errors[i].text);
		assert_null(sweep);
	}
}

static struct mn_sweep *load(const char *name)
{
	const char *top = getenv("MNCHAR_SOURCE_DIR");
	struct mn_sweep *sweep;
	struct mn_err err = {0};
	char path[1024];

	snprintf(path, sizeof(path), "%s/probes/sweeps/%s.yaml", top ? top : ".", name);
	if (mn_sweep_load(path, &sweep, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(sweep->name, name);
	return sweep;
}

/* Arena that a layer takes, with the scratch of its greediest kernel set. */
static uint32_t arena_of(const struct mn_layer *layer)
{
	uint32_t scratch = 0;
	struct mn_step step;
	struct mn_program program;

	for (uint32_t i = 0; i < mn_kernel_sets_count(); i++) {
		const struct mn_kernel *k = mn_kernel_find(mn_kernel_sets[i], layer->op);
		uint32_t bytes;

		assert_non_null(k);
		bytes = k->scratch_bytes(layer);
		scratch = bytes > scratch ? bytes : scratch;
	}
	assert_int_equal(mn_program_single(layer, scratch, &step, &program), 0);
	return program.arena_bytes;
}

/*
 * Very roughly the cycles of one run on a Cortex-M4: a fence for the shipped sweeps, not a model.
 * Cycles a MAC or an element with SIMD kernels; without SIMD about four times that for
 * convolutions.
 */
static double rough_cycles(const struct mn_sweep_probe *p)
{
	const struct mn_layer *l = &p->layer;
	double cycles = 1000, elements, taps = l->kernel_h * l->kernel_w;
	struct mn_layer_info info;

	assert_int_equal(mn_layer_check(l, &info, NULL), 0);
	elements = (double)info.out_elements;
	switch (l->op) {
	case MN_OP_CONV_2D:
		cycles += 3.5 * (double)info.macs + 40 * elements;
		break;
	case MN_OP_DEPTHWISE_CONV_2D:
		cycles += 10 * (double)info.macs + 40 * elements;
		break;
	case MN_OP_FULLY_CONNECTED:
		cycles += 3.5 * (double)info.macs + 40 * elements;
		break;
	case MN_OP_AVERAGE_POOL_2D:
	case MN_OP_MAX_POOL_2D:
		cycles += (20 + 8 * taps) * elements;
		break;
	case MN_OP_MEAN:
		cycles += 10.0 * info.input_bytes + 60 * elements;
		break;
	case MN_OP_ADD:
	case MN_OP_SUB:
		cycles += 100 * elements;
		break;
	case MN_OP_SOFTMAX:
		cycles += 600 * elements;
		break;
	default:
		cycles += 15 * elements;
		break;
	}
	return strcmp(p->kernels, "ref") ? cycles : 4 * cycles;
}

static void count_ops(const struct mn_sweep *s, unsigned *counts)
{
	memset(counts, 0, MN_OP_COUNT * sizeof(*counts));
	for (uint32_t i = 0; i < s->n_probes; i++)
		counts[s->probes[i].layer.op]++;
}

static int has_conv(const struct mn_sweep *s, int (*is)(const struct mn_layer *l))
{
	for (uint32_t i = 0; i < s->n_probes; i++)
		if (s->probes[i].layer.op == MN_OP_CONV_2D && is(&s->probes[i].layer))
			return 1;
	return 0;
}

static int is_1x1(const struct mn_layer *l)
{
	return l->kernel_h == 1 && l->kernel_w == 1;
}
static int is_3x3(const struct mn_layer *l)
{
	return l->kernel_h == 3 && l->kernel_w == 3;
}
static int is_kx1(const struct mn_layer *l)
{
	return l->kernel_h > 1 && l->kernel_w == 1;
}
static int is_1xk(const struct mn_layer *l)
{
	return l->kernel_h == 1 && l->kernel_w > 1;
}
static int is_10x4(const struct mn_layer *l)
{
	return l->kernel_h == 10 && l->kernel_w == 4;
}
static int is_strided(const struct mn_layer *l)
{
	return l->stride_h == 2 && l->stride_w == 2;
}
static int is_odd(const struct mn_layer *l)
{
	return l->in.h % 2 && l->in.w % 2 && l->in.h > 2;
}
static int has_one_channel(const struct mn_layer *l)
{
	return l->in.c == 1 && l->kernel_h > 1;
}
static int has_remainder(const struct mn_layer *l)
{
	return l->in.c % 4 != 0 && l->in.c > 4;
}
static int has_no_remainder(const struct mn_layer *l)
{
	return l->in.c % 4 == 0;
}
static int is_tiny(const struct mn_layer *l)
{
	return l->in.h * l->in.w * l->in.c <= 4;
}

static void check_convolutions(const struct mn_sweep *s)
{
	int (*const kinds[])(const struct mn_layer *) = {
		is_1x1, is_3x3,  is_kx1,          is_1xk,        is_10x4,          is_strided,
		is_odd, is_tiny, has_one_channel, has_remainder, has_no_remainder,
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!has_conv(s, kinds[i]))
			fail_msg("%s: no convolution of kind %zu", s->name, i);
}

/* Convolutions that differ in nothing but 15 or 16 (12 or 13) input channels. */
static int has_pair(const struct mn_sweep *s, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < s->n_probes; i++) {
		struct mn_layer l = s->probes[i].layer;

		if (l.op != MN_OP_CONV_2D || l.in.c != a)
			continue;
		l.in.c = b;
		for (uint32_t k = 0; k < s->n_probes; k++)
			if (!memcmp(&s->probes[k].layer, &l, sizeof(l)))
				return 1;
	}
	return 0;
}

static void test_quick(void **state)
{
	struct mn_sweep *s = load("quick"), *again = load("quick");
	unsigned counts[MN_OP_COUNT];
	double total = 0;

	(void)state;
	assert_true(s->n_layers >= 150);
	count_ops(s, counts);
	/* The ops of the first table; extra.yaml has the others. */
	for (int i = 0; i <= MN_OP_RESHAPE; i++)
		if (!counts[i])
			fail_msg("no %s", mn_op_name((enum mn_op)i));
	check_convolutions(s);
	assert_true(has_pair(s, 15, 16));
	assert_true(has_pair(s, 13, 12));
	for (uint32_t i = 0; i < s->n_probes; i++) {
		const struct mn_layer *l = &s->probes[i].layer;
		struct mn_layer_info info;
		char text[MN_LAYER_TEXT_MAX];
		double cycles = rough_cycles(&s->probes[i]);

		assert_int_equal(mn_layer_check(l, &info, NULL), 0);
		mn_layer_format(l, text, sizeof(text));
		if (arena_of(l) > 100 * 1024 || info.weight_bytes > 350 * 1024 ||
		    info.bias_bytes > 4 * 4096)
			fail_msg("%s does not fit", text);
		if (cycles > 1.5e6)
			fail_msg("%s takes %.0f cycles", text, cycles);
		total += cycles;
	}
	printf("quick: %u probes, %u layers, about %.0f million cycles\n", s->n_probes, s->n_layers,
	       total / 1e6);
	assert_true(total < 60e6);
	assert_int_equal(s->hash, again->hash);
	mn_sweep_free(s);
	mn_sweep_free(again);
}

static void test_full(void **state)
{
	struct mn_sweep *s = load("full"), *again = load("full");
	unsigned counts[MN_OP_COUNT], fit = 0, huge = 0;
	double total = 0;

	(void)state;
	assert_true(s->n_layers >= 3000);
	count_ops(s, counts);
	/* The ops of the first table; extra.yaml has the others. */
	for (int i = 0; i <= MN_OP_RESHAPE; i++)
		if (!counts[i])
			fail_msg("no %s", mn_op_name((enum mn_op)i));
	check_convolutions(s);
	for (uint32_t i = 0; i < s->n_probes; i++) {
		struct mn_layer_info info;

		assert_int_equal(mn_layer_check(&s->probes[i].layer, &info, NULL), 0);
		assert_true(info.bias_bytes <= 4 * 4096);
		fit += arena_of(&s->probes[i].layer) <= 100 * 1024 && info.weight_bytes < 380000;
		huge += info.macs > 2000000;
		total += rough_cycles(&s->probes[i]);
	}
	printf("full: %u probes, %u layers, %u fit an STM32F446, %u above 2 million MACs, "
	       "about %.2f million cycles each\n",
	       s->n_probes, s->n_layers, fit, huge, total / 1e6 / s->n_probes);
	assert_true(fit >= s->n_probes - 20);
	assert_true(huge >= 50);
	assert_true(total / s->n_probes < 2.5e6);
	assert_int_equal(s->hash, again->hash);
	mn_sweep_free(s);
	mn_sweep_free(again);
}

static void test_extra(void **state)
{
	struct mn_sweep *s = load("extra");
	unsigned counts[MN_OP_COUNT];

	(void)state;
	count_ops(s, counts);
	for (int i = MN_OP_RESHAPE + 1; i < MN_OP_COUNT; i++)
		if (counts[i] < 6)
			fail_msg("%u of %s", counts[i], mn_op_name((enum mn_op)i));
	for (uint32_t i = 0; i < s->n_probes; i++) {
		assert_true(arena_of(&s->probes[i].layer) <= 100 * 1024);
		assert_true(rough_cycles(&s->probes[i]) < 1.5e6);
	}
	printf("extra: %u probes, %u layers\n", s->n_probes, s->n_layers);
	mn_sweep_free(s);
}

static void test_null(void **state)
{
	struct mn_sweep *s = load("null");
	int warm = 0, cold = 0;

	(void)state;
	for (uint32_t i = 0; i < s->n_probes; i++) {
		assert_int_equal(s->probes[i].layer.op, MN_OP_NOP);
		cold += s->probes[i].cold;
		warm += !s->probes[i].cold;
	}
	assert_true(warm && cold);
	mn_sweep_free(s);
}

static void test_load_fails(void **state)
{
	struct mn_sweep *sweep = NULL;
	struct mn_err err = {0};

	(void)state;
	assert_int_equal(mn_sweep_load("/nonexistent.yaml", &sweep, &err), MN_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "/nonexistent.yaml"));
	assert_int_equal(mn_sweep_load("/", &sweep, &err), MN_E_IO);
	assert_null(sweep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grid),  cmocka_unit_test(test_every_op),
		cmocka_unit_test(test_how),   cmocka_unit_test(test_sample),
		cmocka_unit_test(test_hash),  cmocka_unit_test(test_errors),
		cmocka_unit_test(test_quick), cmocka_unit_test(test_full),
		cmocka_unit_test(test_null),  cmocka_unit_test(test_load_fails),
		cmocka_unit_test(test_extra),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
