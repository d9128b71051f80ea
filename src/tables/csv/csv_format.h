/* SPDX-License-Identifier: Apache-2.0
 *
 * csv/csv_format.h: the variants of CSV that are read and written.
 */
#ifndef FIRN_CSV_CSV_FORMAT_H
#define FIRN_CSV_CSV_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "firn/types.h"

/* Delimiter and quote are ASCII characters, and not line ends. Without a quote no field can
 * contain a delimiter or the end of a line. */
struct fi_csv_format {
    char delimiter;       /* 0: "," */
    char quote;           /* 0: a double quote */
    bool has_no_quotes;   /* quote is ignored */
    firn_slice null_text; /* the text of a null, without quotes; borrowed */
    /* Other texts that are read as null; borrowed, as long as a reader lives. */
    const char *const *other_nulls;
    size_t other_null_count;
};

enum { FI_CSV_FIELDS_MAX = 4096 };

static inline char
fi_csv_format_delimiter(const struct fi_csv_format *format)
{
    if (format->delimiter == 0) {
        return ',';
    }
    return format->delimiter;
}

static inline char
fi_csv_format_quote(const struct fi_csv_format *format)
{
    if (format->quote == 0) {
        return '"';
    }
    return format->quote;
}

/* What is wrong with a format; NULL: nothing. */
static inline const char *
fi_csv_format_defect(const struct fi_csv_format *format)
{
    const char marks[2] = {fi_csv_format_delimiter(format), fi_csv_format_quote(format)};
    for (int i = 0; i < 2; i++) {
        if (marks[i] == '\n' || marks[i] == '\r' || (unsigned char)marks[i] >= 0x80) {
            return "the delimiter and the quote of CSV must be ASCII characters, and not the end "
                   "of a line";
        }
    }
    if (marks[0] == marks[1] && !format->has_no_quotes) {
        return "the delimiter of CSV cannot be its quote";
    }
    const firn_slice null_text = format->null_text;
    for (size_t i = 0; i < null_text.size; i++) {
        char byte = (char)null_text.data[i];
        if (byte == '\n' || byte == '\r' || byte == marks[0] ||
            (byte == marks[1] && !format->has_no_quotes)) {
            return "the text for null in CSV cannot contain the delimiter, the quote, or the end "
                   "of a line";
        }
    }
    return NULL;
}

#endif
