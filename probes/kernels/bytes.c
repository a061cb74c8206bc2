/* SPDX-License-Identifier: MIT */
#include "bytes.h"

#if MN_SIMD_ARM

/*
 * n bytes, a multiple of 32, between addresses divisible by 4. Eight registers a transfer: the M4
 * loads and stores them in 9 cycles each, the M7 two words a cycle. Not r7, which is the frame
 * pointer of a build without optimisation.
 */
#define EIGHT "{r3, r4, r5, r6, r8, r9, r10, r12}"

static void copy_blocks(void *dst, const void *src, size_t n)
{
	const void *end = (const char *)src + (n & ~(size_t)63);

	if (src != end)
		__asm__ volatile(".p2align 3\n"
				 "1:\n\t"
				 "ldmia %[src]!, " EIGHT "\n\t"
				 "stmia %[dst]!, " EIGHT "\n\t"
				 "ldmia %[src]!, " EIGHT "\n\t"
				 "stmia %[dst]!, " EIGHT "\n\t"
				 "cmp %[src], %[end]\n\t"
				 "bne 1b"
				 : [dst] "+r"(dst), [src] "+r"(src)
				 : [end] "r"(end)
				 : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "cc",
				   "memory");
	if (n & 32)
		__asm__ volatile("ldmia %[src]!, " EIGHT "\n\t"
				 "stmia %[dst]!, " EIGHT
				 : [dst] "+r"(dst), [src] "+r"(src)
				 :
				 : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "memory");
}

#else

static void copy_blocks(void *dst, const void *src, size_t n)
{
	__builtin_memcpy(dst, src, n);
}

#endif

MN_AS_WRITTEN void mn_copy(int8_t *dst, const int8_t *src, size_t n)
{
	if (n >= 32 && !(((uintptr_t)dst | (uintptr_t)src) & 3)) {
		size_t blocks = n & ~(size_t)31;

		copy_blocks(dst, src, blocks);
		dst += blocks;
		src += blocks;
		n -= blocks;
	}
	for (; n >= 16; n -= 16, src += 16, dst += 16) {
		uint32_t a = mn_load4(src), b = mn_load4(src + 4);
		uint32_t c = mn_load4(src + 8), d = mn_load4(src + 12);

		mn_store4(dst, a);
		mn_store4(dst + 4, b);
		mn_store4(dst + 8, c);
		mn_store4(dst + 12, d);
	}
	for (; n >= 4; n -= 4, src += 4, dst += 4)
		mn_store4(dst, mn_load4(src));
	for (; n; n--)
		*dst++ = *src++;
}
