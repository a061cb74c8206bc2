/* SPDX-License-Identifier: MIT */
#include "cmsis_nn.h"

#include <string.h>

#include "err.h"

uint32_t mn_cmsis_nn_scratch(const struct mn_layer *l)
{
	/* Below 2^28 by mn_layer_check(), so four bytes each fit. */
	const uint32_t taps = (uint32_t)l->kernel_h * l->kernel_w * l->in.c;

	switch (l->op) {
	case MN_OP_CONV_2D:
		return 2 * 2 * ((taps + 3) / 4 * 4);
	case MN_OP_DEPTHWISE_CONV_2D:
		return l->multiplier == 1 ? 2 * taps : 0;
	case MN_OP_AVERAGE_POOL_2D:
		return 4 * l->in.c;
	default:
		return 0;
	}
}

static int run_nowhere(const struct mn_kernel_args *args)
{
	(void)args;
	return MN_E_UNSUPPORTED;
}

int mn_cmsis_nn_plan(const char *id, struct mn_kernel_set *ret_set)
{
#define PLAN(op, name)                                                                             \
	{                                                                                          \
		op, name, mn_cmsis_nn_scratch, run_nowhere                                         \
	}
	static const struct mn_kernel kernels[] = {
		PLAN(MN_OP_NOP, "null"),
		PLAN(MN_OP_CONV_2D, "conv_2d_cmsis_nn"),
		PLAN(MN_OP_DEPTHWISE_CONV_2D, "depthwise_conv_2d_cmsis_nn"),
		PLAN(MN_OP_FULLY_CONNECTED, "fully_connected_cmsis_nn"),
		PLAN(MN_OP_AVERAGE_POOL_2D, "average_pool_2d_cmsis_nn"),
		PLAN(MN_OP_MAX_POOL_2D, "max_pool_2d_cmsis_nn"),
		PLAN(MN_OP_ADD, "add_cmsis_nn"),
		PLAN(MN_OP_SOFTMAX, "softmax_cmsis_nn"),
		PLAN(MN_OP_PAD, "pad_cmsis_nn"),
		PLAN(MN_OP_RESHAPE, "reshape_cmsis_nn"),
	};
#undef PLAN

	if (strncmp(id, MN_CMSIS_NN_LIBRARY "/", sizeof(MN_CMSIS_NN_LIBRARY)))
		return MN_E_NOTFOUND;
	*ret_set = (struct mn_kernel_set){id, kernels, sizeof(kernels) / sizeof(kernels[0])};
	return 0;
}
