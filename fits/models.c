/* SPDX-License-Identifier: MIT */
#include "models.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cyaml/cyaml.h>
#include <yaml.h>

#include "paths.h"

const char *mn_target_name(enum mn_target target)
{
	static const char *const names[] = {"latency", "energy", "power"};

	return names[target];
}

const char *mn_target_unit(enum mn_target target)
{
	static const char *const units[] = {"ms", "mJ", "mW"};

	return units[target];
}

/* The file, as libcyaml fills it. */
struct raw_path {
	uint32_t path;
	uint64_t terms;
};

struct raw_fit {
	uint32_t ops, targets;
	uint32_t weighting, dependent;
	char *kernels;
	bool origin, robust;
	struct raw_path *paths;
	uint32_t paths_count;
};

struct raw {
	char *name;
	struct raw_fit *fits;
	uint32_t fits_count;
};

static const cyaml_strval_t op_names[] = {
#define X(name, value, text, inputs) {text, 1 << (value)},
	MN_OP_TABLE(X)
#undef X
		{"model", 1LL << MN_MODELS_WHOLE},
};

static const cyaml_strval_t target_names[] = {
	{"latency", 1 << MN_TARGET_LATENCY},
	{"energy", 1 << MN_TARGET_ENERGY},
	{"power", 1 << MN_TARGET_POWER},
};

static const cyaml_strval_t weighting_names[] = {
	{"none", MN_WEIGHTING_NONE},
	{"relative", MN_WEIGHTING_RELATIVE},
};

static const cyaml_strval_t dependent_names[] = {
	{"refuse", 0},
	{"drop", 1},
};

static const cyaml_strval_t path_names[] = {
#define X(name, bit, text) {text, 1 << (bit)},
	MN_PATH_TABLE(X)
#undef X
};

/* `origin` says whether there is const; as a term it is refused below. */
static const cyaml_strval_t term_names[] = {
#define X(name, text) {text, 1LL << MN_FEATURE_##name},
	MN_FEATURE_TABLE(X)
#undef X
};

_Static_assert(MN_FEATURE_COUNT < 63, "terms are bits of a 64-bit number");

#define FLAGS(key, flags, type, member, names)                                                     \
	CYAML_FIELD_FLAGS(key, CYAML_FLAG_STRICT | (flags), type, member, names,                   \
			  CYAML_ARRAY_LEN(names))

static const cyaml_schema_field_t path_fields[] = {
	FLAGS("path", CYAML_FLAG_OPTIONAL, struct raw_path, path, path_names),
	FLAGS("terms", 0, struct raw_path, terms, term_names),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t path_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_path, path_fields),
};

static const cyaml_schema_field_t fit_fields[] = {
	FLAGS("ops", 0, struct raw_fit, ops, op_names),
	FLAGS("targets", 0, struct raw_fit, targets, target_names),
	CYAML_FIELD_ENUM("weighting", CYAML_FLAG_STRICT, struct raw_fit, weighting, weighting_names,
			 CYAML_ARRAY_LEN(weighting_names)),
	CYAML_FIELD_STRING_PTR("kernels", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_fit,
			       kernels, 1, 200),
	CYAML_FIELD_BOOL("origin", CYAML_FLAG_DEFAULT, struct raw_fit, origin),
	CYAML_FIELD_BOOL("robust", CYAML_FLAG_OPTIONAL, struct raw_fit, robust),
	CYAML_FIELD_ENUM("dependent", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct raw_fit,
			 dependent, dependent_names, CYAML_ARRAY_LEN(dependent_names)),
	CYAML_FIELD_SEQUENCE("paths", CYAML_FLAG_POINTER, struct raw_fit, paths, &path_schema, 1,
			     MN_MODEL_PATHS_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t fit_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_fit, fit_fields),
};

static const cyaml_schema_field_t fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct raw, name, 1, 40),
	CYAML_FIELD_SEQUENCE("fits", CYAML_FLAG_POINTER, struct raw, fits, &fit_schema, 1, 64),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw, fields),
};

/* libcyaml tells what is wrong only to its log: a sentence, then where, from the inside out. */
struct complaint {
	char sentence[200];
	unsigned line, column; /* 0: not said */
};

static void take_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct complaint *c = ctx;
	char text[256];
	const char *at;

	(void)level;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	if (!c->sentence[0])
		snprintf(c->sentence, sizeof(c->sentence), "%.199s",
			 !strncmp(text, "Load: ", 6) ? text + 6 : text);
	at = strstr(text, "line: ");
	if (at && !c->line && sscanf(at, "line: %u, column: %u", &c->line, &c->column) != 2)
		c->line = 0;
}

int mn_model_matches(const struct mn_model *m, int op, enum mn_target target, const char *kernels)
{
	return (m->ops >> op & 1) && (m->targets >> target & 1) &&
	       (!m->kernels || !fnmatch(m->kernels, kernels, 0));
}

static int is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Where fit number `fit` of the file begins, or number `path` of its paths (-1: the fit). libcyaml
 * has read the text, so its structure is right; 1:1 if it is not found. */
static void locate(const char *text, size_t len, size_t fit, long path, size_t *ret_line,
		   size_t *ret_column)
{
	yaml_parser_t parser;
	yaml_document_t doc;

	*ret_line = *ret_column = 1;
	if (!yaml_parser_initialize(&parser))
		return;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &doc)) {
		yaml_node_t *node = yaml_document_get_root_node(&doc);
		const char *const keys[] = {"fits", "paths"};
		const long numbers[] = {(long)fit, path};

		for (int level = 0; level < 2 && node && numbers[level] >= 0; level++) {
			yaml_node_t *list = NULL;

			for (yaml_node_pair_t *pair = node->type == YAML_MAPPING_NODE
							      ? node->data.mapping.pairs.start
							      : NULL;
			     pair && pair < node->data.mapping.pairs.top; pair++) {
				yaml_node_t *key = yaml_document_get_node(&doc, pair->key);

				if (!strcmp((char *)key->data.scalar.value, keys[level]))
					list = yaml_document_get_node(&doc, pair->value);
			}
			node = list && list->type == YAML_SEQUENCE_NODE &&
					       list->data.sequence.items.top -
							       list->data.sequence.items.start >
						       numbers[level]
				       ? yaml_document_get_node(
						 &doc,
						 list->data.sequence.items.start[numbers[level]])
				       : NULL;
			if (node) {
				*ret_line = node->start_mark.line + 1;
				*ret_column = node->start_mark.column + 1;
			}
		}
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
}

static const char *check_path(const struct raw_fit *fit, const struct raw_path *path)
{
	int terms = __builtin_popcountll(path->terms) + !fit->origin;

	if (path->terms & 1ull << MN_FEATURE_CONST)
		return "const is no term: origin says whether there is one";
	if (terms == 0)
		return "a path through the origin needs a term";
	if (terms > MN_REGRESS_TERMS_MAX)
		return "a path has too many terms";
	if ((fit->ops >> MN_MODELS_WHOLE & 1) &&
	    (path->terms & ~(1ull << MN_FEATURE_OPS) || path->path))
		return "of a whole model only the ops are known: no other term and no path";
	return NULL;
}

/* What is wrong with a fit, and in which path (-1: none). NULL: nothing. */
static const char *check(const struct mn_models *models, const struct raw *raw, size_t number,
			 long *ret_path)
{
	const struct raw_fit *fit = &raw->fits[number];
	const char *why = NULL;

	*ret_path = -1;
	if (!fit->ops || !fit->targets)
		return "ops and targets must not be empty";
	for (uint32_t i = 0; i < fit->paths_count && !why; i++) {
		why = check_path(fit, &fit->paths[i]);
		for (uint32_t j = 0; j < i && !why; j++)
			if (fit->paths[j].path == (fit->paths[j].path & fit->paths[i].path))
				why = "no layer gets here: an earlier path contains them all";
		if (why)
			*ret_path = (long)i;
	}
	for (size_t j = 0; j < models->n && !why; j++)
		if (!strcmp(models->all[j].name, raw->name) &&
		    is_same(models->all[j].kernels, fit->kernels) &&
		    (models->all[j].ops & fit->ops) && (models->all[j].targets & fit->targets))
			why = "there is already a model of this name for some op and target of it";
	return why;
}

static int add(struct mn_models *models, const char *name, const struct raw_fit *fit)
{
	struct mn_model *all = realloc(models->all, (models->n + 1) * sizeof(*all)), *m;

	if (!all)
		return MN_E_NOMEM;
	models->all = all;
	m = &all[models->n];
	*m = (struct mn_model){
		.name = strdup(name),
		.ops = fit->ops,
		.targets = fit->targets,
		.weighting = (enum mn_weighting)fit->weighting,
		.robust = fit->robust,
		.drop = fit->dependent != 0,
		.n_paths = fit->paths_count,
	};
	m->kernels = fit->kernels ? strdup(fit->kernels) : NULL;
	models->n++;
	if (!m->name || (fit->kernels && !m->kernels))
		return MN_E_NOMEM;
	for (size_t i = 0; i < m->n_paths; i++) {
		struct mn_model_path *p = &m->path[i];

		m->paths[i] = (uint8_t)fit->paths[i].path;
		for (int f = 0; f < MN_FEATURE_COUNT; f++)
			if (fit->paths[i].terms >> f & 1)
				p->terms[p->n_terms++] = (enum mn_feature)f;
		if (!fit->origin)
			p->terms[p->n_terms++] = MN_FEATURE_CONST;
	}
	return 0;
}

static void drop(struct mn_models *models, size_t n)
{
	while (models->n > n) {
		models->n--;
		free(models->all[models->n].name);
		free(models->all[models->n].kernels);
	}
}

int mn_models_text(struct mn_models *models, const char *name, const char *text, size_t len,
		   struct mn_err *err)
{
	struct complaint complaint = {.line = 0};
	const cyaml_config_t config = {
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_ERROR,
		.flags = CYAML_CFG_NO_ALIAS,
		.log_fn = take_log,
		.log_ctx = &complaint,
	};
	struct raw *raw = NULL;
	size_t before = models->n;
	cyaml_err_t bad;
	int rc = 0;

	bad = cyaml_load_data((const uint8_t *)text, len, &config, &schema, (cyaml_data_t **)&raw,
			      NULL);
	if (bad == CYAML_ERR_OOM)
		return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", name);
	if (bad != CYAML_OK || !raw)
		return mn_err_set(err, MN_E_SYNTAX, "%s:%u:%u: %s", name,
				  complaint.line ? complaint.line : 1,
				  complaint.line ? complaint.column : 1,
				  complaint.sentence[0] ? complaint.sentence
				  : bad != CYAML_OK     ? cyaml_strerror(bad)
							: "the file is empty");
	for (size_t i = 0; i < raw->fits_count && rc == 0; i++) {
		size_t line, column;
		long path;
		const char *why = check(models, raw, i, &path);

		if (why) {
			locate(text, len, i, path, &line, &column);
			rc = mn_err_set(err, MN_E_INVALID, "%s:%zu:%zu: %s", name, line, column,
					why);
		} else if (add(models, raw->name, &raw->fits[i])) {
			rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", name);
		}
	}
	if (rc)
		drop(models, before);
	cyaml_free(&config, &schema, raw, 0);
	return rc;
}

int mn_models_file(struct mn_models *models, const char *path, struct mn_err *err)
{
	enum { MAX = 1 << 20 };
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	size_t len;
	int rc;

	if (!f)
		return mn_err_set(err, errno == ENOENT ? MN_E_NOTFOUND : MN_E_IO, "%s: %s", path,
				  strerror(errno));
	text = malloc(MAX);
	len = text ? fread(text, 1, MAX, f) : 0;
	if (!text)
		rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", path);
	else if (ferror(f))
		rc = mn_err_set(err, MN_E_IO, "%s: %s", path, strerror(errno));
	else if (len == MAX)
		rc = mn_err_set(err, MN_E_TOO_BIG, "%s: this is too long for a model", path);
	else
		rc = mn_models_text(models, path, text, len, err);
	free(text);
	fclose(f);
	return rc;
}

static int is_yaml(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && entry->d_name[0] != '.' && !strcmp(entry->d_name + n - 5, ".yaml");
}

int mn_models_folder(struct mn_models *models, const char *folder, struct mn_err *err)
{
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_yaml, alphasort), rc = 0;

	if (n < 0)
		return mn_err_set(err, errno == ENOENT ? MN_E_NOTFOUND : MN_E_IO, "%s: %s", folder,
				  strerror(errno));
	for (int i = 0; i < n; i++) {
		char *path = NULL;

		if (rc == 0 && asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
			rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", folder);
		if (rc == 0)
			rc = mn_models_file(models, path, err);
		free(path);
		free(entries[i]);
	}
	free(entries);
	if (rc == 0 && models->n == 0)
		rc = mn_err_set(err, MN_E_NOTFOUND, "%s: no model (*.yaml) is in this folder",
				folder);
	return rc;
}

void mn_models_free(struct mn_models *models)
{
	drop(models, 0);
	free(models->all);
	models->all = NULL;
}

int mn_models_shipped(struct mn_models *models, struct mn_err *err)
{
	char folder[PATH_MAX];
	int ret = mn_path(MN_DIR_MODELS, NULL, folder, sizeof(folder), err);

	return ret ? ret : mn_models_folder(models, folder, err);
}
