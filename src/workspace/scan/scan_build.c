/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_build.c: from the entries of a directory to its object, and up.
 *
 * A directory waits for its segments, for its subdirectories and, where hard links lie in it, for
 * the end of the walk. Whoever brings the last of these builds it: late entries are put where they
 * belong (scan_assemble.c), the object is made and added through the builder's lane, and the
 * hash goes into the record that the parent keeps of it. Then the parent has one thing less to wait
 * for, and may be next: a loop, so that a deep tree needs no deep stack. A directory whose entries
 * are all as an earlier scan saw them has the object of then, and nothing is made
 * (scan_known.c).
 *
 * The record of a subdirectory is written by its builder alone, before it reports under the mutex;
 * the parent's builder reads it after the last report (I1). The same holds for parts.
 */
#include "base/check.h"
#include "base/error.h"
#include "scan/scan_internal.h"

struct putting {
    struct firn_scan_worker *worker;
    const firn_hash *before; /* the directory's object when it was last scanned, or NULL */
};

static int
put_object(void *ctx, const firn_hash *hash, firn_slice bytes, firn_error *err)
{
    struct putting *putting = ctx;
    struct firn_objects_object object = {
        .kind = FIRN_PACKFILE_TREE, .hash = *hash, .content = bytes, .base = putting->before};
    bool is_new;
    return firn_scan_add(putting->worker, &object, &is_new, err);
}

static int
tell_witness(struct firn_scan_worker *worker, const struct firn_scan_node *node, firn_error *err)
{
    const struct firn_scan_witness *witness = worker->scan->options->witness;
    if (witness == NULL) {
        return FIRN_OK;
    }
    if (firn_scan_node_path(node, "", &worker->path) != FIRN_OK) {
        return firn_error_no_memory(err, "a path");
    }
    return witness->leave(witness->ctx, firn_buf_slice(&worker->path), node->own_files,
                          node->own_bytes, !node->is_linked && !node->has_more_to_tell, err);
}

/* Hands what the tree is to know of the directory up: to the parent, or to the scan itself. */
static void
report(struct firn_scan_worker *worker, struct firn_scan_node *node, const firn_hash *hash)
{
    const struct firn_os_stat *stat = &node->stat;
    if (node->parent != NULL) {
        DCHECK(node->parent->subdirs[node->index].state == FIRN_SCAN_SUBDIR_WAITING); /* (I1) */
        worker->directories++;
        node->parent->subdirs[node->index] = (struct firn_scan_subdir){
            .name = node->name,
            .state = FIRN_SCAN_SUBDIR_SAVED,
            .mode = stat->mode,
            .uid = stat->uid,
            .gid = stat->gid,
            .mtime_ns = stat->mtime_ns,
            .hash = *hash,
            .xattrs = node->xattrs.data,
            .xattrs_size = node->xattrs.size,
        };
    } else {
        worker->scan->root_entry = (struct firn_tree_entry){
            .kind = FIRN_TREE_DIR,
            .mode = stat->mode,
            .uid = stat->uid,
            .gid = stat->gid,
            .mtime_ns = stat->mtime_ns,
            .hash = *hash,
        };
        worker->scan->root_xattrs = node->xattrs;
    }
    node->xattrs = (struct firn_buf){0};
}

static int
build(struct firn_scan_worker *worker, struct firn_scan_node *node, firn_error *err)
{
    struct firn_scan_entries entries = {{NULL, 0}, {NULL, 0}};
    struct putting putting = {worker,
                              firn_statcache_memo_is_empty(&node->memo) ? NULL : &node->memo.tree};
    firn_hash hash = node->memo.tree;
    bool is_same;
    int rc;
    DCHECK(node->waiting == 0 && node->segments_merged == node->segment_count);
    FIRN_TRY(firn_scan_known_is_same(worker, node, &is_same, err));
    if (!is_same) {
        FIRN_TRY(firn_scan_assemble(worker, node, &entries, err));
        FIRN_TRY(firn_tree_build(entries.encoded, put_object, &putting, &hash, err));
    }
    FIRN_TRY(firn_scan_known_note(worker, node, is_same, &hash, &entries, err));
    FIRN_TRY(tell_witness(worker, node, err));
    FIRN_TRY(firn_scan_report_date(worker, node, "", node->stat.mtime_ns, err));
    report(worker, node, &hash);
out:
    return rc;
}

/* Whether a directory waits for nothing more, after one thing has come. */
static bool
count_down(struct firn_scan *scan, struct firn_scan_node *node)
{
    firn_os_mutex_lock(&scan->mutex);
    DCHECK(node->waiting > 0);
    bool is_complete = --node->waiting == 0;
    firn_os_mutex_unlock(&scan->mutex);
    return is_complete;
}

/* Whether paths may still be asked for that lead through a built directory. */
static bool
is_path_needed(struct firn_scan *scan)
{
    firn_os_mutex_lock(&scan->mutex);
    bool is_needed = scan->links_are_known;
    firn_os_mutex_unlock(&scan->mutex);
    return is_needed;
}

int
firn_scan_build_due(struct firn_scan_worker *worker, struct firn_scan_node *node, firn_error *err)
{
    struct firn_scan *scan = worker->scan;
    for (bool is_complete = true; is_complete;) {
        int rc = build(worker, node, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        struct firn_scan_node *parent = node->parent;
        if (is_path_needed(scan)) {
            firn_scan_node_empty(node);
        } else {
            firn_scan_node_destroy(scan, node);
        }
        node = parent;
        is_complete = node != NULL && count_down(scan, node);
    }
    return FIRN_OK;
}

int
firn_scan_build_settle(struct firn_scan_worker *worker, struct firn_scan_node *node,
                       firn_error *err)
{
    return count_down(worker->scan, node) ? firn_scan_build_due(worker, node, err) : FIRN_OK;
}

int
firn_scan_build_segment(struct firn_scan_worker *worker, struct firn_scan_node *node,
                        size_t segment, firn_error *err)
{
    struct firn_scan *scan = worker->scan;
    bool has_links = false;
    for (size_t i = 0; i < worker->part.late_count; i++) {
        has_links = has_links || worker->part.lates[i].kind == FIRN_SCAN_LATE_LINK;
    }
    const struct firn_scan_counts now = firn_scan_counts_of(worker);
    firn_os_mutex_lock(&scan->mutex);
    DCHECK(segment < node->segment_count && node->waiting > 0);
    DCHECK(now.files >= worker->before.files && now.told >= worker->before.told);
    node->own_files += now.files - worker->before.files;
    node->own_bytes += now.bytes - worker->before.bytes;
    node->has_more_to_tell = node->has_more_to_tell || now.told != worker->before.told;
    if (has_links && !node->is_linked) {
        node->is_linked = true;
        node->waiting++; /* for the end of the walk */
        node->next_linked = scan->linked;
        scan->linked = node;
    }
    int rc = firn_scan_node_merge_locked(scan, node, segment, &worker->part);
    firn_os_mutex_unlock(&scan->mutex);
    if (rc != FIRN_OK) {
        return firn_error_no_memory(err, "the entries of a directory");
    }
    return firn_scan_build_settle(worker, node, err);
}
