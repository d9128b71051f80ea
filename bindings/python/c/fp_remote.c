/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_remote.c: remotes of a workspace: their names, lines and logs, pushing, pulling, pruning and checking.
 *
 * A name of a remote that is left out means the only one, or "origin". A pull that finds damage brings the rest: its Corrupt
 * has what it brought, as `pulled`.
 */
#include "fp_checkpoint.h"
#include "fp_workspace.h"

PyObject *
fp_remote_add(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "url", "encrypt", NULL};
    const char *name;
    PyObject *url, *bytes, *out = NULL;
    int encrypt = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "sO|$p", names, &name, &url, &encrypt) ||
        (bytes = fp_path(url)) == NULL) {
        return NULL;
    }
    firn_workspace *workspace = fp_workspace_begin(self);
    if (workspace != NULL) {
        const char *text = PyBytes_AsString(bytes);
        firn_error err;
        int code;
        FP_UNLOCKED(code, encrypt ? firn_remote_add_encrypted(workspace, name, text, &err)
                                  : firn_remote_add(workspace, name, text, &err));
        fp_workspace_end(self);
        out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
        Py_XINCREF(out);
    }
    Py_DECREF(bytes);
    return out;
}

PyObject *
fp_remote_remove(PyObject *self, PyObject *args)
{
    const char *name;
    firn_workspace *workspace;
    if (!PyArg_ParseTuple(args, "s", &name) || (workspace = fp_workspace_begin(self)) == NULL) {
        return NULL;
    }
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_remote_remove(workspace, name, &err));
    fp_workspace_end(self);
    PyObject *out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
    Py_XINCREF(out);
    return out;
}

static int
visit_remote(void *ctx, const firn_remote_info *remote)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    const bool has_failed = remote->failed_text != NULL;
    PyObject *url = fp_text_of(remote->url, strlen(remote->url));
    PyObject *failure = has_failed ? fp_text_of(remote->failed_text, strlen(remote->failed_text))
                                   : Py_BuildValue("");
    PyObject *failed_ns =
        has_failed ? PyLong_FromLongLong((long long)remote->failed_ns) : Py_BuildValue("");
    PyObject *item =
        url != NULL && failure != NULL && failed_ns != NULL
            ? fp_result("Remote",
                        Py_BuildValue("(sOsKOO)", remote->name, url, remote->id,
                                      (unsigned long long)remote->not_pushed, failed_ns, failure))
            : NULL;
    Py_XDECREF(url);
    Py_XDECREF(failure);
    Py_XDECREF(failed_ns);
    return fp_visit_append(visit, item);
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
fp_remote_list(PyObject *self, PyObject *ignored)
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
    FP_VISITED(code, &visit, firn_remote_list(workspace, visit_remote, &visit, &err));
    return visit_list(self, &visit, code, &err);
}

/* ---- lines ---- */

static int
visit_line(void *ctx, const firn_workspace_line *line)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    const firn_slice parts[] = {line->remote, line->name, line->label, line->id};
    PyObject *texts = PyTuple_New(4);
    for (Py_ssize_t i = 0; texts != NULL && i < 4; i++) {
        PyObject *text = fp_text_of((const char *)parts[i].data, parts[i].size);
        if (text == NULL || PyTuple_SetItem(texts, i, text) != 0) {
            Py_CLEAR(texts);
        }
    }
    return fp_visit_append(visit, fp_result("Line", texts));
}

/* The limit is 0, so none comes. */
static int
pass_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)ctx;
    (void)checkpoint;
    return FIRN_OK;
}

PyObject *
fp_remote_lines(PyObject *self, PyObject *args)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    struct fp_visit visit = {.list = NULL};
    firn_workspace *workspace;
    if (!PyArg_ParseTuple(args, "s", &options.remote) ||
        (workspace = fp_workspace_begin(self)) == NULL) {
        return NULL;
    }
    if ((visit.list = PyList_New(0)) == NULL) {
        fp_workspace_end(self);
        return NULL;
    }
    options.limit = 0;
    options.on_line = visit_line;
    firn_error err;
    int code;
    FP_VISITED(code, &visit,
               firn_workspace_list(workspace, &options, pass_checkpoint, &visit, &err));
    return visit_list(self, &visit, code, &err);
}

/* ---- pushing, pulling, pruning ---- */

enum { THREADS_MAX = 1024 };

/* What is larger than an option can say is no limit. */
static int64_t
rate(struct fp_count count)
{
    return count.value <= INT64_MAX ? (int64_t)count.value : INT64_MAX;
}

PyObject *
fp_remote_push(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"remote",    "references", "max_bytes_per_second",
                            "automatic", "dry_run",    "progress",
                            "notice",    NULL};
    const char *remote = NULL;
    PyObject *references = Py_None, *on_progress = Py_None, *on_notice = Py_None, *out = NULL;
    struct fp_count limit = {"max_bytes_per_second", 0};
    int automatic = 0, dry_run = 0;
    struct fp_progress progress;
    struct fp_references given;
    firn_workspace *workspace;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|z$OO&ppOO", names, &remote, &references,
                                     fp_count_take, &limit, &automatic, &dry_run, &on_progress,
                                     &on_notice) ||
        !fp_progress_init(&progress, on_progress, on_notice) ||
        !fp_references_take(references, &given)) {
        return NULL;
    }
    if ((workspace = fp_workspace_begin(self)) != NULL) {
        firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
        firn_push_result result = FIRN_PUSH_RESULT_INIT;
        options.references = given.items;
        options.reference_count = given.count;
        options.bytes_per_second_max = rate(limit);
        options.automatic = automatic != 0;
        options.dry_run = dry_run != 0;
        options.callbacks = fp_progress_callbacks(&progress);
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_workspace_push(workspace, remote, &options, &result, &err));
        fp_workspace_end(self);
        out = fp_progress_end(&progress, code, &err)
                  ? fp_result("Pushed",
                              Py_BuildValue("(KKKKO)", (unsigned long long)result.checkpoints,
                                            (unsigned long long)result.objects,
                                            (unsigned long long)result.bytes,
                                            (unsigned long long)result.requests,
                                            result.is_due ? Py_True : Py_False))
                  : NULL;
    }
    fp_references_release(&given);
    return out;
}

static PyObject *
pulled_object(const void *given)
{
    const firn_pull_result *result = given;
    return fp_result("Pulled", Py_BuildValue("(KKKKK)", (unsigned long long)result->checkpoints,
                                             (unsigned long long)result->lines,
                                             (unsigned long long)result->skipped,
                                             (unsigned long long)result->bytes,
                                             (unsigned long long)result->requests));
}

/* Gives the exception that is raised a result. */
static void
tell_result(const char *name, PyObject *(*make)(const void *result), const void *result)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyObject *object = make(result);
    if (object == NULL || PyObject_SetAttrString(value, name, object) != 0) {
        PyErr_Clear();
    }
    Py_XDECREF(object);
    PyErr_Restore(type, value, traceback);
}

PyObject *
fp_remote_pull(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"remote", "reference", "max_bytes_per_second",
                            "trust",  "threads",   "progress",
                            "notice", NULL};
    const char *remote = NULL;
    PyObject *reference = Py_None, *keep = NULL;
    PyObject *on_progress = Py_None, *on_notice = Py_None;
    struct fp_count limit = {"max_bytes_per_second", 0};
    struct fp_count threads = {"threads", 0};
    int trust = 0;
    struct fp_progress progress;
    firn_workspace *workspace;
    firn_pull_options options = FIRN_PULL_OPTIONS_INIT;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|z$OO&pO&OO", names, &remote, &reference,
                                     fp_count_take, &limit, &trust, fp_count_take, &threads,
                                     &on_progress, &on_notice) ||
        !fp_progress_init(&progress, on_progress, on_notice) ||
        !fp_reference_text(reference, &keep, &options.reference) ||
        (workspace = fp_workspace_begin(self)) == NULL) {
        Py_XDECREF(keep);
        return NULL;
    }
    firn_pull_result result = FIRN_PULL_RESULT_INIT;
    options.bytes_per_second_max = rate(limit);
    options.trust = trust != 0;
    options.threads = threads.value < THREADS_MAX ? (unsigned)threads.value : THREADS_MAX;
    options.callbacks = fp_progress_callbacks(&progress);
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_workspace_pull(workspace, remote, &options, &result, &err));
    fp_workspace_end(self);
    Py_XDECREF(keep);
    if (fp_progress_end(&progress, code, &err)) {
        return pulled_object(&result);
    }
    if ((code == FIRN_CORRUPT || code == FIRN_LIMIT) && progress.type == NULL) {
        tell_result("pulled", pulled_object, &result);
    }
    return NULL;
}

PyObject *
fp_remote_prune(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"remote", "keep", "dry_run", "now", "progress", "notice", NULL};
    const char *remote = NULL;
    PyObject *on_progress = Py_None, *on_notice = Py_None;
    int dry_run = 0, now = 0;
    struct fp_progress progress;
    firn_prune_options options = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result result = FIRN_PRUNE_RESULT_INIT;
    firn_workspace *workspace;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|z$zppOO", names, &remote, &options.keep,
                                     &dry_run, &now, &on_progress, &on_notice) ||
        !fp_progress_init(&progress, on_progress, on_notice) ||
        (workspace = fp_workspace_begin(self)) == NULL) {
        return NULL;
    }
    options.dry_run = dry_run != 0;
    options.now = now != 0;
    options.callbacks = fp_progress_callbacks(&progress);
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_remote_prune(workspace, remote, &options, &result, &err));
    fp_workspace_end(self);
    return fp_progress_end(&progress, code, &err)
               ? fp_result("Pruned",
                           Py_BuildValue("(KKKKKKK)", (unsigned long long)result.checkpoints,
                                         (unsigned long long)result.removed_checkpoints,
                                         (unsigned long long)result.packs,
                                         (unsigned long long)result.bytes,
                                         (unsigned long long)result.removed_packs,
                                         (unsigned long long)result.removed_bytes,
                                         (unsigned long long)result.requests))
               : NULL;
}

PyObject *
fp_remote_rekey(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"remote",   "max_bytes", "max_bytes_per_second",
                            "progress", "notice",    NULL};
    const char *remote = NULL;
    PyObject *on_progress = Py_None, *on_notice = Py_None;
    struct fp_count most = {"max_bytes", 0};
    struct fp_count limit = {"max_bytes_per_second", 0};
    struct fp_progress progress;
    firn_remote_rekey_options options = FIRN_REMOTE_REKEY_OPTIONS_INIT;
    firn_remote_rekey_result result = FIRN_REMOTE_REKEY_RESULT_INIT;
    firn_workspace *workspace;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|z$O&O&OO", names, &remote, fp_count_take,
                                     &most, fp_count_take, &limit, &on_progress, &on_notice) ||
        !fp_progress_init(&progress, on_progress, on_notice) ||
        (workspace = fp_workspace_begin(self)) == NULL) {
        return NULL;
    }
    options.bytes_max = most.value;
    options.bytes_per_second_max = rate(limit);
    options.callbacks = fp_progress_callbacks(&progress);
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_remote_rekey(workspace, remote, &options, &result, &err));
    fp_workspace_end(self);
    return fp_progress_end(&progress, code, &err)
               ? fp_result("RemoteRekeyed",
                           Py_BuildValue("(KKKKKLNK)", (unsigned long long)result.packs,
                                         (unsigned long long)result.bytes,
                                         (unsigned long long)result.states,
                                         (unsigned long long)result.left_packs,
                                         (unsigned long long)result.left_states,
                                         (long long)result.left_s, PyBool_FromLong(result.is_done),
                                         (unsigned long long)result.requests))
               : NULL;
}

/* ---- checking, and the log ---- */

static PyObject *
checked_object(const void *given)
{
    const firn_remote_check_result *result = given;
    return fp_result(
        "RemoteCheck",
        Py_BuildValue("(KKKKKKKKKKK)", (unsigned long long)result->state,
                      (unsigned long long)result->checkpoints, (unsigned long long)result->packs,
                      (unsigned long long)result->bytes, (unsigned long long)result->damaged,
                      (unsigned long long)result->broken, (unsigned long long)result->repaired,
                      (unsigned long long)result->sent, (unsigned long long)result->fetched,
                      (unsigned long long)result->requests, (unsigned long long)result->dropped));
}

PyObject *
fp_remote_check(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {
        "remote",   "read_data", "repair", "drop_broken", "max_bytes_per_second",
        "progress", "notice",    NULL};
    const char *remote = NULL;
    PyObject *on_progress = Py_None, *on_notice = Py_None;
    struct fp_count limit = {"max_bytes_per_second", 0};
    int read_data = 0, repair = 0, drop_broken = 0;
    struct fp_progress progress;
    firn_workspace *workspace;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|z$pppO&OO", names, &remote, &read_data,
                                     &repair, &drop_broken, fp_count_take, &limit, &on_progress,
                                     &on_notice) ||
        !fp_progress_init(&progress, on_progress, on_notice) ||
        (workspace = fp_workspace_begin(self)) == NULL) {
        return NULL;
    }
    firn_remote_check_options options = FIRN_REMOTE_CHECK_OPTIONS_INIT;
    firn_remote_check_result result = FIRN_REMOTE_CHECK_RESULT_INIT;
    options.read_data = read_data != 0;
    options.repair = repair != 0;
    options.drop_broken = drop_broken != 0;
    options.bytes_per_second_max = rate(limit);
    options.callbacks = fp_progress_callbacks(&progress);
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_remote_check(workspace, remote, &options, &result, &err));
    fp_workspace_end(self);
    if (fp_progress_end(&progress, code, &err)) {
        return checked_object(&result);
    }
    if (code == FIRN_CORRUPT && progress.type == NULL) {
        tell_result("checked", checked_object, &result);
    }
    return NULL;
}

static PyObject *
checked_locked_object(const void *given)
{
    const firn_remote_check_locked_result *result = given;
    return fp_result(
        "LockedRemoteCheck",
        Py_BuildValue(
            "(KKKKKKKKKK)", (unsigned long long)result->state, (unsigned long long)result->states,
            (unsigned long long)result->keys, (unsigned long long)result->packs,
            (unsigned long long)result->bytes, (unsigned long long)result->blocks,
            (unsigned long long)result->bytes_read, (unsigned long long)result->foreign,
            (unsigned long long)result->damaged_count, (unsigned long long)result->requests));
}

PyObject *
fp_remote_check_locked(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"remote",   "read_data", "max_bytes_per_second",
                            "progress", "notice",    NULL};
    const char *remote = NULL;
    PyObject *on_progress = Py_None, *on_notice = Py_None;
    struct fp_count limit = {"max_bytes_per_second", 0};
    int read_data = 0;
    struct fp_progress progress;
    firn_workspace *workspace;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|z$pO&OO", names, &remote, &read_data,
                                     fp_count_take, &limit, &on_progress, &on_notice) ||
        !fp_progress_init(&progress, on_progress, on_notice) ||
        (workspace = fp_workspace_begin(self)) == NULL) {
        return NULL;
    }
    firn_remote_check_locked_options options = FIRN_REMOTE_CHECK_LOCKED_OPTIONS_INIT;
    firn_remote_check_locked_result result = FIRN_REMOTE_CHECK_LOCKED_RESULT_INIT;
    options.read_data = read_data != 0;
    options.bytes_per_second_max = rate(limit);
    options.callbacks = fp_progress_callbacks(&progress);
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_remote_check_locked(workspace, remote, &options, &result, &err));
    fp_workspace_end(self);
    if (fp_progress_end(&progress, code, &err)) {
        return checked_locked_object(&result);
    }
    if (code == FIRN_CORRUPT && progress.type == NULL) {
        tell_result("checked", checked_locked_object, &result);
    }
    return NULL;
}

static int
visit_change(void *ctx, const firn_remote_change *change)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    PyObject *by = fp_text_of(change->by, strlen(change->by));
    PyObject *line = fp_text_of((const char *)change->line.data, change->line.size);
    PyObject *item =
        by != NULL && line != NULL
            ? fp_result(
                  "RemoteChange",
                  Py_BuildValue("(KOLKKOKKKKKK)", (unsigned long long)change->state, by,
                                (long long)change->at_ns, (unsigned long long)change->checkpoints,
                                (unsigned long long)change->lines, line,
                                (unsigned long long)change->packs,
                                (unsigned long long)change->bytes, (unsigned long long)change->tags,
                                (unsigned long long)change->removed_checkpoints,
                                (unsigned long long)change->removed_packs,
                                (unsigned long long)change->removed_bytes))
            : NULL;
    Py_XDECREF(by);
    Py_XDECREF(line);
    return fp_visit_append(visit, item);
}

PyObject *
fp_remote_log(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"remote", "limit", NULL};
    const char *remote = NULL;
    struct fp_count limit = {"limit", 0};
    struct fp_visit visit = {.list = NULL};
    firn_workspace *workspace;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|z$O&", names, &remote, fp_count_take,
                                     &limit) ||
        (workspace = fp_workspace_begin(self)) == NULL) {
        return NULL;
    }
    if ((visit.list = PyList_New(0)) == NULL) {
        fp_workspace_end(self);
        return NULL;
    }
    firn_error err;
    int code;
    FP_VISITED(code, &visit,
               firn_remote_log(workspace, remote, limit.value, visit_change, &visit, &err));
    return visit_list(self, &visit, code, &err);
}
