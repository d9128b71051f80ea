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
 * If rows are joined, each batch that is left then gets the columns of joined rows, and may become
 * a list of pairs: query_pairs.c, which has (I4).
 *
 * Threads: a source belongs to one thread. All sources share the input.
 */
#include "query/query_source_internal.h"

#include "base/mem.h"

enum {
    ROWS_BYTES_MAX =
        4 << 20,  /* bytes of the values in a batch of rows from a cursor, at which it ends */
    LIST_PART = 8 /* a block becomes a list if at most one row in so many counts */
};

/* ---- making one ---- */

int
fi_query_source_create_eval(const struct fi_expr *expr, struct fi_expr_eval **out, firn_error *err)
{
    return expr != NULL ? fi_expr_eval_create(&expr, 1, out, err) : FIRN_OK;
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
    rc = rc == FIRN_OK ? fi_query_source_create_eval(plan->where, &source->where, err) : rc;
    rc = rc == FIRN_OK ? fi_query_source_create_eval(plan->split.rest, &source->rest, err) : rc;
    rc = rc == FIRN_OK && plan->key != NULL ? fi_query_pairs_create(plan, &source->pairs, err) : rc;
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
    if (source->pairs != NULL) {
        source->pairs->is_spread = false;
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
        struct fi_query_source_column *column = &source->columns[i];
        fi_buf_deinit(&column->large);
        fi_chunk_scratch_deinit(&column->scratch);
        fi_lsm_winners_scratch_deinit(&column->merged);
        fi_query_column_deinit(&column->own);
        fi_query_column_deinit(&column->spread);
    }
    fi_query_pairs_destroy(source->pairs);
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
    struct fi_query_source_column *column = &source->columns[i];
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

/* The rows that columns are read for. */
static const uint64_t *
mask_of_read(const struct fi_query_source *source)
{
    return fi_query_source_is_spread(source) ? source->pairs->mask.words
                                             : source->mask.words; /* (I4) */
}

static size_t
count_of_read(const struct fi_query_source *source)
{
    return fi_query_source_is_spread(source) ? source->pairs->count : source->count; /* (I4) */
}

static int
read_direct(struct fi_query_source *source, size_t i, firn_error *err)
{
    const size_t count = count_of_read(source);
    struct fi_query_source_column *column = &source->columns[i];
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

int
fi_query_source_column(struct fi_query_source *source, size_t i, struct fi_chunk_values *out,
                       firn_error *err)
{
    struct fi_query_source_column *column = &source->columns[i];
    int rc = FIRN_OK;
    DCHECK(i < source->plan->place_count && source->way != WAY_NONE);
    if (i >= source->plan->own_count) {
        return fi_query_pairs_column(source, i, out, err);
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
    if (rc == FIRN_OK && fi_query_source_is_spread(source)) {
        return fi_query_pairs_spread(source, column, out, err);
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
    if (source->way != WAY_DIRECT || source->is_list || fi_query_source_is_spread(source) ||
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

int
fi_query_source_apply(struct fi_query_source *source, struct fi_expr_eval *eval, firn_error *err)
{
    /* The evaluator reads the source's mask as the wanted rows, so it writes the result to a
     * copy. */
    struct fi_query_mask mask = source->mask;
    int rc = fi_query_source_begin_eval(source, eval, err);
    rc = rc == FIRN_OK ? fi_expr_eval_filter(eval, 0, mask.words, err) : rc;
    if (rc == FIRN_OK) {
        DCHECK(fi_query_mask_is_part_of(&mask, &source->mask)); /* (I2) */
        source->mask = mask;
    }
    return rc;
}

/* Tests a condition on the block's bounds, then on its encoded values. */
static int
query_chunk(struct fi_query_source *source, size_t condition, firn_error *err)
{
    struct fi_query_source_asked *asked = &source->asked[condition];
    struct fi_query_source_column *column = &source->columns[asked->column];
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
    DCHECK(rc != FIRN_OK || fi_query_mask_is_part_of(&source->mask, &before)); /* (I2) */
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
        const struct fi_query_source_column *column = &source->columns[i];
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
        return source->where != NULL ? fi_query_source_apply(source, source->where, err) : FIRN_OK;
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
        rc = fi_query_source_apply(source, source->rest, err);
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

void
fi_query_source_list(struct fi_query_source *source)
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
    struct fi_query_source_column *column = &source->columns[i];
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

int
fi_query_source_next(struct fi_query_source *source, bool *out, firn_error *err)
{
    int rc = FIRN_OK;
    *out = true;
    while (rc == FIRN_OK && *out) {
        const bool is_new = !fi_query_pairs_are_left(source);
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
        if (rc == FIRN_OK && source->pairs != NULL &&
            (!is_new || !fi_query_mask_is_empty(&source->mask))) {
            rc = fi_query_pairs_next(source, err);
        }
        if (rc == FIRN_OK && !fi_query_mask_is_empty(&source->mask)) {
            query_source_trim(source);
            if (source->pairs == NULL) {
                fi_query_source_list(source);
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
        source->pairs != NULL) {
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
