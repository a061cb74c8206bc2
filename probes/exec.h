/* SPDX-License-Identifier: MIT */
/*
 * The executor: binds a program to memory, fills inputs and quantisation, runs the steps, checks
 * the output.
 *
 * The firmware and the native tests run this very code on the same stimulus, so an output CRC from
 * a board can be compared with one computed on the host (tests/unit/test_exec.c does
 * exactly that).
 *
 * Stimulus. Weights are a pseudo-random constant pool in flash, read in place; biases a smaller
 * pool of int32 in -2048..2047. Both come from xorshift32, seed MN_POOL_SEED: x ^= x << 13; x ^= x
 * >> 17; x ^= x << 5, one step before each word. Word i of the image: first bias_words words give
 * the bias pool as (int32_t)x >> 20, the generator runs on, and the following words are the weight
 * pool as they are (little endian).
 */
#ifndef MN_EXEC_H
#define MN_EXEC_H

#include "kernels/kernel.h"
#include "program.h"

#define MN_POOL_SEED 0x6d6e6368u /* "mnch" */
/* int32 entries of the bias pool of every image: the most output channels a layer with bias can
 * have. */
#define MN_BIAS_WORDS 4096u

static inline uint32_t mn_xorshift32(uint32_t x)
{
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/* The memory a program runs in. Pools are read only. */
struct mn_exec_mem {
	uint8_t *arena; /* MN_ALIGN-aligned */
	uint32_t arena_bytes;
	const int8_t *pool; /* 4-aligned; the images align it to MN_ALIGN unless they shift it */
	uint32_t pool_bytes;
	const int32_t *bias_pool;
	uint32_t bias_pool_bytes;
};

/* A program bound to memory and to a kernel set. Plain data; valid while program, mem and set are.
 */
struct mn_exec {
	const struct mn_program *program;
	const struct mn_exec_mem *mem;
	const struct mn_kernel_set *set;
	uint32_t seed;
};

/*
 * Deterministic, plausible quantisation of a layer: zero points in -8..7, multipliers and shifts so
 * that random inputs and weights use most of the int8 output range (the scale follows the square
 * root of the taps: the sum of that many random products; about 48 output quanta of standard
 * deviation). Convolutions: mult and shift (out channels entries each) are filled and pointed to
 * unless they are NULL; fully_connected is per tensor. Depends on the layer only.
 */
void mn_stimulus_quant(const struct mn_layer *layer, int32_t *mult, int32_t *shift,
		       struct mn_quant *ret_quant);

/* Fill n bytes with xorshift32 words from `seed` (0 is replaced by MN_POOL_SEED), little endian. */
void mn_stimulus_fill(void *buf, uint32_t n, uint32_t seed);

/* Generate the pools as the images hold them: bias_words int32, then pool_bytes (multiple of 4)
 * bytes. */
void mn_stimulus_pools(int32_t *bias, uint32_t bias_words, void *pool, uint32_t pool_bytes);

/*
 * Bind. Runs mn_program_check() against mem and asks each kernel for its scratch. MN_E_UNSUPPORTED
 * with *ret_step if the set has no kernel; MN_E_INVALID if a step's scratch_bytes is less than its
 * kernel needs or a pointer of mem is not aligned; else as mn_program_check(), which a caller that
 * wants the byte counts of MN_E_TOO_BIG calls first.
 */
int mn_exec_bind(struct mn_exec *exec, const struct mn_program *program,
		 const struct mn_exec_mem *mem, const struct mn_kernel_set *set, uint32_t seed,
		 uint32_t *ret_step);

/*
 * Zero the program's arena, then write the inputs of the first step (in from `seed`, in2 from one
 * xorshift32 step further) and the quantisation of all steps, tables included. Before a first run,
 * and again before a repetition if a step writes over the inputs. Equal seeds and layers give equal
 * inputs whatever the kernel set and its scratch.
 */
void mn_exec_fill(const struct mn_exec *exec);

/*
 * Bind step i's pointers: what the timed call then needs is only kernel->run(args). Not timed.
 * *quant is the caller's, and must live as long as the args; its multipliers point into the arena
 * where mn_exec_fill() has put them.
 */
void mn_exec_args(const struct mn_exec *exec, uint32_t i, struct mn_quant *quant,
		  struct mn_kernel_args *ret_args, const struct mn_kernel **ret_kernel);

/* Run all steps once. 0 or the first kernel's error. */
int mn_exec_run(const struct mn_exec *exec);

/* CRC-32C of the last step's output tensor; 0 for a null program. */
uint32_t mn_exec_output_crc(const struct mn_exec *exec);

#endif
