/* SPDX-License-Identifier: MIT */
#include "feature.h"

#include <stdio.h>
#include <string.h>

#include "err.h"
#include "loops.h"

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

/* What is counted once for a layer, when it is first asked for. */
struct counted {
	int has_taps, has_loops;
	uint64_t inner_taps;
	uint64_t loops[MN_LOOPS_COUNT];
};

/* Window positions that lie in the input, over all output pixels. */
static uint64_t inner_taps(const struct mn_layer *l, const struct mn_layer_info *info,
			   struct counted *known)
{
	if (!known->has_taps) {
		known->inner_taps =
			info->out.n * mn_loops_taps(l, info, 0) * mn_loops_taps(l, info, 1);
		known->has_taps = 1;
	}
	return known->inner_taps;
}

static uint64_t loops(enum mn_feature feature, const struct mn_layer *l,
		      const struct mn_layer_info *info, struct counted *known)
{
	if (!known->has_loops) {
		mn_loops_of(l, info, known->loops);
		known->has_loops = 1;
	}
	return known->loops[feature - MN_LOOPS_FIRST];
}

static uint64_t pixels(const struct mn_layer_info *info)
{
	return (uint64_t)info->out.n * info->out.h * info->out.w;
}

/* Those of mn_feature_value() that look at the window of a convolution. */
static uint64_t window_value(enum mn_feature feature, const struct mn_layer *l,
			     const struct mn_layer_info *info, struct counted *known)
{
	uint64_t depth = (uint64_t)l->kernel_h * l->kernel_w * l->in.c;

	if (feature == MN_FEATURE_INNER_MACS && l->op == MN_OP_DEPTHWISE_CONV_2D)
		return inner_taps(l, info, known) * info->out.c;
	if (l->op != MN_OP_CONV_2D)
		return 0;
	switch (feature) {
	case MN_FEATURE_COPY_ELEMENTS:
		return info->im2col_elements ? inner_taps(l, info, known) * l->in.c : 0;
	case MN_FEATURE_PAD_ELEMENTS:
		return info->im2col_elements
			       ? info->im2col_elements - inner_taps(l, info, known) * l->in.c
			       : 0;
	case MN_FEATURE_COPY_TAPS:
		return info->im2col_elements ? inner_taps(l, info, known) : 0;
	case MN_FEATURE_TAIL4_MACS:
		return info->out_elements * (depth % 4);
	case MN_FEATURE_TAIL16_MACS:
		return info->out_elements * (depth % 16);
	case MN_FEATURE_ODD_MACS:
		return l->out_c % 2 ? info->macs / l->out_c : 0;
	case MN_FEATURE_INNER_MACS:
		return inner_taps(l, info, known) * l->in.c * l->out_c;
	default:
		return 0;
	}
}

static uint64_t value_of(enum mn_feature feature, const struct mn_layer *layer,
			 const struct mn_layer_info *info, struct counted *known)
{
	if ((int)feature >= MN_LOOPS_FIRST && feature < MN_FEATURE_COUNT)
		return loops(feature, layer, info, known);
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
	case MN_FEATURE_PIXELS:
		return layer->kernel_h ? pixels(info) : 0;
	case MN_FEATURE_COPY_ELEMENTS:
	case MN_FEATURE_PAD_ELEMENTS:
	case MN_FEATURE_COPY_TAPS:
	case MN_FEATURE_TAIL4_MACS:
	case MN_FEATURE_TAIL16_MACS:
	case MN_FEATURE_ODD_MACS:
	case MN_FEATURE_INNER_MACS:
		return window_value(feature, layer, info, known);
	default:
		return 0;
	}
}

uint64_t mn_feature_value(enum mn_feature feature, const struct mn_layer *layer,
			  const struct mn_layer_info *info)
{
	struct counted known;

	known.has_taps = known.has_loops = 0;
	return value_of(feature, layer, info, &known);
}

void mn_feature_values(const uint8_t *features, size_t n, const struct mn_layer *layer,
		       const struct mn_layer_info *info, double *ret_values)
{
	struct counted known;

	known.has_taps = known.has_loops = 0;
	for (size_t i = 0; i < n; i++)
		ret_values[i] = (double)value_of((enum mn_feature)features[i], layer, info, &known);
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

static const struct {
	const char *name;
	unsigned bit;
} path_bits[] = {
#define X(name, bit, text) {text, 1u << (bit)},
	MN_PATH_TABLE(X)
#undef X
};

enum { N_PATH_BITS = sizeof(path_bits) / sizeof(path_bits[0]) };

unsigned mn_path_of(const struct mn_layer *l)
{
	unsigned bits = l->in.c % 4 == 0 ? MN_PATH_MOD4 : 0;

	if (!l->kernel_h)
		return 0;
	if (l->kernel_h == 1 && l->kernel_w == 1 && l->stride_h == 1 && l->stride_w == 1)
		bits |= MN_PATH_1X1;
	if (l->kernel_h == 1 && l->in.h == 1)
		bits |= MN_PATH_1XN;
	if (l->kernel_h == 3 && l->kernel_w == 3)
		bits |= MN_PATH_3X3;
	if (l->op == MN_OP_DEPTHWISE_CONV_2D && l->multiplier > 1)
		bits |= MN_PATH_MULTIPLIER;
	return bits;
}

const char *mn_path_format(unsigned path, char *buf)
{
	size_t len = 0;

	snprintf(buf, MN_PATH_TEXT_MAX, "any");
	for (int i = 0; i < N_PATH_BITS; i++)
		if (path & path_bits[i].bit)
			len += (size_t)snprintf(buf + len, MN_PATH_TEXT_MAX - len, "%s%s",
						len ? "+" : "", path_bits[i].name);
	return buf;
}

int mn_path_parse(const char *text)
{
	unsigned path = 0;

	if (!strcmp(text, "any"))
		return MN_PATH_ANY;
	for (;;) {
		size_t n = strcspn(text, "+");
		int i = 0;

		while (i < N_PATH_BITS &&
		       (strlen(path_bits[i].name) != n || memcmp(path_bits[i].name, text, n) != 0))
			i++;
		if (i == N_PATH_BITS)
			return MN_E_NOTFOUND;
		path |= path_bits[i].bit;
		if (!text[n])
			return (int)path;
		text += n + 1;
	}
}

int mn_path_parse_list(const char *text, uint8_t *paths)
{
	char word[MN_PATH_TEXT_MAX];
	int n = 0;

	paths[0] = MN_PATH_ANY;
	if (!text[0])
		return 1;
	for (;; text++) {
		size_t len = strcspn(text, ",");
		int path;

		if (n == MN_PATHS_MAX)
			return MN_E_TOO_BIG;
		if (len >= sizeof(word))
			return MN_E_NOTFOUND;
		memcpy(word, text, len);
		word[len] = '\0';
		path = mn_path_parse(word);
		if (path < 0)
			return path;
		paths[n++] = (uint8_t)path;
		text += len;
		if (!*text)
			return n;
	}
}

int mn_path_first(const uint8_t *paths, size_t n, unsigned bits)
{
	for (size_t i = 0; i < n; i++)
		if ((bits & paths[i]) == paths[i])
			return (int)i;
	return MN_E_NOTFOUND;
}
