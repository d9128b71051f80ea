/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_query.h: a statement that firn's own scan answers, for who runs statements: firn_query, and the shell.
 */
#ifndef FIRN_SQL_QUERY_H
#define FIRN_SQL_QUERY_H

#include <stdbool.h>

#include "sql/sql_parse.h"

struct firn_sql_query;

/* The connection's struct, through its function firn_connection; NULL: the extension is not there. For who has only the
 * connection. */
struct firn_sql *firn_sql_query_connection(sqlite3 *db);

/* Recognises a statement that was prepared, with the values that are bound to it. *out is NULL where SQLite has to answer it,
 * and reason says why. Returns a code of SQLite; only memory that ran out is a failure. Release *out with
 * firn_sql_query_close. */
int firn_sql_query_open(struct firn_sql *sql, sqlite3_stmt *statement, struct firn_sql_query **out,
                        struct firn_sql_parse_reason *reason);
/* The statement over the groups, to be stepped and read; its columns are called as those of the statement. Owned by the
 * query. */
sqlite3_stmt *firn_sql_query_statement(struct firn_sql_query *query);
/* Whether stepping failed because the scan found what only SQLite can answer; then, unless rows have come, the statement
 * itself is to be stepped. */
bool firn_sql_query_is_declined(const struct firn_sql_query *query);
/* What the scan is: "scan of goods: select …; where …; group by …". Of sqlite3_malloc; NULL: memory ran out. */
char *firn_sql_query_describe(const struct firn_sql_query *query);
/* NULL is fine. */
void firn_sql_query_close(struct firn_sql_query *query);

#endif
