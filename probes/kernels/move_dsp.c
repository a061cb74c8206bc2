/* SPDX-License-Identifier: MIT */
/* By words where bytes stay together: concatenation, strided_slice, transpose,
 * resize_nearest_neighbor. */
#include "bytes.h"
#include "move.h"
#include "variants.h"

int mn_concatenation_dsp(const struct mn_kernel_args *a)
{
	const struct mn_part p = mn_part_of(a->layer);
	const int8_t *src = a->in;
	int8_t *dst = a->out + p.at;

	for (size_t row = 0; row < p.rows; row++, src += p.bytes, dst += p.pitch)
		mn_copy(dst, src, p.bytes);
	return 0;
}

/* n bytes from every step-th one. */
MN_INLINE void gather(int8_t *dst, const int8_t *src, ptrdiff_t step, uint32_t n)
{
	for (; n >= 4; n -= 4, src += 4 * step, dst += 4) {
		uint32_t w = (uint8_t)src[0] | (uint32_t)(uint8_t)src[step] << 8;

		w |= (uint32_t)(uint8_t)src[2 * step] << 16;
		w |= (uint32_t)(uint8_t)src[3 * step] << 24;
		mn_store4(dst, w);
	}
	for (; n; n--, src += step)
		*dst++ = *src;
}

/* strided_slice and transpose. */
int mn_walk_dsp(const struct mn_kernel_args *a)
{
	struct mn_walk w = mn_walk_of(a->layer);
	const int8_t *first = a->in + w.first;
	int8_t *dst = a->out;

	/* Dimensions that follow each other without a gap are one. */
	for (int d = 2; d >= 0 && w.step[3] == 1; d--) {
		if (w.extent[d] != 1 && w.step[d] != (ptrdiff_t)w.extent[3])
			break;
		w.extent[3] *= w.extent[d];
		w.extent[d] = 1;
	}
	for (uint32_t n = 0; n < w.extent[0]; n++)
		for (uint32_t y = 0; y < w.extent[1]; y++)
			for (uint32_t x = 0; x < w.extent[2]; x++, dst += w.extent[3]) {
				const int8_t *src = mn_walk_at(&w, first, n, y, x);

				if (w.step[3] == 1)
					mn_copy(dst, src, w.extent[3]);
				else
					gather(dst, src, w.step[3], w.extent[3]);
			}
	return 0;
}

/* Where each column comes from, in bytes. */
uint32_t mn_resize_dsp_scratch(const struct mn_layer *l)
{
	return 4 * l->shape.w;
}

int mn_resize_dsp(const struct mn_kernel_args *a)
{
	const struct mn_shape in = a->layer->in, out = a->layer->shape;
	const struct mn_nearest rows = mn_nearest_of(in.h, out.h, a->layer->sampling);
	const struct mn_nearest columns = mn_nearest_of(in.w, out.w, a->layer->sampling);
	const size_t row = (size_t)out.w * out.c;
	uint32_t *from = a->scratch, before = 0;
	const int8_t *image = a->in;
	int8_t *dst = a->out;

	for (uint32_t x = 0; x < out.w; x++)
		from[x] = mn_nearest_at(&columns, x) * in.c;
	for (uint32_t n = 0; n < out.n; n++, image += (size_t)in.h * in.w * in.c)
		for (uint32_t y = 0; y < out.h; y++, dst += row) {
			uint32_t at = mn_nearest_at(&rows, y);
			const int8_t *src = image + (size_t)at * in.w * in.c;

			/* The same row again is there already. */
			if (y && at == before)
				mn_copy(dst, dst - row, row);
			else
				for (uint32_t x = 0; x < out.w; x++)
					mn_copy(dst + x * out.c, src + from[x], out.c);
			before = at;
		}
	return 0;
}
