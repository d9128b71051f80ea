/* SPDX-License-Identifier: Apache-2.0
 *
 * api/vector_api.c: the public functions of searches: arguments are checked here, everything else
 * is in search/.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "firn/vector.h"
#include "rows/rows.h"
#include "search/search_run.h"

static bool
is_metric(firn_metric metric)
{
    return metric >= FIRN_METRIC_L2 && metric <= FIRN_METRIC_COSINE;
}

const char *
firn_metric_name(firn_metric metric)
{
    return fi_schema_text_metric((uint32_t)metric);
}

static int
take_options(const firn_search_options *given, struct fi_search_request *out, firn_error *err)
{
    API_REQUIRE(given->txn == NULL || given->snapshot == NULL, err,
                "rows are searched in a transaction or in a snapshot, not in both");
    API_REQUIRE(given->parameters != NULL || given->parameter_count == 0, err,
                "parameters must not be NULL");
    API_REQUIRE(given->columns != NULL || given->column_count == 0, err,
                "columns must not be NULL");
    API_REQUIRE(is_metric(given->metric), err, "the metric is not a firn_metric");
    API_REQUIRE(given->recall >= 0 && given->recall <= 1, err, "recall is a share, from 0 to 1");
    if (given->k > FIRN_SEARCH_K_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "k is at most %d, not %llu", FIRN_SEARCH_K_MAX,
                            (unsigned long long)given->k);
    }
    for (size_t i = 0; i < given->column_count; i++) {
        API_REQUIRE(given->columns[i] != NULL, err, "the name of a column must not be NULL");
    }
    out->txn = given->txn;
    out->snapshot = given->snapshot;
    out->k = (size_t)given->k;
    out->metric = (enum fi_vector_metric)given->metric;
    out->where = given->where;
    out->parameters = given->parameters;
    out->parameter_count = given->parameter_count;
    out->columns = given->columns;
    out->column_count = given->column_count;
    out->ef = given->ef;
    out->recall = given->recall;
    out->is_exact = given->exact;
    out->threads = given->threads;
    out->on_progress = given->callbacks.on_progress;
    out->progress_ctx = given->callbacks.ctx;
    return FIRN_OK;
}

/* Searches for the queries of a request, which has these and the column alone. */
static int
search_for(firn_table *table, struct fi_search_request *request, const firn_search_options *options,
           firn_search_result **out, firn_error *err)
{
    _Static_assert((int)FIRN_METRIC_L2 == (int)FI_VECTOR_L2 &&
                       (int)FIRN_METRIC_DOT == (int)FI_VECTOR_DOT &&
                       (int)FIRN_METRIC_COSINE == (int)FI_VECTOR_COSINE,
                   "metrics have the same numbers");
    firn_search_options given = FIRN_SEARCH_OPTIONS_INIT;
    API_OPEN(table, TABLE, err);
    API_REQUIRE(request->column != NULL, err, "column must not be NULL");
    API_REQUIRE(request->query != NULL || request->query_count == 0, err, "query must not be NULL");
    int rc = fi_api_options_read(&given, sizeof given, options, err);
    rc = rc == FIRN_OK ? take_options(&given, request, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    API_OPEN_IF_ANY(request->snapshot, SNAPSHOT, err);
    API_ENTER_IF_ANY(request->txn, TXN, err);
    return fi_api_handle_left(request->txn, fi_search_run(table, request, out, err), err);
}

int
firn_table_search(firn_table *table, const char *column, const float *query, size_t dimensions,
                  const firn_search_options *options, firn_search_result **out, firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_search_request request = {
        .column = column, .query = query, .dimensions = dimensions, .query_count = 1};
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    return search_for(table, &request, options, out, err);
}

int
firn_table_search_many(firn_table *table, const char *column, const float *queries,
                       size_t query_count, size_t dimensions, const firn_search_options *options,
                       firn_search_result **out, firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_search_request request = {
        .column = column, .query = queries, .dimensions = dimensions, .query_count = query_count};
    API_REQUIRE(out != NULL || query_count == 0, err, "out must not be NULL");
    if (query_count > FIRN_SEARCH_QUERIES_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "at most %d queries a search, not %zu",
                            FIRN_SEARCH_QUERIES_MAX, query_count);
    }
    for (size_t i = 0; i < query_count; i++) {
        out[i] = NULL;
    }
    return search_for(table, &request, options, out, err);
}

int
firn_table_add_vector_index(firn_table *table, const firn_vector_index *index, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_vector_index given = FIRN_VECTOR_INDEX_INIT;
    API_REQUIRE(table != NULL && index != NULL, err, "table and index must not be NULL");
    API_OPEN(table, TABLE, err);
    int rc = fi_api_options_read(&given, sizeof given, index, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(given.name != NULL && given.column != NULL, err,
                "an index has a name and a column");
    API_REQUIRE(is_metric(given.metric), err, "the metric is not a firn_metric");
    const struct fi_schema_vector_index model = {.name = firn_str(given.name),
                                                 .metric = (uint32_t)given.metric,
                                                 .m = given.m,
                                                 .ef_construction = given.ef_construction};
    return fi_rows_index_add_vectors(table, &model, firn_str(given.column), err);
}

void
firn_search_result_destroy(firn_search_result *result)
{
    fi_search_result_free(result);
}

size_t
firn_search_result_count(const firn_search_result *result)
{
    return result != NULL ? result->count : 0;
}

double
firn_search_result_distance(const firn_search_result *result, size_t i)
{
    return result != NULL && i < result->count ? result->rows[i].distance : 0;
}

static const firn_value *
vector_api_give(const firn_search_result *result, size_t i, bool is_key, size_t *out_count)
{
    const bool is_there = result != NULL && i < result->count;
    if (out_count != NULL) {
        *out_count = !is_there ? 0 : is_key ? result->key_count : result->column_count;
    }
    return !is_there ? NULL : is_key ? result->rows[i].key : result->rows[i].values;
}

const firn_value *
firn_search_result_key(const firn_search_result *result, size_t i, size_t *out_count)
{
    return vector_api_give(result, i, true, out_count);
}

const firn_value *
firn_search_result_values(const firn_search_result *result, size_t i, size_t *out_count)
{
    return vector_api_give(result, i, false, out_count);
}

void
firn_search_result_get_stats(const firn_search_result *result, firn_search_stats *out)
{
    firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
    if (out == NULL || !fi_api_options_is_size(out->size)) {
        return;
    }
    if (result != NULL) {
        stats = result->stats;
    }
    fi_api_options_write(out, &stats, sizeof stats);
}

double
firn_vector_distance(firn_metric metric, const float *a, const float *b, size_t dimensions)
{
    if (!is_metric(metric) || a == NULL || b == NULL || dimensions == 0 ||
        dimensions > FI_VECTOR_DIMENSIONS_MAX) {
        return __builtin_nan("");
    }
    return fi_vector_distance_exact((enum fi_vector_metric)metric, a, b, dimensions);
}

double
firn_rrf(const uint64_t *ranks, size_t count, double k)
{
    double score = 0;
    for (size_t i = 0; i < count; i++) {
        score += ranks[i] != 0 ? 1 / ((k > 0 ? k : 60) + (double)ranks[i]) : 0;
    }
    return score;
}
