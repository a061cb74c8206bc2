/* SPDX-License-Identifier: MIT */
/*
 * Where a block will access memory, told from the registers it starts with. Kernels walk their
 * tensors with base registers that move by constants, so all addresses of an inner loop's body are
 * sums of a register at its start and a constant; where a pointer comes out of memory or of simple
 * arithmetic, that is part of the recipe. So no access of such a block need be watched.
 *
 * A recipe works on values: 0 … 14 are r0 … r14 at the start of the block, MN_ADDR_ZERO is 0, and
 * operation k makes value MN_ADDR_FIRST + k.
 */
#ifndef MN_ADDR_H
#define MN_ADDR_H

#include <stdint.h>

#include "insn.h"

#define MN_ADDR_ZERO  15u
#define MN_ADDR_FIRST 16u
#define MN_ADDR_OPS   48u

enum mn_addr_kind {
	MN_ADDR_ADD, /* (a + a_offset) + (b + b_offset) << shift */
	MN_ADDR_SUB,
	MN_ADDR_MUL, /* shift unused */
	MN_ADDR_LSR, /* (a + a_offset) >> shift */
	MN_ADDR_ASR,
	MN_ADDR_LOAD /* `bytes` at a + a_offset; is_signed; after accesses 0 … after - 1 */
};

struct mn_addr_op {
	uint8_t kind, a, b, shift;
	uint8_t bytes, is_signed;
	uint16_t after;
	uint32_t a_offset, b_offset;
};

struct mn_addr_access {
	uint32_t offset; /* added to value `base` */
	uint8_t base, bytes, store;
};

/* All accesses by one value are at it + low … it + high. */
struct mn_addr_extent {
	uint32_t low, high;
	uint8_t base;
};

struct mn_addr_recipe {
	uint32_t reads; /* registers needed */
	uint16_t n_ops, n_access, n_extents;
	struct mn_addr_op *op;
	struct mn_addr_access *access; /* words, in the order of the program */
	struct mn_addr_extent *extent;
};

/*
 * The recipe of n instructions at the addresses `at`; hw are their halfwords, two each. `constant`
 * tells whether the word at an address can never change, and what it is. NULL if there is none: an
 * address depends on what cannot be told, an access may be skipped, the operands of a division
 * count, or memory is short.
 */
struct mn_addr_recipe *
mn_addr_analyse(const struct mn_insn *insn, const uint32_t *at, const uint16_t *hw, uint32_t n,
		int (*constant)(void *user, uint32_t addr, uint32_t *ret_word), void *user);
void mn_addr_free(struct mn_addr_recipe *recipe);

#endif
