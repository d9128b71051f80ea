/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_table.c: the type Table: opening and defining tables. Rows are in fp_rows.c, scans in fp_scan.c, searches in fp_search.c.
 *
 * Like a keyspace, a Table is of the store's present state, or as a transaction or snapshot sees it. To convert rows it has to
 * know the columns. It reads them once and again whenever the store's generation has moved: every change of a definition
 * through this extension, every restore and refresh, and every statement of SQL moves it. The columns that a call uses are
 * counted and never changed, so another thread may read new ones meanwhile.
 */
#include "fp_table.h"

#include "fp_checkpoint.h"
#include "fp_stream.h"

enum { SHOWN_BYTES = 60 }; /* of a key in an error */

static PyObject *
make_table(fp_store *store, fp_child *via, firn_table *table)
{
    fp_table *self = fp_alloc(fp_names.table_type);
    if (self == NULL) {
        return NULL;
    }
    Py_INCREF(store);
    Py_XINCREF(via);
    self->store = store;
    self->via = via;
    self->table = table;
    if (via != NULL && Py_TYPE(via) == fp_names.txn_type) {
        self->txn = ((fp_txn *)via)->txn;
    } else if (via != NULL) {
        self->snapshot = ((fp_snapshot *)via)->snapshot;
    }
    const char *name = firn_table_name(table);
    self->name = fp_text_of(name, strlen(name));
    if (self->name == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void
table_dealloc(PyObject *object)
{
    fp_table *self = (fp_table *)object;
    fp_columns_unref(self->columns);
    Py_CLEAR(self->via);
    Py_CLEAR(self->name);
    Py_CLEAR(self->store);
    fp_free(object);
}

static PyObject *
open_table(fp_store *store, fp_child *via, const char *name)
{
    firn_store *native = fp_enter(store, via);
    if (native == NULL) {
        return NULL;
    }
    bool is_of_snapshot = via != NULL && Py_TYPE(via) == fp_names.snapshot_type;
    firn_table *table = NULL;
    firn_error err;
    int code;
    FP_UNLOCKED(code, is_of_snapshot ? firn_snapshot_table_open(((fp_snapshot *)via)->snapshot,
                                                                name, &table, &err)
                                     : firn_table_open(native, name, &table, &err));
    PyObject *out = code == FIRN_OK ? make_table(store, via, table) : fp_raise(code, &err);
    fp_leave(store, via);
    return out;
}

PyObject *
fp_table_of_child(PyObject *self, PyObject *argument)
{
    fp_child *child = (fp_child *)self;
    if (Py_TYPE(argument) == fp_names.table_type) {
        if (((fp_table *)argument)->store != child->store) {
            return fp_raise_text(FIRN_INVALID, "the table belongs to another store");
        }
        argument = ((fp_table *)argument)->name;
    }
    PyObject *name = PyUnicode_Check(argument) ? PyUnicode_AsUTF8String(argument) : NULL;
    if (name == NULL && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_TypeError, "a Table or its name is wanted");
    }
    PyObject *out = name != NULL ? open_table(child->store, child, PyBytes_AsString(name)) : NULL;
    Py_XDECREF(name);
    return out;
}

bool
fp_table_enter_writing(fp_table *self)
{
    if (self->snapshot != NULL) {
        fp_raise_text(FIRN_READ_ONLY, "a snapshot cannot be written");
        return false;
    }
    return fp_enter(self->store, self->via) != NULL;
}

/* ---- columns ---- */

void
fp_columns_unref(struct fp_columns *columns)
{
    if (columns != NULL && --columns->ref_count == 0) {
        firn_release(columns->def);
        Py_XDECREF(columns->names);
        Py_XDECREF(columns->index);
        free(columns);
    }
}

/* Takes the definition. */
static struct fp_columns *
make_columns(firn_table_def *def)
{
    struct fp_columns *columns = calloc(1, sizeof *columns);
    if (columns == NULL) {
        firn_release(def);
        PyErr_NoMemory();
        return NULL;
    }
    columns->ref_count = 1;
    columns->def = def;
    columns->names = PyTuple_New((Py_ssize_t)def->column_count);
    columns->index = PyDict_New();
    bool is_made = columns->names != NULL && columns->index != NULL;
    for (size_t i = 0; is_made && i < def->column_count; i++) {
        PyObject *name = PyUnicode_FromString(def->columns[i].name);
        PyObject *number = PyLong_FromSize_t(i);
        is_made =
            name != NULL && number != NULL && PyDict_SetItem(columns->index, name, number) == 0;
        Py_XDECREF(number);
        columns->has_auto = columns->has_auto || def->columns[i].is_auto;
        if (is_made) {
            PyTuple_SetItem(columns->names, (Py_ssize_t)i, name);
        } else {
            Py_XDECREF(name);
        }
    }
    if (!is_made) {
        fp_columns_unref(columns);
        return NULL;
    }
    return columns;
}

static int
read_definition(fp_table *self, firn_table_def **out, firn_error *err)
{
    char *text = NULL;
    int code = firn_table_describe(self->table, self->txn, self->snapshot, &text, err);
    if (code == FIRN_OK) {
        code = firn_table_def_parse(text, out, err);
    }
    firn_release(text);
    return code;
}

struct fp_columns *
fp_table_columns(fp_table *self)
{
    /* What a transaction reads has one definition from its beginning to its end. */
    if (self->columns == NULL ||
        (self->txn == NULL && self->generation != self->store->generation)) {
        uint64_t generation = self->store->generation;
        if (fp_enter(self->store, self->via) == NULL) {
            return NULL;
        }
        firn_table_def *def = NULL;
        firn_error err;
        int code;
        FP_UNLOCKED(code, read_definition(self, &def, &err));
        fp_leave(self->store, self->via);
        if (code != FIRN_OK) {
            fp_raise(code, &err);
            return NULL;
        }
        struct fp_columns *columns = make_columns(def);
        if (columns == NULL) {
            return NULL;
        }
        fp_columns_unref(self->columns);
        self->columns = columns;
        self->generation = generation;
    }
    self->columns->ref_count++;
    return self->columns;
}

const firn_table_column *
fp_columns_find(const struct fp_columns *columns, PyObject *name)
{
    PyObject *number = PyDict_GetItemWithError(columns->index, name);
    if (number == NULL) {
        if (!PyErr_Occurred()) {
            PyObject *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8String(name) : NULL;
            PyErr_Clear();
            fp_raise_text(FIRN_NOT_FOUND, "the table has no column '%.255s'",
                          text != NULL ? PyBytes_AsString(text) : "?");
            Py_XDECREF(text);
        }
        return NULL;
    }
    return &columns->def->columns[PyLong_AsSize_t(number)];
}

static const firn_table_column *
column_called(const struct fp_columns *columns, const char *name)
{
    for (size_t i = 0; i < columns->def->column_count; i++) {
        if (strcmp(columns->def->columns[i].name, name) == 0) {
            return &columns->def->columns[i];
        }
    }
    return NULL;
}

bool
fp_key_take(const struct fp_columns *columns, const char *index, PyObject *key,
            struct fp_values *out)
{
    const char *const *names = columns->def->key;
    size_t count = columns->def->key_count;
    for (size_t i = 0; index != NULL && i < columns->def->index_count; i++) {
        if (strcmp(columns->def->indexes[i].name, index) == 0) {
            names = columns->def->indexes[i].columns;
            count = columns->def->indexes[i].column_count;
        }
    }
    *out = (struct fp_values){NULL, 0, PyList_New(0)};
    PyObject *parts =
        PyTuple_Check(key) || PyList_Check(key) ? PySequence_Tuple(key) : PyTuple_New(1);
    if (parts != NULL && !PyTuple_Check(key) && !PyList_Check(key)) {
        Py_INCREF(key);
        PyTuple_SetItem(parts, 0, key);
    }
    size_t given = parts != NULL ? (size_t)PyTuple_Size(parts) : 0;
    out->items = calloc(given + 1, sizeof *out->items);
    bool is_taken = out->keep != NULL && parts != NULL && out->items != NULL &&
                    PyList_Append(out->keep, parts) == 0;
    if (is_taken && given > count) {
        fp_raise_text(FIRN_INVALID, "a key has %zu values, not %zu", count, given);
        is_taken = false;
    } else if (out->items == NULL) {
        PyErr_NoMemory();
    }
    for (; is_taken && out->count < given; out->count++) {
        is_taken = fp_value_of(PyTuple_GetItem(parts, (Py_ssize_t)out->count),
                               column_called(columns, names[out->count]), &out->items[out->count],
                               out->keep);
    }
    Py_XDECREF(parts);
    if (!is_taken) {
        fp_values_release(out);
    }
    return is_taken;
}

/* ---- texts ---- */

bool
fp_texts_take(PyObject *names, struct fp_texts *out)
{
    *out = (struct fp_texts){NULL, 0, NULL};
    if (names == NULL || names == Py_None) {
        return true;
    }
    PyObject *given = PyUnicode_Check(names) ? PyTuple_New(1) : PySequence_Tuple(names);
    if (given != NULL && PyUnicode_Check(names)) {
        Py_INCREF(names);
        PyTuple_SetItem(given, 0, names);
    }
    Py_ssize_t count = given != NULL ? PyTuple_Size(given) : 0;
    out->keep = given != NULL ? PyList_New(0) : NULL;
    out->items = calloc((size_t)count + 1, sizeof *out->items);
    bool is_taken = out->keep != NULL && out->items != NULL;
    for (Py_ssize_t i = 0; is_taken && i < count; i++) {
        PyObject *bytes = PyUnicode_AsUTF8String(PyTuple_GetItem(given, i));
        char *text = NULL;
        is_taken = bytes != NULL && PyBytes_AsStringAndSize(bytes, &text, NULL) == 0 &&
                   PyList_Append(out->keep, bytes) == 0;
        Py_XDECREF(bytes);
        out->items[i] = text;
        out->count++;
    }
    Py_XDECREF(given);
    if (!is_taken) {
        fp_texts_release(out);
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
    }
    return is_taken;
}

void
fp_texts_release(struct fp_texts *texts)
{
    free(texts->items);
    texts->items = NULL;
    Py_CLEAR(texts->keep);
}

bool
fp_text_list(PyObject *texts, PyObject **keep, const char **out)
{
    *keep = NULL;
    *out = NULL;
    if (texts == NULL || texts == Py_None) {
        return true;
    }
    PyObject *joined = texts;
    if (PyUnicode_Check(texts)) {
        Py_INCREF(joined);
    } else {
        PyObject *comma = PyUnicode_FromString(", ");
        joined = comma != NULL ? PyUnicode_Join(comma, texts) : NULL;
        Py_XDECREF(comma);
    }
    *keep = joined != NULL ? PyUnicode_AsUTF8String(joined) : NULL;
    Py_XDECREF(joined);
    char *text = NULL;
    if (*keep == NULL || PyBytes_AsStringAndSize(*keep, &text, NULL) != 0) {
        Py_CLEAR(*keep);
        return false;
    }
    *out = text;
    return true;
}

/* ---- methods of Store ---- */

PyObject *
fp_table_open(PyObject *self, PyObject *args)
{
    const char *name;
    return PyArg_ParseTuple(args, "s", &name) ? open_table((fp_store *)self, NULL, name) : NULL;
}

static PyObject *
create_table(fp_store *self, const char *name, const char *definition, bool exists_ok)
{
    firn_table_def *def = NULL;
    firn_error err;
    int code = firn_table_def_parse(definition, &def, &err);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    firn_store *store = fp_enter(self, NULL);
    if (store == NULL) {
        firn_release(def);
        return NULL;
    }
    firn_table *table = NULL;
    FP_UNLOCKED(code, firn_table_create(store, name, def, &table, &err));
    firn_release(def);
    fp_leave(self, NULL);
    self->generation++;
    if (code == FIRN_EXISTS && exists_ok) {
        return open_table(self, NULL, name);
    }
    return code == FIRN_OK ? make_table(self, NULL, table) : fp_raise(code, &err);
}

PyObject *
fp_table_create(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "definition", "exists_ok", NULL};
    const char *name, *definition;
    int exists_ok = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "ss|$p", names, &name, &definition,
                                     &exists_ok)) {
        return NULL;
    }
    return create_table((fp_store *)self, name, definition, exists_ok != 0);
}

/* The definition that fits a stream; NULL with an exception. */
static char *
definition_of(struct ArrowArrayStream *stream, const struct fp_texts *key)
{
    struct ArrowSchema schema;
    if (stream->get_schema(stream, &schema) != 0) {
        const char *text = stream->get_last_error(stream);
        fp_raise_text(FIRN_IO, "the Arrow stream failed: %s",
                      text != NULL ? text : "no reason was given");
        return NULL;
    }
    char *out = NULL;
    firn_error err;
    int code = firn_arrow_definition(&schema, key->items, key->count, &out, &err);
    schema.release(&schema);
    if (code != FIRN_OK) {
        fp_raise(code, &err);
    }
    return out;
}

PyObject *
fp_table_import_stream(fp_table *self, struct ArrowArrayStream *stream, PyObject *on_progress)
{
    struct fp_progress progress;
    if (!fp_progress_init(&progress, on_progress, NULL) || !fp_table_enter_writing(self)) {
        stream->release(stream);
        return NULL;
    }
    firn_arrow_import_options options = FIRN_ARROW_IMPORT_OPTIONS_INIT;
    options.callbacks = fp_progress_callbacks(&progress);
    uint64_t rows = 0;
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_table_import_arrow(self->table, stream, &options, &rows, &err));
    fp_leave(self->store, self->via);
    return fp_progress_end(&progress, code, &err) ? PyLong_FromUnsignedLongLong(rows) : NULL;
}

PyObject *
fp_table_create_from(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "source", "key", "progress", NULL};
    const char *name;
    PyObject *source, *key = NULL, *on_progress = Py_None;
    struct fp_texts key_names;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "sO|$OO", names, &name, &source, &key,
                                     &on_progress) ||
        !fp_texts_take(key, &key_names)) {
        return NULL;
    }
    struct ArrowArrayStream stream;
    PyObject *table = NULL, *rows = NULL;
    if (fp_stream_take(source, &stream)) {
        char *definition = definition_of(&stream, &key_names);
        table = definition != NULL ? create_table((fp_store *)self, name, definition, false) : NULL;
        firn_release(definition);
        if (table != NULL) {
            rows = fp_table_import_stream((fp_table *)table, &stream, on_progress);
        } else {
            stream.release(&stream);
        }
    }
    fp_texts_release(&key_names);
    if (table != NULL && rows == NULL) { /* without its rows the table is not wanted */
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        Py_XDECREF(PyObject_CallMethod(self, "drop_table", "s", name));
        PyErr_Clear();
        PyErr_Restore(type, value, traceback);
        Py_CLEAR(table);
    }
    Py_XDECREF(rows);
    return table;
}

PyObject *
fp_table_list(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return fp_visit_names((fp_store *)self, firn_table_list);
}

PyObject *
fp_table_drop(PyObject *object, PyObject *args)
{
    fp_store *self = (fp_store *)object;
    const char *name;
    firn_store *store;
    if (!PyArg_ParseTuple(args, "s", &name) || (store = fp_enter(self, NULL)) == NULL) {
        return NULL;
    }
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_table_drop(store, name, &err));
    fp_leave(self, NULL);
    self->generation++;
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    Py_RETURN_NONE;
}

/* ---- changing a table ---- */

enum change { ADD_COLUMN, DROP_COLUMN, RENAME_COLUMN, ADD_INDEX, DROP_INDEX };

static int
apply_change(fp_table *self, enum change change, const char *name, const char *other,
             const firn_table_def *def, const firn_table_index *index, firn_error *err)
{
    switch (change) {
    case ADD_COLUMN:
        return firn_table_add_column(self->table, &def->columns[0], err);
    case DROP_COLUMN:
        return firn_table_drop_column(self->table, name, err);
    case RENAME_COLUMN:
        return firn_table_rename_column(self->table, name, other, err);
    case ADD_INDEX:
        return firn_table_add_index(self->table, index, err);
    case DROP_INDEX:
        break;
    }
    return firn_table_drop_index(self->table, name, err);
}

static PyObject *
change_table(fp_table *self, enum change change, const char *name, const char *other,
             const firn_table_index *index)
{
    firn_table_def *def = NULL;
    firn_error err;
    if (change == ADD_COLUMN) {
        int code = firn_table_def_parse(name, &def, &err);
        if (code != FIRN_OK) {
            return fp_raise(code, &err);
        }
        if (def->column_count != 1 || def->index_count > 0) {
            firn_release(def);
            return fp_raise_text(FIRN_INVALID,
                                 "one column is wanted, such as 'price decimal(12, 2)'");
        }
    }
    if (!fp_table_enter_writing(self)) {
        firn_release(def);
        return NULL;
    }
    int code;
    FP_UNLOCKED(code, apply_change(self, change, name, other, def, index, &err));
    fp_leave(self->store, self->via);
    firn_release(def);
    self->store->generation++;
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    Py_RETURN_NONE;
}

static PyObject *
table_add_column(PyObject *self, PyObject *args)
{
    const char *definition;
    return PyArg_ParseTuple(args, "s", &definition)
               ? change_table((fp_table *)self, ADD_COLUMN, definition, NULL, NULL)
               : NULL;
}

static PyObject *
table_drop_column(PyObject *self, PyObject *args)
{
    const char *name;
    return PyArg_ParseTuple(args, "s", &name)
               ? change_table((fp_table *)self, DROP_COLUMN, name, NULL, NULL)
               : NULL;
}

static PyObject *
table_rename_column(PyObject *self, PyObject *args)
{
    const char *name, *other;
    return PyArg_ParseTuple(args, "ss", &name, &other)
               ? change_table((fp_table *)self, RENAME_COLUMN, name, other, NULL)
               : NULL;
}

static PyObject *
table_set_default(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "value", NULL};
    fp_table *self = (fp_table *)object;
    PyObject *name, *given = Py_None;
    firn_value value;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "U|O", names, &name, &given)) {
        return NULL;
    }
    struct fp_columns *columns = fp_table_columns(self);
    const firn_table_column *column = columns != NULL ? fp_columns_find(columns, name) : NULL;
    PyObject *keep = column != NULL ? PyList_New(0) : NULL, *out = NULL;
    if (keep != NULL && fp_value_of(given, column, &value, keep) && fp_table_enter_writing(self)) {
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_table_set_default(self->table, column->name,
                                                 firn_is_null(value) ? NULL : &value, &err));
        fp_leave(self->store, self->via);
        self->store->generation++;
        out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
        Py_XINCREF(out);
    }
    Py_XDECREF(keep);
    fp_columns_unref(columns);
    return out;
}

static PyObject *
table_add_index(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "columns", "unique", NULL};
    const char *name;
    PyObject *columns;
    int unique = 0;
    struct fp_texts texts;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "sO|$p", names, &name, &columns, &unique) ||
        !fp_texts_take(columns, &texts)) {
        return NULL;
    }
    firn_table_index index = {.name = name,
                              .columns = texts.items,
                              .column_count = texts.count,
                              .is_unique = unique != 0};
    PyObject *out = change_table((fp_table *)self, ADD_INDEX, name, NULL, &index);
    fp_texts_release(&texts);
    return out;
}

static PyObject *
table_drop_index(PyObject *self, PyObject *args)
{
    const char *name;
    return PyArg_ParseTuple(args, "s", &name)
               ? change_table((fp_table *)self, DROP_INDEX, name, NULL, NULL)
               : NULL;
}

static PyObject *
table_check(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"progress", "notice", NULL};
    fp_table *self = (fp_table *)object;
    PyObject *on_progress = Py_None, *on_notice = Py_None;
    struct fp_progress progress;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$OO", names, &on_progress, &on_notice) ||
        !fp_progress_init(&progress, on_progress, on_notice) ||
        fp_enter(self->store, self->via) == NULL) {
        return NULL;
    }
    firn_table_check_options options = FIRN_TABLE_CHECK_OPTIONS_INIT;
    firn_table_check_result result = FIRN_TABLE_CHECK_RESULT_INIT;
    options.snapshot = self->snapshot;
    options.callbacks = fp_progress_callbacks(&progress);
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_table_check(self->table, &options, &result, &err));
    fp_leave(self->store, self->via);
    return fp_progress_end(&progress, code, &err) ? PyLong_FromUnsignedLongLong(result.rows) : NULL;
}

/* ---- what a table is ---- */

static PyObject *
table_get_definition(PyObject *object, void *ctx)
{
    (void)ctx;
    fp_table *self = (fp_table *)object;
    if (fp_enter(self->store, self->via) == NULL) {
        return NULL;
    }
    char *text = NULL;
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_table_describe(self->table, self->txn, self->snapshot, &text, &err));
    fp_leave(self->store, self->via);
    PyObject *out = code == FIRN_OK ? PyUnicode_FromString(text) : fp_raise(code, &err);
    firn_release(text);
    return out;
}

static PyObject *
table_get_columns(PyObject *object, void *ctx)
{
    (void)ctx;
    struct fp_columns *columns = fp_table_columns((fp_table *)object);
    PyObject *out = columns != NULL ? PyTuple_New((Py_ssize_t)columns->def->column_count) : NULL;
    for (size_t i = 0; out != NULL && i < columns->def->column_count; i++) {
        const firn_table_column *column = &columns->def->columns[i];
        PyObject *item = fp_result(
            "Column", Py_BuildValue("(ssOIII)", column->name, firn_type_name(column->type),
                                    column->not_null ? Py_True : Py_False, column->precision,
                                    column->scale, column->dimensions));
        if (item == NULL) {
            Py_CLEAR(out);
        } else {
            PyTuple_SetItem(out, (Py_ssize_t)i, item);
        }
    }
    fp_columns_unref(columns);
    return out;
}

static PyObject *
table_get_key(PyObject *object, void *ctx)
{
    (void)ctx;
    struct fp_columns *columns = fp_table_columns((fp_table *)object);
    PyObject *out = columns != NULL ? PyTuple_New((Py_ssize_t)columns->def->key_count) : NULL;
    for (size_t i = 0; out != NULL && i < columns->def->key_count; i++) {
        PyObject *name = PyUnicode_FromString(columns->def->key[i]);
        if (name == NULL) {
            Py_CLEAR(out);
        } else {
            PyTuple_SetItem(out, (Py_ssize_t)i, name);
        }
    }
    fp_columns_unref(columns);
    return out;
}

static PyObject *
table_repr(PyObject *object)
{
    fp_table *self = (fp_table *)object;
    return PyUnicode_FromFormat("<firn.Table %R%s%s>", self->name,
                                self->via != NULL ? " of a " : "",
                                self->via != NULL ? self->via->what : "");
}

static PyObject *
table_subscript(PyObject *self, PyObject *key)
{
    bool is_missing;
    PyObject *row = fp_rows_read((fp_table *)self, key, NULL, NULL, &is_missing);
    if (row != NULL || !is_missing) {
        return row;
    }
    PyObject *text = PyObject_Repr(key);
    PyObject *bytes =
        text != NULL ? PyUnicode_AsEncodedString(text, "ascii", "backslashreplace") : NULL;
    if (bytes != NULL) {
        fp_raise_text(FIRN_NOT_FOUND, "there is no row with the key %.*s%s", SHOWN_BYTES,
                      PyBytes_AsString(bytes), PyBytes_Size(bytes) > SHOWN_BYTES ? "..." : "");
    }
    Py_XDECREF(text);
    Py_XDECREF(bytes);
    return NULL;
}

static int
table_contains(PyObject *self, PyObject *key)
{
    bool is_missing;
    PyObject *row = fp_rows_read((fp_table *)self, key, NULL, NULL, &is_missing);
    Py_XDECREF(row);
    return row != NULL ? 1 : is_missing ? 0 : -1;
}

static PyMethodDef methods[] = {
    FP_METHOD("insert", fp_rows_insert, FP_KEYWORDS,
              "insert(row, *, ttl=None) -> int | None\n\nInserts a row, a dict of columns. Columns "
              "that are left out get their defaults. Gives "
              "the number of an auto column. Exists if there is a row with the key."),
    FP_METHOD("upsert", fp_rows_upsert, FP_KEYWORDS,
              "upsert(row, *, ttl=None)\n\nInserts a row, or replaces the one with its key."),
    FP_METHOD("update", fp_rows_update, FP_KEYWORDS,
              "update(row, *, ttl=None)\n\nChanges columns of the row with the key that is among "
              "them. NotFound if there is none."),
    FP_METHOD("insert_many", fp_rows_insert_many, METH_O,
              "insert_many(rows) -> int\n\nInserts rows in one transaction: all or none. Gives "
              "their number."),
    FP_METHOD("upsert_many", fp_rows_upsert_many, METH_O,
              "upsert_many(rows) -> int\n\nInserts or replaces rows in one transaction. Gives "
              "their number."),
    FP_METHOD("load", fp_rows_load, FP_KEYWORDS,
              "load(source, *, progress=None) -> int\n\nInserts any number of new rows in one "
              "commit that bypasses the log: an object with "
              "__arrow_c_stream__ (pyarrow, polars, pandas, DuckDB), or an iterable of dicts. "
              "Gives their number."),
    FP_METHOD("get", fp_rows_get, FP_KEYWORDS,
              "get(key, default=None, *, columns=None, index=None)\n\nThe row of a key as a dict, "
              "or the default. The key is a value, or a tuple "
              "of them; with index, of that unique index."),
    FP_METHOD("get_many", fp_rows_get_many, FP_KEYWORDS,
              "get_many(keys, *, columns=None) -> list\n\nThe rows of many keys from one state; "
              "None for missing ones."),
    FP_METHOD("delete", fp_rows_delete, METH_O,
              "delete(key)\n\nDeletes a row. NotFound if there is none."),
    FP_METHOD("delete_range", fp_rows_delete_range, FP_KEYWORDS,
              "delete_range(lower=None, upper=None)\n\nDeletes the rows from key lower to key "
              "upper, both included."),
    FP_METHOD("add", fp_rows_add, FP_KEYWORDS,
              "add(key, column, number)\n\nAdds a number to a column of a row, and gives the sum. "
              "No concurrent addition is lost."),
    FP_METHOD("scan", fp_scan_open, FP_KEYWORDS,
              "scan(columns=None, where=None, *, params=(), group_by=None, order_by=None, "
              "limit=None, offset=0, index=None, lower=None, "
              "upper=None, descending=False, threads=0, as_tuples=False, progress=None, "
              "join=None, on=None) -> Scan\n\nA query: an iterator of rows, and an Arrow stream. "
              "columns, group_by and order_by are texts of expressions, or lists of them "
              "(docs/expressions.md); each ? is a parameter. join: another scan, whose rows each "
              "row comes with; on: 'expression = column of the joined scan'."),
    FP_METHOD("search", fp_search, FP_KEYWORDS,
              "search(column, query, k=10, *, metric='cosine', where=None, params=(), "
              "columns=None, exact=False, ef=0, recall=0.0, "
              "threads=0) -> list[Hit]\n\nThe k rows whose vectors are nearest. query: a numpy "
              "array, array.array, buffer or list of numbers."),
    FP_METHOD("search_many", fp_search_many, FP_KEYWORDS,
              "search_many(column, queries, k=10, *, metric='cosine', where=None, params=(), "
              "exact=False, ef=0, recall=0.0, threads=0) -> Neighbors\n\nThe k nearest rows of "
              "each query. queries: a 2-dimensional array of numbers, or a sequence of vectors. "
              "Without an index, this takes a fraction of the time of as many searches."),
    FP_METHOD("add_column", table_add_column, METH_VARARGS,
              "add_column(definition)\n\nAdds a column, such as 'price decimal(12, 2) default 0'."),
    FP_METHOD("drop_column", table_drop_column, METH_VARARGS,
              "drop_column(name)\n\nDrops a column."),
    FP_METHOD("rename_column", table_rename_column, METH_VARARGS,
              "rename_column(name, new_name)\n\nRenames a column."),
    FP_METHOD("set_default", table_set_default, FP_KEYWORDS,
              "set_default(name, value=None)\n\nThe value of a column in rows that will be "
              "inserted without it; None: none."),
    FP_METHOD("add_index", table_add_index, FP_KEYWORDS,
              "add_index(name, columns, *, unique=False)\n\nBuilds an index over all rows."),
    FP_METHOD("add_vector_index", fp_search_add_index, FP_KEYWORDS,
              "add_vector_index(name, column, *, metric='cosine', m=16, "
              "ef_construction=200)\n\nAdds an index of vectors: searches with this "
              "metric become fast and approximate."),
    FP_METHOD("drop_index", table_drop_index, METH_VARARGS,
              "drop_index(name)\n\nDrops an index, of vectors too."),
    FP_METHOD("check", table_check, FP_KEYWORDS,
              "check(*, progress=None, notice=None) -> int\n\nReads all rows and indexes, and "
              "compares them. Gives the number of rows; Corrupt if "
              "anything is wrong."),
    FP_METHOD("import_text", fp_exchange_import, FP_KEYWORDS,
              "import_text(source, *, kind='csv', header=True, delimiter=',', columns=None, "
              "ignore_unknown=False, on_conflict='fail', "
              "on_reject=None, progress=None) -> ImportResult\n\nInserts the rows of CSV or JSON "
              "lines ('json'): a path, or a file object. on_conflict: "
              "'fail', 'skip' or 'replace'. on_reject(line, text, why) is called for lines that "
              "are no rows, which are skipped then."),
    FP_METHOD("export_text", fp_exchange_export, FP_KEYWORDS,
              "export_text(target, *, kind='csv', header=True, delimiter=',', columns=None, "
              "index=None, progress=None) -> int\n\nWrites the rows "
              "as CSV or JSON lines to a path or a file object. Gives their number."),
    FP_METHOD("__arrow_c_stream__", fp_scan_table_stream, FP_KEYWORDS,
              "The rows of the present moment as an Arrow stream, for pyarrow.table(table) and its "
              "like."),
    FP_METHOD("__arrow_c_schema__", fp_scan_table_schema, METH_NOARGS,
              "The columns as an Arrow schema."),
    {NULL, NULL, 0, NULL}};

static PyGetSetDef properties[] = {
    {"name", fp_get_member, NULL, "The table's name.", FP_MEMBER(fp_table, name)},
    {"store", fp_get_member, NULL, "The store that it belongs to.", FP_MEMBER(fp_table, store)},
    {"definition", table_get_definition, NULL, "The definition, as text for create_table.", NULL},
    {"columns", table_get_columns, NULL, "The columns, a tuple of Column.", NULL},
    {"key", table_get_key, NULL, "The names of the columns of the primary key.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {
    FP_SLOT(Py_tp_new, fp_no_new),
    FP_SLOT(Py_tp_dealloc, table_dealloc),
    FP_SLOT(Py_tp_repr, table_repr),
    FP_SLOT(Py_tp_iter, fp_scan_iterate),
    FP_SLOT(Py_tp_methods, methods),
    FP_SLOT(Py_tp_getset, properties),
    FP_SLOT(Py_mp_subscript, table_subscript),
    FP_SLOT(Py_mp_length, fp_scan_count),
    FP_SLOT(Py_sq_contains, table_contains),
    FP_SLOT(Py_nb_bool, fp_scan_has_rows),
    FP_SLOT(Py_tp_doc,
            "Rows of typed columns, found by key. len() counts them; an empty table is false."),
    {0, NULL}};

PyType_Spec fp_table_spec = {"firn._firn.Table", sizeof(fp_table), 0, Py_TPFLAGS_DEFAULT, slots};
