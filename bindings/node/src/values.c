/* SPDX-License-Identifier: Apache-2.0
 *
 * values.c: typed values of tables as JavaScript values.
 *
 *     column                  from JavaScript                           to JavaScript
 *     bool                    boolean                                   boolean
 *     i8 ... i32, u8 ... u32  number, BigInt                            number
 *     i64, u64                number (whole, up to 2^53), BigInt        BigInt, or number if that was asked for
 *     f32, f64                number                                    number
 *     decimal(p, s)           string, number, BigInt                    string
 *     date                    string, Date (its day in UTC)             string '2026-01-31'
 *     timestamp               string, Date, BigInt (microseconds)       string '2026-01-31 23:59:59.5', in UTC
 *     text                    string                                    string
 *     blob                    Buffer, any view, string                  Buffer
 *     uuid                    string, 16 bytes                          string
 *     vector(n)               Float32Array, array of numbers            Float32Array
 *
 * Decimals, dates and times become strings because no type of JavaScript holds them all exactly. Null in a table is null here; null and
 * undefined become null in a table.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "addon.h"

static bool
wrong_type(struct args *args, const firn_table_column *column, const char *wanted)
{
    return throw_invalid(args, "column \"%.100s\" (%s) takes %s",
                         column->name == NULL ? "?" : column->name, firn_type_name(column->type),
                         wanted);
}

bool
type_has_bytes(firn_type type)
{
    switch (type) {
    case FIRN_TYPE_TEXT:
    case FIRN_TYPE_BLOB:
    case FIRN_TYPE_UUID:
    case FIRN_TYPE_VECTOR:
        return true;
    case FIRN_TYPE_NULL:
    case FIRN_TYPE_BOOL:
    case FIRN_TYPE_I8:
    case FIRN_TYPE_I16:
    case FIRN_TYPE_I32:
    case FIRN_TYPE_I64:
    case FIRN_TYPE_U8:
    case FIRN_TYPE_U16:
    case FIRN_TYPE_U32:
    case FIRN_TYPE_U64:
    case FIRN_TYPE_F32:
    case FIRN_TYPE_F64:
    case FIRN_TYPE_DECIMAL:
    case FIRN_TYPE_DATE:
    case FIRN_TYPE_TIMESTAMP:
        break;
    }
    return false;
}

bool
value_keep(struct arena *arena, const firn_value *value, firn_value *out)
{
    *out = *value;
    if (type_has_bytes(value->type)) {
        out->as.bytes.data = arena_copy(arena, value->as.bytes.data, value->as.bytes.size);
        return out->as.bytes.data != NULL;
    }
    return true;
}

/* The text of a string, a number or a BigInt, parsed as a value of the column. */
static bool
value_of_text(struct args *args, napi_value js, const firn_table_column *column, firn_value *out)
{
    napi_value string = NULL;
    firn_slice text;
    void *memory = NULL;
    firn_error err;
    int code;
    bool kept;
    if (napi_coerce_to_string(args->env, js, &string) != napi_ok ||
        !value_bytes(args, string, "a value", &text)) {
        return false;
    }
    code = firn_value_parse(column, text, out, &memory, &err);
    if (code != FIRN_OK) {
        return throw_error(args->instance, code, err.os_errno, err.text);
    }
    kept = value_keep(&args->call->arena, out, out);
    firn_release(memory);
    return kept || throw_no_memory(args->instance);
}

static bool
integer_from_js(struct args *args, napi_value js, napi_valuetype type,
                const firn_table_column *column, firn_value *out)
{
    double number;
    int64_t i64;
    uint64_t u64;
    bool lossless = false;
    if (type == napi_bigint) {
        if (napi_get_value_bigint_int64(args->env, js, &i64, &lossless) == napi_ok && lossless) {
            *out = firn_i64(i64);
            return true;
        }
        if (napi_get_value_bigint_uint64(args->env, js, &u64, &lossless) == napi_ok && lossless) {
            *out = firn_u64(u64);
            return true;
        }
        return wrong_type(args, column, "integers of at most 64 bits");
    }
    if (type != napi_number || napi_get_value_double(args->env, js, &number) != napi_ok ||
        !(fabs(number) <= 9007199254740991.0) || floor(number) != number) {
        return wrong_type(args, column, "whole numbers, as a BigInt beyond 2^53");
    }
    *out = firn_i64((int64_t)number);
    return true;
}

static bool
vector_from_js(struct args *args, napi_value js, const firn_table_column *column, firn_value *out)
{
    bool is = false;
    napi_typedarray_type type;
    size_t length;
    uint32_t count;
    uint32_t i;
    void *data = NULL;
    float *numbers;
    if (napi_is_typedarray(args->env, js, &is) == napi_ok && is) {
        if (napi_get_typedarray_info(args->env, js, &type, &length, &data, NULL, NULL) != napi_ok ||
            type != napi_float32_array) {
            return wrong_type(args, column, "a Float32Array or an array of numbers");
        }
        length = data == NULL ? 0 : length;
        out->as.bytes.data = arena_copy(&args->call->arena, data, length * sizeof(float));
        out->as.bytes.size = length * sizeof(float);
        out->type = FIRN_TYPE_VECTOR;
        return out->as.bytes.data != NULL || throw_no_memory(args->instance);
    }
    if (napi_is_array(args->env, js, &is) != napi_ok || !is ||
        napi_get_array_length(args->env, js, &count) != napi_ok) {
        return wrong_type(args, column, "a Float32Array or an array of numbers");
    }
    numbers = arena_take(&args->call->arena, (size_t)count * sizeof(*numbers) + 1);
    if (numbers == NULL) {
        return throw_no_memory(args->instance);
    }
    for (i = 0; i < count; i++) {
        napi_value element;
        double number;
        if (napi_get_element(args->env, js, i, &element) != napi_ok ||
            napi_get_value_double(args->env, element, &number) != napi_ok) {
            return wrong_type(args, column, "a Float32Array or an array of numbers");
        }
        numbers[i] = (float)number;
    }
    out->type = FIRN_TYPE_VECTOR;
    out->as.bytes = firn_bytes(numbers, (size_t)count * sizeof(*numbers));
    return true;
}

static bool
bytes_from_js(struct args *args, napi_value js, firn_type type, firn_value *out)
{
    out->type = type;
    return value_bytes(args, js, "a value", &out->as.bytes);
}

/* A Date as days or microseconds. */
static bool
date_from_js(struct args *args, napi_value js, const firn_table_column *column, firn_value *out)
{
    double ms;
    if (napi_get_date_value(args->env, js, &ms) != napi_ok || !(fabs(ms) <= 8.64e15)) {
        return wrong_type(args, column, "a valid Date");
    }
    *out =
        firn_typed_i64(column->type, column->type == FIRN_TYPE_DATE ? (int64_t)floor(ms / 86400000)
                                                                    : (int64_t)ms * 1000);
    return true;
}

/* The type that a parameter looks like. */
static firn_type
type_guess(struct args *args, napi_value js, napi_valuetype type)
{
    bool is = false;
    double number = 0;
    napi_typedarray_type array;
    size_t length;
    switch (type) {
    case napi_boolean:
        return FIRN_TYPE_BOOL;
    case napi_number:
        (void)napi_get_value_double(args->env, js, &number);
        return floor(number) == number && fabs(number) <= 9007199254740991.0 ? FIRN_TYPE_I64
                                                                             : FIRN_TYPE_F64;
    case napi_bigint:
        return FIRN_TYPE_I64;
    case napi_string:
        return FIRN_TYPE_TEXT;
    default:
        break;
    }
    if (napi_is_date(args->env, js, &is) == napi_ok && is) {
        return FIRN_TYPE_TIMESTAMP;
    }
    if (napi_is_array(args->env, js, &is) == napi_ok && is) {
        return FIRN_TYPE_VECTOR;
    }
    if (napi_is_typedarray(args->env, js, &is) == napi_ok && is &&
        napi_get_typedarray_info(args->env, js, &array, &length, NULL, NULL, NULL) == napi_ok &&
        array == napi_float32_array) {
        return FIRN_TYPE_VECTOR;
    }
    return FIRN_TYPE_BLOB;
}

bool
value_from_js(struct args *args, napi_value js, const firn_table_column *column, firn_value *out)
{
    napi_valuetype type = napi_undefined;
    firn_table_column guess;
    bool is = false;
    *out = firn_null();
    (void)napi_typeof(args->env, js, &type);
    if (type == napi_undefined || type == napi_null) {
        return true;
    }
    if (column == NULL) {
        memset(&guess, 0, sizeof(guess));
        guess.name = "?";
        guess.type = type_guess(args, js, type);
        column = &guess;
    }
    (void)napi_is_date(args->env, js, &is);
    switch (column->type) {
    case FIRN_TYPE_BOOL:
        if (napi_get_value_bool(args->env, js, &is) != napi_ok) {
            return wrong_type(args, column, "a boolean");
        }
        *out = firn_bool(is);
        return true;
    case FIRN_TYPE_F32:
    case FIRN_TYPE_F64:
        *out = firn_f64(0);
        return napi_get_value_double(args->env, js, &out->as.f64) == napi_ok ||
               wrong_type(args, column, "a number");
    case FIRN_TYPE_DECIMAL:
        if (type != napi_string && type != napi_number && type != napi_bigint) {
            return wrong_type(args, column, "a string, a number or a BigInt");
        }
        return value_of_text(args, js, column, out);
    case FIRN_TYPE_DATE:
    case FIRN_TYPE_TIMESTAMP:
        if (is) {
            return date_from_js(args, js, column, out);
        }
        if (type == napi_bigint && column->type == FIRN_TYPE_TIMESTAMP) {
            if (!integer_from_js(args, js, type, column, out) || out->type != FIRN_TYPE_I64) {
                return false;
            }
            out->type = FIRN_TYPE_TIMESTAMP;
            return true;
        }
        return type == napi_string ? value_of_text(args, js, column, out)
                                   : wrong_type(args, column, "a string or a Date");
    case FIRN_TYPE_TEXT:
        return type == napi_string ? bytes_from_js(args, js, FIRN_TYPE_TEXT, out)
                                   : wrong_type(args, column, "a string");
    case FIRN_TYPE_UUID:
        return type == napi_string ? value_of_text(args, js, column, out)
                                   : bytes_from_js(args, js, FIRN_TYPE_UUID, out);
    case FIRN_TYPE_VECTOR:
        return vector_from_js(args, js, column, out);
    case FIRN_TYPE_BLOB:
        return bytes_from_js(args, js, FIRN_TYPE_BLOB, out);
    case FIRN_TYPE_I8:
    case FIRN_TYPE_I16:
    case FIRN_TYPE_I32:
    case FIRN_TYPE_I64:
    case FIRN_TYPE_U8:
    case FIRN_TYPE_U16:
    case FIRN_TYPE_U32:
    case FIRN_TYPE_U64:
    case FIRN_TYPE_NULL:
        break;
    }
    return integer_from_js(args, js, type, column, out);
}

bool
arg_values(struct args *args, size_t i, const firn_table_column *const *columns,
           size_t column_count, firn_value **out, size_t *out_count)
{
    bool is = false;
    uint32_t count = 0;
    uint32_t k;
    firn_value *values;
    *out = NULL;
    *out_count = 0;
    if (arg_is_none(args, i)) {
        return true;
    }
    if (napi_is_array(args->env, args->values[i], &is) != napi_ok || !is ||
        napi_get_array_length(args->env, args->values[i], &count) != napi_ok) {
        return throw_invalid(args, "values must be an array");
    }
    values = arena_take(&args->call->arena, (size_t)count * sizeof(*values) + 1);
    if (values == NULL) {
        return throw_no_memory(args->instance);
    }
    for (k = 0; k < count; k++) {
        napi_handle_scope scope = NULL;
        napi_value js;
        bool ok;
        (void)napi_open_handle_scope(args->env, &scope);
        ok = napi_get_element(args->env, args->values[i], k, &js) == napi_ok &&
             value_from_js(args, js,
                           columns == NULL || column_count == 0 ? NULL : columns[k % column_count],
                           &values[k]);
        (void)napi_close_handle_scope(args->env, scope);
        if (!ok) {
            bool threw = false;
            (void)napi_is_exception_pending(args->env, &threw);
            return threw ? false : throw_invalid(args, "a value could not be read");
        }
    }
    *out = values;
    *out_count = count;
    return true;
}

/* ---- columns ---- */

static const firn_table_column *
column_find(const firn_table_def *def, const char *name)
{
    size_t i;
    for (i = 0; i < def->column_count; i++) {
        if (strcmp(def->columns[i].name, name) == 0) {
            return &def->columns[i];
        }
    }
    return NULL;
}

const firn_table_column **
columns_named(struct args *args, const firn_table_def *def, const char *const *names, size_t count)
{
    const firn_table_column **columns =
        arena_take(&args->call->arena, count * sizeof(*columns) + 1);
    size_t i;
    if (columns == NULL) {
        (void)throw_no_memory(args->instance);
        return NULL;
    }
    for (i = 0; i < count; i++) {
        columns[i] = column_find(def, names[i]);
    }
    return columns;
}

const firn_table_column **
columns_of_key(struct args *args, const firn_table_def *def, const char *index, size_t *out_count)
{
    size_t i;
    *out_count = def->key_count;
    for (i = 0; index != NULL && i < def->index_count; i++) {
        if (strcmp(def->indexes[i].name, index) == 0) {
            *out_count = def->indexes[i].column_count;
            return columns_named(args, def, def->indexes[i].columns, def->indexes[i].column_count);
        }
    }
    return columns_named(args, def, def->key, def->key_count);
}

void
table_object_destroy(struct table_object *table)
{
    size_t i;
    for (i = 0; i < table->retired_count; i++) {
        firn_release(table->retired[i]);
    }
    free(table->retired);
    firn_release(table->def); /* the store owns the table */
    free(table);
}

firn_table_column
column_of_scan(const firn_scan *scan, size_t i)
{
    firn_scan_column from = FIRN_SCAN_COLUMN_INIT;
    firn_table_column column;
    firn_scan_column_at(scan, i, &from);
    memset(&column, 0, sizeof(column));
    column.name = from.name;
    column.type = from.type;
    column.precision = from.precision;
    column.scale = from.scale;
    column.dimensions = from.dimensions;
    column.not_null = from.not_null;
    return column;
}

napi_value
column_to_js(napi_env env, const firn_table_column *column)
{
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_text(env, object, "name", column->name);
    set_text(env, object, "type", firn_type_name(column->type));
    set_bool(env, object, "notNull", column->not_null);
    if (column->is_auto) {
        set_bool(env, object, "auto", true);
    }
    if (column->type == FIRN_TYPE_DECIMAL) {
        set_number(env, object, "precision", column->precision);
        set_number(env, object, "scale", column->scale);
    }
    if (column->type == FIRN_TYPE_VECTOR) {
        set_number(env, object, "dimensions", column->dimensions);
    }
    return object;
}

/* ---- to JavaScript ---- */

static napi_value
formatted_to_js(struct instance *instance, const firn_value *value, const firn_table_column *column)
{
    char *text = NULL;
    size_t size = 0;
    firn_error err;
    napi_value js;
    int code = firn_value_format(column, value, &text, &size, &err);
    if (code != FIRN_OK) {
        (void)throw_error(instance, code, err.os_errno, err.text);
        return NULL;
    }
    js = make_text(instance->env, text, size);
    firn_release(text);
    return js;
}

static napi_value
large_to_js(struct instance *instance, const firn_value *value, bool as_numbers)
{
    napi_value js = NULL;
    bool is_signed = value->type == FIRN_TYPE_I64;
    if (as_numbers) {
        double number = is_signed ? (double)value->as.i64 : (double)value->as.u64;
        if (fabs(number) > 9007199254740991.0) {
            (void)throw_error(instance, FIRN_LIMIT, 0,
                              "an integer is beyond 2^53: read it as a BigInt");
            return NULL;
        }
        return make_number(instance->env, number);
    }
    if (is_signed) {
        (void)napi_create_bigint_int64(instance->env, value->as.i64, &js);
    } else {
        (void)napi_create_bigint_uint64(instance->env, value->as.u64, &js);
    }
    return js;
}

static napi_value
vector_to_js(napi_env env, firn_slice bytes)
{
    napi_value memory = NULL;
    napi_value array = NULL;
    void *data = NULL;
    if (napi_create_arraybuffer(env, bytes.size, &data, &memory) != napi_ok) {
        return NULL;
    }
    if (bytes.size > 0) {
        memcpy(data, bytes.data, bytes.size);
    }
    (void)napi_create_typedarray(env, napi_float32_array, bytes.size / sizeof(float), memory, 0,
                                 &array);
    return array;
}

napi_value
value_to_js(struct instance *instance, const firn_value *value, const firn_table_column *column,
            bool as_numbers)
{
    napi_env env = instance->env;
    napi_value js = NULL;
    switch (value->type) {
    case FIRN_TYPE_NULL:
        (void)napi_get_null(env, &js);
        return js;
    case FIRN_TYPE_BOOL:
        return make_bool(env, value->as.boolean);
    case FIRN_TYPE_I8:
    case FIRN_TYPE_I16:
    case FIRN_TYPE_I32:
        return make_number(env, (double)value->as.i64);
    case FIRN_TYPE_U8:
    case FIRN_TYPE_U16:
    case FIRN_TYPE_U32:
        return make_number(env, (double)value->as.u64);
    case FIRN_TYPE_I64:
    case FIRN_TYPE_U64:
        return large_to_js(instance, value, as_numbers);
    case FIRN_TYPE_F32:
        return make_number(env, (double)value->as.f32);
    case FIRN_TYPE_F64:
        return make_number(env, value->as.f64);
    case FIRN_TYPE_TEXT:
        return make_text(env, (const char *)value->as.bytes.data, value->as.bytes.size);
    case FIRN_TYPE_BLOB:
        return make_buffer(env, value->as.bytes.data, value->as.bytes.size);
    case FIRN_TYPE_VECTOR:
        return vector_to_js(env, value->as.bytes);
    case FIRN_TYPE_DECIMAL:
    case FIRN_TYPE_DATE:
    case FIRN_TYPE_TIMESTAMP:
    case FIRN_TYPE_UUID:
        assert(column != NULL && column->type == value->type);
        return formatted_to_js(instance, value, column);
    }
    return NULL;
}
