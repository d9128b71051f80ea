/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_describe.c: checkpoint_describe.
 */
#include "mcp/mcp_internal.h"
#include "term/term_try.h"

struct attempt {
    struct fi_mcp_call *call;
    const char *reference;
    const char *message;
    firn_workspace_checkpoint *checkpoint;
};

static int
attempt_describe(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    return firn_workspace_describe(attempt->call->workspace, attempt->reference,
                                   firn_str(attempt->message), &attempt->checkpoint, err);
}

static int
mcp_describe_run(struct fi_mcp_call *call)
{
    struct attempt attempt = {
        .call = call,
        .reference = fi_mcp_arguments_string(call->arguments, "snapshot_id"),
        .message = fi_mcp_arguments_string(call->arguments, "message"),
    };
    FI_TRY_RETURN(fi_mcp_call_open(call));
    int code = fi_mcp_call_attempt(call, attempt_describe, &attempt);
    if (code == FIRN_OK) {
        fi_mcp_call_write_name(attempt.checkpoint);
        fi_term_json_bytes("message", attempt.checkpoint->message);
    } else if (code == FIRN_NOT_FOUND) {
        call->hint = "checkpoint_list shows the checkpoints";
    }
    firn_release(attempt.checkpoint);
    return code;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"snapshot_id", FI_MCP_ARGUMENTS_STRING, true, "Which checkpoint: " FI_MCP_TOOL_REFERENCE},
    {"message", FI_MCP_ARGUMENTS_STRING, true, "The new message; empty: none"},
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_describe_tool = {
    .name = "checkpoint_describe",
    .title = "Give a checkpoint another message",
    .text = "Replace the message of a checkpoint. Its id, number, time and files stay; "
            "checkpoint_undo brings the earlier message back.",
    .params = params,
    .output = FI_MCP_TOOL_NAME "," FI_MCP_TOOL_STRING("message"),
    .required = "[\"snapshot_id\",\"message\"]",
    .is_idempotent = true,
    .run = mcp_describe_run,
};
