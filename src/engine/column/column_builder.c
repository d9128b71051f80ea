/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_builder.c: writes a run from entries that come in order.
 *
 * An entry is taken apart: the key into the key columns, the tuple into the others, and what makes
 * it a version into the hidden ones. The values of each column are collected (column_gather.c)
 * until the row group is full. Then each column becomes a chunk (column_chunks.c), compressed if
 * that saves a tenth, and the index gets a record of it. Rows that come column by column are in
 * column_intake.c.
 *
 *   | chunks of group 0 | chunks of group 1 | … | ranges | filter | index | origin | summary |
 *
 * A group is full when it has FI_CHUNK_VALUES_MAX rows, or when one more row would make it exceed
 * GROUP_BYTES of values, where long ones count more than once. A value larger than CELL_MAX is
 * written in pieces at once, and its row is a group of its own. So at most one group is in memory,
 * with values of any size.
 *
 * If there is a placer, a large value of a column of texts or blobs goes to a value file. A
 * reference takes its place, and counts for the group as much as the value. So the groups are the
 * same, and a reader can load all values of a chunk at once.
 *
 * Keys are rebuilt from their columns, so a key that differs from what its values encode to is
 * refused.
 *
 * (I1) Each entry is compared with the previous one, in release builds too: a run that is out of
 *      order would hide data.
 * (I2) A call that was refused (FIRN_INVALID, FIRN_LIMIT) has changed nothing. After any other
 *      failure the file may lack something, so later calls fail. (Not checked: the tests that
 *      refuse come first.)
 * (I3) Entries make the same groups whether they come one by one or in batches. (Not checked: the
 *      entries come in one way only; tests compare the two.)
 *
 * Memory: the values of a group, and what making chunks of them needs; 8 bytes a key for the
 * filter; the index (64 bytes a chunk); one value from a value file.
 *
 * Threads: one, which may have helpers for making chunks.
 */
#include "column/column_internal.h"

#include "base/mem.h"
#include "base/slice.h"

enum { GAIN = 10 }; /* what compression saves at least: decoding a chunk costs all its readers */

static int
create_parts(struct fi_column_builder *builder, const struct fi_run_builder_options *options,
             firn_error *err)
{
    FI_TRY_RETURN(fi_column_layout_copy(options->layout, &builder->layout, err));
    const struct fi_column_layout *layout = &builder->layout.layout;
    builder->slot_count = fi_column_layout_slot_count(layout);
    FI_TRY_RETURN(fi_column_index_builder_init(&builder->index, layout, err));
    builder->row = fi_alloc_zeroed(builder->slot_count * sizeof builder->row[0]);
    builder->gathers = fi_alloc_zeroed(builder->slot_count * sizeof builder->gathers[0]);
    builder->chunks = fi_alloc_zeroed(builder->slot_count * sizeof builder->chunks[0]);
    builder->larges = fi_alloc_zeroed(builder->slot_count * sizeof builder->larges[0]);
    builder->placer = options->placer;
    builder->costs = fi_alloc_array(FI_RUN_BATCH_MAX, sizeof builder->costs[0]);
    if (builder->row == NULL || builder->gathers == NULL || builder->chunks == NULL ||
        builder->larges == NULL || builder->costs == NULL) {
        return fi_error_no_memory(err, "the builder of a run");
    }
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        builder->gathers[slot].shape = fi_column_layout_shape(layout, slot);
    }
    builder->rows_max = options->group_rows != 0 && options->group_rows < FI_CHUNK_VALUES_MAX
                            ? options->group_rows
                            : FI_CHUNK_VALUES_MAX;
    return fi_column_chunks_create(builder, options, &builder->makes, err);
}

__attribute__((cold)) int
fi_column_builder_create(const struct fi_run_kind *kind, const struct fi_run_env *env,
                         const char *name, const struct fi_run_builder_options *options,
                         struct fi_run_builder **out, firn_error *err)
{
    *out = NULL;
    if (options->layout == NULL) {
        return fi_error_set(err, FIRN_INVALID, "a run of columns needs a layout");
    }
    int rc = fi_column_layout_check(options->layout, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_column_builder *builder = fi_alloc_zeroed(sizeof *builder);
    if (builder == NULL) {
        return fi_error_no_memory(err, "the builder of a run");
    }
    builder->base.kind = kind;
    rc = create_parts(builder, options, err);
    if (rc == FIRN_OK) {
        rc = fi_run_output_init(&builder->output, env, name, FI_BLOCK_FILE_COLUMN, options, GAIN,
                                err);
    }
    if (rc != FIRN_OK) {
        fi_column_builder_destroy(&builder->base);
        return rc;
    }
    *out = &builder->base;
    return FIRN_OK;
}

void
fi_column_builder_destroy(struct fi_run_builder *base)
{
    if (base == NULL) {
        return;
    }
    struct fi_column_builder *builder = fi_column_builder_of(base);
    fi_column_chunks_destroy(builder->makes);
    fi_run_output_deinit(&builder->output);
    fi_column_index_builder_deinit(&builder->index);
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        if (builder->gathers != NULL) {
            fi_column_gather_deinit(&builder->gathers[slot]);
        }
        if (builder->larges != NULL) {
            fi_buf_deinit(&builder->larges[slot].locator);
        }
    }
    fi_free(builder->row);
    fi_free(builder->gathers);
    fi_free(builder->chunks);
    fi_free(builder->larges);
    fi_free(builder->costs);
    fi_buf_deinit(&builder->key_bytes);
    fi_buf_deinit(&builder->key);
    fi_buf_deinit(&builder->value);
    fi_buf_deinit(&builder->first_key);
    fi_buf_deinit(&builder->last_key);
    fi_buf_deinit(&builder->filters);
    fi_buf_deinit(&builder->index_bytes);
    fi_column_layout_deinit(&builder->layout);
    fi_free(builder);
}

/* ==== row groups ==== */

/* Forgets the rows of the group. */
static void
clear_group(struct fi_column_builder *builder)
{
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        fi_column_gather_clear(&builder->gathers[slot]);
        fi_buf_clear(&builder->larges[slot].locator);
    }
    builder->rows = 0;
    builder->cost = 0;
    builder->has_large = false;
}

/* Writes the group; goes_on: the next one begins with its last key. */
static int
close_group(struct fi_column_builder *builder, bool goes_on, firn_error *err)
{
    const struct fi_column_layout *layout = &builder->layout.layout;
    struct fi_run_summary *summary = &builder->output.summary;
    DCHECK(builder->rows > 0);
    FI_TRY_RETURN(fi_column_chunks_write(builder, err));
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        if (slot < layout->count || slot == fi_column_builder_hidden(builder, FI_COLUMN_OPERAND)) {
            summary->content_bytes += builder->chunks[slot].value_bytes;
        }
    }
    struct fi_column_index_group group = {
        .rows = builder->rows,
        .is_plain = builder->is_plain && !goes_on,
        .sequence_min = builder->sequence_min,
        .sequence_max = builder->sequence_max,
        .sequence_first = builder->sequence_first,
        .lower = fi_buf_slice(&builder->first_key),
        .upper = fi_buf_slice(&builder->last_key),
        .rows_before = builder->closed_rows,
    };
    FI_TRY_RETURN(
        fi_column_index_builder_add(&builder->index, layout, &group, builder->chunks, err));
    builder->closed_rows += builder->rows;
    builder->group_count++;
    clear_group(builder);
    return FIRN_OK;
}

/* Begins a group, with a row of that key and sequence; goes_on: the one before ends with the
 * key. */
static int
begin_group(struct fi_column_builder *builder, firn_slice key, uint64_t sequence, bool goes_on,
            firn_error *err)
{
    DCHECK(builder->rows == 0);
    builder->is_plain = !goes_on;
    builder->sequence_min = sequence;
    builder->sequence_max = sequence;
    builder->sequence_first = sequence;
    return fi_buf_assign(&builder->first_key, key) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a row group");
}

static void
note_sequence(struct fi_column_builder *builder, uint64_t sequence)
{
    builder->sequence_min = sequence < builder->sequence_min ? sequence : builder->sequence_min;
    builder->sequence_max = sequence > builder->sequence_max ? sequence : builder->sequence_max;
}

/* ==== one entry ==== */

/* (I1) Sets *out_is_new_key: the entry before has another one. */
static int
check_order(const struct fi_column_builder *builder, const struct fi_entry *entry,
            bool *out_is_new_key, firn_error *err)
{
    *out_is_new_key = true;
    if (builder->output.summary.entry_count == 0) {
        return FIRN_OK;
    }
    int order = fi_slice_compare(fi_buf_slice(&builder->last_key), entry->key);
    if (order > 0 || (order == 0 && builder->last_sequence <= entry->sequence)) {
        char text[FI_RUN_TEXT_SIZE];
        return fi_error_set(err, FIRN_INVALID,
                            "the entries of a run are out of order at '%s', sequence %llu",
                            fi_run_text_key(entry->key, text), (unsigned long long)entry->sequence);
    }
    *out_is_new_key = order != 0;
    return FIRN_OK;
}

static int
refuse_key(firn_slice key, firn_error *err)
{
    char text[FI_RUN_TEXT_SIZE];
    return fi_error_set(err, FIRN_INVALID, "'%s' is not a key of these columns",
                        fi_run_text_key(key, text));
}

/* Takes the key apart into the row. */
static int
split_key(struct fi_column_builder *builder, firn_slice key, firn_error *err)
{
    const struct fi_column_layout *layout = &builder->layout.layout;
    firn_slice rest = key;
    fi_buf_clear(&builder->key_bytes);
    fi_buf_clear(&builder->key);
    if (fi_buf_reserve(&builder->key_bytes, key.size + 1) != FIRN_OK) {
        return fi_error_no_memory(err, "a key");
    }
    for (size_t i = 0; i < layout->key_count; i++) {
        size_t slot = builder->layout.key_slots[i];
        firn_type type = layout->columns[slot].type;
        struct fi_cell *cell = &builder->row[slot];
        int rc = fi_tuple_key_read(&rest, type, false, &builder->key_bytes, cell);
        if (rc == FIRN_OK) {
            rc = fi_tuple_key_add(&builder->key, type, false, cell);
        }
        if (rc != FIRN_OK) {
            return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "a key") : refuse_key(key, err);
        }
    }
    return rest.size == 0 && fi_slice_equal(fi_buf_slice(&builder->key), key)
               ? FIRN_OK
               : refuse_key(key, err);
}

static bool
column_builder_fits(const struct fi_column_shape *shape, const struct fi_cell *cell)
{
    struct fi_run_value_file_reference reference;
    return cell->kind == FI_PHYSICAL_NONE ||
           (cell->kind == FI_PHYSICAL_REFERENCE && shape->kind == FI_PHYSICAL_BYTES &&
            shape->fixed_size == 0 && fi_run_value_cell_decode(cell->as.bytes, &reference)) ||
           (cell->kind == shape->kind &&
            (shape->fixed_size == 0 || cell->as.bytes.size == shape->fixed_size));
}

/* Takes a tuple apart into the row, which has initial values. */
static int
split_tuple(struct fi_column_builder *builder, firn_slice tuple, bool has_references,
            firn_error *err)
{
    const struct fi_column_layout *layout = &builder->layout.layout;
    struct fi_tuple_reader reader;
    struct fi_cell cell;
    uint32_t column;
    bool is_corrupt;
    size_t slot = 0;
    fi_tuple_reader_init(&reader, tuple);
    reader.takes_references = has_references;
    while (fi_tuple_next(&reader, &column, &cell, &is_corrupt)) {
        while (slot < layout->count && layout->columns[slot].id < column) {
            slot++;
        }
        if (slot == layout->count || layout->columns[slot].id != column) {
            continue;
        }
        if (builder->layout.is_key[slot] ||
            !column_builder_fits(&builder->gathers[slot].shape, &cell)) {
            return fi_error_set(err, FIRN_INVALID,
                                "a row has a value in column %u that cannot be there", column);
        }
        builder->row[slot] = cell;
    }
    return is_corrupt ? fi_error_set(err, FIRN_INVALID, "the value of a row is not a tuple")
                      : FIRN_OK;
}

/* What a row has in the columns of the value, to begin with: nulls, or initial values. */
static void
begin_row(struct fi_column_builder *builder, bool has_value)
{
    const struct fi_column_layout *layout = &builder->layout.layout;
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        builder->row[slot] = has_value && slot < layout->count
                                 ? layout->columns[slot].initial
                                 : (struct fi_cell){.kind = FI_PHYSICAL_NONE};
    }
}

/* Takes the entry apart into the row. */
static int
split_entry(struct fi_column_builder *builder, const struct fi_entry *entry, firn_error *err)
{
    int rc;
    struct fi_cell *row = builder->row;
    bool has_value = entry->kind == FI_ENTRY_PUT || entry->kind == FI_ENTRY_EXPIRING;
    size_t head = has_value ? fi_entry_head_size(entry->kind) : 0;
    begin_row(builder, has_value);
    FI_TRY(split_key(builder, entry->key, err));
    row[fi_column_builder_hidden(builder, FI_COLUMN_SEQUENCE)] =
        (struct fi_cell){.kind = FI_PHYSICAL_U64, .as.u64 = entry->sequence};
    row[fi_column_builder_hidden(builder, FI_COLUMN_KIND)] =
        (struct fi_cell){.kind = FI_PHYSICAL_U64, .as.u64 = (uint64_t)entry->kind};
    if (entry->kind == FI_ENTRY_EXPIRING) {
        row[fi_column_builder_hidden(builder, FI_COLUMN_EXPIRES)] =
            (struct fi_cell){.kind = FI_PHYSICAL_U64, .as.u64 = fi_entry_expires_ms(entry->value)};
    } else if (entry->kind == FI_ENTRY_MERGE) {
        row[fi_column_builder_hidden(builder, FI_COLUMN_OPERAND)] =
            (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = entry->value};
    }
    if (has_value) {
        firn_slice tuple = fi_run_key(entry->value);
        rc = split_tuple(builder, firn_bytes(tuple.data + head, tuple.size - head),
                         entry->values != NULL, err);
    }
out:
    return rc;
}

/* What the row adds to the bytes of its group. */
static uint64_t
cost_of_row(const struct fi_column_builder *builder, bool *out_has_large)
{
    uint64_t cost = 0;
    *out_has_large = false;
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        size_t size = fi_column_gather_size(&builder->row[slot]);
        cost += fi_column_builder_cost(&builder->gathers[slot].shape, size);
        *out_has_large |= size > FI_COLUMN_FORMAT_CELL_MAX;
    }
    return cost;
}

/* Asks the placer for a value that may lie in a value file. */
static int
place_cell(struct fi_column_builder *builder, size_t slot, const struct fi_run_values *values,
           struct fi_cell *cell, firn_error *err)
{
    const struct fi_run_placer *placer = builder->placer;
    bool is_asked = placer != NULL &&
                    (cell->kind == FI_PHYSICAL_REFERENCE ||
                     (cell->kind == FI_PHYSICAL_BYTES && cell->as.bytes.size >= placer->size_min &&
                      fi_column_layout_may_refer(&builder->layout.layout, slot)));
    int rc = is_asked ? placer->place(placer->ctx, values, cell, err) : FIRN_OK;
    if (rc == FIRN_OK && cell->kind == FI_PHYSICAL_REFERENCE) {
        DCHECK(fi_column_layout_may_refer(&builder->layout.layout, slot));
        builder->output.summary.has_references = true;
        builder->output.summary.has_heads = true;
    }
    return rc;
}

/* A value larger than chunks have goes into the file, or what refers to it does; its beginning
 * stands for it. */
static int
add_large(struct fi_column_builder *builder, size_t slot, struct fi_cell *cell, firn_error *err)
{
    struct fi_column_large *large = &builder->larges[slot];
    int rc = FIRN_OK;
    DCHECK(builder->rows == 0 && large->locator.size == 0);
    large->is_reference = cell->kind == FI_PHYSICAL_REFERENCE;
    large->value_size = fi_column_gather_size(cell);
    if (!large->is_reference) {
        rc = fi_run_pieces_write(&builder->output, cell->as.bytes, &large->locator, err);
    } else if (fi_buf_assign(&large->locator, cell->as.bytes) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a row group");
    }
    cell->kind = FI_PHYSICAL_BYTES;
    cell->as.bytes.size = FI_CHUNK_BOUND_SIZE + 1;
    return rc;
}

int
fi_column_builder_add_cell(struct fi_column_builder *builder, size_t slot,
                           const struct fi_run_values *values, const struct fi_cell *cell,
                           firn_error *err)
{
    struct fi_cell placed = *cell;
    FI_TRY_RETURN(place_cell(builder, slot, values, &placed, err));
    if (fi_column_gather_size(&placed) > FI_COLUMN_FORMAT_CELL_MAX) {
        FI_TRY_RETURN(add_large(builder, slot, &placed, err));
    }
    return fi_column_gather_add(&builder->gathers[slot], &placed, 1) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a row group");
}

/* What each row adds to the summary, and the filter. */
int
fi_column_builder_note_row(struct fi_column_builder *builder, firn_slice key, uint64_t sequence,
                           bool is_new_key, firn_error *err)
{
    struct fi_run_summary *summary = &builder->output.summary;
    if (summary->entry_count == 0 && fi_run_summary_note_lower(summary, key) != FIRN_OK) {
        return fi_error_no_memory(err, "the bounds of a run");
    }
    if (is_new_key) {
        FI_TRY_RETURN(fi_run_output_note_key(&builder->output, fi_run_filter_hash(key), err));
    }
    fi_run_summary_note_sequence(summary, sequence);
    note_sequence(builder, sequence);
    summary->entry_count++;
    builder->last_sequence = sequence;
    return FIRN_OK;
}

/* Closes the group where the rows to come do not fit, and begins one where there is none. */
int
fi_column_builder_make_room(struct fi_column_builder *builder, firn_slice key, uint64_t sequence,
                            bool is_new_key, uint64_t cost, bool has_large, firn_error *err)
{
    bool is_full = builder->rows == builder->rows_max || builder->has_large || has_large ||
                   builder->cost + cost > FI_COLUMN_FORMAT_GROUP_BYTES;
    bool goes_on = !is_new_key && builder->output.summary.entry_count > 0;
    if (builder->rows > 0 && is_full) {
        FI_TRY_RETURN(close_group(builder, goes_on, err));
    }
    if (builder->rows == 0) {
        FI_TRY_RETURN(begin_group(builder, key, sequence, goes_on, err));
    }
    return FIRN_OK;
}

/* Adds the row that was taken apart. */
static int
add_row(struct fi_column_builder *builder, const struct fi_entry *entry, bool is_new_key,
        firn_error *err)
{
    bool has_large;
    struct fi_run_summary *summary = &builder->output.summary;
    uint64_t cost = cost_of_row(builder, &has_large);
    FI_TRY_RETURN(fi_column_builder_make_room(builder, entry->key, entry->sequence, is_new_key,
                                              cost, has_large, err));
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        FI_TRY_RETURN(
            fi_column_builder_add_cell(builder, slot, entry->values, &builder->row[slot], err));
    }
    FI_TRY_RETURN(
        fi_column_builder_note_row(builder, entry->key, entry->sequence, is_new_key, err));
    if (fi_buf_assign(&builder->last_key, entry->key) != FIRN_OK) {
        return fi_error_no_memory(err, "a row group");
    }
    builder->rows++;
    builder->cost += cost;
    builder->has_large |= has_large;
    builder->is_plain &= is_new_key && entry->kind == FI_ENTRY_PUT;
    summary->tombstone_count += entry->kind == FI_ENTRY_DELETE;
    summary->has_heads |= fi_entry_head_size(entry->kind) > 0;
    return FIRN_OK;
}

/* Reads the value that an entry refers to as a whole, and lets *out have it in its place. */
static int
column_builder_resolve(struct fi_column_builder *builder, const struct fi_entry *entry,
                       struct fi_entry *out, firn_error *err)
{
    size_t head = fi_entry_head_size(entry->kind);
    *out = *entry;
    out->key = fi_run_key(entry->key);
    if (entry->values == NULL || entry->has_cells) {
        return FIRN_OK;
    }
    if ((entry->kind != FI_ENTRY_PUT && entry->kind != FI_ENTRY_EXPIRING) ||
        entry->value.size < head) {
        return fi_error_set(err, FIRN_INVALID, "an entry of kind %d cannot have a reference",
                            (int)entry->kind);
    }
    if (fi_buf_assign(&builder->value, firn_bytes(entry->value.data, head)) != FIRN_OK) {
        return fi_error_no_memory(err, "a value");
    }
    int rc = fi_run_value_file_resolve(
        entry->values, firn_bytes(entry->value.data + head, entry->value.size - head),
        FI_BLOCK_CACHE_SCAN, &builder->value, err);
    out->value = fi_buf_slice(&builder->value);
    out->values = NULL;
    return rc;
}

int
fi_column_builder_add(struct fi_run_builder *base, const struct fi_entry *entry, firn_error *err)
{
    int rc;
    struct fi_column_builder *builder = fi_column_builder_of(base);
    struct fi_entry whole;
    bool is_new_key;
    FI_TRY(fi_run_output_check_usable(&builder->output, err));
    FI_TRY(fi_run_output_check_entry(entry, err));
    FI_TRY(column_builder_resolve(builder, entry, &whole, err));
    FI_TRY(check_order(builder, &whole, &is_new_key, err));
    FI_TRY(split_entry(builder, &whole, err));
    rc = add_row(builder, &whole, is_new_key, err);
    builder->output.has_failed = rc != FIRN_OK; /* (I2) */
out:
    if (builder->value.capacity > FI_COLUMN_FORMAT_CELL_MAX) {
        fi_buf_deinit(&builder->value);
    }
    return rc;
}

/* ==== the rest ==== */

int
fi_column_builder_add_range(struct fi_run_builder *base, const struct fi_range *range,
                            firn_error *err)
{
    return fi_run_output_add_range(&fi_column_builder_of(base)->output, range, err);
}

int
fi_column_builder_set_origin(struct fi_run_builder *base, const struct fi_run_origin *origin,
                             firn_error *err)
{
    return fi_run_output_set_origin(&fi_column_builder_of(base)->output, origin, err);
}

uint64_t
fi_column_builder_size_bytes(const struct fi_run_builder *base)
{
    const struct fi_column_builder *builder = (const struct fi_column_builder *)base;
    uint64_t gathered = 0;
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        /* Not value_bytes: values in value files count there, but do not get into the run. */
        gathered += builder->gathers[slot].numbers.size + builder->gathers[slot].bytes.size;
    }
    /* The encoded size is not known yet: columns mostly get down to half or less. */
    return fi_run_output_size_bytes(&builder->output) + gathered / 2 +
           fi_column_index_builder_size_bytes(&builder->index, &builder->layout.layout);
}

static int
write_index(struct fi_column_builder *builder, firn_error *err)
{
    if (fi_column_index_builder_encode(&builder->index, &builder->layout.layout,
                                       builder->closed_rows, &builder->index_bytes) != FIRN_OK) {
        return fi_error_no_memory(err, "the index of a run");
    }
    return fi_run_output_add_section(&builder->output, FI_RUN_SECTION_INDEX,
                                     fi_buf_slice(&builder->index_bytes), err);
}

static int
column_builder_finish(struct fi_column_builder *builder, struct fi_run_summary *out,
                      firn_error *err)
{
    struct fi_run_summary *summary = &builder->output.summary;
    if (builder->rows > 0) {
        if (fi_run_summary_note_last_key(summary, fi_buf_slice(&builder->last_key)) != FIRN_OK) {
            return fi_error_no_memory(err, "the bounds of a run");
        }
        FI_TRY_RETURN(close_group(builder, false, err));
    }
    DCHECK(builder->closed_rows == summary->entry_count);
    FI_TRY_RETURN(fi_run_output_end_entries(&builder->output, err));
    if (builder->filters.size > 0) {
        FI_TRY_RETURN(fi_run_output_add_section(&builder->output, FI_RUN_SECTION_FILTERS,
                                                fi_buf_slice(&builder->filters), err));
    }
    FI_TRY_RETURN(write_index(builder, err));
    return fi_run_output_finish(&builder->output,
                                summary->has_references ? FI_COLUMN_FORMAT_VERSION
                                                        : FI_COLUMN_FORMAT_VERSION_PLAIN,
                                out, err);
}

int
fi_column_builder_finish(struct fi_run_builder *base, struct fi_run_summary *out, firn_error *err)
{
    struct fi_column_builder *builder = fi_column_builder_of(base);
    *out = (struct fi_run_summary){0};
    FI_TRY_RETURN(fi_run_output_check_usable(&builder->output, err));
    if (builder->output.summary.entry_count == 0 && builder->output.summary.range_count == 0) {
        return fi_error_set(err, FIRN_MISUSE, "a run that holds nothing is not written");
    }
    int rc = column_builder_finish(builder, out, err);
    builder->output.has_failed = rc != FIRN_OK;
    return rc;
}
