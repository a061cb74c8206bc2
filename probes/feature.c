/* SPDX-License-Identifier: MIT */
#include "feature.h"

#include <string.h>

#include "err.h"

static const char *const names[] = {
#define X(name, text) [MN_FEATURE_##name] = (text),
	MN_FEATURE_TABLE(X)
#undef X
};

const char *mn_feature_name(enum mn_feature feature)
{
	return (unsigned)feature < MN_FEATURE_COUNT ? names[feature] : "?";
}

int mn_feature_parse(const char *name)
{
	for (int i = 0; i < MN_FEATURE_COUNT; i++)
		if (!strcmp(names[i], name))
			return i;
	return MN_E_NOTFOUND;
}

static uint64_t window_elements(const struct mn_layer *layer, const struct mn_layer_info *info)
{
	uint64_t window = (uint64_t)layer->kernel_h * layer->kernel_w;

	if (layer->op != MN_OP_AVERAGE_POOL_2D && layer->op != MN_OP_MAX_POOL_2D)
		return 0;
	if (window && info->out_elements > UINT64_MAX / window)
		return UINT64_MAX;
	return info->out_elements * window;
}

uint64_t mn_feature_value(enum mn_feature feature, const struct mn_layer *layer,
			  const struct mn_layer_info *info)
{
	switch (feature) {
	case MN_FEATURE_CONST:
		return 1;
	case MN_FEATURE_OPS:
		return info->ops;
	case MN_FEATURE_MACS:
		return info->macs;
	case MN_FEATURE_OUT_ELEMENTS:
		return info->out_elements;
	case MN_FEATURE_IM2COL_ELEMENTS:
		return info->im2col_elements;
	case MN_FEATURE_IN_ELEMENTS:
		return info->input_bytes; /* int8 */
	case MN_FEATURE_WINDOW_ELEMENTS:
		return window_elements(layer, info);
	case MN_FEATURE_COUNT:
		break;
	}
	return 0;
}

enum mn_feature mn_feature_size(enum mn_op op)
{
	switch (op) {
	case MN_OP_CONV_2D:
	case MN_OP_DEPTHWISE_CONV_2D:
	case MN_OP_FULLY_CONNECTED:
		return MN_FEATURE_OPS;
	default:
		return MN_FEATURE_OUT_ELEMENTS;
	}
}
