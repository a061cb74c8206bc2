/* SPDX-License-Identifier: MIT */
/* Byte by byte: concatenation, strided_slice, transpose, resize_nearest_neighbor. */
#include "move.h"
#include "variants.h"

int mn_concatenation_ref(const struct mn_kernel_args *a)
{
	const struct mn_part p = mn_part_of(a->layer);

	for (size_t row = 0; row < p.rows; row++)
		for (size_t i = 0; i < p.bytes; i++)
			a->out[row * p.pitch + p.at + i] = a->in[row * p.bytes + i];
	return 0;
}

/* strided_slice and transpose. */
int mn_walk_ref(const struct mn_kernel_args *a)
{
	const struct mn_walk w = mn_walk_of(a->layer);
	const int8_t *first = a->in + w.first;
	int8_t *dst = a->out;

	for (uint32_t n = 0; n < w.extent[0]; n++)
		for (uint32_t y = 0; y < w.extent[1]; y++)
			for (uint32_t x = 0; x < w.extent[2]; x++)
				for (uint32_t c = 0; c < w.extent[3]; c++)
					*dst++ = mn_walk_at(&w, first, n, y,
							    x)[(ptrdiff_t)c * w.step[3]];
	return 0;
}

int mn_resize_ref(const struct mn_kernel_args *a)
{
	const struct mn_shape in = a->layer->in, out = a->layer->shape;
	const struct mn_nearest rows = mn_nearest_of(in.h, out.h, a->layer->sampling);
	const struct mn_nearest columns = mn_nearest_of(in.w, out.w, a->layer->sampling);
	int8_t *dst = a->out;

	for (uint32_t n = 0; n < out.n; n++)
		for (uint32_t y = 0; y < out.h; y++)
			for (uint32_t x = 0; x < out.w; x++) {
				size_t row = (size_t)n * in.h + mn_nearest_at(&rows, y);
				size_t pixel = row * in.w + mn_nearest_at(&columns, x);

				for (uint32_t c = 0; c < out.c; c++)
					*dst++ = a->in[pixel * in.c + c];
			}
	return 0;
}
