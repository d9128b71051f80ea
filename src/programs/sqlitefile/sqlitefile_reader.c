/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_reader.c: queries over a copy of somebody else's database.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sqlitefile/sqlitefile_internal.h"

enum { COLUMNS_MAX = 2000 };

struct fi_sqlitefile_reader {
    const struct fi_sqlitefile_library *library;
    sqlite3 *db;
    struct fi_sqlitefile_budget budget;
};

static int
sqlitefile_reader_fail(const struct fi_sqlitefile_reader *reader, int rc, firn_error *err)
{
    firn_error why = {.code = FIRN_OK};
    const int code =
        fi_sqlitefile_fail_statement(reader->library, reader->db, &reader->budget, rc, &why);
    return code == FIRN_CORRUPT || code == FIRN_LIMIT
               ? fi_sqlitefile_fail(err, code, "SQLite cannot read the database: %.900s", why.text)
               : fi_sqlitefile_fail(err, code, "%s", why.text);
}

int
fi_sqlitefile_reader_open(const char *path, struct fi_sqlitefile_reader **out, firn_error *err)
{
    const struct fi_sqlitefile_library *library = fi_sqlitefile_load(err);
    struct fi_sqlitefile_reader *reader = library == NULL ? NULL : calloc(1, sizeof(*reader));
    *out = NULL;
    if (library == NULL) {
        return FIRN_UNSUPPORTED;
    }
    if (reader == NULL) {
        return fi_sqlitefile_fail(err, FIRN_NO_MEMORY, "out of memory");
    }
    reader->library = library;
    int code = fi_sqlitefile_open_copy(library, path, &reader->budget, &reader->db, err);
    if (code != FIRN_OK) {
        fi_sqlitefile_reader_close(reader);
        return code;
    }
    *out = reader;
    return FIRN_OK;
}

void
fi_sqlitefile_reader_close(struct fi_sqlitefile_reader *reader)
{
    if (reader != NULL) {
        (void)reader->library->close(reader->db);
        free(reader);
    }
}

static struct fi_sqlitefile_value
value_of(const struct fi_sqlitefile_library *library, sqlite3_stmt *statement, int column)
{
    struct fi_sqlitefile_value value = {.name = library->column_name(statement, column)};
    switch (library->column_type(statement, column)) {
    case SQLITE_INTEGER:
        value.type = FI_SQLITEFILE_INTEGER;
        value.integer = library->column_int64(statement, column);
        break;
    case SQLITE_FLOAT:
        value.type = FI_SQLITEFILE_REAL;
        value.real = library->column_double(statement, column);
        break;
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
        bool is_text = library->column_type(statement, column) == SQLITE_TEXT;
        value.type = is_text ? FI_SQLITEFILE_TEXT : FI_SQLITEFILE_BLOB;
        const void *bytes = is_text ? library->column_text(statement, column) /* as UTF-8 */
                                    : library->column_blob(statement, column);
        value.bytes = firn_bytes(bytes, (size_t)library->column_bytes(statement, column));
        break;
    }
    default:
        value.type = FI_SQLITEFILE_NULL;
    }
    return value;
}

int
fi_sqlitefile_reader_query(struct fi_sqlitefile_reader *reader, const char *sql,
                           const char *parameter,
                           int (*on_row)(void *ctx, const struct fi_sqlitefile_value *values,
                                         size_t count),
                           void *ctx, firn_error *err)
{
    const struct fi_sqlitefile_library *library = reader->library;
    sqlite3_stmt *statement = NULL;
    fi_sqlitefile_renew(&reader->budget);
    int rc = library->prepare_v2(reader->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK && parameter != NULL) {
        rc = library->bind_text(statement, 1, parameter, -1, NULL); /* it outlives the statement */
    }
    int count = rc == SQLITE_OK ? library->column_count(statement) : 0;
    struct fi_sqlitefile_value *values =
        calloc((size_t)count + 1, sizeof(struct fi_sqlitefile_value));
    int code = FIRN_OK;
    if (values == NULL || count > COLUMNS_MAX) {
        code = fi_sqlitefile_fail(err, FIRN_NO_MEMORY, "out of memory");
    } else if (rc != SQLITE_OK) {
        code = sqlitefile_reader_fail(reader, rc, err);
    }
    while (code == FIRN_OK && (rc = library->step(statement)) == SQLITE_ROW) {
        assert(values != NULL);
        bool is_fine = true;
        for (int i = 0; i < count; i++) {
            values[i] = value_of(library, statement, i);
            is_fine = fi_sqlitefile_spend(&reader->budget, values[i].bytes.size);
        }
        code =
            is_fine ? on_row(ctx, values, (size_t)count) : sqlitefile_reader_fail(reader, rc, err);
    }
    if (code == FIRN_OK && rc != SQLITE_DONE) {
        code = sqlitefile_reader_fail(reader, rc, err);
    }
    free(values);
    (void)library->finalize(statement);
    return code;
}
