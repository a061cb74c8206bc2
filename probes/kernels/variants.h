/* SPDX-License-Identifier: MIT */
/* The functions behind the tables of table.c: one file each, <op>_<variant>.c. */
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

#endif
