/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_query.c: statements that firn's own scan answers: recognised by sql_parse.c, run here.
 *
 *     SELECT c1, c2 FROM firn_query('SELECT kind, sum(price) FROM goods GROUP BY kind');
 *     CREATE VIRTUAL TABLE temp.sums USING firn_query('SELECT kind, sum(price) FROM goods GROUP BY kind');
 *     SELECT firn_explain('SELECT kind, sum(price) FROM goods GROUP BY kind');
 *
 * The columns of a table-valued function do not depend on its arguments: they are c1 to c32. A virtual table has
 * those of its statement, by their names; the statement is read again whenever the table is. Both answer any statement
 * that only reads: what is not recognised SQLite answers, and so it does where the scan finds that it cannot
 * (a sum that is too large, a NaN, which SQLite takes for null): then the query is "declined". A query that is
 * declined after rows of it were given fails instead; that takes a statement that is not sorted.
 *
 * Two modules: firn_query, and firn_groups, whose rows are the groups of a scan. That one is given its query as a
 * pointer, which no statement of anybody else's can make.
 *
 * What a scan reads is what a cursor of the table would (firn_sql_view). In a transaction the groups are fetched before
 * the first is given, so that no scan is open when the transaction ends.
 *
 * An interrupt of the connection ends a scan: SQLite has no way to ask for one, but a statement that is stepped while one
 * is due ends with it. Neither module may be used by triggers and views, for a statement of theirs runs as if its
 * user had typed it.
 */
#include "sql/sql_query.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "firn/scan.h"
#include "sql/sql_parse.h"

SQLITE_EXTENSION_INIT3

static const char pointer_type[] = "firn_sql_query";
static const char connection_type[] = "firn_sql";

struct firn_sql_query {
    struct firn_sql *sql;
    struct firn_sql_store *store; /* a reference */
    char *table;                  /* firn's name */
    char *definition;             /* what the statement was recognised by */
    struct firn_sql_parse_query parsed;
    sqlite3_stmt *outer;
    bool is_declined;
};

/* ==== recognising ==== */

/* The connection's struct, through its function firn_connection; NULL: firn is not registered. */
static struct firn_sql *
find_connection(sqlite3 *db)
{
    struct firn_sql *sql = NULL;
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, "SELECT firn_connection(?1)", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_bind_pointer(statement, 1, &sql, connection_type, NULL) == SQLITE_OK) {
        (void)sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
    return sql;
}

/* Whether a name means one virtual table and nothing else, in whatever schema is asked. */
static bool
is_one_virtual_table(sqlite3 *db, const struct firn_sql_parse_from *from)
{
    static const char sql[] = "SELECT count(*), min(type = 'virtual') FROM pragma_table_list(?1) "
                              "WHERE ?2 IS NULL OR schema = ?2 COLLATE NOCASE";
    sqlite3_stmt *statement = NULL;
    bool is_one = false;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_bind_text(statement, 1, from->table, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_text(statement, 2, from->schema, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        is_one = sqlite3_column_int(statement, 0) == 1 && sqlite3_column_int(statement, 1) == 1;
    }
    (void)sqlite3_finalize(statement);
    return is_one;
}

static bool
folds_case(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    bool folds = sqlite3_prepare_v2(db, "SELECT 'a' LIKE 'A'", -1, &statement, NULL) == SQLITE_OK &&
                 sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int(statement, 0) == 1;
    (void)sqlite3_finalize(statement);
    return folds;
}

/* Opens the table as the view has it, with its definition as text. */
static int
open_table(const struct firn_sql_query *query, const struct firn_sql_view *view,
           firn_table **out_table, char **out_definition, firn_error *err)
{
    int code = view->snapshot != NULL
                   ? firn_snapshot_table_open(view->snapshot, query->table, out_table, err)
                   : firn_table_open(query->store->store, query->table, out_table, err);
    return code != FIRN_OK ? code
                           : firn_table_describe(*out_table, view->snapshot, out_definition, err);
}

/* The definition goes to query->definition; *out is released with firn_release. */
static int
read_definition(struct firn_sql_query *query, firn_table_def **out, firn_error *err)
{
    struct firn_sql_view view = {.txn = NULL};
    firn_table *table = NULL;
    char *text = NULL;
    int code = firn_sql_view_take(query->store, &view, err);
    if (code != FIRN_OK) {
        return code;
    }
    code = open_table(query, &view, &table, &text, err);
    if (code == FIRN_OK) {
        code = firn_table_def_parse(text, out, err);
    }
    if (code == FIRN_OK) {
        query->definition = sqlite3_mprintf("%s", text);
        code = query->definition != NULL ? FIRN_OK
                                         : firn_sql_error(err, FIRN_NO_MEMORY, "out of memory");
    }
    firn_release(text);
    firn_sql_view_release(query->store, &view);
    return code;
}

/* The store and the table that a statement reads. */
static bool
find_table(struct firn_sql_query *query, const char *text, struct firn_sql_query_reason *reason)
{
    struct firn_sql_parse_from from;
    struct firn_sql_store *store = NULL;
    const char *name = NULL;
    firn_error err;
    if (!firn_sql_parse_find_table(text, &from, reason)) {
        return false;
    }
    bool is_found =
        is_one_virtual_table(firn_sql_db(query->sql), &from) &&
        firn_sql_store_find_table(query->sql, from.table, &store, &name, &err) == FIRN_OK;
    if (is_found) {
        query->table = sqlite3_mprintf("%s", name);
        query->store = store;
        firn_sql_store_ref(store);
        is_found = query->table != NULL;
    } else {
        sqlite3_snprintf((int)sizeof reason->text, reason->text, "%s is no table of firn's",
                         from.table);
    }
    firn_sql_parse_from_deinit(&from);
    return is_found;
}

static bool
parse(struct firn_sql_query *query, sqlite3_stmt *statement, const char *text,
      struct firn_sql_query_reason *reason)
{
    firn_error err;
    firn_table_def *def = NULL;
    const char *names[256];
    int count = sqlite3_column_count(statement);
    if (count > (int)(sizeof names / sizeof names[0]) || !find_table(query, text, reason)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        names[i] = sqlite3_column_name(statement, i);
        if (names[i] == NULL) {
            return false;
        }
    }
    if (read_definition(query, &def, &err) != FIRN_OK) {
        sqlite3_snprintf((int)sizeof reason->text, reason->text, "%s", err.text);
        return false;
    }
    bool is_parsed =
        firn_sql_parse_statement(text, def, names, (size_t)count, &query->parsed, reason);
    firn_release(def);
    if (is_parsed && query->parsed.folds_case && !folds_case(firn_sql_db(query->sql))) {
        sqlite3_snprintf((int)sizeof reason->text, reason->text, "LIKE means something else here");
        return false;
    }
    return is_parsed;
}

static int
open_query(struct firn_sql *sql, sqlite3_stmt *statement, struct firn_sql_query **out,
           struct firn_sql_query_reason *reason)
{
    *out = NULL;
    reason->text[0] = '\0';
    if (sql == NULL || !sqlite3_stmt_readonly(statement) ||
        sqlite3_stmt_isexplain(statement) != 0 || sqlite3_column_count(statement) == 0) {
        sqlite3_snprintf((int)sizeof reason->text, reason->text, "no SELECT of one table");
        return SQLITE_OK;
    }
    char *text = sqlite3_expanded_sql(statement);
    struct firn_sql_query *query = sqlite3_malloc64(sizeof *query);
    if (text == NULL || query == NULL) {
        sqlite3_free(text);
        sqlite3_free(query);
        return SQLITE_NOMEM;
    }
    memset(query, 0, sizeof *query);
    query->sql = sql;
    bool is_fine = parse(query, statement, text, reason);
    sqlite3_free(text);
    if (is_fine) {
        is_fine = sqlite3_prepare_v2(firn_sql_db(sql), query->parsed.outer, -1, &query->outer,
                                     NULL) == SQLITE_OK &&
                  sqlite3_bind_pointer(query->outer, 1, query, pointer_type, NULL) == SQLITE_OK;
        if (!is_fine) {
            sqlite3_snprintf((int)sizeof reason->text, reason->text, "%s",
                             sqlite3_errmsg(firn_sql_db(sql)));
        }
    }
    if (!is_fine) {
        firn_sql_query_close(query);
        return SQLITE_OK;
    }
    *out = query;
    return SQLITE_OK;
}

int
firn_sql_query_open(sqlite3 *db, sqlite3_stmt *statement, struct firn_sql_query **out,
                    struct firn_sql_query_reason *reason)
{
    return open_query(find_connection(db), statement, out, reason);
}

sqlite3_stmt *
firn_sql_query_statement(struct firn_sql_query *query)
{
    return query->outer;
}

bool
firn_sql_query_is_declined(const struct firn_sql_query *query)
{
    return query->is_declined;
}

char *
firn_sql_query_describe(const struct firn_sql_query *query)
{
    const struct firn_sql_parse_query *parsed = &query->parsed;
    return sqlite3_mprintf("scan of %s: select %s%s%s%s%s", query->table, parsed->select,
                           parsed->where != NULL ? "; where " : "",
                           parsed->where != NULL ? parsed->where : "",
                           parsed->group_by != NULL ? "; group by " : "",
                           parsed->group_by != NULL ? parsed->group_by : "");
}

void
firn_sql_query_close(struct firn_sql_query *query)
{
    if (query == NULL) {
        return;
    }
    (void)sqlite3_finalize(query->outer);
    firn_sql_parse_deinit(&query->parsed);
    sqlite3_free(query->table);
    sqlite3_free(query->definition);
    if (query->store != NULL) {
        firn_sql_store_unref(query->store);
    }
    sqlite3_free(query);
}

/* ==== firn_groups: the groups of a scan ==== */

enum { GROUP_COLUMNS = FIRN_SQL_PARSE_AFFINITIES * FIRN_SQL_PARSE_VALUES_MAX };

struct groups_table {
    sqlite3_vtab base;
    struct firn_sql *sql;
};

struct groups_cursor {
    sqlite3_vtab_cursor base;
    struct firn_sql_query *query;
    struct firn_sql_view view;
    bool has_view;
    firn_scan *scan;
    const firn_scan_batch *batch; /* NULL: at the end, or the groups are in memory */
    size_t row;
    sqlite3_int64 number;
    firn_table_column columns[FIRN_SQL_PARSE_VALUES_MAX];
    sqlite3_stmt *asking; /* for an interrupt */
    firn_value *kept;     /* in a transaction: all groups, value_count each */
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
    static const char *const types[FIRN_SQL_PARSE_AFFINITIES] = {"b", "t", "i", "r", "n"};
    static const char *const affinities[FIRN_SQL_PARSE_AFFINITIES] = {"", " TEXT", " INTEGER",
                                                                      " REAL", " NUMERIC"};
    (void)argc;
    (void)argv;
    (void)out_error;
    sqlite3_str *text = sqlite3_str_new(db);
    sqlite3_str_appendall(text, "CREATE TABLE x(");
    for (int affinity = 0; affinity < FIRN_SQL_PARSE_AFFINITIES; affinity++) {
        for (int i = 0; i < FIRN_SQL_PARSE_VALUES_MAX; i++) {
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
    struct groups_cursor *cursor = sqlite3_malloc64(sizeof *cursor);
    if (cursor == NULL) {
        return SQLITE_NOMEM;
    }
    memset(cursor, 0, sizeof *cursor);
    *out = &cursor->base;
    return SQLITE_OK;
}

static void
groups_reset(struct groups_cursor *cursor)
{
    firn_scan_close(cursor->scan);
    if (cursor->has_view) {
        firn_sql_view_release(cursor->query->store, &cursor->view);
    }
    (void)sqlite3_finalize(cursor->asking);
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

/* Where an interrupt is due the statement ends with it, else after its one row. */
static int
ask_for_interrupt(void *ctx, const firn_progress *progress)
{
    struct groups_cursor *cursor = ctx;
    (void)progress;
    int rc = cursor->asking != NULL ? sqlite3_step(cursor->asking) : SQLITE_ROW;
    (void)sqlite3_reset(cursor->asking);
    return rc == SQLITE_INTERRUPT ? FIRN_CANCELLED : FIRN_OK;
}

/* Leaves the statement to SQLite. Returns a code of SQLite. */
static int
decline(struct groups_cursor *cursor, const char *why)
{
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
    default:
        return firn_sql_fail_table(cursor->base.pVtab, err);
    }
}

static double
magnitude(firn_value value)
{
    switch (value.type) {
    case FIRN_TYPE_NULL:
        return 0;
    case FIRN_TYPE_U8:
    case FIRN_TYPE_U16:
    case FIRN_TYPE_U32:
    case FIRN_TYPE_U64:
        return (double)value.as.u64;
    default:
        return fabs((double)value.as.i64);
    }
}

/* Why a row of groups is not what SQLite would have; NULL: it is. */
static const char *
find_fault(const struct firn_sql_query *query, const firn_scan_batch *batch, size_t row)
{
    static const double sum_max = 9.2e18; /* a bit less than 2^63 */
    for (size_t i = 0; i < query->parsed.value_count; i++) {
        const struct firn_sql_parse_value *rule = &query->parsed.values[i];
        if (!rule->refuses_nan && !rule->is_sum) {
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
        if (rule->is_sum && value.type != FIRN_TYPE_NULL) {
            double largest = rule->bound;
            if (rule->smallest != SIZE_MAX) {
                double a = magnitude(firn_scan_value(batch, rule->smallest, row));
                double b = magnitude(firn_scan_value(batch, rule->largest, row));
                largest = a > b ? a : b;
            }
            if (largest * magnitude(firn_scan_value(batch, rule->rows, row)) > sum_max) {
                return "a sum may be larger than INTEGER has";
            }
        }
    }
    return NULL;
}

/* The next batch, which is looked at before any of it is given. Returns a code of SQLite. */
static int
next_batch(struct groups_cursor *cursor)
{
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

static bool
has_bytes(firn_type type)
{
    return type == FIRN_TYPE_TEXT || type == FIRN_TYPE_BLOB || type == FIRN_TYPE_UUID ||
           type == FIRN_TYPE_VECTOR;
}

/* Keeps the rows of the batch. Returns a code of SQLite. */
static int
keep_batch(struct groups_cursor *cursor)
{
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
        bytes += has_bytes(to[i].type) ? to[i].as.bytes.size : 0;
    }
    char *text = sqlite3_malloc64(bytes + 1);
    if (text == NULL) {
        return SQLITE_NOMEM;
    }
    cursor->texts[cursor->text_count++] = text;
    for (size_t i = 0; i < rows * columns; i++) {
        if (has_bytes(to[i].type) && to[i].as.bytes.size > 0) {
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
    struct firn_sql_query *query = cursor->query;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_table *table = NULL;
    char *definition = NULL;
    firn_error err;
    int code = open_table(query, &cursor->view, &table, &definition, &err);
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
    options.callbacks.on_progress = ask_for_interrupt;
    options.callbacks.ctx = cursor;
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
    cursor->query = argc == 1 ? sqlite3_value_pointer(argv[0], pointer_type) : NULL;
    if (cursor->query == NULL) {
        return SQLITE_OK; /* somebody else's: there are no groups */
    }
    struct firn_sql_query *query = cursor->query;
    if (firn_sql_view_take(query->store, &cursor->view, &err) != FIRN_OK) {
        return firn_sql_fail_table(base->pVtab, &err);
    }
    cursor->has_view = true;
    int rc = sqlite3_prepare_v2(firn_sql_db(query->sql), "SELECT 1", -1, &cursor->asking, NULL);
    rc = rc == SQLITE_OK ? open_scan(cursor) : rc;
    rc = rc == SQLITE_OK ? next_batch(cursor) : rc;
    cursor->is_kept = cursor->view.txn != NULL;
    while (rc == SQLITE_OK && cursor->is_kept && cursor->batch != NULL) {
        rc = keep_batch(cursor);
        rc = rc == SQLITE_OK ? next_batch(cursor) : rc;
    }
    if (cursor->is_kept) {
        firn_scan_close(cursor->scan);
        cursor->scan = NULL;
        firn_sql_view_release(query->store, &cursor->view);
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
    const struct groups_cursor *cursor = (const struct groups_cursor *)base;
    size_t i = (size_t)place % FIRN_SQL_PARSE_VALUES_MAX;
    if (place >= GROUP_COLUMNS || i >= cursor->query->parsed.value_count) {
        return SQLITE_OK; /* null */
    }
    size_t columns = cursor->query->parsed.value_count;
    firn_sql_value_result(ctx, &cursor->columns[i],
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

/* ==== firn_query: any statement that only reads ==== */

enum { FUNCTION_COLUMNS = 32 };

struct query_table {
    sqlite3_vtab base;
    struct firn_sql *sql;
    char *text; /* of a virtual table; NULL: the function, which is given one */
    int column_count;
};

struct query_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_stmt *statement; /* the one that was given */
    struct firn_sql_query *query;
    sqlite3_stmt *running; /* one of both */
    bool is_over;
    sqlite3_int64 number;
};

static int
fail_text(sqlite3_vtab *table, int rc, const char *text)
{
    char *copy = sqlite3_mprintf("%s", text); /* the text may be that of the connection */
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = copy;
    return rc;
}

/* Prepares a statement that only reads, and is one. Returns a code of SQLite, with *out_error (of sqlite3_malloc). */
static int
prepare(sqlite3 *db, const char *text, sqlite3_stmt **out, char **out_error)
{
    const char *rest = NULL;
    int rc = sqlite3_prepare_v2(db, text, -1, out, &rest);
    if (rc != SQLITE_OK) {
        *out_error = sqlite3_mprintf("%s", sqlite3_errmsg(db));
        return rc;
    }
    bool has_more = rest != NULL && rest[strspn(rest, " \t\r\n;")] != '\0';
    if (*out == NULL || has_more || !sqlite3_stmt_readonly(*out) ||
        sqlite3_column_count(*out) == 0) {
        *out_error = sqlite3_mprintf("firn_query takes one statement that reads, and only reads");
        (void)sqlite3_finalize(*out);
        *out = NULL;
        return SQLITE_ERROR;
    }
    return SQLITE_OK;
}

/* What stands in the quotes of a module's argument; of sqlite3_malloc. */
static char *
unquote(const char *argument)
{
    size_t size = strlen(argument);
    char *text = sqlite3_mprintf("%s", argument);
    char quote = argument[0];
    if (text == NULL || size < 2 || (quote != '\'' && quote != '"') ||
        argument[size - 1] != quote) {
        return text;
    }
    size_t to = 0;
    for (size_t i = 1; i < size - 1; i++) {
        text[to++] = argument[i];
        i += argument[i] == quote && argument[i + 1] == quote && i + 1 < size - 1;
    }
    text[to] = '\0';
    return text;
}

static char *
declare_function(int *out_count)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendall(text, "CREATE TABLE x(");
    for (int i = 1; i <= FUNCTION_COLUMNS; i++) {
        sqlite3_str_appendf(text, "c%d,", i);
    }
    sqlite3_str_appendall(text, "statement HIDDEN)");
    *out_count = FUNCTION_COLUMNS;
    return sqlite3_str_finish(text);
}

/* Columns of the statement; those of the same name are numbered. */
static char *
declare_statement(sqlite3_stmt *statement, int *out_count)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendall(text, "CREATE TABLE x(");
    *out_count = sqlite3_column_count(statement);
    for (int i = 0; i < *out_count; i++) {
        const char *name = sqlite3_column_name(statement, i);
        const char *type = sqlite3_column_decltype(statement, i);
        bool is_taken = name == NULL;
        for (int k = 0; k < i && !is_taken; k++) {
            const char *other = sqlite3_column_name(statement, k);
            is_taken = other != NULL && sqlite3_stricmp(name, other) == 0;
        }
        sqlite3_str_appendf(text, is_taken ? "%s\"%w:%d\" %s" : "%s\"%w\"%.0d %s", i > 0 ? "," : "",
                            name != NULL ? name : "", is_taken ? i + 1 : 0,
                            type != NULL ? type : "");
    }
    sqlite3_str_appendall(text, ")");
    return sqlite3_str_finish(text);
}

static int
query_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
              char **out_error)
{
    sqlite3_stmt *statement = NULL;
    struct query_table *table = sqlite3_malloc64(sizeof *table);
    int rc = SQLITE_OK;
    if (table == NULL) {
        return SQLITE_NOMEM;
    }
    memset(table, 0, sizeof *table);
    table->sql = aux;
    char *declaration = NULL;
    if (argc > 4) {
        *out_error = sqlite3_mprintf("firn_query takes one statement in quotes");
        rc = SQLITE_ERROR;
    } else if (argc == 4) {
        table->text = unquote(argv[3]);
        rc = table->text != NULL ? prepare(db, table->text, &statement, out_error) : SQLITE_NOMEM;
        declaration = rc == SQLITE_OK ? declare_statement(statement, &table->column_count) : NULL;
    } else {
        declaration = declare_function(&table->column_count);
    }
    if (rc == SQLITE_OK) {
        rc = declaration != NULL ? sqlite3_declare_vtab(db, declaration) : SQLITE_NOMEM;
    }
    (void)sqlite3_finalize(statement);
    sqlite3_free(declaration);
    if (rc != SQLITE_OK) {
        sqlite3_free(table->text);
        sqlite3_free(table);
        return rc;
    }
    (void)sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    *out = &table->base;
    return SQLITE_OK;
}

static int
query_disconnect(sqlite3_vtab *base)
{
    struct query_table *table = (struct query_table *)base;
    sqlite3_free(table->text);
    sqlite3_free(table);
    return SQLITE_OK;
}

static int
query_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct query_table *table = (const struct query_table *)base;
    info->estimatedCost = 1e6;
    info->estimatedRows = 1000;
    if (table->text != NULL) {
        return SQLITE_OK;
    }
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn == FUNCTION_COLUMNS &&
            info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ) {
            if (!info->aConstraint[i].usable) {
                return SQLITE_CONSTRAINT;
            }
            info->aConstraintUsage[i].argvIndex = 1;
            info->aConstraintUsage[i].omit = 1;
            return SQLITE_OK;
        }
    }
    return fail_text(base, SQLITE_ERROR, "firn_query needs a statement: firn_query('SELECT …')");
}

static int
query_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    struct query_cursor *cursor = sqlite3_malloc64(sizeof *cursor);
    if (cursor == NULL) {
        return SQLITE_NOMEM;
    }
    memset(cursor, 0, sizeof *cursor);
    *out = &cursor->base;
    return SQLITE_OK;
}

static void
query_reset(struct query_cursor *cursor)
{
    firn_sql_query_close(cursor->query);
    (void)sqlite3_finalize(cursor->statement);
    sqlite3_vtab_cursor base = cursor->base;
    memset(cursor, 0, sizeof *cursor);
    cursor->base = base;
}

static int
query_close(sqlite3_vtab_cursor *base)
{
    query_reset((struct query_cursor *)base);
    sqlite3_free(base);
    return SQLITE_OK;
}

static int
query_step(struct query_cursor *cursor)
{
    const struct query_table *table = (const struct query_table *)cursor->base.pVtab;
    int rc = sqlite3_step(cursor->running);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE && cursor->query != NULL && cursor->number == 0 &&
        firn_sql_query_is_declined(cursor->query)) {
        firn_sql_query_close(cursor->query);
        cursor->query = NULL;
        cursor->running = cursor->statement;
        rc = sqlite3_step(cursor->running);
    }
    cursor->is_over = rc != SQLITE_ROW;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return fail_text(cursor->base.pVtab, rc, sqlite3_errmsg(firn_sql_db(table->sql)));
    }
    cursor->number++;
    return SQLITE_OK;
}

static int
query_filter(sqlite3_vtab_cursor *base, int plan, const char *plan_text, int argc,
             sqlite3_value **argv)
{
    struct query_cursor *cursor = (struct query_cursor *)base;
    struct query_table *table = (struct query_table *)base->pVtab;
    struct firn_sql_query_reason reason;
    char *error = NULL;
    (void)plan;
    (void)plan_text;
    query_reset(cursor);
    const char *text = table->text;
    if (text == NULL) {
        text = argc == 1 ? (const char *)sqlite3_value_text(argv[0]) : NULL;
    }
    if (text == NULL) {
        cursor->is_over = true;
        return SQLITE_OK; /* of null nothing is asked */
    }
    int rc = prepare(firn_sql_db(table->sql), text, &cursor->statement, &error);
    if (rc == SQLITE_OK && sqlite3_column_count(cursor->statement) != table->column_count &&
        (table->text != NULL || sqlite3_column_count(cursor->statement) > table->column_count)) {
        rc = SQLITE_ERROR;
        error = table->text != NULL
                    ? sqlite3_mprintf("the statement has other columns than when %s",
                                      "the virtual table was created")
                    : sqlite3_mprintf("firn_query has %d columns: make a virtual table of this",
                                      (int)FUNCTION_COLUMNS);
    }
    if (rc != SQLITE_OK) {
        rc = fail_text(base->pVtab, rc, error != NULL ? error : "out of memory");
        sqlite3_free(error);
        return rc;
    }
    rc = open_query(table->sql, cursor->statement, &cursor->query, &reason);
    cursor->running =
        cursor->query != NULL ? firn_sql_query_statement(cursor->query) : cursor->statement;
    return rc == SQLITE_OK ? query_step(cursor) : rc;
}

static int
query_next(sqlite3_vtab_cursor *base)
{
    return query_step((struct query_cursor *)base);
}

static int
query_eof(sqlite3_vtab_cursor *base)
{
    return ((const struct query_cursor *)base)->is_over;
}

static int
query_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int place)
{
    const struct query_cursor *cursor = (const struct query_cursor *)base;
    if (place < sqlite3_column_count(cursor->running)) {
        sqlite3_result_value(ctx, sqlite3_column_value(cursor->running, place));
    }
    return SQLITE_OK;
}

static int
query_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((const struct query_cursor *)base)->number;
    return SQLITE_OK;
}

static const sqlite3_module query_module = {
    .iVersion = 0,
    .xCreate = query_connect, /* the same as xConnect: it is a function, too */
    .xConnect = query_connect,
    .xBestIndex = query_best_index,
    .xDisconnect = query_disconnect,
    .xDestroy = query_disconnect,
    .xOpen = query_open,
    .xClose = query_close,
    .xFilter = query_filter,
    .xNext = query_next,
    .xEof = query_eof,
    .xColumn = query_column,
    .xRowid = query_rowid,
};

/* ==== firn_explain, firn_connection ==== */

/* firn_explain(statement): which way it goes, and why. */
static void
explain(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    struct firn_sql *sql = sqlite3_user_data(ctx);
    struct firn_sql_query_reason reason;
    struct firn_sql_query *query = NULL;
    sqlite3_stmt *statement = NULL;
    char *error = NULL;
    const char *text = count == 1 ? (const char *)sqlite3_value_text(values[0]) : NULL;
    if (text == NULL) {
        return;
    }
    int rc = prepare(firn_sql_db(sql), text, &statement, &error);
    if (rc == SQLITE_OK) {
        rc = open_query(sql, statement, &query, &reason);
    }
    if (rc != SQLITE_OK) {
        sqlite3_result_error(ctx, error != NULL ? error : "out of memory", -1);
    } else {
        char *what = query != NULL ? firn_sql_query_describe(query) : NULL;
        sqlite3_result_text(ctx,
                            sqlite3_mprintf(query != NULL ? "firn: %s" : "sqlite: %s",
                                            query != NULL ? what : reason.text),
                            -1, sqlite3_free);
        sqlite3_free(what);
    }
    sqlite3_free(error);
    firn_sql_query_close(query);
    (void)sqlite3_finalize(statement);
}

/* firn_connection(pointer): tells who has the connection alone, and a place for it. */
static void
tell_connection(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    struct firn_sql **to = count == 1 ? sqlite3_value_pointer(values[0], connection_type) : NULL;
    if (to != NULL) {
        *to = sqlite3_user_data(ctx);
    }
}

int
firn_sql_query_register(struct firn_sql *sql)
{
    int rc = firn_sql_module(sql, "firn_query", &query_module);
    if (rc == SQLITE_OK) {
        rc = firn_sql_module(sql, "firn_groups", &groups_module);
    }
    if (rc == SQLITE_OK) {
        rc = firn_sql_function(sql, "firn_explain", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, explain);
    }
    if (rc == SQLITE_OK) {
        rc = firn_sql_function(sql, "firn_connection", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                               tell_connection);
    }
    return rc;
}
