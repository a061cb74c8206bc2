/* SPDX-License-Identifier: MIT */
/*
 * Threads on one table and one predictor at once: each gets the bits that one thread alone gets.
 * Compiled with the library's sources under ThreadSanitizer, which fails the program on a race.
 */
#include <pthread.h>
#include <string.h>

#include "cost_util.h"

enum { THREADS = 4, LAYERS = 2000, ROUNDS = 3 };

static struct mnchar_table *table;
static struct mnchar_predictor *predictor;
static struct mnchar_layer layers[LAYERS];

struct answers {
	struct mnchar_cost costs[LAYERS], total;
	double value, d[2 * LAYERS];
	int rc[LAYERS];
};

static void ask(const struct mnchar_predictor *p, struct answers *out)
{
	static const double channels[2] = {10.5, 21.25};

	for (int i = 0; i < LAYERS; i++) {
		out->costs[i].size = sizeof(out->costs[i]);
		out->rc[i] = mnchar_layer_cost(p, &layers[i], &out->costs[i], NULL);
		if (!out->rc[i])
			out->rc[i] = mnchar_program_gradient(p, &layers[i], 1, channels, 4,
							     &out->value, &out->d[2 * i], NULL);
	}
	out->total.size = sizeof(out->total);
	mnchar_program_cost(p, layers, LAYERS, NULL, &out->total, NULL);
}

static void *run(void *arg)
{
	struct answers *out = arg;
	struct mnchar_predictor *own = NULL;

	for (int i = 0; i < ROUNDS; i++)
		ask(predictor, out);
	/* Making one reads the table only. */
	if (mnchar_predictor_new(table, 0, MNCHAR_LATENCY_MS, NULL, &own, NULL))
		return arg;
	ask(own, out);
	mnchar_predictor_free(own);
	return NULL;
}

int main(void)
{
	static struct answers alone, together[THREADS];
	pthread_t threads[THREADS];
	uint64_t seed = 42;
	int failed = 0, valid = 0;
	void *bad;

	for (int i = 0; i < LAYERS; i++)
		random_layer(&seed, &layers[i]);
	table = open_made_up_table();
	if (mnchar_predictor_new(table, 0, MNCHAR_LATENCY_MS, NULL, &predictor, NULL))
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run, &together[i]))
			return 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &bad);
		failed |= bad != NULL;
	}
	ask(predictor, &alone);
	for (int i = 0; i < LAYERS; i++)
		valid += !alone.rc[i];
	for (int i = 0; i < THREADS; i++)
		failed |= memcmp(&alone, &together[i], sizeof(alone)) != 0;
	mnchar_predictor_free(predictor);
	mnchar_table_free(table);
	printf("%d threads, %d layers: %s\n", THREADS, valid, failed ? "they differ" : "the same");
	return failed || valid < LAYERS / 2;
}
