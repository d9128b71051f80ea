/* SPDX-License-Identifier: Apache-2.0
 *
 * csv/csv_writer.h: rows as CSV. Lines end with LF.
 *
 * A field is quoted if it would be misread otherwise: if it contains the delimiter, a quote or the
 * end of a line, is the text for null, or begins like a byte order mark. A null in a table of one
 * column can be an empty line, so readers must know that there is one column.
 */
#ifndef FIRN_CSV_CSV_WRITER_H
#define FIRN_CSV_CSV_WRITER_H

#include "csv/csv_format.h"
#include "text/text_value.h"

/* Each appends a line. Requires: the format has no defect (fi_csv_format_defect); values are null
 * or of their columns' types. On failure out is as it was: FIRN_INVALID if a field needs quotes
 * and the format has none; FIRN_NO_MEMORY. Any thread. */
FIRN_MUST_CHECK int fi_csv_writer_header(const struct fi_csv_format *format,
                                         const struct fi_text_value_column *columns, size_t count,
                                         struct fi_buf *out, firn_error *err);
FIRN_MUST_CHECK int fi_csv_writer_row(const struct fi_csv_format *format,
                                      const struct fi_text_value_column *columns,
                                      const firn_value *values, size_t count, struct fi_buf *out,
                                      firn_error *err);

#endif
