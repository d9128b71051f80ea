/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_keys.c: the key, sequence and kind of each row of a group, and searching for a
 * position among them.
 *
 * Keys are not stored as such: the key of a row is rebuilt from the values of the key columns,
 * which gives the same bytes again. A search first uses the bounds of the blocks of the first key
 * column, as far as the wanted key begins with a value of its type. Then it does a binary search in
 * the remaining rows and builds the keys of those that it compares. If one block of numbers
 * remains, the search uses its packed numbers. A block of varying differences is decoded at once,
 * which costs less than ten of its values one by one.
 *
 * A run is trusted only as far as this can cause wrong answers: a chunk whose values do not ascend
 * leads to a wrong position, never outside of the group.
 *
 * Threads: one.
 */
#include "column/column_internal.h"

#include "base/slice.h"

/* ---- opening a group ---- */

static int
open_parts(struct fi_column_keys *keys, size_t group, firn_error *err)
{
    const struct fi_column_owned *layout = &keys->run->layout;
    for (size_t i = 0; i < layout->layout.key_count; i++) {
        FI_TRY_RETURN(fi_column_read_open(keys->run, group, layout->key_slots[i], keys->use,
                                          &keys->parts[i], err));
    }
    FI_TRY_RETURN(fi_column_read_open(keys->run, group,
                                      fi_column_layout_hidden(&layout->layout, FI_COLUMN_SEQUENCE),
                                      keys->use, &keys->sequence, err));
    return fi_column_read_open(keys->run, group,
                               fi_column_layout_hidden(&layout->layout, FI_COLUMN_KIND), keys->use,
                               &keys->kind, err);
}

int
fi_column_keys_open(struct fi_column_keys *keys, size_t group, firn_error *err)
{
    DCHECK(group < keys->run->index.group_count);
    if (keys->is_open && keys->group == group) {
        return FIRN_OK;
    }
    fi_column_keys_close(keys);
    int rc = open_parts(keys, group, err);
    if (rc != FIRN_OK) {
        fi_column_keys_close(keys);
        return rc;
    }
    fi_column_index_group(&keys->run->index, group, &keys->info);
    keys->group = group;
    keys->is_open = true;
    return FIRN_OK;
}

/* Of those that the layout has: the others are never looked at. */
static void
each_slot(struct fi_column_keys *keys, void (*act)(struct fi_column_slot *slot))
{
    DCHECK(keys->run->layout.layout.key_count <= FI_COLUMN_KEY_MAX);
    for (size_t i = 0; i < keys->run->layout.layout.key_count; i++) {
        act(&keys->parts[i]);
    }
    act(&keys->sequence);
    act(&keys->kind);
}

void
fi_column_keys_init(struct fi_column_keys *keys, struct fi_column_run *run,
                    enum fi_block_cache_use use)
{
    keys->run = run;
    keys->use = use;
    keys->is_open = false;
    keys->equal = (struct fi_column_rows){0, 0};
    each_slot(keys, fi_column_read_init);
}

void
fi_column_keys_close(struct fi_column_keys *keys)
{
    each_slot(keys, fi_column_read_close);
    keys->is_open = false;
}

void
fi_column_keys_deinit(struct fi_column_keys *keys)
{
    each_slot(keys, fi_column_read_deinit);
    keys->is_open = false;
}

static int
decode_slot(struct fi_column_keys *keys, struct fi_column_slot *slot, uint32_t row, firn_error *err)
{
    return slot->is_constant ? FIRN_OK
                             : fi_column_read_block(keys->run, slot, row / FI_CHUNK_BLOCK, err);
}

int
fi_column_keys_decode(struct fi_column_keys *keys, uint32_t row, firn_error *err)
{
    DCHECK(keys->is_open && row < keys->info.rows);
    for (size_t i = 0; i < keys->run->layout.layout.key_count; i++) {
        FI_TRY_RETURN(decode_slot(keys, &keys->parts[i], row, err));
    }
    FI_TRY_RETURN(decode_slot(keys, &keys->sequence, row, err));
    return decode_slot(keys, &keys->kind, row, err);
}

/* ---- one row ---- */

int
fi_column_keys_key(struct fi_column_keys *keys, uint32_t row, struct fi_buf *out, firn_error *err)
{
    struct fi_column_run *run = keys->run;
    const struct fi_column_layout *layout = &run->layout.layout;
    DCHECK(keys->is_open && row < keys->info.rows);
    fi_buf_clear(out);
    for (size_t i = 0; i < layout->key_count; i++) {
        struct fi_cell cell;
        size_t slot = run->layout.key_slots[i];
        int rc = fi_column_read_cell(run, &keys->parts[i], row, &cell, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (cell.kind == FI_PHYSICAL_NONE) {
            return fi_column_read_refuse(run, keys->group, slot, "a key has a null", err);
        }
        if (fi_tuple_key_add(out, layout->columns[slot].type, false, &cell) != FIRN_OK) {
            return fi_error_no_memory(err, "a key");
        }
        if (out->size > FI_ENTRY_KEY_SIZE_MAX) {
            return fi_column_read_refuse(run, keys->group, slot, "a key is too large", err);
        }
    }
    return FIRN_OK;
}

/* A number of a hidden column. */
static int
hidden_number(struct fi_column_keys *keys, struct fi_column_slot *slot, uint32_t row, uint64_t *out,
              firn_error *err)
{
    struct fi_cell cell;
    DCHECK(keys->is_open && slot->group == keys->group);
    int rc = fi_column_read_cell(keys->run, slot, row, &cell, err);
    if (rc == FIRN_OK && cell.kind == FI_PHYSICAL_NONE) {
        rc = fi_column_read_refuse(keys->run, keys->group, slot->number, "it has a null", err);
    }
    *out = rc == FIRN_OK ? cell.as.u64 : 0;
    return rc;
}

int
fi_column_keys_sequence(struct fi_column_keys *keys, uint32_t row, uint64_t *out, firn_error *err)
{
    int rc = hidden_number(keys, &keys->sequence, row, out, err);
    if (rc == FIRN_OK && (*out < keys->info.sequence_min || *out > keys->info.sequence_max)) {
        rc = fi_column_read_refuse(keys->run, keys->group, keys->sequence.number,
                                   "a sequence is not among those of the index", err);
    }
    return rc;
}

int
fi_column_keys_kind(struct fi_column_keys *keys, uint32_t row, enum fi_entry_kind *out,
                    firn_error *err)
{
    uint64_t kind;
    int rc = hidden_number(keys, &keys->kind, row, &kind, err);
    if (rc == FIRN_OK && kind != FI_ENTRY_PUT && kind != FI_ENTRY_DELETE &&
        kind != FI_ENTRY_MERGE && kind != FI_ENTRY_EXPIRING) {
        rc = fi_column_read_refuse(keys->run, keys->group, keys->kind.number,
                                   "a kind is not that of an entry", err);
    }
    *out = (enum fi_entry_kind)kind;
    return rc;
}

/* ---- searching ---- */

enum { DECODED_MIN = 16 }; /* rows that are left, below which a block is not decoded for them */

static bool
is_one_block(const struct fi_column_rows *rows)
{
    return rows->low < rows->high &&
           rows->low / FI_CHUNK_BLOCK == (rows->high - 1) / FI_CHUNK_BLOCK;
}

/* Whether all values of a block of the first key column fulfil a test. */
static bool
is_whole_block(const struct fi_chunk *chunk, size_t block, enum fi_chunk_test test,
               const struct fi_cell *cell)
{
    struct fi_chunk_bounds bounds;
    struct fi_chunk_predicate predicate = {.test = test, .a = *cell};
    fi_chunk_block_bounds(chunk, block, &bounds);
    return fi_chunk_assess(&bounds, fi_chunk_block_size(chunk, block), &predicate) == FI_CHUNK_ALL;
}

/* By the bounds of blocks, or by numbers where they lie. Sets the equal rows of keys, if it finds
 * them. */
static struct fi_column_rows
column_keys_narrow(struct fi_column_keys *keys, firn_slice key, struct fi_buf *memory)
{
    struct fi_column_slot *slot = &keys->parts[0];
    const struct fi_column_owned *layout = &keys->run->layout;
    struct fi_column_rows found = {0, keys->info.rows};
    struct fi_cell cell;
    fi_buf_clear(memory);
    if (slot->is_constant ||
        fi_tuple_key_read(&key, layout->layout.columns[layout->key_slots[0]].type, false, memory,
                          &cell) != FIRN_OK) {
        return found;
    }
    const struct fi_chunk *chunk = &slot->pin.chunk;
    size_t first;
    size_t end;
    bool is_exact;
    if (fi_chunk_get_place(chunk, &cell, &first, &end, &is_exact)) {
        if (is_exact && layout->layout.key_count == 1 && key.size == 0) {
            keys->equal = (struct fi_column_rows){(uint32_t)first, (uint32_t)end};
        }
        return (struct fi_column_rows){(uint32_t)first, (uint32_t)end};
    }
    size_t low = 0;
    size_t high = fi_chunk_block_count(chunk);
    while (low < high) { /* the first block with a value that is not smaller */
        size_t middle = low + (high - low) / 2;
        if (is_whole_block(chunk, middle, FI_CHUNK_LESS, &cell)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    first = low;
    high = fi_chunk_block_count(chunk);
    while (low < high) { /* the first block all of whose values are larger */
        size_t middle = low + (high - low) / 2;
        if (!is_whole_block(chunk, middle, FI_CHUNK_GREATER, &cell)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (first * FI_CHUNK_BLOCK < found.high) {
        found.low = (uint32_t)(first * FI_CHUNK_BLOCK);
    } else { /* all rows lie before it */
        found.low = found.high;
    }
    if (low < fi_chunk_block_count(chunk)) {
        found.high = (uint32_t)(low * FI_CHUNK_BLOCK);
    }
    DCHECK(found.low <= keys->info.rows && found.high <= keys->info.rows);
    return found;
}

int
fi_column_keys_compare(struct fi_column_keys *keys, uint32_t row, firn_slice key,
                       struct fi_buf *memory, int *out_order, firn_error *err)
{
    *out_order = 0;
    DCHECK(keys->is_open && row < keys->info.rows);
    if (row >= keys->equal.low && row < keys->equal.high) {
        return FIRN_OK;
    }
    int rc = fi_column_keys_key(keys, row, memory, err);
    if (rc == FIRN_OK) {
        *out_order = fi_slice_compare(fi_buf_slice(memory), key);
    }
    return rc;
}

/* Whether a row lies before (key, sequence). */
static int
lies_before(struct fi_column_keys *keys, uint32_t row, firn_slice key, uint64_t sequence,
            struct fi_buf *memory, bool *out, firn_error *err)
{
    int order;
    uint64_t found = 0;
    int rc = fi_column_keys_compare(keys, row, key, memory, &order, err);
    if (rc == FIRN_OK && order == 0) {
        rc = fi_column_keys_sequence(keys, row, &found, err);
    }
    *out = order < 0 || (order == 0 && found > sequence);
    return rc;
}

/* Decodes the one block of numbers that is left. */
static int
decode_narrowed(struct fi_column_keys *keys, const struct fi_column_rows *left, firn_error *err)
{
    const struct fi_column_layout *layout = &keys->run->layout.layout;
    if (!is_one_block(left) || left->high - left->low < DECODED_MIN) {
        return FIRN_OK;
    }
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < layout->key_count; i++) {
        struct fi_column_slot *slot = &keys->parts[i];
        if (!slot->is_constant && slot->pin.chunk.kind != FI_PHYSICAL_BYTES &&
            slot->pin.chunk.encoding == FI_ENCODING_DELTA) {
            rc = fi_column_read_block(keys->run, slot, left->low / FI_CHUNK_BLOCK, err);
        }
    }
    return rc;
}

int
fi_column_keys_find(struct fi_column_keys *keys, firn_slice key, uint64_t sequence,
                    struct fi_buf *memory, uint32_t *out, firn_error *err)
{
    DCHECK(keys->is_open);
    keys->equal = (struct fi_column_rows){0, 0};
    struct fi_column_rows left = column_keys_narrow(keys, key, memory);
    int rc = decode_narrowed(keys, &left, err);
    while (rc == FIRN_OK && left.low < left.high) {
        uint32_t middle = left.low + (left.high - left.low) / 2;
        bool is_before = false;
        rc = lies_before(keys, middle, key, sequence, memory, &is_before, err);
        if (is_before) {
            left.low = middle + 1;
        } else {
            left.high = middle;
        }
    }
    DCHECK(left.low <= keys->info.rows);
    *out = left.low;
    return rc;
}
