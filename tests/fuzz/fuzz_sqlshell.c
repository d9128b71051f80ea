/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/sqlshell: what is typed at, or piped into, firn db sql. A text is divided into statements where sqlite3_complete says that they
 * are whole, whatever pieces it comes in: byte 0 is the size of the pieces. A line that begins with a dot is divided into words: none
 * has more than the line, and words without quotes and blanks in them are read again as they are.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sql/sql.h"
#include "sqlshell/sqlshell_words.h"
#include "sqltext/sqltext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_SIZE_MAX = 2048, STEP_MAX = 64 };

/* Of the text from..to, only the end is the end of a statement, if it is one. */
static void
check_statement(char *text, size_t from, size_t to, bool is_end)
{
    for (size_t i = from; i < to; i++) {
        if (text[i] == ';') {
            const char after = text[i + 1];
            text[i + 1] = '\0';
            CHECK((sqlite3_complete(text + from) != 0) == (is_end && i + 1 == to));
            text[i + 1] = after;
        }
    }
}

static void
divide(char *text, size_t size, size_t step)
{
    struct fi_sqltext_split split = {0};
    size_t from = 0;
    for (size_t at = 0; at < size;) {
        bool is_end;
        const size_t piece = size - at < step ? size - at : step;
        const size_t used = fi_sqltext_split_feed(&split, text + at, piece, &is_end);
        CHECK(used > 0 && used <= piece && (is_end || used == piece));
        at += used;
        if (is_end) {
            CHECK(text[at - 1] == ';' && fi_sqltext_split_is_idle(&split));
            check_statement(text, from, at, true);
            from = at;
        }
    }
    check_statement(text, from, size, false);
}

static void
read_words(const char *line)
{
    struct fi_sqlshell_words words;
    struct fi_sqlshell_words again;
    const char *wrong = fi_sqlshell_words_split(line, &words);
    CHECK(words.count <= FI_SQLSHELL_WORDS_MAX);
    size_t total = 0;
    for (size_t i = 0; wrong == NULL && i < words.count; i++) {
        const char *word = words.items[i];
        total += strlen(word);
        if (word[0] != '\0' && strpbrk(word, " \t\r\n;'\"") == NULL) {
            CHECK(fi_sqlshell_words_split(word, &again) == NULL && again.count == 1);
            CHECK(strcmp(again.items[0], word) == 0);
            free(again.memory);
        }
    }
    CHECK(total <= strlen(line));
    free(words.memory);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > TEXT_SIZE_MAX) {
        return 0;
    }
    char *text = malloc(size);
    CHECK(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (strlen(text) > 0) {
        divide(text, strlen(text), 1 + data[0] % STEP_MAX);
        read_words(text);
    }
    free(text);
    return 0;
}
