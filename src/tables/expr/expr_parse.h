/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_parse.h: the syntax tree of a text, before names and types are resolved.
 */
#ifndef FIRN_EXPR_EXPR_PARSE_H
#define FIRN_EXPR_EXPR_PARSE_H

#include "base/arena.h"
#include "expr/expr.h"

enum firn_expr_syntax_kind {
    FIRN_EXPR_SYNTAX_NUMBER = 1, /* text */
    FIRN_EXPR_SYNTAX_STRING,     /* text: without the quotes, each '' one quote */
    FIRN_EXPR_SYNTAX_HEX,        /* text: digits */
    FIRN_EXPR_SYNTAX_NULL,
    FIRN_EXPR_SYNTAX_BOOL, /* detail */
    FIRN_EXPR_SYNTAX_PARAMETER,
    FIRN_EXPR_SYNTAX_NAME, /* text: of a column */
    FIRN_EXPR_SYNTAX_STAR, /* in count(*), and as an item */
    FIRN_EXPR_SYNTAX_AND,  /* of two or more */
    FIRN_EXPR_SYNTAX_OR,
    FIRN_EXPR_SYNTAX_NOT,
    FIRN_EXPR_SYNTAX_COMPARE, /* detail: enum firn_expr_comparison */
    FIRN_EXPR_SYNTAX_IS_NULL, /* is_negated, here and below */
    FIRN_EXPR_SYNTAX_IS_TRUE, /* detail: 1, is true; 0, is false */
    FIRN_EXPR_SYNTAX_DISTINCT,
    FIRN_EXPR_SYNTAX_BETWEEN,
    FIRN_EXPR_SYNTAX_IN,
    FIRN_EXPR_SYNTAX_LIKE,
    FIRN_EXPR_SYNTAX_BINARY, /* detail: '+', '-', '*', '/', '%', '|' */
    FIRN_EXPR_SYNTAX_NEGATE,
    FIRN_EXPR_SYNTAX_CALL, /* text: of the function; is_negated: with "distinct" */
    FIRN_EXPR_SYNTAX_CASE, /* condition, value, …; detail: 1: and the value otherwise */
    FIRN_EXPR_SYNTAX_CAST  /* type */
};
struct firn_expr_syntax {
    uint8_t kind;
    uint8_t detail;
    bool is_negated;
    uint32_t at; /* the offset of its own word or sign in the text */
    uint32_t child_count;
    firn_slice text; /* in the arena, or in the text */
    const struct firn_expr_type *type;
    struct firn_expr_syntax *first; /* its parts, in their order */
    struct firn_expr_syntax *last;
    struct firn_expr_syntax *next; /* of its parent */
};
struct firn_expr_syntax_item {
    struct firn_expr_syntax *root;
    firn_slice name; /* of "as"; data NULL: there is none */
    uint32_t start;  /* the offset of its text */
    uint32_t end;
    bool is_descending;
};
struct firn_expr_parse_input {
    firn_slice text;
    const char *of;                       /* for messages */
    const enum firn_expr_list_kind *kind; /* NULL: one expression */
};
/* *out: in the arena. FIRN_INVALID, FIRN_LIMIT, FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_expr_parse(const struct firn_expr_parse_input *input,
                                    struct firn_arena *arena, struct firn_expr_syntax_item **out,
                                    size_t *out_count, firn_error *err);
/* "where, character 7: ": of messages. */
enum { FIRN_EXPR_PLACE_SIZE = 96 };
const char *firn_expr_parse_place(const char *of, firn_slice text, size_t at,
                                  char out[FIRN_EXPR_PLACE_SIZE]);

#endif
