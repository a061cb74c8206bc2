/* SPDX-License-Identifier: MIT */
/*
 * Depthwise convolution: four output channels at a time, each tap a word of inputs by a word of
 * weights, both widened, and four 16-bit multiplies.
 */
#include "channel.h"
#include "variants.h"

struct depthwise {
	const struct mn_quant *quant;
	const struct mn_channel *channels;
	uint32_t in_c, out_c, multiplier;
	uint32_t offset; /* -zero point, twice */
	struct mn_limits limits;
};

/* A step to the next tap, in bytes. */
struct stride {
	size_t x, w;
};

/* The taps of one output that lie inside the image. */
struct taps {
	const int8_t *x; /* input of the first of them, channel 0 */
	const int8_t *w; /* its weight, channel 0 */
	uint32_t rows, columns;
	struct stride row, column; /* to the tap below, and to the one right of it */
};

struct acc4 {
	int32_t a0, a1, a2, a3;
};

/*
 * Taps of four channels with an input each. mac_3 does three in a row whose inputs and weights are
 * both `step` bytes apart, as in any window without dilation. Written out for Arm like the loops of
 * dot.h: a compiler loads ahead until it spills.
 */
#if MN_SIMD_ARM && defined(__OPTIMIZE__)

#define MN_TAP(x, w)                                                                               \
	"ldr %[xv], " x "\n\t"                                                                     \
	"ldr %[wv], " w "\n\t"                                                                     \
	"sxtab16 %[xe], %[offset], %[xv]\n\t"                                                      \
	"sxtb16 %[we], %[wv]\n\t"                                                                  \
	"sxtab16 %[xv], %[offset], %[xv], ror #8\n\t"                                              \
	"smlabb %[a0], %[xe], %[we], %[a0]\n\t"                                                    \
	"sxtb16 %[wv], %[wv], ror #8\n\t"                                                          \
	"smlatt %[a2], %[xe], %[we], %[a2]\n\t"                                                    \
	"smlabb %[a1], %[xv], %[wv], %[a1]\n\t"                                                    \
	"smlatt %[a3], %[xv], %[wv], %[a3]\n\t"

MN_INLINE void mac_3(struct acc4 *acc, const int8_t *x, const int8_t *w, size_t step,
		     uint32_t offset)
{
	int32_t a0 = acc->a0, a1 = acc->a1, a2 = acc->a2, a3 = acc->a3;
	uint32_t xv, wv, xe, we;

	__asm__ volatile(MN_TAP("[%[x]]", "[%[w]]")                   //
			 MN_TAP("[%[x], %[step]]", "[%[w], %[step]]") //
			 MN_TAP("[%[x], %[step], lsl #1]", "[%[w], %[step], lsl #1]")
			 : [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3),
			   [xv] "=&r"(xv), [wv] "=&r"(wv), [xe] "=&r"(xe), [we] "=&r"(we)
			 : [x] "r"(x), [w] "r"(w), [step] "r"(step), [offset] "r"(offset)
			 : "memory");
	*acc = (struct acc4){a0, a1, a2, a3};
}

MN_INLINE void mac_1(struct acc4 *acc, const int8_t *x, const int8_t *w, uint32_t offset)
{
	int32_t a0 = acc->a0, a1 = acc->a1, a2 = acc->a2, a3 = acc->a3;
	uint32_t xv, wv, xe, we;

	__asm__ volatile(MN_TAP("[%[x]]", "[%[w]]")
			 : [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3),
			   [xv] "=&r"(xv), [wv] "=&r"(wv), [xe] "=&r"(xe), [we] "=&r"(we)
			 : [x] "r"(x), [w] "r"(w), [offset] "r"(offset)
			 : "memory");
	*acc = (struct acc4){a0, a1, a2, a3};
}

#else

MN_INLINE void mac_1(struct acc4 *acc, const int8_t *x, const int8_t *w, uint32_t offset)
{
	uint32_t xw = mn_load4(x), ww = mn_load4(w);
	uint32_t xe = mn_add_even(offset, xw), we = mn_even(ww);
	uint32_t xo = mn_add_odd(offset, xw), wo = mn_odd(ww);

	acc->a0 = mn_smlabb(xe, we, acc->a0);
	acc->a2 = mn_smlatt(xe, we, acc->a2);
	acc->a1 = mn_smlabb(xo, wo, acc->a1);
	acc->a3 = mn_smlatt(xo, wo, acc->a3);
}

MN_INLINE void mac_3(struct acc4 *acc, const int8_t *x, const int8_t *w, size_t step,
		     uint32_t offset)
{
	for (int i = 0; i < 3; i++)
		mac_1(acc, x + i * step, w + i * step, offset);
}

#endif

/* One tap of four channels of one input. */
MN_INLINE void mac4_shared(struct acc4 *acc, int32_t x, const int8_t *w)
{
	uint32_t ww = mn_load4(w), we = mn_even(ww), wo = mn_odd(ww);

	acc->a0 = mn_smlabb((uint32_t)x, we, acc->a0);
	acc->a2 = mn_smlabt((uint32_t)x, we, acc->a2);
	acc->a1 = mn_smlabb((uint32_t)x, wo, acc->a1);
	acc->a3 = mn_smlabt((uint32_t)x, wo, acc->a3);
}

MN_INLINE struct acc4 start4(const struct mn_channel *ch)
{
	return (struct acc4){ch[0].bias, ch[1].bias, ch[2].bias, ch[3].bias};
}

MN_INLINE void finish4(const struct depthwise *d, const struct mn_channel *ch,
		       const struct acc4 *acc, int8_t *out)
{
	const int32_t zp = d->quant->out_zp;

	mn_store4(out, mn_pack4(mn_rescale_dsp(acc->a0, ch[0].mult, ch[0].shift, zp),
				mn_rescale_dsp(acc->a1, ch[1].mult, ch[1].shift, zp),
				mn_rescale_dsp(acc->a2, ch[2].mult, ch[2].shift, zp),
				mn_rescale_dsp(acc->a3, ch[3].mult, ch[3].shift, zp), d->limits));
}

/* One output, whatever the shape. */
MN_INLINE void single(const struct depthwise *d, const struct taps *t, uint32_t ic, uint32_t oc,
		      int8_t *out)
{
	const struct mn_channel *ch = d->channels + oc;
	const int32_t zp = d->quant->in_zp;
	const struct stride row = t->row, column = t->column;
	const int8_t *xr = t->x + ic, *wr = t->w + oc;
	int32_t acc = ch->bias;

	for (uint32_t y = t->rows; y; y--) {
		const int8_t *x = xr, *w = wr;

		for (uint32_t i = t->columns; i; i--) {
			acc = mn_smlabb((uint32_t)(*x - zp), (uint32_t)*w, acc);
			x += column.x;
			w += column.w;
		}
		xr += row.x;
		wr += row.w;
	}
	out[oc] = mn_requantise_dsp(acc, ch->mult, ch->shift, d->quant);
}

/* Four channels of multiplier 1. */
MN_INLINE void block(const struct depthwise *d, const struct taps *t, uint32_t c, int8_t *out)
{
	struct acc4 acc = start4(d->channels + c);
	const int8_t *xr = t->x + c, *wr = t->w + c;
	const struct stride column = t->column;
	const uint32_t offset = d->offset;

	for (uint32_t y = t->rows; y; y--) {
		const int8_t *x = xr, *w = wr;
		uint32_t i = t->columns;

		if (column.x == column.w)
			for (; i >= 3; i -= 3, x += 3 * column.x, w += 3 * column.x)
				mac_3(&acc, x, w, column.x, offset);
		for (; i; i--, x += column.x, w += column.w)
			mac_1(&acc, x, w, offset);
		xr += t->row.x;
		wr += t->row.w;
	}
	finish4(d, d->channels + c, &acc, out + c);
}

/* Four channels of multiplier 1 with all nine taps of a 3x3 window without dilation. */
MN_INLINE void block_3x3(const struct depthwise *d, const struct taps *t, uint32_t c, int8_t *out)
{
	struct acc4 acc = start4(d->channels + c);
	const int8_t *x = t->x + c, *w = t->w + c;
	const uint32_t offset = d->offset;
	const struct stride row = t->row;
	const size_t step = t->column.w;

	mac_3(&acc, x, w, step, offset);
	x += row.x;
	w += row.w;
	mac_3(&acc, x, w, step, offset);
	x += row.x;
	w += row.w;
	mac_3(&acc, x, w, step, offset);
	finish4(d, d->channels + c, &acc, out + c);
}

/*
 * All channels of one output pixel, multiplier 1. Channels behind the last four: two or three are
 * done as the last four once more, one alone.
 */
#define PIXEL(name, block_of)                                                                      \
	MN_NOINLINE void name(const struct depthwise *d, const struct taps *t, int8_t *out)        \
	{                                                                                          \
		uint32_t c = 0, channels = d->out_c;                                               \
                                                                                                   \
		for (; c + 4 <= channels; c += 4)                                                  \
			block_of(d, t, c, out);                                                    \
		if (channels - c > 1 && c) {                                                       \
			block_of(d, t, channels - 4, out);                                         \
			c = channels;                                                              \
		}                                                                                  \
		for (; c < channels; c++)                                                          \
			single(d, t, c, c, out);                                                   \
	}
PIXEL(pixel, block)
PIXEL(pixel_3x3, block_3x3)

/* All channels of one output pixel, any multiplier. */
MN_NOINLINE void pixel_multiplier(const struct depthwise *d, const struct taps *t, int8_t *out)
{
	const int32_t zp = d->quant->in_zp;
	uint32_t oc = 0;

	for (uint32_t ic = 0; ic < d->in_c; ic++) {
		uint32_t end = oc + d->multiplier;

		for (; oc + 4 <= end; oc += 4) {
			struct acc4 acc = start4(d->channels + oc);
			const int8_t *xr = t->x + ic, *wr = t->w + oc;

			for (uint32_t y = t->rows; y; y--) {
				const int8_t *x = xr, *w = wr;

				for (uint32_t i = t->columns; i; i--) {
					mac4_shared(&acc, *x - zp, w);
					x += t->column.x;
					w += t->column.w;
				}
				xr += t->row.x;
				wr += t->row.w;
			}
			finish4(d, d->channels + oc, &acc, out + oc);
		}
		for (; oc < end; oc++)
			single(d, t, ic, oc, out);
	}
}

/* The taps of one dimension inside 0..in: number of them, the first, and its input. */
struct span {
	uint32_t count, first, at;
};

MN_INLINE struct span clip(int32_t at, uint32_t kernel, uint32_t dilation, uint32_t in)
{
	uint32_t first = 0, end = kernel;

	if (at < 0)
		first = ((uint32_t)-at + dilation - 1) / dilation;
	if (at + (int32_t)((kernel - 1) * dilation) >= (int32_t)in)
		end = at >= (int32_t)in ? 0
					: ((uint32_t)((int32_t)in - at) + dilation - 1) / dilation;
	if (first >= end)
		return (struct span){0, 0, 0};
	return (struct span){end - first, first, (uint32_t)(at + (int32_t)(first * dilation))};
}

uint32_t mn_depthwise_conv_2d_dsp_scratch(const struct mn_layer *l)
{
	/* Below 2^28 channels by mn_layer_check(). */
	return l->in.c * l->multiplier * (uint32_t)sizeof(struct mn_channel);
}

int mn_depthwise_conv_2d_dsp(const struct mn_kernel_args *a)
{
	const struct mn_layer *l = a->layer;
	const struct mn_shape in = l->in, out = mn_layer_out_shape(l);
	const int32_t pad_h = (int32_t)mn_layer_pad_before(l, 0);
	const int32_t pad_w = (int32_t)mn_layer_pad_before(l, 1);
	const struct depthwise d = {
		.quant = a->quant,
		.channels = a->scratch,
		.in_c = in.c,
		.out_c = out.c,
		.multiplier = l->multiplier,
		.offset = mn_twice16(-a->quant->in_zp),
		.limits = mn_limits_of(a->quant),
	};
	const struct stride row = {(size_t)l->dilation_h * in.w * in.c,
				   (size_t)l->kernel_w * out.c};
	const struct stride column = {(size_t)l->dilation_w * in.c, out.c};
	const int is_3x3 = l->kernel_h == 3 && l->kernel_w == 3 && l->dilation_w == 1;
	const int8_t *image = a->in;
	int8_t *dst = a->out;

	mn_channels_make(a->scratch, a, out.c);
	for (uint32_t n = 0; n < out.n; n++, image += (size_t)in.h * in.w * in.c) {
		int32_t at_y = -pad_h;

		for (uint32_t oy = 0; oy < out.h; oy++, at_y += l->stride_h) {
			const struct span y = clip(at_y, l->kernel_h, l->dilation_h, in.h);
			int32_t at_x = -pad_w;

			for (uint32_t ox = 0; ox < out.w; ox++, at_x += l->stride_w, dst += out.c) {
				const struct span x = clip(at_x, l->kernel_w, l->dilation_w, in.w);
				struct taps t = {
					.x = image + ((size_t)y.at * in.w + x.at) * in.c,
					.w = a->weights +
					     ((size_t)y.first * l->kernel_w + x.first) * out.c,
					.rows = x.count ? y.count : 0,
					.columns = x.count,
					.row = row,
					.column = column,
				};

				/* A window of one column is quicker as one row. */
				if (x.count == 1) {
					t.columns = t.rows;
					t.rows = 1;
					t.column = row;
				}
				if (l->multiplier != 1)
					pixel_multiplier(&d, &t, dst);
				else if (is_3x3 && t.rows == 3 && t.columns == 3)
					pixel_3x3(&d, &t, dst);
				else
					pixel(&d, &t, dst);
			}
		}
	}
	return 0;
}
