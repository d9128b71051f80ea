/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_group.c: the keys, sequences, kinds and expiry times of the rows of one row group.
 *
 * A merge of keys goes through a row group in order, so whole blocks of 1,024 values are decoded,
 * one for each column at a time. This happens when a second value of a block is asked for. The
 * first time, only the value itself is decoded, which suits a search for near vectors.
 *
 * Hidden columns that the group does not have are constants (column.h): the group's single
 * sequence, put, and no expiry. A column of the key whose one value is stored in pieces, as is
 * possible in a group of one row, is a constant too.
 *
 * (I1) While a group is open, each of its columns is a constant or has a chunk pinned.
 * (I2) The rows agree with the index entry of the group: plain groups have only puts, and sequences
 *      lie between the smallest and the largest. Otherwise the group is damaged.
 */
#include "lsm/lsm_group.h"

#include "base/check.h"
#include "base/slice.h"

static const struct fi_column_def *
find_column(const struct fi_column_layout *layout, uint32_t id)
{
    for (size_t i = 0; i < layout->count; i++) {
        if (layout->columns[i].id == id) {
            return &layout->columns[i];
        }
    }
    return NULL;
}

/* Reports a column that cannot be as it is. */
static int
lsm_group_refuse(const struct fi_lsm_group *group, uint32_t column, const char *what,
                 firn_error *err)
{
    int rc = fi_error_set(err, FIRN_CORRUPT, "%s", what);
    return err == NULL ? rc : fi_column_explain(group->run, group->number, column, err);
}

/* ---- columns ---- */

static int
open_column(struct fi_lsm_group *group, struct fi_lsm_group_column *column, uint32_t id,
            firn_error *err)
{
    column->id = id;
    column->is_constant = false;
    int rc =
        fi_column_pin_chunk(group->run, group->number, id, FI_BLOCK_CACHE_DATA, &column->pin, err);
    if (rc == FIRN_LIMIT) {
        rc = fi_column_read_large(group->run, group->number, id, &column->large, err);
        column->constant =
            (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = fi_buf_slice(&column->large)};
        column->is_constant = true;
    }
    return rc;
}

/* A hidden column, which may be absent. */
static int
open_hidden(struct fi_lsm_group *group, struct fi_lsm_group_column *column, uint32_t id,
            firn_error *err)
{
    int rc = open_column(group, column, id, err);
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    column->is_constant = true;
    column->constant = (struct fi_cell){.kind = FI_PHYSICAL_NONE};
    if (id != FI_COLUMN_EXPIRES) {
        column->constant = (struct fi_cell){
            .kind = FI_PHYSICAL_U64,
            .as.u64 = id == FI_COLUMN_KIND ? FI_ENTRY_PUT : group->info.sequence_min};
    }
    return FIRN_OK;
}

static void
each_column(struct fi_lsm_group *group, void (*act)(struct fi_lsm_group_column *column))
{
    for (size_t i = 0; i < FI_COLUMN_KEY_MAX; i++) {
        act(&group->keys[i]);
    }
    act(&group->sequence);
    act(&group->kind);
    act(&group->expires);
}

static void
close_column(struct fi_lsm_group_column *column)
{
    fi_column_read_unpin(&column->pin);
    column->block = SIZE_MAX;
    column->asked = SIZE_MAX;
}

static void
deinit_column(struct fi_lsm_group_column *column)
{
    close_column(column);
    fi_chunk_scratch_deinit(&column->scratch);
    fi_buf_deinit(&column->large);
}

/* ---- life ---- */

int
fi_lsm_group_open(struct fi_lsm_group *group, struct fi_run *run, size_t number, firn_error *err)
{
    const struct fi_column_layout *layout = fi_column_layout_of(run);
    int rc = FIRN_OK;
    fi_lsm_group_close(group);
    group->run = run;
    group->number = number;
    group->key_count = layout->key_count;
    fi_column_group_at(run, number, &group->info);
    DCHECK(group->key_count > 0 && group->key_count <= FI_COLUMN_KEY_MAX);
    for (size_t i = 0; i < group->key_count; i++) {
        const struct fi_column_def *def = find_column(layout, layout->key[i]);
        CHECK(def != NULL);
        group->keys[i].type = def->type;
        rc = open_column(group, &group->keys[i], def->id, err);
        if (rc == FIRN_NOT_FOUND) {
            rc = lsm_group_refuse(group, def->id, "it is a column of the key and missing", err);
        }
        if (rc != FIRN_OK) {
            goto out;
        }
    }
    FI_TRY(open_hidden(group, &group->sequence, FI_COLUMN_SEQUENCE, err));
    FI_TRY(open_hidden(group, &group->kind, FI_COLUMN_KIND, err));
    FI_TRY(open_hidden(group, &group->expires, FI_COLUMN_EXPIRES, err));
    group->is_open = true;
out:
    if (rc != FIRN_OK) {
        fi_lsm_group_close(group);
    }
    return rc;
}

void
fi_lsm_group_close(struct fi_lsm_group *group)
{
    each_column(group, close_column);
    group->is_open = false;
}

void
fi_lsm_group_deinit(struct fi_lsm_group *group)
{
    each_column(group, deinit_column);
    group->is_open = false;
}

/* ---- one row ---- */

/* Borrowed until the next call for the column. */
static int
read_cell(struct fi_lsm_group *group, struct fi_lsm_group_column *column, uint32_t row,
          struct fi_cell *out, firn_error *err)
{
    DCHECK(group->is_open && row < group->info.rows); /* (I1) */
    if (column->is_constant) {
        *out = column->constant;
        return FIRN_OK;
    }
    const size_t block = row / FI_CHUNK_BLOCK;
    uint16_t at = (uint16_t)(row % FI_CHUNK_BLOCK);
    if (column->block != block) {
        uint64_t one[FI_CHUNK_MASK_WORDS] = {0};
        one[at / 64] = UINT64_C(1) << at % 64;
        column->block = SIZE_MAX;
        int rc = column->asked == block
                     ? fi_chunk_read_block(&column->pin.chunk, block, NULL, &column->scratch,
                                           &column->values, err)
                     : fi_chunk_read_list(&column->pin.chunk, block, &at, 1, one, &column->scratch,
                                          &column->values, err);
        if (rc != FIRN_OK) {
            return err == NULL ? rc : fi_column_explain(group->run, group->number, column->id, err);
        }
        if (column->asked == block) {
            column->block = block;
        } else {
            column->asked = block;
            at = 0;
        }
    }
    *out = fi_lsm_group_cell(&column->values, at);
    return FIRN_OK;
}

/* Appends column i of the key of a row to out. */
static int
add_key_part(struct fi_lsm_group *group, size_t i, uint32_t row, struct fi_buf *out,
             firn_error *err)
{
    struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
    int rc = read_cell(group, &group->keys[i], row, &cell, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (cell.kind == FI_PHYSICAL_NONE) {
        return lsm_group_refuse(group, group->keys[i].id, "a key has a null", err);
    }
    if (fi_tuple_key_add(out, group->keys[i].type, false, &cell) != FIRN_OK) {
        return fi_error_no_memory(err, "a key");
    }
    return FIRN_OK;
}

int
fi_lsm_group_key(struct fi_lsm_group *group, uint32_t row, struct fi_buf *out, firn_error *err)
{
    int rc = FIRN_OK;
    fi_buf_clear(out);
    for (size_t i = 0; rc == FIRN_OK && i < group->key_count; i++) {
        rc = add_key_part(group, i, row, out, err);
    }
    return rc;
}

/* (I2) */
static const char *
find_fault(const struct fi_lsm_group *group, uint64_t kind, uint64_t sequence,
           const struct fi_cell *expires)
{
    if (kind != FI_ENTRY_PUT && kind != FI_ENTRY_DELETE && kind != FI_ENTRY_MERGE &&
        kind != FI_ENTRY_EXPIRING) {
        return "a kind is not that of an entry";
    }
    if (group->info.is_plain && kind != FI_ENTRY_PUT) {
        return "a group of puts alone has something else";
    }
    if (sequence < group->info.sequence_min || sequence > group->info.sequence_max) {
        return "a sequence is not among those of the index";
    }
    if ((kind == FI_ENTRY_EXPIRING) != (expires->kind != FI_PHYSICAL_NONE)) {
        return "an end of life does not fit the kind of its row";
    }
    return NULL;
}

int
fi_lsm_group_row(struct fi_lsm_group *group, uint32_t row, struct fi_lsm_group_row *out,
                 firn_error *err)
{
    struct fi_cell sequence = {.kind = FI_PHYSICAL_NONE};
    struct fi_cell kind = {.kind = FI_PHYSICAL_NONE};
    struct fi_cell expires = {.kind = FI_PHYSICAL_NONE};
    FI_TRY_RETURN(read_cell(group, &group->sequence, row, &sequence, err));
    FI_TRY_RETURN(read_cell(group, &group->kind, row, &kind, err));
    FI_TRY_RETURN(read_cell(group, &group->expires, row, &expires, err));
    const char *fault = sequence.kind == FI_PHYSICAL_NONE || kind.kind == FI_PHYSICAL_NONE
                            ? "a hidden column has a null"
                            : find_fault(group, kind.as.u64, sequence.as.u64, &expires);
    if (fault != NULL) {
        return lsm_group_refuse(group, FI_COLUMN_KIND, fault, err); /* (I2) */
    }
    *out = (struct fi_lsm_group_row){.sequence = sequence.as.u64,
                                     .kind = (enum fi_entry_kind)kind.as.u64,
                                     .expires_ms =
                                         expires.kind != FI_PHYSICAL_NONE ? expires.as.u64 : 0};
    return FIRN_OK;
}

/* ---- searching ---- */

/* Appends the first column of the key of a block's first row to out, if it is known without
 * decoding the block: keys ascend, so it is the smallest of its block. */
static bool
add_block_start(const struct fi_lsm_group *group, uint32_t row, struct fi_buf *out)
{
    const struct fi_lsm_group_column *column = &group->keys[0];
    struct fi_chunk_bounds bounds;
    if (row % FI_CHUNK_BLOCK != 0 || column->is_constant) {
        return false;
    }
    fi_chunk_block_bounds(&column->pin.chunk, row / FI_CHUNK_BLOCK, &bounds);
    return bounds.null_count == 0 &&
           (bounds.min.kind == FI_PHYSICAL_I64 || bounds.min.kind == FI_PHYSICAL_U64) &&
           fi_tuple_key_add(out, column->type, false, &bounds.min) == FIRN_OK;
}

/* Whether the key of a row is below `key`. Reads only as many of its columns as that takes. */
static int
is_below(struct fi_lsm_group *group, uint32_t row, firn_slice key, struct fi_buf *memory, bool *out,
         firn_error *err)
{
    int rc = FIRN_OK;
    fi_buf_clear(memory);
    *out = false;
    for (size_t i = 0; i < group->key_count; i++) {
        if (i > 0 || !add_block_start(group, row, memory)) {
            rc = add_key_part(group, i, row, memory, err);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
        const firn_slice begun = fi_buf_slice(memory);
        *out = fi_slice_compare(begun, key) < 0;
        if (!fi_slice_has_prefix(key, begun) || begun.size == key.size) {
            return FIRN_OK; /* the other columns do not matter */
        }
    }
    return rc;
}

/* The row to compare next: the start of a block, as long as there is one after `first`. */
static uint32_t
choose_middle(struct fi_lsm_group *group, uint32_t first, uint32_t high)
{
    const uint32_t middle = first + (high - first) / 2;
    const uint32_t start = middle - middle % FI_CHUNK_BLOCK;
    DCHECK(first < high);
    if (start > first) {
        return start;
    }
    if (start + FI_CHUNK_BLOCK < high) {
        return start + FI_CHUNK_BLOCK;
    }
    for (size_t i = 0; i < group->key_count && high - first > 2; i++) {
        group->keys[i].asked = middle / FI_CHUNK_BLOCK; /* more rows of it will be */
    }
    return middle;
}

int
fi_lsm_group_find(struct fi_lsm_group *group, firn_slice key, uint32_t first, uint32_t end,
                  struct fi_buf *memory, uint32_t *out, firn_error *err)
{
    DCHECK(group->is_open && first <= end && end <= group->info.rows);
    uint32_t high = end;
    while (first < high) {
        uint32_t middle = choose_middle(group, first, high);
        bool is_lower;
        int rc = is_below(group, middle, key, memory, &is_lower, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (is_lower) {
            first = middle + 1;
        } else {
            high = middle;
        }
    }
    *out = first;
    return FIRN_OK;
}
