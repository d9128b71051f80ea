/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column.h: runs of columns: the rows of a table by key, each column stored separately
 * (docs/formats/column.md).
 *
 * As a kind of run it reads and writes entries whose values are tuples (tuple/tuple.h). The
 * functions below also give access to the columns themselves, chunk by chunk.
 *
 * In addition to run/run_kind.h:
 * - get leaves the text of *err empty with FIRN_NOT_FOUND, which is a normal and frequent answer.
 * - FIRN_CORRUPT of get and of cursors names file, column, row group and its keys. Columns that a
 *   projection leaves out are not read.
 * - A cursor keeps the chunks of one row group pinned, and one block of each decoded.
 * - builder_add: FIRN_INVALID for entries out of order, for a key that does not fit the layout or
 *   is not as tuple/tuple.h writes it, and for a value that is no tuple or has cells of other
 *   types. FIRN_LIMIT beyond the limits of run/run_parts.h. The builder is unchanged. After any
 *   other failure all calls but destroy return FIRN_FAILED.
 * - If the whole value of an entry is in a value file, builder_add reads it and stores it in the
 *   run. References in cells are kept, and large values get references, as the placer decides.
 * - Cursors that keep references show those of cells (fi_entry.has_cells).
 */
#ifndef FIRN_COLUMN_COLUMN_H
#define FIRN_COLUMN_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

#include "chunk/chunk_encoding.h"
#include "run/run_kind.h"
#include "tuple/tuple.h"

/* Runs may have graphs (graph/graph.h) as attachments. */
extern const struct fi_run_kind fi_column_kind;

/* One column of a tree of columns. Its type, and the initial value of a number, never change. */
struct fi_column_def {
    uint32_t id;
    firn_type type;
    uint32_t fixed_size;    /* of UUID: 16; of VECTOR: 4 for each dimension; else 0 */
    struct fi_cell initial; /* value of rows that were written before the column existed */
    bool has_filter; /* runs should have Bloom filters of its values. Not in the run's own layout */
};
/* A graph over a column of vectors, by the names of graph/graph.h. */
struct fi_column_graph {
    uint32_t column;
    uint32_t metric;
    uint32_t m;
    uint32_t ef_construction;
};
/* The columns of a tree's runs: all columns of every state of the table that can still be read.
 * Other columns of rows are left out; rows that lack one of these columns get its initial value. So
 * the values that a run returns have all columns of its layout except the key's, nulls included. */
struct fi_column_layout {
    const struct fi_column_def *columns; /* by ascending id */
    size_t count;
    const uint32_t *key; /* ids of the primary key's columns, in the key's order; not nullable */
    size_t key_count;
    /* Graphs that the tree's runs should have. Not in the run's own layout: its attachments are its
     * graphs. */
    const struct fi_column_graph *graphs;
    size_t graph_count;
};
enum { FI_COLUMN_COUNT_MAX = 4096, FI_COLUMN_KEY_MAX = 16 };

/* ---- looking into a run ---- */

struct fi_column_group {
    uint32_t rows;    /* 1 to FI_CHUNK_VALUES_MAX */
    firn_slice lower; /* the first key, encoded; borrowed from the run */
    firn_slice upper; /* the last one */
    uint64_t sequence_min;
    uint64_t sequence_max;
    bool is_plain; /* all rows are puts without an expiry, and no key occurs twice in the run */
};
size_t fi_column_group_count(const struct fi_run *run);
void fi_column_group_at(const struct fi_run *run, size_t i, struct fi_column_group *out);
/* The run's own columns: a copy of the layout that it was written with. Owned by the run. */
const struct fi_column_layout *fi_column_layout_of(const struct fi_run *run);
/* Describes one column of a group. FIRN_NOT_FOUND, without a text, if the group has no chunk of the
 * column: the run does not have the column, or, for a hidden one, see below. */
struct fi_column_info {
    uint8_t encoding; /* enum fi_chunk_encoding; 0: one value in pieces, too large for a chunk */
    uint64_t stored_bytes;
    uint64_t raw_bytes;            /* of the values */
    struct fi_chunk_bounds bounds; /* bytes borrowed from the run */
};
FIRN_MUST_CHECK int fi_column_info_of(const struct fi_run *run, size_t group, uint32_t column,
                                      struct fi_column_info *out);
/* Whether a group may contain one of some values in a column of that type, according to its Bloom
 * filter; true without a filter, or with a damaged one. FIRN_IO, FIRN_NO_MEMORY. Requires: the
 * group has a chunk of the column. Any thread. */
FIRN_MUST_CHECK int fi_column_filter_may_have(struct fi_run *run, size_t group, uint32_t column,
                                              const struct fi_cell *values, size_t count, bool *out,
                                              firn_error *err);
/* A chunk of a column of a group: in the cache until it is unpinned, or in memory of its own. */
struct fi_column_pin {
    struct fi_block_cache *cache; /* NULL: nothing is pinned in the cache */
    void *made; /* memory of a chunk that was made with values from value files; or NULL */
    struct fi_block_pin pin;
    struct fi_chunk chunk;
};
/* Values in value files are read, all of them: up to GROUP_BYTES of column_format.h, or one row's.
 * FIRN_NOT_FOUND as above; FIRN_CORRUPT names file, column and row group; FIRN_LIMIT for a value in
 * pieces: see read_large. Any thread. */
FIRN_MUST_CHECK int fi_column_pin_chunk(struct fi_run *run, size_t group, uint32_t column,
                                        enum fi_block_cache_use use, struct fi_column_pin *out,
                                        firn_error *err);
/* The pin is empty afterwards; an empty one is allowed. */
void fi_column_read_unpin(struct fi_column_pin *pin);
/* Puts file, offset, column and row group before the error text that a function of
 * chunk/chunk_encoding.h gave for a pinned chunk. Returns err->code. Requires: a failure in *err.
 * Any thread. */
int fi_column_explain(const struct fi_run *run, size_t group, uint32_t column, firn_error *err);
/* Replaces the contents of out with the one value of a group that is stored in pieces.
 * FIRN_NOT_FOUND: the column has none. Any thread. */
FIRN_MUST_CHECK int fi_column_read_large(struct fi_run *run, size_t group, uint32_t column,
                                         struct fi_buf *out, firn_error *err);
/* What a user has derived from a block of a chunk: bytes that the cache keeps as if they were
 * another block of the run, as long as it has room. All users must derive the same. Any thread. */
/* Whether so many bytes for all runs of a search are few enough to be kept. */
bool fi_column_derived_fits(const struct fi_run *run, uint64_t bytes);
/* Pins them, 64-byte aligned; false: they are not there. */
bool fi_column_derived_find(struct fi_run *run, size_t group, uint32_t column, size_t block,
                            struct fi_column_pin *out);
/* Keeps a copy, if there is room. Nothing if the group has no chunk of the column. */
void fi_column_derived_keep(struct fi_run *run, size_t group, uint32_t column, size_t block,
                            firn_slice bytes);
/* The hidden columns: sequence (U64), kind (U64: enum fi_entry_kind), expiry (U64, or null),
 * operands of merges (BYTES, as in the value of an entry, or null). A group has no chunk of one if
 * all rows have the same value: the group's one sequence, PUT, null. */
enum {
    FI_COLUMN_SEQUENCE = FI_TUPLE_COLUMN_LIMIT,
    FI_COLUMN_KIND,
    FI_COLUMN_EXPIRES,
    FI_COLUMN_OPERAND
};

#endif
