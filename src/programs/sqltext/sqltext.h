/* SPDX-License-Identifier: Apache-2.0
 *
 * sqltext/sqltext.h: statements as texts: their words and names, and where they end.
 *
 * Nothing here parses SQL: SQLite does. These functions tell what a statement is about where SQLite
 * does not say it. Texts end with a zero byte, and none is changed.
 *
 * Threads: functions of their arguments alone.
 */
#ifndef FIRN_SQLTEXT_SQLTEXT_H
#define FIRN_SQLTEXT_SQLTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "firn/firn.h"

/* ==== tokens ==== */

enum fi_sqltext_kind {
    FI_SQLTEXT_END,
    FI_SQLTEXT_WORD,   /* a keyword, or a name without quotes */
    FI_SQLTEXT_QUOTED, /* "name", `name`, [name] */
    FI_SQLTEXT_STRING, /* 'text' */
    FI_SQLTEXT_BLOB,   /* x'00' */
    FI_SQLTEXT_NUMBER, /* digits, and all letters and points after them */
    FI_SQLTEXT_PARAMETER,
    FI_SQLTEXT_SIGN /* an operator, or any other character */
};
struct fi_sqltext_token {
    enum fi_sqltext_kind kind;
    bool is_open; /* its closing quote is missing */
    size_t from;  /* the quotes included */
    size_t to;
};
/* Reads the token at text[*at], after blanks and comments; *at goes after it. */
void fi_sqltext_token(const char *text, size_t *at, struct fi_sqltext_token *out);
/* Writes a token without its quotes, and returns its size, which is at most the token's. */
size_t fi_sqltext_unquote(const char *text, const struct fi_sqltext_token *token, char *out);
/* Whether a byte may be in a name without quotes. */
bool fi_sqltext_is_name_byte(char c);

/* ==== words and names ==== */

/* The word that begins at text[*at], after blanks and comments; *at goes after it. Returns its
 * size; 0: there is none, and *out is where something else begins. */
size_t fi_sqltext_word(const char *text, size_t *at, const char **out);
/* Whether these bytes are a word, in any case. */
bool fi_sqltext_is(const char *text, size_t size, const char *word);
/* Takes the word if it is the next one. */
bool fi_sqltext_take(const char *text, size_t *at, const char *wanted);
/* The next word outside of quotes and comments; *at goes after it. Returns its size; 0: there is
 * none. */
size_t fi_sqltext_next_word(const char *text, size_t *at, const char **out);
/* How long the blanks or the comment are that begin here. */
size_t fi_sqltext_blank(const char *text);

enum {
    FI_SQLTEXT_NAME_SIZE = FIRN_TABLE_NAME_SIZE_MAX + 32
}; /* of a table or a column, with a number after it */
/* Takes a name, without its quotes. "": there is none, or none that a table or a column can
 * have. */
void fi_sqltext_name(const char *text, size_t *at, char out[FI_SQLTEXT_NAME_SIZE]);
/* Takes [schema.]name; the schema is "" where none is said. */
void fi_sqltext_qualified(const char *text, size_t *at, char out_schema[FI_SQLTEXT_NAME_SIZE],
                          char out_name[FI_SQLTEXT_NAME_SIZE]);

/* ==== where statements end (sqltext_split.c): for programs that read texts bit by bit ==== */

/* Where a text has been divided; zeroed at its beginning. */
struct fi_sqltext_split {
    unsigned char state;
    unsigned char mode;
    char quote;
    unsigned char word_size;
    char word[10];
};
/* Looks at the next bytes of a text, up to the end of a statement, its semicolon: *out_is_end.
 * Returns how many bytes. An empty statement ends too. */
size_t fi_sqltext_split_feed(struct fi_sqltext_split *split, const char *text, size_t size,
                             bool *out_is_end);
/* Whether no statement has begun, nor a comment that has no end yet. */
bool fi_sqltext_split_is_idle(const struct fi_sqltext_split *split);

#endif
