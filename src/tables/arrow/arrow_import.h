/* SPDX-License-Identifier: Apache-2.0
 *
 * arrow/arrow_import.h: an Arrow C stream as rows of a table, or as its definition.
 */
#ifndef FIRN_ARROW_ARROW_IMPORT_H
#define FIRN_ARROW_ARROW_IMPORT_H

#include "base/buf.h"
#include "base/error.h"
#include "firn/arrow.h"
#include "rows/rows.h"
#include "storefile/storefile.h"

/* Loads all rows of a stream, by one commit, and releases it, also after a failure. Fields go to
 * the columns with their names. *out_rows is the number of rows. FIRN_INVALID: data breaks the
 * interface's rules, or a field or value does not fit its column. FIRN_UNSUPPORTED names a format;
 * FIRN_NOT_FOUND: there is no such column; FIRN_IO, with the stream's text: the stream failed; else
 * as fi_rows_bulk_put. */
FIRN_MUST_CHECK int fi_arrow_import(struct firn_table *table, struct ArrowArrayStream *stream,
                                    struct fi_storefile_progress *progress, uint64_t *out_rows,
                                    firn_error *err);

/* Appends the definition of a table that the schema's fields fit. Its key is the named columns, or,
 * without names, a new column "row", i64 auto. FIRN_INVALID, FIRN_UNSUPPORTED; FIRN_NOT_FOUND:
 * there is no such field. */
FIRN_MUST_CHECK int fi_arrow_import_definition(const struct ArrowSchema *schema,
                                               const char *const *key, size_t key_count,
                                               struct fi_buf *out, firn_error *err);

#endif
