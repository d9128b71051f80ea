/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_value.c: typed values of tables as Python objects, and back.
 *
 *     firn                 Python, read              Python, also written
 *     bool                 bool                      int 0, 1; numpy.bool_
 *     i8 … u64             int                       bool
 *     f32, f64             float                     int
 *     decimal(p, s)        decimal.Decimal           int, str
 *     date                 datetime.date             str
 *     timestamp            datetime.datetime, UTC    one without a zone: as UTC; str; numpy.datetime64
 *     text                 str
 *     blob                 bytes                     bytearray, memoryview
 *     uuid                 uuid.UUID                 bytes, str
 *     vector(n)            array.array('f')          numpy arrays, buffers of any numbers, lists
 *
 * pandas.NaT and pandas.NA are null. numpy.datetime64 is a time, and refused if it is finer than a microsecond.
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
        fp_raise_text(code, "column %s: %s", column->name,
                      err.text[0] != '\0' ? err.text : firn_code_text(code));
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

/* Of a message: the column, if there is one. */
#define PREFIX "%s%s%s"
#define PREFIX_OF(column)                                                      \
    (column) != NULL ? "column " : "", (column) != NULL ? (column)->name : "", \
        (column) != NULL ? ": " : ""

#define WANTED_TIMES "give a datetime.datetime, a datetime.date or a str"

/* A number that a column does not take, with what it takes. False. */
static bool
refuse(const firn_table_column *column, PyObject *number, const char *wanted)
{
    PyObject *text = PyObject_Repr(number);
    PyObject *bytes = text != NULL ? PyUnicode_AsUTF8String(text) : NULL;
    if (bytes != NULL) {
        fp_raise_text(FIRN_INVALID, "column %s, %s: not the number %.60s; %s", column->name,
                      firn_type_name(column->type), PyBytes_AsString(bytes), wanted);
    }
    Py_XDECREF(text);
    Py_XDECREF(bytes);
    return false;
}

static bool
integer_value(PyObject *object, const firn_table_column *column, firn_value *out)
{
    firn_type type = column != NULL ? column->type : FIRN_TYPE_NULL;
    if (type == FIRN_TYPE_DATE || type == FIRN_TYPE_TIMESTAMP) {
        return refuse(column, object, WANTED_TIMES); /* of seconds, or of what? */
    }
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
        fp_raise_text(FIRN_LIMIT, PREFIX "an integer does not fit in 64 bits", PREFIX_OF(column));
        return false;
    }
    if (type == FIRN_TYPE_BOOL && (number == 0 || number == 1)) {
        *out = firn_bool(number == 1);
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

/* Whether a view that cannot take its numbers apart has a row of real ones: of half precision, or in another byte order. With an
 * exception set, which stays. */
static bool
are_real_numbers(PyObject *view, PyObject *format)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *dimensions = PyObject_GetAttrString(view, "ndim");
    bool are = dimensions != NULL && PyLong_AsLong(dimensions) == 1 && format != NULL;
    Py_ssize_t size = are ? PyUnicode_GetLength(format) : 0;
    if (size == 2) {
        Py_UCS4 order = PyUnicode_ReadChar(format, 0);
        are = order < 128 && strchr("<>=!@", (int)order) != NULL;
    }
    Py_UCS4 kind = size == 1 || size == 2 ? PyUnicode_ReadChar(format, size - 1) : 0;
    are = are && kind > 0 && kind < 128 && strchr("efdbBhHiIlLqQ", (int)kind) != NULL;
    Py_XDECREF(dimensions);
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    return are;
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
        numbers = PyObject_CallMethod(view, is_f32 ? "tobytes" : "tolist", NULL);
        if (numbers == NULL && PyErr_ExceptionMatches(PyExc_NotImplementedError) &&
            are_real_numbers(view, format)) {
            PyErr_Clear();
            Py_INCREF(vector);
            numbers = vector; /* which gives them one by one */
        }
        Py_XDECREF(format);
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

static bool convert(PyObject *object, const firn_table_column *column, firn_value *out,
                    PyObject *keep);

enum foreign { NOT_FOREIGN, NULL_OF_PANDAS, BOOL_OF_NUMPY, TIME_OF_NUMPY };

/* By the name of the type: neither package is imported here. */
static enum foreign
foreign_kind(PyObject *object)
{
    static const struct {
        const char *name, *module;
        enum foreign kind;
    } types[] = {{"NaTType", "pandas.", NULL_OF_PANDAS},
                 {"NAType", "pandas.", NULL_OF_PANDAS},
                 {"bool_", "numpy", BOOL_OF_NUMPY},
                 {"bool", "numpy", BOOL_OF_NUMPY},
                 {"datetime64", "numpy", TIME_OF_NUMPY}};
    enum foreign kind = NOT_FOREIGN;
    PyObject *type = (PyObject *)Py_TYPE(object), *begins = NULL;
    PyObject *name = PyObject_GetAttrString(type, "__name__");
    PyObject *module = NULL;
    for (size_t i = 0; name != NULL && i < sizeof types / sizeof types[0] && module == NULL; i++) {
        if (PyUnicode_CompareWithASCIIString(name, types[i].name) == 0 &&
            (module = PyObject_GetAttrString(type, "__module__")) != NULL) {
            begins = PyObject_CallMethod(module, "startswith", "s", types[i].module);
            kind = begins == Py_True ? types[i].kind : NOT_FOREIGN;
        }
    }
    Py_XDECREF(begins);
    Py_XDECREF(module);
    Py_XDECREF(name);
    PyErr_Clear();
    return kind;
}

/* numpy.datetime64 in another unit; NULL with an exception if that changes it, or cannot be. */
static PyObject *
in_unit(PyObject *object, const firn_table_column *column, const char *unit)
{
    PyObject *out = PyObject_CallMethod(object, "astype", "s", unit);
    int is_same = out != NULL ? PyObject_RichCompareBool(out, object, Py_EQ) : -1;
    if (is_same == 0) {
        fp_raise_text(FIRN_INVALID, PREFIX "the numpy.datetime64 is finer than %s",
                      PREFIX_OF(column), unit[11] == 'D' ? "a day" : "a microsecond");
    }
    if (is_same != 1) {
        Py_CLEAR(out);
    }
    return out;
}

/* numpy.datetime64, which gives a date, a datetime, or None if it is not a time. */
static bool
numpy_time(PyObject *object, const firn_table_column *column, firn_value *out, PyObject *keep)
{
    PyObject *item = PyObject_CallMethod(object, "item", NULL);
    bool is_day = column != NULL ? column->type == FIRN_TYPE_DATE
                                 : item != NULL && Py_TYPE(item) == (PyTypeObject *)fp_names.date;
    if (item != NULL && item != Py_None) {
        PyObject *time = in_unit(object, column, is_day ? "datetime64[D]" : "datetime64[us]");
        Py_DECREF(item);
        item = time != NULL ? PyObject_CallMethod(time, "item", NULL) : NULL;
        Py_XDECREF(time);
    }
    bool is_made = item != NULL && convert(item, column, out, keep);
    Py_XDECREF(item);
    return is_made;
}

static bool
foreign_value(PyObject *object, enum foreign kind, const firn_table_column *column, firn_value *out,
              PyObject *keep)
{
    if (kind == TIME_OF_NUMPY) {
        return numpy_time(object, column, out, keep);
    }
    if (kind == BOOL_OF_NUMPY) {
        int is_true = PyObject_IsTrue(object);
        return is_true >= 0 && convert(is_true == 1 ? Py_True : Py_False, column, out, keep);
    }
    *out = firn_null();
    return true;
}

/* Names the column in an exception of Python's that converting raised. */
static void
name_column(const firn_table_column *column)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == PyExc_TypeError || type == PyExc_ValueError || type == PyExc_OverflowError) {
        PyErr_Format(type, "column %s: %S", column->name, value != NULL ? value : Py_None);
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(traceback);
    } else {
        PyErr_Restore(type, value, traceback);
    }
}

bool
fp_value_of(PyObject *object, const firn_table_column *column, firn_value *out, PyObject *keep)
{
    if (convert(object, column, out, keep)) {
        return true;
    }
    if (column != NULL) {
        name_column(column);
    }
    return false;
}

static bool
convert(PyObject *object, const firn_table_column *column, firn_value *out, PyObject *keep)
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
        if (type == FIRN_TYPE_DECIMAL) {
            return refuse(column, object, "give a decimal.Decimal, a str or an int");
        }
        if (type == FIRN_TYPE_DATE || type == FIRN_TYPE_TIMESTAMP) {
            return refuse(column, object, WANTED_TIMES);
        }
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
    PyObject *exact = (PyObject *)Py_TYPE(object);
    if (!PyBytes_Check(object) && !PyList_Check(object) && !PyTuple_Check(object) &&
        exact != fp_names.datetime && exact != fp_names.date && exact != fp_names.decimal &&
        exact != fp_names.uuid) {
        enum foreign kind = foreign_kind(object); /* pandas.NaT is a datetime, too */
        if (kind != NOT_FOREIGN) {
            return foreign_value(object, kind, column, out, keep);
        }
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
        bool is_made = convert(number, column, out, keep);
        Py_DECREF(number);
        return is_made;
    }
    PyErr_Clear();
    if (!bytes_value(object, type, out, keep)) {
        PyErr_Format(PyExc_TypeError, "%R is no type of values", (PyObject *)Py_TYPE(object));
        return false;
    }
    return true;
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
