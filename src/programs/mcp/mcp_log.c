/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_log.c: checkpoint_log.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>

#include "past/past.h"
#include "term/term_try.h"

enum { LIMIT_DEFAULT = 20, LINES_BYTES_MAX = 8 << 20 };

struct log {
    struct fi_mcp_call *call;
    uint64_t left;
    /* entries of the checkpoint that is compared, but for those with another time alone */
    uint64_t differing;
    bool is_partial;
    struct fi_past_search search;
    struct {
        uint64_t added, changed, removed, lines_added, lines_removed;
    } found; /* of a search */
};

static int
on_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    (void)is_compared;
    struct log *log = ctx;
    (void)checkpoint;
    log->differing = 0;
    log->is_partial = false;
    memset(&log->found, 0, sizeof log->found);
    assert(*is_compared);
    return log->call->host->is_cancelled(log->call->host->ctx) ? FIRN_CANCELLED : FIRN_OK;
}

static int
on_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct log *log = ctx;
    const firn_workspace_change *change = &difference->change;
    bool is_found = true;
    if (log->call->host->is_cancelled(log->call->host->ctx)) {
        return FIRN_CANCELLED;
    }
    if (fi_past_search_is_on(&log->search)) {
        FI_TRY_RETURN(fi_past_search_has(&log->search, difference, &is_found));
    }
    if (!is_found) {
        return FIRN_OK;
    }
    log->found.added += change->kind == FIRN_CHANGE_ADDED;
    log->found.removed += change->kind == FIRN_CHANGE_REMOVED;
    log->found.changed += change->kind == FIRN_CHANGE_CONTENT;
    log->found.lines_added += difference->lines_added;
    log->found.lines_removed += difference->lines_removed;
    log->differing += !(change->kind == FIRN_CHANGE_METADATA && change->what == FIRN_CHANGED_MTIME);
    log->is_partial = log->is_partial || difference->lines == FIRN_LINES_TOO_LARGE;
    return FIRN_OK;
}

static int
on_compared(void *ctx, const firn_workspace_diff_result *result)
{
    struct log *log = ctx;
    const bool is_search = fi_past_search_is_on(&log->search);
    if ((log->call->path_count > 0 || is_search) && log->differing == 0) {
        return FIRN_OK;
    }
    if (log->left == 0) {
        return FIRN_CANCELLED;
    }
    log->left--;
    if (!fi_mcp_call_has_room(log->call)) {
        return FIRN_OK;
    }
    fi_term_json_object(NULL);
    fi_mcp_call_write_name(result->after);
    fi_term_json_time("created_at", result->after->created_ns);
    fi_term_json_bytes("message", result->after->message);
    fi_show_checkpoint_json_turn(&result->after->turn);
    fi_show_checkpoint_json_git("git", &result->after->git);
    fi_term_json_u64("added", is_search ? log->found.added : result->added);
    fi_term_json_u64("changed", is_search ? log->found.changed : result->changed);
    fi_term_json_u64("removed", is_search ? log->found.removed : result->removed);
    fi_term_json_u64("renamed", is_search ? 0 : result->renamed);
    if (!log->is_partial) {
        fi_term_json_u64("lines_added", is_search ? log->found.lines_added : result->lines_added);
        fi_term_json_u64("lines_removed",
                         is_search ? log->found.lines_removed : result->lines_removed);
    }
    fi_term_json_end();
    return FIRN_OK;
}

/* Reads what is to be searched for. */
static int
begin_search(struct log *log)
{
    struct fi_mcp_call *call = log->call;
    const char *expression = fi_mcp_arguments_string(call->arguments, "matches");
    char message[512];
    int code = FIRN_OK;
    log->search.workspace = call->workspace;
    log->search.text = fi_mcp_arguments_string(call->arguments, "contains");
    log->search.has_pattern = expression != NULL;
    if (log->search.text != NULL &&
        (log->search.text[0] == '\0' || strlen(log->search.text) > FI_PAST_SEARCH_TEXT_MAX)) {
        return fi_mcp_call_fail(call, FIRN_INVALID, "contains has 1 to %d bytes",
                                FI_PAST_SEARCH_TEXT_MAX);
    }
    if (expression != NULL && !fi_past_pattern_is_modest(expression)) {
        return fi_mcp_call_fail(call, FIRN_INVALID,
                                "matches has at most 256 bytes, repetitions {n} whose product is "
                                "at most 100, and no back references");
    }
    if (expression != NULL) {
        code = fi_past_pattern_compile(&log->search.pattern, expression, false, false, message,
                                       sizeof message);
    }
    return code == FIRN_OK ? FIRN_OK
                           : fi_mcp_call_fail(call, code, "%s",
                                              code == FIRN_INVALID ? message : "out of memory");
}

/* What a search has failed for, in place of that it was stopped. */
static int
end_search(struct log *log, int code)
{
    if (log->search.pattern.is_out_of_memory) {
        code = fi_mcp_call_fail(log->call, FIRN_NO_MEMORY, "out of memory");
    } else if (log->search.err.code != FIRN_OK) {
        log->call->error = log->search.err;
        code = log->search.err.code;
    }
    fi_past_search_deinit(&log->search);
    return code;
}

static int
mcp_log_run(struct fi_mcp_call *call)
{
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    struct log log = {.call = call};
    int code = fi_mcp_call_open_paths(call);
    if (code != FIRN_OK) {
        return code;
    }
    code = begin_search(&log);
    if (code != FIRN_OK) {
        return end_search(&log, code);
    }
    log.left = fi_mcp_arguments_count(call->arguments, "limit", LIMIT_DEFAULT);
    const bool wants_none = log.left == 0;
    options.paths = call->paths;
    options.path_count = call->path_count;
    options.with_lines = true;
    options.find_renames = true;
    options.lines_bytes_max = fi_past_search_is_on(&log.search) ? 0 : LINES_BYTES_MAX;
    options.on_checkpoint = on_checkpoint;
    options.on_difference = on_difference;
    options.callbacks = fi_mcp_call_callbacks(call);
    fi_term_json_array("checkpoints");
    if (!wants_none) {
        code = firn_workspace_log(call->workspace, &options, on_compared, &log, &call->error);
    }
    fi_term_json_end();
    code = end_search(&log, code);
    bool is_enough =
        code == FIRN_CANCELLED && log.left == 0 && !call->host->is_cancelled(call->host->ctx);
    fi_mcp_call_write_not_shown(call, "checkpoints_not_shown");
    return is_enough ? FIRN_OK : code;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    FI_MCP_TOOL_PATHS_PARAM,
    {"contains", FI_MCP_ARGUMENTS_STRING, false,
     "Only those that changed how often this text occurs in a file, and these files"},
    {"matches", FI_MCP_ARGUMENTS_STRING, false,
     "Only those that added or removed a line that matches this POSIX extended regular "
     "expression, and these files"},
    {"limit", FI_MCP_ARGUMENTS_COUNT, false, "The newest so many; default 20"},
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_log_tool = {
    .name = "checkpoint_log",
    .title = "List what each checkpoint changed",
    .text = "List the checkpoints, newest first, with the number of files and lines that each "
            "changed; with paths, only those that changed them, and how; with contains or matches, "
            "only those in which such a text came or went. Changes nothing.",
    .params = params,
    /* clang-format off */
    .output =
        FI_MCP_TOOL_OBJECTS("checkpoints",
            FI_MCP_TOOL_NAME ","
            FI_MCP_TOOL_STRING("created_at") ","
            FI_MCP_TOOL_STRING("message") ","
            FI_MCP_TOOL_TURN ","
            FI_MCP_TOOL_GIT("git") ","
            FI_MCP_TOOL_INTEGER("added") ","
            FI_MCP_TOOL_INTEGER("changed") ","
            FI_MCP_TOOL_INTEGER("removed") ","
            FI_MCP_TOOL_INTEGER("renamed") ","
            FI_MCP_TOOL_INTEGER("lines_added") ","
            FI_MCP_TOOL_INTEGER("lines_removed")) ","
        FI_MCP_TOOL_INTEGER("checkpoints_not_shown"),
    /* clang-format on */
    .required = "[\"checkpoints\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = mcp_log_run,
};
