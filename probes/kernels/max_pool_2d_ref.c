/* SPDX-License-Identifier: MIT */
#include "fixed.h"
#include "pool.h"
#include "variants.h"

/* All channels of one output. x: first pixel of the window. */
static void pixel(const struct mn_kernel_args *a, const int8_t *x, uint32_t rows, uint32_t columns,
		  int8_t *out)
{
	const struct mn_shape in = a->layer->in;

	for (uint32_t c = 0; c < in.c; c++) {
		int32_t max = INT8_MIN;

		for (uint32_t y = 0; y < rows; y++) {
			for (uint32_t i = 0; i < columns; i++) {
				int8_t v = x[((size_t)y * in.w + i) * in.c + c];

				if (v > max)
					max = v;
			}
		}
		out[c] = (int8_t)mn_clamp(max, a->quant->act_min, a->quant->act_max);
	}
}

int mn_max_pool_2d_ref(const struct mn_kernel_args *a)
{
	mn_pool_each(a, pixel);
	return 0;
}
