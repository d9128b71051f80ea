/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_visit.c: passes the rows of a piece to a visitor, as they were read.
 *
 * A visitor gets batches, not rows: where they are stored, which of their rows count, and values of
 * the columns that it asks for. Other columns are not read. So a search reads the vectors of all
 * rows, and the keys of the few near ones.
 *
 * Threads: each thread of the query calls the visitor with its own number.
 */
#include "query/query_internal.h"

#include "base/check.h"

/* The part of a worker that a visitor sees. */
struct fi_query_rows {
    struct fi_query_worker *worker;
};

const uint64_t *
fi_query_visit_wanted(const struct fi_query_rows *rows)
{
    return fi_query_source_mask(rows->worker->source)->words;
}

int
fi_query_visit_column(struct fi_query_rows *rows, size_t i, struct fi_chunk_values *out,
                      firn_error *err)
{
    const struct fi_query_plan *plan = rows->worker->input->plan;
    DCHECK(i < plan->select.count && plan->values[i].column != SIZE_MAX);
    return fi_query_source_column(rows->worker->source, plan->values[i].column, out, err);
}

bool
fi_query_visit_was_used(const struct fi_query_rows *rows, size_t i)
{
    const struct fi_query_plan *plan = rows->worker->input->plan;
    const struct fi_column_pin *pin =
        fi_query_source_pin(rows->worker->source, plan->values[i].column);
    return pin == NULL || fi_block_cache_was_found(&pin->pin);
}

bool
fi_query_visit_place(const struct fi_query_rows *rows, struct fi_run **out_run, size_t *out_group,
                     size_t *out_row, bool *out_is_loose)
{
    *out_is_loose = fi_query_source_is_loose(rows->worker->source);
    return fi_query_source_place(rows->worker->source, out_run, out_group, out_row);
}

int
fi_query_visit_piece(struct fi_query_worker *worker, firn_error *err)
{
    const struct fi_query_visitor *visitor = worker->visitor;
    struct fi_query_rows rows = {.worker = worker};
    bool has_more = !fi_query_source_offer_all(worker->source, visitor);
    int rc = FIRN_OK;
    while (rc == FIRN_OK && has_more && !atomic_load(&worker->input->is_stopped)) {
        rc = fi_query_source_next(worker->source, &has_more, err);
        if (rc == FIRN_OK && has_more) {
            rc = visitor->visit(visitor->ctx, worker->number, &rows, err);
        }
    }
    return rc;
}
