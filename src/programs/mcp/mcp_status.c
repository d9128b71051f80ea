/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_status.c: checkpoint_status.
 */
#include "mcp/mcp_internal.h"
#include "term/term_try.h"

#include <assert.h>

static const char save_hint[] = "checkpoint_list shows the checkpoints, checkpoint_save makes one";

struct attempt {
    struct fi_mcp_call *call;
    firn_workspace_status_options options;
    firn_workspace_status_result result;
};

static int
attempt_status(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    return firn_workspace_status(attempt->call->workspace, &attempt->options,
                                 fi_mcp_call_visit_change, attempt->call, &attempt->result, err);
}

/* During a running restore the findings mix the states before and after it. */
static int
write_pending(struct fi_mcp_call *call, bool was_running)
{
    firn_workspace_pending_restore pending = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    FI_TRY_RETURN(firn_workspace_pending(call->workspace, &pending, &call->error));
    fi_term_json_bool("restore_pending", pending.is_pending);
    fi_term_json_bool("restore_running", pending.is_running || was_running);
    return FIRN_OK;
}

static int
write_result(struct fi_mcp_call *call, const firn_workspace_status_result *result, bool was_running)
{
    assert(call->workspace != NULL);
    fi_term_json_end();
    fi_mcp_call_write_not_shown(call, "changes_not_shown");
    fi_mcp_call_write_name(result->checkpoint);
    fi_term_json_u64("files_added", result->added);
    fi_term_json_u64("files_changed", result->changed);
    fi_term_json_u64("files_times_only", result->times_only);
    fi_term_json_u64("files_removed", result->removed);
    fi_term_json_u64("files_unchanged", result->unchanged);
    fi_term_json_u64("skipped", result->skipped);
    fi_mcp_call_write_notices(call);
    return write_pending(call, was_running);
}

static int
mcp_status_run(struct fi_mcp_call *call)
{
    struct attempt attempt = {call, FIRN_WORKSPACE_STATUS_OPTIONS_INIT,
                              FIRN_WORKSPACE_STATUS_RESULT_INIT};
    FI_TRY_RETURN(fi_mcp_call_open_paths(call));
    attempt.options.reference = fi_mcp_arguments_string(call->arguments, "snapshot_id");
    attempt.options.paths = call->paths;
    attempt.options.path_count = call->path_count;
    attempt.options.without_times = true;
    attempt.options.file_size_max = call->settings.max_file_size;
    attempt.options.gitignore = call->settings.gitignore;
    attempt.options.callbacks = fi_mcp_call_callbacks(call);
    firn_workspace_pending_restore earlier = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    bool was_running =
        firn_workspace_pending(call->workspace, &earlier, NULL) == FIRN_OK && earlier.is_running;
    fi_term_json_array("changes");
    int code = fi_mcp_call_attempt(call, attempt_status, &attempt);
    if (code == FIRN_OK) {
        code = write_result(call, &attempt.result, was_running);
        firn_release(attempt.result.checkpoint);
        return code;
    }
    call->hint = code == FIRN_NOT_FOUND ? save_hint : NULL;
    return code;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"snapshot_id", FI_MCP_ARGUMENTS_STRING, false,
     "The checkpoint to compare with, latest if there is none: " FI_MCP_TOOL_REFERENCE},
    FI_MCP_TOOL_PATHS_PARAM,
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_status_tool =
    {
        .name = "checkpoint_status",
        .title = "Show what changed since a checkpoint",
        .text =
            "List the files of a workspace that were added, changed or removed since a checkpoint. "
            "files_times_only counts files of which only the time differs; they are not listed. "
            "Changes nothing.",
        .params = params,
        /* clang-format off */
    .output =
        FI_MCP_TOOL_NAME ","
        FI_MCP_TOOL_COUNTS ","
        FI_MCP_TOOL_INTEGER("files_times_only") ","
        FI_MCP_TOOL_INTEGER("files_unchanged") ","
        FI_MCP_TOOL_INTEGER("skipped") ","
        FI_MCP_TOOL_BOOL("restore_pending") ","
        FI_MCP_TOOL_BOOL("restore_running") ","
        FI_MCP_TOOL_CHANGES ","
        FI_MCP_TOOL_NOTICES,
        /* clang-format on */
        .required = "[\"snapshot_id\",\"files_added\",\"files_changed\",\"files_removed\","
                    "\"files_unchanged\",\"changes\"]",
        .is_read_only = true,
        .is_idempotent = true,
        .run = mcp_status_run,
};
