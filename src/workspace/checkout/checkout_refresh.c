/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_refresh.c: what a restore has changed, made known to the stat cache.
 *
 * A restore leaves files that no save has seen: the next one would read them all. So at its end the
 * directories that differ between the tree before and the one restored are scanned once more, and
 * only they (scan_confined.c): their new files are read, from the system's memory still, and
 * what is seen of them is noted like by a save.
 *
 * Reading is what makes it true: what stands on the disk is hashed, not what was meant to be
 * written, so somebody's edit of the last moment is never taken for the restored state (I1; not
 * checked: nothing here knows what was meant).
 *
 * That costs a small part of what writing them did. Where more has changed than the system is likely
 * to have in its memory nothing is done, and the next save reads it.
 */
#include "checkout/checkout_refresh.h"

#include "base/check.h"
#include "base/sort.h"
#include "codec/xxh3.h"
#include "statcache/statcache.h"

enum { FILES_MAX = 200 * 1000, BYTES_MAX = 1 << 30 };

struct refresh {
    struct firn_ws_opened *opened;
    struct firn_buf inside; /* of uint64_t: hashes of paths; one more by accident does no harm */
    uint64_t files;
    uint64_t bytes;
    const struct firn_difference_walk_side *after; /* the tree restored */
};

static uint64_t
hash_of(firn_slice path)
{
    return firn_xxh3(path.data, path.size, 0);
}

/* ---- which directories ---- */

static int
note_change(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct refresh *refresh = ctx;
    bool is_new = change->kind == FIRN_DIFFERENCE_WALK_ADDED ||
                  (change->what & FIRN_DIFFERENCE_WALK_TYPE) != 0;
    if (change->after == NULL) {
        return FIRN_OK;
    }
    if (change->after->kind != FIRN_TREE_DIR) {
        refresh->files++;
        refresh->bytes += change->after->size;
        return FIRN_OK;
    }
    if (!is_new && !change->is_entered) {
        return FIRN_OK;
    }
    uint64_t hash = hash_of(change->path);
    return firn_buf_append(&refresh->inside, &hash, sizeof hash) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "a list of directories");
}

static bool
is_inside(void *ctx, firn_slice path)
{
    const struct refresh *refresh = ctx;
    return firn_sort_has_u64((const void *)refresh->inside.data,
                             refresh->inside.size / sizeof(uint64_t), hash_of(path));
}

static int
is_stored(void *ctx, const firn_hash *tree, bool *out, firn_error *err)
{
    const struct refresh *refresh = ctx;
    return firn_objects_contains(refresh->opened->objects, tree, out, err);
}

/* ---- the scan ---- */

/* Nobody waits for this who wants to stop: what it is for is done. */
static int
on_progress(void *ctx, const firn_progress *progress)
{
    const struct firn_callbacks *outer = ctx;
    firn_progress told = *progress;
    told.phase = "refresh";
    told.is_finishing = true;
    return outer->on_progress(outer->ctx, &told);
}

static int
scan(struct refresh *refresh, const struct firn_ws_save_request *request, firn_error *err)
{
    struct firn_ws_opened *opened = refresh->opened;
    DCHECK(opened->workspace.number != 0 && refresh->after->root != NULL);
    const struct firn_callbacks callbacks = {
        .on_progress = request->callbacks.on_progress != NULL ? on_progress : NULL,
        .ctx = (void *)(uintptr_t)&request->callbacks};
    const struct firn_scan_confines confines = {
        .is_inside = is_inside,
        .outside = {refresh->after->source, refresh->after->root->hash},
        .is_stored = is_stored,
        .ctx = refresh};
    struct firn_statcache_options stat_options = {.objects = opened->objects,
                                                  .workspace = opened->workspace.number};
    struct firn_scan_options options =
        firn_ws_scan_options_of(opened, request->include_deps, false, request->threads, &callbacks);
    struct firn_objects_treesink *treesink = NULL;
    struct firn_scan_result result = {0};
    int rc;
    options.gitignore = request->gitignore;
    options.stored_rules = request->stored_rules;
    options.confines = &confines;
    FIRN_TRY(firn_statcache_open(opened->db, &stat_options, &options.stat, err));
    FIRN_TRY(firn_objects_treesink_create(firn_db_os(opened->db), &treesink, err));
    struct firn_objects_sink sink = firn_objects_treesink_sink(treesink);
    FIRN_TRY(firn_scan(opened->root, &options, &sink, &result, err));
    FIRN_TRY(firn_statcache_commit(options.stat, err));
out:
    firn_scan_result_deinit(&result);
    firn_objects_treesink_destroy(treesink);
    firn_statcache_close(options.stat);
    return rc;
}

int
firn_checkout_refresh(struct firn_ws_opened *opened, const struct firn_ws_save_request *request,
                      const struct firn_difference_walk_side *before,
                      const struct firn_difference_walk_side *after, firn_error *err)
{
    struct refresh refresh = {.opened = opened, .after = after};
    const struct firn_difference_walk_options options = {0};
    int rc;
    FIRN_TRY(firn_difference_walk(before, after, &options, note_change, &refresh, err));
    if (refresh.files > FILES_MAX || refresh.bytes > BYTES_MAX) {
        goto out;
    }
    firn_sort_u64((void *)refresh.inside.data, refresh.inside.size / sizeof(uint64_t));
    FIRN_TRY(scan(&refresh, request, err));
out:
    firn_buf_deinit(&refresh.inside);
    return rc;
}
