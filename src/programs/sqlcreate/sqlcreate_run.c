/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlcreate/sqlcreate_run.c: statements that make and change tables are done, after sqlcreate.c has
 * read them.
 *
 * Each is a commit of its own. IF EXISTS and IF NOT EXISTS are judged by what the library says: a
 * name that is taken, or that is not there, is then no failure. An index is looked for before,
 * because FIRN_EXISTS may also mean that two rows have the same values.
 */
#include "sqlcreate/sqlcreate.h"
#include "sqlvalue/sqlvalue.h"
#include "term/term_try.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

static int
create_table(const struct fi_sqlcreate *create, firn_store *store, firn_error *err)
{
    assert(create->definition != NULL);
    firn_table_def *def = NULL;
    int rc = firn_table_def_parse(create->definition, &def, err);
    if (rc == FIRN_OK) {
        rc = firn_table_create(store, create->table, def, NULL, err);
    }
    firn_release(def);
    return rc;
}

static int
has_index(firn_table *table, const char *name, bool *out, firn_error *err)
{
    firn_table_def *def = NULL;
    char *text = NULL;
    int rc = firn_table_describe(table, NULL, NULL, &text, err);
    rc = rc == FIRN_OK ? firn_table_def_parse(text, &def, err) : rc;
    for (size_t i = 0; rc == FIRN_OK && i < def->index_count; i++) {
        *out = *out || strcmp(def->indexes[i].name, name) == 0;
    }
    firn_release(def);
    firn_release(text);
    return rc;
}

static int
create_index(const struct fi_sqlcreate *create, firn_table *table, firn_error *err)
{
    assert(create->column_count >= 1 && create->name != NULL);
    bool exists = false;
    int rc = create->may_exist ? has_index(table, create->name, &exists, err) : FIRN_OK;
    if (rc != FIRN_OK || exists) {
        return rc;
    }
    const firn_table_index index = {.name = create->name,
                                    .columns = (const char *const *)create->columns,
                                    .column_count = create->column_count,
                                    .is_unique = create->is_unique};
    return firn_table_add_index(table, &index, err);
}

static int
add_column(const struct fi_sqlcreate *create, firn_table *table, firn_error *err)
{
    assert(create->definition != NULL);
    firn_table_def *def = NULL;
    int rc;
    FI_TRY_OUT(rc, firn_table_def_parse(create->definition, &def, err));
    if (def->column_count != 2 || def->index_count > 0 || def->columns[1].is_auto) {
        FI_TRY_OUT(rc, fi_sqlvalue_error(err, FIRN_INVALID,
                                         "a column that is added has no key and no index"));
    }
    rc = firn_table_add_column(table, &def->columns[1], err);
out:
    firn_release(def);
    return rc;
}

static int
sqlcreate_run_drop(const struct fi_sqlcreate *create, firn_store *store, firn_error *err)
{
    int rc = firn_table_drop(store, create->table, err);
    /* Or a keyspace. */
    return rc == FIRN_INVALID ? firn_keyspace_drop(store, create->table, err) : rc;
}

static int
change_table(const struct fi_sqlcreate *create, firn_store *store, firn_error *err)
{
    assert(create->table != NULL);
    firn_table *table = NULL;
    FI_TRY_RETURN(firn_table_open(store, create->table, &table, err));
    switch (create->kind) {
    case FI_SQLCREATE_INDEX:
        return create_index(create, table, err);
    case FI_SQLCREATE_ADD_COLUMN:
        return add_column(create, table, err);
    case FI_SQLCREATE_DROP_COLUMN:
        return firn_table_drop_column(table, create->name, err);
    case FI_SQLCREATE_RENAME_COLUMN:
        return firn_table_rename_column(table, create->name, create->new_name, err);
    default:
        assert(create->kind == FI_SQLCREATE_DROP_INDEX);
        return firn_table_drop_index(table, create->name, err);
    }
}

static int
create_keyspace(const struct fi_sqlcreate *create, firn_store *store, firn_error *err)
{
    firn_keyspace_options options = FIRN_KEYSPACE_OPTIONS_INIT;
    firn_keyspace *keyspace;
    options.fail_if_exists = !create->may_exist;
    return firn_keyspace_open(store, create->table, &options, &keyspace, err);
}

int
fi_sqlcreate_run(const struct fi_sqlcreate *create, firn_store *store, firn_error *err)
{
    assert(create->table != NULL);
    int rc;
    switch (create->kind) {
    case FI_SQLCREATE_TABLE:
        rc = create_table(create, store, err);
        break;
    case FI_SQLCREATE_KEYSPACE:
        rc = create_keyspace(create, store, err);
        break;
    case FI_SQLCREATE_DROP_TABLE:
        rc = sqlcreate_run_drop(create, store, err);
        break;
    default:
        rc = change_table(create, store, err);
    }
    if (create->kind == FI_SQLCREATE_INDEX) {
        return rc; /* that rows have the same values is FIRN_EXISTS, too */
    }
    bool is_drop =
        create->kind == FI_SQLCREATE_DROP_TABLE || create->kind == FI_SQLCREATE_DROP_INDEX;
    return create->may_exist && rc == (is_drop ? FIRN_NOT_FOUND : FIRN_EXISTS) ? FIRN_OK : rc;
}
