/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_text.c: the text of a statement: its words, and whether it is for firn_create.
 */
#include "sql/sql_internal.h"
SQLITE_EXTENSION_INIT3

#include <assert.h>
#include <ctype.h>
#include <string.h>

size_t
firn_sql_text_word(const char *text, size_t *at, const char **out)
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

bool
firn_sql_text_is(const char *text, size_t size, const char *word)
{
    assert(word[0] != '\0');
    return strlen(word) == size && sqlite3_strnicmp(text, word, (int)size) == 0;
}

/* Whether a table or index of the connection's own has a name, or a virtual table that is not of the store. */
static bool
is_own(sqlite3 *db, const char *name, size_t size)
{
    static const char sql[] =
        "SELECT 1 FROM (SELECT name, sql FROM main.sqlite_schema UNION ALL "
        "SELECT name, sql FROM temp.sqlite_schema) "
        "WHERE name = ?1 COLLATE NOCASE AND (coalesce(sql, '') NOT LIKE '% USING firn(%' "
        "OR sql LIKE '%, at=%')";
    sqlite3_stmt *statement = NULL;
    bool is_there = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
                    sqlite3_bind_text(statement, 1, name, (int)size, SQLITE_STATIC) == SQLITE_OK &&
                    sqlite3_step(statement) == SQLITE_ROW;
    (void)sqlite3_finalize(statement);
    return is_there;
}

/* Whether a statement is about definitions of the store, so that it goes to firn_create. */
static bool
is_about_definitions(sqlite3 *db, const char *text)
{
    const char *word = NULL;
    size_t at = 0;
    size_t size = firn_sql_text_word(text, &at, &word);
    bool is_create = firn_sql_text_is(word, size, "create");
    if (!is_create && !firn_sql_text_is(word, size, "alter") &&
        !firn_sql_text_is(word, size, "drop")) {
        return false;
    }
    size = firn_sql_text_word(text, &at, &word);
    if (is_create && firn_sql_text_is(word, size, "unique")) {
        size = firn_sql_text_word(text, &at, &word);
    }
    bool is_index = firn_sql_text_is(word, size, "index");
    if (is_create && !is_index) {
        return firn_sql_text_is(word, size, "table") || firn_sql_text_is(word, size, "keyspace");
    }
    if (!is_index && !firn_sql_text_is(word, size, "table")) {
        return false;
    }
    /* The name after TABLE, ON, or DROP INDEX [IF EXISTS]. */
    do {
        size = firn_sql_text_word(text, &at, &word);
        bool is_before =
            firn_sql_text_is(word, size, "if") || firn_sql_text_is(word, size, "exists");
        if (is_create && firn_sql_text_is(word, size, "on")) {
            size = firn_sql_text_word(text, &at, &word);
            break;
        }
        if (!is_create && !is_before) {
            break;
        }
    } while (size > 0);
    if (size == 0 && strchr("\"`[", word[0]) != NULL && word[0] != '\0') {
        word++;
        size = strcspn(word, "\"`]");
    }
    return !firn_sql_text_is(word, size, "temp") && !firn_sql_text_is(word, size, "main") &&
           !is_own(db, word, size);
}

/* A call of firn_create, without rows, with the first statement of a text, which SQLite itself cannot read. Returns a code of
 * SQLite. */
static int
prepare_definition(sqlite3 *db, const char *text, sqlite3_stmt **out, const char **out_rest)
{
    struct firn_sql_split split = {0};
    bool is_end;
    const size_t size = firn_sql_split_feed(&split, text, strlen(text), &is_end);
    if (size > FIRN_SQL_STATEMENT_MAX) {
        return SQLITE_TOOBIG;
    }
    char *part = sqlite3_mprintf("%.*s", (int)size, text);
    const char *end = text + size;
    *out_rest = end;
    char *call =
        part != NULL ? sqlite3_mprintf("SELECT 1 WHERE firn_create(%Q) IS NOT NULL", part) : NULL;
    int rc = call != NULL ? sqlite3_prepare_v3(db, call, -1, 0, out, NULL) : SQLITE_NOMEM;
    sqlite3_free(call);
    sqlite3_free(part);
    return rc;
}

int
firn_sql_text_prepare(sqlite3 *db, const char *text, sqlite3_stmt **out, const char **out_rest,
                      bool *out_is_definition)
{
    *out_is_definition = is_about_definitions(db, text);
    return *out_is_definition ? prepare_definition(db, text, out, out_rest)
                              : sqlite3_prepare_v3(db, text, -1, 0, out, out_rest);
}

/* firn_is_definition(STATEMENT) */
static void
is_definition(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    (void)count;
    const char *text = (const char *)sqlite3_value_text(values[0]);
    sqlite3_result_int(ctx,
                       text != NULL && is_about_definitions(sqlite3_context_db_handle(ctx), text));
}

int
firn_sql_text_register(struct firn_sql *sql)
{
    return firn_sql_function(sql, "firn_is_definition", 1, FIRN_SQL_EFFECT, is_definition);
}
