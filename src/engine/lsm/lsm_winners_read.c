/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_winners_read.c: reads one column of a batch of rows, wherever each of them is.
 *
 * Rows of a batch that are in one block of one row group are decoded together, and no others are
 * (the masks of fi_chunk_read_block). For rows in memtables, values are looked up in their
 * tuples, and columns of the primary key in their keys. So the cost of reading a column depends on
 * its rows, not on the size of the piece.
 *
 * (I1) A row group is visited once for each column and batch, at its first wanted row. (Not
 *      checked: is_first_of_part is the rule.)
 *
 * Memory: the caller's scratch, which has the values of one column of one batch, and one pinned
 * chunk.
 *
 * Failure: FIRN_CORRUPT names the column. The batch is as it was.
 */
#include "base/check.h"
#include "base/slice.h"
#include "lsm/lsm_group.h"
#include "lsm/lsm_pieces_internal.h"

/* The values that are being assembled. */
struct target {
    struct fi_lsm_winners *winners;
    const struct fi_column_def *column;
    const uint64_t *wanted; /* NULL: all */
    struct fi_lsm_winners_scratch *scratch;
    enum fi_physical kind;
    bool has_nulls;
    uint64_t offsets[FI_LSM_WINNERS_MAX]; /* of bytes, in scratch->bytes */
};

static bool
is_wanted(const struct target *target, size_t k)
{
    return target->wanted == NULL || (target->wanted[k / 64] >> k % 64 & 1) != 0;
}

static int
set_value(struct target *target, size_t k, const struct fi_cell *cell, firn_error *err)
{
    struct fi_lsm_winners_scratch *scratch = target->scratch;
    if (cell->kind == FI_PHYSICAL_NONE) {
        scratch->valid[k / 64] &= ~(UINT64_C(1) << k % 64);
        target->has_nulls = true;
        return FIRN_OK;
    }
    DCHECK(cell->kind == target->kind);
    if (target->kind == FI_PHYSICAL_BYTES) {
        target->offsets[k] = scratch->bytes.size;
        ((firn_slice *)(void *)scratch->numbers.data)[k].size = cell->as.bytes.size;
        return fi_buf_append_slice(&scratch->bytes, cell->as.bytes) == FIRN_OK
                   ? FIRN_OK
                   : fi_error_no_memory(err, "the values of a column");
    }
    if (target->kind == FI_PHYSICAL_F32) {
        ((float *)(void *)scratch->numbers.data)[k] = cell->as.f32;
    } else {
        ((uint64_t *)(void *)scratch->numbers.data)[k] = cell->as.u64;
    }
    return FIRN_OK;
}

/* ---- from tuples ---- */

static int
refuse_row(const struct target *target, const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "column %u of a row: %s", target->column->id, what);
}

/* The part of a key that belongs to the column. */
static int
read_key_part(struct target *target, size_t number, firn_slice key, struct fi_cell *out,
              firn_error *err)
{
    const struct fi_lsm_pieces *pieces = target->winners->pieces;
    struct fi_buf *memory = &target->winners->key_memory;
    for (size_t i = 0; i <= number; i++) {
        fi_buf_clear(memory);
        int rc = fi_tuple_key_read(&key, pieces->key[i].type, false, memory, out);
        if (rc == FIRN_NO_MEMORY) {
            return fi_error_no_memory(err, "a key");
        }
        if (rc != FIRN_OK) {
            return refuse_row(target, "its key is not one of the table", err);
        }
    }
    return FIRN_OK;
}

static int
read_tuple(struct target *target, const struct fi_lsm_winner *winner, struct fi_cell *out,
           firn_error *err)
{
    const struct fi_lsm_pieces *pieces = target->winners->pieces;
    for (size_t i = 0; i < pieces->key_count; i++) {
        if (pieces->key[i].id == target->column->id) {
            return read_key_part(target, i, winner->key, out, err);
        }
    }
    int rc = fi_tuple_find(winner->tuple, target->column->id, out);
    if (rc == FIRN_NOT_FOUND) {
        *out = target->column->initial;
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        return refuse_row(target, "it is not a tuple", err);
    }
    bool is_fit = out->kind == FI_PHYSICAL_NONE ||
                  (out->kind == target->kind &&
                   (out->kind != FI_PHYSICAL_BYTES || target->column->fixed_size == 0 ||
                    out->as.bytes.size == target->column->fixed_size));
    return is_fit ? FIRN_OK : refuse_row(target, "it has a value of another type", err);
}

/* ---- from row groups ---- */

/* The same for all rows of a part from number k on. */
static int
set_all(struct target *target, uint32_t part, size_t k, const struct fi_cell *cell, firn_error *err)
{
    int rc = FIRN_OK;
    for (; k < target->winners->count && rc == FIRN_OK; k++) {
        if (target->winners->batch[k].part == part && is_wanted(target, k)) {
            rc = set_value(target, k, cell, err);
        }
    }
    return rc;
}

/* The rows of a part that lie in one block: those numbers from `begin` to `end` with a bit in
 * mask. */
struct block_rows {
    uint32_t part;
    uint32_t block;
    size_t begin;
    size_t end;
    uint64_t mask[FI_CHUNK_MASK_WORDS];
};

static int
read_block(struct target *target, const struct fi_chunk *chunk, const struct block_rows *rows,
           firn_error *err)
{
    const struct fi_lsm_winner *batch = target->winners->batch;
    struct fi_chunk_values values;
    FI_TRY_RETURN(
        fi_chunk_read_block(chunk, rows->block, rows->mask, &target->scratch->chunk, &values, err));
    for (size_t k = rows->begin; k < rows->end; k++) {
        if (batch[k].part == rows->part && is_wanted(target, k)) {
            struct fi_cell cell = fi_lsm_group_cell(&values, batch[k].row % FI_CHUNK_BLOCK);
            FI_TRY_RETURN(set_value(target, k, &cell, err));
        }
    }
    return FIRN_OK;
}

/* The next rows of a part that share a block; false: there are none. */
static bool
find_block(const struct target *target, struct block_rows *rows)
{
    const struct fi_lsm_winner *batch = target->winners->batch;
    bool is_found = false;
    memset(rows->mask, 0, sizeof rows->mask);
    rows->begin = rows->end;
    for (; rows->end < target->winners->count; rows->end++) {
        size_t k = rows->end;
        if (batch[k].part != rows->part || !is_wanted(target, k)) {
            continue;
        }
        uint32_t block = batch[k].row / FI_CHUNK_BLOCK;
        if (is_found && block != rows->block) {
            break;
        }
        uint32_t at = batch[k].row % FI_CHUNK_BLOCK;
        rows->block = block;
        rows->mask[at / 64] |= UINT64_C(1) << at % 64;
        is_found = true;
    }
    return is_found;
}

/* All rows of a part, from number k on. */
static int
read_part(struct target *target, uint32_t number, size_t k, firn_error *err)
{
    const struct fi_lsm_pieces_part *part = fi_lsm_pieces_part_at(target->winners->pieces, number);
    struct block_rows rows = {.part = number, .end = k};
    struct fi_column_pin pin = {.cache = NULL};
    struct fi_buf large = {0};
    uint32_t id = target->column->id;
    int rc = fi_column_pin_chunk(part->run, part->group, id, FI_BLOCK_CACHE_DATA, &pin, err);
    if (rc == FIRN_NOT_FOUND) {
        return set_all(target, number, k, &target->column->initial, err);
    }
    if (rc == FIRN_LIMIT) {
        struct fi_cell cell = {.kind = FI_PHYSICAL_BYTES};
        FI_TRY(fi_column_read_large(part->run, part->group, id, &large, err));
        cell.as.bytes = fi_buf_slice(&large);
        rc = set_all(target, number, k, &cell, err);
        goto out;
    }
    if (rc != FIRN_OK) {
        goto out;
    }
    if (pin.chunk.kind != target->kind || pin.chunk.fixed_size != target->column->fixed_size) {
        rc = fi_error_set(err, FIRN_CORRUPT, "it has values of another type");
    }
    while (rc == FIRN_OK && find_block(target, &rows)) {
        rc = read_block(target, &pin.chunk, &rows, err);
    }
    if (rc != FIRN_OK && err != NULL) {
        rc = fi_column_explain(part->run, part->group, id, err);
    }
out:
    fi_column_read_unpin(&pin);
    fi_buf_deinit(&large);
    return rc;
}

/* ---- all of them ---- */

static int
begin_target(struct target *target, firn_error *err)
{
    struct fi_lsm_winners_scratch *scratch = target->scratch;
    size_t count = target->winners->count;
    size_t size = target->kind == FI_PHYSICAL_BYTES ? sizeof(firn_slice)
                  : target->kind == FI_PHYSICAL_F32 ? sizeof(float)
                                                    : sizeof(uint64_t);
    fi_buf_clear(&scratch->bytes);
    if (fi_buf_set_size(&scratch->numbers, count * size) != FIRN_OK) {
        return fi_error_no_memory(err, "the values of a column");
    }
    if (count > 0) {
        memset(scratch->numbers.data, 0, count * size);
    }
    memset(scratch->valid, 0xff, sizeof scratch->valid);
    return FIRN_OK;
}

static void
end_target(struct target *target, struct fi_chunk_values *out)
{
    struct fi_lsm_winners_scratch *scratch = target->scratch;
    size_t count = target->winners->count;
    *out = (struct fi_chunk_values){.kind = target->kind,
                                    .fixed_size = target->column->fixed_size,
                                    .count = count,
                                    .valid = target->has_nulls ? scratch->valid : NULL};
    if (target->kind == FI_PHYSICAL_BYTES) {
        firn_slice *slices = (void *)scratch->numbers.data;
        for (size_t k = 0; k < count; k++) {
            slices[k].data = slices[k].size > 0 ? scratch->bytes.data + target->offsets[k] : NULL;
        }
        out->as.bytes = slices;
    } else {
        out->as.u64 = (const uint64_t *)(const void *)scratch->numbers.data;
    }
}

/* (I1) Whether no row before the k-th that is wanted is of the same part. */
static bool
is_first_of_part(const struct target *target, size_t k, uint32_t *last)
{
    const struct fi_lsm_winner *batch = target->winners->batch;
    if (batch[k].part == *last) {
        return false;
    }
    for (size_t i = 0; i < k; i++) {
        if (batch[i].part == batch[k].part && is_wanted(target, i)) {
            return false;
        }
    }
    *last = batch[k].part;
    return true;
}

int
fi_lsm_winners_read(struct fi_lsm_winners *winners, const struct fi_column_def *column,
                    const uint64_t *wanted, struct fi_lsm_winners_scratch *scratch,
                    struct fi_chunk_values *out, firn_error *err)
{
    struct target target;
    uint32_t last = FI_LSM_WINNERS_NO_PART;
    target.winners = winners;
    target.column = column;
    target.wanted = wanted;
    target.scratch = scratch;
    target.kind = fi_physical_of(column->type);
    target.has_nulls = false;
    *out = (struct fi_chunk_values){.count = 0};
    FI_TRY_RETURN(begin_target(&target, err));
    for (size_t k = 0; k < winners->count; k++) {
        if (!is_wanted(&target, k)) {
            continue;
        }
        const struct fi_lsm_winner *winner = &winners->batch[k];
        if (winner->part == FI_LSM_WINNERS_NO_PART) {
            struct fi_cell cell;
            FI_TRY_RETURN(read_tuple(&target, winner, &cell, err));
            FI_TRY_RETURN(set_value(&target, k, &cell, err));
        } else if (is_first_of_part(&target, k, &last)) {
            FI_TRY_RETURN(read_part(&target, winner->part, k, err));
        }
    }
    end_target(&target, out);
    return FIRN_OK;
}
