/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_reader.c: queries over a copy of somebody else's database.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sqlitefile/sqlitefile_internal.h"

enum { COLUMNS_MAX = 2000 };

struct firn_sqlitefile_reader {
    const struct firn_sqlitefile_library *library;
    sqlite3 *db;
    struct firn_sqlitefile_budget budget;
};

static int
fail(const struct firn_sqlitefile_reader *reader, int rc, firn_error *err)
{
    firn_error why = {.code = FIRN_OK};
    const int code =
        firn_sqlitefile_fail_statement(reader->library, reader->db, &reader->budget, rc, &why);
    return code == FIRN_CORRUPT || code == FIRN_LIMIT
               ? firn_sqlitefile_fail(err, code, "SQLite cannot read the database: %.900s",
                                      why.text)
               : firn_sqlitefile_fail(err, code, "%s", why.text);
}

int
firn_sqlitefile_reader_open(const char *path, struct firn_sqlitefile_reader **out, firn_error *err)
{
    const struct firn_sqlitefile_library *library = firn_sqlitefile_load(err);
    struct firn_sqlitefile_reader *reader = library == NULL ? NULL : calloc(1, sizeof(*reader));
    *out = NULL;
    if (library == NULL) {
        return FIRN_UNSUPPORTED;
    }
    if (reader == NULL) {
        return firn_sqlitefile_fail(err, FIRN_NO_MEMORY, "out of memory");
    }
    reader->library = library;
    int code = firn_sqlitefile_open_copy(library, path, &reader->budget, &reader->db, err);
    if (code != FIRN_OK) {
        firn_sqlitefile_reader_close(reader);
        return code;
    }
    *out = reader;
    return FIRN_OK;
}

void
firn_sqlitefile_reader_close(struct firn_sqlitefile_reader *reader)
{
    if (reader != NULL) {
        (void)reader->library->close(reader->db);
        free(reader);
    }
}

static struct firn_sqlitefile_value
value_of(const struct firn_sqlitefile_library *library, sqlite3_stmt *statement, int column)
{
    struct firn_sqlitefile_value value = {.name = library->column_name(statement, column)};
    switch (library->column_type(statement, column)) {
    case SQLITE_INTEGER:
        value.type = FIRN_SQLITEFILE_INTEGER;
        value.integer = library->column_int64(statement, column);
        break;
    case SQLITE_FLOAT:
        value.type = FIRN_SQLITEFILE_REAL;
        value.real = library->column_double(statement, column);
        break;
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
        bool is_text = library->column_type(statement, column) == SQLITE_TEXT;
        value.type = is_text ? FIRN_SQLITEFILE_TEXT : FIRN_SQLITEFILE_BLOB;
        const void *bytes = is_text ? library->column_text(statement, column) /* as UTF-8 */
                                    : library->column_blob(statement, column);
        value.bytes = firn_bytes(bytes, (size_t)library->column_bytes(statement, column));
        break;
    }
    default:
        value.type = FIRN_SQLITEFILE_NULL;
    }
    return value;
}

int
firn_sqlitefile_reader_query(struct firn_sqlitefile_reader *reader, const char *sql,
                             const char *parameter,
                             int (*on_row)(void *ctx, const struct firn_sqlitefile_value *values,
                                           size_t count),
                             void *ctx, firn_error *err)
{
    const struct firn_sqlitefile_library *library = reader->library;
    sqlite3_stmt *statement = NULL;
    firn_sqlitefile_renew(&reader->budget);
    int rc = library->prepare_v2(reader->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK && parameter != NULL) {
        rc = library->bind_text(statement, 1, parameter, -1, NULL); /* it outlives the statement */
    }
    int count = rc == SQLITE_OK ? library->column_count(statement) : 0;
    struct firn_sqlitefile_value *values =
        calloc((size_t)count + 1, sizeof(struct firn_sqlitefile_value));
    int code = FIRN_OK;
    if (values == NULL || count > COLUMNS_MAX) {
        code = firn_sqlitefile_fail(err, FIRN_NO_MEMORY, "out of memory");
    } else if (rc != SQLITE_OK) {
        code = fail(reader, rc, err);
    }
    while (code == FIRN_OK && (rc = library->step(statement)) == SQLITE_ROW) {
        assert(values != NULL);
        bool is_fine = true;
        for (int i = 0; i < count; i++) {
            values[i] = value_of(library, statement, i);
            is_fine = firn_sqlitefile_spend(&reader->budget, values[i].bytes.size);
        }
        code = is_fine ? on_row(ctx, values, (size_t)count) : fail(reader, rc, err);
    }
    if (code == FIRN_OK && rc != SQLITE_DONE) {
        code = fail(reader, rc, err);
    }
    free(values);
    (void)library->finalize(statement);
    return code;
}
