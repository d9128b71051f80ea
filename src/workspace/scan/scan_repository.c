/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_repository.c: which entries a scan of the workspace's git repositories reads.
 *
 * Git's directory is in no tree of the user's files. A save reads the repositories by scans of
 * their own (present/ws_save_repositories.c), which begin at the root of the workspace and visit
 * only the way to each repository and what is in it. No rules apply there. There are two kinds of
 * such scans: one reads git's objects, the other one everything else, which is the state: HEAD,
 * refs, index, configuration, hooks, logs. A save needs the second kind alone if the state is
 * what the last checkpoint has, and an object costs nothing then.
 *
 * The objects of a repository are below "objects" in its directory. The directories of its
 * submodules are below "modules", and those of the submodules of a worktree below
 * "worktrees/NAME/modules", at any depth; a directory there is taken for a repository if it has
 * HEAD and objects. A branch may have such names; then a part of the state is read with the
 * objects, and is restored with them.
 *
 * Left out is what only a running git needs: locks and temporary files.
 *
 * A .git that is a file or a link is read as that, and never followed: what it names is in the
 * workspace, or it is not the workspace's.
 */
#include <string.h>

#include "base/check.h"
#include "base/search.h"
#include "base/slice.h"
#include "scan/scan_internal.h"

static firn_slice
name_of(const struct fi_scan_item *item)
{
    return firn_bytes(item->name.text, item->name_size);
}

/* The first of the repositories that does not come before a path. */
static size_t
find_path(const struct fi_scan_repositories *repositories, firn_slice path)
{
    size_t low = 0;
    size_t high = repositories->count;
    FI_SEARCH_FIRST(low, high, middle, fi_slice_compare(repositories->paths[middle], path) < 0);
    return low;
}

static bool
is_repository(const struct fi_scan_repositories *repositories, firn_slice path)
{
    size_t at = find_path(repositories, path);
    return at < repositories->count && fi_slice_equal(repositories->paths[at], path);
}

/* Whether a repository is below a directory. The path has room for one byte more. */
static bool
leads_on(const struct fi_scan_repositories *repositories, struct fi_buf *path)
{
    path->data[path->size] = '/';
    const firn_slice prefix = firn_bytes(path->data, path->size + 1);
    size_t at = find_path(repositories, prefix);
    return at < repositories->count && fi_slice_has_prefix(repositories->paths[at], prefix);
}

static bool
looks_like_repository(const struct fi_scan_listing *listing)
{
    bool has_head = false;
    bool has_objects = false;
    for (size_t i = 0; i < listing->count; i++) {
        const struct fi_scan_item *item = &listing->items[i];
        has_head = has_head || (item->kind == FI_OS_FILE && strcmp(item->name.text, "HEAD") == 0);
        has_objects =
            has_objects || (item->kind == FI_OS_DIR && strcmp(item->name.text, "objects") == 0);
    }
    return has_head && has_objects;
}

static bool
may_hold_modules(const char *name)
{
    return strcmp(name, "modules") == 0 || strcmp(name, "worktrees") == 0;
}

int
fi_scan_repository_enter(struct fi_scan_worker *worker, struct fi_scan_node *node, firn_error *err)
{
    DCHECK(node->zone == FI_SCAN_ZONE_NONE);
    node->zone = FI_SCAN_ZONE_WAY;
    if (node->parent == NULL) {
        return FIRN_OK;
    }
    if (node->parent->zone == FI_SCAN_ZONE_INSIDE) {
        node->zone = FI_SCAN_ZONE_INSIDE;
    } else if (node->parent->zone == FI_SCAN_ZONE_REPOSITORY) {
        node->zone = may_hold_modules(node->name) ? FI_SCAN_ZONE_MODULES : FI_SCAN_ZONE_INSIDE;
    } else if (node->parent->zone == FI_SCAN_ZONE_MODULES) {
        node->zone = looks_like_repository(&worker->listing) ? FI_SCAN_ZONE_REPOSITORY
                                                             : FI_SCAN_ZONE_MODULES;
    } else if (fi_scan_node_path(node, "", &worker->judged) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    } else if (is_repository(worker->scan->options->repositories, fi_buf_slice(&worker->judged))) {
        node->zone = FI_SCAN_ZONE_REPOSITORY;
    }
    return FIRN_OK;
}

static bool
is_lock(firn_slice name)
{
    static const char lock[] = ".lock";
    const size_t lock_size = sizeof lock - 1;
    return name.size > lock_size && memcmp(name.data + name.size - lock_size, lock, lock_size) == 0;
}

/* Whether it is a file that git makes while it runs, and that stays if git is killed. A lock is
 * known by its name alone, since no reference may end so. Other names count only where git has such
 * files: a branch, a submodule or a worktree may have any of them. */
static bool
is_transient(const struct fi_scan_node *node, const struct fi_scan_item *item, bool objects)
{
    const firn_slice name = name_of(item);
    if (item->kind != FI_OS_DIR && is_lock(name)) {
        return true;
    }
    if (node->zone == FI_SCAN_ZONE_REPOSITORY) {
        return fi_slice_has_prefix(name, firn_str("fsmonitor--daemon")) ||
               fi_slice_equal(name, firn_str("gc.pid"));
    }
    return objects && node->zone == FI_SCAN_ZONE_INSIDE && /* below a directory of objects */
           (fi_slice_has_prefix(name, firn_str("tmp_")) ||
            fi_slice_has_prefix(name, firn_str("incoming-")));
}

static int
keeps_on_way(struct fi_scan_worker *worker, const struct fi_scan_node *node,
             const struct fi_scan_item *item, bool *out, firn_error *err)
{
    const struct fi_scan_repositories *repositories = worker->scan->options->repositories;
    struct fi_buf *path = &worker->judged;
    if (fi_scan_node_path(node, item->name.text, path) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    *out = is_repository(repositories, fi_buf_slice(path))
               ? !repositories->objects || item->kind == FI_OS_DIR
               : item->kind == FI_OS_DIR && leads_on(repositories, path);
    return FIRN_OK;
}

int
fi_scan_repository_keeps(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                         const struct fi_scan_item *item, bool *out, firn_error *err)
{
    const bool objects = worker->scan->options->repositories->objects;
    const bool is_dir = item->kind == FI_OS_DIR;
    *out = false;
    if (node->zone == FI_SCAN_ZONE_WAY) {
        return keeps_on_way(worker, node, item, out, err);
    }
    if ((item->kind != FI_OS_FILE && item->kind != FI_OS_SYMLINK && !is_dir) ||
        is_transient(node, item, objects)) {
        return FIRN_OK;
    }
    switch (node->zone) {
    case FI_SCAN_ZONE_REPOSITORY:
        *out = is_dir && strcmp(item->name.text, "objects") == 0
                   ? objects
                   : !objects || (is_dir && may_hold_modules(item->name.text));
        break;
    case FI_SCAN_ZONE_MODULES:
        *out = !objects || is_dir;
        break;
    default:
        DCHECK(node->zone == FI_SCAN_ZONE_INSIDE);
        *out = true;
        break;
    }
    return FIRN_OK;
}
