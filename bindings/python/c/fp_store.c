/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_store.c: the type Store: opening, closing, upkeep, and the names of what is in a store. Its methods for checkpoints are in
 * fp_checkpoint.c, those for tables in fp_table.c. firn/__init__.py derives firn.Store from it, with what is easier in Python.
 *
 * Closing: from then on calls raise Closed, and close waits for those of other threads that run. A function that a call waits
 * for (of progress, a generator of rows) cannot close its store: Misuse. Then the children are closed, the streams that others
 * read, and the store. An object that is collected without close closes too, as soon as no stream and no connection of sqlite3
 * needs the store.
 */
#include "fp_checkpoint.h"
#include "fp_secret.h"
#include "fp_sql.h"
#include "fp_stream.h"
#include "fp_table.h"

#include <time.h>

static PyObject *
store_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {
        "path",         "create",       "exclusive", "read_only",   "durability",
        "lock_timeout", "memory_bytes", "threads",   "compression", "read_pending",
        "limit_bytes",  "cipher",       "key",       NULL};
    static const char *const compressions[] = {"default", "none", "lz4", "zstd", NULL};
    PyObject *path, *timeout = NULL, *bytes = NULL;
    int create = 1, exclusive = 0, read_only = 0, read_pending = 0;
    const char *durability = NULL, *compression = NULL, *cipher = NULL;
    PyObject *key_argument = NULL;
    struct fp_secret *key = NULL;
    struct fp_count memory_bytes = {"memory_bytes", 0}, threads = {"threads", 0},
                    limit_bytes = {"limit_bytes", UINT64_MAX};
    PyObject *limit = NULL;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    uint64_t timeout_ms;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|$pppzOO&O&zpOzO", names, &path, &create,
                                     &exclusive, &read_only, &durability, &timeout, fp_count_take,
                                     &memory_bytes, fp_count_take, &threads, &compression,
                                     &read_pending, &limit, &cipher, &key_argument) ||
        (limit != NULL && !fp_count_take(limit, &limit_bytes)) ||
        !fp_durability(durability, &options.durability) || !fp_cipher(cipher, &options.cipher) ||
        !fp_milliseconds(timeout, &timeout_ms)) {
        return NULL;
    }
    if (path == Py_None &&
        limit == NULL) { /* a path that was left out is no wish to keep nothing */
        PyErr_SetString(
            PyExc_TypeError,
            "the path of a store is a str, bytes or os.PathLike, not None; firn.memory() "
            "makes a store in memory");
        return NULL;
    }
    int choice = fp_choice("compression", compression, compressions);
    if (choice < 0 || (path != Py_None && (bytes = fp_path(path)) == NULL)) {
        return NULL;
    }
    if (!fp_secret_take(key_argument, &key)) {
        Py_XDECREF(bytes);
        return NULL;
    }
    const firn_keys_source source = fp_secret_source(key);
    options.key_source = &source;
    options.compression = (firn_compression)choice;
    options.create_if_missing = create != 0;
    options.fail_if_exists = exclusive != 0;
    options.read_only = read_only != 0;
    options.read_pending = read_pending != 0;
    options.lock_timeout_ms = (int64_t)timeout_ms;
    options.memory_bytes = memory_bytes.value;
    options.threads = fp_unsigned(threads);
    firn_error err;
    firn_store *store = NULL;
    int code;
    FP_UNLOCKED(code, bytes != NULL
                          ? firn_store_open(PyBytes_AsString(bytes), &options, &store, &err)
                          : firn_store_open_memory(limit_bytes.value, &options, &store, &err));
    Py_XDECREF(bytes);
    fp_secret_free(key);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    struct fp_core *core = fp_core_create(store);
    fp_store *self = core != NULL ? fp_alloc(type) : NULL;
    if (self == NULL) {
        fp_core_unref(core);
        return PyErr_NoMemory();
    }
    self->core = core;
    self->is_read_only = options.read_only;
    self->path = path == Py_None       ? NULL
                 : PyBytes_Check(path) ? PyUnicode_DecodeFSDefault(PyBytes_AsString(path))
                                       : PyObject_Str(path);
    if (self->path == NULL && path != Py_None) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void
store_dealloc(PyObject *object)
{
    fp_store *self = (fp_store *)object;
    assert(self->children == NULL && self->users == 0); /* they hold references */
    if (self->core != NULL) {
        struct fp_core *core = self->core;
        self->core = NULL;
        PyThreadState *thread = PyEval_SaveThread();
        if (self->is_lent) {
            fp_sql_leave(core);
        } else {
            fp_core_unref(core);
        }
        PyEval_RestoreThread(thread);
    }
    Py_CLEAR(self->path);
    fp_free(object);
}

/* Lets others run for a moment; false with an exception if a signal came. */
static bool
pause_a_moment(void)
{
    PyThreadState *thread = PyEval_SaveThread();
    const struct timespec moment = {0, 200000};
    nanosleep(&moment, NULL);
    PyEval_RestoreThread(thread);
    return PyErr_CheckSignals() == 0;
}

/* Waits until no call uses the store; new ones are refused by then. False with an exception. */
static bool
wait_for_users(fp_store *self)
{
    if (self->users > 0 && fp_callback_depth > 0) {
        fp_raise_text(FIRN_MISUSE,
                      "the store is in use by the call that this function is called from");
        return false;
    }
    while (self->users > 0) {
        if (!pause_a_moment()) {
            return false;
        }
    }
    return true;
}

/* Closes the children and the streams; false with Misuse if one is in use. */
static bool
close_users(fp_store *self)
{
    if (!wait_for_users(self)) {
        return false;
    }
    /* Readers of transactions and snapshots go with these, so begin anew after each. */
    while (self->children != NULL) {
        if (!fp_child_close(self->children)) {
            return false;
        }
    }
    if (!fp_stream_close_all(self->core)) {
        fp_raise_text(FIRN_MISUSE,
                      "the store is in use: another thread is reading an Arrow stream of it");
        return false;
    }
    while (self->endings > 0) {
        if (fp_callback_depth > 0) {
            fp_raise_text(FIRN_MISUSE, "the store is in use: an object of it is being closed");
            return false;
        }
        if (!pause_a_moment()) {
            return false;
        }
    }
    return true;
}

static PyObject *
store_close(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    fp_store *self = (fp_store *)object;
    if (self->core == NULL) {
        Py_RETURN_NONE;
    }
    if (self->is_closing) {
        return fp_raise_text(FIRN_MISUSE, "another thread is closing the store");
    }
    self->is_closing = true;
    bool is_free = fp_sql_take_back(self) && close_users(self);
    self->is_closing = false;
    if (!is_free) {
        return NULL;
    }
    assert(self->users == 0 && self->endings == 0 && self->children == NULL); /* (I2), (I5) */
    struct fp_core *core = self->core;
    self->core = NULL; /* from here on every call raises Closed */
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_store_close(core->store, &err));
    if (code == FIRN_MISUSE) {
        self->core = core;
        return fp_raise(code, &err);
    }
    core->store = NULL; /* which is closed, with or without an error */
    fp_core_unref(core);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    Py_RETURN_NONE;
}

static PyObject *
store_enter(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    if (((fp_store *)object)->core == NULL) {
        return fp_raise_closed("store");
    }
    Py_INCREF(object);
    return object;
}

static PyObject *
store_exit(PyObject *object, PyObject *args)
{
    (void)args;
    return store_close(object, NULL);
}

/* ---- upkeep ---- */

typedef int (*upkeep)(firn_store *store, firn_error *err);

static PyObject *
run_upkeep(PyObject *object, upkeep run)
{
    fp_store *self = (fp_store *)object;
    firn_store *store = fp_enter(self, NULL);
    if (store == NULL) {
        return NULL;
    }
    firn_error err;
    int code;
    FP_UNLOCKED(code, run(store, &err));
    fp_leave(self, NULL);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    Py_RETURN_NONE;
}

static PyObject *
store_sync(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return run_upkeep(self, firn_store_sync);
}

static PyObject *
store_refresh(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    ((fp_store *)self)->generation++;
    return run_upkeep(self, firn_store_refresh);
}

static PyObject *
store_flush(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return run_upkeep(self, firn_store_flush);
}

static PyObject *
store_compact(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"progress", NULL};
    fp_store *self = (fp_store *)object;
    PyObject *on_progress = NULL;
    struct fp_progress progress;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$O", names, &on_progress) ||
        !fp_progress_init(&progress, on_progress, NULL)) {
        return NULL;
    }
    firn_store *store = fp_enter(self, NULL);
    if (store == NULL) {
        return NULL;
    }
    firn_store_maintenance_options options = FIRN_STORE_MAINTENANCE_OPTIONS_INIT;
    options.callbacks = fp_progress_callbacks(&progress);
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_store_compact(store, &options, &err));
    fp_leave(self, NULL);
    if (!fp_progress_end(&progress, code, &err)) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
store_clone(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"path", "progress", NULL};
    fp_store *self = (fp_store *)object;
    PyObject *path, *on_progress = NULL, *bytes;
    struct fp_progress progress;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|$O", names, &path, &on_progress) ||
        !fp_progress_init(&progress, on_progress, NULL) || (bytes = fp_path(path)) == NULL) {
        return NULL;
    }
    firn_store *store = fp_enter(self, NULL);
    if (store == NULL) {
        Py_DECREF(bytes);
        return NULL;
    }
    firn_store_maintenance_options options = FIRN_STORE_MAINTENANCE_OPTIONS_INIT;
    options.callbacks = fp_progress_callbacks(&progress);
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_store_clone(store, PyBytes_AsString(bytes), &options, &err));
    fp_leave(self, NULL);
    Py_DECREF(bytes);
    if (!fp_progress_end(&progress, code, &err)) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
store_check(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"progress", "notice", NULL};
    fp_store *self = (fp_store *)object;
    PyObject *on_progress = NULL, *on_notice = NULL;
    struct fp_progress progress;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$OO", names, &on_progress, &on_notice) ||
        !fp_progress_init(&progress, on_progress, on_notice)) {
        return NULL;
    }
    firn_store *store = fp_enter(self, NULL);
    if (store == NULL) {
        return NULL;
    }
    firn_store_check_options options = FIRN_STORE_CHECK_OPTIONS_INIT;
    firn_store_check_result result = FIRN_STORE_CHECK_RESULT_INIT;
    options.callbacks = fp_progress_callbacks(&progress);
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_store_check(store, &options, &result, &err));
    fp_leave(self, NULL);
    if (!fp_progress_end(&progress, code, &err)) {
        return NULL;
    }
    return fp_result("CheckResult", Py_BuildValue("(KKK)", (unsigned long long)result.keyspaces,
                                                  (unsigned long long)result.entries,
                                                  (unsigned long long)result.log_records));
}

static PyObject *
store_stats(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    fp_store *self = (fp_store *)object;
    firn_store *store = fp_enter(self, NULL);
    if (store == NULL) {
        return NULL;
    }
    firn_error err;
    char *text = NULL;
    int code;
    FP_UNLOCKED(code, firn_store_stats_json(store, &text, &err));
    fp_leave(self, NULL);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    PyObject *json = PyImport_ImportModule("json");
    PyObject *out = json != NULL ? PyObject_CallMethod(json, "loads", "s", text) : NULL;
    Py_XDECREF(json);
    firn_release(text);
    return out;
}

/* ---- names ---- */

static PyObject *
store_keyspace(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "create", "exclusive", NULL};
    const char *name;
    int create = 1, exclusive = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|$pp", names, &name, &create, &exclusive)) {
        return NULL;
    }
    return fp_keyspace_open((fp_store *)self, NULL, name, create != 0, exclusive != 0);
}

static PyObject *
store_keyspaces(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return fp_visit_names((fp_store *)self, firn_keyspace_list);
}

static PyObject *
store_drop_keyspace(PyObject *object, PyObject *args)
{
    fp_store *self = (fp_store *)object;
    const char *name;
    firn_store *store;
    if (!PyArg_ParseTuple(args, "s", &name) || (store = fp_enter(self, NULL)) == NULL) {
        return NULL;
    }
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_keyspace_drop(store, name, &err));
    fp_leave(self, NULL);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    Py_RETURN_NONE;
}

static PyObject *
store_transaction(PyObject *self, PyObject *args, PyObject *keywords)
{
    return fp_txn_open((fp_store *)self, args, keywords);
}

static PyObject *
store_snapshot(PyObject *self, PyObject *args, PyObject *keywords)
{
    return fp_snapshot_open((fp_store *)self, args, keywords);
}

static PyObject *
store_batch(PyObject *self, PyObject *args, PyObject *keywords)
{
    return fp_batch_open((fp_store *)self, args, keywords);
}

/* Definitions may have changed by other ways than these methods. */
static PyObject *
store_changed(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    ((fp_store *)self)->generation++;
    Py_RETURN_NONE;
}

static PyObject *
store_get_closed(PyObject *self, void *ctx)
{
    (void)ctx;
    return PyBool_FromLong(((fp_store *)self)->core == NULL);
}

static PyObject *
store_get_path(PyObject *self, void *ctx)
{
    (void)ctx;
    PyObject *path = ((fp_store *)self)->path;
    path = path != NULL ? path : Py_None;
    Py_INCREF(path);
    return path;
}

static PyObject *
store_get_read_only(PyObject *self, void *ctx)
{
    (void)ctx;
    return PyBool_FromLong(((fp_store *)self)->is_read_only);
}

static PyObject *
store_repr(PyObject *object)
{
    fp_store *self = (fp_store *)object;
    return PyUnicode_FromFormat("<firn.Store %S%s>", self->path != NULL ? self->path : Py_None,
                                self->core == NULL ? ", closed" : "");
}

static PyMethodDef methods[] = {
    FP_METHOD("close", store_close, METH_NOARGS,
              "close()\n\nCloses everything that was opened from the store, and then the store; a "
              "second call does nothing.\n"
              "Waits for calls of other threads that run."),
    FP_METHOD("__enter__", store_enter, METH_NOARGS, "The store itself."),
    FP_METHOD("__exit__", store_exit, METH_VARARGS, "Closes the store."),
    FP_METHOD("sync", store_sync, METH_NOARGS,
              "sync()\n\nMakes every commit that has returned durable."),
    FP_METHOD("refresh", store_refresh, METH_NOARGS,
              "refresh()\n\nMoves a read-only store to the newest state."),
    FP_METHOD("flush", store_flush, METH_NOARGS,
              "flush()\n\nWrites what is in memory to table files."),
    FP_METHOD("compact", store_compact, FP_KEYWORDS,
              "compact(*, progress=None)\n\nMerges all files until overwritten and deleted data "
              "takes up no space."),
    FP_METHOD("clone", store_clone, FP_KEYWORDS,
              "clone(path, *, progress=None)\n\nCopies the whole store into another directory, by "
              "hard links where possible."),
    FP_METHOD("check", store_check, FP_KEYWORDS,
              "check(*, progress=None, notice=None) -> CheckResult\n\nReads and verifies every "
              "file. Corrupt if anything is damaged; "
              "notice is called with a Notice for each damaged part."),
    FP_METHOD("stats", store_stats, METH_NOARGS,
              "stats() -> dict\n\nStatistics, as docs/json.md describes them."),
    FP_METHOD("keyspace", store_keyspace, FP_KEYWORDS,
              "keyspace(name, *, create=True, exclusive=False) -> Keyspace\n\nOpens a keyspace, "
              "and creates it if it is missing. "
              "NotFound with create=False; Exists with exclusive=True."),
    FP_METHOD("keyspaces", store_keyspaces, METH_NOARGS,
              "keyspaces() -> list[str]\n\nThe names, in byte order."),
    FP_METHOD("drop_keyspace", store_drop_keyspace, METH_VARARGS,
              "drop_keyspace(name)\n\nRemoves a keyspace and everything in it."),
    FP_METHOD("transaction", store_transaction, FP_KEYWORDS,
              "transaction(*, isolation='snapshot', read_only=False, durability=None) -> "
              "Transaction\n\nBegins a transaction. As a context "
              "manager it commits at the end of the block, or rolls back if the block raises. "
              "isolation: 'snapshot' or 'serializable'."),
    FP_METHOD("snapshot", store_snapshot, FP_KEYWORDS,
              "snapshot(checkpoint=None) -> Snapshot\n\nThe data as it is now, or was at a "
              "checkpoint: a name, number, id or time."),
    FP_METHOD("batch", store_batch, FP_KEYWORDS,
              "batch(*, durability=None) -> Batch\n\nCollects writes that are committed together. "
              "As a context manager it commits at the "
              "end of the block, unless that raises."),
    FP_METHOD("table", fp_table_open, METH_VARARGS,
              "table(name) -> Table\n\nOpens a table. NotFound if there is none."),
    FP_METHOD("tables", fp_table_list, METH_NOARGS,
              "tables() -> list[str]\n\nThe names of the tables, in byte order."),
    FP_METHOD("create_table", fp_table_create, FP_KEYWORDS,
              "create_table(name, definition, *, exists_ok=False) -> Table\n\nCreates a table: 'id "
              "i64 auto, name text not null, primary key "
              "(id)'. Exists if the name is taken, unless exists_ok."),
    FP_METHOD(
        "create_table_from", fp_table_create_from, FP_KEYWORDS,
        "create_table_from(name, source, *, key=None, progress=None) -> Table\n\nCreates a table "
        "that fits an Arrow stream, and loads its "
        "rows. key: the columns of the primary key; without it, a column 'row' numbers the rows."),
    FP_METHOD("drop_table", fp_table_drop, METH_VARARGS,
              "drop_table(name)\n\nDrops a table with all its rows."),
    FP_METHOD("diff_table", fp_table_diff, FP_KEYWORDS,
              "diff_table(name, before=None, after=None) -> list[RowDifference]\n\nThe rows that "
              "differ between two checkpoints; None is the "
              "present state."),
    FP_METHOD("_changed", store_changed, METH_NOARGS,
              "_changed()\n\nFor firn.Store.sql: tables may be defined otherwise now."),
    FP_METHOD("_lend", fp_sql_lend, METH_NOARGS,
              "_lend() -> str\n\nFor firn.Store.connect: the path that connections attach."),
    FP_METHOD("checkpoint", fp_checkpoint_create, FP_KEYWORDS,
              "checkpoint(name=None, *, created_ns=0) -> Checkpoint\n\nKeeps the present state, "
              "under a name if one is given."),
    FP_METHOD("checkpoints", fp_checkpoint_list, FP_KEYWORDS,
              "checkpoints(*, safety=False) -> list[Checkpoint]\n\nThe checkpoints, newest first; "
              "safety ones too if asked."),
    FP_METHOD("find_checkpoint", fp_checkpoint_find, METH_VARARGS,
              "find_checkpoint(reference) -> Checkpoint\n\nResolves a name, number, id, 'latest~2' "
              "or a time like '10 minutes ago'."),
    FP_METHOD("delete_checkpoints", fp_checkpoint_delete, METH_VARARGS,
              "delete_checkpoints(*references)\n\nDeletes all of these checkpoints, or none."),
    FP_METHOD("restore", fp_checkpoint_restore, METH_VARARGS,
              "restore(reference) -> Restored\n\nMakes the data what the checkpoint sees. undo() "
              "takes that back."),
    FP_METHOD("undo", fp_checkpoint_undo, METH_NOARGS,
              "undo() -> Restored\n\nTakes back the last restore."),
    FP_METHOD("diff", fp_checkpoint_diff, FP_KEYWORDS,
              "diff(before=None, after=None, *, keyspace=None, progress=None) -> "
              "list[Difference]\n\nThe keys that differ between two "
              "checkpoints; None is the present state."),
    FP_METHOD("export", fp_checkpoint_export, FP_KEYWORDS,
              "export(path, reference=None, *, replace=False, progress=None, clear=False, "
              "key=None)\n\nWrites a "
              "checkpoint (None: the present state) into one "
              "file, which firn.open(file, read_only=True) opens. That of an encrypted store is "
              "encrypted unless clear, and opened by key, or else by what the environment gives; "
              "that of another one is if there is a key."),
    {NULL, NULL, 0, NULL}};

static PyGetSetDef properties[] = {
    {"closed", store_get_closed, NULL, "Whether the store was closed.", NULL},
    {"path", store_get_path, NULL, "The path that was opened; None for a store in memory.", NULL},
    {"read_only", store_get_read_only, NULL, "Whether it was opened for reading only.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {FP_SLOT(Py_tp_new, store_new),
                              FP_SLOT(Py_tp_dealloc, store_dealloc),
                              FP_SLOT(Py_tp_repr, store_repr),
                              FP_SLOT(Py_tp_methods, methods),
                              FP_SLOT(Py_tp_getset, properties),
                              FP_SLOT(Py_tp_doc, "An open store. firn.open() makes one."),
                              {0, NULL}};

PyType_Spec fp_store_spec = {"firn._firn.Store", sizeof(fp_store), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
