/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_rows.c: rows of a table one at a time, and many in one transaction or load.
 *
 * A row is a dict from names of columns to values. Its values are converted with the GIL held; then firn is called without it,
 * with nothing but C memory that a list of Python objects keeps alive. insert_many and upsert_many are one transaction, whose
 * size is bounded by the store's memory (Limit); load bypasses that and takes any number of rows, which have to be new.
 */
#include "fp_stream.h"
#include "fp_table.h"

/* A row as firn takes it. */
struct row {
    firn_value *values;
    const char **columns;
    size_t count;
    size_t capacity;
    PyObject *keep;
    bool has_auto; /* a number for the auto column is given */
};

static void
row_deinit(struct row *row)
{
    free(row->values);
    free(row->columns);
    Py_CLEAR(row->keep);
}

static bool
row_reserve(struct row *row, size_t capacity)
{
    if (capacity <= row->capacity) {
        return true;
    }
    firn_value *values = realloc(row->values, capacity * sizeof *values);
    row->values = values != NULL ? values : row->values;
    const char **columns = realloc(row->columns, capacity * sizeof *columns);
    row->columns = columns != NULL ? columns : row->columns;
    if (values == NULL || columns == NULL) {
        PyErr_NoMemory();
        return false;
    }
    row->capacity = capacity;
    return true;
}

/* Converts a dict; what the row held before is gone. */
static bool
row_take(struct row *row, const struct fp_columns *columns, PyObject *dict)
{
    if (!PyDict_Check(dict)) {
        PyErr_Format(PyExc_TypeError, "a row is a dict from columns to values, not %R",
                     (PyObject *)Py_TYPE(dict));
        return false;
    }
    Py_CLEAR(row->keep);
    row->keep = PyList_New(0);
    row->count = 0;
    row->has_auto = false;
    if (row->keep == NULL || !row_reserve(row, (size_t)PyDict_Size(dict) + 1)) {
        return false;
    }
    /* Values may be anything, also what changes the dict while it is converted: a copy does not change. */
    PyObject *items = PyDict_Items(dict);
    Py_ssize_t count = items != NULL ? PyList_Size(items) : -1;
    bool is_taken = items != NULL && row_reserve(row, (size_t)count + 1) &&
                    PyList_Append(row->keep, items) == 0;
    for (Py_ssize_t i = 0; is_taken && i < count; i++) {
        PyObject *pair = PyList_GetItem(items, i);
        const firn_table_column *column = fp_columns_find(columns, PyTuple_GetItem(pair, 0));
        is_taken = column != NULL && fp_value_of(PyTuple_GetItem(pair, 1), column,
                                                 &row->values[row->count], row->keep);
        if (is_taken) {
            row->has_auto =
                row->has_auto || (column->is_auto && !firn_is_null(row->values[row->count]));
            row->columns[row->count++] = column->name;
        }
    }
    Py_XDECREF(items);
    return is_taken;
}

enum write { INSERT, UPSERT, UPDATE };

/* *number: that of the auto column, if the row got one. */
static int
write_row(firn_table *table, enum write write, const firn_row_options *options,
          const struct row *row, bool wants_number, uint64_t *number, firn_error *err)
{
    if (write == INSERT && wants_number) {
        return firn_table_insert_auto(table, options, row->values, row->count, number, err);
    }
    return write == INSERT   ? firn_table_insert(table, options, row->values, row->count, err)
           : write == UPSERT ? firn_table_upsert(table, options, row->values, row->count, err)
                             : firn_table_update(table, options, row->values, row->count, err);
}

static PyObject *
write_one(fp_table *self, enum write write, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"row", "ttl", "durability", NULL};
    PyObject *dict, *ttl = NULL, *out = NULL;
    const char *durability = NULL;
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    struct row row = {0};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|$Oz", names, &dict, &ttl, &durability) ||
        !fp_milliseconds(ttl, &options.ttl_ms) || !fp_durability(durability, &options.durability)) {
        return NULL;
    }
    struct fp_columns *columns = fp_table_columns(self);
    if (columns != NULL && row_take(&row, columns, dict) && fp_table_enter_writing(self)) {
        bool wants_number = write == INSERT && columns->has_auto;
        uint64_t number = 0;
        options.txn = self->txn;
        options.columns = row.columns;
        firn_error err;
        int code;
        FP_UNLOCKED(code,
                    write_row(self->table, write, &options, &row, wants_number, &number, &err));
        fp_leave(self->store, self->via);
        if (code != FIRN_OK) {
            fp_raise(code, &err);
        } else if (wants_number) {
            out = PyLong_FromUnsignedLongLong(number);
        } else {
            out = Py_None;
            Py_INCREF(out);
        }
    }
    row_deinit(&row);
    fp_columns_unref(columns);
    return out;
}

PyObject *
fp_rows_insert(PyObject *self, PyObject *args, PyObject *keywords)
{
    return write_one((fp_table *)self, INSERT, args, keywords);
}

PyObject *
fp_rows_upsert(PyObject *self, PyObject *args, PyObject *keywords)
{
    return write_one((fp_table *)self, UPSERT, args, keywords);
}

PyObject *
fp_rows_update(PyObject *self, PyObject *args, PyObject *keywords)
{
    return write_one((fp_table *)self, UPDATE, args, keywords);
}

/* ---- many ---- */

/* Writes the rows of an iterator in a transaction; their number, or -1 with an exception. */
static Py_ssize_t
write_rows(fp_table *self, firn_txn *txn, enum write write, PyObject *rows)
{
    struct fp_columns *columns = fp_table_columns(self);
    struct row row = {0};
    Py_ssize_t count = columns != NULL ? 0 : -1;
    PyObject *dict;
    while (count >= 0 && (dict = PyIter_Next(rows)) != NULL) {
        bool is_written = row_take(&row, columns, dict) && fp_enter(self->store, self->via) != NULL;
        Py_DECREF(dict);
        if (is_written) {
            firn_row_options options = FIRN_ROW_OPTIONS_INIT;
            options.txn = txn;
            options.columns = row.columns;
            firn_error err;
            int code;
            FP_UNLOCKED(code, write_row(self->table, write, &options, &row, false, NULL, &err));
            fp_leave(self->store, self->via);
            if (code != FIRN_OK) {
                fp_raise(code, &err);
                is_written = false;
            }
        }
        count = is_written ? count + 1 : -1;
    }
    row_deinit(&row);
    fp_columns_unref(columns);
    return PyErr_Occurred() ? -1 : count;
}

static PyObject *
write_many(fp_table *self, enum write write, PyObject *rows)
{
    PyObject *iterator = PyObject_GetIter(rows);
    if (iterator == NULL) {
        return NULL;
    }
    PyObject *none = PyTuple_New(0);
    PyObject *own = none != NULL && self->txn == NULL && self->snapshot == NULL
                        ? fp_txn_open(self->store, none, NULL)
                        : NULL;
    firn_txn *txn = own != NULL ? ((fp_txn *)own)->txn : self->txn;
    Py_ssize_t count = -1;
    if (self->snapshot != NULL) {
        fp_raise_text(FIRN_READ_ONLY, "a snapshot cannot be written");
    } else if (!PyErr_Occurred()) {
        count = write_rows(self, txn, write, iterator);
    }
    if (own != NULL && count >= 0) {
        PyObject *done = PyObject_CallMethod(own, "commit", NULL);
        count = done != NULL ? count : -1;
        Py_XDECREF(done);
    }
    Py_XDECREF(own); /* rolls back what was not committed */
    Py_XDECREF(none);
    Py_DECREF(iterator);
    return count >= 0 ? PyLong_FromSsize_t(count) : NULL;
}

PyObject *
fp_rows_insert_many(PyObject *self, PyObject *rows)
{
    return write_many((fp_table *)self, INSERT, rows);
}

PyObject *
fp_rows_upsert_many(PyObject *self, PyObject *rows)
{
    return write_many((fp_table *)self, UPSERT, rows);
}

/* The columns of a load are those of its first row; a row that leaves one out has null there. */
static bool
load_row(fp_table *self, firn_table_bulk *bulk, const struct row *first, struct row *row,
         firn_value *ordered)
{
    for (size_t i = 0; i < first->count; i++) {
        ordered[i] = firn_null();
    }
    size_t placed = 0;
    for (size_t i = 0; i < row->count; i++) {
        for (size_t at = 0; at < first->count; at++) {
            if (strcmp(first->columns[at], row->columns[i]) == 0) {
                ordered[at] = row->values[i];
                placed++;
            }
        }
    }
    if (placed != row->count) {
        fp_raise_text(FIRN_INVALID,
                      "a row has a column that the first row of the load does not have");
        return false;
    }
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_table_bulk_put(bulk, ordered, first->count, &err));
    (void)self;
    if (code != FIRN_OK) {
        fp_raise(code, &err);
    }
    return code == FIRN_OK;
}

static bool
load_rows(fp_table *self, const struct fp_columns *columns, PyObject *iterator,
          struct fp_progress *progress, uint64_t *out_rows)
{
    struct row first = {0}, row = {0};
    PyObject *dict = PyIter_Next(iterator);
    firn_value *ordered = NULL;
    firn_table_bulk *bulk = NULL;
    bool is_loaded = dict != NULL && row_take(&first, columns, dict);
    if (is_loaded) {
        firn_table_bulk_options options = FIRN_TABLE_BULK_OPTIONS_INIT;
        options.columns = first.columns;
        options.column_count = first.count;
        options.callbacks = fp_progress_callbacks(progress);
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_table_bulk_open(self->table, &options, &bulk, &err));
        ordered = calloc(first.count + 1, sizeof *ordered);
        if (code != FIRN_OK) {
            fp_raise(code, &err);
        } else if (ordered == NULL) {
            PyErr_NoMemory();
        }
        is_loaded = code == FIRN_OK && ordered != NULL;
    }
    while (is_loaded && dict != NULL) {
        is_loaded = row_take(&row, columns, dict) && load_row(self, bulk, &first, &row, ordered);
        Py_DECREF(dict);
        dict = is_loaded ? PyIter_Next(iterator) : NULL;
    }
    Py_XDECREF(dict);
    is_loaded = is_loaded && !PyErr_Occurred();
    if (is_loaded) {
        *out_rows = firn_table_bulk_count(bulk);
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_table_bulk_commit(bulk, &err));
        is_loaded = fp_progress_end(progress, code, &err);
    }
    if (bulk != NULL) {
        PyThreadState *thread = PyEval_SaveThread();
        firn_table_bulk_close(bulk);
        PyEval_RestoreThread(thread);
    }
    free(ordered);
    row_deinit(&first);
    row_deinit(&row);
    return is_loaded || !PyErr_Occurred(); /* no row at all is fine */
}

PyObject *
fp_rows_load(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"source", "progress", NULL};
    fp_table *self = (fp_table *)object;
    PyObject *source, *on_progress = Py_None;
    struct fp_progress progress;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|$O", names, &source, &on_progress)) {
        return NULL;
    }
    if (self->txn != NULL) {
        return fp_raise_text(FIRN_INVALID,
                             "a load is a commit of its own: it cannot be part of a transaction");
    }
    if (PyCapsule_IsValid(source, "arrow_array_stream") ||
        PyObject_HasAttrString(source, "__arrow_c_stream__")) {
        struct ArrowArrayStream stream;
        return fp_stream_take(source, &stream) ? fp_table_import_stream(self, &stream, on_progress)
                                               : NULL;
    }
    if (!fp_progress_init(&progress, on_progress, NULL)) {
        return NULL;
    }
    PyObject *iterator = PyObject_GetIter(source);
    struct fp_columns *columns = iterator != NULL ? fp_table_columns(self) : NULL;
    uint64_t rows = 0;
    bool is_loaded = false;
    /* Entered for all of it: nobody closes the store between two rows. */
    if (columns != NULL && fp_table_enter_writing(self)) {
        fp_callback_depth++; /* the iterable runs inside of it */
        is_loaded = load_rows(self, columns, iterator, &progress, &rows);
        fp_callback_depth--;
        fp_leave(self->store, self->via);
    }
    fp_columns_unref(columns);
    Py_XDECREF(iterator);
    return is_loaded ? PyLong_FromUnsignedLongLong(rows) : NULL;
}

/* ---- reading ---- */

/* The columns that a read gives: all, or those that are named. */
static PyObject *
row_object(const struct fp_columns *columns, PyObject *names, const firn_row *row)
{
    size_t count = firn_row_count(row);
    const firn_value *values = firn_row_values(row);
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < count; i++) {
        PyObject *name = names != NULL ? PyTuple_GetItem(names, (Py_ssize_t)i)
                                       : PyTuple_GetItem(columns->names, (Py_ssize_t)i);
        const firn_table_column *column = names != NULL && name != NULL
                                              ? fp_columns_find(columns, name)
                                          : name != NULL ? &columns->def->columns[i]
                                                         : NULL;
        PyObject *value = column != NULL ? fp_value_object(&values[i], column->scale) : NULL;
        if (value == NULL || PyDict_SetItem(dict, name, value) != 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
    }
    return dict;
}

/* None, or a tuple of names, new; false with an exception. */
static bool
names_tuple(PyObject *names, PyObject **out)
{
    *out = NULL;
    if (names == NULL || names == Py_None) {
        return true;
    }
    if (PyUnicode_Check(names)) {
        *out = PyTuple_New(1);
        if (*out != NULL) {
            Py_INCREF(names);
            PyTuple_SetItem(*out, 0, names);
        }
    } else {
        *out = PySequence_Tuple(names);
    }
    return *out != NULL;
}

/* Whether the table has these columns and this index, so that only the row can be what was not found. */
static bool
has_parts(const struct fp_columns *columns, PyObject *names, const char *index)
{
    bool has_index = index == NULL;
    for (size_t i = 0; !has_index && i < columns->def->index_count; i++) {
        has_index = strcmp(columns->def->indexes[i].name, index) == 0;
    }
    for (Py_ssize_t i = 0; names != NULL && has_index && i < PyTuple_Size(names); i++) {
        has_index = PyDict_GetItemWithError(columns->index, PyTuple_GetItem(names, i)) != NULL;
    }
    return has_index && !PyErr_Occurred();
}

PyObject *
fp_rows_read(fp_table *self, PyObject *key, PyObject *columns_argument, const char *index,
             bool *out_is_missing)
{
    struct fp_columns *columns = fp_table_columns(self);
    struct fp_values values = {NULL, 0, NULL};
    struct fp_texts texts = {NULL, 0, NULL};
    PyObject *names = NULL, *out = NULL;
    firn_row *row = NULL;
    *out_is_missing = false;
    if (columns != NULL && names_tuple(columns_argument, &names) && fp_texts_take(names, &texts) &&
        fp_key_take(columns, index, key, &values) && fp_enter(self->store, self->via) != NULL) {
        firn_read_options options = FIRN_READ_OPTIONS_INIT;
        options.txn = self->txn;
        options.snapshot = self->snapshot;
        options.columns = texts.items;
        options.column_count = texts.count;
        options.index = index;
        firn_error err;
        int code = firn_row_create(&row, &err);
        if (code == FIRN_OK) {
            FP_UNLOCKED(
                code, firn_table_get(self->table, &options, values.items, values.count, row, &err));
        }
        fp_leave(self->store, self->via);
        if (code == FIRN_OK) {
            out = row_object(columns, names, row);
        } else if (code == FIRN_NOT_FOUND && has_parts(columns, names, index)) {
            *out_is_missing = true;
        } else {
            fp_raise(code, &err);
        }
    }
    firn_row_destroy(row);
    fp_values_release(&values);
    fp_texts_release(&texts);
    Py_XDECREF(names);
    fp_columns_unref(columns);
    return out;
}

PyObject *
fp_rows_get(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"key", "default", "columns", "index", NULL};
    PyObject *key, *missing = Py_None, *columns = NULL;
    const char *index = NULL;
    bool is_missing;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O$Oz", names, &key, &missing, &columns,
                                     &index)) {
        return NULL;
    }
    PyObject *row = fp_rows_read((fp_table *)self, key, columns, index, &is_missing);
    if (row == NULL && is_missing) {
        Py_INCREF(missing);
        row = missing;
    }
    return row;
}

struct reading {
    struct fp_visit visit;
    const struct fp_columns *columns;
    PyObject *names;
};

static int
visit_row(void *ctx, size_t i, const firn_row *row)
{
    struct reading *reading = ctx;
    (void)i;
    fp_visit_lock(&reading->visit);
    if (row != NULL) {
        return fp_visit_append(&reading->visit, row_object(reading->columns, reading->names, row));
    }
    Py_INCREF(Py_None);
    return fp_visit_append(&reading->visit, Py_None);
}

PyObject *
fp_rows_get_many(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *argument_names[] = {"keys", "columns", NULL};
    fp_table *self = (fp_table *)object;
    PyObject *keys, *columns_argument = NULL, *given = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|$O", argument_names, &keys,
                                     &columns_argument)) {
        return NULL;
    }
    struct fp_columns *columns = fp_table_columns(self);
    struct reading reading = {.columns = columns};
    struct fp_texts texts = {NULL, 0, NULL};
    firn_value *values = NULL;
    PyObject *keep = PyList_New(0);
    bool is_taken =
        columns != NULL && keep != NULL && names_tuple(columns_argument, &reading.names) &&
        fp_texts_take(reading.names, &texts) && (given = PySequence_List(keys)) != NULL &&
        (reading.visit.list = PyList_New(0)) != NULL;
    size_t count = given != NULL ? (size_t)PyList_Size(given) : 0;
    size_t width = columns != NULL ? columns->def->key_count : 0;
    if (is_taken && (values = calloc(count * width + 1, sizeof *values)) == NULL) {
        PyErr_NoMemory();
        is_taken = false;
    }
    for (size_t i = 0; is_taken && i < count; i++) {
        struct fp_values key = {NULL, 0, NULL};
        is_taken = fp_key_take(columns, NULL, PyList_GetItem(given, (Py_ssize_t)i), &key);
        if (is_taken && key.count != width) {
            fp_raise_text(FIRN_INVALID, "a key has %zu values, not %zu", width, key.count);
            is_taken = false;
        }
        for (size_t part = 0; is_taken && part < width; part++) {
            values[i * width + part] = key.items[part];
        }
        is_taken = is_taken && PyList_Append(keep, key.keep) == 0;
        fp_values_release(&key);
    }
    if (is_taken && fp_enter(self->store, self->via) != NULL) {
        firn_read_options options = FIRN_READ_OPTIONS_INIT;
        options.txn = self->txn;
        options.snapshot = self->snapshot;
        options.columns = texts.items;
        options.column_count = texts.count;
        const firn_table_keys wanted = {values, width, count};
        firn_error err;
        int code;
        FP_VISITED(code, &reading.visit,
                   firn_table_get_many(self->table, &options, &wanted, visit_row, &reading, &err));
        fp_leave(self->store, self->via);
        is_taken = fp_visit_end(&reading.visit, code, &err);
    } else {
        is_taken = false;
    }
    free(values);
    fp_texts_release(&texts);
    Py_XDECREF(keep);
    Py_XDECREF(given);
    Py_XDECREF(reading.names);
    fp_columns_unref(columns);
    if (!is_taken) {
        Py_CLEAR(reading.visit.list);
    }
    return reading.visit.list;
}

/* ---- deleting and adding ---- */

PyObject *
fp_rows_delete(PyObject *object, PyObject *key)
{
    fp_table *self = (fp_table *)object;
    struct fp_columns *columns = fp_table_columns(self);
    struct fp_values values = {NULL, 0, NULL};
    PyObject *out = NULL;
    if (columns != NULL && fp_key_take(columns, NULL, key, &values) &&
        fp_table_enter_writing(self)) {
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        options.txn = self->txn;
        firn_error err;
        int code;
        FP_UNLOCKED(code,
                    firn_table_delete(self->table, &options, values.items, values.count, &err));
        fp_leave(self->store, self->via);
        out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
        Py_XINCREF(out);
    }
    fp_values_release(&values);
    fp_columns_unref(columns);
    return out;
}

PyObject *
fp_rows_delete_range(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"lower", "upper", NULL};
    fp_table *self = (fp_table *)object;
    PyObject *given[2] = {Py_None, Py_None}, *out = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO", names, &given[0], &given[1])) {
        return NULL;
    }
    struct fp_columns *columns = fp_table_columns(self);
    struct fp_values values[2] = {{NULL, 0, NULL}, {NULL, 0, NULL}};
    if (columns != NULL &&
        (given[0] == Py_None || fp_key_take(columns, NULL, given[0], &values[0])) &&
        (given[1] == Py_None || fp_key_take(columns, NULL, given[1], &values[1])) &&
        fp_table_enter_writing(self)) {
        const firn_table_bound lower = {values[0].items, values[0].count, false};
        const firn_table_bound upper = {values[1].items, values[1].count, false};
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        options.txn = self->txn;
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_table_delete_range(self->table, &options, &lower, &upper, &err));
        fp_leave(self->store, self->via);
        out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
        Py_XINCREF(out);
    }
    fp_values_release(&values[0]);
    fp_values_release(&values[1]);
    fp_columns_unref(columns);
    return out;
}

PyObject *
fp_rows_add(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"key", "column", "number", NULL};
    fp_table *self = (fp_table *)object;
    PyObject *key, *column_name, *number_argument, *out = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOO", names, &key, &column_name,
                                     &number_argument)) {
        return NULL;
    }
    struct fp_columns *columns = fp_table_columns(self);
    const firn_table_column *column =
        columns != NULL ? fp_columns_find(columns, column_name) : NULL;
    struct fp_values values = {NULL, 0, NULL};
    firn_value number, sum;
    if (column != NULL && fp_key_take(columns, NULL, key, &values) &&
        fp_value_of(number_argument, column, &number, values.keep) &&
        fp_table_enter_writing(self)) {
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        options.txn = self->txn;
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_table_add_number(self->table, &options, values.items, values.count,
                                                column->name, number, &sum, &err));
        fp_leave(self->store, self->via);
        out = code == FIRN_OK ? fp_value_object(&sum, column->scale) : fp_raise(code, &err);
    }
    fp_values_release(&values);
    fp_columns_unref(columns);
    return out;
}
