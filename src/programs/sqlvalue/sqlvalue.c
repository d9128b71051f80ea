/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlvalue/sqlvalue.c: values of firn as values of SQLite, and back. The table in sqlvalue.h says
 * what becomes what.
 *
 * SQLite has five types, and the type of a value decides how it is compared. So a type of firn is
 * shown as one that SQLite sorts in the same way: numbers as numbers; dates, timestamps and UUIDs
 * as text of a fixed form. DECIMAL is REAL: as a text it would sort by its digits, and sum() would
 * be wrong. The nearest REAL of a decimal of up to 15 digits is no other decimal's, so it comes
 * back as the same one; a decimal of 16 to 18 digits is written exactly as TEXT.
 *
 * An UPDATE does not read and write back what it does not change (sql_update.c), so nothing is lost
 * by that.
 */
#include "sqlvalue/sqlvalue.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "codec/calendar.h"
#include "codec/hex.h"
#include "codec/utf8.h"
SQLITE_EXTENSION_INIT3

enum { TEXT_COPIED_MAX = 1000 };

double
fi_sqlvalue_decimal(int64_t units, uint32_t scale)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    assert(scale <= FIRN_TABLE_PRECISION_MAX);
    /* Up to 2^53 both are exact, so the quotient is the nearest number. Above, the units are
     * rounded first: the order stays. */
    return (double)units / powers[scale];
}

/* ---- firn to SQLite ---- */

/* SQLite copies a text of a given size without a NUL after it, and allocates anew as soon as
 * somebody asks for the text as C has it. Given without a size, which its NUL says, it is copied
 * once. */
void
fi_sqlvalue_text(sqlite3_context *ctx, firn_slice text)
{
    assert(text.data != NULL || text.size == 0);
    char copy[TEXT_COPIED_MAX + 1];
    if (text.size == 0) {
        sqlite3_result_text(ctx, "", -1, SQLITE_STATIC);
        return;
    }
    if (text.size <= TEXT_COPIED_MAX && memchr(text.data, 0, text.size) == NULL) {
        memcpy(copy, text.data, text.size);
        copy[text.size] = '\0';
        sqlite3_result_text(ctx, copy, -1, SQLITE_TRANSIENT);
        return;
    }
    sqlite3_result_text64(ctx, (const char *)text.data, text.size, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* A value whose type has a text of its own. */
static void
give_fixed(sqlite3_context *ctx, const firn_table_column *column, const firn_value *value)
{
    char text[FI_HEX_UUID_TEXT_SIZE + 1];
    if (value->type == FIRN_TYPE_UUID && value->as.bytes.size == FI_HEX_UUID_SIZE) {
        fi_hex_write_uuid(value->as.bytes.data, text);
        text[FI_HEX_UUID_TEXT_SIZE] = '\0';
        sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
        return;
    }
    char *made = NULL;
    const firn_table_column plain = {.name = "value", .type = column->type};
    if (firn_value_format(&plain, value, &made, NULL, NULL) == FIRN_OK) {
        sqlite3_result_text(ctx, made, -1, SQLITE_TRANSIENT);
    } else {
        sqlite3_result_error(ctx, "a value cannot be shown as a text", -1);
    }
    firn_release(made);
}

void
fi_sqlvalue_result(sqlite3_context *ctx, const firn_table_column *column, firn_value value)
{
    char text[FI_CALENDAR_TEXT_SIZE_MAX + 1];
    switch (fi_type_class_of(value.type)) {
    case FI_TYPE_CLASS_NULL:
        sqlite3_result_null(ctx);
        return;
    case FI_TYPE_CLASS_BOOL:
        sqlite3_result_int(ctx, value.as.boolean ? 1 : 0);
        return;
    case FI_TYPE_CLASS_SIGNED:
        sqlite3_result_int64(ctx, value.as.i64);
        return;
    case FI_TYPE_CLASS_UNSIGNED:
        if (value.as.u64 <= INT64_MAX) {
            sqlite3_result_int64(ctx, (sqlite3_int64)value.as.u64);
        } else {
            sqlite3_result_double(ctx, (double)value.as.u64);
        }
        return;
    case FI_TYPE_CLASS_FLOAT:
        sqlite3_result_double(ctx,
                              value.type == FIRN_TYPE_F32 ? (double)value.as.f32 : value.as.f64);
        return;
    case FI_TYPE_CLASS_DECIMAL:
        if (column->scale == 0) {
            sqlite3_result_int64(ctx, value.as.i64);
        } else {
            sqlite3_result_double(ctx, fi_sqlvalue_decimal(value.as.i64, column->scale));
        }
        return;
    case FI_TYPE_CLASS_TIME:
        text[fi_sqlvalue_time(value.type, value.as.i64, text)] = '\0';
        sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
        return;
    case FI_TYPE_CLASS_TEXT:
        fi_sqlvalue_text(ctx, value.as.bytes);
        return;
    case FI_TYPE_CLASS_FIXED:
        give_fixed(ctx, column, &value);
        return;
    case FI_TYPE_CLASS_BLOB:
    case FI_TYPE_CLASS_VECTOR:
        break;
    }
    /* No bytes are a blob, too: only NULL has no address. */
    sqlite3_result_blob64(ctx, value.as.bytes.size > 0 ? (const void *)value.as.bytes.data : "",
                          value.as.bytes.size, SQLITE_TRANSIENT);
}

/* ---- values of a batch to SQLite ---- */

firn_value
fi_sqlvalue_of_array(const firn_scan_array *array, firn_type type, size_t row)
{
    if (array->valid != NULL && (array->valid[row / 64] >> (row % 64) & 1) == 0) {
        return firn_null();
    }
    firn_value value = firn_typed_i64(type, 0);
    if (fi_type_has_bytes(type)) {
        value.as.bytes = array->as.bytes[row];
    } else if (type == FIRN_TYPE_BOOL) {
        value.as.boolean = array->as.u64[row] != 0;
    } else if (type == FIRN_TYPE_F32) {
        value.as.f32 = array->as.f32[row];
    } else {
        value.as.u64 = array->as.u64[row];
    }
    return value;
}

/* What fi_sqlvalue_result(fi_sqlvalue_of_array(…)) does, by type. SQLite's value is NULL
 * before. */

static void
give_integer(sqlite3_context *ctx, const struct fi_sqlvalue_cell *cell, size_t row)
{
    sqlite3_result_int64(ctx, cell->array.as.i64[row]);
}

static void
give_double(sqlite3_context *ctx, const struct fi_sqlvalue_cell *cell, size_t row)
{
    assert(cell->column->type == FIRN_TYPE_F64);
    sqlite3_result_double(ctx, cell->array.as.f64[row]);
}

static void
give_decimal(sqlite3_context *ctx, const struct fi_sqlvalue_cell *cell, size_t row)
{
    assert(cell->column->scale > 0 && cell->column->scale <= FIRN_TABLE_PRECISION_MAX);
    sqlite3_result_double(ctx, fi_sqlvalue_decimal(cell->array.as.i64[row], cell->column->scale));
}

static void
give_text(sqlite3_context *ctx, const struct fi_sqlvalue_cell *cell, size_t row)
{
    fi_sqlvalue_text(ctx, cell->array.as.bytes[row]);
}

/* What is rare is a function of its own, so that what is frequent saves no registers. */
static __attribute__((noinline)) void
give_new_text(sqlite3_context *ctx, const struct fi_sqlvalue_cell *cell, firn_slice text)
{
    const char *kept = fi_sqlvalue_texts_learn(cell->made.texts, cell->known, text);
    if (kept != NULL) {
        sqlite3_result_text(ctx, kept, -1, SQLITE_STATIC);
    } else {
        fi_sqlvalue_text(ctx, text);
    }
}

static void
give_known_text(sqlite3_context *ctx, const struct fi_sqlvalue_cell *cell, size_t row)
{
    assert(cell->known != NULL && cell->made.texts != NULL);
    const firn_slice text = cell->array.as.bytes[row];
    const struct fi_sqlvalue_known_text *slot = fi_sqlvalue_texts_slot(cell->known, text);
    if (slot->data == text.data && slot->size == text.size && slot->batch == cell->known->batch &&
        slot->text != NULL) {
        sqlite3_result_text(ctx, slot->text, -1, SQLITE_STATIC);
    } else {
        give_new_text(ctx, cell, text);
    }
}

static __attribute__((noinline)) void
give_new_date(sqlite3_context *ctx, const struct fi_sqlvalue_cell *cell, int64_t days)
{
    const char *text = fi_sqlvalue_dates_make(cell->made.dates, days);
    if (text != NULL) {
        sqlite3_result_text(ctx, text, -1, SQLITE_STATIC);
    } else {
        fi_sqlvalue_result(ctx, cell->column, firn_typed_i64(FIRN_TYPE_DATE, days));
    }
}

static void
give_date(sqlite3_context *ctx, const struct fi_sqlvalue_cell *cell, size_t row)
{
    assert(cell->made.dates != NULL);
    const int64_t days = cell->array.as.i64[row];
    const char *text = fi_sqlvalue_dates_find(cell->made.dates, days);
    if (text != NULL) {
        sqlite3_result_text(ctx, text, -1, SQLITE_STATIC);
    } else {
        give_new_date(ctx, cell, days);
    }
}

static void
give_other(sqlite3_context *ctx, const struct fi_sqlvalue_cell *cell, size_t row)
{
    fi_sqlvalue_result(ctx, cell->column,
                       fi_sqlvalue_of_array(&cell->array, cell->column->type, row));
}

static fi_sqlvalue_give *
giver_of(const struct fi_sqlvalue_cell *cell)
{
    const firn_table_column *column = cell->column;
    switch (fi_type_class_of(column->type)) {
    case FI_TYPE_CLASS_BOOL:
    case FI_TYPE_CLASS_SIGNED:
    case FI_TYPE_CLASS_UNSIGNED:
        return column->type != FIRN_TYPE_U64 ? give_integer : give_other;
    case FI_TYPE_CLASS_DECIMAL:
        return column->scale == 0 ? give_integer : give_decimal;
    case FI_TYPE_CLASS_FLOAT:
        return column->type == FIRN_TYPE_F64 ? give_double : give_other;
    case FI_TYPE_CLASS_TIME:
        return cell->made.dates != NULL && column->type == FIRN_TYPE_DATE ? give_date : give_other;
    case FI_TYPE_CLASS_TEXT:
        return cell->known != NULL ? give_known_text : give_text;
    case FI_TYPE_CLASS_NULL:
    case FI_TYPE_CLASS_BLOB:
    case FI_TYPE_CLASS_FIXED:
    case FI_TYPE_CLASS_VECTOR:
        break;
    }
    return give_other;
}

void
fi_sqlvalue_set_giver(struct fi_sqlvalue_cell *cell)
{
    assert(cell->column != NULL);
    cell->give = giver_of(cell);
    cell->is_integer = cell->give == give_integer;
}

void
fi_sqlvalue_begin_batch(struct fi_sqlvalue_cell *cell)
{
    if (cell->known != NULL && !fi_sqlvalue_texts_begin(cell->known)) {
        sqlite3_free(cell->known);
        cell->known = NULL;
        fi_sqlvalue_set_giver(cell);
    }
}

/* ---- SQLite to firn ---- */

static int
sqlvalue_refuse(const firn_table_column *column, sqlite3_value *from, const char *why,
                firn_error *err)
{
    const char *text = "";
    if (sqlite3_value_type(from) != SQLITE_BLOB) {
        text = (const char *)sqlite3_value_text(from);
    }
    return fi_sqlvalue_error(err, FIRN_INVALID, "column %s: %s%.60s%s %s", column->name,
                             text == NULL || *text == '\0' ? "" : "'", text != NULL ? text : "",
                             text == NULL || *text == '\0' ? "a blob" : "'", why);
}

static int
refuse_range(const firn_table_column *column, sqlite3_value *from, firn_error *err)
{
    return fi_sqlvalue_error(err, FIRN_LIMIT, "column %s: %s is out of the range of %s",
                             column->name, (const char *)sqlite3_value_text(from),
                             firn_type_name(column->type));
}

static int
make_integer(const firn_table_column *column, sqlite3_value *from, firn_value *out, firn_error *err)
{
    assert(sqlite3_value_type(from) == SQLITE_INTEGER || sqlite3_value_type(from) == SQLITE_FLOAT);
    const struct fi_type_range range = fi_type_range_of(column->type, 0);
    if (sqlite3_value_type(from) == SQLITE_FLOAT) {
        double number = sqlite3_value_double(from);
        if (number != floor(number)) {
            return sqlvalue_refuse(column, from, "is no whole number", err);
        }
        if (number >= 0x1p64 || number < -0x1p63) {
            return refuse_range(column, from, err);
        }
        *out = number < 0 ? firn_i64((int64_t)number) : firn_u64((uint64_t)number);
    } else {
        *out = firn_i64(sqlite3_value_int64(from));
    }
    bool is_negative = out->type == FIRN_TYPE_I64 && out->as.i64 < 0;
    if (is_negative ? out->as.i64 < range.min : out->as.u64 > range.max) {
        return refuse_range(column, from, err);
    }
    if (column->type == FIRN_TYPE_BOOL) {
        *out = firn_bool(out->as.u64 != 0);
    }
    return FIRN_OK;
}

static int
make_decimal(const firn_table_column *column, sqlite3_value *from, firn_value *out, firn_error *err)
{
    assert(column->type == FIRN_TYPE_DECIMAL && column->precision <= FIRN_TABLE_PRECISION_MAX);
    if (sqlite3_value_type(from) == SQLITE_INTEGER) {
        *out = firn_i64(sqlite3_value_int64(from));
        return FIRN_OK;
    }
    double number = sqlite3_value_double(from);
    double most = fi_sqlvalue_decimal(INT64_C(1000000000000000000),
                                      FIRN_TABLE_PRECISION_MAX - column->precision);
    double units = number / fi_sqlvalue_decimal(1, column->scale);
    if (!(fabs(units) < most)) {
        return refuse_range(column, from, err);
    }
    int64_t whole = (int64_t)llround(units);
    /* A REAL has 15 digits that can be relied on: 0.1 + 0.2 is 0.30, and 0.123 is no decimal(4,
     * 2). */
    if (fabs(fi_sqlvalue_decimal(whole, column->scale) - number) > fabs(number) * 2e-15) {
        char why[80];
        (void)snprintf(why, sizeof why, "has more than %u digits after the point", column->scale);
        return sqlvalue_refuse(column, from, why, err);
    }
    *out = firn_typed_i64(FIRN_TYPE_DECIMAL, whole);
    return FIRN_OK;
}

static int
make_float(const firn_table_column *column, sqlite3_value *from, firn_value *out, firn_error *err)
{
    assert(column->type == FIRN_TYPE_F32 || column->type == FIRN_TYPE_F64);
    double number = sqlite3_value_double(from);
    *out = firn_f64(number);
    if (column->type == FIRN_TYPE_F32) {
        out->type = FIRN_TYPE_F32;
        out->as.f32 = (float)number;
        if (isfinite(number) && !isfinite(out->as.f32)) {
            return refuse_range(column, from, err);
        }
    }
    return FIRN_OK;
}

static int
make_parsed(const firn_table_column *column, sqlite3_value *from,
            struct fi_sqlvalue_scratch *scratch, firn_value *out, firn_error *err)
{
    const unsigned char *text = sqlite3_value_text(from);
    if (text == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    firn_slice slice = firn_bytes(text, (size_t)sqlite3_value_bytes(from));
    firn_error inner;
    int rc = firn_value_parse(column, slice, out, &scratch->memory, &inner);
    if (rc != FIRN_OK) {
        return fi_sqlvalue_error(err, rc, "column %s: %s", column->name, inner.text);
    }
    return rc;
}

static int
make_blob(const firn_table_column *column, sqlite3_value *from, size_t size, firn_value *out,
          firn_error *err)
{
    const void *bytes = sqlite3_value_blob(from);
    size_t given = (size_t)sqlite3_value_bytes(from);
    if (bytes == NULL && given > 0) {
        return fi_sqlvalue_no_memory(err);
    }
    if (size != 0 && given != size) {
        char why[80];
        (void)snprintf(why, sizeof why, "of %zu bytes is no %s, which has %zu", given,
                       firn_type_name(column->type), size);
        return sqlvalue_refuse(column, from, why, err);
    }
    *out = firn_blob(firn_bytes(bytes != NULL ? bytes : "", given));
    out->type = column->type;
    return FIRN_OK;
}

static int
make_text(sqlite3_value *from, firn_value *out, firn_error *err)
{
    const unsigned char *text = sqlite3_value_text(from);
    if (text == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    *out = firn_text_bytes(firn_bytes(text, (size_t)sqlite3_value_bytes(from)));
    return FIRN_OK;
}

int
fi_sqlvalue_make(const firn_table_column *column, sqlite3_value *from,
                 struct fi_sqlvalue_scratch *scratch, firn_value *out, firn_error *err)
{
    int type = sqlite3_value_type(from);
    bool is_number = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
    fi_sqlvalue_deinit(scratch);
    *out = firn_null();
    if (type == SQLITE_NULL) {
        return FIRN_OK;
    }
    switch (fi_type_class_of(column->type)) {
    case FI_TYPE_CLASS_TEXT:
        return type != SQLITE_BLOB ? make_text(from, out, err)
                                   : sqlvalue_refuse(column, from, "is no text", err);
    case FI_TYPE_CLASS_BLOB:
        return !is_number ? make_blob(column, from, 0, out, err)
                          : sqlvalue_refuse(column, from, "is no blob", err);
    case FI_TYPE_CLASS_FIXED:
    case FI_TYPE_CLASS_VECTOR:
        if (type == SQLITE_BLOB && fi_type_has_bytes(column->type)) {
            return make_blob(column, from, fi_type_bytes_size(column->type, column->dimensions),
                             out, err);
        }
        break;
    case FI_TYPE_CLASS_FLOAT:
        if (is_number) {
            return make_float(column, from, out, err);
        }
        break;
    case FI_TYPE_CLASS_DECIMAL:
        if (is_number) {
            return make_decimal(column, from, out, err);
        }
        break;
    case FI_TYPE_CLASS_BOOL:
    case FI_TYPE_CLASS_SIGNED:
    case FI_TYPE_CLASS_UNSIGNED:
        if (is_number) {
            return make_integer(column, from, out, err);
        }
        break;
    case FI_TYPE_CLASS_NULL:
    case FI_TYPE_CLASS_TIME:
        break;
    }
    if (type == SQLITE_BLOB || is_number) {
        char why[40];
        (void)snprintf(why, sizeof why, "is no %s", firn_type_name(column->type));
        return sqlvalue_refuse(column, from, why, err);
    }
    return make_parsed(column, from, scratch, out, err);
}

void
fi_sqlvalue_deinit(struct fi_sqlvalue_scratch *scratch)
{
    firn_release(scratch->memory);
    scratch->memory = NULL;
}

firn_value
fi_sqlvalue_any(sqlite3_value *from)
{
    switch (sqlite3_value_type(from)) {
    case SQLITE_INTEGER:
        return firn_i64(sqlite3_value_int64(from));
    case SQLITE_FLOAT:
        return firn_f64(sqlite3_value_double(from));
    case SQLITE_TEXT: {
        const unsigned char *text = sqlite3_value_text(from);
        return text == NULL ? firn_null()
                            : firn_text_bytes(firn_bytes(text, (size_t)sqlite3_value_bytes(from)));
    }
    case SQLITE_BLOB: {
        const void *bytes = sqlite3_value_blob(from);
        return firn_blob(firn_bytes(bytes != NULL ? bytes : "", (size_t)sqlite3_value_bytes(from)));
    }
    default:
        return firn_null();
    }
}

/* ---- keys as blobs ---- */

static size_t
packed_size(const firn_value *key, size_t count)
{
    assert(count >= 1 && count <= FIRN_TABLE_KEY_COLUMNS_MAX);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += fi_type_has_bytes(key[i].type) ? 2 * key[i].as.bytes.size + 2 : 8;
    }
    return size;
}

static void
pack_value(firn_key *out, const firn_value *value)
{
    switch (fi_physical_of(value->type)) {
    case FI_PHYSICAL_U64:
        if (value->type == FIRN_TYPE_BOOL) {
            firn_key_add_bool(out, value->as.boolean);
        } else {
            firn_key_add_u64(out, value->as.u64);
        }
        return;
    case FI_PHYSICAL_F32:
        firn_key_add_f64(out, (double)value->as.f32);
        return;
    case FI_PHYSICAL_F64:
        firn_key_add_f64(out, value->as.f64);
        return;
    case FI_PHYSICAL_BYTES:
        firn_key_add_text(out, value->as.bytes);
        return;
    case FI_PHYSICAL_I64:
    case FI_PHYSICAL_NONE:
        break;
    }
    firn_key_add_i64(out, value->as.i64);
}

int
fi_sqlvalue_pack_key(const firn_value *key, size_t count, uint8_t **out, size_t *out_size,
                     firn_error *err)
{
    size_t capacity = packed_size(key, count);
    uint8_t *memory = sqlite3_malloc64(capacity + 1);
    *out = memory;
    *out_size = 0;
    if (memory == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    firn_key packed = firn_key_in(memory, capacity);
    for (size_t i = 0; i < count; i++) {
        pack_value(&packed, &key[i]);
    }
    assert(firn_key_is_valid(&packed));
    *out_size = packed.size;
    return FIRN_OK;
}

static int
unpack_value(firn_slice *rest, firn_type type, uint8_t **memory, size_t capacity, firn_value *out)
{
    double number = 0;
    size_t size = 0;
    int rc;
    *out = firn_typed_i64(type, 0);
    switch (fi_physical_of(type)) {
    case FI_PHYSICAL_U64:
        return type == FIRN_TYPE_BOOL ? firn_key_read_bool(rest, &out->as.boolean)
                                      : firn_key_read_u64(rest, &out->as.u64);
    case FI_PHYSICAL_F32:
        rc = firn_key_read_f64(rest, &number);
        out->as.f32 = (float)number;
        return rc;
    case FI_PHYSICAL_F64:
        return firn_key_read_f64(rest, &out->as.f64);
    case FI_PHYSICAL_BYTES:
        rc = firn_key_read_text(rest, *memory, capacity, &size);
        out->as.bytes = firn_bytes(*memory, size);
        *memory += size;
        return rc;
    case FI_PHYSICAL_I64:
    case FI_PHYSICAL_NONE:
        break;
    }
    return firn_key_read_i64(rest, &out->as.i64);
}

int
fi_sqlvalue_unpack_key(const struct fi_sqlvalue_key *key, firn_slice blob, firn_value *out,
                       uint8_t **out_memory, firn_error *err)
{
    uint8_t *memory = sqlite3_malloc64(blob.size + 1);
    firn_slice rest = blob;
    *out_memory = memory;
    if (memory == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    for (size_t i = 0; i < key->count; i++) {
        firn_type type = key->columns[key->places[i]].type;
        size_t left = blob.size - (size_t)(memory - *out_memory);
        if (unpack_value(&rest, type, &memory, left, &out[i]) != FIRN_OK) {
            return fi_sqlvalue_error(err, FIRN_INVALID, "the blob is no key of the table '%s'",
                                     key->table);
        }
    }
    return FIRN_OK;
}

/* ---- UTF-8 ---- */

bool
fi_sqlvalue_is_utf8(const uint8_t *text, size_t size)
{
    size_t step = 1;
    for (size_t at = 0; at < size && step > 0; at += step) {
        uint32_t point;
        step = fi_utf8_decode(firn_bytes(text + at, size - at), &point);
    }
    return step > 0;
}

/* ---- failures ---- */

int
fi_sqlvalue_error(firn_error *err, int code, const char *format, ...)
{
    assert(code != FIRN_OK);
    va_list arguments;
    err->code = code;
    err->os_errno = 0;
    va_start(arguments, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, arguments);
    va_end(arguments);
    return code;
}

int
fi_sqlvalue_no_memory(firn_error *err)
{
    return fi_sqlvalue_error(err, FIRN_NO_MEMORY, "out of memory");
}

/* ---- types ---- */

enum fi_sqlvalue_class
fi_sqlvalue_class_of(firn_type type)
{
    switch (fi_type_class_of(type)) {
    case FI_TYPE_CLASS_NULL:
    case FI_TYPE_CLASS_BOOL:
    case FI_TYPE_CLASS_SIGNED:
    case FI_TYPE_CLASS_UNSIGNED:
    case FI_TYPE_CLASS_FLOAT:
    case FI_TYPE_CLASS_DECIMAL:
        return FI_SQLVALUE_NUMBER;
    case FI_TYPE_CLASS_TIME:
    case FI_TYPE_CLASS_TEXT:
    case FI_TYPE_CLASS_FIXED:
        return FI_SQLVALUE_TEXT;
    case FI_TYPE_CLASS_BLOB:
    case FI_TYPE_CLASS_VECTOR:
        break;
    }
    return FI_SQLVALUE_BLOB;
}

/* SQLite finds the affinity by a word that is in the name: INT, TEXT, BLOB, …. */
static const char declared[][18] = {
    [FIRN_TYPE_NULL] = "",
    [FIRN_TYPE_BOOL] = "BOOLEAN",
    [FIRN_TYPE_I8] = "TINYINT",
    [FIRN_TYPE_I16] = "SMALLINT",
    [FIRN_TYPE_I32] = "INT",
    [FIRN_TYPE_I64] = "BIGINT",
    [FIRN_TYPE_U8] = "TINYINT UNSIGNED",
    [FIRN_TYPE_U16] = "SMALLINT UNSIGNED",
    [FIRN_TYPE_U32] = "INT UNSIGNED",
    [FIRN_TYPE_U64] = "BIGINT UNSIGNED",
    [FIRN_TYPE_F32] = "FLOAT",
    [FIRN_TYPE_F64] = "DOUBLE",
    [FIRN_TYPE_DECIMAL] = "DECIMAL",
    [FIRN_TYPE_DATE] = "DATE TEXT",
    [FIRN_TYPE_TIMESTAMP] = "TIMESTAMP TEXT",
    [FIRN_TYPE_TEXT] = "TEXT",
    [FIRN_TYPE_BLOB] = "BLOB",
    [FIRN_TYPE_UUID] = "UUID TEXT",
    [FIRN_TYPE_VECTOR] = "BLOB VECTOR",
};
_Static_assert(sizeof declared / sizeof declared[0] == FIRN_TYPE_MAX + 1, "each type has a name");

void
fi_sqlvalue_type(const firn_table_column *column, char out[48])
{
    const char *name = declared[fi_type_is_valid(column->type) ? column->type : FIRN_TYPE_NULL];
    if (column->type == FIRN_TYPE_DECIMAL) {
        (void)snprintf(out, 48, "%s(%u,%u)", name, column->precision, column->scale);
    } else if (column->type == FIRN_TYPE_VECTOR) {
        (void)snprintf(out, 48, "%s(%u)", name, column->dimensions);
    } else {
        (void)snprintf(out, 48, "%s", name);
    }
}

firn_type
fi_sqlvalue_type_named(const char *name)
{
    int type = FIRN_TYPE_BOOL;
    while (type <= FIRN_TYPE_MAX && sqlite3_stricmp(declared[type], name) != 0 &&
           sqlite3_stricmp(firn_type_name((firn_type)type), name) != 0) {
        type++;
    }
    return type <= FIRN_TYPE_MAX ? (firn_type)type : FIRN_TYPE_NULL;
}
