/* SPDX-License-Identifier: MIT */
/* The functions behind the tables of table.c: one file each, <op>_<variant>.c; small ops that are
 * alike share one. */
#ifndef MN_VARIANTS_H
#define MN_VARIANTS_H

#include "kernel.h"

#define MN_VARIANT(name) int mn_##name(const struct mn_kernel_args *args)
#define MN_SCRATCH(name) uint32_t mn_##name##_scratch(const struct mn_layer *layer)

MN_VARIANT(null);

MN_VARIANT(conv_2d_ref);
MN_VARIANT(depthwise_conv_2d_ref);
MN_VARIANT(fully_connected_ref);
MN_VARIANT(average_pool_2d_ref);
MN_VARIANT(max_pool_2d_ref);
MN_VARIANT(mean_ref);
MN_VARIANT(add_ref);
MN_VARIANT(softmax_ref);
MN_VARIANT(pad_ref);
MN_VARIANT(reshape_ref);
MN_VARIANT(mul_ref);
MN_VARIANT(sub_ref);
MN_VARIANT(maximum_ref);
MN_VARIANT(minimum_ref);
MN_VARIANT(concatenation_ref);
MN_VARIANT(quantize_ref);
MN_VARIANT(relu6_ref);
MN_VARIANT(logistic_ref);
MN_VARIANT(tanh_ref);
MN_VARIANT(leaky_relu_ref);
MN_VARIANT(hard_swish_ref);
MN_VARIANT(walk_ref);
MN_VARIANT(resize_ref);

MN_VARIANT(conv_2d_dsp);
MN_SCRATCH(conv_2d_dsp);
MN_VARIANT(depthwise_conv_2d_dsp);
MN_SCRATCH(depthwise_conv_2d_dsp);
MN_VARIANT(fully_connected_dsp);
MN_SCRATCH(fully_connected_dsp);
MN_VARIANT(average_pool_2d_dsp);
MN_VARIANT(max_pool_2d_dsp);
MN_VARIANT(mean_dsp);
MN_VARIANT(add_dsp);
MN_VARIANT(softmax_dsp);
MN_SCRATCH(softmax_dsp);
MN_VARIANT(pad_dsp);
MN_VARIANT(reshape_dsp);
MN_VARIANT(mul_dsp);
MN_VARIANT(sub_dsp);
MN_VARIANT(maximum_dsp);
MN_VARIANT(minimum_dsp);
MN_VARIANT(concatenation_dsp);
MN_VARIANT(quantize_dsp);
MN_VARIANT(relu6_dsp);
MN_VARIANT(logistic_dsp);
MN_VARIANT(tanh_dsp);
MN_VARIANT(leaky_relu_dsp);
MN_VARIANT(hard_swish_dsp);
MN_VARIANT(walk_dsp);
MN_VARIANT(resize_dsp);
MN_SCRATCH(resize_dsp);

#endif
