/* SPDX-License-Identifier: MIT */
/*
 * A sweep: YAML that expands to probes.
 *
 *     name: example
 *     description: what it is for
 *     seed: 1                       # of the stimulus: inputs of the first repeat; default 1
 *     defaults: {mode: warm, warmup: 1, reps: 5, repeats: 1, kernels: [dsp]}
 *     groups:
 *       - name: pointwise
 *         op: conv_2d
 *         kernel: 1x1               # one value
 *         list:                     # each of these
 *           size: [4x4, 5x3]
 *           in_channels: [3, 12, 15, 16]
 *         range:                    # each from .. to in steps, both ends included
 *           out_channels: {from: 4, to: 36, step: 8}
 *         where: out_channels <= 4 * in_channels and macs <= 400000
 *         sample: {count: 20, seed: 7}   # not all combinations: 20 distinct ones at random
 *       - name: by hand
 *         mode: both                # a group has its own mode, warmup, reps, repeats, kernels
 *         layers:                   # canonical layer text (layer.h)
 *           - conv_2d in=1x49x10x1 out_c=64 kernel=10x4 stride=2x2 padding=same act=relu
 *
 * Fields. A group gives an op and any of the op's fields, each either directly, in `list` or in
 * `range`; a field that is left out has its default.
 *   all but null         batch height width (default 1), in_channels; size is height x width
 *   conv_2d              kernel stride dilation padding activation bias out_channels
 *   depthwise_conv_2d    kernel stride dilation padding activation bias multiplier
 *   fully_connected      activation bias out_channels; batch is the number of rows
 *   the pools            kernel stride padding activation
 *   mean                 axes: h, w or hw
 *   add mul sub          activation; in2: same (default), channels (1x1x1xC), map (1xHxWx1),
 *                        scalar, or a shape such as 1x1x4x8
 *   maximum minimum      in2
 *   pad                  pads: eight numbers as in the layer text, "0,0,1,1,1,1,0,0"; or one or
 *                        two, for all sides of H and W: 1, 1x2
 *   concatenation        pads: eight numbers as in the layer text: one input to its place
 *   reshape              shape: flat (default) or a shape such as 1x1x8x8
 *   strided_slice        shape: a shape, by default the input's; begin (default "0,0,0,0") and
 *                        steps (default "1,1,1,1"): four numbers, for N, H, W, C
 *   resize_nearest_neighbor  sampling: plain (default), align_corners, half_pixel; shape: double
 *                        (default; both sides) or a shape
 *   transpose            order: the input's dimensions as letters, "nchw"; has no default
 * size, kernel, stride and dilation are pairs, HxW, or one number for both (a range is of such
 * numbers); kernel_height, kernel_width and so on set one side. padding: valid (default), same.
 * activation: none (default), relu, relu6. bias: 1 (default), 0.
 *
 * range {from, to, step, scale}: step defaults to 1; scale log makes a sample draw each value with
 * a probability that falls as 1 / value, so that each octave gets about as many.
 *
 * where: + - * / % on integers (/ and % towards zero), comparisons == != < <= > >=, and, or, not,
 * parentheses; and and or stop as soon as the answer is known. Its values: the fields by the names
 * above (pairs by side; the words valid same none relu relu6 stand for themselves) and, from
 * mn_layer_check(): out_height out_width out_elements macs ops in_bytes out_bytes weight_bytes
 * bias_bytes quant_bytes im2col_elements. A layer that the check refuses fails the sweep unless
 * `where` is false for it before it asks for one of the latter.
 *
 * Order and identity. Groups in the order of the file; combinations with the fields in the order of
 * sweep_fields.def, the last varying fastest; a sample in the order of its draws; for each layer
 * the kernels in their order, warm before cold, repeats last. Repeat k has stimulus seed + k. A
 * probe that equals an earlier one in layer, kernels, mode and seed is merged into it. The
 * expansion depends on nothing but the text.
 */
#ifndef MN_SWEEP_H
#define MN_SWEEP_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "layer.h"

/* Combinations that a file may look at, and probes that it may expand to. */
#define MN_SWEEP_COMBINATIONS_MAX 1000000u
#define MN_SWEEP_PROBES_MAX       100000u

struct mn_sweep_probe {
	struct mn_layer layer; /* has passed mn_layer_check() */
	uint64_t layer_hash;
	const char *kernels;   /* a kernel set's id, or its variant ("dsp"); "": the default set */
	uint8_t cold;          /* 0 warm, 1 cold */
	uint16_t warmup, reps; /* runs before timing; timed runs N, at least 1 */
	uint32_t seed;         /* of the stimulus */
	uint32_t group;        /* index of the group that it came from first */
};

struct mn_sweep_group {
	const char *name;
	uint32_t line;       /* in the file */
	uint8_t listed;      /* 1: its layers are written out, as those of networks are */
	uint32_t n_probes;   /* that are in the sweep from this group */
	uint32_t n_merged;   /* that equal an earlier one */
	uint32_t n_rejected; /* combinations for which `where` was false */
};

/* Read only, from mn_sweep_parse() or mn_sweep_load(). */
struct mn_sweep {
	const char *name, *description; /* description may be "" */
	const struct mn_sweep_probe *probes;
	uint32_t n_probes;
	uint32_t n_layers; /* distinct */
	const struct mn_sweep_group *groups;
	uint32_t n_groups;
	uint64_t hash; /* FNV-1a 64 over the expanded probes, whatever file they came from */
};

/*
 * Expand `size` bytes of YAML. `file` is the name in messages, which are "file:line:column: ..."
 * with 1-based numbers, columns in characters. MN_E_SYNTAX: not YAML, a key or a word that is not
 * known, a wrong type, a broken expression; MN_E_INVALID: a value out of its range, a field that
 * the op does not have, a layer that mn_layer_check() refuses (the message has the layer's text);
 * MN_E_OVERFLOW: too many combinations or probes, or an expression's value beyond 64 bits;
 * MN_E_NOMEM.
 */
int mn_sweep_parse(const char *text, size_t size, const char *file, struct mn_sweep **ret_sweep,
		   struct mn_err *err);

/* The same from a file. Also MN_E_NOTFOUND, MN_E_PERM, MN_E_IO, MN_E_TOO_BIG (over 16 MiB). */
int mn_sweep_load(const char *path, struct mn_sweep **ret_sweep, struct mn_err *err);

void mn_sweep_free(struct mn_sweep *sweep);

#endif
