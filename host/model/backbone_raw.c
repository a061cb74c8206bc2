/* SPDX-License-Identifier: MIT */
#include "backbone_raw.h"

#include "yaml_load.h"

#define BLOCKS_MAX  256
#define MEMBERS_MAX 64

static const cyaml_strval_t op_names[] = {
	{"conv", BACKBONE_CONV},
	{"separable", BACKBONE_SEPARABLE},
	{"residual", BACKBONE_RESIDUAL},
	{"inverted_residual", BACKBONE_INVERTED_RESIDUAL},
	{"average_pool", BACKBONE_AVERAGE_POOL},
	{"dense", BACKBONE_DENSE},
	{"softmax", BACKBONE_SOFTMAX},
};

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, flags, type, member)                                                             \
	CYAML_FIELD_STRING_PTR(key, flags, struct type, member, 1, 4096)
#define CHOICE(member) TEXT(#member, OPTIONAL, backbone_raw_block, member)

static const cyaml_schema_field_t block_fields[] = {
	CYAML_FIELD_ENUM("op", CYAML_FLAG_STRICT, struct backbone_raw_block, op, op_names,
			 CYAML_ARRAY_LEN(op_names)),
	CHOICE(kernel),
	CHOICE(stride),
	CHOICE(channels),
	CHOICE(expand),
	CHOICE(repeat),
	CHOICE(act),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t block_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct backbone_raw_block, block_fields),
};

static const cyaml_schema_field_t member_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct backbone_raw_member, name, 1, 60),
	CYAML_FIELD_SEQUENCE_COUNT("blocks", CYAML_FLAG_POINTER, struct backbone_raw_member, blocks,
				   n_blocks, &block_schema, 1, BLOCKS_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t member_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct backbone_raw_member, member_fields),
};

static const cyaml_schema_field_t top_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct backbone_raw, name, 1, 60),
	TEXT("description", OPTIONAL, backbone_raw, description),
	TEXT("input", CYAML_FLAG_POINTER, backbone_raw, input),
	TEXT("width_percent", OPTIONAL, backbone_raw, width_percent),
	TEXT("multiple", OPTIONAL, backbone_raw, multiple),
	CYAML_FIELD_SEQUENCE_COUNT("blocks", CYAML_FLAG_POINTER, struct backbone_raw, blocks,
				   n_blocks, &block_schema, 1, BLOCKS_MAX),
	CYAML_FIELD_SEQUENCE_COUNT("members", OPTIONAL, struct backbone_raw, members, n_members,
				   &member_schema, 0, MEMBERS_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t top_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct backbone_raw, top_fields),
};

int backbone_raw_read(const struct mn_yaml_index *index, struct backbone_raw **ret,
		      struct mn_err *err)
{
	void *raw;
	int rc = mn_yaml_load(index, &top_schema, &raw, err);

	if (!rc)
		*ret = raw;
	return rc;
}

void backbone_raw_free(struct backbone_raw *raw)
{
	mn_yaml_unload(&top_schema, raw);
}
