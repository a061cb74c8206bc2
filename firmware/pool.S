/* SPDX-License-Identifier: MIT */
/*
 * The constant pools, made by the assembler: xorshift32 as probes/exec.h defines it, MN_BIAS_WORDS words
 * as an arithmetic shift right by 20, then the weight pool up to the end of the flash.
 *
 * Symbol values have 64 bits in the assembler, so they are cut to 32 by hand.
 */
	.syntax unified
	.section .pool, "a", %progbits
	.balign 32

	.global mn_bias_pool, mn_bias_pool_end, mn_pool, mn_pool_end
	.type mn_bias_pool, %object
	.type mn_pool, %object

	.set x, MN_POOL_SEED
mn_bias_pool:
	.rept MN_BIAS_WORDS
	.set x, (x ^ (x << 13)) & 0xffffffff
	.set x, x ^ (x >> 17)
	.set x, (x ^ (x << 5)) & 0xffffffff
	.word ((x >> 20) - ((x >> 31) << 12)) & 0xffffffff
	.endr
mn_bias_pool_end:
	.size mn_bias_pool, . - mn_bias_pool

mn_pool:
	.rept MN_POOL_BYTES / 4
	.set x, (x ^ (x << 13)) & 0xffffffff
	.set x, x ^ (x >> 17)
	.set x, (x ^ (x << 5)) & 0xffffffff
	.word x
	.endr
mn_pool_end:
	.size mn_pool, . - mn_pool
