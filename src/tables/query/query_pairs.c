/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_pairs.c: the joined rows of a source's batches.
 *
 * If no row of a batch has several matches, the batch stays as it is, without the rows that have
 * none. If one has, its columns are spread: a batch is a list of pairs, a row and a joined row
 * each, up to FI_CHUNK_BLOCK of them, and the next batches are the rest of the pairs.
 *
 * (I4) The rows of a spread batch are pairs, but its columns are read for the rows that the pairs
 *      were made from: struct fi_query_pairs has their mask and number.
 *
 * (I1) to (I3) are those of query_source.c.
 */
#include "query/query_source_internal.h"

#include "base/mem.h"

/* ---- making them ---- */

int
fi_query_pairs_create(const struct fi_query_plan *plan, struct fi_query_pairs **out,
                      firn_error *err)
{
    struct fi_query_pairs *pairs = fi_alloc_zeroed(sizeof *pairs);
    *out = pairs;
    if (pairs == NULL) {
        return fi_error_no_memory(err, "a scan");
    }
    FI_TRY_RETURN(fi_query_source_create_eval(plan->key, &pairs->key, err));
    return fi_query_source_create_eval(plan->after, &pairs->after, err);
}

void
fi_query_pairs_destroy(struct fi_query_pairs *pairs)
{
    if (pairs != NULL) {
        fi_expr_eval_destroy(pairs->key);
        fi_expr_eval_destroy(pairs->after);
        fi_free(pairs);
    }
}

/* ---- columns ---- */

int
fi_query_pairs_column(struct fi_query_source *source, size_t i, struct fi_chunk_values *out,
                      firn_error *err)
{
    struct fi_query_source_column *column = &source->columns[i];
    int rc = FIRN_OK;
    if (!column->is_read) {
        rc = fi_query_join_column(source->input->join, i - source->plan->own_count,
                                  source->pairs->with, source->count, &column->own, &column->values,
                                  err);
        column->is_read = rc == FIRN_OK;
    }
    *out = column->values;
    return rc;
}

int
fi_query_pairs_spread(const struct fi_query_source *source, struct fi_query_source_column *column,
                      struct fi_chunk_values *out, firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(column->values.count == source->pairs->count); /* (I4) */
    if (!column->is_spread) {
        rc = fi_query_column_select(&column->spread, &column->values, &source->pairs->rows,
                                    &column->spread_values, err);
        column->is_spread = rc == FIRN_OK;
    }
    *out = column->spread_values;
    return rc;
}

/* ---- batches ---- */

/* Makes the batch the next pairs of rows. */
static void
list_pairs(struct fi_query_source *source)
{
    struct fi_query_pairs *pairs = source->pairs;
    size_t count = 0;
    for (; pairs->next < pairs->count; pairs->next++) {
        if (!fi_query_mask_has(&pairs->mask, pairs->next)) {
            continue;
        }
        uint32_t row = pairs->rest != FI_QUERY_JOIN_NONE ? pairs->rest : pairs->found[pairs->next];
        for (; row != FI_QUERY_JOIN_NONE && count < FI_CHUNK_BLOCK; count++) {
            pairs->rows.rows[count] = (uint16_t)pairs->next;
            pairs->with[count] = row;
            row = fi_query_join_next(source->input->join, row);
        }
        pairs->rest = row;
        if (row != FI_QUERY_JOIN_NONE) {
            break;
        }
    }
    pairs->rows.count = count;
    source->count = count;
    fi_query_column_mask(&source->mask, 0, count);
    for (size_t i = 0; i < source->plan->place_count; i++) {
        source->columns[i].is_spread = false;
        source->columns[i].is_read = source->columns[i].is_read && i < source->plan->own_count;
    }
}

/* The same as fi_query_source_list, for a batch with joined rows. */
static void
list_joined(struct fi_query_source *source)
{
    uint32_t *const with = source->pairs->with;
    if (source->is_list || fi_query_source_is_spread(source) ||
        fi_query_mask_is_empty(&source->mask)) {
        return;
    }
    fi_query_source_list(source);
    for (size_t i = 0; source->is_list && i < source->count; i++) {
        with[i] = with[source->list.rows[i]];
    }
}

/* Looks up the joined rows of a new batch. */
static int
join_rows(struct fi_query_source *source, firn_error *err)
{
    struct fi_query_pairs *pairs = source->pairs;
    struct fi_chunk_values keys;
    struct fi_query_mask mask = source->mask;
    FI_TRY_RETURN(fi_query_source_begin_eval(source, pairs->key, err));
    FI_TRY_RETURN(fi_expr_eval_values(pairs->key, 0, &keys, err));
    const bool has_several =
        fi_query_join_find(source->input->join, &keys, mask.words, pairs->found);
    DCHECK(fi_query_mask_is_part_of(&mask, &source->mask)); /* (I2) */
    source->mask = mask;
    if (has_several) {
        pairs->is_spread = true;
        pairs->count = source->count;
        pairs->mask = mask;
        pairs->next = 0;
        pairs->rest = FI_QUERY_JOIN_NONE;
        list_pairs(source);
        return FIRN_OK;
    }
    memcpy(pairs->with, pairs->found, source->count * sizeof pairs->with[0]);
    list_joined(source);
    return FIRN_OK;
}

int
fi_query_pairs_next(struct fi_query_source *source, firn_error *err)
{
    struct fi_query_pairs *pairs = source->pairs;
    int rc = FIRN_OK;
    if (pairs->is_spread) {
        list_pairs(source);
    } else {
        fi_query_source_list(source);
        rc = join_rows(source, err);
    }
    if (rc == FIRN_OK && pairs->after != NULL && !fi_query_mask_is_empty(&source->mask)) {
        rc = fi_query_source_apply(source, pairs->after, err);
        list_joined(source);
    }
    return rc;
}

bool
fi_query_pairs_are_left(struct fi_query_source *source)
{
    struct fi_query_pairs *pairs = source->pairs;
    if (pairs != NULL && pairs->is_spread && pairs->next == pairs->count) {
        pairs->is_spread = false;
    }
    return fi_query_source_is_spread(source);
}
