/* SPDX-License-Identifier: Apache-2.0
 *
 * gitdir/gitdir.h: brings git's directory of one repository to what a checkpoint has.
 */
#ifndef FIRN_GITDIR_GITDIR_H
#define FIRN_GITDIR_GITDIR_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "handle/ws_opened.h"
#include "tree/tree.h"

/* What to restore. All is borrowed. */
struct fi_gitdir_request {
    struct fi_ws_opened *opened;
    const char *root_path;               /* of the workspace */
    firn_slice path;                     /* of .git, in the workspace */
    const struct fi_tree_entry *state;   /* the entry there, in the two trees of the checkpoint */
    const struct fi_tree_entry *objects; /* NULL: it has none */
    bool all;    /* also what makes git run something: configuration and hooks */
    bool is_own; /* the checkpoint was made in this workspace, in a store of this user's */
    unsigned threads;
    firn_callbacks callbacks;
    /* Called if the present repository is to be replaced, when git's locks are held: FIRN_CONFLICT
     * if it is not what was saved before. */
    int (*check_saved)(void *ctx, firn_slice path, firn_error *err);
    void *ctx;
};

/* Restores it. When this returns FIRN_OK it is in place, durably; otherwise the present one is as
 * it was, possibly with a temporary directory beside it, which the next restore removes.
 * FIRN_BUSY: git's locks are there. FIRN_CONFLICT: git has changed it meanwhile. FIRN_INVALID: the
 * store is in it. FIRN_EXISTS: something else is there. Objects of the present repository stay.
 * Appends to out_left the names of what was left out or kept as it is, each with
 * a NUL ("hooks/pre-commit", "core.pager"). */
FIRN_MUST_CHECK int fi_gitdir_restore(const struct fi_gitdir_request *request,
                                      struct fi_buf *out_left, firn_error *err);

/* Removes what a restore of this repository left behind when it was killed; state and objects of
 * the request are not used. */
FIRN_MUST_CHECK int fi_gitdir_tidy(const struct fi_gitdir_request *request, firn_error *err);

#endif
