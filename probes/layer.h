/* SPDX-License-Identifier: MIT */
/*
 * A layer: op + shapes + window + padding + activation, int8 with TFLite semantics.
 *
 * The vocabulary of everything else: the sweep expands to layers, the board runs them, the store
 * keys rows by their hash, fits regress on their features. Pure functions on plain data, no
 * allocation, freestanding.
 *
 * Shapes are NHWC and always four-dimensional; a tensor of lower rank fills from the right (a
 * vector of 10 is 1x1x1x10). All sizes come from files, so every product is checked: a layer that
 * passes mn_layer_check() has tensors below 2^31 bytes and MACs below 2^63, so that a kernel can
 * index with 32-bit integers.
 *
 * fully_connected works on n * h * w rows of c features each (TFLite's keep_num_dims view); a
 * tensor that it flattens is written as its rows, 1x1x1xfeatures.
 */
#ifndef MN_LAYER_H
#define MN_LAYER_H

#include <stddef.h>
#include <stdint.h>

/* On the wire and in the store: append only. name is the text form. `inputs` counts activation
 * inputs. */
/*      enum                value name                 inputs */
#define MN_OP_TABLE(X)                                                                             \
	X(NOP, 0, "null", 0) /* overhead probe: an empty kernel */                                 \
	X(CONV_2D, 1, "conv_2d", 1)                                                                \
	X(DEPTHWISE_CONV_2D, 2, "depthwise_conv_2d", 1)                                            \
	X(FULLY_CONNECTED, 3, "fully_connected", 1)                                                \
	X(AVERAGE_POOL_2D, 4, "average_pool_2d", 1)                                                \
	X(MAX_POOL_2D, 5, "max_pool_2d", 1)                                                        \
	X(MEAN, 6, "mean", 1) /* over H and W, or one of them: axes */                             \
	X(ADD, 7, "add", 2)                                                                        \
	X(SOFTMAX, 8, "softmax", 1) /* over C */                                                   \
	X(PAD, 9, "pad", 1)                                                                        \
	X(RESHAPE, 10, "reshape", 1)                                                               \
	X(MUL, 11, "mul", 2)                                                                       \
	X(SUB, 12, "sub", 2)                                                                       \
	X(MAXIMUM, 13, "maximum", 2)                                                               \
	X(MINIMUM, 14, "minimum", 2)                                                               \
	X(CONCATENATION, 15, "concatenation", 1) /* one input of it: see below */                  \
	X(QUANTIZE, 16, "quantize", 1)           /* int8 to int8 */                                \
	X(RELU, 17, "relu", 1)                                                                     \
	X(RELU6, 18, "relu6", 1)                                                                   \
	X(LOGISTIC, 19, "logistic", 1)                                                             \
	X(TANH, 20, "tanh", 1)                                                                     \
	X(LEAKY_RELU, 21, "leaky_relu", 1)                                                         \
	X(HARD_SWISH, 22, "hard_swish", 1)                                                         \
	X(STRIDED_SLICE, 23, "strided_slice", 1)                                                   \
	X(RESIZE_NEAREST_NEIGHBOR, 24, "resize_nearest_neighbor", 1)                               \
	X(TRANSPOSE, 25, "transpose", 1)

enum mn_op {
#define X(name, value, text, inputs) MN_OP_##name = (value),
	MN_OP_TABLE(X)
#undef X
		MN_OP_COUNT
};

enum mn_padding { MN_PADDING_VALID = 0, MN_PADDING_SAME = 1 };
enum mn_act { MN_ACT_NONE = 0, MN_ACT_RELU = 1, MN_ACT_RELU6 = 2 };

/* Bits of mn_layer.axes. */
enum mn_axis { MN_AXIS_H = 1 << 1, MN_AXIS_W = 1 << 2 };

/* mn_layer.sampling: how resize_nearest_neighbor finds the input of an output. TFLite's options. */
enum mn_sampling {
	MN_SAMPLING_PLAIN = 0,
	MN_SAMPLING_ALIGN_CORNERS = 1,
	MN_SAMPLING_HALF_PIXEL = 2
};

struct mn_shape {
	uint32_t n, h, w, c;
};

/*
 * A concatenation of N inputs is N layers, each of which copies one input to its place in the
 * output: a layer has one size however many inputs there are, and costs add up. Such a layer's
 * output is the whole output tensor, of which it writes the part that is its own.
 *
 * Plain data. Fields that an op does not use are 0 (mn_layer_init() sets the defaults), so that two
 * equal layers are equal byte by byte after mn_layer_parse().
 */
struct mn_layer {
	uint8_t op;      /* enum mn_op */
	uint8_t padding; /* enum mn_padding; windowed ops */
	uint8_t act;     /* enum mn_act; fused activation */
	uint8_t bias;    /* 0 or 1; conv_2d, depthwise_conv_2d, fully_connected */
	union {
		uint8_t axes;     /* mean: MN_AXIS_H | MN_AXIS_W, or one of them */
		uint8_t order;    /* transpose: bits 2i and 2i + 1 are the input's dimension that
				     becomes dimension i; a permutation */
		uint8_t sampling; /* resize_nearest_neighbor: enum mn_sampling */
	};
	uint8_t reserved[3];
	uint16_t kernel_h, kernel_w; /* window; 1..65535 */
	uint16_t stride_h, stride_w;
	uint16_t dilation_h, dilation_w; /* conv_2d, depthwise_conv_2d; 1 for the pools */
	uint16_t multiplier; /* depthwise_conv_2d: out channels = in channels * multiplier */
	union {
		/* pad: elements before and after, for N, H, W, C; concatenation: elements of the
		 * other inputs before and after, in one dimension only. */
		uint16_t pad[4][2];
		struct {
			uint16_t begin[4]; /* strided_slice: first element, for N, H, W, C */
			int16_t steps[4];  /* strided_slice: from one to the next; not 0 */
		};
	};
	struct mn_shape in;    /* first activation input */
	struct mn_shape in2;   /* ops of two inputs: the second; each dimension equal to in's, or
				  one of the two is 1 */
	struct mn_shape shape; /* reshape, strided_slice, resize_nearest_neighbor: the output */
	uint32_t out_c;        /* conv_2d, fully_connected: output channels */
};

/* Everything that can be counted on a layer without running it. Bytes are int8 tensors unless said.
 */
struct mn_layer_info {
	struct mn_shape out;
	uint64_t macs;         /* conv, depthwise, fully connected; padding taps counted; else 0 */
	uint64_t ops;          /* 2 * macs (the MicroNets and TFLite convention) */
	uint64_t out_elements; /* written: of a concatenation the input's, else all of out */
	uint64_t im2col_elements; /* conv_2d other than 1x1 stride 1: out n*h*w * kernel h*w * in c;
				     else 0 */
	uint32_t input_bytes;     /* all activation inputs */
	uint32_t output_bytes;
	uint32_t weight_bytes;
	uint32_t bias_bytes;  /* int32 */
	uint32_t quant_bytes; /* prepared before the first run: int32 multiplier + int32 shift per
				 output channel of a convolution; the table of 256 outputs of
				 logistic, tanh and hard_swish */
};

/* Zero *layer, set op and the defaults: strides, dilations, multiplier 1, bias 1 where the op has
 * one. */
void mn_layer_init(struct mn_layer *layer, enum mn_op op);

/*
 * Check every rule of the op and compute the counts. ret_info may be NULL.
 * MN_E_INVALID: a field is 0 or out of range, shapes do not agree, a window does not fit a VALID
 * input, a field that the op does not use differs from what mn_layer_init() sets (so that layers
 * with one text are equal). MN_E_OVERFLOW: a tensor of 2^31 bytes or more, MACs of 2^63 or more,
 * a window that reaches 2^31 or more elements, or kernel scratch beyond 32 bits (2^28 or more
 * inputs of one output). MN_E_UNSUPPORTED: unknown op. If `ret_why` is not NULL it gets a static
 * sentence that names the field ("stride is 0").
 */
int mn_layer_check(const struct mn_layer *layer, struct mn_layer_info *ret_info,
		   const char **ret_why);

/* Output shape of a layer that has passed mn_layer_check(), without 64-bit arithmetic: kernels call
 * it in timed code. */
struct mn_shape mn_layer_out_shape(const struct mn_layer *layer);

/* Rows (dim 0) or columns (dim 1) of zero padding before the first element (TFLite SAME rule: total
 * / 2, down). */
uint32_t mn_layer_pad_before(const struct mn_layer *layer, int dim);

/* Longest canonical text including the final NUL. */
#define MN_LAYER_TEXT_MAX 256

/*
 * Canonical one-line text, for example
 *   conv_2d in=1x49x10x1 out_c=64 kernel=10x4 stride=2x2 dilation=1x1 padding=same act=relu bias=1
 *   add in=1x8x8x16 in2=1x8x8x16 act=none        pad in=1x8x8x16 pads=0,0,1,1,1,1,0,0
 *   mean in=1x7x7x64 axes=hw                     reshape in=1x1x1x64 shape=1x8x8x1        null
 *   concatenation in=1x8x8x16 pads=0,0,0,0,0,0,16,8       transpose in=1x4x5x6 order=nchw
 *   strided_slice in=1x9x9x8 shape=1x4x3x8 begin=0,1,8,0 steps=1,2,-2,1
 *   resize_nearest_neighbor in=1x4x4x8 shape=1x8x8x8 sampling=half_pixel
 * Every field of the op in a fixed order, one blank between fields, lower case. buf has at least
 * MN_LAYER_TEXT_MAX bytes. Returns the length without NUL, MN_E_UNSUPPORTED for an unknown op,
 * MN_E_INVALID for an enumerated value without a name, or MN_E_TOO_BIG.
 */
int mn_layer_format(const struct mn_layer *layer, char *buf, size_t size);

/*
 * Parse the text form: fields in any order, blanks or tabs between them, omitted ones take
 * mn_layer_init()'s defaults; the layer is then checked as by mn_layer_check(). text is `len` bytes
 * and need not end in NUL. On a failure *ret_column (if not NULL) is the 1-based column of the
 * offending byte (of the value, when the check refuses it; 1, the op, when its field is omitted)
 * and *ret_why (if not NULL) a static sentence. Returns 0, MN_E_SYNTAX, or as mn_layer_check().
 */
int mn_layer_parse(const char *text, size_t len, struct mn_layer *ret_layer, size_t *ret_column,
		   const char **ret_why);

/* FNV-1a 64 of the canonical text: the same on every machine, for ever. 0 for a layer without a
 * text. */
uint64_t mn_layer_hash(const struct mn_layer *layer);

/* "conv_2d" …; "?" for an unknown op. */
const char *mn_op_name(enum mn_op op);
/* The op of that name, or MN_E_NOTFOUND. */
int mn_op_parse(const char *text, size_t len);
/* Activation inputs of an op: 0, 1 or 2. */
int mn_op_inputs(enum mn_op op);
/* Whether an op is a function of one byte that comes prepared as a table of 256 (kernel.h). */
int mn_op_has_table(enum mn_op op);

/* Number of elements, or MN_E_OVERFLOW through the return value when it is 2^31 or more. 0 is
 * valid. */
int mn_shape_elements(const struct mn_shape *shape, uint32_t *ret_elements);

#endif
