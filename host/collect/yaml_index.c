/* SPDX-License-Identifier: MIT */
#include "yaml_index.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static int fail_at(const struct mn_yaml_index *index, uint32_t line, uint32_t column,
		   struct mn_err *err, int code, const char *fmt, va_list ap)
{
	char why[sizeof(err->msg)];

	vsnprintf(why, sizeof(why), fmt, ap);
	return mn_err_set(err, code, "%s:%u:%u: %s", index->file, line, column, why);
}

int mn_yaml_fail(const struct mn_yaml_index *index, const struct mn_yaml_node *node,
		 struct mn_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_at(index, node->line, node->column, err, code, fmt, ap);
	va_end(ap);
	return code;
}

int mn_yaml_fail_key(const struct mn_yaml_index *index, const struct mn_yaml_node *node,
		     struct mn_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_at(index, node->key_line, node->key_column, err, code, fmt, ap);
	va_end(ap);
	return code;
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

int mn_yaml_fail_inside(const struct mn_yaml_index *index, const struct mn_yaml_node *node,
			const char *value, size_t offset, struct mn_err *err, int code,
			const char *fmt, ...)
{
	const char *p = index->text, *end = p + index->size;
	uint32_t line = 1, column = 1, characters = 0;
	size_t solid = 0;
	va_list ap;

	for (size_t i = 0; i < offset; i++)
		solid += !is_blank(value[i]);
	/* To the scalar. libyaml counts characters. */
	for (; p < end && characters < node->index; p++)
		if (!is_continuation(*p) || p + 1 == end)
			characters++;
	while (p < end && is_continuation(*p))
		p++;
	if (node->quoted && p < end)
		p++;
	if (node->block)
		while (p < end && *p != '\n')
			p++;
	while (p < end && is_blank(*p))
		p++;
	/* Behind its last character if the place is its end. */
	while (p < end && solid) {
		p++;
		if (--solid)
			while (p < end && is_blank(*p))
				p++;
	}
	if (value[offset] && !is_blank(value[offset]))
		while (p < end && is_blank(*p))
			p++;
	for (const char *q = index->text; q < p; q++) {
		if (*q == '\n') {
			line++;
			column = 1;
		} else if (!is_continuation(*q)) {
			column++;
		}
	}
	va_start(ap, fmt);
	fail_at(index, line, column, err, code, fmt, ap);
	va_end(ap);
	return code;
}

const struct mn_yaml_node *mn_yaml_key(const struct mn_yaml_index *index,
				       const struct mn_yaml_node *node, const char *key)
{
	if (!node || node->kind != MN_YAML_MAPPING)
		return NULL;
	for (uint32_t i = node->first; i; i = index->nodes[i].next)
		if (!strcmp(index->nodes[i].key, key))
			return &index->nodes[i];
	return NULL;
}

const struct mn_yaml_node *mn_yaml_item(const struct mn_yaml_index *index,
					const struct mn_yaml_node *node, uint32_t i)
{
	uint32_t at;

	if (!node || i >= node->n)
		return NULL;
	for (at = node->first; i; i--)
		at = index->nodes[at].next;
	return &index->nodes[at];
}

struct walk {
	struct mn_yaml_index *index;
	uint32_t open[MN_YAML_DEPTH_MAX]; /* collections from the root down */
	int depth;
	char *key; /* waiting for its value */
	yaml_mark_t key_mark;
	struct mn_err *err;
};

static int fail_mark(const struct walk *w, const yaml_mark_t *mark, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int fail_mark(const struct walk *w, const yaml_mark_t *mark, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_at(w->index, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1, w->err, code, fmt,
		ap);
	va_end(ap);
	return code;
}

static int add_node(struct walk *w, const yaml_event_t *event, enum mn_yaml_kind kind)
{
	struct mn_yaml_index *x = w->index;
	const yaml_mark_t *mark = &event->start_mark;
	struct mn_yaml_node *node, *parent;

	if (x->n_nodes == x->room) {
		uint32_t room = x->room ? 2 * x->room : 256;
		struct mn_yaml_node *nodes = realloc(x->nodes, room * sizeof(*nodes));

		if (!nodes)
			return mn_err_set(w->err, MN_E_NOMEM, "%s: out of memory", x->file);
		x->nodes = nodes;
		x->room = room;
	}
	if (kind != MN_YAML_SCALAR && w->depth == MN_YAML_DEPTH_MAX)
		return fail_mark(w, mark, MN_E_SYNTAX, "nested deeper than %d", MN_YAML_DEPTH_MAX);
	node = &x->nodes[x->n_nodes];
	*node = (struct mn_yaml_node){.kind = (uint8_t)kind,
				      .line = (uint32_t)mark->line + 1,
				      .column = (uint32_t)mark->column + 1,
				      .index = (uint32_t)mark->index};
	if (kind == MN_YAML_SCALAR) {
		yaml_scalar_style_t style = event->data.scalar.style;

		node->quoted = style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
			       style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
		node->block =
			style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
	}
	node->key_line = node->line;
	node->key_column = node->column;
	if (w->key) {
		node->key = w->key;
		node->key_line = (uint32_t)w->key_mark.line + 1;
		node->key_column = (uint32_t)w->key_mark.column + 1;
		w->key = NULL;
	}
	if (w->depth) {
		parent = &x->nodes[w->open[w->depth - 1]];
		if (parent->last)
			x->nodes[parent->last].next = x->n_nodes;
		else
			parent->first = x->n_nodes;
		parent->last = x->n_nodes;
		parent->n++;
	}
	if (kind != MN_YAML_SCALAR)
		w->open[w->depth++] = x->n_nodes;
	x->n_nodes++;
	return 0;
}

/* Whether a mapping is open that waits for a key. */
static int wants_key(const struct walk *w)
{
	return w->depth && !w->key &&
	       w->index->nodes[w->open[w->depth - 1]].kind == MN_YAML_MAPPING;
}

static int take_key(struct walk *w, const yaml_event_t *event)
{
	const char *key = (const char *)event->data.scalar.value;

	if (mn_yaml_key(w->index, &w->index->nodes[w->open[w->depth - 1]], key))
		return fail_mark(w, &event->start_mark, MN_E_SYNTAX, "'%.64s' is given twice", key);
	w->key = strdup(key);
	w->key_mark = event->start_mark;
	return w->key ? 0 : mn_err_set(w->err, MN_E_NOMEM, "%s: out of memory", w->index->file);
}

static int take_event(struct walk *w, const yaml_event_t *event)
{
	const yaml_mark_t *mark = &event->start_mark;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (w->index->n_nodes)
			return fail_mark(w, mark, MN_E_SYNTAX, "a second document");
		return 0;
	case YAML_ALIAS_EVENT:
		return fail_mark(w, mark, MN_E_SYNTAX, "aliases are not supported here");
	case YAML_SCALAR_EVENT:
		if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
			return fail_mark(w, mark, MN_E_SYNTAX, "a NUL in a value");
		return wants_key(w) ? take_key(w, event) : add_node(w, event, MN_YAML_SCALAR);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (wants_key(w))
			return fail_mark(w, mark, MN_E_SYNTAX, "a key that is not a word");
		return add_node(w, event,
				event->type == YAML_SEQUENCE_START_EVENT ? MN_YAML_SEQUENCE
									 : MN_YAML_MAPPING);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		w->depth--;
		return 0;
	default:
		return 0;
	}
}

/* Line and column, from 0, of a byte. */
static yaml_mark_t mark_at(const char *text, size_t size, size_t byte)
{
	yaml_mark_t mark = {0, 0, 0};

	for (size_t i = 0; i < byte && i < size; i++) {
		if (text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if (!is_continuation(text[i])) {
			mark.column++;
		}
	}
	return mark;
}

int mn_yaml_index_build(const char *text, size_t size, const char *file, struct mn_yaml_index *ret,
			struct mn_err *err)
{
	struct mn_yaml_index index = {.file = file, .text = text, .size = size};
	struct walk w = {.index = &index, .err = err};
	yaml_parser_t parser;
	int done = 0, rc = 0;

	if (!yaml_parser_initialize(&parser))
		return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", file);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	while (!done && rc == 0) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			yaml_mark_t mark = parser.problem_mark;

			/* What cannot be read at all (not UTF-8) has only a byte. */
			if (parser.error == YAML_READER_ERROR)
				mark = mark_at(text, size, parser.problem_offset);
			rc = fail_mark(&w, &mark,
				       parser.error == YAML_MEMORY_ERROR ? MN_E_NOMEM : MN_E_SYNTAX,
				       "%s", parser.problem ? parser.problem : "not YAML");
			break;
		}
		rc = take_event(&w, &event);
		done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (rc == 0 && !index.n_nodes)
		rc = mn_err_set(err, MN_E_SYNTAX, "%s:1:1: the file is empty", file);
	free(w.key);
	if (rc < 0)
		mn_yaml_index_free(&index);
	else
		*ret = index;
	return rc;
}

void mn_yaml_index_free(struct mn_yaml_index *index)
{
	if (!index)
		return;
	for (uint32_t i = 0; i < index->n_nodes; i++)
		free(index->nodes[i].key);
	free(index->nodes);
	index->nodes = NULL;
	index->n_nodes = index->room = 0;
}
