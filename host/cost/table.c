/* SPDX-License-Identifier: MIT */
#include "cost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Strings of a table: each once (most are the same few), freed together. */
struct mn_cost_strings {
	char **slots; /* open addressing, a power of two */
	size_t n, size;
};

static size_t slot_of(const struct mn_cost_strings *s, const char *text)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
	size_t i;

	for (const char *p = text; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3u;
	for (i = h & (s->size - 1); s->slots[i] && strcmp(s->slots[i], text);)
		i = (i + 1) & (s->size - 1);
	return i;
}

static int widen(struct mn_cost_strings *s)
{
	struct mn_cost_strings wide = {.n = s->n, .size = s->size ? s->size * 2 : 64};

	wide.slots = calloc(wide.size, sizeof(*wide.slots));
	if (!wide.slots)
		return MN_E_NOMEM;
	for (size_t i = 0; i < s->size; i++)
		if (s->slots[i])
			wide.slots[slot_of(&wide, s->slots[i])] = s->slots[i];
	free(s->slots);
	*s = wide;
	return 0;
}

/* The table's copy of *text; NULL becomes "". */
static int keep(struct mn_cost_table *table, const char **text)
{
	struct mn_cost_strings *s = table->strings;
	const char *from = *text ? *text : "";
	size_t i;

	if (s->n * 2 >= s->size && widen(s))
		return MN_E_NOMEM;
	i = slot_of(s, from);
	if (!s->slots[i]) {
		s->slots[i] = strdup(from);
		if (!s->slots[i])
			return MN_E_NOMEM;
		s->n++;
	}
	*text = s->slots[i];
	return 0;
}

struct mn_cost_table *mn_cost_table_new(const char *generator)
{
	struct mn_cost_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->strings = calloc(1, sizeof(*table->strings));
	table->generator = generator;
	if (!table->strings || keep(table, &table->generator)) {
		mn_cost_table_free(table);
		return NULL;
	}
	return table;
}

static void free_model(struct mn_cost_model *m)
{
	for (uint32_t i = 0; i < m->n_spreads; i++)
		free((double *)(uintptr_t)m->spreads[i].covariance);
	free(m->spreads);
	free(m->terms);
}

void mn_cost_table_free(struct mn_cost_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n_rigs; i++) {
		for (size_t j = 0; j < table->rigs[i].n_models; j++)
			free_model(&table->rigs[i].models[j]);
		free(table->rigs[i].models);
		free(table->rigs[i].measured);
	}
	free(table->rigs);
	if (table->strings)
		for (size_t i = 0; i < table->strings->size; i++)
			free(table->strings->slots[i]);
	if (table->strings)
		free(table->strings->slots);
	free(table->strings);
	free(table);
}

/* Room for element n: doubles at powers of two. */
static void *grown(void *array, size_t n, size_t element)
{
	if (n & (n - 1))
		return array;
	return realloc(array, (n ? n * 2 : 1) * element);
}

struct mn_cost_rig *mn_cost_add_rig(struct mn_cost_table *table, const struct mn_cost_rig *rig)
{
	struct mn_cost_rig *rigs = grown(table->rigs, table->n_rigs, sizeof(*rigs)), *r;

	if (!rigs)
		return NULL;
	table->rigs = rigs;
	r = &rigs[table->n_rigs];
	*r = *rig;
	r->models = NULL;
	r->measured = NULL;
	r->n_models = r->n_measured = 0;
	if (keep(table, &r->kind) || keep(table, &r->board) || keep(table, &r->kernels) ||
	    keep(table, &r->image) || keep(table, &r->cycle_model) || keep(table, &r->validation))
		return NULL;
	table->n_rigs++;
	return r;
}

int mn_cost_set_provenance(struct mn_cost_table *table, struct mn_cost_rig *rig, double clock_hz,
			   const char *image, const char *cycle_model)
{
	if (keep(table, &image) || keep(table, &cycle_model))
		return MN_E_NOMEM;
	rig->clock_hz = clock_hz;
	rig->image = image;
	rig->cycle_model = cycle_model;
	return 0;
}

int mn_cost_set_validation(struct mn_cost_table *table, struct mn_cost_rig *rig,
			   const char *validation)
{
	if (keep(table, &validation))
		return MN_E_NOMEM;
	rig->validation = validation;
	return 0;
}

/* Into a model that has none. */
static int copy_spreads(struct mn_cost_model *m, const struct mn_cost_model *from)
{
	if (!from->n_spreads)
		return 0;
	m->spreads = calloc(from->n_spreads, sizeof(*m->spreads));
	if (!m->spreads)
		return MN_E_NOMEM;
	for (; m->n_spreads < from->n_spreads; m->n_spreads++) {
		struct mn_cost_spread *s = &m->spreads[m->n_spreads];
		size_t n;
		double *covariance;

		*s = from->spreads[m->n_spreads];
		n = (size_t)s->n_terms * (s->n_terms + 1) / 2;
		covariance = calloc(n ? n : 1, sizeof(*covariance));
		if (!covariance)
			return MN_E_NOMEM;
		if (n)
			memcpy(covariance, s->covariance, n * sizeof(*covariance));
		s->covariance = covariance;
	}
	return 0;
}

struct mn_cost_model *mn_cost_add_model(struct mn_cost_table *table, struct mn_cost_rig *rig,
					const struct mn_cost_model *model)
{
	struct mn_cost_model *models = grown(rig->models, rig->n_models, sizeof(*models)), *m;

	if (!models)
		return NULL;
	rig->models = models;
	m = &models[rig->n_models];
	*m = *model;
	if (keep(table, &m->op) || keep(table, &m->backbone) || keep(table, &m->model) ||
	    keep(table, &m->weighting) || keep(table, &m->validation) ||
	    keep(table, &m->fitted_at) || keep(table, &m->detail) || keep(table, &m->worst_layer))
		return NULL;
	m->spreads = NULL;
	m->n_spreads = 0;
	m->terms = calloc(m->n_terms ? m->n_terms : 1, sizeof(*m->terms));
	if (!m->terms)
		return NULL;
	if (m->n_terms)
		memcpy(m->terms, model->terms, m->n_terms * sizeof(*m->terms));
	if (copy_spreads(m, model)) {
		free_model(m);
		return NULL;
	}
	rig->n_models++;
	return m;
}

struct mn_cost_measured *mn_cost_add_measured(struct mn_cost_table *table, struct mn_cost_rig *rig,
					      const struct mn_cost_measured *measured)
{
	struct mn_cost_measured *all = grown(rig->measured, rig->n_measured, sizeof(*all)), *m;

	if (!all)
		return NULL;
	rig->measured = all;
	m = &all[rig->n_measured];
	*m = *measured;
	if (keep(table, &m->layer) || keep(table, &m->model) || keep(table, &m->backbone) ||
	    keep(table, &m->excluded_latency) || keep(table, &m->excluded_energy) ||
	    keep(table, &m->source) || keep(table, &m->image))
		return NULL;
	rig->n_measured++;
	return m;
}

static int same_purpose(const struct mn_cost_model *a, const struct mn_cost_model *b)
{
	return a->predicts == b->predicts && !strcmp(a->op, b->op) &&
	       !strcmp(a->backbone, b->backbone);
}

void mn_cost_choose(struct mn_cost_table *table)
{
	for (size_t i = 0; i < table->n_rigs; i++) {
		struct mn_cost_rig *rig = &table->rigs[i];

		for (size_t j = 0; j < rig->n_models; j++) {
			struct mn_cost_model *m = &rig->models[j];

			m->preferred = 1;
			for (size_t k = 0; k < rig->n_models && m->preferred; k++) {
				const struct mn_cost_model *o = &rig->models[k];

				/* Of equals the first. */
				if (k != j && same_purpose(m, o) &&
				    (o->mape_pct < m->mape_pct ||
				     (k < j && !(m->mape_pct < o->mape_pct))))
					m->preferred = 0;
			}
		}
	}
}

static const char *const quantities[] = {"latency_ms", "energy_mJ", "power_mW"};

const char *mn_cost_quantity_name(enum mn_cost_quantity quantity)
{
	return quantities[quantity];
}

const char *mn_cost_quantity_unit(enum mn_cost_quantity quantity)
{
	static const char *const units[] = {"ms", "mJ", "mW"};

	return units[quantity];
}

int mn_cost_quantity_parse(const char *name)
{
	for (int i = 0; i < 3; i++)
		if (!strcmp(quantities[i], name))
			return i;
	return MN_E_NOTFOUND;
}

const struct mn_cost_rig *mn_cost_find_rig(const struct mn_cost_table *table, const char *board,
					   const char *kernels, int cold)
{
	for (size_t i = 0; i < table->n_rigs; i++) {
		const struct mn_cost_rig *r = &table->rigs[i];

		if (!strcmp(r->board, board) && r->cold == cold &&
		    (!kernels || !strcmp(r->kernels, kernels)))
			return r;
	}
	return NULL;
}
