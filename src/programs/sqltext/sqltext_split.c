/* SPDX-License-Identifier: Apache-2.0
 *
 * sqltext/sqltext_split.c: where a statement ends, found while its text arrives.
 *
 * The rule is that of sqlite3_complete: a semicolon ends a statement unless it is inside of quotes,
 * a comment, or the body of a CREATE TRIGGER, which ends with "; END;". sqlite3_complete wants the
 * whole text from its beginning each time that it is asked, so a long statement with many
 * semicolons would take the square of its size. This looks at each byte once, and keeps nothing of
 * the text but the word that it is in.
 *
 * States of a statement and modes of the text are independent: a mode says what a byte belongs to,
 * a state what the words before it make of the next semicolon. The test of the room and a fuzz
 * target compare both with sqlite3_complete.
 */
#include "sqltext/sqltext.h"

#include <ctype.h>
#include <string.h>

enum state {
    STATE_START,   /* no statement has begun */
    STATE_NORMAL,  /* the next semicolon is the end */
    STATE_EXPLAIN, /* EXPLAIN, and perhaps QUERY PLAN */
    STATE_CREATE,  /* CREATE, and perhaps TEMP */
    STATE_TRIGGER, /* the body of a trigger */
    STATE_SEMI,    /* the same, after a semicolon */
    STATE_END      /* the same, after END: the next semicolon is the end */
};

enum mode {
    MODE_BETWEEN,
    MODE_WORD,
    MODE_SLASH, /* it may begin a comment, as the next */
    MODE_DASH,
    MODE_BLOCK,
    MODE_STAR, /* of a comment: it may end */
    MODE_LINE,
    MODE_QUOTED
};

enum token { TOKEN_OTHER, TOKEN_EXPLAIN, TOKEN_CREATE, TOKEN_TEMP, TOKEN_TRIGGER, TOKEN_END };

static void
parse_token(struct fi_sqltext_split *split, enum token token)
{
    switch ((enum state)split->state) {
    case STATE_START:
        split->state = token == TOKEN_EXPLAIN  ? STATE_EXPLAIN
                       : token == TOKEN_CREATE ? STATE_CREATE
                                               : STATE_NORMAL;
        break;
    case STATE_EXPLAIN:
        split->state = token == TOKEN_OTHER    ? STATE_EXPLAIN
                       : token == TOKEN_CREATE ? STATE_CREATE
                                               : STATE_NORMAL;
        break;
    case STATE_CREATE:
        split->state = token == TOKEN_TEMP      ? STATE_CREATE
                       : token == TOKEN_TRIGGER ? STATE_TRIGGER
                                                : STATE_NORMAL;
        break;
    case STATE_SEMI:
        split->state = token == TOKEN_END ? STATE_END : STATE_TRIGGER;
        break;
    case STATE_END:
        split->state = STATE_TRIGGER;
        break;
    case STATE_NORMAL:
    case STATE_TRIGGER:
        break;
    }
}

static void
end_word(struct fi_sqltext_split *split)
{
    static const struct {
        const char *word;
        enum token token;
    } words[] = {{"create", TOKEN_CREATE},   {"temp", TOKEN_TEMP}, {"temporary", TOKEN_TEMP},
                 {"trigger", TOKEN_TRIGGER}, {"end", TOKEN_END},   {"explain", TOKEN_EXPLAIN}};
    enum token token = TOKEN_OTHER;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].word) == split->word_size &&
            memcmp(words[i].word, split->word, split->word_size) == 0) {
            token = words[i].token;
        }
    }
    split->mode = MODE_BETWEEN;
    parse_token(split, token);
}

/* A semicolon outside of quotes and comments. Returns whether a statement ends, be it an empty
 * one. */
static bool
parse_semicolon(struct fi_sqltext_split *split)
{
    if (split->state == STATE_TRIGGER || split->state == STATE_SEMI) {
        split->state = STATE_SEMI;
        return false;
    }
    split->state = STATE_START;
    return true;
}

/* A byte that no mode before it goes on with. Returns whether a statement ends. */
static bool
begin_mode(struct fi_sqltext_split *split, char c)
{
    split->mode = MODE_BETWEEN;
    if (fi_sqltext_is_name_byte(c)) {
        split->mode = MODE_WORD;
        split->word[0] = (char)tolower((unsigned char)c);
        split->word_size = 1;
    } else if (c == ';') {
        return parse_semicolon(split);
    } else if (c == '/' || c == '-') {
        split->mode = c == '/' ? MODE_SLASH : MODE_DASH;
    } else if (c == '\'' || c == '"' || c == '`' || c == '[') {
        split->mode = MODE_QUOTED;
        split->quote = (char)(c == '[' ? ']' : c);
    } else if (strchr(" \t\r\n\f", c) == NULL) {
        parse_token(split, TOKEN_OTHER);
    }
    return false;
}

/* Returns whether the byte ends a statement. */
static bool
parse_byte(struct fi_sqltext_split *split, char c)
{
    switch ((enum mode)split->mode) {
    case MODE_BETWEEN:
        return begin_mode(split, c);
    case MODE_WORD:
        if (fi_sqltext_is_name_byte(c)) {
            /* A word that is longer than all that count is none of them. */
            if (split->word_size < sizeof split->word) {
                split->word[split->word_size++] = (char)tolower((unsigned char)c);
            }
            return false;
        }
        end_word(split);
        return begin_mode(split, c);
    case MODE_SLASH:
    case MODE_DASH:
        if (c == (split->mode == MODE_SLASH ? '*' : '-')) {
            split->mode = split->mode == MODE_SLASH ? MODE_BLOCK : MODE_LINE;
            return false;
        }
        parse_token(split, TOKEN_OTHER);
        return begin_mode(split, c);
    case MODE_BLOCK:
    case MODE_STAR:
        split->mode = c == '*'                               ? MODE_STAR
                      : c == '/' && split->mode == MODE_STAR ? MODE_BETWEEN
                                                             : MODE_BLOCK;
        return false;
    case MODE_LINE:
        split->mode = c == '\n' ? MODE_BETWEEN : MODE_LINE;
        return false;
    case MODE_QUOTED:
        if (c == split->quote) {
            split->mode = MODE_BETWEEN;
            parse_token(split, TOKEN_OTHER);
        }
        return false;
    }
    return false;
}

size_t
fi_sqltext_split_feed(struct fi_sqltext_split *split, const char *text, size_t size,
                      bool *out_is_end)
{
    *out_is_end = false;
    for (size_t i = 0; i < size; i++) {
        if (parse_byte(split, text[i])) {
            *out_is_end = true;
            return i + 1;
        }
    }
    return size;
}

bool
fi_sqltext_split_is_idle(const struct fi_sqltext_split *split)
{
    return split->state == STATE_START && split->mode == MODE_BETWEEN;
}
