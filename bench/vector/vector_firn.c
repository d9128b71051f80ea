/* SPDX-License-Identifier: Apache-2.0
 *
 * vector_firn.c: firn's searches through the public API, as an application uses them: a store with one table, committed, and read
 * at a snapshot.
 *
 *     bench_vector_firn load STORE DATA MEMORY_MIB
 *     bench_vector_firn exact STORE DATA MEMORY_MIB METRIC K SECONDS      each query over all rows, one thread
 *     bench_vector_firn flat STORE DATA MEMORY_MIB METRIC K SECONDS       the same, of a store without an index
 *     bench_vector_firn batch STORE DATA MEMORY_MIB METRIC K SECONDS      200 queries in one call
 *     bench_vector_firn index STORE DATA MEMORY_MIB METRIC M EF_CONSTRUCTION THREADS
 *     bench_vector_firn sweep STORE DATA MEMORY_MIB METRIC K SECONDS SHARE EF...
 *                                   walks by graphs among SHARE percent of the rows, for so many seconds with each ef
 *     bench_vector_firn serve STORE DATA MEMORY_MIB METRIC K EF           bytes of memory a vector, and the recall
 *     bench_vector_firn open STORE DATA MEMORY_MIB METRIC K               to open and to answer once
 *     bench_vector_firn churn STORE DATA MEMORY_MIB METRIC                half of the rows deleted and inserted again
 *
 * DATA is a directory with base.fvecs, query.fvecs, truth.ivecs, and truth-SHARE.ivecs for each SHARE below 100. A line a
 * figure: "firn WORKLOAD PARAMETER VALUE VALUE_BY_CPU UNIT RECALL", where the second value counts seconds of the processor.
 * Before anything is timed, it is done once, or for a second.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "firn/firn.h"

static firn_error err;

static void
check(int code)
{
    if (code != FIRN_OK) {
        (void)fprintf(stderr, "bench_vector_firn: %s: %s\n", firn_code_name(code), err.text);
        exit(1);
    }
}

static double
now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double
cpu(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* Bytes of memory that the process has now. */
static double
resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) {
        (void)fprintf(stderr, "bench_vector_firn: /proc/self/statm cannot be read\n");
        exit(1);
    }
    (void)fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Which rows a share of them contains: those whose part is below it. */
static int64_t
part_of(uint64_t row)
{
    return (int64_t)((uint32_t)(row * 2654435761U) % 100);
}

struct vectors {
    float *numbers;
    size_t count;
    size_t dimensions;
};

static int
read_bytes(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *error)
{
    (void)error;
    *out_size = fread(buffer, 1, capacity, ctx);
    return FIRN_OK;
}

static int
keep(void *ctx, uint64_t number, const float *vector, size_t dimensions)
{
    struct vectors *vectors = ctx;
    if ((number & (number - 1)) == 0) {
        vectors->numbers =
            realloc(vectors->numbers, 2 * number * dimensions * sizeof *vectors->numbers);
        if (vectors->numbers == NULL) {
            return FIRN_NO_MEMORY;
        }
    }
    memcpy(vectors->numbers + (number - 1) * dimensions, vector, dimensions * sizeof *vector);
    vectors->count = (size_t)number;
    vectors->dimensions = dimensions;
    return FIRN_OK;
}

static FILE *
open_file(const char *directory, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static struct vectors
read_vectors(const char *directory, const char *name, firn_vectors_kind kind)
{
    struct vectors vectors = {.numbers = NULL};
    FILE *file = open_file(directory, name);
    check(firn_vectors_read(read_bytes, file, kind, 0, keep, &vectors, &err));
    (void)fclose(file);
    return vectors;
}

static firn_store *
open_store(const char *path, const char *memory_mib)
{
    firn_store *store;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.memory_bytes = strtoull(memory_mib, NULL, 10) << 20;
    check(firn_store_open(path, &options, &store, &err));
    return store;
}

static void
print_line(const char *workload, const char *parameter, double value, double by_cpu,
           const char *unit, double recall)
{
    printf("firn\t%s\t%s\t%.6g\t%.6g\t%s\t%.4f\n", workload, parameter, value, by_cpu, unit,
           recall);
    (void)fflush(stdout);
}

static firn_value
vector_of(const struct vectors *vectors, size_t row)
{
    const size_t size = vectors->dimensions * sizeof *vectors->numbers;
    firn_value value = firn_blob(firn_bytes(vectors->numbers + row * vectors->dimensions, size));
    value.type = FIRN_TYPE_VECTOR;
    return value;
}

static void
load(char **argv)
{
    char text[100];
    firn_table_def *def;
    firn_table *table;
    firn_table_bulk *bulk;
    struct vectors base = read_vectors(argv[3], "base.fvecs", FIRN_VECTORS_FVECS);
    const double begun = now();
    const double begun_cpu = cpu();
    firn_store *store = open_store(argv[2], argv[4]);
    (void)snprintf(text, sizeof text, "id i64 primary key, part i8, v vector(%zu) not null",
                   base.dimensions);
    check(firn_table_def_parse(text, &def, &err));
    check(firn_table_create(store, "t", def, &table, &err));
    firn_release(def);
    check(firn_table_bulk_open(table, NULL, &bulk, &err));
    for (size_t i = 0; i < base.count; i++) {
        const firn_value row[] = {firn_i64((int64_t)i), firn_i64(part_of(i)), vector_of(&base, i)};
        check(firn_table_bulk_put(bulk, row, 3, &err));
    }
    check(firn_table_bulk_commit(bulk, &err));
    firn_table_bulk_close(bulk);
    check(firn_store_close(store, &err));
    print_line("load", "1", (double)base.count / (now() - begun),
               (double)base.count / (cpu() - begun_cpu), "vectors/s", 0);
    free(base.numbers);
}

struct searching {
    firn_table *table;
    struct vectors queries;
    struct vectors truth; /* numbers of rows; none: recall is not measured */
    firn_search_options options;
    size_t hits;
    size_t wanted;
};

static void
count_hits(struct searching *searching, size_t i, const firn_search_result *result)
{
    for (size_t k = 0; i < searching->truth.count && k < searching->options.k; k++) {
        const int64_t wanted =
            (int64_t)searching->truth.numbers[i * searching->truth.dimensions + k];
        searching->wanted++;
        for (size_t r = 0; r < firn_search_result_count(result); r++) {
            searching->hits += firn_search_result_key(result, r, NULL)[0].as.i64 == wanted;
        }
    }
}

static void
search(struct searching *searching, size_t query)
{
    firn_search_result *result;
    check(searching->queries.count > 0 ? FIRN_OK : FIRN_INVALID);
    const size_t i = query % searching->queries.count;
    const size_t n = searching->queries.dimensions;
    check(firn_table_search(searching->table, "v", searching->queries.numbers + i * n, n,
                            &searching->options, &result, &err));
    count_hits(searching, i, result);
    firn_search_result_destroy(result);
}

enum { BATCH = 200 };

/* One call for BATCH queries. */
static void
search_batch(struct searching *searching, size_t query)
{
    firn_search_result *results[BATCH];
    const size_t n = searching->queries.dimensions;
    check(searching->queries.count >= BATCH ? FIRN_OK : FIRN_INVALID);
    const size_t first = query % (searching->queries.count / BATCH) * BATCH;
    check(firn_table_search_many(searching->table, "v", searching->queries.numbers + first * n,
                                 BATCH, n, &searching->options, results, &err));
    for (size_t i = 0; i < BATCH; i++) {
        count_hits(searching, first + i, results[i]);
        firn_search_result_destroy(results[i]);
    }
}

static double
recall_of(const struct searching *searching)
{
    return searching->wanted > 0 ? (double)searching->hits / (double)searching->wanted : 0;
}

static firn_metric
metric_of(const char *name)
{
    for (unsigned metric = FIRN_METRIC_L2; metric <= FIRN_METRIC_COSINE; metric++) {
        if (strcmp(firn_metric_name((firn_metric)metric), name) == 0) {
            return (firn_metric)metric;
        }
    }
    return FIRN_METRIC_COSINE;
}

static void
begin(struct searching *searching, char **argv, firn_store *store)
{
    memset(searching, 0, sizeof *searching);
    searching->options = (firn_search_options)FIRN_SEARCH_OPTIONS_INIT;
    check(firn_table_open(store, "t", &searching->table, &err));
    searching->options.k = strtoull(argv[6], NULL, 10);
    searching->options.metric = metric_of(argv[5]);
}

/* Searches for the queries over and over, for so many seconds. */
static void
measure(struct searching *searching, const char *workload, const char *parameter, double seconds,
        size_t queries)
{
    const double begun = now();
    const double begun_cpu = cpu();
    size_t count = 0;
    searching->hits = 0;
    searching->wanted = 0;
    do {
        (queries > 1 ? search_batch : search)(searching, count++);
    } while (now() - begun < seconds || count < 3);
    const double asked = (double)(count * queries);
    print_line(workload, parameter, asked / (now() - begun), asked / (cpu() - begun_cpu),
               "queries/s", recall_of(searching));
}

/* Begins searches at a snapshot with queries and their truth. */
static firn_snapshot *
begin_measuring(struct searching *searching, char **argv, firn_store *store, const char *truth)
{
    firn_snapshot *snapshot;
    begin(searching, argv, store);
    check(firn_snapshot_open(store, NULL, &snapshot, &err));
    searching->queries = read_vectors(argv[3], "query.fvecs", FIRN_VECTORS_FVECS);
    searching->truth = read_vectors(argv[3], truth, FIRN_VECTORS_IVECS);
    searching->options.snapshot = snapshot;
    searching->options.threads = 1;
    return snapshot;
}

static void
end_measuring(struct searching *searching, firn_snapshot *snapshot, firn_store *store)
{
    firn_snapshot_close(snapshot);
    check(firn_store_close(store, &err));
    free(searching->queries.numbers);
    free(searching->truth.numbers);
}

static void
exact(char **argv, const char *workload, size_t queries)
{
    struct searching searching;
    firn_store *store = open_store(argv[2], argv[4]);
    firn_snapshot *snapshot = begin_measuring(&searching, argv, store, "truth.ivecs");
    searching.options.exact = true;
    for (size_t i = 0; i < 10; i++) {
        search(&searching, i);
    }
    measure(&searching, workload, "1", strtod(argv[7], NULL), queries);
    end_measuring(&searching, snapshot, store);
}

static void
sweep(int argc, char **argv)
{
    struct searching searching;
    char where[40];
    char truth[40];
    char workload[40] = "walk";
    const unsigned share = (unsigned)strtoul(argv[8], NULL, 10);
    (void)snprintf(truth, sizeof truth, share < 100 ? "truth-%u.ivecs" : "truth.ivecs", share);
    (void)snprintf(where, sizeof where, "part < %u", share);
    firn_store *store = open_store(argv[2], argv[4]);
    firn_snapshot *snapshot = begin_measuring(&searching, argv, store, truth);
    if (share < 100) {
        searching.options.where = where;
        (void)snprintf(workload, sizeof workload, "filter-%u", share);
    }
    for (int i = 9; i < argc; i++) {
        searching.options.ef = (uint32_t)strtoul(argv[i], NULL, 10);
        const double begun = now();
        for (size_t q = 0; q < searching.queries.count && now() < begun + 1 && (i == 9 || q < 20);
             q++) {
            search(&searching, q);
        }
        measure(&searching, workload, argv[i], strtod(argv[7], NULL), 1);
    }
    end_measuring(&searching, snapshot, store);
}

static void
serve(char **argv)
{
    struct searching searching;
    struct vectors base = read_vectors(argv[3], "base.fvecs", FIRN_VECTORS_FVECS);
    const double count = (double)base.count;
    free(base.numbers);
    const double before = resident();
    firn_store *store = open_store(argv[2], argv[4]);
    firn_snapshot *snapshot = begin_measuring(&searching, argv, store, "truth.ivecs");
    searching.options.ef = (uint32_t)strtoul(argv[7], NULL, 10);
    for (size_t i = 0; i < searching.queries.count; i++) {
        search(&searching, i);
    }
    const double queries = (double)(searching.queries.count + searching.truth.count) *
                           (double)searching.queries.dimensions * sizeof(float);
    const double bytes = (resident() - before - queries) / count;
    print_line("memory", argv[7], bytes, bytes, "bytes/vector", recall_of(&searching));
    end_measuring(&searching, snapshot, store);
}

static void
build_index(char **argv)
{
    firn_table *table;
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    firn_store *store;
    struct vectors base = read_vectors(argv[3], "base.fvecs", FIRN_VECTORS_FVECS);
    options.memory_bytes = strtoull(argv[4], NULL, 10) << 20;
    options.threads = (unsigned)strtoul(argv[8], NULL, 10);
    check(firn_store_open(argv[2], &options, &store, &err));
    index.name = "near";
    index.column = "v";
    index.metric = metric_of(argv[5]);
    index.m = (uint32_t)strtoul(argv[6], NULL, 10);
    index.ef_construction = (uint32_t)strtoul(argv[7], NULL, 10);
    check(firn_table_open(store, "t", &table, &err));
    check(firn_store_compact(store, NULL, &err));
    const double begun = now();
    const double begun_cpu = cpu();
    check(firn_table_add_vector_index(table, &index, &err));
    check(firn_store_compact(store, NULL, &err));
    print_line("build", argv[8], (double)base.count / (now() - begun),
               (double)base.count / (cpu() - begun_cpu), "vectors/s", 0);
    check(firn_store_close(store, &err));
    free(base.numbers);
}

static void
open_and_ask(char **argv)
{
    struct searching searching;
    struct vectors queries = read_vectors(argv[3], "query.fvecs", FIRN_VECTORS_FVECS);
    const double begun = now();
    const double begun_cpu = cpu();
    firn_store *store = open_store(argv[2], argv[4]);
    begin(&searching, argv, store);
    searching.queries = queries;
    searching.options.threads = 1;
    search(&searching, 0);
    print_line("open", "1", (now() - begun) * 1000, (cpu() - begun_cpu) * 1000, "ms", 0);
    check(firn_store_close(store, &err));
    free(queries.numbers);
}

/* Deletes or inserts half of the rows, in transactions of 10,000. */
static void
change_half(firn_store *store, firn_table *table, const struct vectors *base, bool is_delete)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    for (size_t i = 0; i < base->count;) {
        firn_txn *txn;
        check(firn_txn_begin(store, NULL, &txn, &err));
        options.txn = txn;
        const size_t end = i + 10000 < base->count ? i + 10000 : base->count;
        for (; i < end; i++) {
            const firn_value row[] = {firn_i64((int64_t)i), firn_i64(part_of(i)),
                                      vector_of(base, i)};
            if (part_of(i) < 50) {
                check(is_delete ? firn_table_delete(table, &options, row, 1, &err)
                                : firn_table_insert(table, &options, row, 3, &err));
            }
        }
        check(firn_txn_commit(txn, NULL, &err));
        firn_txn_close(txn);
    }
}

static void
churn(char **argv)
{
    firn_table *table;
    struct vectors base = read_vectors(argv[3], "base.fvecs", FIRN_VECTORS_FVECS);
    const double begun = now();
    const double begun_cpu = cpu();
    firn_store *store = open_store(argv[2], argv[4]);
    check(firn_table_open(store, "t", &table, &err));
    change_half(store, table, &base, true);
    check(firn_store_flush(store, &err));
    change_half(store, table, &base, false);
    check(firn_store_compact(store, NULL, &err));
    check(firn_store_close(store, &err));
    print_line("churn", "1", now() - begun, cpu() - begun_cpu, "s", 0);
    free(base.numbers);
}

int
main(int argc, char **argv)
{
    const char *what = argc > 4 ? argv[1] : "";
    if (argc == 5 && strcmp(what, "load") == 0) {
        load(argv);
    } else if (argc == 8 && (strcmp(what, "exact") == 0 || strcmp(what, "flat") == 0)) {
        exact(argv, what, 1);
    } else if (argc == 8 && strcmp(what, "batch") == 0) {
        exact(argv, what, BATCH);
    } else if (argc == 9 && strcmp(what, "index") == 0) {
        build_index(argv);
    } else if (argc > 9 && strcmp(what, "sweep") == 0) {
        sweep(argc, argv);
    } else if (argc == 8 && strcmp(what, "serve") == 0) {
        serve(argv);
    } else if (argc == 7 && strcmp(what, "open") == 0) {
        open_and_ask(argv);
    } else if (argc == 6 && strcmp(what, "churn") == 0) {
        churn(argv);
    } else {
        (void)fprintf(stderr,
                      "usage: bench_vector_firn load|exact|flat|batch|index|sweep|serve|open|churn "
                      "STORE DATA MEMORY_MIB ...\n");
        return 2;
    }
    return 0;
}
