/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_show.c: checkpoint_show.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <string.h>

static const char list_hint[] = "checkpoint_list shows the checkpoints";

static bool
is_below(firn_slice path, firn_slice top)
{
    assert(path.data != NULL || path.size == 0);
    return top.size == 0 || (path.size >= top.size && memcmp(path.data, top.data, top.size) == 0 &&
                             (path.size == top.size || path.data[top.size] == '/'));
}

static bool
is_asked_for(const struct firn_mcp_call *call, firn_slice path)
{
    for (size_t i = 0; i < call->path_count; i++) {
        if (is_below(path, call->paths[i])) {
            return true;
        }
    }
    return call->path_count == 0;
}

static int
visit(void *ctx, const firn_workspace_entry *entry)
{
    struct firn_mcp_call *call = ctx;
    if (call->host->is_cancelled(call->host->ctx)) {
        return FIRN_CANCELLED;
    }
    if (!is_asked_for(call, entry->path) || !firn_mcp_call_has_room(call)) {
        return FIRN_OK;
    }
    firn_term_json_object(NULL);
    firn_show_checkpoint_json_entry(entry);
    if (entry->type == FIRN_ENTRY_SYMLINK) {
        firn_term_json_bytes("target", entry->link_target);
    } else if (entry->type == FIRN_ENTRY_FILE) {
        firn_term_json_u64("size", entry->size_bytes);
    }
    firn_term_json_end();
    return FIRN_OK;
}

static int
run(struct firn_mcp_call *call)
{
    firn_workspace_checkpoint *checkpoint;
    const char *reference = firn_mcp_arguments_string(call->arguments, "snapshot_id");
    int code = firn_mcp_call_open_paths(call);
    if (code == FIRN_OK) {
        code = firn_workspace_find(call->workspace, reference, &checkpoint, &call->error);
        call->hint = code == FIRN_NOT_FOUND ? list_hint : NULL;
    }
    if (code != FIRN_OK) {
        return code;
    }
    firn_mcp_call_write_name(checkpoint);
    firn_term_json_time("created_at", checkpoint->created_ns);
    firn_term_json_bytes("message", checkpoint->message);
    firn_mcp_call_write_stats(checkpoint);
    firn_term_json_u64("directories", checkpoint->directories);
    firn_term_json_u64("excluded", checkpoint->excluded);
    firn_term_json_u64("skipped", checkpoint->skipped);
    firn_term_json_array("entries");
    code = firn_workspace_entries(call->workspace, checkpoint->id, visit, call, &call->error);
    firn_term_json_end();
    firn_release(checkpoint);
    firn_mcp_call_write_not_shown(call, "entries_not_shown");
    return code;
}

static const struct firn_mcp_arguments_param params[] = {
    FIRN_MCP_TOOL_WORKSPACE_PARAM,
    {"snapshot_id", FIRN_MCP_ARGUMENTS_STRING, true, "Which checkpoint: " FIRN_MCP_TOOL_REFERENCE},
    FIRN_MCP_TOOL_PATHS_PARAM,
    FIRN_MCP_TOOL_END_PARAM,
};

const struct firn_mcp_tool firn_mcp_show_tool = {
    .name = "checkpoint_show",
    .title = "Show a checkpoint",
    .text = "Describe a checkpoint and list its files: at most 1,000, so name paths to "
            "look at parts of large ones. Changes nothing.",
    .params = params,
    .output = FIRN_MCP_TOOL_NAME "," FIRN_MCP_TOOL_STRING("created_at") "," FIRN_MCP_TOOL_STRING(
        "message") "," FIRN_MCP_TOOL_STATS
                   "," FIRN_MCP_TOOL_INTEGER("directories") "," FIRN_MCP_TOOL_INTEGER("excluded") "," FIRN_MCP_TOOL_INTEGER("skipped") "," FIRN_MCP_TOOL_OBJECTS(
                       "entries",
                       FIRN_MCP_TOOL_STRING("path") "," FIRN_MCP_TOOL_STRING("type") "," FIRN_MCP_TOOL_STRING("mode") "," FIRN_MCP_TOOL_STRING(
                           "target") "," FIRN_MCP_TOOL_INTEGER("size")) "," FIRN_MCP_TOOL_INTEGER("entries_not_shown"),
    .required = "[\"snapshot_id\",\"created_at\",\"stats\",\"entries\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = run,
};
