/* SPDX-License-Identifier: Apache-2.0
 *
 * run/value_cell.c: references to value files in single cells of a row.
 *
 * Rows of a table are tuples, from which columns are made. A large text or blob of a row goes to a
 * value file alone, so a cell refers to it, not the entry. A tuple with such cells is never stored:
 * it exists between the cursor of a run of columns and the builder of another one, or between a
 * cursor and a reader that wants the row as it was written. Readers of tuples refuse these cells
 * unless they ask for them.
 *
 * Failure: FIRN_CORRUPT, as in run/value_file.c.
 */
#include "run/value_file.h"

#include "base/check.h"
#include "base/slice.h"
#include "run/run_parts.h"
#include "tuple/tuple.h"

static firn_slice
reference_in(firn_slice cell)
{
    DCHECK(cell.size > FIRN_VALUE_CELL_HEAD_SIZE);
    return firn_bytes(cell.data + FIRN_VALUE_CELL_HEAD_SIZE, cell.size - FIRN_VALUE_CELL_HEAD_SIZE);
}

bool
firn_value_cell_decode(firn_slice cell, struct firn_value_file_reference *out)
{
    return cell.size > FIRN_VALUE_CELL_HEAD_SIZE &&
           firn_value_file_decode(reference_in(cell), out) &&
           out->value_size >= FIRN_VALUE_CELL_SIZE_MIN;
}

int
firn_value_cell_read(const struct firn_run_values *values, firn_slice cell,
                     enum firn_block_cache_use use, struct firn_buf *out, firn_error *err)
{
    size_t before = out != NULL ? out->size : 0;
    int rc;
    FIRN_TRY(firn_value_file_resolve(values, reference_in(cell), use, out, err));
    if (out != NULL && memcmp(out->data + before, cell.data, FIRN_VALUE_CELL_HEAD_SIZE) != 0) {
        out->size = before;
        rc = firn_error_set(err, FIRN_CORRUPT,
                            "a value in a value file does not begin as its row says");
    }
out:
    return rc;
}

static firn_slice
after_head(const struct firn_entry *entry, size_t *out_head)
{
    *out_head = firn_entry_head_size(entry->kind);
    DCHECK(entry->values != NULL);
    return *out_head <= entry->value.size
               ? firn_bytes(entry->value.data + *out_head, entry->value.size - *out_head)
               : firn_bytes(entry->value.data, 0);
}

static int
refuse(firn_error *err)
{
    return firn_error_set(err, FIRN_CORRUPT, "a reference to a value file is malformed");
}

static int
resolve_cells(const struct firn_entry *entry, firn_slice tuple, enum firn_block_cache_use use,
              struct firn_buf *out, firn_error *err)
{
    struct firn_tuple_reader reader;
    struct firn_tuple_writer writer;
    struct firn_value_file_reference reference;
    struct firn_buf value = {0};
    struct firn_cell cell;
    uint32_t column = 0;
    bool is_corrupt;
    int rc = FIRN_OK;
    firn_tuple_reader_init(&reader, tuple);
    reader.takes_references = true;
    firn_tuple_begin(&writer, out);
    while (rc == FIRN_OK && firn_tuple_next(&reader, &column, &cell, &is_corrupt)) {
        if (cell.kind == FIRN_PHYSICAL_REFERENCE) {
            firn_buf_clear(&value);
            rc = firn_value_cell_decode(cell.as.bytes, &reference)
                     ? firn_value_cell_read(entry->values, cell.as.bytes, use, &value, err)
                     : refuse(err);
            cell =
                (struct firn_cell){.kind = FIRN_PHYSICAL_BYTES, .as.bytes = firn_buf_slice(&value)};
        }
        if (rc == FIRN_OK) {
            firn_tuple_add(&writer, column, &cell);
        }
    }
    firn_buf_deinit(&value);
    if (rc == FIRN_OK && is_corrupt) {
        rc = refuse(err);
    }
    if (firn_run_text_is_loss(rc) && err != NULL) {
        char text[FIRN_RUN_TEXT_SIZE];
        (void)firn_error_prefix(err, "column %u of the row '%s' cannot be read", column,
                                firn_run_text_key(entry->key, text));
    }
    if (rc != FIRN_OK) {
        out->size = writer.start;
        return rc;
    }
    return firn_tuple_end(&writer) == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "a row");
}

int
firn_value_cell_resolve(const struct firn_entry *entry, enum firn_block_cache_use use,
                        struct firn_buf *out, firn_error *err)
{
    size_t head;
    firn_slice rest = after_head(entry, &head);
    return entry->has_cells ? resolve_cells(entry, rest, use, out, err)
                            : firn_value_file_resolve(entry->values, rest, use, out, err);
}

int
firn_value_cell_each(const struct firn_entry *entry,
                     int (*visit)(void *ctx, const struct firn_value_file_reference *reference,
                                  firn_error *err),
                     void *ctx, firn_error *err)
{
    struct firn_value_file_reference reference;
    struct firn_tuple_reader reader;
    struct firn_cell cell;
    uint32_t column;
    bool is_corrupt = false;
    size_t head;
    firn_slice rest = after_head(entry, &head);
    if (!entry->has_cells) {
        return firn_value_file_decode(rest, &reference) ? visit(ctx, &reference, err) : refuse(err);
    }
    firn_tuple_reader_init(&reader, rest);
    reader.takes_references = true;
    while (firn_tuple_next(&reader, &column, &cell, &is_corrupt)) {
        if (cell.kind != FIRN_PHYSICAL_REFERENCE) {
            continue;
        }
        int rc = firn_value_cell_decode(cell.as.bytes, &reference) ? visit(ctx, &reference, err)
                                                                   : refuse(err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return is_corrupt ? refuse(err) : FIRN_OK;
}
