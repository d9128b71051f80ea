/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_rekey.c: a collection that also writes the store anew, after its keys were rotated, or to
 * make it an encrypted one, or one in clear (rekey/rekey_renew.c); and one without the key of the
 * store, which only removes what interrupted writes have left (rekey/rekey_leftovers.c).
 *
 * Packs are rewritten as those with dead objects are. What is retired goes when no reader needs it,
 * so the end may have to wait for another call: only the files in the directory count.
 */
#include "gc/gc_internal.h"

#include "base/check.h"
#include "rekey/rekey.h"
#include "trust/trust.h"

int
fi_gc_rekey_is_outdated(struct fi_gc *gc, size_t i, bool *out, firn_error *err)
{
    bool is_current;
    int rc = fi_objects_pack_is_current(gc->opened->objects, i, &is_current, err);
    *out = rc == FIRN_OK && !is_current;
    return fi_gc_is_finding(rc) ? FIRN_OK : rc; /* the move reports it, if anything is alive */
}

int
fi_gc_rekey_rest(struct fi_gc *gc, firn_error *err)
{
    DCHECK(gc->options->rekey && !gc->options->dry_run);
    struct fi_storefile_progress progress = {.on_progress = gc->options->callbacks.on_progress,
                                             .ctx = gc->options->callbacks.ctx,
                                             .os = gc->ws->os};
    uint64_t packs = 0;
    for (size_t i = 0; i < gc->pack_count; i++) {
        packs += gc->packs[i].is_outdated && gc->packs[i].fate != FI_GC_KEEP ? 1 : 0;
    }
    int rc = fi_rekey_renew_files(gc->opened->db, &progress, &gc->result->rekeyed, err);
    gc->result->rekeyed += packs;
    return rc;
}

/* As when a workspace is opened: in a store inside of a tree only firn's own files count. */
static int
guard(struct fi_os_dir *dir, const struct fi_db_options *options, firn_error *err)
{
    return fi_trust_files_guard(dir, !options->read_only, options->lock_timeout_ms, err);
}

static struct fi_rekey
gc_rekey_of(const struct firn_ws *ws)
{
    return (struct fi_rekey){.os = ws->os,
                             .path = fi_ws_store_path(ws),
                             .source = &ws->unlock,
                             .lock_timeout_ms = ws->lock_timeout_ms,
                             .prepare = guard};
}

int
fi_gc_rekey_settle(struct firn_ws *ws, firn_workspace_gc_result *result, firn_error *err)
{
    const struct fi_rekey rekey = gc_rekey_of(ws);
    struct fi_rekey_left left;
    int rc = fi_rekey_change_settle(&rekey, &left, err);
    result->rekey_left = left.files;
    return rc;
}

int
fi_gc_rekey_locked(const struct firn_ws *ws, const firn_workspace_gc_options *options,
                   firn_workspace_gc_result *result, firn_error *err)
{
    const struct fi_rekey rekey = gc_rekey_of(ws);
    struct fi_rekey_leftovers leftovers = {.is_dry = options->dry_run};
    int rc = fi_rekey_leftovers_clear(&rekey, &leftovers, err);
    result->leftovers = leftovers.files;
    result->leftover_bytes = leftovers.bytes;
    result->is_finished = rc == FIRN_OK;
    return rc;
}
