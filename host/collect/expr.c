/* SPDX-License-Identifier: MIT */
#include "expr.h"

#include <stdio.h>
#include <string.h>

#include "err.h"

enum kind {
	KIND_NUMBER,
	KIND_VALUE,
	KIND_NEGATE,
	KIND_NOT,
	KIND_AND,
	KIND_OR,
	KIND_ADD,
	KIND_SUBTRACT,
	KIND_MULTIPLY,
	KIND_DIVIDE,
	KIND_MODULO,
	KIND_EQ,
	KIND_NE,
	KIND_LT,
	KIND_LE,
	KIND_GT,
	KIND_GE
};

struct parser {
	const char *text, *p;
	const struct mn_expr_name *names;
	struct mn_expr *expr;
	struct mn_expr_error *error;
	int depth, failed;
};

static uint16_t fail(struct parser *s, int code, const char *at, const char *why)
{
	if (!s->failed) {
		s->failed = code;
		s->error->offset = (size_t)(at - s->text);
		snprintf(s->error->why, sizeof(s->error->why), "%s", why);
	}
	return 0;
}

static int is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static void blanks(struct parser *s)
{
	while (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')
		s->p++;
}

/* Take `token` if it comes next; a word must end there. */
static int take(struct parser *s, const char *token)
{
	size_t n = strlen(token);

	blanks(s);
	if (strncmp(s->p, token, n) || (is_name(*token) && is_name(s->p[n])))
		return 0;
	s->p += n;
	return 1;
}

static uint16_t node(struct parser *s, enum kind kind, const char *at, uint16_t a, uint16_t b,
		     int64_t value)
{
	struct mn_expr *e = s->expr;

	if (s->failed)
		return 0;
	if (e->n == MN_EXPR_NODES_MAX)
		return fail(s, MN_E_OVERFLOW, at, "the expression is too long");
	e->nodes[e->n] = (struct mn_expr_node){.kind = (uint8_t)kind,
					       .a = a,
					       .b = b,
					       .offset = (uint32_t)(at - s->text),
					       .value = value};
	return e->n++;
}

static uint16_t parse_or(struct parser *s);

static uint16_t parse_number(struct parser *s)
{
	const char *at = s->p;
	int64_t value = 0;

	for (; *s->p >= '0' && *s->p <= '9'; s->p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *s->p - '0', &value))
			return fail(s, MN_E_OVERFLOW, at, "the number is too big");
	if (is_name(*s->p))
		return fail(s, MN_E_SYNTAX, s->p, "a number ends in a letter");
	return node(s, KIND_NUMBER, at, 0, 0, value);
}

static uint16_t parse_primary(struct parser *s)
{
	const struct mn_expr_name *name = s->names;
	const char *at;
	char why[96];
	size_t n = 0;
	uint16_t a;

	blanks(s);
	at = s->p;
	if (*at >= '0' && *at <= '9')
		return parse_number(s);
	if (take(s, "(")) {
		a = parse_or(s);
		if (!s->failed && !take(s, ")"))
			return fail(s, MN_E_SYNTAX, s->p, "a ) is missing");
		return a;
	}
	while (is_name(at[n]))
		n++;
	if (!n)
		return fail(s, MN_E_SYNTAX, at,
			    *at ? "a value is expected"
				: "the expression ends where a value is expected");
	while (name->name && (strncmp(name->name, at, n) || name->name[n]))
		name++;
	if (!name->name) {
		snprintf(why, sizeof(why), "there is no value '%.*s' here", n < 40 ? (int)n : 40,
			 at);
		return fail(s, MN_E_SYNTAX, at, why);
	}
	s->p += n;
	return node(s, name->is_constant ? KIND_NUMBER : KIND_VALUE, at, 0, 0, name->value);
}

/* All that recurses comes through here. */
static uint16_t parse_unary(struct parser *s)
{
	const char *at;
	uint16_t a;

	blanks(s);
	at = s->p;
	if (s->failed)
		return 0;
	if (s->depth == MN_EXPR_DEPTH_MAX)
		return fail(s, MN_E_OVERFLOW, at, "the expression is nested too deep");
	s->depth++;
	if (take(s, "-")) {
		a = parse_unary(s);
		a = node(s, KIND_NEGATE, at, a, 0, 0);
	} else {
		a = parse_primary(s);
	}
	s->depth--;
	return a;
}

struct operation {
	const char *token;
	enum kind kind;
};

/* Left to right over one level of operations; `ops` ends with a NULL token. */
static uint16_t parse_level(struct parser *s, const struct operation *ops,
			    uint16_t (*operand)(struct parser *))
{
	uint16_t a = operand(s);

	for (;;) {
		const struct operation *op = ops;
		const char *at;
		uint16_t b;

		blanks(s);
		at = s->p;
		if (s->failed)
			return 0;
		while (op->token && !take(s, op->token))
			op++;
		if (!op->token)
			return a;
		b = operand(s);
		a = node(s, op->kind, at, a, b, 0);
	}
}

static uint16_t parse_product(struct parser *s)
{
	static const struct operation ops[] = {
		{"*", KIND_MULTIPLY}, {"/", KIND_DIVIDE}, {"%", KIND_MODULO}, {NULL, 0}};

	return parse_level(s, ops, parse_unary);
}

static uint16_t parse_sum(struct parser *s)
{
	static const struct operation ops[] = {{"+", KIND_ADD}, {"-", KIND_SUBTRACT}, {NULL, 0}};

	return parse_level(s, ops, parse_product);
}

static uint16_t parse_comparison(struct parser *s)
{
	static const struct operation ops[] = {{"==", KIND_EQ}, {"!=", KIND_NE}, {"<=", KIND_LE},
					       {">=", KIND_GE}, {"<", KIND_LT},  {">", KIND_GT}};
	const size_t n = sizeof(ops) / sizeof(ops[0]);
	uint16_t a = parse_sum(s), b;
	const char *at;

	for (size_t i = 0; i < n && !s->failed; i++) {
		blanks(s);
		at = s->p;
		if (!take(s, ops[i].token))
			continue;
		b = parse_sum(s);
		a = node(s, ops[i].kind, at, a, b, 0);
		blanks(s);
		if (*s->p == '<' || *s->p == '>' || *s->p == '=' || *s->p == '!')
			return fail(s, MN_E_SYNTAX, s->p, "comparisons do not chain: use and");
		break;
	}
	return a;
}

static uint16_t parse_not(struct parser *s)
{
	const char *at;
	uint16_t a;

	blanks(s);
	at = s->p;
	if (!take(s, "not"))
		return parse_comparison(s);
	if (s->depth == MN_EXPR_DEPTH_MAX)
		return fail(s, MN_E_OVERFLOW, at, "the expression is nested too deep");
	s->depth++;
	a = parse_not(s);
	s->depth--;
	return node(s, KIND_NOT, at, a, 0, 0);
}

static uint16_t parse_and(struct parser *s)
{
	static const struct operation ops[] = {{"and", KIND_AND}, {NULL, 0}};

	return parse_level(s, ops, parse_not);
}

static uint16_t parse_or(struct parser *s)
{
	static const struct operation ops[] = {{"or", KIND_OR}, {NULL, 0}};

	return parse_level(s, ops, parse_and);
}

int mn_expr_compile(const char *text, const struct mn_expr_name *names, struct mn_expr *ret_expr,
		    struct mn_expr_error *ret_error)
{
	struct parser s = {.text = text, .p = text, .names = names, .error = ret_error};
	struct mn_expr expr;

	expr.n = 0;
	s.expr = &expr;
	expr.root = parse_or(&s);
	blanks(&s);
	if (!s.failed && *s.p)
		fail(&s, MN_E_SYNTAX, s.p, "the expression should end here");
	if (!s.failed)
		*ret_expr = expr;
	return s.failed;
}

struct evaluation {
	const struct mn_expr *expr;
	mn_expr_value_fn *value;
	void *ctx;
	struct mn_expr_error *error;
};

static int refuse(struct evaluation *e, const struct mn_expr_node *at, int code, const char *why)
{
	e->error->offset = at->offset;
	snprintf(e->error->why, sizeof(e->error->why), "%s", why);
	return code;
}

static int arithmetic(struct evaluation *e, const struct mn_expr_node *n, int64_t a, int64_t b,
		      int64_t *ret)
{
	switch (n->kind) {
	case KIND_ADD:
		return __builtin_add_overflow(a, b, ret);
	case KIND_SUBTRACT:
		return __builtin_sub_overflow(a, b, ret);
	case KIND_MULTIPLY:
		return __builtin_mul_overflow(a, b, ret);
	case KIND_DIVIDE:
	case KIND_MODULO:
		if (b == 0)
			return refuse(e, n, MN_E_INVALID, "a division by 0");
		if (a == INT64_MIN && b == -1)
			return 1;
		*ret = n->kind == KIND_DIVIDE ? a / b : a % b;
		return 0;
	case KIND_EQ:
		*ret = a == b;
		return 0;
	case KIND_NE:
		*ret = a != b;
		return 0;
	case KIND_LT:
		*ret = a < b;
		return 0;
	case KIND_LE:
		*ret = a <= b;
		return 0;
	case KIND_GT:
		*ret = a > b;
		return 0;
	default:
		*ret = a >= b;
		return 0;
	}
}

/* As deep as there are nodes at most, MN_EXPR_NODES_MAX. */
static int eval(struct evaluation *e, uint16_t index, int64_t *ret)
{
	const struct mn_expr_node *n = &e->expr->nodes[index];
	int64_t a, b;
	int rc;

	switch (n->kind) {
	case KIND_NUMBER:
		*ret = n->value;
		return 0;
	case KIND_VALUE:
		e->error->offset = n->offset;
		e->error->why[0] = '\0';
		return e->value(e->ctx, n->value, ret);
	default:
		break;
	}
	rc = eval(e, n->a, &a);
	if (rc < 0)
		return rc;
	switch (n->kind) {
	case KIND_NEGATE:
		if (__builtin_sub_overflow((int64_t)0, a, ret))
			return refuse(e, n, MN_E_OVERFLOW, "the value is beyond 64 bits");
		return 0;
	case KIND_NOT:
		*ret = !a;
		return 0;
	case KIND_AND:
	case KIND_OR:
		if (!a == (n->kind == KIND_AND)) {
			*ret = a != 0;
			return 0;
		}
		rc = eval(e, n->b, &b);
		if (rc == 0)
			*ret = b != 0;
		return rc;
	default:
		break;
	}
	rc = eval(e, n->b, &b);
	if (rc < 0)
		return rc;
	rc = arithmetic(e, n, a, b, ret);
	return rc > 0 ? refuse(e, n, MN_E_OVERFLOW, "the value is beyond 64 bits") : rc;
}

int mn_expr_eval(const struct mn_expr *expr, mn_expr_value_fn *value, void *ctx, int64_t *ret_value,
		 struct mn_expr_error *ret_error)
{
	struct evaluation e = {.expr = expr, .value = value, .ctx = ctx, .error = ret_error};

	return eval(&e, expr->root, ret_value);
}
