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
 * Limits: an index has at most FIRN_BLOCK_SIZE_MAX bytes.
 */
#include "column/column_internal.h"

#include "base/mem.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/slice.h"

enum {
    HEADER_SIZE = FIRN_COLUMN_FORMAT_HEADER_SIZE,
    COLUMN_SIZE = FIRN_COLUMN_FORMAT_COLUMN_SIZE,
    GROUP_SIZE = FIRN_COLUMN_FORMAT_GROUP_SIZE,
    CHUNK_SIZE = FIRN_COLUMN_FORMAT_CHUNK_SIZE,
    KEY_ID_SIZE = 4,
    BOUND_SIZE = FIRN_CHUNK_BOUND_SIZE
};

_Static_assert(FIRN_CHUNK_BOUND_SIZE == 16, "a bound fits its place in the record of a chunk");

/* ---- cells as eight bytes ---- */

static uint64_t
number_of(const struct firn_cell *cell)
{
    uint64_t number = 0;
    switch (cell->kind) {
    case FIRN_PHYSICAL_I64:
    case FIRN_PHYSICAL_U64:
    case FIRN_PHYSICAL_F64:
        memcpy(&number, &cell->as, sizeof number);
        break;
    case FIRN_PHYSICAL_F32:
        memcpy(&number, &cell->as.f32, sizeof cell->as.f32);
        break;
    default:
        break;
    }
    return number;
}

static struct firn_cell
cell_of(enum firn_physical kind, uint64_t number)
{
    struct firn_cell cell = {.kind = kind};
    if (kind == FIRN_PHYSICAL_F32) {
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
group_record(const struct firn_column_index *index, size_t i)
{
    DCHECK(i < index->group_count && index->group_size == group_size(index->slot_count));
    return index->groups + i * index->group_size;
}

static const uint8_t *
chunk_record(const struct firn_column_index *index, size_t group, size_t slot)
{
    DCHECK(slot < index->slot_count);
    return group_record(index, group) + GROUP_SIZE + slot * CHUNK_SIZE;
}

void
firn_column_index_group(const struct firn_column_index *index, size_t i,
                        struct firn_column_index_group *out)
{
    const uint8_t *record = group_record(index, i);
    out->rows = firn_load_le32(record);
    out->is_plain = (firn_load_le32(record + 4) & FIRN_COLUMN_FORMAT_PLAIN) != 0;
    out->sequence_min = firn_load_le64(record + 8);
    out->sequence_max = firn_load_le64(record + 16);
    out->sequence_first = firn_load_le64(record + 24);
    out->lower = firn_bytes(index->rest + firn_load_le32(record + 32), firn_load_le32(record + 36));
    out->upper = firn_bytes(index->rest + firn_load_le32(record + 40), firn_load_le32(record + 44));
    out->rows_before = firn_load_le64(record + 48);
}

struct firn_block_ref
firn_column_index_ref(const struct firn_column_index *index, size_t group, size_t slot)
{
    const uint8_t *record = chunk_record(index, group, slot);
    return (struct firn_block_ref){firn_load_le64(record), firn_load_le32(record + 8),
                                   firn_load_le32(record + 12)};
}

uint8_t
firn_column_index_encoding(const struct firn_column_index *index, size_t group, size_t slot)
{
    return chunk_record(index, group, slot)[16];
}

bool
firn_column_index_has_references(const struct firn_column_index *index, size_t group, size_t slot)
{
    return (chunk_record(index, group, slot)[17] & FIRN_COLUMN_FORMAT_REFERENCES) != 0;
}

static struct firn_cell
bound_of(const uint8_t *bytes, size_t size, enum firn_physical kind)
{
    if (kind == FIRN_PHYSICAL_BYTES) {
        return (struct firn_cell){.kind = kind, .as.bytes = firn_bytes(bytes, size)};
    }
    return cell_of(kind, firn_load_le64(bytes));
}

void
firn_column_index_chunk(const struct firn_column_index *index, size_t group, size_t slot,
                        const struct firn_column_shape *shape, struct firn_column_index_chunk *out)
{
    const uint8_t *record = chunk_record(index, group, slot);
    uint8_t flags = record[17];
    out->ref = firn_column_index_ref(index, group, slot);
    out->encoding = record[16];
    out->value_bytes = firn_load_le64(record + 24);
    out->bounds = (struct firn_chunk_bounds){
        .null_count = firn_load_le32(record + 20),
        .is_empty = (flags & FIRN_COLUMN_FORMAT_EMPTY) != 0,
        .has_nan = (flags & FIRN_COLUMN_FORMAT_NAN) != 0,
        .max_is_cut = (flags & FIRN_COLUMN_FORMAT_CUT) != 0,
    };
    out->has_references = (flags & FIRN_COLUMN_FORMAT_REFERENCES) != 0;
    if (!out->bounds.is_empty) {
        out->bounds.min = bound_of(record + 32, record[18], shape->kind);
        out->bounds.max = bound_of(record + 32 + BOUND_SIZE, record[19], shape->kind);
    }
}

size_t
firn_column_index_find(const struct firn_column_index *index, firn_slice key, uint64_t sequence)
{
    size_t low = 0;
    size_t high = index->group_count;
    while (low < high) {
        struct firn_column_index_group group;
        size_t middle = low + (high - low) / 2;
        firn_column_index_group(index, middle, &group);
        if (firn_entry_compare(group.lower, group.sequence_first, key, sequence) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ==== checking ==== */

struct opening {
    struct firn_column_index *index;
    const struct firn_column_layout *layout;
    firn_slice rest;
    size_t rest_used;
    uint64_t rows;
    firn_error *err;
};

static int
refuse(const char *what, firn_error *err)
{
    return firn_error_set(err, FIRN_CORRUPT, "the index of a run of columns is malformed: %s",
                          what);
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
read_columns(struct opening *opening, const uint8_t *records, struct firn_column_def *columns,
             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *record = records + i * COLUMN_SIZE;
        struct firn_column_def *column = &columns[i];
        uint8_t kind = record[5];
        *column = (struct firn_column_def){.id = firn_load_le32(record),
                                           .type = (firn_type)record[4],
                                           .fixed_size = firn_load_le32(record + 8)};
        if (firn_load_le16(record + 6) != 0) {
            return firn_error_set(opening->err, FIRN_NEWER, "column %u of a run has flags",
                                  column->id);
        }
        if (kind > FIRN_PHYSICAL_BYTES) {
            return refuse("the kind of an initial value", opening->err);
        }
        if (kind == FIRN_PHYSICAL_BYTES) {
            column->initial.kind = FIRN_PHYSICAL_BYTES;
            if (!take_rest(opening, firn_load_le64(record + 16), firn_load_le32(record + 12),
                           &column->initial.as.bytes)) {
                return refuse("the place of an initial value", opening->err);
            }
        } else {
            column->initial = cell_of((enum firn_physical)kind, firn_load_le64(record + 16));
            if (firn_load_le32(record + 12) != 0) {
                return refuse("the size of an initial value", opening->err);
            }
        }
    }
    return FIRN_OK;
}

/* Takes the layout from the columns and the key, which lie where there is room for them. */
static int
read_layout(struct opening *opening, const uint8_t *records, size_t count, size_t key_count,
            struct firn_column_owned *out)
{
    uint32_t key[FIRN_COLUMN_KEY_MAX];
    struct firn_column_def *columns = firn_alloc_array(count, sizeof columns[0]);
    int rc = columns == NULL ? firn_error_no_memory(opening->err, "the columns of a run")
                             : read_columns(opening, records, columns, count);
    for (size_t i = 0; i < key_count; i++) {
        key[i] = firn_load_le32(records + count * COLUMN_SIZE + i * KEY_ID_SIZE);
    }
    struct firn_column_layout layout = {
        .columns = columns, .count = count, .key = key, .key_count = key_count};
    if (rc == FIRN_OK) {
        rc = firn_column_layout_check(&layout, opening->err);
        rc = rc != FIRN_OK ? refuse("its columns make no layout", opening->err)
                           : firn_column_layout_copy(&layout, out, opening->err);
    }
    firn_free(columns);
    return rc;
}

/* The sizes of bounds. */
static bool
are_bounds_sound(const uint8_t *record, const struct firn_column_shape *shape)
{
    uint8_t flags = record[17];
    size_t size_max = shape->kind == FIRN_PHYSICAL_BYTES ? BOUND_SIZE : 0;
    bool is_empty = (flags & FIRN_COLUMN_FORMAT_EMPTY) != 0;
    return record[18] <= size_max && record[19] <= size_max &&
           (!is_empty || (record[18] == 0 && record[19] == 0));
}

static int
check_chunk(struct opening *opening, size_t i, size_t slot,
            const struct firn_column_index_group *group)
{
    const struct firn_column_layout *layout = opening->layout;
    const uint8_t *record = chunk_record(opening->index, i, slot);
    struct firn_column_shape shape = firn_column_layout_shape(layout, slot);
    struct firn_block_ref ref = firn_column_index_ref(opening->index, i, slot);
    bool is_hidden = slot >= layout->count;
    DCHECK(firn_column_layout_slot_count(layout) == opening->index->slot_count);
    if (ref.offset == 0) {
        uint8_t any = 0;
        for (size_t j = 0; j < CHUNK_SIZE; j++) {
            any |= record[j];
        }
        bool may_lack =
            is_hidden && (slot != firn_column_layout_hidden(layout, FIRN_COLUMN_SEQUENCE) ||
                          group->sequence_min == group->sequence_max);
        return may_lack && any == 0 ? FIRN_OK /* (I4) */
                                    : refuse("a row group lacks a column", opening->err);
    }
    if ((record[17] & ~FIRN_COLUMN_FORMAT_CHUNK_FLAGS) != 0) {
        return firn_error_set(opening->err, FIRN_NEWER, "a chunk of a run has flags %02x",
                              record[17]);
    }
    if (group->is_plain && is_hidden &&
        slot != firn_column_layout_hidden(layout, FIRN_COLUMN_SEQUENCE)) {
        return refuse("a plain row group has other kinds than puts", opening->err); /* (I3) */
    }
    if ((record[17] & FIRN_COLUMN_FORMAT_REFERENCES) != 0 &&
        !firn_column_layout_may_refer(layout, slot)) {
        return refuse("references in a column that cannot have them", opening->err); /* (I4) */
    }
    bool is_in_pieces = record[16] == FIRN_COLUMN_FORMAT_IN_PIECES;
    if (is_in_pieces && (group->rows != 1 || shape.kind != FIRN_PHYSICAL_BYTES)) {
        return refuse("a value in pieces is not alone", opening->err); /* (I4) */
    }
    return are_bounds_sound(record, &shape) && firn_load_le32(record + 20) <= group->rows &&
                   firn_load_le64(record + 24) <= INT64_MAX
               ? FIRN_OK
               : refuse("what it says of a chunk", opening->err);
}

/* (I1), (I3) */
static bool
follows(const struct firn_column_index_group *before, const struct firn_column_index_group *group)
{
    int order = firn_slice_compare(before->upper, group->lower);
    if (order != 0) {
        return order < 0;
    }
    bool is_same_first = firn_slice_equal(before->lower, group->lower);
    return !before->is_plain && !group->is_plain &&
           (!is_same_first || before->sequence_first > group->sequence_first);
}

static int
check_group(struct opening *opening, size_t i)
{
    struct firn_column_index *index = opening->index;
    const uint8_t *record = group_record(index, i);
    struct firn_column_index_group group;
    firn_slice lower;
    firn_slice upper;
    if ((firn_load_le32(record + 4) & ~(uint32_t)FIRN_COLUMN_FORMAT_PLAIN) != 0 ||
        firn_load_le64(record + 56) != 0) {
        return firn_error_set(opening->err, FIRN_NEWER, "row group %zu of a run has flags %08x", i,
                              firn_load_le32(record + 4));
    }
    if (!take_rest(opening, firn_load_le32(record + 32), firn_load_le32(record + 36), &lower) ||
        !take_rest(opening, firn_load_le32(record + 40), firn_load_le32(record + 44), &upper) ||
        lower.size > FIRN_ENTRY_KEY_SIZE_MAX || upper.size > FIRN_ENTRY_KEY_SIZE_MAX) {
        return refuse("the place of a key", opening->err);
    }
    firn_column_index_group(index, i, &group);
    if (group.rows == 0 || group.rows > FIRN_CHUNK_VALUES_MAX ||
        group.rows_before != opening->rows) {
        return refuse("the rows of a group", opening->err); /* (I2) */
    }
    opening->rows += group.rows;
    if (group.sequence_min > group.sequence_first || group.sequence_first > group.sequence_max ||
        group.sequence_max == UINT64_MAX || firn_slice_compare(lower, upper) > 0 ||
        (group.is_plain && group.rows > 1 && firn_slice_equal(lower, upper))) {
        return refuse("the keys or sequences of a row group", opening->err);
    }
    if (i > 0) {
        struct firn_column_index_group before;
        firn_column_index_group(index, i - 1, &before);
        if (!follows(&before, &group)) {
            return refuse("its row groups are out of order", opening->err);
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
read_header(firn_slice raw, struct firn_column_index *out, size_t *out_rest_size)
{
    uint64_t columns = firn_load_le32(raw.data + 16);
    uint64_t keys = firn_load_le32(raw.data + 20);
    uint64_t groups = firn_load_le32(raw.data + 4);
    uint64_t rest = firn_load_le32(raw.data + 24);
    if (columns > FIRN_COLUMN_COUNT_MAX || keys > FIRN_COLUMN_KEY_MAX) {
        return false;
    }
    /* No product overflows: the counts have 32 bits, a group less than 2^20 bytes. */
    uint64_t start = HEADER_SIZE + columns * COLUMN_SIZE + key_ids_size((size_t)keys);
    uint64_t each = group_size((size_t)columns + FIRN_COLUMN_FORMAT_HIDDEN);
    if (start + groups * each + rest != raw.size) {
        return false;
    }
    *out = (struct firn_column_index){
        .raw = raw,
        .group_count = (size_t)groups,
        .slot_count = (size_t)columns + FIRN_COLUMN_FORMAT_HIDDEN,
        .entry_count = firn_load_le64(raw.data + 8),
        .groups = raw.data + start,
        .group_size = (size_t)each,
        .rest = raw.data + start + groups * each,
    };
    *out_rest_size = (size_t)rest;
    return true;
}

/* Flags, the rest of the header, what fills up the key. */
static bool
are_reserved_zero(firn_slice raw, const struct firn_column_index *index)
{
    uint8_t any = 0;
    size_t key_end = HEADER_SIZE + (index->slot_count - FIRN_COLUMN_FORMAT_HIDDEN) * COLUMN_SIZE +
                     firn_load_le32(raw.data + 20) * (size_t)KEY_ID_SIZE;
    for (size_t i = 28; i < HEADER_SIZE; i++) {
        any |= raw.data[i];
    }
    for (const uint8_t *at = raw.data + key_end; at < index->groups; at++) {
        any |= *at;
    }
    return any == 0 && firn_load_le32(raw.data) == 0;
}

int
firn_column_index_open(firn_slice raw, struct firn_column_index *out,
                       struct firn_column_owned *layout, firn_error *err)
{
    size_t rest_size;
    *layout = (struct firn_column_owned){0};
    if (raw.size < HEADER_SIZE || !read_header(raw, out, &rest_size)) {
        return refuse("its parts do not fill it", err);
    }
    struct opening opening = {.index = out, .rest = firn_bytes(out->rest, rest_size), .err = err};
    if (!are_reserved_zero(raw, out)) {
        return firn_error_set(err, FIRN_NEWER, "the index of a run has flags %08x, or more fields",
                              firn_load_le32(raw.data));
    }
    int rc =
        read_layout(&opening, raw.data + HEADER_SIZE, out->slot_count - FIRN_COLUMN_FORMAT_HIDDEN,
                    firn_load_le32(raw.data + 20), layout);
    opening.layout = &layout->layout;
    for (size_t i = 0; rc == FIRN_OK && i < out->group_count; i++) {
        rc = check_group(&opening, i);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    return opening.rows == out->entry_count && opening.rest_used == rest_size
               ? FIRN_OK
               : refuse("its rows or keys are not as many as it says", err);
}

/* ==== building ==== */

void
firn_column_index_builder_deinit(struct firn_column_index_builder *builder)
{
    firn_buf_deinit(&builder->groups);
    firn_buf_deinit(&builder->rest);
}

int
firn_column_index_builder_init(struct firn_column_index_builder *builder,
                               const struct firn_column_layout *layout, firn_error *err)
{
    *builder = (struct firn_column_index_builder){0};
    for (size_t i = 0; i < layout->count; i++) {
        const struct firn_cell *cell = &layout->columns[i].initial;
        if (cell->kind == FIRN_PHYSICAL_BYTES &&
            firn_buf_append_slice(&builder->rest, cell->as.bytes) != FIRN_OK) {
            return firn_error_no_memory(err, "the index of a run");
        }
    }
    return FIRN_OK;
}

size_t
firn_column_index_builder_size_bytes(const struct firn_column_index_builder *builder,
                                     const struct firn_column_layout *layout)
{
    return HEADER_SIZE + layout->count * COLUMN_SIZE + key_ids_size(layout->key_count) +
           builder->groups.size + builder->rest.size;
}

static uint8_t
encode_bound(const struct firn_cell *bound, uint8_t *out)
{
    if (bound->kind == FIRN_PHYSICAL_BYTES) {
        CHECK(bound->as.bytes.size <= BOUND_SIZE);
        if (bound->as.bytes.size > 0) {
            memcpy(out, bound->as.bytes.data, bound->as.bytes.size);
        }
        return (uint8_t)bound->as.bytes.size;
    }
    firn_store_le64(out, number_of(bound));
    return 0;
}

/* Fills the record, which is zeroed. */
static void
encode_chunk(const struct firn_column_index_chunk *chunk, uint8_t *record)
{
    const struct firn_chunk_bounds *bounds = &chunk->bounds;
    if (chunk->ref.offset == 0) {
        return;
    }
    firn_store_le64(record, chunk->ref.offset);
    firn_store_le32(record + 8, chunk->ref.stored_size);
    firn_store_le32(record + 12, chunk->ref.raw_size);
    record[16] = chunk->encoding;
    record[17] = (uint8_t)((bounds->is_empty ? FIRN_COLUMN_FORMAT_EMPTY : 0) |
                           (bounds->has_nan ? FIRN_COLUMN_FORMAT_NAN : 0) |
                           (bounds->max_is_cut ? FIRN_COLUMN_FORMAT_CUT : 0) |
                           (chunk->has_references ? FIRN_COLUMN_FORMAT_REFERENCES : 0));
    firn_store_le32(record + 20, (uint32_t)bounds->null_count);
    firn_store_le64(record + 24, chunk->value_bytes);
    if (!bounds->is_empty) {
        record[18] = encode_bound(&bounds->min, record + 32);
        record[19] = encode_bound(&bounds->max, record + 32 + BOUND_SIZE);
    }
}

int
firn_column_index_builder_add(struct firn_column_index_builder *builder,
                              const struct firn_column_layout *layout,
                              const struct firn_column_index_group *group,
                              const struct firn_column_index_chunk *chunks, firn_error *err)
{
    size_t slot_count = firn_column_layout_slot_count(layout);
    size_t before = builder->groups.size;
    size_t keys = builder->rest.size;
    size_t size = group_size(slot_count);
    size_t total = firn_column_index_builder_size_bytes(builder, layout) + size +
                   group->lower.size + group->upper.size;
    DCHECK(group->rows > 0 && group->rows <= FIRN_CHUNK_VALUES_MAX);
    if (total > FIRN_BLOCK_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT, "the index of a run of columns would have %zu bytes",
                              total);
    }
    if (firn_buf_set_size(&builder->groups, before + size) != FIRN_OK ||
        firn_buf_append_slice(&builder->rest, group->lower) != FIRN_OK ||
        firn_buf_append_slice(&builder->rest, group->upper) != FIRN_OK) {
        builder->groups.size = before;
        builder->rest.size = keys;
        return firn_error_no_memory(err, "the index of a run");
    }
    uint8_t *record = builder->groups.data + before;
    memset(record, 0, size);
    firn_store_le32(record, group->rows);
    firn_store_le32(record + 4, group->is_plain ? FIRN_COLUMN_FORMAT_PLAIN : 0);
    firn_store_le64(record + 8, group->sequence_min);
    firn_store_le64(record + 16, group->sequence_max);
    firn_store_le64(record + 24, group->sequence_first);
    firn_store_le32(record + 32, (uint32_t)keys);
    firn_store_le32(record + 36, (uint32_t)group->lower.size);
    firn_store_le32(record + 40, (uint32_t)(keys + group->lower.size));
    firn_store_le32(record + 44, (uint32_t)group->upper.size);
    firn_store_le64(record + 48, group->rows_before);
    for (size_t slot = 0; slot < slot_count; slot++) {
        encode_chunk(&chunks[slot], record + GROUP_SIZE + slot * CHUNK_SIZE);
    }
    return FIRN_OK;
}

static void
encode_column(const struct firn_column_def *column, uint32_t *rest_at, uint8_t *record)
{
    const struct firn_cell *cell = &column->initial;
    memset(record, 0, COLUMN_SIZE);
    firn_store_le32(record, column->id);
    record[4] = (uint8_t)column->type;
    record[5] = (uint8_t)cell->kind;
    firn_store_le32(record + 8, column->fixed_size);
    if (cell->kind == FIRN_PHYSICAL_BYTES) {
        firn_store_le32(record + 12, (uint32_t)cell->as.bytes.size);
        firn_store_le64(record + 16, *rest_at);
        *rest_at += (uint32_t)cell->as.bytes.size;
    } else {
        firn_store_le64(record + 16, number_of(cell));
    }
}

int
firn_column_index_builder_encode(const struct firn_column_index_builder *builder,
                                 const struct firn_column_layout *layout, uint64_t entry_count,
                                 struct firn_buf *out)
{
    uint32_t rest_at = 0;
    size_t each = group_size(firn_column_layout_slot_count(layout));
    size_t head = HEADER_SIZE + layout->count * COLUMN_SIZE + key_ids_size(layout->key_count);
    DCHECK(builder->groups.size % each == 0);
    firn_buf_clear(out);
    FIRN_TRY_RETURN(firn_buf_set_size(out, head));
    memset(out->data, 0, head);
    firn_store_le32(out->data + 4, (uint32_t)(builder->groups.size / each));
    firn_store_le64(out->data + 8, entry_count);
    firn_store_le32(out->data + 16, (uint32_t)layout->count);
    firn_store_le32(out->data + 20, (uint32_t)layout->key_count);
    firn_store_le32(out->data + 24, (uint32_t)builder->rest.size);
    for (size_t i = 0; i < layout->count; i++) {
        encode_column(&layout->columns[i], &rest_at, out->data + HEADER_SIZE + i * COLUMN_SIZE);
    }
    uint8_t *key = out->data + HEADER_SIZE + layout->count * COLUMN_SIZE;
    for (size_t i = 0; i < layout->key_count; i++) {
        firn_store_le32(key + i * KEY_ID_SIZE, layout->key[i]);
    }
    FIRN_TRY_RETURN(firn_buf_append_slice(out, firn_buf_slice(&builder->groups)));
    return firn_buf_append_slice(out, firn_buf_slice(&builder->rest));
}
