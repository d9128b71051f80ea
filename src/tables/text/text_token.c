/* SPDX-License-Identifier: Apache-2.0
 *
 * text/text_token.c: the words and signs of a text: of expressions, and of definitions of tables,
 * which are written alike.
 *
 * Blanks are spaces, tabs and line ends. There are no comments. A NUL does not end the text: it is
 * an invalid byte, like any other control character. Only the ends of texts in quotes are found
 * here, and the parser reads them: two quotes side by side are one inside of the text.
 */
#include "text/text_token.h"

#include "base/check.h"
#include "base/slice.h"

static bool
is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool
is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
           byte >= 0x80;
}

static uint8_t
byte_at(firn_slice text, size_t at)
{
    return at < text.size ? text.data[at] : 0;
}

/* One past the closing quote; 0: there is none. */
static size_t
end_of_quoted(firn_slice text, size_t at)
{
    uint8_t quote = text.data[at];
    DCHECK(at < text.size);
    for (at++; at < text.size; at++) {
        if (text.data[at] == quote) {
            if (byte_at(text, at + 1) != quote) {
                return at + 1;
            }
            at++;
        }
    }
    return 0;
}

/* One past a number: digits, a point with digits, an exponent. */
static size_t
end_of_number(firn_slice text, size_t at)
{
    while (is_digit(byte_at(text, at))) {
        at++;
    }
    if (byte_at(text, at) == '.') {
        for (at++; is_digit(byte_at(text, at)); at++) {
        }
    }
    uint8_t e = byte_at(text, at);
    size_t digits = at + 1;
    digits += byte_at(text, digits) == '-' || byte_at(text, digits) == '+' ? 1 : 0;
    if ((e == 'e' || e == 'E') && is_digit(byte_at(text, digits))) {
        for (at = digits; is_digit(byte_at(text, at)); at++) {
        }
    }
    return at;
}

static size_t
sign_size(firn_slice text, size_t at)
{
    static const char *const pairs[] = {"||", "==", "!=", "<>", "<=", ">="};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (text.data[at] == (uint8_t)pairs[i][0] &&
            byte_at(text, at + 1) == (uint8_t)pairs[i][1]) {
            return 2;
        }
    }
    return strchr("+-*/%=<>(),?", text.data[at]) != NULL && text.data[at] != 0 ? 1 : 0;
}

const char *
fi_text_token_next(firn_slice text, size_t *at, struct fi_text_token *out)
{
    size_t start = *at;
    while (start < text.size && text.data[start] != 0 &&
           strchr(" \t\r\n", text.data[start]) != NULL) {
        start++;
    }
    size_t end = start;
    size_t skip = 0;
    const char *defect = NULL;
    *out = (struct fi_text_token){.kind = FI_TEXT_TOKEN_END, .at = start};
    uint8_t first = byte_at(text, start);
    if (start == text.size) {
        skip = 0;
    } else if ((first == 'x' || first == 'X') && byte_at(text, start + 1) == '\'') {
        out->kind = FI_TEXT_TOKEN_HEX;
        end = end_of_quoted(text, start + 1);
        skip = 2;
    } else if (is_letter(first)) {
        out->kind = FI_TEXT_TOKEN_WORD;
        while (is_letter(byte_at(text, end)) || is_digit(byte_at(text, end))) {
            end++;
        }
    } else if (first == '"' || first == '\'') {
        out->kind = first == '"' ? FI_TEXT_TOKEN_QUOTED : FI_TEXT_TOKEN_STRING;
        end = end_of_quoted(text, start);
    } else if (is_digit(first) || (first == '.' && is_digit(byte_at(text, start + 1)))) {
        out->kind = FI_TEXT_TOKEN_NUMBER;
        end = end_of_number(text, start);
        if (is_letter(byte_at(text, end))) {
            defect = "a number ends in letters";
        }
    } else {
        out->kind = FI_TEXT_TOKEN_SIGN;
        end = start + sign_size(text, start);
        if (end == start) {
            defect = "this character has no meaning here";
        }
    }
    if (end == 0 && start < text.size) {
        defect = "a quote is not closed";
    }
    if (defect != NULL) {
        out->kind = FI_TEXT_TOKEN_WRONG;
        return defect;
    }
    size_t size = end - start - (skip > 0 ? skip + 1 : 0);
    out->text = firn_bytes(text.data + start + skip, size);
    *at = end;
    DCHECK(end > start || out->kind == FI_TEXT_TOKEN_END); /* so loops over tokens end */
    DCHECK(end <= text.size);
    return NULL;
}

size_t
fi_text_token_unquote(const struct fi_text_token *token, uint8_t *out)
{
    const bool is_quoted =
        token->kind == FI_TEXT_TOKEN_QUOTED || token->kind == FI_TEXT_TOKEN_STRING;
    const size_t end = token->text.size - (is_quoted ? 1 : 0);
    size_t size = 0;
    for (size_t i = is_quoted ? 1 : 0; i < end; i++) {
        out[size++] = token->text.data[i];
        i += is_quoted && token->text.data[i] == token->text.data[0] ? 1 : 0;
    }
    return size;
}

bool
fi_text_token_is(const struct fi_text_token *token, const char *what)
{
    return (token->kind == FI_TEXT_TOKEN_WORD || token->kind == FI_TEXT_TOKEN_SIGN) &&
           fi_slice_is_word(token->text, what);
}
