/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_internal.h: what the files of the room share.
 */
#ifndef FIRN_QUERY_QUERY_INTERNAL_H
#define FIRN_QUERY_QUERY_INTERNAL_H

#include <stdatomic.h>

#include "aggregate/aggregate.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "column/column.h"
#include "expr/expr.h"
#include "lsm/lsm_pieces.h"
#include "lsm/lsm_winners.h"
#include "os/os_process.h"
#include "query/query.h"
#include "rowsort/rowsort.h"
#include "storefile/storefile.h"
#include "threads/os_thread.h"

enum {
    FI_QUERY_THREADS_MAX = 64,
    FI_QUERY_THREADS_DEFAULT_MAX = 8,
    FI_QUERY_MEMORY_MIN = 16 << 20
};

/* A mask of the rows of a batch. */
struct fi_query_mask {
    uint64_t words[FI_CHUNK_MASK_WORDS];
};
static inline bool
fi_query_mask_is_empty(const struct fi_query_mask *mask)
{
    uint64_t any = 0;
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        any |= mask->words[i];
    }
    return any == 0;
}
static inline size_t
fi_query_mask_count(const struct fi_query_mask *mask)
{
    return fi_chunk_mask_count(mask->words);
}
/* The rows [first, end). Requires: first <= end <= FI_CHUNK_BLOCK. */
void fi_query_column_mask(struct fi_query_mask *mask, size_t first, size_t end);
static inline bool
fi_query_mask_has(const struct fi_query_mask *mask, size_t row)
{
    return (mask->words[row / 64] >> (row % 64) & 1) != 0;
}

struct fi_query_join;

/* ---- the plan: query_plan.c ---- */

/* A value that is computed for each row. */
struct fi_query_value {
    const struct fi_expr *expr;      /* NULL: there is none (count(*)); owned by the plan */
    struct fi_aggregate_column type; /* BOOL for the constant null */
    size_t column; /* the value is this one of the plan's columns; SIZE_MAX: it must be computed */
};

struct fi_query_plan {
    struct fi_rows_spare spare; /* first: while the table has it */
    struct fi_schema *schema;   /* a reference */
    char *text;                 /* of select, for the next scan; NULL: it is for this one alone */
    /* The columns of the table that are read, ascending by place, and their definitions for
     * runs. */
    uint32_t *places;
    struct fi_column_def *columns;
    size_t place_count;
    size_t own_count;      /* of them: columns of the table; the others are of joined rows */
    struct fi_expr *where; /* of the table's columns alone, if rows are joined; NULL: all rows */
    struct fi_expr_where split;
    struct fi_expr *key;   /* what finds the joined rows; NULL: there are none */
    size_t joined_key;     /* the number of the joined scan's column that equals it */
    bool is_mixed;         /* one is I64, and the other U64 */
    struct fi_expr *after; /* the condition on joined rows; NULL: all */
    bool is_grouped;       /* there are groups, or one of all rows */
    struct fi_expr_list select;
    struct fi_expr_list group;
    struct fi_expr_list order;    /* empty if rows are read in that order */
    bool is_descending;           /* rows are read from the end */
    struct fi_expr_groups groups; /* if is_grouped: what is selected, then what it is ordered by */
    struct fi_aggregate_call *calls; /* of groups.aggregates */
    /* For each row: what is selected and what it is ordered by; or the keys of groups, then the
     * arguments of aggregates. */
    struct fi_query_value *values;
    size_t value_count;
    /* The outputs: what is selected, then what it is ordered by and is not selected. */
    struct fi_expr_type *outputs;
    size_t output_count;
    struct fi_rowsort_key *sort; /* of each item of order */
    bool may_list;               /* batches of few rows may be read as lists of them */
};
/* Makes a plan, or takes the one that a scan of the same columns has left. */
FIRN_MUST_CHECK int fi_query_plan_open(struct firn_table *table, struct fi_schema *schema,
                                       const struct fi_query_options *options,
                                       struct fi_query_plan **out, firn_error *err);
/* Leaves the plan for the next scan of the table, if it may have the same one. NULL is fine. */
void fi_query_plan_close(struct firn_table *table, struct fi_query_plan *plan);
/* The plan's column of a place of the schema. Requires: the plan has it. */
size_t fi_query_plan_find(const struct fi_query_plan *plan, uint32_t place);
/* The expression that computes output i, for each row or for each group. */
const struct fi_expr *fi_query_plan_output(const struct fi_query_plan *plan, size_t i);
/* Adds the bounds of the joined rows' keys to the conditions, if the key is a column of numbers. */
FIRN_MUST_CHECK int fi_query_plan_bound(struct fi_query_plan *plan,
                                        const struct fi_query_join *join, firn_error *err);
/* How values of a type are kept in groups and sorts. */
struct fi_aggregate_column fi_query_plan_kept(const struct fi_expr_type *type);

/* ---- the rows of a joined scan, in memory: query_join.c ---- */

#define FI_QUERY_JOIN_NONE UINT32_MAX
struct fi_query_join_spec {
    size_t key;            /* the number of the scan's column that finds rows */
    const size_t *columns; /* the numbers of those that are kept */
    size_t column_count;
    bool is_mixed; /* keys that are looked for are signed, and the column is not, or vice versa */
    uint64_t memory_bytes;
    uint64_t seed;
};
/* Reads a scan to its end. The spec is borrowed for the call. FIRN_LIMIT: more memory is needed,
 * or there are too many rows; FIRN_NO_MEMORY; failures of the scan. */
FIRN_MUST_CHECK int fi_query_join_read(struct firn_scan *scan,
                                       const struct fi_query_join_spec *spec,
                                       struct fi_query_join **out, firn_error *err);
/* NULL is fine. */
void fi_query_join_destroy(struct fi_query_join *join);
uint64_t fi_query_join_bytes(const struct fi_query_join *join);
/* The smallest and the largest key; false: they are not numbers, or there are none. */
bool fi_query_join_bounds(const struct fi_query_join *join, uint64_t *out_min, uint64_t *out_max);
/* The first row for each wanted key; the bits of others are cleared, and their rows are any.
 * Returns whether a key has several rows. Requires: room for FI_CHUNK_BLOCK rows. */
bool fi_query_join_find(const struct fi_query_join *join, const struct fi_chunk_values *keys,
                        uint64_t *mask, uint32_t *rows);
/* The next row with the key of a row, or FI_QUERY_JOIN_NONE. */
uint32_t fi_query_join_next(const struct fi_query_join *join, uint32_t row);
struct fi_query_column;
/* The values of a kept column for some rows, up to FI_CHUNK_BLOCK, in the memory of `to`; bytes are
 * borrowed from the join. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_query_join_column(const struct fi_query_join *join, size_t i,
                                         const uint32_t *rows, size_t count,
                                         struct fi_query_column *to, struct fi_chunk_values *out,
                                         firn_error *err);

/* ---- the source of rows: query_source.c ---- */

/* What a scan reads, for all of its threads. */
struct fi_query_input {
    const struct fi_query_plan *plan;
    const struct fi_query_join *join; /* NULL: the plan joins no rows */
    /* The pieces of the runs and memtables; NULL: a cursor reads the rows one by one. */
    struct fi_lsm_pieces *pieces;
    size_t piece_count;        /* 1 if a cursor reads the rows */
    _Atomic size_t piece_next; /* the next one that no thread has taken */
    _Atomic bool is_stopped;   /* no thread needs to go on */
    enum fi_block_cache_use use;
    bool is_descending;               /* pieces are read from the end, and their batches too */
    struct firn_table_cursor *cursor; /* over the columns of the plan; NULL: there are pieces */
    uint64_t wanted; /* rows of the next batch that a stream with a limit can use; 0: all */
};

/* What one thread reads, batch after batch. */
struct fi_query_source;
FIRN_MUST_CHECK int fi_query_source_create(struct fi_query_input *input,
                                           struct fi_query_source **out, firn_error *err);
/* NULL is fine. */
void fi_query_source_destroy(struct fi_query_source *source);
/* From now on fi_query_source_next reports the rows that it reads as progress, including those
 * that do not fulfil the condition. It returns FIRN_CANCELLED if the user has cancelled the
 * query. */
void fi_query_source_report(struct fi_query_source *source, struct fi_storefile_progress *progress);
/* begin starts a piece; next reads its next batch with rows that fulfil the plan's condition. *out
 * is false at the end of the piece. */
FIRN_MUST_CHECK int fi_query_source_begin(struct fi_query_source *source, size_t piece,
                                          firn_error *err);
FIRN_MUST_CHECK int fi_query_source_next(struct fi_query_source *source, bool *out,
                                         firn_error *err);
/* The number of rows of the batch, and which of them count. */
size_t fi_query_source_rows(const struct fi_query_source *source);
const struct fi_query_mask *fi_query_source_mask(const struct fi_query_source *source);
/* The values of a column of the plan, borrowed until the next batch. Only those of rows that count
 * have a meaning. */
FIRN_MUST_CHECK int fi_query_source_column(struct fi_query_source *source, size_t i,
                                           struct fi_chunk_values *out, firn_error *err);
/* The chunk of a column, and the block of it that the batch is; NULL: the values are in no
 * chunk. */
FIRN_MUST_CHECK int fi_query_source_chunk(struct fi_query_source *source, size_t i,
                                          const struct fi_chunk **out, size_t *out_block,
                                          firn_error *err);
/* The chunk of a column of the piece, if it is pinned; else NULL. */
const struct fi_column_pin *fi_query_source_pin(const struct fi_query_source *source, size_t i);
/* If reading that chunk failed with rc, adds its file, column and row group to err. Returns rc. */
int fi_query_source_explain(const struct fi_query_source *source, size_t i, int rc,
                            firn_error *err);
/* The run and the group of the batch, with the number of its first row there; false: it is in no
 * run. */
bool fi_query_source_place(const struct fi_query_source *source, struct fi_run **out_run,
                           size_t *out_group, size_t *out_row);
/* Whether the piece is loose (lsm/lsm_pieces.h). */
bool fi_query_source_is_loose(const struct fi_query_source *source);
/* The number of the piece; each piece has chunks of its own. */
size_t fi_query_source_piece(const struct fi_query_source *source);
/* Reads the columns that the evaluator needs, and begins it with the batch. */
FIRN_MUST_CHECK int fi_query_source_begin_eval(struct fi_query_source *source,
                                               struct fi_expr_eval *eval, firn_error *err);
/* Adds the counts of rows so far; rows_returned and threads are not set. */
void fi_query_source_count(const struct fi_query_source *source, firn_scan_stats *stats);
/* Takes all remaining rows of a piece at once, if it is known without reading them that all fulfil
 * the condition: true, with their number. */
bool fi_query_source_take_all(struct fi_query_source *source, uint64_t *out_rows);
/* Offers all remaining rows of a direct piece to the visitor; true: it has taken them. */
bool fi_query_source_offer_all(struct fi_query_source *source,
                               const struct fi_query_visitor *visitor);

/* ---- threads: query_worker.c ---- */

/* One thread's share of a query whose rows are all read before the first one goes out. */
struct fi_query_worker {
    struct fi_query_input *input;
    struct fi_query_source *source;
    struct fi_expr_eval *eval;      /* of the values that must be computed; NULL: there are none */
    size_t *eval_index;             /* of each value that is computed: its number in eval */
    struct fi_chunk_values *values; /* of each value of the plan */
    struct fi_aggregate *aggregate; /* NULL: the query has no groups */
    struct fi_rowsort *sort; /* NULL: the query has groups, or has no order to be sorted by */
    const struct fi_query_visitor *visitor; /* NULL: the query has no visitor */
    unsigned number;
    uint32_t codes[FI_CHUNK_BLOCK];
    size_t codes_piece; /* the piece whose codes the aggregate has; SIZE_MAX: none */
    struct fi_chunk_scratch scratch;
    int rc;
    firn_error error;
};
FIRN_MUST_CHECK int fi_query_worker_init(struct fi_query_worker *worker,
                                         struct fi_query_input *input, firn_error *err);
/* A zeroed one is fine. */
void fi_query_worker_deinit(struct fi_query_worker *worker);
/* All values of the plan for the batch of the source. */
FIRN_MUST_CHECK int fi_query_values_read(struct fi_query_worker *worker, firn_error *err);
/* A job that reads pieces until none is left, into the worker's groups or sort. The result is in
 * the worker. */
void fi_query_worker_run(void *worker);
/* Adds a piece to the worker's groups: query_group.c. */
FIRN_MUST_CHECK int fi_query_group_piece(struct fi_query_worker *worker, firn_error *err);
/* Bounds of the keys of groups, as far as runs record them, and an upper bound of the number of
 * rows; false: nothing is known of some key. */
bool fi_query_group_ranges(const struct fi_query_input *input, struct fi_aggregate_range *ranges,
                           uint64_t *out_rows);

/* Passes a piece to the visitor: query_visit.c. */
FIRN_MUST_CHECK int fi_query_visit_piece(struct fi_query_worker *worker, firn_error *err);

/* ---- columns in memory of their own: query_column.c ---- */

/* Which rows of a batch count, by number; where rows are joined, a row may be there again and
 * again. */
enum { FI_QUERY_AT_ONCE = 4 }; /* rows that are listed without checking how many there are */
struct fi_query_selection {
    uint16_t rows[FI_CHUNK_BLOCK + FI_QUERY_AT_ONCE];
    size_t count;
    bool is_all; /* they are the rows from 0 to count - 1 */
};
void fi_query_column_selection(const struct fi_query_mask *mask, size_t row_count,
                               struct fi_query_selection *out);
/* Leaves out the first `skip` rows, and all after the first `most` of the rest. */
void fi_query_column_cut(struct fi_query_selection *selection, size_t skip, size_t most);

/* Memory for the values of up to FI_CHUNK_BLOCK rows of one column; zeroed at first. */
struct fi_query_column {
    void *numbers; /* or slices */
    uint64_t valid[FI_CHUNK_MASK_WORDS];
    struct fi_buf bytes;
};
void fi_query_column_deinit(struct fi_query_column *column);
/* The values of selected rows without gaps: borrowed from values if all are selected, else in the
 * column's memory. Bytes are always borrowed. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_query_column_select(struct fi_query_column *column,
                                           const struct fi_chunk_values *values,
                                           const struct fi_query_selection *selection,
                                           struct fi_chunk_values *out, firn_error *err);
/* The values of the selected rows, one after the other, in memory of their kind. */
void fi_query_column_gather(void *to, const struct fi_chunk_values *values,
                            const struct fi_query_selection *selection);
/* Repeats a value `count` times; its bytes are borrowed. */
FIRN_MUST_CHECK int fi_query_column_repeat(struct fi_query_column *column,
                                           const struct fi_column_def *def,
                                           const struct fi_cell *cell, size_t count,
                                           struct fi_chunk_values *out, firn_error *err);
/* Makes room for `count` values of a kind, which the caller fills; all of them are null at
 * first. */
FIRN_MUST_CHECK int fi_query_column_begin(struct fi_query_column *column, enum fi_physical kind,
                                          firn_error *err);
/* Sets value i of the column; its bytes are borrowed. Requires: begin with the value's kind. */
void fi_query_column_put(struct fi_query_column *column, enum fi_physical kind, size_t i,
                         const struct firn_value *value);
void fi_query_column_end(const struct fi_query_column *column, enum fi_physical kind,
                         uint32_t fixed_size, size_t count, struct fi_chunk_values *out);

#endif
