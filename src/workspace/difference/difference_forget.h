/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_forget.h: a tree without some of its paths.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_FORGET_H
#define FIRN_DIFFERENCE_DIFFERENCE_FORGET_H

#include "base/hash_map.h"
#include "objects/objects.h"
#include "tree/tree.h"

struct firn_difference_forget_counts {
    uint64_t files;
    uint64_t directories;
    uint64_t bytes; /* of contents that no name is left for */
};

/* For many trees, one after the other: what they share is looked at once. One thread. */
struct firn_difference_forget;
/* All is borrowed. The names of forgotten objects are added to the set `gone` (catalog_purge.h). */
FIRN_MUST_CHECK int firn_difference_forget_create(const struct firn_tree_source *source,
                                                  struct firn_tree_filter *paths,
                                                  struct firn_hash_map *gone,
                                                  struct firn_difference_forget **out,
                                                  firn_error *err);
void firn_difference_forget_destroy(struct firn_difference_forget *forget);

/* What a tree has at the paths; all zeros: nothing. */
FIRN_MUST_CHECK int firn_difference_forget_survey(struct firn_difference_forget *forget,
                                                  const firn_hash *root,
                                                  struct firn_difference_forget_counts *out,
                                                  firn_error *err);
/* Adds the directories of the tree without them; *out is its root. */
FIRN_MUST_CHECK int firn_difference_forget_rewrite(struct firn_difference_forget *forget,
                                                   const firn_hash *root,
                                                   struct firn_objects_session_lane *lane,
                                                   firn_hash *out, firn_error *err);

#endif
