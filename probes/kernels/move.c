/* SPDX-License-Identifier: MIT */
#include "move.h"

struct mn_part mn_part_of(const struct mn_layer *l)
{
	const uint32_t in[4] = {l->in.n, l->in.h, l->in.w, l->in.c};
	struct mn_part p = {1, 1, 0, 0};
	size_t inner = 1;
	int axis = 0;

	while (axis < 3 && !l->pad[axis][0] && !l->pad[axis][1])
		axis++;
	for (int d = axis + 1; d < 4; d++)
		inner *= in[d];
	for (int d = 0; d < axis; d++)
		p.rows *= in[d];
	p.bytes = in[axis] * inner;
	p.at = l->pad[axis][0] * inner;
	p.pitch = p.at + p.bytes + l->pad[axis][1] * inner;
	return p;
}

struct mn_walk mn_walk_of(const struct mn_layer *l)
{
	const struct mn_shape out = mn_layer_out_shape(l);
	const ptrdiff_t pixel = (ptrdiff_t)l->in.c, row = pixel * (ptrdiff_t)l->in.w;
	const ptrdiff_t step[4] = {row * (ptrdiff_t)l->in.h, row, pixel, 1};
	struct mn_walk w = {.extent = {out.n, out.h, out.w, out.c}};

	for (int i = 0; i < 4; i++) {
		if (l->op == MN_OP_TRANSPOSE) {
			w.step[i] = step[l->order >> 2 * i & 3];
		} else {
			w.first += (size_t)(l->begin[i] * step[i]);
			w.step[i] = l->steps[i] * step[i];
		}
	}
	return w;
}

/* x * 2^-bits to the nearest, the even one of two: how float32 rounds. */
static uint64_t round_even(uint64_t x, uint32_t bits)
{
	uint64_t half = (uint64_t)1 << (bits - 1), rest = x & (2 * half - 1), q = x >> bits;

	return q + (rest > half || (rest == half && (q & 1)));
}

struct mn_nearest mn_nearest_of(uint32_t in, uint32_t out, uint8_t sampling)
{
	struct mn_nearest n = {.in = in, .sampling = sampling};
	uint32_t num = in, den = out, k = 0;
	uint64_t q, rest;

	if (sampling == MN_SAMPLING_ALIGN_CORNERS && out > 1) {
		num--;
		den--;
	}
	if (!num)
		return n;
	/* num and den are below 2^16: k ends in 8 … 39. */
	while (((uint64_t)num << k) / den < 1u << 23)
		k++;
	q = ((uint64_t)num << k) / den;
	rest = ((uint64_t)num << k) % den;
	if (2 * rest > den || (2 * rest == den && (q & 1)))
		q++;
	n.mantissa = (uint32_t)q;
	n.exponent = k;
	return n;
}

uint32_t mn_nearest_at(const struct mn_nearest *n, uint32_t i)
{
	const uint32_t half = n->sampling == MN_SAMPLING_HALF_PIXEL;
	const uint32_t exponent = n->exponent + half;
	uint64_t p = (uint64_t)n->mantissa * (half ? 2 * (uint64_t)i + 1 : i);
	uint32_t at;

	if (p >> 24) {
		uint32_t bits = 40 - (uint32_t)__builtin_clzll(p);

		p = round_even(p, bits) << bits;
	}
	if (n->sampling == MN_SAMPLING_ALIGN_CORNERS && exponent)
		p += (uint64_t)1 << (exponent - 1);
	at = (uint32_t)(p >> exponent);
	return at < n->in ? at : n->in - 1;
}
