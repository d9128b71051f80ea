/* SPDX-License-Identifier: Apache-2.0
 *
 * transfer/transfer_import.c: imports a text into a table.
 *
 * The text comes in pieces, which a reader (csv/, json/) divides into records. Each record becomes
 * values of its columns, and a row of a load. The columns are known with the first record: the
 * caller, the header or the number of fields determines them; a JSON line may have any columns.
 * Then the load is opened. A load refuses rows whose key exists, or replaces them if they have no
 * entries in indexes. If they have, or if existing rows stay, all rows go into one transaction
 * instead.
 *
 * A malformed record, or one whose values make no row, is rejected: it is reported to on_reject, or
 * ends the import. Every other failure ends the import. The load takes nothing of a rejected
 * record.
 *
 * Memory: a piece, and the part of a record whose end was not read yet; the rows of a
 * transaction, FIRN_BATCH_SIZE_MAX at most.
 */
#include "transfer/transfer.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "csv/csv_reader.h"
#include "csv/csv_sniff.h"
#include "text/text_pattern.h"
#include "threads/os_callback.h"
#include "json/json_reader.h"

enum { PIECE_SIZE = 1 << 18 }; /* stays in the processor's cache */

/* Whatever an export writes can be read: a blob takes two digits a byte. */
static const size_t FIELD_SIZE_MAX = 2 * (size_t)FIRN_VALUE_SIZE_MAX + (1 << 20);
static const size_t RECORD_SIZE_MAX = (size_t)2 << 30;

struct import {
    struct firn_table *table;
    const firn_import_options *options;
    const struct fi_transfer_source *source;
    struct fi_storefile_progress *progress;
    firn_import_statistics *statistics;
    uint8_t *piece;
    struct fi_csv_reader *csv;
    struct fi_csv_sniff_skip skip;
    struct fi_json_reader *json;
    /* One of them, once the columns are known. */
    struct firn_table_bulk *bulk;
    struct firn_txn *txn;
    bool replaces;  /* the load replaces rows */
    bool has_begun; /* a record was seen */

    /* Of the fields of a record; those that are left out have type NULL, and no place. */
    struct fi_text_value_column *columns;
    size_t column_count;
    size_t *places; /* of each field, among the values of the load; SIZE_MAX: left out */
    firn_value *fields;
    firn_value *values; /* of the load */
    size_t value_count;
    struct fi_buf names;        /* of the load's columns: bytes, each with a NUL */
    const char **columns_names; /* the same as strings; for JSON lines those of the schema */
    struct fi_schema *schema;   /* of JSON lines */
    const char **given_names;   /* of a row for the transaction */
    firn_value *given;
    struct fi_buf memory; /* of the values of a record */
};

/* ---- the form ---- */

int
fi_transfer_import_format(const firn_text_form *form, struct fi_csv_format *out, firn_error *err)
{
    *out = (struct fi_csv_format){.delimiter = form->delimiter,
                                  .quote = form->quote,
                                  .has_no_quotes = form->no_quotes,
                                  .null_text =
                                      firn_str(form->null_text != NULL ? form->null_text : "")};
    const char *defect = fi_csv_format_defect(out);
    if (form->kind != FIRN_TEXT_CSV && form->kind != FIRN_TEXT_JSON_LINES) {
        return fi_error_set(err, FIRN_INVALID, "%d is not a kind of text", (int)form->kind);
    }
    return defect == NULL ? FIRN_OK : fi_error_set(err, FIRN_INVALID, "%s", defect);
}

int
fi_transfer_import_reading(const firn_text_form *form, const firn_text_reading *reading,
                           struct fi_csv_reader_options *out, firn_error *err)
{
    *out = (struct fi_csv_reader_options){.field_size_max = FIELD_SIZE_MAX,
                                          .record_size_max = RECORD_SIZE_MAX};
    int rc = fi_transfer_import_format(form, &out->format, err);
    if (rc != FIRN_OK || reading == NULL) {
        return rc;
    }
    const char *const patterns[] = {reading->date_pattern, reading->timestamp_pattern};
    for (size_t i = 0; i < 2; i++) {
        const char *defect =
            patterns[i] != NULL ? fi_text_pattern_defect(firn_str(patterns[i])) : NULL;
        if (defect != NULL) {
            return fi_error_set(err, FIRN_INVALID, "'%.200s': %s", patterns[i], defect);
        }
    }
    out->format.other_nulls = reading->other_nulls;
    out->format.other_null_count = reading->other_null_count;
    out->first_line = reading->skip_lines + 1;
    return FIRN_OK;
}

static struct fi_text_value_column
text_column_of(const struct fi_schema_column *column)
{
    return (struct fi_text_value_column){
        .name = column->name,
        .type = {.type = column->type,
                 .precision = (uint8_t)column->precision,
                 .scale = (uint8_t)column->scale,
                 .dimensions = column->dimensions},
    };
}

/* Lets dates and timestamps be read as the caller says. */
static void
set_pattern(const struct import *import, struct fi_text_value_type *type)
{
    const firn_text_reading *reading = import->options->reading;
    if (reading != NULL) {
        fi_text_value_set_pattern(
            type, firn_str(reading->date_pattern != NULL ? reading->date_pattern : ""),
            firn_str(reading->timestamp_pattern != NULL ? reading->timestamp_pattern : ""));
    }
}

/* ---- rejected ---- */

/* Rejects a record. Requires: rc is FIRN_INVALID or FIRN_LIMIT, and *err has the reason. */
static int
reject(struct import *import, uint64_t line, firn_slice text, int rc, firn_error *err)
{
    DCHECK(rc == FIRN_INVALID || rc == FIRN_LIMIT);
    if (import->options->on_reject == NULL) {
        return rc;
    }
    const firn_import_reject rejected = {.line = line, .text = text, .why = err->text};
    unsigned begun = fi_os_callback_begin();
    rc = import->options->on_reject(import->options->callbacks.ctx, &rejected);
    fi_os_callback_end(begun);
    import->statistics->rejected++;
    if (rc != FIRN_OK) {
        err->code = rc;
    }
    return rc;
}

/* Writes a row in the transaction, with the values that are given. */
static int
write_row(struct import *import, const firn_value *values, const bool *is_given, firn_error *err)
{
    bool skips = import->options->on_conflict == FIRN_IMPORT_CONFLICT_SKIP;
    struct fi_rows_put put = {.mode = skips ? FI_ROWS_INSERT : FI_ROWS_UPSERT,
                              .columns = import->given_names,
                              .values = import->given};
    for (size_t i = 0; i < import->value_count; i++) {
        if (is_given == NULL || is_given[i]) {
            import->given_names[put.count] = import->columns_names[i];
            import->given[put.count++] = values[i];
        }
    }
    int rc =
        fi_rows_write_put(import->table, import->txn, &put, FIRN_DURABILITY_DEFAULT, NULL, err);
    if (skips && rc == FIRN_EXISTS) {
        import->statistics->skipped++;
        return FIRN_OK;
    }
    import->statistics->rows += rc == FIRN_OK;
    return rc;
}

/* Gives a row to the load, or rejects it. */
static int
transfer_import_put(struct import *import, const firn_value *values, const bool *is_given,
                    uint64_t line, firn_slice text, firn_error *err)
{
    DCHECK((import->bulk != NULL || import->txn != NULL) && line > 0);
    int rc;
    if (import->txn != NULL) {
        rc = write_row(import, values, is_given, err);
    } else {
        rc = fi_rows_bulk_put_given(import->bulk, values, is_given, import->value_count, err);
        import->statistics->rows += rc == FIRN_OK;
    }
    if (rc == FIRN_INVALID || rc == FIRN_LIMIT || (rc == FIRN_EXISTS && import->txn != NULL)) {
        fi_error_prefix(err, "line %llu", (unsigned long long)line);
        rc = rc == FIRN_EXISTS ? rc : reject(import, line, text, rc, err);
    }
    return rc;
}

/* ---- columns of CSV ---- */

static int
transfer_import_allocate(struct import *import, size_t fields, firn_error *err)
{
    DCHECK(import->columns == NULL && fields > 0);
    import->columns = fi_alloc_zeroed(fields * sizeof *import->columns);
    import->places = fi_alloc_array(fields, sizeof *import->places);
    import->fields = fi_alloc_zeroed(fields * sizeof *import->fields);
    import->values = fi_alloc_zeroed(fields * sizeof *import->values);
    import->column_count = fields;
    return import->columns != NULL && import->places != NULL && import->fields != NULL &&
                   import->values != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "an import");
}

static int
note_name(struct import *import, firn_slice name, firn_error *err)
{
    return fi_buf_append_slice(&import->names, name) == FIRN_OK &&
                   fi_buf_append(&import->names, "", 1) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "an import");
}

static firn_slice
without_spaces(firn_slice text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = firn_bytes(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

/* Assigns the i-th field to the column with that name; NULL: to none. */
static int
take_field(struct import *import, size_t i, const struct fi_schema_column *column, firn_error *err)
{
    DCHECK(i < import->column_count);
    import->places[i] = SIZE_MAX;
    import->columns[i] = (struct fi_text_value_column){.name = firn_str("")};
    if (column == NULL) {
        return FIRN_OK;
    }
    import->columns[i] = text_column_of(column);
    set_pattern(import, &import->columns[i].type);
    import->places[i] = import->value_count++;
    return note_name(import, column->name, err);
}

/* Takes the columns from the header. */
static int
take_header(struct import *import, const struct fi_schema *schema,
            const struct fi_csv_record *record, firn_error *err)
{
    DCHECK(record->count == import->column_count);
    for (size_t i = 0; i < record->count; i++) {
        firn_slice name = record->fields[i].text;
        const struct fi_schema_column *column = fi_schema_find(schema, name);
        if (column == NULL) {
            column = fi_schema_find(schema, without_spaces(name));
        }
        if (column == NULL && !import->options->ignore_unknown) {
            char text[FI_TEXT_VALUE_SHORT_SIZE];
            fi_text_value_shorten(name, text);
            return fi_error_set(err, FIRN_INVALID, "line %llu: the table '%s' has no column '%s'",
                                (unsigned long long)record->line, fi_rows_name(import->table),
                                text);
        }
        FI_TRY_RETURN(take_field(import, i, column, err));
    }
    return FIRN_OK;
}

/* Takes the columns that the caller has named. */
static int
take_named(struct import *import, const struct fi_schema *schema, size_t fields, firn_error *err)
{
    DCHECK(fields == import->column_count);
    const firn_import_options *options = import->options;
    if (options->column_count != fields) {
        return fi_error_set(err, FIRN_INVALID,
                            "%zu columns were named, and a record has %zu fields",
                            options->column_count, fields);
    }
    for (size_t i = 0; i < fields; i++) {
        const struct fi_schema_column *column = NULL;
        if (options->columns[i][0] != '\0') {
            FI_TRY_RETURN(fi_schema_require(schema, firn_str(options->columns[i]), &column, err));
        }
        FI_TRY_RETURN(take_field(import, i, column, err));
    }
    return FIRN_OK;
}

/* Takes all columns of the table. */
static int
take_all(struct import *import, const struct fi_schema *schema, size_t fields, firn_error *err)
{
    DCHECK(fields == import->column_count);
    bool has_auto = schema->key_count == 1 && schema->columns[schema->key_places[0]].is_auto;
    bool skips_auto = has_auto && fields + 1 == schema->column_count;
    size_t next = 0;
    if (fields != schema->column_count && !skips_auto) {
        return fi_error_set(err, FIRN_INVALID,
                            "records have %zu fields, and the table '%s' has %zu columns", fields,
                            fi_rows_name(import->table), schema->column_count);
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        if (!skips_auto || !schema->columns[i].is_auto) {
            FI_TRY_RETURN(take_field(import, next++, &schema->columns[i], err));
        }
    }
    return FIRN_OK;
}

/* Makes room for the names and values of a row. */
static int
open_row(struct import *import, firn_error *err)
{
    size_t room = import->value_count + 1;
    import->columns_names = fi_alloc_array(room, sizeof(char *));
    import->given_names = fi_alloc_array(room, sizeof(char *));
    import->given = fi_alloc_array(room, sizeof *import->given);
    return import->columns_names != NULL && import->given_names != NULL && import->given != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "an import");
}

/* Begins the transaction, if a load cannot handle existing rows as wanted: a load can only replace
 * rows that have no entries in indexes. */
static int
begin_txn(struct import *import, firn_error *err)
{
    const struct fi_txn_options defaults = {.is_read_only = false};
    firn_import_conflict conflict = import->options->on_conflict;
    struct fi_schema *schema;
    int rc = fi_rows_schema(import->table, NULL, &schema, err);
    if (rc == FIRN_OK) {
        import->replaces = conflict == FIRN_IMPORT_CONFLICT_REPLACE && schema->index_count == 0;
        fi_schema_unref(schema);
    }
    return rc == FIRN_OK && conflict != FIRN_IMPORT_CONFLICT_FAIL && !import->replaces
               ? fi_txn_begin(fi_rows_db(import->table), &defaults, &import->txn, err)
               : rc;
}

/* Opens the load of the columns that were taken. */
static int
open_bulk(struct import *import, firn_error *err)
{
    DCHECK(import->bulk == NULL && import->value_count <= import->column_count);
    const char *at = (const char *)import->names.data;
    int rc = open_row(import, err);
    for (size_t i = 0; i < import->value_count && rc == FIRN_OK; i++) {
        import->columns_names[i] = at;
        at += strlen(at) + 1;
    }
    DCHECK(rc != FIRN_OK || import->value_count == 0 || /* a name for each value */
           at == (const char *)import->names.data + import->names.size);
    const struct fi_rows_bulk_options options = {.columns = import->columns_names,
                                                 .column_count = import->value_count,
                                                 .progress = import->progress,
                                                 .replaces = import->replaces};
    if (rc == FIRN_OK && import->txn == NULL) {
        rc = fi_rows_bulk_open(import->table, &options, &import->bulk, err);
    }
    return rc;
}

/* Assigns the fields to columns at the first record. */
static int
begin_csv(struct import *import, const struct fi_csv_record *record, firn_error *err)
{
    DCHECK(!import->has_begun && record->count > 0);
    struct fi_schema *schema = NULL;
    int rc;
    import->has_begun = true;
    FI_TRY(transfer_import_allocate(import, record->count, err));
    FI_TRY(fi_rows_schema(import->table, NULL, &schema, err));
    if (import->options->columns != NULL) {
        rc = take_named(import, schema, record->count, err);
    } else if (!import->options->form.no_header) {
        rc = take_header(import, schema, record, err);
    } else {
        rc = take_all(import, schema, record->count, err);
    }
    FI_TRY(rc);
    rc = open_bulk(import, err);
out:
    fi_schema_unref(schema);
    return rc;
}

/* ---- records ---- */

static int
put_csv(struct import *import, const struct fi_csv_record *record, firn_error *err)
{
    DCHECK(import->has_begun && (import->bulk != NULL || import->txn != NULL));
    int rc = fi_csv_reader_values(record, import->columns, &import->memory, import->fields, err);
    if (rc == FIRN_INVALID) {
        return reject(import, record->line, record->raw, rc, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    const firn_value *values = import->fields;
    if (import->value_count < import->column_count) { /* some fields are left out */
        values = import->values;
        for (size_t i = 0; i < import->column_count; i++) {
            if (import->places[i] != SIZE_MAX) {
                import->values[import->places[i]] = import->fields[i];
            }
        }
    }
    return transfer_import_put(import, values, NULL, record->line, record->raw, err);
}

/* Imports all records of a piece. */
static int
take_csv(struct import *import, firn_error *err)
{
    int rc = FIRN_OK;
    for (;;) {
        struct fi_csv_record record;
        rc = fi_csv_reader_next(import->csv, &record, err);
        if (rc == FIRN_INVALID && import->has_begun) {
            FI_TRY(reject(import, record.line, record.raw, rc, err));
            continue;
        }
        FI_TRY(rc);
        if (record.count == 0) {
            return FIRN_OK;
        }
        if (!import->has_begun) {
            FI_TRY(begin_csv(import, &record, err));
            if (!import->options->form.no_header) {
                continue;
            }
        }
        FI_TRY(put_csv(import, &record, err));
    }
out:
    return rc;
}

static int
take_json(struct import *import, firn_error *err)
{
    int rc = FIRN_OK;
    for (;;) {
        struct fi_json_record record;
        rc = fi_json_reader_next(import->json, &record, err);
        if (rc == FIRN_INVALID) {
            FI_TRY(reject(import, record.line, record.raw, rc, err));
            continue;
        }
        FI_TRY(rc);
        if (record.values == NULL) {
            return FIRN_OK;
        }
        FI_TRY(transfer_import_put(import, record.values, record.is_given, record.line, record.raw,
                                   err));
    }
out:
    return rc;
}

/* ---- the whole import ---- */

static int
open_csv(struct import *import, firn_error *err)
{
    const firn_text_reading *reading = import->options->reading;
    struct fi_csv_reader_options options;
    FI_TRY_RETURN(fi_transfer_import_reading(&import->options->form, reading, &options, err));
    import->skip.left = reading != NULL ? reading->skip_lines : 0;
    return fi_csv_reader_create(&options, &import->csv, err);
}

/* Prepares for all columns, since a line may have any of them. */
static int
open_json(struct import *import, firn_error *err)
{
    const struct fi_rows_bulk_options all = {.progress = import->progress,
                                             .replaces = import->replaces};
    if (import->options->columns != NULL) {
        return fi_error_set(err, FIRN_INVALID, "JSON lines name their columns themselves");
    }
    const struct fi_schema *schema;
    if (import->txn != NULL) {
        FI_TRY_RETURN(
            fi_rows_schema(import->table, fi_txn_snapshot(import->txn), &import->schema, err));
        schema = import->schema;
    } else {
        FI_TRY_RETURN(fi_rows_bulk_open(import->table, &all, &import->bulk, err));
        schema = fi_rows_bulk_schema(import->bulk);
    }
    FI_TRY_RETURN(transfer_import_allocate(import, schema->column_count, err));
    import->value_count = schema->column_count;
    FI_TRY_RETURN(open_row(import, err));
    for (size_t i = 0; i < schema->column_count; i++) {
        import->columns[i] = text_column_of(&schema->columns[i]);
        import->columns_names[i] = (const char *)schema->columns[i].name.data;
    }
    const struct fi_json_reader_options options = {.columns = import->columns,
                                                   .count = (uint32_t)schema->column_count,
                                                   .ignores_unknown =
                                                       import->options->ignore_unknown,
                                                   .line_size_max = RECORD_SIZE_MAX};
    return fi_json_reader_create(&options, &import->json, err);
}

static int
take_pieces(struct import *import, firn_error *err)
{
    bool is_over = false;
    while (!is_over) {
        size_t size = 0;
        FI_TRY_RETURN(
            import->source->read(import->source->ctx, import->piece, PIECE_SIZE, &size, err));
        if (size > PIECE_SIZE) {
            return fi_error_set(err, FIRN_MISUSE, "%zu bytes were read, of %d", size, PIECE_SIZE);
        }
        is_over = size == 0;
        import->statistics->bytes += size;
        firn_slice piece = firn_bytes(import->piece, size);
        if (import->csv != NULL) {
            piece = is_over ? piece : fi_csv_sniff_skip_lines(&import->skip, piece);
            is_over ? fi_csv_reader_finish(import->csv) : fi_csv_reader_feed(import->csv, piece);
            FI_TRY_RETURN(take_csv(import, err));
        } else {
            is_over ? fi_json_reader_finish(import->json)
                    : fi_json_reader_feed(import->json, piece);
            FI_TRY_RETURN(take_json(import, err));
        }
        FI_TRY_RETURN(fi_storefile_progress_step(import->progress, 0, size, err));
    }
    return FIRN_OK;
}

static void
transfer_import_deinit(struct import *import)
{
    fi_rows_bulk_close(import->bulk);
    fi_txn_close(import->txn);
    fi_schema_unref(import->schema);
    fi_free(import->columns_names);
    fi_free(import->given_names);
    fi_free(import->given);
    fi_csv_reader_destroy(import->csv);
    fi_json_reader_destroy(import->json);
    fi_free(import->piece);
    fi_free(import->columns);
    fi_free(import->places);
    fi_free(import->fields);
    fi_free(import->values);
    fi_buf_deinit(&import->names);
    fi_buf_deinit(&import->memory);
}

int
fi_transfer_import(struct firn_table *table, const struct fi_transfer_source *source,
                   const firn_import_options *options, struct fi_storefile_progress *progress,
                   firn_import_statistics *statistics, firn_error *err)
{
    struct import import = {.table = table,
                            .options = options,
                            .source = source,
                            .progress = progress,
                            .statistics = statistics};
    firn_error own;
    int rc;
    if (err == NULL) { /* rejecting needs the text of an error */
        err = &own;
    }
    import.piece = fi_alloc_array(PIECE_SIZE, 1);
    if (import.piece == NULL) {
        return fi_error_no_memory(err, "an import");
    }
    FI_TRY(begin_txn(&import, err));
    FI_TRY(options->form.kind == FIRN_TEXT_JSON_LINES ? open_json(&import, err)
                                                      : open_csv(&import, err));
    FI_TRY(fi_storefile_progress_begin(progress, "read", 0, options->bytes_total, err));
    FI_TRY(take_pieces(&import, err));
    if (import.bulk != NULL) {
        rc = fi_rows_bulk_commit(import.bulk, err);
    } else if (import.txn != NULL) {
        rc = fi_txn_commit(import.txn, FIRN_DURABILITY_DEFAULT, err);
    }
out:
    transfer_import_deinit(&import);
    return rc;
}
