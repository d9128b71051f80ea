/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_vectors.c: the vectors of one column of a run, row after row.
 *
 * Row groups are read in order, one open at a time; each pass starts again at row 0. Blocks of
 * 1,024 values are decoded. The vectors of one call are copied, because it may cross the end of a
 * group.
 *
 * (I1) While a group is open, group_first and group_rows are those of group number `group`.
 */
#include "lsm/lsm_vectors.h"

#include "base/check.h"
#include "base/entry.h"

/* ---- groups ---- */

static void
close_group(struct fi_lsm_vectors *vectors)
{
    fi_column_read_unpin(&vectors->vectors.pin);
    fi_column_read_unpin(&vectors->kinds.pin);
    vectors->is_open = false;
}

static int
open_column(struct fi_lsm_vectors *vectors, struct fi_lsm_vectors_column *column, uint32_t id,
            firn_error *err)
{
    column->block = SIZE_MAX;
    int rc = fi_column_pin_chunk(vectors->run, vectors->group, id, FI_BLOCK_CACHE_SCAN,
                                 &column->pin, err);
    column->has_chunk = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
open_group(struct fi_lsm_vectors *vectors, firn_error *err)
{
    struct fi_column_group info;
    int rc;
    close_group(vectors);
    fi_column_group_at(vectors->run, vectors->group, &info);
    vectors->group_rows = info.rows;
    vectors->is_large = false;
    rc = open_column(vectors, &vectors->vectors, vectors->column, err);
    if (rc == FIRN_LIMIT) {
        vectors->is_large = true;
        rc = fi_column_read_large(vectors->run, vectors->group, vectors->column, &vectors->large,
                                  err);
    }
    FI_TRY(rc);
    FI_TRY(open_column(vectors, &vectors->kinds, FI_COLUMN_KIND, err));
    vectors->is_open = true;
out:
    return rc;
}

/* (I1) */
static bool
is_of_its_group(const struct fi_lsm_vectors *vectors)
{
    struct fi_column_group info;
    fi_column_group_at(vectors->run, vectors->group, &info);
    return vectors->group_rows == info.rows && (vectors->group > 0 || vectors->group_first == 0);
}

/* Opens the group that a row is in. Requires: rows are asked for in order, or from the first one on
 * again. */
static int
lsm_vectors_place(struct fi_lsm_vectors *vectors, uint64_t row, firn_error *err)
{
    if (row < vectors->group_first) {
        vectors->group = 0;
        vectors->group_first = 0;
        vectors->is_open = false;
    }
    if (!vectors->is_open) {
        FI_TRY_RETURN(open_group(vectors, err));
    }
    while (row >= vectors->group_first + vectors->group_rows) {
        vectors->group_first += vectors->group_rows;
        vectors->group++;
        CHECK(vectors->group < fi_column_group_count(vectors->run));
        FI_TRY_RETURN(open_group(vectors, err));
    }
    DCHECK(is_of_its_group(vectors)); /* (I1) */
    return FIRN_OK;
}

/* ---- rows ---- */

static int
lsm_vectors_decode(struct fi_lsm_vectors *vectors, struct fi_lsm_vectors_column *column,
                   uint32_t id, size_t block, firn_error *err)
{
    if (column->block == block) {
        return FIRN_OK;
    }
    column->block = SIZE_MAX;
    int rc = fi_chunk_read_block(&column->pin.chunk, block, NULL, &column->scratch, &column->values,
                                 err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NO_MEMORY || err == NULL
                   ? rc
                   : fi_column_explain(vectors->run, vectors->group, id, err);
    }
    column->block = block;
    return FIRN_OK;
}

static bool
is_null(const struct fi_chunk_values *values, size_t i)
{
    return values->valid != NULL && (values->valid[i / 64] >> i % 64 & 1) == 0;
}

/* The vector of a row of the open group; of size 0: it has none. */
static int
read_row(struct fi_lsm_vectors *vectors, size_t i, firn_slice *out, firn_error *err)
{
    size_t block = i / FI_CHUNK_BLOCK;
    size_t at = i % FI_CHUNK_BLOCK;
    int rc = FIRN_OK;
    DCHECK(vectors->is_open && i < vectors->group_rows);
    *out = firn_bytes(NULL, 0);
    if (vectors->kinds.has_chunk) {
        FI_TRY(lsm_vectors_decode(vectors, &vectors->kinds, FI_COLUMN_KIND, block, err));
        uint64_t kind = vectors->kinds.values.as.u64[at];
        if (kind != FI_ENTRY_PUT && kind != FI_ENTRY_EXPIRING) {
            return FIRN_OK;
        }
    }
    if (vectors->is_large) {
        *out = fi_buf_slice(&vectors->large);
    } else if (vectors->vectors.has_chunk) {
        FI_TRY(lsm_vectors_decode(vectors, &vectors->vectors, vectors->column, block, err));
        if (is_null(&vectors->vectors.values, at)) {
            return FIRN_OK;
        }
        *out = vectors->vectors.values.as.bytes[at];
    }
    if (out->size != 0 && out->size != vectors->size) {
        rc = fi_error_set(err, FIRN_CORRUPT, "a vector has %zu bytes", out->size);
        rc = err == NULL ? rc
                         : fi_column_explain(vectors->run, vectors->group, vectors->column, err);
    }
out:
    return rc;
}

static int
read_rows(void *ctx, uint64_t first, size_t count, const uint8_t **out, firn_error *err)
{
    struct fi_lsm_vectors *vectors = ctx;
    DCHECK(first + count <= vectors->rows);
    if (fi_buf_set_size(&vectors->bytes, count * vectors->size) != FIRN_OK) {
        return fi_error_no_memory(err, "vectors");
    }
    for (size_t i = 0; i < count; i++) {
        firn_slice vector;
        FI_TRY_RETURN(lsm_vectors_place(vectors, first + i, err));
        FI_TRY_RETURN(read_row(vectors, (size_t)(first + i - vectors->group_first), &vector, err));
        uint8_t *copy = vectors->bytes.data + i * vectors->size;
        out[i] = vector.size == 0 ? NULL : copy;
        if (vector.size != 0) {
            memcpy(copy, vector.data, vector.size);
        }
    }
    return FIRN_OK;
}

/* ---- life ---- */

int
fi_lsm_vectors_init(struct fi_lsm_vectors *vectors, struct fi_run *run, uint32_t column,
                    firn_error *err)
{
    const struct fi_column_layout *layout = fi_column_layout_of(run);
    (void)err;
    *vectors = (struct fi_lsm_vectors){.run = run, .column = column};
    for (size_t i = 0; i < layout->count; i++) {
        if (layout->columns[i].id == column && layout->columns[i].type == FIRN_TYPE_VECTOR) {
            vectors->size = layout->columns[i].fixed_size;
        }
    }
    for (size_t i = 0; i < fi_column_group_count(run); i++) {
        struct fi_column_group info;
        fi_column_group_at(run, i, &info);
        vectors->rows += info.rows;
    }
    return vectors->size == 0 ? FIRN_NOT_FOUND : FIRN_OK;
}

void
fi_lsm_vectors_deinit(struct fi_lsm_vectors *vectors)
{
    close_group(vectors);
    fi_chunk_scratch_deinit(&vectors->vectors.scratch);
    fi_chunk_scratch_deinit(&vectors->kinds.scratch);
    fi_buf_deinit(&vectors->large);
    fi_buf_deinit(&vectors->bytes);
}

struct fi_graph_source
fi_lsm_vectors_source(struct fi_lsm_vectors *vectors)
{
    return (struct fi_graph_source){vectors, vectors->rows, read_rows};
}
