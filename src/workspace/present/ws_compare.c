/* SPDX-License-Identifier: Apache-2.0
 *
 * present/ws_compare.c: scanning the disk to compare it with a checkpoint.
 *
 * The scan applies today's rules (ws_rules.c): its tree is what a save would make now, with
 * dependencies as the checkpoint has them. For a restore it applies the checkpoint's rules as well.
 * Files that the stat cache has are not read, and its directories are in the store; directories
 * that have changed since are kept in memory. If the cache turns out to be wrong, everything is
 * read instead: what is in memory by then does no harm, since objects are found by their hash.
 *
 * Directories that a watch reports as unchanged since the newest checkpoint are not visited
 * (watchlink.c).
 *
 * A checkpoint may have entries that today's rules exclude: rules are added, and imports take what
 * a source has. A restore leaves such an entry alone while it is on the disk, so it is no
 * difference either: it must not be called removed (I1). Only entries that the checkpoint has and a
 * rule excludes are looked up on the disk.
 */
#include "present/present.h"

#include "base/check.h"
#include "base/slice.h"
#include "statcache/statcache.h"
#include "threads/os_callback.h"
#include "watchlink/watchlink.h"

/* One scan, without what a watch reports as unchanged. *err is not NULL. */
static int
scan_watched(struct fi_ws_compare *compare, struct fi_ws_opened *opened,
             const struct fi_scan_options *options, struct fi_watchlink *watched, firn_error *err)
{
    DCHECK(err != NULL && compare->treesink != NULL);
    struct fi_objects_sink sink = fi_objects_treesink_sink(compare->treesink);
    struct fi_scan_options given = *options;
    fi_watchlink_apply(watched, &given);
    int rc = fi_scan_tree(opened->root, &given, &sink, &compare->scan, err);
    if (rc == FIRN_CONFLICT && fi_watchlink_widen(watched)) {
        rc = fi_scan_tree(opened->root, options, &sink, &compare->scan, err);
    }
    fi_objects_trees_trim(opened->objects);
    if (rc == FIRN_OK) {
        fi_watchlink_complete(watched, &compare->scan);
    }
    return rc;
}

/* Scans with the stat cache, or without it if it is wrong. *err is not NULL. */
static int
ws_compare_scan(struct fi_ws_compare *compare, struct fi_ws_opened *opened,
                struct fi_scan_options *options, struct fi_watchlink *watched, firn_error *err)
{
    struct fi_statcache_options stat_options = {.objects = opened->objects,
                                                .workspace = opened->workspace.number};
    DCHECK(options->stat == NULL && opened->db != NULL);
    int rc = fi_statcache_open(opened->db, &stat_options, &options->stat, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = scan_watched(compare, opened, options, watched, err);
    bool is_broken = rc != FIRN_OK && fi_statcache_is_broken(options->stat);
    fi_statcache_close(options->stat);
    options->stat = NULL;
    return is_broken ? scan_watched(compare, opened, options, NULL, err) : rc;
}

/* Asks the watch of the workspace, if there is one. */
static int
query_watch(struct firn_ws *ws, struct fi_ws_opened *opened, const struct fi_scan_options *options,
            struct fi_watchlink **out, firn_error *err)
{
    struct fi_catalog_record newest;
    struct fi_buf bytes = {0};
    *out = NULL;
    int rc = fi_catalog_newest(opened->catalog, opened->workspace.number, &bytes, &newest, err);
    if (rc == FIRN_OK) {
        const struct fi_watchlink_options watched = {.tree = &newest.root.hash,
                                                     .include_deps = options->include_deps,
                                                     .gitignore = options->gitignore,
                                                     .file_size_max = options->file_size_max};
        rc = fi_watchlink_begin(ws, opened, &watched, out, err);
    }
    fi_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_ws_compare_init(struct fi_ws_compare *out, struct firn_ws *ws, struct fi_ws_opened *opened,
                   const struct fi_catalog_record *record,
                   const struct fi_ws_compare_options *options, firn_error *err)
{
    const struct fi_tree_source *stored = fi_objects_trees(opened->objects);
    struct fi_watchlink *watched = NULL;
    int rc;
    firn_error own_err;
    err = err != NULL ? err : &own_err;
    *out = (struct fi_ws_compare){.root = opened->root};
    fi_ws_restore_unsaved_init(&out->unsaved, options->callbacks, &out->callbacks);
    FI_TRY(
        fi_ws_rules_load_today(opened, record, options->second, &options->today, &out->rules, err));
    FI_TRY(fi_objects_treesink_create(ws->os, &out->treesink, err));
    struct fi_scan_options scan = fi_ws_scan_options_of(opened, out->rules.include_deps, false,
                                                        options->threads, &out->callbacks);
    scan.file_size_max = out->rules.file_size_max;
    scan.gitignore = out->rules.gitignore;
    scan.names_only = options->names_only;
    if (options->is_for_restore) {
        scan.stored_rules = &out->rules.sets;
    } else {
        FI_TRY(fi_ws_save_tree_last(opened, &scan.last, err));
        FI_TRY(query_watch(ws, opened, &scan, &watched, err));
        out->is_watched = watched != NULL;
    }
    FI_TRY(ws_compare_scan(out, opened, &scan, watched, err));
    FI_TRY(fi_ws_restore_unsaved_check(&out->unsaved, err));
    out->now = fi_objects_treesink_source(out->treesink, stored);
    out->checkpoint_side =
        (struct fi_difference_walk_side){.source = stored, .root = &record->root};
    out->disk_side = (struct fi_difference_walk_side){.source = &out->now, .root = &out->scan.root};
out:
    fi_watchlink_end(watched);
    return rc;
}

/* ---- what rules exclude ---- */

/* Opens the directory of a path, unless it is the last one that was opened. */
static int
take_dir(struct fi_ws_compare *compare, firn_slice dir, firn_error *err)
{
    if (compare->has_dir && fi_slice_equal(dir, fi_buf_slice(&compare->dir_path))) {
        return FIRN_OK;
    }
    fi_os_dir_close(compare->dir);
    compare->dir = NULL;
    compare->has_dir = false;
    fi_buf_clear(&compare->dir_path);
    if (fi_buf_append_slice(&compare->dir_path, dir) != FIRN_OK ||
        fi_buf_text(&compare->dir_path) == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    int rc = fi_os_dir_open_beneath(compare->root, (const char *)compare->dir_path.data,
                                    &compare->dir, err);
    compare->has_dir = rc == FIRN_OK || rc == FIRN_NOT_FOUND;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_ws_compare_is_left_alone(struct fi_ws_compare *compare,
                            const struct fi_difference_walk_change *change, bool *out,
                            firn_error *err)
{
    const firn_slice path = change->path;
    struct fi_os_stat stat;
    firn_error cause;
    size_t size;
    int rc = FIRN_OK;
    DCHECK(compare->root != NULL);
    *out = change->kind == FI_DIFFERENCE_WALK_REMOVED &&
           fi_ws_restore_unsaved_why(&compare->unsaved, path, &size) == FI_CHECKOUT_EXCLUDED;
    if (!*out) {
        return FIRN_OK;
    }
    size_t dir_size = path.size;
    while (dir_size > 0 && path.data[dir_size - 1] != '/') {
        dir_size--;
    }
    struct fi_buf name = {0};
    if (fi_buf_append(&name, path.data + dir_size, path.size - dir_size) != FIRN_OK ||
        fi_buf_text(&name) == NULL) {
        rc = fi_error_no_memory(err, "a path");
        goto out;
    }
    rc = take_dir(compare, firn_bytes(path.data, dir_size > 0 ? dir_size - 1 : 0), &cause);
    if (rc == FIRN_OK && compare->dir != NULL) {
        rc = fi_os_stat(compare->dir, (const char *)name.data, &stat, &cause);
    } else if (rc == FIRN_OK) {
        rc = FIRN_NOT_FOUND;
    }
    *out = rc != FIRN_NOT_FOUND;           /* also where it cannot be looked at */
    CHECK(!*out || change->after == NULL); /* (I1) */
    if (rc == FIRN_NO_MEMORY) {
        fi_error_copy(err, &cause);
    } else {
        rc = FIRN_OK;
    }
out:
    fi_buf_deinit(&name);
    return rc;
}

int
fi_ws_compare_report_left_alone(struct fi_ws_compare *compare, firn_slice path, firn_error *err)
{
    size_t size;
    if (fi_ws_restore_unsaved_why(&compare->unsaved, path, &size) != FI_CHECKOUT_EXCLUDED) {
        return FIRN_OK;
    }
    const firn_slice topmost = firn_bytes(path.data, size);
    if (compare->told.size > 0 && fi_slice_equal(topmost, fi_buf_slice(&compare->told))) {
        return FIRN_OK;
    }
    fi_buf_clear(&compare->told);
    if (fi_buf_append_slice(&compare->told, topmost) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    const firn_notice notice = {.kind = FIRN_NOTICE_LEFT_ALONE,
                                .path = topmost,
                                .text = "today's rules exclude it; the next save leaves it out"};
    if (compare->unsaved.outer.on_notice != NULL) {
        fi_os_callback_notice(&compare->unsaved.outer, &notice);
    }
    return FIRN_OK;
}

void
fi_ws_compare_deinit(struct fi_ws_compare *compare)
{
    if (compare->root != NULL) {
        fi_ws_restore_unsaved_deinit(&compare->unsaved);
    }
    fi_os_dir_close(compare->dir);
    fi_buf_deinit(&compare->dir_path);
    fi_buf_deinit(&compare->told);
    fi_scan_result_deinit(&compare->scan);
    fi_objects_treesink_destroy(compare->treesink);
    fi_ws_rules_deinit(&compare->rules);
    *compare = (struct fi_ws_compare){0};
}
