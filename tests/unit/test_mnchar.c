/* SPDX-License-Identifier: MIT */
/* libmnchar through its public header; cost.h only says what to expect. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cost.h"
#include "cost_util.h"
#include "mnchar.h"

static struct mnchar_table *table;
static struct mnchar_predictor *latency, *energy;

static int open_table(void **state)
{
	(void)state;
	table = open_made_up_table();
	return mnchar_predictor_new(table, 0, MNCHAR_LATENCY_MS, NULL, &latency, NULL) ||
	       mnchar_predictor_new(table, 0, MNCHAR_ENERGY_MJ, NULL, &energy, NULL);
}

static int close_table(void **state)
{
	(void)state;
	mnchar_predictor_free(latency);
	mnchar_predictor_free(energy);
	mnchar_predictor_free(NULL);
	mnchar_table_free(table);
	mnchar_table_free(NULL);
	return 0;
}

static struct mnchar_layer parsed(const char *text)
{
	struct mnchar_layer layer;
	struct mnchar_error err = {0};

	if (mnchar_layer_parse(text, &layer, sizeof(layer), &err))
		fail_msg("%s: %s", text, err.message);
	return layer;
}

static struct mnchar_cost cost_of(const struct mnchar_predictor *p,
				  const struct mnchar_layer *layer)
{
	struct mnchar_cost cost = {.size = sizeof(cost)};
	struct mnchar_error err = {0};

	if (mnchar_layer_cost(p, layer, &cost, &err))
		fail_msg("%s", err.message);
	return cost;
}

static void assert_close(double a, double b)
{
	if (!(fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)) + 1e-15))
		fail_msg("%.17g is not %.17g", a, b);
}

static void rigs_are_listed_and_found(void **state)
{
	struct mnchar_rig rig = {.size = sizeof(rig)};

	(void)state;
	assert_int_equal(mnchar_interface(), 1);
	assert_string_equal(mnchar_version(), MNCHAR_VERSION);
	assert_int_equal(mnchar_table_rigs(table), 2);
	assert_int_equal(mnchar_table_rig(table, 0, &rig), 0);
	assert_string_equal(rig.kind, "virtual");
	assert_string_equal(rig.board, "test-board");
	assert_string_equal(rig.kernels, "test/1");
	assert_string_equal(rig.cycle_model, "made up");
	assert_string_equal(rig.validation, ""); /* a table from before there was one */
	assert_int_equal(rig.cold, 0);
	assert_true(rig.clock_hz == 180e6);
	assert_int_equal(mnchar_table_rig(table, 2, &rig), MNCHAR_E_NOTFOUND);
	assert_int_equal(mnchar_table_find(table, "test-board-2", NULL, NULL, 1), 1);
	assert_int_equal(mnchar_table_find(table, "test-board-2", NULL, NULL, 0),
			 MNCHAR_E_NOTFOUND);
	assert_int_equal(mnchar_table_find(table, NULL, "test/1", "virtual", 0), 0);
	assert_int_equal(mnchar_table_find(table, NULL, NULL, "measured", 0), MNCHAR_E_NOTFOUND);
}

/* The compiled form against the plain one. */
static void costs_are_those_of_the_table(void **state)
{
	const struct mn_cost_rig *rig = ((const struct mn_cost_table *)table)->rigs;
	uint64_t seed = 20210401;
	size_t valid = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct mnchar_layer layer, again;
		struct mnchar_cost cost = {.size = sizeof(cost)};
		struct mn_cost_value want;
		struct mn_layer inner;
		char text[MN_LAYER_TEXT_MAX];
		struct mnchar_error err = {0};
		int rc;

		random_layer(&seed, &layer);
		rc = mnchar_layer_cost(latency, &layer, &cost, &err);
		if (rc) {
			/* A window larger than a VALID input. */
			assert_int_equal(rc, MNCHAR_E_INVALID);
			assert_non_null(strstr(err.message, "window"));
			continue;
		}
		valid++;
		/* By way of the text, so that both forms are compared too. */
		mn_layer_init(&inner, (enum mn_op)layer.op);
		inner.in = (struct mn_shape){layer.in[0], layer.in[1], layer.in[2], layer.in[3]};
		inner.in2 =
			(struct mn_shape){layer.in2[0], layer.in2[1], layer.in2[2], layer.in2[3]};
		inner.out_c = layer.out_channels;
		inner.kernel_h = (uint16_t)layer.kernel[0];
		inner.kernel_w = (uint16_t)layer.kernel[1];
		inner.stride_h = (uint16_t)layer.stride[0];
		inner.stride_w = (uint16_t)layer.stride[1];
		inner.padding = (uint8_t)layer.padding;
		inner.axes = (uint8_t)layer.axes;
		assert_true(mn_layer_format(&inner, text, sizeof(text)) > 0);
		again = parsed(text);
		assert_memory_equal(&again, &layer, sizeof(layer));
		assert_int_equal(mn_cost_layer(rig, MN_COST_LATENCY_MS, NULL, &inner, &want, NULL),
				 0);
		assert_close(cost.value, want.value);
		assert_int_equal(!(cost.flags & MNCHAR_EXTRAPOLATED), !want.extrapolated);
		assert_true(cost.lo <= cost.value && cost.value <= cost.hi);
		assert_string_equal(cost.model, "features");
	}
	assert_true(valid > 15000);
}

static void a_named_model_is_used_alone(void **state)
{
	struct mnchar_layer layer = parsed("conv_2d in=1x8x8x16 out_c=32 kernel=1x1");
	struct mnchar_layer add = parsed("add in=1x8x8x16 in2=1x8x8x16");
	struct mnchar_predictor *ops = NULL;
	struct mnchar_cost cost = {.size = sizeof(cost)};
	struct mnchar_error err = {0};

	(void)state;
	assert_int_equal(mnchar_predictor_new(table, 0, MNCHAR_LATENCY_MS, "ops", &ops, &err), 0);
	assert_close(cost_of(ops, &layer).value, 4e-6 * 2 * 8 * 8 * 16 * 32);
	assert_int_equal(mnchar_layer_cost(ops, &add, &cost, &err), MNCHAR_E_NOTFOUND);
	assert_int_equal(err.code, MNCHAR_E_NOTFOUND);
	assert_non_null(strstr(err.message, "ops model of latency_ms for add"));
	mnchar_predictor_free(ops);
	ops = NULL;
	assert_int_equal(mnchar_predictor_new(table, 0, MNCHAR_LATENCY_MS, "magic", &ops, &err),
			 MNCHAR_E_NOTFOUND);
	assert_int_equal(mnchar_predictor_new(table, 9, MNCHAR_LATENCY_MS, NULL, &ops, &err),
			 MNCHAR_E_NOTFOUND);
	assert_int_equal(mnchar_predictor_new(table, 0, (enum mnchar_quantity)7, NULL, &ops, &err),
			 MNCHAR_E_INVALID);
	assert_null(ops);
}

/* fully_connected: const, macs, out_elements; the table's covariance is 1e-16 on the diagonal and
 * -2e-17 / (1 + a + b) beside it, sigma 3 %, t95 2. */
static double variance(double layers, double macs, double out)
{
	const double x[3] = {layers, macs, out};
	double sum = 0;

	for (int a = 0; a < 3; a++)
		for (int b = 0; b < 3; b++)
			sum += x[a] * x[b] * (a == b ? 1e-16 : -2e-17 / (1 + a + b));
	return sum;
}

static void intervals_are_of_coefficients_and_scatter(void **state)
{
	struct mnchar_layer layer = parsed("fully_connected in=1x1x1x200 out_c=50");
	struct mnchar_cost cost = cost_of(latency, &layer);
	double value = 4e-4 + 5e-6 * 10000 + 7e-5 * 50, half;

	(void)state;
	half = 2 * sqrt(variance(1, 10000, 50) + 0.03 * 0.03 * value * value);
	assert_close(cost.value, value);
	assert_close(cost.lo, value - half);
	assert_close(cost.hi, value + half);
	assert_close(cost_of(energy, &layer).value, 0.15 * value);
	assert_true(cost.ops == 20000 && cost.ops_covered == 20000);
}

static void a_program_is_the_sum_of_its_layers(void **state)
{
	struct mnchar_layer layers[3] = {
		parsed("fully_connected in=1x1x1x200 out_c=50"),
		parsed("fully_connected in=1x1x1x50 out_c=20"),
		parsed("softmax in=1x1x1x20"),
	};
	struct mnchar_cost costs[3] = {{.size = sizeof(*costs)}};
	struct mnchar_cost total = {.size = sizeof(total)}, single;
	double a, scatter, softmax;

	(void)state;
	assert_int_equal(mnchar_program_cost(latency, layers, 2, costs, &total, NULL), 0);
	for (int i = 0; i < 2; i++) {
		single = cost_of(latency, &layers[i]);
		assert_memory_equal(&single, &costs[i], sizeof(single));
	}
	/* Within a path: features are summed, and so is scatter. */
	a = costs[0].value + costs[1].value;
	scatter = 0.03 * a;
	assert_close(total.value, a);
	assert_close(total.hi - total.value, 2 * sqrt(variance(2, 11000, 70) + scatter * scatter));
	/* Another op is independent. */
	a = total.hi - total.value;
	single = cost_of(latency, &layers[2]);
	softmax = single.hi - single.value;
	assert_int_equal(mnchar_program_cost(latency, layers, 3, NULL, &total, NULL), 0);
	assert_close(total.hi - total.value, sqrt(a * a + softmax * softmax));
	assert_int_equal(total.layers, 3);
	assert_int_equal(total.layers_covered, 3);
	assert_true(total.ops == 22000);
	/* Nothing is a program too. */
	assert_int_equal(mnchar_program_cost(latency, NULL, 0, NULL, &total, NULL), 0);
	assert_true(total.value == 0 && total.layers == 0);
}

/* const 4e-4, 5e-6 a MAC, 2e-6 a byte that a cache of 16 KB fetches again. */
static void a_network_displaces_what_a_layer_finds_alone(void **state)
{
	struct mnchar_layer layers[2] = {
		parsed("fully_connected in=1x1x1x120 out_c=100"),
		parsed("fully_connected in=1x1x1x100 out_c=50"),
	};
	/* Weights, int32 biases; multiplier and shift are one for all. */
	const double first = 12000 + 4 * 100, second = 5000 + 4 * 50;
	struct mnchar_predictor *p = NULL;
	struct mnchar_cost total = {.size = sizeof(total)}, costs[2] = {{.size = sizeof(*costs)}};
	double refill;

	(void)state;
	assert_int_equal(mnchar_predictor_new(table, 1, MNCHAR_LATENCY_MS, NULL, &p, NULL), 0);
	/* Alone: nothing else goes through the cache. */
	assert_int_equal(mnchar_program_cost(p, layers, 1, NULL, &total, NULL), 0);
	assert_true(total.refill == 0);
	assert_close(total.value, cost_of(p, &layers[0]).value);
	assert_close(total.value, 4e-4 + 5e-6 * 12000);
	/* Two: what the other sends through it displaces, line by line. */
	assert_int_equal(mnchar_program_cost(p, layers, 2, costs, &total, NULL), 0);
	refill = 2e-6 * (first * (1 - exp(-(second + 50) / 16384)) +
			 second * (1 - exp(-(first + 100) / 16384)));
	assert_close(total.refill, refill);
	assert_close(total.value, costs[0].value + costs[1].value + refill);
	mnchar_predictor_free(p);
}

static void what_is_not_covered_is_said(void **state)
{
	struct mnchar_layer layers[3] = {
		parsed("fully_connected in=1x1x1x200 out_c=50"),
		parsed("transpose in=1x4x5x6 order=nchw"),
		parsed("conv_2d in=1x8x8x16 out_c=32 kernel=1x1"),
	};
	struct mnchar_cost costs[3] = {{.size = sizeof(*costs)}}, total = {.size = sizeof(total)};
	struct mnchar_error err = {0};

	(void)state;
	assert_int_equal(mnchar_program_cost(latency, layers, 3, costs, &total, &err),
			 MNCHAR_E_NOTFOUND);
	assert_non_null(strstr(err.message, "transpose"));
	assert_int_equal(total.layers, 3);
	assert_int_equal(total.layers_covered, 2);
	assert_true(total.flags & MNCHAR_UNCOVERED);
	assert_int_equal(costs[1].flags, MNCHAR_UNCOVERED);
	assert_true(costs[1].value == 0);
	assert_close(total.value, costs[0].value + costs[2].value);
	/* Energy covers neither. */
	assert_int_equal(mnchar_program_cost(energy, layers + 1, 1, NULL, &total, &err),
			 MNCHAR_E_NOTFOUND);
	assert_int_equal(total.layers_covered, 0);
}

static void sizes_outside_of_the_range_are_flagged(void **state)
{
	struct mnchar_layer in = parsed("add in=1x4x4x4 in2=1x4x4x4");
	struct mnchar_layer out = parsed("add in=1x400x400x4 in2=1x400x400x4");

	(void)state;
	assert_int_equal(cost_of(latency, &in).flags, 0);
	assert_int_equal(cost_of(latency, &out).flags, MNCHAR_EXTRAPOLATED);
}

/* A table without spreads gives values and no intervals. */
static void an_unknown_interval_is_not_a_number(void **state)
{
	struct mnchar_layer layer = parsed("conv_2d in=1x8x8x16 out_c=32 kernel=1x1");
	struct mnchar_predictor *p = NULL;
	struct mnchar_cost total = {.size = sizeof(total)};

	(void)state;
	assert_int_equal(mnchar_predictor_new(table, 1, MNCHAR_LATENCY_MS, NULL, &p, NULL), 0);
	assert_int_equal(mnchar_program_cost(p, &layer, 1, NULL, &total, NULL), 0);
	assert_true(total.value > 0 && isnan(total.lo) && isnan(total.hi));
	assert_true(isnan(cost_of(p, &layer).hi));
	mnchar_predictor_free(p);
}

static void layers_that_make_no_sense_are_refused(void **state)
{
	struct mnchar_layer good = parsed("conv_2d in=1x8x8x16 out_c=32 kernel=1x1"), bad;
	struct mnchar_cost cost = {.size = sizeof(cost)};
	struct mnchar_error err = {0};

	(void)state;
#define REFUSED(change, code)                                                                      \
	do {                                                                                       \
		bad = good;                                                                        \
		change;                                                                            \
		assert_int_equal(mnchar_layer_cost(latency, &bad, &cost, &err), code);             \
		assert_true(err.message[0]);                                                       \
	} while (0)
	REFUSED(bad.op = 0, MNCHAR_E_INVALID);
	REFUSED(bad.op = 99, MNCHAR_E_UNSUPPORTED);
	REFUSED(bad.op = 1000, MNCHAR_E_INVALID);
	REFUSED(bad.kernel[0] = 0, MNCHAR_E_INVALID);
	REFUSED(bad.kernel[0] = 65537, MNCHAR_E_INVALID);
	REFUSED(bad.pad[0][0] = 1, MNCHAR_E_INVALID);
	REFUSED(bad.axes = 2, MNCHAR_E_INVALID);
	REFUSED(bad.in[1] = 1u << 31, MNCHAR_E_OVERFLOW);
	REFUSED(bad.size = 8, MNCHAR_E_INVALID);
	REFUSED(cost.size = 8, MNCHAR_E_INVALID);
	assert_int_equal(mnchar_layer_init(&bad, sizeof(bad), 0), MNCHAR_E_UNSUPPORTED);
	assert_int_equal(mnchar_layer_init(&bad, sizeof(bad), 99), MNCHAR_E_UNSUPPORTED);
	assert_int_equal(mnchar_layer_init(&bad, 8, MNCHAR_ADD), MNCHAR_E_INVALID);
	assert_int_equal(mnchar_layer_parse("conv_2d in=", &bad, sizeof(bad), &err),
			 MNCHAR_E_SYNTAX);
	assert_non_null(strstr(err.message, "column"));
	assert_int_equal(mnchar_layer_parse("null", &bad, sizeof(bad), &err), MNCHAR_E_UNSUPPORTED);
	assert_int_equal(mnchar_op_parse("conv_2d"), MNCHAR_CONV_2D);
	assert_int_equal(mnchar_op_parse("nothing"), MNCHAR_E_NOTFOUND);
	assert_string_equal(mnchar_op_name(MNCHAR_TRANSPOSE), "transpose");
	assert_string_equal(mnchar_op_name(-1), "?");
}

/* A caller that was compiled with a later header, whose structs have grown. */
static void larger_structs_of_later_headers_work(void **state)
{
	struct {
		struct mnchar_layer layer;
		uint32_t later[3];
	} layers[2] = {{.layer = parsed("conv_2d in=1x8x8x16 out_c=32 kernel=1x1")},
		       {.layer = parsed("add in=1x4x4x4 in2=1x4x4x4")}};
	struct {
		struct mnchar_cost cost;
		double later;
	} costs[2] = {{.cost.size = sizeof(*costs), .later = 7}, {.later = 8}},
	  total = {.cost.size = sizeof(total), .later = 9};
	struct mnchar_cost one = cost_of(latency, &layers[1].layer);
	struct mnchar_error err = {0};

	(void)state;
	layers[0].layer.size = layers[1].layer.size = sizeof(*layers);
	assert_int_equal(mnchar_program_cost(latency, &layers[0].layer, 2, &costs[0].cost,
					     &total.cost, &err),
			 0);
	assert_true(costs[1].cost.value == one.value);
	assert_int_equal(costs[1].cost.size, sizeof(*costs));
	assert_true(costs[0].later == 7 && costs[1].later == 8 && total.later == 9);
	/* What this library does not know must not be in use. */
	layers[0].later[2] = 1;
	assert_int_equal(mnchar_layer_cost(latency, &layers[0].layer, &costs[0].cost, &err),
			 MNCHAR_E_UNSUPPORTED);
}

static struct mnchar_gradient gradient_of(const struct mnchar_predictor *p,
					  const struct mnchar_layer *layer, double in, double out,
					  uint32_t step)
{
	struct mnchar_gradient g = {.size = sizeof(g)};
	struct mnchar_error err = {0};

	if (mnchar_layer_gradient(p, layer, in, out, step, &g, &err))
		fail_msg("%s", err.message);
	return g;
}

/* How far x is inside its cell, so that a difference stays in it. */
static double inside(uint64_t *seed, uint32_t cell, uint32_t step)
{
	double lo = cell ? (double)cell * step : 1, hi = ((double)cell + 1) * step;

	return lo + (hi - lo) * (0.1 + 0.8 * draw(seed, 1000) / 1000.0);
}

static void gradients_are_the_slopes_of_the_relaxed_cost(void **state)
{
	static const uint32_t steps[] = {1, 4, 8, 16};
	const struct mnchar_predictor *const predictors[] = {latency, energy};
	uint64_t seed = 1886;
	size_t n = 0, slopes = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		const struct mnchar_predictor *p = predictors[i % 2];
		uint32_t step = steps[draw(&seed, 4)];
		struct mnchar_cost cost = {.size = sizeof(cost)};
		struct mnchar_layer layer;
		struct mnchar_gradient g;
		double in, out, h = 0.05, d_in, d_out;

		random_layer(&seed, &layer);
		if (mnchar_layer_cost(p, &layer, &cost, NULL))
			continue;
		n++;
		in = inside(&seed, draw(&seed, 6) + (step == 1), step);
		out = inside(&seed, draw(&seed, 6) + (step == 1), step);
		g = gradient_of(p, &layer, in, out, step);
		d_in = gradient_of(p, &layer, in + h, out, step).value -
		       gradient_of(p, &layer, in - h, out, step).value;
		d_out = gradient_of(p, &layer, in, out + h, step).value -
			gradient_of(p, &layer, in, out - h, step).value;
		if (fabs(d_in / (2 * h) - g.d_in) > 1e-9 * (1 + fabs(g.d_in)) ||
		    fabs(d_out / (2 * h) - g.d_out) > 1e-9 * (1 + fabs(g.d_out)))
			fail_msg("%s, step %u, %g, %g: %g %g, not %g %g",
				 mnchar_op_name((int)layer.op), (unsigned)step, in, out, g.d_in,
				 g.d_out, d_in / (2 * h), d_out / (2 * h));
		slopes += g.d_in != 0;
		/* Where a search may stop, the relaxed cost is the cost. */
		layer.in[3] = step * (1 + draw(&seed, 5));
		if (layer.op == MNCHAR_ADD)
			layer.in2[3] = layer.in[3];
		if (layer.out_channels)
			layer.out_channels = step * (1 + draw(&seed, 5));
		g = gradient_of(p, &layer, layer.in[3], layer.out_channels ? layer.out_channels : 1,
				step);
		assert_close(g.value, cost_of(p, &layer).value);
	}
	assert_true(n > 5000 && slopes > n / 2);
}

/* What follows from the channels: by hand, two costs and their difference. */
static void channels_are_followed_through_every_op(void **state)
{
	static const struct {
		const char *layer, *wider;
		double in;
	} cases[] = {
		{"depthwise_conv_2d in=1x8x8x16 kernel=3x3 multiplier=2 padding=same",
		 "depthwise_conv_2d in=1x8x8x20 kernel=3x3 multiplier=2 padding=same", 16},
		{"mul in=1x8x8x16 in2=1x1x1x16", "mul in=1x8x8x20 in2=1x1x1x20", 16},
		{"mul in=1x8x8x16 in2=1x8x8x1", "mul in=1x8x8x20 in2=1x8x8x1", 16},
		{"mul in=1x8x8x1 in2=1x1x1x16", "mul in=1x8x8x1 in2=1x1x1x20", 16},
		{"pad in=1x8x8x16 pads=0,0,1,1,1,1,0,0", "pad in=1x8x8x20 pads=0,0,1,1,1,1,0,0",
		 16},
		{"concatenation in=1x8x8x16 pads=0,0,0,0,0,0,16,8",
		 "concatenation in=1x8x8x20 pads=0,0,0,0,0,0,16,8", 16},
		{"reshape in=1x2x2x16 shape=1x1x1x64", "reshape in=1x2x2x20 shape=1x1x1x80", 16},
		{"reshape in=1x1x1x16 shape=1x4x4x1", "reshape in=1x1x1x20 shape=1x1x1x20", 16},
		{"strided_slice in=1x9x9x16 shape=1x4x3x16 begin=0,1,0,0 steps=1,2,2,1",
		 "strided_slice in=1x9x9x20 shape=1x4x3x20 begin=0,1,0,0 steps=1,2,2,1", 16},
		{"strided_slice in=1x9x9x16 shape=1x9x9x8 begin=0,0,0,8",
		 "strided_slice in=1x9x9x16 shape=1x9x9x8 begin=0,0,0,8", 16},
		{"resize_nearest_neighbor in=1x4x4x16 shape=1x8x8x16",
		 "resize_nearest_neighbor in=1x4x4x20 shape=1x8x8x20", 16},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mnchar_layer a = parsed(cases[i].layer), b = parsed(cases[i].wider);
		struct mnchar_gradient g = gradient_of(latency, &a, cases[i].in, 1, 4);

		assert_close(g.value, cost_of(latency, &a).value);
		if (fabs(g.d_in - (cost_of(latency, &b).value - g.value) / 4) > 1e-12)
			fail_msg("%s: %g", cases[i].layer, g.d_in);
		assert_true(g.d_out == 0);
	}
}

static void a_program_has_the_gradients_of_its_layers(void **state)
{
	struct mnchar_layer layers[2] = {
		parsed("conv_2d in=1x8x8x16 out_c=32 kernel=1x1"),
		parsed("depthwise_conv_2d in=1x8x8x32 kernel=3x3 padding=same"),
	};
	const double channels[4] = {16, 33.5, 33.5, 0};
	double value, d[4];
	struct mnchar_error err = {0};
	struct mnchar_gradient g[2];

	(void)state;
	assert_int_equal(mnchar_program_gradient(latency, layers, 2, channels, 8, &value, d, &err),
			 0);
	g[0] = gradient_of(latency, &layers[0], 16, 33.5, 8);
	g[1] = gradient_of(latency, &layers[1], 33.5, 1, 8);
	assert_close(value, g[0].value + g[1].value);
	assert_true(d[0] == g[0].d_in && d[1] == g[0].d_out && d[2] == g[1].d_in && d[3] == 0);
	assert_int_equal(mnchar_program_gradient(latency, layers, 2, (double[4]){0.5, 1, 1, 1}, 8,
						 &value, d, &err),
			 MNCHAR_E_INVALID);
	assert_int_equal(mnchar_program_gradient(latency, layers, 2, channels, 0, &value, d, &err),
			 MNCHAR_E_INVALID);
	assert_int_equal(mnchar_program_gradient(latency, layers, 2, (double[4]){NAN, 1, 1, 1}, 8,
						 &value, d, &err),
			 MNCHAR_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rigs_are_listed_and_found),
		cmocka_unit_test(costs_are_those_of_the_table),
		cmocka_unit_test(a_named_model_is_used_alone),
		cmocka_unit_test(intervals_are_of_coefficients_and_scatter),
		cmocka_unit_test(a_program_is_the_sum_of_its_layers),
		cmocka_unit_test(a_network_displaces_what_a_layer_finds_alone),
		cmocka_unit_test(what_is_not_covered_is_said),
		cmocka_unit_test(sizes_outside_of_the_range_are_flagged),
		cmocka_unit_test(an_unknown_interval_is_not_a_number),
		cmocka_unit_test(layers_that_make_no_sense_are_refused),
		cmocka_unit_test(larger_structs_of_later_headers_work),
		cmocka_unit_test(gradients_are_the_slopes_of_the_relaxed_cost),
		cmocka_unit_test(channels_are_followed_through_every_op),
		cmocka_unit_test(a_program_has_the_gradients_of_its_layers),
	};

	return cmocka_run_group_tests(tests, open_table, close_table);
}
