/* SPDX-License-Identifier: MIT */
/*
 * A program: a sequence of layers with tensor offsets. It is what a board runs; one layer is a
 * program of one.
 *
 * A step names where each tensor lives: activations and scratch in the arena (SRAM), weights and
 * bias in the constant pool (flash), quantisation parameters of a convolution in the arena, as
 * TensorFlow Lite Micro has them. Offsets are bytes from the start of the arena or of the pool.
 */
#ifndef MN_PROGRAM_H
#define MN_PROGRAM_H

#include "layer.h"

#define MN_PROGRAM_STEPS_MAX 256
/* Alignment of every arena tensor and of weights in the pool. TFLM's constant. */
#define MN_ALIGN 16u

struct mn_step {
	struct mn_layer layer;
	uint32_t in_off, in2_off, out_off; /* arena; in2_off 0 if the op has one input */
	uint32_t scratch_off;              /* arena; scratch_bytes 0: unused */
	uint32_t scratch_bytes;
	uint32_t quant_off;  /* arena; multipliers then shifts, int32 each, per output channel */
	uint32_t weight_off; /* weight pool */
	uint32_t bias_off;   /* bias pool, multiple of 4 */
};

/* Borrowed steps. arena_bytes is the end of the last tensor. */
struct mn_program {
	uint32_t n_steps;
	uint32_t arena_bytes;
	const struct mn_step *steps;
};

/*
 * Lay out one layer as a program of one: input, second input, output, scratch, quantisation, each
 * aligned to MN_ALIGN; weights and bias at pool offset 0. scratch_bytes is what the kernel set asks
 * for (kernel.h). ret_program->steps points at *step. MN_E_* as mn_layer_check(); MN_E_OVERFLOW if
 * the sum does not fit 32 bits.
 */
int mn_program_single(const struct mn_layer *layer, uint32_t scratch_bytes, struct mn_step *step,
		      struct mn_program *ret_program);

/*
 * Verify a program that came over a wire against the memory at hand: each layer checks, each tensor
 * lies inside arena_bytes (<= arena_size), weights and bias inside their pools, alignments hold, no
 * output overlaps an input or scratch of its own step. Returns 0, MN_E_INVALID, or MN_E_TOO_BIG
 * with *ret_need and *ret_have in bytes, and *ret_what one of "arena", "weight pool", "bias pool".
 * ret pointers may be NULL; *ret_step (may be NULL) is the step at fault.
 */
int mn_program_check(const struct mn_program *program, uint32_t arena_size, uint32_t pool_size,
		     uint32_t bias_pool_size, uint32_t *ret_step, const char **ret_what,
		     uint32_t *ret_need, uint32_t *ret_have);

/* FNV-1a 64 over the layer hashes in order; a program of one layer has the hash of that layer. */
uint64_t mn_program_hash(const struct mn_program *program);

#endif
