/* SPDX-License-Identifier: MIT */
/*
 * What a model takes of the flash: its file, and the runtime that its operators need.
 *
 * Runtime. A link keeps what is reachable: a base (interpreter, allocator, planner, libc), each
 * operator's kernel with what only it uses, and parts that several operators share. Where the
 * measured links are split by library, TFLM's kernels add up to the byte in the release builds with
 * one equation to spare; CMSIS-NN does so with one part of 2452 bytes for whatever multiplies
 * matrices, and core and libc with one for the convolutions, but there no equation is left over to
 * check it. The figures in flash.def were solved from 12 op sets on the M4 and 8 on the M7, about
 * as many as there are unknowns: that the sets themselves come out within 0.01 % says little. One
 * set left out and the rest solved with a flat prior misses it by 4 % in the median with int8
 * kernels, at most 10 %, and by 6 %, at most 19 %, with generic ones (test_flash): each link
 * carries figures that no other has. So only sets of ALONE operators stand on measured sums and
 * differences; GROUP and GUESS operators widen the interval.
 */
#ifndef MN_FLASH_H
#define MN_FLASH_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "model.h"

/* The columns of flash.def. */
enum mn_flash_build {
	MN_FLASH_M4_RELEASE_INT8,
	MN_FLASH_M4_RELEASE_GENERIC,
	MN_FLASH_M4_DEFAULT_INT8,
	MN_FLASH_M4_DEFAULT_GENERIC,
	MN_FLASH_M7_RELEASE_INT8,
	MN_FLASH_M7_RELEASE_GENERIC,
	MN_FLASH_BUILDS
};

/* Start-up code, vectors and clock of the firmware around, in every measured link. */
#define MN_FLASH_FIRMWARE_BYTES 516

struct mn_flash {
	/* The file: constant data, scales and zero points, all else. They sum up to its size. */
	uint64_t weights_bytes, quantisation_bytes, graph_bytes;
	/* Code and constants of TFLM, CMSIS-NN and libc, with MN_FLASH_FIRMWARE_BYTES: text + data
	 * of a link without the model. */
	uint64_t runtime_bytes;
	uint64_t runtime_low_bytes, runtime_high_bytes; /* as far as it is estimated: +- 50 % of
							   GUESS, 30 % of GROUP, 2 % of the sum */
	uint64_t total_bytes;                           /* file and runtime */
	/* Static RAM of the runtime beside the arena: interpreter, resolver, libc; no stack. */
	uint64_t static_ram_bytes;
	unsigned n_ops, n_group, n_guess; /* different operators, and how sure they are */
	unsigned n_missing;               /* operators without any figure: the runtime is too low */
};

/* MN_E_NOMEM. */
int mn_flash_of(const struct mn_model *model, enum mn_flash_build build, struct mn_flash *ret,
		struct mn_err *err);

/* The runtime for a set of n operators, as mn_flash_of(); the file's figures are 0. */
void mn_flash_runtime(const int32_t *builtins, size_t n, enum mn_flash_build build,
		      struct mn_flash *ret);

#endif
