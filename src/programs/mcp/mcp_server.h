/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_server.h: the protocol: from a message to an answer, or to work that is done apart.
 *
 * Threads: one reads messages and calls firn_mcp_server_take; another (or, in tests, the same) calls
 * firn_mcp_server_work. Both send.
 */
#ifndef FIRN_MCP_MCP_SERVER_H
#define FIRN_MCP_MCP_SERVER_H

#include <stdbool.h>

#include "firn/firn.h"
#include "mcp/mcp_tools.h"

enum { FIRN_MCP_SERVER_BATCH_MAX = 100 };

struct firn_mcp_server;

struct firn_mcp_server_options {
    const char *store_path;
    int64_t wait_ms;
    bool has_wait;
    /* Sends a message, its line's end included; one thread at a time. */
    void (*send)(void *ctx, const char *data, size_t size);
    bool (*is_stopping)(void *ctx); /* whether work should end soon; any thread */
    int (*run)(const struct firn_mcp_tool *tool, struct firn_mcp_call *call); /* for tests; NULL */
    void *ctx;
    void (*collect)(firn_workspace *workspace); /* see mcp.h; may be NULL */
    const struct firn_mcp_hooks *hooks;         /* likewise */
};

/* The options' pointers are borrowed for the server's life. NULL if there is no memory. */
struct firn_mcp_server *firn_mcp_server_create(const struct firn_mcp_server_options *options);
/* Nobody works any more. What waits is forgotten. */
void firn_mcp_server_destroy(struct firn_mcp_server *server);

/* Takes a line; is_cut: only the beginning of one that was too long. Sends the answer to what needs
 * no work. */
void firn_mcp_server_take(struct firn_mcp_server *server, firn_slice line, bool is_cut);
/* Does the work that waits, in the order in which it came, and sends its results. Returns when
 * there is none and, with until_closed, nothing more will come. */
void firn_mcp_server_work(struct firn_mcp_server *server, bool until_closed);
/* Nothing more will be taken. */
void firn_mcp_server_close(struct firn_mcp_server *server);

#endif
