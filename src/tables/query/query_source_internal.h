/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_source_internal.h: what only query_source.c and query_pairs.c share. The invariants
 * are those of query_source.c.
 */
#ifndef FIRN_QUERY_QUERY_SOURCE_INTERNAL_H
#define FIRN_QUERY_QUERY_SOURCE_INTERNAL_H

#include "query/query_internal.h"

enum fi_query_source_way { WAY_NONE, WAY_DIRECT, WAY_MERGED, WAY_ROWS };

enum fi_query_source_state {
    COLUMN_UNKNOWN,
    COLUMN_CHUNK,   /* pinned */
    COLUMN_INITIAL, /* the run does not have the column */
    COLUMN_LARGE    /* the group has one row, with a value too large for a chunk */
};

struct fi_query_source_column {
    bool is_asked;                    /* a condition is tested on its chunks */
    enum fi_query_source_state state; /* in the group of a direct piece */
    struct fi_column_pin pin;
    struct fi_buf large;
    struct fi_chunk_scratch scratch;
    struct fi_lsm_winners_scratch merged;
    struct fi_query_column own; /* of initial and large values, and those of rows from a cursor */
    bool is_read;               /* values are of this batch */
    struct fi_chunk_values values;
    /* of a spread batch: a value for each pair */
    bool is_spread;
    struct fi_query_column spread;
    struct fi_chunk_values spread_values;
};

/* A condition of the plan. */
struct fi_query_source_asked {
    size_t column; /* of the plan */
    bool is_met;   /* all rows of the piece fulfil it */
    bool is_ready; /* filter is that of the piece's chunk */
    struct fi_chunk_filter filter;
};

struct fi_query_source {
    struct fi_query_input *input;
    const struct fi_query_plan *plan;
    struct fi_query_source_column *columns; /* of each place of the plan */
    struct fi_query_source_asked *asked;    /* of each condition */
    /* values of the batch, by place in the schema, as far as they were read */
    struct fi_chunk_values *operands;
    struct fi_expr_eval *where;   /* NULL: the plan has no condition */
    struct fi_expr_eval *rest;    /* NULL: there is none */
    struct fi_query_pairs *pairs; /* NULL: no rows are joined */

    size_t piece;
    enum fi_query_source_way way;
    bool is_loose;    /* the piece is */
    bool tests_whole; /* the condition is computed, not tested on chunks */
    /* direct */
    struct fi_run *run;
    size_t group;
    size_t rows; /* of the group */
    size_t next; /* the first row of the group that was not read; end: of those to read */
    size_t end;
    size_t block;
    /* merged */
    struct fi_lsm_winners *winners;
    /* rows */
    struct fi_arena arena; /* bytes of the batch */

    size_t count;
    struct fi_query_mask mask;
    /* The batch is a list of rows of its block, without gaps (I3); chosen has their bits in the
     * block. */
    bool is_list;
    struct fi_query_selection list;
    struct fi_query_mask chosen;
    bool expects_list; /* the previous block became a list */
    firn_scan_stats stats;
    struct fi_storefile_progress *progress; /* NULL: not reported */
};

/* The joined rows of a batch (query_pairs.c). */
struct fi_query_pairs {
    struct fi_expr_eval *key;
    struct fi_expr_eval *after; /* NULL: all pairs count */
    bool is_spread;             /* the batch is a list of pairs */
    /* of a batch that is spread (I4) */
    size_t count;
    struct fi_query_mask mask;
    size_t next;                    /* the first row whose pairs have not all been listed */
    uint32_t rest;                  /* the joined row of its next pair; NONE: the first one */
    uint32_t found[FI_CHUNK_BLOCK]; /* the first joined row of each row */
    struct fi_query_selection rows; /* of each pair */
    uint32_t with[FI_CHUNK_BLOCK];  /* the joined row of each pair, or of each row */
};

/* ---- query_source.c ---- */

/* NULL: the result is NULL, too. */
FIRN_MUST_CHECK int fi_query_source_create_eval(const struct fi_expr *expr,
                                                struct fi_expr_eval **out, firn_error *err);
/* Takes rows of the batch for which a condition is not true out of the mask. */
FIRN_MUST_CHECK int fi_query_source_apply(struct fi_query_source *source, struct fi_expr_eval *eval,
                                          firn_error *err);
/* If few rows of a batch count, makes it a list of just these. Columns that were read for the
 * condition are read again. */
void fi_query_source_list(struct fi_query_source *source);
/* Whether a mask is a subset of another one. */
static inline bool
fi_query_mask_is_part_of(const struct fi_query_mask *mask, const struct fi_query_mask *all)
{
    uint64_t beyond = 0;
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        beyond |= mask->words[i] & ~all->words[i];
    }
    return beyond == 0;
}

/* ---- query_pairs.c ---- */

static inline bool
fi_query_source_is_spread(const struct fi_query_source *source)
{
    return source->pairs != NULL && source->pairs->is_spread;
}

/* Requires: the plan joins rows. After a failure *out may have been made. */
FIRN_MUST_CHECK int fi_query_pairs_create(const struct fi_query_plan *plan,
                                          struct fi_query_pairs **out, firn_error *err);
/* NULL is fine. */
void fi_query_pairs_destroy(struct fi_query_pairs *pairs);
/* Whether pairs of the last batch are left to be listed; if not, its columns are those of rows. */
bool fi_query_pairs_are_left(struct fi_query_source *source);
/* Joins rows to a batch, or lists the next pairs of it. */
FIRN_MUST_CHECK int fi_query_pairs_next(struct fi_query_source *source, firn_error *err);
/* A column of joined rows. */
FIRN_MUST_CHECK int fi_query_pairs_column(struct fi_query_source *source, size_t i,
                                          struct fi_chunk_values *out, firn_error *err);
/* A column that was read, with a value for each pair. */
FIRN_MUST_CHECK int fi_query_pairs_spread(const struct fi_query_source *source,
                                          struct fi_query_source_column *column,
                                          struct fi_chunk_values *out, firn_error *err);

#endif
