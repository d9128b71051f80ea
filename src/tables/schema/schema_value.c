/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_value.c: converts users' values to cells of a column, and back.
 *
 * Conversions lose nothing, with one exception: an F64 in an F32 column is rounded, as it would be
 * in the program's own variable. An integer becomes a floating-point number only if that is the
 * same number. Everything else is refused, with a text that names the column, its type and the
 * value.
 */
#include "schema/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/error.h"
#include "codec/utf8.h"

enum { SHOWN_BYTES = 40, VALUE_TEXT_SIZE = 64 };
/* Bits of the significand. */
enum { F32_BITS = 24, F64_BITS = 53 };

/* ---- errors ---- */

/* A value for a message, without control characters. */
static const char *
schema_value_show(const firn_value *value, char out[VALUE_TEXT_SIZE])
{
    const struct fi_cell cell = fi_cell_of(value);
    const size_t bytes = cell.kind == FI_PHYSICAL_BYTES ? cell.as.bytes.size : 0;
    const bool is_vector = value->type == FIRN_TYPE_VECTOR && bytes % sizeof(float) == 0;
    const size_t count = is_vector ? bytes / sizeof(float) : bytes;
    switch (cell.kind) {
    case FI_PHYSICAL_NONE:
        return "null";
    case FI_PHYSICAL_I64:
        (void)snprintf(out, VALUE_TEXT_SIZE, "%lld", (long long)cell.as.i64);
        return out;
    case FI_PHYSICAL_U64:
        if (value->type == FIRN_TYPE_BOOL) {
            return cell.as.u64 != 0 ? "true" : "false";
        }
        (void)snprintf(out, VALUE_TEXT_SIZE, "%llu", (unsigned long long)cell.as.u64);
        return out;
    case FI_PHYSICAL_F32:
        (void)snprintf(out, VALUE_TEXT_SIZE, "%.9g", (double)cell.as.f32);
        return out;
    case FI_PHYSICAL_F64:
        (void)snprintf(out, VALUE_TEXT_SIZE, "%.17g", cell.as.f64);
        return out;
    case FI_PHYSICAL_BYTES:
        break;
    }
    if (value->type != FIRN_TYPE_TEXT) {
        (void)snprintf(out, VALUE_TEXT_SIZE, "of %zu %s%s", count, is_vector ? "number" : "byte",
                       count == 1 ? "" : "s");
        return out;
    }
    (void)snprintf(
        out, VALUE_TEXT_SIZE, "'%.*s%s'", (int)(bytes > SHOWN_BYTES ? SHOWN_BYTES : bytes),
        bytes == 0 ? "" : (const char *)cell.as.bytes.data, bytes > SHOWN_BYTES ? "…" : "");
    for (char *at = out; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            *at = '?';
        }
    }
    return out;
}

static int
schema_value_refuse(const struct fi_schema_column *column, const firn_value *value, int code,
                    const char *why, firn_error *err)
{
    char type[FI_TYPE_TEXT_SIZE];
    char text[VALUE_TEXT_SIZE];
    const char *of = firn_type_name(value->type);
    return fi_error_set(err, code, "column %s, %s: %s%s%s %s", (const char *)column->name.data,
                        fi_schema_type_text(column, type), firn_is_null(*value) ? "" : of,
                        firn_is_null(*value) ? "" : " ", schema_value_show(value, text), why);
}

static int
refuse_type(const struct fi_schema_column *column, const firn_value *value, firn_error *err)
{
    return schema_value_refuse(column, value, FIRN_INVALID, "is of another type", err);
}

static int
refuse_range(const struct fi_schema_column *column, const firn_value *value, firn_error *err)
{
    return schema_value_refuse(column, value, FIRN_LIMIT, "is out of range", err);
}

/* ---- numbers ---- */

/* An integer of any type, as a sign and a magnitude. */
struct integer {
    bool is_negative;
    uint64_t magnitude;
};

static bool
integer_of(const firn_value *value, struct integer *out)
{
    if (!fi_type_is_integer(value->type)) {
        return false;
    }
    out->is_negative = !fi_type_is_unsigned(value->type) && value->as.i64 < 0;
    out->magnitude = out->is_negative ? 0 - (uint64_t)value->as.i64 : value->as.u64;
    return true;
}

/* False: it is no I64. */
static bool
to_i64(struct integer integer, int64_t *out)
{
    uint64_t limit = (uint64_t)INT64_MAX + (integer.is_negative ? 1 : 0);
    uint64_t bits = integer.is_negative ? 0 - integer.magnitude : integer.magnitude;
    if (integer.magnitude > limit) {
        return false;
    }
    memcpy(out, &bits, sizeof bits);
    return true;
}

static bool
is_signed_in_range(const struct fi_schema_column *column, int64_t number)
{
    const struct fi_type_range range = fi_type_range_of(column->type, column->precision);
    return number >= range.min && number <= (int64_t)range.max;
}

static bool
is_unsigned_in_range(const struct fi_schema_column *column, uint64_t number)
{
    return number <= fi_type_range_of(column->type, 1).max;
}

static int
signed_to_cell(const struct fi_schema_column *column, const firn_value *value, struct fi_cell *out,
               firn_error *err)
{
    const enum fi_type_class class = fi_type_class_of(column->type);
    struct integer integer;
    out->kind = FI_PHYSICAL_I64;
    if (class != FI_TYPE_CLASS_SIGNED && value->type == column->type) {
        out->as.i64 = value->as.i64;
    } else if ((class != FI_TYPE_CLASS_SIGNED && class != FI_TYPE_CLASS_DECIMAL) ||
               !integer_of(value, &integer)) {
        return refuse_type(column, value, err);
    } else {
        uint64_t units = class == FI_TYPE_CLASS_DECIMAL ? fi_type_power(column->scale) : 1;
        if (integer.magnitude > UINT64_MAX / units) {
            return refuse_range(column, value, err);
        }
        integer.magnitude *= units;
        if (!to_i64(integer, &out->as.i64)) {
            return refuse_range(column, value, err);
        }
    }
    return is_signed_in_range(column, out->as.i64) ? FIRN_OK : refuse_range(column, value, err);
}

static int
unsigned_to_cell(const struct fi_schema_column *column, const firn_value *value,
                 struct fi_cell *out, firn_error *err)
{
    struct integer integer;
    out->kind = FI_PHYSICAL_U64;
    if (column->type == FIRN_TYPE_BOOL) {
        out->as.u64 = value->type == FIRN_TYPE_BOOL && value->as.boolean ? 1 : 0;
        return value->type == FIRN_TYPE_BOOL ? FIRN_OK : refuse_type(column, value, err);
    }
    if (!fi_type_is_unsigned(column->type) && value->type == column->type) {
        integer = (struct integer){.magnitude = value->as.u64};
    } else if (!fi_type_is_unsigned(column->type) || !integer_of(value, &integer)) {
        return refuse_type(column, value, err);
    }
    out->as.u64 = integer.magnitude;
    return integer.is_negative || !is_unsigned_in_range(column, integer.magnitude)
               ? refuse_range(column, value, err)
               : FIRN_OK;
}

/* Whether the number has at most so many bits from its first set bit to its last one. */
static bool
fits_bits(uint64_t magnitude, unsigned bits)
{
    return magnitude == 0 || magnitude >> __builtin_ctzll(magnitude) <= UINT64_MAX >> (64 - bits);
}

static int
real_to_cell(const struct fi_schema_column *column, const firn_value *value, struct fi_cell *out,
             firn_error *err)
{
    bool is_f32 = column->type == FIRN_TYPE_F32;
    struct integer integer;
    double number;
    if (value->type == FIRN_TYPE_F32 && is_f32) {
        out->kind = FI_PHYSICAL_F32;
        out->as.f32 = value->as.f32; /* bit for bit */
        return FIRN_OK;
    }
    if (value->type == FIRN_TYPE_F32) {
        number = (double)value->as.f32;
    } else if (value->type == FIRN_TYPE_F64) {
        number = value->as.f64;
    } else if (!integer_of(value, &integer)) {
        return refuse_type(column, value, err);
    } else if (!fits_bits(integer.magnitude, is_f32 ? F32_BITS : F64_BITS)) {
        return schema_value_refuse(column, value, FIRN_LIMIT, "would have to be rounded", err);
    } else {
        number = (double)integer.magnitude * (integer.is_negative ? -1 : 1);
    }
    if (is_f32) {
        out->kind = FI_PHYSICAL_F32;
        out->as.f32 = (float)number;
        bool is_finite = number - number == 0;
        if (is_finite && out->as.f32 - out->as.f32 != 0) {
            return refuse_range(column, value, err);
        }
    } else {
        out->kind = FI_PHYSICAL_F64;
        out->as.f64 = number;
    }
    return FIRN_OK;
}

/* ---- bytes ---- */

static bool
is_finite_vector(firn_slice bytes)
{
    bool is_finite = true;
    for (size_t at = 0; at < bytes.size; at += sizeof(float)) {
        is_finite = is_finite && (fi_load_le32(bytes.data + at) >> 23 & 0xff) != 0xff;
    }
    return is_finite;
}

static int
bytes_to_cell(const struct fi_schema_column *column, const firn_value *value, struct fi_cell *out,
              firn_error *err)
{
    const bool is_sized =
        column->type == FIRN_TYPE_VECTOR || fi_type_bytes_size(column->type, 0) > 0;
    if (value->type != column->type && !(is_sized && value->type == FIRN_TYPE_BLOB)) {
        return refuse_type(column, value, err);
    }
    firn_slice bytes = value->as.bytes;
    if (bytes.data == NULL && bytes.size > 0) {
        return schema_value_refuse(column, value, FIRN_INVALID, "have no address", err);
    }
    if (is_sized && bytes.size != column->fixed_size) {
        char why[48];
        bool is_vector = value->type == FIRN_TYPE_VECTOR && bytes.size % sizeof(float) == 0;
        (void)snprintf(why, sizeof why, "where %u are needed",
                       column->fixed_size / (is_vector ? (unsigned)sizeof(float) : 1));
        return schema_value_refuse(column, value, FIRN_INVALID, why, err);
    }
    if (column->type == FIRN_TYPE_TEXT && !fi_utf8_is_valid(bytes)) {
        firn_value blob = firn_blob(bytes); /* the message must not show the bytes */
        return schema_value_refuse(column, &blob, FIRN_INVALID, "are not UTF-8", err);
    }
    if (column->type == FIRN_TYPE_VECTOR && !is_finite_vector(bytes)) {
        return schema_value_refuse(column, value, FIRN_INVALID, "has an infinity or a NaN", err);
    }
    out->kind = FI_PHYSICAL_BYTES;
    out->as.bytes = bytes;
    return FIRN_OK;
}

/* ---- any type ---- */

int
fi_schema_value_to_cell(const struct fi_schema_column *column, const firn_value *value,
                        struct fi_cell *out, firn_error *err)
{
    out->kind = FI_PHYSICAL_NONE;
    out->as.u64 = 0;
    if (value->type == FIRN_TYPE_NULL) {
        return column->is_nullable
                   ? FIRN_OK
                   : schema_value_refuse(column, value, FIRN_INVALID, "is not allowed", err);
    }
    if (!fi_type_is_valid(value->type)) {
        return fi_error_set(err, FIRN_INVALID, "column %s: a value of type %d, which is none",
                            (const char *)column->name.data, (int)value->type);
    }
    switch (fi_physical_of(column->type)) {
    case FI_PHYSICAL_I64:
        return signed_to_cell(column, value, out, err);
    case FI_PHYSICAL_U64:
        return unsigned_to_cell(column, value, out, err);
    case FI_PHYSICAL_BYTES:
        return bytes_to_cell(column, value, out, err);
    default:
        return real_to_cell(column, value, out, err);
    }
}

/* ---- adding ---- */

/* Whether numbers of the value's type can be added to the column. */
static bool
is_addable(const struct fi_schema_column *column, const firn_value *number)
{
    const enum fi_type_class class = fi_type_class_of(number->type);
    return fi_type_is_integer(number->type) ||
           (class == fi_type_class_of(column->type) &&
            (class == FI_TYPE_CLASS_FLOAT || class == FI_TYPE_CLASS_DECIMAL));
}

static int
refuse_sum(const struct fi_schema_column *column, const firn_value *number, firn_error *err)
{
    return schema_value_refuse(column, number, FIRN_LIMIT,
                               "cannot be added, the sum is out of range", err);
}

/* The number that is added to an integer, or to the units of a decimal. */
static bool
units_of(const struct fi_schema_column *column, const firn_value *number, struct integer *out)
{
    bool is_scaled = column->type == FIRN_TYPE_DECIMAL && number->type != FIRN_TYPE_DECIMAL;
    firn_value plain = *number;
    if (plain.type == FIRN_TYPE_DECIMAL) {
        plain.type = FIRN_TYPE_I64;
    }
    return integer_of(&plain, out) &&
           fi_mul_u64(out->magnitude, is_scaled ? fi_type_power(column->scale) : 1,
                      &out->magnitude);
}

static int
add_signed(const struct fi_schema_column *column, struct fi_cell *cell, const firn_value *number,
           firn_error *err)
{
    struct integer more;
    int64_t sum = 0;
    bool fits = units_of(column, number, &more);
    DCHECK(cell->kind == FI_PHYSICAL_I64);
    if (fits) {
        fits = more.is_negative ? !__builtin_sub_overflow(cell->as.i64, more.magnitude, &sum)
                                : !__builtin_add_overflow(cell->as.i64, more.magnitude, &sum);
    }
    if (!fits || !is_signed_in_range(column, sum)) {
        return refuse_sum(column, number, err);
    }
    cell->as.i64 = sum;
    return FIRN_OK;
}

static int
add_unsigned(const struct fi_schema_column *column, struct fi_cell *cell, const firn_value *number,
             firn_error *err)
{
    struct integer more;
    uint64_t sum = 0;
    bool fits = units_of(column, number, &more);
    DCHECK(cell->kind == FI_PHYSICAL_U64);
    DCHECK(fi_type_is_unsigned(column->type));
    if (fits) {
        fits = more.is_negative ? !__builtin_sub_overflow(cell->as.u64, more.magnitude, &sum)
                                : !__builtin_add_overflow(cell->as.u64, more.magnitude, &sum);
    }
    if (!fits || !is_unsigned_in_range(column, sum)) {
        return refuse_sum(column, number, err);
    }
    cell->as.u64 = sum;
    return FIRN_OK;
}

static int
add_real(const struct fi_schema_column *column, struct fi_cell *cell, const firn_value *number,
         firn_error *err)
{
    struct fi_schema_column wide = *column;
    struct fi_cell more;
    wide.type = FIRN_TYPE_F64;
    int rc = real_to_cell(&wide, number, &more, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    double before = cell->kind == FI_PHYSICAL_F32 ? (double)cell->as.f32 : cell->as.f64;
    const firn_value sum = firn_f64(before + more.as.f64);
    bool were_finite = before - before == 0 && more.as.f64 - more.as.f64 == 0;
    if (were_finite && sum.as.f64 - sum.as.f64 != 0) {
        return refuse_sum(column, number, err);
    }
    return real_to_cell(column, &sum, cell, err);
}

int
fi_schema_value_add(const struct fi_schema_column *column, struct fi_cell *cell,
                    const firn_value *number, firn_error *err)
{
    if (!fi_type_is_number(column->type)) {
        return fi_error_set(err, FIRN_INVALID, "column %s: it is not a number, so nothing is added",
                            (const char *)column->name.data);
    }
    if (!is_addable(column, number)) {
        return fi_error_set(err, FIRN_INVALID, "column %s: only a number of its kind is added",
                            (const char *)column->name.data);
    }
    DCHECK(cell->kind == FI_PHYSICAL_NONE || cell->kind == fi_physical_of(column->type));
    switch (cell->kind) {
    case FI_PHYSICAL_NONE:
        return FIRN_OK;
    case FI_PHYSICAL_I64:
        return add_signed(column, cell, number, err);
    case FI_PHYSICAL_U64:
        return add_unsigned(column, cell, number, err);
    default:
        return add_real(column, cell, number, err);
    }
}

bool
fi_schema_value_is_sound(const struct fi_schema_column *column, const struct fi_cell *cell)
{
    if (cell->kind == FI_PHYSICAL_NONE) {
        return column->is_nullable;
    }
    if (cell->kind != fi_physical_of(column->type)) {
        return false;
    }
    switch (cell->kind) {
    case FI_PHYSICAL_I64:
        return is_signed_in_range(column, cell->as.i64);
    case FI_PHYSICAL_U64:
        return is_unsigned_in_range(column, cell->as.u64);
    case FI_PHYSICAL_BYTES:
        return column->fixed_size == 0 || cell->as.bytes.size == column->fixed_size;
    default:
        return true;
    }
}
