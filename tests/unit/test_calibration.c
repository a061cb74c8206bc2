/* SPDX-License-Identifier: MIT */
/*
 * The features model against measured silicon: a public set of layers of a NUCLEO-F446RE. The data
 * have no licence and are not in this repository: MNCHAR_SHARED names the folder that holds
 * data/calibration, else ../shared beside the source tree; skipped without it.
 */
#include "fits_util.h"

#include <math.h>

#include "fit.h"
#include "import.h"

static char folder[PATH_MAX];

static void import(struct mn_store *store, const char *name, uint64_t rows, uint64_t left_out)
{
	struct mn_import_result result;
	struct mn_err err = {0};
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (mn_import_file(store, path, &result, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(result.rows, rows);
	assert_int_equal(result.left_out, left_out);
}

static int see_convolutions(const struct mn_fit *fit, void *arg)
{
	if (strcmp(fit->op, "conv_2d") || strcmp(fit->model, "features"))
		return 0;
	*(int *)arg += 1;
	print_message("n %lld: MAPE %.2f %%, %.1f %% within 10 %%, worst %.1f %%; %s\n",
		      (long long)fit->n, fit->mape_pct, fit->within10_pct, fit->worst_pct,
		      fit->detail);
	assert_string_equal(fit->status, "ok");
	assert_int_equal(fit->kind, MN_KIND_PUBLISHED);
	assert_int_equal(fit->n, 683);
	assert_true(fit->mape_pct <= 2.5 && fit->within10_pct >= 97);
	return 0;
}

static void convolutions_out_of_fold(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_err err = {0};
	int seen = 0;

	(void)state;
	import(store, "f446re-layers.csv", 701, 0);
	/* More than one way of dealing the folds. */
	for (uint64_t seed = 1; seed <= 5; seed++) {
		const struct mn_fit_options options = {.seed = seed};

		if (mn_fit_run(store, &options, see_convolutions, &seen, NULL, &err))
			fail_msg("%s", err.msg);
	}
	assert_int_equal(seen, 5);
	mn_store_close(store);
}

static void the_other_tables_are_taken_too(void **state)
{
	const struct mn_fit_options options = {.seed = 1};
	struct mn_store *store = open_or_die(in_scratch("b.db"), MN_STORE_CREATE);
	struct mn_fit_stats stats;
	struct mn_err err = {0};

	(void)state;
	import(store, "l496-layer-sweeps.csv", 915, 0);
	import(store, "layers-energy.csv", 206, 28);
	if (mn_fit_run(store, &options, NULL, NULL, &stats, &err))
		fail_msg("%s", err.msg);
	assert_true(stats.fitted > 0);
	mn_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(convolutions_out_of_fold, make_scratch,
						remove_scratch),
		cmocka_unit_test_setup_teardown(the_other_tables_are_taken_too, make_scratch,
						remove_scratch),
	};
	const char *shared = getenv("MNCHAR_SHARED");

	if (shared)
		snprintf(folder, sizeof(folder), "%s/data/calibration", shared);
	else
		snprintf(folder, sizeof(folder), "%s/../shared/data/calibration",
			 getenv("MNCHAR_SOURCE_DIR"));
	if (access(folder, R_OK) < 0) {
		printf("skipped: no measured layers in %s (MNCHAR_SHARED)\n", folder);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
