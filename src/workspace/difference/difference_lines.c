/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_lines.c: two versions of a file brought into memory and compared.
 *
 * Each is read from the packs or from the disk by difference_content.c, so the lines are those of
 * exactly the two contents that differ. If a file on the disk has changed since, or is gone, a
 * notice says so and no lines are counted.
 *
 * Both contents are in memory at once, so their size is limited (line_diff.h). A side that is
 * missing, or is not a file, counts as empty.
 */
#include "difference/difference.h"

#include "base/check.h"
#include "difference/difference_internal.h"
#include "threads/os_callback.h"

enum { SCRATCH_FRAMES = 16 };

int
firn_difference_lines_init(struct firn_difference_lines *out, struct firn_objects *objects,
                           struct firn_os_dir *disk, const firn_callbacks *callbacks,
                           firn_error *err)
{
    *out =
        (struct firn_difference_lines){.objects = objects, .disk = disk, .callbacks = *callbacks};
    return firn_packfile_scratch_create(SCRATCH_FRAMES, &out->scratch, err);
}

void
firn_difference_lines_deinit(struct firn_difference_lines *lines)
{
    firn_packfile_scratch_destroy(lines->scratch);
    firn_buf_deinit(&lines->before);
    firn_buf_deinit(&lines->after);
    firn_line_diff_deinit(&lines->diff);
    *lines = (struct firn_difference_lines){0};
}

static void
tell(const struct firn_difference_lines *lines, firn_notice_kind kind, firn_slice path,
     const char *text)
{
    if (lines->callbacks.on_notice != NULL) {
        firn_notice notice = {.kind = kind, .path = path, .text = text};
        firn_os_callback_notice(&lines->callbacks, &notice);
    }
}

static int
load_disk(struct firn_difference_lines *lines, firn_slice path, const struct firn_tree_entry *entry,
          struct firn_buf *out, firn_workspace_lines_kind *out_kind, firn_error *err)
{
    DCHECK(lines->disk != NULL);
    firn_error cause = {0};
    bool is_same;
    bool is_text;
    int rc = firn_difference_content_load_disk(lines->disk, path, entry, out, &is_same, &is_text,
                                               &cause);
    if (rc == FIRN_NO_MEMORY) {
        return firn_error_no_memory(err, "the content of a file");
    }
    if (rc != FIRN_OK) {
        tell(lines, FIRN_NOTICE_UNREADABLE, path, cause.text);
        *out_kind = FIRN_LINES_UNREADABLE;
    } else if (!is_same) {
        tell(lines, FIRN_NOTICE_CHANGING, path, "changed while it was compared");
        *out_kind = FIRN_LINES_UNREADABLE;
    } else if (!is_text) {
        *out_kind = FIRN_LINES_BINARY;
    }
    return FIRN_OK;
}

static int
load_stored(struct firn_difference_lines *lines, const struct firn_tree_entry *entry,
            struct firn_buf *out, firn_workspace_lines_kind *out_kind, firn_error *err)
{
    bool is_text;
    int rc = firn_difference_content_load_stored(lines->objects, lines->scratch, entry, out,
                                                 &is_text, err);
    if (rc == FIRN_OK && !is_text) {
        *out_kind = FIRN_LINES_BINARY;
    }
    return rc;
}

static bool
is_file(const struct firn_tree_entry *entry)
{
    return entry != NULL && entry->kind == FIRN_TREE_FILE;
}

/* Loads a version, if there is one; *out_kind stays NONE if it is text or missing. */
static int
load(struct firn_difference_lines *lines, firn_slice path, const struct firn_tree_entry *entry,
     bool from_disk, struct firn_buf *out, firn_workspace_lines_kind *out_kind, firn_error *err)
{
    firn_buf_clear(out);
    if (!is_file(entry) || *out_kind != FIRN_LINES_NONE) {
        return FIRN_OK;
    }
    if (entry->size > FIRN_LINE_DIFF_TEXT_SIZE_MAX) {
        *out_kind = FIRN_LINES_TOO_LARGE;
        return FIRN_OK;
    }
    return from_disk ? load_disk(lines, path, entry, out, out_kind, err)
                     : load_stored(lines, entry, out, out_kind, err);
}

static int
compare(struct firn_difference_lines *lines, firn_workspace_difference *out, firn_error *err)
{
    struct firn_line_diff *diff = &lines->diff;
    DCHECK(lines->before.size <= FIRN_LINE_DIFF_TEXT_SIZE_MAX &&
           lines->after.size <= FIRN_LINE_DIFF_TEXT_SIZE_MAX);
    firn_line_diff_deinit(diff);
    int rc =
        firn_line_diff_init_by(diff, firn_buf_slice(&lines->before), firn_buf_slice(&lines->after),
                               lines->algorithm, FIRN_LINE_DIFF_WORK_DEFAULT, err);
    if (rc == FIRN_LIMIT) {
        out->lines = FIRN_LINES_TOO_LARGE;
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    out->lines = FIRN_LINES_COUNTED;
    out->lines_are_minimal = diff->is_minimal;
    out->lines_added = diff->added;
    out->lines_removed = diff->removed;
    out->hunks = diff->hunks;
    out->hunk_count = diff->hunk_count;
    out->content_before = firn_buf_slice(&lines->before);
    out->content_after = firn_buf_slice(&lines->after);
    return FIRN_OK;
}

int
firn_difference_lines_compare(struct firn_difference_lines *lines,
                              const struct firn_difference_walk_change *change,
                              firn_workspace_difference *out, firn_error *err)
{
    const unsigned about_content = FIRN_DIFFERENCE_WALK_TYPE | FIRN_DIFFERENCE_WALK_CONTENT;
    DCHECK(out->lines == FIRN_LINES_NONE && out->hunk_count == 0);
    firn_workspace_lines_kind kind = FIRN_LINES_NONE;
    bool may_differ =
        change->kind != FIRN_DIFFERENCE_WALK_CHANGED || (change->what & about_content) != 0;
    if (!may_differ || !(is_file(change->before) || is_file(change->after))) {
        return FIRN_OK;
    }
    int rc;
    FIRN_TRY(load(lines, change->path, change->before, false, &lines->before, &kind, err));
    FIRN_TRY(
        load(lines, change->path, change->after, lines->disk != NULL, &lines->after, &kind, err));
    if (kind != FIRN_LINES_NONE) {
        out->lines = kind;
        return FIRN_OK;
    }
    rc = compare(lines, out, err);
out:
    if (rc == FIRN_CORRUPT) {
        (void)firn_error_prefix(err, "%.*s",
                                (int)(change->path.size < 256 ? change->path.size : 256),
                                (const char *)change->path.data);
    }
    return rc;
}
