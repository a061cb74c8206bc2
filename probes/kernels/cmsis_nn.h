/* SPDX-License-Identifier: MIT */
/*
 * CMSIS-NN as a kernel set: what the host has to know of a library that only the board's image has.
 *
 * An image that was linked with CMSIS-NN (README.md here) has one set more,
 * "cmsis-nn/19.1.0/armv7e-m": the version is that of the library's header, the variant the
 * instructions it was compiled for. The host plans the memory of a layer, scratch included, before
 * it asks the board, but has no library to ask. It takes the rules below, which no version so far
 * exceeds on an Armv7E-M; the board compares with the library's own functions and refuses a layer
 * whose scratch is too small with the byte counts.
 */
#ifndef MN_CMSIS_NN_H
#define MN_CMSIS_NN_H

#include "kernel.h"

/* First part of the id of every such set. */
#define MN_CMSIS_NN_LIBRARY "cmsis-nn"

/*
 * Bytes of scratch that are enough for a layer of op conv_2d, depthwise_conv_2d or average_pool_2d
 * on an Armv7E-M, 0 for the other ops. Source: the formulas behind arm_*_get_buffer_size() of
 * V.8.1.1 and V.19.1.0 without MVE: two columns of int16, of a multiple of 4 elements each; a
 * window of int16 if the depth multiplier is 1; an int32 a channel.
 */
uint32_t mn_cmsis_nn_scratch(const struct mn_layer *layer);

/*
 * The set of that id for planning: scratch_bytes() as above for every op that some version has,
 * run() says MN_E_UNSUPPORTED. MN_E_NOTFOUND if the id is not that of CMSIS-NN. ret_set->id is
 * `id` itself, which has to live as long.
 */
int mn_cmsis_nn_plan(const char *id, struct mn_kernel_set *ret_set);

#ifdef MN_CMSIS_NN_VERSION
/* The set itself (cmsis_nn.c), in builds that have the library. */
extern const struct mn_kernel_set mn_cmsis_nn_set;
#endif

#endif
