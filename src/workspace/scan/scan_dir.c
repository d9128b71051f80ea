/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_dir.c: one directory: opens, lists and sorts it, drops excluded entries, and publishes
 * it to all workers.
 *
 * A visit opens the directory from the root's handle by its whole path, and follows no link on the
 * way: no descriptors of the directories above stay open, and replacing a directory by a link
 * cannot lead the scan out of the workspace. Then it reads all names and publishes the directory:
 * from then on any worker may visit its subdirectories and work on its segments, runs of 256
 * entries in the order of names. The visitor takes the first segment itself while the handle is
 * open; nearly every directory has only one. Only a directory of several segments keeps its names
 * (in the node); for the others they stay in the worker's buffer until the visit ends.
 *
 * A subdirectory is not looked at before it is visited. This saves a system call for each, and
 * the decision to leave one out (the store itself, a tagged build directory, one that cannot be
 * listed) is made when its contents are known. Mount points are crossed: a workspace is everything
 * that its paths lead to.
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
item_name(const struct fi_scan_item *item)
{
    return firn_bytes(item->name.text, item->name_size);
}

/* ---- opening and listing ---- */

int
fi_scan_dir_open(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                 struct fi_os_dir **out, firn_error *err)
{
    if (fi_scan_node_path(node, "", &worker->path) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    return fi_os_dir_open_beneath(worker->scan->root, (const char *)worker->path.data, out, err);
}

static int
scan_dir_collect(void *ctx, const struct fi_os_dirent *entry)
{
    return fi_scan_listing_add(ctx, firn_bytes(entry->name, entry->name_size), entry->kind);
}

/* Fills worker->listing, in order. */
static int
scan_dir_list(struct fi_scan_worker *worker, struct fi_os_dir *dir, firn_error *err)
{
    struct fi_scan_listing *listing = &worker->listing;
    fi_scan_listing_clear(listing);
    int rc = fi_os_dir_list(dir, scan_dir_collect, listing, err);
    if (rc == FIRN_OK) {
        fi_scan_listing_sort(listing);
    }
    if (rc == FIRN_OK && listing->count > UINT32_MAX) {
        rc = fi_error_set(err, FIRN_LIMIT, "cannot save '%s': too many entries",
                          fi_os_dir_path(dir));
    }
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "the names of a directory") : rc;
}

/* Asks for the kinds of entries that the listing does not report; entries without one are left
 * out. */
static int
find_kinds(struct fi_scan_worker *worker, const struct fi_scan_node *node, struct fi_os_dir *dir,
           firn_error *err)
{
    struct fi_scan_listing *listing = &worker->listing;
    size_t kept = 0;
    for (size_t i = 0; i < listing->count; i++) {
        struct fi_scan_item item = listing->items[i];
        int rc = FIRN_OK;
        if (item.kind == FI_OS_UNKNOWN) {
            struct fi_os_stat stat;
            rc = fi_os_stat(dir, item.name.text, &stat, err);
            item.kind = rc == FIRN_OK ? (uint8_t)stat.kind : item.kind;
        }
        if (rc == FIRN_OK) {
            listing->items[kept++] = item;
            continue;
        }
        rc = fi_scan_report_left_out(worker, node, item.name.text, rc, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    listing->count = kept;
    return FIRN_OK;
}

/* ---- what is left out ---- */

/* Signs in a listing that decide whether its entries, or the directory, are left out by default. */
struct signs {
    bool has_manifest;
    struct fi_rules_exclude_inside inside;
    bool has_store;         /* ".firn" is one */
    bool has_trusted_store; /* by this user, so the directory is a workspace of its own */
    bool has_identity;
    bool has_log;    /* with has_identity: it may be a store */
    bool has_beside; /* names that files beside databases have */
};

static int
find_signs(struct fi_scan_worker *worker, const struct fi_scan_node *node, struct fi_os_dir *dir,
           bool depends_on_inside, struct signs *out, firn_error *err)
{
    const struct fi_scan_listing *listing = &worker->listing;
    struct signs signs = {.has_manifest = false};
    int rc = FIRN_OK;
    for (size_t i = 0; i < listing->count; i++) {
        const struct fi_scan_item *item = &listing->items[i];
        const char first = item->name.text[0];
        if (first == 'C' && item->kind != FI_OS_DIR) {
            signs.has_manifest =
                signs.has_manifest || fi_rules_exclude_is_manifest(item_name(item));
        }
        if (depends_on_inside) {
            fi_rules_exclude_see_inside(item_name(item), item->kind == FI_OS_DIR, &signs.inside);
        }
        if (item->kind == FI_OS_FILE) {
            signs.has_identity = signs.has_identity || fi_copy_hot_is_identity(item->name.text);
            signs.has_log = signs.has_log || fi_copy_hot_is_log(item->name.text);
            signs.has_beside =
                signs.has_beside || fi_scan_sqlite_may_be_beside(item->name.text, item->name_size);
        }
        if (first == '.' && item->kind == FI_OS_DIR &&
            strcmp(item->name.text, FI_TRUST_INSIDE) == 0) {
            if (fi_scan_node_path(node, "", &worker->judged) != FIRN_OK) {
                rc = fi_error_no_memory(err, "a path");
                goto out;
            }
            FI_TRY(fi_place_nested_find_store(worker->scan->options->nested, dir,
                                              fi_buf_slice(&worker->judged), &signs.has_store,
                                              &signs.has_trusted_store, err));
        }
    }
out:
    *out = signs;
    return rc;
}

/* Whether a subdirectory is left out because of what it is, and why. */
static int
is_unwanted_dir(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                bool *out_is_unwanted, char reason[FI_RULES_WALK_TEXT_SIZE], firn_error *err)
{
    const struct fi_scan_options *options = worker->scan->options;
    const struct fi_place_nested *nested = options->nested;
    DCHECK(node->parent != NULL);
    *out_is_unwanted = options->has_store && node->stat.device == options->store_device &&
                       node->stat.inode == options->store_inode;
    (void)snprintf(reason, FI_RULES_WALK_TEXT_SIZE, "the store itself");
    if (*out_is_unwanted || nested == NULL || !fi_place_nested_may_hold(nested)) {
        return FIRN_OK;
    }
    if (fi_scan_node_path(node, "", &worker->judged) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    (void)snprintf(reason, FI_RULES_WALK_TEXT_SIZE, "a workspace of its own");
    return fi_place_nested_holds(nested, fi_buf_slice(&worker->judged), out_is_unwanted, err);
}

/* Whether a directory in a repository of git is a store. A store is no part of the repository, and
 * each save would copy it. */
static int
is_store_in_repository(const struct fi_scan_node *node, struct fi_os_dir *dir, struct signs signs,
                       bool *out, char reason[FI_RULES_WALK_TEXT_SIZE], firn_error *err)
{
    *out = false;
    (void)snprintf(reason, FI_RULES_WALK_TEXT_SIZE, "a store");
    return signs.has_identity && node->zone != FI_SCAN_ZONE_NONE && node->zone != FI_SCAN_ZONE_WAY
               ? fi_copy_hot_is_claimed(dir, out, err)
               : FIRN_OK;
}

/* Leaves out a temporary name of a restore that is under way or was killed: it is not a file of the
 * user's. Only a save reports it: a save finishes a restore of its own workspace first, so the
 * names that it meets were left by others. A repository that was renamed to make place is always
 * reported. */
static int
leave_temporary(struct fi_scan_worker *worker, struct fi_scan_node *node, const char *name,
                firn_error *err)
{
    return worker->scan->sink->wants_content || strstr(name, ".old") != NULL
               ? fi_scan_report_excluded(worker, node, name, "temporary name of a restore", err)
               : FIRN_OK;
}

/* Whether an entry has a temporary name of a restore. Always false in the scan of a restore, which
 * may remove such names: a user may have moved a directory while a restore was working in it, and
 * the files in that directory must be in the safety checkpoint like any others. */
static bool
is_temporary(const struct fi_scan_worker *worker, const struct fi_scan_item *item)
{
    return item->name.text[0] == '.' && worker->scan->options->stored_rules == NULL &&
           fi_tree_reserved_is_temporary(item_name(item));
}

/* Whether an entry is one of the user's files that are saved; if not, it has been reported. */
static int
scan_dir_judge(struct fi_scan_worker *worker, struct fi_scan_node *node, struct signs signs,
               const struct fi_scan_item *item, bool *out_is_kept, firn_error *err)
{
    const char *name = item->name.text;
    char reason[FI_RULES_WALK_TEXT_SIZE];
    enum fi_copy_hot_kind kind = fi_scan_store_assess(node, name).kind;
    *out_is_kept = false;
    if ((kind == FI_COPY_HOT_LEFT_OUT && item->kind != FI_OS_DIR) ||
        (node->databases.count > 0 && fi_scan_sqlite_leaves_out(node, item))) {
        return FIRN_OK;
    }
    if (is_temporary(worker, item)) {
        return leave_temporary(worker, node, name, err);
    }
    if (signs.has_store && strcmp(name, FI_TRUST_INSIDE) == 0) {
        return fi_scan_report_excluded(worker, node, name, "the store itself", err);
    }
    if (kind == FI_COPY_HOT_FOREIGN &&
        fi_scan_rules_exclude(worker, node, item, signs.has_manifest, reason)) {
        return fi_scan_report_excluded(worker, node, name, reason, err);
    }
    *out_is_kept = true;
    return FIRN_OK;
}

/* Whether an entry is to be saved. */
static int
scan_dir_examine(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
                 struct signs signs, const struct fi_scan_item *item, bool *out_is_kept,
                 firn_error *err)
{
    const char *name = item->name.text;
    int rc = node->zone == FI_SCAN_ZONE_NONE
                 ? scan_dir_judge(worker, node, signs, item, out_is_kept, err)
                 : fi_scan_repository_keeps(worker, node, item, out_is_kept, err);
    if (rc != FIRN_OK || !*out_is_kept) {
        return rc;
    }
    if (!fi_tree_name_is_valid(item_name(item)) ||
        node->path_size + 1 + item->name_size > FI_TREE_PATH_SIZE_MAX ||
        (item->kind == FI_OS_DIR && node->depth + 1 >= FI_TREE_DEPTH_MAX)) {
        *out_is_kept = false;
        rc =
            fi_error_set(err, FIRN_LIMIT, "cannot save '%s/%s': name or path too long, or too deep",
                         fi_os_dir_path(dir), name);
        return fi_scan_report_left_out(worker, node, name, rc, err);
    }
    return FIRN_OK;
}

/* Drops excluded entries from worker->listing and counts the rest. */
static int
thin(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
     struct signs signs, size_t *out_name_bytes, firn_error *err)
{
    struct fi_scan_listing *listing = &worker->listing;
    size_t kept = 0;
    *out_name_bytes = 0;
    DCHECK(node->subdir_count == 0);
    for (size_t i = 0; i < listing->count; i++) {
        struct fi_scan_item item = listing->items[i];
        bool is_kept;
        int rc = scan_dir_examine(worker, node, dir, signs, &item, &is_kept, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (is_kept && item.kind == FI_OS_DIR) {
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
make_subdirs(const struct fi_scan_listing *listing, struct fi_scan_node *node, size_t name_bytes)
{
    size_t count = node->subdir_count;
    node->subdir_count = 0; /* until there is something to be freed */
    if (count == 0) {
        return FIRN_OK;
    }
    char *name = node->subdir_names = fi_alloc(name_bytes);
    node->subdirs = fi_alloc_array(count, sizeof *node->subdirs);
    if (name == NULL || node->subdirs == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < listing->count; i++) {
        const struct fi_scan_item *item = &listing->items[i];
        if (item->kind == FI_OS_DIR) {
            memcpy(name, item->name.text, (size_t)item->name_size + 1);
            node->subdirs[node->subdir_count++] = (struct fi_scan_subdir){.name = name};
            name += item->name_size + 1;
        }
    }
    DCHECK(node->subdir_count == count && name == node->subdir_names + name_bytes);
    return FIRN_OK;
}

/* ---- the visit ---- */

/* Attributes of the directory itself. */
static int
read_metadata(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
              firn_error *err)
{
    unsigned missing;
    bool has_xattrs;
    int rc = FIRN_OK;
    fi_scan_known_see_self(worker, node, &has_xattrs);
    if (!has_xattrs) {
        goto out;
    }
    FI_TRY(fi_scan_xattrs_read(worker, (struct fi_os_node){.dir = dir}, &missing, err));
    if (missing > 0) {
        node->self = (struct fi_statcache_print){{0}};
        FI_TRY(fi_scan_report_incomplete(worker, node, "", err));
    }
    if (fi_buf_append_slice(&node->xattrs, fi_buf_slice(&worker->xattrs)) != FIRN_OK) {
        rc = fi_error_no_memory(err, "attributes");
    }
out:
    return rc;
}

/* Enters a directory whose listing looks like a store's. If it is a store, lists it again: the
 * names must be those of the state that is saved. */
static int
enter_store(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
            bool has_log, firn_error *err)
{
    FI_TRY_RETURN(fi_scan_store_enter(worker, node, dir, has_log, err));
    if (node->store != NULL) {
        FI_TRY_RETURN(scan_dir_list(worker, dir, err));
        FI_TRY_RETURN(find_kinds(worker, node, dir, err));
    }
    return FIRN_OK;
}

/* Enters the databases in the listing that have files beside them. A database that a rule excludes
 * is not entered. */
static int
enter_databases(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
                struct signs signs, firn_error *err)
{
    const struct fi_scan_listing *listing = &worker->listing;
    char reason[FI_RULES_WALK_TEXT_SIZE];
    if (!signs.has_beside || node->is_in_store || worker->scan->options->sqlite.copy == NULL) {
        return FIRN_OK;
    }
    for (size_t i = 0; i < listing->count; i++) {
        const struct fi_scan_item *found = fi_scan_sqlite_beside(listing, &listing->items[i]);
        if (found == NULL || is_temporary(worker, found) ||
            fi_scan_rules_exclude(worker, node, found, signs.has_manifest, reason)) {
            continue;
        }
        int rc = fi_scan_sqlite_enter(worker, node, dir, found->name.text, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* Does the part of a visit that needs no lock. *out_is_kept is false if the directory is to be left
 * out, for the given reason. */
static int
scan_dir_survey(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
                bool *out_is_kept, char reason[FI_RULES_WALK_TEXT_SIZE], firn_error *err)
{
    const struct fi_scan_counts before = fi_scan_counts_of(worker);
    int rc;
    *out_is_kept = false;
    FI_TRY(fi_os_dir_stat(dir, &node->stat, err));
    if (node->parent != NULL) {
        bool is_unwanted;
        FI_TRY(is_unwanted_dir(worker, node, &is_unwanted, reason, err));
        if (is_unwanted) {
            goto out;
        }
    }
    const struct fi_scan_witness *witness = worker->scan->options->witness;
    if (witness != NULL && witness->enter != NULL) {
        witness->enter(witness->ctx, dir, fi_buf_slice(&worker->path));
        /* The watch may not have learned what happened since the first look. */
        FI_TRY(fi_os_dir_stat(dir, &node->stat, err));
    }
    FI_TRY(fi_scan_known_find(worker, node, err));
    FI_TRY(scan_dir_list(worker, dir, err));
    FI_TRY(find_kinds(worker, node, dir, err));
    if (worker->scan->options->repositories != NULL) {
        FI_TRY(fi_scan_repository_enter(worker, node, err));
    }
    struct signs signs;
    const bool depends_on_inside =
        node->parent != NULL && fi_rules_exclude_depends_on_inside(firn_str(node->name));
    FI_TRY(find_signs(worker, node, dir, depends_on_inside, &signs, err));
    if (node->parent != NULL && signs.has_trusted_store) {
        (void)snprintf(reason, FI_RULES_WALK_TEXT_SIZE, "a workspace of its own");
        goto out;
    }
    bool is_store;
    FI_TRY(is_store_in_repository(node, dir, signs, &is_store, reason, err));
    if (is_store) {
        goto out;
    }
    if (depends_on_inside) {
        bool is_excluded;
        FI_TRY(
            fi_scan_rules_exclude_inside(worker, node, &signs.inside, &is_excluded, reason, err));
        if (is_excluded) {
            goto out;
        }
    }
    *out_is_kept = true;
    FI_TRY(read_metadata(worker, node, dir, err));
    FI_TRY(fi_scan_rules_enter(worker, node, dir, err));
    if (signs.has_identity && !worker->scan->options->is_copy) {
        FI_TRY(enter_store(worker, node, dir, signs.has_log, err));
    }
    fi_scan_store_enter_folder(node);
    size_t name_bytes;
    FI_TRY(enter_databases(worker, node, dir, signs, err));
    FI_TRY(thin(worker, node, dir, signs, &name_bytes, err));
    if (make_subdirs(&worker->listing, node, name_bytes) != FIRN_OK) {
        rc = fi_error_no_memory(err, "subdirectories");
        goto out;
    }
    if (worker->listing.count > FI_SCAN_SEGMENT_ENTRIES) {
        FI_TRY(fi_scan_known_share(node, err));
    }
    node->has_more_to_tell =
        node->has_more_to_tell || fi_scan_counts_of(worker).told != before.told;
out:
    return rc;
}

/* Publishes segments and subdirectories to all workers. The first segment is the caller's. */
static void
scan_dir_publish(struct fi_scan_worker *worker, struct fi_scan_node *node)
{
    struct fi_scan *scan = worker->scan;
    size_t count = worker->listing.count;
    node->segment_count = count == 0 ? 1 : (count - 1) / FI_SCAN_SEGMENT_ENTRIES + 1;
    if (node->segment_count > 1) {
        node->listing = worker->listing;
        worker->listing = (struct fi_scan_listing){0};
    }
    fi_os_mutex_lock(&scan->mutex);
    DCHECK(node->segments_claimed == 0 && node->waiting == 0);
    node->segments_claimed = 1;
    node->waiting = node->segment_count + node->subdir_count;
    if (node->segment_count > 1 || node->subdir_count > 0) {
        fi_scan_node_push_locked(scan, node);
    }
    fi_os_mutex_unlock(&scan->mutex);
}

/* Removes the node of a directory that is not visited after all; the parent uses its record. */
static int
scan_dir_drop(struct fi_scan_worker *worker, struct fi_scan_node *node, firn_error *err)
{
    struct fi_scan_node *parent = node->parent;
    DCHECK(parent->subdirs[node->index].state != FI_SCAN_SUBDIR_WAITING);
    fi_os_mutex_lock(&worker->scan->mutex);
    parent->has_more_to_tell = true;
    fi_os_mutex_unlock(&worker->scan->mutex);
    fi_scan_node_destroy(worker->scan, node);
    return fi_scan_build_finish_part(worker, parent, err);
}

/* Handles a directory that is not kept (code FIRN_OK, with a reason) or could not be read (code and
 * *err). */
static int
go_on_without(struct fi_scan_worker *worker, struct fi_scan_node *node, int code,
              const char *reason, firn_error *err)
{
    bool is_carried = false;
    DCHECK(node->parent->subdirs[node->index].state == FI_SCAN_SUBDIR_WAITING);
    if (code != FIRN_OK) {
        FI_TRY_RETURN(fi_scan_carry_dir(worker, node, code, &is_carried, err));
    }
    if (!is_carried) {
        node->parent->subdirs[node->index].state = FI_SCAN_SUBDIR_LEFT_OUT;
        FI_TRY_RETURN(code == FIRN_OK ? fi_scan_report_excluded(worker, node, "", reason, err)
                                      : fi_scan_report_left_out(worker, node, "", code, err));
    }
    return scan_dir_drop(worker, node, err);
}

int
fi_scan_dir_visit(struct fi_scan_worker *worker, struct fi_scan_node *parent, uint32_t index,
                  firn_error *err)
{
    bool is_passed = false;
    DCHECK(parent == NULL || index < parent->subdir_count);
    if (parent != NULL && worker->scan->options->confines != NULL) {
        FI_TRY_RETURN(fi_scan_confined_pass(worker, parent, index, &is_passed, err));
        if (is_passed) {
            return fi_scan_build_finish_part(worker, parent, err);
        }
    }
    struct fi_scan_node *node = fi_scan_node_create(worker->scan, parent, index);
    if (node == NULL) {
        return fi_error_no_memory(err, "a directory");
    }
    struct fi_os_dir *dir = NULL;
    char reason[FI_RULES_WALK_TEXT_SIZE];
    bool is_kept = false;
    int rc = fi_scan_dir_open(worker, node, &dir, err);
    if (rc == FIRN_OK) {
        rc = scan_dir_survey(worker, node, dir, &is_kept, reason, err);
    }
    if (rc == FIRN_OK && is_kept) {
        scan_dir_publish(worker, node);
        rc = fi_scan_segment_work(worker, node, dir, 0, err);
    } else if (parent != NULL) {
        rc = go_on_without(worker, node, rc, reason, err);
    }
    fi_os_dir_close(dir);
    return rc;
}
