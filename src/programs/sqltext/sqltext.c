/* SPDX-License-Identifier: Apache-2.0
 *
 * sqltext/sqltext.c: the tokens of a statement, its words and its names: the one place that knows
 * where quotes, comments and numbers of SQL end.
 */
#include "sqltext/sqltext.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

size_t
fi_sqltext_word(const char *text, size_t *at, const char **out)
{
    size_t i = *at;
    for (size_t blank = 1; blank > 0; i += blank) {
        blank = text[i] == ';' || text[i] == '(' ? 1 : fi_sqltext_blank(text + i);
    }
    size_t from = i;
    while (isalnum((unsigned char)text[i]) || text[i] == '_') {
        i++;
    }
    *out = text + from;
    *at = i;
    return i - from;
}

bool
fi_sqltext_is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || ((unsigned char)c & 0x80) != 0;
}

size_t
fi_sqltext_blank(const char *text)
{
    if (text[0] == '-' && text[1] == '-') {
        return strcspn(text, "\n");
    }
    if (text[0] == '/' && text[1] == '*') {
        const char *end = strstr(text + 2, "*/");
        return end != NULL ? (size_t)(end - text) + 2 : strlen(text);
    }
    return strspn(text, " \t\r\n\f");
}

/* Where a quoted text ends that begins here; an end that is missing is that of the text. */
static size_t
quoted_size(const char *text, bool *out_is_open)
{
    const char quote = (char)(text[0] == '[' ? ']' : text[0]);
    size_t i = 1;
    while (text[i] != '\0' && (text[i] != quote || (quote != ']' && text[i + 1] == quote))) {
        i += text[i] == quote ? 2 : 1;
    }
    *out_is_open = text[i] == '\0';
    return text[i] == '\0' ? i : i + 1;
}

static size_t
number_size(const char *text)
{
    size_t i = 0;
    while (fi_sqltext_is_name_byte(text[i]) || text[i] == '.' ||
           ((text[i] == '+' || text[i] == '-') && (text[i - 1] == 'e' || text[i - 1] == 'E'))) {
        i++;
    }
    return i;
}

static size_t
sign_size(const char *text)
{
    static const char *const pairs[] = {"||", "==", "!=", "<>", "<=", ">=", "<<", ">>", "->"};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (strncmp(text, pairs[i], 2) == 0) {
            return 2;
        }
    }
    return 1;
}

/* What begins here, which is no blank. */
static size_t
token_size(const char *text, enum fi_sqltext_kind *out, bool *out_is_open)
{
    size_t size = 1;
    *out_is_open = false;
    if ((text[0] == 'x' || text[0] == 'X') && text[1] == '\'') {
        *out = FI_SQLTEXT_BLOB;
        return 1 + quoted_size(text + 1, out_is_open);
    }
    if (strchr("'\"`[", text[0]) != NULL) {
        *out = text[0] == '\'' ? FI_SQLTEXT_STRING : FI_SQLTEXT_QUOTED;
        return quoted_size(text, out_is_open);
    }
    if (isdigit((unsigned char)text[0]) || (text[0] == '.' && isdigit((unsigned char)text[1]))) {
        *out = FI_SQLTEXT_NUMBER;
        return number_size(text);
    }
    const bool is_parameter = strchr("?:@#$", text[0]) != NULL;
    *out = is_parameter ? FI_SQLTEXT_PARAMETER : FI_SQLTEXT_WORD;
    if (!is_parameter && !fi_sqltext_is_name_byte(text[0])) {
        *out = FI_SQLTEXT_SIGN;
        return sign_size(text);
    }
    while (fi_sqltext_is_name_byte(text[size])) {
        size++;
    }
    return size;
}

void
fi_sqltext_token(const char *text, size_t *at, struct fi_sqltext_token *out)
{
    size_t from = *at;
    for (size_t blank = 1; blank > 0 && text[from] != '\0'; from += blank) {
        blank = fi_sqltext_blank(text + from);
    }
    *out = (struct fi_sqltext_token){.kind = FI_SQLTEXT_END, .from = from, .to = from};
    if (text[from] != '\0') {
        out->to += token_size(text + from, &out->kind, &out->is_open);
    }
    assert(out->to > out->from || out->kind == FI_SQLTEXT_END); /* so loops over tokens end */
    *at = out->to;
}

size_t
fi_sqltext_unquote(const char *text, const struct fi_sqltext_token *token, char *out)
{
    const bool is_quoted = token->kind == FI_SQLTEXT_QUOTED || token->kind == FI_SQLTEXT_STRING;
    const size_t to = token->to - (is_quoted && !token->is_open ? 1 : 0);
    size_t size = 0;
    for (size_t i = token->from + (is_quoted ? 1 : 0); i < to; i++) {
        out[size++] = text[i];
        i += is_quoted && text[token->from] != '[' && text[i] == text[token->from];
    }
    return size;
}

size_t
fi_sqltext_next_word(const char *text, size_t *at, const char **out)
{
    enum fi_sqltext_kind kind;
    bool is_open;
    size_t i = *at;
    while (text[i] != '\0' && !fi_sqltext_is_name_byte(text[i])) {
        const size_t blank = fi_sqltext_blank(text + i);
        i += blank > 0 ? blank : token_size(text + i, &kind, &is_open);
    }
    const size_t from = i;
    while (fi_sqltext_is_name_byte(text[i])) {
        i++;
    }
    *out = text + from;
    *at = i;
    return i - from;
}

static char
ascii_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool
fi_sqltext_is(const char *text, size_t size, const char *word)
{
    assert(word[0] != '\0');
    size_t i = 0;
    while (i < size && word[i] != '\0' && ascii_lower(text[i]) == ascii_lower(word[i])) {
        i++;
    }
    return i == size && word[i] == '\0';
}

bool
fi_sqltext_take(const char *text, size_t *at, const char *wanted)
{
    const char *word;
    size_t after = *at;
    size_t size = fi_sqltext_word(text, &after, &word);
    const bool is_it = fi_sqltext_is(word, size, wanted) && !fi_sqltext_is_name_byte(text[after]);
    *at = is_it ? after : *at;
    return is_it;
}

void
fi_sqltext_name(const char *text, size_t *at, char out[FI_SQLTEXT_NAME_SIZE])
{
    const char *from;
    size_t used = 0;
    size_t i = *at;
    (void)fi_sqltext_word(text, &i, &from);
    i = (size_t)(from - text);
    const char quote = (char)(text[i] == '[' ? ']' : text[i]);
    if (text[i] != '\0' && strchr("'\"`[", text[i]) != NULL) {
        for (i++; text[i] != '\0'; i++) {
            if (text[i] == quote && (quote == ']' || text[++i] != quote)) {
                i += quote == ']';
                break;
            }
            out[used < FI_SQLTEXT_NAME_SIZE - 1 ? used++ : used] = text[i];
        }
    } else {
        for (; fi_sqltext_is_name_byte(text[i]); i++) {
            out[used < FI_SQLTEXT_NAME_SIZE - 1 ? used++ : used] = text[i];
        }
    }
    out[used < FI_SQLTEXT_NAME_SIZE - 1 ? used : 0] = '\0';
    *at = i;
}

void
fi_sqltext_qualified(const char *text, size_t *at, char out_schema[FI_SQLTEXT_NAME_SIZE],
                     char out_name[FI_SQLTEXT_NAME_SIZE])
{
    const char *after;
    out_schema[0] = '\0';
    fi_sqltext_name(text, at, out_name);
    size_t next = *at;
    (void)fi_sqltext_word(text, &next, &after);
    if (*after == '.') {
        memcpy(out_schema, out_name, FI_SQLTEXT_NAME_SIZE);
        *at = (size_t)(after - text) + 1;
        fi_sqltext_name(text, at, out_name);
    }
}
