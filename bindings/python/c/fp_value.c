/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_value.c: typed values of tables as Python objects, and back.
 *
 *     firn                 Python, read              Python, also written
 *     bool                 bool                      int 0, 1
 *     i8 … u64             int                       bool
 *     f32, f64             float                     int
 *     decimal(p, s)        decimal.Decimal           int, str
 *     date                 datetime.date             str
 *     timestamp            datetime.datetime, UTC    one without a zone: as UTC; str
 *     text                 str
 *     blob                 bytes                     bytearray, memoryview
 *     uuid                 uuid.UUID                 bytes, str
 *     vector(n)            array.array('f')          numpy arrays, buffers of any numbers, lists
 *
 * A str for another type than text is read as firn_value_parse reads it. What does not fit is refused by firn with Invalid or
 * Limit, never rounded. Parameters of texts have no column: a Decimal is passed as its text there, which firn compares exactly.
 */
#include "fp_table.h"

#include <stdio.h>

enum { DAYS_TO_1970 = 719163 };

/* ---- to Python ---- */

static PyObject *
decimal_object(int64_t units, uint32_t scale)
{
    char text[48];
    snprintf(text, sizeof text, "%lldE-%u", (long long)units, scale);
    return PyObject_CallFunction(fp_names.decimal, "s", text);
}

static PyObject *
timestamp_object(int64_t us)
{
    PyObject *delta = PyObject_CallFunction(fp_names.timedelta, "iiL", 0, 0, (long long)us);
    PyObject *out = delta != NULL ? PyNumber_Add(fp_names.epoch, delta) : NULL;
    Py_XDECREF(delta);
    return out;
}

static PyObject *
vector_object(firn_slice bytes)
{
    PyObject *raw = fp_bytes_of(bytes);
    PyObject *out = raw != NULL ? PyObject_CallFunction(fp_names.array, "sO", "f", raw) : NULL;
    Py_XDECREF(raw);
    return out;
}

static PyObject *
uuid_object(firn_slice bytes)
{
    PyObject *raw = fp_bytes_of(bytes);
    PyObject *out = raw != NULL ? PyObject_CallFunction(fp_names.uuid, "OO", Py_None, raw) : NULL;
    Py_XDECREF(raw);
    return out;
}

PyObject *
fp_value_object(const firn_value *value, uint32_t scale)
{
    switch (value->type) {
    case FIRN_TYPE_NULL:
        break;
    case FIRN_TYPE_BOOL:
        return PyBool_FromLong(value->as.boolean);
    case FIRN_TYPE_I8:
    case FIRN_TYPE_I16:
    case FIRN_TYPE_I32:
    case FIRN_TYPE_I64:
        return PyLong_FromLongLong(value->as.i64);
    case FIRN_TYPE_U8:
    case FIRN_TYPE_U16:
    case FIRN_TYPE_U32:
    case FIRN_TYPE_U64:
        return PyLong_FromUnsignedLongLong(value->as.u64);
    case FIRN_TYPE_F32:
        return PyFloat_FromDouble((double)value->as.f32);
    case FIRN_TYPE_F64:
        return PyFloat_FromDouble(value->as.f64);
    case FIRN_TYPE_DECIMAL:
        return decimal_object(value->as.i64, scale);
    case FIRN_TYPE_DATE:
        return PyObject_CallMethod(fp_names.date, "fromordinal", "L",
                                   (long long)value->as.i64 + DAYS_TO_1970);
    case FIRN_TYPE_TIMESTAMP:
        return timestamp_object(value->as.i64);
    case FIRN_TYPE_TEXT:
        return PyUnicode_FromStringAndSize((const char *)value->as.bytes.data,
                                           (Py_ssize_t)value->as.bytes.size);
    case FIRN_TYPE_BLOB:
        return fp_bytes_of(value->as.bytes);
    case FIRN_TYPE_UUID:
        return uuid_object(value->as.bytes);
    case FIRN_TYPE_VECTOR:
        return vector_object(value->as.bytes);
    }
    Py_RETURN_NONE;
}

/* ---- from Python ---- */

/* The bytes of an object that the list keeps from now on; takes the reference. */
static bool
keep_bytes(PyObject *bytes, PyObject *keep, firn_slice *out)
{
    char *data;
    Py_ssize_t size;
    bool is_kept = bytes != NULL && PyBytes_AsStringAndSize(bytes, &data, &size) == 0 &&
                   PyList_Append(keep, bytes) == 0;
    if (is_kept) {
        *out = firn_bytes(data, (size_t)size);
    }
    Py_XDECREF(bytes);
    return is_kept;
}

static bool
is_type(PyObject *object, PyObject *type)
{
    int is = PyObject_IsInstance(object, type);
    if (is < 0) {
        PyErr_Clear();
    }
    return is == 1;
}

static bool
parse_text(PyObject *text, const firn_table_column *column, firn_value *out, PyObject *keep)
{
    firn_slice given;
    if (!keep_bytes(PyUnicode_AsUTF8String(text), keep, &given)) {
        return false;
    }
    void *memory = NULL;
    firn_error err;
    int code = firn_value_parse(column, given, out, &memory, &err);
    if (code != FIRN_OK) {
        fp_raise(code, &err);
        return false;
    }
    bool is_kept = memory == NULL || keep_bytes(fp_bytes_of(out->as.bytes), keep, &out->as.bytes);
    firn_release(memory);
    return is_kept;
}

/* A Decimal as its digits. */
static bool
decimal_value(PyObject *decimal, const firn_table_column *column, firn_value *out, PyObject *keep)
{
    PyObject *format = PyUnicode_FromString("f");
    PyObject *text = format != NULL ? PyObject_Format(decimal, format) : NULL;
    Py_XDECREF(format);
    bool is_made = false;
    if (text != NULL && column != NULL) {
        is_made = parse_text(text, column, out, keep);
    } else if (text != NULL) {
        firn_slice bytes;
        is_made = keep_bytes(PyUnicode_AsUTF8String(text), keep, &bytes);
        if (is_made) {
            *out = firn_text_bytes(bytes);
        }
    }
    Py_XDECREF(text);
    return is_made;
}

static bool
integer_value(PyObject *object, const firn_table_column *column, firn_value *out)
{
    firn_type type = column != NULL ? column->type : FIRN_TYPE_NULL;
    if (type == FIRN_TYPE_F32 || type == FIRN_TYPE_F64) {
        double number = PyFloat_AsDouble(object);
        *out = firn_f64(number);
        return !(number == -1.0 && PyErr_Occurred());
    }
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow > 0) {
        *out = firn_u64(PyLong_AsUnsignedLongLong(object));
    } else {
        *out = firn_i64(number);
    }
    if (overflow < 0 || PyErr_Occurred()) {
        PyErr_Clear();
        fp_raise_text(FIRN_LIMIT, "an integer does not fit in 64 bits");
        return false;
    }
    if (type == FIRN_TYPE_BOOL && (number == 0 || number == 1)) {
        *out = firn_bool(number == 1);
    } else if ((type == FIRN_TYPE_DATE || type == FIRN_TYPE_TIMESTAMP) && overflow == 0) {
        *out = firn_typed_i64(type, number);
    }
    return true;
}

static bool
date_value(PyObject *date, firn_value *out)
{
    PyObject *ordinal = PyObject_CallMethod(date, "toordinal", NULL);
    long long days = ordinal != NULL ? PyLong_AsLongLong(ordinal) : -1;
    Py_XDECREF(ordinal);
    *out = firn_typed_i64(FIRN_TYPE_DATE, days - DAYS_TO_1970);
    return !PyErr_Occurred();
}

static bool
datetime_value(PyObject *datetime, firn_value *out)
{
    PyObject *zone = PyObject_GetAttrString(datetime, "tzinfo");
    PyObject *delta =
        zone != NULL
            ? PyNumber_Subtract(datetime, zone == Py_None ? fp_names.epoch_naive : fp_names.epoch)
            : NULL;
    PyObject *unit =
        delta != NULL ? PyObject_CallFunction(fp_names.timedelta, "iii", 0, 0, 1) : NULL;
    PyObject *us = unit != NULL ? PyNumber_FloorDivide(delta, unit) : NULL;
    long long number = us != NULL ? PyLong_AsLongLong(us) : -1;
    Py_XDECREF(zone);
    Py_XDECREF(delta);
    Py_XDECREF(unit);
    Py_XDECREF(us);
    *out = firn_typed_i64(FIRN_TYPE_TIMESTAMP, number);
    return !PyErr_Occurred();
}

PyObject *
fp_vector_bytes(PyObject *vector)
{
    if (PyBytes_Check(vector)) {
        Py_INCREF(vector);
        return vector;
    }
    if (PyUnicode_Check(vector)) {
        PyErr_SetString(PyExc_TypeError, "a vector is a sequence of numbers");
        return NULL;
    }
    PyObject *view = PyMemoryView_FromObject(vector), *numbers;
    if (view == NULL) {
        PyErr_Clear();
        Py_INCREF(vector);
        numbers = vector;
    } else {
        PyObject *format = PyObject_GetAttrString(view, "format");
        bool is_f32 = format != NULL && PyUnicode_CompareWithASCIIString(format, "f") == 0;
        Py_XDECREF(format);
        numbers = PyObject_CallMethod(view, is_f32 ? "tobytes" : "tolist", NULL);
        Py_DECREF(view);
    }
    if (numbers == NULL || PyBytes_Check(numbers)) {
        return numbers;
    }
    PyObject *array = PyObject_CallFunction(fp_names.array, "sO", "f", numbers);
    PyObject *out = array != NULL ? PyObject_CallMethod(array, "tobytes", NULL) : NULL;
    Py_XDECREF(array);
    Py_DECREF(numbers);
    return out;
}

static bool
bytes_value(PyObject *object, firn_type type, firn_value *out, PyObject *keep)
{
    struct fp_bytes bytes;
    if (!fp_bytes_take(object, &bytes)) {
        return false;
    }
    *out = firn_blob(bytes.slice);
    if (type == FIRN_TYPE_UUID) {
        out->type = FIRN_TYPE_UUID;
    }
    bool is_kept = PyList_Append(keep, bytes.owner != NULL ? bytes.owner : object) == 0;
    fp_bytes_release(&bytes);
    return is_kept;
}

bool
fp_value_of(PyObject *object, const firn_table_column *column, firn_value *out, PyObject *keep)
{
    firn_type type = column != NULL ? column->type : FIRN_TYPE_NULL;
    if (object == Py_None) {
        *out = firn_null();
        return true;
    }
    if (PyBool_Check(object) && (column == NULL || type == FIRN_TYPE_BOOL)) {
        *out = firn_bool(object == Py_True);
        return true;
    }
    if (PyLong_Check(object)) {
        return integer_value(object, column, out);
    }
    if (PyFloat_Check(object)) {
        *out = firn_f64(PyFloat_AsDouble(object));
        return true;
    }
    if (PyUnicode_Check(object)) {
        if (column != NULL && type != FIRN_TYPE_TEXT && type != FIRN_TYPE_BLOB) {
            return parse_text(object, column, out, keep);
        }
        firn_slice text;
        if (!keep_bytes(PyUnicode_AsUTF8String(object), keep, &text)) {
            return false;
        }
        *out = firn_text_bytes(text);
        return true;
    }
    if (type == FIRN_TYPE_VECTOR || PyList_Check(object) || PyTuple_Check(object)) {
        firn_slice bytes;
        if (!keep_bytes(fp_vector_bytes(object), keep, &bytes)) {
            return false;
        }
        *out = firn_blob(bytes);
        out->type = FIRN_TYPE_VECTOR;
        return true;
    }
    if (PyBytes_Check(object)) {
        return bytes_value(object, type, out, keep);
    }
    if (is_type(object, fp_names.datetime)) {
        return datetime_value(object, out);
    }
    if (is_type(object, fp_names.date)) {
        return date_value(object, out);
    }
    if (is_type(object, fp_names.decimal)) {
        return decimal_value(object, column, out, keep);
    }
    if (is_type(object, fp_names.uuid)) {
        firn_slice bytes;
        if (!keep_bytes(PyObject_GetAttrString(object, "bytes"), keep, &bytes)) {
            return false;
        }
        *out = firn_blob(bytes);
        out->type = FIRN_TYPE_UUID;
        return true;
    }
    /* numpy's scalars are neither int nor float, but can be made into them. */
    PyObject *number = PyNumber_Index(object);
    if (number == NULL) {
        PyErr_Clear();
        number = PyObject_HasAttrString(object, "__float__") ? PyNumber_Float(object) : NULL;
    }
    if (number != NULL) {
        bool is_made = fp_value_of(number, column, out, keep);
        Py_DECREF(number);
        return is_made;
    }
    PyErr_Clear();
    return bytes_value(object, type, out, keep);
}

bool
fp_values_take(PyObject *sequence, struct fp_values *out)
{
    *out = (struct fp_values){NULL, 0, NULL};
    if (sequence == NULL || sequence == Py_None) {
        return true;
    }
    if (PyUnicode_Check(sequence) || PyBytes_Check(sequence)) {
        PyErr_SetString(PyExc_TypeError, "parameters are a sequence of values");
        return false;
    }
    PyObject *given = PySequence_Tuple(sequence);
    if (given == NULL) {
        return false;
    }
    Py_ssize_t count = PyTuple_Size(given);
    out->keep = PyList_New(0);
    out->items = calloc((size_t)count + 1, sizeof *out->items);
    bool is_taken = out->keep != NULL && PyList_Append(out->keep, given) == 0;
    if (out->items == NULL) {
        PyErr_NoMemory();
        is_taken = false;
    }
    for (Py_ssize_t i = 0; is_taken && i < count; i++) {
        is_taken = fp_value_of(PyTuple_GetItem(given, i), NULL, &out->items[i], out->keep);
        out->count++;
    }
    Py_DECREF(given);
    if (!is_taken) {
        fp_values_release(out);
    }
    return is_taken;
}

void
fp_values_release(struct fp_values *values)
{
    free(values->items);
    Py_CLEAR(values->keep);
    values->items = NULL;
    values->count = 0;
}
