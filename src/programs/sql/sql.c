/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql.c: what a connection has: its functions and modules, and how failures of firn become
 * those of SQLite.
 *
 * The connection's struct is the client data of every module that is registered, and that of every
 * function has it; each holds a reference. SQLite gives them back when the connection is closed,
 * after all virtual tables are disconnected.
 *
 * Every function is made by fi_sql_function, and so passes call_function: one that is not pure
 * first asks sql_effect.c whether the program itself calls it. Nothing has to be done for a new
 * function to be covered; the tests take their list from SQLite.
 *
 * Threads: everything here is called under the connection's mutex.
 */
#include "sql/sql.h"
#include "sql/sql_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
SQLITE_EXTENSION_INIT3

static const char connection_type[] = "firn_sql";

/* The client data of a function. */
struct function {
    struct fi_sql *sql;
    const char *name; /* of the caller, for ever */
    enum fi_sql_function_kind kind;
    void (*call)(sqlite3_context *ctx, int count, sqlite3_value **values);
};

/* ---- the connection ---- */

void
fi_sql_give_back(void *pointer)
{
    struct fi_sql *sql = pointer;
    assert(sql->ref_count > 0);
    if (--sql->ref_count == 0) {
        sql->detach_stores(sql);
        sqlite3_free(sql->only);
        sqlite3_free(sql);
    }
}

static void
give_function_back(void *pointer)
{
    struct function *function = pointer;
    fi_sql_give_back(function->sql);
    sqlite3_free(function);
}

static void
call_function(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    const struct function *function = sqlite3_user_data(ctx);
    firn_error err;
    if (function->kind == FI_SQL_EFFECT &&
        function->sql->check_effect(function->sql, function->name, &err) != FIRN_OK) {
        fi_sql_fail(ctx, &err);
        return;
    }
    function->call(ctx, count, values);
}

int
fi_sql_function(struct fi_sql *sql, const char *name, int argument_count,
                enum fi_sql_function_kind kind,
                void (*call)(sqlite3_context *ctx, int count, sqlite3_value **values))
{
    assert(call != NULL);
    /* Deterministic functions are computed once where their arguments are constants, also while a
     * statement is prepared. */
    const int flags = SQLITE_UTF8 | (kind == FI_SQL_PURE ? SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC
                                                         : SQLITE_DIRECTONLY);
    struct function *function = sqlite3_malloc64(sizeof *function);
    if (function == NULL) {
        return SQLITE_NOMEM;
    }
    *function = (struct function){.sql = sql, .name = name, .kind = kind, .call = call};
    sql->ref_count++;
    /* After a failure, too, SQLite calls the destructor. */
    return sqlite3_create_function_v2(sql->db, name, argument_count, flags, function, call_function,
                                      NULL, NULL, give_function_back);
}

struct fi_sql *
fi_sql_of(sqlite3_context *ctx)
{
    return ((const struct function *)sqlite3_user_data(ctx))->sql;
}

int
fi_sql_module(struct fi_sql *sql, const char *name, const sqlite3_module *module)
{
    assert(module->xBestIndex != NULL);
    sql->ref_count++;
    return sqlite3_create_module_v2(sql->db, name, module, sql, fi_sql_give_back);
}

sqlite3 *
fi_sql_db(const struct fi_sql *sql)
{
    return sql->db;
}

bool
fi_sql_reset(struct fi_sql *sql)
{
    for (sqlite3_stmt *stmt = NULL; (stmt = sqlite3_next_stmt(sql->db, stmt)) != NULL;) {
        /* It may have tables of the schema in its hands. */
        if (sqlite3_stmt_busy(stmt) && !sqlite3_stmt_readonly(stmt)) {
            return false;
        }
    }
    return sqlite3_exec(sql->db, "PRAGMA writable_schema = RESET", NULL, NULL, NULL) == SQLITE_OK;
}

int
fi_sql_new_cursor(size_t size, sqlite3_vtab_cursor **out)
{
    assert(size >= sizeof(sqlite3_vtab_cursor));
    assert(size >= sizeof **out);
    *out = sqlite3_malloc64(size);
    if (*out == NULL) {
        return SQLITE_NOMEM;
    }
    memset(*out, 0, size);
    return SQLITE_OK;
}

/* ---- finding it ---- */

void
fi_sql_report_connection(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    (void)count;
    struct fi_sql **to = sqlite3_value_pointer(values[0], connection_type);
    if (to != NULL) {
        *to = fi_sql_of(ctx);
    }
    sqlite3_result_null(ctx);
}

struct fi_sql *
fi_sql_find(sqlite3 *db)
{
    struct fi_sql *sql = NULL;
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, "SELECT firn_connection(?1)", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_bind_pointer(statement, 1, &sql, connection_type, NULL) == SQLITE_OK) {
        (void)sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
    return sql;
}

/* ---- failures ---- */

int
fi_sql_code(int code)
{
    static const struct {
        int code;
        int sqlite;
    } codes[] = {
        {FIRN_OK, SQLITE_OK},
        {FIRN_BUSY, SQLITE_BUSY},
        {FIRN_CONFLICT, SQLITE_BUSY_SNAPSHOT},
        {FIRN_CANCELLED, SQLITE_INTERRUPT},
        {FIRN_EXISTS, SQLITE_CONSTRAINT},
        {FIRN_LIMIT, SQLITE_TOOBIG},
        {FIRN_IO, SQLITE_IOERR},
        {FIRN_NO_SPACE, SQLITE_FULL},
        {FIRN_NO_MEMORY, SQLITE_NOMEM},
        {FIRN_DENIED, SQLITE_PERM},
        {FIRN_READ_ONLY, SQLITE_READONLY},
        {FIRN_CORRUPT, SQLITE_CORRUPT},
        {FIRN_NEWER, SQLITE_CANTOPEN},
        {FIRN_UNTRUSTED, SQLITE_AUTH},
        {FIRN_FAILED, SQLITE_IOERR},
        {FIRN_INTERNAL, SQLITE_INTERNAL},
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].code == code) {
            return codes[i].sqlite;
        }
    }
    return SQLITE_ERROR;
}

void
fi_sql_fail(sqlite3_context *ctx, const firn_error *err)
{
    assert(err->code != FIRN_OK);
    sqlite3_result_error(ctx, err->text, -1);
    /* A name that is taken is no constraint of a row. */
    sqlite3_result_error_code(ctx,
                              err->code == FIRN_EXISTS ? SQLITE_ERROR : fi_sql_code(err->code));
    if (err->code == FIRN_NO_MEMORY) {
        sqlite3_result_error_nomem(ctx);
    }
}

int
fi_sql_fail_table(sqlite3_vtab *table, const firn_error *err)
{
    assert(err->code != FIRN_OK);
    if (err->code == FIRN_NO_MEMORY || err->code == FIRN_CANCELLED) {
        return fi_sql_code(err->code); /* with SQLite's own text */
    }
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("%s", err->text);
    return fi_sql_code(err->code);
}

/* SQLite 3.40 cannot be asked, but a statement that is stepped while an interrupt is due ends with
 * it. */
int
fi_sql_ask(void *ctx, const firn_progress *progress)
{
    struct fi_sql_asking *asking = ctx;
    int rc = SQLITE_OK;
    assert(asking->db != NULL);
    if (progress->files_done == 0) {
        return FIRN_OK; /* it just begins */
    }
    if (asking->stmt == NULL) {
        rc = sqlite3_prepare_v2(asking->db, "SELECT 1", -1, &asking->stmt, NULL);
    }
    if (asking->stmt != NULL) {
        rc = sqlite3_step(asking->stmt);
        (void)sqlite3_reset(asking->stmt);
    }
    return rc == SQLITE_INTERRUPT ? FIRN_CANCELLED : FIRN_OK;
}

void
fi_sql_query_end(struct fi_sql_asking *asking)
{
    (void)sqlite3_finalize(asking->stmt);
    asking->stmt = NULL;
}
