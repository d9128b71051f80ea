/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_prepare.c: preparing a statement, which may be one for firn_create.
 */
#include "sql/sql_internal.h"
SQLITE_EXTENSION_INIT3

#include <assert.h>
#include <string.h>

/* ---- whether a statement defines something of the store ---- */

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

/* Whether a name is that of a table of one of SQLite's databases that does not show one of the
 * store as it is now. */
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

/* Views and triggers of a database in memory would be gone with the connection: firn_create says
 * so. */
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
    char schema[FI_SQLTEXT_NAME_SIZE];
    char name[FI_SQLTEXT_NAME_SIZE];
    const bool is_view =
        fi_sqltext_take(text, &at, "view") || fi_sqltext_take(text, &at, "trigger");
    const bool is_index = !is_view && ((void)fi_sqltext_take(text, &at, "unique"),
                                       fi_sqltext_take(text, &at, "index"));
    if (!is_view && !is_index && fi_sqltext_take(text, &at, "keyspace")) {
        return false;
    }
    if (!is_view && !is_index && !fi_sqltext_take(text, &at, "table")) {
        return true;
    }
    if (fi_sqltext_take(text, &at, "if")) {
        (void)fi_sqltext_take(text, &at, "not");
        (void)fi_sqltext_take(text, &at, "exists");
    }
    fi_sqltext_qualified(text, &at, schema, name);
    if (schema[0] != '\0') {
        return is_database_or_temp(db, schema);
    }
    if (is_index && fi_sqltext_take(text, &at, "on")) {
        fi_sqltext_name(text, &at, name);
        return is_own_table(db, name);
    }
    return is_view && !loses_views(db);
}

/* Whether a statement is about definitions of the store, so that it goes to firn_create. */
static bool
is_about_definitions(sqlite3 *db, const char *text)
{
    char schema[FI_SQLTEXT_NAME_SIZE];
    char name[FI_SQLTEXT_NAME_SIZE];
    size_t at = 0;
    if (fi_sqltext_take(text, &at, "create")) {
        return !is_own_creation(db, text, at);
    }
    const bool is_alter = fi_sqltext_take(text, &at, "alter");
    if (!is_alter && !fi_sqltext_take(text, &at, "drop")) {
        return false;
    }
    const bool is_index = !is_alter && fi_sqltext_take(text, &at, "index");
    if (!is_index && !fi_sqltext_take(text, &at, "table")) {
        return false;
    }
    if (!is_alter && fi_sqltext_take(text, &at, "if")) {
        (void)fi_sqltext_take(text, &at, "exists");
    }
    fi_sqltext_qualified(text, &at, schema, name);
    if (schema[0] != '\0') {
        return !is_database_or_temp(db, schema);
    }
    return is_index ? !is_own_index(db, name) : !is_own_table(db, name);
}

/* A call of firn_create, without rows, with the first statement of a text, which SQLite itself
 * cannot read. Returns a code of SQLite. */
static int
prepare_definition(sqlite3 *db, const char *text, sqlite3_stmt **out, const char **out_rest)
{
    struct fi_sqltext_split split = {0};
    bool is_end;
    const size_t size = fi_sqltext_split_feed(&split, text, strlen(text), &is_end);
    if (size > FI_SQL_STATEMENT_MAX) {
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
fi_sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **out, const char **out_rest,
               bool *out_is_definition)
{
    *out_is_definition = is_about_definitions(db, text);
    if (*out_is_definition) {
        return prepare_definition(db, text, out, out_rest);
    }
    int rc = sqlite3_prepare_v3(db, text, -1, 0, out, out_rest);
    /* Another process may have made the table or the column that is missing. */
    return rc == SQLITE_ERROR && fi_sql_attach_recheck(db)
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
fi_sql_prepare_register(struct fi_sql *sql)
{
    return fi_sql_function(sql, "firn_is_definition", 1, FI_SQL_EFFECT, is_definition);
}
