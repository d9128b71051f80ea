/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_iterate.c: the type Iterator: keys, values or both, of a range of a keyspace.
 *
 * A step of a cursor costs less than taking and giving back the GIL, so entries are read in batches: with the GIL released
 * they are copied into one buffer, and next() makes Python objects out of it. The first batch has ROWS_FIRST entries, each
 * further one twice as many, up to ROWS_MAX or BYTES_MAX: a loop that stops early has read little too much.
 *
 * In the buffer an entry is two sizes of 8 bytes, the key, and the value. In a transaction, writes that are made while
 * iterating show as far as the cursor has not read past them: a batch may already have been read.
 */
#include "fp.h"

enum { ROWS_FIRST = 16, ROWS_MAX = 1024, BYTES_MAX = 256 << 10, SIZES = 2 * sizeof(uint64_t) };

typedef struct fp_iterator {
    fp_child base;
    firn_cursor *cursor;
    enum fp_items items;
    bool is_reverse;
    bool is_started;
    PyObject *keyspace;
    PyObject *range[3]; /* start, stop and prefix as they were given, or None */
    size_t rows_max;    /* of the next batch */
    size_t rows;        /* left in the buffer */
    uint8_t *buffer;
    size_t capacity;
    size_t used;
    size_t at;
} fp_iterator;

static void
close_cursor(fp_child *child)
{
    fp_iterator *self = (fp_iterator *)child;
    firn_cursor_close(self->cursor);
    self->cursor = NULL;
}

static void
iterator_dealloc(PyObject *object)
{
    fp_iterator *self = (fp_iterator *)object;
    fp_child_deinit(&self->base);
    free(self->buffer);
    Py_CLEAR(self->keyspace);
    for (int i = 0; i < 3; i++) {
        Py_CLEAR(self->range[i]);
    }
    fp_free(object);
}

static int
open_cursor(fp_keyspace *keyspace, const firn_cursor_options *options, firn_cursor **out,
            firn_error *err)
{
    return keyspace->txn != NULL
               ? firn_txn_cursor_open(keyspace->txn, keyspace->keyspace, options, out, err)
               : firn_cursor_open(keyspace->keyspace, options, out, err);
}

PyObject *
fp_iterate(fp_keyspace *keyspace, PyObject *args, PyObject *keywords, enum fp_items items)
{
    static char *names[] = {"start", "stop", "prefix", "reverse", NULL};
    PyObject *given[3] = {NULL, NULL, NULL};
    int is_reverse = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO$Op", names, &given[0], &given[1],
                                     &given[2], &is_reverse)) {
        return NULL;
    }
    struct fp_bytes parts[3] = {{{NULL, 0}, NULL}, {{NULL, 0}, NULL}, {{NULL, 0}, NULL}};
    bool is_taken = true;
    for (int i = 0; i < 3 && is_taken; i++) {
        is_taken = fp_bytes_take_optional(given[i], &parts[i]);
    }
    fp_iterator *self = NULL;
    if (is_taken && fp_enter(keyspace->store, keyspace->via) != NULL) {
        firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
        options.lower = parts[0].slice;
        options.upper = parts[1].slice;
        options.prefix = parts[2].slice;
        options.snapshot = keyspace->snapshot;
        options.keys_only = items == FP_KEYS;
        firn_cursor *cursor = NULL;
        firn_error err;
        int code;
        FP_UNLOCKED(code, open_cursor(keyspace, &options, &cursor, &err));
        fp_leave(keyspace->store, keyspace->via);
        if (code != FIRN_OK) {
            fp_raise(code, &err);
        } else if ((self = fp_alloc(fp_names.iterator_type)) == NULL) {
            firn_cursor_close(cursor);
        } else {
            self->cursor = cursor;
            self->items = items;
            self->is_reverse = is_reverse != 0;
            self->rows_max = ROWS_FIRST;
            Py_INCREF(keyspace);
            self->keyspace = (PyObject *)keyspace;
            for (int i = 0; i < 3; i++) {
                self->range[i] = given[i] != NULL ? given[i] : Py_None;
                Py_INCREF(self->range[i]);
            }
            fp_child_init(&self->base, keyspace->store, keyspace->via, "iterator", true,
                          close_cursor);
        }
    }
    for (int i = 0; i < 3; i++) {
        fp_bytes_release(&parts[i]);
    }
    return (PyObject *)self;
}

/* ---- batches ---- */

static bool
grow(fp_iterator *self, size_t size)
{
    size_t needed = self->used + size;
    if (needed <= self->capacity) {
        return true;
    }
    size_t capacity = needed + needed / 2 + 4096;
    uint8_t *buffer = realloc(self->buffer, capacity);
    if (buffer == NULL) {
        return false;
    }
    self->buffer = buffer;
    self->capacity = capacity;
    return true;
}

static int
copy_entry(fp_iterator *self)
{
    firn_slice key = self->items != FP_VALUES ? firn_cursor_key(self->cursor) : firn_bytes("", 0);
    firn_slice value = self->items != FP_KEYS ? firn_cursor_value(self->cursor) : firn_bytes("", 0);
    uint64_t sizes[2] = {key.size, value.size};
    if (!grow(self, SIZES + key.size + value.size)) {
        return FIRN_NO_MEMORY;
    }
    memcpy(self->buffer + self->used, sizes, SIZES);
    memcpy(self->buffer + self->used + SIZES, key.data, key.size);
    memcpy(self->buffer + self->used + SIZES + key.size, value.data, value.size);
    self->used += SIZES + key.size + value.size;
    self->rows++;
    return FIRN_OK;
}

/* Reads the next batch; without the GIL. */
static int
fill(fp_iterator *self, firn_error *err)
{
    int code = FIRN_OK;
    err->text[0] = '\0';
    self->used = self->at = self->rows = 0;
    if (!self->is_started) {
        self->is_started = true;
        code = self->is_reverse ? firn_cursor_last(self->cursor, err)
                                : firn_cursor_first(self->cursor, err);
    }
    while (code == FIRN_OK && firn_cursor_valid(self->cursor) && self->rows < self->rows_max &&
           self->used < BYTES_MAX) {
        code = copy_entry(self);
        if (code == FIRN_OK) {
            code = self->is_reverse ? firn_cursor_prev(self->cursor, err)
                                    : firn_cursor_next(self->cursor, err);
        }
    }
    self->rows_max = self->rows_max < ROWS_MAX ? self->rows_max * 2 : ROWS_MAX;
    return code;
}

static PyObject *
take_entry(fp_iterator *self)
{
    assert(self->rows > 0 && self->at + SIZES <= self->used);
    uint64_t sizes[2];
    memcpy(sizes, self->buffer + self->at, SIZES);
    const char *key = (const char *)self->buffer + self->at + SIZES;
    self->at += SIZES + sizes[0] + sizes[1];
    self->rows--;
    if (self->items != FP_ITEMS) {
        size_t size = self->items == FP_KEYS ? sizes[0] : sizes[1];
        return PyBytes_FromStringAndSize(key, (Py_ssize_t)size);
    }
    PyObject *first = PyBytes_FromStringAndSize(key, (Py_ssize_t)sizes[0]);
    PyObject *second = PyBytes_FromStringAndSize(key + sizes[0], (Py_ssize_t)sizes[1]);
    PyObject *out = first != NULL && second != NULL ? PyTuple_New(2) : NULL;
    if (out == NULL) {
        Py_XDECREF(first);
        Py_XDECREF(second);
        return NULL;
    }
    PyTuple_SetItem(out, 0, first);
    PyTuple_SetItem(out, 1, second);
    return out;
}

static PyObject *
iterator_next(PyObject *object)
{
    fp_iterator *self = (fp_iterator *)object;
    if (self->rows == 0) {
        if (fp_enter(self->base.store, &self->base) == NULL) {
            return NULL;
        }
        firn_error err;
        int code;
        FP_UNLOCKED(code, fill(self, &err));
        fp_leave(self->base.store, &self->base);
        if (code != FIRN_OK) {
            self->rows = 0;
            return fp_raise(code, &err);
        }
        if (self->rows == 0) {
            return NULL; /* the end; asked again, it is still the end */
        }
    } else if (!fp_child_is_open(&self->base) || self->base.users > 0) {
        /* Closed, or another thread fills the buffer: fp_enter says so. */
        if (fp_enter(self->base.store, &self->base) != NULL) {
            fp_leave(self->base.store, &self->base);
        }
        return NULL;
    }
    return take_entry(self);
}

static PyObject *
iterator_self(PyObject *self)
{
    Py_INCREF(self);
    return self;
}

static PyObject *
iterator_close(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    fp_iterator *self = (fp_iterator *)object;
    if (!fp_child_close(&self->base)) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
iterator_exit(PyObject *self, PyObject *args)
{
    (void)args;
    return iterator_close(self, NULL);
}

static PyObject *
iterator_enter(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return iterator_self(self);
}

static PyObject *
iterator_get_range(PyObject *object, void *ctx)
{
    (void)ctx;
    static const char *const kinds[] = {
        [FP_KEYS] = "keys", [FP_VALUES] = "values", [FP_ITEMS] = "items"};
    fp_iterator *self = (fp_iterator *)object;
    return Py_BuildValue("(sOOOO)", kinds[self->items], self->keyspace, self->range[0],
                         self->range[1], self->range[2]);
}

static PyGetSetDef properties[] = {
    {"_range", iterator_get_range, NULL,
     "For `in`: what it iterates over, the keyspace, start, stop and prefix.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMethodDef methods[] = {
    FP_METHOD("close", iterator_close, METH_NOARGS,
              "close()\n\nReleases what the iterator keeps; its end does not."),
    FP_METHOD("__enter__", iterator_enter, METH_NOARGS, "The iterator itself."),
    FP_METHOD("__exit__", iterator_exit, METH_VARARGS, "Closes the iterator."),
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {FP_SLOT(Py_tp_new, fp_no_new),
                              FP_SLOT(Py_tp_dealloc, iterator_dealloc),
                              FP_SLOT(Py_tp_iter, iterator_self),
                              FP_SLOT(Py_tp_iternext, iterator_next),
                              FP_SLOT(Py_tp_methods, methods),
                              FP_SLOT(Py_tp_getset, properties),
                              FP_SLOT(Py_tp_doc, "The entries of a range, in order."),
                              {0, NULL}};

PyType_Spec fp_iterator_spec = {"firn._firn.Iterator", sizeof(fp_iterator), 0, Py_TPFLAGS_DEFAULT,
                                slots};
