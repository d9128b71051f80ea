/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_history.h: what sql_history.c and sql_diff.c share.
 */
#ifndef FIRN_SQL_HISTORY_H
#define FIRN_SQL_HISTORY_H

#include "sql/sql_rows.h"

/* The store and the table that a name means: that of a virtual table, or of a table that only checkpoints of the
 * only attached store have. Borrowed until control goes back to SQLite. */
int firn_sql_history_find(struct firn_sql *sql, const char *name, struct firn_sql_store **out,
                          const char **out_table, firn_error *err);

/* firn_diff: sql_diff.c. A code of SQLite. */
int firn_sql_diff_register(struct firn_sql *sql);

#endif
