/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_server.c: the protocol: turns a message into an answer, or into a job for the working
 * thread.
 *
 * The Model Context Protocol is JSON-RPC 2.0. The reading thread answers requests that need no work
 * (initialize, ping, lists, prompts, every error), so a ping is answered during a long save. Calls
 * of tools are queued, and the working thread runs them one after the other in their order: a
 * client may send a save and then a restore without waiting in between.
 *
 * A cancelled call that waits is taken off the queue; one that runs notices at its next progress.
 * Neither is answered, as the protocol demands.
 *
 * Versions. Versions up to 2025-11-25 begin with initialize, which sets the version of all later
 * messages. Older clients skip members that they do not know. Batches, which only 2025-03-26 has,
 * are always understood. Since 2025-11-25, wrong arguments are reported in the result of the tool,
 * where the model can read and correct them, and not as an error of the protocol. 2026-07-28 has no
 * initialize: each request names its version, and nothing is inferred from an earlier one. A
 * request that names a version is answered in that version; both kinds may come through one pipe.
 *
 * Limits: a line (mcp_internal.h), the messages of a batch, the calls that wait. Beyond them a
 * request is answered with an error, and costs nothing more.
 *
 * Invariants
 * (I1) Every request is answered once, unless it was cancelled; notifications and responses are
 *      never answered. (Not checked: each way through a method has one answer; the fuzz test counts
 *      them.)
 * (I2) A job has a share of its batch from before it waits until it has been answered. (Not checked
 *      here: mcp_output.c asserts that a batch to which an answer goes was not sent.)
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the tools that the server offers, and how they are listed ----
 *
 * A tool is one constant in the file that implements it. Its parameters are a table that is schema
 * and check in one; the schema of its result is JSON in the source. A call that fails also has a
 * structured result, the object "error", so that clients which validate results against the schema
 * can take it: a result has either "error" or what the tool's list of required members says.
 */

static const struct fi_mcp_tool *const tools[] = {
    &fi_mcp_save_tool,         &fi_mcp_list_tool,         &fi_mcp_show_tool,
    &fi_mcp_status_tool,       &fi_mcp_diff_tool,         &fi_mcp_restore_tool,
    &fi_mcp_restore_undo_tool, &fi_mcp_restore_redo_tool, &fi_mcp_revert_tool,
    &fi_mcp_delete_tool,       &fi_mcp_steps_tool,        &fi_mcp_turns_tool,
    &fi_mcp_log_tool,          &fi_mcp_cat_tool,          &fi_mcp_push_tool,
    &fi_mcp_find_tool,         &fi_mcp_describe_tool,
};

static bool
is_offered(const struct fi_mcp_tool *tool, const struct fi_mcp_server_options *options)
{
    return (options->allows_delete || tool != &fi_mcp_delete_tool) &&
           (options->allows_push || tool != &fi_mcp_push_tool);
}

/* By name; NULL if there is none. */
static const struct fi_mcp_tool *
tool_named(const char *name, const struct fi_mcp_server_options *options)
{
    assert(name != NULL);
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        if (is_offered(tools[i], options) && strcmp(tools[i]->name, name) == 0) {
            return tools[i];
        }
    }
    return NULL;
}

static void
write_output(struct fi_term_writer *json, const struct fi_mcp_tool *tool)
{
    static const char error[] = "\"error\":{\"type\":\"object\",\"properties\":"
                                "{" FI_MCP_TOOL_STRING("code") "," FI_MCP_TOOL_STRING(
                                    "message") "," FI_MCP_TOOL_STRING("hint") "},"
                                                                              "\"required\":["
                                                                              "\"code\","
                                                                              "\"message\"]}";
    fi_term_writer_object(json, "outputSchema");
    fi_term_writer_string(json, "type", "object");
    fi_term_writer_object(json, "properties");
    fi_term_writer_raw(json, NULL, firn_str(tool->output));
    fi_term_writer_raw(json, NULL, firn_str(error));
    fi_term_writer_end(json);
    fi_term_writer_array(json, "anyOf");
    fi_term_writer_object(json, NULL);
    fi_term_writer_raw(json, "required", firn_str(tool->required));
    fi_term_writer_end(json);
    fi_term_writer_raw(json, NULL, firn_str("{\"required\":[\"error\"]}"));
    fi_term_writer_end(json);
    fi_term_writer_end(json);
}

static void
write_tool(struct fi_term_writer *json, const struct fi_mcp_tool *tool)
{
    fi_term_writer_object(json, NULL);
    fi_term_writer_string(json, "name", tool->name);
    fi_term_writer_string(json, "title", tool->title);
    fi_term_writer_string(json, "description", tool->text);
    fi_mcp_arguments_schema(json, "inputSchema", tool->params);
    write_output(json, tool);
    fi_term_writer_object(json, "annotations");
    fi_term_writer_string(json, "title", tool->title);
    fi_term_writer_bool(json, "readOnlyHint", tool->is_read_only);
    fi_term_writer_bool(json, "destructiveHint", tool->is_destructive);
    fi_term_writer_bool(json, "idempotentHint", tool->is_idempotent);
    fi_term_writer_bool(json, "openWorldHint", tool->is_open_world);
    fi_term_writer_end(json);
    fi_term_writer_end(json);
}

/* The array of all, for tools/list, as a member `key` of json. */
static void
list_tools(struct fi_term_writer *json, const char *key,
           const struct fi_mcp_server_options *options)
{
    fi_term_writer_array(json, key);
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        if (is_offered(tools[i], options)) {
            write_tool(json, tools[i]);
        }
    }
    fi_term_writer_end(json);
}

/* ---- versions ---- */

/* Newest first. Their names are dates, which compare as text. */
static const char *const versions[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05",
                                       "2024-10-07"};
static const char *const stateless_versions[] = {"2026-07-28"};
/* From this one on a tool's arguments are the tool's matter. */
static const char version_of_tool_errors[] = "2025-11-25";

enum { LIST_TTL_MS = 3600 * 1000 }; /* what is listed changes only with the program */

static const char meta_version[] = "io.modelcontextprotocol/protocolVersion";
static const char meta_capabilities[] = "io.modelcontextprotocol/clientCapabilities";

static const char instructions[] =
    "firn saves the state of whole directories as checkpoints and restores them exactly. Save with "
    "checkpoint_save before changes that you may have to undo; compare with checkpoint_status and "
    "checkpoint_diff; go back with checkpoint_restore, which first saves the present state, so "
    "that checkpoint_undo, which goes one state back, can undo the restore, and checkpoint_redo "
    "the "
    "undo. Every tool takes workspace_path, the directory; without it that of the server is meant.";

struct fi_mcp_server {
    struct fi_mcp_server_options options;
    struct fi_mcp_queue queue;
    struct fi_mcp_roots roots;
    struct fi_mcp_output output;
    const char *version; /* of initialize; until then the newest. Of the reading thread */
};

/* The call that is being done, and the server that does it. */
struct work {
    struct fi_mcp_server *server;
    struct fi_mcp_queue_job *job;
    bool waits; /* another thread reads meanwhile */
};

struct fi_mcp_server *
fi_mcp_server_create(const struct fi_mcp_server_options *options)
{
    assert(options != NULL);
    struct fi_mcp_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return NULL;
    }
    server->options = *options;
    server->version = versions[0];
    server->output.send = options->send;
    server->output.ctx = options->ctx;
    if (!fi_mcp_output_init(&server->output)) {
        goto failed_output;
    }
    if (!fi_mcp_queue_init(&server->queue)) {
        goto failed_queue;
    }
    if (!fi_mcp_roots_init(&server->roots, options->allowed, options->allowed_count)) {
        goto failed_roots;
    }
    return server;
failed_roots:
    fi_mcp_queue_deinit(&server->queue);
failed_queue:
    fi_mcp_output_deinit(&server->output);
failed_output:
    free(server);
    return NULL;
}

/* Forgets a job that is not answered. */
static void
drop_job(struct fi_mcp_server *server, struct fi_mcp_queue_job *job)
{
    assert(server != NULL);
    if (job != NULL) {
        fi_mcp_output_batch_unref(&server->output, job->batch);
        fi_mcp_queue_job_destroy(job);
    }
}

void
fi_mcp_server_destroy(struct fi_mcp_server *server)
{
    if (server == NULL) {
        return;
    }
    fi_mcp_queue_close(&server->queue);
    struct fi_mcp_queue_job *job;
    while ((job = fi_mcp_queue_next(&server->queue, false)) != NULL) {
        drop_job(server, job);
    }
    fi_mcp_roots_deinit(&server->roots);
    fi_mcp_queue_deinit(&server->queue);
    fi_mcp_output_deinit(&server->output);
    free(server);
}

/* ---- work ---- */

static bool
is_cancelled(void *ctx)
{
    const struct work *work = ctx;
    const struct fi_mcp_server_options *options = &work->server->options;
    return fi_mcp_queue_job_is_cancelled(work->job) || options->is_stopping(options->ctx);
}

static bool
serves(void *ctx, const char *path)
{
    const struct work *work = ctx;
    return fi_mcp_roots_have(&work->server->roots, path, work->waits, is_cancelled, ctx);
}

static void
on_progress(void *ctx, uint64_t done, const char *text)
{
    const struct work *work = ctx;
    struct fi_mcp_queue_job *job = work->job;
    struct fi_term_writer json = {0};
    if (job->token[0] == '\0' || done <= job->told) {
        return;
    }
    job->told = done;
    fi_term_writer_object(&json, NULL);
    fi_term_writer_string(&json, "jsonrpc", "2.0");
    fi_term_writer_string(&json, "method", "notifications/progress");
    fi_term_writer_object(&json, "params");
    fi_term_writer_raw(&json, "progressToken", firn_str(job->token));
    fi_term_writer_u64(&json, "progress", done);
    fi_term_writer_string(&json, "message", text);
    fi_term_writer_end(&json);
    fi_term_writer_end(&json);
    fi_mcp_output_send(&work->server->output, &json); /* for want of memory it is not sent */
    fi_term_writer_deinit(&json);
}

static void
mcp_server_answer(const struct work *work, const struct fi_mcp_call *call, int code)
{
    const struct fi_mcp_queue_job *job = work->job;
    struct fi_term_writer json = {0};
    if (code != FIRN_OK) {
        fi_mcp_output_failure(&json, job->id, job->era, &call->error, call->hint);
    } else {
        fi_mcp_output_result(&json, job->id, job->era, fi_term_writer_slice(&call->result));
        json.has_failed = json.has_failed || call->result.has_failed;
    }
    fi_mcp_output_answer(&work->server->output, job->batch, job->id, &json);
    fi_term_writer_deinit(&json);
}

static void
mcp_server_perform(struct fi_mcp_server *server, struct fi_mcp_queue_job *job, bool waits)
{
    assert(job->tool != NULL && json_is_object(job->arguments));
    const struct fi_mcp_server_options *options = &server->options;
    struct work work = {server, job, waits};
    struct fi_mcp_call_host host = {.store_path = options->store_path,
                                    .names_root = options->names_root,
                                    .wait_ms = options->wait_ms,
                                    .has_wait = options->has_wait,
                                    .is_cancelled = is_cancelled,
                                    .on_progress = on_progress,
                                    .ctx = &work,
                                    .collect = options->collect,
                                    .serves = serves};
    struct fi_mcp_call call;
    fi_mcp_call_init(&call, &host, job->arguments);
    fi_term_json_into(&call.result);
    int code = options->run != NULL ? options->run(job->tool, &call) : job->tool->run(&call);
    fi_term_json_into(NULL);
    if (code != FIRN_OK && call.error.code == FIRN_OK) {
        code = fi_mcp_call_fail(&call, code, "%s", firn_code_text(code));
    }
    if (!fi_mcp_queue_job_is_cancelled(job)) {
        mcp_server_answer(&work, &call, code);
    }
    fi_mcp_call_deinit(&call);
}

void
fi_mcp_server_work(struct fi_mcp_server *server, bool until_closed)
{
    struct fi_mcp_queue_job *job;
    while ((job = fi_mcp_queue_next(&server->queue, until_closed)) != NULL) {
        mcp_server_perform(server, job, until_closed);
        fi_mcp_queue_done(&server->queue);
        drop_job(server, job);
    }
}

void
fi_mcp_server_close(struct fi_mcp_server *server)
{
    fi_mcp_roots_close(&server->roots);
    fi_mcp_queue_close(&server->queue);
}

/* ---- methods ---- */

/* A request that is being taken. */
struct request {
    struct fi_mcp_server *server;
    const struct fi_mcp_message *message;
    struct fi_mcp_output_batch *batch; /* the one that it is in, or NULL */
    enum fi_mcp_era era;
};

static void
refuse_request(const struct request *request, int code, const char *text)
{
    assert(text != NULL);
    fi_mcp_output_refuse(&request->server->output, request->batch, request->message->id, code,
                         text);
}

/* Sends an answer, and lets its writer go. */
static void
answer_request(const struct request *request, struct fi_term_writer *json)
{
    fi_mcp_output_answer(&request->server->output, request->batch, request->message->id, json);
    fi_term_writer_deinit(json);
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

/* What both ways of beginning say of this server. */
static void
write_abilities(struct fi_term_writer *json)
{
    fi_term_writer_object(json, "capabilities");
    fi_term_writer_object(json, "tools");
    fi_term_writer_end(json);
    fi_term_writer_object(json, "prompts");
    fi_term_writer_end(json);
    fi_term_writer_end(json);
    fi_term_writer_string(json, "instructions", instructions);
}

static void
initialize(const struct request *request)
{
    struct fi_term_writer json = {0};
    const json_t *asked = json_object_get(request->message->params, "protocolVersion");
    if (!json_is_string(asked)) {
        refuse_request(request, FI_MCP_INVALID_PARAMS,
                       "\"protocolVersion\" is missing or not a string");
        return;
    }
    if (request->batch != NULL) {
        refuse_request(request, FI_MCP_INVALID_REQUEST, "initialize cannot be in a batch");
        return;
    }
    request->server->version = version_for(json_string_value(asked));
    fi_mcp_roots_declare(&request->server->roots,
                         json_object_get(request->message->params, "capabilities"));
    fi_mcp_output_begin_result(&json, request->message->id, FI_MCP_LEGACY);
    fi_term_writer_string(&json, "protocolVersion", request->server->version);
    write_abilities(&json);
    fi_mcp_output_server_info(&json, "serverInfo");
    fi_mcp_output_end(&json);
    answer_request(request, &json);
}

/* Says how long a client may keep the answer, and that any client may. */
static void
write_caching(struct fi_term_writer *json, enum fi_mcp_era era)
{
    if (era == FI_MCP_STATELESS) {
        fi_term_writer_u64(json, "ttlMs", LIST_TTL_MS);
        fi_term_writer_string(json, "cacheScope", "public");
    }
}

static void
discover(const struct request *request)
{
    struct fi_term_writer json = {0};
    fi_mcp_output_begin_result(&json, request->message->id, request->era);
    fi_term_writer_array(&json, "supportedVersions");
    for (size_t i = 0; i < sizeof(stateless_versions) / sizeof(stateless_versions[0]); i++) {
        fi_term_writer_string(&json, NULL, stateless_versions[i]);
    }
    fi_term_writer_end(&json);
    write_abilities(&json);
    write_caching(&json, request->era);
    fi_mcp_output_end(&json);
    answer_request(request, &json);
}

static void
ping(const struct request *request)
{
    struct fi_term_writer json = {0};
    fi_mcp_output_begin_result(&json, request->message->id, request->era);
    fi_mcp_output_end(&json);
    answer_request(request, &json);
}

/* Whether the beginning of a list is wanted; otherwise the request has been refused. */
static bool
is_from_the_start(const struct request *request)
{
    const json_t *cursor = json_object_get(request->message->params, "cursor");
    if (cursor != NULL && !json_is_null(cursor)) {
        refuse_request(request, FI_MCP_INVALID_PARAMS, "unknown cursor: all is listed at once");
        return false;
    }
    return true;
}

static void
tools_list(const struct request *request)
{
    struct fi_term_writer json = {0};
    if (!is_from_the_start(request)) {
        return;
    }
    fi_mcp_output_begin_result(&json, request->message->id, request->era);
    list_tools(&json, "tools", &request->server->options);
    write_caching(&json, request->era);
    fi_mcp_output_end(&json);
    answer_request(request, &json);
}

static void
prompts_list(const struct request *request)
{
    struct fi_term_writer json = {0};
    if (!is_from_the_start(request)) {
        return;
    }
    fi_mcp_output_begin_result(&json, request->message->id, request->era);
    fi_mcp_prompt_list(&json, "prompts");
    write_caching(&json, request->era);
    fi_mcp_output_end(&json);
    answer_request(request, &json);
}

static void
prompts_get(const struct request *request)
{
    char why[400];
    struct fi_term_writer json = {0};
    const json_t *params = request->message->params;
    const struct fi_mcp_prompt *prompt = fi_mcp_prompt_find(params, why, sizeof(why));
    if (prompt == NULL) {
        refuse_request(request, FI_MCP_INVALID_PARAMS, why);
        return;
    }
    fi_mcp_output_begin_result(&json, request->message->id, request->era);
    fi_mcp_prompt_write(&json, prompt, params);
    fi_mcp_output_end(&json);
    answer_request(request, &json);
}

/* The tool, or NULL and why not. */
static const struct fi_mcp_tool *
find_tool(const struct request *request, char *why, size_t why_size)
{
    const json_t *params = request->message->params;
    const char *name = json_string_value(json_object_get(params, "name"));
    const struct fi_mcp_tool *tool =
        name != NULL ? tool_named(name, &request->server->options) : NULL;
    if (name == NULL) {
        (void)snprintf(why, why_size, "\"name\" is missing or not a string");
    } else if (tool == NULL) {
        (void)snprintf(why, why_size, "unknown tool '%.100s'", name);
    }
    return tool;
}

static bool
check_arguments(const struct fi_mcp_tool *tool, const json_t *arguments, char *why, size_t why_size)
{
    if (arguments != NULL && !json_is_object(arguments)) {
        (void)snprintf(why, why_size, "\"arguments\" is not an object");
        return false;
    }
    return fi_mcp_arguments_check(tool->params, arguments, why, why_size);
}

/* Arguments that the tool does not take. */
static void
refuse_arguments(const struct request *request, const char *why)
{
    if (request->era == FI_MCP_LEGACY &&
        strcmp(request->server->version, version_of_tool_errors) < 0) {
        refuse_request(request, FI_MCP_INVALID_PARAMS, why);
        return;
    }
    struct fi_term_writer json = {0};
    firn_error error = {.code = FIRN_INVALID};
    (void)snprintf(error.text, sizeof(error.text), "%s", why);
    fi_mcp_output_failure(&json, request->message->id, request->era, &error, NULL);
    answer_request(request, &json);
}

static void
tools_call(const struct request *request)
{
    char why[400];
    const json_t *params = request->message->params;
    const json_t *arguments = json_object_get(params, "arguments");
    const struct fi_mcp_tool *tool = find_tool(request, why, sizeof(why));
    const json_t *token = json_object_get(json_object_get(params, "_meta"), "progressToken");
    if (tool == NULL) {
        refuse_request(request, FI_MCP_INVALID_PARAMS, why);
        return;
    }
    if (!check_arguments(tool, arguments, why, sizeof(why))) {
        refuse_arguments(request, why);
        return;
    }
    struct fi_mcp_queue_job *job = fi_mcp_queue_job_create(tool, arguments);
    if (job == NULL) {
        refuse_request(request, FI_MCP_INTERNAL_ERROR, "out of memory");
        return;
    }
    job->batch = request->batch;
    job->era = request->era;
    memcpy(job->id, request->message->id, sizeof(job->id));
    if (!fi_mcp_message_id(token, job->token)) {
        job->token[0] = '\0';
    }
    fi_mcp_output_batch_ref(&request->server->output, job->batch);
    if (!fi_mcp_queue_push(&request->server->queue, job)) {
        refuse_request(request, FI_MCP_TOO_MANY, "too many calls wait already");
        drop_job(request->server, job);
    }
}

static void
cancel(struct fi_mcp_server *server, const json_t *params)
{
    char id[FI_MCP_MESSAGE_ID_SIZE];
    if (fi_mcp_message_id(json_object_get(params, "requestId"), id)) {
        drop_job(server, fi_mcp_queue_cancel(&server->queue, id));
    }
}

/* Asks the client for its roots, if it has said that it can be asked. */
static void
query_for_roots(struct fi_mcp_server *server)
{
    char id[FI_MCP_MESSAGE_ID_SIZE];
    struct fi_term_writer json = {0};
    if (!fi_mcp_roots_request(&server->roots, id)) {
        return;
    }
    fi_term_writer_object(&json, NULL);
    fi_term_writer_string(&json, "jsonrpc", "2.0");
    fi_term_writer_raw(&json, "id", firn_str(id));
    fi_term_writer_string(&json, "method", "roots/list");
    fi_term_writer_end(&json);
    fi_mcp_output_send(&server->output, &json); /* for want of memory it is not sent */
    fi_term_writer_deinit(&json);
}

static void
take_notification(struct fi_mcp_server *server, const struct fi_mcp_message *message)
{
    if (strcmp(message->method, "notifications/cancelled") == 0) {
        cancel(server, message->params);
    } else if (strcmp(message->method, "notifications/initialized") == 0 ||
               strcmp(message->method, "notifications/roots/list_changed") == 0) {
        query_for_roots(server);
    }
}

/* Which kind of version a request speaks. False if it has been refused: it names a version that is
 * not spoken, or says too little. */
static bool
take_era(struct request *request)
{
    struct fi_term_writer json = {0};
    const json_t *meta = json_object_get(request->message->params, "_meta");
    const json_t *asked = json_object_get(meta, meta_version);
    bool is_discovery = strcmp(request->message->method, "server/discover") == 0;
    request->era = asked != NULL || is_discovery ? FI_MCP_STATELESS : FI_MCP_LEGACY;
    if (request->era == FI_MCP_LEGACY) {
        return true;
    }
    if (!json_is_string(asked)) {
        refuse_request(request, FI_MCP_INVALID_PARAMS,
                       "\"_meta\" has no io.modelcontextprotocol/protocolVersion, a string");
        return false;
    }
    size_t count = sizeof(stateless_versions) / sizeof(stateless_versions[0]);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(stateless_versions[i], json_string_value(asked)) == 0) {
            if (json_is_object(json_object_get(meta, meta_capabilities))) {
                return true;
            }
            refuse_request(
                request, FI_MCP_INVALID_PARAMS,
                "\"_meta\" has no io.modelcontextprotocol/clientCapabilities, an object");
            return false;
        }
    }
    fi_mcp_output_unsupported(&json, request->message->id, json_string_value(asked),
                              stateless_versions, count);
    answer_request(request, &json);
    return false;
}

static void
take_request(struct request *request)
{
    static const struct {
        const char *name;
        bool is_of_era[2]; /* by enum fi_mcp_era */
        void (*take)(const struct request *request);
    } methods[] = {
        {"initialize", {true, false}, initialize},    {"ping", {true, false}, ping},
        {"server/discover", {false, true}, discover}, {"tools/list", {true, true}, tools_list},
        {"tools/call", {true, true}, tools_call},     {"prompts/list", {true, true}, prompts_list},
        {"prompts/get", {true, true}, prompts_get},
    };
    if (!take_era(request)) {
        return;
    }
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(request->message->method, methods[i].name) == 0 &&
            methods[i].is_of_era[request->era]) {
            methods[i].take(request);
            return;
        }
    }
    char why[160];
    (void)snprintf(why, sizeof(why), "unknown method '%.100s'", request->message->method);
    refuse_request(request, FI_MCP_METHOD_NOT_FOUND, why);
}

static void
take_message(struct fi_mcp_server *server, const json_t *value, struct fi_mcp_output_batch *batch)
{
    struct fi_mcp_message message;
    struct request request = {server, &message, batch, FI_MCP_LEGACY};
    fi_mcp_message_read(value, &message);
    switch (message.kind) {
    case FI_MCP_MESSAGE_REQUEST:
        take_request(&request);
        break;
    case FI_MCP_MESSAGE_NOTIFICATION:
        take_notification(server, &message);
        break;
    case FI_MCP_MESSAGE_INVALID:
        fi_mcp_output_refuse(&server->output, batch, message.id, message.code, message.problem);
        break;
    case FI_MCP_MESSAGE_RESPONSE:
        fi_mcp_roots_take(&server->roots, message.id, value);
        break;
    }
}

static void
take_batch(struct fi_mcp_server *server, const json_t *value)
{
    size_t count = json_array_size(value);
    if (count == 0 || count > FI_MCP_SERVER_BATCH_MAX) {
        fi_mcp_output_refuse(&server->output, NULL, "null", FI_MCP_INVALID_REQUEST,
                             count == 0 ? "the batch is empty"
                                        : "the batch has more than 100 messages");
        return;
    }
    struct fi_mcp_output_batch *batch = fi_mcp_output_batch_create();
    if (batch == NULL) {
        fi_mcp_output_refuse(&server->output, NULL, "null", FI_MCP_INTERNAL_ERROR, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        take_message(server, json_array_get(value, i), batch);
    }
    fi_mcp_output_batch_unref(&server->output, batch);
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
fi_mcp_server_take(struct fi_mcp_server *server, firn_slice line, bool is_cut)
{
    char id[FI_MCP_MESSAGE_ID_SIZE];
    char why[JSON_ERROR_TEXT_LENGTH + 64];
    int code = FI_MCP_INVALID_REQUEST;
    json_t *value = NULL;
    if (!is_cut && is_blank(line)) {
        return;
    }
    if (is_cut) {
        (void)snprintf(why, sizeof(why),
                       "the message is larger than 1 MiB, or there is no memory for it");
    } else {
        value = fi_mcp_message_parse(line, &code, why, sizeof(why));
    }
    if (value == NULL) {
        fi_mcp_message_dig(line, id);
        fi_mcp_output_refuse(&server->output, NULL, id, code, why);
    } else if (json_is_array(value)) {
        take_batch(server, value);
    } else {
        take_message(server, value, NULL);
    }
    json_decref(value);
}
