/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_builder.c: writes a run from entries that come in order, or from stretches of other runs.
 *
 * An entry is taken apart: the key into the key columns, the tuple into the others, and what makes it a
 * version into the hidden ones. The values of each column gather (column_gather.c) until the row group is
 * full; then each becomes a chunk, compressed where that saves a tenth, and the index gets a record of it.
 *
 *   | chunks of group 0 | chunks of group 1 | … | ranges | filter | index | origin | summary |
 *
 * A group is full when it has FIRN_CHUNK_VALUES_MAX rows, or when one more would give it more than
 * GROUP_BYTES of values. A value larger than CELL_MAX is written in pieces at once, and its row is a
 * group of its own: so no more than a group is ever in memory, whatever the values.
 *
 * Keys are made again from their columns, so a key must be what its values make: others are refused.
 *
 * (I1) Entries are compared with the one before, in release builds too: a run that is out of order
 *      would hide data.
 * (I2) What was refused (FIRN_INVALID, FIRN_LIMIT) has changed nothing. After any other failure the
 *      file may lack something, so nothing goes on.
 * (I3) Entries make the same groups whether they come one by one or in batches.
 *
 * Memory: the values of a group, slices to those of one column, its chunk; 8 bytes a key for the filter;
 * the index (64 bytes a chunk); one value that lay in a value file.
 *
 * Threads: one.
 */
#include "column/column_internal.h"

#include "base/mem.h"
#include "base/slice.h"
#include "block/value_file.h"

enum { GAIN = 10 }; /* what compression saves at least: decoding a chunk costs all its readers */

struct builder {
    struct firn_run_builder base; /* first */
    struct firn_run_output output;
    struct firn_column_owned layout;
    size_t slot_count;
    uint32_t rows_max;
    struct firn_column_index_builder index;

    struct firn_cell *row;     /* the entry that comes: a cell for each slot */
    struct firn_buf key_bytes; /* of its key's parts */
    struct firn_buf key;       /* made from them */
    struct firn_buf value;     /* that lay in a value file */

    struct firn_column_gather *gathers; /* of the group: one for each slot */
    struct firn_column_index_chunk *chunks;
    struct firn_buf *locators; /* of values in pieces: of each slot, empty where there is none */
    uint32_t rows;
    uint64_t value_bytes;
    bool has_large;
    bool is_plain; /* so far */
    uint64_t sequence_min;
    uint64_t sequence_max;
    uint64_t sequence_first;
    struct firn_buf first_key;
    struct firn_buf last_key; /* of all entries */
    uint64_t last_sequence;
    uint64_t closed_rows;

    uint64_t *costs; /* of the rows of a batch */
    struct firn_buf slices;
    struct firn_buf chunk;
};

static struct builder *
builder_of(struct firn_run_builder *base)
{
    DCHECK(base->kind == &firn_column_kind);
    return (struct builder *)base;
}

static size_t
hidden(const struct builder *builder, uint32_t column)
{
    return firn_column_layout_hidden(&builder->layout.layout, column);
}

static int
create_parts(struct builder *builder, const struct firn_run_builder_options *options,
             firn_error *err)
{
    int rc;
    FIRN_TRY(firn_column_layout_copy(options->layout, &builder->layout, err));
    const struct firn_column_layout *layout = &builder->layout.layout;
    builder->slot_count = firn_column_layout_slot_count(layout);
    FIRN_TRY(firn_column_index_builder_init(&builder->index, layout, err));
    builder->row = firn_alloc_zeroed(builder->slot_count * sizeof builder->row[0]);
    builder->gathers = firn_alloc_zeroed(builder->slot_count * sizeof builder->gathers[0]);
    builder->chunks = firn_alloc_zeroed(builder->slot_count * sizeof builder->chunks[0]);
    builder->locators = firn_alloc_zeroed(builder->slot_count * sizeof builder->locators[0]);
    builder->costs = firn_alloc_array(FIRN_RUN_BATCH_MAX, sizeof builder->costs[0]);
    if (builder->row == NULL || builder->gathers == NULL || builder->chunks == NULL ||
        builder->locators == NULL || builder->costs == NULL) {
        return firn_error_no_memory(err, "the builder of a run");
    }
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        builder->gathers[slot].shape = firn_column_layout_shape(layout, slot);
    }
    builder->rows_max = options->group_rows != 0 && options->group_rows < FIRN_CHUNK_VALUES_MAX
                            ? options->group_rows
                            : FIRN_CHUNK_VALUES_MAX;
out:
    return rc;
}

int
firn_column_builder_create(const struct firn_run_env *env, const char *name,
                           const struct firn_run_builder_options *options,
                           struct firn_run_builder **out, firn_error *err)
{
    *out = NULL;
    if (options->layout == NULL) {
        return firn_error_set(err, FIRN_INVALID, "a run of columns needs a layout");
    }
    int rc = firn_column_layout_check(options->layout, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct builder *builder = firn_alloc_zeroed(sizeof *builder);
    if (builder == NULL) {
        return firn_error_no_memory(err, "the builder of a run");
    }
    builder->base.kind = &firn_column_kind;
    rc = create_parts(builder, options, err);
    if (rc == FIRN_OK) {
        rc = firn_run_output_init(&builder->output, env, name, FIRN_BLOCK_FILE_COLUMN, options,
                                  GAIN, err);
    }
    if (rc != FIRN_OK) {
        firn_column_builder_destroy(&builder->base);
        return rc;
    }
    *out = &builder->base;
    return FIRN_OK;
}

void
firn_column_builder_destroy(struct firn_run_builder *base)
{
    if (base == NULL) {
        return;
    }
    struct builder *builder = builder_of(base);
    firn_run_output_deinit(&builder->output);
    firn_column_index_builder_deinit(&builder->index);
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        if (builder->gathers != NULL) {
            firn_column_gather_deinit(&builder->gathers[slot]);
        }
        if (builder->locators != NULL) {
            firn_buf_deinit(&builder->locators[slot]);
        }
    }
    firn_free(builder->row);
    firn_free(builder->gathers);
    firn_free(builder->chunks);
    firn_free(builder->locators);
    firn_free(builder->costs);
    firn_buf_deinit(&builder->key_bytes);
    firn_buf_deinit(&builder->key);
    firn_buf_deinit(&builder->value);
    firn_buf_deinit(&builder->first_key);
    firn_buf_deinit(&builder->last_key);
    firn_buf_deinit(&builder->slices);
    firn_buf_deinit(&builder->chunk);
    firn_column_layout_deinit(&builder->layout);
    firn_free(builder);
}

/* ==== row groups ==== */

/* Makes a chunk of what has gathered. */
static int
encode_values(struct builder *builder, const struct firn_column_gather *gather,
              struct firn_chunk_bounds *out, firn_error *err)
{
    struct firn_chunk_values values;
    if (firn_column_gather_values(gather, &builder->slices, &values) != FIRN_OK) {
        return firn_error_no_memory(err, "a chunk");
    }
    firn_buf_clear(&builder->chunk);
    return firn_chunk_encode(&values, &builder->chunk, out, err);
}

/* Whether a hidden column says of its rows what is meant where it is not there. */
static bool
may_lack(const struct builder *builder, size_t slot)
{
    const struct firn_column_gather *gather = &builder->gathers[slot];
    if (slot < builder->layout.layout.count) {
        return false;
    }
    if (slot == hidden(builder, FIRN_COLUMN_SEQUENCE)) {
        return builder->sequence_min == builder->sequence_max;
    }
    if (slot == hidden(builder, FIRN_COLUMN_KIND)) {
        for (size_t i = 0; i < gather->count; i++) {
            if (firn_load_le64(gather->numbers.data + 8 * i) != FIRN_ENTRY_PUT) {
                return false;
            }
        }
        return true;
    }
    return gather->null_count == gather->count && builder->locators[slot].size == 0;
}

/* Writes the chunk of a slot; *out is what the index says of it. */
static int
write_chunk(struct builder *builder, size_t slot, struct firn_column_index_chunk *out,
            firn_error *err)
{
    int rc = FIRN_OK;
    const struct firn_column_gather *gather = &builder->gathers[slot];
    const struct firn_buf *locator = &builder->locators[slot];
    *out = (struct firn_column_index_chunk){.ref = {0}};
    if (may_lack(builder, slot)) {
        return FIRN_OK;
    }
    FIRN_TRY(encode_values(builder, gather, &out->bounds, err));
    if (locator->size > 0) {
        DCHECK(builder->rows == 1);
        out->encoding = FIRN_COLUMN_FORMAT_IN_PIECES;
        out->value_bytes =
            firn_column_gather_cost(&gather->shape, (size_t)firn_load_le64(locator->data));
        FIRN_TRY(
            firn_run_output_add_plain(&builder->output, firn_buf_slice(locator), &out->ref, err));
    } else {
        struct firn_chunk chunk;
        FIRN_TRY(firn_chunk_open(firn_buf_slice(&builder->chunk), gather->shape.kind,
                                 gather->shape.fixed_size, builder->rows, &chunk, err));
        out->encoding = chunk.encoding;
        out->value_bytes = gather->value_bytes;
        FIRN_TRY(
            firn_run_output_add(&builder->output, firn_buf_slice(&builder->chunk), &out->ref, err));
    }
out:
    return rc;
}

/* Forgets the rows of the group. */
static void
clear_group(struct builder *builder)
{
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        firn_column_gather_clear(&builder->gathers[slot]);
        firn_buf_clear(&builder->locators[slot]);
    }
    builder->rows = 0;
    builder->value_bytes = 0;
    builder->has_large = false;
}

/* Writes the group; goes_on: the next one begins with its last key. */
static int
close_group(struct builder *builder, bool goes_on, firn_error *err)
{
    int rc = FIRN_OK;
    const struct firn_column_layout *layout = &builder->layout.layout;
    struct firn_run_summary *summary = &builder->output.summary;
    DCHECK(builder->rows > 0);
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        FIRN_TRY(write_chunk(builder, slot, &builder->chunks[slot], err));
        if (slot < layout->count || slot == hidden(builder, FIRN_COLUMN_OPERAND)) {
            summary->content_bytes += builder->chunks[slot].value_bytes;
        }
    }
    struct firn_column_index_group group = {
        .rows = builder->rows,
        .is_plain = builder->is_plain && !goes_on,
        .sequence_min = builder->sequence_min,
        .sequence_max = builder->sequence_max,
        .sequence_first = builder->sequence_first,
        .lower = firn_buf_slice(&builder->first_key),
        .upper = firn_buf_slice(&builder->last_key),
        .rows_before = builder->closed_rows,
    };
    FIRN_TRY(firn_column_index_builder_add(&builder->index, layout, &group, builder->chunks, err));
    builder->closed_rows += builder->rows;
    clear_group(builder);
out:
    return rc;
}

/* Begins a group, with a row of that key and sequence; goes_on: the one before ends with the key. */
static int
begin_group(struct builder *builder, firn_slice key, uint64_t sequence, bool goes_on,
            firn_error *err)
{
    DCHECK(builder->rows == 0);
    builder->is_plain = !goes_on;
    builder->sequence_min = sequence;
    builder->sequence_max = sequence;
    builder->sequence_first = sequence;
    return firn_buf_assign(&builder->first_key, key) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "a row group");
}

static void
note_sequence(struct builder *builder, uint64_t sequence)
{
    builder->sequence_min = sequence < builder->sequence_min ? sequence : builder->sequence_min;
    builder->sequence_max = sequence > builder->sequence_max ? sequence : builder->sequence_max;
}

/* ==== one entry ==== */

/* (I1) Sets *out_is_new_key: the entry before has another one. */
static int
check_order(const struct builder *builder, const struct firn_entry *entry, bool *out_is_new_key,
            firn_error *err)
{
    *out_is_new_key = true;
    if (builder->output.summary.entry_count == 0) {
        return FIRN_OK;
    }
    int order = firn_slice_compare(firn_buf_slice(&builder->last_key), entry->key);
    if (order > 0 || (order == 0 && builder->last_sequence <= entry->sequence)) {
        char text[FIRN_RUN_TEXT_SIZE];
        return firn_error_set(
            err, FIRN_INVALID, "the entries of a run are out of order at '%s', sequence %llu",
            firn_run_text_key(entry->key, text), (unsigned long long)entry->sequence);
    }
    *out_is_new_key = order != 0;
    return FIRN_OK;
}

static int
refuse_key(firn_slice key, firn_error *err)
{
    char text[FIRN_RUN_TEXT_SIZE];
    return firn_error_set(err, FIRN_INVALID, "'%s' is not a key of these columns",
                          firn_run_text_key(key, text));
}

/* Takes the key apart into the row. */
static int
split_key(struct builder *builder, firn_slice key, firn_error *err)
{
    const struct firn_column_layout *layout = &builder->layout.layout;
    firn_slice rest = key;
    firn_buf_clear(&builder->key_bytes);
    firn_buf_clear(&builder->key);
    if (firn_buf_reserve(&builder->key_bytes, key.size + 1) != FIRN_OK) {
        return firn_error_no_memory(err, "a key");
    }
    for (size_t i = 0; i < layout->key_count; i++) {
        size_t slot = builder->layout.key_slots[i];
        firn_type type = layout->columns[slot].type;
        struct firn_cell *cell = &builder->row[slot];
        int rc = firn_tuple_key_read(&rest, type, false, &builder->key_bytes, cell);
        if (rc == FIRN_OK) {
            rc = firn_tuple_key_add(&builder->key, type, false, cell);
        }
        if (rc != FIRN_OK) {
            return rc == FIRN_NO_MEMORY ? firn_error_no_memory(err, "a key") : refuse_key(key, err);
        }
    }
    return rest.size == 0 && firn_slice_equal(firn_buf_slice(&builder->key), key)
               ? FIRN_OK
               : refuse_key(key, err);
}

static bool
fits(const struct firn_column_shape *shape, const struct firn_cell *cell)
{
    return cell->kind == FIRN_PHYSICAL_NONE ||
           (cell->kind == shape->kind &&
            (shape->fixed_size == 0 || cell->as.bytes.size == shape->fixed_size));
}

/* Takes a tuple apart into the row, which has initial values. */
static int
split_tuple(struct builder *builder, firn_slice tuple, firn_error *err)
{
    const struct firn_column_layout *layout = &builder->layout.layout;
    struct firn_tuple_reader reader;
    struct firn_cell cell;
    uint32_t column;
    bool is_corrupt;
    size_t slot = 0;
    firn_tuple_reader_init(&reader, tuple);
    while (firn_tuple_next(&reader, &column, &cell, &is_corrupt)) {
        while (slot < layout->count && layout->columns[slot].id < column) {
            slot++;
        }
        if (slot == layout->count || layout->columns[slot].id != column) {
            continue;
        }
        if (builder->layout.is_key[slot] || !fits(&builder->gathers[slot].shape, &cell)) {
            return firn_error_set(err, FIRN_INVALID,
                                  "a row has a value in column %u that cannot be there", column);
        }
        builder->row[slot] = cell;
    }
    return is_corrupt ? firn_error_set(err, FIRN_INVALID, "the value of a row is not a tuple")
                      : FIRN_OK;
}

/* What a row has in the columns of the value, to begin with: nulls, or initial values. */
static void
begin_row(struct builder *builder, bool has_value)
{
    const struct firn_column_layout *layout = &builder->layout.layout;
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        builder->row[slot] = has_value && slot < layout->count
                                 ? layout->columns[slot].initial
                                 : (struct firn_cell){.kind = FIRN_PHYSICAL_NONE};
    }
}

/* Takes the entry apart into the row. */
static int
split_entry(struct builder *builder, const struct firn_entry *entry, firn_error *err)
{
    int rc;
    struct firn_cell *row = builder->row;
    bool has_value = entry->kind == FIRN_ENTRY_PUT || entry->kind == FIRN_ENTRY_EXPIRING;
    size_t head = has_value ? firn_entry_head_size(entry->kind) : 0;
    begin_row(builder, has_value);
    FIRN_TRY(split_key(builder, entry->key, err));
    row[hidden(builder, FIRN_COLUMN_SEQUENCE)] =
        (struct firn_cell){.kind = FIRN_PHYSICAL_U64, .as.u64 = entry->sequence};
    row[hidden(builder, FIRN_COLUMN_KIND)] =
        (struct firn_cell){.kind = FIRN_PHYSICAL_U64, .as.u64 = (uint64_t)entry->kind};
    if (entry->kind == FIRN_ENTRY_EXPIRING) {
        row[hidden(builder, FIRN_COLUMN_EXPIRES)] = (struct firn_cell){
            .kind = FIRN_PHYSICAL_U64, .as.u64 = firn_entry_expires_ms(entry->value)};
    } else if (entry->kind == FIRN_ENTRY_MERGE) {
        row[hidden(builder, FIRN_COLUMN_OPERAND)] =
            (struct firn_cell){.kind = FIRN_PHYSICAL_BYTES, .as.bytes = entry->value};
    }
    if (has_value) {
        firn_slice tuple = firn_run_key(entry->value);
        rc = split_tuple(builder, firn_bytes(tuple.data + head, tuple.size - head), err);
    }
out:
    return rc;
}

static bool
is_large(const struct firn_cell *cell)
{
    return cell->kind == FIRN_PHYSICAL_BYTES && cell->as.bytes.size > FIRN_COLUMN_FORMAT_CELL_MAX;
}

/* What the row adds to the bytes of its group. */
static uint64_t
cost_of_row(const struct builder *builder, bool *out_has_large)
{
    uint64_t cost = 0;
    *out_has_large = false;
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        const struct firn_cell *cell = &builder->row[slot];
        cost +=
            firn_column_gather_cost(&builder->gathers[slot].shape,
                                    cell->kind == FIRN_PHYSICAL_BYTES ? cell->as.bytes.size : 0);
        *out_has_large |= is_large(cell);
    }
    return cost;
}

/* Adds a cell to its column; a large one goes into the file, and its beginning stands for it. */
static int
add_cell(struct builder *builder, size_t slot, firn_error *err)
{
    struct firn_cell cell = builder->row[slot];
    if (is_large(&cell)) {
        int rc =
            firn_run_pieces_write(&builder->output, cell.as.bytes, &builder->locators[slot], err);
        if (rc != FIRN_OK) {
            return rc;
        }
        cell.as.bytes.size = FIRN_CHUNK_BOUND_SIZE + 1;
    }
    return firn_column_gather_add(&builder->gathers[slot], &cell, 1) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "a row group");
}

/* What each row adds to the summary, and the filter. */
static int
note_row(struct builder *builder, firn_slice key, uint64_t sequence, bool is_new_key,
         firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_run_summary *summary = &builder->output.summary;
    if (summary->entry_count == 0 && firn_run_summary_note_lower(summary, key) != FIRN_OK) {
        return firn_error_no_memory(err, "the bounds of a run");
    }
    if (is_new_key) {
        FIRN_TRY(firn_run_output_note_key(&builder->output, firn_run_filter_hash(key), err));
    }
    firn_run_summary_note_sequence(summary, sequence);
    note_sequence(builder, sequence);
    summary->entry_count++;
    builder->last_sequence = sequence;
out:
    return rc;
}

/* Closes the group where the rows to come do not fit, and begins one where there is none. */
static int
make_room(struct builder *builder, firn_slice key, uint64_t sequence, bool is_new_key,
          uint64_t cost, bool has_large, firn_error *err)
{
    int rc = FIRN_OK;
    bool is_full = builder->rows == builder->rows_max || builder->has_large || has_large ||
                   builder->value_bytes + cost > FIRN_COLUMN_FORMAT_GROUP_BYTES;
    bool goes_on = !is_new_key && builder->output.summary.entry_count > 0;
    if (builder->rows > 0 && is_full) {
        FIRN_TRY(close_group(builder, goes_on, err));
    }
    if (builder->rows == 0) {
        FIRN_TRY(begin_group(builder, key, sequence, goes_on, err));
    }
out:
    return rc;
}

/* Adds the row that was taken apart. */
static int
add_row(struct builder *builder, const struct firn_entry *entry, bool is_new_key, firn_error *err)
{
    int rc;
    bool has_large;
    struct firn_run_summary *summary = &builder->output.summary;
    uint64_t cost = cost_of_row(builder, &has_large);
    FIRN_TRY(make_room(builder, entry->key, entry->sequence, is_new_key, cost, has_large, err));
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        FIRN_TRY(add_cell(builder, slot, err));
    }
    FIRN_TRY(note_row(builder, entry->key, entry->sequence, is_new_key, err));
    if (firn_buf_assign(&builder->last_key, entry->key) != FIRN_OK) {
        return firn_error_no_memory(err, "a row group");
    }
    builder->rows++;
    builder->value_bytes += cost;
    builder->has_large |= has_large;
    builder->is_plain &= is_new_key && entry->kind == FIRN_ENTRY_PUT;
    summary->tombstone_count += entry->kind == FIRN_ENTRY_DELETE;
    summary->has_heads |= firn_entry_head_size(entry->kind) > 0;
out:
    return rc;
}

/* Reads the value that an entry refers to, and lets *out have it in its place. */
static int
resolve(struct builder *builder, const struct firn_entry *entry, struct firn_entry *out,
        firn_error *err)
{
    size_t head = firn_entry_head_size(entry->kind);
    *out = *entry;
    out->key = firn_run_key(entry->key);
    if (entry->values == NULL) {
        return FIRN_OK;
    }
    if ((entry->kind != FIRN_ENTRY_PUT && entry->kind != FIRN_ENTRY_EXPIRING) ||
        entry->value.size < head) {
        return firn_error_set(err, FIRN_INVALID, "an entry of kind %d cannot have a reference",
                              (int)entry->kind);
    }
    if (firn_buf_assign(&builder->value, firn_bytes(entry->value.data, head)) != FIRN_OK) {
        return firn_error_no_memory(err, "a value");
    }
    int rc = firn_value_file_resolve(entry->values,
                                     firn_bytes(entry->value.data + head, entry->value.size - head),
                                     FIRN_BLOCK_CACHE_SCAN, &builder->value, err);
    out->value = firn_buf_slice(&builder->value);
    out->values = NULL;
    return rc;
}

int
firn_column_builder_add(struct firn_run_builder *base, const struct firn_entry *entry,
                        firn_error *err)
{
    int rc;
    struct builder *builder = builder_of(base);
    struct firn_entry whole;
    bool is_new_key;
    FIRN_TRY(firn_run_output_check_usable(&builder->output, err));
    FIRN_TRY(firn_run_output_check_entry(entry, err));
    FIRN_TRY(resolve(builder, entry, &whole, err));
    FIRN_TRY(check_order(builder, &whole, &is_new_key, err));
    FIRN_TRY(split_entry(builder, &whole, err));
    rc = add_row(builder, &whole, is_new_key, err);
    builder->output.has_failed = rc != FIRN_OK; /* (I2) */
out:
    if (builder->value.capacity > FIRN_COLUMN_FORMAT_CELL_MAX) {
        firn_buf_deinit(&builder->value);
    }
    return rc;
}

/* ==== stretches of other runs ==== */

/* The values of a batch in one slot of this run. */
struct stretch {
    struct firn_chunk_values values; /* count 0: all are the constant */
    size_t first;
    struct firn_cell constant;
};

static int
find_stretch(struct builder *builder, const struct firn_run_batch *batch, size_t slot,
             struct stretch *out, firn_error *err)
{
    const struct firn_column_layout *layout = &builder->layout.layout;
    const struct firn_column_run *run = firn_column_cursor_run(batch->cursor);
    uint32_t id = slot < layout->count ? layout->columns[slot].id
                                       : FIRN_COLUMN_SEQUENCE + (uint32_t)(slot - layout->count);
    size_t from = firn_column_layout_slot(&run->layout.layout, id);
    *out = (struct stretch){.constant = {.kind = FIRN_PHYSICAL_NONE}};
    if (from == SIZE_MAX) {
        out->constant = layout->columns[slot].initial;
        return FIRN_OK;
    }
    struct firn_column_shape shape = firn_column_layout_shape(&run->layout.layout, from);
    if (shape.kind != builder->gathers[slot].shape.kind ||
        shape.fixed_size != builder->gathers[slot].shape.fixed_size) {
        return firn_error_set(err, FIRN_INVALID, "column %u has another type in another run", id);
    }
    return firn_column_cursor_values(batch->cursor, from, &out->values, &out->first, &out->constant,
                                     err);
}

static size_t
size_of(const struct firn_cell *cell)
{
    return cell->kind == FIRN_PHYSICAL_BYTES ? cell->as.bytes.size : 0;
}

/* What each row of the batch adds to the bytes of its group; sees that all columns can be read. */
static int
find_costs(struct builder *builder, const struct firn_run_batch *batch, firn_error *err)
{
    memset(builder->costs, 0, batch->count * sizeof builder->costs[0]);
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        struct stretch stretch;
        const struct firn_column_shape *shape = &builder->gathers[slot].shape;
        int rc = find_stretch(builder, batch, slot, &stretch, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        bool is_same = stretch.values.count == 0 || shape->kind != FIRN_PHYSICAL_BYTES;
        for (size_t i = 0; i < batch->count; i++) {
            struct firn_cell cell =
                is_same ? stretch.constant
                        : firn_column_read_value(&stretch.values, stretch.first + i);
            builder->costs[i] += firn_column_gather_cost(shape, size_of(&cell));
        }
    }
    return FIRN_OK;
}

/* How many rows of a batch from the i-th on the group has room for, (I3) as if they came one by one; and what
 * they cost. */
static size_t
count_fitting(const struct builder *builder, size_t batch_count, size_t i, uint64_t *out_cost)
{
    size_t count = 0;
    *out_cost = 0;
    while (i + count < batch_count && builder->rows + count < builder->rows_max) {
        uint64_t cost = *out_cost + builder->costs[i + count];
        if (builder->rows + count > 0 &&
            builder->value_bytes + cost > FIRN_COLUMN_FORMAT_GROUP_BYTES) {
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
copy_columns(struct builder *builder, const struct firn_run_batch *batch, size_t i, size_t count,
             firn_error *err)
{
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        struct stretch stretch;
        struct firn_column_gather *gather = &builder->gathers[slot];
        int rc = find_stretch(builder, batch, slot, &stretch, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        rc = stretch.values.count == 0
                 ? firn_column_gather_add(gather, &stretch.constant, count)
                 : firn_column_gather_add_values(gather, &stretch.values, stretch.first + i, count);
        if (rc != FIRN_OK) {
            return firn_error_no_memory(err, "a row group");
        }
    }
    return FIRN_OK;
}

/* Adds rows [i, i + count) of the batch to the group, which has room for them. */
static int
add_rows(struct builder *builder, const struct firn_run_batch *batch,
         const struct stretch *sequences, size_t i, size_t count, firn_error *err)
{
    int rc;
    FIRN_TRY(copy_columns(builder, batch, i, count, err));
    for (size_t j = i; j < i + count; j++) {
        FIRN_TRY(firn_column_cursor_key(batch->cursor, j, &builder->key, err));
        if (builder->output.summary.entry_count > 0 &&
            firn_slice_compare(firn_buf_slice(&builder->last_key), firn_buf_slice(&builder->key)) >=
                0) {
            return firn_error_set(err, FIRN_CORRUPT,
                                  "the rows of a run are out of order"); /* (I1) */
        }
        FIRN_TRY(
            note_row(builder, firn_buf_slice(&builder->key), sequence_at(sequences, j), true, err));
        struct firn_buf key = builder->last_key;
        builder->last_key = builder->key;
        builder->key = key;
    }
    builder->rows += (uint32_t)count;
out:
    return rc;
}

static int
add_batch(struct builder *builder, const struct firn_run_batch *batch, firn_error *err)
{
    int rc;
    struct stretch sequences;
    FIRN_TRY(find_costs(builder, batch, err));
    FIRN_TRY(find_stretch(builder, batch, hidden(builder, FIRN_COLUMN_SEQUENCE), &sequences, err));
    for (size_t i = 0; i < batch->count;) {
        uint64_t cost;
        FIRN_TRY(firn_column_cursor_key(batch->cursor, i, &builder->key, err));
        FIRN_TRY(make_room(builder, firn_buf_slice(&builder->key), sequence_at(&sequences, i), true,
                           builder->costs[i], false, err));
        size_t count = count_fitting(builder, (size_t)batch->count, i, &cost);
        DCHECK(count > 0);
        FIRN_TRY(add_rows(builder, batch, &sequences, i, count, err));
        builder->value_bytes += cost;
        i += count;
    }
    rc = firn_column_cursor_skip(batch->cursor, batch->count, err);
out:
    return rc;
}

int
firn_column_builder_add_from(struct firn_run_builder *base, const struct firn_run_batch *batch,
                             firn_error *err)
{
    int rc;
    struct builder *builder = builder_of(base);
    DCHECK(batch->cursor->kind == &firn_column_kind && batch->cursor->is_valid);
    DCHECK(batch->count <= FIRN_RUN_BATCH_MAX);
    FIRN_TRY(firn_run_output_check_usable(&builder->output, err));
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
    const struct firn_run_columns *columns;
    size_t row;
    const uint8_t *key;
    size_t *bytes; /* of each slot: how many were taken */
};

/* The column of a slot; NULL: it is not given. */
static const struct firn_run_column *
given_column(const struct builder *builder, const struct firn_run_columns *columns, size_t slot)
{
    const struct firn_column_layout *layout = &builder->layout.layout;
    for (size_t i = 0; slot < layout->count && i < columns->column_count; i++) {
        if (columns->columns[i].id == layout->columns[slot].id) {
            return &columns->columns[i];
        }
    }
    return NULL;
}

/* The sizes of [row, row + count) of a column of bytes. */
static size_t
sum_sizes(const struct firn_run_column *column, size_t row, size_t count)
{
    const uint8_t *sizes = (const uint8_t *)column->numbers + 4 * row;
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += firn_load_le32(sizes + 4 * i);
    }
    return sum;
}

/* What each of the next rows adds to the bytes of its group. */
static void
find_column_costs(struct builder *builder, const struct firn_run_column *const *given,
                  const struct place *place, size_t count)
{
    uint64_t all = 0;
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        all += firn_column_gather_cost(&builder->gathers[slot].shape, 0);
    }
    for (size_t i = 0; i < count; i++) {
        builder->costs[i] = all;
    }
    for (size_t slot = 0; slot < builder->layout.layout.count; slot++) {
        const struct firn_column_shape *shape = &builder->gathers[slot].shape;
        if (shape->kind != FIRN_PHYSICAL_BYTES || shape->fixed_size != 0) {
            continue;
        }
        if (given[slot] == NULL) {
            for (size_t i = 0; i < count; i++) {
                builder->costs[i] += size_of(&builder->layout.layout.columns[slot].initial);
            }
            continue;
        }
        const uint8_t *sizes = (const uint8_t *)given[slot]->numbers + 4 * place->row;
        for (size_t i = 0; i < count; i++) {
            builder->costs[i] += firn_load_le32(sizes + 4 * i);
        }
    }
}

/* What a row has in a slot that is not given. */
static struct firn_cell
missing_cell(const struct builder *builder, size_t slot, uint64_t sequence)
{
    if (slot < builder->layout.layout.count) {
        return builder->layout.layout.columns[slot].initial;
    }
    if (slot == hidden(builder, FIRN_COLUMN_SEQUENCE)) {
        return (struct firn_cell){.kind = FIRN_PHYSICAL_U64, .as.u64 = sequence};
    }
    if (slot == hidden(builder, FIRN_COLUMN_KIND)) {
        return (struct firn_cell){.kind = FIRN_PHYSICAL_U64, .as.u64 = FIRN_ENTRY_PUT};
    }
    return (struct firn_cell){.kind = FIRN_PHYSICAL_NONE};
}

/* Copies the next rows, for which the group has room, slot by slot. */
static int
copy_given(struct builder *builder, const struct firn_run_column *const *given, struct place *place,
           size_t count, firn_error *err)
{
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        struct firn_column_gather *gather = &builder->gathers[slot];
        int rc;
        if (given[slot] == NULL) {
            struct firn_cell cell = missing_cell(builder, slot, place->columns->sequence);
            rc = firn_column_gather_add(gather, &cell, count);
        } else {
            size_t size = gather->shape.kind == FIRN_PHYSICAL_BYTES
                              ? sum_sizes(given[slot], place->row, count)
                              : 0;
            firn_slice bytes = firn_bytes(NULL, 0);
            if (size > 0) {
                bytes = firn_bytes(given[slot]->bytes + place->bytes[slot], size);
            }
            rc = firn_column_gather_add_column(gather, given[slot], place->row, count, bytes);
            place->bytes[slot] += size;
        }
        if (rc != FIRN_OK) {
            return firn_error_no_memory(err, "a row group");
        }
    }
    return FIRN_OK;
}

/* Adds the keys of the next rows to summary and filter. (I1) */
static int
note_keys(struct builder *builder, struct place *place, size_t count, firn_error *err)
{
    const struct firn_run_columns *columns = place->columns;
    firn_slice before = firn_buf_slice(&builder->last_key);
    int rc = FIRN_OK;
    for (size_t i = place->row; i < place->row + count; i++) {
        firn_slice key = firn_bytes(place->key, columns->key_sizes[i]);
        if (builder->output.summary.entry_count > 0 && firn_slice_compare(before, key) >= 0) {
            return firn_error_set(err, FIRN_INVALID, "the rows of a run are out of order");
        }
        FIRN_TRY(note_row(builder, key, columns->sequence, true, err));
        before = key;
        place->key += key.size;
    }
    if (firn_buf_assign(&builder->last_key, before) != FIRN_OK) {
        return firn_error_no_memory(err, "a row group");
    }
out:
    return rc;
}

/* Up to as many rows as there are costs for. */
static int
add_given(struct builder *builder, const struct firn_run_column *const *given, struct place *place,
          size_t count, firn_error *err)
{
    int rc = FIRN_OK;
    find_column_costs(builder, given, place, count);
    for (size_t i = 0; i < count;) {
        uint64_t cost;
        firn_slice key = firn_bytes(place->key, place->columns->key_sizes[place->row]);
        FIRN_TRY(
            make_room(builder, key, place->columns->sequence, true, builder->costs[i], false, err));
        size_t fitting = count_fitting(builder, count, i, &cost);
        DCHECK(fitting > 0);
        FIRN_TRY(copy_given(builder, given, place, fitting, err));
        FIRN_TRY(note_keys(builder, place, fitting, err));
        builder->rows += (uint32_t)fitting;
        builder->value_bytes += cost;
        place->row += fitting;
        i += fitting;
    }
out:
    return rc;
}

int
firn_column_builder_add_columns(struct firn_run_builder *base,
                                const struct firn_run_columns *columns, firn_error *err)
{
    struct builder *builder = builder_of(base);
    int rc = firn_run_output_check_usable(&builder->output, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    const struct firn_run_column **given =
        firn_alloc_zeroed(builder->slot_count * sizeof(struct firn_run_column *));
    struct place place = {.columns = columns, .key = columns->keys};
    place.bytes = firn_alloc_zeroed(builder->slot_count * sizeof *place.bytes);
    if (given == NULL || place.bytes == NULL) {
        rc = firn_error_no_memory(err, "rows of a run");
        goto out;
    }
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        given[slot] = given_column(builder, columns, slot);
        DCHECK(given[slot] != NULL || slot >= builder->layout.layout.count ||
               !builder->layout.is_key[slot]);
    }
    while (place.row < columns->rows) {
        size_t left = columns->rows - place.row;
        FIRN_TRY(add_given(builder, given, &place,
                           left < FIRN_RUN_BATCH_MAX ? left : FIRN_RUN_BATCH_MAX, err));
    }
out:
    builder->output.has_failed = rc != FIRN_OK;
    firn_free(given);
    firn_free(place.bytes);
    return rc;
}

/* ==== the rest ==== */

int
firn_column_builder_add_range(struct firn_run_builder *base, const struct firn_range *range,
                              firn_error *err)
{
    return firn_run_output_add_range(&builder_of(base)->output, range, err);
}

int
firn_column_builder_set_origin(struct firn_run_builder *base, const struct firn_run_origin *origin,
                               firn_error *err)
{
    return firn_run_output_set_origin(&builder_of(base)->output, origin, err);
}

uint64_t
firn_column_builder_size_bytes(const struct firn_run_builder *base)
{
    const struct builder *builder = (const struct builder *)base;
    /* Of what gathers it is not known how small it gets: half is what columns become at least, mostly. */
    return firn_run_output_size_bytes(&builder->output) + builder->value_bytes / 2 +
           firn_column_index_builder_size_bytes(&builder->index, &builder->layout.layout);
}

static int
write_index(struct builder *builder, firn_error *err)
{
    if (firn_column_index_builder_encode(&builder->index, &builder->layout.layout,
                                         builder->closed_rows, &builder->chunk) != FIRN_OK) {
        return firn_error_no_memory(err, "the index of a run");
    }
    return firn_run_output_add_section(&builder->output, FIRN_RUN_SECTION_INDEX,
                                       firn_buf_slice(&builder->chunk), err);
}

static int
finish(struct builder *builder, struct firn_run_summary *out, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_run_summary *summary = &builder->output.summary;
    if (builder->rows > 0) {
        if (firn_run_summary_note_last_key(summary, firn_buf_slice(&builder->last_key)) !=
            FIRN_OK) {
            return firn_error_no_memory(err, "the bounds of a run");
        }
        FIRN_TRY(close_group(builder, false, err));
    }
    DCHECK(builder->closed_rows == summary->entry_count);
    FIRN_TRY(firn_run_output_end_entries(&builder->output, err));
    FIRN_TRY(write_index(builder, err));
    rc = firn_run_output_finish(&builder->output, FIRN_COLUMN_FORMAT_VERSION, out, err);
out:
    return rc;
}

int
firn_column_builder_finish(struct firn_run_builder *base, struct firn_run_summary *out,
                           firn_error *err)
{
    struct builder *builder = builder_of(base);
    *out = (struct firn_run_summary){0};
    int rc;
    FIRN_TRY(firn_run_output_check_usable(&builder->output, err));
    if (builder->output.summary.entry_count == 0 && builder->output.summary.range_count == 0) {
        return firn_error_set(err, FIRN_MISUSE, "a run that holds nothing is not written");
    }
    rc = finish(builder, out, err);
    builder->output.has_failed = rc != FIRN_OK;
out:
    return rc;
}
