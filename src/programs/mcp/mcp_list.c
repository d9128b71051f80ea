/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_list.c: checkpoint_list.
 */
#include "mcp/mcp_internal.h"

static int
visit(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct firn_mcp_call *call = ctx;
    if (call->host->is_cancelled(call->host->ctx)) {
        return FIRN_CANCELLED;
    }
    if (call->result.size > FIRN_MCP_CALL_RESULT_SIZE_MAX) {
        call->rows_not_shown++;
        return FIRN_OK;
    }
    firn_term_json_object(NULL);
    firn_term_json_string("id", checkpoint->id);
    firn_term_json_u64_if("number", checkpoint->number, !checkpoint->is_safety);
    firn_term_json_time("created_at", checkpoint->created_ns);
    if (checkpoint->message.size > 0) {
        firn_term_json_bytes("message", checkpoint->message);
    } else {
        firn_term_json_null("message");
    }
    firn_show_checkpoint_json_turn(&checkpoint->turn);
    firn_show_checkpoint_json_git("git", &checkpoint->git);
    firn_mcp_call_write_stats(checkpoint);
    firn_term_json_end();
    return FIRN_OK;
}

static int
run(struct firn_mcp_call *call)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    int code = firn_mcp_call_open(call);
    if (code != FIRN_OK) {
        return code;
    }
    options.limit = firn_mcp_arguments_count(call->arguments, "limit", options.limit);
    options.include_safety = firn_mcp_arguments_bool(call->arguments, "include_safety", false);
    firn_term_json_array("checkpoints");
    code = firn_workspace_list(call->workspace, &options, visit, call, &call->error);
    firn_term_json_end();
    firn_mcp_call_write_not_shown(call, "checkpoints_not_shown");
    return code;
}

static const struct firn_mcp_arguments_param params[] = {
    FIRN_MCP_TOOL_WORKSPACE_PARAM,
    {"limit", FIRN_MCP_ARGUMENTS_COUNT, false, "Only the newest so many"},
    {"include_safety", FIRN_MCP_ARGUMENTS_BOOL, false,
     "Also those that restores took of what they were about to change"},
    FIRN_MCP_TOOL_END_PARAM,
};

const struct firn_mcp_tool firn_mcp_list_tool = {
    .name = "checkpoint_list",
    .title = "List checkpoints",
    .text = "List the checkpoints of a workspace, newest first.",
    .params = params,
    .output = FIRN_MCP_TOOL_OBJECTS(
        "checkpoints",
        FIRN_MCP_TOOL_STRING("id") "," FIRN_MCP_TOOL_NUMBER_OR_NULL("number") "," FIRN_MCP_TOOL_STRING("created_at") "," FIRN_MCP_TOOL_STRING_OR_NULL("message") "," FIRN_MCP_TOOL_OBJECT(
            "turn",
            FIRN_MCP_TOOL_STRING("agent") "," FIRN_MCP_TOOL_STRING("session") "," FIRN_MCP_TOOL_NUMBER_OR_NULL("number") "," FIRN_MCP_TOOL_STRING(
                "prompt")) "," FIRN_MCP_TOOL_GIT("git") "," FIRN_MCP_TOOL_STATS) "," FIRN_MCP_TOOL_INTEGER("checkpoints_not_shown"),
    .required = "[\"checkpoints\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = run,
};
