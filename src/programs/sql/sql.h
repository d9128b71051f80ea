/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql.h: tables and keyspaces of firn's stores in SQLite. Documentation for users: docs/sql.md.
 */
#ifndef FIRN_SQL_H
#define FIRN_SQL_H

#include <sqlite3.h>

/* Registers firn's functions and modules with a connection; a second call changes nothing. A code of SQLite;
 * SQLITE_ERROR, and the connection's text, for a SQLite that is older than 3.38. What is registered goes with the
 * connection. Threads: as the connection's. */
int firn_sql_register(sqlite3 *db);

#endif
