/* SPDX-License-Identifier: MIT */
/* Field numbers are the order of declaration in the public schema; a union takes two. */
#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flatbuf.h"

enum {
	MODEL_VERSION,
	MODEL_CODES,
	MODEL_SUBGRAPHS,
	MODEL_DESCRIPTION,
	MODEL_BUFFERS,
	MODEL_METADATA = 6
};
enum { CODE_DEPRECATED, CODE_CUSTOM, CODE_VERSION, CODE_BUILTIN };
enum { SUBGRAPH_TENSORS, SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS, SUBGRAPH_OPERATORS, SUBGRAPH_NAME };
enum {
	TENSOR_SHAPE,
	TENSOR_TYPE,
	TENSOR_BUFFER,
	TENSOR_NAME,
	TENSOR_QUANTIZATION,
	TENSOR_IS_VARIABLE,
	TENSOR_SPARSITY
};
enum { QUANT_SCALE = 2, QUANT_ZERO_POINT = 3, QUANT_DIMENSION = 6 };
enum { BUFFER_DATA, BUFFER_OFFSET, BUFFER_SIZE };
enum { OPERATOR_CODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS, OPERATOR_OPTIONS_TYPE, OPERATOR_OPTIONS };
enum { METADATA_NAME, METADATA_BUFFER };

/* BuiltinOptions: which table the options are. */
enum {
	OPTIONS_CONV_2D = 1,
	OPTIONS_DEPTHWISE_CONV_2D = 2,
	OPTIONS_POOL_2D = 5,
	OPTIONS_FULLY_CONNECTED = 8,
	OPTIONS_SOFTMAX = 9,
	OPTIONS_CONCATENATION = 10,
	OPTIONS_ADD = 11,
	OPTIONS_RESHAPE = 17,
	OPTIONS_MUL = 21,
	OPTIONS_REDUCER = 27,
	OPTIONS_SUB = 28,
	OPTIONS_DIV = 29,
	OPTIONS_STRIDED_SLICE = 32,
	OPTIONS_TRANSPOSE_CONV = 49,
	OPTIONS_PACK = 59,
	OPTIONS_UNPACK = 64,
	OPTIONS_RESIZE_NEAREST_NEIGHBOR = 74,
	OPTIONS_LEAKY_RELU = 75,
	OPTIONS_IF = 92,
	OPTIONS_WHILE = 93,
	OPTIONS_CALL_ONCE = 103
};

struct opcode {
	int32_t builtin, version;
	const char *custom_name;
};

struct buffer {
	const uint8_t *data;
	uint32_t bytes;
};

/* The model and what it owns; the public part is first. */
struct owner {
	struct mn_model model;
	struct mn_subgraph *subgraphs;
	struct mn_metadata *metadata;
	struct mn_tensor *tensors; /* of all subgraphs */
	struct mn_operator *operators;
	int32_t *indices; /* inputs and outputs of all operators and subgraphs */
	uint8_t *file;    /* NULL if borrowed */
	/* While reading. */
	struct mn_fb fb;
	struct opcode *opcodes;
	struct buffer *buffers;
	uint32_t n_opcodes, n_buffers;
	uint32_t n_tensors, n_operators, n_indices; /* used of the arrays above */
};

const char *mn_builtin_name(int32_t builtin)
{
	switch (builtin) {
#define X(value, name)                                                                             \
	case value:                                                                                \
		return #name;
#include "builtin.def"
#undef X
	default:
		return "?";
	}
}

const char *mn_operator_name(const struct mn_operator *op)
{
	return op->builtin == MN_BUILTIN_CUSTOM && *op->custom_name ? op->custom_name
								    : mn_builtin_name(op->builtin);
}

static const struct {
	const char *name;
	unsigned bits;
} types[] = {
#define X(name, value, bits) [value] = {#name, bits},
	MN_TYPE_TABLE(X)
#undef X
};

const char *mn_type_name(uint8_t type)
{
	return type < MN_TYPE_COUNT ? types[type].name : "?";
}

float mn_tensor_scale(const struct mn_tensor *tensor, uint32_t i)
{
	uint32_t bits = mn_fb_le32(tensor->scales + 4 * (size_t)i);
	float scale;

	memcpy(&scale, &bits, sizeof(scale));
	return scale;
}

int64_t mn_tensor_zero_point(const struct mn_tensor *tensor, uint32_t i)
{
	return (int64_t)mn_fb_le64(tensor->zero_points + 8 * (size_t)i);
}

/* calloc that reports; n may be 0. */
static void *make(struct mn_fb *fb, size_t n, size_t bytes)
{
	void *p = fb->failed ? NULL : calloc(n ? n : 1, bytes);

	if (!p)
		mn_fb_fail(fb, MN_E_NOMEM, 0, "out of memory for %zu entries", n);
	return p;
}

static void read_opcodes(struct owner *o, const struct mn_fb_table *root)
{
	struct mn_fb *fb = &o->fb;
	struct mn_fb_vector codes = mn_fb_vector(fb, root, MODEL_CODES, 4);

	o->opcodes = make(fb, codes.n, sizeof(*o->opcodes));
	for (uint32_t i = 0; i < codes.n && !fb->failed; i++) {
		struct mn_fb_table table = mn_fb_vector_table(fb, &codes, i);
		struct opcode *code = &o->opcodes[i];
		/* A file of before codes above 127 has only the byte; a later one has both, the
		 * byte capped at 127. */
		int32_t old = (int8_t)mn_fb_u8(fb, &table, CODE_DEPRECATED, 0);

		code->builtin = mn_fb_i32(fb, &table, CODE_BUILTIN, 0);
		if (old > code->builtin)
			code->builtin = old;
		code->version = mn_fb_i32(fb, &table, CODE_VERSION, 1);
		code->custom_name = mn_fb_string(fb, &table, CODE_CUSTOM, "");
		if (code->builtin < 0)
			mn_fb_fail(fb, MN_E_INVALID, table.pos, "operator code %d", code->builtin);
	}
	o->n_opcodes = codes.n;
}

static void read_buffers(struct owner *o, const struct mn_fb_table *root)
{
	struct mn_fb *fb = &o->fb;
	struct mn_fb_vector buffers = mn_fb_vector(fb, root, MODEL_BUFFERS, 4);

	o->buffers = make(fb, buffers.n, sizeof(*o->buffers));
	for (uint32_t i = 0; i < buffers.n && !fb->failed; i++) {
		struct mn_fb_table table = mn_fb_vector_table(fb, &buffers, i);
		struct mn_fb_vector data = mn_fb_vector(fb, &table, BUFFER_DATA, 1);
		uint64_t offset = mn_fb_u64(fb, &table, BUFFER_OFFSET, 0);
		uint64_t bytes = mn_fb_u64(fb, &table, BUFFER_SIZE, 0);

		/* Big models keep data behind the FlatBuffers part, at an offset from the file's
		 * start; 0 and 1 mean that there are none. */
		if (offset > 1 && !fb->failed) {
			if (offset > fb->size || bytes > fb->size - offset) {
				mn_fb_fail(fb, MN_E_SYNTAX, table.pos,
					   "buffer %u is outside the file", i);
				break;
			}
			data.pos = (uint32_t)offset;
			data.n = (uint32_t)bytes;
		}
		if (data.n) {
			o->buffers[i].data = fb->data + data.pos;
			o->buffers[i].bytes = data.n;
		}
	}
	o->n_buffers = buffers.n;
}

static void read_metadata(struct owner *o, const struct mn_fb_table *root)
{
	struct mn_fb *fb = &o->fb;
	struct mn_fb_vector metadata = mn_fb_vector(fb, root, MODEL_METADATA, 4);

	o->metadata = make(fb, metadata.n, sizeof(*o->metadata));
	for (uint32_t i = 0; i < metadata.n && !fb->failed; i++) {
		struct mn_fb_table table = mn_fb_vector_table(fb, &metadata, i);
		uint32_t buffer = (uint32_t)mn_fb_i32(fb, &table, METADATA_BUFFER, 0);

		if (buffer >= o->n_buffers) {
			mn_fb_fail(fb, MN_E_INVALID, table.pos, "metadata in buffer %u of %u",
				   buffer, o->n_buffers);
			break;
		}
		o->metadata[i].name = mn_fb_string(fb, &table, METADATA_NAME, "");
		o->metadata[i].data = o->buffers[buffer].data;
		o->metadata[i].data_bytes = o->buffers[buffer].bytes;
	}
	o->model.metadata = o->metadata;
	o->model.n_metadata = metadata.n;
}

static void read_shape(struct mn_fb *fb, const struct mn_fb_table *table, struct mn_tensor *tensor)
{
	struct mn_fb_vector shape = mn_fb_vector(fb, table, TENSOR_SHAPE, 4);
	uint64_t elements = 1;
	bool empty = false;

	if (shape.n > MN_RANK_MAX) {
		mn_fb_fail(fb, MN_E_UNSUPPORTED, shape.pos, "a tensor of rank %u; the most is %d",
			   shape.n, MN_RANK_MAX);
		return;
	}
	for (uint32_t i = 0; i < shape.n; i++) {
		int32_t extent = (int32_t)mn_fb_le32(fb->data + shape.pos + 4 * i);

		if (extent < 0) {
			mn_fb_fail(fb, MN_E_INVALID, shape.pos + 4 * i, "a dimension of %d",
				   extent);
			return;
		}
		tensor->shape[i] = extent;
		empty |= extent == 0;
	}
	for (uint32_t i = 0; i < shape.n && !empty; i++) {
		elements *= (uint64_t)tensor->shape[i];
		if (elements > INT32_MAX) {
			mn_fb_fail(fb, MN_E_OVERFLOW, shape.pos,
				   "a tensor of 2^31 elements or more");
			return;
		}
	}
	tensor->rank = (uint8_t)shape.n;
	tensor->elements = empty ? 0 : elements;
}

static void read_quantisation(struct mn_fb *fb, const struct mn_fb_table *table,
			      struct mn_tensor *tensor)
{
	struct mn_fb_table quant = mn_fb_table(fb, table, TENSOR_QUANTIZATION);
	struct mn_fb_vector scales = mn_fb_vector(fb, &quant, QUANT_SCALE, 4);
	struct mn_fb_vector zero_points = mn_fb_vector(fb, &quant, QUANT_ZERO_POINT, 8);
	int32_t dimension = mn_fb_i32(fb, &quant, QUANT_DIMENSION, 0);

	if (fb->failed)
		return;
	tensor->n_scales = scales.n;
	tensor->n_zero_points = zero_points.n;
	tensor->scales = scales.n ? fb->data + scales.pos : NULL;
	tensor->zero_points = zero_points.n ? fb->data + zero_points.pos : NULL;
	tensor->quantized_dimension = dimension;
}

static void read_tensor(struct owner *o, const struct mn_fb_table *table, struct mn_tensor *tensor)
{
	struct mn_fb *fb = &o->fb;

	tensor->byte = table->pos;
	tensor->name = mn_fb_string(fb, table, TENSOR_NAME, "");
	tensor->type = mn_fb_u8(fb, table, TENSOR_TYPE, 0);
	tensor->buffer = (uint32_t)mn_fb_i32(fb, table, TENSOR_BUFFER, 0);
	tensor->is_variable = mn_fb_u8(fb, table, TENSOR_IS_VARIABLE, 0) != 0;
	tensor->is_sparse = mn_fb_table(fb, table, TENSOR_SPARSITY).pos != 0;
	read_shape(fb, table, tensor);
	if (fb->failed)
		return;
	if (tensor->type >= MN_TYPE_COUNT) {
		mn_fb_fail(fb, MN_E_UNSUPPORTED, table->pos, "tensor type %u is not known",
			   tensor->type);
		return;
	}
	tensor->bytes = (tensor->elements * types[tensor->type].bits + 7) / 8;
	if (tensor->buffer >= o->n_buffers && tensor->buffer) {
		mn_fb_fail(fb, MN_E_INVALID, table->pos, "a tensor in buffer %u of %u",
			   tensor->buffer, o->n_buffers);
		return;
	}
	if (tensor->buffer) {
		tensor->data = o->buffers[tensor->buffer].data;
		tensor->data_bytes = o->buffers[tensor->buffer].bytes;
		if (tensor->data && !tensor->is_sparse && tensor->data_bytes < tensor->bytes) {
			mn_fb_fail(fb, MN_E_INVALID, table->pos,
				   "a tensor of %llu bytes in a buffer of %u",
				   (unsigned long long)tensor->bytes, tensor->data_bytes);
			return;
		}
	}
	read_quantisation(fb, table, tensor);
}

/* A vector of tensor indices, checked, into the pool. least: -1 where a tensor may be left out. */
static const int32_t *read_indices(struct owner *o, const struct mn_fb_table *table, unsigned field,
				   uint32_t n_tensors, int32_t least, uint32_t *ret_n)
{
	struct mn_fb *fb = &o->fb;
	struct mn_fb_vector v = mn_fb_vector(fb, table, field, 4);
	int32_t *to = o->indices + o->n_indices;

	*ret_n = 0;
	/* Each index takes four bytes of the file, unless it makes many vectors of the same. */
	if (v.n > o->fb.size / 4 - o->n_indices) {
		mn_fb_fail(fb, MN_E_SYNTAX, v.pos,
			   "operators share their lists of tensors: more indices than bytes");
		return to;
	}
	for (uint32_t i = 0; i < v.n; i++) {
		to[i] = (int32_t)mn_fb_le32(fb->data + v.pos + 4 * i);
		if (to[i] < least || (to[i] >= 0 && (uint32_t)to[i] >= n_tensors)) {
			mn_fb_fail(fb, MN_E_INVALID, v.pos + 4 * i, "tensor %d of %u", to[i],
				   n_tensors);
			return to;
		}
	}
	o->n_indices += v.n;
	*ret_n = v.n;
	return to;
}

static void read_options(struct mn_fb *fb, const struct mn_fb_table *table, struct mn_operator *op)
{
	struct mn_options *r = &op->options;
	uint8_t type = mn_fb_u8(fb, table, OPERATOR_OPTIONS_TYPE, 0), want;
	/* An absent table reads as its defaults, which is what the schema means by it. */
	struct mn_fb_table t = {0};

	r->subgraphs[0] = r->subgraphs[1] = -1;
	switch (op->builtin) {
	case MN_BUILTIN_CONV_2D:
		want = OPTIONS_CONV_2D;
		break;
	case MN_BUILTIN_DEPTHWISE_CONV_2D:
		want = OPTIONS_DEPTHWISE_CONV_2D;
		break;
	case MN_BUILTIN_AVERAGE_POOL_2D:
	case MN_BUILTIN_MAX_POOL_2D:
	case MN_BUILTIN_L2_POOL_2D:
		want = OPTIONS_POOL_2D;
		break;
	case MN_BUILTIN_FULLY_CONNECTED:
		want = OPTIONS_FULLY_CONNECTED;
		break;
	case MN_BUILTIN_SOFTMAX:
		want = OPTIONS_SOFTMAX;
		break;
	case MN_BUILTIN_CONCATENATION:
		want = OPTIONS_CONCATENATION;
		break;
	case MN_BUILTIN_PACK:
		want = OPTIONS_PACK;
		break;
	case MN_BUILTIN_UNPACK:
		want = OPTIONS_UNPACK;
		break;
	case MN_BUILTIN_ADD:
		want = OPTIONS_ADD;
		break;
	case MN_BUILTIN_SUB:
		want = OPTIONS_SUB;
		break;
	case MN_BUILTIN_MUL:
		want = OPTIONS_MUL;
		break;
	case MN_BUILTIN_DIV:
		want = OPTIONS_DIV;
		break;
	case MN_BUILTIN_MEAN:
	case MN_BUILTIN_SUM:
	case MN_BUILTIN_REDUCE_MAX:
	case MN_BUILTIN_REDUCE_MIN:
	case MN_BUILTIN_REDUCE_PROD:
	case MN_BUILTIN_REDUCE_ANY:
	case MN_BUILTIN_REDUCE_ALL:
		want = OPTIONS_REDUCER;
		break;
	case MN_BUILTIN_STRIDED_SLICE:
		want = OPTIONS_STRIDED_SLICE;
		break;
	case MN_BUILTIN_RESIZE_NEAREST_NEIGHBOR:
		want = OPTIONS_RESIZE_NEAREST_NEIGHBOR;
		break;
	case MN_BUILTIN_LEAKY_RELU:
		want = OPTIONS_LEAKY_RELU;
		break;
	case MN_BUILTIN_TRANSPOSE_CONV:
		want = OPTIONS_TRANSPOSE_CONV;
		break;
	case MN_BUILTIN_IF:
		want = OPTIONS_IF;
		break;
	case MN_BUILTIN_WHILE:
		want = OPTIONS_WHILE;
		break;
	case MN_BUILTIN_CALL_ONCE:
		want = OPTIONS_CALL_ONCE;
		break;
	default:
		return;
	}
	if (type && type != want) {
		mn_fb_fail(fb, MN_E_INVALID, table->pos, "%s has options of kind %u, not %u",
			   mn_builtin_name(op->builtin), type, want);
		return;
	}
	if (type)
		t = mn_fb_table(fb, table, OPERATOR_OPTIONS);

	switch (want) {
	case OPTIONS_CONV_2D:
	case OPTIONS_DEPTHWISE_CONV_2D:
	case OPTIONS_POOL_2D:
	case OPTIONS_TRANSPOSE_CONV:
		/* Padding: SAME is 0. */
		r->padding_same = mn_fb_u8(fb, &t, 0, 0) == 0;
		if (mn_fb_u8(fb, &t, 0, 0) > 1)
			mn_fb_fail(fb, MN_E_INVALID, t.pos, "padding %u", mn_fb_u8(fb, &t, 0, 0));
		r->stride_w = mn_fb_i32(fb, &t, 1, 0);
		r->stride_h = mn_fb_i32(fb, &t, 2, 0);
		break;
	default:
		break;
	}
	switch (want) {
	case OPTIONS_CONV_2D:
		r->fused = mn_fb_u8(fb, &t, 3, 0);
		r->dilation_w = mn_fb_i32(fb, &t, 4, 1);
		r->dilation_h = mn_fb_i32(fb, &t, 5, 1);
		break;
	case OPTIONS_DEPTHWISE_CONV_2D:
		r->depth_multiplier = mn_fb_i32(fb, &t, 3, 0);
		r->fused = mn_fb_u8(fb, &t, 4, 0);
		r->dilation_w = mn_fb_i32(fb, &t, 5, 1);
		r->dilation_h = mn_fb_i32(fb, &t, 6, 1);
		break;
	case OPTIONS_POOL_2D:
		r->kernel_w = mn_fb_i32(fb, &t, 3, 0);
		r->kernel_h = mn_fb_i32(fb, &t, 4, 0);
		r->fused = mn_fb_u8(fb, &t, 5, 0);
		r->dilation_h = r->dilation_w = 1;
		break;
	case OPTIONS_FULLY_CONNECTED:
		r->fused = mn_fb_u8(fb, &t, 0, 0);
		r->weights_format = mn_fb_u8(fb, &t, 1, 0);
		r->keep_dims = mn_fb_u8(fb, &t, 2, 0) != 0;
		break;
	case OPTIONS_SOFTMAX:
		r->beta = mn_fb_f32(fb, &t, 0, 0);
		break;
	case OPTIONS_CONCATENATION:
		r->axis = mn_fb_i32(fb, &t, 0, 0);
		r->fused = mn_fb_u8(fb, &t, 1, 0);
		break;
	case OPTIONS_PACK:
	case OPTIONS_UNPACK:
		r->axis = mn_fb_i32(fb, &t, 1, 0);
		break;
	case OPTIONS_REDUCER:
		r->keep_dims = mn_fb_u8(fb, &t, 0, 0) != 0;
		break;
	case OPTIONS_STRIDED_SLICE:
		r->begin_mask = mn_fb_i32(fb, &t, 0, 0);
		r->end_mask = mn_fb_i32(fb, &t, 1, 0);
		r->ellipsis_mask = mn_fb_i32(fb, &t, 2, 0);
		r->new_axis_mask = mn_fb_i32(fb, &t, 3, 0);
		r->shrink_axis_mask = mn_fb_i32(fb, &t, 4, 0);
		r->offset = mn_fb_u8(fb, &t, 5, 0) != 0;
		break;
	case OPTIONS_RESIZE_NEAREST_NEIGHBOR:
		r->align_corners = mn_fb_u8(fb, &t, 0, 0) != 0;
		r->half_pixel_centers = mn_fb_u8(fb, &t, 1, 0) != 0;
		break;
	case OPTIONS_LEAKY_RELU:
		r->alpha = mn_fb_f32(fb, &t, 0, 0);
		break;
	case OPTIONS_TRANSPOSE_CONV:
		r->fused = mn_fb_u8(fb, &t, 3, 0);
		r->dilation_h = r->dilation_w = 1;
		break;
	case OPTIONS_IF:
	case OPTIONS_WHILE:
		r->subgraphs[0] = mn_fb_i32(fb, &t, 0, 0);
		r->subgraphs[1] = mn_fb_i32(fb, &t, 1, 0);
		break;
	case OPTIONS_CALL_ONCE:
		r->subgraphs[0] = mn_fb_i32(fb, &t, 0, 0);
		break;
	default: /* ADD, SUB, MUL, DIV */
		r->fused = mn_fb_u8(fb, &t, 0, 0);
		break;
	}
}

static void read_subgraph(struct owner *o, const struct mn_fb_table *table, struct mn_subgraph *s)
{
	struct mn_fb *fb = &o->fb;
	struct mn_fb_vector tensors = mn_fb_vector(fb, table, SUBGRAPH_TENSORS, 4);
	struct mn_fb_vector operators = mn_fb_vector(fb, table, SUBGRAPH_OPERATORS, 4);

	s->name = mn_fb_string(fb, table, SUBGRAPH_NAME, "");
	s->tensors = o->tensors + o->n_tensors;
	s->operators = o->operators + o->n_operators;
	for (uint32_t i = 0; i < tensors.n && !fb->failed; i++) {
		struct mn_fb_table t = mn_fb_vector_table(fb, &tensors, i);

		read_tensor(o, &t, &o->tensors[o->n_tensors++]);
	}
	s->n_tensors = tensors.n;
	s->inputs = read_indices(o, table, SUBGRAPH_INPUTS, tensors.n, 0, &s->n_inputs);
	s->outputs = read_indices(o, table, SUBGRAPH_OUTPUTS, tensors.n, 0, &s->n_outputs);
	for (uint32_t i = 0; i < operators.n && !fb->failed; i++) {
		struct mn_fb_table t = mn_fb_vector_table(fb, &operators, i);
		struct mn_operator *op = &o->operators[o->n_operators++];
		uint32_t code = (uint32_t)mn_fb_i32(fb, &t, OPERATOR_CODE, 0);

		if (fb->failed)
			return;
		if (code >= o->n_opcodes) {
			mn_fb_fail(fb, MN_E_INVALID, t.pos, "operator code %u of %u", code,
				   o->n_opcodes);
			return;
		}
		op->byte = t.pos;
		op->builtin = o->opcodes[code].builtin;
		op->version = o->opcodes[code].version;
		op->custom_name = o->opcodes[code].custom_name;
		op->inputs = read_indices(o, &t, OPERATOR_INPUTS, tensors.n, -1, &op->n_inputs);
		op->outputs = read_indices(o, &t, OPERATOR_OUTPUTS, tensors.n, 0, &op->n_outputs);
		read_options(fb, &t, op);
	}
	s->n_operators = operators.n;
}

static void read_subgraphs(struct owner *o, const struct mn_fb_table *root)
{
	struct mn_fb *fb = &o->fb;
	struct mn_fb_vector subgraphs = mn_fb_vector(fb, root, MODEL_SUBGRAPHS, 4);
	uint64_t n_tensors = 0, n_operators = 0;

	if (!subgraphs.n) {
		mn_fb_fail(fb, MN_E_SYNTAX, root->pos, "the model has no subgraph");
		return;
	}
	for (uint32_t i = 0; i < subgraphs.n && !fb->failed; i++) {
		struct mn_fb_table table = mn_fb_vector_table(fb, &subgraphs, i);

		n_tensors += mn_fb_vector(fb, &table, SUBGRAPH_TENSORS, 4).n;
		n_operators += mn_fb_vector(fb, &table, SUBGRAPH_OPERATORS, 4).n;
	}
	/* Each takes four bytes of the file at least, unless subgraphs share their lists to make
	 * the reader allocate without end. */
	if (n_tensors > fb->size / 4 || n_operators > fb->size / 4) {
		mn_fb_fail(fb, MN_E_SYNTAX, subgraphs.pos,
			   "subgraphs share their lists: more tensors or operators than bytes");
		return;
	}
	o->subgraphs = make(fb, subgraphs.n, sizeof(*o->subgraphs));
	o->tensors = make(fb, n_tensors, sizeof(*o->tensors));
	o->operators = make(fb, n_operators, sizeof(*o->operators));
	o->indices = make(fb, fb->size / 4, sizeof(*o->indices));
	for (uint32_t i = 0; i < subgraphs.n && !fb->failed; i++) {
		struct mn_fb_table table = mn_fb_vector_table(fb, &subgraphs, i);

		read_subgraph(o, &table, &o->subgraphs[i]);
	}
	o->model.subgraphs = o->subgraphs;
	o->model.n_subgraphs = subgraphs.n;
}

static void forget_reading(struct owner *o)
{
	free(o->opcodes);
	free(o->buffers);
	o->opcodes = NULL;
	o->buffers = NULL;
	o->fb = (struct mn_fb){0};
}

void mn_model_free(struct mn_model *model)
{
	struct owner *o = (struct owner *)model;

	if (!o)
		return;
	forget_reading(o);
	free(o->subgraphs);
	free(o->metadata);
	free(o->tensors);
	free(o->operators);
	free(o->indices);
	free(o->file);
	free(o);
}

int mn_model_parse(const uint8_t *data, size_t size, struct mn_model **ret_model,
		   struct mn_err *err)
{
	struct owner *o = calloc(1, sizeof(*o));
	struct mn_fb_table root;
	int rc;

	if (!o)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	rc = mn_fb_begin(&o->fb, data, size, "TFL3", err, &root);
	if (rc < 0)
		goto out;
	o->model.data = data;
	o->model.size = size;
	o->model.version = (uint32_t)mn_fb_i32(&o->fb, &root, MODEL_VERSION, 0);
	o->model.description = mn_fb_string(&o->fb, &root, MODEL_DESCRIPTION, "");
	if (o->model.version != 3)
		mn_fb_fail(&o->fb, MN_E_UNSUPPORTED, root.pos,
			   "schema version %u; this reader knows 3", o->model.version);
	read_opcodes(o, &root);
	read_buffers(o, &root);
	read_metadata(o, &root);
	if (!o->fb.failed)
		read_subgraphs(o, &root);
	rc = o->fb.failed;
out:
	forget_reading(o);
	if (rc < 0)
		mn_model_free(&o->model);
	else
		*ret_model = &o->model;
	return rc;
}

static int read_file(const char *path, uint8_t **ret_data, size_t *ret_size, struct mn_err *err)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL, *more;
	size_t size = 0, room = 0;
	int rc;

	if (!f) {
		rc = errno == ENOENT ? MN_E_NOTFOUND : errno == EACCES ? MN_E_PERM : MN_E_IO;
		return mn_err_set(err, rc, "%s: %s", path, strerror(errno));
	}
	/* By reading, not by asking for the size: a pipe has none. */
	do {
		if (size == room) {
			room = room ? 2 * room : 1u << 16;
			more = realloc(data, room);
			if (!more) {
				rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", path);
				goto out;
			}
			data = more;
		}
		size += fread(data + size, 1, room - size, f);
		if (size > INT32_MAX) {
			rc = mn_err_set(err, MN_E_TOO_BIG, "%s: 2^31 bytes or more", path);
			goto out;
		}
	} while (!feof(f) && !ferror(f));
	if (ferror(f)) {
		rc = mn_err_set(err, MN_E_IO, "%s: %s", path, strerror(errno));
		goto out;
	}
	*ret_data = data;
	*ret_size = size;
	data = NULL;
	rc = 0;
out:
	free(data);
	fclose(f);
	return rc;
}

int mn_model_open(const char *path, struct mn_model **ret_model, struct mn_err *err)
{
	uint8_t *data = NULL;
	size_t size = 0;
	int rc;

	rc = read_file(path, &data, &size, err);
	if (rc < 0)
		return rc;
	rc = mn_model_parse(data, size, ret_model, err);
	if (rc < 0) {
		free(data);
		return mn_err_prefix(err, rc, "%s: ", path);
	}
	((struct owner *)*ret_model)->file = data;
	return 0;
}
