/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search_result.c: the rows that were found, in memory of their own.
 *
 * The keys of a search are encoded, as in the tree. They are decoded here, and the columns of the
 * result are read by key, in the state that was searched. So of rows that are not in the result, a
 * search reads only vectors, keys and the columns of its condition. Everything is copied, so a
 * result stays valid after the table is closed.
 *
 * Threads: one thread makes a result; any thread may read it.
 */
#include "base/check.h"
#include "base/mem.h"
#include "search/search_internal.h"

void
fi_search_result_free(struct firn_search_result *result)
{
    if (result != NULL) {
        fi_arena_deinit(&result->arena);
        fi_free(result->rows);
        fi_free(result);
    }
}

/* Copies a value, with its bytes, to the arena. */
static int
search_result_keep(struct fi_arena *arena, const firn_value *value, firn_value *out,
                   firn_error *err)
{
    *out = *value;
    if (value->type == FIRN_TYPE_NULL || fi_physical_of(value->type) != FI_PHYSICAL_BYTES) {
        return FIRN_OK;
    }
    /* Vectors are read as numbers, so they must be aligned. */
    uint8_t *bytes = fi_arena_alloc(arena, value->as.bytes.size);
    if (bytes == NULL) {
        return fi_error_no_memory(err, "a result");
    }
    if (value->as.bytes.size > 0) {
        memcpy(bytes, value->as.bytes.data, value->as.bytes.size);
    }
    out->as.bytes = firn_bytes(bytes, value->as.bytes.size);
    return FIRN_OK;
}

/* The values of an encoded key. */
static int
decode_key(const struct fi_schema *schema, firn_slice key, struct fi_buf *memory,
           struct fi_arena *arena, firn_value *out, firn_error *err)
{
    fi_buf_clear(memory);
    int rc = fi_buf_reserve(memory, key.size); /* so that no bytes move */
    for (size_t i = 0; rc == FIRN_OK && i < schema->key_count; i++) {
        const struct fi_schema_column *column = &schema->columns[schema->key_places[i]];
        struct fi_cell cell;
        rc = fi_tuple_key_read(&key, column->type, false, memory, &cell);
        if (rc == FIRN_OK) {
            const firn_value value = fi_schema_value_of(column, &cell);
            rc = search_result_keep(arena, &value, &out[i], err);
        }
    }
    CHECK(rc != FIRN_CORRUPT); /* this search encoded it */
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "a result") : rc;
}

struct fetching {
    struct firn_search_result *result;
    firn_value *values; /* of all rows */
    bool *is_gone;      /* of each row */
    firn_error *err;
};

static int
take_row(void *ctx, size_t i, const struct firn_row *row)
{
    struct fetching *fetching = ctx;
    struct firn_search_result *result = fetching->result;
    size_t count;
    int rc = FIRN_OK;
    DCHECK(i < result->count);
    fetching->is_gone[i] = row == NULL;
    if (row == NULL) {
        return FIRN_OK;
    }
    const firn_value *values = fi_rows_read_row_values(row, &count);
    firn_value *out = fetching->values + i * result->column_count;
    DCHECK(count == result->column_count);
    for (size_t k = 0; rc == FIRN_OK && k < count; k++) {
        rc = search_result_keep(&result->arena, &values[k], &out[k], fetching->err);
    }
    result->rows[i].values = out;
    return rc;
}

/* Leaves out the rows that have expired. */
static void
close_up(struct firn_search_result *result, const bool *is_gone)
{
    size_t kept = 0;
    for (size_t i = 0; i < result->count; i++) {
        result->rows[kept] = result->rows[i];
        kept += is_gone[i] ? 0 : 1;
    }
    DCHECK(kept <= result->count);
    result->count = kept;
}

static int
search_result_fetch(struct firn_table *table, const struct fi_search_request *request,
                    struct firn_snapshot *snapshot, const firn_value *keys,
                    struct firn_search_result *result, firn_error *err)
{
    const struct fi_rows_read read = {.txn = request->txn,
                                      .snapshot = request->txn != NULL ? NULL : snapshot,
                                      .columns = request->columns,
                                      .column_count = request->column_count};
    struct fetching fetching = {.result = result, .err = err};
    const struct fi_rows_many many = {.keys = keys,
                                      .key_count = result->key_count,
                                      .count = result->count,
                                      .visit = take_row,
                                      .ctx = &fetching};
    if (result->count == 0 || request->column_count == 0) {
        return FIRN_OK;
    }
    fetching.is_gone = fi_alloc_zeroed(result->count * sizeof fetching.is_gone[0]);
    fetching.values = fi_arena_alloc(&result->arena, result->count * request->column_count *
                                                         sizeof fetching.values[0]);
    int rc = fetching.is_gone == NULL || fetching.values == NULL
                 ? fi_error_no_memory(err, "a result")
                 : fi_rows_read_get_many(table, &read, &many, err);
    if (rc == FIRN_OK) {
        close_up(result, fetching.is_gone);
    }
    fi_free(fetching.is_gone);
    return rc;
}

int
fi_search_result_make(struct firn_table *table, const struct fi_search_request *request,
                      struct firn_snapshot *snapshot, const struct fi_schema *schema,
                      const struct fi_search_top *top, struct firn_search_result **out,
                      firn_error *err)
{
    const size_t count = top->count > 0 ? top->count : 1;
    struct fi_buf memory = {0};
    int rc = FIRN_OK;
    *out = NULL;
    struct firn_search_result *result = fi_alloc_zeroed(sizeof *result);
    if (result == NULL) {
        return fi_error_no_memory(err, "a result");
    }
    result->key_count = schema->key_count;
    result->column_count = request->column_count;
    result->rows = fi_alloc_array(count, sizeof result->rows[0]);
    firn_value *keys =
        fi_arena_alloc(&result->arena, count * schema->key_count * sizeof(firn_value));
    if (result->rows == NULL || keys == NULL) {
        rc = fi_error_no_memory(err, "a result");
        goto out;
    }
    for (size_t i = 0; i < top->count; i++) {
        firn_value *key = keys + i * schema->key_count;
        FI_TRY(
            decode_key(schema, fi_buf_slice(&top->heap[i].key), &memory, &result->arena, key, err));
        result->rows[i] = (struct fi_search_row){.distance = top->heap[i].distance, .key = key};
    }
    result->count = top->count;
    FI_TRY(search_result_fetch(table, request, snapshot, keys, result, err));
    *out = result;
    result = NULL;
out:
    fi_buf_deinit(&memory);
    fi_search_result_free(result);
    return rc;
}
