/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_values.c: a chunk made of values that lie in value files.
 *
 * Whoever asks for a chunk (scans, aggregates, searches) works on all values of a row group, and on how they are
 * encoded. Where some lie in value files, a chunk is made in memory, plain, with all of them in their places, when
 * it is asked for and no sooner: so nothing but what needs the column pays for it. It costs what reading the
 * chunk would if the values were in it: a builder ends row groups as if they were.
 *
 * Readers of single rows do without this (column_read.c).
 *
 * Memory: the values of a row group, twice for a moment. A run that claims more is damaged.
 *
 * Failure: as firn_column_read_pin; where a value cannot be read, the column of the row group cannot, and the
 * message names both files.
 */
#include "column/column_internal.h"

#include "base/mem.h"

struct making {
    struct firn_column_run *run;
    struct firn_column_slot slot;
    struct firn_column_gather gather;
    struct firn_buf slices;
    struct firn_buf bytes;
};

/* What the values of the chunk are, into the gather. */
static int
gather(struct making *making, firn_error *err)
{
    struct firn_column_slot *slot = &making->slot;
    int rc = FIRN_OK;
    for (uint32_t row = 0; row < slot->rows && rc == FIRN_OK; row++) {
        struct firn_cell cell;
        if (row % FIRN_CHUNK_BLOCK == 0) {
            FIRN_TRY(firn_column_read_block(making->run, slot, row / FIRN_CHUNK_BLOCK, err));
        }
        FIRN_TRY(firn_column_read_cell(making->run, slot, row, &cell, err));
        DCHECK(cell.kind == FIRN_PHYSICAL_NONE || cell.kind == FIRN_PHYSICAL_BYTES);
        if (making->gather.bytes.size + firn_column_gather_size(&cell) > FIRN_CHUNK_BYTES_MAX) {
            return firn_column_read_refuse(making->run, slot->group, slot->number,
                                           "its values have more bytes than a row group has", err);
        }
        rc = firn_column_gather_add(&making->gather, &cell, 1) == FIRN_OK
                 ? FIRN_OK
                 : firn_error_no_memory(err, "a chunk");
    }
out:
    return rc;
}

/* Makes the chunk, which takes the memory of making->bytes with it. */
static int
make(struct making *making, struct firn_column_pin *out, firn_error *err)
{
    struct firn_chunk_values values;
    int rc;
    if (firn_column_gather_values(&making->gather, &making->slices, &values) != FIRN_OK) {
        return firn_error_no_memory(err, "a chunk");
    }
    FIRN_TRY(firn_chunk_encode_plain(&values, &making->bytes, err));
    FIRN_TRY(firn_chunk_open(firn_buf_slice(&making->bytes), values.kind, values.fixed_size,
                             making->slot.rows, &out->chunk, err));
    out->made = making->bytes.data;
    making->bytes = (struct firn_buf){.data = NULL};
out:
    return rc;
}

int
firn_column_values_pin(struct firn_column_run *run, size_t group, size_t slot,
                       enum firn_block_cache_use use, struct firn_column_pin *out, firn_error *err)
{
    struct making making = {
        .run = run, .gather = {.shape = firn_column_layout_shape(&run->layout.layout, slot)}};
    int rc;
    DCHECK(firn_column_index_has_references(&run->index, group, slot));
    *out = (struct firn_column_pin){.cache = NULL};
    firn_column_read_init(&making.slot);
    FIRN_TRY(firn_column_read_open(run, group, slot, use, &making.slot, err));
    FIRN_TRY(gather(&making, err));
    rc = make(&making, out, err);
out:
    firn_column_read_deinit(&making.slot);
    firn_column_gather_deinit(&making.gather);
    firn_buf_deinit(&making.slices);
    firn_buf_deinit(&making.bytes);
    return rc;
}
