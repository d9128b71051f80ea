/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_restore.c: checkpoint_restore, checkpoint_undo and checkpoint_redo.
 *
 * A restore that was cancelled or interrupted stays pending, with each file whole. An undo takes it
 * back; another restore of everything continues from there.
 */
#include "mcp/mcp_internal.h"
#include "term/term_try.h"

#include <assert.h>

static const char list_hint[] = "checkpoint_list shows the checkpoints";

struct attempt {
    struct fi_mcp_call *call;
    const char *reference; /* NULL: undo, or redo */
    bool is_redo;
    firn_workspace_restore_options options;
    firn_workspace_restore_result result;
    const char *turn;           /* the turn that is undone; NULL: none is named */
    struct fi_show_steps steps; /* of an undo or a redo */
};

/* The callbacks of a restore have one ctx, the call. Calls are executed one at a time. */
static struct fi_show_steps *running;

static int
on_step(void *ctx, const firn_workspace_step *step)
{
    (void)ctx;
    return fi_show_step_add(running, step);
}

static int
attempt_restore(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    firn_workspace *workspace = attempt->call->workspace;
    fi_show_step_clear(&attempt->steps);
    running = &attempt->steps;
    if (attempt->reference == NULL) {
        return attempt->is_redo
                   ? firn_workspace_redo(workspace, &attempt->options, &attempt->result, err)
                   : firn_workspace_undo(workspace, &attempt->options, &attempt->result, err);
    }
    return firn_workspace_restore(workspace, attempt->reference, &attempt->options,
                                  &attempt->result, err);
}

/* What was undone or redone, and how to get back. */
static void
write_steps(const struct attempt *attempt)
{
    enum { SHOWN_MAX = 100 };
    bool is_done = !attempt->options.dry_run && (attempt->result.safety_id[0] != '\0' ||
                                                 fi_show_step_is_of_facts(&attempt->steps));
    fi_term_json_bool("unsaved", attempt->result.is_unsaved);
    fi_term_json_array("steps");
    for (size_t i = 0; i < attempt->steps.count && i < SHOWN_MAX; i++) {
        fi_term_json_object(NULL);
        fi_mcp_steps_write(attempt->steps.items[i]);
        fi_term_json_end();
    }
    fi_term_json_end();
    fi_term_json_u64("steps_in_all", attempt->steps.count);
    fi_term_json_string_if("back_with", attempt->is_redo ? "checkpoint_undo" : "checkpoint_redo",
                           is_done);
}

static void
write_result(struct attempt *attempt)
{
    assert(attempt->call->workspace != NULL);
    struct fi_mcp_call *call = attempt->call;
    const firn_workspace_restore_result *result = &attempt->result;
    fi_term_json_end();
    fi_mcp_call_write_not_shown(call, "changes_not_shown");
    if (result->checkpoint != NULL) {
        fi_mcp_call_write_name(result->checkpoint);
    }
    fi_term_json_bool("dry_run", attempt->options.dry_run);
    fi_term_json_u64("files_added", result->added);
    fi_term_json_u64("files_changed", result->changed);
    fi_term_json_u64("files_removed", result->removed);
    fi_term_json_u64("files_unchanged", result->unchanged);
    fi_term_json_u64("incomplete", result->incomplete);
    fi_term_json_u64("left_alone", result->left_alone);
    fi_term_json_u64("not_restored", result->not_restored);
    fi_term_json_string_if("safety_id", result->safety_id, result->safety_id[0] != '\0');
    if (!fi_show_step_is_of_facts(&attempt->steps) &&
        fi_show_checkpoint_git_has_moved(&result->checkpoint->git, &result->git)) {
        fi_show_checkpoint_json_git("git_then", &result->checkpoint->git);
        fi_show_checkpoint_json_git("git_now", &result->git);
    }
    if (attempt->reference == NULL) {
        write_steps(attempt);
    }
    fi_mcp_call_report_hooks(call);
    fi_mcp_call_write_notices(call);
}

static int
mcp_restore_perform(struct fi_mcp_call *call, struct attempt *attempt)
{
    FI_TRY_RETURN(attempt->reference != NULL ? fi_mcp_call_open_paths(call)
                                             : fi_mcp_call_open(call));
    if (attempt->turn != NULL) {
        FI_TRY_RETURN(fi_mcp_turns_find(call, attempt->turn, &attempt->options.turn));
    }
    attempt->options.paths = call->paths;
    attempt->options.path_count = call->path_count;
    attempt->options.gitignore = call->settings.gitignore;
    attempt->options.file_size_max = call->settings.max_file_size;
    attempt->options.dry_run = fi_mcp_arguments_bool(call->arguments, "dry_run", false);
    attempt->options.callbacks = fi_mcp_call_callbacks(call);
    attempt->options.on_change = fi_mcp_call_visit_change;
    attempt->options.on_step = on_step;
    fi_term_json_array("changes");
    int code = fi_mcp_call_attempt(call, attempt_restore, attempt);
    if (code == FIRN_OK) {
        write_result(attempt);
        firn_release(attempt->result.checkpoint);
    } else if (code != FIRN_BUSY) {
        call->hint = code == FIRN_NOT_FOUND && attempt->reference != NULL ? list_hint : NULL;
        fi_mcp_call_hint_pending(call);
    }
    fi_show_step_clear(&attempt->steps);
    return code;
}

static int
run_restore(struct fi_mcp_call *call)
{
    struct attempt attempt = {.call = call,
                              .options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT,
                              .result = FIRN_WORKSPACE_RESTORE_RESULT_INIT};
    attempt.reference = fi_mcp_arguments_string(call->arguments, "snapshot_id");
    return mcp_restore_perform(call, &attempt);
}

static int
run_undo(struct fi_mcp_call *call)
{
    struct attempt attempt = {.call = call,
                              .options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT,
                              .result = FIRN_WORKSPACE_RESTORE_RESULT_INIT};
    attempt.turn = fi_mcp_arguments_string(call->arguments, "turn");
    attempt.options.last_turn =
        attempt.turn != NULL || fi_mcp_arguments_bool(call->arguments, "last_turn", false);
    return mcp_restore_perform(call, &attempt);
}

static int
run_redo(struct fi_mcp_call *call)
{
    struct attempt attempt = {.call = call,
                              .is_redo = true,
                              .options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT,
                              .result = FIRN_WORKSPACE_RESTORE_RESULT_INIT};
    return mcp_restore_perform(call, &attempt);
}

#define DRY_RUN_PARAM                                           \
    {                                                           \
        "dry_run", FI_MCP_ARGUMENTS_BOOL, false,                \
            "Only tell what would change; true changes nothing" \
    }
/* clang-format off */
#define RESULT \
    FI_MCP_TOOL_NAME "," \
    FI_MCP_TOOL_COUNTS "," \
    FI_MCP_TOOL_INTEGER("files_unchanged") "," \
    FI_MCP_TOOL_BOOL("dry_run") "," \
    FI_MCP_TOOL_INTEGER("incomplete") "," \
    FI_MCP_TOOL_INTEGER("left_alone") "," \
    FI_MCP_TOOL_INTEGER("not_restored") "," \
    FI_MCP_TOOL_STRING_OR_NULL("safety_id") "," \
    FI_MCP_TOOL_GIT("git_then") "," \
    FI_MCP_TOOL_GIT("git_now") "," \
    FI_MCP_TOOL_CHANGES "," \
    FI_MCP_TOOL_NOTICES
/* clang-format on */
#define STEPS                                                                   \
    FI_MCP_TOOL_BOOL("unsaved")                                                 \
    "," FI_MCP_TOOL_OBJECTS("steps", FI_MCP_TOOL_STEP) "," FI_MCP_TOOL_INTEGER( \
        "steps_in_all") "," FI_MCP_TOOL_STRING_OR_NULL("back_with")
#define REQUIRED_COUNTS \
    "\"dry_run\",\"files_added\",\"files_changed\",\"files_removed\",\"files_unchanged\"]"
#define REQUIRED "[\"snapshot_id\"," REQUIRED_COUNTS
/* The checkpoint of the present state may have been deleted. */
#define REQUIRED_OF_STEPS "[" REQUIRED_COUNTS

static const struct fi_mcp_arguments_param restore_params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"snapshot_id", FI_MCP_ARGUMENTS_STRING, true, "Which checkpoint: " FI_MCP_TOOL_REFERENCE},
    DRY_RUN_PARAM,
    FI_MCP_TOOL_PATHS_PARAM,
    FI_MCP_TOOL_END_PARAM,
};

static const struct fi_mcp_arguments_param undo_params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    DRY_RUN_PARAM,
    {"last_turn", FI_MCP_ARGUMENTS_BOOL, false,
     "Go back to before the last turn of a coding agent, over whatever came after it"},
    {"turn", FI_MCP_ARGUMENTS_STRING, false,
     "The same for an earlier turn: its name in checkpoint_turns (@12), or a piece of its prompt"},
    FI_MCP_TOOL_END_PARAM,
};

static const struct fi_mcp_arguments_param redo_params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    DRY_RUN_PARAM,
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_restore_tool = {
    .name = "checkpoint_restore",
    .title = "Restore a checkpoint",
    .text =
        "Restore a workspace, or some paths in it, to a checkpoint: changed files are restored, "
        "and files that the checkpoint does not have are removed. The present state is saved "
        "first, so that checkpoint_undo can undo the restore. With dry_run it only lists what "
        "would change.",
    .params = restore_params,
    .output = RESULT,
    .required = REQUIRED,
    .is_destructive = true,
    .is_idempotent = true,
    .run = run_restore,
};

const struct fi_mcp_tool fi_mcp_restore_undo_tool = {
    .name = "checkpoint_undo",
    .title = "Go one state back",
    .text =
        "Take back the last change of a workspace: edits that were not saved; else the last save, "
        "restore or revert, or tag, pin or deletion of checkpoints, which changes no file. A "
        "further "
        "undo goes one step further back. What was not saved is "
        "saved first, so that checkpoint_redo can bring it back. The result's steps say what was "
        "taken back; with dry_run, what would be.",
    .params = undo_params,
    .output = RESULT "," STEPS,
    .required = REQUIRED_OF_STEPS,
    .is_destructive = true,
    .run = run_undo,
};

const struct fi_mcp_tool fi_mcp_restore_redo_tool = {
    .name = "checkpoint_redo",
    .title = "Go one state forward",
    .text =
        "Bring back what the last checkpoint_undo took away. Fails with FIRN_NOT_FOUND if no undo "
        "came before, or if the workspace was edited or restored after it.",
    .params = redo_params,
    .output = RESULT "," STEPS,
    .required = REQUIRED_OF_STEPS,
    .is_destructive = true,
    .run = run_redo,
};
