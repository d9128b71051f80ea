/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_search.c: near vectors: Table.search and indexes of vectors.
 *
 * The result is a list of Hit, nearest first: the distance, the key, and a dict of the columns that were asked for. A search
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

PyObject *
fp_search(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *argument_names[] = {"column",  "query", "k",  "metric", "where",   "params",
                                     "columns", "exact", "ef", "recall", "threads", NULL};
    fp_table *self = (fp_table *)object;
    const char *column, *metric = NULL;
    PyObject *query, *parameters = NULL, *columns = NULL;
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    struct fp_count k = {"k", 10}, ef = {"ef", 0}, threads = {"threads", 0};
    int exact = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "sO|O&$zzOOpO&dO&", argument_names, &column,
                                     &query, fp_count_take, &k, &metric, &options.where,
                                     &parameters, &columns, &exact, fp_count_take, &ef,
                                     &options.recall, fp_count_take, &threads) ||
        !metric_of(metric, &options.metric)) {
        return NULL;
    }
    struct fp_values values = {NULL, 0, NULL};
    struct fp_texts texts = {NULL, 0, NULL};
    PyObject *names = NULL, *out = NULL, *bytes = NULL;
    firn_search_result *result = NULL;
    if (columns != NULL && columns != Py_None) {
        names = PySequence_Tuple(columns);
    } else {
        names = PyTuple_New(0);
    }
    if (names != NULL && fp_texts_take(names, &texts) && fp_values_take(parameters, &values) &&
        (bytes = fp_vector_bytes(query)) != NULL && fp_enter(self->store, self->via) != NULL) {
        options.txn = self->txn;
        options.snapshot = self->snapshot;
        options.k = k.value;
        options.parameters = values.items;
        options.parameter_count = values.count;
        options.columns = texts.items;
        options.column_count = texts.count;
        options.exact = exact != 0;
        options.ef = fp_unsigned(ef);
        options.threads = fp_unsigned(threads);
        if (options.where != NULL) {
            options.callbacks = fp_signal_callbacks();
        }
        size_t size = (size_t)PyBytes_Size(bytes);
        firn_error err;
        int code = size % sizeof(float) == 0 ? FIRN_OK : FIRN_INVALID;
        if (code ==
            FIRN_OK) { /* bytes objects are aligned for it: their data follows a header of words */
            const void *numbers = PyBytes_AsString(bytes);
            float *aligned = malloc(size + sizeof(float));
            if (aligned != NULL) {
                memcpy(aligned, numbers, size);
                FP_UNLOCKED(code, firn_table_search(self->table, column, aligned,
                                                    size / sizeof(float), &options, &result, &err));
                free(aligned);
            } else {
                code = FIRN_NO_MEMORY;
                err.code = FIRN_OK;
            }
        } else {
            err.code = FIRN_OK;
        }
        fp_leave(self->store, self->via);
        if (code != FIRN_OK && !PyErr_Occurred()) {
            fp_raise(code, &err);
        } else if (code == FIRN_OK) {
            out = hits(self, names, result);
        }
    }
    firn_search_result_destroy(result);
    fp_values_release(&values);
    fp_texts_release(&texts);
    Py_XDECREF(names);
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
