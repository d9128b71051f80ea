/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_known.c: what a scan need not do because an earlier one has done it.
 *
 * The visitor of a directory gets its memo from the stat cache. Then it looks at every file and
 * link in the directory, which takes one system call each, and searches the memo for the look's
 * print. If the print is found, the entry is the one in the directory's earlier object. It is not
 * opened, read or encoded; only its place in the memo is noted, which nearly always prolongs a run.
 * Once the directory is complete, it is the same as before if its places are those of the whole
 * memo, without a gap, and each subdirectory's entry is also the same (I1). Then its hash is the
 * one in the memo. Otherwise the known entries are taken from the old object (scan_build.c).
 *
 * No decision here depends on a directory's own times: all names are listed, and all entries looked
 * at, each time.
 *
 * An entry with several names is recognized in the same way, but its directory is always rebuilt,
 * because which of the names holds the content depends on the whole tree.
 *
 * The attributes of the directory itself are recognized by its own print, which is kept beside
 * those of its entries; if it has extended attributes, they are read each time.
 *
 * When a print may be kept: the look comes first, then the clock is read, then the content (I2; not
 * checked: it depends on the kernel's clock). If the file's last change was at least a tick before
 * the clock was read, any later change shows.
 */
#include "base/check.h"
#include "base/error.h"
#include "base/slice.h"
#include "scan/scan_internal.h"

static int
no_memory(firn_error *err)
{
    return fi_error_no_memory(err, "the stat cache");
}

/* ---- a directory's visit ---- */

int
fi_scan_known_open_lane(struct fi_scan_worker *worker, firn_error *err)
{
    return worker->stat_lane != NULL
               ? FIRN_OK
               : fi_statcache_lane_open(worker->scan->options->stat, &worker->stat_lane, err);
}

int
fi_scan_known_find(struct fi_scan_worker *worker, struct fi_scan_node *node, firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    int rc = FIRN_OK;
    DCHECK(fi_statcache_memo_is_empty(&node->memo));
    if (!fi_scan_known_applies(scan)) {
        return rc;
    }
    FI_TRY_RETURN(fi_scan_known_open_lane(worker, err));
    return fi_statcache_lane_find(worker->stat_lane, fi_buf_slice(&worker->path), scan->start_ns,
                                  &node->memo, err);
}

int
fi_scan_known_share(struct fi_scan_node *node, firn_error *err)
{
    return fi_statcache_memo_prepare(&node->memo) == FIRN_OK ? FIRN_OK : no_memory(err);
}

/* Whether the memo's note of a state that looks like this can be relied on. */
static bool
is_reliable(const struct fi_scan *scan, const struct fi_statcache_memo *memo,
            const struct fi_os_stat *stat)
{
    uint64_t boot_id = fi_statcache_boot_id(scan->options->stat);
    return (boot_id != 0 && memo->boot_id == boot_id) ||
           fi_statcache_print_survives(stat, memo->noted_ns);
}

static bool
is_settled(const struct fi_scan *scan, const struct fi_os_stat *stat)
{
    /* Nearly every file is older than the scan; then the clock is not read. */
    return fi_statcache_print_is_settled(stat, scan->start_ns) ||
           fi_statcache_print_is_settled(stat, fi_os_now_ns(scan->os));
}

void
fi_scan_known_see(const struct fi_scan *scan, const char *name, const struct fi_os_stat *stat,
                  struct fi_statcache_print *out)
{
    *out = (struct fi_statcache_print){{0}};
    if (fi_scan_known_applies(scan) && is_settled(scan, stat)) {
        fi_statcache_print_of_inspect(scan->stat_seed, firn_str(name), stat, out);
    }
}

void
fi_scan_known_see_self(struct fi_scan_worker *worker, struct fi_scan_node *node,
                       bool *out_has_xattrs)
{
    const struct fi_statcache_memo *memo = &node->memo;
    fi_scan_known_see(worker->scan, "", &node->stat, &node->self);
    bool is_known = !fi_statcache_memo_is_empty(memo) &&
                    is_reliable(worker->scan, memo, &node->stat) &&
                    !fi_statcache_print_is_zero(&node->self) &&
                    memcmp(memo->self.bytes, node->self.bytes, sizeof memo->self.bytes) == 0;
    *out_has_xattrs = !is_known || memo->has_xattrs;
}

/* ---- an entry ---- */

static int
enter_link(struct fi_scan_worker *worker, struct fi_scan_node *node, const char *name,
           const struct fi_os_stat *stat, const struct fi_statcache_print *print, size_t known,
           firn_error *err)
{
    struct fi_scan_late link = {.kind = FI_SCAN_LATE_LINK, .known = known, .name = name};
    FI_TRY_RETURN(fi_scan_confined_allow(worker->scan, node->memo.noted_ns, err));
    FI_TRY_RETURN(fi_scan_links_meet(worker, stat, &link.index, err));
    return fi_scan_links_join(worker, node, &link, print, err);
}

int
fi_scan_known_enter(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
                    const struct fi_scan_item *item, size_t *guess, bool *out_is_known,
                    firn_error *err)
{
    const char *name = item->name.text;
    struct fi_os_stat stat;
    struct fi_statcache_print print;
    size_t known;
    *out_is_known = false;
    if (fi_os_stat(dir, name, &stat, NULL) != FIRN_OK || stat.kind != item->kind ||
        fi_scan_is_too_large(worker->scan, node, &stat)) {
        return FIRN_OK; /* the attempt to read it will report the cause */
    }
    fi_statcache_print_of_inspect(worker->scan->stat_seed, firn_bytes(name, item->name_size), &stat,
                                  &print);
    if (fi_statcache_memo_find(&node->memo, &print, *guess, &known, out_is_known) != FIRN_OK) {
        return no_memory(err);
    }
    *out_is_known = *out_is_known && is_reliable(worker->scan, &node->memo, &stat);
    if (!*out_is_known) {
        return FIRN_OK;
    }
    DCHECK(known < node->memo.count);
    *guess = known + 1;
    worker->files++;
    if (stat.nlink > 1 && fi_scan_node_joins_links(node)) {
        FI_TRY_RETURN(enter_link(worker, node, name, &stat, &print, known, err));
    } else {
        worker->bytes += stat.kind == FI_OS_FILE ? stat.size_bytes : 0;
        if (fi_scan_node_add_known(&worker->part, known) != FIRN_OK) {
            return no_memory(err);
        }
    }
    return fi_scan_report_work(worker, 1, 0, err);
}

/* ---- a complete directory ---- */

/* Whether the memo has the subdirectory's entry at a place. */
static int
has_subdir_at(struct fi_scan_worker *worker, const struct fi_statcache_memo *memo, size_t place,
              const struct fi_scan_subdir *subdir, bool *out)
{
    struct fi_statcache_print print;
    fi_buf_clear(&worker->entry);
    int rc = fi_scan_node_encode_subdir(subdir, &worker->entry);
    if (rc == FIRN_OK) {
        fi_statcache_print_of_entry(worker->scan->stat_seed, fi_buf_slice(&worker->entry), &print);
        *out = place < memo->count && memcmp(memo->prints + place * FI_STATCACHE_PRINT_SIZE,
                                             print.bytes, sizeof print.bytes) == 0;
    }
    return rc;
}

int
fi_scan_known_is_same(struct fi_scan_worker *worker, const struct fi_scan_node *node, bool *out,
                      firn_error *err)
{
    const struct fi_statcache_memo *memo = &node->memo;
    const struct fi_scan_part *part = &node->part;
    size_t place = 0;
    *out = false;
    if (!fi_scan_known_applies(worker->scan)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_scan_known_open_lane(worker, err));
    *out = !fi_statcache_memo_is_empty(memo) && part->encoded.size == 0 && part->prints.size == 0;
    for (size_t i = 0; *out && i < part->late_count; i++) {
        const struct fi_scan_late *late = &part->lates[i];
        if (late->kind == FI_SCAN_LATE_KNOWN) {
            *out = late->known == place;
            place += late->count;
            continue;
        }
        CHECK(late->kind == FI_SCAN_LATE_SUBDIR); /* a link has a print */
        DCHECK(late->index < node->subdir_count);
        const struct fi_scan_subdir *subdir = &node->subdirs[late->index];
        if (subdir->state != FI_SCAN_SUBDIR_LEFT_OUT) {
            if (has_subdir_at(worker, memo, place, subdir, out) != FIRN_OK) {
                return no_memory(err);
            }
            place++;
        }
    }
    *out = *out && place == memo->count;
    return FIRN_OK;
}

/* ---- for the next scan ---- */

static bool
is_self_as_noted(const struct fi_statcache_memo *now, const struct fi_statcache_memo *before)
{
    return !fi_statcache_memo_is_empty(before) && now->has_xattrs == before->has_xattrs &&
           memcmp(now->self.bytes, before->self.bytes, sizeof now->self.bytes) == 0;
}

static bool
are_entries_as_noted(const struct fi_statcache_memo *now, const struct fi_statcache_memo *before)
{
    return !fi_statcache_memo_is_empty(before) && now->count == before->count &&
           memcmp(now->tree.bytes, before->tree.bytes, sizeof now->tree.bytes) == 0 &&
           (now->count == 0 ||
            memcmp(now->prints, before->prints, now->count * FI_STATCACHE_PRINT_SIZE) == 0);
}

int
fi_scan_known_note(struct fi_scan_worker *worker, const struct fi_scan_node *node, bool is_same,
                   const firn_hash *hash, const struct fi_scan_entries *entries, firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    const struct fi_statcache_memo *before = &node->memo;
    DCHECK(!is_same || fi_hash_equal(hash, &before->tree)); /* (I1) */
    DCHECK(entries->prints.size % FI_STATCACHE_PRINT_SIZE == 0);
    if (!fi_scan_known_applies(scan) || !fi_statcache_is_writable(scan->options->stat)) {
        return FIRN_OK;
    }
    struct fi_statcache_memo now = {.tree = *hash,
                                    .self = node->self,
                                    .has_xattrs = node->xattrs.size > 0,
                                    .noted_ns = scan->start_ns,
                                    .boot_id = fi_statcache_boot_id(scan->options->stat),
                                    .count = entries->prints.size / FI_STATCACHE_PRINT_SIZE,
                                    .prints = entries->prints.data};
    bool has_entries = is_same || are_entries_as_noted(&now, before);
    /* Entries that were read again because the machine had restarted count from now on. */
    bool is_of_this_boot = is_same || now.boot_id == before->boot_id;
    if (has_entries && is_of_this_boot && is_self_as_noted(&now, before)) {
        return FIRN_OK;
    }
    const struct fi_scan_confines *confines = scan->options->confines;
    bool is_stored = true;
    int rc = confines == NULL || confines->is_stored == NULL || is_same
                 ? FIRN_OK
                 : confines->is_stored(confines->ctx, hash, &is_stored, err);
    if (rc != FIRN_OK || !is_stored) {
        return rc;
    }
    if (fi_scan_node_path(node, "", &worker->path) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    firn_slice path = fi_buf_slice(&worker->path);
    return has_entries ? fi_statcache_lane_note_self(worker->stat_lane, path, &now, before, err)
                       : fi_statcache_lane_note(worker->stat_lane, path, &now, before,
                                                entries->encoded, err);
}

int
fi_scan_known_remove(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                     firn_slice name, firn_error *err)
{
    struct fi_buf *path = &worker->path;
    if (!fi_statcache_is_writable(worker->scan->options->stat)) {
        return FIRN_OK;
    }
    if (fi_scan_node_path(node, "", path) != FIRN_OK ||
        (path->size > 0 && fi_buf_append_u8(path, '/') != FIRN_OK) ||
        fi_buf_append_slice(path, name) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    return fi_statcache_lane_remove(worker->stat_lane, fi_buf_slice(path), err);
}
