/* SPDX-License-Identifier: MIT */
/*
 * One version of TensorFlow Lite Micro as far as its memory goes: the sizes of its structs and, for
 * each operator, what it allocates. Rules that change between versions are data: mn_tflm_find()
 * gives a version, and arena.h plans by whichever it is given.
 *
 * Build: 32-bit Arm, gcc, short enums, kernels of CMSIS-NN for a core with the DSP extension
 * (Cortex-M4, M7) and no vector extension.
 */
#ifndef MN_TFLM_H
#define MN_TFLM_H

#include <stdint.h>

#include "err.h"
#include "model.h"

/* How an operator's prepare() asks for buffers and which types it takes; tflm_requests.c has
 * them. */
enum mn_tflm_rule {
	MN_TFLM_PLAIN,     /* nothing of its own */
	MN_TFLM_FLOAT_INT, /* nothing; input 0 float32, int8 or int16 (ADD: or int32) */
	MN_TFLM_CONV,
	MN_TFLM_DEPTHWISE_CONV,
	MN_TFLM_FULLY_CONNECTED,
	MN_TFLM_AVERAGE_POOL,
	MN_TFLM_CONCATENATION,
	MN_TFLM_DEQUANTIZE,
	MN_TFLM_SOFTMAX,
	MN_TFLM_MEAN,
	MN_TFLM_REDUCE,
	MN_TFLM_SVDF,
	MN_TFLM_LSTM,
	MN_TFLM_TRANSPOSE_CONV,
	MN_TFLM_LOG_SOFTMAX,
	MN_TFLM_CUMSUM,
	MN_TFLM_ADD_N,
	MN_TFLM_MIRROR_PAD,
};

struct mn_tflm_op {
	int32_t builtin; /* enum mn_builtin */
	uint16_t options_bytes, options_align, data_bytes;
	uint8_t rule; /* enum mn_tflm_rule */
	const char *prepare;
};

/* Bytes of the structs; all are 4-aligned but what kernels keep, which is `align`. */
struct mn_tflm {
	const char *tflm_commit, *cmsis_nn_commit;
	uint16_t align; /* of buffers, and of what kernels keep */
	uint16_t arena_allocator, memory_planner, micro_allocator, builtin_allocator;
	/* The recording interpreter, whose own structs are bigger. */
	uint16_t recording_arena_allocator, recording_micro_allocator;
	uint16_t subgraph, eval_tensor, node, scratch_handle, pointer;
	uint16_t tensor, affine_quantization; /* TfLiteTensor and what a quantised one points to */
	uint16_t int_array;                   /* before its 4-byte elements */
	uint16_t scratch_request, scratch_requests_per_op, allocation_info, planned_buffer;
	const struct mn_tflm_op *ops;
	unsigned n_ops;
};

/* The version whose TFLM commit starts with the text, the default one for NULL; NULL if there is
 * none. */
const struct mn_tflm *mn_tflm_find(const char *commit);

/* NULL: this version has no such kernel, or its rule is not known here. */
const struct mn_tflm_op *mn_tflm_op(const struct mn_tflm *tflm, int32_t builtin);

#define MN_TFLM_REQUESTS_MAX 8

/* What an operator's prepare() asks for. */
struct mn_tflm_requests {
	uint64_t scratch[MN_TFLM_REQUESTS_MAX]; /* bytes; 0 is a request too */
	unsigned n_scratch;
	uint64_t persistent[MN_TFLM_REQUESTS_MAX]; /* bytes */
	unsigned n_persistent;
	/* Why TFLM would refuse the operator, NULL if it takes it. Not every check that TFLM makes
	 * is made here: types, ranks and what the sizes depend on. */
	const char *refused;
};

/* MN_E_INVALID: the operator lacks a tensor that its kind must have. */
int mn_tflm_requests(const struct mn_tflm_op *rule, const struct mn_subgraph *subgraph, uint32_t op,
		     struct mn_tflm_requests *ret, struct mn_err *err);

#endif
