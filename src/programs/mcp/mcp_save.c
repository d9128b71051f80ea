/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_save.c: checkpoint_save.
 */
#include "mcp/mcp_internal.h"
#include "task/task.h"
#include "term/term_try.h"

#include <assert.h>

struct attempt {
    firn_workspace *workspace;
    firn_workspace_save_options options;
    firn_workspace_save_result result;
};

static int
attempt_save(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    return firn_workspace_save(attempt->workspace, &attempt->options, &attempt->result, err);
}

static void
write_result(struct fi_mcp_call *call, const firn_workspace_save_result *result)
{
    assert(result->checkpoint != NULL);
    fi_term_json_string("snapshot_id", result->checkpoint->id);
    fi_mcp_call_write_checkpoint(result->checkpoint);
    fi_term_json_bool("made", result->is_made);
    fi_term_json_bool("unchanged", result->is_unchanged);
    fi_term_json_u64("files_added", result->added);
    fi_term_json_u64("files_changed", result->changed);
    fi_term_json_u64("files_removed", result->removed);
    fi_mcp_call_write_notices(call);
}

/* No person can be asked about the first save of a home directory, or of more. */
static int
check_root(struct fi_mcp_call *call)
{
    assert(call->workspace != NULL);
    const char *why = firn_workspace_too_broad(call->workspace);
    if (why == NULL || firn_workspace_find(call->workspace, "latest", NULL, NULL) == FIRN_OK) {
        return FIRN_OK;
    }
    call->hint = "name the directory of the project; to save all of it, the user can run "
                 "firn save --yes in it";
    return fi_mcp_call_fail(call, FIRN_INVALID, "'%s' is %s", firn_workspace_root(call->workspace),
                            why);
}

static int
mcp_save_run(struct fi_mcp_call *call)
{
    struct attempt attempt = {NULL, FIRN_WORKSPACE_SAVE_OPTIONS_INIT,
                              FIRN_WORKSPACE_SAVE_RESULT_INIT};
    const json_t *message = json_object_get(call->arguments, "message");
    FI_TRY_RETURN(fi_mcp_call_open(call));
    FI_TRY_RETURN(check_root(call));
    attempt.workspace = call->workspace;
    fi_task_settings_save(&call->settings, &attempt.options);
    attempt.options.message = firn_bytes(json_string_value(message), json_string_length(message));
    attempt.options.include_deps =
        fi_mcp_arguments_bool(call->arguments, "include_deps", attempt.options.include_deps);
    attempt.options.if_changed = fi_mcp_arguments_bool(call->arguments, "if_changed", false);
    attempt.options.callbacks = fi_mcp_call_callbacks(call);
    FI_TRY_RETURN(fi_mcp_call_attempt(call, attempt_save, &attempt));
    write_result(call, &attempt.result);
    firn_release(attempt.result.checkpoint);
    if (attempt.result.gc_is_due) {
        fi_mcp_call_collect(call);
    }
    fi_task_push_after_save(call->workspace, &call->settings, false);
    return FIRN_OK;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"message", FI_MCP_ARGUMENTS_TEXT, false, "What this state is, to recognise it later"},
    {"include_deps", FI_MCP_ARGUMENTS_BOOL, false,
     "Save directories of dependencies, such as node_modules, too"},
    {"if_changed", FI_MCP_ARGUMENTS_BOOL, false,
     "Make no checkpoint if the tree is that of the one before, and tell of that one"},
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_save_tool = {
    .name = "checkpoint_save",
    .title = "Save a checkpoint",
    .text =
        "Save the state of a whole directory tree as a new checkpoint, from which it can be "
        "restored exactly. Quick, and changes no file: call it before changes that you may have "
        "to undo.",
    .params = params,
    /* clang-format off */
    .output =
        FI_MCP_TOOL_STRING("snapshot_id") ","
        FI_MCP_TOOL_CHECKPOINT ","
        FI_MCP_TOOL_COUNTS ","
        FI_MCP_TOOL_BOOL("made") ","
        FI_MCP_TOOL_BOOL("unchanged") ","
        FI_MCP_TOOL_NOTICES,
    /* clang-format on */
    .required = "[\"snapshot_id\",\"stats\",\"made\",\"unchanged\"]",
    .run = mcp_save_run,
};
