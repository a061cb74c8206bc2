/* SPDX-License-Identifier: MIT */
#include "cost.h"

#include <string.h>

static const struct mn_cost_model *find_model(const struct mn_cost_rig *rig,
					      enum mn_cost_quantity quantity, const char *op,
					      const char *model)
{
	for (size_t i = 0; i < rig->n_models; i++) {
		const struct mn_cost_model *m = &rig->models[i];

		if (m->predicts == quantity && !strcmp(m->op, op) &&
		    (model ? !strcmp(m->model, model) : m->preferred))
			return m;
	}
	return NULL;
}

int mn_cost_layer(const struct mn_cost_rig *rig, enum mn_cost_quantity quantity, const char *model,
		  const struct mn_layer *layer, struct mn_cost_value *ret, struct mn_err *err)
{
	struct mn_cost_value out = {0};
	struct mn_layer_info info;
	const char *why = NULL;
	double size;
	int rc = mn_layer_check(layer, &info, &why);

	if (rc)
		return mn_err_set(err, rc, "%s: %s", mn_op_name((enum mn_op)layer->op),
				  why ? why : mn_err_text(rc));
	out.model = find_model(rig, quantity, mn_op_name((enum mn_op)layer->op), model);
	if (!out.model)
		return mn_err_set(err, MN_E_NOTFOUND,
				  "%s with %s: the cost table has no %s%smodel of %s for %s",
				  rig->board, rig->kernels, model ? model : "", model ? " " : "",
				  mn_cost_quantity_name(quantity),
				  mn_op_name((enum mn_op)layer->op));
	for (uint32_t j = 0; j < out.model->n_terms; j++)
		out.value += out.model->terms[j].value *
			     (double)mn_feature_value(out.model->terms[j].feature, layer, &info);
	size = (double)mn_feature_value(out.model->range_feature, layer, &info);
	out.extrapolated = size < out.model->range_min || size > out.model->range_max;
	*ret = out;
	return 0;
}
