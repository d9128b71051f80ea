/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_output.h: sending messages, alone or gathered into the answer to a batch. Any thread.
 */
#ifndef FIRN_MCP_MCP_OUTPUT_H
#define FIRN_MCP_MCP_OUTPUT_H

#include <pthread.h>
#include <stdbool.h>

#include "mcp/mcp_json.h"

struct firn_mcp_output {
    void (*send)(void *ctx, const char *data, size_t size); /* one thread at a time */
    void *ctx;
    pthread_mutex_t lock; /* held while something is sent, and over the batches */
};

/* The answers to several messages, sent as one array when all are there. Whoever reads the messages
 * has a share in it, and so has every request that is not answered yet. */
struct firn_mcp_output_batch;

FIRN_MUST_CHECK bool firn_mcp_output_init(struct firn_mcp_output *output);
void firn_mcp_output_deinit(struct firn_mcp_output *output);

/* Sends a message; nothing if its writer has failed. */
void firn_mcp_output_send(struct firn_mcp_output *output, struct firn_mcp_json *json);
/* Sends the answer to the request `id`, or puts it into that of its batch (NULL: there is none). If
 * there was no memory for it, the client is told so. */
void firn_mcp_output_answer(struct firn_mcp_output *output, struct firn_mcp_output_batch *batch,
                            const char *id, struct firn_mcp_json *json);
/* The same with an error of JSON-RPC. */
void firn_mcp_output_refuse(struct firn_mcp_output *output, struct firn_mcp_output_batch *batch,
                            const char *id, int code, const char *text);

/* With one share; NULL if there is no memory. */
struct firn_mcp_output_batch *firn_mcp_output_batch_create(void);
/* One share more, or less; of NULL nothing. The last one sends what came together. */
void firn_mcp_output_batch_ref(struct firn_mcp_output *output, struct firn_mcp_output_batch *batch);
void firn_mcp_output_batch_unref(struct firn_mcp_output *output,
                                 struct firn_mcp_output_batch *batch);

#endif
