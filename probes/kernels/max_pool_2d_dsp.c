/* SPDX-License-Identifier: MIT */
#include "pool.h"
#include "simd.h"
#include "variants.h"

/* All channels of one output. x: first pixel of the window. */
MN_NOINLINE void pixel(const struct mn_kernel_args *a, const int8_t *x, uint32_t rows,
		       uint32_t columns, int8_t *out)
{
	const uint32_t channels = a->layer->in.c;
	const size_t row = (size_t)a->layer->in.w * channels;
	const struct mn_limits limits = mn_limits_of(a->quant);
	uint32_t c = 0;

	for (; c + 4 <= channels; c += 4) {
		/* max(x, act_min), then min(act_max). */
		uint32_t max = limits.lo;
		const int8_t *xr = x + c;

		for (uint32_t y = rows; y; y--, xr += row) {
			const int8_t *p = xr;
			uint32_t i = columns;

			for (; i >= 2; i -= 2, p += 2 * channels) {
				uint32_t v = mn_load4(p), w = mn_load4(p + channels);

				max = mn_max4(mn_max4(max, v), w);
			}
			if (i)
				max = mn_max4(max, mn_load4(p));
		}
		mn_store4(out + c, mn_min4(max, limits.hi));
	}
	for (; c < channels; c++) {
		int32_t max = a->quant->act_min;
		const int8_t *xr = x + c;

		for (uint32_t y = rows; y; y--, xr += row) {
			const int8_t *p = xr;

			for (uint32_t i = columns; i; i--, p += channels)
				if (*p > max)
					max = *p;
		}
		out[c] = (int8_t)(max < a->quant->act_max ? max : a->quant->act_max);
	}
}

int mn_max_pool_2d_dsp(const struct mn_kernel_args *a)
{
	mn_pool_each(a, pixel);
	return 0;
}
