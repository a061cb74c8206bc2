/* SPDX-License-Identifier: MIT */
#include "variants.h"
#include "window_sum.h"

int mn_mean_dsp(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const struct mn_shape in = a->layer->in, out = mn_layer_out_shape(a->layer);
	const struct mn_limits limits = mn_limits_of(q);
	const size_t row = (size_t)in.w * in.c;
	const uint32_t channels = in.c;
	const int8_t *x = a->in;
	uint32_t rows = in.h / out.h, columns = in.w / out.w; /* averaged */
	int32_t mult = q->out_mult, shift = q->out_shift, zp = q->out_zp;
	int32_t offset = mn_mul32((int32_t)(rows * columns), -q->in_zp);
	int8_t *dst = a->out;

	mn_mean_rescale(rows * columns, &mult, &shift);
	/* Whole images are one long row of pixels. */
	if (columns == in.w) {
		columns *= rows;
		rows = 1;
	}
	for (uint32_t n = 0; n < out.n; n++, x += in.h * row) {
		for (uint32_t o = 0; o < out.h * out.w; o++, dst += channels) {
			/* Either out.h is 1 or a row is averaged to one pixel, or both. */
			const int8_t *first = x + o * (out.w == 1 ? row : channels);
			uint32_t c = 0;

			for (; c + 4 <= channels; c += 4) {
				int32_t sum[4];

				mn_window_sum4(first + c, rows, columns, channels, row, sum);
				for (int i = 0; i < 4; i++)
					sum[i] = mn_rescale_dsp(mn_add32(sum[i], offset), mult,
								shift, zp);
				mn_store4(dst + c,
					  mn_pack4(sum[0], sum[1], sum[2], sum[3], limits));
			}
			for (; c < channels; c++) {
				int32_t sum =
					mn_window_sum(first + c, rows, columns, channels, row);

				dst[c] = mn_requantise_dsp(mn_add32(sum, offset), mult, shift, q);
			}
		}
	}
	return 0;
}
