/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse.h: a history, or one checkpoint, on a terminal: to look at, and to restore from.
 */
#ifndef FIRN_BROWSE_BROWSE_H
#define FIRN_BROWSE_BROWSE_H

#include <stdbool.h>
#include <stddef.h>

#include "command/command.h"

struct fi_browse_request {
    firn_workspace *workspace;
    const char *reference;   /* one checkpoint, to restore from; NULL: the history */
    const firn_slice *paths; /* only these, and what is below them; none: everything */
    size_t path_count;
    /* The line of a remote whose history is meant, "origin/LINE", or "origin" if it has only one;
     * NULL: the workspace's own. */
    const char *remote;
    bool undoes; /* what is chosen in the history is undone, with all that came after it */
};

/* Shows it until the user leaves, and does what the user wants. Then the terminal is as it was, and
 * what was restored last is told. Requires: one thread, as term and show do. Returns an exit
 * code. */
int fi_browse_run(struct fi_cli *cli, const struct fi_browse_request *request);

#endif
