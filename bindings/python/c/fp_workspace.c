/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_workspace.c: the type Workspace: a directory tree and its saved states. The calls; what they give is made in fp_saved.c.
 *
 * A workspace stands alone: it opens its store for each call, and belongs to one thread at a time. A second thread that
 * uses it meanwhile gets Misuse. Every long call takes `progress` and `notice`, functions that are called with a Progress or a
 * Notice; an exception in them cancels the call and is raised by it, and so does control-C.
 *
 * Paths are str as the file system spells them (surrogateescape for names that are not UTF-8), relative to the root.
 */
#include "fp_workspace.h"

#include "fp_checkpoint.h"
#include "fp_secret.h"

static PyObject *
workspace_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"path", "store", "lock_timeout", "is_root", "cipher", "key", NULL};
    PyObject *path, *store = Py_None, *timeout = NULL, *bytes, *store_bytes = NULL;
    PyObject *key_argument = NULL;
    const char *cipher = NULL;
    struct fp_secret *key = NULL;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    int is_root = 0;
    uint64_t timeout_ms;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|$OOpzO", names, &path, &store, &timeout,
                                     &is_root, &cipher, &key_argument) ||
        !fp_cipher(cipher, &options.cipher) || !fp_milliseconds(timeout, &timeout_ms) ||
        (bytes = fp_path(path)) == NULL) {
        return NULL;
    }
    if (store != Py_None && (store_bytes = fp_path(store)) == NULL) {
        Py_DECREF(bytes);
        return NULL;
    }
    if (!fp_secret_take(key_argument, &key)) {
        Py_DECREF(bytes);
        Py_XDECREF(store_bytes);
        return NULL;
    }
    const firn_keys_source source = fp_secret_source(key);
    options.key_source = &source;
    options.store_path = store_bytes != NULL ? PyBytes_AsString(store_bytes) : NULL;
    options.lock_timeout_ms =
        timeout != NULL && timeout != Py_None ? (int64_t)timeout_ms : options.lock_timeout_ms;
    options.is_root = is_root != 0;
    firn_workspace *workspace = NULL;
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_workspace_open(PyBytes_AsString(bytes), &options, &workspace, &err));
    Py_DECREF(bytes);
    Py_XDECREF(store_bytes);
    fp_workspace *self = code == FIRN_OK ? fp_alloc(type) : NULL;
    if (self == NULL) {
        firn_workspace_close(workspace);
        fp_secret_free(key);
        return code == FIRN_OK ? NULL : fp_raise(code, &err);
    }
    self->workspace = workspace;
    self->key = key;
    return (PyObject *)self;
}

static void
workspace_dealloc(PyObject *object)
{
    fp_workspace *self = (fp_workspace *)object;
    assert(!self->is_busy);
    firn_workspace_close(self->workspace);
    fp_secret_free(self->key);
    fp_free(object);
}

firn_workspace *
fp_workspace_begin(PyObject *object)
{
    fp_workspace *self = (fp_workspace *)object;
    if (self->workspace == NULL) {
        fp_raise_closed("workspace");
        return NULL;
    }
    if (self->is_busy) {
        fp_raise_text(FIRN_MISUSE,
                      "the workspace is in use by another call; one at a time may use it");
        return NULL;
    }
    self->is_busy = true;
    return self->workspace;
}

void
fp_workspace_end(PyObject *object)
{
    assert(((fp_workspace *)object)->is_busy);
    ((fp_workspace *)object)->is_busy = false;
}

static PyObject *
workspace_close(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    fp_workspace *self = (fp_workspace *)object;
    if (self->is_busy) {
        return fp_raise_text(FIRN_MISUSE, "the workspace is in use by another call");
    }
    firn_workspace_close(self->workspace);
    self->workspace = NULL;
    fp_secret_free(self->key);
    self->key = NULL;
    Py_RETURN_NONE;
}

static PyObject *
workspace_enter(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    Py_INCREF(self);
    return self;
}

static PyObject *
workspace_exit(PyObject *self, PyObject *args)
{
    (void)args;
    return workspace_close(self, NULL);
}

/* ---- what the long calls share ---- */

/* Arguments that many calls have. */
struct call {
    struct fp_progress progress;
    struct fp_visit visit; /* collects changes */
    PyObject *steps;       /* of an undo or a redo */
    PyObject *reference_keep, *before_keep;
    const char *reference, *before;
    struct fp_paths paths;
};

static bool
call_init(struct call *call, PyObject *reference, PyObject *before, PyObject *paths,
          PyObject *on_progress, PyObject *on_notice)
{
    memset(call, 0, sizeof *call);
    return fp_progress_init(&call->progress, on_progress, on_notice) &&
           fp_reference_text(reference, &call->reference_keep, &call->reference) &&
           fp_reference_text(before, &call->before_keep, &call->before) &&
           fp_paths_take(paths, &call->paths) && (call->visit.list = PyList_New(0)) != NULL &&
           (call->steps = PyList_New(0)) != NULL;
}

static void
call_deinit(struct call *call)
{
    Py_CLEAR(call->reference_keep);
    Py_CLEAR(call->before_keep);
    Py_CLEAR(call->visit.list);
    Py_CLEAR(call->steps);
    fp_paths_release(&call->paths);
}

/* What the callbacks raised, or the code; true if neither. */
static bool
call_end(struct call *call, int code, const firn_error *err)
{
    return call->progress.type != NULL ? fp_progress_end(&call->progress, code, err)
                                       : fp_visit_end(&call->visit, code, err);
}

static int
visit_change(void *ctx, const firn_workspace_change *change)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    return fp_visit_append(visit, fp_saved_change(change));
}

static int
visit_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    return fp_visit_append(visit, fp_saved_difference(difference));
}

/* ---- saving and looking ---- */

static PyObject *
workspace_save(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"message",   "include_deps", "strict",   "full",    "if_changed",
                            "gitignore", "keep",         "max_size", "threads", "progress",
                            "notice",    "git",          NULL};
    const char *message = "", *keep = NULL;
    Py_ssize_t message_size = 0;
    int include_deps = 0, strict = 0, full = 0, if_changed = 0, gitignore = 0, git = 1;
    struct fp_count max_size = {"max_size", 0};
    struct fp_count threads = {"threads", 0};
    PyObject *on_progress = Py_None, *on_notice = Py_None, *out = NULL;
    struct call call;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|s#$pppppzO&O&OOp", names, &message,
                                     &message_size, &include_deps, &strict, &full, &if_changed,
                                     &gitignore, &keep, fp_count_take, &max_size, fp_count_take,
                                     &threads, &on_progress, &on_notice, &git)) {
        return NULL;
    }
    firn_workspace *workspace = NULL;
    if (call_init(&call, NULL, NULL, NULL, on_progress, on_notice) &&
        (workspace = fp_workspace_begin(self)) != NULL) {
        firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
        firn_workspace_save_result result = FIRN_WORKSPACE_SAVE_RESULT_INIT;
        options.message = firn_bytes(message, (size_t)message_size);
        options.include_deps = include_deps != 0;
        options.strict = strict != 0;
        options.full = full != 0;
        options.if_changed = if_changed != 0;
        options.gitignore = gitignore != 0;
        options.without_git = git == 0;
        options.keep = keep;
        options.file_size_max = max_size.value;
        options.threads = fp_unsigned(threads);
        options.callbacks = fp_progress_callbacks(&call.progress);
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_workspace_save(workspace, &options, &result, &err));
        fp_workspace_end(self);
        out = call_end(&call, code, &err) ? fp_saved_result(&result) : NULL;
        firn_release(result.checkpoint);
    }
    call_deinit(&call);
    return out;
}

static PyObject *
workspace_status(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"reference", "paths",    "gitignore", "max_size",
                            "threads",   "progress", "notice",    NULL};
    PyObject *reference = Py_None, *paths = Py_None, *on_progress = Py_None, *on_notice = Py_None,
             *out = NULL;
    int gitignore = 0;
    struct fp_count max_size = {"max_size", 0};
    struct fp_count threads = {"threads", 0};
    struct call call;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O$OpO&O&OO", names, &reference, &paths,
                                     &gitignore, fp_count_take, &max_size, fp_count_take, &threads,
                                     &on_progress, &on_notice)) {
        return NULL;
    }
    firn_workspace *workspace = NULL;
    if (call_init(&call, reference, NULL, paths, on_progress, on_notice) &&
        (workspace = fp_workspace_begin(self)) != NULL) {
        firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
        options.reference = call.reference;
        options.paths = call.paths.items;
        options.path_count = call.paths.count;
        options.gitignore = gitignore != 0;
        options.file_size_max = max_size.value;
        options.threads = fp_unsigned(threads);
        options.callbacks = fp_progress_callbacks(&call.progress);
        firn_error err;
        int code;
        FP_VISITED(
            code, &call.visit,
            firn_workspace_status(workspace, &options, visit_change, &call.visit, NULL, &err));
        fp_workspace_end(self);
        if (call_end(&call, code, &err)) {
            out = call.visit.list;
            call.visit.list = NULL;
        }
    }
    call_deinit(&call);
    return out;
}

static PyObject *
workspace_diff(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"before",    "after",   "paths",    "lines",  "renames",
                            "gitignore", "threads", "progress", "notice", NULL};
    PyObject *before = Py_None, *after = Py_None, *paths = Py_None, *on_progress = Py_None,
             *on_notice = Py_None, *out = NULL;
    int lines = 0, renames = 0, gitignore = 0;
    struct fp_count threads = {"threads", 0};
    struct call call;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO$OpppO&OO", names, &before, &after, &paths,
                                     &lines, &renames, &gitignore, fp_count_take, &threads,
                                     &on_progress, &on_notice)) {
        return NULL;
    }
    firn_workspace *workspace = NULL;
    if (call_init(&call, after, before, paths, on_progress, on_notice) &&
        (workspace = fp_workspace_begin(self)) != NULL) {
        firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
        options.before = call.before;
        options.after = call.reference;
        options.paths = call.paths.items;
        options.path_count = call.paths.count;
        options.with_lines = lines != 0;
        options.find_renames = renames != 0;
        options.gitignore = gitignore != 0;
        options.threads = fp_unsigned(threads);
        options.callbacks = fp_progress_callbacks(&call.progress);
        firn_error err;
        int code;
        FP_VISITED(
            code, &call.visit,
            firn_workspace_diff(workspace, &options, visit_difference, &call.visit, NULL, &err));
        fp_workspace_end(self);
        if (call_end(&call, code, &err)) {
            out = call.visit.list;
            call.visit.list = NULL;
        }
    }
    call_deinit(&call);
    return out;
}

/* ---- history ---- */

struct history {
    struct fp_visit visit; /* collects what is logged */
    PyObject *changes;     /* of the present checkpoint */
    bool has_paths;
    bool with_lines;
    uint64_t left; /* of what is wanted */
};

static int
log_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct history *history = ctx;
    fp_visit_lock(&history->visit);
    PyObject *change = fp_saved_difference(difference);
    int rc = change != NULL ? PyList_Append(history->changes, change) : -1;
    Py_XDECREF(change);
    return rc == 0 ? fp_visit_done(&history->visit) : fp_visit_fail(&history->visit);
}

static int
log_compared(void *ctx, const firn_workspace_diff_result *result)
{
    struct history *history = ctx;
    fp_visit_lock(&history->visit);
    if (history->has_paths && PyList_Size(history->changes) == 0) {
        return fp_visit_done(&history->visit);
    }
    PyObject *fresh = PyList_New(0);
    if (fresh == NULL) {
        return fp_visit_fail(&history->visit);
    }
    int code = fp_visit_append(&history->visit,
                               fp_saved_logged(result, history->with_lines, history->changes));
    fp_visit_lock(&history->visit);
    Py_DECREF(history->changes);
    history->changes = fresh;
    (void)fp_visit_done(&history->visit);
    history->left--;
    return code == FIRN_OK && history->left == 0 ? FIRN_CANCELLED : code;
}

static PyObject *
workspace_log(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"paths",  "after",    "before", "limit",  "lines", "renames",
                            "safety", "progress", "notice", "remote", NULL};
    const char *remote = NULL;
    PyObject *paths = Py_None, *after = Py_None, *before = Py_None, *limit = Py_None,
             *on_progress = Py_None, *on_notice = Py_None, *out = NULL;
    int lines = 0, renames = 1, safety = 0;
    struct call call;
    struct history history = {.left = UINT64_MAX};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O$OOOpppOOz", names, &paths, &after, &before,
                                     &limit, &lines, &renames, &safety, &on_progress, &on_notice,
                                     &remote)) {
        return NULL;
    }
    if (limit != Py_None) {
        struct fp_count count = {"limit", 0};
        const bool is_taken = fp_count_take(limit, &count) != 0;
        history.left = count.value;
        if (!is_taken || history.left == 0) {
            return is_taken ? PyList_New(0) : NULL;
        }
    }
    firn_workspace *workspace = NULL;
    if (call_init(&call, after, before, paths, on_progress, on_notice) &&
        (history.changes = PyList_New(0)) != NULL &&
        (workspace = fp_workspace_begin(self)) != NULL) {
        firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
        options.after = call.reference;
        options.before = call.before;
        options.paths = call.paths.items;
        options.path_count = call.paths.count;
        options.with_lines = lines != 0;
        options.find_renames = renames != 0;
        options.include_safety = safety != 0;
        options.remote = remote;
        options.on_difference = log_difference;
        options.callbacks = fp_progress_callbacks(&call.progress);
        history.visit.list = call.visit.list;
        history.has_paths = call.paths.count > 0;
        history.with_lines = lines != 0;
        firn_error err;
        int code;
        FP_VISITED(code, &history.visit,
                   firn_workspace_log(workspace, &options, log_compared, &history, &err));
        fp_workspace_end(self);
        if (code == FIRN_CANCELLED && history.left == 0 && call.progress.type == NULL) {
            code = FIRN_OK;
        }
        bool is_done = call.progress.type != NULL ? fp_progress_end(&call.progress, code, &err)
                                                  : fp_visit_end(&history.visit, code, &err);
        if (is_done) {
            out = call.visit.list;
            call.visit.list = NULL;
        }
    }
    Py_CLEAR(history.changes);
    call_deinit(&call);
    return out;
}

/* ---- going back ---- */

enum back { RESTORE, UNDO, REDO, RESUME };

/* Adds an item, which it takes, to a list. Requires: the interpreter is locked. */
static int
note(struct call *call, PyObject *list, PyObject *item)
{
    int rc = item != NULL ? PyList_Append(list, item) : -1;
    Py_XDECREF(item);
    if (rc != 0 && call->progress.type == NULL) {
        PyErr_Fetch(&call->progress.type, &call->progress.value, &call->progress.traceback);
    }
    return rc == 0 ? FIRN_OK : FIRN_CANCELLED;
}

/* The ctx of the callbacks of a restore is one for all: changes and steps come from the calling thread, the rest from any. */
static int
note_change(void *ctx, const firn_workspace_change *change)
{
    struct call *call = (struct call *)ctx; /* progress is its first member */
    PyGILState_STATE state = PyGILState_Ensure();
    int code = note(call, call->visit.list, fp_saved_change(change));
    PyGILState_Release(state);
    return code;
}

static int
note_step(void *ctx, const firn_workspace_step *step)
{
    struct call *call = (struct call *)ctx;
    PyGILState_STATE state = PyGILState_Ensure();
    int code = note(call, call->steps, fp_saved_step(step));
    PyGILState_Release(state);
    return code;
}

static PyObject *
go_back(PyObject *self, enum back back, PyObject *args, PyObject *keywords)
{
    static char *without_turn[] = {"reference", "paths",  "to",  "dry_run", "gitignore", "threads",
                                   "progress",  "notice", "git", "git_all", NULL};
    static char *names[] = {"reference", "paths",    "to",     "dry_run", "gitignore",
                            "threads",   "progress", "notice", "git",     "git_all",
                            "last_turn", "turn",     NULL};
    PyObject *reference = Py_None, *paths = Py_None, *to = Py_None, *on_progress = Py_None,
             *on_notice = Py_None;
    PyObject *to_bytes = NULL, *out = NULL;
    int dry_run = 0, gitignore = 0, last_turn = 0, git = 0, git_all = 0;
    struct fp_count turn = {"turn", 0};
    struct fp_count threads = {"threads", 0};
    struct call call;
    const int parsed =
        back == RESTORE
            ? PyArg_ParseTupleAndKeywords(args, keywords, "O|O$OppO&OOpp", without_turn, &reference,
                                          &paths, &to, &dry_run, &gitignore, fp_count_take,
                                          &threads, &on_progress, &on_notice, &git, &git_all)
        : back == UNDO
            ? PyArg_ParseTupleAndKeywords(args, keywords, "|O$OppO&OOpppO&", names + 1, &paths, &to,
                                          &dry_run, &gitignore, fp_count_take, &threads,
                                          &on_progress, &on_notice, &git, &git_all, &last_turn,
                                          fp_count_take, &turn)
            : PyArg_ParseTupleAndKeywords(args, keywords, "|O$OppO&OOpp", without_turn + 1, &paths,
                                          &to, &dry_run, &gitignore, fp_count_take, &threads,
                                          &on_progress, &on_notice, &git, &git_all);
    if (!parsed || (back == RESTORE && !fp_reference_is_given(reference))) {
        return NULL;
    }
    firn_workspace *workspace = NULL;
    if (call_init(&call, reference, NULL, paths, on_progress, on_notice) &&
        (to == Py_None || (to_bytes = fp_path(to)) != NULL) &&
        (workspace = fp_workspace_begin(self)) != NULL) {
        firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
        firn_workspace_restore_result result = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
        options.paths = call.paths.items;
        options.path_count = call.paths.count;
        options.to_dir = to_bytes != NULL ? PyBytes_AsString(to_bytes) : NULL;
        options.dry_run = dry_run != 0;
        options.gitignore = gitignore != 0;
        options.threads = fp_unsigned(threads);
        options.callbacks = fp_progress_callbacks(&call.progress);
        options.on_change = note_change;
        options.on_step = note_step;
        options.turn = turn.value;
        options.last_turn = last_turn != 0 || options.turn != 0;
        options.git = git != 0 || git_all != 0;
        options.git_all = git_all != 0;
        const char *wanted = call.reference != NULL ? call.reference : "latest";
        firn_error err;
        int code;
        FP_UNLOCKED(code, back == RESTORE
                              ? firn_workspace_restore(workspace, wanted, &options, &result, &err)
                          : back == UNDO ? firn_workspace_undo(workspace, &options, &result, &err)
                          : back == REDO
                              ? firn_workspace_redo(workspace, &options, &result, &err)
                              : firn_workspace_resume(workspace, &options, &result, &err));
        fp_workspace_end(self);
        out = call_end(&call, code, &err) ? fp_saved_restored(&result, call.visit.list, call.steps)
                                          : NULL;
        firn_release(result.checkpoint);
    }
    Py_XDECREF(to_bytes);
    call_deinit(&call);
    return out;
}

static PyObject *
workspace_restore(PyObject *self, PyObject *args, PyObject *keywords)
{
    return go_back(self, RESTORE, args, keywords);
}

static PyObject *
workspace_undo(PyObject *self, PyObject *args, PyObject *keywords)
{
    return go_back(self, UNDO, args, keywords);
}

static PyObject *
workspace_redo(PyObject *self, PyObject *args, PyObject *keywords)
{
    return go_back(self, REDO, args, keywords);
}

static int
visit_step(void *ctx, const firn_workspace_step *step)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    return fp_visit_append(visit, fp_saved_step(step));
}

static PyObject *
workspace_steps(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"limit",    "gitignore", "max_size", "threads",
                            "progress", "notice",    NULL};
    PyObject *limit = Py_None, *on_progress = Py_None, *on_notice = Py_None, *out = NULL;
    int gitignore = 0;
    struct fp_count max_size = {"max_size", 0};
    struct fp_count threads = {"threads", 0};
    struct call call;
    firn_workspace_steps_options options = FIRN_WORKSPACE_STEPS_OPTIONS_INIT;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O$pO&O&OO", names, &limit, &gitignore,
                                     fp_count_take, &max_size, fp_count_take, &threads,
                                     &on_progress, &on_notice)) {
        return NULL;
    }
    if (limit != Py_None) {
        struct fp_count count = {"limit", 0};
        if (!fp_count_take(limit, &count)) {
            return NULL;
        }
        options.limit = count.value;
    }
    firn_workspace *workspace = NULL;
    if (call_init(&call, NULL, NULL, NULL, on_progress, on_notice) &&
        (workspace = fp_workspace_begin(self)) != NULL) {
        options.gitignore = gitignore != 0;
        options.file_size_max = max_size.value;
        options.threads = fp_unsigned(threads);
        options.callbacks = fp_progress_callbacks(&call.progress);
        firn_error err;
        int code;
        FP_VISITED(code, &call.visit,
                   firn_workspace_steps(workspace, &options, visit_step, &call.visit, NULL, &err));
        fp_workspace_end(self);
        if (call_end(&call, code, &err)) {
            out = call.visit.list;
            call.visit.list = NULL;
        }
    }
    call_deinit(&call);
    return out;
}

static PyObject *
workspace_resume(PyObject *self, PyObject *args, PyObject *keywords)
{
    return go_back(self, RESUME, args, keywords);
}

static PyObject *
workspace_revert(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"reference", "before",   "paths",  "dry_run", "gitignore",
                            "threads",   "progress", "notice", NULL};
    PyObject *reference = Py_None, *before = Py_None, *paths = Py_None, *on_progress = Py_None,
             *on_notice = Py_None;
    PyObject *out = NULL;
    int dry_run = 0, gitignore = 0;
    struct fp_count threads = {"threads", 0};
    struct call call;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O$OOppO&OO", names, &reference, &before,
                                     &paths, &dry_run, &gitignore, fp_count_take, &threads,
                                     &on_progress, &on_notice)) {
        return NULL;
    }
    firn_workspace *workspace = NULL;
    if (call_init(&call, reference, before, paths, on_progress, on_notice) &&
        (workspace = fp_workspace_begin(self)) != NULL) {
        firn_workspace_revert_options options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
        firn_workspace_revert_result result = FIRN_WORKSPACE_REVERT_RESULT_INIT;
        options.after = call.reference;
        options.before = call.before;
        options.paths = call.paths.items;
        options.path_count = call.paths.count;
        options.dry_run = dry_run != 0;
        options.gitignore = gitignore != 0;
        options.threads = fp_unsigned(threads);
        options.callbacks = fp_progress_callbacks(&call.progress);
        options.on_change = note_change;
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_workspace_revert(workspace, &options, &result, &err));
        fp_workspace_end(self);
        out = call_end(&call, code, &err) ? fp_saved_reverted(&result, call.visit.list) : NULL;
        firn_release(result.after);
        firn_release(result.before);
    }
    call_deinit(&call);
    return out;
}

/* ---- contents and upkeep ---- */

/* Pieces of a file, joined at the end: a list of bytes, or each to a function. */
static int
visit_data(void *ctx, firn_slice data, firn_error *err)
{
    struct fp_visit *visit = ctx;
    (void)err;
    fp_visit_lock(visit);
    PyObject *piece = fp_bytes_of(data);
    if (visit->ctx == NULL || piece == NULL) {
        return PyErr_CheckSignals() == 0 ? fp_visit_append(visit, piece) : fp_visit_fail(visit);
    }
    PyObject *answer = PyObject_CallFunctionObjArgs((PyObject *)visit->ctx, piece, NULL);
    Py_DECREF(piece);
    if (answer == NULL) {
        return fp_visit_fail(visit);
    }
    Py_DECREF(answer);
    return fp_visit_done(visit);
}

static PyObject *
workspace_cat(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"path", "reference", "write", "remote", NULL};
    PyObject *path, *reference = Py_None, *write = Py_None, *out = NULL;
    const char *remote = NULL;
    struct call call;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O$Oz", names, &path, &reference, &write,
                                     &remote)) {
        return NULL;
    }
    PyObject *paths = PyTuple_New(1);
    if (paths != NULL) {
        Py_INCREF(path);
        PyTuple_SetItem(paths, 0, path);
    }
    firn_workspace *workspace = NULL;
    if (paths != NULL && call_init(&call, reference, NULL, paths, Py_None, Py_None) &&
        (workspace = fp_workspace_begin(self)) != NULL) {
        call.visit.ctx = write != Py_None ? write : NULL;
        firn_error err;
        int code;
        const char *at = call.reference != NULL ? call.reference : "latest";
        FP_VISITED(code, &call.visit,
                   remote != NULL ? firn_remote_cat(workspace, remote, at, call.paths.items[0],
                                                    visit_data, &call.visit, NULL, &err)
                                  : firn_workspace_cat(workspace, at, call.paths.items[0],
                                                       visit_data, &call.visit, NULL, &err));
        fp_workspace_end(self);
        if (call_end(&call, code, &err) && write == Py_None) {
            PyObject *empty = PyBytes_FromStringAndSize("", 0);
            out = empty != NULL ? PyObject_CallMethod(empty, "join", "O", call.visit.list) : NULL;
            Py_XDECREF(empty);
        } else if (!PyErr_Occurred()) {
            out = Py_None;
            Py_INCREF(out);
        }
    }
    if (paths != NULL) {
        call_deinit(&call);
    }
    Py_XDECREF(paths);
    return out;
}

static PyObject *
workspace_gc(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"dry_run", "full", "keep",  "recompress",  "progress",
                            "notice",  "now",  "rekey", "without_key", NULL};
    PyObject *on_progress = Py_None, *on_notice = Py_None, *out = NULL;
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    int dry_run = 0, full = 0, now = 0, rekey = 0, without_key = 0;
    struct call call;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$ppziOOppp", names, &dry_run, &full,
                                     &options.keep, &options.recompress_level, &on_progress,
                                     &on_notice, &now, &rekey, &without_key)) {
        return NULL;
    }
    firn_workspace *workspace = NULL;
    if (call_init(&call, NULL, NULL, NULL, on_progress, on_notice) &&
        (workspace = fp_workspace_begin(self)) != NULL) {
        firn_workspace_gc_result result = FIRN_WORKSPACE_GC_RESULT_INIT;
        options.dry_run = dry_run != 0;
        options.full = full != 0;
        options.now = now != 0;
        options.rekey = rekey != 0;
        options.without_key = without_key != 0;
        options.callbacks = fp_progress_callbacks(&call.progress);
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_workspace_gc(workspace, &options, &result, &err));
        fp_workspace_end(self);
        out = call_end(&call, code, &err)
                  ? fp_result("Collected",
                              Py_BuildValue("(KKKKKKKKKK)", (unsigned long long)result.expired,
                                            (unsigned long long)result.safety_expired,
                                            (unsigned long long)result.objects_live,
                                            (unsigned long long)result.objects_dead,
                                            (unsigned long long)result.bytes_before,
                                            (unsigned long long)result.bytes_after,
                                            (unsigned long long)result.rekeyed,
                                            (unsigned long long)result.rekey_left,
                                            (unsigned long long)result.leftovers,
                                            (unsigned long long)result.leftover_bytes))
                  : NULL;
    }
    call_deinit(&call);
    return out;
}

static PyObject *
workspace_check(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"read_data", "progress", "notice", NULL};
    PyObject *on_progress = Py_None, *on_notice = Py_None, *out = NULL;
    int read_data = 0;
    struct call call;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$pOO", names, &read_data, &on_progress,
                                     &on_notice)) {
        return NULL;
    }
    firn_workspace *workspace = NULL;
    if (call_init(&call, NULL, NULL, NULL, on_progress, on_notice) &&
        (workspace = fp_workspace_begin(self)) != NULL) {
        firn_workspace_check_options options = FIRN_WORKSPACE_CHECK_OPTIONS_INIT;
        options.read_data = read_data != 0;
        options.callbacks = fp_progress_callbacks(&call.progress);
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_workspace_check(workspace, &options, NULL, &err));
        fp_workspace_end(self);
        out = call_end(&call, code, &err) ? Py_None : NULL;
        Py_XINCREF(out);
    }
    call_deinit(&call);
    return out;
}

/* ---- what it is ---- */

static PyObject *
workspace_adopt(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"old_root", NULL};
    PyObject *given = Py_None, *path = NULL, *out = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O", names, &given) ||
        (given != Py_None && (path = fp_path(given)) == NULL)) {
        return NULL;
    }
    firn_workspace *workspace = fp_workspace_begin(self);
    if (workspace != NULL) {
        const char *old_root = path != NULL ? PyBytes_AsString(path) : NULL;
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_workspace_adopt(workspace, old_root, &err));
        fp_workspace_end(self);
        out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
        Py_XINCREF(out);
    }
    Py_XDECREF(path);
    return out;
}

enum text { ROOT, STORE_PATH, SUBPATH, MOVED_FROM, TOO_BROAD };

static PyObject *
workspace_get_text(PyObject *object, void *which)
{
    static const char *(*const texts[])(const firn_workspace *workspace) = {
        [ROOT] = firn_workspace_root,           [STORE_PATH] = firn_workspace_store_path,
        [SUBPATH] = firn_workspace_subpath,     [MOVED_FROM] = firn_workspace_moved_from,
        [TOO_BROAD] = firn_workspace_too_broad,
    };
    const firn_workspace *workspace = ((fp_workspace *)object)->workspace;
    return workspace != NULL ? fp_text_or_none(texts[(uintptr_t)which](workspace))
                             : fp_raise_closed("workspace");
}

static PyObject *
workspace_get_closed(PyObject *self, void *ctx)
{
    (void)ctx;
    return PyBool_FromLong(((fp_workspace *)self)->workspace == NULL);
}

#define LONG_DOC "progress and notice are called with a Progress or a Notice."

static PyMethodDef methods[] = {
    FP_METHOD("save", workspace_save, FP_KEYWORDS,
              "save(message='', *, include_deps=False, strict=False, full=False, if_changed=False, "
              "gitignore=False, keep=None, max_size=0, "
              "threads=0, progress=None, notice=None) -> Saved\n\nSaves the present state of the "
              "tree as a checkpoint. " LONG_DOC),
    FP_METHOD("status", workspace_status, FP_KEYWORDS,
              "status(reference=None, *, paths=None, gitignore=False, max_size=0, threads=0, "
              "progress=None, notice=None) -> list[Change]"
              "\n\nWhat differs between a checkpoint (the latest) and the disk."),
    FP_METHOD("diff", workspace_diff, FP_KEYWORDS,
              "diff(before=None, after=None, *, paths=None, lines=False, renames=False, "
              "gitignore=False, threads=0, progress=None, notice=None) "
              "-> list[Change]\n\nWhat differs between two checkpoints; after=None is the disk. "
              "With lines, how many lines differ."),
    FP_METHOD("restore", workspace_restore, FP_KEYWORDS,
              "restore(reference, paths=None, *, to=None, dry_run=False, gitignore=False, "
              "threads=0, progress=None, notice=None) -> "
              "RestoredTree\n\nMakes the tree, or the directory `to`, equal to a checkpoint. "
              "undo() takes it back."),
    FP_METHOD("undo", workspace_undo, FP_KEYWORDS,
              "undo(paths=None, *, to=None, dry_run=False, gitignore=False, threads=0, "
              "progress=None, notice=None, last_turn=False, turn=0) -> RestoredTree\n\nTakes "
              "back unsaved edits, else the last save or restore; with last_turn whatever came "
              "since an agent's last turn began, with turn since the turn or the save that "
              "ended with this checkpoint."),
    FP_METHOD("redo", workspace_redo, FP_KEYWORDS,
              "redo(...) -> RestoredTree\n\nBrings back what the last undo() took away."),
    FP_METHOD("log", workspace_log, FP_KEYWORDS,
              "log(paths=None, *, after=None, before=None, limit=None, lines=False, renames=True, "
              "safety=False, progress=None, notice=None, remote=None) -> list[Logged]\n\nWhat each "
              "checkpoint changed, newest first; with paths only those that changed them; with "
              "remote ('origin', 'origin/NAME') those of a line that was pulled."),
    FP_METHOD("steps", workspace_steps, FP_KEYWORDS,
              "steps(limit=None, *, gitignore=False, max_size=0, threads=0, progress=None, "
              "notice=None) -> list[Step]\n\nThe steps that undo() and redo() would take, newest "
              "first; limit is in each direction."),
    FP_METHOD("resume", workspace_resume, FP_KEYWORDS,
              "resume(...) -> RestoredTree\n\nFinishes an interrupted restore."),
    FP_METHOD("revert", workspace_revert, FP_KEYWORDS,
              "revert(reference=None, *, before=None, paths=None, dry_run=False, gitignore=False, "
              "threads=0, progress=None, notice=None) -> "
              "Reverted\n\nReverts what one checkpoint changed, and keeps later changes. Conflict, "
              "and nothing changes, if they overlap."),
    FP_METHOD("checkpoints", fp_named_checkpoints, FP_KEYWORDS,
              "checkpoints(limit=..., *, safety=False, remote=None) -> list[SavedTree]\n\nThe "
              "checkpoints, newest first; with remote ('origin', 'origin/NAME') those that were "
              "pulled, line by line."),
    FP_METHOD("find", fp_named_find, METH_O,
              "find(reference) -> SavedTree\n\nResolves a number, id, tag, 'latest~2' or a time."),
    FP_METHOD("entries", fp_named_entries, FP_KEYWORDS,
              "entries(reference=None) -> list[Entry]\n\nThe files, directories and links of a "
              "checkpoint."),
    FP_METHOD("cat", workspace_cat, FP_KEYWORDS,
              "cat(path, reference=None, *, write=None, remote=None)\n\nThe content of a file of a "
              "checkpoint as bytes; with write, each piece is passed to that function instead. "
              "With remote, the checkpoint is one of that remote, and is read where it is."),
    FP_METHOD("tag", fp_named_tag, FP_KEYWORDS,
              "tag(name, reference=None, *, replace=False) -> SavedTree\n\nGives a checkpoint (the "
              "latest) a name."),
    FP_METHOD("untag", fp_named_untag, METH_VARARGS,
              "untag(name)\n\nRemoves a tag; the checkpoint stays."),
    FP_METHOD("describe", fp_named_describe, METH_VARARGS,
              "describe(reference, message) -> SavedTree\n\nGives a checkpoint another message."),
    FP_METHOD("tags", fp_named_tags, METH_NOARGS, "tags() -> list[Tag]\n\nThe tags, by name."),
    FP_METHOD("pin", fp_named_pin, METH_O,
              "pin(reference)\n\nKeeps a checkpoint from expiring and from being deleted."),
    FP_METHOD("unpin", fp_named_unpin, METH_O, "unpin(reference)\n\nTakes back a pin."),
    FP_METHOD("delete", fp_named_delete, METH_VARARGS,
              "delete(*references)\n\nDeletes all of these checkpoints, or none. For 7 days "
              "undelete brings them back."),
    FP_METHOD("undelete", fp_named_undelete, METH_VARARGS,
              "undelete(*references)\n\nBrings back these checkpoints, or without references what "
              "was deleted last."),
    FP_METHOD("expire", fp_named_expire, FP_KEYWORDS,
              "expire(keep, *, dry_run=False) -> list[SavedTree]\n\nDeletes the checkpoints that "
              "a policy ('all:1d daily:90d') does not keep, and gives them."),
    FP_METHOD("adopt", workspace_adopt, FP_KEYWORDS,
              "adopt(old_root=None)\n\nContinues the history of the directory that was saved as "
              "old_root (moved_from): it is this one, which was moved."),
    FP_METHOD(
        "gc", workspace_gc, FP_KEYWORDS,
        "gc(*, dry_run=False, full=False, keep=None, recompress=0, progress=None, "
        "notice=None, now=False, rekey=False) -> Collected\n\nReclaims the space of what no "
        "checkpoint needs; with now also of deleted ones, which are then gone for good. rekey: "
        "writes an encrypted store anew with its newest master key, as keys_rekey does, packs "
        "included."),
    FP_METHOD("check", workspace_check, FP_KEYWORDS,
              "check(*, read_data=False, progress=None, notice=None)\n\nChecks the store; Corrupt "
              "if anything is damaged."),
    FP_METHOD("push", fp_remote_push, FP_KEYWORDS,
              "push(remote=None, *, references=None, max_bytes_per_second=0, automatic=False, "
              "dry_run=False, progress=None, notice=None) -> Pushed\n\nSends checkpoints, by "
              "default those made since the last push, with their tags to a remote (the only one, "
              "or 'origin'). With automatic as a program does it in the background after each "
              "save: only if that is due, after a push that is running, and a failure is noted "
              "for remotes(); with dry_run only whether it is due."),
    FP_METHOD(
        "pull", fp_remote_pull, FP_KEYWORDS,
        "pull(remote=None, *, reference=None, max_bytes_per_second=0, trust=False, threads=0, "
        "progress=None, "
        "notice=None) -> "
        "Pulled\n\nBrings the checkpoints that others have pushed, as 'origin/latest'. If some "
        "are damaged, Corrupt, with what it brought as `pulled`; the same with Limit if "
        "some stand for far more than their bytes, which trust=True brings, too."),
    FP_METHOD("remote_add", fp_remote_add, FP_KEYWORDS,
              "remote_add(name, url)\n\nNames a remote: 's3://bucket/prefix', "
              "'https://host/bucket/prefix' or a directory. An empty place becomes one."),
    FP_METHOD("remote_remove", fp_remote_remove, METH_VARARGS,
              "remote_remove(name)\n\nForgets a remote and what was pulled from it; the remote "
              "itself stays as it is."),
    FP_METHOD("remotes", fp_remote_list, METH_NOARGS,
              "remotes() -> list[Remote]\n\nThe remotes, by name."),
    FP_METHOD("lines", fp_remote_lines, METH_VARARGS,
              "lines(remote) -> list[Line]\n\nWhat others have pushed to a remote and was pulled: "
              "'REMOTE/NAME/NUMBER' is a reference to a checkpoint of a line."),
    FP_METHOD("remote_prune", fp_remote_prune, FP_KEYWORDS,
              "remote_prune(remote=None, *, keep=None, dry_run=False, now=False, progress=None, "
              "notice=None) -> Pruned\n\nRemoves from a remote what no checkpoint there needs, and "
              "first those that a policy keep ('all:1d daily:90d') does not keep."),
    FP_METHOD("remote_rekey", fp_remote_rekey, FP_KEYWORDS,
              "remote_rekey(remote=None, *, max_bytes=0, max_bytes_per_second=0, progress=None, "
              "notice=None) -> RemoteRekeyed\n\nEncrypts anew, with the newest master key, what a "
              "rotation has left in an encrypted remote. done of the result: nothing is left, and "
              "the older keys are dropped. max_bytes: end after so many; the next call goes on."),
    FP_METHOD("remote_check", fp_remote_check, FP_KEYWORDS,
              "remote_check(remote=None, *, read_data=False, repair=False, drop_broken=False, "
              "max_bytes_per_second=0, progress=None, notice=None) -> RemoteCheck\n\nWhether a "
              "remote has all that its checkpoints need. Raises Corrupt, with the result as "
              "checked, if damage is left. repair: what is damaged there and whole here is sent "
              "again."),
    FP_METHOD("remote_check_locked", fp_remote_check_locked, FP_KEYWORDS,
              "remote_check_locked(remote=None, *, read_data=False, max_bytes_per_second=0, "
              "progress=None, notice=None) -> LockedRemoteCheck\n\nVerifies the checksums of an "
              "encrypted remote, which may be given by its URL, without its key; of packs only "
              "with read_data. Raises Corrupt, with the result as checked, if anything is damaged. "
              "Whether a pack is missing is not verified: remote_check does that."),
    FP_METHOD("remote_log", fp_remote_log, FP_KEYWORDS,
              "remote_log(remote=None, *, limit=0) -> list[RemoteChange]\n\nWho changed what in "
              "a remote, newest first; limit 0: all that it still knows."),
    FP_METHOD("close", workspace_close, METH_NOARGS,
              "close()\n\nCloses the handle; a second call does nothing."),
    FP_METHOD("__enter__", workspace_enter, METH_NOARGS, "The workspace itself."),
    FP_METHOD("__exit__", workspace_exit, METH_VARARGS, "Closes the workspace."),
    {NULL, NULL, 0, NULL}};

static PyGetSetDef properties[] = {
    {"root", workspace_get_text, NULL, "The real path of the root.", (void *)(uintptr_t)ROOT},
    {"store_path", workspace_get_text, NULL, "Where the store is.", (void *)(uintptr_t)STORE_PATH},
    {"subpath", workspace_get_text, NULL, "The part of the opened path below the root.",
     (void *)(uintptr_t)SUBPATH},
    {"moved_from", workspace_get_text, NULL,
     "The earlier path of a directory that was moved, or None. Until adopt() continues its "
     "history, "
     "other calls raise Conflict.",
     (void *)(uintptr_t)MOVED_FROM},
    {"too_broad", workspace_get_text, NULL,
     "What makes this root more than people usually mean to save ('your home directory'), or None.",
     (void *)(uintptr_t)TOO_BROAD},
    {"closed", workspace_get_closed, NULL, "Whether it was closed.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {
    FP_SLOT(Py_tp_new, workspace_new),
    FP_SLOT(Py_tp_dealloc, workspace_dealloc),
    FP_SLOT(Py_tp_methods, methods),
    FP_SLOT(Py_tp_getset, properties),
    FP_SLOT(Py_tp_doc,
            "Workspace(path, *, store=None, lock_timeout=None, is_root=False)\n\nA directory tree "
            "and its "
            "saved states. The store is in the user's data directory unless `store` names one."),
    {0, NULL}};

PyType_Spec fp_workspace_spec = {"firn._firn.Workspace", sizeof(fp_workspace), 0,
                                 Py_TPFLAGS_DEFAULT, slots};
