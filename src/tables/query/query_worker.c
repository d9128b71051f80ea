/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_worker.c: one thread's share of a query: the values that it computes, and where its
 * rows go.
 *
 * Threads take pieces from a shared counter, so a thread with easy pieces takes more of them. Each
 * thread has its own groups or sort; the scan's thread merges them after all have ended. Rows that
 * are sorted have a number that says where they were read, so the order of equal rows does not
 * depend on threads.
 *
 * The first failure stops all threads before their next batch.
 */
#include "query/query_internal.h"

#include "base/check.h"
#include "base/mem.h"

int
firn_query_worker_init(struct firn_query_worker *worker, struct firn_query_input *input,
                       firn_error *err)
{
    const struct firn_query_plan *plan = input->plan;
    const struct firn_expr **exprs =
        firn_alloc_zeroed((plan->value_count + 1) * sizeof(struct firn_expr *));
    size_t computed = 0;
    int rc = FIRN_OK;
    *worker = (struct firn_query_worker){.input = input, .codes_piece = SIZE_MAX};
    worker->eval_index = firn_alloc_zeroed((plan->value_count + 1) * sizeof(size_t));
    worker->values = firn_alloc_zeroed((plan->value_count + 1) * sizeof worker->values[0]);
    if (exprs == NULL || worker->eval_index == NULL || worker->values == NULL) {
        rc = firn_error_no_memory(err, "a query");
        goto out;
    }
    for (size_t i = 0; i < plan->value_count; i++) {
        if (plan->values[i].expr != NULL && plan->values[i].column == SIZE_MAX) {
            worker->eval_index[i] = computed;
            exprs[computed++] = plan->values[i].expr;
        }
    }
    DCHECK(computed <= plan->value_count);
    if (computed > 0) {
        FIRN_TRY(firn_expr_eval_create(exprs, computed, &worker->eval, err));
    }
    FIRN_TRY(firn_query_source_create(input, &worker->source, err));
out:
    firn_free(exprs);
    if (rc != FIRN_OK) {
        firn_query_worker_deinit(worker);
    }
    return rc;
}

void
firn_query_worker_deinit(struct firn_query_worker *worker)
{
    firn_aggregate_destroy(worker->aggregate);
    firn_row_sort_destroy(worker->sort);
    firn_query_source_destroy(worker->source);
    firn_expr_eval_destroy(worker->eval);
    firn_chunk_scratch_deinit(&worker->scratch);
    firn_free(worker->eval_index);
    firn_free(worker->values);
    *worker = (struct firn_query_worker){.input = NULL};
}

int
firn_query_worker_values(struct firn_query_worker *worker, firn_error *err)
{
    const struct firn_query_plan *plan = worker->input->plan;
    int rc = worker->eval != NULL ? firn_query_source_begin_eval(worker->source, worker->eval, err)
                                  : FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < plan->value_count; i++) {
        const struct firn_query_value *value = &plan->values[i];
        if (value->expr == NULL) {
            worker->values[i] = (struct firn_chunk_values){.kind = FIRN_PHYSICAL_NONE};
        } else if (value->column != SIZE_MAX) {
            rc = firn_query_source_column(worker->source, value->column, &worker->values[i], err);
        } else {
            rc =
                firn_expr_eval_values(worker->eval, worker->eval_index[i], &worker->values[i], err);
        }
    }
    return rc;
}

static int
sort_piece(struct firn_query_worker *worker, firn_error *err)
{
    /* A piece has fewer than 2^32 rows. */
    uint64_t sequence = (uint64_t)firn_query_source_piece(worker->source) << 32;
    bool has_more = true;
    int rc = FIRN_OK;
    DCHECK(worker->sort != NULL);
    while (rc == FIRN_OK && has_more && !atomic_load(&worker->input->is_stopped)) {
        rc = firn_query_source_next(worker->source, &has_more, err);
        if (rc != FIRN_OK || !has_more) {
            break;
        }
        size_t rows = firn_query_source_rows(worker->source);
        rc = firn_query_worker_values(worker, err);
        rc = rc == FIRN_OK
                 ? firn_row_sort_add(worker->sort, worker->values, rows,
                                     firn_query_source_mask(worker->source)->words, sequence, err)
                 : rc;
        sequence += rows;
    }
    return rc;
}

void
firn_query_worker_run(void *arg)
{
    struct firn_query_worker *worker = arg;
    struct firn_query_input *input = worker->input;
    int rc = FIRN_OK;
    DCHECK((worker->aggregate != NULL) + (worker->sort != NULL) + (worker->visitor != NULL) == 1);
    /* Pairs with the other threads' loads: each piece is taken once, and a stopped query ends
     * soon. */
    while (rc == FIRN_OK && !atomic_load(&input->is_stopped)) {
        size_t piece = atomic_fetch_add(&input->piece_next, 1);
        if (piece >= input->piece_count) {
            break;
        }
        rc = firn_query_source_begin(worker->source, piece, &worker->error);
        if (rc == FIRN_OK) {
            rc = worker->aggregate != NULL ? firn_query_group_piece(worker, &worker->error)
                 : worker->visitor != NULL ? firn_query_visit_piece(worker, &worker->error)
                                           : sort_piece(worker, &worker->error);
        }
    }
    if (rc != FIRN_OK) {
        atomic_store(&input->is_stopped, true);
    }
    worker->rc = rc;
}
