/* SPDX-License-Identifier: MIT */
/*
 * Convolution as matrix product. The inputs of two output pixels are gathered as two columns of
 * int16 (x - zero point, so padding is 0), then every output channel is taken with both, two
 * channels at a time (dot.h).
 */
#include "bytes.h"
#include "channel.h"
#include "dot.h"
#include "variants.h"

struct conv {
	const struct mn_kernel_args *args;
	uint32_t taps; /* inputs of an output */
	uint32_t out_c;
	struct mn_channel *channels;
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

	/* By mn_layer_check() taps and out_c are below 2^28 and their product below 2^31, so that
	 * this is below 2^32. */
	return l->out_c * (uint32_t)sizeof(struct mn_channel) + mn_column_bytes(taps, MN_GROUP_2) +
	       (needs_patch(l) ? taps : 0);
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

/* `taps` contiguous bytes as column j. Not inline: it is long, and used in four places. */
MN_NOINLINE void widen(const struct conv *c, uint32_t j, const int8_t *src, uint32_t offset)
{
	mn_widen_all(c->columns, c->group, j, src, c->taps, offset);
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
	widen(c, j, c->patch, c->offset);
}

MN_NOINLINE void gather(const struct conv *c, uint32_t j, const struct window *w)
{
	const struct mn_layer *l = c->args->layer;
	const uint32_t row = l->kernel_w * l->in.c;

	if (l->kernel_h == 1 && (l->kernel_w == 1 || (l->dilation_w == 1 && is_inside(l, w)))) {
		widen(c, j, input_at(l, w, w->y, w->x), c->offset);
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

/* Both columns with all output channels: to out and, a pixel further, to out + out_c. */
MN_NOINLINE void multiply_two(const struct conv *c, int8_t *out)
{
	const struct mn_channel *ch = c->channels;
	const struct mn_limits limits = c->limits;
	const uint32_t *const columns = c->columns;
	const uint32_t taps = c->taps, out_c = c->out_c;
	const int32_t zp = c->args->quant->out_zp;
	const int8_t *w = c->args->weights, *const end = out + (out_c & ~1u);

	for (; out != end; out += 2, ch += 2) {
		int32_t acc[4] = {ch[0].bias, ch[0].bias, ch[1].bias, ch[1].bias};
		uint32_t packed;

		w = mn_dot_2x2(acc, w, taps, columns);
		mn_rescale_two(&acc[0], &acc[1], ch[0].mult, ch[0].shift, zp);
		mn_rescale_two(&acc[2], &acc[3], ch[1].mult, ch[1].shift, zp);
		packed = mn_pack4(acc[0], acc[2], acc[1], acc[3], limits);
		mn_store2(out, packed);
		mn_store2(out + out_c, packed >> 16);
	}
	if (out_c % 2) {
		int32_t acc[2] = {ch->bias, ch->bias};
		uint32_t packed;

		mn_dot_1x2(acc, w, taps, columns);
		mn_rescale_two(&acc[0], &acc[1], ch->mult, ch->shift, zp);
		packed = mn_pack4(acc[0], acc[1], 0, 0, limits);
		out[0] = (int8_t)packed;
		out[out_c] = (int8_t)(packed >> 8);
	}
}

/* One column with all output channels. */
MN_NOINLINE void multiply_one(const struct conv *c, int8_t *out)
{
	const struct mn_channel *ch = c->channels, *const end = ch + c->out_c;
	const struct mn_limits limits = c->limits;
	const uint32_t *const column = c->columns;
	const uint32_t taps = c->taps;
	const int32_t zp = c->args->quant->out_zp;
	const int8_t *w = c->args->weights;

	for (; end - ch >= 4; ch += 4, out += 4, w += 4 * (size_t)taps) {
		int32_t acc[4] = {ch[0].bias, ch[1].bias, ch[2].bias, ch[3].bias};

		mn_dot_4x1(acc, w, taps, column);
		for (int i = 0; i < 4; i++)
			acc[i] = mn_rescale_dsp(acc[i], ch[i].mult, ch[i].shift, zp);
		mn_store4(out, mn_pack4(acc[0], acc[1], acc[2], acc[3], limits));
	}
	for (; ch != end; ch++, w += taps)
		*out++ = mn_requantise_dsp(mn_dot_1x1(ch->bias, w, taps, column), ch->mult,
					   ch->shift, c->args->quant);
}

/*
 * 1x1 with two output channels: too few to widen inputs for. The weights, widened once, are the two
 * columns and the inputs of two pixels take the place of the weights. The zero point goes into the
 * bias.
 */
MN_NOINLINE void multiply_pixels(const struct conv *c, uint32_t pixels)
{
	const struct mn_kernel_args *a = c->args;
	const struct mn_channel *ch = c->channels;
	const uint32_t taps = c->taps;
	const int32_t in_zp = a->quant->in_zp, zp = a->quant->out_zp;
	const int8_t *x = a->in, *w = a->weights;
	int32_t bias[2] = {ch[0].bias, ch[1].bias};
	int8_t *out = a->out;

#pragma GCC unroll 1
	for (uint32_t i = 0; i < taps; i++) {
		bias[0] = mn_add32(bias[0], -in_zp * w[i]);
		bias[1] = mn_add32(bias[1], -in_zp * w[taps + i]);
	}
	widen(c, 0, w, 0);
	widen(c, 1, w + taps, 0);
	for (; pixels >= 2; pixels -= 2, out += 4) {
		int32_t acc[4] = {bias[0], bias[1], bias[0], bias[1]};

		x = mn_dot_2x2(acc, x, taps, c->columns);
		mn_rescale_two(&acc[0], &acc[2], ch[0].mult, ch[0].shift, zp);
		mn_rescale_two(&acc[1], &acc[3], ch[1].mult, ch[1].shift, zp);
		mn_store4(out, mn_pack4(acc[0], acc[1], acc[2], acc[3], c->limits));
	}
	if (pixels) {
		mn_dot_1x2(bias, x, taps, c->columns);
		for (int i = 0; i < 2; i++)
			out[i] = mn_requantise_dsp(bias[i], ch[i].mult, ch[i].shift, a->quant);
	}
}

int mn_conv_2d_dsp(const struct mn_kernel_args *a)
{
	const struct mn_layer *l = a->layer;
	const struct mn_shape in = l->in, out = mn_layer_out_shape(l);
	const int32_t pad_h = (int32_t)mn_layer_pad_before(l, 0);
	const int32_t pad_w = (int32_t)mn_layer_pad_before(l, 1);
	const uint32_t taps = (uint32_t)l->kernel_h * l->kernel_w * in.c;
	struct mn_channel *const channels = a->scratch;
	uint32_t pixels = out.n * out.h * out.w, column = 0;
	struct conv c = {
		.args = a,
		.taps = taps,
		.out_c = out.c,
		.channels = channels,
		.columns = (uint32_t *)(void *)(channels + out.c),
		.group = MN_GROUP_2,
		.patch = (int8_t *)(channels + out.c) + mn_column_bytes(taps, MN_GROUP_2),
		.offset = mn_twice16(-a->quant->in_zp),
		.limits = mn_limits_of(a->quant),
	};
	struct window w = {.image = a->in};
	int8_t *dst = a->out;

	mn_channels_make(channels, a, out.c);
	/* 1x1: the input is the columns, one after the other. */
	if (l->kernel_h == 1 && l->kernel_w == 1 && l->stride_h == 1 && l->stride_w == 1) {
		const int8_t *x = a->in;

		if (out.c == 2) {
			multiply_pixels(&c, pixels);
			return 0;
		}
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
