/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_mcp: what a client of the MCP server sends.
 *
 * The first byte says in pieces of which size the rest arrives. Tools do not work here; their
 * arguments are read as they would be, and answers about roots are taken. Whatever came, each message of the server is one line of
 * JSON, and there are never more answers than there were messages.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "mcp/mcp_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
    struct fi_mcp_server *server;
    size_t lines;
    size_t answers;
};

static void
check_message(const json_t *message)
{
    const char *version = json_string_value(json_object_get(message, "jsonrpc"));
    const char *method = json_string_value(json_object_get(message, "method"));
    if (method != NULL) {
        CHECK(strcmp(method, "roots/list") == 0 && json_object_get(message, "id") != NULL);
        return;
    }
    bool is_result = json_object_get(message, "result") != NULL;
    bool is_error = json_object_get(message, "error") != NULL;
    CHECK(version != NULL && strcmp(version, "2.0") == 0 && is_result != is_error);
    CHECK(json_object_get(message, "id") != NULL);
}

static void
send_line(void *ctx, const char *data, size_t size)
{
    struct peer *peer = ctx;
    CHECK(size > 0 && data[size - 1] == '\n' && memchr(data, '\n', size - 1) == NULL);
    json_t *value = json_loadb(data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    CHECK(value != NULL);
    if (json_is_array(value)) {
        CHECK(json_array_size(value) > 0 && json_array_size(value) <= FI_MCP_SERVER_BATCH_MAX);
        for (size_t i = 0; i < json_array_size(value); i++) {
            check_message(json_array_get(value, i));
        }
    } else {
        check_message(value);
    }
    json_decref(value);
    peer->answers++;
    CHECK(peer->answers <= peer->lines);
}

static bool
is_stopping(void *ctx)
{
    (void)ctx;
    return false;
}

static int
run_tool(const struct fi_mcp_tool *tool, struct fi_mcp_call *call)
{
    const char *given = fi_mcp_arguments_string(call->arguments, "workspace_path");
    const char *path = given != NULL ? given : "."; /* the server's own */
    if (tool->is_destructive && fi_mcp_arguments_bool(call->arguments, "dry_run", false)) {
        return fi_mcp_call_fail(call, FIRN_NOT_FOUND, "no %.900s", path);
    }
    fi_term_writer_bytes(&call->result, "path", firn_str(path));
    fi_term_writer_u64(&call->result, "limit", fi_mcp_arguments_count(call->arguments, "limit", 7));
    return FIRN_OK;
}

/* A line as a URI: if it has a path, that is an absolute one. */
static void
check_uri(firn_slice line)
{
    char *uri = strndup(line.size > 0 ? (const char *)line.data : "", line.size);
    char *path = uri != NULL ? fi_mcp_roots_path(uri) : NULL;
    CHECK(path == NULL || (path[0] == '/' && strlen(path) < strlen(uri)));
    free(path);
    free(uri);
}

static void
take_line(void *ctx, firn_slice line, bool is_cut)
{
    struct peer *peer = ctx;
    peer->lines++;
    check_uri(line);
    fi_mcp_server_take(peer->server, line, is_cut);
    if (peer->lines % 3 == 0) {
        fi_mcp_server_work(peer->server, false);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer peer = {NULL, 0, 0};
    struct fi_mcp_server_options options = {.allows_delete = true,
                                            .send = send_line,
                                            .is_stopping = is_stopping,
                                            .run = run_tool,
                                            .ctx = &peer};
    struct fi_mcp_line line = {0};
    if (size == 0) {
        return 0;
    }
    json_object_seed(1);
    peer.server = fi_mcp_server_create(&options);
    CHECK(peer.server != NULL);
    size_t piece = (size_t)data[0] + 1;
    for (size_t at = 1; at < size; at += piece) {
        size_t left = size - at;
        fi_mcp_line_feed(&line, firn_bytes(data + at, left < piece ? left : piece), take_line,
                         &peer);
    }
    fi_mcp_line_feed(&line, firn_str("\n"), take_line, &peer);
    fi_mcp_server_work(peer.server, false);
    fi_mcp_server_destroy(peer.server);
    fi_mcp_line_deinit(&line);
    return 0;
}
