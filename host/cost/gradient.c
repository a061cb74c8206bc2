/* SPDX-License-Identifier: MIT */
/* Costs of channel counts that are real numbers: mnchar.h says how they are relaxed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "predictor.h"

enum { GRADIENT_SIZE_1 = sizeof(struct mnchar_gradient) };

static int has_out_channels(const struct mn_layer *l)
{
	return l->op == MN_OP_CONV_2D || l->op == MN_OP_FULLY_CONNECTED;
}

/* A reshape keeps its other dimensions where it can; its cost depends on the elements alone. */
static void reshape(struct mn_layer *l)
{
	uint64_t elements = (uint64_t)l->in.n * l->in.h * l->in.w * l->in.c;
	uint64_t rest = (uint64_t)l->shape.n * l->shape.h * l->shape.w;

	if (elements > UINT32_MAX)
		return; /* the check will refuse the input */
	if (!rest || elements % rest)
		l->shape = (struct mn_shape){1, 1, 1, (uint32_t)elements};
	else
		l->shape.c = (uint32_t)(elements / rest);
}

/* The layer with other channels, and all that follows from them. */
static void set_channels(struct mn_layer *l, uint32_t in, uint32_t out)
{
	uint32_t before = l->in.c;

	if (has_out_channels(l))
		l->out_c = out;
	if (l->op == MN_OP_STRIDED_SLICE) {
		/* All channels stay all; a part of them stays that part. */
		if (l->begin[3] || l->steps[3] != 1 || l->shape.c != before)
			return;
		l->shape.c = in;
	}
	if (mn_op_inputs((enum mn_op)l->op) == 2) {
		/* One of the two may be broadcast along the channels. */
		int both = before == l->in2.c;

		if (both || before != 1)
			l->in.c = in;
		if (both || before == 1)
			l->in2.c = in;
		return;
	}
	l->in.c = in;
	if (l->op == MN_OP_RESIZE_NEAREST_NEIGHBOR)
		l->shape.c = in;
	if (l->op == MN_OP_RESHAPE)
		reshape(l);
}

/* The two allowed counts around a real one. */
struct cell {
	uint32_t lo, hi;
	double share; /* 0 at lo, 1 at hi */
};

static int find_cell(double channels, uint32_t step, struct cell *ret, struct mnchar_error *err)
{
	double lo;

	if (!(channels >= 1 && channels <= INT32_MAX / 2) || !step || step > INT32_MAX / 4)
		return mnchar_fail(
			err, MN_E_INVALID,
			"%g channels in steps of %u: from 1 to 2^30, steps of at least 1", channels,
			(unsigned)step);
	lo = floor(channels / step) * step;
	ret->hi = (uint32_t)lo + step;
	ret->lo = lo < 1 ? 1 : (uint32_t)lo;
	ret->share = (channels - ret->lo) / (ret->hi - ret->lo);
	return 0;
}

static int corner(const struct mnchar_predictor *p, const struct mn_layer *layer, uint32_t in,
		  uint32_t out, double *ret_value, uint32_t *flags, struct mnchar_error *err)
{
	struct mn_layer l = *layer;
	struct mn_point at;
	int rc;

	set_channels(&l, in, out);
	rc = mn_predictor_point(p, &l, &at, err);
	if (!rc && !at.formula)
		rc = mn_predictor_uncovered(p, &l, err);
	if (rc)
		return rc;
	*ret_value = at.value;
	*flags |= at.flags;
	return 0;
}

static int gradient(const struct mnchar_predictor *p, const struct mnchar_layer *layer, double in,
		    double out, uint32_t step, struct mnchar_gradient *ret,
		    struct mnchar_error *err)
{
	struct cell a, b = {0};
	struct mn_layer l;
	double v[2][2]; /* [in][out] */
	int rc = mn_layer_import(layer, &l, err), two = !rc && has_out_channels(&l);

	if (!rc)
		rc = find_cell(in, step, &a, err);
	if (!rc && two)
		rc = find_cell(out, step, &b, err);
	ret->flags = 0;
	for (int i = 0; i < 2 && !rc; i++)
		for (int j = 0; j < 1 + two && !rc; j++)
			rc = corner(p, &l, i ? a.hi : a.lo, j ? b.hi : b.lo, &v[i][j], &ret->flags,
				    err);
	if (rc)
		return rc;
	for (int i = 0; i < 2 && !two; i++)
		v[i][1] = v[i][0];
	ret->value = (1 - a.share) * ((1 - b.share) * v[0][0] + b.share * v[0][1]) +
		     a.share * ((1 - b.share) * v[1][0] + b.share * v[1][1]);
	ret->d_in = ((1 - b.share) * (v[1][0] - v[0][0]) + b.share * (v[1][1] - v[0][1])) /
		    (a.hi - a.lo);
	ret->d_out = two ? ((1 - a.share) * (v[0][1] - v[0][0]) + a.share * (v[1][1] - v[1][0])) /
				     (b.hi - b.lo)
			 : 0;
	return 0;
}

int mnchar_layer_gradient(const struct mnchar_predictor *predictor,
			  const struct mnchar_layer *layer, double in_channels, double out_channels,
			  uint32_t step, struct mnchar_gradient *ret_gradient,
			  struct mnchar_error *err)
{
	struct mnchar_gradient out = {.size = ret_gradient->size};
	int rc;

	if (out.size < GRADIENT_SIZE_1)
		return mnchar_fail(err, MN_E_INVALID, "size is not sizeof(struct mnchar_gradient)");
	rc = gradient(predictor, layer, in_channels, out_channels, step, &out, err);
	if (!rc)
		memcpy(ret_gradient, &out, sizeof(out));
	return rc;
}

int mnchar_program_gradient(const struct mnchar_predictor *predictor,
			    const struct mnchar_layer *layers, size_t n, const double *channels,
			    uint32_t step, double *ret_value, double *ret_d,
			    struct mnchar_error *err)
{
	double *d = calloc(n ? n : 1, 2 * sizeof(*d)), value = 0;
	int rc = d ? 0 : mnchar_fail(err, MN_E_NOMEM, "out of memory");

	for (size_t i = 0; i < n && !rc; i++) {
		struct mnchar_gradient g;

		rc = gradient(predictor, mn_layer_at(layers, i), channels[2 * i],
			      channels[2 * i + 1], step, &g, err);
		if (!rc) {
			value += g.value;
			d[2 * i] = g.d_in;
			d[2 * i + 1] = g.d_out;
		}
	}
	if (!rc) {
		*ret_value = value;
		memcpy(ret_d, d, 2 * n * sizeof(*d));
	}
	free(d);
	return rc;
}
