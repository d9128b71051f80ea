/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_queue.c: calls wait here between the thread that reads and the one that works.
 *
 * First in, first out: a client that sends a restore after a save means the state after the save. A
 * call that is cancelled while it waits leaves the queue; one that runs is only told, and ends by
 * itself. Nothing is sent, and no tool runs, while the lock is held.
 *
 * Invariants
 * (I1) A job is the queue's or its caller's, never both; `running` is the caller's, and is read
 *      only under the lock, before fi_mcp_queue_done.
 *
 * Limits: WAITING_MAX calls wait.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WAITING_MAX = 100 };

struct fi_mcp_queue_job *
fi_mcp_queue_job_create(const struct fi_mcp_tool *tool, const json_t *arguments)
{
    struct fi_mcp_queue_job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        return NULL;
    }
    job->tool = tool;
    job->arguments = json_deep_copy(arguments);
    atomic_init(&job->is_cancelled, false);
    if (job->arguments == NULL) {
        free(job);
        return NULL;
    }
    return job;
}

void
fi_mcp_queue_job_destroy(struct fi_mcp_queue_job *job)
{
    assert(job == NULL || job->next == NULL);
    if (job != NULL) {
        json_decref(job->arguments);
        free(job);
    }
}

bool
fi_mcp_queue_job_is_cancelled(const struct fi_mcp_queue_job *job)
{
    /* Pairs with the store in fi_mcp_queue_cancel. */
    return atomic_load_explicit(&job->is_cancelled, memory_order_acquire);
}

bool
fi_mcp_queue_init(struct fi_mcp_queue *queue)
{
    memset(queue, 0, sizeof(*queue));
    if (pthread_mutex_init(&queue->lock, NULL) != 0) {
        return false;
    }
    if (pthread_cond_init(&queue->has_news, NULL) != 0) {
        (void)pthread_mutex_destroy(&queue->lock);
        return false;
    }
    return true;
}

void
fi_mcp_queue_deinit(struct fi_mcp_queue *queue)
{
    assert(queue->first == NULL && queue->waiting == 0);
    (void)pthread_cond_destroy(&queue->has_news);
    (void)pthread_mutex_destroy(&queue->lock);
}

bool
fi_mcp_queue_push(struct fi_mcp_queue *queue, struct fi_mcp_queue_job *job)
{
    assert(job->next == NULL);
    (void)pthread_mutex_lock(&queue->lock);
    bool fits = queue->waiting < WAITING_MAX;
    if (fits) {
        *(queue->last != NULL ? &queue->last->next : &queue->first) = job;
        queue->last = job;
        queue->waiting++;
        (void)pthread_cond_signal(&queue->has_news);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return fits;
}

struct fi_mcp_queue_job *
fi_mcp_queue_next(struct fi_mcp_queue *queue, bool until_closed)
{
    (void)pthread_mutex_lock(&queue->lock);
    while (queue->first == NULL && until_closed && !queue->is_closed) {
        (void)pthread_cond_wait(&queue->has_news, &queue->lock);
    }
    struct fi_mcp_queue_job *job = queue->first;
    if (job != NULL) {
        queue->first = job->next;
        queue->last = queue->first == NULL ? NULL : queue->last;
        queue->waiting--;
        job->next = NULL;
    }
    assert((queue->first == NULL) == (queue->waiting == 0));
    queue->running = job;
    (void)pthread_mutex_unlock(&queue->lock);
    return job;
}

void
fi_mcp_queue_done(struct fi_mcp_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    assert(queue->running == NULL || queue->running->next == NULL); /* (I1) */
    queue->running = NULL;
    (void)pthread_mutex_unlock(&queue->lock);
}

struct fi_mcp_queue_job *
fi_mcp_queue_cancel(struct fi_mcp_queue *queue, const char *id)
{
    struct fi_mcp_queue_job *before = NULL;
    struct fi_mcp_queue_job *found = NULL;
    (void)pthread_mutex_lock(&queue->lock);
    if (queue->running != NULL && strcmp(queue->running->id, id) == 0) {
        /* Pairs with the load in fi_mcp_queue_job_is_cancelled. */
        atomic_store_explicit(&queue->running->is_cancelled, true, memory_order_release);
    }
    for (struct fi_mcp_queue_job *job = queue->first; job != NULL && found == NULL;
         job = job->next) {
        if (strcmp(job->id, id) == 0) {
            found = job;
        } else {
            before = job;
        }
    }
    if (found != NULL) {
        *(before != NULL ? &before->next : &queue->first) = found->next;
        queue->last = queue->last == found ? before : queue->last;
        queue->waiting--;
        found->next = NULL;
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return found;
}

void
fi_mcp_queue_close(struct fi_mcp_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    queue->is_closed = true;
    (void)pthread_cond_broadcast(&queue->has_news);
    (void)pthread_mutex_unlock(&queue->lock);
}
