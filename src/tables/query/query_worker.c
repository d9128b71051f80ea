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
fi_query_worker_init(struct fi_query_worker *worker, struct fi_query_input *input, firn_error *err)
{
    const struct fi_query_plan *plan = input->plan;
    const struct fi_expr **exprs =
        fi_alloc_zeroed((plan->value_count + 1) * sizeof(struct fi_expr *));
    size_t computed = 0;
    int rc = FIRN_OK;
    *worker = (struct fi_query_worker){.input = input, .codes_piece = SIZE_MAX};
    worker->eval_index = fi_alloc_zeroed((plan->value_count + 1) * sizeof(size_t));
    worker->values = fi_alloc_zeroed((plan->value_count + 1) * sizeof worker->values[0]);
    if (exprs == NULL || worker->eval_index == NULL || worker->values == NULL) {
        rc = fi_error_no_memory(err, "a query");
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
        FI_TRY(fi_expr_eval_create(exprs, computed, &worker->eval, err));
    }
    FI_TRY(fi_query_source_create(input, &worker->source, err));
out:
    fi_free(exprs);
    if (rc != FIRN_OK) {
        fi_query_worker_deinit(worker);
    }
    return rc;
}

void
fi_query_worker_deinit(struct fi_query_worker *worker)
{
    fi_aggregate_destroy(worker->aggregate);
    fi_rowsort_destroy(worker->sort);
    fi_query_source_destroy(worker->source);
    fi_expr_eval_destroy(worker->eval);
    fi_chunk_scratch_deinit(&worker->scratch);
    fi_free(worker->eval_index);
    fi_free(worker->values);
    *worker = (struct fi_query_worker){.input = NULL};
}

static int
sort_piece(struct fi_query_worker *worker, firn_error *err)
{
    /* A piece has fewer than 2^32 rows. If a join makes more of them, equal ones may change
     * places. */
    uint64_t sequence = (uint64_t)fi_query_source_piece(worker->source) << 32;
    bool has_more = true;
    int rc = FIRN_OK;
    DCHECK(worker->sort != NULL);
    while (rc == FIRN_OK && has_more && !atomic_load(&worker->input->is_stopped)) {
        rc = fi_query_source_next(worker->source, &has_more, err);
        if (rc != FIRN_OK || !has_more) {
            break;
        }
        size_t rows = fi_query_source_rows(worker->source);
        rc = fi_query_values_read(worker, err);
        rc = rc == FIRN_OK
                 ? fi_rowsort_add(worker->sort, worker->values, rows,
                                  fi_query_source_mask(worker->source)->words, sequence, err)
                 : rc;
        sequence += rows;
    }
    return rc;
}

void
fi_query_worker_run(void *arg)
{
    struct fi_query_worker *worker = arg;
    struct fi_query_input *input = worker->input;
    int rc = FIRN_OK;
    DCHECK((worker->aggregate != NULL) + (worker->sort != NULL) + (worker->visitor != NULL) == 1);
    /* Pairs with the other threads' loads: each piece is taken once, and a stopped query ends
     * soon. */
    while (rc == FIRN_OK && !atomic_load(&input->is_stopped)) {
        size_t piece = atomic_fetch_add(&input->piece_next, 1);
        if (piece >= input->piece_count) {
            break;
        }
        rc = fi_query_source_begin(worker->source, piece, &worker->error);
        if (rc == FIRN_OK) {
            rc = worker->aggregate != NULL ? fi_query_group_piece(worker, &worker->error)
                 : worker->visitor != NULL ? fi_query_visit_piece(worker, &worker->error)
                                           : sort_piece(worker, &worker->error);
        }
    }
    if (rc != FIRN_OK) {
        atomic_store(&input->is_stopped, true);
    }
    worker->rc = rc;
}
