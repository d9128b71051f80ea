/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_delete.c: checkpoint_delete.
 */
#include "mcp/mcp_internal.h"
#include "term/term_try.h"

#include <stdio.h>

static const char list_hint[] = "checkpoint_list shows the checkpoints";

struct attempt {
    struct fi_mcp_call *call;
    const char *reference;
};

static int
mcp_delete_visit(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)ctx;
    char text[160];
    (void)snprintf(
        text, sizeof(text),
        "checkpoint %s is deleted; for 7 days a person can bring it back with: firn undelete",
        checkpoint->id);
    fi_term_json_bool("deleted", true);
    fi_mcp_call_write_name(checkpoint);
    fi_term_json_string("message", text);
    return FIRN_OK;
}

static int
attempt_delete(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    return firn_workspace_delete(attempt->call->workspace, &attempt->reference, 1, NULL,
                                 mcp_delete_visit, attempt, err);
}

static int
mcp_delete_run(struct fi_mcp_call *call)
{
    struct attempt attempt = {call, fi_mcp_arguments_string(call->arguments, "snapshot_id")};
    FI_TRY_RETURN(fi_mcp_call_open(call));
    int code = fi_mcp_call_attempt(call, attempt_delete, &attempt);
    call->hint = code == FIRN_NOT_FOUND ? list_hint : NULL;
    if (code == FIRN_OK) {
        fi_mcp_call_collect(call);
    }
    return code;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"snapshot_id", FI_MCP_ARGUMENTS_STRING, true, "Which checkpoint: " FI_MCP_TOOL_REFERENCE},
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_delete_tool = {
    .name = "checkpoint_delete",
    .title = "Delete a checkpoint",
    .text = "Delete one checkpoint. For 7 days a person can bring it back with firn undelete. The "
            "files of the workspace and all other checkpoints "
            "do not change.",
    .params = params,
    .output = FI_MCP_TOOL_BOOL("deleted") "," FI_MCP_TOOL_NAME "," FI_MCP_TOOL_STRING("message"),
    .required = "[\"deleted\",\"snapshot_id\",\"message\"]",
    .is_destructive = true,
    .run = mcp_delete_run,
};
