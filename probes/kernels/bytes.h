/* SPDX-License-Identifier: MIT */
/*
 * Copying and filling bytes by words. The C library of an image may be built for size and copy byte
 * by byte; a kernel's time must not depend on that.
 */
#ifndef MN_BYTES_H
#define MN_BYTES_H

#include <stddef.h>

#include "simd.h"

/* GCC would recognise the loops and call memcpy and memset after all, or regroup their words. */
#if defined(__GNUC__) && !defined(__clang__)
#define MN_AS_WRITTEN                                                                              \
	__attribute__((optimize("no-tree-loop-distribute-patterns", "no-tree-vectorize",           \
				"no-tree-slp-vectorize")))
#else
#define MN_AS_WRITTEN
#endif

/* The ranges do not overlap. */
void mn_copy(int8_t *dst, const int8_t *src, size_t n);

static inline MN_AS_WRITTEN void mn_fill(int8_t *dst, int32_t value, size_t n)
{
	uint32_t word = (uint32_t)(uint8_t)value * 0x01010101u;

	for (; n >= 16; n -= 16, dst += 16) {
		mn_store4(dst, word);
		mn_store4(dst + 4, word);
		mn_store4(dst + 8, word);
		mn_store4(dst + 12, word);
	}
	for (; n >= 4; n -= 4, dst += 4)
		mn_store4(dst, word);
	for (; n; n--)
		*dst++ = (int8_t)value;
}

#endif
