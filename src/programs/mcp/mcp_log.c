/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_log.c: checkpoint_log.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>

enum { LIMIT_DEFAULT = 20, LINES_BYTES_MAX = 8 << 20 };

struct log {
    struct firn_mcp_call *call;
    uint64_t left;
    uint64_t
        /* entries of the checkpoint that is compared, but for those with another time alone */
        differing;
    bool is_partial;
};

static int
on_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    (void)is_compared;
    struct log *log = ctx;
    (void)checkpoint;
    log->differing = 0;
    log->is_partial = false;
    assert(*is_compared);
    return log->call->host->is_cancelled(log->call->host->ctx) ? FIRN_CANCELLED : FIRN_OK;
}

static int
on_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct log *log = ctx;
    const firn_workspace_change *change = &difference->change;
    log->differing += !(change->kind == FIRN_CHANGE_METADATA && change->what == FIRN_CHANGED_MTIME);
    log->is_partial = log->is_partial || difference->lines == FIRN_LINES_TOO_LARGE;
    return FIRN_OK;
}

static int
on_compared(void *ctx, const firn_workspace_diff_result *result)
{
    struct log *log = ctx;
    if (log->call->path_count > 0 && log->differing == 0) {
        return FIRN_OK;
    }
    if (log->left == 0) {
        return FIRN_CANCELLED;
    }
    log->left--;
    if (!firn_mcp_call_has_room(log->call)) {
        return FIRN_OK;
    }
    firn_term_json_object(NULL);
    firn_mcp_call_write_name(result->after);
    firn_term_json_time("created_at", result->after->created_ns);
    firn_term_json_bytes("message", result->after->message);
    firn_show_checkpoint_json_turn(&result->after->turn);
    firn_show_checkpoint_json_git("git", &result->after->git);
    firn_term_json_u64("added", result->added);
    firn_term_json_u64("changed", result->changed);
    firn_term_json_u64("removed", result->removed);
    firn_term_json_u64("renamed", result->renamed);
    if (!log->is_partial) {
        firn_term_json_u64("lines_added", result->lines_added);
        firn_term_json_u64("lines_removed", result->lines_removed);
    }
    firn_term_json_end();
    return FIRN_OK;
}

static int
run(struct firn_mcp_call *call)
{
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    struct log log = {.call = call};
    int code = firn_mcp_call_open_paths(call);
    if (code != FIRN_OK) {
        return code;
    }
    log.left = firn_mcp_arguments_count(call->arguments, "limit", LIMIT_DEFAULT);
    const bool wants_none = log.left == 0;
    options.paths = call->paths;
    options.path_count = call->path_count;
    options.with_lines = true;
    options.find_renames = true;
    options.lines_bytes_max = LINES_BYTES_MAX;
    options.on_checkpoint = on_checkpoint;
    options.on_difference = on_difference;
    options.callbacks = firn_mcp_call_callbacks(call);
    firn_term_json_array("checkpoints");
    if (!wants_none) {
        code = firn_workspace_log(call->workspace, &options, on_compared, &log, &call->error);
    }
    firn_term_json_end();
    bool is_enough =
        code == FIRN_CANCELLED && log.left == 0 && !call->host->is_cancelled(call->host->ctx);
    firn_mcp_call_write_not_shown(call, "checkpoints_not_shown");
    return is_enough ? FIRN_OK : code;
}

static const struct firn_mcp_arguments_param params[] = {
    FIRN_MCP_TOOL_WORKSPACE_PARAM,
    FIRN_MCP_TOOL_PATHS_PARAM,
    {"limit", FIRN_MCP_ARGUMENTS_COUNT, false, "The newest so many; default 20"},
    FIRN_MCP_TOOL_END_PARAM,
};

const struct firn_mcp_tool firn_mcp_log_tool = {
    .name = "checkpoint_log",
    .title = "List what each checkpoint changed",
    .text = "List the checkpoints, newest first, with the number of files and lines that each "
            "changed; with paths, only those that changed them, and how. Changes nothing.",
    .params = params,
    .output = FIRN_MCP_TOOL_OBJECTS(
        "checkpoints", FIRN_MCP_TOOL_NAME
        "," FIRN_MCP_TOOL_STRING("created_at") "," FIRN_MCP_TOOL_STRING("message") "," FIRN_MCP_TOOL_OBJECT(
            "turn",
            FIRN_MCP_TOOL_STRING("agent") "," FIRN_MCP_TOOL_STRING("session") "," FIRN_MCP_TOOL_NUMBER_OR_NULL("number") "," FIRN_MCP_TOOL_STRING(
                "prompt")) "," FIRN_MCP_TOOL_GIT("git") "," FIRN_MCP_TOOL_INTEGER("added") "," FIRN_MCP_TOOL_INTEGER("change"
                                                                                                                     "d") "," FIRN_MCP_TOOL_INTEGER("removed") "," FIRN_MCP_TOOL_INTEGER("renamed") "," FIRN_MCP_TOOL_INTEGER("lines_added") "," FIRN_MCP_TOOL_INTEGER("lines_removed")) "," FIRN_MCP_TOOL_INTEGER("checkpoints_not_shown"),
    .required = "[\"checkpoints\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = run,
};
