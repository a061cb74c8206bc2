/* SPDX-License-Identifier: MIT */
#include "sweep_raw.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values of a list or a range, entries of a list. */
#define VALUES_MAX 65536

static const char *const field_names[] = {
#define X(name, kind, ops) #name,
#include "sweep_fields.def"
#undef X
};

const char *sweep_field_name(enum sweep_field field)
{
	return field_names[field];
}

#define TEXT     (CYAML_FLAG_POINTER)
#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_value_t text_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CYAML_UNLIMITED),
};

#define FIELD_TEXT(key, flags, type, member)                                                       \
	CYAML_FIELD_STRING_PTR(key, flags, type, member, 1, CYAML_UNLIMITED)
#define FIELD_LIST(key, type, member)                                                              \
	CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL, type, member.v, member.n, &text_schema, 1,       \
				   VALUES_MAX)

static const cyaml_schema_field_t list_fields[] = {
#define X(name, kind, ops) FIELD_LIST(#name, struct sweep_raw_lists, field[SWEEP_FIELD_##name]),
#include "sweep_fields.def"
#undef X
	CYAML_FIELD_END};

static const cyaml_schema_field_t range_fields[] = {
	FIELD_TEXT("from", TEXT, struct sweep_raw_range, from),
	FIELD_TEXT("to", TEXT, struct sweep_raw_range, to),
	FIELD_TEXT("step", OPTIONAL, struct sweep_raw_range, step),
	FIELD_TEXT("scale", OPTIONAL, struct sweep_raw_range, scale), CYAML_FIELD_END};

static const cyaml_schema_field_t ranges_fields[] = {
#define X(name, kind, ops)                                                                         \
	CYAML_FIELD_MAPPING_PTR(#name, OPTIONAL, struct sweep_raw_ranges,                          \
				field[SWEEP_FIELD_##name], range_fields),
#include "sweep_fields.def"
#undef X
	CYAML_FIELD_END};

static const cyaml_schema_field_t sample_fields[] = {
	FIELD_TEXT("count", TEXT, struct sweep_raw_sample, count),
	FIELD_TEXT("seed", TEXT, struct sweep_raw_sample, seed), CYAML_FIELD_END};

#define HOW(type, member)                                                                          \
	FIELD_TEXT("mode", OPTIONAL, type, member.mode),                                           \
		FIELD_TEXT("warmup", OPTIONAL, type, member.warmup),                               \
		FIELD_TEXT("reps", OPTIONAL, type, member.reps),                                   \
		FIELD_TEXT("repeats", OPTIONAL, type, member.repeats),                             \
		FIELD_LIST("kernels", type, member.kernels)

static const cyaml_schema_field_t group_fields[] = {
	FIELD_TEXT("name", TEXT, struct sweep_raw_group, name),
	FIELD_TEXT("op", OPTIONAL, struct sweep_raw_group, op),
	FIELD_TEXT("where", OPTIONAL, struct sweep_raw_group, where),
#define X(name, kind, ops)                                                                         \
	FIELD_TEXT(#name, OPTIONAL, struct sweep_raw_group, one[SWEEP_FIELD_##name]),
#include "sweep_fields.def"
#undef X
	CYAML_FIELD_MAPPING("list", CYAML_FLAG_OPTIONAL, struct sweep_raw_group, lists,
			    list_fields),
	CYAML_FIELD_MAPPING("range", CYAML_FLAG_OPTIONAL, struct sweep_raw_group, ranges,
			    ranges_fields),
	CYAML_FIELD_MAPPING_PTR("sample", OPTIONAL, struct sweep_raw_group, sample, sample_fields),
	FIELD_LIST("layers", struct sweep_raw_group, layers),
	HOW(struct sweep_raw_group, how),
	CYAML_FIELD_END};

static const cyaml_schema_value_t group_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct sweep_raw_group, group_fields),
};

struct defaults {
	struct sweep_raw_how how;
};

static const cyaml_schema_field_t defaults_fields[] = {HOW(struct defaults, how), CYAML_FIELD_END};

static const cyaml_schema_field_t top_fields[] = {
	FIELD_TEXT("name", TEXT, struct sweep_raw, name),
	FIELD_TEXT("description", OPTIONAL, struct sweep_raw, description),
	FIELD_TEXT("seed", OPTIONAL, struct sweep_raw, seed),
	CYAML_FIELD_MAPPING("defaults", CYAML_FLAG_OPTIONAL, struct sweep_raw, defaults,
			    defaults_fields),
	CYAML_FIELD_SEQUENCE_COUNT("groups", CYAML_FLAG_POINTER, struct sweep_raw, groups, n_groups,
				   &group_schema, 1, VALUES_MAX),
	CYAML_FIELD_END};

static const cyaml_schema_value_t top_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct sweep_raw, top_fields),
};

_Static_assert(sizeof(struct defaults) == sizeof(struct sweep_raw_how), "one struct, two names");

/*
 * libcyaml tells what is wrong only to its log: one sentence, then a backtrace from the inside out
 * ("in mapping field 'groups' (line: 3, column: 3)", "in sequence entry '1' (...)"). Its lines and
 * columns are not used, its names and numbers lead to the node in the index.
 */
struct complaint {
	char sentence[256];
	struct {
		char name[64]; /* "": an entry of a sequence */
		uint32_t entry;
	} step[MN_YAML_DEPTH_MAX]; /* from the inside out */
	int n;
};

static void take_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct complaint *c = ctx;
	char line[256], name[64];
	unsigned entry;

	(void)level;
	vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	if (!c->sentence[0]) {
		const char *start = !strncmp(line, "Load: ", 6) ? line + 6 : line;

		snprintf(c->sentence, sizeof(c->sentence), "%s", start);
		return;
	}
	if (c->n == MN_YAML_DEPTH_MAX)
		return;
	if (sscanf(line, " in mapping field '%63[^']'", name) == 1) {
		snprintf(c->step[c->n].name, sizeof(c->step[c->n].name), "%s", name);
		c->n++;
	} else if (sscanf(line, " in sequence entry '%u'", &entry) == 1) {
		c->step[c->n].name[0] = '\0';
		c->step[c->n].entry = entry;
		c->n++;
	}
}

static int report(const struct mn_yaml_index *index, const struct complaint *c, struct mn_err *err)
{
	static const char unexpected[] = "Unexpected key: ",
			  missing[] = "Missing required mapping field: ";
	const struct mn_yaml_node *at = &index->nodes[0], *child;
	/* A missing field is missing from the mapping that holds the last field seen. */
	int least = !strncmp(c->sentence, missing, sizeof(missing) - 1) ? 1 : 0;

	for (int i = c->n - 1; i >= least; i--) {
		if (c->step[i].name[0])
			child = mn_yaml_key(index, at, c->step[i].name);
		else
			child = mn_yaml_item(index, at, c->step[i].entry - 1);
		if (!child)
			break;
		at = child;
	}
	if (!strncmp(c->sentence, unexpected, sizeof(unexpected) - 1)) {
		const char *key = c->sentence + sizeof(unexpected) - 1;

		child = mn_yaml_key(index, at, key);
		return mn_yaml_fail_key(index, child ? child : at, err, MN_E_SYNTAX,
					"there is no key '%s' here", key);
	}
	if (least)
		return mn_yaml_fail(index, at, err, MN_E_SYNTAX, "'%s' is missing",
				    c->sentence + sizeof(missing) - 1);
	return mn_yaml_fail(index, at, err, MN_E_SYNTAX, "%s", c->sentence);
}

static const cyaml_config_t plain_config = {
	.mem_fn = cyaml_mem,
	.log_level = CYAML_LOG_ERROR,
	.flags = CYAML_CFG_NO_ALIAS,
};

int sweep_raw_read(const struct mn_yaml_index *index, struct sweep_raw **ret_raw,
		   struct mn_err *err)
{
	struct complaint complaint = {.n = 0};
	cyaml_config_t config = plain_config;
	struct sweep_raw *raw = NULL;
	cyaml_err_t rc;

	config.log_fn = take_log;
	config.log_ctx = &complaint;
	rc = cyaml_load_data((const uint8_t *)index->text, index->size, &config, &top_schema,
			     (cyaml_data_t **)&raw, NULL);
	if (rc == CYAML_ERR_OOM)
		return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", index->file);
	if (rc != CYAML_OK) {
		if (!complaint.sentence[0])
			snprintf(complaint.sentence, sizeof(complaint.sentence), "%s",
				 cyaml_strerror(rc));
		return report(index, &complaint, err);
	}
	if (!raw)
		return mn_err_set(err, MN_E_SYNTAX, "%s:1:1: the file is empty", index->file);
	*ret_raw = raw;
	return 0;
}

void sweep_raw_free(struct sweep_raw *raw)
{
	if (raw)
		cyaml_free(&plain_config, &top_schema, raw, 0);
}
