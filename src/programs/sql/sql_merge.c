/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_merge.c: lookups by keys that ascend: a scan goes along with them.
 *
 * A join often looks up a table in the order of its key, because the table that SQLite reads before
 * is in the order of the same numbers: the lines of an order for one order after the other. When it
 * is time to read the table for such lookups (sql_keep.c), it need not be put into memory: a scan
 * by the key is opened once, and each lookup goes on from the row where the last one ended.
 * Together they read the table once at most, a batch at a time, as a merge join does.
 *
 * Keys may repeat, as long as the batch has the first row of the last one. If a key comes that is
 * smaller, or whose rows began in an earlier batch, the scan ends, and lookups go on as if there
 * had been none.
 *
 * Invariants:
 * (I1) While is_merging, rows before `at` have keys up to merge_key, and rows from `at` on are not
 *      below it. Without a scan all rows were passed.
 * (I2) merge_first is the first row with merge_key, if there is one, and it is in the batch.
 */
#include "sql/sql_internal.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

/* Values of merge_first that are no row. */
#define LOST SIZE_MAX       /* it is in an earlier batch */
#define NONE (SIZE_MAX - 1) /* no row has the key */

bool
fi_sql_merge_is_possible(const struct fi_sql_cursor *cursor)
{
    const struct fi_sql_table *table = fi_sql_cursor_table(cursor);
    const uint32_t first = table->orders[0].columns[0];
    const firn_type type = table->def->columns[first].type;
    return cursor->may_look_up && cursor->plan.order == 0 && !cursor->plan.is_descending &&
           cursor->seeks.count == 1 && cursor->seeks.columns[0] == first &&
           fi_type_is_integer(type) && type != FIRN_TYPE_U64; /* its order is that of int64_t */
}

static const int64_t *
numbers_of(const struct fi_sql_cursor *cursor)
{
    assert(cursor->scan != NULL && cursor->batch_rows > 0);
    return cursor->cells[fi_sql_cursor_table(cursor)->orders[0].columns[0]].array.as.i64;
}

/* The first row of the batch, from `at` on, whose key is not below. */
static size_t
find_first(const struct fi_sql_cursor *cursor, size_t at, int64_t key)
{
    const int64_t *numbers = numbers_of(cursor);
    size_t step = 1;
    while (step < cursor->batch_rows - at && numbers[at + step] < key) { /* most often it is near */
        at += step;
        step *= 2;
    }
    size_t high = step < cursor->batch_rows - at ? at + step : cursor->batch_rows;
    while (at < high) {
        const size_t middle = at + (high - at) / 2;
        if (numbers[middle] < key) {
            at = middle + 1;
        } else {
            high = middle;
        }
    }
    return at;
}

/* The next batch; the scan closes at its end. */
static int
read_batch(struct fi_sql_cursor *cursor, firn_error *err)
{
    cursor->merge_first = LOST;
    int rc = fi_sql_cursor_scan_next(cursor, err);
    assert(rc != FIRN_OK || (cursor->scan == NULL) == (cursor->source == FI_SQL_AT_END));
    return rc;
}

/* Whether the cursor is at a row with the key. */
static void
see_row(struct fi_sql_cursor *cursor)
{
    const bool is_there =
        cursor->scan != NULL && numbers_of(cursor)[cursor->at] == cursor->merge_key;
    cursor->source = is_there ? FI_SQL_FROM_MERGE : FI_SQL_AT_END;
}

/* Goes to the first row with merge_key, from a row of the batch on. */
static int
go_to_key(struct fi_sql_cursor *cursor, size_t from, firn_error *err)
{
    int rc = FIRN_OK;
    assert(cursor->is_merging);
    while (rc == FIRN_OK && cursor->scan != NULL) {
        cursor->at = find_first(cursor, from, cursor->merge_key);
        if (cursor->at < cursor->batch_rows) {
            assert(numbers_of(cursor)[cursor->at] >= cursor->merge_key); /* (I1) */
            break;
        }
        rc = read_batch(cursor, err);
        from = 0;
    }
    if (rc == FIRN_OK) {
        see_row(cursor);
        cursor->merge_first = cursor->source == FI_SQL_FROM_MERGE ? cursor->at : NONE;
    }
    return rc;
}

int
fi_sql_merge_find(struct fi_sql_cursor *cursor, sqlite3_value **values, bool *out, firn_error *err)
{
    struct fi_sql_filter filter;
    assert(cursor->may_merge);
    fi_sql_filter_init_keys(&filter, fi_sql_cursor_table(cursor), &cursor->plan, values);
    const bool is_one = !filter.is_empty && filter.fixed == 1;
    const int64_t key = is_one ? filter.lower[0].as.i64 : 0;
    const bool is_again = cursor->has_merge_key && key == cursor->merge_key;
    *out = filter.is_empty && cursor->is_merging;
    fi_sql_filter_deinit(&filter);
    if (*out) {
        return FIRN_OK;
    }
    if (!is_one || (cursor->has_merge_key && key < cursor->merge_key) ||
        (cursor->is_merging && is_again && cursor->merge_first == LOST)) {
        cursor->may_merge = false;
        return FIRN_OK;
    }
    cursor->merge_key = key;
    cursor->has_merge_key = true;
    *out = cursor->is_merging;
    if (!*out) {
        return FIRN_OK;
    }
    cursor->keep->gets++;
    if (is_again && cursor->merge_first == NONE) {
        return FIRN_OK;
    }
    assert(!is_again || cursor->merge_first < cursor->batch_rows); /* (I2) */
    return go_to_key(cursor, is_again ? cursor->merge_first : cursor->at, err);
}

int
fi_sql_merge_begin(struct fi_sql_cursor *cursor, const struct fi_sql_filter *filter,
                   firn_error *err)
{
    assert(cursor->may_merge && cursor->has_merge_key && !cursor->is_merging);
    int rc = fi_sql_cursor_scan_from(cursor, filter, cursor->merge_key, err);
    cursor->is_merging = rc == FIRN_OK;
    return rc == FIRN_OK ? go_to_key(cursor, 0, err) : rc;
}

int
fi_sql_merge_next(struct fi_sql_cursor *cursor, firn_error *err)
{
    int rc = FIRN_OK;
    assert(cursor->source == FI_SQL_FROM_MERGE && cursor->at <= cursor->batch_rows);
    if (cursor->at == cursor->batch_rows) {
        rc = read_batch(cursor, err);
    }
    if (rc == FIRN_OK) {
        see_row(cursor);
    }
    return rc;
}
