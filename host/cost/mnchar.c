/* SPDX-License-Identifier: MIT */
/* The public functions about tables, layers and costs; gradient.c has the rest. */
#include "mnchar.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "predictor.h"

/* The public numbers are the internal ones. */
_Static_assert((int)MNCHAR_E_INVALID == MN_E_INVALID && (int)MNCHAR_E_OVERFLOW == MN_E_OVERFLOW &&
		       (int)MNCHAR_E_SYNTAX == MN_E_SYNTAX &&
		       (int)MNCHAR_E_UNSUPPORTED == MN_E_UNSUPPORTED &&
		       (int)MNCHAR_E_NOMEM == MN_E_NOMEM && (int)MNCHAR_E_IO == MN_E_IO &&
		       (int)MNCHAR_E_NOTFOUND == MN_E_NOTFOUND &&
		       (int)MNCHAR_E_VERSION == MN_E_VERSION,
	       "status");
_Static_assert((int)MNCHAR_LATENCY_MS == MN_COST_LATENCY_MS &&
		       (int)MNCHAR_ENERGY_MJ == MN_COST_ENERGY_MJ,
	       "quantities");
_Static_assert((int)MNCHAR_CONV_2D == MN_OP_CONV_2D && (int)MNCHAR_ADD == MN_OP_ADD &&
		       (int)MNCHAR_MUL == MN_OP_MUL &&
		       (int)MNCHAR_CONCATENATION == MN_OP_CONCATENATION &&
		       (int)MNCHAR_LOGISTIC == MN_OP_LOGISTIC &&
		       (int)MNCHAR_TRANSPOSE == MN_OP_TRANSPOSE,
	       "ops");

/* The first version of each struct: smaller ones have never been. */
enum {
	LAYER_SIZE_1 = sizeof(struct mnchar_layer),
	COST_SIZE_1 = sizeof(struct mnchar_cost),
	RIG_SIZE_1 = offsetof(struct mnchar_rig, validation),
};

int mnchar_fail(struct mnchar_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	return code;
}

const char *mnchar_version(void)
{
	return MNCHAR_VERSION;
}

uint32_t mnchar_interface(void)
{
	return 1;
}

/* Layers */

static void export_shape(const struct mn_shape *s, uint32_t *to)
{
	to[0] = s->n;
	to[1] = s->h;
	to[2] = s->w;
	to[3] = s->c;
}

void mn_layer_export(const struct mn_layer *l, struct mnchar_layer *to, size_t size)
{
	struct mnchar_layer out = {
		.size = (uint32_t)size,
		.op = l->op,
		.out_channels = l->out_c,
		.kernel = {l->kernel_h, l->kernel_w},
		.stride = {l->stride_h, l->stride_w},
		.dilation = {l->dilation_h, l->dilation_w},
		.multiplier = l->multiplier,
		.padding = l->padding,
		.activation = l->act,
		.bias = l->bias,
	};

	export_shape(&l->in, out.in);
	export_shape(&l->in2, out.in2);
	export_shape(&l->shape, out.shape);
	switch (l->op) {
	case MN_OP_MEAN:
		out.axes = l->axes;
		break;
	case MN_OP_TRANSPOSE:
		out.order = l->order;
		break;
	case MN_OP_RESIZE_NEAREST_NEIGHBOR:
		out.sampling = l->sampling;
		break;
	default:
		break;
	}
	for (int i = 0; i < 4; i++) {
		if (l->op == MN_OP_STRIDED_SLICE) {
			out.begin[i] = l->begin[i];
			out.step[i] = l->steps[i];
		} else {
			out.pad[i][0] = l->pad[i][0];
			out.pad[i][1] = l->pad[i][1];
		}
	}
	memset(to, 0, size);
	memcpy(to, &out, size < sizeof(out) ? size : sizeof(out));
}

int mnchar_layer_init(struct mnchar_layer *layer, size_t size, int op)
{
	struct mn_layer l;

	if (op <= MN_OP_NOP || op >= MN_OP_COUNT)
		return MN_E_UNSUPPORTED;
	if (size < LAYER_SIZE_1)
		return MN_E_INVALID;
	mn_layer_init(&l, (enum mn_op)op);
	mn_layer_export(&l, layer, size);
	return 0;
}

int mnchar_layer_parse(const char *text, struct mnchar_layer *ret_layer, size_t size,
		       struct mnchar_error *err)
{
	struct mn_layer l;
	const char *why = NULL;
	size_t column = 0;
	int rc = mn_layer_parse(text, strlen(text), &l, &column, &why);

	if (rc)
		return mnchar_fail(err, rc, "column %zu: %s", column, why ? why : mn_err_text(rc));
	if (l.op == MN_OP_NOP)
		return mnchar_fail(err, MN_E_UNSUPPORTED, "null is no layer");
	if (size < LAYER_SIZE_1)
		return mnchar_fail(err, MN_E_INVALID, "size is not sizeof(struct mnchar_layer)");
	mn_layer_export(&l, ret_layer, size);
	return 0;
}

const char *mnchar_op_name(int op)
{
	return op > MN_OP_NOP && op < MN_OP_COUNT ? mn_op_name((enum mn_op)op) : "?";
}

int mnchar_op_parse(const char *name)
{
	int op = mn_op_parse(name, strlen(name));

	return op == MN_OP_NOP ? MN_E_NOTFOUND : op;
}

static struct mn_shape import_shape(const uint32_t *from)
{
	return (struct mn_shape){from[0], from[1], from[2], from[3]};
}

/* Everything that is narrower inside; what it means is mn_layer_check()'s business. */
static int fits(const struct mnchar_layer *l)
{
	uint32_t wide = l->kernel[0] | l->kernel[1] | l->stride[0] | l->stride[1] | l->dilation[0] |
			l->dilation[1] | l->multiplier;
	uint32_t narrow =
		l->op | l->padding | l->activation | l->bias | l->axes | l->order | l->sampling;

	for (int i = 0; i < 4; i++) {
		wide |= l->pad[i][0] | l->pad[i][1] | l->begin[i];
		if (l->step[i] < INT16_MIN || l->step[i] > INT16_MAX)
			return 0;
	}
	return wide <= UINT16_MAX && narrow <= UINT8_MAX;
}

/* Members that a later library knows must not be set. */
static int has_more(const struct mnchar_layer *l)
{
	const unsigned char *bytes = (const unsigned char *)l;

	for (size_t i = sizeof(*l); i < l->size; i++)
		if (bytes[i])
			return 1;
	return 0;
}

/* Three members share a byte inside; two of them set is refused like any unused field. */
static uint8_t option_of(const struct mnchar_layer *l)
{
	uint32_t own = l->op == MN_OP_MEAN                      ? l->axes
		       : l->op == MN_OP_TRANSPOSE               ? l->order
		       : l->op == MN_OP_RESIZE_NEAREST_NEIGHBOR ? l->sampling
								: 0;

	return (uint8_t)(own ? own : l->axes | l->order | l->sampling);
}

int mn_layer_import(const struct mnchar_layer *from, struct mn_layer *ret, struct mnchar_error *err)
{
	if (from->size < LAYER_SIZE_1)
		return mnchar_fail(err, MN_E_INVALID,
				   "the layer's size is %u, not sizeof(struct mnchar_layer)",
				   (unsigned)from->size);
	if (from->size > sizeof(*from) && has_more(from))
		return mnchar_fail(err, MN_E_UNSUPPORTED,
				   "the layer uses something that is newer than this libmnchar");
	if (from->op == MN_OP_NOP || !fits(from))
		return mnchar_fail(err, MN_E_INVALID, "a field of the layer is out of range");
	*ret = (struct mn_layer){
		.op = (uint8_t)from->op,
		.padding = (uint8_t)from->padding,
		.act = (uint8_t)from->activation,
		.bias = (uint8_t)from->bias,
		.axes = option_of(from),
		.kernel_h = (uint16_t)from->kernel[0],
		.kernel_w = (uint16_t)from->kernel[1],
		.stride_h = (uint16_t)from->stride[0],
		.stride_w = (uint16_t)from->stride[1],
		.dilation_h = (uint16_t)from->dilation[0],
		.dilation_w = (uint16_t)from->dilation[1],
		.multiplier = (uint16_t)from->multiplier,
		.in = import_shape(from->in),
		.in2 = import_shape(from->in2),
		.shape = import_shape(from->shape),
		.out_c = from->out_channels,
	};
	for (int i = 0; i < 4; i++) {
		if (from->op == MN_OP_STRIDED_SLICE) {
			ret->begin[i] = (uint16_t)from->begin[i];
			ret->steps[i] = (int16_t)from->step[i];
		} else {
			ret->pad[i][0] = (uint16_t)from->pad[i][0];
			ret->pad[i][1] = (uint16_t)from->pad[i][1];
		}
	}
	return 0;
}

const struct mnchar_layer *mn_layer_at(const struct mnchar_layer *layers, size_t i)
{
	return (const struct mnchar_layer *)(const void *)((const char *)layers + i * layers->size);
}

/* Tables. A struct mnchar_table is a struct mn_cost_table. */

static int said(struct mnchar_error *err, int rc, const struct mn_err *why)
{
	return rc ? mnchar_fail(err, rc, "%s", why->msg[0] ? why->msg : mn_err_text(rc)) : 0;
}

int mnchar_table_open(const char *path, struct mnchar_table **ret_table, struct mnchar_error *err)
{
	struct mn_cost_table *table = NULL;
	struct mn_err why = {0};
	int rc = mn_cost_load_models(path, &table, &why);

	if (!rc)
		*ret_table = (struct mnchar_table *)table;
	return said(err, rc, &why);
}

int mnchar_table_read(const char *json, size_t len, struct mnchar_table **ret_table,
		      struct mnchar_error *err)
{
	struct mn_cost_table *table = NULL;
	struct mn_err why = {0};
	int rc = mn_cost_read_models(json, len, &table, &why);

	if (!rc)
		*ret_table = (struct mnchar_table *)table;
	return said(err, rc, &why);
}

void mnchar_table_free(struct mnchar_table *table)
{
	mn_cost_table_free((struct mn_cost_table *)table);
}

size_t mnchar_table_rigs(const struct mnchar_table *table)
{
	return ((const struct mn_cost_table *)table)->n_rigs;
}

/* As much as the caller has room for. */
static void give(void *to, uint32_t to_size, const void *from, size_t from_size)
{
	memcpy(to, from, to_size < from_size ? to_size : from_size);
}

int mnchar_table_rig(const struct mnchar_table *table, size_t rig, struct mnchar_rig *ret_rig)
{
	const struct mn_cost_table *t = (const struct mn_cost_table *)table;
	struct mnchar_rig out = {.size = ret_rig->size};

	if (ret_rig->size < RIG_SIZE_1)
		return MN_E_INVALID;
	if (rig >= t->n_rigs)
		return MN_E_NOTFOUND;
	out.cold = t->rigs[rig].cold;
	out.kind = t->rigs[rig].kind;
	out.board = t->rigs[rig].board;
	out.kernels = t->rigs[rig].kernels;
	out.cycle_model = t->rigs[rig].cycle_model;
	out.clock_hz = t->rigs[rig].clock_hz;
	out.validation = t->rigs[rig].validation;
	give(ret_rig, out.size, &out, sizeof(out));
	return 0;
}

int mnchar_table_find(const struct mnchar_table *table, const char *board, const char *kernels,
		      const char *kind, int cold)
{
	const struct mn_cost_table *t = (const struct mn_cost_table *)table;

	for (size_t i = 0; i < t->n_rigs; i++) {
		const struct mn_cost_rig *r = &t->rigs[i];

		if ((!board || !strcmp(r->board, board)) &&
		    (!kernels || !strcmp(r->kernels, kernels)) &&
		    (!kind || !strcmp(r->kind, kind)) && !r->cold == !cold)
			return (int)i;
	}
	return MN_E_NOTFOUND;
}

/* Costs */

static void layer_result(const struct mn_point *at, struct mnchar_cost *out)
{
	const struct mn_formula *f = at->formula;
	double ops = (double)at->info.ops;

	*out = (struct mnchar_cost){
		.size = out->size,
		.flags = at->flags,
		.value = at->value,
		.lo = NAN,
		.hi = NAN,
		.model = f ? f->model->model : "",
		.layers = 1,
		.layers_covered = f != NULL,
		.ops = ops,
		.ops_covered = f ? ops : 0,
	};
	if (f && f->has_spread) {
		double scatter = mn_formula_scatter(f, at->value);
		double half = f->t95 * sqrt(mn_formula_variance(f, at->x) + scatter * scatter);

		out->lo = at->value > half ? at->value - half : 0;
		out->hi = at->value + half;
	}
}

int mnchar_layer_cost(const struct mnchar_predictor *predictor, const struct mnchar_layer *layer,
		      struct mnchar_cost *ret_cost, struct mnchar_error *err)
{
	struct mnchar_cost out = {.size = ret_cost->size};
	struct mn_layer l;
	struct mn_point at;
	int rc = mn_layer_import(layer, &l, err);

	if (!rc && out.size < COST_SIZE_1)
		rc = mnchar_fail(err, MN_E_INVALID, "size is not sizeof(struct mnchar_cost)");
	if (!rc)
		rc = mn_predictor_point(predictor, &l, &at, err);
	if (!rc && !at.formula)
		rc = mn_predictor_uncovered(predictor, &l, err);
	if (rc)
		return rc;
	layer_result(&at, &out);
	give(ret_cost, out.size, &out, sizeof(out));
	return 0;
}

/* What a program's layers of one formula add up to. */
struct sum {
	double x[MN_FEATURE_COUNT];
	double scatter;
};

static void add_point(struct sum *sum, const struct mn_point *at)
{
	for (uint32_t i = 0; i < at->formula->n_terms; i++)
		sum->x[i] += at->x[i];
	sum->scatter += mn_formula_scatter(at->formula, at->value);
}

/* What a layer sends through a data cache: constants and outputs. */
static uint64_t through_of(const struct mn_layer_info *info)
{
	return mn_constant_bytes(info) + info->output_bytes;
}

static int footprint(const struct mnchar_layer *layers, size_t n, uint64_t *ret,
		     struct mnchar_error *err)
{
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		struct mn_layer_info info;
		const char *why = NULL;
		struct mn_layer l;
		int rc = mn_layer_import(mn_layer_at(layers, i), &l, err);

		if (rc)
			return rc;
		rc = mn_layer_check(&l, &info, &why);
		if (rc)
			return mnchar_fail(err, rc, "%s: %s", mn_op_name((enum mn_op)l.op),
					   why ? why : mn_err_text(rc));
		*ret += through_of(&info);
	}
	return 0;
}

/* Half the width of the total's interval; NAN if a layer's is not known. */
static double half_width(const struct mnchar_predictor *p, const struct sum *sums)
{
	double variance = 0;

	for (uint32_t i = 0; i < p->n_formulas; i++) {
		const struct mn_formula *f = &p->formulas[i];

		if (sums[i].scatter == 0)
			continue;
		if (!f->has_spread)
			return NAN;
		variance += f->t95 * f->t95 *
			    (mn_formula_variance(f, sums[i].x) + sums[i].scatter * sums[i].scatter);
	}
	return sqrt(variance);
}

int mnchar_program_cost(const struct mnchar_predictor *predictor, const struct mnchar_layer *layers,
			size_t n, struct mnchar_cost *ret_costs, struct mnchar_cost *ret_total,
			struct mnchar_error *err)
{
	struct mnchar_cost total = {.size = ret_total->size, .model = ""}, one;
	uint32_t stride = ret_costs && n ? ret_costs[0].size : 0;
	struct sum *sums = NULL;
	int unknown = 0, rc = 0, missing = 0;
	uint64_t through = 0;
	double half;

	if (total.size < COST_SIZE_1 || (ret_costs && n && stride < COST_SIZE_1))
		return mnchar_fail(err, MN_E_INVALID, "size is not sizeof(struct mnchar_cost)");
	if (predictor->has_refetch)
		rc = footprint(layers, n, &through, err);
	if (rc)
		return rc;
	sums = calloc(predictor->n_formulas ? predictor->n_formulas : 1, sizeof(*sums));
	if (!sums)
		return mnchar_fail(err, MN_E_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct mn_layer l;
		struct mn_point at;

		rc = mn_layer_import(mn_layer_at(layers, i), &l, err);
		if (!rc)
			rc = mn_predictor_point(predictor, &l, &at, err);
		if (rc)
			goto out;
		if (!at.formula && !missing)
			missing = mn_predictor_uncovered(predictor, &l, err);
		one.size = stride;
		layer_result(&at, &one);
		if (predictor->has_refetch)
			total.refill += mn_predictor_refill(&at, through - through_of(&at.info));
		if (at.formula) {
			add_point(&sums[at.formula - predictor->formulas], &at);
			unknown |= !at.formula->has_spread;
		}
		total.flags |= one.flags;
		total.value += at.value;
		total.layers++;
		total.layers_covered += one.layers_covered;
		total.ops += one.ops;
		total.ops_covered += one.ops_covered;
		if (ret_costs)
			give((char *)ret_costs + i * stride, stride, &one, sizeof(one));
	}
	half = unknown ? NAN : half_width(predictor, sums);
	total.lo = half > total.value ? 0 : total.value - half;
	total.hi = total.value + half;
	give(ret_total, total.size, &total, sizeof(total));
	rc = missing;
out:
	free(sums);
	return rc;
}
