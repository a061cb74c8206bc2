/* SPDX-License-Identifier: MIT */
/*
 * Stand-in for CMSIS-NN's header, written for the tests of the adapter: the types and functions of
 * its public API that probes/kernels/cmsis_nn.c uses, and nothing else. CMake reads the version
 * from the next line, as from the real one. $Revision:    V.99.1.2
 */
#ifndef ARM_NNFUNCTIONS_H
#define ARM_NNFUNCTIONS_H

#include <stdint.h>

typedef enum { ARM_CMSIS_NN_SUCCESS = 0, ARM_CMSIS_NN_ARG_ERROR = -1 } arm_cmsis_nn_status;

typedef struct {
	int32_t w, h;
} cmsis_nn_tile;

typedef struct {
	void *buf;
	int32_t size;
} cmsis_nn_context;

typedef struct {
	int32_t n, h, w, c;
} cmsis_nn_dims;

typedef struct {
	int32_t *multiplier, *shift;
} cmsis_nn_per_channel_quant_params;

typedef struct {
	int32_t multiplier, shift;
} cmsis_nn_per_tensor_quant_params;

typedef struct {
	int32_t min, max;
} cmsis_nn_activation;

typedef struct {
	int32_t input_offset, output_offset;
	cmsis_nn_tile stride, padding, dilation;
	cmsis_nn_activation activation;
} cmsis_nn_conv_params;

typedef struct {
	int32_t input_offset, output_offset, ch_mult;
	cmsis_nn_tile stride, padding, dilation;
	cmsis_nn_activation activation;
} cmsis_nn_dw_conv_params;

typedef struct {
	cmsis_nn_tile stride, padding;
	cmsis_nn_activation activation;
} cmsis_nn_pool_params;

typedef struct {
	int32_t input_offset, filter_offset, output_offset;
	cmsis_nn_activation activation;
} cmsis_nn_fc_params;

int32_t arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params *params,
						const cmsis_nn_dims *in,
						const cmsis_nn_dims *filter,
						const cmsis_nn_dims *out);
arm_cmsis_nn_status arm_convolve_wrapper_s8(const cmsis_nn_context *ctx,
					    const cmsis_nn_conv_params *params,
					    const cmsis_nn_per_channel_quant_params *quant,
					    const cmsis_nn_dims *in, const int8_t *x,
					    const cmsis_nn_dims *filter, const int8_t *weights,
					    const cmsis_nn_dims *bias_dims, const int32_t *bias,
					    const cmsis_nn_dims *out, int8_t *y);
int32_t arm_depthwise_conv_wrapper_s8_get_buffer_size(const cmsis_nn_dw_conv_params *params,
						      const cmsis_nn_dims *in,
						      const cmsis_nn_dims *filter,
						      const cmsis_nn_dims *out);
arm_cmsis_nn_status
arm_depthwise_conv_wrapper_s8(const cmsis_nn_context *ctx, const cmsis_nn_dw_conv_params *params,
			      const cmsis_nn_per_channel_quant_params *quant,
			      const cmsis_nn_dims *in, const int8_t *x, const cmsis_nn_dims *filter,
			      const int8_t *weights, const cmsis_nn_dims *bias_dims,
			      const int32_t *bias, const cmsis_nn_dims *out, int8_t *y);
int32_t arm_fully_connected_s8_get_buffer_size(const cmsis_nn_dims *filter);
arm_cmsis_nn_status arm_fully_connected_s8(const cmsis_nn_context *ctx,
					   const cmsis_nn_fc_params *params,
					   const cmsis_nn_per_tensor_quant_params *quant,
					   const cmsis_nn_dims *in, const int8_t *x,
					   const cmsis_nn_dims *filter, const int8_t *weights,
					   const cmsis_nn_dims *bias_dims, const int32_t *bias,
					   const cmsis_nn_dims *out, int8_t *y);
arm_cmsis_nn_status arm_fully_connected_per_channel_s8(
	const cmsis_nn_context *ctx, const cmsis_nn_fc_params *params,
	const cmsis_nn_per_channel_quant_params *quant, const cmsis_nn_dims *in, const int8_t *x,
	const cmsis_nn_dims *filter, const int8_t *weights, const cmsis_nn_dims *bias_dims,
	const int32_t *bias, const cmsis_nn_dims *out, int8_t *y);
int32_t arm_avgpool_s8_get_buffer_size(const int out_w, const int in_c);
arm_cmsis_nn_status arm_avgpool_s8(const cmsis_nn_context *ctx, const cmsis_nn_pool_params *params,
				   const cmsis_nn_dims *in, const int8_t *x,
				   const cmsis_nn_dims *filter, const cmsis_nn_dims *out,
				   int8_t *y);
arm_cmsis_nn_status arm_max_pool_s8(const cmsis_nn_context *ctx, const cmsis_nn_pool_params *params,
				    const cmsis_nn_dims *in, const int8_t *x,
				    const cmsis_nn_dims *filter, const cmsis_nn_dims *out,
				    int8_t *y);
arm_cmsis_nn_status arm_elementwise_add_s8(
	const int8_t *x1, const int8_t *x2, const int32_t offset1, const int32_t mult1,
	const int32_t shift1, const int32_t offset2, const int32_t mult2, const int32_t shift2,
	const int32_t left_shift, int8_t *y, const int32_t out_offset, const int32_t out_mult,
	const int32_t out_shift, const int32_t act_min, const int32_t act_max, const int32_t n);
void arm_softmax_s8(const int8_t *x, const int32_t rows, const int32_t row, const int32_t mult,
		    const int32_t shift, const int32_t diff_min, int8_t *y);
arm_cmsis_nn_status arm_pad_s8(const int8_t *x, int8_t *y, const int8_t value,
			       const cmsis_nn_dims *in, const cmsis_nn_dims *before,
			       const cmsis_nn_dims *after);
void arm_reshape_s8(const int8_t *x, int8_t *y, const uint32_t n);

#endif
