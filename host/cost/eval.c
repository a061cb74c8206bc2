/* SPDX-License-Identifier: MIT */
#include "cost.h"

#include <string.h>

/* The path of the model that the layer is on, or MN_E_NOTFOUND if that has no coefficients. */
static int path_of(const struct mn_cost_model *m, unsigned bits)
{
	static const uint8_t any[] = {MN_PATH_ANY};
	const uint8_t *paths = m->n_paths ? m->paths : any;
	int i = mn_path_first(paths, m->n_paths ? m->n_paths : 1, bits);

	for (uint32_t j = 0; i >= 0 && j < m->n_terms; j++)
		if (m->terms[j].path == paths[i])
			return paths[i];
	return MN_E_NOTFOUND;
}

/* a before b: preferred, then the smaller error. */
static int better(const struct mn_cost_model *a, const struct mn_cost_model *b)
{
	if (!b || a->preferred != b->preferred)
		return !b || a->preferred;
	return a->mape_pct < b->mape_pct;
}

const struct mn_cost_model *mn_cost_find_model(const struct mn_cost_rig *rig,
					       enum mn_cost_quantity quantity, const char *op,
					       const char *name, unsigned bits, uint8_t *ret_path)
{
	const struct mn_cost_model *best = NULL;

	for (size_t i = 0; i < rig->n_models; i++) {
		const struct mn_cost_model *m = &rig->models[i];

		if (m->predicts == quantity && !strcmp(m->op, op) &&
		    (!name || !strcmp(m->model, name)) && path_of(m, bits) >= 0 && better(m, best))
			best = m;
	}
	if (best)
		*ret_path = (uint8_t)path_of(best, bits);
	return best;
}

int mn_cost_layer(const struct mn_cost_rig *rig, enum mn_cost_quantity quantity, const char *model,
		  const struct mn_layer *layer, struct mn_cost_value *ret, struct mn_err *err)
{
	struct mn_cost_value out = {0};
	struct mn_layer_info info;
	const char *why = NULL;
	char path[MN_PATH_TEXT_MAX];
	unsigned bits;
	uint8_t on = 0;
	double size;
	int rc = mn_layer_check(layer, &info, &why);

	if (rc)
		return mn_err_set(err, rc, "%s: %s", mn_op_name((enum mn_op)layer->op),
				  why ? why : mn_err_text(rc));
	bits = mn_path_of(layer);
	out.model = mn_cost_find_model(rig, quantity, mn_op_name((enum mn_op)layer->op), model,
				       bits, &on);
	if (!out.model)
		return mn_err_set(
			err, MN_E_NOTFOUND,
			"%s with %s: the cost table has no %s%smodel of %s for %s on the kernel "
			"path %s",
			rig->board, rig->kernels, model ? model : "", model ? " " : "",
			mn_cost_quantity_name(quantity), mn_op_name((enum mn_op)layer->op),
			mn_path_format(bits, path));
	for (uint32_t j = 0; j < out.model->n_terms; j++)
		if (out.model->terms[j].path == on)
			out.value +=
				out.model->terms[j].value *
				(double)mn_feature_value(out.model->terms[j].feature, layer, &info);
	size = (double)mn_feature_value(out.model->range_feature, layer, &info);
	out.extrapolated = size < out.model->range_min || size > out.model->range_max;
	*ret = out;
	return 0;
}
