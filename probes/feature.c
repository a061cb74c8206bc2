/* SPDX-License-Identifier: MIT */
#include "feature.h"

#include <stdio.h>
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

/* Taps of one dimension that lie in the input, over all outputs and window positions. A checked
 * layer's in + stride + reach is below 2^31: 32-bit divisions do, and they are quicker. */
static uint64_t taps(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride, uint32_t dilation,
		     uint32_t before)
{
	uint64_t sum = 0;

	for (uint32_t k = 0; k < kernel; k++) {
		/* Outputs o with 0 <= o * stride + shift < in. */
		int32_t shift = (int32_t)(k * dilation) - (int32_t)before;
		uint32_t lo = 0, hi;

		if (shift >= (int32_t)in)
			break;
		if (shift < 0)
			lo = stride == 1 ? (uint32_t)-shift
					 : ((uint32_t)-shift + stride - 1) / stride;
		hi = (uint32_t)((int32_t)in - 1 - shift);
		if (stride != 1)
			hi /= stride;
		if (hi > out - 1)
			hi = out - 1;
		sum += hi >= lo ? hi - lo + 1 : 0;
	}
	return sum;
}

/* Window positions that lie in the input, over all output pixels; counted once for a layer. */
static uint64_t inner_taps(const struct mn_layer *l, const struct mn_layer_info *info,
			   uint64_t *known)
{
	if (*known == UINT64_MAX)
		*known = info->out.n *
			 taps(l->in.h, info->out.h, l->kernel_h, l->stride_h, l->dilation_h,
			      mn_layer_pad_before(l, 0)) *
			 taps(l->in.w, info->out.w, l->kernel_w, l->stride_w, l->dilation_w,
			      mn_layer_pad_before(l, 1));
	return *known;
}

static uint64_t pixels(const struct mn_layer_info *info)
{
	return (uint64_t)info->out.n * info->out.h * info->out.w;
}

/* Those of mn_feature_value() that look at the window of a convolution. */
static uint64_t window_value(enum mn_feature feature, const struct mn_layer *l,
			     const struct mn_layer_info *info, uint64_t *known)
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

/* *known: the layer's inner_taps(), UINT64_MAX until they are counted. */
static uint64_t value_of(enum mn_feature feature, const struct mn_layer *layer,
			 const struct mn_layer_info *info, uint64_t *known)
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
	case MN_FEATURE_COUNT:
		break;
	}
	return 0;
}

uint64_t mn_feature_value(enum mn_feature feature, const struct mn_layer *layer,
			  const struct mn_layer_info *info)
{
	uint64_t known = UINT64_MAX;

	return value_of(feature, layer, info, &known);
}

void mn_feature_values(const uint8_t *features, size_t n, const struct mn_layer *layer,
		       const struct mn_layer_info *info, double *ret_values)
{
	uint64_t known = UINT64_MAX;

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
