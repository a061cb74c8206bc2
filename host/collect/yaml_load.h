/* SPDX-License-Identifier: MIT */
/* libcyaml with errors that say where: "file:line:column: ...". Private to readers of YAML. */
#ifndef MN_YAML_LOAD_H
#define MN_YAML_LOAD_H

#include <cyaml/cyaml.h>

#include "yaml_index.h"

/*
 * Read the text that `index` was built from. *ret is what the schema says, never NULL; free it with
 * mn_yaml_unload(). MN_E_SYNTAX with a position, MN_E_NOMEM.
 */
int mn_yaml_load(const struct mn_yaml_index *index, const cyaml_schema_value_t *schema, void **ret,
		 struct mn_err *err);
void mn_yaml_unload(const cyaml_schema_value_t *schema, void *data);

/* All of a file; the caller frees *ret_text. MN_E_NOTFOUND, MN_E_PERM, MN_E_IO, MN_E_TOO_BIG (over
 * 16 MiB), MN_E_NOMEM. */
int mn_yaml_read_file(const char *path, char **ret_text, size_t *ret_size, struct mn_err *err);

#endif
