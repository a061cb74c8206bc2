/* SPDX-License-Identifier: MIT */
/*
 * A .tflite file, read.
 *
 * The reader has its own knowledge of the public schema's field numbers (identifier "TFL3") and
 * trusts no byte of the file: each offset, count and product is checked, and an index that is
 * stored here has been checked against what it indexes. Names, constant data and quantisation
 * vectors are not copied, they point into the file's bytes; the arrays of tensors and operators
 * are allocated, and bounded by the size of the file.
 *
 * Every builtin operator has its name and its tensors here; the options of some are decoded
 * (struct mn_options says which). To run one: lower.h.
 */
#ifndef MN_MODEL_H
#define MN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define MN_RANK_MAX 8

/* BuiltinOperator. */
enum mn_builtin {
#define X(value, name) MN_BUILTIN_##name = (value),
#include "builtin.def"
#undef X
	MN_BUILTIN_COUNT
};

/* TensorType.  enum          value  bits, 0 for no fixed size */
#define MN_TYPE_TABLE(X)                                                                           \
	X(FLOAT32, 0, 32)                                                                          \
	X(FLOAT16, 1, 16)                                                                          \
	X(INT32, 2, 32)                                                                            \
	X(UINT8, 3, 8)                                                                             \
	X(INT64, 4, 64)                                                                            \
	X(STRING, 5, 0)                                                                            \
	X(BOOL, 6, 8)                                                                              \
	X(INT16, 7, 16)                                                                            \
	X(COMPLEX64, 8, 64)                                                                        \
	X(INT8, 9, 8)                                                                              \
	X(FLOAT64, 10, 64)                                                                         \
	X(COMPLEX128, 11, 128)                                                                     \
	X(UINT64, 12, 64)                                                                          \
	X(RESOURCE, 13, 0)                                                                         \
	X(VARIANT, 14, 0)                                                                          \
	X(UINT32, 15, 32)                                                                          \
	X(UINT16, 16, 16)                                                                          \
	X(INT4, 17, 4)                                                                             \
	X(BFLOAT16, 18, 16)

enum mn_type {
#define X(name, value, bits) MN_TYPE_##name = (value),
	MN_TYPE_TABLE(X)
#undef X
		MN_TYPE_COUNT
};

/* ActivationFunctionType as the file has it; more than enum mn_act, which a layer can fuse. */
enum mn_fused {
	MN_FUSED_NONE = 0,
	MN_FUSED_RELU = 1,
	MN_FUSED_RELU_N1_TO_1 = 2,
	MN_FUSED_RELU6 = 3,
	MN_FUSED_TANH = 4,
	MN_FUSED_SIGN_BIT = 5
};

struct mn_tensor {
	const char *name; /* "" if it has none */
	uint8_t type;     /* enum mn_type */
	uint8_t rank;     /* 0: a scalar */
	bool is_variable; /* keeps its value between runs */
	bool is_sparse;   /* constant data are in a compressed form that is not decoded here */
	int32_t shape[MN_RANK_MAX];
	uint64_t elements; /* product of the shape, below 2^31 */
	uint64_t bytes;    /* as the type has it; 0 for a type without a fixed size */
	uint32_t buffer;   /* index, 0: no buffer */
	/* Constant data, little endian, at least `bytes` of them unless it is sparse or of no fixed
	 * size; NULL for an activation. Aligned only as the file has it. */
	const uint8_t *data;
	uint32_t data_bytes;
	/* Quantisation: real = scale * (q - zero point). 0 scales: none; 1: per tensor; else one
	 * per index along quantized_dimension. As stored: real files have biases of rank 1
	 * quantised along dimension 3, so whoever uses them compares them with the shape. Read them
	 * with mn_tensor_scale() and mn_tensor_zero_point(). */
	uint32_t n_scales, n_zero_points;
	int32_t quantized_dimension;
	const uint8_t *scales, *zero_points;
	uint32_t byte; /* where the tensor is in the file, for messages */
};

/*
 * Builtin options, decoded for CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, AVERAGE_POOL_2D,
 * MAX_POOL_2D, MEAN and the other reductions, ADD, SUB, MUL, DIV, SOFTMAX, RESHAPE, CONCATENATION,
 * PACK, UNPACK, STRIDED_SLICE, RESIZE_NEAREST_NEIGHBOR, LEAKY_RELU, TRANSPOSE_CONV, IF, WHILE,
 * CALL_ONCE; fields that an operator does not have are 0.
 */
struct mn_options {
	bool padding_same; /* else VALID */
	uint8_t fused;     /* enum mn_fused */
	int32_t stride_h, stride_w;
	int32_t dilation_h, dilation_w;
	int32_t kernel_h, kernel_w; /* pools */
	int32_t depth_multiplier;   /* as stored; the shapes decide */
	uint8_t weights_format;     /* FULLY_CONNECTED; 0: plain */
	bool keep_dims;             /* reductions; FULLY_CONNECTED: keep_num_dims */
	float beta;                 /* SOFTMAX */
	int32_t axis;               /* CONCATENATION, PACK, UNPACK */
	/* STRIDED_SLICE: bits by dimension. offset: the end counts from the begin. */
	int32_t begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask;
	bool offset;
	bool align_corners, half_pixel_centers; /* RESIZE_NEAREST_NEIGHBOR */
	float alpha;                            /* LEAKY_RELU */
	int32_t subgraphs[2]; /* that IF, WHILE, CALL_ONCE run, unchecked; else -1 */
};

struct mn_operator {
	int32_t builtin;         /* enum mn_builtin, or a later one: mn_builtin_name() gives "?" */
	int32_t version;         /* of the operator code */
	const char *custom_name; /* CUSTOM; else "" */
	const int32_t *inputs;   /* tensor indices of the subgraph; -1: an optional one left out */
	const int32_t *outputs;  /* likewise, never -1 */
	uint32_t n_inputs, n_outputs;
	struct mn_options options;
	uint32_t byte; /* where the operator is in the file, for messages */
};

struct mn_subgraph {
	const char *name; /* "" if it has none */
	const struct mn_tensor *tensors;
	const struct mn_operator *operators; /* in the order of execution */
	const int32_t *inputs, *outputs;     /* tensor indices */
	uint32_t n_tensors, n_operators, n_inputs, n_outputs;
};

struct mn_metadata {
	const char *name;
	const uint8_t *data; /* NULL if empty */
	uint32_t data_bytes;
};

/* Read only, from mn_model_parse() or mn_model_open(). */
struct mn_model {
	uint32_t version; /* of the schema: 3 */
	const char *description;
	const struct mn_subgraph *subgraphs; /* the first is the entry */
	uint32_t n_subgraphs;
	const struct mn_metadata *metadata;
	uint32_t n_metadata;
	const uint8_t *data; /* the file */
	size_t size;
};

/*
 * Read a model from bytes that the caller keeps, unchanged, until mn_model_free(). The message of a
 * failure starts with the byte offset at fault. MN_E_SYNTAX: not a model, or a broken one;
 * MN_E_INVALID: a value that makes no sense (an index of nothing, a negative dimension);
 * MN_E_OVERFLOW: a tensor of 2^31 elements or more; MN_E_UNSUPPORTED: a schema version, a tensor
 * type or a rank that is not known; MN_E_TOO_BIG: 2^31 bytes or more; MN_E_NOMEM.
 */
int mn_model_parse(const uint8_t *data, size_t size, struct mn_model **ret_model,
		   struct mn_err *err);

/* Read a file; the model owns the bytes. As mn_model_parse(), MN_E_NOTFOUND, MN_E_PERM, MN_E_IO;
 * the message starts with the path. */
int mn_model_open(const char *path, struct mn_model **ret_model, struct mn_err *err);

void mn_model_free(struct mn_model *model);

/* "CONV_2D" ..., "?" for a code that this version does not know. */
const char *mn_builtin_name(int32_t builtin);
/* What to call an operator in a message: its builtin's name, or its custom name. */
const char *mn_operator_name(const struct mn_operator *op);
/* "INT8" ..., "?" for an unknown type. */
const char *mn_type_name(uint8_t type);

/* Scale or zero point i (i < n_scales, n_zero_points). */
float mn_tensor_scale(const struct mn_tensor *tensor, uint32_t i);
int64_t mn_tensor_zero_point(const struct mn_tensor *tensor, uint32_t i);

#endif
