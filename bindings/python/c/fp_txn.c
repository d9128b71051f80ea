/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_txn.c: the types Transaction and Snapshot: states of a store. keyspace() and table() give what they contain.
 *
 * Iterators and scans that read through a transaction are closed before it ends, as firn requires; they raise Closed then.
 * A transaction that was committed or rolled back stays usable for nothing but close().
 */
#include "fp_checkpoint.h"
#include "fp_table.h"

static void
close_txn(fp_child *child)
{
    fp_txn *self = (fp_txn *)child;
    firn_txn_close(self->txn);
    self->txn = NULL;
}

static void
child_dealloc(PyObject *object)
{
    fp_child_deinit((fp_child *)object);
    fp_free(object);
}

PyObject *
fp_txn_open(fp_store *store, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"isolation", "read_only", "durability", NULL};
    static const char *const isolations[] = {"default", "snapshot", "serializable", NULL};
    const char *isolation = NULL, *durability = NULL;
    int read_only = 0;
    firn_durability chosen;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$zpz", names, &isolation, &read_only,
                                     &durability) ||
        !fp_durability(durability, &chosen)) {
        return NULL;
    }
    int choice = fp_choice("isolation", isolation, isolations);
    firn_store *native = choice >= 0 ? fp_enter(store, NULL) : NULL;
    if (native == NULL) {
        return NULL;
    }
    firn_txn_options options = FIRN_TXN_OPTIONS_INIT;
    options.isolation = (firn_isolation)choice;
    options.read_only = read_only != 0;
    firn_txn *txn = NULL;
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_txn_begin(native, &options, &txn, &err));
    fp_leave(store, NULL);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    fp_txn *self = fp_alloc(fp_names.txn_type);
    if (self == NULL) {
        firn_txn_close(txn);
        return NULL;
    }
    self->txn = txn;
    self->durability = chosen;
    fp_child_init(&self->base, store, NULL, "transaction", true, close_txn);
    return (PyObject *)self;
}

/* Commits or rolls back. */
static PyObject *
end_txn(fp_txn *self, bool commit)
{
    if (self->has_ended) {
        return fp_raise_text(FIRN_MISUSE, "the transaction has ended");
    }
    if (fp_enter(self->base.store, &self->base) == NULL) {
        return NULL;
    }
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.durability = self->durability;
    firn_error err;
    int code = FIRN_MISUSE;
    if (fp_child_close_readers(&self->base)) {
        self->has_ended = true;
        FP_UNLOCKED(code, commit ? firn_txn_commit(self->txn, &options, &err)
                                 : firn_txn_rollback(self->txn, &err));
        if (code != FIRN_OK) {
            fp_raise(code, &err);
        }
    }
    fp_leave(self->base.store, &self->base);
    if (code != FIRN_OK) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
txn_commit(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return end_txn((fp_txn *)self, true);
}

static PyObject *
txn_rollback(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return end_txn((fp_txn *)self, false);
}

static PyObject *
child_close(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    if (!fp_child_close((fp_child *)self)) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
child_enter(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    Py_INCREF(self);
    return self;
}

static PyObject *
txn_exit(PyObject *object, PyObject *args)
{
    fp_txn *self = (fp_txn *)object;
    PyObject *type;
    if (!PyArg_ParseTuple(args, "OOO", &type, &(PyObject *){NULL}, &(PyObject *){NULL})) {
        return NULL;
    }
    if (self->has_ended || !fp_child_is_open(&self->base)) { /* by the block itself */
        Py_RETURN_NONE;
    }
    PyObject *out = end_txn(self, type == Py_None);
    if (out != NULL && !fp_child_close(&self->base)) {
        Py_CLEAR(out);
    }
    return out;
}

static PyObject *
txn_savepoint(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    fp_txn *self = (fp_txn *)object;
    if (fp_enter(self->base.store, &self->base) == NULL) {
        return NULL;
    }
    uint64_t savepoint = 0;
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_txn_savepoint(self->txn, &savepoint, &err));
    fp_leave(self->base.store, &self->base);
    return code == FIRN_OK ? PyLong_FromUnsignedLongLong(savepoint) : fp_raise(code, &err);
}

static PyObject *
use_savepoint(PyObject *object, PyObject *number, bool is_release)
{
    fp_txn *self = (fp_txn *)object;
    unsigned long long savepoint = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred() || fp_enter(self->base.store, &self->base) == NULL) {
        return NULL;
    }
    firn_error err;
    int code;
    FP_UNLOCKED(code, is_release ? firn_txn_release(self->txn, savepoint, &err)
                                 : firn_txn_rollback_to(self->txn, savepoint, &err));
    fp_leave(self->base.store, &self->base);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    Py_RETURN_NONE;
}

static PyObject *
txn_rollback_to(PyObject *self, PyObject *number)
{
    return use_savepoint(self, number, false);
}

static PyObject *
txn_release(PyObject *self, PyObject *number)
{
    return use_savepoint(self, number, true);
}

/* A keyspace by its name, or the same keyspace as seen from here. */
static PyObject *
child_keyspace(PyObject *object, PyObject *argument)
{
    fp_child *self = (fp_child *)object;
    if (PyUnicode_Check(argument)) {
        PyObject *bytes = PyUnicode_AsUTF8String(argument);
        PyObject *out = bytes != NULL ? fp_keyspace_open(self->store, self, PyBytes_AsString(bytes),
                                                         Py_TYPE(object) == fp_names.txn_type &&
                                                             !self->store->is_read_only,
                                                         false)
                                      : NULL;
        Py_XDECREF(bytes);
        return out;
    }
    fp_keyspace *keyspace = fp_keyspace_of(argument, self->store);
    if (keyspace == NULL || fp_enter(self->store, self) == NULL) {
        return NULL;
    }
    fp_leave(self->store, self);
    PyObject *name = PyUnicode_AsUTF8String(keyspace->name);
    PyObject *out = name != NULL ? fp_keyspace_make(self->store, self, keyspace->keyspace,
                                                    PyBytes_AsString(name))
                                 : NULL;
    Py_XDECREF(name);
    return out;
}

static PyObject *
child_get_closed(PyObject *self, void *ctx)
{
    (void)ctx;
    return PyBool_FromLong(!fp_child_is_open((fp_child *)self));
}

static PyMethodDef txn_methods[] = {
    FP_METHOD("keyspace", child_keyspace, METH_O,
              "keyspace(name_or_keyspace) -> Keyspace\n\nA keyspace as the transaction sees and "
              "changes it."),
    FP_METHOD("table", fp_table_of_child, METH_O,
              "table(name_or_table) -> Table\n\nA table as the transaction sees and changes it."),
    FP_METHOD("commit", txn_commit, METH_NOARGS,
              "commit()\n\nMakes all writes visible at once. Conflict if another commit came "
              "first: nothing was written then. Ends the "
              "transaction either way."),
    FP_METHOD("rollback", txn_rollback, METH_NOARGS,
              "rollback()\n\nDiscards the writes and ends the transaction."),
    FP_METHOD("savepoint", txn_savepoint, METH_NOARGS,
              "savepoint() -> int\n\nA point that rollback_to() goes back to."),
    FP_METHOD("rollback_to", txn_rollback_to, METH_O,
              "rollback_to(savepoint)\n\nUndoes the writes made since."),
    FP_METHOD("release", txn_release, METH_O,
              "release(savepoint)\n\nRemoves a savepoint and keeps the writes."),
    FP_METHOD("close", child_close, METH_NOARGS,
              "close()\n\nRolls back what was not committed, and releases the transaction."),
    FP_METHOD("__enter__", child_enter, METH_NOARGS, "The transaction itself."),
    FP_METHOD("__exit__", txn_exit, METH_VARARGS, "Commits, or rolls back if the block raised."),
    {NULL, NULL, 0, NULL}};

static PyGetSetDef properties[] = {
    {"closed", child_get_closed, NULL, "Whether it was closed.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot txn_slots[] = {
    FP_SLOT(Py_tp_new, fp_no_new),
    FP_SLOT(Py_tp_dealloc, child_dealloc),
    FP_SLOT(Py_tp_methods, txn_methods),
    FP_SLOT(Py_tp_getset, properties),
    FP_SLOT(Py_tp_doc, "Reads of one state, and writes that are committed together."),
    {0, NULL}};

PyType_Spec fp_txn_spec = {"firn._firn.Transaction", sizeof(fp_txn), 0, Py_TPFLAGS_DEFAULT,
                           txn_slots};

/* ---- snapshots ---- */

static void
close_snapshot(fp_child *child)
{
    fp_snapshot *self = (fp_snapshot *)child;
    firn_snapshot_close(self->snapshot);
    self->snapshot = NULL;
}

PyObject *
fp_snapshot_open(fp_store *store, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"checkpoint", NULL};
    PyObject *reference = NULL, *text = NULL;
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    firn_store *native;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O", names, &reference) ||
        !fp_reference_text(reference, &text, &options.checkpoint)) {
        return NULL;
    }
    if ((native = fp_enter(store, NULL)) == NULL) {
        Py_XDECREF(text);
        return NULL;
    }
    firn_snapshot *snapshot = NULL;
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_snapshot_open(native, &options, &snapshot, &err));
    fp_leave(store, NULL);
    Py_XDECREF(text);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    fp_snapshot *self = fp_alloc(fp_names.snapshot_type);
    if (self == NULL) {
        firn_snapshot_close(snapshot);
        return NULL;
    }
    self->snapshot = snapshot;
    fp_child_init(&self->base, store, NULL, "snapshot", false, close_snapshot);
    return (PyObject *)self;
}

static PyObject *
list_names(fp_snapshot *self, bool tables)
{
    struct fp_visit visit = {.list = PyList_New(0)};
    if (visit.list == NULL || fp_enter(self->base.store, &self->base) == NULL) {
        Py_XDECREF(visit.list);
        return NULL;
    }
    firn_error err;
    int code;
    FP_VISITED(code, &visit,
               tables ? firn_snapshot_table_list(self->snapshot, fp_visit_name, &visit, &err)
                      : firn_snapshot_keyspace_list(self->snapshot, fp_visit_name, &visit, &err));
    fp_leave(self->base.store, &self->base);
    if (!fp_visit_end(&visit, code, &err)) {
        Py_CLEAR(visit.list);
    }
    return visit.list;
}

static PyObject *
snapshot_keyspaces(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return list_names((fp_snapshot *)self, false);
}

static PyObject *
snapshot_tables(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return list_names((fp_snapshot *)self, true);
}

static PyObject *
snapshot_exit(PyObject *self, PyObject *args)
{
    (void)args;
    return child_close(self, NULL);
}

static PyMethodDef snapshot_methods[] = {
    FP_METHOD("keyspace", child_keyspace, METH_O,
              "keyspace(name_or_keyspace) -> Keyspace\n\nA keyspace as it was, to be read."),
    FP_METHOD("keyspaces", snapshot_keyspaces, METH_NOARGS,
              "keyspaces() -> list[str]\n\nThe names that there were."),
    FP_METHOD("table", fp_table_of_child, METH_O,
              "table(name_or_table) -> Table\n\nA table as it was, to be read."),
    FP_METHOD("tables", snapshot_tables, METH_NOARGS,
              "tables() -> list[str]\n\nThe names that there were."),
    FP_METHOD("close", child_close, METH_NOARGS,
              "close()\n\nReleases the snapshot, and what is read through it."),
    FP_METHOD("__enter__", child_enter, METH_NOARGS, "The snapshot itself."),
    FP_METHOD("__exit__", snapshot_exit, METH_VARARGS, "Closes the snapshot."),
    {NULL, NULL, 0, NULL}};

static PyType_Slot snapshot_slots[] = {FP_SLOT(Py_tp_new, fp_no_new),
                                       FP_SLOT(Py_tp_dealloc, child_dealloc),
                                       FP_SLOT(Py_tp_methods, snapshot_methods),
                                       FP_SLOT(Py_tp_getset, properties),
                                       FP_SLOT(Py_tp_doc, "The data of a store at one moment."),
                                       {0, NULL}};

PyType_Spec fp_snapshot_spec = {"firn._firn.Snapshot", sizeof(fp_snapshot), 0, Py_TPFLAGS_DEFAULT,
                                snapshot_slots};
