/* SPDX-License-Identifier: MIT */
#include "lower.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flatbuf.h"
#include "program.h"
#include "quant.h"

/* One operator while it is looked at. */
struct view {
	const struct mn_subgraph *subgraph;
	const struct mn_operator *op;
	uint32_t index, part;
	uint32_t from, into; /* input and output of the operator that the part has */
	enum mn_op to;
	const struct mn_tensor *in, *in2, *out; /* in2: ops of two inputs */
	const struct mn_tensor *weights, *bias; /* NULL if it has none */
	const struct mn_tensor *axes;           /* MEAN axes, PAD paddings, TRANSPOSE permutation */
	struct mn_err *err;
};

static int fail(const struct view *v, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(const struct view *v, int code, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return mn_err_set(v->err, code, "operator %u, %s: %s", v->index, mn_operator_name(v->op),
			  why);
}

/* Input i, NULL if it is left out. */
static const struct mn_tensor *input(const struct view *v, uint32_t i)
{
	if (i >= v->op->n_inputs || v->op->inputs[i] < 0)
		return NULL;
	return &v->subgraph->tensors[v->op->inputs[i]];
}

/* Whether an operator is one layer, or one for each input or output. */
enum parts { WHOLE, BY_INPUT, BY_OUTPUT };

static enum parts parts_by(int32_t builtin)
{
	switch (builtin) {
	case MN_BUILTIN_CONCATENATION:
	case MN_BUILTIN_PACK:
		return BY_INPUT;
	case MN_BUILTIN_SPLIT:
	case MN_BUILTIN_SPLIT_V:
	case MN_BUILTIN_UNPACK:
		return BY_OUTPUT;
	default:
		return WHOLE;
	}
}

static int view_open(struct view *v, const struct mn_subgraph *subgraph, uint32_t index,
		     uint32_t part, struct mn_err *err)
{
	/* Which builtin is which op; inputs that it must have; which of them is what. */
	static const struct {
		int32_t builtin;
		uint8_t to, inputs, weights, bias, in2, axes;
	} table[] = {
		{MN_BUILTIN_PACK, MN_OP_CONCATENATION, 1, 0, 0, 0, 0},
		{MN_BUILTIN_SPLIT, MN_OP_STRIDED_SLICE, 2, 0, 0, 0, 0},
		{MN_BUILTIN_SPLIT_V, MN_OP_STRIDED_SLICE, 3, 0, 0, 0, 0},
		{MN_BUILTIN_UNPACK, MN_OP_STRIDED_SLICE, 1, 0, 0, 0, 0},
		{MN_BUILTIN_SQUEEZE, MN_OP_RESHAPE, 1, 0, 0, 0, 0},
		{MN_BUILTIN_EXPAND_DIMS, MN_OP_RESHAPE, 1, 0, 0, 0, 0},
		{MN_BUILTIN_CONV_2D, MN_OP_CONV_2D, 2, 1, 2, 0, 0},
		{MN_BUILTIN_DEPTHWISE_CONV_2D, MN_OP_DEPTHWISE_CONV_2D, 2, 1, 2, 0, 0},
		{MN_BUILTIN_FULLY_CONNECTED, MN_OP_FULLY_CONNECTED, 2, 1, 2, 0, 0},
		{MN_BUILTIN_AVERAGE_POOL_2D, MN_OP_AVERAGE_POOL_2D, 1, 0, 0, 0, 0},
		{MN_BUILTIN_MAX_POOL_2D, MN_OP_MAX_POOL_2D, 1, 0, 0, 0, 0},
		{MN_BUILTIN_MEAN, MN_OP_MEAN, 2, 0, 0, 0, 1},
		{MN_BUILTIN_ADD, MN_OP_ADD, 2, 0, 0, 1, 0},
		{MN_BUILTIN_SOFTMAX, MN_OP_SOFTMAX, 1, 0, 0, 0, 0},
		{MN_BUILTIN_PAD, MN_OP_PAD, 2, 0, 0, 0, 1},
		{MN_BUILTIN_RESHAPE, MN_OP_RESHAPE, 1, 0, 0, 0, 0},
		{MN_BUILTIN_MUL, MN_OP_MUL, 2, 0, 0, 1, 0},
		{MN_BUILTIN_SUB, MN_OP_SUB, 2, 0, 0, 1, 0},
		{MN_BUILTIN_MAXIMUM, MN_OP_MAXIMUM, 2, 0, 0, 1, 0},
		{MN_BUILTIN_MINIMUM, MN_OP_MINIMUM, 2, 0, 0, 1, 0},
		{MN_BUILTIN_CONCATENATION, MN_OP_CONCATENATION, 1, 0, 0, 0, 0},
		{MN_BUILTIN_QUANTIZE, MN_OP_QUANTIZE, 1, 0, 0, 0, 0},
		{MN_BUILTIN_RELU, MN_OP_RELU, 1, 0, 0, 0, 0},
		{MN_BUILTIN_RELU6, MN_OP_RELU6, 1, 0, 0, 0, 0},
		{MN_BUILTIN_LOGISTIC, MN_OP_LOGISTIC, 1, 0, 0, 0, 0},
		{MN_BUILTIN_TANH, MN_OP_TANH, 1, 0, 0, 0, 0},
		{MN_BUILTIN_LEAKY_RELU, MN_OP_LEAKY_RELU, 1, 0, 0, 0, 0},
		{MN_BUILTIN_HARD_SWISH, MN_OP_HARD_SWISH, 1, 0, 0, 0, 0},
		{MN_BUILTIN_STRIDED_SLICE, MN_OP_STRIDED_SLICE, 4, 0, 0, 0, 0},
		{MN_BUILTIN_RESIZE_NEAREST_NEIGHBOR, MN_OP_RESIZE_NEAREST_NEIGHBOR, 1, 0, 0, 0, 0},
		{MN_BUILTIN_TRANSPOSE, MN_OP_TRANSPOSE, 2, 0, 0, 0, 1},
	};
	const size_t n = sizeof(table) / sizeof(table[0]);
	enum parts by;
	size_t t = 0;

	memset(v, 0, sizeof(*v));
	v->err = err;
	if (index >= subgraph->n_operators)
		return mn_err_set(err, MN_E_INVALID, "operator %u of %u", index,
				  subgraph->n_operators);
	v->subgraph = subgraph;
	v->index = index;
	v->op = &subgraph->operators[index];
	while (t < n && table[t].builtin != v->op->builtin)
		t++;
	if (t == n)
		return fail(v, MN_E_UNSUPPORTED, "there is no kernel for this operator (code %d)",
			    v->op->builtin);
	v->to = table[t].to;
	v->part = part;
	if (part >= mn_lower_parts(subgraph, index))
		return fail(v, MN_E_INVALID, "there is no part %u", part);
	by = parts_by(v->op->builtin);
	v->from = by == BY_INPUT ? part : v->op->builtin == MN_BUILTIN_SPLIT ? 1 : 0;
	v->into = by == BY_OUTPUT ? part : 0;
	for (uint32_t i = 0; i < table[t].inputs || i <= v->from; i++)
		if (!input(v, i))
			return fail(v, MN_E_INVALID, "input %u is missing", i);
	if (v->op->n_outputs == 0 || (by != BY_OUTPUT && v->op->n_outputs != 1))
		return fail(v, MN_E_INVALID, "%u outputs", v->op->n_outputs);
	v->in = input(v, v->from);
	v->out = &subgraph->tensors[v->op->outputs[v->into]];
	v->weights = table[t].weights ? input(v, table[t].weights) : NULL;
	v->bias = table[t].bias ? input(v, table[t].bias) : NULL;
	v->in2 = table[t].in2 ? input(v, table[t].in2) : NULL;
	v->axes = table[t].axes ? input(v, table[t].axes) : NULL;
	return 0;
}

/* The shape filled from the right; a scalar is 1x1x1x1. */
static int shape4(const struct view *v, const struct mn_tensor *tensor, struct mn_shape *ret)
{
	uint32_t d[4] = {1, 1, 1, 1};

	if (tensor->rank > 4)
		return fail(v, MN_E_UNSUPPORTED, "a tensor of rank %u; the most is 4",
			    tensor->rank);
	for (int i = 0; i < tensor->rank; i++)
		d[4 - tensor->rank + i] = (uint32_t)tensor->shape[i];
	*ret = (struct mn_shape){d[0], d[1], d[2], d[3]};
	return 0;
}

/* A number that a layer holds in 16 bits. */
static int narrow(const struct view *v, const char *what, int64_t value, uint16_t *ret)
{
	if (value < 0 || value > UINT16_MAX)
		return fail(v, MN_E_UNSUPPORTED, "%s of %lld", what, (long long)value);
	*ret = (uint16_t)value;
	return 0;
}

/* Element i of a constant of int32 or int64. */
static int64_t constant(const struct mn_tensor *tensor, uint32_t i)
{
	return tensor->type == MN_TYPE_INT64 ? (int64_t)mn_fb_le64(tensor->data + 8 * (size_t)i)
					     : (int32_t)mn_fb_le32(tensor->data + 4 * (size_t)i);
}

static int check_constant(const struct view *v, const struct mn_tensor *tensor, const char *what)
{
	if (!tensor->data || tensor->is_sparse)
		return fail(v, MN_E_UNSUPPORTED, "the %s are not constant", what);
	if (tensor->type != MN_TYPE_INT32 && tensor->type != MN_TYPE_INT64)
		return fail(v, MN_E_UNSUPPORTED, "the %s are %s", what, mn_type_name(tensor->type));
	return 0;
}

static int set_act(const struct view *v, struct mn_layer *layer)
{
	switch (v->op->options.fused) {
	case MN_FUSED_NONE:
		layer->act = MN_ACT_NONE;
		return 0;
	case MN_FUSED_RELU:
		layer->act = MN_ACT_RELU;
		return 0;
	case MN_FUSED_RELU6:
		layer->act = MN_ACT_RELU6;
		return 0;
	default:
		return fail(v, MN_E_UNSUPPORTED, "fused activation %u", v->op->options.fused);
	}
}

/* Kernel from the weights or the options, stride, dilation, padding. */
static int set_window(const struct view *v, struct mn_layer *layer, int64_t kernel_h,
		      int64_t kernel_w)
{
	const struct mn_options *o = &v->op->options;
	const struct {
		const char *what;
		int64_t value;
		uint16_t *to;
	} fields[] = {
		{"a kernel", kernel_h, &layer->kernel_h},
		{"a kernel", kernel_w, &layer->kernel_w},
		{"a stride", o->stride_h, &layer->stride_h},
		{"a stride", o->stride_w, &layer->stride_w},
		{"a dilation", o->dilation_h, &layer->dilation_h},
		{"a dilation", o->dilation_w, &layer->dilation_w},
	};

	layer->padding = o->padding_same ? MN_PADDING_SAME : MN_PADDING_VALID;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		int rc = narrow(v, fields[i].what, fields[i].value, fields[i].to);

		if (rc < 0)
			return rc;
	}
	return set_act(v, layer);
}

static int lower_conv(const struct view *v, struct mn_layer *layer)
{
	const struct mn_tensor *w = v->weights;
	int rc;

	if (v->in->rank != 4 || w->rank != 4)
		return fail(v, MN_E_UNSUPPORTED, "an input of rank %u, weights of rank %u",
			    v->in->rank, w->rank);
	layer->bias = v->bias != NULL;
	if (v->to == MN_OP_CONV_2D) {
		if (w->shape[3] != v->in->shape[3])
			return fail(v, MN_E_UNSUPPORTED,
				    "weights for %d input channels, the input has %d", w->shape[3],
				    v->in->shape[3]);
		layer->out_c = (uint32_t)w->shape[0];
	} else {
		/* The shapes decide, as in TFLite; the stored multiplier is redundant. */
		if (w->shape[0] != 1 || !layer->in.c || w->shape[3] % v->in->shape[3])
			return fail(v, MN_E_INVALID, "weights %dx%dx%dx%d for %d input channels",
				    w->shape[0], w->shape[1], w->shape[2], w->shape[3],
				    v->in->shape[3]);
		rc = narrow(v, "a multiplier", w->shape[3] / v->in->shape[3], &layer->multiplier);
		if (rc < 0)
			return rc;
	}
	return set_window(v, layer, w->shape[1], w->shape[2]);
}

static int lower_fully_connected(const struct view *v, struct mn_layer *layer)
{
	const struct mn_tensor *w = v->weights;

	if (v->op->options.weights_format != 0)
		return fail(v, MN_E_UNSUPPORTED, "weights format %u",
			    v->op->options.weights_format);
	if (w->rank != 2 || !w->elements || v->in->elements % (uint64_t)w->shape[1])
		return fail(v, MN_E_INVALID,
			    "an input of %llu elements and weights of rank %u, %llu elements",
			    (unsigned long long)v->in->elements, w->rank,
			    (unsigned long long)w->elements);
	layer->in = (struct mn_shape){(uint32_t)(v->in->elements / (uint64_t)w->shape[1]), 1, 1,
				      (uint32_t)w->shape[1]};
	layer->out_c = (uint32_t)w->shape[0];
	layer->bias = v->bias != NULL;
	return set_act(v, layer);
}

static int lower_mean(const struct view *v, struct mn_layer *layer)
{
	const struct mn_tensor *in = v->in;
	uint32_t first = MN_RANK_MAX, last = 0, axes = 0;
	uint64_t outer = 1, averaged = 1, inner = 1;
	int rc;

	rc = check_constant(v, v->axes, "axes");
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < v->axes->elements; i++) {
		int64_t axis = constant(v->axes, i);

		if (axis < -(int64_t)in->rank || axis >= in->rank)
			return fail(v, MN_E_INVALID, "axis %lld of rank %u", (long long)axis,
				    in->rank);
		axes |= 1u << (axis < 0 ? axis + in->rank : axis);
	}
	if (in->rank <= 4) {
		uint32_t axes4 = axes << (4 - in->rank);

		if (axes4 && !(axes4 & ~(unsigned)(MN_AXIS_H | MN_AXIS_W))) {
			layer->axes = (uint8_t)axes4;
			return shape4(v, in, &layer->in);
		}
	}
	for (uint32_t i = 0; i < in->rank; i++)
		if ((axes & 1u << i) && in->shape[i] != 1) {
			first = first < i ? first : i;
			last = i;
		}
	for (uint32_t i = 0; i < in->rank; i++) {
		uint64_t extent = (uint64_t)in->shape[i];

		if (i < first)
			outer *= extent;
		else if (i > last)
			inner *= extent;
		else if ((axes & 1u << i) || extent == 1)
			averaged *= extent;
		else
			return fail(v, MN_E_UNSUPPORTED, "the axes are not neighbours");
	}
	layer->in = (struct mn_shape){(uint32_t)outer, (uint32_t)averaged, 1, (uint32_t)inner};
	layer->axes = MN_AXIS_H;
	return 0;
}

static int lower_pad(const struct view *v, struct mn_layer *layer)
{
	const int skip = 4 - v->in->rank;
	int rc;

	rc = check_constant(v, v->axes, "paddings");
	if (rc < 0)
		return rc;
	if (v->axes->elements != 2u * v->in->rank)
		return fail(v, MN_E_INVALID, "%llu paddings for rank %u",
			    (unsigned long long)v->axes->elements, v->in->rank);
	for (uint32_t i = 0; i < v->axes->elements; i++) {
		rc = narrow(v, "a padding", constant(v->axes, i),
			    &layer->pad[skip + (int)i / 2][i % 2]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int lower_reshape(const struct view *v, struct mn_layer *layer)
{
	/* The output tensor's shape is what the shape input or the options come to. */
	if (v->in->rank > 4)
		layer->in = (struct mn_shape){1, 1, 1, (uint32_t)v->in->elements};
	if (v->out->rank > 4) {
		layer->shape = (struct mn_shape){1, 1, 1, (uint32_t)v->out->elements};
		return 0;
	}
	return shape4(v, v->out, &layer->shape);
}

static int lower_concatenation(const struct view *v, struct mn_layer *layer)
{
	const int rank = v->in->rank;
	int64_t axis = v->op->options.axis, before = 0, after = 0;
	uint16_t *pad;
	int rc;

	axis += axis < 0 ? rank : 0;
	if (axis < 0 || axis >= rank)
		return fail(v, MN_E_INVALID, "axis %d of rank %d", v->op->options.axis, rank);
	if (v->op->options.fused != MN_FUSED_NONE)
		return fail(v, MN_E_UNSUPPORTED, "fused activation %u", v->op->options.fused);
	/* Each is a step of a program. */
	if (v->op->n_inputs > MN_PROGRAM_STEPS_MAX)
		return fail(v, MN_E_UNSUPPORTED, "%u inputs", v->op->n_inputs);
	for (uint32_t i = 0; i < v->op->n_inputs; i++) {
		const struct mn_tensor *other = input(v, i);

		if (!other || other->rank != rank)
			return fail(v, MN_E_INVALID, "inputs of different ranks");
		for (int d = 0; d < rank; d++)
			if (d != axis && other->shape[d] != v->in->shape[d])
				return fail(v, MN_E_INVALID, "inputs of different shapes");
		if (i < v->part)
			before += other->shape[axis];
		if (i > v->part)
			after += other->shape[axis];
	}
	pad = layer->pad[4 - rank + axis];
	rc = narrow(v, "an offset", before, &pad[0]);
	if (rc == 0)
		rc = narrow(v, "an offset", after, &pad[1]);
	return rc;
}

/* The axis of an operator counted from the first of four dimensions, or MN_E_*. */
static int axis4(const struct view *v, int64_t axis, int rank)
{
	axis += axis < 0 ? rank : 0;
	if (axis < 0 || axis >= rank)
		return fail(v, MN_E_INVALID, "an axis outside of rank %d", rank);
	if (rank > 4)
		return fail(v, MN_E_UNSUPPORTED, "a tensor of rank %d; the most is 4", rank);
	return (int)axis + 4 - rank;
}

/* Inputs stand side by side along a new axis: each is a slice of 1 of the output. */
static int lower_pack(const struct view *v, struct mn_layer *layer)
{
	const int axis = axis4(v, v->op->options.axis, v->out->rank);
	struct mn_shape s;
	int rc;

	if (axis < 0)
		return axis;
	if (v->op->n_inputs > MN_PROGRAM_STEPS_MAX)
		return fail(v, MN_E_UNSUPPORTED, "%u inputs", v->op->n_inputs);
	rc = shape4(v, v->out, &s);
	if (rc < 0)
		return rc;
	*(axis == 0 ? &s.n : axis == 1 ? &s.h : axis == 2 ? &s.w : &s.c) = 1;
	layer->in = s;
	layer->pad[axis][0] = (uint16_t)v->part;
	layer->pad[axis][1] = (uint16_t)(v->op->n_inputs - 1 - v->part);
	return 0;
}

/* Along which axis, from where and how far an output of SPLIT, SPLIT_V or UNPACK goes. */
static int split_extent(const struct view *v, int64_t *axis, int64_t *begin, int64_t *extent)
{
	const struct mn_tensor *t;
	int rc;

	*begin = v->part;
	*extent = 1;
	*axis = v->op->options.axis;
	if (v->op->builtin == MN_BUILTIN_UNPACK)
		return 0;
	t = input(v, v->op->builtin == MN_BUILTIN_SPLIT ? 0 : 2);
	rc = check_constant(v, t, "axis");
	if (rc < 0)
		return rc;
	if (t->elements != 1)
		return fail(v, MN_E_INVALID, "%llu axes", (unsigned long long)t->elements);
	*axis = constant(t, 0);
	rc = axis4(v, *axis, v->in->rank);
	if (rc < 0)
		return rc;
	/* An output's own shape says its size, whatever the sizes' tensor says of the last. */
	*begin = 0;
	for (uint32_t i = 0; i <= v->part; i++) {
		const struct mn_tensor *o = &v->subgraph->tensors[v->op->outputs[i]];

		if (o->rank != v->in->rank)
			return fail(v, MN_E_INVALID, "an output of rank %u", o->rank);
		*begin += i < v->part ? o->shape[*axis + (*axis < 0 ? o->rank : 0)] : 0;
		*extent = o->shape[*axis + (*axis < 0 ? o->rank : 0)];
	}
	return 0;
}

static int lower_split(const struct view *v, struct mn_layer *layer)
{
	int64_t axis, begin, extent;
	int rc = split_extent(v, &axis, &begin, &extent), at;

	if (rc < 0)
		return rc;
	at = axis4(v, axis, v->in->rank);
	if (at < 0)
		return at;
	if (v->op->n_outputs > MN_PROGRAM_STEPS_MAX)
		return fail(v, MN_E_UNSUPPORTED, "%u outputs", v->op->n_outputs);
	layer->shape = layer->in;
	*(at == 0   ? &layer->shape.n
	  : at == 1 ? &layer->shape.h
	  : at == 2 ? &layer->shape.w
		    : &layer->shape.c) = (uint32_t)extent;
	for (int d = 0; d < 4; d++)
		layer->steps[d] = 1;
	return narrow(v, "a begin", begin, &layer->begin[at]);
}

static int lower_transpose(const struct view *v, struct mn_layer *layer)
{
	const int rank = v->in->rank, skip = 4 - rank;
	unsigned order = 0;
	int rc;

	rc = check_constant(v, v->axes, "permutation");
	if (rc < 0)
		return rc;
	if (v->axes->elements != (uint64_t)rank)
		return fail(v, MN_E_INVALID, "a permutation of %llu for rank %d",
			    (unsigned long long)v->axes->elements, rank);
	for (int i = 0; i < 4; i++) {
		int64_t from = i < skip ? i - skip : constant(v->axes, (uint32_t)(i - skip));

		if (i >= skip && (from < 0 || from >= rank))
			return fail(v, MN_E_INVALID, "a permutation with %lld", (long long)from);
		order |= (unsigned)(from + skip) << 2 * i;
	}
	layer->order = (uint8_t)order;
	return 0;
}

/* Begin, step and extent of a dimension, as TFLite has them from what the operator says. */
static int slice_dimension(const struct view *v, int d, uint16_t *begin, int16_t *step,
			   uint32_t *extent)
{
	const struct mn_options *o = &v->op->options;
	const int64_t size = v->in->shape[d], s = constant(input(v, 3), (uint32_t)d);
	/* Where a walk in that direction may begin and end. */
	const int64_t least = s < 0 ? -1 : 0, most = s < 0 ? size - 1 : size;
	int64_t from = constant(input(v, 1), (uint32_t)d);
	int64_t to = constant(input(v, 2), (uint32_t)d);

	if (s == 0 || s <= INT16_MIN || s > INT16_MAX)
		return fail(v, MN_E_UNSUPPORTED, "a stride of %lld", (long long)s);
	from += from < 0 ? size : 0;
	to += to < 0 ? size : 0;
	if (o->begin_mask & 1 << d)
		from = s < 0 ? most : least;
	if (o->end_mask & 1 << d)
		to = s < 0 ? least : most;
	from = from < least ? least : from > most ? most : from;
	to = to < least ? least : to > most ? most : to;
	if (o->shrink_axis_mask & 1 << d)
		to = from + (s < 0 ? -1 : 1);
	*step = (int16_t)s;
	*extent = 0;
	if (s > 0 && to > from)
		*extent = (uint32_t)((to - from + s - 1) / s);
	if (s < 0 && to < from)
		*extent = (uint32_t)((from - to - s - 1) / -s);
	return narrow(v, "a begin", from < 0 ? 0 : from, begin);
}

static int lower_slice(const struct view *v, struct mn_layer *layer)
{
	static const char *const what[] = {"", "begin", "end", "strides"};
	const struct mn_options *o = &v->op->options;
	const int rank = v->in->rank;
	uint32_t extent[4] = {1, 1, 1, 1};
	int rc = 0;

	if (o->ellipsis_mask || o->new_axis_mask || o->offset)
		return fail(v, MN_E_UNSUPPORTED, "an ellipsis, a new axis or an offset");
	for (uint32_t i = 1; i < 4 && rc == 0; i++) {
		rc = check_constant(v, input(v, i), what[i]);
		if (rc == 0 && input(v, i)->elements != (uint64_t)rank)
			rc = fail(v, MN_E_UNSUPPORTED, "%s of %llu for rank %d", what[i],
				  (unsigned long long)input(v, i)->elements, rank);
	}
	for (int d = 0; d < rank && rc == 0; d++)
		rc = slice_dimension(v, d, &layer->begin[4 - rank + d], &layer->steps[4 - rank + d],
				     &extent[4 - rank + d]);
	layer->shape = (struct mn_shape){extent[0], extent[1], extent[2], extent[3]};
	return rc;
}

static int lower_resize(const struct view *v, struct mn_layer *layer)
{
	const struct mn_options *o = &v->op->options;

	if (v->in->rank != 4 || v->out->rank != 4)
		return fail(v, MN_E_UNSUPPORTED, "an input of rank %u, an output of rank %u",
			    v->in->rank, v->out->rank);
	if (o->align_corners && o->half_pixel_centers)
		return fail(v, MN_E_UNSUPPORTED, "both align_corners and half_pixel_centers");
	layer->sampling = o->align_corners        ? MN_SAMPLING_ALIGN_CORNERS
			  : o->half_pixel_centers ? MN_SAMPLING_HALF_PIXEL
						  : MN_SAMPLING_PLAIN;
	return shape4(v, v->out, &layer->shape);
}

static int lower_layer(const struct view *v, struct mn_layer *ret)
{
	struct mn_layer layer;
	struct mn_layer_info info;
	const char *why;
	uint32_t elements = 0;
	int rc = 0;

	mn_layer_init(&layer, v->to);
	layer.bias = 0;
	/* These make their own shape of any rank. */
	if (v->to != MN_OP_FULLY_CONNECTED && v->to != MN_OP_MEAN &&
	    v->op->builtin != MN_BUILTIN_PACK && (v->to != MN_OP_RESHAPE || v->in->rank <= 4))
		rc = shape4(v, v->in, &layer.in);
	if (rc < 0)
		return rc;
	switch (v->to) {
	case MN_OP_CONV_2D:
	case MN_OP_DEPTHWISE_CONV_2D:
		rc = lower_conv(v, &layer);
		break;
	case MN_OP_FULLY_CONNECTED:
		rc = lower_fully_connected(v, &layer);
		break;
	case MN_OP_AVERAGE_POOL_2D:
	case MN_OP_MAX_POOL_2D:
		rc = set_window(v, &layer, v->op->options.kernel_h, v->op->options.kernel_w);
		break;
	case MN_OP_MEAN:
		rc = lower_mean(v, &layer);
		break;
	case MN_OP_ADD:
	case MN_OP_MUL:
	case MN_OP_SUB:
		rc = shape4(v, v->in2, &layer.in2);
		if (rc == 0)
			rc = set_act(v, &layer);
		break;
	case MN_OP_MAXIMUM:
	case MN_OP_MINIMUM:
		rc = shape4(v, v->in2, &layer.in2);
		break;
	case MN_OP_CONCATENATION:
		rc = v->op->builtin == MN_BUILTIN_PACK ? lower_pack(v, &layer)
						       : lower_concatenation(v, &layer);
		break;
	case MN_OP_STRIDED_SLICE:
		rc = v->op->builtin == MN_BUILTIN_STRIDED_SLICE ? lower_slice(v, &layer)
								: lower_split(v, &layer);
		break;
	case MN_OP_RESIZE_NEAREST_NEIGHBOR:
		rc = lower_resize(v, &layer);
		break;
	case MN_OP_TRANSPOSE:
		rc = lower_transpose(v, &layer);
		break;
	case MN_OP_PAD:
		rc = lower_pad(v, &layer);
		break;
	case MN_OP_RESHAPE:
		rc = lower_reshape(v, &layer);
		break;
	default: /* softmax and what works byte by byte */
		break;
	}
	if (rc < 0)
		return rc;
	rc = mn_layer_check(&layer, &info, &why);
	if (rc < 0)
		return fail(v, rc, "%s", why);
	/* What a kernel reads and writes is what the tensors have, whatever views were taken. */
	if (mn_shape_elements(&layer.in, &elements) < 0 || elements != v->in->elements)
		return fail(v, MN_E_INVALID, "the input has %llu elements, not %u",
			    (unsigned long long)v->in->elements, elements);
	if (v->in2 &&
	    (mn_shape_elements(&layer.in2, &elements) < 0 || elements != v->in2->elements))
		return fail(v, MN_E_INVALID, "the second input has %llu elements, not %u",
			    (unsigned long long)v->in2->elements, elements);
	if (v->weights && info.weight_bytes != v->weights->elements)
		return fail(v, MN_E_INVALID, "%llu weights, not %u",
			    (unsigned long long)v->weights->elements, info.weight_bytes);
	rc = mn_shape_elements(&info.out, &elements);
	if (rc < 0 || elements != v->out->elements)
		return fail(v, MN_E_INVALID, "the output has %llu elements, its inputs make %llu",
			    (unsigned long long)v->out->elements,
			    (unsigned long long)info.out_elements);
	*ret = layer;
	return 0;
}

uint32_t mn_lower_parts(const struct mn_subgraph *subgraph, uint32_t op)
{
	const struct mn_operator *o;
	uint32_t n;

	if (op >= subgraph->n_operators)
		return 1;
	o = &subgraph->operators[op];
	n = parts_by(o->builtin) == BY_INPUT    ? o->n_inputs
	    : parts_by(o->builtin) == BY_OUTPUT ? o->n_outputs
						: 1;
	return n ? n : 1;
}

int mn_lower_layer_part(const struct mn_subgraph *subgraph, uint32_t op, uint32_t part,
			struct mn_layer *ret_layer, struct mn_err *err)
{
	struct view v;
	int rc = view_open(&v, subgraph, op, part, err);

	return rc < 0 ? rc : lower_layer(&v, ret_layer);
}

static int one_part(const struct mn_subgraph *subgraph, uint32_t op, struct mn_err *err)
{
	uint32_t parts = mn_lower_parts(subgraph, op);

	if (parts == 1)
		return 0;
	return mn_err_set(err, MN_E_UNSUPPORTED, "operator %u, %s: it becomes %u layers", op,
			  mn_operator_name(&subgraph->operators[op]), parts);
}

int mn_lower_layer(const struct mn_subgraph *subgraph, uint32_t op, struct mn_layer *ret_layer,
		   struct mn_err *err)
{
	int rc = one_part(subgraph, op, err);

	return rc < 0 ? rc : mn_lower_layer_part(subgraph, op, 0, ret_layer, err);
}

int mn_lower(const struct mn_subgraph *subgraph, uint32_t op, struct mn_lowered *ret,
	     struct mn_err *err)
{
	int rc = one_part(subgraph, op, err);

	return rc < 0 ? rc : mn_lower_part(subgraph, op, 0, ret, err);
}

/* Scale and zero point of an int8 activation. */
static int activation(const struct view *v, const struct mn_tensor *tensor, const char *what,
		      float *ret_scale, int32_t *ret_zero_point)
{
	int64_t zero_point = 0;
	float scale;

	if (tensor->is_sparse)
		return fail(v, MN_E_UNSUPPORTED, "the %s is sparse", what);
	if (tensor->type != MN_TYPE_INT8)
		return fail(v, MN_E_UNSUPPORTED, "the %s is %s", what, mn_type_name(tensor->type));
	if (tensor->n_scales != 1)
		return fail(v, MN_E_UNSUPPORTED, "the %s has %u scales", what, tensor->n_scales);
	scale = mn_tensor_scale(tensor, 0);
	if (tensor->n_zero_points)
		zero_point = mn_tensor_zero_point(tensor, 0);
	if (!(scale > 0) || !isfinite(scale) || zero_point < INT8_MIN || zero_point > INT8_MAX)
		return fail(v, MN_E_INVALID, "the %s has scale %g and zero point %lld", what,
			    (double)scale, (long long)zero_point);
	*ret_scale = scale;
	*ret_zero_point = (int32_t)zero_point;
	return 0;
}

static int multiplier(const struct view *v, double real, int32_t *mult, int32_t *shift)
{
	if (mn_quant_multiplier(real, mult, shift) < 0)
		return fail(v, MN_E_UNSUPPORTED, "a rescale by %g", real);
	return 0;
}

static int check_weights(const struct view *v, uint32_t out_c)
{
	const struct mn_tensor *w = v->weights, *b = v->bias;
	int32_t dimension = v->to == MN_OP_DEPTHWISE_CONV_2D ? 3 : 0;

	if (w->type != MN_TYPE_INT8 || !w->data || w->is_sparse)
		return fail(v, MN_E_UNSUPPORTED, "the weights are %s%s%s", mn_type_name(w->type),
			    w->data ? "" : ", not constant", w->is_sparse ? ", sparse" : "");
	if (w->n_scales != 1 && (w->n_scales != out_c || w->quantized_dimension != dimension))
		return fail(v, MN_E_UNSUPPORTED, "the weights have %u scales along dimension %d",
			    w->n_scales, w->quantized_dimension);
	for (uint32_t i = 0; i < w->n_scales; i++)
		if (!(mn_tensor_scale(w, i) >= 0) || !isfinite(mn_tensor_scale(w, i)))
			return fail(v, MN_E_INVALID, "the weights have a scale of %g",
				    (double)mn_tensor_scale(w, i));
	for (uint32_t i = 0; i < w->n_zero_points; i++)
		if (mn_tensor_zero_point(w, i) != 0)
			return fail(v, MN_E_UNSUPPORTED, "the weights have zero point %lld",
				    (long long)mn_tensor_zero_point(w, i));
	if (!b)
		return 0;
	if (b->type != MN_TYPE_INT32 || !b->data || b->is_sparse)
		return fail(v, MN_E_UNSUPPORTED, "the bias is %s%s", mn_type_name(b->type),
			    b->data ? "" : ", not constant");
	if (b->elements != out_c)
		return fail(v, MN_E_INVALID, "%llu biases for %u output channels",
			    (unsigned long long)b->elements, out_c);
	return 0;
}

/* The output rescale of an op with weights. memory: room for out_c multipliers, then out_c shifts,
 * then the bias. */
static int lower_weights(const struct view *v, struct mn_lowered *r, float in_scale,
			 float out_scale, uint32_t out_c, int32_t *memory)
{
	const struct mn_tensor *w = v->weights;
	int32_t *mult = memory, *shift = memory + out_c, *bias = shift + out_c;
	int rc;

	if (v->to == MN_OP_FULLY_CONNECTED && w->n_scales == 1) {
		/* The product in float, the quotient in double. */
		float product = in_scale * mn_tensor_scale(w, 0);

		rc = multiplier(v, (double)product / (double)out_scale, &r->quant.out_mult,
				&r->quant.out_shift);
		if (rc < 0)
			return rc;
	} else {
		for (uint32_t c = 0; c < out_c; c++) {
			double s = (double)mn_tensor_scale(w, w->n_scales == 1 ? 0 : c);

			rc = multiplier(v, (double)in_scale * s / (double)out_scale, &mult[c],
					&shift[c]);
			if (rc < 0)
				return rc;
		}
		r->quant.mult = mult;
		r->quant.shift = shift;
	}
	if (v->bias) {
		for (uint32_t c = 0; c < out_c; c++)
			bias[c] = (int32_t)mn_fb_le32(v->bias->data + 4 * (size_t)c);
		r->bias = bias;
	}
	return 0;
}

static int lower_add(const struct view *v, struct mn_quant *q, float in_scale, float in2_scale,
		     float out_scale)
{
	double twice;
	int rc;

	q->left_shift = 20;
	twice = 2.0 * (double)(in_scale > in2_scale ? in_scale : in2_scale);
	rc = multiplier(v, (double)in_scale / twice, &q->in_mult, &q->in_shift);
	if (rc == 0)
		rc = multiplier(v, (double)in2_scale / twice, &q->in2_mult, &q->in2_shift);
	if (rc == 0)
		rc = multiplier(v, twice / (0x1p20 * (double)out_scale), &q->out_mult,
				&q->out_shift);
	return rc;
}

/* Functions of one input. Ratios of scales are taken in float where TFLite does. */
static int lower_unary(const struct view *v, struct mn_quant *q, float in_scale, float out_scale)
{
	const float identity = in_scale / out_scale;
	const float wanted = v->to == MN_OP_LOGISTIC ? 0x1p-8f : 0x1p-7f;
	int rc;

	switch (v->to) {
	case MN_OP_RELU:
		q->act_min = q->out_zp;
		return multiplier(v, (double)identity, &q->out_mult, &q->out_shift);
	case MN_OP_LEAKY_RELU: {
		const float below = in_scale * v->op->options.alpha / out_scale;

		rc = multiplier(v, (double)identity, &q->out_mult, &q->out_shift);
		return rc < 0 ? rc : multiplier(v, (double)below, &q->in_mult, &q->in_shift);
	}
	case MN_OP_HARD_SWISH: {
		const float fine = in_scale * (1.0f / 128.0f);

		rc = multiplier(v, (double)(fine / out_scale), &q->out_mult, &q->out_shift);
		if (rc == 0)
			rc = multiplier(v, (double)(fine / (3.0f / 32768.0f)), &q->in_mult,
					&q->in_shift);
		if (rc < 0)
			return rc;
		q->out_mult = mn_quant_narrow(q->out_mult);
		q->in_mult = mn_quant_narrow(q->in_mult);
		/* The reference checks it. */
		if (q->out_shift > 0)
			return fail(v, MN_E_UNSUPPORTED, "an output scale of %g for one of %g",
				    (double)out_scale, (double)in_scale);
		return 0;
	}
	default: /* logistic, tanh */
		if (out_scale != wanted || q->out_zp != (v->to == MN_OP_LOGISTIC ? INT8_MIN : 0))
			return fail(v, MN_E_UNSUPPORTED, "an output of scale %g, zero point %d",
				    (double)out_scale, q->out_zp);
		if (mn_quant_sigmoid(in_scale, &q->in_mult, &q->in_shift, &q->diff_min) < 0)
			return fail(v, MN_E_UNSUPPORTED, "an input scale of %g", (double)in_scale);
		return 0;
	}
}

/* Constants for a kernel are 4-byte aligned; a file's need not be. Room for `bytes` is taken from
 * *memory where they are not. */
static const int8_t *aligned(const uint8_t *data, uint64_t bytes, uint8_t **memory)
{
	uint8_t *copy = *memory;

	if (!data || (uintptr_t)data % 4 == 0)
		return (const int8_t *)data;
	memcpy(copy, data, bytes);
	*memory += (bytes + 3) / 4 * 4;
	return (const int8_t *)copy;
}

/* Ops that hand bytes through need one quantisation on both sides; TFLite's tolerance. */
static int check_same(const struct view *v, float in_scale, float out_scale, int32_t in_zp,
		      int32_t out_zp)
{
	if (fabsf(in_scale - out_scale) > 1e-6f || in_zp != out_zp)
		return fail(v, MN_E_UNSUPPORTED,
			    "input and output differ in quantisation (%g, %d and %g, %d)",
			    (double)in_scale, in_zp, (double)out_scale, out_zp);
	return 0;
}

int mn_lower_part(const struct mn_subgraph *subgraph, uint32_t op, uint32_t part,
		  struct mn_lowered *ret, struct mn_err *err)
{
	struct view v;
	struct mn_lowered r;
	struct mn_quant *q = &r.quant;
	float in_scale, in2_scale = 0, out_scale;
	uint64_t words = 0;
	uint32_t out_c = 0;
	uint8_t *spare;
	int rc;

	memset(&r, 0, sizeof(r));
	rc = view_open(&v, subgraph, op, part, err);
	if (rc == 0)
		rc = lower_layer(&v, &r.layer);
	if (rc == 0)
		rc = activation(&v, v.in, "input", &in_scale, &q->in_zp);
	if (rc == 0)
		rc = activation(&v, v.out, "output", &out_scale, &q->out_zp);
	if (rc == 0 && v.in2)
		rc = activation(&v, v.in2, "second input", &in2_scale, &q->in2_zp);
	if (rc < 0)
		return rc;

	r.in = v.op->inputs[v.from];
	r.in2 = v.in2 ? v.op->inputs[1] : -1;
	r.out = v.op->outputs[v.into];
	q->act_min = INT8_MIN;
	q->act_max = INT8_MAX;
	if (r.layer.act != MN_ACT_NONE)
		q->act_min = mn_quant_bound(0, out_scale, q->out_zp);
	if (r.layer.act == MN_ACT_RELU6)
		q->act_max = mn_quant_bound(6, out_scale, q->out_zp);

	if (v.weights) {
		struct mn_layer_info info;

		mn_layer_check(&r.layer, &info, NULL);
		out_c = info.out.c;
		rc = check_weights(&v, out_c);
		if (rc < 0)
			return rc;
		words = 3 * (uint64_t)out_c + (v.weights->bytes + 3) / 4;
	}
	if (mn_op_has_table(v.to))
		words = 256 / 4;
	/* Room for a copy of each constant input. */
	if (v.in->data)
		words += (v.in->bytes + 3) / 4;
	if (v.in2 && v.in2->data)
		words += (v.in2->bytes + 3) / 4;
	if (words) {
		r.memory = malloc(4 * words);
		if (!r.memory)
			return fail(&v, MN_E_NOMEM, "out of memory");
	}
	spare = r.memory ? (uint8_t *)r.memory + 12 * (size_t)out_c : NULL;
	if (mn_op_has_table(v.to))
		spare += 256;
	if (v.weights)
		r.weights = aligned(v.weights->data, v.weights->bytes, &spare);
	r.in_data = aligned(v.in->data, v.in->bytes, &spare);
	if (v.in2)
		r.in2_data = aligned(v.in2->data, v.in2->bytes, &spare);

	switch (v.to) {
	case MN_OP_CONV_2D:
	case MN_OP_DEPTHWISE_CONV_2D:
	case MN_OP_FULLY_CONNECTED:
		rc = lower_weights(&v, &r, in_scale, out_scale, out_c, r.memory);
		break;
	case MN_OP_MEAN:
		rc = multiplier(&v, (double)in_scale / (double)out_scale, &q->out_mult,
				&q->out_shift);
		break;
	case MN_OP_ADD:
	case MN_OP_SUB:
		rc = lower_add(&v, q, in_scale, in2_scale, out_scale);
		break;
	case MN_OP_SOFTMAX:
		if (out_scale != 0x1p-8f || q->out_zp != INT8_MIN)
			rc = fail(&v, MN_E_UNSUPPORTED, "an output of scale %g, zero point %d",
				  (double)out_scale, q->out_zp);
		else if (mn_quant_softmax(v.op->options.beta, in_scale, &q->in_mult, &q->in_shift,
					  &q->diff_min) < 0)
			rc = fail(&v, MN_E_UNSUPPORTED, "beta %g with an input scale of %g",
				  (double)v.op->options.beta, (double)in_scale);
		break;
	case MN_OP_MUL:
		rc = multiplier(&v, (double)in_scale * (double)in2_scale / (double)out_scale,
				&q->out_mult, &q->out_shift);
		break;
	case MN_OP_QUANTIZE:
		rc = multiplier(&v, (double)in_scale / (double)out_scale, &q->out_mult,
				&q->out_shift);
		break;
	case MN_OP_RELU:
	case MN_OP_LEAKY_RELU:
	case MN_OP_LOGISTIC:
	case MN_OP_TANH:
	case MN_OP_HARD_SWISH:
		rc = lower_unary(&v, q, in_scale, out_scale);
		break;
	case MN_OP_RELU6:
		q->act_min = q->in_zp;
		q->act_max = mn_quant_bound(6, in_scale, q->in_zp);
		rc = check_same(&v, in_scale, out_scale, q->in_zp, q->out_zp);
		break;
	case MN_OP_MAXIMUM:
	case MN_OP_MINIMUM:
		rc = check_same(&v, in2_scale, out_scale, q->in2_zp, q->out_zp);
		if (rc == 0)
			rc = check_same(&v, in_scale, out_scale, q->in_zp, q->out_zp);
		break;
	default: /* what hands bytes through */
		rc = check_same(&v, in_scale, out_scale, q->in_zp, q->out_zp);
		break;
	}
	if (rc == 0 && mn_op_has_table(v.to)) {
		mn_kernel_table(v.to, q, r.memory);
		q->table = r.memory;
	}
	if (rc < 0) {
		free(r.memory);
		return rc;
	}
	*ret = r;
	return 0;
}

void mn_lowered_free(struct mn_lowered *lowered)
{
	if (!lowered)
		return;
	free(lowered->memory);
	lowered->memory = NULL;
}
