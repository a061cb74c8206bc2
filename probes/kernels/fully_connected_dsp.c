/* SPDX-License-Identifier: MIT */
#include "dot.h"
#include "variants.h"

uint32_t mn_fully_connected_dsp_scratch(const struct mn_layer *l)
{
	return l->out_c < 4 ? 0 : mn_column_bytes(l->in.c, MN_GROUP_1);
}

/* A row of inputs is widened once; four outputs then share each load of it. Those left over, up to
 * three, take the bytes as they are. */
int mn_fully_connected_dsp(const struct mn_kernel_args *a)
{
	const struct mn_quant *q = a->quant;
	const struct mn_shape in = a->layer->in;
	const uint32_t taps = in.c, out_c = a->layer->out_c, rows = in.n * in.h * in.w;
	/* One multiplier for all channels is a table that does not move. */
	const int32_t *const mult = q->mult ? q->mult : &q->out_mult;
	const int32_t *const shift = q->mult ? q->shift : &q->out_shift;
	const uint32_t step = q->mult ? 1 : 0;
	const uint32_t offset = mn_twice16(-q->in_zp);
	const struct mn_limits limits = mn_limits_of(q);
	const int32_t zp = q->out_zp;
	const int8_t *x = a->in;
	int8_t *dst = a->out;

	for (uint32_t row = 0; row < rows; row++, x += taps, dst += out_c) {
		const int8_t *w = a->weights;
		uint32_t oc = 0;

		if (out_c >= 4)
			mn_widen_all(a->scratch, MN_GROUP_1, 0, x, taps, offset);
		for (; oc + 4 <= out_c; oc += 4, w += 4 * (size_t)taps) {
			int32_t acc[4] = {0, 0, 0, 0};

			if (a->bias)
				for (int i = 0; i < 4; i++)
					acc[i] = a->bias[oc + i];
			mn_dot_4x1(acc, w, taps, a->scratch);
			for (uint32_t i = 0; i < 4; i++)
				acc[i] = mn_rescale_dsp(acc[i], mult[(oc + i) * step],
							shift[(oc + i) * step], zp);
			mn_store4(dst + oc, mn_pack4(acc[0], acc[1], acc[2], acc[3], limits));
		}
		for (; oc + 2 <= out_c; oc += 2, w += 2 * (size_t)taps) {
			int32_t acc[2] = {0, 0};

			if (a->bias) {
				acc[0] = a->bias[oc];
				acc[1] = a->bias[oc + 1];
			}
			mn_dot_2_bytes(acc, w, x, taps, offset);
			for (uint32_t i = 0; i < 2; i++)
				dst[oc + i] = mn_requantise_dsp(acc[i], mult[(oc + i) * step],
								shift[(oc + i) * step], q);
		}
		if (oc < out_c) {
			int32_t acc = a->bias ? a->bias[oc] : 0;

			acc = mn_dot_1_bytes(acc, w, x, taps, offset);
			dst[oc] = mn_requantise_dsp(acc, mult[oc * step], shift[oc * step], q);
		}
	}
	return 0;
}
