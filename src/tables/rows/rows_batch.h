/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_batch.h: rows of a load, column by column.
 *
 * One thread at a time.
 */
#ifndef FIRN_ROWS_ROWS_BATCH_H
#define FIRN_ROWS_ROWS_BATCH_H

#include "run/run_kind.h"
#include "schema/schema.h"

struct fi_rows_batch;
/* Creates an empty batch for all columns of a schema; memory_bytes is how large it gets, if the
 * schema allows that. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_rows_batch_create(const struct fi_schema *schema, size_t memory_bytes,
                                         struct fi_rows_batch **out, firn_error *err);
/* NULL is fine. */
void fi_rows_batch_destroy(struct fi_rows_batch *batch);
void fi_rows_batch_clear(struct fi_rows_batch *batch);
/* Copies a row: a cell for each column, and its key. Requires: the batch is not full. After
 * FIRN_NO_MEMORY the batch can only be destroyed. */
FIRN_MUST_CHECK int fi_rows_batch_put(struct fi_rows_batch *batch, const struct fi_cell *cells,
                                      firn_slice key);
/* Takes the values of a row, one for each column of the schema, at these places. It takes numbers
 * of the column's own type, text, and nulls where they are allowed. The row counts when it is
 * accepted with its key; the next offer discards it otherwise. cells get the columns of its key.
 * *out_is_taken is false if a value needs a closer look, or the row is too large. FIRN_NO_MEMORY.
 * Requires: the batch is not full; places stay valid until then. */
FIRN_MUST_CHECK int fi_rows_batch_offer(struct fi_rows_batch *batch, const uint32_t *places,
                                        const firn_value *values, struct fi_cell *cells,
                                        bool *out_is_taken);
FIRN_MUST_CHECK int fi_rows_batch_accept(struct fi_rows_batch *batch, firn_slice key);
bool fi_rows_batch_is_full(const struct fi_rows_batch *batch);
size_t fi_rows_batch_rows(const struct fi_rows_batch *batch);
/* All rows, borrowed until the next call. */
void fi_rows_batch_columns(struct fi_rows_batch *batch, struct fi_run_columns *out);

#endif
