/* SPDX-License-Identifier: MIT */
#include "group.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int op_of(const struct mn_row *row)
{
	return row->layer ? row->layer->op : MN_MODELS_WHOLE;
}

int mn_group_has(const struct mn_group *g, const struct mn_row *row)
{
	return g->board && g->kind == row->kind && g->op == op_of(row) &&
	       !strcmp(g->board, row->board) && !strcmp(g->kernels, row->kernels);
}

void mn_group_clear(struct mn_group *g)
{
	for (size_t i = 0; i < g->n && g->name; i++)
		free(g->name[i]);
	for (size_t i = 0; i < g->n_rigs; i++) {
		free(g->rigs[i].image);
		free(g->rigs[i].model);
	}
	for (size_t i = 0; i < g->n_backbones; i++)
		free(g->backbones[i]);
	g->n = g->n_rigs = g->n_backbones = 0;
	free(g->board);
	free(g->kernels);
	g->board = g->kernels = NULL;
}

static void free_columns(struct mn_group *g)
{
	free(g->id);
	free(g->key);
	for (int t = 0; t < MN_TARGET_COUNT; t++)
		free(g->value[t]);
	for (int f = 0; f < MN_FEATURE_COUNT; f++)
		free(g->feature[f]);
	free(g->layer);
	free(g->name);
	free(g->rig);
	free(g->backbone);
	free(g->cold);
	free(g->path);
}

void mn_group_free(struct mn_group *g)
{
	mn_group_clear(g);
	free_columns(g);
	free(g->rigs);
	free(g->backbones);
	memset(g, 0, sizeof(*g));
}

/* Features that a group of this op needs: those of its models, and the one that says its size. */
static uint32_t wanted_features(const struct mn_group *g)
{
	int op = g->op;
	uint32_t wanted =
		1u << (op == MN_MODELS_WHOLE ? MN_FEATURE_OPS : mn_feature_size((enum mn_op)op));

	for (size_t i = 0; i < g->models->n; i++) {
		const struct mn_model *m = &g->models->all[i];

		for (size_t k = 0; (m->ops >> op & 1) && k < m->n_paths; k++)
			for (uint32_t j = 0; j < m->path[k].n_terms; j++)
				wanted |= 1u << m->path[k].terms[j];
	}
	return wanted & ~(1u << MN_FEATURE_CONST);
}

/* Returns MN_E_NOMEM from the function around it; what was there stays. */
#define RESIZE(array, n)                                                                           \
	do {                                                                                       \
		void *moved_ = realloc((array), (n) * sizeof(*(array)));                           \
                                                                                                   \
		if (!moved_)                                                                       \
			return MN_E_NOMEM;                                                         \
		(array) = moved_;                                                                  \
	} while (0)

static int resize_columns(struct mn_group *g, size_t size)
{
	uint32_t wanted = wanted_features(g);

	RESIZE(g->id, size);
	RESIZE(g->key, size);
	for (int t = 0; t < MN_TARGET_COUNT; t++)
		RESIZE(g->value[t], size);
	for (int f = 0; f < MN_FEATURE_COUNT; f++)
		if (wanted >> f & 1)
			RESIZE(g->feature[f], size);
	if (g->op == MN_MODELS_WHOLE)
		RESIZE(g->name, size);
	else
		RESIZE(g->layer, size);
	RESIZE(g->rig, size);
	RESIZE(g->backbone, size);
	RESIZE(g->cold, size);
	RESIZE(g->path, size);
	g->size = size;
	return 0;
}

int mn_group_begin(struct mn_group *g, const struct mn_row *row)
{
	mn_group_clear(g);
	if (g->op != op_of(row) || !g->size) {
		/* Another op, other columns. */
		free_columns(g);
		memset(g->feature, 0, sizeof(g->feature));
		memset(g->value, 0, sizeof(g->value));
		g->id = NULL;
		g->key = NULL;
		g->layer = NULL;
		g->name = NULL;
		g->rig = g->backbone = NULL;
		g->cold = g->path = NULL;
		g->size = 0;
		g->op = op_of(row);
		if (resize_columns(g, 256))
			return MN_E_NOMEM;
	}
	g->kind = row->kind;
	g->board = strdup(row->board);
	g->kernels = strdup(row->kernels);
	return g->board && g->kernels ? 0 : MN_E_NOMEM;
}

int mn_group_same_rig(const struct mn_group_rig *a, const struct mn_group_rig *b)
{
	return fabs(a->clock_hz - b->clock_hz) <= 0.01 * fmax(a->clock_hz, b->clock_hz) &&
	       !strcmp(a->image, b->image) && !strcmp(a->model, b->model);
}

static int rig_index(struct mn_group *g, const struct mn_row *row)
{
	struct mn_group_rig *rig;

	/* Neighbours mostly share a rig: look from the end. */
	for (size_t i = g->n_rigs; i-- > 0;)
		if (g->rigs[i].clock_hz == row->clock_hz && !strcmp(g->rigs[i].image, row->image) &&
		    !strcmp(g->rigs[i].model, row->rig_model))
			return (int)i;
	if (g->n_rigs > UINT16_MAX)
		return MN_E_TOO_BIG;
	RESIZE(g->rigs, g->n_rigs + 1);
	rig = &g->rigs[g->n_rigs];
	rig->clock_hz = row->clock_hz;
	rig->image = strdup(row->image);
	rig->model = strdup(row->rig_model);
	g->n_rigs++;
	return rig->image && rig->model ? (int)g->n_rigs - 1 : MN_E_NOMEM;
}

static int backbone_index(struct mn_group *g, const char *backbone)
{
	for (size_t i = g->n_backbones; i-- > 0;)
		if (!strcmp(g->backbones[i], backbone))
			return (int)i;
	if (g->n_backbones > UINT16_MAX)
		return MN_E_TOO_BIG;
	RESIZE(g->backbones, g->n_backbones + 1);
	g->backbones[g->n_backbones] = strdup(backbone);
	if (!g->backbones[g->n_backbones])
		return MN_E_NOMEM;
	return (int)g->n_backbones++;
}

/* FNV-1a 64 */
static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	return h;
}

static double figure(double value, const char *excluded)
{
	if (value < 0)
		return MN_GROUP_ABSENT;
	if (excluded[0])
		return MN_GROUP_EXCLUDED;
	return value > 0 && isfinite(value) ? value : MN_GROUP_BAD;
}

int mn_group_add(struct mn_group *g, const struct mn_row *row)
{
	size_t i = g->n;
	int rig = rig_index(g, row), backbone = backbone_index(g, row->backbone);

	if (rig < 0 || backbone < 0)
		return rig < 0 ? rig : backbone;
	if (i == g->size && resize_columns(g, g->size * 2))
		return MN_E_NOMEM;
	if (g->op == MN_MODELS_WHOLE) {
		g->name[i] = strdup(row->model);
		if (!g->name[i])
			return MN_E_NOMEM;
		g->feature[MN_FEATURE_OPS][i] = (double)row->ops;
		g->key[i] = hash(row->model);
	} else {
		g->layer[i] = *row->layer;
		for (int f = 0; f < MN_FEATURE_COUNT; f++)
			if (g->feature[f])
				g->feature[f][i] = (double)mn_feature_value((enum mn_feature)f,
									    row->layer, &row->info);
		g->key[i] = hash(row->layer_text);
	}
	g->id[i] = row->measurement_id;
	g->value[MN_TARGET_LATENCY][i] = figure(row->latency_ms, row->excluded_latency);
	g->value[MN_TARGET_ENERGY][i] = figure(row->energy_mJ, row->excluded_energy);
	g->value[MN_TARGET_POWER][i] = figure(row->power_mW, row->excluded_energy);
	g->rig[i] = (uint16_t)rig;
	g->backbone[i] = (uint16_t)backbone;
	g->cold[i] = row->cold != 0;
	g->path[i] = row->layer ? (uint8_t)mn_path_of(row->layer) : 0;
	g->n++;
	return 0;
}

char *mn_group_row_name(const struct mn_group *g, size_t row)
{
	char text[MN_LAYER_TEXT_MAX];

	if (g->op == MN_MODELS_WHOLE)
		return strdup(g->name[row]);
	if (mn_layer_format(&g->layer[row], text, sizeof(text)) < 0)
		return strdup("?");
	return strdup(text);
}
