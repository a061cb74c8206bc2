/* SPDX-License-Identifier: MIT */
#include "kernel.h"

#include <string.h>

#include "cmsis_nn.h"
#include "variants.h"

/* Raise it whenever the code of a kernel changes: results of two versions are never mixed. */
#define KERNELS_VERSION "2"

static uint32_t no_scratch(const struct mn_layer *layer)
{
	(void)layer;
	return 0;
}

static const struct mn_kernel ref[] = {
	{MN_OP_NOP, "null", no_scratch, mn_null},
	{MN_OP_CONV_2D, "conv_2d_ref", no_scratch, mn_conv_2d_ref},
	{MN_OP_DEPTHWISE_CONV_2D, "depthwise_conv_2d_ref", no_scratch, mn_depthwise_conv_2d_ref},
	{MN_OP_FULLY_CONNECTED, "fully_connected_ref", no_scratch, mn_fully_connected_ref},
	{MN_OP_AVERAGE_POOL_2D, "average_pool_2d_ref", no_scratch, mn_average_pool_2d_ref},
	{MN_OP_MAX_POOL_2D, "max_pool_2d_ref", no_scratch, mn_max_pool_2d_ref},
	{MN_OP_MEAN, "mean_ref", no_scratch, mn_mean_ref},
	{MN_OP_ADD, "add_ref", no_scratch, mn_add_ref},
	{MN_OP_SOFTMAX, "softmax_ref", no_scratch, mn_softmax_ref},
	{MN_OP_PAD, "pad_ref", no_scratch, mn_pad_ref},
	{MN_OP_RESHAPE, "reshape_ref", no_scratch, mn_reshape_ref},
	{MN_OP_MUL, "mul_ref", no_scratch, mn_mul_ref},
	{MN_OP_SUB, "sub_ref", no_scratch, mn_sub_ref},
	{MN_OP_MAXIMUM, "maximum_ref", no_scratch, mn_maximum_ref},
	{MN_OP_MINIMUM, "minimum_ref", no_scratch, mn_minimum_ref},
	{MN_OP_CONCATENATION, "concatenation_ref", no_scratch, mn_concatenation_ref},
	{MN_OP_QUANTIZE, "quantize_ref", no_scratch, mn_quantize_ref},
	{MN_OP_RELU, "relu_ref", no_scratch, mn_quantize_ref},
	{MN_OP_RELU6, "relu6_ref", no_scratch, mn_relu6_ref},
	{MN_OP_LOGISTIC, "logistic_ref", no_scratch, mn_logistic_ref},
	{MN_OP_TANH, "tanh_ref", no_scratch, mn_tanh_ref},
	{MN_OP_LEAKY_RELU, "leaky_relu_ref", no_scratch, mn_leaky_relu_ref},
	{MN_OP_HARD_SWISH, "hard_swish_ref", no_scratch, mn_hard_swish_ref},
	{MN_OP_STRIDED_SLICE, "strided_slice_ref", no_scratch, mn_walk_ref},
	{MN_OP_RESIZE_NEAREST_NEIGHBOR, "resize_nearest_neighbor_ref", no_scratch, mn_resize_ref},
	{MN_OP_TRANSPOSE, "transpose_ref", no_scratch, mn_walk_ref},
};

static const struct mn_kernel dsp[] = {
	{MN_OP_NOP, "null", no_scratch, mn_null},
	{MN_OP_CONV_2D, "conv_2d_dsp", mn_conv_2d_dsp_scratch, mn_conv_2d_dsp},
	{MN_OP_DEPTHWISE_CONV_2D, "depthwise_conv_2d_dsp", mn_depthwise_conv_2d_dsp_scratch,
	 mn_depthwise_conv_2d_dsp},
	{MN_OP_FULLY_CONNECTED, "fully_connected_dsp", mn_fully_connected_dsp_scratch,
	 mn_fully_connected_dsp},
	{MN_OP_AVERAGE_POOL_2D, "average_pool_2d_dsp", no_scratch, mn_average_pool_2d_dsp},
	{MN_OP_MAX_POOL_2D, "max_pool_2d_dsp", no_scratch, mn_max_pool_2d_dsp},
	{MN_OP_MEAN, "mean_dsp", no_scratch, mn_mean_dsp},
	{MN_OP_ADD, "add_dsp", no_scratch, mn_add_dsp},
	{MN_OP_SOFTMAX, "softmax_dsp", mn_softmax_dsp_scratch, mn_softmax_dsp},
	{MN_OP_PAD, "pad_dsp", no_scratch, mn_pad_dsp},
	{MN_OP_RESHAPE, "reshape_dsp", no_scratch, mn_reshape_dsp},
	{MN_OP_MUL, "mul_dsp", no_scratch, mn_mul_dsp},
	{MN_OP_SUB, "sub_dsp", no_scratch, mn_sub_dsp},
	{MN_OP_MAXIMUM, "maximum_dsp", no_scratch, mn_maximum_dsp},
	{MN_OP_MINIMUM, "minimum_dsp", no_scratch, mn_minimum_dsp},
	{MN_OP_CONCATENATION, "concatenation_dsp", no_scratch, mn_concatenation_dsp},
	{MN_OP_QUANTIZE, "quantize_dsp", no_scratch, mn_quantize_dsp},
	{MN_OP_RELU, "relu_dsp", no_scratch, mn_quantize_dsp},
	{MN_OP_RELU6, "relu6_dsp", no_scratch, mn_relu6_dsp},
	{MN_OP_LOGISTIC, "logistic_dsp", no_scratch, mn_logistic_dsp},
	{MN_OP_TANH, "tanh_dsp", no_scratch, mn_tanh_dsp},
	{MN_OP_LEAKY_RELU, "leaky_relu_dsp", no_scratch, mn_leaky_relu_dsp},
	{MN_OP_HARD_SWISH, "hard_swish_dsp", no_scratch, mn_hard_swish_dsp},
	{MN_OP_STRIDED_SLICE, "strided_slice_dsp", no_scratch, mn_walk_dsp},
	{MN_OP_RESIZE_NEAREST_NEIGHBOR, "resize_nearest_neighbor_dsp", mn_resize_dsp_scratch,
	 mn_resize_dsp},
	{MN_OP_TRANSPOSE, "transpose_dsp", no_scratch, mn_walk_dsp},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct mn_kernel_set set_ref = {"mnchar/" KERNELS_VERSION "/ref", ref, COUNT(ref)};
static const struct mn_kernel_set set_dsp = {"mnchar/" KERNELS_VERSION "/dsp", dsp, COUNT(dsp)};

const struct mn_kernel_set *const mn_kernel_sets[] = {
	&set_dsp,
	&set_ref,
#ifdef MN_CMSIS_NN_VERSION
	&mn_cmsis_nn_set,
#endif
	NULL,
};

uint32_t mn_kernel_sets_count(void)
{
	return COUNT(mn_kernel_sets) - 1;
}

const struct mn_kernel_set *mn_kernel_set_find(const char *id)
{
	for (uint32_t i = 0; mn_kernel_sets[i]; i++)
		if (!strcmp(mn_kernel_sets[i]->id, id))
			return mn_kernel_sets[i];
	return NULL;
}

const struct mn_kernel *mn_kernel_find(const struct mn_kernel_set *set, enum mn_op op)
{
	for (uint32_t i = 0; i < set->n_kernels; i++)
		if (set->kernels[i].op == op)
			return &set->kernels[i];
	return NULL;
}
