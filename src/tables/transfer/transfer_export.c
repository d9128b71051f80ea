/* SPDX-License-Identifier: Apache-2.0
 *
 * transfer/transfer_export.c: writes a table as a text: the rows of a cursor, line by line, in
 * pieces of some hundred kilobytes.
 */
#include "transfer/transfer.h"

#include "base/check.h"
#include "base/mem.h"
#include "exchange/csv_writer.h"
#include "exchange/json_writer.h"

enum { PIECE_SIZE = 256 << 10 };

struct export
{
    struct firn_table *table;
    const struct firn_transfer_sink *sink;
    struct firn_storefile_progress *progress;
    firn_export_statistics *statistics;
    bool is_json;
    struct firn_csv_format format;
    struct firn_value_text_column *columns;
    size_t column_count;
    struct firn_buf text;
};

static int
take_column(struct export *export, const struct firn_schema_column *column)
{
    DCHECK(export->columns != NULL && column->name.size > 0);
    export->columns[export->column_count++] = (struct firn_value_text_column){
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
take_columns(struct export *export, const struct firn_schema *schema,
             const struct firn_rows_read *read, firn_error *err)
{
    DCHECK(export->columns == NULL && export->column_count == 0);
    size_t count = read->columns != NULL ? read->column_count : schema->column_count;
    export->columns = firn_alloc_zeroed((count + 1) * sizeof *export->columns);
    if (export->columns == NULL) {
        return firn_error_no_memory(err, "an export");
    }
    for (size_t i = 0; i < count; i++) {
        const struct firn_schema_column *column = &schema->columns[i];
        if (read->columns != NULL) {
            FIRN_TRY_RETURN(firn_schema_require(schema, firn_str(read->columns[i]), &column, err));
        }
        FIRN_TRY_RETURN(take_column(export, column));
    }
    DCHECK(export->column_count == count);
    return FIRN_OK;
}

static int
flush(struct export *export, firn_error *err)
{
    int rc = FIRN_OK;
    size_t size = export->text.size;
    if (size > 0) {
        FIRN_TRY(export->sink->write(export->sink->ctx, firn_buf_slice(&export->text), err));
        export->statistics->bytes += size;
        firn_buf_clear(&export->text);
        rc = firn_storefile_progress_step(export->progress, 0, size, err);
    }
out:
    return rc;
}

static int
write_row(struct export *export, const struct firn_row *row, firn_error *err)
{
    size_t count;
    const firn_value *values = firn_rows_read_row_values(row, &count);
    DCHECK(count == export->column_count);
    FIRN_TRY_RETURN(export->is_json
                        ? firn_json_writer_row(export->columns, values, count, &export->text, err)
                        : firn_csv_writer_row(&export->format, export->columns, values, count,
                                              &export->text, err));
    export->statistics->rows++;
    return export->text.size >= PIECE_SIZE ? flush(export, err) : FIRN_OK;
}

static int
write_rows(struct export *export, struct firn_table_cursor *cursor, firn_error *err)
{
    const struct firn_row *row;
    for (;;) {
        FIRN_TRY_RETURN(firn_rows_read_cursor_next(cursor, &row, err));
        if (row == NULL) {
            return flush(export, err);
        }
        FIRN_TRY_RETURN(write_row(export, row, err));
    }
    return FIRN_OK;
}

int
firn_transfer_export(struct firn_table *table, const struct firn_transfer_sink *sink,
                     const firn_text_form *form, const struct firn_rows_read *read,
                     struct firn_storefile_progress *progress, firn_export_statistics *statistics,
                     firn_error *err)
{
    struct export export = {.table = table,
                            .sink = sink,
                            .progress = progress,
                            .statistics = statistics,
                            .is_json = form->kind == FIRN_TEXT_JSON_LINES};
    const struct firn_rows_cursor_options options = {.read = *read};
    struct firn_table_cursor *cursor = NULL;
    struct firn_db_view *view = read->txn != NULL ? firn_db_txn_view(read->txn) : read->view;
    struct firn_schema *schema = NULL;
    int rc;
    FIRN_TRY(firn_transfer_import_format(form, &export.format, err));
    FIRN_TRY(firn_rows_schema(table, view, &schema, err));
    FIRN_TRY(take_columns(&export, schema, read, err));
    FIRN_TRY(firn_rows_read_cursor_open(table, &options, &cursor, err));
    FIRN_TRY(firn_storefile_progress_begin(progress, "write", 0, 0, err));
    if (!export.is_json && !form->no_header) {
        FIRN_TRY(firn_csv_writer_header(&export.format, export.columns, export.column_count,
                                        &export.text, err));
    }
    rc = write_rows(&export, cursor, err);
out:
    firn_rows_read_cursor_close(cursor);
    firn_schema_unref(schema);
    firn_free(export.columns);
    firn_buf_deinit(&export.text);
    return rc;
}
