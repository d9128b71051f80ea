/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_entries.c: what lies in a directory: one segment of its entries, worked
 * through.
 *
 * A segment is a run of 256 entries in the order of names. The visitor of a directory takes the
 * first one while the handle is open; further ones may be any worker's, which opens the directory
 * again and makes sure that it is the one that was listed.
 *
 * Of each entry becomes one of these: bytes in the part, where it could be read; a note where it
 * belongs, for a subdirectory, which is another visit's, and for one name of several of an inode;
 * a run of known ones, where an earlier scan has seen just the same (scan_known.c); or a
 * report, where it is left out.
 *
 * What the kernel tells of an entry's kind while listing may be outdated when the entry is opened.
 * Every opening says what it expects, so the worst is an entry that is reported as changing.
 */
#include "base/check.h"
#include "base/error.h"
#include "scan/scan_internal.h"

static bool
is_readable_kind(uint8_t kind)
{
    return kind == FIRN_OS_FILE || kind == FIRN_OS_SYMLINK;
}

static int
enter_subdir(struct firn_scan_worker *worker, const struct firn_scan_item *item, firn_error *err)
{
    DCHECK(item->kind == FIRN_OS_DIR);
    struct firn_scan_late late = {.kind = FIRN_SCAN_LATE_SUBDIR, .index = item->subdir};
    return firn_scan_node_add_late(&worker->part, &late) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "a directory entry");
}

/* Encodes an entry that has been read, or notes where it belongs. */
static int
enter(struct firn_scan_worker *worker, struct firn_scan_node *node, const char *name,
      struct firn_scan_found *found, firn_error *err)
{
    if (found->is_left_out) {
        return FIRN_OK;
    }
    worker->files++;
    if (found->is_link) {
        int rc = firn_scan_confined_allow(worker->scan, INT64_MAX, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        struct firn_scan_late link = {.kind = FIRN_SCAN_LATE_LINK,
                                      .index = found->group,
                                      .known = FIRN_SCAN_UNKNOWN,
                                      .name = name};
        return firn_scan_links_join(worker, node, &link, &found->print, err);
    }
    found->entry.name = firn_str(name);
    int rc = firn_tree_encode_entry(&worker->part.encoded, &found->entry);
    if (rc == FIRN_OK && firn_scan_known_applies(worker->scan)) {
        rc = firn_scan_node_add_print(&worker->part, &found->print);
    }
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "a directory entry");
}

/* Whether only the beginning of a file is saved: what a look at it shows says nothing of that. */
static bool
is_cut(const struct firn_scan_node *node, const char *name)
{
    return node->store != NULL && firn_scan_store_judge(node, name).kind == FIRN_COPY_CAPTURE_CUT;
}

/* *guess is where in the memo the entry may be; moved on. */
static int
work_on(struct firn_scan_worker *worker, struct firn_scan_node *node, struct firn_os_dir *dir,
        const struct firn_scan_item *item, size_t *guess, firn_error *err)
{
    const char *name = item->name.text;
    struct firn_scan_found found;
    bool is_known = false;
    int rc = FIRN_OK;
    if (item->kind == FIRN_OS_DIR) {
        *guess += 1;
        return enter_subdir(worker, item, err);
    }
    if (!is_readable_kind(item->kind)) {
        return firn_scan_report_special(worker, node, name, (enum firn_os_kind)item->kind, err);
    }
    if (!firn_statcache_memo_is_empty(&node->memo) && !is_cut(node, name)) {
        rc = firn_scan_known_enter(worker, node, dir, item, guess, &is_known, err);
    }
    if (rc == FIRN_OK && item->kind == FIRN_OS_FILE) {
        rc = firn_scan_confined_allow_file(worker, node, item, is_known, err);
    }
    if (rc != FIRN_OK || is_known) {
        return rc;
    }
    rc = item->kind == FIRN_OS_FILE
             ? firn_scan_file_save(worker, node, dir, name, &found, err)
             : firn_scan_file_save_symlink(worker, node, dir, name, &found, err);
    return rc == FIRN_OK ? enter(worker, node, name, &found, err) : rc;
}

/* The entries of a segment: *out_end is behind the last. */
static const struct firn_scan_listing *
find_segment(const struct firn_scan_worker *worker, const struct firn_scan_node *node,
             size_t segment, size_t *out_begin, size_t *out_end)
{
    const struct firn_scan_listing *listing =
        node->segment_count > 1 ? &node->listing : &worker->listing;
    *out_begin = segment * FIRN_SCAN_SEGMENT_ENTRIES;
    DCHECK(segment < node->segment_count && *out_begin <= listing->count);
    size_t left = listing->count - *out_begin;
    *out_end = *out_begin + (left < FIRN_SCAN_SEGMENT_ENTRIES ? left : FIRN_SCAN_SEGMENT_ENTRIES);
    return listing;
}

int
firn_scan_entries_work(struct firn_scan_worker *worker, struct firn_scan_node *node,
                       struct firn_os_dir *dir, size_t segment, firn_error *err)
{
    size_t at;
    size_t end;
    const struct firn_scan_listing *listing = find_segment(worker, node, segment, &at, &end);
    size_t guess = at;
    firn_scan_node_part_clear(&worker->part);
    worker->before = firn_scan_counts_of(worker);
    for (; at < end; at++) {
        if (firn_scan_is_stopped(worker->scan)) {
            return firn_error_set(err, FIRN_CANCELLED, "cancelled");
        }
        int rc = work_on(worker, node, dir, &listing->items[at], &guess, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return firn_scan_build_segment(worker, node, segment, err);
}

/* ---- a segment by itself ---- */

/* Whether a directory opened a second time is the one that was listed. */
static int
reopen(struct firn_scan_worker *worker, const struct firn_scan_node *node, struct firn_os_dir **out,
       firn_error *err)
{
    int rc = firn_scan_dir_open(worker, node, out, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_os_stat now;
    rc = firn_os_dir_stat(*out, &now, err);
    if (rc == FIRN_OK && (now.inode != node->stat.inode || now.device != node->stat.device)) {
        rc = firn_error_set(err, FIRN_CONFLICT, "'%s' was replaced while it was read",
                            firn_os_dir_path(*out));
    }
    return rc;
}

/* A directory that is gone, or another, by the time of a later segment: none of the segment's
 * entries is saved. */
static int
leave_out_segment(struct firn_scan_worker *worker, struct firn_scan_node *node, size_t segment,
                  int code, firn_error *err)
{
    size_t at;
    size_t end;
    const struct firn_scan_listing *listing = find_segment(worker, node, segment, &at, &end);
    firn_scan_node_part_clear(&worker->part);
    worker->before = firn_scan_counts_of(worker);
    for (; at < end; at++) {
        const struct firn_scan_item *item = &listing->items[at];
        int rc = item->kind == FIRN_OS_DIR
                     ? enter_subdir(worker, item, err)
                     : firn_scan_report_left_out(worker, node, item->name.text, code, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return firn_scan_build_segment(worker, node, segment, err);
}

int
firn_scan_entries_segment(struct firn_scan_worker *worker, struct firn_scan_node *node,
                          size_t segment, firn_error *err)
{
    DCHECK(segment > 0); /* the first one is worked on while the directory is open */
    struct firn_os_dir *dir = NULL;
    int rc = reopen(worker, node, &dir, err);
    rc = rc == FIRN_OK ? firn_scan_entries_work(worker, node, dir, segment, err)
                       : leave_out_segment(worker, node, segment, rc, err);
    firn_os_dir_close(dir);
    return rc;
}
