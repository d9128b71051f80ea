/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/row_sort_key.c: converts rows to records whose keys compare as bytes
 * (row_sort_internal.h), and back.
 *
 * Records may come from files, so they are not trusted: each size is checked against the bytes
 * that are left.
 */
#include "aggregate/row_sort_internal.h"

enum { NUMBER_SIZE = 8, ESCAPE = 0xff, IS_NULL = 0, IS_VALUE = 1 };

uint64_t
firn_row_sort_key_head(firn_slice key)
{
    DCHECK(key.size >= FIRN_ROW_SORT_SEQUENCE_SIZE);
    return firn_load_be64(key.data);
}

int
firn_row_sort_key_compare(firn_slice a, firn_slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* ---- keys ---- */

static bool
is_null_at(const struct firn_chunk_values *column, size_t row)
{
    return column->valid != NULL && !firn_aggregate_is_set(column->valid, row);
}

static int
append_number(struct firn_buf *buf, uint64_t rank)
{
    uint8_t bytes[1 + NUMBER_SIZE] = {IS_VALUE};
    firn_store_be64(bytes + 1, rank);
    return firn_buf_append(buf, bytes, sizeof bytes);
}

static int
append_bytes(struct firn_buf *buf, firn_slice bytes)
{
    static const uint8_t escaped[2] = {0, ESCAPE};
    static const uint8_t end[2] = {0, 0};
    FIRN_TRY_RETURN(firn_buf_append_u8(buf, IS_VALUE));
    while (bytes.size > 0) {
        const uint8_t *zero = memchr(bytes.data, 0, bytes.size);
        size_t size = zero == NULL ? bytes.size : (size_t)(zero - bytes.data);
        FIRN_TRY_RETURN(firn_buf_append(buf, bytes.data, size));
        if (zero != NULL) {
            FIRN_TRY_RETURN(firn_buf_append(buf, escaped, sizeof escaped));
            size++;
        }
        bytes = firn_bytes(bytes.data + size, bytes.size - size);
    }
    return firn_buf_append(buf, end, sizeof end);
}

int
firn_row_sort_key_begin(const struct firn_row_sort *sort, const struct firn_chunk_values *columns,
                        size_t row, uint64_t sequence, struct firn_buf *buf)
{
    uint8_t number[NUMBER_SIZE];
    int rc;
    firn_buf_clear(buf);
    FIRN_TRY(firn_buf_append_le32(buf, 0));
    for (size_t k = 0; k < sort->key_count; k++) {
        const struct firn_chunk_values *column = &columns[sort->keys[k].column];
        size_t start = buf->size;
        if (is_null_at(column, row)) {
            rc = firn_buf_append_u8(buf, IS_NULL);
        } else if (column->kind == FIRN_PHYSICAL_BYTES) {
            rc = append_bytes(buf, column->as.bytes[row]);
        } else {
            rc = append_number(buf, firn_aggregate_rank_at(column, row));
        }
        FIRN_TRY(rc);
        for (size_t i = start; sort->keys[k].is_descending && i < buf->size; i++) {
            buf->data[i] = (uint8_t)~buf->data[i];
        }
    }
    firn_store_be64(number, sequence);
    FIRN_TRY(firn_buf_append(buf, number, sizeof number));
    if (buf->size - FIRN_ROW_SORT_KEY_AT > UINT32_MAX) {
        return FIRN_LIMIT;
    }
    firn_store_le32(buf->data, (uint32_t)(buf->size - FIRN_ROW_SORT_KEY_AT));
out:
    return rc;
}

size_t
firn_row_sort_key_reject(const struct firn_row_sort *sort, const struct firn_chunk_values *columns,
                         uint16_t *rows, size_t count)
{
    if (!sort->has_worst || sort->key_count == 0) {
        return count;
    }
    const struct firn_chunk_values *column = &columns[sort->keys[0].column];
    uint64_t flip = sort->keys[0].is_descending ? UINT64_MAX : 0;
    size_t kept = 0;
    if (column->kind == FIRN_PHYSICAL_BYTES) {
        return count;
    }
    if (column->valid == NULL &&
        (column->kind == FIRN_PHYSICAL_I64 || column->kind == FIRN_PHYSICAL_U64)) {
        const uint64_t sign = column->kind == FIRN_PHYSICAL_I64 ? FIRN_AGGREGATE_SIGN64 : 0;
        for (size_t i = 0; i < count; i++) {
            uint64_t head = (uint64_t)IS_VALUE << 56 | (column->as.u64[rows[i]] ^ sign) >> 8;
            rows[kept] = rows[i];
            kept += (head ^ flip) <= sort->worst_head;
        }
        return kept;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t head = (uint64_t)IS_VALUE << 56 | firn_aggregate_rank_at(column, rows[i]) >> 8;
        rows[kept] = rows[i];
        /* After a null, the head has bytes of the next key. */
        kept += (head ^ flip) <= sort->worst_head || is_null_at(column, rows[i]);
    }
    return kept;
}

/* ---- values ---- */

static size_t
nulls_size(const struct firn_row_sort *sort)
{
    return (sort->column_count + 7) / 8;
}

int
firn_row_sort_key_end(const struct firn_row_sort *sort, const struct firn_chunk_values *columns,
                      size_t row, struct firn_buf *buf)
{
    size_t nulls = buf->size;
    FIRN_TRY_RETURN(firn_buf_set_size(buf, nulls + nulls_size(sort)));
    memset(buf->data + nulls, 0, nulls_size(sort));
    for (size_t i = 0; i < sort->column_count; i++) {
        const struct firn_chunk_values *column = &columns[i];
        DCHECK(column->kind == sort->kinds[i]);
        if (is_null_at(column, row)) {
            buf->data[nulls + i / 8] |= (uint8_t)(1U << i % 8);
        } else if (column->kind == FIRN_PHYSICAL_BYTES) {
            firn_slice bytes = column->as.bytes[row];
            if (bytes.size > UINT32_MAX) {
                return FIRN_LIMIT;
            }
            FIRN_TRY_RETURN(firn_buf_append_le32(buf, (uint32_t)bytes.size));
            FIRN_TRY_RETURN(firn_buf_append_slice(buf, bytes));
        } else if (column->kind == FIRN_PHYSICAL_F32) {
            FIRN_TRY_RETURN(
                firn_buf_append_le64(buf, firn_load_le32((const uint8_t *)(column->as.f32 + row))));
        } else {
            FIRN_TRY_RETURN(firn_buf_append_le64(buf, column->as.u64[row]));
        }
    }
    return FIRN_OK;
}

bool
firn_row_sort_key_read(const struct firn_row_sort *sort, const uint8_t *record, size_t size,
                       size_t at)
{
    firn_slice rest = firn_bytes(record, size);
    const uint8_t *nulls;
    const uint8_t *bytes;
    DCHECK(at < FIRN_AGGREGATE_ROWS);
    if (!firn_row_spill_take(&rest, FIRN_ROW_SORT_KEY_AT, &bytes) ||
        !firn_row_spill_take(&rest, firn_load_le32(bytes), &bytes) ||
        !firn_row_spill_take(&rest, nulls_size(sort), &nulls)) {
        return false;
    }
    for (size_t i = 0; i < sort->column_count; i++) {
        struct firn_aggregate_column_out *out = &sort->outputs[i];
        bool is_null = (nulls[i / 8] >> i % 8 & 1) != 0;
        out->valid[at / 64] |= (uint64_t)!is_null << at % 64;
        if (sort->kinds[i] == FIRN_PHYSICAL_BYTES) {
            out->as.bytes[at] = firn_bytes(record, 0);
            if (!is_null) {
                if (!firn_row_spill_take(&rest, 4, &bytes)) {
                    return false;
                }
                size_t bytes_size = firn_load_le32(bytes);
                if (!firn_row_spill_take(&rest, bytes_size, &bytes)) {
                    return false;
                }
                out->as.bytes[at] = firn_bytes(bytes, bytes_size);
            }
            continue;
        }
        if (!is_null && !firn_row_spill_take(&rest, NUMBER_SIZE, &bytes)) {
            return false;
        }
        firn_aggregate_keys_put(out, sort->kinds[i], at, is_null ? 0 : firn_load_le64(bytes));
    }
    return rest.size == 0;
}
