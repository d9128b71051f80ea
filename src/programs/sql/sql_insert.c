/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_insert.c: which columns the INSERT that is being executed gives.
 *
 * SQLite gives a virtual table NULL for a column that an INSERT leaves out, and for one that it
 * sets to NULL; of the defaults in the CREATE TABLE that it was told it knows nothing. But a NULL
 * that was said stays a NULL, and a column that was left out gets its default. The text of the
 * statement tells: INTO, the name of the table, and a list of columns; without a list all columns
 * are given, and with DEFAULT VALUES none.
 *
 * (G1) A virtual table has no triggers. So where the text of a statement that is being executed is
 *      an INSERT into the table, it is this one. If there are several, because a function runs
 *      statements of its own, they must agree.
 * (G2) Else the row comes from a temporary trigger, of a view or of another table; those of other
 *      schemas cannot use the table. All that temporary triggers insert into the table must agree,
 *      or the row is refused.
 * (G3) What was found holds for one execution of a statement: until another one runs, it runs
 * again, or rows are counted.
 *
 * This is asked only for a NULL of a column that has a default.
 */
#include "sql/sql_internal.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

enum { LEFT_OUT = 1, GIVEN = 2 };

struct fi_sql_insert {
    struct fi_sql_execution execution; /* (G3) */
    bool was_found;
    uint8_t seen[]; /* of each column */
};

/* Notes the list of columns that begins at text[at], or what else comes after the name of the
 * table. */
static void
note_list(const struct fi_sql_table *table, const char *text, size_t at, uint8_t *seen)
{
    const firn_table_def *def = table->def;
    char name[FI_SQLTEXT_NAME_SIZE];
    char own[FI_SQLTEXT_NAME_SIZE];
    const char *word;
    size_t after = at;
    size_t size = fi_sqltext_next_word(text, &after, &word);
    if (fi_sqltext_is(word, size, "as")) { /* an alias */
        fi_sqltext_name(text, &after, name);
        at = after;
    }
    while (text[at] != '\0' && text[at] != '(' && fi_sqltext_blank(text + at) > 0) {
        at += fi_sqltext_blank(text + at);
    }
    after = at;
    size = fi_sqltext_next_word(text, &after, &word);
    const bool has_list = text[at] == '(';
    const bool is_default = !has_list && fi_sqltext_is(word, size, "default");
    uint8_t *given = sqlite3_malloc64(def->column_count);
    if (given != NULL) {
        memset(given, has_list || is_default ? LEFT_OUT : GIVEN, def->column_count);
    }
    while (has_list && given != NULL && text[at] != '\0' && text[at] != ')') {
        at++; /* the bracket, or a comma */
        fi_sqltext_name(text, &at, name);
        for (size_t i = 0; i < def->column_count; i++) {
            fi_sqlparse_column_name(def, i, own);
            given[i] = sqlite3_stricmp(own, name) == 0 ? GIVEN : given[i];
        }
        while (text[at] != '\0' && text[at] != ',' && text[at] != ')') {
            const size_t blank = fi_sqltext_blank(text + at);
            at += blank > 0 ? blank : 1;
        }
    }
    for (size_t i = 0; i < def->column_count; i++) {
        seen[i] |= given != NULL ? given[i] : LEFT_OUT | GIVEN;
    }
    sqlite3_free(given);
}

/* Notes what a text inserts into the table. is_statement: the text is one statement, so there is no
 * more than one INTO. */
static bool
note_text(const struct fi_sql_table *table, const char *text, bool is_statement, uint8_t *seen)
{
    char schema[FI_SQLTEXT_NAME_SIZE];
    char name[FI_SQLTEXT_NAME_SIZE];
    const char *word;
    size_t at = 0;
    bool was_found = false;
    size_t size = fi_sqltext_next_word(text, &at, &word);
    if (is_statement && !fi_sqltext_is(word, size, "insert") &&
        !fi_sqltext_is(word, size, "replace") && !fi_sqltext_is(word, size, "with")) {
        return false;
    }
    while ((size = fi_sqltext_next_word(text, &at, &word)) > 0) {
        if (!fi_sqltext_is(word, size, "into")) {
            continue;
        }
        fi_sqltext_qualified(text, &at, schema, name);
        if (sqlite3_stricmp(name, table->name) == 0 &&
            (schema[0] == '\0' || sqlite3_stricmp(schema, table->schema) == 0)) {
            note_list(table, text, at, seen);
            was_found = true;
        }
        if (is_statement) {
            break;
        }
    }
    return was_found;
}

/* (G2) */
static bool
note_triggers(const struct fi_sql_table *table, sqlite3 *db, uint8_t *seen)
{
    sqlite3_stmt *statement = NULL;
    bool was_found = false;
    int rc = sqlite3_prepare_v2(db, "SELECT sql FROM temp.sqlite_schema WHERE type = 'trigger'", -1,
                                &statement, NULL);
    while (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        was_found = (text != NULL && note_text(table, text, false, seen)) || was_found;
    }
    (void)sqlite3_finalize(statement);
    return was_found;
}

static void
sql_insert_inspect(struct fi_sql_table *table, sqlite3 *db)
{
    struct fi_sql_insert *insert = table->insert;
    memset(insert->seen, 0, table->def->column_count);
    insert->was_found = false;
    for (sqlite3_stmt *at = NULL; (at = sqlite3_next_stmt(db, at)) != NULL;) { /* (G1) */
        const char *text = fi_sql_effect_is_writing(at) ? sqlite3_sql(at) : NULL;
        insert->was_found =
            (text != NULL && note_text(table, text, true, insert->seen)) || insert->was_found;
    }
    insert->was_found = insert->was_found || note_triggers(table, db, insert->seen);
}

int
fi_sql_insert_gives(struct fi_sql_table *table, uint32_t column, bool *out, firn_error *err)
{
    assert(column < table->def->column_count);
    sqlite3 *db = fi_sql_db(table->store->sql);
    struct fi_sql_insert *insert = table->insert;
    if (insert == NULL) {
        const size_t size = sizeof *insert + table->def->column_count;
        insert = sqlite3_malloc64(size);
        if (insert == NULL) {
            return fi_sqlvalue_no_memory(err);
        }
        memset(insert, 0, size);
        table->insert = insert;
    }
    if (fi_sql_effect_is_new(table->store->sql, &insert->execution)) { /* (G3) */
        sql_insert_inspect(table, db);
    }
    *out = insert->seen[column] == GIVEN;
    return insert->seen[column] == GIVEN || insert->seen[column] == LEFT_OUT
               ? FIRN_OK
               : fi_sqlvalue_error(
                     err, FIRN_UNSUPPORTED,
                     "cannot tell whether NULL is given for %s.%s or stands for its default: %s",
                     table->name, table->def->columns[column].name,
                     insert->was_found
                         ? "triggers that insert into the table name different columns"
                         : "the text of the statement is not known");
}
