/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_version.c: what a file that has changed was before.
 *
 * A store keeps a new version of a file as a change of the old one, if it is told which that is. The
 * memo of a directory names the object that it had when it was last scanned; there the file's entry
 * has the name of the content of then.
 *
 * Files of a directory come up in the order of their names, so a lookup that goes on from where it
 * stands reads that object once, front to back, however many files have changed (I1; not checked,
 * like (I2): what the cache gives is not the program's); nothing is read where none has. The memo
 * may be wrong about its object: then the cache is broken, as everywhere (scan_assemble.c), and
 * that is the end of the scan, not a reason to leave the file out (I2).
 */
#include "base/check.h"
#include "base/slice.h"
#include "scan/scan_internal.h"

int
firn_scan_version_find(struct firn_scan_worker *worker, const struct firn_scan_node *node,
                       const char *name, firn_hash *out, bool *out_has, firn_error *err)
{
    struct firn_tree_lookup *lookup = &worker->versions;
    const struct firn_statcache_memo *memo = &node->memo;
    const struct firn_tree_entry *entry;
    *out_has = false;
    DCHECK(name[0] != '\0');
    if (firn_statcache_memo_is_empty(memo)) {
        return FIRN_OK;
    }
    int rc;
    FIRN_TRY(firn_scan_known_open_lane(worker, err));
    const struct firn_tree_source *source = firn_statcache_lane_source(worker->stat_lane);
    if (lookup->source != source || !firn_hash_equal(&lookup->root, &memo->tree)) { /* (I1) */
        firn_tree_lookup_deinit(lookup);
        firn_tree_lookup_init(lookup, source, &memo->tree);
    }
    FIRN_TRY(firn_tree_lookup_find(lookup, firn_str(name), &entry, err));
    if (entry != NULL && entry->kind == FIRN_TREE_FILE) {
        *out = entry->hash;
        *out_has = true;
    }
    return FIRN_OK;
out:
    return firn_scan_report_failure(worker->scan, rc, err); /* (I2) */
}

void
firn_scan_version_deinit(struct firn_scan_worker *worker)
{
    firn_tree_lookup_deinit(&worker->versions);
}
