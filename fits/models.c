/* SPDX-License-Identifier: MIT */
#include "models.h"

#define OP(name)   (1u << MN_OP_##name)
#define WHOLE      (1u << MN_MODELS_WHOLE)
#define WITH_MACS  (OP(CONV_2D) | OP(DEPTHWISE_CONV_2D) | OP(FULLY_CONNECTED))
#define COSTS      (1u << MN_TARGET_LATENCY | 1u << MN_TARGET_ENERGY)
#define POWER      (1u << MN_TARGET_POWER)
#define RELATIVE   MN_WEIGHTING_RELATIVE
#define UNWEIGHTED MN_WEIGHTING_NONE
#define TERMS_1(a)                                                                                 \
	1,                                                                                         \
	{                                                                                          \
		MN_FEATURE_##a                                                                     \
	}
#define TERMS_2(a, b)                                                                              \
	2,                                                                                         \
	{                                                                                          \
		MN_FEATURE_##a, MN_FEATURE_##b                                                     \
	}
#define TERMS_3(a, b, c)                                                                           \
	3,                                                                                         \
	{                                                                                          \
		MN_FEATURE_##a, MN_FEATURE_##b, MN_FEATURE_##c                                     \
	}
#define TERMS_4(a, b, c, d)                                                                        \
	4,                                                                                         \
	{                                                                                          \
		MN_FEATURE_##a, MN_FEATURE_##b, MN_FEATURE_##c, MN_FEATURE_##d                     \
	}

/* clang-format off */
const struct mn_model mn_models[] = {
	{"ops", WITH_MACS, COSTS, RELATIVE, TERMS_1(OPS)},
	{"ops-affine", WITH_MACS, COSTS, RELATIVE, TERMS_2(OPS, CONST)},
	{"ops", WHOLE, COSTS, UNWEIGHTED, TERMS_1(OPS)},
	{"ops-affine", WHOLE, COSTS, UNWEIGHTED, TERMS_2(OPS, CONST)},

	{"features", OP(CONV_2D), COSTS, RELATIVE,
	 TERMS_4(MACS, OUT_ELEMENTS, IM2COL_ELEMENTS, CONST)},
	{"features", OP(DEPTHWISE_CONV_2D) | OP(FULLY_CONNECTED), COSTS, RELATIVE,
	 TERMS_3(MACS, OUT_ELEMENTS, CONST)},
	{"features", OP(AVERAGE_POOL_2D) | OP(MAX_POOL_2D), COSTS, RELATIVE,
	 TERMS_3(WINDOW_ELEMENTS, OUT_ELEMENTS, CONST)},
	{"features", OP(MEAN) | OP(PAD), COSTS, RELATIVE,
	 TERMS_3(IN_ELEMENTS, OUT_ELEMENTS, CONST)},
	{"features", OP(ADD) | OP(SOFTMAX) | OP(RESHAPE), COSTS, RELATIVE,
	 TERMS_2(OUT_ELEMENTS, CONST)},

	{"mean", ~OP(NOP), POWER, UNWEIGHTED, TERMS_1(CONST)},
	{0},
};
/* clang-format on */

const char *mn_target_name(enum mn_target target)
{
	static const char *const names[] = {"latency", "energy", "power"};

	return names[target];
}

const char *mn_target_unit(enum mn_target target)
{
	static const char *const units[] = {"ms", "mJ", "mW"};

	return units[target];
}
