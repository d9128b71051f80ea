/* SPDX-License-Identifier: Apache-2.0
 *
 * text/token_text.h: the words and signs of expressions, and of definitions of tables.
 */
#ifndef FIRN_TEXT_TOKEN_TEXT_H
#define FIRN_TEXT_TOKEN_TEXT_H

#include "base/error.h"
#include "firn/types.h"

enum fi_token_text_kind {
    FI_TOKEN_TEXT_END,
    FI_TOKEN_TEXT_WORD,   /* letters, digits, _, bytes above 127 */
    FI_TOKEN_TEXT_QUOTED, /* "…": with the quotes */
    FI_TOKEN_TEXT_NUMBER,
    FI_TOKEN_TEXT_STRING, /* '…': with the quotes */
    FI_TOKEN_TEXT_HEX,    /* x'…': what is between the quotes */
    FI_TOKEN_TEXT_SIGN,
    FI_TOKEN_TEXT_WRONG /* nothing of these: the text has no tokens from here on */
};
struct fi_token_text {
    enum fi_token_text_kind kind;
    firn_slice text; /* borrowed */
    size_t at;       /* from the beginning of the text */
};
/* Reads the token at *at, which moves past it. NULL, or what is wrong there: out->at is the place,
 * and *at stays. */
const char *fi_token_text_next(firn_slice text, size_t *at, struct fi_token_text *out);
/* Writes what is between the quotes of a QUOTED or STRING, with two quotes side by side as one; of
 * others the text. Returns its size, at most that of the text. */
size_t fi_token_text_unquote(const struct fi_token_text *token, uint8_t *out);
/* Whether a token is this sign, or this word in any case (given in lower case). */
bool fi_token_text_is(const struct fi_token_text *token, const char *what);

#endif
