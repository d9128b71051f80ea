/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/work_queue.c: a queue that survives crashes: threads take jobs in order, each job is done by one of them, and what
 * a job produces is written in the same transaction that removes it. Valid C and C++.
 *
 *     cc work_queue.c $(pkg-config --cflags --libs firn) -pthread -o work_queue && ./work_queue app.firn
 */
#include <pthread.h>
#include <stdio.h>

#include <firn/firn.h>

enum { JOBS = 100, WORKERS = 4 };

struct queue {
    firn_store *store;
    firn_keyspace *jobs;    /* by number, so in order */
    firn_keyspace *results; /* likewise */
};

static int
complain(const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", what, err->text, firn_code_name(err->code));
    return 1;
}

static int
add_jobs(struct queue *queue, firn_error *err)
{
    firn_batch *batch = NULL;
    int code = firn_batch_create(&batch, err);
    for (uint64_t i = 1; i <= JOBS && code == FIRN_OK; i++) {
        uint8_t memory[8];
        uint8_t work[8];
        firn_key key = firn_key_in(memory, sizeof memory);
        firn_key_add_u64(&key, i);
        firn_number((int64_t)i, work);
        code = firn_batch_put(batch, queue->jobs, firn_key_slice(&key), firn_bytes(work, 8), err);
    }
    code = code == FIRN_OK ? firn_store_write(queue->store, batch, NULL, err) : code;
    firn_batch_destroy(batch);
    return code;
}

/* Takes the first job and does it. FIRN_NOT_FOUND when none is left. Another thread may take the same job at the same
 * time: then one of the two commits, and the other one starts again here. */
static int
do_one(void *ctx, firn_txn *txn, firn_error *err)
{
    struct queue *queue = (struct queue *)ctx;
    firn_cursor *cursor = NULL;
    int code = firn_txn_cursor_open(txn, queue->jobs, NULL, &cursor, err);
    code = code == FIRN_OK ? firn_cursor_first(cursor, err) : code;
    if (code == FIRN_OK && !firn_cursor_valid(cursor)) {
        code = FIRN_NOT_FOUND;
    }
    if (code == FIRN_OK) {
        firn_slice key = firn_cursor_key(cursor);
        firn_slice work = firn_cursor_value(cursor);
        uint8_t result[8];
        int64_t n = firn_number_of(work.data, work.size);
        firn_number(n * n, result);
        code = firn_txn_put(txn, queue->results, key, firn_bytes(result, 8), err);
        code = code == FIRN_OK ? firn_txn_delete(txn, queue->jobs, key, err) : code;
    }
    firn_cursor_close(cursor);
    return code;
}

/* A thread; NULL if all went well. */
static void *
work(void *ctx)
{
    struct queue *queue = (struct queue *)ctx;
    firn_txn_run_options options = FIRN_TXN_RUN_OPTIONS_INIT;
    firn_error err;
    int code = FIRN_OK;
    options.durability = FIRN_DURABILITY_OS; /* a sync at the end is enough */
    options.attempts_max = 10000;
    while (code == FIRN_OK) {
        code = firn_txn_run(queue->store, &options, do_one, queue, &err);
    }
    if (code != FIRN_NOT_FOUND) {
        (void)complain("work", &err);
        return ctx;
    }
    return NULL;
}

static int
sum_up(struct queue *queue, firn_error *err)
{
    firn_cursor *cursor = NULL;
    long long sum = 0;
    int count = 0;
    int code = firn_cursor_open(queue->results, NULL, &cursor, err);
    code = code == FIRN_OK ? firn_cursor_first(cursor, err) : code;
    while (code == FIRN_OK && firn_cursor_valid(cursor)) {
        firn_slice value = firn_cursor_value(cursor);
        sum += firn_number_of(value.data, value.size);
        count++;
        code = firn_cursor_next(cursor, err);
    }
    firn_cursor_close(cursor);
    if (code == FIRN_OK) {
        (void)printf("%d jobs done, the sum of their squares is %lld\n", count, sum);
    }
    return code;
}

int
main(int argc, char **argv)
{
    firn_error err;
    struct queue queue = {NULL, NULL, NULL};
    pthread_t threads[WORKERS];
    int started = 0;
    int failed = 0;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: work_queue STORE\n");
        return 2;
    }
    if (firn_store_open(argv[1], NULL, &queue.store, &err) != FIRN_OK) {
        return complain("open", &err);
    }
    if (firn_keyspace_open(queue.store, "jobs", NULL, &queue.jobs, &err) != FIRN_OK ||
        firn_keyspace_open(queue.store, "results", NULL, &queue.results, &err) != FIRN_OK ||
        add_jobs(&queue, &err) != FIRN_OK) {
        failed = complain("prepare", &err);
    }
    while (started < WORKERS && !failed &&
           pthread_create(&threads[started], NULL, work, &queue) == 0) {
        started++;
    }
    while (started > 0) {
        void *result = NULL;
        (void)pthread_join(threads[--started], &result);
        failed = result != NULL ? 1 : failed;
    }
    if (!failed &&
        (firn_store_sync(queue.store, &err) != FIRN_OK || sum_up(&queue, &err) != FIRN_OK)) {
        failed = complain("finish", &err);
    }
    if (firn_store_close(queue.store, &err) != FIRN_OK) {
        return complain("close", &err);
    }
    return failed;
}
