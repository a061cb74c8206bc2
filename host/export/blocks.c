/* SPDX-License-Identifier: MIT */
#include "blocks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "layer.h"

enum { RATIO_MAX = 32 };

/* H, W, C of what the next layer reads. */
struct builder {
	struct mn_block *block;
	uint32_t h, w, c;
	int rc;
};

static struct mnchar_layer *add(struct builder *b, int op)
{
	struct mnchar_layer *l = &b->block->layers[b->block->n];

	if (b->block->n == MN_BLOCK_LAYERS_MAX) {
		b->rc = MN_E_TOO_BIG;
		l--;
	} else {
		b->block->n++;
	}
	mnchar_layer_init(l, sizeof(*l), op);
	l->in[0] = 1;
	l->in[1] = b->h;
	l->in[2] = b->w;
	l->in[3] = b->c;
	return l;
}

static void window(struct mnchar_layer *l, uint32_t kernel, uint32_t stride, uint32_t activation)
{
	l->kernel[0] = l->kernel[1] = kernel;
	l->stride[0] = l->stride[1] = stride;
	l->padding = MNCHAR_SAME;
	l->activation = activation;
}

static void stepped(struct builder *b, uint32_t stride, uint32_t channels)
{
	if (!stride || !b->h || !b->w) {
		b->rc = MN_E_INVALID;
		return;
	}
	b->h = (b->h - 1) / stride + 1;
	b->w = (b->w - 1) / stride + 1;
	b->c = channels;
}

static void conv(struct builder *b, uint32_t out, uint32_t kernel, uint32_t stride, uint32_t groups,
		 uint32_t activation)
{
	uint32_t in = b->c;

	if (!groups || in % groups || out % groups) {
		b->rc = MN_E_INVALID;
		return;
	}
	if (groups > 1 && groups == in && groups == out) {
		window(add(b, MNCHAR_DEPTHWISE_CONV_2D), kernel, stride, activation);
	} else {
		b->c = in / groups;
		for (uint32_t g = 0; g < groups && !b->rc; g++) {
			struct mnchar_layer *l = add(b, MNCHAR_CONV_2D);

			window(l, kernel, stride, activation);
			l->out_channels = out / groups;
		}
	}
	stepped(b, stride, out);
}

static void depthwise(struct builder *b, uint32_t kernel, uint32_t stride, uint32_t activation)
{
	window(add(b, MNCHAR_DEPTHWISE_CONV_2D), kernel, stride, activation);
	stepped(b, stride, b->c);
}

static void binary(struct builder *b, int op, uint32_t h, uint32_t w)
{
	struct mnchar_layer *l = add(b, op);

	l->in2[0] = 1;
	l->in2[1] = h;
	l->in2[2] = w;
	l->in2[3] = b->c;
}

static void fully_connected(struct builder *b, uint32_t out)
{
	add(b, MNCHAR_FULLY_CONNECTED)->out_channels = out;
	b->c = out;
}

static void global_mean(struct builder *b)
{
	add(b, MNCHAR_MEAN)->axes = MN_AXIS_H | MN_AXIS_W;
	b->h = b->w = 1;
}

static void squeeze_and_excite(struct builder *b)
{
	uint32_t h = b->h, w = b->w, c = b->c;
	/* The nearest multiple of 8 to a quarter, not more than a tenth below it: MobileNet's. */
	uint32_t quarter = c / 4, squeezed = (quarter + 4) / 8 * 8;

	if (squeezed < 8)
		squeezed = 8;
	if (10 * squeezed < 9 * quarter)
		squeezed += 8;
	global_mean(b);
	conv(b, squeezed, 1, 1, 1, MNCHAR_FUSED_RELU);
	conv(b, c, 1, 1, 1, MNCHAR_NONE);
	add(b, MNCHAR_LOGISTIC);
	b->h = h;
	b->w = w;
	binary(b, MNCHAR_MUL, 1, 1);
}

struct expanded {
	uint32_t middle, out, kernel, stride, groups;
	int skip, se, hs;
};

static void expanded_conv(struct builder *b, const struct expanded *e)
{
	uint32_t activation = e->hs ? MNCHAR_NONE : MNCHAR_FUSED_RELU6;

	if (e->middle != b->c) {
		conv(b, e->middle, 1, 1, e->groups, activation);
		if (e->hs)
			add(b, MNCHAR_HARD_SWISH);
	}
	depthwise(b, e->kernel, e->stride, activation);
	if (e->hs)
		add(b, MNCHAR_HARD_SWISH);
	if (e->se)
		squeeze_and_excite(b);
	conv(b, e->out, 1, 1, e->groups, MNCHAR_NONE);
	if (e->skip)
		binary(b, MNCHAR_ADD, b->h, b->w);
}

/* The text of a key as numbers. */

static int scan(const char *text, int n_wanted, const char *format, ...)
	__attribute__((format(scanf, 3, 4)));

/* 0 if the format took n_wanted numbers and, with a last %n, all of the text. */
static int scan(const char *text, int n_wanted, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsscanf(text, format, ap);
	va_end(ap);
	return n == n_wanted ? 0 : MN_E_SYNTAX;
}

/* "-se:1" behind the fixed part of a key, in any order. */
static int option(const char **text, const char *name, int *ret)
{
	size_t n = strlen(name);

	if (strncmp(*text, name, n) != 0 || ((*text)[n] != '0' && (*text)[n] != '1'))
		return 0;
	*ret = (*text)[n] == '1';
	*text += n + 1;
	return 1;
}

static int parse_expanded(const char *text, const struct mn_block_options *options,
			  struct builder *b)
{
	uint32_t oh, ow, expand;
	struct expanded e = {.groups = 1};
	int end = 0, skip = 0, rc;

	rc = scan(text, 9,
		  "-input:%5ux%5ux%6u-output:%5ux%5ux%6u-expand:%6u-kernel:%3u-stride:%3u%n", &b->h,
		  &b->w, &b->c, &oh, &ow, &e.out, &expand, &e.kernel, &e.stride, &end);
	if (rc || !end)
		return MN_E_SYNTAX;
	for (text += end; *text;)
		if (!option(&text, "-idskip:", &skip) && !option(&text, "-se:", &e.se) &&
		    !option(&text, "-hs:", &e.hs))
			return MN_E_SYNTAX;
	e.skip = skip;
	e.middle = options->expand_is_channels ? expand : expand * b->c;
	if (!e.middle || expand > UINT16_MAX || b->c > UINT16_MAX)
		return MN_E_INVALID;
	/* No search expands so far: it is the other meaning, and a wrong table otherwise. */
	if (!options->expand_is_channels && expand > RATIO_MAX)
		return MN_E_OVERFLOW;
	expanded_conv(b, &e);
	return b->rc || (b->h == oh && b->w == ow) ? b->rc : MN_E_INVALID;
}

/* Sizes of input and output of the blocks that have no more. */
static int parse_sizes(const char *text, struct builder *b, uint32_t *out)
{
	int end = 0;

	if (scan(text, 6, "-input:%5ux%5ux%6u-output:%5ux%5ux%6u%n", &b->h, &b->w, &b->c, &out[0],
		 &out[1], &out[2], &end) ||
	    text[end])
		return MN_E_SYNTAX;
	return b->h && b->w && b->c && out[0] && out[1] && out[2] ? 0 : MN_E_INVALID;
}

static int parse_conv(const char *text, uint32_t kernel, struct builder *b)
{
	uint32_t out[3];
	int rc = parse_sizes(text, b, out);

	if (rc)
		return rc;
	conv(b, out[2], kernel, (b->h + out[0] - 1) / out[0], 1, MNCHAR_FUSED_RELU6);
	return b->rc || (b->h == out[0] && b->w == out[1]) ? b->rc : MN_E_INVALID;
}

static int parse_pool(const char *text, struct builder *b)
{
	struct mnchar_layer *l;
	uint32_t out[3];
	int rc = parse_sizes(text, b, out);

	if (rc)
		return rc;
	if (out[0] != 1 || out[1] != 1 || out[2] != b->c)
		return MN_E_INVALID;
	l = add(b, MNCHAR_AVERAGE_POOL_2D);
	window(l, 1, 1, MNCHAR_NONE);
	l->kernel[0] = b->h;
	l->kernel[1] = b->w;
	l->padding = MNCHAR_VALID;
	return 0;
}

static int parse_logits(const char *text, struct builder *b)
{
	uint32_t out;
	int end = 0;

	if (scan(text, 4, "-input:%5ux%5ux%6u-output:%6u%n", &b->h, &b->w, &b->c, &out, &end) ||
	    text[end])
		return MN_E_SYNTAX;
	if (b->h > 1 || b->w > 1)
		global_mean(b);
	fully_connected(b, out);
	return b->rc;
}

static int parse_ofa(const char *key, const struct mn_block_options *options, struct builder *b)
{
	size_t n = strcspn(key, "-");

	if (strncmp(key + n, "-input:", 7) != 0)
		return MN_E_NOTFOUND;
	if (n == 13 && !strncmp(key, "expanded_conv", n))
		return parse_expanded(key + n, options, b);
	if (n == 4 && !strncmp(key, "Conv", n))
		return parse_conv(key + n, 3, b);
	if (n == 6 && (!strncmp(key, "Conv_1", n) || !strncmp(key, "Conv_2", n)))
		return parse_conv(key + n, 1, b);
	if (n == 9 && !strncmp(key, "AvgPool2D", n))
		return parse_pool(key + n, b);
	if (n == 6 && !strncmp(key, "Logits", n))
		return parse_logits(key + n, b);
	return MN_E_SYNTAX;
}

static int parse_hw_nas_bench(const char *key, struct builder *b)
{
	uint32_t out, kernel, stride, group, exp;
	struct expanded e;
	int end = 0;

	if (!strncmp(key, "ConvNorm_", 9)) {
		if (scan(key, 7, "ConvNorm_H%5u_W%5u_Cin%6u_Cout%6u_kernel%3u_stride%3u_group%6u%n",
			 &b->h, &b->w, &b->c, &out, &kernel, &stride, &group, &end) ||
		    key[end])
			return MN_E_SYNTAX;
		conv(b, out, kernel, stride, group, MNCHAR_FUSED_RELU6);
	} else if (!strncmp(key, "ConvBlock_", 10)) {
		if (scan(key, 8,
			 "ConvBlock_H%5u_W%5u_Cin%6u_Cout%6u_exp%3u_kernel%3u_stride%3u_group%6u%n",
			 &b->h, &b->w, &b->c, &out, &exp, &kernel, &stride, &group, &end) ||
		    key[end])
			return MN_E_SYNTAX;
		e = (struct expanded){.middle = b->c * exp,
				      .out = out,
				      .kernel = kernel,
				      .stride = stride,
				      .groups = group,
				      .skip = stride == 1 && out == b->c};
		/* FBNet's block has its first 1x1 also with an expansion of 1. */
		if (exp == 1)
			conv(b, b->c, 1, 1, group, MNCHAR_FUSED_RELU6);
		expanded_conv(b, &e);
	} else if (!strncmp(key, "Skip_", 5)) {
		if (scan(key, 5, "Skip_H%5u_W%5u_Cin%6u_Cout%6u_stride%3u%n", &b->h, &b->w, &b->c,
			 &out, &stride, &end) ||
		    key[end])
			return MN_E_SYNTAX;
		if (stride != 1 || out != b->c)
			conv(b, out, 1, stride, 1, MNCHAR_FUSED_RELU6);
	} else if (!strncmp(key, "AvgP_", 5)) {
		if (scan(key, 6, "AvgP_H%5u_W%5u_Cin%6u_Cout%6u_kernel%3u_stride%3u%n", &b->h,
			 &b->w, &b->c, &out, &kernel, &stride, &end) ||
		    key[end])
			return MN_E_SYNTAX;
		window(add(b, MNCHAR_AVERAGE_POOL_2D), kernel, stride, MNCHAR_NONE);
		b->block->layers[0].padding = MNCHAR_VALID;
	} else if (!strncmp(key, "FC_", 3)) {
		b->h = b->w = 1;
		if (scan(key, 2, "FC_Cin%6u_Cout%6u%n", &b->c, &out, &end) || key[end])
			return MN_E_SYNTAX;
		fully_connected(b, out);
	} else {
		return MN_E_NOTFOUND;
	}
	return b->rc;
}

int mn_block_parse(const char *key, size_t len, const struct mn_block_options *options,
		   struct mn_block *ret, struct mn_err *err)
{
	struct builder b = {.block = ret};
	char text[256];
	int rc;

	ret->n = 0;
	if (len >= sizeof(text))
		return MN_E_NOTFOUND;
	memcpy(text, key, len);
	text[len] = '\0';
	rc = options->style == MN_BLOCK_OFA ? parse_ofa(text, options, &b)
					    : parse_hw_nas_bench(text, &b);
	if (rc && rc != MN_E_NOTFOUND)
		return mn_err_set(err, rc, "%s: %s", text,
				  rc == MN_E_SYNTAX     ? "not a key of this format"
				  : rc == MN_E_INVALID  ? "its sizes contradict each other"
				  : rc == MN_E_OVERFLOW ? "expand is the number of channels here, "
							  "no ratio (--expand channels)"
							: mn_err_text(rc));
	return rc;
}
