/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_json.h: JSON text, written piece by piece into memory.
 *
 * A writer that has failed for want of memory stays failed and takes no more: callers write all
 * they have and ask once. Keys are NULL inside of arrays. Nothing is checked about the order of
 * calls; the tests parse what comes out.
 */
#ifndef FIRN_MCP_MCP_JSON_H
#define FIRN_MCP_MCP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/types.h"

/* All zero is an empty one. */
struct firn_mcp_json {
    char *data; /* size bytes, without a NUL */
    size_t size;
    size_t capacity;
    bool needs_comma; /* before the next value of the innermost object or array */
    bool has_failed;  /* memory ran out; what is there is of no use */
};

void firn_mcp_json_deinit(struct firn_mcp_json *json);
/* Empties it, and forgets a failure; keeps the memory. */
void firn_mcp_json_clear(struct firn_mcp_json *json);
firn_slice firn_mcp_json_slice(const struct firn_mcp_json *json);

/* '{' or '['; ended by the same sign. */
void firn_mcp_json_begin(struct firn_mcp_json *json, const char *key, char opening);
void firn_mcp_json_end(struct firn_mcp_json *json, char opening);

void firn_mcp_json_u64(struct firn_mcp_json *json, const char *key, uint64_t value);
void firn_mcp_json_bool(struct firn_mcp_json *json, const char *key, bool value);
void firn_mcp_json_null(struct firn_mcp_json *json, const char *key);
void firn_mcp_json_string(struct firn_mcp_json *json, const char *key, const char *value);
/* A string; each byte that is not part of UTF-8 becomes U+FFFD. */
void firn_mcp_json_text(struct firn_mcp_json *json, const char *key, firn_slice value);
/* Likewise, and where there was such a byte a second member, key_hex, has all of them in
 * hexadecimal. */
void firn_mcp_json_bytes(struct firn_mcp_json *json, const char *key, firn_slice value);
/* RFC 3339 in UTC with nanoseconds. */
void firn_mcp_json_time(struct firn_mcp_json *json, const char *key, int64_t since_epoch_ns);
/* A value, or members of an object with commas between them (key NULL), that are JSON already. */
void firn_mcp_json_raw(struct firn_mcp_json *json, const char *key, firn_slice value);
/* Bytes as they are, with no comma: what is no JSON at all. */
void firn_mcp_json_put(struct firn_mcp_json *json, const void *data, size_t size);

#endif
