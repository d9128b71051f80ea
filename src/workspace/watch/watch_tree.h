/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch_tree.h: the directories that a watch knows, with sums over each and all below.
 */
#ifndef FIRN_WATCH_WATCH_TREE_H
#define FIRN_WATCH_WATCH_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct firn_watch_node {
    struct firn_watch_node *parent; /* NULL: the root */
    struct firn_watch_node *first_child;
    struct firn_watch_node *next; /* child of the same parent */
    struct firn_watch_node *previous;
    struct firn_watch_node *next_of_name; /* in the tables */
    struct firn_watch_node *next_of_id;
    uint64_t name_hash;
    int id;         /* of the kernel; -1: not watched */
    uint64_t dirty; /* when it last changed; 0: since it was last visited it has not */
    uint64_t seen;  /* when it was last visited */
    uint64_t own_files;
    uint64_t own_bytes;
    /* Of it and all below: */
    uint64_t files;
    uint64_t bytes;
    uint64_t directories;
    uint64_t dirty_count;
    size_t name_size;
    char name[];
};

/* Nodes by their parent and name, and by id: chains of two tables of the same size. A zeroed
 * struct is empty. */
struct firn_watch_tree {
    struct firn_watch_node *root;
    struct firn_watch_node **by_name;
    struct firn_watch_node **by_id;
    size_t table_size; /* a power of two, or 0 */
    size_t count;
};

void firn_watch_tree_deinit(struct firn_watch_tree *tree);
/* NULL if there is none. */
struct firn_watch_node *firn_watch_tree_child(const struct firn_watch_tree *tree,
                                              const struct firn_watch_node *parent,
                                              firn_slice name);
struct firn_watch_node *firn_watch_tree_by_id(const struct firn_watch_tree *tree, int id);
/* The node of a path, "" being the root. *out_parent is that of the directory it lies in, and
 * *out_name its name there, also where there is no node yet; *out_parent is NULL for the root, and
 * where the parent is not known. */
struct firn_watch_node *firn_watch_tree_find(const struct firn_watch_tree *tree, firn_slice path,
                                             struct firn_watch_node **out_parent,
                                             firn_slice *out_name);
/* Adds a node, parent NULL: the root, that is dirty since `dirty` > 0. NULL when memory is out. */
struct firn_watch_node *firn_watch_tree_add(struct firn_watch_tree *tree,
                                            struct firn_watch_node *parent, firn_slice name,
                                            uint64_t dirty);
/* Gives a node that has none an id; that of no other node. */
void firn_watch_tree_set_id(struct firn_watch_tree *tree, struct firn_watch_node *node, int id);
/* Takes a node and all below out; on_id is called for each id that goes. */
void firn_watch_tree_remove(struct firn_watch_tree *tree, struct firn_watch_node *node,
                            void (*on_id)(void *ctx, int id), void *ctx);

void firn_watch_tree_set_dirty(struct firn_watch_node *node, uint64_t dirty);
void firn_watch_tree_set_own(struct firn_watch_node *node, uint64_t files, uint64_t bytes);
/* The node behind this one, in an order in which parents come first; all below `node` itself is
 * left out unless is_entering. NULL behind the last below `top`. */
struct firn_watch_node *firn_watch_tree_next(const struct firn_watch_node *top,
                                             struct firn_watch_node *node, bool is_entering);
/* Replaces out by the path of a node. */
FIRN_MUST_CHECK int firn_watch_tree_path(const struct firn_watch_node *node, struct firn_buf *out);

#endif
