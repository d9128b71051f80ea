/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_wiredtiger.c: WiredTiger, a B-tree table with a log; a worker is a session with a cursor.
 *
 * All of the memory is its cache, four fifths of which may be dirty: with its default of a fifth,
 * the threads that put spend their time writing pages out over and over. Log records are handed to
 * the kernel at each commit (transaction_sync method none), or synced. A checkpoint is taken every
 * minute or for each 2 GB of log, as MongoDB does, and is also what a flush does. No compression;
 * checksums of all blocks, which are verified when they come into the cache.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <wiredtiger.h>

#include "kv.h"

struct kv_store {
    WT_CONNECTION *connection;
};

struct kv_worker {
    WT_SESSION *session;
    WT_CURSOR *cursor;
};

static void
check(int code)
{
    if (code != 0) {
        kv_die("%s", wiredtiger_strerror(code));
    }
}

static const char *
version(void)
{
    static char text[64];
    int major;
    int minor;
    int patch;
    (void)wiredtiger_version(&major, &minor, &patch);
    (void)snprintf(text, sizeof(text), "WiredTiger %d.%d.%d", major, minor, patch);
    return text;
}

static struct kv_store *
store_open(const struct kv_setup *setup)
{
    char config[512];
    WT_SESSION *session;
    struct kv_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        kv_die("out of memory");
    }
    (void)snprintf(config, sizeof(config),
                   "create,cache_size=%" PRIu64
                   ",eviction_dirty_target=60,eviction_dirty_trigger=80,"
                   "log=(enabled=true),checkpoint=(wait=60,log_size=2GB),"
                   "transaction_sync=(enabled=true,method=%s)",
                   setup->memory_bytes, setup->synced ? "fsync" : "none");
    check(wiredtiger_open(setup->directory, NULL, config, &store->connection));
    check(store->connection->open_session(store->connection, NULL, NULL, &session));
    check(session->create(session, "table:bench",
                          "key_format=u,value_format=u,block_compressor=none,checksum=on"));
    check(session->close(session, NULL));
    return store;
}

static void
store_close(struct kv_store *store)
{
    check(store->connection->close(store->connection, NULL));
    free(store);
}

static struct kv_worker *
worker_create(struct kv_store *store)
{
    struct kv_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        kv_die("out of memory");
    }
    check(store->connection->open_session(store->connection, NULL, NULL, &worker->session));
    check(
        worker->session->open_cursor(worker->session, "table:bench", NULL, NULL, &worker->cursor));
    return worker;
}

static void
worker_destroy(struct kv_worker *worker)
{
    check(worker->session->close(worker->session, NULL));
    free(worker);
}

static WT_ITEM
item_of(struct kv_bytes bytes)
{
    return (WT_ITEM){.data = bytes.data, .size = bytes.size};
}

static int
insert(struct kv_worker *worker, const struct kv_pair *pair)
{
    WT_ITEM key = item_of(pair->key);
    WT_ITEM value = item_of(pair->value);
    worker->cursor->set_key(worker->cursor, &key);
    worker->cursor->set_value(worker->cursor, &value);
    return worker->cursor->insert(worker->cursor);
}

static void
put(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes value)
{
    check(insert(worker, &(struct kv_pair){key, value}));
}

static void
put_batch(struct kv_worker *worker, const struct kv_pair *pairs, size_t count)
{
    WT_SESSION *session = worker->session;
    check(session->begin_transaction(session, NULL));
    for (size_t i = 0; i < count; i++) {
        check(insert(worker, &pairs[i]));
    }
    check(session->commit_transaction(session, NULL));
}

static void
remove_key(struct kv_worker *worker, struct kv_bytes key)
{
    WT_ITEM item = item_of(key);
    worker->cursor->set_key(worker->cursor, &item);
    int code = worker->cursor->remove(worker->cursor);
    check(code == WT_NOTFOUND ? 0 : code);
}

static bool
get(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes *out_value)
{
    WT_ITEM item = item_of(key);
    worker->cursor->set_key(worker->cursor, &item);
    int code = worker->cursor->search(worker->cursor);
    if (code == WT_NOTFOUND) {
        return false;
    }
    check(code);
    check(worker->cursor->get_value(worker->cursor, &item));
    *out_value = (struct kv_bytes){item.data, item.size};
    return true;
}

static bool
cursor_here(struct kv_worker *worker, int code, struct kv_pair *out)
{
    WT_ITEM key;
    WT_ITEM value;
    if (code == WT_NOTFOUND) {
        return false;
    }
    check(code);
    check(worker->cursor->get_key(worker->cursor, &key));
    check(worker->cursor->get_value(worker->cursor, &value));
    out->key = (struct kv_bytes){key.data, key.size};
    out->value = (struct kv_bytes){value.data, value.size};
    return true;
}

static bool
cursor_seek(struct kv_worker *worker, struct kv_bytes key, struct kv_pair *out)
{
    WT_ITEM item = item_of(key);
    int where = 0;
    check(worker->cursor->reset(worker->cursor));
    if (key.size == 0) { /* which it does not take; next from nowhere goes to the first entry */
        return cursor_here(worker, worker->cursor->next(worker->cursor), out);
    }
    worker->cursor->set_key(worker->cursor, &item);
    int code = worker->cursor->search_near(worker->cursor, &where);
    if (code == 0 && where < 0) {
        code = worker->cursor->next(worker->cursor);
    }
    return cursor_here(worker, code, out);
}

static bool
cursor_next(struct kv_worker *worker, struct kv_pair *out)
{
    return cursor_here(worker, worker->cursor->next(worker->cursor), out);
}

static void
cursor_end(struct kv_worker *worker)
{
    check(worker->cursor->reset(worker->cursor));
}

/* Calls of the whole store need a session of their own. */
static void
sync_store(struct kv_store *store)
{
    WT_SESSION *session;
    check(store->connection->open_session(store->connection, NULL, NULL, &session));
    check(session->log_flush(session, "sync=on"));
    check(session->close(session, NULL));
}

static void
flush_store(struct kv_store *store)
{
    WT_SESSION *session;
    check(store->connection->open_session(store->connection, NULL, NULL, &session));
    check(session->checkpoint(session, NULL));
    check(session->close(session, NULL));
}

const struct kv_engine kv_engine = {
    .name = "wiredtiger",
    .has_budget = true,
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
    .flush = flush_store,
};
