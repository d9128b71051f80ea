/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_value_cell.c: references to value files in single cells of a row.
 *
 * Rows of a table are tuples, from which columns are made. A large text or blob of a row goes to a
 * value file alone, so a cell refers to it, not the entry. A tuple with such cells is never stored:
 * it exists between the cursor of a run of columns and the builder of another one, or between a
 * cursor and a reader that wants the row as it was written. Readers of tuples refuse these cells
 * unless they ask for them.
 *
 * Failure: FIRN_CORRUPT, as in run/run_value_file.c.
 */
#include "run/run_value_file.h"

#include "base/check.h"
#include "base/slice.h"
#include "run/run_parts.h"
#include "tuple/tuple.h"

static firn_slice
reference_in(firn_slice cell)
{
    DCHECK(cell.size > FI_RUN_VALUE_CELL_HEAD_SIZE);
    return firn_bytes(cell.data + FI_RUN_VALUE_CELL_HEAD_SIZE,
                      cell.size - FI_RUN_VALUE_CELL_HEAD_SIZE);
}

bool
fi_run_value_cell_decode(firn_slice cell, struct fi_run_value_file_reference *out)
{
    return cell.size > FI_RUN_VALUE_CELL_HEAD_SIZE &&
           fi_run_value_file_decode(reference_in(cell), out) &&
           out->value_size >= FI_RUN_VALUE_CELL_SIZE_MIN;
}

int
fi_run_value_cell_read(const struct fi_run_values *values, firn_slice cell,
                       enum fi_block_cache_use use, struct fi_buf *out, firn_error *err)
{
    size_t before = out != NULL ? out->size : 0;
    int rc;
    FI_TRY(fi_run_value_file_resolve(values, reference_in(cell), use, out, err));
    if (out != NULL && memcmp(out->data + before, cell.data, FI_RUN_VALUE_CELL_HEAD_SIZE) != 0) {
        out->size = before;
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "a value in a value file does not begin as its row says");
    }
out:
    return rc;
}

static firn_slice
after_head(const struct fi_entry *entry, size_t *out_head)
{
    *out_head = fi_entry_head_size(entry->kind);
    DCHECK(entry->values != NULL);
    return *out_head <= entry->value.size
               ? firn_bytes(entry->value.data + *out_head, entry->value.size - *out_head)
               : firn_bytes(entry->value.data, 0);
}

static int
run_value_cell_refuse(firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "a reference to a value file is malformed");
}

static int
resolve_cells(const struct fi_entry *entry, firn_slice tuple, enum fi_block_cache_use use,
              struct fi_buf *out, firn_error *err)
{
    struct fi_tuple_reader reader;
    struct fi_tuple_writer writer;
    struct fi_run_value_file_reference reference;
    struct fi_buf value = {0};
    struct fi_cell cell;
    uint32_t column = 0;
    bool is_corrupt;
    int rc = FIRN_OK;
    fi_tuple_reader_init(&reader, tuple);
    reader.takes_references = true;
    fi_tuple_begin(&writer, out);
    while (rc == FIRN_OK && fi_tuple_next(&reader, &column, &cell, &is_corrupt)) {
        if (cell.kind == FI_PHYSICAL_REFERENCE) {
            fi_buf_clear(&value);
            rc = fi_run_value_cell_decode(cell.as.bytes, &reference)
                     ? fi_run_value_cell_read(entry->values, cell.as.bytes, use, &value, err)
                     : run_value_cell_refuse(err);
            cell = (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = fi_buf_slice(&value)};
        }
        if (rc == FIRN_OK) {
            fi_tuple_add(&writer, column, &cell);
        }
    }
    fi_buf_deinit(&value);
    if (rc == FIRN_OK && is_corrupt) {
        rc = run_value_cell_refuse(err);
    }
    if (fi_run_text_is_loss(rc) && err != NULL) {
        char text[FI_RUN_TEXT_SIZE];
        fi_error_prefix(err, "column %u of the row '%s' cannot be read", column,
                        fi_run_text_key(entry->key, text));
    }
    if (rc != FIRN_OK) {
        out->size = writer.start;
        return rc;
    }
    return fi_tuple_end(&writer) == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a row");
}

int
fi_run_value_cell_resolve(const struct fi_entry *entry, enum fi_block_cache_use use,
                          struct fi_buf *out, firn_error *err)
{
    size_t head;
    firn_slice rest = after_head(entry, &head);
    return entry->has_cells ? resolve_cells(entry, rest, use, out, err)
                            : fi_run_value_file_resolve(entry->values, rest, use, out, err);
}

int
fi_run_value_cell_each(const struct fi_entry *entry,
                       int (*visit)(void *ctx, const struct fi_run_value_file_reference *reference,
                                    firn_error *err),
                       void *ctx, firn_error *err)
{
    struct fi_run_value_file_reference reference;
    struct fi_tuple_reader reader;
    struct fi_cell cell;
    uint32_t column;
    bool is_corrupt = false;
    size_t head;
    firn_slice rest = after_head(entry, &head);
    if (!entry->has_cells) {
        return fi_run_value_file_decode(rest, &reference) ? visit(ctx, &reference, err)
                                                          : run_value_cell_refuse(err);
    }
    fi_tuple_reader_init(&reader, rest);
    reader.takes_references = true;
    while (fi_tuple_next(&reader, &column, &cell, &is_corrupt)) {
        if (cell.kind != FI_PHYSICAL_REFERENCE) {
            continue;
        }
        int rc = fi_run_value_cell_decode(cell.as.bytes, &reference) ? visit(ctx, &reference, err)
                                                                     : run_value_cell_refuse(err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return is_corrupt ? run_value_cell_refuse(err) : FIRN_OK;
}
