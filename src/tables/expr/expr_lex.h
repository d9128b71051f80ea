/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_lex.h: the words and signs of a text.
 */
#ifndef FIRN_EXPR_EXPR_LEX_H
#define FIRN_EXPR_EXPR_LEX_H

#include "base/error.h"
#include "firn/types.h"

enum fi_expr_token_kind {
    FI_EXPR_TOKEN_END,
    FI_EXPR_TOKEN_WORD,   /* letters, digits, _, bytes above 127 */
    FI_EXPR_TOKEN_QUOTED, /* "…": with the quotes */
    FI_EXPR_TOKEN_NUMBER,
    FI_EXPR_TOKEN_STRING, /* '…': with the quotes */
    FI_EXPR_TOKEN_HEX,    /* x'…': what is between the quotes */
    FI_EXPR_TOKEN_SIGN
};
struct fi_expr_token {
    enum fi_expr_token_kind kind;
    firn_slice text; /* borrowed */
    size_t at;       /* from the beginning of the text */
};
/* Reads the token at *at, which moves past it. NULL, or what is wrong there: out->at is the
 * place. */
const char *fi_expr_lex_next(firn_slice text, size_t *at, struct fi_expr_token *out);
/* Whether a token is this sign, or this word in any case (given in lower case). */
bool fi_expr_lex_is(const struct fi_expr_token *token, const char *what);

#endif
