/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_life.c: opening after a clean close and after a kill, memory against its budget, and the
 * control loop.
 *
 * Opening counts until one value has been got, so that nothing can be put off. The crash is a
 * SIGKILL that the process sends itself when its last put has returned, before the engine would
 * move the log's entries into tables (some 47 MB against write buffers of 64 MiB); the process that
 * opens the store then must find all of them.
 */
#include <signal.h>
#include <stdlib.h>

#include "kv_run.h"

static void
time_open(struct kv_run *run, uint64_t entries)
{
    struct kv_order order = kv_order_make(entries, run->seed * 2);
    struct kv_span begun = kv_span_begin();
    kv_run_open(run);
    (void)kv_run_get(run->worker, kv_number_of(kv_order_at(&order, entries - 1)));
    struct kv_span spent = kv_span_since(begun);
    kv_print(run->row, "_ms", &spent, spent.wall * 1e3);
}

void
kv_life_open(struct kv_run *run)
{
    time_open(run, run->entries);
    kv_run_close(run);
}

void
kv_life_crash(struct kv_run *run)
{
    uint64_t entries = kv_log_entries(run);
    struct kv_order order = kv_order_make(entries, run->seed * 2);
    for (uint64_t i = 0; i < entries; i++) {
        kv_run_put(run->worker, kv_number_of(kv_order_at(&order, i)), 0);
    }
    if (raise(SIGKILL) != 0) {
        kv_die("could not kill itself");
    }
}

void
kv_life_open_crashed(struct kv_run *run)
{
    uint64_t entries = kv_log_entries(run);
    time_open(run, entries);
    for (uint64_t i = 0; i < entries; i++) {
        (void)kv_run_get(run->worker, kv_number_of(i));
    }
    kv_run_close(run);
}

/* All entries are overwritten, then half as many got, then all scanned. */
void
kv_life_memory(struct kv_run *run)
{
    struct kv_order order = kv_order_make(run->entries, run->seed);
    struct kv_random random = {run->seed};
    struct kv_pair pair;
    uint64_t base = kv_resident_bytes();
    struct kv_span begun = kv_span_begin();
    kv_run_open(run);
    for (uint64_t i = 0; i < run->entries; i++) {
        kv_run_put(run->worker, kv_number_of(kv_order_at(&order, i)), run->seed);
    }
    for (uint64_t i = 0; i < run->entries / 2; i++) {
        (void)kv_run_get(run->worker, kv_number_of(kv_random_below(&random, run->entries)));
    }
    bool more = kv_engine.cursor_seek(run->worker, (struct kv_bytes){"", 0}, &pair);
    for (; more; more = kv_engine.cursor_next(run->worker, &pair)) {
        (void)kv_run_check_pair(&pair);
    }
    kv_engine.cursor_end(run->worker);
    kv_run_close(run);
    struct kv_span spent = kv_span_since(begun);
    double peak = (double)(kv_resident_bytes_max() - base);
    double budget = (double)run->setup.memory_bytes;
    kv_print(run->row, "_percent", &spent, 100 * (peak - budget) / budget);
}

/* What the loop of kv_write.c takes where no engine is called, and how long the machine stops it. */
void
kv_life_control(struct kv_run *run)
{
    struct kv_histogram *histogram = calloc(1, sizeof(*histogram));
    struct kv_order order = kv_order_make(run->entries, run->seed * 2);
    uint64_t done = 0;
    uint64_t version;
    if (histogram == NULL) {
        kv_die("out of memory");
    }
    struct kv_span begun = kv_span_begin();
    uint64_t then = kv_now();
    uint64_t deadline = then + (uint64_t)(run->seconds * 2e9);
    while (then < deadline) {
        uint8_t key[KV_KEY_SIZE];
        uint8_t value[KV_VALUE_SIZE];
        uint64_t number = kv_number_of(kv_order_at(&order, done % run->entries));
        kv_key_write(key, number);
        kv_value_write(value, sizeof(value), number, done);
        if (!kv_value_read(value, sizeof(value), number, &version) || version != done) {
            kv_die("a value is wrong");
        }
        done++;
        uint64_t now = kv_now();
        kv_histogram_add(histogram, now - then);
        then = now;
    }
    struct kv_span spent = kv_span_since(begun);
    /* It stands beside the rows of "put". */
    kv_print("put", "", &spent, (double)done / spent.wall);
    kv_print_latencies("put", histogram);
    free(histogram);
}
