/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_literal.c: constants in definitions of tables.
 *
 * A number that was written is read back with the same bits.
 */
#include "schema/schema_literal.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "text/text_float.h"
#include "text/text_value.h"

/* ---- from text ---- */

static const char *
read_number(firn_slice text, firn_type type, uint32_t scale, firn_value *out)
{
    const enum fi_type_class class = fi_type_class_of(type);
    const struct fi_text_value_type signed_type = {.type = FIRN_TYPE_I64};
    const struct fi_text_value_type unsigned_type = {.type = FIRN_TYPE_U64};
    const struct fi_text_value_type decimal_type = {
        .type = FIRN_TYPE_DECIMAL, .precision = FIRN_TABLE_PRECISION_MAX, .scale = (uint8_t)scale};
    const char *wrong;
    if (type == FIRN_TYPE_F32) {
        float single = 0;
        wrong = fi_text_float_read32(text, &single);
        *out = firn_f64(single);
        return wrong;
    }
    if (type == FIRN_TYPE_F64) {
        double real = 0;
        wrong = fi_text_float_read64(text, &real);
        *out = firn_f64(real);
        return wrong;
    }
    if (class == FI_TYPE_CLASS_DECIMAL) {
        return scale > FIRN_TABLE_PRECISION_MAX /* the definition is refused later */
                   ? "has too many digits"
                   : fi_text_value_parse(&decimal_type, text, NULL, out);
    }
    /* The caller asks whether a smaller type can hold the number. */
    wrong = fi_text_value_parse(&signed_type, text, NULL, out);
    return wrong == NULL || text.size == 0 || text.data[0] == '-'
               ? wrong
               : fi_text_value_parse(&unsigned_type, text, NULL, out);
}

static const char *
read_hex(firn_slice text, firn_type type, uint8_t *memory, firn_value *out)
{
    bool is_good = text.size % 2 == 0 && (text.size == 0 || fi_hex_decode((const char *)text.data,
                                                                          memory, text.size / 2));
    *out = firn_blob(firn_bytes(memory, text.size / 2));
    if (fi_type_has_bytes(type) && type != FIRN_TYPE_TEXT) {
        out->type = type;
    }
    return is_good ? NULL : "is not hexadecimal";
}

/* What is written in quotes, and is no text. */
static const char *
read_quoted(firn_slice text, firn_type type, uint8_t *memory, firn_value *out)
{
    const struct fi_text_value_type of = {.type = type};
    struct fi_buf bytes = fi_buf_borrowed(memory, text.size);
    return fi_text_value_parse(&of, text, &bytes, out);
}

static const char *
read_word(firn_slice text, firn_type type, firn_value *out)
{
    if (fi_slice_is_word(text, "null")) {
        *out = firn_null();
        return NULL;
    }
    if (fi_slice_is_word(text, "true") || fi_slice_is_word(text, "false")) {
        *out = firn_bool(fi_slice_is_word(text, "true"));
        return NULL;
    }
    return fi_type_is_float(type) &&
                   (fi_slice_is_word(text, "nan") || fi_slice_is_word(text, "infinity") ||
                    fi_slice_is_word(text, "inf"))
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
        if (fi_type_has_quotes(type) && type != FIRN_TYPE_TEXT && type != FIRN_TYPE_BLOB) {
            wrong = read_quoted(text, type, memory, out);
        } else {
            wrong = NULL;
            memmove(memory, text.data, text.size);
            *out = firn_text_bytes(firn_bytes(memory, text.size));
        }
        break;
    }
    *out_bytes = wrong == NULL && fi_type_has_bytes(out->type) ? out->as.bytes.size : 0;
    DCHECK(*out_bytes <= text.size);
    return wrong;
}

/* ---- to text ---- */

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
append_text(firn_slice text, struct fi_buf *out)
{
    for (size_t i = 0; i < text.size; i++) {
        FI_TRY_RETURN(fi_buf_append(out, "''", text.data[i] == '\'' ? 1 : 0));
        FI_TRY_RETURN(fi_buf_append_u8(out, text.data[i]));
    }
    return FIRN_OK;
}

int
fi_schema_literal_append(const struct fi_schema_column *column, const struct fi_cell *cell,
                         struct fi_buf *out)
{
    const struct fi_text_value_type type = {.type = column->type,
                                            .precision = (uint8_t)column->precision,
                                            .scale = (uint8_t)column->scale,
                                            .dimensions = column->dimensions};
    const bool is_hex = column->type == FIRN_TYPE_BLOB || column->type == FIRN_TYPE_VECTOR;
    const bool has_quotes = is_hex || fi_type_has_quotes(column->type);
    DCHECK(cell->kind == fi_physical_of(column->type));
    if (has_quotes) {
        FI_TRY_RETURN(fi_buf_append_str(out, is_hex ? "x'" : "'"));
    }
    FI_TRY_RETURN(is_hex ? append_hex(cell->as.bytes, out)
                  : column->type == FIRN_TYPE_TEXT
                      ? append_text(cell->as.bytes, out)
                      : fi_text_value_append(&type, fi_schema_value_of(column, cell), out));
    return has_quotes ? fi_buf_append_u8(out, '\'') : FIRN_OK;
}
