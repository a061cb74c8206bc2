/* SPDX-License-Identifier: MIT */
#include "bytes.h"
#include "variants.h"

/* Fills and copies by words, a row of the input at a time where its channels are not padded. */
int mn_pad_dsp(const struct mn_kernel_args *a)
{
	const struct mn_layer *l = a->layer;
	const struct mn_shape in = l->in, out = mn_layer_out_shape(l);
	const size_t pixel = out.c, row = out.w * pixel, image = out.h * row;
	const size_t before_c = l->pad[3][0], after_c = l->pad[3][1];
	const int32_t zp = a->quant->out_zp;
	/* Without padding of C a row of the input is one stretch. */
	size_t copy = in.c, copies = in.w;
	const int8_t *src = a->in;
	int8_t *dst = a->out;

	if (before_c + after_c == 0) {
		copy *= copies;
		copies = 1;
	}
	mn_fill(dst, zp, l->pad[0][0] * image);
	dst += l->pad[0][0] * image;
	for (uint32_t n = 0; n < in.n; n++) {
		mn_fill(dst, zp, l->pad[1][0] * row);
		dst += l->pad[1][0] * row;
		for (uint32_t y = 0; y < in.h; y++) {
			mn_fill(dst, zp, l->pad[2][0] * pixel);
			dst += l->pad[2][0] * pixel;
			for (size_t i = 0; i < copies; i++) {
				mn_fill(dst, zp, before_c);
				dst += before_c;
				mn_copy(dst, src, copy);
				dst += copy;
				src += copy;
				mn_fill(dst, zp, after_c);
				dst += after_c;
			}
			mn_fill(dst, zp, l->pad[2][1] * pixel);
			dst += l->pad[2][1] * pixel;
		}
		mn_fill(dst, zp, l->pad[1][1] * row);
		dst += l->pad[1][1] * row;
	}
	mn_fill(dst, zp, l->pad[0][1] * image);
	return 0;
}
