/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell_words.c: the words of a line for the shell itself.
 *
 * Words are divided by blanks and semicolons. In single or double quotes a word may have both in
 * it, and a quote is written twice. Only a word that begins with a quote is quoted.
 */
#include "sqlshell/sqlshell_words.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\r\n;";

/* Copies what stands in quotes, without them. Returns what follows them; NULL: they are not
 * closed. */
static const char *
copy_quoted(const char *from, char **to)
{
    const char quote = *from++;
    for (; *from != '\0'; from++) {
        if (*from == quote && *++from != quote) {
            return from;
        }
        *(*to)++ = *from;
    }
    return NULL;
}

const char *
fi_sqlshell_words_split(const char *line, struct fi_sqlshell_words *out)
{
    memset(out, 0, sizeof *out);
    /* A word is no longer than in the line, and each but the last is followed by a byte that is not
     * copied, or was in quotes. */
    char *to = out->memory = malloc(strlen(line) + 1);
    if (to == NULL) {
        return "out of memory";
    }
    for (line += strspn(line, blanks); *line != '\0'; line += strspn(line, blanks)) {
        if (out->count == FI_SQLSHELL_WORDS_MAX) {
            return "too many words";
        }
        out->items[out->count++] = to;
        if (*line == '\'' || *line == '"') {
            line = copy_quoted(line, &to);
            if (line == NULL) {
                return "a quote is not closed";
            }
        } else {
            const size_t size = strcspn(line, blanks);
            memcpy(to, line, size);
            to += size;
            line += size;
        }
        *to++ = '\0';
    }
    assert(out->count <= FI_SQLSHELL_WORDS_MAX);
    return NULL;
}
