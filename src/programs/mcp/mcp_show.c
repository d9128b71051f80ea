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
is_asked_for(const struct fi_mcp_call *call, firn_slice path)
{
    for (size_t i = 0; i < call->path_count; i++) {
        if (is_below(path, call->paths[i])) {
            return true;
        }
    }
    return call->path_count == 0;
}

static int
mcp_show_visit(void *ctx, const firn_workspace_entry *entry)
{
    struct fi_mcp_call *call = ctx;
    if (call->host->is_cancelled(call->host->ctx)) {
        return FIRN_CANCELLED;
    }
    if (!is_asked_for(call, entry->path) || !fi_mcp_call_has_room(call)) {
        return FIRN_OK;
    }
    fi_term_json_object(NULL);
    fi_show_checkpoint_json_entry(entry);
    if (entry->type == FIRN_ENTRY_SYMLINK) {
        fi_term_json_bytes("target", entry->link_target);
    } else if (entry->type == FIRN_ENTRY_FILE) {
        fi_term_json_u64("size", entry->size_bytes);
    }
    fi_term_json_end();
    return FIRN_OK;
}

static int
mcp_show_run(struct fi_mcp_call *call)
{
    firn_workspace_checkpoint *checkpoint;
    const char *reference = fi_mcp_arguments_string(call->arguments, "snapshot_id");
    int code = fi_mcp_call_open_paths(call);
    if (code == FIRN_OK) {
        code = firn_workspace_find(call->workspace, reference, &checkpoint, &call->error);
        call->hint = code == FIRN_NOT_FOUND ? list_hint : NULL;
    }
    if (code != FIRN_OK) {
        return code;
    }
    fi_term_json_string("snapshot_id", checkpoint->id);
    fi_mcp_call_write_checkpoint(checkpoint);
    fi_term_json_array("entries");
    code =
        firn_workspace_entries(call->workspace, checkpoint->id, mcp_show_visit, call, &call->error);
    fi_term_json_end();
    firn_release(checkpoint);
    fi_mcp_call_write_not_shown(call, "entries_not_shown");
    return code;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"snapshot_id", FI_MCP_ARGUMENTS_STRING, true, "Which checkpoint: " FI_MCP_TOOL_REFERENCE},
    FI_MCP_TOOL_PATHS_PARAM,
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_show_tool = {
    .name = "checkpoint_show",
    .title = "Show a checkpoint",
    .text = "Describe a checkpoint and list its files: at most 1,000, so name paths to "
            "look at parts of large ones. Changes nothing.",
    .params = params,
    /* clang-format off */
    .output =
        FI_MCP_TOOL_STRING("snapshot_id") ","
        FI_MCP_TOOL_CHECKPOINT ","
        FI_MCP_TOOL_OBJECTS("entries",
            FI_MCP_TOOL_STRING("path") ","
            FI_MCP_TOOL_STRING("type") ","
            FI_MCP_TOOL_STRING("mode") ","
            FI_MCP_TOOL_STRING("target") ","
            FI_MCP_TOOL_INTEGER("size")) ","
        FI_MCP_TOOL_INTEGER("entries_not_shown"),
    /* clang-format on */
    .required = "[\"snapshot_id\",\"created_at\",\"stats\",\"entries\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = mcp_show_run,
};
