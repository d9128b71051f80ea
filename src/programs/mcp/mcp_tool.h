/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_tool.h: each tool, and the parts that their schemas share.
 */
#ifndef FIRN_MCP_MCP_TOOL_H
#define FIRN_MCP_MCP_TOOL_H

#include "mcp/mcp_tools.h"

extern const struct firn_mcp_tool firn_mcp_save_tool;
extern const struct firn_mcp_tool firn_mcp_list_tool;
extern const struct firn_mcp_tool firn_mcp_delete_tool;
extern const struct firn_mcp_tool firn_mcp_restore_tool;
extern const struct firn_mcp_tool firn_mcp_restore_undo_tool;
extern const struct firn_mcp_tool firn_mcp_revert_tool;
extern const struct firn_mcp_tool firn_mcp_show_tool;
extern const struct firn_mcp_tool firn_mcp_status_tool;
extern const struct firn_mcp_tool firn_mcp_diff_tool;

#define FIRN_MCP_TOOL_WORKSPACE_PARAM                                            \
    {                                                                            \
        "workspace_path", FIRN_MCP_ARGUMENTS_STRING, true,                       \
            "Path of the directory; a path inside of a workspace means that one" \
    }
#define FIRN_MCP_TOOL_END_PARAM                    \
    {                                              \
        NULL, FIRN_MCP_ARGUMENTS_BOOL, false, NULL \
    }
#define FIRN_MCP_TOOL_PATHS_PARAM                                                    \
    {                                                                                \
        "paths", FIRN_MCP_ARGUMENTS_STRINGS, false,                                  \
            "Only these files and directories, relative to workspace_path, and what" \
            " is below them"                                                         \
    }
#define FIRN_MCP_TOOL_REFERENCE                                                               \
    "a number, an id or at least four letters from its start, latest, latest~2, a tag, or a " \
    "time such as 10 minutes ago"

#define FIRN_MCP_TOOL_STRING(name) "\"" name "\":{\"type\":\"string\"}"
#define FIRN_MCP_TOOL_INTEGER(name) "\"" name "\":{\"type\":\"integer\",\"minimum\":0}"
#define FIRN_MCP_TOOL_NUMBER_OR_NULL(name) "\"" name "\":{\"type\":[\"integer\",\"null\"]}"
#define FIRN_MCP_TOOL_STRING_OR_NULL(name) "\"" name "\":{\"type\":[\"string\",\"null\"]}"
#define FIRN_MCP_TOOL_BOOL(name) "\"" name "\":{\"type\":\"boolean\"}"
#define FIRN_MCP_TOOL_OBJECTS(name, properties)                                                   \
    "\"" name "\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{" properties \
    "}}}"
#define FIRN_MCP_TOOL_OBJECT(name, properties) \
    "\"" name "\":{\"type\":\"object\",\"properties\":{" properties "}}"
#define FIRN_MCP_TOOL_NAME \
    FIRN_MCP_TOOL_STRING("snapshot_id") "," FIRN_MCP_TOOL_NUMBER_OR_NULL("number")
#define FIRN_MCP_TOOL_STATS                                                                                           \
    "\"stats\":{\"type\":\"object\",\"properties\":{" FIRN_MCP_TOOL_INTEGER("total_files") "," FIRN_MCP_TOOL_INTEGER( \
        "total_bytes") "," FIRN_MCP_TOOL_INTEGER("new_objects") "},"                                                  \
                                                                "\"required\":[\"total_files\","                      \
                                                                "\"total_bytes\",\"new_objects\"]"                    \
                                                                "}"
#define FIRN_MCP_TOOL_NOTICES                                                               \
    FIRN_MCP_TOOL_OBJECTS("notices", FIRN_MCP_TOOL_STRING("kind") "," FIRN_MCP_TOOL_STRING( \
                                         "path") "," FIRN_MCP_TOOL_STRING("text"))          \
    "," FIRN_MCP_TOOL_INTEGER("notices_not_shown")
#define FIRN_MCP_TOOL_CHANGE       \
    FIRN_MCP_TOOL_STRING("change") \
    "," FIRN_MCP_TOOL_STRING("path") "," FIRN_MCP_TOOL_BOOL("directory")
#define FIRN_MCP_TOOL_COUNTS             \
    FIRN_MCP_TOOL_INTEGER("files_added") \
    "," FIRN_MCP_TOOL_INTEGER("files_changed") "," FIRN_MCP_TOOL_INTEGER("files_removed")
#define FIRN_MCP_TOOL_CHANGES                              \
    FIRN_MCP_TOOL_OBJECTS("changes", FIRN_MCP_TOOL_CHANGE) \
    "," FIRN_MCP_TOOL_INTEGER("changes_not_shown")

#endif
