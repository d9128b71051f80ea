/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_cursor.c: cursors over a table: its rows as a statement reads them.
 *
 * A statement opens cursors. xFilter reads one row by its key, or opens a scan, whose batches are handed out value by
 * value: a batch is columns of up to 1,024 decoded values, so a row costs SQLite one call for itself and one for each
 * column that it asks for. Only columns that the statement uses are asked of firn; those of the key always are, because
 * rows that are changed are named by them. A column that SQLite asks for though it did not say so is read by the key.
 *
 * When the transaction of a cursor ends, the cursor keeps what is left to read (sql_view.c).
 *
 * A statement that runs again opens its cursors again, so the cursor that was closed last is kept with its plan
 * (table->spare).
 */
#include "sql/sql_internal.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

enum { KEPT_BYTES_MAX = 256 << 20 };

enum source {
    AT_END,
    POINT,
    SCAN,
    KEYS, /* a scan of the columns of the key alone, until one is asked for that is not there */
    LOOKUP,
    KEPT,
    ABORTED
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct firn_sql_reader reader;
    struct firn_sql_view view;
    enum source source;
    /* What the plan of the statement asks for. */
    char *plan_text;
    struct firn_sql_plan plan;
    int32_t *places;    /* of each column of the table among those that are read; -1 */
    const char **names; /* of those */
    uint32_t *columns;  /* the same by number */
    size_t read_count;
    char *select;
    /* The rows. */
    firn_row *row; /* POINT */
    const firn_value *values;
    firn_scan *scan;
    struct firn_sql_asking asking; /* while it reads */
    const firn_scan_batch *batch;
    struct firn_sql_cell
        *cells; /* of each column of the table, and hidden ones without a function */
    size_t batch_rows;
    size_t at;        /* in the batch, or of the rows that were kept */
    firn_value *kept; /* KEPT: read_count values for each row */
    size_t kept_rows;
    struct memory *memory;
    /* Keys that are still to be looked up, of one column. */
    firn_value *keys;
    size_t key_count;
    size_t key_at;
    struct firn_sql_memory *key_memory;
    firn_search_result *near; /* or those that a search found */
    /* Of a statement that looks up many rows (sql_keep.c). */
    struct firn_sql_keys seeks; /* the columns with equalities */
    struct firn_sql_keep *keep; /* NULL: none yet */
    size_t found;               /* LOOKUP: the row */
    firn_row *other;            /* all columns of the row, for those that were not asked for */
    bool has_other;
    bool has_keys_only; /* the scan: KEYS */
    bool may_look_up;   /* the plan finds rows by equalities alone */
    uint64_t few_left;  /* rows until the scan's limit; UINT64_MAX: it has none */
    bool is_not_bare;   /* other columns than those of the key were asked for by the plan */
};

/* Bytes of rows that were kept. */
struct memory {
    struct memory *next;
    uint8_t bytes[];
};

/* ---- cursors ---- */

static struct firn_sql_table *
table_of(const struct cursor *cursor)
{
    return (struct firn_sql_table *)cursor->base.pVtab;
}

/* A statement that runs again opens its cursors again: the one that was closed last is kept, with its plan. */
int
firn_sql_cursor_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    struct firn_sql_table *table = (struct firn_sql_table *)vtab;
    struct cursor *cursor = (struct cursor *)table->spare;
    if (cursor == NULL) {
        cursor = sqlite3_malloc64(sizeof *cursor);
        if (cursor == NULL) {
            return SQLITE_NOMEM;
        }
        memset(cursor, 0, sizeof *cursor);
    }
    table->spare = NULL;
    firn_sql_keep_enter(table->store);
    *out = &cursor->base;
    return SQLITE_OK;
}

static void
drop_rows(struct cursor *cursor)
{
    sqlite3_free(cursor->keys);
    firn_search_result_destroy(cursor->near);
    cursor->near = NULL;
    cursor->keys = NULL;
    cursor->key_count = 0;
    cursor->key_at = 0;
    firn_sql_filter_free_memory(cursor->key_memory);
    cursor->key_memory = NULL;
    firn_scan_close(cursor->scan);
    firn_sql_ask_end(&cursor->asking);
    cursor->scan = NULL;
    cursor->batch = NULL;
    sqlite3_free(cursor->kept);
    cursor->kept = NULL;
    while (cursor->memory != NULL) {
        struct memory *next = cursor->memory->next;
        sqlite3_free(cursor->memory);
        cursor->memory = next;
    }
    cursor->has_other = false;
    cursor->source = AT_END;
}

static void
note_asked(struct firn_sql_keep *keep, size_t number)
{
    keep->asked |= UINT64_C(1) << (number < 63 ? number : 63);
}

/* Notes the columns of the scan that SQLite has asked for. */
static void
note_cells(struct cursor *cursor)
{
    for (size_t i = 0; cursor->keep != NULL && i < cursor->read_count; i++) {
        struct firn_sql_cell *cell = &cursor->cells[cursor->columns[i]];
        if (cell->is_asked) {
            note_asked(cursor->keep, cursor->columns[i]);
            cell->is_asked = false;
        }
    }
}

static void
drop_keep(struct cursor *cursor)
{
    note_cells(cursor);
    firn_sql_keep_release(cursor->keep);
    cursor->keep = NULL;
}

static void
release_rows(struct cursor *cursor)
{
    drop_rows(cursor);
    drop_keep(cursor);
    firn_sql_view_unlink(&cursor->reader);
    firn_sql_view_release(table_of(cursor)->store, &cursor->view);
}

static void
forget_plan(struct cursor *cursor)
{
    for (size_t i = 0; cursor->cells != NULL && i < table_of(cursor)->def->column_count; i++) {
        sqlite3_free(cursor->cells[i].known);
    }
    sqlite3_free(cursor->places);
    sqlite3_free(cursor->names);
    sqlite3_free(cursor->columns);
    sqlite3_free(cursor->select);
    sqlite3_free(cursor->cells);
    sqlite3_free(cursor->plan_text);
    cursor->places = NULL;
    cursor->names = NULL;
    cursor->columns = NULL;
    cursor->select = NULL;
    cursor->cells = NULL;
    cursor->plan_text = NULL;
}

void
firn_sql_cursor_destroy(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    if (cursor != NULL) {
        forget_plan(cursor);
        firn_row_destroy(cursor->row);
        firn_row_destroy(cursor->other);
        sqlite3_free(cursor);
    }
}

int
firn_sql_cursor_close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    struct firn_sql_table *table = table_of(cursor);
    release_rows(cursor);
    firn_sql_keep_leave(table->store);
    firn_sql_cursor_destroy(table->spare);
    table->spare = base;
    return SQLITE_OK;
}

/* ---- the plan ---- */

static void
want_column(struct cursor *cursor, uint32_t column)
{
    if (cursor->places[column] < 0) {
        cursor->places[column] = (int32_t)cursor->read_count;
        cursor->names[cursor->read_count] = table_of(cursor)->def->columns[column].name;
        cursor->columns[cursor->read_count++] = column;
    }
}

static void
take_seek(struct cursor *cursor, enum firn_sql_role role)
{
    for (size_t i = 0; i < cursor->plan.item_count; i++) {
        const struct firn_sql_plan_item *item = &cursor->plan.items[i];
        if (item->role == role && cursor->seeks.count < FIRN_TABLE_KEY_COLUMNS_MAX) {
            cursor->seeks.columns[cursor->seeks.count++] = item->column;
        } else if (item->role == role) {
            cursor->may_look_up = false;
        }
    }
}

/* Which columns have equalities in the plan, and whether rows can be looked up by them in memory. */
static void
take_seeks(struct cursor *cursor)
{
    const struct firn_sql_plan *plan = &cursor->plan;
    cursor->seeks.count = 0;
    cursor->may_look_up =
        !plan->is_ordered || plan->is_point || (plan->order == 0 && !plan->is_descending);
    take_seek(cursor, FIRN_SQL_SEEK_EQUAL);
    take_seek(cursor, FIRN_SQL_WHERE_JOIN);
    for (size_t i = 0; i < plan->item_count; i++) {
        enum firn_sql_role role = plan->items[i].role;
        if (role == FIRN_SQL_SEEK_IN || role == FIRN_SQL_SEEK_RANGE ||
            role == FIRN_SQL_WHERE_UNKNOWN) {
            cursor->may_look_up = false;
        }
    }
}

/* NULL where the column has none, or there is no memory. */
static struct firn_sql_dates *
dates_of(struct firn_sql_table *table, const firn_table_column *column)
{
    if (column->type == FIRN_TYPE_DATE && table->dates == NULL) {
        table->dates = firn_sql_dates_create();
    }
    return table->dates;
}

static int
take_plan(struct cursor *cursor, const char *text, firn_error *err)
{
    struct firn_sql_table *table = table_of(cursor);
    size_t count = table->def->column_count;
    if (cursor->plan_text != NULL && strcmp(cursor->plan_text, text) == 0) {
        return FIRN_OK;
    }
    drop_keep(cursor);
    forget_plan(cursor);
    cursor->is_not_bare = false;
    firn_sql_plan_read(text, &cursor->plan);
    cursor->places = sqlite3_malloc64(count * sizeof cursor->places[0]);
    cursor->names = sqlite3_malloc64(count * sizeof cursor->names[0]);
    cursor->columns = sqlite3_malloc64(count * sizeof cursor->columns[0]);
    cursor->cells =
        sqlite3_malloc64((count + 1 + FIRN_SQL_VECTORS_COLUMNS) * sizeof cursor->cells[0]);
    for (size_t i = 0; cursor->cells != NULL && i <= count + FIRN_SQL_VECTORS_COLUMNS; i++) {
        cursor->cells[i] = (struct firn_sql_cell){.array = FIRN_SCAN_ARRAY_INIT};
    }
    if (cursor->places == NULL || cursor->names == NULL || cursor->columns == NULL ||
        cursor->cells == NULL) {
        return firn_sql_no_memory(err);
    }
    cursor->read_count = 0;
    for (size_t i = 0; i < count; i++) {
        cursor->places[i] = -1;
    }
    for (size_t i = 0; i < table->orders[0].count; i++) {
        want_column(cursor, table->orders[0].columns[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if ((cursor->plan.used >> (i < 63 ? i : 63) & 1) != 0) {
            want_column(cursor, (uint32_t)i);
        }
    }
    take_seeks(cursor);
    /* Only an UPDATE leaves columns alone; it says that it uses all that there could be. */
    for (size_t i = 0; i < cursor->read_count && cursor->plan.used != UINT64_MAX; i++) {
        struct firn_sql_cell *cell = &cursor->cells[cursor->columns[i]];
        cell->column = &table->def->columns[cursor->columns[i]];
        cell->made.dates = dates_of(table, cell->column);
        firn_sql_texts_open(table, cell);
        firn_sql_value_set_giver(cell);
    }
    cursor->plan_text = sqlite3_mprintf("%s", text); /* last: the plan is whole */
    return cursor->plan_text != NULL ? FIRN_OK : firn_sql_no_memory(err);
}

/* How many of the columns that are read the scan has. */
static size_t
scanned_count(const struct cursor *cursor)
{
    return cursor->has_keys_only ? table_of(cursor)->orders[0].count : cursor->read_count;
}

/* The columns to order by, where bounds did not do it. */
static char *
make_order(const struct cursor *cursor)
{
    const struct firn_sql_table *table = table_of(cursor);
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (size_t i = 0; i < cursor->plan.item_count; i++) {
        const struct firn_sql_plan_item *item = &cursor->plan.items[i];
        if (item->role == FIRN_SQL_SORT || item->role == FIRN_SQL_SORT_DESCENDING) {
            sqlite3_str_appendf(text, "%s\"%w\"%s", sqlite3_str_length(text) > 0 ? ", " : "",
                                table->def->columns[item->column].name,
                                item->role == FIRN_SQL_SORT ? "" : " desc");
        }
    }
    return sqlite3_str_finish(text);
}

static int
make_select(struct cursor *cursor, firn_error *err)
{
    if (cursor->select == NULL) {
        sqlite3_str *text = sqlite3_str_new(NULL);
        for (size_t i = 0; i < scanned_count(cursor); i++) {
            sqlite3_str_appendf(text, "%s\"%w\"", i > 0 ? ", " : "", cursor->names[i]);
        }
        cursor->select = sqlite3_str_finish(text);
    }
    return cursor->select != NULL ? FIRN_OK : firn_sql_no_memory(err);
}

static void
set_keys_only(struct cursor *cursor, bool has_keys_only)
{
    if (cursor->has_keys_only != has_keys_only) {
        sqlite3_free(cursor->select); /* that of the others */
        cursor->select = NULL;
        cursor->has_keys_only = has_keys_only;
    }
}

static int go_on(struct cursor *cursor, bool is_after, firn_error *err);

static int
next_batch(struct cursor *cursor, firn_error *err)
{
    if (cursor->few_left == 0) {
        cursor->at = cursor->batch_rows - 1;
        int more = go_on(cursor, true, err); /* more rows are wanted than the plan said */
        cursor->source = more == FIRN_OK ? cursor->source : AT_END;
        return more;
    }
    int rc = firn_scan_next(cursor->scan, &cursor->batch, err);
    cursor->at = 0;
    cursor->batch_rows = 0;
    if (rc != FIRN_OK || cursor->batch == NULL) {
        firn_scan_close(cursor->scan);
        cursor->scan = NULL;
        cursor->source = AT_END;
        return rc;
    }
    cursor->batch_rows = firn_scan_batch_rows(cursor->batch);
    cursor->few_left -= cursor->few_left < UINT64_MAX ? cursor->batch_rows : 0;
    if (cursor->keep != NULL) {
        firn_sql_keep_spend(cursor->keep, &cursor->plan, cursor->batch_rows);
    }
    for (size_t i = 0; i < scanned_count(cursor); i++) {
        struct firn_sql_cell *cell = &cursor->cells[cursor->columns[i]];
        firn_scan_batch_column(cursor->batch, i, &cell->array);
        firn_sql_texts_begin(cell);
    }
    cursor->source = cursor->has_keys_only ? KEYS : SCAN;
    return FIRN_OK;
}

static int
check_types(const struct cursor *cursor, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < scanned_count(cursor) && rc == FIRN_OK; i++) {
        rc =
            firn_sql_table_check_column(table_of(cursor), cursor->columns[i], cursor->scan, i, err);
    }
    return rc;
}

/* Of FIRN_NOT_FOUND: whether it is the row that is missing, and not the table, an index or a column, which somebody dropped
 * after the statement was prepared. */
static bool
is_of_row(const firn_error *err)
{
    static const char begin[] = "the table '";
    static const char end[] = "' has no such row";
    const size_t size = strlen(err->text);
    return size > sizeof begin + sizeof end - 2 &&
           strncmp(err->text, begin, sizeof begin - 1) == 0 &&
           strcmp(err->text + size - (sizeof end - 1), end) == 0;
}

static int
get_row(struct cursor *cursor, const firn_value *key, size_t key_count, firn_error *err)
{
    const struct firn_sql_table *table = table_of(cursor);
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    options.txn = cursor->view.txn;
    options.snapshot = cursor->view.snapshot;
    options.columns = cursor->names;
    options.column_count = cursor->read_count;
    options.index = table->orders[cursor->plan.order].name;
    int rc = cursor->row == NULL ? firn_row_create(&cursor->row, err) : FIRN_OK;
    if (rc == FIRN_OK) {
        rc = firn_table_get(table->table, &options, key, key_count, cursor->row, err);
    }
    cursor->source = AT_END;
    if (rc == FIRN_NOT_FOUND && is_of_row(err)) {
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        cursor->values = firn_row_values(cursor->row);
        cursor->source = POINT;
    }
    return rc;
}

/* ---- lookups in memory ---- */

/* Whether the rows are in memory, or it is time for that: *out. */
static int
prepare_lookup(struct cursor *cursor, int count, sqlite3_value **values, bool *out, firn_error *err)
{
    struct firn_sql_table *table = table_of(cursor);
    *out = false;
    if (!cursor->may_look_up || cursor->view.snapshot == NULL) {
        return FIRN_OK;
    }
    if (cursor->keep == NULL) {
        cursor->keep =
            firn_sql_keep_take(table, &cursor->view, cursor->plan_text, &cursor->plan, values);
    }
    note_cells(cursor);
    if (cursor->keep == NULL || !firn_sql_keep_is_worth(cursor->keep, table, &cursor->plan)) {
        return FIRN_OK; /* it goes without memory, too */
    }
    int rc = FIRN_OK;
    if (cursor->keep->lookup == NULL && !cursor->keep->is_empty) {
        rc = firn_sql_keep_read(cursor->keep, table, cursor->view.snapshot, &cursor->plan,
                                &cursor->seeks, count, values, err);
        rc = rc == FIRN_NO_MEMORY ? FIRN_OK : rc;
    }
    *out = rc == FIRN_OK && (cursor->keep->lookup != NULL || cursor->keep->is_empty);
    return rc;
}

/* Finds rows in memory, if they are there: *out. */
static int
look_up(struct cursor *cursor, int count, sqlite3_value **values, bool *out, firn_error *err)
{
    struct firn_sql_filter filter;
    int rc = prepare_lookup(cursor, count, values, out, err);
    if (!*out || cursor->keep->is_empty) {
        return rc;
    }
    firn_sql_filter_init_keys(&filter, table_of(cursor), &cursor->plan, values);
    if (!filter.is_empty && filter.fixed + filter.joined_count == cursor->seeks.count) {
        firn_value key[FIRN_TABLE_KEY_COLUMNS_MAX];
        memcpy(key, filter.lower, filter.fixed * sizeof key[0]);
        memcpy(key + filter.fixed, filter.joined, filter.joined_count * sizeof key[0]);
        cursor->found = firn_sql_lookup_find(cursor->keep->lookup, key);
        cursor->source = cursor->found != 0 ? LOOKUP : AT_END;
    } else {
        *out = filter.is_empty;
    }
    firn_sql_filter_deinit(&filter);
    return rc;
}

/* Reads the row of the next of several keys that has one. */
static int
next_key(struct cursor *cursor, firn_error *err)
{
    int rc = FIRN_OK;
    cursor->source = AT_END;
    while (rc == FIRN_OK && cursor->source == AT_END && cursor->key_at < cursor->key_count) {
        const size_t at = cursor->key_at++;
        size_t count = 1;
        const firn_value *key = cursor->near != NULL
                                    ? firn_search_result_key(cursor->near, at, &count)
                                    : &cursor->keys[at];
        rc = get_row(cursor, key, count, err);
    }
    return rc;
}

static int
read_many(struct cursor *cursor, struct firn_sql_filter *filter, firn_error *err)
{
    cursor->keys = filter->parameters;
    cursor->key_count = filter->parameter_count;
    cursor->key_memory = filter->memory;
    filter->parameters = NULL;
    filter->parameter_count = filter->parameter_capacity = 0;
    filter->memory = NULL;
    return next_key(cursor, err);
}

static void
set_callbacks(struct cursor *cursor, firn_scan_options *options)
{
    cursor->asking.db = firn_sql_db(table_of(cursor)->store->sql);
    options->callbacks.on_progress = firn_sql_ask;
    options->callbacks.ctx = &cursor->asking;
    options->threads = 1;
}

static int
open_scan(struct cursor *cursor, struct firn_sql_filter *filter, firn_error *err)
{
    const struct firn_sql_table *table = table_of(cursor);
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    char *order = NULL;
    const bool is_bare = cursor->plan.is_bare && !cursor->is_not_bare && !filter->must_sort;
    set_keys_only(cursor, (cursor->plan.skips || is_bare) && cursor->view.snapshot != NULL &&
                              cursor->read_count > table->orders[0].count);
    cursor->few_left = UINT64_MAX;
    int rc = make_select(cursor, err);
    if (rc == FIRN_OK && filter->must_sort && (order = make_order(cursor)) == NULL) {
        rc = firn_sql_no_memory(err);
    }
    if (rc == FIRN_OK) {
        options.txn = cursor->view.txn;
        options.snapshot = cursor->view.snapshot;
        options.select = cursor->select;
        options.where = filter->where != NULL ? sqlite3_str_value(filter->where) : NULL;
        options.parameters = filter->parameters;
        options.parameter_count = filter->parameter_count;
        options.order_by = order;
        /* Without bounds and an order that is wanted, an index only costs. */
        bool has_reason = filter->lower_count + filter->upper_count > 0 || cursor->plan.is_ordered;
        options.index = has_reason ? table->orders[cursor->plan.order].name : NULL;
        options.lower =
            (firn_table_bound){filter->lower, filter->lower_count, filter->lower_exclusive};
        options.upper =
            (firn_table_bound){filter->upper, filter->upper_count, filter->upper_exclusive};
        options.descending = cursor->plan.is_descending && order == NULL;
        if (cursor->plan.few > 0 && cursor->view.snapshot != NULL && order == NULL) {
            options.limit = cursor->few_left = cursor->plan.few;
        }
        set_callbacks(cursor, &options);
        rc = firn_scan_open(table->table, &options, &cursor->scan, err);
    }
    sqlite3_free(order);
    if (rc == FIRN_OK) {
        rc = check_types(cursor, err);
    }
    return rc == FIRN_OK ? next_batch(cursor, err) : rc;
}

static int detach(struct firn_sql_reader *reader, bool keep, firn_error *err);

static int
take_view(struct cursor *cursor, firn_error *err)
{
    struct firn_sql_store *store = table_of(cursor)->store;
    if (firn_sql_view_is_current(store, &cursor->view)) {
        return FIRN_OK;
    }
    firn_sql_view_unlink(&cursor->reader);
    firn_sql_view_release(store, &cursor->view);
    drop_keep(cursor);
    int rc = firn_sql_view_take(store, &cursor->view, err);
    if (rc == FIRN_OK && cursor->view.txn != NULL) {
        cursor->reader.detach = detach;
        firn_sql_view_link(store, &cursor->reader);
    }
    return rc;
}

static int
read_rows(struct cursor *cursor, int count, sqlite3_value **values, firn_error *err)
{
    struct firn_sql_filter filter;
    int rc = firn_sql_filter_init(&filter, table_of(cursor), &cursor->plan, count, values, err);
    if (rc == FIRN_OK && !filter.is_empty) {
        rc = filter.is_many    ? read_many(cursor, &filter, err)
             : filter.is_point ? get_row(cursor, filter.lower, filter.lower_count, err)
                               : open_scan(cursor, &filter, err);
    }
    firn_sql_filter_deinit(&filter);
    return rc;
}

/* A search: its arguments come last. */
static int
search_rows(struct cursor *cursor, int number, int count, sqlite3_value **values, firn_error *err)
{
    const struct firn_sql_table *table = table_of(cursor);
    const int first = count - firn_sql_vectors_arguments(number);
    struct firn_sql_filter filter;
    int rc = firn_sql_filter_init(&filter, table, &cursor->plan, first, values, err);
    if (rc == FIRN_OK && !filter.is_empty) {
        rc = firn_sql_vectors_search(table, &cursor->view, &filter, number, values + first,
                                     &cursor->near, err);
    }
    if (rc == FIRN_OK && cursor->near != NULL) {
        cursor->key_count = firn_search_result_count(cursor->near);
        rc = next_key(cursor, err);
    }
    firn_sql_filter_deinit(&filter);
    return rc;
}

static int
filter_rows(struct cursor *cursor, int number, const char *plan, int count, sqlite3_value **values,
            firn_error *err)
{
    bool is_found = false;
    int rc = take_plan(cursor, plan, err);
    rc = rc == FIRN_OK ? take_view(cursor, err) : rc;
    if (rc == FIRN_OK && firn_sql_vectors_arguments(number) > 0) {
        return search_rows(cursor, number, count, values, err);
    }
    cursor->near = rc == FIRN_OK ? firn_sql_nearest_find(table_of(cursor), &cursor->view) : NULL;
    if (cursor->near != NULL) {
        cursor->key_count = firn_search_result_count(cursor->near);
        return next_key(cursor, err);
    }
    rc = rc == FIRN_OK ? look_up(cursor, count, values, &is_found, err) : rc;
    rc = rc == FIRN_OK && !is_found ? read_rows(cursor, count, values, err) : rc;
    if (cursor->keep != NULL && cursor->source != AT_END) {
        cursor->keep->found++;
    }
    return rc;
}

int
firn_sql_cursor_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count,
                       sqlite3_value **values)
{
    struct cursor *cursor = (struct cursor *)base;
    firn_error err;
    drop_rows(cursor);
    firn_sql_table_check(table_of(cursor));
    int rc = filter_rows(cursor, number, plan, count, values, &err);
    if (rc != FIRN_OK) {
        release_rows(cursor);
        return firn_sql_fail_table(base->pVtab, &err);
    }
    return SQLITE_OK;
}

int
firn_sql_cursor_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    firn_error err;
    cursor->has_other = false;
    cursor->at++;
    switch (cursor->source) {
    case SCAN:
    case KEYS:
        if (cursor->at < cursor->batch_rows) {
            return SQLITE_OK;
        }
        return next_batch(cursor, &err) == FIRN_OK ? SQLITE_OK
                                                   : firn_sql_fail_table(base->pVtab, &err);
    case LOOKUP:
        cursor->found = firn_sql_lookup_next(cursor->keep->lookup, cursor->found);
        if (cursor->found == 0) {
            cursor->source = AT_END;
        }
        return SQLITE_OK;
    case KEPT:
        if (cursor->at == cursor->kept_rows) {
            cursor->source = AT_END;
        }
        return SQLITE_OK;
    case ABORTED:
        return SQLITE_ABORT_ROLLBACK;
    default:
        return next_key(cursor, &err) == FIRN_OK ? SQLITE_OK
                                                 : firn_sql_fail_table(base->pVtab, &err);
    }
}

int
firn_sql_cursor_eof(sqlite3_vtab_cursor *base)
{
    return ((struct cursor *)base)->source == AT_END;
}

/* ---- values ---- */

/* Value `place` of those that are read, or of a lookup's columns, of the row where the cursor is. */
static firn_value
read_value(const struct cursor *cursor, size_t place)
{
    assert(place < cursor->read_count || cursor->source == LOOKUP);
    switch (cursor->source) {
    case POINT:
        return cursor->values[place];
    case KEPT:
        return cursor->kept[cursor->at * cursor->read_count + place];
    case SCAN:
    case KEYS:
        return firn_sql_value_of_array(&cursor->cells[cursor->columns[place]].array,
                                       table_of(cursor)->def->columns[cursor->columns[place]].type,
                                       cursor->at);
    case LOOKUP:
        return firn_sql_lookup_value(cursor->keep->lookup, cursor->found, place);
    default:
        return firn_null();
    }
}

static void
read_key(const struct cursor *cursor, firn_value *out)
{
    for (size_t i = 0; i < table_of(cursor)->orders[0].count; i++) {
        out[i] = read_value(cursor, i); /* they come first: take_plan, firn_sql_keep_read */
    }
}

/* Reads the whole row by its key. */
static int
read_other(struct cursor *cursor, firn_error *err)
{
    const struct firn_sql_table *table = table_of(cursor);
    firn_value key[FIRN_TABLE_KEY_COLUMNS_MAX];
    const char **names = sqlite3_malloc64(table->def->column_count * sizeof names[0]);
    if (names == NULL) {
        return firn_sql_no_memory(err);
    }
    for (size_t i = 0; i < table->def->column_count; i++) {
        names[i] = table->def->columns[i].name;
    }
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    options.txn = cursor->view.txn;
    options.snapshot = cursor->view.snapshot;
    options.columns = names;
    options.column_count = table->def->column_count;
    read_key(cursor, key);
    int rc = cursor->other == NULL ? firn_row_create(&cursor->other, err) : FIRN_OK;
    if (rc == FIRN_OK) {
        rc =
            firn_table_get(table->table, &options, key, table->orders[0].count, cursor->other, err);
    }
    sqlite3_free(names);
    cursor->has_other = rc == FIRN_OK;
    return rc;
}

static int
give_key(struct cursor *cursor, sqlite3_context *ctx)
{
    firn_value key[FIRN_TABLE_KEY_COLUMNS_MAX];
    uint8_t *packed;
    size_t size;
    firn_error err;
    read_key(cursor, key);
    if (firn_sql_value_pack_key(table_of(cursor), key, &packed, &size, &err) != FIRN_OK) {
        return SQLITE_NOMEM;
    }
    sqlite3_result_blob64(ctx, packed, size, sqlite3_free);
    return SQLITE_OK;
}

/* Goes on with another scan, of all columns and rows, from the row where the cursor is, or after it. */
static int
go_on(struct cursor *cursor, bool is_after, firn_error *err)
{
    firn_value key[FIRN_TABLE_KEY_COLUMNS_MAX];
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_scan *before = cursor->scan;
    const firn_table_bound here = {key, table_of(cursor)->orders[0].count, is_after};
    assert(cursor->view.snapshot != NULL && cursor->plan.order == 0);
    read_key(cursor, key);
    set_keys_only(cursor, false);
    cursor->scan = NULL;
    cursor->few_left = UINT64_MAX;
    int rc = make_select(cursor, err);
    if (rc == FIRN_OK) {
        options.snapshot = cursor->view.snapshot;
        options.select = cursor->select;
        options.descending = cursor->plan.is_descending;
        *(cursor->plan.is_descending ? &options.upper : &options.lower) = here;
        set_callbacks(cursor, &options);
        rc = firn_scan_open(table_of(cursor)->table, &options, &cursor->scan, err);
    }
    firn_scan_close(before); /* the key was in its batch */
    rc = rc == FIRN_OK ? check_types(cursor, err) : rc;
    return rc == FIRN_OK ? next_batch(cursor, err) : rc;
}

/* A column is wanted where only keys are scanned. */
static int
widen(struct cursor *cursor, firn_error *err)
{
    assert(cursor->source == KEYS);
    int rc = go_on(cursor, false, err);
    if (rc == FIRN_OK && cursor->source != SCAN) {
        rc = firn_sql_error(err, FIRN_INTERNAL, "a row of '%s' is gone", table_of(cursor)->name);
    }
    if (rc != FIRN_OK) {
        drop_rows(cursor);
    }
    return rc;
}

/* What is not a column of a batch that was asked for. */
static int
give_rare(struct cursor *cursor, sqlite3_context *ctx, int number)
{
    const struct firn_sql_table *table = table_of(cursor);
    firn_error err;
    if (cursor->source == ABORTED) {
        return SQLITE_ABORT_ROLLBACK;
    }
    if (firn_sql_vectors_has(table, (size_t)number)) {
        firn_sql_vectors_give(table, cursor->near, cursor->key_at - 1, ctx, (size_t)number);
        return SQLITE_OK;
    }
    if ((size_t)number >= table->def->column_count) {
        return give_key(cursor, ctx);
    }
    if (cursor->keep != NULL) {
        note_asked(cursor->keep, (size_t)number);
    }
    if (cursor->plan.used == UINT64_MAX && sqlite3_vtab_nochange(ctx)) {
        return SQLITE_OK;
    }
    if (cursor->source == KEYS && !cursor->plan.is_bare) {
        return widen(cursor, &err) == FIRN_OK ? firn_sql_cursor_column(&cursor->base, ctx, number)
                                              : firn_sql_fail_table(cursor->base.pVtab, &err);
    }
    assert(cursor->source != LOOKUP || (cursor->keep != NULL && cursor->keep->places != NULL));
    int32_t place =
        cursor->source == LOOKUP ? cursor->keep->places[number] : cursor->places[number];
    if (cursor->source == KEYS && place >= (int32_t)table->orders[0].count) {
        cursor->is_not_bare = true; /* another time */
        place = -1;
    }
    const firn_table_column *column = &table->def->columns[number];
    if (place >= 0) {
        firn_sql_value_result(ctx, column, read_value(cursor, (size_t)place));
        return SQLITE_OK;
    }
    if (cursor->source == LOOKUP) {
        cursor->keep->missed++;
    }
    if (!cursor->has_other && read_other(cursor, &err) != FIRN_OK) {
        return firn_sql_fail_table(cursor->base.pVtab, &err);
    }
    firn_sql_value_result(ctx, column, firn_row_values(cursor->other)[number]);
    return SQLITE_OK;
}

int
firn_sql_cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int number)
{
    struct cursor *cursor = (struct cursor *)base;
    struct firn_sql_cell *cell = &cursor->cells[number];
    if (cursor->source == SCAN && cell->give != NULL) {
        cell->is_asked = true;
        const uint64_t *valid = cell->array.valid;
        size_t row = cursor->at;
        if (valid == NULL || (valid[row / 64] >> (row % 64) & 1) != 0) {
            if (cell->is_integer) {
                sqlite3_result_int64(ctx, cell->array.as.i64[row]);
            } else {
                cell->give(ctx, cell, row);
            }
        }
        return SQLITE_OK;
    }
    return give_rare(cursor, ctx, number);
}

int
firn_sql_cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    struct cursor *cursor = (struct cursor *)base;
    if (cursor->source == ABORTED) {
        return SQLITE_ABORT_ROLLBACK;
    }
    *out = read_value(cursor, 0).as.i64; /* U32 and below are the same bits */
    return SQLITE_OK;
}

/* ---- the end of a transaction ---- */

static int
keep_bytes(struct cursor *cursor, firn_value *value, size_t *total, firn_error *err)
{
    if (value->type < FIRN_TYPE_TEXT) {
        return FIRN_OK;
    }
    size_t size = value->as.bytes.size;
    *total += size;
    struct memory *memory = sqlite3_malloc64(sizeof *memory + size + 1);
    if (memory == NULL) {
        return firn_sql_no_memory(err);
    }
    memory->next = cursor->memory;
    cursor->memory = memory;
    if (size > 0) {
        memcpy(memory->bytes, value->as.bytes.data, size);
    }
    value->as.bytes = firn_bytes(memory->bytes, size);
    return FIRN_OK;
}

static int
keep_row(struct cursor *cursor, firn_value **rows, size_t *count, size_t *capacity, size_t *total,
         firn_error *err)
{
    size_t width = cursor->read_count;
    if (*count == *capacity) {
        size_t more = *capacity == 0 ? 64 : 2 * *capacity;
        firn_value *grown = sqlite3_realloc64(*rows, more * width * sizeof grown[0]);
        if (grown == NULL) {
            return firn_sql_no_memory(err);
        }
        *rows = grown;
        *capacity = more;
    }
    firn_value *row = *rows + *count * width;
    *total += width * sizeof row[0];
    for (size_t i = 0; i < width; i++) {
        row[i] = read_value(cursor, i);
        int rc = keep_bytes(cursor, &row[i], total, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    (*count)++;
    return *total <= KEPT_BYTES_MAX
               ? FIRN_OK
               : firn_sql_error(
                     err, FIRN_LIMIT,
                     "a statement that reads '%s' has too many rows left to commit: reset it first",
                     table_of(cursor)->name);
}

static int
keep_rows(struct cursor *cursor, firn_error *err)
{
    firn_value *rows = NULL;
    size_t count = 0;
    size_t capacity = 0;
    size_t total = 0;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && cursor->source == SCAN) {
        rc = keep_row(cursor, &rows, &count, &capacity, &total, err);
        if (rc == FIRN_OK && ++cursor->at == cursor->batch_rows) {
            rc = next_batch(cursor, err);
        }
    }
    cursor->kept = rows;
    cursor->kept_rows = count;
    cursor->at = 0;
    cursor->source = KEPT;
    return rc;
}

static int
detach(struct firn_sql_reader *reader, bool keep, firn_error *err)
{
    struct cursor *cursor =
        (struct cursor *)(void *)((char *)reader - offsetof(struct cursor, reader));
    int rc = FIRN_OK;
    if (cursor->source == SCAN && keep) {
        rc = keep_rows(cursor, err);
    }
    if (cursor->source == SCAN || rc != FIRN_OK) {
        drop_rows(cursor);
        cursor->source = ABORTED;
    }
    firn_scan_close(cursor->scan);
    cursor->scan = NULL;
    cursor->view.txn = NULL;
    return rc;
}
