/* SPDX-License-Identifier: MIT */
#include "yaml_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (16u << 20)

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

int mn_yaml_load(const struct mn_yaml_index *index, const cyaml_schema_value_t *schema, void **ret,
		 struct mn_err *err)
{
	struct complaint complaint = {.n = 0};
	cyaml_config_t config = plain_config;
	void *raw = NULL;
	cyaml_err_t rc;

	config.log_fn = take_log;
	config.log_ctx = &complaint;
	rc = cyaml_load_data((const uint8_t *)index->text, index->size, &config, schema,
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
	*ret = raw;
	return 0;
}

void mn_yaml_unload(const cyaml_schema_value_t *schema, void *data)
{
	if (data)
		cyaml_free(&plain_config, schema, data, 0);
}

int mn_yaml_read_file(const char *path, char **ret_text, size_t *ret_size, struct mn_err *err)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL, *more;
	size_t size = 0, room = 0;
	int rc;

	if (!f) {
		rc = errno == ENOENT ? MN_E_NOTFOUND : errno == EACCES ? MN_E_PERM : MN_E_IO;
		return mn_err_set(err, rc, "%s: %s", path, strerror(errno));
	}
	do {
		if (size == room) {
			room = room ? 2 * room : 1u << 16;
			more = realloc(text, room);
			if (!more) {
				rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", path);
				goto out;
			}
			text = more;
		}
		size += fread(text + size, 1, room - size, f);
		if (size > FILE_BYTES_MAX) {
			rc = mn_err_set(err, MN_E_TOO_BIG, "%s: more than 16 MiB", path);
			goto out;
		}
	} while (!feof(f) && !ferror(f));
	if (ferror(f)) {
		rc = mn_err_set(err, MN_E_IO, "%s: %s", path, strerror(errno));
		goto out;
	}
	*ret_text = text;
	*ret_size = size;
	text = NULL;
	rc = 0;
out:
	free(text);
	fclose(f);
	return rc;
}
