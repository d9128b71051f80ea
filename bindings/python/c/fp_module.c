/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_module.c: the module firn._firn: its types, how codes of firn become exceptions, and how arguments become bytes.
 *
 * The classes of exceptions and results are written in Python (firn/_errors.py, firn/_results.py), where they are short, can
 * be pickled, and type checkers see them. They are looked up once, when the module is imported, and kept for the life of the
 * process, as are the extension's types: the module is one a process, and an interpreter beside the first one gets the same.
 *
 * Bytes: keys and values are borrowed from bytes objects, which never change. Everything else that has a buffer (bytearray,
 * memoryview, numpy arrays) is copied first, because another thread may change it while the GIL is released. The stable ABI
 * of 3.9 has no Py_buffer; PyBytes_FromObject makes that copy. A str stands for its UTF-8.
 */
#include "fp_checkpoint.h"
#include "fp_secret.h"
#include "fp_sql.h"

#include <stdarg.h>
#include <stdio.h>

struct fp_names fp_names;

/* ---- errors ---- */

/* The exception of a code with this text; raises it. */
static PyObject *
raise_exception(PyObject *class, int code, int os_errno, const char *text)
{
    PyObject *message = fp_text_of(text, strlen(text));
    if (message == NULL) {
        return NULL;
    }
    PyObject *exception = PyObject_CallFunction(class, "Oii", message, code, os_errno);
    Py_DECREF(message);
    if (exception != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
    }
    return NULL;
}

static PyObject *
class_of(int code)
{
    PyObject *number = PyLong_FromLong(code);
    if (number == NULL) {
        return NULL;
    }
    PyObject *class = PyDict_GetItemWithError(fp_names.errors, number);
    Py_DECREF(number);
    return class != NULL || PyErr_Occurred() ? class : fp_names.error;
}

PyObject *
fp_raise(int code, const firn_error *err)
{
    assert(code != FIRN_OK);
    PyObject *class = class_of(code);
    if (class == NULL) {
        return NULL;
    }
    bool has_text = err != NULL && err->code == code && err->text[0] != '\0';
    return raise_exception(class, code, has_text ? err->os_errno : 0,
                           has_text ? err->text : firn_code_text(code));
}

PyObject *
fp_raise_text(int code, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    PyObject *class = class_of(code);
    return class != NULL ? raise_exception(class, code, 0, text) : NULL;
}

PyObject *
fp_raise_closed(const char *what)
{
    char text[128];
    snprintf(text, sizeof text, "the %s is closed", what);
    return raise_exception(fp_names.closed, FIRN_MISUSE, 0, text);
}

/* ---- objects ---- */

PyObject *
fp_no_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    (void)type;
    (void)args;
    (void)keywords;
    PyErr_SetString(PyExc_TypeError, "objects of this type are made by methods of firn.Store");
    return NULL;
}

void *
fp_alloc(PyTypeObject *type)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return alloc(type, 0);
}

void
fp_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

PyObject *
fp_result(const char *name, PyObject *arguments)
{
    if (arguments == NULL) {
        return NULL;
    }
    PyObject *class = PyObject_GetAttrString(fp_names.results, name);
    PyObject *out = class != NULL ? PyObject_CallObject(class, arguments) : NULL;
    Py_XDECREF(class);
    Py_DECREF(arguments);
    return out;
}

PyObject *
fp_bytes_of(firn_slice bytes)
{
    return PyBytes_FromStringAndSize((const char *)bytes.data, (Py_ssize_t)bytes.size);
}

PyObject *
fp_text_of(const char *text, size_t size)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)size, "surrogateescape");
}

PyObject *
fp_text_or_none(const char *text)
{
    if (text == NULL) {
        Py_RETURN_NONE;
    }
    return fp_text_of(text, strlen(text));
}

/* ---- arguments ---- */

static bool
take_bytes(PyObject *bytes, struct fp_bytes *out)
{
    char *data;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(bytes, &data, &size) != 0) {
        return false;
    }
    out->slice = firn_bytes(data, (size_t)size);
    return true;
}

bool
fp_bytes_take(PyObject *argument, struct fp_bytes *out)
{
    out->owner = NULL;
    out->slice = firn_bytes(NULL, 0);
    if (PyBytes_Check(argument)) {
        return take_bytes(argument, out);
    }
    if (PyUnicode_Check(argument)) {
        out->owner = PyUnicode_AsUTF8String(argument);
    } else if (PyLong_Check(argument) || PyList_Check(argument) || PyTuple_Check(argument) ||
               argument == Py_None) {
        /* PyBytes_FromObject would take a list of numbers, and a number is surely a mistake. */
        PyErr_Format(PyExc_TypeError,
                     "keys and values are bytes, str or objects with a buffer, not %R",
                     (PyObject *)Py_TYPE(argument));
    } else {
        out->owner = PyBytes_FromObject(argument);
    }
    return out->owner != NULL && take_bytes(out->owner, out);
}

bool
fp_bytes_take_optional(PyObject *argument, struct fp_bytes *out)
{
    if (argument == NULL || argument == Py_None) {
        out->owner = NULL;
        out->slice = firn_bytes(NULL, 0);
        return true;
    }
    return fp_bytes_take(argument, out);
}

void
fp_bytes_release(struct fp_bytes *bytes)
{
    Py_CLEAR(bytes->owner);
}

int
fp_choice(const char *what, const char *word, const char *const *words)
{
    if (word == NULL) {
        return 0;
    }
    char list[160] = "";
    size_t used = 0;
    for (int i = 0; words[i] != NULL; i++) {
        if (words[i][0] != '\0' && strcmp(word, words[i]) == 0) {
            return i;
        }
        int length =
            snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", words[i]);
        used = length > 0 && used + (size_t)length < sizeof list ? used + (size_t)length : used;
    }
    fp_raise_text(FIRN_INVALID, "%s is one of %s, not '%.64s'", what, list, word);
    return -1;
}

bool
fp_durability(const char *word, firn_durability *out)
{
    static const char *const words[] = {"default", "full", "os", NULL};
    int number = fp_choice("durability", word, words);
    *out = (firn_durability)(number < 0 ? 0 : number);
    return number >= 0;
}

bool
fp_milliseconds(PyObject *seconds, uint64_t *out)
{
    *out = 0;
    if (seconds == NULL || seconds == Py_None) {
        return true;
    }
    double number;
    if (PyObject_IsInstance(seconds, fp_names.timedelta) == 1) {
        PyObject *total = PyObject_CallMethod(seconds, "total_seconds", NULL);
        number = total != NULL ? PyFloat_AsDouble(total) : -1;
        Py_XDECREF(total);
    } else {
        number = PyFloat_AsDouble(seconds);
    }
    if (PyErr_Occurred()) {
        return false;
    }
    if (!(number >= 0) || number > 1e12) {
        fp_raise_text(FIRN_INVALID, "a time in seconds is not negative, and at most 1e12");
        return false;
    }
    *out = number > 0 && number < 0.001 ? 1 : (uint64_t)(number * 1000);
    return true;
}

int
fp_count_take(PyObject *argument, void *out)
{
    struct fp_count *count = out;
    PyObject *number = PyNumber_Index(argument);
    if (number == NULL) {
        return 0;
    }
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    unsigned long long large = overflow > 0 ? PyLong_AsUnsignedLongLong(number) : 0;
    Py_DECREF(number);
    if (overflow < 0 || (overflow == 0 && value < 0)) {
        PyErr_Clear();
        fp_raise_text(FIRN_INVALID, "%s must not be negative", count->what);
        return 0;
    }
    if (PyErr_Occurred()) {
        PyErr_Clear();
        fp_raise_text(FIRN_INVALID, "%s does not fit in 64 bits", count->what);
        return 0;
    }
    count->value = overflow > 0 ? large : (uint64_t)value;
    return 1;
}

PyObject *
fp_path(PyObject *path)
{
    PyObject *bytes = NULL;
    return PyUnicode_FSConverter(path, &bytes) ? bytes : NULL;
}

/* ---- the module ---- */

static PyObject *
version(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    return PyUnicode_FromString(firn_version());
}

static PyObject *
number_to_bytes(PyObject *module, PyObject *number)
{
    (void)module;
    long long value = PyLong_AsLongLong(number);
    if (value == -1 && PyErr_Occurred()) {
        return NULL;
    }
    uint8_t bytes[8];
    firn_number(value, bytes);
    return PyBytes_FromStringAndSize((const char *)bytes, 8);
}

static PyObject *
number_from_bytes(PyObject *module, PyObject *value)
{
    (void)module;
    struct fp_bytes bytes;
    PyObject *out = NULL;
    if (fp_bytes_take(value, &bytes)) {
        out = bytes.slice.size == 8
                  ? PyLong_FromLongLong(firn_number_of(bytes.slice.data, bytes.slice.size))
                  : fp_raise_text(FIRN_INVALID, "a number has 8 bytes, not %zu", bytes.slice.size);
    }
    fp_bytes_release(&bytes);
    return out;
}

static PyObject *
destroy(PyObject *module, PyObject *path)
{
    (void)module;
    PyObject *bytes = fp_path(path);
    if (bytes == NULL) {
        return NULL;
    }
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_store_destroy(PyBytes_AsString(bytes), &err));
    Py_DECREF(bytes);
    if (code != FIRN_OK) {
        return fp_raise(code, &err);
    }
    Py_RETURN_NONE;
}

static PyObject *
check_locked(PyObject *module, PyObject *args, PyObject *keywords)
{
    (void)module;
    static char *names[] = {"path", "skip_contents", "progress", "notice", NULL};
    PyObject *path, *on_progress = NULL, *on_notice = NULL;
    int skips_contents = 0;
    struct fp_progress progress;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|$pOO", names, &path, &skips_contents,
                                     &on_progress, &on_notice) ||
        !fp_progress_init(&progress, on_progress, on_notice)) {
        return NULL;
    }
    PyObject *bytes = fp_path(path);
    if (bytes == NULL) {
        return NULL;
    }
    firn_store_check_locked_options options = FIRN_STORE_CHECK_LOCKED_OPTIONS_INIT;
    firn_store_check_locked_result result = FIRN_STORE_CHECK_LOCKED_RESULT_INIT;
    options.skips_contents = skips_contents != 0;
    options.callbacks = fp_progress_callbacks(&progress);
    firn_error err;
    int code;
    FP_UNLOCKED(code, firn_store_check_locked(PyBytes_AsString(bytes), &options, &result, &err));
    Py_DECREF(bytes);
    if (!fp_progress_end(&progress, code, &err)) {
        return NULL;
    }
    return fp_result("LockedCheckResult", Py_BuildValue("(KKKK)", (unsigned long long)result.files,
                                                        (unsigned long long)result.blocks,
                                                        (unsigned long long)result.bytes_read,
                                                        (unsigned long long)result.log_records));
}

static PyMethodDef functions[] = {
    FP_METHOD("version", version, METH_NOARGS,
              "version() -> str\n\nThe version of the firn library in this package."),
    FP_METHOD("number", number_to_bytes, METH_O,
              "number(value: int) -> bytes\n\nThe 8 bytes that stand for a number in values that "
              "'add', 'min' and 'max' merge."),
    FP_METHOD(
        "number_of", number_from_bytes, METH_O,
        "number_of(value: bytes) -> int\n\nThe number that such a value of 8 bytes stands for."),
    FP_METHOD("destroy", destroy, METH_O,
              "destroy(path)\n\nRemoves the store in a directory permanently. NotFound if there is "
              "none, Busy while it is open."),
    FP_METHOD("check_locked", check_locked, FP_KEYWORDS,
              "check_locked(path, *, skip_contents=False, progress=None, notice=None) -> "
              "LockedCheckResult\n\nVerifies the checksums of an encrypted store without its key. "
              "Corrupt if anything is damaged; notice is called with a Notice for each damaged "
              "part. Whether files belong together, and whether one is missing, is not verified: "
              "Store.check does that. skip_contents: of packs, not the contents of saved files."),
    FP_METHOD("import_store", fp_checkpoint_import, FP_KEYWORDS,
              "import_store(file, path, *, progress=None, key=None) -> Checkpoint\n\nCreates a "
              "store in a directory from a file that Store.export wrote. key: what opens the file, "
              "if it is encrypted and the environment does not say."),
    FP_METHOD(
        "keys_rekey", fp_keys_rekey, FP_KEYWORDS,
        "keys_rekey(path, *, key=None, lock_timeout=None, progress=None, notice=None) -> "
        "Rekeyed\n\nWrites every file of a store anew that is not encrypted with its newest "
        "master key, or that is not as it is to be while the store is changing. If nothing is "
        "left, "
        "older master keys are dropped, or the change has ended; otherwise another call does the "
        "rest. Packs of saved directories are left to Workspace.gc with rekey=True."),
    FP_METHOD("_keys", fp_keys, FP_KEYWORDS, NULL),
    FP_METHOD("_sql_entry", fp_sql_entry, METH_NOARGS, NULL),
    FP_METHOD("_sql_await", fp_sql_await, METH_O, NULL),
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                                        "firn._firn",
                                        "The native half of firn. Import firn instead.",
                                        -1,
                                        functions,
                                        NULL,
                                        NULL,
                                        NULL,
                                        NULL};

/* module.name, kept for ever. */
static bool
look_up(PyObject **out, const char *module, const char *name)
{
    PyObject *imported = PyImport_ImportModule(module);
    *out = imported != NULL && name != NULL ? PyObject_GetAttrString(imported, name) : imported;
    if (name != NULL) {
        Py_XDECREF(imported);
    }
    return *out != NULL;
}

static bool
look_up_all(void)
{
    struct fp_names *names = &fp_names;
    return look_up(&names->errors, "firn._errors", "BY_CODE") &&
           look_up(&names->error, "firn._errors", "Error") &&
           look_up(&names->closed, "firn._errors", "Closed") &&
           look_up(&names->results, "firn._results", NULL) &&
           look_up(&names->epoch, "firn._results", "EPOCH") &&
           look_up(&names->epoch_naive, "firn._results", "EPOCH_NAIVE") &&
           look_up(&names->decimal, "decimal", "Decimal") &&
           look_up(&names->date, "datetime", "date") &&
           look_up(&names->datetime, "datetime", "datetime") &&
           look_up(&names->timedelta, "datetime", "timedelta") &&
           look_up(&names->uuid, "uuid", "UUID") && look_up(&names->array, "array", "array");
}

static bool
add_type(PyObject *module, const char *name, PyType_Spec *spec, PyTypeObject **out)
{
    PyObject *type = PyType_FromSpec(spec);
    if (type == NULL || PyModule_AddObject(module, name, type) != 0) {
        Py_XDECREF(type);
        return false;
    }
    Py_INCREF(type);
    *out = (PyTypeObject *)type;
    return true;
}

PyMODINIT_FUNC PyInit__firn(void);

PyMODINIT_FUNC
PyInit__firn(void)
{
    PyObject *module = PyModule_Create(&definition);
    struct fp_names *names = &fp_names;
    if (module != NULL && look_up_all() &&
        add_type(module, "Store", &fp_store_spec, &names->store_type) &&
        add_type(module, "Keyspace", &fp_keyspace_spec, &names->keyspace_type) &&
        add_type(module, "Iterator", &fp_iterator_spec, &names->iterator_type) &&
        add_type(module, "Batch", &fp_batch_spec, &names->batch_type) &&
        add_type(module, "Transaction", &fp_txn_spec, &names->txn_type) &&
        add_type(module, "Snapshot", &fp_snapshot_spec, &names->snapshot_type) &&
        add_type(module, "Table", &fp_table_spec, &names->table_type) &&
        add_type(module, "Scan", &fp_scan_spec, &names->scan_type) &&
        add_type(module, "Workspace", &fp_workspace_spec, &names->workspace_type)) {
        return module;
    }
    Py_XDECREF(module);
    return NULL;
}
