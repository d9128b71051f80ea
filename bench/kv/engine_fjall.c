/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_fjall.c: fjall, a Rust crate, through the C functions of peers/fjall/lib.rs.
 *
 * A memtable of a sixteenth of the memory (64 MiB of 1 GiB), the cache has the memory less two of
 * those, as in RocksDB; filters of 10 bits a key, in the first level larger ones (its default); no
 * compression; checksums of blocks verified when they come into the cache (its default); else
 * defaults. Unsynced, each write is handed to the kernel; synced, PersistMode::SyncData follows it.
 * A cursor is a range of a snapshot. A flush is a function that its documentation hides.
 *
 * Up to four full memtables may wait for their flush, and a keyspace keeps the memtable's size with
 * which it was made. Keyspaces have no common limit of memory, and two hundred with a part of it
 * each are not flushed in time, so that row is left out.
 */
#include "peer_fjall.h"

static void
failed(const char *message)
{
    kv_die("%s", message);
}

static struct kv_store *
store_open(const struct kv_setup *setup)
{
    bench_fjall_on_failure(failed);
    return bench_fjall_open(setup->directory, setup->memory_bytes, setup->synced);
}

const struct kv_engine kv_engine = {
    .name = "fjall",
    .has_budget = true,
    .version = bench_fjall_version,
    .open = store_open,
    .close = bench_fjall_close,
    .worker_create = bench_fjall_worker_create,
    .worker_destroy = bench_fjall_worker_destroy,
    .put = bench_fjall_put,
    .put_batch = bench_fjall_put_batch,
    .remove = bench_fjall_remove,
    .get = bench_fjall_get,
    .cursor_seek = bench_fjall_cursor_seek,
    .cursor_next = bench_fjall_cursor_next,
    .cursor_end = bench_fjall_cursor_end,
    .sync = bench_fjall_sync,
    .flush = bench_fjall_flush,
};
