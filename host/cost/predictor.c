/* SPDX-License-Identifier: MIT */
#include "predictor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "loops.h"

static const struct {
	enum mn_feature feature;
	uint32_t bytes;
} caches[MN_CACHES] = {{MN_FEATURE_REFETCH_4K, 4096}, {MN_FEATURE_REFETCH_16K, 16384}};

static int take_spread(struct mn_formula *f, const struct mn_cost_spread *s)
{
	const double *from = s->covariance;

	f->stride = f->n_terms + f->n_terms % 2;
	f->covariance = calloc((size_t)f->stride * f->stride + 1, sizeof(*f->covariance));
	if (!f->covariance)
		return MN_E_NOMEM;
	f->sigma = s->sigma;
	f->t95 = s->t95;
	f->has_spread = isfinite(s->sigma) && isfinite(s->t95);
	for (uint32_t a = 0; a < f->n_terms; a++)
		for (uint32_t b = 0; b <= a; b++)
			f->covariance[a * f->stride + b] = *from++ * (a == b ? 1 : 2);
	return 0;
}

static int compile(const struct mn_cost_model *m, uint8_t path, struct mn_formula *f)
{
	*f = (struct mn_formula){
		.model = m, .path = path, .relative = !strcmp(m->weighting, "relative")};
	for (uint32_t i = 0; i < m->n_terms && f->n_terms < MN_FEATURE_COUNT; i++)
		if (m->terms[i].path == path) {
			f->features[f->n_terms] = (uint8_t)m->terms[i].feature;
			f->values[f->n_terms++] = m->terms[i].value;
		}
	for (int c = 0; c < MN_CACHES; c++) {
		f->refetch_at[c] = -1;
		for (uint32_t i = 0; i < f->n_terms; i++)
			if (f->features[i] == caches[c].feature && f->values[i] != 0)
				f->refetch_at[c] = (int32_t)i;
	}
	for (uint32_t i = 0; i < m->n_spreads; i++)
		if (m->spreads[i].path == path && m->spreads[i].n_terms == f->n_terms)
			return take_spread(f, &m->spreads[i]);
	return 0;
}

/* The formula of that model on that path: its index + 1, or MN_E_NOMEM. */
static int formula(struct mnchar_predictor *p, const struct mn_cost_model *m, uint8_t path)
{
	struct mn_formula *more;

	for (uint32_t i = 0; i < p->n_formulas; i++)
		if (p->formulas[i].model == m && p->formulas[i].path == path)
			return (int)i + 1;
	more = realloc(p->formulas, (p->n_formulas + 1) * sizeof(*more));
	if (!more)
		return MN_E_NOMEM;
	p->formulas = more;
	if (compile(m, path, &more[p->n_formulas]))
		return MN_E_NOMEM;
	p->has_refetch |=
		more[p->n_formulas].refetch_at[0] >= 0 || more[p->n_formulas].refetch_at[1] >= 0;
	return (int)++p->n_formulas;
}

static int fill(struct mnchar_predictor *p)
{
	for (int op = 0; op < MN_OP_COUNT; op++)
		for (unsigned bits = 0; bits < MN_PATH_COMBINATIONS; bits++) {
			uint8_t path = 0;
			const struct mn_cost_model *m =
				mn_cost_find_model(p->rig, p->quantity, mn_op_name((enum mn_op)op),
						   p->model, bits, &path);
			int i = m ? formula(p, m, path) : 0;

			if (i < 0)
				return i;
			p->formula_of[op][bits] = (uint16_t)i;
		}
	return 0;
}

void mnchar_predictor_free(struct mnchar_predictor *predictor)
{
	for (uint32_t i = 0; predictor && i < predictor->n_formulas; i++)
		free(predictor->formulas[i].covariance);
	if (predictor)
		free(predictor->formulas);
	free(predictor);
}

int mnchar_predictor_new(const struct mnchar_table *table, size_t rig,
			 enum mnchar_quantity quantity, const char *model,
			 struct mnchar_predictor **ret_predictor, struct mnchar_error *err)
{
	const struct mn_cost_table *t = (const struct mn_cost_table *)table;
	struct mnchar_predictor *p;

	if (rig >= t->n_rigs)
		return mnchar_fail(err, MN_E_NOTFOUND, "the cost table has no rig %zu", rig);
	if (quantity != MNCHAR_LATENCY_MS && quantity != MNCHAR_ENERGY_MJ)
		return mnchar_fail(err, MN_E_INVALID, "no quantity %d", (int)quantity);
	p = calloc(1, sizeof(*p));
	if (!p)
		return mnchar_fail(err, MN_E_NOMEM, "out of memory");
	p->rig = &t->rigs[rig];
	p->quantity = (enum mn_cost_quantity)quantity;
	/* The table's own string lives as long as the predictor. */
	for (size_t i = 0; model && i < p->rig->n_models && !p->model; i++)
		if (!strcmp(p->rig->models[i].model, model))
			p->model = p->rig->models[i].model;
	if (model && !p->model) {
		mnchar_predictor_free(p);
		return mnchar_fail(err, MN_E_NOTFOUND, "%s with %s has no model named %s",
				   t->rigs[rig].board, t->rigs[rig].kernels, model);
	}
	if (fill(p)) {
		mnchar_predictor_free(p);
		return mnchar_fail(err, MN_E_NOMEM, "out of memory");
	}
	*ret_predictor = p;
	return 0;
}

/* Two rows at a time into a vector, so that the compiler may take several elements at once without
 * changing the order of a sum. */
double mn_formula_variance(const struct mn_formula *f, const double *x)
{
	double y[MN_FEATURE_COUNT + 1], sum = 0;
	const double *row = f->covariance;

	for (uint32_t b = 0; b < f->stride; b++)
		y[b] = 0;
	for (uint32_t a = 0; a < f->stride; a += 2, row += 2 * f->stride) {
		const double *next = row + f->stride, x0 = x[a];
		double x1 = a + 1 < f->n_terms ? x[a + 1] : 0;

		for (uint32_t b = 0; b < a + 2; b += 2) {
			y[b] += row[b] * x0 + next[b] * x1;
			y[b + 1] += row[b + 1] * x0 + next[b + 1] * x1;
		}
	}
	for (uint32_t a = 0; a < f->n_terms; a++)
		sum += y[a] * x[a];
	return sum > 0 ? sum : 0;
}

uint64_t mn_constant_bytes(const struct mn_layer_info *info)
{
	return (uint64_t)info->weight_bytes + info->bias_bytes + info->quant_bytes;
}

double mn_predictor_refill(struct mn_point *at, uint64_t others)
{
	const uint64_t bytes = mn_constant_bytes(&at->info);
	double sum = 0;

	for (int c = 0; at->formula && c < MN_CACHES; c++) {
		int32_t i = at->formula->refetch_at[c];
		double kept, more;

		if (i < 0)
			continue;
		/* Random replacement: a line survives each of others / cache fillings by chance. */
		kept = (double)(bytes - mn_loops_refetched(bytes, caches[c].bytes));
		more = kept * (1 - exp(-(double)others / caches[c].bytes));
		at->x[i] += more;
		sum += at->formula->values[i] * more;
	}
	at->value += sum;
	return sum;
}

double mn_formula_scatter(const struct mn_formula *f, double value)
{
	return f->relative ? f->sigma * value : f->sigma;
}

int mn_predictor_uncovered(const struct mnchar_predictor *p, const struct mn_layer *layer,
			   struct mnchar_error *err)
{
	char path[MN_PATH_TEXT_MAX];

	return mnchar_fail(
		err, MN_E_NOTFOUND,
		"%s with %s: the cost table has no %s%smodel of %s for %s on the kernel path %s",
		p->rig->board, p->rig->kernels, p->model ? p->model : "", p->model ? " " : "",
		mn_cost_quantity_name(p->quantity), mn_op_name((enum mn_op)layer->op),
		mn_path_format(mn_path_of(layer), path));
}

int mn_predictor_point(const struct mnchar_predictor *p, const struct mn_layer *layer,
		       struct mn_point *ret, struct mnchar_error *err)
{
	const struct mn_formula *f;
	const char *why = NULL;
	double size;
	uint32_t i;
	int rc = mn_layer_check(layer, &ret->info, &why);

	if (rc)
		return mnchar_fail(err, rc, "%s: %s", mn_op_name((enum mn_op)layer->op),
				   why ? why : mn_err_text(rc));
	ret->value = 0;
	ret->flags = 0;
	i = p->formula_of[layer->op][mn_path_of(layer)];
	if (!i) {
		ret->formula = NULL;
		ret->flags = MNCHAR_UNCOVERED;
		return 0;
	}
	ret->formula = f = &p->formulas[i - 1];
	mn_feature_values(f->features, f->n_terms, layer, &ret->info, ret->x);
	for (uint32_t t = 0; t < f->n_terms; t++)
		ret->value += f->values[t] * ret->x[t];
	if (!(ret->value >= 0)) {
		ret->value = 0;
		ret->flags |= MNCHAR_CLIPPED;
	}
	size = (double)mn_feature_value(f->model->range_feature, layer, &ret->info);
	if (size < f->model->range_min || size > f->model->range_max)
		ret->flags |= MNCHAR_EXTRAPOLATED;
	return 0;
}
