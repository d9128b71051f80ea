/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_queue.h: calls of tools that wait to be done, and the one that is.
 *
 * Threads: any. One thread takes jobs from a queue.
 */
#ifndef FIRN_MCP_MCP_QUEUE_H
#define FIRN_MCP_MCP_QUEUE_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "mcp/mcp_message.h"
#include "mcp/mcp_output.h"
#include "mcp/mcp_reply.h"
#include "mcp/mcp_tools.h"

enum { FIRN_MCP_QUEUE_WAITING_MAX = 100 };

struct firn_mcp_queue_job {
    struct firn_mcp_queue_job *next; /* the queue's */
    const struct firn_mcp_tool *tool;
    json_t *arguments;                   /* its own copy: a value is for one thread at a time */
    struct firn_mcp_output_batch *batch; /* a share of whoever made the job, or NULL */
    atomic_bool is_cancelled;
    char id[FIRN_MCP_MESSAGE_ID_SIZE];
    enum firn_mcp_era era;                /* that the answer is written for */
    char token[FIRN_MCP_MESSAGE_ID_SIZE]; /* of progress; empty: nobody wants it */
    uint64_t told;                        /* the progress sent last */
};

struct firn_mcp_queue {
    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t has_news;
    struct firn_mcp_queue_job *first;
    struct firn_mcp_queue_job *last;
    struct firn_mcp_queue_job *running;
    size_t waiting;
    bool is_closed;
};

/* NULL if there is no memory. The arguments, an object, are copied. */
struct firn_mcp_queue_job *firn_mcp_queue_job_create(const struct firn_mcp_tool *tool,
                                                     const json_t *arguments);
void firn_mcp_queue_job_destroy(struct firn_mcp_queue_job *job);
bool firn_mcp_queue_job_is_cancelled(const struct firn_mcp_queue_job *job);

FIRN_MUST_CHECK bool firn_mcp_queue_init(struct firn_mcp_queue *queue);
/* Of an empty queue. */
void firn_mcp_queue_deinit(struct firn_mcp_queue *queue);

/* The queue has the job from here on. False if too many wait already: it is still the caller's. */
FIRN_MUST_CHECK bool firn_mcp_queue_push(struct firn_mcp_queue *queue,
                                         struct firn_mcp_queue_job *job);
/* The first job, which now runs and is the caller's; it stays known to firn_mcp_queue_cancel until
 * firn_mcp_queue_done. NULL if none waits; with until_closed, only once the queue is closed. */
struct firn_mcp_queue_job *firn_mcp_queue_next(struct firn_mcp_queue *queue, bool until_closed);
/* What runs has ended. */
void firn_mcp_queue_done(struct firn_mcp_queue *queue);
/* Takes the job with this id off the queue and gives it to the caller, or NULL: nobody waits under
 * this id. If it runs, it is told. */
struct firn_mcp_queue_job *firn_mcp_queue_cancel(struct firn_mcp_queue *queue, const char *id);
/* Nothing more will be pushed. */
void firn_mcp_queue_close(struct firn_mcp_queue *queue);

#endif
