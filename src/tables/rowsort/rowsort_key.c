/* SPDX-License-Identifier: Apache-2.0
 *
 * rowsort/rowsort_key.c: converts rows to records whose keys compare as bytes
 * (rowsort_internal.h), and back.
 *
 * Records may come from files, so they are not trusted: each size is checked against the bytes
 * that are left.
 */
#include "rowsort/rowsort_internal.h"

enum { NUMBER_SIZE = 8, ESCAPE = 0xff, IS_NULL = 0, IS_VALUE = 1 };

uint64_t
fi_rowsort_key_head(firn_slice key)
{
    DCHECK(key.size >= FI_ROWSORT_SEQUENCE_SIZE);
    return fi_load_be64(key.data);
}

int
fi_rowsort_key_compare(firn_slice a, firn_slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* ---- keys ---- */

static bool
is_null_at(const struct fi_chunk_values *column, size_t row)
{
    return column->valid != NULL && !fi_aggregate_is_set(column->valid, row);
}

static int
append_number(struct fi_buf *buf, uint64_t rank)
{
    uint8_t bytes[1 + NUMBER_SIZE] = {IS_VALUE};
    fi_store_be64(bytes + 1, rank);
    return fi_buf_append(buf, bytes, sizeof bytes);
}

static int
append_bytes(struct fi_buf *buf, firn_slice bytes)
{
    static const uint8_t escaped[2] = {0, ESCAPE};
    static const uint8_t end[2] = {0, 0};
    FI_TRY_RETURN(fi_buf_append_u8(buf, IS_VALUE));
    while (bytes.size > 0) {
        const uint8_t *zero = memchr(bytes.data, 0, bytes.size);
        size_t size = zero == NULL ? bytes.size : (size_t)(zero - bytes.data);
        FI_TRY_RETURN(fi_buf_append(buf, bytes.data, size));
        if (zero != NULL) {
            FI_TRY_RETURN(fi_buf_append(buf, escaped, sizeof escaped));
            size++;
        }
        bytes = firn_bytes(bytes.data + size, bytes.size - size);
    }
    return fi_buf_append(buf, end, sizeof end);
}

int
fi_rowsort_key_begin(const struct fi_rowsort *sort, const struct fi_chunk_values *columns,
                     size_t row, uint64_t sequence, struct fi_buf *buf)
{
    uint8_t number[NUMBER_SIZE];
    int rc;
    fi_buf_clear(buf);
    FI_TRY(fi_buf_append_le32(buf, 0));
    for (size_t k = 0; k < sort->key_count; k++) {
        const struct fi_chunk_values *column = &columns[sort->keys[k].column];
        size_t start = buf->size;
        if (is_null_at(column, row)) {
            rc = fi_buf_append_u8(buf, IS_NULL);
        } else if (column->kind == FI_PHYSICAL_BYTES) {
            rc = append_bytes(buf, column->as.bytes[row]);
        } else {
            rc = append_number(buf, fi_aggregate_rank_at(column, row));
        }
        FI_TRY(rc);
        for (size_t i = start; sort->keys[k].is_descending && i < buf->size; i++) {
            buf->data[i] = (uint8_t)~buf->data[i];
        }
    }
    fi_store_be64(number, sequence);
    FI_TRY(fi_buf_append(buf, number, sizeof number));
    if (buf->size - FI_ROWSORT_KEY_AT > UINT32_MAX) {
        return FIRN_LIMIT;
    }
    fi_store_le32(buf->data, (uint32_t)(buf->size - FI_ROWSORT_KEY_AT));
out:
    return rc;
}

size_t
fi_rowsort_key_reject(const struct fi_rowsort *sort, const struct fi_chunk_values *columns,
                      uint16_t *rows, size_t count)
{
    if (!sort->has_worst || sort->key_count == 0) {
        return count;
    }
    const struct fi_chunk_values *column = &columns[sort->keys[0].column];
    uint64_t flip = sort->keys[0].is_descending ? UINT64_MAX : 0;
    size_t kept = 0;
    if (column->kind == FI_PHYSICAL_BYTES) {
        return count;
    }
    if (column->valid == NULL &&
        (column->kind == FI_PHYSICAL_I64 || column->kind == FI_PHYSICAL_U64)) {
        const uint64_t sign = column->kind == FI_PHYSICAL_I64 ? FI_AGGREGATE_SIGN64 : 0;
        for (size_t i = 0; i < count; i++) {
            uint64_t head = (uint64_t)IS_VALUE << 56 | (column->as.u64[rows[i]] ^ sign) >> 8;
            rows[kept] = rows[i];
            kept += (head ^ flip) <= sort->worst_head;
        }
        return kept;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t head = (uint64_t)IS_VALUE << 56 | fi_aggregate_rank_at(column, rows[i]) >> 8;
        rows[kept] = rows[i];
        /* After a null, the head has bytes of the next key. */
        kept += (head ^ flip) <= sort->worst_head || is_null_at(column, rows[i]);
    }
    return kept;
}

/* ---- values ---- */

static size_t
nulls_size(const struct fi_rowsort *sort)
{
    return (sort->column_count + 7) / 8;
}

int
fi_rowsort_key_end(const struct fi_rowsort *sort, const struct fi_chunk_values *columns, size_t row,
                   struct fi_buf *buf)
{
    size_t nulls = buf->size;
    FI_TRY_RETURN(fi_buf_set_size(buf, nulls + nulls_size(sort)));
    memset(buf->data + nulls, 0, nulls_size(sort));
    for (size_t i = 0; i < sort->column_count; i++) {
        const struct fi_chunk_values *column = &columns[i];
        DCHECK(column->kind == sort->kinds[i]);
        if (is_null_at(column, row)) {
            buf->data[nulls + i / 8] |= (uint8_t)(1U << i % 8);
        } else if (column->kind == FI_PHYSICAL_BYTES) {
            firn_slice bytes = column->as.bytes[row];
            if (bytes.size > UINT32_MAX) {
                return FIRN_LIMIT;
            }
            FI_TRY_RETURN(fi_buf_append_le32(buf, (uint32_t)bytes.size));
            FI_TRY_RETURN(fi_buf_append_slice(buf, bytes));
        } else if (column->kind == FI_PHYSICAL_F32) {
            FI_TRY_RETURN(
                fi_buf_append_le64(buf, fi_load_le32((const uint8_t *)(column->as.f32 + row))));
        } else {
            FI_TRY_RETURN(fi_buf_append_le64(buf, column->as.u64[row]));
        }
    }
    return FIRN_OK;
}

bool
fi_rowsort_key_read(const struct fi_rowsort *sort, const uint8_t *record, size_t size, size_t at)
{
    firn_slice rest = firn_bytes(record, size);
    const uint8_t *nulls;
    const uint8_t *bytes;
    DCHECK(at < FI_AGGREGATE_ROWS);
    if (!fi_spill_take(&rest, FI_ROWSORT_KEY_AT, &bytes) ||
        !fi_spill_take(&rest, fi_load_le32(bytes), &bytes) ||
        !fi_spill_take(&rest, nulls_size(sort), &nulls)) {
        return false;
    }
    for (size_t i = 0; i < sort->column_count; i++) {
        struct fi_aggregate_column_out *out = &sort->outputs[i];
        bool is_null = (nulls[i / 8] >> i % 8 & 1) != 0;
        out->valid[at / 64] |= (uint64_t)!is_null << at % 64;
        if (sort->kinds[i] == FI_PHYSICAL_BYTES) {
            out->as.bytes[at] = firn_bytes(record, 0);
            if (!is_null) {
                if (!fi_spill_take(&rest, 4, &bytes)) {
                    return false;
                }
                size_t bytes_size = fi_load_le32(bytes);
                if (!fi_spill_take(&rest, bytes_size, &bytes)) {
                    return false;
                }
                out->as.bytes[at] = firn_bytes(bytes, bytes_size);
            }
            continue;
        }
        if (!is_null && !fi_spill_take(&rest, NUMBER_SIZE, &bytes)) {
            return false;
        }
        fi_aggregate_keys_put(out, sort->kinds[i], at, is_null ? 0 : fi_load_le64(bytes));
    }
    return rest.size == 0;
}
