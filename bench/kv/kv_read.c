/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_read.c: workloads of one thread that only read, on a store that is warm: before the clock
 * starts, every eighth entry is read in key order, which touches every block even if an engine's
 * cache treats scans apart, and then the engine becomes idle.
 */
#include <stdlib.h>

#include "kv_run.h"

static void
warm(struct kv_run *run)
{
    for (uint64_t i = 0; i < run->entries; i += 8) {
        (void)kv_run_get(run->worker, kv_number_of(i));
    }
    kv_wait_quiet((uint64_t)(run->seconds * 1e9 / 25));
}

void
kv_read_get(struct kv_run *run)
{
    struct kv_histogram *histogram = calloc(1, sizeof(*histogram));
    struct kv_random random = {run->seed};
    uint64_t count = run->entries / 3;
    if (histogram == NULL) {
        kv_die("out of memory");
    }
    warm(run);
    struct kv_span begun = kv_span_begin();
    uint64_t then = kv_now();
    for (uint64_t i = 0; i < count; i++) {
        (void)kv_run_get(run->worker, kv_number_of(kv_random_below(&random, run->entries)));
        uint64_t now = kv_now();
        kv_histogram_add(histogram, now - then);
        then = now;
    }
    struct kv_span spent = kv_span_since(begun);
    kv_print(run->row, "", &spent, (double)count / spent.wall);
    kv_print(run->row, "_p50_us", NULL, kv_histogram_at(histogram, 0.5) * 1e-3);
    kv_print(run->row, "_p999_us", NULL, kv_histogram_at(histogram, 0.999) * 1e-3);
    free(histogram);
}

void
kv_read_missing(struct kv_run *run)
{
    struct kv_random random = {run->seed};
    uint64_t count = run->entries / 3;
    warm(run);
    struct kv_span begun = kv_span_begin();
    for (uint64_t i = 0; i < count; i++) {
        uint8_t key[KV_KEY_SIZE];
        struct kv_bytes value;
        kv_key_write(key, kv_number_missing(kv_random_below(&random, run->entries)));
        if (kv_engine.get(run->worker, (struct kv_bytes){key, sizeof(key)}, &value)) {
            kv_die("found a key that was never written");
        }
    }
    struct kv_span spent = kv_span_since(begun);
    kv_print(run->row, "", &spent, (double)count / spent.wall);
}

/* To an entry that is there, and the ten after it, or as many as there are. */
static void
seek_and_next(struct kv_run *run, uint64_t entry)
{
    uint8_t key[KV_KEY_SIZE];
    struct kv_pair pair;
    kv_key_write(key, kv_number_of(entry));
    bool more = kv_engine.cursor_seek(run->worker, (struct kv_bytes){key, sizeof(key)}, &pair);
    for (uint64_t i = 0; i <= 10; i++) {
        if (more != (entry + i < run->entries)) {
            kv_die("the cursor ends in the wrong place");
        }
        if (!more) {
            break;
        }
        if (kv_run_check_pair(&pair) != kv_number_of(entry + i)) {
            kv_die("the cursor gave another entry than the next one");
        }
        more = i == 10 || kv_engine.cursor_next(run->worker, &pair);
    }
    kv_engine.cursor_end(run->worker);
}

void
kv_read_seek(struct kv_run *run)
{
    struct kv_random random = {run->seed};
    uint64_t count = run->entries / 15;
    warm(run);
    struct kv_span begun = kv_span_begin();
    for (uint64_t i = 0; i < count; i++) {
        seek_and_next(run, kv_random_below(&random, run->entries));
    }
    struct kv_span spent = kv_span_since(begun);
    kv_print(run->row, "", &spent, (double)count / spent.wall);
}

void
kv_read_scan(struct kv_run *run)
{
    struct kv_pair pair;
    uint64_t found = 0;
    warm(run);
    struct kv_span begun = kv_span_begin();
    bool more = kv_engine.cursor_seek(run->worker, (struct kv_bytes){"", 0}, &pair);
    for (; more; more = kv_engine.cursor_next(run->worker, &pair)) {
        if (kv_run_check_pair(&pair) != kv_number_of(found)) {
            kv_die("the scan gave another entry than the next one");
        }
        found++;
    }
    kv_engine.cursor_end(run->worker);
    struct kv_span spent = kv_span_since(begun);
    if (found != run->entries) {
        kv_die("the scan gave %llu entries", (unsigned long long)found);
    }
    kv_print(run->row, "", &spent, (double)found / spent.wall);
}

static void
read_large(struct kv_run *run,
           bool (*get)(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes *out_value))
{
    struct kv_random random = {run->seed};
    uint64_t entries = kv_large_entries(run);
    struct kv_span begun = {0};
    /* First all of them, for warmth; then as many again, measured. */
    for (uint64_t i = 0; i < 2 * entries; i++) {
        uint8_t key[KV_KEY_SIZE];
        struct kv_bytes value;
        uint64_t version;
        if (i == entries) {
            begun = kv_span_begin();
        }
        uint64_t number = kv_number_of(i < entries ? i : kv_random_below(&random, entries));
        kv_key_write(key, number);
        if (!get(run->worker, (struct kv_bytes){key, sizeof(key)}, &value) ||
            value.size != KV_LARGE_SIZE ||
            !kv_value_read(value.data, value.size, number, &version)) {
            kv_die("a large value is missing or wrong");
        }
    }
    struct kv_span spent = kv_span_since(begun);
    kv_print(run->row, "", &spent, (double)entries / spent.wall);
}

void
kv_read_large(struct kv_run *run)
{
    read_large(run, kv_engine.get);
}

void
kv_read_large_pinned(struct kv_run *run)
{
    read_large(run, kv_engine.get_pinned != NULL ? kv_engine.get_pinned : kv_engine.get);
}
