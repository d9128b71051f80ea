/* SPDX-License-Identifier: Apache-2.0
 *
 * csv/csv_sniff.c: reads a sample with each candidate, and takes the one that divides it best.
 *
 * A candidate is a delimiter with a quote. It counts if its records have at least two fields, and
 * nine in ten of them have as many as the first. The quote with the smaller share of wrong records
 * wins, then the one that quotes more fields: so an apostrophe at the beginning of a text is not
 * taken for a quote. One that quotes no field does not win over another: it would hide what is
 * wrong with that. The delimiter with the smaller share of wrong records wins, then the one with
 * more fields. Of equal candidates the first is taken: commas and double quotes have precedence.
 *
 * If the sample is not the whole text, its last record is cut off and does not count. Nor does one
 * that ends in a quote that is never closed: the records before it tell the form, and the import
 * will name the line. If there are none before it, the first candidate with such a quote is taken,
 * so that the text is not read as one column. Whether there is a header follows from the types of
 * the columns (csv_infer.c).
 */
#include "csv/csv_sniff.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "csv/csv_infer.h"
#include "csv/csv_reader.h"

enum { RECORDS_MAX = 1000, BOM_SIZE = 3 };

static const char delimiters[] = {',', ';', '\t', '|'};
static const char quotes[] = {'"', '\''};

struct candidate {
    struct fi_csv_format format;
    uint64_t right;
    uint64_t wrong;
    uint64_t quoted; /* fields */
    uint32_t fields;
    bool is_unclosed; /* the text ends within quotes */
};

firn_slice
fi_csv_sniff_skip_lines(struct fi_csv_sniff_skip *skip, firn_slice piece)
{
    size_t at = 0;
    if (skip->follows_return && piece.size > 0) {
        at = piece.data[0] == '\n';
        skip->follows_return = false;
    }
    while (skip->left > 0 && at < piece.size) {
        uint8_t byte = piece.data[at++];
        if (byte != '\n' && byte != '\r') {
            continue;
        }
        skip->left--;
        if (byte == '\r' && at < piece.size) {
            at += piece.data[at] == '\n';
        } else {
            skip->follows_return = byte == '\r';
        }
    }
    return firn_bytes(piece.data + at, piece.size - at);
}

/* Reads the sample, or its beginning. */
static int
try_candidate(const struct fi_csv_sniff *sniff, firn_slice text, struct candidate *candidate,
              struct fi_csv_infer *infer, firn_error *err)
{
    const struct fi_csv_reader_options options = {.format = candidate->format};
    struct fi_csv_reader *reader;
    bool is_finished = false;
    if (fi_csv_format_defect(&options.format) != NULL) {
        return FIRN_OK; /* the text for null has that delimiter or quote in it */
    }
    int rc = fi_csv_reader_create(&options, &reader, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_csv_reader_feed(reader, text);
    while (candidate->right + candidate->wrong < RECORDS_MAX) {
        struct fi_csv_record record;
        bool is_enough;
        rc = fi_csv_reader_next(reader, &record, err);
        if (rc == FIRN_INVALID && fi_csv_reader_is_within_quotes(reader)) {
            candidate->is_unclosed = true;
            rc = FIRN_OK;
            break;
        }
        if (rc == FIRN_INVALID) {
            candidate->wrong++;
            rc = FIRN_OK;
            continue;
        }
        if (rc != FIRN_OK || (record.count == 0 && (is_finished || !sniff->is_whole))) {
            break;
        }
        if (record.count == 0) {
            fi_csv_reader_finish(reader);
            is_finished = true;
            continue;
        }
        candidate->right++;
        candidate->fields = record.count;
        for (uint32_t i = 0; i < record.count; i++) {
            candidate->quoted += record.fields[i].is_quoted;
        }
        rc = infer != NULL ? fi_csv_infer_add(infer, &record, &is_enough, err) : FIRN_OK;
        if (rc != FIRN_OK) {
            break;
        }
    }
    fi_csv_reader_destroy(reader);
    return rc == FIRN_LIMIT ? FIRN_OK : rc;
}

/* Less than 0 if a has the smaller share of wrong records. */
static int
compare_wrong(const struct candidate *a, const struct candidate *b)
{
    uint64_t of_a = a->wrong * (b->right + b->wrong);
    uint64_t of_b = b->wrong * (a->right + a->wrong);
    return (of_a > of_b) - (of_a < of_b);
}

static bool
is_plausible(const struct candidate *candidate)
{
    return candidate->fields > 1 && candidate->wrong * 9 <= candidate->right;
}

/* Finds the best quote for a delimiter. */
static int
choose_quote(const struct fi_csv_sniff *sniff, firn_slice text, char delimiter,
             struct candidate *out, firn_error *err)
{
    size_t count = sniff->wants_quote ? sizeof quotes : 1;
    int rc = FIRN_OK;
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        struct candidate candidate = {.format = sniff->format};
        candidate.format.delimiter = delimiter;
        candidate.format.quote = (char)(sniff->wants_quote ? quotes[i] : sniff->format.quote);
        rc = try_candidate(sniff, text, &candidate, NULL, err);
        int order = i == 0 ? -1 : compare_wrong(&candidate, out);
        bool is_used = i == 0 || candidate.quoted > 0;
        if (is_used && (order < 0 || (order == 0 && candidate.quoted > out->quoted))) {
            *out = candidate;
        }
    }
    return rc;
}

static int
choose_format(struct fi_csv_sniff *sniff, firn_slice text, firn_error *err)
{
    size_t count = sniff->wants_delimiter ? sizeof delimiters : 1;
    struct candidate best = {.fields = 0};
    struct candidate unclosed = {.fields = 0};
    for (size_t i = 0; i < count; i++) {
        struct candidate candidate = {.fields = 0};
        char delimiter = (char)(sniff->wants_delimiter ? delimiters[i] : sniff->format.delimiter);
        FI_TRY_RETURN(choose_quote(sniff, text, delimiter, &candidate, err));
        int order = best.fields == 0 ? -1 : compare_wrong(&candidate, &best);
        if (!sniff->wants_delimiter ||
            (is_plausible(&candidate) &&
             (order < 0 || (order == 0 && candidate.fields > best.fields)))) {
            best = candidate;
        }
        unclosed = candidate.is_unclosed && !unclosed.is_unclosed ? candidate : unclosed;
    }
    best = best.fields == 0 && unclosed.is_unclosed ? unclosed : best;
    if (best.fields > 0 || best.is_unclosed) {
        sniff->format.delimiter = best.format.delimiter;
        sniff->format.quote = best.format.quote;
    }
    return FIRN_OK;
}

static int
find_header(struct fi_csv_sniff *sniff, firn_slice text, firn_error *err)
{
    const struct fi_csv_infer_options options = {.header = FI_CSV_HEADER_AUTO,
                                                 .rows_max = RECORDS_MAX,
                                                 .date_pattern = sniff->date_pattern,
                                                 .timestamp_pattern = sniff->timestamp_pattern};
    struct candidate candidate = {.format = sniff->format};
    struct fi_csv_infer_result found;
    struct fi_csv_infer *infer;
    int rc;
    FI_TRY(fi_csv_infer_create(&options, &infer, err));
    FI_TRY(try_candidate(sniff, text, &candidate, infer, err));
    FI_TRY(fi_csv_infer_finish(infer, &found, err));
    sniff->no_header = found.count > 0 && !found.has_header;
out:
    fi_csv_infer_destroy(infer);
    return rc;
}

/* The delimiter that the first line names, if it is "sep=" and that, in quotes or not. */
static bool
is_separator_line(firn_slice text, char *out)
{
    static const char start[] = "\"sep=";
    const size_t quote = text.size > 0 && text.data[0] == '"' ? 1 : 0;
    const size_t at = quote + strlen("sep=");
    const size_t end = at + 1 + quote;
    if (text.size <= end || memcmp(text.data, start + 1 - quote, at) != 0 ||
        (quote == 1 && text.data[at + 1] != '"')) {
        return false;
    }
    *out = (char)text.data[at];
    return (text.data[end] == '\n' || text.data[end] == '\r') && *out > 0 && *out != '\n' &&
           *out != '\r' && *out != '"';
}

int
fi_csv_sniff(struct fi_csv_sniff *sniff, firn_error *err)
{
    static const uint8_t bom[BOM_SIZE] = {0xef, 0xbb, 0xbf};
    firn_slice text = sniff->sample;
    char named;
    if (text.size >= BOM_SIZE && memcmp(text.data, bom, BOM_SIZE) == 0) {
        text = firn_bytes(text.data + BOM_SIZE, text.size - BOM_SIZE);
    }
    if (sniff->wants_skip) {
        bool is_named = is_separator_line(text, &named);
        sniff->skip = is_named;
        if (is_named && sniff->wants_delimiter) {
            sniff->format.delimiter = named;
            sniff->wants_delimiter = false;
        }
    }
    const char *defect = fi_csv_format_defect(&sniff->format);
    if (defect != NULL) {
        return fi_error_set(err, FIRN_INVALID, "%s", defect);
    }
    struct fi_csv_sniff_skip skip = {.left = sniff->skip};
    text = fi_csv_sniff_skip_lines(&skip, text);
    FI_TRY_RETURN(choose_format(sniff, text, err));
    int rc = sniff->wants_header ? find_header(sniff, text, err) : FIRN_OK;
    DCHECK(rc != FIRN_OK || fi_csv_format_defect(&sniff->format) == NULL);
    return rc;
}
