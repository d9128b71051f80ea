/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_run.h: what a workload is told, and the workloads by name.
 */
#ifndef BENCH_KV_RUN_H
#define BENCH_KV_RUN_H

#include "kv.h"
#include "kv_data.h"
#include "kv_measure.h"

struct kv_run {
    const char *row; /* the workload's name, which its lines of results begin with */
    struct kv_setup setup;
    uint64_t entries;
    uint64_t seed;  /* of the orders; also the version that overwriting writes, from 1 */
    double seconds; /* how long the workloads take that go by time */
    struct kv_store *store;
    struct kv_worker *worker;
};

/* What a workload is: finds the store open, with one worker, and leaves it so; and what it needs of
 * an engine, for which it is left out otherwise. */
enum {
    KV_SYNCED = 1,
    KV_OPENED = 2,
    KV_NEEDS_BUDGET = 4,
    KV_NEEDS_CHECKPOINTS = 8,
    KV_NEEDS_RESTORES = 16,
    KV_NEEDS_SPACES = 32
};

struct kv_workload {
    const char *name;
    void (*run)(struct kv_run *run);
    unsigned flags;
};

extern const struct kv_workload kv_workloads[];
extern const size_t kv_workloads_count;

/* Opens and closes the store and the one worker. */
void kv_run_open(struct kv_run *run);
void kv_run_close(struct kv_run *run);

/* The calls of the engine on one entry of KV_VALUE_SIZE, with what the engine gave checked. */
void kv_run_put(struct kv_worker *worker, uint64_t number, uint64_t version);
/* Returns the version; dies if the entry is not there. */
uint64_t kv_run_get(struct kv_worker *worker, uint64_t number);
/* Checks a pair that a cursor gave; returns its number. */
uint64_t kv_run_check_pair(const struct kv_pair *pair);
/* Flushes, syncs and waits for the engine to come to rest. */
void kv_run_settle(const struct kv_run *run);

/* kv_write.c */
void kv_write_random(struct kv_run *run);
void kv_write_again(struct kv_run *run);
void kv_write_sequential(struct kv_run *run);
void kv_write_batches(struct kv_run *run);
void kv_write_batches_random(struct kv_run *run);
void kv_write_large(struct kv_run *run);
void kv_write_many(struct kv_run *run);
/* kv_read.c */
void kv_read_get(struct kv_run *run);
void kv_read_missing(struct kv_run *run);
void kv_read_seek(struct kv_run *run);
void kv_read_scan(struct kv_run *run);
void kv_read_large(struct kv_run *run);
void kv_read_large_pinned(struct kv_run *run);
/* kv_mixed.c */
void kv_mixed_a(struct kv_run *run);
void kv_mixed_b(struct kv_run *run);
void kv_mixed_c(struct kv_run *run);
void kv_mixed_d(struct kv_run *run);
void kv_mixed_e(struct kv_run *run);
void kv_mixed_f(struct kv_run *run);
/* kv_threads.c */
void kv_threads_sync_1(struct kv_run *run);
void kv_threads_sync_8(struct kv_run *run);
void kv_threads_reader_writer(struct kv_run *run);
/* kv_life.c */
void kv_life_open(struct kv_run *run);
void kv_life_crash(struct kv_run *run);
void kv_life_open_crashed(struct kv_run *run);
void kv_life_memory(struct kv_run *run);
void kv_life_control(struct kv_run *run);
/* kv_checkpoint.c */
void kv_checkpoint_times(struct kv_run *run);
void kv_checkpoint_history(struct kv_run *run);
void kv_checkpoint_deep(struct kv_run *run);
/* kv_check.c */
void kv_check_adapter(struct kv_run *run);

/* Entries of the smaller data sets, as parts of the whole one. */
static inline uint64_t
kv_large_entries(const struct kv_run *run)
{
    return run->entries / 300 + 1;
}
static inline uint64_t
kv_log_entries(const struct kv_run *run)
{
    return run->entries / 8 + 1;
}

#endif
