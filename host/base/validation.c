/* SPDX-License-Identifier: MIT */
#include "validation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "paths.h"

static int is_model(const json_t *entry, const char *board, const char *model)
{
	const char *name, *hash, *of;
	char text[256];
	int version;

	return !json_unpack((json_t *)entry, "{s:s, s:s, s:i, s:s}", "board", &of, "model", &name,
			    "model_version", &version, "parameters_fnv1a", &hash) &&
	       strcmp(of, board) == 0 &&
	       snprintf(text, sizeof(text), "%s %d %s", name, version, hash) < (int)sizeof(text) &&
	       strcmp(text, model) == 0;
}

int mn_validation_find(const char *board, const char *model, char **ret_text, struct mn_err *err)
{
	json_t *root, *entry, *found = NULL;
	char path[4096], *text;
	json_error_t why;
	size_t i;
	int ret = mn_path(MN_DIR_BOARDS, "validation.json", path, sizeof(path), err);

	if (ret == MN_E_NOTFOUND) {
		*ret_text = strdup("");
		return *ret_text ? 0 : mn_err_set(err, MN_E_NOMEM, "out of memory");
	}
	if (ret)
		return ret;
	root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return mn_err_set(err, MN_E_SYNTAX, "%s:%d:%d: %s", path, why.line, why.column,
				  why.text);
	json_array_foreach(json_object_get(root, "boards"), i, entry)
	{
		if (is_model(entry, board, model))
			found = entry;
	}
	text = found ? json_dumps(found, JSON_COMPACT) : strdup("");
	json_decref(root);
	if (!text)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	*ret_text = text;
	return 0;
}
