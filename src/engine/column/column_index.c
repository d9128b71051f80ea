/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_index.c: the index of a run: its columns, its row groups, and for each chunk its
 * place and the bounds of its values.
 *
 * Records have fixed sizes and are read in place; the bytes of initial values and of keys follow
 * them, in the order in which the records name them, without gaps. An index is checked completely
 * when its run is opened, so nothing is checked again later. Its bounds of chunks are trusted,
 * since wrong ones can only cause wrong answers: the check of the run verifies them.
 *
 * (I1) Keys of groups ascend: the first key of a group is not above its last one, and its first row
 *      is after the last key of the preceding group, or has the same key. Two groups that begin
 *      with the same key have descending sequences.
 * (I2) The rows of all groups are the entries of the run. A group has at least one.
 * (I3) A plain group has no kinds, expiries or operands, and shares no key with a neighbour.
 * (I4) A column of the layout has a chunk in every group; a value in pieces is alone in its group;
 *      references are only in columns outside of the key, of bytes of any size.
 *
 * Limits: an index has at most FI_BLOCK_SIZE_MAX bytes.
 */
#include "column/column_internal.h"

#include "base/mem.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/slice.h"

enum {
    HEADER_SIZE = FI_COLUMN_FORMAT_HEADER_SIZE,
    COLUMN_SIZE = FI_COLUMN_FORMAT_COLUMN_SIZE,
    GROUP_SIZE = FI_COLUMN_FORMAT_GROUP_SIZE,
    CHUNK_SIZE = FI_COLUMN_FORMAT_CHUNK_SIZE,
    KEY_ID_SIZE = 4,
    BOUND_SIZE = FI_CHUNK_BOUND_SIZE
};

_Static_assert(FI_CHUNK_BOUND_SIZE == 16, "a bound fits its place in the record of a chunk");

/* ---- cells as eight bytes ---- */

static uint64_t
number_of(const struct fi_cell *cell)
{
    uint64_t number = 0;
    switch (cell->kind) {
    case FI_PHYSICAL_I64:
    case FI_PHYSICAL_U64:
    case FI_PHYSICAL_F64:
        memcpy(&number, &cell->as, sizeof number);
        break;
    case FI_PHYSICAL_F32:
        memcpy(&number, &cell->as.f32, sizeof cell->as.f32);
        break;
    default:
        break;
    }
    return number;
}

static struct fi_cell
cell_of(enum fi_physical kind, uint64_t number)
{
    struct fi_cell cell = {.kind = kind};
    if (kind == FI_PHYSICAL_F32) {
        memcpy(&cell.as.f32, &number, sizeof cell.as.f32);
    } else {
        memcpy(&cell.as, &number, sizeof number);
    }
    return cell;
}

/* ---- what lies where ---- */

static size_t
key_ids_size(size_t key_count)
{
    return (key_count * KEY_ID_SIZE + 7) & ~(size_t)7;
}

static size_t
group_size(size_t slot_count)
{
    return GROUP_SIZE + slot_count * CHUNK_SIZE;
}

static const uint8_t *
group_record(const struct fi_column_index *index, size_t i)
{
    DCHECK(i < index->group_count && index->group_size == group_size(index->slot_count));
    return index->groups + i * index->group_size;
}

static const uint8_t *
chunk_record(const struct fi_column_index *index, size_t group, size_t slot)
{
    DCHECK(slot < index->slot_count);
    return group_record(index, group) + GROUP_SIZE + slot * CHUNK_SIZE;
}

void
fi_column_index_group(const struct fi_column_index *index, size_t i,
                      struct fi_column_index_group *out)
{
    const uint8_t *record = group_record(index, i);
    out->rows = fi_load_le32(record);
    out->is_plain = (fi_load_le32(record + 4) & FI_COLUMN_FORMAT_PLAIN) != 0;
    out->sequence_min = fi_load_le64(record + 8);
    out->sequence_max = fi_load_le64(record + 16);
    out->sequence_first = fi_load_le64(record + 24);
    out->lower = firn_bytes(index->rest + fi_load_le32(record + 32), fi_load_le32(record + 36));
    out->upper = firn_bytes(index->rest + fi_load_le32(record + 40), fi_load_le32(record + 44));
    out->rows_before = fi_load_le64(record + 48);
}

struct fi_block_ref
fi_column_index_ref(const struct fi_column_index *index, size_t group, size_t slot)
{
    const uint8_t *record = chunk_record(index, group, slot);
    return (struct fi_block_ref){fi_load_le64(record), fi_load_le32(record + 8),
                                 fi_load_le32(record + 12)};
}

uint8_t
fi_column_index_encoding(const struct fi_column_index *index, size_t group, size_t slot)
{
    return chunk_record(index, group, slot)[16];
}

bool
fi_column_index_has_references(const struct fi_column_index *index, size_t group, size_t slot)
{
    return (chunk_record(index, group, slot)[17] & FI_COLUMN_FORMAT_REFERENCES) != 0;
}

static struct fi_cell
bound_of(const uint8_t *bytes, size_t size, enum fi_physical kind)
{
    if (kind == FI_PHYSICAL_BYTES) {
        return (struct fi_cell){.kind = kind, .as.bytes = firn_bytes(bytes, size)};
    }
    return cell_of(kind, fi_load_le64(bytes));
}

void
fi_column_index_chunk(const struct fi_column_index *index, size_t group, size_t slot,
                      const struct fi_column_shape *shape, struct fi_column_index_chunk *out)
{
    const uint8_t *record = chunk_record(index, group, slot);
    uint8_t flags = record[17];
    out->ref = fi_column_index_ref(index, group, slot);
    out->encoding = record[16];
    out->value_bytes = fi_load_le64(record + 24);
    out->bounds = (struct fi_chunk_bounds){
        .null_count = fi_load_le32(record + 20),
        .is_empty = (flags & FI_COLUMN_FORMAT_EMPTY) != 0,
        .has_nan = (flags & FI_COLUMN_FORMAT_NAN) != 0,
        .max_is_cut = (flags & FI_COLUMN_FORMAT_CUT) != 0,
    };
    out->has_references = (flags & FI_COLUMN_FORMAT_REFERENCES) != 0;
    if (!out->bounds.is_empty) {
        out->bounds.min = bound_of(record + 32, record[18], shape->kind);
        out->bounds.max = bound_of(record + 32 + BOUND_SIZE, record[19], shape->kind);
    }
}

size_t
fi_column_index_find(const struct fi_column_index *index, firn_slice key, uint64_t sequence)
{
    size_t low = 0;
    size_t high = index->group_count;
    while (low < high) {
        struct fi_column_index_group group;
        size_t middle = low + (high - low) / 2;
        fi_column_index_group(index, middle, &group);
        if (fi_entry_compare(group.lower, group.sequence_first, key, sequence) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ==== checking ==== */

struct opening {
    struct fi_column_index *index;
    const struct fi_column_layout *layout;
    firn_slice rest;
    size_t rest_used;
    uint64_t rows;
    firn_error *err;
};

static int
column_index_refuse(const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "the index of a run of columns is malformed: %s", what);
}

/* The next bytes of the rest, which the record must name. */
static bool
take_rest(struct opening *opening, uint64_t offset, uint32_t size, firn_slice *out)
{
    DCHECK(opening->rest_used <= opening->rest.size);
    if (offset != opening->rest_used || size > opening->rest.size - opening->rest_used) {
        return false;
    }
    *out = firn_bytes(opening->rest.data + opening->rest_used, size);
    opening->rest_used += size;
    return true;
}

/* Reads the columns into memory of the caller. */
static int
read_columns(struct opening *opening, const uint8_t *records, struct fi_column_def *columns,
             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *record = records + i * COLUMN_SIZE;
        struct fi_column_def *column = &columns[i];
        uint8_t kind = record[5];
        *column = (struct fi_column_def){.id = fi_load_le32(record),
                                         .type = (firn_type)record[4],
                                         .fixed_size = fi_load_le32(record + 8)};
        if (fi_load_le16(record + 6) != 0) {
            return fi_error_set(opening->err, FIRN_NEWER, "column %u of a run has flags",
                                column->id);
        }
        if (kind > FI_PHYSICAL_BYTES) {
            return column_index_refuse("the kind of an initial value", opening->err);
        }
        if (kind == FI_PHYSICAL_BYTES) {
            column->initial.kind = FI_PHYSICAL_BYTES;
            if (!take_rest(opening, fi_load_le64(record + 16), fi_load_le32(record + 12),
                           &column->initial.as.bytes)) {
                return column_index_refuse("the place of an initial value", opening->err);
            }
        } else {
            column->initial = cell_of((enum fi_physical)kind, fi_load_le64(record + 16));
            if (fi_load_le32(record + 12) != 0) {
                return column_index_refuse("the size of an initial value", opening->err);
            }
        }
    }
    return FIRN_OK;
}

/* Takes the layout from the columns and the key, which lie where there is room for them. */
static int
read_layout(struct opening *opening, const uint8_t *records, size_t count, size_t key_count,
            struct fi_column_owned *out)
{
    uint32_t key[FI_COLUMN_KEY_MAX];
    struct fi_column_def *columns = fi_alloc_array(count, sizeof columns[0]);
    int rc = columns == NULL ? fi_error_no_memory(opening->err, "the columns of a run")
                             : read_columns(opening, records, columns, count);
    for (size_t i = 0; i < key_count; i++) {
        key[i] = fi_load_le32(records + count * COLUMN_SIZE + i * KEY_ID_SIZE);
    }
    struct fi_column_layout layout = {
        .columns = columns, .count = count, .key = key, .key_count = key_count};
    if (rc == FIRN_OK) {
        rc = fi_column_layout_check(&layout, opening->err);
        rc = rc != FIRN_OK ? column_index_refuse("its columns make no layout", opening->err)
                           : fi_column_layout_copy(&layout, out, opening->err);
    }
    fi_free(columns);
    return rc;
}

/* The sizes of bounds. */
static bool
are_bounds_sound(const uint8_t *record, const struct fi_column_shape *shape)
{
    uint8_t flags = record[17];
    size_t size_max = shape->kind == FI_PHYSICAL_BYTES ? BOUND_SIZE : 0;
    bool is_empty = (flags & FI_COLUMN_FORMAT_EMPTY) != 0;
    return record[18] <= size_max && record[19] <= size_max &&
           (!is_empty || (record[18] == 0 && record[19] == 0));
}

static int
check_chunk(struct opening *opening, size_t i, size_t slot,
            const struct fi_column_index_group *group)
{
    const struct fi_column_layout *layout = opening->layout;
    const uint8_t *record = chunk_record(opening->index, i, slot);
    struct fi_column_shape shape = fi_column_layout_shape(layout, slot);
    struct fi_block_ref ref = fi_column_index_ref(opening->index, i, slot);
    bool is_hidden = slot >= layout->count;
    DCHECK(fi_column_layout_slot_count(layout) == opening->index->slot_count);
    if (ref.offset == 0) {
        uint8_t any = 0;
        for (size_t j = 0; j < CHUNK_SIZE; j++) {
            any |= record[j];
        }
        bool may_lack = is_hidden && (slot != fi_column_layout_hidden(layout, FI_COLUMN_SEQUENCE) ||
                                      group->sequence_min == group->sequence_max);
        return may_lack && any == 0
                   ? FIRN_OK /* (I4) */
                   : column_index_refuse("a row group lacks a column", opening->err);
    }
    if ((record[17] & ~FI_COLUMN_FORMAT_CHUNK_FLAGS) != 0) {
        return fi_error_set(opening->err, FIRN_NEWER, "a chunk of a run has flags %02x",
                            record[17]);
    }
    if (group->is_plain && is_hidden &&
        slot != fi_column_layout_hidden(layout, FI_COLUMN_SEQUENCE)) {
        return column_index_refuse("a plain row group has other kinds than puts",
                                   opening->err); /* (I3) */
    }
    if ((record[17] & FI_COLUMN_FORMAT_REFERENCES) != 0 &&
        !fi_column_layout_may_refer(layout, slot)) {
        return column_index_refuse("references in a column that cannot have them",
                                   opening->err); /* (I4) */
    }
    bool is_in_pieces = record[16] == FI_COLUMN_FORMAT_IN_PIECES;
    if (is_in_pieces && (group->rows != 1 || shape.kind != FI_PHYSICAL_BYTES)) {
        return column_index_refuse("a value in pieces is not alone", opening->err); /* (I4) */
    }
    return are_bounds_sound(record, &shape) && fi_load_le32(record + 20) <= group->rows &&
                   fi_load_le64(record + 24) <= INT64_MAX
               ? FIRN_OK
               : column_index_refuse("what it says of a chunk", opening->err);
}

/* (I1), (I3) */
static bool
column_index_follows(const struct fi_column_index_group *before,
                     const struct fi_column_index_group *group)
{
    int order = fi_slice_compare(before->upper, group->lower);
    if (order != 0) {
        return order < 0;
    }
    bool is_same_first = fi_slice_equal(before->lower, group->lower);
    return !before->is_plain && !group->is_plain &&
           (!is_same_first || before->sequence_first > group->sequence_first);
}

static int
check_group(struct opening *opening, size_t i)
{
    struct fi_column_index *index = opening->index;
    const uint8_t *record = group_record(index, i);
    struct fi_column_index_group group;
    firn_slice lower;
    firn_slice upper;
    if ((fi_load_le32(record + 4) & ~(uint32_t)FI_COLUMN_FORMAT_PLAIN) != 0 ||
        fi_load_le64(record + 56) != 0) {
        return fi_error_set(opening->err, FIRN_NEWER, "row group %zu of a run has flags %08x", i,
                            fi_load_le32(record + 4));
    }
    if (!take_rest(opening, fi_load_le32(record + 32), fi_load_le32(record + 36), &lower) ||
        !take_rest(opening, fi_load_le32(record + 40), fi_load_le32(record + 44), &upper) ||
        lower.size > FI_ENTRY_KEY_SIZE_MAX || upper.size > FI_ENTRY_KEY_SIZE_MAX) {
        return column_index_refuse("the place of a key", opening->err);
    }
    fi_column_index_group(index, i, &group);
    if (group.rows == 0 || group.rows > FI_CHUNK_VALUES_MAX || group.rows_before != opening->rows) {
        return column_index_refuse("the rows of a group", opening->err); /* (I2) */
    }
    opening->rows += group.rows;
    if (group.sequence_min > group.sequence_first || group.sequence_first > group.sequence_max ||
        group.sequence_max == UINT64_MAX || fi_slice_compare(lower, upper) > 0 ||
        (group.is_plain && group.rows > 1 && fi_slice_equal(lower, upper))) {
        return column_index_refuse("the keys or sequences of a row group", opening->err);
    }
    if (i > 0) {
        struct fi_column_index_group before;
        fi_column_index_group(index, i - 1, &before);
        if (!column_index_follows(&before, &group)) {
            return column_index_refuse("its row groups are out of order", opening->err);
        }
    }
    for (size_t slot = 0; slot < index->slot_count; slot++) {
        int rc = check_chunk(opening, i, slot, &group);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* Reads the header: false where the sizes that it tells are not those of the bytes. */
static bool
read_header(firn_slice raw, struct fi_column_index *out, size_t *out_rest_size)
{
    uint64_t columns = fi_load_le32(raw.data + 16);
    uint64_t keys = fi_load_le32(raw.data + 20);
    uint64_t groups = fi_load_le32(raw.data + 4);
    uint64_t rest = fi_load_le32(raw.data + 24);
    if (columns > FI_COLUMN_COUNT_MAX || keys > FI_COLUMN_KEY_MAX) {
        return false;
    }
    /* No product overflows: the counts have 32 bits, a group less than 2^20 bytes. */
    uint64_t start = HEADER_SIZE + columns * COLUMN_SIZE + key_ids_size((size_t)keys);
    uint64_t each = group_size((size_t)columns + FI_COLUMN_FORMAT_HIDDEN);
    if (start + groups * each + rest != raw.size) {
        return false;
    }
    *out = (struct fi_column_index){
        .raw = raw,
        .group_count = (size_t)groups,
        .slot_count = (size_t)columns + FI_COLUMN_FORMAT_HIDDEN,
        .entry_count = fi_load_le64(raw.data + 8),
        .groups = raw.data + start,
        .group_size = (size_t)each,
        .rest = raw.data + start + groups * each,
    };
    *out_rest_size = (size_t)rest;
    return true;
}

/* Flags, the rest of the header, what fills up the key. */
static bool
are_reserved_zero(firn_slice raw, const struct fi_column_index *index)
{
    uint8_t any = 0;
    size_t key_end = HEADER_SIZE + (index->slot_count - FI_COLUMN_FORMAT_HIDDEN) * COLUMN_SIZE +
                     fi_load_le32(raw.data + 20) * (size_t)KEY_ID_SIZE;
    for (size_t i = 28; i < HEADER_SIZE; i++) {
        any |= raw.data[i];
    }
    for (const uint8_t *at = raw.data + key_end; at < index->groups; at++) {
        any |= *at;
    }
    return any == 0 && fi_load_le32(raw.data) == 0;
}

int
fi_column_index_open(firn_slice raw, struct fi_column_index *out, struct fi_column_owned *layout,
                     firn_error *err)
{
    size_t rest_size;
    *layout = (struct fi_column_owned){0};
    if (raw.size < HEADER_SIZE || !read_header(raw, out, &rest_size)) {
        return column_index_refuse("its parts do not fill it", err);
    }
    struct opening opening = {.index = out, .rest = firn_bytes(out->rest, rest_size), .err = err};
    if (!are_reserved_zero(raw, out)) {
        return fi_error_set(err, FIRN_NEWER, "the index of a run has flags %08x, or more fields",
                            fi_load_le32(raw.data));
    }
    int rc =
        read_layout(&opening, raw.data + HEADER_SIZE, out->slot_count - FI_COLUMN_FORMAT_HIDDEN,
                    fi_load_le32(raw.data + 20), layout);
    opening.layout = &layout->layout;
    for (size_t i = 0; rc == FIRN_OK && i < out->group_count; i++) {
        rc = check_group(&opening, i);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    return opening.rows == out->entry_count && opening.rest_used == rest_size
               ? FIRN_OK
               : column_index_refuse("its rows or keys are not as many as it says", err);
}

/* ==== building ==== */

void
fi_column_index_builder_deinit(struct fi_column_index_builder *builder)
{
    fi_buf_deinit(&builder->groups);
    fi_buf_deinit(&builder->rest);
}

int
fi_column_index_builder_init(struct fi_column_index_builder *builder,
                             const struct fi_column_layout *layout, firn_error *err)
{
    *builder = (struct fi_column_index_builder){0};
    for (size_t i = 0; i < layout->count; i++) {
        const struct fi_cell *cell = &layout->columns[i].initial;
        if (cell->kind == FI_PHYSICAL_BYTES &&
            fi_buf_append_slice(&builder->rest, cell->as.bytes) != FIRN_OK) {
            return fi_error_no_memory(err, "the index of a run");
        }
    }
    return FIRN_OK;
}

size_t
fi_column_index_builder_size_bytes(const struct fi_column_index_builder *builder,
                                   const struct fi_column_layout *layout)
{
    return HEADER_SIZE + layout->count * COLUMN_SIZE + key_ids_size(layout->key_count) +
           builder->groups.size + builder->rest.size;
}

static uint8_t
encode_bound(const struct fi_cell *bound, uint8_t *out)
{
    if (bound->kind == FI_PHYSICAL_BYTES) {
        CHECK(bound->as.bytes.size <= BOUND_SIZE);
        if (bound->as.bytes.size > 0) {
            memcpy(out, bound->as.bytes.data, bound->as.bytes.size);
        }
        return (uint8_t)bound->as.bytes.size;
    }
    fi_store_le64(out, number_of(bound));
    return 0;
}

/* Fills the record, which is zeroed. */
static void
encode_chunk(const struct fi_column_index_chunk *chunk, uint8_t *record)
{
    const struct fi_chunk_bounds *bounds = &chunk->bounds;
    if (chunk->ref.offset == 0) {
        return;
    }
    fi_store_le64(record, chunk->ref.offset);
    fi_store_le32(record + 8, chunk->ref.stored_size);
    fi_store_le32(record + 12, chunk->ref.raw_size);
    record[16] = chunk->encoding;
    record[17] = (uint8_t)((bounds->is_empty ? FI_COLUMN_FORMAT_EMPTY : 0) |
                           (bounds->has_nan ? FI_COLUMN_FORMAT_NAN : 0) |
                           (bounds->max_is_cut ? FI_COLUMN_FORMAT_CUT : 0) |
                           (chunk->has_references ? FI_COLUMN_FORMAT_REFERENCES : 0));
    fi_store_le32(record + 20, (uint32_t)bounds->null_count);
    fi_store_le64(record + 24, chunk->value_bytes);
    if (!bounds->is_empty) {
        record[18] = encode_bound(&bounds->min, record + 32);
        record[19] = encode_bound(&bounds->max, record + 32 + BOUND_SIZE);
    }
}

int
fi_column_index_builder_add(struct fi_column_index_builder *builder,
                            const struct fi_column_layout *layout,
                            const struct fi_column_index_group *group,
                            const struct fi_column_index_chunk *chunks, firn_error *err)
{
    size_t slot_count = fi_column_layout_slot_count(layout);
    size_t before = builder->groups.size;
    size_t keys = builder->rest.size;
    size_t size = group_size(slot_count);
    size_t total = fi_column_index_builder_size_bytes(builder, layout) + size + group->lower.size +
                   group->upper.size;
    DCHECK(group->rows > 0 && group->rows <= FI_CHUNK_VALUES_MAX);
    if (total > FI_BLOCK_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "the index of a run of columns would have %zu bytes",
                            total);
    }
    if (fi_buf_set_size(&builder->groups, before + size) != FIRN_OK ||
        fi_buf_append_slice(&builder->rest, group->lower) != FIRN_OK ||
        fi_buf_append_slice(&builder->rest, group->upper) != FIRN_OK) {
        builder->groups.size = before;
        builder->rest.size = keys;
        return fi_error_no_memory(err, "the index of a run");
    }
    uint8_t *record = builder->groups.data + before;
    memset(record, 0, size);
    fi_store_le32(record, group->rows);
    fi_store_le32(record + 4, group->is_plain ? FI_COLUMN_FORMAT_PLAIN : 0);
    fi_store_le64(record + 8, group->sequence_min);
    fi_store_le64(record + 16, group->sequence_max);
    fi_store_le64(record + 24, group->sequence_first);
    fi_store_le32(record + 32, (uint32_t)keys);
    fi_store_le32(record + 36, (uint32_t)group->lower.size);
    fi_store_le32(record + 40, (uint32_t)(keys + group->lower.size));
    fi_store_le32(record + 44, (uint32_t)group->upper.size);
    fi_store_le64(record + 48, group->rows_before);
    for (size_t slot = 0; slot < slot_count; slot++) {
        encode_chunk(&chunks[slot], record + GROUP_SIZE + slot * CHUNK_SIZE);
    }
    return FIRN_OK;
}

static void
encode_column(const struct fi_column_def *column, uint32_t *rest_at, uint8_t *record)
{
    const struct fi_cell *cell = &column->initial;
    memset(record, 0, COLUMN_SIZE);
    fi_store_le32(record, column->id);
    record[4] = (uint8_t)column->type;
    record[5] = (uint8_t)cell->kind;
    fi_store_le32(record + 8, column->fixed_size);
    if (cell->kind == FI_PHYSICAL_BYTES) {
        fi_store_le32(record + 12, (uint32_t)cell->as.bytes.size);
        fi_store_le64(record + 16, *rest_at);
        *rest_at += (uint32_t)cell->as.bytes.size;
    } else {
        fi_store_le64(record + 16, number_of(cell));
    }
}

int
fi_column_index_builder_encode(const struct fi_column_index_builder *builder,
                               const struct fi_column_layout *layout, uint64_t entry_count,
                               struct fi_buf *out)
{
    uint32_t rest_at = 0;
    size_t each = group_size(fi_column_layout_slot_count(layout));
    size_t head = HEADER_SIZE + layout->count * COLUMN_SIZE + key_ids_size(layout->key_count);
    DCHECK(builder->groups.size % each == 0);
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_buf_set_size(out, head));
    memset(out->data, 0, head);
    fi_store_le32(out->data + 4, (uint32_t)(builder->groups.size / each));
    fi_store_le64(out->data + 8, entry_count);
    fi_store_le32(out->data + 16, (uint32_t)layout->count);
    fi_store_le32(out->data + 20, (uint32_t)layout->key_count);
    fi_store_le32(out->data + 24, (uint32_t)builder->rest.size);
    for (size_t i = 0; i < layout->count; i++) {
        encode_column(&layout->columns[i], &rest_at, out->data + HEADER_SIZE + i * COLUMN_SIZE);
    }
    uint8_t *key = out->data + HEADER_SIZE + layout->count * COLUMN_SIZE;
    for (size_t i = 0; i < layout->key_count; i++) {
        fi_store_le32(key + i * KEY_ID_SIZE, layout->key[i]);
    }
    FI_TRY_RETURN(fi_buf_append_slice(out, fi_buf_slice(&builder->groups)));
    return fi_buf_append_slice(out, fi_buf_slice(&builder->rest));
}
