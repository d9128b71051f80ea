/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_exchange.c: tables from and as CSV and JSON lines, and the rows of a table that differ between two states.
 *
 * A text comes from, or goes to, a path or a file object. firn asks for pieces of it, and for each the GIL is taken and the
 * object's read or write called. Such a function cannot use the store meanwhile: firn refuses that with Misuse.
 */
#include "fp_checkpoint.h"
#include "fp_table.h"

#include <firn/exchange.h>
#include <firn/table_state.h>

/* One import or export. */
struct text {
    struct fp_progress progress; /* first: its callbacks and reject have one ctx */
    struct fp_visit visit;       /* what the file object and on_reject raise */
    PyObject *file;
    PyObject *on_reject;
    PyObject *rest; /* bytes that were read and did not fit yet */
    size_t rest_at;
};

/* The file object of an argument, new; *out_is_ours if it is to be closed. */
static PyObject *
open_file(PyObject *argument, const char *method, const char *mode, bool *out_is_ours)
{
    *out_is_ours = !PyObject_HasAttrString(argument, method);
    if (!*out_is_ours) {
        Py_INCREF(argument);
        return argument;
    }
    /* A path only: the number of a descriptor would be closed with the file object. */
    PyObject *path = PyOS_FSPath(argument);
    PyObject *io = path != NULL ? PyImport_ImportModule("io") : NULL;
    PyObject *file = io != NULL ? PyObject_CallMethod(io, "open", "Os", path, mode) : NULL;
    Py_XDECREF(io);
    Py_XDECREF(path);
    return file;
}

/* Closes it, and keeps an exception that was raised before. False if closing raised. */
static bool
close_file(PyObject *file, bool is_ours)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *closed = is_ours ? PyObject_CallMethod(file, "close", NULL) : NULL;
    bool is_fine = closed != NULL || !is_ours;
    Py_XDECREF(closed);
    Py_DECREF(file);
    if (type != NULL) {
        PyErr_Clear();
        PyErr_Restore(type, value, traceback);
    }
    return is_fine;
}

static bool
form_of(const char *kind, int header, const char *delimiter, const char *null_text,
        firn_text_form *out)
{
    static const char *const kinds[] = {"", "csv", "json", NULL};
    int choice = kind != NULL ? fp_choice("kind", kind, kinds) : 1;
    if (choice < 0) {
        return false;
    }
    out->kind = (firn_text_kind)choice;
    out->no_header = header == 0;
    out->null_text = null_text;
    if (strlen(delimiter) != 1) {
        fp_raise_text(FIRN_INVALID, "a delimiter is one ASCII character");
        return false;
    }
    out->delimiter = delimiter[0];
    return true;
}

/* ---- import ---- */

/* More bytes; with the GIL. */
static bool
read_more(struct text *text)
{
    PyObject *piece = PyObject_CallMethod(text->file, "read", "n", (Py_ssize_t)1 << 16);
    if (piece != NULL && PyUnicode_Check(piece)) {
        PyObject *bytes = PyUnicode_AsUTF8String(piece);
        Py_DECREF(piece);
        piece = bytes;
    }
    if (piece != NULL && !PyBytes_Check(piece)) {
        PyErr_SetString(PyExc_TypeError, "read() has to give bytes or str");
        Py_CLEAR(piece);
    }
    Py_XDECREF(text->rest);
    text->rest = piece;
    text->rest_at = 0;
    return piece != NULL;
}

static int
read_text(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *err)
{
    struct text *text = ctx;
    *out_size = 0;
    err->code = FIRN_CANCELLED;
    err->text[0] = '\0';
    if (text->visit.type != NULL) {
        return FIRN_CANCELLED;
    }
    fp_visit_lock(&text->visit);
    if ((text->rest == NULL || text->rest_at == (size_t)PyBytes_Size(text->rest)) &&
        !read_more(text)) {
        return fp_visit_fail(&text->visit);
    }
    size_t left = (size_t)PyBytes_Size(text->rest) - text->rest_at;
    *out_size = left < capacity ? left : capacity;
    memcpy(buffer, PyBytes_AsString(text->rest) + text->rest_at, *out_size);
    text->rest_at += *out_size;
    return fp_visit_done(&text->visit);
}

static int
reject(void *ctx, const firn_import_reject *rejected)
{
    struct text *text = ctx;
    fp_visit_lock(&text->visit);
    PyObject *line = fp_text_of((const char *)rejected->text.data, rejected->text.size);
    PyObject *answer = line != NULL ? PyObject_CallFunction(text->on_reject, "KOs",
                                                            (unsigned long long)rejected->line,
                                                            line, rejected->why)
                                    : NULL;
    Py_XDECREF(line);
    if (answer == NULL) {
        return fp_visit_fail(&text->visit);
    }
    Py_DECREF(answer);
    return fp_visit_done(&text->visit);
}

PyObject *
fp_exchange_import(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"source",  "kind",           "header",      "delimiter", "null_text",
                            "columns", "ignore_unknown", "on_conflict", "on_reject", "progress",
                            NULL};
    static const char *const conflicts[] = {"fail", "skip", "replace", NULL};
    fp_table *self = (fp_table *)object;
    PyObject *source, *columns = NULL, *on_progress = Py_None, *out = NULL;
    const char *kind = NULL, *delimiter = ",", *null_text = NULL, *on_conflict = NULL;
    int header = 1, ignore_unknown = 0;
    struct text text = {.on_reject = Py_None};
    struct fp_texts texts;
    firn_import_options options = FIRN_IMPORT_OPTIONS_INIT;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|$zpszOpzOO", names, &source, &kind, &header,
                                     &delimiter, &null_text, &columns, &ignore_unknown,
                                     &on_conflict, &text.on_reject, &on_progress) ||
        !form_of(kind, header, delimiter, null_text, &options.form) ||
        !fp_progress_init(&text.progress, on_progress, NULL)) {
        return NULL;
    }
    int conflict = fp_choice("on_conflict", on_conflict, conflicts);
    if (self->txn != NULL) {
        return fp_raise_text(
            FIRN_INVALID, "an import is a commit of its own: it cannot be part of a transaction");
    }
    if (conflict < 0 || !fp_texts_take(columns, &texts)) {
        return NULL;
    }
    bool is_ours;
    text.file = open_file(source, "read", "rb", &is_ours);
    if (text.file != NULL && fp_table_enter_writing(self)) {
        options.columns = texts.items;
        options.column_count = texts.count;
        options.ignore_unknown = ignore_unknown != 0;
        options.on_conflict = (firn_import_conflict)conflict;
        options.on_reject = text.on_reject != Py_None ? reject : NULL;
        options.callbacks = fp_progress_callbacks(&text.progress);
        firn_import_statistics statistics = FIRN_IMPORT_STATISTICS_INIT;
        firn_error err;
        int code;
        FP_VISITED(code, &text.visit,
                   firn_table_import(self->table, read_text, &text, &options, &statistics, &err));
        fp_leave(self->store, self->via);
        if (text.visit.type != NULL ? fp_visit_end(&text.visit, code, &err)
                                    : fp_progress_end(&text.progress, code, &err)) {
            out = fp_result("ImportResult",
                            Py_BuildValue("(KKKK)", (unsigned long long)statistics.rows,
                                          (unsigned long long)statistics.rejected,
                                          (unsigned long long)statistics.bytes,
                                          (unsigned long long)statistics.skipped));
        }
    }
    Py_XDECREF(text.rest);
    if (text.file != NULL && !close_file(text.file, is_ours)) {
        Py_CLEAR(out);
    }
    fp_texts_release(&texts);
    return out;
}

/* ---- export ---- */

static int
write_text(void *ctx, firn_slice bytes, firn_error *err)
{
    struct text *text = ctx;
    err->code = FIRN_CANCELLED;
    err->text[0] = '\0';
    fp_visit_lock(&text->visit);
    PyObject *piece = fp_bytes_of(bytes);
    PyObject *answer = piece != NULL ? PyObject_CallMethod(text->file, "write", "O", piece) : NULL;
    if (answer == NULL && piece != NULL &&
        PyErr_ExceptionMatches(PyExc_TypeError)) { /* a file of text */
        PyErr_Clear();
        PyObject *decoded = fp_text_of((const char *)bytes.data, bytes.size);
        answer = decoded != NULL ? PyObject_CallMethod(text->file, "write", "O", decoded) : NULL;
        Py_XDECREF(decoded);
    }
    Py_XDECREF(piece);
    if (answer == NULL) {
        return fp_visit_fail(&text->visit);
    }
    Py_DECREF(answer);
    return fp_visit_done(&text->visit);
}

PyObject *
fp_exchange_export(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"target",  "kind",  "header",   "delimiter", "null_text",
                            "columns", "index", "progress", NULL};
    fp_table *self = (fp_table *)object;
    PyObject *target, *columns = NULL, *on_progress = Py_None, *out = NULL;
    const char *kind = NULL, *delimiter = ",", *null_text = NULL;
    int header = 1;
    struct text text = {.on_reject = NULL};
    struct fp_texts texts;
    firn_export_options options = FIRN_EXPORT_OPTIONS_INIT;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|$zpszOzO", names, &target, &kind, &header,
                                     &delimiter, &null_text, &columns, &options.read.index,
                                     &on_progress) ||
        !form_of(kind, header, delimiter, null_text, &options.form) ||
        !fp_progress_init(&text.progress, on_progress, NULL) || !fp_texts_take(columns, &texts)) {
        return NULL;
    }
    bool is_ours;
    text.file = open_file(target, "write", "wb", &is_ours);
    if (text.file != NULL && fp_enter(self->store, self->via) != NULL) {
        options.read.txn = self->txn;
        options.read.snapshot = self->snapshot;
        options.read.columns = texts.items;
        options.read.column_count = texts.count;
        options.callbacks = fp_progress_callbacks(&text.progress);
        firn_export_statistics statistics = {.size = sizeof statistics};
        firn_error err;
        int code;
        FP_VISITED(code, &text.visit,
                   firn_table_export(self->table, write_text, &text, &options, &statistics, &err));
        fp_leave(self->store, self->via);
        if (text.visit.type != NULL ? fp_visit_end(&text.visit, code, &err)
                                    : fp_progress_end(&text.progress, code, &err)) {
            out = PyLong_FromUnsignedLongLong(statistics.rows);
        }
    }
    if (text.file != NULL && !close_file(text.file, is_ours)) {
        Py_CLEAR(out);
    }
    fp_texts_release(&texts);
    return out;
}

/* ---- differences ---- */

static PyObject *
side_object(const firn_table_diff *diff, const firn_value *values, size_t count, bool is_before)
{
    if (values == NULL) {
        Py_RETURN_NONE;
    }
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < count; i++) {
        const firn_table_diff_column *column = firn_table_diff_column_at(diff, i);
        const char *name = is_before ? column->before_name : column->after_name;
        if (name == NULL) {
            continue;
        }
        PyObject *value = fp_value_object(&values[i], column->definition->scale);
        if (value == NULL || PyDict_SetItemString(dict, name, value) != 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *
changed_object(const firn_table_diff *diff, const firn_row_difference *row)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && row->changed != NULL && i < row->column_count; i++) {
        const firn_table_diff_column *column = firn_table_diff_column_at(diff, i);
        PyObject *name = row->changed[i] ? PyUnicode_FromString(column->definition->name) : NULL;
        if (row->changed[i] && (name == NULL || PyList_Append(list, name) != 0)) {
            Py_CLEAR(list);
        }
        Py_XDECREF(name);
    }
    PyObject *out = list != NULL ? PySequence_Tuple(list) : NULL;
    Py_XDECREF(list);
    return out;
}

static PyObject *
difference_object(const firn_table_diff *diff, const firn_row_difference *row)
{
    PyObject *before = side_object(diff, row->before, row->column_count, true);
    PyObject *after =
        before != NULL ? side_object(diff, row->after, row->column_count, false) : NULL;
    PyObject *changed = after != NULL ? changed_object(diff, row) : NULL;
    PyObject *out =
        changed != NULL
            ? fp_result("RowDifference",
                        Py_BuildValue("(sOOO)", firn_row_difference_kind_name(row->kind), before,
                                      after, changed))
            : NULL;
    Py_XDECREF(before);
    Py_XDECREF(after);
    Py_XDECREF(changed);
    return out;
}

static int
open_sides(firn_store *store, const char *const references[2], firn_snapshot *out[2],
           firn_error *err)
{
    int code = FIRN_OK;
    for (int i = 0; i < 2 && code == FIRN_OK; i++) {
        firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
        options.checkpoint = references[i];
        code = references[i] != NULL ? firn_snapshot_open(store, &options, &out[i], err) : FIRN_OK;
    }
    return code;
}

PyObject *
fp_table_diff(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "before", "after", NULL};
    fp_store *self = (fp_store *)object;
    const char *name, *texts[2] = {NULL, NULL};
    PyObject *given[2] = {NULL, NULL}, *keep[2] = {NULL, NULL}, *out = NULL;
    firn_snapshot *sides[2] = {NULL, NULL};
    firn_table_diff *diff = NULL;
    firn_store *store;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|OO", names, &name, &given[0], &given[1])) {
        return NULL;
    }
    if (fp_reference_text(given[0], &keep[0], &texts[0]) &&
        fp_reference_text(given[1], &keep[1], &texts[1]) &&
        (store = fp_enter(self, NULL)) != NULL) {
        firn_table_diff_options options = FIRN_TABLE_DIFF_OPTIONS_INIT;
        const firn_row_difference *row = NULL;
        firn_error err;
        int code;
        FP_UNLOCKED(code, open_sides(store, texts, sides, &err));
        options.before = sides[0];
        options.after = sides[1];
        if (code == FIRN_OK) {
            FP_UNLOCKED(code, firn_table_diff_open(store, name, &options, &diff, &err));
        }
        out = code == FIRN_OK ? PyList_New(0) : fp_raise(code, &err);
        while (out != NULL) {
            FP_UNLOCKED(code, firn_table_diff_next(diff, &row, &err));
            if (code != FIRN_OK) {
                fp_raise(code, &err);
                Py_CLEAR(out);
            } else if (row == NULL) {
                break;
            } else {
                PyObject *item = difference_object(diff, row);
                if (item == NULL || PyList_Append(out, item) != 0 || PyErr_CheckSignals() != 0) {
                    Py_CLEAR(out);
                }
                Py_XDECREF(item);
            }
        }
        firn_table_diff_close(diff);
        firn_snapshot_close(sides[0]);
        firn_snapshot_close(sides[1]);
        fp_leave(self, NULL);
    }
    Py_XDECREF(keep[0]);
    Py_XDECREF(keep[1]);
    return out;
}
