/* SPDX-License-Identifier: Apache-2.0
 *
 * sqltext/sqltext.c: the words and the names of a statement.
 */
#include "sqltext/sqltext.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

size_t
fi_sqltext_word(const char *text, size_t *at, const char **out)
{
    size_t i = *at;
    for (;;) {
        if (text[i] != '\0' && strchr(" \t\r\n\f;(", text[i]) != NULL) {
            i++;
        } else if (text[i] == '-' && text[i + 1] == '-') {
            i += strcspn(text + i, "\n");
        } else if (text[i] == '/' && text[i + 1] == '*') {
            const char *end = strstr(text + i + 2, "*/");
            i = end != NULL ? (size_t)(end - text) + 2 : i + strlen(text + i);
        } else {
            break;
        }
    }
    size_t from = i;
    while (isalnum((unsigned char)text[i]) || text[i] == '_') {
        i++;
    }
    *out = text + from;
    *at = i;
    return i - from;
}

static bool
is_name_byte(char c)
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
quoted_size(const char *text)
{
    const char quote = (char)(text[0] == '[' ? ']' : text[0]);
    size_t i = 1;
    while (text[i] != '\0' && (text[i] != quote || (quote != ']' && text[i + 1] == quote))) {
        i += text[i] == quote ? 2 : 1;
    }
    return text[i] == '\0' ? i : i + 1;
}

/* What begins here and is no word: blanks, a comment, something in quotes, a parameter, a
 * character. */
static size_t
other_size(const char *text)
{
    const size_t blank = fi_sqltext_blank(text);
    if (blank > 0) {
        return blank;
    }
    if (strchr("'\"`[", text[0]) != NULL) {
        return quoted_size(text);
    }
    size_t size = 1;
    if (strchr(":@#?", text[0]) != NULL) { /* the name of a parameter is no word */
        while (is_name_byte(text[size])) {
            size++;
        }
    }
    return size;
}

size_t
fi_sqltext_next_word(const char *text, size_t *at, const char **out)
{
    size_t i = *at;
    while (text[i] != '\0' && !is_name_byte(text[i])) {
        i += other_size(text + i);
    }
    const size_t from = i;
    while (is_name_byte(text[i])) {
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
    const bool is_it = fi_sqltext_is(word, size, wanted) && !is_name_byte(text[after]);
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
        for (; is_name_byte(text[i]); i++) {
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
