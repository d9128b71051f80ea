/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_output.c: sending messages, alone or gathered into the answer to a batch.
 *
 * A message is made whole in memory and sent under the lock, so that those of two threads do not
 * mix. For want of memory a client still learns which of its requests came to nothing: that answer
 * is put together on the stack.
 *
 * Invariant
 * (I1) A batch is sent once, when its last share is given back, and not at all if nothing in it
 *      wanted an answer.
 */
#include "mcp/mcp_output.h"

#include <stdio.h>
#include <stdlib.h>

#include "mcp/mcp_message.h"
#include "mcp/mcp_reply.h"

struct firn_mcp_output_batch {
    size_t shares;
    struct firn_mcp_json text; /* of an array that is open */
};

bool
firn_mcp_output_init(struct firn_mcp_output *output)
{
    return pthread_mutex_init(&output->lock, NULL) == 0;
}

void
firn_mcp_output_deinit(struct firn_mcp_output *output)
{
    (void)pthread_mutex_destroy(&output->lock);
}

static void
send_locked(struct firn_mcp_output *output, struct firn_mcp_json *json)
{
    firn_mcp_json_put(json, "\n", 1);
    if (!json->has_failed) {
        output->send(output->ctx, json->data, json->size);
    }
}

void
firn_mcp_output_send(struct firn_mcp_output *output, struct firn_mcp_json *json)
{
    (void)pthread_mutex_lock(&output->lock);
    send_locked(output, json);
    (void)pthread_mutex_unlock(&output->lock);
}

static void
send_out_of_memory_locked(struct firn_mcp_output *output, const char *id)
{
    char text[FIRN_MCP_MESSAGE_ID_SIZE + 128];
    int size = snprintf(text, sizeof(text),
                        "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":%d,"
                        "\"message\":\"out of memory\"}}\n",
                        id, FIRN_MCP_INTERNAL_ERROR);
    output->send(output->ctx, text, (size_t)size);
}

void
firn_mcp_output_answer(struct firn_mcp_output *output, struct firn_mcp_output_batch *batch,
                       const char *id, struct firn_mcp_json *json)
{
    (void)pthread_mutex_lock(&output->lock);
    if (json->has_failed) {
        send_out_of_memory_locked(output, id);
    } else if (batch != NULL) {
        firn_mcp_json_raw(&batch->text, NULL, firn_mcp_json_slice(json));
    } else {
        send_locked(output, json);
        if (json->has_failed) {
            send_out_of_memory_locked(output, id);
        }
    }
    (void)pthread_mutex_unlock(&output->lock);
}

void
firn_mcp_output_refuse(struct firn_mcp_output *output, struct firn_mcp_output_batch *batch,
                       const char *id, int code, const char *text)
{
    struct firn_mcp_json json = {0};
    firn_mcp_reply_error(&json, id, code, text);
    firn_mcp_output_answer(output, batch, id, &json);
    firn_mcp_json_deinit(&json);
}

struct firn_mcp_output_batch *
firn_mcp_output_batch_create(void)
{
    struct firn_mcp_output_batch *batch = calloc(1, sizeof(*batch));
    if (batch != NULL) {
        batch->shares = 1;
        firn_mcp_json_begin(&batch->text, NULL, '[');
    }
    return batch;
}

void
firn_mcp_output_batch_ref(struct firn_mcp_output *output, struct firn_mcp_output_batch *batch)
{
    if (batch != NULL) {
        (void)pthread_mutex_lock(&output->lock);
        batch->shares++;
        (void)pthread_mutex_unlock(&output->lock);
    }
}

void
firn_mcp_output_batch_unref(struct firn_mcp_output *output, struct firn_mcp_output_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&output->lock);
    bool is_last = --batch->shares == 0;
    if (is_last && (batch->text.size > 1 || batch->text.has_failed)) {
        firn_mcp_json_end(&batch->text, '[');
        send_locked(output, &batch->text);
        if (batch->text.has_failed) {
            send_out_of_memory_locked(output, "null");
        }
    }
    (void)pthread_mutex_unlock(&output->lock);
    if (is_last) {
        firn_mcp_json_deinit(&batch->text);
        free(batch);
    }
}
