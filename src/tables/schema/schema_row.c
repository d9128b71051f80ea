/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_row.c: converts rows to entries of a table's tree, and back.
 *
 * The columns of the primary key make the entry's key, all others its tuple. A tuple stores nulls
 * explicitly: a column that is not in it is younger than the row, and has its initial value.
 *
 * Reading walks the tuple, the schema's columns and the wanted columns in parallel, all three
 * ascending. So it takes one pass, and stops after the last wanted column. The key is read only if
 * one of its columns is wanted.
 */
#include "schema/schema.h"

#include "base/check.h"
#include "base/search.h"
#include "firn/store.h"

/* ---- to entries ---- */

int
fi_schema_row_check(const struct fi_schema *schema, const firn_value *values, size_t count,
                    struct fi_cell *out, firn_error *err)
{
    int rc = FIRN_OK;
    if (count != schema->column_count) {
        return fi_error_set(err, FIRN_INVALID, "a row of %zu values, in a table of %zu columns",
                            count, schema->column_count);
    }
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        rc = fi_schema_value_to_cell(&schema->columns[i], &values[i], &out[i], err);
    }
    return rc;
}

static int
check_key_size(size_t size, firn_error *err)
{
    return size <= FIRN_TABLE_KEY_SIZE_MAX
               ? FIRN_OK
               : fi_error_set(err, FIRN_LIMIT,
                              "the columns of the primary key have %zu bytes as a key; at most %d "
                              "are allowed",
                              size, FIRN_TABLE_KEY_SIZE_MAX);
}

static int
write_key(const struct fi_schema *schema, const struct fi_cell *cells, struct fi_buf *out,
          firn_error *err)
{
    size_t start = out->size;
    int rc = FIRN_OK;
    for (size_t i = 0; i < schema->key_count && rc == FIRN_OK; i++) {
        uint32_t place = schema->key_places[i];
        DCHECK(cells[place].kind != FI_PHYSICAL_NONE);
        rc = fi_tuple_key_add(out, schema->columns[place].type, false, &cells[place]);
    }
    rc = rc != FIRN_OK ? fi_error_no_memory(err, "a key") : check_key_size(out->size - start, err);
    out->size = rc == FIRN_OK ? out->size : start;
    return rc;
}

static int
write_tuple(const struct fi_schema *schema, const struct fi_cell *cells, struct fi_buf *out,
            firn_error *err)
{
    struct fi_tuple_writer writer;
    fi_tuple_begin(&writer, out);
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct fi_schema_column *column = &schema->columns[i];
        if (!column->is_key) {
            DCHECK(fi_schema_value_is_sound(column, &cells[i]));
            fi_tuple_add(&writer, column->id, &cells[i]);
        }
    }
    size_t start = writer.start;
    if (fi_tuple_end(&writer) != FIRN_OK) {
        return fi_error_no_memory(err, "a row");
    }
    if (out->size - start > FIRN_VALUE_SIZE_MAX) {
        size_t size = out->size - start;
        out->size = start;
        return fi_error_set(err, FIRN_LIMIT, "a row has %zu bytes; at most %d are allowed", size,
                            FIRN_VALUE_SIZE_MAX);
    }
    return FIRN_OK;
}

int
fi_schema_row_write(const struct fi_schema *schema, const struct fi_cell *cells, struct fi_buf *key,
                    struct fi_buf *tuple, firn_error *err)
{
    size_t start = key != NULL ? key->size : 0;
    int rc = key != NULL ? write_key(schema, cells, key, err) : FIRN_OK;
    if (rc == FIRN_OK && tuple != NULL) {
        rc = write_tuple(schema, cells, tuple, err);
    }
    if (rc != FIRN_OK && key != NULL) {
        key->size = start;
    }
    return rc;
}

int
fi_schema_row_encode(const struct fi_schema *schema, const firn_value *values, size_t count,
                     struct fi_buf *key, struct fi_buf *tuple, firn_error *err)
{
    struct fi_cell cells[FIRN_TABLE_COLUMNS_MAX];
    int rc = fi_schema_row_check(schema, values, count, cells, err);
    return rc == FIRN_OK ? fi_schema_row_write(schema, cells, key, tuple, err) : rc;
}

int
fi_schema_row_key(const struct fi_schema *schema, const firn_value *values, size_t count,
                  struct fi_buf *out, firn_error *err)
{
    size_t start = out->size;
    int rc = FIRN_OK;
    if (count > schema->key_count) {
        return fi_error_set(err, FIRN_INVALID, "%zu values, for a primary key of %zu columns",
                            count, schema->key_count);
    }
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        const struct fi_schema_column *column = &schema->columns[schema->key_places[i]];
        struct fi_cell cell;
        rc = fi_schema_value_to_cell(column, &values[i], &cell, err);
        if (rc == FIRN_OK && fi_tuple_key_add(out, column->type, false, &cell) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a key");
        }
    }
    rc = rc == FIRN_OK ? check_key_size(out->size - start, err) : rc;
    out->size = rc == FIRN_OK ? out->size : start;
    return rc;
}

/* ---- from entries ---- */

static uint32_t
wanted_place(const struct fi_schema_wanted *wanted, size_t i)
{
    return wanted->places != NULL ? wanted->places[i] : (uint32_t)i;
}

/* The index of a place among the wanted ones, or where it would be. */
static size_t
find_wanted(const struct fi_schema_wanted *wanted, uint32_t place)
{
    size_t low = 0;
    size_t high = wanted->count;
    if (wanted->places == NULL) {
        return place;
    }
    FI_SEARCH_FIRST(low, high, middle, wanted->places[middle] < place);
    return low;
}

static int
schema_row_refuse(const struct fi_schema_column *column, const char *why, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "a row's column %s %s", (const char *)column->name.data,
                        why);
}

static int
read_key(const struct fi_schema *schema, firn_slice key, const struct fi_schema_wanted *wanted,
         struct fi_buf *memory, struct fi_cell *out, firn_error *err)
{
    int rc = FIRN_OK;
    fi_buf_clear(memory);
    if (fi_buf_reserve(memory, key.size) != FIRN_OK) { /* so that no bytes move */
        return fi_error_no_memory(err, "a key");
    }
    for (size_t i = 0; i < schema->key_count && rc == FIRN_OK; i++) {
        uint32_t place = schema->key_places[i];
        const struct fi_schema_column *column = &schema->columns[place];
        size_t at = find_wanted(wanted, place);
        struct fi_cell cell;
        rc = fi_tuple_key_read(&key, column->type, false, memory, &cell);
        if (rc == FIRN_NO_MEMORY) {
            return fi_error_no_memory(err, "a key");
        }
        if (rc != FIRN_OK || !fi_schema_value_is_sound(column, &cell)) {
            return schema_row_refuse(column, "has an impossible part in the key", err);
        }
        if (at < wanted->count && wanted_place(wanted, at) == place) {
            out[at] = cell;
        }
    }
    return key.size == 0
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT, "a row's key has %zu bytes too many", key.size);
}

static int
fill_in(const struct fi_schema_column *column, struct fi_cell *out, firn_error *err)
{
    if (column->is_key) {
        return FIRN_OK; /* read_key does that */
    }
    if (column->initial.kind == FI_PHYSICAL_NONE && !column->is_nullable) {
        return schema_row_refuse(column, "is missing", err);
    }
    *out = column->initial;
    return FIRN_OK;
}

/* Reads the wanted columns of the tuple; *out_needs_key: some wanted columns are of the key. */
static int
read_tuple(const struct fi_schema *schema, firn_slice tuple, const struct fi_schema_wanted *wanted,
           struct fi_cell *out, bool *out_needs_key, firn_error *err)
{
    struct fi_tuple_reader reader;
    struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
    uint32_t id = 0;
    bool is_corrupt = false;
    int rc = FIRN_OK;
    fi_tuple_reader_init(&reader, tuple);
    bool is_there = fi_tuple_next(&reader, &id, &cell, &is_corrupt);
    for (size_t i = 0; i < wanted->count && rc == FIRN_OK; i++) {
        const struct fi_schema_column *column = &schema->columns[wanted_place(wanted, i)];
        DCHECK(i == 0 || wanted_place(wanted, i - 1) < wanted_place(wanted, i));
        *out_needs_key = *out_needs_key || column->is_key;
        while (is_there && id < column->id) {
            is_there = fi_tuple_next(&reader, &id, &cell, &is_corrupt);
        }
        if (!is_there || id > column->id) {
            rc = fill_in(column, &out[i], err);
        } else if (column->is_key || !fi_schema_value_is_sound(column, &cell)) {
            rc = schema_row_refuse(column, "has an impossible value", err);
        } else {
            out[i] = cell;
        }
    }
    return is_corrupt ? fi_error_set(err, FIRN_CORRUPT, "the bytes of a row are no tuple") : rc;
}

int
fi_schema_row_read(const struct fi_schema *schema, firn_slice key, firn_slice tuple,
                   const struct fi_schema_wanted *wanted, struct fi_buf *memory,
                   struct fi_cell *out, firn_error *err)
{
    const struct fi_schema_wanted all = {NULL, schema->column_count};
    bool needs_key = false;
    wanted = wanted == NULL ? &all : wanted;
    DCHECK(wanted->count <= schema->column_count);
    int rc = read_tuple(schema, tuple, wanted, out, &needs_key, err);
    return rc == FIRN_OK && needs_key ? read_key(schema, key, wanted, memory, out, err) : rc;
}

int
fi_schema_row_decode(const struct fi_schema *schema, firn_slice key, firn_slice tuple,
                     const struct fi_schema_wanted *wanted, struct fi_buf *memory, firn_value *out,
                     firn_error *err)
{
    const struct fi_schema_wanted all = {NULL, schema->column_count};
    struct fi_cell cells[FIRN_TABLE_COLUMNS_MAX];
    wanted = wanted == NULL ? &all : wanted;
    int rc = fi_schema_row_read(schema, key, tuple, wanted, memory, cells, err);
    for (size_t i = 0; i < wanted->count && rc == FIRN_OK; i++) {
        out[i] = fi_schema_value_of(&schema->columns[wanted_place(wanted, i)], &cells[i]);
    }
    return rc;
}
