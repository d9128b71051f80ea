/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_lines.c: two versions of a file brought into memory and compared.
 *
 * Each is read from the packs or from the disk by difference_content.c, so the lines are those of
 * exactly the two contents that differ. If a file on the disk has changed since, or is gone, a
 * notice says so and no lines are counted.
 *
 * Both contents are in memory at once, so their size is limited (lines_diff.h). A side that is
 * missing, or is not a file, counts as empty.
 */
#include "difference/difference.h"

#include "base/check.h"
#include "difference/difference_internal.h"
#include "threads/os_callback.h"

enum { SCRATCH_FRAMES = 16 };

int
fi_difference_lines_init(struct fi_difference_lines *out, struct fi_objects *objects,
                         struct fi_os_dir *disk, const firn_callbacks *callbacks, firn_error *err)
{
    *out = (struct fi_difference_lines){.objects = objects, .disk = disk, .callbacks = *callbacks};
    return fi_pack_scratch_create(SCRATCH_FRAMES, &out->scratch, err);
}

void
fi_difference_lines_deinit(struct fi_difference_lines *lines)
{
    fi_pack_scratch_destroy(lines->scratch);
    fi_buf_deinit(&lines->before);
    fi_buf_deinit(&lines->after);
    fi_buf_deinit(&lines->bare_before);
    fi_buf_deinit(&lines->bare_after);
    fi_lines_diff_deinit(&lines->diff);
    *lines = (struct fi_difference_lines){0};
}

static void
difference_lines_report(const struct fi_difference_lines *lines, firn_notice_kind kind,
                        firn_slice path, const char *text)
{
    if (lines->callbacks.on_notice != NULL) {
        firn_notice notice = {.kind = kind, .path = path, .text = text};
        fi_os_callback_notice(&lines->callbacks, &notice);
    }
}

static int
load_disk(struct fi_difference_lines *lines, firn_slice path, const struct fi_tree_entry *entry,
          struct fi_buf *out, firn_workspace_lines_kind *out_kind, firn_error *err)
{
    DCHECK(lines->disk != NULL);
    firn_error cause = {0};
    bool is_same;
    bool is_text;
    int rc =
        fi_difference_content_load_disk(lines->disk, path, entry, out, &is_same, &is_text, &cause);
    if (rc == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "the content of a file");
    }
    if (rc != FIRN_OK) {
        difference_lines_report(lines, FIRN_NOTICE_UNREADABLE, path, cause.text);
        *out_kind = FIRN_LINES_UNREADABLE;
    } else if (!is_same) {
        difference_lines_report(lines, FIRN_NOTICE_CHANGING, path, "changed while it was compared");
        *out_kind = FIRN_LINES_UNREADABLE;
    } else if (!is_text) {
        *out_kind = FIRN_LINES_BINARY;
    }
    return FIRN_OK;
}

static int
load_stored(struct fi_difference_lines *lines, const struct fi_tree_entry *entry,
            struct fi_buf *out, firn_workspace_lines_kind *out_kind, firn_error *err)
{
    bool is_text;
    int rc = fi_difference_content_load_stored(lines->objects, lines->scratch, entry, out, &is_text,
                                               err);
    if (rc == FIRN_OK && !is_text) {
        *out_kind = FIRN_LINES_BINARY;
    }
    return rc;
}

static bool
is_file(const struct fi_tree_entry *entry)
{
    return entry != NULL && entry->kind == FI_TREE_FILE;
}

/* Loads a version, if there is one; *out_kind stays NONE if it is text or missing. */
static int
difference_lines_load(struct fi_difference_lines *lines, firn_slice path,
                      const struct fi_tree_entry *entry, bool from_disk, struct fi_buf *out,
                      firn_workspace_lines_kind *out_kind, firn_error *err)
{
    fi_buf_clear(out);
    if (!is_file(entry) || *out_kind != FIRN_LINES_NONE) {
        return FIRN_OK;
    }
    if (entry->size > FI_LINES_DIFF_TEXT_SIZE_MAX) {
        *out_kind = FIRN_LINES_TOO_LARGE;
        return FIRN_OK;
    }
    return from_disk ? load_disk(lines, path, entry, out, out_kind, err)
                     : load_stored(lines, entry, out, out_kind, err);
}

/* A text without white space but the ends of its lines, of which the last one has one, too: line
 * by line what is compared. */
static int
strip(firn_slice text, struct fi_buf *out, firn_error *err)
{
    fi_buf_clear(out);
    if (fi_buf_reserve(out, text.size + 1) != FIRN_OK) {
        return fi_error_no_memory(err, "a text without white space");
    }
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t byte = text.data[i];
        const bool is_space = byte == ' ' || (byte >= '\t' && byte <= '\r' && byte != '\n');
        out->data[out->size] = byte;
        out->size += !is_space;
    }
    if (text.size > 0 && text.data[text.size - 1] != '\n') {
        out->data[out->size++] = '\n';
    }
    return FIRN_OK;
}

static int
difference_lines_diff(struct fi_difference_lines *lines, firn_error *err)
{
    firn_slice before = fi_buf_slice(&lines->before);
    firn_slice after = fi_buf_slice(&lines->after);
    if (lines->ignores_space) {
        FI_TRY_RETURN(strip(before, &lines->bare_before, err));
        FI_TRY_RETURN(strip(after, &lines->bare_after, err));
        before = fi_buf_slice(&lines->bare_before);
        after = fi_buf_slice(&lines->bare_after);
    }
    return fi_lines_diff_init_by(&lines->diff, before, after, lines->algorithm,
                                 FI_LINES_DIFF_WORK_DEFAULT, err);
}

static int
difference_lines_compare(struct fi_difference_lines *lines, firn_workspace_difference *out,
                         firn_error *err)
{
    struct fi_lines_diff *diff = &lines->diff;
    DCHECK(lines->before.size <= FI_LINES_DIFF_TEXT_SIZE_MAX &&
           lines->after.size <= FI_LINES_DIFF_TEXT_SIZE_MAX);
    fi_lines_diff_deinit(diff);
    int rc = difference_lines_diff(lines, err);
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
    out->content_before = fi_buf_slice(&lines->before);
    out->content_after = fi_buf_slice(&lines->after);
    return FIRN_OK;
}

int
fi_difference_lines_compare(struct fi_difference_lines *lines,
                            const struct fi_difference_walk_change *change,
                            firn_workspace_difference *out, firn_error *err)
{
    const unsigned about_content = FI_DIFFERENCE_WALK_TYPE | FI_DIFFERENCE_WALK_CONTENT;
    DCHECK(out->lines == FIRN_LINES_NONE && out->hunk_count == 0);
    firn_workspace_lines_kind kind = FIRN_LINES_NONE;
    bool may_differ =
        change->kind != FI_DIFFERENCE_WALK_CHANGED || (change->what & about_content) != 0;
    if (!may_differ || !(is_file(change->before) || is_file(change->after))) {
        return FIRN_OK;
    }
    int rc;
    FI_TRY(difference_lines_load(lines, change->path, change->before, false, &lines->before, &kind,
                                 err));
    FI_TRY(difference_lines_load(lines, change->path, change->after, lines->disk != NULL,
                                 &lines->after, &kind, err));
    if (kind != FIRN_LINES_NONE) {
        out->lines = kind;
        return FIRN_OK;
    }
    rc = difference_lines_compare(lines, out, err);
out:
    if (rc == FIRN_CORRUPT) {
        fi_error_prefix(err, "%.*s", (int)(change->path.size < 256 ? change->path.size : 256),
                        (const char *)change->path.data);
    }
    return rc;
}
