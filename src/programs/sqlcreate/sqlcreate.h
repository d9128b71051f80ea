/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlcreate/sqlcreate.h: statements that make and change tables, as firn_create is given them.
 */
#ifndef FIRN_SQLCREATE_SQLCREATE_H
#define FIRN_SQLCREATE_SQLCREATE_H

#include "firn/firn.h"

enum fi_sqlcreate_kind {
    FI_SQLCREATE_TABLE,
    FI_SQLCREATE_INDEX,
    FI_SQLCREATE_KEYSPACE,
    FI_SQLCREATE_ADD_COLUMN,
    FI_SQLCREATE_DROP_COLUMN,
    FI_SQLCREATE_RENAME_COLUMN,
    FI_SQLCREATE_DROP_TABLE,
    FI_SQLCREATE_DROP_INDEX
};

/* What a statement says. */
struct fi_sqlcreate {
    enum fi_sqlcreate_kind kind;
    bool may_exist; /* IF NOT EXISTS, IF EXISTS */
    bool is_unique; /* the index */
    char *store;    /* "app" of app.people; NULL */
    char *table;    /* or keyspace */
    char *name;     /* of the index, or the column */
    char *new_name; /* of the column */
    /* of a table, for firn_table_def_parse; of a column: the second one of a table */
    char *definition;
    char *columns[FIRN_TABLE_KEY_COLUMNS_MAX]; /* of the index */
    size_t column_count;
};

/* Reads CREATE TABLE, CREATE [UNIQUE] INDEX, CREATE KEYSPACE, ALTER TABLE … ADD|DROP|RENAME COLUMN,
 * DROP TABLE|INDEX. FIRN_INVALID says what was not understood. */
int fi_sqlcreate_parse(const char *text, struct fi_sqlcreate *out, firn_error *err);
void fi_sqlcreate_deinit(struct fi_sqlcreate *create);
/* Does it: commits of their own. */
int fi_sqlcreate_run(const struct fi_sqlcreate *create, firn_store *store, firn_error *err);

#endif
