/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_tools.c: the tools that the server offers, and how they are listed.
 *
 * A tool is one constant in the file that implements it. Its parameters are a table that is schema
 * and check in one; the schema of its result is JSON in the source. A call that fails also has a
 * structured result, the object "error", so that clients which validate results against the schema
 * can take it: a result has either "error" or what the tool's list of required members says.
 */
#include "mcp/mcp_tools.h"

#include <string.h>

#include "mcp/mcp_tool.h"

static const struct firn_mcp_tool *const tools[] = {
    &firn_mcp_save_tool,         &firn_mcp_list_tool,   &firn_mcp_show_tool,
    &firn_mcp_status_tool,       &firn_mcp_diff_tool,   &firn_mcp_restore_tool,
    &firn_mcp_restore_undo_tool, &firn_mcp_revert_tool, &firn_mcp_delete_tool,
};

const struct firn_mcp_tool *
firn_mcp_tools_find(const char *name)
{
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        if (strcmp(tools[i]->name, name) == 0) {
            return tools[i];
        }
    }
    return NULL;
}

static void
write_output(struct firn_mcp_json *json, const struct firn_mcp_tool *tool)
{
    static const char error[] = "\"error\":{\"type\":\"object\",\"properties\":"
                                "{" FIRN_MCP_TOOL_STRING("code") "," FIRN_MCP_TOOL_STRING(
                                    "message") "," FIRN_MCP_TOOL_STRING("hint") "},"
                                                                                "\"required\":["
                                                                                "\"code\","
                                                                                "\"message\"]}";
    firn_mcp_json_begin(json, "outputSchema", '{');
    firn_mcp_json_string(json, "type", "object");
    firn_mcp_json_begin(json, "properties", '{');
    firn_mcp_json_raw(json, NULL, firn_str(tool->output));
    firn_mcp_json_raw(json, NULL, firn_str(error));
    firn_mcp_json_end(json, '{');
    firn_mcp_json_begin(json, "anyOf", '[');
    firn_mcp_json_begin(json, NULL, '{');
    firn_mcp_json_raw(json, "required", firn_str(tool->required));
    firn_mcp_json_end(json, '{');
    firn_mcp_json_raw(json, NULL, firn_str("{\"required\":[\"error\"]}"));
    firn_mcp_json_end(json, '[');
    firn_mcp_json_end(json, '{');
}

static void
write_tool(struct firn_mcp_json *json, const struct firn_mcp_tool *tool)
{
    firn_mcp_json_begin(json, NULL, '{');
    firn_mcp_json_string(json, "name", tool->name);
    firn_mcp_json_string(json, "title", tool->title);
    firn_mcp_json_string(json, "description", tool->text);
    firn_mcp_arguments_schema(json, "inputSchema", tool->params);
    write_output(json, tool);
    firn_mcp_json_begin(json, "annotations", '{');
    firn_mcp_json_string(json, "title", tool->title);
    firn_mcp_json_bool(json, "readOnlyHint", tool->is_read_only);
    firn_mcp_json_bool(json, "destructiveHint", tool->is_destructive);
    firn_mcp_json_bool(json, "idempotentHint", tool->is_idempotent);
    firn_mcp_json_bool(json, "openWorldHint", false);
    firn_mcp_json_end(json, '{');
    firn_mcp_json_end(json, '{');
}

void
firn_mcp_tools_list(struct firn_mcp_json *json, const char *key)
{
    firn_mcp_json_begin(json, key, '[');
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        write_tool(json, tools[i]);
    }
    firn_mcp_json_end(json, '[');
}
