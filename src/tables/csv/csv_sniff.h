/* SPDX-License-Identifier: Apache-2.0
 *
 * csv/csv_sniff.h: the form of a CSV text, from its beginning: delimiter, quote, header, lines
 * before it.
 */
#ifndef FIRN_CSV_CSV_SNIFF_H
#define FIRN_CSV_CSV_SNIFF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "csv/csv_format.h"

struct fi_csv_sniff {
    firn_slice sample;
    bool is_whole; /* the text ends with the sample */
    /* The properties to be found; the others are given. */
    bool wants_delimiter;
    bool wants_quote;
    bool wants_header;
    bool wants_skip;
    struct fi_csv_format format;
    bool no_header;
    uint64_t skip; /* lines before the header, or the first record */
    /* As in fi_csv_infer_options; given. */
    firn_slice date_pattern;
    firn_slice timestamp_pattern;
};

/* Finds the wanted properties. The delimiter is one of , ; tab and |: the one that gives records
 * the most fields, and nearly all records the same number; a comma if there is none. The quote is "
 * or, where that is used and fits better, '. A first line sep=; (Excel), which may be in double
 * quotes, is skipped, and names the delimiter. FIRN_INVALID if the given properties, with a
 * delimiter that such a line names, are no valid format; FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_csv_sniff(struct fi_csv_sniff *sniff, firn_error *err);

/* Skips lines in pieces of a text. */
struct fi_csv_sniff_skip {
    uint64_t left;
    bool follows_return;
};
/* Returns the part of the next piece that is not skipped. */
firn_slice fi_csv_sniff_skip_lines(struct fi_csv_sniff_skip *skip, firn_slice piece);

#endif
