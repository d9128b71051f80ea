/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_confine.c: what a connection may open, and how SQLite is set for files and texts that
 * somebody else made.
 *
 * A program that has firn's extension in a connection of its own names stores by their paths, in
 * firn_attach: that is how they get attached. A connection that belongs to one store does not need
 * that: that of the shell, of store.sql in Node.js, of Store.connect in Python. But the texts that
 * it runs may have come from elsewhere. Such a connection is confined: it opens the one store, and
 * no other path. A connection that was confined stays so; confining it again to another path is
 * refused.
 *
 * The settings follow SQLite's page "Defense Against The Dark Arts". Those of its advice that do
 * not fit here: views and triggers stay, because a schema that is not trusted takes from them what
 * does more than compute, and users have their own; the limits of SQLite that concern the size of
 * statements and values are set (no value is larger than one that firn stores, so a zeroblob()
 * takes no gigabyte), those for the number of columns, parameters and attached files are SQLite's
 * own.
 *
 * fts3_tokenizer with two arguments takes an address as a blob, and
 * SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER does not keep it from one that is bound as a parameter. So
 * a function that fails takes the name. SQLite does not replace functions while a statement runs:
 * fi_sql_confine does it, the SQL function firn_confine cannot, and leaves it to its program.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
SQLITE_EXTENSION_INIT3

static bool
is_same_path(const char *a, const char *b)
{
    if (strcmp(a, b) == 0) {
        return true;
    }
    char *real_a = realpath(a, NULL);
    char *real_b = realpath(b, NULL);
    bool is_same = real_a != NULL && real_b != NULL && strcmp(real_a, real_b) == 0;
    free(real_a);
    free(real_b);
    return is_same;
}

int
fi_sql_confine_check(const struct fi_sql *sql, const char *path, firn_error *err)
{
    assert(path != NULL);
    return sql->only == NULL || is_same_path(sql->only, path)
               ? FIRN_OK
               : fi_sqlvalue_error(
                     err, FIRN_DENIED,
                     "this connection opens nothing but its own store, and not '%.400s'", path);
}

static void
sql_confine_refuse(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    (void)count;
    (void)values;
    sqlite3_result_error(ctx, "fts3_tokenizer is not available", -1);
}

/* Returns a code of SQLite. */
static int
harden(sqlite3 *db)
{
    /* The library that is loaded may lack one of them. */
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0, NULL);
    int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, FI_SQL_STATEMENT_MAX);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, FIRN_VALUE_SIZE_MAX);
    return rc == SQLITE_OK ? sqlite3_exec(db, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0",
                                          NULL, NULL, NULL)
                           : rc;
}

static int
confine(struct fi_sql *sql, const char *path, firn_error *err)
{
    FI_TRY_RETURN(path != NULL ? fi_sql_confine_check(sql, path, err) : FIRN_OK);
    if (path != NULL && sql->only == NULL) {
        sql->only = sqlite3_mprintf("%s", path);
        FI_TRY_RETURN(sql->only != NULL ? FIRN_OK : fi_sqlvalue_no_memory(err));
    }
    if (harden(sql->db) != SQLITE_OK) {
        return fi_sqlvalue_error(err, FIRN_FAILED, "could not confine the connection: %s",
                                 sqlite3_errmsg(sql->db));
    }
    return FIRN_OK;
}

int
fi_sql_confine(sqlite3 *db, const char *path)
{
    struct fi_sql *sql = fi_sql_find(db);
    firn_error err;
    if (sql == NULL) {
        return SQLITE_NOMEM;
    }
    int rc = fi_sql_code(confine(sql, path, &err));
    for (int count = 1; count <= 2 && rc == SQLITE_OK; count++) {
        rc =
            sqlite3_create_function_v2(db, "fts3_tokenizer", count, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                       NULL, sql_confine_refuse, NULL, NULL, NULL);
    }
    return rc;
}

/* firn_confine([PATH]) */
static void
confine_connection(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    firn_error err;
    const char *path = fi_sql_rows_argument(count > 0 ? values[0] : NULL);
    if (confine(fi_sql_of(ctx), path, &err) != FIRN_OK) {
        fi_sql_fail(ctx, &err);
    }
}

int
fi_sql_confine_register(struct fi_sql *sql)
{
    int rc = SQLITE_OK;
    for (int count = 0; count <= 1 && rc == SQLITE_OK; count++) {
        rc = fi_sql_function(sql, "firn_confine", count, FI_SQL_EFFECT, confine_connection);
    }
    return rc;
}
