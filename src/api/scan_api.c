/* SPDX-License-Identifier: Apache-2.0
 *
 * api/scan_api.c: the public functions of queries: arguments are checked here, everything else is
 * in query/.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "firn/scan.h"
#include "query/query.h"

static int
take_options(const firn_scan_options *given, struct fi_query_options *out, firn_error *err)
{
    API_REQUIRE(given->txn == NULL || given->snapshot == NULL, err,
                "rows are read in a transaction or in a snapshot, not in both");
    API_REQUIRE(given->parameters != NULL || given->parameter_count == 0, err,
                "parameters must not be NULL");
    API_REQUIRE((given->join == NULL) == (given->join_on == NULL), err,
                "join and join_on must be given together");
    API_REQUIRE((given->lower.values != NULL || given->lower.count == 0) &&
                    (given->upper.values != NULL || given->upper.count == 0),
                err, "values of bounds must not be NULL");
    *out = (struct fi_query_options){
        .txn = given->txn,
        .snapshot = given->snapshot,
        .select = given->select,
        .where = given->where,
        .parameters = given->parameters,
        .parameter_count = given->parameter_count,
        .group_by = given->group_by,
        .order_by = given->order_by,
        .limit = given->limit,
        .offset = given->offset,
        .index = given->index,
        .lower = {given->lower.values, given->lower.count, given->lower.exclusive},
        .upper = {given->upper.values, given->upper.count, given->upper.exclusive},
        .is_descending = given->descending,
        .threads = given->threads,
        .join = given->join,
        .join_on = given->join_on,
        .memory_bytes = given->memory_bytes,
        .on_progress = given->callbacks.on_progress,
        .progress_ctx = given->callbacks.ctx};
    return FIRN_OK;
}

int
firn_scan_open(firn_table *table, const firn_scan_options *options, firn_scan **out,
               firn_error *err)
{
    API_ANY_ERROR(err);
    firn_scan_options given = FIRN_SCAN_OPTIONS_INIT;
    struct fi_query_options inner;
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_OPEN(table, TABLE, err);
    int rc = fi_api_options_read(&given, sizeof given, options, err);
    rc = rc == FIRN_OK ? take_options(&given, &inner, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    API_OPEN_IF_ANY(inner.snapshot, SNAPSHOT, err);
    API_OPEN_IF_ANY(inner.join, SCAN, err);
    API_ENTER_IF_ANY(inner.txn, TXN, err);
    if (inner.txn == NULL) { /* whose own scans are entered with it */
        API_ENTER_IF_ANY(inner.join, SCAN, err);
    }
    rc = fi_query_open(table, &inner, out, err);
    rc = fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_SCAN, inner.txn);
    fi_api_handle_leave(inner.txn != NULL ? (const void *)inner.txn : inner.join);
    return api_check_told(rc, err);
}

void
firn_scan_close(firn_scan *scan)
{
    if (fi_api_handle_check(scan, FI_API_HANDLE_SCAN, NULL) == FIRN_OK) {
        fi_api_handle_closing(scan);
        fi_query_close(scan);
        fi_api_handle_closed(scan);
    }
}

int
firn_scan_next(firn_scan *scan, const firn_scan_batch **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_ENTER(scan, SCAN, err);
    int rc = fi_query_next(scan, out, err);
    fi_api_handle_leave(scan);
    return api_check_told(rc, err);
}

static bool
may_use(const firn_scan *scan)
{
    return fi_api_handle_check(scan, FI_API_HANDLE_SCAN, NULL) == FIRN_OK;
}

size_t
firn_scan_column_count(const firn_scan *scan)
{
    return may_use(scan) ? fi_query_column_count(scan) : 0;
}

void
firn_scan_column_at(const firn_scan *scan, size_t i, firn_scan_column *out)
{
    firn_scan_column column = FIRN_SCAN_COLUMN_INIT;
    if (out == NULL || !fi_api_options_is_size(out->size)) {
        return;
    }
    if (may_use(scan) && i < fi_query_column_count(scan)) {
        fi_query_column_at(scan, i, &column);
    }
    fi_api_options_write(out, &column, sizeof column);
}

void
firn_scan_get_stats(const firn_scan *scan, firn_scan_stats *out)
{
    firn_scan_stats stats = FIRN_SCAN_STATS_INIT;
    if (out == NULL || !fi_api_options_is_size(out->size)) {
        return;
    }
    if (may_use(scan)) {
        fi_query_get_stats(scan, &stats);
    }
    fi_api_options_write(out, &stats, sizeof stats);
}

size_t
firn_scan_batch_rows(const firn_scan_batch *batch)
{
    return batch != NULL ? fi_query_batch_rows(batch) : 0;
}

firn_value
firn_scan_value(const firn_scan_batch *batch, size_t column, size_t row)
{
    return batch != NULL ? fi_query_batch_value(batch, column, row) : firn_null();
}

void
firn_scan_batch_column(const firn_scan_batch *batch, size_t column, firn_scan_array *out)
{
    firn_scan_array array = FIRN_SCAN_ARRAY_INIT;
    if (out == NULL || !fi_api_options_is_size(out->size)) {
        return;
    }
    if (batch != NULL) {
        const struct fi_chunk_values *values = fi_query_batch_column(batch, column);
        array.valid = values->valid;
        array.as.u64 = values->as.u64;
    }
    fi_api_options_write(out, &array, sizeof array);
}
