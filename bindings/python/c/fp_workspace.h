/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_workspace.h: what calls of a workspace are given, and what they give (fp_saved.c).
 */
#ifndef FP_WORKSPACE_H
#define FP_WORKSPACE_H

#include "fp.h"

struct fp_secret;

/* Belongs to one thread at a time. */
typedef struct fp_workspace {
    PyObject_HEAD firn_workspace *workspace; /* NULL: closed */
    bool is_busy;
    struct fp_secret *key; /* what opens an encrypted store, or NULL */
} fp_workspace;
/* The handle for one call; NULL with an exception, and nothing to end. */
firn_workspace *fp_workspace_begin(PyObject *object);
void fp_workspace_end(PyObject *object);

/* Methods of Workspace (fp_named.c). */
PyObject *fp_named_checkpoints(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_named_tags(PyObject *self, PyObject *ignored);
PyObject *fp_named_entries(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_named_find(PyObject *self, PyObject *reference);
PyObject *fp_named_pin(PyObject *self, PyObject *reference);
PyObject *fp_named_unpin(PyObject *self, PyObject *reference);
PyObject *fp_named_tag(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_named_describe(PyObject *self, PyObject *args);
PyObject *fp_named_untag(PyObject *self, PyObject *args);
PyObject *fp_named_expire(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_named_delete(PyObject *self, PyObject *args);
PyObject *fp_named_undelete(PyObject *self, PyObject *args);

/* Methods of Workspace (fp_remote.c). */
PyObject *fp_remote_add(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_remote_remove(PyObject *self, PyObject *args);
PyObject *fp_remote_list(PyObject *self, PyObject *ignored);
PyObject *fp_remote_lines(PyObject *self, PyObject *args);
PyObject *fp_remote_push(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_remote_pull(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_remote_prune(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_remote_rekey(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_remote_check(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_remote_check_locked(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_remote_log(PyObject *self, PyObject *args, PyObject *keywords);

/* Paths of an argument: None, a path, or a sequence of them. */
struct fp_paths {
    firn_slice *items;
    size_t count;
    PyObject *keep;
};
bool fp_paths_take(PyObject *paths, struct fp_paths *out);
void fp_paths_release(struct fp_paths *paths);

/* References of an argument: None, one, or a sequence of them. */
struct fp_references {
    const char **items;
    size_t count;
    PyObject *keep;
};
bool fp_references_take(PyObject *references, struct fp_references *out);
void fp_references_release(struct fp_references *references);

/* Objects of the classes in firn/_results.py; NULL with an exception. */
PyObject *fp_saved_checkpoint(const firn_workspace_checkpoint *checkpoint);
PyObject *fp_saved_result(const firn_workspace_save_result *result);
PyObject *fp_saved_entry(const firn_workspace_entry *entry);
PyObject *fp_saved_change(const firn_workspace_change *change);
PyObject *fp_saved_difference(const firn_workspace_difference *difference);
/* `changes` is a list that was collected. */
PyObject *fp_saved_step(const firn_workspace_step *step);
/* `changes` is borrowed. */
PyObject *fp_saved_logged(const firn_workspace_diff_result *result, bool with_lines,
                          PyObject *changes);
PyObject *fp_saved_restored(const firn_workspace_restore_result *result, PyObject *changes,
                            PyObject *steps);
PyObject *fp_saved_reverted(const firn_workspace_revert_result *result, PyObject *changes);

#endif
