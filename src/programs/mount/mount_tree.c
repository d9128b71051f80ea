/* SPDX-License-Identifier: Apache-2.0
 *
 * mount/mount_tree.c: the tree of a mount: what mount_list.c lists, and below it the contents of
 * checkpoints.
 *
 * The directories that list checkpoints are compared with the store when they are asked for, at
 * most once a second. If anything has changed, the tree also opens a new reader, which sees the new
 * checkpoints. A read that still uses the old one keeps it open.
 *
 * Memory: a directory of a checkpoint is read when the kernel asks for one of its entries, and
 * freed once the kernel has forgotten it and everything below it. A node is held if the kernel
 * knows it or has a held node below it. Nodes of checkpoints that are listed no more stay until the
 * kernel forgets them.
 *
 * One mutex guards the tree and the workspace. Contents of files are read without it.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "mount/mount_internal.h"

enum { REFRESH_NS = 1000000000, LISTS = 5, ATTEMPTS = 20 };

/* An open store. */
struct reader {
    firn_workspace_reader *reader;
    unsigned uses;
};

struct fi_mount_tree {
    pthread_mutex_t mutex;
    firn_workspace *workspace;
    struct reader *reader; /* the newest */
    struct fi_mount_list list;
    int64_t refreshed_ns; /* by the monotonic clock */
    bool has_warned;      /* that the list could not be read */
    uint64_t next_number;
    struct fi_mount_node *root;
    struct fi_mount_node *lists[LISTS]; /* in the order of their places */
    struct fi_mount_node *gone;         /* listed no more, but held */
    uint32_t uid, gid;
};

/* ==== nodes ==== */

static bool
is_held(const struct fi_mount_node *node)
{
    return node->lookups > 0 || node->held_count > 0;
}

static void
free_node(struct fi_mount_node *node)
{
    assert(!is_held(node) && node->children == NULL);
    free(node->name);
    free(node->target);
    free(node->xattrs);
    free(node->remote);
    free(node);
}

static void
unload(struct fi_mount_node *directory)
{
    assert(directory->held_count == 0);
    for (size_t i = 0; i < directory->child_count; i++) {
        free_node(directory->children[i]);
    }
    free(directory->children);
    directory->children = NULL;
    directory->child_count = 0;
    directory->is_loaded = false;
}

static void
free_gone(struct fi_mount_tree *tree, struct fi_mount_node *node)
{
    *(node->gone_previous != NULL ? &node->gone_previous->gone_next : &tree->gone) =
        node->gone_next;
    if (node->gone_next != NULL) {
        node->gone_next->gone_previous = node->gone_previous;
    }
    free_node(node);
}

/* Takes back what hold did, for a node that is held no more, and frees what nobody needs. */
static void
let_go(struct fi_mount_tree *tree, struct fi_mount_node *node)
{
    while (!is_held(node)) {
        struct fi_mount_node *parent = node->parent;
        if (node->place == FI_MOUNT_CONTENT) {
            unload(node);
        }
        if (parent == NULL) {
            free_gone(tree, node); /* the root and the lists are always held */
            return;
        }
        assert(parent->held_count > 0);
        parent->held_count--;
        node = parent;
    }
}

static void
mount_tree_hold(struct fi_mount_node *node)
{
    bool was_held = is_held(node);
    node->lookups++;
    while (!was_held && node->parent != NULL) {
        was_held = is_held(node->parent);
        node = node->parent;
        node->held_count++;
    }
}

/* Takes a node out of its directory's list. */
static void
mount_tree_detach(struct fi_mount_tree *tree, struct fi_mount_node *node)
{
    struct fi_mount_node *parent = node->parent;
    node->parent = NULL;
    if (is_held(node)) {
        assert(parent->held_count > 0);
        parent->held_count--;
        node->gone_next = tree->gone;
        if (tree->gone != NULL) {
            tree->gone->gone_previous = node;
        }
        tree->gone = node;
    } else {
        unload(node);
        free_node(node);
    }
}

/* A child of a directory, with the attributes of what firn itself lists. */
static struct fi_mount_node *
make_node(struct fi_mount_tree *tree, struct fi_mount_node *parent, const char *name,
          size_t name_size)
{
    struct fi_mount_node *node = calloc(1, sizeof *node);
    char *copy = malloc(name_size + 1);
    if (node == NULL || copy == NULL) {
        free(node);
        free(copy);
        return NULL;
    }
    memcpy(copy, name, name_size);
    copy[name_size] = '\0';
    node->name = copy;
    node->parent = parent;
    node->number = tree->next_number++;
    node->place = FI_MOUNT_CONTENT;
    node->may_go = parent != NULL && fi_mount_tree_changes(parent);
    node->type = FIRN_ENTRY_DIRECTORY;
    node->mode = 0555;
    node->uid = tree->uid;
    node->gid = tree->gid;
    return node;
}

/* ==== directories of checkpoints ==== */

struct loading {
    struct fi_mount_tree *tree;
    struct fi_mount_node *directory;
    size_t capacity;
};

/* Makes room for one more child. */
static bool
reserve_child(struct fi_mount_node *directory, size_t *capacity)
{
    if (directory->child_count < *capacity) {
        return true;
    }
    size_t more = *capacity == 0 ? 16 : *capacity * 2;
    struct fi_mount_node **grown =
        realloc(directory->children, more * sizeof(struct fi_mount_node *));
    if (grown == NULL) {
        return false;
    }
    directory->children = grown;
    *capacity = more;
    return true;
}

/* Returns a copy with a NUL after it, or NULL: no memory. */
static char *
copy_bytes(firn_slice bytes)
{
    char *copy = malloc(bytes.size + 1);
    if (copy != NULL) {
        if (bytes.size > 0) {
            memcpy(copy, bytes.data, bytes.size);
        }
        copy[bytes.size] = '\0';
    }
    return copy;
}

static int
add_entry(void *ctx, const firn_workspace_entry *entry)
{
    struct loading *loading = ctx;
    struct fi_mount_node *directory = loading->directory;
    struct fi_mount_node *node =
        make_node(loading->tree, directory, (const char *)entry->path.data, entry->path.size);
    if (node == NULL) {
        return FIRN_NO_MEMORY;
    }
    node->type = entry->type;
    node->mode = entry->mode;
    node->uid = entry->uid;
    node->gid = entry->gid;
    node->mtime_ns = entry->mtime_ns;
    node->size_bytes =
        entry->type == FIRN_ENTRY_SYMLINK ? entry->link_target.size : entry->size_bytes;
    node->hash = entry->hash;
    node->target = entry->link_target.size == 0 ? NULL : copy_bytes(entry->link_target);
    node->xattrs = entry->xattrs.size == 0 ? NULL : copy_bytes(entry->xattrs);
    bool is_whole = (entry->link_target.size == 0 || node->target != NULL) &&
                    (entry->xattrs.size == 0 || node->xattrs != NULL) &&
                    reserve_child(directory, &loading->capacity);
    if (!is_whole) {
        free_node(node);
        return FIRN_NO_MEMORY;
    }
    node->xattrs_size = entry->xattrs.size;
    directory->children[directory->child_count++] = node;
    return FIRN_OK;
}

/* The errno for a failure, which is printed. What was deleted since the kernel has got the node is
 * stale. Requires: the mutex. */
static int
mount_tree_report(const struct fi_mount_tree *tree, const struct fi_mount_node *node, int code,
                  const firn_error *err)
{
    enum { PATH_SIZE_MAX = 4096 };
    char path[PATH_SIZE_MAX];
    size_t at = sizeof path;
    const struct fi_mount_node *above = node;
    if (code == FIRN_NO_MEMORY) {
        return ENOMEM;
    }
    if (code == FIRN_CANCELLED) {
        return EIO; /* the caller knows why */
    }
    for (; above->parent != NULL; above = above->parent) {
        size_t size = strlen(above->name);
        if (size < at) { /* of a very long path the end is shown */
            at -= size;
            memcpy(path + at, above->name, size);
            path[--at] = '/';
        }
    }
    if (above != tree->root) {
        return ESTALE;
    }
    fi_command_report_path("cannot read", firn_bytes(path + at + 1, sizeof path - at - 1),
                           err->text);
    return EIO;
}

static int
compare_nodes(const void *a, const void *b)
{
    const struct fi_mount_node *const *first = a, *const *second = b;
    return strcmp((*first)->name, (*second)->name);
}

/* A line of a remote, or a checkpoint of a line. */
static bool
add_below(void *ctx, const char *name, const char *target, const struct fi_mount_item *item)
{
    struct loading *loading = ctx;
    struct fi_mount_node *directory = loading->directory;
    struct fi_mount_node *node = make_node(loading->tree, directory, name, strlen(name));
    (void)target;
    if (node == NULL) {
        return false;
    }
    node->mtime_ns = item->created_ns;
    node->hash = item->root;
    bool is_whole = reserve_child(directory, &loading->capacity);
    if (is_whole && item->line == 0) {
        const size_t size = strlen(directory->remote) + strlen(name) + 2;
        node->remote = malloc(size);
        is_whole = node->remote != NULL;
        if (is_whole) {
            (void)snprintf(node->remote, size, "%s/%s", directory->remote, name);
        }
    }
    if (!is_whole) {
        free_node(node);
        return false;
    }
    directory->children[directory->child_count++] = node;
    return true;
}

/* Of several entries of one name, which only a remote that lies has, one stays. */
static void
drop_doubles(struct fi_mount_node *directory)
{
    size_t left = 0;
    for (size_t i = 0; i < directory->child_count; i++) {
        struct fi_mount_node *child = directory->children[i];
        if (left > 0 && strcmp(directory->children[left - 1]->name, child->name) == 0) {
            free_node(child);
        } else {
            directory->children[left++] = child;
        }
    }
    directory->child_count = left;
}

static int
load_remote(struct fi_mount_tree *tree, struct fi_mount_node *directory)
{
    struct loading loading = {.tree = tree, .directory = directory};
    if (!fi_mount_list_below(&tree->list, directory->remote, add_below, &loading)) {
        unload(directory);
        return ENOMEM;
    }
    if (directory->child_count > 0) {
        qsort(directory->children, directory->child_count, sizeof(struct fi_mount_node *),
              compare_nodes);
        drop_doubles(directory);
    }
    directory->is_loaded = true;
    return 0;
}

static int
mount_tree_load(struct fi_mount_tree *tree, struct fi_mount_node *directory)
{
    firn_error err;
    struct loading loading = {.tree = tree, .directory = directory};
    assert(!directory->is_loaded && directory->children == NULL);
    if (directory->remote != NULL) {
        return load_remote(tree, directory);
    }
    int code = firn_workspace_reader_entries(tree->reader->reader, &directory->hash, add_entry,
                                             &loading, &err);
    if (code != FIRN_OK) {
        unload(directory);
        return mount_tree_report(tree, directory, code, &err);
    }
    directory->is_loaded = true;
    return 0;
}

/* ==== lists of checkpoints ==== */

static struct fi_mount_node **
find_child(const struct fi_mount_node *directory, const char *name)
{
    struct fi_mount_node wanted = {.name = (char *)(uintptr_t)name};
    const struct fi_mount_node *key = &wanted;
    return directory->child_count == 0 ? NULL
                                       : bsearch(&key, directory->children, directory->child_count,
                                                 sizeof(struct fi_mount_node *), compare_nodes);
}

/* The new contents of a directory that lists checkpoints. */
struct refill {
    struct fi_mount_tree *tree;
    /* the directory as it was; a node of it that is the same stays itself */
    const struct fi_mount_node *from;
    struct fi_mount_node *into;
    size_t capacity;
};

static bool
add_to_list(void *ctx, const char *name, const char *target, const struct fi_mount_item *item)
{
    struct refill *refill = ctx;
    struct fi_mount_node *into = refill->into;
    struct fi_mount_node **same = find_child(refill->from, name);
    if (!reserve_child(into, &refill->capacity)) {
        return false;
    }
    if (same != NULL && (*same)->parent == refill->from &&
        (target != NULL ? (*same)->target != NULL && strcmp((*same)->target, target) == 0
                        : memcmp(&(*same)->hash, &item->root, sizeof item->root) == 0)) {
        into->children[into->child_count++] = *same;
        (*same)->parent = into; /* taken along */
        return true;
    }
    struct fi_mount_node *node = make_node(refill->tree, into, name, strlen(name));
    if (node == NULL) {
        return false;
    }
    node->mtime_ns = item->created_ns;
    node->hash = item->root;
    if (into->place == FI_MOUNT_REMOTES) {
        node->remote = copy_bytes(firn_str(name));
        if (node->remote == NULL) {
            free_node(node);
            return false;
        }
    }
    if (target != NULL) {
        node->type = FIRN_ENTRY_SYMLINK;
        node->mode = 0777;
        node->size_bytes = strlen(target);
        node->target = copy_bytes(firn_str(target));
        if (node->target == NULL) {
            free_node(node);
            return false;
        }
    }
    into->children[into->child_count++] = node;
    return true;
}

/* The root always has the same lists. */
static bool
add_lists(struct refill *refill)
{
    for (size_t i = 0; i < LISTS; i++) {
        if (!reserve_child(refill->into, &refill->capacity)) {
            return false;
        }
        refill->into->children[refill->into->child_count++] = refill->tree->lists[i];
        refill->tree->lists[i]->parent = refill->into;
    }
    return true;
}

/* Gives a directory new contents. Nodes that stay are the same objects as before. */
static void
replace_children(struct fi_mount_tree *tree, struct fi_mount_node *directory,
                 struct fi_mount_node *contents, bool is_whole)
{
    struct fi_mount_node **old = directory->children;
    size_t old_count = directory->child_count;
    if (!is_whole) { /* no memory: everything stays as it was */
        for (size_t i = 0; i < contents->child_count; i++) {
            struct fi_mount_node *node = contents->children[i];
            struct fi_mount_node **same = find_child(directory, node->name);
            if (node->place != FI_MOUNT_CONTENT || (same != NULL && *same == node)) {
                node->parent = directory;
            } else {
                free_node(node);
            }
        }
        free(contents->children);
        return;
    }
    for (size_t i = 0; i < old_count; i++) {
        if (old[i]->parent == directory) { /* not taken along */
            mount_tree_detach(tree, old[i]);
        }
    }
    free(old);
    directory->children = contents->children;
    directory->child_count = contents->child_count;
    for (size_t i = 0; i < directory->child_count; i++) {
        directory->children[i]->parent = directory;
    }
    if (directory->child_count > 0) {
        qsort(directory->children, directory->child_count, sizeof(struct fi_mount_node *),
              compare_nodes);
    }
}

static bool
mount_tree_rebuild(struct fi_mount_tree *tree)
{
    bool is_all_whole = true;
    for (size_t i = 0; i <= LISTS; i++) {
        struct fi_mount_node *directory = i < LISTS ? tree->lists[i] : tree->root;
        struct fi_mount_node contents = {.place = directory->place};
        struct refill refill = {.tree = tree, .from = directory, .into = &contents};
        bool is_whole = (directory != tree->root || add_lists(&refill)) &&
                        fi_mount_list_entries(&tree->list, directory->place, add_to_list, &refill);
        replace_children(tree, directory, &contents, is_whole);
        is_all_whole = is_all_whole && is_whole;
    }
    return is_all_whole;
}

static void
release_reader(struct reader *reader)
{
    assert(reader->uses > 0);
    if (--reader->uses == 0) {
        firn_workspace_reader_close(reader->reader);
        free(reader);
    }
}

/* Opens a reader that has everything in a list. The list is read again after the opening: only if
 * it is still the same, nothing was deleted meanwhile. FIRN_BUSY: it changed each time. */
static int
open_reader(const struct fi_mount_tree *tree, struct fi_mount_list *list,
            firn_workspace_reader **out, firn_error *err)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct fi_mount_list after;
        int code = firn_workspace_reader_open(tree->workspace, out, err);
        if (code != FIRN_OK) {
            return code;
        }
        code = fi_mount_list_read(tree->workspace, &after, err);
        bool is_same = code == FIRN_OK && fi_mount_list_equal(list, &after);
        if (code == FIRN_OK) {
            fi_mount_list_deinit(list);
            *list = after;
        }
        if (is_same) {
            return FIRN_OK;
        }
        firn_workspace_reader_close(*out);
        *out = NULL;
        if (code != FIRN_OK) {
            return code;
        }
    }
    (void)snprintf(err->text, sizeof err->text, "checkpoints come and go too fast; try again");
    return FIRN_BUSY;
}

/* Gives the tree a new list and a reader for it. */
static int
replace_reader(struct fi_mount_tree *tree, struct fi_mount_list *list, firn_error *err)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return FIRN_NO_MEMORY;
    }
    int code = open_reader(tree, list, &reader->reader, err);
    if (code != FIRN_OK) {
        free(reader);
        return code;
    }
    struct reader *old = tree->reader;
    reader->uses = 1;
    tree->reader = reader;
    if (old != NULL) {
        release_reader(old);
    }
    return FIRN_OK;
}

static int64_t
now_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Compares the list with the store. */
static int
mount_tree_refresh(struct fi_mount_tree *tree, firn_error *err)
{
    struct fi_mount_list list;
    int code = fi_mount_list_read(tree->workspace, &list, err);
    if (code == FIRN_OK && (tree->reader == NULL || !fi_mount_list_equal(&list, &tree->list))) {
        code = replace_reader(tree, &list, err);
        if (code == FIRN_OK) {
            struct fi_mount_list old = tree->list;
            tree->list = list;
            list = old;
            if (!mount_tree_rebuild(tree)) {
                fi_mount_list_deinit(&tree->list); /* the next refresh does it again */
                code = FIRN_NO_MEMORY;
            }
        }
    }
    fi_mount_list_deinit(&list);
    return code;
}

/* For a directory whose children may change. A failure leaves them as they were. */
static void
refresh_if_due(struct fi_mount_tree *tree)
{
    firn_error err;
    int64_t now = now_ns();
    if (now - tree->refreshed_ns < REFRESH_NS) {
        return;
    }
    tree->refreshed_ns = now;
    int code = mount_tree_refresh(tree, &err);
    if (code != FIRN_OK && !tree->has_warned) {
        fi_command_report_line("the checkpoints cannot be listed again: %s",
                               code == FIRN_NO_MEMORY ? firn_code_text(code) : err.text);
    }
    tree->has_warned = code != FIRN_OK;
}

/* ==== the tree ==== */

int
fi_mount_tree_create(firn_workspace *workspace, struct fi_mount_tree **out, firn_error *err)
{
    static const char *const names[LISTS] = {"number", "tag", "time", "safety", "remote"};
    *out = NULL;
    struct fi_mount_tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL) {
        return FIRN_NO_MEMORY;
    }
    (void)pthread_mutex_init(&tree->mutex, NULL);
    tree->workspace = workspace;
    tree->next_number = 1;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    tree->uid = getuid();
    tree->gid = getgid();
    tree->root = make_node(tree, NULL, "", 0);
    bool is_whole = tree->root != NULL;
    if (is_whole) {
        tree->root->place = FI_MOUNT_ROOT;
        tree->root->lookups = 1; /* for ever */
        tree->root->is_loaded = true;
        tree->root->mtime_ns = (int64_t)now.tv_sec * 1000000000;
    }
    for (size_t i = 0; i < LISTS && is_whole; i++) {
        tree->lists[i] = make_node(tree, tree->root, names[i], strlen(names[i]));
        is_whole = tree->lists[i] != NULL;
        if (is_whole) {
            tree->lists[i]->place = (enum fi_mount_place)(FI_MOUNT_NUMBERS + i);
            tree->lists[i]->is_loaded = true;
            tree->lists[i]->mtime_ns = (int64_t)now.tv_sec * 1000000000;
            mount_tree_hold(tree->lists[i]); /* for ever */
        }
    }
    int code = is_whole ? mount_tree_refresh(tree, err) : FIRN_NO_MEMORY;
    if (code == FIRN_OK) {
        tree->refreshed_ns = now_ns();
        *out = tree;
    } else {
        fi_mount_tree_destroy(tree);
    }
    return code;
}

/* Frees a node and everything below it, whatever the kernel knows. */
static void
free_all(struct fi_mount_node *node)
{
    for (size_t i = 0; i < node->child_count; i++) {
        free_all(node->children[i]);
    }
    free(node->children);
    node->children = NULL;
    node->lookups = 0;
    node->held_count = 0;
    free_node(node);
}

void
fi_mount_tree_destroy(struct fi_mount_tree *tree)
{
    if (tree == NULL) {
        return;
    }
    if (tree->root != NULL) {
        for (size_t i = 0; i < tree->root->child_count; i++) {
            if (tree->root->children[i]->place == FI_MOUNT_CONTENT) { /* the link */
                free_all(tree->root->children[i]);
            }
        }
        tree->root->child_count = 0;
        free_all(tree->root);
    }
    for (struct fi_mount_node *next, *node = tree->gone; node != NULL; node = next) {
        next = node->gone_next;
        free_all(node);
    }
    for (size_t i = 0; i < LISTS; i++) { /* the root may not have had them yet */
        if (tree->lists[i] != NULL) {
            free_all(tree->lists[i]);
        }
    }
    if (tree->reader != NULL) {
        release_reader(tree->reader);
    }
    fi_mount_list_deinit(&tree->list);
    (void)pthread_mutex_destroy(&tree->mutex);
    free(tree);
}

struct fi_mount_node *
fi_mount_tree_root(struct fi_mount_tree *tree)
{
    return tree->root;
}

bool
fi_mount_tree_changes(const struct fi_mount_node *directory)
{
    return directory->place != FI_MOUNT_CONTENT;
}

/* Makes the children of a directory known. Requires: the mutex. */
static int
mount_tree_prepare(struct fi_mount_tree *tree, struct fi_mount_node *directory)
{
    if (directory->type != FIRN_ENTRY_DIRECTORY) {
        return ENOTDIR;
    }
    if (fi_mount_tree_changes(directory)) {
        refresh_if_due(tree);
        return 0;
    }
    return directory->is_loaded ? 0 : mount_tree_load(tree, directory);
}

int
fi_mount_tree_lookup(struct fi_mount_tree *tree, struct fi_mount_node *directory, const char *name,
                     struct fi_mount_node **out)
{
    *out = NULL;
    (void)pthread_mutex_lock(&tree->mutex);
    assert(directory->lookups > 0);
    int failure = mount_tree_prepare(tree, directory);
    if (failure == 0) {
        struct fi_mount_node **found = find_child(directory, name);
        failure = found == NULL ? ENOENT : 0;
        if (found != NULL) {
            mount_tree_hold(*found);
            *out = *found;
        }
    }
    (void)pthread_mutex_unlock(&tree->mutex);
    return failure;
}

void
fi_mount_tree_forget(struct fi_mount_tree *tree, struct fi_mount_node *node, uint64_t lookups)
{
    (void)pthread_mutex_lock(&tree->mutex);
    if (node != tree->root) {
        assert(node->lookups >= lookups);
        node->lookups -= lookups;
        let_go(tree, node);
    }
    (void)pthread_mutex_unlock(&tree->mutex);
}

struct fi_mount_listing {
    size_t count;
    struct fi_mount_node *children[]; /* held */
};

int
fi_mount_tree_list(struct fi_mount_tree *tree, struct fi_mount_node *directory,
                   struct fi_mount_listing **out)
{
    *out = NULL;
    (void)pthread_mutex_lock(&tree->mutex);
    assert(directory->lookups > 0);
    int failure = mount_tree_prepare(tree, directory);
    if (failure == 0) {
        size_t count = directory->child_count;
        struct fi_mount_listing *listing =
            malloc(sizeof *listing + count * sizeof(struct fi_mount_node *));
        if (listing == NULL) {
            failure = ENOMEM;
        } else {
            listing->count = count;
            for (size_t i = 0; i < count; i++) {
                listing->children[i] = directory->children[i];
                mount_tree_hold(directory->children[i]);
            }
            *out = listing;
        }
    }
    (void)pthread_mutex_unlock(&tree->mutex);
    return failure;
}

void
fi_mount_tree_list_close(struct fi_mount_tree *tree, struct fi_mount_listing *listing)
{
    if (listing == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&tree->mutex);
    for (size_t i = 0; i < listing->count; i++) {
        assert(listing->children[i]->lookups > 0);
        listing->children[i]->lookups--;
        let_go(tree, listing->children[i]);
    }
    (void)pthread_mutex_unlock(&tree->mutex);
    free(listing);
}

void
fi_mount_tree_visit(struct fi_mount_tree *tree, const struct fi_mount_listing *listing,
                    size_t first, bool counts,
                    bool (*visit)(void *ctx, struct fi_mount_node *child), void *ctx)
{
    (void)pthread_mutex_lock(&tree->mutex);
    for (size_t i = first; i < listing->count && visit(ctx, listing->children[i]); i++) {
        if (counts) {
            mount_tree_hold(listing->children[i]);
        }
    }
    (void)pthread_mutex_unlock(&tree->mutex);
}

size_t
fi_mount_tree_ahead(struct fi_mount_tree *tree, const struct fi_mount_node *file, size_t max,
                    struct fi_mount_node *out[FI_MOUNT_AHEAD_MAX])
{
    size_t count = 0;
    assert(max <= FI_MOUNT_AHEAD_MAX && fi_mount_ahead_is_readable(file));
    (void)pthread_mutex_lock(&tree->mutex);
    struct fi_mount_node *directory = file->parent;
    if (directory != NULL && directory->place == FI_MOUNT_CONTENT) {
        struct fi_mount_node **found = find_child(directory, file->name);
        assert(found != NULL && *found == file);
        count = fi_mount_ahead_choose(directory, (size_t)(found - directory->children), max, out);
        for (size_t i = 0; i < count; i++) {
            mount_tree_hold(out[i]);
        }
    }
    (void)pthread_mutex_unlock(&tree->mutex);
    return count;
}

bool
fi_mount_tree_is_ahead(struct fi_mount_tree *tree, const struct fi_mount_node *file)
{
    (void)pthread_mutex_lock(&tree->mutex);
    const struct fi_mount_node *directory = file->parent;
    bool is_ahead = false;
    if (directory != NULL) {
        struct fi_mount_node **found = find_child(directory, file->name);
        const size_t at = (size_t)(found - directory->children);
        is_ahead = at > directory->ahead_begin && at < directory->ahead_end;
    }
    (void)pthread_mutex_unlock(&tree->mutex);
    return is_ahead;
}

int
fi_mount_tree_read(struct fi_mount_tree *tree, const struct fi_mount_node *file, uint64_t offset,
                   uint64_t length, firn_write_bytes write, void *ctx)
{
    firn_error err;
    assert(file->type == FIRN_ENTRY_FILE);
    (void)pthread_mutex_lock(&tree->mutex);
    struct reader *reader = tree->reader;
    reader->uses++;
    (void)pthread_mutex_unlock(&tree->mutex);
    const bool is_whole = offset == 0 && length >= file->size_bytes;
    int code = is_whole ? firn_workspace_reader_cat(reader->reader, &file->hash, file->size_bytes,
                                                    write, ctx, &err)
                        : firn_workspace_reader_part(reader->reader, &file->hash, file->size_bytes,
                                                     offset, length, write, ctx, &err);
    (void)pthread_mutex_lock(&tree->mutex);
    int failure = code == FIRN_OK ? 0 : mount_tree_report(tree, file, code, &err);
    release_reader(reader);
    (void)pthread_mutex_unlock(&tree->mutex);
    return failure;
}
