/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_indexes.c: what SQLite cannot tell of a virtual table: firn_columns(TABLE) and
 * firn_indexes(TABLE).
 *
 * SQLite forgets the defaults in the declaration of a virtual table, and refuses a primary key of
 * several columns for one that can be written. So PRAGMA table_info has neither. firn_columns has
 * its columns, with both; a default is a literal of SQL.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

static void
put_names(struct fi_sql_rows *rows, const char *const *names, size_t count)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (size_t i = 0; i < count; i++) {
        sqlite3_str_appendf(text, "%s\"%w\"", i > 0 ? ", " : "", names[i]);
    }
    char *joined = sqlite3_str_finish(text);
    fi_sql_rows_text_or_null(rows, joined);
    sqlite3_free(joined);
}

static int
put_indexes(struct fi_sql_rows *rows, const firn_table_def *def)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < def->index_count && rc == FIRN_OK; i++) {
        fi_sql_rows_text_or_null(rows, def->indexes[i].name);
        fi_sql_rows_text_or_null(rows, def->indexes[i].is_unique ? "unique" : "index");
        put_names(rows, def->indexes[i].columns, def->indexes[i].column_count);
        fi_sql_rows_null(rows);
        rc = fi_sql_rows_go_on(rows);
    }
    for (size_t i = 0; i < def->vector_index_count && rc == FIRN_OK; i++) {
        fi_sql_rows_text_or_null(rows, def->vector_indexes[i].name);
        fi_sql_rows_text_or_null(rows, "vector");
        put_names(rows, &def->vector_indexes[i].column, 1);
        fi_sql_rows_text_or_null(rows, firn_metric_name(def->vector_indexes[i].metric));
        rc = fi_sql_rows_go_on(rows);
    }
    return rc;
}

static int
put_default(struct fi_sql_rows *rows, const firn_table_column *column, firn_error *err)
{
    const firn_value *value = column->default_value;
    char *text = NULL;
    if (value == NULL || firn_is_null(*value)) {
        fi_sql_rows_null(rows);
        return FIRN_OK;
    }
    sqlite3_str *literal = sqlite3_str_new(NULL);
    int rc = FIRN_OK;
    if (column->type == FIRN_TYPE_BLOB || column->type == FIRN_TYPE_VECTOR) {
        sqlite3_str_appendall(literal, "x'");
        for (size_t i = 0; i < value->as.bytes.size; i++) {
            sqlite3_str_appendf(literal, "%02x", value->as.bytes.data[i]);
        }
        sqlite3_str_appendall(literal, "'");
    } else {
        rc = firn_value_format(column, value, &text, NULL, err);
        sqlite3_str_appendf(literal, fi_type_has_quotes(column->type) ? "%Q" : "%s", text);
    }
    char *joined = sqlite3_str_finish(literal);
    fi_sql_rows_text_or_null(rows, joined);
    sqlite3_free(joined);
    firn_release(text);
    return rc;
}

/* The place of a column in the primary key, from 1; 0: it is not in it. */
static sqlite3_int64
place_in_key(const firn_table_def *def, size_t column)
{
    size_t i = 0;
    while (i < def->key_count && strcmp(def->key[i], def->columns[column].name) != 0) {
        i++;
    }
    return i < def->key_count ? (sqlite3_int64)i + 1 : 0;
}

/* Whether a column is declared as INTEGER, as the one column of the key (sql_table.c). */
static bool
is_rowid(const firn_table_def *def, size_t column)
{
    return def->key_count == 1 && place_in_key(def, column) == 1 &&
           fi_sql_table_identity(def->columns[column].type) == FI_SQL_BY_ROWID;
}

static int
put_columns(struct fi_sql_rows *rows, const firn_table_def *def, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < def->column_count && rc == FIRN_OK; i++) {
        const firn_table_column *column = &def->columns[i];
        const sqlite3_int64 place = place_in_key(def, i);
        char name[FI_SQLTEXT_NAME_SIZE];
        char type[48];
        if (column->is_auto && strcmp(column->name, "rowid") == 0) {
            continue; /* hidden: sql_table.c */
        }
        fi_sqlparse_column_name(def, i, name);
        fi_sqlvalue_type(column, type);
        fi_sql_rows_text_or_null(rows, name);
        fi_sql_rows_text_or_null(rows, is_rowid(def, i) ? "INTEGER" : type);
        fi_sql_rows_integer(rows, column->not_null || place > 0);
        rc = put_default(rows, column, err);
        fi_sql_rows_integer(rows, place);
        rc = rc == FIRN_OK ? fi_sql_rows_go_on(rows) : rc;
    }
    return rc;
}

/* The definition of the table that the first argument names; the caller releases it. */
static int
read_definition(struct fi_sql *sql, sqlite3_value *const *arguments, firn_table_def **out,
                firn_error *err)
{
    const char *name = fi_sql_rows_argument(arguments[0]);
    struct fi_sql_store *store = NULL;
    const char *table_name = NULL;
    firn_table *table = NULL;
    char *text = NULL;
    *out = NULL;
    int rc;
    FI_TRY_OUT(rc,
               fi_sql_store_find_table(sql, name != NULL ? name : "", &store, &table_name, err));
    FI_TRY_OUT(rc, store->snapshot != NULL
                       ? firn_snapshot_table_open(store->snapshot, table_name, &table, err)
                       : firn_table_open(store->store, table_name, &table, err));
    FI_TRY_OUT(rc, firn_table_describe(table, NULL, store->snapshot, &text, err));
    rc = firn_table_def_parse(text, out, err);
out:
    firn_release(text);
    return rc;
}

static int
fill_indexes(struct fi_sql *sql, struct fi_sql_rows *rows, sqlite3_value *const *arguments,
             firn_error *err)
{
    firn_table_def *def;
    int rc = read_definition(sql, arguments, &def, err);
    rc = rc == FIRN_OK ? put_indexes(rows, def) : rc;
    firn_release(def);
    return rc;
}

static int
fill_columns(struct fi_sql *sql, struct fi_sql_rows *rows, sqlite3_value *const *arguments,
             firn_error *err)
{
    firn_table_def *def;
    int rc = read_definition(sql, arguments, &def, err);
    rc = rc == FIRN_OK ? put_columns(rows, def, err) : rc;
    firn_release(def);
    return rc;
}

static const struct fi_sql_rows_function columns_function = {
    .name = "firn_columns",
    .columns = "name TEXT, type TEXT, \"notnull\" INT, dflt_value TEXT, pk INT",
    .column_count = 5,
    .arguments = "\"table\"",
    .argument_count = 1,
    .argument_count_min = 1,
    .fill = fill_columns,
};

static const struct fi_sql_rows_function indexes_function = {
    .name = "firn_indexes",
    .columns = "name TEXT, kind TEXT, columns TEXT, metric TEXT",
    .column_count = 4,
    .arguments = "\"table\"",
    .argument_count = 1,
    .argument_count_min = 1,
    .fill = fill_indexes,
};

int
fi_sql_indexes_register(struct fi_sql *sql)
{
    FI_TRY_RETURN(fi_sql_rows_register(sql, &columns_function));
    return fi_sql_rows_register(sql, &indexes_function);
}
