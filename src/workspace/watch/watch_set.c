/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch_set.c: which directories are as a save last saw them.
 *
 * A save asks, visits, and reports. It need not visit a directory that is clean together with all
 * directories below it. The answer names the topmost of these; every other directory is visited
 * (I1), so it is always safe to forget a directory.
 *
 *   clean   the directory was watched before a save looked at it and listed it, that save reported
 *           it, and no event of it has come since the save asked (I2)
 *
 * A clock counts questions. An event marks its directory with the clock. A report makes those
 * directories clean that were marked no later than its question, and none that were marked after
 * it. So an event that comes in between is never lost: at worst a directory is visited once more
 * for a change that the save has already seen.
 *
 * If the save runs in this process, a directory is watched when it is listed (enter), so it is
 * clean after the first save. A save of another process reports directories that are not watched
 * yet. They are watched then, and stay dirty until the next save has visited them (I2). Parents are
 * added before the directories in them, so if a directory is replaced meanwhile, its parent has an
 * event.
 *
 * A new directory may be watched earlier (watch_new.c). It is dirty from then on, so no save that
 * asked before can make it clean.
 *
 * Only the rules of the saves decide which directories belong to the tree: a save never visits an
 * excluded directory, and so does not watch it. A dirty directory that the next save does not visit
 * is not part of the tree, and is forgotten (I3); so is an excluded one that was watched early.
 *
 * A clean directory is as in the tree that the last report named. If a save has another tree, or
 * other options, the answer is that nothing is clean (I4). The answer is the same if the clock of
 * file times has been set back since that report's question, because times decide which names of
 * files are new (I5; not checked: the program does not control clocks).
 *
 * A directory cannot become clean if
 * - something in it may change without an event, as a file with several names may. The save reports
 *   such a directory as not steady. It does so too if it must report something about the directory
 *   at each visit, such as excluded entries or rules;
 * - a directory above it is not watched, because that could be moved away and replaced by another.
 *
 * Names. An event about a name forgets the directory of that name and all below it, which came,
 * went or was replaced. An event about a rule file makes everything below its directory dirty.
 *
 * One inode has one id. If adding a directory gives the id of another one, a rename has not been
 * reported yet, or a directory is mounted at two places: the whole set is given up (is_broken). A
 * new directory that is added early is an exception, since the event of its rename will follow.
 *
 * The set is also broken if memory runs out while something is added; events need no memory.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/xxh3.h"
#include "threads/os_thread.h"
#include "watch/watch_internal.h"

struct fi_watch_node {
    struct fi_watch_node *parent; /* NULL: the root */
    struct fi_watch_node *first_child;
    struct fi_watch_node *next; /* child of the same parent */
    struct fi_watch_node *previous;
    struct fi_watch_node *next_of_name; /* in the tables */
    struct fi_watch_node *next_of_id;
    uint64_t name_hash;
    int id;         /* of the kernel; -1: not watched */
    uint64_t dirty; /* when it last changed; 0: not since the last visit */
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
struct fi_watch_tree {
    struct fi_watch_node *root;
    struct fi_watch_node **by_name;
    struct fi_watch_node **by_id;
    size_t table_size; /* a power of two, or 0 */
    size_t count;
};

enum { CLOCKS_APART_NS = 10000000 }; /* two clocks read one after the other may differ by this */

struct fi_watch_set {
    struct fi_os *os;
    struct fi_watch_kernel kernel;
    struct fi_watch_tree tree;
    uint64_t clock;
    uint64_t asked; /* the token of the open question; 0: none */
    int64_t asked_lead_ns;
    bool has_base;
    struct fi_watch_base base;
    int64_t begun_ns; /* the scan that gave it */
    int64_t lead_ns;  /* lead_of, when that scan's save asked */
    bool has_lost_root;
    bool is_broken;
    uint64_t unwatched;
    int unwatched_code;
    firn_error unwatched_error;
    struct fi_buf path;
    struct fi_buf children;   /* of pointers to nodes */
    struct fi_os_mutex mutex; /* rank WORKSPACE_TREE: for enter, which comes from many threads */
};

int
fi_watch_set_create(struct fi_os *os, const struct fi_watch_kernel *kernel,
                    struct fi_watch_set **out, firn_error *err)
{
    struct fi_watch_set *set = fi_alloc_zeroed(sizeof *set);
    *out = set;
    if (set == NULL) {
        return fi_error_no_memory(err, "watching directories");
    }
    set->os = os;
    set->kernel = *kernel;
    /* So that no token of an earlier set fits a question of this one. */
    set->clock = (uint64_t)fi_os_monotonic_ns(os) + 1;
    fi_os_mutex_init(os, &set->mutex, FI_LOCK_WORKSPACE_TREE);
    return FIRN_OK;
}

/* The tree of watched directories.
 *
 * A node keeps sums over itself and all nodes below: of files, bytes, directories, and dirty
 * directories. A change of a node changes the sums of all nodes above it, so the sums below a clean
 * directory are known without looking there (I6). This costs a step for each level and event.
 *
 * Two tables of chains lead to nodes: by parent and name, and by the kernel's id. They grow
 * together. Memory: about 170 bytes a directory and its name.
 *
 * Nothing recurses: a tree may be as deep as paths are long. */

enum { TABLE_SIZE_MIN = 64 };

/* ---- tables ---- */

static uint64_t
hash_of(const struct fi_watch_node *parent, firn_slice name)
{
    return fi_xxh3(name.data, name.size, (uint64_t)(uintptr_t)parent);
}

static size_t
id_slot(const struct fi_watch_tree *tree, int id)
{
    return (size_t)((uint32_t)id * UINT32_C(0x9e3779b1)) & (tree->table_size - 1);
}

static void
enter_id(struct fi_watch_tree *tree, struct fi_watch_node *node)
{
    struct fi_watch_node **chain = &tree->by_id[id_slot(tree, node->id)];
    node->next_of_id = *chain;
    *chain = node;
}

static void
enter_name(struct fi_watch_tree *tree, struct fi_watch_node *node)
{
    struct fi_watch_node **chain = &tree->by_name[(size_t)node->name_hash & (tree->table_size - 1)];
    node->next_of_name = *chain;
    *chain = node;
}

static struct fi_watch_node *tree_next(const struct fi_watch_node *top, struct fi_watch_node *node,
                                       bool is_entering);

static int
watch_set_grow(struct fi_watch_tree *tree)
{
    if (tree->count < tree->table_size) {
        return FIRN_OK;
    }
    size_t size = tree->table_size == 0 ? TABLE_SIZE_MIN : 2 * tree->table_size;
    struct fi_watch_node **by_name = fi_alloc_zeroed(size * sizeof(void *));
    struct fi_watch_node **by_id = fi_alloc_zeroed(size * sizeof(void *));
    if (by_name == NULL || by_id == NULL) {
        fi_free(by_name);
        fi_free(by_id);
        return FIRN_NO_MEMORY;
    }
    fi_free(tree->by_name);
    fi_free(tree->by_id);
    tree->by_name = by_name;
    tree->by_id = by_id;
    tree->table_size = size;
    for (struct fi_watch_node *node = tree->root; node != NULL;
         node = tree_next(tree->root, node, true)) {
        enter_name(tree, node);
        if (node->id >= 0) {
            enter_id(tree, node);
        }
    }
    return FIRN_OK;
}

static void
leave_tables(struct fi_watch_tree *tree, struct fi_watch_node *node)
{
    struct fi_watch_node **at = &tree->by_name[(size_t)node->name_hash & (tree->table_size - 1)];
    while (*at != node) {
        at = &(*at)->next_of_name;
    }
    *at = node->next_of_name;
    if (node->id < 0) {
        return;
    }
    at = &tree->by_id[id_slot(tree, node->id)];
    while (*at != node) {
        at = &(*at)->next_of_id;
    }
    *at = node->next_of_id;
}

/* NULL if there is none. */
static struct fi_watch_node *
tree_child(const struct fi_watch_tree *tree, const struct fi_watch_node *parent, firn_slice name)
{
    if (tree->table_size == 0) {
        return NULL;
    }
    uint64_t hash = hash_of(parent, name);
    struct fi_watch_node *node = tree->by_name[(size_t)hash & (tree->table_size - 1)];
    while (node != NULL &&
           !(node->parent == parent && node->name_hash == hash && node->name_size == name.size &&
             (name.size == 0 || memcmp(node->name, name.data, name.size) == 0))) {
        node = node->next_of_name;
    }
    return node;
}

static struct fi_watch_node *
tree_by_id(const struct fi_watch_tree *tree, int id)
{
    if (tree->table_size == 0 || id < 0) {
        return NULL;
    }
    struct fi_watch_node *node = tree->by_id[id_slot(tree, id)];
    while (node != NULL && node->id != id) {
        node = node->next_of_id;
    }
    return node;
}

/* The node of a path ("": the root), or NULL. *out_parent is the node of its parent, and *out_name
 * its name there, even if it has no node yet; *out_parent is NULL for the root, and if the parent
 * has no node. */
static struct fi_watch_node *
tree_find(const struct fi_watch_tree *tree, firn_slice path, struct fi_watch_node **out_parent,
          firn_slice *out_name)
{
    struct fi_watch_node *node = tree->root;
    *out_parent = NULL;
    *out_name = path;
    while (node != NULL && path.size > 0) {
        const uint8_t *slash = memchr(path.data, '/', path.size);
        size_t size = slash == NULL ? path.size : (size_t)(slash - path.data);
        *out_name = firn_bytes(path.data, size);
        *out_parent = node;
        node = tree_child(tree, node, *out_name);
        size += slash == NULL ? 0 : 1;
        path = firn_bytes(path.data + size, path.size - size);
    }
    if (path.size > 0) {
        *out_parent = NULL;
    }
    return node;
}

/* ---- sums ---- */

struct sums {
    uint64_t files;
    uint64_t bytes;
    uint64_t directories;
    uint64_t dirty_count;
};

/* Adds to the sums of a node and all above it; to subtract, add the negative, modulo 2^64. */
static void
add_sums(struct fi_watch_node *node, struct sums sums)
{
    for (; node != NULL; node = node->parent) {
        node->files += sums.files;
        node->bytes += sums.bytes;
        node->directories += sums.directories;
        node->dirty_count += sums.dirty_count;
        DCHECK(node->dirty_count <= node->directories); /* (I6) */
    }
}

static void
tree_set_dirty(struct fi_watch_node *node, uint64_t dirty)
{
    bool was_dirty = node->dirty != 0;
    node->dirty = dirty;
    if (was_dirty != (dirty != 0)) {
        add_sums(node, (struct sums){.dirty_count = dirty != 0 ? 1 : UINT64_MAX});
    }
}

static void
tree_set_own(struct fi_watch_node *node, uint64_t files, uint64_t bytes)
{
    struct sums sums = {.files = files - node->own_files, .bytes = bytes - node->own_bytes};
    node->own_files = files;
    node->own_bytes = bytes;
    if (sums.files != 0 || sums.bytes != 0) {
        add_sums(node, sums);
    }
}

/* ---- nodes ---- */

/* Adds a node (parent NULL: the root) that is dirty since `dirty` > 0. NULL if there is no
 * memory. */
static struct fi_watch_node *
tree_add(struct fi_watch_tree *tree, struct fi_watch_node *parent, firn_slice name, uint64_t dirty)
{
    CHECK(dirty > 0 && (parent != NULL) == (tree->root != NULL));
    DCHECK(tree_child(tree, parent, name) == NULL);
    if (watch_set_grow(tree) != FIRN_OK) {
        return NULL;
    }
    struct fi_watch_node *node = fi_alloc_zeroed(sizeof *node + name.size);
    if (node == NULL) {
        return NULL;
    }
    node->parent = parent;
    node->id = -1;
    node->dirty = dirty;
    node->name_size = name.size;
    if (name.size > 0) {
        memcpy(node->name, name.data, name.size);
    }
    node->name_hash = hash_of(parent, name);
    if (parent == NULL) {
        tree->root = node;
    } else {
        node->next = parent->first_child;
        if (node->next != NULL) {
            node->next->previous = node;
        }
        parent->first_child = node;
    }
    enter_name(tree, node);
    add_sums(node, (struct sums){.directories = 1, .dirty_count = 1});
    tree->count++;
    return node;
}

/* Sets the id of a node. Requires: the node has no id, and no other node has this one. */
static void
tree_set_id(struct fi_watch_tree *tree, struct fi_watch_node *node, int id)
{
    CHECK(node->id < 0 && id >= 0);
    DCHECK(tree_by_id(tree, id) == NULL);
    node->id = id;
    enter_id(tree, node);
}

/* The node after this one, in an order in which parents come first; nodes below `node` itself are
 * skipped unless is_entering. NULL after the last one below `top`. */
static struct fi_watch_node *
tree_next(const struct fi_watch_node *top, struct fi_watch_node *node, bool is_entering)
{
    if (is_entering && node->first_child != NULL) {
        return node->first_child;
    }
    while (node != top && node->next == NULL) {
        node = node->parent;
    }
    return node == top ? NULL : node->next;
}

/* Removes one node that has no children. */
static void
remove_leaf(struct fi_watch_tree *tree, struct fi_watch_node *node)
{
    CHECK(node->first_child == NULL);
    leave_tables(tree, node);
    if (node->previous != NULL) {
        node->previous->next = node->next;
    } else if (node->parent != NULL) {
        node->parent->first_child = node->next;
    }
    if (node->next != NULL) {
        node->next->previous = node->previous;
    }
    if (node->parent == NULL) {
        tree->root = NULL;
    }
    DCHECK(tree->count > 0);
    tree->count--;
    fi_free(node);
}

/* Removes a node and all below it; calls on_id for each removed id. */
static void
tree_remove(struct fi_watch_tree *tree, struct fi_watch_node *node,
            void (*on_id)(void *ctx, int id), void *ctx)
{
    struct fi_watch_node *above = node->parent;
    add_sums(above, (struct sums){.files = 0 - node->files,
                                  .bytes = 0 - node->bytes,
                                  .directories = 0 - node->directories,
                                  .dirty_count = 0 - node->dirty_count});
    for (struct fi_watch_node *at = node; at != above;) {
        if (at->first_child != NULL) {
            at = at->first_child;
            continue;
        }
        struct fi_watch_node *parent = at->parent;
        bool is_last = at == node;
        if (at->id >= 0 && on_id != NULL) {
            on_id(ctx, at->id);
        }
        remove_leaf(tree, at);
        at = is_last ? above : parent;
    }
}

static void
tree_deinit(struct fi_watch_tree *tree)
{
    if (tree->root != NULL) {
        tree_remove(tree, tree->root, NULL, NULL);
    }
    DCHECK(tree->count == 0 && tree->root == NULL);
    fi_free(tree->by_name);
    fi_free(tree->by_id);
    *tree = (struct fi_watch_tree){0};
}

/* Sets *out to the path of a node. */
static int
tree_path(const struct fi_watch_node *node, struct fi_buf *out)
{
    size_t size = 0;
    for (const struct fi_watch_node *at = node; at->parent != NULL; at = at->parent) {
        size += at->name_size + (at->parent->parent != NULL ? 1 : 0);
    }
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_buf_set_size(out, size));
    for (const struct fi_watch_node *at = node; at->parent != NULL; at = at->parent) {
        size -= at->name_size;
        memcpy(out->data + size, at->name, at->name_size);
        if (size > 0) {
            out->data[--size] = '/';
        }
    }
    DCHECK(size == 0);
    return FIRN_OK;
}

void
fi_watch_set_destroy(struct fi_watch_set *set)
{
    if (set == NULL) {
        return;
    }
    tree_deinit(&set->tree);
    fi_buf_deinit(&set->path);
    fi_buf_deinit(&set->children);
    fi_os_mutex_deinit(&set->mutex);
    fi_free(set);
}

static void
unwatch(void *ctx, int id)
{
    struct fi_watch_set *set = ctx;
    set->kernel.remove(set->kernel.ctx, id);
}

static void
remove_node(struct fi_watch_set *set, struct fi_watch_node *node)
{
    tree_remove(&set->tree, node, unwatch, set);
}

static void
dirty_all_below(struct fi_watch_set *set, struct fi_watch_node *top)
{
    for (struct fi_watch_node *node = top; node != NULL; node = tree_next(top, node, true)) {
        tree_set_dirty(node, set->clock);
    }
}

static bool
is_clean(const struct fi_watch_node *node)
{
    return node->dirty_count == 0;
}

/* ---- events ---- */

static bool
is_rule_file(const char *name)
{
    return strcmp(name, ".firnignore") == 0 || strcmp(name, ".gitignore") == 0 ||
           strcmp(name, ".chkptignore") == 0;
}

static void
watch_set_lose(struct fi_watch_set *set, struct fi_watch_node *node)
{
    DCHECK(node->id >= 0); /* the event had it */
    if (node->parent == NULL) {
        set->has_lost_root = true;
        return;
    }
    tree_set_dirty(node->parent, set->clock);
    remove_node(set, node);
}

void
fi_watch_set_event(struct fi_watch_set *set, const struct fi_os_watch_event *event,
                   bool *out_is_change)
{
    struct fi_watch_node *node = tree_by_id(&set->tree, event->id);
    *out_is_change = node != NULL;
    if (node == NULL) {
        return; /* forgotten before */
    }
    switch (event->kind) {
    case FI_OS_WATCH_NAMES: {
        struct fi_watch_node *child = tree_child(&set->tree, node, firn_str(event->name));
        if (child != NULL) {
            remove_node(set, child);
        }
    }
        /* fall through */
    case FI_OS_WATCH_CHANGED:
        if (is_rule_file(event->name)) {
            dirty_all_below(set, node);
        } else {
            tree_set_dirty(node, set->clock);
        }
        break;
    case FI_OS_WATCH_MOVED:
    case FI_OS_WATCH_GONE:
        watch_set_lose(set, node);
        break;
    case FI_OS_WATCH_LOST:
        break;
    }
}

/* ---- directories that no save has visited yet ---- */

bool
fi_watch_set_path(struct fi_watch_set *set, int id, firn_slice *out)
{
    const struct fi_watch_node *node = tree_by_id(&set->tree, id);
    if (node == NULL || tree_path(node, &set->path) != FIRN_OK) {
        return false;
    }
    *out = fi_buf_slice(&set->path);
    return true;
}

bool
fi_watch_set_add(struct fi_watch_set *set, struct fi_os_dir *dir, firn_slice path)
{
    struct fi_watch_node *parent;
    firn_slice name;
    struct fi_watch_node *node = tree_find(&set->tree, path, &parent, &name);
    int id;
    if (parent == NULL || (node != NULL && node->id >= 0) ||
        set->kernel.add(set->kernel.ctx, dir, path, &id, NULL) != FIRN_OK ||
        tree_by_id(&set->tree, id) != NULL /* its rename will be told */) {
        return false;
    }
    if (node == NULL) {
        node = tree_add(&set->tree, parent, name, set->clock);
    }
    if (node == NULL) {
        unwatch(set, id);
        return false;
    }
    tree_set_dirty(node, set->clock);
    tree_set_id(&set->tree, node, id);
    DCHECK(!is_clean(node)); /* (I1) of watch_new.c */
    return true;
}

/* ---- a question ---- */

/* How far the clock of file times is ahead of the monotonic clock. */
static int64_t
lead_of(const struct fi_watch_set *set)
{
    return fi_os_now_ns(set->os) - fi_os_monotonic_ns(set->os);
}

static bool
watch_set_fits(const struct fi_watch_set *set, const struct fi_watch_question *question)
{
    return set->has_base && !set->is_broken && !question->is_full &&
           fi_hash_equal(&set->base.tree, &question->base.tree) &&
           memcmp(set->base.key, question->base.key, sizeof set->base.key) == 0 &&
           lead_of(set) >= set->lead_ns - CLOCKS_APART_NS /* (I5) */;
}

struct clean {
    const struct fi_watch_node *node;
};

static int
compare_names(const void *a, const void *b)
{
    const struct fi_watch_node *left = ((const struct clean *)a)->node;
    const struct fi_watch_node *right = ((const struct clean *)b)->node;
    return fi_slice_compare(firn_bytes(left->name, left->name_size),
                            firn_bytes(right->name, right->name_size));
}

/* Appends the clean directories in one that is to be visited. */
static int
put_clean_children(struct fi_watch_set *set, const struct fi_watch_node *node, struct fi_buf *out)
{
    int rc = FIRN_OK;
    fi_buf_clear(&set->children);
    DCHECK(node->parent == NULL || !is_clean(node)); /* (I1) */
    for (struct fi_watch_node *child = node->first_child; child != NULL; child = child->next) {
        if (is_clean(child)) {
            DCHECK(child->id >= 0); /* (I2) */
            const struct clean item = {child};
            FI_TRY(fi_buf_append(&set->children, &item, sizeof item));
        }
    }
    size_t count = set->children.size / sizeof(struct clean);
    if (count == 0) {
        goto out;
    }
    struct clean *children = (void *)set->children.data;
    fi_sort(children, count, sizeof *children, compare_names);
    FI_TRY(tree_path(node, &set->path));
    FI_TRY(fi_watchlink_wire_put_group(out, fi_buf_slice(&set->path), count));
    for (size_t i = 0; i < count; i++) {
        const struct fi_watch_node *child = children[i].node;
        const struct fi_watch_passed passed = {.name = firn_bytes(child->name, child->name_size),
                                               .files = child->files,
                                               .bytes = child->bytes,
                                               .directories = child->directories};
        FI_TRY(fi_watchlink_wire_put_passed(out, &passed));
    }
out:
    return rc;
}

int
fi_watch_set_query(struct fi_watch_set *set, const struct fi_watch_question *question,
                   struct fi_buf *out, firn_error *err)
{
    uint64_t token = question->will_report ? set->clock : 0;
    bool is_fit = watch_set_fits(set, question);
    struct fi_watch_node *root = set->tree.root;
    int rc;
    FI_TRY(fi_watchlink_wire_put_token(out, token));
    FI_TRY(fi_watchlink_wire_put_begun(out, set->begun_ns));
    if (is_fit && root != NULL) {
        for (struct fi_watch_node *node = root; node != NULL;
             node = tree_next(root, node, node == root || !is_clean(node))) {
            if (node == root || !is_clean(node)) {
                FI_TRY(put_clean_children(set, node, out));
            }
        }
    }
    if (question->will_report) {
        if (!is_fit && root != NULL) {
            dirty_all_below(set, root);
            DCHECK(root->dirty_count == root->directories); /* (I4) */
        }
        set->asked = token;
        set->asked_lead_ns = lead_of(set);
        set->clock++;
        DCHECK(set->asked > 0 && set->asked < set->clock);
    }
out:
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "an answer");
}

/* ---- a report ---- */

/* Watches a node's directory. */
static void
watch_set_watch(struct fi_watch_set *set, struct fi_watch_node *node, struct fi_os_dir *dir,
                firn_slice path)
{
    firn_error err;
    int id;
    DCHECK(node->id < 0 && node->dirty != 0); /* (I2) */
    int rc = set->kernel.add(set->kernel.ctx, dir, path, &id, &err);
    if (rc == FIRN_OK && tree_by_id(&set->tree, id) == NULL) {
        tree_set_id(&set->tree, node, id);
    } else if (rc == FIRN_OK) {
        set->is_broken = true;
    } else {
        set->unwatched_code = rc;
        set->unwatched_error = err;
    }
}

/* The node of a path, created and watched if necessary; NULL if that is not possible. */
static struct fi_watch_node *
watch_set_need(struct fi_watch_set *set, struct fi_os_dir *dir, firn_slice path, uint64_t dirty)
{
    DCHECK(dirty > 0 && dirty <= set->clock);
    struct fi_watch_node *parent;
    firn_slice name;
    struct fi_watch_node *node = tree_find(&set->tree, path, &parent, &name);
    if (node == NULL) {
        if (path.size > 0 && parent == NULL) {
            return NULL;
        }
        node = tree_add(&set->tree, parent, name, dirty);
        set->is_broken = set->is_broken || node == NULL;
    }
    if (node != NULL && node->id < 0 && !set->is_broken) {
        tree_set_dirty(node, dirty);
        watch_set_watch(set, node, dir, path);
    }
    return node;
}

void
fi_watch_set_enter(struct fi_watch_set *set, struct fi_os_dir *dir, firn_slice path)
{
    fi_os_mutex_lock(&set->mutex);
    if (set->asked != 0 && !set->is_broken) {
        (void)watch_set_need(set, dir, path, set->asked);
    }
    fi_os_mutex_unlock(&set->mutex);
}

static bool
may_be_clean(const struct fi_watch_node *node)
{
    bool is_watched = true;
    for (; node != NULL && is_watched; node = node->parent) {
        is_watched = node->id >= 0;
    }
    return is_watched;
}

static void
note_visit(struct fi_watch_set *set, const struct fi_watch_visited *visited)
{
    struct fi_watch_node *node = watch_set_need(set, NULL, visited->path, set->clock);
    if (node == NULL) {
        return;
    }
    DCHECK(set->asked > 0 && set->asked < set->clock);
    node->seen = set->clock;
    tree_set_own(node, visited->files, visited->bytes);
    if (!visited->is_steady || !may_be_clean(node)) {
        tree_set_dirty(node, node->dirty != 0 ? node->dirty : set->asked);
    } else if (node->dirty <= set->asked) {
        DCHECK(node->id >= 0); /* (I2) */
        tree_set_dirty(node, 0);
    }
}

/* (I3) */
static void
remove_unseen(struct fi_watch_set *set)
{
    struct fi_watch_node *root = set->tree.root;
    struct fi_watch_node *next;
    for (struct fi_watch_node *node = root; node != NULL; node = next) {
        bool is_unseen = node != root && node->dirty != 0 && node->dirty <= set->asked &&
                         node->seen != set->clock;
        next = tree_next(root, node, !is_unseen && !is_clean(node));
        if (is_unseen) {
            DCHECK(node->parent != NULL); /* (I3): a root is always part of the tree */
            remove_node(set, node);
        }
    }
}

static int
compare_paths(const void *a, const void *b)
{
    const struct fi_watch_visited *left = a;
    const struct fi_watch_visited *right = b;
    return fi_slice_compare(left->path, right->path);
}

/* Reads a whole report, before any of it takes effect. */
static int
read_visits(struct fi_reader *reader, struct fi_buf *out, firn_error *err)
{
    int rc = FIRN_OK;
    while (rc == FIRN_OK && fi_reader_left(reader) > 0) {
        struct fi_watch_visited visited;
        rc = fi_watchlink_wire_get_visited(reader, &visited, err);
        if (rc == FIRN_OK && fi_buf_append(out, &visited, sizeof visited) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a report");
        }
    }
    return rc;
}

static uint64_t
count_unwatched(const struct fi_watch_set *set)
{
    uint64_t count = 0;
    struct fi_watch_node *root = set->tree.root;
    for (struct fi_watch_node *node = root; node != NULL;
         node = tree_next(root, node, !is_clean(node))) {
        count += node->id < 0 ? 1 : 0;
    }
    return count;
}

int
fi_watch_set_report(struct fi_watch_set *set, firn_slice report, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(report);
    struct fi_watch_base base;
    struct fi_buf visits = {0};
    uint64_t token;
    int64_t begun_ns;
    int rc;
    FI_TRY(fi_watchlink_wire_get_token(&reader, &token, err));
    FI_TRY(fi_watchlink_wire_get_begun(&reader, &begun_ns, err));
    FI_TRY(fi_watchlink_wire_get_base(&reader, &base, err));
    if (token == 0 || token != set->asked || set->is_broken) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "the report answers no question that is open");
        goto out;
    }
    FI_TRY(read_visits(&reader, &visits, err));
    struct fi_watch_visited *all = (void *)visits.data;
    size_t count = visits.size / sizeof *all;
    fi_sort(all, count, sizeof *all, compare_paths); /* parents first */
    for (size_t i = 0; i < count; i++) {
        note_visit(set, &all[i]);
    }
    remove_unseen(set);
    set->unwatched = count_unwatched(set);
    set->asked = 0;
    set->base = base;
    set->begun_ns = begun_ns;
    set->lead_ns = set->asked_lead_ns;
    set->has_base = true;
out:
    fi_buf_deinit(&visits);
    return rc;
}

void
fi_watch_set_info(const struct fi_watch_set *set, struct fi_watch_set_info *out)
{
    const struct fi_watch_node *root = set->tree.root;
    *out = (struct fi_watch_set_info){.directories = root == NULL ? 0 : root->directories,
                                      .dirty = root == NULL ? 0 : root->dirty_count,
                                      .unwatched = set->unwatched,
                                      .has_lost_root = set->has_lost_root,
                                      .is_broken = set->is_broken,
                                      .unwatched_code = set->unwatched_code,
                                      .unwatched_error = set->unwatched_error};
}
