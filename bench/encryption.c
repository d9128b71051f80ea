/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/encryption.c: what encryption costs a store of data: the same work on a store in clear and on
 * one of each cipher, in turns (A B C A B C ...).
 *
 * bench_encryption DIRECTORY RUNS ENTRIES ROWS. FIRN_KEY_FILE names a file with a key. Prints lines of
 * results (bench/figures.awk), whose times are of the process, all threads, and whose value is how
 * many operations they are of:
 *   put    ENTRIES random keys of 16 bytes with values of 100, one by one
 *   batch  the same in batches of 100
 *   get    random keys, after a compaction; most blocks of 4 KiB are in the page cache alone
 *   scan   sums of two columns of a table of ROWS rows, likewise; an operation is a row
 *   data   no time; the value is how many bytes the compacted store has
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <firn/firn.h>

enum { KEY_SIZE = 16, VALUE_SIZE = 100, BATCH = 100, SCANS = 5, PATH_SIZE = 4096, MIB = 1 << 20 };
enum { MEMORY_TO_WRITE = 64 * MIB, MEMORY_TO_READ = 8 * MIB };

static const struct {
    const char *name;
    firn_cipher cipher;
} engines[] = {
    {"clear", FIRN_CIPHER_NONE},
    {"xchacha20", FIRN_CIPHER_XCHACHA20_POLY1305},
    {"aes", FIRN_CIPHER_AES_256_GCM},
};
enum { ENGINES = sizeof engines / sizeof engines[0] };

struct work {
    const char *directory;
    uint64_t entries;
    uint64_t rows;
    unsigned run;
    unsigned engine;
};

static void
check(int code, const firn_error *err)
{
    if (code != FIRN_OK) {
        (void)fprintf(stderr, "bench_encryption: %s: %s\n", firn_code_name(code),
                      err->code == code ? err->text : "");
        exit(1);
    }
}

/* ==== timings ==== */

struct clocks {
    double wall;
    double cpu;
};

static double
seconds_of(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static struct clocks
now(void)
{
    return (struct clocks){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static void
print(const struct work *work, const char *row, const struct clocks *began, uint64_t operations)
{
    const struct clocks ended = now();
    (void)printf("%s\t%s\t%u\t%.6f\t%.6f\t0\t-\t%llu\n", row, engines[work->engine].name, work->run,
                 ended.wall - began->wall, ended.cpu - began->cpu, (unsigned long long)operations);
}

/* ==== data: each number gives other bytes, the same in each store ==== */

static uint64_t
mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void
fill(uint64_t number, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i += sizeof number) {
        const uint64_t word = mix(number ^ (uint64_t)i << 48);
        memcpy(out + i, &word, size - i < sizeof word ? size - i : sizeof word);
    }
}

static firn_slice
key_of(uint64_t number, uint8_t *memory)
{
    fill(number, memory, KEY_SIZE);
    return firn_bytes(memory, KEY_SIZE);
}

static firn_slice
value_of(uint64_t number, uint8_t *memory)
{
    fill(~number, memory, VALUE_SIZE);
    return firn_bytes(memory, VALUE_SIZE);
}

/* ==== stores ==== */

static void
path_of(const struct work *work, char *out)
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", work->directory, engines[work->engine].name);
}

static firn_store *
open_store(const struct work *work, uint64_t memory_bytes)
{
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    firn_store *store;
    firn_error err = {0};
    char path[PATH_SIZE];
    path_of(work, path);
    options.durability = FIRN_DURABILITY_OS;
    options.memory_bytes = memory_bytes;
    options.cipher = engines[work->engine].cipher;
    check(firn_store_open(path, &options, &store, &err), &err);
    return store;
}

static void
close_store(firn_store *store)
{
    firn_error err = {0};
    check(firn_store_close(store, &err), &err);
}

static firn_keyspace *
open_keyspace(firn_store *store, const char *name)
{
    firn_keyspace *keyspace;
    firn_error err = {0};
    check(firn_keyspace_open(store, name, NULL, &keyspace, &err), &err);
    return keyspace;
}

/* The bytes of the files of a store, of its directories none; with `removes` they go away. */
static uint64_t
visit_files(const char *path, bool removes)
{
    uint64_t bytes = 0;
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char file[PATH_SIZE + 300];
        struct stat status;
        (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            lstat(file, &status) != 0) {
            continue;
        }
        bytes += S_ISDIR(status.st_mode) ? visit_files(file, removes) : (uint64_t)status.st_size;
        if (removes && !S_ISDIR(status.st_mode)) {
            (void)remove(file);
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    if (removes) {
        (void)remove(path);
    }
    return bytes;
}

/* ==== rows ==== */

static void
run_put(const struct work *work)
{
    uint8_t memory[2][VALUE_SIZE];
    firn_error err = {0};
    firn_store *store = open_store(work, MEMORY_TO_WRITE);
    firn_keyspace *keyspace = open_keyspace(store, "put");
    const struct clocks began = now();
    for (uint64_t i = 0; i < work->entries; i++) {
        check(firn_put(keyspace, key_of(i, memory[0]), value_of(i, memory[1]), NULL, &err), &err);
    }
    print(work, "put", &began, work->entries);
    close_store(store);
}

static void
run_batch(const struct work *work)
{
    uint8_t memory[2][VALUE_SIZE];
    firn_batch *batch;
    firn_error err = {0};
    firn_store *store = open_store(work, MEMORY_TO_WRITE);
    firn_keyspace *keyspace = open_keyspace(store, "batch");
    check(firn_batch_create(&batch, &err), &err);
    const struct clocks began = now();
    for (uint64_t i = 0; i < work->entries; i++) {
        check(firn_batch_put(batch, keyspace, key_of(i, memory[0]), value_of(i, memory[1]), &err),
              &err);
        if (i % BATCH == BATCH - 1 || i + 1 == work->entries) {
            check(firn_store_write(store, batch, NULL, &err), &err);
            firn_batch_clear(batch);
        }
    }
    print(work, "batch", &began, work->entries);
    firn_batch_destroy(batch);
    close_store(store);
}

static void
run_get(const struct work *work)
{
    const uint64_t gets = work->entries / 4;
    uint8_t memory[2][VALUE_SIZE];
    firn_error err = {0};
    firn_store *store = open_store(work, MEMORY_TO_READ);
    firn_keyspace *keyspace = open_keyspace(store, "put");
    const struct clocks began = now();
    for (uint64_t i = 0; i < gets; i++) {
        const uint64_t number = mix(i) % work->entries;
        uint8_t *value = NULL;
        size_t size = 0;
        check(firn_get(keyspace, key_of(number, memory[0]), &value, &size, &err), &err);
        if (size != VALUE_SIZE ||
            memcmp(value, value_of(number, memory[1]).data, VALUE_SIZE) != 0) {
            (void)fprintf(stderr, "bench_encryption: a wrong value\n");
            exit(1);
        }
        firn_release(value);
    }
    print(work, "get", &began, gets);
    close_store(store);
}

/* With everything in the last level; what it was before depends on timing. */
static void
compact(const struct work *work)
{
    char path[PATH_SIZE];
    firn_error err = {0};
    firn_store *store = open_store(work, MEMORY_TO_WRITE);
    check(firn_store_compact(store, NULL, &err), &err);
    close_store(store);
    path_of(work, path);
    (void)printf("data\t%s\t%u\t-\t-\t-\t-\t%llu\n", engines[work->engine].name, work->run,
                 (unsigned long long)visit_files(path, false));
}

static void
make_table(const struct work *work)
{
    firn_table_def *def;
    firn_table *table;
    firn_table_bulk *bulk;
    firn_error err = {0};
    firn_store *store = open_store(work, MEMORY_TO_WRITE);
    check(firn_table_def_parse("id i64 not null, amount i64 not null, ratio f64 not null, "
                               "primary key (id)",
                               &def, &err),
          &err);
    check(firn_table_create(store, "numbers", def, &table, &err), &err);
    firn_release(def);
    check(firn_table_bulk_open(table, NULL, &bulk, &err), &err);
    for (uint64_t i = 0; i < work->rows; i++) {
        const firn_value values[] = {firn_i64((int64_t)i), firn_i64((int64_t)(mix(i) >> 40)),
                                     firn_f64((double)(mix(i) >> 20))};
        check(firn_table_bulk_put(bulk, values, 3, &err), &err);
    }
    check(firn_table_bulk_commit(bulk, &err), &err);
    firn_table_bulk_close(bulk);
    close_store(store);
}

static void
scan(firn_table *table)
{
    firn_scan *opened;
    const firn_scan_batch *batch;
    firn_error err = {0};
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    options.select = "sum(amount), sum(ratio)";
    options.threads = 1;
    check(firn_scan_open(table, &options, &opened, &err), &err);
    do {
        check(firn_scan_next(opened, &batch, &err), &err);
    } while (batch != NULL);
    firn_scan_close(opened);
}

static void
run_scan(const struct work *work)
{
    firn_table *table;
    firn_error err = {0};
    firn_store *store = open_store(work, MEMORY_TO_READ);
    check(firn_table_open(store, "numbers", &table, &err), &err);
    scan(table); /* into the page cache */
    const struct clocks began = now();
    for (int i = 0; i < SCANS; i++) {
        scan(table);
    }
    print(work, "scan", &began, SCANS * work->rows);
    close_store(store);
}

/* ==== the whole ==== */

static void
run_row(struct work *work, void (*row)(const struct work *work))
{
    for (unsigned i = 0; i < ENGINES; i++) {
        work->engine = (i + work->run) % ENGINES; /* another one is the first in each run */
        row(work);
    }
}

static void
remove_store(const struct work *work)
{
    char path[PATH_SIZE];
    path_of(work, path);
    (void)visit_files(path, true);
}

int
main(int count, char **arguments)
{
    if (count != 5) {
        (void)fprintf(stderr, "usage: bench_encryption DIRECTORY RUNS ENTRIES ROWS\n");
        return 2;
    }
    struct work work = {.directory = arguments[1],
                        .entries = strtoull(arguments[3], NULL, 10),
                        .rows = strtoull(arguments[4], NULL, 10)};
    const unsigned long runs = strtoul(arguments[2], NULL, 10);
    for (work.run = 1; work.run <= runs; work.run++) {
        run_row(&work, remove_store);
        run_row(&work, run_put);
        run_row(&work, run_batch);
        run_row(&work, make_table);
        run_row(&work, compact);
        run_row(&work, run_get);
        run_row(&work, run_scan);
    }
    run_row(&work, remove_store);
    return 0;
}
