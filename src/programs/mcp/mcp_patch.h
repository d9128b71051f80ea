/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_patch.h: what differs between two texts, as the hunks of a unified patch.
 */
#ifndef FIRN_MCP_MCP_PATCH_H
#define FIRN_MCP_MCP_PATCH_H

#include "firn/firn.h"
#include "mcp/mcp_json.h"

/* Appends the hunks of a difference whose lines were counted to `out`, as bytes, with three lines
 * around each; nothing if there are none. Stops, and returns false, once `out` has more than
 * size_max bytes. */
bool firn_mcp_patch_write(struct firn_mcp_json *out, const firn_difference *difference,
                          size_t size_max);

#endif
