/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_internal.h: what the files of the room share.
 */
#ifndef FIRN_COLUMN_COLUMN_INTERNAL_H
#define FIRN_COLUMN_COLUMN_INTERNAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/entry.h"
#include "column/column.h"
#include "column/column_format.h"
#include "run/run_kind.h"
#include "run/run_parts.h"
#include "run/value_file.h"

/* ==== a layout with an owner, and its slots (column_layout.c) ====
 *
 * A slot is the place of a column in a group: those of the layout in their order, then the hidden
 * ones.
 */

struct firn_column_owned {
    struct firn_column_layout layout;
    struct firn_column_def *columns;
    uint32_t *key;           /* ids */
    uint32_t *key_slots;     /* the same as slots */
    bool *is_key;            /* of each slot */
    size_t value_count;      /* columns that are not of the key */
    struct firn_buf initial; /* bytes of initial values */
};

/* FIRN_INVALID says what is wrong with it. */
FIRN_MUST_CHECK int firn_column_layout_check(const struct firn_column_layout *layout,
                                             firn_error *err);
/* Copies a layout that passed the check. The caller must deinit it, even on failure. */
FIRN_MUST_CHECK int firn_column_layout_copy(const struct firn_column_layout *layout,
                                            struct firn_column_owned *out, firn_error *err);
void firn_column_layout_deinit(struct firn_column_owned *owned);

static inline size_t
firn_column_layout_slot_count(const struct firn_column_layout *layout)
{
    return layout->count + FIRN_COLUMN_FORMAT_HIDDEN;
}
/* The slot of a hidden column. */
static inline size_t
firn_column_layout_hidden(const struct firn_column_layout *layout, uint32_t column)
{
    DCHECK(column >= FIRN_COLUMN_SEQUENCE && column <= FIRN_COLUMN_OPERAND);
    return layout->count + (column - FIRN_COLUMN_SEQUENCE);
}
/* The slot of a column, hidden ones included; SIZE_MAX: the layout does not have it. */
size_t firn_column_layout_slot(const struct firn_column_layout *layout, uint32_t column);

/* Whether a column that is not in the key is needed. */
bool firn_column_layout_wants(const struct firn_run_projection *projection, uint32_t column);

/* The type of the values of a slot. */
struct firn_column_shape {
    enum firn_physical kind;
    uint32_t fixed_size;
};
struct firn_column_shape firn_column_layout_shape(const struct firn_column_layout *layout,
                                                  size_t slot);

/* Whether values of a slot may be in value files. */
bool firn_column_layout_may_refer(const struct firn_column_layout *layout, size_t slot);

/* ==== the index: which groups there are, and where their chunks lie (column_index.c) ==== */

/* Where things are in an index that passed the check. Borrows its bytes. */
struct firn_column_index {
    firn_slice raw;
    size_t group_count;
    size_t slot_count;
    uint64_t entry_count;
    const uint8_t *groups;
    size_t group_size; /* with its chunks */
    const uint8_t *rest;
};

/* Checks the bytes, which are not trusted except for what they say of chunks; makes the layout,
 * which the caller must deinit, even on failure. FIRN_CORRUPT, FIRN_NEWER. */
FIRN_MUST_CHECK int firn_column_index_open(firn_slice raw, struct firn_column_index *out,
                                           struct firn_column_owned *layout, firn_error *err);

struct firn_column_index_group {
    uint32_t rows;
    bool is_plain;
    uint64_t sequence_min;
    uint64_t sequence_max;
    uint64_t sequence_first;
    firn_slice lower;
    firn_slice upper;
    uint64_t rows_before;
};
void firn_column_index_group(const struct firn_column_index *index, size_t i,
                             struct firn_column_index_group *out);

struct firn_column_index_chunk {
    struct firn_block_ref ref; /* offset 0: there is none */
    uint8_t encoding;
    bool has_references;  /* values are tagged, or the large value is in a value file */
    uint64_t value_bytes; /* including those in value files */
    struct firn_chunk_bounds bounds;
};
/* Requires: the shape is that of the slot. */
void firn_column_index_chunk(const struct firn_column_index *index, size_t group, size_t slot,
                             const struct firn_column_shape *shape,
                             struct firn_column_index_chunk *out);
/* Like firn_column_index_chunk, but only the place of its block. */
struct firn_block_ref firn_column_index_ref(const struct firn_column_index *index, size_t group,
                                            size_t slot);

/* Only its encoding. */
uint8_t firn_column_index_encoding(const struct firn_column_index *index, size_t group,
                                   size_t slot);

/* Only whether it has references. */
bool firn_column_index_has_references(const struct firn_column_index *index, size_t group,
                                      size_t slot);

/* How many groups begin at or before (key, sequence). */
size_t firn_column_index_find(const struct firn_column_index *index, firn_slice key,
                              uint64_t sequence);

/* ---- building ---- */

struct firn_column_index_builder {
    struct firn_buf groups;
    struct firn_buf rest; /* initial values, then keys */
};
void firn_column_index_builder_deinit(struct firn_column_index_builder *builder);
/* Writes the initial values of the layout. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_column_index_builder_init(struct firn_column_index_builder *builder,
                                                   const struct firn_column_layout *layout,
                                                   firn_error *err);
/* Adds a group and its chunks, one for each slot. FIRN_LIMIT if the index would be too large. */
FIRN_MUST_CHECK int firn_column_index_builder_add(struct firn_column_index_builder *builder,
                                                  const struct firn_column_layout *layout,
                                                  const struct firn_column_index_group *group,
                                                  const struct firn_column_index_chunk *chunks,
                                                  firn_error *err);
size_t firn_column_index_builder_size_bytes(const struct firn_column_index_builder *builder,
                                            const struct firn_column_layout *layout);
/* Replaces the contents of out. */
FIRN_MUST_CHECK int
firn_column_index_builder_encode(const struct firn_column_index_builder *builder,
                                 const struct firn_column_layout *layout, uint64_t entry_count,
                                 struct firn_buf *out);

/* ==== an open run, and how its chunks are fetched (column_read.c) ==== */

struct firn_column_run {
    struct firn_run base; /* first */
    struct firn_block_cache *cache;
    const struct firn_run_values *values; /* where references lead */
    uint64_t file; /* its numbers in the cache: of chunks, and of the filter */
    uint64_t file_of_sections;
    struct firn_block_reader *reader;
    struct firn_run_sections sections;
    struct firn_run_summary summary;
    struct firn_range_set ranges;
    struct firn_column_owned layout;
    struct firn_column_index index;
    struct firn_buf filters;         /* the section; empty: there is none, or it is damaged */
    struct firn_block_guide *guides; /* to each chunk: slot by slot, group by group */
    /* The index is in memory held from the cache, or in memory of its own. */
    size_t held_bytes;
    struct firn_block_memory memory;
    struct firn_buf index_bytes;
};

static inline struct firn_column_run *
firn_column_read_run(struct firn_run *run)
{
    DCHECK(run->kind == &firn_column_kind);
    return (struct firn_column_run *)run;
}
static inline const struct firn_column_run *
firn_column_read_const(const struct firn_run *run)
{
    DCHECK(run->kind == &firn_column_kind);
    return (const struct firn_column_run *)run;
}

/* Adds to the text of a failure to read a chunk: file, offset, column and row group. Returns
 * err->code. */
int firn_column_read_explain(const struct firn_column_run *run, size_t group, size_t slot,
                             firn_error *err);
/* Returns FIRN_CORRUPT with a text that says what is wrong with a column of a group. */
int firn_column_read_refuse(const struct firn_column_run *run, size_t group, size_t slot,
                            const char *what, firn_error *err);

/* Pins the block of a chunk and opens the chunk. Requires: the group has the chunk. */
FIRN_MUST_CHECK int firn_column_read_pin(struct firn_column_run *run, size_t group, size_t slot,
                                         enum firn_block_cache_use use, struct firn_column_pin *out,
                                         firn_error *err);
/* Whether a slot of a group has one value in pieces, or alone in a value file. */
bool firn_column_read_is_in_pieces(const struct firn_column_run *run, size_t group, size_t slot);
/* Replaces the contents of out with that value, or with the cell that refers to it. */
FIRN_MUST_CHECK int firn_column_read_pieces(struct firn_column_run *run, size_t group, size_t slot,
                                            bool keeps_references, enum firn_block_cache_use use,
                                            struct firn_buf *out, firn_error *err);

/* The values of one slot of one group. Requires: zeroed before use, or made by
 * firn_column_read_init. */
struct firn_column_slot {
    bool is_open;
    bool is_fetched;  /* its block is pinned, but not read yet */
    bool is_constant; /* all values are equal; there is no chunk, or the value is in pieces */
    bool has_references;
    bool keeps_references; /* the owner's: references are shown as such */
    enum firn_block_cache_use use;
    uint32_t rows;
    size_t number;
    size_t group;
    struct firn_cell constant;
    struct firn_column_pin pin;
    struct firn_chunk_scratch scratch;
    size_t block; /* the block that values has; SIZE_MAX: none, values is undefined */
    struct firn_chunk_values values;
    struct firn_buf large; /* a value that is not in the chunk */
};

/* Sets what an opening does not. Zeroing a whole slot would be slow for a lookup. */
static inline void
firn_column_read_init(struct firn_column_slot *slot)
{
    slot->is_open = slot->is_fetched = slot->keeps_references = false;
    slot->block = SIZE_MAX;
    slot->scratch.numbers = slot->scratch.bytes = slot->large = (struct firn_buf){.data = NULL};
}
/* Prefetches into the processor's cache what fetching chunks of a column will read. */
void firn_column_read_prefetch(const struct firn_column_run *run, size_t group, size_t number);
/* The first half of opening a slot that is not open, of a column with a chunk: pins its block, and
 * starts to prefetch its beginning. So several slots wait for memory at the same time. */
FIRN_MUST_CHECK int firn_column_read_fetch(struct firn_column_run *run, size_t group, size_t number,
                                           enum firn_block_cache_use use,
                                           struct firn_column_slot *slot, firn_error *err);
/* Opens a slot. Requires: it is not open, or open for the same group. */
FIRN_MUST_CHECK int firn_column_read_open(struct firn_column_run *run, size_t group, size_t number,
                                          enum firn_block_cache_use use,
                                          struct firn_column_slot *slot, firn_error *err);
/* Memory is kept for the next group. */
void firn_column_read_close(struct firn_column_slot *slot);
void firn_column_read_deinit(struct firn_column_slot *slot);
/* One value, from the decoded block or else alone. Borrowed until the next call. */
FIRN_MUST_CHECK int firn_column_read_cell(struct firn_column_run *run,
                                          struct firn_column_slot *slot, uint32_t row,
                                          struct firn_cell *out, firn_error *err);
/* Decodes a block. Requires: the slot is not constant. Values of a slot with references are
 * tagged. */
FIRN_MUST_CHECK int firn_column_read_block(struct firn_column_run *run,
                                           struct firn_column_slot *slot, size_t block,
                                           firn_error *err);
/* The i-th of some values. */
struct firn_cell firn_column_read_value(const struct firn_chunk_values *values, size_t i);

/* ==== Bloom filters of values (column_filter.c) ==== */

/* Replaces the contents of out with the filter of some values, or with nothing if it would have
 * more than bytes_max bytes; hashes is working memory. */
FIRN_MUST_CHECK int firn_column_filter_build(const struct firn_chunk_values *values,
                                             size_t bytes_max, struct firn_buf *hashes,
                                             struct firn_buf *out, firn_error *err);
/* Appends an entry to the section. Requires: group and column are after those of the previous
 * entry. */
FIRN_MUST_CHECK int firn_column_filter_add(struct firn_buf *filters, size_t group, uint32_t column,
                                           const struct firn_block_ref *ref);
/* FIRN_CORRUPT for a malformed section. */
FIRN_MUST_CHECK int firn_column_filter_check(firn_slice raw, firn_error *err);
/* Reads the section into run->filters; nothing if it is damaged. */
FIRN_MUST_CHECK int firn_column_filter_load(struct firn_column_run *run,
                                            struct firn_compress *compress, firn_error *err);
/* The place of a filter; false if there is none. */
bool firn_column_filter_find(const struct firn_column_run *run, size_t group, uint32_t column,
                             struct firn_block_ref *out);
/* Whether a filter that passed firn_run_filter_check may contain a value. Requires: it is not
 * null. */
bool firn_column_filter_has(firn_slice filter, const struct firn_cell *cell);

/* ==== keys of rows, and the search for them (column_keys.c) ==== */

/* Rows from low to before high. */
struct firn_column_rows {
    uint32_t low;
    uint32_t high;
};

/* The key columns and the hidden columns of one group. Made by firn_column_keys_init. */
struct firn_column_keys {
    struct firn_column_run *run;
    enum firn_block_cache_use use;
    bool is_open;
    size_t group;
    struct firn_column_index_group info;
    struct firn_column_slot parts[FIRN_COLUMN_KEY_MAX];
    struct firn_column_slot sequence;
    struct firn_column_slot kind;
    struct firn_column_rows equal; /* known to have the key that was last searched for */
};
void firn_column_keys_init(struct firn_column_keys *keys, struct firn_column_run *run,
                           enum firn_block_cache_use use);
/* Opens a group, unless it is open. After a failure none is open. */
FIRN_MUST_CHECK int firn_column_keys_open(struct firn_column_keys *keys, size_t group,
                                          firn_error *err);
void firn_column_keys_close(struct firn_column_keys *keys);
void firn_column_keys_deinit(struct firn_column_keys *keys);
/* Decodes the block of a row in all of these columns, for a walk. */
FIRN_MUST_CHECK int firn_column_keys_decode(struct firn_column_keys *keys, uint32_t row,
                                            firn_error *err);
/* Replaces the contents of out. */
FIRN_MUST_CHECK int firn_column_keys_key(struct firn_column_keys *keys, uint32_t row,
                                         struct firn_buf *out, firn_error *err);
/* *out_order is below, equal to or above 0 as the key of a row is to the given one. Requires: the
 * key is that of the last firn_column_keys_find in the open group. Replaces the contents of
 * memory. */
FIRN_MUST_CHECK int firn_column_keys_compare(struct firn_column_keys *keys, uint32_t row,
                                             firn_slice key, struct firn_buf *memory,
                                             int *out_order, firn_error *err);
FIRN_MUST_CHECK int firn_column_keys_sequence(struct firn_column_keys *keys, uint32_t row,
                                              uint64_t *out, firn_error *err);
FIRN_MUST_CHECK int firn_column_keys_kind(struct firn_column_keys *keys, uint32_t row,
                                          enum firn_entry_kind *out, firn_error *err);
/* The first row of the open group at or after (key, sequence); the number of rows if there is none.
 * memory is working memory. */
FIRN_MUST_CHECK int firn_column_keys_find(struct firn_column_keys *keys, firn_slice key,
                                          uint64_t sequence, struct firn_buf *memory, uint32_t *out,
                                          firn_error *err);

/* ==== the values of one column, collected for a chunk (column_gather.c) ==== */

struct firn_column_gather {
    struct firn_column_shape shape;
    size_t count;
    size_t null_count;
    uint64_t value_bytes;
    struct firn_buf numbers; /* as in struct firn_chunk_values; of bytes their sizes, 4 each */
    struct firn_buf bytes;
    struct firn_buf valid;      /* words of bits */
    struct firn_buf references; /* likewise: which values are cells with references; empty: none */
};
void firn_column_gather_deinit(struct firn_column_gather *gather);
void firn_column_gather_clear(struct firn_column_gather *gather);
/* The share of a value in value_bytes. */
static inline uint64_t
firn_column_gather_cost(const struct firn_column_shape *shape, size_t bytes_size)
{
    switch (shape->kind) {
    case FIRN_PHYSICAL_F32:
        return 4;
    case FIRN_PHYSICAL_BYTES:
        return shape->fixed_size != 0 ? shape->fixed_size : 4 + bytes_size;
    default:
        return 8;
    }
}
/* Size of a value that is bytes, or stored elsewhere; else 0. Requires: any reference can be
 * decoded. */
static inline size_t
firn_column_gather_size(const struct firn_cell *cell)
{
    struct firn_value_file_reference reference = {.value_size = 0};
    if (cell->kind == FIRN_PHYSICAL_REFERENCE) {
        CHECK(firn_value_cell_decode(cell->as.bytes, &reference));
        return (size_t)reference.value_size;
    }
    return cell->kind == FIRN_PHYSICAL_BYTES ? cell->as.bytes.size : 0;
}
static inline bool
firn_column_gather_has_references(const struct firn_column_gather *gather)
{
    return gather->references.size > 0;
}
/* Adds the same value n times. The cell is null, or of the shape, or, for bytes, a reference to a
 * value. FIRN_NO_MEMORY: only deinit and clear may follow. */
FIRN_MUST_CHECK int firn_column_gather_add(struct firn_column_gather *gather,
                                           const struct firn_cell *cell, size_t n);
/* Adds n values from the first one on. FIRN_NO_MEMORY likewise. */
FIRN_MUST_CHECK int firn_column_gather_add_values(struct firn_column_gather *gather,
                                                  const struct firn_chunk_values *values,
                                                  size_t first, size_t n);
/* Adds n values of a column that is stored contiguously, from the first one on; those of bytes
 * begin at bytes. FIRN_NO_MEMORY likewise. */
FIRN_MUST_CHECK int firn_column_gather_add_column(struct firn_column_gather *gather,
                                                  const struct firn_run_column *column,
                                                  size_t first, size_t n, firn_slice bytes);
/* All values, borrowed from it and from slices, whose contents are replaced. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_column_gather_values(const struct firn_column_gather *gather,
                                              struct firn_buf *slices,
                                              struct firn_chunk_values *out);
/* ==== values in value files (column_values.c) ==== */

/* Replaces the contents of out with the value that a cell refers to, or with the cell after
 * checking it. */
FIRN_MUST_CHECK int firn_column_values_read(struct firn_column_run *run, firn_slice cell,
                                            bool keeps_reference, enum firn_block_cache_use use,
                                            struct firn_buf *out, firn_error *err);
/* Resolves a value, as it is in the chunk, of a slot with references. Borrowed from the chunk or
 * the slot until the next call. */
FIRN_MUST_CHECK int firn_column_values_untag(struct firn_column_run *run,
                                             struct firn_column_slot *slot, struct firn_cell *cell,
                                             firn_error *err);
/* Like firn_column_read_pin; a chunk with references is replaced by one made with all the
 * values. */
FIRN_MUST_CHECK int firn_column_values_pin(struct firn_column_run *run, size_t group, size_t slot,
                                           enum firn_block_cache_use use,
                                           struct firn_column_pin *out, firn_error *err);
/* For values with references. The first cuts each value to as many bytes as bounds need; the second
 * copies them to new memory, each with its tag. slices are those of firn_column_gather_values. */
void firn_column_values_cut(struct firn_buf *slices);
FIRN_MUST_CHECK int firn_column_values_tag(const struct firn_column_gather *gather,
                                           struct firn_buf *slices, struct firn_buf *memory);

/* ==== a run that is being written (column_builder.c) ==== */

/* A value that is too large for a chunk. */
struct firn_column_large {
    struct firn_buf
        locator; /* of its pieces, or the cell that refers to it; empty: there is none */
    bool is_reference;
    uint64_t value_size;
};

struct firn_column_builder {
    struct firn_run_builder base; /* first */
    struct firn_run_output output;
    struct firn_column_owned layout;
    size_t slot_count;
    uint32_t rows_max;
    struct firn_column_index_builder index;

    struct firn_cell *row;                /* the entry being added: a cell for each slot */
    struct firn_buf key_bytes;            /* of its key's parts */
    struct firn_buf key;                  /* made from them */
    struct firn_buf value;                /* read from a value file */
    const struct firn_run_placer *placer; /* NULL: none */

    struct firn_column_gather *gathers; /* of the group: one for each slot */
    struct firn_column_index_chunk *chunks;
    struct firn_column_large *larges; /* of each slot */
    uint32_t rows;
    uint64_t cost; /* of these */
    bool has_large;
    bool is_plain; /* so far */
    uint64_t sequence_min;
    uint64_t sequence_max;
    uint64_t sequence_first;
    struct firn_buf first_key;
    struct firn_buf last_key; /* of all entries so far */
    uint64_t last_sequence;
    uint64_t closed_rows;

    uint64_t *costs; /* of the rows of a batch */
    struct firn_column_chunks *makes;
    size_t group_count;      /* closed */
    struct firn_buf filters; /* the section that says where Bloom filters are */
    struct firn_buf index_bytes;
};

static inline struct firn_column_builder *
firn_column_builder_of(struct firn_run_builder *base)
{
    DCHECK(base->kind == &firn_column_kind);
    return (struct firn_column_builder *)base;
}
static inline size_t
firn_column_builder_hidden(const struct firn_column_builder *builder, uint32_t column)
{
    return firn_column_layout_hidden(&builder->layout.layout, column);
}
/* The share of a value in GROUP_BYTES. */
static inline uint64_t
firn_column_builder_cost(const struct firn_column_shape *shape, size_t bytes_size)
{
    const bool is_long = shape->kind == FIRN_PHYSICAL_BYTES && shape->fixed_size == 0 &&
                         bytes_size > FIRN_COLUMN_FORMAT_SHORT &&
                         bytes_size < FIRN_COLUMN_FORMAT_LARGE;
    return firn_column_gather_cost(shape, bytes_size) *
           (is_long ? FIRN_COLUMN_FORMAT_LONG_WEIGHT : 1);
}
/* Closes the group if the next rows, with that key, sequence and cost, do not fit; begins one if
 * there is none. */
FIRN_MUST_CHECK int firn_column_builder_make_room(struct firn_column_builder *builder,
                                                  firn_slice key, uint64_t sequence,
                                                  bool is_new_key, uint64_t cost, bool has_large,
                                                  firn_error *err);
/* Adds a cell to the values of a slot; a large one is stored elsewhere. values resolves
 * references. */
FIRN_MUST_CHECK int firn_column_builder_add_cell(struct firn_column_builder *builder, size_t slot,
                                                 const struct firn_run_values *values,
                                                 const struct firn_cell *cell, firn_error *err);
/* Adds what each row contributes to the summary, and to the filter. */
FIRN_MUST_CHECK int firn_column_builder_note_row(struct firn_column_builder *builder,
                                                 firn_slice key, uint64_t sequence, bool is_new_key,
                                                 firn_error *err);

/* ==== the chunks of a group (column_chunks.c) ==== */

/* Threads and memory for the groups of a builder. Requires: the builder's slots are set. The caller
 * must destroy *out, even on failure. */
FIRN_MUST_CHECK int firn_column_chunks_create(const struct firn_column_builder *builder,
                                              const struct firn_run_builder_options *options,
                                              struct firn_column_chunks **out, firn_error *err);
/* NULL is allowed. Requires: the builder's slots are still set. */
void firn_column_chunks_destroy(struct firn_column_chunks *chunks);
/* Writes the chunks of the collected values, and fills the builder's chunks. */
FIRN_MUST_CHECK int firn_column_chunks_write(struct firn_column_builder *builder, firn_error *err);

/* ==== the functions of the table (run/run_kind.h) ==== */

FIRN_MUST_CHECK int firn_column_builder_create(const struct firn_run_env *env, const char *name,
                                               const struct firn_run_builder_options *options,
                                               struct firn_run_builder **out, firn_error *err);
FIRN_MUST_CHECK int firn_column_builder_add(struct firn_run_builder *builder,
                                            const struct firn_entry *entry, firn_error *err);
FIRN_MUST_CHECK int firn_column_intake_add_from(struct firn_run_builder *builder,
                                                const struct firn_run_batch *batch,
                                                firn_error *err);
FIRN_MUST_CHECK int firn_column_intake_add_columns(struct firn_run_builder *builder,
                                                   const struct firn_run_columns *columns,
                                                   firn_error *err);
FIRN_MUST_CHECK int firn_column_builder_add_range(struct firn_run_builder *builder,
                                                  const struct firn_range *range, firn_error *err);
FIRN_MUST_CHECK int firn_column_builder_set_origin(struct firn_run_builder *builder,
                                                   const struct firn_run_origin *origin,
                                                   firn_error *err);
uint64_t firn_column_builder_size_bytes(const struct firn_run_builder *builder);
FIRN_MUST_CHECK int firn_column_builder_finish(struct firn_run_builder *builder,
                                               struct firn_run_summary *out, firn_error *err);
void firn_column_builder_destroy(struct firn_run_builder *builder);

FIRN_MUST_CHECK int firn_column_cursor_create(struct firn_run *run,
                                              const struct firn_run_cursor_options *options,
                                              struct firn_run_cursor **out, firn_error *err);
void firn_column_cursor_destroy(struct firn_run_cursor *cursor);
FIRN_MUST_CHECK int firn_column_cursor_seek(struct firn_run_cursor *cursor, firn_slice key,
                                            uint64_t sequence, firn_error *err);
FIRN_MUST_CHECK int firn_column_cursor_seek_before(struct firn_run_cursor *cursor, firn_slice key,
                                                   uint64_t sequence, firn_error *err);
FIRN_MUST_CHECK int firn_column_cursor_first(struct firn_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_column_cursor_last(struct firn_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_column_cursor_next(struct firn_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_column_cursor_prev(struct firn_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_column_cursor_batch(struct firn_run_cursor *cursor,
                                             const firn_slice *limit, uint64_t max,
                                             struct firn_run_batch *out, firn_error *err);
/* ---- the rows of a batch, column by column, for a builder ---- */

/* The run of a cursor, for its layout. */
const struct firn_column_run *firn_column_cursor_run(const struct firn_run_cursor *cursor);
/* The decoded block of one of its columns (sequence included) that contains the batch, and the row
 * in it where the batch begins. If all values are equal, out->count is 0 and *out_constant is the
 * value. Borrowed until the cursor moves. */
FIRN_MUST_CHECK int firn_column_cursor_values(struct firn_run_cursor *cursor, size_t slot,
                                              struct firn_chunk_values *out, size_t *out_first,
                                              struct firn_cell *out_constant, firn_error *err);
/* Replaces the contents of out with the key of the i-th row after the cursor. */
FIRN_MUST_CHECK int firn_column_cursor_key(struct firn_run_cursor *cursor, size_t i,
                                           struct firn_buf *out, firn_error *err);
/* Advances by so many rows. */
FIRN_MUST_CHECK int firn_column_cursor_skip(struct firn_run_cursor *cursor, uint64_t count,
                                            firn_error *err);

/* To the first row of a group. */
FIRN_MUST_CHECK int firn_column_cursor_enter(struct firn_run_cursor *cursor, size_t group,
                                             firn_error *err);

FIRN_MUST_CHECK int firn_column_mend(struct firn_run *run, struct firn_run_mend *how,
                                     struct firn_run_summary *out, firn_error *err);
FIRN_MUST_CHECK int firn_column_check(struct firn_run *run,
                                      void (*on_damage)(void *ctx, const char *text), void *ctx,
                                      const struct firn_step *step, firn_error *err);

#endif
