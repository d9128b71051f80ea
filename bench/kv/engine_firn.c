/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_firn.c: firn through its public API, as an application uses it: one keyspace, commits with
 * FIRN_DURABILITY_OS (FULL where rows are synced), all of the memory as its budget, no compression,
 * values as copies that the caller releases, a cursor opened for each seek.
 */
#include <stdio.h>
#include <stdlib.h>

#include <firn/firn.h>

#include "kv.h"

struct kv_store {
    firn_store *handle;
    firn_keyspace *keyspace;
    firn_keyspace **spaces;
};

struct kv_worker {
    struct kv_store *store;
    firn_batch *batch;
    firn_cursor *cursor;
    uint8_t *value;
    firn_pin *pin;
};

static void
check(int code, const firn_error *err)
{
    if (code != FIRN_OK) {
        kv_die("%s: %s", firn_code_name(code), err->code == code ? err->text : "");
    }
}

static const char *
version(void)
{
    static char text[32];
    (void)snprintf(text, sizeof(text), "firn %s", firn_version());
    return text;
}

static firn_slice
slice_of(struct kv_bytes bytes)
{
    return firn_bytes(bytes.data, bytes.size);
}

static struct kv_bytes
bytes_of(firn_slice slice)
{
    return (struct kv_bytes){slice.data, slice.size};
}

static struct kv_store *
store_open(const struct kv_setup *setup)
{
    firn_error err = {0};
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    struct kv_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        kv_die("out of memory");
    }
    options.durability = setup->synced ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS;
    options.memory_bytes = setup->memory_bytes;
    options.compression = FIRN_COMPRESSION_NONE;
    check(firn_store_open(setup->directory, &options, &store->handle, &err), &err);
    check(firn_keyspace_open(store->handle, "bench", NULL, &store->keyspace, &err), &err);
    store->spaces = calloc(setup->spaces + 1, sizeof(firn_keyspace *));
    if (store->spaces == NULL) {
        kv_die("out of memory");
    }
    for (unsigned i = 0; i < setup->spaces; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "space-%u", i);
        check(firn_keyspace_open(store->handle, name, NULL, &store->spaces[i], &err), &err);
    }
    return store;
}

static void
store_close(struct kv_store *store)
{
    firn_error err = {0};
    check(firn_store_close(store->handle, &err), &err);
    free(store->spaces);
    free(store);
}

static struct kv_worker *
worker_create(struct kv_store *store)
{
    firn_error err = {0};
    struct kv_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        kv_die("out of memory");
    }
    worker->store = store;
    check(firn_batch_create(&worker->batch, &err), &err);
    return worker;
}

static void
worker_destroy(struct kv_worker *worker)
{
    firn_release(worker->value);
    firn_pin_release(worker->pin);
    firn_cursor_close(worker->cursor);
    firn_batch_destroy(worker->batch);
    free(worker);
}

static void
put_to(firn_keyspace *keyspace, struct kv_bytes key, struct kv_bytes value)
{
    firn_error err = {0};
    check(firn_put(keyspace, slice_of(key), slice_of(value), NULL, &err), &err);
}

static void
put(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes value)
{
    put_to(worker->store->keyspace, key, value);
}

static void
put_into(struct kv_worker *worker, unsigned space, struct kv_bytes key, struct kv_bytes value)
{
    put_to(worker->store->spaces[space], key, value);
}

static void
put_batch(struct kv_worker *worker, const struct kv_pair *pairs, size_t count)
{
    firn_error err = {0};
    firn_batch_clear(worker->batch);
    for (size_t i = 0; i < count; i++) {
        check(firn_batch_put(worker->batch, worker->store->keyspace, slice_of(pairs[i].key),
                             slice_of(pairs[i].value), &err),
              &err);
    }
    check(firn_store_write(worker->store->handle, worker->batch, NULL, &err), &err);
}

static void
remove_key(struct kv_worker *worker, struct kv_bytes key)
{
    firn_error err = {0};
    check(firn_delete(worker->store->keyspace, slice_of(key), NULL, &err), &err);
}

static bool
get_of(struct kv_worker *worker, firn_keyspace *keyspace, struct kv_bytes key,
       struct kv_bytes *out_value)
{
    firn_error err;
    firn_release(worker->value);
    int code = firn_get(keyspace, slice_of(key), &worker->value, &out_value->size, &err);
    if (code == FIRN_NOT_FOUND) {
        return false;
    }
    check(code, &err);
    out_value->data = worker->value;
    return true;
}

static bool
get(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes *out_value)
{
    return get_of(worker, worker->store->keyspace, key, out_value);
}

static bool
get_pinned(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes *out_value)
{
    firn_error err;
    firn_slice value;
    firn_pin_release(worker->pin);
    int code =
        firn_get_pinned(worker->store->keyspace, NULL, slice_of(key), &worker->pin, &value, &err);
    if (code == FIRN_NOT_FOUND) {
        return false;
    }
    check(code, &err);
    *out_value = bytes_of(value);
    return true;
}

static bool
get_from(struct kv_worker *worker, unsigned space, struct kv_bytes key, struct kv_bytes *out_value)
{
    return get_of(worker, worker->store->spaces[space], key, out_value);
}

static bool
cursor_here(struct kv_worker *worker, struct kv_pair *out)
{
    if (!firn_cursor_valid(worker->cursor)) {
        return false;
    }
    out->key = bytes_of(firn_cursor_key(worker->cursor));
    out->value = bytes_of(firn_cursor_value(worker->cursor));
    return true;
}

static bool
cursor_seek(struct kv_worker *worker, struct kv_bytes key, struct kv_pair *out)
{
    firn_error err = {0};
    check(firn_cursor_open(worker->store->keyspace, NULL, &worker->cursor, &err), &err);
    check(firn_cursor_seek(worker->cursor, slice_of(key), &err), &err);
    return cursor_here(worker, out);
}

static bool
cursor_next(struct kv_worker *worker, struct kv_pair *out)
{
    firn_error err;
    int code = firn_cursor_next(worker->cursor, &err);
    if (code != FIRN_OK) {
        check(code, &err);
    }
    return cursor_here(worker, out);
}

static void
cursor_end(struct kv_worker *worker)
{
    firn_cursor_close(worker->cursor);
    worker->cursor = NULL;
}

static void
sync_store(struct kv_store *store)
{
    firn_error err = {0};
    check(firn_store_sync(store->handle, &err), &err);
}

static void
flush_store(struct kv_store *store)
{
    firn_error err = {0};
    check(firn_store_flush(store->handle, &err), &err);
}

static void
checkpoint(struct kv_store *store, const char *name)
{
    firn_error err = {0};
    check(firn_store_checkpoint_create(store->handle, name, NULL, NULL, &err), &err);
}

static void
restore(struct kv_store *store, const char *name)
{
    firn_error err = {0};
    check(firn_store_restore(store->handle, name, NULL, &err), &err);
}

static int
count_difference(void *ctx, const firn_store_difference *difference)
{
    uint64_t *count = ctx;
    (void)difference;
    ++*count;
    return FIRN_OK;
}

static uint64_t
difference(struct kv_store *store, const char *before, const char *after)
{
    firn_error err = {0};
    uint64_t count = 0;
    check(firn_store_diff(store->handle, before, after, NULL, count_difference, &count, &err),
          &err);
    return count;
}

const struct kv_engine kv_engine = {
    .name = "firn",
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
    .get_pinned = get_pinned,
    .put_into = put_into,
    .get_from = get_from,
    .cursor_seek = cursor_seek,
    .cursor_next = cursor_next,
    .cursor_end = cursor_end,
    .sync = sync_store,
    .flush = flush_store,
    .checkpoint = checkpoint,
    .restore = restore,
    .difference = difference,
};
