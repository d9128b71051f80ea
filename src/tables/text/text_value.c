/* SPDX-License-Identifier: Apache-2.0
 *
 * text/text_value.c: one function for each type and direction.
 *
 * A reader of a type returns NULL, or what is wrong with the text: a constant that completes "it
 * …". One function makes the message around it, and only after an error. Only floating-point
 * numbers are rounded, to the nearest one; nothing is cut: a decimal with too many digits, an
 * integer out of range and a fraction of a microsecond are errors.
 *
 * No function of the C library that depends on the locale is used: no strtod, no isspace, no printf
 * of floating-point numbers.
 */
#include "text/text_value.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/calendar.h"
#include "codec/hex.h"
#include "codec/utf8.h"
#include "text/text_float.h"
#include "text/text_pattern.h"
#include "text/text_short.h"
#include "text/text_time.h"

enum { UUID_SIZE = FI_HEX_UUID_SIZE };

static const char out_of_range[] = "is out of range";

static bool
is_digit(uint8_t byte)
{
    return (uint8_t)(byte - '0') <= 9;
}

static firn_slice
text_value_trim(firn_slice text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = firn_bytes(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

/* ==== reading ==== */

static const char *
read_bool(firn_slice text, bool *out)
{
    static const char *const words[] = {"false", "true", "f", "t", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *word = words[i];
        size_t at = 0;
        while (at < text.size && word[at] != '\0' &&
               (text.data[at] | (word[at] >= 'a' ? 0x20 : 0)) == word[at]) {
            at++;
        }
        if (at == text.size && word[at] == '\0') {
            *out = i % 2 == 1;
            return NULL;
        }
    }
    return "is neither true nor false";
}

/* The sign and the absolute value of an integer. */
static const char *
read_integer(firn_slice text, bool *out_is_negative, uint64_t *out)
{
    size_t at = 0;
    uint64_t number = 0;
    bool is_too_large = false;
    *out_is_negative = text.size > 0 && text.data[0] == '-';
    at += text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    if (at == text.size) {
        return "is not a whole number";
    }
    for (; at < text.size && is_digit(text.data[at]); at++) {
        uint64_t digit = (uint64_t)(text.data[at] - '0');
        if (number >= UINT64_MAX / 10) {
            is_too_large |= number > UINT64_MAX / 10 || digit > UINT64_MAX % 10;
        }
        number = number * 10 + digit;
    }
    if (at < text.size) {
        return "is not a whole number";
    }
    *out = number;
    return is_too_large ? out_of_range : NULL;
}

static const char *
read_signed(firn_slice text, firn_type type, int64_t *out)
{
    bool is_negative;
    uint64_t number;
    const char *defect = read_integer(text, &is_negative, &number);
    if (defect == NULL && number > fi_type_range_of(type, 1).max + is_negative) {
        defect = out_of_range;
    }
    if (defect == NULL) {
        *out = (int64_t)(is_negative ? 0 - number : number);
    }
    return defect;
}

static const char *
read_unsigned(firn_slice text, firn_type type, uint64_t *out)
{
    bool is_negative;
    const char *defect = read_integer(text, &is_negative, out);
    return defect == NULL && (*out > fi_type_range_of(type, 1).max || (is_negative && *out > 0))
               ? out_of_range
               : defect;
}

/* The value of a decimal: digits · 10^exponent, where the last of the digits is not 0. */
struct decimal {
    bool is_negative;
    uint64_t digits;
    int64_t exponent;
};

enum { EXPONENT_MAX = 1 << 30 };
static const char no_decimal[] = "is not a decimal number";
static const char too_many_digits[] = "has too many digits";

/* Reads "e", if it is there, and the exponent up to the end. */
static bool
read_exponent(const uint8_t *at, const uint8_t *end, int64_t *exponent)
{
    if (at == end) {
        return true;
    }
    if (*at != 'e' && *at != 'E') {
        return false;
    }
    at++;
    bool is_negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    int64_t number = 0;
    const uint8_t *from = at;
    for (; at < end && is_digit(*at); at++) {
        number = number < EXPONENT_MAX ? number * 10 + (*at - '0') : number;
    }
    *exponent += is_negative ? -number : number;
    return at > from && at == end;
}

static const char *
parse_decimal(firn_slice text, struct decimal *out)
{
    const uint8_t *at = text.data;
    const uint8_t *end = at + text.size;
    out->is_negative = *at == '-';
    at += *at == '-' || *at == '+';
    uint64_t digits = 0;
    uint64_t unit = 1; /* 10^(zeros seen since the last other digit + 1), or 0 beyond 10^19 */
    int64_t zeros = 0;
    int64_t places = 0;
    bool has_point = false;
    bool has_digits = false;
    bool is_too_long = false;
    for (; at < end && (is_digit(*at) || (*at == '.' && !has_point)); at++) {
        if (*at == '.') {
            has_point = true;
            continue;
        }
        has_digits = true;
        places += has_point;
        unit = unit <= UINT64_MAX / 100 ? unit * 10 : 0;
        zeros++;
        if (*at != '0') {
            is_too_long |= digits > 0 && (unit == 0 || digits > UINT64_MAX / 10 / unit);
            digits = digits * unit + (uint64_t)(*at - '0');
            unit = 1;
            zeros = 0;
        }
    }
    out->digits = digits;
    out->exponent = zeros - places;
    if (!has_digits || !read_exponent(at, end, &out->exponent)) {
        return no_decimal;
    }
    return is_too_long ? too_many_digits : NULL;
}

/* So few digits that all of them fit, and a point. False: the text needs a closer look. */
static bool
parse_plain_decimal(const struct fi_text_value_type *type, firn_slice text, int64_t *out)
{
    const size_t first = text.data[0] == '-';
    size_t point = text.size;
    int64_t number = 0;
    for (size_t at = first; at < text.size; at++) {
        if (is_digit(text.data[at])) {
            number = (int64_t)((uint64_t)number * 10 + (uint64_t)(text.data[at] - '0'));
        } else if (text.data[at] == '.' && point == text.size) {
            point = at;
        } else {
            return false;
        }
    }
    const size_t places = point < text.size ? text.size - point - 1 : 0;
    const size_t digits = text.size - first - (point < text.size);
    if (digits == 0 || places > type->scale || digits + type->scale - places > type->precision) {
        return false;
    }
    number *= (int64_t)fi_type_power((uint32_t)(type->scale - places));
    *out = first > 0 ? -number : number;
    return true;
}

static const char *
read_decimal(const struct fi_text_value_type *type, firn_slice text, int64_t *out)
{
    struct decimal decimal;
    if (text.size == 0) {
        return no_decimal;
    }
    if (parse_plain_decimal(type, text, out)) {
        return NULL;
    }
    const char *defect = parse_decimal(text, &decimal);
    if (defect != NULL) {
        return defect;
    }
    int64_t shift = decimal.exponent + type->scale;
    uint64_t limit = fi_type_power(type->precision);
    if (decimal.digits == 0) {
        *out = 0;
        return NULL;
    }
    if (shift < 0) {
        return "has too many digits after the point";
    }
    if (shift >= type->precision || decimal.digits >= limit / fi_type_power((uint32_t)shift)) {
        return too_many_digits;
    }
    uint64_t number = decimal.digits * fi_type_power((uint32_t)shift);
    DCHECK(number < limit);
    *out = decimal.is_negative ? -(int64_t)number : (int64_t)number;
    return NULL;
}

/* The readers of types with bytes. Requires: memory has room for all bytes that the text can
 * mean. */

static const char *
read_blob(firn_slice text, struct fi_buf *memory)
{
    if (text.size < 2 || text.data[0] != '\\' || (text.data[1] != 'x' && text.data[1] != 'X')) {
        return "does not begin with \\x";
    }
    size_t size = (text.size - 2) / 2;
    CHECK(memory->capacity - memory->size >= size);
    if (text.size % 2 != 0) {
        return "has half a byte";
    }
    if (!fi_hex_decode((const char *)text.data + 2, memory->data + memory->size, size)) {
        return "has other characters than hexadecimal digits";
    }
    memory->size += size;
    return NULL;
}

static const char *
read_uuid(firn_slice text, struct fi_buf *memory)
{
    CHECK(memory->capacity - memory->size >= UUID_SIZE || text.size != FI_HEX_UUID_TEXT_SIZE);
    if (!fi_hex_read_uuid(text, memory->data + memory->size)) {
        return "is not a uuid: 8-4-4-4-12 hexadecimal digits";
    }
    memory->size += UUID_SIZE;
    return NULL;
}

static const char *
read_vector(uint32_t dimensions, firn_slice text, struct fi_buf *memory)
{
    static const char wrong_count[] = "has another number of elements";
    if (text.size < 2 || text.data[0] != '[' || text.data[text.size - 1] != ']') {
        return "is not in square brackets";
    }
    if (text.size < 2 * (size_t)dimensions + 1) {
        return wrong_count;
    }
    const uint8_t *at = text.data + 1;
    const uint8_t *end = text.data + text.size - 1;
    uint8_t *to = memory->data + memory->size;
    CHECK(memory->capacity - memory->size >= 4 * (size_t)dimensions);
    for (uint32_t i = 0; i < dimensions; i++) {
        const uint8_t *comma = memchr(at, ',', (size_t)(end - at));
        if ((comma == NULL) != (i + 1 == dimensions)) {
            return wrong_count;
        }
        const uint8_t *to_here = comma != NULL ? comma : end;
        float element;
        const char *defect =
            fi_text_float_read32(text_value_trim(firn_bytes(at, (size_t)(to_here - at))), &element);
        if (defect != NULL) {
            return "has an element that is not an f32";
        }
        uint32_t bits;
        memcpy(&bits, &element, sizeof bits);
        fi_store_le32(to + 4 * (size_t)i, bits);
        at = comma != NULL ? comma + 1 : end;
    }
    memory->size += 4 * (size_t)dimensions;
    return NULL;
}

/* Sets out->as.bytes to the bytes of memory from its old size on. */
static const char *
read_bytes(const struct fi_text_value_type *type, firn_slice text, struct fi_buf *memory,
           firn_value *out)
{
    size_t from = memory->size;
    const char *defect = type->type == FIRN_TYPE_BLOB ? read_blob(text, memory)
                         : type->type == FIRN_TYPE_VECTOR
                             ? read_vector(type->dimensions, text, memory)
                             : read_uuid(text, memory);
    out->as.bytes = firn_bytes(memory->data + from, memory->size - from);
    return defect;
}

static bool
type_is_valid(const struct fi_text_value_type *type)
{
    switch (fi_type_class_of(type->type)) {
    case FI_TYPE_CLASS_DECIMAL:
        return type->precision >= 1 && type->precision <= FI_TEXT_VALUE_DIGITS_MAX &&
               type->scale <= type->precision;
    case FI_TYPE_CLASS_VECTOR:
        return type->dimensions >= 1 && type->dimensions <= FI_TEXT_VALUE_DIMENSIONS_MAX;
    case FI_TYPE_CLASS_NULL:
    case FI_TYPE_CLASS_BOOL:
    case FI_TYPE_CLASS_SIGNED:
    case FI_TYPE_CLASS_UNSIGNED:
    case FI_TYPE_CLASS_FLOAT:
    case FI_TYPE_CLASS_TIME:
    case FI_TYPE_CLASS_TEXT:
    case FI_TYPE_CLASS_BLOB:
    case FI_TYPE_CLASS_FIXED:
        break;
    }
    return fi_type_is_valid(type->type);
}

const char *
fi_text_value_parse(const struct fi_text_value_type *type, firn_slice text, struct fi_buf *memory,
                    firn_value *out)
{
    DCHECK(type_is_valid(type));
    *out = firn_typed_i64(type->type, 0);
    if (text.size == 0) {
        return "is empty";
    }
    switch (type->type) {
    case FIRN_TYPE_BOOL:
        return read_bool(text, &out->as.boolean);
    case FIRN_TYPE_I8:
    case FIRN_TYPE_I16:
    case FIRN_TYPE_I32:
    case FIRN_TYPE_I64:
        return read_signed(text, type->type, &out->as.i64);
    case FIRN_TYPE_U8:
    case FIRN_TYPE_U16:
    case FIRN_TYPE_U32:
    case FIRN_TYPE_U64:
        return read_unsigned(text, type->type, &out->as.u64);
    case FIRN_TYPE_F32:
        return fi_text_float_read32(text, &out->as.f32);
    case FIRN_TYPE_F64:
        return fi_text_float_read64(text, &out->as.f64);
    case FIRN_TYPE_DECIMAL:
        return read_decimal(type, text, &out->as.i64);
    case FIRN_TYPE_DATE:
        return type->pattern.size > 0 ? fi_text_pattern_read_date(type->pattern, text, &out->as.i64)
                                      : fi_text_time_read_date(text, &out->as.i64);
    case FIRN_TYPE_TIMESTAMP:
        return type->pattern.size > 0 ? fi_text_pattern_read(type->pattern, text, &out->as.i64)
                                      : fi_text_time_read_timestamp(text, &out->as.i64);
    case FIRN_TYPE_BLOB:
    case FIRN_TYPE_UUID:
    case FIRN_TYPE_VECTOR:
        return read_bytes(type, text, memory, out);
    case FIRN_TYPE_NULL:
    case FIRN_TYPE_TEXT:
        break;
    }
    CHECK(false);
}

void
fi_text_value_shorten(firn_slice text, char *out)
{
    size_t used = 0;
    size_t at = 0;
    while (at < text.size) {
        uint32_t point;
        size_t size = fi_utf8_decode(firn_bytes(text.data + at, text.size - at), &point);
        bool is_plain = size > 0 && point >= ' ' && !(point >= 0x7f && point < 0xa0);
        /* A character or "\x0a", and "..." with its NUL. */
        if (used + 4 + 4 > FI_TEXT_VALUE_SHORT_SIZE) {
            memcpy(out + used, "...", 3);
            used += 3;
            break;
        }
        if (is_plain) {
            memcpy(out + used, text.data + at, size);
            used += size;
            at += size;
        } else {
            char hex[3];
            fi_hex_encode(text.data + at, 1, hex);
            memcpy(out + used, "\\x", 2);
            memcpy(out + used + 2, hex, 2);
            used += 4;
            at++;
        }
    }
    CHECK(used < FI_TEXT_VALUE_SHORT_SIZE);
    out[used] = '\0';
}

static int
text_value_refuse(const struct fi_text_value_type *type, firn_slice text, const char *defect,
                  firn_error *err)
{
    char shown[FI_TEXT_VALUE_SHORT_SIZE];
    char name[FI_TYPE_TEXT_SIZE];
    if (err == NULL) {
        return FIRN_INVALID;
    }
    fi_text_value_shorten(text, shown);
    return fi_error_set(
        err, FIRN_INVALID, "cannot read \"%s\" as %s: it %s", shown,
        fi_type_text(type->type, type->precision, type->scale, type->dimensions, name), defect);
}

/* Reads most numbers, dates and timestamps; false: the text needs a closer look. */
static inline bool
read_short(const struct fi_text_value_type *type, firn_slice text, firn_value *out)
{
    const enum fi_type_class class = fi_type_class_of(type->type);
    bool is_negative;
    uint64_t number;
    out->type = type->type;
    if (class == FI_TYPE_CLASS_SIGNED || class == FI_TYPE_CLASS_UNSIGNED) {
        if (!fi_text_short_integer(text, &is_negative, &number) ||
            number > fi_type_range_of(type->type, 1).max ||
            (is_negative && class == FI_TYPE_CLASS_UNSIGNED)) {
            return false;
        }
        out->as.i64 = is_negative ? -(int64_t)number : (int64_t)number;
        return true;
    }
    if (class == FI_TYPE_CLASS_DECIMAL) {
        return fi_text_short_decimal(text, type->precision, type->scale, &out->as.i64);
    }
    return class == FI_TYPE_CLASS_TIME && type->pattern.size == 0 &&
           (type->type == FIRN_TYPE_DATE ? fi_text_short_date(text, &out->as.i64)
                                         : fi_text_short_timestamp(text, &out->as.i64));
}

int
fi_text_value_read(const struct fi_text_value_type *type, firn_slice text, struct fi_buf *memory,
                   firn_value *out, firn_error *err)
{
    DCHECK(type_is_valid(type));
    if (read_short(type, text, out)) {
        return FIRN_OK;
    }
    *out = firn_null();
    if (type->type == FIRN_TYPE_TEXT) {
        if (!fi_utf8_is_valid(text)) {
            return text_value_refuse(type, text, "is not valid UTF-8", err);
        }
        *out = firn_text_bytes(text);
        return FIRN_OK;
    }
    if (fi_type_has_bytes(type->type)) {
        size_t room =
            text.size > SIZE_MAX / FI_TEXT_VALUE_ROOM ? SIZE_MAX : text.size * FI_TEXT_VALUE_ROOM;
        if (fi_buf_reserve(memory, room) != FIRN_OK) {
            return fi_error_no_memory(err, "a value");
        }
    }
    firn_value value;
    const char *defect = fi_text_value_parse(type, text_value_trim(text), memory, &value);
    if (defect != NULL) {
        return text_value_refuse(type, text, defect, err);
    }
    *out = value;
    return FIRN_OK;
}

/* ==== writing ==== */

/* The longest text of a value of fixed size: a decimal's sign, 20 digits and a point; a UUID; a
 * timestamp. */
enum { FIXED_SIZE_MAX = 64 };

static size_t
write_unsigned(uint64_t number, size_t digits_min, char *out)
{
    char digits[20];
    size_t first = sizeof digits;
    while (number > 0 || sizeof digits - first < digits_min) {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    }
    DCHECK(digits_min <= sizeof digits);
    memcpy(out, digits + first, sizeof digits - first);
    return sizeof digits - first;
}

static size_t
write_signed(int64_t number, size_t digits_min, char *out)
{
    if (number >= 0) {
        return write_unsigned((uint64_t)number, digits_min, out);
    }
    out[0] = '-';
    return 1 + write_unsigned(0 - (uint64_t)number, digits_min, out + 1);
}

static size_t
write_decimal(int64_t number, size_t scale, char *out)
{
    size_t size = write_signed(number, scale + 1, out);
    DCHECK(size > scale && size < FIXED_SIZE_MAX);
    if (scale > 0) {
        memmove(out + size - scale + 1, out + size - scale, scale);
        out[size - scale] = '.';
        size++;
    }
    return size;
}

static size_t
write_fixed(const struct fi_text_value_type *type, firn_value value, char *out)
{
    switch (type->type) {
    case FIRN_TYPE_BOOL:
        memcpy(out, value.as.boolean ? "true" : "false", 5);
        return value.as.boolean ? 4 : 5;
    case FIRN_TYPE_I8:
    case FIRN_TYPE_I16:
    case FIRN_TYPE_I32:
    case FIRN_TYPE_I64:
        return write_signed(value.as.i64, 1, out);
    case FIRN_TYPE_U8:
    case FIRN_TYPE_U16:
    case FIRN_TYPE_U32:
    case FIRN_TYPE_U64:
        return write_unsigned(value.as.u64, 1, out);
    case FIRN_TYPE_F32:
        return fi_text_float_write32(value.as.f32, out);
    case FIRN_TYPE_F64:
        return fi_text_float_write64(value.as.f64, out);
    case FIRN_TYPE_DECIMAL:
        return write_decimal(value.as.i64, type->scale, out);
    case FIRN_TYPE_DATE:
        return fi_calendar_write_date(value.as.i64, out);
    case FIRN_TYPE_TIMESTAMP:
        return fi_calendar_write_timestamp(value.as.i64, out);
    case FIRN_TYPE_UUID:
        CHECK(value.as.bytes.size == UUID_SIZE);
        fi_hex_write_uuid(value.as.bytes.data, out);
        return FI_HEX_UUID_TEXT_SIZE;
    case FIRN_TYPE_NULL:
    case FIRN_TYPE_TEXT:
    case FIRN_TYPE_BLOB:
    case FIRN_TYPE_VECTOR:
        break;
    }
    CHECK(false);
}

static int
append_blob(firn_slice bytes, struct fi_buf *out)
{
    if (bytes.size > (SIZE_MAX - 3) / 2 || fi_buf_reserve(out, 2 * bytes.size + 3) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    memcpy(out->data + out->size, "\\x", 2);
    fi_hex_encode(bytes.data, bytes.size, (char *)out->data + out->size + 2);
    out->size += 2 * bytes.size + 2;
    return FIRN_OK;
}

static int
append_vector(firn_slice bytes, struct fi_buf *out)
{
    /* Each element with a bracket or comma before it; the last bracket. */
    size_t count = bytes.size / 4;
    if (count > SIZE_MAX / 2 / (FI_TEXT_FLOAT_SIZE_MAX + 1) ||
        fi_buf_reserve(out, count * (FI_TEXT_FLOAT_SIZE_MAX + 1) + 2) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    char *to = (char *)out->data + out->size;
    *to++ = '[';
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = fi_load_le32(bytes.data + 4 * i);
        float element;
        memcpy(&element, &bits, sizeof element);
        if (i > 0) {
            *to++ = ',';
        }
        to += fi_text_float_write32(element, to);
    }
    *to++ = ']';
    out->size = (size_t)((uint8_t *)to - out->data);
    CHECK(out->size <= out->capacity);
    return FIRN_OK;
}

int
fi_text_value_append(const struct fi_text_value_type *type, firn_value value, struct fi_buf *out)
{
    CHECK(type_is_valid(type) && value.type == type->type);
    if (type->type == FIRN_TYPE_TEXT) {
        return fi_buf_append_slice(out, value.as.bytes);
    }
    if (type->type == FIRN_TYPE_BLOB) {
        return append_blob(value.as.bytes, out);
    }
    if (type->type == FIRN_TYPE_VECTOR) {
        CHECK(value.as.bytes.size == 4 * (size_t)type->dimensions);
        return append_vector(value.as.bytes, out);
    }
    int rc = fi_buf_reserve(out, FIXED_SIZE_MAX);
    if (rc == FIRN_OK) {
        out->size += write_fixed(type, value, (char *)out->data + out->size);
    }
    return rc;
}
