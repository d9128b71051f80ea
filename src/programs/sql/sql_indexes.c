/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_indexes.c: the indexes of a table: firn_indexes(TABLE). SQLite knows of none, because a virtual table has no indexes for it.
 */
#include "sql/sql_internal.h"
SQLITE_EXTENSION_INIT3

static void
put_names(struct firn_sql_rows *rows, const char *const *names, size_t count)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (size_t i = 0; i < count; i++) {
        sqlite3_str_appendf(text, "%s\"%w\"", i > 0 ? ", " : "", names[i]);
    }
    char *joined = sqlite3_str_finish(text);
    firn_sql_rows_text_or_null(rows, joined);
    sqlite3_free(joined);
}

static int
put_indexes(struct firn_sql_rows *rows, const firn_table_def *def)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < def->index_count && rc == FIRN_OK; i++) {
        firn_sql_rows_text_or_null(rows, def->indexes[i].name);
        firn_sql_rows_text_or_null(rows, def->indexes[i].is_unique ? "unique" : "index");
        put_names(rows, def->indexes[i].columns, def->indexes[i].column_count);
        firn_sql_rows_null(rows);
        rc = firn_sql_rows_go_on(rows);
    }
    for (size_t i = 0; i < def->vector_index_count && rc == FIRN_OK; i++) {
        firn_sql_rows_text_or_null(rows, def->vector_indexes[i].name);
        firn_sql_rows_text_or_null(rows, "vector");
        put_names(rows, &def->vector_indexes[i].column, 1);
        firn_sql_rows_text_or_null(rows, firn_metric_name(def->vector_indexes[i].metric));
        rc = firn_sql_rows_go_on(rows);
    }
    return rc;
}

static int
fill_indexes(struct firn_sql *sql, struct firn_sql_rows *rows, sqlite3_value *const *arguments,
             firn_error *err)
{
    const char *name = firn_sql_rows_argument(arguments[0]);
    struct firn_sql_store *store = NULL;
    const char *table_name = NULL;
    firn_table *table = NULL;
    firn_table_def *def = NULL;
    char *text = NULL;
    int rc = firn_sql_store_find_table(sql, name != NULL ? name : "", &store, &table_name, err);
    if (rc == FIRN_OK) {
        rc = store->snapshot != NULL
                 ? firn_snapshot_table_open(store->snapshot, table_name, &table, err)
                 : firn_table_open(store->store, table_name, &table, err);
    }
    rc = rc == FIRN_OK ? firn_table_describe(table, NULL, store->snapshot, &text, err) : rc;
    rc = rc == FIRN_OK ? firn_table_def_parse(text, &def, err) : rc;
    rc = rc == FIRN_OK ? put_indexes(rows, def) : rc;
    firn_release(def);
    firn_release(text);
    return rc;
}

static const struct firn_sql_rows_function indexes_function = {
    .name = "firn_indexes",
    .columns = "name TEXT, kind TEXT, columns TEXT, metric TEXT",
    .column_count = 4,
    .arguments = "\"table\"",
    .argument_count = 1,
    .argument_count_min = 1,
    .fill = fill_indexes,
};

int
firn_sql_indexes_register(struct firn_sql *sql)
{
    return firn_sql_rows_register(sql, &indexes_function);
}
