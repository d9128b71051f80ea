/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_rocksdb.c: RocksDB through its C interface; values are got pinned, without a copy. It is
 * compiled twice, for Debian's version and for the current one, which is a crate.
 *
 * Two write buffers of a sixteenth of the memory (64 MiB of 1 GiB), the rest is block cache; Bloom
 * filters of 10 bits a key; no compression; block checksums verified (its default); else defaults.
 * Further keyspaces are column families: their write buffers have a quarter of the memory together
 * (db_write_buffer_size), as they have in firn.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rocksdb/c.h>

#include "kv.h"

struct kv_store {
    const char *directory;
    rocksdb_t *handle;
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *tables;
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
    rocksdb_column_family_handle_t **spaces;
    unsigned space_count;
};

struct kv_worker {
    struct kv_store *store;
    rocksdb_writebatch_t *batch;
    rocksdb_pinnableslice_t *value;
    rocksdb_iterator_t *iterator;
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
    /* Its C interface does not tell; the build looked it up. */
    return "RocksDB " BENCH_KV_ROCKSDB_VERSION;
}

/* In a store that has none yet. */
static void
open_spaces(struct kv_store *store, unsigned count)
{
    char *error = NULL;
    store->spaces = calloc(count + 1, sizeof(rocksdb_column_family_handle_t *));
    if (store->spaces == NULL) {
        kv_die("out of memory");
    }
    for (; store->space_count < count; store->space_count++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "space-%u", store->space_count);
        store->spaces[store->space_count] =
            rocksdb_create_column_family(store->handle, store->options, name, &error);
        check(error);
    }
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
    store->directory = setup->directory;
    store->cache = rocksdb_cache_create_lru((size_t)setup->memory_bytes - 2 * buffer);
    store->tables = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(store->tables, store->cache);
    /* The options own the filter policy. */
    rocksdb_block_based_options_set_filter_policy(store->tables,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    store->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(store->options, 1);
    rocksdb_options_set_compression(store->options, rocksdb_no_compression);
    rocksdb_options_set_write_buffer_size(store->options, buffer);
    rocksdb_options_set_max_write_buffer_number(store->options, 2);
    rocksdb_options_set_block_based_table_factory(store->options, store->tables);
    store->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(store->write, setup->synced);
    store->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(store->read, 1);
    if (setup->spaces != 0) {
        rocksdb_options_set_db_write_buffer_size(store->options, 4 * buffer);
    }
    store->handle = rocksdb_open(store->options, setup->directory, &error);
    check(error);
    open_spaces(store, setup->spaces);
    return store;
}

static void
store_close(struct kv_store *store)
{
    while (store->space_count > 0) {
        rocksdb_column_family_handle_destroy(store->spaces[--store->space_count]);
    }
    free(store->spaces);
    rocksdb_close(store->handle);
    rocksdb_readoptions_destroy(store->read);
    rocksdb_writeoptions_destroy(store->write);
    rocksdb_options_destroy(store->options);
    rocksdb_block_based_options_destroy(store->tables);
    rocksdb_cache_destroy(store->cache);
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
    worker->batch = rocksdb_writebatch_create();
    return worker;
}

static void
value_release(struct kv_worker *worker)
{
    if (worker->value != NULL) {
        rocksdb_pinnableslice_destroy(worker->value);
        worker->value = NULL;
    }
}

static void
worker_destroy(struct kv_worker *worker)
{
    value_release(worker);
    rocksdb_writebatch_destroy(worker->batch);
    free(worker);
}

static void
put(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes value)
{
    char *error = NULL;
    rocksdb_put(worker->store->handle, worker->store->write, key.data, key.size, value.data,
                value.size, &error);
    check(error);
}

static void
put_into(struct kv_worker *worker, unsigned space, struct kv_bytes key, struct kv_bytes value)
{
    char *error = NULL;
    rocksdb_put_cf(worker->store->handle, worker->store->write, worker->store->spaces[space],
                   key.data, key.size, value.data, value.size, &error);
    check(error);
}

static void
put_batch(struct kv_worker *worker, const struct kv_pair *pairs, size_t count)
{
    char *error = NULL;
    rocksdb_writebatch_clear(worker->batch);
    for (size_t i = 0; i < count; i++) {
        rocksdb_writebatch_put(worker->batch, pairs[i].key.data, pairs[i].key.size,
                               pairs[i].value.data, pairs[i].value.size);
    }
    rocksdb_write(worker->store->handle, worker->store->write, worker->batch, &error);
    check(error);
}

static void
remove_key(struct kv_worker *worker, struct kv_bytes key)
{
    char *error = NULL;
    rocksdb_delete(worker->store->handle, worker->store->write, key.data, key.size, &error);
    check(error);
}

static bool
take_value(struct kv_worker *worker, struct kv_bytes *out_value)
{
    if (worker->value == NULL) {
        return false;
    }
    out_value->data = rocksdb_pinnableslice_value(worker->value, &out_value->size);
    return true;
}

static bool
get(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes *out_value)
{
    char *error = NULL;
    value_release(worker);
    worker->value =
        rocksdb_get_pinned(worker->store->handle, worker->store->read, key.data, key.size, &error);
    check(error);
    return take_value(worker, out_value);
}

static bool
get_from(struct kv_worker *worker, unsigned space, struct kv_bytes key, struct kv_bytes *out_value)
{
    char *error = NULL;
    value_release(worker);
    worker->value = rocksdb_get_pinned_cf(worker->store->handle, worker->store->read,
                                          worker->store->spaces[space], key.data, key.size, &error);
    check(error);
    return take_value(worker, out_value);
}

static bool
cursor_here(struct kv_worker *worker, struct kv_pair *out)
{
    char *error = NULL;
    if (!rocksdb_iter_valid(worker->iterator)) {
        rocksdb_iter_get_error(worker->iterator, &error);
        check(error);
        return false;
    }
    out->key.data = rocksdb_iter_key(worker->iterator, &out->key.size);
    out->value.data = rocksdb_iter_value(worker->iterator, &out->value.size);
    return true;
}

static bool
cursor_seek(struct kv_worker *worker, struct kv_bytes key, struct kv_pair *out)
{
    worker->iterator = rocksdb_create_iterator(worker->store->handle, worker->store->read);
    rocksdb_iter_seek(worker->iterator, key.data, key.size);
    return cursor_here(worker, out);
}

static bool
cursor_next(struct kv_worker *worker, struct kv_pair *out)
{
    rocksdb_iter_next(worker->iterator);
    return cursor_here(worker, out);
}

static void
cursor_end(struct kv_worker *worker)
{
    rocksdb_iter_destroy(worker->iterator);
    worker->iterator = NULL;
}

static void
sync_store(struct kv_store *store)
{
    char *error = NULL;
    rocksdb_flush_wal(store->handle, 1, &error);
    check(error);
}

static void
flush_store(struct kv_store *store)
{
    char *error = NULL;
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(options, 1);
    rocksdb_flush(store->handle, options, &error);
    rocksdb_flushoptions_destroy(options);
    check(error);
}

/* A directory with hard links to all files, inside of the store's own, which RocksDB leaves
 * alone. */
static void
checkpoint(struct kv_store *store, const char *name)
{
    char *error = NULL;
    char path[4096];
    int size = snprintf(path, sizeof(path), "%s/%s", store->directory, name);
    if (size < 0 || (size_t)size >= sizeof(path)) {
        kv_die("the path of a checkpoint is too long");
    }
    rocksdb_checkpoint_t *maker = rocksdb_checkpoint_object_create(store->handle, &error);
    check(error);
    rocksdb_checkpoint_create(maker, path, 0, &error);
    rocksdb_checkpoint_object_destroy(maker);
    check(error);
}

const struct kv_engine kv_engine = {
    .name = BENCH_KV_ROCKSDB,
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
    .put_into = put_into,
    .get_from = get_from,
    .cursor_seek = cursor_seek,
    .cursor_next = cursor_next,
    .cursor_end = cursor_end,
    .sync = sync_store,
    .flush = flush_store,
    .checkpoint = checkpoint,
};
