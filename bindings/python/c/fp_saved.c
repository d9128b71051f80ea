/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_saved.c: results of a workspace's calls as Python objects, and paths as bytes.
 *
 * Each is a named tuple of firn/_results.py, whose fields are in the order of the formats here. Paths and messages that are not UTF-8
 * keep their bytes as surrogates, as os.fsdecode does.
 */
#include "fp_workspace.h"

bool
fp_paths_take(PyObject *paths, struct fp_paths *out)
{
    *out = (struct fp_paths){NULL, 0, NULL};
    if (paths == NULL || paths == Py_None) {
        return true;
    }
    bool is_one = PyUnicode_Check(paths) || PyBytes_Check(paths) ||
                  PyObject_HasAttrString(paths, "__fspath__");
    PyObject *given = is_one ? PyTuple_New(1) : PySequence_Tuple(paths);
    if (given != NULL && is_one) {
        Py_INCREF(paths);
        PyTuple_SetItem(given, 0, paths);
    }
    Py_ssize_t count = given != NULL ? PyTuple_Size(given) : 0;
    out->keep = given != NULL ? PyList_New(0) : NULL;
    out->items = calloc((size_t)count + 1, sizeof *out->items);
    bool is_taken = out->keep != NULL && out->items != NULL;
    for (Py_ssize_t i = 0; is_taken && i < count; i++) {
        PyObject *bytes = fp_path(PyTuple_GetItem(given, i));
        is_taken = bytes != NULL && PyList_Append(out->keep, bytes) == 0;
        if (is_taken) {
            out->items[out->count++] =
                firn_bytes(PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
        }
        Py_XDECREF(bytes);
    }
    Py_XDECREF(given);
    if (!is_taken) {
        fp_paths_release(out);
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
    }
    return is_taken;
}

void
fp_paths_release(struct fp_paths *paths)
{
    free(paths->items);
    paths->items = NULL;
    paths->count = 0;
    Py_CLEAR(paths->keep);
}

static PyObject *
text_of(firn_slice text)
{
    return fp_text_of((const char *)text.data, text.size);
}

/* A text for Py_BuildValue's "N", which takes it and makes the whole fail if it is NULL. */
static PyObject *
text_or_none(firn_slice text)
{
    if (text.size == 0) {
        Py_RETURN_NONE;
    }
    return text_of(text);
}

/* None without one. */
static PyObject *
turn_object(const firn_workspace_turn *turn)
{
    if (turn->agent.size == 0) {
        Py_RETURN_NONE;
    }
    PyObject *number = Py_None;
    if (turn->number != 0) {
        number = PyLong_FromUnsignedLongLong(turn->number);
    } else {
        Py_INCREF(Py_None);
    }
    return fp_result("Turn", Py_BuildValue("(NNNN)", text_of(turn->agent), text_of(turn->session),
                                           number, text_of(turn->prompt)));
}

PyObject *
fp_saved_checkpoint(const firn_workspace_checkpoint *checkpoint)
{
    if (checkpoint == NULL) {
        Py_RETURN_NONE;
    }
    char root[FIRN_HASH_HEX_SIZE];
    firn_hash_to_hex(&checkpoint->root, root);
    return fp_result(
        "SavedTree",
        Py_BuildValue(
            "(KsOLNsKKKKKKKNzKON)", (unsigned long long)checkpoint->number, checkpoint->id,
            checkpoint->is_safety ? Py_True : Py_False, (long long)checkpoint->created_ns,
            text_of(checkpoint->message), root, (unsigned long long)checkpoint->files,
            (unsigned long long)checkpoint->directories, (unsigned long long)checkpoint->bytes,
            (unsigned long long)checkpoint->new_objects,
            (unsigned long long)checkpoint->added_bytes, (unsigned long long)checkpoint->excluded,
            (unsigned long long)checkpoint->skipped, text_or_none(firn_str(checkpoint->git.branch)),
            checkpoint->git.commit[0] != '\0' ? checkpoint->git.commit : NULL,
            (unsigned long long)checkpoint->forgotten,
            checkpoint->include_deps ? Py_True : Py_False, turn_object(&checkpoint->turn)));
}

PyObject *
fp_saved_result(const firn_workspace_save_result *result)
{
    return fp_result(
        "Saved",
        Py_BuildValue("(NKOOKKKK)", fp_saved_checkpoint(result->checkpoint),
                      (unsigned long long)result->previous, result->is_made ? Py_True : Py_False,
                      result->is_unchanged ? Py_True : Py_False, (unsigned long long)result->added,
                      (unsigned long long)result->changed, (unsigned long long)result->removed,
                      (unsigned long long)result->expired));
}

PyObject *
fp_saved_entry(const firn_workspace_entry *entry)
{
    if (entry == NULL) {
        Py_RETURN_NONE;
    }
    char hash[FIRN_HASH_HEX_SIZE];
    firn_hash_to_hex(&entry->hash, hash);
    bool is_link = entry->type == FIRN_ENTRY_SYMLINK;
    return fp_result(
        "Entry", Py_BuildValue("(NsIIILKzNN)", text_of(entry->path),
                               firn_workspace_entry_type_name(entry->type), entry->mode, entry->uid,
                               entry->gid, (long long)entry->mtime_ns,
                               (unsigned long long)entry->size_bytes, is_link ? NULL : hash,
                               text_or_none(entry->link_target), text_or_none(entry->hard_link)));
}

/* The object of a change, with counts of lines, which are None where nothing was counted. */
static PyObject *
change_object(const firn_workspace_change *change, PyObject *added, PyObject *removed)
{
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    return fp_result("Change",
                     Py_BuildValue("(sNNNINN)", firn_workspace_change_kind_name(change->kind),
                                   text_of(entry->path), fp_saved_entry(change->before),
                                   fp_saved_entry(change->after), change->what, added, removed));
}

PyObject *
fp_saved_change(const firn_workspace_change *change)
{
    Py_INCREF(Py_None);
    Py_INCREF(Py_None);
    return change_object(change, Py_None, Py_None);
}

PyObject *
fp_saved_difference(const firn_workspace_difference *difference)
{
    if (difference->lines != FIRN_LINES_COUNTED) {
        return fp_saved_change(&difference->change);
    }
    return change_object(&difference->change, PyLong_FromUnsignedLongLong(difference->lines_added),
                         PyLong_FromUnsignedLongLong(difference->lines_removed));
}

PyObject *
fp_saved_logged(const firn_workspace_diff_result *result, bool with_lines, PyObject *changes)
{
    PyObject *lines[2] = {Py_None, Py_None};
    if (with_lines) {
        lines[0] = PyLong_FromUnsignedLongLong(result->lines_added);
        lines[1] = PyLong_FromUnsignedLongLong(result->lines_removed);
    } else {
        Py_INCREF(Py_None);
        Py_INCREF(Py_None);
    }
    return fp_result(
        "Logged",
        Py_BuildValue("(NKKKKKNNO)", fp_saved_checkpoint(result->after),
                      (unsigned long long)result->added, (unsigned long long)result->changed,
                      (unsigned long long)result->removed, (unsigned long long)result->renamed,
                      (unsigned long long)result->times_only, lines[0], lines[1], changes));
}

PyObject *
fp_saved_step(const firn_workspace_step *step)
{
    const firn_workspace_turn *turn = step->turn;
    const firn_slice none = {NULL, 0};
    PyObject *counts[3] = {Py_None, Py_None, Py_None};
    PyObject *time = Py_None;
    if (step->is_counted) {
        counts[0] = PyLong_FromUnsignedLongLong(step->added);
        counts[1] = PyLong_FromUnsignedLongLong(step->changed);
        counts[2] = PyLong_FromUnsignedLongLong(step->removed);
    } else {
        for (size_t i = 0; i < 3; i++) {
            Py_INCREF(Py_None);
        }
    }
    if (step->time_ns != 0) {
        time = PyLong_FromLongLong(step->time_ns);
    } else {
        Py_INCREF(Py_None);
    }
    return fp_result("Step", Py_BuildValue("(sNNNNONNN)", firn_workspace_step_kind_name(step->kind),
                                           fp_saved_checkpoint(step->checkpoint),
                                           text_or_none(turn != NULL ? turn->agent : none),
                                           text_or_none(turn != NULL ? turn->prompt : none), time,
                                           step->is_redo ? Py_True : Py_False, counts[0], counts[1],
                                           counts[2]));
}

PyObject *
fp_saved_restored(const firn_workspace_restore_result *result, PyObject *changes, PyObject *steps)
{
    return fp_result(
        "RestoredTree",
        Py_BuildValue("(NzKKKKKKKOOO)", fp_saved_checkpoint(result->checkpoint),
                      result->safety_id[0] != '\0' ? result->safety_id : NULL,
                      (unsigned long long)result->added, (unsigned long long)result->changed,
                      (unsigned long long)result->removed, (unsigned long long)result->unchanged,
                      (unsigned long long)result->incomplete,
                      (unsigned long long)result->left_alone,
                      (unsigned long long)result->not_restored, changes,
                      result->is_unsaved ? Py_True : Py_False, steps));
}

PyObject *
fp_saved_reverted(const firn_workspace_revert_result *result, PyObject *changes)
{
    return fp_result(
        "Reverted",
        Py_BuildValue("(NNzKKKKKKO)", fp_saved_checkpoint(result->after),
                      fp_saved_checkpoint(result->before),
                      result->safety_id[0] != '\0' ? result->safety_id : NULL,
                      (unsigned long long)result->added, (unsigned long long)result->changed,
                      (unsigned long long)result->removed, (unsigned long long)result->merged,
                      (unsigned long long)result->left_alone,
                      (unsigned long long)result->not_restored, changes));
}
