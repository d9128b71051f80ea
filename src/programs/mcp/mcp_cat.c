/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_cat.c: checkpoint_cat.
 */
#include "mcp/mcp_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* As much as an agent can use; a result has at most 4 MiB. */
enum { CONTENT_SIZE_MAX = 512 << 10 };

struct content {
    const struct fi_mcp_call *call;
    uint8_t *data;
    size_t size;
    bool is_out_of_memory;
    bool is_too_large;
};

static int
keep_piece(void *ctx, firn_slice data, firn_error *err)
{
    (void)err;
    struct content *content = ctx;
    assert(content->size <= CONTENT_SIZE_MAX);
    content->is_too_large = data.size > CONTENT_SIZE_MAX - content->size;
    if (content->is_too_large) {
        return FIRN_LIMIT;
    }
    uint8_t *grown = realloc(content->data, content->size + data.size + 1);
    content->is_out_of_memory = grown == NULL;
    if (grown == NULL) {
        return FIRN_NO_MEMORY;
    }
    content->data = grown;
    memcpy(content->data + content->size, data.data, data.size);
    content->size += data.size;
    return content->call->host->is_cancelled(content->call->host->ctx) ? FIRN_CANCELLED : FIRN_OK;
}

static int
mcp_cat_run(struct fi_mcp_call *call)
{
    struct content content = {.call = call};
    firn_workspace_checkpoint *checkpoint = NULL;
    FI_TRY_RETURN(fi_mcp_call_open_paths(call));
    if (call->path_count != 1) {
        return fi_mcp_call_fail(call, FIRN_INVALID, "path must name a file");
    }
    const char *reference = fi_mcp_arguments_string(call->arguments, "snapshot_id");
    reference = reference != NULL ? reference : "latest";
    int code = firn_workspace_find(call->workspace, reference, &checkpoint, &call->error);
    if (code != FIRN_OK) {
        call->hint = "checkpoint_list shows the checkpoints";
        return code;
    }
    /* By its id: another checkpoint may become the latest meanwhile. */
    code = firn_workspace_cat(call->workspace, checkpoint->id, call->paths[0], keep_piece, &content,
                              NULL, &call->error);
    if (content.is_too_large) {
        code =
            fi_mcp_call_fail(call, FIRN_LIMIT, "the file has more than %d bytes", CONTENT_SIZE_MAX);
        call->hint = "checkpoint_restore brings it back to the disk";
    } else if (content.is_out_of_memory) {
        code = fi_mcp_call_fail(call, FIRN_NO_MEMORY, "out of memory");
    } else if (code == FIRN_NOT_FOUND || code == FIRN_INVALID) {
        call->hint = "checkpoint_show lists the files of a checkpoint";
    } else if (code == FIRN_OK) {
        fi_mcp_call_write_name(checkpoint);
        fi_term_json_bytes("path", call->paths[0]);
        fi_term_json_bytes("content", firn_bytes(content.data, content.size));
    }
    free(content.data);
    firn_release(checkpoint);
    return code;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"snapshot_id", FI_MCP_ARGUMENTS_STRING, false,
     "The checkpoint, latest if there is none: " FI_MCP_TOOL_REFERENCE},
    {"path", FI_MCP_ARGUMENTS_STRING, true, "The file, relative to workspace_path"},
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_cat_tool = {
    .name = "checkpoint_cat",
    .title = "Read a file as it is in a checkpoint",
    .text = "Give the content of one file of a checkpoint, up to 512 KiB; content_hex if it is no "
            "UTF-8. Changes nothing.",
    .params = params,
    .output = FI_MCP_TOOL_NAME "," FI_MCP_TOOL_STRING("path") "," FI_MCP_TOOL_STRING("content"),
    .required = "[\"snapshot_id\",\"path\",\"content\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = mcp_cat_run,
};
