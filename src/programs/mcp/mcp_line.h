/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_line.h: bytes as they arrive, cut into lines of a bounded length.
 */
#ifndef FIRN_MCP_MCP_LINE_H
#define FIRN_MCP_MCP_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "firn/types.h"

enum { FIRN_MCP_LINE_SIZE_MAX = 1 << 20, FIRN_MCP_LINE_READ_SIZE = 64 * 1024 };

/* All zero is an empty one. */
struct firn_mcp_line {
    char *data;
    size_t size; /* of what came of the line that is being read; its end is not there yet */
    size_t capacity;
    bool is_cut; /* more came than is kept */
};

void firn_mcp_line_deinit(struct firn_mcp_line *line);

/* Takes bytes and calls take for each line that they complete, without its end ("\n" or "\r\n").
 * Of a line beyond FIRN_MCP_LINE_SIZE_MAX, or for which there is no memory, only the beginning is
 * kept, and is_cut is true. */
void firn_mcp_line_feed(struct firn_mcp_line *line, firn_slice bytes,
                        void (*take)(void *ctx, firn_slice line, bool is_cut), void *ctx);

#endif
