/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_memory_dir.c: directories in memory: finding, listing, syncing them.
 *
 * A path of the user's is resolved as the kernel does it: "." and "..", symbolic links followed up
 * to forty times, relative ones from the root, since this machine has no working directory. Paths
 * below a handle consist of plain components (the wrapper saw to it) and meet no links.
 *
 * A list is taken before the first visit, so that a visitor may change the directory.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sim/sim_memory_fs.h"

enum { LINKS_FOLLOWED_MAX = 40 };

static void
fill_handle(struct fi_os_dir *dir, struct fi_sim_memory_inode *inode)
{
    struct fi_sim_memory_dir *self = (struct fi_sim_memory_dir *)dir;
    self->inode = inode;
    self->epoch = inode->fs->epoch;
    inode->handles++;
    inode->fs->handles++;
}

/* Ends an opening. */
static int
open_inode(struct fi_sim_memory_inode *inode, struct fi_os_dir *dir)
{
    if (inode == NULL) {
        return ENOENT;
    }
    if (inode->kind != FI_OS_DIR) {
        return ENOTDIR;
    }
    if (!fi_sim_memory_may(inode, FI_SIM_MEMORY_MAY_READ)) {
        return EACCES;
    }
    fill_handle(dir, inode);
    return 0;
}

static struct fi_sim_memory_inode *
parent_of(struct fi_sim_memory_inode *dir)
{
    return dir->cache_names != NULL ? dir->cache_names->dir : dir;
}

/* What is left of a path to resolve, in memory that is replaced when a link is followed. */
struct path_rest {
    char *memory;
    char *at;
};

/* Puts the link's target before the rest. False without memory. */
static bool
follow(struct path_rest *rest, const char *target)
{
    size_t size = strlen(target) + 1 + strlen(rest->at) + 1;
    char *memory = fi_alloc(size);
    if (memory == NULL) {
        return false;
    }
    (void)snprintf(memory, size, "%s/%s", target, rest->at);
    fi_free(rest->memory);
    rest->memory = rest->at = memory;
    return true;
}

/* Takes the next component off the rest; NULL at the end. */
static char *
next_component(struct path_rest *rest)
{
    while (*rest->at == '/') {
        rest->at++;
    }
    if (*rest->at == '\0') {
        return NULL;
    }
    char *component = rest->at;
    char *end = strchrnul(component, '/');
    rest->at = *end == '/' ? end + 1 : end;
    *end = '\0';
    return component;
}

static int
resolve(struct fi_sim_memory *fs, struct path_rest *rest, struct fi_sim_memory_inode **out)
{
    struct fi_sim_memory_inode *here = fs->root;
    unsigned links = 0;
    for (char *name = next_component(rest); name != NULL; name = next_component(rest)) {
        if (here->kind != FI_OS_DIR) {
            return ENOTDIR;
        }
        if (strcmp(name, ".") == 0) {
            continue;
        }
        if (strcmp(name, "..") == 0) {
            here = parent_of(here);
            continue;
        }
        struct fi_sim_memory_inode *next = fi_sim_memory_tree_lookup(here, name);
        if (next == NULL) {
            return ENOENT;
        }
        if (next->kind != FI_OS_SYMLINK) {
            here = next;
            continue;
        }
        if (++links > LINKS_FOLLOWED_MAX) {
            return ELOOP;
        }
        if (!follow(rest, next->target)) {
            return ENOMEM;
        }
        here = *rest->at == '/' ? fs->root : here;
    }
    *out = here;
    return 0;
}

int
fi_sim_memory_dir_open_path(struct fi_os *os, const char *path, struct fi_os_dir *dir)
{
    struct fi_sim_memory *fs = (struct fi_sim_memory *)os;
    if (fs->off) {
        return EIO;
    }
    if (path[0] == '\0') {
        return ENOENT;
    }
    struct path_rest rest;
    rest.memory = rest.at = fi_strdup(path);
    if (rest.memory == NULL) {
        return ENOMEM;
    }
    struct fi_sim_memory_inode *inode = NULL;
    int error_number = resolve(fs, &rest, &inode);
    fi_free(rest.memory);
    return error_number != 0 ? error_number : open_inode(inode, dir);
}

int
fi_sim_memory_dir_open(struct fi_os_dir *parent, const char *name, struct fi_os_dir *dir)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_dir(parent, FI_SIM_MEMORY_ASKS, &inode);
    return error_number != 0 ? error_number
                             : open_inode(fi_sim_memory_tree_lookup(inode, name), dir);
}

int
fi_sim_memory_dir_open_beneath(struct fi_os_dir *root, const char *relative_path,
                               struct fi_os_dir *dir)
{
    struct fi_sim_memory_inode *here;
    int error_number = fi_sim_memory_begin_dir(root, FI_SIM_MEMORY_ASKS, &here);
    if (error_number != 0) {
        return error_number;
    }
    struct path_rest rest;
    rest.memory = rest.at = fi_strdup(relative_path);
    if (rest.memory == NULL) {
        return ENOMEM;
    }
    for (char *name = next_component(&rest); here != NULL && name != NULL;
         name = next_component(&rest)) {
        here = here->kind == FI_OS_DIR ? fi_sim_memory_tree_lookup(here, name) : NULL;
    }
    fi_free(rest.memory);
    return open_inode(here, dir);
}

void
fi_sim_memory_dir_close(struct fi_os_dir *dir)
{
    struct fi_sim_memory_inode *inode = ((struct fi_sim_memory_dir *)dir)->inode;
    struct fi_sim_memory *fs = inode->fs;
    inode->handles--;
    fs->handles--;
    fi_sim_memory_tree_doom(inode);
    fi_sim_memory_tree_sweep(fs);
}

/* One entry of a list that was taken: in a buffer, each after the last. */
struct listed {
    uint64_t inode;
    enum fi_os_kind kind;
    size_t name_size;
};

static int
take_list(const struct fi_sim_memory_inode *dir, struct fi_buf *out)
{
    for (size_t i = 0; i < dir->names.bucket_count; i++) {
        for (const struct fi_sim_memory_entry *entry = dir->names.buckets[i]; entry != NULL;
             entry = entry->next_in_bucket) {
            if (entry->cache == NULL) {
                continue;
            }
            struct listed listed = {
                .inode = entry->cache->number,
                .kind = dir->fs->hide_kinds ? FI_OS_UNKNOWN : entry->cache->kind,
                .name_size = strlen(entry->name),
            };
            if (fi_buf_append(out, &listed, sizeof listed) != FIRN_OK ||
                fi_buf_append(out, entry->name, listed.name_size + 1) != FIRN_OK) {
                return ENOMEM;
            }
        }
    }
    return 0;
}

int
fi_sim_memory_dir_list(struct fi_os_dir *dir,
                       int (*visit)(void *ctx, const struct fi_os_dirent *entry), void *ctx,
                       int *out_visited)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_dir(dir, FI_SIM_MEMORY_ASKS, &inode);
    if (error_number != 0) {
        return error_number;
    }
    if (inode->cache_names == NULL && inode != inode->fs->root) {
        return ENOENT; /* it was removed */
    }
    struct fi_buf list = {0};
    error_number = take_list(inode, &list);
    for (size_t at = 0; error_number == 0 && *out_visited == FIRN_OK && at < list.size;) {
        struct listed listed;
        memcpy(&listed, list.data + at, sizeof listed);
        struct fi_os_dirent entry = {
            .name = (const char *)list.data + at + sizeof listed,
            .name_size = listed.name_size,
            .kind = listed.kind,
            .inode = listed.inode,
        };
        at += sizeof listed + listed.name_size + 1;
        *out_visited = visit(ctx, &entry);
    }
    fi_buf_deinit(&list);
    return error_number;
}

int
fi_sim_memory_dir_sync(struct fi_os_dir *dir)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_dir(dir, FI_SIM_MEMORY_SYNCS, &inode);
    if (error_number != 0) {
        return error_number;
    }
    fi_sim_memory_tree_flush_dir(inode);
    fi_sim_memory_node_copy_attrs(&inode->media, &inode->cache);
    fi_sim_memory_tree_sweep(inode->fs);
    return 0;
}

int
fi_sim_memory_dir_sync_filesystem(struct fi_os_dir *dir)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_dir(dir, FI_SIM_MEMORY_SYNCS, &inode);
    if (error_number != 0) {
        return error_number;
    }
    struct fi_sim_memory *fs = inode->fs;
    fi_sim_memory_tree_flush_all(fs);
    for (inode = fs->inodes; inode != NULL; inode = inode->next) {
        fi_sim_memory_data_flush_all(inode);
        fi_sim_memory_node_copy_attrs(&inode->media, &inode->cache);
    }
    fi_sim_memory_tree_sweep(fs);
    return 0;
}

int
fi_sim_memory_dir_real_path(struct fi_os_dir *dir, struct fi_buf *out)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_dir(dir, FI_SIM_MEMORY_ASKS, &inode);
    if (error_number != 0) {
        return error_number;
    }
    size_t size = 0;
    struct fi_sim_memory_inode *at = inode;
    for (; at->cache_names != NULL; at = at->cache_names->dir) {
        size += 1 + strlen(at->cache_names->name);
    }
    if (at != inode->fs->root) {
        return ENOENT; /* it was removed */
    }
    if (size == 0) {
        return fi_buf_append_str(out, "/") == FIRN_OK ? 0 : ENOMEM;
    }
    size_t start = out->size;
    if (fi_buf_set_size(out, start + size) != FIRN_OK) {
        return ENOMEM;
    }
    char *end = (char *)out->data + out->size;
    for (at = inode; at->cache_names != NULL; at = at->cache_names->dir) {
        firn_slice name = firn_str(at->cache_names->name);
        end -= name.size;
        memcpy(end, name.data, name.size);
        *--end = '/';
    }
    return 0;
}

int
fi_sim_memory_dir_free_bytes(struct fi_os_dir *dir, uint64_t *out)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_dir(dir, FI_SIM_MEMORY_ASKS, &inode);
    if (error_number != 0) {
        return error_number;
    }
    const struct fi_sim_memory *fs = inode->fs;
    *out = fs->space_bytes > fs->used_bytes ? fs->space_bytes - fs->used_bytes : 0;
    return 0;
}

void
fi_sim_memory_dir_lose_unsynced(struct fi_os_dir *dir)
{
    struct fi_sim_memory_inode *inode;
    if (fi_sim_memory_begin_dir(dir, FI_SIM_MEMORY_ASKS, &inode) != 0) {
        return;
    }
    for (inode = inode->fs->inodes; inode != NULL; inode = inode->next) {
        fi_sim_memory_data_lose(inode);
    }
}
