/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_find.c: checkpoint_find.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "past/past.h"

enum { LIMIT_DEFAULT = 50 };

struct find {
    struct fi_mcp_call *call;
    uint64_t left;
};

static void
mcp_find_write(const struct fi_past_event *event)
{
    bool was_there = event->kind == FIRN_CHANGE_REMOVED || event->kind == FIRN_CHANGE_RENAMED;
    char last[FIRN_CHECKPOINT_ID_SIZE + 2];
    fi_term_json_object(NULL);
    fi_mcp_call_write_name(event->checkpoint);
    fi_term_json_time("created_at", event->checkpoint->created_ns);
    fi_term_json_string("change", firn_workspace_change_kind_name(event->kind));
    fi_term_json_bytes("path", event->path);
    if (event->kind == FIRN_CHANGE_RENAMED) {
        fi_term_json_bytes("old_path", event->old_path);
    }
    fi_term_json_bool("directory", event->type == FIRN_ENTRY_DIRECTORY);
    if (event->type == FIRN_ENTRY_FILE) {
        fi_term_json_u64("size", event->size_bytes);
    }
    if (was_there) {
        (void)snprintf(last, sizeof last, "%s%s",
                       event->before != NULL ? event->before->id : event->checkpoint->id,
                       event->before != NULL ? "" : "~1");
        fi_term_json_string("last_snapshot_id", last);
    }
    fi_term_json_end();
}

static int
mcp_find_event(void *ctx, const struct fi_past_event *event)
{
    struct find *find = ctx;
    assert(find->left > 0);
    if (fi_mcp_call_has_room(find->call)) {
        mcp_find_write(event);
    }
    find->left--;
    return find->left > 0 && !find->call->host->is_cancelled(find->call->host->ctx)
               ? FIRN_OK
               : FIRN_CANCELLED;
}

/* Below the root; on the heap. A name stays as it is. NULL if memory is out. */
static char *
pattern_below(const struct fi_mcp_call *call, const char *pattern)
{
    const char *base = firn_workspace_subpath(call->workspace);
    bool is_path = strchr(pattern, '/') != NULL;
    size_t size = strlen(base) + strlen(pattern) + 2;
    char *out = malloc(size);
    while (is_path && strncmp(pattern, "./", 2) == 0) {
        pattern += 2;
    }
    if (out != NULL) {
        (void)snprintf(out, size, "%s%s%s", is_path ? base : "",
                       is_path && base[0] != '\0' ? "/" : "", pattern);
    }
    return out;
}

static int
mcp_find_run(struct fi_mcp_call *call)
{
    const char *given = fi_mcp_arguments_string(call->arguments, "pattern");
    struct find find = {.call = call,
                        .left = fi_mcp_arguments_count(call->arguments, "limit", LIMIT_DEFAULT)};
    int code = fi_mcp_call_open(call);
    if (code != FIRN_OK) {
        return code;
    }
    if (given[0] == '\0' || strlen(given) > FI_PAST_GLOB_SIZE_MAX / 2) {
        return fi_mcp_call_fail(call, FIRN_INVALID, "a pattern has 1 to %d bytes",
                                FI_PAST_GLOB_SIZE_MAX / 2);
    }
    char *pattern = pattern_below(call, given);
    if (pattern == NULL || strlen(pattern) > FI_PAST_GLOB_SIZE_MAX) {
        free(pattern);
        return fi_mcp_call_fail(call, pattern == NULL ? FIRN_NO_MEMORY : FIRN_LIMIT,
                                "the pattern is too long");
    }
    const firn_slice slice = firn_str(pattern);
    const struct fi_past_events events = {
        .workspace = call->workspace,
        .patterns = &slice,
        .pattern_count = 1,
        .ignores_case = fi_mcp_arguments_bool(call->arguments, "ignore_case", false),
        .callbacks = fi_mcp_call_callbacks(call),
        .on_event = mcp_find_event,
        .ctx = &find,
    };
    fi_term_json_array("changes");
    code = find.left > 0 ? fi_past_events_walk(&events, &call->error) : FIRN_OK;
    fi_term_json_end();
    fi_mcp_call_write_not_shown(call, "changes_not_shown");
    free(pattern);
    bool is_enough =
        code == FIRN_CANCELLED && find.left == 0 && !call->host->is_cancelled(call->host->ctx);
    return is_enough ? FIRN_OK : code;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"pattern", FI_MCP_ARGUMENTS_STRING, true,
     "A name, or a pattern of names with * and ?; with a slash a path from workspace_path, ** for "
     "any directories"},
    {"ignore_case", FI_MCP_ARGUMENTS_BOOL, false, "Ignore the case of ASCII letters"},
    {"limit", FI_MCP_ARGUMENTS_COUNT, false, "The newest so many changes; default 50"},
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_find_tool = {
    .name = "checkpoint_find",
    .title = "Find files by name in all checkpoints",
    .text = "List in which checkpoints files of a name appeared, changed, were renamed or went, "
            "newest first; also files that are gone. last_snapshot_id is the checkpoint that "
            "still has what went: checkpoint_restore with it and the path brings it back. Changes "
            "nothing.",
    .params = params,
    /* clang-format off */
    .output =
        FI_MCP_TOOL_OBJECTS("changes",
            FI_MCP_TOOL_NAME ","
            FI_MCP_TOOL_STRING("created_at") ","
            FI_MCP_TOOL_CHANGE ","
            FI_MCP_TOOL_STRING("old_path") ","
            FI_MCP_TOOL_INTEGER("size") ","
            FI_MCP_TOOL_STRING("last_snapshot_id")) ","
        FI_MCP_TOOL_INTEGER("changes_not_shown"),
    /* clang-format on */
    .required = "[\"changes\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = mcp_find_run,
};
