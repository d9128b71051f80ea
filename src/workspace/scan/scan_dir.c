/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_dir.c: one directory: opened, listed, sorted, thinned by the exclusions, and
 * made known to all workers (scan_entries.c works through it).
 *
 * A visit opens the directory from the root's handle by its whole path, no link followed on the
 * way: no descriptor is held for anything above, and nobody who swaps a directory for a link can
 * lead the scan out of the workspace. Then it reads all names and makes the directory known: its
 * subdirectories may be visited by any worker from then on, and so may its segments, runs of 256
 * entries in the order of names. The visitor takes the first segment itself while the handle is
 * open, and for nearly every directory that is all there is. Only a directory of more segments
 * keeps its names (in the node); for the others they stay in the worker's buffer and are gone after
 * the visit.
 *
 * Subdirectories are looked at when they are visited, not before: one system call fewer each, and
 * the decision to leave one out (the store itself, a tagged build directory, one that cannot be
 * listed) falls where its contents are known. Mount points are crossed: a workspace is what its
 * paths show.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "place/place.h"
#include "rules/rules.h"
#include "scan/scan_internal.h"
#include "tree/tree.h"

static firn_slice
item_name(const struct firn_scan_item *item)
{
    return firn_bytes(item->name.text, item->name_size);
}

/* ---- opening and listing ---- */

int
firn_scan_dir_open(struct firn_scan_worker *worker, const struct firn_scan_node *node,
                   struct firn_os_dir **out, firn_error *err)
{
    if (firn_scan_node_path(node, "", &worker->path) != FIRN_OK) {
        return firn_error_no_memory(err, "a path");
    }
    return firn_os_dir_open_beneath(worker->scan->root, (const char *)worker->path.data, out, err);
}

static int
collect(void *ctx, const struct firn_os_dirent *entry)
{
    return firn_scan_listing_add(ctx, firn_bytes(entry->name, entry->name_size), entry->kind);
}

/* Fills worker->listing, in order. */
static int
list(struct firn_scan_worker *worker, struct firn_os_dir *dir, firn_error *err)
{
    struct firn_scan_listing *listing = &worker->listing;
    firn_scan_listing_clear(listing);
    int rc = firn_os_dir_list(dir, collect, listing, err);
    if (rc == FIRN_OK) {
        firn_scan_listing_sort(listing);
    }
    if (rc == FIRN_OK && listing->count > UINT32_MAX) {
        rc = firn_error_set(err, FIRN_LIMIT, "cannot save '%s': too many entries",
                            firn_os_dir_path(dir));
    }
    return rc == FIRN_NO_MEMORY ? firn_error_no_memory(err, "the names of a directory") : rc;
}

/* Asks for the kinds of entries of a directory that does not tell them; those that have none are
 * left out. */
static int
find_kinds(struct firn_scan_worker *worker, const struct firn_scan_node *node,
           struct firn_os_dir *dir, firn_error *err)
{
    struct firn_scan_listing *listing = &worker->listing;
    size_t kept = 0;
    for (size_t i = 0; i < listing->count; i++) {
        struct firn_scan_item item = listing->items[i];
        int rc = FIRN_OK;
        if (item.kind == FIRN_OS_UNKNOWN) {
            struct firn_os_stat stat;
            rc = firn_os_stat(dir, item.name.text, &stat, err);
            item.kind = rc == FIRN_OK ? (uint8_t)stat.kind : item.kind;
        }
        if (rc == FIRN_OK) {
            listing->items[kept++] = item;
            continue;
        }
        rc = firn_scan_report_left_out(worker, node, item.name.text, rc, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    listing->count = kept;
    return FIRN_OK;
}

/* ---- what is left out ---- */

/* What a whole listing says about what is left out by default: its entries, or all of it. */
struct signs {
    bool has_manifest;
    struct firn_rules_exclude_inside inside;
    bool has_store;     /* ".firn" is one */
    bool has_own_store; /* of this user's, so that the directory is a workspace of its own */
    bool has_identity;
    bool has_log; /* and that: it may be a store */
};

static int
find_signs(const struct firn_scan_listing *listing, struct firn_os_dir *dir, bool depends_on_inside,
           struct signs *out, firn_error *err)
{
    struct signs signs = {.has_manifest = false};
    int rc = FIRN_OK;
    for (size_t i = 0; i < listing->count; i++) {
        const struct firn_scan_item *item = &listing->items[i];
        if (item->name.text[0] == 'C' && item->kind != FIRN_OS_DIR) {
            signs.has_manifest =
                signs.has_manifest || firn_rules_exclude_is_manifest(item_name(item));
        }
        if (depends_on_inside) {
            firn_rules_exclude_see_inside(item_name(item), item->kind == FIRN_OS_DIR,
                                          &signs.inside);
        }
        if (item->kind == FIRN_OS_FILE) {
            signs.has_identity =
                signs.has_identity || firn_copy_capture_is_identity(item->name.text);
            signs.has_log = signs.has_log || firn_copy_capture_is_log(item->name.text);
        }
        if (item->name.text[0] == '.' && item->kind == FIRN_OS_DIR && !signs.has_store) {
            FIRN_TRY(firn_place_nested_find_store(dir, item->name.text, &signs.has_store,
                                                  &signs.has_own_store, err));
        }
    }
out:
    *out = signs;
    return rc;
}

/* Whether a subdirectory is left out for what it is, and why. */
static int
is_unwanted_dir(struct firn_scan_worker *worker, const struct firn_scan_node *node,
                bool *out_is_unwanted, char reason[FIRN_RULES_WALK_TEXT_SIZE], firn_error *err)
{
    const struct firn_scan_options *options = worker->scan->options;
    const struct firn_place_nested *nested = options->nested;
    DCHECK(node->parent != NULL);
    *out_is_unwanted = options->has_store && node->stat.device == options->store_device &&
                       node->stat.inode == options->store_inode;
    (void)snprintf(reason, FIRN_RULES_WALK_TEXT_SIZE, "the store itself");
    if (*out_is_unwanted || nested == NULL || !firn_place_nested_may_hold(nested)) {
        return FIRN_OK;
    }
    if (firn_scan_node_path(node, "", &worker->judged) != FIRN_OK) {
        return firn_error_no_memory(err, "a path");
    }
    (void)snprintf(reason, FIRN_RULES_WALK_TEXT_SIZE, "a workspace of its own");
    return firn_place_nested_holds(nested, firn_buf_slice(&worker->judged), out_is_unwanted, err);
}

/* What a restore that is under way, or was killed, works under: nothing of the user's. Who only looks
 * is not told of it. A save finishes a restore of its own workspace first, so it meets only what others
 * left, and names that. */
static int
leave_temporary(struct firn_scan_worker *worker, struct firn_scan_node *node, const char *name,
                firn_error *err)
{
    return worker->scan->sink->wants_content
               ? firn_scan_report_excluded(worker, node, name, "temporary name of a restore", err)
               : FIRN_OK;
}

/* A restore is the one that may remove such a name: to it, what a directory holds that somebody has moved
 * while it was worked in is a file like any other, which its safety checkpoint has. */
static bool
is_temporary(const struct firn_scan_worker *worker, const struct firn_scan_item *item)
{
    return item->name.text[0] == '.' && worker->scan->options->stored_rules == NULL &&
           firn_tree_reserved_is_temporary(item_name(item));
}

/* Whether an entry is to be worked on; otherwise it has been reported. */
static int
examine(struct firn_scan_worker *worker, struct firn_scan_node *node, struct firn_os_dir *dir,
        struct signs signs, const struct firn_scan_item *item, bool *out_is_kept, firn_error *err)
{
    const char *name = item->name.text;
    char reason[FIRN_RULES_WALK_TEXT_SIZE];
    enum firn_copy_capture_kind kind = firn_scan_store_judge(node, name).kind;
    *out_is_kept = false;
    if (kind == FIRN_COPY_CAPTURE_LEFT_OUT && item->kind != FIRN_OS_DIR) {
        return FIRN_OK;
    }
    if (is_temporary(worker, item)) {
        return leave_temporary(worker, node, name, err);
    }
    if (signs.has_store && strcmp(name, FIRN_PLACE_INSIDE) == 0) {
        return firn_scan_report_excluded(worker, node, name, "the store itself", err);
    }
    if (kind == FIRN_COPY_CAPTURE_FOREIGN &&
        firn_scan_rules_exclude(worker, node, item, signs.has_manifest, reason)) {
        return firn_scan_report_excluded(worker, node, name, reason, err);
    }
    if (!firn_tree_name_is_valid(item_name(item)) ||
        node->path_size + 1 + item->name_size > FIRN_TREE_PATH_SIZE_MAX ||
        (item->kind == FIRN_OS_DIR && node->depth + 1 >= FIRN_TREE_DEPTH_MAX)) {
        int rc = firn_error_set(err, FIRN_LIMIT,
                                "cannot save '%s/%s': name or path too long, or too deep",
                                firn_os_dir_path(dir), name);
        return firn_scan_report_left_out(worker, node, name, rc, err);
    }
    *out_is_kept = true;
    return FIRN_OK;
}

/* Thins worker->listing and counts what is left of it. */
static int
thin(struct firn_scan_worker *worker, struct firn_scan_node *node, struct firn_os_dir *dir,
     struct signs signs, size_t *out_name_bytes, firn_error *err)
{
    struct firn_scan_listing *listing = &worker->listing;
    size_t kept = 0;
    *out_name_bytes = 0;
    DCHECK(node->subdir_count == 0);
    for (size_t i = 0; i < listing->count; i++) {
        struct firn_scan_item item = listing->items[i];
        bool is_kept;
        int rc = examine(worker, node, dir, signs, &item, &is_kept, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (is_kept && item.kind == FIRN_OS_DIR) {
            item.subdir = (uint32_t)node->subdir_count++;
            *out_name_bytes += (size_t)item.name_size + 1;
        }
        if (is_kept) {
            listing->items[kept++] = item;
        }
    }
    listing->count = kept;
    return FIRN_OK;
}

/* Makes the records of subdirectories, whose names the node keeps. */
static int
make_subdirs(const struct firn_scan_listing *listing, struct firn_scan_node *node,
             size_t name_bytes)
{
    size_t count = node->subdir_count;
    node->subdir_count = 0; /* until there is something to be freed */
    if (count == 0) {
        return FIRN_OK;
    }
    char *name = node->subdir_names = firn_alloc(name_bytes);
    node->subdirs = firn_alloc_array(count, sizeof *node->subdirs);
    if (name == NULL || node->subdirs == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < listing->count; i++) {
        const struct firn_scan_item *item = &listing->items[i];
        if (item->kind == FIRN_OS_DIR) {
            memcpy(name, item->name.text, (size_t)item->name_size + 1);
            node->subdirs[node->subdir_count++] = (struct firn_scan_subdir){.name = name};
            name += item->name_size + 1;
        }
    }
    DCHECK(node->subdir_count == count && name == node->subdir_names + name_bytes);
    return FIRN_OK;
}

/* ---- the visit ---- */

/* Attributes of the directory itself. */
static int
read_metadata(struct firn_scan_worker *worker, struct firn_scan_node *node, struct firn_os_dir *dir,
              firn_error *err)
{
    unsigned missing;
    bool has_xattrs;
    int rc = FIRN_OK;
    firn_scan_known_see_self(worker, node, &has_xattrs);
    if (!has_xattrs) {
        goto out;
    }
    FIRN_TRY(firn_scan_xattrs_read(worker, (struct firn_os_node){.dir = dir}, &missing, err));
    if (missing > 0) {
        node->self = (struct firn_statcache_print){{0}};
        FIRN_TRY(firn_scan_report_incomplete(worker, node, "", err));
    }
    if (firn_buf_append_slice(&node->xattrs, firn_buf_slice(&worker->xattrs)) != FIRN_OK) {
        rc = firn_error_no_memory(err, "attributes");
    }
out:
    return rc;
}

/* A directory that may be a store's. What it had to be known by may have gone meanwhile. */
static int
enter_store(struct firn_scan_worker *worker, struct firn_scan_node *node, struct firn_os_dir *dir,
            bool has_log, firn_error *err)
{
    int rc;
    FIRN_TRY(firn_scan_store_enter(worker, node, dir, has_log, err));
    if (node->store != NULL) {
        FIRN_TRY(list(worker, dir, err));
        FIRN_TRY(find_kinds(worker, node, dir, err));
    }
out:
    return rc;
}

/* Finds out all about a directory that needs no lock. *out_is_kept is false if it is to be left
 * out, for that reason. */
static int
survey(struct firn_scan_worker *worker, struct firn_scan_node *node, struct firn_os_dir *dir,
       bool *out_is_kept, char reason[FIRN_RULES_WALK_TEXT_SIZE], firn_error *err)
{
    const struct firn_scan_counts before = firn_scan_counts_of(worker);
    int rc;
    *out_is_kept = false;
    FIRN_TRY(firn_os_dir_stat(dir, &node->stat, err));
    if (node->parent != NULL) {
        bool is_unwanted;
        FIRN_TRY(is_unwanted_dir(worker, node, &is_unwanted, reason, err));
        if (is_unwanted) {
            goto out;
        }
    }
    const struct firn_scan_witness *witness = worker->scan->options->witness;
    if (witness != NULL && witness->enter != NULL) {
        witness->enter(witness->ctx, dir, firn_buf_slice(&worker->path));
        /* What has happened to it since the first look, nobody may have been told of. */
        FIRN_TRY(firn_os_dir_stat(dir, &node->stat, err));
    }
    FIRN_TRY(firn_scan_known_find(worker, node, err));
    FIRN_TRY(list(worker, dir, err));
    FIRN_TRY(find_kinds(worker, node, dir, err));
    struct signs signs;
    const bool depends_on_inside =
        node->parent != NULL && firn_rules_exclude_depends_on_inside(firn_str(node->name));
    FIRN_TRY(find_signs(&worker->listing, dir, depends_on_inside, &signs, err));
    if (node->parent != NULL && signs.has_own_store) {
        (void)snprintf(reason, FIRN_RULES_WALK_TEXT_SIZE, "a workspace of its own");
        goto out;
    }
    if (depends_on_inside) {
        bool is_excluded;
        FIRN_TRY(
            firn_scan_rules_exclude_inside(worker, node, &signs.inside, &is_excluded, reason, err));
        if (is_excluded) {
            goto out;
        }
    }
    *out_is_kept = true;
    FIRN_TRY(read_metadata(worker, node, dir, err));
    FIRN_TRY(firn_scan_rules_enter(worker, node, dir, err));
    if (signs.has_identity) {
        FIRN_TRY(enter_store(worker, node, dir, signs.has_log, err));
    }
    firn_scan_store_enter_folder(node);
    size_t name_bytes;
    FIRN_TRY(thin(worker, node, dir, signs, &name_bytes, err));
    if (make_subdirs(&worker->listing, node, name_bytes) != FIRN_OK) {
        rc = firn_error_no_memory(err, "subdirectories");
        goto out;
    }
    if (worker->listing.count > FIRN_SCAN_SEGMENT_ENTRIES) {
        FIRN_TRY(firn_scan_known_share(node, err));
    }
    node->has_more_to_tell =
        node->has_more_to_tell || firn_scan_counts_of(worker).told != before.told;
out:
    return rc;
}

/* Makes segments and subdirectories known to all workers. The first segment is the caller's. */
static void
publish(struct firn_scan_worker *worker, struct firn_scan_node *node)
{
    struct firn_scan *scan = worker->scan;
    size_t count = worker->listing.count;
    node->segment_count = count == 0 ? 1 : (count - 1) / FIRN_SCAN_SEGMENT_ENTRIES + 1;
    if (node->segment_count > 1) {
        node->listing = worker->listing;
        worker->listing = (struct firn_scan_listing){0};
    }
    firn_os_mutex_lock(&scan->mutex);
    DCHECK(node->segments_claimed == 0 && node->waiting == 0);
    node->segments_claimed = 1;
    node->waiting = node->segment_count + node->subdir_count;
    if (node->segment_count > 1 || node->subdir_count > 0) {
        firn_scan_push_locked(scan, node);
    }
    firn_os_mutex_unlock(&scan->mutex);
}

/* Takes back the node of a directory that is not visited after all; its record says what the parent
 * has of it. */
static int
drop(struct firn_scan_worker *worker, struct firn_scan_node *node, firn_error *err)
{
    struct firn_scan_node *parent = node->parent;
    DCHECK(parent->subdirs[node->index].state != FIRN_SCAN_SUBDIR_WAITING);
    firn_os_mutex_lock(&worker->scan->mutex);
    parent->has_more_to_tell = true;
    firn_os_mutex_unlock(&worker->scan->mutex);
    firn_scan_node_destroy(worker->scan, node);
    return firn_scan_build_settle(worker, parent, err);
}

/* A directory that is not kept, with FIRN_OK and a reason, or could not be read, with code and *err. */
static int
go_on_without(struct firn_scan_worker *worker, struct firn_scan_node *node, int code,
              const char *reason, firn_error *err)
{
    bool is_carried = false;
    int rc = FIRN_OK;
    DCHECK(node->parent->subdirs[node->index].state == FIRN_SCAN_SUBDIR_WAITING);
    if (code != FIRN_OK) {
        FIRN_TRY(firn_scan_carry_dir(worker, node, code, &is_carried, err));
    }
    if (!is_carried) {
        node->parent->subdirs[node->index].state = FIRN_SCAN_SUBDIR_LEFT_OUT;
        FIRN_TRY(code == FIRN_OK ? firn_scan_report_excluded(worker, node, "", reason, err)
                                 : firn_scan_report_left_out(worker, node, "", code, err));
    }
    FIRN_TRY(drop(worker, node, err));
out:
    return rc;
}

int
firn_scan_dir_visit(struct firn_scan_worker *worker, struct firn_scan_node *parent, uint32_t index,
                    firn_error *err)
{
    bool is_passed = false;
    DCHECK(parent == NULL || index < parent->subdir_count);
    if (parent != NULL && worker->scan->options->confines != NULL) {
        int pass_rc = firn_scan_confined_pass(worker, parent, index, &is_passed, err);
        if (pass_rc != FIRN_OK || is_passed) {
            return pass_rc;
        }
    }
    struct firn_scan_node *node = firn_scan_node_create(worker->scan, parent, index);
    if (node == NULL) {
        return firn_error_no_memory(err, "a directory");
    }
    struct firn_os_dir *dir = NULL;
    char reason[FIRN_RULES_WALK_TEXT_SIZE];
    bool is_kept = false;
    int rc = firn_scan_dir_open(worker, node, &dir, err);
    if (rc == FIRN_OK) {
        rc = survey(worker, node, dir, &is_kept, reason, err);
    }
    if (rc == FIRN_OK && is_kept) {
        publish(worker, node);
        rc = firn_scan_entries_work(worker, node, dir, 0, err);
    } else if (parent != NULL) {
        rc = go_on_without(worker, node, rc, reason, err);
    }
    firn_os_dir_close(dir);
    return rc;
}
