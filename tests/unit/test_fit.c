/* SPDX-License-Identifier: MIT */
#include "fits_util.h"

#include <math.h>

#include "fit.h"
#include "import.h"

/* Copies of the fits of a run. */
struct kept {
	struct mn_fit fit;
	struct mn_fit_term terms[64];
	char board[64], kernels[64], op[32], backbone[32], model[32], target[16], status[32];
	char detail[1024], worst[256], validation[64], paths[64];
};

struct fits {
	struct kept all[256];
	size_t n;
};

static int keep(const struct mn_fit *fit, void *arg)
{
	struct fits *f = arg;
	struct kept *k = &f->all[f->n++];

	assert_true(f->n <= 256);
	k->fit = *fit;
	for (uint32_t i = 0; i < fit->n_terms; i++)
		k->terms[i] = fit->terms[i];
	snprintf(k->board, sizeof(k->board), "%s", fit->board);
	snprintf(k->kernels, sizeof(k->kernels), "%s", fit->kernels);
	snprintf(k->op, sizeof(k->op), "%s", fit->op);
	snprintf(k->backbone, sizeof(k->backbone), "%s", fit->backbone);
	snprintf(k->model, sizeof(k->model), "%s", fit->model);
	snprintf(k->target, sizeof(k->target), "%s", fit->target);
	snprintf(k->status, sizeof(k->status), "%s", fit->status);
	snprintf(k->detail, sizeof(k->detail), "%s", fit->detail);
	snprintf(k->paths, sizeof(k->paths), "%s", fit->paths);
	snprintf(k->worst, sizeof(k->worst), "%s", fit->worst_layer);
	snprintf(k->validation, sizeof(k->validation), "%s", fit->validation);
	return 0;
}

static const struct mn_fit_options standard = {.seed = 1};

/* A standard normal figure, by Box and Muller; xorshift. */
static double normal(uint64_t *seed)
{
	double u[2];

	for (int i = 0; i < 2; i++) {
		*seed ^= *seed << 13;
		*seed ^= *seed >> 7;
		*seed ^= *seed << 17;
		u[i] = ((double)(*seed >> 11) + 0.5) * 0x1p-53;
	}
	return sqrt(-2 * log(u[0])) * cos(6.283185307179586 * u[1]);
}

/* Rows that were not fitted, against the intervals of the stored fit. */
struct judging {
	struct mn_layer *layers;
	double *ms;
	int n, inside, judged;
};

static int judge(const struct mn_fit *fit, void *arg)
{
	struct judging *j = arg;

	if (strcmp(fit->model, "features") || strcmp(fit->target, "latency"))
		return 0;
	assert_in_range(fit->coverage_pct, 93, 97);
	assert_true(fit->by_size_pct > 0 && fit->by_size_pct < 10);
	assert_true(fit->by_channels_pct > 0 && fit->by_channels_pct < 10);
	assert_int_equal(fit->bootstrap, 50);
	for (uint32_t t = 0; t < fit->n_terms; t++)
		assert_true(fit->terms[t].boot_lo <= fit->terms[t].boot_hi);
	for (int i = 0; i < j->n; i++) {
		const char *path = mn_path_of(&j->layers[i]) & MN_PATH_1X1 ? "1x1" : "any";
		double x[MN_FEATURE_COUNT], value, lo, hi;
		struct mn_layer_info info;
		uint32_t n = 0;

		mn_layer_check(&j->layers[i], &info, NULL);
		for (uint32_t t = 0; t < fit->n_terms; t++)
			if (!strcmp(fit->terms[t].path, path))
				x[n++] = (double)mn_feature_value(
					(enum mn_feature)mn_feature_parse(fit->terms[t].name),
					&j->layers[i], &info);
		assert_int_equal(mn_fit_interval(fit, path, x, &value, &lo, &hi), 0);
		j->inside += lo <= j->ms[i] && j->ms[i] <= hi;
		j->judged++;
	}
	return 0;
}

/* From the database and back: 95 of 100 new layers lie in the interval that was stored. */
static void stored_intervals_cover_as_they_say(void **state)
{
	enum { ROWS = 600 };
	const struct mn_fit_options with_bootstrap = {.seed = 1, .bootstrap = 50};
	struct judging j = {.layers = calloc(ROWS * 6, sizeof(*j.layers)),
			    .ms = calloc(ROWS * 6, sizeof(*j.ms))};
	uint64_t seed = 88172645463325252u;

	(void)state;
	assert_true(j.layers && j.ms);
	for (int run = 0; run < 5; run++) {
		struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
		struct planted p = planted_default();
		int64_t session = planted_session(store, &p);
		struct mn_err err = {0};

		assert_int_equal(mn_store_begin(store, NULL), 0);
		j.n = 0;
		for (int i = 0; i < 2 * ROWS; i++) {
			char text[MN_LAYER_TEXT_MAX];
			double cycles;

			snprintf(text, sizeof(text),
				 "conv_2d in=1x%dx%dx%d out_c=%d kernel=%dx%d padding=same",
				 1 + i % 12, 1 + i / 7 % 9, 1 + i % 31, 1 + i / 3 % 23,
				 i % 3 ? 3 : 1, i % 3 ? 3 : 1);
			cycles = planted_cycles(&p, text) * (1 + 0.05 * normal(&seed));
			if (i % 2) {
				put_cycles(store, &p, session, text, cycles);
			} else {
				j.layers[j.n] = test_layer(text);
				j.ms[j.n++] = MS(cycles);
			}
		}
		assert_int_equal(mn_store_commit(store, NULL), 0);
		if (mn_fit_run(store, &with_bootstrap, NULL, NULL, NULL, &err))
			fail_msg("%s", err.msg);
		assert_int_equal(mn_store_each_fit(store, NULL, judge, &j, NULL), 0);
		mn_store_close(store);
		unlink(in_scratch("a.db"));
	}
	print_message("%d of %d\n", j.inside, j.judged);
	assert_int_equal(j.judged, 5 * ROWS);
	assert_in_range(1000 * j.inside / j.judged, 930, 970);
	free(j.layers);
	free(j.ms);
}

static struct fits *run(struct mn_store *store)
{
	struct fits *f = calloc(1, sizeof(*f));
	struct mn_err err = {0};

	assert_non_null(f);
	if (mn_fit_run(store, &standard, keep, f, NULL, &err))
		fail_msg("%s", err.msg);
	return f;
}

/* Two boards, the second twice as slow, and one of them on silicon: pooled only if asked, and then
 * with a factor. */
static void rigs_are_pooled_only_if_asked(void **state)
{
	const struct mn_fit_options pool = {.seed = 1, .pool = 1, .dry_run = 1};
	const struct mn_fit_options stored = {.seed = 1, .pool = 1};
	struct mn_store *store = open_or_die(in_scratch("pool.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	struct fits *f;
	struct mn_err err = {0};
	int pooled = 0;

	(void)state;
	put_convolutions(store, &p, 60);
	p.board = "nucleo-f446re";
	p.kind = MN_KIND_MEASURED;
	p.scale = 2;
	put_convolutions(store, &p, 60);
	f = run(store);
	for (size_t i = 0; i < f->n; i++)
		assert_true(f->all[i].fit.n == 60 && strcmp(f->all[i].board, "pooled"));
	free(f);
	f = calloc(1, sizeof(*f));
	assert_non_null(f);
	if (mn_fit_run(store, &pool, keep, f, NULL, &err))
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < f->n; i++) {
		const struct kept *k = &f->all[i];

		if (strcmp(k->model, "features") || strcmp(k->target, "latency"))
			continue;
		pooled++;
		assert_string_equal(k->board, "pooled");
		assert_int_equal(k->fit.n, 120);
		assert_true(k->fit.worst_pct < 0.1);
		assert_non_null(strstr(k->detail, "rig factor 1: measured nucleo-f446re"));
		assert_non_null(strstr(k->detail, "rig factor 0.5: virtual virtual-f446re"));
	}
	assert_int_equal(pooled, 1);
	free(f);
	assert_int_equal(mn_fit_run(store, &stored, NULL, NULL, NULL, &err), MN_E_INVALID);
	mn_store_close(store);
}

/* Kernel set that find() looks at; NULL: any. */
static const char *only_kernels;

/* The one fit of that op (or backbone), model and target; fails if it is not exactly one. */
static const struct kept *find(const struct fits *f, const char *board, const char *op,
			       const char *model, const char *target)
{
	const struct kept *found = NULL;

	for (size_t i = 0; i < f->n; i++) {
		const struct kept *k = &f->all[i];

		if (strcmp(k->board, board) || strcmp(k->backbone[0] ? k->backbone : k->op, op) ||
		    strcmp(k->model, model) || strcmp(k->target, target) ||
		    (only_kernels && strcmp(k->kernels, only_kernels)))
			continue;
		if (found)
			fail_msg("two fits of %s %s %s", op, model, target);
		found = k;
	}
	if (!found)
		fail_msg("no fit of %s %s %s %s", board, op, model, target);
	return found;
}

static double term(const struct kept *k, const char *name)
{
	for (uint32_t i = 0; i < k->fit.n_terms; i++)
		if (!strcmp(k->terms[i].name, name))
			return k->terms[i].value;
	return NAN;
}

static void assert_ok(const struct kept *k)
{
	if (strcmp(k->status, "ok"))
		fail_msg("%s %s: %s: %s", k->op, k->model, k->status, k->detail);
}

static void assert_close(double got, double want, double relative)
{
	if (!(fabs(got - want) <= relative * fabs(want)))
		fail_msg("%.17g is not %.17g to %g", got, want, relative);
}

#define BOARD "virtual-f446re"

static void planted_costs_come_back(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	const struct kept *k;
	struct fits *f;

	(void)state;
	put_convolutions(store, &p, 60);
	f = run(store);
	k = find(f, BOARD, "conv_2d", "features", "latency");
	assert_ok(k);
	assert_close(term(k, "macs"), MS(CYCLES_PER_MAC), 1e-8);
	assert_close(term(k, "out_elements"), MS(CYCLES_PER_OUT), 1e-8);
	/* Planted on copied elements as on padding. */
	assert_close(term(k, "copy_elements"), MS(CYCLES_PER_COL), 1e-6);
	assert_close(term(k, "pad_elements"), MS(CYCLES_PER_COL), 1e-6);
	assert_string_equal(k->paths, "1x1,any");
	assert_close(term(k, "const"), MS(CYCLES_FIXED), 1e-8);
	assert_int_equal(k->fit.n, 60);
	assert_true(k->fit.mape_pct < 1e-6 && k->fit.within5_pct == 100);
	assert_string_equal(k->validation, "10-fold seed 1");
	assert_string_equal(k->fit.unit, "ms");
	assert_string_equal(k->detail, "");
	/* The proxy is worse, and says which layer it is worst for. */
	k = find(f, BOARD, "conv_2d", "ops", "latency");
	assert_ok(k);
	assert_true(k->fit.mape_pct > 5 && k->fit.worst_pct > k->fit.mape_pct);
	assert_int_equal(strncmp(k->worst, "conv_2d in=1x", 13), 0);
	/* 8 x 7 x 2 x 2 MACs at least. */
	assert_true(k->fit.range_min >= 2 * 12 && k->fit.range_max > k->fit.range_min);
	/* No energy was measured: nothing is said about it. */
	for (size_t i = 0; i < f->n; i++)
		assert_string_equal(f->all[i].target, "latency");
	free(f);
	mn_store_close(store);
}

static void a_fit_repeats_to_the_bit(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("b.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	struct fits *f, *g, *stored = calloc(1, sizeof(*stored));

	(void)state;
	p.energy_nJ = 2;
	put_convolutions(store, &p, 41);
	f = run(store);
	g = run(store);
	assert_non_null(stored);
	assert_int_equal(mn_store_each_fit(store, NULL, keep, stored, NULL), 0);
	/* Replaced, not added; and what is stored is what was computed. */
	assert_int_equal(f->n, g->n);
	assert_int_equal(f->n, stored->n);
	for (size_t i = 0; i < f->n; i++) {
		const struct kept *a = &f->all[i], *b = &g->all[i];
		const struct kept *c = find(stored, a->board, a->op, a->model, a->target);

		assert_int_equal(a->fit.n_terms, b->fit.n_terms);
		assert_int_equal(a->fit.n_terms, c->fit.n_terms);
		for (uint32_t j = 0; j < a->fit.n_terms; j++) {
			assert_memory_equal(&a->terms[j].value, &b->terms[j].value, 8);
			assert_memory_equal(&a->terms[j].ci95_lo, &b->terms[j].ci95_lo, 8);
			assert_memory_equal(&a->terms[j].value, &c->terms[j].value, 8);
			assert_memory_equal(&a->terms[j].ci95_hi, &c->terms[j].ci95_hi, 8);
		}
		assert_memory_equal(&a->fit.mape_pct, &b->fit.mape_pct, 8);
		assert_memory_equal(&a->fit.mape_pct, &c->fit.mape_pct, 8);
		assert_string_equal(a->worst, c->worst);
		assert_string_equal(a->detail, c->detail);
	}
	mn_store_close(store);
	/* Every fit names its inputs. */
	assert_int_equal(sql_file(in_scratch("b.db"),
				  "SELECT count(*) FROM fit WHERE n <> (SELECT count(*) FROM "
				  "fit_input WHERE fit_id = fit.id)"),
			 0);
	assert_int_equal(sql_file(in_scratch("b.db"), "SELECT min(n) FROM fit"), 41);
	free(f);
	free(g);
	free(stored);
}

static void models_come_by_error_if_asked(void **state)
{
	const struct mn_fit_options options = {.seed = 1, .dry_run = 1, .by_error = 1};
	struct mn_store *store = open_or_die(in_scratch("x.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	struct fits *f = calloc(1, sizeof(*f));

	(void)state;
	assert_non_null(f);
	put_convolutions(store, &p, 60);
	assert_int_equal(mn_fit_run(store, &options, keep, f, NULL, NULL), 0);
	assert_int_equal(f->n, 3);
	assert_string_equal(f->all[0].model, "features");
	assert_true(f->all[0].fit.mape_pct < f->all[1].fit.mape_pct);
	assert_true(f->all[1].fit.mape_pct < f->all[2].fit.mape_pct);
	free(f);
	mn_store_close(store);
}

static void energy_and_power_have_fits_of_their_own(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("c.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	const struct kept *k;
	struct fits *f;

	(void)state;
	p.energy_nJ = 2;
	put_convolutions(store, &p, 60);
	f = run(store);
	k = find(f, BOARD, "conv_2d", "features", "energy");
	assert_ok(k);
	assert_string_equal(k->fit.unit, "mJ");
	assert_close(term(k, "macs"), CYCLES_PER_MAC * 2e-6, 1e-8);
	/* 2 nJ a cycle at 180 MHz */
	k = find(f, BOARD, "conv_2d", "mean", "power");
	assert_ok(k);
	assert_string_equal(k->fit.unit, "mW");
	assert_close(term(k, "const"), 360, 1e-8);
	assert_true(fabs(k->fit.std_pct) < 1e-6 && isnan(k->fit.r2));
	free(f);
	mn_store_close(store);
}

static void what_differs_is_not_pooled(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("d.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	size_t n = 0;
	struct fits *f;

	(void)state;
	/* The same layers at costs that no common coefficient fits. */
	put_convolutions(store, &p, 30);
	p.kernels = "mnchar-dsp 1";
	p.scale = 2;
	put_convolutions(store, &p, 30);
	p.cold = 1;
	p.scale = 3;
	put_convolutions(store, &p, 30);
	p.cold = 0;
	p.board = "virtual-f746zg";
	p.scale = 4;
	put_convolutions(store, &p, 30);
	p.kind = MN_KIND_MEASURED;
	p.scale = 5;
	put_convolutions(store, &p, 30);
	f = run(store);
	for (size_t i = 0; i < f->n; i++) {
		const struct kept *k = &f->all[i];
		double want;

		if (strcmp(k->model, "features"))
			continue;
		assert_ok(k);
		want = k->fit.kind == MN_KIND_MEASURED       ? 5
		       : !strcmp(k->board, "virtual-f746zg") ? 4
		       : k->fit.cold                         ? 3
		       : !strcmp(k->kernels, "mnchar-dsp 1") ? 2
							     : 1;
		assert_close(term(k, "macs"), want * MS(CYCLES_PER_MAC), 1e-8);
		assert_int_equal(k->fit.n, 30);
		n++;
	}
	assert_int_equal(n, 5);
	free(f);
	mn_store_close(store);
}

static void only_the_newest_image_counts(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("e.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	const struct kept *k;
	struct fits *f;

	(void)state;
	put_convolutions(store, &p, 50);
	/* A faster image, which has done only part of the sweep so far. */
	p.image = "image-b";
	p.scale = 0.5;
	put_convolutions(store, &p, 30);
	f = run(store);
	k = find(f, BOARD, "conv_2d", "features", "latency");
	assert_ok(k);
	assert_int_equal(k->fit.n, 30);
	assert_int_equal(k->fit.n_excluded, 20);
	assert_close(term(k, "macs"), 0.5 * MS(CYCLES_PER_MAC), 1e-8);
	assert_non_null(strstr(k->detail, "20 rows of an older image"));
	free(f);
	/* So does a clock that is set elsewhere. */
	p.clock_hz = 90000000;
	p.image = "image-b";
	put_convolutions(store, &p, 10);
	f = run(store);
	k = find(f, BOARD, "conv_2d", "features", "latency");
	assert_int_equal(k->fit.n, 10);
	assert_int_equal(k->fit.n_excluded, 50);
	free(f);
	mn_store_close(store);
}

static void refusals_are_stored_with_a_sentence(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("f.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	const struct kept *k;
	int64_t session;
	char text[MN_LAYER_TEXT_MAX];
	struct fits *f;

	(void)state;
	session = planted_session(store, &p);
	/* Three layers. */
	for (int i = 1; i <= 3; i++) {
		snprintf(text, sizeof(text), "fully_connected in=1x1x1x%d out_c=%d", 8 * i, i * i);
		put_cycles(store, &p, session, text, planted_cycles(&p, text));
	}
	/* One window: outputs and multiplies are the same column. */
	for (int i = 1; i <= 30; i++) {
		snprintf(text, sizeof(text),
			 "depthwise_conv_2d in=1x%dx%dx4 kernel=3x3 padding=same", 2 + i, 3 + i);
		put_cycles(store, &p, session, text, planted_cycles(&p, text));
	}
	/* The same size every time, by other activations. */
	for (int i = 1; i <= 30; i++) {
		snprintf(text, sizeof(text), "add in=1x%dx%dx%d in2=1x%dx%dx%d", i, 1, 1, i, 1, 1);
		put_cycles(store, &p, session, text, 1e6 - 1000 * i);
		snprintf(text, sizeof(text), "softmax in=1x%dx1x10", i);
		put_cycles(store, &p, session, text, 500 * i + 7);
	}
	for (int h = 1; h <= 8; h *= 2) {
		snprintf(text, sizeof(text), "reshape in=1x%dx%dx4 shape=1x1x8x4", h, 8 / h);
		put_cycles(store, &p, session, text, 500 + h);
	}
	f = run(store);

	k = find(f, BOARD, "fully_connected", "features", "latency");
	assert_string_equal(k->status, "too few rows");
	assert_non_null(strstr(k->detail, "3 rows"));
	assert_int_equal(k->fit.n_terms, 0);
	assert_true(isnan(k->fit.mape_pct));
	assert_ok(find(f, BOARD, "fully_connected", "ops", "latency"));

	k = find(f, BOARD, "depthwise_conv_2d", "features", "latency");
	assert_string_equal(k->status, "rank-deficient");
	assert_non_null(strstr(k->detail, "3x3+mod4"));
	assert_int_equal(k->fit.n_terms, 0);
	assert_ok(find(f, BOARD, "depthwise_conv_2d", "ops-affine", "latency"));

	k = find(f, BOARD, "add", "features", "latency");
	assert_string_equal(k->status, "impossible");
	assert_ok(find(f, BOARD, "softmax", "features", "latency"));
	k = find(f, BOARD, "reshape", "features", "latency");
	assert_string_equal(k->status, "single size");
	free(f);
	mn_store_close(store);
}

static void terms_that_do_not_apply_are_named(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("g.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	const struct kept *k;
	int64_t session;
	char text[MN_LAYER_TEXT_MAX];
	struct fits *f;

	(void)state;
	session = planted_session(store, &p);
	/* Only 1x1: no window is ever copied. Costs fall with the number of outputs. */
	for (int i = 1; i <= 30; i++) {
		snprintf(text, sizeof(text), "conv_2d in=1x%dx4x%d out_c=%d kernel=1x1", i,
			 40 + 3 * i, 2 + 2 * (i % 7));
		put_cycles(store, &p, session, text,
			   planted_cycles(&p, text) - 90 * 4 * i * (2 + 2 * (i % 7)));
	}
	f = run(store);
	k = find(f, BOARD, "conv_2d", "features", "latency");
	assert_ok(k);
	assert_non_null(strstr(k->detail, "1x1: odd_macs is 0 in every row"));
	assert_non_null(strstr(k->detail, "out_elements was held at 0"));
	assert_true(isnan(term(k, "odd_macs")) && isnan(term(k, "out_elements")));
	for (uint32_t i = 0; i < k->fit.n_terms; i++)
		assert_true(k->terms[i].value >= 0);
	free(f);
	mn_store_close(store);
}

static void null_probes_are_not_fitted(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("h.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	struct mn_fit_stats stats;
	int64_t session = planted_session(store, &p);

	(void)state;
	put_cycles(store, &p, session, "null", 12);
	assert_int_equal(mn_fit_run(store, &standard, NULL, NULL, &stats, NULL), 0);
	assert_int_equal(stats.rows, 1);
	assert_int_equal(stats.fitted + stats.refused, 0);
	mn_store_close(store);
}

static void whole_models_are_fitted_by_backbone_and_pooled(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("i.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	const struct kept *k;
	int64_t session;
	struct fits *f;

	(void)state;
	session = planted_session(store, &p);
	for (int i = 1; i <= 5; i++) {
		char name[32];

		snprintf(name, sizeof(name), "fast-%d", i);
		put_model(store, &p, session, name, "fast", 1000000 * i, 4 * i, 2 * i);
		snprintf(name, sizeof(name), "slow-%d", i);
		put_model(store, &p, session, name, "slow", 1000000 * i, 8 * i, 4 * i);
	}
	put_model(store, &p, session, "unknown", "", -1, 50, 25);
	f = run(store);
	k = find(f, BOARD, "fast", "ops", "latency");
	assert_ok(k);
	assert_string_equal(k->op, "model");
	assert_close(term(k, "ops"), 4e-6, 1e-9);
	assert_string_equal(k->fit.weighting, "none");
	assert_string_equal(k->validation, "leave-one-out");
	assert_close(term(find(f, BOARD, "slow", "ops", "energy"), "ops"), 4e-6, 1e-9);
	k = find(f, BOARD, "all", "ops", "latency");
	assert_close(term(k, "ops"), 6e-6, 1e-9);
	assert_int_equal(k->fit.n, 10);
	assert_non_null(strstr(k->detail, "1 rows without an op count"));
	/* Power needs no op count. */
	k = find(f, BOARD, "all", "mean", "power");
	assert_int_equal(k->fit.n, 11);
	assert_close(term(k, "const"), 500, 1e-9);
	free(f);
	mn_store_close(store);
}

/* MicroNets, table 4, as shipped: the figures of facts that everyone can compute from the paper. */
static void published_rows_give_the_papers_figures(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("j.db"), MN_STORE_CREATE);
	struct mn_import_result result;
	struct mn_err err = {0};
	char path[PATH_MAX];
	struct fits *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/data/published/micronets-2021.csv",
		 getenv("MNCHAR_SOURCE_DIR"));
	if (mn_import_file(store, path, &result, &err))
		fail_msg("%s", err.msg);
	f = run(store);
	/* The authors' 4-bit kernels are a group of their own. */
	only_kernels = "tflm+cmsis-nn (2020-2021)";
	assert_near(term(find(f, "nucleo-f446re", "ds-cnn-kws", "ops", "latency"), "ops") * 1e6,
		    14.39, 0.005);
	assert_near(term(find(f, "nucleo-f746zg", "ds-cnn-kws", "ops", "latency"), "ops") * 1e6,
		    4.87, 0.005);
	assert_near(term(find(f, "nucleo-f767zi", "ds-cnn-kws", "ops", "latency"), "ops") * 1e6,
		    4.74, 0.005);
	assert_near(term(find(f, "nucleo-f746zg", "ds-cnn-kws", "ops-affine", "latency"), "ops") *
			    1e6,
		    4.44, 0.005);
	assert_near(term(find(f, "nucleo-f746zg", "ds-cnn-kws", "ops-affine", "latency"), "const"),
		    40.4, 0.05);
	assert_near(term(find(f, "nucleo-f446re", "all", "mean", "power"), "const"), 161.1, 0.05);
	assert_int_equal(find(f, "nucleo-f446re", "all", "mean", "power")->fit.n, 7);
	assert_near(find(f, "nucleo-f446re", "all", "mean", "power")->fit.std_pct, 3.5, 0.05);
	assert_near(term(find(f, "nucleo-f746zg", "all", "mean", "power"), "const"), 444.1, 0.05);
	assert_int_equal(find(f, "nucleo-f746zg", "all", "mean", "power")->fit.n, 15);
	for (size_t i = 0; i < f->n; i++)
		assert_int_equal(f->all[i].fit.kind, MN_KIND_PUBLISHED);
	only_kernels = NULL;
	free(f);
	mn_store_close(store);
}

static void boards_can_be_chosen(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("k.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	static const char *const boards[] = {"virtual-f767zi", "no-such-board"};
	struct mn_fit_options one = {.seed = 1, .boards = boards, .n_boards = 2, .dry_run = 1};
	struct fits *f = calloc(1, sizeof(*f));
	struct mn_fit_stats stats;

	(void)state;
	put_convolutions(store, &p, 20);
	p.board = "virtual-f767zi";
	put_convolutions(store, &p, 25);
	assert_int_equal(mn_fit_run(store, &one, keep, f, &stats, NULL), 0);
	assert_int_equal(stats.rows, 25);
	assert_int_equal(f->n, 3);
	assert_string_equal(f->all[0].board, "virtual-f767zi");
	/* Dry: nothing was stored. */
	f->n = 0;
	assert_int_equal(mn_store_each_fit(store, NULL, keep, f, NULL), 0);
	assert_int_equal(f->n, 0);
	one.max_folds = 11;
	assert_int_equal(mn_fit_run(store, &one, keep, f, &stats, NULL), MN_E_INVALID);
	free(f);
	mn_store_close(store);
}

static void an_empty_store_is_no_failure(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("l.db"), MN_STORE_CREATE);
	struct mn_fit_stats stats;

	(void)state;
	assert_int_equal(mn_fit_run(store, &standard, NULL, NULL, &stats, NULL), 0);
	assert_int_equal(stats.rows, 0);
	mn_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(planted_costs_come_back),
		cmocka_unit_test(a_fit_repeats_to_the_bit),
		cmocka_unit_test(models_come_by_error_if_asked),
		cmocka_unit_test(stored_intervals_cover_as_they_say),
		cmocka_unit_test(rigs_are_pooled_only_if_asked),
		cmocka_unit_test(energy_and_power_have_fits_of_their_own),
		cmocka_unit_test(what_differs_is_not_pooled),
		cmocka_unit_test(only_the_newest_image_counts),
		cmocka_unit_test(refusals_are_stored_with_a_sentence),
		cmocka_unit_test(terms_that_do_not_apply_are_named),
		cmocka_unit_test(null_probes_are_not_fitted),
		cmocka_unit_test(whole_models_are_fitted_by_backbone_and_pooled),
		cmocka_unit_test(published_rows_give_the_papers_figures),
		cmocka_unit_test(boards_can_be_chosen),
		cmocka_unit_test(an_empty_store_is_no_failure),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
