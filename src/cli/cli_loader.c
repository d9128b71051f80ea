/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_loader.c: many entries into one keyspace.
 *
 * Entries are gathered in batches of at most a few MiB, each one commit that is handed to the
 * kernel; one sync at the end makes them durable. If loading is ended in between, the first entries
 * are there; loading again does no harm. Or they come sorted, and are one commit.
 */
#include "cli/cli_loader.h"

#include <time.h>

#include "cli/report.h"

enum { BATCH_COUNT = 10000, BATCH_SIZE = 4 << 20 };

static int
write_batch(struct firn_cli_loader *loader, firn_error *err)
{
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.durability = FIRN_DURABILITY_OS;
    int code = firn_write(loader->store, loader->batch, &options, err);
    if (code == FIRN_OK) {
        loader->written += firn_batch_count(loader->batch);
        firn_batch_clear(loader->batch);
        loader->batch_size = 0;
    }
    return code;
}

int
firn_cli_loader_begin(struct firn_cli_loader *loader, firn_store *store, firn_keyspace *keyspace,
                      firn_error *err)
{
    *loader = (struct firn_cli_loader){.store = store, .keyspace = keyspace};
    return firn_batch_create(&loader->batch, err);
}

int
firn_cli_loader_begin_bulk(struct firn_cli_loader *loader, firn_store *store,
                           firn_keyspace *keyspace, firn_error *err)
{
    *loader = (struct firn_cli_loader){.store = store, .keyspace = keyspace};
    return firn_bulk_open(keyspace, NULL, &loader->bulk, err);
}

/* How long it is until then; 0 where it is past. */
static uint64_t
left_until(uint64_t expires_ms)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return expires_ms > now_ms ? expires_ms - now_ms : 0;
}

static int
put_into_batch(struct firn_cli_loader *loader, firn_slice key, firn_slice value,
               uint64_t expires_ms, firn_error *err)
{
    size_t size = key.size + value.size;
    size_t count = firn_batch_count(loader->batch);
    int code = FIRN_OK;
    if (count >= BATCH_COUNT || (count > 0 && loader->batch_size + size > BATCH_SIZE)) {
        code = write_batch(loader, err);
    }
    if (code == FIRN_OK) {
        code = expires_ms == 0 ? firn_batch_put(loader->batch, loader->keyspace, key, value, err)
                               : firn_batch_put_ttl(loader->batch, loader->keyspace, key, value,
                                                    left_until(expires_ms), err);
        loader->batch_size += size;
    }
    return code;
}

int
firn_cli_loader_put_until(struct firn_cli_loader *loader, firn_slice key, firn_slice value,
                          uint64_t expires_ms, firn_error *err)
{
    if (loader->bulk == NULL) {
        return put_into_batch(loader, key, value, expires_ms, err);
    }
    return expires_ms == 0
               ? firn_bulk_put(loader->bulk, key, value, err)
               : firn_bulk_put_ttl(loader->bulk, key, value, left_until(expires_ms), err);
}

int
firn_cli_loader_put(struct firn_cli_loader *loader, firn_slice key, firn_slice value,
                    firn_error *err)
{
    return firn_cli_loader_put_until(loader, key, value, 0, err);
}

int
firn_cli_loader_finish(struct firn_cli_loader *loader, firn_error *err)
{
    int code;
    if (loader->bulk != NULL) {
        code = firn_bulk_commit(loader->bulk, err);
        loader->written = code == FIRN_OK ? firn_bulk_count(loader->bulk) : 0;
        return code;
    }
    code = write_batch(loader, err);
    return code == FIRN_OK ? firn_store_sync(loader->store, err) : code;
}

void
firn_cli_loader_end(struct firn_cli_loader *loader)
{
    firn_batch_destroy(loader->batch);
    firn_bulk_close(loader->bulk);
    loader->batch = NULL;
    loader->bulk = NULL;
}

int
firn_cli_loader_report(struct firn_cli *cli, const struct firn_cli_loader *loader,
                       const firn_error *err)
{
    const char *hint = loader->written > 0 ? "a part was loaded; run this again" : NULL;
    if (loader->bulk != NULL && err->code == FIRN_INVALID) {
        hint = "nothing was loaded; without --bulk rows may come in any order";
    }
    return firn_report_failure(cli, err, hint);
}
