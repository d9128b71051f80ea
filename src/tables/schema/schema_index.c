/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_index.c: entries of secondary indexes.
 *
 * An index is a tree of its own with an entry for each row. The layout of entries is described in
 * schema.h. A null is equal to nothing. So the entry of a row with a null has the primary key in
 * its key, also in a unique index: such entries never conflict. Without a null, a unique index has
 * one key for all rows with the same values, so the second row finds the entry of the first.
 */
#include "schema/schema.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "firn/store.h"

/* Appends the parts of the first `count` columns. *out_has_null: at least one of them is. */
static int
add_parts(const struct fi_schema *schema, const struct fi_schema_index *index,
          const struct fi_cell *cells, struct fi_buf *out, bool *out_has_null)
{
    DCHECK(index->column_count > 0);
    int rc = FIRN_OK;
    *out_has_null = false;
    for (size_t i = 0; i < index->column_count && rc == FIRN_OK; i++) {
        uint32_t place = index->places[i];
        *out_has_null = *out_has_null || cells[place].kind == FI_PHYSICAL_NONE;
        rc = fi_tuple_key_add(out, schema->columns[place].type, true, &cells[place]);
    }
    return rc;
}

static int
check_key_size(const struct fi_schema_index *index, size_t size, firn_error *err)
{
    return size <= FIRN_TABLE_KEY_SIZE_MAX
               ? FIRN_OK
               : fi_error_set(err, FIRN_LIMIT,
                              "the columns of index %s have %zu bytes as a key; at most %d are "
                              "allowed",
                              (const char *)index->name.data, size, FIRN_TABLE_KEY_SIZE_MAX);
}

int
fi_schema_index_entry(const struct fi_schema *schema, const struct fi_schema_index *index,
                      const struct fi_cell *cells, firn_slice primary, struct fi_buf *out_key,
                      struct fi_buf *out_value, firn_error *err)
{
    DCHECK(cells != NULL && primary.size > 0);
    size_t key_start = out_key->size;
    size_t value_start = out_value->size;
    bool has_null = false;
    int rc;
    DCHECK(primary.size > 0);
    rc = add_parts(schema, index, cells, out_key, &has_null);
    if (rc == FIRN_OK) {
        bool is_alone = index->is_unique && !has_null;
        rc = fi_buf_append_slice(is_alone ? out_value : out_key, primary);
    }
    rc = rc != FIRN_OK ? fi_error_no_memory(err, "an entry of an index")
                       : check_key_size(index, out_key->size - key_start, err);
    if (rc != FIRN_OK) {
        out_key->size = key_start;
        out_value->size = value_start;
    }
    return rc;
}

int
fi_schema_index_prefix(const struct fi_schema *schema, const struct fi_schema_index *index,
                       const firn_value *values, size_t count, struct fi_buf *out,
                       bool *out_is_whole, firn_error *err)
{
    size_t start = out->size;
    bool has_null = false;
    int rc = FIRN_OK;
    DCHECK(count <= index->column_count);
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        const struct fi_schema_column *column = &schema->columns[index->places[i]];
        struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
        if (firn_is_null(values[i])) { /* allowed in a search for any column */
            has_null = true;
        } else {
            rc = fi_schema_value_to_cell(column, &values[i], &cell, err);
        }
        if (rc == FIRN_OK && fi_tuple_key_add(out, column->type, true, &cell) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a key");
        }
    }
    rc = rc == FIRN_OK ? check_key_size(index, out->size - start, err) : rc;
    out->size = rc == FIRN_OK ? out->size : start;
    if (out_is_whole != NULL) {
        *out_is_whole =
            rc == FIRN_OK && index->is_unique && !has_null && count == index->column_count;
    }
    return rc;
}

int
fi_schema_index_primary(const struct fi_schema *schema, const struct fi_schema_index *index,
                        firn_slice key, firn_slice value, firn_slice *out, firn_error *err)
{
    struct fi_buf memory = {0};
    bool has_null = false;
    int rc = FIRN_OK;
    for (size_t i = 0; i < index->column_count && rc == FIRN_OK; i++) {
        struct fi_cell cell;
        fi_buf_clear(&memory);
        rc = fi_tuple_key_read(&key, schema->columns[index->places[i]].type, true, &memory, &cell);
        has_null = has_null || (rc == FIRN_OK && cell.kind == FI_PHYSICAL_NONE);
    }
    fi_buf_deinit(&memory);
    if (rc == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "an entry of an index");
    }
    bool is_alone = index->is_unique && !has_null;
    if (rc != FIRN_OK || (key.size == 0) != is_alone || (value.size > 0) != is_alone) {
        *out = firn_bytes(NULL, 0);
        return fi_error_set(err, FIRN_CORRUPT, "an entry of index %s has an impossible key",
                            (const char *)index->name.data);
    }
    *out = is_alone ? value : key;
    return FIRN_OK;
}

/* Compares as keys do: -0 is 0, and all NaNs are one. */
static bool
same_part(const struct fi_cell *a, const struct fi_cell *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case FI_PHYSICAL_NONE:
        return true;
    case FI_PHYSICAL_F32:
        return a->as.f32 == b->as.f32 || (a->as.f32 != a->as.f32 && b->as.f32 != b->as.f32);
    case FI_PHYSICAL_F64:
        return a->as.f64 == b->as.f64 || (a->as.f64 != a->as.f64 && b->as.f64 != b->as.f64);
    case FI_PHYSICAL_BYTES:
        return fi_slice_equal(a->as.bytes, b->as.bytes);
    default:
        return a->as.u64 == b->as.u64;
    }
}

bool
fi_schema_index_differs(const struct fi_schema_index *index, const struct fi_cell *before,
                        const struct fi_cell *after)
{
    DCHECK(before != NULL && after != NULL);
    bool differs = false;
    for (size_t i = 0; i < index->column_count && !differs; i++) {
        uint32_t place = index->places[i];
        differs = !same_part(&before[place], &after[place]);
    }
    return differs;
}
