/* SPDX-License-Identifier: MIT */
/*
 * The contract between a kernel set (a library of int8 layer implementations) and whoever runs it.
 *
 * A kernel set is a const table. mnchar has two of its own, `ref` (plain C, bit-exact with TFLite's
 * reference kernels) and `dsp` (Armv7E-M SIMD instructions); an adapter can add a third-party
 * library as another set. Kernels keep no state, allocate nothing and touch only what `struct
 * mn_kernel_args` names, so the same code runs on a board, on a virtual board and natively.
 */
#ifndef MN_KERNEL_H
#define MN_KERNEL_H

#include "layer.h"

/*
 * Quantisation of one layer: real value = scale * (q - zero_point). Multipliers are TFLite's
 * fixed-point pairs: value = multiplier * 2^(shift - 31), shift > 0 is a left shift, multiplier 0
 * to 2^31 - 1, shift -31 to 30. Rescale is double rounding (TFLITE_SINGLE_ROUNDING not defined).
 */
struct mn_quant {
	int32_t in_zp, in2_zp, out_zp;
	int32_t act_min, act_max; /* fused activation, in output quanta, inside -128..127 */
	const int32_t *mult;      /* conv, depthwise: out_c multipliers; fully_connected: these if
				     not NULL, else out_mult for every channel */
	const int32_t *shift;     /* likewise out_c shifts */
	/* add, sub: input rescales. fully_connected, add, sub, mul, mean, quantize, relu: the
	 * output rescale (mean: s_in / s_out, the kernel folds the number of elements in).
	 * leaky_relu: out_mult for x >= 0, in_mult for the others. softmax, logistic, tanh:
	 * in_mult, in_shift only. hard_swish: in_mult for the gate, out_mult for the product, of 16
	 * bits both. */
	int32_t in_mult, in_shift;
	int32_t in2_mult, in2_shift;
	int32_t out_mult, out_shift;
	int32_t left_shift; /* add, sub: 20 */
	/* softmax: differences below it give -128; at most 0. logistic, tanh: x - in_zp that is at
	 * most this gives the least output, at least minus this the greatest; below 0. */
	int32_t diff_min;
	/* logistic, tanh, hard_swish: the outputs of all inputs, by input byte, from
	 * mn_kernel_table(), or NULL. A function of one byte is computed once, before the first
	 * run, as TFLite does it when it prepares the operator; dsp then looks up. */
	const int8_t *table;
};

/* All pointers are 4-byte aligned at least, scratch 16-byte. Tensors do not overlap. */
struct mn_kernel_args {
	const struct mn_layer *layer; /* has passed mn_layer_check() */
	const struct mn_quant *quant;
	const int8_t *in, *in2;
	int8_t *out;
	const int8_t *weights; /* conv OHWI, depthwise 1HWC, fully_connected OI; symmetric, zero
				  point 0 */
	const int32_t *bias;   /* NULL without bias */
	void *scratch;         /* scratch_bytes(layer) bytes, contents undefined before and after */
};

struct mn_kernel {
	uint8_t op;       /* enum mn_op */
	const char *name; /* "conv_2d_1x1_dsp" … */
	/* Scratch the run needs, in bytes, 0 for none; a layer that overflows 32 bits does not pass
	 * the check. */
	uint32_t (*scratch_bytes)(const struct mn_layer *layer);
	/* 0, or MN_E_UNSUPPORTED if this set cannot run that layer (said before anything is
	 * written). */
	int (*run)(const struct mn_kernel_args *args);
};

struct mn_kernel_set {
	/* library/version/variant, for example "mnchar/2/dsp": the kernels id that travels with
	 * each result. */
	const char *id;
	const struct mn_kernel *kernels; /* one per op, n_kernels of them */
	uint32_t n_kernels;
};

/* All sets of this build, NULL-terminated; index 0 is the default. The index is on the wire. */
extern const struct mn_kernel_set *const mn_kernel_sets[];
uint32_t mn_kernel_sets_count(void);

/* The set of that id, or NULL. */
const struct mn_kernel_set *mn_kernel_set_find(const char *id);

/* The kernel of an op in a set, or NULL. MN_OP_NOP has one in every set: an empty function. */
const struct mn_kernel *mn_kernel_find(const struct mn_kernel_set *set, enum mn_op op);

/* Compute the table of an op with mn_op_has_table(): 256 outputs, by input byte. */
void mn_kernel_table(enum mn_op op, const struct mn_quant *quant, int8_t *table);

#endif
