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

enum fi_mount_place {
    FI_MOUNT_ROOT,
    FI_MOUNT_NUMBERS, /* the directories that list checkpoints; the store may get more of them */
    FI_MOUNT_TAGS,
    FI_MOUNT_TIMES,
    FI_MOUNT_SAFETY,
    FI_MOUNT_REMOTES,
    FI_MOUNT_CONTENT /* of a checkpoint, or of a remote as it was at one moment: it never changes */
};

/* ---- the checkpoints and tags of a workspace, by name (mount_list.c) ---- */

/* A checkpoint or a tag. */
struct fi_mount_item {
    uint64_t number; /* 0: a safety checkpoint */
    int64_t created_ns;
    firn_hash root; /* of a checkpoint */
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char tag[256]; /* empty: it is a checkpoint */
    size_t line;   /* of the remote's line that has it, 1 is the first in the list; 0: none has */
};

/* What was pulled of a line of a remote. */
struct fi_mount_line {
    char remote[FIRN_REMOTE_NAME_SIZE_MAX + 1];
    char name[256]; /* of the line; can be the name of a file */
};

struct fi_mount_list {
    struct fi_mount_item *items; /* owned */
    size_t count, capacity;
    struct fi_mount_line *lines; /* owned; those of one remote one after the other */
    size_t line_count, line_capacity;
};

/* Lists all checkpoints, newest first, then the tags, then what was pulled, line by line. After an
 * error out is empty. */
FIRN_MUST_CHECK int fi_mount_list_read(firn_workspace *workspace, struct fi_mount_list *out,
                                       firn_error *err);
/* Leaves it empty. */
void fi_mount_list_deinit(struct fi_mount_list *list);
bool fi_mount_list_equal(const struct fi_mount_list *a, const struct fi_mount_list *b);
/* Calls add for each entry of a directory of a mount, in any order; names are unique. An entry with
 * a target is a symbolic link, one without is the directory item->root. For the root it is the link
 * to the newest checkpoint. Returns false if add has, or without memory. Requires: the place is not
 * FI_MOUNT_CONTENT. */
bool fi_mount_list_entries(const struct fi_mount_list *list, enum fi_mount_place place,
                           bool (*add)(void *ctx, const char *name, const char *target,
                                       const struct fi_mount_item *item),
                           void *ctx);

/* The same for a directory of a remote: "origin" has its lines, "origin/LINE" the checkpoints of
 * one; names may be there twice. An entry of a line stands for what it has now: item->root is a sum
 * of that. */
bool fi_mount_list_below(const struct fi_mount_list *list, const char *remote,
                         bool (*add)(void *ctx, const char *name, const char *target,
                                     const struct fi_mount_item *item),
                         void *ctx);

/* ---- the tree (mount_tree.c) ---- */

/* A file, directory or symbolic link that the kernel may ask for. Its name and attributes never
 * change, so they are read without the tree's mutex; the parent, and what follows `lookups`, only
 * with it. */
struct fi_mount_node {
    struct fi_mount_node *parent; /* NULL: the root, or no longer listed */
    char *name;
    uint64_t number; /* unique, from 1 */
    enum fi_mount_place place;
    bool may_go; /* it is in a directory that changes */
    firn_workspace_entry_type type;
    uint32_t mode; /* permission bits */
    uint32_t uid, gid;
    int64_t mtime_ns;
    uint64_t size_bytes;
    firn_hash hash; /* of a file or directory of a checkpoint */
    char *target;   /* of a symbolic link */
    char *remote;   /* of a directory of a remote: "origin", or with a line, "origin/LINE" */
    char *xattrs;
    size_t xattrs_size; /* as in firn_workspace_entry */

    uint64_t lookups;                /* how often the kernel has got it without forgetting it */
    struct fi_mount_node **children; /* by name; NULL until is_loaded */
    size_t child_count;
    size_t held_count;             /* children that the kernel knows, or that have such children */
    size_t ahead_begin, ahead_end; /* of the children: fi_mount_tree_ahead has given these last */
    size_t ahead_count;            /* how many files that may be next time */
    bool is_loaded;
    struct fi_mount_node *gone_next, *gone_previous; /* of those that are listed no more */
};

struct fi_mount_tree;

/* The workspace is borrowed; nothing else may use it until destroy. FIRN_NOT_FOUND without any
 * checkpoint. */
FIRN_MUST_CHECK int fi_mount_tree_create(firn_workspace *workspace, struct fi_mount_tree **out,
                                         firn_error *err);
/* NULL is fine. */
void fi_mount_tree_destroy(struct fi_mount_tree *tree);

/* The functions below are for any threads, and return 0 or an errno. They print the message of a
 * failure. */

/* The child of a directory, and counts one lookup of it. ENOENT. */
int fi_mount_tree_lookup(struct fi_mount_tree *tree, struct fi_mount_node *directory,
                         const char *name, struct fi_mount_node **out);
void fi_mount_tree_forget(struct fi_mount_tree *tree, struct fi_mount_node *node, uint64_t lookups);
/* The children of a directory at one moment, by name. It keeps them, so positions in it stay valid
 * while the directory changes. Closed with fi_mount_tree_list_close. */
struct fi_mount_listing;
int fi_mount_tree_list(struct fi_mount_tree *tree, struct fi_mount_node *directory,
                       struct fi_mount_listing **out);
/* NULL is fine. */
void fi_mount_tree_list_close(struct fi_mount_tree *tree, struct fi_mount_listing *listing);
/* Calls visit for the children from the `first` on until it returns false. If counts, each for
 * which it returned true counts as looked up. */
void fi_mount_tree_visit(struct fi_mount_tree *tree, const struct fi_mount_listing *listing,
                         size_t first, bool counts,
                         bool (*visit)(void *ctx, struct fi_mount_node *child), void *ctx);
struct fi_mount_node *fi_mount_tree_root(struct fi_mount_tree *tree);
/* Whether the children of a directory may change. */
bool fi_mount_tree_changes(const struct fi_mount_node *directory);
/* Tells which files the kernel is to be given before it asks, at most `max` (mount_ahead.c), now
 * that the beginning of a file is read. Each counts as looked up once. With a max of 0 the file is
 * only noted. */
enum { FI_MOUNT_AHEAD_MAX = 32, FI_MOUNT_AHEAD_SIZE_MAX = 128 << 10 };
size_t fi_mount_tree_ahead(struct fi_mount_tree *tree, const struct fi_mount_node *file, size_t max,
                           struct fi_mount_node *out[FI_MOUNT_AHEAD_MAX]);
/* Whether such a file should still be given: it is not the one that is asked for next, or was
 * before. */
bool fi_mount_tree_is_ahead(struct fi_mount_tree *tree, const struct fi_mount_node *file);
/* Reads a part of a file, or all of it. `write` gets its pieces in order, holes of a part without
 * data, and may end the reading by a code. */
int fi_mount_tree_read(struct fi_mount_tree *tree, const struct fi_mount_node *file,
                       uint64_t offset, uint64_t length, firn_write_bytes write, void *ctx);

/* ---- reading ahead (mount_ahead.c) ---- */

/* Whether it is a file that has something to be read. */
bool fi_mount_ahead_is_readable(const struct fi_mount_node *node);
/* Notes that the beginning of the child at a place is read, and tells which children that the
 * kernel knows are to be given. Requires: the tree's mutex. */
size_t fi_mount_ahead_choose(struct fi_mount_node *directory, size_t at, size_t max,
                             struct fi_mount_node *out[FI_MOUNT_AHEAD_MAX]);

/* ---- parts of files (mount_content.c) ---- */

/* Keeps what the kernel is going to ask for next. */
struct fi_mount_content;
/* The tree is borrowed. NULL: no memory. */
struct fi_mount_content *fi_mount_content_create(struct fi_mount_tree *tree);
/* NULL is fine. */
void fi_mount_content_destroy(struct fi_mount_content *content);
/* Reads up to `size` bytes from an offset. Any thread; returns 0 or an errno. */
int fi_mount_content_read(struct fi_mount_content *content, const struct fi_mount_node *file,
                          uint64_t offset, size_t size, uint8_t *out, size_t *out_size);

/* ---- the kernel's requests, by libfuse (mount_fuse.c) ---- */

/* Why libfuse cannot be used, with the name of its package; NULL: it can. */
const char *fi_mount_fuse_missing(void);
/* Mounts the tree at a directory and answers requests until a signal comes or somebody unmounts it.
 * Calls on_mounted when it can be used. Returns false if it could not be mounted; libfuse has said
 * why. */
bool fi_mount_fuse_run(struct fi_mount_tree *tree, struct fi_mount_content *content,
                       const char *directory, bool allows_others, void (*on_mounted)(void *ctx),
                       void *ctx);

#endif
