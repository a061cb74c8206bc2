/* SPDX-License-Identifier: MIT */
/*
 * A backbone: a family of networks, as YAML, and the models drawn from it.
 *
 *     name: example
 *     description: what it is
 *     input: 49x10x1            # height x width x channels
 *     width_percent: 10..100/10 # of the channels that blocks say (not of dense); default 100
 *     multiple: 4               # channels are rounded to a multiple of it, at least one; default 1
 *     blocks:                   # one after the other
 *       - {op: conv, kernel: 10x4, channels: 24..280/4}
 *       - {op: separable, stride: 2, channels: 24..280/4}
 *       - {op: separable, channels: 24..280/4, repeat: 3..7}
 *       - {op: average_pool}
 *       - {op: dense, channels: 12}
 *       - {op: softmax}
 *     members:                  # fixed ones, whatever is drawn; width_percent is 100 for them
 *       - name: small
 *         blocks: [...]
 *
 * A value is a choice: numbers or HxW, one number meaning both sides, separated by '|', and ranges
 * "from..to" or "from..to/step", to included. Of all values that it has, each is as likely.
 *
 * Blocks. All windows have SAME padding, convolutions have biases. kernel (default 3x3), stride
 * (1), channels, repeat (1; 0 leaves the block out), act: none, relu, relu6.
 *   conv               conv_2d kernel, stride, channels; act (relu)
 *   separable          depthwise_conv_2d kernel, stride; conv_2d 1x1 to channels; act (relu) of
 *                      both
 *   residual           conv_2d kernel, stride, channels, act (relu); conv_2d kernel, channels, no
 *                      activation; added to the input, or, where stride or channels differ, to a
 *                      conv_2d 1x1 of it; act of the sum
 *   inverted_residual  conv_2d 1x1 to expand (6) times the channels, left out for 1;
 *                      depthwise_conv_2d kernel, stride, act (relu6) of both; conv_2d 1x1 to
 *                      channels; added to the input where stride and channels allow
 *   average_pool       kernel, default all of it; stride as the kernel; VALID padding
 *   dense              fully_connected of the flattened tensor to channels; act (none)
 *   softmax
 * A block that repeats has its stride the first time only. Each repetition draws its kernel,
 * channels, width and expand anew; only the repetitions of an inverted_residual share channels and
 * width, because there would be no sum otherwise.
 */
#ifndef MN_BACKBONE_H
#define MN_BACKBONE_H

#include "err.h"
#include "graph.h"

/* Nodes of a model, and values of a choice, at most. */
enum { MN_BACKBONE_NODES_MAX = 1000, MN_BACKBONE_VALUES_MAX = 65536 };

struct mn_backbone; /* read only after loading */

struct mn_backbone_model {
	char name[96]; /* a member's: its own; else "BACKBONE-XXXXXXXXXXXX", a hash of its layers:
			  equal models have one name, whatever they were drawn by */
	struct mn_graph *graph;
	uint64_t macs;
};

/*
 * Read `size` bytes of YAML; `file` is the name in messages, "file:line:column: ...". All choices
 * are checked, the members are built. MN_E_SYNTAX: not YAML, a key or word that is not known, a
 * broken choice; MN_E_INVALID: a value out of its range, a key that the op does not have, a layer
 * that mn_layer_check() refuses; MN_E_OVERFLOW: too many values or nodes; MN_E_NOMEM.
 */
int mn_backbone_parse(const char *text, size_t size, const char *file, struct mn_backbone **ret,
		      struct mn_err *err);
/* The same from a file. Also MN_E_NOTFOUND, MN_E_PERM, MN_E_IO, MN_E_TOO_BIG (over 16 MiB). */
int mn_backbone_load(const char *path, struct mn_backbone **ret, struct mn_err *err);
void mn_backbone_free(struct mn_backbone *backbone);

const char *mn_backbone_name(const struct mn_backbone *backbone);
const char *mn_backbone_description(const struct mn_backbone *backbone); /* "" without */
uint32_t mn_backbone_members(const struct mn_backbone *backbone);

/* Member i, or model `index` of those that `seed` draws; it depends on nothing but the text, seed
 * and index. As mn_backbone_parse(). Free *ret with mn_backbone_model_free(). */
int mn_backbone_member(const struct mn_backbone *backbone, uint32_t i,
		       struct mn_backbone_model **ret, struct mn_err *err);
int mn_backbone_sample(const struct mn_backbone *backbone, uint64_t seed, uint64_t index,
		       struct mn_backbone_model **ret, struct mn_err *err);
void mn_backbone_model_free(struct mn_backbone_model *model);

#endif
