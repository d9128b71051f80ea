/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_segment.c: one segment of the entries of a directory.
 *
 * A segment is a run of 256 entries in the order of names. The visitor of a directory takes the
 * first one while the handle is open. Any worker may take a further one; it opens the directory
 * again and makes sure that it is the one that was listed.
 *
 * An entry that could be read becomes bytes in the part. A subdirectory, which another visit reads,
 * or one of several names of an inode becomes a note of its place. An entry that is as an earlier
 * scan saw it joins a run of known entries (scan_known.c). An entry that is left out is reported.
 *
 * The kind that the kernel reports for an entry in a listing may be outdated when the entry is
 * opened. Each open states the kind it expects, so at worst an entry is reported as changing.
 */
#include "base/check.h"
#include "base/error.h"
#include "place/place.h"
#include "rules/rules.h"
#include "scan/scan_internal.h"
#include "tree/tree.h"

static bool
is_readable_kind(uint8_t kind)
{
    return kind == FI_OS_FILE || kind == FI_OS_SYMLINK;
}

static int
enter_subdir(struct fi_scan_worker *worker, const struct fi_scan_item *item, firn_error *err)
{
    DCHECK(item->kind == FI_OS_DIR);
    struct fi_scan_late late = {.kind = FI_SCAN_LATE_SUBDIR, .index = item->subdir};
    return fi_scan_node_add_late(&worker->part, &late) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a directory entry");
}

/* Encodes an entry that has been read, or notes where it belongs. */
static int
scan_dir_enter(struct fi_scan_worker *worker, struct fi_scan_node *node, const char *name,
               struct fi_scan_found *found, firn_error *err)
{
    if (found->is_left_out) {
        return FIRN_OK;
    }
    worker->files++;
    if (found->is_link) {
        int rc = fi_scan_confined_allow(worker->scan, INT64_MAX, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        struct fi_scan_late link = {.kind = FI_SCAN_LATE_LINK,
                                    .index = found->group,
                                    .known = FI_SCAN_UNKNOWN,
                                    .name = name};
        return fi_scan_links_join(worker, node, &link, &found->print, err);
    }
    found->entry.name = firn_str(name);
    int rc = fi_tree_encode_entry(&worker->part.encoded, &found->entry);
    if (rc == FIRN_OK && fi_scan_known_applies(worker->scan)) {
        rc = fi_scan_node_add_print(&worker->part, &found->print);
    }
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a directory entry");
}

/* Whether only the beginning or a copy of a file is saved; a look at the file cannot show whether
 * what is saved has changed. */
static bool
is_cut(const struct fi_scan_node *node, const struct fi_scan_item *item)
{
    return (node->store != NULL &&
            fi_scan_store_assess(node, item->name.text).kind == FI_COPY_HOT_CUT) ||
           (node->databases.count > 0 &&
            fi_scan_sqlite_is_apart(node, item->name.text, item->name_size));
}

/* *guess is where in the memo the entry may be, and is advanced. */
static int
work_on(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
        const struct fi_scan_item *item, size_t *guess, firn_error *err)
{
    const char *name = item->name.text;
    struct fi_scan_found found;
    bool is_known = false;
    int rc = FIRN_OK;
    if (item->kind == FI_OS_DIR) {
        *guess += 1;
        return enter_subdir(worker, item, err);
    }
    if (node->databases.count > 0 &&
        fi_scan_sqlite_leaves_out(node, item)) { /* decided after the directory was listed */
        return FIRN_OK;
    }
    if (!is_readable_kind(item->kind)) {
        return fi_scan_report_special(worker, node, name, (enum fi_os_kind)item->kind, err);
    }
    if (!fi_statcache_memo_is_empty(&node->memo) && !is_cut(node, item)) {
        rc = fi_scan_known_enter(worker, node, dir, item, guess, &is_known, err);
    }
    if (rc == FIRN_OK && item->kind == FI_OS_FILE) {
        rc = fi_scan_confined_allow_file(worker, node, item, is_known, err);
    }
    if (rc != FIRN_OK || is_known) {
        return rc;
    }
    rc = item->kind == FI_OS_FILE ? fi_scan_file_save(worker, node, dir, name, &found, err)
                                  : fi_scan_file_save_symlink(worker, node, dir, name, &found, err);
    return rc == FIRN_OK ? scan_dir_enter(worker, node, name, &found, err) : rc;
}

/* The entries of a segment: *out_end is after the last. */
static const struct fi_scan_listing *
find_segment(const struct fi_scan_worker *worker, const struct fi_scan_node *node, size_t segment,
             size_t *out_begin, size_t *out_end)
{
    const struct fi_scan_listing *listing =
        node->segment_count > 1 ? &node->listing : &worker->listing;
    *out_begin = segment * FI_SCAN_SEGMENT_ENTRIES;
    DCHECK(segment < node->segment_count && *out_begin <= listing->count);
    size_t left = listing->count - *out_begin;
    *out_end = *out_begin + (left < FI_SCAN_SEGMENT_ENTRIES ? left : FI_SCAN_SEGMENT_ENTRIES);
    return listing;
}

int
fi_scan_segment_work(struct fi_scan_worker *worker, struct fi_scan_node *node,
                     struct fi_os_dir *dir, size_t segment, firn_error *err)
{
    size_t at;
    size_t end;
    const struct fi_scan_listing *listing = find_segment(worker, node, segment, &at, &end);
    size_t guess = at;
    fi_scan_node_part_clear(&worker->part);
    worker->before = fi_scan_counts_of(worker);
    for (; at < end; at++) {
        if (fi_scan_is_stopped(worker->scan)) {
            return fi_error_set(err, FIRN_CANCELLED, "cancelled");
        }
        int rc = work_on(worker, node, dir, &listing->items[at], &guess, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return fi_scan_build_segment(worker, node, segment, err);
}

/* ---- a segment by itself ---- */

/* Whether a directory opened a second time is the one that was listed. */
static int
reopen(struct fi_scan_worker *worker, const struct fi_scan_node *node, struct fi_os_dir **out,
       firn_error *err)
{
    int rc = fi_scan_dir_open(worker, node, out, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_os_stat now;
    rc = fi_os_dir_stat(*out, &now, err);
    if (rc == FIRN_OK && (now.inode != node->stat.inode || now.device != node->stat.device)) {
        rc = fi_error_set(err, FIRN_CONFLICT, "'%s' was replaced while it was read",
                          fi_os_dir_path(*out));
    }
    return rc;
}

/* A directory that is gone, or another, by the time of a later segment: none of the segment's
 * entries is saved. */
static int
leave_out_segment(struct fi_scan_worker *worker, struct fi_scan_node *node, size_t segment,
                  int code, firn_error *err)
{
    size_t at;
    size_t end;
    const struct fi_scan_listing *listing = find_segment(worker, node, segment, &at, &end);
    fi_scan_node_part_clear(&worker->part);
    worker->before = fi_scan_counts_of(worker);
    for (; at < end; at++) {
        const struct fi_scan_item *item = &listing->items[at];
        int rc = item->kind == FI_OS_DIR
                     ? enter_subdir(worker, item, err)
                     : fi_scan_report_left_out(worker, node, item->name.text, code, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return fi_scan_build_segment(worker, node, segment, err);
}

int
fi_scan_segment_reopen(struct fi_scan_worker *worker, struct fi_scan_node *node, size_t segment,
                       firn_error *err)
{
    DCHECK(segment > 0); /* the first one is worked on while the directory is open */
    struct fi_os_dir *dir = NULL;
    int rc = reopen(worker, node, &dir, err);
    rc = rc == FIRN_OK ? fi_scan_segment_work(worker, node, dir, segment, err)
                       : leave_out_segment(worker, node, segment, rc, err);
    fi_os_dir_close(dir);
    return rc;
}
