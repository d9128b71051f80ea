/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_reply.h: what answers look like.
 */
#ifndef FIRN_MCP_MCP_REPLY_H
#define FIRN_MCP_MCP_REPLY_H

#include "firn/firn.h"
#include "mcp/mcp_json.h"

/* What a request speaks: a version that begins with initialize (2025-11-25 and before), or one whose
 * every request says all that is needed to answer it (2026-07-28). */
enum firn_mcp_era { FIRN_MCP_LEGACY, FIRN_MCP_STATELESS };

/* Begins {"jsonrpc":"2.0","id":<id>, in an empty writer; id is JSON. */
void firn_mcp_reply_begin(struct firn_mcp_json *json, const char *id);
/* Begins an answer with a result: members of it may follow, then firn_mcp_reply_end. */
void firn_mcp_reply_begin_result(struct firn_mcp_json *json, const char *id, enum firn_mcp_era era);
void firn_mcp_reply_end(struct firn_mcp_json *json);
/* "name" and "version" of this server, in an object. */
void firn_mcp_reply_server_info(struct firn_mcp_json *json, const char *key);
/* A whole answer with an error of JSON-RPC. */
void firn_mcp_reply_error(struct firn_mcp_json *json, const char *id, int code, const char *text);
/* The refusal of a version that this server does not speak, naming those that it does. */
void firn_mcp_reply_unsupported(struct firn_mcp_json *json, const char *id, const char *asked,
                                const char *const *supported, size_t count);
/* The answer to a call that has succeeded, with the members of its structured result. The same
 * object is its text, for clients that read no structured ones. */
void firn_mcp_reply_result(struct firn_mcp_json *json, const char *id, enum firn_mcp_era era,
                           firn_slice members);
/* The answer to a call that has failed. */
void firn_mcp_reply_failure(struct firn_mcp_json *json, const char *id, enum firn_mcp_era era,
                            const firn_error *error, const char *hint);

#endif
