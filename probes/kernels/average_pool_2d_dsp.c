/* SPDX-License-Identifier: MIT */
#include "pool.h"
#include "variants.h"
#include "window_sum.h"

/* All channels of one output. x: first pixel of the window. */
MN_NOINLINE void pixel(const struct mn_kernel_args *a, const int8_t *x, uint32_t rows,
		       uint32_t columns, int8_t *out)
{
	const uint32_t channels = a->layer->in.c;
	const size_t row = (size_t)a->layer->in.w * channels;
	const struct mn_limits limits = mn_limits_of(a->quant);
	const int32_t count = (int32_t)(rows * columns);
	uint32_t c = 0;

	for (; c + 4 <= channels; c += 4) {
		int32_t sum[4];

		mn_window_sum4(x + c, rows, columns, channels, row, sum);
		mn_store4(out + c,
			  mn_pack4(mn_average(sum[0], count), mn_average(sum[1], count),
				   mn_average(sum[2], count), mn_average(sum[3], count), limits));
	}
	for (; c < channels; c++) {
		int32_t sum = mn_window_sum(x + c, rows, columns, channels, row);

		out[c] = (int8_t)mn_clamp(mn_average(sum, count), a->quant->act_min,
					  a->quant->act_max);
	}
}

int mn_average_pool_2d_dsp(const struct mn_kernel_args *a)
{
	mn_pool_each(a, pixel);
	return 0;
}
