/* SPDX-License-Identifier: MIT */
#include "census.h"

#include <stddef.h>

static uint64_t mul(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static const struct mn_tensor *input(const struct mn_subgraph *s, const struct mn_operator *o,
				     uint32_t i)
{
	return i < o->n_inputs && o->inputs[i] >= 0 ? &s->tensors[o->inputs[i]] : NULL;
}

static uint64_t extent(const struct mn_tensor *t, unsigned i)
{
	return (uint64_t)t->shape[i];
}

static uint64_t macs_of(const struct mn_subgraph *s, const struct mn_operator *o)
{
	const struct mn_tensor *in = input(s, o, 0), *w = input(s, o, 1), *w2 = input(s, o, 2);
	const struct mn_tensor *out = o->n_outputs ? &s->tensors[o->outputs[0]] : NULL;

	if (!in || !w || !out)
		return 0;
	switch (o->builtin) {
	case MN_BUILTIN_CONV_2D:
		if (w->rank != 4)
			return 0;
		return mul(out->elements, mul(extent(w, 1), mul(extent(w, 2), extent(w, 3))));
	case MN_BUILTIN_DEPTHWISE_CONV_2D:
		return w->rank == 4 ? mul(out->elements, mul(extent(w, 1), extent(w, 2))) : 0;
	case MN_BUILTIN_FULLY_CONNECTED:
		if (w->rank != 2 || extent(w, 0) == 0)
			return 0;
		return mul(out->elements, extent(w, 1));
	case MN_BUILTIN_TRANSPOSE_CONV: /* shape of the output, weights, input */
		if (!w2 || w->rank != 4)
			return 0;
		return mul(w2->elements, mul(extent(w, 0), mul(extent(w, 1), extent(w, 2))));
	case MN_BUILTIN_SVDF: /* input, feature filter, time filter */
		if (!w2 || in->rank != 2)
			return 0;
		return mul(extent(in, 0), add(w->elements, w2->elements));
	case MN_BUILTIN_UNIDIRECTIONAL_SEQUENCE_LSTM: {
		uint64_t weights = 0;

		if (in->rank < 2 || extent(in, in->rank - 1) == 0)
			return 0;
		for (uint32_t i = 1; i <= 8; i++)
			if (input(s, o, i))
				weights = add(weights, input(s, o, i)->elements);
		return mul(in->elements / extent(in, in->rank - 1), weights);
	}
	default:
		return 0;
	}
}

void mn_census_of(const struct mn_subgraph *subgraph, uint32_t op, struct mn_census *ret)
{
	const struct mn_operator *o = &subgraph->operators[op];
	struct mn_census c = {.macs = macs_of(subgraph, o), .int8 = true};

	for (uint32_t i = 0; i < o->n_inputs; i++) {
		const struct mn_tensor *t = input(subgraph, o, i);

		if (t && t->data)
			c.weight_bytes = add(c.weight_bytes, t->data_bytes);
		else if (t && t->type != MN_TYPE_INT8)
			c.int8 = false;
	}
	for (uint32_t i = 0; i < o->n_outputs; i++)
		if (subgraph->tensors[o->outputs[i]].type != MN_TYPE_INT8)
			c.int8 = false;
	*ret = c;
}
