/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_rows.h: table-valued functions whose rows are collected when they are asked for, and rows as JSON.
 */
#ifndef FIRN_SQL_ROWS_H
#define FIRN_SQL_ROWS_H

#include <stdbool.h>

#include "firn/notice.h"
#include "sql/sql_internal.h"

enum { FIRN_SQL_ROWS_ARGUMENTS_MAX = 18 };

/* Rows that are being collected; one cell after the other. */
struct firn_sql_rows;
void firn_sql_rows_null(struct firn_sql_rows *rows);
void firn_sql_rows_integer(struct firn_sql_rows *rows, sqlite3_int64 number);
/* Copies the text, which counts as UTF-8 up to `size`. */
void firn_sql_rows_text(struct firn_sql_rows *rows, const char *text, size_t size);
/* A text, or null where it is empty. */
void firn_sql_rows_text_or_null(struct firn_sql_rows *rows, const char *text);
/* A path or the like: a text where it is UTF-8, else a blob. */
void firn_sql_rows_bytes(struct firn_sql_rows *rows, firn_slice bytes);
/* A time as SQLite's functions read it, "2026-01-31 23:59:59.123", UTC. */
void firn_sql_rows_time(struct firn_sql_rows *rows, int64_t since_epoch_ns);
/* FIRN_NO_MEMORY if cells were lost, FIRN_CANCELLED if the connection was interrupted; asked after each row. */
FIRN_MUST_CHECK int firn_sql_rows_go_on(struct firn_sql_rows *rows);
/* The same for callbacks of long operations, whose ctx is the rows. */
int firn_sql_rows_on_progress(void *ctx, const firn_progress *progress);

/* A function of the table kind. */
struct firn_sql_rows_function {
    const char *name;
    const char *columns; /* as CREATE TABLE has them */
    int column_count;
    const char *arguments; /* names with commas between them; they are hidden columns */
    int argument_count;
    int argument_count_min;
    /* Collects the rows. Arguments that were not given are NULL. */
    int (*fill)(struct firn_sql *sql, struct firn_sql_rows *rows, sqlite3_value *const *arguments,
                firn_error *err);
};
/* `function` is a constant. A code of SQLite. */
int firn_sql_rows_register(struct firn_sql *sql, const struct firn_sql_rows_function *function);

/* The text of an argument; NULL where it was not given, or is null. */
const char *firn_sql_rows_argument(sqlite3_value *value);

/* Appends a text in the quotes of JSON; what is no UTF-8 becomes U+FFFD. */
void firn_sql_rows_json_text(sqlite3_str *out, const char *text, size_t size);
/* Appends a value as `firn db scan --json` has it: numbers and truth as such, all else as text. */
void firn_sql_rows_json_value(sqlite3_str *out, const firn_table_column *column, firn_value value);

#endif
