/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_index.h: which data block holds an entry: building the index of a run, checking it, and
 * searching in it, in place.
 *
 * Searching: any thread. A builder: one.
 */
#ifndef FIRN_ROW_ROW_INDEX_H
#define FIRN_ROW_ROW_INDEX_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/entry.h"
#include "base/error.h"
#include "row/row_format.h"

/* What may be believed of an index's bytes: nothing, before this has returned FIRN_OK. Its
 * signature is that of firn_block_cache_check. */
FIRN_MUST_CHECK int firn_row_index_check(firn_slice raw, firn_error *err);

/* Where things are in an index that passed the check. Borrows its bytes. */
struct firn_row_index {
    size_t block_count;
    uint64_t entry_count;
    firn_slice prefix; /* of all separators */
    const uint8_t *heads;
    const uint8_t *records;
    const uint8_t *rests;
};

/* One block. Its entries lie at or behind its separator, and before that of the next block. */
struct firn_row_index_block {
    struct firn_block_ref ref;
    uint64_t sequence_min;
    uint64_t sequence_max;
    firn_slice separator_rest; /* the separator's key behind the index's prefix */
    uint64_t
        separator_sequence; /* UINT64_MAX: the block begins with another key than the one before
                                    it ends with */
};

static inline void
firn_row_index_init(struct firn_row_index *index, firn_slice raw)
{
    size_t count = firn_load_le32(raw.data + 4);
    size_t prefix_size = firn_load_le32(raw.data + 16);
    index->block_count = count;
    index->entry_count = firn_load_le64(raw.data + 8);
    index->heads = raw.data + FIRN_ROW_FORMAT_INDEX_HEADER_SIZE;
    index->records = index->heads + count * FIRN_ROW_FORMAT_HEAD_SIZE;
    index->prefix = firn_bytes(index->records + count * FIRN_ROW_FORMAT_RECORD_SIZE, prefix_size);
    index->rests = index->prefix.data + prefix_size;
}

static inline void
firn_row_index_block(const struct firn_row_index *index, size_t i, struct firn_row_index_block *out)
{
    const uint8_t *record = index->records + i * FIRN_ROW_FORMAT_RECORD_SIZE;
    out->ref.offset = firn_load_le64(record);
    out->sequence_min = firn_load_le64(record + 8);
    out->sequence_max = firn_load_le64(record + 16);
    out->separator_sequence = firn_load_le64(record + 24);
    out->ref.stored_size = firn_load_le32(record + 32);
    out->ref.raw_size = firn_load_le32(record + 36);
    out->separator_rest =
        firn_bytes(index->rests + firn_load_le32(record + 40), firn_load_le32(record + 44));
}

/* How many blocks begin at or before (key, sequence): the last of them is the one that may hold it;
 * with 0 none does. */
size_t firn_row_index_find(const struct firn_row_index *index, firn_slice key, uint64_t sequence);

/* ---- building ---- */

struct firn_row_index_builder {
    struct firn_buf records;    /* as on disk, with whole separators */
    struct firn_buf separators; /* whole */
};

void firn_row_index_builder_deinit(struct firn_row_index_builder *builder);
/* The separator's rest is the whole key here. FIRN_LIMIT if the index would be too large for one
 * block; then, and on FIRN_NO_MEMORY, the builder is unchanged. */
FIRN_MUST_CHECK int firn_row_index_builder_add(struct firn_row_index_builder *builder,
                                               const struct firn_row_index_block *block,
                                               firn_error *err);
/* What the index has at most, encoded. */
size_t firn_row_index_builder_size_bytes(const struct firn_row_index_builder *builder);
/* Replaces the contents of out. */
FIRN_MUST_CHECK int firn_row_index_builder_encode(const struct firn_row_index_builder *builder,
                                                  uint64_t entry_count, struct firn_buf *out);

#endif
