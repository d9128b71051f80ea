/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_output.c: what answers look like, and sending them, alone or gathered into the answer to
 * a batch.
 *
 * A message is composed in memory and sent under the lock, so messages of two threads do not mix.
 * If memory runs out, a client still learns which of its requests failed: that answer is composed
 * on the stack.
 *
 * Invariant
 * (I1) A batch is sent once, when its last share is released, and not at all if no message in it
 *      wants an answer.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what answers look like ----
 *
 * A tool that fails is no error of the protocol: the model that called it is to read what happened,
 * so the answer is a result with isError. It carries the code and the text of firn's error, and
 * what to do next where that is known, as JSON: as a structured result, and as the text.
 */

/* Begins {"jsonrpc":"2.0","id":<id>, in an empty writer; id is JSON. */
static void
mcp_output_begin(struct fi_term_writer *json, const char *id)
{
    assert(json->depth == 0);
    fi_term_writer_clear(json);
    fi_term_writer_object(json, NULL);
    fi_term_writer_string(json, "jsonrpc", "2.0");
    fi_term_writer_raw(json, "id", firn_str(id));
}

void
fi_mcp_output_server_info(struct fi_term_writer *json, const char *key)
{
    fi_term_writer_object(json, key);
    fi_term_writer_string(json, "name", "firn");
    fi_term_writer_string(json, "version", firn_version());
    fi_term_writer_end(json);
}

void
fi_mcp_output_begin_result(struct fi_term_writer *json, const char *id, enum fi_mcp_era era)
{
    mcp_output_begin(json, id);
    fi_term_writer_object(json, "result");
    if (era == FI_MCP_STATELESS) {
        fi_term_writer_string(json, "resultType", "complete");
        fi_term_writer_object(json, "_meta");
        fi_mcp_output_server_info(json, "io.modelcontextprotocol/serverInfo");
        fi_term_writer_end(json);
    }
}

void
fi_mcp_output_end(struct fi_term_writer *json)
{
    assert(json->depth == 2);
    fi_term_writer_end(json);
    fi_term_writer_end(json);
}

static void
begin_error(struct fi_term_writer *json, const char *id, int code, const char *text)
{
    assert(code != 0);
    char number[16];
    (void)snprintf(number, sizeof(number), "%d", code);
    mcp_output_begin(json, id);
    fi_term_writer_object(json, "error");
    fi_term_writer_raw(json, "code", firn_str(number));
    fi_term_writer_string(json, "message", text);
}

/* A whole answer with an error of JSON-RPC. */
static void
write_error(struct fi_term_writer *json, const char *id, int code, const char *text)
{
    begin_error(json, id, code, text);
    fi_mcp_output_end(json);
}

void
fi_mcp_output_unsupported(struct fi_term_writer *json, const char *id, const char *asked,
                          const char *const *supported, size_t count)
{
    assert(count > 0);
    begin_error(json, id, FI_MCP_UNSUPPORTED_VERSION, "unsupported protocol version");
    fi_term_writer_object(json, "data");
    fi_term_writer_array(json, "supported");
    for (size_t i = 0; i < count; i++) {
        fi_term_writer_string(json, NULL, supported[i]);
    }
    fi_term_writer_end(json);
    fi_term_writer_bytes(json, "requested", firn_str(asked));
    fi_term_writer_end(json);
    fi_mcp_output_end(json);
}

/* members: of the structured result. */
static void
write_result(struct fi_term_writer *json, const char *id, enum fi_mcp_era era, firn_slice members,
             bool is_error)
{
    assert(json->depth == 0);
    struct fi_term_writer whole = {0};
    fi_term_writer_object(&whole, NULL);
    fi_term_writer_raw(&whole, NULL, members);
    fi_term_writer_end(&whole);
    fi_mcp_output_begin_result(json, id, era);
    fi_term_writer_array(json, "content");
    fi_term_writer_object(json, NULL);
    fi_term_writer_string(json, "type", "text");
    fi_term_writer_text(json, "text", fi_term_writer_slice(&whole));
    fi_term_writer_end(json);
    fi_term_writer_end(json);
    fi_term_writer_object(json, "structuredContent");
    fi_term_writer_raw(json, NULL, members);
    fi_term_writer_end(json);
    fi_term_writer_bool(json, "isError", is_error);
    fi_mcp_output_end(json);
    json->has_failed = json->has_failed || whole.has_failed;
    fi_term_writer_deinit(&whole);
}

void
fi_mcp_output_result(struct fi_term_writer *json, const char *id, enum fi_mcp_era era,
                     firn_slice members)
{
    write_result(json, id, era, members, false);
}

void
fi_mcp_output_failure(struct fi_term_writer *json, const char *id, enum fi_mcp_era era,
                      const firn_error *error, const char *hint)
{
    assert(error->code != FIRN_OK);
    struct fi_term_writer members = {0};
    const char *text = error->text[0] != '\0' ? error->text : firn_code_text(error->code);
    fi_term_writer_object(&members, "error");
    fi_term_writer_string(&members, "code", firn_code_name(error->code));
    fi_term_writer_bytes(&members, "message", firn_str(text));
    if (hint != NULL) {
        fi_term_writer_string(&members, "hint", hint);
    }
    fi_term_writer_end(&members);
    write_result(json, id, era, fi_term_writer_slice(&members), true);
    json->has_failed = json->has_failed || members.has_failed;
    fi_term_writer_deinit(&members);
}

/* ---- sending ---- */

struct fi_mcp_output_batch {
    size_t shares;
    struct fi_term_writer text; /* of an array that is open */
};

bool
fi_mcp_output_init(struct fi_mcp_output *output)
{
    return pthread_mutex_init(&output->lock, NULL) == 0;
}

void
fi_mcp_output_deinit(struct fi_mcp_output *output)
{
    (void)pthread_mutex_destroy(&output->lock);
}

static void
send_locked(struct fi_mcp_output *output, struct fi_term_writer *json)
{
    assert(pthread_mutex_trylock(&output->lock) != 0);
    assert(json->depth == 0 && json->put == NULL);
    fi_term_writer_put(json, "\n", 1);
    if (!json->has_failed) {
        output->send(output->ctx, json->data, json->size);
    }
}

void
fi_mcp_output_send(struct fi_mcp_output *output, struct fi_term_writer *json)
{
    (void)pthread_mutex_lock(&output->lock);
    send_locked(output, json);
    (void)pthread_mutex_unlock(&output->lock);
}

static void
send_out_of_memory_locked(struct fi_mcp_output *output, const char *id)
{
    assert(pthread_mutex_trylock(&output->lock) != 0);
    char text[FI_MCP_MESSAGE_ID_SIZE + 128];
    int size = snprintf(text, sizeof(text),
                        "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":%d,"
                        "\"message\":\"out of memory\"}}\n",
                        id, FI_MCP_INTERNAL_ERROR);
    output->send(output->ctx, text, (size_t)size);
}

void
fi_mcp_output_answer(struct fi_mcp_output *output, struct fi_mcp_output_batch *batch,
                     const char *id, struct fi_term_writer *json)
{
    assert(id != NULL);
    (void)pthread_mutex_lock(&output->lock);
    assert(batch == NULL || batch->shares > 0); /* (I1): it was not sent */
    if (json->has_failed) {
        send_out_of_memory_locked(output, id);
    } else if (batch != NULL) {
        fi_term_writer_raw(&batch->text, NULL, fi_term_writer_slice(json));
    } else {
        send_locked(output, json);
        if (json->has_failed) {
            send_out_of_memory_locked(output, id);
        }
    }
    (void)pthread_mutex_unlock(&output->lock);
}

void
fi_mcp_output_refuse(struct fi_mcp_output *output, struct fi_mcp_output_batch *batch,
                     const char *id, int code, const char *text)
{
    struct fi_term_writer json = {0};
    write_error(&json, id, code, text);
    fi_mcp_output_answer(output, batch, id, &json);
    fi_term_writer_deinit(&json);
}

struct fi_mcp_output_batch *
fi_mcp_output_batch_create(void)
{
    struct fi_mcp_output_batch *batch = calloc(1, sizeof(*batch));
    if (batch != NULL) {
        batch->shares = 1;
        fi_term_writer_array(&batch->text, NULL);
    }
    return batch;
}

void
fi_mcp_output_batch_ref(struct fi_mcp_output *output, struct fi_mcp_output_batch *batch)
{
    if (batch != NULL) {
        (void)pthread_mutex_lock(&output->lock);
        assert(batch->shares > 0); /* (I1) */
        batch->shares++;
        (void)pthread_mutex_unlock(&output->lock);
    }
}

void
fi_mcp_output_batch_unref(struct fi_mcp_output *output, struct fi_mcp_output_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&output->lock);
    assert(batch->shares > 0); /* (I1) */
    bool is_last = --batch->shares == 0;
    if (is_last && (batch->text.size > 1 || batch->text.has_failed)) {
        fi_term_writer_end(&batch->text);
        send_locked(output, &batch->text);
        if (batch->text.has_failed) {
            send_out_of_memory_locked(output, "null");
        }
    }
    (void)pthread_mutex_unlock(&output->lock);
    if (is_last) {
        fi_term_writer_deinit(&batch->text);
        free(batch);
    }
}
