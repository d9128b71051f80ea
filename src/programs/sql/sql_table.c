/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_table.c: the module "firn": a table of a store as a virtual table.
 *
 *     CREATE VIRTUAL TABLE temp.people USING firn('app.firn', 'people', at=before)
 *
 * SQLite is told of the columns when the virtual table is made or connected. It has to know how
 * rows are named that it changes (enum fi_sql_identity); for a key of several columns that is a
 * hidden column which has them as one blob.
 *
 * A table that is changed elsewhere is noticed now and then (fi_sql_known_check). Columns are
 * asked for by their names, so a statement that was prepared before goes on, unless it uses a
 * column that is gone.
 *
 * Dropping the virtual table drops nothing of the store.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

/* ---- the definition ---- */

static size_t
column_named(const firn_table_def *def, const char *name)
{
    size_t i = 0;
    while (i < def->column_count && strcmp(def->columns[i].name, name) != 0) {
        i++;
    }
    assert(i < def->column_count);
    return i;
}

static int
list_orders(struct fi_sql_table *table, firn_error *err)
{
    assert(table->orders == NULL && table->def != NULL);
    const firn_table_def *def = table->def;
    table->orders = sqlite3_malloc64((def->index_count + 1) * sizeof table->orders[0]);
    if (table->orders == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    table->order_count = def->index_count + 1;
    for (size_t i = 0; i < table->order_count; i++) {
        const firn_table_index *index = i == 0 ? NULL : &def->indexes[i - 1];
        struct fi_sql_order *order = &table->orders[i];
        const char *const *names = index != NULL ? index->columns : def->key;
        order->name = index != NULL ? index->name : NULL;
        order->is_unique = index == NULL || index->is_unique;
        order->count = index != NULL ? index->column_count : def->key_count;
        for (size_t k = 0; k < order->count; k++) {
            order->columns[k] = (uint32_t)column_named(def, names[k]);
        }
    }
    return FIRN_OK;
}

static enum fi_sql_identity
identity_of(const struct fi_sql_table *table)
{
    assert(table->orders != NULL && table->orders[0].count >= 1);
    return table->orders[0].count > 1
               ? FI_SQL_BY_BLOB
               : fi_sql_table_identity(table->def->columns[table->orders[0].columns[0]].type);
}

enum fi_sql_identity
fi_sql_table_identity(firn_type type)
{
    switch (fi_type_class_of(type)) {
    case FI_TYPE_CLASS_SIGNED:
    case FI_TYPE_CLASS_UNSIGNED:
        return type != FIRN_TYPE_U64 ? FI_SQL_BY_ROWID : FI_SQL_BY_BLOB;
    case FI_TYPE_CLASS_BOOL:
    case FI_TYPE_CLASS_TIME:
    case FI_TYPE_CLASS_TEXT:
    case FI_TYPE_CLASS_BLOB:
    case FI_TYPE_CLASS_FIXED:
        return FI_SQL_BY_COLUMN;
    case FI_TYPE_CLASS_NULL:
    case FI_TYPE_CLASS_FLOAT:
    case FI_TYPE_CLASS_DECIMAL:
    case FI_TYPE_CLASS_VECTOR:
        break;
    }
    return FI_SQL_BY_BLOB; /* what SQLite shows may be of two keys */
}

static int
open_table(struct fi_sql_table *table, const struct fi_sql_connecting *in, firn_error *err)
{
    (void)in;
    struct fi_sql_store *store = table->store;
    FI_TRY_RETURN(
        store->snapshot != NULL
            ? firn_snapshot_table_open(store->snapshot, table->table_name, &table->table, err)
            : firn_table_open(store->store, table->table_name, &table->table, err));
    FI_TRY_RETURN(firn_table_describe(table->table, NULL, store->snapshot, &table->text, err));
    FI_TRY_RETURN(firn_table_def_parse(table->text, &table->def, err));
    for (size_t i = 0; i < table->def->column_count; i++) {
        table->has_vectors = table->has_vectors || table->def->columns[i].type == FIRN_TYPE_VECTOR;
    }
    FI_TRY_RETURN(list_orders(table, err));
    const firn_table_column *key = &table->def->columns[table->orders[0].columns[0]];
    table->identity = identity_of(table);
    table->hides_key =
        table->identity == FI_SQL_BY_ROWID && key->is_auto && strcmp(key->name, "rowid") == 0;
    table->generation = fi_sql_store_generation(store);
    table->checked_ms = fi_sql_known_ms();
    return FIRN_OK;
}

static bool
is_in_key(const struct fi_sql_table *table, size_t column)
{
    size_t i = 0;
    while (i < table->orders[0].count && table->orders[0].columns[i] != column) {
        i++;
    }
    return i < table->orders[0].count;
}

static char *
declaration_of(const struct fi_sql_table *table)
{
    assert(table->order_count >= 1);
    const firn_table_def *def = table->def;
    const uint32_t key = table->orders[0].columns[0];
    sqlite3_str *text = sqlite3_str_new(fi_sql_db(table->store->sql));
    sqlite3_str_appendall(text, "CREATE TABLE x(");
    for (size_t i = 0; i < def->column_count; i++) {
        char type[48];
        char name[FI_SQLTEXT_NAME_SIZE];
        bool is_key = table->identity != FI_SQL_BY_BLOB && i == key;
        bool is_not_null = def->columns[i].not_null || is_in_key(table, i);
        fi_sqlvalue_type(&def->columns[i], type);
        sqlite3_str_appendall(text, i > 0 ? ", " : "");
        fi_sqlparse_column_name(def, i, name);
        sqlite3_str_appendf(text, "\"%w\" %s%s%s%s", name,
                            is_key && table->identity == FI_SQL_BY_ROWID ? "INTEGER" : type,
                            is_key && table->hides_key ? " HIDDEN" : "",
                            is_not_null ? " NOT NULL" : "", is_key ? " PRIMARY KEY" : "");
    }
    if (table->identity == FI_SQL_BY_BLOB) {
        char name[16] = "firn_key";
        for (size_t i = 0; i < def->column_count; i++) {
            if (sqlite3_stricmp(def->columns[i].name, name) == 0 &&
                strlen(name) + 1 < sizeof name) {
                name[strlen(name)] = '_';
                i = SIZE_MAX; /* from the first one */
            }
        }
        sqlite3_str_appendf(text, ", %s BLOB HIDDEN NOT NULL PRIMARY KEY", name);
    }
    fi_sql_vectors_declare(table, text);
    sqlite3_str_appendall(text, table->identity == FI_SQL_BY_ROWID ? ")" : ") WITHOUT ROWID");
    return sqlite3_str_finish(text);
}

/* ---- connecting ---- */

int
fi_sql_table_disconnect(sqlite3_vtab *vtab)
{
    struct fi_sql_table *table = (struct fi_sql_table *)vtab;
    struct fi_sql_table **at = table->store != NULL ? &table->store->tables : NULL;
    while (at != NULL && *at != NULL && *at != table) {
        at = &(*at)->next;
    }
    if (table->store != NULL) {
        fi_sql_keep_forget(table);
    }
    if (at != NULL && *at != NULL) {
        *at = table->next;
        if (table->store->tables == NULL && table->store->is_detached) {
            fi_sql_store_remove(table->store);
        }
    }
    fi_sql_cursor_destroy(table->spare);
    fi_sql_store_unref(table->store);
    sqlite3_free(table->schema);
    sqlite3_free(table->name);
    sqlite3_free(table->table_name);
    sqlite3_free(table->orders);
    firn_release(table->text);
    firn_release(table->def);
    firn_release(table->stats);
    fi_sql_update_deinit(table);
    sqlite3_free(table->insert);
    fi_sqlvalue_dates_destroy(table->dates);
    fi_sqlvalue_texts_destroy(table->texts);
    sqlite3_free(table);
    return SQLITE_OK;
}

static int
take_arguments(struct fi_sql_table *table, const struct fi_sql_connecting *in, firn_error *err)
{
    assert(in->count >= 3);
    const char *const *arguments = in->arguments;
    if (in->count < 5) {
        return fi_sqlvalue_error(err, FIRN_INVALID, "say which one: USING %s('STORE', 'NAME')",
                                 arguments[0]);
    }
    for (int i = 5; i < in->count; i++) {
        /* Reading the schema of a database must not make a store. */
        if (sqlite3_stricmp(arguments[i], "create") == 0) {
            return fi_sqlvalue_error(err, FIRN_INVALID, "the option 'create' is firn_attach's");
        }
    }
    char *path = fi_sql_store_unquote(arguments[3]);
    table->schema = sqlite3_mprintf("%s", arguments[1]);
    table->name = sqlite3_mprintf("%s", arguments[2]);
    table->table_name = fi_sql_store_unquote(arguments[4]);
    int rc = FIRN_OK;
    if (path == NULL || table->schema == NULL || table->name == NULL || table->table_name == NULL) {
        rc = fi_sqlvalue_no_memory(err);
    }
    if (rc == FIRN_OK) {
        rc = fi_sql_store_open(in->sql, in->namer, path, in->count - 5, arguments + 5,
                               &table->store, err);
    }
    sqlite3_free(path);
    return rc;
}

static int
sql_table_declare(struct fi_sql_table *table, const char *declaration, char **text)
{
    assert(table->def != NULL);
    sqlite3 *db = fi_sql_db(table->store->sql);
    int rc = declaration != NULL ? sqlite3_declare_vtab(db, declaration) : SQLITE_NOMEM;
    if (rc == SQLITE_OK) {
        rc = sqlite3_vtab_config(db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
    }
    /* A view or trigger of a database that was made by someone else must not reach a store of this
     * user. */
    if (rc == SQLITE_OK && sqlite3_stricmp(table->schema, "temp") != 0) {
        rc = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    }
    if (rc != SQLITE_OK) {
        *text = sqlite3_mprintf("%s", sqlite3_errmsg(db));
        return rc;
    }
    table->next = table->store->tables;
    table->store->tables = table;
    return SQLITE_OK;
}

int
fi_sql_table_connect(const struct fi_sql_table_kind *kind, const struct fi_sql_connecting *in,
                     sqlite3_vtab **out, char **text)
{
    assert(kind->open != NULL && kind->declare != NULL);
    firn_error err;
    struct fi_sql_table *table = sqlite3_malloc64(sizeof *table);
    if (table == NULL) {
        return SQLITE_NOMEM;
    }
    memset(table, 0, sizeof *table);
    int rc = take_arguments(table, in, &err);
    rc = rc == FIRN_OK ? kind->open(table, in, &err) : rc;
    if (rc != FIRN_OK) {
        *text = sqlite3_mprintf("%s", err.text);
        fi_sql_table_disconnect(&table->base);
        return fi_sql_code(rc);
    }
    char *declaration = kind->declare(table);
    rc = sql_table_declare(table, declaration, text);
    sqlite3_free(declaration);
    if (rc != SQLITE_OK) {
        fi_sql_table_disconnect(&table->base);
        return rc;
    }
    *out = &table->base;
    return SQLITE_OK;
}

enum fi_sql_store_namer
fi_sql_table_namer(const struct fi_sql *sql)
{
    return fi_sql_effect_is_create(sql) ? FI_SQL_BY_PROGRAM : FI_SQL_BY_SCHEMA;
}

int
fi_sql_table_create(const struct fi_sql_table_kind *kind, const struct fi_sql_connecting *in,
                    sqlite3_vtab **out, char **text)
{
    FI_TRY_RETURN(fi_sql_table_connect(kind, in, out, text));
    (void)fi_sql_view_begin(in->sql, NULL); /* SQLite does not call xBegin */
    return SQLITE_OK;
}

static const struct fi_sql_table_kind table_kind = {.open = open_table, .declare = declaration_of};

static int
table_connect(sqlite3 *db, void *client, int count, const char *const *arguments,
              sqlite3_vtab **out, char **text)
{
    const struct fi_sql_connecting in = {client, FI_SQL_BY_SCHEMA, count, arguments};
    (void)db;
    return fi_sql_table_connect(&table_kind, &in, out, text);
}

/* Another function than table_connect: the same one would make a table of the module's name in
 * every database. */
static int
table_create(sqlite3 *db, void *client, int count, const char *const *arguments, sqlite3_vtab **out,
             char **text)
{
    const struct fi_sql_connecting in = {client, fi_sql_table_namer(client), count, arguments};
    (void)db;
    return fi_sql_table_create(&table_kind, &in, out, text);
}

/* ---- transactions ---- */

static struct fi_sql *
sql_of(sqlite3_vtab *table)
{
    return ((struct fi_sql_table *)table)->store->sql;
}

int
fi_sql_table_begin(sqlite3_vtab *table)
{
    return fi_sql_view_begin(sql_of(table), table);
}

int
fi_sql_table_sync(sqlite3_vtab *table)
{
    return fi_sql_view_sync(sql_of(table), table);
}

int
fi_sql_table_commit(sqlite3_vtab *table)
{
    return fi_sql_view_commit(sql_of(table));
}

int
fi_sql_table_rollback(sqlite3_vtab *table)
{
    return fi_sql_view_rollback(sql_of(table));
}

int
fi_sql_table_savepoint(sqlite3_vtab *table, int level)
{
    assert(level >= 0);
    return fi_sql_view_savepoint(sql_of(table), level, table);
}

int
fi_sql_table_release(sqlite3_vtab *table, int level)
{
    assert(level >= 0);
    return fi_sql_view_free(sql_of(table), level, table);
}

int
fi_sql_table_rollback_to(sqlite3_vtab *table, int level)
{
    return fi_sql_view_rollback_to(sql_of(table), level, table);
}

int
fi_sql_table_rename(sqlite3_vtab *vtab, const char *name)
{
    assert(name[0] != '\0');
    struct fi_sql_table *table = (struct fi_sql_table *)vtab;
    char *copy = sqlite3_mprintf("%s", name);
    if (copy == NULL) {
        return SQLITE_NOMEM;
    }
    sqlite3_free(table->name);
    table->name = copy;
    return SQLITE_OK;
}

static const sqlite3_module table_module = {.iVersion = 2,
                                            .xCreate = table_create,
                                            .xConnect = table_connect,
                                            .xBestIndex = fi_sql_plan_best,
                                            .xDisconnect = fi_sql_table_disconnect,
                                            .xDestroy = fi_sql_table_disconnect,
                                            .xOpen = fi_sql_cursor_open,
                                            .xClose = fi_sql_cursor_close,
                                            .xFilter = fi_sql_cursor_filter,
                                            .xNext = fi_sql_cursor_next,
                                            .xEof = fi_sql_cursor_eof,
                                            .xColumn = fi_sql_cursor_column,
                                            .xRowid = fi_sql_cursor_rowid,
                                            .xUpdate = fi_sql_update,
                                            .xBegin = fi_sql_table_begin,
                                            .xSync = fi_sql_table_sync,
                                            .xCommit = fi_sql_table_commit,
                                            .xRollback = fi_sql_table_rollback,
                                            .xRename = fi_sql_table_rename,
                                            .xSavepoint = fi_sql_table_savepoint,
                                            .xRelease = fi_sql_table_release,
                                            .xRollbackTo = fi_sql_table_rollback_to};

int
fi_sql_table_register(struct fi_sql *sql)
{
    return fi_sql_module(sql, "firn", &table_module);
}
