/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_reply.h: what answers look like.
 */
#ifndef FIRN_MCP_MCP_REPLY_H
#define FIRN_MCP_MCP_REPLY_H

#include "firn/firn.h"
#include "mcp/mcp_json.h"

/* Begins {"jsonrpc":"2.0","id":<id>, in an empty writer; id is JSON. */
void firn_mcp_reply_begin(struct firn_mcp_json *json, const char *id);
/* A whole answer with an error of JSON-RPC. */
void firn_mcp_reply_error(struct firn_mcp_json *json, const char *id, int code, const char *text);
/* The answer to a call that has succeeded: `text` is the part of its result that is shown to whoever
 * reads no structured ones. */
void firn_mcp_reply_result(struct firn_mcp_json *json, const char *id, firn_slice members,
                           firn_slice text);
/* The answer to a call that has failed. */
void firn_mcp_reply_failure(struct firn_mcp_json *json, const char *id, const firn_error *error,
                            const char *hint);

#endif
