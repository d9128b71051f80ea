/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_checkpoint.c: checkpoints of a store's data: the methods of Store that create, list, compare and restore them, and files
 * with one checkpoint.
 *
 * A reference is given as firn takes it, as text, or as an int, the checkpoint's number. Results are objects of the classes
 * in firn/_results.py.
 */
#include "fp_checkpoint.h"
#include "fp_secret.h"

static void
refuse_type(PyObject *reference)
{
    PyErr_Format(PyExc_TypeError, "a checkpoint is named by a str or an int, not %R",
                 (PyObject *)Py_TYPE(reference));
}

bool
fp_reference_is_given(PyObject *reference)
{
    if (reference == Py_None) {
        refuse_type(reference);
    }
    return reference != Py_None;
}

PyObject *
fp_reference(PyObject *reference)
{
    if (PyLong_Check(reference)) {
        return PyObject_Str(reference);
    }
    if (!PyUnicode_Check(reference)) {
        refuse_type(reference);
        return NULL;
    }
    Py_INCREF(reference);
    return reference;
}

bool
fp_reference_text(PyObject *reference, PyObject **keep, const char **out)
{
    *keep = NULL;
    *out = NULL;
    if (reference == NULL || reference == Py_None) {
        return true;
    }
    PyObject *text = fp_reference(reference);
    *keep = text != NULL ? PyUnicode_AsUTF8String(text) : NULL;
    Py_XDECREF(text);
    char *bytes = NULL;
    /* A NUL inside would cut the reference short. */
    if (*keep == NULL || PyBytes_AsStringAndSize(*keep, &bytes, NULL) != 0) {
        Py_CLEAR(*keep);
        return false;
    }
    *out = bytes;
    return true;
}

static PyObject *
checkpoint_object(const firn_store_checkpoint *checkpoint)
{
    return fp_result(
        "Checkpoint",
        Py_BuildValue("(KszLKOz)", (unsigned long long)checkpoint->number, checkpoint->id,
                      checkpoint->name[0] != '\0' ? checkpoint->name : NULL,
                      (long long)checkpoint->created_ns, (unsigned long long)checkpoint->sequence,
                      checkpoint->is_safety ? Py_True : Py_False,
                      checkpoint->restored[0] != '\0' ? checkpoint->restored : NULL));
}

PyObject *
fp_checkpoint_create(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "created_ns", NULL};
    fp_store *self = (fp_store *)object;
    const char *name = NULL;
    long long created_ns = 0;
    firn_store *store;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|z$L", names, &name, &created_ns) ||
        (store = fp_enter(self, NULL)) == NULL) {
        return NULL;
    }
    firn_store_checkpoint_options options = FIRN_STORE_CHECKPOINT_OPTIONS_INIT;
    firn_store_checkpoint checkpoint = FIRN_STORE_CHECKPOINT_INIT;
    options.created_ns = created_ns;
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_store_checkpoint_create(store, name, &options, &checkpoint, &err));
    fp_leave(self, NULL);
    return code == FIRN_OK ? checkpoint_object(&checkpoint) : fp_raise(code, &err);
}

static int
visit_checkpoint(void *ctx, const firn_store_checkpoint *checkpoint)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    return fp_visit_append(visit, checkpoint_object(checkpoint));
}

PyObject *
fp_checkpoint_list(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"safety", NULL};
    fp_store *self = (fp_store *)object;
    int safety = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$p", names, &safety)) {
        return NULL;
    }
    struct fp_visit visit = {.list = PyList_New(0)};
    firn_store *store = visit.list != NULL ? fp_enter(self, NULL) : NULL;
    if (store == NULL) {
        Py_XDECREF(visit.list);
        return NULL;
    }
    firn_store_checkpoint_list_options options = FIRN_STORE_CHECKPOINT_LIST_OPTIONS_INIT;
    options.include_safety = safety != 0;
    firn_error err;
    int code;
    FP_VISITED(code, &visit,
               firn_store_checkpoint_list(store, &options, visit_checkpoint, &visit, &err));
    fp_leave(self, NULL);
    if (!fp_visit_end(&visit, code, &err)) {
        Py_CLEAR(visit.list);
    }
    return visit.list;
}

PyObject *
fp_checkpoint_find(PyObject *object, PyObject *args)
{
    fp_store *self = (fp_store *)object;
    PyObject *reference, *keep;
    const char *text;
    firn_store *store;
    if (!PyArg_ParseTuple(args, "O", &reference) || !fp_reference_is_given(reference) ||
        !fp_reference_text(reference, &keep, &text)) {
        return NULL;
    }
    if ((store = fp_enter(self, NULL)) == NULL) {
        Py_XDECREF(keep);
        return NULL;
    }
    firn_store_checkpoint checkpoint = FIRN_STORE_CHECKPOINT_INIT;
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_store_checkpoint_find(store, text, &checkpoint, &err));
    fp_leave(self, NULL);
    Py_XDECREF(keep);
    return code == FIRN_OK ? checkpoint_object(&checkpoint) : fp_raise(code, &err);
}

PyObject *
fp_checkpoint_delete(PyObject *object, PyObject *args)
{
    fp_store *self = (fp_store *)object;
    Py_ssize_t count = PyTuple_Size(args);
    PyObject *keep = PyList_New(0), *out = NULL;
    const char **texts = calloc((size_t)count + 1, sizeof *texts);
    bool is_taken = keep != NULL && texts != NULL;
    for (Py_ssize_t i = 0; is_taken && i < count; i++) {
        PyObject *bytes = NULL;
        PyObject *reference = PyTuple_GetItem(args, i);
        is_taken = fp_reference_is_given(reference) &&
                   fp_reference_text(reference, &bytes, &texts[i]) &&
                   PyList_Append(keep, bytes) == 0;
        Py_XDECREF(bytes);
    }
    if (!is_taken && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    firn_store *store = is_taken ? fp_enter(self, NULL) : NULL;
    if (store != NULL) {
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_store_checkpoint_delete(store, texts, (size_t)count, &err));
        fp_leave(self, NULL);
        out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
        Py_XINCREF(out);
    }
    free(texts);
    Py_XDECREF(keep);
    return out;
}

static PyObject *
restored_object(const firn_store_restore_result *result)
{
    PyObject *restored = checkpoint_object(&result->restored);
    PyObject *safety = restored != NULL ? checkpoint_object(&result->safety) : NULL;
    PyObject *out =
        safety != NULL ? fp_result("Restored", Py_BuildValue("(OO)", restored, safety)) : NULL;
    Py_XDECREF(restored);
    Py_XDECREF(safety);
    return out;
}

/* Restores what a reference names, or (NULL) undoes. */
static PyObject *
go_back(fp_store *self, const char *reference)
{
    firn_store *store = fp_enter(self, NULL);
    if (store == NULL) {
        return NULL;
    }
    firn_store_restore_result result = FIRN_STORE_RESTORE_RESULT_INIT;
    firn_error err;
    int code;
    FP_UNLOCKED(code, reference != NULL ? firn_store_restore(store, reference, &result, &err)
                                        : firn_store_undo(store, &result, &err));
    fp_leave(self, NULL);
    self->generation++; /* tables may be defined otherwise */
    return code == FIRN_OK ? restored_object(&result) : fp_raise(code, &err);
}

PyObject *
fp_checkpoint_restore(PyObject *self, PyObject *args)
{
    PyObject *reference, *keep;
    const char *text;
    if (!PyArg_ParseTuple(args, "O", &reference) || !fp_reference_is_given(reference) ||
        !fp_reference_text(reference, &keep, &text)) {
        return NULL;
    }
    PyObject *out = go_back((fp_store *)self, text);
    Py_XDECREF(keep);
    return out;
}

PyObject *
fp_checkpoint_undo(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return go_back((fp_store *)self, NULL);
}

/* ---- comparing ---- */

static PyObject *
value_or_none(firn_slice value)
{
    if (value.data == NULL) {
        Py_RETURN_NONE;
    }
    return fp_bytes_of(value);
}

static PyObject *
difference_object(const firn_store_difference *difference)
{
    bool has_key = difference->kind < FIRN_STORE_DIFFERENCE_KEYSPACE_ADDED;
    PyObject *key = value_or_none(has_key ? difference->key : firn_bytes(NULL, 0));
    PyObject *before = key != NULL ? value_or_none(difference->before) : NULL;
    PyObject *after = before != NULL ? value_or_none(difference->after) : NULL;
    PyObject *out =
        after != NULL
            ? fp_result("Difference",
                        Py_BuildValue("(ssOOO)", firn_store_difference_kind_name(difference->kind),
                                      difference->keyspace, key, before, after))
            : NULL;
    Py_XDECREF(key);
    Py_XDECREF(before);
    Py_XDECREF(after);
    return out;
}

static int
visit_difference(void *ctx, const firn_store_difference *difference)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    return fp_visit_append(visit, difference_object(difference));
}

PyObject *
fp_checkpoint_diff(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"before", "after", "keyspace", "progress", NULL};
    fp_store *self = (fp_store *)object;
    PyObject *given[2] = {NULL, NULL}, *keep[2] = {NULL, NULL}, *on_progress = NULL;
    const char *texts[2] = {NULL, NULL}, *keyspace = NULL;
    struct fp_progress progress;
    struct fp_visit visit = {.list = NULL};
    firn_store *store;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO$zO", names, &given[0], &given[1],
                                     &keyspace, &on_progress) ||
        !fp_progress_init(&progress, on_progress, NULL)) {
        return NULL;
    }
    if (fp_reference_text(given[0], &keep[0], &texts[0]) &&
        fp_reference_text(given[1], &keep[1], &texts[1]) && (visit.list = PyList_New(0)) != NULL &&
        (store = fp_enter(self, NULL)) != NULL) {
        firn_store_diff_options options = FIRN_STORE_DIFF_OPTIONS_INIT;
        options.keyspace = keyspace;
        options.callbacks = fp_progress_callbacks(&progress);
        firn_error err;
        int code;
        FP_VISITED(
            code, &visit,
            firn_store_diff(store, texts[0], texts[1], &options, visit_difference, &visit, &err));
        fp_leave(self, NULL);
        if (progress.type != NULL ? !fp_progress_end(&progress, code, &err)
                                  : !fp_visit_end(&visit, code, &err)) {
            Py_CLEAR(visit.list);
        }
    } else {
        Py_CLEAR(visit.list);
    }
    Py_XDECREF(keep[0]);
    Py_XDECREF(keep[1]);
    return visit.list;
}

/* ---- files ---- */

PyObject *
fp_checkpoint_export(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"path", "reference", "replace", "progress", "clear", "key", NULL};
    fp_store *self = (fp_store *)object;
    PyObject *path, *reference = NULL, *on_progress = NULL, *keep = NULL, *bytes = NULL,
                    *key_argument = NULL, *out = NULL;
    const char *text;
    int replace = 0, clear = 0;
    struct fp_progress progress;
    struct fp_secret *key = NULL;
    firn_store *store;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O$pOpO", names, &path, &reference, &replace,
                                     &on_progress, &clear, &key_argument) ||
        !fp_progress_init(&progress, on_progress, NULL) || !fp_secret_take(key_argument, &key)) {
        return NULL;
    }
    if (fp_reference_text(reference, &keep, &text) && (bytes = fp_path(path)) != NULL &&
        (store = fp_enter(self, NULL)) != NULL) {
        firn_store_export_options options = FIRN_STORE_EXPORT_OPTIONS_INIT;
        const firn_keys_source source = fp_secret_source(key);
        options.replace_existing = replace != 0;
        options.in_clear = clear != 0;
        options.key_source = key != NULL ? &source : NULL;
        options.callbacks = fp_progress_callbacks(&progress);
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_store_export(store, text, PyBytes_AsString(bytes), &options, &err));
        fp_leave(self, NULL);
        out = fp_progress_end(&progress, code, &err) ? Py_None : NULL;
        Py_XINCREF(out);
    }
    fp_secret_free(key);
    Py_XDECREF(keep);
    Py_XDECREF(bytes);
    return out;
}

PyObject *
fp_checkpoint_import(PyObject *module, PyObject *args, PyObject *keywords)
{
    (void)module;
    static char *names[] = {"file", "path", "progress", "key", NULL};
    PyObject *file, *path, *on_progress = NULL, *key_argument = NULL;
    struct fp_progress progress;
    struct fp_secret *key = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO|$OO", names, &file, &path, &on_progress,
                                     &key_argument) ||
        !fp_progress_init(&progress, on_progress, NULL) || !fp_secret_take(key_argument, &key)) {
        return NULL;
    }
    PyObject *from = fp_path(file), *to = from != NULL ? fp_path(path) : NULL, *out = NULL;
    if (to != NULL) {
        firn_store_import_options options = FIRN_STORE_IMPORT_OPTIONS_INIT;
        firn_store_checkpoint checkpoint = FIRN_STORE_CHECKPOINT_INIT;
        const firn_keys_source source = fp_secret_source(key);
        options.callbacks = fp_progress_callbacks(&progress);
        options.key_source = key != NULL ? &source : NULL;
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_store_import(PyBytes_AsString(from), PyBytes_AsString(to), &options,
                                            &checkpoint, &err));
        out = fp_progress_end(&progress, code, &err) ? checkpoint_object(&checkpoint) : NULL;
    }
    fp_secret_free(key);
    Py_XDECREF(from);
    Py_XDECREF(to);
    return out;
}
