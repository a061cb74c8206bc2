/* SPDX-License-Identifier: MIT */
/*
 * What each kernel's prepare() asks the arena for: TFLM 90b983c2b micro/kernels, CMSIS-NN
 * 4ab83cc3cc *_get_buffer_size() for a core with DSP and without the vector extension, gcc.
 */
#include <stddef.h>

#include "tflm.h"

#define SOFTMAX_LUT_BYTES     (2 * 513)
#define REVERSE_CONV_CHANNELS 16 /* above, a transposed convolution may run as a plain one */

struct op {
	const struct mn_subgraph *subgraph;
	const struct mn_operator *op;
	struct mn_tflm_requests *r;
};

/* Sticks at 2^63: far past what an arena can have. */
static uint64_t mul(uint64_t a, uint64_t b)
{
	const uint64_t most = (uint64_t)1 << 63;
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) || product > most ? most : product;
}

static uint64_t round4(uint64_t n)
{
	return (n + 3) / 4 * 4;
}

static const struct mn_tensor *input(const struct op *o, uint32_t i)
{
	if (i >= o->op->n_inputs || o->op->inputs[i] < 0)
		return NULL;
	return &o->subgraph->tensors[o->op->inputs[i]];
}

static const struct mn_tensor *output(const struct op *o)
{
	return o->op->n_outputs ? &o->subgraph->tensors[o->op->outputs[0]] : NULL;
}

static void scratch(struct op *o, uint64_t bytes)
{
	o->r->scratch[o->r->n_scratch++] = bytes;
}

/* As kernels do that ask only for what they use. */
static void scratch_if_any(struct op *o, uint64_t bytes)
{
	if (bytes)
		scratch(o, bytes);
}

static void keep(struct op *o, uint64_t bytes)
{
	o->r->persistent[o->r->n_persistent++] = bytes;
}

static int is_integer(const struct mn_tensor *t)
{
	return t->type == MN_TYPE_INT8 || t->type == MN_TYPE_INT16;
}

/* Convolution-like kernels take float with float, int8 with int8 or int4, int16 with int8. */
static const char *refuse_types(const struct mn_tensor *in, const struct mn_tensor *filter)
{
	switch (in->type) {
	case MN_TYPE_FLOAT32:
		return filter->type == MN_TYPE_FLOAT32 ? NULL : "float input with other weights";
	case MN_TYPE_INT8:
		return filter->type == MN_TYPE_INT8 || filter->type == MN_TYPE_INT4
			       ? NULL
			       : "int8 input with weights that are not int8 or int4";
	case MN_TYPE_INT16:
		return filter->type == MN_TYPE_INT8 ? NULL : "int16 input without int8 weights";
	default:
		return "the type of its input";
	}
}

/* Padding on the near side, as TFLite computes it: half of the total, rounded down. */
static int64_t near_pad(int same, int64_t in, int64_t kernel, int64_t stride, int64_t dilation)
{
	int64_t reach = (kernel - 1) * dilation + 1;
	int64_t out, total;

	if (!same)
		return 0;
	out = (in + stride - 1) / stride;
	total = (out - 1) * stride + reach - in;
	return total > 0 ? total / 2 : 0;
}

static int rank4(struct op *o, const struct mn_tensor *a, const struct mn_tensor *b,
		 const struct mn_tensor *c)
{
	if (a->rank == 4 && b->rank == 4 && c->rank == 4)
		return 1;
	o->r->refused = "a tensor that is not of rank 4";
	return 0;
}

static void conv(struct op *o, const struct mn_tensor *in, const struct mn_tensor *filter,
		 const struct mn_tensor *out)
{
	const struct mn_options *p = &o->op->options;
	uint64_t taps;
	int64_t pad_h, pad_w;

	o->r->refused = refuse_types(in, filter);
	if (!rank4(o, in, filter, out))
		return;
	if (p->stride_h <= 0 || p->stride_w <= 0) {
		o->r->refused = "its stride";
		return;
	}
	if (!is_integer(in))
		return;
	/* Multiplier and shift of each channel, also if the weights have one scale. */
	keep(o, 4 * (uint64_t)filter->shape[0]);
	keep(o, 4 * (uint64_t)filter->shape[0]);
	taps = mul(mul((uint64_t)filter->shape[1], (uint64_t)filter->shape[2]),
		   (uint64_t)in->shape[3]);
	if (in->type == MN_TYPE_INT16) {
		scratch_if_any(o, mul(4, taps));
		return;
	}
	pad_h = near_pad(p->padding_same, in->shape[1], filter->shape[1], p->stride_h,
			 p->dilation_h);
	pad_w = near_pad(p->padding_same, in->shape[2], filter->shape[2], p->stride_w,
			 p->dilation_w);
	if (filter->shape[1] == 1 && filter->shape[2] == 1 && pad_h == 0 && pad_w == 0 &&
	    p->dilation_h == 1 && p->dilation_w == 1 && in->shape[3] == filter->shape[3])
		return;                          /* 4 bytes a channel with armclang */
	scratch_if_any(o, mul(4, round4(taps))); /* two columns of int16 */
}

static void depthwise_conv(struct op *o, const struct mn_tensor *in, const struct mn_tensor *filter,
			   const struct mn_tensor *out)
{
	const struct mn_options *p = &o->op->options;

	o->r->refused = refuse_types(in, filter);
	if (!rank4(o, in, filter, out))
		return;
	if (p->stride_h <= 0 || p->stride_w <= 0) {
		o->r->refused = "its stride";
		return;
	}
	if (!is_integer(in))
		return;
	keep(o, 4 * (uint64_t)filter->shape[3]);
	keep(o, 4 * (uint64_t)filter->shape[3]);
	if (in->type != MN_TYPE_INT8 || in->shape[3] != out->shape[3] || in->shape[0] != 1 ||
	    p->dilation_h != 1 || p->dilation_w != 1)
		return; /* the generic kernel */
	if (filter->type == MN_TYPE_INT8 && filter->shape[1] == 3 && filter->shape[2] == 3 &&
	    near_pad(p->padding_same, in->shape[1], 3, p->stride_h, 1) <= 1 &&
	    near_pad(p->padding_same, in->shape[2], 3, p->stride_w, 1) <= 1)
		return; /* the 3x3 kernel */
	scratch_if_any(o, mul(2, mul(mul((uint64_t)filter->shape[1], (uint64_t)filter->shape[2]),
				     (uint64_t)in->shape[3])));
}

static void fully_connected(struct op *o, const struct mn_tensor *in,
			    const struct mn_tensor *filter, const struct mn_tensor *out)
{
	int per_channel = filter->n_scales > 1 && filter->n_zero_points > 0;

	o->r->refused = refuse_types(in, filter);
	if (in->type == MN_TYPE_FLOAT32)
		return;
	if (out->rank < 2 || out->rank > 4 || filter->rank < 1) {
		o->r->refused = "an output that is not of rank 2 to 4";
		return;
	}
	if (per_channel) {
		keep(o, 4 * (uint64_t)filter->n_scales);
		keep(o, 4 * (uint64_t)filter->n_scales);
	}
	/* More rows than one go through the 1x1 convolution, which wants a table of channels. */
	if (in->type == MN_TYPE_INT8 && filter->type == MN_TYPE_INT8 && out->rank > 2 &&
	    filter->shape[filter->rank - 1] % 4 == 0 && !per_channel)
		scratch(o, mul(8, (uint64_t)out->shape[out->rank - 1]));
}

static void svdf(struct op *o, const struct mn_tensor *in, const struct mn_tensor *filter,
		 const struct mn_tensor *out)
{
	uint64_t batch = (uint64_t)in->shape[0];

	if (in->type != MN_TYPE_INT8 && in->type != MN_TYPE_FLOAT32)
		o->r->refused = "the type of its input";
	else if (in->rank != 2 || filter->rank != 2 || out->rank != 2)
		o->r->refused = "a tensor that is not of rank 2";
	if (o->r->refused)
		return;
	scratch(o, mul(4, mul(batch, (uint64_t)filter->shape[0])));
	if (in->type == MN_TYPE_INT8)
		scratch(o, mul(4, mul(batch, (uint64_t)out->shape[1])));
}

static void lstm(struct op *o, const struct mn_tensor *in)
{
	const struct mn_tensor *hidden = input(o, 18), *cell = input(o, 19);
	unsigned gates, bias_bytes;

	if (!hidden || !cell || hidden->rank != 2 || o->op->n_inputs != 24) {
		o->r->refused = "its inputs: 24 with states of rank 2 are wanted";
		return;
	}
	if (cell->type != MN_TYPE_INT16 && cell->type != MN_TYPE_FLOAT32) {
		o->r->refused = "the type of its cell state";
		return;
	}
	gates = is_integer(in) && cell->type == MN_TYPE_INT16 ? 3 : 4;
	if (gates == 3) {
		/* Sums of the input's and of the state's weights, for four gates each. */
		bias_bytes = in->type == MN_TYPE_INT8 ? 4 : 8;
		for (int i = 0; i < 8; i++)
			keep(o, mul(bias_bytes, (uint64_t)hidden->shape[1]));
	}
	for (unsigned i = 0; i < gates; i++)
		scratch(o, mul(hidden->elements, cell->type == MN_TYPE_INT16 ? 2 : 4));
}

/* Here the inputs are: 0 the shape of the output, 1 the filter, 2 the input, 3 the bias. */
static void transpose_conv(struct op *o, const struct mn_tensor *filter, const struct mn_tensor *in,
			   const struct mn_tensor *out)
{
	const struct mn_options *p = &o->op->options;
	const struct mn_tensor *bias = input(o, 3);
	uint64_t taps;

	o->r->refused = refuse_types(in, filter);
	if (!rank4(o, in, filter, out))
		return;
	keep(o, 4 * (uint64_t)filter->shape[0]);
	keep(o, 4 * (uint64_t)filter->shape[0]);
	taps = mul(mul((uint64_t)filter->shape[1], (uint64_t)filter->shape[2]),
		   (uint64_t)in->shape[3]);
	if (in->type == MN_TYPE_INT16) {
		scratch(o, mul(8, out->elements));
		if (bias && bias->type == MN_TYPE_INT16)
			scratch(o, mul(8, bias->elements));
	} else if (in->type == MN_TYPE_INT8 && p->stride_h <= 2 && p->stride_w <= 2 &&
		   in->shape[3] > REVERSE_CONV_CHANNELS) {
		scratch(o, mul(4, round4(taps)));
		scratch(o, mul(taps, (uint64_t)filter->shape[0]));
	} else if (in->type == MN_TYPE_INT8) {
		/* CMSIS-NN has the vertical stride in both places. */
		uint64_t stride_h = (uint64_t)(p->stride_h > 0 ? p->stride_h : 0);
		uint64_t stride_w = (uint64_t)(p->stride_w > 0 ? p->stride_w : 0);
		uint64_t w = (uint64_t)filter->shape[2], h = (uint64_t)filter->shape[1];

		w = mul((uint64_t)(in->shape[2] > 0 ? in->shape[2] - 1 : 0), stride_w) +
		    (w > stride_h ? w : stride_h);
		h = h > stride_h ? h : stride_h;
		scratch(o, mul(4, mul(mul(w, (uint64_t)out->shape[3]), h)));
		scratch(o, 0);
	}
}

/* How many inputs a rule reads. */
static unsigned inputs_needed(uint8_t rule)
{
	switch (rule) {
	case MN_TFLM_TRANSPOSE_CONV:
		return 3;
	case MN_TFLM_CONV:
	case MN_TFLM_DEPTHWISE_CONV:
	case MN_TFLM_FULLY_CONNECTED:
	case MN_TFLM_MEAN:
	case MN_TFLM_REDUCE:
	case MN_TFLM_SVDF:
		return 2;
	case MN_TFLM_PLAIN:
		return 0;
	default:
		return 1;
	}
}

int mn_tflm_requests(const struct mn_tflm_op *rule, const struct mn_subgraph *subgraph, uint32_t op,
		     struct mn_tflm_requests *ret, struct mn_err *err)
{
	struct mn_tflm_requests r = {0};
	struct op o = {subgraph, &subgraph->operators[op], &r};
	const struct mn_tensor *in = input(&o, 0), *in1 = input(&o, 1), *out = output(&o);

	for (uint32_t i = 0; i < inputs_needed(rule->rule); i++)
		if (!input(&o, i))
			return mn_err_set(err, MN_E_INVALID, "operator %u, %s, has no input %u", op,
					  mn_operator_name(o.op), i);
	if (rule->rule != MN_TFLM_PLAIN && !out)
		return mn_err_set(err, MN_E_INVALID, "operator %u, %s, has no output", op,
				  mn_operator_name(o.op));

	switch (rule->rule) {
	case MN_TFLM_CONV:
		conv(&o, in, in1, out);
		break;
	case MN_TFLM_DEPTHWISE_CONV:
		depthwise_conv(&o, in, in1, out);
		break;
	case MN_TFLM_FULLY_CONNECTED:
		fully_connected(&o, in, in1, out);
		break;
	case MN_TFLM_TRANSPOSE_CONV:
		transpose_conv(&o, in1, input(&o, 2), out);
		break;
	case MN_TFLM_SVDF:
		svdf(&o, in, in1, out);
		break;
	case MN_TFLM_LSTM:
		lstm(&o, in);
		break;
	case MN_TFLM_AVERAGE_POOL:
		if (is_integer(in) && in->rank == 4)
			scratch_if_any(&o, mul(4, (uint64_t)in->shape[3]));
		/* fall through */
	case MN_TFLM_FLOAT_INT:
		if (!is_integer(in) && in->type != MN_TYPE_FLOAT32 &&
		    !(rule->builtin == MN_BUILTIN_ADD && in->type == MN_TYPE_INT32))
			r.refused = "the type of its input";
		break;
	case MN_TFLM_CONCATENATION:
		if (!is_integer(in) && in->type != MN_TYPE_FLOAT32 && in->type != MN_TYPE_INT32 &&
		    in->type != MN_TYPE_INT64 && in->type != MN_TYPE_BOOL)
			r.refused = "the type of its input";
		break;
	case MN_TFLM_DEQUANTIZE:
		if (!is_integer(in) && in->type != MN_TYPE_UINT8)
			r.refused = "the type of its input";
		break;
	case MN_TFLM_SOFTMAX:
		if (!is_integer(in) && in->type != MN_TYPE_FLOAT32)
			r.refused = "the type of its input";
		if (in->type == MN_TYPE_INT16) {
			keep(&o, SOFTMAX_LUT_BYTES);
			keep(&o, SOFTMAX_LUT_BYTES);
		}
		break;
	case MN_TFLM_MEAN:
		if (is_integer(in))
			scratch(&o, mul(4, out->elements));
		/* fall through */
	case MN_TFLM_REDUCE:
		scratch(&o, 4 * (uint64_t)in->rank);
		scratch(&o, mul(4, in1->elements));
		break;
	case MN_TFLM_LOG_SOFTMAX:
		if (in->type == MN_TYPE_INT8)
			keep(&o, 28);
		break;
	case MN_TFLM_CUMSUM:
		if (in->type == MN_TYPE_INT8)
			keep(&o, 36);
		break;
	case MN_TFLM_ADD_N:
		if (in->type == MN_TYPE_INT8)
			keep(&o, 40);
		scratch(&o, 4 * (uint64_t)o.op->n_inputs);
		break;
	case MN_TFLM_MIRROR_PAD:
		scratch(&o, 4 * (uint64_t)in->rank);
		scratch(&o, 4 * (uint64_t)in->rank);
		break;
	default:
		break;
	}
	*ret = r;
	return 0;
}
