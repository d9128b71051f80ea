/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.c: queries over tables, and vector search.
 *
 * A batch comes as rows (one array of values, row after row) or as columns: a typed array for each column of numbers, and for
 * texts and bytes one buffer with offsets. Typed arrays are copies. firn's own arrays may lie in the store's cache, and
 * JavaScript could write into them.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"

/* ---- opening ---- */

struct scan_open_call {
    struct call call;
    struct handle *handle;
    struct handle *context;
    struct handle *join;
    firn_scan_options options;
    firn_scan *scan;
};

/* scanOpen(table, context, select, where, parameters, groupBy, orderBy, limit, offset, index, lower, lowerExclusive, upper,
 * upperExclusive, descending, threads, memory, join, on) */
static bool
scan_open_parse(struct args *args, struct call *call)
{
    struct scan_open_call *self = (struct scan_open_call *)(void *)call;
    firn_scan_options init = FIRN_SCAN_OPTIONS_INIT;
    firn_scan_options *options = &self->options;
    const firn_table_column **key;
    size_t key_count;
    firn_value *values;
    uint64_t threads;
    *options = init;
    if (!arg_handle(args, 0, HANDLE_TABLE, &self->handle) ||
        !arg_context(args, 1, HANDLE_TXN | HANDLE_SNAPSHOT, self->handle, &self->context) ||
        !arg_text_or_none(args, 2, "select", &options->select) ||
        !arg_text_or_none(args, 3, "where", &options->where) ||
        !arg_values(args, 4, NULL, 0, &values, &options->parameter_count) ||
        !arg_text_or_none(args, 5, "groupBy", &options->group_by) ||
        !arg_text_or_none(args, 6, "orderBy", &options->order_by) ||
        !arg_u64(args, 7, "limit", 0, &options->limit) ||
        !arg_u64(args, 8, "offset", 0, &options->offset) ||
        !arg_text_or_none(args, 9, "index", &options->index)) {
        return false;
    }
    options->parameters = values;
    key = columns_of_key(args, ((struct table_object *)self->handle->object)->def, options->index,
                         &key_count);
    if (key == NULL || !arg_values(args, 10, key, key_count, &values, &options->lower.count)) {
        return false;
    }
    options->lower.values = values;
    if (!arg_bool(args, 11, "exclusive", &options->lower.exclusive) ||
        !arg_values(args, 12, key, key_count, &values, &options->upper.count) ||
        !arg_bool(args, 13, "exclusive", &options->upper.exclusive) ||
        !arg_bool(args, 14, "descending", &options->descending) ||
        !arg_u64(args, 15, "threads", 0, &threads) ||
        !arg_u64(args, 16, "memory", 0, &options->memory_bytes) ||
        !arg_handle_or_none(args, 17, HANDLE_SCAN, &self->join) ||
        !arg_text_or_none(args, 18, "on", &options->join_on)) {
        return false;
    }
    options->upper.values = values;
    if (threads > 1024) {
        return throw_invalid(args, "threads is too large");
    }
    options->threads = (unsigned)threads;
    if (self->join != NULL) {
        options->join = self->join->object;
        call->lane = self->join->lane;
    }
    if (self->context != NULL && self->context->kind == HANDLE_TXN) {
        options->txn = self->context->object;
        call->lane = self->context->lane;
    } else if (self->context != NULL) {
        options->snapshot = self->context->object;
    }
    return true;
}

static int
scan_open_run(struct call *call, firn_error *err)
{
    struct scan_open_call *self = (struct scan_open_call *)(void *)call;
    return firn_scan_open(((struct table_object *)self->handle->object)->table, &self->options,
                          &self->scan, err);
}

/* [handle, columns] */
static napi_value
scan_open_finish(napi_env env, struct call *call)
{
    struct scan_open_call *self = (struct scan_open_call *)(void *)call;
    bool in_txn = self->context != NULL && self->context->kind == HANDLE_TXN;
    size_t count = firn_scan_column_count(self->scan);
    void *scan = self->scan;
    napi_value pair = NULL;
    napi_value columns = NULL;
    napi_value handle;
    uint32_t i;
    (void)napi_create_array_with_length(env, count, &columns);
    for (i = 0; columns != NULL && i < count; i++) {
        firn_table_column column = column_of_scan(self->scan, i);
        (void)napi_set_element(env, columns, i, column_to_js(env, &column));
    }
    handle =
        make_handle(env, call, HANDLE_SCAN, in_txn ? self->context : self->handle->parent, &scan);
    (void)napi_create_array_with_length(env, 2, &pair);
    if (handle == NULL || columns == NULL || pair == NULL) {
        return NULL;
    }
    (void)napi_set_element(env, pair, 0, handle);
    (void)napi_set_element(env, pair, 1, columns);
    return pair;
}

/* ---- the next batch ---- */

struct scan_next_call {
    struct call call;
    struct handle *scan;
    bool by_columns;
    bool as_numbers;
    const firn_scan_batch *batch;
};

static bool
scan_next_parse(struct args *args, struct call *call)
{
    struct scan_next_call *self = (struct scan_next_call *)(void *)call;
    return arg_handle(args, 0, HANDLE_SCAN, &self->scan) &&
           arg_bool(args, 1, "byColumns", &self->by_columns) &&
           arg_bool(args, 2, "asNumbers", &self->as_numbers);
}

static int
scan_next_run(struct call *call, firn_error *err)
{
    struct scan_next_call *self = (struct scan_next_call *)(void *)call;
    return firn_scan_next(self->scan->object, &self->batch, err);
}

static napi_value
batch_rows(napi_env env, struct scan_next_call *self)
{
    const firn_scan *scan = self->scan->object;
    size_t rows = firn_scan_batch_rows(self->batch);
    size_t columns = firn_scan_column_count(scan);
    napi_value array = NULL;
    size_t row;
    size_t c;
    if (napi_create_array_with_length(env, rows * columns, &array) != napi_ok) {
        return NULL;
    }
    for (c = 0; c < columns; c++) {
        firn_table_column column = column_of_scan(scan, c);
        for (row = 0; row < rows; row++) {
            napi_handle_scope scope = NULL;
            firn_value value = firn_scan_value(self->batch, c, row);
            napi_value js;
            bool ok;
            (void)napi_open_handle_scope(env, &scope);
            js = value_to_js(self->call.instance, &value, &column, self->as_numbers);
            ok = js != NULL &&
                 napi_set_element(env, array, (uint32_t)(row * columns + c), js) == napi_ok;
            (void)napi_close_handle_scope(env, scope);
            if (!ok) {
                return NULL;
            }
        }
    }
    return array;
}

/* A typed array of `count` elements of `size` bytes, and where they are to be written; NULL if it cannot be made. */
static napi_value
typed_array(napi_env env, napi_typedarray_type type, size_t size, size_t count, void **out)
{
    napi_value memory = NULL;
    napi_value array = NULL;
    *out = NULL;
    if (napi_create_arraybuffer(env, size * count, out, &memory) != napi_ok ||
        napi_create_typedarray(env, type, count, memory, 0, &array) != napi_ok ||
        (*out == NULL && size * count > 0)) {
        return NULL;
    }
    return array;
}

#define COPY_NARROW(c_type, from)             \
    for (i = 0; i < rows; i++) {              \
        ((c_type *)out)[i] = (c_type)from[i]; \
    }

/* Numbers in the typed array that has their width. Elements of null are whatever firn has there. */
static napi_value
numbers_to_js(napi_env env, const firn_table_column *column, const firn_scan_array *array,
              size_t rows)
{
    napi_value js;
    void *out;
    size_t i;
    switch (column->type) {
    case FIRN_TYPE_I8:
        if ((js = typed_array(env, napi_int8_array, 1, rows, &out)) != NULL) {
            COPY_NARROW(int8_t, array->as.i64)
        }
        return js;
    case FIRN_TYPE_I16:
        if ((js = typed_array(env, napi_int16_array, 2, rows, &out)) != NULL) {
            COPY_NARROW(int16_t, array->as.i64)
        }
        return js;
    case FIRN_TYPE_I32:
    case FIRN_TYPE_DATE:
        if ((js = typed_array(env, napi_int32_array, 4, rows, &out)) != NULL) {
            COPY_NARROW(int32_t, array->as.i64)
        }
        return js;
    case FIRN_TYPE_BOOL:
    case FIRN_TYPE_U8:
        if ((js = typed_array(env, napi_uint8_array, 1, rows, &out)) != NULL) {
            COPY_NARROW(uint8_t, array->as.u64)
        }
        return js;
    case FIRN_TYPE_U16:
        if ((js = typed_array(env, napi_uint16_array, 2, rows, &out)) != NULL) {
            COPY_NARROW(uint16_t, array->as.u64)
        }
        return js;
    case FIRN_TYPE_U32:
        if ((js = typed_array(env, napi_uint32_array, 4, rows, &out)) != NULL) {
            COPY_NARROW(uint32_t, array->as.u64)
        }
        return js;
    case FIRN_TYPE_U64:
        if ((js = typed_array(env, napi_biguint64_array, 8, rows, &out)) != NULL) {
            memcpy(out, array->as.u64, 8 * rows);
        }
        return js;
    case FIRN_TYPE_F32:
        if ((js = typed_array(env, napi_float32_array, 4, rows, &out)) != NULL) {
            memcpy(out, array->as.f32, 4 * rows);
        }
        return js;
    case FIRN_TYPE_F64:
        if ((js = typed_array(env, napi_float64_array, 8, rows, &out)) != NULL) {
            memcpy(out, array->as.f64, 8 * rows);
        }
        return js;
    case FIRN_TYPE_I64:
    case FIRN_TYPE_DECIMAL:   /* in units */
    case FIRN_TYPE_TIMESTAMP: /* in microseconds */
    case FIRN_TYPE_NULL:
    case FIRN_TYPE_TEXT:
    case FIRN_TYPE_BLOB:
    case FIRN_TYPE_UUID:
    case FIRN_TYPE_VECTOR: /* bytes are not asked for here */
        break;
    }
    if ((js = typed_array(env, napi_bigint64_array, 8, rows, &out)) != NULL) {
        memcpy(out, array->as.i64, 8 * rows);
    }
    return js;
}

static bool
is_valid(const firn_scan_array *array, size_t row)
{
    return array->valid == NULL || (array->valid[row / 64] >> (row % 64) & 1) != 0;
}

/* Vectors and uuids in one typed array, texts and blobs in one buffer with offsets. */
static void
bytes_to_js(napi_env env, napi_value object, const firn_table_column *column,
            const firn_scan_array *array, size_t rows)
{
    size_t width = column->type == FIRN_TYPE_VECTOR ? column->dimensions * sizeof(float)
                   : column->type == FIRN_TYPE_UUID ? 16
                                                    : 0;
    size_t total = width * rows;
    napi_value js;
    napi_value offsets = NULL;
    void *out;
    void *numbers = NULL;
    size_t at = 0;
    size_t i;
    for (i = 0; width == 0 && i < rows; i++) {
        total += is_valid(array, i) ? array->as.bytes[i].size : 0;
    }
    js = column->type == FIRN_TYPE_VECTOR
             ? typed_array(env, napi_float32_array, sizeof(float), total / sizeof(float), &out)
             : typed_array(env, napi_uint8_array, 1, total, &out);
    if (width == 0) {
        offsets = typed_array(env, napi_float64_array, sizeof(double), rows + 1, &numbers);
    }
    if (js == NULL || (width == 0 && offsets == NULL)) {
        return;
    }
    for (i = 0; i < rows; i++) {
        firn_slice bytes = is_valid(array, i) ? array->as.bytes[i] : firn_bytes(NULL, 0);
        if (numbers != NULL) {
            ((double *)numbers)[i] = (double)at;
        }
        assert(width == 0 || bytes.size == 0 || bytes.size == width);
        if (bytes.size > 0) {
            memcpy((uint8_t *)out + at, bytes.data, bytes.size);
        } else if (width > 0) {
            memset((uint8_t *)out + at, 0, width);
        }
        at += width > 0 ? width : bytes.size;
    }
    if (numbers != NULL) {
        ((double *)numbers)[rows] = (double)at;
        set_value(env, object, "offsets", offsets);
    }
    set_value(env, object, "values", js);
}

static napi_value
batch_columns(napi_env env, struct scan_next_call *self)
{
    const firn_scan *scan = self->scan->object;
    size_t rows = firn_scan_batch_rows(self->batch);
    size_t columns = firn_scan_column_count(scan);
    napi_value list = NULL;
    uint32_t c;
    if (napi_create_array_with_length(env, columns + 1, &list) != napi_ok) {
        return NULL;
    }
    (void)napi_set_element(env, list, 0, make_number(env, (double)rows));
    for (c = 0; c < columns; c++) {
        firn_table_column column = column_of_scan(scan, c);
        firn_scan_array array = FIRN_SCAN_ARRAY_INIT;
        napi_value object = NULL;
        napi_value valid;
        void *bits;
        firn_scan_batch_column(self->batch, c, &array);
        (void)napi_create_object(env, &object);
        if (type_has_bytes(column.type)) {
            bytes_to_js(env, object, &column, &array, rows);
        } else {
            set_value(env, object, "values", numbers_to_js(env, &column, &array, rows));
        }
        if (array.valid != NULL) { /* the lowest bit is the first row's, as in Arrow */
            valid = typed_array(env, napi_uint8_array, 1, (rows + 7) / 8, &bits);
            if (valid != NULL) {
                size_t i;
                for (i = 0; i < (rows + 7) / 8; i++) {
                    ((uint8_t *)bits)[i] = (uint8_t)(array.valid[i / 8] >> (8 * (i % 8)));
                }
                set_value(env, object, "valid", valid);
            }
        }
        (void)napi_set_element(env, list, c + 1, object);
    }
    return list;
}

static napi_value
scan_next_finish(napi_env env, struct call *call)
{
    struct scan_next_call *self = (struct scan_next_call *)(void *)call;
    if (self->batch == NULL) {
        return NULL;
    }
    return self->by_columns ? batch_columns(env, self) : batch_rows(env, self);
}

/* ---- vector search ---- */

struct search_call {
    struct call call;
    struct handle *handle;
    struct handle *context;
    const char *column;
    float *queries; /* one after the other */
    size_t query_count;
    size_t dimensions;
    firn_search_options options;
    const firn_table_column **key;
    const firn_table_column **columns;
    bool as_numbers;
    firn_search_result **results; /* query_count */
};

/* Reads an array of vectors of one length. */
static bool
queries_parse(struct args *args, napi_value js, struct search_call *self)
{
    firn_table_column vector;
    firn_value query;
    napi_value element;
    uint32_t count;
    uint32_t i;
    memset(&vector, 0, sizeof(vector));
    vector.name = "query";
    vector.type = FIRN_TYPE_VECTOR;
    if (napi_get_array_length(args->env, js, &count) != napi_ok) {
        return throw_invalid(args, "queries must be an array of vectors");
    }
    self->query_count = count;
    for (i = 0; i < count; i++) {
        if (napi_get_element(args->env, js, i, &element) != napi_ok ||
            !value_from_js(args, element, &vector, &query)) {
            return false;
        }
        if (query.type != FIRN_TYPE_VECTOR) {
            return throw_invalid(args, "a query must be a vector");
        }
        if (i == 0) {
            self->dimensions = query.as.bytes.size / sizeof(float);
            if (self->dimensions >= SIZE_MAX / sizeof(float) / count) {
                return throw_no_memory(args->instance);
            }
            self->queries =
                arena_take(&args->call->arena, count * self->dimensions * sizeof(float) + 1);
            self->results = arena_take(&args->call->arena, count * sizeof(firn_search_result *));
            if (self->queries == NULL || self->results == NULL) {
                return throw_no_memory(args->instance);
            }
            memset(self->results, 0, count * sizeof(firn_search_result *));
        } else if (query.as.bytes.size != self->dimensions * sizeof(float)) {
            return throw_invalid(args, "queries must be vectors of one length");
        }
        memcpy(self->queries + i * self->dimensions, query.as.bytes.data, query.as.bytes.size);
    }
    return true;
}

/* search(table, context, column, queries, k, metric, where, parameters, columns, exact, ef, recall, threads, numbers) */
static bool
search_parse(struct args *args, struct call *call)
{
    struct search_call *self = (struct search_call *)(void *)call;
    firn_search_options init = FIRN_SEARCH_OPTIONS_INIT;
    firn_search_options *options = &self->options;
    const firn_table_def *def;
    firn_value *parameters;
    size_t key_count;
    uint64_t ef;
    uint64_t threads;
    int metric;
    *options = init;
    if (!arg_handle(args, 0, HANDLE_TABLE, &self->handle) ||
        !arg_context(args, 1, HANDLE_TXN | HANDLE_SNAPSHOT, self->handle, &self->context) ||
        !arg_text(args, 2, "column", &self->column) || args->count < 4 ||
        !queries_parse(args, args->values[3], self) || !arg_u64(args, 4, "k", 10, &options->k) ||
        !arg_enum(args, 5, "metric", FIRN_METRIC_COSINE, &metric) ||
        !arg_text_or_none(args, 6, "where", &options->where) ||
        !arg_values(args, 7, NULL, 0, &parameters, &options->parameter_count) ||
        !arg_texts(args, 8, "columns", &options->columns, &options->column_count) ||
        !arg_bool(args, 9, "exact", &options->exact) || !arg_u64(args, 10, "ef", 0, &ef) ||
        !arg_double(args, 11, "recall", 0, &options->recall) ||
        !arg_u64(args, 12, "threads", 0, &threads) ||
        !arg_bool(args, 13, "asNumbers", &self->as_numbers)) {
        return false;
    }
    if (ef > UINT32_MAX || threads > 1024) {
        return throw_invalid(args, "ef and threads must be within their limits");
    }
    options->parameters = parameters;
    options->metric = metric == 0 ? FIRN_METRIC_COSINE : (firn_metric)metric;
    options->ef = (uint32_t)ef;
    options->threads = (unsigned)threads;
    def = ((struct table_object *)self->handle->object)->def;
    self->key = columns_of_key(args, def, NULL, &key_count);
    self->columns = columns_named(args, def, options->columns, options->column_count);
    if (self->context != NULL && self->context->kind == HANDLE_TXN) {
        options->txn = self->context->object;
        call->lane = self->context->lane;
    } else if (self->context != NULL) {
        options->snapshot = self->context->object;
    }
    return self->key != NULL && self->columns != NULL;
}

static int
search_run(struct call *call, firn_error *err)
{
    struct search_call *self = (struct search_call *)(void *)call;
    if (self->query_count == 0) {
        return FIRN_OK;
    }
    return firn_table_search_many(((struct table_object *)self->handle->object)->table,
                                  self->column, self->queries, self->query_count, self->dimensions,
                                  &self->options, self->results, err);
}

static bool
values_to_js(napi_env env, struct search_call *self, const firn_value *values, size_t count,
             const firn_table_column **columns, napi_value *out)
{
    uint32_t i;
    if (napi_create_array_with_length(env, count, out) != napi_ok) {
        return false;
    }
    for (i = 0; i < count; i++) {
        napi_value value =
            value_to_js(self->call.instance, &values[i], columns[i], self->as_numbers);
        if (value == NULL || napi_set_element(env, *out, i, value) != napi_ok) {
            return false;
        }
    }
    return true;
}

/* An array of [distance, key, values]. */
static napi_value
result_to_js(napi_env env, struct search_call *self, const firn_search_result *result)
{
    size_t count = firn_search_result_count(result);
    napi_value array = NULL;
    uint32_t i;
    (void)napi_create_array_with_length(env, count, &array);
    for (i = 0; array != NULL && i < count; i++) {
        napi_value triple = NULL;
        napi_value part = NULL;
        size_t parts = 0;
        const firn_value *values = firn_search_result_key(result, i, &parts);
        (void)napi_create_array_with_length(env, 3, &triple);
        if (triple == NULL || !values_to_js(env, self, values, parts, self->key, &part)) {
            return NULL;
        }
        (void)napi_set_element(env, triple, 0,
                               make_number(env, firn_search_result_distance(result, i)));
        (void)napi_set_element(env, triple, 1, part);
        values = firn_search_result_values(result, i, &parts);
        if (!values_to_js(env, self, values, parts, self->columns, &part)) {
            return NULL;
        }
        (void)napi_set_element(env, triple, 2, part);
        (void)napi_set_element(env, array, i, triple);
    }
    return array;
}

/* An array with such an array for each query. */
static napi_value
search_finish(napi_env env, struct call *call)
{
    struct search_call *self = (struct search_call *)(void *)call;
    napi_value array = NULL;
    uint32_t i;
    (void)napi_create_array_with_length(env, self->query_count, &array);
    for (i = 0; array != NULL && i < self->query_count; i++) {
        napi_value found = result_to_js(env, self, self->results[i]);
        if (found == NULL || napi_set_element(env, array, i, found) != napi_ok) {
            return NULL;
        }
    }
    return array;
}

static void
search_release(struct call *call)
{
    struct search_call *self = (struct search_call *)(void *)call;
    size_t i;
    for (i = 0; self->results != NULL && i < self->query_count; i++) {
        firn_search_result_destroy(self->results[i]);
    }
}

const struct call_kind scan_calls[] = {{"scanOpen", sizeof(struct scan_open_call), 0,
                                        scan_open_parse, scan_open_run, scan_open_finish, NULL},
                                       {"scanNext", sizeof(struct scan_next_call), CALL_IN_LANE,
                                        scan_next_parse, scan_next_run, scan_next_finish, NULL},
                                       {"search", sizeof(struct search_call), 0, search_parse,
                                        search_run, search_finish, search_release},
                                       {NULL, 0, 0, NULL, NULL, NULL, NULL}};
