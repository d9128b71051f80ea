/* SPDX-License-Identifier: Apache-2.0
 *
 * statement.c: SQL over a store that JavaScript has open.
 *
 * The addon has SQLite and firn's room `sql` linked into it, hidden from other libraries, so that it does not matter which
 * SQLite the process has besides: Node.js 22 brings one, better-sqlite3 another. A store has one connection, in memory, which is
 * made when SQL is first used. The store is lent to it under a path of its own, because a path that two handles of one store share
 * would not say which of them is meant.
 *
 * Lanes. A connection and its statements are one lane: their calls run one after the other. A result that is read row by
 * row is a handle below the connection, and what other statements do between two of its batches is what SQLite allows within
 * one connection.
 *
 * CREATE TABLE and the like go to firn_create (fi_sql_prepare), as in the shell.
 *
 * Aggregates that firn recognises are answered by a scan of firn, as in the shell (fi_sql_query_open).
 *
 * A connection is confined (fi_sql_confine): a statement may attach stores that the program has open, and opens none by a path.
 *
 * Failures keep SQLite's text, and get the code of firn that SQLite's code stands for.
 *
 * Without SQLite's static library the addon is built without FIRN_NODE_SQL, and sqlConnect says so. A shared library will not do:
 * the dynamic linker would bind its functions to those of a node that exports its own SQLite.
 */
#include "statement.h"

#include <stdlib.h>
#include <string.h>

#include "addon.h"

#ifdef FIRN_NODE_SQL
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>

#include "monitor.h"
#include "sql/sql.h"
#include "sqltext/sqltext.h"

enum {
    STEPS_PER_LOOK = 100, /* of SQLite's machine, between two looks at the signal of a call */
    CHUNK_ROWS = 64,
    BATCH_BYTES = 256 << 10
};

struct sql_connection {
    sqlite3 *db;
    firn_store *store;
    const atomic_uint *changes; /* of its handle */
    bool read_only;
    sqlite3_stmt *attach; /* shows the tables that there are by now */
    uint64_t shown;       /* a hash of the names, and of `changes`, when that was last done */
};

struct sql_statement {
    sqlite3_stmt *statement;
    struct fi_sql_query *query; /* a scan that answers it; NULL: SQLite does */
    bool has_rows;
};

static int fail(firn_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int
fail(firn_error *err, int code, const char *format, ...)
{
    va_list list;
    assert(code != FIRN_OK);
    if (err != NULL) {
        va_start(list, format);
        (void)vsnprintf(err->text, sizeof(err->text), format, list);
        va_end(list);
        err->code = code;
        err->os_errno = 0;
    }
    return code;
}

/* The inverse of fi_sql_code, where there is one. */
static int
code_of(int extended)
{
    switch (extended) {
    case SQLITE_BUSY_SNAPSHOT:
        return FIRN_CONFLICT;
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return FIRN_EXISTS;
    default:
        break;
    }
    switch (extended & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FIRN_BUSY;
    case SQLITE_INTERRUPT:
        return FIRN_CANCELLED;
    case SQLITE_TOOBIG:
        return FIRN_LIMIT;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return FIRN_IO;
    case SQLITE_FULL:
        return FIRN_NO_SPACE;
    case SQLITE_NOMEM:
        return FIRN_NO_MEMORY;
    case SQLITE_PERM:
        return FIRN_DENIED;
    case SQLITE_READONLY:
        return FIRN_READ_ONLY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FIRN_CORRUPT;
    case SQLITE_AUTH:
        return FIRN_UNTRUSTED;
    case SQLITE_INTERNAL:
        return FIRN_INTERNAL;
    default:
        return FIRN_INVALID;
    }
}

static int
fail_sqlite(firn_error *err, const struct sql_connection *connection)
{
    int extended = sqlite3_extended_errcode(connection->db);
    const char *text = sqlite3_errmsg(connection->db);
    /* firn's tables have no extended codes for their constraints. */
    bool exists = extended == SQLITE_CONSTRAINT && strncmp(text, "UNIQUE", strlen("UNIQUE")) == 0;
    return fail(err, exists ? FIRN_EXISTS : code_of(extended), "%s", text);
}

/* ---- connections ---- */

void
sql_connection_close(struct sql_connection *connection)
{
    int rc;
    (void)sqlite3_finalize(connection->attach);
    rc = sqlite3_close(connection->db);
    assert(rc == SQLITE_OK);
    (void)rc;
    free(connection);
}

int
sql_take_back(firn_store *store, firn_error *err)
{
    return fi_sql_store_undo(store) == FIRN_OK
               ? FIRN_OK
               : fail(err, FIRN_BUSY, "the store is in use: SQL of another store has it attached");
}

struct connect_call {
    struct call call;
    struct handle *store;
    bool read_only;
    char path[64];
    struct sql_connection *connection;
};

/* sqlConnect(store, readOnly) */
static bool
connect_parse(struct args *args, struct call *call)
{
    struct connect_call *self = (struct connect_call *)(void *)call;
    if (!arg_handle(args, 0, HANDLE_STORE, &self->store) ||
        !arg_bool(args, 1, "readOnly", &self->read_only)) {
        return false;
    }
    (void)snprintf(self->path, sizeof(self->path), "/dev/null/firn-node-%p", self->store->object);
    if (!self->store->is_lent) {
        int code = fi_sql_store_lend(self->store->object, self->path, self->read_only);
        if (code != FIRN_OK) {
            return throw_error(args->instance, code, 0, NULL);
        }
        self->store->is_lent = true;
    }
    return true;
}

/* FNV-1a, of the name with its NUL. */
static int
hash_name(void *ctx, const char *name)
{
    uint64_t *hash = ctx;
    do {
        *hash = (*hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    } while (*name++ != '\0');
    return FIRN_OK;
}

/* Shows the tables and keyspaces that there are by now. This takes a query of SQLite for each, so their names are compared first.
 * What another process changes in a table that there was is seen within a fifth of a second (sql_table.c). */
static int
refresh(struct sql_connection *connection, firn_error *err)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ atomic_load(connection->changes);
    int code = FIRN_OK;
    int rc;
    if (!connection->read_only) { /* else this moves the store to its newest state */
        code = firn_table_list(connection->store, hash_name, &hash, err);
        (void)hash_name(&hash, "");
        code =
            code == FIRN_OK ? firn_keyspace_list(connection->store, hash_name, &hash, err) : code;
        if (code != FIRN_OK || hash == connection->shown) {
            return code;
        }
    }
    rc = sqlite3_step(connection->attach);
    code = rc == SQLITE_ROW || rc == SQLITE_DONE ? FIRN_OK : fail_sqlite(err, connection);
    (void)sqlite3_reset(connection->attach);
    connection->shown = code == FIRN_OK ? hash : 0;
    return code;
}

static int
connect_run(struct call *call, firn_error *err)
{
    struct connect_call *self = (struct connect_call *)(void *)call;
    const char *attach = self->read_only ? "SELECT firn_attach(?1, 'name=store', 'read-only')"
                                         : "SELECT firn_attach(?1, 'name=store')";
    struct sql_connection *connection = calloc(1, sizeof(*connection));
    int code = FIRN_OK;
    if (connection == NULL) {
        return FIRN_NO_MEMORY;
    }
    connection->store = self->store->object;
    connection->changes = &self->store->changes;
    connection->read_only = self->read_only;
    if (sqlite3_open_v2(":memory:", &connection->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
                        NULL) != SQLITE_OK ||
        fi_sql_register(connection->db) != SQLITE_OK ||
        fi_sql_confine(connection->db, self->path) != SQLITE_OK ||
        sqlite3_prepare_v2(connection->db, attach, -1, &connection->attach, NULL) != SQLITE_OK ||
        sqlite3_bind_text(connection->attach, 1, self->path, -1, SQLITE_TRANSIENT) != SQLITE_OK) {
        code = fail_sqlite(err, connection);
    }
    if (code == FIRN_OK) {
        code = refresh(connection, err);
    }
    if (code != FIRN_OK) {
        sql_connection_close(connection);
        return code;
    }
    self->connection = connection;
    return FIRN_OK;
}

static napi_value
connect_finish(napi_env env, struct call *call)
{
    struct connect_call *self = (struct connect_call *)(void *)call;
    void *connection = self->connection;
    return make_handle(env, call, HANDLE_SQL, self->store, &connection);
}

/* ---- preparing a statement ---- */

struct prepare_call {
    struct call call;
    struct handle *connection;
    const char *text;
    const char *const *names; /* of the values; NULL: they are bound in their order */
    size_t name_count;
    firn_value *values;
    size_t value_count;
    struct sql_statement *statement;
};

/* (connection, text, names, values) */
static bool
prepare_parse(struct args *args, struct prepare_call *self)
{
    size_t i;
    if (!arg_handle(args, 0, HANDLE_SQL, &self->connection) ||
        !arg_text(args, 1, "a statement", &self->text) ||
        !arg_texts(args, 2, "names of parameters", &self->names, &self->name_count) ||
        !arg_values(args, 3, NULL, 0, &self->values, &self->value_count)) {
        return false;
    }
    if (self->names != NULL && self->name_count != self->value_count) {
        return throw_invalid(args, "each parameter needs a name and a value");
    }
    for (i = 0; i < self->value_count; i++) {
        if (self->values[i].type == FIRN_TYPE_U64) {
            return throw_invalid(args, "an integer of SQL must be below 2^63");
        }
    }
    return true;
}

void
sql_statement_close(struct sql_statement *statement)
{
    fi_sql_query_close(statement->query);
    (void)sqlite3_finalize(statement->statement);
    free(statement);
}

static int
bind_timestamp(sqlite3_stmt *statement, int i, const firn_value *value, firn_error *err)
{
    firn_table_column column;
    char *text = NULL;
    size_t size = 0;
    int code;
    memset(&column, 0, sizeof(column));
    column.name = "?";
    column.type = FIRN_TYPE_TIMESTAMP;
    code = firn_value_format(&column, value, &text, &size, err);
    if (code == FIRN_OK) {
        (void)sqlite3_bind_text64(statement, i, text, size, SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    firn_release(text);
    return code;
}

/* Not NULL, which would bind NULL. */
static const char *
bytes_of(const firn_value *value)
{
    return value->as.bytes.size > 0 ? (const char *)value->as.bytes.data : "";
}

/* Failures of SQLite are seen by the caller. */
static int
bind_value(sqlite3_stmt *statement, int i, const firn_value *value, firn_error *err)
{
    switch (value->type) {
    case FIRN_TYPE_NULL:
        return FIRN_OK; /* what is not bound */
    case FIRN_TYPE_BOOL:
        (void)sqlite3_bind_int(statement, i, value->as.boolean ? 1 : 0);
        return FIRN_OK;
    case FIRN_TYPE_I64:
        (void)sqlite3_bind_int64(statement, i, value->as.i64);
        return FIRN_OK;
    case FIRN_TYPE_F64:
        (void)sqlite3_bind_double(statement, i, value->as.f64);
        return FIRN_OK;
    case FIRN_TYPE_TEXT:
        (void)sqlite3_bind_text64(statement, i, bytes_of(value), value->as.bytes.size,
                                  SQLITE_TRANSIENT, SQLITE_UTF8);
        return FIRN_OK;
    case FIRN_TYPE_BLOB:
    case FIRN_TYPE_VECTOR:
        (void)sqlite3_bind_blob64(statement, i, bytes_of(value), value->as.bytes.size,
                                  SQLITE_TRANSIENT);
        return FIRN_OK;
    case FIRN_TYPE_TIMESTAMP:
        return bind_timestamp(statement, i, value, err);
    case FIRN_TYPE_I8:
    case FIRN_TYPE_I16:
    case FIRN_TYPE_I32:
    case FIRN_TYPE_U8:
    case FIRN_TYPE_U16:
    case FIRN_TYPE_U32:
    case FIRN_TYPE_U64:
    case FIRN_TYPE_F32:
    case FIRN_TYPE_DECIMAL:
    case FIRN_TYPE_DATE:
    case FIRN_TYPE_UUID:
        break;
    }
    assert(false); /* type_guess gives no other */
    return FIRN_INTERNAL;
}

static const firn_value *
value_named(const struct prepare_call *self, const char *name)
{
    size_t i;
    for (i = 0; i < self->name_count; i++) {
        if (strcmp(self->names[i], name) == 0) {
            return &self->values[i];
        }
    }
    return NULL;
}

static int
bind_all(const struct prepare_call *self, sqlite3_stmt *statement, firn_error *err)
{
    const struct sql_connection *connection = self->connection->object;
    int count = sqlite3_bind_parameter_count(statement);
    int i;
    if (self->names == NULL && self->value_count != (size_t)count) {
        return fail(err, FIRN_INVALID, "the statement has %d parameters, but there are %zu values",
                    count, self->value_count);
    }
    for (i = 1; i <= count; i++) {
        const firn_value *value = self->names == NULL ? &self->values[i - 1] : NULL;
        const char *name = sqlite3_bind_parameter_name(statement, i);
        int code;
        if (self->names != NULL && (name == NULL || name[0] == '?')) {
            return fail(err, FIRN_INVALID, "parameter %d has no name: give an array of values", i);
        }
        if (value == NULL && (value = value_named(self, name + 1)) == NULL) {
            return fail(err, FIRN_INVALID, "there is no value for the parameter %s", name);
        }
        code = bind_value(statement, i, value, err);
        if (code != FIRN_OK) {
            return code;
        }
        if (value->type != FIRN_TYPE_NULL && sqlite3_errcode(connection->db) != SQLITE_OK) {
            return fail_sqlite(err, connection);
        }
    }
    return FIRN_OK;
}

/* Whether what follows a statement is empty: spaces and comments. */
static bool
is_last(sqlite3 *db, const char *tail)
{
    sqlite3_stmt *more = NULL;
    int rc = sqlite3_prepare_v2(db, tail, -1, &more, NULL);
    bool is = rc == SQLITE_OK && more == NULL;
    (void)sqlite3_finalize(more);
    return is;
}

/* A scan of firn is told its values by their text, which has 15 digits. */
static bool
has_fraction(const struct prepare_call *self)
{
    size_t i;
    for (i = 0; i < self->value_count; i++) {
        if (self->values[i].type == FIRN_TYPE_F64) {
            return true;
        }
    }
    return false;
}

/* The statement with its values, ready to be stepped, in self->statement. */
static int
prepare(struct prepare_call *self, firn_error *err)
{
    struct sql_connection *connection = self->connection->object;
    struct sql_statement *made;
    struct fi_sql_query_reason reason;
    const char *tail = NULL;
    bool is_definition;
    int rc;
    int code = refresh(connection, err);
    if (code != FIRN_OK) {
        return code;
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return FIRN_NO_MEMORY;
    }
    rc = fi_sql_prepare(connection->db, self->text, &made->statement, &tail, &is_definition);
    if (rc == SQLITE_ERROR) { /* it may need a virtual table that SQL has dropped */
        connection->shown = 0;
        code = refresh(connection, err);
        rc = code == FIRN_OK ? fi_sql_prepare(connection->db, self->text, &made->statement, &tail,
                                              &is_definition)
                             : rc;
    }
    if (code != FIRN_OK) {
        /* err has it */
    } else if (rc == SQLITE_TOOBIG) {
        code = fail(err, FIRN_LIMIT, "the statement is longer than %d MiB",
                    FI_SQL_STATEMENT_MAX >> 20);
    } else if (rc != SQLITE_OK) {
        code = fail_sqlite(err, connection);
    } else if (made->statement == NULL) {
        code = fail(err, FIRN_INVALID, "there is no statement");
    } else if (!is_last(connection->db, tail)) {
        code = fail(err, FIRN_INVALID, "one statement at a time: more follows at \"%.40s\"", tail);
    } else {
        code = bind_all(self, made->statement, err);
    }
    if (code == FIRN_OK && !is_definition && sqlite3_stmt_readonly(made->statement) != 0 &&
        sqlite3_stmt_isexplain(made->statement) == 0 && !has_fraction(self) &&
        fi_sql_query_open(connection->db, made->statement, &made->query, &reason) != SQLITE_OK) {
        code = FIRN_NO_MEMORY;
    }
    if (code != FIRN_OK) {
        sql_statement_close(made);
        return code;
    }
    self->statement = made;
    return FIRN_OK;
}

/* ---- rows ---- */

struct chunk {
    struct chunk *next;
    size_t rows;
    firn_value values[];
};

struct rows {
    struct chunk *first;
    struct chunk *last;
    size_t count;
    size_t columns;
    size_t bytes; /* of texts and blobs */
    const char **names;
    bool is_at_end;
};

static int
keep_names(struct arena *arena, sqlite3_stmt *stepped, struct rows *rows)
{
    size_t i;
    rows->columns = (size_t)sqlite3_column_count(stepped);
    rows->names = arena_take(arena, rows->columns * sizeof(*rows->names) + 1);
    for (i = 0; rows->names != NULL && i < rows->columns; i++) {
        const char *name = sqlite3_column_name(stepped, (int)i);
        rows->names[i] = NULL;
        if (name != NULL) {
            rows->names[i] = (const char *)arena_copy(arena, name, strlen(name));
        }
        if (rows->names[i] == NULL) {
            return FIRN_NO_MEMORY;
        }
    }
    return rows->names != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

static int
keep_value(struct arena *arena, sqlite3_stmt *stepped, int i, firn_value *out, size_t *bytes)
{
    int type = sqlite3_column_type(stepped, i);
    const void *data;
    *out = firn_null();
    switch (type) {
    case SQLITE_INTEGER:
        *out = firn_i64(sqlite3_column_int64(stepped, i));
        return FIRN_OK;
    case SQLITE_FLOAT:
        *out = firn_f64(sqlite3_column_double(stepped, i));
        return FIRN_OK;
    case SQLITE_NULL:
        return FIRN_OK;
    default:
        break;
    }
    data = type == SQLITE_TEXT ? (const void *)sqlite3_column_text(stepped, i)
                               : sqlite3_column_blob(stepped, i);
    out->as.bytes.size = (size_t)sqlite3_column_bytes(stepped, i);
    if (data == NULL && (type == SQLITE_TEXT || out->as.bytes.size > 0)) {
        return FIRN_NO_MEMORY;
    }
    out->type = type == SQLITE_TEXT ? FIRN_TYPE_TEXT : FIRN_TYPE_BLOB;
    out->as.bytes.data = arena_copy(arena, data, out->as.bytes.size);
    *bytes += out->as.bytes.size;
    return out->as.bytes.data != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

static int
keep_row(struct arena *arena, sqlite3_stmt *stepped, struct rows *rows)
{
    struct chunk *chunk = rows->last;
    firn_value *values;
    size_t i;
    if (chunk == NULL || chunk->rows == CHUNK_ROWS) {
        chunk = arena_take(arena, sizeof(*chunk) + CHUNK_ROWS * rows->columns * sizeof(firn_value));
        if (chunk == NULL) {
            return FIRN_NO_MEMORY;
        }
        chunk->next = NULL;
        chunk->rows = 0;
        *(rows->last == NULL ? &rows->first : &rows->last->next) = chunk;
        rows->last = chunk;
    }
    values = &chunk->values[chunk->rows * rows->columns];
    for (i = 0; i < rows->columns; i++) {
        int code = keep_value(arena, stepped, (int)i, &values[i], &rows->bytes);
        if (code != FIRN_OK) {
            return code;
        }
    }
    chunk->rows++;
    rows->count++;
    return FIRN_OK;
}

static int
step(struct sql_statement *statement)
{
    sqlite3_stmt *stepped =
        statement->query != NULL ? fi_sql_query_statement(statement->query) : statement->statement;
    int rc = sqlite3_step(stepped);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE && statement->query != NULL && !statement->has_rows &&
        fi_sql_query_is_declined(statement->query)) {
        fi_sql_query_close(statement->query);
        statement->query = NULL;
        rc = sqlite3_step(statement->statement);
    }
    statement->has_rows = statement->has_rows || rc == SQLITE_ROW;
    return rc;
}

static int
look(void *ctx)
{
    const firn_callbacks *callbacks = ctx;
    firn_progress progress;
    memset(&progress, 0, sizeof(progress));
    progress.phase = "sql";
    return callbacks->on_progress(callbacks->ctx, &progress) != FIRN_OK;
}

static int
read_until(struct call *call, const struct sql_connection *connection,
           struct sql_statement *statement, size_t rows_max, size_t bytes_max, struct rows *rows,
           firn_error *err)
{
    while (rows->count < rows_max && rows->bytes < bytes_max) {
        int rc = step(statement);
        sqlite3_stmt *stepped = statement->query != NULL ? fi_sql_query_statement(statement->query)
                                                         : statement->statement;
        int code;
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
            return fail_sqlite(err, connection);
        }
        if (rows->names == NULL) {
            code = keep_names(&call->arena, stepped, rows);
            if (code != FIRN_OK) {
                return code;
            }
        }
        if (rc == SQLITE_DONE) {
            (void)sqlite3_reset(stepped);
            rows->is_at_end = true;
            return FIRN_OK;
        }
        code = keep_row(&call->arena, stepped, rows);
        if (code != FIRN_OK) {
            return code;
        }
        if (rows->count > INT32_MAX / rows->columns) {
            return fail(err, FIRN_LIMIT, "the result is too large for an array: use sqlRows");
        }
    }
    return FIRN_OK;
}

/* Steps until there are so many rows, or bytes, or the end; watched by the monitor of the call, if it has one. */
static int
read_rows(struct call *call, const struct sql_connection *connection,
          struct sql_statement *statement, firn_callbacks *callbacks, size_t rows_max,
          size_t bytes_max, struct rows *rows, firn_error *err)
{
    int code;
    if (callbacks->on_progress == NULL) {
        return read_until(call, connection, statement, rows_max, bytes_max, rows, err);
    }
    if (look(callbacks) != 0) {
        return FIRN_CANCELLED;
    }
    sqlite3_progress_handler(connection->db, STEPS_PER_LOOK, look, callbacks);
    code = read_until(call, connection, statement, rows_max, bytes_max, rows, err);
    sqlite3_progress_handler(connection->db, 0, NULL, NULL);
    return code;
}

/* [names of columns, values of all rows one after the other, whether there are no more]; NULL after throwing. */
static napi_value
rows_to_js(napi_env env, struct instance *instance, const struct rows *rows, bool as_numbers)
{
    napi_value triple = NULL;
    napi_value names = NULL;
    napi_value values = NULL;
    const struct chunk *chunk;
    uint32_t at = 0;
    uint32_t i;
    if (napi_create_array_with_length(env, 3, &triple) != napi_ok ||
        napi_create_array_with_length(env, rows->columns, &names) != napi_ok ||
        napi_create_array_with_length(env, rows->count * rows->columns, &values) != napi_ok) {
        return NULL;
    }
    for (i = 0; i < rows->columns; i++) {
        (void)napi_set_element(env, names, i, make_text(env, rows->names[i], NAPI_AUTO_LENGTH));
    }
    for (chunk = rows->first; chunk != NULL; chunk = chunk->next) {
        size_t count = chunk->rows * rows->columns;
        size_t k;
        for (k = 0; k < count; k++) {
            napi_handle_scope scope = NULL;
            napi_value js;
            bool ok;
            (void)napi_open_handle_scope(env, &scope);
            js = value_to_js(instance, &chunk->values[k], NULL, as_numbers);
            ok = js != NULL && napi_set_element(env, values, at++, js) == napi_ok;
            (void)napi_close_handle_scope(env, scope);
            if (!ok) {
                bool threw = false;
                (void)napi_is_exception_pending(env, &threw);
                if (!threw) {
                    (void)throw_error(instance, FIRN_LIMIT, 0,
                                      "a value is too large for JavaScript");
                }
                return NULL;
            }
        }
    }
    (void)napi_set_element(env, triple, 0, names);
    (void)napi_set_element(env, triple, 1, values);
    (void)napi_set_element(env, triple, 2, make_bool(env, rows->is_at_end));
    return triple;
}

/* ---- a statement with all of its rows ---- */

struct sql_call {
    struct prepare_call prepare;
    bool as_numbers;
    firn_callbacks callbacks;
    struct rows rows;
};

/* sql(connection, text, names, values, numbers, monitor) */
static bool
sql_parse(struct args *args, struct call *call)
{
    struct sql_call *self = (struct sql_call *)(void *)call;
    return prepare_parse(args, &self->prepare) &&
           arg_bool(args, 4, "asNumbers", &self->as_numbers) &&
           arg_monitor(args, 5, &self->callbacks);
}

static int
sql_run(struct call *call, firn_error *err)
{
    struct sql_call *self = (struct sql_call *)(void *)call;
    int code = prepare(&self->prepare, err);
    if (code != FIRN_OK) {
        return code;
    }
    code = read_rows(call, self->prepare.connection->object, self->prepare.statement,
                     &self->callbacks, SIZE_MAX, SIZE_MAX, &self->rows, err);
    sql_statement_close(self->prepare.statement);
    self->prepare.statement = NULL;
    return code;
}

static napi_value
sql_finish(napi_env env, struct call *call)
{
    struct sql_call *self = (struct sql_call *)(void *)call;
    return rows_to_js(env, call->instance, &self->rows, self->as_numbers);
}

/* ---- a statement that is read in batches ---- */

/* sqlOpen(connection, text, names, values) */
static bool
sql_open_parse(struct args *args, struct call *call)
{
    return prepare_parse(args, (struct prepare_call *)(void *)call);
}

static int
sql_open_run(struct call *call, firn_error *err)
{
    return prepare((struct prepare_call *)(void *)call, err);
}

static napi_value
sql_open_finish(napi_env env, struct call *call)
{
    struct prepare_call *self = (struct prepare_call *)(void *)call;
    void *statement = self->statement;
    return make_handle(env, call, HANDLE_STATEMENT, self->connection, &statement);
}

struct sql_next_call {
    struct call call;
    struct handle *statement;
    uint64_t rows_max;
    bool as_numbers;
    firn_callbacks callbacks;
    struct rows rows;
};

/* sqlNext(statement, rows, numbers, monitor) */
static bool
sql_next_parse(struct args *args, struct call *call)
{
    struct sql_next_call *self = (struct sql_next_call *)(void *)call;
    return arg_handle(args, 0, HANDLE_STATEMENT, &self->statement) &&
           arg_u64(args, 1, "rows", 1, &self->rows_max) &&
           arg_bool(args, 2, "asNumbers", &self->as_numbers) &&
           arg_monitor(args, 3, &self->callbacks);
}

static int
sql_next_run(struct call *call, firn_error *err)
{
    struct sql_next_call *self = (struct sql_next_call *)(void *)call;
    return read_rows(call, self->statement->parent->object, self->statement->object,
                     &self->callbacks, self->rows_max == 0 ? 1 : (size_t)self->rows_max,
                     BATCH_BYTES, &self->rows, err);
}

static napi_value
sql_next_finish(napi_env env, struct call *call)
{
    struct sql_next_call *self = (struct sql_next_call *)(void *)call;
    return rows_to_js(env, call->instance, &self->rows, self->as_numbers);
}

const struct call_kind statement_calls[] = {
    {"sqlConnect", sizeof(struct connect_call), 0, connect_parse, connect_run, connect_finish,
     NULL},
    {"sql", sizeof(struct sql_call), CALL_IN_LANE, sql_parse, sql_run, sql_finish, NULL},
    {"sqlOpen", sizeof(struct prepare_call), CALL_IN_LANE, sql_open_parse, sql_open_run,
     sql_open_finish, NULL},
    {"sqlNext", sizeof(struct sql_next_call), CALL_IN_LANE, sql_next_parse, sql_next_run,
     sql_next_finish, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};

#else

void
sql_connection_close(struct sql_connection *connection)
{
    (void)connection;
}

void
sql_statement_close(struct sql_statement *statement)
{
    (void)statement;
}

int
sql_take_back(firn_store *store, firn_error *err)
{
    (void)store;
    (void)err;
    return FIRN_OK;
}

static bool
connect_parse(struct args *args, struct call *call)
{
    (void)call;
    return throw_error(
        args->instance, FIRN_UNSUPPORTED, 0,
        "this addon was built without SQL: where it was built, there was no libsqlite3.a "
        "(of Debian's libsqlite3-dev), or not the sources of firn's SQL");
}

static int
connect_run(struct call *call, firn_error *err)
{
    (void)call;
    (void)err;
    return FIRN_UNSUPPORTED;
}

const struct call_kind statement_calls[] = {
    {"sqlConnect", sizeof(struct call), 0, connect_parse, connect_run, NULL, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};

#endif
