/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_cursor.c: cursors over a table: its rows as a statement reads them.
 *
 * A statement opens cursors. xFilter reads one row by its key; or it finds rows in memory
 * (sql_keep.c), or by a scan that follows the keys that are asked for (sql_merge.c); or it opens a
 * scan (sql_cursor_scan.c). A batch of a scan is columns of up to 1,024 decoded values. They are
 * handed out value by value, so a row costs SQLite one call for itself and one for each column that
 * it asks for. A column that SQLite asks for though it did not say so is read by the key.
 *
 * When the transaction of a cursor ends, the cursor keeps what is left to read (sql_view.c).
 *
 * A statement that runs again opens its cursors again, so the cursor that was closed last is kept
 * with its plan (table->spare).
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

enum { KEPT_BYTES_MAX = 256 << 20 };

/* ---- cursors ---- */

/* A statement that runs again opens its cursors again: the one that was closed last is kept, with
 * its plan. */
int
fi_sql_cursor_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    struct fi_sql_table *table = (struct fi_sql_table *)vtab;
    struct fi_sql_cursor *cursor = (struct fi_sql_cursor *)table->spare;
    if (cursor == NULL) {
        cursor = sqlite3_malloc64(sizeof *cursor);
        if (cursor == NULL) {
            return SQLITE_NOMEM;
        }
        memset(cursor, 0, sizeof *cursor);
    }
    table->spare = NULL;
    fi_sql_keep_enter(table->store);
    *out = &cursor->base;
    return SQLITE_OK;
}

static void
drop_rows(struct fi_sql_cursor *cursor)
{
    if (cursor->source == FI_SQL_FROM_LOOKUP) {
        cursor->has_other = false;
        cursor->source = FI_SQL_AT_END; /* there is nothing else */
        return;
    }
    if (cursor->is_merging) {
        cursor->has_other = false;
        cursor->source = FI_SQL_AT_END; /* the scan stays */
        return;
    }
    sqlite3_free(cursor->keys);
    firn_search_result_destroy(cursor->near);
    fi_sql_vectors_end(cursor->stream);
    cursor->near = NULL;
    cursor->stream = NULL;
    cursor->keys = NULL;
    cursor->key_count = 0;
    cursor->key_at = 0;
    fi_sql_filter_free_memory(cursor->key_memory);
    cursor->key_memory = NULL;
    if (cursor->scan != NULL) {
        firn_scan_close(cursor->scan);
        cursor->scan = NULL;
    }
    fi_sql_query_end(&cursor->asking);
    cursor->batch = NULL;
    sqlite3_free(cursor->kept);
    cursor->kept = NULL;
    while (cursor->memory != NULL) {
        struct fi_sql_cursor_memory *next = cursor->memory->next;
        sqlite3_free(cursor->memory);
        cursor->memory = next;
    }
    cursor->has_other = false;
    cursor->source = FI_SQL_AT_END;
}

static void
note_asked(struct fi_sql_keep *keep, size_t number)
{
    keep->asked |= UINT64_C(1) << (number < 63 ? number : 63);
}

/* Notes the columns of the scan that SQLite has asked for. */
static void
note_cells(struct fi_sql_cursor *cursor)
{
    const bool has_asked = cursor->has_asked && cursor->keep != NULL;
    cursor->has_asked = cursor->has_asked && !has_asked;
    for (size_t i = 0; has_asked && i < cursor->read_count; i++) {
        struct fi_sqlvalue_cell *cell = &cursor->cells[cursor->columns[i]];
        if (cell->is_asked) {
            note_asked(cursor->keep, cursor->columns[i]);
            cell->is_asked = false;
        }
    }
}

static void
drop_keep(struct fi_sql_cursor *cursor)
{
    note_cells(cursor);
    fi_sql_keep_release(cursor->keep);
    cursor->keep = NULL;
}

/* From now on lookups are as if keys had never ascended. */
static void
end_merge(struct fi_sql_cursor *cursor)
{
    cursor->may_merge = false;
    cursor->has_merge_key = false;
    if (cursor->is_merging) {
        cursor->is_merging = false;
        drop_rows(cursor);
    }
    assert(cursor->source != FI_SQL_FROM_MERGE);
}

static void
release_rows(struct fi_sql_cursor *cursor)
{
    end_merge(cursor);
    drop_rows(cursor);
    drop_keep(cursor);
    fi_sql_view_unlink(&cursor->reader);
    fi_sql_view_release(fi_sql_cursor_table(cursor)->store, &cursor->view);
}

void
fi_sql_cursor_destroy(sqlite3_vtab_cursor *base)
{
    struct fi_sql_cursor *cursor = (struct fi_sql_cursor *)base;
    if (cursor != NULL) {
        fi_sql_cursor_scan_forget(cursor);
        firn_row_destroy(cursor->row);
        firn_row_destroy(cursor->other);
        sqlite3_free(cursor);
    }
}

int
fi_sql_cursor_close(sqlite3_vtab_cursor *base)
{
    struct fi_sql_cursor *cursor = (struct fi_sql_cursor *)base;
    struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    release_rows(cursor);
    cursor->is_again = false;
    fi_sql_keep_leave(table->store);
    fi_sql_cursor_destroy(table->spare);
    table->spare = base;
    return SQLITE_OK;
}

/* Of FIRN_NOT_FOUND: whether it is the row that is missing, and not the table, an index or a
 * column, which somebody dropped after the statement was prepared. */
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
get_row(struct fi_sql_cursor *cursor, const firn_value *key, size_t key_count, firn_error *err)
{
    assert(key_count == fi_sql_cursor_table(cursor)->orders[cursor->plan.order].count);
    const struct fi_sql_table *table = fi_sql_cursor_table(cursor);
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
    cursor->source = FI_SQL_AT_END;
    if (rc == FIRN_NOT_FOUND && is_of_row(err)) {
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        cursor->values = firn_row_values(cursor->row);
        cursor->source = FI_SQL_FROM_POINT;
    }
    return rc;
}

/* ---- lookups in memory ---- */

/* Which columns are read from now on. keep: of the cursor, or NULL for all of the plan. */
static int
choose_columns(struct fi_sql_cursor *cursor, const struct fi_sql_keep *keep, firn_error *err)
{
    const struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    return fi_sql_cursor_scan_read_only(cursor, fi_sql_keep_columns(keep, table, cursor->plan.used),
                                        err);
}

/* Reads the table: along with keys that ascend, or into memory. */
static int
read_table(struct fi_sql_cursor *cursor, int count, sqlite3_value **values, firn_error *err)
{
    struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    struct fi_sql_filter filter;
    assert(cursor->keep->lookup == NULL && !cursor->is_merging);
    if (!cursor->has_merge_key) {
        int rc = fi_sql_keep_read(cursor->keep, table, cursor->view.snapshot, &cursor->plan,
                                  &cursor->seeks, count, values, err);
        return rc == FIRN_NO_MEMORY ? FIRN_OK : rc;
    }
    int rc = fi_sql_filter_init_constant(&filter, table, &cursor->plan, count, values, err);
    if (rc == FIRN_OK && filter.is_empty) {
        cursor->keep->is_empty = true;
    } else if (rc == FIRN_OK) {
        rc = choose_columns(cursor, NULL, err); /* one scan, whose columns stay */
        rc = rc == FIRN_OK ? fi_sql_merge_begin(cursor, &filter, err) : rc;
    }
    fi_sql_filter_deinit(&filter);
    return rc;
}

/* Whether the rows are in memory, or a scan goes along with keys, or it is time for that: *out. */
static int
prepare_lookup(struct fi_sql_cursor *cursor, int count, sqlite3_value **values, bool *out,
               firn_error *err)
{
    struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    *out = false;
    if (!cursor->may_look_up || cursor->view.snapshot == NULL) {
        return FIRN_OK;
    }
    if (!cursor->is_again && table->store->cursor_count == 1) {
        return FIRN_OK; /* nothing is kept from before, and most statements look up one row */
    }
    if (cursor->keep == NULL) {
        cursor->keep =
            fi_sql_keep_take(table, &cursor->view, cursor->plan_text, &cursor->plan, values);
    }
    note_cells(cursor);
    if (cursor->keep == NULL || !fi_sql_keep_is_worth(cursor->keep, table, &cursor->plan)) {
        return FIRN_OK; /* it goes without memory, too */
    }
    int rc = FIRN_OK;
    if (cursor->keep->lookup == NULL && !cursor->keep->is_empty) {
        rc = read_table(cursor, count, values, err);
    }
    *out = rc == FIRN_OK &&
           (cursor->is_merging || cursor->keep->lookup != NULL || cursor->keep->is_empty);
    return rc;
}

/* Finds rows in memory or by a scan that goes along, if there is that: *out. */
static int
look_up(struct fi_sql_cursor *cursor, int count, sqlite3_value **values, bool *out, firn_error *err)
{
    assert(*out == false);
    struct fi_sql_filter filter;
    int rc = FIRN_OK;
    /* A cursor that is opened for each lookup, as those of subqueries are, has nothing that goes
     * along. */
    if (cursor->may_merge && cursor->is_again) {
        rc = fi_sql_merge_find(cursor, values, out, err);
        if (rc != FIRN_OK || *out) {
            return rc;
        }
        if (!cursor->may_merge) {
            end_merge(cursor);
        }
    }
    rc = prepare_lookup(cursor, count, values, out, err);
    if (!*out || cursor->is_merging || cursor->keep->is_empty) {
        return rc;
    }
    fi_sql_filter_init_keys(&filter, fi_sql_cursor_table(cursor), &cursor->plan, values);
    if (!filter.is_empty && filter.fixed + filter.joined_count == cursor->seeks.count) {
        firn_value key[FIRN_TABLE_KEY_COLUMNS_MAX];
        memcpy(key, filter.lower, filter.fixed * sizeof key[0]);
        memcpy(key + filter.fixed, filter.joined, filter.joined_count * sizeof key[0]);
        cursor->found = fi_sqlvalue_lookup_find(cursor->keep->lookup, key);
        cursor->source = cursor->found != 0 ? FI_SQL_FROM_LOOKUP : FI_SQL_AT_END;
    } else {
        *out = filter.is_empty;
    }
    fi_sql_filter_deinit(&filter);
    return rc;
}

/* Reads the row of the next of several keys that has one. */
static int
next_key(struct fi_sql_cursor *cursor, firn_error *err)
{
    assert(cursor->key_at <= cursor->key_count);
    int rc = FIRN_OK;
    cursor->source = FI_SQL_AT_END;
    while (rc == FIRN_OK && cursor->source == FI_SQL_AT_END) {
        if (cursor->key_at == cursor->key_count && cursor->stream != NULL) {
            rc = fi_sql_vectors_more(fi_sql_cursor_table(cursor), &cursor->view, cursor->stream,
                                     &cursor->near, err);
            cursor->key_count = rc == FIRN_OK ? firn_search_result_count(cursor->near) : 0;
        }
        if (cursor->key_at >= cursor->key_count) {
            break;
        }
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
read_many(struct fi_sql_cursor *cursor, struct fi_sql_filter *filter, firn_error *err)
{
    cursor->keys = filter->parameters;
    cursor->key_count = filter->parameter_count;
    cursor->key_memory = filter->memory;
    filter->parameters = NULL;
    filter->parameter_count = filter->parameter_capacity = 0;
    filter->memory = NULL;
    return next_key(cursor, err);
}

static int sql_cursor_detach(struct fi_sql_reader *reader, bool keep, firn_error *err);

static int
take_view(struct fi_sql_cursor *cursor, firn_error *err)
{
    struct fi_sql_store *store = fi_sql_cursor_table(cursor)->store;
    if (fi_sql_view_is_current(store, &cursor->view)) {
        return FIRN_OK;
    }
    end_merge(cursor);
    fi_sql_view_unlink(&cursor->reader);
    fi_sql_view_release(store, &cursor->view);
    drop_keep(cursor);
    FI_TRY_RETURN(fi_sql_view_take(store, &cursor->view, err));
    if (cursor->view.txn != NULL) {
        cursor->reader.detach = sql_cursor_detach;
        fi_sql_view_link(store, &cursor->reader);
    }
    return FIRN_OK;
}

/* How many rows SQLite is going to count before it looks at one. */
static uint64_t
skipped_rows(const struct fi_sql_cursor *cursor, int count, sqlite3_value **values)
{
    sqlite3_int64 rows = 0;
    assert(!cursor->plan.skips || count == 1); /* sql_plan.c: there is no other argument */
    if (cursor->plan.skips && sqlite3_value_type(values[count - 1]) == SQLITE_INTEGER) {
        rows = sqlite3_value_int64(values[count - 1]);
    }
    return rows > 0 ? (uint64_t)rows : 0;
}

static int
read_rows(struct fi_sql_cursor *cursor, int count, sqlite3_value **values, firn_error *err)
{
    struct fi_sql_filter filter;
    int rc =
        fi_sql_filter_init(&filter, fi_sql_cursor_table(cursor), &cursor->plan, count, values, err);
    if (rc == FIRN_OK && !filter.is_empty) {
        rc = filter.is_many    ? read_many(cursor, &filter, err)
             : filter.is_point ? get_row(cursor, filter.lower, filter.lower_count, err)
                               : fi_sql_cursor_scan_open(cursor, &filter,
                                                         skipped_rows(cursor, count, values), err);
    }
    fi_sql_filter_deinit(&filter);
    return rc;
}

/* A search: its arguments come last. */
static int
search_rows(struct fi_sql_cursor *cursor, int number, int count, sqlite3_value **values,
            firn_error *err)
{
    const struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    const int first = count - fi_sql_vectors_arguments(number);
    struct fi_sql_filter filter;
    int rc;
    FI_TRY_OUT(rc, fi_sql_filter_init(&filter, table, &cursor->plan, first, values, err));
    fi_sql_filter_leave_nans_out(&filter, table, &cursor->plan);
    FI_TRY_OUT(rc, fi_sql_vectors_search(table, &cursor->view, &filter, number, values + first,
                                         &cursor->near, &cursor->stream, err));
    if (cursor->near != NULL) {
        cursor->key_count = firn_search_result_count(cursor->near);
        rc = next_key(cursor, err);
    }
out:
    fi_sql_filter_deinit(&filter);
    return rc;
}

static int
filter_rows(struct fi_sql_cursor *cursor, int number, const char *plan, int count,
            sqlite3_value **values, firn_error *err)
{
    bool is_found = false;
    int rc = FIRN_OK;
    if (!fi_sql_cursor_scan_has_plan(cursor, plan)) {
        end_merge(cursor);
        drop_keep(cursor);
        rc = fi_sql_cursor_scan_plan(cursor, plan, err);
        cursor->is_again = false;
    }
    rc = rc == FIRN_OK ? take_view(cursor, err) : rc;
    if (!cursor->is_again && rc == FIRN_OK) {
        cursor->may_merge = cursor->view.snapshot != NULL && fi_sql_merge_is_possible(cursor);
    }
    if (rc == FIRN_OK && fi_sql_vectors_arguments(number) > 0) {
        rc = choose_columns(cursor, NULL, err);
        return rc != FIRN_OK ? rc : search_rows(cursor, number, count, values, err);
    }
    cursor->near =
        rc == FIRN_OK ? fi_sql_nearest_find(fi_sql_cursor_table(cursor), &cursor->view) : NULL;
    if (cursor->near != NULL) {
        cursor->key_count = firn_search_result_count(cursor->near);
        FI_TRY_RETURN(choose_columns(cursor, NULL, err));
        return next_key(cursor, err);
    }
    rc = rc == FIRN_OK ? look_up(cursor, count, values, &is_found, err) : rc;
    if (rc == FIRN_OK && !is_found) {
        rc = choose_columns(cursor, cursor->keep, err);
        const uint64_t began = cursor->keep != NULL ? fi_sql_keep_clock() : 0;
        rc = rc == FIRN_OK ? read_rows(cursor, count, values, err) : rc;
        if (cursor->keep != NULL) {
            fi_sql_keep_spend_time(cursor->keep, began);
        }
    }
    if (cursor->keep != NULL && cursor->source != FI_SQL_AT_END) {
        cursor->keep->found++;
    }
    return rc;
}

int
fi_sql_cursor_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count,
                     sqlite3_value **values)
{
    struct fi_sql_cursor *cursor = (struct fi_sql_cursor *)base;
    firn_error err;
    drop_rows(cursor);
    if (!cursor->is_merging && (cursor->keep == NULL || cursor->keep->lookup == NULL)) {
        fi_sql_known_check(fi_sql_cursor_table(cursor));
    }
    int rc = filter_rows(cursor, number, plan, count, values, &err);
    cursor->is_again = true;
    if (rc != FIRN_OK) {
        release_rows(cursor);
        if (rc == FIRN_INVALID || rc == FIRN_NOT_FOUND) {
            fi_sql_known_check_now(fi_sql_cursor_table(cursor));
        }
        return fi_sql_fail_table(base->pVtab, &err);
    }
    return SQLITE_OK;
}

/* The next row where it is not one of the same batch. */
static int
next_row(struct fi_sql_cursor *cursor, firn_error *err)
{
    cursor->has_other = false;
    cursor->at++;
    switch (cursor->source) {
    case FI_SQL_FROM_SCAN:
    case FI_SQL_FROM_KEYS:
        return cursor->at < cursor->batch_rows ? FIRN_OK : fi_sql_cursor_scan_next(cursor, err);
    case FI_SQL_FROM_MERGE:
        return fi_sql_merge_next(cursor, err);
    case FI_SQL_FROM_LOOKUP:
        cursor->found = fi_sqlvalue_lookup_next(cursor->keep->lookup, cursor->found);
        if (cursor->found == 0) {
            cursor->source = FI_SQL_AT_END;
        }
        return FIRN_OK;
    case FI_SQL_FROM_KEPT:
        if (cursor->at == cursor->kept_rows) {
            cursor->source = FI_SQL_AT_END;
        }
        return FIRN_OK;
    default:
        return next_key(cursor, err);
    }
}

static int
go_to_next(struct fi_sql_cursor *cursor)
{
    firn_error err;
    assert(cursor->source != FI_SQL_AT_END && cursor->source != FI_SQL_FROM_SKIPPED);
    if (cursor->source == FI_SQL_ABORTED) {
        return SQLITE_ABORT_ROLLBACK;
    }
    return next_row(cursor, &err) == FIRN_OK ? SQLITE_OK
                                             : fi_sql_fail_table(cursor->base.pVtab, &err);
}

int
fi_sql_cursor_next(sqlite3_vtab_cursor *base)
{
    struct fi_sql_cursor *cursor = (struct fi_sql_cursor *)base;
    if (cursor->source == FI_SQL_FROM_SKIPPED) {
        assert(cursor->skip_left > 0 && !cursor->has_other);
        if (--cursor->skip_left == 0) {
            cursor->source = FI_SQL_FROM_SCAN;
        }
        return SQLITE_OK;
    }
    if (cursor->source == FI_SQL_FROM_SCAN && cursor->at + 1 < cursor->batch_rows) {
        cursor->has_other = false;
        cursor->at++;
        return SQLITE_OK;
    }
    return go_to_next(cursor);
}

int
fi_sql_cursor_eof(sqlite3_vtab_cursor *base)
{
    return ((struct fi_sql_cursor *)base)->source == FI_SQL_AT_END;
}

/* ---- values ---- */

/* Value `place` of those that are read, or of a lookup's columns, of the row where the cursor
 * is. */
static firn_value
read_value(const struct fi_sql_cursor *cursor, size_t place)
{
    assert(place < cursor->read_count || cursor->source == FI_SQL_FROM_LOOKUP);
    switch (cursor->source) {
    case FI_SQL_FROM_POINT:
        return cursor->values[place];
    case FI_SQL_FROM_KEPT:
        return cursor->kept[cursor->at * cursor->read_count + place];
    case FI_SQL_FROM_SCAN:
    case FI_SQL_FROM_KEYS:
    case FI_SQL_FROM_MERGE:
        return fi_sql_cursor_scan_value(cursor, place);
    case FI_SQL_FROM_LOOKUP:
        return fi_sqlvalue_lookup_value(cursor->keep->lookup, cursor->found, place);
    default:
        return firn_null();
    }
}

/* Requires: the cursor is at a row that was read. */
static void
read_key(const struct fi_sql_cursor *cursor, firn_value *out)
{
    for (size_t i = 0; i < fi_sql_cursor_table(cursor)->orders[0].count; i++) {
        out[i] = read_value(cursor, i); /* they come first: take_columns, fi_sql_keep_read */
    }
}

/* Reads the whole row by its key. */
static int
read_other(struct fi_sql_cursor *cursor, firn_error *err)
{
    assert(cursor->source != FI_SQL_AT_END && cursor->source != FI_SQL_FROM_SKIPPED);
    const struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    firn_value key[FIRN_TABLE_KEY_COLUMNS_MAX];
    const char **names = sqlite3_malloc64(table->def->column_count * sizeof names[0]);
    if (names == NULL) {
        return fi_sqlvalue_no_memory(err);
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
give_key(struct fi_sql_cursor *cursor, sqlite3_context *ctx)
{
    firn_value key[FIRN_TABLE_KEY_COLUMNS_MAX];
    uint8_t *packed;
    size_t size;
    firn_error err;
    read_key(cursor, key);
    if (fi_sqlvalue_pack_key(key, fi_sql_cursor_table(cursor)->orders[0].count, &packed, &size,
                             &err) != FIRN_OK) {
        return SQLITE_NOMEM;
    }
    sqlite3_result_blob64(ctx, packed, size, sqlite3_free);
    return SQLITE_OK;
}

/* Reads the row with all columns. */
static int
sql_cursor_widen(struct fi_sql_cursor *cursor, firn_error *err)
{
    int rc = fi_sql_cursor_scan_widen(cursor, err);
    if (rc != FIRN_OK) {
        drop_rows(cursor);
    }
    return rc;
}

/* What is not a column of a batch that was asked for. */
static int
give_rare(struct fi_sql_cursor *cursor, sqlite3_context *ctx, int number)
{
    const struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    firn_error err;
    if (cursor->source == FI_SQL_ABORTED) {
        return SQLITE_ABORT_ROLLBACK;
    }
    if (fi_sql_vectors_has(table, (size_t)number)) {
        fi_sql_vectors_give(table, cursor->near, cursor->key_at - 1, ctx, (size_t)number);
        return SQLITE_OK;
    }
    if (cursor->source == FI_SQL_FROM_SKIPPED ||
        (cursor->source == FI_SQL_FROM_KEYS && !cursor->plan.is_bare &&
         (size_t)number < table->def->column_count)) {
        return sql_cursor_widen(cursor, &err) == FIRN_OK
                   ? fi_sql_cursor_column(&cursor->base, ctx, number)
                   : fi_sql_fail_table(cursor->base.pVtab, &err);
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
    assert(cursor->source != FI_SQL_FROM_LOOKUP ||
           (cursor->keep != NULL && cursor->keep->places != NULL));
    int32_t place = cursor->source == FI_SQL_FROM_LOOKUP ? cursor->keep->places[number]
                                                         : cursor->places[number];
    if (cursor->source == FI_SQL_FROM_KEYS && place >= (int32_t)table->orders[0].count) {
        cursor->is_not_bare = true; /* another time */
        place = -1;
    }
    const firn_table_column *column = &table->def->columns[number];
    if (place >= 0) {
        fi_sqlvalue_result(ctx, column, read_value(cursor, (size_t)place));
        return SQLITE_OK;
    }
    if (cursor->keep != NULL && !cursor->has_other) {
        cursor->keep->missed++;
    }
    if (!cursor->has_other && read_other(cursor, &err) != FIRN_OK) {
        return fi_sql_fail_table(cursor->base.pVtab, &err);
    }
    fi_sqlvalue_result(ctx, column, firn_row_values(cursor->other)[number]);
    return SQLITE_OK;
}

int
fi_sql_cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int number)
{
    struct fi_sql_cursor *cursor = (struct fi_sql_cursor *)base;
    struct fi_sqlvalue_cell *cell = &cursor->cells[number];
    const bool is_in_batch =
        cursor->source == FI_SQL_FROM_SCAN || cursor->source == FI_SQL_FROM_MERGE;
    if (is_in_batch && cell->give != NULL) {
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
fi_sql_cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    struct fi_sql_cursor *cursor = (struct fi_sql_cursor *)base;
    if (cursor->source == FI_SQL_ABORTED) {
        return SQLITE_ABORT_ROLLBACK;
    }
    if (cursor->source == FI_SQL_FROM_SKIPPED) {
        firn_error err;
        if (sql_cursor_widen(cursor, &err) != FIRN_OK) {
            return fi_sql_fail_table(base->pVtab, &err);
        }
    }
    *out = read_value(cursor, 0).as.i64; /* U32 and below are the same bits */
    return SQLITE_OK;
}

/* ---- the end of a transaction ---- */

static int
keep_bytes(struct fi_sql_cursor *cursor, firn_value *value, size_t *total, firn_error *err)
{
    if (!fi_type_has_bytes(value->type)) {
        return FIRN_OK;
    }
    size_t size = value->as.bytes.size;
    *total += size;
    struct fi_sql_cursor_memory *memory = sqlite3_malloc64(sizeof *memory + size + 1);
    if (memory == NULL) {
        return fi_sqlvalue_no_memory(err);
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
keep_row(struct fi_sql_cursor *cursor, firn_value **rows, size_t *count, size_t *capacity,
         size_t *total, firn_error *err)
{
    assert(*count <= *capacity);
    size_t width = cursor->read_count;
    if (*count == *capacity) {
        size_t more = *capacity == 0 ? 64 : 2 * *capacity;
        firn_value *grown = sqlite3_realloc64(*rows, more * width * sizeof grown[0]);
        if (grown == NULL) {
            return fi_sqlvalue_no_memory(err);
        }
        *rows = grown;
        *capacity = more;
    }
    firn_value *row = *rows + *count * width;
    *total += width * sizeof row[0];
    for (size_t i = 0; i < width; i++) {
        row[i] = read_value(cursor, i);
        FI_TRY_RETURN(keep_bytes(cursor, &row[i], total, err));
    }
    (*count)++;
    return *total <= KEPT_BYTES_MAX
               ? FIRN_OK
               : fi_sqlvalue_error(
                     err, FIRN_LIMIT,
                     "a statement that reads '%s' has too many rows left to commit: reset it first",
                     fi_sql_cursor_table(cursor)->name);
}

static int
keep_rows(struct fi_sql_cursor *cursor, firn_error *err)
{
    assert(cursor->kept == NULL && cursor->view.txn != NULL);
    firn_value *rows = NULL;
    size_t count = 0;
    size_t capacity = 0;
    size_t total = 0;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && cursor->source == FI_SQL_FROM_SCAN) {
        rc = keep_row(cursor, &rows, &count, &capacity, &total, err);
        if (rc == FIRN_OK && ++cursor->at == cursor->batch_rows) {
            rc = fi_sql_cursor_scan_next(cursor, err);
        }
    }
    cursor->kept = rows;
    cursor->kept_rows = count;
    cursor->at = 0;
    cursor->source = FI_SQL_FROM_KEPT;
    return rc;
}

static int
sql_cursor_detach(struct fi_sql_reader *reader, bool keep, firn_error *err)
{
    struct fi_sql_cursor *cursor =
        (struct fi_sql_cursor *)(void *)((char *)reader - offsetof(struct fi_sql_cursor, reader));
    int rc = FIRN_OK;
    if (cursor->source == FI_SQL_FROM_SCAN && keep) {
        rc = keep_rows(cursor, err);
    }
    if (cursor->source == FI_SQL_FROM_SCAN || rc != FIRN_OK) {
        drop_rows(cursor);
        cursor->source = FI_SQL_ABORTED;
    }
    firn_scan_close(cursor->scan);
    cursor->scan = NULL;
    cursor->view.txn = NULL;
    return rc;
}
