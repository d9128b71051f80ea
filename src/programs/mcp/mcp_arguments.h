/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_arguments.h: the parameters of a tool, as a schema for clients and as a check of what they
 * send: one table says both.
 */
#ifndef FIRN_MCP_MCP_ARGUMENTS_H
#define FIRN_MCP_MCP_ARGUMENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "mcp/mcp_json.h"

enum firn_mcp_arguments_kind {
    FIRN_MCP_ARGUMENTS_STRING, /* without NUL */
    FIRN_MCP_ARGUMENTS_TEXT,   /* any characters */
    FIRN_MCP_ARGUMENTS_BOOL,
    FIRN_MCP_ARGUMENTS_COUNT,  /* a whole number from 0 on */
    FIRN_MCP_ARGUMENTS_STRINGS /* an array of at least one string without NUL */
};

/* A list of them ends with one whose name is NULL. */
struct firn_mcp_arguments_param {
    const char *name;
    enum firn_mcp_arguments_kind kind;
    bool is_required;
    const char *text; /* for whoever, or whatever, fills it in */
};

/* Writes the JSON Schema of an object with these members and no others, as a member of `json`. */
void firn_mcp_arguments_schema(struct firn_mcp_json *json, const char *key,
                               const struct firn_mcp_arguments_param *params);

/* Whether these arguments (NULL is none) are what the table says; else why not, in `why`. A null
 * counts as not given. */
bool firn_mcp_arguments_check(const struct firn_mcp_arguments_param *params,
                              const json_t *arguments, char *why, size_t why_size);

/* Of checked arguments; what was not given is NULL or the fallback. */
const char *firn_mcp_arguments_string(const json_t *arguments, const char *name);
bool firn_mcp_arguments_bool(const json_t *arguments, const char *name, bool fallback);
uint64_t firn_mcp_arguments_count(const json_t *arguments, const char *name, uint64_t fallback);

#endif
