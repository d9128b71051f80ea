/* SPDX-License-Identifier: Apache-2.0
 *
 * contend_main.c: one workload of the contention benchmark, with some number of threads.
 *
 * usage: bench_contention WORKLOAD THREADS DIRECTORY [-n ENTRIES] [-o OPERATIONS] [-s SITES]
 *
 * Fills a store in DIRECTORY, which must be empty, merges it into one run, lets each thread do a
 * quarter of its operations, and counts during the others. Prints, between tabs, WORKLOAD THREADS
 * and what an operation takes: transfers of cache lines, mutexes, waits for mutexes, simulated
 * nanoseconds of its thread. With -s the code that transferred most follows: "site" WORKLOAD
 * THREADS, transfers an operation, how many lines, the code, the memory.
 *
 * The workload "check" has no store: it compares what is counted with what is known of a counter
 * that all threads share, of one for each, and of a mutex. Exit codes: 0; 1 for a failure.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include <firn/firn.h>

#include "../kv/kv_data.h"
#include "contend.h"

enum { THREADS_MAX = 32, SITES_MAX = 32, SCAN = 10, UPDATES_PERCENT = 5, BACKGROUND_THREADS = 2 };

struct run {
    const char *workload;
    const char *directory;
    unsigned threads;
    uint64_t entries, operations;
    size_t sites;
    firn_store *store;
    firn_keyspace *keyspace;
    struct kv_zipf zipf;
    struct kv_order popular;
    /* A barrier. */
    pthread_mutex_t mutex;
    pthread_cond_t complete;
    unsigned waiting, rounds;
};

struct worker {
    struct run *run;
    pthread_t handle;
    unsigned index;
    void (*operate)(struct worker *worker);
    struct kv_random random;
    struct contend_counts counts;
    uint64_t ns;
};

static void
check(int code, const firn_error *err)
{
    if (code != FIRN_OK) {
        contend_turns_die(err->text);
    }
}

/* ---- operations ---- */

static firn_slice
key_of(uint8_t key[KV_KEY_SIZE], uint64_t entry)
{
    kv_key_write(key, kv_number_of(entry));
    return firn_bytes(key, KV_KEY_SIZE);
}

static void
get_entry(struct worker *worker, uint64_t entry)
{
    uint8_t key[KV_KEY_SIZE];
    uint8_t *value;
    size_t size;
    uint64_t version;
    firn_error err;
    check(firn_get(worker->run->keyspace, key_of(key, entry), &value, &size, &err), &err);
    if (!kv_value_read(value, size, kv_number_of(entry), &version)) {
        contend_turns_die("a wrong value");
    }
    firn_release(value);
}

static void
put_entry(struct worker *worker, uint64_t entry, uint64_t version)
{
    uint8_t key[KV_KEY_SIZE];
    uint8_t value[KV_VALUE_SIZE];
    firn_error err;
    kv_value_write(value, sizeof value, kv_number_of(entry), version);
    check(firn_put(worker->run->keyspace, key_of(key, entry), firn_bytes(value, sizeof value), NULL,
                   &err),
          &err);
}

static uint64_t
any_entry(struct worker *worker)
{
    return kv_random_below(&worker->random, worker->run->entries);
}

static uint64_t
popular_entry(struct worker *worker)
{
    return kv_order_at(&worker->run->popular, kv_zipf_next(&worker->run->zipf, &worker->random));
}

static void
get(struct worker *worker)
{
    get_entry(worker, any_entry(worker));
}

static void
get_hot(struct worker *worker)
{
    get_entry(worker, popular_entry(worker));
}

static void
seek(struct worker *worker)
{
    uint8_t key[KV_KEY_SIZE];
    firn_cursor *cursor;
    firn_error err;
    check(firn_cursor_open(worker->run->keyspace, NULL, &cursor, &err), &err);
    check(firn_cursor_seek(cursor, key_of(key, any_entry(worker)), &err), &err);
    for (int i = 0; i < SCAN && firn_cursor_valid(cursor); i++) {
        check(firn_cursor_next(cursor, &err), &err);
    }
    firn_cursor_close(cursor);
}

static void
put(struct worker *worker)
{
    put_entry(worker, any_entry(worker), 1);
}

static void
mixed(struct worker *worker)
{
    if (kv_random_below(&worker->random, 100) < UPDATES_PERCENT) {
        put_entry(worker, popular_entry(worker), 1);
    } else {
        get_entry(worker, popular_entry(worker));
    }
}

/* ---- what is known ---- */

static struct {
    _Alignas(64) uint64_t one;
    struct {
        _Alignas(64) uint64_t count;
    } own[THREADS_MAX];
    _Alignas(64) pthread_mutex_t mutex;
} known;

static void
count_one(struct worker *worker)
{
    (void)worker;
    contend_turns_access(&known.one, sizeof known.one, CONTEND_LOCKED, NULL);
}

static void
count_own(struct worker *worker)
{
    contend_turns_access(&known.own[worker->index], sizeof known.own[0], CONTEND_LOCKED, NULL);
}

static void
read_one(struct worker *worker)
{
    (void)worker;
    contend_turns_access(&known.one, sizeof known.one, CONTEND_READ, NULL);
}

static void
lock_one(struct worker *worker)
{
    (void)worker;
    (void)pthread_mutex_lock(&known.mutex);
    for (int i = 0; i < 100; i++) {
        contend_turns_access(&known.one, sizeof known.one, CONTEND_WRITE, NULL);
    }
    (void)pthread_mutex_unlock(&known.mutex);
}

static const struct {
    const char *name;
    void (*operate)(struct worker *worker);
    bool has_store;
} workloads[] = {{"get", get, true},
                 {"get-hot", get_hot, true},
                 {"seek", seek, true},
                 {"put", put, true},
                 {"mixed", mixed, true},
                 {"count-one", count_one, false},
                 {"count-own", count_own, false},
                 {"read-one", read_one, false},
                 {"lock-one", lock_one, false}};
enum { WORKLOADS = sizeof workloads / sizeof workloads[0] };

/* ---- running ---- */

/* The last thread that comes calls `then` before the others go on. */
static void
meet(struct run *run, void (*then)(void))
{
    (void)pthread_mutex_lock(&run->mutex);
    unsigned round = run->rounds;
    if (++run->waiting == run->threads) {
        run->waiting = 0;
        run->rounds++;
        then();
        (void)pthread_cond_broadcast(&run->complete);
    }
    while (run->rounds == round) {
        (void)pthread_cond_wait(&run->complete, &run->mutex);
    }
    (void)pthread_mutex_unlock(&run->mutex);
}

static void *
worker_main(void *arg)
{
    struct worker *worker = arg;
    struct run *run = worker->run;
    for (uint64_t i = 0; i < run->operations / 4; i++) {
        worker->operate(worker);
    }
    meet(run, contend_lines_reset);
    uint64_t begun = contend_turns_now();
    contend_turns_count(true);
    for (uint64_t i = 0; i < run->operations; i++) {
        worker->operate(worker);
    }
    contend_turns_count(false);
    worker->counts = contend_turns_counts();
    worker->ns = contend_turns_now() - begun;
    return NULL;
}

static void
fill(struct run *run)
{
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    firn_error err;
    options.durability = FIRN_DURABILITY_OS;
    options.threads = BACKGROUND_THREADS;
    options.memory_bytes = run->entries * 1024;
    options.compression = FIRN_COMPRESSION_NONE;
    check(firn_store_open(run->directory, &options, &run->store, &err), &err);
    check(firn_keyspace_open(run->store, "bench", NULL, &run->keyspace, &err), &err);
    struct worker worker = {.run = run};
    for (uint64_t i = 0; i < run->entries; i++) {
        put_entry(&worker, i, 0);
    }
    check(firn_store_compact(run->store, NULL, &err), &err);
    for (uint64_t i = 0; i < run->entries; i++) {
        get_entry(&worker, i);
    }
    run->zipf = kv_zipf_make(run->entries);
    run->popular = kv_order_make(run->entries, 1);
}

struct result {
    double transfers, acquired, waits, ns;
};

static struct result
run_threads(struct run *run, void (*operate)(struct worker *worker))
{
    struct worker workers[THREADS_MAX] = {{0}};
    struct result sum = {0};
    for (unsigned i = 0; i < run->threads; i++) {
        workers[i] =
            (struct worker){.run = run, .index = i, .operate = operate, .random = {i * 1000 + 1}};
        if (pthread_create(&workers[i].handle, NULL, worker_main, &workers[i]) != 0) {
            contend_turns_die("could not start a thread");
        }
    }
    for (unsigned i = 0; i < run->threads; i++) {
        (void)pthread_join(workers[i].handle, NULL);
        sum.transfers += (double)workers[i].counts.transfers;
        sum.acquired += (double)workers[i].counts.acquired;
        sum.waits += (double)workers[i].counts.waits;
        sum.ns += (double)workers[i].ns;
    }
    double all = (double)run->operations * run->threads;
    return (struct result){sum.transfers / all, sum.acquired / all, sum.waits / all, sum.ns / all};
}

static void
print_sites(const struct run *run)
{
    struct contend_site sites[SITES_MAX];
    size_t count = contend_lines_sites(sites, run->sites);
    for (size_t i = 0; i < count; i++) {
        (void)printf("site\t%s\t%u\t%.3f\t%" PRIu64 "\t%s", run->workload, run->threads,
                     (double)sites[i].transfers / (double)(run->operations * run->threads),
                     sites[i].lines, contend_names_code(sites[i].place));
        (void)printf("\t%s\n", contend_names_memory(sites[i].at));
    }
}

static struct result
run_workload(struct run *run)
{
    for (size_t i = 0; i < WORKLOADS; i++) {
        if (strcmp(run->workload, workloads[i].name) == 0) {
            if (workloads[i].has_store) {
                fill(run);
            }
            return run_threads(run, workloads[i].operate);
        }
    }
    contend_turns_die("no such workload");
}

static void
expect(struct run *run, const char *workload, bool shares, bool waits)
{
    run->workload = workload;
    run->waiting = 0;
    struct result result = run_workload(run);
    if ((result.transfers > 0.5) != shares || (result.transfers < 0.01) == shares ||
        (result.waits > 0.01) != waits) {
        (void)fprintf(stderr, "%s: %.3f transfers, %.3f waits\n", workload, result.transfers,
                      result.waits);
        contend_turns_die("not what is known");
    }
}

static void
check_known(struct run *run)
{
    expect(run, "count-one", true, false);
    expect(run, "count-own", false, false);
    expect(run, "read-one", false, false);
    expect(run, "lock-one", true, true);
    run->threads = 1;
    expect(run, "lock-one", false, false);
}

int
main(int argc, char **argv)
{
    /* One processor: to give a turn to a thread on another one takes longer. */
    cpu_set_t processors;
    CPU_ZERO(&processors);
    CPU_SET((size_t)sched_getcpu(), &processors);
    (void)sched_setaffinity(0, sizeof processors, &processors);
    /* Addresses that are the same each time: so are the lines, then. */
    int persona = personality(0xffffffff);
    if (persona != -1 && !(persona & ADDR_NO_RANDOMIZE) &&
        personality((unsigned long)persona | ADDR_NO_RANDOMIZE) != -1) {
        (void)execv("/proc/self/exe", argv);
    }
    static struct run run = {.entries = 100000,
                             .operations = 2000,
                             .mutex = PTHREAD_MUTEX_INITIALIZER,
                             .complete = PTHREAD_COND_INITIALIZER};
    int option;
    while ((option = getopt(argc, argv, "n:o:s:")) != -1) {
        uint64_t value = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;
        switch (option) {
        case 'n':
            run.entries = value;
            break;
        case 'o':
            run.operations = value;
            break;
        case 's':
            run.sites = value < SITES_MAX ? (size_t)value : SITES_MAX;
            break;
        default:
            return 2;
        }
    }
    if (argc - optind != 3 || (run.threads = (unsigned)atoi(argv[optind + 1])) == 0 ||
        run.threads > THREADS_MAX || run.entries == 0 || run.operations == 0) {
        (void)fprintf(stderr, "usage: bench_contention WORKLOAD THREADS DIRECTORY [-n ENTRIES] "
                              "[-o OPERATIONS] [-s SITES]\n");
        return 2;
    }
    run.workload = argv[optind];
    run.directory = argv[optind + 2];
    if (strcmp(run.workload, "check") == 0) {
        check_known(&run);
        (void)puts("check: ok");
        return 0;
    }
    struct result result = run_workload(&run);
    (void)printf("%s\t%u\t%.3f\t%.3f\t%.4f\t%.1f\n", run.workload, run.threads, result.transfers,
                 result.acquired, result.waits, result.ns);
    print_sites(&run);
    firn_error err;
    if (run.store != NULL) {
        check(firn_store_close(run.store, &err), &err);
    }
    return 0;
}
