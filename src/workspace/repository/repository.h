/* SPDX-License-Identifier: Apache-2.0
 *
 * repository/repository.h: git repositories in a checkpoint (docs/formats/catalog.md).
 *
 * A checkpoint may name a second directory beside the tree of the user's files. It has two entries,
 * which are trees from the root of the workspace, with nothing but the way to each .git and what
 * belongs to it: "state" has everything but git's objects, and "objects" has those. They are two
 * trees because the state alone says whether anything has changed, and is read first: git writes
 * objects before it refers to them, so the objects are at least those that the state needs.
 */
#ifndef FIRN_REPOSITORY_REPOSITORY_H
#define FIRN_REPOSITORY_REPOSITORY_H

#include <stdbool.h>

#include "base/error.h"
#include "firn/types.h"
#include "tree/tree.h"

/* The mark in temporary names of restores of repositories (checkout_place.c); how these begin. */
#define FI_REPOSITORY_TAG            \
    {                                \
        'g', 'i', 't', 0, 0, 0, 0, 1 \
    }
#define FI_REPOSITORY_TEMPORARY ".firn-6769740000000001-"

enum fi_repository_part { FI_REPOSITORY_OBJECTS, FI_REPOSITORY_STATE, FI_REPOSITORY_PARTS };

/* Builds the directory of both parts, in the order of the enumeration. Calls put for its object. */
FIRN_MUST_CHECK int fi_repository_build(const firn_hash parts[FI_REPOSITORY_PARTS],
                                        int (*put)(void *ctx, const firn_hash *hash,
                                                   firn_slice object, firn_error *err),
                                        void *ctx, firn_hash *out, firn_error *err);
/* Finds the parts of such a directory. FIRN_CORRUPT if it is none. */
FIRN_MUST_CHECK int fi_repository_parts(const struct fi_tree_source *source,
                                        const firn_hash *directory,
                                        firn_hash out[FI_REPOSITORY_PARTS], firn_error *err);
/* Whether two states differ by more than times. */
FIRN_MUST_CHECK int fi_repository_differs(const struct fi_tree_source *before_source,
                                          const firn_hash *before,
                                          const struct fi_tree_source *after_source,
                                          const firn_hash *after, bool *out, firn_error *err);

/* ---- what happened to a repository, in git's words (repository_describe.c) ---- */

/* A repository at one time. All is borrowed. */
struct fi_repository_side {
    const struct fi_tree_source *source;
    const struct fi_tree_entry *entry; /* .git in the tree of states; NULL: it is missing */
    /* Reads a file in it: replaces the contents of out, or fails. */
    int (*read)(void *ctx, firn_slice path, const struct fi_tree_entry *entry, struct fi_buf *out,
                firn_error *err);
    void *ctx;
};

enum { FI_REPOSITORY_ITEMS_MAX = 12 };

/* Appends what differs between two times, without control characters: "branch main moved 2ba247b →
 * 91ac0de; branch topic deleted (was 0c3f1e2)"; at most FI_REPOSITORY_ITEMS_MAX items, and how many
 * more there are. Nothing if it is the same but for times. What cannot be read counts as changed.
 * *out_is_data: something else differs than configuration and hooks, which a restore may have left
 * out. */
FIRN_MUST_CHECK int fi_repository_describe(const struct fi_repository_side *before,
                                           const struct fi_repository_side *after,
                                           struct fi_buf *out, bool *out_is_data, firn_error *err);
/* Whether two indexes differ in nothing but what git notes when it looks at files. */
bool fi_repository_index_is_same(firn_slice a, firn_slice b);
/* Calls visit for each entry .git of a tree of states, with its path. */
FIRN_MUST_CHECK int fi_repository_list(const struct fi_tree_source *source, const firn_hash *state,
                                       int (*visit)(void *ctx, firn_slice path,
                                                    const struct fi_tree_entry *entry,
                                                    firn_error *err),
                                       void *ctx, firn_error *err);

#endif
