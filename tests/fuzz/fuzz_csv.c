/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_csv: hostile CSV and hostile texts of values. The first byte says which:
 *
 *   even   its other bits choose a format and limits, the second byte the size of the pieces; the rest
 *          is CSV
 *   odd    its other bits choose a type; the rest is the text of a value
 *
 * CSV in pieces gives the records and errors that it gives at once. A record that is written again as
 * values of text columns is read as the same record. Its columns can be guessed, and then the sample
 * has those types. Its form can be found out. A date is read by a pattern as the same, or not at all, however
 * often. A value that is read is written, and read again as the same one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/utf8.h"
#include "csv/csv_infer.h"
#include "csv/csv_reader.h"
#include "csv/csv_sniff.h"
#include "csv/csv_writer.h"
#include "text/text_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- values ---- */

/* The text up to a line end is the pattern. */
static void
try_pattern(struct fi_text_value_type type, firn_slice text)
{
    const uint8_t *end = text.size > 0 ? memchr(text.data, '\n', text.size) : NULL;
    struct fi_buf memory = {0};
    firn_value value;
    firn_error err = {0};
    if (end == NULL) {
        return;
    }
    type.pattern = firn_bytes(text.data, (size_t)(end - text.data));
    text = firn_bytes(end + 1, text.size - type.pattern.size - 1);
    if (type.pattern.size > 0 && fi_text_pattern_defect(type.pattern) == NULL) {
        int rc = fi_text_value_read(&type, text, &memory, &value, &err);
        CHECK(rc == FIRN_OK || (rc == FIRN_INVALID && firn_is_null(value)));
    }
    fi_buf_deinit(&memory);
}

static void
try_value(unsigned choice, firn_slice text)
{
    struct fi_text_value_type type = {.type = 1 + choice % FIRN_TYPE_MAX};
    type.precision = (uint8_t)(1 + choice % FI_TEXT_VALUE_DIGITS_MAX);
    type.scale = (uint8_t)(choice % (type.precision + 1u));
    type.dimensions = 1 + choice % 3;
    if (choice % 2 == 1 && (type.type == FIRN_TYPE_DATE || type.type == FIRN_TYPE_TIMESTAMP)) {
        try_pattern(type, text);
    }
    struct fi_buf memory = {0};
    struct fi_buf again = {0};
    struct fi_buf first = {0};
    struct fi_buf second = {0};
    firn_value value;
    firn_error err = {0};
    int rc = fi_text_value_read(&type, text, &memory, &value, &err);
    if (rc != FIRN_OK) {
        CHECK(rc == FIRN_INVALID && err.code == rc && firn_is_null(value));
    } else {
        CHECK(value.type == type.type && memory.size <= text.size * FI_TEXT_VALUE_ROOM);
        CHECK(fi_text_value_append(&type, value, &first) == FIRN_OK);
        CHECK(fi_text_value_read(&type, fi_buf_slice(&first), &again, &value, &err) == FIRN_OK);
        CHECK(fi_text_value_append(&type, value, &second) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&first), fi_buf_slice(&second)));
        CHECK(fi_slice_equal(fi_buf_slice(&memory), fi_buf_slice(&again)));
    }
    fi_buf_deinit(&memory);
    fi_buf_deinit(&again);
    fi_buf_deinit(&first);
    fi_buf_deinit(&second);
}

/* ---- CSV ---- */

struct trace {
    struct fi_buf bytes; /* all that was given */
    struct fi_csv_infer *infer;
};

static void
check_writes_back(const struct fi_csv_reader_options *options, const struct fi_csv_record *record)
{
    struct fi_text_value_column *columns = calloc(record->count, sizeof *columns);
    firn_value *values = calloc(record->count, sizeof *values);
    struct fi_buf line = {0};
    struct fi_csv_reader *reader;
    struct fi_csv_record back;
    CHECK(columns != NULL && values != NULL);
    for (uint32_t i = 0; i < record->count; i++) {
        columns[i].type.type = FIRN_TYPE_TEXT;
        values[i] =
            record->fields[i].is_null ? firn_null() : firn_text_bytes(record->fields[i].text);
    }
    int rc = fi_csv_writer_row(&options->format, columns, values, record->count, &line, NULL);
    CHECK(rc == FIRN_OK || (rc == FIRN_INVALID && options->format.has_no_quotes));
    if (rc == FIRN_OK) {
        struct fi_csv_reader_options same = {.format = options->format, .fields = record->count};
        same.format.other_null_count = 0; /* nulls are written as null_text */
        CHECK(fi_csv_reader_create(&same, &reader, NULL) == FIRN_OK);
        fi_csv_reader_feed(reader, fi_buf_slice(&line));
        CHECK(fi_csv_reader_next(reader, &back, NULL) == FIRN_OK && back.count == record->count);
        for (uint32_t i = 0; i < record->count; i++) {
            CHECK(back.fields[i].is_null == record->fields[i].is_null);
            CHECK(back.fields[i].is_null ||
                  fi_slice_equal(back.fields[i].text, record->fields[i].text));
        }
        fi_csv_reader_destroy(reader);
    }
    fi_buf_deinit(&line);
    free(columns);
    free(values);
}

static void
note(struct trace *trace, const struct fi_csv_reader_options *options, int rc,
     const struct fi_csv_record *record, const firn_error *err)
{
    struct fi_buf *out = &trace->bytes;
    CHECK(fi_buf_append_le64(out, (uint64_t)rc) == FIRN_OK);
    CHECK(fi_buf_append_le64(out, record->line) == FIRN_OK);
    CHECK(fi_buf_append_sized(out, record->raw) == FIRN_OK);
    if (rc != FIRN_OK) {
        CHECK(err->code == rc && record->count == 0);
        CHECK(fi_buf_append_str(out, err->text) == FIRN_OK);
    }
    for (uint32_t i = 0; i < record->count; i++) {
        const struct fi_csv_field *field = &record->fields[i];
        CHECK(fi_buf_append_sized(out, field->text) == FIRN_OK);
        CHECK(fi_buf_append_u8(out, (uint8_t)(field->is_null + 2 * field->is_quoted)) == FIRN_OK);
        CHECK(!field->is_null || !field->is_quoted);
    }
    if (trace->infer != NULL && record->count > 0) {
        bool is_enough;
        check_writes_back(options, record);
        CHECK(fi_csv_infer_add(trace->infer, record, &is_enough, NULL) == FIRN_OK);
    }
}

static void
read_all(struct trace *trace, const struct fi_csv_reader_options *options, firn_slice text,
         size_t piece_size)
{
    struct fi_csv_reader *reader;
    struct fi_csv_record record;
    firn_error err = {0};
    int rc = FIRN_OK;
    CHECK(fi_csv_reader_create(options, &reader, NULL) == FIRN_OK);
    for (size_t at = 0; at <= text.size && rc != FIRN_LIMIT;) {
        size_t left = text.size - at;
        size_t size = left < piece_size ? left : piece_size;
        uint8_t *piece = malloc(size > 0 ? size : 1);
        CHECK(piece != NULL);
        if (size == 0) {
            fi_csv_reader_finish(reader);
        } else {
            memcpy(piece, text.data + at, size);
            fi_csv_reader_feed(reader, firn_bytes(piece, size));
        }
        do {
            rc = fi_csv_reader_next(reader, &record, &err);
            if (rc != FIRN_OK || record.count > 0) {
                note(trace, options, rc, &record, &err);
            }
        } while (rc == FIRN_INVALID || record.count > 0);
        free(piece);
        at += size > 0 ? size : 1;
    }
    fi_csv_reader_destroy(reader);
}

/* The values of the sample are of the types that were guessed. */
static void
check_guess(struct fi_csv_infer *infer, const struct fi_csv_reader_options *options,
            firn_slice text)
{
    struct fi_csv_infer_result result;
    CHECK(fi_csv_infer_finish(infer, &result, NULL) == FIRN_OK);
    CHECK(result.rows + result.has_header > 0 || result.count == 0);
    struct fi_csv_reader *reader;
    struct fi_csv_record record;
    struct fi_buf memory = {0};
    firn_value *values = calloc(result.count + 1, sizeof *values);
    bool is_header = result.has_header;
    CHECK(values != NULL && fi_csv_reader_create(options, &reader, NULL) == FIRN_OK);
    fi_csv_reader_feed(reader, text);
    for (;;) {
        int rc = fi_csv_reader_next(reader, &record, NULL);
        if (rc == FIRN_LIMIT || (rc == FIRN_OK && record.count == 0)) {
            break;
        }
        if (rc == FIRN_OK && !is_header) {
            bool is_bad = false; /* text that is no UTF-8 */
            for (uint32_t i = 0; i < result.count; i++) {
                CHECK(!record.fields[i].is_null || result.is_nullable[i]);
                is_bad |= result.columns[i].type.type == FIRN_TYPE_TEXT &&
                          !record.fields[i].is_null && !fi_utf8_is_valid(record.fields[i].text);
            }
            int expected = is_bad ? FIRN_INVALID : FIRN_OK;
            CHECK(fi_csv_reader_values(&record, result.columns, &memory, values, NULL) == expected);
        }
        is_header = is_header && rc != FIRN_OK;
    }
    fi_csv_reader_destroy(reader);
    fi_buf_deinit(&memory);
    free(values);
}

/* The form is one, and lines are skipped alike in pieces. */
static void
try_form(unsigned choice, size_t piece_size, firn_slice text)
{
    struct fi_csv_sniff sniff = {.sample = text,
                                 .is_whole = (choice & 1) != 0,
                                 .wants_delimiter = (choice & 2) != 0,
                                 .wants_quote = (choice & 4) != 0,
                                 .wants_header = (choice & 8) != 0,
                                 .wants_skip = (choice & 16) != 0,
                                 .skip = choice % 5};
    sniff.format.quote = (choice & 32) != 0 ? ';' : 0;
    sniff.format.null_text = (choice & 64) != 0 ? firn_str("x|y") : firn_bytes("", 0);
    struct fi_csv_sniff_skip whole = {.left = choice % 5};
    struct fi_csv_sniff_skip pieces = whole;
    struct fi_buf found = {0};
    firn_error err = {0};
    int rc = fi_csv_sniff(&sniff, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_INVALID); /* the text names a delimiter that cannot be */
    CHECK((fi_csv_format_defect(&sniff.format) == NULL) == (rc == FIRN_OK));
    const firn_slice rest = fi_csv_sniff_skip_lines(&whole, text);
    for (size_t at = 0; at < text.size; at += piece_size) {
        size_t left = text.size - at;
        const firn_slice piece = firn_bytes(text.data + at, left < piece_size ? left : piece_size);
        CHECK(fi_buf_append_slice(&found, fi_csv_sniff_skip_lines(&pieces, piece)) == FIRN_OK);
    }
    CHECK(fi_slice_equal(fi_buf_slice(&found), rest));
    fi_buf_deinit(&found);
}

static void
try_csv(unsigned choice, size_t piece_size, firn_slice text)
{
    struct fi_csv_reader_options options = {0};
    options.format.delimiter = (choice & 1) != 0 ? ';' : 0;
    options.format.quote = (choice & 2) != 0 ? '\'' : 0;
    options.format.has_no_quotes = (choice & 4) != 0;
    static const char *const other_nulls[] = {"NA", "-"};
    options.format.other_nulls = other_nulls;
    options.format.other_null_count = choice % 3;
    options.format.null_text = (choice & 8) != 0 ? firn_str("NULL") : firn_bytes("", 0);
    options.fields = (choice & 16) != 0 ? 1 + choice % 3 : 0;
    options.field_size_max = (choice & 32) != 0 ? 16 : 0;
    options.record_size_max = (choice & 64) != 0 ? 40 : 0;
    const struct fi_csv_infer_options infer = {.header = choice % 3};
    struct trace whole = {0};
    struct trace pieces = {0};
    CHECK(fi_csv_infer_create(&infer, &whole.infer, NULL) == FIRN_OK);
    read_all(&whole, &options, text, text.size + 1);
    read_all(&pieces, &options, text, piece_size);
    CHECK(fi_slice_equal(fi_buf_slice(&whole.bytes), fi_buf_slice(&pieces.bytes)));
    check_guess(whole.infer, &options, text);
    try_form(choice, piece_size, text);
    fi_csv_infer_destroy(whole.infer);
    fi_buf_deinit(&whole.bytes);
    fi_buf_deinit(&pieces.bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    if (data[0] % 2 == 1) {
        try_value(data[0] / 2, firn_bytes(data + 1, size - 1));
    } else {
        try_csv(data[0] / 2, 1 + (size_t)data[1], firn_bytes(data + 2, size - 2));
    }
    return 0;
}
