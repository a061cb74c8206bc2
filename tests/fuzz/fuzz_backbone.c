/* SPDX-License-Identifier: MIT */
/* A backbone of any bytes: an error has a sentence with a place, a model is sound. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mn_backbone_model *model;
	struct mn_backbone *b = NULL;
	struct mn_err err = {0};
	int rc = mn_backbone_parse((const char *)data, size, "f", &b, &err);

	if (rc < 0) {
		unsigned line, column;

		if (b || err.code != rc)
			abort();
		if (rc != MN_E_NOMEM && sscanf(err.msg, "f:%u:%u: ", &line, &column) != 2)
			abort();
		return 0;
	}
	for (uint64_t i = 0; i < 4; i++) {
		if (mn_backbone_sample(b, 1, i, &model, &err))
			continue;
		if (!model->graph->n_nodes || model->graph->n_nodes > MN_BACKBONE_NODES_MAX ||
		    strlen(model->name) < 13)
			abort();
		mn_backbone_model_free(model);
	}
	mn_backbone_free(b);
	return 0;
}
