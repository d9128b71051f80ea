/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_refresh.c: enters the changes of a restore in the stat cache.
 *
 * A restore leaves files that no save has seen: the next one would read them all. So at its end
 * only the directories that differ between the tree before and the restored one are scanned once
 * more (scan_confined.c). Their new files are read, still from the page cache, and noted as a save
 * would note them.
 *
 * The files on the disk are read and hashed; the hashes of the restored tree are not taken over. So
 * a last-moment edit is never taken for the restored state (I1; not checked: nothing here knows
 * what the restore wrote).
 *
 * That costs a small part of what writing the files did. If more has changed than the page cache is
 * likely to hold, nothing is done, and the next save reads the files.
 */
#include "base/check.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/xxh3.h"
#include "operations/operations_internal.h"
#include "statcache/statcache.h"
#include "threads/os_callback.h"

enum { FILES_MAX = 200 * 1000, BYTES_MAX = 1 << 30 };

struct refresh {
    struct fi_ws_opened *opened;
    struct fi_buf inside; /* of uint64_t: hashes of paths; a collision does no harm */
    uint64_t files;
    uint64_t bytes;
    const struct fi_difference_walk_side *after; /* the tree restored */
};

static uint64_t
hash_of(firn_slice path)
{
    return fi_xxh3(path.data, path.size, 0);
}

/* ---- which directories ---- */

static int
note_change(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct refresh *refresh = ctx;
    bool is_new =
        change->kind == FI_DIFFERENCE_WALK_ADDED || (change->what & FI_DIFFERENCE_WALK_TYPE) != 0;
    if (change->after == NULL) {
        return FIRN_OK;
    }
    if (change->after->kind != FI_TREE_DIR) {
        refresh->files++;
        refresh->bytes += change->after->size;
        return FIRN_OK;
    }
    if (!is_new && !change->is_entered) {
        return FIRN_OK;
    }
    uint64_t hash = hash_of(change->path);
    return fi_buf_append(&refresh->inside, &hash, sizeof hash) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of directories");
}

static bool
is_inside(void *ctx, firn_slice path)
{
    const struct refresh *refresh = ctx;
    return fi_sort_has_u64((const void *)refresh->inside.data,
                           refresh->inside.size / sizeof(uint64_t), hash_of(path));
}

static int
is_stored(void *ctx, const firn_hash *tree, bool *out, firn_error *err)
{
    const struct refresh *refresh = ctx;
    return fi_objects_contains(refresh->opened->objects, tree, out, err);
}

/* ---- the scan ---- */

/* A cancellation ends only this scan: the restore itself is done. */
static int
on_progress(void *ctx, const firn_progress *progress)
{
    const struct firn_callbacks *outer = ctx;
    firn_progress told = *progress;
    told.phase = "refresh";
    told.is_finishing = true;
    return fi_os_callback_progress(outer, &told);
}

static int
ws_refresh_scan(struct refresh *refresh, const struct fi_ws_save_request *request, firn_error *err)
{
    struct fi_ws_opened *opened = refresh->opened;
    DCHECK(opened->workspace.number != 0 && refresh->after->root != NULL);
    const struct firn_callbacks callbacks = {
        .on_progress = request->callbacks.on_progress != NULL ? on_progress : NULL,
        .ctx = (void *)(uintptr_t)&request->callbacks};
    const struct fi_scan_confines confines = {
        .is_inside = is_inside,
        .outside = {refresh->after->source, refresh->after->root->hash},
        .is_stored = is_stored,
        .ctx = refresh};
    struct fi_statcache_options stat_options = {.objects = opened->objects,
                                                .workspace = opened->workspace.number};
    struct fi_scan_options options =
        fi_ws_scan_options_of(opened, request->include_deps, false, request->threads, &callbacks);
    struct fi_objects_treesink *treesink = NULL;
    struct fi_scan_result result = {0};
    int rc;
    options.gitignore = request->gitignore;
    options.file_size_max = request->file_size_max;
    options.stored_rules = request->stored_rules;
    options.confines = &confines;
    FI_TRY(fi_statcache_open(opened->db, &stat_options, &options.stat, err));
    FI_TRY(fi_objects_treesink_create(fi_db_os(opened->db), &treesink, err));
    struct fi_objects_sink sink = fi_objects_treesink_sink(treesink);
    FI_TRY(fi_scan_tree(opened->root, &options, &sink, &result, err));
    FI_TRY(fi_statcache_commit(options.stat, err));
out:
    fi_scan_result_deinit(&result);
    fi_objects_treesink_destroy(treesink);
    fi_statcache_close(options.stat);
    return rc;
}

int
fi_ws_refresh_statcache(struct fi_ws_opened *opened, const struct fi_ws_save_request *request,
                        const struct fi_difference_walk_side *before,
                        const struct fi_difference_walk_side *after, firn_error *err)
{
    struct refresh refresh = {.opened = opened, .after = after};
    const struct fi_difference_walk_options options = {0};
    int rc;
    FI_TRY(fi_difference_walk(before, after, &options, note_change, &refresh, err));
    if (refresh.files > FILES_MAX || refresh.bytes > BYTES_MAX) {
        goto out;
    }
    fi_sort_u64((void *)refresh.inside.data, refresh.inside.size / sizeof(uint64_t));
    FI_TRY(ws_refresh_scan(&refresh, request, err));
out:
    fi_buf_deinit(&refresh.inside);
    return rc;
}
