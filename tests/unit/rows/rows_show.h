/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows/rows_show.h: all tables of a store as text, after every index was held against its rows.
 */
#ifndef FIRN_TEST_ROWS_SHOW_H
#define FIRN_TEST_ROWS_SHOW_H

#include "rows/rows.h"
#include "support/store/db_support.h"

enum { ROWS_SHOW_SIZE = 64 << 10 };

/* The tables of now, each with its definition and rows, and of each checkpoint that has a name. Asserts that
 * each index has one entry for each row, and the one that it must have. What fails is the reading. */
FIRN_MUST_CHECK int rows_show(struct firn_db *db, char out[ROWS_SHOW_SIZE], firn_error *err);
/* Appends the tables that a view has. */
FIRN_MUST_CHECK int rows_show_snapshot(struct firn_snapshot *snapshot, char out[ROWS_SHOW_SIZE],
                                       firn_error *err);
/* Appends text of the form. */
void rows_show_add(char out[ROWS_SHOW_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- short forms ---- */

/* A table of a definition. */
FIRN_MUST_CHECK int rows_make(struct firn_db *db, const char *name, const char *definition,
                              struct firn_table **out, firn_error *err);
/* Puts all values of a row. txn may be NULL. */
FIRN_MUST_CHECK int rows_put(struct firn_table *table, struct firn_txn *txn, enum fi_rows_mode mode,
                             const firn_value *values, size_t count, firn_error *err);

#endif
