/* SPDX-License-Identifier: Apache-2.0
 *
 * kv_threads.c: workloads of a fixed duration: synced puts of one thread and of eight, and a reader
 * beside a writer.
 *
 * Threads make their workers first and meet at a barrier; each stops at the first call that ends
 * after the deadline. CPU seconds are those of the time in between.
 */
#include <pthread.h>

#include "kv_run.h"

enum { THREADS_MAX = 8 };

struct thread {
    struct kv_run *run;
    pthread_barrier_t *barrier;
    pthread_t handle;
    void (*call)(struct thread *thread, uint64_t i);
    uint64_t index;
    uint64_t done;
    struct kv_worker *worker;
    struct kv_order order;
    struct kv_random random;
};

static void *
thread_main(void *context)
{
    struct thread *thread = context;
    thread->worker = kv_engine.worker_create(thread->run->store);
    (void)pthread_barrier_wait(thread->barrier);
    uint64_t deadline = kv_now() + (uint64_t)(thread->run->seconds * 1e9);
    while (kv_now() < deadline) {
        thread->call(thread, thread->done++);
    }
    (void)pthread_barrier_wait(thread->barrier);
    kv_engine.worker_destroy(thread->worker);
    return NULL;
}

/* Runs the threads, whose call is set; returns what the process spent between the barriers. */
static struct kv_span
run_threads(struct kv_run *run, struct thread *threads, unsigned count)
{
    pthread_barrier_t barrier;
    if (pthread_barrier_init(&barrier, NULL, count + 1) != 0) {
        kv_die("could not make a barrier");
    }
    for (unsigned i = 0; i < count; i++) {
        threads[i].run = run;
        threads[i].barrier = &barrier;
        threads[i].index = i;
        threads[i].order = kv_order_make(run->entries, run->seed * 2 + 1);
        threads[i].random = (struct kv_random){run->seed * 100 + i};
        if (pthread_create(&threads[i].handle, NULL, thread_main, &threads[i]) != 0) {
            kv_die("could not start a thread");
        }
    }
    (void)pthread_barrier_wait(&barrier);
    struct kv_span begun = kv_span_begin();
    (void)pthread_barrier_wait(&barrier);
    struct kv_span spent = kv_span_since(begun);
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_join(threads[i].handle, NULL);
    }
    (void)pthread_barrier_destroy(&barrier);
    return spent;
}

/* Random entries, no two threads the same ones. */
static uint64_t
number_at(const struct thread *thread, uint64_t i)
{
    uint64_t at = (i * THREADS_MAX + thread->index) % thread->run->entries;
    return kv_number_of(kv_order_at(&thread->order, at));
}

static void
call_put(struct thread *thread, uint64_t i)
{
    kv_run_put(thread->worker, number_at(thread, i), thread->run->seed);
}

static void
call_get(struct thread *thread, uint64_t i)
{
    (void)i;
    uint64_t entry = kv_random_below(&thread->random, thread->run->entries);
    (void)kv_run_get(thread->worker, kv_number_of(entry));
}

static void
put_synced(struct kv_run *run, unsigned count)
{
    struct thread threads[THREADS_MAX] = {0};
    uint64_t done = 0;
    for (unsigned i = 0; i < count; i++) {
        threads[i].call = call_put;
    }
    struct kv_span spent = run_threads(run, threads, count);
    for (unsigned i = 0; i < count; i++) {
        done += threads[i].done;
        for (uint64_t j = 0; j < threads[i].done; j++) {
            (void)kv_run_get(run->worker, number_at(&threads[i], j));
        }
    }
    kv_print(run->row, "", &spent, (double)done / spent.wall);
}

void
kv_threads_sync_1(struct kv_run *run)
{
    put_synced(run, 1);
}

void
kv_threads_sync_8(struct kv_run *run)
{
    put_synced(run, 8);
}

void
kv_threads_reader_writer(struct kv_run *run)
{
    struct thread threads[2] = {{.call = call_get}, {.call = call_put}};
    for (uint64_t i = 0; i < run->entries; i += 8) {
        (void)kv_run_get(run->worker, kv_number_of(i));
    }
    struct kv_span spent = run_threads(run, threads, 2);
    /* The time they computed cannot be told apart from the engine's own threads. */
    kv_print(run->row, "_reads", NULL, (double)threads[0].done / spent.wall);
    kv_print(run->row, "_writes", NULL, (double)threads[1].done / spent.wall);
}
