/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_tools.h: the tools that the server offers.
 */
#ifndef FIRN_MCP_MCP_TOOLS_H
#define FIRN_MCP_MCP_TOOLS_H

#include "mcp/mcp_arguments.h"
#include "mcp/mcp_call.h"

struct firn_mcp_tool {
    const char *name;
    const char *title;
    const char *text;
    const struct firn_mcp_arguments_param *params;
    const char *output;   /* JSON: the properties of its result */
    const char *required; /* JSON: an array of those that a result always has */
    bool is_read_only;    /* changes nothing at all */
    bool is_destructive;  /* may take away what is there */
    bool is_idempotent;   /* a second time changes nothing more */
    /* Writes call->result, or fills call->error and returns its code. */
    int (*run)(struct firn_mcp_call *call);
};

/* By name; NULL if there is none. */
const struct firn_mcp_tool *firn_mcp_tools_find(const char *name);
/* The array of all, for tools/list, as a member `key` of json. */
void firn_mcp_tools_list(struct firn_mcp_json *json, const char *key);

#endif
