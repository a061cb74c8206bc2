/* SPDX-License-Identifier: MIT */
/*
 * cost.layers: layers that libmnchar prices in a second on one core, interval included, against
 * only checking the same layers (mn_layer_check(), which any answer must begin with), in turn, the
 * best of five each. The table has as many terms as one that was fitted from `full`. One JSON line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../unit/cost_util.h"
#include "layer.h"

enum { LAYERS = 4096, ROUNDS = 64, TIMES = 5 };

static struct mnchar_layer layers[LAYERS];
static struct mn_layer inner[LAYERS];

/* Of this thread: other processes on the machine do not count. */
static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The same for mn_layer_check(). */
static void take(const struct mnchar_layer *from, struct mn_layer *to)
{
	mn_layer_init(to, (enum mn_op)from->op);
	to->in = (struct mn_shape){from->in[0], from->in[1], from->in[2], from->in[3]};
	to->in2 = (struct mn_shape){from->in2[0], from->in2[1], from->in2[2], from->in2[3]};
	to->out_c = from->out_channels;
	to->kernel_h = to->kernel_w = (uint16_t)from->kernel[0];
	to->stride_h = (uint16_t)from->stride[0];
	to->stride_w = (uint16_t)from->stride[1];
	to->padding = (uint8_t)from->padding;
	to->axes = (uint8_t)from->axes;
}

int main(void)
{
	struct mnchar_table *table = open_table_of_tree("tests/bench/cost-table.json");
	struct mnchar_predictor *p = NULL;
	double best = 0, best_check = 0, sum = 0;
	uint64_t seed = 7, macs = 0;

	if (mnchar_predictor_new(table, 0, MNCHAR_LATENCY_MS, NULL, &p, NULL))
		return 1;
	for (int i = 0; i < LAYERS;) {
		struct mnchar_cost cost = {.size = sizeof(cost)};

		random_layer(&seed, &layers[i]);
		if (!mnchar_layer_cost(p, &layers[i], &cost, NULL)) {
			take(&layers[i], &inner[i]);
			i++;
		}
	}
	for (int time = 0; time < TIMES; time++) {
		double start = now_s(), rate;

		for (int i = 0; i < LAYERS * ROUNDS; i++) {
			struct mnchar_cost cost = {.size = sizeof(cost)};

			mnchar_layer_cost(p, &layers[i % LAYERS], &cost, NULL);
			sum += cost.hi;
		}
		rate = LAYERS * ROUNDS / (now_s() - start);
		best = rate > best ? rate : best;
		start = now_s();
		for (int i = 0; i < LAYERS * ROUNDS; i++) {
			struct mn_layer_info info = {0};

			mn_layer_check(&inner[i % LAYERS], &info, NULL);
			macs += info.macs;
		}
		rate = LAYERS * ROUNDS / (now_s() - start);
		best_check = rate > best_check ? rate : best_check;
	}
	mnchar_predictor_free(p);
	mnchar_table_free(table);
	printf("{\"name\": \"cost.layers\", \"value\": %.0f, \"unit\": \"layers/s\", "
	       "\"reference\": %.0f, \"ratio\": %.3f, \"reference_is\": \"layers checked/s\"}\n",
	       best, best_check, best / best_check);
	return !(sum > 0 && macs > 0);
}
