/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_lmdb.c: LMDB. A put is a write transaction; a get or a seek renews the worker's read
 * transaction first, so that it sees what was committed before.
 *
 * A map of 16 GiB, written in place (MDB_WRITEMAP), which makes its single puts several times as
 * fast and lays it open to stray writes of the application. Unsynced means MDB_NOSYNC: like the
 * other engines it survives the death of the process, but where those lose the last commits in a
 * power cut, it may lose everything. It has no log and no checksums, keeps no memory of its own (so
 * its memory cannot be set) and has nothing to flush. MDB_APPEND is not used for sequential keys:
 * no other engine is told of an order either.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lmdb.h>

#include "kv.h"

struct kv_store {
    MDB_env *env;
    MDB_dbi table;
};

struct kv_worker {
    struct kv_store *store;
    MDB_txn *view;
    MDB_cursor *cursor;
    bool renewed;
};

static void
check(int code)
{
    if (code != 0) {
        kv_die("%s", mdb_strerror(code));
    }
}

/* The library's slices do not say that they are only read. */
static MDB_val
val_of(struct kv_bytes bytes)
{
    MDB_val val = {.mv_size = bytes.size};
    memcpy(&val.mv_data, &bytes.data, sizeof(bytes.data));
    return val;
}

static const char *
version(void)
{
    static char text[32];
    int major;
    int minor;
    int patch;
    (void)mdb_version(&major, &minor, &patch);
    (void)snprintf(text, sizeof(text), "LMDB %d.%d.%d", major, minor, patch);
    return text;
}

static struct kv_store *
store_open(const struct kv_setup *setup)
{
    MDB_txn *txn;
    struct kv_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        kv_die("out of memory");
    }
    check(mdb_env_create(&store->env));
    check(mdb_env_set_mapsize(store->env, (size_t)16 << 30));
    /* A worker may have its view and write: without MDB_NOTLS a thread has one transaction. */
    unsigned flags = MDB_NOTLS | MDB_WRITEMAP | (setup->synced ? 0U : MDB_NOSYNC);
    check(mdb_env_open(store->env, setup->directory, flags, 0666));
    check(mdb_txn_begin(store->env, NULL, 0, &txn));
    check(mdb_dbi_open(txn, NULL, MDB_CREATE, &store->table));
    check(mdb_txn_commit(txn));
    return store;
}

static void
store_close(struct kv_store *store)
{
    mdb_env_close(store->env);
    free(store);
}

static struct kv_worker *
worker_create(struct kv_store *store)
{
    struct kv_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        kv_die("out of memory");
    }
    worker->store = store;
    check(mdb_txn_begin(store->env, NULL, MDB_RDONLY, &worker->view));
    check(mdb_cursor_open(worker->view, store->table, &worker->cursor));
    mdb_txn_reset(worker->view);
    return worker;
}

static void
view_reset(struct kv_worker *worker)
{
    if (worker->renewed) {
        mdb_txn_reset(worker->view);
        worker->renewed = false;
    }
}

static void
view_renew(struct kv_worker *worker)
{
    view_reset(worker);
    check(mdb_txn_renew(worker->view));
    worker->renewed = true;
}

static void
worker_destroy(struct kv_worker *worker)
{
    mdb_cursor_close(worker->cursor);
    mdb_txn_abort(worker->view);
    free(worker);
}

static void
put_batch(struct kv_worker *worker, const struct kv_pair *pairs, size_t count)
{
    MDB_txn *txn;
    view_reset(worker);
    check(mdb_txn_begin(worker->store->env, NULL, 0, &txn));
    for (size_t i = 0; i < count; i++) {
        MDB_val key = val_of(pairs[i].key);
        MDB_val value = val_of(pairs[i].value);
        check(mdb_put(txn, worker->store->table, &key, &value, 0));
    }
    check(mdb_txn_commit(txn));
}

static void
put(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes value)
{
    put_batch(worker, &(struct kv_pair){key, value}, 1);
}

static void
remove_key(struct kv_worker *worker, struct kv_bytes key)
{
    MDB_txn *txn;
    MDB_val val = val_of(key);
    view_reset(worker);
    check(mdb_txn_begin(worker->store->env, NULL, 0, &txn));
    int code = mdb_del(txn, worker->store->table, &val, NULL);
    check(code == MDB_NOTFOUND ? 0 : code);
    check(mdb_txn_commit(txn));
}

static bool
get(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes *out_value)
{
    MDB_val val = val_of(key);
    MDB_val value;
    view_renew(worker);
    int code = mdb_get(worker->view, worker->store->table, &val, &value);
    if (code == MDB_NOTFOUND) {
        return false;
    }
    check(code);
    *out_value = (struct kv_bytes){value.mv_data, value.mv_size};
    return true;
}

static bool
cursor_move(struct kv_worker *worker, MDB_val key, MDB_cursor_op how, struct kv_pair *out)
{
    MDB_val value;
    int code = mdb_cursor_get(worker->cursor, &key, &value, how);
    if (code == MDB_NOTFOUND) {
        return false;
    }
    check(code);
    out->key = (struct kv_bytes){key.mv_data, key.mv_size};
    out->value = (struct kv_bytes){value.mv_data, value.mv_size};
    return true;
}

static bool
cursor_seek(struct kv_worker *worker, struct kv_bytes key, struct kv_pair *out)
{
    view_renew(worker);
    check(mdb_cursor_renew(worker->view, worker->cursor));
    /* It refuses to seek the empty key. */
    return cursor_move(worker, val_of(key), key.size == 0 ? MDB_FIRST : MDB_SET_RANGE, out);
}

static bool
cursor_next(struct kv_worker *worker, struct kv_pair *out)
{
    return cursor_move(worker, (MDB_val){0, NULL}, MDB_NEXT, out);
}

static void
cursor_end(struct kv_worker *worker)
{
    view_reset(worker);
}

static void
sync_store(struct kv_store *store)
{
    check(mdb_env_sync(store->env, 1));
}

const struct kv_engine kv_engine = {
    .name = "lmdb",
    .has_budget = false,
    .version = version,
    .open = store_open,
    .close = store_close,
    .worker_create = worker_create,
    .worker_destroy = worker_destroy,
    .put = put,
    .put_batch = put_batch,
    .remove = remove_key,
    .get = get,
    .cursor_seek = cursor_seek,
    .cursor_next = cursor_next,
    .cursor_end = cursor_end,
    .sync = sync_store,
    .flush = NULL,
};
