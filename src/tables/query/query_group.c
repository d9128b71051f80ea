/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_group.c: adds the rows of a piece to groups.
 *
 * Values are not decoded if the result is known without them. If all rows of a piece count,
 * count(*) adds their number at once. If there are no keys, a block is summed in its encoded form
 * (fi_chunk_sum_block). Keys that are columns of text or bytes are grouped by the codes of their
 * dictionaries, if all of their chunks have one.
 */
#include "query/query_internal.h"

#include "base/check.h"

/* Whether the query only counts rows. */
static bool
counts_rows_only(const struct fi_query_plan *plan)
{
    for (size_t i = 0; i < plan->groups.aggregate_count; i++) {
        if (plan->calls[i].function != FI_AGGREGATE_COUNT_ROWS) {
            return false;
        }
    }
    return plan->group.count == 0;
}

static void
add_rows(struct fi_query_worker *worker, uint64_t rows)
{
    DCHECK(worker->aggregate != NULL);
    for (size_t i = 0; i < worker->input->plan->groups.aggregate_count; i++) {
        fi_aggregate_add_count(worker->aggregate, i, rows);
    }
}

/* ---- bounds of keys ---- */

static bool
is_below(enum fi_physical kind, uint64_t a, uint64_t b)
{
    const uint64_t flip = kind == FI_PHYSICAL_I64 ? UINT64_C(1) << 63 : 0;
    return (a ^ flip) < (b ^ flip);
}

static void
query_group_widen(struct fi_aggregate_range *range, bool *has_range, const struct fi_cell *min,
                  const struct fi_cell *max)
{
    if (!*has_range || is_below(min->kind, min->as.u64, range->min)) {
        range->min = min->as.u64;
    }
    if (!*has_range || is_below(max->kind, range->max, max->as.u64)) {
        range->max = max->as.u64;
    }
    *has_range = true;
}

/* The bounds of a column over all row groups that are read directly; false: nothing is known. */
static bool
find_range(const struct fi_query_input *input, const struct fi_column_def *def,
           struct fi_aggregate_range *out)
{
    const enum fi_physical kind = fi_physical_of(def->type);
    bool has_range = false;
    DCHECK(input->pieces != NULL);
    for (size_t i = 0; i < input->piece_count; i++) {
        struct fi_lsm_piece piece;
        struct fi_column_info info;
        fi_lsm_pieces_at(input->pieces, i, &piece);
        if (piece.run == NULL) {
            continue;
        }
        int rc = fi_column_info_of(piece.run, piece.group, def->id, &info);
        if (rc == FIRN_OK && info.bounds.min.kind == kind && info.bounds.max.kind == kind) {
            query_group_widen(out, &has_range, &info.bounds.min, &info.bounds.max);
        } else if (rc == FIRN_NOT_FOUND && def->initial.kind == kind) {
            query_group_widen(out, &has_range, &def->initial, &def->initial);
        }
    }
    return has_range;
}

bool
fi_query_group_ranges(const struct fi_query_input *input, struct fi_aggregate_range *ranges,
                      uint64_t *out_rows)
{
    const struct fi_query_plan *plan = input->plan;
    *out_rows = 0;
    if (plan->key != NULL) {
        return false; /* how many rows there are is not known, nor the bounds of joined columns */
    }
    for (size_t k = 0; k < plan->group.count; k++) {
        const struct fi_query_value *value = &plan->values[k];
        const enum fi_physical kind = fi_physical_of(value->type.type);
        ranges[k] = (struct fi_aggregate_range){.min = 0, .max = 1};
        if (value->type.type == FIRN_TYPE_BOOL) {
            continue;
        }
        if ((kind != FI_PHYSICAL_I64 && kind != FI_PHYSICAL_U64) || value->column == SIZE_MAX ||
            input->pieces == NULL ||
            !find_range(input, &plan->columns[value->column], &ranges[k])) {
            return false;
        }
    }
    for (size_t i = 0; input->pieces != NULL && i < input->piece_count; i++) {
        struct fi_lsm_piece piece;
        fi_lsm_pieces_at(input->pieces, i, &piece);
        *out_rows += piece.rows_max;
    }
    return plan->group.count > 0;
}

/* ---- adding up ---- */

/* Adds up a column in its encoded form. *out: this was possible. */
static int
sum_in_place(struct fi_query_worker *worker, size_t call, const struct fi_query_mask *mask,
             bool is_whole, bool *out, firn_error *err)
{
    const struct fi_query_plan *plan = worker->input->plan;
    const struct fi_query_value *value = &plan->values[plan->group.count + call];
    const enum fi_aggregate_function function = plan->calls[call].function;
    const struct fi_chunk *chunk;
    size_t block;
    DCHECK(call < plan->groups.aggregate_count);
    *out = fi_aggregate_is_shared(worker->aggregate, call);
    if (*out || value->column == SIZE_MAX || !fi_type_is_number(value->type.type) ||
        (function != FI_AGGREGATE_SUM && function != FI_AGGREGATE_AVG &&
         function != FI_AGGREGATE_COUNT)) {
        return FIRN_OK;
    }
    int rc = fi_query_source_chunk(worker->source, value->column, &chunk, &block, err);
    if (rc != FIRN_OK || chunk == NULL) {
        return rc;
    }
    struct fi_chunk_sum sum = {.count = 0};
    rc = fi_chunk_sum_block(chunk, block, is_whole ? NULL : mask->words, &worker->scratch, &sum,
                            err);
    rc = fi_query_source_explain(worker->source, value->column, rc, err);
    if (rc == FIRN_OK && function == FI_AGGREGATE_COUNT) {
        fi_aggregate_add_count(worker->aggregate, call, sum.count);
    } else if (rc == FIRN_OK) {
        fi_aggregate_add_sum(worker->aggregate, call, &sum);
    }
    *out = rc == FIRN_OK;
    return rc;
}

/* Adds a batch of a query without keys. */
static int
add_to_one(struct fi_query_worker *worker, firn_error *err)
{
    const struct fi_query_plan *plan = worker->input->plan;
    const struct fi_query_mask *mask = fi_query_source_mask(worker->source);
    const size_t rows = fi_query_source_rows(worker->source);
    const size_t counted = fi_query_mask_count(mask);
    const size_t calls = plan->groups.aggregate_count;
    bool has_begun = false;
    bool is_left = false;
    int rc = FIRN_OK;
    DCHECK(plan->group.count == 0 && counted <= rows);
    for (size_t i = 0; rc == FIRN_OK && i < calls; i++) {
        const struct fi_query_value *value = &plan->values[i];
        bool is_done = false;
        worker->values[i] = (struct fi_chunk_values){.kind = FI_PHYSICAL_NONE};
        if (value->expr == NULL) {
            continue;
        }
        rc = sum_in_place(worker, i, mask, counted == rows, &is_done, err);
        if (rc != FIRN_OK || is_done) {
            continue;
        }
        is_left = true;
        if (value->column != SIZE_MAX) {
            rc = fi_query_source_column(worker->source, value->column, &worker->values[i], err);
            continue;
        }
        rc = has_begun ? FIRN_OK : fi_query_source_begin_eval(worker->source, worker->eval, err);
        has_begun = true;
        rc = rc == FIRN_OK
                 ? fi_expr_eval_values(worker->eval, worker->eval_index[i], &worker->values[i], err)
                 : rc;
    }
    if (rc == FIRN_OK && is_left) {
        return fi_aggregate_add(worker->aggregate, NULL, worker->values, rows, mask->words, err);
    }
    for (size_t i = 0; rc == FIRN_OK && i < calls; i++) {
        if (plan->values[i].expr == NULL) {
            fi_aggregate_add_count(worker->aggregate, i, counted);
        }
    }
    return rc;
}

/* The chunks of all keys and the block of the batch; *out: all chunks have codes, and few
 * enough. */
static int
find_code_chunks(struct fi_query_worker *worker, const struct fi_chunk **chunks, size_t *out_block,
                 bool *out, firn_error *err)
{
    const struct fi_query_plan *plan = worker->input->plan;
    const size_t keys = plan->group.count;
    size_t numbers = 1;
    *out = false;
    for (size_t k = 0; k < keys; k++) {
        if (plan->values[k].column == SIZE_MAX ||
            fi_physical_of(plan->values[k].type.type) != FI_PHYSICAL_BYTES) {
            return FIRN_OK;
        }
    }
    for (size_t k = 0; k < keys; k++) {
        int rc = fi_query_source_chunk(worker->source, plan->values[k].column, &chunks[k],
                                       out_block, err);
        if (rc != FIRN_OK || chunks[k] == NULL || fi_chunk_code_count(chunks[k]) == 0) {
            return rc;
        }
        numbers *= fi_chunk_code_count(chunks[k]) + 1;
        if (keys > 1 && numbers > FI_AGGREGATE_CODES_MAX) {
            return FIRN_OK;
        }
    }
    *out = true;
    return FIRN_OK;
}

/* Reads the codes of all keys and joins them into one (fi_aggregate_begin_codes). */
static int
read_codes(struct fi_query_worker *worker, const struct fi_chunk *const *chunks, size_t block,
           firn_error *err)
{
    const size_t keys = worker->input->plan->group.count;
    const size_t rows = fi_query_source_rows(worker->source);
    uint32_t codes[FI_CHUNK_BLOCK];
    const struct fi_query_value *values = worker->input->plan->values;
    DCHECK(keys > 0 && rows <= FI_CHUNK_BLOCK);
    int rc = fi_chunk_read_codes(chunks[0], block, worker->codes, err);
    rc = fi_query_source_explain(worker->source, values[0].column, rc, err);
    for (size_t k = 1; rc == FIRN_OK && k < keys; k++) {
        const uint32_t count = (uint32_t)fi_chunk_code_count(chunks[k]) + 1;
        rc = fi_chunk_read_codes(chunks[k], block, codes, err);
        rc = fi_query_source_explain(worker->source, values[k].column, rc, err);
        if (rc == FIRN_OK) {
            fi_aggregate_join_codes(worker->aggregate, worker->codes, codes, count, rows);
        }
    }
    return rc;
}

/* Adds a batch whose keys come as codes; *out: this was possible. */
static int
add_by_codes(struct fi_query_worker *worker, bool *out, firn_error *err)
{
    const struct fi_query_plan *plan = worker->input->plan;
    const size_t keys = plan->group.count;
    const struct fi_chunk *chunks[FI_AGGREGATE_KEYS_MAX];
    size_t block = 0;
    bool has_codes;
    *out = false;
    FI_TRY_RETURN(find_code_chunks(worker, chunks, &block, &has_codes, err));
    if (!has_codes) {
        return FIRN_OK;
    }
    if (worker->codes_piece != fi_query_source_piece(worker->source)) {
        FI_TRY_RETURN(fi_aggregate_begin_codes(worker->aggregate, chunks, err));
        worker->codes_piece = fi_query_source_piece(worker->source);
    }
    FI_TRY_RETURN(read_codes(worker, chunks, block, err));
    for (size_t i = keys; i < plan->value_count; i++) {
        const struct fi_query_value *value = &plan->values[i];
        if (value->expr != NULL && value->column != SIZE_MAX) {
            FI_TRY_RETURN(
                fi_query_source_column(worker->source, value->column, &worker->values[i], err));
        }
    }
    if (worker->eval != NULL) {
        FI_TRY_RETURN(fi_query_source_begin_eval(worker->source, worker->eval, err));
    }
    for (size_t i = keys; i < plan->value_count; i++) {
        if (plan->values[i].expr != NULL && plan->values[i].column == SIZE_MAX) {
            FI_TRY_RETURN(
                fi_expr_eval_values(worker->eval, worker->eval_index[i], &worker->values[i], err));
        }
    }
    FI_TRY_RETURN(fi_aggregate_add_codes(worker->aggregate, worker->codes, worker->values + keys,
                                         fi_query_source_rows(worker->source),
                                         fi_query_source_mask(worker->source)->words, err));
    *out = true;
    return FIRN_OK;
}

static int
add_batch(struct fi_query_worker *worker, firn_error *err)
{
    const size_t keys = worker->input->plan->group.count;
    bool is_done = false;
    if (keys == 0) {
        return add_to_one(worker, err);
    }
    FI_TRY_RETURN(add_by_codes(worker, &is_done, err));
    if (!is_done) {
        FI_TRY_RETURN(fi_query_values_read(worker, err));
        FI_TRY_RETURN(fi_aggregate_add(worker->aggregate, worker->values, worker->values + keys,
                                       fi_query_source_rows(worker->source),
                                       fi_query_source_mask(worker->source)->words, err));
    }
    return FIRN_OK;
}

int
fi_query_group_piece(struct fi_query_worker *worker, firn_error *err)
{
    const bool counts = counts_rows_only(worker->input->plan);
    bool has_more = true;
    uint64_t rows;
    int rc = FIRN_OK;
    DCHECK(worker->aggregate != NULL && worker->sort == NULL);
    if (counts && fi_query_source_take_all(worker->source, &rows)) {
        add_rows(worker, rows);
    }
    while (rc == FIRN_OK && has_more && !atomic_load(&worker->input->is_stopped)) {
        rc = fi_query_source_next(worker->source, &has_more, err);
        if (rc == FIRN_OK && has_more) {
            rc = add_batch(worker, err);
        }
    }
    return rc;
}
