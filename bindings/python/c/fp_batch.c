/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_batch.c: the type Batch: writes that are committed together, from any keyspaces of one store.
 *
 * As a context manager a batch commits when its block ends without an exception. A batch that was committed is empty and
 * can be filled again.
 */
#include "fp.h"

typedef struct fp_batch {
    fp_child base;
    firn_batch *batch;
    firn_durability durability;
} fp_batch;

static void
destroy_batch(fp_child *child)
{
    fp_batch *self = (fp_batch *)child;
    firn_batch_destroy(self->batch);
    self->batch = NULL;
}

static void
batch_dealloc(PyObject *object)
{
    fp_child_deinit((fp_child *)object);
    fp_free(object);
}

PyObject *
fp_batch_open(fp_store *store, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"durability", NULL};
    const char *durability = NULL;
    firn_durability chosen;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$z", names, &durability) ||
        !fp_durability(durability, &chosen) || fp_enter(store, NULL) == NULL) {
        return NULL;
    }
    fp_leave(store, NULL);
    firn_batch *batch = NULL;
    firn_error err;
    int code = firn_batch_create(&batch, &err);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    fp_batch *self = fp_alloc(fp_names.batch_type);
    if (self == NULL) {
        firn_batch_destroy(batch);
        return NULL;
    }
    self->batch = batch;
    self->durability = chosen;
    fp_child_init(&self->base, store, NULL, "batch", true, destroy_batch);
    return (PyObject *)self;
}

/* What the methods that add a write have in common. Filling a batch is work in memory: the GIL is kept. */
enum write { PUT, DELETE, DELETE_RANGE, MERGE };

struct added {
    enum write write;
    PyObject *keyspace;
    PyObject *key;
    PyObject *value; /* operand, upper bound; NULL: none */
    PyObject *ttl;
    const char *operation;
};

static int
add_native(fp_batch *self, firn_keyspace *keyspace, const struct added *added, firn_slice key,
           firn_slice value, uint64_t ttl_ms, firn_merge_operator operation, firn_error *err)
{
    switch (added->write) {
    case PUT:
        return firn_batch_put_ttl(self->batch, keyspace, key, value, ttl_ms, err);
    case DELETE:
        return firn_batch_delete(self->batch, keyspace, key, err);
    case DELETE_RANGE:
        return firn_batch_delete_range(self->batch, keyspace, key, value, err);
    case MERGE:
        break;
    }
    return firn_batch_merge(self->batch, keyspace, key, operation, value, err);
}

static PyObject *
add(fp_batch *self, const struct added *added)
{
    fp_keyspace *keyspace = fp_keyspace_of(added->keyspace, self->base.store);
    struct fp_bytes key = {{NULL, 0}, NULL}, value = {{NULL, 0}, NULL};
    uint64_t ttl_ms = 0;
    firn_merge_operator operation = FIRN_MERGE_ADD;
    uint8_t number[8];
    PyObject *out = NULL;
    if (keyspace != NULL && keyspace->snapshot != NULL) {
        return fp_raise_text(FIRN_READ_ONLY, "a snapshot cannot be written");
    }
    if (keyspace != NULL && keyspace->txn != NULL) {
        return fp_raise_text(FIRN_MISUSE,
                             "the keyspace is a transaction's: a batch takes the store's");
    }
    if (keyspace != NULL && fp_milliseconds(added->ttl, &ttl_ms) &&
        fp_bytes_take(added->key, &key) &&
        (added->write == MERGE
             ? fp_merge_arguments(added->operation, added->value, &operation, number, &value)
             : added->value == NULL || fp_bytes_take(added->value, &value)) &&
        fp_enter(self->base.store, &self->base) != NULL) {
        firn_error err;
        int code = add_native(self, keyspace->keyspace, added, key.slice, value.slice, ttl_ms,
                              operation, &err);
        fp_leave(self->base.store, &self->base);
        out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
        Py_XINCREF(out);
    }
    fp_bytes_release(&key);
    fp_bytes_release(&value);
    return out;
}

static PyObject *
batch_put(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"keyspace", "key", "value", "ttl", NULL};
    struct added added = {.write = PUT};
    return PyArg_ParseTupleAndKeywords(args, keywords, "OOO|$O", names, &added.keyspace, &added.key,
                                       &added.value, &added.ttl)
               ? add((fp_batch *)self, &added)
               : NULL;
}

static PyObject *
batch_delete(PyObject *self, PyObject *args)
{
    struct added added = {.write = DELETE};
    return PyArg_ParseTuple(args, "OO", &added.keyspace, &added.key) ? add((fp_batch *)self, &added)
                                                                     : NULL;
}

static PyObject *
batch_delete_range(PyObject *self, PyObject *args)
{
    struct added added = {.write = DELETE_RANGE};
    return PyArg_ParseTuple(args, "OOO", &added.keyspace, &added.key, &added.value)
               ? add((fp_batch *)self, &added)
               : NULL;
}

static PyObject *
batch_merge(PyObject *self, PyObject *args)
{
    struct added added = {.write = MERGE};
    return PyArg_ParseTuple(args, "OOsO", &added.keyspace, &added.key, &added.operation,
                            &added.value)
               ? add((fp_batch *)self, &added)
               : NULL;
}

static PyObject *
batch_commit(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    fp_batch *self = (fp_batch *)object;
    firn_store *store = fp_enter(self->base.store, &self->base);
    if (store == NULL) {
        return NULL;
    }
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.durability = self->durability;
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_store_write(store, self->batch, &options, &err));
    if (code == FIRN_OK) {
        firn_batch_clear(self->batch);
    }
    fp_leave(self->base.store, &self->base);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    Py_RETURN_NONE;
}

static PyObject *
batch_clear(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    fp_batch *self = (fp_batch *)object;
    if (fp_enter(self->base.store, &self->base) == NULL) {
        return NULL;
    }
    firn_batch_clear(self->batch);
    fp_leave(self->base.store, &self->base);
    Py_RETURN_NONE;
}

static Py_ssize_t
batch_length(PyObject *object)
{
    fp_batch *self = (fp_batch *)object;
    if (fp_enter(self->base.store, &self->base) == NULL) {
        return -1;
    }
    size_t count = firn_batch_count(self->batch);
    fp_leave(self->base.store, &self->base);
    return (Py_ssize_t)count;
}

static PyObject *
batch_enter(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    Py_INCREF(self);
    return self;
}

static PyObject *
batch_exit(PyObject *self, PyObject *args)
{
    PyObject *type;
    if (!PyArg_ParseTuple(args, "OOO", &type, &(PyObject *){NULL}, &(PyObject *){NULL})) {
        return NULL;
    }
    return type == Py_None ? batch_commit(self, NULL) : batch_clear(self, NULL);
}

static PyMethodDef methods[] = {
    FP_METHOD("put", batch_put, FP_KEYWORDS,
              "put(keyspace, key, value, *, ttl=None)\n\nAdds a put. The time to live starts now."),
    FP_METHOD("delete", batch_delete, METH_VARARGS, "delete(keyspace, key)\n\nAdds a delete."),
    FP_METHOD("delete_range", batch_delete_range, METH_VARARGS,
              "delete_range(keyspace, start, stop)\n\nAdds a delete of all keys from start to "
              "before stop."),
    FP_METHOD("merge", batch_merge, METH_VARARGS,
              "merge(keyspace, key, operation, operand)\n\nAdds a merge, as Keyspace.merge."),
    FP_METHOD("commit", batch_commit, METH_NOARGS,
              "commit()\n\nCommits all writes, or none, and empties the batch."),
    FP_METHOD("clear", batch_clear, METH_NOARGS, "clear()\n\nForgets the writes."),
    FP_METHOD("__enter__", batch_enter, METH_NOARGS, "The batch itself."),
    FP_METHOD("__exit__", batch_exit, METH_VARARGS, "Commits, or clears if the block raised."),
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {
    FP_SLOT(Py_tp_new, fp_no_new),
    FP_SLOT(Py_tp_dealloc, batch_dealloc),
    FP_SLOT(Py_tp_methods, methods),
    FP_SLOT(Py_mp_length, batch_length),
    FP_SLOT(Py_tp_doc, "Writes that are committed together. len() is their number."),
    {0, NULL}};

PyType_Spec fp_batch_spec = {"firn._firn.Batch", sizeof(fp_batch), 0, Py_TPFLAGS_DEFAULT, slots};
