/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column.h: runs of columns: the rows of a table by key, each column apart (docs/formats/column.md).
 *
 * As a kind of run it takes and gives entries whose values are tuples (tuple/tuple.h). The functions below
 * give what rows cannot: the columns themselves, chunk by chunk.
 *
 * Beyond block/run_kind.h:
 * - get leaves the text of *err empty with FIRN_NOT_FOUND: it is an answer, and a frequent one.
 * - FIRN_CORRUPT of get and of cursors names file, column, row group and its keys. Columns that a
 *   projection leaves out are not read.
 * - A cursor holds the chunks of one row group pinned, and one block of each decoded.
 * - builder_add: FIRN_INVALID for what is out of order, a key that is not one of the layout's, or not
 *   as tuple/tuple.h writes it, and a value that is no tuple or has cells of other kinds; FIRN_LIMIT
 *   beyond the limits of block/run_parts.h; the builder is as it was. After any other failure all calls but destroy
 *   return FIRN_FAILED. An entry that lies in a value file as a whole is read, and stored in the run; of one that has
 *   references in its cells they are kept, and large values get some, as the placer says.
 * - Cursors that keep references show those of cells (firn_entry.has_cells).
 */
#ifndef FIRN_COLUMN_COLUMN_H
#define FIRN_COLUMN_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

#include "block/run_kind.h"
#include "encoding/encoding.h"
#include "tuple/tuple.h"

/* Runs may have graphs (graph/graph.h) as attachments. */
extern const struct firn_run_kind firn_column_kind;

/* One column of a tree of columns. Neither type nor initial value of a number ever changes. */
struct firn_column_def {
    uint32_t id;
    firn_type type;
    uint32_t fixed_size;      /* of UUID: 16; of VECTOR: 4 for each dimension; else 0 */
    struct firn_cell initial; /* what rows have that were written before the column was there */
    bool has_filter; /* runs should have Bloom filters of its values. Not in the run's own layout */
};
/* A graph over a column of vectors, by the names of graph/graph.h. */
struct firn_column_graph {
    uint32_t column;
    uint32_t metric;
    uint32_t m;
    uint32_t ef_construction;
};
/* The columns that a tree's runs have: all that any state of the table that can still be read has. Of
 * rows that have a column that is not among these, it is left out; rows that lack one of these get its
 * initial value. So what a run gives has all columns of its layout but the key's, nulls included. */
struct firn_column_layout {
    const struct firn_column_def *columns; /* by ascending id */
    size_t count;
    const uint32_t *key; /* ids of the primary key's, in their order there; not nullable */
    size_t key_count;
    /* Graphs that runs of the tree should have. Not in the run's own layout: attachments say which it has. */
    const struct firn_column_graph *graphs;
    size_t graph_count;
};
enum { FIRN_COLUMN_COUNT_MAX = 4096, FIRN_COLUMN_KEY_MAX = 16 };

/* ---- looking into a run ---- */

struct firn_column_group {
    uint32_t rows;    /* 1 to FIRN_CHUNK_VALUES_MAX */
    firn_slice lower; /* the first key, encoded; borrowed from the run */
    firn_slice upper; /* the last one */
    uint64_t sequence_min;
    uint64_t sequence_max;
    bool is_plain; /* all rows are puts without an end, and no key is there twice, in the run */
};
size_t firn_column_group_count(const struct firn_run *run);
void firn_column_group_at(const struct firn_run *run, size_t i, struct firn_column_group *out);
/* The run's own columns: a copy of the layout that it was written with. Owned by the run. */
const struct firn_column_layout *firn_column_layout_of(const struct firn_run *run);
/* What the run says of one column of a group: FIRN_NOT_FOUND, without a text, where the group has no chunk
 * of that column: the run does not have the column, or, of a hidden one, see below. */
struct firn_column_info {
    uint8_t encoding; /* enum firn_encoding; 0: one value in pieces, which no chunk could hold */
    uint64_t stored_bytes;
    uint64_t raw_bytes;              /* of the values */
    struct firn_chunk_bounds bounds; /* bytes borrowed from the run */
};
FIRN_MUST_CHECK int firn_column_info_of(const struct firn_run *run, size_t group, uint32_t column,
                                        struct firn_column_info *out);
/* Whether a group can have one of some values in a column of that kind, by its Bloom filter; true where there is none, or a damaged
 * one. FIRN_IO, FIRN_NO_MEMORY. Requires: the group has a chunk of the column. Any thread. */
FIRN_MUST_CHECK int firn_column_filter_may_have(struct firn_run *run, size_t group, uint32_t column,
                                                const struct firn_cell *values, size_t count,
                                                bool *out, firn_error *err);
/* A chunk of a column of a group, in the cache until the pin is given back, or in memory of its own. */
struct firn_column_pin {
    struct firn_block_cache *cache; /* NULL: nothing is pinned in the cache */
    void *made; /* not NULL: memory that the chunk was made in, of values in value files too */
    struct firn_block_pin pin;
    struct firn_chunk chunk;
};
/* Values that lie in value files are read, all of them: up to GROUP_BYTES of column_format.h, or of one row.
 * FIRN_NOT_FOUND as above; FIRN_CORRUPT names file, column and row group; FIRN_LIMIT for a value in
 * pieces: see read_large. Any thread. */
FIRN_MUST_CHECK int firn_column_pin_chunk(struct firn_run *run, size_t group, uint32_t column,
                                          enum firn_block_cache_use use,
                                          struct firn_column_pin *out, firn_error *err);
/* It is empty afterwards; an empty one is fine. */
void firn_column_unpin(struct firn_column_pin *pin);
/* Puts file, offset, column and row group before what a function of encoding/encoding.h said of a chunk
 * that was pinned. Returns err->code. Requires: a failure in *err. Any thread. */
int firn_column_explain(const struct firn_run *run, size_t group, uint32_t column, firn_error *err);
/* Replaces the contents of out with the one value of a group that lies in pieces. FIRN_NOT_FOUND: there
 * is none in that column. Any thread. */
FIRN_MUST_CHECK int firn_column_read_large(struct firn_run *run, size_t group, uint32_t column,
                                           struct firn_buf *out, firn_error *err);
/* The hidden columns: sequence (U64), kind (U64: enum firn_entry_kind), end of life (U64, null where
 * there is none), operands of merges (BYTES, as the value of an entry has them; null where there is
 * none). A group has no chunk of one where all rows have the same: the group's one sequence, PUT, null. */
enum {
    FIRN_COLUMN_SEQUENCE = FIRN_TUPLE_COLUMN_LIMIT,
    FIRN_COLUMN_KIND,
    FIRN_COLUMN_EXPIRES,
    FIRN_COLUMN_OPERAND
};

#endif
