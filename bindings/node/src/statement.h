/* SPDX-License-Identifier: Apache-2.0
 *
 * statement.h: what handle.c needs of SQL.
 */
#ifndef FIRN_NODE_STATEMENT_H
#define FIRN_NODE_STATEMENT_H

#include <firn/firn.h>

struct sql_connection;
struct sql_statement;

/* Closes a connection, whose statements are closed already. */
void sql_connection_close(struct sql_connection *connection);
void sql_statement_close(struct sql_statement *statement);
/* Takes a store back that was lent to connections, before it is closed. FIRN_BUSY while one of them has it attached. err may be
 * NULL. */
int sql_take_back(firn_store *store, firn_error *err);

#endif
