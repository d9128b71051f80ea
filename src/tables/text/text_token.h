/* SPDX-License-Identifier: Apache-2.0
 *
 * text/text_token.h: the words and signs of expressions, and of definitions of tables.
 */
#ifndef FIRN_TEXT_TEXT_TOKEN_H
#define FIRN_TEXT_TEXT_TOKEN_H

#include "base/error.h"
#include "firn/types.h"

enum fi_text_token_kind {
    FI_TEXT_TOKEN_END,
    FI_TEXT_TOKEN_WORD,   /* letters, digits, _, bytes above 127 */
    FI_TEXT_TOKEN_QUOTED, /* "…": with the quotes */
    FI_TEXT_TOKEN_NUMBER,
    FI_TEXT_TOKEN_STRING, /* '…': with the quotes */
    FI_TEXT_TOKEN_HEX,    /* x'…': what is between the quotes */
    FI_TEXT_TOKEN_SIGN,
    FI_TEXT_TOKEN_WRONG /* nothing of these: the text has no tokens from here on */
};
struct fi_text_token {
    enum fi_text_token_kind kind;
    firn_slice text; /* borrowed */
    size_t at;       /* from the beginning of the text */
};
/* Reads the token at *at, which moves past it. NULL, or what is wrong there: out->at is the place,
 * and *at stays. */
const char *fi_text_token_next(firn_slice text, size_t *at, struct fi_text_token *out);
/* Writes what is between the quotes of a QUOTED or STRING, with two quotes side by side as one; of
 * others the text. Returns its size, at most that of the text. */
size_t fi_text_token_unquote(const struct fi_text_token *token, uint8_t *out);
/* Whether a token is this sign, or this word in any case (given in lower case). */
bool fi_text_token_is(const struct fi_text_token *token, const char *what);

#endif
