/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_checkpoint.c: making checkpoints of a filled store, restoring them, comparing two; and the
 * cost of a long history for reads of the present state.
 *
 * Times. One entry is put before each checkpoint and each restore, so no state has two checkpoints.
 * The comparison is of two checkpoints between which a thousandth of the entries was overwritten,
 * 100 side by side at each of many places; it is given by a scan of everything, both done once
 * before for warmth.
 *
 * History. Two stores get the same puts: a thousand times a tenth of their entries. One of them
 * gets a checkpoint after each tenth as well; later it is restored a thousand times, with puts in
 * between, to end with the same data. What gets and scans of it take, by what they take in the
 * other store, is the cost; the two take turns, and CPU seconds count.
 *
 * Deep. Ten thousand times a put, a checkpoint, another put, and a restore of the checkpoint, so that
 * each restore is of what the one before has made, with the least memory that a store takes; a flush
 * after each 500. The last flush is timed, and what is done with the store then.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kv_run.h"

enum {
    CHECKPOINTS = 100,
    RESTORES = 50,
    CLUSTER = 100,       /* entries side by side */
    CLUSTER_EVERY = 1000 /* clusters, of which one is overwritten */
};

/* Versions of entries that are written here. */
static const uint64_t marked = UINT64_C(1) << 41;

static const char *
name_of(char buffer[32], uint64_t i)
{
    (void)snprintf(buffer, 32, "checkpoint-%" PRIu64, i);
    return buffer;
}

static int
compare_times(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Two lines: the median and the longest. */
static void
print_times(const char *row, const char *what, uint64_t *times, size_t count)
{
    char suffix[64];
    size_t middle = count / 2;
    qsort(times, count, sizeof(*times), compare_times);
    (void)snprintf(suffix, sizeof(suffix), "_%s_ms", what);
    kv_print(row, suffix, NULL, (double)times[middle] * 1e-6);
    (void)snprintf(suffix, sizeof(suffix), "_%s_longest_ms", what);
    kv_print(row, suffix, NULL, (double)times[count - 1] * 1e-6);
}

static void
time_checkpoints(struct kv_run *run)
{
    uint64_t times[CHECKPOINTS];
    char name[32];
    for (uint64_t i = 0; i < CHECKPOINTS; i++) {
        kv_run_put(run->worker, kv_number_of(0), marked + i);
        uint64_t begun = kv_now();
        kv_engine.checkpoint(run->store, name_of(name, i));
        times[i] = kv_now() - begun;
    }
    print_times(run->row, "create", times, CHECKPOINTS);
}

static void
time_restores(struct kv_run *run)
{
    uint64_t times[RESTORES];
    char name[32];
    for (uint64_t i = 0; i < RESTORES; i++) {
        uint64_t to = i * 7 % CHECKPOINTS;
        kv_run_put(run->worker, kv_number_of(0), marked + CHECKPOINTS + i);
        uint64_t begun = kv_now();
        kv_engine.restore(run->store, name_of(name, to));
        times[i] = kv_now() - begun;
        if (kv_run_get(run->worker, kv_number_of(0)) != marked + to) {
            kv_die("the restore gave another state");
        }
    }
    print_times(run->row, "restore", times, RESTORES);
}

/* Scans everything; returns how many entries there are. */
static uint64_t
scan_all(struct kv_worker *worker)
{
    struct kv_pair pair;
    uint64_t found = 0;
    bool more = kv_engine.cursor_seek(worker, (struct kv_bytes){"", 0}, &pair);
    for (; more; more = kv_engine.cursor_next(worker, &pair)) {
        (void)kv_run_check_pair(&pair);
        found++;
    }
    kv_engine.cursor_end(worker);
    return found;
}

static void
time_difference(struct kv_run *run)
{
    uint64_t changed = 0;
    double scan = 0;
    double difference = 0;
    kv_engine.checkpoint(run->store, "before");
    for (uint64_t i = 0; i < run->entries; i++) {
        if (i / CLUSTER % CLUSTER_EVERY == 0) {
            kv_run_put(run->worker, kv_number_of(i), marked * 2);
            changed++;
        }
    }
    kv_engine.checkpoint(run->store, "after");
    kv_run_settle(run);
    for (int round = 0; round < 2; round++) {
        struct kv_span begun = kv_span_begin();
        (void)scan_all(run->worker);
        scan = kv_span_since(begun).wall;
        begun = kv_span_begin();
        if (kv_engine.difference(run->store, "before", "after") != changed) {
            kv_die("the comparison gave another number of differences");
        }
        difference = kv_span_since(begun).wall;
    }
    kv_print(run->row, "_difference_percent", NULL, 100 * difference / scan);
}

void
kv_checkpoint_times(struct kv_run *run)
{
    time_checkpoints(run);
    if (kv_engine.restore != NULL) {
        time_restores(run);
    }
    if (kv_engine.difference != NULL) {
        time_difference(run);
    }
}

/* ---- history ---- */

enum { ROUNDS = 1000, TURNS = 5 };

/* A store of its own, in a new directory beside the run's. */
static struct kv_run
make_part(const struct kv_run *run, const char *name, char path[4096])
{
    struct kv_run part = *run;
    int size = snprintf(path, 4096, "%s/%s", run->setup.directory, name);
    if (size < 0 || size >= 4096 || mkdir(path, 0777) != 0) {
        kv_die("could not make a directory for a store");
    }
    part.setup.directory = path;
    return part;
}

/* One of the two stores, as a run of its own. */
static struct kv_run
open_part(const struct kv_run *run, const char *name, char path[4096])
{
    struct kv_run part = make_part(run, name, path);
    part.setup.memory_bytes /= 2;
    part.entries = run->entries / 30;
    kv_run_open(&part);
    return part;
}

static void
put_tenth(struct kv_run *part, uint64_t round)
{
    struct kv_order order = kv_order_make(part->entries, part->seed + round);
    for (uint64_t i = 0; i < part->entries / 10; i++) {
        kv_run_put(part->worker, kv_number_of(kv_order_at(&order, i)), marked + round);
    }
}

static double
cpu_of_gets(struct kv_run *part, uint64_t *sum)
{
    struct kv_random random = {part->seed};
    struct kv_span begun = kv_span_begin();
    for (uint64_t i = 0; i < part->entries; i++) {
        *sum += kv_run_get(part->worker, kv_number_of(kv_random_below(&random, part->entries)));
    }
    struct kv_span spent = kv_span_since(begun);
    return spent.user + spent.system;
}

static double
cpu_of_scans(struct kv_run *part, uint64_t *sum)
{
    struct kv_span begun = kv_span_begin();
    for (int i = 0; i < TURNS; i++) {
        *sum += scan_all(part->worker);
    }
    struct kv_span spent = kv_span_since(begun);
    return spent.user + spent.system;
}

/* Prints what one of the two readings takes of `kept`, by what it takes of `plain`. */
static void
compare(struct kv_run *kept, struct kv_run *plain, const char *suffix,
        double (*cpu_of)(struct kv_run *part, uint64_t *sum))
{
    double kept_cpu = 0;
    double plain_cpu = 0;
    uint64_t kept_sum = 0;
    uint64_t plain_sum = 0;
    (void)cpu_of(kept, &kept_sum);
    (void)cpu_of(plain, &plain_sum);
    for (int turn = 0; turn < TURNS; turn++) {
        kept_cpu += cpu_of(kept, &kept_sum);
        plain_cpu += cpu_of(plain, &plain_sum);
    }
    if (kept_sum != plain_sum) {
        kv_die("the two stores have different data");
    }
    kv_print(kept->row, suffix, NULL, kept_cpu / plain_cpu);
}

static void
compare_both(struct kv_run *kept, struct kv_run *plain, const char *gets, const char *scans)
{
    kv_run_settle(kept);
    kv_run_settle(plain);
    compare(kept, plain, gets, cpu_of_gets);
    compare(kept, plain, scans, cpu_of_scans);
}

void
kv_checkpoint_history(struct kv_run *run)
{
    char paths[2][4096];
    char name[32];
    struct kv_run kept = open_part(run, "kept", paths[0]);
    struct kv_run plain = open_part(run, "plain", paths[1]);
    for (uint64_t i = 0; i < plain.entries; i++) {
        kv_run_put(kept.worker, kv_number_of(i), 0);
        kv_run_put(plain.worker, kv_number_of(i), 0);
    }
    for (uint64_t round = 0; round < ROUNDS; round++) {
        put_tenth(&kept, round);
        kv_engine.checkpoint(kept.store, name_of(name, round));
        put_tenth(&plain, round);
    }
    compare_both(&kept, &plain, "_get", "_scan");
    for (uint64_t round = 0; round < ROUNDS; round++) {
        kv_run_put(kept.worker, kv_number_of(round % kept.entries), marked + ROUNDS);
        kv_engine.restore(kept.store, name_of(name, (ROUNDS - 1) - (ROUNDS - 1 - round) % 500));
    }
    compare_both(&kept, &plain, "_restored_get", "_restored_scan");
    kv_run_close(&kept);
    kv_run_close(&plain);
}

/* ---- ten thousand of each ---- */

enum { DEEP_MAX = 10000, DEEP_KEYS = 1000, DEEP_FLUSH = 500 };

/* Prints the milliseconds of all that came since. */
static void
print_ms(struct kv_run *run, const char *suffix, struct kv_span begun)
{
    struct kv_span spent = kv_span_since(begun);
    kv_print(run->row, suffix, &spent, spent.wall * 1e3);
}

static void
make_deep(struct kv_run *part, uint64_t rounds)
{
    struct kv_span flush = {0};
    struct kv_span begun = kv_span_begin();
    char name[32];
    for (uint64_t i = 0; i < rounds; i++) {
        kv_run_put(part->worker, kv_number_of(i % DEEP_KEYS), marked + i);
        kv_engine.checkpoint(part->store, name_of(name, i));
        kv_run_put(part->worker, kv_number_of((i + 1) % DEEP_KEYS), marked * 2);
        kv_engine.restore(part->store, name_of(name, i));
        if (kv_engine.flush != NULL && i % DEEP_FLUSH == DEEP_FLUSH - 1) {
            flush = kv_span_begin();
            kv_engine.flush(part->store);
            flush = kv_span_since(flush);
        }
    }
    print_ms(part, "_all_ms", begun);
    kv_print(part->row, "_flush_ms", &flush, flush.wall * 1e3);
}

static void
read_deep(struct kv_run *part, uint64_t rounds)
{
    char name[32];
    struct kv_span begun = kv_span_begin();
    for (uint64_t i = 0; i < DEEP_KEYS; i++) {
        uint64_t newest = rounds - DEEP_KEYS + i;
        if (kv_run_get(part->worker, kv_number_of(i)) != marked + newest) {
            kv_die("a restore gave another state");
        }
    }
    print_ms(part, "_get_1000_ms", begun);
    begun = kv_span_begin();
    if (scan_all(part->worker) != DEEP_KEYS) {
        kv_die("a scan gave another number of entries");
    }
    print_ms(part, "_scan_1000_ms", begun);
    begun = kv_span_begin();
    kv_engine.checkpoint(part->store, "last");
    print_ms(part, "_create_ms", begun);
    begun = kv_span_begin();
    kv_engine.restore(part->store, name_of(name, rounds / 2));
    print_ms(part, "_restore_ms", begun);
    if (kv_engine.difference != NULL) {
        begun = kv_span_begin();
        if (kv_engine.difference(part->store, name_of(name, rounds / 2), "last") != DEEP_KEYS) {
            kv_die("the comparison gave another number of differences");
        }
        print_ms(part, "_difference_ms", begun);
    }
}

void
kv_checkpoint_deep(struct kv_run *run)
{
    char path[4096];
    struct kv_run part = make_part(run, "deep", path);
    /* A trial with few entries is over soon; the row of the table has all rounds. */
    uint64_t rounds = run->entries < DEEP_MAX ? 4 * DEEP_KEYS : DEEP_MAX;
    uint64_t base = kv_resident_bytes();
    part.setup.memory_bytes = 1 << 20;
    kv_run_open(&part);
    make_deep(&part, rounds);
    read_deep(&part, rounds);
    kv_run_close(&part);
    struct kv_span begun = kv_span_begin();
    kv_run_open(&part);
    print_ms(&part, "_open_ms", begun);
    kv_run_close(&part);
    kv_print(run->row, "_peak_mib", NULL,
             (double)(kv_resident_bytes_max() - base) / (double)(1 << 20));
}
