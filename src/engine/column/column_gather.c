/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_gather.c: collects the values of one column until they become a chunk.
 *
 * Numbers are contiguous, as a chunk needs them. Bytes follow each other, with their sizes in
 * another array; slices are made at the end, when the bytes no longer move. A null is 0 or empty,
 * and has a bit.
 *
 * Memory: the bytes of the values, 4 more for each that is bytes, a bit for each; at the end 16
 * bytes for each slice, which all columns share.
 */
#include "column/column_internal.h"

#include "base/mem.h"

enum { WORD_BITS = 64, SIZE_SIZE = 4 };

void
fi_column_gather_deinit(struct fi_column_gather *gather)
{
    fi_buf_deinit(&gather->numbers);
    fi_buf_deinit(&gather->bytes);
    fi_buf_deinit(&gather->valid);
    fi_buf_deinit(&gather->references);
}

void
fi_column_gather_clear(struct fi_column_gather *gather)
{
    gather->count = 0;
    gather->null_count = 0;
    gather->value_bytes = 0;
    fi_buf_clear(&gather->numbers);
    fi_buf_clear(&gather->bytes);
    fi_buf_clear(&gather->valid);
    fi_buf_clear(&gather->references);
}

/* Bytes of a number, or of the size of bytes. */
static size_t
width_of(const struct fi_column_shape *shape)
{
    return shape->kind == FI_PHYSICAL_F32 || shape->kind == FI_PHYSICAL_BYTES ? SIZE_SIZE : 8;
}

static uint64_t *
words_of(const struct fi_column_gather *gather)
{
    return (uint64_t *)(void *)gather->valid.data;
}

/* Makes room for n more, and their bits, which say null. */
static int
column_gather_reserve(struct fi_column_gather *gather, size_t n)
{
    size_t words = (gather->count + n + WORD_BITS - 1) / WORD_BITS;
    size_t before = gather->valid.size;
    int rc = fi_buf_reserve(&gather->numbers, n * width_of(&gather->shape));
    DCHECK(gather->count + n <= FI_CHUNK_VALUES_MAX);
    if (rc == FIRN_OK && words * sizeof(uint64_t) > before) {
        rc = fi_buf_set_size(&gather->valid, words * sizeof(uint64_t));
        if (rc == FIRN_OK) {
            memset(gather->valid.data + before, 0, gather->valid.size - before);
        }
    }
    return rc;
}

static void
set_valid(struct fi_column_gather *gather, size_t i)
{
    DCHECK(i / WORD_BITS < gather->valid.size / sizeof(uint64_t)); /* reserve */
    words_of(gather)[i / WORD_BITS] |= UINT64_C(1) << i % WORD_BITS;
}

/* Notes that the value that comes next refers. */
static int
set_reference(struct fi_column_gather *gather)
{
    if (!fi_column_gather_has_references(gather)) {
        if (fi_buf_set_size(&gather->references, FI_CHUNK_VALUES_MAX / 8) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
        memset(gather->references.data, 0, gather->references.size);
    }
    ((uint64_t *)(void *)gather->references.data)[gather->count / WORD_BITS] |=
        UINT64_C(1) << gather->count % WORD_BITS;
    return FIRN_OK;
}

/* Appends one value. Requires: there is room, except for its bytes. */
static int
column_gather_put(struct fi_column_gather *gather, const struct fi_cell *cell)
{
    uint8_t *at = gather->numbers.data + gather->numbers.size;
    bool is_bytes = gather->shape.kind == FI_PHYSICAL_BYTES;
    bool is_null = cell->kind == FI_PHYSICAL_NONE;
    size_t size = is_bytes && !is_null ? cell->as.bytes.size : 0;
    DCHECK(is_null || cell->kind == gather->shape.kind ||
           (is_bytes && cell->kind == FI_PHYSICAL_REFERENCE));
    if (cell->kind == FI_PHYSICAL_REFERENCE && set_reference(gather) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    if (size > 0 && fi_buf_append_slice(&gather->bytes, cell->as.bytes) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    if (is_bytes) {
        fi_store_le32(at, (uint32_t)size);
    } else if (is_null) {
        memset(at, 0, width_of(&gather->shape));
    } else {
        memcpy(at, &cell->as, width_of(&gather->shape));
    }
    gather->numbers.size += width_of(&gather->shape);
    if (is_null) {
        gather->null_count++;
    } else {
        set_valid(gather, gather->count);
    }
    gather->count++;
    DCHECK(gather->numbers.size == gather->count * width_of(&gather->shape));
    gather->value_bytes += fi_column_gather_cost(&gather->shape, fi_column_gather_size(cell));
    return FIRN_OK;
}

/* Says of the n last values, for which the bits are 0, that they are none. */
static void
set_valid_all(struct fi_column_gather *gather, size_t n)
{
    size_t begin = gather->count;
    size_t end = begin + n;
    uint64_t *words = words_of(gather);
    while (begin < end && begin % WORD_BITS != 0) {
        set_valid(gather, begin++);
    }
    for (; begin + WORD_BITS <= end; begin += WORD_BITS) {
        words[begin / WORD_BITS] = UINT64_MAX;
    }
    while (begin < end) {
        set_valid(gather, begin++);
    }
}

/* Nulls, or numbers of 8 bytes. */
static void
put_same(struct fi_column_gather *gather, const struct fi_cell *cell, size_t n)
{
    uint8_t *at = gather->numbers.data + gather->numbers.size;
    bool is_null = cell->kind == FI_PHYSICAL_NONE;
    DCHECK(is_null || width_of(&gather->shape) == 8);
    if (is_null) {
        memset(at, 0, n * width_of(&gather->shape));
        gather->null_count += n;
    } else {
        for (size_t i = 0; i < n; i++) {
            memcpy(at + 8 * i, &cell->as, 8);
        }
        set_valid_all(gather, n);
    }
    gather->numbers.size += n * width_of(&gather->shape);
    gather->count += n;
    gather->value_bytes += n * fi_column_gather_cost(&gather->shape, 0);
}

int
fi_column_gather_add_column(struct fi_column_gather *gather, const struct fi_run_column *column,
                            size_t first, size_t n, firn_slice bytes)
{
    size_t width = width_of(&gather->shape);
    int rc = column_gather_reserve(gather, n);
    if (rc == FIRN_OK && bytes.size > 0) {
        rc = fi_buf_append_slice(&gather->bytes, bytes);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    memcpy(gather->numbers.data + gather->numbers.size,
           (const uint8_t *)column->numbers + first * width, n * width);
    gather->numbers.size += n * width;
    if (column->valid == NULL) {
        set_valid_all(gather, n);
    }
    for (size_t i = 0; column->valid != NULL && i < n; i++) {
        if ((column->valid[(first + i) / WORD_BITS] >> (first + i) % WORD_BITS & 1) != 0) {
            set_valid(gather, gather->count + i);
        } else {
            gather->null_count++;
        }
    }
    gather->count += n;
    DCHECK(gather->null_count <= gather->count);
    /* A null of a fixed size counts as one. */
    gather->value_bytes += n * fi_column_gather_cost(&gather->shape, 0) +
                           (gather->shape.fixed_size == 0 ? bytes.size : 0);
    return FIRN_OK;
}

int
fi_column_gather_add(struct fi_column_gather *gather, const struct fi_cell *cell, size_t n)
{
    int rc = column_gather_reserve(gather, n);
    bool is_plain = cell->kind == FI_PHYSICAL_NONE ||
                    (cell->kind != FI_PHYSICAL_BYTES && cell->kind != FI_PHYSICAL_F32);
    if (rc == FIRN_OK && n > 1 && is_plain) {
        DCHECK(cell->kind == FI_PHYSICAL_NONE || cell->kind == gather->shape.kind);
        put_same(gather, cell, n);
        return FIRN_OK;
    }
    for (size_t i = 0; rc == FIRN_OK && i < n; i++) {
        rc = column_gather_put(gather, cell);
    }
    return rc;
}

static bool
is_valid(const struct fi_chunk_values *values, size_t i)
{
    return values->valid == NULL || (values->valid[i / WORD_BITS] >> i % WORD_BITS & 1) != 0;
}

static int
put_slices(struct fi_column_gather *gather, const struct fi_chunk_values *values, size_t first,
           size_t n)
{
    int rc = FIRN_OK;
    for (size_t i = first; rc == FIRN_OK && i < first + n; i++) {
        struct fi_cell cell = fi_column_read_value(values, i);
        rc = column_gather_put(gather, &cell);
    }
    return rc;
}

int
fi_column_gather_add_values(struct fi_column_gather *gather, const struct fi_chunk_values *values,
                            size_t first, size_t n)
{
    DCHECK(first + n <= values->count && values->kind == gather->shape.kind);
    int rc = column_gather_reserve(gather, n);
    if (rc != FIRN_OK || gather->shape.kind == FI_PHYSICAL_BYTES) {
        return rc != FIRN_OK ? rc : put_slices(gather, values, first, n);
    }
    size_t width = width_of(&gather->shape);
    const uint8_t *from = (const uint8_t *)(const void *)values->as.u64 + first * width;
    memcpy(gather->numbers.data + gather->numbers.size, from, n * width);
    gather->numbers.size += n * width;
    for (size_t i = 0; i < n; i++) {
        if (is_valid(values, first + i)) {
            set_valid(gather, gather->count + i);
        } else {
            memset(gather->numbers.data + (gather->count + i) * width, 0, width);
            gather->null_count++;
        }
    }
    gather->count += n;
    gather->value_bytes += n * fi_column_gather_cost(&gather->shape, 0);
    return FIRN_OK;
}

int
fi_column_gather_values(const struct fi_column_gather *gather, struct fi_buf *slices,
                        struct fi_chunk_values *out)
{
    *out = (struct fi_chunk_values){
        .kind = gather->shape.kind,
        .fixed_size = gather->shape.fixed_size,
        .count = gather->count,
        .valid = gather->null_count > 0 ? words_of(gather) : NULL,
    };
    out->as.u64 = (const uint64_t *)(const void *)gather->numbers.data;
    if (gather->shape.kind != FI_PHYSICAL_BYTES) {
        return FIRN_OK;
    }
    fi_buf_clear(slices);
    if (fi_buf_set_size(slices, gather->count * sizeof(firn_slice)) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    firn_slice *slice = (firn_slice *)(void *)slices->data;
    firn_slice all = fi_run_key(fi_buf_slice(&gather->bytes));
    size_t at = 0;
    for (size_t i = 0; i < gather->count; i++) {
        slice[i] = firn_bytes(all.data + at, fi_load_le32(gather->numbers.data + i * SIZE_SIZE));
        at += slice[i].size;
    }
    DCHECK(at == gather->bytes.size);
    out->as.bytes = slice;
    return FIRN_OK;
}
