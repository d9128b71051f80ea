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

static bool
is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || ((unsigned char)c & 0x80) != 0;
}

size_t
firn_sql_text_blank(const char *text)
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

/* What begins here and is no word: blanks, a comment, something in quotes, a parameter, a character. */
static size_t
other_size(const char *text)
{
    const size_t blank = firn_sql_text_blank(text);
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
firn_sql_text_next_word(const char *text, size_t *at, const char **out)
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

bool
firn_sql_text_is(const char *text, size_t size, const char *word)
{
    assert(word[0] != '\0');
    return strlen(word) == size && sqlite3_strnicmp(text, word, (int)size) == 0;
}

/* ---- whether a statement defines something of the store ---- */

/* Takes the word if it is the next one. */
static bool
take_word(const char *text, size_t *at, const char *wanted)
{
    const char *word;
    size_t after = *at;
    size_t size = firn_sql_text_word(text, &after, &word);
    const bool is_it = firn_sql_text_is(word, size, wanted) && !is_name_byte(text[after]);
    *at = is_it ? after : *at;
    return is_it;
}

void
firn_sql_text_name(const char *text, size_t *at, char out[FIRN_SQL_NAME_SIZE])
{
    const char *from;
    size_t used = 0;
    size_t i = *at;
    (void)firn_sql_text_word(text, &i, &from);
    i = (size_t)(from - text);
    const char quote = (char)(text[i] == '[' ? ']' : text[i]);
    if (text[i] != '\0' && strchr("'\"`[", text[i]) != NULL) {
        for (i++; text[i] != '\0'; i++) {
            if (text[i] == quote && (quote == ']' || text[++i] != quote)) {
                i += quote == ']';
                break;
            }
            out[used < FIRN_SQL_NAME_SIZE - 1 ? used++ : used] = text[i];
        }
    } else {
        for (; is_name_byte(text[i]); i++) {
            out[used < FIRN_SQL_NAME_SIZE - 1 ? used++ : used] = text[i];
        }
    }
    out[used < FIRN_SQL_NAME_SIZE - 1 ? used : 0] = '\0';
    *at = i;
}

void
firn_sql_text_qualified(const char *text, size_t *at, char out_schema[FIRN_SQL_NAME_SIZE],
                        char out_name[FIRN_SQL_NAME_SIZE])
{
    const char *after;
    out_schema[0] = '\0';
    firn_sql_text_name(text, at, out_name);
    size_t next = *at;
    (void)firn_sql_text_word(text, &next, &after);
    if (*after == '.') {
        memcpy(out_schema, out_name, FIRN_SQL_NAME_SIZE);
        *at = (size_t)(after - text) + 1;
        firn_sql_text_name(text, at, out_name);
    }
}

/* Whether a statement with a text as its parameter has a row. */
static bool
has_row(sqlite3 *db, const char *sql, const char *text)
{
    sqlite3_stmt *statement = NULL;
    bool has = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
               sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC) == SQLITE_OK &&
               sqlite3_step(statement) == SQLITE_ROW;
    (void)sqlite3_finalize(statement);
    return has;
}

/* Whether SQLite has a database of that name: main, temp, or what ATTACH has added. */
static bool
is_database(sqlite3 *db, const char *schema)
{
    return has_row(db, "SELECT 1 FROM pragma_database_list WHERE name = ?1 COLLATE NOCASE", schema);
}

static bool
is_database_or_temp(sqlite3 *db, const char *schema)
{
    return sqlite3_stricmp(schema, "temp") == 0 || is_database(db, schema);
}

/* Whether a name is that of a table of one of SQLite's databases that does not show one of the store as it is now. */
static bool
is_own_table(sqlite3 *db, const char *name)
{
    static const char sql[] =
        "SELECT 1 FROM temp.sqlite_schema WHERE name = ?1 COLLATE NOCASE AND "
        "(coalesce(sql, '') NOT LIKE '% USING firn(%' OR sql LIKE '%, at=%') AND "
        "coalesce(sql, '') NOT LIKE '% USING firn_keyspace(%'";
    if (sqlite3_table_column_metadata(db, "temp", name, NULL, NULL, NULL, NULL, NULL, NULL) ==
        SQLITE_OK) {
        return has_row(db, sql, name);
    }
    return sqlite3_table_column_metadata(db, NULL, name, NULL, NULL, NULL, NULL, NULL, NULL) ==
           SQLITE_OK;
}

static bool
is_own_index(sqlite3 *db, const char *name)
{
    return has_row(db, "SELECT 1 FROM pragma_index_info(?1)", name);
}

/* Views and triggers of a database in memory would be gone with the connection: firn_create says so. */
static bool
loses_views(sqlite3 *db)
{
    const char *file = sqlite3_db_filename(db, "main");
    return file == NULL || file[0] == '\0';
}

/* Whether what comes after CREATE is for firn_create. */
static bool
is_own_creation(sqlite3 *db, const char *text, size_t at)
{
    char schema[FIRN_SQL_NAME_SIZE];
    char name[FIRN_SQL_NAME_SIZE];
    const bool is_view = take_word(text, &at, "view") || take_word(text, &at, "trigger");
    const bool is_index =
        !is_view && ((void)take_word(text, &at, "unique"), take_word(text, &at, "index"));
    if (!is_view && !is_index && take_word(text, &at, "keyspace")) {
        return false;
    }
    if (!is_view && !is_index && !take_word(text, &at, "table")) {
        return true;
    }
    if (take_word(text, &at, "if")) {
        (void)take_word(text, &at, "not");
        (void)take_word(text, &at, "exists");
    }
    firn_sql_text_qualified(text, &at, schema, name);
    if (schema[0] != '\0') {
        return is_database_or_temp(db, schema);
    }
    if (is_index && take_word(text, &at, "on")) {
        firn_sql_text_name(text, &at, name);
        return is_own_table(db, name);
    }
    return is_view && !loses_views(db);
}

/* Whether a statement is about definitions of the store, so that it goes to firn_create. */
static bool
is_about_definitions(sqlite3 *db, const char *text)
{
    char schema[FIRN_SQL_NAME_SIZE];
    char name[FIRN_SQL_NAME_SIZE];
    size_t at = 0;
    if (take_word(text, &at, "create")) {
        return !is_own_creation(db, text, at);
    }
    const bool is_alter = take_word(text, &at, "alter");
    if (!is_alter && !take_word(text, &at, "drop")) {
        return false;
    }
    const bool is_index = !is_alter && take_word(text, &at, "index");
    if (!is_index && !take_word(text, &at, "table")) {
        return false;
    }
    if (!is_alter && take_word(text, &at, "if")) {
        (void)take_word(text, &at, "exists");
    }
    firn_sql_text_qualified(text, &at, schema, name);
    if (schema[0] != '\0') {
        return !is_database_or_temp(db, schema);
    }
    return is_index ? !is_own_index(db, name) : !is_own_table(db, name);
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
    if (*out_is_definition) {
        return prepare_definition(db, text, out, out_rest);
    }
    int rc = sqlite3_prepare_v3(db, text, -1, 0, out, out_rest);
    /* Another process may have made the table or the column that is missing. */
    return rc == SQLITE_ERROR && firn_sql_attach_look_again(db)
               ? sqlite3_prepare_v3(db, text, -1, 0, out, out_rest)
               : rc;
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
