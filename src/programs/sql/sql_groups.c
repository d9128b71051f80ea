/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_groups.c: the module firn_groups: the groups of a scan as rows, for the statement that is
 * about them.
 *
 * It is given its query as a pointer, which no statement of anybody else's can make. A value of the
 * scan is a column five times: once for each affinity that it may need (sqlparse.c).
 *
 * What a scan reads is what a cursor of the table would (fi_sql_view). In a transaction the
 * groups are fetched before the first is given, so that no scan is open when the transaction ends.
 *
 * Each batch of groups is looked at before any of it is given: where SQLite would have something
 * else, because a number is NaN, or a sum might be too large or be rounded on the way, the query is
 * declined, and so it is where the scan fails for what the statement asks: SQLite is the one to
 * answer then, or to refuse.
 *
 * An interrupt of the connection ends a scan: SQLite has no way to ask for one, but a statement
 * that is stepped while one is due ends with it.
 */
#include "sql/sql_internal.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "firn/scan.h"

SQLITE_EXTENSION_INIT3

const char fi_sql_groups_pointer[] = "firn_sql_query";

int
fi_sql_groups_open_table(const struct fi_sql_query *query, const struct fi_sql_view *view,
                         firn_table **out_table, char **out_definition, firn_error *err)
{
    assert((view->txn != NULL) != (view->snapshot != NULL));
    int code = view->snapshot != NULL
                   ? firn_snapshot_table_open(view->snapshot, query->table, out_table, err)
                   : firn_table_open(query->store->store, query->table, out_table, err);
    return code != FIRN_OK
               ? code
               : firn_table_describe(*out_table, NULL, view->snapshot, out_definition, err);
}

enum { GROUP_COLUMNS = FI_SQLPARSE_AFFINITIES * FI_SQLPARSE_VALUES_MAX };

struct groups_table {
    sqlite3_vtab base;
    struct fi_sql *sql;
};

struct groups_cursor {
    sqlite3_vtab_cursor base;
    struct fi_sql_query *query;
    struct fi_sql_view view;
    bool has_view;
    firn_scan *scan;
    const firn_scan_batch *batch; /* NULL: at the end, or the groups are in memory */
    size_t row;
    sqlite3_int64 number;
    firn_table_column columns[FI_SQLPARSE_VALUES_MAX];
    struct fi_sql_asking asking;
    firn_value *kept; /* in a transaction: all groups, value_count each */
    size_t kept_rows;
    size_t kept_capacity;
    char **texts; /* what they refer to */
    size_t text_count;
    size_t text_capacity;
    bool is_kept;
};

static int
groups_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
               char **out_error)
{
    static const char *const types[FI_SQLPARSE_AFFINITIES] = {"b", "t", "i", "r", "n"};
    static const char *const affinities[FI_SQLPARSE_AFFINITIES] = {"", " TEXT", " INTEGER", " REAL",
                                                                   " NUMERIC"};
    (void)argc;
    (void)argv;
    (void)out_error;
    sqlite3_str *text = sqlite3_str_new(db);
    sqlite3_str_appendall(text, "CREATE TABLE x(");
    for (int affinity = 0; affinity < FI_SQLPARSE_AFFINITIES; affinity++) {
        for (int i = 0; i < FI_SQLPARSE_VALUES_MAX; i++) {
            sqlite3_str_appendf(text, "__firn_%s%d%s,", types[affinity], i, affinities[affinity]);
        }
    }
    sqlite3_str_appendall(text, "query HIDDEN)");
    char *declaration = sqlite3_str_finish(text);
    int rc = declaration != NULL ? sqlite3_declare_vtab(db, declaration) : SQLITE_NOMEM;
    sqlite3_free(declaration);
    struct groups_table *table = rc == SQLITE_OK ? sqlite3_malloc64(sizeof *table) : NULL;
    if (table != NULL) {
        memset(table, 0, sizeof *table);
        table->sql = aux;
        *out = &table->base;
        (void)sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    }
    return rc != SQLITE_OK ? rc : table != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

static int
groups_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

/* The query must be given: plans without it are no plans. */
static int
groups_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn == GROUP_COLUMNS && info->aConstraint[i].usable &&
            info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ) {
            info->aConstraintUsage[i].argvIndex = 1;
            info->aConstraintUsage[i].omit = 1;
            info->estimatedCost = 100;
            info->estimatedRows = 100;
            return SQLITE_OK;
        }
    }
    return SQLITE_CONSTRAINT;
}

static int
groups_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    return fi_sql_new_cursor(sizeof(struct groups_cursor), out);
}

static void
groups_reset(struct groups_cursor *cursor)
{
    firn_scan_close(cursor->scan);
    if (cursor->has_view) {
        fi_sql_view_release(cursor->query->store, &cursor->view);
    }
    fi_sql_query_end(&cursor->asking);
    for (size_t i = 0; i < cursor->text_count; i++) {
        sqlite3_free(cursor->texts[i]);
    }
    sqlite3_free(cursor->texts);
    sqlite3_free(cursor->kept);
    sqlite3_vtab_cursor base = cursor->base;
    memset(cursor, 0, sizeof *cursor);
    cursor->base = base;
}

static int
groups_close(sqlite3_vtab_cursor *base)
{
    groups_reset((struct groups_cursor *)base);
    sqlite3_free(base);
    return SQLITE_OK;
}

/* Leaves the statement to SQLite. Returns a code of SQLite. */
static int
decline(struct groups_cursor *cursor, const char *why)
{
    assert(why != NULL && cursor->query != NULL);
    sqlite3_vtab *table = cursor->base.pVtab;
    cursor->query->is_declined = true;
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("a scan of firn cannot answer this: %s", why);
    return SQLITE_ABORT;
}

/* Failures of a statement that only SQLite knows to answer, or to refuse, decline it. */
static int
fail_scan(struct groups_cursor *cursor, const firn_error *err)
{
    switch (err->code) {
    case FIRN_INVALID:
    case FIRN_LIMIT:
    case FIRN_NOT_FOUND:
    case FIRN_UNSUPPORTED:
        return decline(cursor, err->text);
    case FIRN_CANCELLED:
        return SQLITE_INTERRUPT; /* with SQLite's own text */
    default:
        return fi_sql_fail_table(cursor->base.pVtab, err);
    }
}

static double
magnitude(firn_value value)
{
    return firn_is_null(value)               ? 0
           : fi_type_is_unsigned(value.type) ? (double)value.as.u64
                                             : fabs((double)value.as.i64);
}

/* The sum of the magnitudes of a group, or more, where the value is their sum or their average. */
static double
magnitudes_of(const struct fi_sqlparse_value *rule, const firn_scan_batch *batch, firn_value value,
              size_t row)
{
    /* A little more than is lost where a sum is divided by a count, and multiplied again. */
    static const double more = 1 + 0x1p-50;
    double rows = magnitude(firn_scan_value(batch, rule->rows, row));
    if (rule->smallest == SIZE_MAX) {
        return rule->bound * rows;
    }
    firn_value smallest = firn_scan_value(batch, rule->smallest, row);
    firn_value largest = firn_scan_value(batch, rule->largest, row);
    double a = magnitude(smallest);
    double b = magnitude(largest);
    double all = (a > b ? a : b) * rows;
    bool is_unsigned = fi_type_is_unsigned(smallest.type);
    if (is_unsigned || smallest.as.i64 >= 0 || largest.as.i64 <= 0) { /* all have one sign */
        double sum =
            value.type == FIRN_TYPE_F64 ? fabs(value.as.f64) * rows * more : magnitude(value);
        all = sum < all ? sum : all;
    }
    return all;
}

/* Why a row of groups is not what SQLite would have; NULL: it is. */
static const char *
find_fault(const struct fi_sql_query *query, const firn_scan_batch *batch, size_t row)
{
    assert(row < firn_scan_batch_rows(batch));
    for (size_t i = 0; i < query->parsed.value_count; i++) {
        const struct fi_sqlparse_value *rule = &query->parsed.values[i];
        if (!rule->refuses_nan && rule->limit == 0) {
            continue;
        }
        firn_value value = firn_scan_value(batch, i, row);
        if (rule->refuses_nan && ((value.type == FIRN_TYPE_F64 && isnan(value.as.f64)) ||
                                  (value.type == FIRN_TYPE_F32 && isnan(value.as.f32)))) {
            return "a number is not a number";
        }
        if (rule->refuses_nan && value.type == FIRN_TYPE_U64 && value.as.u64 > INT64_MAX) {
            return "a number is larger than INTEGER has";
        }
        if (rule->limit > 0 && value.type != FIRN_TYPE_NULL &&
            magnitudes_of(rule, batch, value, row) > rule->limit) {
            return "a sum may be larger than SQLite adds exactly";
        }
    }
    return NULL;
}

/* The next batch, which is looked at before any of it is given. Returns a code of SQLite. */
static int
next_batch(struct groups_cursor *cursor)
{
    assert(cursor->scan != NULL);
    firn_error err;
    cursor->row = 0;
    cursor->batch = NULL;
    if (firn_scan_next(cursor->scan, &cursor->batch, &err) != FIRN_OK) {
        return fail_scan(cursor, &err);
    }
    size_t rows = cursor->batch != NULL ? firn_scan_batch_rows(cursor->batch) : 0;
    for (size_t i = 0; i < rows; i++) {
        const char *fault = find_fault(cursor->query, cursor->batch, i);
        if (fault != NULL) {
            return decline(cursor, fault);
        }
    }
    return SQLITE_OK;
}

/* Keeps the rows of the batch. Returns a code of SQLite. */
static int
keep_batch(struct groups_cursor *cursor)
{
    assert(cursor->kept_rows <= cursor->kept_capacity && cursor->batch != NULL);
    size_t columns = cursor->query->parsed.value_count;
    size_t rows = firn_scan_batch_rows(cursor->batch);
    size_t bytes = 0;
    if (cursor->kept_rows + rows > cursor->kept_capacity) {
        size_t capacity = 2 * cursor->kept_capacity + rows;
        firn_value *grown = sqlite3_realloc64(cursor->kept, capacity * columns * sizeof *grown);
        if (grown == NULL) {
            return SQLITE_NOMEM;
        }
        cursor->kept = grown;
        cursor->kept_capacity = capacity;
    }
    if (cursor->text_count == cursor->text_capacity) {
        size_t capacity = 2 * cursor->text_capacity + 16;
        char **grown = sqlite3_realloc64(cursor->texts, capacity * sizeof *grown);
        if (grown == NULL) {
            return SQLITE_NOMEM;
        }
        cursor->texts = grown;
        cursor->text_capacity = capacity;
    }
    firn_value *to = cursor->kept + cursor->kept_rows * columns;
    for (size_t i = 0; i < rows * columns; i++) {
        to[i] = firn_scan_value(cursor->batch, i % columns, i / columns);
        bytes += fi_type_has_bytes(to[i].type) ? to[i].as.bytes.size : 0;
    }
    char *text = sqlite3_malloc64(bytes + 1);
    if (text == NULL) {
        return SQLITE_NOMEM;
    }
    cursor->texts[cursor->text_count++] = text;
    for (size_t i = 0; i < rows * columns; i++) {
        if (fi_type_has_bytes(to[i].type) && to[i].as.bytes.size > 0) {
            memcpy(text, to[i].as.bytes.data, to[i].as.bytes.size);
            to[i].as.bytes.data = (const uint8_t *)text;
            text += to[i].as.bytes.size;
        }
    }
    cursor->kept_rows += rows;
    return SQLITE_OK;
}

/* Opens the scan, unless the table has another definition now. Returns a code of SQLite. */
static int
open_scan(struct groups_cursor *cursor)
{
    assert(cursor->query != NULL && cursor->scan == NULL);
    struct fi_sql_query *query = cursor->query;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_table *table = NULL;
    char *definition = NULL;
    firn_error err;
    int code = fi_sql_groups_open_table(query, &cursor->view, &table, &definition, &err);
    bool is_other = code == FIRN_OK && strcmp(definition, query->definition) != 0;
    firn_release(definition);
    if (code != FIRN_OK || is_other) {
        return is_other ? decline(cursor, "the table was changed") : fail_scan(cursor, &err);
    }
    options.txn = cursor->view.txn;
    options.snapshot = cursor->view.snapshot;
    options.select = query->parsed.select;
    options.where = query->parsed.where;
    options.group_by = query->parsed.group_by;
    cursor->asking.db = fi_sql_db(query->sql);
    options.callbacks.on_progress = fi_sql_ask;
    options.callbacks.ctx = &cursor->asking;
    if (firn_scan_open(table, &options, &cursor->scan, &err) != FIRN_OK) {
        return fail_scan(cursor, &err);
    }
    for (size_t i = 0; i < query->parsed.value_count; i++) {
        firn_scan_column column = FIRN_SCAN_COLUMN_INIT;
        firn_scan_column_at(cursor->scan, i, &column);
        cursor->columns[i] = (firn_table_column){.name = column.name,
                                                 .type = column.type,
                                                 .precision = column.precision,
                                                 .scale = column.scale,
                                                 .dimensions = column.dimensions};
    }
    return SQLITE_OK;
}

static int
groups_filter(sqlite3_vtab_cursor *base, int plan, const char *plan_text, int argc,
              sqlite3_value **argv)
{
    struct groups_cursor *cursor = (struct groups_cursor *)base;
    firn_error err;
    (void)plan;
    (void)plan_text;
    groups_reset(cursor);
    cursor->query = argc == 1 ? sqlite3_value_pointer(argv[0], fi_sql_groups_pointer) : NULL;
    if (cursor->query == NULL) {
        return SQLITE_OK; /* somebody else's: there are no groups */
    }
    struct fi_sql_query *query = cursor->query;
    if (fi_sql_view_take(query->store, &cursor->view, &err) != FIRN_OK) {
        return fi_sql_fail_table(base->pVtab, &err);
    }
    cursor->has_view = true;
    int rc = open_scan(cursor);
    rc = rc == SQLITE_OK ? next_batch(cursor) : rc;
    cursor->is_kept = cursor->view.txn != NULL;
    while (rc == SQLITE_OK && cursor->is_kept && cursor->batch != NULL) {
        rc = keep_batch(cursor);
        rc = rc == SQLITE_OK ? next_batch(cursor) : rc;
    }
    if (cursor->is_kept) {
        firn_scan_close(cursor->scan);
        cursor->scan = NULL;
        fi_sql_view_release(query->store, &cursor->view);
        cursor->has_view = false;
    }
    return rc;
}

static int
groups_eof(sqlite3_vtab_cursor *base)
{
    const struct groups_cursor *cursor = (const struct groups_cursor *)base;
    return cursor->is_kept ? cursor->row >= cursor->kept_rows : cursor->batch == NULL;
}

static int
groups_next(sqlite3_vtab_cursor *base)
{
    struct groups_cursor *cursor = (struct groups_cursor *)base;
    cursor->row++;
    cursor->number++;
    if (cursor->is_kept || cursor->row < firn_scan_batch_rows(cursor->batch)) {
        return SQLITE_OK;
    }
    return next_batch(cursor);
}

static int
groups_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int place)
{
    assert(place >= 0);
    const struct groups_cursor *cursor = (const struct groups_cursor *)base;
    size_t i = (size_t)place % FI_SQLPARSE_VALUES_MAX;
    if (place >= GROUP_COLUMNS || i >= cursor->query->parsed.value_count) {
        return SQLITE_OK; /* null */
    }
    size_t columns = cursor->query->parsed.value_count;
    fi_sqlvalue_result(ctx, &cursor->columns[i],
                       cursor->is_kept ? cursor->kept[cursor->row * columns + i]
                                       : firn_scan_value(cursor->batch, i, cursor->row));
    return SQLITE_OK;
}

static int
groups_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((const struct groups_cursor *)base)->number;
    return SQLITE_OK;
}

static const sqlite3_module groups_module = {
    .iVersion = 0,
    .xConnect = groups_connect,
    .xBestIndex = groups_best_index,
    .xDisconnect = groups_disconnect,
    .xOpen = groups_open,
    .xClose = groups_close,
    .xFilter = groups_filter,
    .xNext = groups_next,
    .xEof = groups_eof,
    .xColumn = groups_column,
    .xRowid = groups_rowid,
};

int
fi_sql_groups_register(struct fi_sql *sql)
{
    return fi_sql_module(sql, "firn_groups", &groups_module);
}
