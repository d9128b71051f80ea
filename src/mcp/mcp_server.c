/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_server.c: the protocol: from a message to an answer, or to work that is done apart.
 *
 * The Model Context Protocol is JSON-RPC 2.0. What is answered at once (initialize, ping,
 * tools/list, every error) is answered by the thread that reads, so that a ping is answered while a
 * long save runs. Calls of tools wait in a queue and are done one after the other, in the order in
 * which they came, by the thread that works: a client may send a save and the restore after it
 * without waiting in between.
 *
 * Cancelled calls: one that waits is taken off the queue, the one that runs notices at its next
 * progress. Neither is answered, as the protocol wants it.
 *
 * Versions. They differ in nothing that this server has to do differently: members that an older
 * client does not know it skips, and batches, which only 2025-03-26 has, are understood always.
 *
 * The lock `queue` guards the queue, the running call and closing. Nothing is sent while it is held.
 *
 * Limits: a line (mcp_line.h), the messages of a batch, the calls that wait. Beyond them a request
 * is answered with an error, and costs nothing more.
 *
 * Invariants
 * (I1) Every request is answered once, unless it was cancelled; a notification and a response never.
 * (I2) A job has a share of its batch from before it waits until it has been answered.
 */
#include "mcp/mcp_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcp/mcp_message.h"
#include "mcp/mcp_output.h"
#include "mcp/mcp_reply.h"

static const char *const versions[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05",
                                       "2024-10-07"};

static const char instructions[] =
    "firn saves the state of whole directories as checkpoints and brings them back exactly. Save "
    "with checkpoint_save before changes that may have to be taken back; look with "
    "checkpoint_status and checkpoint_diff; go back with checkpoint_restore, which saves the "
    "state before it, so that checkpoint_undo takes the restore back. Every tool takes "
    "workspace_path, the directory.";

struct job {
    struct job *next;
    struct firn_mcp_server *server;
    const struct firn_mcp_tool *tool;
    json_t *arguments;                   /* its own copy: a value is for one thread at a time */
    struct firn_mcp_output_batch *batch; /* a share, or NULL */
    atomic_bool is_cancelled;
    char id[FIRN_MCP_MESSAGE_ID_SIZE];
    char token[FIRN_MCP_MESSAGE_ID_SIZE]; /* of progress; empty: nobody wants it */
    uint64_t told;                        /* the progress sent last */
};

struct firn_mcp_server {
    struct firn_mcp_server_options options;
    pthread_mutex_t queue;
    pthread_cond_t has_news;
    struct job *first; /* all under queue */
    struct job *last;
    struct job *running;
    size_t waiting;
    bool is_closed;
    struct firn_mcp_output output;
};

struct firn_mcp_server *
firn_mcp_server_create(const struct firn_mcp_server_options *options)
{
    struct firn_mcp_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return NULL;
    }
    server->options = *options;
    if (pthread_mutex_init(&server->queue, NULL) != 0) {
        goto failed_queue;
    }
    server->output.send = options->send;
    server->output.ctx = options->ctx;
    if (!firn_mcp_output_init(&server->output)) {
        goto failed_output;
    }
    if (pthread_cond_init(&server->has_news, NULL) != 0) {
        goto failed_news;
    }
    return server;
failed_news:
    firn_mcp_output_deinit(&server->output);
failed_output:
    (void)pthread_mutex_destroy(&server->queue);
failed_queue:
    free(server);
    return NULL;
}

/* ---- work ---- */

static void
job_destroy(struct job *job)
{
    if (job != NULL) {
        json_decref(job->arguments);
        free(job);
    }
}

static bool
is_cancelled(void *ctx)
{
    struct job *job = ctx;
    const struct firn_mcp_server_options *options = &job->server->options;
    /* Pairs with the store in cancel. */
    return atomic_load_explicit(&job->is_cancelled, memory_order_acquire) ||
           options->is_stopping(options->ctx);
}

static void
on_progress(void *ctx, uint64_t done, const char *text)
{
    struct job *job = ctx;
    struct firn_mcp_json json = {0};
    if (job->token[0] == '\0' || done <= job->told) {
        return;
    }
    job->told = done;
    firn_mcp_json_begin(&json, NULL, '{');
    firn_mcp_json_string(&json, "jsonrpc", "2.0");
    firn_mcp_json_string(&json, "method", "notifications/progress");
    firn_mcp_json_begin(&json, "params", '{');
    firn_mcp_json_raw(&json, "progressToken", firn_str(job->token));
    firn_mcp_json_u64(&json, "progress", done);
    firn_mcp_json_string(&json, "message", text);
    firn_mcp_json_end(&json, '{');
    firn_mcp_json_end(&json, '{');
    firn_mcp_output_send(&job->server->output, &json); /* for want of memory it is not sent */
    firn_mcp_json_deinit(&json);
}

static void
answer(struct job *job, const struct firn_mcp_call *call, int code)
{
    struct firn_mcp_json json = {0};
    firn_slice members = firn_mcp_json_slice(&call->result);
    if (code != FIRN_OK) {
        firn_mcp_reply_failure(&json, job->id, &call->error, call->hint);
    } else {
        firn_slice text = {NULL, 0};
        if (call->text_to > call->text_from && members.size >= call->text_to) {
            text = firn_bytes(members.data + call->text_from, call->text_to - call->text_from);
        }
        firn_mcp_reply_result(&json, job->id, members, text);
        json.has_failed = json.has_failed || call->result.has_failed;
    }
    firn_mcp_output_answer(&job->server->output, job->batch, job->id, &json);
    firn_mcp_json_deinit(&json);
}

static void
perform(struct job *job)
{
    const struct firn_mcp_server_options *options = &job->server->options;
    struct firn_mcp_call_host host = {options->store_path,
                                      options->base_path,
                                      options->wait_ms,
                                      options->has_wait,
                                      is_cancelled,
                                      on_progress,
                                      job};
    struct firn_mcp_call call;
    firn_mcp_call_init(&call, &host, job->arguments);
    int code = options->run != NULL ? options->run(job->tool, &call) : job->tool->run(&call);
    if (code != FIRN_OK && call.error.code == FIRN_OK) {
        code = firn_mcp_call_fail(&call, code, "%s", firn_code_text(code));
    }
    if (!atomic_load_explicit(&job->is_cancelled, memory_order_acquire)) {
        answer(job, &call, code);
    }
    firn_mcp_output_batch_unref(&job->server->output, job->batch);
    firn_mcp_call_deinit(&call);
}

/* Takes the first job off the queue and makes it the running one; NULL if there is none. */
static struct job *
next_job(struct firn_mcp_server *server, bool until_closed)
{
    (void)pthread_mutex_lock(&server->queue);
    while (server->first == NULL && until_closed && !server->is_closed) {
        (void)pthread_cond_wait(&server->has_news, &server->queue);
    }
    struct job *job = server->first;
    if (job != NULL) {
        server->first = job->next;
        server->last = server->first == NULL ? NULL : server->last;
        server->waiting--;
    }
    server->running = job;
    (void)pthread_mutex_unlock(&server->queue);
    return job;
}

void
firn_mcp_server_work(struct firn_mcp_server *server, bool until_closed)
{
    struct job *job;
    while ((job = next_job(server, until_closed)) != NULL) {
        perform(job);
        (void)pthread_mutex_lock(&server->queue);
        server->running = NULL;
        (void)pthread_mutex_unlock(&server->queue);
        job_destroy(job);
    }
}

void
firn_mcp_server_close(struct firn_mcp_server *server)
{
    (void)pthread_mutex_lock(&server->queue);
    server->is_closed = true;
    (void)pthread_cond_broadcast(&server->has_news);
    (void)pthread_mutex_unlock(&server->queue);
}

void
firn_mcp_server_destroy(struct firn_mcp_server *server)
{
    if (server == NULL) {
        return;
    }
    while (server->first != NULL) {
        struct job *job = server->first;
        server->first = job->next;
        firn_mcp_output_batch_unref(&server->output, job->batch);
        job_destroy(job);
    }
    (void)pthread_cond_destroy(&server->has_news);
    firn_mcp_output_deinit(&server->output);
    (void)pthread_mutex_destroy(&server->queue);
    free(server);
}

/* False if too many wait already. */
static bool
enqueue(struct firn_mcp_server *server, struct job *job)
{
    (void)pthread_mutex_lock(&server->queue);
    bool fits = server->waiting < FIRN_MCP_SERVER_WAITING_MAX;
    if (fits) {
        *(server->last != NULL ? &server->last->next : &server->first) = job;
        server->last = job;
        server->waiting++;
        (void)pthread_cond_signal(&server->has_news);
    }
    (void)pthread_mutex_unlock(&server->queue);
    return fits;
}

/* ---- methods ---- */

/* A request that is being taken. */
struct request {
    struct firn_mcp_server *server;
    const struct firn_mcp_message *message;
    struct firn_mcp_output_batch *batch; /* the one that it is in, or NULL */
};

static void
refuse_request(const struct request *request, int code, const char *text)
{
    firn_mcp_output_refuse(&request->server->output, request->batch, request->message->id, code,
                           text);
}

static const char *
version_for(const char *asked)
{
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        if (strcmp(versions[i], asked) == 0) {
            return versions[i];
        }
    }
    return versions[0];
}

static void
initialize(const struct request *request)
{
    struct firn_mcp_json json = {0};
    const json_t *asked = json_object_get(request->message->params, "protocolVersion");
    if (!json_is_string(asked)) {
        refuse_request(request, FIRN_MCP_INVALID_PARAMS,
                       "\"protocolVersion\" is missing or no string");
        return;
    }
    if (request->batch != NULL) {
        refuse_request(request, FIRN_MCP_INVALID_REQUEST, "initialize cannot be in a batch");
        return;
    }
    firn_mcp_reply_begin(&json, request->message->id);
    firn_mcp_json_begin(&json, "result", '{');
    firn_mcp_json_string(&json, "protocolVersion", version_for(json_string_value(asked)));
    firn_mcp_json_begin(&json, "capabilities", '{');
    firn_mcp_json_begin(&json, "tools", '{');
    firn_mcp_json_end(&json, '{');
    firn_mcp_json_end(&json, '{');
    firn_mcp_json_begin(&json, "serverInfo", '{');
    firn_mcp_json_string(&json, "name", "firn");
    firn_mcp_json_string(&json, "version", firn_version());
    firn_mcp_json_end(&json, '{');
    firn_mcp_json_string(&json, "instructions", instructions);
    firn_mcp_json_end(&json, '{');
    firn_mcp_json_end(&json, '{');
    firn_mcp_output_answer(&request->server->output, NULL, request->message->id, &json);
    firn_mcp_json_deinit(&json);
}

static void
ping(const struct request *request)
{
    struct firn_mcp_json json = {0};
    firn_mcp_reply_begin(&json, request->message->id);
    firn_mcp_json_begin(&json, "result", '{');
    firn_mcp_json_end(&json, '{');
    firn_mcp_json_end(&json, '{');
    firn_mcp_output_answer(&request->server->output, request->batch, request->message->id, &json);
    firn_mcp_json_deinit(&json);
}

static void
tools_list(const struct request *request)
{
    struct firn_mcp_json json = {0};
    const json_t *cursor = json_object_get(request->message->params, "cursor");
    if (cursor != NULL && !json_is_null(cursor)) {
        refuse_request(request, FIRN_MCP_INVALID_PARAMS,
                       "unknown cursor: all tools are listed at once");
        return;
    }
    firn_mcp_reply_begin(&json, request->message->id);
    firn_mcp_json_begin(&json, "result", '{');
    firn_mcp_tools_list(&json, "tools");
    firn_mcp_json_end(&json, '{');
    firn_mcp_json_end(&json, '{');
    firn_mcp_output_answer(&request->server->output, request->batch, request->message->id, &json);
    firn_mcp_json_deinit(&json);
}

/* The tool and its arguments, or NULL and why not. */
static const struct firn_mcp_tool *
checked_tool(const json_t *params, const json_t **out_arguments, char *why, size_t why_size)
{
    const char *name = json_string_value(json_object_get(params, "name"));
    const json_t *arguments = json_object_get(params, "arguments");
    const struct firn_mcp_tool *tool = name != NULL ? firn_mcp_tools_find(name) : NULL;
    *out_arguments = arguments;
    if (name == NULL) {
        (void)snprintf(why, why_size, "\"name\" is missing or no string");
    } else if (tool == NULL) {
        (void)snprintf(why, why_size, "unknown tool '%.100s'", name);
    } else if (arguments != NULL && !json_is_object(arguments)) {
        (void)snprintf(why, why_size, "\"arguments\" is no object");
    } else if (firn_mcp_arguments_check(tool->params, arguments, why, why_size)) {
        return tool;
    }
    return NULL;
}

static void
tools_call(const struct request *request)
{
    char why[400];
    const json_t *params = request->message->params;
    const json_t *arguments;
    const struct firn_mcp_tool *tool = checked_tool(params, &arguments, why, sizeof(why));
    const json_t *token = json_object_get(json_object_get(params, "_meta"), "progressToken");
    if (tool == NULL) {
        refuse_request(request, FIRN_MCP_INVALID_PARAMS, why);
        return;
    }
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL || (job->arguments = json_deep_copy(arguments)) == NULL) {
        refuse_request(request, FIRN_MCP_INTERNAL_ERROR, "out of memory");
        job_destroy(job);
        return;
    }
    job->server = request->server;
    job->tool = tool;
    job->batch = request->batch;
    atomic_init(&job->is_cancelled, false);
    memcpy(job->id, request->message->id, sizeof(job->id));
    if (!firn_mcp_message_id(token, job->token)) {
        job->token[0] = '\0';
    }
    firn_mcp_output_batch_ref(&request->server->output, job->batch);
    if (!enqueue(request->server, job)) {
        refuse_request(request, FIRN_MCP_TOO_MANY, "too many calls wait already");
        firn_mcp_output_batch_unref(&request->server->output, job->batch);
        job_destroy(job);
    }
}

/* Takes the job with this id off the queue, or marks it if it runs. */
static struct job *
take_job(struct firn_mcp_server *server, const char *id)
{
    struct job *before = NULL;
    struct job *found = NULL;
    (void)pthread_mutex_lock(&server->queue);
    if (server->running != NULL && strcmp(server->running->id, id) == 0) {
        /* Pairs with the loads in is_cancelled and perform. */
        atomic_store_explicit(&server->running->is_cancelled, true, memory_order_release);
    }
    for (struct job *job = server->first; job != NULL && found == NULL; job = job->next) {
        if (strcmp(job->id, id) == 0) {
            found = job;
        } else {
            before = job;
        }
    }
    if (found != NULL) {
        *(before != NULL ? &before->next : &server->first) = found->next;
        server->last = server->last == found ? before : server->last;
        server->waiting--;
    }
    (void)pthread_mutex_unlock(&server->queue);
    return found;
}

static void
cancel(struct firn_mcp_server *server, const json_t *params)
{
    char id[FIRN_MCP_MESSAGE_ID_SIZE];
    if (firn_mcp_message_id(json_object_get(params, "requestId"), id)) {
        struct job *job = take_job(server, id);
        if (job != NULL) {
            firn_mcp_output_batch_unref(&server->output, job->batch);
            job_destroy(job);
        }
    }
}

static void
take_request(const struct request *request)
{
    static const struct {
        const char *name;
        void (*take)(const struct request *request);
    } methods[] = {
        {"initialize", initialize},
        {"ping", ping},
        {"tools/list", tools_list},
        {"tools/call", tools_call},
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(request->message->method, methods[i].name) == 0) {
            methods[i].take(request);
            return;
        }
    }
    char why[160];
    (void)snprintf(why, sizeof(why), "unknown method '%.100s'", request->message->method);
    refuse_request(request, FIRN_MCP_METHOD_NOT_FOUND, why);
}

static void
take_message(struct firn_mcp_server *server, const json_t *value,
             struct firn_mcp_output_batch *batch)
{
    struct firn_mcp_message message;
    struct request request = {server, &message, batch};
    firn_mcp_message_read(value, &message);
    switch (message.kind) {
    case FIRN_MCP_MESSAGE_REQUEST:
        take_request(&request);
        break;
    case FIRN_MCP_MESSAGE_NOTIFICATION:
        if (strcmp(message.method, "notifications/cancelled") == 0) {
            cancel(server, message.params);
        }
        break;
    case FIRN_MCP_MESSAGE_INVALID:
        firn_mcp_output_refuse(&server->output, batch, message.id, message.code, message.problem);
        break;
    case FIRN_MCP_MESSAGE_RESPONSE:
        break;
    }
}

static void
take_batch(struct firn_mcp_server *server, const json_t *value)
{
    size_t count = json_array_size(value);
    if (count == 0 || count > FIRN_MCP_SERVER_BATCH_MAX) {
        firn_mcp_output_refuse(&server->output, NULL, "null", FIRN_MCP_INVALID_REQUEST,
                               count == 0 ? "the batch is empty"
                                          : "the batch has more than 100 messages");
        return;
    }
    struct firn_mcp_output_batch *batch = firn_mcp_output_batch_create();
    if (batch == NULL) {
        firn_mcp_output_refuse(&server->output, NULL, "null", FIRN_MCP_INTERNAL_ERROR,
                               "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        take_message(server, json_array_get(value, i), batch);
    }
    firn_mcp_output_batch_unref(&server->output, batch);
}

static bool
is_blank(firn_slice line)
{
    size_t at = 0;
    while (at < line.size && (line.data[at] == ' ' || line.data[at] == '\t')) {
        at++;
    }
    return at == line.size;
}

void
firn_mcp_server_take(struct firn_mcp_server *server, firn_slice line, bool is_cut)
{
    char id[FIRN_MCP_MESSAGE_ID_SIZE];
    char why[JSON_ERROR_TEXT_LENGTH + 64];
    int code = FIRN_MCP_INVALID_REQUEST;
    json_t *value = NULL;
    if (!is_cut && is_blank(line)) {
        return;
    }
    if (is_cut) {
        (void)snprintf(why, sizeof(why),
                       "the message is larger than 1 MiB, or there is no memory for it");
    } else {
        value = firn_mcp_message_parse(line, &code, why, sizeof(why));
    }
    if (value == NULL) {
        firn_mcp_message_dig(line, id);
        firn_mcp_output_refuse(&server->output, NULL, id, code, why);
    } else if (json_is_array(value)) {
        take_batch(server, value);
    } else {
        take_message(server, value, NULL);
    }
    json_decref(value);
}
