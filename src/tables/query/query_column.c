/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_column.c: the values of one column without gaps, and which rows of a batch count.
 *
 * Filters leave a mask over a batch; users get batches without gaps. So the rows that count are
 * listed once a batch, and each column that is returned is gathered by that list. If all rows
 * count, nothing is copied. Bytes are never copied: the batch that they point into stays until the
 * scan goes on.
 *
 * Threads: a column belongs to one thread.
 */
#include "query/query_internal.h"

#include "base/mem.h"

void
fi_query_column_mask(struct fi_query_mask *mask, size_t first, size_t end)
{
    DCHECK(first <= end && end <= FI_CHUNK_BLOCK);
    if (first == 0 && end == FI_CHUNK_BLOCK) {
        memset(mask->words, 0xff, sizeof mask->words);
        return;
    }
    for (size_t word = 0; word < FI_CHUNK_MASK_WORDS; word++) {
        size_t low = first > word * 64 ? first - word * 64 : 0;
        size_t high = end > word * 64 ? end - word * 64 : 0;
        low = low < 64 ? low : 64;
        high = high < 64 ? high : 64;
        uint64_t below_high = high == 64 ? UINT64_MAX : (UINT64_C(1) << high) - 1;
        uint64_t below_low = low == 64 ? UINT64_MAX : (UINT64_C(1) << low) - 1;
        mask->words[word] = below_high & ~below_low;
    }
}

void
fi_query_column_selection(const struct fi_query_mask *mask, size_t row_count,
                          struct fi_query_selection *out)
{
    const uint64_t last = UINT64_C(1) << 63;
    size_t count = 0;
    DCHECK(row_count <= FI_CHUNK_BLOCK);
    for (size_t word = 0; word < FI_CHUNK_MASK_WORDS; word++) {
        uint64_t bits = mask->words[word];
        const size_t end = count + fi_count_bits(bits);
        /* Most words have few bits. A fixed number of turns, even without bits, is cheap: its
         * branches are predicted. */
        for (size_t i = 0; i < FI_QUERY_AT_ONCE; i++) {
            out->rows[count + i] = (uint16_t)(word * 64 + (size_t)__builtin_ctzll(bits | last));
            bits &= bits - 1;
        }
        for (count += FI_QUERY_AT_ONCE; bits != 0; bits &= bits - 1) {
            out->rows[count++] = (uint16_t)(word * 64 + (size_t)__builtin_ctzll(bits));
        }
        count = end;
    }
    DCHECK(count == 0 || out->rows[count - 1] < row_count);
    out->count = count;
    out->is_all = count == row_count;
}

void
fi_query_column_cut(struct fi_query_selection *selection, size_t skip, size_t most)
{
    skip = skip < selection->count ? skip : selection->count;
    size_t left = selection->count - skip;
    if (skip > 0) {
        memmove(selection->rows, selection->rows + skip, left * sizeof selection->rows[0]);
        selection->is_all = false;
    }
    selection->count = left < most ? left : most;
}

void
fi_query_column_deinit(struct fi_query_column *column)
{
    fi_free(column->numbers);
    fi_buf_deinit(&column->bytes);
    *column = (struct fi_query_column){.numbers = NULL};
}

/* Allocates enough for values of every kind: a column may be used for one kind after another. */
static int
query_column_reserve(struct fi_query_column *column, firn_error *err)
{
    if (column->numbers == NULL) {
        column->numbers = fi_alloc(FI_CHUNK_BLOCK * sizeof(firn_slice));
    }
    return column->numbers != NULL ? FIRN_OK : fi_error_no_memory(err, "a column");
}

static void
query_column_show(const struct fi_query_column *column, enum fi_physical kind, uint32_t fixed_size,
                  size_t count, bool has_nulls, struct fi_chunk_values *out)
{
    *out = (struct fi_chunk_values){.kind = kind,
                                    .fixed_size = fixed_size,
                                    .count = count,
                                    .valid = has_nulls ? column->valid : NULL};
    switch (kind) {
    case FI_PHYSICAL_I64:
        out->as.i64 = column->numbers;
        break;
    case FI_PHYSICAL_U64:
        out->as.u64 = column->numbers;
        break;
    case FI_PHYSICAL_F32:
        out->as.f32 = column->numbers;
        break;
    case FI_PHYSICAL_F64:
        out->as.f64 = column->numbers;
        break;
    case FI_PHYSICAL_BYTES:
    case FI_PHYSICAL_NONE:
        out->as.bytes = column->numbers;
        break;
    }
}

void
fi_query_column_gather(void *to, const struct fi_chunk_values *values,
                       const struct fi_query_selection *selection)
{
    const uint16_t *rows = selection->rows;
    const size_t count = selection->count;
    if (values->kind == FI_PHYSICAL_BYTES) {
        firn_slice *slices = to;
        for (size_t i = 0; i < count; i++) {
            slices[i] = values->as.bytes[rows[i]];
        }
    } else if (values->kind == FI_PHYSICAL_F32) {
        float *numbers = to;
        for (size_t i = 0; i < count; i++) {
            numbers[i] = values->as.f32[rows[i]];
        }
    } else if (values->kind == FI_PHYSICAL_F64) {
        double *numbers = to;
        for (size_t i = 0; i < count; i++) {
            numbers[i] = values->as.f64[rows[i]];
        }
    } else {
        uint64_t *numbers = to;
        for (size_t i = 0; i < count; i++) {
            numbers[i] = values->as.u64[rows[i]];
        }
    }
}

static void
gather_valid(uint64_t *to, const uint64_t *valid, const struct fi_query_selection *selection)
{
    memset(to, 0, FI_CHUNK_MASK_WORDS * sizeof *to);
    for (size_t i = 0; i < selection->count; i++) {
        size_t row = selection->rows[i];
        to[i / 64] |= (valid[row / 64] >> (row % 64) & 1) << (i % 64);
    }
}

int
fi_query_column_select(struct fi_query_column *column, const struct fi_chunk_values *values,
                       const struct fi_query_selection *selection, struct fi_chunk_values *out,
                       firn_error *err)
{
    DCHECK(selection->count <= (selection->is_all ? values->count : FI_CHUNK_BLOCK));
    if (selection->is_all || values->kind == FI_PHYSICAL_NONE) {
        *out = *values;
        out->count = selection->count;
        return FIRN_OK;
    }
    int rc = query_column_reserve(column, err);
    if (rc == FIRN_OK) {
        fi_query_column_gather(column->numbers, values, selection);
        if (values->valid != NULL) {
            gather_valid(column->valid, values->valid, selection);
        }
        query_column_show(column, values->kind, values->fixed_size, selection->count,
                          values->valid != NULL, out);
    }
    return rc;
}

int
fi_query_column_begin(struct fi_query_column *column, enum fi_physical kind, firn_error *err)
{
    int rc = query_column_reserve(column, err);
    if (rc == FIRN_OK) {
        memset(column->numbers, 0,
               FI_CHUNK_BLOCK *
                   (kind == FI_PHYSICAL_BYTES ? sizeof(firn_slice) : sizeof(uint64_t)));
        memset(column->valid, 0, sizeof column->valid);
    }
    return rc;
}

void
fi_query_column_put(struct fi_query_column *column, enum fi_physical kind, size_t i,
                    const firn_value *value)
{
    DCHECK(i < FI_CHUNK_BLOCK);
    if (value->type == FIRN_TYPE_NULL) {
        return;
    }
    DCHECK(fi_physical_of(value->type) == kind);
    column->valid[i / 64] |= UINT64_C(1) << (i % 64);
    switch (kind) {
    case FI_PHYSICAL_BYTES:
        ((firn_slice *)column->numbers)[i] = value->as.bytes;
        break;
    case FI_PHYSICAL_F32:
        ((float *)column->numbers)[i] = value->as.f32;
        break;
    case FI_PHYSICAL_F64:
        ((double *)column->numbers)[i] = value->as.f64;
        break;
    case FI_PHYSICAL_I64:
    case FI_PHYSICAL_U64:
    case FI_PHYSICAL_NONE:
        ((uint64_t *)column->numbers)[i] =
            value->type == FIRN_TYPE_BOOL ? value->as.boolean : value->as.u64;
        break;
    }
}

void
fi_query_column_end(const struct fi_query_column *column, enum fi_physical kind,
                    uint32_t fixed_size, size_t count, struct fi_chunk_values *out)
{
    bool has_nulls = false;
    for (size_t i = 0; i < count && !has_nulls; i++) {
        has_nulls = (column->valid[i / 64] >> (i % 64) & 1) == 0;
    }
    query_column_show(column, kind, fixed_size, count, has_nulls, out);
}

int
fi_query_column_repeat(struct fi_query_column *column, const struct fi_column_def *def,
                       const struct fi_cell *cell, size_t count, struct fi_chunk_values *out,
                       firn_error *err)
{
    const enum fi_physical kind = fi_physical_of(def->type);
    int rc = fi_query_column_begin(column, kind, err);
    DCHECK(cell->kind == FI_PHYSICAL_NONE || cell->kind == kind);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (size_t i = 0; i < count && cell->kind != FI_PHYSICAL_NONE; i++) {
        if (kind == FI_PHYSICAL_BYTES) {
            ((firn_slice *)column->numbers)[i] = cell->as.bytes;
        } else if (kind == FI_PHYSICAL_F32) {
            ((float *)column->numbers)[i] = cell->as.f32;
        } else {
            ((uint64_t *)column->numbers)[i] = cell->as.u64;
        }
    }
    query_column_show(column, kind, def->fixed_size, count, cell->kind == FI_PHYSICAL_NONE, out);
    return FIRN_OK;
}
