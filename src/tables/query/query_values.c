/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_values.c: the values of a plan for one batch, from the thread's source.
 *
 * A value is a column, which is passed on as it is, or an expression, which is evaluated; count(*)
 * has none. Groups, sorts and rows all read their values here.
 */
#include "query/query_internal.h"

int
fi_query_values_read(struct fi_query_worker *worker, firn_error *err)
{
    const struct fi_query_plan *plan = worker->input->plan;
    int rc = worker->eval != NULL ? fi_query_source_begin_eval(worker->source, worker->eval, err)
                                  : FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < plan->value_count; i++) {
        const struct fi_query_value *value = &plan->values[i];
        if (value->expr == NULL) {
            worker->values[i] = (struct fi_chunk_values){.kind = FI_PHYSICAL_NONE};
        } else if (value->column != SIZE_MAX) {
            rc = fi_query_source_column(worker->source, value->column, &worker->values[i], err);
        } else {
            rc = fi_expr_eval_values(worker->eval, worker->eval_index[i], &worker->values[i], err);
        }
    }
    return rc;
}
