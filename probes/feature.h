/* SPDX-License-Identifier: MIT */
/*
 * Features: the numbers of a layer that cost models are linear in. fits/ regresses on them,
 * host/cost evaluates with them, cost tables name them: one definition for all three.
 */
#ifndef MN_FEATURE_H
#define MN_FEATURE_H

#include <stddef.h>
#include <stdint.h>

#include "layer.h"

/* The names are in databases and cost tables: append only. */
/*      enum             name */
#define MN_FEATURE_TABLE(X)                                                                        \
	X(CONST, "const")                     /* 1 */                                              \
	X(OPS, "ops")                         /* 2 * macs */                                       \
	X(MACS, "macs")                       /* struct mn_layer_info */                           \
	X(OUT_ELEMENTS, "out_elements")       /* struct mn_layer_info */                           \
	X(IM2COL_ELEMENTS, "im2col_elements") /* struct mn_layer_info */                           \
	X(IN_ELEMENTS, "in_elements")         /* of all activation inputs */                       \
	X(WINDOW_ELEMENTS, "window_elements") /* pools: out_elements * window, padding counted */  \
	X(PIXELS, "pixels")                   /* windowed ops: output n * h * w; else 0 */         \
	X(COPY_ELEMENTS, "copy_elements")     /* im2col elements that are copied from the input */ \
	X(PAD_ELEMENTS, "pad_elements")       /* im2col elements outside of it: filled in */       \
	X(COPY_TAPS, "copy_taps")             /* im2col: runs of in channels that are copied */    \
	X(TAIL4_MACS, "tail4_macs")   /* conv: MACs of the last (window * in channels) mod 4 */    \
	X(TAIL16_MACS, "tail16_macs") /* conv: MACs of the last (window * in channels) mod 16 */   \
	X(ODD_MACS, "odd_macs")       /* conv: MACs of the last of an odd number of outputs */     \
	X(INNER_MACS, "inner_macs")   /* conv, depthwise: MACs without those on padding */         \
	/* From here on: turns of the loops of the dsp kernels, by loops.c. README has them too.   \
	 */                                                                                        \
	X(BLOCKS, "blocks")                     /* 4 outputs that are done together */             \
	X(BLOCK_STEPS, "block_steps")           /* turns of their inner loop: 4 taps, or one */    \
	X(BLOCK_TAILS, "block_tails")           /* taps behind the last four of a block */         \
	X(BLOCK_ROWS, "block_rows")             /* window rows that a block loops over */          \
	X(SINGLE_OUTPUTS, "single_outputs")     /* outputs done alone: channels left over */       \
	X(SINGLE_TAPS, "single_taps")           /* their taps */                                   \
	X(LAST_OUTPUTS, "last_outputs")         /* conv: outputs of the last of odd pixels */      \
	X(LAST_TAPS, "last_taps")               /* their taps */                                   \
	X(WIDEN_STEPS, "widen_steps")           /* words of input that are widened to 16 bits */   \
	X(GATHER_RUNS, "gather_runs")           /* conv: stretches widened straight from input */  \
	X(PATCH_ROWS, "patch_rows")             /* conv: window rows copied before widening */     \
	X(PATCH_ELEMENTS, "patch_elements")     /* their elements */                               \
	X(UNALIGNED_STEPS, "unaligned_steps")   /* words not at a multiple of 4 in block_steps */  \
	X(UNALIGNED_INPUTS, "unaligned_inputs") /* and in widen_steps */                           \
	X(OUT_CHANNELS, "out_channels")         /* entries of the table of channels */             \
	X(REFETCH_4K, "refetch_4k")             /* bytes that a 4 KB cache fetches once more */    \
	X(REFETCH_16K, "refetch_16k")           /* bytes that a 16 KB cache fetches once more */   \
	X(ROWS, "rows")                         /* fully_connected, softmax, mean, pools */        \
	X(RUNS, "runs")                         /* stretches that are gone through in a call */    \
	X(RUN_TAILS, "run_tails")               /* their elements behind the last whole word */    \
	X(RAGGED_ELEMENTS, "ragged_elements")   /* elements of short or odd stretches */

enum mn_feature {
#define X(name, text) MN_FEATURE_##name,
	MN_FEATURE_TABLE(X)
#undef X
		MN_FEATURE_COUNT
};

const char *mn_feature_name(enum mn_feature feature); /* "?" for an unknown one */
/* The feature of that name, or MN_E_NOTFOUND. */
int mn_feature_parse(const char *name);

/* Value for a layer that passed mn_layer_check(), which gave info. Saturates at UINT64_MAX. */
uint64_t mn_feature_value(enum mn_feature feature, const struct mn_layer *layer,
			  const struct mn_layer_info *info);
/* The same for n features (enum mn_feature in a byte each) at once, which is quicker. */
void mn_feature_values(const uint8_t *features, size_t n, const struct mn_layer *layer,
		       const struct mn_layer_info *info, double *ret_values);

/*
 * Kernel path: what decides which code of a kernel runs, as bits that all hold for a layer. A model
 * has coefficients for each path; a path is a set of bits, and contains the layers that have all of
 * them. The bits and names follow CMSIS-NN's wrappers; our own kernels branch at the same places.
 */
/*      enum   bit name */
#define MN_PATH_TABLE(X)                                                                           \
	X(1X1, 0, "1x1")               /* window 1x1, stride 1: multiplies in place */             \
	X(1XN, 1, "1xn")               /* one output row and a window of height 1 */               \
	X(3X3, 2, "3x3")               /* window 3x3 */                                            \
	X(MOD4, 3, "mod4")             /* in channels are a multiple of 4 */                       \
	X(MULTIPLIER, 4, "multiplier") /* depthwise: more than one output for each in channel */

enum mn_path {
	MN_PATH_ANY = 0,
#define X(name, bit, text) MN_PATH_##name = 1 << (bit),
	MN_PATH_TABLE(X)
#undef X
};

enum { MN_PATH_TEXT_MAX = 48, MN_PATHS_MAX = 8 };

/* All bits that hold; 0 for ops without a window. */
unsigned mn_path_of(const struct mn_layer *layer);
/* "1x1+mod4"; "any" for no bit. Returns buf, of at least MN_PATH_TEXT_MAX bytes. */
const char *mn_path_format(unsigned path, char *buf);
/* The bits of such a text, or MN_E_NOTFOUND. */
int mn_path_parse(const char *text);
/* "1x1,any" into at most MN_PATHS_MAX paths: their number, or MN_E_NOTFOUND, MN_E_TOO_BIG. "" is
 * one path, any. */
int mn_path_parse_list(const char *text, uint8_t *paths);
/* The first of n paths that contains the layer with these bits: its index, or MN_E_NOTFOUND. */
int mn_path_first(const uint8_t *paths, size_t n, unsigned bits);

/*
 * The feature that says how large a layer is, in which validity ranges are given: ops for the ops
 * that have MACs, out_elements for the others.
 */
enum mn_feature mn_feature_size(enum mn_op op);

#endif
