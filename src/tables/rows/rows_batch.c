/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_batch.c: rows of a load are collected column by column, in the layout that runs of
 * columns take.
 *
 * The numbers of a column are an array with room for all rows that a batch may have. Bytes are
 * concatenated, with an array of their sizes. While one batch is collected, another one is written
 * (rows_bulk.c).
 *
 * Most rows need no cells: a row that is offered is checked and copied after the last row in one
 * pass. If it is not accepted, the next offer overwrites it.
 *
 * (I1) A row that was not accepted leaves nothing but numbers after the last row: its bits of
 *      `valid` are 0, and the bytes of columns are those of the other rows. (Not checked:
 *      give_up_offer is called before anything reads them.)
 *
 * Memory: a batch has 8 bytes for each number and 4 for each size, for as many rows as the caller's
 * bound allows, from ROWS_MIN to ROWS_MAX. To this come up to BYTES_MAX of keys and bytes, or as
 * much as the bound, and the last row's.
 */
#include "rows/rows_batch.h"

#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/utf8.h"

enum { ROWS_MIN = 1 << 10, ROWS_MAX = 32 << 10, BYTES_MAX = 4 << 20, WORD_BITS = 64 };

struct column {
    uint32_t place; /* in the schema */
    uint32_t width;
    firn_type type;
    firn_type other_type; /* its values fit, too */
    bool is_bytes;
    bool is_key;
    bool is_nullable;
    bool has_null;
    int64_t min; /* min <= max: of whole numbers with a sign */
    int64_t max;
    uint8_t *numbers;
    uint64_t *valid;
    struct fi_buf bytes;
};

struct fi_rows_batch {
    struct column *columns;
    struct fi_run_column *given;
    size_t count;
    size_t rows_max; /* a multiple of WORD_BITS */
    size_t bytes_max;
    size_t rows;
    size_t bytes;
    size_t offered_bytes;           /* of the row that is offered */
    size_t offered_count;           /* columns that have its values */
    const uint32_t *offered_places; /* their places */
    uint32_t *key_sizes;
    struct fi_buf keys;
};

static size_t
words(const struct fi_rows_batch *batch)
{
    DCHECK(batch->rows_max % WORD_BITS == 0);
    return batch->rows_max / WORD_BITS;
}

/* Bytes of numbers and sizes for each row. */
static size_t
width_of(const struct fi_schema *schema)
{
    size_t width = sizeof(uint32_t);
    for (size_t i = 0; i < schema->column_count; i++) {
        enum fi_physical kind = fi_physical_of(schema->columns[i].type);
        width += kind == FI_PHYSICAL_BYTES || kind == FI_PHYSICAL_F32 ? 4 : 8;
    }
    return width;
}

static int
create_columns(struct fi_rows_batch *batch, const struct fi_schema *schema)
{
    batch->columns = fi_alloc_zeroed(schema->column_count * sizeof *batch->columns);
    batch->given = fi_alloc_zeroed(schema->column_count * sizeof *batch->given);
    batch->key_sizes = fi_alloc_array(batch->rows_max, sizeof *batch->key_sizes);
    if (batch->columns == NULL || batch->given == NULL || batch->key_sizes == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        struct column *column = &batch->columns[i];
        enum fi_physical kind = fi_physical_of(schema->columns[i].type);
        column->place = (uint32_t)i;
        column->type = schema->columns[i].type;
        column->other_type =
            fi_type_class_of(column->type) == FI_TYPE_CLASS_SIGNED ? FIRN_TYPE_I64 : column->type;
        column->is_bytes = kind == FI_PHYSICAL_BYTES;
        column->is_key = schema->columns[i].is_key;
        column->is_nullable = schema->columns[i].is_nullable;
        const struct fi_type_range range =
            fi_type_range_of(column->type, schema->columns[i].precision);
        column->min = kind == FI_PHYSICAL_I64 ? range.min : 1;
        column->max = kind == FI_PHYSICAL_I64 ? (int64_t)range.max : 0;
        column->width = column->is_bytes || kind == FI_PHYSICAL_F32 ? 4 : 8;
        batch->given[i].id = schema->columns[i].id;
        batch->count++;
        column->numbers = fi_alloc_array(batch->rows_max, column->width);
        column->valid = fi_alloc_zeroed(words(batch) * sizeof(uint64_t));
        if (column->numbers == NULL || column->valid == NULL) {
            return FIRN_NO_MEMORY;
        }
    }
    return FIRN_OK;
}

int
fi_rows_batch_create(const struct fi_schema *schema, size_t memory_bytes,
                     struct fi_rows_batch **out, firn_error *err)
{
    *out = fi_alloc_zeroed(sizeof **out);
    if (*out != NULL) {
        size_t rows = memory_bytes / width_of(schema) / WORD_BITS * WORD_BITS;
        (*out)->rows_max = rows < ROWS_MIN ? ROWS_MIN : rows < ROWS_MAX ? rows : ROWS_MAX;
        (*out)->bytes_max = memory_bytes < BYTES_MAX ? memory_bytes : BYTES_MAX;
    }
    if (*out == NULL || create_columns(*out, schema) != FIRN_OK) {
        fi_rows_batch_destroy(*out);
        *out = NULL;
        return fi_error_no_memory(err, "a load");
    }
    return FIRN_OK;
}

void
fi_rows_batch_destroy(struct fi_rows_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    for (size_t i = 0; i < batch->count; i++) {
        fi_free(batch->columns[i].numbers);
        fi_free(batch->columns[i].valid);
        fi_buf_deinit(&batch->columns[i].bytes);
    }
    fi_free(batch->columns);
    fi_free(batch->given);
    fi_free(batch->key_sizes);
    fi_buf_deinit(&batch->keys);
    fi_free(batch);
}

void
fi_rows_batch_clear(struct fi_rows_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct column *column = &batch->columns[i];
        if (column->has_null) {
            memset(column->valid, 0, words(batch) * sizeof(uint64_t));
            column->has_null = false;
        }
        fi_buf_clear(&column->bytes);
    }
    fi_buf_clear(&batch->keys);
    batch->offered_count = 0;
    batch->rows = 0;
    batch->bytes = 0;
}

bool
fi_rows_batch_is_full(const struct fi_rows_batch *batch)
{
    return batch->rows == batch->rows_max || batch->bytes >= batch->bytes_max;
}

size_t
fi_rows_batch_rows(const struct fi_rows_batch *batch)
{
    return batch->rows;
}

/* From here on each row has a bit that says whether it has a value. */
static void
begin_nulls(const struct fi_rows_batch *batch, struct column *column)
{
    column->has_null = true;
    for (size_t i = 0; i < batch->rows; i++) {
        column->valid[i / WORD_BITS] |= UINT64_C(1) << i % WORD_BITS;
    }
}

static int
put_bytes(struct fi_rows_batch *batch, struct column *column, firn_slice bytes)
{
    if (bytes.size > column->bytes.capacity - column->bytes.size &&
        fi_buf_reserve(&column->bytes, bytes.size) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    if (bytes.size > 0) {
        memcpy(column->bytes.data + column->bytes.size, bytes.data, bytes.size);
    }
    column->bytes.size += bytes.size;
    batch->bytes += bytes.size;
    fi_store_le32(column->numbers + 4 * batch->rows, (uint32_t)bytes.size);
    return FIRN_OK;
}

/* (I1) */
static void
give_up_offer(struct fi_rows_batch *batch)
{
    const size_t row = batch->rows;
    for (size_t i = 0; i < batch->offered_count; i++) {
        struct column *column = &batch->columns[batch->offered_places[i]];
        if (column->is_bytes) {
            column->bytes.size -= fi_load_le32(column->numbers + 4 * row);
        }
        column->valid[row / WORD_BITS] &= ~(UINT64_C(1) << row % WORD_BITS);
    }
    batch->offered_count = 0;
}

/* Copies text, and returns whether it is valid UTF-8. Most text is ASCII: this is checked by words
 * during the copy. */
static inline bool
copy_text(uint8_t *to, firn_slice text)
{
    const uint8_t *from = text.data;
    const size_t size = text.size;
    uint64_t all = 0;
    if (size >= 8) {
        uint64_t word;
        for (size_t at = 0; at + 8 < size; at += 8) {
            memcpy(&word, from + at, 8);
            memcpy(to + at, &word, 8);
            all |= word;
        }
        memcpy(&word, from + size - 8, 8);
        memcpy(to + size - 8, &word, 8);
        all |= word;
    } else if (size >= 4) {
        uint32_t first;
        uint32_t last;
        memcpy(&first, from, 4);
        memcpy(&last, from + size - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + size - 4, &last, 4);
        all = first | last;
    } else {
        for (size_t at = 0; at < size; at++) {
            to[at] = from[at];
            all |= from[at];
        }
    }
    return (all & UINT64_C(0x8080808080808080)) == 0 || fi_utf8_is_valid(text);
}

/* FIRN_INVALID: the value needs a closer look. */
static inline int
offer_text(struct column *column, size_t row, const firn_value *value)
{
    const firn_slice text = value->as.bytes;
    if (value->type != FIRN_TYPE_TEXT || column->type != FIRN_TYPE_TEXT ||
        text.size > FI_RUN_COLUMNS_VALUE_MAX) {
        return FIRN_INVALID;
    }
    if (text.size > column->bytes.capacity - column->bytes.size &&
        fi_buf_reserve(&column->bytes, text.size) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    if (text.size > 0 && !copy_text(column->bytes.data + column->bytes.size, text)) {
        return FIRN_INVALID;
    }
    column->bytes.size += text.size;
    fi_store_le32(column->numbers + 4 * row, (uint32_t)text.size);
    return FIRN_OK;
}

/* Numbers that are not whole, or are unsigned. */
static bool
offer_other(struct column *column, size_t row, const firn_value *value)
{
    if (value->type != column->type) {
        return false;
    }
    if (column->type == FIRN_TYPE_F32) {
        memcpy(column->numbers + 4 * row, &value->as.f32, 4);
        return true;
    }
    const uint64_t number = column->type == FIRN_TYPE_BOOL ? value->as.boolean : value->as.u64;
    memcpy(column->numbers + 8 * row, &number, 8);
    return column->type == FIRN_TYPE_F64 || number <= fi_type_range_of(column->type, 1).max;
}

static inline bool
offer_number(struct column *column, size_t row, const firn_value *value)
{
    const int64_t number = value->as.i64;
    if (column->min > column->max) {
        return offer_other(column, row, value);
    }
    const bool is_in = (number >= column->min) & (number <= column->max);
    memcpy(column->numbers + 8 * row, &number, 8);
    return is_in & ((value->type == column->type) | (value->type == column->other_type));
}

static bool
offer_null(struct fi_rows_batch *batch, struct column *column)
{
    if (!column->is_nullable) {
        return false;
    }
    if (!column->has_null) {
        begin_nulls(batch, column);
    }
    memset(column->numbers + column->width * batch->rows, 0, column->width);
    return true;
}

int
fi_rows_batch_offer(struct fi_rows_batch *batch, const uint32_t *places, const firn_value *values,
                    struct fi_cell *cells, bool *out_is_taken)
{
    const size_t row = batch->rows;
    const size_t count = batch->count;
    size_t size = 0;
    size_t i = 0;
    int rc = FIRN_OK;
    DCHECK(row < batch->rows_max);
    give_up_offer(batch);
    for (; i < count; i++) {
        struct column *column = &batch->columns[places[i]];
        const firn_value *value = &values[i];
        if (value->type == FIRN_TYPE_NULL) {
            if (!offer_null(batch, column)) {
                break;
            }
            continue;
        }
        if (column->is_bytes) {
            rc = offer_text(column, row, value);
            if (rc != FIRN_OK) {
                break;
            }
            size += value->as.bytes.size;
        } else if (!offer_number(column, row, value)) {
            break;
        }
        if (column->has_null) {
            column->valid[row / WORD_BITS] |= UINT64_C(1) << row % WORD_BITS;
        }
        if (column->is_key) {
            cells[places[i]] = fi_cell_of(value);
        }
    }
    batch->offered_bytes = size;
    batch->offered_count = i;
    batch->offered_places = places;
    *out_is_taken = i == count && size <= FI_RUN_COLUMNS_VALUE_MAX;
    if (!*out_is_taken) {
        give_up_offer(batch);
    }
    return rc == FIRN_NO_MEMORY ? rc : FIRN_OK;
}

int
fi_rows_batch_accept(struct fi_rows_batch *batch, firn_slice key)
{
    DCHECK(batch->offered_count == batch->count && batch->rows < batch->rows_max && key.size > 0);
    if (fi_buf_append_slice(&batch->keys, key) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    batch->key_sizes[batch->rows] = (uint32_t)key.size;
    batch->bytes += batch->offered_bytes + key.size;
    batch->offered_count = 0;
    batch->rows++;
    return FIRN_OK;
}

int
fi_rows_batch_put(struct fi_rows_batch *batch, const struct fi_cell *cells, firn_slice key)
{
    size_t row = batch->rows;
    DCHECK(row < batch->rows_max && key.size > 0);
    give_up_offer(batch);
    for (size_t i = 0; i < batch->count; i++) {
        struct column *column = &batch->columns[i];
        const struct fi_cell *cell = &cells[i];
        bool is_null = cell->kind == FI_PHYSICAL_NONE;
        if (is_null && !column->has_null) {
            begin_nulls(batch, column);
        }
        if (column->has_null && !is_null) {
            column->valid[row / WORD_BITS] |= UINT64_C(1) << row % WORD_BITS;
        }
        if (column->is_bytes) {
            if (put_bytes(batch, column, is_null ? firn_bytes(NULL, 0) : cell->as.bytes) !=
                FIRN_OK) {
                return FIRN_NO_MEMORY;
            }
        } else if (column->width == 8) {
            uint64_t bits = is_null ? 0 : cell->as.u64;
            memcpy(column->numbers + 8 * row, &bits, 8);
        } else {
            float number = is_null ? 0 : cell->as.f32;
            memcpy(column->numbers + 4 * row, &number, 4);
        }
    }
    if (fi_buf_append_slice(&batch->keys, key) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    batch->key_sizes[row] = (uint32_t)key.size;
    batch->bytes += key.size;
    batch->rows++;
    return FIRN_OK;
}

void
fi_rows_batch_columns(struct fi_rows_batch *batch, struct fi_run_columns *out)
{
    give_up_offer(batch);
    for (size_t i = 0; i < batch->count; i++) {
        const struct column *column = &batch->columns[i];
        batch->given[i].numbers = column->numbers;
        batch->given[i].bytes = column->bytes.data;
        batch->given[i].valid = column->has_null ? column->valid : NULL;
    }
    *out = (struct fi_run_columns){.columns = batch->given,
                                   .column_count = batch->count,
                                   .rows = batch->rows,
                                   .keys = batch->keys.data,
                                   .key_sizes = batch->key_sizes};
}
