/* SPDX-License-Identifier: MIT */
#include "loops.h"

#include <string.h>

/* A dimension of a window: sizes of input and output, and how the window moves. */
struct axis {
	uint32_t in, out, kernel, stride, dilation, before;
};

static struct axis axis_of(const struct mn_layer *l, const struct mn_layer_info *info, int dim)
{
	if (dim == 0)
		return (struct axis){l->in.h,     info->out.h,   l->kernel_h,
				     l->stride_h, l->dilation_h, mn_layer_pad_before(l, 0)};
	return (struct axis){l->in.w,     info->out.w,   l->kernel_w,
			     l->stride_w, l->dilation_w, mn_layer_pad_before(l, 1)};
}

/* Outputs o with 0 <= o * stride + shift and o * stride + last < in. A checked layer's in + stride
 * + reach is below 2^31: 32-bit divisions do, and they are quicker. */
static uint32_t outputs_between(const struct axis *a, int32_t shift, int32_t last)
{
	uint32_t lo = 0, hi;

	if (last >= (int32_t)a->in)
		return 0;
	if (shift < 0)
		lo = a->stride == 1 ? (uint32_t)-shift
				    : ((uint32_t)-shift + a->stride - 1) / a->stride;
	hi = (uint32_t)((int32_t)a->in - 1 - last);
	if (a->stride != 1)
		hi /= a->stride;
	if (hi > a->out - 1)
		hi = a->out - 1;
	return hi >= lo ? hi - lo + 1 : 0;
}

uint64_t mn_loops_taps(const struct mn_layer *l, const struct mn_layer_info *info, int dim)
{
	const struct axis a = axis_of(l, info, dim);
	uint64_t sum = 0;

	for (uint32_t k = 0; k < a.kernel; k++) {
		int32_t shift = (int32_t)(k * a.dilation) - (int32_t)a.before;

		if (shift >= (int32_t)a.in)
			break;
		sum += outputs_between(&a, shift, shift);
	}
	return sum;
}

/* Outputs of a dimension whose whole window lies inside. */
static uint32_t whole(const struct mn_layer *l, const struct mn_layer_info *info, int dim)
{
	const struct axis a = axis_of(l, info, dim);
	int32_t first = -(int32_t)a.before;

	return outputs_between(&a, first, first + (int32_t)((a.kernel - 1) * a.dilation));
}

#define V(name) v[MN_FEATURE_##name - MN_LOOPS_FIRST]

/* Of `words` loads whose addresses are multiples of n: those that are not at a multiple of 4. */
static uint64_t unaligned(uint64_t words, uint32_t n)
{
	static const uint8_t quarters[] = {0, 3, 2, 3};

	return words / 4 * quarters[n % 4] + words % 4 * quarters[n % 4] / 4;
}

/* Random replacement, fitted by a line (within 8 % of 1 - exp(-miss * bytes / cache)). */
uint64_t mn_loops_refetched(uint64_t bytes, uint64_t cache)
{
	uint64_t excess;

	if (bytes <= cache)
		return 0;
	excess = (bytes - cache) / 5 * 8;
	return excess < bytes ? excess : bytes;
}

static void count_refetches(uint64_t *v, uint64_t passes, uint64_t bytes)
{
	V(REFETCH_4K) = passes * mn_loops_refetched(bytes, 4096);
	V(REFETCH_16K) = passes * mn_loops_refetched(bytes, 16384);
}

/* Which of the four ways of gather() each output pixel takes. */
static void count_gathers(uint64_t *v, const struct mn_layer *l, const struct mn_layer_info *info,
			  uint64_t pixels, uint64_t taps)
{
	uint64_t inside = (uint64_t)info->out.n * whole(l, info, 0) * whole(l, info, 1);
	uint64_t border = pixels - inside, patches = 0;

	if (l->kernel_h == 1 && l->kernel_w == 1) {
		V(GATHER_RUNS) = pixels;
		border = 0;
	} else if (l->kernel_h == 1 && l->dilation_w == 1) {
		V(GATHER_RUNS) = inside;
	} else if ((uint64_t)l->kernel_w * l->in.c % 4 == 0 && l->dilation_w == 1) {
		V(GATHER_RUNS) = inside * l->kernel_h;
	} else {
		border = pixels;
	}
	if (l->in.c % 4 == 0)
		V(GATHER_RUNS) += border * l->kernel_h * l->kernel_w;
	else
		patches = border;
	V(PATCH_ROWS) = patches * l->kernel_h;
	V(PATCH_ELEMENTS) = patches * taps;
	V(UNALIGNED_INPUTS) = unaligned((pixels - patches) * (taps / 4), l->in.c);
}

static void count_conv(uint64_t *v, const struct mn_layer *l, const struct mn_layer_info *info)
{
	const uint64_t pixels = (uint64_t)info->out.n * info->out.h * info->out.w;
	const uint64_t taps = (uint64_t)l->kernel_h * l->kernel_w * l->in.c, steps = taps / 4;
	const uint64_t pairs = pixels / 2, last = pixels % 2, out_c = l->out_c;
	const int in_place = mn_path_of(l) & MN_PATH_1X1;

	V(BLOCKS) = pairs * (out_c / 2);
	V(BLOCK_STEPS) = V(BLOCKS) * steps;
	V(BLOCK_TAILS) = V(BLOCKS) * (taps % 4);
	V(SINGLE_OUTPUTS) = pairs * (out_c % 2);
	V(SINGLE_TAPS) = V(SINGLE_OUTPUTS) * taps;
	V(LAST_OUTPUTS) = last * out_c;
	V(LAST_TAPS) = last * out_c * taps;
	V(OUT_CHANNELS) = out_c;
	/* Two words of weights a step, one of them at an odd channel. */
	V(UNALIGNED_STEPS) = taps % 4 ? V(BLOCK_STEPS) + (taps % 2 ? V(BLOCK_STEPS) / 2 : 0) : 0;
	/* Two output channels: it is the weights that are widened. */
	V(WIDEN_STEPS) = (in_place && out_c == 2 ? 2 : pixels) * steps;
	if (in_place)
		V(UNALIGNED_INPUTS) = unaligned(V(WIDEN_STEPS), l->in.c);
	else
		count_gathers(v, l, info, pixels, taps);
	/* Weights and the table of channels for each two pixels, and their columns. */
	count_refetches(v, pairs, out_c * taps + 12 * out_c + 4 * taps);
}

static void count_depthwise(uint64_t *v, const struct mn_layer *l, const struct mn_layer_info *info)
{
	const uint64_t pixels = (uint64_t)info->out.n * info->out.h * info->out.w;
	const uint64_t rows = mn_loops_taps(l, info, 0);
	const uint64_t inner = info->out.n * rows * mn_loops_taps(l, info, 1);
	const uint64_t window = (uint64_t)l->kernel_h * l->kernel_w;
	uint64_t fours = l->in.c / 4, singles = l->in.c % 4, whole_rows = 0, row_pixels;

	if (l->multiplier != 1) {
		fours = (uint64_t)l->in.c * (l->multiplier / 4);
		singles = (uint64_t)l->in.c * (l->multiplier % 4);
	} else if (singles > 1 && fours) {
		/* Two or three channels left over: the last four once more. */
		fours++;
		singles = 0;
	}
	/* A window of one column is one row; a whole one of 3x3 has no loop. */
	row_pixels = l->kernel_w == 1 ? pixels : info->out.n * rows * info->out.w;
	if (window == 9 && l->kernel_h == 3 && l->dilation_w == 1 && l->multiplier == 1)
		whole_rows = 3 * (uint64_t)info->out.n * whole(l, info, 0) * whole(l, info, 1);
	V(BLOCKS) = pixels * fours;
	V(BLOCK_STEPS) = inner * fours;
	V(BLOCK_ROWS) = (row_pixels - whole_rows) * fours;
	V(SINGLE_OUTPUTS) = pixels * singles;
	V(SINGLE_TAPS) = inner * singles;
	V(OUT_CHANNELS) = info->out.c;
	V(UNALIGNED_STEPS) = unaligned(2 * V(BLOCK_STEPS), info->out.c);
	count_refetches(v, pixels,
			window * info->out.c + 12 * (uint64_t)info->out.c + window * l->in.c);
}

static void count_fully_connected(uint64_t *v, const struct mn_layer *l)
{
	const uint64_t rows = (uint64_t)l->in.n * l->in.h * l->in.w, taps = l->in.c;
	const uint64_t left = l->out_c % 4;

	V(ROWS) = rows;
	V(BLOCKS) = rows * (l->out_c / 4);
	V(BLOCK_STEPS) = V(BLOCKS) * (taps / 4);
	V(BLOCK_TAILS) = V(BLOCKS) * (taps % 4);
	V(SINGLE_OUTPUTS) = rows * left;
	V(SINGLE_TAPS) = V(SINGLE_OUTPUTS) * taps;
	V(WIDEN_STEPS) = l->out_c < 4 ? 0 : rows * (taps / 4);
	V(UNALIGNED_STEPS) = unaligned(4 * V(BLOCK_STEPS), l->in.c);
	count_refetches(v, rows, l->out_c * taps + 4 * (uint64_t)l->out_c + 2 * taps);
}

/* Sums or maxima of `taps` inputs in `rows` rows, over all outputs of a channel. */
static void count_reduction(uint64_t *v, uint64_t outputs, uint64_t rows, uint64_t taps,
			    uint32_t channels)
{
	V(ROWS) = outputs;
	V(BLOCKS) = outputs * (channels / 4);
	V(BLOCK_STEPS) = taps * (channels / 4);
	V(BLOCK_ROWS) = rows * (channels / 4);
	V(SINGLE_OUTPUTS) = outputs * (channels % 4);
	V(SINGLE_TAPS) = taps * (channels % 4);
	V(UNALIGNED_STEPS) = unaligned(V(BLOCK_STEPS), channels);
}

static void count_pool(uint64_t *v, const struct mn_layer *l, const struct mn_layer_info *info)
{
	const uint64_t rows = info->out.n * mn_loops_taps(l, info, 0);

	count_reduction(v, (uint64_t)info->out.n * info->out.h * info->out.w, rows * info->out.w,
			rows * mn_loops_taps(l, info, 1), l->in.c);
}

static void count_mean(uint64_t *v, const struct mn_layer *l, const struct mn_layer_info *info)
{
	const uint64_t outputs = (uint64_t)info->out.n * info->out.h * info->out.w;
	/* Averaged columns that are all of a row go on in the next one. */
	const uint64_t rows = info->out.w == 1 ? 1 : l->in.h / info->out.h;

	count_reduction(v, outputs, outputs * rows, (uint64_t)l->in.n * l->in.h * l->in.w, l->in.c);
}

/* Stretches of bytes or elements that a kernel goes through in one call, each `length` long. */
static void count_runs(uint64_t *v, uint64_t runs, uint64_t length)
{
	V(RUNS) = runs;
	V(RUN_TAILS) = runs * (length % 4);
	/* Neither blocks nor whole words at a time. */
	V(RAGGED_ELEMENTS) = length % 4 || length < 32 ? runs * length : 0;
}

static void count_binary(uint64_t *v, const struct mn_layer *l, const struct mn_layer_info *info)
{
	const uint32_t a[] = {l->in.n, l->in.h, l->in.w, l->in.c};
	const uint32_t b[] = {l->in2.n, l->in2.h, l->in2.w, l->in2.c};
	uint64_t length = 1;
	int known = 0, both = 0;

	/* Dimensions from the last on in which the same inputs go along. */
	for (int d = 3; d >= 0; d--) {
		uint32_t extent = a[d] > b[d] ? a[d] : b[d];

		if (extent == 1)
			continue;
		if (known && both != (a[d] == b[d]))
			break;
		both = a[d] == b[d];
		known = 1;
		length *= extent;
	}
	count_runs(v, info->out_elements / length, length);
}

static void count_pad(uint64_t *v, const struct mn_layer *l)
{
	uint64_t runs = (uint64_t)l->in.n * l->in.h * l->in.w, length = l->in.c;

	if (!l->pad[3][0] && !l->pad[3][1]) {
		runs /= l->in.w;
		length *= l->in.w;
		if (!l->pad[2][0] && !l->pad[2][1]) {
			runs /= l->in.h;
			length *= l->in.h;
		}
	}
	count_runs(v, runs, length);
}

static void count_concatenation(uint64_t *v, const struct mn_layer *l)
{
	const uint32_t in[] = {l->in.n, l->in.h, l->in.w, l->in.c};
	uint64_t runs = 1, length = 1;
	int axis = 0;

	while (axis < 3 && !l->pad[axis][0] && !l->pad[axis][1])
		axis++;
	for (int d = 0; d < 4; d++)
		*(d < axis ? &runs : &length) *= in[d];
	count_runs(v, runs, length);
}

/* strided_slice and transpose: the last dimensions, as far as they follow each other in memory. */
static void count_walk(uint64_t *v, const struct mn_layer *l, const struct mn_layer_info *info)
{
	const int64_t pixel = l->in.c, row = pixel * l->in.w;
	const int64_t step[] = {row * l->in.h, row, pixel, 1};
	const uint32_t out[] = {info->out.n, info->out.h, info->out.w, info->out.c};
	int64_t length = out[3], last;
	int64_t steps[4];

	for (int d = 0; d < 4; d++)
		steps[d] = l->op == MN_OP_TRANSPOSE ? step[l->order >> 2 * d & 3]
						    : l->steps[d] * step[d];
	last = steps[3];
	for (int d = 2; d >= 0 && last == 1; d--) {
		if (out[d] != 1 && steps[d] != length)
			break;
		length *= out[d];
	}
	count_runs(v, info->out_elements / (uint64_t)length, (uint64_t)length);
	if (last != 1) /* byte by byte */
		V(SINGLE_OUTPUTS) = info->out_elements;
}

static void count_resize(uint64_t *v, const struct mn_layer *l, const struct mn_layer_info *info)
{
	const uint64_t rows = info->out.h < l->in.h ? info->out.h : l->in.h;

	/* Pixel by pixel, but a row that comes again is copied whole. */
	count_runs(v, info->out.n * rows * info->out.w, info->out.c);
	V(ROWS) = (uint64_t)info->out.n * info->out.h;
}

void mn_loops_of(const struct mn_layer *l, const struct mn_layer_info *info,
		 uint64_t v[MN_LOOPS_COUNT])
{
	memset(v, 0, MN_LOOPS_COUNT * sizeof(*v));
	switch (l->op) {
	case MN_OP_CONV_2D:
		count_conv(v, l, info);
		break;
	case MN_OP_DEPTHWISE_CONV_2D:
		count_depthwise(v, l, info);
		break;
	case MN_OP_FULLY_CONNECTED:
		count_fully_connected(v, l);
		break;
	case MN_OP_AVERAGE_POOL_2D:
	case MN_OP_MAX_POOL_2D:
		count_pool(v, l, info);
		break;
	case MN_OP_MEAN:
		count_mean(v, l, info);
		break;
	case MN_OP_ADD:
	case MN_OP_MUL:
	case MN_OP_SUB:
	case MN_OP_MAXIMUM:
	case MN_OP_MINIMUM:
		count_binary(v, l, info);
		break;
	case MN_OP_SOFTMAX:
		V(ROWS) = (uint64_t)l->in.n * l->in.h * l->in.w;
		break;
	case MN_OP_PAD:
		count_pad(v, l);
		break;
	case MN_OP_CONCATENATION:
		count_concatenation(v, l);
		break;
	case MN_OP_STRIDED_SLICE:
	case MN_OP_TRANSPOSE:
		count_walk(v, l, info);
		break;
	case MN_OP_RESIZE_NEAREST_NEIGHBOR:
		count_resize(v, l, info);
		break;
	default:
		count_runs(v, 1, info->out_elements);
		break;
	}
}
