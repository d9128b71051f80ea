/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_write.c: workloads of one thread that only write.
 *
 * The time of a row is that of the calls. Its CPU seconds and the bytes written are counted until
 * the engine is idle, so deferred work is included. Latencies are taken from one clock reading a
 * call: each holds the making of key and value (kv_life_control measures how much that is), and a
 * stop cannot hide between two readings.
 *
 * Many keyspaces: a fifteenth of the entries, each into the next of 200 keyspaces, with little
 * memory: all of them have something in it, and none has much.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "kv_run.h"

enum { BATCH = 100, ENTRY_SIZE = KV_KEY_SIZE + KV_VALUE_SIZE };

/* Every entry once, in random order. */
static void
write_all(struct kv_run *run, uint64_t version)
{
    struct kv_histogram *histogram = calloc(1, sizeof(*histogram));
    struct kv_order order = kv_order_make(run->entries, run->seed * 2 + (version != 0));
    uint64_t written = kv_written_bytes();
    if (histogram == NULL) {
        kv_die("out of memory");
    }
    struct kv_span begun = kv_span_begin();
    uint64_t then = kv_now();
    for (uint64_t i = 0; i < run->entries; i++) {
        kv_run_put(run->worker, kv_number_of(kv_order_at(&order, i)), version);
        uint64_t now = kv_now();
        kv_histogram_add(histogram, now - then);
        then = now;
    }
    struct kv_span calls = kv_span_since(begun);
    kv_run_settle(run);
    struct kv_span spent = kv_span_since(begun);
    spent.wall = calls.wall;
    written = kv_written_bytes() - written;

    kv_print(run->row, "", &spent, (double)run->entries / calls.wall);
    kv_print_latencies(run->row, histogram);
    kv_print(run->row, "_written", NULL, (double)written / (double)(run->entries * ENTRY_SIZE));
    free(histogram);
}

/* Random entries have this version. */
static void
check_some(struct kv_run *run, uint64_t version)
{
    struct kv_random random = {run->seed};
    for (int i = 0; i < 10000; i++) {
        uint64_t number = kv_number_of(kv_random_below(&random, run->entries));
        uint64_t found = kv_run_get(run->worker, number);
        if (found != version) {
            kv_die("entry %llu has version %llu instead of %llu", (unsigned long long)number,
                   (unsigned long long)found, (unsigned long long)version);
        }
    }
}

void
kv_write_random(struct kv_run *run)
{
    write_all(run, 0);
    check_some(run, 0);
}

void
kv_write_again(struct kv_run *run)
{
    write_all(run, run->seed);
    check_some(run, run->seed);
}

void
kv_write_sequential(struct kv_run *run)
{
    struct kv_span begun = kv_span_begin();
    for (uint64_t i = 0; i < run->entries; i++) {
        kv_run_put(run->worker, kv_number_of(i), 0);
    }
    struct kv_span calls = kv_span_since(begun);
    kv_run_settle(run);
    struct kv_span spent = kv_span_since(begun);
    spent.wall = calls.wall;
    kv_print(run->row, "", &spent, (double)run->entries / calls.wall);
    check_some(run, 0);
}

/* Makes the entries order[first …] and writes them in one call. */
static void
write_batch(struct kv_run *run, const struct kv_order *order, uint64_t first)
{
    static uint8_t keys[BATCH][KV_KEY_SIZE];
    static uint8_t values[BATCH][KV_VALUE_SIZE];
    struct kv_pair pairs[BATCH];
    size_t count = run->entries - first < BATCH ? (size_t)(run->entries - first) : BATCH;
    for (size_t i = 0; i < count; i++) {
        uint64_t at = order == NULL ? first + i : kv_order_at(order, first + i);
        uint64_t number = kv_number_of(at);
        kv_key_write(keys[i], number);
        kv_value_write(values[i], KV_VALUE_SIZE, number, 0);
        pairs[i].key = (struct kv_bytes){keys[i], KV_KEY_SIZE};
        pairs[i].value = (struct kv_bytes){values[i], KV_VALUE_SIZE};
    }
    kv_engine.put_batch(run->worker, pairs, count);
}

static void
write_batches(struct kv_run *run, const struct kv_order *order)
{
    struct kv_span begun = kv_span_begin();
    for (uint64_t first = 0; first < run->entries; first += BATCH) {
        write_batch(run, order, first);
    }
    struct kv_span calls = kv_span_since(begun);
    kv_run_settle(run);
    struct kv_span spent = kv_span_since(begun);
    spent.wall = calls.wall;
    kv_print(run->row, "", &spent, (double)run->entries / calls.wall);
    check_some(run, 0);
}

void
kv_write_batches(struct kv_run *run)
{
    write_batches(run, NULL);
}

void
kv_write_batches_random(struct kv_run *run)
{
    struct kv_order order = kv_order_make(run->entries, run->seed * 2);
    write_batches(run, &order);
}

void
kv_write_large(struct kv_run *run)
{
    static uint8_t value[KV_LARGE_SIZE];
    uint8_t key[KV_KEY_SIZE];
    uint64_t entries = kv_large_entries(run);
    struct kv_order order = kv_order_make(entries, run->seed);
    struct kv_span begun = kv_span_begin();
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t number = kv_number_of(kv_order_at(&order, i));
        kv_key_write(key, number);
        kv_value_write(value, sizeof(value), number, 0);
        kv_engine.put(run->worker, (struct kv_bytes){key, sizeof(key)},
                      (struct kv_bytes){value, sizeof(value)});
    }
    struct kv_span calls = kv_span_since(begun);
    kv_run_settle(run);
    struct kv_span spent = kv_span_since(begun);
    spent.wall = calls.wall;
    kv_print(run->row, "", &spent, (double)entries / calls.wall);
}

/* ---- many keyspaces ---- */

enum { SPACES = 200 };

static void
put_turns(struct kv_run *part, uint64_t entries)
{
    uint8_t key[KV_KEY_SIZE];
    uint8_t value[KV_VALUE_SIZE];
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t number = kv_number_of(i);
        kv_key_write(key, number);
        kv_value_write(value, sizeof(value), number, 0);
        kv_engine.put_into(part->worker, (unsigned)(i % SPACES),
                           (struct kv_bytes){key, sizeof(key)},
                           (struct kv_bytes){value, sizeof(value)});
    }
}

static void
check_turns(struct kv_run *part, uint64_t entries)
{
    uint8_t key[KV_KEY_SIZE];
    for (uint64_t i = 0; i < entries; i += 97) {
        uint64_t number = kv_number_of(i);
        uint64_t version;
        struct kv_bytes value;
        kv_key_write(key, number);
        if (!kv_engine.get_from(part->worker, (unsigned)(i % SPACES),
                                (struct kv_bytes){key, sizeof(key)}, &value) ||
            !kv_value_read(value.data, value.size, number, &version)) {
            kv_die("entry %llu of many keyspaces is not there", (unsigned long long)i);
        }
    }
}

static void
write_many(const struct kv_run *run, unsigned mib, const char *suffix)
{
    char path[4096];
    struct kv_run part = *run;
    uint64_t entries = run->entries / 15;
    (void)snprintf(path, sizeof(path), "%s/many-%u", run->setup.directory, mib);
    if (mkdir(path, 0700) != 0) {
        kv_die("could not make %s", path);
    }
    part.setup =
        (struct kv_setup){.directory = path, .memory_bytes = (uint64_t)mib << 20, .spaces = SPACES};
    kv_run_open(&part);
    struct kv_span begun = kv_span_begin();
    put_turns(&part, entries);
    struct kv_span calls = kv_span_since(begun);
    kv_run_settle(&part);
    struct kv_span spent = kv_span_since(begun);
    spent.wall = calls.wall;
    kv_print(run->row, suffix, &spent, (double)entries / calls.wall);
    check_turns(&part, entries);
    kv_run_close(&part);
}

void
kv_write_many(struct kv_run *run)
{
    write_many(run, 8, "_8");
    write_many(run, 64, "_64");
}
