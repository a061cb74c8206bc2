/* SPDX-License-Identifier: MIT */
#include "sweep_raw.h"

#include "yaml_load.h"

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

int sweep_raw_read(const struct mn_yaml_index *index, struct sweep_raw **ret_raw,
		   struct mn_err *err)
{
	void *raw;
	int rc = mn_yaml_load(index, &top_schema, &raw, err);

	if (!rc)
		*ret_raw = raw;
	return rc;
}

void sweep_raw_free(struct sweep_raw *raw)
{
	mn_yaml_unload(&top_schema, raw);
}
