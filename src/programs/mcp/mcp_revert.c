/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_revert.c: checkpoint_revert.
 *
 * If later changes conflict with it, nothing is changed, and the message of the failure names the
 * first conflicting paths. The model can resolve these by hand, or revert only the other paths.
 */
#include "mcp/mcp_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char list_hint[] = "checkpoint_list shows the checkpoints";
static const char conflict_hint[] =
    "nothing was changed; name the other paths in \"paths\" to revert them alone";

struct attempt {
    struct fi_mcp_call *call;
    firn_workspace_revert_options options;
    firn_workspace_revert_result result;
};

static const char *
reason(firn_workspace_revert_conflict_kind kind)
{
    switch (kind) {
    case FIRN_REVERT_CONFLICT_LINES:
        return "the same lines changed since";
    case FIRN_REVERT_CONFLICT_CONTENT:
        return "its content changed since";
    case FIRN_REVERT_CONFLICT_REMOVED:
        return "it was removed since";
    case FIRN_REVERT_CONFLICT_CHANGED:
        return "it would be removed, and changed since";
    case FIRN_REVERT_CONFLICT_ADDED:
        return "something else has its name since";
    case FIRN_REVERT_CONFLICT_KIND:
        return "it became something else";
    case FIRN_REVERT_CONFLICT_ATTRIBUTES:
        return "its attributes changed since";
    case FIRN_REVERT_CONFLICT_HARD_LINKS:
        return "names of one file would come to differ";
    }
    return "it changed since";
}

/* The first ones, as many as there is room for. */
static int
note_conflict(void *ctx, const firn_workspace_revert_conflict *conflict)
{
    struct fi_mcp_call *call = ctx;
    size_t at = strlen(call->conflicts);
    char added[sizeof(call->conflicts)];
    int size = snprintf(added, sizeof(added), "%s'%.*s' (%s)", at == 0 ? "" : ", ",
                        (int)conflict->path.size, (const char *)conflict->path.data,
                        reason(conflict->kind));
    if (size > 0 && at + (size_t)size < sizeof(call->conflicts)) {
        memcpy(call->conflicts + at, added, (size_t)size + 1);
    }
    return FIRN_OK;
}

static int
attempt_revert(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    attempt->call->conflicts[0] = '\0';
    return firn_workspace_revert(attempt->call->workspace, &attempt->options, &attempt->result,
                                 err);
}

static void
write_result(struct attempt *attempt)
{
    assert(attempt->call->workspace != NULL);
    struct fi_mcp_call *call = attempt->call;
    const firn_workspace_revert_result *result = &attempt->result;
    fi_term_json_end();
    fi_mcp_call_write_not_shown(call, "changes_not_shown");
    fi_mcp_call_write_name(result->after);
    fi_term_json_string("since", result->before->id);
    fi_term_json_bool("dry_run", attempt->options.dry_run);
    fi_term_json_u64("files_added", result->added);
    fi_term_json_u64("files_changed", result->changed);
    fi_term_json_u64("files_removed", result->removed);
    fi_term_json_u64("files_merged", result->merged);
    fi_term_json_u64("left_alone", result->left_alone);
    fi_term_json_u64("incomplete", result->incomplete);
    fi_term_json_u64("not_restored", result->not_restored);
    fi_term_json_string_if("safety_id", result->safety_id, result->safety_id[0] != '\0');
    fi_mcp_call_report_hooks(call);
    fi_mcp_call_write_notices(call);
}

/* What the caller may do about it. */
static int
mcp_revert_explain(struct attempt *attempt, int code)
{
    struct fi_mcp_call *call = attempt->call;
    if (code == FIRN_CONFLICT && call->conflicts[0] != '\0') {
        code = fi_mcp_call_fail(
            call, code, "%llu %s in the way: %s", (unsigned long long)attempt->result.conflicts,
            attempt->result.conflicts == 1 ? "path stands" : "paths stand", call->conflicts);
        call->hint = conflict_hint;
    } else if (code == FIRN_NOT_FOUND) {
        call->hint = list_hint;
    } else if (code != FIRN_BUSY && code != FIRN_INVALID) {
        fi_mcp_call_hint_pending(call);
    }
    return code;
}

static int
run_revert(struct fi_mcp_call *call)
{
    struct attempt attempt = {.call = call,
                              .options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT,
                              .result = FIRN_WORKSPACE_REVERT_RESULT_INIT};
    FI_TRY_RETURN(fi_mcp_call_open_paths(call));
    attempt.options.after = fi_mcp_arguments_string(call->arguments, "snapshot_id");
    attempt.options.before = fi_mcp_arguments_string(call->arguments, "since");
    attempt.options.paths = call->paths;
    attempt.options.path_count = call->path_count;
    attempt.options.gitignore = call->settings.gitignore;
    attempt.options.file_size_max = call->settings.max_file_size;
    attempt.options.dry_run = fi_mcp_arguments_bool(call->arguments, "dry_run", false);
    attempt.options.callbacks = fi_mcp_call_callbacks(call);
    attempt.options.on_conflict = note_conflict;
    attempt.options.on_change = fi_mcp_call_visit_change;
    fi_term_json_array("changes");
    int code = fi_mcp_call_attempt(call, attempt_revert, &attempt);
    if (code != FIRN_OK) {
        return mcp_revert_explain(&attempt, code);
    }
    write_result(&attempt);
    firn_release(attempt.result.after);
    firn_release(attempt.result.before);
    return FIRN_OK;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"snapshot_id", FI_MCP_ARGUMENTS_STRING, true,
     "The checkpoint whose change is taken back: " FI_MCP_TOOL_REFERENCE},
    {"since", FI_MCP_ARGUMENTS_STRING, false,
     "An older checkpoint: take back everything between the two; else the one before snapshot_id"},
    {"dry_run", FI_MCP_ARGUMENTS_BOOL, false, "Only tell what would change; true changes nothing"},
    FI_MCP_TOOL_PATHS_PARAM,
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_revert_tool = {
    .name = "checkpoint_revert",
    .title = "Undo one checkpoint's changes",
    .text =
        "Undo what one checkpoint changed and keep later changes: files are merged one by one, "
        "text files line by line. If a later change conflicts, nothing is changed and the paths "
        "are listed. The present state is saved first, so that checkpoint_undo can undo the "
        "revert.",
    .params = params,
    /* clang-format off */
    .output =
        FI_MCP_TOOL_NAME ","
        FI_MCP_TOOL_STRING("since") ","
        FI_MCP_TOOL_COUNTS ","
        FI_MCP_TOOL_INTEGER("files_merged") ","
        FI_MCP_TOOL_INTEGER("left_alone") ","
        FI_MCP_TOOL_BOOL("dry_run") ","
        FI_MCP_TOOL_INTEGER("incomplete") ","
        FI_MCP_TOOL_INTEGER("not_restored") ","
        FI_MCP_TOOL_STRING_OR_NULL("safety_id") ","
        FI_MCP_TOOL_CHANGES ","
        FI_MCP_TOOL_NOTICES,
    /* clang-format on */
    .required = "[\"snapshot_id\",\"since\",\"dry_run\",\"files_added\",\"files_changed\","
                "\"files_removed\",\"files_merged\"]",
    .is_destructive = true,
    .run = run_revert,
};
