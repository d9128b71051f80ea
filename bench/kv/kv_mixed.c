/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_mixed.c: the core workloads A to F of YCSB (Cooper et al., "Benchmarking cloud serving systems
 * with YCSB", SoCC 2010), in one thread, on entries of the benchmark's own size.
 *
 * Entries are chosen by Zipf's law; the popular ones are spread over the order of keys, and in D
 * they are the youngest. An update writes the whole entry; F gets it first. A scan of E starts at
 * such an entry and takes 1 to 100; the entries that D and E add lie between the others.
 */
#include "kv_run.h"

struct mixed {
    struct kv_run *run;
    struct kv_random random;
    struct kv_zipf zipf;
    struct kv_order popular;
    struct kv_order added;
    uint64_t additions;
};

typedef void (*operation)(struct mixed *mixed, uint64_t i);

struct mix {
    unsigned percent; /* of the operations are the first one */
    operation first;
    operation second;
};

/* Versions of updates, unlike those of overwriting. */
static const uint64_t updated = UINT64_C(1) << 40;

static uint64_t
popular_entry(struct mixed *mixed)
{
    return kv_order_at(&mixed->popular, kv_zipf_next(&mixed->zipf, &mixed->random));
}

static void
read_entry(struct mixed *mixed, uint64_t i)
{
    (void)i;
    (void)kv_run_get(mixed->run->worker, kv_number_of(popular_entry(mixed)));
}

static void
update(struct mixed *mixed, uint64_t i)
{
    kv_run_put(mixed->run->worker, kv_number_of(popular_entry(mixed)), updated + i);
}

static void
modify(struct mixed *mixed, uint64_t i)
{
    uint64_t number = kv_number_of(popular_entry(mixed));
    (void)kv_run_get(mixed->run->worker, number);
    kv_run_put(mixed->run->worker, number, updated + i);
}

/* What D added is younger than all else. */
static void
read_young(struct mixed *mixed, uint64_t i)
{
    uint64_t rank = kv_zipf_next(&mixed->zipf, &mixed->random);
    uint64_t additions = mixed->additions;
    (void)i;
    (void)kv_run_get(mixed->run->worker,
                     rank < additions
                         ? kv_number_young(kv_order_at(&mixed->added, additions - 1 - rank))
                         : kv_number_of(kv_order_at(&mixed->popular, rank - additions)));
}

static void
add_young(struct mixed *mixed, uint64_t i)
{
    (void)i;
    kv_run_put(mixed->run->worker, kv_number_young(kv_order_at(&mixed->added, mixed->additions++)),
               updated);
}

static void
add(struct mixed *mixed, uint64_t i)
{
    (void)i;
    kv_run_put(mixed->run->worker, kv_number_added(kv_order_at(&mixed->added, mixed->additions++)),
               updated);
}

static void
scan(struct kv_run *run, uint64_t entry, uint64_t length)
{
    uint8_t key[KV_KEY_SIZE];
    struct kv_pair pair;
    uint64_t last = 0;
    kv_key_write(key, kv_number_of(entry));
    bool more = kv_engine.cursor_seek(run->worker, (struct kv_bytes){key, sizeof(key)}, &pair);
    for (uint64_t i = 0; more && i < length; i++) {
        uint64_t number = kv_run_check_pair(&pair);
        if (i == 0 ? number != kv_number_of(entry) : number <= last) {
            kv_die("the scan gave another entry than the next one");
        }
        last = number;
        more = i + 1 == length || kv_engine.cursor_next(run->worker, &pair);
    }
    kv_engine.cursor_end(run->worker);
}

static void
scan_some(struct mixed *mixed, uint64_t i)
{
    uint64_t entry = popular_entry(mixed);
    (void)i;
    scan(mixed->run, entry, 1 + kv_random_below(&mixed->random, 100));
}

static void
run_mix(struct kv_run *run, const struct mix *mix, uint64_t count)
{
    struct mixed mixed = {.run = run,
                          .random = {run->seed},
                          .zipf = kv_zipf_make(run->entries),
                          .popular = kv_order_make(run->entries, 7),
                          .added = kv_order_make(run->entries, run->seed)};
    for (uint64_t i = 0; i < run->entries; i += 8) {
        (void)kv_run_get(run->worker, kv_number_of(i));
    }
    kv_wait_quiet((uint64_t)(run->seconds * 1e9 / 25));
    struct kv_span begun = kv_span_begin();
    for (uint64_t i = 0; i < count; i++) {
        bool is_first = kv_random_below(&mixed.random, 100) < mix->percent;
        (is_first ? mix->first : mix->second)(&mixed, i);
    }
    struct kv_span spent = kv_span_since(begun);
    kv_print(run->row, "", &spent, (double)count / spent.wall);
}

void
kv_mixed_a(struct kv_run *run)
{
    run_mix(run, &(struct mix){50, read_entry, update}, run->entries / 6);
}

void
kv_mixed_b(struct kv_run *run)
{
    run_mix(run, &(struct mix){95, read_entry, update}, run->entries / 6);
}

void
kv_mixed_c(struct kv_run *run)
{
    run_mix(run, &(struct mix){100, read_entry, update}, run->entries / 6);
}

void
kv_mixed_d(struct kv_run *run)
{
    run_mix(run, &(struct mix){95, read_young, add_young}, run->entries / 6);
}

void
kv_mixed_e(struct kv_run *run)
{
    run_mix(run, &(struct mix){95, scan_some, add}, run->entries / 30);
}

void
kv_mixed_f(struct kv_run *run)
{
    run_mix(run, &(struct mix){50, read_entry, modify}, run->entries / 6);
}
