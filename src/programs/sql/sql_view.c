/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_view.c: which state a statement reads, and the transaction of a connection.
 *
 * Outside of BEGIN … COMMIT a statement reads one snapshot, however many cursors it has: cursors
 * that are open at the same time share it, and the last one closes it. A commit of this connection
 * ends the sharing, so that the next statement sees what was written; those that are running go on
 * with what they have.
 *
 * Inside of a transaction everything is read in a transaction of firn, one for each store, begun
 * when the store is first used. SQLite tells a virtual table of a transaction (xBegin, xCommit,
 * xRollback, savepoints) only after the first statement that writes to it. So the first statement
 * that reads writes, too: to a virtual table of the temporary schema without rows,
 * firn_transaction, of which it deletes nothing. Where that is refused (PRAGMA query_only), each
 * statement reads by itself; so does a CREATE TABLE AS that is the first to read, because that
 * table cannot be made inside of it.
 *
 * A commit is made in xSync, which may fail, before SQLite commits its own databases: firn's
 * changes and theirs are not one atomic step, and neither are those of two stores. xSync never
 * returns SQLITE_BUSY itself: SQLite would keep its transaction open, but firn's has ended.
 *
 * Savepoints have numbers in SQLite, and every virtual table that was written to is told of each; a
 * table that joins later is told of the innermost one only. Here they are kept once for the
 * connection:
 * (I1) levels are ascending; a level that is there already was told by another table.
 * (I2) marks[i] of each transaction is its savepoint for levels[i]; one that was begun later has
 *      the same savepoint, its beginning, for all levels up to then. (Not checked: firn_txn_release
 *      and firn_txn_rollback_to refuse a savepoint that is not there.)
 * (I3) a level that is not there was set before the transaction began: rolling back to it undoes
 *      all of that. So what a table is told when it joins is not noted: the savepoint may be older
 *      than what other tables have written. One that could not be set is not there either; SQLite
 *      goes back to it at once, and nothing was written meanwhile.
 *
 * Readers: a scan in a transaction must be gone when that ends, but SQLite lets statements read on
 * after COMMIT. So they register, and are told to fetch what is left.
 *
 * Locking: all of it is under the mutex of the connection.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

#define PIN "firn_transaction"

struct fi_sql_shot {
    firn_snapshot *snapshot;
    uint64_t serial;
    size_t ref_count;
};

/* ---- the transaction of a store ---- */

static int
begin_txn(struct fi_sql_store *store, firn_error *err)
{
    const struct fi_sql *sql = store->sql;
    assert(sql->in_transaction && store->txn == NULL);
    int rc = store->read_only ? firn_store_refresh(store->store, err) : FIRN_OK;
    rc = rc == FIRN_OK ? firn_txn_begin(store->store, NULL, &store->txn, err) : rc;
    if (rc == FIRN_OK) {
        rc = firn_txn_savepoint(store->txn, &store->base, err);
        for (size_t i = 0; i < sql->level_count; i++) {
            store->marks[i] = store->base; /* (I2) */
        }
    }
    if (rc != FIRN_OK) {
        firn_txn_close(store->txn);
        store->txn = NULL;
    }
    return rc;
}

int
fi_sql_view_write(struct fi_sql_store *store, firn_txn **out, firn_error *err)
{
    assert(store->sql->in_transaction);
    *out = NULL;
    if (store->read_only) {
        return fi_sqlvalue_error(err, FIRN_READ_ONLY, "the store '%s' %s", store->name,
                                 store->at != NULL ? "is attached at a checkpoint"
                                                   : "is attached read-only");
    }
    int rc = store->txn == NULL ? begin_txn(store, err) : FIRN_OK;
    store->sql->joining = NULL;
    *out = store->txn;
    return rc;
}

static int
detach_readers(struct fi_sql_store *store, bool keep, firn_error *err)
{
    int rc = FIRN_OK;
    while (store->readers != NULL && rc == FIRN_OK) {
        struct fi_sql_reader *reader = store->readers;
        rc = reader->detach(reader, keep, err);
        fi_sql_view_unlink(reader);
    }
    return rc;
}

static void
end_txn(struct fi_sql_store *store)
{
    firn_error ignored;
    if (store->txn != NULL) {
        (void)detach_readers(store, false, &ignored);
        firn_txn_close(store->txn);
        store->txn = NULL;
    }
}

void
fi_sql_view_close(struct fi_sql_store *store)
{
    end_txn(store);
    assert(store->shot == NULL && store->readers == NULL);
}

static int
commit_txn(struct fi_sql_store *store, firn_error *err)
{
    assert(store->txn != NULL);
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.durability = store->durability;
    int rc = detach_readers(store, true, err);
    if (rc == FIRN_OK) {
        rc = firn_txn_commit(store->txn, &options, err);
    }
    end_txn(store);
    fi_sql_view_renew(store);
    return rc;
}

/* ---- what SQLite tells ---- */

int
fi_sql_view_begin(struct fi_sql *sql, const sqlite3_vtab *table)
{
    sql->joining = table;
    if (!sql->in_transaction) {
        sql->in_transaction = true;
        sql->level_count = 0;
    }
    return SQLITE_OK;
}

int
fi_sql_view_sync(struct fi_sql *sql, sqlite3_vtab *table)
{
    for (struct fi_sql_store *store = sql->stores; store != NULL; store = store->next) {
        firn_error err;
        if (store->txn != NULL && commit_txn(store, &err) != FIRN_OK) {
            int rc = fi_sql_fail_table(table, &err);
            if (err.code == FIRN_CONFLICT) {
                sqlite3_free(table->zErrMsg);
                table->zErrMsg =
                    sqlite3_mprintf("conflict, run the transaction again: %s", err.text);
            }
            return rc == SQLITE_BUSY ? SQLITE_BUSY_SNAPSHOT : rc;
        }
    }
    return SQLITE_OK;
}

static int
end_all(struct fi_sql *sql)
{
    for (struct fi_sql_store *store = sql->stores; store != NULL; store = store->next) {
        end_txn(store);
    }
    sql->in_transaction = false;
    sql->level_count = 0;
    sql->unset_level = 0;
    return SQLITE_OK;
}

int
fi_sql_view_commit(struct fi_sql *sql)
{
    return end_all(sql);
}

int
fi_sql_view_rollback(struct fi_sql *sql)
{
    return end_all(sql);
}

int
fi_sql_view_savepoint(struct fi_sql *sql, int level, sqlite3_vtab *table)
{
    assert(sql->level_count <= FI_SQL_LEVELS_MAX);
    firn_error err;
    sql->unset_level = 0;
    if (sql->joining == table) {
        sql->joining = NULL;
        return SQLITE_OK; /* (I3) */
    }
    if (sql->level_count > 0 && sql->levels[sql->level_count - 1] >= level) {
        return SQLITE_OK; /* (I1) */
    }
    if (sql->level_count == FI_SQL_LEVELS_MAX) {
        sql->unset_level = level + 1;
        fi_sqlvalue_error(&err, FIRN_LIMIT, "more than %d savepoints in each other",
                          FI_SQL_LEVELS_MAX);
        return fi_sql_fail_table(table, &err);
    }
    size_t at = sql->level_count;
    for (struct fi_sql_store *store = sql->stores; store != NULL; store = store->next) {
        if (store->txn != NULL &&
            firn_txn_savepoint(store->txn, &store->marks[at], &err) != FIRN_OK) {
            sql->unset_level = level + 1;
            return fi_sql_fail_table(table, &err);
        }
    }
    assert(at == 0 || sql->levels[at - 1] < level); /* (I1) */
    sql->levels[at] = level;
    sql->level_count++;
    return SQLITE_OK;
}

int
fi_sql_view_free(struct fi_sql *sql, int level, sqlite3_vtab *table)
{
    assert(sql->level_count <= FI_SQL_LEVELS_MAX);
    while (sql->level_count > 0 && sql->levels[sql->level_count - 1] >= level) {
        size_t at = --sql->level_count;
        for (struct fi_sql_store *store = sql->stores; store != NULL; store = store->next) {
            firn_error err;
            bool is_shared = store->marks[at] == store->base;
            if (store->txn != NULL && !is_shared &&
                firn_txn_release(store->txn, store->marks[at], &err) != FIRN_OK) {
                return fi_sql_fail_table(table, &err);
            }
        }
    }
    return SQLITE_OK;
}

int
fi_sql_view_rollback_to(struct fi_sql *sql, int level, sqlite3_vtab *table)
{
    assert(sql->level_count <= FI_SQL_LEVELS_MAX);
    size_t at = 0;
    while (at < sql->level_count && sql->levels[at] < level) {
        at++;
    }
    bool is_known = at < sql->level_count && sql->levels[at] == level;
    /* SQLite has level -1 for a savepoint that began the transaction. */
    if (!is_known && level >= 0 && sql->unset_level == level + 1) {
        return SQLITE_OK; /* (I3) */
    }
    assert(is_known || at == 0); /* (I3) */
    for (struct fi_sql_store *store = sql->stores; store != NULL; store = store->next) {
        firn_error err;
        if (!is_known) {
            store->marks[at] = store->base; /* (I3) */
        }
        if (store->txn != NULL &&
            firn_txn_rollback_to(store->txn, store->marks[at], &err) != FIRN_OK) {
            return fi_sql_fail_table(table, &err);
        }
    }
    sql->levels[at] = level;
    sql->level_count = at + 1;
    return SQLITE_OK;
}

/* ---- the table that begins transactions ---- */

struct pin {
    sqlite3_vtab base;
    struct fi_sql *sql;
};

static int
pin_connect(sqlite3 *db, void *client, int count, const char *const *values, sqlite3_vtab **out,
            char **text)
{
    (void)count;
    firn_error err;
    if (fi_sql_effect_check_schema(values[0], values[1], &err) != FIRN_OK) {
        *text = sqlite3_mprintf("%s", err.text);
        return fi_sql_code(err.code);
    }
    struct pin *pin = sqlite3_malloc64(sizeof *pin);
    if (pin == NULL) {
        return SQLITE_NOMEM;
    }
    memset(pin, 0, sizeof *pin);
    pin->sql = client;
    int rc = sqlite3_declare_vtab(db, "CREATE TABLE x(unused)");
    if (rc != SQLITE_OK) {
        sqlite3_free(pin);
        return rc;
    }
    *out = &pin->base;
    return SQLITE_OK;
}

static int
pin_create(sqlite3 *db, void *client, int count, const char *const *values, sqlite3_vtab **out,
           char **text)
{
    /* What is created belongs to the transaction without a call of xBegin. */
    FI_TRY_RETURN(pin_connect(db, client, count, values, out, text));
    (void)fi_sql_view_begin(client, NULL);
    return SQLITE_OK;
}

static int
pin_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

static int
pin_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedRows = 1;
    info->estimatedCost = 1;
    return SQLITE_OK;
}

static int
pin_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    *out = sqlite3_malloc64(sizeof **out);
    return *out != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

static int
pin_close(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int
pin_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int count,
           sqlite3_value **values)
{
    (void)cursor;
    (void)number;
    (void)text;
    (void)count;
    (void)values;
    return SQLITE_OK;
}

static int
pin_next(sqlite3_vtab_cursor *cursor)
{
    (void)cursor;
    return SQLITE_OK;
}

static int
pin_eof(sqlite3_vtab_cursor *cursor)
{
    (void)cursor;
    return 1;
}

static int
pin_column(sqlite3_vtab_cursor *cursor, sqlite3_context *ctx, int column)
{
    (void)cursor;
    (void)column;
    sqlite3_result_null(ctx);
    return SQLITE_OK;
}

static int
pin_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    (void)cursor;
    *out = 0;
    return SQLITE_OK;
}

static int
pin_update(sqlite3_vtab *table, int count, sqlite3_value **values, sqlite3_int64 *out)
{
    (void)count;
    (void)values;
    (void)out;
    table->zErrMsg = sqlite3_mprintf("the table " PIN " is firn's own and has no rows");
    return SQLITE_READONLY;
}

static int
pin_begin(sqlite3_vtab *table)
{
    return fi_sql_view_begin(((struct pin *)table)->sql, table);
}

static int
pin_sync(sqlite3_vtab *table)
{
    return fi_sql_view_sync(((struct pin *)table)->sql, table);
}

static int
pin_commit(sqlite3_vtab *table)
{
    return fi_sql_view_commit(((struct pin *)table)->sql);
}

static int
pin_rollback(sqlite3_vtab *table)
{
    return fi_sql_view_rollback(((struct pin *)table)->sql);
}

static int
pin_savepoint(sqlite3_vtab *table, int level)
{
    return fi_sql_view_savepoint(((struct pin *)table)->sql, level, table);
}

static int
pin_release(sqlite3_vtab *table, int level)
{
    return fi_sql_view_free(((struct pin *)table)->sql, level, table);
}

static int
pin_rollback_to(sqlite3_vtab *table, int level)
{
    return fi_sql_view_rollback_to(((struct pin *)table)->sql, level, table);
}

static const sqlite3_module pin_module = {.iVersion = 2,
                                          .xCreate = pin_create,
                                          .xConnect = pin_connect,
                                          .xBestIndex = pin_best_index,
                                          .xDisconnect = pin_disconnect,
                                          .xDestroy = pin_disconnect,
                                          .xOpen = pin_open,
                                          .xClose = pin_close,
                                          .xFilter = pin_filter,
                                          .xNext = pin_next,
                                          .xEof = pin_eof,
                                          .xColumn = pin_column,
                                          .xRowid = pin_rowid,
                                          .xUpdate = pin_update,
                                          .xBegin = pin_begin,
                                          .xSync = pin_sync,
                                          .xCommit = pin_commit,
                                          .xRollback = pin_rollback,
                                          .xSavepoint = pin_savepoint,
                                          .xRelease = pin_release,
                                          .xRollbackTo = pin_rollback_to};

int
fi_sql_view_register(struct fi_sql *sql)
{
    return fi_sql_module(sql, PIN, &pin_module);
}

/* Has SQLite tell of the end of the transaction that it is in. */
static void
pin_transaction(struct fi_sql *sql)
{
    assert(!sql->in_transaction);
    static const char nothing[] = "DELETE FROM temp." PIN " WHERE 0";
    /* SQLite has the schema in its hands in a CREATE TABLE AS: making another table would abort
     * it. */
    if (sqlite3_exec(sql->db, nothing, NULL, NULL, NULL) != SQLITE_OK &&
        !fi_sql_effect_is_create(sql) &&
        sqlite3_exec(sql->db, "CREATE VIRTUAL TABLE IF NOT EXISTS temp." PIN " USING " PIN, NULL,
                     NULL, NULL) == SQLITE_OK) {
        (void)sqlite3_exec(sql->db, nothing, NULL, NULL, NULL);
    }
}

/* ---- what a statement reads ---- */

static int
take_shot(struct fi_sql_store *store, struct fi_sql_view *out, firn_error *err)
{
    assert(!store->sql->in_transaction && store->snapshot == NULL);
    if (store->shot == NULL) {
        struct fi_sql_shot *shot = sqlite3_malloc64(sizeof *shot);
        if (shot == NULL) {
            return fi_sqlvalue_no_memory(err);
        }
        memset(shot, 0, sizeof *shot);
        int rc = store->read_only ? firn_store_refresh(store->store, err) : FIRN_OK;
        rc = rc == FIRN_OK ? firn_snapshot_open(store->store, NULL, &shot->snapshot, err) : rc;
        if (rc != FIRN_OK) {
            sqlite3_free(shot);
            return rc;
        }
        shot->serial = 1 + ++store->shot_count;
        store->shot = shot;
    }
    store->shot->ref_count++;
    out->shot = store->shot;
    out->snapshot = store->shot->snapshot;
    out->serial = store->shot->serial;
    return FIRN_OK;
}

int
fi_sql_view_take(struct fi_sql_store *store, struct fi_sql_view *out, firn_error *err)
{
    struct fi_sql *sql = store->sql;
    *out = (struct fi_sql_view){.snapshot = store->snapshot};
    if (store->snapshot != NULL) {
        out->serial = 1; /* always the same */
        return FIRN_OK;
    }
    if (!sql->in_transaction && sqlite3_get_autocommit(sql->db) == 0) {
        pin_transaction(sql);
    }
    if (!sql->in_transaction) {
        return take_shot(store, out, err);
    }
    int rc = store->txn == NULL ? begin_txn(store, err) : FIRN_OK;
    out->txn = store->txn;
    return rc;
}

bool
fi_sql_view_is_current(const struct fi_sql_store *store, const struct fi_sql_view *view)
{
    if (store->snapshot != NULL) {
        return view->snapshot == store->snapshot;
    }
    if (store->sql->in_transaction || sqlite3_get_autocommit(store->sql->db) == 0) {
        return view->txn != NULL && view->txn == store->txn;
    }
    return view->shot != NULL && view->shot == store->shot;
}

void
fi_sql_view_release(struct fi_sql_store *store, struct fi_sql_view *view)
{
    struct fi_sql_shot *shot = view->shot;
    if (shot != NULL) {
        assert(shot->ref_count > 0);
        if (--shot->ref_count == 0) {
            if (store->shot == shot) {
                store->shot = NULL;
            }
            firn_snapshot_close(shot->snapshot);
            sqlite3_free(shot);
        }
    }
    *view = (struct fi_sql_view){.txn = NULL};
}

void
fi_sql_view_renew(struct fi_sql_store *store)
{
    store->shot = NULL; /* who has it closes it */
}

void
fi_sql_view_link(struct fi_sql_store *store, struct fi_sql_reader *reader)
{
    assert(reader->link == NULL && reader->detach != NULL);
    reader->next = store->readers;
    reader->link = &store->readers;
    if (reader->next != NULL) {
        reader->next->link = &reader->next;
    }
    store->readers = reader;
}

void
fi_sql_view_unlink(struct fi_sql_reader *reader)
{
    assert(reader->link == NULL || *reader->link == reader);
    if (reader->link != NULL) {
        *reader->link = reader->next;
        if (reader->next != NULL) {
            reader->next->link = reader->link;
        }
        reader->link = NULL;
        reader->next = NULL;
    }
}
