/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_compare.c: scanning the disk to compare it with a checkpoint.
 *
 * The scan applies the rules that the checkpoint was saved under, so that what it covers is
 * compared. What the stat cache knows is not read, and its directories are in the store; those that
 * have changed since are kept in memory. Where the cache turns out to be wrong everything is read
 * instead: what is in memory until then does no harm, since objects are found by their hash.
 */
#include "workspace/ws_compare.h"

#include "workspace/ws_stat.h"

enum { SCRATCH_FRAMES = 4 };

/* Scans by the stat cache, if it is any good. *err is not NULL. */
static int
scan(struct firn_ws_compare *compare, struct firn_ws_opened *opened,
     struct firn_ws_scan_options *options, firn_error *err)
{
    struct firn_ws_sink sink = firn_ws_treesink_sink(compare->treesink);
    struct firn_ws_stat_options stat_options = {.objects = opened->objects,
                                                .workspace = opened->workspace.number};
    int rc = firn_ws_stat_open(opened->db, &stat_options, &options->stat, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_ws_scan(opened->root, options, &sink, &compare->scan, err);
    bool is_broken = rc != FIRN_OK && firn_ws_stat_is_broken(options->stat);
    firn_ws_stat_close(options->stat);
    options->stat = NULL;
    return is_broken ? firn_ws_scan(opened->root, options, &sink, &compare->scan, err) : rc;
}

int
firn_ws_compare_init(struct firn_ws_compare *out, struct firn_ws *ws, struct firn_ws_opened *opened,
                     const struct firn_ws_record *record, unsigned threads,
                     const firn_callbacks *callbacks, firn_error *err)
{
    *out = (struct firn_ws_compare){0};
    int rc;
    firn_error own_err;
    err = err != NULL ? err : &own_err;
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &out->scratch, err));
    firn_ws_objects_source_init(&out->stored, opened->objects, out->scratch);
    FIRN_TRY(firn_ws_treesink_create(ws->os, &out->treesink, err));
    struct firn_ws_scan_options options =
        firn_ws_scan_options_of(opened, record->include_deps, false, threads, callbacks);
    FIRN_TRY(scan(out, opened, &options, err));
    out->now = firn_ws_treesink_source(out->treesink, &out->stored.source);
    out->checkpoint_side =
        (struct firn_ws_diff_side){.source = &out->stored.source, .root = &record->root};
    out->disk_side = (struct firn_ws_diff_side){.source = &out->now, .root = &out->scan.root};
out:
    return rc;
}

void
firn_ws_compare_deinit(struct firn_ws_compare *compare)
{
    firn_ws_scan_result_deinit(&compare->scan);
    firn_ws_treesink_destroy(compare->treesink);
    firn_packfile_scratch_destroy(compare->scratch);
    *compare = (struct firn_ws_compare){0};
}
