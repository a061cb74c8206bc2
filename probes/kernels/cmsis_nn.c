/* SPDX-License-Identifier: MIT */
/*
 * Adapter to CMSIS-NN, through its public functions as TensorFlow Lite Micro calls them: the
 * wrapper of an op chooses the kernel, *_get_buffer_size() says its scratch.
 *
 * The library is not part of mnchar; README.md here says how a build gets one. Compiled against
 * V.8.1.1 to V.19.1.0: statuses are compared with 0, since older versions call their type
 * arm_status and newer ones arm_cmsis_nn_status.
 *
 * One image of a batch a call: older versions take N for 1 in some functions.
 */
#include <arm_nnfunctions.h>

#include "cmsis_nn.h"
#include "err.h"
#include "variants.h"

#ifndef MN_CMSIS_NN_MAJOR
#error "MN_CMSIS_NN_VERSION and MN_CMSIS_NN_MAJOR are those of arm_nnfunctions.h; CMake reads them"
#endif
#ifdef __ARM_FEATURE_DSP
#define VARIANT "armv7e-m"
#else
#define VARIANT "c"
#endif

#define DIMS(n_, h_, w_, c_)                                                                       \
	((cmsis_nn_dims){                                                                          \
		.n = (int32_t)(n_), .h = (int32_t)(h_), .w = (int32_t)(w_), .c = (int32_t)(c_)})

/* The dimensions of a windowed layer as the library takes them, for one image. */
struct window {
	cmsis_nn_dims in, filter, bias, out;
	cmsis_nn_tile stride, padding, dilation;
	size_t in_bytes, out_bytes;
};

static void window_of(const struct mn_layer *l, struct window *w)
{
	const struct mn_shape out = mn_layer_out_shape(l);

	w->in = DIMS(1, l->in.h, l->in.w, l->in.c);
	w->out = DIMS(1, out.h, out.w, out.c);
	w->bias = DIMS(1, 1, 1, out.c);
	/* Convolutions OHWI, depthwise 1HWC; the pools look at height and width only. */
	w->filter = l->op == MN_OP_CONV_2D ? DIMS(out.c, l->kernel_h, l->kernel_w, l->in.c)
					   : DIMS(1, l->kernel_h, l->kernel_w, out.c);
	w->stride = (cmsis_nn_tile){.w = l->stride_w, .h = l->stride_h};
	w->padding = (cmsis_nn_tile){.w = (int32_t)mn_layer_pad_before(l, 1),
				     .h = (int32_t)mn_layer_pad_before(l, 0)};
	w->dilation = (cmsis_nn_tile){.w = l->dilation_w, .h = l->dilation_h};
	w->in_bytes = (size_t)l->in.h * l->in.w * l->in.c;
	w->out_bytes = (size_t)out.h * out.w * out.c;
}

static cmsis_nn_context context_of(const struct mn_kernel_args *a, int32_t size)
{
	return (cmsis_nn_context){.buf = a->scratch, .size = size};
}

static cmsis_nn_activation activation_of(const struct mn_quant *q)
{
	return (cmsis_nn_activation){.min = q->act_min, .max = q->act_max};
}

/* The library's structs are not const-correct; it does not write there. */
static cmsis_nn_per_channel_quant_params channels_of(const struct mn_quant *q)
{
	return (cmsis_nn_per_channel_quant_params){.multiplier = (int32_t *)(uintptr_t)q->mult,
						   .shift = (int32_t *)(uintptr_t)q->shift};
}

/* NULL: only the sizes are wanted. */
static cmsis_nn_conv_params conv_params(const struct window *w, const struct mn_quant *q)
{
	cmsis_nn_conv_params p = {
		.stride = w->stride, .padding = w->padding, .dilation = w->dilation};

	if (q) {
		p.input_offset = -q->in_zp;
		p.output_offset = q->out_zp;
		p.activation = activation_of(q);
	}
	return p;
}

static cmsis_nn_dw_conv_params depthwise_params(const struct mn_layer *l, const struct window *w,
						const struct mn_quant *q)
{
	cmsis_nn_dw_conv_params p = {.ch_mult = l->multiplier,
				     .stride = w->stride,
				     .padding = w->padding,
				     .dilation = w->dilation};

	if (q) {
		p.input_offset = -q->in_zp;
		p.output_offset = q->out_zp;
		p.activation = activation_of(q);
	}
	return p;
}

static uint32_t no_scratch(const struct mn_layer *layer)
{
	(void)layer;
	return 0;
}

static uint32_t bytes_of(int32_t size)
{
	return size > 0 ? (uint32_t)size : 0;
}

static uint32_t conv_scratch(const struct mn_layer *l)
{
	struct window w;
	cmsis_nn_conv_params p;

	window_of(l, &w);
	p = conv_params(&w, NULL);
	return bytes_of(arm_convolve_wrapper_s8_get_buffer_size(&p, &w.in, &w.filter, &w.out));
}

static int conv_run(const struct mn_kernel_args *a)
{
	const cmsis_nn_per_channel_quant_params q = channels_of(a->quant);
	cmsis_nn_conv_params p;
	cmsis_nn_context ctx;
	struct window w;
	int rc = 0;

	window_of(a->layer, &w);
	p = conv_params(&w, a->quant);
	ctx = context_of(a, arm_convolve_wrapper_s8_get_buffer_size(&p, &w.in, &w.filter, &w.out));
	for (uint32_t n = 0; n < a->layer->in.n && !rc; n++)
		rc = (int)arm_convolve_wrapper_s8(&ctx, &p, &q, &w.in, a->in + n * w.in_bytes,
						  &w.filter, a->weights, &w.bias, a->bias, &w.out,
						  a->out + n * w.out_bytes);
	return rc ? MN_E_UNSUPPORTED : 0;
}

static uint32_t depthwise_scratch(const struct mn_layer *l)
{
	cmsis_nn_dw_conv_params p;
	struct window w;

	window_of(l, &w);
	p = depthwise_params(l, &w, NULL);
	return bytes_of(
		arm_depthwise_conv_wrapper_s8_get_buffer_size(&p, &w.in, &w.filter, &w.out));
}

static int depthwise_run(const struct mn_kernel_args *a)
{
	const cmsis_nn_per_channel_quant_params q = channels_of(a->quant);
	cmsis_nn_dw_conv_params p;
	cmsis_nn_context ctx;
	struct window w;
	int rc = 0;

	window_of(a->layer, &w);
	p = depthwise_params(a->layer, &w, a->quant);
	ctx = context_of(
		a, arm_depthwise_conv_wrapper_s8_get_buffer_size(&p, &w.in, &w.filter, &w.out));
	for (uint32_t n = 0; n < a->layer->in.n && !rc; n++)
		rc = (int)arm_depthwise_conv_wrapper_s8(&ctx, &p, &q, &w.in, a->in + n * w.in_bytes,
							&w.filter, a->weights, &w.bias, a->bias,
							&w.out, a->out + n * w.out_bytes);
	return rc ? MN_E_UNSUPPORTED : 0;
}

static cmsis_nn_dims fc_filter(const struct mn_layer *l)
{
	return DIMS(l->in.c, 1, 1, l->out_c);
}

static uint32_t fc_scratch(const struct mn_layer *l)
{
	const cmsis_nn_dims filter = fc_filter(l);

	return bytes_of(arm_fully_connected_s8_get_buffer_size(&filter));
}

static int fc_run(const struct mn_kernel_args *a)
{
	const struct mn_layer *l = a->layer;
	const struct mn_quant *q = a->quant;
	const uint32_t rows = l->in.n * l->in.h * l->in.w;
	const cmsis_nn_dims in = DIMS(rows, 1, 1, l->in.c), out = DIMS(rows, 1, 1, l->out_c);
	const cmsis_nn_dims filter = fc_filter(l), bias = DIMS(1, 1, 1, l->out_c);
	const cmsis_nn_fc_params p = {.input_offset = -q->in_zp,
				      .filter_offset = 0,
				      .output_offset = q->out_zp,
				      .activation = activation_of(q)};
	const cmsis_nn_per_tensor_quant_params per_tensor = {.multiplier = q->out_mult,
							     .shift = q->out_shift};
	const cmsis_nn_context ctx = context_of(a, arm_fully_connected_s8_get_buffer_size(&filter));

	if (q->mult) {
#if MN_CMSIS_NN_MAJOR >= 18
		const cmsis_nn_per_channel_quant_params per_channel = channels_of(q);

		return arm_fully_connected_per_channel_s8(&ctx, &p, &per_channel, &in, a->in,
							  &filter, a->weights, &bias, a->bias, &out,
							  a->out)
			       ? MN_E_UNSUPPORTED
			       : 0;
#else
		return MN_E_UNSUPPORTED;
#endif
	}
	return arm_fully_connected_s8(&ctx, &p, &per_tensor, &in, a->in, &filter, a->weights, &bias,
				      a->bias, &out, a->out)
		       ? MN_E_UNSUPPORTED
		       : 0;
}

static uint32_t average_scratch(const struct mn_layer *l)
{
	return bytes_of(arm_avgpool_s8_get_buffer_size((int)mn_layer_out_shape(l).w, (int)l->in.c));
}

static int average_run(const struct mn_kernel_args *a)
{
	cmsis_nn_pool_params p;
	cmsis_nn_context ctx;
	struct window w;
	int rc = 0;

	window_of(a->layer, &w);
	p = (cmsis_nn_pool_params){
		.stride = w.stride, .padding = w.padding, .activation = activation_of(a->quant)};
	ctx = context_of(a, arm_avgpool_s8_get_buffer_size(w.out.w, w.in.c));
	for (uint32_t n = 0; n < a->layer->in.n && !rc; n++)
		rc = (int)arm_avgpool_s8(&ctx, &p, &w.in, a->in + n * w.in_bytes, &w.filter, &w.out,
					 a->out + n * w.out_bytes);
	return rc ? MN_E_UNSUPPORTED : 0;
}

static int max_run(const struct mn_kernel_args *a)
{
	const cmsis_nn_context ctx = context_of(a, 0);
	cmsis_nn_pool_params p;
	struct window w;
	int rc = 0;

	window_of(a->layer, &w);
	p = (cmsis_nn_pool_params){
		.stride = w.stride, .padding = w.padding, .activation = activation_of(a->quant)};
	for (uint32_t n = 0; n < a->layer->in.n && !rc; n++)
		rc = (int)arm_max_pool_s8(&ctx, &p, &w.in, a->in + n * w.in_bytes, &w.filter,
					  &w.out, a->out + n * w.out_bytes);
	return rc ? MN_E_UNSUPPORTED : 0;
}

static uint32_t elements(const struct mn_shape *s)
{
	return s->n * s->h * s->w * s->c;
}

/* Element by element only: an interpreter broadcasts by other means. */
static int add_run(const struct mn_kernel_args *a)
{
	const struct mn_shape *s = &a->layer->in, *s2 = &a->layer->in2;
	const struct mn_quant *q = a->quant;

	if (s->n != s2->n || s->h != s2->h || s->w != s2->w || s->c != s2->c)
		return MN_E_UNSUPPORTED;
	return arm_elementwise_add_s8(a->in, a->in2, -q->in_zp, q->in_mult, q->in_shift, -q->in2_zp,
				      q->in2_mult, q->in2_shift, q->left_shift, a->out, q->out_zp,
				      q->out_mult, q->out_shift, q->act_min, q->act_max,
				      (int32_t)elements(s))
		       ? MN_E_UNSUPPORTED
		       : 0;
}

static int softmax_run(const struct mn_kernel_args *a)
{
	const struct mn_shape *s = &a->layer->in;

	arm_softmax_s8(a->in, (int32_t)(s->n * s->h * s->w), (int32_t)s->c, a->quant->in_mult,
		       a->quant->in_shift, a->quant->diff_min, a->out);
	return 0;
}

#if MN_CMSIS_NN_MAJOR >= 18
static int pad_run(const struct mn_kernel_args *a)
{
	const struct mn_layer *l = a->layer;
	const cmsis_nn_dims in = DIMS(l->in.n, l->in.h, l->in.w, l->in.c);
	const cmsis_nn_dims before = DIMS(l->pad[0][0], l->pad[1][0], l->pad[2][0], l->pad[3][0]);
	const cmsis_nn_dims after = DIMS(l->pad[0][1], l->pad[1][1], l->pad[2][1], l->pad[3][1]);

	return arm_pad_s8(a->in, a->out, (int8_t)a->quant->out_zp, &in, &before, &after)
		       ? MN_E_UNSUPPORTED
		       : 0;
}
#endif

static int reshape_run(const struct mn_kernel_args *a)
{
	arm_reshape_s8(a->in, a->out, elements(&a->layer->in));
	return 0;
}

/* Mean is missing: the library has none for int8. */
static const struct mn_kernel kernels[] = {
	{MN_OP_NOP, "null", no_scratch, mn_null},
	{MN_OP_CONV_2D, "conv_2d_cmsis_nn", conv_scratch, conv_run},
	{MN_OP_DEPTHWISE_CONV_2D, "depthwise_conv_2d_cmsis_nn", depthwise_scratch, depthwise_run},
	{MN_OP_FULLY_CONNECTED, "fully_connected_cmsis_nn", fc_scratch, fc_run},
	{MN_OP_AVERAGE_POOL_2D, "average_pool_2d_cmsis_nn", average_scratch, average_run},
	{MN_OP_MAX_POOL_2D, "max_pool_2d_cmsis_nn", no_scratch, max_run},
	{MN_OP_ADD, "add_cmsis_nn", no_scratch, add_run},
	{MN_OP_SOFTMAX, "softmax_cmsis_nn", no_scratch, softmax_run},
#if MN_CMSIS_NN_MAJOR >= 18
	{MN_OP_PAD, "pad_cmsis_nn", no_scratch, pad_run},
#endif
	{MN_OP_RESHAPE, "reshape_cmsis_nn", no_scratch, reshape_run},
};

const struct mn_kernel_set mn_cmsis_nn_set = {MN_CMSIS_NN_LIBRARY "/" MN_CMSIS_NN_VERSION
								  "/" VARIANT,
					      kernels, sizeof(kernels) / sizeof(kernels[0])};
