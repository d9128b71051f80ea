/* SPDX-License-Identifier: Apache-2.0
 *
 * table_main.c: a process that runs one workload on one engine.
 *
 *     bench_table_<engine> WORKLOAD STORE DATA [-t SECONDS] [-j THREADS] [-m MIB] [-s SEED] [-k]
 *     bench_table_<engine> version
 *
 * STORE is the directory of the engine's table, DATA that of the data which it was loaded from (bench_table_make). -k: with
 * a key, for an engine that can do without. "load" adds a table to STORE; the others find it filled.
 *
 * Each workload prints one line "row wall user system value answer" between tabs. Of a query the value is the median of its
 * times in milliseconds, with the mean of wall and CPU seconds; it runs once before it is timed, and then for SECONDS,
 * at least once. Of others it is a rate. The answer must be the same for all engines; "-" is none. What the
 * engine cannot do ends with status 77.
 *
 * Loads are timed from the opening of an empty store to the end of closing it, all rows on disk. "csv" is a load, too, of the
 * file DATA.csv (bench_table_make csv), which is in the page cache; its value is megabytes of that file a second.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "table.h"

struct run {
    const char *row;
    struct table_setup setup;
    const char *data_directory;
    struct table_data data;
    double seconds;
    uint64_t seed;
    enum table_query query;
    struct table_store *store;
};

struct span {
    double wall, user, system;
};

enum {
    TIMES_MAX = 1 << 16,
    LOOKUPS_CHECKED = 1000,
    STREAM_RANGE = 300,
    STREAM_LOOKUP,
    STREAM_UPDATE
};

static const char *doing = "";

void
table_die(const char *format, ...)
{
    va_list arguments;
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s: %s: ", table_engine.name, doing);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    _exit(1);
}

/* ---- clocks ---- */

static double
now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double
seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static struct span
span_begin(void)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0) {
        table_die("could not read the resources used");
    }
    return (struct span){now(), seconds_of(used.ru_utime), seconds_of(used.ru_stime)};
}

/* From `begun` until now, divided by a number of operations. */
static struct span
span_each(struct span begun, uint64_t count)
{
    struct span end = span_begin();
    double each = 1 / (double)count;
    return (struct span){(end.wall - begun.wall) * each, (end.user - begun.user) * each,
                         (end.system - begun.system) * each};
}

static void
print_result(const struct run *run, struct span span, double value, const char *answer)
{
    (void)printf("%s\t%.9f\t%.9f\t%.9f\t%.6g\t%s\n", run->row, span.wall, span.user, span.system,
                 value, answer);
}

/* ---- workloads ---- */

static void
run_load(struct run *run)
{
    char answer[64];
    char row[64];
    struct table_data *data = &run->data;
    struct span begun = span_begin();
    run->store = table_engine.open(&run->setup);
    table_engine.load(run->store, data);
    table_engine.close(run->store);
    struct span span = span_each(begun, 1);
    (void)snprintf(answer, sizeof(answer), "%" PRIu64, data->rows);
    (void)snprintf(row, sizeof(row), "load_%s", data->schema->name);
    run->row = row;
    print_result(run, span, (double)data->rows / span.wall / 1e6, answer);
}

static void
run_csv(struct run *run)
{
    char path[4096];
    char answer[64];
    struct stat status;
    (void)snprintf(path, sizeof(path), "%s.csv", run->data_directory);
    if (stat(path, &status) != 0) {
        table_die("there is no %s", path);
    }
    struct span begun = span_begin();
    run->store = table_engine.open(&run->setup);
    uint64_t rows = table_engine.import_csv(run->store, path);
    table_engine.close(run->store);
    struct span span = span_each(begun, 1);
    if (rows != run->data.rows) {
        table_die("%" PRIu64 " rows of %s, not %" PRIu64, rows, path, run->data.rows);
    }
    (void)snprintf(answer, sizeof(answer), "%" PRIu64, rows);
    run->row = run->data.schema == &table_lineitem ? "csv_lineitem" : "csv_events";
    print_result(run, span, (double)status.st_size / span.wall / 1e6, answer);
}

static int
compare_times(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One per cent of the ids, at a place that depends on the seed and the number of the repetition. */
static void
choose_bounds(const struct run *run, uint64_t repetition, int64_t bounds[2])
{
    uint64_t rows = run->data.rows / 100;
    uint64_t first =
        table_random(STREAM_RANGE + (run->seed << 16), repetition, run->data.rows - rows);
    bounds[0] = (int64_t)first;
    bounds[1] = (int64_t)(first + rows - 1);
}

static void
run_query(struct run *run)
{
    static double times[TIMES_MAX];
    struct table_answer answer = {.size = 0};
    int64_t bounds[2];
    if (run->query == TABLE_RANGE) {
        /* What is read is in memory. */
        struct table_answer whole = {.size = 0};
        bounds[0] = 0;
        bounds[1] = (int64_t)run->data.rows - 1;
        table_engine.query(run->store, run->query, bounds, &whole);
    }
    choose_bounds(run, 0, bounds);
    table_engine.query(run->store, run->query, bounds, &answer);
    uint64_t count = 0;
    struct span begun = span_begin();
    while (count == 0 || (count < TIMES_MAX && now() - begun.wall < run->seconds)) {
        struct table_answer again = {.size = 0};
        choose_bounds(run, count, bounds);
        double start = now();
        table_engine.query(run->store, run->query, bounds, &again);
        times[count] = now() - start;
        count++;
        if ((run->query != TABLE_RANGE || count == 1) && strcmp(answer.text, again.text) != 0) {
            table_die("two answers: %s and %s", answer.text, again.text);
        }
    }
    struct span span = span_each(begun, count);
    qsort(times, count, sizeof(times[0]), compare_times);
    double median =
        count % 2 == 1 ? times[count / 2] : (times[count / 2 - 1] + times[count / 2]) / 2;
    print_result(run, span, median * 1e3, answer.text);
}

static uint64_t
hash_event(uint64_t hash, const struct table_event *event)
{
    uint64_t latency;
    memcpy(&latency, &event->latency, sizeof(latency));
    hash = table_hash_number(hash, (uint64_t)event->id);
    hash = table_hash_number(hash, (uint64_t)event->ts);
    hash = table_hash_number(hash, (uint64_t)event->user);
    hash = table_hash_text(hash, event->kind);
    hash = table_hash_text(hash, event->country);
    hash = table_hash_number(hash, (uint64_t)event->status);
    hash = table_hash_number(hash, (uint64_t)event->amount);
    hash = table_hash_number(hash, latency);
    return table_hash_text(hash, event->path);
}

static void
look_up(struct run *run, uint64_t repetition, struct table_event *out)
{
    uint64_t id = table_random(STREAM_LOOKUP + (run->seed << 16), repetition, run->data.rows);
    if (!table_engine.lookup(run->store, (int64_t)id, out) || out->id != (int64_t)id) {
        table_die("event %" PRIu64 " is not there", id);
    }
}

/* Rows of the same ids are compared whole, with the formula, before the clock runs; the warm-up reads as long as what is timed. */
static void
run_lookup(struct run *run)
{
    char text[32];
    struct table_event event;
    struct table_event made;
    uint64_t hash = TABLE_HASH;
    uint64_t users = table_event_users(run->data.rows);
    for (uint64_t i = 0; i < LOOKUPS_CHECKED; i++) {
        look_up(run, i, &event);
        table_event_make(&made, (uint64_t)event.id, users);
        if (hash_event(TABLE_HASH, &event) != hash_event(TABLE_HASH, &made)) {
            table_die("event %" PRId64 " has wrong values", event.id);
        }
        hash = hash_event(hash, &event);
    }
    (void)snprintf(text, sizeof(text), "%016" PRIx64, hash);
    uint64_t count = LOOKUPS_CHECKED;
    struct span begun = span_begin();
    while (now() - begun.wall < run->seconds) {
        look_up(run, count++, &event);
    }
    uint64_t first = count;
    int64_t sum = 0;
    begun = span_begin();
    do {
        for (int i = 0; i < 16; i++) {
            look_up(run, count++, &event);
            sum += event.amount + event.path.data[event.path.size - 1];
        }
    } while (now() - begun.wall < run->seconds);
    struct span span = span_each(begun, count - first);
    if (sum == 0) {
        table_die("amounts add up to nothing");
    }
    print_result(run, span, 1 / span.wall, text);
}

static void
run_insert(struct run *run)
{
    struct table_event event;
    struct table_event back;
    uint64_t users = table_event_users(run->data.rows);
    uint64_t id = run->data.rows;
    struct span begun = span_begin();
    do {
        for (int i = 0; i < 16; i++) {
            table_event_make(&event, id++, users);
            table_engine.insert(run->store, &event);
        }
    } while (now() - begun.wall < run->seconds);
    struct span span = span_each(begun, id - run->data.rows);
    if (!table_engine.lookup(run->store, event.id, &back) ||
        hash_event(TABLE_HASH, &back) != hash_event(TABLE_HASH, &event)) {
        table_die("the last event that was inserted is not there");
    }
    print_result(run, span, 1 / span.wall, "-");
}

/* Of events with an even id: "halve" leaves those. */
static void
run_update(struct run *run)
{
    struct table_event back;
    uint64_t count = 0;
    uint64_t id;
    struct span begun = span_begin();
    do {
        for (int i = 0; i < 16; i++) {
            id = 2 * table_random(STREAM_UPDATE + (run->seed << 16), count++, run->data.rows / 2);
            table_engine.update(run->store, (int64_t)id, (int64_t)(1000000 + count));
        }
    } while (now() - begun.wall < run->seconds);
    struct span span = span_each(begun, count);
    if (!table_engine.lookup(run->store, (int64_t)id, &back) ||
        back.amount != (int64_t)(1000000 + count)) {
        table_die("the last update is not there");
    }
    print_result(run, span, 1 / span.wall, "-");
}

static void
run_halve(struct run *run)
{
    struct table_event back;
    struct span begun = span_begin();
    table_engine.halve(run->store, run->data.rows);
    struct span span = span_each(begun, 1);
    for (int64_t id = 0; id < 1000; id++) {
        if (table_engine.lookup(run->store, id, &back) != (id % 2 == 0)) {
            table_die("event %" PRId64 " is there or is not, against what was deleted", id);
        }
    }
    print_result(run, span, span.wall, "-");
}

/* ---- the program ---- */

struct workload {
    const char *name;
    const struct table_schema *schema; /* NULL: that of the data */
    void (*run)(struct run *run);
    enum table_query query;
};

static const struct workload workloads[] = {
    {"load", NULL, run_load, TABLE_QUERIES},
    {"csv", NULL, run_csv, TABLE_QUERIES},
    {"sum-quantity", &table_lineitem, run_query, TABLE_SUM_QUANTITY},
    {"sum-price", &table_lineitem, run_query, TABLE_SUM_PRICE},
    {"q6", &table_lineitem, run_query, TABLE_Q6},
    {"q1", &table_lineitem, run_query, TABLE_Q1},
    {"q3", &table_lineitem, run_query, TABLE_Q3},
    {"q12", &table_lineitem, run_query, TABLE_Q12},
    {"q14", &table_lineitem, run_query, TABLE_Q14},
    {"count-int", &table_events, run_query, TABLE_COUNT_INT},
    {"count-texts", &table_events, run_query, TABLE_COUNT_TEXTS},
    {"group", &table_events, run_query, TABLE_GROUP},
    {"top", &table_events, run_query, TABLE_TOP},
    {"range", &table_events, run_query, TABLE_RANGE},
    {"lookup", &table_events, run_lookup, TABLE_QUERIES},
    {"insert", &table_events, run_insert, TABLE_QUERIES},
    {"update", &table_events, run_update, TABLE_QUERIES},
    {"halve", &table_events, run_halve, TABLE_QUERIES}};

static int
usage(void)
{
    (void)fprintf(
        stderr,
        "usage: bench_table_%s WORKLOAD STORE DATA [-t SECONDS] [-j THREADS] [-m MIB] [-s SEED] "
        "[-k]\nworkloads:",
        table_engine.name);
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        (void)fprintf(stderr, " %s", workloads[i].name);
    }
    (void)fputc('\n', stderr);
    return 2;
}

static uint64_t
number_of(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number < least || number > most) {
        table_die("cannot use the number %s", text);
    }
    return number;
}

static bool
read_options(struct run *run, int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "t:j:m:s:k")) != -1) {
        switch (option) {
        case 't':
            run->seconds = strtod(optarg, NULL);
            break;
        case 'j':
            run->setup.threads = (unsigned)number_of(optarg, 1, 256);
            break;
        case 'm':
            run->setup.memory_bytes = number_of(optarg, 8, 1 << 20) << 20;
            break;
        case 's':
            run->seed = number_of(optarg, 1, 1 << 20);
            break;
        case 'k':
            run->setup.keyed = true;
            break;
        default:
            return false;
        }
    }
    return optind == argc && run->seconds > 0;
}

static const struct workload *
find(const char *name)
{
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        if (strcmp(workloads[i].name, name) == 0) {
            return &workloads[i];
        }
    }
    return NULL;
}

/* What the engine lacks for the workload; NULL: nothing. */
static const char *
why_not(const struct workload *workload, const struct table_setup *setup)
{
    if (workload->run == run_csv && table_engine.import_csv == NULL) {
        return "its library reads no CSV";
    }
    if (setup->keyed && !table_engine.has_keyless) {
        return "its tables always have their key";
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    struct run run = {.seconds = 2, .seed = 1};
    run.setup.memory_bytes = UINT64_C(4) << 30;
    run.setup.threads = 1;
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        return printf("%s\n", table_engine.version()) < 0;
    }
    const struct workload *workload = argc < 4 ? NULL : find(argv[1]);
    if (workload == NULL) {
        return usage();
    }
    doing = run.row = workload->name;
    run.setup.directory = argv[2];
    run.data_directory = argv[3];
    if (!read_options(&run, argc - 3, argv + 3)) {
        return usage();
    }
    const char *reason = why_not(workload, &run.setup);
    if (reason != NULL) {
        (void)fprintf(stderr, "%s: %s: left out: %s\n", table_engine.name, doing, reason);
        return 77;
    }
    run.query = workload->query;
    run.setup.unsynced = workload->run == run_insert || workload->run == run_update;
    run.setup.schema =
        workload->schema != NULL ? workload->schema : table_schema_of(run.data_directory);
    table_data_map(&run.data, run.setup.schema, run.data_directory);
    if (workload->run == run_load || workload->run == run_csv) {
        workload->run(&run);
    } else {
        run.store = table_engine.open(&run.setup);
        workload->run(&run);
        table_engine.close(run.store);
    }
    return fflush(stdout) != 0;
}
