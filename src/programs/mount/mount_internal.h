/* SPDX-License-Identifier: Apache-2.0
 *
 * mount/mount_internal.h: the files and directories of a mount, their contents, and the kernel's
 * requests for them.
 */
#ifndef FIRN_MOUNT_MOUNT_INTERNAL_H
#define FIRN_MOUNT_MOUNT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/firn.h"

enum firn_mount_place {
    FIRN_MOUNT_ROOT,
    FIRN_MOUNT_NUMBERS, /* the directories that list checkpoints; the store may get more of them */
    FIRN_MOUNT_TAGS,
    FIRN_MOUNT_TIMES,
    FIRN_MOUNT_SAFETY,
    FIRN_MOUNT_CONTENT /* of a checkpoint: it never changes */
};

/* ---- the checkpoints and tags of a workspace, by name (mount_list.c) ---- */

/* A checkpoint or a tag. */
struct firn_mount_item {
    uint64_t number; /* 0: a safety checkpoint */
    int64_t created_ns;
    firn_hash root; /* of a checkpoint */
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char tag[256]; /* empty: it is a checkpoint */
};

struct firn_mount_list {
    struct firn_mount_item *items; /* owned */
    size_t count, capacity;
};

/* Lists all checkpoints, newest first, and then the tags. After an error out is empty. */
FIRN_MUST_CHECK int firn_mount_list_read(firn_workspace *workspace, struct firn_mount_list *out,
                                         firn_error *err);
/* Leaves it empty. */
void firn_mount_list_deinit(struct firn_mount_list *list);
bool firn_mount_list_equal(const struct firn_mount_list *a, const struct firn_mount_list *b);
/* Calls add for each entry of a directory of a mount, in any order; names are unique. An entry with
 * a target is a symbolic link, one without is the directory item->root. For the root it is the link
 * to the newest checkpoint. Returns false if add has, or without memory. Requires: the place is not
 * FIRN_MOUNT_CONTENT. */
bool firn_mount_list_entries(const struct firn_mount_list *list, enum firn_mount_place place,
                             bool (*add)(void *ctx, const char *name, const char *target,
                                         const struct firn_mount_item *item),
                             void *ctx);

/* ---- the tree (mount_tree.c) ---- */

/* A file, directory or symbolic link that the kernel may ask for. Its name and attributes never
 * change, so they are read without the tree's mutex; the parent, and what follows `lookups`, only
 * with it. */
struct firn_mount_node {
    struct firn_mount_node *parent; /* NULL: the root, or no longer listed */
    char *name;
    uint64_t number; /* unique, from 1 */
    enum firn_mount_place place;
    bool may_go; /* it is in a directory that changes */
    firn_workspace_entry_type type;
    uint32_t mode; /* permission bits */
    uint32_t uid, gid;
    int64_t mtime_ns;
    uint64_t size_bytes;
    firn_hash hash; /* of a file or directory of a checkpoint */
    char *target;   /* of a symbolic link */
    char *xattrs;
    size_t xattrs_size; /* as in firn_workspace_entry */

    uint64_t lookups;                  /* how often the kernel has got it without forgetting it */
    struct firn_mount_node **children; /* by name; NULL until is_loaded */
    size_t child_count;
    size_t held_count;             /* children that the kernel knows, or that have such children */
    size_t ahead_begin, ahead_end; /* of the children: firn_mount_tree_ahead has given these last */
    size_t ahead_count;            /* how many files that may be next time */
    bool is_loaded;
    struct firn_mount_node *gone_next, *gone_previous; /* of those that are listed no more */
};

struct firn_mount_tree;

/* The workspace is borrowed; nothing else may use it until destroy. FIRN_NOT_FOUND without any
 * checkpoint. */
FIRN_MUST_CHECK int firn_mount_tree_create(firn_workspace *workspace, struct firn_mount_tree **out,
                                           firn_error *err);
/* NULL is fine. */
void firn_mount_tree_destroy(struct firn_mount_tree *tree);

/* The functions below are for any threads, and return 0 or an errno. They print the message of a
 * failure. */

/* The child of a directory, and counts one lookup of it. ENOENT. */
int firn_mount_tree_lookup(struct firn_mount_tree *tree, struct firn_mount_node *directory,
                           const char *name, struct firn_mount_node **out);
void firn_mount_tree_forget(struct firn_mount_tree *tree, struct firn_mount_node *node,
                            uint64_t lookups);
/* The children of a directory at one moment, by name. It keeps them, so positions in it stay valid
 * while the directory changes. Closed with firn_mount_tree_list_close. */
struct firn_mount_listing;
int firn_mount_tree_list(struct firn_mount_tree *tree, struct firn_mount_node *directory,
                         struct firn_mount_listing **out);
/* NULL is fine. */
void firn_mount_tree_list_close(struct firn_mount_tree *tree, struct firn_mount_listing *listing);
/* Calls visit for the children from the `first` on until it returns false. If counts, each for
 * which it returned true counts as looked up. */
void firn_mount_tree_visit(struct firn_mount_tree *tree, const struct firn_mount_listing *listing,
                           size_t first, bool counts,
                           bool (*visit)(void *ctx, struct firn_mount_node *child), void *ctx);
struct firn_mount_node *firn_mount_tree_root(struct firn_mount_tree *tree);
/* Whether the children of a directory may change. */
bool firn_mount_tree_changes(const struct firn_mount_node *directory);
/* A program that reads one file of a directory after the other, as tar, cp and grep do, waits for
 * an answer at each. So the kernel is given small files before it asks. Tells which: after a file
 * whose beginning is read, if the files before it have been read or given, those that follow, more
 * from time to time, and at most `max`. Each counts as looked up once. With a max of 0 the file is
 * only noted. */
enum { FIRN_MOUNT_AHEAD_MAX = 32, FIRN_MOUNT_AHEAD_SIZE_MAX = 128 << 10 };
size_t firn_mount_tree_ahead(struct firn_mount_tree *tree, const struct firn_mount_node *file,
                             size_t max, struct firn_mount_node *out[FIRN_MOUNT_AHEAD_MAX]);
/* Whether such a file should still be given: it is not the one that is asked for next, or was
 * before. */
bool firn_mount_tree_is_ahead(struct firn_mount_tree *tree, const struct firn_mount_node *file);
/* Reads a part of a file, or all of it. `write` gets its pieces in order, holes of a part without
 * data, and may end the reading by a code. */
int firn_mount_tree_read(struct firn_mount_tree *tree, const struct firn_mount_node *file,
                         uint64_t offset, uint64_t length, firn_write_bytes write, void *ctx);

/* ---- parts of files (mount_content.c) ---- */

/* Keeps what the kernel is going to ask for next. */
struct firn_mount_content;
/* The tree is borrowed. NULL: no memory. */
struct firn_mount_content *firn_mount_content_create(struct firn_mount_tree *tree);
/* NULL is fine. */
void firn_mount_content_destroy(struct firn_mount_content *content);
/* Reads up to `size` bytes from an offset. Any thread; returns 0 or an errno. */
int firn_mount_content_read(struct firn_mount_content *content, const struct firn_mount_node *file,
                            uint64_t offset, size_t size, uint8_t *out, size_t *out_size);

/* ---- the kernel's requests, by libfuse (mount_fuse.c) ---- */

/* Why libfuse cannot be used, with the name of its package; NULL: it can. */
const char *firn_mount_fuse_missing(void);
/* Mounts the tree at a directory and answers requests until a signal comes or somebody unmounts it.
 * Calls on_mounted when it can be used. Returns false if it could not be mounted; libfuse has said
 * why. */
bool firn_mount_fuse_run(struct firn_mount_tree *tree, struct firn_mount_content *content,
                         const char *directory, bool allows_others, void (*on_mounted)(void *ctx),
                         void *ctx);

#endif
