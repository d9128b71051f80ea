/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_diff.c: firn_diff: the rows of a table that two states have differently.
 *
 *     SELECT kind, "after" ->> 'price' FROM firn_diff('goods', 'before-import');
 *     CREATE VIRTUAL TABLE temp.changes USING firn_diff('goods', 'before-import', 'after-import');
 *     SELECT kind, before_price, after_price FROM changes WHERE before_price <> after_price;
 *
 * As a function it has the columns kind, "key", "before", "after" and changed, the last four of
 * JSON: an array of the key's values, objects of the row's values, an array of the names of columns
 * that differ. As a virtual table it has kind and two columns of SQL's types for each column of the
 * table: before_NAME and after_NAME, null where that state does not have the row. States are
 * references of checkpoints; without the second one, or with null, it is the present one.
 *
 * Rows come from firn_table_diff_next one by one, in the order of the key. What a transaction has
 * written and not committed yet is in neither state.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <string.h>

#include "firn/table_state.h"

SQLITE_EXTENSION_INIT3

enum { COLUMN_KIND, COLUMN_KEY, COLUMN_BEFORE, COLUMN_AFTER, COLUMN_CHANGED, FUNCTION_COLUMNS };
enum { ARGUMENTS = 3 };

struct diff_table {
    sqlite3_vtab base;
    struct fi_sql *sql;
    char *arguments[ARGUMENTS]; /* of a virtual table; of the function all NULL */
    char *shape;                /* the declaration; NULL: the function */
};

struct diff_cursor {
    sqlite3_vtab_cursor base;
    struct fi_sql_store *store; /* a reference */
    firn_table_diff *diff;
    const firn_row_difference *row; /* NULL: at the end */
    sqlite3_int64 number;
};

/* ==== opening ==== */

static int
open_state(firn_store *store, const char *reference, firn_snapshot **out, firn_error *err)
{
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    options.checkpoint = reference;
    return reference == NULL ? FIRN_OK : firn_snapshot_open(store, &options, out, err);
}

/* Opens the comparison that three arguments say; *out_store is a reference. */
static int
open_diff(struct fi_sql *sql, const char *const *arguments, struct fi_sql_store **out_store,
          firn_table_diff **out, firn_error *err)
{
    firn_table_diff_options options = FIRN_TABLE_DIFF_OPTIONS_INIT;
    struct fi_sql_store *store = NULL;
    const char *table = NULL;
    FI_TRY_RETURN(fi_sql_store_find_past(sql, arguments[0], &store, &table, err));
    int code = open_state(store->store, arguments[1], &options.before, err);
    if (code == FIRN_OK) {
        code = open_state(store->store, arguments[2], &options.after, err);
    }
    if (code == FIRN_OK) {
        code = firn_table_diff_open(store->store, table, &options, out, err);
    }
    firn_snapshot_close(options.before);
    firn_snapshot_close(options.after);
    if (code == FIRN_OK) {
        fi_sql_store_ref(store);
        *out_store = store;
    }
    return code;
}

static const char *
name_of(const firn_table_diff_column *column)
{
    return column->after_name != NULL ? column->after_name : column->before_name;
}

/* Whether a column before this one has its name for SQLite, which folds the case of ASCII. */
static bool
is_taken(const firn_table_diff *diff, size_t number, const char *name)
{
    size_t i = 0;
    while (i < number && sqlite3_stricmp(name_of(firn_table_diff_column_at(diff, i)), name) != 0) {
        i++;
    }
    return i < number;
}

/* What a virtual table has for the columns of a comparison; of sqlite3_malloc. */
static char *
sql_diff_declare(const firn_table_diff *diff)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    const firn_table_diff_column *column = NULL;
    sqlite3_str_appendall(text, "CREATE TABLE x(kind TEXT");
    for (size_t i = 0; (column = firn_table_diff_column_at(diff, i)) != NULL; i++) {
        char type[48] = "";
        char number[24] = ""; /* as that of a column of the table (sql_table.c) */
        if (is_taken(diff, i, name_of(column))) {
            sqlite3_snprintf((int)sizeof number, number, ":%llu", (unsigned long long)i + 1);
        }
        fi_sqlvalue_type(column->definition, type);
        sqlite3_str_appendf(text, ",\"before_%w%s\" %s,\"after_%w%s\" %s", name_of(column), number,
                            type, name_of(column), number, type);
    }
    sqlite3_str_appendall(text, ")");
    return sqlite3_str_finish(text);
}

static void
free_table(struct diff_table *table)
{
    for (size_t i = 0; i < ARGUMENTS; i++) {
        sqlite3_free(table->arguments[i]);
    }
    sqlite3_free(table->shape);
    sqlite3_free(table);
}

/* Reads the arguments of a virtual table and asks the comparison for its columns. A code of
 * SQLite. */
static int
shape_table(struct diff_table *table, int argc, const char *const *argv, char **out_error)
{
    firn_error err;
    struct fi_sql_store *store = NULL;
    firn_table_diff *diff = NULL;
    if (fi_sql_effect_check_schema(argv[0], argv[1], &err) != FIRN_OK) {
        *out_error = sqlite3_mprintf("%s", err.text);
        return fi_sql_code(err.code);
    }
    if (argc > 3 + ARGUMENTS) {
        *out_error = sqlite3_mprintf("firn_diff takes a table and two references");
        return SQLITE_ERROR;
    }
    for (int i = 3; i < argc; i++) {
        table->arguments[i - 3] = fi_sql_store_unquote(argv[i]);
        if (table->arguments[i - 3] == NULL) {
            return SQLITE_NOMEM;
        }
    }
    const char *const *arguments = (const char *const *)table->arguments;
    if (open_diff(table->sql, arguments, &store, &diff, &err) != FIRN_OK) {
        *out_error = sqlite3_mprintf("%s", err.text);
        return fi_sql_code(err.code);
    }
    table->shape = sql_diff_declare(diff);
    firn_table_diff_close(diff);
    fi_sql_store_unref(store);
    return table->shape != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

static int
diff_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
             char **out_error)
{
    static const char function[] = "CREATE TABLE x(kind TEXT, \"key\" TEXT, \"before\" TEXT, "
                                   "\"after\" TEXT, changed TEXT, \"table\" HIDDEN, "
                                   "state1 HIDDEN, state2 HIDDEN)";
    struct diff_table *table = sqlite3_malloc64(sizeof *table);
    if (table == NULL) {
        return SQLITE_NOMEM;
    }
    memset(table, 0, sizeof *table);
    table->sql = aux;
    int rc = argc > 3 ? shape_table(table, argc, argv, out_error) : SQLITE_OK;
    if (rc == SQLITE_OK) {
        rc = sqlite3_declare_vtab(db, table->shape != NULL ? table->shape : function);
    }
    if (rc != SQLITE_OK) {
        free_table(table);
        return rc;
    }
    (void)sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    *out = &table->base;
    return SQLITE_OK;
}

static int
diff_disconnect(sqlite3_vtab *base)
{
    free_table((struct diff_table *)base);
    return SQLITE_OK;
}

static int
diff_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    static const struct fi_sql_rows_function function = {.name = "firn_diff",
                                                         .column_count = FUNCTION_COLUMNS,
                                                         .arguments = "table,state1,state2",
                                                         .argument_count = ARGUMENTS,
                                                         .argument_count_min = 2};
    if (((const struct diff_table *)base)->shape == NULL) {
        return fi_sql_rows_plan(base, info, &function);
    }
    info->estimatedCost = 1e5;
    info->estimatedRows = 1000;
    return SQLITE_OK;
}

/* ==== rows ==== */

static int
diff_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    return fi_sql_new_cursor(sizeof(struct diff_cursor), out);
}

static void
diff_reset(struct diff_cursor *cursor)
{
    firn_table_diff_close(cursor->diff);
    if (cursor->store != NULL) {
        fi_sql_store_unref(cursor->store);
    }
    cursor->diff = NULL;
    cursor->store = NULL;
    cursor->row = NULL;
    cursor->number = 0;
}

static int
diff_close(sqlite3_vtab_cursor *base)
{
    diff_reset((struct diff_cursor *)base);
    sqlite3_free(base);
    return SQLITE_OK;
}

static int
diff_next(sqlite3_vtab_cursor *base)
{
    struct diff_cursor *cursor = (struct diff_cursor *)base;
    firn_error err;
    cursor->number++;
    if (firn_table_diff_next(cursor->diff, &cursor->row, &err) != FIRN_OK) {
        cursor->row = NULL;
        return fi_sql_fail_table(base->pVtab, &err);
    }
    return SQLITE_OK;
}

/* A virtual table whose table has got or lost a column since has to be made again. */
static int
check_shape(const struct diff_table *table, const struct diff_cursor *cursor)
{
    assert(cursor->diff != NULL);
    if (table->shape == NULL) {
        return SQLITE_OK;
    }
    char *shape = sql_diff_declare(cursor->diff);
    bool is_same = shape != NULL && strcmp(shape, table->shape) == 0;
    int rc = shape == NULL ? SQLITE_NOMEM : is_same ? SQLITE_OK : SQLITE_ERROR;
    sqlite3_free(shape);
    if (rc == SQLITE_ERROR) {
        sqlite3_free(cursor->base.pVtab->zErrMsg);
        cursor->base.pVtab->zErrMsg =
            sqlite3_mprintf("the table has other columns now: drop this and make it again");
    }
    return rc;
}

static int
diff_filter(sqlite3_vtab_cursor *base, int given, const char *text, int argc, sqlite3_value **argv)
{
    struct diff_cursor *cursor = (struct diff_cursor *)base;
    struct diff_table *table = (struct diff_table *)base->pVtab;
    const char *arguments[ARGUMENTS] = {table->arguments[0], table->arguments[1],
                                        table->arguments[2]};
    firn_error err;
    int next = 0;
    (void)text;
    diff_reset(cursor);
    for (int i = 0; i < ARGUMENTS && table->shape == NULL; i++) {
        bool is_given = (given >> i & 1) != 0 && next < argc;
        arguments[i] = is_given ? fi_sql_rows_argument(argv[next]) : NULL;
        next += is_given;
    }
    if (open_diff(table->sql, arguments, &cursor->store, &cursor->diff, &err) != FIRN_OK) {
        return fi_sql_fail_table(base->pVtab, &err);
    }
    FI_TRY_RETURN(check_shape(table, cursor));
    return diff_next(base);
}

static int
diff_eof(sqlite3_vtab_cursor *base)
{
    return ((const struct diff_cursor *)base)->row == NULL;
}

/* An object of the values of one side. */
static void
json_side(const struct diff_cursor *cursor, const firn_value *values, bool is_before,
          sqlite3_str *out)
{
    const firn_table_diff_column *column = NULL;
    const char *between = "";
    sqlite3_str_appendall(out, "{");
    for (size_t i = 0; (column = firn_table_diff_column_at(cursor->diff, i)) != NULL; i++) {
        const char *name = is_before ? column->before_name : column->after_name;
        if (name != NULL) {
            sqlite3_str_appendall(out, between);
            fi_sql_rows_json_text(out, name, strlen(name));
            sqlite3_str_appendall(out, ":");
            fi_sql_rows_json_value(out, column->definition, values[i]);
            between = ",";
        }
    }
    sqlite3_str_appendall(out, "}");
}

static void
json_key(const struct diff_cursor *cursor, sqlite3_str *out)
{
    assert(cursor->row != NULL);
    const firn_row_difference *row = cursor->row;
    const firn_value *values = row->after != NULL ? row->after : row->before;
    const firn_table_diff_column *column = NULL;
    sqlite3_str_appendall(out, "[");
    for (size_t place = 1; place <= FIRN_TABLE_KEY_COLUMNS_MAX; place++) {
        for (size_t i = 0; (column = firn_table_diff_column_at(cursor->diff, i)) != NULL; i++) {
            if (column->key_place == place) {
                sqlite3_str_appendall(out, place > 1 ? "," : "");
                fi_sql_rows_json_value(out, column->definition, values[i]);
            }
        }
    }
    sqlite3_str_appendall(out, "]");
}

static void
json_changed(const struct diff_cursor *cursor, sqlite3_str *out)
{
    assert(cursor->row != NULL);
    const firn_table_diff_column *column = NULL;
    const char *between = "";
    sqlite3_str_appendall(out, "[");
    for (size_t i = 0; (column = firn_table_diff_column_at(cursor->diff, i)) != NULL; i++) {
        if (cursor->row->changed[i]) {
            sqlite3_str_appendall(out, between);
            fi_sql_rows_json_text(out, name_of(column), strlen(name_of(column)));
            between = ",";
        }
    }
    sqlite3_str_appendall(out, "]");
}

static int
function_column(const struct diff_cursor *cursor, sqlite3_context *ctx, int place)
{
    const firn_row_difference *row = cursor->row;
    bool is_changed = row->kind == FIRN_ROW_DIFFERENCE_CHANGED;
    if ((place == COLUMN_BEFORE && row->before == NULL) ||
        (place == COLUMN_AFTER && row->after == NULL) || (place == COLUMN_CHANGED && !is_changed) ||
        place >= FUNCTION_COLUMNS) {
        return SQLITE_OK; /* null */
    }
    sqlite3_str *out = sqlite3_str_new(sqlite3_context_db_handle(ctx));
    if (place == COLUMN_KEY) {
        json_key(cursor, out);
    } else if (place == COLUMN_CHANGED) {
        json_changed(cursor, out);
    } else {
        bool is_before = place == COLUMN_BEFORE;
        json_side(cursor, is_before ? row->before : row->after, is_before, out);
    }
    char *text = sqlite3_str_finish(out);
    if (text == NULL) {
        return SQLITE_NOMEM;
    }
    sqlite3_result_text(ctx, text, -1, sqlite3_free);
    return SQLITE_OK;
}

static int
diff_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int place)
{
    assert(place >= 0 && ((struct diff_cursor *)base)->row != NULL);
    const struct diff_cursor *cursor = (const struct diff_cursor *)base;
    const struct diff_table *table = (const struct diff_table *)base->pVtab;
    if (place == COLUMN_KIND) {
        sqlite3_result_text(ctx, firn_row_difference_kind_name(cursor->row->kind), -1,
                            SQLITE_STATIC);
        return SQLITE_OK;
    }
    if (table->shape == NULL) {
        return function_column(cursor, ctx, place);
    }
    size_t i = (size_t)(place - 1) / 2;
    const firn_value *values = (place - 1) % 2 == 0 ? cursor->row->before : cursor->row->after;
    const firn_table_diff_column *column = firn_table_diff_column_at(cursor->diff, i);
    if (values != NULL && column != NULL) {
        fi_sqlvalue_result(ctx, column->definition, values[i]);
    }
    return SQLITE_OK;
}

static int
diff_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((const struct diff_cursor *)base)->number;
    return SQLITE_OK;
}

static const sqlite3_module diff_module = {
    .iVersion = 0,
    .xCreate = diff_connect, /* the same as xConnect: it is a function, too */
    .xConnect = diff_connect,
    .xBestIndex = diff_best_index,
    .xDisconnect = diff_disconnect,
    .xDestroy = diff_disconnect,
    .xOpen = diff_open,
    .xClose = diff_close,
    .xFilter = diff_filter,
    .xNext = diff_next,
    .xEof = diff_eof,
    .xColumn = diff_column,
    .xRowid = diff_rowid,
};

int
fi_sql_diff_register(struct fi_sql *sql)
{
    return fi_sql_module(sql, "firn_diff", &diff_module);
}
