/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp.h: a server of the Model Context Protocol on standard input and output.
 */
#ifndef FIRN_MCP_MCP_H
#define FIRN_MCP_MCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/firn.h"

struct fi_mcp_options {
    const char *store_path; /* NULL: each workspace's own, in the usual place */
    bool names_root;        /* the user named the current directory itself (firn -C) */
    int64_t wait_ms;        /* for another writer, where has_wait is set or firn config says none */
    bool has_wait;
    bool allows_delete;         /* there is a tool that deletes checkpoints */
    bool allows_push;           /* and one that sends them to the user's remotes */
    const char *const *allowed; /* directories that are served beside the current one */
    size_t allowed_count;
    int (*stop_asked)(void);       /* not 0 once the program should end; any thread */
    void (*log)(const char *text); /* one line for people; the calling thread */
    /* Called for a workspace whose store may need a garbage collection: checks, and starts one in
     * another process if the settings allow it. One call at a time, any thread. NULL: no
     * collections. */
    void (*collect)(firn_workspace *workspace);
};

/* Serves the directories that mcp_roots.c says: FIRN_NOT_FOUND if one of `allowed` is not there.
 * Reads descriptor 0, answers on descriptor 1, and returns when the input ends (FIRN_OK), when
 * stop_asked says so (FIRN_CANCELLED), or when nothing can be read or written any more (FIRN_IO).
 * Requests that came before the input ended are done and answered first. The process must not use
 * the two descriptors meanwhile, and SIGPIPE must be ignored. */
FIRN_MUST_CHECK int fi_mcp_serve(const struct fi_mcp_options *options, firn_error *err);

#endif
