/* SPDX-License-Identifier: MIT */
/*
 * Ways to tell energy, on published measurements: LeNet and ResNet-20 of three boards. The data
 * have no licence and are not in this repository: MNCHAR_SHARED names the folder that holds
 * data/calibration, else ../shared beside the source tree; skipped without it.
 */
#include "fits_util.h"

#include <math.h>

#include "energy_fit.h"
#include "import.h"

static char folder[PATH_MAX];

struct seen {
	int boards;
};

static int see(const struct mn_energy_compared *c, void *arg)
{
	static const struct {
		const char *name;
		double most_pct;
	} limits[] = {{"469", 3}, {"l496", 3}, {"f767", 6}};
	struct seen *seen = arg;

	print_message(
		"%s, n %lld, %lld layers, %s: constant %.2f %%, power %.2f %%; with ops, n %lld: "
		"constant %.2f %%, power %.2f %%, per op %.2f %%; best: %s; %.1f +- %.1f mW\n",
		c->board, (long long)c->n, (long long)c->n_layers, c->folds,
		c->all_mape_pct[MN_ENERGY_CONSTANT], c->all_mape_pct[MN_ENERGY_POWER],
		(long long)c->n_ops, c->mape_pct[MN_ENERGY_CONSTANT], c->mape_pct[MN_ENERGY_POWER],
		c->mape_pct[MN_ENERGY_PER_OP], mn_energy_way_name(c->best), c->power_mean_mW,
		c->power_std_mW);
	assert_int_equal(c->kind, MN_KIND_PUBLISHED);
	for (int i = 0; i < 3; i++)
		if (strcasestr(c->board, limits[i].name)) {
			assert_true(c->all_mape_pct[MN_ENERGY_POWER] <= limits[i].most_pct);
			assert_true(c->all_mape_pct[MN_ENERGY_POWER] <
				    c->all_mape_pct[MN_ENERGY_CONSTANT]);
			assert_int_equal(c->best, MN_ENERGY_POWER);
			seen->boards |= 1 << i;
		}
	return 0;
}

static void published_layers(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_import_result result;
	char path[PATH_MAX + 64];
	struct mn_err err = {0};
	struct seen seen = {0};

	(void)state;
	snprintf(path, sizeof(path), "%s/layers-energy.csv", folder);
	if (mn_import_file(store, path, &result, &err))
		fail_msg("%s", err.msg);
	if (mn_energy_compare(store, NULL, 0, see, &seen, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(seen.boards, 7);
	mn_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(published_layers, make_scratch, remove_scratch),
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
