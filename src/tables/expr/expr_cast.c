/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_cast.c: casts one value to another type.
 *
 *   numbers to numbers     those that the type can hold, else FIRN_LIMIT; further digits after the
 *                          point are rounded, halves away from zero; to floats, to the nearest
 *   bool, integers         false is 0; what is not 0 is true
 *   date, timestamp        the first moment of the day; the day of the moment
 *   anything to text       as docs/exchange.md writes it
 *   text to anything       as docs/exchange.md reads it, else FIRN_INVALID
 *   blob, uuid, vector     the same bytes, if their number is right
 */
#include "base/check.h"
#include "codec/calendar.h"
#include "expr/expr_internal.h"
#include "text/text_value.h"

__extension__ typedef __int128 int128;

bool
fi_expr_cast_is_allowed(const struct fi_expr_type *from, const struct fi_expr_type *to)
{
    firn_type a = from->type;
    firn_type b = to->type;
    if (a == b && a != FIRN_TYPE_VECTOR) {
        return true;
    }
    if (a == FIRN_TYPE_TEXT || b == FIRN_TYPE_TEXT) {
        return b != FIRN_TYPE_NULL;
    }
    if (a == FIRN_TYPE_BLOB || b == FIRN_TYPE_BLOB) {
        return fi_type_has_bytes(a) && fi_type_has_bytes(b);
    }
    return (fi_type_is_number(a) && fi_type_is_number(b)) ||
           (a == FIRN_TYPE_BOOL && fi_type_is_integer(b)) ||
           (fi_type_is_integer(a) && b == FIRN_TYPE_BOOL) ||
           (fi_type_is_time(a) && fi_type_is_time(b)) ||
           (a == FIRN_TYPE_VECTOR && b == FIRN_TYPE_VECTOR && from->dimensions == to->dimensions);
}

static struct fi_text_value_type
text_type(const struct fi_expr_type *type)
{
    return (struct fi_text_value_type){.type = type->type,
                                       .precision = (uint8_t)type->precision,
                                       .scale = (uint8_t)type->scale,
                                       .dimensions = type->dimensions};
}

static int
fail_fit(const struct fi_expr_type *type, firn_error *err)
{
    char name[FI_TYPE_TEXT_SIZE];
    return fi_error_set(err, FIRN_LIMIT, "a number does not fit %s", fi_expr_type_text(type, name));
}

static int
cast_to_real(const struct fi_expr_type *from, const struct fi_cell *cell,
             const struct fi_expr_type *to, struct fi_cell *out, firn_error *err)
{
    double real = fi_expr_order_real(from, cell);
    if (to->type == FIRN_TYPE_F64) {
        *out = (struct fi_cell){.kind = FI_PHYSICAL_F64, .as.f64 = real};
        return FIRN_OK;
    }
    *out = (struct fi_cell){.kind = FI_PHYSICAL_F32, .as.f32 = (float)real};
    bool was_finite = real - real == 0;
    bool is_finite = out->as.f32 - out->as.f32 == 0;
    return was_finite && !is_finite ? fail_fit(to, err) : FIRN_OK;
}

/* A float times a power of ten, rounded once, halves away from zero. A float is a whole number
 * times a power of two, and so is the product. Requires: the product is between -2^65 and 2^65. */
static int128
units_of_real(double real, int64_t power)
{
    enum { MANTISSA_BITS = 52, EXPONENT_MASK = 0x7ff, BIAS = 1075 };
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    uint64_t mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
    int exponent = (int)(bits >> MANTISSA_BITS & EXPONENT_MASK);
    mantissa |= exponent > 0 ? UINT64_C(1) << MANTISSA_BITS : 0;
    exponent = (exponent > 0 ? exponent : 1) - BIAS;
    DCHECK(power > 0 && exponent < 65);      /* no infinity, no NaN */
    int128 units = (int128)mantissa * power; /* below 2^113 */
    if (exponent >= 0) {
        units <<= exponent;
    } else {
        units = exponent > -127 ? ((units >> (-exponent - 1)) + 1) >> 1 : 0;
    }
    return real < 0 ? -units : units;
}

/* A number as a whole number of units of the target. */
static int
cast_to_whole(const struct fi_expr_type *from, const struct fi_cell *cell,
              const struct fi_expr_type *to, struct fi_cell *out, firn_error *err)
{
    uint32_t scale = to->type == FIRN_TYPE_DECIMAL ? to->scale : 0;
    uint32_t own = from->type == FIRN_TYPE_DECIMAL ? from->scale : 0;
    struct fi_cell min;
    struct fi_cell max;
    int128 units;
    DCHECK(fi_type_is_number(to->type) && cell->kind != FI_PHYSICAL_BYTES);
    fi_expr_order_limits(to, &min, &max);
    if (cell->kind == FI_PHYSICAL_F32 || cell->kind == FI_PHYSICAL_F64) {
        double real = fi_expr_order_real(from, cell);
        int64_t power = fi_expr_power(scale);
        if (!(real * (double)power > -2e19 && real * (double)power < 2e19)) {
            return fail_fit(to, err);
        }
        units = units_of_real(real, power);
    } else {
        units = cell->kind == FI_PHYSICAL_U64 ? (int128)cell->as.u64 : (int128)cell->as.i64;
        if (scale >= own) {
            units *= fi_expr_power(scale - own);
        } else {
            int128 power = fi_expr_power(own - scale);
            int128 rest = units % power;
            units = units / power + (2 * rest >= power ? 1 : 0) - (2 * rest <= -power ? 1 : 0);
        }
    }
    bool is_unsigned = fi_type_is_unsigned(to->type);
    int128 low = is_unsigned ? 0 : (int128)min.as.i64;
    int128 high = is_unsigned ? (int128)max.as.u64 : (int128)max.as.i64;
    if (units < low || units > high) {
        return fail_fit(to, err);
    }
    out->kind = is_unsigned ? FI_PHYSICAL_U64 : FI_PHYSICAL_I64;
    out->as.u64 = (uint64_t)units;
    return FIRN_OK;
}

static int
cast_time(const struct fi_expr_type *from, const struct fi_cell *cell,
          const struct fi_expr_type *to, struct fi_cell *out, firn_error *err)
{
    int64_t number = cell->as.i64;
    int64_t result = number;
    DCHECK(fi_type_is_time(from->type));
    if (from->type == FIRN_TYPE_DATE && to->type == FIRN_TYPE_TIMESTAMP) {
        if (number < FI_CALENDAR_DATE_FIRST || number > FI_CALENDAR_DATE_LAST) {
            return fail_fit(to, err);
        }
        result = number * FI_CALENDAR_DAY_US;
    } else if (from->type == FIRN_TYPE_TIMESTAMP && to->type == FIRN_TYPE_DATE) {
        result = number / FI_CALENDAR_DAY_US - (number % FI_CALENDAR_DAY_US < 0 ? 1 : 0);
    }
    *out = (struct fi_cell){.kind = FI_PHYSICAL_I64, .as.i64 = result};
    return FIRN_OK;
}

static int
cast_text(const struct fi_expr_type *from, const struct fi_cell *cell,
          const struct fi_expr_type *to, struct fi_buf *memory, struct fi_cell *out,
          firn_error *err)
{
    firn_value value = fi_cell_value(cell, from->type);
    int rc;
    if (to->type == FIRN_TYPE_TEXT) {
        struct fi_text_value_type type = text_type(from);
        size_t start = memory->size;
        FI_TRY(fi_text_value_append(&type, value, memory));
        *out = (struct fi_cell){.kind = FI_PHYSICAL_BYTES};
        out->as.bytes = firn_bytes(memory->data + start, memory->size - start);
    } else {
        struct fi_text_value_type type = text_type(to);
        FI_TRY(fi_text_value_read(&type, cell->as.bytes, memory, &value, err));
        if (value.type == FIRN_TYPE_NULL) {
            return fi_error_set(err, FIRN_INVALID, "a text is empty");
        }
        *out = fi_cell_of(&value);
        if (fi_type_is_time(to->type)) {
            struct fi_cell min;
            struct fi_cell max;
            fi_expr_order_limits(to, &min, &max);
            rc = out->as.i64 < min.as.i64 || out->as.i64 > max.as.i64 ? fail_fit(to, err) : FIRN_OK;
        }
    }
out:
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "values of an expression") : rc;
}

int
fi_expr_cast_cell(const struct fi_expr_type *from, const struct fi_cell *cell,
                  const struct fi_expr_type *to, struct fi_buf *memory, struct fi_cell *out,
                  firn_error *err)
{
    DCHECK(cell->kind == fi_expr_physical(from->type));
    DCHECK(fi_expr_cast_is_allowed(from, to));
    *out = *cell;
    if (from->type == FIRN_TYPE_TEXT && to->type == FIRN_TYPE_TEXT) {
        return FIRN_OK;
    }
    if (from->type == FIRN_TYPE_TEXT || to->type == FIRN_TYPE_TEXT) {
        return cast_text(from, cell, to, memory, out, err);
    }
    if (cell->kind == FI_PHYSICAL_BYTES) {
        const uint32_t size = fi_type_bytes_size(to->type, to->dimensions);
        const size_t wanted = size > 0 ? size : cell->as.bytes.size;
        char name[FI_TYPE_TEXT_SIZE];
        return cell->as.bytes.size == wanted
                   ? FIRN_OK
                   : fi_error_set(err, FIRN_INVALID, "a value of %zu bytes is not a %s",
                                  cell->as.bytes.size, fi_expr_type_text(to, name));
    }
    if (to->type == FIRN_TYPE_BOOL) {
        *out = (struct fi_cell){.kind = FI_PHYSICAL_U64, .as.u64 = cell->as.u64 != 0 ? 1 : 0};
        return FIRN_OK;
    }
    if (fi_type_is_time(to->type)) {
        return cast_time(from, cell, to, out, err);
    }
    return fi_type_is_float(to->type) ? cast_to_real(from, cell, to, out, err)
                                      : cast_to_whole(from, cell, to, out, err);
}
