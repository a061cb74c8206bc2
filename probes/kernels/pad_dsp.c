/* SPDX-License-Identifier: MIT */
#include "bytes.h"
#include "variants.h"

/*
 * Fills and copies by words. The output is stretches of the input with padding between them, so
 * that what ends a row, an image or a pixel and what begins the next one is one fill.
 */
int mn_pad_dsp(const struct mn_kernel_args *a)
{
	const struct mn_layer *l = a->layer;
	const struct mn_shape in = l->in, out = mn_layer_out_shape(l);
	const size_t pixel = out.c, row = out.w * pixel, image = out.h * row;
	const int32_t zp = a->quant->out_zp;
	/* Padding between two stretches, two rows, two images. */
	const size_t between = l->pad[3][0] + l->pad[3][1];
	const size_t rows = (l->pad[2][0] + l->pad[2][1]) * pixel;
	const size_t images = (l->pad[1][0] + l->pad[1][1]) * row;
	/* Without padding of C a row of the input is one stretch, without that of W an image is. */
	size_t copy = in.c, copies = in.w, lines = in.h;
	const int8_t *src = a->in;
	int8_t *dst = a->out;
	size_t fill =
		l->pad[0][0] * image + l->pad[1][0] * row + l->pad[2][0] * pixel + l->pad[3][0];

	if (between == 0) {
		copy *= copies;
		copies = 1;
		if (rows == 0) {
			copy *= lines;
			lines = 1;
		}
	}
	for (uint32_t n = 0; n < in.n; n++) {
		for (size_t y = 0; y < lines; y++) {
			for (size_t i = 0; i < copies; i++) {
				mn_fill(dst, zp, fill);
				dst += fill;
				mn_copy(dst, src, copy);
				dst += copy;
				src += copy;
				fill = between;
			}
			fill += rows;
		}
		fill += images;
	}
	/* Behind the last stretch comes less than a full gap of each kind. */
	fill = (size_t)(a->out + out.n * image - dst);
	mn_fill(dst, zp, fill);
	return 0;
}
