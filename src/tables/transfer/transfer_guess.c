/* SPDX-License-Identifier: Apache-2.0
 *
 * transfer/transfer_guess.c: the definition of a table from a sample of CSV.
 *
 * csv/csv_infer.c guesses the types. Every column outside of the primary key may be null,
 * because the text after the sample is unknown. Without a key, a new first column numbers the rows.
 */
#include "transfer/transfer.h"

#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "csv/csv_infer.h"
#include "csv/csv_reader.h"
#include "csv/csv_sniff.h"

enum { PIECE_SIZE = 64 << 10, NUMBER_NAME_SIZE = 32 };
static const char number_name[] = "row";

struct guess {
    const struct fi_transfer_source *source;
    const firn_guess_options *options;
    uint8_t *piece;
    struct fi_csv_sniff_skip skip;
    struct fi_csv_reader *reader;
    struct fi_csv_infer *infer;
    firn_table_column *columns;
    char *names;
    char number_name[NUMBER_NAME_SIZE];
};

/* Adds records until the sample is complete, or the piece has no more. */
static int
take_records(struct guess *guess, bool *out_is_enough, firn_error *err)
{
    for (;;) {
        struct fi_csv_record record;
        FI_TRY_RETURN(fi_csv_reader_next(guess->reader, &record, err));
        if (record.count == 0) {
            return FIRN_OK;
        }
        FI_TRY_RETURN(fi_csv_infer_add(guess->infer, &record, out_is_enough, err));
        if (*out_is_enough) {
            return FIRN_OK;
        }
    }
    return FIRN_OK;
}

static int
take_sample(struct guess *guess, firn_error *err)
{
    bool is_enough = false;
    bool is_over = false;
    while (!is_enough && !is_over) {
        size_t size = 0;
        FI_TRY_RETURN(
            guess->source->read(guess->source->ctx, guess->piece, PIECE_SIZE, &size, err));
        if (size > PIECE_SIZE) {
            return fi_error_set(err, FIRN_MISUSE, "%zu bytes were read, of %d", size, PIECE_SIZE);
        }
        is_over = size == 0;
        is_over
            ? fi_csv_reader_finish(guess->reader)
            : fi_csv_reader_feed(guess->reader, fi_csv_sniff_skip_lines(
                                                    &guess->skip, firn_bytes(guess->piece, size)));
        FI_TRY_RETURN(take_records(guess, &is_enough, err));
    }
    return FIRN_OK;
}

static bool
has_name(const struct fi_csv_infer_result *result, firn_slice name)
{
    for (uint32_t i = 0; i < result->count; i++) {
        if (fi_slice_equal(result->columns[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Finds a name for the column of numbers that no other column has. */
static void
name_numbers(struct guess *guess, const struct fi_csv_infer_result *result)
{
    (void)snprintf(guess->number_name, sizeof guess->number_name, "%s", number_name);
    for (unsigned i = 2; has_name(result, firn_str(guess->number_name)); i++) {
        (void)snprintf(guess->number_name, sizeof guess->number_name, "%s_%u", number_name, i);
    }
}

static int
make_columns(struct guess *guess, const struct fi_csv_infer_result *result, size_t first,
             firn_error *err)
{
    guess->columns = fi_alloc_zeroed((first + result->count) * sizeof *guess->columns);
    guess->names = fi_alloc_zeroed((size_t)result->count * (FI_CSV_INFER_NAME_SIZE_MAX + 1));
    if (guess->columns == NULL || guess->names == NULL) {
        return fi_error_no_memory(err, "a definition");
    }
    for (uint32_t i = 0; i < result->count; i++) {
        const struct fi_text_value_column *column = &result->columns[i];
        char *name = guess->names + (size_t)i * (FI_CSV_INFER_NAME_SIZE_MAX + 1);
        CHECK(column->name.size <= FI_CSV_INFER_NAME_SIZE_MAX);
        memcpy(name, column->name.data, column->name.size);
        guess->columns[first + i] = (firn_table_column){.name = name,
                                                        .type = column->type.type,
                                                        .precision = column->type.precision,
                                                        .scale = column->type.scale,
                                                        .dimensions = column->type.dimensions};
    }
    return FIRN_OK;
}

static int
write_definition(struct guess *guess, struct fi_buf *out, firn_error *err)
{
    struct fi_csv_infer_result result;
    firn_table_def def = FIRN_TABLE_DEF_INIT;
    struct fi_schema *schema = NULL;
    const char *number = guess->number_name;
    bool is_numbered = guess->options->key == NULL;
    int rc;
    FI_TRY(fi_csv_infer_finish(guess->infer, &result, err));
    if (result.count == 0) {
        return fi_error_set(err, FIRN_INVALID, "the text has no line, so it has no columns");
    }
    FI_TRY(make_columns(guess, &result, is_numbered ? 1 : 0, err));
    def.columns = guess->columns;
    def.column_count = result.count + (is_numbered ? 1U : 0U);
    def.key = is_numbered ? &number : guess->options->key;
    def.key_count = is_numbered ? 1 : guess->options->key_count;
    if (is_numbered) {
        name_numbers(guess, &result);
        guess->columns[0] =
            (firn_table_column){.name = number, .type = FIRN_TYPE_I64, .is_auto = true};
    }
    FI_TRY(fi_schema_def_create(&def, &schema, err));
    rc = fi_schema_text_append(schema, out);
    rc = rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a definition");
out:
    fi_schema_unref(schema);
    return rc;
}

static firn_slice
pattern_of(const char *pattern)
{
    return pattern != NULL ? firn_str(pattern) : firn_bytes(NULL, 0);
}

int
fi_transfer_guess_form(firn_slice sample, bool is_whole, unsigned wanted, firn_text_form *form,
                       firn_text_reading *reading, firn_error *err)
{
    struct fi_csv_sniff sniff = {.sample = sample,
                                 .is_whole = is_whole,
                                 .wants_delimiter = (wanted & FIRN_TEXT_PROPERTY_DELIMITER) != 0,
                                 .wants_quote =
                                     (wanted & FIRN_TEXT_PROPERTY_QUOTE) != 0 && !form->no_quotes,
                                 .wants_header = (wanted & FIRN_TEXT_PROPERTY_HEADER) != 0,
                                 .wants_skip = (wanted & FIRN_TEXT_PROPERTY_SKIP) != 0,
                                 .no_header = form->no_header,
                                 .skip = reading->skip_lines,
                                 .date_pattern = pattern_of(reading->date_pattern),
                                 .timestamp_pattern = pattern_of(reading->timestamp_pattern)};
    struct fi_csv_reader_options csv;
    if (form->kind == FIRN_TEXT_JSON_LINES) {
        return fi_error_set(err, FIRN_UNSUPPORTED, "the form of CSV alone is found out");
    }
    FI_TRY_RETURN(fi_transfer_import_reading(form, reading, &csv, err));
    sniff.format = csv.format;
    FI_TRY_RETURN(fi_csv_sniff(&sniff, err));
    form->delimiter = fi_csv_format_delimiter(&sniff.format);
    form->quote = fi_csv_format_quote(&sniff.format);
    form->no_header = sniff.no_header;
    reading->skip_lines = sniff.skip;
    return FIRN_OK;
}

int
fi_transfer_guess(const struct fi_transfer_source *source, const firn_guess_options *options,
                  struct fi_buf *out, firn_error *err)
{
    struct guess guess = {.source = source, .options = options};
    const firn_text_reading *reading = options->reading;
    struct fi_csv_reader_options csv;
    const struct fi_csv_infer_options infer = {
        .header = options->form.no_header ? FI_CSV_HEADER_NO : FI_CSV_HEADER_YES,
        .rows_max = options->sample_rows,
        .date_pattern = pattern_of(reading != NULL ? reading->date_pattern : NULL),
        .timestamp_pattern = pattern_of(reading != NULL ? reading->timestamp_pattern : NULL)};
    int rc;
    guess.skip.left = reading != NULL ? reading->skip_lines : 0;
    FI_TRY(fi_transfer_import_reading(&options->form, reading, &csv, err));
    if (options->form.kind == FIRN_TEXT_JSON_LINES) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "types are guessed from CSV alone: create a table for JSON lines");
    }
    guess.piece = fi_alloc_array(PIECE_SIZE, 1);
    if (guess.piece == NULL) {
        return fi_error_no_memory(err, "a sample");
    }
    FI_TRY(fi_csv_reader_create(&csv, &guess.reader, err));
    FI_TRY(fi_csv_infer_create(&infer, &guess.infer, err));
    FI_TRY(take_sample(&guess, err));
    rc = write_definition(&guess, out, err);
out:
    fi_csv_reader_destroy(guess.reader);
    fi_csv_infer_destroy(guess.infer);
    fi_free(guess.piece);
    fi_free(guess.columns);
    fi_free(guess.names);
    return rc;
}
