/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_callback.c: Python functions that firn calls, and what they raise.
 *
 * An exception cannot pass through firn's stack. It is kept, the callback's result ends the call of firn, and when that has
 * returned the exception is raised again, in place of the code (CANCELLED) that it caused. The first exception wins.
 *
 * Progress comes from any thread of an operation. Where that is the interpreter's main thread, pending signals are looked at,
 * whether or not the caller asked for progress: control-C then raises KeyboardInterrupt out of a call of any length.
 * Inside of a callback firn refuses the thread's calls with Misuse, which propagates like every exception.
 */
#include "fp.h"

/* ---- visits ---- */

void
fp_visit_lock(struct fp_visit *visit)
{
    PyEval_RestoreThread(visit->thread);
    fp_callback_depth++;
}

int
fp_visit_done(struct fp_visit *visit)
{
    fp_callback_depth--;
    visit->thread = PyEval_SaveThread();
    return FIRN_OK;
}

int
fp_visit_fail(struct fp_visit *visit)
{
    assert(PyErr_Occurred());
    PyErr_Fetch(&visit->type, &visit->value, &visit->traceback);
    fp_callback_depth--;
    visit->thread = PyEval_SaveThread();
    return FIRN_CANCELLED;
}

int
fp_visit_append(struct fp_visit *visit, PyObject *item)
{
    if (item == NULL || PyList_Append(visit->list, item) != 0) {
        Py_XDECREF(item);
        return fp_visit_fail(visit);
    }
    Py_DECREF(item);
    return fp_visit_done(visit);
}

bool
fp_visit_end(struct fp_visit *visit, int code, const firn_error *err)
{
    if (visit->type != NULL) {
        PyErr_Restore(visit->type, visit->value, visit->traceback);
        return false;
    }
    if (code != FIRN_OK) {
        fp_raise(code, err);
        return false;
    }
    return true;
}

int
fp_visit_name(void *ctx, const char *name)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    return fp_visit_append(visit, fp_text_of(name, strlen(name)));
}

PyObject *
fp_visit_names(fp_store *store, int (*list)(firn_store *store, int (*visit)(void *, const char *),
                                            void *ctx, firn_error *err))
{
    struct fp_visit visit = {.list = PyList_New(0)};
    firn_store *native = visit.list != NULL ? fp_enter(store, NULL) : NULL;
    if (native == NULL) {
        Py_XDECREF(visit.list);
        return NULL;
    }
    firn_error err;
    int code;
    FP_VISITED(code, &visit, list(native, fp_visit_name, &visit, &err));
    fp_leave(store, NULL);
    if (!fp_visit_end(&visit, code, &err)) {
        Py_CLEAR(visit.list);
    }
    return visit.list;
}

/* ---- progress ---- */

bool
fp_progress_init(struct fp_progress *progress, PyObject *on_progress, PyObject *on_notice)
{
    *progress = (struct fp_progress){NULL, NULL, NULL, NULL, NULL};
    progress->on_progress = on_progress != Py_None ? on_progress : NULL;
    progress->on_notice = on_notice != Py_None ? on_notice : NULL;
    if ((progress->on_progress != NULL && !PyCallable_Check(on_progress)) ||
        (progress->on_notice != NULL && !PyCallable_Check(on_notice))) {
        PyErr_SetString(PyExc_TypeError, "progress and notice are functions or None");
        return false;
    }
    return true;
}

/* Keeps what was raised, unless something was before. */
static void
keep_exception(struct fp_progress *progress)
{
    if (progress->type == NULL) {
        PyErr_Fetch(&progress->type, &progress->value, &progress->traceback);
    } else {
        PyErr_Clear();
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct fp_progress *own = ctx;
    PyGILState_STATE state = PyGILState_Ensure();
    fp_callback_depth++;
    if (own->type == NULL && PyErr_CheckSignals() != 0) {
        keep_exception(own);
    } else if (own->type == NULL && own->on_progress != NULL) {
        PyObject *argument =
            fp_result("Progress", Py_BuildValue("(sKKKKO)", progress->phase,
                                                (unsigned long long)progress->files_done,
                                                (unsigned long long)progress->files_total,
                                                (unsigned long long)progress->bytes_done,
                                                (unsigned long long)progress->bytes_total,
                                                progress->is_finishing ? Py_True : Py_False));
        PyObject *answer = argument != NULL
                               ? PyObject_CallFunctionObjArgs(own->on_progress, argument, NULL)
                               : NULL;
        Py_XDECREF(argument);
        if (answer == NULL) {
            keep_exception(own);
        }
        Py_XDECREF(answer);
    }
    bool has_failed = own->type != NULL;
    fp_callback_depth--;
    PyGILState_Release(state);
    return has_failed ? FIRN_CANCELLED : FIRN_OK;
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct fp_progress *own = ctx;
    PyGILState_STATE state = PyGILState_Ensure();
    fp_callback_depth++;
    if (own->type == NULL) {
        PyObject *path = fp_text_of((const char *)notice->path.data, notice->path.size);
        PyObject *text = fp_text_or_none(notice->text);
        PyObject *argument =
            path != NULL && text != NULL
                ? fp_result("Notice", Py_BuildValue("(sOOz)", firn_notice_kind_name(notice->kind),
                                                    path, text, notice->checkpoint))
                : NULL;
        PyObject *answer =
            argument != NULL ? PyObject_CallFunctionObjArgs(own->on_notice, argument, NULL) : NULL;
        if (answer == NULL) {
            keep_exception(own);
        }
        Py_XDECREF(answer);
        Py_XDECREF(argument);
        Py_XDECREF(text);
        Py_XDECREF(path);
    }
    fp_callback_depth--;
    PyGILState_Release(state);
}

firn_callbacks
fp_progress_callbacks(struct fp_progress *progress)
{
    return (firn_callbacks){progress->on_notice != NULL ? on_notice : NULL, on_progress, progress};
}

static int
check_signals(void *ctx, const firn_progress *progress)
{
    (void)ctx;
    (void)progress;
    PyGILState_STATE state = PyGILState_Ensure();
    int rc = PyErr_Occurred() || PyErr_CheckSignals() != 0 ? FIRN_CANCELLED : FIRN_OK;
    PyGILState_Release(state); /* the thread's state is its own, and so is the exception in it */
    return rc;
}

firn_callbacks
fp_signal_callbacks(void)
{
    return (firn_callbacks){NULL, check_signals, NULL};
}

bool
fp_progress_end(struct fp_progress *progress, int code, const firn_error *err)
{
    if (progress->type != NULL) {
        PyErr_Restore(progress->type, progress->value, progress->traceback);
        return false;
    }
    if (code != FIRN_OK) {
        fp_raise(code, err);
        return false;
    }
    return true;
}
