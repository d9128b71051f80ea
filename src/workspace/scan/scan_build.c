/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_build.c: from the entries of a directory to its object, and up.
 *
 * A directory waits for its segments, for its subdirectories and, if it contains hard links, for
 * the end of the walk. The thread that completes the last of these builds the directory: it puts
 * late entries in their places, adds the object through its own lane, and stores the hash in the
 * record that the parent keeps of the directory. The parent then waits for one thing less, and may
 * be built next; this is a loop, so a deep tree needs no deep stack. If all entries of a directory
 * are as an earlier scan saw them, it keeps its earlier object, and nothing is built
 * (scan_known.c).
 *
 * Only the builder of a subdirectory writes its record, before it reports under the mutex; the
 * parent's builder reads the record after the last report (I1). The same holds for parts.
 *
 * Putting together. Most entries of a new directory are already encoded in its part. Late entries
 * come from elsewhere and are inserted in their places: a subdirectory from the record that its
 * builder wrote, one of several names of an inode from the inode's group, and a run of known
 * entries from the object that the directory had at the last scan. That object is read once, from
 * front to back: its entries and the new ones are both in the order of names, so known entries come
 * up in ascending places (I2; tested, not asserted, like (I3): the cache may be wrong). This
 * reading also finds subdirectories that no longer exist; their memos are removed. The prints of
 * the entries, one each, are put together in the same order, for the next scan.
 *
 * If a memo does not fit the object that it names, the cache is wrong, and a tree built from it
 * would be wrong as well. So the object must have as many entries as the memo has prints, and the
 * names of the result are checked to ascend (I3). Inconsistent values make the cache invalid, and
 * end the scan.
 */
#include "base/check.h"
#include "base/error.h"
#include "base/slice.h"
#include "scan/scan_internal.h"

struct putting {
    struct fi_scan_worker *worker;
    const firn_hash *before; /* the directory's object when it was last scanned, or NULL */
};

static int
put_object(void *ctx, const firn_hash *hash, firn_slice bytes, firn_error *err)
{
    struct putting *putting = ctx;
    struct fi_objects_object object = {
        .kind = FI_PACK_TREE, .hash = *hash, .content = bytes, .base = putting->before};
    bool is_new;
    return fi_scan_sink_add(putting->worker, &object, &is_new, err);
}

static int
report_witness(struct fi_scan_worker *worker, const struct fi_scan_node *node, firn_error *err)
{
    const struct fi_scan_witness *witness = worker->scan->options->witness;
    if (witness == NULL) {
        return FIRN_OK;
    }
    if (fi_scan_node_path(node, "", &worker->path) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    return witness->leave(witness->ctx, fi_buf_slice(&worker->path), node->own_files,
                          node->own_bytes, !node->is_linked && !node->has_more_to_tell, err);
}

/* Stores the directory's entry in the record of its parent, or, for the root, in the scan. */
static void
scan_build_report(struct fi_scan_worker *worker, struct fi_scan_node *node, const firn_hash *hash)
{
    const struct fi_os_stat *stat = &node->stat;
    if (node->parent != NULL) {
        DCHECK(node->parent->subdirs[node->index].state == FI_SCAN_SUBDIR_WAITING); /* (I1) */
        worker->directories++;
        node->parent->subdirs[node->index] = (struct fi_scan_subdir){
            .name = node->name,
            .state = FI_SCAN_SUBDIR_SAVED,
            .mode = stat->mode,
            .uid = stat->uid,
            .gid = stat->gid,
            .mtime_ns = stat->mtime_ns,
            .hash = *hash,
            .xattrs = node->xattrs.data,
            .xattrs_size = node->xattrs.size,
        };
    } else {
        worker->scan->root_entry = (struct fi_tree_entry){
            .kind = FI_TREE_DIR,
            .mode = stat->mode,
            .uid = stat->uid,
            .gid = stat->gid,
            .mtime_ns = stat->mtime_ns,
            .hash = *hash,
        };
        worker->scan->root_xattrs = node->xattrs;
    }
    node->xattrs = (struct fi_buf){0};
}

/* ---- all entries of a directory, in order ---- */

struct assembly {
    struct fi_scan_worker *worker;
    const struct fi_scan_node *node;
    struct fi_tree_iterator *old; /* NULL if it is not needed */
    size_t old_at;                /* the place after the last entry read */
    size_t subdir_at;             /* of the next one among the node's */
    bool has_prints;
};

static int
no_memory(firn_error *err)
{
    return fi_error_no_memory(err, "the entries of a directory");
}

static int
broken(struct assembly *assembly, firn_error *err, const char *what)
{
    int rc = FIRN_CORRUPT;
    if (fi_scan_node_path(assembly->node, "", &assembly->worker->path) == FIRN_OK) {
        rc = fi_error_set(err, FIRN_CORRUPT, "the stat cache is wrong about directory '%.900s': %s",
                          (const char *)assembly->worker->path.data, what);
    }
    return fi_statcache_lane_break(assembly->worker->stat_lane, rc);
}

/* ---- the directory object of an earlier scan ---- */

/* An entry that is not taken over; if it was a directory, that may no longer exist. */
static int
pass_by(struct assembly *assembly, const struct fi_tree_entry *entry, firn_error *err)
{
    const struct fi_scan_node *node = assembly->node;
    if (entry->kind != FI_TREE_DIR) {
        return FIRN_OK;
    }
    while (assembly->subdir_at < node->subdir_count) {
        const struct fi_scan_subdir *subdir = &node->subdirs[assembly->subdir_at];
        int order = fi_slice_compare(firn_str(subdir->name), entry->name);
        if (order > 0) {
            break;
        }
        assembly->subdir_at++;
        if (order == 0 && subdir->state == FI_SCAN_SUBDIR_SAVED) {
            return FIRN_OK;
        }
    }
    return fi_scan_known_remove(assembly->worker, node, entry->name, err);
}

/* Advances to the entry at a place; if `place` is UNKNOWN, to the end. */
static int
scan_build_advance(struct assembly *assembly, size_t place, const struct fi_tree_entry **out,
                   firn_error *err)
{
    for (;;) {
        bool is_end;
        int rc = fi_tree_iterator_next(assembly->old, out, &is_end, err);
        if (rc != FIRN_OK) {
            return fi_statcache_lane_break(assembly->worker->stat_lane, rc);
        }
        if (is_end) {
            bool is_right =
                place == FI_SCAN_UNKNOWN && assembly->old_at == assembly->node->memo.count;
            return is_right ? FIRN_OK
                            : broken(assembly, err, "its object has another count of entries");
        }
        if (assembly->old_at++ == place) {
            return FIRN_OK;
        }
        rc = pass_by(assembly, *out, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
}

/* The known file or link at a place in the memo. */
static int
take_known(struct assembly *assembly, size_t place, const struct fi_tree_entry **out,
           firn_error *err)
{
    CHECK(assembly->old != NULL);
    if (place < assembly->old_at) {
        return broken(assembly, err, "it knows entries in another order"); /* (I2) */
    }
    int rc = scan_build_advance(assembly, place, out, err);
    if (rc == FIRN_OK && (*out)->kind == FI_TREE_DIR) {
        rc = broken(assembly, err, "it takes a directory for a file");
    }
    return rc;
}

static bool
needs_old(const struct fi_scan_worker *worker, const struct fi_scan_node *node)
{
    if (fi_statcache_memo_is_empty(&node->memo)) {
        return false;
    }
    if (fi_statcache_is_writable(worker->scan->options->stat)) {
        return true; /* to find what no longer exists */
    }
    for (size_t i = 0; i < node->part.late_count; i++) {
        const struct fi_scan_late *late = &node->part.lates[i];
        if (late->kind != FI_SCAN_LATE_SUBDIR && late->known != FI_SCAN_UNKNOWN) {
            return true;
        }
    }
    return false;
}

/* ---- late entries ---- */

static int
append_print(struct assembly *assembly, const struct fi_statcache_print *print)
{
    return assembly->has_prints
               ? fi_buf_append(&assembly->worker->prints, print->bytes, sizeof print->bytes)
               : FIRN_OK;
}

static int
append_subdir(struct assembly *assembly, const struct fi_scan_late *late, firn_error *err)
{
    struct fi_buf *out = &assembly->worker->assembly;
    size_t before = out->size;
    DCHECK(late->index < assembly->node->subdir_count);
    int rc = fi_scan_node_encode_subdir(&assembly->node->subdirs[late->index], out);
    if (rc == FIRN_OK && out->size > before && assembly->has_prints) {
        struct fi_statcache_print print;
        fi_statcache_print_of_entry(assembly->worker->scan->stat_seed,
                                    firn_bytes(out->data + before, out->size - before), &print);
        rc = append_print(assembly, &print);
    }
    return rc == FIRN_OK ? FIRN_OK : no_memory(err);
}

static int
append_link(struct assembly *assembly, const struct fi_scan_late *late, firn_error *err)
{
    const struct fi_tree_entry *old = NULL;
    struct fi_statcache_print print;
    struct fi_tree_entry entry;
    bool is_old;
    int rc;
    DCHECK(late->print + sizeof print.bytes <= assembly->node->part.prints.size);
    memcpy(print.bytes, assembly->node->part.prints.data + late->print, sizeof print.bytes);
    if (late->known != FI_SCAN_UNKNOWN) {
        FI_TRY(take_known(assembly, late->known, &old, err));
    }
    FI_TRY(fi_scan_links_entry(assembly->worker, late, old, &entry, &is_old, err));
    if (old != NULL && !is_old) {
        memset(print.bytes, 0, sizeof print.bytes);
    }
    if (fi_tree_encode_entry(&assembly->worker->assembly, &entry) != FIRN_OK ||
        append_print(assembly, &print) != FIRN_OK) {
        rc = no_memory(err);
    }
out:
    return rc;
}

static int
append_known(struct assembly *assembly, const struct fi_scan_late *late, firn_error *err)
{
    const struct fi_statcache_memo *memo = &assembly->node->memo;
    DCHECK(late->count > 0 && late->known + late->count <= memo->count);
    for (size_t i = 0; i < late->count; i++) {
        const struct fi_tree_entry *old = NULL;
        int rc = take_known(assembly, late->known + i, &old, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (fi_tree_encode_entry(&assembly->worker->assembly, old) != FIRN_OK) {
            return no_memory(err);
        }
    }
    if (assembly->has_prints && fi_buf_append(&assembly->worker->prints,
                                              memo->prints + late->known * FI_STATCACHE_PRINT_SIZE,
                                              late->count * FI_STATCACHE_PRINT_SIZE) != FIRN_OK) {
        return no_memory(err);
    }
    return FIRN_OK;
}

static int
append_late(struct assembly *assembly, const struct fi_scan_late *late, firn_error *err)
{
    switch (late->kind) {
    case FI_SCAN_LATE_SUBDIR:
        return append_subdir(assembly, late, err);
    case FI_SCAN_LATE_LINK:
        return append_link(assembly, late, err);
    case FI_SCAN_LATE_KNOWN:
        return append_known(assembly, late, err);
    }
    return FIRN_OK;
}

/* ---- all of them ---- */

/* Appends the bytes of *from between two places. */
static int
append_range(struct fi_buf *out, const struct fi_buf *from, size_t begin, size_t end)
{
    return end > begin ? fi_buf_append(out, from->data + begin, end - begin) : FIRN_OK;
}

static int
append_all(struct assembly *assembly, firn_error *err)
{
    const struct fi_scan_part *part = &assembly->node->part;
    struct fi_scan_worker *worker = assembly->worker;
    size_t encoded = 0;
    size_t prints = 0;
    fi_buf_clear(&worker->assembly);
    fi_buf_clear(&worker->prints);
    for (size_t i = 0; i <= part->late_count; i++) {
        const struct fi_scan_late *late = i < part->late_count ? &part->lates[i] : NULL;
        size_t encoded_end = late != NULL ? late->offset : part->encoded.size;
        size_t prints_end = late != NULL ? late->print : part->prints.size;
        DCHECK(encoded <= encoded_end && prints <= prints_end);
        if (append_range(&worker->assembly, &part->encoded, encoded, encoded_end) != FIRN_OK ||
            append_range(&worker->prints, &part->prints, prints, prints_end) != FIRN_OK) {
            return no_memory(err);
        }
        encoded = encoded_end;
        prints = prints_end;
        if (late != NULL) {
            int rc = append_late(assembly, late, err);
            if (rc != FIRN_OK) {
                return rc;
            }
            prints += late->kind == FI_SCAN_LATE_LINK ? FI_STATCACHE_PRINT_SIZE : 0;
        }
    }
    return FIRN_OK;
}

/* (I3) */
static int
check_order(struct assembly *assembly, firn_error *err)
{
    firn_slice rest = fi_buf_slice(&assembly->worker->assembly);
    firn_slice previous = {NULL, 0};
    while (rest.size > 0) {
        struct fi_tree_entry entry;
        CHECK(fi_tree_decode_entry(&rest, &entry, NULL) == FIRN_OK);
        if (fi_slice_compare(previous, entry.name) >= 0) {
            return broken(assembly, err, "its entries would be out of order");
        }
        previous = entry.name;
    }
    return FIRN_OK;
}

static bool
has_a_print_each(const struct fi_scan_entries *entries)
{
    firn_slice rest = entries->encoded;
    struct fi_tree_entry entry;
    size_t count = 0;
    while (rest.size > 0 && fi_tree_decode_entry(&rest, &entry, NULL) == FIRN_OK) {
        count++;
    }
    return rest.size == 0 && entries->prints.size == count * FI_STATCACHE_PRINT_SIZE;
}

/* All entries of a complete directory, in order; borrowed from the node or the worker. */
static int
assemble(struct fi_scan_worker *worker, const struct fi_scan_node *node,
         struct fi_scan_entries *out, firn_error *err)
{
    const struct fi_scan_part *part = &node->part;
    struct assembly assembly = {
        .worker = worker, .node = node, .has_prints = fi_scan_known_applies(worker->scan)};
    const struct fi_tree_entry *ignored = NULL;
    int rc = FIRN_OK;
    out->encoded = fi_buf_slice(&part->encoded);
    out->prints = fi_buf_slice(&part->prints);
    bool with_old = needs_old(worker, node);
    if (part->late_count == 0 && !with_old) {
        return FIRN_OK;
    }
    if (with_old) {
        rc = fi_tree_iterator_create(fi_statcache_lane_source(worker->stat_lane), &node->memo.tree,
                                     &assembly.old, err);
        if (rc != FIRN_OK) {
            return fi_statcache_lane_break(worker->stat_lane, rc);
        }
    }
    FI_TRY(append_all(&assembly, err));
    if (with_old) {
        FI_TRY(scan_build_advance(&assembly, FI_SCAN_UNKNOWN, &ignored, err));
        FI_TRY(check_order(&assembly, err));
    }
    out->encoded = fi_buf_slice(&worker->assembly);
    out->prints = fi_buf_slice(&worker->prints);
    DCHECK(!assembly.has_prints || has_a_print_each(out));
out:
    fi_tree_iterator_destroy(assembly.old);
    return rc;
}

static int
scan_build(struct fi_scan_worker *worker, struct fi_scan_node *node, firn_error *err)
{
    struct fi_scan_entries entries = {{NULL, 0}, {NULL, 0}};
    struct putting putting = {worker,
                              fi_statcache_memo_is_empty(&node->memo) ? NULL : &node->memo.tree};
    firn_hash hash = node->memo.tree;
    bool is_same;
    DCHECK(node->waiting == 0 && node->segments_merged == node->segment_count);
    FI_TRY_RETURN(fi_scan_known_is_same(worker, node, &is_same, err));
    if (!is_same) {
        FI_TRY_RETURN(assemble(worker, node, &entries, err));
        FI_TRY_RETURN(fi_tree_build(entries.encoded, put_object, &putting, &hash, err));
    }
    FI_TRY_RETURN(fi_scan_known_note(worker, node, is_same, &hash, &entries, err));
    FI_TRY_RETURN(report_witness(worker, node, err));
    FI_TRY_RETURN(fi_scan_report_date(worker, node, "", node->stat.mtime_ns, err));
    scan_build_report(worker, node, &hash);
    return FIRN_OK;
}

/* Notes that one thing that a directory waited for is done; whether it was the last. */
static bool
count_down(struct fi_scan *scan, struct fi_scan_node *node)
{
    fi_os_mutex_lock(&scan->mutex);
    DCHECK(node->waiting > 0);
    bool is_complete = --node->waiting == 0;
    fi_os_mutex_unlock(&scan->mutex);
    return is_complete;
}

/* Whether paths through a directory may still be needed after it has been built. */
static bool
is_path_needed(struct fi_scan *scan)
{
    fi_os_mutex_lock(&scan->mutex);
    bool is_needed = scan->links_are_known;
    fi_os_mutex_unlock(&scan->mutex);
    return is_needed;
}

int
fi_scan_build_due(struct fi_scan_worker *worker, struct fi_scan_node *node, firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    for (bool is_complete = true; is_complete;) {
        int rc = scan_build(worker, node, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        struct fi_scan_node *parent = node->parent;
        if (is_path_needed(scan)) {
            fi_scan_node_empty(node);
        } else {
            fi_scan_node_destroy(scan, node);
        }
        node = parent;
        is_complete = node != NULL && count_down(scan, node);
    }
    return FIRN_OK;
}

int
fi_scan_build_finish_part(struct fi_scan_worker *worker, struct fi_scan_node *node, firn_error *err)
{
    return count_down(worker->scan, node) ? fi_scan_build_due(worker, node, err) : FIRN_OK;
}

int
fi_scan_build_segment(struct fi_scan_worker *worker, struct fi_scan_node *node, size_t segment,
                      firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    bool has_links = false;
    for (size_t i = 0; i < worker->part.late_count; i++) {
        has_links = has_links || worker->part.lates[i].kind == FI_SCAN_LATE_LINK;
    }
    const struct fi_scan_counts now = fi_scan_counts_of(worker);
    fi_os_mutex_lock(&scan->mutex);
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
    int rc = fi_scan_node_merge_locked(scan, node, segment, &worker->part);
    fi_os_mutex_unlock(&scan->mutex);
    if (rc != FIRN_OK) {
        return fi_error_no_memory(err, "the entries of a directory");
    }
    return fi_scan_build_finish_part(worker, node, err);
}
