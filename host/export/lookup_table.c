/* SPDX-License-Identifier: MIT */
#include "lookup_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int has_layer_models(const struct mn_cost_rig *r)
{
	for (size_t i = 0; i < r->n_models; i++)
		if (r->models[i].predicts == MN_COST_LATENCY_MS &&
		    strcmp(r->models[i].op, "model") != 0)
			return !r->cold;
	return 0;
}

static int only_rig(const struct mn_cost_table *t, size_t *ret_rig, struct mn_err *err)
{
	char names[256] = "";
	size_t n = 0, at = 0;

	for (size_t i = 0; i < t->n_rigs; i++) {
		if (!has_layer_models(&t->rigs[i]))
			continue;
		*ret_rig = i;
		n++;
		if (at < sizeof(names))
			at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s with %s (%s)",
					       at ? ", " : "", t->rigs[i].board, t->rigs[i].kernels,
					       t->rigs[i].kind);
	}
	if (n == 1)
		return 0;
	if (n == 0)
		return mn_err_set(err, MN_E_NOTFOUND,
				  "there are no cost models of layers: run `mnchar fit` first");
	return mn_err_set(err, MN_E_INVALID,
			  "a lookup table is of one board and kernel set; there are %s: say which "
			  "with --board, --kernels and --kind",
			  names);
}

static int price(const struct mnchar_predictor *latency, const struct mnchar_predictor *energy,
		 const struct mn_block *block, struct mn_lookup_entry *e, struct mn_err *err)
{
	struct mnchar_cost cost = {.size = sizeof(cost)};
	struct mnchar_error why;
	int rc = mnchar_program_cost(latency, block->layers, block->n, NULL, &cost, &why);

	if (rc)
		return mn_err_set(err, rc, "%s: %s", e->key, why.message);
	e->latency_ms = cost.value;
	/* 95 % of a normal distribution are 1.96 deviations to either side. */
	e->latency_std_ms = (cost.hi - cost.value) / 1.96;
	e->flags = cost.flags;
	rc = mnchar_program_cost(energy, block->layers, block->n, NULL, &cost, &why);
	e->energy_mJ = rc ? NAN : cost.value;
	return 0;
}

static int add(struct mn_lookup *l, const char *key, size_t len, struct mn_lookup_entry **ret)
{
	struct mn_lookup_entry *more;

	for (size_t i = 0; i < l->n; i++)
		if (strlen(l->entries[i].key) == len && !memcmp(l->entries[i].key, key, len))
			return MN_E_EXISTS;
	more = realloc(l->entries, (l->n + 1) * sizeof(*more));
	if (!more)
		return MN_E_NOMEM;
	l->entries = more;
	more[l->n] = (struct mn_lookup_entry){.key = strndup(key, len)};
	if (!more[l->n].key)
		return MN_E_NOMEM;
	*ret = &more[l->n++];
	return 0;
}

/* The word that may be a key: the first of a line, without quotes and what ends it in YAML, JSON or
 * Python. */
static size_t word(const char *line, size_t len, const char **ret)
{
	size_t i = 0, n;

	while (i < len && strchr(" \t\"'{,?", line[i]) && line[i])
		i++;
	for (n = i; n < len && line[n] && !strchr(" \t\r\"',{}", line[n]);)
		n++;
	while (n > i && line[n - 1] == ':')
		n--;
	*ret = line + i;
	return n - i;
}

static int price_all(const struct mnchar_predictor *latency, const struct mnchar_predictor *energy,
		     const char *text, size_t len, const struct mn_block_options *options,
		     struct mn_lookup *l, struct mn_err *err)
{
	const char *end = text + len, *line = text, *key = NULL;
	size_t number = 1;

	for (; line < end; number++) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t n = word(line, (size_t)((stop ? stop : end) - line), &key);
		struct mn_lookup_entry *e = NULL;
		struct mn_block block;
		int rc = mn_block_parse(key, n, options, &block, err);

		if (!rc)
			rc = add(l, key, n, &e);
		if (!rc)
			rc = price(latency, energy, &block, e, err);
		if (rc == MN_E_NOMEM)
			return mn_err_set(err, rc, "out of memory");
		if (rc && rc != MN_E_EXISTS && !(rc == MN_E_NOTFOUND && !e))
			return mn_err_prefix(err, rc, "line %zu: ", number);
		line = stop ? stop + 1 : end;
	}
	return l->n ? 0 : mn_err_set(err, MN_E_NOTFOUND, "there is no key of this format in it");
}

int mn_lookup_make(const struct mn_cost_table *table, const char *text, size_t len,
		   const struct mn_block_options *options, struct mn_lookup **ret_lookup,
		   struct mn_err *err)
{
	const struct mnchar_table *public = (const struct mnchar_table *)table;
	struct mnchar_predictor *latency = NULL, *energy = NULL;
	struct mn_lookup *l = calloc(1, sizeof(*l));
	size_t rig = 0;
	int rc = l ? only_rig(table, &rig, err) : mn_err_set(err, MN_E_NOMEM, "out of memory");

	if (!rc) {
		l->rig.size = sizeof(l->rig);
		rc = mnchar_table_rig(public, rig, &l->rig);
	}
	if (!rc && (mnchar_predictor_new(public, rig, MNCHAR_LATENCY_MS, NULL, &latency, NULL) ||
		    mnchar_predictor_new(public, rig, MNCHAR_ENERGY_MJ, NULL, &energy, NULL)))
		rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
	if (!rc)
		rc = price_all(latency, energy, text, len, options, l, err);
	mnchar_predictor_free(latency);
	mnchar_predictor_free(energy);
	if (rc)
		mn_lookup_free(l);
	else
		*ret_lookup = l;
	return rc;
}

void mn_lookup_free(struct mn_lookup *lookup)
{
	if (!lookup)
		return;
	for (size_t i = 0; i < lookup->n; i++)
		free(lookup->entries[i].key);
	free(lookup->entries);
	free(lookup);
}
