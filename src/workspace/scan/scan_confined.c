/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_confined.c: a scan of some directories of a tree; the entries of the others are known.
 *
 * A directory outside of the confines is not visited: its parent is built with the entry that the
 * caller gives for it. The scan claims nothing about what is on disk there; the next scan compares
 * the entry with what it finds, as always.
 *
 * If the disk is not as the caller believes, a confined scan may build a tree that never existed.
 * So it remembers a directory only if its object is in the store already (I1; not checked:
 * scan_known.c asks), unless the caller vouches for the entries it gives, as a watch does
 * (watchlink.c).
 *
 * Even if a watch vouches for the outside, the scan may find evidence inside that the watch cannot
 * be right; this ends the scan (I2; not checked: it depends on the disk). One case is a new name of
 * a file with several names, since the others may be outside. The other is a rule file that is new
 * or has changed, since the entries it governs may be outside. A watch learns of changed rules and
 * has everything that they govern visited, unless the change was made through another name of the
 * rule file.
 */
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "scan/scan_internal.h"

int
fi_scan_confined_take_over(struct fi_scan_subdir *subdir, const struct fi_tree_entry *entry)
{
    uint8_t *xattrs = NULL;
    DCHECK(entry->kind == FI_TREE_DIR && subdir->state == FI_SCAN_SUBDIR_WAITING);
    if (entry->xattrs.size > 0) {
        xattrs = fi_memdup(entry->xattrs.data, entry->xattrs.size);
        if (xattrs == NULL) {
            return FIRN_NO_MEMORY;
        }
    }
    *subdir = (struct fi_scan_subdir){.name = subdir->name,
                                      .state = FI_SCAN_SUBDIR_SAVED,
                                      .mode = entry->mode,
                                      .uid = entry->uid,
                                      .gid = entry->gid,
                                      .mtime_ns = entry->mtime_ns,
                                      .hash = entry->hash,
                                      .xattrs = xattrs,
                                      .xattrs_size = entry->xattrs.size};
    return FIRN_OK;
}

/* Finds the entry of a path that is not visited. */
static int
find_entry(struct fi_scan_worker *worker, firn_slice path, const struct fi_tree_entry **out,
           firn_error *err)
{
    const struct fi_scan_confines *confines = worker->scan->options->confines;
    if (confines->entry != NULL) {
        return confines->entry(confines->ctx, path, out, err);
    }
    if (worker->outside.source == NULL) {
        fi_tree_lookup_init(&worker->outside, confines->outside.source, &confines->outside.root);
    }
    return fi_tree_lookup_find(&worker->outside, path, out, err);
}

int
fi_scan_confined_pass(struct fi_scan_worker *worker, struct fi_scan_node *parent, uint32_t index,
                      bool *out_is_passed, firn_error *err)
{
    const struct fi_scan_confines *confines = worker->scan->options->confines;
    struct fi_scan_subdir *subdir = &parent->subdirs[index];
    const struct fi_tree_entry *entry = NULL;
    int rc;
    *out_is_passed = false;
    DCHECK(confines != NULL && index < parent->subdir_count);
    if (fi_scan_node_path(parent, subdir->name, &worker->path) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    firn_slice path = fi_buf_slice(&worker->path);
    if (confines->is_inside(confines->ctx, path)) {
        return FIRN_OK;
    }
    FI_TRY(find_entry(worker, path, &entry, err));
    if (entry == NULL || entry->kind != FI_TREE_DIR) {
        goto out;
    }
    if (fi_scan_confined_take_over(subdir, entry) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a directory");
        goto out;
    }
    *out_is_passed = true;
out:
    return rc;
}

int
fi_scan_confined_allow(const struct fi_scan *scan, int64_t noted_ns, firn_error *err)
{
    const struct fi_scan_confines *confines = scan->options->confines;
    bool is_new = confines != NULL && confines->needs_known && noted_ns > confines->known_ns;
    return is_new ? fi_error_set(err, FIRN_CONFLICT, "more may have changed than is visited")
                  : FIRN_OK;
}

int
fi_scan_confined_allow_file(const struct fi_scan_worker *worker, const struct fi_scan_node *node,
                            const struct fi_scan_item *item, bool is_known, firn_error *err)
{
    const struct fi_scan *scan = worker->scan;
    enum fi_rules_list_kind kind;
    bool is_rules =
        scan->options->confines != NULL &&
        fi_rules_walk_is_rule_file(scan->ignore, firn_bytes(item->name.text, item->name_size),
                                   node->parent == NULL, &kind);
    return is_rules ? fi_scan_confined_allow(scan, is_known ? node->memo.noted_ns : INT64_MAX, err)
                    : FIRN_OK;
}
