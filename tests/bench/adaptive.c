/* SPDX-License-Identifier: MIT */
/*
 * How few probes a sweep that learns needs. For each seed a fifth of a database's layers is held
 * out; fits/adaptive.h then chooses from the others, a third of them at most, and what it has then
 * is compared, on the layers held out, with a fit on all of the others.
 *
 *     bench_adaptive DB BOARD KERNELS [SEEDS]
 *
 * One JSON line: value is the share of probes it took, ratio the held-out MAPE against that of all
 * probes, both means over the seeds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive.h"
#include "paths.h"
#include "store_read.h"

struct table {
	struct mn_adaptive_item *item;
	double *ms;
	size_t n;
};

struct score {
	double mape, p90;
};

static void *need(void *p)
{
	if (!p) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return p;
}

static void grow(struct table *t, size_t n)
{
	t->item = need(realloc(t->item, n * sizeof(*t->item)));
	t->ms = need(realloc(t->ms, n * sizeof(*t->ms)));
}

static void add(struct table *t, const struct mn_layer *layer, const char *kernels, double ms)
{
	if ((t->n & (t->n - 1)) == 0) /* full: at powers of two */
		grow(t, t->n ? 2 * t->n : 1);
	t->item[t->n] = (struct mn_adaptive_item){*layer, kernels, 0, 1};
	t->ms[t->n++] = ms;
}

static int take(const struct mn_row *row, void *arg)
{
	if (row->layer && row->layer->op != MN_OP_NOP && !row->cold)
		add(arg, row->layer, NULL, row->latency_ms);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct score held_out(const struct mn_adaptive *a, const struct table *t)
{
	double *e = need(malloc((t->n + 1) * sizeof(*e))), sum = 0;
	struct score score = {NAN, NAN};
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		double p = mn_adaptive_predict(a, &t->item[i].layer, 0);

		if (isfinite(p))
			e[n++] = 100 * fabs(p / t->ms[i] - 1);
	}
	for (size_t i = 0; i < n; i++)
		sum += e[i];
	qsort(e, n, sizeof(*e), by_value);
	if (n)
		score = (struct score){sum / (double)n, e[n * 9 / 10]};
	free(e);
	return score;
}

static int is_held_out(const struct mn_layer *layer, uint64_t seed)
{
	uint64_t x = mn_layer_hash(layer) + seed * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (x ^ x >> 31) % 5 == 0;
}

static struct mn_adaptive *new_adaptive(const struct table *pool, uint64_t seed)
{
	const struct mn_adaptive_options options = {
		.target = "latency", .target_p90_pct = 5, .seed = seed};
	struct mn_adaptive *a = NULL;
	struct mn_err err = {0};

	if (mn_adaptive_new(&options, pool->item, pool->n, &a, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	return a;
}

/* Adaptive rounds as `mnchar collect --adaptive --budget pool/3` takes them; the probes used. */
static size_t learn(struct mn_adaptive *a, const struct table *pool, uint32_t *pick)
{
	size_t used = 0, budget = pool->n / 3, round = budget;
	int n;

	while ((n = mn_adaptive_next(a, round, pick, NULL)) > 0) {
		for (int i = 0; i < n; i++)
			mn_adaptive_set(a, pick[i], pool->ms[pick[i]]);
		used += (size_t)n;
		round = used / 4 + 20 < budget - used ? used / 4 + 20 : budget - used;
	}
	return used;
}

int main(int argc, char **argv)
{
	int seeds = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 5;
	struct mn_row_filter filter = {.kind = -1, .latest_only = 1};
	struct table all = {0};
	struct mn_store *store;
	struct mn_err err = {0};
	double share = 0, ratio = 0, ratio90 = 0, full_mape = 0;
	char schema[4096];

	if (argc < 4 || seeds < 1) {
		fprintf(stderr, "usage: %s DB BOARD KERNELS [SEEDS]\n", argv[0]);
		return 64;
	}
	filter.board = argv[2];
	filter.kernels = argv[3];
	if (mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), &err) ||
	    mn_store_open(argv[1], MN_STORE_READ, schema, &store, &err) ||
	    mn_store_each_row(store, &filter, take, &all, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	mn_store_close(store);
	for (int seed = 1; seed <= seeds; seed++) {
		struct table pool = {0}, test = {0};
		struct mn_adaptive *a, *b;
		struct score one, full;
		uint32_t *pick;
		size_t used;

		for (size_t i = 0; i < all.n; i++)
			add(is_held_out(&all.item[i].layer, (uint64_t)seed) ? &test : &pool,
			    &all.item[i].layer, argv[3], all.ms[i]);
		pick = need(malloc((pool.n + 1) * sizeof(*pick)));
		a = new_adaptive(&pool, (uint64_t)seed);
		b = new_adaptive(&pool, (uint64_t)seed);
		for (size_t i = 0; i < pool.n; i++)
			mn_adaptive_set(b, i, pool.ms[i]);
		(void)mn_adaptive_next(b, pool.n, pick, NULL);
		used = learn(a, &pool, pick);
		one = held_out(a, &test);
		full = held_out(b, &test);
		fprintf(stderr,
			"seed %d: %zu of %zu probes, held-out MAPE %.2f %% (all: %.2f %%), p90 "
			"%.2f "
			"%% (all: %.2f %%), %zu layers held out\n",
			seed, used, pool.n, one.mape, full.mape, one.p90, full.p90, test.n);
		share += (double)used / (double)pool.n / seeds;
		ratio += one.mape / full.mape / seeds;
		ratio90 += one.p90 / full.p90 / seeds;
		full_mape += full.mape / seeds;
		mn_adaptive_free(a);
		mn_adaptive_free(b);
		free(pick);
		free(pool.item);
		free(pool.ms);
		free(test.item);
		free(test.ms);
	}
	printf("{\"name\": \"adaptive.probes\", \"value\": %.3f, \"unit\": \"of all probes\", "
	       "\"reference\": %.2f, \"ratio\": %.3f, \"ratio_p90\": %.3f, \"reference_is\": "
	       "\"held-out MAPE in percent of a fit on all probes\"}\n",
	       share, full_mape, ratio, ratio90);
	free(all.item);
	free(all.ms);
	return 0;
}
