/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_steps.c: checkpoint_steps, and steps of undo and redo in results.
 */
#include "mcp/mcp_internal.h"
#include "term/term_try.h"

enum { LIMIT_DEFAULT = 20 };

void
fi_mcp_steps_write(const firn_workspace_step *step)
{
    char text[FI_SHOW_STEP_TEXT_SIZE];
    fi_term_json_string("kind", firn_workspace_step_kind_name(step->kind));
    fi_term_json_string("text", fi_show_step_text(step, text));
    if (step->time_ns != 0) {
        fi_term_json_time("time", step->time_ns);
    }
    if (step->checkpoint != NULL) {
        fi_mcp_call_write_name(step->checkpoint);
    }
    if (step->is_counted) {
        fi_term_json_u64("files_added", step->added);
        fi_term_json_u64("files_changed", step->changed);
        fi_term_json_u64("files_removed", step->removed);
    }
    fi_show_step_json_facts(step);
}

static int
mcp_steps_visit(void *ctx, const firn_workspace_step *step)
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
    fi_term_json_string("by", step->is_redo ? "checkpoint_redo" : "checkpoint_undo");
    fi_mcp_steps_write(step);
    fi_term_json_end();
    return FIRN_OK;
}

static int
mcp_steps_run(struct fi_mcp_call *call)
{
    firn_workspace_steps_options options = FIRN_WORKSPACE_STEPS_OPTIONS_INIT;
    firn_workspace_steps_result result = FIRN_WORKSPACE_STEPS_RESULT_INIT;
    FI_TRY_RETURN(fi_mcp_call_open(call));
    options.limit = fi_mcp_arguments_count(call->arguments, "limit", LIMIT_DEFAULT);
    options.gitignore = call->settings.gitignore;
    options.file_size_max = call->settings.max_file_size;
    fi_term_json_array("steps");
    int code = firn_workspace_steps(call->workspace, &options, mcp_steps_visit, call, &result,
                                    &call->error);
    fi_term_json_end();
    if (code == FIRN_OK) {
        fi_mcp_call_write_not_shown(call, "steps_not_shown");
        if (result.checkpoint != NULL) {
            fi_mcp_call_write_name(result.checkpoint);
        }
        fi_term_json_bool("unsaved", result.is_unsaved);
        fi_term_json_u64("undo_steps", result.undo_steps);
        fi_term_json_u64("redo_steps", result.redo_steps);
        firn_release(result.checkpoint);
    }
    return code;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"limit", FI_MCP_ARGUMENTS_COUNT, false, "The nearest so many in each direction; default 20"},
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_steps_tool = {
    .name = "checkpoint_steps",
    .title = "List what undo and redo would do",
    .text = "List the steps that checkpoint_redo would bring back and checkpoint_undo would take "
            "back, newest first: edits that were not saved, saves, restores, reverts, each with "
            "the number of files that this would change; and tags, pins and deletions of "
            "checkpoints, with what they changed (facts). snapshot_id is the present state.",
    .params = params,
    /* clang-format off */
    .output =
        FI_MCP_TOOL_OBJECTS("steps",
            FI_MCP_TOOL_STRING("by") ","
            FI_MCP_TOOL_STEP) ","
        FI_MCP_TOOL_NAME ","
        FI_MCP_TOOL_BOOL("unsaved") ","
        FI_MCP_TOOL_INTEGER("undo_steps") ","
        FI_MCP_TOOL_INTEGER("redo_steps") ","
        FI_MCP_TOOL_INTEGER("steps_not_shown"),
    /* clang-format on */
    .required = "[\"steps\",\"unsaved\",\"undo_steps\",\"redo_steps\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = mcp_steps_run,
};
