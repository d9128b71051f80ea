/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_nearest.c: ORDER BY firn_distance(...) LIMIT n as a search.
 *
 * SQLite shows a virtual table neither an ORDER BY of an expression nor the LIMIT beside it. When a
 * scan of a table with vectors begins, the text of the statement that is running tells
 * (sqlparse/sqlparse_nearest.c). If it asks for the nearest rows, the table gives these rows alone.
 * SQLite sorts, counts and shows them as it would have done with all.
 *
 * The text is believed only if there is no doubt that it is that of this scan: just one statement
 * of the connection is running, its table has the name of this one, and no other table or view of
 * the connection has that name. If fewer rows are found than are wanted, or anything fails, the
 * table is read as usual.
 */
#include "sql/sql_internal.h"

#include <string.h>

#include "sqlparse/sqlparse.h"
SQLITE_EXTENSION_INIT3

/* The one statement that is running; NULL: there are several. */
static sqlite3_stmt *
running(sqlite3 *db)
{
    sqlite3_stmt *found = NULL;
    for (sqlite3_stmt *at = sqlite3_next_stmt(db, NULL); at != NULL;
         at = sqlite3_next_stmt(db, at)) {
        if (sqlite3_stmt_busy(at) != 0) {
            if (found != NULL) {
                return NULL;
            }
            found = at;
        }
    }
    return found;
}

/* Whether a text may ask for the nearest rows. */
static bool
may_query(const char *text)
{
    return text != NULL && sqlite3_strlike("%firn_distance%limit%", text, 0) == 0;
}

/* Whether the name that the statement reads from is that of this table, and of nothing else. */
static bool
is_of_table(const struct fi_sql_table *table, sqlite3 *db, const char *text)
{
    struct fi_sqlparse_from from;
    char reason[FI_SQLPARSE_REASON_SIZE];
    sqlite3_stmt *count = NULL;
    bool is_it = fi_sqlparse_find_table(text, &from, reason) &&
                 sqlite3_stricmp(from.table, table->name) == 0 &&
                 (from.schema == NULL || sqlite3_stricmp(from.schema, table->schema) == 0);
    if (is_it && sqlite3_prepare_v2(
                     db, "SELECT count(*) FROM pragma_table_list WHERE name = ?1 COLLATE NOCASE",
                     -1, &count, NULL) == SQLITE_OK) {
        is_it = sqlite3_bind_text(count, 1, table->name, -1, SQLITE_STATIC) == SQLITE_OK &&
                sqlite3_step(count) == SQLITE_ROW && sqlite3_column_int(count, 0) == 1;
    } else {
        is_it = false;
    }
    (void)sqlite3_finalize(count);
    fi_sqlparse_from_deinit(&from);
    return is_it;
}

/* Searches; the vector is computed by SQLite. *out is NULL where that fails, or too few rows are
 * found. */
static void
sql_nearest_search(const struct fi_sql_table *table, const struct fi_sql_view *view, sqlite3 *db,
                   const struct fi_sqlparse_nearest *nearest, firn_search_result **out)
{
    sqlite3_stmt *values = NULL;
    firn_error err;
    char *text = nearest->metric != NULL ? sqlite3_mprintf("SELECT firn_vector(%s, %s)",
                                                           nearest->vector, nearest->metric)
                                         : sqlite3_mprintf("SELECT %s", nearest->vector);
    if (text != NULL && sqlite3_prepare_v2(db, text, -1, &values, NULL) == SQLITE_OK &&
        sqlite3_step(values) == SQLITE_ROW && sqlite3_column_type(values, 0) != SQLITE_NULL &&
        fi_sql_vectors_find(table, view, nearest->column, sqlite3_column_value(values, 0),
                            nearest->where, nearest->wanted, out, &err) == FIRN_OK &&
        firn_search_result_count(*out) < nearest->wanted) {
        firn_search_result_destroy(*out);
        *out = NULL;
    }
    (void)sqlite3_finalize(values);
    sqlite3_free(text);
}

firn_search_result *
fi_sql_nearest_find(const struct fi_sql_table *table, const struct fi_sql_view *view)
{
    sqlite3 *db = fi_sql_db(table->store->sql);
    firn_search_result *found = NULL;
    struct fi_sqlparse_nearest nearest;
    char reason[FI_SQLPARSE_REASON_SIZE];
    sqlite3_stmt *statement = table->has_vectors ? running(db) : NULL;
    if (statement == NULL || !may_query(sqlite3_sql(statement))) {
        return NULL;
    }
    char *text = sqlite3_expanded_sql(statement);
    if (text != NULL &&
        fi_sqlparse_nearest_recognise(db, text, table->def, table->name, &nearest, reason)) {
        if (is_of_table(table, db, text)) {
            sql_nearest_search(table, view, db, &nearest, &found);
        }
        fi_sqlparse_nearest_deinit(&nearest);
    }
    sqlite3_free(text);
    return found;
}
