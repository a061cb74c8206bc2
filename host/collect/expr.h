/* SPDX-License-Identifier: MIT */
/*
 * Small integer expressions over named values: `out_channels <= 4 * in_channels and not bias`.
 *
 *     or:   and ("or" and)*          and:  not ("and" not)*        not: "not" not | comparison
 *     comparison: sum [("==" | "!=" | "<" | "<=" | ">" | ">=") sum]
 *     sum:  product (("+" | "-") product)*                product: unary (("*" | "/" | "%") unary)*
 *     unary: "-" unary | number | name | "(" or ")"
 *
 * Values are int64; true is 1, false 0, and any number but 0 is true. / and % round towards zero.
 * and and or evaluate their right side only if the left does not decide.
 */
#ifndef MN_EXPR_H
#define MN_EXPR_H

#include <stddef.h>
#include <stdint.h>

#define MN_EXPR_NODES_MAX 512
#define MN_EXPR_DEPTH_MAX 64

/* What a name means: a constant, or a value that is asked for when the expression is evaluated. */
struct mn_expr_name {
	const char *name;
	int is_constant;
	int64_t value; /* the constant; else the id that the callback gets */
};

struct mn_expr_node {
	uint8_t kind;
	uint16_t a, b;   /* operands, indices */
	uint32_t offset; /* in the text */
	int64_t value;
};

/* A compiled expression. Plain data, no pointers. */
struct mn_expr {
	struct mn_expr_node nodes[MN_EXPR_NODES_MAX];
	uint16_t n, root;
};

/* Where and why something failed. */
struct mn_expr_error {
	size_t offset; /* byte in the text */
	char why[128];
};

/* The value of an id: 0, or a negative error code that mn_expr_eval() then returns. */
typedef int mn_expr_value_fn(void *ctx, int64_t id, int64_t *ret_value);

/* names ends with a NULL name. MN_E_SYNTAX; MN_E_OVERFLOW for a number or an expression too big. */
int mn_expr_compile(const char *text, const struct mn_expr_name *names, struct mn_expr *ret_expr,
		    struct mn_expr_error *ret_error);

/* MN_E_OVERFLOW: a value beyond 64 bits; MN_E_INVALID: a division by 0; or what `value` returned
 * (ret_error->why is then empty). */
int mn_expr_eval(const struct mn_expr *expr, mn_expr_value_fn *value, void *ctx, int64_t *ret_value,
		 struct mn_expr_error *ret_error);

#endif
