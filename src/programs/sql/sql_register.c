/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_register.c: registering all functions and modules with a connection.
 *
 * Registering twice: the function firn_sql_registered, which only C can call because its argument
 * is a pointer that has a type, tells whether the connection has all of this already. So it does
 * not matter how often the extension is loaded, nor that a program has the room linked in and loads
 * the extension, too.
 */
#include "sql/sql.h"
#include "sql/sql_internal.h"

SQLITE_EXTENSION_INIT3

static const char registered_type[] = "firn_sql 1";

static void
report_registered(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    (void)count;
    bool *is_registered = sqlite3_value_pointer(values[0], registered_type);
    if (is_registered != NULL) {
        *is_registered = true;
    }
    sqlite3_result_null(ctx);
}

static bool
is_registered(sqlite3 *db)
{
    bool found = false;
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, "SELECT firn_sql_registered(?)", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_bind_pointer(stmt, 1, &found, registered_type, NULL) == SQLITE_OK) {
        (void)sqlite3_step(stmt);
    }
    (void)sqlite3_finalize(stmt);
    /* Where this runs within sqlite3_open, an error that the connection remembers would make that
     * fail. */
    (void)sqlite3_exec(db, "", NULL, NULL, NULL);
    return found;
}

static void
report_version(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    (void)count;
    (void)values;
    sqlite3_result_text(ctx, firn_version(), -1, SQLITE_STATIC);
}

int
fi_sql_register(sqlite3 *db)
{
    static int (*const parts[])(struct fi_sql *) = {
        fi_sql_attach_register,    fi_sql_view_register,    fi_sql_table_register,
        fi_sql_keyspace_register,  fi_sql_query_register,   fi_sql_history_register,
        fi_sql_workspace_register, fi_sql_vectors_register, fi_sql_prepare_register,
        fi_sql_confine_register,   fi_sql_indexes_register};
    if (is_registered(db)) {
        return SQLITE_OK;
    }
    struct fi_sql *sql = sqlite3_malloc64(sizeof *sql);
    if (sql == NULL) {
        return SQLITE_NOMEM;
    }
    memset(sql, 0, sizeof *sql);
    sql->db = db;
    sql->ref_count = 1;
    sql->detach_stores = fi_sql_store_detach_all;
    sql->check_effect = fi_sql_effect_check;
    int rc = fi_sql_function(sql, "firn_version", 0, FI_SQL_PURE, report_version);
    if (rc == SQLITE_OK) {
        rc = fi_sql_function(sql, "firn_connection", 1, FI_SQL_POINTER, fi_sql_report_connection);
    }
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof parts / sizeof parts[0]; i++) {
        rc = parts[i](sql);
    }
    /* Last: what is registered by half is registered again. */
    if (rc == SQLITE_OK) {
        rc = fi_sql_function(sql, "firn_sql_registered", 1, FI_SQL_POINTER, report_registered);
    }
    fi_sql_give_back(sql);
    return rc;
}
