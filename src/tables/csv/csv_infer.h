/* SPDX-License-Identifier: Apache-2.0
 *
 * csv/csv_infer.h: guessing the columns of a CSV text from its first records.
 *
 * A column gets the first of these types that every value of it in the sample has; values that are
 * null do not count:
 *
 *   bool           true, false, t, f, in any case
 *   i64, u64       digits, which do not begin with a needless 0; a minus
 *   decimal(18,s)  the same with a point and s digits after it, the same s in all values, 1 to 9
 *   f64            other numbers; whole ones only up to 2^53; at least one value has a digit
 *   date, timestamp, uuid
 *   text           all others, and columns without values
 *
 * So no value loses digits when it is read as that type, except those of f64. Numbers with a plus
 * sign or leading zeros, such as postal codes and phone numbers, become text.
 */
#ifndef FIRN_CSV_CSV_INFER_H
#define FIRN_CSV_CSV_INFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "csv/csv_reader.h"
#include "text/text_value.h"

enum fi_csv_header {
    /* The first record has names if all its fields that are not empty are text, and either none is
     * empty and all differ, or a column has another type from the second record on. */
    FI_CSV_HEADER_AUTO = 0,
    FI_CSV_HEADER_YES, /* the first record has the names of columns */
    FI_CSV_HEADER_NO
};

/* Zeros are the defaults. */
struct fi_csv_infer_options {
    enum fi_csv_header header;
    uint32_t rows_max; /* of the sample; 0: 10,000 */
    /* How dates and timestamps are written (text_pattern.h); empty: ISO 8601. Borrowed. */
    firn_slice date_pattern;
    firn_slice timestamp_pattern;
};

struct fi_csv_infer_result {
    /* Names are UTF-8 without control characters and surrounding spaces, 1 to
     * FI_CSV_INFER_NAME_SIZE_MAX bytes, and differ even if the case of ASCII letters is ignored.
     * A column without a name gets its place ("column3"); a name that came before gets it as a
     * suffix ("name_4"). */
    const struct fi_text_value_column *columns;
    const bool *is_nullable; /* a value of the sample is null, or there is none */
    uint32_t count;          /* 0: there was no record */
    uint32_t rows;           /* of the sample */
    bool has_header;
};
enum { FI_CSV_INFER_NAME_SIZE_MAX = 128 };

struct fi_csv_infer;

/* FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_csv_infer_create(const struct fi_csv_infer_options *options,
                                        struct fi_csv_infer **out, firn_error *err);
void fi_csv_infer_destroy(struct fi_csv_infer *infer);

/* Adds the next record; *out_is_enough: the sample is complete. Requires: all
 * records have the same number of fields. FIRN_NO_MEMORY: the sample can no longer be used. */
FIRN_MUST_CHECK int fi_csv_infer_add(struct fi_csv_infer *infer, const struct fi_csv_record *record,
                                     bool *out_is_enough, firn_error *err);
/* The columns; they live as long as infer, to which nothing more can be added. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_csv_infer_finish(struct fi_csv_infer *infer, struct fi_csv_infer_result *out,
                                        firn_error *err);

#endif
