/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_literal.c: constants in definitions of tables.
 *
 * A number that was written is read back with the same bits.
 */
#include "schema/schema_literal.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "schema/float_text.h"

enum { NUMBER_SIZE_MAX = 1000, UUID_SIZE = 16, UUID_TEXT_SIZE = 36, YEAR_MAX = 9999 };

static const int64_t day_us = INT64_C(86400) * 1000000;

bool
fi_schema_literal_is_word(firn_slice text, const char *word)
{
    bool is_same = text.size == strlen(word);
    for (size_t i = 0; is_same && i < text.size; i++) {
        uint8_t byte = text.data[i];
        is_same = (byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte) == (uint8_t)word[i];
    }
    return is_same;
}

/* ---- numbers ---- */

static bool
is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* A written number: ± digits × 10^exponent. */
struct decimal {
    bool is_negative;
    uint64_t digits;
    int32_t exponent;
    uint32_t fraction; /* digits that were written after the point */
};

/* NULL, or what is wrong. */
static const char *
read_decimal(firn_slice text, struct decimal *out)
{
    static const char no_number[] = "is not a number";
    static const char too_long[] = "has too many digits";
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    int32_t exponent = 0;
    bool has_digit = false;
    bool has_point = false;
    *out = (struct decimal){.is_negative = at > 0 && text.data[0] == '-'};
    for (; at < text.size && (is_digit(text.data[at]) || text.data[at] == '.'); at++) {
        uint64_t digit = (uint64_t)text.data[at] - '0';
        if (text.data[at] == '.') {
            if (has_point || !has_digit) {
                return no_number;
            }
            has_point = true;
            continue;
        }
        if (out->digits > (UINT64_MAX - digit) / 10 || at == NUMBER_SIZE_MAX) {
            return too_long;
        }
        out->digits = out->digits * 10 + digit;
        out->fraction += has_point ? 1 : 0;
        has_digit = true;
    }
    if (!has_digit || (has_point && out->fraction == 0)) {
        return no_number;
    }
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        bool is_down = ++at < text.size && text.data[at] == '-';
        at += at < text.size && (text.data[at] == '-' || text.data[at] == '+') ? 1 : 0;
        if (at == text.size || text.size - at > 4) {
            return no_number;
        }
        for (; at < text.size && is_digit(text.data[at]); at++) {
            exponent = exponent * 10 + (text.data[at] - '0');
        }
        exponent = is_down ? -exponent : exponent;
    }
    out->exponent = exponent - (int32_t)out->fraction;
    return at == text.size ? NULL : no_number;
}

static const char *
read_number(firn_slice text, firn_type type, uint32_t scale, firn_value *out)
{
    DCHECK(out != NULL);
    struct decimal decimal;
    const char *wrong;
    if (type == FIRN_TYPE_F32) {
        float single = 0;
        wrong = fi_float_text_read32(text, &single);
        *out = firn_f64(single);
        return wrong;
    }
    if (type == FIRN_TYPE_F64) {
        double real = 0;
        wrong = fi_float_text_read64(text, &real);
        *out = firn_f64(real);
        return wrong;
    }
    wrong = read_decimal(text, &decimal);
    if (wrong != NULL) {
        return wrong;
    }
    uint32_t places = type == FIRN_TYPE_DECIMAL ? scale : 0;
    if (decimal.exponent + (int32_t)decimal.fraction != 0) {
        return "cannot have an exponent";
    }
    if (decimal.fraction > places) {
        return places == 0 ? "is not a whole number"
                           : "has more digits after the point than the column";
    }
    for (uint32_t i = decimal.fraction; i < places; i++) {
        if (decimal.digits > UINT64_MAX / 10) {
            return "has too many digits";
        }
        decimal.digits *= 10;
    }
    if (decimal.digits > (uint64_t)INT64_MAX) {
        if (type == FIRN_TYPE_DECIMAL ||
            (decimal.is_negative && decimal.digits > (uint64_t)1 << 63)) {
            return "has too many digits";
        }
        *out = decimal.is_negative ? firn_i64(INT64_MIN) : firn_u64(decimal.digits);
        return NULL;
    }
    int64_t number = (int64_t)decimal.digits * (decimal.is_negative ? -1 : 1);
    *out = type == FIRN_TYPE_DECIMAL ? firn_typed_i64(type, number) : firn_i64(number);
    return NULL;
}

/* ---- dates ---- */

/* The days since 1970-01-01 of a date from the year 1 on. Years begin in March here, so that the
 * leap day is the last of a year; the calendar repeats every 400 years, which have 146,097 days. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
    DCHECK(month >= 1 && month <= 12);
    year -= month <= 2 ? 1 : 0;
    int64_t in_era = year % 400;
    int64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return year / 400 * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static void
date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t since = days + 719468; /* 0000-03-01 */
    int64_t in_era = since % 146097;
    int64_t years = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * years + years / 4 - years / 100);
    int64_t from_march = (5 * in_year + 2) / 153;
    DCHECK(since >= 0);
    *day = in_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = since / 146097 * 400 + years + (*month <= 2 ? 1 : 0);
}

/* Reads so many digits at the front of text, which moves past them. */
static bool
take_digits(firn_slice *text, size_t count, int64_t *out)
{
    DCHECK(count > 0);
    bool is_good = text->size >= count;
    *out = 0;
    for (size_t i = 0; i < count && is_good; i++) {
        is_good = is_digit(text->data[i]);
        *out = *out * 10 + (text->data[i] - '0');
    }
    if (is_good) {
        *text = firn_bytes(text->data + count, text->size - count);
    }
    return is_good;
}

static bool
take_byte(firn_slice *text, char byte)
{
    if (text->size == 0 || text->data[0] != (uint8_t)byte) {
        return false;
    }
    *text = firn_bytes(text->data + 1, text->size - 1);
    return true;
}

static bool
take_date(firn_slice *text, int64_t *out)
{
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t again[3];
    if (!take_digits(text, 4, &year) || !take_byte(text, '-') || !take_digits(text, 2, &month) ||
        !take_byte(text, '-') || !take_digits(text, 2, &day) || year < 1 || month < 1 ||
        month > 12 || day < 1 || day > 31) {
        return false;
    }
    *out = days_of(year, month, day);
    date_of(*out, &again[0], &again[1], &again[2]);
    return again[1] == month && again[2] == day; /* not 31 April */
}

/* HH:MM, HH:MM:SS, HH:MM:SS.f… with one to six digits. */
static bool
take_time(firn_slice *text, int64_t *out_us)
{
    int64_t hours;
    int64_t minutes;
    int64_t seconds = 0;
    int64_t micros = 0;
    if (!take_digits(text, 2, &hours) || !take_byte(text, ':') || !take_digits(text, 2, &minutes) ||
        hours > 23 || minutes > 59) {
        return false;
    }
    if (take_byte(text, ':') && (!take_digits(text, 2, &seconds) || seconds > 59)) {
        return false;
    }
    if (take_byte(text, '.')) {
        int64_t unit = 100000;
        int64_t digit = 0;
        if (!take_digits(text, 1, &digit)) {
            return false;
        }
        for (micros = digit * unit; unit > 1 && take_digits(text, 1, &digit);
             micros += digit * unit) {
            unit /= 10;
        }
    }
    *out_us = ((hours * 60 + minutes) * 60 + seconds) * 1000000 + micros;
    return true;
}

static const char *
read_time(firn_slice text, firn_type type, firn_value *out)
{
    int64_t days = 0;
    int64_t micros = 0;
    bool is_good = take_date(&text, &days);
    if (type == FIRN_TYPE_DATE) {
        *out = firn_typed_i64(type, days);
        return is_good && text.size == 0 ? NULL : "is not a date: write it as '2000-01-31'";
    }
    if (is_good && (take_byte(&text, ' ') || take_byte(&text, 'T'))) {
        is_good = take_time(&text, &micros);
        (void)take_byte(&text, 'Z');
    }
    *out = firn_typed_i64(type, days * day_us + micros);
    return is_good && text.size == 0
               ? NULL
               : "is not a time: write it as '2000-01-31 23:59:59.000001', in UTC";
}

/* ---- bytes ---- */

static const char *
read_hex(firn_slice text, firn_type type, uint8_t *memory, firn_value *out)
{
    bool is_good = text.size % 2 == 0 && (text.size == 0 || fi_hex_decode((const char *)text.data,
                                                                          memory, text.size / 2));
    *out = firn_blob(firn_bytes(memory, text.size / 2));
    if (type == FIRN_TYPE_UUID || type == FIRN_TYPE_VECTOR) {
        out->type = type;
    }
    return is_good ? NULL : "is not hexadecimal";
}

static const char *
read_uuid(firn_slice text, uint8_t *memory, firn_value *out)
{
    char digits[2 * UUID_SIZE];
    size_t count = 0;
    bool is_good = text.size == UUID_TEXT_SIZE;
    for (size_t i = 0; i < text.size && is_good; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            is_good = text.data[i] == '-';
        } else {
            digits[count++] = (char)text.data[i];
        }
    }
    is_good = is_good && fi_hex_decode(digits, memory, UUID_SIZE);
    *out = firn_blob(firn_bytes(memory, UUID_SIZE));
    out->type = FIRN_TYPE_UUID;
    return is_good ? NULL : "is not a uuid";
}

static const char *
read_word(firn_slice text, firn_type type, firn_value *out)
{
    if (fi_schema_literal_is_word(text, "null")) {
        *out = firn_null();
        return NULL;
    }
    if (fi_schema_literal_is_word(text, "true") || fi_schema_literal_is_word(text, "false")) {
        *out = firn_bool(fi_schema_literal_is_word(text, "true"));
        return NULL;
    }
    return (type == FIRN_TYPE_F32 || type == FIRN_TYPE_F64) &&
                   (fi_schema_literal_is_word(text, "nan") ||
                    fi_schema_literal_is_word(text, "infinity") ||
                    fi_schema_literal_is_word(text, "inf"))
               ? read_number(text, type, 0, out)
               : "is not a value: a text must be in single quotes";
}

const char *
fi_schema_literal_read(const struct fi_schema_literal *literal, firn_type type, uint32_t scale,
                       uint8_t *memory, size_t *out_bytes, firn_value *out)
{
    firn_slice text = literal->text;
    const char *wrong;
    *out = firn_null();
    switch (literal->form) {
    case FI_SCHEMA_LITERAL_WORD:
        wrong = read_word(text, type, out);
        break;
    case FI_SCHEMA_LITERAL_NUMBER:
        wrong = read_number(text, type, scale, out);
        break;
    case FI_SCHEMA_LITERAL_HEX:
        wrong = read_hex(text, type, memory, out);
        break;
    default:
        if (type == FIRN_TYPE_DATE || type == FIRN_TYPE_TIMESTAMP) {
            wrong = read_time(text, type, out);
        } else if (type == FIRN_TYPE_UUID) {
            wrong = read_uuid(text, memory, out);
        } else {
            wrong = NULL;
            memmove(memory, text.data, text.size);
            *out = firn_text_bytes(firn_bytes(memory, text.size));
        }
        break;
    }
    *out_bytes = wrong == NULL && out->type >= FIRN_TYPE_TEXT ? out->as.bytes.size : 0;
    DCHECK(*out_bytes <= text.size);
    return wrong;
}

/* ---- to text ---- */

static int
append_real(double number, bool is_f32, struct fi_buf *out)
{
    char text[FI_FLOAT_TEXT_SIZE_MAX];
    size_t size =
        is_f32 ? fi_float_text_write32((float)number, text) : fi_float_text_write64(number, text);
    return fi_buf_append(out, text, size);
}

static int
append_decimal(int64_t units, uint32_t scale, struct fi_buf *out)
{
    DCHECK(scale <= 18);
    uint64_t magnitude = units < 0 ? 0 - (uint64_t)units : (uint64_t)units;
    uint64_t one = 1;
    for (uint32_t i = 0; i < scale; i++) {
        one *= 10;
    }
    const char *sign = units < 0 ? "-" : "";
    if (scale == 0) {
        return fi_buf_append_format(out, "%s%llu", sign, (unsigned long long)magnitude);
    }
    return fi_buf_append_format(out, "%s%llu.%0*llu", sign, (unsigned long long)(magnitude / one),
                                (int)scale, (unsigned long long)(magnitude % one));
}

static int
append_time(firn_type type, int64_t number, struct fi_buf *out)
{
    int64_t days = number;
    int64_t micros = 0;
    int64_t year;
    int64_t month;
    int64_t day;
    if (type == FIRN_TYPE_TIMESTAMP) {
        micros = ((number % day_us) + day_us) % day_us;
        days = (number - micros) / day_us;
    }
    date_of(days, &year, &month, &day);
    FI_TRY_RETURN(fi_buf_append_format(out, "'%04d-%02d-%02d", (int)year, (int)month, (int)day));
    if (type == FIRN_TYPE_TIMESTAMP) {
        int seconds = (int)(micros / 1000000);
        FI_TRY_RETURN(fi_buf_append_format(out, " %02d:%02d:%02d", seconds / 3600,
                                           seconds / 60 % 60, seconds % 60));
        if (micros % 1000000 != 0) {
            FI_TRY_RETURN(fi_buf_append_format(out, ".%06d", (int)(micros % 1000000)));
        }
    }
    return fi_buf_append_u8(out, '\'');
}

static int
append_hex(firn_slice bytes, struct fi_buf *out)
{
    size_t at = out->size;
    int rc = fi_buf_set_size(out, at + 2 * bytes.size + 1); /* fi_hex_encode writes a NUL */
    if (rc == FIRN_OK) {
        fi_hex_encode(bytes.data, bytes.size, (char *)out->data + at);
        out->size--;
    }
    return rc;
}

static int
append_bytes(firn_type type, firn_slice bytes, struct fi_buf *out)
{
    static const size_t groups[] = {4, 2, 2, 2, 6};
    if (type == FIRN_TYPE_TEXT) {
        FI_TRY_RETURN(fi_buf_append_u8(out, '\''));
        for (size_t i = 0; i < bytes.size; i++) {
            FI_TRY_RETURN(fi_buf_append(out, "''", bytes.data[i] == '\'' ? 1 : 0));
            FI_TRY_RETURN(fi_buf_append_u8(out, bytes.data[i]));
        }
    } else if (type == FIRN_TYPE_UUID) {
        size_t at = 0;
        for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
            FI_TRY_RETURN(fi_buf_append_str(out, i == 0 ? "'" : "-"));
            FI_TRY_RETURN(append_hex(firn_bytes(bytes.data + at, groups[i]), out));
            at += groups[i];
        }
    } else {
        FI_TRY_RETURN(fi_buf_append_str(out, "x'"));
        FI_TRY_RETURN(append_hex(bytes, out));
    }
    return fi_buf_append_u8(out, '\'');
}

int
fi_schema_literal_append(const struct fi_schema_column *column, const struct fi_cell *cell,
                         struct fi_buf *out)
{
    DCHECK(cell->kind == fi_physical_of(column->type));
    switch (cell->kind) {
    case FI_PHYSICAL_I64:
        return column->type == FIRN_TYPE_DATE || column->type == FIRN_TYPE_TIMESTAMP
                   ? append_time(column->type, cell->as.i64, out)
                   : append_decimal(cell->as.i64, column->scale, out);
    case FI_PHYSICAL_U64:
        return column->type == FIRN_TYPE_BOOL
                   ? fi_buf_append_str(out, cell->as.u64 != 0 ? "true" : "false")
                   : fi_buf_append_format(out, "%llu", (unsigned long long)cell->as.u64);
    case FI_PHYSICAL_F32:
        return append_real((double)cell->as.f32, true, out);
    case FI_PHYSICAL_F64:
        return append_real(cell->as.f64, false, out);
    default:
        return append_bytes(column->type, cell->as.bytes, out);
    }
}
