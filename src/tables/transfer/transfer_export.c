/* SPDX-License-Identifier: Apache-2.0
 *
 * transfer/transfer_export.c: writes a table as a text: the rows of a cursor, line by line, in
 * pieces of some hundred kilobytes.
 */
#include "transfer/transfer.h"

#include "base/check.h"
#include "base/mem.h"
#include "csv/csv_writer.h"
#include "json/json_writer.h"

enum { PIECE_SIZE = 256 << 10 };

struct export
{
    struct firn_table *table;
    const struct fi_transfer_sink *sink;
    struct fi_storefile_progress *progress;
    firn_export_statistics *statistics;
    bool is_json;
    struct fi_csv_format format;
    struct fi_text_value_column *columns;
    size_t column_count;
    struct fi_buf text;
};

static int
take_column(struct export *export, const struct fi_schema_column *column)
{
    DCHECK(export->columns != NULL && column->name.size > 0);
    export->columns[export->column_count++] = (struct fi_text_value_column){
        .name = column->name,
        .type = {.type = column->type,
                 .precision = (uint8_t)column->precision,
                 .scale = (uint8_t)column->scale,
                 .dimensions = column->dimensions},
    };
    return FIRN_OK;
}

/* Names are the schema's. */
static int
take_columns(struct export *export, const struct fi_schema *schema, const struct fi_rows_read *read,
             firn_error *err)
{
    DCHECK(export->columns == NULL && export->column_count == 0);
    size_t count = read->columns != NULL ? read->column_count : schema->column_count;
    export->columns = fi_alloc_zeroed((count + 1) * sizeof *export->columns);
    if (export->columns == NULL) {
        return fi_error_no_memory(err, "an export");
    }
    for (size_t i = 0; i < count; i++) {
        const struct fi_schema_column *column = &schema->columns[i];
        if (read->columns != NULL) {
            FI_TRY_RETURN(fi_schema_require(schema, firn_str(read->columns[i]), &column, err));
        }
        FI_TRY_RETURN(take_column(export, column));
    }
    DCHECK(export->column_count == count);
    return FIRN_OK;
}

static int
transfer_export_flush(struct export *export, firn_error *err)
{
    int rc = FIRN_OK;
    size_t size = export->text.size;
    if (size > 0) {
        FI_TRY(export->sink->write(export->sink->ctx, fi_buf_slice(&export->text), err));
        export->statistics->bytes += size;
        fi_buf_clear(&export->text);
        rc = fi_storefile_progress_step(export->progress, 0, size, err);
    }
out:
    return rc;
}

static int
write_row(struct export *export, const struct firn_row *row, firn_error *err)
{
    size_t count;
    const firn_value *values = fi_rows_read_row_values(row, &count);
    DCHECK(count == export->column_count);
    FI_TRY_RETURN(export->is_json
                      ? fi_json_writer_row(export->columns, values, count, &export->text, err)
                      : fi_csv_writer_row(&export->format, export->columns, values, count,
                                          &export->text, err));
    export->statistics->rows++;
    return export->text.size >= PIECE_SIZE ? transfer_export_flush(export, err) : FIRN_OK;
}

static int
write_rows(struct export *export, struct firn_table_cursor *cursor, firn_error *err)
{
    const struct firn_row *row;
    for (;;) {
        FI_TRY_RETURN(fi_rows_read_cursor_next(cursor, &row, err));
        if (row == NULL) {
            return transfer_export_flush(export, err);
        }
        FI_TRY_RETURN(write_row(export, row, err));
    }
    return FIRN_OK;
}

int
fi_transfer_export(struct firn_table *table, const struct fi_transfer_sink *sink,
                   const firn_text_form *form, const struct fi_rows_read *read,
                   struct fi_storefile_progress *progress, firn_export_statistics *statistics,
                   firn_error *err)
{
    struct export export = {.table = table,
                            .sink = sink,
                            .progress = progress,
                            .statistics = statistics,
                            .is_json = form->kind == FIRN_TEXT_JSON_LINES};
    const struct fi_rows_cursor_options options = {.read = *read};
    struct firn_table_cursor *cursor = NULL;
    struct firn_snapshot *snapshot =
        read->txn != NULL ? fi_txn_snapshot(read->txn) : read->snapshot;
    struct fi_schema *schema = NULL;
    int rc;
    FI_TRY(fi_transfer_import_format(form, &export.format, err));
    FI_TRY(fi_rows_schema(table, snapshot, &schema, err));
    FI_TRY(take_columns(&export, schema, read, err));
    FI_TRY(fi_rows_read_cursor_open(table, &options, &cursor, err));
    FI_TRY(fi_storefile_progress_begin(progress, "write", 0, 0, err));
    if (!export.is_json && !form->no_header) {
        FI_TRY(fi_csv_writer_header(&export.format, export.columns, export.column_count,
                                    &export.text, err));
    }
    rc = write_rows(&export, cursor, err);
out:
    fi_rows_read_cursor_close(cursor);
    fi_schema_unref(schema);
    fi_free(export.columns);
    fi_buf_deinit(&export.text);
    return rc;
}
