/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_internal.h: what the files of the room share.
 */
#ifndef FIRN_ROW_ROW_INTERNAL_H
#define FIRN_ROW_ROW_INTERNAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/entry.h"
#include "base/error.h"
#include "row/row.h"
#include "row/row_format.h"
#include "run/run_kind.h"
#include "run/run_parts.h"
#include "run/run_value_file.h"

/* ==== reading a data block ====
 *
 * Requires: fi_row_block_check has accepted the block. Nothing is checked again, because these
 * functions are on hot paths.
 *
 * All functions from any thread; what they return is borrowed from the block's bytes.
 */

/* Where things are in the block. */
struct fi_row_block {
    firn_slice raw;
    const uint8_t *offsets;
    const uint8_t *heads;
    firn_slice prefix;
    uint64_t first_sequence;
    uint64_t sequence_mask;
    uint32_t count;
    uint32_t sequence_size;
    bool is_wide;
};

/* One entry. */
struct fi_row_slot {
    firn_slice rest;  /* the key after the block's prefix */
    firn_slice value; /* or its locator, or a reference: see row_internal.h */
    uint64_t sequence;
    enum fi_entry_kind kind;
    bool is_elsewhere; /* value is a locator or a reference */
};

/* The check of a block whose checksum is right; its bytes must not be trusted before this has
 * returned FIRN_OK. The signature is that of fi_block_cache_check. Tags are left to
 * fi_row_kind's check: a wrong tag can only hide an entry. */
FIRN_MUST_CHECK int fi_row_block_check(firn_slice raw, firn_error *err);

static inline void
fi_row_block_init(struct fi_row_block *block, firn_slice raw)
{
    const uint8_t *data = raw.data;
    size_t count = fi_load_le16(data);
    size_t prefix_size = fi_load_le16(data + 2) | (size_t)data[6] << 16;
    block->raw = raw;
    block->count = (uint32_t)count;
    block->sequence_size = data[4];
    block->sequence_mask =
        data[4] == 0 ? 0 : UINT64_MAX >> (64 - 8 * (unsigned)block->sequence_size);
    block->is_wide = (data[5] & FI_ROW_FORMAT_BLOCK_WIDE) != 0;
    block->first_sequence = fi_load_le64(data + 8);
    block->offsets = data + FI_ROW_FORMAT_BLOCK_HEADER_SIZE + fi_row_format_tags_size(count);
    block->heads = block->offsets + count * (block->is_wide ? 4 : 2);
    block->prefix = firn_bytes(block->heads + count * FI_ROW_FORMAT_SHORT_HEAD_SIZE, prefix_size);
}

static inline size_t
fi_row_block_offset(const struct fi_row_block *block, size_t i)
{
    return block->is_wide ? fi_load_le32(block->offsets + 4 * i)
                          : fi_load_le16(block->offsets + 2 * i);
}

static inline size_t
fi_row_block_slot_end(const struct fi_row_block *block, size_t i)
{
    return i + 1 < block->count ? fi_row_block_offset(block, i + 1) : block->raw.size;
}

static inline void
fi_row_block_slot(const struct fi_row_block *block, size_t i, struct fi_row_slot *out)
{
    const uint8_t *data = block->raw.data;
    size_t at = fi_row_block_offset(block, i);
    size_t end = fi_row_block_slot_end(block, i);
    uint64_t delta = 0;
    if (block->raw.size - at >= sizeof delta) {
        delta = fi_load_le64(data + at) & block->sequence_mask;
    } else {
        memcpy(&delta, data + at, block->sequence_size);
    }
    at += block->sequence_size;
    uint32_t word = data[at] & 0x7f;
    for (unsigned shift = 7; (data[at++] & 0x80) != 0; shift += 7) {
        word |= (uint32_t)(data[at] & 0x7f) << shift;
    }
    size_t rest_size = word >> FI_ROW_FORMAT_KIND_BITS;
    out->sequence = block->first_sequence + delta;
    out->rest = firn_bytes(data + at, rest_size);
    out->value = firn_bytes(data + at + rest_size, end - at - rest_size);
    out->kind = fi_row_format_kind(word);
    out->is_elsewhere = (word & FI_ROW_FORMAT_KIND_ELSEWHERE) != 0;
}

/* The tag of a key with this hash. */
static inline uint8_t
fi_row_block_tag(uint64_t key_hash)
{
    return (uint8_t)key_hash;
}

/* The first entry of a key, which is its newest version in the block; count if there is none. Fills
 * *out if there is one. */
size_t fi_row_block_find(const struct fi_row_block *block, firn_slice key, uint8_t tag,
                         struct fi_row_slot *out);
/* The first entry at or after (key, sequence) in the order of entries; count if there is none. */
size_t fi_row_block_lower_bound(const struct fi_row_block *block, firn_slice key,
                                uint64_t sequence);

/* Starts to prefetch into the processor's cache the entries that lower_bound may compare or
 * return. */
void fi_row_block_prefetch(const struct fi_row_block *block, firn_slice key);

/* ==== the index of a run ====
 *
 * The index names the data block that contains an entry. Here it is built, checked, and searched in
 * place.
 *
 * Searching: any thread. A builder: one.
 */

/* The check of an index; its bytes must not be trusted before this has returned FIRN_OK. The
 * signature is that of fi_block_cache_check. */
FIRN_MUST_CHECK int fi_row_index_check(firn_slice raw, firn_error *err);

/* Where things are in an index that passed the check. Borrows its bytes. */
struct fi_row_index {
    size_t block_count;
    uint64_t entry_count;
    firn_slice prefix; /* of all separators */
    const uint8_t *records;
    const uint8_t *heads;
    const uint8_t *separators;
    const uint8_t *rests;
    /* Copies of every FI_ROW_INDEX_STEP-th head, close together; NULL if they were not made. */
    const uint8_t *tops;
};

/* Where one block is, and the sequences in it. */
struct fi_row_index_block {
    struct fi_block_ref ref;
    uint64_t sequence_min;
    uint64_t sequence_max;
};

/* A position in the order of entries: the entries of its block are at or after it, and before the
 * separator of the next block. */
struct fi_row_index_separator {
    firn_slice rest;   /* the key after the index's prefix */
    uint64_t sequence; /* UINT64_MAX: the block begins with another key than the preceding one ends
                          with */
};

static inline void
fi_row_index_init(struct fi_row_index *index, firn_slice raw)
{
    size_t count = fi_load_le32(raw.data + 4);
    size_t prefix_size = fi_load_le32(raw.data + 16);
    index->block_count = count;
    index->entry_count = fi_load_le64(raw.data + 8);
    index->records = raw.data + FI_ROW_FORMAT_INDEX_HEADER_SIZE;
    index->heads = index->records + count * FI_ROW_FORMAT_RECORD_SIZE;
    index->separators = index->heads + count * FI_ROW_FORMAT_HEAD_SIZE;
    index->prefix =
        firn_bytes(index->separators + count * FI_ROW_FORMAT_SEPARATOR_SIZE, prefix_size);
    index->rests = index->prefix.data + prefix_size;
    index->tops = NULL;
}

/* Heads from one top to the next: four cache lines of them. */
enum { FI_ROW_INDEX_STEP = 32 };
static inline size_t
fi_row_index_top_count(size_t block_count)
{
    return (block_count + FI_ROW_INDEX_STEP - 1) / FI_ROW_INDEX_STEP;
}
/* Fills tops, which has that many times FI_ROW_FORMAT_HEAD_SIZE bytes, and makes the index use
 * it; borrowed like the index's bytes. */
void fi_row_index_set_tops(struct fi_row_index *index, uint8_t *tops);

static inline void
fi_row_index_block(const struct fi_row_index *index, size_t i, struct fi_row_index_block *out)
{
    const uint8_t *record = index->records + i * FI_ROW_FORMAT_RECORD_SIZE;
    out->ref.offset = fi_load_le64(record);
    out->ref.stored_size = fi_load_le32(record + 8);
    out->ref.raw_size = fi_load_le32(record + 12);
    out->sequence_min = fi_load_le64(record + 16);
    out->sequence_max = fi_load_le64(record + 24);
}

static inline void
fi_row_index_separator(const struct fi_row_index *index, size_t i,
                       struct fi_row_index_separator *out)
{
    const uint8_t *separator = index->separators + i * FI_ROW_FORMAT_SEPARATOR_SIZE;
    out->sequence = fi_load_le64(separator);
    out->rest =
        firn_bytes(index->rests + fi_load_le32(separator + 8), fi_load_le32(separator + 12));
}

/* How many blocks begin at or before (key, sequence): only the last of these may contain it; with 0
 * none does. */
size_t fi_row_index_find(const struct fi_row_index *index, firn_slice key, uint64_t sequence);
/* Starts to prefetch the heads that a find with this key will read into the processor's cache; only
 * if there are tops. */
void fi_row_index_prefetch(const struct fi_row_index *index, firn_slice key);
/* The same for the index's record of a block. */
static inline void
fi_row_index_prefetch_block(const struct fi_row_index *index, size_t i)
{
    __builtin_prefetch(index->records + i * FI_ROW_FORMAT_RECORD_SIZE);
}

/* ---- building ---- */

struct fi_row_index_builder {
    struct fi_buf records;    /* as on disk */
    struct fi_buf separators; /* as on disk, but for places and sizes of whole keys */
    struct fi_buf keys;       /* of the separators, whole */
};

void fi_row_index_builder_deinit(struct fi_row_index_builder *builder);
/* The separator's rest is the whole key here. FIRN_LIMIT if the index would be too large for one
 * block; then, and on FIRN_NO_MEMORY, the builder is unchanged. */
FIRN_MUST_CHECK int fi_row_index_builder_add(struct fi_row_index_builder *builder,
                                             const struct fi_row_index_block *block,
                                             const struct fi_row_index_separator *separator,
                                             firn_error *err);
/* Maximum size of the encoded index. */
size_t fi_row_index_builder_size_bytes(const struct fi_row_index_builder *builder);
/* Replaces the contents of out. */
FIRN_MUST_CHECK int fi_row_index_builder_encode(const struct fi_row_index_builder *builder,
                                                uint64_t entry_count, struct fi_buf *out);

/* An open run, and how its parts are fetched. Only files of this folder include it.
 *
 * Any thread.
 */

struct fi_row {
    struct fi_run base; /* first */
    struct fi_block_cache *cache;
    const struct fi_run_values *values; /* where references lead; never NULL */
    /* Its numbers in the cache. Blocks of entries have a number of their own, so that they are
     * checked as such even in a file that names its index as one of them. */
    uint64_t file;
    uint64_t file_of_sections;
    struct fi_block_reader *reader;
    struct fi_run_summary summary;
    struct fi_range_set ranges;
    struct fi_run_sections sections;
    /* Held as long as the run is open if keeps_pins; empty otherwise. */
    bool keeps_pins;
    size_t held_bytes; /* as the cache counts them */
    struct fi_block_pin index_pin;
    /* Set by the first get: see row.c. */
    _Atomic(const uint8_t *)
        filter; /* of sections.filter.raw_size bytes; NULL: not yet, or never */
    _Atomic unsigned filter_state;
    /* of the thread that pins it, then of the one that closes the run */
    struct fi_block_pin filter_pin;
    struct fi_block_memory memory;
    struct fi_row_index index;
    struct fi_block_guide *guides; /* in memory: one for each data block */
};

static inline struct fi_row *
fi_row_read_run(struct fi_run *run)
{
    DCHECK(run->kind->file_kind == FI_BLOCK_FILE_ROW);
    return (struct fi_row *)run;
}

/* The index, until release. */
struct fi_row_read_index {
    struct fi_row_index index;
    struct fi_block_pin pin; /* empty if the run keeps it pinned */
};
/* Size of the memory that a run that keeps its pins needs, for an index of so many blocks. */
size_t fi_row_read_memory_size(size_t block_count);
/* Divides run->memory, which has that size, among the parts for run->index. */
void fi_row_read_set_memory(struct fi_row *run);
FIRN_MUST_CHECK int fi_row_read_index(struct fi_row *run, struct fi_row_read_index *out,
                                      firn_error *err);
void fi_row_read_index_release(struct fi_row *run, struct fi_row_read_index *index);

/* The filter, if the run keeps it and has read it; else no bytes. For callers that can do
 * without. */
static inline firn_slice
fi_row_read_known_filter(const struct fi_row *run)
{
    const uint8_t *data = atomic_load_explicit(&run->filter, memory_order_acquire);
    return firn_bytes(data, data != NULL ? run->sections.filter.raw_size : 0);
}

/* Starts to prefetch what a get will read first: the key's line of the filter, or, without one, its
 * part of the index. Does nothing unless the run keeps its pins. */
void fi_row_read_prefetch(const struct fi_row *run, firn_slice key);
/* The same for the i-th data block. */
static inline void
fi_row_read_prefetch_block(const struct fi_row *run, size_t i, size_t size)
{
    if (run->keeps_pins) {
        fi_row_index_prefetch_block(&run->index, i);
        fi_block_cache_guide_prefetch(run->cache, &run->guides[i], size);
    }
}

/* Pins the i-th data block if the cache has it. */
bool fi_row_read_find(struct fi_row *run, const struct fi_row_index *index, size_t i,
                      struct fi_block_pin *out);
/* Pins the i-th data block. The second takes its stored bytes from memory unless stored is NULL. */
FIRN_MUST_CHECK int fi_row_read_block(struct fi_row *run, const struct fi_row_index *index,
                                      size_t i, struct fi_block_pin *out, firn_error *err);
FIRN_MUST_CHECK int fi_row_read_missing(struct fi_row *run, const struct fi_row_index *index,
                                        size_t i, const uint8_t *stored, struct fi_block_pin *out,
                                        firn_error *err);

/* Adds to the text of a failure to read the i-th data block: file and offset, and which keys cannot
 * be read. Returns err->code. */
int fi_row_read_explain(const struct fi_row *run, const struct fi_row_index *index, size_t i,
                        firn_error *err);

/* ==== what a range of keys takes up (row_estimate.c) ==== */

/* Both as in struct fi_run_kind. */
FIRN_MUST_CHECK int fi_row_estimate_place(struct fi_run *base, firn_slice key,
                                          struct fi_run_place *out, firn_error *err);
FIRN_MUST_CHECK int fi_row_estimate_weigh(struct fi_run *base, const struct fi_run_bounds *bounds,
                                          struct fi_run_weight *inout, firn_error *err);

enum { FI_ROW_WINDOW_SIZE_MAX = 256 << 10 }; /* what a cursor reads ahead at most */

/* writing a run. See run/run_kind.h. */

FIRN_MUST_CHECK int fi_row_builder_create(const struct fi_run_kind *kind,
                                          const struct fi_run_env *env, const char *name,
                                          const struct fi_run_builder_options *options,
                                          struct fi_run_builder **out, firn_error *err);
FIRN_MUST_CHECK int fi_row_builder_add(struct fi_run_builder *builder, const struct fi_entry *entry,
                                       firn_error *err);
FIRN_MUST_CHECK int fi_row_builder_add_range(struct fi_run_builder *builder,
                                             const struct fi_range *range, firn_error *err);
FIRN_MUST_CHECK int fi_row_builder_set_origin(struct fi_run_builder *builder,
                                              const struct fi_run_origin *origin, firn_error *err);
uint64_t fi_row_builder_size_bytes(const struct fi_run_builder *builder);
FIRN_MUST_CHECK int fi_row_builder_finish(struct fi_run_builder *builder,
                                          struct fi_run_summary *out, firn_error *err);
void fi_row_builder_destroy(struct fi_run_builder *builder);

/* walking over all versions in a run. See run/run_kind.h. */

FIRN_MUST_CHECK int fi_row_cursor_create(struct fi_run *run,
                                         const struct fi_run_cursor_options *options,
                                         struct fi_run_cursor **out, firn_error *err);
void fi_row_cursor_destroy(struct fi_run_cursor *cursor);
void fi_row_cursor_prepare(struct fi_run_cursor *cursor, firn_slice key, uint64_t sequence,
                           unsigned step);
FIRN_MUST_CHECK int fi_row_cursor_seek(struct fi_run_cursor *cursor, firn_slice key,
                                       uint64_t sequence, firn_error *err);
FIRN_MUST_CHECK int fi_row_cursor_seek_before(struct fi_run_cursor *cursor, firn_slice key,
                                              uint64_t sequence, firn_error *err);
FIRN_MUST_CHECK int fi_row_cursor_first(struct fi_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_row_cursor_last(struct fi_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_row_cursor_next(struct fi_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_row_cursor_prev(struct fi_run_cursor *cursor, firn_error *err);

/* reading all of a run and judging it. See check in run/run_kind.h. */

FIRN_MUST_CHECK int fi_row_check(struct fi_run *run, void (*on_damage)(void *ctx, const char *text),
                                 void *ctx, const struct fi_step *step, firn_error *err);

/* ==== the entries of the data block that a builder is filling ====
 *
 * One thread. A zeroed struct is empty.
 */

/* The sums from which the size of a block follows. */
struct fi_row_pending_sums {
    size_t count;
    size_t shared_size; /* length of the common prefix of all keys */
    size_t key_bytes;   /* of all keys, whole */
    size_t value_bytes;
    size_t word_bytes; /* at most: of the varints */
    uint64_t sequence_min;
    uint64_t sequence_max;
};

struct fi_row_pending_item;

struct fi_row_pending {
    struct fi_buf bytes; /* keys and values */
    struct fi_row_pending_item *items;
    size_t capacity;
    struct fi_row_pending_sums sums;
};

void fi_row_pending_deinit(struct fi_row_pending *pending);
/* Forgets the entries, keeps the memory. */
void fi_row_pending_clear(struct fi_row_pending *pending);

/* Requires: not empty. Borrowed until the next add or clear. */
firn_slice fi_row_pending_last_key(const struct fi_row_pending *pending);

/* The sums with one more entry. */
struct fi_row_pending_sums fi_row_pending_with(const struct fi_row_pending *pending,
                                               const struct fi_entry *entry);
/* Maximum size of the encoded block; SIZE_MAX if one block cannot have so many entries. */
size_t fi_row_pending_size_max(const struct fi_row_pending_sums *sums);

/* Adds an entry after the last one. Its value is a locator if is_elsewhere. FIRN_NO_MEMORY:
 * unchanged. */
FIRN_MUST_CHECK int fi_row_pending_add(struct fi_row_pending *pending, const struct fi_entry *entry,
                                       bool is_elsewhere, uint8_t tag,
                                       const struct fi_row_pending_sums *sums_with);
/* Replaces the contents of out with the block. Requires: not empty. */
FIRN_MUST_CHECK int fi_row_pending_encode(const struct fi_row_pending *pending, struct fi_buf *out);

/* ==== entries whose values lie in value files (run/run_value_file.h) ====
 *
 * In a block such an entry is a tombstone with the flag ELSEWHERE, a combination that nothing else
 * has. In place of the value it contains:
 *
 *   kind of the entry, 1 byte | head of an expiring put, 8 bytes | reference
 */

static inline bool
fi_row_reference_is_one(const struct fi_row_slot *slot)
{
    return slot->is_elsewhere && slot->kind == FI_ENTRY_DELETE;
}

/* The kind of such an entry, whose block has passed its check, and its value as in struct
 * fi_entry: head and reference. */
static inline enum fi_entry_kind
fi_row_reference_kind(const struct fi_row_slot *slot)
{
    return (enum fi_entry_kind)slot->value.data[0];
}
static inline firn_slice
fi_row_reference_value(const struct fi_row_slot *slot)
{
    return firn_bytes(slot->value.data + 1, slot->value.size - 1);
}

/* Bytes that its value takes up in the value file. */
uint64_t fi_row_value_reference_span(const struct fi_row_slot *slot);
/* For the check of blocks: whether the bytes are such a value. */
bool fi_row_value_reference_is_sound(firn_slice bytes);
/* Whether a builder may take the entry, which has a reference. */
bool fi_row_value_reference_fits(const struct fi_entry *entry);
/* Replaces the contents of out with the bytes of an entry. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_row_value_reference_encode(const struct fi_entry *entry, struct fi_buf *out);
/* Size of the value of an entry with a reference, head included. */
uint64_t fi_row_value_reference_value_size(enum fi_entry_kind kind, firn_slice value);
/* Replaces the contents of out (NULL: the value is only verified) with the value, head included. */
FIRN_MUST_CHECK int fi_row_value_reference_read(const struct fi_run_values *values,
                                                const struct fi_row_slot *slot,
                                                enum fi_block_cache_use use, struct fi_buf *out,
                                                firn_error *err);

/* ==== opening a run, and looking up keys in it ====
 *
 * As run/run_kind.h describes these functions. kind: what the run is to have as its kind.
 */

FIRN_MUST_CHECK int fi_row_open(const struct fi_run_kind *kind, const struct fi_run_env *env,
                                const char *name, struct fi_run **out, firn_error *err);
void fi_row_open_close(struct fi_run *base);

FIRN_MUST_CHECK int fi_row_get(struct fi_run *run, firn_slice key,
                               const struct fi_snapshot *snapshot, struct fi_run_hit *out,
                               struct fi_buf *value, firn_error *err);
FIRN_MUST_CHECK int fi_row_get_pinned(struct fi_run *run, firn_slice key,
                                      const struct fi_snapshot *snapshot, struct fi_run_hit *out,
                                      struct fi_run_pinned *pinned, struct fi_buf *value,
                                      firn_error *err);
void fi_row_get_prefetch(const struct fi_run *base, firn_slice key, unsigned step);

#endif
