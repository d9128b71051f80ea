/* SPDX-License-Identifier: Apache-2.0
 *
 * json/json_writer.c: writes a row as a JSON object.
 *
 * The output is RFC 8259. Strings use the short escapes if there are any, \u00XX for other control
 * characters, and all other characters unchanged. All columns have a key, in their order, even if
 * the value is null.
 */
#include "json/json_writer.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/hex.h"
#include "codec/utf8.h"

static bool
is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

static int
append_escape(uint8_t byte, struct fi_buf *out)
{
    static const char characters[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    char escape[7] = "\\u00";
    DCHECK(!is_plain(byte));
    const char *found = byte == 0 ? NULL : strchr(characters, byte);
    if (found != NULL) {
        escape[1] = letters[found - characters];
        return fi_buf_append(out, escape, 2);
    }
    fi_hex_encode(&byte, 1, escape + 4);
    return fi_buf_append(out, escape, 6);
}

/* FIRN_INVALID, without a text: it is not valid UTF-8. */
static int
append_string(firn_slice text, struct fi_buf *out)
{
    if (!fi_utf8_is_valid(text)) {
        return FIRN_INVALID;
    }
    FI_TRY_RETURN(fi_buf_append_u8(out, '"'));
    for (size_t at = 0; at < text.size;) {
        size_t end = at;
        while (end < text.size && is_plain(text.data[end])) {
            end++;
        }
        FI_TRY_RETURN(fi_buf_append(out, text.data + at, end - at));
        if (end < text.size) {
            FI_TRY_RETURN(append_escape(text.data[end++], out));
        }
        at = end;
    }
    return fi_buf_append_u8(out, '"');
}

/* Whether the bits are a finite number: infinities and NaNs have an exponent of ones. */
static bool
is_finite32(uint32_t bits)
{
    return (bits >> 23 & 0xff) != 0xff;
}

/* Whether the text of a value has no quotes in JSON. */
static bool
is_bare(firn_value value)
{
    uint32_t bits32;
    uint64_t bits64;
    if (value.type == FIRN_TYPE_F32) {
        memcpy(&bits32, &value.as.f32, sizeof bits32);
        return is_finite32(bits32);
    }
    if (value.type == FIRN_TYPE_F64) {
        memcpy(&bits64, &value.as.f64, sizeof bits64);
        return (bits64 >> 52 & 0x7ff) != 0x7ff;
    }
    for (size_t i = 0; value.type == FIRN_TYPE_VECTOR && i + 4 <= value.as.bytes.size; i += 4) {
        if (!is_finite32(fi_load_le32(value.as.bytes.data + i))) {
            return false;
        }
    }
    return !fi_type_has_quotes(value.type);
}

static int
append_value(const struct fi_text_value_type *type, firn_value value, struct fi_buf *out)
{
    if (firn_is_null(value)) {
        return fi_buf_append_str(out, "null");
    }
    if (value.type == FIRN_TYPE_TEXT) {
        return append_string(value.as.bytes, out);
    }
    bool has_quotes = !is_bare(value);
    DCHECK(value.type == type->type);
    if (has_quotes) {
        FI_TRY_RETURN(fi_buf_append_u8(out, '"'));
    }
    if (value.type == FIRN_TYPE_BLOB) {
        /* Its text begins with a backslash. */
        FI_TRY_RETURN(fi_buf_append_u8(out, '\\'));
    }
    FI_TRY_RETURN(fi_text_value_append(type, value, out));
    if (has_quotes) {
        FI_TRY_RETURN(fi_buf_append_u8(out, '"'));
    }
    return FIRN_OK;
}

static int
append_row(const struct fi_text_value_column *columns, const firn_value *values, size_t count,
           struct fi_buf *out, size_t *at)
{
    FI_TRY_RETURN(fi_buf_append_u8(out, '{'));
    for (*at = 0; *at < count; (*at)++) {
        const struct fi_text_value_column *column = &columns[*at];
        if (*at > 0) {
            FI_TRY_RETURN(fi_buf_append_u8(out, ','));
        }
        FI_TRY_RETURN(append_string(column->name, out));
        FI_TRY_RETURN(fi_buf_append_u8(out, ':'));
        FI_TRY_RETURN(append_value(&column->type, values[*at], out));
    }
    return fi_buf_append(out, "}\n", 2);
}

int
fi_json_writer_row(const struct fi_text_value_column *columns, const firn_value *values,
                   size_t count, struct fi_buf *out, firn_error *err)
{
    const size_t start = out->size;
    size_t at = 0;
    int rc = append_row(columns, values, count, out, &at);
    if (rc == FIRN_OK) {
        return FIRN_OK;
    }
    out->size = start;
    if (rc == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "JSON");
    }
    CHECK(at < count);
    char name[FI_TEXT_VALUE_SHORT_SIZE];
    fi_text_value_shorten(columns[at].name, name);
    return fi_error_set(err, FIRN_INVALID, "column %s: the text is not valid UTF-8", name);
}
