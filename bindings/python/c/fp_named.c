/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_named.c: the checkpoints of a workspace and their names: listing, finding, tagging, pinning and deleting them.
 *
 * None of these calls takes long, so they have no progress. Where a reference may be left out, the latest checkpoint is meant.
 */
#include "fp_checkpoint.h"
#include "fp_workspace.h"

static int
visit_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    return fp_visit_append(visit, fp_saved_checkpoint(checkpoint));
}

static int
visit_tag(void *ctx, const firn_workspace_tag *tag)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    PyObject *name = fp_text_of((const char *)tag->name.data, tag->name.size);
    PyObject *item = name != NULL ? fp_result("Tag", Py_BuildValue("(OsKL)", name, tag->id,
                                                                   (unsigned long long)tag->number,
                                                                   (long long)tag->created_ns))
                                  : NULL;
    Py_XDECREF(name);
    return fp_visit_append(visit, item);
}

static int
visit_entry(void *ctx, const firn_workspace_entry *entry)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    return fp_visit_append(visit, fp_saved_entry(entry));
}

/* The list of a visit, or NULL with an exception. */
static PyObject *
visit_list(PyObject *self, struct fp_visit *visit, int code, const firn_error *err)
{
    fp_workspace_end(self);
    if (!fp_visit_end(visit, code, err)) {
        Py_CLEAR(visit->list);
    }
    return visit->list;
}

PyObject *
fp_named_checkpoints(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"limit", "safety", "remote", NULL};
    struct fp_count limit = {"limit", UINT64_MAX};
    const char *remote = NULL;
    int safety = 0;
    struct fp_visit visit = {.list = NULL};
    firn_workspace *workspace;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O&$pz", names, fp_count_take, &limit,
                                     &safety, &remote) ||
        (workspace = fp_workspace_begin(self)) == NULL) {
        return NULL;
    }
    if ((visit.list = PyList_New(0)) == NULL) {
        fp_workspace_end(self);
        return NULL;
    }
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.limit = limit.value;
    options.include_safety = safety != 0;
    options.remote = remote;
    firn_error err;
    int code;
    FP_VISITED(code, &visit,
               firn_workspace_list(workspace, &options, visit_checkpoint, &visit, &err));
    return visit_list(self, &visit, code, &err);
}

PyObject *
fp_named_tags(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    struct fp_visit visit = {.list = NULL};
    firn_workspace *workspace = fp_workspace_begin(self);
    if (workspace == NULL) {
        return NULL;
    }
    if ((visit.list = PyList_New(0)) == NULL) {
        fp_workspace_end(self);
        return NULL;
    }
    firn_error err;
    int code;
    FP_VISITED(code, &visit, firn_workspace_tag_list(workspace, visit_tag, &visit, &err));
    return visit_list(self, &visit, code, &err);
}

PyObject *
fp_named_entries(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"reference", NULL};
    PyObject *reference = Py_None, *keep;
    const char *text;
    struct fp_visit visit = {.list = NULL};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O", names, &reference) ||
        !fp_reference_text(reference, &keep, &text)) {
        return NULL;
    }
    firn_workspace *workspace = fp_workspace_begin(self);
    if (workspace != NULL && (visit.list = PyList_New(0)) == NULL) {
        fp_workspace_end(self);
    } else if (workspace != NULL) {
        firn_error err;
        int code;
        FP_VISITED(code, &visit,
                   firn_workspace_entries(workspace, text != NULL ? text : "latest", visit_entry,
                                          &visit, &err));
        visit.list = visit_list(self, &visit, code, &err);
    }
    Py_XDECREF(keep);
    return visit.list;
}

enum one { FIND, TAG, UNTAG, DESCRIBE, PIN, UNPIN };

static PyObject *
change_one(PyObject *self, enum one one, const char *reference, const char *name, bool may_replace)
{
    firn_workspace *workspace = fp_workspace_begin(self);
    if (workspace == NULL) {
        return NULL;
    }
    firn_workspace_checkpoint *checkpoint = NULL;
    firn_error err;
    int code;
    PyThreadState *thread = PyEval_SaveThread();
    switch (one) {
    case FIND:
        code = firn_workspace_find(workspace, reference, &checkpoint, &err);
        break;
    case TAG:
        code = firn_workspace_tag_set(workspace, name, reference, may_replace, &checkpoint, &err);
        break;
    case DESCRIBE:
        code = firn_workspace_describe(workspace, reference, firn_str(name), &checkpoint, &err);
        break;
    case UNTAG:
        code = firn_workspace_tag_delete(workspace, name, &err);
        break;
    default:
        code = firn_workspace_pin_set(workspace, &reference, 1, one == PIN, NULL, NULL, &err);
    }
    PyEval_RestoreThread(thread);
    fp_workspace_end(self);
    PyObject *out = code != FIRN_OK      ? fp_raise(code, &err)
                    : checkpoint != NULL ? fp_saved_checkpoint(checkpoint)
                                         : Py_None;
    if (out == Py_None) {
        Py_INCREF(out);
    }
    firn_release(checkpoint);
    return out;
}

static PyObject *
with_reference(PyObject *self, enum one one, PyObject *reference, const char *name,
               bool may_replace)
{
    PyObject *keep;
    const char *text;
    if ((one != TAG && !fp_reference_is_given(reference)) ||
        !fp_reference_text(reference, &keep, &text)) {
        return NULL;
    }
    PyObject *out = change_one(self, one, text != NULL ? text : "latest", name, may_replace);
    Py_XDECREF(keep);
    return out;
}

PyObject *
fp_named_find(PyObject *self, PyObject *reference)
{
    return with_reference(self, FIND, reference, NULL, false);
}

PyObject *
fp_named_pin(PyObject *self, PyObject *reference)
{
    return with_reference(self, PIN, reference, NULL, false);
}

PyObject *
fp_named_unpin(PyObject *self, PyObject *reference)
{
    return with_reference(self, UNPIN, reference, NULL, false);
}

PyObject *
fp_named_tag(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "reference", "replace", NULL};
    const char *name;
    PyObject *reference = Py_None;
    int replace = 0;
    return PyArg_ParseTupleAndKeywords(args, keywords, "s|O$p", names, &name, &reference, &replace)
               ? with_reference(self, TAG, reference, name, replace != 0)
               : NULL;
}

PyObject *
fp_named_describe(PyObject *self, PyObject *args)
{
    PyObject *reference;
    const char *message;
    return PyArg_ParseTuple(args, "Os", &reference, &message)
               ? with_reference(self, DESCRIBE, reference, message, false)
               : NULL;
}

PyObject *
fp_named_untag(PyObject *self, PyObject *args)
{
    const char *name;
    return PyArg_ParseTuple(args, "s", &name) ? change_one(self, UNTAG, NULL, name, false) : NULL;
}

PyObject *
fp_named_expire(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"keep", "dry_run", NULL};
    firn_workspace_expire_options options = FIRN_WORKSPACE_EXPIRE_OPTIONS_INIT;
    int dry_run = 0;
    struct fp_visit visit = {.list = NULL};
    firn_workspace *workspace;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|$p", names, &options.keep, &dry_run) ||
        (workspace = fp_workspace_begin(self)) == NULL) {
        return NULL;
    }
    if ((visit.list = PyList_New(0)) == NULL) {
        fp_workspace_end(self);
        return NULL;
    }
    options.dry_run = dry_run != 0;
    firn_error err;
    int code;
    FP_VISITED(code, &visit,
               firn_workspace_expire(workspace, &options, visit_checkpoint, &visit, &err));
    return visit_list(self, &visit, code, &err);
}

bool
fp_references_take(PyObject *references, struct fp_references *out)
{
    *out = (struct fp_references){NULL, 0, NULL};
    if (references == Py_None) {
        return true;
    }
    bool is_one = PyUnicode_Check(references) || PyLong_Check(references);
    PyObject *given = is_one ? PyTuple_New(1) : PySequence_Tuple(references);
    if (given != NULL && is_one) {
        Py_INCREF(references);
        PyTuple_SetItem(given, 0, references);
    }
    Py_ssize_t count = given != NULL ? PyTuple_Size(given) : 0;
    out->keep = given != NULL ? PyList_New(0) : NULL;
    out->items = calloc((size_t)count + 1, sizeof *out->items);
    bool is_taken = out->keep != NULL && out->items != NULL;
    for (Py_ssize_t i = 0; is_taken && i < count; i++) {
        PyObject *bytes = NULL;
        PyObject *reference = PyTuple_GetItem(given, i);
        is_taken = fp_reference_is_given(reference) &&
                   fp_reference_text(reference, &bytes, &out->items[i]) &&
                   PyList_Append(out->keep, bytes) == 0;
        Py_XDECREF(bytes);
    }
    Py_XDECREF(given);
    out->count = (size_t)count;
    if (!is_taken) {
        fp_references_release(out);
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
    }
    return is_taken;
}

void
fp_references_release(struct fp_references *references)
{
    free(references->items);
    references->items = NULL;
    references->count = 0;
    Py_CLEAR(references->keep);
}

static PyObject *
delete_or_bring_back(PyObject *self, PyObject *args, bool deletes)
{
    struct fp_references given;
    PyObject *out = NULL;
    if (!fp_references_take(args, &given)) {
        return NULL;
    }
    firn_workspace *workspace = fp_workspace_begin(self);
    if (workspace != NULL) {
        firn_error err;
        int code;
        FP_UNLOCKED(code, deletes ? firn_workspace_delete(workspace, given.items, given.count, NULL,
                                                          NULL, NULL, &err)
                                  : firn_workspace_undelete(workspace, given.items, given.count,
                                                            NULL, NULL, &err));
        fp_workspace_end(self);
        out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
        Py_XINCREF(out);
    }
    fp_references_release(&given);
    return out;
}

PyObject *
fp_named_delete(PyObject *self, PyObject *args)
{
    return delete_or_bring_back(self, args, true);
}

PyObject *
fp_named_undelete(PyObject *self, PyObject *args)
{
    return delete_or_bring_back(self, args, false);
}
