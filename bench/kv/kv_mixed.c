/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_mixed.c: the core workloads A, B, C and E of YCSB (Cooper et al., "Benchmarking cloud serving
 * systems with YCSB", SoCC 2010), in one thread, on entries of the benchmark's own size.
 *
 * Which entry is asked for goes by Zipf's law; the popular ones lie anywhere in the order of keys.
 * An update writes the whole entry. A scan of E starts at such an entry and takes 1 to 100; the
 * entries that E adds lie between the others.
 */
#include "kv_run.h"

struct mix {
    unsigned reads_percent; /* the rest updates, in E additions */
    bool scans;             /* the reads are scans */
};

/* Versions of updates, unlike those of overwriting. */
static const uint64_t updated = UINT64_C(1) << 40;

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
run_mix(struct kv_run *run, const struct mix *mix, uint64_t count)
{
    struct kv_random random = {run->seed};
    struct kv_zipf zipf = kv_zipf_make(run->entries);
    struct kv_order order = kv_order_make(run->entries, 7);
    struct kv_order added = kv_order_make(run->entries, run->seed);
    uint64_t additions = 0;
    for (uint64_t i = 0; i < run->entries; i += 8) {
        (void)kv_run_get(run->worker, kv_number_of(i));
    }
    kv_wait_quiet((uint64_t)(run->seconds * 1e9 / 25));
    struct kv_span begun = kv_span_begin();
    for (uint64_t i = 0; i < count; i++) {
        bool is_read = kv_random_below(&random, 100) < mix->reads_percent;
        uint64_t entry = kv_order_at(&order, kv_zipf_next(&zipf, &random));
        if (is_read && mix->scans) {
            scan(run, entry, 1 + kv_random_below(&random, 100));
        } else if (is_read) {
            (void)kv_run_get(run->worker, kv_number_of(entry));
        } else if (mix->scans) {
            kv_run_put(run->worker, kv_number_added(kv_order_at(&added, additions++)), updated);
        } else {
            kv_run_put(run->worker, kv_number_of(entry), updated + i);
        }
    }
    struct kv_span spent = kv_span_since(begun);
    kv_print(run->row, "", &spent, (double)count / spent.wall);
}

void
kv_mixed_a(struct kv_run *run)
{
    run_mix(run, &(struct mix){50, false}, run->entries / 6);
}

void
kv_mixed_b(struct kv_run *run)
{
    run_mix(run, &(struct mix){95, false}, run->entries / 6);
}

void
kv_mixed_c(struct kv_run *run)
{
    run_mix(run, &(struct mix){100, false}, run->entries / 6);
}

void
kv_mixed_e(struct kv_run *run)
{
    run_mix(run, &(struct mix){95, true}, run->entries / 30);
}
