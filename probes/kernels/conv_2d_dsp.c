/* SPDX-License-Identifier: MIT */
/*
 * Convolution as matrix product. The inputs of two output pixels are gathered as two columns of
 * int16 (x - zero point, so padding is 0), then every output channel is taken with both, two
 * channels at a time (dot.h).
 */
#include "bytes.h"
#include "dot.h"
#include "variants.h"

struct conv {
	const struct mn_kernel_args *args;
	uint32_t taps; /* inputs of an output */
	uint32_t out_c;
	uint32_t *columns;
	uint32_t group;  /* MN_GROUP_2, or MN_GROUP_1 for the last of an odd number of pixels */
	int8_t *patch;   /* the bytes of one column, if in channels are not divisible by 4 */
	uint32_t offset; /* -zero point, twice */
	struct mn_limits limits;
};

static int needs_patch(const struct mn_layer *l)
{
	return l->in.c % 4 && (l->kernel_h > 1 || l->kernel_w > 1);
}

uint32_t mn_conv_2d_dsp_scratch(const struct mn_layer *l)
{
	uint32_t taps = (uint32_t)l->kernel_h * l->kernel_w * l->in.c;

	/* Below 5 * 2^28 by mn_layer_check(). */
	return mn_column_bytes(taps, MN_GROUP_2) + (needs_patch(l) ? taps : 0);
}

static uint32_t *zeros(uint32_t *dst, uint32_t group, uint32_t groups)
{
	for (; groups; groups--, dst += group)
		dst[0] = dst[group / 2] = 0;
	return dst;
}

/* One output's window over an image: the input at its first tap may lie outside. */
struct window {
	const int8_t *image;
	int32_t y, x;
};

static int is_inside(const struct mn_layer *l, const struct window *w)
{
	return w->y >= 0 && w->x >= 0 &&
	       w->y + (l->kernel_h - 1) * l->dilation_h < (int32_t)l->in.h &&
	       w->x + (l->kernel_w - 1) * l->dilation_w < (int32_t)l->in.w;
}

static const int8_t *input_at(const struct mn_layer *l, const struct window *w, int32_t y,
			      int32_t x)
{
	return w->image + ((size_t)y * l->in.w + (size_t)x) * l->in.c;
}

/* In channels divisible by 4: tap by tap, widened straight from the input. */
static void gather_groups(const struct conv *c, uint32_t j, const struct window *w)
{
	const struct mn_layer *l = c->args->layer;
	uint32_t groups = l->in.c / 4;
	uint32_t *dst = c->columns + j;

	for (uint32_t ky = 0; ky < l->kernel_h; ky++) {
		int32_t y = w->y + (int32_t)(ky * l->dilation_h);

		if (y < 0 || y >= (int32_t)l->in.h) {
			dst = zeros(dst, c->group, groups * l->kernel_w);
			continue;
		}
		for (uint32_t kx = 0; kx < l->kernel_w; kx++) {
			int32_t x = w->x + (int32_t)(kx * l->dilation_w);

			if (x < 0 || x >= (int32_t)l->in.w)
				dst = zeros(dst, c->group, groups);
			else
				dst = mn_widen(dst, c->group, input_at(l, w, y, x), groups,
					       c->offset);
		}
	}
}

/* Any channels: the window's bytes first, then widened as one. */
static void gather_patch(const struct conv *c, uint32_t j, const struct window *w)
{
	const struct mn_layer *l = c->args->layer;
	const int32_t zp = c->args->quant->in_zp;
	const uint32_t row = l->kernel_w * l->in.c;
	/* Taps left and right of the image, when the row is one stretch. */
	int32_t left = w->x < 0 ? -w->x : 0;
	int32_t right = w->x + l->kernel_w - (int32_t)l->in.w;
	int8_t *dst = c->patch;

	if (right < 0)
		right = 0;
	for (uint32_t ky = 0; ky < l->kernel_h; ky++, dst += row) {
		int32_t y = w->y + (int32_t)(ky * l->dilation_h);

		if (y < 0 || y >= (int32_t)l->in.h) {
			mn_fill(dst, zp, row);
		} else if (l->dilation_w == 1) {
			uint32_t before = (uint32_t)left * l->in.c,
				 after = (uint32_t)right * l->in.c;

			mn_fill(dst, zp, before);
			mn_copy(dst + before, input_at(l, w, y, w->x + left), row - before - after);
			mn_fill(dst + row - after, zp, after);
		} else {
			int8_t *d = dst;

			for (uint32_t kx = 0; kx < l->kernel_w; kx++, d += l->in.c) {
				int32_t x = w->x + (int32_t)(kx * l->dilation_w);

				if (x < 0 || x >= (int32_t)l->in.w)
					mn_fill(d, zp, l->in.c);
				else
					mn_copy(d, input_at(l, w, y, x), l->in.c);
			}
		}
	}
	mn_widen_all(c->columns, c->group, j, c->patch, c->taps, c->offset);
}

MN_NOINLINE void gather(const struct conv *c, uint32_t j, const struct window *w)
{
	const struct mn_layer *l = c->args->layer;
	const uint32_t row = l->kernel_w * l->in.c;

	if (l->kernel_h == 1 && (l->kernel_w == 1 || (l->dilation_w == 1 && is_inside(l, w)))) {
		mn_widen_all(c->columns, c->group, j, input_at(l, w, w->y, w->x), c->taps,
			     c->offset);
	} else if (row % 4 == 0 && l->dilation_w == 1 && is_inside(l, w)) {
		uint32_t *dst = c->columns + j;

		for (uint32_t ky = 0; ky < l->kernel_h; ky++)
			dst = mn_widen(dst, c->group,
				       input_at(l, w, w->y + (int32_t)(ky * l->dilation_h), w->x),
				       row / 4, c->offset);
	} else if (l->in.c % 4 == 0) {
		gather_groups(c, j, w);
	} else {
		gather_patch(c, j, w);
	}
}

MN_INLINE int32_t bias_of(const struct mn_kernel_args *a, uint32_t oc)
{
	return a->bias ? a->bias[oc] : 0;
}

/* Both columns with all output channels: to out and, a pixel further, to out + out_c. */
MN_NOINLINE void multiply_two(const struct conv *c, int8_t *out)
{
	const struct mn_kernel_args *a = c->args;
	const int32_t *mult = a->quant->mult, *shift = a->quant->shift;
	const int32_t zp = a->quant->out_zp;
	const uint32_t out_c = c->out_c;
	const int8_t *w = a->weights;
	uint32_t oc = 0;

	for (; oc + 2 <= out_c; oc += 2, w += 2 * (size_t)c->taps) {
		int32_t b0 = bias_of(a, oc), b1 = bias_of(a, oc + 1);
		int32_t acc[4] = {b0, b0, b1, b1};
		uint32_t packed;

		mn_dot_2x2(acc, w, c->taps, c->columns);
		mn_rescale_two(&acc[0], &acc[1], mult[oc], shift[oc], zp);
		mn_rescale_two(&acc[2], &acc[3], mult[oc + 1], shift[oc + 1], zp);
		packed = mn_pack4(acc[0], acc[2], acc[1], acc[3], c->limits);
		mn_store2(out + oc, packed);
		mn_store2(out + oc + out_c, packed >> 16);
	}
	if (oc < out_c) {
		int32_t acc[2] = {bias_of(a, oc), bias_of(a, oc)};
		uint32_t packed;

		mn_dot_1x2(acc, w, c->taps, c->columns);
		mn_rescale_two(&acc[0], &acc[1], mult[oc], shift[oc], zp);
		packed = mn_pack4(acc[0], acc[1], 0, 0, c->limits);
		out[oc] = (int8_t)packed;
		out[oc + out_c] = (int8_t)(packed >> 8);
	}
}

/* One column with all output channels. */
MN_NOINLINE void multiply_one(const struct conv *c, int8_t *out)
{
	const struct mn_kernel_args *a = c->args;
	const int32_t *mult = a->quant->mult, *shift = a->quant->shift;
	const int32_t zp = a->quant->out_zp;
	const uint32_t out_c = c->out_c;
	const int8_t *w = a->weights;
	uint32_t oc = 0;

	for (; oc + 4 <= out_c; oc += 4, w += 4 * (size_t)c->taps) {
		int32_t acc[4] = {bias_of(a, oc), bias_of(a, oc + 1), bias_of(a, oc + 2),
				  bias_of(a, oc + 3)};

		mn_dot_4x1(acc, w, c->taps, c->columns);
		for (uint32_t i = 0; i < 4; i++)
			acc[i] = mn_rescale_dsp(acc[i], mult[oc + i], shift[oc + i], zp);
		mn_store4(out + oc, mn_pack4(acc[0], acc[1], acc[2], acc[3], c->limits));
	}
	for (; oc < out_c; oc++, w += c->taps)
		out[oc] = mn_requantise_dsp(mn_dot_1x1(bias_of(a, oc), w, c->taps, c->columns),
					    mult[oc], shift[oc], a->quant);
}

int mn_conv_2d_dsp(const struct mn_kernel_args *a)
{
	const struct mn_layer *l = a->layer;
	const struct mn_shape in = l->in, out = mn_layer_out_shape(l);
	const int32_t pad_h = (int32_t)mn_layer_pad_before(l, 0);
	const int32_t pad_w = (int32_t)mn_layer_pad_before(l, 1);
	const uint32_t taps = (uint32_t)l->kernel_h * l->kernel_w * in.c;
	uint32_t pixels = out.n * out.h * out.w, column = 0;
	struct conv c = {
		.args = a,
		.taps = taps,
		.out_c = out.c,
		.columns = a->scratch,
		.group = MN_GROUP_2,
		.patch = (int8_t *)a->scratch + mn_column_bytes(taps, MN_GROUP_2),
		.offset = mn_twice16(-a->quant->in_zp),
		.limits = mn_limits_of(a->quant),
	};
	struct window w = {.image = a->in};
	int8_t *dst = a->out;

	/* 1x1: the input is the columns, one after the other. */
	if (l->kernel_h == 1 && l->kernel_w == 1 && l->stride_h == 1 && l->stride_w == 1) {
		const int8_t *x = a->in;

		for (; pixels >= 2; pixels -= 2, x += 2 * (size_t)taps, dst += 2 * (size_t)out.c) {
			mn_widen_all(c.columns, MN_GROUP_2, 0, x, taps, c.offset);
			mn_widen_all(c.columns, MN_GROUP_2, 1, x + taps, taps, c.offset);
			multiply_two(&c, dst);
		}
		if (pixels) {
			mn_widen_all(c.columns, MN_GROUP_1, 0, x, taps, c.offset);
			multiply_one(&c, dst);
		}
		return 0;
	}
	for (uint32_t n = 0; n < out.n; n++, w.image += (size_t)in.h * in.w * in.c) {
		w.y = -pad_h;
		for (uint32_t oy = 0; oy < out.h; oy++, w.y += l->stride_h) {
			w.x = -pad_w;
			for (uint32_t ox = 0; ox < out.w; ox++, w.x += l->stride_w) {
				if (column == 0 && pixels == 1)
					c.group = MN_GROUP_1;
				gather(&c, column, &w);
				if (column) {
					multiply_two(&c, dst);
					dst += 2 * (size_t)out.c;
					pixels -= 2;
				}
				column = !column;
			}
		}
	}
	if (column)
		multiply_one(&c, dst);
	return 0;
}
