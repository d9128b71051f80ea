/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch_tree.c: the directories that a watch knows.
 *
 * A node keeps sums over itself and all below: of files, bytes, directories, and of those that are
 * dirty. Whoever changes a node changes the sums of all above it, so that what lies below a clean
 * directory is known without looking there (I1). That costs a step for each level and event.
 *
 * Two tables of chains lead to nodes: by parent and name, and by the kernel's id. They grow
 * together. Memory: about 170 bytes a directory and its name.
 *
 * Nothing recurses: a tree may be as deep as paths are long.
 */
#include "watch/watch_tree.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/xxh3.h"

enum { TABLE_SIZE_MIN = 64 };

/* ---- tables ---- */

static uint64_t
hash_of(const struct firn_watch_node *parent, firn_slice name)
{
    return firn_xxh3(name.data, name.size, (uint64_t)(uintptr_t)parent);
}

static size_t
id_slot(const struct firn_watch_tree *tree, int id)
{
    return (size_t)((uint32_t)id * UINT32_C(0x9e3779b1)) & (tree->table_size - 1);
}

static void
enter_id(struct firn_watch_tree *tree, struct firn_watch_node *node)
{
    struct firn_watch_node **chain = &tree->by_id[id_slot(tree, node->id)];
    node->next_of_id = *chain;
    *chain = node;
}

static void
enter_name(struct firn_watch_tree *tree, struct firn_watch_node *node)
{
    struct firn_watch_node **chain =
        &tree->by_name[(size_t)node->name_hash & (tree->table_size - 1)];
    node->next_of_name = *chain;
    *chain = node;
}

static int
grow(struct firn_watch_tree *tree)
{
    if (tree->count < tree->table_size) {
        return FIRN_OK;
    }
    size_t size = tree->table_size == 0 ? TABLE_SIZE_MIN : 2 * tree->table_size;
    struct firn_watch_node **by_name = firn_alloc_zeroed(size * sizeof(void *));
    struct firn_watch_node **by_id = firn_alloc_zeroed(size * sizeof(void *));
    if (by_name == NULL || by_id == NULL) {
        firn_free(by_name);
        firn_free(by_id);
        return FIRN_NO_MEMORY;
    }
    firn_free(tree->by_name);
    firn_free(tree->by_id);
    tree->by_name = by_name;
    tree->by_id = by_id;
    tree->table_size = size;
    for (struct firn_watch_node *node = tree->root; node != NULL;
         node = firn_watch_tree_next(tree->root, node, true)) {
        enter_name(tree, node);
        if (node->id >= 0) {
            enter_id(tree, node);
        }
    }
    return FIRN_OK;
}

static void
leave_tables(struct firn_watch_tree *tree, struct firn_watch_node *node)
{
    struct firn_watch_node **at = &tree->by_name[(size_t)node->name_hash & (tree->table_size - 1)];
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

struct firn_watch_node *
firn_watch_tree_child(const struct firn_watch_tree *tree, const struct firn_watch_node *parent,
                      firn_slice name)
{
    if (tree->table_size == 0) {
        return NULL;
    }
    uint64_t hash = hash_of(parent, name);
    struct firn_watch_node *node = tree->by_name[(size_t)hash & (tree->table_size - 1)];
    while (node != NULL &&
           !(node->parent == parent && node->name_hash == hash && node->name_size == name.size &&
             (name.size == 0 || memcmp(node->name, name.data, name.size) == 0))) {
        node = node->next_of_name;
    }
    return node;
}

struct firn_watch_node *
firn_watch_tree_by_id(const struct firn_watch_tree *tree, int id)
{
    if (tree->table_size == 0 || id < 0) {
        return NULL;
    }
    struct firn_watch_node *node = tree->by_id[id_slot(tree, id)];
    while (node != NULL && node->id != id) {
        node = node->next_of_id;
    }
    return node;
}

struct firn_watch_node *
firn_watch_tree_find(const struct firn_watch_tree *tree, firn_slice path,
                     struct firn_watch_node **out_parent, firn_slice *out_name)
{
    struct firn_watch_node *node = tree->root;
    *out_parent = NULL;
    *out_name = path;
    while (node != NULL && path.size > 0) {
        const uint8_t *slash = memchr(path.data, '/', path.size);
        size_t size = slash == NULL ? path.size : (size_t)(slash - path.data);
        *out_name = firn_bytes(path.data, size);
        *out_parent = node;
        node = firn_watch_tree_child(tree, node, *out_name);
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

/* Adds to a node and all above; what is taken away is added as its negative, modulo 2^64. */
static void
add_sums(struct firn_watch_node *node, struct sums sums)
{
    for (; node != NULL; node = node->parent) {
        node->files += sums.files;
        node->bytes += sums.bytes;
        node->directories += sums.directories;
        node->dirty_count += sums.dirty_count;
        DCHECK(node->dirty_count <= node->directories); /* (I1) */
    }
}

void
firn_watch_tree_set_dirty(struct firn_watch_node *node, uint64_t dirty)
{
    bool was_dirty = node->dirty != 0;
    node->dirty = dirty;
    if (was_dirty != (dirty != 0)) {
        add_sums(node, (struct sums){.dirty_count = dirty != 0 ? 1 : UINT64_MAX});
    }
}

void
firn_watch_tree_set_own(struct firn_watch_node *node, uint64_t files, uint64_t bytes)
{
    struct sums sums = {.files = files - node->own_files, .bytes = bytes - node->own_bytes};
    node->own_files = files;
    node->own_bytes = bytes;
    if (sums.files != 0 || sums.bytes != 0) {
        add_sums(node, sums);
    }
}

/* ---- nodes ---- */

struct firn_watch_node *
firn_watch_tree_add(struct firn_watch_tree *tree, struct firn_watch_node *parent, firn_slice name,
                    uint64_t dirty)
{
    CHECK(dirty > 0 && (parent != NULL) == (tree->root != NULL));
    DCHECK(firn_watch_tree_child(tree, parent, name) == NULL);
    if (grow(tree) != FIRN_OK) {
        return NULL;
    }
    struct firn_watch_node *node = firn_alloc_zeroed(sizeof *node + name.size);
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

void
firn_watch_tree_set_id(struct firn_watch_tree *tree, struct firn_watch_node *node, int id)
{
    CHECK(node->id < 0 && id >= 0);
    DCHECK(firn_watch_tree_by_id(tree, id) == NULL);
    node->id = id;
    enter_id(tree, node);
}

struct firn_watch_node *
firn_watch_tree_next(const struct firn_watch_node *top, struct firn_watch_node *node,
                     bool is_entering)
{
    if (is_entering && node->first_child != NULL) {
        return node->first_child;
    }
    while (node != top && node->next == NULL) {
        node = node->parent;
    }
    return node == top ? NULL : node->next;
}

/* Takes one node without children out. */
static void
remove_leaf(struct firn_watch_tree *tree, struct firn_watch_node *node)
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
    firn_free(node);
}

void
firn_watch_tree_remove(struct firn_watch_tree *tree, struct firn_watch_node *node,
                       void (*on_id)(void *ctx, int id), void *ctx)
{
    struct firn_watch_node *above = node->parent;
    add_sums(above, (struct sums){.files = 0 - node->files,
                                  .bytes = 0 - node->bytes,
                                  .directories = 0 - node->directories,
                                  .dirty_count = 0 - node->dirty_count});
    for (struct firn_watch_node *at = node; at != above;) {
        if (at->first_child != NULL) {
            at = at->first_child;
            continue;
        }
        struct firn_watch_node *parent = at->parent;
        bool is_last = at == node;
        if (at->id >= 0 && on_id != NULL) {
            on_id(ctx, at->id);
        }
        remove_leaf(tree, at);
        at = is_last ? above : parent;
    }
}

void
firn_watch_tree_deinit(struct firn_watch_tree *tree)
{
    if (tree->root != NULL) {
        firn_watch_tree_remove(tree, tree->root, NULL, NULL);
    }
    DCHECK(tree->count == 0 && tree->root == NULL);
    firn_free(tree->by_name);
    firn_free(tree->by_id);
    *tree = (struct firn_watch_tree){0};
}

int
firn_watch_tree_path(const struct firn_watch_node *node, struct firn_buf *out)
{
    size_t size = 0;
    for (const struct firn_watch_node *at = node; at->parent != NULL; at = at->parent) {
        size += at->name_size + (at->parent->parent != NULL ? 1 : 0);
    }
    firn_buf_clear(out);
    int rc = firn_buf_set_size(out, size);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (const struct firn_watch_node *at = node; at->parent != NULL; at = at->parent) {
        size -= at->name_size;
        memcpy(out->data + size, at->name, at->name_size);
        if (size > 0) {
            out->data[--size] = '/';
        }
    }
    DCHECK(size == 0);
    return FIRN_OK;
}
