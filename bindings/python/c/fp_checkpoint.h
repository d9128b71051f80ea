/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_checkpoint.h: the methods of Store for checkpoints (fp_checkpoint.c).
 */
#ifndef FP_CHECKPOINT_H
#define FP_CHECKPOINT_H

#include "fp.h"

PyObject *fp_checkpoint_create(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_checkpoint_list(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_checkpoint_find(PyObject *self, PyObject *args);
PyObject *fp_checkpoint_delete(PyObject *self, PyObject *args);
PyObject *fp_checkpoint_restore(PyObject *self, PyObject *args);
PyObject *fp_checkpoint_undo(PyObject *self, PyObject *ignored);
PyObject *fp_checkpoint_diff(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_checkpoint_export(PyObject *self, PyObject *args, PyObject *keywords);
/* Of the module: import_store(file, path). */
PyObject *fp_checkpoint_import(PyObject *module, PyObject *args, PyObject *keywords);

/* A reference is a str or an int. A str of it, new; NULL with an exception. */
PyObject *fp_reference(PyObject *reference);
/* For calls whose reference None cannot stand for. False with TypeError. */
bool fp_reference_is_given(PyObject *reference);
/* The same as a C text, owned by *keep, which the caller releases. None and NULL: NULL. False with an exception. */
bool fp_reference_text(PyObject *reference, PyObject **keep, const char **out);

#endif
