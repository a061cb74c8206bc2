/* SPDX-License-Identifier: MIT */
#include "sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr.h"
#include "sweep_raw.h"
#include "yaml_load.h"

#define RANGE_VALUES_MAX 65536u
#define REPEATS_MAX      1000

#define SWEEP_OP(op)      (1u << MN_OP_##op)
#define SWEEP_CONVOLUTION (SWEEP_OP(CONV_2D) | SWEEP_OP(DEPTHWISE_CONV_2D))
#define SWEEP_WINDOW      (SWEEP_CONVOLUTION | SWEEP_OP(AVERAGE_POOL_2D) | SWEEP_OP(MAX_POOL_2D))
#define SWEEP_BINARY                                                                               \
	(SWEEP_OP(ADD) | SWEEP_OP(MUL) | SWEEP_OP(SUB) | SWEEP_OP(MAXIMUM) | SWEEP_OP(MINIMUM))
#define SWEEP_ACTIVATION                                                                           \
	(SWEEP_WINDOW | SWEEP_OP(FULLY_CONNECTED) | SWEEP_OP(ADD) | SWEEP_OP(MUL) | SWEEP_OP(SUB))
#define SWEEP_SHAPE                                                                                \
	(SWEEP_OP(RESHAPE) | SWEEP_OP(STRIDED_SLICE) | SWEEP_OP(RESIZE_NEAREST_NEIGHBOR))
#define SWEEP_SHAPED (((1u << MN_OP_COUNT) - 1) & ~SWEEP_OP(NOP))

enum kind {
	NUMBER,
	PAIR,
	PADDING,
	ACTIVATION,
	AXES,
	IN2,
	SHAPE,
	PADS,
	SAMPLING,
	BEGIN,
	STEPS,
	ORDER
};

static const struct {
	enum kind kind;
	uint32_t ops;
} fields[] = {
#define X(name, kind, ops) {kind, ops},
#include "sweep_fields.def"
#undef X
};

/* in2 and shape: what is known only when the whole layer is. */
enum { IN2_SAME = 1, IN2_CHANNELS, IN2_MAP, IN2_SCALAR, SHAPE_FLAT, SHAPE_DOUBLE };

/* A value of a field: a number, a pair, the bits of a word, a shape or eight pads. */
struct value {
	int word; /* one of the above; 0: the numbers count */
	uint32_t v[8];
};

/* The values of a field in a group. */
struct axis {
	enum sweep_field field;
	struct value *values;
	uint32_t n;
	int is_log;
	uint64_t total; /* of the weights, if is_log */
};

/* How to measure, decoded. */
struct how {
	int warm, cold;
	uint32_t warmup, reps, repeats;
	const struct sweep_raw_list *kernels; /* NULL: the default set */
};

/* Where a group is. */
struct group {
	const struct sweep_raw_group *raw;
	const struct mn_yaml_node *node;
	uint32_t number;
	enum mn_op op;
	struct axis axes[SWEEP_FIELDS];
	int n_axes;
	struct mn_expr where;
	int has_where;
	struct how how;
};

/* The sweep and what it owns; the public part is first. */
struct owner {
	struct mn_sweep sweep;
	struct mn_sweep_probe *probes;
	uint32_t room;
	struct mn_sweep_group *groups;
	struct sweep_raw *raw; /* has the names */
	/* While expanding. */
	struct mn_yaml_index index;
	struct mn_err *err;
	uint32_t *buckets; /* probe number + 1 by hash; 0 free */
	uint32_t n_buckets;
	uint32_t combinations;
	uint32_t seed;
};

/* A set of hashes with open addressing; 0 is a free place, and a hash of 0 is taken for 1. */
struct set {
	uint64_t *hashes;
	uint32_t n, room;
};

static int set_add(struct set *set, uint64_t hash, int *ret_is_new)
{
	uint32_t at;

	hash += hash == 0;
	if (2 * (set->n + 1) > set->room) {
		struct set more = {.room = set->room ? 2 * set->room : 256};
		int unused;

		more.hashes = calloc(more.room, sizeof(*more.hashes));
		if (!more.hashes)
			return MN_E_NOMEM;
		for (uint32_t i = 0; i < set->room; i++)
			if (set->hashes[i])
				set_add(&more, set->hashes[i], &unused);
		free(set->hashes);
		*set = more;
	}
	at = (uint32_t)(hash ^ hash >> 32) & (set->room - 1);
	while (set->hashes[at] && set->hashes[at] != hash)
		at = (at + 1) & (set->room - 1);
	*ret_is_new = !set->hashes[at];
	if (*ret_is_new) {
		set->hashes[at] = hash;
		set->n++;
	}
	return 0;
}

static uint64_t fnv1a(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Decimal digits and nothing else. */
static int parse_number(const char *text, size_t n, uint32_t *ret)
{
	uint64_t value = 0;

	if (!n || n > 10)
		return MN_E_SYNTAX;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return MN_E_SYNTAX;
		value = 10 * value + (uint64_t)(text[i] - '0');
	}
	if (value > UINT32_MAX)
		return MN_E_SYNTAX;
	*ret = (uint32_t)value;
	return 0;
}

/* Numbers with a character between, at most max of them; returns how many, or MN_E_SYNTAX. */
static int parse_numbers(const char *text, char between, uint32_t *ret, int max)
{
	for (int i = 0; i < max; i++) {
		size_t n = strcspn(text, (char[]){between, '\0'});

		if (parse_number(text, n, &ret[i]) < 0)
			return MN_E_SYNTAX;
		if (!text[n])
			return i + 1;
		text += n + 1;
	}
	return MN_E_SYNTAX;
}

/* A number in a range, at its place in the file. */
static int take_number(struct owner *o, const char *text, const struct mn_yaml_node *node,
		       const char *what, uint32_t least, uint32_t most, uint32_t *ret)
{
	uint32_t value;

	if (parse_number(text, strlen(text), &value) < 0)
		return mn_yaml_fail(&o->index, node, o->err, MN_E_SYNTAX,
				    "%s is '%.40s', not a whole number", what, text);
	if (value < least || value > most)
		return mn_yaml_fail(&o->index, node, o->err, MN_E_INVALID,
				    "%s is %u, not within %u..%u", what, value, least, most);
	*ret = value;
	return 0;
}

static void limits(enum sweep_field field, uint32_t *ret_least, uint32_t *ret_most)
{
	*ret_least = 1;
	*ret_most = INT32_MAX;
	if (field == SWEEP_FIELD_bias) {
		*ret_least = 0;
		*ret_most = 1;
	} else if (fields[field].ops != (SWEEP_SHAPED) && field != SWEEP_FIELD_out_channels) {
		*ret_most = UINT16_MAX;
	}
}

struct word {
	const char *text;
	int word;
	uint32_t value;
};

static const struct word words[][5] = {
	[PADDING] = {{"valid", 0, MN_PADDING_VALID}, {"same", 0, MN_PADDING_SAME}},
	[ACTIVATION] = {{"none", 0, MN_ACT_NONE},
			{"relu", 0, MN_ACT_RELU},
			{"relu6", 0, MN_ACT_RELU6}},
	[AXES] = {{"h", 0, MN_AXIS_H}, {"w", 0, MN_AXIS_W}, {"hw", 0, MN_AXIS_H | MN_AXIS_W}},
	[IN2] = {{"same", IN2_SAME, 0},
		 {"channels", IN2_CHANNELS, 0},
		 {"map", IN2_MAP, 0},
		 {"scalar", IN2_SCALAR, 0}},
	[SHAPE] = {{"flat", SHAPE_FLAT, 0}, {"double", SHAPE_DOUBLE, 0}},
	[SAMPLING] = {{"plain", 0, MN_SAMPLING_PLAIN},
		      {"align_corners", 0, MN_SAMPLING_ALIGN_CORNERS},
		      {"half_pixel", 0, MN_SAMPLING_HALF_PIXEL}},
	[ORDER] = {{NULL, 0, 0}},
};

/* pads: one number, HxW, or eight with commas. */
static int parse_pads(const char *text, struct value *ret)
{
	uint32_t p[8] = {0};
	int n = parse_numbers(text, ',', p, 8);

	if (n == 1 || (n < 0 && parse_numbers(text, 'x', p, 2) == 2)) {
		uint32_t h = p[0], w = n == 1 ? p[0] : p[1];

		*ret = (struct value){.v = {0, 0, h, h, w, w, 0, 0}};
		return 0;
	}
	if (n != 8)
		return MN_E_SYNTAX;
	memcpy(ret->v, p, sizeof(p));
	ret->word = 0;
	return 0;
}

/* steps: four numbers with signs, kept as 16 bits. */
static int parse_steps(const char *text, struct value *ret)
{
	for (int i = 0; i < 4; i++) {
		const int minus = *text == '-';
		size_t n;

		text += minus;
		n = strcspn(text, ",");
		if (parse_number(text, n, &ret->v[i]) < 0 || ret->v[i] > INT16_MAX ||
		    (text[n] == ',') != (i < 3))
			return MN_E_SYNTAX;
		if (minus)
			ret->v[i] = 0 - ret->v[i];
		text += n + 1;
	}
	return 0;
}

/* order: the letters of nhwc; the check says whether it is a permutation. */
static int parse_order(const char *text, struct value *ret)
{
	static const char letters[] = "nhwc";

	if (strlen(text) != 4 || strspn(text, letters) != 4)
		return MN_E_SYNTAX;
	for (int i = 0; i < 4; i++)
		ret->v[0] |= (uint32_t)(strchr(letters, text[i]) - letters) << 2 * i;
	return 0;
}

/* A value of a field, at its place in the file. */
static int take_value(struct owner *o, enum sweep_field field, const char *text,
		      const struct mn_yaml_node *node, struct value *ret)
{
	const char *name = sweep_field_name(field);
	enum kind kind = fields[field].kind;
	uint32_t least, most;
	int n, rc = 0;

	memset(ret, 0, sizeof(*ret));
	limits(field, &least, &most);
	if (kind == NUMBER)
		return take_number(o, text, node, name, least, most, &ret->v[0]);
	if (kind == PAIR) {
		n = parse_numbers(text, 'x', ret->v, 2);
		if (n < 0)
			return mn_yaml_fail(&o->index, node, o->err, MN_E_SYNTAX,
					    "%s is '%.40s', not a number or HxW", name, text);
		if (n == 1)
			ret->v[1] = ret->v[0];
		for (int i = 0; i < 2; i++)
			if (ret->v[i] < least || ret->v[i] > most)
				return mn_yaml_fail(&o->index, node, o->err, MN_E_INVALID,
						    "%s is %u, not within %u..%u", name, ret->v[i],
						    least, most);
		return 0;
	}
	for (const struct word *w = words[kind]; w < words[kind] + 5 && w->text; w++)
		if (!strcmp(w->text, text)) {
			ret->word = w->word;
			ret->v[0] = w->value;
			return 0;
		}
	if (kind == PADS)
		rc = parse_pads(text, ret);
	else if (kind == STEPS)
		rc = parse_steps(text, ret);
	else if (kind == ORDER)
		rc = parse_order(text, ret);
	else if (kind == BEGIN)
		rc = parse_numbers(text, ',', ret->v, 4) == 4 ? 0 : MN_E_SYNTAX;
	else if (kind == IN2 || kind == SHAPE)
		rc = parse_numbers(text, 'x', ret->v, 4) == 4 ? 0 : MN_E_SYNTAX;
	else
		rc = MN_E_SYNTAX;
	if (rc < 0)
		return mn_yaml_fail(&o->index, node, o->err, MN_E_SYNTAX, "%s cannot be '%.40s'",
				    name, text);
	for (int i = 0; i < 8 && (kind == PADS || kind == BEGIN); i++)
		if (ret->v[i] > UINT16_MAX)
			return mn_yaml_fail(&o->index, node, o->err, MN_E_INVALID,
					    "%s has a %u, the most is 65535", name, ret->v[i]);
	return 0;
}

static int no_memory(struct owner *o)
{
	return mn_err_set(o->err, MN_E_NOMEM, "%s: out of memory", o->index.file);
}

static int take_range(struct owner *o, enum sweep_field field, const struct sweep_raw_range *raw,
		      const struct mn_yaml_node *node, struct axis *axis)
{
	const struct mn_yaml_index *x = &o->index;
	uint32_t least, most, from, to, step = 1;
	uint64_t n;
	int rc;

	if (fields[field].kind != NUMBER && fields[field].kind != PAIR)
		return mn_yaml_fail_key(x, node, o->err, MN_E_INVALID, "%s cannot be a range",
					sweep_field_name(field));
	limits(field, &least, &most);
	rc = take_number(o, raw->from, mn_yaml_key(x, node, "from"), "from", least, most, &from);
	if (rc == 0)
		rc = take_number(o, raw->to, mn_yaml_key(x, node, "to"), "to", from, most, &to);
	if (rc == 0 && raw->step)
		rc = take_number(o, raw->step, mn_yaml_key(x, node, "step"), "step", 1, INT32_MAX,
				 &step);
	if (rc < 0)
		return rc;
	if (raw->scale) {
		axis->is_log = !strcmp(raw->scale, "log");
		if (!axis->is_log && strcmp(raw->scale, "linear"))
			return mn_yaml_fail(x, mn_yaml_key(x, node, "scale"), o->err, MN_E_SYNTAX,
					    "scale is '%.40s', not linear or log", raw->scale);
	}
	n = (uint64_t)(to - from) / step + 1;
	if (n > RANGE_VALUES_MAX)
		return mn_yaml_fail(x, node, o->err, MN_E_OVERFLOW,
				    "a range of %llu values, the most is %u", (unsigned long long)n,
				    RANGE_VALUES_MAX);
	axis->values = calloc(n, sizeof(*axis->values));
	if (!axis->values)
		return no_memory(o);
	axis->n = (uint32_t)n;
	for (uint32_t i = 0; i < axis->n; i++)
		axis->values[i].v[0] = axis->values[i].v[1] = from + i * step;
	return 0;
}

static int take_axis(struct owner *o, struct group *g, enum sweep_field field)
{
	const struct mn_yaml_index *x = &o->index;
	const char *name = sweep_field_name(field);
	const struct sweep_raw_list *list = &g->raw->lists.field[field];
	const struct mn_yaml_node *nodes[3] = {
		mn_yaml_key(x, g->node, name),
		mn_yaml_key(x, mn_yaml_key(x, g->node, "list"), name),
		mn_yaml_key(x, mn_yaml_key(x, g->node, "range"), name),
	};
	const struct mn_yaml_node *node = NULL;
	struct axis *axis = &g->axes[g->n_axes];
	int rc = 0;

	for (int i = 0; i < 3; i++) {
		if (!nodes[i])
			continue;
		if (node)
			return mn_yaml_fail_key(x, nodes[i], o->err, MN_E_INVALID,
						"'%s' is given twice in this group", name);
		node = nodes[i];
	}
	if (!node)
		return 0;
	if (!(fields[field].ops & 1u << g->op))
		return mn_yaml_fail_key(x, node, o->err, MN_E_INVALID, "%s has no %s",
					mn_op_name(g->op), name);
	*axis = (struct axis){.field = field};
	g->n_axes++; /* its values are freed from here on */
	if (nodes[2])
		return take_range(o, field, g->raw->ranges.field[field], node, axis);
	axis->n = nodes[0] ? 1 : list->n;
	axis->values = calloc(axis->n, sizeof(*axis->values));
	if (!axis->values)
		return no_memory(o);
	if (nodes[0])
		return take_value(o, field, g->raw->one[field], node, &axis->values[0]);
	node = mn_yaml_item(x, node, 0);
	for (uint32_t i = 0; i < axis->n && rc == 0; i++) {
		rc = take_value(o, field, list->v[i], node, &axis->values[i]);
		if (node->next)
			node = &x->nodes[node->next];
	}
	return rc;
}

/* A pair and one of its sides say the same thing. */
static int check_pairs(struct owner *o, const struct group *g)
{
	static const struct {
		enum sweep_field pair, side[2];
	} pairs[] = {
		{SWEEP_FIELD_size, {SWEEP_FIELD_height, SWEEP_FIELD_width}},
		{SWEEP_FIELD_kernel, {SWEEP_FIELD_kernel_height, SWEEP_FIELD_kernel_width}},
		{SWEEP_FIELD_stride, {SWEEP_FIELD_stride_height, SWEEP_FIELD_stride_width}},
		{SWEEP_FIELD_dilation, {SWEEP_FIELD_dilation_height, SWEEP_FIELD_dilation_width}},
	};
	uint32_t given = 0;

	for (int i = 0; i < g->n_axes; i++)
		given |= 1u << g->axes[i].field;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		for (int k = 0; k < 2; k++)
			if ((given & 1u << pairs[i].pair) && (given & 1u << pairs[i].side[k]))
				return mn_yaml_fail(&o->index, g->node, o->err, MN_E_INVALID,
						    "group '%.64s' gives both %s and %s",
						    g->raw->name, sweep_field_name(pairs[i].pair),
						    sweep_field_name(pairs[i].side[k]));
	return 0;
}

/* Overlay what one level says on what the level above said. */
static int take_how(struct owner *o, const struct sweep_raw_how *raw,
		    const struct mn_yaml_node *node, struct how *how)
{
	const struct mn_yaml_index *x = &o->index;
	const struct {
		const char *name, *text;
		uint32_t least, most, *to;
	} numbers[] = {
		{"warmup", raw->warmup, 0, UINT16_MAX, &how->warmup},
		{"reps", raw->reps, 1, UINT16_MAX, &how->reps},
		{"repeats", raw->repeats, 1, REPEATS_MAX, &how->repeats},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int rc;

		if (!numbers[i].text)
			continue;
		rc = take_number(o, numbers[i].text, mn_yaml_key(x, node, numbers[i].name),
				 numbers[i].name, numbers[i].least, numbers[i].most, numbers[i].to);
		if (rc < 0)
			return rc;
	}
	if (raw->mode) {
		how->warm = !strcmp(raw->mode, "warm") || !strcmp(raw->mode, "both");
		how->cold = !strcmp(raw->mode, "cold") || !strcmp(raw->mode, "both");
		if (!how->warm && !how->cold)
			return mn_yaml_fail(x, mn_yaml_key(x, node, "mode"), o->err, MN_E_SYNTAX,
					    "mode is '%.40s', not warm, cold or both", raw->mode);
	}
	if (raw->kernels.n)
		how->kernels = &raw->kernels;
	return 0;
}

/* What `where` can ask for. Ids from VALUE_DERIVED on need a layer that the check has passed. */
enum {
	VALUE_BATCH,
	VALUE_HEIGHT,
	VALUE_WIDTH,
	VALUE_IN_CHANNELS,
	VALUE_OUT_CHANNELS,
	VALUE_MULTIPLIER,
	VALUE_KERNEL_H,
	VALUE_KERNEL_W,
	VALUE_STRIDE_H,
	VALUE_STRIDE_W,
	VALUE_DILATION_H,
	VALUE_DILATION_W,
	VALUE_PADDING,
	VALUE_ACTIVATION,
	VALUE_BIAS,
	VALUE_DERIVED,
	VALUE_OUT_HEIGHT = VALUE_DERIVED,
	VALUE_OUT_WIDTH,
	VALUE_OUT_ELEMENTS,
	VALUE_MACS,
	VALUE_OPS,
	VALUE_IN_BYTES,
	VALUE_OUT_BYTES,
	VALUE_WEIGHT_BYTES,
	VALUE_BIAS_BYTES,
	VALUE_QUANT_BYTES,
	VALUE_IM2COL
};

static const struct {
	struct mn_expr_name name;
	uint32_t ops;
} names[] = {
	{{"batch", 0, VALUE_BATCH}, SWEEP_SHAPED},
	{{"height", 0, VALUE_HEIGHT}, SWEEP_SHAPED},
	{{"width", 0, VALUE_WIDTH}, SWEEP_SHAPED},
	{{"in_channels", 0, VALUE_IN_CHANNELS}, SWEEP_SHAPED},
	{{"out_channels", 0, VALUE_OUT_CHANNELS}, SWEEP_CONVOLUTION | SWEEP_OP(FULLY_CONNECTED)},
	{{"multiplier", 0, VALUE_MULTIPLIER}, SWEEP_OP(DEPTHWISE_CONV_2D)},
	{{"kernel_height", 0, VALUE_KERNEL_H}, SWEEP_WINDOW},
	{{"kernel_width", 0, VALUE_KERNEL_W}, SWEEP_WINDOW},
	{{"stride_height", 0, VALUE_STRIDE_H}, SWEEP_WINDOW},
	{{"stride_width", 0, VALUE_STRIDE_W}, SWEEP_WINDOW},
	{{"dilation_height", 0, VALUE_DILATION_H}, SWEEP_CONVOLUTION},
	{{"dilation_width", 0, VALUE_DILATION_W}, SWEEP_CONVOLUTION},
	{{"padding", 0, VALUE_PADDING}, SWEEP_WINDOW},
	{{"activation", 0, VALUE_ACTIVATION}, SWEEP_ACTIVATION},
	{{"bias", 0, VALUE_BIAS}, SWEEP_CONVOLUTION | SWEEP_OP(FULLY_CONNECTED)},
	{{"valid", 1, MN_PADDING_VALID}, SWEEP_WINDOW},
	{{"same", 1, MN_PADDING_SAME}, SWEEP_WINDOW},
	{{"none", 1, MN_ACT_NONE}, SWEEP_ACTIVATION},
	{{"relu", 1, MN_ACT_RELU}, SWEEP_ACTIVATION},
	{{"relu6", 1, MN_ACT_RELU6}, SWEEP_ACTIVATION},
	{{"out_height", 0, VALUE_OUT_HEIGHT}, SWEEP_SHAPED},
	{{"out_width", 0, VALUE_OUT_WIDTH}, SWEEP_SHAPED},
	{{"out_elements", 0, VALUE_OUT_ELEMENTS}, SWEEP_SHAPED},
	{{"macs", 0, VALUE_MACS}, SWEEP_SHAPED},
	{{"ops", 0, VALUE_OPS}, SWEEP_SHAPED},
	{{"in_bytes", 0, VALUE_IN_BYTES}, SWEEP_SHAPED},
	{{"out_bytes", 0, VALUE_OUT_BYTES}, SWEEP_SHAPED},
	{{"weight_bytes", 0, VALUE_WEIGHT_BYTES}, SWEEP_SHAPED},
	{{"bias_bytes", 0, VALUE_BIAS_BYTES}, SWEEP_SHAPED},
	{{"quant_bytes", 0, VALUE_QUANT_BYTES}, SWEEP_SHAPED},
	{{"im2col_elements", 0, VALUE_IM2COL}, SWEEP_SHAPED},
};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

/* A layer in the making, with the check's verdict. */
struct candidate {
	struct mn_layer layer;
	struct mn_layer_info info;
	int check;
	const char *why;
};

static int value_of(void *ctx, int64_t id, int64_t *ret)
{
	const struct candidate *c = ctx;
	const struct mn_layer *l = &c->layer;

	if (id >= VALUE_DERIVED && c->check < 0)
		return c->check;
	switch (id) {
	case VALUE_BATCH:
		*ret = l->in.n;
		return 0;
	case VALUE_HEIGHT:
		*ret = l->in.h;
		return 0;
	case VALUE_WIDTH:
		*ret = l->in.w;
		return 0;
	case VALUE_IN_CHANNELS:
		*ret = l->in.c;
		return 0;
	case VALUE_OUT_CHANNELS:
		*ret = l->op == MN_OP_DEPTHWISE_CONV_2D ? (int64_t)l->in.c * l->multiplier
							: l->out_c;
		return 0;
	case VALUE_MULTIPLIER:
		*ret = l->multiplier;
		return 0;
	case VALUE_KERNEL_H:
		*ret = l->kernel_h;
		return 0;
	case VALUE_KERNEL_W:
		*ret = l->kernel_w;
		return 0;
	case VALUE_STRIDE_H:
		*ret = l->stride_h;
		return 0;
	case VALUE_STRIDE_W:
		*ret = l->stride_w;
		return 0;
	case VALUE_DILATION_H:
		*ret = l->dilation_h;
		return 0;
	case VALUE_DILATION_W:
		*ret = l->dilation_w;
		return 0;
	case VALUE_PADDING:
		*ret = l->padding;
		return 0;
	case VALUE_ACTIVATION:
		*ret = l->act;
		return 0;
	case VALUE_BIAS:
		*ret = l->bias;
		return 0;
	case VALUE_OUT_HEIGHT:
		*ret = c->info.out.h;
		return 0;
	case VALUE_OUT_WIDTH:
		*ret = c->info.out.w;
		return 0;
	case VALUE_OUT_ELEMENTS:
		*ret = (int64_t)c->info.out_elements;
		return 0;
	case VALUE_MACS:
		*ret = (int64_t)c->info.macs;
		return 0;
	case VALUE_OPS:
		*ret = c->info.ops > INT64_MAX ? INT64_MAX : (int64_t)c->info.ops;
		return 0;
	case VALUE_IN_BYTES:
		*ret = c->info.input_bytes;
		return 0;
	case VALUE_OUT_BYTES:
		*ret = c->info.output_bytes;
		return 0;
	case VALUE_WEIGHT_BYTES:
		*ret = c->info.weight_bytes;
		return 0;
	case VALUE_BIAS_BYTES:
		*ret = c->info.bias_bytes;
		return 0;
	case VALUE_QUANT_BYTES:
		*ret = c->info.quant_bytes;
		return 0;
	default:
		*ret = c->info.im2col_elements > INT64_MAX ? INT64_MAX
							   : (int64_t)c->info.im2col_elements;
		return 0;
	}
}

static int take_where(struct owner *o, struct group *g)
{
	struct mn_expr_name known[N_NAMES + 1] = {{NULL, 0, 0}};
	struct mn_expr_error error;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < N_NAMES; i++)
		if (names[i].ops & 1u << g->op)
			known[n++] = names[i].name;
	rc = mn_expr_compile(g->raw->where, known, &g->where, &error);
	if (rc < 0)
		return mn_yaml_fail_inside(&o->index, mn_yaml_key(&o->index, g->node, "where"),
					   g->raw->where, error.offset, o->err, rc, "%s",
					   error.why);
	g->has_where = 1;
	return 0;
}

static int fail_layer(struct owner *o, const struct group *g, const struct candidate *c)
{
	char text[MN_LAYER_TEXT_MAX];

	if (mn_layer_format(&c->layer, text, sizeof(text)) < 0)
		snprintf(text, sizeof(text), "%s", mn_op_name(c->layer.op));
	return mn_yaml_fail(&o->index, g->node, o->err, c->check, "group '%.64s', %s: %s",
			    g->raw->name, text, c->why);
}

/* Put a value of a field into a layer; what depends on other fields waits in *late. */
static void apply(enum sweep_field field, const struct value *value, struct mn_layer *l,
		  const struct value **late)
{
	const uint32_t *v = value->v;

	switch (field) {
	case SWEEP_FIELD_batch:
		l->in.n = v[0];
		break;
	case SWEEP_FIELD_height:
		l->in.h = v[0];
		break;
	case SWEEP_FIELD_width:
		l->in.w = v[0];
		break;
	case SWEEP_FIELD_size:
		l->in.h = v[0];
		l->in.w = v[1];
		break;
	case SWEEP_FIELD_in_channels:
		l->in.c = v[0];
		break;
	case SWEEP_FIELD_in2:
	case SWEEP_FIELD_shape:
		*late = value;
		break;
	case SWEEP_FIELD_pads:
		for (int i = 0; i < 8; i++)
			l->pad[i / 2][i % 2] = (uint16_t)v[i];
		break;
	case SWEEP_FIELD_begin:
		for (int i = 0; i < 4; i++)
			l->begin[i] = (uint16_t)v[i];
		break;
	case SWEEP_FIELD_steps:
		for (int i = 0; i < 4; i++)
			l->steps[i] = (int16_t)v[i];
		break;
	case SWEEP_FIELD_order:
		l->order = (uint8_t)v[0];
		break;
	case SWEEP_FIELD_sampling:
		l->sampling = (uint8_t)v[0];
		break;
	case SWEEP_FIELD_axes:
		l->axes = (uint8_t)v[0];
		break;
	case SWEEP_FIELD_multiplier:
		l->multiplier = (uint16_t)v[0];
		break;
	case SWEEP_FIELD_out_channels:
		l->out_c = v[0];
		break;
	case SWEEP_FIELD_kernel:
		l->kernel_h = (uint16_t)v[0];
		l->kernel_w = (uint16_t)v[1];
		break;
	case SWEEP_FIELD_kernel_height:
		l->kernel_h = (uint16_t)v[0];
		break;
	case SWEEP_FIELD_kernel_width:
		l->kernel_w = (uint16_t)v[0];
		break;
	case SWEEP_FIELD_stride:
		l->stride_h = (uint16_t)v[0];
		l->stride_w = (uint16_t)v[1];
		break;
	case SWEEP_FIELD_stride_height:
		l->stride_h = (uint16_t)v[0];
		break;
	case SWEEP_FIELD_stride_width:
		l->stride_w = (uint16_t)v[0];
		break;
	case SWEEP_FIELD_dilation:
		l->dilation_h = (uint16_t)v[0];
		l->dilation_w = (uint16_t)v[1];
		break;
	case SWEEP_FIELD_dilation_height:
		l->dilation_h = (uint16_t)v[0];
		break;
	case SWEEP_FIELD_dilation_width:
		l->dilation_w = (uint16_t)v[0];
		break;
	case SWEEP_FIELD_padding:
		l->padding = (uint8_t)v[0];
		break;
	case SWEEP_FIELD_activation:
		l->act = (uint8_t)v[0];
		break;
	case SWEEP_FIELD_bias:
		l->bias = (uint8_t)v[0];
		break;
	case SWEEP_FIELDS:
		break;
	}
}

/* The layer of one choice of values. pick[i] indexes axis i. */
static void build(const struct group *g, const uint32_t *pick, struct candidate *c)
{
	static const struct value same = {.word = IN2_SAME}, flat = {.word = SHAPE_FLAT},
				  twice = {.word = SHAPE_DOUBLE};
	const int binary = (SWEEP_BINARY & 1u << g->op) != 0;
	const struct value *late = binary                                   ? &same
				   : g->op == MN_OP_RESIZE_NEAREST_NEIGHBOR ? &twice
				   : g->op == MN_OP_STRIDED_SLICE           ? &same
									    : &flat;
	struct mn_layer *l = &c->layer;
	struct mn_shape *to = binary ? &l->in2 : &l->shape;

	mn_layer_init(l, g->op);
	if (g->op != MN_OP_NOP)
		l->in = (struct mn_shape){1, 1, 1, 0};
	for (int i = 0; i < g->n_axes; i++)
		apply(g->axes[i].field, &g->axes[i].values[pick[i]], l, &late);
	if ((SWEEP_BINARY | SWEEP_SHAPE) & 1u << g->op) {
		uint64_t flat_c = (uint64_t)l->in.h * l->in.w;

		*to = l->in;
		switch (late->word) {
		case IN2_SAME:
			break;
		case IN2_CHANNELS:
			to->n = to->h = to->w = 1;
			break;
		case IN2_MAP:
			to->n = to->c = 1;
			break;
		case IN2_SCALAR:
			*to = (struct mn_shape){1, 1, 1, 1};
			break;
		case SHAPE_FLAT:
			/* An input beyond 2^31 elements is refused whatever its output. */
			flat_c = flat_c > INT32_MAX ? 0 : flat_c * l->in.c;
			*to = (struct mn_shape){l->in.n, 1, 1,
						flat_c > INT32_MAX ? 0 : (uint32_t)flat_c};
			break;
		case SHAPE_DOUBLE:
			/* Beyond 16 bits it is refused: it cannot wrap. */
			to->h = l->in.h > UINT16_MAX ? l->in.h : 2 * l->in.h;
			to->w = l->in.w > UINT16_MAX ? l->in.w : 2 * l->in.w;
			break;
		default:
			*to = (struct mn_shape){late->v[0], late->v[1], late->v[2], late->v[3]};
			break;
		}
	}
	c->why = "";
	c->check = mn_layer_check(l, &c->info, &c->why);
}

/* Whether a candidate is wanted: 1, 0, or a failure. */
static int wanted(struct owner *o, const struct group *g, struct candidate *c)
{
	struct mn_expr_error error;
	int64_t value = 1;
	int rc;

	if (g->has_where) {
		rc = mn_expr_eval(&g->where, value_of, c, &value, &error);
		if (rc < 0 && !error.why[0])
			return fail_layer(o, g, c);
		if (rc < 0)
			return mn_yaml_fail_inside(
				&o->index, mn_yaml_key(&o->index, g->node, "where"), g->raw->where,
				error.offset, o->err, rc, "%s", error.why);
	}
	if (!value) {
		o->groups[g->number].n_rejected++;
		return 0;
	}
	return c->check < 0 ? fail_layer(o, g, c) : 1;
}

static uint64_t probe_key(const struct mn_sweep_probe *p)
{
	uint64_t hash = fnv1a(p->layer_hash, p->kernels, strlen(p->kernels));

	hash = fnv1a(hash, &p->cold, sizeof(p->cold));
	hash = fnv1a(hash, &p->warmup, sizeof(p->warmup));
	hash = fnv1a(hash, &p->reps, sizeof(p->reps));
	return fnv1a(hash, &p->seed, sizeof(p->seed));
}

static int same_probe(const struct mn_sweep_probe *a, const struct mn_sweep_probe *b)
{
	return a->cold == b->cold && a->warmup == b->warmup && a->reps == b->reps &&
	       a->seed == b->seed && a->layer_hash == b->layer_hash &&
	       !strcmp(a->kernels, b->kernels) && !memcmp(&a->layer, &b->layer, sizeof(a->layer));
}

static uint32_t *bucket_of(struct owner *o, const struct mn_sweep_probe *probe)
{
	uint64_t key = probe_key(probe);
	uint32_t at = (uint32_t)(key ^ key >> 32) & (o->n_buckets - 1);

	while (o->buckets[at] && !same_probe(&o->probes[o->buckets[at] - 1], probe))
		at = (at + 1) & (o->n_buckets - 1);
	return &o->buckets[at];
}

static int make_room(struct owner *o)
{
	uint32_t room = o->room ? 2 * o->room : 1024;
	struct mn_sweep_probe *probes;
	uint32_t *buckets;

	probes = realloc(o->probes, room * sizeof(*probes));
	if (!probes)
		return no_memory(o);
	o->probes = probes;
	buckets = calloc(2 * (size_t)room, sizeof(*buckets));
	if (!buckets)
		return no_memory(o);
	free(o->buckets);
	o->buckets = buckets;
	o->room = room;
	o->n_buckets = 2 * room;
	for (uint32_t i = 0; i < o->sweep.n_probes; i++)
		*bucket_of(o, &o->probes[i]) = i + 1;
	return 0;
}

static int add_probe(struct owner *o, const struct group *g, const struct mn_sweep_probe *probe)
{
	uint32_t *bucket;
	int rc;

	if (o->sweep.n_probes == o->room) {
		rc = make_room(o);
		if (rc < 0)
			return rc;
	}
	bucket = bucket_of(o, probe);
	if (*bucket) {
		o->groups[g->number].n_merged++;
		return 0;
	}
	if (o->sweep.n_probes == MN_SWEEP_PROBES_MAX)
		return mn_yaml_fail(&o->index, g->node, o->err, MN_E_OVERFLOW,
				    "the sweep has more than %u probes at group '%.64s'",
				    MN_SWEEP_PROBES_MAX, g->raw->name);
	o->probes[o->sweep.n_probes++] = *probe;
	*bucket = o->sweep.n_probes;
	o->groups[g->number].n_probes++;
	return 0;
}

/* All probes of one layer. */
static int add_layer(struct owner *o, const struct group *g, const struct mn_layer *layer)
{
	const struct how *how = &g->how;
	uint32_t n_kernels = how->kernels ? how->kernels->n : 1;

	for (uint32_t k = 0; k < n_kernels; k++)
		for (int cold = 0; cold < 2; cold++)
			for (uint32_t r = 0; r < how->repeats; r++) {
				struct mn_sweep_probe probe;
				int rc;

				if (!(cold ? how->cold : how->warm))
					continue;
				memset(&probe, 0, sizeof(probe));
				probe.layer = *layer;
				probe.layer_hash = mn_layer_hash(layer);
				probe.kernels = how->kernels ? how->kernels->v[k] : "";
				probe.cold = (uint8_t)cold;
				probe.warmup = (uint16_t)how->warmup;
				probe.reps = (uint16_t)how->reps;
				probe.seed = o->seed + r;
				probe.group = g->number;
				rc = add_probe(o, g, &probe);
				if (rc < 0)
					return rc;
			}
	return 0;
}

static int count_combination(struct owner *o, const struct group *g)
{
	if (++o->combinations > MN_SWEEP_COMBINATIONS_MAX)
		return mn_yaml_fail(
			&o->index, g->node, o->err, MN_E_OVERFLOW,
			"the sweep looks at more than %u combinations, in group '%.64s'",
			MN_SWEEP_COMBINATIONS_MAX, g->raw->name);
	return 0;
}

static int expand_grid(struct owner *o, const struct group *g)
{
	uint32_t pick[SWEEP_FIELDS] = {0};
	struct candidate c;
	int i, rc;

	do {
		rc = count_combination(o, g);
		if (rc < 0)
			return rc;
		build(g, pick, &c);
		rc = wanted(o, g, &c);
		if (rc > 0)
			rc = add_layer(o, g, &c.layer);
		if (rc < 0)
			return rc;
		for (i = g->n_axes - 1; i >= 0; i--) {
			if (++pick[i] < g->axes[i].n)
				break;
			pick[i] = 0;
		}
	} while (i >= 0);
	return 0;
}

/* xorshift64*, from Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static uint32_t draw32(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)(*state * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

/* 0..n - 1, n at most 2^32. */
static uint32_t draw_below(uint64_t *state, uint64_t n)
{
	return (uint32_t)(draw32(state) * n >> 32);
}

/* Integers, so that every machine draws the same: 1 / value in 2^-40. */
static uint64_t weight(const struct value *value)
{
	return (UINT64_C(1) << 40) / value->v[0];
}

static uint32_t draw_value(uint64_t *state, const struct axis *axis)
{
	uint64_t at, sum = 0;
	uint32_t i = 0;

	if (!axis->is_log)
		return draw_below(state, axis->n);
	/* The total is below 2^40 * 65536: a 64-bit draw, reduced. */
	at = (uint64_t)draw32(state) << 32;
	at = (at | draw32(state)) % axis->total;
	for (; i < axis->n - 1; i++) {
		sum += weight(&axis->values[i]);
		if (at < sum)
			break;
	}
	return i;
}

static int expand_sample(struct owner *o, struct group *g)
{
	const struct mn_yaml_node *node = mn_yaml_key(&o->index, g->node, "sample");
	uint32_t count, seed, found = 0, draws = 0, most;
	struct set seen = {0};
	uint64_t state;
	int rc;

	rc = take_number(o, g->raw->sample->count, mn_yaml_key(&o->index, node, "count"), "count",
			 1, MN_SWEEP_PROBES_MAX, &count);
	if (rc == 0)
		rc = take_number(o, g->raw->sample->seed, mn_yaml_key(&o->index, node, "seed"),
				 "seed", 0, UINT32_MAX, &seed);
	if (rc < 0)
		return rc;
	for (int i = 0; i < g->n_axes; i++)
		for (uint32_t k = 0; g->axes[i].is_log && k < g->axes[i].n; k++)
			g->axes[i].total += weight(&g->axes[i].values[k]);
	/* Spread a small seed over the state, never 0. */
	state = (seed + UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
	state |= 1;
	most = count <= 1000 ? 100000 : 100 * count;
	while (found < count) {
		uint32_t pick[SWEEP_FIELDS];
		struct candidate c;
		int is_new;

		if (draws++ == most) {
			rc = mn_yaml_fail(&o->index, node, o->err, MN_E_INVALID,
					  "only %u of %u distinct layers in %u draws of group "
					  "'%.64s'",
					  found, count, most, g->raw->name);
			break;
		}
		rc = count_combination(o, g);
		if (rc < 0)
			break;
		for (int i = 0; i < g->n_axes; i++)
			pick[i] = draw_value(&state, &g->axes[i]);
		build(g, pick, &c);
		rc = wanted(o, g, &c);
		if (rc < 0)
			break;
		if (!rc)
			continue;
		rc = set_add(&seen, mn_layer_hash(&c.layer), &is_new);
		if (rc < 0) {
			rc = no_memory(o);
			break;
		}
		if (!is_new)
			continue;
		found++;
		rc = add_layer(o, g, &c.layer);
		if (rc < 0)
			break;
	}
	free(seen.hashes);
	return rc;
}

/* A grid that is too big is told before it is walked. */
static int check_product(struct owner *o, const struct group *g)
{
	uint64_t n = 1;

	for (int i = 0; i < g->n_axes; i++) {
		n *= g->axes[i].n;
		if (n > MN_SWEEP_COMBINATIONS_MAX)
			return mn_yaml_fail(&o->index, g->node, o->err, MN_E_OVERFLOW,
					    "group '%.64s' has more than %u combinations: take a "
					    "sample",
					    g->raw->name, MN_SWEEP_COMBINATIONS_MAX);
	}
	return 0;
}

static int expand_texts(struct owner *o, struct group *g)
{
	static const char *const others[] = {"where", "list", "range", "sample"};
	const struct mn_yaml_index *x = &o->index;
	const struct mn_yaml_node *node = mn_yaml_key(x, g->node, "layers"), *other = NULL;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && !other; i++)
		other = mn_yaml_key(x, g->node, others[i]);
	for (int i = 0; i < SWEEP_FIELDS && !other; i++)
		other = mn_yaml_key(x, g->node, sweep_field_name((enum sweep_field)i));
	if (other)
		return mn_yaml_fail_key(x, other, o->err, MN_E_INVALID,
					"a group with layers has no '%s'", other->key);
	node = mn_yaml_item(x, node, 0);
	for (uint32_t i = 0; i < g->raw->layers.n; i++) {
		const char *text = g->raw->layers.v[i], *why = "";
		struct mn_layer layer;
		size_t column = 1;
		int rc;

		rc = count_combination(o, g);
		if (rc < 0)
			return rc;
		rc = mn_layer_parse(text, strlen(text), &layer, &column, &why);
		if (rc < 0)
			return mn_yaml_fail_inside(x, node, text, column - 1, o->err, rc,
						   "group '%.64s': %s", g->raw->name, why);
		rc = add_layer(o, g, &layer);
		if (rc < 0)
			return rc;
		if (node->next)
			node = &x->nodes[node->next];
	}
	return 0;
}

static int expand_group(struct owner *o, struct group *g)
{
	const struct mn_yaml_index *x = &o->index;
	int op, rc;

	rc = take_how(o, &g->raw->how, g->node, &g->how);
	if (rc < 0)
		return rc;
	if (!g->raw->op == !g->raw->layers.n)
		return mn_yaml_fail(x, g->node, o->err, MN_E_SYNTAX,
				    "group '%.64s' needs an op or layers, one of them",
				    g->raw->name);
	if (!g->raw->op)
		return expand_texts(o, g);
	op = mn_op_parse(g->raw->op, strlen(g->raw->op));
	if (op < 0)
		return mn_yaml_fail(x, mn_yaml_key(x, g->node, "op"), o->err, MN_E_SYNTAX,
				    "there is no op '%.40s'", g->raw->op);
	g->op = (enum mn_op)op;
	for (int i = 0; i < SWEEP_FIELDS; i++) {
		rc = take_axis(o, g, (enum sweep_field)i);
		if (rc < 0)
			return rc;
	}
	rc = check_pairs(o, g);
	if (rc == 0 && g->raw->where)
		rc = take_where(o, g);
	if (rc < 0)
		return rc;
	if (g->raw->sample)
		return expand_sample(o, g);
	rc = check_product(o, g);
	return rc < 0 ? rc : expand_grid(o, g);
}

static int expand(struct owner *o)
{
	const struct mn_yaml_index *x = &o->index;
	const struct mn_yaml_node *root = &x->nodes[0], *nodes;
	struct how defaults = {.warm = 1, .warmup = 1, .reps = 5, .repeats = 1};
	int rc = 0;

	o->seed = 1;
	if (o->raw->seed)
		rc = take_number(o, o->raw->seed, mn_yaml_key(x, root, "seed"), "seed", 1,
				 UINT32_MAX - REPEATS_MAX, &o->seed);
	if (rc == 0)
		rc = take_how(o, &o->raw->defaults, mn_yaml_key(x, root, "defaults"), &defaults);
	if (rc < 0)
		return rc;
	o->groups = calloc(o->raw->n_groups, sizeof(*o->groups));
	if (!o->groups)
		return no_memory(o);
	o->sweep.n_groups = o->raw->n_groups;
	nodes = mn_yaml_item(x, mn_yaml_key(x, root, "groups"), 0);
	for (uint32_t i = 0; i < o->raw->n_groups && rc == 0; i++) {
		struct group *g = calloc(1, sizeof(*g));

		if (!g)
			return no_memory(o);
		g->raw = &o->raw->groups[i];
		g->node = nodes;
		g->number = i;
		g->how = defaults;
		o->groups[i].name = g->raw->name;
		o->groups[i].line = nodes->line;
		o->groups[i].listed = g->raw->layers.n > 0;
		rc = expand_group(o, g);
		for (int k = 0; k < g->n_axes; k++)
			free(g->axes[k].values);
		free(g);
		if (nodes->next)
			nodes = &x->nodes[nodes->next];
	}
	return rc;
}

/* The hash of all probes and the number of layers. */
static int finish(struct owner *o)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct set layers = {0};
	int is_new, rc = 0;

	for (uint32_t i = 0; i < o->sweep.n_probes && rc == 0; i++) {
		const struct mn_sweep_probe *p = &o->probes[i];
		char text[MN_LAYER_TEXT_MAX + 64];
		int n = mn_layer_format(&p->layer, text, MN_LAYER_TEXT_MAX);

		n += snprintf(text + n, sizeof(text) - (size_t)n, " %s %u %u %u ",
			      p->cold ? "cold" : "warm", p->warmup, p->reps, p->seed);
		hash = fnv1a(hash, text, (size_t)n);
		hash = fnv1a(hash, p->kernels, strlen(p->kernels) + 1);
		rc = set_add(&layers, p->layer_hash, &is_new);
	}
	free(layers.hashes);
	o->sweep.n_layers = layers.n;
	o->sweep.hash = hash;
	return rc < 0 ? no_memory(o) : 0;
}

void mn_sweep_free(struct mn_sweep *sweep)
{
	struct owner *o = (struct owner *)sweep;

	if (!o)
		return;
	mn_yaml_index_free(&o->index);
	sweep_raw_free(o->raw);
	free(o->buckets);
	free(o->probes);
	free(o->groups);
	free(o);
}

int mn_sweep_parse(const char *text, size_t size, const char *file, struct mn_sweep **ret_sweep,
		   struct mn_err *err)
{
	struct owner *o = calloc(1, sizeof(*o));
	int rc;

	if (!o)
		return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", file);
	o->err = err;
	/* libyaml does not count a byte order mark as a character. */
	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		size -= 3;
	}
	rc = mn_yaml_index_build(text, size, file, &o->index, err);
	if (rc == 0)
		rc = sweep_raw_read(&o->index, &o->raw, err);
	if (rc == 0)
		rc = expand(o);
	if (rc == 0)
		rc = finish(o);
	if (rc < 0) {
		mn_sweep_free(&o->sweep);
		return rc;
	}
	free(o->buckets);
	o->buckets = NULL;
	mn_yaml_index_free(&o->index);
	o->index = (struct mn_yaml_index){0};
	o->sweep.name = o->raw->name;
	o->sweep.description = o->raw->description ? o->raw->description : "";
	o->sweep.probes = o->probes;
	o->sweep.groups = o->groups;
	*ret_sweep = &o->sweep;
	return 0;
}

int mn_sweep_load(const char *path, struct mn_sweep **ret_sweep, struct mn_err *err)
{
	char *text;
	size_t size;
	int rc = mn_yaml_read_file(path, &text, &size, err);

	if (rc)
		return rc;
	rc = mn_sweep_parse(text, size, path, ret_sweep, err);
	free(text);
	return rc;
}
