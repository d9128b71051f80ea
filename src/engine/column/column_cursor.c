/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_cursor.c: a position among the rows of a run, moving it, and batches of rows for
 * builders.
 *
 * A position is a row group and a row in it. The chunks of the group's key and hidden columns are
 * pinned as long as the cursor is in the group, those of other columns once a row is shown. A
 * cursor that was placed by a seek reads single values of them. Once it moves, it decodes blocks of
 * 1,024 rows, and the next rows are in memory.
 *
 * The entry is rebuilt for each row: its key from the key columns, its tuple from the others, or
 * from those that the projection names.
 *
 * Batches. In a plain group every row is a put and the only version of its key, so any range of its
 * rows is a batch. In other groups a batch is found in the decoded block: rows that are puts and
 * whose keys differ from their neighbours'. Batches end with the block.
 *
 * A group with values in value files has no batches: its rows go to a builder one by one, with
 * their references.
 *
 * (I1) While the cursor is valid, keys is open for its group, and base.entry is the entry of its
 *      row.
 * (I2) After a failure the cursor is not valid and holds no group: the next seek begins anew.
 *
 * Memory: the chunks of one group, and one decoded block of each column that is shown: about the
 * size of a group, 8 MiB, and twice the largest value.
 *
 * Threads: one.
 */
#include "column/column_internal.h"

#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"

enum {
    VALUE_KEPT_MAX = 4 << 20
}; /* memory for large values that a cursor keeps for the next one */

struct cursor {
    struct fi_run_cursor base; /* first */
    struct fi_column_run *run;
    const struct fi_snapshot *only; /* NULL: everything */
    bool is_projected;
    bool keeps_references;
    bool has_cells;  /* the row that is shown has some */
    bool is_walking; /* the last move was a step: blocks are decoded */
    uint32_t row;
    struct fi_column_keys keys;
    struct fi_column_slot expires;
    struct fi_column_slot operand;
    struct fi_column_slot *values; /* of the columns that are shown, by ascending slot */
    size_t value_count;
    struct fi_buf key;
    struct fi_buf last_key; /* of a batch */
    struct fi_buf other;    /* a key to compare with */
    struct fi_buf value;
};

static struct cursor *
cursor_of(struct fi_run_cursor *base)
{
    DCHECK(base->kind->file_kind == FI_BLOCK_FILE_COLUMN);
    return (struct cursor *)base;
}

/* Numbers the slots of the columns that are shown. */
static int
choose_columns(struct cursor *cursor, const struct fi_run_projection *projection, firn_error *err)
{
    const struct fi_column_owned *layout = &cursor->run->layout;
    cursor->values = fi_alloc_zeroed((layout->value_count + 1) * sizeof cursor->values[0]);
    if (cursor->values == NULL) {
        return fi_error_no_memory(err, "a cursor");
    }
    for (size_t slot = 0; slot < layout->layout.count; slot++) {
        if (!layout->is_key[slot] &&
            fi_column_layout_wants(projection, layout->layout.columns[slot].id)) {
            cursor->values[cursor->value_count].keeps_references = cursor->keeps_references;
            cursor->values[cursor->value_count++].number = slot;
        }
    }
    return FIRN_OK;
}

int
fi_column_cursor_create(struct fi_run *run, const struct fi_run_cursor_options *options,
                        struct fi_run_cursor **out, firn_error *err)
{
    *out = NULL;
    struct cursor *cursor = fi_alloc_zeroed(sizeof *cursor);
    if (cursor == NULL) {
        return fi_error_no_memory(err, "a cursor");
    }
    cursor->base.kind = run->kind;
    cursor->run = fi_column_read_run(run);
    fi_column_keys_init(&cursor->keys, cursor->run,
                        options != NULL && options->is_sequential ? FI_BLOCK_CACHE_SCAN
                                                                  : FI_BLOCK_CACHE_DATA);
    cursor->only = options != NULL ? options->only : NULL;
    cursor->keeps_references = options != NULL && options->keeps_references;
    const struct fi_run_projection *projection = options != NULL ? options->projection : NULL;
    cursor->is_projected = projection != NULL;
    int rc = choose_columns(cursor, projection, err);
    if (rc != FIRN_OK) {
        fi_column_cursor_destroy(&cursor->base);
        return rc;
    }
    *out = &cursor->base;
    return FIRN_OK;
}

/* Lets go of the group. */
static void
column_cursor_leave(struct cursor *cursor)
{
    cursor->base.is_valid = false;
    fi_column_keys_close(&cursor->keys);
    fi_column_read_close(&cursor->expires);
    fi_column_read_close(&cursor->operand);
    for (size_t i = 0; i < cursor->value_count; i++) {
        fi_column_read_close(&cursor->values[i]);
    }
}

void
fi_column_cursor_destroy(struct fi_run_cursor *base)
{
    if (base == NULL) {
        return;
    }
    struct cursor *cursor = cursor_of(base);
    column_cursor_leave(cursor);
    fi_column_keys_deinit(&cursor->keys);
    fi_column_read_deinit(&cursor->expires);
    fi_column_read_deinit(&cursor->operand);
    for (size_t i = 0; i < cursor->value_count; i++) {
        fi_column_read_deinit(&cursor->values[i]);
    }
    fi_free(cursor->values);
    fi_buf_deinit(&cursor->key);
    fi_buf_deinit(&cursor->last_key);
    fi_buf_deinit(&cursor->other);
    fi_buf_deinit(&cursor->value);
    fi_free(cursor);
}

/* Enters a group. */
static int
column_cursor_enter(struct cursor *cursor, size_t group, firn_error *err)
{
    DCHECK(group < cursor->run->index.group_count);
    if (!cursor->keys.is_open || cursor->keys.group != group) {
        column_cursor_leave(cursor);
    }
    return fi_column_keys_open(&cursor->keys, group, err);
}

/* ==== entries ==== */

/* The value of a slot in the row, of a block that is decoded where the cursor walks. */
static int
read_slot(struct cursor *cursor, struct fi_column_slot *slot, size_t number, struct fi_cell *out,
          firn_error *err)
{
    FI_TRY_RETURN(
        fi_column_read_open(cursor->run, cursor->keys.group, number, cursor->keys.use, slot, err));
    if (cursor->is_walking && !slot->is_constant) {
        FI_TRY_RETURN(fi_column_read_block(cursor->run, slot, cursor->row / FI_CHUNK_BLOCK, err));
    }
    return fi_column_read_cell(cursor->run, slot, cursor->row, out, err);
}

/* The same of a hidden column that must have a value of so many bytes at least. */
static int
read_hidden(struct cursor *cursor, struct fi_column_slot *slot, uint32_t column, size_t size_min,
            struct fi_cell *out, firn_error *err)
{
    size_t number = fi_column_layout_hidden(&cursor->run->layout.layout, column);
    int rc = read_slot(cursor, slot, number, out, err);
    if (rc == FIRN_OK && (out->kind == FI_PHYSICAL_NONE ||
                          (out->kind == FI_PHYSICAL_BYTES && out->as.bytes.size < size_min))) {
        rc = fi_column_read_refuse(cursor->run, cursor->keys.group, number,
                                   "an entry lacks a part that its kind has", err);
    }
    return rc;
}

/* Appends the tuple of the row to the value. */
static int
add_tuple(struct cursor *cursor, firn_error *err)
{
    struct fi_tuple_writer writer;
    const struct fi_column_def *columns = cursor->run->layout.columns;
    int rc = FIRN_OK;
    fi_tuple_begin(&writer, &cursor->value);
    for (size_t i = 0; rc == FIRN_OK && i < cursor->value_count; i++) {
        struct fi_cell cell;
        struct fi_column_slot *slot = &cursor->values[i];
        rc = read_slot(cursor, slot, slot->number, &cell, err);
        if (rc == FIRN_OK) {
            fi_tuple_add(&writer, columns[slot->number].id, &cell);
            cursor->has_cells |= cell.kind == FI_PHYSICAL_REFERENCE;
        }
    }
    return rc == FIRN_OK && fi_tuple_end(&writer) != FIRN_OK ? fi_error_no_memory(err, "a row")
                                                             : rc;
}

/* Makes the value of the row. */
static int
make_value(struct cursor *cursor, enum fi_entry_kind kind, firn_error *err)
{
    struct fi_cell cell;
    if (cursor->value.capacity > VALUE_KEPT_MAX) {
        fi_buf_deinit(&cursor->value);
    }
    fi_buf_clear(&cursor->value);
    switch (kind) {
    case FI_ENTRY_DELETE:
        return FIRN_OK;
    case FI_ENTRY_MERGE:
        FI_TRY_RETURN(read_hidden(cursor, &cursor->operand, FI_COLUMN_OPERAND,
                                  FI_ENTRY_MERGE_HEAD_SIZE, &cell, err));
        return fi_buf_append_slice(&cursor->value, cell.as.bytes) == FIRN_OK
                   ? FIRN_OK
                   : fi_error_no_memory(err, "a value");
    case FI_ENTRY_EXPIRING:
        FI_TRY_RETURN(read_hidden(cursor, &cursor->expires, FI_COLUMN_EXPIRES, 0, &cell, err));
        if (fi_buf_append_le64(&cursor->value, cell.as.u64) != FIRN_OK) {
            return fi_error_no_memory(err, "a value");
        }
        break;
    default:
        break;
    }
    return add_tuple(cursor, err);
}

/* Shows a row of the group that is open. */
static int
column_cursor_show(struct cursor *cursor, uint32_t row, firn_error *err)
{
    int rc;
    uint64_t sequence;
    enum fi_entry_kind kind;
    struct fi_column_keys *keys = &cursor->keys;
    DCHECK(keys->is_open && row < keys->info.rows);
    cursor->base.is_valid = false;
    cursor->row = row;
    if (cursor->is_walking) {
        FI_TRY(fi_column_keys_decode(keys, row, err));
    }
    FI_TRY(fi_column_keys_key(keys, row, &cursor->key, err));
    FI_TRY(fi_column_keys_sequence(keys, row, &sequence, err));
    FI_TRY(fi_column_keys_kind(keys, row, &kind, err));
    cursor->has_cells = false;
    FI_TRY(make_value(cursor, kind, err));
    cursor->base.entry = (struct fi_entry){
        .key = fi_buf_slice(&cursor->key),
        .value = fi_buf_slice(&cursor->value),
        .sequence = sequence,
        .kind = kind,
        .values = cursor->has_cells ? cursor->run->values : NULL,
        .has_cells = cursor->has_cells,
    };
    cursor->base.is_valid = true;
out:
    if (rc != FIRN_OK) {
        column_cursor_leave(cursor); /* (I2) */
    }
    return rc;
}

/* ==== moving ==== */

/* Shows the first row from a group on that may be wanted; none after the last. */
static int
show_first_from(struct cursor *cursor, size_t group, firn_error *err)
{
    const struct fi_column_index *index = &cursor->run->index;
    for (; group < index->group_count; group++) {
        struct fi_column_index_group info;
        fi_column_index_group(index, group, &info);
        if (cursor->only == NULL ||
            fi_snapshot_sees_any(cursor->only, info.sequence_min, info.sequence_max)) {
            int rc = column_cursor_enter(cursor, group, err);
            return rc != FIRN_OK ? rc : column_cursor_show(cursor, 0, err);
        }
    }
    column_cursor_leave(cursor);
    return FIRN_OK;
}

/* Shows the last row of the group before; none before the first. */
static int
show_last_before(struct cursor *cursor, size_t group, firn_error *err)
{
    DCHECK(group <= cursor->run->index.group_count);
    if (group == 0) {
        column_cursor_leave(cursor);
        return FIRN_OK;
    }
    int rc = column_cursor_enter(cursor, group - 1, err);
    return rc != FIRN_OK ? rc : column_cursor_show(cursor, cursor->keys.info.rows - 1, err);
}

static int
column_cursor_seek(struct cursor *cursor, firn_slice key, uint64_t sequence, bool is_before,
                   firn_error *err)
{
    key = fi_run_key(key);
    size_t count = fi_column_index_find(&cursor->run->index, key, sequence);
    cursor->is_walking = false;
    cursor->base.is_valid = false;
    if (count == 0) {
        return is_before ? show_last_before(cursor, 0, err) : show_first_from(cursor, 0, err);
    }
    uint32_t row;
    int rc;
    FI_TRY(column_cursor_enter(cursor, count - 1, err));
    FI_TRY(fi_column_keys_find(&cursor->keys, key, sequence, &cursor->other, &row, err));
    if (is_before) {
        rc = row == 0 ? show_last_before(cursor, count - 1, err)
                      : column_cursor_show(cursor, row - 1, err);
    } else {
        rc = row == cursor->keys.info.rows ? show_first_from(cursor, count, err)
                                           : column_cursor_show(cursor, row, err);
    }
out:
    if (rc != FIRN_OK) {
        column_cursor_leave(cursor); /* (I2) */
    }
    return rc;
}

int
fi_column_cursor_seek(struct fi_run_cursor *base, firn_slice key, uint64_t sequence,
                      firn_error *err)
{
    return column_cursor_seek(cursor_of(base), key, sequence, false, err);
}

int
fi_column_cursor_seek_before(struct fi_run_cursor *base, firn_slice key, uint64_t sequence,
                             firn_error *err)
{
    return column_cursor_seek(cursor_of(base), key, sequence, true, err);
}

int
fi_column_cursor_first(struct fi_run_cursor *base, firn_error *err)
{
    struct cursor *cursor = cursor_of(base);
    cursor->is_walking = cursor->keys.use == FI_BLOCK_CACHE_SCAN;
    return show_first_from(cursor, 0, err);
}

int
fi_column_cursor_last(struct fi_run_cursor *base, firn_error *err)
{
    struct cursor *cursor = cursor_of(base);
    cursor->is_walking = cursor->keys.use == FI_BLOCK_CACHE_SCAN;
    return show_last_before(cursor, cursor->run->index.group_count, err);
}

int
fi_column_cursor_enter(struct fi_run_cursor *base, size_t group, firn_error *err)
{
    struct cursor *cursor = cursor_of(base);
    cursor->is_walking = true;
    int rc = column_cursor_enter(cursor, group, err);
    return rc != FIRN_OK ? rc : column_cursor_show(cursor, 0, err);
}

/* (I2) */
static bool
has_group(const struct cursor *cursor)
{
    return cursor->base.is_valid || cursor->keys.is_open;
}

/* The next row of the group, or the first one of those after it. */
static int
go_on(struct cursor *cursor, uint64_t rows, firn_error *err)
{
    uint64_t next = cursor->row + rows;
    DCHECK(cursor->keys.is_open && next <= cursor->keys.info.rows); /* (I1) */
    cursor->is_walking = true;
    return next < cursor->keys.info.rows ? column_cursor_show(cursor, (uint32_t)next, err)
                                         : show_first_from(cursor, cursor->keys.group + 1, err);
}

int
fi_column_cursor_next(struct fi_run_cursor *base, firn_error *err)
{
    CHECK(base->is_valid);
    int rc = go_on(cursor_of(base), 1, err);
    DCHECK(rc == FIRN_OK || !has_group(cursor_of(base))); /* (I2) */
    return rc;
}

int
fi_column_cursor_prev(struct fi_run_cursor *base, firn_error *err)
{
    struct cursor *cursor = cursor_of(base);
    CHECK(base->is_valid);
    DCHECK(cursor->keys.is_open); /* (I1) */
    cursor->is_walking = true;
    return cursor->row > 0 ? column_cursor_show(cursor, cursor->row - 1, err)
                           : show_last_before(cursor, cursor->keys.group, err);
}

/* ==== stretches of rows ==== */

/* Whether a row, whose block is decoded, has the same key as the one before it. */
static int
has_same_key(struct cursor *cursor, uint32_t row, bool *out, firn_error *err)
{
    DCHECK(row > 0);
    FI_TRY_RETURN(fi_column_keys_key(&cursor->keys, row - 1, &cursor->other, err));
    FI_TRY_RETURN(fi_column_keys_key(&cursor->keys, row, &cursor->last_key, err));
    *out = fi_slice_equal(fi_buf_slice(&cursor->other), fi_buf_slice(&cursor->last_key));
    return FIRN_OK;
}

/* In a group that is not plain: where the stretch from the cursor's row on ends, before row `end`
 * of its block. All rows of it are puts, and the keys around it differ: so neither the first nor
 * the last row of a block is in one, but at the ends of the run. */
static int
find_end(struct cursor *cursor, uint32_t end, uint32_t *out, firn_error *err)
{
    bool is_same = false;
    struct fi_column_keys *keys = &cursor->keys;
    uint32_t row = cursor->row;
    DCHECK(row < end && end <= keys->info.rows);
    *out = row;
    if (row % FI_CHUNK_BLOCK == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(has_same_key(cursor, row, &is_same, err));
    while (!is_same && row + 1 < end) {
        enum fi_entry_kind kind;
        FI_TRY_RETURN(fi_column_keys_kind(keys, row, &kind, err));
        FI_TRY_RETURN(has_same_key(cursor, row + 1, &is_same, err));
        if (is_same || kind != FI_ENTRY_PUT) {
            break;
        }
        *out = ++row;
    }
    return FIRN_OK;
}

/* The first row in [low, high), whose block is decoded, with a key at or above limit. */
static int
find_limit(struct cursor *cursor, firn_slice limit, uint32_t low, uint32_t high, uint32_t *out,
           firn_error *err)
{
    DCHECK(low <= high && high <= cursor->keys.info.rows);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        FI_TRY_RETURN(fi_column_keys_key(&cursor->keys, middle, &cursor->other, err));
        if (fi_slice_compare(fi_buf_slice(&cursor->other), limit) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out = low;
    return FIRN_OK;
}

/* Whether a value of the group lies outside of the chunks: in pieces, and it is alone then, or in a
 * value file. */
static bool
has_large(const struct cursor *cursor)
{
    const struct fi_column_run *run = cursor->run;
    size_t group = cursor->keys.group;
    bool is_alone = cursor->keys.info.rows == 1;
    bool may_refer = run->summary.has_references;
    for (size_t slot = 0; (is_alone || may_refer) && slot < run->index.slot_count; slot++) {
        if ((is_alone && fi_column_read_is_in_pieces(run, group, slot)) ||
            (may_refer && fi_column_index_has_references(&run->index, group, slot))) {
            return true;
        }
    }
    return false;
}

/* Fills in what a batch says of the rows from the cursor's on, up to end. */
static int
column_cursor_describe(struct cursor *cursor, uint32_t end, struct fi_run_batch *out,
                       firn_error *err)
{
    uint64_t sequence;
    const struct fi_run_summary *summary = &cursor->run->summary;
    DCHECK(cursor->row < end && end <= cursor->keys.info.rows);
    DCHECK(summary->entry_count > 0); /* as the index says, with which it was compared */
    FI_TRY_RETURN(fi_column_keys_key(&cursor->keys, end - 1, &cursor->last_key, err));
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    for (uint32_t row = cursor->row; row < end; row++) {
        FI_TRY_RETURN(fi_column_keys_sequence(&cursor->keys, row, &sequence, err));
        min = sequence < min ? sequence : min;
        max = sequence > max ? sequence : max;
    }
    out->cursor = &cursor->base;
    out->count = end - cursor->row;
    out->content_bytes = summary->content_bytes / summary->entry_count * out->count;
    out->sequence_min = min;
    out->sequence_max = max;
    out->last_key = fi_buf_slice(&cursor->last_key);
    return FIRN_OK;
}

int
fi_column_cursor_batch(struct fi_run_cursor *base, const firn_slice *limit, uint64_t max,
                       struct fi_run_batch *out, firn_error *err)
{
    struct cursor *cursor = cursor_of(base);
    struct fi_column_keys *keys = &cursor->keys;
    *out = (struct fi_run_batch){.cursor = NULL};
    CHECK(base->is_valid);
    if (cursor->is_projected || has_large(cursor)) {
        return FIRN_OK;
    }
    uint32_t end = (cursor->row / FI_CHUNK_BLOCK + 1) * FI_CHUNK_BLOCK;
    end = end < keys->info.rows ? end : keys->info.rows;
    FI_TRY_RETURN(fi_column_keys_decode(keys, cursor->row, err));
    if (!keys->info.is_plain) {
        FI_TRY_RETURN(find_end(cursor, end, &end, err));
    }
    if (end - cursor->row > max) {
        end = cursor->row + (uint32_t)max;
    }
    if (limit != NULL) {
        FI_TRY_RETURN(find_limit(cursor, fi_run_key(*limit), cursor->row, end, &end, err));
    }
    if (end > cursor->row) {
        FI_TRY_RETURN(column_cursor_describe(cursor, end, out, err));
    }
    return FIRN_OK;
}

const struct fi_column_run *
fi_column_cursor_run(const struct fi_run_cursor *base)
{
    DCHECK(base->kind->file_kind == FI_BLOCK_FILE_COLUMN);
    return ((const struct cursor *)base)->run;
}

/* The cursor's own slot of that number. */
static struct fi_column_slot *
find_slot(struct cursor *cursor, size_t number)
{
    const struct fi_column_owned *layout = &cursor->run->layout;
    DCHECK(number < fi_column_layout_slot_count(&layout->layout));
    if (number >= layout->layout.count) {
        switch (FI_COLUMN_SEQUENCE + (number - layout->layout.count)) {
        case FI_COLUMN_SEQUENCE:
            return &cursor->keys.sequence;
        case FI_COLUMN_KIND:
            return &cursor->keys.kind;
        case FI_COLUMN_EXPIRES:
            return &cursor->expires;
        default:
            return &cursor->operand;
        }
    }
    for (size_t i = 0; layout->is_key[number] && i < layout->layout.key_count; i++) {
        if (layout->key_slots[i] == number) {
            return &cursor->keys.parts[i];
        }
    }
    size_t low = 0;
    size_t high = cursor->value_count;
    FI_SEARCH_FIRST(low, high, middle, cursor->values[middle].number < number)
    DCHECK(low < cursor->value_count && cursor->values[low].number == number);
    return &cursor->values[low];
}

int
fi_column_cursor_values(struct fi_run_cursor *base, size_t number, struct fi_chunk_values *out,
                        size_t *out_first, struct fi_cell *out_constant, firn_error *err)
{
    struct cursor *cursor = cursor_of(base);
    struct fi_column_slot *slot = find_slot(cursor, number);
    DCHECK(base->is_valid);
    *out = (struct fi_chunk_values){.count = 0};
    *out_first = cursor->row % FI_CHUNK_BLOCK;
    FI_TRY_RETURN(
        fi_column_read_open(cursor->run, cursor->keys.group, number, cursor->keys.use, slot, err));
    if (slot->is_constant) {
        *out_constant = slot->constant;
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_column_read_block(cursor->run, slot, cursor->row / FI_CHUNK_BLOCK, err));
    *out = slot->values;
    return FIRN_OK;
}

int
fi_column_cursor_key(struct fi_run_cursor *base, size_t i, struct fi_buf *out, firn_error *err)
{
    struct cursor *cursor = cursor_of(base);
    DCHECK(base->is_valid && i < cursor->keys.info.rows - cursor->row);
    return fi_column_keys_key(&cursor->keys, cursor->row + (uint32_t)i, out, err);
}

int
fi_column_cursor_skip(struct fi_run_cursor *base, uint64_t count, firn_error *err)
{
    CHECK(base->is_valid);
    return go_on(cursor_of(base), count, err);
}
