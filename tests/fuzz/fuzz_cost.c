/* SPDX-License-Identifier: MIT */
/*
 * Cost tables and the keys of lookup tables. A table that is taken can be asked: reading it with
 * and without what was measured agrees, and no layer makes the predictor crash.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "cost.h"
#include "mnchar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct mnchar_table *table)
{
	static const char *const layers[] = {
		"conv_2d in=1x9x9x6 out_c=5 kernel=3x3 stride=2x2 padding=same",
		"conv_2d in=1x9x9x8 out_c=8 kernel=1x1", "add in=1x2x2x2 in2=1x2x2x2"};

	for (size_t rig = 0; rig < mnchar_table_rigs(table); rig++) {
		struct mnchar_predictor *p = NULL;

		if (mnchar_predictor_new(table, rig, MNCHAR_LATENCY_MS, NULL, &p, NULL))
			abort();
		for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
			struct mnchar_cost cost = {.size = sizeof(cost)};
			struct mnchar_gradient slope = {.size = sizeof(slope)};
			struct mnchar_layer layer;

			if (mnchar_layer_parse(layers[i], &layer, sizeof(layer), NULL))
				abort();
			if (!mnchar_layer_cost(p, &layer, &cost, NULL) && !(cost.value >= 0))
				abort();
			mnchar_layer_gradient(p, &layer, 6.5, 7, 4, &slope, NULL);
		}
		mnchar_predictor_free(p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct mn_cost_table *all = NULL, *models = NULL;
	struct mn_block block;
	int rc = mn_cost_read_json(text, size, &all, NULL);

	if (mn_cost_read_models(text, size, &models, NULL) && !rc)
		abort();
	if (models)
		ask((const struct mnchar_table *)models);
	mn_cost_table_free(all);
	mn_cost_table_free(models);
	for (int style = 0; style < 2; style++)
		for (int channels = 0; channels < 2; channels++) {
			const struct mn_block_options options = {(enum mn_block_style)style,
								 channels};

			mn_block_parse(text, size, &options, &block, NULL);
		}
	return 0;
}
