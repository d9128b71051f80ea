/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_bind.h: turns a syntax tree into typed nodes: columns, types, conversions.
 */
#ifndef FIRN_EXPR_EXPR_BIND_H
#define FIRN_EXPR_EXPR_BIND_H

#include "expr/expr_internal.h"
#include "expr/expr_parse.h"

struct fi_expr_binder {
    const struct fi_expr_env *env;
    firn_slice text;
    struct fi_expr_builder *builder;
    size_t *next_parameter;
    unsigned depth;
    bool is_in_aggregate;
    firn_error *err;
};

/* ---- expr_typed.c ---- */

/* Returns FIRN_INVALID, with the place in the text and a message. */
int fi_expr_typed_fail(struct fi_expr_binder *binder, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const struct fi_expr_node *fi_expr_typed_node(const struct fi_expr_binder *binder, uint32_t node);
static inline const struct fi_expr_type *
fi_expr_typed_type_of(const struct fi_expr_binder *binder, uint32_t node)
{
    return &fi_expr_typed_node(binder, node)->type;
}
static inline bool
fi_expr_typed_is_constant(const struct fi_expr_binder *binder, uint32_t node)
{
    return fi_expr_typed_node(binder, node)->op == FI_EXPR_OP_CONSTANT;
}
static inline bool
fi_expr_typed_is_null(const struct fi_expr_binder *binder, uint32_t node)
{
    return fi_expr_is_null_constant(fi_expr_typed_node(binder, node));
}
/* Makes a constant, or a null of a type. */
FIRN_MUST_CHECK int fi_expr_typed_constant(struct fi_expr_binder *binder,
                                           const struct fi_expr_type *type,
                                           const struct fi_cell *cell, uint32_t *out);
FIRN_MUST_CHECK int fi_expr_typed_null(struct fi_expr_binder *binder, firn_type type,
                                       uint32_t *out);
/* Casts a node to another type; casts that change nothing are left out. Requires: the cast is
 * allowed. */
FIRN_MUST_CHECK int fi_expr_typed_cast(struct fi_expr_binder *binder, uint32_t node,
                                       const struct fi_expr_type *type, uint32_t *out);
/* Converts constants that have no type of their own (text, null, x'…', decimals of an unknown
 * scale) to a type; other nodes stay. at: where the constant is. */
FIRN_MUST_CHECK int fi_expr_typed_adapt(struct fi_expr_binder *binder, size_t at,
                                        const struct fi_expr_type *type, uint32_t *node);
/* Makes all nodes values of one type, which goes to *out_type. */
FIRN_MUST_CHECK int fi_expr_typed_unify(struct fi_expr_binder *binder, size_t at, uint32_t *nodes,
                                        size_t count, struct fi_expr_type *out_type);
/* Reads a text as a constant of a type. */
int fi_expr_typed_adapt_text(struct fi_expr_binder *binder, size_t at,
                             const struct fi_expr_type *type, uint32_t *node);
int fi_expr_typed_adapt_both(struct fi_expr_binder *binder, size_t at, uint32_t *a, uint32_t *b);
/* The type that two have in common; false: there is none. */
bool fi_expr_typed_common(const struct fi_expr_type *a, const struct fi_expr_type *b,
                          struct fi_expr_type *out);
int fi_expr_typed_fail_types(struct fi_expr_binder *binder, size_t at, const struct fi_expr_type *a,
                             const struct fi_expr_type *b);
/* Makes a node with some arguments. */
FIRN_MUST_CHECK int fi_expr_typed_make(struct fi_expr_binder *binder,
                                       const struct fi_expr_node *model, uint32_t *out);

/* ---- expr_bind.c ---- */

/* Makes the node of a tree. FIRN_INVALID, FIRN_LIMIT, FIRN_NOT_FOUND, FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_expr_bind(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax,
                                 uint32_t *out);
/* Makes an expression of the whole tree, with a builder of its own. */
FIRN_MUST_CHECK int fi_expr_bind_expression(struct fi_expr_binder *binder,
                                            const struct fi_expr_syntax *syntax,
                                            struct fi_expr **out);
FIRN_MUST_CHECK int fi_expr_bind_compare(struct fi_expr_binder *binder, size_t at,
                                         enum fi_expr_comparison comparison, uint32_t a, uint32_t b,
                                         uint32_t *out);

/* ---- expr_leaf.c ---- */

FIRN_MUST_CHECK int fi_expr_leaf_bind(struct fi_expr_binder *binder,
                                      const struct fi_expr_syntax *syntax, uint32_t *out);
/* Makes the constant of a number, or of one with a "-" before it. */
FIRN_MUST_CHECK int fi_expr_leaf_number(struct fi_expr_binder *binder,
                                        const struct fi_expr_syntax *syntax, bool is_negative,
                                        uint32_t *out);

/* ---- expr_arith.c ---- */

/* sign: one of + - * / % */
FIRN_MUST_CHECK int fi_expr_arith_binary(struct fi_expr_binder *binder, size_t at, uint8_t sign,
                                         uint32_t a, uint32_t b, uint32_t *out);
FIRN_MUST_CHECK int fi_expr_arith_negate(struct fi_expr_binder *binder, size_t at, uint32_t a,
                                         uint32_t *out);

/* ---- expr_call.c ---- */

FIRN_MUST_CHECK int fi_expr_call_bind(struct fi_expr_binder *binder,
                                      const struct fi_expr_syntax *syntax, uint32_t *out);

/* ---- expr_literal.c ---- */

/* Reads the digits of a number, with a "-" before it if it is negative. NULL, or what is wrong. */
const char *fi_expr_literal_number(firn_slice text, bool is_negative, struct fi_expr_type *out_type,
                                   struct fi_cell *out);

/* ---- expr_fold.c ---- */

/* Makes the node of a model, simplified: if all arguments are constants, a constant. */
FIRN_MUST_CHECK int fi_expr_fold(struct fi_expr_builder *builder, const struct fi_expr_node *model,
                                 uint32_t *out, firn_error *err);

#endif
