/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_main.c: one workload of the key-value benchmark on one engine, in a process of its own.
 *
 * usage: bench_kv_ENGINE WORKLOAD DIRECTORY [-n ENTRIES] [-m MIB] [-t SECONDS] [-s SEED]
 *        bench_kv_ENGINE version
 *
 * Results are lines on standard output (kv_print in kv_measure.h). The workloads are in a table
 * below. Those that read expect a store that "put", or for some another workload, has made with the
 * same -n. Exit codes: 0; 1 for a failure, a wrong value included; 2 for usage; 77 if this engine
 * cannot do the workload. The kernel's accounting of the whole process (peak memory above all) is
 * taken from outside, by bench/run.c.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kv_run.h"

const struct kv_workload kv_workloads[] = {
    {"check", kv_check_adapter, 0},
    {"put", kv_write_random, KV_OPENED},
    {"get", kv_read_get, KV_OPENED},
    {"missing", kv_read_missing, KV_OPENED},
    {"seek", kv_read_seek, KV_OPENED},
    {"scan", kv_read_scan, KV_OPENED},
    {"get-small", kv_read_get, KV_OPENED | KV_NEEDS_BUDGET},
    {"missing-small", kv_read_missing, KV_OPENED | KV_NEEDS_BUDGET},
    {"seek-small", kv_read_seek, KV_OPENED | KV_NEEDS_BUDGET},
    {"scan-small", kv_read_scan, KV_OPENED | KV_NEEDS_BUDGET},
    {"open", kv_life_open, 0},
    {"overwrite", kv_write_again, KV_OPENED},
    {"readwrite", kv_threads_reader_writer, KV_OPENED},
    {"ycsb-c", kv_mixed_c, KV_OPENED},
    {"ycsb-b", kv_mixed_b, KV_OPENED},
    {"ycsb-a", kv_mixed_a, KV_OPENED},
    {"ycsb-f", kv_mixed_f, KV_OPENED},
    {"ycsb-d", kv_mixed_d, KV_OPENED},
    {"ycsb-e", kv_mixed_e, KV_OPENED},
    {"memory", kv_life_memory, KV_NEEDS_BUDGET},
    {"checkpoint", kv_checkpoint_times, KV_OPENED | KV_NEEDS_CHECKPOINTS},
    {"sequential", kv_write_sequential, KV_OPENED},
    {"batch", kv_write_batches, KV_OPENED},
    {"batch-random", kv_write_batches_random, KV_OPENED},
    {"sync-1", kv_threads_sync_1, KV_SYNCED | KV_OPENED},
    {"sync-8", kv_threads_sync_8, KV_SYNCED | KV_OPENED},
    {"many", kv_write_many, KV_NEEDS_SPACES | KV_NEEDS_BUDGET},
    {"large-put", kv_write_large, KV_OPENED},
    {"large-get", kv_read_large, KV_OPENED},
    {"large-pinned", kv_read_large_pinned, KV_OPENED},
    {"crash", kv_life_crash, KV_OPENED},
    {"open-crashed", kv_life_open_crashed, 0},
    {"history", kv_checkpoint_history, KV_NEEDS_RESTORES},
    {"deep", kv_checkpoint_deep, KV_NEEDS_RESTORES},
    {"control", kv_life_control, 0},
};
const size_t kv_workloads_count = sizeof(kv_workloads) / sizeof(kv_workloads[0]);

static const char *doing = "start";

void
kv_die(const char *format, ...)
{
    va_list arguments;
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s: %s: ", kv_engine.name, doing);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    /* Other threads may be at work: nothing is torn down under them. */
    _exit(1);
}

void
kv_run_open(struct kv_run *run)
{
    run->store = kv_engine.open(&run->setup);
    run->worker = kv_engine.worker_create(run->store);
}

void
kv_run_close(struct kv_run *run)
{
    kv_engine.worker_destroy(run->worker);
    kv_engine.close(run->store);
    run->worker = NULL;
    run->store = NULL;
}

void
kv_run_put(struct kv_worker *worker, uint64_t number, uint64_t version)
{
    uint8_t key[KV_KEY_SIZE];
    uint8_t value[KV_VALUE_SIZE];
    kv_key_write(key, number);
    kv_value_write(value, sizeof(value), number, version);
    kv_engine.put(worker, (struct kv_bytes){key, sizeof(key)},
                  (struct kv_bytes){value, sizeof(value)});
}

uint64_t
kv_run_get(struct kv_worker *worker, uint64_t number)
{
    uint8_t key[KV_KEY_SIZE];
    struct kv_bytes value;
    uint64_t version;
    kv_key_write(key, number);
    if (!kv_engine.get(worker, (struct kv_bytes){key, sizeof(key)}, &value)) {
        kv_die("key %.16s is not found", (const char *)key);
    }
    if (value.size != KV_VALUE_SIZE || !kv_value_read(value.data, value.size, number, &version)) {
        kv_die("key %.16s has a wrong value", (const char *)key);
    }
    return version;
}

uint64_t
kv_run_check_pair(const struct kv_pair *pair)
{
    uint64_t number;
    uint64_t version;
    if (!kv_key_read(pair->key.data, pair->key.size, &number)) {
        kv_die("the cursor gave a key that was never written");
    }
    if (pair->value.size != KV_VALUE_SIZE ||
        !kv_value_read(pair->value.data, pair->value.size, number, &version)) {
        kv_die("the cursor gave a wrong value for key %" PRIu64, number);
    }
    return number;
}

void
kv_run_settle(const struct kv_run *run)
{
    if (kv_engine.flush != NULL) {
        kv_engine.flush(run->store);
    }
    if (kv_engine.sync != NULL) {
        kv_engine.sync(run->store);
    }
    kv_wait_quiet((uint64_t)(run->seconds * 1e9 / 25));
}

static int
usage(void)
{
    (void)fprintf(stderr,
                  "usage: bench_kv_%s WORKLOAD DIRECTORY [-n ENTRIES] [-m MIB] [-t SECONDS] "
                  "[-s SEED]\nworkloads:",
                  kv_engine.name);
    for (size_t i = 0; i < kv_workloads_count; i++) {
        (void)fprintf(stderr, " %s", kv_workloads[i].name);
    }
    (void)fputc('\n', stderr);
    return 2;
}

/* The number of an option, at least `least`; dies otherwise. */
static uint64_t
number_of(const char *text, uint64_t least)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number < least || number > UINT32_MAX) {
        kv_die("cannot use the number %s", text);
    }
    return number;
}

static bool
read_options(struct kv_run *run, int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "n:m:t:s:")) != -1) {
        switch (option) {
        case 'n':
            run->entries = number_of(optarg, 1000);
            break;
        case 'm':
            run->setup.memory_bytes = number_of(optarg, 8) << 20;
            break;
        case 't':
            run->seconds = strtod(optarg, NULL);
            break;
        case 's':
            run->seed = number_of(optarg, 1);
            break;
        default:
            return false;
        }
    }
    return optind == argc && run->seconds > 0;
}

static const struct kv_workload *
find(const char *name)
{
    for (size_t i = 0; i < kv_workloads_count; i++) {
        if (strcmp(kv_workloads[i].name, name) == 0) {
            return &kv_workloads[i];
        }
    }
    return NULL;
}

/* What the engine lacks for the workload; NULL: nothing. */
static const char *
why_not(const struct kv_workload *workload)
{
    if ((workload->flags & KV_NEEDS_BUDGET) != 0 && !kv_engine.has_budget) {
        return "its memory cannot be set";
    }
    if ((workload->flags & KV_NEEDS_CHECKPOINTS) != 0 && kv_engine.checkpoint == NULL) {
        return "it has no checkpoints";
    }
    if ((workload->flags & KV_NEEDS_RESTORES) != 0 && kv_engine.restore == NULL) {
        return "it cannot go back to a checkpoint";
    }
    if ((workload->flags & KV_NEEDS_SPACES) != 0 && kv_engine.put_into == NULL) {
        return "its keyspaces are not in this benchmark";
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    struct kv_run run = {.entries = 3000000, .seed = 1, .seconds = 5};
    run.setup.memory_bytes = UINT64_C(1) << 30;
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        return printf("%s\n", kv_engine.version()) < 0;
    }
    const struct kv_workload *workload = argc < 3 ? NULL : find(argv[1]);
    if (workload == NULL) {
        return usage();
    }
    run.row = workload->name;
    run.setup.directory = argv[2];
    run.setup.synced = (workload->flags & KV_SYNCED) != 0;
    if (!read_options(&run, argc - 2, argv + 2)) {
        return usage();
    }
    doing = workload->name;
    const char *reason = why_not(workload);
    if (reason != NULL) {
        (void)fprintf(stderr, "%s: %s: left out: %s\n", kv_engine.name, doing, reason);
        return 77;
    }
    if ((workload->flags & KV_OPENED) != 0) {
        kv_run_open(&run);
    }
    workload->run(&run);
    if ((workload->flags & KV_OPENED) != 0) {
        kv_run_close(&run);
    }
    return fflush(stdout) != 0;
}
