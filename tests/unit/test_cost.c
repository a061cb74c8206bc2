/* SPDX-License-Identifier: MIT */
/* From fits to a cost table, to a file, and back to the cost of a layer. */
#include "fits_util.h"

#include <jansson.h>
#include <math.h>

#include "cost.h"
#include "export.h"
#include "fit.h"
#include "mnchar.h"

static const struct mn_export_filter everything = {.kind = -1};

static struct mn_store *planted_store(const char *name)
{
	struct mn_store *store = open_or_die(in_scratch(name), MN_STORE_CREATE);
	struct planted p = planted_default();
	const struct mn_fit_options options = {.seed = 1};
	int64_t session;
	char text[MN_LAYER_TEXT_MAX];

	p.energy_nJ = 2;
	put_convolutions(store, &p, 40);
	session = planted_session(store, &p);
	for (int i = 1; i <= 12; i++) {
		snprintf(text, sizeof(text), "add in=1x%dx4x5 in2=1x%dx4x5", i, i);
		put_cycles(store, &p, session, text, 137.0 * 20 * i + 301);
	}
	p.cold = 1;
	p.scale = 1.5;
	put_convolutions(store, &p, 40);
	put_model(store, &p, session, "net \"1\", a", "", 1000, 2, 0);
	assert_int_equal(mn_fit_run(store, &options, NULL, NULL, NULL, NULL), 0);
	return store;
}

static struct mn_cost_table *export_all(struct mn_store *store)
{
	struct mn_cost_table *table = NULL;
	struct mn_err err = {0};

	if (mn_export_table(store, &everything, &table, &err))
		fail_msg("%s", err.msg);
	return table;
}

static char *to_json(const struct mn_cost_table *table, size_t *ret_len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);

	assert_non_null(f);
	assert_int_equal(mn_cost_write_json(table, f, NULL), 0);
	assert_int_equal(fclose(f), 0);
	return text;
}

static struct mn_cost_table *from_json(const char *text, size_t len)
{
	struct mn_cost_table *table = NULL;
	struct mn_err err = {0};

	if (mn_cost_read_json(text, len, &table, &err))
		fail_msg("%s", err.msg);
	return table;
}

/* libmnchar's interval of the layer against the store's. */
static void compare_interval(const struct mn_cost_table *table, const struct mn_cost_rig *rig,
			     const struct mn_fit *fit, const char *text, const char *path,
			     const double *x)
{
	struct mnchar_predictor *p = NULL;
	struct mnchar_cost cost = {.size = sizeof(cost)};
	struct mnchar_layer layer;
	double value, lo, hi;

	assert_int_equal(mnchar_layer_parse(text, &layer, sizeof(layer), NULL), 0);
	assert_int_equal(mnchar_predictor_new((const struct mnchar_table *)table,
					      (size_t)(rig - table->rigs),
					      strcmp(fit->target, "energy") ? MNCHAR_LATENCY_MS
									    : MNCHAR_ENERGY_MJ,
					      fit->model, &p, NULL),
			 0);
	assert_int_equal(mnchar_layer_cost(p, &layer, &cost, NULL), 0);
	assert_int_equal(mn_fit_interval(fit, path, x, &value, &lo, &hi), 0);
	assert_true(isfinite(hi) && hi > value);
	assert_near(cost.value, value, 1e-9 * value);
	assert_near(cost.hi - value, hi - value, 1e-6 * (hi - value));
	assert_near(cost.lo, lo > 0 ? lo : 0, 1e-6 * value);
	mnchar_predictor_free(p);
}

struct question {
	const struct mn_cost_table *table;
	const char *text;
	size_t n;
};

/* The prediction of a stored fit by hand, against the table's. */
static int compare(const struct mn_fit *fit, void *arg)
{
	struct question *q = arg;
	const struct mn_cost_rig *rig =
		mn_cost_find_rig(q->table, fit->board, fit->kernels, fit->cold);
	struct mn_layer layer = test_layer(q->text);
	struct mn_layer_info info;
	struct mn_cost_value got;
	struct mn_err err = {0};
	uint8_t paths[MN_PATHS_MAX];
	double want = 0, x[MN_FEATURE_COUNT];
	char path_text[MN_PATH_TEXT_MAX];
	int n_paths, path, n = 0;

	if (!strcmp(fit->target, "power"))
		return 0;
	assert_string_equal(fit->status, "ok");
	assert_non_null(rig);
	assert_int_equal(mn_layer_check(&layer, &info, NULL), 0);
	n_paths = mn_path_parse_list(fit->paths, paths);
	assert_true(n_paths > 0);
	path = mn_path_first(paths, (size_t)n_paths, mn_path_of(&layer));
	assert_true(path >= 0);
	for (uint32_t i = 0; i < fit->n_terms; i++) {
		int feature = mn_feature_parse(fit->terms[i].name);

		assert_true(feature >= 0);
		if (mn_path_parse(fit->terms[i].path) == paths[path]) {
			x[n] = (double)mn_feature_value((enum mn_feature)feature, &layer, &info);
			want += fit->terms[i].value * x[n++];
		}
	}
	compare_interval(q->table, rig, fit, q->text, mn_path_format(paths[path], path_text), x);
	if (mn_cost_layer(rig,
			  !strcmp(fit->target, "energy") ? MN_COST_ENERGY_MJ : MN_COST_LATENCY_MS,
			  fit->model, &layer, &got, &err))
		fail_msg("%s", err.msg);
	assert_true(want > 0 && got.value == want);
	assert_string_equal(got.model->model, fit->model);
	q->n++;
	return 0;
}

static void a_loaded_table_predicts_what_the_fit_does(void **state)
{
	static const struct {
		const char *text;
		size_t fits;
	} layers[] = {
		/* Three models for two targets, warm and cold. */
		{"conv_2d in=1x5x6x7 out_c=8 kernel=3x3 padding=same", 12},
		{"conv_2d in=1x9x9x16 out_c=4 kernel=1x1", 12},
		{"conv_2d in=1x49x10x1 out_c=64 kernel=10x4 stride=2x2 padding=same", 12},
		{"add in=1x3x4x5 in2=1x3x4x5", 2},
	};
	struct mn_store *store = planted_store("a.db");
	struct mn_cost_table *table = export_all(store), *loaded;
	size_t len;
	char *text = to_json(table, &len);

	(void)state;
	loaded = from_json(text, len);
	for (size_t i = 0; i < 4; i++) {
		struct question q = {.table = loaded, .text = layers[i].text};
		struct mn_layer layer = test_layer(q.text);
		struct mn_fit_filter filter = {.op = mn_op_name((enum mn_op)layer.op), .kind = -1};

		assert_int_equal(mn_store_each_fit(store, &filter, compare, &q, NULL), 0);
		assert_int_equal(q.n, layers[i].fits);
	}
	free(text);
	mn_cost_table_free(table);
	mn_cost_table_free(loaded);
	mn_store_close(store);
}

/* Nothing is lost or changed on the way through a file. */
static void json_reads_back_to_the_same_json(void **state)
{
	struct mn_store *store = planted_store("b.db");
	struct mn_cost_table *table = export_all(store), *loaded;
	size_t len, again_len;
	char *text, *again;

	(void)state;
	assert_int_equal(mn_cost_set_validation(table, &table->rigs[0], "{\"ops\":[{\"n\":3}]}"),
			 0);
	text = to_json(table, &len);
	loaded = from_json(text, len);
	again = to_json(loaded, &again_len);
	assert_string_equal(text, again);
	assert_string_equal(loaded->rigs[0].validation, "{\"ops\":[{\"n\":3}]}");
	assert_string_equal(loaded->rigs[1].validation, "");
	free(text);
	free(again);
	mn_cost_table_free(table);
	mn_cost_table_free(loaded);
	mn_store_close(store);
}

static void a_table_says_where_it_comes_from(void **state)
{
	struct mn_store *store = planted_store("c.db");
	struct mn_cost_table *table = export_all(store);
	const struct mn_cost_rig *warm, *cold;
	size_t preferred = 0;

	(void)state;
	assert_string_equal(table->generator, "mnchar " MNCHAR_VERSION);
	assert_int_equal(table->n_rigs, 2);
	warm = mn_cost_find_rig(table, "virtual-f446re", NULL, 0);
	cold = mn_cost_find_rig(table, "virtual-f446re", "mnchar-ref 1", 1);
	assert_true(warm && cold && warm != cold);
	assert_null(mn_cost_find_rig(table, "virtual-f446re", "another", 0));
	assert_string_equal(warm->kind, "virtual");
	assert_string_equal(warm->image, "image-a");
	assert_string_equal(warm->cycle_model, "m4-1");
	assert_true(warm->clock_hz == 180e6);
	/* 40 convolutions, 12 additions, one whole model. */
	assert_int_equal(warm->n_measured, 53);
	for (size_t i = 0; i < warm->n_measured; i++) {
		const struct mn_cost_measured *m = &warm->measured[i];

		assert_true(m->layer[0] || !strcmp(m->model, "net \"1\", a"));
		assert_true(m->latency_ms > 0);
		/* The image is the rig's. */
		assert_string_equal(m->image, "");
		if (m->layer[0] && !strncmp(m->layer, "conv_2d", 7))
			assert_near(m->cycles,
				    planted_cycles(&(struct planted){.scale = 1}, m->layer), 1);
	}
	/* One preferred model an op and quantity, and it is the exact one. */
	for (size_t i = 0; i < warm->n_models; i++)
		if (warm->models[i].preferred) {
			preferred++;
			assert_true(!strcmp(warm->models[i].model, "features") ||
				    warm->models[i].predicts == MN_COST_POWER_MW);
		}
	assert_int_equal(preferred, 6);
	mn_cost_table_free(table);
	mn_store_close(store);
}

/* The square layers of the planted store: additions of 4x4 and what put_convolutions() has. */
static void nn_meter_gets_the_kernels_that_it_knows(void **state)
{
	const struct mn_export_filter filter = {.kind = -1};
	struct mn_store *store = planted_store("n.db");
	struct mn_cost_table *table = NULL;
	struct mn_err err = {0};
	size_t len = 0, n = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);
	json_t *root, *kernel;
	const char *name, *id;

	(void)state;
	assert_int_equal(mn_export_table(store, &filter, &table, &err), 0);
	if (mn_export_nn_meter(store, table, f, &err))
		fail_msg("%s", err.msg);
	fclose(f);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	assert_int_equal(json_object_size(json_object_get(root, "add")), 1);
	json_object_foreach(root, name, kernel)
	{
		json_t *one;

		json_object_foreach(kernel, id, one)
		{
			const char *latency = json_string_value(json_object_get(one, "latency"));
			double avg, std;

			assert_int_equal(sscanf(latency, "%lf +- %lf", &avg, &std), 2);
			assert_true(avg > 0 && std >= 0);
			assert_true(json_is_integer(
				json_object_get(json_object_get(one, "config"), "CIN")));
			n++;
		}
	}
	assert_true(n > 1);
	json_decref(root);
	free(text);
	mn_cost_table_free(table);
	mn_store_close(store);
}

static void extrapolation_and_holes_are_said(void **state)
{
	struct mn_store *store = planted_store("d.db");
	struct mn_cost_table *table = export_all(store);
	const struct mn_cost_rig *rig = mn_cost_find_rig(table, "virtual-f446re", NULL, 0);
	struct mn_layer inside = test_layer("add in=1x3x4x5 in2=1x3x4x5");
	struct mn_layer outside = test_layer("add in=1x300x4x5 in2=1x300x4x5");
	struct mn_layer hole = test_layer("softmax in=1x1x1x10"), broken = inside;
	struct mn_cost_value value;
	struct mn_err err;

	(void)state;
	assert_int_equal(mn_cost_layer(rig, MN_COST_LATENCY_MS, NULL, &inside, &value, &err), 0);
	assert_int_equal(value.extrapolated, 0);
	assert_near(value.value, MS(137.0 * 60 + 301), 1e-9);
	assert_int_equal(mn_cost_layer(rig, MN_COST_LATENCY_MS, NULL, &outside, &value, &err), 0);
	assert_int_equal(value.extrapolated, 1);
	assert_int_equal(mn_cost_layer(rig, MN_COST_LATENCY_MS, NULL, &hole, &value, &err),
			 MN_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "softmax"));
	assert_int_equal(mn_cost_layer(rig, MN_COST_LATENCY_MS, "ops", &inside, &value, &err),
			 MN_E_NOTFOUND);
	broken.in2.h = 7;
	assert_int_equal(mn_cost_layer(rig, MN_COST_LATENCY_MS, NULL, &broken, &value, &err),
			 MN_E_INVALID);
	mn_cost_table_free(table);
	mn_store_close(store);
}

static void broken_tables_are_refused_by_name(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *says;
	} cases[] = {
		{"", MN_E_SYNTAX, "line 1"},
		{"{\"schema\": \"mnchar-cost-table\",\n \"version\": }", MN_E_SYNTAX, "line 2"},
		{"[]", MN_E_INVALID, "schema"},
		{"{\"schema\": \"other\", \"version\": 1}", MN_E_INVALID, "schema"},
		{"{\"schema\": \"mnchar-cost-table\", \"version\": 3}", MN_E_VERSION, "version 3"},
		{"{\"schema\": \"mnchar-cost-table\", \"version\": 1, \"generator\": \"x\"}",
		 MN_E_INVALID, "rigs"},
		{"{\"schema\": \"mnchar-cost-table\", \"version\": 1, \"generator\": \"x\", "
		 "\"rigs\": [{}]}",
		 MN_E_INVALID, "kind"},
		{"{\"schema\": \"mnchar-cost-table\", \"version\": 1, \"generator\": \"x\", "
		 "\"rigs\": [3]}",
		 MN_E_INVALID, "kind"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mn_cost_table *table = NULL;
		struct mn_err err = {0};

		assert_int_equal(
			mn_cost_read_json(cases[i].text, strlen(cases[i].text), &table, &err),
			cases[i].code);
		assert_null(table);
		assert_says(&err, "", cases[i].says);
	}
}

/* Every member in turn is removed, and turned into what it should not be. */
static void a_table_with_a_changed_member_never_crashes(void **state)
{
	static const char *const levels[] = {"models", "measured_layers", "measured_models"};
	struct mn_store *store = planted_store("e.db");
	struct mn_cost_table *table = export_all(store);
	size_t len, refused = 0;
	char *text = to_json(table, &len);
	json_t *root = json_loadb(text, len, 0, NULL), *rig, *object;

	(void)state;
	assert_non_null(root);
	rig = json_array_get(json_object_get(root, "rigs"), 0);
	for (size_t level = 0; level < 5; level++) {
		const char *key;
		json_t *value, *copy;
		void *next;

		object = level == 0   ? root
			 : level == 1 ? rig
				      : json_array_get(json_object_get(rig, levels[level - 2]), 0);
		assert_non_null(object);
		copy = json_copy(object);
		json_object_foreach_safe(copy, next, key, value)
		{
			for (int change = 0; change < 3; change++) {
				struct mn_cost_table *out = NULL;
				struct mn_err err = {0};
				char *changed;

				if (change == 0)
					json_object_del(object, key);
				else
					json_object_set_new(object, key,
							    change == 1 ? json_integer(-7)
									: json_object());
				changed = json_dumps(root, 0);
				if (mn_cost_read_json(changed, strlen(changed), &out, &err)) {
					assert_true(err.msg[0]);
					refused++;
				}
				mn_cost_table_free(out);
				free(changed);
				json_object_set(object, key, value);
			}
		}
		json_decref(copy);
	}
	assert_true(refused > 60);
	json_decref(root);
	free(text);
	mn_cost_table_free(table);
	mn_store_close(store);
}

/* Cells of a line of RFC 4180 without line ends in cells, in place. */
static size_t split(char *line, char **cells, size_t size)
{
	size_t n = 0;
	char *in = line, *out;

	while (n < size) {
		int quoted = *in == '"';

		in += quoted;
		cells[n++] = out = in;
		for (; *in && (quoted || *in != ','); in++) {
			if (quoted && *in == '"') {
				if (in[1] != '"')
					break;
				in++;
			}
			*out++ = *in;
		}
		in += quoted;
		if (!*in) {
			*out = '\0';
			return n;
		}
		in++;
		*out = '\0';
	}
	return n;
}

static void csv_has_a_row_a_coefficient_and_a_measurement(void **state)
{
	struct mn_store *store = planted_store("f.db");
	struct mn_cost_table *table = export_all(store);
	size_t len, columns, coefficients = 0, layers = 0, models = 0;
	char *text = NULL, *line, *rest, *header[64], *cells[64];
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_int_equal(mn_export_csv(table, f, NULL), 0);
	fclose(f);
	rest = text;
	columns = split(strsep(&rest, "\n"), header, 64);
	assert_true(columns > 30 && columns < 64);
	while ((line = strsep(&rest, "\n")) && *line) {
		const char *feature = "", *value = "", *ms = "", *layer = "", *model = "", *op = "";
		const char *predicts = "", *name = "", *cold = "";

		assert_int_equal(split(line, cells, 64), columns);
		for (size_t i = 0; i < columns; i++) {
			const char **to = !strcmp(header[i], "feature")      ? &feature
					  : !strcmp(header[i], "value")      ? &value
					  : !strcmp(header[i], "latency_ms") ? &ms
					  : !strcmp(header[i], "layer")      ? &layer
					  : !strcmp(header[i], "model")      ? &model
					  : !strcmp(header[i], "op")         ? &op
					  : !strcmp(header[i], "predicts")   ? &predicts
					  : !strcmp(header[i], "model_name") ? &name
					  : !strcmp(header[i], "cold")       ? &cold
									     : NULL;

			if (to)
				*to = cells[i];
		}
		assert_string_equal(cells[1], "virtual");
		if (!strcmp(cells[0], "coefficient")) {
			coefficients++;
			if (!strcmp(model, "features") && !strcmp(op, "conv_2d") &&
			    !strcmp(predicts, "latency_ms") && !strcmp(feature, "macs") &&
			    !strcmp(cold, "0"))
				assert_near(strtod(value, NULL), MS(CYCLES_PER_MAC), 1e-12);
		} else if (!strcmp(cells[0], "layer")) {
			layers++;
			test_layer(layer);
			assert_true(strtod(ms, NULL) > 0);
		} else {
			assert_string_equal(cells[0], "model");
			assert_string_equal(name, "net \"1\", a");
			models++;
		}
	}
	assert_true(coefficients > 10);
	assert_int_equal(layers, 92);
	assert_int_equal(models, 1);
	free(text);
	mn_cost_table_free(table);
	mn_store_close(store);
}

static void an_empty_store_says_what_to_run(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("g.db"), MN_STORE_CREATE);
	struct mn_cost_table *table = NULL;
	struct mn_err err;

	(void)state;
	assert_int_equal(mn_export_table(store, &everything, &table, &err), MN_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "mnchar collect"));
	assert_null(table);
	mn_store_close(store);
}

static void rows_of_an_older_image_carry_it(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("h.db"), MN_STORE_CREATE);
	struct planted p = planted_default();
	struct mn_cost_table *table;
	size_t older = 0;

	(void)state;
	put_convolutions(store, &p, 9);
	p.image = "image-b";
	put_convolutions(store, &p, 5);
	table = export_all(store);
	assert_int_equal(table->n_rigs, 1);
	assert_string_equal(table->rigs[0].image, "image-b");
	for (size_t i = 0; i < table->rigs[0].n_measured; i++)
		older += !strcmp(table->rigs[0].measured[i].image, "image-a");
	assert_int_equal(older, 4);
	assert_int_equal(table->rigs[0].n_measured, 9);
	mn_cost_table_free(table);
	mn_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loaded_table_predicts_what_the_fit_does),
		cmocka_unit_test(json_reads_back_to_the_same_json),
		cmocka_unit_test(a_table_says_where_it_comes_from),
		cmocka_unit_test(nn_meter_gets_the_kernels_that_it_knows),
		cmocka_unit_test(extrapolation_and_holes_are_said),
		cmocka_unit_test(broken_tables_are_refused_by_name),
		cmocka_unit_test(a_table_with_a_changed_member_never_crashes),
		cmocka_unit_test(csv_has_a_row_a_coefficient_and_a_measurement),
		cmocka_unit_test(an_empty_store_says_what_to_run),
		cmocka_unit_test(rows_of_an_older_image_carry_it),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
