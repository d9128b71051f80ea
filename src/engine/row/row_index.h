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
    const uint8_t *records;
    const uint8_t *heads;
    const uint8_t *separators;
    const uint8_t *rests;
    /* Every FIRN_ROW_INDEX_STEP-th head again, close together; NULL where nobody made them. */
    const uint8_t *tops;
};

/* Where one block is, and the sequences in it. */
struct firn_row_index_block {
    struct firn_block_ref ref;
    uint64_t sequence_min;
    uint64_t sequence_max;
};

/* A place in the order of entries: those of its block lie at or behind it, and before the
 * separator of the next block. */
struct firn_row_index_separator {
    firn_slice rest;   /* the key behind the index's prefix */
    uint64_t sequence; /* UINT64_MAX: the block begins with another key than the one before it ends
                          with */
};

static inline void
firn_row_index_init(struct firn_row_index *index, firn_slice raw)
{
    size_t count = firn_load_le32(raw.data + 4);
    size_t prefix_size = firn_load_le32(raw.data + 16);
    index->block_count = count;
    index->entry_count = firn_load_le64(raw.data + 8);
    index->records = raw.data + FIRN_ROW_FORMAT_INDEX_HEADER_SIZE;
    index->heads = index->records + count * FIRN_ROW_FORMAT_RECORD_SIZE;
    index->separators = index->heads + count * FIRN_ROW_FORMAT_HEAD_SIZE;
    index->prefix =
        firn_bytes(index->separators + count * FIRN_ROW_FORMAT_SEPARATOR_SIZE, prefix_size);
    index->rests = index->prefix.data + prefix_size;
    index->tops = NULL;
}

/* Heads from one top to the next: four cache lines of them. */
enum { FIRN_ROW_INDEX_STEP = 32 };
static inline size_t
firn_row_index_top_count(size_t block_count)
{
    return (block_count + FIRN_ROW_INDEX_STEP - 1) / FIRN_ROW_INDEX_STEP;
}
/* Fills tops, of that many times FIRN_ROW_FORMAT_HEAD_SIZE bytes, and has the index use them; they
 * are borrowed like its bytes. */
void firn_row_index_set_tops(struct firn_row_index *index, uint8_t *tops);

static inline void
firn_row_index_block(const struct firn_row_index *index, size_t i, struct firn_row_index_block *out)
{
    const uint8_t *record = index->records + i * FIRN_ROW_FORMAT_RECORD_SIZE;
    out->ref.offset = firn_load_le64(record);
    out->ref.stored_size = firn_load_le32(record + 8);
    out->ref.raw_size = firn_load_le32(record + 12);
    out->sequence_min = firn_load_le64(record + 16);
    out->sequence_max = firn_load_le64(record + 24);
}

static inline void
firn_row_index_separator(const struct firn_row_index *index, size_t i,
                         struct firn_row_index_separator *out)
{
    const uint8_t *separator = index->separators + i * FIRN_ROW_FORMAT_SEPARATOR_SIZE;
    out->sequence = firn_load_le64(separator);
    out->rest =
        firn_bytes(index->rests + firn_load_le32(separator + 8), firn_load_le32(separator + 12));
}

/* How many blocks begin at or before (key, sequence): the last of them is the one that may hold it;
 * with 0 none does. */
size_t firn_row_index_find(const struct firn_row_index *index, firn_slice key, uint64_t sequence);
/* Begins to bring the heads that a find with this key will look at near the processor; only where
 * there are tops. */
void firn_row_index_prefetch(const struct firn_row_index *index, firn_slice key);
/* The same for what the index says of a block. */
static inline void
firn_row_index_prefetch_block(const struct firn_row_index *index, size_t i)
{
    __builtin_prefetch(index->records + i * FIRN_ROW_FORMAT_RECORD_SIZE);
}

/* ---- building ---- */

struct firn_row_index_builder {
    struct firn_buf records;    /* as on disk */
    struct firn_buf separators; /* as on disk, but for places and sizes of whole keys */
    struct firn_buf keys;       /* of the separators, whole */
};

void firn_row_index_builder_deinit(struct firn_row_index_builder *builder);
/* The separator's rest is the whole key here. FIRN_LIMIT if the index would be too large for one
 * block; then, and on FIRN_NO_MEMORY, the builder is unchanged. */
FIRN_MUST_CHECK int firn_row_index_builder_add(struct firn_row_index_builder *builder,
                                               const struct firn_row_index_block *block,
                                               const struct firn_row_index_separator *separator,
                                               firn_error *err);
/* What the index has at most, encoded. */
size_t firn_row_index_builder_size_bytes(const struct firn_row_index_builder *builder);
/* Replaces the contents of out. */
FIRN_MUST_CHECK int firn_row_index_builder_encode(const struct firn_row_index_builder *builder,
                                                  uint64_t entry_count, struct firn_buf *out);

#endif
