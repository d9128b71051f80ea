/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_steps.c: checkpoint_steps, and steps of undo and redo in results.
 */
#include "mcp/mcp_internal.h"

enum { LIMIT_DEFAULT = 20 };

void
firn_mcp_steps_write(const firn_workspace_step *step)
{
    char text[FIRN_SHOW_STEP_TEXT_SIZE];
    firn_term_json_string("kind", firn_workspace_step_kind_name(step->kind));
    firn_term_json_string("text", firn_show_step_text(step, text));
    if (step->time_ns != 0) {
        firn_term_json_time("time", step->time_ns);
    }
    if (step->checkpoint != NULL) {
        firn_mcp_call_write_name(step->checkpoint);
    }
    if (step->is_counted) {
        firn_term_json_u64("files_added", step->added);
        firn_term_json_u64("files_changed", step->changed);
        firn_term_json_u64("files_removed", step->removed);
    }
    firn_show_step_json_facts(step);
}

static int
visit(void *ctx, const firn_workspace_step *step)
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
    firn_term_json_string("by", step->is_redo ? "checkpoint_redo" : "checkpoint_undo");
    firn_mcp_steps_write(step);
    firn_term_json_end();
    return FIRN_OK;
}

static int
run(struct firn_mcp_call *call)
{
    firn_workspace_steps_options options = FIRN_WORKSPACE_STEPS_OPTIONS_INIT;
    firn_workspace_steps_result result = FIRN_WORKSPACE_STEPS_RESULT_INIT;
    int code = firn_mcp_call_open(call);
    if (code != FIRN_OK) {
        return code;
    }
    options.limit = firn_mcp_arguments_count(call->arguments, "limit", LIMIT_DEFAULT);
    options.gitignore = call->settings.gitignore;
    options.file_size_max = call->settings.max_file_size;
    firn_term_json_array("steps");
    code = firn_workspace_steps(call->workspace, &options, visit, call, &result, &call->error);
    firn_term_json_end();
    if (code == FIRN_OK) {
        firn_mcp_call_write_not_shown(call, "steps_not_shown");
        if (result.checkpoint != NULL) {
            firn_mcp_call_write_name(result.checkpoint);
        }
        firn_term_json_bool("unsaved", result.is_unsaved);
        firn_term_json_u64("undo_steps", result.undo_steps);
        firn_term_json_u64("redo_steps", result.redo_steps);
        firn_release(result.checkpoint);
    }
    return code;
}

static const struct firn_mcp_arguments_param params[] = {
    FIRN_MCP_TOOL_WORKSPACE_PARAM,
    {"limit", FIRN_MCP_ARGUMENTS_COUNT, false, "The nearest so many in each direction; default 20"},
    FIRN_MCP_TOOL_END_PARAM,
};

const struct firn_mcp_tool firn_mcp_steps_tool = {
    .name = "checkpoint_steps",
    .title = "List what undo and redo would do",
    .text = "List the steps that checkpoint_redo would bring back and checkpoint_undo would take "
            "back, newest first: edits that were not saved, saves, restores, reverts, each with "
            "the number of files that this would change; and tags, pins and deletions of "
            "checkpoints, with what they changed (facts). snapshot_id is the present state.",
    .params = params,
    .output = FIRN_MCP_TOOL_OBJECTS(
        "steps",
        FIRN_MCP_TOOL_STRING(
            "by") "," FIRN_MCP_TOOL_STEP) "," FIRN_MCP_TOOL_NAME
                                          "," FIRN_MCP_TOOL_BOOL("unsaved") "," FIRN_MCP_TOOL_INTEGER("undo_steps") "," FIRN_MCP_TOOL_INTEGER(
                                              "redo_steps") "," FIRN_MCP_TOOL_INTEGER("steps_not_"
                                                                                      "shown"),
    .required = "[\"steps\",\"unsaved\",\"undo_steps\",\"redo_steps\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = run,
};
