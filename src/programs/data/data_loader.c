/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_loader.c: many entries into one keyspace.
 *
 * They are one commit, which the library sorts unless they come sorted. If loading is ended before,
 * nothing is there.
 */
#include "data/data.h"

#include <time.h>

#include "term/term.h"

static int
go_on(void *ctx, const firn_progress *progress)
{
    (void)ctx;
    (void)progress;
    return firn_term_signals_caught() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

int
firn_data_loader_begin(struct firn_data_loader *loader, firn_keyspace *keyspace, bool is_sorted,
                       firn_error *err)
{
    firn_bulk_options options = FIRN_BULK_OPTIONS_INIT;
    options.unsorted = !is_sorted;
    options.on_progress = go_on;
    *loader = (struct firn_data_loader){.is_sorted = is_sorted};
    return firn_bulk_open(keyspace, &options, &loader->bulk, err);
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

int
firn_data_loader_put_until(struct firn_data_loader *loader, firn_slice key, firn_slice value,
                           uint64_t expires_ms, firn_error *err)
{
    return expires_ms == 0
               ? firn_bulk_put(loader->bulk, key, value, err)
               : firn_bulk_put_ttl(loader->bulk, key, value, left_until(expires_ms), err);
}

int
firn_data_loader_put(struct firn_data_loader *loader, firn_slice key, firn_slice value,
                     firn_error *err)
{
    return firn_data_loader_put_until(loader, key, value, 0, err);
}

int
firn_data_loader_finish(struct firn_data_loader *loader, firn_error *err)
{
    int code = firn_bulk_commit(loader->bulk, err);
    loader->written = code == FIRN_OK ? firn_bulk_count(loader->bulk) : 0;
    return code;
}

void
firn_data_loader_end(struct firn_data_loader *loader)
{
    firn_bulk_close(loader->bulk);
    loader->bulk = NULL;
}

int
firn_data_loader_report(struct firn_cli *cli, const struct firn_data_loader *loader,
                        const firn_error *err)
{
    const char *hint = loader->is_sorted && err->code == FIRN_INVALID
                           ? "nothing was loaded; without --bulk rows may come in any order"
                           : NULL;
    return firn_command_report_failure(cli, err, hint);
}
