/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_keyspace.c: the type Keyspace: a mapping from bytes to bytes, of the store's present state, or as a transaction or a
 * snapshot sees it. One type for the three: what differs is the function that a read or a write ends in.
 *
 * get is the call that programs make a million times a second. A value of up to SMALL_SIZE bytes is copied from firn to the
 * stack and from there into the bytes object, without an allocation between; larger ones are fetched again.
 *
 * Writes through a snapshot raise ReadOnly. insert and compare_and_put in a transaction are a read and a write of it: that
 * is what makes them atomic there.
 */
#include "fp.h"

#include <stdio.h>

enum { SMALL_SIZE = 4096, MANY_MAX = 1 << 20, SHOWN_BYTES = 60 };

PyObject *
fp_keyspace_make(fp_store *store, fp_child *via, firn_keyspace *keyspace, const char *name)
{
    fp_keyspace *self = fp_alloc(fp_names.keyspace_type);
    if (self == NULL) {
        return NULL;
    }
    Py_INCREF(store);
    Py_XINCREF(via);
    self->store = store;
    self->via = via;
    self->keyspace = keyspace;
    if (via != NULL && Py_TYPE(via) == fp_names.txn_type) {
        self->txn = ((fp_txn *)via)->txn;
    } else if (via != NULL) {
        self->snapshot = ((fp_snapshot *)via)->snapshot;
    }
    self->name = fp_text_of(name, strlen(name));
    if (self->name == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

PyObject *
fp_keyspace_open(fp_store *store, fp_child *via, const char *name, bool create, bool exclusive)
{
    firn_store *native = fp_enter(store, via);
    if (native == NULL) {
        return NULL;
    }
    bool is_of_snapshot = via != NULL && Py_TYPE(via) == fp_names.snapshot_type;
    firn_keyspace_options options = FIRN_KEYSPACE_OPTIONS_INIT;
    options.create_if_missing = create;
    options.fail_if_exists = exclusive;
    firn_keyspace *keyspace = NULL;
    firn_error err;
    int code;
    FP_UNLOCKED(code, is_of_snapshot ? firn_snapshot_keyspace_open(((fp_snapshot *)via)->snapshot,
                                                                   name, &keyspace, &err)
                                     : firn_keyspace_open(native, name, &options, &keyspace, &err));
    fp_leave(store, via);
    return code == FIRN_OK ? fp_keyspace_make(store, via, keyspace, name) : fp_raise(code, &err);
}

fp_keyspace *
fp_keyspace_of(PyObject *argument, fp_store *store)
{
    if (Py_TYPE(argument) != fp_names.keyspace_type) {
        PyErr_SetString(PyExc_TypeError, "a Keyspace is wanted");
        return NULL;
    }
    fp_keyspace *keyspace = (fp_keyspace *)argument;
    if (keyspace->store != store) {
        return (fp_keyspace *)fp_raise_text(FIRN_INVALID, "the keyspace belongs to another store");
    }
    return keyspace;
}

static void
keyspace_dealloc(PyObject *object)
{
    fp_keyspace *self = (fp_keyspace *)object;
    Py_CLEAR(self->via);
    Py_CLEAR(self->name);
    Py_CLEAR(self->store);
    fp_free(object);
}

/* ---- reading ---- */

static int
read_copy(const fp_keyspace *self, firn_slice key, uint8_t **out, size_t *out_size, firn_error *err)
{
    if (self->txn != NULL) {
        return firn_txn_get(self->txn, self->keyspace, key, out, out_size, err);
    }
    return self->snapshot != NULL
               ? firn_snapshot_get(self->snapshot, self->keyspace, key, out, out_size, err)
               : firn_get(self->keyspace, key, out, out_size, err);
}

/* The value as bytes; NULL with *out_code set, and an exception unless that is NOT_FOUND. */
static PyObject *
read_value(fp_keyspace *self, firn_slice key, int *out_code, firn_error *err)
{
    uint8_t small[SMALL_SIZE];
    uint8_t *large = NULL;
    size_t size = 0;
    int code;
    *out_code = FIRN_INTERNAL;
    if (fp_enter(self->store, self->via) == NULL) {
        return NULL;
    }
    PyThreadState *thread = PyEval_SaveThread();
    if (self->via == NULL) {
        code = firn_get_into(self->keyspace, key, small, sizeof small, &size, err);
        if (code == FIRN_LIMIT && size > sizeof small) {
            code = firn_get(self->keyspace, key, &large, &size, err);
        }
    } else {
        code = read_copy(self, key, &large, &size, err);
    }
    PyEval_RestoreThread(thread);
    fp_leave(self->store, self->via);
    *out_code = code;
    if (code != FIRN_OK) {
        return code != FIRN_NOT_FOUND ? fp_raise(code, err) : NULL;
    }
    PyObject *value =
        PyBytes_FromStringAndSize((const char *)(large != NULL ? large : small), (Py_ssize_t)size);
    firn_release(large);
    return value;
}

/* NotFound that names the key, escaped and perhaps cut short. */
static void
raise_missing(firn_slice key)
{
    char text[4 * SHOWN_BYTES + 1] = "";
    size_t at = 0;
    for (size_t i = 0; i < key.size && i < SHOWN_BYTES; i++) {
        const unsigned char byte = key.data[i];
        const bool is_plain = byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\';
        if (is_plain) {
            text[at++] = (char)byte;
        } else {
            at += (size_t)snprintf(text + at, sizeof text - at, "\\x%02x", byte);
        }
    }
    fp_raise_text(FIRN_NOT_FOUND, "there is no key \"%s\"%s", text,
                  key.size > SHOWN_BYTES ? "..." : "");
}

static PyObject *
keyspace_subscript(PyObject *self, PyObject *argument)
{
    struct fp_bytes key;
    firn_error err;
    int code = FIRN_INTERNAL;
    PyObject *value = fp_bytes_take(argument, &key)
                          ? read_value((fp_keyspace *)self, key.slice, &code, &err)
                          : NULL;
    if (value == NULL && code == FIRN_NOT_FOUND) {
        raise_missing(key.slice);
    }
    fp_bytes_release(&key);
    return value;
}

static PyObject *
get_or_default(PyObject *self, PyObject *argument, PyObject *missing)
{
    struct fp_bytes key;
    firn_error err;
    int code = FIRN_INTERNAL;
    PyObject *value = fp_bytes_take(argument, &key)
                          ? read_value((fp_keyspace *)self, key.slice, &code, &err)
                          : NULL;
    if (value == NULL && code == FIRN_NOT_FOUND) {
        Py_INCREF(missing);
        value = missing;
    }
    fp_bytes_release(&key);
    return value;
}

static PyObject *
keyspace_get(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"key", "default", NULL};
    PyObject *key, *missing = Py_None;
    if (keywords == NULL && PyTuple_Size(args) == 1) { /* by far the most */
        return get_or_default(self, PyTuple_GetItem(args, 0), Py_None);
    }
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O", names, &key, &missing)) {
        return NULL;
    }
    return get_or_default(self, key, missing);
}

static int
keyspace_contains(PyObject *object, PyObject *argument)
{
    fp_keyspace *self = (fp_keyspace *)object;
    struct fp_bytes key;
    bool exists = false;
    if (!fp_bytes_take(argument, &key) || fp_enter(self->store, self->via) == NULL) {
        fp_bytes_release(&key);
        return -1;
    }
    firn_error err;
    uint8_t *value = NULL;
    size_t size;
    int code;
    FP_UNLOCKED(code, self->via == NULL ? firn_exists(self->keyspace, key.slice, &exists, &err)
                                        : read_copy(self, key.slice, &value, &size, &err));
    fp_leave(self->store, self->via);
    fp_bytes_release(&key);
    firn_release(value);
    if (self->via != NULL && (code == FIRN_OK || code == FIRN_NOT_FOUND)) {
        exists = code == FIRN_OK;
        code = FIRN_OK;
    }
    if (code != FIRN_OK) {
        fp_raise(code, &err);
        return -1;
    }
    return exists ? 1 : 0;
}

/* Keys of an iterable, as slices; the list that keeps them is *out_keep. */
static firn_slice *
take_keys(PyObject *iterable, PyObject **out_keep, Py_ssize_t *out_count)
{
    PyObject *given = PySequence_List(iterable);
    Py_ssize_t count = given != NULL ? PyList_Size(given) : 0;
    *out_keep = given != NULL ? PyList_New(0) : NULL;
    firn_slice *keys = NULL;
    if (*out_keep != NULL && count > MANY_MAX) {
        fp_raise_text(FIRN_LIMIT, "at most %d keys are read at once", MANY_MAX);
    } else if (*out_keep != NULL && (keys = malloc(((size_t)count + 1) * sizeof *keys)) == NULL) {
        PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; keys != NULL && i < count; i++) {
        struct fp_bytes key;
        PyObject *item = PyList_GetItem(given, i);
        bool is_taken = fp_bytes_take(item, &key) &&
                        PyList_Append(*out_keep, key.owner != NULL ? key.owner : item) == 0;
        keys[i] = key.slice;
        fp_bytes_release(&key);
        if (!is_taken) {
            free(keys);
            keys = NULL;
        }
    }
    Py_XDECREF(given);
    *out_count = count;
    return keys;
}

static int
read_many(fp_keyspace *self, const firn_slice *keys, size_t count, uint8_t **values, size_t *sizes,
          firn_error *err)
{
    if (self->txn == NULL) {
        return firn_get_many(self->keyspace, self->snapshot, keys, count, values, sizes, err);
    }
    int code = FIRN_OK;
    for (size_t i = 0; i < count && code == FIRN_OK; i++) {
        code = firn_txn_get(self->txn, self->keyspace, keys[i], &values[i], &sizes[i], err);
        code = code == FIRN_NOT_FOUND ? FIRN_OK : code;
    }
    return code;
}

static PyObject *
keyspace_get_many(PyObject *object, PyObject *iterable)
{
    fp_keyspace *self = (fp_keyspace *)object;
    PyObject *keep, *out = NULL;
    Py_ssize_t count;
    firn_slice *keys = take_keys(iterable, &keep, &count);
    uint8_t **values = calloc((size_t)count + 1, sizeof *values);
    size_t *sizes = calloc((size_t)count + 1, sizeof *sizes);
    if (keys == NULL || values == NULL || sizes == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
    } else if (fp_enter(self->store, self->via) != NULL) {
        firn_error err;
        int code;
        FP_UNLOCKED(code, read_many(self, keys, (size_t)count, values, sizes, &err));
        fp_leave(self->store, self->via);
        out = code == FIRN_OK ? PyList_New(count) : fp_raise(code, &err);
    }
    for (Py_ssize_t i = 0; out != NULL && i < count; i++) {
        PyObject *value = Py_None;
        if (values[i] != NULL) {
            value = PyBytes_FromStringAndSize((const char *)values[i], (Py_ssize_t)sizes[i]);
        } else {
            Py_INCREF(value);
        }
        if (value == NULL || PyList_SetItem(out, i, value) != 0) {
            Py_CLEAR(out);
        }
    }
    for (Py_ssize_t i = 0; values != NULL && i < count; i++) {
        firn_release(values[i]);
    }
    free(keys);
    free(values);
    free(sizes);
    Py_XDECREF(keep);
    return out;
}

/* ---- writing ---- */

static int
write_value(fp_keyspace *self, firn_slice key, firn_slice value, const firn_write_options *options,
            firn_error *err)
{
    if (self->txn == NULL) {
        return firn_put(self->keyspace, key, value, options, err);
    }
    return firn_txn_put_ttl(self->txn, self->keyspace, key, value, options->ttl_ms, err);
}

static int
remove_key(fp_keyspace *self, firn_slice key, const firn_write_options *options, firn_error *err)
{
    return self->txn != NULL ? firn_txn_delete(self->txn, self->keyspace, key, err)
                             : firn_delete(self->keyspace, key, options, err);
}

/* Enters for a write. */
static bool
enter_writing(fp_keyspace *self)
{
    if (self->snapshot != NULL) {
        fp_raise_text(FIRN_READ_ONLY, "a snapshot cannot be written");
        return false;
    }
    return fp_enter(self->store, self->via) != NULL;
}

static int
keyspace_assign(PyObject *object, PyObject *key_argument, PyObject *value_argument)
{
    fp_keyspace *self = (fp_keyspace *)object;
    struct fp_bytes key, value = {{NULL, 0}, NULL};
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    firn_error err;
    int code = FIRN_INTERNAL;
    bool is_delete = value_argument == NULL;
    if (fp_bytes_take(key_argument, &key) && (is_delete || fp_bytes_take(value_argument, &value)) &&
        enter_writing(self)) {
        bool exists = true;
        PyThreadState *thread = PyEval_SaveThread();
        if (is_delete) { /* a mapping's del raises KeyError */
            uint8_t *old = NULL;
            size_t size;
            code = self->txn != NULL
                       ? firn_txn_get(self->txn, self->keyspace, key.slice, &old, &size, &err)
                       : firn_exists(self->keyspace, key.slice, &exists, &err);
            firn_release(old);
            if (code == FIRN_OK && exists) {
                code = remove_key(self, key.slice, &options, &err);
            }
        } else {
            code = write_value(self, key.slice, value.slice, &options, &err);
        }
        PyEval_RestoreThread(thread);
        fp_leave(self->store, self->via);
        if (code == FIRN_NOT_FOUND) {
            raise_missing(key.slice);
        } else if (code != FIRN_OK) {
            fp_raise(code, &err);
        } else if (!exists) {
            code = FIRN_NOT_FOUND;
            raise_missing(key.slice);
        }
    }
    fp_bytes_release(&key);
    fp_bytes_release(&value);
    return code == FIRN_OK ? 0 : -1;
}

enum change { PUT, INSERT, COMPARE_AND_PUT, DELETE };

static int
change_in_txn(fp_keyspace *self, enum change change, firn_slice key, firn_slice expected,
              firn_slice value, const firn_write_options *options, firn_error *err)
{
    uint8_t *old = NULL;
    size_t size = 0;
    int code = firn_txn_get(self->txn, self->keyspace, key, &old, &size, err);
    if (change == INSERT && code == FIRN_OK) {
        code = FIRN_EXISTS;
    } else if (change == INSERT && code == FIRN_NOT_FOUND) {
        code = FIRN_OK;
    } else if (change == COMPARE_AND_PUT && code == FIRN_OK &&
               (size != expected.size || (size > 0 && memcmp(old, expected.data, size) != 0))) {
        code = FIRN_CONFLICT;
    }
    firn_release(old);
    return code == FIRN_OK ? write_value(self, key, value, options, err) : code;
}

static int
apply_change(fp_keyspace *self, enum change change, firn_slice key, firn_slice expected,
             firn_slice value, const firn_write_options *options, firn_error *err)
{
    if (change == PUT) {
        return write_value(self, key, value, options, err);
    }
    if (change == DELETE) {
        return remove_key(self, key, options, err);
    }
    if (self->txn != NULL) {
        err->code = FIRN_OK;
        err->text[0] = '\0';
        return change_in_txn(self, change, key, expected, value, options, err);
    }
    return change == INSERT
               ? firn_insert(self->keyspace, key, value, options, err)
               : firn_compare_and_put(self->keyspace, key, expected, value, options, err);
}

static PyObject *
make_change(PyObject *object, enum change change, PyObject *args, PyObject *keywords)
{
    static char *put_names[] = {"key", "value", "ttl", "durability", NULL};
    static char *compare_names[] = {"key", "expected", "value", "ttl", "durability", NULL};
    static char *delete_names[] = {"key", "durability", NULL};
    fp_keyspace *self = (fp_keyspace *)object;
    PyObject *arguments[3] = {NULL, NULL, NULL}, *ttl = NULL; /* key, expected, value */
    const char *durability = NULL;
    int parsed =
        change == COMPARE_AND_PUT
            ? PyArg_ParseTupleAndKeywords(args, keywords, "OOO|$Oz", compare_names, &arguments[0],
                                          &arguments[1], &arguments[2], &ttl, &durability)
        : change == DELETE
            ? PyArg_ParseTupleAndKeywords(args, keywords, "O|$z", delete_names, &arguments[0],
                                          &durability)
            : PyArg_ParseTupleAndKeywords(args, keywords, "OO|$Oz", put_names, &arguments[0],
                                          &arguments[2], &ttl, &durability);
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    if (!parsed || !fp_milliseconds(ttl, &options.ttl_ms) ||
        !fp_durability(durability, &options.durability)) {
        return NULL;
    }
    struct fp_bytes parts[3] = {{{NULL, 0}, NULL}, {{NULL, 0}, NULL}, {{NULL, 0}, NULL}};
    bool is_taken = true;
    for (int i = 0; i < 3 && is_taken; i++) {
        is_taken = arguments[i] == NULL || fp_bytes_take(arguments[i], &parts[i]);
    }
    PyObject *out = NULL;
    if (is_taken && enter_writing(self)) {
        firn_error err;
        int code;
        FP_UNLOCKED(code, apply_change(self, change, parts[0].slice, parts[1].slice, parts[2].slice,
                                       &options, &err));
        fp_leave(self->store, self->via);
        out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
        Py_XINCREF(out);
    }
    for (int i = 0; i < 3; i++) {
        fp_bytes_release(&parts[i]);
    }
    return out;
}

static PyObject *
keyspace_put(PyObject *self, PyObject *args, PyObject *keywords)
{
    return make_change(self, PUT, args, keywords);
}

static PyObject *
keyspace_insert(PyObject *self, PyObject *args, PyObject *keywords)
{
    return make_change(self, INSERT, args, keywords);
}

static PyObject *
keyspace_compare_and_put(PyObject *self, PyObject *args, PyObject *keywords)
{
    return make_change(self, COMPARE_AND_PUT, args, keywords);
}

static PyObject *
keyspace_delete(PyObject *self, PyObject *args, PyObject *keywords)
{
    return make_change(self, DELETE, args, keywords);
}

static PyObject *
keyspace_delete_range(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"start", "stop", NULL};
    fp_keyspace *self = (fp_keyspace *)object;
    PyObject *start, *stop, *out = NULL;
    struct fp_bytes lower = {{NULL, 0}, NULL}, upper = {{NULL, 0}, NULL};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO", names, &start, &stop)) {
        return NULL;
    }
    if (fp_bytes_take(start, &lower) && fp_bytes_take(stop, &upper) && enter_writing(self)) {
        firn_error err;
        int code;
        FP_UNLOCKED(code, self->txn != NULL ? firn_txn_delete_range(self->txn, self->keyspace,
                                                                    lower.slice, upper.slice, &err)
                                            : firn_delete_range(self->keyspace, lower.slice,
                                                                upper.slice, NULL, &err));
        fp_leave(self->store, self->via);
        out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
        Py_XINCREF(out);
    }
    fp_bytes_release(&lower);
    fp_bytes_release(&upper);
    return out;
}

enum { OPERATORS_MAX = 31 };

bool
fp_merge_arguments(const char *operation, PyObject *operand, firn_merge_operator *out,
                   uint8_t number[8], struct fp_bytes *out_operand)
{
    const char *words[OPERATORS_MAX + 2] = {""};
    for (int i = 1; i <= OPERATORS_MAX; i++) {
        const char *name = firn_merge_operator_name((firn_merge_operator)i);
        words[i] = strcmp(name, "unknown") != 0 ? name : NULL;
    }
    int choice = fp_choice("merge", operation, words);
    out_operand->owner = NULL;
    if (choice <= 0) {
        return false;
    }
    *out = (firn_merge_operator)choice;
    if (!PyLong_Check(operand)) {
        return fp_bytes_take(operand, out_operand);
    }
    long long value = PyLong_AsLongLong(operand);
    if (value == -1 && PyErr_Occurred()) {
        return false;
    }
    firn_number(value, number);
    out_operand->slice = firn_bytes(number, 8);
    return true;
}

static PyObject *
keyspace_merge(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"key", "operation", "operand", "durability", NULL};
    fp_keyspace *self = (fp_keyspace *)object;
    PyObject *key_argument, *operand_argument, *out = NULL;
    const char *operation_name, *durability = NULL;
    firn_merge_operator operation;
    uint8_t number[8];
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OsO|$z", names, &key_argument,
                                     &operation_name, &operand_argument, &durability) ||
        !fp_durability(durability, &options.durability)) {
        return NULL;
    }
    struct fp_bytes key, operand = {{NULL, 0}, NULL};
    if (fp_bytes_take(key_argument, &key) &&
        fp_merge_arguments(operation_name, operand_argument, &operation, number, &operand) &&
        enter_writing(self)) {
        firn_error err;
        int code;
        FP_UNLOCKED(code, self->txn != NULL ? firn_txn_merge(self->txn, self->keyspace, key.slice,
                                                             operation, operand.slice, &err)
                                            : firn_merge(self->keyspace, key.slice, operation,
                                                         operand.slice, &options, &err));
        fp_leave(self->store, self->via);
        out = code == FIRN_OK ? Py_None : fp_raise(code, &err);
        Py_XINCREF(out);
    }
    fp_bytes_release(&key);
    fp_bytes_release(&operand);
    return out;
}

/* ---- the rest of a mapping ---- */

static PyObject *
keyspace_items(PyObject *self, PyObject *args, PyObject *keywords)
{
    return fp_iterate((fp_keyspace *)self, args, keywords, FP_ITEMS);
}

static PyObject *
keyspace_keys(PyObject *self, PyObject *args, PyObject *keywords)
{
    return fp_iterate((fp_keyspace *)self, args, keywords, FP_KEYS);
}

static PyObject *
keyspace_values(PyObject *self, PyObject *args, PyObject *keywords)
{
    return fp_iterate((fp_keyspace *)self, args, keywords, FP_VALUES);
}

static PyObject *
keyspace_iter(PyObject *self)
{
    PyObject *none = PyTuple_New(0);
    PyObject *out = none != NULL ? fp_iterate((fp_keyspace *)self, none, NULL, FP_KEYS) : NULL;
    Py_XDECREF(none);
    return out;
}

static Py_ssize_t
count_keys(fp_keyspace *self, Py_ssize_t max)
{
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    options.snapshot = self->snapshot;
    options.keys_only = true;
    if (fp_enter(self->store, self->via) == NULL) {
        return -1;
    }
    firn_cursor *cursor = NULL;
    firn_error err;
    Py_ssize_t count = 0;
    PyThreadState *thread = PyEval_SaveThread();
    int code = self->txn != NULL
                   ? firn_txn_cursor_open(self->txn, self->keyspace, &options, &cursor, &err)
                   : firn_cursor_open(self->keyspace, &options, &cursor, &err);
    if (code == FIRN_OK) {
        code = firn_cursor_first(cursor, &err);
    }
    while (code == FIRN_OK && count < max && firn_cursor_valid(cursor)) {
        count++;
        code = firn_cursor_next(cursor, &err);
    }
    firn_cursor_close(cursor);
    PyEval_RestoreThread(thread);
    fp_leave(self->store, self->via);
    if (code != FIRN_OK) {
        fp_raise(code, &err);
        return -1;
    }
    return count;
}

static Py_ssize_t
keyspace_length(PyObject *self)
{
    return count_keys((fp_keyspace *)self, PY_SSIZE_T_MAX);
}

static int
keyspace_bool(PyObject *self)
{
    return (int)count_keys((fp_keyspace *)self, 1);
}

static PyObject *
keyspace_approximate_size(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"start", "stop", NULL};
    fp_keyspace *self = (fp_keyspace *)object;
    PyObject *start = NULL, *stop = NULL;
    struct fp_bytes lower = {{NULL, 0}, NULL}, upper = {{NULL, 0}, NULL};
    PyObject *out = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO", names, &start, &stop)) {
        return NULL;
    }
    if (fp_bytes_take_optional(start, &lower) && fp_bytes_take_optional(stop, &upper) &&
        fp_enter(self->store, self->via) != NULL) {
        firn_keyspace_size size = FIRN_KEYSPACE_SIZE_INIT;
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_keyspace_approximate_size(self->keyspace, lower.slice, upper.slice,
                                                         &size, &err));
        fp_leave(self->store, self->via);
        out = code != FIRN_OK
                  ? fp_raise(code, &err)
                  : fp_result("KeyspaceSize",
                              Py_BuildValue("(KKKKK)", (unsigned long long)size.file_bytes,
                                            (unsigned long long)size.file_entries,
                                            (unsigned long long)size.value_bytes,
                                            (unsigned long long)size.memory_bytes,
                                            (unsigned long long)size.memory_entries));
    }
    fp_bytes_release(&lower);
    fp_bytes_release(&upper);
    return out;
}

static PyObject *
keyspace_get_in_transaction(PyObject *self, void *ctx)
{
    (void)ctx;
    return PyBool_FromLong(((fp_keyspace *)self)->txn != NULL);
}

static PyObject *
keyspace_repr(PyObject *object)
{
    fp_keyspace *self = (fp_keyspace *)object;
    return PyUnicode_FromFormat("<firn.Keyspace %R%s%s>", self->name,
                                self->via != NULL ? " of a " : "",
                                self->via != NULL ? self->via->what : "");
}

#define RANGE_DOC                                                                                \
    "(start=None, stop=None, *, prefix=None, reverse=False)\n\n"                                 \
    "start is included, stop is not; prefix keeps the keys that begin with it. Shows the state " \
    "of "                                                                                        \
    "the moment when it is\ncalled. Reads in batches; close() or the end releases it."

static PyMethodDef methods[] = {
    FP_METHOD("get", keyspace_get, FP_KEYWORDS,
              "get(key, default=None)\n\nThe value of a key as bytes, or the default."),
    FP_METHOD("get_many", keyspace_get_many, METH_O,
              "get_many(keys) -> list\n\nThe values of many keys from one state, None for missing "
              "ones. Faster than as many gets."),
    FP_METHOD("put", keyspace_put, FP_KEYWORDS,
              "put(key, value, *, ttl=None, durability=None)\n\nSets a value. ttl: seconds until "
              "it expires. durability: 'full' or 'os'."),
    FP_METHOD("insert", keyspace_insert, FP_KEYWORDS,
              "insert(key, value, *, ttl=None, durability=None)\n\nSets a value only if the key "
              "has none: Exists otherwise."),
    FP_METHOD("compare_and_put", keyspace_compare_and_put, FP_KEYWORDS,
              "compare_and_put(key, expected, value, *, ttl=None, durability=None)\n\nReplaces a "
              "value only if it equals expected: Conflict "
              "if it differs, NotFound if there is none."),
    FP_METHOD("delete", keyspace_delete, FP_KEYWORDS,
              "delete(key, *, durability=None)\n\nDeletes a key. A missing one is no error; del "
              "keyspace[key] raises NotFound."),
    FP_METHOD("delete_range", keyspace_delete_range, FP_KEYWORDS,
              "delete_range(start, stop)\n\nDeletes all keys from start to before stop, in one "
              "small commit."),
    FP_METHOD("merge", keyspace_merge, FP_KEYWORDS,
              "merge(key, operation, operand, *, durability=None)\n\nChanges a value without "
              "reading it: 'add', 'min' and 'max' take an int "
              "and keep a number (number_of), 'append' takes bytes. Where those three find a value "
              "that is no number (8 bytes), the operand replaces it."),
    FP_METHOD("items", keyspace_items, FP_KEYWORDS, "items" RANGE_DOC),
    FP_METHOD("keys", keyspace_keys, FP_KEYWORDS, "keys" RANGE_DOC),
    FP_METHOD("values", keyspace_values, FP_KEYWORDS, "values" RANGE_DOC),
    FP_METHOD("approximate_size", keyspace_approximate_size, FP_KEYWORDS,
              "approximate_size(start=None, stop=None) -> KeyspaceSize\n\nAn estimate of the size "
              "of a range, without reading it."),
    {NULL, NULL, 0, NULL}};

static PyGetSetDef properties[] = {
    {"name", fp_get_member, NULL, "The keyspace's name.", FP_MEMBER(fp_keyspace, name)},
    {"store", fp_get_member, NULL, "The store that it belongs to.", FP_MEMBER(fp_keyspace, store)},
    {"in_transaction", keyspace_get_in_transaction, NULL, "Whether a transaction gave it.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {
    FP_SLOT(Py_tp_new, fp_no_new),
    FP_SLOT(Py_tp_dealloc, keyspace_dealloc),
    FP_SLOT(Py_tp_repr, keyspace_repr),
    FP_SLOT(Py_tp_iter, keyspace_iter),
    FP_SLOT(Py_tp_methods, methods),
    FP_SLOT(Py_tp_getset, properties),
    FP_SLOT(Py_mp_subscript, keyspace_subscript),
    FP_SLOT(Py_mp_ass_subscript, keyspace_assign),
    FP_SLOT(Py_mp_length, keyspace_length),
    FP_SLOT(Py_sq_contains, keyspace_contains),
    FP_SLOT(Py_nb_bool, keyspace_bool),
    FP_SLOT(Py_tp_doc, "Ordered pairs of bytes under a name: a mapping. len() reads all keys."),
    {0, NULL}};

PyType_Spec fp_keyspace_spec = {"firn._firn.Keyspace", sizeof(fp_keyspace), 0, Py_TPFLAGS_DEFAULT,
                                slots};
