/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_status.c: checkpoint_status.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>

static const char save_hint[] = "checkpoint_list shows the checkpoints, checkpoint_save makes one";

struct attempt {
    struct firn_mcp_call *call;
    firn_workspace_status_options options;
    firn_workspace_status_result result;
};

static int
attempt_status(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    return firn_workspace_status(attempt->call->workspace, &attempt->options,
                                 firn_mcp_call_visit_change, attempt->call, &attempt->result, err);
}

/* During a running restore the findings mix the states before and after it. */
static int
write_pending(struct firn_mcp_call *call, bool was_running)
{
    firn_workspace_pending_restore pending = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    int code = firn_workspace_pending(call->workspace, &pending, &call->error);
    if (code == FIRN_OK) {
        firn_term_json_bool("restore_pending", pending.is_pending);
        firn_term_json_bool("restore_running", pending.is_running || was_running);
    }
    return code;
}

static int
write_result(struct firn_mcp_call *call, const firn_workspace_status_result *result,
             bool was_running)
{
    assert(call->workspace != NULL);
    firn_term_json_end();
    firn_mcp_call_write_not_shown(call, "changes_not_shown");
    firn_mcp_call_write_name(result->checkpoint);
    firn_term_json_u64("files_added", result->added);
    firn_term_json_u64("files_changed", result->changed);
    firn_term_json_u64("files_times_only", result->times_only);
    firn_term_json_u64("files_removed", result->removed);
    firn_term_json_u64("files_unchanged", result->unchanged);
    firn_term_json_u64("skipped", result->skipped);
    firn_mcp_call_write_notices(call);
    return write_pending(call, was_running);
}

static int
run(struct firn_mcp_call *call)
{
    struct attempt attempt = {call, FIRN_WORKSPACE_STATUS_OPTIONS_INIT,
                              FIRN_WORKSPACE_STATUS_RESULT_INIT};
    int code = firn_mcp_call_open_paths(call);
    if (code != FIRN_OK) {
        return code;
    }
    attempt.options.reference = firn_mcp_arguments_string(call->arguments, "snapshot_id");
    attempt.options.paths = call->paths;
    attempt.options.path_count = call->path_count;
    attempt.options.without_times = true;
    attempt.options.file_size_max = call->settings.max_file_size;
    attempt.options.gitignore = call->settings.gitignore;
    attempt.options.callbacks = firn_mcp_call_callbacks(call);
    firn_workspace_pending_restore earlier = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    bool was_running =
        firn_workspace_pending(call->workspace, &earlier, NULL) == FIRN_OK && earlier.is_running;
    firn_term_json_array("changes");
    code = firn_mcp_call_attempt(call, attempt_status, &attempt);
    if (code == FIRN_OK) {
        code = write_result(call, &attempt.result, was_running);
        firn_release(attempt.result.checkpoint);
        return code;
    }
    call->hint = code == FIRN_NOT_FOUND ? save_hint : NULL;
    return code;
}

static const struct firn_mcp_arguments_param params[] = {
    FIRN_MCP_TOOL_WORKSPACE_PARAM,
    {"snapshot_id", FIRN_MCP_ARGUMENTS_STRING, false,
     "The checkpoint to compare with, latest if there is none: " FIRN_MCP_TOOL_REFERENCE},
    FIRN_MCP_TOOL_PATHS_PARAM,
    FIRN_MCP_TOOL_END_PARAM,
};

const struct firn_mcp_tool firn_mcp_status_tool = {
    .name = "checkpoint_status",
    .title = "Show what changed since a checkpoint",
    .text = "List the files of a workspace that were added, changed or removed since a checkpoint. "
            "files_times_only counts files of which only the time differs; they are not listed. "
            "Changes nothing.",
    .params = params,
    .output = FIRN_MCP_TOOL_NAME
    "," FIRN_MCP_TOOL_COUNTS
    "," FIRN_MCP_TOOL_INTEGER("files_times_only") "," FIRN_MCP_TOOL_INTEGER("files_unchanged") "," FIRN_MCP_TOOL_INTEGER(
        "skipped") "," FIRN_MCP_TOOL_BOOL("restore_pending") "," FIRN_MCP_TOOL_BOOL("restore_"
                                                                                    "running") "," FIRN_MCP_TOOL_CHANGES
                                                                                               "," FIRN_MCP_TOOL_NOTICES,
    .required = "[\"snapshot_id\",\"files_added\",\"files_changed\",\"files_removed\","
                "\"files_unchanged\",\"changes\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = run,
};
