/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_index.c: the index of a run: flat, and searched in place in the cache.
 *
 * For each data block there is a separator, a position in the order of entries: (I1) the entries of
 * the block are at or after it, those of the preceding block before it. If the block begins with
 * another key than the preceding one ends with, the separator is the shortest key between them,
 * with the sequence that is before all versions. Otherwise (versions of one key continue in the
 * next block) it is the first entry itself. So a search for (key, sequence) ends at one block,
 * however many versions there are.
 *
 * The common prefix of all separators is stored once. The first 8 bytes of the rest are its head, a
 * number with the same order. The heads are in an array of their own, 8 to a cache line, and nearly
 * always suffice. If some equal the wanted head, the separators themselves are compared, in a
 * binary search. Fixed fields of the blocks are in a second array, the rests after it.
 *
 * An index that stays in memory has a second copy of every 32nd head (tops, not in the file). A
 * search first does a binary search among these, which are in few lines that are used again and
 * again, and then in the one remaining group. The place of this group is known before any of its
 * lines is needed, so all of them can be fetched at once.
 *
 * The first separator is the first key, whole, so that keys before it need no block.
 *
 * Size: 56 bytes a block and the rest of its separator, which the builder of the run keeps to at
 * most an eighth of the preceding block (row_builder.c). The index is one block of the file, so it
 * has at most FI_BLOCK_SIZE_MAX bytes: FIRN_LIMIT beyond, which only a run of some GiB would
 * reach.
 *
 * The check: (I2) the parts fill the block exactly; every rest is inside it; separators ascend
 * strictly; heads are those of their separators; blocks ascend in the file and have sizes within
 * the limits; unused bytes are zero. Whether a ref names a block of the file is checked when it is
 * read. (This tests data; builders assert that what they write passes.)
 */
#include "row/row_internal.h"

#include "base/checked.h"
#include "base/slice.h"
#include "row/row_heads.h"

enum {
    HEADER_SIZE = FI_ROW_FORMAT_INDEX_HEADER_SIZE,
    HEAD_SIZE = FI_ROW_FORMAT_HEAD_SIZE,
    RECORD_SIZE = FI_ROW_FORMAT_RECORD_SIZE,
    SEPARATOR_SIZE = FI_ROW_FORMAT_SEPARATOR_SIZE,
    BLOCK_SIZE = HEAD_SIZE + RECORD_SIZE + SEPARATOR_SIZE /* in all, for each block */
};

/* ---- the check ---- */

static int
row_index_refuse(const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "an index of rows is malformed: %s", what);
}

/* A separator in itself. rest_at is where its rest has to be. */
static int
check_separator(const struct fi_row_index *index, size_t i, size_t rest_at, size_t rests_size,
                firn_error *err)
{
    const uint8_t *bytes = index->separators + i * SEPARATOR_SIZE;
    uint64_t rest_size = fi_load_le32(bytes + 12);
    if (fi_load_le32(bytes + 8) != rest_at || !fi_range_inside(rest_at, rest_size, rests_size) ||
        index->prefix.size + rest_size > FI_ENTRY_KEY_SIZE_MAX) {
        return row_index_refuse("a separator is too long or not in its place", err);
    }
    struct fi_row_index_separator separator;
    fi_row_index_separator(index, i, &separator);
    return fi_row_heads_at(index->heads, i) == fi_slice_head(separator.rest)
               ? FIRN_OK
               : row_index_refuse("a head is not that of its separator", err);
}

static int
check_separators(const struct fi_row_index *index, size_t rests_size, firn_error *err)
{
    size_t rest_at = 0;
    struct fi_row_index_separator before = {.sequence = 0};
    for (size_t i = 0; i < index->block_count; i++) {
        int rc = check_separator(index, i, rest_at, rests_size, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        struct fi_row_index_separator separator;
        fi_row_index_separator(index, i, &separator);
        if (i > 0 && fi_entry_compare(before.rest, before.sequence, separator.rest,
                                      separator.sequence) >= 0) {
            return row_index_refuse("its separators are out of order", err);
        }
        rest_at += separator.rest.size;
        before = separator;
    }
    return rest_at == rests_size ? FIRN_OK
                                 : row_index_refuse("there is more than its separators", err);
}

static int
check_blocks(const struct fi_row_index *index, firn_error *err)
{
    uint64_t end = 0;
    for (size_t i = 0; i < index->block_count; i++) {
        struct fi_row_index_block block;
        fi_row_index_block(index, i, &block);
        if (block.ref.raw_size > FI_ROW_FORMAT_BLOCK_SIZE_MAX ||
            block.ref.stored_size > FI_BLOCK_STORED_SIZE_MAX || block.ref.offset > INT64_MAX) {
            return row_index_refuse("a block is too large", err);
        }
        if (block.sequence_min > block.sequence_max) {
            return row_index_refuse("a block has no sequences", err);
        }
        if (block.ref.offset < end) {
            return row_index_refuse("its blocks overlap", err);
        }
        end = block.ref.offset + fi_block_reader_span(&block.ref);
    }
    return FIRN_OK;
}

int
fi_row_index_check(firn_slice raw, firn_error *err)
{
    if (raw.size < HEADER_SIZE) {
        return row_index_refuse("it is too short", err);
    }
    uint64_t count = fi_load_le32(raw.data + 4);
    uint64_t prefix_size = fi_load_le32(raw.data + 16);
    uint64_t rests_size = fi_load_le32(raw.data + 20);
    if (fi_load_le32(raw.data) != 0 || !fi_bytes_are_zero(raw.data + 24, HEADER_SIZE - 24)) {
        return fi_error_set(err, FIRN_NEWER,
                            "an index of rows uses fields that this version cannot read");
    }
    if (HEADER_SIZE + count * BLOCK_SIZE + prefix_size + rests_size != raw.size) {
        return row_index_refuse("its parts do not fill it", err);
    }
    struct fi_row_index index;
    fi_row_index_init(&index, raw);
    int rc = check_separators(&index, (size_t)rests_size, err);
    return rc == FIRN_OK ? check_blocks(&index, err) : rc;
}

/* ---- searching ---- */

/* The same among blocks [low, high), whose heads are all equal to that of rest. */
static size_t
find_among_equals(const struct fi_row_index *index, size_t low, size_t high, firn_slice rest,
                  uint64_t sequence)
{
    DCHECK(low < high && high <= index->block_count);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct fi_row_index_separator separator;
        fi_row_index_separator(index, middle, &separator);
        if (fi_entry_compare(separator.rest, separator.sequence, rest, sequence) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* How a key relates to what all separators begin with. */
enum relation { BEFORE_ALL, AFTER_ALL, AMONG };

static enum relation
relate(const struct fi_row_index *index, firn_slice key, firn_slice *out_rest)
{
    firn_slice prefix = index->prefix;
    size_t shared = key.size < prefix.size ? key.size : prefix.size;
    int order = shared == 0 ? 0 : memcmp(key.data, prefix.data, shared);
    if (order != 0) {
        return order < 0 ? BEFORE_ALL : AFTER_ALL;
    }
    if (key.size < prefix.size) {
        return BEFORE_ALL;
    }
    *out_rest = firn_bytes(key.data + prefix.size, key.size - prefix.size);
    return AMONG;
}

/* How many tops are smaller: the first that is not lies at or after the end of the search. */
static size_t
tops_below(const struct fi_row_index *index, uint64_t head)
{
    return fi_row_heads_below_plain(index->tops, 0, fi_row_index_top_count(index->block_count),
                                    head);
}

/* How many heads are smaller. */
static size_t
heads_below(const struct fi_row_index *index, uint64_t head)
{
    size_t count = index->block_count;
    if (index->tops == NULL) {
        return fi_row_heads_below(index->heads, 0, count, head);
    }
    size_t tops = tops_below(index, head);
    if (tops == 0) {
        return 0;
    }
    size_t low = (tops - 1) * FI_ROW_INDEX_STEP;
    size_t high = count - low < FI_ROW_INDEX_STEP ? count : low + FI_ROW_INDEX_STEP;
    return fi_row_heads_below_plain(index->heads, low, high, head);
}

/* Whether so many separators lie at or before a place: the plain twin of what heads lead to. */
static bool
is_count_before(const struct fi_row_index *index, size_t count, firn_slice rest, uint64_t sequence)
{
    struct fi_row_index_separator one;
    if (count > 0) {
        fi_row_index_separator(index, count - 1, &one);
        if (fi_entry_compare(one.rest, one.sequence, rest, sequence) > 0) {
            return false;
        }
    }
    if (count == index->block_count) {
        return true;
    }
    fi_row_index_separator(index, count, &one);
    return fi_entry_compare(one.rest, one.sequence, rest, sequence) > 0;
}

size_t
fi_row_index_find(const struct fi_row_index *index, firn_slice key, uint64_t sequence)
{
    firn_slice rest;
    size_t count = index->block_count;
    enum relation relation = relate(index, key, &rest);
    if (relation != AMONG) {
        return relation == BEFORE_ALL ? 0 : count;
    }
    uint64_t head = fi_slice_head(rest);
    size_t low = heads_below(index, head);
    if (low == count || fi_row_heads_at(index->heads, low) != head) {
        DCHECK(is_count_before(index, low, rest, sequence));
        return low;
    }
    size_t high = low + 1;
    if (high < count && fi_row_heads_at(index->heads, high) == head) {
        high = head == UINT64_MAX ? count : fi_row_heads_below(index->heads, high, count, head + 1);
    }
    size_t found = find_among_equals(index, low, high, rest, sequence);
    DCHECK(is_count_before(index, found, rest, sequence));
    return found;
}

void
fi_row_index_prefetch(const struct fi_row_index *index, firn_slice key)
{
    enum { LINE_SIZE = 64, LINES = FI_ROW_INDEX_STEP * HEAD_SIZE / LINE_SIZE + 1 };
    firn_slice rest;
    if (index->tops == NULL || relate(index, key, &rest) != AMONG) {
        return;
    }
    size_t tops = tops_below(index, fi_slice_head(rest));
    if (tops > 0) {
        const uint8_t *heads = index->heads + (tops - 1) * FI_ROW_INDEX_STEP * HEAD_SIZE;
        for (unsigned line = 0; line < LINES; line++) {
            __builtin_prefetch(heads + (size_t)line * LINE_SIZE);
        }
    }
}

void
fi_row_index_set_tops(struct fi_row_index *index, uint8_t *tops)
{
    for (size_t i = 0; i < fi_row_index_top_count(index->block_count); i++) {
        memcpy(tops + i * HEAD_SIZE, index->heads + i * FI_ROW_INDEX_STEP * HEAD_SIZE, HEAD_SIZE);
    }
    index->tops = tops;
}

/* ---- building ---- */

void
fi_row_index_builder_deinit(struct fi_row_index_builder *builder)
{
    fi_buf_deinit(&builder->records);
    fi_buf_deinit(&builder->separators);
    fi_buf_deinit(&builder->keys);
}

static size_t
block_count(const struct fi_row_index_builder *builder)
{
    return builder->records.size / RECORD_SIZE;
}

size_t
fi_row_index_builder_size_bytes(const struct fi_row_index_builder *builder)
{
    return HEADER_SIZE + block_count(builder) * BLOCK_SIZE + builder->keys.size;
}

static firn_slice
key_at(const struct fi_row_index_builder *builder, size_t i)
{
    const uint8_t *bytes = builder->separators.data + i * SEPARATOR_SIZE;
    DCHECK(i < block_count(builder));
    return firn_bytes(builder->keys.data + fi_load_le32(bytes + 8), fi_load_le32(bytes + 12));
}

int
fi_row_index_builder_add(struct fi_row_index_builder *builder,
                         const struct fi_row_index_block *block,
                         const struct fi_row_index_separator *separator, firn_error *err)
{
    firn_slice key = separator->rest;
    size_t size = fi_row_index_builder_size_bytes(builder);
    if (size + BLOCK_SIZE + key.size > FI_BLOCK_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "a run has too many blocks: its index would exceed %d bytes",
                            FI_BLOCK_SIZE_MAX);
    }
    /* One byte more, so that an empty key has an address. */
    if (fi_buf_reserve(&builder->records, RECORD_SIZE) != FIRN_OK ||
        fi_buf_reserve(&builder->separators, SEPARATOR_SIZE) != FIRN_OK ||
        fi_buf_reserve(&builder->keys, key.size + 1) != FIRN_OK) {
        return fi_error_no_memory(err, "the index of a run");
    }
    uint8_t *record = builder->records.data + builder->records.size;
    fi_store_le64(record, block->ref.offset);
    fi_store_le32(record + 8, block->ref.stored_size);
    fi_store_le32(record + 12, block->ref.raw_size);
    fi_store_le64(record + 16, block->sequence_min);
    fi_store_le64(record + 24, block->sequence_max);
    builder->records.size += RECORD_SIZE;
    uint8_t *bytes = builder->separators.data + builder->separators.size;
    fi_store_le64(bytes, separator->sequence);
    fi_store_le32(bytes + 8, (uint32_t)builder->keys.size);
    fi_store_le32(bytes + 12, (uint32_t)key.size);
    builder->separators.size += SEPARATOR_SIZE;
    if (key.size > 0) {
        memcpy(builder->keys.data + builder->keys.size, key.data, key.size);
        builder->keys.size += key.size;
    }
    return FIRN_OK;
}

/* What all separators begin with: they are sorted, so what the outer ones do. */
static size_t
shared_size(const struct fi_row_index_builder *builder)
{
    size_t count = block_count(builder);
    if (count == 0) {
        return 0;
    }
    firn_slice first = key_at(builder, 0);
    firn_slice last = key_at(builder, count - 1);
    size_t size = 0;
    while (size < first.size && size < last.size && first.data[size] == last.data[size]) {
        size++;
    }
    return size;
}

/* Fills in heads, separators and rests. */
static void
encode_separators(const struct fi_row_index_builder *builder, size_t shared, uint8_t *heads)
{
    size_t count = block_count(builder);
    uint8_t *bytes = heads + count * HEAD_SIZE;
    uint8_t *rests = bytes + count * SEPARATOR_SIZE + shared;
    size_t rest_at = 0;
    for (size_t i = 0; i < count; i++, bytes += SEPARATOR_SIZE) {
        firn_slice key = key_at(builder, i);
        DCHECK(key.size >= shared);
        firn_slice rest = firn_bytes(key.data + shared, key.size - shared);
        memcpy(bytes, builder->separators.data + i * SEPARATOR_SIZE, SEPARATOR_SIZE);
        fi_store_le32(bytes + 8, (uint32_t)rest_at);
        fi_store_le32(bytes + 12, (uint32_t)rest.size);
        fi_store_le64(heads + i * HEAD_SIZE, fi_slice_head(rest));
        memcpy(rests + rest_at, rest.data, rest.size);
        rest_at += rest.size;
    }
    DCHECK(rest_at == builder->keys.size - count * shared);
}

int
fi_row_index_builder_encode(const struct fi_row_index_builder *builder, uint64_t entry_count,
                            struct fi_buf *out)
{
    size_t count = block_count(builder);
    size_t shared = shared_size(builder);
    size_t rests_size = builder->keys.size - count * shared;
    DCHECK(builder->separators.size == count * SEPARATOR_SIZE);
    fi_buf_clear(out);
    if (fi_buf_set_size(out, HEADER_SIZE + count * BLOCK_SIZE + shared + rests_size) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    memset(out->data, 0, HEADER_SIZE);
    fi_store_le32(out->data + 4, (uint32_t)count);
    fi_store_le64(out->data + 8, entry_count);
    fi_store_le32(out->data + 16, (uint32_t)shared);
    fi_store_le32(out->data + 20, (uint32_t)rests_size);
    if (count > 0) {
        memcpy(out->data + HEADER_SIZE, builder->records.data, count * RECORD_SIZE);
        memcpy(out->data + HEADER_SIZE + count * BLOCK_SIZE, builder->keys.data, shared);
        encode_separators(builder, shared, out->data + HEADER_SIZE + count * RECORD_SIZE);
    }
    return FIRN_OK;
}
