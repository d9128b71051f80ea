/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_bulk.c: many rows inserted by one commit that bypasses the log.
 *
 * A load of a table is one bulk load of the store (store/db_bulk.c) into several keyspaces: part 0
 * is the table's, the others are those of its indexes. Rows that come in the order of the key are
 * written once, to their final place; others are sorted first, as the entries of indexes always
 * are. The commit checks that no key of the table or of a unique index is there twice. So a row
 * that exists already is found late, and fails the load as a whole. If the table has no index, a
 * load may replace such rows instead: then nothing is looked up, and of two rows with one key the
 * last stays.
 *
 * (I1) A row that was refused for its values has added nothing: all its entries are made before the
 *      first one is given to the load.
 * (I2) What is committed fits the table: the commit, while no other one can come, compares the
 *      record of the schema with the one that the rows were made with. An index that is added
 *      meanwhile conflicts with the load, or the load with it. (Not checked: check_schema tests it,
 *      and others may change it.)
 *
 * While rows come in order, they are collected column by column (rows_batch.c), which is several
 * times faster than one by one. If the table has no index, another thread writes whole batches
 * while the next one gathers rows. A batch that fills a row group takes far longer to write than to
 * gather, because the group is encoded then. So one more batch may wait.
 *
 *   batches:  [ being written | waits | gathers ]
 *                                                      ended <= begun, the number of the last one
 *
 * (I3) Nothing else is done with the inner load while batches are being written: any other use of
 *      it waits. If writing fails, the next call returns the failure. Batches are written in order,
 *      one at a time.
 * (I4) The batch that gathers is not being written: begun - ended < BATCHES.
 *
 * Auto numbers are taken from the table in blocks; the rest of the last block is returned if no
 * other thread took a number since.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "rows/rows_batch.h"
#include "rows/rows_internal.h"
#include "schema/schema_literal.h"
#include "storefile/storefile.h"

enum { AUTO_BLOCK = 4096, TEXT_MAX = 120, BATCHES = 3 };

/* A batch that gathers rows, or waits to be written. */
struct gathered {
    struct fi_rows_batch *rows; /* NULL: not needed so far */
    struct fi_buf key;          /* of the last row */
};

struct firn_table_bulk {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_table *table;
    struct fi_schema *schema;
    struct fi_buf record; /* of that schema */
    struct firn_db_bulk *inner;
    const struct fi_schema_column *number; /* the auto column; NULL: there is none */
    uint32_t *places;                      /* of the columns of the given values */
    size_t place_count;
    struct fi_cell *cells; /* of a row: defaults, except for those columns */
    bool *is_given;        /* of each column of the schema */
    uint64_t next_auto;    /* the next one to give, below auto_end */
    uint64_t auto_end;
    struct fi_buf key;
    struct fi_buf tuple;
    struct fi_buf *index_keys; /* of each index; as many values follow */
    uint64_t count;

    /* Rows in order, column by column. */
    bool may_gather; /* a batch can take such keys, and all rows came in order so far */
    struct gathered batches[BATCHES];
    struct fi_buf batch_key;  /* of the last row that came */
    uint64_t begun;           /* the number of the batch that gathers, from 0: see (I4) */
    struct fi_os_jobs *jobs;  /* of one thread; NULL: batches are written at once */
    struct fi_os_mutex mutex; /* guards the rest, if there are jobs */
    struct fi_os_cond has_ended;
    uint64_t ended; /* batches that were written, or failed */
    int written;    /* what the first failure returned: see (I3) */
    firn_error write_error;
    bool has_failed; /* rows that were taken are lost: there is no commit */
};

static struct fi_buf *
index_values(struct firn_table_bulk *bulk)
{
    return bulk->index_keys + bulk->schema->index_count;
}

/* ---- a row's key as text, for messages ---- */

static int
append_part(const struct fi_schema_column *column, bool is_nullable, firn_slice *rest,
            struct fi_buf *out)
{
    struct fi_buf memory = {0};
    struct fi_cell cell;
    int rc;
    FI_TRY(fi_tuple_key_read(rest, column->type, is_nullable, &memory, &cell));
    rc = cell.kind == FI_PHYSICAL_NONE ? fi_buf_append_slice(out, firn_str("null"))
                                       : fi_schema_literal_append(column, &cell, out);
out:
    fi_buf_deinit(&memory);
    return rc;
}

/* Appends the columns of a key: (1, 'Ada'). Values that cannot be written are left out. */
static void
append_key(const struct fi_schema *schema, const struct fi_schema_index *index, firn_slice key,
           struct fi_buf *out)
{
    size_t count = index != NULL ? index->column_count : schema->key_count;
    const uint32_t *places = index != NULL ? index->places : schema->key_places;
    int rc = fi_buf_append_slice(out, firn_str("("));
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        rc = i > 0 ? fi_buf_append_slice(out, firn_str(", ")) : FIRN_OK;
        rc =
            rc == FIRN_OK ? append_part(&schema->columns[places[i]], index != NULL, &key, out) : rc;
    }
    if (out->size > TEXT_MAX) {
        out->size = TEXT_MAX;
        while (out->size > 0 && (out->data[out->size - 1] & 0xc0) == 0x80) {
            out->size--;
        }
        out->size -= out->size > 0; /* the first byte of a character that may be cut */
        FI_IGNORE(fi_buf_append_slice(out, firn_str("...")));
    }
    FI_IGNORE(fi_buf_append_slice(out, firn_str(")")));
}

static int
rows_bulk_refuse(void *ctx, size_t part, firn_slice key, firn_error *err)
{
    const struct firn_table_bulk *bulk = ctx;
    const struct fi_schema *schema = bulk->schema;
    DCHECK(part <= schema->index_count);
    const struct fi_schema_index *index = part > 0 ? &schema->indexes[part - 1] : NULL;
    struct fi_buf text = {0};
    int rc;
    append_key(schema, index, key, &text);
    int size = (int)text.size;
    const char *shown = size > 0 ? (const char *)text.data : "";
    if (index == NULL) {
        rc = fi_error_set(err, FIRN_EXISTS,
                          "the table '%s' has, or would have twice, a row with the key %.*s",
                          fi_rows_name(bulk->table), size, shown);
    } else {
        rc = fi_error_set(err, FIRN_EXISTS,
                          "two rows of the table '%s' would have %.*s in the unique index '%s'",
                          fi_rows_name(bulk->table), size, shown, (const char *)index->name.data);
    }
    fi_buf_deinit(&text);
    return rc;
}

/* (I2) */
static int
check_schema(void *ctx, firn_error *err)
{
    const struct firn_table_bulk *bulk = ctx;
    struct fi_buf record = {0};
    int rc = fi_db_get(bulk->table->schemas, fi_rows_schema_key(bulk->table), &record, err);
    if (rc == FIRN_NOT_FOUND ||
        (rc == FIRN_OK && !fi_slice_equal(fi_buf_slice(&record), fi_buf_slice(&bulk->record)))) {
        rc = fi_error_set(err, FIRN_CONFLICT,
                          "the table '%s' was changed while rows were loaded into it",
                          fi_rows_name(bulk->table));
    }
    fi_buf_deinit(&record);
    return rc;
}

/* ---- opening and closing ---- */

/* Floating-point numbers in keys are not always those of the row: see tuple.h. */
static bool
has_plain_key(const struct fi_schema *schema)
{
    bool is_plain = true;
    for (size_t i = 0; i < schema->key_count; i++) {
        enum fi_physical kind = fi_physical_of(schema->columns[schema->key_places[i]].type);
        is_plain = is_plain && kind != FI_PHYSICAL_F32 && kind != FI_PHYSICAL_F64;
    }
    return is_plain;
}

static int
read_schema(struct firn_table_bulk *bulk, struct firn_snapshot *snapshot, firn_error *err)
{
    struct firn_table *table = bulk->table;
    FI_TRY_RETURN(fi_rows_schema(table, snapshot, &bulk->schema, err));
    FI_TRY_RETURN(
        fi_db_get_at(table->schemas, snapshot, fi_rows_schema_key(table), &bulk->record, err));
    bulk->number = fi_rows_auto_column(bulk->schema);
    bulk->may_gather = has_plain_key(bulk->schema);
    return FIRN_OK;
}

static int
rows_bulk_allocate(struct firn_table_bulk *bulk, firn_error *err)
{
    const struct fi_schema *schema = bulk->schema;
    bulk->places = fi_alloc_array(schema->column_count, sizeof *bulk->places);
    bulk->cells = fi_alloc_zeroed(schema->column_count * sizeof *bulk->cells);
    bulk->is_given = fi_alloc_zeroed(schema->column_count * sizeof *bulk->is_given);
    bulk->index_keys = fi_alloc_zeroed((2 * schema->index_count + 1) * sizeof *bulk->index_keys);
    return bulk->places != NULL && bulk->cells != NULL && bulk->is_given != NULL &&
                   bulk->index_keys != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "a load");
}

static int
take_column(struct firn_table_bulk *bulk, uint32_t place, firn_error *err)
{
    if (bulk->is_given[place]) {
        return fi_error_set(err, FIRN_INVALID, "the column '%s' is given twice",
                            (const char *)bulk->schema->columns[place].name.data);
    }
    bulk->is_given[place] = true;
    bulk->places[bulk->place_count++] = place;
    return FIRN_OK;
}

/* Finds the columns of the given values. */
static int
take_columns(struct firn_table_bulk *bulk, const struct fi_rows_bulk_options *options,
             firn_error *err)
{
    const struct fi_schema *schema = bulk->schema;
    if (options->columns == NULL) {
        for (uint32_t i = 0; i < schema->column_count; i++) {
            FI_TRY_RETURN(take_column(bulk, i, err));
        }
        return FIRN_OK;
    }
    for (size_t i = 0; i < options->column_count; i++) {
        const struct fi_schema_column *column;
        FI_TRY_RETURN(fi_schema_require(schema, firn_str(options->columns[i]), &column, err));
        FI_TRY_RETURN(take_column(bulk, (uint32_t)(column - schema->columns), err));
    }
    return FIRN_OK;
}

/* The other columns get their defaults, once. */
static int
take_defaults(struct firn_table_bulk *bulk, firn_error *err)
{
    for (size_t i = 0; i < bulk->schema->column_count; i++) {
        const struct fi_schema_column *column = &bulk->schema->columns[i];
        bulk->cells[i] = column->default_value;
        if (!bulk->is_given[i] && !column->is_nullable && !column->is_auto &&
            column->default_value.kind == FI_PHYSICAL_NONE) {
            return fi_error_set(err, FIRN_INVALID,
                                "the column '%s' may not be null, and has no default",
                                (const char *)column->name.data);
        }
    }
    return FIRN_OK;
}

static int
open_inner(struct firn_table_bulk *bulk, const struct fi_rows_bulk_options *options,
           struct firn_snapshot *snapshot, firn_error *err)
{
    const struct fi_schema *schema = bulk->schema;
    struct fi_db_bulk_part parts[1 + FIRN_TABLE_INDEXES_MAX] = {
        {.keyspace = bulk->table->rows,
         .is_unique = !options->replaces,
         .is_scattered = options->replaces}};
    if (options->replaces && schema->index_count > 0) {
        return fi_error_set(err, FIRN_CONFLICT, "the table '%s' has an index now",
                            fi_rows_name(bulk->table));
    }
    CHECK(schema->index_count <= FIRN_TABLE_INDEXES_MAX);
    for (size_t i = 0; i < schema->index_count; i++) {
        struct fi_db_bulk_part *part = &parts[1 + i];
        part->is_scattered = true;
        part->is_unique = schema->indexes[i].is_unique;
        FI_TRY_RETURN(fi_rows_index_keyspace(bulk->table, snapshot, &schema->indexes[i],
                                             &part->keyspace, err));
    }
    const struct fi_db_bulk_insert insert = {.parts = parts,
                                             .count = 1 + schema->index_count,
                                             .progress = options->progress,
                                             .refuse = rows_bulk_refuse,
                                             .check = check_schema,
                                             .ctx = bulk};
    return fi_db_bulk_open_insert(bulk->table->db, &insert, &bulk->inner, err);
}

int
fi_rows_bulk_open(struct firn_table *table, const struct fi_rows_bulk_options *options,
                  struct firn_table_bulk **out, firn_error *err)
{
    struct firn_snapshot *snapshot = NULL;
    int rc;
    *out = NULL;
    if (fi_db_is_read_only(table->db)) {
        return fi_error_set(err, FIRN_READ_ONLY, "the store was opened read-only");
    }
    struct firn_table_bulk *bulk = fi_alloc_zeroed(sizeof *bulk);
    if (bulk == NULL) {
        return fi_error_no_memory(err, "a load");
    }
    fi_os_process_init_mark(&bulk->mark);
    bulk->table = table;
    fi_os_mutex_init(fi_db_os(table->db), &bulk->mutex, FI_LOCK_TABLE);
    fi_os_cond_init(fi_db_os(table->db), &bulk->has_ended);
    FI_TRY(fi_db_snapshot_open(table->db, &snapshot, err));
    FI_TRY(read_schema(bulk, snapshot, err));
    FI_TRY(rows_bulk_allocate(bulk, err));
    FI_TRY(take_columns(bulk, options, err));
    FI_TRY(take_defaults(bulk, err));
    FI_TRY(open_inner(bulk, options, snapshot, err));
    *out = bulk;
    bulk = NULL;
out:
    fi_db_snapshot_close(snapshot);
    fi_rows_bulk_close(bulk);
    return rc;
}

void
fi_rows_bulk_close(struct firn_table_bulk *bulk)
{
    if (bulk == NULL) {
        return;
    }
    fi_os_jobs_destroy(bulk->jobs); /* (I3) */
    for (size_t i = 0; i < BATCHES; i++) {
        fi_rows_batch_destroy(bulk->batches[i].rows);
        fi_buf_deinit(&bulk->batches[i].key);
    }
    fi_os_cond_deinit(&bulk->has_ended);
    fi_os_mutex_deinit(&bulk->mutex);
    fi_buf_deinit(&bulk->batch_key);
    fi_db_bulk_close(bulk->inner);
    if (bulk->index_keys != NULL) {
        for (size_t i = 0; i < 2 * bulk->schema->index_count; i++) {
            fi_buf_deinit(&bulk->index_keys[i]);
        }
    }
    if (bulk->next_auto < bulk->auto_end) {
        fi_rows_auto_return(bulk->table, bulk->next_auto, bulk->auto_end);
    }
    fi_free(bulk->index_keys);
    fi_free(bulk->places);
    fi_free(bulk->cells);
    fi_free(bulk->is_given);
    fi_buf_deinit(&bulk->record);
    fi_buf_deinit(&bulk->key);
    fi_buf_deinit(&bulk->tuple);
    fi_schema_unref(bulk->schema);
    fi_free(bulk);
}

const struct fi_schema *
fi_rows_bulk_schema(const struct firn_table_bulk *bulk)
{
    return bulk->schema;
}

uint64_t
fi_rows_bulk_count(const struct firn_table_bulk *bulk)
{
    return bulk->count;
}

/* ---- batches ---- */

/* A batch takes up to 1/BATCH_SHARE of the size of the store's memory, in addition to that. */
enum { BATCH_SHARE = 16 };

static int
create_batch(struct firn_table_bulk *bulk, struct fi_rows_batch **out, firn_error *err)
{
    size_t memory = (size_t)fi_db_memory_bytes(bulk->table->db) / BATCH_SHARE;
    return fi_rows_batch_create(bulk->schema, memory, out, err);
}

static struct gathered *
batch_at(struct firn_table_bulk *bulk, uint64_t number)
{
    return &bulk->batches[number % BATCHES];
}

/* Writes the next batch, unless an earlier one has failed. */
static void
write_batch(void *arg)
{
    struct firn_table_bulk *bulk = arg;
    fi_os_mutex_lock(&bulk->mutex);
    struct gathered *batch = batch_at(bulk, bulk->ended);
    int rc = bulk->written;
    fi_os_mutex_unlock(&bulk->mutex);
    firn_error err;
    bool is_first = rc == FIRN_OK;
    if (is_first) {
        struct fi_run_columns columns;
        fi_rows_batch_columns(batch->rows, &columns);
        rc = fi_db_bulk_insert_columns(bulk->inner, 0, &columns, fi_buf_slice(&batch->key), &err);
    }
    fi_rows_batch_clear(batch->rows);
    fi_os_mutex_lock(&bulk->mutex);
    if (is_first && rc != FIRN_OK) {
        bulk->written = rc;
        bulk->write_error = err;
    }
    bulk->ended++;
    fi_os_cond_signal(&bulk->has_ended);
    fi_os_mutex_unlock(&bulk->mutex);
}

/* Whether no batch is being written or waits. */
static bool
is_idle(struct firn_table_bulk *bulk)
{
    fi_os_mutex_lock(&bulk->mutex);
    const bool is_so = bulk->begun == bulk->ended;
    fi_os_mutex_unlock(&bulk->mutex);
    return is_so;
}

/* Waits until at most so many batches are being written or wait. (I3) */
static int
wait_for_batches(struct firn_table_bulk *bulk, uint64_t most, firn_error *err)
{
    fi_os_mutex_lock(&bulk->mutex);
    while (bulk->begun - bulk->ended > most) {
        fi_os_cond_wait(&bulk->has_ended, &bulk->mutex);
    }
    DCHECK(bulk->begun - bulk->ended < BATCHES); /* (I4) */
    int rc = bulk->written;
    if (rc != FIRN_OK && err != NULL) {
        *err = bulk->write_error;
    }
    fi_os_mutex_unlock(&bulk->mutex);
    return rc;
}

/* Writes the batch that gathered, on the other thread if there is one, and begins the next one. */
static int
flush_batch(struct firn_table_bulk *bulk, firn_error *err)
{
    struct gathered *batch = batch_at(bulk, bulk->begun);
    int rc = FIRN_OK;
    if (batch->rows == NULL || fi_rows_batch_rows(batch->rows) == 0) {
        return FIRN_OK;
    }
    if (fi_buf_assign(&batch->key, fi_buf_slice(&bulk->batch_key)) != FIRN_OK) {
        return fi_error_no_memory(err, "a load");
    }
    if (bulk->jobs == NULL) {
        write_batch(bulk);
    } else {
        FI_TRY(fi_os_jobs_submit(bulk->jobs, write_batch, bulk, err));
    }
    bulk->begun++;
    FI_TRY(wait_for_batches(bulk, bulk->jobs != NULL ? BATCHES - 1 : 0, err));
    batch = batch_at(bulk, bulk->begun);
    if (batch->rows == NULL) {
        rc = create_batch(bulk, &batch->rows, err);
    }
    DCHECK(rc != FIRN_OK || fi_rows_batch_rows(batch->rows) == 0);
out:
    return rc;
}

/* Afterwards the inner load has all rows that were gathered, and no other thread uses it. */
static int
drain(struct firn_table_bulk *bulk, firn_error *err)
{
    int rc = flush_batch(bulk, err);
    return rc == FIRN_OK ? wait_for_batches(bulk, 0, err) : rc;
}

/* The first row that gathers. */
static int
begin_batches(struct firn_table_bulk *bulk, firn_error *err)
{
    FI_TRY_RETURN(create_batch(bulk, &bulk->batches[0].rows, err));
    if (bulk->schema->index_count == 0 && fi_os_has_threads(fi_db_os(bulk->table->db))) {
        FI_TRY_RETURN(fi_os_jobs_create(fi_db_os(bulk->table->db), 1, &bulk->jobs, err));
    }
    return FIRN_OK;
}

/* Whether the row is too large for a batch. The limits of rows are checked elsewhere. */
static bool
is_large(const struct firn_table_bulk *bulk)
{
    size_t size = 0;
    for (size_t i = 0; i < bulk->schema->column_count; i++) {
        const struct fi_cell *cell = &bulk->cells[i];
        size += cell->kind == FI_PHYSICAL_BYTES ? cell->as.bytes.size : 0;
    }
    return size > FI_RUN_COLUMNS_VALUE_MAX;
}

/* Whether the row whose key was made goes into a batch. If not, all batches are empty and none is
 * being written. */
static int
choose_way(struct firn_table_bulk *bulk, bool *out_gathers, firn_error *err)
{
    int rc = FIRN_OK;
    *out_gathers = false;
    if (!bulk->may_gather) {
        return FIRN_OK;
    }
    if (bulk->batches[0].rows == NULL) {
        if (!fi_db_bulk_takes_columns(bulk->inner, 0)) {
            /* It may later, if rows come in order. */
            return fi_buf_assign(&bulk->batch_key, fi_buf_slice(&bulk->key)) == FIRN_OK
                       ? FIRN_OK
                       : fi_error_no_memory(err, "a load");
        }
        FI_TRY(begin_batches(bulk, err));
    }
    if (fi_slice_compare(fi_buf_slice(&bulk->key), fi_buf_slice(&bulk->batch_key)) <= 0) {
        bulk->may_gather = false;
        return drain(bulk, err);
    }
    if (is_large(bulk)) {
        rc = drain(bulk, err);
    } else {
        *out_gathers = true;
    }
    FI_TRY(rc);
    if (fi_buf_assign(&bulk->batch_key, fi_buf_slice(&bulk->key)) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a load");
    }
out:
    return rc;
}

static int
rows_bulk_gather(struct firn_table_bulk *bulk, firn_error *err)
{
    struct fi_rows_batch *rows = batch_at(bulk, bulk->begun)->rows;
    if (fi_rows_batch_put(rows, bulk->cells, fi_buf_slice(&bulk->key)) != FIRN_OK) {
        return fi_error_no_memory(err, "a load");
    }
    return fi_rows_batch_is_full(rows) ? flush_batch(bulk, err) : FIRN_OK;
}

/* ---- rows ---- */

static int
number_row(struct firn_table_bulk *bulk, struct fi_cell *cell, firn_error *err)
{
    if (bulk->next_auto == bulk->auto_end) {
        uint64_t first;
        uint64_t count = AUTO_BLOCK;
        int rc = fi_rows_auto_take(bulk->table, bulk->number, &count, &first, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        bulk->next_auto = first;
        bulk->auto_end = first + count;
    }
    cell->kind = fi_physical_of(bulk->number->type);
    cell->as.u64 = bulk->next_auto++;
    return FIRN_OK;
}

/* A row was given a number: numbers that are taken later are above it. */
static void
skip_number(struct firn_table_bulk *bulk, const struct fi_cell *cell)
{
    uint64_t next = fi_rows_auto_note(bulk->table, cell);
    if (next > bulk->next_auto) {
        bulk->next_auto = next < bulk->auto_end ? next : bulk->auto_end;
    }
}

static int
take_values(struct firn_table_bulk *bulk, const firn_value *values, const bool *is_given,
            firn_error *err)
{
    const struct fi_schema *schema = bulk->schema;
    for (size_t i = 0; i < bulk->place_count; i++) {
        uint32_t place = bulk->places[i];
        const struct fi_schema_column *column = &schema->columns[place];
        bool is_left_out = is_given != NULL && !is_given[i];
        if (column->is_auto && (is_left_out || firn_is_null(values[i]))) {
            bulk->cells[place].kind = FI_PHYSICAL_NONE;
            continue;
        }
        if (is_left_out && column->default_value.kind != FI_PHYSICAL_NONE) {
            bulk->cells[place] = column->default_value;
            continue;
        }
        int rc = fi_schema_value_to_cell(column, &values[i], &bulk->cells[place], err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* Makes the key of a row, and all entries of indexes. */
static int
rows_bulk_encode(struct firn_table_bulk *bulk, firn_error *err)
{
    const struct fi_schema *schema = bulk->schema;
    fi_buf_clear(&bulk->key);
    FI_TRY_RETURN(fi_schema_row_write(schema, bulk->cells, &bulk->key, NULL, err));
    for (size_t i = 0; i < schema->index_count; i++) {
        struct fi_buf *key = &bulk->index_keys[i];
        struct fi_buf *value = &index_values(bulk)[i];
        fi_buf_clear(key);
        fi_buf_clear(value);
        FI_TRY_RETURN(fi_schema_index_entry(schema, &schema->indexes[i], bulk->cells,
                                            fi_buf_slice(&bulk->key), key, value, err));
    }
    return FIRN_OK;
}

/* Whether the row has its entry in each index: their keys are never empty. */
static bool
has_all_entries(const struct firn_table_bulk *bulk)
{
    bool has_all = bulk->key.size > 0;
    for (size_t i = 0; i < bulk->schema->index_count; i++) {
        has_all = has_all && bulk->index_keys[i].size > 0;
    }
    return has_all;
}

static int
refuse_over(firn_error *err)
{
    return fi_error_set(err, FIRN_MISUSE, "the load is over");
}

/* Gives a row to the load, without entries of indexes. */
static int
put_row(struct firn_table_bulk *bulk, firn_error *err)
{
    bool gathers;
    int rc = choose_way(bulk, &gathers, err);
    rc = rc == FIRN_OK && gathers ? rows_bulk_gather(bulk, err) : rc;
    bulk->has_failed = rc != FIRN_OK;
    if (rc != FIRN_OK || gathers) {
        return rc;
    }
    fi_buf_clear(&bulk->tuple);
    FI_TRY(fi_schema_row_write(bulk->schema, bulk->cells, NULL, &bulk->tuple, err));
    DCHECK(is_idle(bulk)); /* (I3) */
    rc = fi_db_bulk_insert(bulk->inner, 0, fi_buf_slice(&bulk->key), fi_buf_slice(&bulk->tuple),
                           err);
out:
    return rc;
}

/* Gives a row to the load. Requires: its cells are set, except for an auto number. */
static int
put_cells(struct firn_table_bulk *bulk, firn_error *err)
{
    int rc;
    bool is_numbered = false;
    if (bulk->number != NULL) {
        struct fi_cell *cell = &bulk->cells[bulk->schema->key_places[0]];
        is_numbered = cell->kind == FI_PHYSICAL_NONE;
        FI_TRY(is_numbered ? number_row(bulk, cell, err) : FIRN_OK);
    }
    FI_TRY(rows_bulk_encode(bulk, err));
    DCHECK(has_all_entries(bulk)); /* (I1) */
    FI_TRY(put_row(bulk, err));
    for (size_t i = 0; i < bulk->schema->index_count; i++) {
        FI_TRY(fi_db_bulk_insert(bulk->inner, 1 + i, fi_buf_slice(&bulk->index_keys[i]),
                                 fi_buf_slice(&index_values(bulk)[i]), err));
    }
    if (bulk->number != NULL && !is_numbered) {
        skip_number(bulk, &bulk->cells[bulk->schema->key_places[0]]);
    }
    bulk->count++;
out:
    if (is_numbered && !bulk->is_given[bulk->schema->key_places[0]]) {
        bulk->cells[bulk->schema->key_places[0]].kind = FI_PHYSICAL_NONE;
    }
    return rc;
}

/* Whether rows may go into a batch without being made into cells, because nothing else needs
 * cells. */
static bool
gathers_values(const struct firn_table_bulk *bulk)
{
    return bulk->may_gather && bulk->batches[0].rows != NULL && bulk->number == NULL &&
           bulk->schema->index_count == 0 && bulk->place_count == bulk->schema->column_count;
}

/* A fast path of take_values and put_cells for most rows. *out_is_there: the row was put. */
static int
put_values(struct firn_table_bulk *bulk, const firn_value *values, bool *out_is_there,
           firn_error *err)
{
    struct fi_rows_batch *rows = batch_at(bulk, bulk->begun)->rows;
    bool is_taken;
    *out_is_there = false;
    if (fi_rows_batch_offer(rows, bulk->places, values, bulk->cells, &is_taken) != FIRN_OK) {
        bulk->has_failed = true;
        return fi_error_no_memory(err, "a load");
    }
    if (!is_taken) {
        return FIRN_OK;
    }
    fi_buf_clear(&bulk->key);
    FI_TRY_RETURN(fi_schema_row_write(bulk->schema, bulk->cells, &bulk->key, NULL, err));
    if (fi_slice_compare(fi_buf_slice(&bulk->key), fi_buf_slice(&bulk->batch_key)) <= 0) {
        return FIRN_OK;
    }
    int rc = fi_rows_batch_accept(rows, fi_buf_slice(&bulk->key)) == FIRN_OK
                 ? FIRN_OK
                 : fi_error_no_memory(err, "a load");
    struct fi_buf key = bulk->batch_key;
    bulk->batch_key = bulk->key;
    bulk->key = key;
    rc = rc == FIRN_OK && fi_rows_batch_is_full(rows) ? flush_batch(bulk, err) : rc;
    bulk->has_failed = rc != FIRN_OK;
    bulk->count += rc == FIRN_OK;
    *out_is_there = true;
    return rc;
}

int
fi_rows_bulk_put_given(struct firn_table_bulk *bulk, const firn_value *values, const bool *is_given,
                       size_t count, firn_error *err)
{
    int rc;
    if (count != bulk->place_count) {
        return fi_error_set(err, FIRN_INVALID, "%zu values for the %zu columns of the load", count,
                            bulk->place_count);
    }
    if (bulk->has_failed) {
        return refuse_over(err);
    }
    const bool is_whole = is_given == NULL || memchr(is_given, false, count) == NULL;
    if (is_whole && gathers_values(bulk)) {
        bool is_there;
        rc = put_values(bulk, values, &is_there, err);
        if (rc != FIRN_OK || is_there) {
            return rc;
        }
    }
    FI_TRY_RETURN(take_values(bulk, values, is_given, err));
    return put_cells(bulk, err);
}

int
fi_rows_bulk_put(struct firn_table_bulk *bulk, const firn_value *values, size_t count,
                 firn_error *err)
{
    return fi_rows_bulk_put_given(bulk, values, NULL, count, err);
}

int
fi_rows_bulk_commit(struct firn_table_bulk *bulk, firn_error *err)
{
    int rc = bulk->has_failed ? refuse_over(err) : drain(bulk, err);
    bulk->has_failed = rc != FIRN_OK;
    DCHECK(rc != FIRN_OK || is_idle(bulk)); /* (I3) */
    return rc == FIRN_OK ? fi_db_bulk_commit(bulk->inner, err) : rc;
}
