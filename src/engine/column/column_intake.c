/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_intake.c: rows that a builder gets column by column: batches of other runs, and new
 * rows of a load.
 *
 * Neither is taken apart into cells and reassembled: values are copied from column to column, as
 * many rows at once as the group has room for. Single rows are looked at only for their cost, which
 * decides where the group ends, and for their keys, which go into the summary and the filter.
 *
 * (I1) to (I3) are those of column_builder.c.
 *
 * Threads: one.
 */
#include "column/column_internal.h"

#include "base/mem.h"
#include "base/slice.h"

/* ==== stretches of other runs ==== */

/* The values of a batch in one slot of this run. */
struct stretch {
    struct fi_chunk_values values; /* count 0: all are the constant */
    size_t first;
    struct fi_cell constant;
};

static int
find_stretch(struct fi_column_builder *builder, const struct fi_run_batch *batch, size_t slot,
             struct stretch *out, firn_error *err)
{
    const struct fi_column_layout *layout = &builder->layout.layout;
    const struct fi_column_run *run = fi_column_cursor_run(batch->cursor);
    uint32_t id = slot < layout->count ? layout->columns[slot].id
                                       : FI_COLUMN_SEQUENCE + (uint32_t)(slot - layout->count);
    size_t from = fi_column_layout_slot(&run->layout.layout, id);
    *out = (struct stretch){.constant = {.kind = FI_PHYSICAL_NONE}};
    if (from == SIZE_MAX) {
        out->constant = layout->columns[slot].initial;
        return FIRN_OK;
    }
    struct fi_column_shape shape = fi_column_layout_shape(&run->layout.layout, from);
    if (shape.kind != builder->gathers[slot].shape.kind ||
        shape.fixed_size != builder->gathers[slot].shape.fixed_size) {
        return fi_error_set(err, FIRN_INVALID, "column %u has another type in another run", id);
    }
    return fi_column_cursor_values(batch->cursor, from, &out->values, &out->first, &out->constant,
                                   err);
}

static size_t
size_of(const struct fi_cell *cell)
{
    return cell->kind == FI_PHYSICAL_BYTES ? cell->as.bytes.size : 0;
}

/* What each row of the batch adds to the bytes of its group; sees that all columns can be read. */
static int
find_costs(struct fi_column_builder *builder, const struct fi_run_batch *batch, firn_error *err)
{
    memset(builder->costs, 0, batch->count * sizeof builder->costs[0]);
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        struct stretch stretch;
        const struct fi_column_shape *shape = &builder->gathers[slot].shape;
        int rc = find_stretch(builder, batch, slot, &stretch, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        bool is_same = stretch.values.count == 0 || shape->kind != FI_PHYSICAL_BYTES;
        for (size_t i = 0; i < batch->count; i++) {
            struct fi_cell cell = is_same
                                      ? stretch.constant
                                      : fi_column_read_value(&stretch.values, stretch.first + i);
            builder->costs[i] += fi_column_builder_cost(shape, size_of(&cell));
        }
    }
    return FIRN_OK;
}

/* How many rows of a batch from the i-th on the group has room for, (I3) as if they came one by
 * one; and what they cost. */
static size_t
count_fitting(const struct fi_column_builder *builder, size_t batch_count, size_t i,
              uint64_t *out_cost)
{
    size_t count = 0;
    *out_cost = 0;
    while (i + count < batch_count && builder->rows + count < builder->rows_max) {
        uint64_t cost = *out_cost + builder->costs[i + count];
        if (builder->rows + count > 0 && builder->cost + cost > FI_COLUMN_FORMAT_GROUP_BYTES) {
            break;
        }
        *out_cost = cost;
        count++;
    }
    return count;
}

/* The sequence of the i-th row of the batch. */
static uint64_t
sequence_at(const struct stretch *sequences, size_t i)
{
    return sequences->values.count == 0 ? sequences->constant.as.u64
                                        : sequences->values.as.u64[sequences->first + i];
}

/* Copies rows [i, i + count) of the batch, column by column. */
static int
copy_columns(struct fi_column_builder *builder, const struct fi_run_batch *batch, size_t i,
             size_t count, firn_error *err)
{
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        struct stretch stretch;
        struct fi_column_gather *gather = &builder->gathers[slot];
        int rc = find_stretch(builder, batch, slot, &stretch, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        rc = stretch.values.count == 0
                 ? fi_column_gather_add(gather, &stretch.constant, count)
                 : fi_column_gather_add_values(gather, &stretch.values, stretch.first + i, count);
        if (rc != FIRN_OK) {
            return fi_error_no_memory(err, "a row group");
        }
    }
    return FIRN_OK;
}

/* Adds rows [i, i + count) of the batch to the group, which has room for them. */
static int
add_rows(struct fi_column_builder *builder, const struct fi_run_batch *batch,
         const struct stretch *sequences, size_t i, size_t count, firn_error *err)
{
    FI_TRY_RETURN(copy_columns(builder, batch, i, count, err));
    for (size_t j = i; j < i + count; j++) {
        FI_TRY_RETURN(fi_column_cursor_key(batch->cursor, j, &builder->key, err));
        if (builder->output.summary.entry_count > 0 &&
            fi_slice_compare(fi_buf_slice(&builder->last_key), fi_buf_slice(&builder->key)) >= 0) {
            return fi_error_set(err, FIRN_CORRUPT, "the rows of a run are out of order"); /* (I1) */
        }
        FI_TRY_RETURN(fi_column_builder_note_row(builder, fi_buf_slice(&builder->key),
                                                 sequence_at(sequences, j), true, err));
        struct fi_buf key = builder->last_key;
        builder->last_key = builder->key;
        builder->key = key;
    }
    builder->rows += (uint32_t)count;
    return FIRN_OK;
}

static int
add_batch(struct fi_column_builder *builder, const struct fi_run_batch *batch, firn_error *err)
{
    struct stretch sequences;
    FI_TRY_RETURN(find_costs(builder, batch, err));
    FI_TRY_RETURN(find_stretch(
        builder, batch, fi_column_builder_hidden(builder, FI_COLUMN_SEQUENCE), &sequences, err));
    for (size_t i = 0; i < batch->count;) {
        uint64_t cost;
        FI_TRY_RETURN(fi_column_cursor_key(batch->cursor, i, &builder->key, err));
        FI_TRY_RETURN(fi_column_builder_make_room(builder, fi_buf_slice(&builder->key),
                                                  sequence_at(&sequences, i), true,
                                                  builder->costs[i], false, err));
        size_t count = count_fitting(builder, (size_t)batch->count, i, &cost);
        DCHECK(count > 0);
        FI_TRY_RETURN(add_rows(builder, batch, &sequences, i, count, err));
        builder->cost += cost;
        i += count;
    }
    return fi_column_cursor_skip(batch->cursor, batch->count, err);
}

int
fi_column_intake_add_from(struct fi_run_builder *base, const struct fi_run_batch *batch,
                          firn_error *err)
{
    int rc;
    struct fi_column_builder *builder = fi_column_builder_of(base);
    DCHECK(batch->cursor->kind->file_kind == FI_BLOCK_FILE_COLUMN && batch->cursor->is_valid);
    DCHECK(batch->count <= FI_RUN_BATCH_MAX);
    FI_TRY(fi_run_output_check_usable(&builder->output, err));
    if (batch->count > 0) {
        rc = add_batch(builder, batch, err);
        builder->output.has_failed = rc != FIRN_OK;
    }
out:
    return rc;
}

/* ==== new rows, column by column ==== */

/* Where the rows that come next begin in what is given. */
struct place {
    const struct fi_run_columns *columns;
    size_t row;
    const uint8_t *key;
    size_t *bytes; /* of each slot: how many were taken */
};

/* The column of a slot; NULL: it is not given. */
static const struct fi_run_column *
given_column(const struct fi_column_builder *builder, const struct fi_run_columns *columns,
             size_t slot)
{
    const struct fi_column_layout *layout = &builder->layout.layout;
    for (size_t i = 0; slot < layout->count && i < columns->column_count; i++) {
        if (columns->columns[i].id == layout->columns[slot].id) {
            return &columns->columns[i];
        }
    }
    return NULL;
}

/* The sizes of [row, row + count) of a column of bytes. */
static size_t
sum_sizes(const struct fi_run_column *column, size_t row, size_t count)
{
    const uint8_t *sizes = (const uint8_t *)column->numbers + 4 * row;
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += fi_load_le32(sizes + 4 * i);
    }
    return sum;
}

/* What each of the next rows adds to the bytes of its group. */
static void
find_column_costs(struct fi_column_builder *builder, const struct fi_run_column *const *given,
                  const struct place *place, size_t count)
{
    uint64_t all = 0;
    memset(builder->costs, 0, count * sizeof builder->costs[0]);
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        const struct fi_column_shape *shape = &builder->gathers[slot].shape;
        if (given[slot] == NULL || shape->kind != FI_PHYSICAL_BYTES || shape->fixed_size != 0) {
            const bool is_initial = given[slot] == NULL && slot < builder->layout.layout.count;
            all += fi_column_builder_cost(
                shape, is_initial ? size_of(&builder->layout.layout.columns[slot].initial) : 0);
            continue;
        }
        const uint8_t *sizes = (const uint8_t *)given[slot]->numbers + 4 * place->row;
        for (size_t i = 0; i < count; i++) {
            builder->costs[i] += fi_column_builder_cost(shape, fi_load_le32(sizes + 4 * i));
        }
    }
    for (size_t i = 0; i < count; i++) {
        builder->costs[i] += all;
    }
}

/* What a row has in a slot that is not given. */
static struct fi_cell
missing_cell(const struct fi_column_builder *builder, size_t slot, uint64_t sequence)
{
    if (slot < builder->layout.layout.count) {
        return builder->layout.layout.columns[slot].initial;
    }
    if (slot == fi_column_builder_hidden(builder, FI_COLUMN_SEQUENCE)) {
        return (struct fi_cell){.kind = FI_PHYSICAL_U64, .as.u64 = sequence};
    }
    if (slot == fi_column_builder_hidden(builder, FI_COLUMN_KIND)) {
        return (struct fi_cell){.kind = FI_PHYSICAL_U64, .as.u64 = FI_ENTRY_PUT};
    }
    return (struct fi_cell){.kind = FI_PHYSICAL_NONE};
}

/* Whether one of the next values of a column may have to lie in a value file. */
static bool
has_apart(const struct fi_column_builder *builder, const struct fi_run_column *column, size_t slot,
          const struct place *place, size_t count)
{
    const uint8_t *sizes = (const uint8_t *)column->numbers + 4 * place->row;
    bool is_any = false;
    if (builder->placer == NULL || !fi_column_layout_may_refer(&builder->layout.layout, slot)) {
        return false;
    }
    for (size_t i = 0; i < count && !is_any; i++) {
        is_any = fi_load_le32(sizes + 4 * i) >= builder->placer->size_min;
    }
    return is_any;
}

/* Copies the next values of such a column, one by one. */
static int
copy_apart(struct fi_column_builder *builder, const struct fi_run_column *column, size_t slot,
           struct place *place, size_t count, firn_error *err)
{
    const uint8_t *sizes = (const uint8_t *)column->numbers;
    const uint8_t *bytes = column->bytes + place->bytes[slot];
    int rc = FIRN_OK;
    for (size_t i = place->row; i < place->row + count && rc == FIRN_OK; i++) {
        struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
        if (column->valid == NULL || (column->valid[i / 64] >> i % 64 & 1) != 0) {
            cell.kind = FI_PHYSICAL_BYTES;
            cell.as.bytes = firn_bytes(bytes, fi_load_le32(sizes + 4 * i));
            bytes += cell.as.bytes.size;
        }
        rc = fi_column_builder_add_cell(builder, slot, NULL, &cell, err);
    }
    place->bytes[slot] = (size_t)(bytes - column->bytes);
    return rc;
}

/* Copies the next rows, for which the group has room, slot by slot. */
static int
copy_given(struct fi_column_builder *builder, const struct fi_run_column *const *given,
           struct place *place, size_t count, firn_error *err)
{
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        struct fi_column_gather *gather = &builder->gathers[slot];
        int rc;
        if (given[slot] == NULL) {
            struct fi_cell cell = missing_cell(builder, slot, place->columns->sequence);
            rc = fi_column_gather_add(gather, &cell, count);
        } else if (has_apart(builder, given[slot], slot, place, count)) {
            rc = copy_apart(builder, given[slot], slot, place, count, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        } else {
            size_t size = gather->shape.kind == FI_PHYSICAL_BYTES
                              ? sum_sizes(given[slot], place->row, count)
                              : 0;
            firn_slice bytes = firn_bytes(NULL, 0);
            if (size > 0) {
                bytes = firn_bytes(given[slot]->bytes + place->bytes[slot], size);
            }
            rc = fi_column_gather_add_column(gather, given[slot], place->row, count, bytes);
            place->bytes[slot] += size;
        }
        if (rc != FIRN_OK) {
            return fi_error_no_memory(err, "a row group");
        }
    }
    return FIRN_OK;
}

/* As fi_slice_compare, of neighbours, which mostly differ in their first words: it takes no
 * call. */
static inline int
compare_keys(firn_slice a, firn_slice b)
{
    const size_t shared = a.size < b.size ? a.size : b.size;
    for (size_t at = 0; at < 16 && shared - at >= 8; at += 8) {
        const uint64_t x = fi_load_be64(a.data + at);
        const uint64_t y = fi_load_be64(b.data + at);
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return fi_slice_compare(a, b);
}

/* Adds the keys of the next rows to summary and filter. (I1) */
static int
note_keys(struct fi_column_builder *builder, struct place *place, size_t count, firn_error *err)
{
    const struct fi_run_columns *columns = place->columns;
    firn_slice before = fi_buf_slice(&builder->last_key);
    for (size_t i = place->row; i < place->row + count; i++) {
        firn_slice key = firn_bytes(place->key, columns->key_sizes[i]);
        if (builder->output.summary.entry_count > 0 && compare_keys(before, key) >= 0) {
            return fi_error_set(err, FIRN_INVALID, "the rows of a run are out of order");
        }
        FI_TRY_RETURN(fi_column_builder_note_row(builder, key, columns->sequence, true, err));
        before = key;
        place->key += key.size;
    }
    if (fi_buf_assign(&builder->last_key, before) != FIRN_OK) {
        return fi_error_no_memory(err, "a row group");
    }
    return FIRN_OK;
}

/* Up to as many rows as there are costs for. */
static int
add_given(struct fi_column_builder *builder, const struct fi_run_column *const *given,
          struct place *place, size_t count, firn_error *err)
{
    find_column_costs(builder, given, place, count);
    for (size_t i = 0; i < count;) {
        uint64_t cost;
        firn_slice key = firn_bytes(place->key, place->columns->key_sizes[place->row]);
        FI_TRY_RETURN(fi_column_builder_make_room(builder, key, place->columns->sequence, true,
                                                  builder->costs[i], false, err));
        size_t fitting = count_fitting(builder, count, i, &cost);
        DCHECK(fitting > 0);
        FI_TRY_RETURN(copy_given(builder, given, place, fitting, err));
        FI_TRY_RETURN(note_keys(builder, place, fitting, err));
        builder->rows += (uint32_t)fitting;
        builder->cost += cost;
        place->row += fitting;
        i += fitting;
    }
    return FIRN_OK;
}

int
fi_column_intake_add_columns(struct fi_run_builder *base, const struct fi_run_columns *columns,
                             firn_error *err)
{
    struct fi_column_builder *builder = fi_column_builder_of(base);
    int rc = fi_run_output_check_usable(&builder->output, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    const struct fi_run_column **given =
        fi_alloc_zeroed(builder->slot_count * sizeof(struct fi_run_column *));
    struct place place = {.columns = columns, .key = columns->keys};
    place.bytes = fi_alloc_zeroed(builder->slot_count * sizeof *place.bytes);
    if (given == NULL || place.bytes == NULL) {
        rc = fi_error_no_memory(err, "rows of a run");
        goto out;
    }
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        given[slot] = given_column(builder, columns, slot);
        DCHECK(given[slot] != NULL || slot >= builder->layout.layout.count ||
               !builder->layout.is_key[slot]);
    }
    while (place.row < columns->rows) {
        size_t left = columns->rows - place.row;
        FI_TRY(add_given(builder, given, &place, left < FI_RUN_BATCH_MAX ? left : FI_RUN_BATCH_MAX,
                         err));
    }
out:
    builder->output.has_failed = rc != FIRN_OK;
    fi_free(given);
    fi_free(place.bytes);
    return rc;
}
