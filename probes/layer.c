/* SPDX-License-Identifier: MIT */
#include "layer.h"

#include <string.h>

#include "err.h"

/* The fields that the text form knows, and whom the checks blame. */
enum field {
	FIELD_OP,
	FIELD_IN,
	FIELD_IN2,
	FIELD_SHAPE,
	FIELD_OUT_C,
	FIELD_MULTIPLIER,
	FIELD_KERNEL,
	FIELD_STRIDE,
	FIELD_DILATION,
	FIELD_PADDING,
	FIELD_ACT,
	FIELD_BIAS,
	FIELD_AXES,
	FIELD_PADS,
	FIELD_BEGIN,
	FIELD_STEPS,
	FIELD_ORDER,
	FIELD_SAMPLING,
	FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
	"",        "in",  "in2",  "shape", "out_c", "multiplier", "kernel", "stride", "dilation",
	"padding", "act", "bias", "axes",  "pads",  "begin",      "steps",  "order",  "sampling",
};

#define BIT(field) (1u << FIELD_##field)
#define BINARY     (BIT(IN) | BIT(IN2))
#define WINDOW     (BIT(KERNEL) | BIT(STRIDE) | BIT(PADDING))

/* The fields of each op. The canonical text gives them in the order of enum field. */
static const uint32_t op_fields[MN_OP_COUNT] = {
	[MN_OP_NOP] = 0,
	[MN_OP_CONV_2D] = BIT(IN) | BIT(OUT_C) | WINDOW | BIT(DILATION) | BIT(ACT) | BIT(BIAS),
	[MN_OP_DEPTHWISE_CONV_2D] =
		BIT(IN) | BIT(MULTIPLIER) | WINDOW | BIT(DILATION) | BIT(ACT) | BIT(BIAS),
	[MN_OP_FULLY_CONNECTED] = BIT(IN) | BIT(OUT_C) | BIT(ACT) | BIT(BIAS),
	[MN_OP_AVERAGE_POOL_2D] = BIT(IN) | WINDOW | BIT(ACT),
	[MN_OP_MAX_POOL_2D] = BIT(IN) | WINDOW | BIT(ACT),
	[MN_OP_MEAN] = BIT(IN) | BIT(AXES),
	[MN_OP_ADD] = BINARY | BIT(ACT),
	[MN_OP_SOFTMAX] = BIT(IN),
	[MN_OP_PAD] = BIT(IN) | BIT(PADS),
	[MN_OP_RESHAPE] = BIT(IN) | BIT(SHAPE),
	[MN_OP_MUL] = BINARY | BIT(ACT),
	[MN_OP_SUB] = BINARY | BIT(ACT),
	[MN_OP_MAXIMUM] = BINARY,
	[MN_OP_MINIMUM] = BINARY,
	[MN_OP_CONCATENATION] = BIT(IN) | BIT(PADS),
	[MN_OP_QUANTIZE] = BIT(IN),
	[MN_OP_RELU] = BIT(IN),
	[MN_OP_RELU6] = BIT(IN),
	[MN_OP_LOGISTIC] = BIT(IN),
	[MN_OP_TANH] = BIT(IN),
	[MN_OP_LEAKY_RELU] = BIT(IN),
	[MN_OP_HARD_SWISH] = BIT(IN),
	[MN_OP_STRIDED_SLICE] = BIT(IN) | BIT(SHAPE) | BIT(BEGIN) | BIT(STEPS),
	[MN_OP_RESIZE_NEAREST_NEIGHBOR] = BIT(IN) | BIT(SHAPE) | BIT(SAMPLING),
	[MN_OP_TRANSPOSE] = BIT(IN) | BIT(ORDER),
};

static const char *const padding_names[] = {"valid", "same"};
static const char *const act_names[] = {"none", "relu", "relu6"};
static const char *const axes_names[] = {
	[MN_AXIS_H] = "h", [MN_AXIS_W] = "w", [MN_AXIS_H | MN_AXIS_W] = "hw"};
static const char *const sampling_names[] = {"plain", "align_corners", "half_pixel"};
static const char dim_letters[] = "nhwc";
#define N_NAMES(names) (sizeof(names) / sizeof((names)[0]))

static const struct {
	const char *name;
	uint8_t op, inputs;
} ops[] = {
#define X(name, value, text, inputs) {text, value, inputs},
	MN_OP_TABLE(X)
#undef X
};

const char *mn_op_name(enum mn_op op)
{
	return (unsigned)op < MN_OP_COUNT ? ops[op].name : "?";
}

int mn_op_parse(const char *text, size_t len)
{
	for (size_t i = 0; i < MN_OP_COUNT; i++)
		if (strlen(ops[i].name) == len && !memcmp(ops[i].name, text, len))
			return ops[i].op;
	return MN_E_NOTFOUND;
}

int mn_op_inputs(enum mn_op op)
{
	return (unsigned)op < MN_OP_COUNT ? ops[op].inputs : 0;
}

int mn_op_has_table(enum mn_op op)
{
	return op == MN_OP_LOGISTIC || op == MN_OP_TANH || op == MN_OP_HARD_SWISH;
}

int mn_shape_elements(const struct mn_shape *shape, uint32_t *ret_elements)
{
	uint64_t rows = (uint64_t)shape->n * shape->h, row = (uint64_t)shape->w * shape->c;

	if (rows == 0 || row == 0) {
		*ret_elements = 0;
		return 0;
	}
	if (rows > INT32_MAX || row > INT32_MAX || rows * row > INT32_MAX)
		return MN_E_OVERFLOW;
	*ret_elements = (uint32_t)(rows * row);
	return 0;
}

void mn_layer_init(struct mn_layer *layer, enum mn_op op)
{
	uint32_t fields = (unsigned)op < MN_OP_COUNT ? op_fields[op] : 0;

	memset(layer, 0, sizeof(*layer));
	layer->op = (uint8_t)op;
	if (fields & BIT(STRIDE)) {
		layer->stride_h = layer->stride_w = 1;
		layer->dilation_h = layer->dilation_w = 1;
	}
	if (fields & BIT(MULTIPLIER))
		layer->multiplier = 1;
	if (fields & BIT(BIAS))
		layer->bias = 1;
	for (int i = 0; i < 4 && (fields & BIT(STEPS)); i++)
		layer->steps[i] = 1;
}

static uint32_t out_extent(uint32_t in, uint32_t kernel, uint32_t stride, uint32_t dilation,
			   int same)
{
	if (same)
		return (in - 1) / stride + 1;
	return (in - ((kernel - 1) * dilation + 1)) / stride + 1;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

struct mn_shape mn_layer_out_shape(const struct mn_layer *l)
{
	struct mn_shape out = l->in;

	switch (l->op) {
	case MN_OP_CONV_2D:
	case MN_OP_DEPTHWISE_CONV_2D:
	case MN_OP_AVERAGE_POOL_2D:
	case MN_OP_MAX_POOL_2D:
		out.h = out_extent(l->in.h, l->kernel_h, l->stride_h, l->dilation_h, l->padding);
		out.w = out_extent(l->in.w, l->kernel_w, l->stride_w, l->dilation_w, l->padding);
		if (l->op == MN_OP_CONV_2D)
			out.c = l->out_c;
		else if (l->op == MN_OP_DEPTHWISE_CONV_2D)
			out.c = l->in.c * l->multiplier;
		break;
	case MN_OP_FULLY_CONNECTED:
		out.c = l->out_c;
		break;
	case MN_OP_MEAN:
		if (l->axes & MN_AXIS_H)
			out.h = 1;
		if (l->axes & MN_AXIS_W)
			out.w = 1;
		break;
	case MN_OP_ADD:
	case MN_OP_MUL:
	case MN_OP_SUB:
	case MN_OP_MAXIMUM:
	case MN_OP_MINIMUM:
		out.n = max_u32(l->in.n, l->in2.n);
		out.h = max_u32(l->in.h, l->in2.h);
		out.w = max_u32(l->in.w, l->in2.w);
		out.c = max_u32(l->in.c, l->in2.c);
		break;
	case MN_OP_PAD:
	case MN_OP_CONCATENATION:
		out.n += (uint32_t)l->pad[0][0] + l->pad[0][1];
		out.h += (uint32_t)l->pad[1][0] + l->pad[1][1];
		out.w += (uint32_t)l->pad[2][0] + l->pad[2][1];
		out.c += (uint32_t)l->pad[3][0] + l->pad[3][1];
		break;
	case MN_OP_RESHAPE:
	case MN_OP_STRIDED_SLICE:
	case MN_OP_RESIZE_NEAREST_NEIGHBOR:
		out = l->shape;
		break;
	case MN_OP_TRANSPOSE: {
		const uint32_t in[4] = {l->in.n, l->in.h, l->in.w, l->in.c};

		out = (struct mn_shape){in[l->order & 3], in[l->order >> 2 & 3],
					in[l->order >> 4 & 3], in[l->order >> 6]};
		break;
	}
	default:
		break;
	}
	return out;
}

uint32_t mn_layer_pad_before(const struct mn_layer *l, int dim)
{
	uint32_t in = dim ? l->in.w : l->in.h;
	uint32_t kernel = dim ? l->kernel_w : l->kernel_h;
	uint32_t stride = dim ? l->stride_w : l->stride_h;
	uint32_t dilation = dim ? l->dilation_w : l->dilation_h;
	int64_t total;

	if (l->padding != MN_PADDING_SAME || !in || !stride || !kernel)
		return 0;
	total = (int64_t)(((in - 1) / stride) * (uint64_t)stride) +
		(int64_t)(kernel - 1) * dilation + 1 - in;
	return total > 0 ? (uint32_t)(total / 2) : 0;
}

static int same_fields(const struct mn_layer *l, enum field *field, const char **why)
{
	static const char unused[] = "a field that the op does not use is set";
	uint32_t used = op_fields[l->op];
	uint32_t window = used & BIT(KERNEL), pads = 0, reserved = 0;

	for (int i = 0; i < 4; i++)
		pads |= l->pad[i][0] | l->pad[i][1];
	for (int i = 0; i < 3; i++)
		reserved |= l->reserved[i];
	*why = unused;
	*field = FIELD_OP;
	if (reserved)
		return MN_E_INVALID;
	if (!(used & BIT(OUT_C)) && l->out_c)
		return MN_E_INVALID;
	if (!(used & BIT(MULTIPLIER)) && l->multiplier)
		return MN_E_INVALID;
	if (!window && (l->kernel_h || l->kernel_w || l->stride_h || l->stride_w || l->padding ||
			l->dilation_h || l->dilation_w))
		return MN_E_INVALID;
	if (window && !(used & BIT(DILATION)) && (l->dilation_h != 1 || l->dilation_w != 1)) {
		*why = "the dilation of a pool is not 1";
		return MN_E_INVALID;
	}
	if (!(used & BIT(ACT)) && l->act)
		return MN_E_INVALID;
	if (!(used & BIT(BIAS)) && l->bias)
		return MN_E_INVALID;
	if (!(used & (BIT(AXES) | BIT(ORDER) | BIT(SAMPLING))) && l->axes)
		return MN_E_INVALID;
	if (!(used & (BIT(PADS) | BIT(BEGIN))) && pads)
		return MN_E_INVALID;
	if (!(used & BIT(IN)) && (l->in.n || l->in.h || l->in.w || l->in.c))
		return MN_E_INVALID;
	if (!(used & BIT(IN2)) && (l->in2.n || l->in2.h || l->in2.w || l->in2.c))
		return MN_E_INVALID;
	if (!(used & BIT(SHAPE)) && (l->shape.n || l->shape.h || l->shape.w || l->shape.c))
		return MN_E_INVALID;
	return 0;
}

static int check_window(const struct mn_layer *l, int dim, enum field *field, const char **why)
{
	uint32_t in = dim ? l->in.w : l->in.h;
	uint32_t kernel = dim ? l->kernel_w : l->kernel_h;
	uint32_t stride = dim ? l->stride_w : l->stride_h;
	uint32_t dilation = dim ? l->dilation_w : l->dilation_h;
	uint64_t reach;

	*field = FIELD_KERNEL;
	if (kernel == 0) {
		*why = "kernel is 0 or missing";
		return MN_E_INVALID;
	}
	*field = FIELD_STRIDE;
	if (stride == 0) {
		*why = "stride is 0";
		return MN_E_INVALID;
	}
	*field = FIELD_DILATION;
	if (dilation == 0) {
		*why = "dilation is 0";
		return MN_E_INVALID;
	}
	*field = FIELD_KERNEL;
	reach = (uint64_t)(kernel - 1) * dilation + 1;
	if (reach + in + stride > INT32_MAX) {
		*why = "the window reaches 2^31 elements";
		return MN_E_OVERFLOW;
	}
	if (l->padding == MN_PADDING_VALID && reach > in) {
		*why = "the window is larger than the input and padding is valid";
		return MN_E_INVALID;
	}
	return 0;
}

static int check_tensor(const struct mn_shape *shape, const char *zero, const char *big,
			uint32_t *ret_elements, const char **why)
{
	uint32_t elements;
	int rc = mn_shape_elements(shape, &elements);

	if (rc < 0) {
		*why = big;
		return rc;
	}
	if (elements == 0) {
		*why = zero;
		return MN_E_INVALID;
	}
	*ret_elements = elements;
	return 0;
}

/* Product of up to three factors, or 0 if it is `limit` or more. */
static uint64_t product_below(uint64_t a, uint64_t b, uint64_t c, uint64_t limit)
{
	if (b && a > (limit - 1) / b)
		return 0;
	a *= b;
	if (c && a > (limit - 1) / c)
		return 0;
	return a * c;
}

static int check_broadcast(const struct mn_layer *l, const char **why)
{
	const uint32_t a[4] = {l->in.n, l->in.h, l->in.w, l->in.c};
	const uint32_t b[4] = {l->in2.n, l->in2.h, l->in2.w, l->in2.c};

	for (int i = 0; i < 4; i++)
		if (a[i] != b[i] && a[i] != 1 && b[i] != 1) {
			*why = "the shapes of the inputs do not broadcast";
			return MN_E_INVALID;
		}
	return 0;
}

static int check_parts(const struct mn_layer *l, const char **why)
{
	int dims = 0;

	for (int i = 0; i < 4; i++)
		dims += l->pad[i][0] || l->pad[i][1];
	*why = "pads of a concatenation are in one dimension";
	return dims > 1 ? MN_E_INVALID : 0;
}

static int check_slice(const struct mn_layer *l, enum field *field, const char **why)
{
	const uint32_t in[4] = {l->in.n, l->in.h, l->in.w, l->in.c};
	const uint32_t out[4] = {l->shape.n, l->shape.h, l->shape.w, l->shape.c};

	for (int i = 0; i < 4; i++) {
		int64_t last = l->begin[i] + ((int64_t)out[i] - 1) * l->steps[i];

		*field = FIELD_BEGIN;
		*why = "begin is not inside the input";
		if (l->begin[i] >= in[i])
			return MN_E_INVALID;
		*field = FIELD_STEPS;
		*why = "a step is 0 or -32768";
		if (l->steps[i] == 0 || l->steps[i] == INT16_MIN)
			return MN_E_INVALID;
		*field = FIELD_SHAPE;
		*why = "the last element is not inside the input";
		if (last < 0 || last >= in[i])
			return MN_E_INVALID;
	}
	return 0;
}

static int check_resize(const struct mn_layer *l, enum field *field, const char **why)
{
	*field = FIELD_SAMPLING;
	*why = "sampling is not plain, align_corners or half_pixel";
	if (l->sampling > MN_SAMPLING_HALF_PIXEL)
		return MN_E_INVALID;
	*field = FIELD_SHAPE;
	*why = "a resize changes N or C";
	if (l->shape.n != l->in.n || l->shape.c != l->in.c)
		return MN_E_INVALID;
	/* Positions are float32 in TFLite: small ones are exact. */
	*why = "a resize of 2^16 rows or columns or more";
	if ((l->in.h | l->in.w | l->shape.h | l->shape.w) > UINT16_MAX)
		return MN_E_OVERFLOW;
	return 0;
}

static int check_order(const struct mn_layer *l, const char **why)
{
	unsigned seen = 0;

	for (int i = 0; i < 4; i++)
		seen |= 1u << (l->order >> 2 * i & 3);
	*why = "order is missing or not a permutation of nhwc";
	return seen == 15 ? 0 : MN_E_INVALID;
}

/* Counts of the ops with weights. taps: inputs of one output. */
static int count_weights(const struct mn_layer *l, uint64_t taps, uint32_t out_c,
			 uint32_t rows_in_weights, struct mn_layer_info *info, const char **why)
{
	/* The dsp kernels keep two patches of int16: 4 bytes a tap. */
	uint64_t weights = product_below(taps, rows_in_weights, 1, 1u << 31);

	if (taps == 0 || taps >= 1u << 28 || weights == 0) {
		*why = "the weights have 2^31 bytes or more, or one output has 2^28 inputs or more";
		return MN_E_OVERFLOW;
	}
	if (out_c >= 1u << 28) {
		*why = "2^28 output channels or more";
		return MN_E_OVERFLOW;
	}
	info->weight_bytes = (uint32_t)weights;
	info->bias_bytes = l->bias ? 4 * out_c : 0;
	info->quant_bytes = l->op == MN_OP_FULLY_CONNECTED ? 0 : 8 * out_c;
	/* Below 2^31 outputs of below 2^28 taps: no overflow. */
	info->macs = info->out_elements * taps;
	info->ops = 2 * info->macs;
	return 0;
}

static int check(const struct mn_layer *l, struct mn_layer_info *ret, enum field *field,
		 const char **why)
{
	struct mn_layer_info info;
	uint32_t fields, elements, elements2 = 0;
	int rc;

	memset(&info, 0, sizeof(info));
	*field = FIELD_OP;
	*why = "unknown op";
	if (l->op >= MN_OP_COUNT)
		return MN_E_UNSUPPORTED;
	fields = op_fields[l->op];
	rc = same_fields(l, field, why);
	if (rc < 0)
		return rc;
	if (l->op == MN_OP_NOP)
		goto done;

	*field = FIELD_IN;
	rc = check_tensor(&l->in, "in is missing or has a 0", "in has 2^31 elements or more",
			  &elements, why);
	if (rc < 0)
		return rc;
	*field = FIELD_PADDING;
	*why = "padding is neither valid nor same";
	if (l->padding > MN_PADDING_SAME)
		return MN_E_INVALID;
	*field = FIELD_ACT;
	*why = "act is not none, relu or relu6";
	if (l->act > MN_ACT_RELU6)
		return MN_E_INVALID;
	*field = FIELD_BIAS;
	*why = "bias is not 0 or 1";
	if (l->bias > 1)
		return MN_E_INVALID;
	*field = FIELD_AXES;
	*why = "axes is missing or not h, w or hw";
	if ((fields & BIT(AXES)) && (!l->axes || (l->axes & ~(MN_AXIS_H | MN_AXIS_W))))
		return MN_E_INVALID;
	*field = FIELD_OUT_C;
	*why = "out_c is 0 or missing";
	if ((fields & BIT(OUT_C)) && !l->out_c)
		return MN_E_INVALID;
	*field = FIELD_MULTIPLIER;
	*why = "multiplier is 0";
	if ((fields & BIT(MULTIPLIER)) && !l->multiplier)
		return MN_E_INVALID;
	*why = "in channels * multiplier is 2^31 or more";
	if ((fields & BIT(MULTIPLIER)) && (uint64_t)l->in.c * l->multiplier > INT32_MAX)
		return MN_E_OVERFLOW;
	if (fields & BIT(KERNEL)) {
		for (int dim = 0; dim < 2; dim++) {
			rc = check_window(l, dim, field, why);
			if (rc < 0)
				return rc;
		}
	}
	if (fields & BIT(IN2)) {
		*field = FIELD_IN2;
		rc = check_tensor(&l->in2, "in2 is missing or has a 0",
				  "in2 has 2^31 elements or more", &elements2, why);
		if (rc == 0)
			rc = check_broadcast(l, why);
		if (rc < 0)
			return rc;
	}
	if (l->op == MN_OP_SOFTMAX && l->in.c >= 1u << 28) {
		*field = FIELD_IN;
		*why = "softmax over 2^28 elements or more";
		return MN_E_OVERFLOW;
	}

	if (l->op == MN_OP_TRANSPOSE) {
		*field = FIELD_ORDER;
		rc = check_order(l, why);
		if (rc < 0)
			return rc;
	}

	*field = fields & BIT(SHAPE) ? FIELD_SHAPE : fields & BIT(PADS) ? FIELD_PADS : FIELD_IN;
	/* in < 2^31 and two pads of 16 bits: the sums of a pad fit 32 bits. */
	info.out = mn_layer_out_shape(l);
	{
		uint32_t out_elements;

		rc = check_tensor(&info.out, "shape is missing or has a 0",
				  "the output has 2^31 elements or more", &out_elements, why);
		if (rc < 0)
			return rc;
		if (l->op == MN_OP_RESHAPE && out_elements != elements) {
			*why = "shape has not as many elements as in";
			return MN_E_INVALID;
		}
		info.out_elements = l->op == MN_OP_CONCATENATION ? elements : out_elements;
		info.output_bytes = out_elements;
	}
	if (l->op == MN_OP_CONCATENATION)
		rc = check_parts(l, why);
	else if (l->op == MN_OP_STRIDED_SLICE)
		rc = check_slice(l, field, why);
	else if (l->op == MN_OP_RESIZE_NEAREST_NEIGHBOR)
		rc = check_resize(l, field, why);
	if (rc < 0)
		return rc;
	if (mn_op_has_table((enum mn_op)l->op))
		info.quant_bytes = 256;
	info.input_bytes = elements + elements2;

	*field = l->op == MN_OP_FULLY_CONNECTED ? FIELD_IN : FIELD_KERNEL;
	if (l->op == MN_OP_CONV_2D) {
		uint64_t taps = product_below(l->kernel_h, l->kernel_w, l->in.c, 1u << 28);

		rc = count_weights(l, taps, l->out_c, l->out_c, &info, why);
		if (l->kernel_h != 1 || l->kernel_w != 1 || l->stride_h != 1 || l->stride_w != 1)
			info.im2col_elements =
				(uint64_t)info.out.n * info.out.h * info.out.w * taps;
	} else if (l->op == MN_OP_DEPTHWISE_CONV_2D) {
		rc = count_weights(l, (uint64_t)l->kernel_h * l->kernel_w, info.out.c, info.out.c,
				   &info, why);
	} else if (l->op == MN_OP_FULLY_CONNECTED) {
		rc = count_weights(l, l->in.c, l->out_c, l->out_c, &info, why);
	}
	if (rc < 0)
		return rc;
done:
	if (ret)
		*ret = info;
	return 0;
}

int mn_layer_check(const struct mn_layer *layer, struct mn_layer_info *ret_info,
		   const char **ret_why)
{
	const char *why;
	enum field field;
	int rc = check(layer, ret_info, &field, &why);

	if (rc < 0 && ret_why)
		*ret_why = why;
	return rc;
}

/* ---- text ---- */

struct text {
	char *p;
	size_t left; /* without the final NUL */
	int overflow;
};

static void put_text(struct text *t, const char *s)
{
	size_t len = strlen(s);

	if (len > t->left) {
		t->overflow = 1;
		return;
	}
	memcpy(t->p, s, len);
	t->p += len;
	t->left -= len;
}

static void put_number(struct text *t, uint32_t value)
{
	char digits[11];
	char *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do {
		*--p = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	put_text(t, p);
}

static void put_list(struct text *t, const char *sep, const uint32_t *values, int n)
{
	for (int i = 0; i < n; i++) {
		if (i)
			put_text(t, sep);
		put_number(t, values[i]);
	}
}

static void put_shape(struct text *t, const struct mn_shape *s)
{
	put_list(t, "x", (const uint32_t[]){s->n, s->h, s->w, s->c}, 4);
}

static const char *name_of(const char *const *names, size_t n, uint8_t value)
{
	return value < n ? names[value] : NULL;
}

static int put_name(struct text *t, const char *name)
{
	if (!name)
		return MN_E_INVALID;
	put_text(t, name);
	return 0;
}

static int put_field(struct text *t, const struct mn_layer *l, enum field field)
{
	switch (field) {
	case FIELD_IN:
		put_shape(t, &l->in);
		break;
	case FIELD_IN2:
		put_shape(t, &l->in2);
		break;
	case FIELD_SHAPE:
		put_shape(t, &l->shape);
		break;
	case FIELD_OUT_C:
		put_number(t, l->out_c);
		break;
	case FIELD_MULTIPLIER:
		put_number(t, l->multiplier);
		break;
	case FIELD_KERNEL:
		put_list(t, "x", (const uint32_t[]){l->kernel_h, l->kernel_w}, 2);
		break;
	case FIELD_STRIDE:
		put_list(t, "x", (const uint32_t[]){l->stride_h, l->stride_w}, 2);
		break;
	case FIELD_DILATION:
		put_list(t, "x", (const uint32_t[]){l->dilation_h, l->dilation_w}, 2);
		break;
	case FIELD_PADDING:
		return put_name(t, name_of(padding_names, N_NAMES(padding_names), l->padding));
	case FIELD_ACT:
		return put_name(t, name_of(act_names, N_NAMES(act_names), l->act));
	case FIELD_BIAS:
		put_number(t, l->bias);
		break;
	case FIELD_AXES:
		return put_name(t, name_of(axes_names, N_NAMES(axes_names), l->axes));
	case FIELD_PADS: {
		uint32_t pads[8];

		for (int i = 0; i < 8; i++)
			pads[i] = l->pad[i / 2][i % 2];
		put_list(t, ",", pads, 8);
		break;
	}
	case FIELD_BEGIN:
		put_list(t, ",",
			 (const uint32_t[]){l->begin[0], l->begin[1], l->begin[2], l->begin[3]}, 4);
		break;
	case FIELD_STEPS:
		for (int i = 0; i < 4; i++) {
			put_text(t, i ? "," : "");
			put_text(t, l->steps[i] < 0 ? "-" : "");
			put_number(t, (uint32_t)(l->steps[i] < 0 ? -l->steps[i] : l->steps[i]));
		}
		break;
	case FIELD_ORDER: {
		char order[5] = "";

		for (int i = 0; i < 4; i++)
			order[i] = dim_letters[l->order >> 2 * i & 3];
		put_text(t, order);
		break;
	}
	case FIELD_SAMPLING:
		return put_name(t, name_of(sampling_names, N_NAMES(sampling_names), l->sampling));
	default:
		break;
	}
	return 0;
}

int mn_layer_format(const struct mn_layer *layer, char *buf, size_t size)
{
	struct text t = {buf, size ? size - 1 : 0, size == 0};

	if (layer->op >= MN_OP_COUNT)
		return MN_E_UNSUPPORTED;
	put_text(&t, ops[layer->op].name);
	for (int field = 1; field < FIELD_COUNT; field++) {
		int rc;

		if (!(op_fields[layer->op] & 1u << field))
			continue;
		put_text(&t, " ");
		put_text(&t, field_names[field]);
		put_text(&t, "=");
		rc = put_field(&t, layer, (enum field)field);
		if (rc < 0)
			return rc;
	}
	if (t.overflow)
		return MN_E_TOO_BIG;
	*t.p = '\0';
	return (int)(t.p - buf);
}

struct cursor {
	const char *text;
	size_t len, at;
	const char *why;
};

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int parse_number(struct cursor *c, uint32_t max, uint32_t *ret)
{
	size_t start = c->at;
	uint64_t value = 0;

	while (c->at < c->len && c->text[c->at] >= '0' && c->text[c->at] <= '9') {
		value = 10 * value + (uint64_t)(c->text[c->at] - '0');
		if (value > max) {
			c->at = start;
			c->why = "the number is too large";
			return MN_E_INVALID;
		}
		c->at++;
	}
	if (c->at == start) {
		c->why = "a number is expected";
		return MN_E_SYNTAX;
	}
	*ret = (uint32_t)value;
	return 0;
}

static int parse_list(struct cursor *c, char sep, int n, uint32_t max, uint32_t *ret)
{
	for (int i = 0; i < n; i++) {
		int rc;

		if (i) {
			if (c->at == c->len || c->text[c->at] != sep) {
				c->why = sep == 'x' ? "an x is expected" : "a comma is expected";
				return MN_E_SYNTAX;
			}
			c->at++;
		}
		rc = parse_number(c, max, &ret[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int parse_shape(struct cursor *c, struct mn_shape *ret)
{
	uint32_t v[4];
	int rc = parse_list(c, 'x', 4, UINT32_MAX, v);

	if (rc == 0)
		*ret = (struct mn_shape){v[0], v[1], v[2], v[3]};
	return rc;
}

static int parse_pair(struct cursor *c, uint16_t *ret_h, uint16_t *ret_w)
{
	uint32_t v[2];
	int rc = parse_list(c, 'x', 2, UINT16_MAX, v);

	if (rc == 0) {
		*ret_h = (uint16_t)v[0];
		*ret_w = (uint16_t)v[1];
	}
	return rc;
}

static size_t word_length(const struct cursor *c)
{
	size_t end = c->at;

	while (end < c->len && !is_blank(c->text[end]) && c->text[end] != '=')
		end++;
	return end - c->at;
}

static int parse_name(struct cursor *c, const char *const *names, size_t n, const char *why,
		      uint8_t *ret)
{
	size_t len = word_length(c);

	for (size_t i = 0; i < n; i++) {
		if (names[i] && strlen(names[i]) == len &&
		    !memcmp(names[i], c->text + c->at, len)) {
			c->at += len;
			*ret = (uint8_t)i;
			return 0;
		}
	}
	c->why = why;
	return MN_E_SYNTAX;
}

/* Four numbers of 16 bits with signs. */
static int parse_steps(struct cursor *c, int16_t *ret)
{
	int16_t steps[4];

	for (int i = 0; i < 4; i++) {
		int minus;
		uint32_t v;
		int rc;

		if (i) {
			if (c->at == c->len || c->text[c->at] != ',') {
				c->why = "a comma is expected";
				return MN_E_SYNTAX;
			}
			c->at++;
		}
		minus = c->at < c->len && c->text[c->at] == '-';
		c->at += (size_t)minus;
		rc = parse_number(c, INT16_MAX, &v);
		if (rc < 0)
			return rc;
		steps[i] = (int16_t)(minus ? -(int32_t)v : (int32_t)v);
	}
	memcpy(ret, steps, sizeof(steps));
	return 0;
}

static int parse_order(struct cursor *c, uint8_t *ret)
{
	unsigned order = 0;

	for (int i = 0; i < 4; i++) {
		const char *letter = c->at < c->len ? memchr(dim_letters, c->text[c->at], 4) : NULL;

		if (!letter) {
			c->why = "a permutation of nhwc is expected";
			return MN_E_SYNTAX;
		}
		order |= (unsigned)(letter - dim_letters) << 2 * i;
		c->at++;
	}
	*ret = (uint8_t)order;
	return 0;
}

static int parse_value(struct cursor *c, enum field field, struct mn_layer *l)
{
	uint32_t v[8];
	int rc;

	switch (field) {
	case FIELD_IN:
		return parse_shape(c, &l->in);
	case FIELD_IN2:
		return parse_shape(c, &l->in2);
	case FIELD_SHAPE:
		return parse_shape(c, &l->shape);
	case FIELD_OUT_C:
		return parse_number(c, UINT32_MAX, &l->out_c);
	case FIELD_MULTIPLIER:
		rc = parse_number(c, UINT16_MAX, v);
		if (rc == 0)
			l->multiplier = (uint16_t)v[0];
		return rc;
	case FIELD_KERNEL:
		return parse_pair(c, &l->kernel_h, &l->kernel_w);
	case FIELD_STRIDE:
		return parse_pair(c, &l->stride_h, &l->stride_w);
	case FIELD_DILATION:
		return parse_pair(c, &l->dilation_h, &l->dilation_w);
	case FIELD_PADDING:
		return parse_name(c, padding_names, N_NAMES(padding_names),
				  "valid or same is expected", &l->padding);
	case FIELD_ACT:
		return parse_name(c, act_names, N_NAMES(act_names),
				  "none, relu or relu6 is expected", &l->act);
	case FIELD_BIAS:
		rc = parse_number(c, 1, v);
		if (rc == 0)
			l->bias = (uint8_t)v[0];
		return rc;
	case FIELD_AXES:
		return parse_name(c, axes_names, N_NAMES(axes_names), "h, w or hw is expected",
				  &l->axes);
	case FIELD_PADS:
		rc = parse_list(c, ',', 8, UINT16_MAX, v);
		if (rc == 0)
			for (int i = 0; i < 8; i++)
				l->pad[i / 2][i % 2] = (uint16_t)v[i];
		return rc;
	case FIELD_BEGIN:
		rc = parse_list(c, ',', 4, UINT16_MAX, v);
		for (int i = 0; i < 4 && rc == 0; i++)
			l->begin[i] = (uint16_t)v[i];
		return rc;
	case FIELD_STEPS:
		return parse_steps(c, l->steps);
	case FIELD_ORDER:
		return parse_order(c, &l->order);
	case FIELD_SAMPLING:
		return parse_name(c, sampling_names, N_NAMES(sampling_names),
				  "plain, align_corners or half_pixel is expected", &l->sampling);
	default:
		return MN_E_INTERNAL;
	}
}

static int parse_field(struct cursor *c, struct mn_layer *l, size_t *columns)
{
	size_t len = word_length(c), value_at;
	int field, rc;

	for (field = 1; field < FIELD_COUNT; field++)
		if (strlen(field_names[field]) == len &&
		    !memcmp(field_names[field], c->text + c->at, len))
			break;
	if (field == FIELD_COUNT || !(op_fields[l->op] & 1u << field)) {
		c->why = field == FIELD_COUNT ? "unknown field" : "the op has no such field";
		return MN_E_SYNTAX;
	}
	if (columns[field]) {
		c->why = "the field is given twice";
		return MN_E_SYNTAX;
	}
	c->at += len;
	if (c->at == c->len || c->text[c->at] != '=') {
		c->why = "an = is expected";
		return MN_E_SYNTAX;
	}
	c->at++;
	value_at = c->at;
	rc = parse_value(c, (enum field)field, l);
	if (rc < 0)
		return rc;
	if (c->at < c->len && !is_blank(c->text[c->at])) {
		c->why = "a blank is expected";
		return MN_E_SYNTAX;
	}
	columns[field] = value_at + 1;
	return 0;
}

int mn_layer_parse(const char *text, size_t len, struct mn_layer *ret_layer, size_t *ret_column,
		   const char **ret_why)
{
	struct cursor c = {text, len, 0, NULL};
	size_t columns[FIELD_COUNT] = {0};
	struct mn_layer layer;
	enum field field;
	int rc, op;

	while (c.at < len && is_blank(text[c.at]))
		c.at++;
	columns[FIELD_OP] = c.at + 1;
	op = mn_op_parse(text + c.at, word_length(&c));
	if (op < 0) {
		c.why = "unknown op";
		rc = MN_E_SYNTAX;
		goto out;
	}
	c.at += strlen(ops[op].name);
	mn_layer_init(&layer, (enum mn_op)op);
	for (;;) {
		if (c.at < len && !is_blank(text[c.at])) {
			c.why = "a blank is expected";
			rc = MN_E_SYNTAX;
			goto out;
		}
		while (c.at < len && is_blank(text[c.at]))
			c.at++;
		if (c.at == len)
			break;
		rc = parse_field(&c, &layer, columns);
		if (rc < 0)
			goto out;
	}
	rc = check(&layer, NULL, &field, &c.why);
	if (rc < 0) {
		c.at = (columns[field] ? columns[field] : columns[FIELD_OP]) - 1;
		goto out;
	}
	memcpy(ret_layer, &layer, sizeof(layer));
out:
	if (rc < 0) {
		if (ret_column)
			*ret_column = c.at + 1;
		if (ret_why)
			*ret_why = c.why;
	}
	return rc;
}

uint64_t mn_layer_hash(const struct mn_layer *layer)
{
	char text[MN_LAYER_TEXT_MAX];
	uint64_t hash = 0xcbf29ce484222325u;
	int len = mn_layer_format(layer, text, sizeof(text));

	if (len < 0)
		return 0;
	for (int i = 0; i < len; i++) {
		hash ^= (uint8_t)text[i];
		hash *= 0x100000001b3u;
	}
	return hash;
}
