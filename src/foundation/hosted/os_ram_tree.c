/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_ram_tree.c: directories and names in RAM.
 *
 * A directory is an array of entries sorted by name, so finding is a binary search and a list is in
 * order. An operation searches, decides as Linux would, makes room, and only then changes anything.
 * It holds the mutex of the tree all the time, and frees orphans afterwards.
 *
 * A list is copied before the first visit, so that a visitor may change the directory.
 *
 * Nothing recurses, so a tree may have any depth.
 */
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "hosted/os_ram_fs.h"
#include "posix/os_default.h"

enum { NAME_SIZE_MAX = 255 };

/* ---- nodes ---- */

int
fi_os_ram_tree_new_node(struct fi_os_ram *fs, enum fi_os_kind kind, uint32_t mode,
                        struct fi_os_ram_node **out)
{
    DCHECK(kind == FI_OS_FILE || kind == FI_OS_DIR);
    *out = NULL;
    if (!fi_os_ram_reserve(fs, sizeof **out)) {
        return ENOSPC;
    }
    struct fi_os_ram_node *node = fi_alloc_zeroed(sizeof *node);
    if (node == NULL) {
        fi_os_ram_unreserve(fs, sizeof **out);
        return ENOMEM;
    }
    int error_number = pthread_rwlock_init(&node->contents, NULL);
    if (error_number != 0) {
        fi_free(node);
        fi_os_ram_unreserve(fs, sizeof **out);
        return error_number;
    }
    node->fs = fs;
    node->kind = kind;
    node->mode = mode;
    node->btime_ns = fi_os_ram_now();
    atomic_init(&node->mtime_ns, node->btime_ns);
    atomic_init(&node->ctime_ns, node->btime_ns);
    *out = node;
    return 0;
}

void
fi_os_ram_tree_free_node(struct fi_os_ram_node *node)
{
    if (node == NULL) {
        return;
    }
    CHECK(node->handle_count == 0 && node->name_count == 0); /* (I3) */
    fi_os_ram_file_free_contents(node);
    (void)pthread_rwlock_destroy(&node->contents);
    fi_free(node->entries);
    fi_os_ram_unreserve(node->fs, sizeof *node);
    fi_free(node);
}

struct fi_os_ram_node *
fi_os_ram_tree_orphan_locked(struct fi_os_ram_node *node)
{
    fi_os_mutex_assert_held(&node->fs->tree);
    return node->name_count == 0 && node->handle_count == 0 ? node : NULL;
}

/* Removes the last entry of a directory, and its node if that was the node's last name. */
static void
drop_last_entry(struct fi_os_ram_node *dir)
{
    DCHECK(dir->entry_count > 0);
    struct fi_os_ram_entry entry = dir->entries[--dir->entry_count];
    fi_free(entry.name);
    entry.node->name_count--;
    if (entry.node->name_count == 0) {
        fi_os_ram_tree_free_node(entry.node);
    }
}

void
fi_os_ram_tree_free_all(struct fi_os_ram_node *root)
{
    struct fi_os_ram_node *dir = root;
    while (dir != root || dir->entry_count > 0) {
        if (dir->entry_count == 0) {
            dir = dir->parent; /* whose last entry it is */
            drop_last_entry(dir);
        } else if (dir->entries[dir->entry_count - 1].node->entry_count > 0) {
            dir = dir->entries[dir->entry_count - 1].node;
        } else {
            drop_last_entry(dir);
        }
    }
    root->name_count = 0;
    fi_os_ram_tree_free_node(root);
}

static void
os_ram_tree_touch(struct fi_os_ram_node *dir)
{
    DCHECK(dir->kind == FI_OS_DIR);
    int64_t now = fi_os_ram_now();
    atomic_store_explicit(&dir->mtime_ns, now, memory_order_relaxed);
    atomic_store_explicit(&dir->ctime_ns, now, memory_order_relaxed);
}

/* ---- entries ---- */

/* The position of the name, or where it would be. */
static size_t
place_of(const struct fi_os_ram_node *dir, const char *name, bool *out_is_there)
{
    DCHECK(dir->kind == FI_OS_DIR && name != NULL);
    size_t low = 0;
    size_t high = dir->entry_count;
    FI_SEARCH_FIRST(low, high, i, strcmp(dir->entries[i].name, name) < 0);
    *out_is_there = low < dir->entry_count && strcmp(dir->entries[low].name, name) == 0;
    return low;
}

static struct fi_os_ram_entry *
find_entry_locked(const struct fi_os_ram_node *dir, const char *name)
{
    fi_os_mutex_assert_held(&dir->fs->tree); /* (I1) */
    bool is_there;
    size_t at = dir->kind == FI_OS_DIR ? place_of(dir, name, &is_there) : 0;
    return dir->kind == FI_OS_DIR && is_there ? &dir->entries[at] : NULL;
}

struct fi_os_ram_node *
fi_os_ram_tree_find_locked(const struct fi_os_ram_node *dir, const char *name)
{
    fi_os_mutex_assert_held(&dir->fs->tree);
    const struct fi_os_ram_entry *entry = find_entry_locked(dir, name);
    return entry != NULL ? entry->node : NULL;
}

/* Whether this name could be created in the directory. */
static int
check_name(const struct fi_os_ram_node *dir, const char *name)
{
    if (strlen(name) > NAME_SIZE_MAX) {
        return ENAMETOOLONG;
    }
    return dir->name_count > 0 ? 0 : ENOENT; /* it was removed */
}

/* Makes room for one entry more. */
static bool
make_room(struct fi_os_ram_node *dir)
{
    DCHECK(dir->entry_count <= dir->entry_capacity);
    return FI_VEC_RESERVE(dir->entries, dir->entry_count + 1, dir->entry_capacity, NULL) == FIRN_OK;
}

/* Gives a node another name. */
static int
add_locked(struct fi_os_ram_node *dir, const char *name, struct fi_os_ram_node *node)
{
    fi_os_mutex_assert_held(&dir->fs->tree);
    bool is_there;
    int error_number = check_name(dir, name);
    if (error_number != 0) {
        return error_number;
    }
    char *copy = fi_strdup(name);
    if (copy == NULL || !make_room(dir)) {
        fi_free(copy);
        return ENOMEM;
    }
    size_t at = place_of(dir, name, &is_there);
    DCHECK(dir->entries != NULL && !is_there);
    memmove(&dir->entries[at + 1], &dir->entries[at],
            (dir->entry_count - at) * sizeof dir->entries[0]);
    dir->entries[at] = (struct fi_os_ram_entry){copy, node};
    dir->entry_count++;
    node->name_count++;
    node->parent = dir;
    if (node->number == 0) {
        node->number = ++dir->fs->next_number;
    }
    os_ram_tree_touch(dir);
    return 0;
}

int
fi_os_ram_tree_make_locked(struct fi_os_ram_node *dir, const char *name, enum fi_os_kind kind,
                           uint32_t mode, struct fi_os_ram_node **out)
{
    fi_os_mutex_assert_held(&dir->fs->tree);
    int error_number = fi_os_ram_tree_new_node(dir->fs, kind, mode, out);
    if (error_number != 0) {
        return error_number;
    }
    error_number = add_locked(dir, name, *out);
    if (error_number != 0) {
        fi_os_ram_tree_free_node(*out);
        *out = NULL;
    }
    return error_number;
}

static void
remove_entry_locked(struct fi_os_ram_node *dir, struct fi_os_ram_entry *entry)
{
    DCHECK(entry >= dir->entries && entry < dir->entries + dir->entry_count);
    fi_os_mutex_assert_held(&dir->fs->tree);
    size_t at = (size_t)(entry - dir->entries);
    entry->node->name_count--;
    if (entry->node->name_count == 0) {
        entry->node->parent = NULL;
    }
    fi_free(entry->name);
    dir->entry_count--;
    memmove(entry, entry + 1, (dir->entry_count - at) * sizeof *entry);
    os_ram_tree_touch(dir);
}

/* ---- opening ---- */

static int
open_locked(struct fi_os_ram_node *node, struct fi_os_dir *dir)
{
    if (node == NULL) {
        return ENOENT;
    }
    fi_os_mutex_assert_held(&node->fs->tree);
    if (node->kind != FI_OS_DIR) {
        return ENOTDIR;
    }
    node->handle_count++;
    ((struct fi_os_ram_dir *)dir)->node = node;
    return 0;
}

/* Removes the next component from the rest; NULL at the end. */
static char *
next_component(char **rest)
{
    while (**rest == '/') {
        ++*rest;
    }
    if (**rest == '\0') {
        return NULL;
    }
    char *component = *rest;
    char *end = strchrnul(component, '/');
    *rest = *end == '/' ? end + 1 : end;
    *end = '\0';
    return component;
}

/* Walks down a path, which is modified; ends at a missing component. */
static struct fi_os_ram_node *
walk_locked(struct fi_os_ram_node *here, char *rest)
{
    fi_os_mutex_assert_held(&here->fs->tree);
    for (char *name = next_component(&rest); here != NULL && name != NULL;
         name = next_component(&rest)) {
        if (strcmp(name, ".") == 0) {
            continue;
        }
        if (strcmp(name, "..") == 0) {
            here = here->parent != NULL ? here->parent : here;
            continue;
        }
        here = fi_os_ram_tree_find_locked(here, name);
    }
    return here;
}

static int
open_from(struct fi_os_ram *fs, struct fi_os_ram_node *start, const char *path,
          struct fi_os_dir *dir)
{
    DCHECK(path != NULL);
    char *rest = fi_strdup(path);
    if (rest == NULL) {
        return ENOMEM;
    }
    fi_os_mutex_lock(&fs->tree);
    int error_number = open_locked(walk_locked(start, rest), dir);
    fi_os_mutex_unlock(&fs->tree);
    fi_free(rest);
    return error_number;
}

int
fi_os_ram_tree_open_path(struct fi_os *os, const char *path, struct fi_os_dir *dir)
{
    struct fi_os_ram *fs = (struct fi_os_ram *)os;
    return path[0] == '\0' ? ENOENT : open_from(fs, fs->root, path, dir);
}

int
fi_os_ram_tree_open(struct fi_os_dir *parent, const char *name, struct fi_os_dir *dir)
{
    struct fi_os_ram_node *node = fi_os_ram_dir_node(parent);
    return open_from(node->fs, node, name, dir);
}

int
fi_os_ram_tree_open_beneath(struct fi_os_dir *root, const char *relative_path,
                            struct fi_os_dir *dir)
{
    return fi_os_ram_tree_open(root, relative_path, dir);
}

void
fi_os_ram_tree_close(struct fi_os_dir *dir)
{
    struct fi_os_ram_node *node = fi_os_ram_dir_node(dir);
    struct fi_os_ram *fs = node->fs;
    fi_os_mutex_lock(&fs->tree);
    node->handle_count--;
    struct fi_os_ram_node *orphan = fi_os_ram_tree_orphan_locked(node);
    fi_os_mutex_unlock(&fs->tree);
    fi_os_ram_tree_free_node(orphan);
}

/* ---- looking ---- */

/* An entry of a copied list: its name follows, with a NUL. */
struct listed {
    uint64_t number;
    enum fi_os_kind kind;
    size_t name_size;
};

static int
take_list_locked(const struct fi_os_ram_node *dir, struct fi_buf *out)
{
    fi_os_mutex_assert_held(&dir->fs->tree);
    for (size_t i = 0; i < dir->entry_count; i++) {
        const struct fi_os_ram_entry *entry = &dir->entries[i];
        struct listed listed = {entry->node->number, entry->node->kind, strlen(entry->name)};
        if (fi_buf_append(out, &listed, sizeof listed) != FIRN_OK ||
            fi_buf_append(out, entry->name, listed.name_size + 1) != FIRN_OK) {
            return ENOMEM;
        }
    }
    return 0;
}

int
fi_os_ram_tree_list(struct fi_os_dir *dir,
                    int (*visit)(void *ctx, const struct fi_os_dirent *entry), void *ctx,
                    int *out_visited)
{
    DCHECK(visit != NULL);
    struct fi_os_ram_node *node = fi_os_ram_dir_node(dir);
    struct fi_buf list = {0};
    fi_os_mutex_lock(&node->fs->tree);
    int error_number = node->name_count > 0 ? take_list_locked(node, &list) : ENOENT;
    fi_os_mutex_unlock(&node->fs->tree);
    int visited = FIRN_OK;
    for (size_t at = 0; error_number == 0 && visited == FIRN_OK && at < list.size;) {
        struct listed listed;
        memcpy(&listed, list.data + at, sizeof listed);
        struct fi_os_dirent entry = {.name = (const char *)list.data + at + sizeof listed,
                                     .name_size = listed.name_size,
                                     .kind = listed.kind,
                                     .inode = listed.number};
        visited = visit(ctx, &entry);
        at += sizeof listed + listed.name_size + 1;
    }
    *out_visited = visited;
    fi_buf_deinit(&list);
    return error_number;
}

/* The name of the directory in its parent. */
static const char *
own_name_locked(const struct fi_os_ram_node *dir)
{
    fi_os_mutex_assert_held(&dir->fs->tree);
    for (size_t i = 0; i < dir->parent->entry_count; i++) {
        if (dir->parent->entries[i].node == dir) {
            return dir->parent->entries[i].name;
        }
    }
    return "";
}

/* Puts "/<name>" before the path. */
static int
prepend(struct fi_buf *path, const char *name)
{
    DCHECK(name[0] != '\0');
    size_t size = strlen(name) + 1;
    size_t old = path->size;
    if (fi_buf_set_size(path, old + size) != FIRN_OK) {
        return ENOMEM;
    }
    memmove(path->data + size, path->data, old);
    path->data[0] = '/';
    memcpy(path->data + 1, name, size - 1);
    return 0;
}

static int
path_locked(const struct fi_os_ram_node *dir, struct fi_buf *out)
{
    fi_os_mutex_assert_held(&dir->fs->tree);
    int error_number = dir == dir->fs->root ? prepend(out, "") : 0;
    while (error_number == 0 && dir != dir->fs->root) {
        if (dir->parent == NULL) {
            return ENOENT; /* it was removed */
        }
        error_number = prepend(out, own_name_locked(dir));
        dir = dir->parent;
    }
    return error_number;
}

int
fi_os_ram_tree_real_path(struct fi_os_dir *dir, struct fi_buf *out)
{
    struct fi_os_ram_node *node = fi_os_ram_dir_node(dir);
    struct fi_buf path = {0};
    fi_os_mutex_lock(&node->fs->tree);
    int error_number = path_locked(node, &path);
    fi_os_mutex_unlock(&node->fs->tree);
    if (error_number == 0 && fi_buf_append_slice(out, fi_buf_slice(&path)) != FIRN_OK) {
        error_number = ENOMEM;
    }
    fi_buf_deinit(&path);
    return error_number;
}

void
fi_os_ram_tree_fill_stat(const struct fi_os_ram_node *node, struct fi_os_stat *out)
{
    DCHECK(node->fs != NULL);
    *out = (struct fi_os_stat){
        .kind = node->kind,
        .mode = node->mode,
        .uid = fi_os_user_id(fi_os_default()),
        .nlink = node->kind == FI_OS_DIR ? 2 : node->name_count,
        .size_bytes = atomic_load_explicit(&node->size, memory_order_relaxed),
        .allocated_bytes =
            FI_OS_RAM_CHUNK_SIZE * atomic_load_explicit(&node->data_chunks, memory_order_relaxed),
        .device = 1,
        .inode = node->number,
        .mtime_ns = atomic_load_explicit(&node->mtime_ns, memory_order_relaxed),
        .ctime_ns = atomic_load_explicit(&node->ctime_ns, memory_order_relaxed),
        .btime_ns = node->btime_ns,
    };
}

int
fi_os_ram_tree_stat(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out)
{
    struct fi_os_ram_node *node = fi_os_ram_dir_node(dir);
    struct fi_os_ram *fs = node->fs;
    fi_os_mutex_lock(&fs->tree);
    node = name != NULL ? fi_os_ram_tree_find_locked(node, name) : node;
    if (node != NULL) {
        fi_os_ram_tree_fill_stat(node, out);
    }
    fi_os_mutex_unlock(&fs->tree);
    if (node != NULL) {
        return 0;
    }
    return strlen(name) > NAME_SIZE_MAX ? ENAMETOOLONG : ENOENT;
}

/* ---- changing ---- */

int
fi_os_ram_tree_make_dir(struct fi_os_dir *dir, const char *name, uint32_t mode)
{
    struct fi_os_ram_node *parent = fi_os_ram_dir_node(dir);
    struct fi_os_ram_node *node;
    fi_os_mutex_lock(&parent->fs->tree);
    int error_number = fi_os_ram_tree_find_locked(parent, name) != NULL
                           ? EEXIST
                           : fi_os_ram_tree_make_locked(parent, name, FI_OS_DIR, mode, &node);
    fi_os_mutex_unlock(&parent->fs->tree);
    return error_number;
}

/* Removes a name if its node has the wanted kind. */
static int
remove_locked(struct fi_os_ram_node *dir, const char *name, bool wants_dir,
              struct fi_os_ram_node **out_orphan)
{
    DCHECK(name != NULL);
    fi_os_mutex_assert_held(&dir->fs->tree);
    struct fi_os_ram_entry *entry = find_entry_locked(dir, name);
    if (entry == NULL) {
        return strlen(name) > NAME_SIZE_MAX ? ENAMETOOLONG : ENOENT;
    }
    struct fi_os_ram_node *node = entry->node;
    if ((node->kind == FI_OS_DIR) != wants_dir) {
        return wants_dir ? ENOTDIR : EISDIR;
    }
    if (node->entry_count > 0) {
        return ENOTEMPTY;
    }
    remove_entry_locked(dir, entry);
    *out_orphan = fi_os_ram_tree_orphan_locked(node);
    return 0;
}

static int
remove_name(struct fi_os_dir *dir, const char *name, bool wants_dir)
{
    struct fi_os_ram_node *parent = fi_os_ram_dir_node(dir);
    struct fi_os_ram_node *orphan = NULL;
    fi_os_mutex_lock(&parent->fs->tree);
    int error_number = remove_locked(parent, name, wants_dir, &orphan);
    fi_os_mutex_unlock(&parent->fs->tree);
    fi_os_ram_tree_free_node(orphan);
    return error_number;
}

int
fi_os_ram_tree_remove_file(struct fi_os_dir *dir, const char *name)
{
    return remove_name(dir, name, false);
}

int
fi_os_ram_tree_remove_dir(struct fi_os_dir *dir, const char *name)
{
    return remove_name(dir, name, true);
}

/* Whether dir is node or is below it. */
static bool
lies_in_locked(const struct fi_os_ram_node *dir, const struct fi_os_ram_node *node)
{
    fi_os_mutex_assert_held(&dir->fs->tree);
    while (dir != NULL && dir != node) {
        dir = dir->parent;
    }
    return dir == node;
}

/* Whether `moved` may replace `target`, which may be NULL, in the directory `to`. */
static int
check_move_locked(const struct fi_os_ram_node *moved, const struct fi_os_ram_node *target,
                  const struct fi_os_ram_node *to, enum fi_os_rename_mode mode)
{
    fi_os_mutex_assert_held(&moved->fs->tree);
    if (moved->kind == FI_OS_DIR && lies_in_locked(to, moved)) {
        return EINVAL;
    }
    if (mode == FI_OS_RENAME_EXCHANGE) {
        return target != NULL ? 0 : ENOENT;
    }
    if (target == NULL) {
        return 0;
    }
    if (mode == FI_OS_RENAME_NO_REPLACE) {
        return EEXIST;
    }
    if (moved->kind != FI_OS_DIR) {
        return target->kind == FI_OS_DIR ? EISDIR : 0;
    }
    if (target->kind != FI_OS_DIR) {
        return ENOTDIR;
    }
    return target->entry_count > 0 ? ENOTEMPTY : 0;
}

/* Two names, and their nodes. */
struct renaming {
    struct fi_os_ram_node *from_dir;
    const char *from;
    struct fi_os_ram_node *to_dir;
    const char *to;
    enum fi_os_rename_mode mode;
};

static int
rename_locked(const struct renaming *names, struct fi_os_ram_node **out_orphan)
{
    DCHECK(names->from_dir->fs == names->to_dir->fs);
    fi_os_mutex_assert_held(&names->from_dir->fs->tree);
    struct fi_os_ram_entry *source = find_entry_locked(names->from_dir, names->from);
    if (source == NULL) {
        return strlen(names->from) > NAME_SIZE_MAX ? ENAMETOOLONG : ENOENT;
    }
    struct fi_os_ram_node *moved = source->node;
    struct fi_os_ram_entry *destination = find_entry_locked(names->to_dir, names->to);
    struct fi_os_ram_node *target = destination != NULL ? destination->node : NULL;
    int error_number = check_name(names->to_dir, names->to);
    if (error_number == 0) {
        error_number = check_move_locked(moved, target, names->to_dir, names->mode);
    }
    if (error_number == 0 && names->mode == FI_OS_RENAME_EXCHANGE) {
        error_number = check_move_locked(target, moved, names->from_dir, names->mode);
    }
    if (error_number != 0 || target == moved) {
        return error_number; /* two names of one file: nothing happens */
    }
    if (destination == NULL) {
        error_number = add_locked(names->to_dir, names->to, moved);
        if (error_number == 0) { /* the array of entries may have moved */
            remove_entry_locked(names->from_dir, find_entry_locked(names->from_dir, names->from));
        }
        return error_number;
    }
    destination->node = moved;
    moved->parent = names->to_dir;
    os_ram_tree_touch(names->to_dir);
    if (names->mode == FI_OS_RENAME_EXCHANGE) {
        source->node = target;
        target->parent = names->from_dir;
        os_ram_tree_touch(names->from_dir);
        return 0;
    }
    moved->name_count++; /* for the instant that it has both names */
    remove_entry_locked(names->from_dir, source);
    target->name_count--;
    target->parent = NULL;
    *out_orphan = fi_os_ram_tree_orphan_locked(target);
    return 0;
}

int
fi_os_ram_tree_rename(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                      const char *to, enum fi_os_rename_mode mode)
{
    const struct renaming names = {fi_os_ram_dir_node(from_dir), from, fi_os_ram_dir_node(to_dir),
                                   to, mode};
    struct fi_os_ram_node *orphan = NULL;
    fi_os_mutex_lock(&names.from_dir->fs->tree);
    int error_number = rename_locked(&names, &orphan);
    fi_os_mutex_unlock(&names.from_dir->fs->tree);
    fi_os_ram_tree_free_node(orphan);
    return error_number;
}

static int
link_locked(struct fi_os_ram_node *from_dir, const char *from, struct fi_os_ram_node *to_dir,
            const char *to)
{
    fi_os_mutex_assert_held(&from_dir->fs->tree);
    struct fi_os_ram_node *node = fi_os_ram_tree_find_locked(from_dir, from);
    if (node == NULL) {
        return strlen(from) > NAME_SIZE_MAX ? ENAMETOOLONG : ENOENT;
    }
    if (fi_os_ram_tree_find_locked(to_dir, to) != NULL) {
        return EEXIST;
    }
    return node->kind == FI_OS_DIR ? EPERM : add_locked(to_dir, to, node);
}

int
fi_os_ram_tree_link(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                    const char *to)
{
    struct fi_os_ram *fs = fi_os_ram_dir_node(from_dir)->fs;
    fi_os_mutex_lock(&fs->tree);
    int error_number =
        link_locked(fi_os_ram_dir_node(from_dir), from, fi_os_ram_dir_node(to_dir), to);
    fi_os_mutex_unlock(&fs->tree);
    return error_number;
}
