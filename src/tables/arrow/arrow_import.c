/* SPDX-License-Identifier: Apache-2.0
 *
 * arrow/arrow_import.c: an Arrow C stream as rows of a table.
 *
 * The interface passes pointers without sizes, so the producer of a stream can make its reader read
 * any memory of the process. Streams come from the same program, and are trusted like its other
 * pointers. Still, these are checked: pointers against NULL, counts of buffers and children against
 * the format, lengths and offsets against zero and against each other, offsets of texts against the
 * ones before them, indexes of dictionaries against their length. Nothing recurses: a field may
 * have a dictionary, or be a list of floats, and a column of a table has no deeper nesting.
 *
 * Each format has one of a few ways to read a value (enum way), and the type of the value. The load
 * converts the value to the column's type, exactly, or refuses it.
 *
 * Source: the Arrow C data interface and C stream interface.
 */
#include "arrow/arrow_import.h"

#include "base/check.h"
#include "base/mem.h"

enum way {
    WAY_NULL,
    WAY_BIT,
    WAY_SIGNED,
    WAY_UNSIGNED,
    WAY_F32,
    WAY_F64,
    WAY_DECIMAL,  /* 128 bits */
    WAY_OFFSETS,  /* bytes between two 32-bit offsets */
    WAY_OFFSETS8, /* 64-bit ones */
    WAY_VIEWS,    /* bytes that 16-byte views refer to */
    WAY_FIXED,    /* bytes of one size */
    WAY_FLOATS    /* a list of so many floats, in a child */
};

/* A format, read once a stream. */
struct field {
    enum way way;
    firn_type type;     /* of the values */
    uint32_t size;      /* bytes of one: numbers and FIXED; numbers of one: FLOATS */
    uint32_t precision; /* of DECIMAL */
    int32_t scale;      /* of DECIMAL */
    int64_t multiply;   /* of times: to microseconds, then divided */
    int64_t divide;
};

/* A column of the table that a field goes to. */
struct column {
    struct field field;
    bool has_dictionary;
    struct field values; /* of the dictionary */
    const struct fi_schema_column *to;
    size_t child; /* of the stream's arrays */
};

static int
arrow_import_refuse(firn_error *err, const char *name, const char *why)
{
    return fi_error_set(err, FIRN_INVALID, "the Arrow data of '%s' %s", name, why);
}

/* ---- formats ---- */

/* Reads a decimal number with or without a sign; *text moves past it. */
static bool
read_number(const char **text, int64_t least, int64_t most, int64_t *out)
{
    const char *at = *text;
    const bool is_negative = *at == '-';
    int64_t number = 0;
    at += is_negative;
    const char *digits = at;
    for (; *at >= '0' && *at <= '9' && number <= INT32_MAX; at++) {
        number = number * 10 + (*at - '0');
    }
    *out = is_negative ? -number : number;
    *text = at;
    return at != digits && *out >= least && *out <= most;
}

static bool
read_decimal(const char *format, struct field *out)
{
    DCHECK(format[0] == 'd' && format[1] == ':');
    const char *at = format + 2;
    int64_t precision;
    int64_t scale;
    int64_t bits = 128;
    if (!read_number(&at, 1, 38, &precision) || *at++ != ',' ||
        !read_number(&at, -18, 38, &scale)) {
        return false;
    }
    if (*at == ',') {
        at++;
        if (!read_number(&at, 128, 128, &bits)) {
            return false;
        }
    }
    *out = (struct field){.way = WAY_DECIMAL,
                          .type = FIRN_TYPE_DECIMAL,
                          .size = 16,
                          .precision = (uint32_t)precision,
                          .scale = (int32_t)scale};
    return *at == '\0';
}

static bool
read_time(const char *format, struct field *out)
{
    static const struct {
        const char *format;
        struct field field;
    } times[] = {
        {"tdD", {.way = WAY_SIGNED, .type = FIRN_TYPE_DATE, .size = 4, .multiply = 1, .divide = 1}},
        {"tdm",
         {.way = WAY_SIGNED, .type = FIRN_TYPE_DATE, .size = 8, .multiply = 1, .divide = 86400000}},
        {"tss:",
         {.way = WAY_SIGNED,
          .type = FIRN_TYPE_TIMESTAMP,
          .size = 8,
          .multiply = 1000000,
          .divide = 1}},
        {"tsm:",
         {.way = WAY_SIGNED,
          .type = FIRN_TYPE_TIMESTAMP,
          .size = 8,
          .multiply = 1000,
          .divide = 1}},
        {"tsu:",
         {.way = WAY_SIGNED, .type = FIRN_TYPE_TIMESTAMP, .size = 8, .multiply = 1, .divide = 1}},
        {"tsn:",
         {.way = WAY_SIGNED,
          .type = FIRN_TYPE_TIMESTAMP,
          .size = 8,
          .multiply = 1,
          .divide = 1000}},
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        size_t size = strlen(times[i].format);
        /* A time zone follows the colon: the number is of UTC in any zone. */
        if (strncmp(format, times[i].format, size) == 0 && (size > 3 || format[size] == '\0')) {
            *out = times[i].field;
            return true;
        }
    }
    return false;
}

static bool
read_simple(const char *format, struct field *out)
{
    static const struct {
        const char *format;
        struct field field;
    } simple[] = {
        {"n", {.way = WAY_NULL, .type = FIRN_TYPE_NULL}},
        {"b", {.way = WAY_BIT, .type = FIRN_TYPE_BOOL}},
        {"c", {.way = WAY_SIGNED, .type = FIRN_TYPE_I8, .size = 1}},
        {"s", {.way = WAY_SIGNED, .type = FIRN_TYPE_I16, .size = 2}},
        {"i", {.way = WAY_SIGNED, .type = FIRN_TYPE_I32, .size = 4}},
        {"l", {.way = WAY_SIGNED, .type = FIRN_TYPE_I64, .size = 8}},
        {"C", {.way = WAY_UNSIGNED, .type = FIRN_TYPE_U8, .size = 1}},
        {"S", {.way = WAY_UNSIGNED, .type = FIRN_TYPE_U16, .size = 2}},
        {"I", {.way = WAY_UNSIGNED, .type = FIRN_TYPE_U32, .size = 4}},
        {"L", {.way = WAY_UNSIGNED, .type = FIRN_TYPE_U64, .size = 8}},
        {"f", {.way = WAY_F32, .type = FIRN_TYPE_F32, .size = 4}},
        {"g", {.way = WAY_F64, .type = FIRN_TYPE_F64, .size = 8}},
        {"u", {.way = WAY_OFFSETS, .type = FIRN_TYPE_TEXT}},
        {"U", {.way = WAY_OFFSETS8, .type = FIRN_TYPE_TEXT}},
        {"vu", {.way = WAY_VIEWS, .type = FIRN_TYPE_TEXT}},
        {"z", {.way = WAY_OFFSETS, .type = FIRN_TYPE_BLOB}},
        {"Z", {.way = WAY_OFFSETS8, .type = FIRN_TYPE_BLOB}},
        {"vz", {.way = WAY_VIEWS, .type = FIRN_TYPE_BLOB}},
    };
    for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++) {
        if (strcmp(format, simple[i].format) == 0) {
            *out = simple[i].field;
            out->multiply = 1;
            out->divide = 1;
            return true;
        }
    }
    return false;
}

/* The rest of the format after the prefix; NULL: it does not have the prefix. */
static const char *
skip_prefix(const char *format, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncmp(format, prefix, size) == 0 ? format + size : NULL;
}

/* Reads the format of a schema, without its dictionary. */
static int
read_field(const struct ArrowSchema *schema, struct field *out, firn_error *err)
{
    const char *format = schema->format != NULL ? schema->format : "";
    const char *name = schema->name != NULL ? schema->name : "";
    const char *at;
    int64_t size;
    if (read_simple(format, out) || read_time(format, out) ||
        (strncmp(format, "d:", 2) == 0 && read_decimal(format, out))) {
        return FIRN_OK;
    }
    at = skip_prefix(format, "w:");
    if (at != NULL && read_number(&at, 0, INT32_MAX, &size) && *at == '\0') {
        *out = (struct field){.way = WAY_FIXED,
                              .type = size == 16 ? FIRN_TYPE_UUID : FIRN_TYPE_BLOB,
                              .size = (uint32_t)size};
        return FIRN_OK;
    }
    at = skip_prefix(format, "+w:");
    if (at != NULL && schema->n_children == 1 && schema->children != NULL &&
        schema->children[0] != NULL && read_number(&at, 1, FIRN_TABLE_DIMENSIONS_MAX, &size) &&
        *at == '\0' && schema->children[0]->format != NULL &&
        strcmp(schema->children[0]->format, "f") == 0) {
        *out = (struct field){.way = WAY_FLOATS, .type = FIRN_TYPE_VECTOR, .size = (uint32_t)size};
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_UNSUPPORTED,
                        "a table has no type for the Arrow format '%.40s' of '%.100s'", format,
                        name);
}

/* ---- the shape of arrays ---- */

/* Checks what can be checked of an array without reading values. */
static int
check_array(const struct ArrowArray *array, const struct field *field, const char *name,
            firn_error *err)
{
    static const int64_t buffers[] = {
        [WAY_NULL] = 0,     [WAY_BIT] = 2,   [WAY_SIGNED] = 2,  [WAY_UNSIGNED] = 2,
        [WAY_F32] = 2,      [WAY_F64] = 2,   [WAY_DECIMAL] = 2, [WAY_OFFSETS] = 3,
        [WAY_OFFSETS8] = 3, [WAY_VIEWS] = 3, [WAY_FIXED] = 2,   [WAY_FLOATS] = 1};
    if (array->length < 0 || array->offset < 0 || array->length > INT64_MAX - array->offset) {
        return arrow_import_refuse(err, name, "has an impossible length");
    }
    if (array->null_count < -1 || array->null_count > array->length ||
        (array->null_count > 0 && field->way != WAY_NULL && array->n_buffers > 0 &&
         array->buffers != NULL && array->buffers[0] == NULL)) {
        return arrow_import_refuse(err, name,
                                   "has nulls without a bitmap, or an impossible number of them");
    }
    if (array->n_buffers < buffers[field->way] ||
        (field->way != WAY_VIEWS && array->n_buffers != buffers[field->way]) ||
        (array->n_buffers > 0 && array->buffers == NULL)) {
        return arrow_import_refuse(err, name, "has a wrong number of buffers");
    }
    if (field->way == WAY_FLOATS) {
        if (array->n_children != 1 || array->children == NULL || array->children[0] == NULL) {
            return arrow_import_refuse(err, name, "has a wrong number of children");
        }
        const struct ArrowArray *child = array->children[0];
        const int64_t rows = array->offset + array->length;
        if (child->n_buffers != 2 || child->buffers == NULL || child->offset < 0 ||
            rows > INT64_MAX / field->size || child->length < rows * (int64_t)field->size ||
            child->length > INT64_MAX - child->offset ||
            (child->null_count > 0 && child->buffers[0] == NULL) ||
            (rows > 0 && child->buffers[1] == NULL)) {
            return arrow_import_refuse(err, name, "has vectors of a wrong length");
        }
        return FIRN_OK;
    }
    if (field->way != WAY_NULL && array->offset + array->length > 0 && array->buffers[1] == NULL) {
        return arrow_import_refuse(err, name, "lacks its values");
    }
    return FIRN_OK;
}

static bool
is_valid(const struct ArrowArray *array, const struct field *field, int64_t row)
{
    DCHECK(row >= 0);
    if (field->way == WAY_NULL) {
        return false;
    }
    const uint8_t *bits = array->null_count != 0 ? array->buffers[0] : NULL;
    int64_t at = array->offset + row;
    return bits == NULL || (bits[at / 8] >> (at % 8) & 1) != 0;
}

/* ---- values ---- */

static int64_t
read_signed(const uint8_t *at, uint32_t size)
{
    DCHECK(size == 1 || size == 2 || size == 4 || size == 8);
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    switch (size) {
    case 1:
        memcpy(&i8, at, sizeof i8);
        return i8;
    case 2:
        memcpy(&i16, at, sizeof i16);
        return i16;
    case 4:
        memcpy(&i32, at, sizeof i32);
        return i32;
    default:
        memcpy(&i64, at, sizeof i64);
        return i64;
    }
}

static int
read_bytes(const struct ArrowArray *array, const struct field *field, int64_t at, const char *name,
           firn_slice *out, firn_error *err)
{
    DCHECK(at >= 0);
    int64_t from;
    int64_t to;
    if (field->way == WAY_OFFSETS) {
        const int32_t *offsets = array->buffers[1];
        from = offsets[at];
        to = offsets[at + 1];
    } else {
        const int64_t *offsets = array->buffers[1];
        from = offsets[at];
        to = offsets[at + 1];
    }
    if (from < 0 || to < from) {
        return arrow_import_refuse(err, name, "has offsets that do not ascend");
    }
    if (to > from && array->buffers[2] == NULL) {
        return arrow_import_refuse(err, name, "lacks its bytes");
    }
    *out = to > from ? firn_bytes((const uint8_t *)array->buffers[2] + from, (size_t)(to - from))
                     : firn_bytes("", 0);
    return FIRN_OK;
}

/* Reads a view: its size, then up to 12 bytes, or else the first bytes, the number of a buffer, and
 * an offset in it. The last buffer has the sizes of the others. */
static int
read_view(const struct ArrowArray *array, int64_t at, const char *name, firn_slice *out,
          firn_error *err)
{
    DCHECK(at >= 0);
    const uint8_t *view = (const uint8_t *)array->buffers[1] + at * 16;
    int32_t size;
    int32_t buffer;
    int32_t offset;
    memcpy(&size, view, sizeof size);
    if (size < 0) {
        return arrow_import_refuse(err, name, "has a view of a negative size");
    }
    if (size <= 12) {
        *out = firn_bytes(view + 4, (size_t)size);
        return FIRN_OK;
    }
    memcpy(&buffer, view + 8, sizeof buffer);
    memcpy(&offset, view + 12, sizeof offset);
    const int64_t *sizes = array->buffers[array->n_buffers - 1];
    if (buffer < 0 || buffer >= array->n_buffers - 3 || offset < 0 || sizes == NULL ||
        array->buffers[2 + buffer] == NULL || sizes[buffer] < size ||
        offset > sizes[buffer] - size) {
        return arrow_import_refuse(err, name, "has a view of bytes that are not there");
    }
    *out = firn_bytes((const uint8_t *)array->buffers[2 + buffer] + offset, (size_t)size);
    return FIRN_OK;
}

/* Converts a decimal to units of its column, exactly. */
static int
read_decimal_value(const uint8_t *at, const struct field *field, const struct fi_schema_column *to,
                   firn_value *out, firn_error *err)
{
    int64_t units;
    int64_t sign;
    memcpy(&units, at, sizeof units);
    memcpy(&sign, at + 8, sizeof sign);
    bool fits = sign == (units < 0 ? -1 : 0);
    if (to->type == FIRN_TYPE_F64 && field->scale >= 0 && field->scale <= 18 && fits) {
        *out = firn_f64((double)units / (double)fi_type_power((uint32_t)field->scale));
        return FIRN_OK;
    }
    int64_t shift = (int64_t)to->scale - field->scale;
    int64_t power = shift >= -18 && shift <= 18
                        ? (int64_t)fi_type_power((uint32_t)(shift < 0 ? -shift : shift))
                        : 0;
    if (units == 0 && fits) {
        power = 1;
        shift = 0;
    }
    fits = fits && power != 0;
    if (fits && shift >= 0) {
        fits = !__builtin_mul_overflow(units, power, &units);
    } else if (fits) {
        fits = units % power == 0;
        units /= power;
    }
    if (!fits || to->type != FIRN_TYPE_DECIMAL) {
        return fi_error_set(err, to->type != FIRN_TYPE_DECIMAL ? FIRN_INVALID : FIRN_LIMIT,
                            "column '%s' cannot hold a decimal of the Arrow data exactly: a "
                            "column of type f64 rounds those of up to %d digits, or cast it to "
                            "a text",
                            (const char *)to->name.data, FIRN_TABLE_PRECISION_MAX);
    }
    *out = firn_typed_i64(FIRN_TYPE_DECIMAL, units);
    return FIRN_OK;
}

static int
read_number_value(const uint8_t *data, const struct field *field, const struct fi_schema_column *to,
                  firn_value *out, firn_error *err)
{
    uint64_t number = 0;
    if (field->way == WAY_UNSIGNED) {
        memcpy(&number, data,
               field->size); /* of a little-endian machine, as all that firn runs on */
        *out = firn_u64(number);
        return FIRN_OK;
    }
    int64_t i = read_signed(data, field->size);
    if (!fi_type_is_time(field->type)) {
        *out = firn_i64(i);
        return FIRN_OK;
    }
    if (i % field->divide != 0 || __builtin_mul_overflow(i / field->divide, field->multiply, &i)) {
        return fi_error_set(err, FIRN_LIMIT,
                            "column '%s' cannot hold a time of the Arrow data exactly",
                            (const char *)to->name.data);
    }
    *out = firn_typed_i64(field->type, i);
    return FIRN_OK;
}

/* Reads a vector of an array, at a place that counts from the beginning of its buffers. Elements
 * may be null only in vectors that are null as a whole; these are not read. */
static int
read_vector(const struct ArrowArray *array, const struct field *field, int64_t at, const char *name,
            firn_slice *out, firn_error *err)
{
    DCHECK(at >= 0 && array->n_children == 1);
    const struct ArrowArray *child = array->children[0];
    const float *floats = child->buffers[1];
    const uint8_t *bits = child->null_count != 0 ? child->buffers[0] : NULL;
    const int64_t first = child->offset + at * (int64_t)field->size;
    for (int64_t i = first; bits != NULL && i < first + (int64_t)field->size; i++) {
        if ((bits[i / 8] >> (i % 8) & 1) == 0) {
            return arrow_import_refuse(err, name, "has a vector with a null in it");
        }
    }
    *out = firn_bytes((const uint8_t *)(floats + first), (size_t)field->size * sizeof(float));
    return FIRN_OK;
}

/* Reads value `row` of an array. Requires: it is not null. */
static int
read_value(const struct ArrowArray *array, const struct field *field, int64_t row,
           const struct fi_schema_column *to, firn_value *out, firn_error *err)
{
    const char *name = (const char *)to->name.data;
    int64_t at = array->offset + row;
    const uint8_t *data = array->n_buffers > 1 ? array->buffers[1] : NULL;
    int rc = FIRN_OK;
    *out = (firn_value){.type = field->type};
    if (data == NULL && field->way != WAY_NULL && field->way != WAY_FLOATS) {
        return arrow_import_refuse(err, name, "lacks its values");
    }
    switch (field->way) {
    case WAY_NULL:
        break;
    case WAY_BIT:
        *out = firn_bool((data[at / 8] >> (at % 8) & 1) != 0);
        break;
    case WAY_SIGNED:
    case WAY_UNSIGNED:
        return read_number_value(data + at * (int64_t)field->size, field, to, out, err);
    case WAY_F32:
        memcpy(&out->as.f32, data + at * 4, sizeof(float));
        break;
    case WAY_F64:
        memcpy(&out->as.f64, data + at * 8, sizeof(double));
        break;
    case WAY_DECIMAL:
        return read_decimal_value(data + at * 16, field, to, out, err);
    case WAY_OFFSETS:
    case WAY_OFFSETS8:
        rc = read_bytes(array, field, at, name, &out->as.bytes, err);
        break;
    case WAY_VIEWS:
        rc = read_view(array, at, name, &out->as.bytes, err);
        break;
    case WAY_FIXED:
        out->as.bytes = firn_bytes(data + at * (int64_t)field->size, field->size);
        /* A column of another type may also hold 16 bytes. */
        out->type = fi_type_class_of(to->type) == FI_TYPE_CLASS_FIXED ? to->type : FIRN_TYPE_BLOB;
        break;
    case WAY_FLOATS:
        rc = read_vector(array, field, at, name, &out->as.bytes, err);
        break;
    }
    return rc;
}

/* Reads the value of a column in a row, through the dictionary if there is one. */
static int
read_cell(const struct column *column, const struct ArrowArray *array, int64_t row, firn_value *out,
          firn_error *err)
{
    *out = firn_null();
    if (!is_valid(array, &column->field, row)) {
        return FIRN_OK;
    }
    if (!column->has_dictionary) {
        return read_value(array, &column->field, row, column->to, out, err);
    }
    const struct ArrowArray *dictionary = array->dictionary;
    firn_value index;
    int rc = read_value(array, &column->field, row, column->to, &index, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (index.as.i64 < 0 || index.as.i64 >= dictionary->length) {
        return arrow_import_refuse(err, (const char *)column->to->name.data,
                                   "has an index beyond its dictionary");
    }
    return is_valid(dictionary, &column->values, index.as.i64)
               ? read_value(dictionary, &column->values, index.as.i64, column->to, out, err)
               : FIRN_OK;
}

/* ---- the stream ---- */

struct import {
    struct ArrowArrayStream *stream;
    struct ArrowSchema schema;
    struct column *columns;
    const char **names;
    firn_value *values;
    size_t count;
    struct firn_table_bulk *bulk;
    struct fi_storefile_progress *progress;
};

static int
say_stream_failed(struct import *import, int number, firn_error *err)
{
    DCHECK(number != 0);
    const char *text = import->stream->get_last_error != NULL
                           ? import->stream->get_last_error(import->stream)
                           : NULL;
    if (text != NULL) {
        return fi_error_set(err, FIRN_IO, "the Arrow stream failed: %.200s", text);
    }
    return fi_error_set(err, FIRN_IO, "the Arrow stream failed with errno %d", number);
}

static int
check_schema(const struct ArrowSchema *schema, firn_error *err)
{
    if (schema->format == NULL || strcmp(schema->format, "+s") != 0) {
        return fi_error_set(err, FIRN_INVALID,
                            "the Arrow data are no rows: their format is '%.40s', not '+s'",
                            schema->format != NULL ? schema->format : "");
    }
    if (schema->n_children < 1 || schema->n_children > FIRN_TABLE_COLUMNS_MAX ||
        schema->children == NULL) {
        return fi_error_set(err, FIRN_INVALID,
                            "the Arrow data have %lld fields; a table has 1 to %d",
                            (long long)schema->n_children, FIRN_TABLE_COLUMNS_MAX);
    }
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i] == NULL || schema->children[i]->name == NULL) {
            return fi_error_set(err, FIRN_INVALID, "field %lld of the Arrow data has no name",
                                (long long)i + 1);
        }
    }
    return FIRN_OK;
}

static int
read_column(const struct ArrowSchema *schema, struct column *out, firn_error *err)
{
    int rc = read_field(schema, &out->field, err);
    out->has_dictionary = schema->dictionary != NULL;
    if (rc != FIRN_OK || !out->has_dictionary) {
        return rc;
    }
    if (out->field.way != WAY_SIGNED && out->field.way != WAY_UNSIGNED) {
        return arrow_import_refuse(err, schema->name, "has a dictionary without indexes");
    }
    if (schema->dictionary->dictionary != NULL) {
        return arrow_import_refuse(err, schema->name, "has a dictionary of a dictionary");
    }
    return read_field(schema->dictionary, &out->values, err);
}

static int
arrow_import_begin(struct import *import, struct firn_table *table, firn_error *err)
{
    DCHECK(import->stream != NULL && import->bulk == NULL);
    int number = import->stream->get_schema(import->stream, &import->schema);
    if (number != 0) {
        import->schema.release = NULL;
        return say_stream_failed(import, number, err);
    }
    FI_TRY_RETURN(check_schema(&import->schema, err));
    import->count = (size_t)import->schema.n_children;
    import->columns = fi_alloc_zeroed(import->count * sizeof import->columns[0]);
    import->names = fi_alloc_zeroed(import->count * sizeof import->names[0]);
    import->values = fi_alloc_zeroed(import->count * sizeof import->values[0]);
    if (import->columns == NULL || import->names == NULL || import->values == NULL) {
        return fi_error_no_memory(err, "Arrow data");
    }
    for (size_t i = 0; i < import->count; i++) {
        import->names[i] = import->schema.children[i]->name;
        FI_TRY_RETURN(read_column(import->schema.children[i], &import->columns[i], err));
    }
    const struct fi_rows_bulk_options options = {
        .columns = import->names, .column_count = import->count, .progress = import->progress};
    FI_TRY_RETURN(fi_rows_bulk_open(table, &options, &import->bulk, err));
    for (size_t i = 0; i < import->count; i++) {
        FI_TRY_RETURN(fi_schema_require(fi_rows_bulk_schema(import->bulk),
                                        firn_str(import->names[i]), &import->columns[i].to, err));
    }
    return FIRN_OK;
}

static int
check_arrays(const struct import *import, const struct ArrowArray *array, firn_error *err)
{
    DCHECK(import->columns != NULL && import->bulk != NULL);
    int rc = FIRN_OK;
    if (array->n_children != (int64_t)import->count || array->children == NULL ||
        array->length < 0 || array->offset < 0) {
        return fi_error_set(err, FIRN_INVALID,
                            "an Arrow array does not have the fields of its schema");
    }
    if (array->null_count > 0 &&
        (array->n_buffers < 1 || array->buffers == NULL || array->buffers[0] == NULL)) {
        return fi_error_set(err, FIRN_INVALID, "an Arrow array has null rows without a bitmap");
    }
    for (size_t i = 0; rc == FIRN_OK && i < import->count; i++) {
        const struct column *column = &import->columns[i];
        const struct ArrowArray *child = array->children[i];
        rc = child != NULL ? check_array(child, &column->field, import->names[i], err)
                           : arrow_import_refuse(err, import->names[i], "is missing");
        if (rc == FIRN_OK && (array->length > INT64_MAX - array->offset ||
                              child->length < array->offset + array->length)) {
            rc = arrow_import_refuse(err, import->names[i], "has fewer rows than the others");
        }
        if (rc == FIRN_OK && column->has_dictionary) {
            rc = child->dictionary != NULL
                     ? check_array(child->dictionary, &column->values, import->names[i], err)
                     : arrow_import_refuse(err, import->names[i], "lacks its dictionary");
        }
    }
    return rc;
}

static int
add_array(struct import *import, const struct ArrowArray *array, firn_error *err)
{
    DCHECK(array->release != NULL);
    const struct field whole = {.way = WAY_BIT};
    FI_TRY_RETURN(check_arrays(import, array, err));
    for (int64_t row = 0; row < array->length; row++) {
        if (array->n_buffers > 0 && array->buffers != NULL && !is_valid(array, &whole, row)) {
            return fi_error_set(err, FIRN_INVALID, "row %lld of an Arrow array is null as a whole",
                                (long long)row + 1);
        }
        for (size_t i = 0; i < import->count; i++) {
            FI_TRY_RETURN(read_cell(&import->columns[i], array->children[i], array->offset + row,
                                    &import->values[i], err));
        }
        FI_TRY_RETURN(fi_rows_bulk_put(import->bulk, import->values, import->count, err));
    }
    return fi_storefile_progress_step(import->progress, (uint64_t)array->length,
                                      (uint64_t)array->length * import->count * 8, err);
}

static int
add_all(struct import *import, firn_error *err)
{
    int rc = FIRN_OK;
    bool has_more = true;
    while (rc == FIRN_OK && has_more) {
        struct ArrowArray array = {.length = 0};
        int number = import->stream->get_next(import->stream, &array);
        if (number != 0) {
            return say_stream_failed(import, number, err);
        }
        has_more = array.release != NULL;
        if (has_more) {
            rc = add_array(import, &array, err);
            array.release(&array);
        }
    }
    return rc;
}

int
fi_arrow_import(struct firn_table *table, struct ArrowArrayStream *stream,
                struct fi_storefile_progress *progress, uint64_t *out_rows, firn_error *err)
{
    struct import import = {.stream = stream, .progress = progress};
    int rc;
    *out_rows = 0;
    FI_TRY(fi_storefile_progress_begin(progress, "read", 0, 0, err));
    FI_TRY(arrow_import_begin(&import, table, err));
    FI_TRY(add_all(&import, err));
    FI_TRY(fi_rows_bulk_commit(import.bulk, err));
    *out_rows = fi_rows_bulk_count(import.bulk);
out:
    fi_rows_bulk_close(import.bulk);
    if (import.schema.release != NULL) {
        import.schema.release(&import.schema);
    }
    fi_free(import.columns);
    fi_free(import.names);
    fi_free(import.values);
    stream->release(stream);
    return rc;
}

/* ---- a definition ---- */

static int
append_name(struct fi_buf *out, const char *name)
{
    int rc = fi_buf_append_str(out, "\"");
    for (; rc == FIRN_OK && *name != '\0'; name++) {
        rc = fi_buf_append(out, name, 1);
        rc = rc == FIRN_OK && *name == '"' ? fi_buf_append_str(out, "\"") : rc;
    }
    return rc == FIRN_OK ? fi_buf_append_str(out, "\"") : rc;
}

/* The type of decimals. Of those with more digits than a column can have, the values that fit into
 * as many as it can have are taken exactly, and others refused. */
static int
append_decimal(struct fi_buf *out, const struct field *field)
{
    const int32_t most = FIRN_TABLE_PRECISION_MAX;
    bool fits = field->precision <= FIRN_TABLE_PRECISION_MAX && field->scale >= 0 &&
                (uint32_t)field->scale <= field->precision;
    int32_t scale = field->scale < 0 ? 0 : field->scale > most ? most : field->scale;
    return fi_buf_append_format(out, " decimal(%u, %d)",
                                fits ? (unsigned)field->precision : (unsigned)most, (int)scale);
}

static int
append_type(struct fi_buf *out, const struct column *column)
{
    const struct field *field = column->has_dictionary ? &column->values : &column->field;
    if (field->type == FIRN_TYPE_NULL) {
        return fi_buf_append_str(out, " text"); /* the field has no type */
    }
    if (field->type == FIRN_TYPE_DECIMAL) {
        return append_decimal(out, field);
    }
    char text[FI_TYPE_TEXT_SIZE];
    return fi_buf_append_format(out, " %s", fi_type_text(field->type, 0, 0, field->size, text));
}

static bool
has_field(const struct ArrowSchema *schema, const char *name)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (strcmp(schema->children[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

int
fi_arrow_import_definition(const struct ArrowSchema *schema, const char *const *key,
                           size_t key_count, struct fi_buf *out, firn_error *err)
{
    int rc = check_schema(schema, err);
    if (rc == FIRN_OK && key_count == 0) {
        rc = fi_buf_append_str(out, "\"row\" i64 auto primary key, ");
    }
    for (int64_t i = 0; rc == FIRN_OK && i < schema->n_children; i++) {
        const struct ArrowSchema *child = schema->children[i];
        struct column column;
        rc = read_column(child, &column, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        rc = i > 0 ? fi_buf_append_str(out, ", ") : FIRN_OK;
        rc = rc == FIRN_OK ? append_name(out, child->name) : rc;
        rc = rc == FIRN_OK ? append_type(out, &column) : rc;
        if (rc == FIRN_OK && (child->flags & ARROW_FLAG_NULLABLE) == 0) {
            rc = fi_buf_append_str(out, " not null");
        }
    }
    for (size_t i = 0; rc == FIRN_OK && i < key_count; i++) {
        if (!has_field(schema, key[i])) {
            return fi_error_set(err, FIRN_NOT_FOUND, "the Arrow data have no field '%.100s'",
                                key[i]);
        }
        rc = fi_buf_append_str(out, i == 0 ? ", primary key (" : ", ");
        rc = rc == FIRN_OK ? append_name(out, key[i]) : rc;
    }
    if (rc == FIRN_OK && key_count > 0) {
        rc = fi_buf_append_str(out, ")");
    }
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "a definition") : rc;
}
