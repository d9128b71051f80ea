/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_scan.c: the type Scan: a query over a table, read as rows or handed on as an Arrow stream.
 *
 * A scan sees the state of the moment when it was made: it keeps a snapshot. As an iterator it gives dicts, or tuples if asked,
 * out of batches of firn of up to 1,024 rows, which are read without the GIL. __arrow_c_stream__ gives all rows, as often as it is
 * called (DuckDB asks twice): the first time with the scan that was opened to check the texts, unless rows of it were read, and
 * then with others over the same snapshot. A consumer reads whole columns, partly from firn's own memory.
 *
 * In a transaction a scan is closed when that ends. Arrow streams outlive Python's view of who uses what, so a transaction's
 * rows cannot be handed over: Invalid says so.
 */
#include "fp_stream.h"
#include "fp_table.h"

typedef struct fp_scan {
    fp_child base;
    fp_table *table;              /* a reference */
    PyObject *args;               /* of Table.scan, for other scans of the same query */
    PyObject *keywords;           /* may be NULL */
    firn_snapshot *snapshot;      /* of its own; NULL: the table's, or a transaction */
    firn_scan *scan;              /* NULL: handed over */
    const firn_scan_batch *batch; /* of the scan; NULL: none is being read */
    size_t row;
    size_t rows;
    uint32_t *scales;
    PyObject *names; /* a tuple of str */
    bool as_tuples;
    bool has_begun;
    bool has_ended;
    bool is_empty;               /* limit=0 */
    struct fp_progress progress; /* its function is one of the keywords */
} fp_scan;

static void
close_scan(fp_child *child)
{
    fp_scan *self = (fp_scan *)child;
    firn_scan *scan = self->scan;
    self->scan = NULL;
    self->batch = NULL;
    PyThreadState *thread =
        PyEval_SaveThread(); /* its threads may be in a callback that wants the GIL */
    firn_scan_close(scan);
    firn_snapshot_close(self->snapshot);
    PyEval_RestoreThread(thread);
    self->snapshot = NULL;
}

static void
scan_dealloc(PyObject *object)
{
    fp_scan *self = (fp_scan *)object;
    fp_child_deinit(&self->base);
    free(self->scales);
    Py_CLEAR(self->names);
    Py_CLEAR(self->table);
    Py_CLEAR(self->args);
    Py_CLEAR(self->keywords);
    fp_free(object);
}

/* ---- opening ---- */

struct request {
    firn_scan_options options;
    PyObject *keep[4]; /* of texts */
    struct fp_values parameters, lower, upper;
};

static void
request_release(struct request *request)
{
    for (int i = 0; i < 4; i++) {
        Py_CLEAR(request->keep[i]);
    }
    firn_scan_close(request->options.join);
    fp_values_release(&request->parameters);
    fp_values_release(&request->lower);
    fp_values_release(&request->upper);
}

static bool
take_bounds(fp_table *table, PyObject *lower, PyObject *upper, struct request *request)
{
    if (lower == Py_None && upper == Py_None) {
        return true;
    }
    struct fp_columns *columns = fp_table_columns(table);
    const char *index = request->options.index;
    bool is_taken = columns != NULL &&
                    (lower == Py_None || fp_key_take(columns, index, lower, &request->lower)) &&
                    (upper == Py_None || fp_key_take(columns, index, upper, &request->upper));
    fp_columns_unref(columns);
    request->options.lower = (firn_table_bound){request->lower.items, request->lower.count, false};
    request->options.upper = (firn_table_bound){request->upper.items, request->upper.count, false};
    return is_taken;
}

static bool
describe_columns(fp_scan *self)
{
    size_t count = firn_scan_column_count(self->scan);
    self->names = PyTuple_New((Py_ssize_t)count);
    self->scales = calloc(count + 1, sizeof *self->scales);
    if (self->names == NULL || self->scales == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        firn_scan_column column = FIRN_SCAN_COLUMN_INIT;
        firn_scan_column_at(self->scan, i, &column);
        self->scales[i] = column.scale;
        PyObject *name = PyUnicode_FromString(column.name);
        if (name == NULL) {
            return false;
        }
        PyTuple_SetItem(self->names, (Py_ssize_t)i, name);
    }
    return true;
}

static firn_scan *open_as_asked(fp_scan *self);

/* A scan with all rows: the one that is open, which leaves this object, or else another one. NULL with an
 * exception. */
static firn_scan *
take_native(fp_scan *self)
{
    if (fp_enter(self->base.store, &self->base) == NULL) {
        return NULL;
    }
    firn_scan *scan = NULL;
    if (self->progress.on_progress != NULL) {
        fp_raise_text(FIRN_INVALID,
                      "a scan that reports progress cannot be an Arrow stream, or be joined");
    } else if (self->is_empty) {
        fp_raise_text(FIRN_INVALID, "a scan with limit=0 has no rows");
    } else if (self->scan != NULL && !self->has_begun) {
        scan = self->scan;
        self->scan = NULL;
    } else {
        scan = open_as_asked(self);
    }
    fp_leave(self->base.store, &self->base);
    return scan;
}

static bool
take_join(PyObject *join, struct request *request)
{
    if (join == Py_None) {
        return true;
    }
    if (!PyObject_TypeCheck(join, fp_names.scan_type)) {
        PyErr_SetString(PyExc_TypeError, "join must be a Scan");
        return false;
    }
    request->options.join = take_native((fp_scan *)join);
    return request->options.join != NULL;
}

/* Opens a scan of the request, and before the first one the snapshot. NULL with an exception. */
static firn_scan *
open_native(fp_scan *self, struct request *request)
{
    fp_table *table = self->table;
    if (fp_enter(table->store, table->via) == NULL) {
        return NULL;
    }
    firn_scan *scan = NULL;
    firn_error err;
    int code = FIRN_OK;
    PyThreadState *thread = PyEval_SaveThread();
    if (table->via == NULL && self->snapshot == NULL) {
        code = firn_snapshot_open(table->store->core->store, NULL, &self->snapshot, &err);
    }
    request->options.txn = table->txn;
    request->options.snapshot = table->via == NULL ? self->snapshot : table->snapshot;
    if (code == FIRN_OK) {
        code = firn_scan_open(table->table, &request->options, &scan, &err);
    }
    firn_scan_close(request->options.join);
    request->options.join = NULL;
    PyEval_RestoreThread(thread);
    fp_leave(table->store, table->via);
    if (code != FIRN_OK) {
        fp_raise(code, &err);
    }
    return scan;
}

/* Opens a scan as the arguments of Table.scan say. NULL with an exception. */
static firn_scan *
open_as_asked(fp_scan *self)
{
    static char *names[] = {"columns",   "where",    "params", "group_by", "order_by",   "limit",
                            "offset",    "index",    "lower",  "upper",    "descending", "threads",
                            "as_tuples", "progress", "join",   "on",       NULL};
    PyObject *columns = NULL, *parameters = NULL, *group_by = NULL, *order_by = NULL,
             *limit = Py_None;
    PyObject *lower = Py_None, *upper = Py_None, *on_progress = Py_None, *join = Py_None;
    struct request request = {.options = FIRN_SCAN_OPTIONS_INIT};
    int descending = 0, as_tuples = 0;
    struct fp_count offset = {"offset", 0}, threads = {"threads", 0}, count = {"limit", 0};
    if (!PyArg_ParseTupleAndKeywords(
            self->args, self->keywords, "|Oz$OOOOO&zOOpO&pOOz", names, &columns,
            &request.options.where, &parameters, &group_by, &order_by, &limit, fp_count_take,
            &offset, &request.options.index, &lower, &upper, &descending, fp_count_take, &threads,
            &as_tuples, &on_progress, &join, &request.options.join_on) ||
        (on_progress != Py_None && !fp_progress_init(&self->progress, on_progress, NULL))) {
        return NULL;
    }
    request.options.offset = offset.value;
    request.options.threads = fp_unsigned(threads);
    request.options.descending = descending != 0;
    self->as_tuples = as_tuples != 0;
    if (limit != Py_None) {
        if (!fp_count_take(limit, &count)) {
            return NULL;
        }
        request.options.limit = count.value;
        if (request.options.limit == 0) { /* which firn takes for "all" */
            self->is_empty = true;
            request.options.limit = 1;
        }
    }
    firn_scan *scan = NULL;
    if (fp_text_list(columns, &request.keep[0], &request.options.select) &&
        fp_text_list(group_by, &request.keep[1], &request.options.group_by) &&
        fp_text_list(order_by, &request.keep[2], &request.options.order_by) &&
        fp_values_take(parameters, &request.parameters) &&
        take_bounds(self->table, lower, upper, &request) && take_join(join, &request)) {
        request.options.parameters = request.parameters.items;
        request.options.parameter_count = request.parameters.count;
        /* Without a function nothing points into this object, which a stream may outlive. */
        request.options.callbacks =
            on_progress != Py_None ? fp_progress_callbacks(&self->progress) : fp_signal_callbacks();
        scan = open_native(self, &request);
    }
    request_release(&request);
    return scan;
}

PyObject *
fp_scan_open(PyObject *object, PyObject *args, PyObject *keywords)
{
    fp_table *table = (fp_table *)object;
    fp_scan *self = fp_alloc(fp_names.scan_type);
    if (self == NULL) {
        return NULL;
    }
    Py_INCREF(table);
    Py_INCREF(args);
    Py_XINCREF(keywords);
    self->table = table;
    self->args = args;
    self->keywords = keywords;
    self->scan = open_as_asked(self);
    if (self->scan != NULL) {
        fp_child_init(&self->base, table->store, table->via, "scan", true, close_scan);
    } else if (self->snapshot != NULL) {
        firn_snapshot_close(self->snapshot);
        self->snapshot = NULL;
    }
    if (self->scan == NULL || !describe_columns(self)) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

/* A scan of a whole table, or of these columns, as tuples, with a limit or None. */
static PyObject *
open_whole(PyObject *table, const char *columns, PyObject *limit)
{
    PyObject *args = columns != NULL ? Py_BuildValue("(s)", columns) : PyTuple_New(0);
    PyObject *keywords =
        columns != NULL ? Py_BuildValue("{sOsO}", "as_tuples", Py_True, "limit", limit) : NULL;
    PyObject *out = args != NULL && (columns == NULL || keywords != NULL)
                        ? fp_scan_open(table, args, keywords)
                        : NULL;
    Py_XDECREF(args);
    Py_XDECREF(keywords);
    return out;
}

PyObject *
fp_scan_iterate(PyObject *table)
{
    return open_whole(table, NULL, Py_None);
}

Py_ssize_t
fp_scan_count(PyObject *table)
{
    PyObject *scan = open_whole(table, "count(*)", Py_None);
    PyObject *row = scan != NULL ? PyIter_Next(scan) : NULL;
    Py_ssize_t count = row != NULL ? PyLong_AsSsize_t(PyTuple_GetItem(row, 0)) : -1;
    Py_XDECREF(row);
    Py_XDECREF(scan);
    return count;
}

int
fp_scan_has_rows(PyObject *table)
{
    PyObject *one = PyLong_FromLong(1);
    PyObject *scan = one != NULL ? open_whole(table, "1", one) : NULL;
    PyObject *row = scan != NULL ? PyIter_Next(scan) : NULL;
    int has_rows = row != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(row);
    Py_XDECREF(scan);
    Py_XDECREF(one);
    return has_rows;
}

/* ---- rows ---- */

static bool
next_batch(fp_scan *self)
{
    if (fp_enter(self->base.store, &self->base) == NULL) {
        return false;
    }
    firn_error err;
    int code = FIRN_OK;
    self->batch = NULL;
    self->has_begun = true;
    if (self->scan == NULL && (self->scan = open_as_asked(self)) == NULL) {
        fp_leave(self->base.store, &self->base);
        return false;
    }
    if (!self->has_ended && !self->is_empty) {
        FP_UNLOCKED(code, firn_scan_next(self->scan, &self->batch, &err));
    }
    fp_leave(self->base.store, &self->base);
    if (PyErr_Occurred() || !fp_progress_end(&self->progress, code, &err)) {
        self->progress.type = self->progress.value = self->progress.traceback = NULL; /* raised */
        self->has_ended = true;
        return false;
    }
    self->row = 0;
    self->rows = self->batch != NULL ? firn_scan_batch_rows(self->batch) : 0;
    self->has_ended = self->has_ended || self->batch == NULL;
    return self->rows > 0;
}

static PyObject *
scan_next(PyObject *object)
{
    fp_scan *self = (fp_scan *)object;
    if (self->row == self->rows) {
        if (!next_batch(self)) {
            return NULL;
        }
    } else if (fp_enter(self->base.store, &self->base) == NULL) {
        return NULL;
    } else {
        fp_leave(self->base.store, &self->base);
    }
    size_t row = self->row++;
    Py_ssize_t count = PyTuple_Size(self->names);
    PyObject *out = self->as_tuples ? PyTuple_New(count) : PyDict_New();
    /* Making objects may run anything, a close of this scan too: the batch would be gone. */
    self->base.users++;
    for (Py_ssize_t i = 0; out != NULL && i < count; i++) {
        firn_value value = firn_scan_value(self->batch, (size_t)i, row);
        PyObject *item = fp_value_object(&value, self->scales[i]);
        if (item == NULL) {
            Py_CLEAR(out);
        } else if (self->as_tuples) {
            PyTuple_SetItem(out, i, item);
        } else {
            if (PyDict_SetItem(out, PyTuple_GetItem(self->names, i), item) != 0) {
                Py_CLEAR(out);
            }
            Py_DECREF(item);
        }
    }
    self->base.users--;
    return out;
}

static PyObject *
scan_self(PyObject *self)
{
    Py_INCREF(self);
    return self;
}

static PyObject *
scan_fetchall(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PySequence_List(self);
}

static PyObject *
scan_fetchone(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    PyObject *row = scan_next(self);
    if (row == NULL && !PyErr_Occurred()) {
        Py_RETURN_NONE;
    }
    return row;
}

static PyObject *
scan_close(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    if (!fp_child_close((fp_child *)self)) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
scan_enter(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return scan_self(self);
}

static PyObject *
scan_exit(PyObject *self, PyObject *args)
{
    (void)args;
    return scan_close(self, NULL);
}

static PyObject *
scan_get_columns(PyObject *object, void *ctx)
{
    (void)ctx;
    fp_scan *self = (fp_scan *)object;
    if (fp_enter(self->base.store, &self->base) == NULL) {
        return NULL;
    }
    if (self->scan == NULL && (self->scan = open_as_asked(self)) == NULL) {
        fp_leave(self->base.store, &self->base);
        return NULL;
    }
    size_t count = firn_scan_column_count(self->scan);
    PyObject *out = PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; out != NULL && i < count; i++) {
        firn_scan_column column = FIRN_SCAN_COLUMN_INIT;
        firn_scan_column_at(self->scan, i, &column);
        const char *type = firn_type_name(column.type);
        PyObject *item =
            fp_result("Column", Py_BuildValue("(ssOIII)", column.name, type != NULL ? type : "null",
                                              column.not_null ? Py_True : Py_False,
                                              column.precision, column.scale, column.dimensions));
        if (item == NULL) {
            Py_CLEAR(out);
        } else {
            PyTuple_SetItem(out, (Py_ssize_t)i, item);
        }
    }
    fp_leave(self->base.store, &self->base);
    return out;
}

/* ---- Arrow ---- */

/* A scan with all rows, for a stream. NULL with an exception. */
static firn_scan *
scan_for_stream(fp_scan *self)
{
    if (self->table->txn != NULL) {
        fp_raise_text(FIRN_INVALID, "rows of a transaction cannot be an Arrow stream, which may "
                                    "outlive it; read them as rows");
        return NULL;
    }
    return take_native(self);
}

static PyObject *
scan_stream(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"requested_schema", NULL};
    fp_scan *self = (fp_scan *)object;
    PyObject *requested = Py_None; /* casting is left to the consumer, as the interface allows */
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O", names, &requested)) {
        return NULL;
    }
    firn_scan *scan = scan_for_stream(self);
    return scan != NULL ? fp_stream_capsule(self->base.store->core, scan) : NULL;
}

static PyObject *
scan_schema(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    firn_scan *scan = scan_for_stream((fp_scan *)object);
    return scan != NULL ? fp_stream_schema_capsule(scan) : NULL;
}

PyObject *
fp_scan_table_stream(PyObject *table, PyObject *args, PyObject *keywords)
{
    PyObject *scan = open_whole(table, NULL, Py_None);
    PyObject *out = scan != NULL ? scan_stream(scan, args, keywords) : NULL;
    Py_XDECREF(scan);
    return out;
}

PyObject *
fp_scan_table_schema(PyObject *table, PyObject *ignored)
{
    PyObject *scan = open_whole(table, NULL, Py_None);
    PyObject *out = scan != NULL ? scan_schema(scan, ignored) : NULL;
    Py_XDECREF(scan);
    return out;
}

static PyMethodDef methods[] = {
    FP_METHOD("fetchall", scan_fetchall, METH_NOARGS,
              "fetchall() -> list\n\nAll rows that are left."),
    FP_METHOD("fetchone", scan_fetchone, METH_NOARGS, "fetchone()\n\nThe next row, or None."),
    FP_METHOD("close", scan_close, METH_NOARGS, "close()\n\nReleases what the scan keeps."),
    FP_METHOD("__enter__", scan_enter, METH_NOARGS, "The scan itself."),
    FP_METHOD("__exit__", scan_exit, METH_VARARGS, "Closes the scan."),
    FP_METHOD("__arrow_c_stream__", scan_stream, FP_KEYWORDS,
              "All rows as an Arrow stream: for pyarrow.table(scan), polars.DataFrame(scan), "
              "DuckDB and others."),
    FP_METHOD("__arrow_c_schema__", scan_schema, METH_NOARGS,
              "The columns of the result as an Arrow schema."),
    {NULL, NULL, 0, NULL}};

static PyGetSetDef properties[] = {
    {"columns", scan_get_columns, NULL, "The columns of the result, a tuple of Column.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {FP_SLOT(Py_tp_new, fp_no_new),
                              FP_SLOT(Py_tp_dealloc, scan_dealloc),
                              FP_SLOT(Py_tp_iter, scan_self),
                              FP_SLOT(Py_tp_iternext, scan_next),
                              FP_SLOT(Py_tp_methods, methods),
                              FP_SLOT(Py_tp_getset, properties),
                              FP_SLOT(Py_tp_doc, "The rows of a query."),
                              {0, NULL}};

PyType_Spec fp_scan_spec = {"firn._firn.Scan", sizeof(fp_scan), 0, Py_TPFLAGS_DEFAULT, slots};
