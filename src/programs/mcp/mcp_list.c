/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_list.c: checkpoint_list.
 */
#include "mcp/mcp_internal.h"
#include "term/term_try.h"

static int
mcp_list_visit(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct fi_mcp_call *call = ctx;
    if (call->host->is_cancelled(call->host->ctx)) {
        return FIRN_CANCELLED;
    }
    if (call->result.size > FI_MCP_CALL_RESULT_SIZE_MAX) {
        call->rows_not_shown++;
        return FIRN_OK;
    }
    fi_term_json_object(NULL);
    fi_mcp_call_write_checkpoint(checkpoint);
    fi_term_json_end();
    return FIRN_OK;
}

static int
mcp_list_run(struct fi_mcp_call *call)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    FI_TRY_RETURN(fi_mcp_call_open(call));
    options.limit = fi_mcp_arguments_count(call->arguments, "limit", options.limit);
    options.include_safety = fi_mcp_arguments_bool(call->arguments, "include_safety", false);
    fi_term_json_array("checkpoints");
    int code = firn_workspace_list(call->workspace, &options, mcp_list_visit, call, &call->error);
    fi_term_json_end();
    fi_mcp_call_write_not_shown(call, "checkpoints_not_shown");
    return code;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"limit", FI_MCP_ARGUMENTS_COUNT, false, "Only the newest so many"},
    {"include_safety", FI_MCP_ARGUMENTS_BOOL, false,
     "Also those that restores took of what they were about to change"},
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_list_tool = {
    .name = "checkpoint_list",
    .title = "List checkpoints",
    .text = "List the checkpoints of a workspace, newest first.",
    .params = params,
    /* clang-format off */
    .output =
        FI_MCP_TOOL_OBJECTS("checkpoints", FI_MCP_TOOL_CHECKPOINT) ","
        FI_MCP_TOOL_INTEGER("checkpoints_not_shown"),
    /* clang-format on */
    .required = "[\"checkpoints\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = mcp_list_run,
};
