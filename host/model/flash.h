/* SPDX-License-Identifier: MIT */
/*
 * What a model takes of the flash: its file, and the runtime that its operators need.
 *
 * Runtime. A link keeps what is reachable: a base (interpreter, allocator, planner, libc) and, for
 * each operator, the functions that its registration reaches. Operators share many of them, so a
 * set's size is the union of its operators' parts, not their sum. For the M4 release builds the
 * parts were measured by linking each operator alone: the given links come out within 0.2 %, and 24
 * random sets of 1 to 16 operators, linked to check the union, within 0.5 % (test_flash). For the
 * M4 default and M7 builds the parts are the M4 release's with corrections solved from the given
 * links, so those are in sample. One set left out and the rest solved with a flat prior misses it
 * by 0.2 to 0.6 % in the median, at most 1.7 % (M4 default) and 3.2 % (M7); sets of operators that
 * no given link has are not measured there, and GROUP operators widen their interval.
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
	/* As far as it is estimated: 2 % of the sum, +- 50 % of a GROUP operator's correction. */
	uint64_t runtime_low_bytes, runtime_high_bytes;
	uint64_t total_bytes; /* file and runtime */
	/* Static RAM of the runtime beside the arena: interpreter, resolver, libc; no stack. */
	uint64_t static_ram_bytes;
	/* Different operators; with an estimated correction for this build; with estimated code
	 * (none). */
	unsigned n_ops, n_group, n_guess;
	unsigned n_missing; /* operators without any figure: the runtime is too low */
};

/* What was linked to measure it. */
#define MN_FLASH_TFLM_COMMIT     "90b983c2b3f1480642e040bbd2ddb37b998f3424"
#define MN_FLASH_CMSIS_NN_COMMIT "4ab83cc3cc98fb85ed6dafb55e8ca02f1628dcae"
#define MN_FLASH_COMPILER        "arm-none-eabi-gcc 12.2"

/* MN_E_NOMEM. */
int mn_flash_of(const struct mn_model *model, enum mn_flash_build build, struct mn_flash *ret,
		struct mn_err *err);

/* The runtime for a set of n operators, as mn_flash_of(); the file's figures are 0. */
void mn_flash_runtime(const int32_t *builtins, size_t n, enum mn_flash_build build,
		      struct mn_flash *ret);

#endif
