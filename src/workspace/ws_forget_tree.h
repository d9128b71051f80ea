/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_forget_tree.h: a tree without some of its paths.
 */
#ifndef FIRN_WORKSPACE_WS_FORGET_TREE_H
#define FIRN_WORKSPACE_WS_FORGET_TREE_H

#include "base/hash_map.h"
#include "workspace/ws_filter.h"
#include "workspace/ws_objects.h"

struct firn_ws_forget_tree_counts {
    uint64_t files;
    uint64_t directories;
    uint64_t bytes; /* of contents that no name is left for */
};

/* For many trees, one after the other: what they share is looked at once. One thread. */
struct firn_ws_forget_tree;
/* All is borrowed. The names of forgotten objects are added to the set `gone` (ws_purge.h). */
FIRN_MUST_CHECK int firn_ws_forget_tree_create(const struct firn_tree_source *source,
                                               struct firn_ws_filter *paths,
                                               struct firn_hash_map *gone,
                                               struct firn_ws_forget_tree **out, firn_error *err);
void firn_ws_forget_tree_destroy(struct firn_ws_forget_tree *forget);

/* What a tree has at the paths; all zeros: nothing. */
FIRN_MUST_CHECK int firn_ws_forget_tree_survey(struct firn_ws_forget_tree *forget,
                                               const firn_hash *root,
                                               struct firn_ws_forget_tree_counts *out,
                                               firn_error *err);
/* Adds the directories of the tree without them; *out is its root. */
FIRN_MUST_CHECK int firn_ws_forget_tree_rewrite(struct firn_ws_forget_tree *forget,
                                                const firn_hash *root,
                                                struct firn_ws_session_lane *lane, firn_hash *out,
                                                firn_error *err);

#endif
