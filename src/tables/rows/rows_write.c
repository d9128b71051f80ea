/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_write.c: inserting, replacing, changing and deleting rows, together with their entries
 * of indexes.
 *
 * A row that is written is first an array of cells, one for each column of the schema: given
 * values, defaults, and values that the row had before. Then its key and tuple go into the
 * transaction. In each index, the old entry of the row is deleted if it changes, and the new one is
 * put. The transaction reads whether a key or an entry of a unique index is free. If two
 * transactions take the same one, both write it, so one of them conflicts.
 *
 * (I1) A row and its entries are written by one commit, and expire at the same moment. So an entry
 *      of an index always has its row. (Not checked: both go through put() into one transaction;
 *      firn_table_check finds entries without rows.)
 */
#include <inttypes.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "rows/rows_internal.h"
#include "run/run_kind.h"

enum { CELLS_ON_STACK = 32 };

/* A write of one row, in a transaction. */
struct writing {
    struct firn_table *table;
    struct firn_txn *txn;
    struct fi_schema *schema;
    uint64_t ttl_ms;        /* 0: for ever */
    uint64_t expires_ms;    /* of the row and its entries; 0: never */
    struct fi_cell *cells;  /* the row that will be there */
    struct fi_cell *before; /* the row that was there, if has_before */
    bool has_before;
    struct fi_buf key;
    struct fi_buf tuple;
    struct fi_buf old_tuple; /* `before` refers to it and to old_memory */
    struct fi_buf old_memory;
    struct fi_buf index_key;
    struct fi_buf index_value;
    struct fi_buf found;
    struct fi_cell on_stack[2 * CELLS_ON_STACK];
};

static int
rows_write_begin(struct writing *writing, firn_error *err)
{
    FI_TRY_RETURN(fi_rows_schema_for_write(writing->table, writing->txn, &writing->schema, err));
    /* Not earlier: a transaction that has ended may have outlived its store. */
    writing->expires_ms = writing->ttl_ms != 0 ? fi_txn_end_ms(writing->txn, writing->ttl_ms) : 0;
    size_t count = writing->schema->column_count;
    DCHECK(count > 0 && count <= FIRN_TABLE_COLUMNS_MAX && writing->cells == NULL);
    writing->cells = writing->on_stack;
    if (count > CELLS_ON_STACK) {
        writing->cells = fi_alloc_zeroed(2 * count * sizeof(struct fi_cell));
        if (writing->cells == NULL) {
            writing->cells = writing->on_stack;
            return fi_error_no_memory(err, "a row");
        }
    }
    writing->before = writing->cells + count;
    return FIRN_OK;
}

static void
rows_write_end(struct writing *writing)
{
    if (writing->cells != writing->on_stack) {
        fi_free(writing->cells);
    }
    fi_schema_unref(writing->schema);
    fi_buf_deinit(&writing->key);
    fi_buf_deinit(&writing->tuple);
    fi_buf_deinit(&writing->old_tuple);
    fi_buf_deinit(&writing->old_memory);
    fi_buf_deinit(&writing->index_key);
    fi_buf_deinit(&writing->index_value);
    fi_buf_deinit(&writing->found);
}

/* ---- cells ---- */

/* The place of the i-th value that was given. */
static int
place_of(const struct writing *writing, const struct fi_rows_put *put, size_t i, size_t *out,
         firn_error *err)
{
    const struct fi_schema_column *column;
    *out = i;
    if (put->columns == NULL) {
        return FIRN_OK;
    }
    int rc = fi_schema_require(writing->schema, firn_str(put->columns[i]), &column, err);
    if (rc == FIRN_OK) {
        *out = (size_t)(column - writing->schema->columns);
    }
    return rc;
}

static int
check_count(const struct writing *writing, const struct fi_rows_put *put, firn_error *err)
{
    size_t count = writing->schema->column_count;
    if (put->columns != NULL ? put->count > count : put->count != count) {
        return fi_error_set(err, FIRN_INVALID, "%zu values for the %zu columns of the table '%s'",
                            put->count, count, fi_rows_name(writing->table));
    }
    return FIRN_OK;
}

/* The values that were given; is_given has a bit for each column. A null for an auto column counts
 * as not given. */
static int
take_values(struct writing *writing, const struct fi_rows_put *put, uint64_t *is_given,
            firn_error *err)
{
    const struct fi_schema *schema = writing->schema;
    int rc = check_count(writing, put, err);
    for (size_t i = 0; i < put->count && rc == FIRN_OK; i++) {
        size_t place;
        rc = place_of(writing, put, i, &place, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        const struct fi_schema_column *column = &schema->columns[place];
        uint64_t bit = UINT64_C(1) << place % 64;
        if ((is_given[place / 64] & bit) != 0) {
            return fi_error_set(err, FIRN_INVALID, "the column '%s' is given twice",
                                (const char *)column->name.data);
        }
        if (column->is_auto && firn_is_null(put->values[i])) {
            continue;
        }
        rc = fi_schema_value_to_cell(column, &put->values[i], &writing->cells[place], err);
        is_given[place / 64] |= bit;
    }
    return rc;
}

static bool
is_given(const uint64_t *given, size_t place)
{
    DCHECK(place < FIRN_TABLE_COLUMNS_MAX);
    return (given[place / 64] >> place % 64 & 1) != 0;
}

static int
take_auto(struct firn_table *table, const struct fi_schema_column *column, struct fi_cell *out,
          firn_error *err)
{
    uint64_t count = 1;
    out->kind = fi_physical_of(column->type);
    return fi_rows_auto_take(table, column, &count, &out->as.u64, err);
}

/* Sets the columns that were not given and are not taken from the existing row. */
static int
fill_column(struct writing *writing, size_t place, firn_error *err)
{
    const struct fi_schema_column *column = &writing->schema->columns[place];
    DCHECK(place < writing->schema->column_count);
    if (column->is_auto) {
        return take_auto(writing->table, column, &writing->cells[place], err);
    }
    if (column->default_value.kind == FI_PHYSICAL_NONE && !column->is_nullable) {
        return fi_error_set(err, FIRN_INVALID,
                            "the column '%s' may not be null, and has no default",
                            (const char *)column->name.data);
    }
    writing->cells[place] = column->default_value;
    return FIRN_OK;
}

static int
fill_defaults(struct writing *writing, const uint64_t *given, firn_error *err)
{
    const struct fi_schema_column *number = fi_rows_auto_column(writing->schema);
    size_t number_place = number != NULL ? writing->schema->key_places[0] : 0;
    bool is_numbered = number != NULL && is_given(given, number_place);
    int rc = FIRN_OK;
    for (size_t i = 0; i < writing->schema->column_count && rc == FIRN_OK; i++) {
        rc = is_given(given, i) ? FIRN_OK : fill_column(writing, i, err);
    }
    if (rc == FIRN_OK && is_numbered) {
        (void)fi_rows_auto_note(writing->table, &writing->cells[number_place]);
    }
    return rc;
}

/* For an update, the key must be given. */
static int
check_key_given(const struct writing *writing, const uint64_t *given, firn_error *err)
{
    const struct fi_schema *schema = writing->schema;
    for (size_t i = 0; i < schema->key_count; i++) {
        if (!is_given(given, schema->key_places[i])) {
            return fi_error_set(err, FIRN_INVALID, "the column '%s' of the key is missing",
                                (const char *)schema->columns[schema->key_places[i]].name.data);
        }
    }
    return FIRN_OK;
}

/* ---- the existing row ---- */

/* Reads the row under writing->key, if there is one. */
static int
read_before(struct writing *writing, firn_error *err)
{
    DCHECK(writing->key.size > 0);
    int rc = fi_txn_get(writing->txn, writing->table->rows, fi_buf_slice(&writing->key),
                        &writing->old_tuple, err);
    writing->has_before = rc == FIRN_OK;
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    return rc == FIRN_OK ? fi_schema_row_read(writing->schema, fi_buf_slice(&writing->key),
                                              fi_buf_slice(&writing->old_tuple), NULL,
                                              &writing->old_memory, writing->before, err)
                         : rc;
}

static int
refuse_missing(const struct writing *writing, firn_error *err)
{
    return fi_error_set(err, FIRN_NOT_FOUND, "the table '%s' has no row with that key",
                        fi_rows_name(writing->table));
}

/* ---- indexes ---- */

static int
make_entry(struct writing *writing, const struct fi_schema_index *index,
           const struct fi_cell *cells, firn_error *err)
{
    fi_buf_clear(&writing->index_key);
    fi_buf_clear(&writing->index_value);
    return fi_schema_index_entry(writing->schema, index, cells, fi_buf_slice(&writing->key),
                                 &writing->index_key, &writing->index_value, err);
}

/* FIRN_EXISTS: another row has the entry that was made. */
static int
check_unique(struct writing *writing, const struct fi_schema_index *index,
             struct firn_db_keyspace *keyspace, firn_error *err)
{
    if (!index->is_unique || writing->index_value.size == 0) {
        return FIRN_OK;
    }
    int rc =
        fi_txn_get(writing->txn, keyspace, fi_buf_slice(&writing->index_key), &writing->found, err);
    if (rc == FIRN_OK &&
        !fi_slice_equal(fi_buf_slice(&writing->found), fi_buf_slice(&writing->index_value))) {
        return fi_error_set(
            err, FIRN_EXISTS,
            "another row of the table '%s' has the same values in the unique index '%s'",
            fi_rows_name(writing->table), (const char *)index->name.data);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* A row and its entries expire at the same moment (I1). */
static int
rows_write_put(struct writing *writing, struct firn_db_keyspace *keyspace, firn_slice key,
               firn_slice value, firn_error *err)
{
    return writing->expires_ms == 0
               ? fi_txn_put(writing->txn, keyspace, key, value, err)
               : fi_txn_put_until(writing->txn, keyspace, key, value, writing->expires_ms, err);
}

static int
put_entry(struct writing *writing, struct firn_db_keyspace *keyspace, firn_error *err)
{
    DCHECK(writing->index_key.size > 0);
    return rows_write_put(writing, keyspace, fi_buf_slice(&writing->index_key),
                          fi_buf_slice(&writing->index_value), err);
}

/* Updates the row's entry in one index; puts: there is a row afterwards. */
static int
write_entry(struct writing *writing, const struct fi_schema_index *index, bool puts,
            firn_error *err)
{
    struct firn_db_keyspace *keyspace;
    DCHECK(puts || writing->has_before);
    bool differs = !puts || !writing->has_before ||
                   fi_schema_index_differs(index, writing->before, writing->cells);
    FI_TRY_RETURN(fi_rows_index_keyspace(writing->table, fi_txn_snapshot(writing->txn), index,
                                         &keyspace, err));
    if (puts) {
        FI_TRY_RETURN(make_entry(writing, index, writing->cells, err));
        FI_TRY_RETURN(check_unique(writing, index, keyspace, err));
        /* Even if it is there: the entry gets the row's time to live. */
        FI_TRY_RETURN(put_entry(writing, keyspace, err));
    }
    if (writing->has_before && differs) {
        FI_TRY_RETURN(make_entry(writing, index, writing->before, err));
        FI_TRY_RETURN(
            fi_txn_delete(writing->txn, keyspace, fi_buf_slice(&writing->index_key), err));
    }
    return FIRN_OK;
}

static int
write_entries(struct writing *writing, bool puts, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < writing->schema->index_count && rc == FIRN_OK; i++) {
        rc = write_entry(writing, &writing->schema->indexes[i], puts, err);
    }
    return rc;
}

/* ---- rows ---- */

static int
put_row(struct writing *writing, firn_error *err)
{
    DCHECK(writing->key.size > 0);
    return rows_write_put(writing, writing->table->rows, fi_buf_slice(&writing->key),
                          fi_buf_slice(&writing->tuple), err);
}

/* Makes the cells of the new row, and its key. */
static int
rows_write_compose(struct writing *writing, const struct fi_rows_put *put, firn_error *err)
{
    uint64_t given[FIRN_TABLE_COLUMNS_MAX / 64] = {0};
    const struct fi_schema *schema = writing->schema;
    FI_TRY_RETURN(take_values(writing, put, given, err));
    if (put->mode != FI_ROWS_UPDATE) {
        FI_TRY_RETURN(fill_defaults(writing, given, err));
        FI_TRY_RETURN(fi_schema_row_write(schema, writing->cells, &writing->key, NULL, err));
    } else {
        FI_TRY_RETURN(check_key_given(writing, given, err));
        FI_TRY_RETURN(fi_schema_row_write(schema, writing->cells, &writing->key, NULL, err));
    }
    /* Replacing rows of a table without indexes needs no old rows. */
    if (put->mode != FI_ROWS_UPSERT || schema->index_count > 0) {
        FI_TRY_RETURN(read_before(writing, err));
    }
    for (size_t i = 0; i < schema->column_count && put->mode == FI_ROWS_UPDATE; i++) {
        if (writing->has_before && !is_given(given, i)) {
            writing->cells[i] = writing->before[i];
        }
    }
    return FIRN_OK;
}

static int
write_row(struct writing *writing, const struct fi_rows_put *put, firn_error *err)
{
    FI_TRY_RETURN(rows_write_begin(writing, err));
    FI_TRY_RETURN(rows_write_compose(writing, put, err));
    if (put->mode == FI_ROWS_INSERT && writing->has_before) {
        return fi_error_set(err, FIRN_EXISTS, "the table '%s' has a row with that key already",
                            fi_rows_name(writing->table));
    }
    if (put->mode == FI_ROWS_UPDATE && !writing->has_before) {
        return refuse_missing(writing, err);
    }
    FI_TRY_RETURN(fi_schema_row_write(writing->schema, writing->cells, NULL, &writing->tuple, err));
    FI_TRY_RETURN(write_entries(writing, true, err));
    return put_row(writing, err);
}

/* If it fails half way, its writes are rolled back. */
static int
write_all_or_nothing(struct writing *writing, int (*write)(struct writing *, void *, firn_error *),
                     void *ctx, firn_error *err)
{
    uint64_t savepoint;
    int rc = fi_txn_savepoint(writing->txn, &savepoint, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = write(writing, ctx, err);
    if (rc == FIRN_MISUSE && writing->schema != NULL) {
        /* The transaction is open. It sees the record of a table that was dropped before it
         * began. */
        rc = fi_rows_say_missing(fi_rows_name(writing->table), err);
    }
    if (rc != FIRN_OK) {
        firn_error undoing;
        int undone = fi_txn_rollback_to(writing->txn, savepoint, &undoing);
        if (undone != FIRN_OK) {
            *err = undoing;
            rc = undone;
        }
    }
    firn_error releasing;
    int released = fi_txn_release(writing->txn, savepoint, &releasing);
    if (rc == FIRN_OK && released != FIRN_OK) {
        *err = releasing;
        rc = released;
    }
    return rc;
}

struct put_work {
    struct firn_table *table;
    const struct fi_rows_put *put;
    firn_value *out_auto;
};

static int
write_put(struct writing *writing, void *ctx, firn_error *err)
{
    const struct put_work *work = ctx;
    DCHECK(work->table == writing->table);
    int rc = write_row(writing, work->put, err);
    if (rc != FIRN_OK || work->out_auto == NULL) {
        return rc;
    }
    const struct fi_schema_column *column = fi_rows_auto_column(writing->schema);
    if (column == NULL) {
        return fi_error_set(err, FIRN_INVALID, "the table has no auto column");
    }
    *work->out_auto = fi_schema_value_of(column, &writing->cells[writing->schema->key_places[0]]);
    return FIRN_OK;
}

static int
put_in(void *ctx, struct firn_txn *txn, firn_error *err)
{
    struct put_work *work = ctx;
    struct writing writing = {.table = work->table, .txn = txn, .ttl_ms = work->put->ttl_ms};
    int rc = write_all_or_nothing(&writing, write_put, work, err);
    rows_write_end(&writing);
    return rc;
}

/* In the caller's transaction, or in one of its own. */
static int
rows_write_run(struct firn_table *table, struct firn_txn *txn, firn_durability durability,
               int (*work)(void *ctx, struct firn_txn *txn, firn_error *err), void *ctx,
               firn_error *err)
{
    if (txn != NULL) {
        return work(ctx, txn, err);
    }
    if (fi_db_is_read_only(table->db)) {
        return fi_error_set(err, FIRN_READ_ONLY, "the store was opened read-only");
    }
    const struct fi_txn_run own = {
        .durability = durability, .attempts_max = UINT32_MAX, .work = work, .ctx = ctx};
    return fi_txn_run(table->db, &own, err);
}

int
fi_rows_write_put(struct firn_table *table, struct firn_txn *txn, const struct fi_rows_put *put,
                  firn_durability durability, firn_value *out_auto, firn_error *err)
{
    struct put_work work = {table, put, out_auto};
    return rows_write_run(table, txn, durability, put_in, &work, err);
}

/* ---- adding to a number ---- */

/* Reads the row with a key, which must be there. */
static int
find_row(struct writing *writing, const firn_value *key, size_t key_count, firn_error *err)
{
    if (key_count != writing->schema->key_count) {
        return fi_error_set(err, FIRN_INVALID, "%zu values for the %zu columns of the key",
                            key_count, writing->schema->key_count);
    }
    FI_TRY_RETURN(fi_schema_row_key(writing->schema, key, key_count, &writing->key, err));
    FI_TRY_RETURN(read_before(writing, err));
    if (!writing->has_before) {
        return refuse_missing(writing, err);
    }
    return FIRN_OK;
}

struct add_work {
    struct firn_table *table;
    const struct fi_rows_add *add;
    firn_value *out;
};

static int
write_add(struct writing *writing, void *ctx, firn_error *err)
{
    const struct add_work *work = ctx;
    const struct fi_rows_add *add = work->add;
    const struct fi_schema_column *column;
    DCHECK(work->table == writing->table);
    FI_TRY_RETURN(rows_write_begin(writing, err));
    FI_TRY_RETURN(fi_schema_require(writing->schema, firn_str(add->column), &column, err));
    if (column->is_key) {
        return fi_error_set(err, FIRN_INVALID, "the column '%s' of the key cannot be added to",
                            add->column);
    }
    FI_TRY_RETURN(find_row(writing, add->key, add->key_count, err));
    for (size_t i = 0; i < writing->schema->column_count; i++) {
        writing->cells[i] = writing->before[i];
    }
    struct fi_cell *cell = &writing->cells[column - writing->schema->columns];
    FI_TRY_RETURN(fi_schema_value_add(column, cell, &add->number, err));
    FI_TRY_RETURN(fi_schema_row_write(writing->schema, writing->cells, NULL, &writing->tuple, err));
    FI_TRY_RETURN(write_entries(writing, true, err));
    FI_TRY_RETURN(put_row(writing, err));
    *work->out = fi_schema_value_of(column, cell);
    return FIRN_OK;
}

static int
add_in(void *ctx, struct firn_txn *txn, firn_error *err)
{
    struct add_work *work = ctx;
    struct writing writing = {.table = work->table, .txn = txn, .ttl_ms = work->add->ttl_ms};
    int rc = write_all_or_nothing(&writing, write_add, work, err);
    rows_write_end(&writing);
    return rc;
}

int
fi_rows_write_add(struct firn_table *table, struct firn_txn *txn, const struct fi_rows_add *add,
                  firn_durability durability, firn_value *out, firn_error *err)
{
    struct add_work work = {table, add, out};
    return rows_write_run(table, txn, durability, add_in, &work, err);
}

/* ---- deleting ---- */

struct delete_work {
    struct firn_table *table;
    const firn_value *key;
    size_t key_count;
};

static int
write_delete(struct writing *writing, void *ctx, firn_error *err)
{
    const struct delete_work *work = ctx;
    DCHECK(work->table == writing->table && writing->expires_ms == 0);
    FI_TRY_RETURN(rows_write_begin(writing, err));
    FI_TRY_RETURN(find_row(writing, work->key, work->key_count, err));
    FI_TRY_RETURN(write_entries(writing, false, err));
    return fi_txn_delete(writing->txn, writing->table->rows, fi_buf_slice(&writing->key), err);
}

static int
delete_in(void *ctx, struct firn_txn *txn, firn_error *err)
{
    struct delete_work *work = ctx;
    struct writing writing = {.table = work->table, .txn = txn};
    int rc = write_all_or_nothing(&writing, write_delete, work, err);
    rows_write_end(&writing);
    return rc;
}

int
fi_rows_write_delete(struct firn_table *table, struct firn_txn *txn, const firn_value *key,
                     size_t key_count, firn_durability durability, firn_error *err)
{
    struct delete_work work = {table, key, key_count};
    return rows_write_run(table, txn, durability, delete_in, &work, err);
}

/* ---- deleting a range ----
 *
 * One range delete deletes all rows. It counts as a write to every key of the range, so another
 * transaction that writes a row there conflicts, and no row that this one has not seen is deleted
 * without its entries (I1). The entries of the rows that it sees are deleted one by one. If all
 * rows are deleted, one range delete deletes all entries of an index. A range delete needs an upper
 * end: without a bound, that is just above the last key. */

/* The columns that a row's entries depend on. */
struct entry_columns {
    uint32_t *places; /* in the schema, ascending */
    uint32_t *ids;    /* of those outside of the key */
    size_t place_count;
    size_t id_count;
};

static bool
is_indexed(const struct fi_schema *schema, uint32_t place)
{
    for (size_t i = 0; i < schema->index_count; i++) {
        const struct fi_schema_index *index = &schema->indexes[i];
        for (size_t j = 0; j < index->column_count; j++) {
            if (index->places[j] == place) {
                return true;
            }
        }
    }
    return false;
}

/* Both arrays are in one piece of memory, which places points to. */
static int
choose_entry_columns(const struct fi_schema *schema, struct entry_columns *out, firn_error *err)
{
    *out = (struct entry_columns){.places = NULL};
    out->places = fi_alloc_zeroed(2 * schema->column_count * sizeof *out->places);
    if (out->places == NULL) {
        return fi_error_no_memory(err, "a row");
    }
    out->ids = out->places + schema->column_count;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (!is_indexed(schema, i)) {
            continue;
        }
        out->places[out->place_count++] = i;
        if (!schema->columns[i].is_key) {
            out->ids[out->id_count++] = schema->columns[i].id;
        }
    }
    DCHECK(out->place_count > 0 && out->place_count <= schema->column_count);
    return FIRN_OK;
}

/* Reads the row at a cursor into writing->before, which has only those columns. */
static int
take_before(struct writing *writing, const struct firn_db_cursor *cursor,
            const struct entry_columns *columns, firn_error *err)
{
    const struct fi_schema_wanted wanted = {columns->places, columns->place_count};
    /* Copies: the transaction's writes may move its earlier ones. */
    if (fi_buf_assign(&writing->key, fi_db_cursor_key(cursor)) != FIRN_OK ||
        fi_buf_assign(&writing->old_tuple, fi_db_cursor_value(cursor)) != FIRN_OK) {
        return fi_error_no_memory(err, "a row");
    }
    int rc = fi_schema_row_read(writing->schema, fi_buf_slice(&writing->key),
                                fi_buf_slice(&writing->old_tuple), &wanted, &writing->old_memory,
                                writing->cells, err);
    for (size_t i = 0; i < columns->place_count && rc == FIRN_OK; i++) {
        writing->before[columns->places[i]] = writing->cells[i];
    }
    writing->has_before = rc == FIRN_OK;
    return rc;
}

/* Deletes the entries of the rows of [lower, *upper); upper NULL: to the end. */
static int
delete_entries(struct writing *writing, firn_slice lower, const firn_slice *upper, firn_error *err)
{
    struct entry_columns columns;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(choose_entry_columns(writing->schema, &columns, err));
    const struct fi_run_projection projection = {.columns = columns.ids, .count = columns.id_count};
    const struct fi_db_cursor_options options = {
        .lower = &lower, .upper = upper, .projection = &projection};
    FI_TRY(fi_txn_cursor_open(writing->txn, writing->table->rows, &options, &cursor, err));
    FI_TRY(fi_db_cursor_first(cursor, err));
    while (fi_db_cursor_valid(cursor)) {
        FI_TRY(take_before(writing, cursor, &columns, err));
        FI_TRY(write_entries(writing, false, err));
        FI_TRY(fi_db_cursor_next(cursor, err));
    }
out:
    fi_db_cursor_close(cursor);
    fi_free(columns.places);
    return rc;
}

/* Appends the last key from lower on; nothing if there is none. */
static int
find_last_key(struct writing *writing, struct firn_db_keyspace *keyspace, firn_slice lower,
              struct fi_buf *out, firn_error *err)
{
    const struct fi_db_cursor_options options = {.lower = &lower, .keys_only = true};
    struct firn_db_cursor *cursor = NULL;
    int rc;
    DCHECK(out->size == 0);
    FI_TRY(fi_txn_cursor_open(writing->txn, keyspace, &options, &cursor, err));
    FI_TRY(fi_db_cursor_last(cursor, err));
    if (fi_db_cursor_valid(cursor) &&
        fi_buf_append_slice(out, fi_db_cursor_key(cursor)) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a bound");
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

_Static_assert((int)FIRN_TABLE_KEY_SIZE_MAX < (int)FIRN_KEY_SIZE_MAX,
               "a bound is above any key of a table");

/* Appends a bound above all keys that there can be. */
static int
append_end(struct fi_buf *out, firn_error *err)
{
    fi_buf_clear(out);
    if (fi_buf_set_size(out, FIRN_TABLE_KEY_SIZE_MAX + 1) != FIRN_OK) {
        return fi_error_no_memory(err, "a bound");
    }
    memset(out->data, 0xff, out->size);
    return FIRN_OK;
}

/* Appends a bound that is just above the last key from lower on; nothing if there is none. Where it
 * cannot be read, one that is above all keys, so that what is damaged can be deleted. */
static int
find_end(struct writing *writing, struct firn_db_keyspace *keyspace, firn_slice lower,
         struct fi_buf *out, firn_error *err)
{
    int rc = find_last_key(writing, keyspace, lower, out, err);
    if (rc == FIRN_CORRUPT) {
        return append_end(out, err);
    }
    FI_TRY(rc);
    DCHECK(out->size <= FIRN_TABLE_KEY_SIZE_MAX);
    if (out->size > 0 && fi_buf_append(out, "", 1) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a bound");
    }
out:
    return rc;
}

/* Deletes the keys of [lower, *upper) without reading them; upper NULL: to the end. */
static int
delete_keys(struct writing *writing, struct firn_db_keyspace *keyspace, firn_slice lower,
            const firn_slice *upper, firn_error *err)
{
    struct fi_buf end = {0};
    int rc = FIRN_OK;
    if (upper == NULL) {
        FI_TRY(find_end(writing, keyspace, lower, &end, err));
    }
    firn_slice high = upper != NULL ? *upper : fi_buf_slice(&end);
    if (fi_slice_compare(lower, high) < 0) {
        rc = fi_txn_delete_range(writing->txn, keyspace, lower, high, err);
    }
out:
    fi_buf_deinit(&end);
    return rc;
}

static int
delete_all_entries(struct writing *writing, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < writing->schema->index_count && rc == FIRN_OK; i++) {
        struct firn_db_keyspace *keyspace;
        rc = fi_rows_index_keyspace(writing->table, fi_txn_snapshot(writing->txn),
                                    &writing->schema->indexes[i], &keyspace, err);
        rc = rc == FIRN_OK ? delete_keys(writing, keyspace, firn_str(""), NULL, err) : rc;
    }
    return rc;
}

struct range_work {
    struct firn_table *table;
    const struct fi_rows_span *span;
};

static int
write_delete_range(struct writing *writing, void *ctx, firn_error *err)
{
    const struct range_work *work = ctx;
    struct fi_buf lower = {0};
    struct fi_buf upper = {0};
    bool has_lower;
    bool has_upper;
    int rc;
    DCHECK(work->table == writing->table && writing->expires_ms == 0);
    FI_TRY(rows_write_begin(writing, err));
    FI_TRY(fi_rows_read_bound(writing->schema, NULL, &work->span->lower, false, &lower, &has_lower,
                              err));
    FI_TRY(fi_rows_read_bound(writing->schema, NULL, &work->span->upper, true, &upper, &has_upper,
                              err));
    firn_slice low = has_lower ? fi_buf_slice(&lower) : firn_str("");
    firn_slice high = fi_buf_slice(&upper);
    if (has_upper && fi_slice_compare(low, high) >= 0) {
        goto out;
    }
    if (writing->schema->index_count > 0) {
        FI_TRY(!has_lower && !has_upper
                   ? delete_all_entries(writing, err)
                   : delete_entries(writing, low, has_upper ? &high : NULL, err));
    }
    FI_TRY(delete_keys(writing, writing->table->rows, low, has_upper ? &high : NULL, err));
out:
    fi_buf_deinit(&lower);
    fi_buf_deinit(&upper);
    return rc;
}

static int
delete_range_in(void *ctx, struct firn_txn *txn, firn_error *err)
{
    struct range_work *work = ctx;
    struct writing writing = {.table = work->table, .txn = txn};
    int rc = write_all_or_nothing(&writing, write_delete_range, work, err);
    rows_write_end(&writing);
    return rc;
}

int
fi_rows_write_delete_range(struct firn_table *table, struct firn_txn *txn,
                           const struct fi_rows_span *span, firn_durability durability,
                           firn_error *err)
{
    struct range_work work = {table, span};
    return rows_write_run(table, txn, durability, delete_range_in, &work, err);
}
