/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql.h: tables and keyspaces of firn's stores in SQLite. Documentation for users: docs/sql.md.
 */
#ifndef FIRN_SQL_SQL_H
#define FIRN_SQL_SQL_H

#include <sqlite3.h>
#include <stdbool.h>

#include <firn/store.h>

/* Registers firn's functions and modules with a connection; a second call changes nothing. A code
 * of SQLite; SQLITE_ERROR, and the connection's text, for a SQLite that is older than 3.38. What is
 * registered goes with the connection. Threads: as the connection's. */
int fi_sql_register(sqlite3 *db);

/* Confines a connection for good: it opens no other store than the one at `path`, and no saved
 * directory by its path, whatever a statement says; stores that were lent are open. NULL: it may
 * still open what a statement of the program names. In both cases it sets what SQLite's
 * documentation advises for database files and texts of others: an untrusted schema, defensive
 * mode, no extensions, no fts3_tokenizer, cells whose sizes are checked, no mapped memory, and at
 * most FI_SQL_STATEMENT_MAX bytes a statement and FIRN_VALUE_SIZE_MAX a value. The connection has
 * been registered. A code of SQLite. */
enum { FI_SQL_STATEMENT_MAX = 4 << 20 };
int fi_sql_confine(sqlite3 *db, const char *path);

/* Lends a store that the program has open to the connections of its process: those that attach this
 * path take the handle instead of opening the store. A store in memory is lent under a path that
 * does not exist. FIRN_NO_MEMORY. The program takes it back before it closes it: FIRN_BUSY while a
 * connection has it. A store that was not lent is taken back with FIRN_OK. Any thread. */
int fi_sql_store_lend(firn_store *store, const char *path, bool read_only);
int fi_sql_store_undo(firn_store *store);
/* For a program that gives up a store while connections may have it: release(ctx), which closes the
 * store, is called once no connection has it: before this returns, or in the thread that closes the
 * last one. Any thread. */
void fi_sql_store_leave(firn_store *store, void (*release)(void *ctx), void *ctx);

/* The source that all connections of this process ask for what opens an encrypted store; NULL, as
 * at first: nobody is asked. Borrowed for good. Before other threads use this room. */
void fi_sql_store_ask(const firn_keys_source *source);

/* ==== statements that define tables (sql_prepare.c): for programs that run statements ==== */

/* Prepares the first statement of a text; *out_rest is what follows it. CREATE TABLE, CREATE INDEX,
 * CREATE KEYSPACE, ALTER TABLE, DROP TABLE and DROP INDEX become a call of firn_create, and
 * *out_is_definition is true, unless they say TEMP or a database of SQLite's (main, one of ATTACH),
 * or name a table or an index of the connection's own. So do CREATE VIEW and CREATE TRIGGER without
 * either, which firn_create refuses, if the main database is in memory: they would be gone with it.
 * Returns a code of SQLite. */
int fi_sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **out, const char **out_rest,
                   bool *out_is_definition);

/* Whether a search found that a graph of an index of vectors is damaged, since this was last asked,
 * and for the first time in its store. Its results are exact all the same. (sql_vectors.c) */
bool fi_sql_vectors_take_damage(sqlite3 *db);

/* ==== statements that a scan of firn answers (sql_query.c): for programs that run statements
 * ==== */

struct fi_sql_query;

/* Why SQLite has to answer a statement. */
struct fi_sql_query_reason {
    char text[160];
};

/* Recognises a statement that was prepared, with the values that are bound to it, on a connection
 * that firn is registered with. *out is NULL where SQLite has to answer it, and reason says why.
 * Returns a code of SQLite; only memory that ran out is a failure. Release *out with
 * fi_sql_query_close, before the connection. */
int fi_sql_query_open(sqlite3 *db, sqlite3_stmt *statement, struct fi_sql_query **out,
                      struct fi_sql_query_reason *reason);
/* The statement over the groups, to be stepped and read; its columns are called as those of the
 * statement. Owned by the query. */
sqlite3_stmt *fi_sql_query_statement(struct fi_sql_query *query);
/* Whether stepping failed because the scan found what only SQLite can answer; then, unless rows
 * have come, the statement itself is to be stepped. */
bool fi_sql_query_is_declined(const struct fi_sql_query *query);
/* What the scan is: "scan of goods: select …; where …; group by …". Of sqlite3_malloc; NULL: memory
 * ran out. */
char *fi_sql_query_describe(const struct fi_sql_query *query);
/* NULL is fine. */
void fi_sql_query_close(struct fi_sql_query *query);

#endif
