/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_lookup.h: the entry of a path in a tree, and whether what an entry says about another
 * one is true.
 */
#ifndef FIRN_TREE_TREE_LOOKUP_H
#define FIRN_TREE_TREE_LOOKUP_H

#include "tree/tree.h"

/* One tree, one thread. Remembers where it looked last. */
struct firn_tree_lookup {
    const struct firn_tree_source *source;
    firn_hash root;
    struct firn_buf path; /* of the directory that the iterator walks */
    struct firn_tree_iterator *iterator;
    const struct firn_tree_entry *entry; /* the iterator's; NULL at its end */
};

/* source is borrowed. */
void firn_tree_lookup_init(struct firn_tree_lookup *lookup, const struct firn_tree_source *source,
                           const firn_hash *root);
/* A zeroed struct is fine. */
void firn_tree_lookup_deinit(struct firn_tree_lookup *lookup);

/* The entry of a path, borrowed until the next call; NULL if the tree does not have it. The path is
 * clean, and not empty: the root has no entry. */
FIRN_MUST_CHECK int firn_tree_lookup_find(struct firn_tree_lookup *lookup, firn_slice path,
                                          const struct firn_tree_entry **out, firn_error *err);

/* Whether the path that a hard link names is that of its group's first name: an entry of the
 * same kind with the same fields that is no further name itself. FIRN_CORRUPT, naming both
 * paths, where it is not. */
FIRN_MUST_CHECK int firn_tree_lookup_check_link(struct firn_tree_lookup *lookup, firn_slice path,
                                                const struct firn_tree_entry *link,
                                                firn_error *err);

#endif
