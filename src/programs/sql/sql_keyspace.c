/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_keyspace.c: the module "firn_keyspace": a keyspace as a table of key, value and expires.
 *
 *     CREATE VIRTUAL TABLE temp.sessions USING firn_keyspace('app.firn', 'sessions' [, blob])
 *
 * Keys are TEXT, and values are TEXT where they are UTF-8 without NUL, else BLOB; with the option
 * blob both are BLOB always. Expires is when a value disappears, in milliseconds since 1970, or
 * NULL.
 *
 * To the planner this is a table of one key column whose other columns cannot be asked for anything
 * (struct fi_sql_table with a keyspace): equality, bounds, prefixes and order of the key are
 * pushed down, the rest is SQLite's. A cursor of firn walks the range; one key whose expiry does
 * not matter is got directly.
 *
 * Writing reads the entry first, because SQLite wants to be told of a key that is there already,
 * and an UPDATE that sets one column keeps the other.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <time.h>
SQLITE_EXTENSION_INIT3

enum { KEPT_BYTES_MAX = 256 << 20 };
enum column { KEY, VALUE, EXPIRES };

struct entry {
    struct entry *next;
    size_t key_size;
    size_t value_size;
    uint64_t expires_ms;
    uint8_t bytes[]; /* of key and value */
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct fi_sql_reader reader;
    struct fi_sql_view view;
    struct fi_sql_plan plan;
    firn_cursor *walk; /* NULL: one entry, or those that were kept */
    bool is_aborted;
    struct entry *kept; /* the one where the cursor is, and those after it */
};

static struct fi_sql_table *
table_of(const struct cursor *cursor)
{
    return (struct fi_sql_table *)cursor->base.pVtab;
}

static bool
shows_blobs(const struct fi_sql_table *table)
{
    assert(table->keyspace != NULL);
    return table->def->columns[KEY].type == FIRN_TYPE_BLOB;
}

/* ---- connecting ---- */

static int
open_keyspace(struct fi_sql_table *table, const struct fi_sql_connecting *in, firn_error *err)
{
    struct fi_sql_store *store = table->store;
    firn_keyspace_options options = FIRN_KEYSPACE_OPTIONS_INIT;
    bool is_blob = false;
    options.create_if_missing = false;
    for (int i = 5; i < in->count; i++) {
        is_blob = is_blob || sqlite3_stricmp(in->arguments[i], "blob") == 0;
    }
    FI_TRY_RETURN(
        store->snapshot != NULL
            ? firn_snapshot_keyspace_open(store->snapshot, table->table_name, &table->keyspace, err)
            : firn_keyspace_open(store->store, table->table_name, &options, &table->keyspace, err));
    int rc = firn_table_def_parse(is_blob ? "key blob primary key, value blob, expires i64"
                                          : "key text primary key, value blob, expires i64",
                                  &table->def, err);
    table->orders = rc == FIRN_OK ? sqlite3_malloc64(sizeof table->orders[0]) : NULL;
    if (rc == FIRN_OK && table->orders == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    if (rc == FIRN_OK) {
        table->orders[0] = (struct fi_sql_order){.is_unique = true, .count = 1, .columns = {KEY}};
        table->order_count = 1;
        table->identity = FI_SQL_BY_COLUMN;
    }
    return rc;
}

static char *
declaration_of(const struct fi_sql_table *table)
{
    return sqlite3_mprintf("CREATE TABLE x(key %s NOT NULL PRIMARY KEY, value %s NOT NULL, "
                           "expires BIGINT) WITHOUT ROWID",
                           shows_blobs(table) ? "BLOB" : "TEXT", shows_blobs(table) ? "BLOB" : "");
}

static const struct fi_sql_table_kind keyspace_kind = {.open = open_keyspace,
                                                       .declare = declaration_of};

static int
keyspace_connect(sqlite3 *db, void *client, int count, const char *const *arguments,
                 sqlite3_vtab **out, char **text)
{
    const struct fi_sql_connecting in = {client, FI_SQL_BY_SCHEMA, count, arguments};
    (void)db;
    return fi_sql_table_connect(&keyspace_kind, &in, out, text);
}

static int
keyspace_create(sqlite3 *db, void *client, int count, const char *const *arguments,
                sqlite3_vtab **out, char **text)
{
    const struct fi_sql_connecting in = {client, fi_sql_table_namer(client), count, arguments};
    (void)db;
    return fi_sql_table_create(&keyspace_kind, &in, out, text);
}

/* ---- cursors ---- */

static int
keyspace_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    (void)vtab;
    return fi_sql_new_cursor(sizeof(struct cursor), out);
}

static void
drop_entries(struct cursor *cursor)
{
    firn_cursor_close(cursor->walk);
    cursor->walk = NULL;
    while (cursor->kept != NULL) {
        struct entry *next = cursor->kept->next;
        sqlite3_free(cursor->kept);
        cursor->kept = next;
    }
    cursor->is_aborted = false;
}

static int
keyspace_close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    drop_entries(cursor);
    fi_sql_view_unlink(&cursor->reader);
    fi_sql_view_release(table_of(cursor)->store, &cursor->view);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static struct entry *
make_entry(firn_slice key, firn_slice value, uint64_t expires_ms)
{
    assert(key.size <= SIZE_MAX / 4 && value.size <= SIZE_MAX / 4);
    struct entry *entry = sqlite3_malloc64(sizeof *entry + key.size + value.size + 1);
    if (entry != NULL) {
        *entry = (struct entry){
            .key_size = key.size, .value_size = value.size, .expires_ms = expires_ms};
        memcpy(entry->bytes, key.data, key.size);
        memcpy(entry->bytes + key.size, value.data, value.size);
    }
    return entry;
}

static int
get_one(struct cursor *cursor, firn_slice key, firn_error *err)
{
    assert(cursor->kept == NULL && cursor->walk == NULL);
    const struct fi_sql_table *table = table_of(cursor);
    uint8_t *value = NULL;
    size_t size = 0;
    int rc =
        cursor->view.txn != NULL
            ? firn_txn_get(cursor->view.txn, table->keyspace, key, &value, &size, err)
            : firn_snapshot_get(cursor->view.snapshot, table->keyspace, key, &value, &size, err);
    if (rc == FIRN_OK) {
        cursor->kept = make_entry(key, firn_bytes(value, size), 0);
        rc = cursor->kept != NULL ? FIRN_OK : fi_sqlvalue_no_memory(err);
    }
    firn_release(value);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* The first key after this one. */
static firn_slice
sql_keyspace_after(firn_slice key, uint8_t **out_memory)
{
    *out_memory = sqlite3_malloc64(key.size + 1);
    if (*out_memory == NULL) {
        return firn_bytes(NULL, 0);
    }
    memcpy(*out_memory, key.data, key.size);
    (*out_memory)[key.size] = 0;
    return firn_bytes(*out_memory, key.size + 1);
}

static int
walk_range(struct cursor *cursor, const struct fi_sql_filter *filter, firn_error *err)
{
    assert(cursor->walk == NULL && !filter->is_empty);
    const struct fi_sql_table *table = table_of(cursor);
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    uint8_t *lower = NULL;
    uint8_t *upper = NULL;
    int rc = FIRN_OK;
    if (filter->lower_count > 0) {
        options.lower = filter->lower_exclusive
                            ? sql_keyspace_after(filter->lower[0].as.bytes, &lower)
                            : filter->lower[0].as.bytes;
        rc = filter->lower_exclusive && lower == NULL ? fi_sqlvalue_no_memory(err) : rc;
    }
    if (filter->upper_count > 0) {
        options.upper = filter->upper_exclusive
                            ? filter->upper[0].as.bytes
                            : sql_keyspace_after(filter->upper[0].as.bytes, &upper);
        rc = !filter->upper_exclusive && upper == NULL ? fi_sqlvalue_no_memory(err) : rc;
    }
    options.keys_only = (cursor->plan.used & ~UINT64_C(1)) == 0;
    options.snapshot = cursor->view.snapshot;
    if (rc == FIRN_OK) {
        rc = cursor->view.txn != NULL
                 ? firn_txn_cursor_open(cursor->view.txn, table->keyspace, &options, &cursor->walk,
                                        err)
                 : firn_cursor_open(table->keyspace, &options, &cursor->walk, err);
    }
    if (rc == FIRN_OK) {
        rc = cursor->plan.is_descending ? firn_cursor_last(cursor->walk, err)
                                        : firn_cursor_first(cursor->walk, err);
    }
    sqlite3_free(lower);
    sqlite3_free(upper);
    return rc;
}

static int
keep_rest(struct cursor *cursor, firn_error *err)
{
    assert(cursor->walk != NULL);
    struct entry **end = &cursor->kept;
    size_t total = 0;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && firn_cursor_valid(cursor->walk)) {
        struct entry *entry =
            make_entry(firn_cursor_key(cursor->walk), firn_cursor_value(cursor->walk),
                       firn_cursor_expires_ms(cursor->walk));
        if (entry == NULL) {
            return fi_sqlvalue_no_memory(err);
        }
        *end = entry;
        end = &entry->next;
        total += sizeof *entry + entry->key_size + entry->value_size;
        if (total > KEPT_BYTES_MAX) {
            return fi_sqlvalue_error(
                err, FIRN_LIMIT,
                "a statement that reads '%s' has too many rows left to commit: reset it first",
                table_of(cursor)->name);
        }
        rc = cursor->plan.is_descending ? firn_cursor_prev(cursor->walk, err)
                                        : firn_cursor_next(cursor->walk, err);
    }
    return rc;
}

static int
sql_keyspace_detach(struct fi_sql_reader *reader, bool keep, firn_error *err)
{
    assert(reader->detach != NULL);
    struct cursor *cursor =
        (struct cursor *)(void *)((char *)reader - offsetof(struct cursor, reader));
    bool is_walking = cursor->walk != NULL && firn_cursor_valid(cursor->walk);
    int rc = is_walking && keep ? keep_rest(cursor, err) : FIRN_OK;
    if (is_walking && (!keep || rc != FIRN_OK)) {
        drop_entries(cursor);
        cursor->is_aborted = true;
    }
    firn_cursor_close(cursor->walk);
    cursor->walk = NULL;
    cursor->view.txn = NULL;
    return rc;
}

static int
take_view(struct cursor *cursor, firn_error *err)
{
    struct fi_sql_store *store = table_of(cursor)->store;
    if (fi_sql_view_is_current(store, &cursor->view)) {
        return FIRN_OK;
    }
    fi_sql_view_unlink(&cursor->reader);
    fi_sql_view_release(store, &cursor->view);
    FI_TRY_RETURN(fi_sql_view_take(store, &cursor->view, err));
    if (cursor->view.txn != NULL) {
        cursor->reader.detach = sql_keyspace_detach;
        fi_sql_view_link(store, &cursor->reader);
    }
    return FIRN_OK;
}

static int
keyspace_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count,
                sqlite3_value **values)
{
    struct cursor *cursor = (struct cursor *)base;
    struct fi_sql_filter filter;
    firn_error err;
    (void)number;
    drop_entries(cursor);
    fi_sql_plan_read(plan, &cursor->plan);
    int rc = fi_sql_filter_init(&filter, table_of(cursor), &cursor->plan, count, values, &err);
    if (rc == FIRN_OK && !filter.is_empty) {
        rc = take_view(cursor, &err);
        if (rc == FIRN_OK) {
            bool gets = filter.is_point && (cursor->plan.used >> EXPIRES & 1) == 0;
            rc = gets ? get_one(cursor, filter.lower[0].as.bytes, &err)
                      : walk_range(cursor, &filter, &err);
        }
    }
    fi_sql_filter_deinit(&filter);
    return rc == FIRN_OK ? SQLITE_OK : fi_sql_fail_table(base->pVtab, &err);
}

static int
keyspace_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    firn_error err;
    if (cursor->is_aborted) {
        return SQLITE_ABORT_ROLLBACK;
    }
    if (cursor->walk == NULL) {
        struct entry *next = cursor->kept->next;
        sqlite3_free(cursor->kept);
        cursor->kept = next;
        return SQLITE_OK;
    }
    int rc = cursor->plan.is_descending ? firn_cursor_prev(cursor->walk, &err)
                                        : firn_cursor_next(cursor->walk, &err);
    return rc == FIRN_OK ? SQLITE_OK : fi_sql_fail_table(base->pVtab, &err);
}

static int
keyspace_eof(sqlite3_vtab_cursor *base)
{
    const struct cursor *cursor = (struct cursor *)base;
    if (cursor->is_aborted) {
        return 0;
    }
    return cursor->walk != NULL ? !firn_cursor_valid(cursor->walk) : cursor->kept == NULL;
}

static void
give_bytes(sqlite3_context *ctx, firn_slice bytes, bool is_text)
{
    if (is_text) {
        sqlite3_result_text64(ctx, (const char *)bytes.data, bytes.size, SQLITE_TRANSIENT,
                              SQLITE_UTF8);
    } else {
        sqlite3_result_blob64(ctx, bytes.data, bytes.size, SQLITE_TRANSIENT);
    }
}

static bool
is_shown_as_text(const struct fi_sql_table *table, firn_slice value)
{
    return !shows_blobs(table) && memchr(value.data, 0, value.size) == NULL &&
           fi_sqlvalue_is_utf8(value.data, value.size);
}

static int
keyspace_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int number)
{
    assert(number >= 0 && !keyspace_eof(base));
    struct cursor *cursor = (struct cursor *)base;
    const struct fi_sql_table *table = table_of(cursor);
    if (cursor->is_aborted) {
        return SQLITE_ABORT_ROLLBACK;
    }
    if (sqlite3_vtab_nochange(ctx)) {
        return SQLITE_OK;
    }
    const struct entry *entry = cursor->kept;
    firn_slice key =
        entry != NULL ? firn_bytes(entry->bytes, entry->key_size) : firn_cursor_key(cursor->walk);
    firn_slice value = entry != NULL ? firn_bytes(entry->bytes + entry->key_size, entry->value_size)
                                     : firn_cursor_value(cursor->walk);
    uint64_t expires = entry != NULL ? entry->expires_ms : firn_cursor_expires_ms(cursor->walk);
    if (number == KEY) {
        give_bytes(ctx, key, !shows_blobs(table));
    } else if (number == VALUE) {
        give_bytes(ctx, value, is_shown_as_text(table, value));
    } else if (expires != 0) {
        sqlite3_result_int64(ctx, (sqlite3_int64)expires);
    }
    return SQLITE_OK;
}

static int
keyspace_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    (void)base;
    *out = 0; /* there are none */
    return SQLITE_OK;
}

/* ---- writing ---- */

static firn_slice
bytes_of(sqlite3_value *value)
{
    const void *bytes = sqlite3_value_blob(value);
    return firn_bytes(bytes != NULL ? bytes : "",
                      bytes != NULL ? (size_t)sqlite3_value_bytes(value) : 0);
}

static uint64_t
wall_ms(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_REALTIME, &now) == 0
               ? (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000
               : 0;
}

static int
sql_keyspace_put(firn_txn *txn, firn_keyspace *keyspace, firn_slice key, firn_slice value,
                 uint64_t expires_ms, firn_error *err)
{
    assert(txn != NULL);
    uint64_t now = wall_ms();
    if (expires_ms == 0) {
        return firn_txn_put(txn, keyspace, key, value, err);
    }
    return expires_ms <= now ? firn_txn_delete(txn, keyspace, key, err) /* it has expired */
                             : firn_txn_put_ttl(txn, keyspace, key, value, expires_ms - now, err);
}

/* Reads the entry with a key; FIRN_NOT_FOUND. */
static int
read_entry(firn_txn *txn, firn_keyspace *keyspace, firn_slice key, struct entry **out,
           firn_error *err)
{
    assert(txn != NULL);
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    firn_cursor *walk = NULL;
    uint8_t *memory = NULL;
    *out = NULL;
    options.lower = key;
    options.upper = sql_keyspace_after(key, &memory);
    int rc;
    FI_TRY_OUT(rc, memory != NULL ? firn_txn_cursor_open(txn, keyspace, &options, &walk, err)
                                  : fi_sqlvalue_no_memory(err));
    FI_TRY_OUT(rc, firn_cursor_first(walk, err));
    if (!firn_cursor_valid(walk)) {
        rc = FIRN_NOT_FOUND;
    } else {
        *out = make_entry(key, firn_cursor_value(walk), firn_cursor_expires_ms(walk));
        rc = *out != NULL ? FIRN_OK : fi_sqlvalue_no_memory(err);
    }
out:
    firn_cursor_close(walk);
    sqlite3_free(memory);
    return rc;
}

static int
check_absent(const struct fi_sql_table *table, firn_txn *txn, firn_slice key, firn_error *err)
{
    assert(txn != NULL && table->keyspace != NULL);
    uint8_t *value = NULL;
    size_t size;
    if (sqlite3_vtab_on_conflict(fi_sql_db(table->store->sql)) == SQLITE_REPLACE) {
        return FIRN_OK;
    }
    int rc = firn_txn_get(txn, table->keyspace, key, &value, &size, err);
    firn_release(value);
    if (rc == FIRN_OK) {
        return fi_sqlvalue_error(err, FIRN_EXISTS, "UNIQUE constraint failed: %s.key", table->name);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
take_expires(const struct fi_sql_table *table, sqlite3_value *value, uint64_t *out, firn_error *err)
{
    *out = 0;
    if (sqlite3_value_type(value) == SQLITE_NULL) {
        return FIRN_OK;
    }
    if (sqlite3_value_numeric_type(value) != SQLITE_INTEGER || sqlite3_value_int64(value) <= 0) {
        return fi_sqlvalue_error(err, FIRN_INVALID,
                                 "%s.expires is in milliseconds since 1970, or NULL", table->name);
    }
    *out = (uint64_t)sqlite3_value_int64(value);
    return FIRN_OK;
}

static int
check_given(const struct fi_sql_table *table, sqlite3_value **columns, firn_error *err)
{
    for (int i = KEY; i <= VALUE; i++) {
        if (sqlite3_value_type(columns[i]) == SQLITE_NULL && !sqlite3_value_nochange(columns[i])) {
            return fi_sqlvalue_error(err, FIRN_EXISTS, "NOT NULL constraint failed: %s.%s",
                                     table->name, i == KEY ? "key" : "value");
        }
    }
    return FIRN_OK;
}

static int
sql_keyspace_insert(struct fi_sql_table *table, firn_txn *txn, sqlite3_value **columns,
                    firn_error *err)
{
    assert(table->keyspace != NULL && txn != NULL);
    uint64_t expires;
    FI_TRY_RETURN(check_given(table, columns, err));
    FI_TRY_RETURN(take_expires(table, columns[EXPIRES], &expires, err));
    FI_TRY_RETURN(check_absent(table, txn, bytes_of(columns[KEY]), err));
    return sql_keyspace_put(txn, table->keyspace, bytes_of(columns[KEY]), bytes_of(columns[VALUE]),
                            expires, err);
}

static int
sql_keyspace_update(struct fi_sql_table *table, firn_txn *txn, firn_slice old_key,
                    sqlite3_value **columns, firn_error *err)
{
    assert(table->keyspace != NULL && txn != NULL);
    struct entry *entry = NULL;
    int rc = check_given(table, columns, err);
    rc = rc == FIRN_OK ? read_entry(txn, table->keyspace, old_key, &entry, err) : rc;
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* a REPLACE of the same statement took it */
    }
    uint64_t expires = entry->expires_ms;
    firn_slice value = firn_bytes(entry->bytes + entry->key_size, entry->value_size);
    firn_slice key = sqlite3_value_nochange(columns[KEY]) ? old_key : bytes_of(columns[KEY]);
    bool moves = key.size != old_key.size || memcmp(key.data, old_key.data, key.size) != 0;
    if (!sqlite3_value_nochange(columns[VALUE])) {
        value = bytes_of(columns[VALUE]);
    }
    if (!sqlite3_value_nochange(columns[EXPIRES])) {
        rc = take_expires(table, columns[EXPIRES], &expires, err);
    }
    if (rc == FIRN_OK && moves) {
        rc = check_absent(table, txn, key, err);
        rc = rc == FIRN_OK ? firn_txn_delete(txn, table->keyspace, old_key, err) : rc;
    }
    rc = rc == FIRN_OK ? sql_keyspace_put(txn, table->keyspace, key, value, expires, err) : rc;
    sqlite3_free(entry);
    return rc;
}

static int
keyspace_update(sqlite3_vtab *vtab, int count, sqlite3_value **values, sqlite3_int64 *out)
{
    struct fi_sql_table *table = (struct fi_sql_table *)vtab;
    firn_txn *txn = NULL;
    firn_error err;
    (void)out;
    int rc = fi_sql_view_write(table->store, &txn, &err);
    if (rc == FIRN_OK && count == 1) {
        rc = firn_txn_delete(txn, table->keyspace, bytes_of(values[0]), &err);
    } else if (rc == FIRN_OK && sqlite3_value_type(values[0]) == SQLITE_NULL) {
        rc = sql_keyspace_insert(table, txn, values + 2, &err);
    } else if (rc == FIRN_OK) {
        rc = sql_keyspace_update(table, txn, bytes_of(values[0]), values + 2, &err);
    }
    if (rc == FIRN_OK) {
        return SQLITE_OK;
    }
    int code = fi_sql_fail_table(vtab, &err);
    return rc == FIRN_INVALID ? SQLITE_MISMATCH : code;
}

static const sqlite3_module keyspace_module = {.iVersion = 2,
                                               .xCreate = keyspace_create,
                                               .xConnect = keyspace_connect,
                                               .xBestIndex = fi_sql_plan_best,
                                               .xDisconnect = fi_sql_table_disconnect,
                                               .xDestroy = fi_sql_table_disconnect,
                                               .xOpen = keyspace_open,
                                               .xClose = keyspace_close,
                                               .xFilter = keyspace_filter,
                                               .xNext = keyspace_next,
                                               .xEof = keyspace_eof,
                                               .xColumn = keyspace_column,
                                               .xRowid = keyspace_rowid,
                                               .xUpdate = keyspace_update,
                                               .xBegin = fi_sql_table_begin,
                                               .xSync = fi_sql_table_sync,
                                               .xCommit = fi_sql_table_commit,
                                               .xRollback = fi_sql_table_rollback,
                                               .xRename = fi_sql_table_rename,
                                               .xSavepoint = fi_sql_table_savepoint,
                                               .xRelease = fi_sql_table_release,
                                               .xRollbackTo = fi_sql_table_rollback_to};

int
fi_sql_keyspace_register(struct fi_sql *sql)
{
    return fi_sql_module(sql, "firn_keyspace", &keyspace_module);
}
