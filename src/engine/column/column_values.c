/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_values.c: values of columns in value files: how a chunk refers to them, how one is
 * read, and chunks made of them.
 *
 * A reader of single rows follows a reference when the value is asked for.
 *
 * Scans, aggregates and searches ask for a whole chunk, and work on all values of a row group and
 * on their encoding. If some are in value files, a plain chunk with all values is made in memory
 * when it is asked for, so only readers of that column pay for it. This costs as much as reading
 * the chunk would if the values were in it: a builder ends row groups as if they were.
 *
 * Memory: the values of a row group, for a moment twice. A run that claims more is damaged.
 *
 * Failure: as fi_column_read_pin. If a value cannot be read, neither can the column of the row
 * group, and the message names both files.
 */
#include "column/column_internal.h"

#include "base/mem.h"

enum { WORD_BITS = 64, SIZE_SIZE = 4, CUT_SIZE = FI_CHUNK_BOUND_SIZE + 1 };

_Static_assert((int)CUT_SIZE == (int)FI_RUN_VALUE_CELL_HEAD_SIZE,
               "a cell that refers begins with what bounds need");

/* ==== single values ==== */

int
fi_column_values_read(struct fi_column_run *run, firn_slice cell, bool keeps_reference,
                      enum fi_block_cache_use use, struct fi_buf *out, firn_error *err)
{
    struct fi_run_value_file_reference reference;
    fi_buf_clear(out);
    if (!fi_run_value_cell_decode(cell, &reference)) {
        return fi_error_set(err, FIRN_CORRUPT, "a reference to a value file is malformed");
    }
    if (!keeps_reference) {
        return fi_run_value_cell_read(run->values, cell, use, out, err);
    }
    return fi_buf_assign(out, cell) == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a row");
}

int
fi_column_values_untag(struct fi_column_run *run, struct fi_column_slot *slot, struct fi_cell *cell,
                       firn_error *err)
{
    struct fi_run_value_file_reference reference;
    firn_slice bytes = cell->as.bytes;
    int rc;
    DCHECK(slot->is_open && slot->has_references && !slot->is_constant);
    if (cell->kind == FI_PHYSICAL_NONE) {
        return FIRN_OK;
    }
    DCHECK(cell->kind == FI_PHYSICAL_BYTES);
    if (bytes.size == 0 || bytes.data[0] > FI_COLUMN_FORMAT_TAG_REFERENCE) {
        return fi_column_read_refuse(run, slot->group, slot->number, "a value has an unknown tag",
                                     err);
    }
    cell->as.bytes = firn_bytes(bytes.data + 1, bytes.size - 1);
    if (bytes.data[0] == FI_COLUMN_FORMAT_TAG_INLINE) {
        return FIRN_OK;
    }
    if (!fi_run_value_cell_decode(cell->as.bytes, &reference) ||
        reference.value_size > FI_COLUMN_FORMAT_CELL_MAX) {
        return fi_column_read_refuse(run, slot->group, slot->number,
                                     "a reference to a value file is malformed", err);
    }
    if (slot->keeps_references) {
        cell->kind = FI_PHYSICAL_REFERENCE;
        return FIRN_OK;
    }
    rc = fi_column_values_read(run, cell->as.bytes, false, slot->use, &slot->large, err);
    cell->as.bytes = fi_buf_slice(&slot->large);
    return rc == FIRN_OK || err == NULL
               ? rc
               : fi_column_read_explain(run, slot->group, slot->number, err);
}

/* ==== chunks that are made of values in their places ==== */

struct making {
    struct fi_column_run *run;
    struct fi_column_slot slot;
    struct fi_column_gather gather;
    struct fi_buf slices;
    struct fi_buf bytes;
};

/* What the values of the chunk are, into the gather. */
static int
column_values_gather(struct making *making, firn_error *err)
{
    struct fi_column_slot *slot = &making->slot;
    int rc = FIRN_OK;
    for (uint32_t row = 0; row < slot->rows && rc == FIRN_OK; row++) {
        struct fi_cell cell;
        if (row % FI_CHUNK_BLOCK == 0) {
            FI_TRY(fi_column_read_block(making->run, slot, row / FI_CHUNK_BLOCK, err));
        }
        FI_TRY(fi_column_read_cell(making->run, slot, row, &cell, err));
        DCHECK(cell.kind == FI_PHYSICAL_NONE || cell.kind == FI_PHYSICAL_BYTES);
        if (making->gather.bytes.size + fi_column_gather_size(&cell) > FI_CHUNK_BYTES_MAX) {
            return fi_column_read_refuse(making->run, slot->group, slot->number,
                                         "its values have more bytes than a row group has", err);
        }
        rc = fi_column_gather_add(&making->gather, &cell, 1) == FIRN_OK
                 ? FIRN_OK
                 : fi_error_no_memory(err, "a chunk");
    }
out:
    return rc;
}

/* Makes the chunk, which takes the memory of making->bytes with it. */
static int
column_values_make(struct making *making, struct fi_column_pin *out, firn_error *err)
{
    struct fi_chunk_values values;
    if (fi_column_gather_values(&making->gather, &making->slices, &values) != FIRN_OK) {
        return fi_error_no_memory(err, "a chunk");
    }
    FI_TRY_RETURN(fi_chunk_encode_plain(&values, &making->bytes, err));
    FI_TRY_RETURN(fi_chunk_open(fi_buf_slice(&making->bytes), values.kind, values.fixed_size,
                                making->slot.rows, &out->chunk, err));
    out->made = making->bytes.data;
    making->bytes = (struct fi_buf){.data = NULL};
    return FIRN_OK;
}

int
fi_column_values_pin(struct fi_column_run *run, size_t group, size_t slot,
                     enum fi_block_cache_use use, struct fi_column_pin *out, firn_error *err)
{
    struct making making = {.run = run,
                            .gather = {.shape = fi_column_layout_shape(&run->layout.layout, slot)}};
    int rc;
    DCHECK(fi_column_index_has_references(&run->index, group, slot));
    *out = (struct fi_column_pin){.cache = NULL};
    fi_column_read_init(&making.slot);
    FI_TRY(fi_column_read_open(run, group, slot, use, &making.slot, err));
    FI_TRY(column_values_gather(&making, err));
    rc = column_values_make(&making, out, err);
out:
    fi_column_read_deinit(&making.slot);
    fi_column_gather_deinit(&making.gather);
    fi_buf_deinit(&making.slices);
    fi_buf_deinit(&making.bytes);
    return rc;
}

/* ==== chunks with references ==== */

static bool
has_bit(const struct fi_buf *words, size_t i)
{
    return (((const uint64_t *)(const void *)words->data)[i / WORD_BITS] >> i % WORD_BITS & 1) != 0;
}

void
fi_column_values_cut(struct fi_buf *slices)
{
    firn_slice *slice = (firn_slice *)(void *)slices->data;
    for (size_t i = 0; i < slices->size / sizeof *slice; i++) {
        slice[i].size = slice[i].size < CUT_SIZE ? slice[i].size : CUT_SIZE;
    }
}

int
fi_column_values_tag(const struct fi_column_gather *gather, struct fi_buf *slices,
                     struct fi_buf *memory)
{
    firn_slice *slice = (firn_slice *)(void *)slices->data;
    const uint8_t *from = gather->bytes.data;
    DCHECK(fi_column_gather_has_references(gather) &&
           slices->size == gather->count * sizeof *slice);
    if (fi_buf_set_size(memory, gather->bytes.size + gather->count) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    uint8_t *at = memory->data;
    for (size_t i = 0; i < gather->count; i++) {
        size_t size = fi_load_le32(gather->numbers.data + i * SIZE_SIZE);
        if (!has_bit(&gather->valid, i)) {
            slice[i] = firn_bytes(at, 0);
            continue;
        }
        slice[i] = firn_bytes(at, 1 + size);
        *at++ = has_bit(&gather->references, i) ? FI_COLUMN_FORMAT_TAG_REFERENCE
                                                : FI_COLUMN_FORMAT_TAG_INLINE;
        if (size > 0) {
            memcpy(at, from, size);
        }
        at += size;
        from += size;
    }
    DCHECK(at <= memory->data + memory->size);
    return FIRN_OK;
}
