/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_source.c: the rows that a query reads, in batches, after its condition was applied.
 *
 * A table is read piece by piece (lsm/lsm_pieces.h). There are three ways to read:
 *
 *   direct   A row group that is read without merging. The condition is tested on the bounds and
 *            Bloom filters of the group's chunks first, then on the bounds of each block, then on
 *            the encoded values. Columns are decoded on demand, and only for rows that count. A
 *            batch is a block.
 *   merged   A range of keys for which more than one run or memtable has rows: the winners are
 *            gathered (lsm/lsm_winners.h).
 *   rows     One after the other from a cursor: by an index, from the end, or in a transaction that
 *            has written to the table. There is only one piece then.
 *
 * (I1) Bounds exclude rows of direct pieces only. Elsewhere a row that a bound excludes may hide an
 *      older version that fulfils the condition, and leaving the row out would bring that version
 *      back. (For rows of a loose piece the visitor checks whether anything hides them.)
 * (I2) The mask of a batch only loses rows. So a column that was read for an earlier mask has all
 *      values that a later one needs, until the batch becomes a list.
 * (I3) If few rows of a block fulfil the condition, the batch becomes a list of them. Later steps
 *      then cost as much as the list has rows, not as much as the block has. All rows of a list
 *      count, but those that have no joined row.
 *
 * If rows are joined, each batch that is left then gets the joined rows' columns
 * (query_join.c). If no row of it has several matches, it stays as it is, without the rows that
 * have none. If one has, its columns are spread: a batch is a list of pairs, a row and a joined row
 * each, up to FI_CHUNK_BLOCK of them, and the next batches are the rest of the pairs.
 *
 * (I4) The rows of a spread batch are pairs, but its columns are read for the rows that the pairs
 *      were made from: struct joined has their mask and number.
 *
 * Threads: a source belongs to one thread. All sources share the input.
 */
#include "query/query_internal.h"

#include "base/mem.h"

enum {
    ROWS_BYTES_MAX =
        4 << 20,  /* bytes of the values in a batch of rows from a cursor, at which it ends */
    LIST_PART = 8 /* a block becomes a list if at most one row in so many counts */
};

enum way { WAY_NONE, WAY_DIRECT, WAY_MERGED, WAY_ROWS };

enum column_state {
    COLUMN_UNKNOWN,
    COLUMN_CHUNK,   /* pinned */
    COLUMN_INITIAL, /* the run does not have the column */
    COLUMN_LARGE    /* the group has one row, with a value too large for a chunk */
};

struct column {
    bool is_asked;           /* a condition is tested on its chunks */
    enum column_state state; /* in the group of a direct piece */
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

/* The joined rows of a batch. */
struct joined {
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

/* A condition of the plan. */
struct asked {
    size_t column; /* of the plan */
    bool is_met;   /* all rows of the piece fulfil it */
    bool is_ready; /* filter is that of the piece's chunk */
    struct fi_chunk_filter filter;
};

struct fi_query_source {
    struct fi_query_input *input;
    const struct fi_query_plan *plan;
    struct column *columns; /* of each place of the plan */
    struct asked *asked;    /* of each condition */
    /* values of the batch, by place in the schema, as far as they were read */
    struct fi_chunk_values *operands;
    struct fi_expr_eval *where; /* NULL: the plan has no condition */
    struct fi_expr_eval *rest;  /* NULL: there is none */
    struct joined *joined;      /* NULL: no rows are joined */

    size_t piece;
    enum way way;
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

/* ---- making one ---- */

static int
create_eval(const struct fi_expr *expr, struct fi_expr_eval **out, firn_error *err)
{
    return expr != NULL ? fi_expr_eval_create(&expr, 1, out, err) : FIRN_OK;
}

static int
create_joined(struct fi_query_source *source, firn_error *err)
{
    const struct fi_query_plan *plan = source->plan;
    if (plan->key == NULL) {
        return FIRN_OK;
    }
    source->joined = fi_alloc_zeroed(sizeof *source->joined);
    if (source->joined == NULL) {
        return fi_error_no_memory(err, "a scan");
    }
    FI_TRY_RETURN(create_eval(plan->key, &source->joined->key, err));
    return create_eval(plan->after, &source->joined->after, err);
}

int
fi_query_source_create(struct fi_query_input *input, struct fi_query_source **out, firn_error *err)
{
    const struct fi_query_plan *plan = input->plan;
    size_t count = plan->place_count > 0 ? plan->place_count : 1;
    size_t conditions = plan->split.count > 0 ? plan->split.count : 1;
    int rc = FIRN_OK;
    *out = NULL;
    struct fi_query_source *source = fi_alloc_zeroed(sizeof *source);
    if (source == NULL) {
        return fi_error_no_memory(err, "a scan");
    }
    source->input = input;
    source->plan = plan;
    source->columns = fi_alloc_zeroed(count * sizeof source->columns[0]);
    source->asked = fi_alloc_zeroed(conditions * sizeof source->asked[0]);
    source->operands = fi_alloc_zeroed(plan->schema->column_count * sizeof source->operands[0]);
    if (source->columns == NULL || source->asked == NULL || source->operands == NULL) {
        rc = fi_error_no_memory(err, "a scan");
    }
    for (size_t i = 0; rc == FIRN_OK && i < plan->split.count; i++) {
        source->asked[i].column = fi_query_plan_find(plan, plan->split.conditions[i].place);
        source->columns[source->asked[i].column].is_asked = true;
    }
    rc = rc == FIRN_OK ? create_eval(plan->where, &source->where, err) : rc;
    rc = rc == FIRN_OK ? create_eval(plan->split.rest, &source->rest, err) : rc;
    rc = rc == FIRN_OK ? create_joined(source, err) : rc;
    if (rc != FIRN_OK) {
        fi_query_source_destroy(source);
        return rc;
    }
    *out = source;
    return FIRN_OK;
}

static void
end_piece(struct fi_query_source *source)
{
    for (size_t i = 0; source->columns != NULL && i < source->plan->place_count; i++) {
        fi_column_read_unpin(&source->columns[i].pin);
        source->columns[i].state = COLUMN_UNKNOWN;
        source->columns[i].is_read = false;
    }
    fi_lsm_winners_close(source->winners);
    source->winners = NULL;
    if (source->joined != NULL) {
        source->joined->is_spread = false;
    }
    source->way = WAY_NONE;
    source->count = 0;
}

void
fi_query_source_destroy(struct fi_query_source *source)
{
    if (source == NULL) {
        return;
    }
    end_piece(source);
    for (size_t i = 0; source->columns != NULL && i < source->plan->place_count; i++) {
        struct column *column = &source->columns[i];
        fi_buf_deinit(&column->large);
        fi_chunk_scratch_deinit(&column->scratch);
        fi_lsm_winners_scratch_deinit(&column->merged);
        fi_query_column_deinit(&column->own);
        fi_query_column_deinit(&column->spread);
    }
    if (source->joined != NULL) {
        fi_expr_eval_destroy(source->joined->key);
        fi_expr_eval_destroy(source->joined->after);
        fi_free(source->joined);
    }
    fi_expr_eval_destroy(source->where);
    fi_expr_eval_destroy(source->rest);
    fi_arena_deinit(&source->arena);
    fi_free(source->columns);
    fi_free(source->asked);
    fi_free(source->operands);
    fi_free(source);
}

void
fi_query_source_report(struct fi_query_source *source, struct fi_storefile_progress *progress)
{
    source->progress = progress;
}

/* ---- beginning a piece ---- */

/* The bounds of a chunk in which all rows have an initial value. Like those of chunks, they hold
 * only the first bytes of a long value. */
static struct fi_chunk_bounds
bounds_of_initial(const struct fi_cell *initial, size_t rows)
{
    struct fi_chunk_bounds bounds = {.min = *initial, .max = *initial};
    if (initial->kind == FI_PHYSICAL_NONE) {
        bounds.null_count = rows;
        bounds.is_empty = true;
    } else if (initial->kind == FI_PHYSICAL_BYTES && initial->as.bytes.size > FI_CHUNK_BOUND_SIZE) {
        bounds.min.as.bytes.size = FI_CHUNK_BOUND_SIZE;
        bounds.max.as.bytes.size = FI_CHUNK_BOUND_SIZE;
        bounds.max_is_cut = true;
    }
    return bounds;
}

/* Tests a condition on the bounds of a group's chunk; *out_is_direct: it can be tested on the
 * encoded values. */
static int
assess_group(struct fi_query_source *source, size_t condition, size_t rows,
             enum fi_chunk_verdict *out, bool *out_is_direct)
{
    const struct fi_column_def *def = &source->plan->columns[source->asked[condition].column];
    const struct fi_chunk_predicate *predicate =
        &source->plan->split.conditions[condition].predicate;
    struct fi_column_info info;
    struct fi_chunk_bounds bounds;
    int rc = fi_column_info_of(source->run, source->group, def->id, &info);
    if (rc == FIRN_OK) {
        bounds = info.bounds;
        *out_is_direct = info.encoding != 0;
    } else if (rc == FIRN_NOT_FOUND) {
        bounds = bounds_of_initial(&def->initial, rows);
        *out_is_direct = false;
    } else {
        return rc;
    }
    *out = *out_is_direct || rc == FIRN_NOT_FOUND ? fi_chunk_assess(&bounds, rows, predicate)
                                                  : FI_CHUNK_SOME;
    /* Bounds of a float do not say which NaN it is, and those of bytes may be cut. */
    if (rc == FIRN_NOT_FOUND && *out != FI_CHUNK_ALL) {
        *out = FI_CHUNK_SOME;
    }
    return FIRN_OK;
}

/* Asks a Bloom filter; *out becomes NONE if no row of the group fulfils the condition. */
static int
query_filter(struct fi_query_source *source, size_t condition, enum fi_chunk_verdict *out,
             firn_error *err)
{
    const uint32_t column = source->plan->columns[source->asked[condition].column].id;
    const struct fi_chunk_predicate *predicate =
        &source->plan->split.conditions[condition].predicate;
    const bool is_equal = predicate->test == FI_CHUNK_EQUAL;
    bool may_have = true;
    int rc = FIRN_OK;
    DCHECK(source->way == WAY_DIRECT); /* (I1) */
    if (is_equal || predicate->test == FI_CHUNK_IN) {
        rc = fi_column_filter_may_have(source->run, source->group, column,
                                       is_equal ? &predicate->a : predicate->list,
                                       is_equal ? 1 : predicate->list_count, &may_have, err);
    }
    *out = may_have ? *out : FI_CHUNK_NONE;
    return rc;
}

static int
query_source_prune(struct fi_query_source *source, size_t rows, firn_error *err)
{
    const struct fi_expr_where *split = &source->plan->split;
    DCHECK(source->way == WAY_DIRECT && source->run != NULL); /* (I1) */
    for (size_t i = 0; i < split->count; i++) {
        enum fi_chunk_verdict verdict;
        bool is_direct;
        int rc = assess_group(source, i, rows, &verdict, &is_direct);
        if (rc == FIRN_OK && verdict == FI_CHUNK_SOME && is_direct) {
            rc = query_filter(source, i, &verdict, err);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
        if (verdict == FI_CHUNK_NONE) {
            source->stats.rows_pruned += source->end - source->next;
            source->end = source->next;
            return FIRN_OK;
        }
        source->asked[i].is_met = verdict == FI_CHUNK_ALL;
        source->tests_whole = source->tests_whole || (!source->asked[i].is_met && !is_direct);
    }
    return FIRN_OK;
}

static int
begin_direct(struct fi_query_source *source, const struct fi_lsm_piece *piece, firn_error *err)
{
    struct fi_column_group group;
    uint32_t first;
    uint32_t count;
    source->way = WAY_DIRECT;
    source->is_loose = piece->is_loose;
    source->run = piece->run;
    source->group = piece->group;
    int rc = fi_lsm_pieces_rows(source->input->pieces, source->piece, &first, &count, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_column_group_at(piece->run, piece->group, &group);
    DCHECK(first <= group.rows && count <= group.rows - first);
    source->rows = group.rows;
    source->next = first;
    source->end = (size_t)first + count;
    if (source->plan->split.is_never) {
        source->stats.rows_pruned += count;
        source->end = source->next;
        return FIRN_OK;
    }
    return query_source_prune(source, group.rows, err);
}

int
fi_query_source_begin(struct fi_query_source *source, size_t piece, firn_error *err)
{
    const struct fi_query_input *input = source->input;
    DCHECK(piece < input->piece_count);
    end_piece(source);
    source->piece = piece;
    source->tests_whole = false;
    source->is_loose = false;
    for (size_t i = 0; i < source->plan->split.count; i++) {
        source->asked[i].is_met = false;
        source->asked[i].is_ready = false;
    }
    if (input->pieces == NULL) {
        source->way = WAY_ROWS;
        source->tests_whole = true;
        return FIRN_OK;
    }
    struct fi_lsm_piece what;
    fi_lsm_pieces_at(input->pieces, piece, &what);
    if (what.run != NULL) {
        int rc = begin_direct(source, &what, err);
        /* When reading from the end, rows are gathered one by one, like those that must be
         * merged. */
        if (rc != FIRN_OK || source->next == source->end || !input->is_descending) {
            return rc;
        }
    }
    source->way = WAY_MERGED;
    source->tests_whole = true;
    return fi_lsm_winners_open(input->pieces, piece, input->is_descending, &source->winners, err);
}

/* ---- columns of a batch ---- */

static int
open_chunk(struct fi_query_source *source, size_t i, firn_error *err)
{
    struct column *column = &source->columns[i];
    uint32_t id = source->plan->columns[i].id;
    if (column->state != COLUMN_UNKNOWN) {
        return FIRN_OK;
    }
    int rc =
        fi_column_pin_chunk(source->run, source->group, id, source->input->use, &column->pin, err);
    if (rc == FIRN_OK) {
        column->state = COLUMN_CHUNK;
    } else if (rc == FIRN_NOT_FOUND) {
        column->state = COLUMN_INITIAL;
        rc = FIRN_OK;
    } else if (rc == FIRN_LIMIT) {
        column->state = COLUMN_LARGE;
        rc = fi_column_read_large(source->run, source->group, id, &column->large, err);
    }
    return rc;
}

int
fi_query_source_explain(const struct fi_query_source *source, size_t i, int rc, firn_error *err)
{
    return rc == FIRN_CORRUPT
               ? fi_column_explain(source->run, source->group, source->plan->columns[i].id, err)
               : rc;
}

static bool
is_spread(const struct fi_query_source *source)
{
    return source->joined != NULL && source->joined->is_spread;
}

/* The rows that columns are read for. */
static const uint64_t *
mask_of_read(const struct fi_query_source *source)
{
    return is_spread(source) ? source->joined->mask.words : source->mask.words; /* (I4) */
}

static size_t
count_of_read(const struct fi_query_source *source)
{
    return is_spread(source) ? source->joined->count : source->count; /* (I4) */
}

static int
read_direct(struct fi_query_source *source, size_t i, firn_error *err)
{
    const size_t count = count_of_read(source);
    struct column *column = &source->columns[i];
    const struct fi_column_def *def = &source->plan->columns[i];
    struct fi_cell large;
    int rc = open_chunk(source, i, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    switch (column->state) {
    case COLUMN_CHUNK:
        if (source->is_list) {
            rc = fi_chunk_read_list(&column->pin.chunk, source->block, source->list.rows, count,
                                    source->chosen.words, &column->scratch, &column->values, err);
            return fi_query_source_explain(source, i, rc, err);
        }
        rc = fi_chunk_read_block(&column->pin.chunk, source->block, mask_of_read(source),
                                 &column->scratch, &column->values, err);
        return fi_query_source_explain(source, i, rc, err);
    case COLUMN_LARGE:
        large = (struct fi_cell){.kind = FI_PHYSICAL_BYTES,
                                 .as = {.bytes = fi_buf_slice(&column->large)}};
        return fi_query_column_repeat(&column->own, def, &large, count, &column->values, err);
    case COLUMN_INITIAL:
    case COLUMN_UNKNOWN:
        break;
    }
    return fi_query_column_repeat(&column->own, def, &def->initial, count, &column->values, err);
}

/* A column of joined rows. */
static int
read_joined(struct fi_query_source *source, size_t i, struct fi_chunk_values *out, firn_error *err)
{
    struct column *column = &source->columns[i];
    int rc = FIRN_OK;
    if (!column->is_read) {
        rc = fi_query_join_column(source->input->join, i - source->plan->own_count,
                                  source->joined->with, source->count, &column->own,
                                  &column->values, err);
        column->is_read = rc == FIRN_OK;
    }
    *out = column->values;
    return rc;
}

/* A column that was read, with a value for each pair. */
static int
query_source_spread(const struct fi_query_source *source, struct column *column,
                    struct fi_chunk_values *out, firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(column->values.count == source->joined->count); /* (I4) */
    if (!column->is_spread) {
        rc = fi_query_column_select(&column->spread, &column->values, &source->joined->rows,
                                    &column->spread_values, err);
        column->is_spread = rc == FIRN_OK;
    }
    *out = column->spread_values;
    return rc;
}

int
fi_query_source_column(struct fi_query_source *source, size_t i, struct fi_chunk_values *out,
                       firn_error *err)
{
    struct column *column = &source->columns[i];
    int rc = FIRN_OK;
    DCHECK(i < source->plan->place_count && source->way != WAY_NONE);
    if (i >= source->plan->own_count) {
        return read_joined(source, i, out, err);
    }
    if (!column->is_read) {
        DCHECK(source->way != WAY_ROWS);
        rc = source->way == WAY_DIRECT
                 ? read_direct(source, i, err)
                 : fi_lsm_winners_read(source->winners, &source->plan->columns[i],
                                       mask_of_read(source), &column->merged, &column->values, err);
        column->is_read = rc == FIRN_OK;
    }
    DCHECK(rc != FIRN_OK || column->values.count == count_of_read(source));
    if (rc == FIRN_OK && is_spread(source)) {
        return query_source_spread(source, column, out, err);
    }
    *out = column->values;
    return rc;
}

int
fi_query_source_chunk(struct fi_query_source *source, size_t i, const struct fi_chunk **out,
                      size_t *out_block, firn_error *err)
{
    *out = NULL;
    *out_block = source->block;
    if (source->way != WAY_DIRECT || source->is_list || is_spread(source) ||
        i >= source->plan->own_count) {
        return FIRN_OK;
    }
    int rc = open_chunk(source, i, err);
    if (rc == FIRN_OK && source->columns[i].state == COLUMN_CHUNK) {
        *out = &source->columns[i].pin.chunk;
    }
    return rc;
}

const struct fi_column_pin *
fi_query_source_pin(const struct fi_query_source *source, size_t i)
{
    DCHECK(i < source->plan->place_count);
    const struct fi_column_pin *pin = &source->columns[i].pin;
    return pin->cache != NULL ? pin : NULL;
}

int
fi_query_source_begin_eval(struct fi_query_source *source, struct fi_expr_eval *eval,
                           firn_error *err)
{
    size_t count;
    const uint32_t *places = fi_expr_eval_columns(eval, &count);
    for (size_t i = 0; i < count; i++) {
        size_t at = fi_query_plan_find(source->plan, places[i]);
        int rc = fi_query_source_column(source, at, &source->operands[places[i]], err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    const struct fi_expr_batch batch = {
        .count = source->count, .wanted = source->mask.words, .columns = source->operands};
    fi_expr_eval_begin(eval, &batch);
    return FIRN_OK;
}

/* ---- the condition ---- */

/* Whether a mask is a subset of another one. */
static bool
is_part_of(const struct fi_query_mask *mask, const struct fi_query_mask *all)
{
    uint64_t beyond = 0;
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        beyond |= mask->words[i] & ~all->words[i];
    }
    return beyond == 0;
}

static int
query_source_apply(struct fi_query_source *source, struct fi_expr_eval *eval, firn_error *err)
{
    /* The evaluator reads the source's mask as the wanted rows, so it writes the result to a
     * copy. */
    struct fi_query_mask mask = source->mask;
    int rc = fi_query_source_begin_eval(source, eval, err);
    rc = rc == FIRN_OK ? fi_expr_eval_filter(eval, 0, mask.words, err) : rc;
    if (rc == FIRN_OK) {
        DCHECK(is_part_of(&mask, &source->mask)); /* (I2) */
        source->mask = mask;
    }
    return rc;
}

/* Tests a condition on the block's bounds, then on its encoded values. */
static int
query_chunk(struct fi_query_source *source, size_t condition, firn_error *err)
{
    struct asked *asked = &source->asked[condition];
    struct column *column = &source->columns[asked->column];
    const struct fi_query_mask before = source->mask;
    enum fi_chunk_verdict verdict;
    int rc = open_chunk(source, asked->column, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    DCHECK(source->way == WAY_DIRECT && column->state == COLUMN_CHUNK); /* (I1) */
    if (!asked->is_ready) {
        fi_chunk_filter_init(&asked->filter, &column->pin.chunk,
                             &source->plan->split.conditions[condition].predicate);
        asked->is_ready = true;
    }
    rc = fi_chunk_filter_apply(&asked->filter, &column->pin.chunk, source->block, &column->scratch,
                               source->mask.words, &verdict, err);
    DCHECK(rc != FIRN_OK || is_part_of(&source->mask, &before)); /* (I2) */
    if (rc == FIRN_OK && verdict == FI_CHUNK_NONE) {
        const size_t count = fi_query_mask_count(&before);
        source->stats.rows_pruned += count;
        source->stats.rows_read -= count;
    }
    return fi_query_source_explain(source, asked->column, rc, err);
}

/* The values of a few rows are far apart in memory: prefetches those of the next block while this
 * one is read. */
static void
query_source_prefetch(struct fi_query_source *source)
{
    const size_t next = source->block + 1;
    for (size_t i = 0; source->expects_list && i < source->plan->place_count; i++) {
        const struct column *column = &source->columns[i];
        if (column->state == COLUMN_CHUNK && !column->is_asked &&
            next < fi_chunk_block_count(&column->pin.chunk)) {
            fi_chunk_prefetch_block(&column->pin.chunk, next);
        }
    }
    source->expects_list = false;
}

static int
filter(struct fi_query_source *source, firn_error *err)
{
    const struct fi_query_plan *plan = source->plan;
    int rc = FIRN_OK;
    if (source->tests_whole) {
        return source->where != NULL ? query_source_apply(source, source->where, err) : FIRN_OK;
    }
    query_source_prefetch(source);
    for (size_t i = 0; rc == FIRN_OK && i < plan->split.count; i++) {
        if (fi_query_mask_is_empty(&source->mask)) {
            return FIRN_OK;
        }
        if (!source->asked[i].is_met) {
            rc = query_chunk(source, i, err);
        }
    }
    if (rc == FIRN_OK && plan->split.rest != NULL && !fi_query_mask_is_empty(&source->mask)) {
        rc = query_source_apply(source, source->rest, err);
    }
    return rc;
}

/* ---- batches ---- */

static void
forget_columns(struct fi_query_source *source)
{
    for (size_t i = 0; i < source->plan->place_count; i++) {
        source->columns[i].is_read = false;
        source->columns[i].is_spread = false;
    }
}

/* If few rows of a batch count, makes it a list of just these. Columns that were read for the
 * condition are read again. */
static void
list_rows(struct fi_query_source *source)
{
    const size_t count = fi_query_mask_count(&source->mask);
    if (source->way != WAY_DIRECT || !source->plan->may_list || source->is_list ||
        count > source->count / LIST_PART) {
        return;
    }
    source->is_list = true;
    source->expects_list = true;
    source->chosen = source->mask;
    fi_query_column_selection(&source->mask, source->count, &source->list);
    DCHECK(source->list.count == count && count > 0);
    source->count = count;
    fi_query_column_mask(&source->mask, 0, count);
    DCHECK(fi_query_mask_count(&source->mask) == source->count); /* (I3) */
    forget_columns(source);
}

static int
next_direct(struct fi_query_source *source)
{
    source->block = source->next / FI_CHUNK_BLOCK;
    size_t start = source->block * FI_CHUNK_BLOCK;
    size_t stop = source->end - start < FI_CHUNK_BLOCK ? source->end : start + FI_CHUNK_BLOCK;
    source->count = source->rows - start < FI_CHUNK_BLOCK ? source->rows - start : FI_CHUNK_BLOCK;
    fi_query_column_mask(&source->mask, source->next - start, stop - start);
    source->stats.rows_read += stop - source->next;
    source->next = stop;
    return FIRN_OK;
}

/* Puts a value of a row from a cursor into its column, with its bytes in the arena. */
static int
keep_value(struct fi_query_source *source, size_t i, const firn_value *value, firn_error *err)
{
    struct column *column = &source->columns[i];
    const enum fi_physical kind = fi_physical_of(source->plan->columns[i].type);
    firn_value kept = *value;
    if (kept.type != FIRN_TYPE_NULL && kind == FI_PHYSICAL_BYTES) {
        const uint8_t *bytes =
            fi_arena_copy(&source->arena, kept.as.bytes.data, kept.as.bytes.size);
        if (bytes == NULL) {
            return fi_error_no_memory(err, "rows");
        }
        kept.as.bytes = firn_bytes(bytes, kept.as.bytes.size);
    }
    fi_query_column_put(&column->own, kind, source->count, &kept);
    return FIRN_OK;
}

static int
next_rows(struct fi_query_source *source, firn_error *err)
{
    const struct fi_query_plan *plan = source->plan;
    int rc = FIRN_OK;
    fi_arena_deinit(&source->arena);
    source->count = 0;
    for (size_t i = 0; rc == FIRN_OK && i < plan->own_count; i++) {
        rc = fi_query_column_begin(&source->columns[i].own, fi_physical_of(plan->columns[i].type),
                                   err);
    }
    while (rc == FIRN_OK && source->count < FI_CHUNK_BLOCK &&
           source->arena.total_bytes < ROWS_BYTES_MAX) {
        const struct firn_row *row;
        size_t count;
        rc = fi_rows_read_cursor_next(source->input->cursor, &row, err);
        if (rc != FIRN_OK || row == NULL) {
            break;
        }
        const firn_value *values = fi_rows_read_row_values(row, &count);
        DCHECK(count == plan->own_count);
        for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
            rc = keep_value(source, i, &values[i], err);
        }
        source->count++;
    }
    for (size_t i = 0; rc == FIRN_OK && i < plan->own_count; i++) {
        const struct fi_column_def *def = &plan->columns[i];
        fi_query_column_end(&source->columns[i].own, fi_physical_of(def->type), def->fixed_size,
                            source->count, &source->columns[i].values);
        source->columns[i].is_read = true;
    }
    return rc;
}

/* The next batch, before the condition; *out: there is one. */
static int
query_source_advance(struct fi_query_source *source, bool *out, firn_error *err)
{
    int rc = FIRN_OK;
    forget_columns(source);
    source->is_list = false;
    if (source->way == WAY_DIRECT) {
        *out = source->next < source->end;
        return *out ? next_direct(source) : FIRN_OK;
    }
    if (source->way == WAY_MERGED) {
        rc = fi_lsm_winners_next(source->winners, &source->count, err);
        source->stats.rows_merged += source->count;
    } else {
        rc = next_rows(source, err);
    }
    DCHECK(rc != FIRN_OK || source->count <= FI_CHUNK_BLOCK);
    *out = rc == FIRN_OK && source->count > 0;
    if (*out) {
        fi_query_column_mask(&source->mask, 0, source->count);
        source->stats.rows_read += source->count;
    }
    return rc;
}

/* Leaves out rows beyond a limit, so that only the needed rows of the last block are decoded. */
static void
query_source_trim(struct fi_query_source *source)
{
    uint64_t left = source->input->wanted;
    if (left == 0 || left >= source->count) {
        return;
    }
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        uint64_t *word = &source->mask.words[i];
        uint64_t kept = 0;
        for (; *word != 0 && left > 0; left--, *word &= *word - 1) {
            kept |= *word & (~*word + 1);
        }
        *word = kept;
    }
    DCHECK(!fi_query_mask_is_empty(&source->mask)); /* (I2) */
}

/* ---- joined rows ---- */

/* Makes the batch the next pairs of rows. */
static void
list_pairs(struct fi_query_source *source)
{
    struct joined *joined = source->joined;
    size_t count = 0;
    for (; joined->next < joined->count; joined->next++) {
        if (!fi_query_mask_has(&joined->mask, joined->next)) {
            continue;
        }
        uint32_t row =
            joined->rest != FI_QUERY_JOIN_NONE ? joined->rest : joined->found[joined->next];
        for (; row != FI_QUERY_JOIN_NONE && count < FI_CHUNK_BLOCK; count++) {
            joined->rows.rows[count] = (uint16_t)joined->next;
            joined->with[count] = row;
            row = fi_query_join_next(source->input->join, row);
        }
        joined->rest = row;
        if (row != FI_QUERY_JOIN_NONE) {
            break;
        }
    }
    joined->rows.count = count;
    source->count = count;
    fi_query_column_mask(&source->mask, 0, count);
    for (size_t i = 0; i < source->plan->place_count; i++) {
        source->columns[i].is_spread = false;
        source->columns[i].is_read = source->columns[i].is_read && i < source->plan->own_count;
    }
}

/* The same as list_rows, for a batch with joined rows. */
static void
list_joined(struct fi_query_source *source)
{
    uint32_t *const with = source->joined->with;
    if (source->is_list || is_spread(source) || fi_query_mask_is_empty(&source->mask)) {
        return;
    }
    list_rows(source);
    for (size_t i = 0; source->is_list && i < source->count; i++) {
        with[i] = with[source->list.rows[i]];
    }
}

/* Looks up the joined rows of a new batch. */
static int
join_rows(struct fi_query_source *source, firn_error *err)
{
    struct joined *joined = source->joined;
    struct fi_chunk_values keys;
    struct fi_query_mask mask = source->mask;
    FI_TRY_RETURN(fi_query_source_begin_eval(source, joined->key, err));
    FI_TRY_RETURN(fi_expr_eval_values(joined->key, 0, &keys, err));
    const bool has_several =
        fi_query_join_find(source->input->join, &keys, mask.words, joined->found);
    DCHECK(is_part_of(&mask, &source->mask)); /* (I2) */
    source->mask = mask;
    if (has_several) {
        joined->is_spread = true;
        joined->count = source->count;
        joined->mask = mask;
        joined->next = 0;
        joined->rest = FI_QUERY_JOIN_NONE;
        list_pairs(source);
        return FIRN_OK;
    }
    memcpy(joined->with, joined->found, source->count * sizeof joined->with[0]);
    list_joined(source);
    return FIRN_OK;
}

/* Joins rows to a batch, or lists the next pairs of it. */
static int
query_source_join(struct fi_query_source *source, firn_error *err)
{
    struct joined *joined = source->joined;
    int rc = FIRN_OK;
    if (joined->is_spread) {
        list_pairs(source);
    } else {
        list_rows(source);
        rc = join_rows(source, err);
    }
    if (rc == FIRN_OK && joined->after != NULL && !fi_query_mask_is_empty(&source->mask)) {
        rc = query_source_apply(source, joined->after, err);
        list_joined(source);
    }
    return rc;
}

/* Whether pairs of the last batch are left to be listed; if not, its columns are those of rows. */
static bool
has_pairs(struct fi_query_source *source)
{
    struct joined *joined = source->joined;
    if (joined != NULL && joined->is_spread && joined->next == joined->count) {
        joined->is_spread = false;
    }
    return is_spread(source);
}

int
fi_query_source_next(struct fi_query_source *source, bool *out, firn_error *err)
{
    int rc = FIRN_OK;
    *out = true;
    while (rc == FIRN_OK && *out) {
        const bool is_new = !has_pairs(source);
        rc = is_new ? query_source_advance(source, out, err) : FIRN_OK;
        if (rc != FIRN_OK || !*out) {
            break;
        }
        rc = is_new ? filter(source, err) : FIRN_OK;
        if (rc == FIRN_OK && source->progress != NULL) {
            /* The number of bytes is not known; with eight a row, the clock is read often
             * enough. */
            rc = fi_storefile_progress_step(source->progress, is_new ? source->count : 0,
                                            8 * source->count, err);
        }
        if (rc == FIRN_OK && source->joined != NULL &&
            (!is_new || !fi_query_mask_is_empty(&source->mask))) {
            rc = query_source_join(source, err);
        }
        if (rc == FIRN_OK && !fi_query_mask_is_empty(&source->mask)) {
            query_source_trim(source);
            if (source->joined == NULL) {
                list_rows(source);
            }
            return FIRN_OK;
        }
    }
    *out = false;
    return rc;
}

/* Whether it is known that all remaining rows of the piece fulfil the condition. */
static bool
are_all_met(const struct fi_query_source *source)
{
    const struct fi_query_plan *plan = source->plan;
    if (source->way != WAY_DIRECT || source->tests_whole || plan->split.rest != NULL ||
        source->joined != NULL) {
        return false;
    }
    for (size_t i = 0; i < plan->split.count; i++) {
        if (!source->asked[i].is_met && source->next < source->end) {
            return false;
        }
    }
    return true;
}

bool
fi_query_source_offer_all(struct fi_query_source *source, const struct fi_query_visitor *visitor)
{
    const size_t rows = source->end - source->next;
    if (visitor->take == NULL || source->way != WAY_DIRECT || rows == 0 ||
        !visitor->take(visitor->ctx, source->run, source->group, source->next, rows,
                       source->is_loose, are_all_met(source))) {
        return false;
    }
    source->stats.rows_read += rows;
    source->next = source->end;
    return true;
}

bool
fi_query_source_take_all(struct fi_query_source *source, uint64_t *out_rows)
{
    if (!are_all_met(source)) {
        return false;
    }
    *out_rows = source->end - source->next;
    source->stats.rows_read += *out_rows;
    source->next = source->end;
    return true;
}

size_t
fi_query_source_rows(const struct fi_query_source *source)
{
    return source->count;
}

const struct fi_query_mask *
fi_query_source_mask(const struct fi_query_source *source)
{
    return &source->mask;
}

bool
fi_query_source_place(const struct fi_query_source *source, struct fi_run **out_run,
                      size_t *out_group, size_t *out_row)
{
    if (source->way != WAY_DIRECT) {
        return false;
    }
    *out_run = source->run;
    *out_group = source->group;
    *out_row = source->block * FI_CHUNK_BLOCK;
    return true;
}

bool
fi_query_source_is_loose(const struct fi_query_source *source)
{
    return source->is_loose;
}

size_t
fi_query_source_piece(const struct fi_query_source *source)
{
    return source->piece;
}

void
fi_query_source_count(const struct fi_query_source *source, firn_scan_stats *stats)
{
    stats->rows_read += source->stats.rows_read;
    stats->rows_pruned += source->stats.rows_pruned;
    stats->rows_merged += source->stats.rows_merged;
}
