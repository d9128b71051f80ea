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
    fi_term_json_string("id", checkpoint->id);
    fi_term_json_u64_if("number", checkpoint->number, !checkpoint->is_safety);
    fi_term_json_time("created_at", checkpoint->created_ns);
    if (checkpoint->message.size > 0) {
        fi_term_json_bytes("message", checkpoint->message);
    } else {
        fi_term_json_null("message");
    }
    fi_show_checkpoint_json_turn(&checkpoint->turn);
    fi_show_checkpoint_json_git("git", &checkpoint->git);
    fi_mcp_call_write_stats(checkpoint);
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
        FI_MCP_TOOL_OBJECTS("checkpoints",
            FI_MCP_TOOL_STRING("id") ","
            FI_MCP_TOOL_NUMBER_OR_NULL("number") ","
            FI_MCP_TOOL_STRING("created_at") ","
            FI_MCP_TOOL_STRING_OR_NULL("message") ","
            FI_MCP_TOOL_OBJECT("turn",
                FI_MCP_TOOL_STRING("agent") ","
                FI_MCP_TOOL_STRING("session") ","
                FI_MCP_TOOL_NUMBER_OR_NULL("number") ","
                FI_MCP_TOOL_STRING("prompt")) ","
            FI_MCP_TOOL_GIT("git") ","
            FI_MCP_TOOL_STATS) ","
        FI_MCP_TOOL_INTEGER("checkpoints_not_shown"),
    /* clang-format on */
    .required = "[\"checkpoints\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = mcp_list_run,
};
