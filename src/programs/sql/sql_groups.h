/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_groups.h: the groups of a scan as a virtual table. What sql_query.c and sql_groups.c share.
 */
#ifndef FIRN_SQL_GROUPS_H
#define FIRN_SQL_GROUPS_H

#include "sql/sql_parse.h"

/* A statement that was recognised. */
struct firn_sql_query {
    struct firn_sql *sql;
    struct firn_sql_store *store; /* a reference */
    char *table;                  /* firn's name */
    char *definition;             /* what the statement was recognised by */
    struct firn_sql_parse_query parsed;
    sqlite3_stmt *outer;
    bool is_declined;
};

/* The type of the pointer to a query that firn_groups takes. */
extern const char firn_sql_groups_pointer[];

/* Opens the table of a query as the view has it, with its definition as text, which is released with firn_release. */
int firn_sql_groups_open_table(const struct firn_sql_query *query, const struct firn_sql_view *view,
                               firn_table **out_table, char **out_definition, firn_error *err);
/* Registers firn_groups. A code of SQLite. */
int firn_sql_groups_register(struct firn_sql *sql);

#endif
