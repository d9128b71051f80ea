/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_search.c: near vectors: Table.search, Table.search_many and indexes of vectors.
 *
 * The result is a list of Hit, nearest first: the distance, the key, and a dict of the columns that were asked for. A search
 * for several queries gives arrays instead. A search
 * with a condition checks for signals now and then; one without is too short for that, and faster without a callback.
 */
#include "fp_table.h"

static const char *const metrics[] = {"", "l2", "dot", "cosine", NULL};

static bool
metric_of(const char *word, firn_metric *out)
{
    int choice = word != NULL ? fp_choice("metric", word, metrics) : (int)FIRN_METRIC_COSINE;
    *out = (firn_metric)choice;
    return choice > 0;
}

static PyObject *
hit_object(const struct fp_columns *columns, PyObject *names, const firn_search_result *result,
           size_t i)
{
    size_t key_count, count;
    const firn_value *key_values = firn_search_result_key(result, i, &key_count);
    const firn_value *values = firn_search_result_values(result, i, &count);
    PyObject *key = PyTuple_New((Py_ssize_t)key_count), *row = PyDict_New();
    bool is_made = key != NULL && row != NULL;
    for (size_t at = 0; is_made && at < key_count; at++) {
        PyObject *name = PyUnicode_FromString(columns->def->key[at]);
        const firn_table_column *column = name != NULL ? fp_columns_find(columns, name) : NULL;
        PyObject *value = column != NULL ? fp_value_object(&key_values[at], column->scale) : NULL;
        is_made = value != NULL;
        Py_XDECREF(name);
        if (is_made) {
            PyTuple_SetItem(key, (Py_ssize_t)at, value);
        }
    }
    for (size_t at = 0; is_made && at < count; at++) {
        PyObject *name = PyTuple_GetItem(names, (Py_ssize_t)at);
        const firn_table_column *column = fp_columns_find(columns, name);
        PyObject *value = column != NULL ? fp_value_object(&values[at], column->scale) : NULL;
        is_made = value != NULL && PyDict_SetItem(row, name, value) == 0;
        Py_XDECREF(value);
    }
    PyObject *out =
        is_made ? fp_result("Hit", Py_BuildValue("(dOO)", firn_search_result_distance(result, i),
                                                 key, row))
                : NULL;
    Py_XDECREF(key);
    Py_XDECREF(row);
    return out;
}

static PyObject *
hits(fp_table *self, PyObject *names, const firn_search_result *result)
{
    struct fp_columns *columns = fp_table_columns(self);
    size_t count = firn_search_result_count(result);
    PyObject *out = columns != NULL ? PyList_New((Py_ssize_t)count) : NULL;
    for (size_t i = 0; out != NULL && i < count; i++) {
        PyObject *hit = hit_object(columns, names, result, i);
        if (hit == NULL || PyList_SetItem(out, (Py_ssize_t)i, hit) != 0) {
            Py_CLEAR(out);
        }
    }
    fp_columns_unref(columns);
    return out;
}

/* The arguments of a search. */
struct search_call {
    const char *column;
    PyObject *query;
    firn_search_options options;
    struct fp_values values;
    struct fp_texts texts;
    PyObject *names; /* of columns of the result */
};

static bool
search_parse(PyObject *args, PyObject *keywords, bool has_columns, struct search_call *out)
{
    static char *with_columns[] = {"column",  "query", "k",  "metric", "where",   "params",
                                   "columns", "exact", "ef", "recall", "threads", NULL};
    static char *without_columns[] = {"column", "queries", "k",      "metric",  "where", "params",
                                      "exact",  "ef",      "recall", "threads", NULL};
    const char *metric = NULL;
    PyObject *parameters = NULL, *columns = NULL;
    firn_search_options *options = &out->options;
    struct fp_count k = {"k", 10}, ef = {"ef", 0}, threads = {"threads", 0};
    int exact = 0;
    const bool is_parsed =
        has_columns
            ? PyArg_ParseTupleAndKeywords(
                  args, keywords, "sO|O&$zzOOpO&dO&", with_columns, &out->column, &out->query,
                  fp_count_take, &k, &metric, &options->where, &parameters, &columns, &exact,
                  fp_count_take, &ef, &options->recall, fp_count_take, &threads)
            : PyArg_ParseTupleAndKeywords(args, keywords, "sO|O&$zzOpO&dO&", without_columns,
                                          &out->column, &out->query, fp_count_take, &k, &metric,
                                          &options->where, &parameters, &exact, fp_count_take, &ef,
                                          &options->recall, fp_count_take, &threads);
    if (!is_parsed || !metric_of(metric, &options->metric)) {
        return false;
    }
    if (columns != NULL && columns != Py_None) {
        out->names = PySequence_Tuple(columns);
    } else {
        out->names = PyTuple_New(0);
    }
    if (out->names == NULL || !fp_texts_take(out->names, &out->texts) ||
        !fp_values_take(parameters, &out->values)) {
        return false;
    }
    options->k = k.value;
    options->parameters = out->values.items;
    options->parameter_count = out->values.count;
    options->columns = out->texts.items;
    options->column_count = out->texts.count;
    options->exact = exact != 0;
    options->ef = fp_unsigned(ef);
    options->threads = fp_unsigned(threads);
    if (options->where != NULL) {
        options->callbacks = fp_signal_callbacks();
    }
    return true;
}

static void
search_release(struct search_call *call)
{
    fp_values_release(&call->values);
    fp_texts_release(&call->texts);
    Py_XDECREF(call->names);
}

/* Searches for `count` vectors of so many numbers, whose bytes these are; false with an exception set. */
static bool
search_run(fp_table *self, struct search_call *call, PyObject *bytes, size_t count,
           size_t dimensions, firn_search_result **out)
{
    firn_error err;
    int code;
    if (fp_enter(self->store, self->via) == NULL) {
        return false;
    }
    call->options.txn = self->txn;
    call->options.snapshot = self->snapshot;
    /* The data of bytes objects are aligned as words are: they follow a header of words. */
    const void *numbers = PyBytes_AsString(bytes);
    FP_UNLOCKED(code, firn_table_search_many(self->table, call->column, numbers, count, dimensions,
                                             &call->options, out, &err));
    fp_leave(self->store, self->via);
    if (code != FIRN_OK && !PyErr_Occurred()) {
        fp_raise(code, &err);
    }
    return code == FIRN_OK;
}

PyObject *
fp_search(PyObject *object, PyObject *args, PyObject *keywords)
{
    fp_table *self = (fp_table *)object;
    struct search_call call = {.options = FIRN_SEARCH_OPTIONS_INIT};
    firn_search_result *result = NULL;
    PyObject *out = NULL, *bytes = NULL;
    if (search_parse(args, keywords, true, &call) &&
        (bytes = fp_vector_bytes(call.query)) != NULL) {
        const size_t size = (size_t)PyBytes_Size(bytes);
        if (size % sizeof(float) != 0) {
            fp_raise_text(FIRN_INVALID, "a vector of f32 has a multiple of 4 bytes, not %zu", size);
        } else if (search_run(self, &call, bytes, 1, size / sizeof(float), &result)) {
            out = hits(self, call.names, result);
        }
    }
    firn_search_result_destroy(result);
    search_release(&call);
    Py_XDECREF(bytes);
    return out;
}

/* ---- several queries ---- */

/* The numbers of a 2-dimensional array of f32, without looking at each; NULL without an exception: it is another object. */
static PyObject *
array_bytes(PyObject *queries, size_t *out_count, size_t *out_dimensions)
{
    PyObject *view = PyMemoryView_FromObject(queries), *bytes = NULL;
    if (view == NULL) {
        PyErr_Clear();
        return NULL;
    }
    PyObject *format = PyObject_GetAttrString(view, "format");
    PyObject *shape = PyObject_GetAttrString(view, "shape");
    if (format != NULL && shape != NULL && PyUnicode_CompareWithASCIIString(format, "f") == 0 &&
        PyTuple_Size(shape) == 2) {
        *out_count = PyLong_AsSize_t(PyTuple_GetItem(shape, 0));
        *out_dimensions = PyLong_AsSize_t(PyTuple_GetItem(shape, 1));
        bytes = PyObject_CallMethod(view, "tobytes", NULL);
    }
    Py_XDECREF(format);
    Py_XDECREF(shape);
    Py_DECREF(view);
    return bytes;
}

/* The numbers of queries that come one by one. */
static PyObject *
rows_bytes(PyObject *queries, size_t *out_count, size_t *out_dimensions)
{
    PyObject *rows = PySequence_List(queries), *empty = PyBytes_FromStringAndSize(NULL, 0);
    bool is_fine = rows != NULL && empty != NULL;
    Py_ssize_t size = 0;
    *out_count = is_fine ? (size_t)PyList_Size(rows) : 0;
    for (Py_ssize_t i = 0; is_fine && i < PyList_Size(rows); i++) {
        PyObject *bytes = fp_vector_bytes(PyList_GetItem(rows, i));
        is_fine = bytes != NULL && PyList_SetItem(rows, i, bytes) == 0; /* takes it */
        if (is_fine && ((i > 0 && PyBytes_Size(bytes) != size) ||
                        PyBytes_Size(bytes) % (Py_ssize_t)sizeof(float) != 0)) {
            PyErr_SetString(PyExc_ValueError, "queries are vectors of one length");
            is_fine = false;
        }
        size = is_fine ? PyBytes_Size(bytes) : 0;
    }
    *out_dimensions = (size_t)size / sizeof(float);
    PyObject *out = is_fine ? PyObject_CallMethod(empty, "join", "O", rows) : NULL;
    Py_XDECREF(rows);
    Py_XDECREF(empty);
    return out;
}

/* An array of count rows of `width` numbers of 8 bytes, zeroed; *out_data is borrowed from it. */
static PyObject *
array_of(const char *format, size_t count, size_t width, void **out_data)
{
    PyObject *memory = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)(8 * count * width));
    PyObject *view = memory != NULL ? PyMemoryView_FromObject(memory) : NULL, *out = NULL;
    if (view != NULL) {
        *out_data = PyByteArray_AsString(memory);
        memset(*out_data, 0, 8 * count * width);
        out = count * width > 0 ? PyObject_CallMethod(view, "cast", "s(nn)", format,
                                                      (Py_ssize_t)count, (Py_ssize_t)width)
                                : PyObject_CallMethod(view, "cast", "s", format);
    }
    Py_XDECREF(view);
    Py_XDECREF(memory);
    return out;
}

/* The keys as tuples: a list for each query. */
static PyObject *
key_lists(fp_table *self, PyObject *names, firn_search_result **results, size_t count)
{
    PyObject *out = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; out != NULL && i < count; i++) {
        PyObject *found = hits(self, names, results[i]);
        for (Py_ssize_t k = 0; found != NULL && k < PyList_Size(found); k++) {
            PyObject *key = PyObject_GetAttrString(PyList_GetItem(found, k), "key");
            if (key == NULL || PyList_SetItem(found, k, key) != 0) {
                Py_CLEAR(found);
            }
        }
        if (found == NULL || PyList_SetItem(out, (Py_ssize_t)i, found) != 0) {
            Py_CLEAR(out);
        }
    }
    return out;
}

static bool
is_whole(firn_type type)
{
    return type == FIRN_TYPE_I8 || type == FIRN_TYPE_I16 || type == FIRN_TYPE_I32 ||
           type == FIRN_TYPE_I64 || type == FIRN_TYPE_U8 || type == FIRN_TYPE_U16 ||
           type == FIRN_TYPE_U32 || type == FIRN_TYPE_U64;
}

/* The distances and keys of all results, as arrays. */
static PyObject *
neighbors(fp_table *self, PyObject *names, firn_search_result **results, size_t count)
{
    size_t width = 0, parts = 1;
    firn_type type = FIRN_TYPE_I64;
    void *distances = NULL, *numbers = NULL;
    for (size_t i = 0; i < count; i++) {
        const size_t found = firn_search_result_count(results[i]);
        if (found > 0) {
            type = firn_search_result_key(results[i], 0, &parts)[0].type;
        }
        width = found > width ? found : width;
    }
    const bool is_number = parts == 1 && is_whole(type);
    PyObject *far = array_of("d", count, width, &distances);
    PyObject *keys = is_number ? array_of(type == FIRN_TYPE_U64 ? "Q" : "q", count, width, &numbers)
                               : key_lists(self, names, results, count);
    PyObject *out = NULL;
    if (far != NULL && keys != NULL) {
        for (size_t at = 0; at < count * width; at++) {
            const size_t k = at % width;
            const firn_search_result *result = results[at / width];
            const bool is_found = k < firn_search_result_count(result);
            const double distance = is_found ? firn_search_result_distance(result, k) : Py_HUGE_VAL;
            memcpy((char *)distances + 8 * at, &distance, 8);
            if (is_number) {
                const int64_t key =
                    is_found ? firn_search_result_key(result, k, NULL)[0].as.i64 : -1;
                memcpy((char *)numbers + 8 * at, &key, 8);
            }
        }
        out = fp_result("Neighbors", Py_BuildValue("(OO)", far, keys));
    }
    Py_XDECREF(far);
    Py_XDECREF(keys);
    return out;
}

PyObject *
fp_search_many(PyObject *object, PyObject *args, PyObject *keywords)
{
    fp_table *self = (fp_table *)object;
    struct search_call call = {.options = FIRN_SEARCH_OPTIONS_INIT};
    firn_search_result **results = NULL;
    size_t count = 0, dimensions = 0;
    PyObject *out = NULL, *bytes = NULL;
    if (!search_parse(args, keywords, false, &call)) {
        goto out;
    }
    bytes = array_bytes(call.query, &count, &dimensions);
    if (bytes == NULL && !PyErr_Occurred()) {
        bytes = rows_bytes(call.query, &count, &dimensions);
    }
    if (bytes == NULL) {
        goto out;
    }
    results = calloc(count + 1, sizeof *results);
    if (results == NULL) {
        PyErr_NoMemory();
    } else if (count == 0) {
        out = neighbors(self, call.names, results, 0);
    } else if (search_run(self, &call, bytes, count, dimensions, results)) {
        out = neighbors(self, call.names, results, count);
    }
    for (size_t i = 0; results != NULL && i < count; i++) {
        firn_search_result_destroy(results[i]);
    }
out:
    free(results);
    search_release(&call);
    Py_XDECREF(bytes);
    return out;
}

PyObject *
fp_search_add_index(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "column", "metric", "m", "ef_construction", NULL};
    fp_table *self = (fp_table *)object;
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    const char *metric = NULL;
    struct fp_count m = {"m", index.m}, ef = {"ef_construction", index.ef_construction};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "ss|$zO&O&", names, &index.name, &index.column,
                                     &metric, fp_count_take, &m, fp_count_take, &ef) ||
        !metric_of(metric, &index.metric)) {
        return NULL;
    }
    index.m = fp_unsigned(m);
    index.ef_construction = fp_unsigned(ef);
    if (!fp_table_enter_writing(self)) {
        return NULL;
    }
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_table_add_vector_index(self->table, &index, &err));
    fp_leave(self->store, self->via);
    self->store->generation++;
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    Py_RETURN_NONE;
}
