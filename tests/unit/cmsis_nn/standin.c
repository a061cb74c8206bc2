/* SPDX-License-Identifier: MIT */
/*
 * The stand-in's functions: plain loops over what the arguments say, so that a dimension, an
 * offset's sign or a clamp that the adapter maps wrongly gives wrong bytes. Scratch is written over
 * to its last byte. Batches beyond one image are refused in windowed ops, as old versions do
 * silently.
 */
#include <arm_nnfunctions.h>
#include <string.h>

#include "fixed.h"
#include "variants.h"

static int use_scratch(const cmsis_nn_context *ctx, int32_t size)
{
	if (ctx->size != size || (size && !ctx->buf))
		return -1;
	if (size)
		memset(ctx->buf, 0x5a, (size_t)size);
	return 0;
}

static int8_t finish(int32_t acc, int32_t mult, int32_t shift, int32_t offset,
		     cmsis_nn_activation act)
{
	return (int8_t)mn_clamp(mn_add32(mn_rescale(acc, mult, shift), offset), act.min, act.max);
}

int32_t arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params *params,
						const cmsis_nn_dims *in,
						const cmsis_nn_dims *filter,
						const cmsis_nn_dims *out)
{
	(void)params;
	(void)out;
	return 4 * ((filter->h * filter->w * in->c + 3) / 4 * 4);
}

/* Taps of all input channels (or of the one of a depthwise output) in one window. */
struct taps {
	const cmsis_nn_dims *in, *filter;
	cmsis_nn_tile at, dilation;
	int32_t offset;
	int32_t in_c, n_c;     /* first input channel, number of them */
	int32_t w_tap, w_chan; /* steps of the weights */
};

static int32_t dot(const struct taps *t, const int8_t *x, const int8_t *w, int32_t acc)
{
	for (int32_t ky = 0; ky < t->filter->h; ky++) {
		for (int32_t kx = 0; kx < t->filter->w; kx++) {
			int32_t y = t->at.h + ky * t->dilation.h, xx = t->at.w + kx * t->dilation.w;

			if (y < 0 || y >= t->in->h || xx < 0 || xx >= t->in->w)
				continue;
			for (int32_t c = 0; c < t->n_c; c++)
				acc = mn_add32(acc,
					       (x[(y * t->in->w + xx) * t->in->c + t->in_c + c] +
						t->offset) *
						       w[(ky * t->filter->w + kx) * t->w_tap +
							 c * t->w_chan]);
		}
	}
	return acc;
}

arm_cmsis_nn_status arm_convolve_wrapper_s8(const cmsis_nn_context *ctx,
					    const cmsis_nn_conv_params *p,
					    const cmsis_nn_per_channel_quant_params *quant,
					    const cmsis_nn_dims *in, const int8_t *x,
					    const cmsis_nn_dims *filter, const int8_t *weights,
					    const cmsis_nn_dims *bias_dims, const int32_t *bias,
					    const cmsis_nn_dims *out, int8_t *y)
{
	struct taps t = {.in = in,
			 .filter = filter,
			 .dilation = p->dilation,
			 .offset = p->input_offset,
			 .n_c = in->c,
			 .w_tap = in->c,
			 .w_chan = 1};

	if (in->n != 1 || out->n != 1 || filter->n != out->c || filter->c != in->c ||
	    bias_dims->c != out->c ||
	    use_scratch(ctx, arm_convolve_wrapper_s8_get_buffer_size(p, in, filter, out)))
		return ARM_CMSIS_NN_ARG_ERROR;
	for (int32_t i = 0; i < out->h * out->w * out->c; i++) {
		int32_t oc = i % out->c, pixel = i / out->c;
		int32_t acc = bias ? bias[oc] : 0;

		t.at.h = pixel / out->w * p->stride.h - p->padding.h;
		t.at.w = pixel % out->w * p->stride.w - p->padding.w;
		acc = dot(&t, x, weights + oc * filter->h * filter->w * in->c, acc);
		y[i] = finish(acc, quant->multiplier[oc], quant->shift[oc], p->output_offset,
			      p->activation);
	}
	return ARM_CMSIS_NN_SUCCESS;
}

int32_t arm_depthwise_conv_wrapper_s8_get_buffer_size(const cmsis_nn_dw_conv_params *p,
						      const cmsis_nn_dims *in,
						      const cmsis_nn_dims *filter,
						      const cmsis_nn_dims *out)
{
	(void)out;
	return p->ch_mult == 1 ? 2 * in->c * filter->h * filter->w : 0;
}

arm_cmsis_nn_status
arm_depthwise_conv_wrapper_s8(const cmsis_nn_context *ctx, const cmsis_nn_dw_conv_params *p,
			      const cmsis_nn_per_channel_quant_params *quant,
			      const cmsis_nn_dims *in, const int8_t *x, const cmsis_nn_dims *filter,
			      const int8_t *weights, const cmsis_nn_dims *bias_dims,
			      const int32_t *bias, const cmsis_nn_dims *out, int8_t *y)
{
	struct taps t = {.in = in,
			 .filter = filter,
			 .dilation = p->dilation,
			 .offset = p->input_offset,
			 .n_c = 1,
			 .w_tap = out->c};

	if (in->n != 1 || out->n != 1 || filter->n != 1 || filter->c != out->c ||
	    out->c != in->c * p->ch_mult || bias_dims->c != out->c ||
	    use_scratch(ctx, arm_depthwise_conv_wrapper_s8_get_buffer_size(p, in, filter, out)))
		return ARM_CMSIS_NN_ARG_ERROR;
	for (int32_t i = 0; i < out->h * out->w * out->c; i++) {
		int32_t oc = i % out->c, pixel = i / out->c;
		int32_t acc = bias ? bias[oc] : 0;

		t.at.h = pixel / out->w * p->stride.h - p->padding.h;
		t.at.w = pixel % out->w * p->stride.w - p->padding.w;
		t.in_c = oc / p->ch_mult;
		acc = dot(&t, x, weights + oc, acc);
		y[i] = finish(acc, quant->multiplier[oc], quant->shift[oc], p->output_offset,
			      p->activation);
	}
	return ARM_CMSIS_NN_SUCCESS;
}

/* Kernel sums, as versions for other cores want them. */
int32_t arm_fully_connected_s8_get_buffer_size(const cmsis_nn_dims *filter)
{
	return 4 * filter->c;
}

static arm_cmsis_nn_status fully_connected(const cmsis_nn_context *ctx, const cmsis_nn_fc_params *p,
					   const int32_t *mult, const int32_t *shift, int step,
					   const cmsis_nn_dims *in, const int8_t *x,
					   const cmsis_nn_dims *filter, const int8_t *weights,
					   const cmsis_nn_dims *bias_dims, const int32_t *bias,
					   const cmsis_nn_dims *out, int8_t *y)
{
	if (filter->c != out->c || bias_dims->c != out->c || in->n != out->n ||
	    filter->n != in->h * in->w * in->c ||
	    use_scratch(ctx, arm_fully_connected_s8_get_buffer_size(filter)))
		return ARM_CMSIS_NN_ARG_ERROR;
	for (int32_t i = 0; i < out->n * out->c; i++) {
		int32_t oc = i % out->c;
		int32_t acc = bias ? bias[oc] : 0;

		for (int32_t k = 0; k < filter->n; k++)
			acc = mn_add32(acc,
				       (x[i / out->c * filter->n + k] + p->input_offset) *
					       (weights[oc * filter->n + k] + p->filter_offset));
		y[i] = finish(acc, mult[oc * step], shift[oc * step], p->output_offset,
			      p->activation);
	}
	return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_fully_connected_s8(const cmsis_nn_context *ctx,
					   const cmsis_nn_fc_params *params,
					   const cmsis_nn_per_tensor_quant_params *quant,
					   const cmsis_nn_dims *in, const int8_t *x,
					   const cmsis_nn_dims *filter, const int8_t *weights,
					   const cmsis_nn_dims *bias_dims, const int32_t *bias,
					   const cmsis_nn_dims *out, int8_t *y)
{
	return fully_connected(ctx, params, &quant->multiplier, &quant->shift, 0, in, x, filter,
			       weights, bias_dims, bias, out, y);
}

arm_cmsis_nn_status arm_fully_connected_per_channel_s8(
	const cmsis_nn_context *ctx, const cmsis_nn_fc_params *params,
	const cmsis_nn_per_channel_quant_params *quant, const cmsis_nn_dims *in, const int8_t *x,
	const cmsis_nn_dims *filter, const int8_t *weights, const cmsis_nn_dims *bias_dims,
	const int32_t *bias, const cmsis_nn_dims *out, int8_t *y)
{
	return fully_connected(ctx, params, quant->multiplier, quant->shift, 1, in, x, filter,
			       weights, bias_dims, bias, out, y);
}

int32_t arm_avgpool_s8_get_buffer_size(const int out_w, const int in_c)
{
	(void)out_w;
	return 4 * in_c;
}

static arm_cmsis_nn_status pool(int average, const cmsis_nn_pool_params *p, const cmsis_nn_dims *in,
				const int8_t *x, const cmsis_nn_dims *filter,
				const cmsis_nn_dims *out, int8_t *y)
{
	if (in->n != 1 || out->n != 1 || in->c != out->c)
		return ARM_CMSIS_NN_ARG_ERROR;
	for (int32_t i = 0; i < out->h * out->w * out->c; i++) {
		int32_t top = i / out->c / out->w * p->stride.h - p->padding.h;
		int32_t left = i / out->c % out->w * p->stride.w - p->padding.w;
		int32_t sum = 0, max = INT8_MIN, n = 0, v;

		for (int32_t yy = top; yy < top + filter->h; yy++) {
			for (int32_t xx = left; xx < left + filter->w; xx++) {
				if (yy < 0 || yy >= in->h || xx < 0 || xx >= in->w)
					continue;
				v = x[(yy * in->w + xx) * in->c + i % out->c];
				sum += v;
				max = v > max ? v : max;
				n++;
			}
		}
		y[i] = (int8_t)mn_clamp(average ? mn_average(sum, n) : max, p->activation.min,
					p->activation.max);
	}
	return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_avgpool_s8(const cmsis_nn_context *ctx, const cmsis_nn_pool_params *params,
				   const cmsis_nn_dims *in, const int8_t *x,
				   const cmsis_nn_dims *filter, const cmsis_nn_dims *out, int8_t *y)
{
	if (use_scratch(ctx, arm_avgpool_s8_get_buffer_size(out->w, in->c)))
		return ARM_CMSIS_NN_ARG_ERROR;
	return pool(1, params, in, x, filter, out, y);
}

arm_cmsis_nn_status arm_max_pool_s8(const cmsis_nn_context *ctx, const cmsis_nn_pool_params *params,
				    const cmsis_nn_dims *in, const int8_t *x,
				    const cmsis_nn_dims *filter, const cmsis_nn_dims *out,
				    int8_t *y)
{
	(void)ctx;
	return pool(0, params, in, x, filter, out, y);
}

arm_cmsis_nn_status arm_elementwise_add_s8(
	const int8_t *x1, const int8_t *x2, const int32_t offset1, const int32_t mult1,
	const int32_t shift1, const int32_t offset2, const int32_t mult2, const int32_t shift2,
	const int32_t left_shift, int8_t *y, const int32_t out_offset, const int32_t out_mult,
	const int32_t out_shift, const int32_t act_min, const int32_t act_max, const int32_t n)
{
	for (int32_t i = 0; i < n; i++) {
		int32_t v1 = mn_shl32(x1[i] + offset1, left_shift);
		int32_t v2 = mn_shl32(x2[i] + offset2, left_shift);
		int32_t sum =
			mn_add32(mn_rescale(v1, mult1, shift1), mn_rescale(v2, mult2, shift2));

		y[i] = finish(sum, out_mult, out_shift, out_offset,
			      (cmsis_nn_activation){act_min, act_max});
	}
	return ARM_CMSIS_NN_SUCCESS;
}

void arm_softmax_s8(const int8_t *x, const int32_t rows, const int32_t row, const int32_t mult,
		    const int32_t shift, const int32_t diff_min, int8_t *y)
{
	const struct mn_layer layer = {.op = MN_OP_SOFTMAX,
				       .in = {1, 1, (uint32_t)rows, (uint32_t)row}};
	const struct mn_quant quant = {.in_mult = mult, .in_shift = shift, .diff_min = diff_min};

	(void)mn_softmax_ref(
		&(struct mn_kernel_args){.layer = &layer, .quant = &quant, .in = x, .out = y});
}

arm_cmsis_nn_status arm_pad_s8(const int8_t *x, int8_t *y, const int8_t value,
			       const cmsis_nn_dims *in, const cmsis_nn_dims *before,
			       const cmsis_nn_dims *after)
{
	const int32_t w = before->w + in->w + after->w, c = before->c + in->c + after->c;
	const int32_t h = before->h + in->h + after->h, n = before->n + in->n + after->n;

	memset(y, value, (size_t)(n * h * w * c));
	for (int32_t i = 0; i < in->n * in->h * in->w * in->c; i++) {
		int32_t ic = i % in->c, ix = i / in->c % in->w;
		int32_t iy = i / in->c / in->w % in->h, in_n = i / in->c / in->w / in->h;

		y[(((in_n + before->n) * h + iy + before->h) * w + ix + before->w) * c + ic +
		  before->c] = x[i];
	}
	return ARM_CMSIS_NN_SUCCESS;
}

void arm_reshape_s8(const int8_t *x, int8_t *y, const uint32_t n)
{
	memcpy(y, x, n);
}
