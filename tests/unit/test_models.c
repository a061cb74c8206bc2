/* SPDX-License-Identifier: MIT */
/* Cost models as files: what is read, and where errors point. */
#include "store_util.h"

#include "models.h"

#define PATHS "    paths:\n      - terms: [macs]\n"
#define FIT                                                                                        \
	"  - ops: [conv_2d, model]\n    targets: [latency]\n    weighting: relative\n"             \
	"    origin: no\n"

static const struct mn_model *find(const struct mn_models *models, const char *name, int op)
{
	for (size_t i = 0; i < models->n; i++)
		if (!strcmp(models->all[i].name, name) && (models->all[i].ops >> op & 1))
			return &models->all[i];
	fail_msg("there is no model %s for op %d", name, op);
	return NULL;
}

static void the_shipped_models(void **state)
{
	struct mn_models models = {0};
	struct mn_err err = {0};
	const struct mn_model *m;
	char folder[PATH_MAX];

	(void)state;
	snprintf(folder, sizeof(folder), "%s/fits/models", getenv("MNCHAR_SOURCE_DIR"));
	if (mn_models_folder(&models, folder, &err))
		fail_msg("%s", err.msg);
	m = find(&models, "ops", MN_OP_CONV_2D);
	assert_int_equal(m->weighting, MN_WEIGHTING_RELATIVE);
	assert_int_equal(m->path[0].n_terms, 1);
	assert_int_equal(m->path[0].terms[0], MN_FEATURE_OPS);
	m = find(&models, "ops-affine", MN_MODELS_WHOLE);
	assert_int_equal(m->weighting, MN_WEIGHTING_NONE);
	assert_int_equal(m->path[0].n_terms, 2);
	m = find(&models, "features", MN_OP_CONV_2D);
	assert_int_equal(m->n_paths, 2);
	assert_int_equal(m->paths[0], MN_PATH_1X1);
	assert_int_equal(m->paths[1], MN_PATH_ANY);
	for (int op = MN_OP_CONV_2D; op < MN_OP_COUNT; op++)
		find(&models, "features", op);
	find(&models, "mean", MN_MODELS_WHOLE);
	mn_models_free(&models);
}

static void errors_point_at_the_place(void **state)
{
	static const struct {
		const char *text, *place, *says;
	} cases[] = {
		{"", "m:1:1: ", "empty"},
		{"name: x\nfits:\n  - ops: [conv_3d]\n", "m:3:", "conv_3d"},
		{"name: x\nfits:\n" FIT "    paths:\n      - terms: [mac]\n", "m:8:", "mac"},
		{"name: x\nfits:\n" FIT "    paths:\n      - path: [2x2]\n", "m:8:", "2x2"},
		{"name: x\nwhat: 3\n", "m:", "what"},
		{"name: x\nfits: [\n", "m:", ""},
		{"name: x\nfits:\n" FIT PATHS, "m:", "whole model"},
		{"name: x\nfits:\n  - ops: [add]\n    targets: [latency]\n    weighting: none\n"
		 "    origin: yes\n    paths:\n      - terms: []\n",
		 "m:8:9: ", "needs a term"},
		{"name: x\nfits:\n  - ops: [add]\n    targets: [latency]\n    weighting: none\n"
		 "    origin: no\n    paths:\n      - terms: [ops]\n      - path: [1x1]\n        "
		 "terms: [ops]\n",
		 "m:9:9: ", "no layer gets here"},
		{"name: x\nfits:\n  - ops: [add]\n    targets: [latency]\n    weighting: none\n"
		 "    origin: no\n    paths:\n      - terms: [ops]\n"
		 "  - ops: [pad, add]\n    targets: [latency]\n    weighting: none\n"
		 "    origin: no\n    paths:\n      - terms: [ops]\n",
		 "m:9:5: ", "already"},
		{"name: x\nfits:\n  - ops: []\n    targets: [latency]\n    weighting: none\n"
		 "    origin: no\n    paths:\n      - terms: []\n",
		 "m:3:5: ", "must not be empty"},
	};
	struct mn_models models = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mn_err err = {0};

		if (!mn_models_text(&models, "m", cases[i].text, strlen(cases[i].text), &err))
			fail_msg("case %zu was read", i);
		if (strncmp(err.msg, cases[i].place, strlen(cases[i].place)) != 0 ||
		    !strstr(err.msg, cases[i].says))
			fail_msg("case %zu: %s", i, err.msg);
		assert_int_equal(models.n, 0);
	}
	mn_models_free(&models);
}

static void one_model_of_a_name_for_an_op(void **state)
{
	static const char text[] = "name: x\nfits:\n  - ops: [add, pad]\n    targets: [latency]\n"
				   "    weighting: none\n    origin: no\n    robust: yes\n" PATHS;
	struct mn_models models = {0};
	struct mn_err err = {0};

	(void)state;
	assert_int_equal(mn_models_text(&models, "m", text, strlen(text), &err), 0);
	assert_int_equal(models.n, 1);
	assert_true(models.all[0].robust);
	assert_int_equal(mn_models_text(&models, "n", text, strlen(text), &err), MN_E_INVALID);
	assert_says(&err, "n:", "already");
	assert_int_equal(models.n, 1);
	assert_int_equal(mn_models_folder(&models, "no-such-folder", &err), MN_E_NOTFOUND);
	mn_models_free(&models);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_models),
		cmocka_unit_test(errors_point_at_the_place),
		cmocka_unit_test(one_model_of_a_name_for_an_op),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
