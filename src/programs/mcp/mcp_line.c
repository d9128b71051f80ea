/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_line.c: bytes as they arrive, cut into lines of a bounded length.
 *
 * A client that sends a line without end costs FIRN_MCP_LINE_SIZE_MAX bytes and no more: what is
 * beyond is passed over until the line ends. Its beginning is kept, because the id of the request
 * usually stands there and the refusal should carry it. A large line's memory is given back with the
 * line.
 */
#include "mcp/mcp_line.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT_SIZE = FIRN_MCP_LINE_READ_SIZE };

void
firn_mcp_line_deinit(struct firn_mcp_line *line)
{
    free(line->data);
    memset(line, 0, sizeof(*line));
}

static bool
make_room(struct firn_mcp_line *line, size_t size)
{
    size_t capacity = line->capacity < 1024 ? 1024 : line->capacity;
    while (capacity < line->size + size) {
        capacity *= 2;
    }
    if (capacity == line->capacity) {
        return true;
    }
    char *grown = realloc(line->data, capacity);
    if (grown == NULL) {
        return false;
    }
    line->data = grown;
    line->capacity = capacity;
    return true;
}

static void
append(struct firn_mcp_line *line, const uint8_t *data, size_t size)
{
    size_t room = FIRN_MCP_LINE_SIZE_MAX - line->size;
    if (line->is_cut || size > room) {
        line->is_cut = true;
        size = 0;
    }
    if (size > 0 && !make_room(line, size)) {
        line->is_cut = true;
        return;
    }
    if (size > 0) {
        memcpy(line->data + line->size, data, size);
        line->size += size;
    }
}

static void
finish(struct firn_mcp_line *line, void (*take)(void *ctx, firn_slice line, bool is_cut), void *ctx)
{
    if (line->size > 0 && !line->is_cut && line->data[line->size - 1] == '\r') {
        line->size--;
    }
    take(ctx, firn_bytes(line->data, line->size), line->is_cut);
    line->size = 0;
    line->is_cut = false;
    if (line->capacity > KEPT_SIZE) {
        firn_mcp_line_deinit(line);
    }
}

void
firn_mcp_line_feed(struct firn_mcp_line *line, firn_slice bytes,
                   void (*take)(void *ctx, firn_slice line, bool is_cut), void *ctx)
{
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    while (left > 0) {
        const uint8_t *end = memchr(at, '\n', left);
        size_t size = end != NULL ? (size_t)(end - at) : left;
        append(line, at, size);
        if (end == NULL) {
            return;
        }
        finish(line, take, ctx);
        at = end + 1;
        left -= size + 1;
    }
}
