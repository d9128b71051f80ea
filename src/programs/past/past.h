/* SPDX-License-Identifier: Apache-2.0
 *
 * past/past.h: what is looked for in all checkpoints of a workspace.
 */
#ifndef FIRN_PAST_PAST_H
#define FIRN_PAST_PAST_H

#include <stdbool.h>

#include "command/command.h"
#include "firn/firn.h"

extern const struct fi_command fi_past_find;

/* ---- names ---- */

enum { FI_PAST_GLOB_SIZE_MAX = 4096, FI_PAST_GLOBS_MAX = 64 };

/* Whether a path matches: "*" and "?" stand for bytes other than '/', "**" for any, [a-z] and
 * [!a-z] for one of some, and a backslash makes the byte after it an ordinary one. Takes at most as
 * many steps as the product of both sizes. */
bool fi_past_glob_matches(firn_slice pattern, firn_slice path, bool ignores_case);

/* ---- where names appeared, changed and went ---- */

/* A change of an entry whose name was asked for. All is borrowed until the callback returns. */
struct fi_past_event {
    const firn_workspace_checkpoint *checkpoint;
    const firn_workspace_checkpoint *before; /* NULL: it is the oldest */
    firn_workspace_change_kind kind;
    firn_slice path;
    firn_slice old_path; /* of a renamed file */
    firn_workspace_entry_type type;
    uint64_t size_bytes; /* of a removed file, as it was */
    firn_hash hash;
};

struct fi_past_events {
    firn_workspace *workspace;
    /* Patterns without a slash match names, the others paths from the root. Borrowed. */
    const firn_slice *patterns;
    size_t pattern_count;
    bool ignores_case;
    bool include_safety;
    firn_callbacks callbacks;
    int (*on_event)(void *ctx, const struct fi_past_event *event);
    void *ctx;
};
/* Calls on_event for each change, newest checkpoint first; times alone are none. Another result
 * than FIRN_OK ends the walk, and is returned. Returns a code of the library. */
int fi_past_events_walk(const struct fi_past_events *events, firn_error *err);

#endif
