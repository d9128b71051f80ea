/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_push.c: checkpoint_push. Only the user gives remotes their names: a client chooses one of
 * them, and adds none.
 */
#include "mcp/mcp_internal.h"
#include "term/term_try.h"

struct attempt {
    struct fi_mcp_call *call;
    const char *remote; /* NULL: the usual one */
    firn_push_options options;
    firn_push_result result;
};

static int
attempt_push(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    return firn_workspace_push(attempt->call->workspace, attempt->remote, &attempt->options,
                               &attempt->result, err);
}

static int
mcp_push_run(struct fi_mcp_call *call)
{
    struct attempt attempt = {.call = call,
                              .remote = fi_mcp_arguments_string(call->arguments, "remote"),
                              .options = FIRN_PUSH_OPTIONS_INIT,
                              .result = FIRN_PUSH_RESULT_INIT};
    FI_TRY_RETURN(fi_mcp_call_open(call));
    attempt.options.callbacks = fi_mcp_call_callbacks(call);
    int code = fi_mcp_call_attempt(call, attempt_push, &attempt);
    if (code != FIRN_OK) {
        call->hint = code == FIRN_NOT_FOUND || code == FIRN_INVALID
                         ? "the user decides which remotes there are: firn remote list shows them"
                         : "nothing is lost: the next push uses what was sent";
        return code;
    }
    fi_term_json_u64("checkpoints", attempt.result.checkpoints);
    fi_term_json_u64("objects", attempt.result.objects);
    fi_term_json_u64("bytes", attempt.result.bytes);
    fi_term_json_u64("requests", attempt.result.requests);
    fi_mcp_call_write_notices(call);
    return FIRN_OK;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"remote", FI_MCP_ARGUMENTS_STRING, false,
     "The name of a remote that the user has added. Without it the only one, or origin"},
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_push_tool = {
    .name = "checkpoint_push",
    .title = "Push checkpoints to a remote",
    .text = "Send the checkpoints that were made since the last push to a remote, from which the "
            "user's other machines can pull them. The files of the workspace do not change.",
    .params = params,
    /* clang-format off */
    .output =
        FI_MCP_TOOL_INTEGER("checkpoints") ","
        FI_MCP_TOOL_INTEGER("objects") ","
        FI_MCP_TOOL_INTEGER("bytes") ","
        FI_MCP_TOOL_INTEGER("requests") ","
        FI_MCP_TOOL_NOTICES,
    /* clang-format on */
    .required = "[\"checkpoints\",\"objects\",\"bytes\",\"requests\"]",
    .is_idempotent = true,
    .is_open_world = true,
    .run = mcp_push_run,
};
