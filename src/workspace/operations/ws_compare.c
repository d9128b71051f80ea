/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_compare.c: scanning the disk to compare it with a checkpoint.
 *
 * The scan applies today's rules (ws_rules.c): its tree is what a save would make now, with
 * dependencies as the checkpoint has them. For a restore it applies the checkpoint's rules as well.
 * Files that the stat cache has are not read, and its directories are in the store; directories
 * that have changed since are kept in memory. If the cache turns out to be wrong, everything is
 * read instead: what is in memory by then does no harm, since objects are found by their hash.
 *
 * Directories that a watch reports as unchanged since the newest checkpoint are not visited
 * (watchlink.c).
 */
#include "operations/operations_internal.h"

#include "base/check.h"
#include "statcache/statcache.h"
#include "watchlink/watchlink.h"

/* The arguments of an init. */
struct request {
    struct firn_ws *ws;
    struct firn_ws_opened *opened;
    const struct firn_catalog_record *record;
    struct firn_ws_compare_options options;
};

/* One scan, without what a watch reports as unchanged. *err is not NULL. */
static int
scan_watched(struct firn_ws_compare *compare, struct firn_ws_opened *opened,
             const struct firn_scan_options *options, struct firn_watchlink *watched,
             firn_error *err)
{
    DCHECK(err != NULL && compare->treesink != NULL);
    struct firn_objects_sink sink = firn_objects_treesink_sink(compare->treesink);
    struct firn_scan_options given = *options;
    firn_watchlink_apply(watched, &given);
    int rc = firn_scan(opened->root, &given, &sink, &compare->scan, err);
    if (rc == FIRN_CONFLICT && firn_watchlink_widen(watched)) {
        rc = firn_scan(opened->root, options, &sink, &compare->scan, err);
    }
    firn_objects_trees_trim(opened->objects);
    if (rc == FIRN_OK) {
        firn_watchlink_complete(watched, &compare->scan);
    }
    return rc;
}

/* Scans with the stat cache, or without it if it is wrong. *err is not NULL. */
static int
scan(struct firn_ws_compare *compare, struct firn_ws_opened *opened,
     struct firn_scan_options *options, struct firn_watchlink *watched, firn_error *err)
{
    struct firn_statcache_options stat_options = {.objects = opened->objects,
                                                  .workspace = opened->workspace.number};
    DCHECK(options->stat == NULL && opened->db != NULL);
    int rc = firn_statcache_open(opened->db, &stat_options, &options->stat, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = scan_watched(compare, opened, options, watched, err);
    bool is_broken = rc != FIRN_OK && firn_statcache_is_broken(options->stat);
    firn_statcache_close(options->stat);
    options->stat = NULL;
    return is_broken ? scan_watched(compare, opened, options, NULL, err) : rc;
}

/* Asks the watch of the workspace, if there is one. */
static int
ask_watch(const struct request *request, const struct firn_scan_options *options,
          struct firn_watchlink **out, firn_error *err)
{
    struct firn_ws_opened *opened = request->opened;
    struct firn_catalog_record newest;
    struct firn_buf bytes = {0};
    *out = NULL;
    int rc = firn_catalog_newest(opened->catalog, opened->workspace.number, &bytes, &newest, err);
    if (rc == FIRN_OK) {
        const struct firn_watchlink_options watched = {.tree = &newest.root.hash,
                                                       .include_deps = options->include_deps,
                                                       .gitignore = options->gitignore,
                                                       .file_size_max = options->file_size_max};
        rc = firn_watchlink_begin(request->ws, opened, &watched, out, err);
    }
    firn_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Requires: the rules are loaded. */
static int
fill(struct firn_ws_compare *out, const struct request *request, bool is_for_restore,
     firn_error *err)
{
    struct firn_ws_opened *opened = request->opened;
    const struct firn_tree_source *stored = firn_objects_trees(opened->objects);
    struct firn_watchlink *watched = NULL;
    int rc;
    firn_error own_err;
    err = err != NULL ? err : &own_err;
    DCHECK(out->treesink == NULL && out->disk_side.root == NULL);
    FIRN_TRY(firn_objects_treesink_create(request->ws->os, &out->treesink, err));
    struct firn_scan_options options =
        firn_ws_scan_options_of(opened, out->rules.include_deps, false, request->options.threads,
                                request->options.callbacks);
    options.file_size_max = out->rules.file_size_max;
    options.gitignore = out->rules.gitignore;
    if (is_for_restore) {
        options.stored_rules = &out->rules.sets;
    } else {
        FIRN_TRY(firn_ws_save_tree_last(opened, &options.last, err));
        FIRN_TRY(ask_watch(request, &options, &watched, err));
        out->is_watched = watched != NULL;
    }
    FIRN_TRY(scan(out, opened, &options, watched, err));
    out->now = firn_objects_treesink_source(out->treesink, stored);
    out->checkpoint_side =
        (struct firn_difference_walk_side){.source = stored, .root = &request->record->root};
    out->disk_side =
        (struct firn_difference_walk_side){.source = &out->now, .root = &out->scan.root};
out:
    firn_watchlink_end(watched);
    return rc;
}

int
firn_ws_compare_init(struct firn_ws_compare *out, struct firn_ws *ws, struct firn_ws_opened *opened,
                     const struct firn_catalog_record *record,
                     const struct firn_ws_compare_options *options, firn_error *err)
{
    const struct request request = {ws, opened, record, *options};
    *out = (struct firn_ws_compare){0};
    int rc = firn_ws_rules_load_today(opened, record, NULL, &options->today, &out->rules, err);
    return rc == FIRN_OK ? fill(out, &request, false, err) : rc;
}

int
firn_ws_compare_init_for_restore(struct firn_ws_compare *out, struct firn_ws *ws,
                                 struct firn_ws_opened *opened,
                                 const struct firn_catalog_record *record,
                                 const struct firn_catalog_record *second,
                                 const struct firn_ws_compare_options *options, firn_error *err)
{
    const struct request request = {ws, opened, record, *options};
    *out = (struct firn_ws_compare){0};
    int rc = firn_ws_rules_load_today(opened, record, second, &options->today, &out->rules, err);
    return rc == FIRN_OK ? fill(out, &request, true, err) : rc;
}

void
firn_ws_compare_deinit(struct firn_ws_compare *compare)
{
    firn_scan_result_deinit(&compare->scan);
    firn_objects_treesink_destroy(compare->treesink);
    firn_ws_rules_deinit(&compare->rules);
    *compare = (struct firn_ws_compare){0};
}
