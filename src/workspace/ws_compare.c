/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_compare.c: scanning the disk to compare it with a checkpoint.
 *
 * The scan applies the rules that the checkpoint was saved under, so that what it covers is
 * compared. Directory objects of the disk are kept in memory; those that are equal to stored ones
 * need not be, but the memory is small and the code is one path for all.
 */
#include "workspace/ws_compare.h"

enum { SCRATCH_FRAMES = 4 };

int
firn_ws_compare_init(struct firn_ws_compare *out, struct firn_ws *ws, struct firn_ws_opened *opened,
                     const struct firn_ws_record *record, unsigned threads,
                     const firn_callbacks *callbacks, firn_error *err)
{
    *out = (struct firn_ws_compare){0};
    int rc;
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &out->scratch, err));
    firn_ws_objects_source_init(&out->stored, opened->objects, out->scratch);
    FIRN_TRY(firn_ws_treesink_create(ws->os, &out->treesink, err));
    struct firn_ws_sink sink = firn_ws_treesink_sink(out->treesink);
    struct firn_ws_scan_options options =
        firn_ws_scan_options_of(opened, record->include_deps, false, threads, callbacks);
    FIRN_TRY(firn_ws_scan(opened->root, &options, &sink, &out->scan, err));
    out->now = firn_ws_treesink_source(out->treesink, NULL);
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
