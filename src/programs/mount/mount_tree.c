/* SPDX-License-Identifier: Apache-2.0
 *
 * mount/mount_tree.c: the tree of a mount.
 *
 *   latest            a link to the newest checkpoint
 *   number/12/        what checkpoint 12 contains
 *   tag/v1.0          a link to the checkpoint with this tag; a slash in a tag is %2F
 *   time/2026-...     a link to the checkpoint that was saved then, in local time; "-2" and so on is added
 *                     to the second of those that have the same time
 *   safety/<id>/      what a safety checkpoint contains
 *
 * The directories that list checkpoints are compared with the store when they are asked for, at most once a
 * second. If anything has changed, the tree also opens a new reader, which sees the new checkpoints. A read
 * that still uses the old one keeps it open.
 *
 * Memory: a directory of a checkpoint is read when the kernel asks for one of its entries, and freed once the
 * kernel has forgotten it and everything below it. A node is held if the kernel knows it or has a held node
 * below it. Nodes of checkpoints that are listed no more stay until the kernel forgets them.
 *
 * One mutex guards the tree and the workspace. Contents of files are read without it.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "mount/mount_internal.h"

enum { REFRESH_NS = 1000000000, NAME_SIZE = 800, LISTS = 4 };

/* An open store. */
struct reader {
    firn_workspace_reader *reader;
    unsigned uses;
};

/* A checkpoint or a tag, as it was listed. */
struct listed {
    uint64_t number; /* 0: a safety checkpoint */
    int64_t created_ns;
    firn_hash root;
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char tag[256]; /* empty: it is a checkpoint */
};

struct list {
    struct listed *items;
    size_t count, capacity;
};

struct firn_mount_tree {
    pthread_mutex_t mutex;
    firn_workspace *workspace;
    struct reader *reader; /* the newest */
    struct list list;
    int64_t refreshed_ns; /* by the monotonic clock */
    bool has_warned;      /* that the list could not be read */
    uint64_t next_number;
    struct firn_mount_node *root;
    struct firn_mount_node *lists[LISTS]; /* in the order of their places */
    struct firn_mount_node *gone;         /* listed no more, but held */
    uint32_t uid, gid;
};

/* ==== nodes ==== */

static bool
is_held(const struct firn_mount_node *node)
{
    return node->lookups > 0 || node->held_count > 0;
}

static void
free_node(struct firn_mount_node *node)
{
    assert(!is_held(node) && node->children == NULL);
    free(node->name);
    free(node->target);
    free(node->xattrs);
    free(node);
}

static void
unload(struct firn_mount_node *directory)
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
free_gone(struct firn_mount_tree *tree, struct firn_mount_node *node)
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
let_go(struct firn_mount_tree *tree, struct firn_mount_node *node)
{
    while (!is_held(node)) {
        struct firn_mount_node *parent = node->parent;
        if (node->place == FIRN_MOUNT_CONTENT) {
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
hold(struct firn_mount_node *node)
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
detach(struct firn_mount_tree *tree, struct firn_mount_node *node)
{
    struct firn_mount_node *parent = node->parent;
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
static struct firn_mount_node *
make_node(struct firn_mount_tree *tree, struct firn_mount_node *parent, const char *name,
          size_t name_size)
{
    struct firn_mount_node *node = calloc(1, sizeof *node);
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
    node->place = FIRN_MOUNT_CONTENT;
    node->may_go = parent != NULL && firn_mount_tree_changes(parent);
    node->type = FIRN_ENTRY_DIRECTORY;
    node->mode = 0555;
    node->uid = tree->uid;
    node->gid = tree->gid;
    return node;
}

/* ==== directories of checkpoints ==== */

struct loading {
    struct firn_mount_tree *tree;
    struct firn_mount_node *directory;
    size_t capacity;
};

/* Makes room for one more child. */
static bool
reserve_child(struct firn_mount_node *directory, size_t *capacity)
{
    if (directory->child_count < *capacity) {
        return true;
    }
    size_t more = *capacity == 0 ? 16 : *capacity * 2;
    struct firn_mount_node **grown =
        realloc(directory->children, more * sizeof(struct firn_mount_node *));
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
    struct firn_mount_node *directory = loading->directory;
    struct firn_mount_node *node =
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

/* The errno for a failure, which is printed. What was deleted since the kernel has got the node is stale.
 * Requires: the mutex. */
static int
tell(const struct firn_mount_tree *tree, const struct firn_mount_node *node, int code,
     const firn_error *err)
{
    enum { PATH_SIZE_MAX = 4096 };
    char path[PATH_SIZE_MAX];
    size_t at = sizeof path;
    const struct firn_mount_node *above = node;
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
    firn_command_report_path("cannot read", firn_bytes(path + at + 1, sizeof path - at - 1),
                             err->text);
    return EIO;
}

static int
load(struct firn_mount_tree *tree, struct firn_mount_node *directory)
{
    firn_error err;
    struct loading loading = {.tree = tree, .directory = directory};
    assert(!directory->is_loaded && directory->children == NULL);
    int code = firn_workspace_reader_entries(tree->reader->reader, &directory->hash, add_entry,
                                             &loading, &err);
    if (code != FIRN_OK) {
        unload(directory);
        return tell(tree, directory, code, &err);
    }
    directory->is_loaded = true;
    return 0;
}

/* ==== lists of checkpoints ==== */

static struct listed *
add_listed(struct list *list)
{
    if (list->count == list->capacity) {
        size_t more = list->capacity == 0 ? 64 : list->capacity * 2;
        struct listed *grown = realloc(list->items, more * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        list->items = grown;
        list->capacity = more;
    }
    struct listed *item = &list->items[list->count++];
    memset(item, 0, sizeof *item); /* padding too: lists are compared as bytes */
    return item;
}

static int
list_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct listed *item = add_listed(ctx);
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    item->number = checkpoint->number;
    item->created_ns = checkpoint->created_ns;
    item->root = checkpoint->root;
    memcpy(item->id, checkpoint->id, sizeof item->id);
    return FIRN_OK;
}

static int
list_tag(void *ctx, const firn_workspace_tag *tag)
{
    struct listed *item = add_listed(ctx);
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    assert(tag->name.size < sizeof item->tag);
    item->number = tag->number;
    item->created_ns = tag->created_ns;
    memcpy(item->id, tag->id, sizeof item->id);
    memcpy(item->tag, tag->name.data, tag->name.size);
    return FIRN_OK;
}

static int
read_list(struct firn_mount_tree *tree, struct list *out, firn_error *err)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.include_safety = true;
    int code = firn_workspace_list(tree->workspace, &options, list_checkpoint, out, err);
    return code == FIRN_OK ? firn_workspace_tag_list(tree->workspace, list_tag, out, err) : code;
}

static bool
is_same(const struct list *a, const struct list *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof a->items[0]) == 0);
}

static int
compare_nodes(const void *a, const void *b)
{
    const struct firn_mount_node *const *first = a, *const *second = b;
    return strcmp((*first)->name, (*second)->name);
}

static struct firn_mount_node **
find_child(const struct firn_mount_node *directory, const char *name)
{
    struct firn_mount_node wanted = {.name = (char *)(uintptr_t)name};
    const struct firn_mount_node *key = &wanted;
    return directory->child_count == 0 ? NULL
                                       : bsearch(&key, directory->children, directory->child_count,
                                                 sizeof(struct firn_mount_node *), compare_nodes);
}

/* Adds a child to the new contents of a list. `from` is the list as it was; a node of it that is the same stays
 * itself. */
static bool
add_to_list(struct firn_mount_tree *tree, struct firn_mount_node *from,
            struct firn_mount_node *into, size_t *capacity, const char *name, const char *target,
            const struct listed *item)
{
    struct firn_mount_node **same = find_child(from, name);
    if (!reserve_child(into, capacity)) {
        return false;
    }
    if (same != NULL && (*same)->parent == from &&
        (target != NULL ? (*same)->target != NULL && strcmp((*same)->target, target) == 0
                        : memcmp(&(*same)->hash, &item->root, sizeof item->root) == 0)) {
        into->children[into->child_count++] = *same;
        (*same)->parent = into; /* taken along */
        return true;
    }
    struct firn_mount_node *node = make_node(tree, into, name, strlen(name));
    if (node == NULL) {
        return false;
    }
    node->mtime_ns = item->created_ns;
    node->hash = item->root;
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

/* "number/12", below `above`. */
static void
write_target(char *out, size_t size, const char *above, const struct listed *item)
{
    if (item->number > 0) {
        (void)snprintf(out, size, "%snumber/%" PRIu64, above, item->number);
    } else {
        (void)snprintf(out, size, "%ssafety/%s", above, item->id);
    }
}

/* A tag as a file name. */
static void
write_tag(char *out, size_t size, const char *tag)
{
    size_t at = 0;
    for (; *tag != '\0' && at + 4 <= size; tag++) {
        if (*tag == '/') {
            memcpy(out + at, "%2F", 3);
            at += 3;
        } else {
            out[at++] = *tag;
        }
    }
    out[at] = '\0';
}

enum { TIME_SIZE = 48 };

/* A numbered checkpoint and its local time. */
struct timed {
    char text[TIME_SIZE];
    const struct listed *item;
};

static void
write_time(char *out, size_t size, int64_t created_ns)
{
    struct tm parts;
    int64_t seconds = created_ns / 1000000000 - (created_ns % 1000000000 < 0);
    time_t when = (time_t)seconds;
    if (localtime_r(&when, &parts) == NULL ||
        strftime(out, size, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        (void)snprintf(out, size, "%" PRId64, seconds);
    }
}

static int
compare_timed(const void *a, const void *b)
{
    const struct timed *first = a, *second = b;
    int order = strcmp(first->text, second->text);
    return order != 0 ? order
                      : (first->item->number > second->item->number) -
                            (first->item->number < second->item->number);
}

/* Local times repeat: within a second, and in the hour that summer time ends with. */
static bool
fill_times(struct firn_mount_tree *tree, struct firn_mount_node *from, struct firn_mount_node *into,
           size_t *capacity)
{
    const struct list *list = &tree->list;
    char name[NAME_SIZE], target[NAME_SIZE];
    struct timed *timed = malloc((list->count + 1) * sizeof *timed);
    bool is_whole = timed != NULL;
    size_t count = 0;
    unsigned nth = 1;
    for (size_t i = 0; is_whole && i < list->count; i++) {
        const struct listed *item = &list->items[i];
        if (item->number > 0 && item->tag[0] == '\0') {
            write_time(timed[count].text, TIME_SIZE, item->created_ns);
            timed[count++].item = item;
        }
    }
    if (count > 0) {
        qsort(timed, count, sizeof *timed, compare_timed);
    }
    for (size_t i = 0; is_whole && i < count; i++) {
        nth = i > 0 && strcmp(timed[i].text, timed[i - 1].text) == 0 ? nth + 1 : 1;
        if (nth == 1) {
            (void)snprintf(name, sizeof name, "%s", timed[i].text);
        } else {
            (void)snprintf(name, sizeof name, "%s-%u", timed[i].text, nth);
        }
        write_target(target, sizeof target, "../", timed[i].item);
        is_whole = add_to_list(tree, from, into, capacity, name, target, timed[i].item);
    }
    free(timed);
    return is_whole;
}

/* What a list is to contain. Names may come in any order. */
static bool
fill_list(struct firn_mount_tree *tree, struct firn_mount_node *from, struct firn_mount_node *into,
          size_t *capacity)
{
    const struct list *list = &tree->list;
    char name[NAME_SIZE], target[NAME_SIZE];
    if (from->place == FIRN_MOUNT_TIMES) {
        return fill_times(tree, from, into, capacity);
    }
    for (size_t i = list->count; i-- > 0;) { /* the oldest first */
        const struct listed *item = &list->items[i];
        const char *to = target;
        bool is_tag = item->tag[0] != '\0';
        write_target(target, sizeof target, "../", item);
        switch (from->place) {
        case FIRN_MOUNT_NUMBERS:
            to = NULL;
            if (is_tag || item->number == 0) {
                continue;
            }
            (void)snprintf(name, sizeof name, "%" PRIu64, item->number);
            break;
        case FIRN_MOUNT_SAFETY:
            to = NULL;
            if (is_tag || item->number > 0) {
                continue;
            }
            (void)snprintf(name, sizeof name, "%s", item->id);
            break;
        default:
            assert(from->place == FIRN_MOUNT_TAGS);
            if (!is_tag) {
                continue;
            }
            write_tag(name, sizeof name, item->tag);
            break;
        }
        if (!add_to_list(tree, from, into, capacity, name, to, item)) {
            return false;
        }
    }
    return true;
}

/* Gives a directory new contents. Nodes that stay are the same objects as before. */
static void
replace_children(struct firn_mount_tree *tree, struct firn_mount_node *directory,
                 struct firn_mount_node *contents, bool is_whole)
{
    struct firn_mount_node **old = directory->children;
    size_t old_count = directory->child_count;
    if (!is_whole) { /* no memory: everything stays as it was */
        for (size_t i = 0; i < contents->child_count; i++) {
            struct firn_mount_node *node = contents->children[i];
            struct firn_mount_node **same = find_child(directory, node->name);
            if (node->place != FIRN_MOUNT_CONTENT || (same != NULL && *same == node)) {
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
            detach(tree, old[i]);
        }
    }
    free(old);
    directory->children = contents->children;
    directory->child_count = contents->child_count;
    for (size_t i = 0; i < directory->child_count; i++) {
        directory->children[i]->parent = directory;
    }
    if (directory->child_count > 0) {
        qsort(directory->children, directory->child_count, sizeof(struct firn_mount_node *),
              compare_nodes);
    }
}

/* The link to the newest checkpoint is a child of the root, after the four lists. */
static bool
fill_root(struct firn_mount_tree *tree, struct firn_mount_node *into, size_t *capacity)
{
    char target[NAME_SIZE];
    for (size_t i = 0; i < LISTS; i++) {
        if (!reserve_child(into, capacity)) {
            return false;
        }
        into->children[into->child_count++] = tree->lists[i];
        tree->lists[i]->parent = into;
    }
    for (size_t i = 0; i < tree->list.count; i++) {
        const struct listed *item = &tree->list.items[i];
        if (item->number > 0 && item->tag[0] == '\0') {
            write_target(target, sizeof target, "", item);
            return add_to_list(tree, tree->root, into, capacity, "latest", target, item);
        }
    }
    return true;
}

static bool
rebuild(struct firn_mount_tree *tree)
{
    bool is_all_whole = true;
    for (size_t i = 0; i <= LISTS; i++) {
        struct firn_mount_node *directory = i < LISTS ? tree->lists[i] : tree->root;
        struct firn_mount_node contents = {.place = directory->place};
        size_t capacity = 0;
        bool is_whole = i < LISTS ? fill_list(tree, directory, &contents, &capacity)
                                  : fill_root(tree, &contents, &capacity);
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

static int
open_reader(struct firn_mount_tree *tree, firn_error *err)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return FIRN_NO_MEMORY;
    }
    int code = firn_workspace_reader_open(tree->workspace, &reader->reader, err);
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

/* Compares the lists with the store. */
static int
refresh(struct firn_mount_tree *tree, firn_error *err)
{
    struct list list = {0};
    int code = read_list(tree, &list, err);
    if (code == FIRN_OK && (tree->reader == NULL || !is_same(&list, &tree->list))) {
        code = open_reader(tree, err);
        if (code == FIRN_OK) {
            struct list old = tree->list;
            tree->list = list;
            list = old;
            if (!rebuild(tree)) {
                free(tree->list.items); /* the next refresh does it again */
                tree->list = (struct list){0};
                code = FIRN_NO_MEMORY;
            }
        }
    }
    free(list.items);
    return code;
}

/* For a directory whose children may change. A failure leaves them as they were. */
static void
refresh_if_due(struct firn_mount_tree *tree)
{
    firn_error err;
    int64_t now = now_ns();
    if (now - tree->refreshed_ns < REFRESH_NS) {
        return;
    }
    tree->refreshed_ns = now;
    int code = refresh(tree, &err);
    if (code != FIRN_OK && !tree->has_warned) {
        firn_command_report_line("the checkpoints cannot be listed again: %s",
                                 code == FIRN_NO_MEMORY ? firn_code_text(code) : err.text);
    }
    tree->has_warned = code != FIRN_OK;
}

/* ==== the tree ==== */

int
firn_mount_tree_create(firn_workspace *workspace, struct firn_mount_tree **out, firn_error *err)
{
    static const char *const names[LISTS] = {"number", "tag", "time", "safety"};
    *out = NULL;
    struct firn_mount_tree *tree = calloc(1, sizeof *tree);
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
        tree->root->place = FIRN_MOUNT_ROOT;
        tree->root->lookups = 1; /* for ever */
        tree->root->is_loaded = true;
        tree->root->mtime_ns = (int64_t)now.tv_sec * 1000000000;
    }
    for (size_t i = 0; i < LISTS && is_whole; i++) {
        tree->lists[i] = make_node(tree, tree->root, names[i], strlen(names[i]));
        is_whole = tree->lists[i] != NULL;
        if (is_whole) {
            tree->lists[i]->place = (enum firn_mount_place)(FIRN_MOUNT_NUMBERS + i);
            tree->lists[i]->is_loaded = true;
            tree->lists[i]->mtime_ns = (int64_t)now.tv_sec * 1000000000;
            hold(tree->lists[i]); /* for ever */
        }
    }
    int code = is_whole ? refresh(tree, err) : FIRN_NO_MEMORY;
    if (code == FIRN_OK) {
        tree->refreshed_ns = now_ns();
        *out = tree;
    } else {
        firn_mount_tree_destroy(tree);
    }
    return code;
}

/* Frees a node and everything below it, whatever the kernel knows. */
static void
free_all(struct firn_mount_node *node)
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
firn_mount_tree_destroy(struct firn_mount_tree *tree)
{
    if (tree == NULL) {
        return;
    }
    if (tree->root != NULL) {
        for (size_t i = 0; i < tree->root->child_count; i++) {
            if (tree->root->children[i]->place == FIRN_MOUNT_CONTENT) { /* the link */
                free_all(tree->root->children[i]);
            }
        }
        tree->root->child_count = 0;
        free_all(tree->root);
    }
    for (struct firn_mount_node *next, *node = tree->gone; node != NULL; node = next) {
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
    free(tree->list.items);
    (void)pthread_mutex_destroy(&tree->mutex);
    free(tree);
}

struct firn_mount_node *
firn_mount_tree_root(struct firn_mount_tree *tree)
{
    return tree->root;
}

bool
firn_mount_tree_changes(const struct firn_mount_node *directory)
{
    return directory->place != FIRN_MOUNT_CONTENT;
}

/* Makes the children of a directory known. Requires: the mutex. */
static int
prepare(struct firn_mount_tree *tree, struct firn_mount_node *directory)
{
    if (directory->type != FIRN_ENTRY_DIRECTORY) {
        return ENOTDIR;
    }
    if (firn_mount_tree_changes(directory)) {
        refresh_if_due(tree);
        return 0;
    }
    return directory->is_loaded ? 0 : load(tree, directory);
}

int
firn_mount_tree_lookup(struct firn_mount_tree *tree, struct firn_mount_node *directory,
                       const char *name, struct firn_mount_node **out)
{
    *out = NULL;
    (void)pthread_mutex_lock(&tree->mutex);
    assert(directory->lookups > 0);
    int failure = prepare(tree, directory);
    if (failure == 0) {
        struct firn_mount_node **found = find_child(directory, name);
        failure = found == NULL ? ENOENT : 0;
        if (found != NULL) {
            hold(*found);
            *out = *found;
        }
    }
    (void)pthread_mutex_unlock(&tree->mutex);
    return failure;
}

void
firn_mount_tree_forget(struct firn_mount_tree *tree, struct firn_mount_node *node, uint64_t lookups)
{
    (void)pthread_mutex_lock(&tree->mutex);
    if (node != tree->root) {
        assert(node->lookups >= lookups);
        node->lookups -= lookups;
        let_go(tree, node);
    }
    (void)pthread_mutex_unlock(&tree->mutex);
}

struct firn_mount_listing {
    size_t count;
    struct firn_mount_node *children[]; /* held */
};

int
firn_mount_tree_list(struct firn_mount_tree *tree, struct firn_mount_node *directory,
                     struct firn_mount_listing **out)
{
    *out = NULL;
    (void)pthread_mutex_lock(&tree->mutex);
    assert(directory->lookups > 0);
    int failure = prepare(tree, directory);
    if (failure == 0) {
        size_t count = directory->child_count;
        struct firn_mount_listing *listing =
            malloc(sizeof *listing + count * sizeof(struct firn_mount_node *));
        if (listing == NULL) {
            failure = ENOMEM;
        } else {
            listing->count = count;
            for (size_t i = 0; i < count; i++) {
                listing->children[i] = directory->children[i];
                hold(directory->children[i]);
            }
            *out = listing;
        }
    }
    (void)pthread_mutex_unlock(&tree->mutex);
    return failure;
}

void
firn_mount_tree_list_close(struct firn_mount_tree *tree, struct firn_mount_listing *listing)
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
firn_mount_tree_visit(struct firn_mount_tree *tree, const struct firn_mount_listing *listing,
                      size_t first, bool counts,
                      bool (*visit)(void *ctx, struct firn_mount_node *child), void *ctx)
{
    (void)pthread_mutex_lock(&tree->mutex);
    for (size_t i = first; i < listing->count && visit(ctx, listing->children[i]); i++) {
        if (counts) {
            hold(listing->children[i]);
        }
    }
    (void)pthread_mutex_unlock(&tree->mutex);
}

int
firn_mount_tree_read(struct firn_mount_tree *tree, const struct firn_mount_node *file,
                     firn_write_bytes write, void *ctx)
{
    firn_error err;
    assert(file->type == FIRN_ENTRY_FILE);
    (void)pthread_mutex_lock(&tree->mutex);
    struct reader *reader = tree->reader;
    reader->uses++;
    (void)pthread_mutex_unlock(&tree->mutex);
    int code =
        firn_workspace_reader_cat(reader->reader, &file->hash, file->size_bytes, write, ctx, &err);
    (void)pthread_mutex_lock(&tree->mutex);
    int failure = code == FIRN_OK ? 0 : tell(tree, file, code, &err);
    release_reader(reader);
    (void)pthread_mutex_unlock(&tree->mutex);
    return failure;
}
