/* SPDX-License-Identifier: Apache-2.0
 *
 * csv/csv_writer.c: writes rows as CSV.
 *
 * The text of a field is first appended without quotes. Then it is searched for anything that the
 * reader would misread. If there is any, the text moves up, is enclosed in quotes, and quotes in it
 * are doubled. Numbers are searched like texts, because a delimiter may be a digit or a point.
 */
#include "csv/csv_writer.h"

#include <string.h>

#include "base/check.h"
#include "csv/csv_mask.h"

static bool
contains_marks(const struct fi_csv_format *format, firn_slice text)
{
    const uint8_t delimiter = (uint8_t)fi_csv_format_delimiter(format);
    const uint8_t quote = (uint8_t)fi_csv_format_quote(format);
    size_t at = 0;
    bool is_ascii = true; /* not needed here */
    for (; text.size - at >= FI_CSV_MASK_BYTES; at += FI_CSV_MASK_BYTES) {
        if (fi_csv_mask(text.data + at, delimiter, quote, &is_ascii) != 0) {
            return true;
        }
    }
    for (; at < text.size; at++) {
        uint8_t byte = text.data[at];
        if (byte == delimiter || byte == quote || byte == '\n' || byte == '\r') {
            return true;
        }
    }
    return false;
}

static bool
needs_quotes(const struct fi_csv_format *format, firn_slice text)
{
    static const uint8_t bom[] = {0xef, 0xbb, 0xbf};
    const firn_slice null_text = format->null_text;
    if (text.size == null_text.size &&
        (text.size == 0 || memcmp(text.data, null_text.data, text.size) == 0)) {
        return true;
    }
    return (text.size >= sizeof bom && memcmp(text.data, bom, sizeof bom) == 0) ||
           contains_marks(format, text);
}

/* Quotes the last `size` bytes of out. */
static int
add_quotes(const struct fi_csv_format *format, struct fi_buf *out, size_t size)
{
    const uint8_t quote = (uint8_t)fi_csv_format_quote(format);
    size_t quotes = 2;
    DCHECK(!format->has_no_quotes && size <= out->size);
    for (size_t i = out->size - size; i < out->size; i++) {
        quotes += out->data[i] == quote;
    }
    if (fi_buf_reserve(out, quotes) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    /* From the end, so that nothing is overwritten before it has moved. */
    const uint8_t *from = out->data + out->size;
    const uint8_t *first = from - size;
    uint8_t *to = out->data + out->size + quotes;
    out->size += quotes;
    *--to = quote;
    while (from > first) {
        uint8_t byte = *--from;
        *--to = byte;
        if (byte == quote) {
            *--to = quote;
        }
    }
    *--to = quote;
    DCHECK(to == first);
    return FIRN_OK;
}

/* Ends a field whose text is the bytes of out from `from` on. */
static int
end_field(const struct fi_csv_format *format, struct fi_buf *out, size_t from, firn_error *err)
{
    DCHECK(from <= out->size);
    /* The buffer may have no memory yet. */
    firn_slice text =
        out->size == from ? firn_bytes("", 0) : firn_bytes(out->data + from, out->size - from);
    if (!needs_quotes(format, text)) {
        return FIRN_OK;
    }
    if (format->has_no_quotes) {
        /* Quotes have no meaning in this format. */
        struct fi_csv_format plain = *format;
        plain.quote = fi_csv_format_delimiter(format);
        if (!needs_quotes(&plain, text)) {
            return FIRN_OK;
        }
        char shown[FI_TEXT_VALUE_SHORT_SIZE];
        fi_text_value_shorten(text, shown);
        return fi_error_set(err, FIRN_INVALID,
                            "cannot write \"%s\" to CSV without quotes: it would be read as "
                            "something else",
                            shown);
    }
    if (add_quotes(format, out, text.size) != FIRN_OK) {
        return fi_error_no_memory(err, "CSV");
    }
    return FIRN_OK;
}

/* Ends the line that begins at start, or, after a failure, removes it. */
static int
end_line(struct fi_buf *out, size_t start, int rc, firn_error *err)
{
    DCHECK(start <= out->size);
    if (rc == FIRN_OK) {
        rc = fi_buf_append_u8(out, '\n');
    }
    if (rc != FIRN_OK) {
        out->size = start;
    }
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "CSV") : rc;
}

int
fi_csv_writer_header(const struct fi_csv_format *format, const struct fi_text_value_column *columns,
                     size_t count, struct fi_buf *out, firn_error *err)
{
    int rc = FIRN_OK;
    const size_t start = out->size;
    const uint8_t delimiter = (uint8_t)fi_csv_format_delimiter(format);
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        rc = i > 0 ? fi_buf_append_u8(out, delimiter) : FIRN_OK;
        size_t from = out->size;
        if (rc == FIRN_OK) {
            rc = fi_buf_append_slice(out, columns[i].name);
        }
        if (rc == FIRN_OK) {
            rc = end_field(format, out, from, err);
        }
    }
    return end_line(out, start, rc, err);
}

/* Appends a value that is not null. */
static int
append_value(const struct fi_csv_format *format, const struct fi_text_value_column *column,
             firn_value value, struct fi_buf *out, firn_error *err)
{
    size_t from = out->size;
    if (fi_text_value_append(&column->type, value, out) != FIRN_OK) {
        return fi_error_no_memory(err, "CSV");
    }
    int rc = end_field(format, out, from, err);
    if (rc == FIRN_INVALID) {
        char name[FI_TEXT_VALUE_SHORT_SIZE];
        fi_text_value_shorten(column->name, name);
        fi_error_prefix(err, "column %s", name);
    }
    return rc;
}

int
fi_csv_writer_row(const struct fi_csv_format *format, const struct fi_text_value_column *columns,
                  const firn_value *values, size_t count, struct fi_buf *out, firn_error *err)
{
    int rc = FIRN_OK;
    const size_t start = out->size;
    const uint8_t delimiter = (uint8_t)fi_csv_format_delimiter(format);
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        if (i > 0) {
            rc = fi_buf_append_u8(out, delimiter);
        }
        if (rc == FIRN_OK && firn_is_null(values[i])) {
            rc = fi_buf_append_slice(out, format->null_text);
        } else if (rc == FIRN_OK) {
            rc = append_value(format, &columns[i], values[i], out, err);
        }
    }
    return end_line(out, start, rc, err);
}
