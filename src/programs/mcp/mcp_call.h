/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_call.h: one call of a tool: what it was given, and what comes of it.
 *
 * A call belongs to the thread that performs it, but for what the library tells meanwhile: it does
 * that from any thread, one at a time, into members that the others do not touch.
 */
#ifndef FIRN_MCP_MCP_CALL_H
#define FIRN_MCP_MCP_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "firn/firn.h"
#include "mcp/mcp.h"
#include "mcp/mcp_arguments.h"
#include "mcp/mcp_json.h"

/* Rows of changes, entries and notices in one answer; the rest is counted. */
enum { FIRN_MCP_CALL_ROWS_MAX = 1000, FIRN_MCP_CALL_RESULT_SIZE_MAX = 4 << 20 };

/* What the surroundings give: may be asked and told from any thread. */
struct firn_mcp_call_host {
    const char *store_path;
    int64_t wait_ms;
    bool has_wait;
    bool (*is_cancelled)(void *ctx);
    void (*on_progress)(void *ctx, uint64_t done, const char *text); /* a few times a second */
    void *ctx;
    void (*collect)(firn_workspace *workspace); /* see mcp.h; may be NULL */
    const struct firn_mcp_hooks *hooks;         /* likewise */
};

struct firn_mcp_call {
    const struct firn_mcp_call_host *host;
    const json_t *arguments; /* checked; may be NULL */
    firn_workspace *workspace;
    struct firn_mcp_json result; /* the members of an object, without its brackets */
    firn_error error;            /* of a call that failed */
    const char *hint;            /* what to do next; may be NULL */

    int64_t wait_ms;
    char keep[256]; /* what firn config says */
    uint64_t max_file_size;
    bool saves_gitignore;
    bool saves_deps;
    bool saves_strictly;
    firn_slice *paths; /* of the argument "paths" */
    char *path_text;   /* what they point into */
    size_t path_count;
    char conflicts[700]; /* of a revert: the first ones */
    unsigned hooks;      /* of agents, as they were when the workspace was opened */

    uint64_t rows; /* of the array that is being written, and not shown */
    uint64_t rows_not_shown;
    struct firn_mcp_json notices;
    uint64_t notice_count;
    uint64_t notices_not_shown;
    const char *phase; /* of the progress told last */
    uint64_t phase_done;
    uint64_t phases_done; /* in the phases before */
    int64_t told_ms;      /* when progress was told last */
};

void firn_mcp_call_init(struct firn_mcp_call *call, const struct firn_mcp_call_host *host,
                        const json_t *arguments);
void firn_mcp_call_deinit(struct firn_mcp_call *call);

/* Opens the workspace of the argument workspace_path and reads its settings. */
FIRN_MUST_CHECK int firn_mcp_call_open(struct firn_mcp_call *call);
/* Fills paths from the argument of that name; without it, from where workspace_path points below the
 * root. */
FIRN_MUST_CHECK int firn_mcp_call_take_paths(struct firn_mcp_call *call);
/* Calls attempt until it does not fail for another writer's lock, as long as may be waited. Fills
 * call->error. */
FIRN_MUST_CHECK int firn_mcp_call_attempt(struct firn_mcp_call *call,
                                          int (*attempt)(void *ctx, firn_error *err), void *ctx);
/* Has the host collect garbage, if it does that: behind what may have made some. */
void firn_mcp_call_collect(struct firn_mcp_call *call);
/* For the library's options. */
firn_callbacks firn_mcp_call_callbacks(struct firn_mcp_call *call);

/* Says what to do next if the restore or revert that has just failed is half done. */
void firn_mcp_call_hint_pending(struct firn_mcp_call *call);
/* Fails the call with a message of its own; returns the code. */
int firn_mcp_call_fail(struct firn_mcp_call *call, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether one more row is shown in the array that is open in call->result; counts it. */
bool firn_mcp_call_has_room(struct firn_mcp_call *call);
/* Adds notices of hooks of agents that were in the workspace when it was opened, and are gone. */
void firn_mcp_call_tell_hooks(struct firn_mcp_call *call);
/* The members <what>_not_shown, if there were such rows, and notices. */
void firn_mcp_call_write_not_shown(struct firn_mcp_call *call, const char *key);
void firn_mcp_call_write_notices(struct firn_mcp_call *call);

/* snapshot_id and number. */
void firn_mcp_call_write_name(struct firn_mcp_call *call, const firn_checkpoint *checkpoint);
/* The object stats. */
void firn_mcp_call_write_stats(struct firn_mcp_call *call, const firn_checkpoint *checkpoint);
/* One row of an array of changes; another member may follow before firn_mcp_json_end. */
void firn_mcp_call_begin_change(struct firn_mcp_call *call, const firn_change *change);
/* A visitor for the library that writes such rows. */
int firn_mcp_call_visit_change(void *ctx, const firn_change *change);

#endif
