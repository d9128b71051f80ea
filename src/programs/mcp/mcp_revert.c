/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_revert.c: checkpoint_revert.
 *
 * If later changes conflict with it, nothing is changed, and the message of the failure names the
 * first conflicting paths. The model can resolve these by hand, or revert only the other paths.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char list_hint[] = "checkpoint_list shows the checkpoints";
static const char conflict_hint[] =
    "nothing was changed; name the other paths in \"paths\" to revert them alone";

struct attempt {
    struct firn_mcp_call *call;
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
    struct firn_mcp_call *call = ctx;
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
    struct firn_mcp_call *call = attempt->call;
    const firn_workspace_revert_result *result = &attempt->result;
    firn_term_json_end();
    firn_mcp_call_write_not_shown(call, "changes_not_shown");
    firn_mcp_call_write_name(result->after);
    firn_term_json_string("since", result->before->id);
    firn_term_json_bool("dry_run", attempt->options.dry_run);
    firn_term_json_u64("files_added", result->added);
    firn_term_json_u64("files_changed", result->changed);
    firn_term_json_u64("files_removed", result->removed);
    firn_term_json_u64("files_merged", result->merged);
    firn_term_json_u64("left_alone", result->left_alone);
    firn_term_json_u64("incomplete", result->incomplete);
    firn_term_json_u64("not_restored", result->not_restored);
    firn_term_json_string_if("safety_id", result->safety_id, result->safety_id[0] != '\0');
    firn_mcp_call_tell_hooks(call);
    firn_mcp_call_write_notices(call);
}

/* What the caller may do about it. */
static int
explain(struct attempt *attempt, int code)
{
    struct firn_mcp_call *call = attempt->call;
    if (code == FIRN_CONFLICT && call->conflicts[0] != '\0') {
        code = firn_mcp_call_fail(
            call, code, "%llu %s in the way: %s", (unsigned long long)attempt->result.conflicts,
            attempt->result.conflicts == 1 ? "path stands" : "paths stand", call->conflicts);
        call->hint = conflict_hint;
    } else if (code == FIRN_NOT_FOUND) {
        call->hint = list_hint;
    } else if (code != FIRN_BUSY && code != FIRN_INVALID) {
        firn_mcp_call_hint_pending(call);
    }
    return code;
}

static int
run_revert(struct firn_mcp_call *call)
{
    struct attempt attempt = {.call = call,
                              .options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT,
                              .result = FIRN_WORKSPACE_REVERT_RESULT_INIT};
    int code = firn_mcp_call_open_paths(call);
    if (code != FIRN_OK) {
        return code;
    }
    attempt.options.after = firn_mcp_arguments_string(call->arguments, "snapshot_id");
    attempt.options.before = firn_mcp_arguments_string(call->arguments, "since");
    attempt.options.paths = call->paths;
    attempt.options.path_count = call->path_count;
    attempt.options.gitignore = call->settings.gitignore;
    attempt.options.file_size_max = call->settings.max_file_size;
    attempt.options.dry_run = firn_mcp_arguments_bool(call->arguments, "dry_run", false);
    attempt.options.callbacks = firn_mcp_call_callbacks(call);
    attempt.options.on_conflict = note_conflict;
    attempt.options.on_change = firn_mcp_call_visit_change;
    firn_term_json_array("changes");
    code = firn_mcp_call_attempt(call, attempt_revert, &attempt);
    if (code != FIRN_OK) {
        return explain(&attempt, code);
    }
    write_result(&attempt);
    firn_release(attempt.result.after);
    firn_release(attempt.result.before);
    return FIRN_OK;
}

static const struct firn_mcp_arguments_param params[] = {
    FIRN_MCP_TOOL_WORKSPACE_PARAM,
    {"snapshot_id", FIRN_MCP_ARGUMENTS_STRING, true,
     "The checkpoint whose change is taken back: " FIRN_MCP_TOOL_REFERENCE},
    {"since", FIRN_MCP_ARGUMENTS_STRING, false,
     "An older checkpoint: take back everything between the two; else the one before snapshot_id"},
    {"dry_run", FIRN_MCP_ARGUMENTS_BOOL, false,
     "Only tell what would change; true changes nothing"},
    FIRN_MCP_TOOL_PATHS_PARAM,
    FIRN_MCP_TOOL_END_PARAM,
};

const struct firn_mcp_tool firn_mcp_revert_tool = {
    .name = "checkpoint_revert",
    .title = "Undo one checkpoint's changes",
    .text =
        "Undo what one checkpoint changed and keep later changes: files are merged one by one, "
        "text files line by line. If a later change conflicts, nothing is changed and the paths "
        "are listed. The present state is saved first, so that checkpoint_undo can undo the "
        "revert.",
    .params = params,
    .output = FIRN_MCP_TOOL_NAME "," FIRN_MCP_TOOL_STRING(
        "since") "," FIRN_MCP_TOOL_COUNTS
                 "," FIRN_MCP_TOOL_INTEGER("files_merged") "," FIRN_MCP_TOOL_INTEGER("left_alone") "," FIRN_MCP_TOOL_BOOL("dry_run") "," FIRN_MCP_TOOL_INTEGER(
                     "incomplete") "," FIRN_MCP_TOOL_INTEGER("not_restored") "," FIRN_MCP_TOOL_STRING_OR_NULL("safety_id") "," FIRN_MCP_TOOL_CHANGES
                                                                                                                           "," FIRN_MCP_TOOL_NOTICES,
    .required = "[\"snapshot_id\",\"since\",\"dry_run\",\"files_added\",\"files_changed\","
                "\"files_removed\",\"files_merged\"]",
    .is_destructive = true,
    .run = run_revert,
};
