/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_cursor_scan.c: the scans of a cursor: which columns a plan reads, and batch after batch
 * of rows.
 *
 * Only columns that the statement uses are asked of firn. Those of the key always are, because rows
 * that are changed are named by them, and because a scan can go on from a key. A statement may want
 * less than a scan gives, or more than its plan said:
 *
 * - LIMIT: the scan has a limit of that many rows. If SQLite wants more, another scan goes on after
 *   the last key.
 * - OFFSET: SQLite counts the rows that it skips and, almost always, looks at none of them. The
 *   scan skips them at once, and the cursor only counts down (FI_SQL_FROM_SKIPPED). If SQLite
 *   does ask for a column, for a condition that it did not tell, another scan starts at that row.
 *   If the table has no row after those that are skipped, all are read, for SQLite would count rows
 *   that do not exist.
 * - An index that has all that is wanted: only its entries are read (FI_SQL_FROM_KEYS). If SQLite
 *   asks for another column, another scan goes on at that key.
 *
 * All of these read a snapshot, in which the second scan finds what the first one did.
 *
 * Invariants:
 * (I1) The columns of the primary key are the first ones that are read: places[key column i] == i.
 * (I2) While rows are skipped, the scan is at the first row after them, and skip_left of skip rows
 *      are not counted yet.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

enum { SKIP_MIN = 64 }; /* fewer rows are read and left out by SQLite */

/* ---- the plan ---- */

static void
forget_columns(struct fi_sql_cursor *cursor)
{
    for (size_t i = 0; cursor->cells != NULL && i < fi_sql_cursor_table(cursor)->def->column_count;
         i++) {
        sqlite3_free(cursor->cells[i].known);
    }
    sqlite3_free(cursor->places);
    sqlite3_free(cursor->names);
    sqlite3_free(cursor->columns);
    sqlite3_free(cursor->select);
    sqlite3_free(cursor->cells);
    cursor->places = NULL;
    cursor->names = NULL;
    cursor->columns = NULL;
    cursor->select = NULL;
    cursor->cells = NULL;
    cursor->read_count = 0;
}

void
fi_sql_cursor_scan_forget(struct fi_sql_cursor *cursor)
{
    forget_columns(cursor);
    sqlite3_free(cursor->plan_text);
    cursor->plan_text = NULL;
}

static void
want_column(struct fi_sql_cursor *cursor, uint32_t column)
{
    assert(column < fi_sql_cursor_table(cursor)->def->column_count);
    if (cursor->places[column] < 0) {
        cursor->places[column] = (int32_t)cursor->read_count;
        cursor->names[cursor->read_count] = fi_sql_cursor_table(cursor)->def->columns[column].name;
        cursor->columns[cursor->read_count++] = column;
    }
}

static void
take_seek(struct fi_sql_cursor *cursor, enum fi_sql_role role)
{
    for (size_t i = 0; i < cursor->plan.item_count; i++) {
        const struct fi_sql_plan_item *item = &cursor->plan.items[i];
        if (item->role == role && cursor->seeks.count < FIRN_TABLE_KEY_COLUMNS_MAX) {
            cursor->seeks.columns[cursor->seeks.count++] = item->column;
        } else if (item->role == role) {
            cursor->may_look_up = false;
        }
    }
}

/* Which columns have equalities in the plan, and whether rows can be looked up by them in
 * memory. */
static void
take_seeks(struct fi_sql_cursor *cursor)
{
    const struct fi_sql_plan *plan = &cursor->plan;
    cursor->seeks.count = 0;
    cursor->may_look_up =
        !plan->is_ordered || plan->is_point || (plan->order == 0 && !plan->is_descending);
    take_seek(cursor, FI_SQL_SEEK_EQUAL);
    take_seek(cursor, FI_SQL_WHERE_JOIN);
    for (size_t i = 0; i < plan->item_count; i++) {
        enum fi_sql_role role = plan->items[i].role;
        if (role == FI_SQL_SEEK_IN || role == FI_SQL_SEEK_RANGE || role == FI_SQL_WHERE_UNKNOWN) {
            cursor->may_look_up = false;
        }
    }
}

/* NULL where the column has none, or there is no memory. */
static struct fi_sqlvalue_dates *
dates_of(struct fi_sql_table *table, const firn_table_column *column)
{
    if (column->type == FIRN_TYPE_DATE && table->dates == NULL) {
        table->dates = fi_sqlvalue_dates_create();
    }
    return table->dates;
}

bool
fi_sql_cursor_scan_has_plan(const struct fi_sql_cursor *cursor, const char *text)
{
    return cursor->plan_text != NULL && strcmp(cursor->plan_text, text) == 0;
}

/* The columns of the key, and those of a set: which are read, and what gives their values to
 * SQLite. */
static int
take_columns(struct fi_sql_cursor *cursor, uint64_t used, firn_error *err)
{
    struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    const size_t count = table->def->column_count;
    assert(cursor->cells == NULL && cursor->scan == NULL);
    cursor->places = sqlite3_malloc64(count * sizeof cursor->places[0]);
    cursor->names = sqlite3_malloc64(count * sizeof cursor->names[0]);
    cursor->columns = sqlite3_malloc64(count * sizeof cursor->columns[0]);
    cursor->cells =
        sqlite3_malloc64((count + 1 + FI_SQL_VECTORS_COLUMNS) * sizeof cursor->cells[0]);
    for (size_t i = 0; cursor->cells != NULL && i <= count + FI_SQL_VECTORS_COLUMNS; i++) {
        cursor->cells[i] = (struct fi_sqlvalue_cell){.array = FIRN_SCAN_ARRAY_INIT};
    }
    if (cursor->places == NULL || cursor->names == NULL || cursor->columns == NULL ||
        cursor->cells == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    cursor->read = used;
    for (size_t i = 0; i < count; i++) {
        cursor->places[i] = -1;
    }
    for (size_t i = 0; i < table->orders[0].count; i++) {
        want_column(cursor, table->orders[0].columns[i]);
        assert(cursor->places[table->orders[0].columns[i]] == (int32_t)i); /* (I1) */
    }
    for (size_t i = 0; i < count; i++) {
        if ((used >> (i < 63 ? i : 63) & 1) != 0) {
            want_column(cursor, (uint32_t)i);
        }
    }
    /* Only an UPDATE leaves columns alone; it says that it uses all that there could be. */
    for (size_t i = 0; i < cursor->read_count && cursor->plan.used != UINT64_MAX; i++) {
        struct fi_sqlvalue_cell *cell = &cursor->cells[cursor->columns[i]];
        cell->column = &table->def->columns[cursor->columns[i]];
        cell->made.dates = dates_of(table, cell->column);
        fi_sqlvalue_texts_open(&table->texts, cell);
        fi_sqlvalue_set_giver(cell);
    }
    return FIRN_OK;
}

int
fi_sql_cursor_scan_plan(struct fi_sql_cursor *cursor, const char *text, firn_error *err)
{
    assert(cursor->keep == NULL);
    fi_sql_cursor_scan_forget(cursor);
    cursor->is_not_bare = false;
    fi_sql_plan_read(text, &cursor->plan);
    FI_TRY_RETURN(take_columns(cursor, cursor->plan.used, err));
    take_seeks(cursor);
    cursor->plan_text = sqlite3_mprintf("%s", text); /* last: the plan is whole */
    return cursor->plan_text != NULL ? FIRN_OK : fi_sqlvalue_no_memory(err);
}

int
fi_sql_cursor_scan_read_only(struct fi_sql_cursor *cursor, uint64_t used, firn_error *err)
{
    assert(cursor->plan_text != NULL && cursor->source == FI_SQL_AT_END);
    if (used == cursor->read) {
        return FIRN_OK;
    }
    forget_columns(cursor);
    int rc = take_columns(cursor, used, err);
    if (rc != FIRN_OK) {
        fi_sql_cursor_scan_forget(cursor); /* of a plan all or nothing is there */
    }
    return rc;
}

/* How many of the columns that are read the scan has. */
static size_t
scanned_count(const struct fi_sql_cursor *cursor)
{
    return cursor->has_keys_only ? fi_sql_cursor_table(cursor)->orders[0].count
                                 : cursor->read_count;
}

/* The columns to order by, where bounds did not do it. */
static char *
make_order(const struct fi_sql_cursor *cursor)
{
    const struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (size_t i = 0; i < cursor->plan.item_count; i++) {
        const struct fi_sql_plan_item *item = &cursor->plan.items[i];
        if (item->role == FI_SQL_SORT || item->role == FI_SQL_SORT_DESCENDING) {
            sqlite3_str_appendf(text, "%s\"%w\"%s", sqlite3_str_length(text) > 0 ? ", " : "",
                                table->def->columns[item->column].name,
                                item->role == FI_SQL_SORT ? "" : " desc");
        }
    }
    return sqlite3_str_finish(text);
}

static int
make_select(struct fi_sql_cursor *cursor, firn_error *err)
{
    if (cursor->select == NULL) {
        sqlite3_str *text = sqlite3_str_new(NULL);
        for (size_t i = 0; i < scanned_count(cursor); i++) {
            sqlite3_str_appendf(text, "%s\"%w\"", i > 0 ? ", " : "", cursor->names[i]);
        }
        cursor->select = sqlite3_str_finish(text);
    }
    return cursor->select != NULL ? FIRN_OK : fi_sqlvalue_no_memory(err);
}

static void
set_keys_only(struct fi_sql_cursor *cursor, bool has_keys_only)
{
    if (cursor->has_keys_only != has_keys_only) {
        sqlite3_free(cursor->select); /* that of the others */
        cursor->select = NULL;
        cursor->has_keys_only = has_keys_only;
    }
}

static int
check_types(const struct fi_sql_cursor *cursor, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < scanned_count(cursor) && rc == FIRN_OK; i++) {
        rc = fi_sql_known_check_column(fi_sql_cursor_table(cursor), cursor->columns[i],
                                       cursor->scan, i, err);
    }
    return rc;
}

static void
set_callbacks(struct fi_sql_cursor *cursor, firn_scan_options *options)
{
    cursor->asking.db = fi_sql_db(fi_sql_cursor_table(cursor)->store->sql);
    options->callbacks.on_progress = fi_sql_ask;
    options->callbacks.ctx = &cursor->asking;
    options->threads = 1;
}

/* Opens a scan of the columns that are read, without conditions; closes the one before. */
static int
open_scan(struct fi_sql_cursor *cursor, firn_scan_options *options, firn_error *err)
{
    firn_scan *before = cursor->scan;
    cursor->scan = NULL;
    int rc = make_select(cursor, err);
    if (rc == FIRN_OK) {
        options->select = cursor->select;
        set_callbacks(cursor, options);
        rc = firn_scan_open(fi_sql_cursor_table(cursor)->table, options, &cursor->scan, err);
    }
    firn_scan_close(before); /* not earlier: bounds may lie in its batch */
    cursor->batch = NULL;
    return rc == FIRN_OK ? check_types(cursor, err) : rc;
}

/* Goes on with a scan of all columns and rows, from the row where the cursor is, or after it. */
static int
go_on(struct fi_sql_cursor *cursor, bool is_after, firn_error *err)
{
    const struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    firn_value key[FIRN_TABLE_KEY_COLUMNS_MAX];
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    assert(cursor->view.snapshot != NULL && cursor->plan.order == 0);
    options.snapshot = cursor->view.snapshot;
    options.descending = cursor->plan.is_descending;
    if (cursor->source == FI_SQL_FROM_SKIPPED) {
        assert(cursor->skip_left > 0 && cursor->skip_left <= cursor->skip); /* (I2) */
        options.offset = cursor->skip - cursor->skip_left;
    } else {
        const firn_table_bound here = {key, table->orders[0].count, is_after};
        for (size_t i = 0; i < table->orders[0].count; i++) {
            key[i] = fi_sql_cursor_scan_value(cursor, i);
        }
        *(cursor->plan.is_descending ? &options.upper : &options.lower) = here;
    }
    set_keys_only(cursor, false);
    cursor->few_left = UINT64_MAX;
    FI_TRY_RETURN(open_scan(cursor, &options, err));
    return fi_sql_cursor_scan_next(cursor, err);
}

int
fi_sql_cursor_scan_next(struct fi_sql_cursor *cursor, firn_error *err)
{
    assert(cursor->scan != NULL);
    if (cursor->few_left == 0) {
        cursor->at = cursor->batch_rows - 1;
        int more = go_on(cursor, true, err); /* more rows are wanted than the plan said */
        cursor->source = more == FIRN_OK ? cursor->source : FI_SQL_AT_END;
        return more;
    }
    int rc = firn_scan_next(cursor->scan, &cursor->batch, err);
    cursor->at = 0;
    cursor->batch_rows = 0;
    if (rc != FIRN_OK || cursor->batch == NULL) {
        firn_scan_close(cursor->scan);
        cursor->scan = NULL;
        cursor->source = FI_SQL_AT_END;
        return rc;
    }
    cursor->batch_rows = firn_scan_batch_rows(cursor->batch);
    cursor->has_asked = true;
    cursor->few_left -= cursor->few_left < UINT64_MAX ? cursor->batch_rows : 0;
    if (cursor->keep != NULL) {
        fi_sql_keep_spend(cursor->keep, &cursor->plan, cursor->batch_rows);
    }
    for (size_t i = 0; i < scanned_count(cursor); i++) {
        struct fi_sqlvalue_cell *cell = &cursor->cells[cursor->columns[i]];
        firn_scan_batch_column(cursor->batch, i, &cell->array);
        fi_sqlvalue_begin_batch(cell);
    }
    cursor->source = cursor->has_keys_only ? FI_SQL_FROM_KEYS : FI_SQL_FROM_SCAN;
    return FIRN_OK;
}

/* The scan that a filter asks for. order: by which columns it has to sort; NULL: none. */
static int
open_filtered(struct fi_sql_cursor *cursor, const struct fi_sql_filter *filter, const char *order,
              uint64_t skip, firn_error *err)
{
    const struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    assert(skip == 0 || (filter->where == NULL && filter->lower_count + filter->upper_count == 0));
    options.txn = cursor->view.txn;
    options.snapshot = cursor->view.snapshot;
    options.where = filter->where != NULL ? sqlite3_str_value(filter->where) : NULL;
    options.parameters = filter->parameters;
    options.parameter_count = filter->parameter_count;
    options.order_by = order;
    /* Without bounds and an order that is wanted, an index only costs. */
    bool has_reason = filter->lower_count + filter->upper_count > 0 || cursor->plan.is_ordered;
    options.index = has_reason ? table->orders[cursor->plan.order].name : NULL;
    options.lower = (firn_table_bound){filter->lower, filter->lower_count, filter->lower_exclusive};
    options.upper = (firn_table_bound){filter->upper, filter->upper_count, filter->upper_exclusive};
    options.descending = cursor->plan.is_descending && order == NULL;
    options.offset = skip;
    cursor->few_left = UINT64_MAX;
    if (cursor->plan.few > 0 && cursor->view.snapshot != NULL && order == NULL &&
        (skip > 0 || !cursor->plan.skips)) {
        options.limit = cursor->few_left = cursor->plan.few;
    }
    FI_TRY_RETURN(open_scan(cursor, &options, err));
    return fi_sql_cursor_scan_next(cursor, err);
}

int
fi_sql_cursor_scan_from(struct fi_sql_cursor *cursor, const struct fi_sql_filter *filter,
                        int64_t key, firn_error *err)
{
    const struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    const firn_value lower =
        firn_typed_i64(table->def->columns[table->orders[0].columns[0]].type, key);
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    assert(cursor->source == FI_SQL_AT_END && cursor->scan == NULL && filter->fixed == 0);
    options.snapshot = cursor->view.snapshot;
    options.where = filter->where != NULL ? sqlite3_str_value(filter->where) : NULL;
    options.parameters = filter->parameters;
    options.parameter_count = filter->parameter_count;
    options.lower = (firn_table_bound){&lower, 1, false};
    set_keys_only(cursor, false);
    cursor->few_left = UINT64_MAX;
    FI_TRY_RETURN(open_scan(cursor, &options, err));
    return fi_sql_cursor_scan_next(cursor, err);
}

int
fi_sql_cursor_scan_open(struct fi_sql_cursor *cursor, const struct fi_sql_filter *filter,
                        uint64_t skip, firn_error *err)
{
    const struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    const bool is_bare = cursor->plan.is_bare && !cursor->is_not_bare && !filter->must_sort;
    char *order = NULL;
    assert(cursor->source == FI_SQL_AT_END && cursor->scan == NULL);
    if (skip >= SKIP_MIN && cursor->view.snapshot != NULL) {
        set_keys_only(cursor, false);
        int rc = open_filtered(cursor, filter, NULL, skip, err);
        if (rc != FIRN_OK || cursor->source != FI_SQL_AT_END) {
            cursor->source = rc == FIRN_OK ? FI_SQL_FROM_SKIPPED : FI_SQL_AT_END;
            cursor->skip = cursor->skip_left = skip; /* (I2) */
            return rc;
        }
    }
    set_keys_only(cursor, (skip >= SKIP_MIN || is_bare) && cursor->view.snapshot != NULL &&
                              cursor->read_count > table->orders[0].count);
    if (filter->must_sort && (order = make_order(cursor)) == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    int rc = open_filtered(cursor, filter, order, 0, err);
    sqlite3_free(order);
    return rc;
}

int
fi_sql_cursor_scan_widen(struct fi_sql_cursor *cursor, firn_error *err)
{
    assert(cursor->source == FI_SQL_FROM_KEYS || cursor->source == FI_SQL_FROM_SKIPPED);
    int rc = go_on(cursor, false, err);
    return rc == FIRN_OK && cursor->source != FI_SQL_FROM_SCAN
               ? fi_sqlvalue_error(err, FIRN_INTERNAL, "a row of '%s' is gone",
                                   fi_sql_cursor_table(cursor)->name)
               : rc;
}
