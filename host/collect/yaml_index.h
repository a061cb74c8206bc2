/* SPDX-License-Identifier: MIT */
/*
 * Where everything in a YAML file is.
 *
 * libcyaml checks a file against a schema and fills structs, but it forgets positions: values have
 * none, and its own messages give the position of the event before the one at fault. So the file is
 * also walked once with libyaml, and each node's position is kept in a tree of the same shape. The
 * walk finds what libcyaml would pass over: a second document, aliases, a key given twice, with
 * positions; and it bounds depth and size before libcyaml sees the file.
 */
#ifndef MN_YAML_INDEX_H
#define MN_YAML_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define MN_YAML_DEPTH_MAX 16

enum mn_yaml_kind { MN_YAML_SCALAR, MN_YAML_SEQUENCE, MN_YAML_MAPPING };

struct mn_yaml_node {
	char *key; /* in a mapping; else NULL */
	uint8_t kind;
	uint8_t quoted, block;         /* scalars: in quotes; | or > */
	uint32_t line, column;         /* 1-based; of the value */
	uint32_t key_line, key_column; /* of the key; else of the value */
	uint32_t index;                /* of the value, in characters from the start */
	uint32_t first, last, next;    /* children, sibling: node numbers, 0 for none */
	uint32_t n;                    /* children */
};

/* nodes[0] is the document's root. */
struct mn_yaml_index {
	const char *file; /* borrowed */
	const char *text; /* borrowed */
	size_t size;
	struct mn_yaml_node *nodes;
	uint32_t n_nodes, room;
};

/* MN_E_SYNTAX with "file:line:column: ...", MN_E_NOMEM. *ret needs mn_yaml_index_free() on success.
 */
int mn_yaml_index_build(const char *text, size_t size, const char *file, struct mn_yaml_index *ret,
			struct mn_err *err);
void mn_yaml_index_free(struct mn_yaml_index *index);

/* Child by key or by position; NULL if there is none or `node` is NULL. */
const struct mn_yaml_node *mn_yaml_key(const struct mn_yaml_index *index,
				       const struct mn_yaml_node *node, const char *key);
const struct mn_yaml_node *mn_yaml_item(const struct mn_yaml_index *index,
					const struct mn_yaml_node *node, uint32_t i);

/* mn_err_set() with "file:line:column: " in front, at a node's value or at its key. */
int mn_yaml_fail(const struct mn_yaml_index *index, const struct mn_yaml_node *node,
		 struct mn_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
int mn_yaml_fail_key(const struct mn_yaml_index *index, const struct mn_yaml_node *node,
		     struct mn_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/*
 * At byte `offset` of a scalar whose value is `value`, also where the scalar is folded over several
 * lines: blanks are all that folding changes, so the place is found by counting what is not blank.
 */
int mn_yaml_fail_inside(const struct mn_yaml_index *index, const struct mn_yaml_node *node,
			const char *value, size_t offset, struct mn_err *err, int code,
			const char *fmt, ...) __attribute__((format(printf, 7, 8)));

#endif
