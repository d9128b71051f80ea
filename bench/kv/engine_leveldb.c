/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_leveldb.c: LevelDB through its C interface.
 *
 * Write buffers of a sixteenth of the memory (64 MiB of 1 GiB; there are two of them during a
 * flush), the rest is block cache; Bloom filters of 10 bits a key; no compression; block checksums
 * verified, which is not its default; else defaults. It maps its first thousand tables, and reads
 * and verifies blocks of those anew each time. A sync is a synced write of an empty batch; a flush
 * on demand does not exist.
 */
#include <stdio.h>
#include <stdlib.h>

#include <leveldb/c.h>

#include "kv.h"

struct kv_store {
    leveldb_t *handle;
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_filterpolicy_t *filter;
    leveldb_writeoptions_t *write;
    leveldb_readoptions_t *read;
};

struct kv_worker {
    struct kv_store *store;
    leveldb_writebatch_t *batch;
    char *value;
    leveldb_iterator_t *iterator;
};

static void
check(const char *error)
{
    if (error != NULL) {
        kv_die("%s", error);
    }
}

static const char *
version(void)
{
    static char text[32];
    (void)snprintf(text, sizeof(text), "LevelDB %d.%d", leveldb_major_version(),
                   leveldb_minor_version());
    return text;
}

static struct kv_store *
store_open(const struct kv_setup *setup)
{
    char *error = NULL;
    size_t buffer = (size_t)setup->memory_bytes / 16;
    struct kv_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        kv_die("out of memory");
    }
    store->cache = leveldb_cache_create_lru((size_t)setup->memory_bytes - 2 * buffer);
    store->filter = leveldb_filterpolicy_create_bloom(10);
    store->options = leveldb_options_create();
    leveldb_options_set_create_if_missing(store->options, 1);
    leveldb_options_set_compression(store->options, leveldb_no_compression);
    leveldb_options_set_write_buffer_size(store->options, buffer);
    leveldb_options_set_cache(store->options, store->cache);
    leveldb_options_set_filter_policy(store->options, store->filter);
    store->write = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(store->write, setup->synced);
    store->read = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(store->read, 1);
    store->handle = leveldb_open(store->options, setup->directory, &error);
    check(error);
    return store;
}

static void
store_close(struct kv_store *store)
{
    leveldb_close(store->handle);
    leveldb_readoptions_destroy(store->read);
    leveldb_writeoptions_destroy(store->write);
    leveldb_options_destroy(store->options);
    leveldb_filterpolicy_destroy(store->filter);
    leveldb_cache_destroy(store->cache);
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
    worker->batch = leveldb_writebatch_create();
    return worker;
}

static void
worker_destroy(struct kv_worker *worker)
{
    leveldb_free(worker->value);
    leveldb_writebatch_destroy(worker->batch);
    free(worker);
}

static void
put(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes value)
{
    char *error = NULL;
    leveldb_put(worker->store->handle, worker->store->write, key.data, key.size, value.data,
                value.size, &error);
    check(error);
}

static void
put_batch(struct kv_worker *worker, const struct kv_pair *pairs, size_t count)
{
    char *error = NULL;
    leveldb_writebatch_clear(worker->batch);
    for (size_t i = 0; i < count; i++) {
        leveldb_writebatch_put(worker->batch, pairs[i].key.data, pairs[i].key.size,
                               pairs[i].value.data, pairs[i].value.size);
    }
    leveldb_write(worker->store->handle, worker->store->write, worker->batch, &error);
    check(error);
}

static void
remove_key(struct kv_worker *worker, struct kv_bytes key)
{
    char *error = NULL;
    leveldb_delete(worker->store->handle, worker->store->write, key.data, key.size, &error);
    check(error);
}

static bool
get(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes *out_value)
{
    char *error = NULL;
    leveldb_free(worker->value);
    worker->value = leveldb_get(worker->store->handle, worker->store->read, key.data, key.size,
                                &out_value->size, &error);
    check(error);
    out_value->data = worker->value;
    return worker->value != NULL;
}

static bool
cursor_here(struct kv_worker *worker, struct kv_pair *out)
{
    char *error = NULL;
    if (!leveldb_iter_valid(worker->iterator)) {
        leveldb_iter_get_error(worker->iterator, &error);
        check(error);
        return false;
    }
    out->key.data = leveldb_iter_key(worker->iterator, &out->key.size);
    out->value.data = leveldb_iter_value(worker->iterator, &out->value.size);
    return true;
}

static bool
cursor_seek(struct kv_worker *worker, struct kv_bytes key, struct kv_pair *out)
{
    worker->iterator = leveldb_create_iterator(worker->store->handle, worker->store->read);
    leveldb_iter_seek(worker->iterator, key.data, key.size);
    return cursor_here(worker, out);
}

static bool
cursor_next(struct kv_worker *worker, struct kv_pair *out)
{
    leveldb_iter_next(worker->iterator);
    return cursor_here(worker, out);
}

static void
cursor_end(struct kv_worker *worker)
{
    leveldb_iter_destroy(worker->iterator);
    worker->iterator = NULL;
}

static void
sync_store(struct kv_store *store)
{
    char *error = NULL;
    leveldb_writebatch_t *empty = leveldb_writebatch_create();
    leveldb_writeoptions_t *synced = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(synced, 1);
    leveldb_write(store->handle, synced, empty, &error);
    leveldb_writeoptions_destroy(synced);
    leveldb_writebatch_destroy(empty);
    check(error);
}

const struct kv_engine kv_engine = {
    .name = "leveldb",
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
    .flush = NULL,
};
