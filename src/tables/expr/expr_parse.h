/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_parse.h: the syntax tree of a text, before names and types are resolved.
 */
#ifndef FIRN_EXPR_EXPR_PARSE_H
#define FIRN_EXPR_EXPR_PARSE_H

#include "base/arena.h"
#include "expr/expr.h"

enum fi_expr_syntax_kind {
    FI_EXPR_SYNTAX_NUMBER = 1, /* text */
    FI_EXPR_SYNTAX_STRING,     /* text: without the quotes, each '' one quote */
    FI_EXPR_SYNTAX_HEX,        /* text: digits */
    FI_EXPR_SYNTAX_NULL,
    FI_EXPR_SYNTAX_BOOL, /* detail */
    FI_EXPR_SYNTAX_PARAMETER,
    FI_EXPR_SYNTAX_NAME, /* text: of a column */
    FI_EXPR_SYNTAX_STAR, /* in count(*), and as an item */
    FI_EXPR_SYNTAX_AND,  /* of two or more */
    FI_EXPR_SYNTAX_OR,
    FI_EXPR_SYNTAX_NOT,
    FI_EXPR_SYNTAX_COMPARE, /* detail: enum fi_expr_comparison */
    FI_EXPR_SYNTAX_IS_NULL, /* is_negated, here and below */
    FI_EXPR_SYNTAX_IS_TRUE, /* detail: 1, is true; 0, is false */
    FI_EXPR_SYNTAX_DISTINCT,
    FI_EXPR_SYNTAX_BETWEEN,
    FI_EXPR_SYNTAX_IN,
    FI_EXPR_SYNTAX_LIKE,
    FI_EXPR_SYNTAX_BINARY, /* detail: '+', '-', '*', '/', '%', '|' */
    FI_EXPR_SYNTAX_NEGATE,
    FI_EXPR_SYNTAX_CALL, /* text: of the function; is_negated: with "distinct" */
    FI_EXPR_SYNTAX_CASE, /* condition, value, …; detail: 1: and the value otherwise */
    FI_EXPR_SYNTAX_CAST  /* type */
};
struct fi_expr_syntax {
    uint8_t kind;
    uint8_t detail;
    bool is_negated;
    uint32_t at; /* the offset of its own word or sign in the text */
    uint32_t child_count;
    firn_slice text; /* in the arena, or in the text */
    const struct fi_expr_type *type;
    struct fi_expr_syntax *first; /* its parts, in their order */
    struct fi_expr_syntax *last;
    struct fi_expr_syntax *next; /* of its parent */
};
struct fi_expr_syntax_item {
    struct fi_expr_syntax *root;
    firn_slice name; /* of "as"; data NULL: there is none */
    uint32_t start;  /* the offset of its text */
    uint32_t end;
    bool is_descending;
};
struct fi_expr_parse_input {
    firn_slice text;
    const char *of;                     /* for messages */
    const enum fi_expr_list_kind *kind; /* NULL: one expression */
};
/* *out: in the arena. FIRN_INVALID, FIRN_LIMIT, FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_expr_parse(const struct fi_expr_parse_input *input, struct fi_arena *arena,
                                  struct fi_expr_syntax_item **out, size_t *out_count,
                                  firn_error *err);
/* "where, character 7: ": of messages. */
enum { FI_EXPR_PLACE_SIZE = 96 };
const char *fi_expr_parse_place(const char *of, firn_slice text, size_t at,
                                char out[FI_EXPR_PLACE_SIZE]);

#endif
