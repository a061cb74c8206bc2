/* SPDX-License-Identifier: MIT */
/*
 * Blocks: what searches call one entry of their lookup tables, a few layers in a row, named by a
 * key. The keys are those of ProxylessNAS and Once-for-All (OFA), and of HW-NAS-Bench's FBNet
 * space; formats write the same key with its cost.
 *
 * OFA. H, W, C of input and output, then what the block has:
 *   Conv-input:224x224x3-output:112x112x32             3x3, stride from the sizes
 *   Conv_1-input:7x7x320-output:7x7x1280               1x1; Conv_2 too
 *   expanded_conv-input:7x7x192-output:7x7x320-expand:6-kernel:5-stride:1-idskip:0[-se:1-hs:1]
 *     1x1 to the middle channels, depthwise kernel x kernel, 1x1 to the output; idskip: an
 *     addition; se: mean, 1x1 to a quarter of the channels (a multiple of 8), 1x1 back, logistic
 *     for the hard sigmoid that int8 lacks, mul; hs: hard_swish after the first two
 *   AvgPool2D-input:7x7x960-output:1x1x960
 *   Logits-input:7x7x1280-output:1000                  mean if the input has a size, then a
 *                                                      fully connected layer
 *   `expand` is the ratio in ProxylessNAS's tables and the number of middle channels in OFA's.
 *
 * HW-NAS-Bench:
 *   ConvNorm_H224_W224_Cin3_Cout16_kernel3_stride2_group1
 *   ConvBlock_H28_W28_Cin32_Cout32_exp6_kernel5_stride1_group2      group: of the 1x1 layers
 *   Skip_H28_W28_Cin32_Cout64_stride2      1x1, or nothing if it changes nothing
 *   AvgP_H7_W7_Cin1984_Cout1984_kernel7_stride1
 *   FC_Cin1984_Cout1000
 *
 * Convolutions are SAME with a fused RELU6 (none before an addition or a hard_swish); one in g
 * groups is g layers of a g-th of the channels each, which is what int8 kernels without groups
 * cost.
 */
#ifndef MN_BLOCKS_H
#define MN_BLOCKS_H

#include <stddef.h>

#include "err.h"
#include "mnchar.h"

enum { MN_BLOCK_LAYERS_MAX = 64 };

enum mn_block_style { MN_BLOCK_OFA, MN_BLOCK_HW_NAS_BENCH };

struct mn_block {
	struct mnchar_layer layers[MN_BLOCK_LAYERS_MAX];
	size_t n;
};

/* Options of the OFA style. */
struct mn_block_options {
	enum mn_block_style style;
	int expand_is_channels; /* 1: `expand` is the middle channels, 0: the ratio */
};

/*
 * The layers of a key, len bytes. MN_E_NOTFOUND: it is no key of that style; MN_E_SYNTAX: it begins
 * like one and goes wrong; MN_E_INVALID: sizes that contradict each other;
 * MN_E_OVERFLOW: an `expand` that cannot be a ratio; MN_E_TOO_BIG: more than
 * MN_BLOCK_LAYERS_MAX layers.
 */
int mn_block_parse(const char *key, size_t len, const struct mn_block_options *options,
		   struct mn_block *ret, struct mn_err *err);

#endif
