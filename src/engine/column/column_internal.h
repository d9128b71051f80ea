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
#include "run/run_value_file.h"

/* ==== a layout with an owner, and its slots (column_layout.c) ====
 *
 * A slot is the place of a column in a group: those of the layout in their order, then the hidden
 * ones.
 */

struct fi_column_owned {
    struct fi_column_layout layout;
    struct fi_column_def *columns;
    uint32_t *key;         /* ids */
    uint32_t *key_slots;   /* the same as slots */
    bool *is_key;          /* of each slot */
    size_t value_count;    /* columns that are not of the key */
    struct fi_buf initial; /* bytes of initial values */
};

/* FIRN_INVALID says what is wrong with it. */
FIRN_MUST_CHECK int fi_column_layout_check(const struct fi_column_layout *layout, firn_error *err);
/* Copies a layout that passed the check. The caller must deinit it, even on failure. */
FIRN_MUST_CHECK int fi_column_layout_copy(const struct fi_column_layout *layout,
                                          struct fi_column_owned *out, firn_error *err);
void fi_column_layout_deinit(struct fi_column_owned *owned);

static inline size_t
fi_column_layout_slot_count(const struct fi_column_layout *layout)
{
    return layout->count + FI_COLUMN_FORMAT_HIDDEN;
}
/* The slot of a hidden column. */
static inline size_t
fi_column_layout_hidden(const struct fi_column_layout *layout, uint32_t column)
{
    DCHECK(column >= FI_COLUMN_SEQUENCE && column <= FI_COLUMN_OPERAND);
    return layout->count + (column - FI_COLUMN_SEQUENCE);
}
/* The slot of a column, hidden ones included; SIZE_MAX: the layout does not have it. */
size_t fi_column_layout_slot(const struct fi_column_layout *layout, uint32_t column);

/* Whether a column that is not in the key is needed. */
bool fi_column_layout_wants(const struct fi_run_projection *projection, uint32_t column);

/* The type of the values of a slot. */
struct fi_column_shape {
    enum fi_physical kind;
    uint32_t fixed_size;
};
struct fi_column_shape fi_column_layout_shape(const struct fi_column_layout *layout, size_t slot);

/* Whether values of a slot may be in value files. */
bool fi_column_layout_may_refer(const struct fi_column_layout *layout, size_t slot);

/* ==== the index: which groups there are, and where their chunks lie (column_index.c) ==== */

/* Where things are in an index that passed the check. Borrows its bytes. */
struct fi_column_index {
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
FIRN_MUST_CHECK int fi_column_index_open(firn_slice raw, struct fi_column_index *out,
                                         struct fi_column_owned *layout, firn_error *err);

struct fi_column_index_group {
    uint32_t rows;
    bool is_plain;
    uint64_t sequence_min;
    uint64_t sequence_max;
    uint64_t sequence_first;
    firn_slice lower;
    firn_slice upper;
    uint64_t rows_before;
};
void fi_column_index_group(const struct fi_column_index *index, size_t i,
                           struct fi_column_index_group *out);

struct fi_column_index_chunk {
    struct fi_block_ref ref; /* offset 0: there is none */
    uint8_t encoding;
    bool has_references;  /* values are tagged, or the large value is in a value file */
    uint64_t value_bytes; /* including those in value files */
    struct fi_chunk_bounds bounds;
};
/* Requires: the shape is that of the slot. */
void fi_column_index_chunk(const struct fi_column_index *index, size_t group, size_t slot,
                           const struct fi_column_shape *shape, struct fi_column_index_chunk *out);
/* Like fi_column_index_chunk, but only the place of its block. */
struct fi_block_ref fi_column_index_ref(const struct fi_column_index *index, size_t group,
                                        size_t slot);

/* Only its encoding. */
uint8_t fi_column_index_encoding(const struct fi_column_index *index, size_t group, size_t slot);

/* Only whether it has references. */
bool fi_column_index_has_references(const struct fi_column_index *index, size_t group, size_t slot);

/* How many groups begin at or before (key, sequence). */
size_t fi_column_index_find(const struct fi_column_index *index, firn_slice key, uint64_t sequence);

/* ---- building ---- */

struct fi_column_index_builder {
    struct fi_buf groups;
    struct fi_buf rest; /* initial values, then keys */
};
void fi_column_index_builder_deinit(struct fi_column_index_builder *builder);
/* Writes the initial values of the layout. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_column_index_builder_init(struct fi_column_index_builder *builder,
                                                 const struct fi_column_layout *layout,
                                                 firn_error *err);
/* Adds a group and its chunks, one for each slot. FIRN_LIMIT if the index would be too large. */
FIRN_MUST_CHECK int fi_column_index_builder_add(struct fi_column_index_builder *builder,
                                                const struct fi_column_layout *layout,
                                                const struct fi_column_index_group *group,
                                                const struct fi_column_index_chunk *chunks,
                                                firn_error *err);
size_t fi_column_index_builder_size_bytes(const struct fi_column_index_builder *builder,
                                          const struct fi_column_layout *layout);
/* Replaces the contents of out. */
FIRN_MUST_CHECK int fi_column_index_builder_encode(const struct fi_column_index_builder *builder,
                                                   const struct fi_column_layout *layout,
                                                   uint64_t entry_count, struct fi_buf *out);

/* ==== an open run, and how its chunks are fetched (column_read.c) ==== */

struct fi_column_run {
    struct fi_run base; /* first */
    struct fi_block_cache *cache;
    const struct fi_run_values *values; /* where references lead */
    uint64_t file;                      /* its numbers in the cache: of chunks, and of the filter */
    uint64_t file_of_sections;
    struct fi_block_reader *reader;
    struct fi_run_sections sections;
    struct fi_run_summary summary;
    struct fi_range_set ranges;
    struct fi_column_owned layout;
    struct fi_column_index index;
    struct fi_buf filters;         /* the section; empty: there is none, or it is damaged */
    struct fi_block_guide *guides; /* to each chunk: slot by slot, group by group */
    /* The index is in memory held from the cache, or in memory of its own. */
    size_t held_bytes;
    struct fi_block_memory memory;
    struct fi_buf index_bytes;
};

static inline struct fi_column_run *
fi_column_read_run(struct fi_run *run)
{
    DCHECK(run->kind->file_kind == FI_BLOCK_FILE_COLUMN);
    return (struct fi_column_run *)run;
}
static inline const struct fi_column_run *
fi_column_read_const(const struct fi_run *run)
{
    DCHECK(run->kind->file_kind == FI_BLOCK_FILE_COLUMN);
    return (const struct fi_column_run *)run;
}

/* Adds to the text of a failure to read a chunk: file, offset, column and row group. Returns
 * err->code. */
int fi_column_read_explain(const struct fi_column_run *run, size_t group, size_t slot,
                           firn_error *err);
/* Returns FIRN_CORRUPT with a text that says what is wrong with a column of a group. */
int fi_column_read_refuse(const struct fi_column_run *run, size_t group, size_t slot,
                          const char *what, firn_error *err);

/* Pins the block of a chunk and opens the chunk. Requires: the group has the chunk. */
FIRN_MUST_CHECK int fi_column_read_pin(struct fi_column_run *run, size_t group, size_t slot,
                                       enum fi_block_cache_use use, struct fi_column_pin *out,
                                       firn_error *err);
/* Whether a slot of a group has one value in pieces, or alone in a value file. */
bool fi_column_read_is_in_pieces(const struct fi_column_run *run, size_t group, size_t slot);
/* Replaces the contents of out with that value, or with the cell that refers to it. */
FIRN_MUST_CHECK int fi_column_read_pieces(struct fi_column_run *run, size_t group, size_t slot,
                                          bool keeps_references, enum fi_block_cache_use use,
                                          struct fi_buf *out, firn_error *err);

/* The values of one slot of one group. Requires: zeroed before use, or made by
 * fi_column_read_init. */
struct fi_column_slot {
    bool is_open;
    bool is_fetched;  /* its block is pinned, but not read yet */
    bool is_constant; /* all values are equal; there is no chunk, or the value is in pieces */
    bool has_references;
    bool keeps_references; /* the owner's: references are shown as such */
    enum fi_block_cache_use use;
    uint32_t rows;
    size_t number;
    size_t group;
    struct fi_cell constant;
    struct fi_column_pin pin;
    struct fi_chunk_scratch scratch;
    size_t block; /* the block that values has; SIZE_MAX: none, values is undefined */
    struct fi_chunk_values values;
    struct fi_buf large; /* a value that is not in the chunk */
};

/* Sets what an opening does not. Zeroing a whole slot would be slow for a lookup. */
static inline void
fi_column_read_init(struct fi_column_slot *slot)
{
    slot->is_open = slot->is_fetched = slot->keeps_references = false;
    slot->block = SIZE_MAX;
    slot->scratch.numbers = slot->scratch.bytes = slot->large = (struct fi_buf){.data = NULL};
}
/* Prefetches into the processor's cache what fetching chunks of a column will read. */
void fi_column_read_prefetch(const struct fi_column_run *run, size_t group, size_t number);
/* The first half of opening a slot that is not open, of a column with a chunk: pins its block, and
 * starts to prefetch its beginning. So several slots wait for memory at the same time. */
FIRN_MUST_CHECK int fi_column_read_fetch(struct fi_column_run *run, size_t group, size_t number,
                                         enum fi_block_cache_use use, struct fi_column_slot *slot,
                                         firn_error *err);
/* Opens a slot. Requires: it is not open, or open for the same group. */
FIRN_MUST_CHECK int fi_column_read_open(struct fi_column_run *run, size_t group, size_t number,
                                        enum fi_block_cache_use use, struct fi_column_slot *slot,
                                        firn_error *err);
/* Memory is kept for the next group. */
void fi_column_read_close(struct fi_column_slot *slot);
void fi_column_read_deinit(struct fi_column_slot *slot);
/* One value, from the decoded block or else alone. Borrowed until the next call. */
FIRN_MUST_CHECK int fi_column_read_cell(struct fi_column_run *run, struct fi_column_slot *slot,
                                        uint32_t row, struct fi_cell *out, firn_error *err);
/* Decodes a block. Requires: the slot is not constant. Values of a slot with references are
 * tagged. */
FIRN_MUST_CHECK int fi_column_read_block(struct fi_column_run *run, struct fi_column_slot *slot,
                                         size_t block, firn_error *err);
/* The i-th of some values. */
struct fi_cell fi_column_read_value(const struct fi_chunk_values *values, size_t i);

/* ==== Bloom filters of values (column_filter.c) ==== */

/* Replaces the contents of out with the filter of some values, or with nothing if it would have
 * more than bytes_max bytes; hashes is working memory. */
FIRN_MUST_CHECK int fi_column_filter_build(const struct fi_chunk_values *values, size_t bytes_max,
                                           struct fi_buf *hashes, struct fi_buf *out,
                                           firn_error *err);
/* Appends an entry to the section. Requires: group and column are after those of the previous
 * entry. */
FIRN_MUST_CHECK int fi_column_filter_add(struct fi_buf *filters, size_t group, uint32_t column,
                                         const struct fi_block_ref *ref);
/* FIRN_CORRUPT for a malformed section. */
FIRN_MUST_CHECK int fi_column_filter_check(firn_slice raw, firn_error *err);
/* Reads the section into run->filters; nothing if it is damaged. */
FIRN_MUST_CHECK int fi_column_filter_load(struct fi_column_run *run, struct fi_compress *compress,
                                          firn_error *err);
/* The place of a filter; false if there is none. */
bool fi_column_filter_find(const struct fi_column_run *run, size_t group, uint32_t column,
                           struct fi_block_ref *out);
/* Whether a filter that passed fi_run_filter_check may contain a value. Requires: it is not
 * null. */
bool fi_column_filter_has(firn_slice filter, const struct fi_cell *cell);

/* ==== keys of rows, and the search for them (column_keys.c) ==== */

/* Rows from low to before high. */
struct fi_column_rows {
    uint32_t low;
    uint32_t high;
};

/* The key columns and the hidden columns of one group. Made by fi_column_keys_init. */
struct fi_column_keys {
    struct fi_column_run *run;
    enum fi_block_cache_use use;
    bool is_open;
    size_t group;
    struct fi_column_index_group info;
    struct fi_column_slot parts[FI_COLUMN_KEY_MAX];
    struct fi_column_slot sequence;
    struct fi_column_slot kind;
    struct fi_column_rows equal; /* known to have the key that was last searched for */
};
void fi_column_keys_init(struct fi_column_keys *keys, struct fi_column_run *run,
                         enum fi_block_cache_use use);
/* Opens a group, unless it is open. After a failure none is open. */
FIRN_MUST_CHECK int fi_column_keys_open(struct fi_column_keys *keys, size_t group, firn_error *err);
void fi_column_keys_close(struct fi_column_keys *keys);
void fi_column_keys_deinit(struct fi_column_keys *keys);
/* Decodes the block of a row in all of these columns, for a walk. */
FIRN_MUST_CHECK int fi_column_keys_decode(struct fi_column_keys *keys, uint32_t row,
                                          firn_error *err);
/* Replaces the contents of out. */
FIRN_MUST_CHECK int fi_column_keys_key(struct fi_column_keys *keys, uint32_t row,
                                       struct fi_buf *out, firn_error *err);
/* *out_order is below, equal to or above 0 as the key of a row is to the given one. Requires: the
 * key is that of the last fi_column_keys_find in the open group. Replaces the contents of
 * memory. */
FIRN_MUST_CHECK int fi_column_keys_compare(struct fi_column_keys *keys, uint32_t row,
                                           firn_slice key, struct fi_buf *memory, int *out_order,
                                           firn_error *err);
FIRN_MUST_CHECK int fi_column_keys_sequence(struct fi_column_keys *keys, uint32_t row,
                                            uint64_t *out, firn_error *err);
FIRN_MUST_CHECK int fi_column_keys_kind(struct fi_column_keys *keys, uint32_t row,
                                        enum fi_entry_kind *out, firn_error *err);
/* The first row of the open group at or after (key, sequence); the number of rows if there is none.
 * memory is working memory. */
FIRN_MUST_CHECK int fi_column_keys_find(struct fi_column_keys *keys, firn_slice key,
                                        uint64_t sequence, struct fi_buf *memory, uint32_t *out,
                                        firn_error *err);

/* ==== the values of one column, collected for a chunk (column_gather.c) ==== */

struct fi_column_gather {
    struct fi_column_shape shape;
    size_t count;
    size_t null_count;
    uint64_t value_bytes;
    struct fi_buf numbers; /* as in struct fi_chunk_values; of bytes their sizes, 4 each */
    struct fi_buf bytes;
    struct fi_buf valid;      /* words of bits */
    struct fi_buf references; /* likewise: which values are cells with references; empty: none */
};
void fi_column_gather_deinit(struct fi_column_gather *gather);
void fi_column_gather_clear(struct fi_column_gather *gather);
/* The share of a value in value_bytes. */
static inline uint64_t
fi_column_gather_cost(const struct fi_column_shape *shape, size_t bytes_size)
{
    switch (shape->kind) {
    case FI_PHYSICAL_F32:
        return 4;
    case FI_PHYSICAL_BYTES:
        return shape->fixed_size != 0 ? shape->fixed_size : 4 + bytes_size;
    default:
        return 8;
    }
}
/* Size of a value that is bytes, or stored elsewhere; else 0. Requires: any reference can be
 * decoded. */
static inline size_t
fi_column_gather_size(const struct fi_cell *cell)
{
    struct fi_run_value_file_reference reference = {.value_size = 0};
    if (cell->kind == FI_PHYSICAL_REFERENCE) {
        CHECK(fi_run_value_cell_decode(cell->as.bytes, &reference));
        return (size_t)reference.value_size;
    }
    return cell->kind == FI_PHYSICAL_BYTES ? cell->as.bytes.size : 0;
}
static inline bool
fi_column_gather_has_references(const struct fi_column_gather *gather)
{
    return gather->references.size > 0;
}
/* Adds the same value n times. The cell is null, or of the shape, or, for bytes, a reference to a
 * value. FIRN_NO_MEMORY: only deinit and clear may follow. */
FIRN_MUST_CHECK int fi_column_gather_add(struct fi_column_gather *gather,
                                         const struct fi_cell *cell, size_t n);
/* Adds n values from the first one on. FIRN_NO_MEMORY likewise. */
FIRN_MUST_CHECK int fi_column_gather_add_values(struct fi_column_gather *gather,
                                                const struct fi_chunk_values *values, size_t first,
                                                size_t n);
/* Adds n values of a column that is stored contiguously, from the first one on; those of bytes
 * begin at bytes. FIRN_NO_MEMORY likewise. */
FIRN_MUST_CHECK int fi_column_gather_add_column(struct fi_column_gather *gather,
                                                const struct fi_run_column *column, size_t first,
                                                size_t n, firn_slice bytes);
/* All values, borrowed from it and from slices, whose contents are replaced. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_column_gather_values(const struct fi_column_gather *gather,
                                            struct fi_buf *slices, struct fi_chunk_values *out);
/* ==== values in value files (column_values.c) ==== */

/* Replaces the contents of out with the value that a cell refers to, or with the cell after
 * checking it. */
FIRN_MUST_CHECK int fi_column_values_read(struct fi_column_run *run, firn_slice cell,
                                          bool keeps_reference, enum fi_block_cache_use use,
                                          struct fi_buf *out, firn_error *err);
/* Resolves a value, as it is in the chunk, of a slot with references. Borrowed from the chunk or
 * the slot until the next call. */
FIRN_MUST_CHECK int fi_column_values_untag(struct fi_column_run *run, struct fi_column_slot *slot,
                                           struct fi_cell *cell, firn_error *err);
/* Like fi_column_read_pin; a chunk with references is replaced by one made with all the
 * values. */
FIRN_MUST_CHECK int fi_column_values_pin(struct fi_column_run *run, size_t group, size_t slot,
                                         enum fi_block_cache_use use, struct fi_column_pin *out,
                                         firn_error *err);
/* For values with references. The first cuts each value to as many bytes as bounds need; the second
 * copies them to new memory, each with its tag. slices are those of fi_column_gather_values. */
void fi_column_values_cut(struct fi_buf *slices);
FIRN_MUST_CHECK int fi_column_values_tag(const struct fi_column_gather *gather,
                                         struct fi_buf *slices, struct fi_buf *memory);

/* ==== a run that is being written (column_builder.c) ==== */

/* A value that is too large for a chunk. */
struct fi_column_large {
    struct fi_buf locator; /* of its pieces, or the cell that refers to it; empty: there is none */
    bool is_reference;
    uint64_t value_size;
};

struct fi_column_builder {
    struct fi_run_builder base; /* first */
    struct fi_run_output output;
    struct fi_column_owned layout;
    size_t slot_count;
    uint32_t rows_max;
    struct fi_column_index_builder index;

    struct fi_cell *row;                /* the entry being added: a cell for each slot */
    struct fi_buf key_bytes;            /* of its key's parts */
    struct fi_buf key;                  /* made from them */
    struct fi_buf value;                /* read from a value file */
    const struct fi_run_placer *placer; /* NULL: none */

    struct fi_column_gather *gathers; /* of the group: one for each slot */
    struct fi_column_index_chunk *chunks;
    struct fi_column_large *larges; /* of each slot */
    uint32_t rows;
    uint64_t cost; /* of these */
    bool has_large;
    bool is_plain; /* so far */
    uint64_t sequence_min;
    uint64_t sequence_max;
    uint64_t sequence_first;
    struct fi_buf first_key;
    struct fi_buf last_key; /* of all entries so far */
    uint64_t last_sequence;
    uint64_t closed_rows;

    uint64_t *costs; /* of the rows of a batch */
    struct fi_column_chunks *makes;
    size_t group_count;    /* closed */
    struct fi_buf filters; /* the section that says where Bloom filters are */
    struct fi_buf index_bytes;
};

static inline struct fi_column_builder *
fi_column_builder_of(struct fi_run_builder *base)
{
    DCHECK(base->kind->file_kind == FI_BLOCK_FILE_COLUMN);
    return (struct fi_column_builder *)base;
}
static inline size_t
fi_column_builder_hidden(const struct fi_column_builder *builder, uint32_t column)
{
    return fi_column_layout_hidden(&builder->layout.layout, column);
}
/* The share of a value in GROUP_BYTES. */
static inline uint64_t
fi_column_builder_cost(const struct fi_column_shape *shape, size_t bytes_size)
{
    const bool is_long = shape->kind == FI_PHYSICAL_BYTES && shape->fixed_size == 0 &&
                         bytes_size > FI_COLUMN_FORMAT_SHORT && bytes_size < FI_COLUMN_FORMAT_LARGE;
    return fi_column_gather_cost(shape, bytes_size) * (is_long ? FI_COLUMN_FORMAT_LONG_WEIGHT : 1);
}
/* Closes the group if the next rows, with that key, sequence and cost, do not fit; begins one if
 * there is none. */
FIRN_MUST_CHECK int fi_column_builder_make_room(struct fi_column_builder *builder, firn_slice key,
                                                uint64_t sequence, bool is_new_key, uint64_t cost,
                                                bool has_large, firn_error *err);
/* Adds a cell to the values of a slot; a large one is stored elsewhere. values resolves
 * references. */
FIRN_MUST_CHECK int fi_column_builder_add_cell(struct fi_column_builder *builder, size_t slot,
                                               const struct fi_run_values *values,
                                               const struct fi_cell *cell, firn_error *err);
/* Adds what each row contributes to the summary, and to the filter. */
FIRN_MUST_CHECK int fi_column_builder_note_row(struct fi_column_builder *builder, firn_slice key,
                                               uint64_t sequence, bool is_new_key, firn_error *err);

/* ==== the chunks of a group (column_chunks.c) ==== */

/* Threads and memory for the groups of a builder. Requires: the builder's slots are set. The caller
 * must destroy *out, even on failure. */
FIRN_MUST_CHECK int fi_column_chunks_create(const struct fi_column_builder *builder,
                                            const struct fi_run_builder_options *options,
                                            struct fi_column_chunks **out, firn_error *err);
/* NULL is allowed. Requires: the builder's slots are still set. */
void fi_column_chunks_destroy(struct fi_column_chunks *chunks);
/* Writes the chunks of the collected values, and fills the builder's chunks. */
FIRN_MUST_CHECK int fi_column_chunks_write(struct fi_column_builder *builder, firn_error *err);

/* ==== the functions of the table (run/run_kind.h) ==== */

FIRN_MUST_CHECK int fi_column_builder_create(const struct fi_run_kind *kind,
                                             const struct fi_run_env *env, const char *name,
                                             const struct fi_run_builder_options *options,
                                             struct fi_run_builder **out, firn_error *err);
FIRN_MUST_CHECK int fi_column_builder_add(struct fi_run_builder *builder,
                                          const struct fi_entry *entry, firn_error *err);
FIRN_MUST_CHECK int fi_column_intake_add_from(struct fi_run_builder *builder,
                                              const struct fi_run_batch *batch, firn_error *err);
FIRN_MUST_CHECK int fi_column_intake_add_columns(struct fi_run_builder *builder,
                                                 const struct fi_run_columns *columns,
                                                 firn_error *err);
FIRN_MUST_CHECK int fi_column_builder_add_range(struct fi_run_builder *builder,
                                                const struct fi_range *range, firn_error *err);
FIRN_MUST_CHECK int fi_column_builder_set_origin(struct fi_run_builder *builder,
                                                 const struct fi_run_origin *origin,
                                                 firn_error *err);
uint64_t fi_column_builder_size_bytes(const struct fi_run_builder *builder);
FIRN_MUST_CHECK int fi_column_builder_finish(struct fi_run_builder *builder,
                                             struct fi_run_summary *out, firn_error *err);
void fi_column_builder_destroy(struct fi_run_builder *builder);

FIRN_MUST_CHECK int fi_column_cursor_create(struct fi_run *run,
                                            const struct fi_run_cursor_options *options,
                                            struct fi_run_cursor **out, firn_error *err);
void fi_column_cursor_destroy(struct fi_run_cursor *cursor);
FIRN_MUST_CHECK int fi_column_cursor_seek(struct fi_run_cursor *cursor, firn_slice key,
                                          uint64_t sequence, firn_error *err);
FIRN_MUST_CHECK int fi_column_cursor_seek_before(struct fi_run_cursor *cursor, firn_slice key,
                                                 uint64_t sequence, firn_error *err);
FIRN_MUST_CHECK int fi_column_cursor_first(struct fi_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_column_cursor_last(struct fi_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_column_cursor_next(struct fi_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_column_cursor_prev(struct fi_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_column_cursor_batch(struct fi_run_cursor *cursor, const firn_slice *limit,
                                           uint64_t max, struct fi_run_batch *out, firn_error *err);
/* ---- the rows of a batch, column by column, for a builder ---- */

/* The run of a cursor, for its layout. */
const struct fi_column_run *fi_column_cursor_run(const struct fi_run_cursor *cursor);
/* The decoded block of one of its columns (sequence included) that contains the batch, and the row
 * in it where the batch begins. If all values are equal, out->count is 0 and *out_constant is the
 * value. Borrowed until the cursor moves. */
FIRN_MUST_CHECK int fi_column_cursor_values(struct fi_run_cursor *cursor, size_t slot,
                                            struct fi_chunk_values *out, size_t *out_first,
                                            struct fi_cell *out_constant, firn_error *err);
/* Replaces the contents of out with the key of the i-th row after the cursor. */
FIRN_MUST_CHECK int fi_column_cursor_key(struct fi_run_cursor *cursor, size_t i, struct fi_buf *out,
                                         firn_error *err);
/* Advances by so many rows. */
FIRN_MUST_CHECK int fi_column_cursor_skip(struct fi_run_cursor *cursor, uint64_t count,
                                          firn_error *err);

/* To the first row of a group. */
FIRN_MUST_CHECK int fi_column_cursor_enter(struct fi_run_cursor *cursor, size_t group,
                                           firn_error *err);

FIRN_MUST_CHECK int fi_column_mend(struct fi_run *run, struct fi_run_mend *how,
                                   struct fi_run_summary *out, firn_error *err);
FIRN_MUST_CHECK int fi_column_check(struct fi_run *run,
                                    void (*on_damage)(void *ctx, const char *text), void *ctx,
                                    const struct fi_step *step, firn_error *err);

#endif
