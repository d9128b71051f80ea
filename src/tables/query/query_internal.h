/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_internal.h: what the files of the room share.
 */
#ifndef FIRN_QUERY_QUERY_INTERNAL_H
#define FIRN_QUERY_QUERY_INTERNAL_H

#include <stdatomic.h>

#include "aggregate/aggregate.h"
#include "aggregate/row_sort.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "column/column.h"
#include "expr/expr.h"
#include "lsm/lsm_pieces.h"
#include "lsm/lsm_winners.h"
#include "os/os_process.h"
#include "query/query.h"
#include "storefile/storefile.h"
#include "threads/os_thread.h"

enum {
    FIRN_QUERY_THREADS_MAX = 64,
    FIRN_QUERY_THREADS_DEFAULT_MAX = 8,
    FIRN_QUERY_MEMORY_MIN = 16 << 20
};

/* A mask of the rows of a batch. */
struct firn_query_mask {
    uint64_t words[FIRN_CHUNK_MASK_WORDS];
};
static inline bool
firn_query_mask_is_empty(const struct firn_query_mask *mask)
{
    uint64_t any = 0;
    for (size_t i = 0; i < FIRN_CHUNK_MASK_WORDS; i++) {
        any |= mask->words[i];
    }
    return any == 0;
}
static inline size_t
firn_query_mask_count(const struct firn_query_mask *mask)
{
    return firn_chunk_mask_count(mask->words);
}
/* The rows [first, end). Requires: first <= end <= FIRN_CHUNK_BLOCK. */
void firn_query_column_mask(struct firn_query_mask *mask, size_t first, size_t end);
static inline bool
firn_query_mask_has(const struct firn_query_mask *mask, size_t row)
{
    return (mask->words[row / 64] >> (row % 64) & 1) != 0;
}

/* ---- what is asked: query_plan.c ---- */

/* A value that is computed of each row. */
struct firn_query_value {
    const struct firn_expr *expr;      /* NULL: there is none (count(*)); owned by the plan */
    struct firn_aggregate_column type; /* BOOL for the constant null */
    size_t column; /* it is just this one of the plan's columns; SIZE_MAX: it must be computed */
};

struct firn_query_plan {
    const struct firn_schema *schema;
    /* The columns of the table that are read, ascending by place, and what runs know of them. */
    uint32_t *places;
    struct firn_column_def *columns;
    size_t place_count;
    struct firn_expr *where; /* NULL: all rows */
    struct firn_expr_where split;
    bool is_grouped; /* there are groups, or one of all rows */
    struct firn_expr_list select;
    struct firn_expr_list group;
    struct firn_expr_list order; /* empty where rows come in that order */
    bool is_descending;          /* they come from the end */
    struct firn_expr_groups
        groups; /* where is_grouped: what is selected, then what it is ordered by */
    struct firn_aggregate_call *calls; /* of groups.aggregates */
    /* Of each row: what is selected and what it is ordered by; or the keys of groups, then the arguments of
     * aggregates. */
    struct firn_query_value *values;
    size_t value_count;
    /* What goes out: what is selected, then what it is ordered by and is not selected. */
    struct firn_expr_type *outputs;
    size_t output_count;
    struct firn_row_sort_key *sort; /* of each of order */
    bool may_list;                  /* batches of few rows may be read as lists of them */
};
FIRN_MUST_CHECK int firn_query_plan_create(const struct firn_schema *schema,
                                           const struct firn_query_options *options,
                                           struct firn_query_plan **out, firn_error *err);
/* NULL is fine. */
void firn_query_plan_destroy(struct firn_query_plan *plan);
/* Where a place of the schema is among the plan's. Requires: it is there. */
size_t firn_query_plan_find(const struct firn_query_plan *plan, uint32_t place);
/* The expression that computes output i: of each row, or of each group. */
const struct firn_expr *firn_query_plan_output(const struct firn_query_plan *plan, size_t i);
/* How values of a type are kept in groups and sorts. */
struct firn_aggregate_column firn_query_plan_kept(const struct firn_expr_type *type);

/* ---- where rows come from: query_source.c ---- */

/* What a scan reads, for all of its threads. */
struct firn_query_input {
    const struct firn_query_plan *plan;
    /* Rows as they lie in runs and memtables; NULL: they are read one by one by a cursor. */
    struct firn_lsm_pieces *pieces;
    size_t piece_count;        /* 1 where rows are read by a cursor */
    _Atomic size_t piece_next; /* the next one that no thread has taken */
    _Atomic bool is_stopped;   /* no thread needs to go on */
    enum firn_block_cache_use use;
    bool is_descending;               /* pieces are read from the end, and their batches too */
    struct firn_table_cursor *cursor; /* over the columns of the plan; NULL: there are pieces */
    uint64_t wanted; /* rows that are of use in the next batch, of a stream with a limit; 0: all */
};

/* What one thread reads, batch after batch. */
struct firn_query_source;
FIRN_MUST_CHECK int firn_query_source_create(struct firn_query_input *input,
                                             struct firn_query_source **out, firn_error *err);
/* NULL is fine. */
void firn_query_source_destroy(struct firn_query_source *source);
/* From now on firn_query_source_next tells of all rows that it reads, of those too that do not fulfil the condition;
 * FIRN_CANCELLED where the query is not wanted any more. */
void firn_query_source_tell(struct firn_query_source *source,
                            struct firn_storefile_progress *progress);
/* The next batch with rows that fulfil the plan's condition, of the piece that was begun; *out is false at the end
 * of the piece. */
FIRN_MUST_CHECK int firn_query_source_begin(struct firn_query_source *source, size_t piece,
                                            firn_error *err);
FIRN_MUST_CHECK int firn_query_source_next(struct firn_query_source *source, bool *out,
                                           firn_error *err);
/* Of the batch: how many rows it has, and which of them count. */
size_t firn_query_source_rows(const struct firn_query_source *source);
const struct firn_query_mask *firn_query_source_mask(const struct firn_query_source *source);
/* The values of a column of the plan, borrowed until the next batch. Only those of rows that count mean
 * something. */
FIRN_MUST_CHECK int firn_query_source_column(struct firn_query_source *source, size_t i,
                                             struct firn_chunk_values *out, firn_error *err);
/* The chunk that a column of the batch lies in, and the block of it that the batch is; NULL: it lies in none. */
FIRN_MUST_CHECK int firn_query_source_chunk(struct firn_query_source *source, size_t i,
                                            const struct firn_chunk **out, size_t *out_block,
                                            firn_error *err);
/* The chunk that a column of the piece lies in, if it is pinned; else NULL. */
const struct firn_column_pin *firn_query_source_pin(const struct firn_query_source *source,
                                                    size_t i);
/* Where reading that chunk failed with rc: says which file, column and row group it is. Returns rc. */
int firn_query_source_explain(const struct firn_query_source *source, size_t i, int rc,
                              firn_error *err);
/* The run and the group that the batch lies in, with the number of its first row there; false: it lies in none. */
bool firn_query_source_place(const struct firn_query_source *source, struct firn_run **out_run,
                             size_t *out_group, size_t *out_row);
/* Whether the piece is loose (lsm/lsm_pieces.h). */
bool firn_query_source_is_loose(const struct firn_query_source *source);
/* Of the piece: a number that changes with the chunk that a column lies in. */
size_t firn_query_source_piece(const struct firn_query_source *source);
/* Reads the columns that the evaluator needs, and begins it with the batch. */
FIRN_MUST_CHECK int firn_query_source_begin_eval(struct firn_query_source *source,
                                                 struct firn_expr_eval *eval, firn_error *err);
/* What was read so far; rows_returned and threads are not set. */
void firn_query_source_count(const struct firn_query_source *source, firn_scan_stats *stats);
/* Takes all rows that are left of a piece at once, if all of them fulfil the condition and that is known without
 * looking at them: true, with their number. */
bool firn_query_source_take_all(struct firn_query_source *source, uint64_t *out_rows);
/* The same, if the visitor takes them. */
bool firn_query_source_offer_all(struct firn_query_source *source,
                                 const struct firn_query_visitor *visitor);

/* ---- threads: query_worker.c ---- */

/* One thread's share of a query whose rows are all read before the first one goes out. */
struct firn_query_worker {
    struct firn_query_input *input;
    struct firn_query_source *source;
    struct firn_expr_eval *eval; /* of the values that must be computed; NULL: there are none */
    size_t *eval_index;          /* of each value, where it is computed: its number in eval */
    struct firn_chunk_values *values; /* of each value of the plan */
    struct firn_aggregate *aggregate; /* of a grouped query; NULL: it is not */
    struct firn_row_sort *sort; /* of one with an order, and without groups; NULL: it is not */
    const struct firn_query_visitor *visitor; /* of one that is visited; NULL: it is not */
    unsigned number;
    uint32_t codes[FIRN_CHUNK_BLOCK];
    size_t codes_piece; /* whose codes the aggregate knows; SIZE_MAX: none's */
    struct firn_chunk_scratch scratch;
    int rc;
    firn_error error;
};
FIRN_MUST_CHECK int firn_query_worker_init(struct firn_query_worker *worker,
                                           struct firn_query_input *input, firn_error *err);
/* A zeroed one is fine. */
void firn_query_worker_deinit(struct firn_query_worker *worker);
/* All values of the plan for the batch of the source. */
FIRN_MUST_CHECK int firn_query_worker_values(struct firn_query_worker *worker, firn_error *err);
/* Reads pieces until none is left, into the worker's groups or sort. The result is in the worker. For a
 * job. */
void firn_query_worker_run(void *worker);
/* The same of groups: query_group.c. */
FIRN_MUST_CHECK int firn_query_group_piece(struct firn_query_worker *worker, firn_error *err);
/* Bounds of the keys of groups, as far as runs tell them, and about how many rows there are; false: of some key
 * nothing is known. */
bool firn_query_group_ranges(const struct firn_query_input *input,
                             struct firn_aggregate_range *ranges, uint64_t *out_rows);

/* The same, to the visitor: query_visit.c. */
FIRN_MUST_CHECK int firn_query_visit_piece(struct firn_query_worker *worker, firn_error *err);

/* ---- columns in memory of their own: query_column.c ---- */

/* Which rows of a batch count, by number. */
enum { FIRN_QUERY_AT_ONCE = 4 }; /* rows that are listed without looking how many there are */
struct firn_query_selection {
    uint16_t rows[FIRN_CHUNK_BLOCK + FIRN_QUERY_AT_ONCE];
    size_t count;
    bool is_all; /* they are the rows from 0 to count - 1 */
};
void firn_query_column_selection(const struct firn_query_mask *mask, size_t row_count,
                                 struct firn_query_selection *out);
/* Leaves out the first `skip` of them, and all after the first `most` of the rest. */
void firn_query_column_cut(struct firn_query_selection *selection, size_t skip, size_t most);

/* Memory for the values of up to FIRN_CHUNK_BLOCK rows of one column; zeroed at first. */
struct firn_query_column {
    void *numbers; /* or slices */
    uint64_t valid[FIRN_CHUNK_MASK_WORDS];
    struct firn_buf bytes;
};
void firn_query_column_deinit(struct firn_query_column *column);
/* The values of selected rows, side by side: borrowed from values where all are selected, else in the
 * column's memory. Bytes are always borrowed. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_query_column_select(struct firn_query_column *column,
                                             const struct firn_chunk_values *values,
                                             const struct firn_query_selection *selection,
                                             struct firn_chunk_values *out, firn_error *err);
/* `count` times the same value; its bytes are borrowed. */
FIRN_MUST_CHECK int firn_query_column_repeat(struct firn_query_column *column,
                                             const struct firn_column_def *def,
                                             const struct firn_cell *cell, size_t count,
                                             struct firn_chunk_values *out, firn_error *err);
/* Room for `count` values of a kind, which the caller fills; all of them are null. */
FIRN_MUST_CHECK int firn_query_column_begin(struct firn_query_column *column,
                                            enum firn_physical kind, firn_error *err);
/* Value i of the column is this one; its bytes are borrowed. Requires: begin with the value's kind. */
void firn_query_column_put(struct firn_query_column *column, enum firn_physical kind, size_t i,
                           const struct firn_value *value);
void firn_query_column_end(const struct firn_query_column *column, enum firn_physical kind,
                           uint32_t fixed_size, size_t count, struct firn_chunk_values *out);

#endif
