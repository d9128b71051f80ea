/* SPDX-License-Identifier: Apache-2.0
 *
 * vector_firn.c: firn's searches through the public API, as an application uses them: a store with one table, committed, and read
 * at a snapshot.
 *
 *     bench_vector_firn load STORE DATA MEMORY_MIB                        vectors a second
 *     bench_vector_firn exact STORE DATA MEMORY_MIB METRIC K THREADS SECONDS [WHERE]
 *                                                                        queries a second, each over all rows
 *     bench_vector_firn index STORE DATA MEMORY_MIB METRIC M EF_CONSTRUCTION
 *                                                                        vectors a second, until all graphs are there
 *     bench_vector_firn walk STORE DATA MEMORY_MIB METRIC K EF SECONDS [WHERE]
 *                                                                        queries a second, by graphs
 *     bench_vector_firn open STORE DATA MEMORY_MIB METRIC K               milliseconds to open and to answer once
 *
 * DATA is a directory with base.fvecs, query.fvecs and truth.ivecs. A line a figure: "firn WORKLOAD VALUE UNIT RECALL
 * RSS_KIB". Before "exact" is timed, ten queries warm the cache.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

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

static long
rss_kib(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
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
print_line(const char *workload, double value, const char *unit, double recall)
{
    printf("firn\t%s\t%.6g\t%s\t%.4f\t%ld\n", workload, value, unit, recall, rss_kib());
}

static void
load(char **argv)
{
    char text[100];
    firn_table_def *def;
    firn_table *table;
    firn_import_statistics statistics = FIRN_IMPORT_STATISTICS_INIT;
    firn_vectors_import_options options = FIRN_VECTORS_IMPORT_OPTIONS_INIT;
    FILE *file = open_file(argv[3], "base.fvecs");
    int32_t dimensions;
    if (fread(&dimensions, sizeof dimensions, 1, file) != 1) {
        (void)fprintf(stderr, "bench_vector_firn: base.fvecs is empty\n");
        exit(1);
    }
    rewind(file);
    double begun = now();
    firn_store *store = open_store(argv[2], argv[4]);
    (void)snprintf(text, sizeof text, "id i64 primary key, v vector(%d) not null", dimensions);
    check(firn_table_def_parse(text, &def, &err));
    check(firn_table_create(store, "t", def, &table, &err));
    firn_release(def);
    options.kind = FIRN_VECTORS_FVECS;
    check(firn_table_import_vectors(table, read_bytes, file, &options, &statistics, &err));
    check(firn_store_close(store, &err));
    (void)fclose(file);
    print_line("load", (double)statistics.rows / (now() - begun), "vectors/s", 0);
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
search(struct searching *searching, size_t query)
{
    firn_search_result *result;
    check(searching->queries.count > 0 ? FIRN_OK : FIRN_INVALID);
    const size_t i = query % searching->queries.count;
    const size_t n = searching->queries.dimensions;
    check(firn_table_search(searching->table, "v", searching->queries.numbers + i * n, n,
                            &searching->options, &result, &err));
    for (size_t k = 0; i < searching->truth.count && k < searching->options.k; k++) {
        const int64_t wanted =
            (int64_t)searching->truth.numbers[i * searching->truth.dimensions + k];
        searching->wanted++;
        for (size_t r = 0; r < firn_search_result_count(result); r++) {
            searching->hits += firn_search_result_key(result, r, NULL)[0].as.i64 == wanted;
        }
    }
    firn_search_result_destroy(result);
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

/* Searches for the queries over and over, for the seconds in argv[8]: by looking at all rows, with argv[7]
 * threads, or by walking graphs with an ef of argv[7]. */
static void
measure(int argc, char **argv, bool is_exact)
{
    struct searching searching;
    firn_snapshot *snapshot;
    firn_store *store = open_store(argv[2], argv[4]);
    const unsigned given = (unsigned)strtoul(argv[7], NULL, 10);
    begin(&searching, argv, store);
    check(firn_snapshot_open(store, NULL, &snapshot, &err));
    searching.queries = read_vectors(argv[3], "query.fvecs", FIRN_VECTORS_FVECS);
    searching.options.snapshot = snapshot;
    searching.options.exact = is_exact;
    searching.options.threads = is_exact ? given : 1;
    searching.options.ef = is_exact ? 0 : given;
    if (argc > 9) {
        searching.options.where = argv[9];
    } else {
        searching.truth = read_vectors(argv[3], "truth.ivecs", FIRN_VECTORS_IVECS);
    }
    const size_t warm_count = is_exact ? 10 : searching.queries.count;
    for (size_t i = 0; i < warm_count; i++) {
        search(&searching, i);
    }
    const double seconds = strtod(argv[8], NULL);
    const double begun = now();
    size_t count = 0;
    do {
        search(&searching, count++);
    } while (now() - begun < seconds);
    print_line(is_exact ? "exact" : "walk", (double)count / (now() - begun), "queries/s",
               recall_of(&searching));
    firn_snapshot_close(snapshot);
    check(firn_store_close(store, &err));
}

static void
build_index(char **argv)
{
    firn_table *table;
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    struct vectors base = read_vectors(argv[3], "base.fvecs", FIRN_VECTORS_FVECS);
    firn_store *store = open_store(argv[2], argv[4]);
    index.name = "near";
    index.column = "v";
    index.metric = metric_of(argv[5]);
    index.m = (uint32_t)strtoul(argv[6], NULL, 10);
    index.ef_construction = (uint32_t)strtoul(argv[7], NULL, 10);
    check(firn_table_open(store, "t", &table, &err));
    check(firn_store_compact(store, NULL, &err));
    double begun = now();
    check(firn_table_add_vector_index(table, &index, &err));
    check(firn_store_compact(store, NULL, &err));
    print_line("index", (double)base.count / (now() - begun), "vectors/s", 0);
    check(firn_store_close(store, &err));
    free(base.numbers);
}

static void
open_and_ask(char **argv)
{
    struct searching searching;
    struct vectors queries = read_vectors(argv[3], "query.fvecs", FIRN_VECTORS_FVECS);
    const double begun = now();
    firn_store *store = open_store(argv[2], argv[4]);
    begin(&searching, argv, store);
    searching.queries = queries;
    search(&searching, 0);
    print_line("open", (now() - begun) * 1000, "ms", 0);
    check(firn_store_close(store, &err));
}

int
main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "load") == 0) {
        load(argv);
    } else if ((argc == 9 || argc == 10) && strcmp(argv[1], "exact") == 0) {
        measure(argc, argv, true);
    } else if (argc == 8 && strcmp(argv[1], "index") == 0) {
        build_index(argv);
    } else if ((argc == 9 || argc == 10) && strcmp(argv[1], "walk") == 0) {
        measure(argc, argv, false);
    } else if (argc == 7 && strcmp(argv[1], "open") == 0) {
        open_and_ask(argv);
    } else {
        (void)fprintf(
            stderr,
            "usage: bench_vector_firn load|exact|index|walk|open STORE DATA MEMORY_MIB ...\n");
        return 2;
    }
    return 0;
}
