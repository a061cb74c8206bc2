/* SPDX-License-Identifier: MIT */
#include "backbone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone_raw.h"
#include "yaml_load.h"

#define SIDE_MAX 65535u

struct mn_backbone {
	char *text, *file;
	struct mn_yaml_index index; /* of text: for the places of errors */
	struct backbone_raw *raw;
	uint32_t h, w, c; /* input */
};

struct pair {
	uint32_t h, w;
};

/* ---- choices ---- */

static int number(const char **at, uint32_t *ret)
{
	uint64_t x = 0;
	const char *p = *at;

	for (; *p >= '0' && *p <= '9' && x <= SIDE_MAX; p++)
		x = 10 * x + (uint64_t)(*p - '0');
	if (p == *at || x > SIDE_MAX)
		return MN_E_SYNTAX;
	*at = p;
	*ret = (uint32_t)x;
	return 0;
}

/*
 * How many values a choice has, into *ret_n, and the k-th of them, if there is one, into *ret.
 * MN_E_SYNTAX with the place in *ret_bad.
 */
static int scan(const char *text, uint64_t k, uint64_t *ret_n, struct pair *ret,
		const char **ret_bad)
{
	const char *p = text;
	uint64_t n = 0;

	for (;; p++) {
		uint32_t a, b, step = 1;

		*ret_bad = p;
		if (number(&p, &a))
			return MN_E_SYNTAX;
		b = a;
		if (*p == 'x') {
			p++;
			*ret_bad = p;
			if (number(&p, &b))
				return MN_E_SYNTAX;
			if (k == n)
				*ret = (struct pair){a, b};
			n++;
		} else {
			if (p[0] == '.' && p[1] == '.') {
				p += 2;
				*ret_bad = p;
				if (number(&p, &b) || b < a)
					return MN_E_SYNTAX;
				if (*p == '/') {
					p++;
					*ret_bad = p;
					if (number(&p, &step) || !step)
						return MN_E_SYNTAX;
				}
			}
			if (k >= n && k - n <= (b - a) / step) {
				uint32_t v = a + (uint32_t)(k - n) * step;

				*ret = (struct pair){v, v};
			}
			n += (b - a) / step + 1;
		}
		*ret_bad = p;
		if (!*p)
			break;
		if (*p != '|')
			return MN_E_SYNTAX;
	}
	*ret_n = n;
	return 0;
}

/* One model while it is drawn. */
struct draw {
	const struct mn_backbone *b;
	const struct mn_yaml_node *blocks; /* of the file */
	uint64_t state;                    /* of the random numbers */
	int fixed;                         /* a member: no width, nothing to choose from */
	uint32_t width;                    /* percent */
	struct mn_graph *graph;
	int32_t at;       /* tensor that is the input of what comes next */
	uint32_t h, w, c; /* its shape */
	uint64_t macs;
	struct mn_err *err;
};

/* Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014: SplitMix64. */
static uint64_t random64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Below n, each as likely. */
static uint64_t random_below(uint64_t *state, uint64_t n)
{
	uint64_t x, limit = UINT64_MAX - UINT64_MAX % n;

	do
		x = random64(state);
	while (x >= limit);
	return x % n;
}

/* Draw from a choice; node is where it stands. NULL text: the default. */
static int choose(struct draw *d, const struct mn_yaml_node *node, const char *text, uint32_t least,
		  uint32_t otherwise, struct pair *ret)
{
	const char *bad = text;
	struct pair got = {0, 0};
	uint64_t n;

	*ret = (struct pair){otherwise, otherwise};
	if (!text)
		return 0;
	if (scan(text, UINT64_MAX, &n, &got, &bad))
		return mn_yaml_fail_inside(&d->b->index, node, text, (size_t)(bad - text), d->err,
					   MN_E_SYNTAX,
					   "expected a number up to %u, HxW, from..to or "
					   "from..to/step, separated by |",
					   SIDE_MAX);
	if (n > MN_BACKBONE_VALUES_MAX)
		return mn_yaml_fail(&d->b->index, node, d->err, MN_E_OVERFLOW,
				    "a choice of more than %d values", MN_BACKBONE_VALUES_MAX);
	if (d->fixed && n != 1)
		return mn_yaml_fail(&d->b->index, node, d->err, MN_E_INVALID,
				    "a member has one value here, not a choice of %" PRIu64, n);
	(void)scan(text, random_below(&d->state, n), &n, &got, &bad);
	if (got.h < least || got.w < least)
		return mn_yaml_fail(&d->b->index, node, d->err, MN_E_INVALID, "%u is below %u",
				    got.h < least ? got.h : got.w, least);
	*ret = got;
	return 0;
}

/* ---- nodes ---- */

/* Append a node that reads `in` (and in2); what comes next reads its output. */
static int add(struct draw *d, const struct mn_yaml_node *block, struct mn_layer *layer, int32_t in,
	       int32_t in2)
{
	struct mn_graph_node node = {.layer = *layer, .in = in, .in2 = in2};
	struct mn_layer_info info;
	const char *why = "";
	int rc = mn_layer_check(layer, &info, &why);

	if (rc < 0)
		return mn_yaml_fail(&d->b->index, block, d->err,
				    rc == MN_E_OVERFLOW ? rc : MN_E_INVALID, "%s: %s",
				    mn_op_name((enum mn_op)layer->op), why);
	if (d->graph->n_nodes == MN_BACKBONE_NODES_MAX)
		return mn_yaml_fail(&d->b->index, block, d->err, MN_E_OVERFLOW,
				    "more than %d layers", MN_BACKBONE_NODES_MAX);
	node.out = mn_graph_add_tensor(d->graph, info.output_bytes, 0);
	node.op = d->graph->n_nodes;
	if (node.out < 0 || mn_graph_add_node(d->graph, &node) < 0)
		return mn_err_set(d->err, MN_E_NOMEM, "out of memory");
	d->at = node.out;
	d->h = info.out.h;
	d->w = info.out.w;
	d->c = info.out.c;
	d->macs += info.macs;
	return 0;
}

static struct mn_layer layer_of(const struct draw *d, enum mn_op op, uint8_t act)
{
	struct mn_layer l;

	mn_layer_init(&l, op);
	l.in = (struct mn_shape){1, d->h, d->w, d->c};
	l.act = act;
	return l;
}

static int window(struct draw *d, const struct mn_yaml_node *block, enum mn_op op, struct pair k,
		  struct pair stride, uint32_t channels, uint8_t act)
{
	struct mn_layer l = layer_of(d, op, act);

	l.padding = MN_PADDING_SAME;
	l.kernel_h = (uint16_t)k.h;
	l.kernel_w = (uint16_t)k.w;
	l.stride_h = (uint16_t)stride.h;
	l.stride_w = (uint16_t)stride.w;
	if (op == MN_OP_CONV_2D)
		l.out_c = channels;
	return add(d, block, &l, d->at, -1);
}

static int sum(struct draw *d, const struct mn_yaml_node *block, int32_t with, uint8_t act)
{
	struct mn_layer l = layer_of(d, MN_OP_ADD, act);

	l.in2 = l.in;
	return add(d, block, &l, d->at, with);
}

/* ---- blocks ---- */

static const struct pair one = {1, 1};

/* A choice of the block by its key. */
static int key(struct draw *d, const struct mn_yaml_node *block, const char *name, const char *text,
	       uint32_t least, uint32_t otherwise, struct pair *ret)
{
	return choose(d, mn_yaml_key(&d->b->index, block, name), text, least, otherwise, ret);
}

/* As many as the width leaves of the channels, as multiples. */
static int channels(struct draw *d, const struct mn_yaml_node *block,
		    const struct backbone_raw_block *raw, uint32_t *ret)
{
	const struct mn_yaml_index *index = &d->b->index;
	const struct mn_yaml_node *root = &index->nodes[0];
	struct pair c, width = {100, 100}, multiple = one;
	uint64_t n;
	int rc;

	if (!raw->channels)
		return mn_yaml_fail(index, block, d->err, MN_E_INVALID, "'channels' is missing");
	rc = key(d, block, "channels", raw->channels, 1, 1, &c);
	if (!rc && c.h != c.w)
		rc = mn_yaml_fail(index, mn_yaml_key(index, block, "channels"), d->err,
				  MN_E_INVALID, "channels have one side");
	*ret = c.h;
	if (rc || d->fixed || raw->op == BACKBONE_DENSE)
		return rc;
	rc = key(d, root, "width_percent", d->b->raw->width_percent, 1, 100, &width);
	if (!rc)
		rc = key(d, root, "multiple", d->b->raw->multiple, 1, 1, &multiple);
	n = ((uint64_t)c.h * width.h + 50u * multiple.h) / (100u * multiple.h);
	*ret = (uint32_t)(n ? n : 1) * multiple.h;
	return rc;
}

static int activation(struct draw *d, const struct mn_yaml_node *block, const char *text,
		      uint8_t otherwise, uint8_t *ret)
{
	static const char *const names[] = {"none", "relu", "relu6"};

	*ret = otherwise;
	if (!text)
		return 0;
	for (uint8_t i = 0; i < 3; i++)
		if (!strcmp(text, names[i])) {
			*ret = i;
			return 0;
		}
	return mn_yaml_fail(&d->b->index, mn_yaml_key(&d->b->index, block, "act"), d->err,
			    MN_E_SYNTAX, "act is none, relu or relu6");
}

/* Keys that the op has no use for. */
static int refuse_keys(struct draw *d, const struct mn_yaml_node *block,
		       const struct backbone_raw_block *raw)
{
	const int windowed = raw->op <= BACKBONE_INVERTED_RESIDUAL;
	const struct {
		const char *name, *text;
		int fine;
	} keys[] = {
		{"kernel", raw->kernel, windowed || raw->op == BACKBONE_AVERAGE_POOL},
		{"stride", raw->stride, windowed},
		{"channels", raw->channels, windowed || raw->op == BACKBONE_DENSE},
		{"expand", raw->expand, raw->op == BACKBONE_INVERTED_RESIDUAL},
		{"act", raw->act, windowed || raw->op == BACKBONE_DENSE},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].text && !keys[i].fine)
			return mn_yaml_fail_key(
				&d->b->index, mn_yaml_key(&d->b->index, block, keys[i].name),
				d->err, MN_E_INVALID, "this op has no %s", keys[i].name);
	return 0;
}

static int residual(struct draw *d, const struct mn_yaml_node *block, struct pair k,
		    struct pair stride, uint32_t c, uint8_t act)
{
	const struct draw in = *d;
	struct draw shortcut;
	int32_t other = in.at;
	int rc = window(d, block, MN_OP_CONV_2D, k, stride, c, act);

	if (!rc)
		rc = window(d, block, MN_OP_CONV_2D, k, one, c, MN_ACT_NONE);
	if (!rc && (stride.h != 1 || stride.w != 1 || in.c != c)) {
		shortcut = *d;
		shortcut.at = in.at;
		shortcut.h = in.h;
		shortcut.w = in.w;
		shortcut.c = in.c;
		rc = window(&shortcut, block, MN_OP_CONV_2D, one, stride, c, MN_ACT_NONE);
		d->macs = shortcut.macs;
		other = shortcut.at;
	}
	return rc ? rc : sum(d, block, other, act);
}

static int inverted(struct draw *d, const struct mn_yaml_node *block, struct pair k,
		    struct pair stride, uint32_t c, uint32_t expand, uint8_t act)
{
	const int32_t in = d->at;
	const int sums = stride.h == 1 && stride.w == 1 && d->c == c;
	int rc = 0;

	if (expand > 1)
		rc = window(d, block, MN_OP_CONV_2D, one, one, d->c * expand, act);
	if (!rc)
		rc = window(d, block, MN_OP_DEPTHWISE_CONV_2D, k, stride, 0, act);
	if (!rc)
		rc = window(d, block, MN_OP_CONV_2D, one, one, c, MN_ACT_NONE);
	return rc || !sums ? rc : sum(d, block, in, MN_ACT_NONE);
}

static int tail(struct draw *d, const struct mn_yaml_node *block,
		const struct backbone_raw_block *raw, uint32_t c, uint8_t act)
{
	struct mn_layer l;
	struct pair k;
	int rc = 0;

	if (raw->op == BACKBONE_AVERAGE_POOL) {
		k = (struct pair){d->h, d->w};
		if (raw->kernel)
			rc = key(d, block, "kernel", raw->kernel, 1, 1, &k);
		l = layer_of(d, MN_OP_AVERAGE_POOL_2D, act);
		l.kernel_h = l.stride_h = (uint16_t)k.h;
		l.kernel_w = l.stride_w = (uint16_t)k.w;
	} else if (raw->op == BACKBONE_DENSE) {
		l = layer_of(d, MN_OP_FULLY_CONNECTED, act);
		l.in = (struct mn_shape){1, 1, 1, d->h * d->w * d->c};
		l.out_c = c;
	} else {
		l = layer_of(d, MN_OP_SOFTMAX, act);
	}
	return rc ? rc : add(d, block, &l, d->at, -1);
}

static int build_block(struct draw *d, const struct mn_yaml_node *block,
		       const struct backbone_raw_block *raw)
{
	const int inv = raw->op == BACKBONE_INVERTED_RESIDUAL;
	const int windowed = raw->op <= BACKBONE_INVERTED_RESIDUAL;
	struct pair k, stride, expand, repeat;
	uint32_t c = 0;
	uint8_t act;
	int rc = refuse_keys(d, block, raw);

	if (!rc)
		rc = activation(d, block, raw->act,
				inv        ? MN_ACT_RELU6
				: windowed ? MN_ACT_RELU
					   : MN_ACT_NONE,
				&act);
	if (!rc)
		rc = key(d, block, "repeat", raw->repeat, 0, 1, &repeat);
	if (!rc)
		rc = key(d, block, "stride", raw->stride, 1, 1, &stride);
	for (uint32_t i = 0; !rc && i < repeat.h; i++) {
		if ((windowed || raw->op == BACKBONE_DENSE) && (!inv || i == 0))
			rc = channels(d, block, raw, &c);
		if (!rc && windowed)
			rc = key(d, block, "kernel", raw->kernel, 1, 3, &k);
		if (!rc)
			rc = key(d, block, "expand", raw->expand, 1, 6, &expand);
		if (rc)
			break;
		if (raw->op == BACKBONE_CONV) {
			rc = window(d, block, MN_OP_CONV_2D, k, stride, c, act);
		} else if (raw->op == BACKBONE_SEPARABLE) {
			rc = window(d, block, MN_OP_DEPTHWISE_CONV_2D, k, stride, 0, act);
			rc = rc ? rc : window(d, block, MN_OP_CONV_2D, one, one, c, act);
		} else if (raw->op == BACKBONE_RESIDUAL) {
			rc = residual(d, block, k, stride, c, act);
		} else if (inv) {
			rc = inverted(d, block, k, stride, c, expand.h, act);
		} else {
			rc = tail(d, block, raw, c, act);
		}
		stride = one;
	}
	return rc;
}

/* ---- models ---- */

void mn_backbone_model_free(struct mn_backbone_model *model)
{
	if (!model)
		return;
	mn_graph_free(model->graph);
	free(model);
}

/* FNV-1a over the layers and what they read. */
static uint64_t graph_hash(const struct mn_graph *graph)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (uint32_t i = 0; i < graph->n_nodes; i++) {
		const struct mn_graph_node *n = &graph->nodes[i];
		const uint64_t words[] = {mn_layer_hash(&n->layer), (uint64_t)n->in,
					  (uint64_t)n->in2};

		for (size_t k = 0; k < 3; k++)
			for (int shift = 0; shift < 64; shift += 8)
				hash = (hash ^ (words[k] >> shift & 0xff)) * 0x100000001b3u;
	}
	return hash;
}

static int build(struct draw *d, const struct backbone_raw_block *blocks, uint32_t n,
		 const char *name, struct mn_backbone_model **ret)
{
	struct mn_backbone_model *model = calloc(1, sizeof(*model));
	int rc;

	if (!model || mn_graph_new(&d->graph)) {
		free(model);
		return mn_err_set(d->err, MN_E_NOMEM, "out of memory");
	}
	model->graph = d->graph;
	d->h = d->b->h;
	d->w = d->b->w;
	d->c = d->b->c;
	d->at = mn_graph_add_tensor(d->graph, d->h * d->w * d->c, MN_GRAPH_INPUT);
	rc = d->at < 0 ? mn_err_set(d->err, MN_E_NOMEM, "out of memory") : 0;
	for (uint32_t i = 0; i < n && !rc; i++)
		rc = build_block(d, mn_yaml_item(&d->b->index, d->blocks, i), &blocks[i]);
	if (!rc && !d->graph->n_nodes)
		rc = mn_yaml_fail(&d->b->index, d->blocks, d->err, MN_E_INVALID,
				  "a model without a layer");
	if (rc) {
		mn_backbone_model_free(model);
		return rc;
	}
	d->graph->tensors[d->at].role |= MN_GRAPH_OUTPUT;
	model->macs = d->macs;
	if (name)
		snprintf(model->name, sizeof(model->name), "%s", name);
	else
		snprintf(model->name, sizeof(model->name), "%s-%012" PRIx64, d->b->raw->name,
			 graph_hash(d->graph) >> 16);
	*ret = model;
	return 0;
}

int mn_backbone_member(const struct mn_backbone *b, uint32_t i, struct mn_backbone_model **ret,
		       struct mn_err *err)
{
	const struct mn_yaml_node *members = mn_yaml_key(&b->index, &b->index.nodes[0], "members");
	struct draw d = {.b = b, .fixed = 1, .err = err};

	d.blocks = mn_yaml_key(&b->index, mn_yaml_item(&b->index, members, i), "blocks");
	return build(&d, b->raw->members[i].blocks, b->raw->members[i].n_blocks,
		     b->raw->members[i].name, ret);
}

int mn_backbone_sample(const struct mn_backbone *b, uint64_t seed, uint64_t index,
		       struct mn_backbone_model **ret, struct mn_err *err)
{
	struct draw d = {.b = b, .err = err};

	d.blocks = mn_yaml_key(&b->index, &b->index.nodes[0], "blocks");
	/* A stream for each index, so that 400 models begin with the 20 of a smaller run. */
	d.state = seed;
	d.state = random64(&d.state) ^ index;
	d.state = random64(&d.state);
	return build(&d, b->raw->blocks, b->raw->n_blocks, NULL, ret);
}

/* ---- file ---- */

static int read_input(struct mn_backbone *b, struct mn_err *err)
{
	const struct mn_yaml_node *node = mn_yaml_key(&b->index, &b->index.nodes[0], "input");
	const char *p = b->raw->input;
	uint32_t *const side[] = {&b->h, &b->w, &b->c};

	for (int i = 0; i < 3; i++)
		if (number(&p, side[i]) || !*side[i] || *p != (i < 2 ? 'x' : '\0') ||
		    (i < 2 && !p++))
			return mn_yaml_fail(&b->index, node, err, MN_E_SYNTAX,
					    "input is HEIGHTxWIDTHxCHANNELS");
	if ((uint64_t)b->h * b->w > 1u << 24 || (uint64_t)b->h * b->w * b->c > 1u << 30)
		return mn_yaml_fail(&b->index, node, err, MN_E_OVERFLOW, "input is too large");
	return 0;
}

static int check(struct mn_backbone *b, struct mn_err *err)
{
	struct mn_backbone_model *model;
	int rc = read_input(b, err);

	for (uint32_t i = 0; i < b->raw->n_members && !rc; i++) {
		rc = mn_backbone_member(b, i, &model, err);
		if (!rc)
			mn_backbone_model_free(model);
	}
	if (!rc)
		rc = mn_backbone_sample(b, 1, 0, &model, err);
	if (!rc)
		mn_backbone_model_free(model);
	return rc;
}

int mn_backbone_parse(const char *text, size_t size, const char *file, struct mn_backbone **ret,
		      struct mn_err *err)
{
	struct mn_backbone *b = calloc(1, sizeof(*b));
	int rc;

	/* libyaml does not count a byte order mark as a character. */
	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		size -= 3;
	}
	if (b) {
		b->text = malloc(size + 1);
		b->file = strdup(file);
	}
	if (!b || !b->text || !b->file) {
		mn_backbone_free(b);
		return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", file);
	}
	memcpy(b->text, text, size);
	rc = mn_yaml_index_build(b->text, size, b->file, &b->index, err);
	if (!rc)
		rc = backbone_raw_read(&b->index, &b->raw, err);
	if (!rc)
		rc = check(b, err);
	if (rc)
		mn_backbone_free(b);
	else
		*ret = b;
	return rc;
}

int mn_backbone_load(const char *path, struct mn_backbone **ret, struct mn_err *err)
{
	char *text;
	size_t size;
	int rc = mn_yaml_read_file(path, &text, &size, err);

	if (rc)
		return rc;
	rc = mn_backbone_parse(text, size, path, ret, err);
	free(text);
	return rc;
}

void mn_backbone_free(struct mn_backbone *b)
{
	if (!b)
		return;
	backbone_raw_free(b->raw);
	mn_yaml_index_free(&b->index);
	free(b->text);
	free(b->file);
	free(b);
}

const char *mn_backbone_name(const struct mn_backbone *b)
{
	return b->raw->name;
}

const char *mn_backbone_description(const struct mn_backbone *b)
{
	return b->raw->description ? b->raw->description : "";
}

uint32_t mn_backbone_members(const struct mn_backbone *b)
{
	return b->raw->n_members;
}
