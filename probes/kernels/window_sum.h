/* SPDX-License-Identifier: MIT */
/* Sums of a window of pixels: four channels at a time for average_pool_2d and mean. */
#ifndef MN_WINDOW_SUM_H
#define MN_WINDOW_SUM_H

#include "simd.h"

/* 16-bit sums of that many int8 cannot overflow: 255 * 128 < 2^15. */
#define MN_SUM16_MAX 255

/* sum[i] = sum of channel i of rows * columns pixels; pixels and rows are that many bytes apart. */
MN_INLINE void mn_window_sum4(const int8_t *x, uint32_t rows, uint32_t columns, size_t column,
			      size_t row, int32_t sum[4])
{
	uint32_t even = 0, odd = 0;

	if (rows <= MN_SUM16_MAX && columns <= MN_SUM16_MAX && rows * columns <= MN_SUM16_MAX) {
		for (; rows; rows--, x += row) {
			const int8_t *p = x;
			uint32_t i = columns;

			for (; i >= 2; i -= 2, p += 2 * column) {
				uint32_t v = mn_load4(p), w = mn_load4(p + column);

				even = mn_add_even(mn_add_even(even, v), w);
				odd = mn_add_odd(mn_add_odd(odd, v), w);
			}
			if (i) {
				uint32_t v = mn_load4(p);

				even = mn_add_even(even, v);
				odd = mn_add_odd(odd, v);
			}
		}
		sum[0] = mn_lo16(even);
		sum[1] = mn_lo16(odd);
		sum[2] = mn_hi16(even);
		sum[3] = mn_hi16(odd);
		return;
	}
	sum[0] = sum[1] = sum[2] = sum[3] = 0;
	for (; rows; rows--, x += row) {
		const int8_t *p = x;

		for (uint32_t left = columns; left;) {
			uint32_t n = left < MN_SUM16_MAX ? left : MN_SUM16_MAX;

			left -= n;
			even = odd = 0;
			for (; n; n--, p += column) {
				uint32_t v = mn_load4(p);

				even = mn_add_even(even, v);
				odd = mn_add_odd(odd, v);
			}
			sum[0] = mn_add32(sum[0], mn_lo16(even));
			sum[1] = mn_add32(sum[1], mn_lo16(odd));
			sum[2] = mn_add32(sum[2], mn_hi16(even));
			sum[3] = mn_add32(sum[3], mn_hi16(odd));
		}
	}
}

MN_INLINE int32_t mn_window_sum(const int8_t *x, uint32_t rows, uint32_t columns, size_t column,
				size_t row)
{
	int32_t sum = 0;

	for (; rows; rows--, x += row) {
		const int8_t *p = x;

		for (uint32_t i = columns; i; i--, p += column)
			sum = mn_add32(sum, *p);
	}
	return sum;
}

#endif
