/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_message.h: what a line of JSON-RPC 2.0 says.
 */
#ifndef FIRN_MCP_MCP_MESSAGE_H
#define FIRN_MCP_MCP_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "firn/types.h"

/* JSON-RPC's own codes for errors, one of the Model Context Protocol, and one of this server's. */
enum firn_mcp_code {
    FIRN_MCP_PARSE_ERROR = -32700,
    FIRN_MCP_INVALID_REQUEST = -32600,
    FIRN_MCP_METHOD_NOT_FOUND = -32601,
    FIRN_MCP_INVALID_PARAMS = -32602,
    FIRN_MCP_INTERNAL_ERROR = -32603,
    FIRN_MCP_UNSUPPORTED_VERSION = -32022,
    FIRN_MCP_TOO_MANY = -31000 /* outside the range that JSON-RPC and the protocol reserve */
};

/* An id is kept, compared and sent back as the JSON text that it is; "null" where there is none. */
enum { FIRN_MCP_MESSAGE_ID_SIZE = 300 };

enum firn_mcp_message_kind {
    FIRN_MCP_MESSAGE_REQUEST,
    FIRN_MCP_MESSAGE_NOTIFICATION,
    FIRN_MCP_MESSAGE_RESPONSE,
    FIRN_MCP_MESSAGE_INVALID /* `problem` says why */
};

struct firn_mcp_message {
    enum firn_mcp_message_kind kind;
    char id[FIRN_MCP_MESSAGE_ID_SIZE];
    const char *method;   /* borrowed from the value, as is params */
    const json_t *params; /* an object, or NULL */
    int code;             /* of enum firn_mcp_code, with the problem */
    const char *problem;
};

/* Parses a line. NULL with *out_code, FIRN_MCP_PARSE_ERROR or FIRN_MCP_INTERNAL_ERROR, and a text
 * why. To be given back with json_decref. */
json_t *firn_mcp_message_parse(firn_slice line, int *out_code, char *out_text, size_t text_size);

/* What a parsed message is. */
void firn_mcp_message_read(const json_t *value, struct firn_mcp_message *out);

/* Writes a request's id, or a progress token: a string or a number. False if it is neither, or too
 * long. */
bool firn_mcp_message_id(const json_t *value, char out[FIRN_MCP_MESSAGE_ID_SIZE]);

/* Finds the id in a line that is no JSON, or only the beginning of some; "null" if there is none.
 * A client that gets its id back knows which of its requests failed, and does not wait for it. */
void firn_mcp_message_dig(firn_slice line, char out[FIRN_MCP_MESSAGE_ID_SIZE]);

#endif
