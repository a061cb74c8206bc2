/* SPDX-License-Identifier: MIT */
/* mnchar fit, query, export and plot as a person and a script see them. */
#include "fits_util.h"

#include <math.h>

#include <jansson.h>
#include <sys/wait.h>

/* What a command gave. */
struct ran {
	int code;
	char out[1 << 18], err[1 << 14];
};

static void slurp(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(buf, 1, size - 1, f) : 0;

	assert_non_null(f);
	assert_true(n < size - 1);
	buf[n] = '\0';
	fclose(f);
}

/* `mnchar` with these arguments, in the scratch folder. path: what PATH is meanwhile, NULL as it
 * is. */
static struct ran *run_in(const char *path, const char *arguments)
{
	static struct ran ran;
	char *command = NULL;
	int status;

	assert_true(asprintf(&command, "cd %s && %s%s '%s/bin/mnchar' %s >out.txt 2>err.txt",
			     scratch, path ? "PATH=" : "", path ? path : "",
			     getenv("MNCHAR_BUILD_DIR"), arguments) > 0);
	status = system(command);
	free(command);
	assert_true(WIFEXITED(status));
	ran.code = WEXITSTATUS(status);
	slurp(in_scratch("out.txt"), ran.out, sizeof(ran.out));
	slurp(in_scratch("err.txt"), ran.err, sizeof(ran.err));
	return &ran;
}

static struct ran *run(const char *arguments)
{
	return run_in(NULL, arguments);
}

static void assert_has(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("expected '%s' in: %s", words, text);
}

/* fits.db: a virtual board with convolutions, and the published rows. */
static int make_db(void **state)
{
	struct planted p = planted_default();
	struct mn_store *store;
	int64_t session;

	if (make_scratch(state))
		return -1;
	store = open_or_die(in_scratch("fits.db"), MN_STORE_CREATE);
	p.energy_nJ = 2;
	put_convolutions(store, &p, 60);
	session = planted_session(store, &p);
	put_cycles(store, &p, session, "softmax in=1x1x1x10", 900);
	mn_store_close(store);
	return run("import --db fits.db micronets-2021.csv")->code;
}

static void what_is_missing_is_said_with_what_to_run(void **state)
{
	struct ran *r = run("query --db none.db");

	(void)state;
	assert_int_equal(r->code, 1);
	assert_has(r->err, "none.db");
	r = run("query --db fits.db");
	assert_int_equal(r->code, 2);
	assert_has(r->err, "mnchar fit");
	assert_string_equal(r->out, "");
	mn_store_close(open_or_die(in_scratch("empty.db"), MN_STORE_CREATE));
	r = run("query --db empty.db");
	assert_int_equal(r->code, 2);
	assert_has(r->err, "mnchar collect");
	r = run("query --json --db empty.db");
	assert_int_equal(r->code, 2);
	assert_string_equal(r->out, "[]\n");
	r = run("fit --db empty.db");
	assert_int_equal(r->code, 2);
	assert_has(r->err, "mnchar collect");
	r = run("export --db empty.db");
	assert_int_equal(r->code, 2);
	assert_has(r->err, "mnchar collect");
	r = run("plot --db empty.db --board virtual-f446re");
	assert_int_equal(r->code, 2);
	assert_has(r->err, "mnchar collect --board virtual-f446re");
}

static void wrong_words_are_usage_errors(void **state)
{
	static const char *const wrong[] = {
		"query --op conv",
		"query --kind real",
		"query --target time",
		"export --format xml",
		"plot",
		"fit --folds 1",
		"fit --seed x",
		"query extra",
		"export extra",
		"plot extra",
		"fit extra",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(run(wrong[i])->code, 64);
}

static void help_has_an_example(void **state)
{
	static const char *const verbs[] = {"fit", "query", "export", "plot"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char command[32];

		snprintf(command, sizeof(command), "%s --help", verbs[i]);
		assert_int_equal(run(command)->code, 0);
		assert_has(run(command)->out, "Example: mnchar");
		assert_has(run(command)->out, "--db=FILE");
	}
}

static void fit_lists_what_was_fitted_and_what_not(void **state)
{
	struct ran *r = run("fit --db fits.db");

	(void)state;
	assert_int_equal(r->code, 0);
	assert_has(r->out, "conv_2d");
	assert_has(r->out, "NOT FITTED, too few rows: 1 rows");
	assert_has(r->err, "models fitted");
	assert_int_equal(run("fit --db fits.db --board virtual-f446re")->code, 0);
	r = run("fit --db fits.db --board no-such-board");
	assert_int_equal(r->code, 2);
}

static double number(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);

	if (!json_is_number(v))
		fail_msg("%s is no number", name);
	return json_number_value(v);
}

static const char *string(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);

	if (!json_is_string(v))
		fail_msg("%s is no string", name);
	return json_string_value(v);
}

static json_t *query_json(const char *arguments)
{
	char command[256];
	json_t *root;
	struct ran *r;

	snprintf(command, sizeof(command), "query --db fits.db --json %s", arguments);
	r = run(command);
	assert_int_equal(r->code, 0);
	root = json_loads(r->out, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_array(root));
	assert_true(json_array_size(root) > 0);
	return root;
}

static void query_json_has_the_documented_members(void **state)
{
	static const char *const strings[] = {"board",  "kind", "kernels",     "op",        "model",
					      "target", "unit", "worst_layer", "validation"};
	static const char *const numbers[] = {"n", "mape_pct", "within5_pct", "within10_pct",
					      "worst_pct"};
	json_t *root, *fit, *term;
	size_t i, j;

	(void)state;
	run("fit --db fits.db");
	root = query_json("");
	json_array_foreach(root, i, fit)
	{
		const json_t *terms = json_object_get(fit, "terms");

		for (size_t k = 0; k < 9; k++)
			assert_true(string(fit, strings[k])[0]);
		for (size_t k = 0; k < 5; k++)
			assert_true(number(fit, numbers[k]) >= 0);
		/* Of a mean there is none. */
		assert_true(json_is_real(json_object_get(fit, "r2")) ||
			    (json_is_null(json_object_get(fit, "r2")) &&
			     !strcmp(string(fit, "model"), "mean")));
		assert_true(json_array_size(terms) > 0);
		json_array_foreach(terms, j, term)
		{
			const json_t *ci = json_object_get(term, "ci95");

			assert_int_equal(json_array_size(ci), 2);
			assert_true(string(term, "name")[0]);
			assert_true(
				json_number_value(json_array_get(ci, 0)) <= number(term, "value") &&
				number(term, "value") <= json_number_value(json_array_get(ci, 1)));
		}
	}
	json_decref(root);
}

static void query_filters(void **state)
{
	json_t *root, *fit;
	size_t i;

	(void)state;
	run("fit --db fits.db");
	root = query_json("--board virtual-f446re");
	json_array_foreach(root, i, fit)
	{
		/* A virtual board is never shown as anything else. */
		assert_string_equal(string(fit, "kind"), "virtual");
		assert_string_equal(string(fit, "rig_model"), "m4-1");
	}
	json_decref(root);
	root = query_json("--kind published --backbone ds-cnn-kws --model ops --target latency");
	assert_int_equal(json_array_size(root), 3);
	json_array_foreach(root, i, fit)
	{
		double ms_per_mop =
			1e6 * number(json_array_get(json_object_get(fit, "terms"), 0), "value");

		assert_string_equal(string(fit, "kind"), "published");
		assert_near(ms_per_mop, i == 0 ? 14.39 : i == 1 ? 4.87 : 4.74, 0.005);
	}
	json_decref(root);
	root = query_json("--op conv_2d --model features --target latency");
	assert_int_equal(json_array_size(root), 1);
	fit = json_array_get(root, 0);
	assert_true(json_array_size(json_object_get(fit, "terms")) >= 4);
	assert_string_equal(string(fit, "paths"), "1x1,any");
	assert_string_equal(string(json_array_get(json_object_get(fit, "terms"), 0), "path"),
			    "1x1");
	assert_near(number(json_array_get(json_object_get(fit, "terms"), 0), "value"),
		    MS(CYCLES_PER_MAC), 1e-12);
	json_decref(root);
	assert_int_equal(run("query --db fits.db --op softmax")->code, 2);
	assert_has(run("query --db fits.db --op softmax")->err, "--all");
	assert_has(run("query --db fits.db --op softmax --all")->out, "too few rows");
	assert_int_equal(run("query --db fits.db --kind measured")->code, 2);
}

static void query_table_shows_kind_unit_and_errors(void **state)
{
	struct ran *r;
	char *rest = NULL;

	(void)state;
	run("fit --db fits.db");
	r = run("query --db fits.db --board virtual-f446re --model features --target latency "
		"--terms");
	assert_int_equal(r->code, 0);
	for (char *line = strtok_r(r->out, "\n", &rest), n = 0; line;
	     line = strtok_r(NULL, "\n", &rest), n++) {
		if (n == 0) {
			assert_has(line, "kind");
			assert_has(line, "mape_pct");
			assert_has(line, "in10_pct");
			assert_has(line, "worst_pct");
			assert_has(line, "validation");
		} else if (n == 1) {
			assert_int_equal(strncmp(line, "virtual ", 8), 0);
			/* 3 cycles a MAC at 180 MHz */
			assert_has(line, "16.67 ms/MMAC");
			assert_has(line, "10-fold seed 1");
		}
	}
	assert_has(run("query --db fits.db --kind published")->out, "14.39 ms/Mop");
	/* One line a fit. */
	r = run("query --db fits.db --board virtual-f446re --model features --target latency --op "
		"conv_2d");
	assert_has(r->out, " terms ");
	assert_has(r->out, "in_ci_pct");
	{
		int lines = 0;

		for (const char *at = r->out; (at = strchr(at, '\n')); at++)
			lines++;
		assert_int_equal(lines, 2);
	}
	assert_null(strstr(run("query --db fits.db")->out, "measured"));
}

static void export_writes_both_forms(void **state)
{
	json_t *root;
	struct ran *r;

	(void)state;
	run("fit --db fits.db");
	r = run("export --db fits.db --board virtual-f446re");
	assert_int_equal(r->code, 0);
	root = json_loads(r->out, 0, NULL);
	assert_non_null(root);
	assert_string_equal(string(root, "schema"), "mnchar-cost-table");
	assert_int_equal((int)number(root, "version"), 2);
	assert_int_equal(json_array_size(json_object_get(root, "rigs")), 1);
	json_decref(root);
	r = run("export --db fits.db --format csv --out table.csv");
	assert_int_equal(r->code, 0);
	assert_string_equal(r->out, "");
	slurp(in_scratch("table.csv"), r->out, sizeof(r->out));
	assert_int_equal(strncmp(r->out, "record,kind,board,kernels,", 26), 0);
	r = run("export --db fits.db --out no-such-folder/table.json");
	assert_int_equal(r->code, 1);
	assert_has(r->err, "no-such-folder/table.json");
}

static void plot_draws_and_keeps_its_script(void **state)
{
	static char text[1 << 20];
	struct ran *r;

	(void)state;
	run("fit --db fits.db");
	/* Without gnuplot there still is the script. */
	r = run_in("/nowhere", "plot --db fits.db --board virtual-f446re --keep v.gp");
	assert_int_equal(r->code, 1);
	assert_has(r->err, "gnuplot-nox");
	slurp(in_scratch("v.gp"), text, sizeof(text));
	assert_has(text, "VIRTUAL");
	assert_has(text, "mnchar-ref 1");
	assert_has(text, "180 MHz");
	assert_has(text, "conv_2d in=1x3x4x1 out_c=2");
	r = run("plot --db fits.db --board virtual-f446re --out x.gif");
	assert_int_equal(r->code, 1);
	if (system("gnuplot --version >/dev/null 2>&1"))
		return; /* the rest needs it */
	r = run("plot --db fits.db --board virtual-f446re --keep v.gp");
	assert_int_equal(r->code, 0);
	assert_string_equal(r->err, "");
	slurp(in_scratch("virtual-f446re.svg"), text, sizeof(text));
	assert_has(text, "<svg");
	assert_has(text, "VIRTUAL");
	assert_has(text, "ms/Mop");
	r = run("plot --db fits.db --board nucleo-f446re --out p.svg");
	assert_int_equal(r->code, 0);
	slurp(in_scratch("p.svg"), text, sizeof(text));
	assert_has(text, "PUBLISHED");
	assert_null(strstr(text, "MEASURED"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_said_with_what_to_run),
		cmocka_unit_test(wrong_words_are_usage_errors),
		cmocka_unit_test(help_has_an_example),
		cmocka_unit_test(fit_lists_what_was_fitted_and_what_not),
		cmocka_unit_test(query_json_has_the_documented_members),
		cmocka_unit_test(query_filters),
		cmocka_unit_test(query_table_shows_kind_unit_and_errors),
		cmocka_unit_test(export_writes_both_forms),
		cmocka_unit_test(plot_draws_and_keeps_its_script),
	};

	return cmocka_run_group_tests(tests, make_db, remove_scratch);
}
