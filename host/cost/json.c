/* SPDX-License-Identifier: MIT */
/* The JSON form of a cost table, in and out. Its schema is in README.md, "Cost tables". */
#include "cost.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* Out */

static json_t *real(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* Counts are whole numbers wherever they are known. */
static json_t *count(double value)
{
	return isfinite(value) ? json_integer((json_int_t)value) : json_null();
}

/* jansson refuses texts that are not UTF-8; a record that cannot be written must not just be
 * missing. */
static void append(json_t *array, json_t *value, int *failed)
{
	if (json_array_append_new(array, value))
		*failed = 1;
}

static void set(json_t *object, const char *name, json_t *value, int *failed)
{
	if (json_object_set_new(object, name, value))
		*failed = 1;
}

static json_t *write_term(const struct mn_cost_model *m, const struct mn_cost_term *t)
{
	char path[MN_PATH_TEXT_MAX];

	return json_pack("{s:s, s:f, s:[o,o], s:o, s:s+, s:s}", "feature",
			 mn_feature_name(t->feature), "value", t->value, "ci95", real(t->ci95_lo),
			 real(t->ci95_hi), "std_err", real(t->std_err), "unit",
			 mn_cost_quantity_unit(m->predicts),
			 t->feature == MN_FEATURE_CONST ? "" : " per 1 of the feature", "path",
			 mn_path_format(t->path, path));
}

static json_t *write_spread(const struct mn_cost_spread *s, int *failed)
{
	json_t *covariance = json_array();
	char path[MN_PATH_TEXT_MAX];

	for (uint32_t i = 0; i < s->n_terms * (s->n_terms + 1) / 2; i++)
		append(covariance, real(s->covariance[i]), failed);
	return json_pack("{s:s, s:I, s:o, s:o, s:o}", "path", mn_path_format(s->path, path), "n",
			 (json_int_t)s->n, "sigma", real(s->sigma), "t95", real(s->t95),
			 "covariance", covariance);
}

static json_t *write_model(const struct mn_cost_model *m, int *failed)
{
	json_t *terms = json_array(), *paths = json_array(), *spreads = json_array();
	char path[MN_PATH_TEXT_MAX];

	for (uint32_t i = 0; i < m->n_paths; i++)
		append(paths, json_string(mn_path_format(m->paths[i], path)), failed);
	for (uint32_t i = 0; i < m->n_terms; i++)
		append(terms, write_term(m, &m->terms[i]), failed);
	for (uint32_t i = 0; i < m->n_spreads; i++)
		append(spreads, write_spread(&m->spreads[i], failed), failed);
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:s, "
			 "s:o, s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:o, s:o}",
			 "op", m->op, "backbone", m->backbone, "predicts",
			 mn_cost_quantity_name(m->predicts), "model", m->model, "preferred",
			 m->preferred, "terms", terms, "n", (json_int_t)m->n, "n_excluded",
			 (json_int_t)m->n_excluded, "r2", real(m->r2), "mape_pct",
			 real(m->mape_pct), "within5_pct", real(m->within5_pct), "within10_pct",
			 real(m->within10_pct), "worst_pct", real(m->worst_pct), "worst_layer",
			 m->worst_layer, "std_pct", real(m->std_pct), "validation", m->validation,
			 "weighting", m->weighting, "range_feature",
			 mn_feature_name(m->range_feature), "range_min", real(m->range_min),
			 "range_max", real(m->range_max), "fitted_at", m->fitted_at, "detail",
			 m->detail, "paths", paths, "spreads", spreads);
}

static json_t *write_measured(const struct mn_cost_measured *m, int *failed)
{
	json_t *o = m->layer[0]
			    ? json_pack("{s:s}", "layer", m->layer)
			    : json_pack("{s:s, s:s}", "model", m->model, "backbone", m->backbone);

	set(o, "ops", count(m->ops), failed);
	set(o, "cycles", real(m->cycles), failed);
	set(o, "latency_ms", real(m->latency_ms), failed);
	set(o, "energy_mJ", real(m->energy_mJ), failed);
	set(o, "power_mW", real(m->power_mW), failed);
	if (m->excluded_latency[0])
		set(o, "excluded_latency", json_string(m->excluded_latency), failed);
	if (m->excluded_energy[0])
		set(o, "excluded_energy", json_string(m->excluded_energy), failed);
	if (m->source[0])
		set(o, "source", json_string(m->source), failed);
	if (m->image[0])
		set(o, "image", json_string(m->image), failed);
	set(o, "measurement", json_integer(m->measurement), failed);
	return o;
}

/* null: not validated. */
static json_t *validation(const char *text)
{
	json_t *o = text[0] ? json_loads(text, 0, NULL) : NULL;

	return o ? o : json_null();
}

static json_t *write_rig(const struct mn_cost_rig *r, int *failed)
{
	json_t *models = json_array(), *layers = json_array(), *wholes = json_array();

	for (size_t i = 0; i < r->n_models; i++)
		append(models, write_model(&r->models[i], failed), failed);
	for (size_t i = 0; i < r->n_measured; i++)
		append(r->measured[i].layer[0] ? layers : wholes,
		       write_measured(&r->measured[i], failed), failed);
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "kind", r->kind,
			 "board", r->board, "kernels", r->kernels, "cold", r->cold, "clock_hz",
			 count(r->clock_hz), "image", r->image, "cycle_model", r->cycle_model,
			 "validation", validation(r->validation), "models", models,
			 "measured_layers", layers, "measured_models", wholes);
}

int mn_cost_write_json(const struct mn_cost_table *table, FILE *f, struct mn_err *err)
{
	json_t *rigs = json_array(), *root;
	int rc, failed = 0;

	for (size_t i = 0; i < table->n_rigs; i++)
		append(rigs, write_rig(&table->rigs[i], &failed), &failed);
	root = json_pack("{s:s, s:i, s:s, s:o}", "schema", MN_COST_SCHEMA, "version",
			 MN_COST_VERSION, "generator", table->generator, "rigs", rigs);
	if (!root || failed) {
		json_decref(root);
		return mn_err_set(
			err, MN_E_INVALID,
			"cannot write the cost table as JSON: a text in it is not UTF-8, or "
			"memory ran out");
	}
	/* 17 digits: what is read back is the same double. */
	rc = json_dumpf(root, f, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
	json_decref(root);
	if (rc || fputc('\n', f) == EOF)
		return mn_err_set(err, MN_E_IO, "cannot write the cost table: %s", strerror(errno));
	return 0;
}

/* In */

static int invalid(struct mn_err *err, const char *name, const char *what)
{
	return mn_err_set(err, MN_E_INVALID, "the cost table's member \"%s\" %s", name, what);
}

static int get_string(const json_t *o, const char *name, const char **ret, struct mn_err *err)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_string(v))
		return invalid(err, name, v ? "is not a string" : "is missing");
	*ret = json_string_value(v);
	return 0;
}

/* Not there is "". */
static int get_optional(const json_t *o, const char *name, const char **ret, struct mn_err *err)
{
	*ret = "";
	return json_object_get(o, name) ? get_string(o, name, ret, err) : 0;
}

/* null and not there are NAN. */
static int get_real(const json_t *o, const char *name, double *ret, struct mn_err *err)
{
	const json_t *v = json_object_get(o, name);

	if (v && !json_is_number(v) && !json_is_null(v))
		return invalid(err, name, "is not a number");
	*ret = json_is_number(v) ? json_number_value(v) : NAN;
	return 0;
}

static int get_integer(const json_t *o, const char *name, int64_t *ret, struct mn_err *err)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_integer(v))
		return invalid(err, name, v ? "is not a whole number" : "is missing");
	*ret = json_integer_value(v);
	return 0;
}

static int get_bool(const json_t *o, const char *name, int *ret, struct mn_err *err)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_boolean(v))
		return invalid(err, name, v ? "is not true or false" : "is missing");
	*ret = json_is_true(v);
	return 0;
}

static int get_array(const json_t *o, const char *name, const json_t **ret, struct mn_err *err)
{
	*ret = json_object_get(o, name);
	return json_is_array(*ret) ? 0
				   : invalid(err, name, *ret ? "is not an array" : "is missing");
}

static int get_feature(const json_t *o, const char *name, enum mn_feature *ret, struct mn_err *err)
{
	const char *text = NULL;
	int feature, rc = get_string(o, name, &text, err);

	if (rc)
		return rc;
	feature = mn_feature_parse(text);
	if (feature < 0)
		return mn_err_set(err, MN_E_UNSUPPORTED,
				  "the cost table uses the feature \"%s\", which this mnchar does "
				  "not know",
				  text);
	*ret = (enum mn_feature)feature;
	return 0;
}

/* A member that is not there is "any": version 1. */
static int get_path(const json_t *v, uint8_t *ret, struct mn_err *err)
{
	int path = v && json_is_string(v) ? mn_path_parse(json_string_value(v)) : MN_PATH_ANY;

	if (v && !json_is_string(v))
		return invalid(err, "path", "is not a string");
	if (path < 0)
		return mn_err_set(err, MN_E_UNSUPPORTED,
				  "the cost table uses the kernel path \"%s\", which this mnchar "
				  "does not know",
				  json_string_value(v));
	*ret = (uint8_t)path;
	return 0;
}

static int read_paths(const json_t *o, struct mn_cost_model *m, struct mn_err *err)
{
	const json_t *array = json_object_get(o, "paths");
	int rc = 0;

	if (array && !json_is_array(array))
		return invalid(err, "paths", "is not an array");
	if (json_array_size(array) > MN_PATHS_MAX)
		return invalid(err, "paths", "has too many paths");
	for (size_t i = 0; i < json_array_size(array) && !rc; i++)
		rc = get_path(json_array_get(array, i), &m->paths[m->n_paths++], err);
	return rc;
}

static int read_term(const json_t *o, struct mn_cost_term *t, struct mn_err *err)
{
	const json_t *ci;
	int rc = get_feature(o, "feature", &t->feature, err);

	if (rc)
		return rc;
	if ((rc = get_real(o, "value", &t->value, err)) ||
	    (rc = get_real(o, "std_err", &t->std_err, err)) ||
	    (rc = get_path(json_object_get(o, "path"), &t->path, err)) ||
	    (rc = get_array(o, "ci95", &ci, err)))
		return rc;
	if (!isfinite(t->value))
		return invalid(err, "value", "of a term is missing");
	if (json_array_size(ci) != 2)
		return invalid(err, "ci95", "has not two numbers");
	t->ci95_lo = json_is_number(json_array_get(ci, 0))
			     ? json_number_value(json_array_get(ci, 0))
			     : NAN;
	t->ci95_hi = json_is_number(json_array_get(ci, 1))
			     ? json_number_value(json_array_get(ci, 1))
			     : NAN;
	return 0;
}

static int count_terms(const struct mn_cost_model *m, uint8_t path)
{
	int n = 0;

	for (uint32_t i = 0; i < m->n_terms; i++)
		n += m->terms[i].path == path;
	return n;
}

static int read_spread(const json_t *o, struct mn_cost_model *m, struct mn_cost_spread *s,
		       double *covariance, struct mn_err *err)
{
	const json_t *array;
	size_t n;
	int rc;

	if ((rc = get_path(json_object_get(o, "path"), &s->path, err)) ||
	    (rc = get_integer(o, "n", &s->n, err)) || (rc = get_real(o, "sigma", &s->sigma, err)) ||
	    (rc = get_real(o, "t95", &s->t95, err)) ||
	    (rc = get_array(o, "covariance", &array, err)))
		return rc;
	s->n_terms = (uint32_t)count_terms(m, s->path);
	n = json_array_size(array);
	if (s->n_terms > MN_FEATURE_COUNT || n != (size_t)s->n_terms * (s->n_terms + 1) / 2)
		return invalid(err, "covariance", "has not a triangle of its path's terms");
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(array, i);

		if (!json_is_number(v))
			return invalid(err, "covariance", "has something that is not a number");
		covariance[i] = json_number_value(v);
	}
	s->covariance = covariance;
	return 0;
}

enum { TRIANGLE_MAX = MN_FEATURE_COUNT * (MN_FEATURE_COUNT + 1) / 2 };

/* After the terms. Not there: none. */
static int read_spreads(const json_t *o, struct mn_cost_model *m, double (*space)[TRIANGLE_MAX],
			struct mn_err *err)
{
	const json_t *array = json_object_get(o, "spreads");
	int rc = 0;

	if (array && !json_is_array(array))
		return invalid(err, "spreads", "is not an array");
	if (json_array_size(array) > MN_PATHS_MAX)
		return invalid(err, "spreads", "has too many paths");
	for (size_t i = 0; i < json_array_size(array) && !rc; i++, m->n_spreads++)
		rc = read_spread(json_array_get(array, i), m, &m->spreads[i], space[i], err);
	return rc;
}

static int read_model(struct mn_cost_table *table, struct mn_cost_rig *rig, const json_t *o,
		      struct mn_err *err)
{
	struct mn_cost_term terms[MN_PATHS_MAX * MN_FEATURE_COUNT] = {0};
	struct mn_cost_spread spreads[MN_PATHS_MAX] = {0};
	double covariance[MN_PATHS_MAX][TRIANGLE_MAX];
	struct mn_cost_model m = {.terms = terms, .spreads = spreads};
	const char *predicts = NULL;
	const json_t *array;
	int rc, quantity;

	if ((rc = get_string(o, "op", &m.op, err)) ||
	    (rc = get_optional(o, "backbone", &m.backbone, err)) ||
	    (rc = get_string(o, "predicts", &predicts, err)) ||
	    (rc = get_string(o, "model", &m.model, err)) ||
	    (rc = get_bool(o, "preferred", &m.preferred, err)) ||
	    (rc = get_integer(o, "n", &m.n, err)) ||
	    (rc = get_integer(o, "n_excluded", &m.n_excluded, err)) ||
	    (rc = get_real(o, "r2", &m.r2, err)) ||
	    (rc = get_real(o, "mape_pct", &m.mape_pct, err)) ||
	    (rc = get_real(o, "within5_pct", &m.within5_pct, err)) ||
	    (rc = get_real(o, "within10_pct", &m.within10_pct, err)) ||
	    (rc = get_real(o, "worst_pct", &m.worst_pct, err)) ||
	    (rc = get_optional(o, "worst_layer", &m.worst_layer, err)) ||
	    (rc = get_real(o, "std_pct", &m.std_pct, err)) ||
	    (rc = get_optional(o, "validation", &m.validation, err)) ||
	    (rc = get_optional(o, "weighting", &m.weighting, err)) ||
	    (rc = get_feature(o, "range_feature", &m.range_feature, err)) ||
	    (rc = get_real(o, "range_min", &m.range_min, err)) ||
	    (rc = get_real(o, "range_max", &m.range_max, err)) ||
	    (rc = get_optional(o, "fitted_at", &m.fitted_at, err)) ||
	    (rc = get_optional(o, "detail", &m.detail, err)) || (rc = read_paths(o, &m, err)) ||
	    (rc = get_array(o, "terms", &array, err)))
		return rc;
	quantity = mn_cost_quantity_parse(predicts);
	if (quantity < 0)
		return invalid(err, "predicts", "is none of latency_ms, energy_mJ, power_mW");
	m.predicts = (enum mn_cost_quantity)quantity;
	if (json_array_size(array) > MN_PATHS_MAX * MN_FEATURE_COUNT)
		return invalid(err, "terms", "has more terms than there are features");
	for (size_t i = 0; i < json_array_size(array); i++) {
		rc = read_term(json_array_get(array, i), &terms[m.n_terms++], err);
		if (rc)
			return rc;
	}
	rc = read_spreads(o, &m, covariance, err);
	if (rc)
		return rc;
	if (!mn_cost_add_model(table, rig, &m))
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	return 0;
}

static int read_measured(struct mn_cost_table *table, struct mn_cost_rig *rig, const json_t *o,
			 struct mn_err *err)
{
	struct mn_cost_measured m = {0};
	int rc;

	if ((rc = get_optional(o, "layer", &m.layer, err)) ||
	    (rc = get_optional(o, "model", &m.model, err)) ||
	    (rc = get_optional(o, "backbone", &m.backbone, err)) ||
	    (rc = get_real(o, "ops", &m.ops, err)) ||
	    (rc = get_real(o, "cycles", &m.cycles, err)) ||
	    (rc = get_real(o, "latency_ms", &m.latency_ms, err)) ||
	    (rc = get_real(o, "energy_mJ", &m.energy_mJ, err)) ||
	    (rc = get_real(o, "power_mW", &m.power_mW, err)) ||
	    (rc = get_optional(o, "excluded_latency", &m.excluded_latency, err)) ||
	    (rc = get_optional(o, "excluded_energy", &m.excluded_energy, err)) ||
	    (rc = get_optional(o, "source", &m.source, err)) ||
	    (rc = get_optional(o, "image", &m.image, err)) ||
	    (rc = get_integer(o, "measurement", &m.measurement, err)))
		return rc;
	if (!mn_cost_add_measured(table, rig, &m))
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	return 0;
}

/* An object as text, which the caller frees; NULL if it is not there or null. */
static int get_object_text(const json_t *o, const char *name, char **ret, struct mn_err *err)
{
	const json_t *v = json_object_get(o, name);

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_object(v))
		return mn_err_set(err, MN_E_INVALID, "\"%s\" is not an object", name);
	*ret = json_dumps(v, JSON_COMPACT);
	return *ret ? 0 : mn_err_set(err, MN_E_NOMEM, "out of memory");
}

static int read_rig(struct mn_cost_table *table, const json_t *o, struct mn_err *err)
{
	const json_t *models, *layers, *wholes;
	struct mn_cost_rig r = {0}, *rig;
	char *kept = NULL;
	int rc;

	if ((rc = get_string(o, "kind", &r.kind, err)) ||
	    (rc = get_string(o, "board", &r.board, err)) ||
	    (rc = get_string(o, "kernels", &r.kernels, err)) ||
	    (rc = get_bool(o, "cold", &r.cold, err)) ||
	    (rc = get_real(o, "clock_hz", &r.clock_hz, err)) ||
	    (rc = get_optional(o, "image", &r.image, err)) ||
	    (rc = get_optional(o, "cycle_model", &r.cycle_model, err)) ||
	    (rc = get_object_text(o, "validation", &kept, err)) ||
	    (rc = get_array(o, "models", &models, err)) ||
	    (rc = get_array(o, "measured_layers", &layers, err)) ||
	    (rc = get_array(o, "measured_models", &wholes, err)))
		goto out;
	r.validation = kept;
	rig = mn_cost_add_rig(table, &r);
	if (!rig) {
		rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < json_array_size(models) && !rc; i++)
		rc = read_model(table, rig, json_array_get(models, i), err);
	for (size_t i = 0; i < json_array_size(layers) && !rc; i++)
		rc = read_measured(table, rig, json_array_get(layers, i), err);
	for (size_t i = 0; i < json_array_size(wholes) && !rc; i++)
		rc = read_measured(table, rig, json_array_get(wholes, i), err);
out:
	free(kept);
	return rc;
}

int mn_cost_read_json(const char *text, size_t len, struct mn_cost_table **ret_table,
		      struct mn_err *err)
{
	struct mn_cost_table *table = NULL;
	const char *schema = NULL, *generator = NULL;
	const json_t *rigs;
	json_error_t why;
	json_t *root;
	int64_t version = 0;
	int rc;

	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return mn_err_set(err, MN_E_SYNTAX, "not JSON: line %d, column %d: %s", why.line,
				  why.column, why.text);
	rc = get_string(root, "schema", &schema, err);
	if (rc)
		goto out;
	if (strcmp(schema, MN_COST_SCHEMA)) {
		rc = invalid(err, "schema", "is not \"" MN_COST_SCHEMA "\"");
		goto out;
	}
	rc = get_integer(root, "version", &version, err);
	if (rc)
		goto out;
	if (version < 1 || version > MN_COST_VERSION) {
		rc = mn_err_set(
			err, MN_E_VERSION,
			"the cost table has version %lld, this mnchar reads versions 1 to %d",
			(long long)version, MN_COST_VERSION);
		goto out;
	}
	if ((rc = get_string(root, "generator", &generator, err)) ||
	    (rc = get_array(root, "rigs", &rigs, err)))
		goto out;
	table = mn_cost_table_new(generator);
	if (!table)
		rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
	for (size_t i = 0; i < json_array_size(rigs) && !rc; i++)
		rc = read_rig(table, json_array_get(rigs, i), err);
out:
	if (rc)
		mn_cost_table_free(table);
	else
		*ret_table = table;
	json_decref(root);
	return rc;
}

/* Behind the string that starts at i; len if it does not end. */
static size_t past_string(const char *text, size_t len, size_t i)
{
	for (i++; i < len && text[i] != '"'; i++)
		i += text[i] == '\\';
	return i < len ? i + 1 : len;
}

/* Behind the bracket that closes the one at i; len if there is none. */
static size_t past_bracket(const char *text, size_t len, size_t i)
{
	size_t depth = 0;

	while (i < len) {
		if (text[i] == '"') {
			i = past_string(text, len, i);
			continue;
		}
		if (text[i] == '[' || text[i] == '{')
			depth++;
		else if ((text[i] == ']' || text[i] == '}') && --depth == 0)
			return i + 1;
		i++;
	}
	return len;
}

/* Whether the string at i is a key of measurements; *ret_array is where their array starts. */
static int is_measured(const char *text, size_t len, size_t i, size_t *ret_array)
{
	static const char *const keys[] = {"\"measured_layers\"", "\"measured_models\""};

	for (int k = 0; k < 2; k++) {
		size_t n = strlen(keys[k]), at = i + n;

		if (len - i < n || memcmp(text + i, keys[k], n) != 0)
			continue;
		while (at < len && strchr(" \t\r\n:", text[at]) && text[at])
			at++;
		*ret_array = at;
		return at < len && text[at] == '[';
	}
	return 0;
}

int mn_cost_read_models(const char *text, size_t len, struct mn_cost_table **ret_table,
			struct mn_err *err)
{
	char *copy = malloc(len + 1);
	size_t n = 0, from = 0, i = 0, array = 0;
	int rc;

	if (!copy)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	while (i < len) {
		if (text[i] != '"') {
			i++;
			continue;
		}
		if (!is_measured(text, len, i, &array)) {
			i = past_string(text, len, i);
			continue;
		}
		/* Up to the bracket, and an empty array; a broken one is left for the parser. */
		i = past_bracket(text, len, array);
		if (i == len)
			break;
		memcpy(copy + n, text + from, array - from);
		n += array - from;
		copy[n++] = '[';
		copy[n++] = ']';
		from = i;
	}
	memcpy(copy + n, text + from, len - from);
	rc = mn_cost_read_json(copy, n + len - from, ret_table, err);
	/* For the line and column of the whole text. */
	if (rc == MN_E_SYNTAX)
		rc = mn_cost_read_json(text, len, ret_table, err);
	free(copy);
	return rc;
}

static int load(const char *path,
		int (*read)(const char *, size_t, struct mn_cost_table **, struct mn_err *),
		struct mn_cost_table **ret_table, struct mn_err *err)
{
	char *text = NULL;
	size_t len = 0, size = 0;
	FILE *f = fopen(path, "rb");
	int rc = 0;

	if (!f)
		return mn_err_set(err, errno == ENOENT ? MN_E_NOTFOUND : MN_E_IO, "%s: %s", path,
				  strerror(errno));
	while (!feof(f)) {
		if (len == size) {
			char *more = realloc(text, size = size ? size * 2 : 65536);

			if (!more) {
				rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", path);
				goto out;
			}
			text = more;
		}
		len += fread(text + len, 1, size - len, f);
		if (ferror(f)) {
			rc = mn_err_set(err, MN_E_IO, "%s: %s", path, strerror(errno));
			goto out;
		}
	}
	rc = read(text, len, ret_table, err);
	if (rc)
		mn_err_prefix(err, rc, "%s: ", path);
out:
	fclose(f);
	free(text);
	return rc;
}

int mn_cost_load(const char *path, struct mn_cost_table **ret_table, struct mn_err *err)
{
	return load(path, mn_cost_read_json, ret_table, err);
}

int mn_cost_load_models(const char *path, struct mn_cost_table **ret_table, struct mn_err *err)
{
	return load(path, mn_cost_read_models, ret_table, err);
}
