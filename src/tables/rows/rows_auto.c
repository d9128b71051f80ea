/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_auto.c: the numbers that a table gives its rows.
 *
 * The first number after the store was opened is one above the largest key. From then on numbers
 * are counted in memory. A number that was given out is not given again, whether its transaction
 * commits or not. A row that is inserted with a larger number moves the count on. Only a load
 * (rows_bulk.c), which takes numbers in blocks, returns those that it has not used.
 *
 * (I1) next_auto is above every number that this handle has given out and not taken back, and above
 *      every number that it has inserted.
 *
 * Locking: the mutex of the table guards only the count. If two threads look for the largest key at
 * once, both results are right, and the count keeps the larger.
 *
 * Failure: FIRN_LIMIT after the largest number of the column's type.
 */
#include "base/check.h"
#include "rows/rows_internal.h"

const struct fi_schema_column *
fi_rows_auto_column(const struct fi_schema *schema)
{
    const struct fi_schema_column *column = &schema->columns[schema->key_places[0]];
    DCHECK(column->is_key);
    return schema->key_count == 1 && column->is_auto ? column : NULL;
}

/* The number after that of a key; 1 if the key is negative. There is none after UINT64_MAX, which
 * is returned itself: largest_of excludes it. */
static uint64_t
number_after(const struct fi_cell *cell)
{
    bool is_negative = cell->kind == FI_PHYSICAL_I64 && cell->as.i64 < 0;
    DCHECK(cell->kind == FI_PHYSICAL_I64 || cell->kind == FI_PHYSICAL_U64);
    bool is_largest = cell->as.u64 == UINT64_MAX;
    return is_negative ? 1 : cell->as.u64 + !is_largest;
}

static int
find_last_number(struct firn_table *table, const struct fi_schema_column *column, uint64_t *out,
                 firn_error *err)
{
    const struct fi_db_cursor_options options = {.keys_only = true};
    struct firn_db_cursor *cursor = NULL;
    struct fi_buf memory = {0};
    struct fi_cell cell;
    int rc;
    *out = 1;
    FI_TRY(fi_db_cursor_open(table->rows, &options, &cursor, err));
    FI_TRY(fi_db_cursor_last(cursor, err));
    if (fi_db_cursor_valid(cursor)) {
        firn_slice key = fi_db_cursor_key(cursor);
        rc = fi_tuple_key_read(&key, column->type, false, &memory, &cell);
        if (rc != FIRN_OK) {
            rc = fi_error_set(err, rc, "the table '%s' has a key that is not a number",
                              fi_rows_name(table));
        } else {
            *out = number_after(&cell);
        }
    }
out:
    fi_db_cursor_close(cursor);
    fi_buf_deinit(&memory);
    return rc;
}

static uint64_t
largest_of(firn_type type)
{
    const uint64_t max = fi_type_range_of(type, 1).max;
    return max < UINT64_MAX ? max : max - 1; /* so that the number after it is one */
}

int
fi_rows_auto_take(struct firn_table *table, const struct fi_schema_column *column, uint64_t *count,
                  uint64_t *out, firn_error *err)
{
    fi_os_mutex_lock(&table->mutex);
    bool is_known = table->has_next_auto;
    fi_os_mutex_unlock(&table->mutex);
    uint64_t next = 1;
    int rc = is_known ? FIRN_OK : find_last_number(table, column, &next, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    uint64_t last = largest_of(column->type);
    DCHECK(*count > 0);
    fi_os_mutex_lock(&table->mutex);
    next = table->next_auto > next ? table->next_auto : next;
    bool fits = next <= last;
    if (fits && *count > last - next) {
        *count = last - next + 1;
    }
    table->has_next_auto = true;
    DCHECK(!fits || next + *count > table->next_auto); /* (I1) */
    table->next_auto = fits ? next + *count : next;
    fi_os_mutex_unlock(&table->mutex);
    if (!fits) {
        return fi_error_set(err, FIRN_LIMIT, "the table '%s' has used up the numbers of '%s'",
                            fi_rows_name(table), (const char *)column->name.data);
    }
    *out = next;
    return FIRN_OK;
}

void
fi_rows_auto_return(struct firn_table *table, uint64_t next, uint64_t end)
{
    DCHECK(next <= end);
    fi_os_mutex_lock(&table->mutex);
    if (table->next_auto == end) {
        table->next_auto = next;
    }
    fi_os_mutex_unlock(&table->mutex);
}

/* Notes that a row has a number that was not given out. */
uint64_t
fi_rows_auto_note(struct firn_table *table, const struct fi_cell *cell)
{
    uint64_t next = number_after(cell);
    fi_os_mutex_lock(&table->mutex);
    if (next > table->next_auto) {
        table->next_auto = next;
    }
    fi_os_mutex_unlock(&table->mutex);
    return next;
}
