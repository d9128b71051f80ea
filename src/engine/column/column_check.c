/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_check.c: reads all of a run from the disk, past the cache, and compares its parts
 * with each other.
 *
 * For each chunk: it can be read and decoded; no value of it, and none of its blocks, is outside of
 * the bounds in block and index; the numbers of nulls and bytes are right. For the rows of the
 * group: keys are in order, the first and last ones are those of the index, and so are sequences
 * and kinds; expiries and operands are there if the kinds need them; the filter has the keys. At
 * the end everything must add up to the summary, and every byte of the body is compared with the
 * table of contents.
 *
 * Damage is reported, and the check continues after it. A bad chunk loses its column in its group
 * and nothing else. If that is a key or hidden column, the rows of the group cannot be checked.
 *
 * Memory: the filter; the key and hidden columns of a group, and one more chunk; one byte for each
 * MiB of the file.
 */
#include "column/column_internal.h"

#include "base/slice.h"

/* A chunk, read past the cache. */
struct column {
    struct fi_buf raw;
    bool is_good;
};

struct checking {
    struct fi_column_run *run;
    struct fi_run_check check;
    size_t group;
    struct fi_column_index_group info;
    struct fi_column_keys keys; /* its slots have the chunks below */
    struct fi_column_slot expires;
    struct fi_column_slot operand;
    struct fi_column_slot other; /* of one value column after the other */
    struct column parts[FI_COLUMN_KEY_MAX];
    struct column sequence_column;
    struct column kind_column;
    struct column expires_column;
    struct column operand_column;
    struct column other_column;

    struct fi_buf filter; /* of the chunk's values; empty where there is none, or a bad one */

    struct fi_buf last_key;
    uint64_t last_sequence;
    bool has_last; /* the row before is known */
    struct fi_buf key;
};

static int
column_check_refuse(const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "%s", what);
}

/* ==== chunks ==== */

/* What is counted of the values of a chunk, or of a block. */
struct counts {
    uint64_t nulls;
    uint64_t value_bytes;
};

/* Whether bounds say that there is no such value. */
static bool
column_check_excludes(const struct fi_chunk_bounds *bounds, size_t count,
                      const struct fi_cell *cell)
{
    struct fi_chunk_predicate predicate = {.test = FI_CHUNK_EQUAL, .a = *cell};
    return fi_chunk_assess(bounds, count, &predicate) == FI_CHUNK_NONE;
}

/* Whether bounds can be judged by: of a chunk with that kind. */
static bool
is_whole(const struct fi_chunk_bounds *bounds, enum fi_physical kind)
{
    return bounds->is_empty || (bounds->min.kind == kind && bounds->max.kind == kind);
}

/* Reads a value of a slot with references. What the cache may have is read past it first. */
static int
read_tagged(struct checking *checking, struct fi_column_slot *slot, struct fi_cell *cell,
            firn_error *err)
{
    struct fi_run_value_file_reference reference = {.file = 0};
    firn_slice bytes = cell->as.bytes;
    if (cell->kind == FI_PHYSICAL_BYTES && bytes.size > 0 &&
        bytes.data[0] == FI_COLUMN_FORMAT_TAG_REFERENCE) {
        bytes = firn_bytes(bytes.data + 1, bytes.size - 1);
        if (fi_run_value_cell_decode(bytes, &reference) &&
            reference.value_size <= FI_RUN_VALUE_FILE_CACHED_MAX) {
            FI_TRY_RETURN(fi_run_value_cell_read(checking->run->values, bytes, FI_BLOCK_CACHE_SCAN,
                                                 NULL, err));
        }
        checking->check.untold_bytes += reference.value_size;
    }
    return fi_column_values_untag(checking->run, slot, cell, err);
}

/* The values of the block that is decoded in the slot; those that lie in value files are read. */
static int
check_values(struct checking *checking, struct fi_column_slot *slot,
             const struct fi_column_shape *shape, const struct fi_chunk_bounds *block,
             const struct fi_column_index_chunk *record, struct counts *counts, firn_error *err)
{
    const struct fi_chunk_values *values = &slot->values;
    const firn_slice filter = fi_buf_slice(&checking->filter);
    uint64_t nulls = 0;
    for (size_t i = 0; i < values->count; i++) {
        struct fi_cell cell = fi_column_read_value(values, i);
        bool is_null = cell.kind == FI_PHYSICAL_NONE;
        bool is_outside = !is_null && column_check_excludes(block, values->count, &cell);
        if (slot->has_references) {
            int rc = read_tagged(checking, slot, &cell, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
        nulls += is_null;
        counts->value_bytes +=
            fi_column_gather_cost(shape, cell.kind == FI_PHYSICAL_BYTES ? cell.as.bytes.size : 0);
        if (!is_null && (is_outside || column_check_excludes(&record->bounds, slot->rows, &cell))) {
            return column_check_refuse("a value is outside of its bounds", err);
        }
        if (!is_null && filter.size > 0 && !fi_column_filter_has(filter, &cell)) {
            return column_check_refuse("its Bloom filter does not know a value", err);
        }
    }
    counts->nulls += nulls;
    return nulls == block->null_count
               ? FIRN_OK
               : column_check_refuse("a block has another number of nulls", err);
}

/* Reads the Bloom filter of a slot; tells of one that cannot be read. */
static int
read_filter(struct checking *checking, size_t slot, firn_error *err)
{
    const struct fi_column_run *run = checking->run;
    struct fi_block_ref ref;
    fi_buf_clear(&checking->filter);
    if (slot >= run->layout.layout.count ||
        !fi_column_filter_find(run, checking->group, run->layout.layout.columns[slot].id, &ref)) {
        return FIRN_OK;
    }
    int rc =
        fi_block_reader_read(run->reader, &ref, checking->check.compress, &checking->filter, err);
    rc = rc == FIRN_OK ? fi_run_filter_check(fi_buf_slice(&checking->filter), err) : rc;
    if (rc != FIRN_OK) {
        fi_buf_clear(&checking->filter);
        rc = fi_run_check_report_block(&checking->check, &ref, "scans for single values are slower",
                                       err);
    }
    return rc;
}

/* A chunk that is open in the slot against what the index says of it. */
static int
check_chunk(struct checking *checking, struct fi_column_slot *slot,
            const struct fi_column_index_chunk *record, firn_error *err)
{
    struct counts counts = {0};
    const struct fi_chunk *chunk = &slot->pin.chunk;
    struct fi_column_shape shape =
        fi_column_layout_shape(&checking->run->layout.layout, slot->number);
    if (chunk->encoding != record->encoding || !is_whole(&record->bounds, shape.kind)) {
        return column_check_refuse("it is not encoded as the index says", err);
    }
    FI_TRY_RETURN(read_filter(checking, slot->number, err));
    for (size_t block = 0; block < fi_chunk_block_count(chunk); block++) {
        struct fi_chunk_bounds bounds;
        fi_chunk_block_bounds(chunk, block, &bounds);
        slot->block = SIZE_MAX;
        FI_TRY_RETURN(fi_chunk_read_block(chunk, block, NULL, &slot->scratch, &slot->values, err));
        FI_TRY_RETURN(check_values(checking, slot, &shape, &bounds, record, &counts, err));
    }
    if (counts.nulls != record->bounds.null_count || counts.value_bytes != record->value_bytes) {
        return column_check_refuse("it has other nulls or bytes than the index says", err);
    }
    checking->check.found.content_bytes +=
        slot->number < checking->run->layout.layout.count ||
                slot->number ==
                    fi_column_layout_hidden(&checking->run->layout.layout, FI_COLUMN_OPERAND)
            ? counts.value_bytes
            : 0;
    return FIRN_OK;
}

/* A value in pieces, whose locator is in raw. */
static int
check_pieces(struct checking *checking, struct fi_column_slot *slot, const struct column *column,
             const struct fi_column_index_chunk *record, firn_error *err)
{
    struct fi_run_locator locator = {0};
    firn_slice raw = fi_buf_slice(&column->raw);
    if (record->has_references) {
        FI_TRY_RETURN(fi_column_read_pieces(checking->run, checking->group, slot->number, false,
                                            FI_BLOCK_CACHE_SCAN, &slot->large, err));
        checking->check.untold_bytes += slot->large.size;
    } else {
        FI_TRY_RETURN(fi_run_pieces_check_locator(raw, err));
        fi_run_pieces_locator(raw, &locator);
        checking->check.untold_bytes += locator.value_size;
        FI_TRY_RETURN(fi_run_pieces_read(checking->run->reader, raw, &slot->large, err));
    }
    slot->is_constant = true;
    slot->constant =
        (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = fi_buf_slice(&slot->large)};
    struct fi_column_shape shape =
        fi_column_layout_shape(&checking->run->layout.layout, slot->number);
    uint64_t bytes = fi_column_gather_cost(&shape, slot->large.size);
    if (record->bounds.null_count != 0 || record->value_bytes != bytes ||
        column_check_excludes(&record->bounds, 1, &slot->constant)) {
        return column_check_refuse("a value in pieces is not as the index says", err);
    }
    checking->check.found.content_bytes += bytes;
    return FIRN_OK;
}

/* Reads the chunk of a slot and opens it there. */
static int
column_check_load(struct checking *checking, struct fi_column_slot *slot, struct column *column,
                  const struct fi_column_index_chunk *record, firn_error *err)
{
    struct fi_column_shape shape =
        fi_column_layout_shape(&checking->run->layout.layout, slot->number);
    FI_TRY_RETURN(fi_block_reader_read(checking->run->reader, &record->ref,
                                       checking->check.compress, &column->raw, err));
    if (record->encoding == FI_COLUMN_FORMAT_IN_PIECES) {
        return check_pieces(checking, slot, column, record, err);
    }
    FI_TRY_RETURN(fi_chunk_open(fi_buf_slice(&column->raw), shape.kind, shape.fixed_size,
                                slot->rows, &slot->pin.chunk, err));
    return check_chunk(checking, slot, record, err);
}

/* Reports that a slot of the group cannot be read, or lies. */
static int
column_check_report(struct checking *checking, size_t number, firn_error *err)
{
    struct fi_block_ref ref = fi_column_index_ref(&checking->run->index, checking->group, number);
    checking->check.is_incomplete = true;
    (void)fi_column_read_explain(checking->run, checking->group, number, err);
    return fi_run_check_report(&checking->check, ref.offset, fi_block_reader_span(&ref), err);
}

/* Reads and checks the chunk of a slot, and tells of damage. */
static int
check_slot(struct checking *checking, size_t number, struct fi_column_slot *slot,
           struct column *column, firn_error *err)
{
    int rc;
    struct fi_column_run *run = checking->run;
    struct fi_column_shape shape = fi_column_layout_shape(&run->layout.layout, number);
    struct fi_column_index_chunk record;
    fi_column_index_chunk(&run->index, checking->group, number, &shape, &record);
    fi_column_read_close(slot);
    column->is_good = true;
    if (record.ref.offset == 0) { /* what stands for it is found without reading */
        return fi_column_read_open(run, checking->group, number, FI_BLOCK_CACHE_SCAN, slot, err);
    }
    slot->pin = (struct fi_column_pin){.cache = NULL};
    slot->is_open = true;
    slot->is_constant = false;
    slot->has_references = record.has_references;
    slot->use = FI_BLOCK_CACHE_SCAN;
    checking->check.found.has_references |= record.has_references;
    checking->check.found.has_heads |= record.has_references;
    slot->rows = checking->info.rows;
    slot->number = number;
    slot->group = checking->group;
    slot->block = SIZE_MAX;
    FI_TRY(fi_step_report(checking->check.step, 0,
                          fi_block_reader_span(&record.ref) + checking->check.untold_bytes, err));
    checking->check.untold_bytes = 0;
    rc = column_check_load(checking, slot, column, &record, err);
    if (rc != FIRN_OK) {
        column->is_good = false;
        rc = column_check_report(checking, number, err);
    }
out:
    return rc;
}

/* ==== rows ==== */

static bool
is_null(const struct fi_cell *cell)
{
    return cell->kind == FI_PHYSICAL_NONE;
}

/* What a kind asks of the other hidden columns. */
static int
check_kind(struct checking *checking, uint32_t row, enum fi_entry_kind kind, firn_error *err)
{
    struct fi_cell expires;
    struct fi_cell operand;
    FI_TRY_RETURN(fi_column_read_cell(checking->run, &checking->expires, row, &expires, err));
    FI_TRY_RETURN(fi_column_read_cell(checking->run, &checking->operand, row, &operand, err));
    if (is_null(&expires) == (kind == FI_ENTRY_EXPIRING) ||
        is_null(&operand) == (kind == FI_ENTRY_MERGE) ||
        (kind == FI_ENTRY_MERGE && operand.as.bytes.size < FI_ENTRY_MERGE_HEAD_SIZE)) {
        return column_check_refuse(
            "a row has an end of life or an operand that its kind does not have", err);
    }
    if (checking->info.is_plain && kind != FI_ENTRY_PUT) {
        return column_check_refuse("a plain row group has other rows than puts", err);
    }
    struct fi_run_summary *found = &checking->check.found;
    found->tombstone_count += kind == FI_ENTRY_DELETE;
    found->has_heads |= fi_entry_head_size(kind) > 0;
    return FIRN_OK;
}

/* The row whose key was made, against the one before and the filter. */
static int
check_place(struct checking *checking, uint32_t row, uint64_t sequence, firn_error *err)
{
    firn_slice key = fi_buf_slice(&checking->key);
    firn_slice last = fi_buf_slice(&checking->last_key);
    if (checking->has_last && fi_entry_compare(last, checking->last_sequence, key, sequence) >= 0) {
        return column_check_refuse("its rows are out of order", err);
    }
    bool is_same = checking->has_last && fi_slice_equal(last, key);
    if (is_same && checking->info.is_plain) {
        return column_check_refuse("a plain row group has a key twice", err);
    }
    if (row == 0 &&
        (!fi_slice_equal(key, checking->info.lower) || sequence != checking->info.sequence_first)) {
        return column_check_refuse("its first row is not that of the index", err);
    }
    if (row + 1 == checking->info.rows && !fi_slice_equal(key, checking->info.upper)) {
        return column_check_refuse("its last row is not that of the index", err);
    }
    return fi_run_check_key(&checking->check, fi_run_filter_hash(fi_run_key(key)), err);
}

static int
check_row(struct checking *checking, uint32_t row, uint64_t *out_sequence, firn_error *err)
{
    enum fi_entry_kind kind;
    FI_TRY_RETURN(fi_column_keys_key(&checking->keys, row, &checking->key, err));
    FI_TRY_RETURN(fi_column_keys_sequence(&checking->keys, row, out_sequence, err));
    FI_TRY_RETURN(fi_column_keys_kind(&checking->keys, row, &kind, err));
    FI_TRY_RETURN(check_place(checking, row, *out_sequence, err));
    FI_TRY_RETURN(check_kind(checking, row, kind, err));
    struct fi_buf key = checking->last_key;
    checking->last_key = checking->key;
    checking->key = key;
    checking->last_sequence = *out_sequence;
    checking->has_last = true;
    checking->check.found.entry_count++;
    return FIRN_OK;
}

/* Decodes the block of a row in all columns that rows are judged by. */
static int
column_check_decode(struct checking *checking, uint32_t row, firn_error *err)
{
    int rc = fi_column_keys_decode(&checking->keys, row, err);
    struct fi_column_slot *slots[] = {&checking->expires, &checking->operand};
    for (size_t i = 0; rc == FIRN_OK && i < 2; i++) {
        if (!slots[i]->is_constant) {
            rc = fi_column_read_block(checking->run, slots[i], row / FI_CHUNK_BLOCK, err);
        }
    }
    return rc;
}

static int
check_rows(struct checking *checking, firn_error *err)
{
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    for (uint32_t row = 0; row < checking->info.rows; row++) {
        uint64_t sequence;
        if (row % FI_CHUNK_BLOCK == 0) {
            FI_TRY_RETURN(column_check_decode(checking, row, err));
        }
        FI_TRY_RETURN(check_row(checking, row, &sequence, err));
        min = sequence < min ? sequence : min;
        max = sequence > max ? sequence : max;
    }
    if (min != checking->info.sequence_min || max != checking->info.sequence_max) {
        return column_check_refuse("its sequences are not those of the index", err);
    }
    struct fi_run_summary *found = &checking->check.found;
    bool is_first = found->sequence_min == 0 && found->sequence_max == 0;
    found->sequence_min = is_first || min < found->sequence_min ? min : found->sequence_min;
    found->sequence_max = max > found->sequence_max ? max : found->sequence_max;
    return FIRN_OK;
}

/* ==== groups ==== */

/* The columns that rows are judged by; false where one of them cannot be read. */
static int
check_key_columns(struct checking *checking, bool *out_are_good, firn_error *err)
{
    const struct fi_column_owned *layout = &checking->run->layout;
    size_t hidden = layout->layout.count;
    *out_are_good = true;
    for (size_t i = 0; i < layout->layout.key_count; i++) {
        FI_TRY_RETURN(check_slot(checking, layout->key_slots[i], &checking->keys.parts[i],
                                 &checking->parts[i], err));
        *out_are_good &= checking->parts[i].is_good;
    }
    FI_TRY_RETURN(
        check_slot(checking, hidden, &checking->keys.sequence, &checking->sequence_column, err));
    FI_TRY_RETURN(
        check_slot(checking, hidden + 1, &checking->keys.kind, &checking->kind_column, err));
    FI_TRY_RETURN(
        check_slot(checking, hidden + 2, &checking->expires, &checking->expires_column, err));
    FI_TRY_RETURN(
        check_slot(checking, hidden + 3, &checking->operand, &checking->operand_column, err));
    *out_are_good &= checking->sequence_column.is_good && checking->kind_column.is_good &&
                     checking->expires_column.is_good && checking->operand_column.is_good;
    return FIRN_OK;
}

static int
check_group(struct checking *checking, firn_error *err)
{
    int rc;
    bool are_good;
    const struct fi_column_owned *layout = &checking->run->layout;
    FI_TRY(check_key_columns(checking, &are_good, err));
    for (size_t slot = 0; slot < layout->layout.count; slot++) {
        if (!layout->is_key[slot]) {
            FI_TRY(check_slot(checking, slot, &checking->other, &checking->other_column, err));
        }
    }
    checking->keys.is_open = are_good;
    checking->keys.group = checking->group;
    checking->keys.info = checking->info;
    rc = are_good ? check_rows(checking, err) : FIRN_OK;
    if (rc != FIRN_OK) {
        rc = column_check_report(checking, layout->key_slots[0], err);
        are_good = false;
    }
    checking->has_last &= are_good; /* else nothing can be said of the order of what follows */
out:
    return rc;
}

static int
check_groups(struct checking *checking, firn_error *err)
{
    const struct fi_column_index *index = &checking->run->index;
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < index->group_count; i++) {
        checking->group = i;
        fi_column_index_group(index, i, &checking->info);
        rc = check_group(checking, err);
    }
    return rc;
}

/* The index as it is on the disk now. */
static int
check_index(struct checking *checking, firn_error *err)
{
    const struct fi_column_run *run = checking->run;
    int rc = fi_block_reader_read(run->reader, &run->sections.index, checking->check.compress,
                                  &checking->check.raw, err);
    if (rc == FIRN_OK && !fi_slice_equal(fi_buf_slice(&checking->check.raw), run->index.raw)) {
        rc = column_check_refuse("the index has changed", err);
    }
    return rc == FIRN_OK ? FIRN_OK
                         : fi_run_check_report_block(&checking->check, &run->sections.index,
                                                     "no key of the run can be read", err);
}

/* The list of Bloom filters, which is not used where it is damaged. */
static int
check_filters(struct checking *checking, firn_error *err)
{
    const struct fi_column_run *run = checking->run;
    const struct fi_block_ref *ref = &run->sections.filters;
    if (ref->stored_size == 0) {
        return FIRN_OK;
    }
    int rc =
        fi_block_reader_read(run->reader, ref, checking->check.compress, &checking->check.raw, err);
    rc = rc == FIRN_OK ? fi_column_filter_check(fi_buf_slice(&checking->check.raw), err) : rc;
    return rc == FIRN_OK ? FIRN_OK
                         : fi_run_check_report_block(&checking->check, ref,
                                                     "scans for single values are slower", err);
}

static int
check_parts(struct checking *checking, firn_error *err)
{
    const struct fi_column_run *run = checking->run;
    FI_TRY_RETURN(fi_run_check_init(&checking->check, err));
    FI_TRY_RETURN(check_index(checking, err));
    FI_TRY_RETURN(
        fi_run_check_sections(&checking->check, &run->sections, FI_COLUMN_FORMAT_VERSION, err));
    FI_TRY_RETURN(check_filters(checking, err));
    FI_TRY_RETURN(check_groups(checking, err));
    firn_slice first_key = firn_bytes(NULL, 0);
    if (run->index.group_count > 0) {
        struct fi_column_index_group info;
        fi_column_index_group(&run->index, 0, &info);
        first_key = info.lower;
    }
    return fi_run_check_end(&checking->check, &run->sections, &run->summary, first_key,
                            fi_buf_slice(&checking->last_key), err);
}

static void
column_check_deinit(struct checking *checking)
{
    struct column *columns[] = {&checking->sequence_column, &checking->kind_column,
                                &checking->expires_column, &checking->operand_column,
                                &checking->other_column};
    fi_column_keys_deinit(&checking->keys);
    fi_column_read_deinit(&checking->expires);
    fi_column_read_deinit(&checking->operand);
    fi_column_read_deinit(&checking->other);
    for (size_t i = 0; i < FI_COLUMN_KEY_MAX; i++) {
        fi_buf_deinit(&checking->parts[i].raw);
    }
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        fi_buf_deinit(&columns[i]->raw);
    }
    fi_buf_deinit(&checking->filter);
    fi_buf_deinit(&checking->last_key);
    fi_buf_deinit(&checking->key);
    fi_run_check_deinit(&checking->check);
}

int
fi_column_check(struct fi_run *base, void (*on_damage)(void *ctx, const char *text), void *ctx,
                const struct fi_step *step, firn_error *err)
{
    firn_error local;
    struct fi_column_run *run = fi_column_read_run(base);
    DCHECK(on_damage != NULL);
    struct checking checking = {
        .run = run,
        .check = {.reader = run->reader, .on_damage = on_damage, .ctx = ctx, .step = step}};
    fi_column_keys_init(&checking.keys, run, FI_BLOCK_CACHE_SCAN);
    int rc = check_parts(&checking, err == NULL ? &local : err);
    column_check_deinit(&checking);
    return rc;
}
