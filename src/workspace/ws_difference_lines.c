/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_difference_lines.c: two versions of a file brought into memory and compared.
 *
 * A version of a checkpoint comes out of the packs, verified. A version of the disk is read again:
 * the scan that found it kept nothing but its hash. It is read beneath the root without following a
 * link, and compared with that hash (I1): what is counted are the lines of exactly the two contents
 * that the difference is about. If the file has changed since, or is gone, a notice says so and no
 * lines are counted.
 *
 * Both contents are in memory at once, so they have a limit (line_diff.h). A side that is missing,
 * or is something else than a file, counts as empty. The first bytes decide whether a content is
 * text; of one that is not no more is read.
 */
#include "workspace/ws_difference_lines.h"

#include "base/slice.h"
#include "codec/blake3_hash.h"

enum { SCRATCH_FRAMES = 4, LOOK_SIZE = 8000 };

int
firn_ws_difference_lines_init(struct firn_ws_difference_lines *out, struct firn_ws_objects *objects,
                              struct firn_os_dir *disk, const firn_callbacks *callbacks,
                              firn_error *err)
{
    *out = (struct firn_ws_difference_lines){
        .objects = objects, .disk = disk, .callbacks = *callbacks};
    return firn_packfile_scratch_create(SCRATCH_FRAMES, &out->scratch, err);
}

void
firn_ws_difference_lines_deinit(struct firn_ws_difference_lines *lines)
{
    firn_packfile_scratch_destroy(lines->scratch);
    firn_buf_deinit(&lines->before);
    firn_buf_deinit(&lines->after);
    firn_line_diff_deinit(&lines->diff);
    *lines = (struct firn_ws_difference_lines){0};
}

/* ---- a version of a checkpoint ---- */

struct loading {
    struct firn_buf *out;
    bool is_binary;
};

/* FIRN_CANCELLED at the first sign that it is no text. */
static int
take_piece(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    struct loading *loading = ctx;
    size_t size = loading->out->size;
    (void)offset;
    if (firn_buf_set_size(loading->out, size + data.size) != FIRN_OK) {
        return firn_error_no_memory(err, "the content of a file");
    }
    if (data.data == NULL) {
        memset(loading->out->data + size, 0, data.size);
    } else {
        memcpy(loading->out->data + size, data.data, data.size);
    }
    loading->is_binary = size < LOOK_SIZE && firn_line_diff_is_binary(firn_buf_slice(loading->out));
    return loading->is_binary ? firn_error_set(err, FIRN_CANCELLED, "no text") : FIRN_OK;
}

static int
load_stored(struct firn_ws_difference_lines *lines, const struct firn_tree_entry *entry,
            struct firn_buf *out, firn_lines_kind *out_kind, firn_error *err)
{
    struct loading loading = {.out = out};
    int rc = firn_ws_objects_stream(lines->objects, lines->scratch, &entry->hash, entry->size,
                                    take_piece, &loading, err);
    if (loading.is_binary) {
        *out_kind = FIRN_LINES_BINARY;
        return FIRN_OK;
    }
    return rc;
}

/* ---- a version of the disk ---- */

static int
open_beneath(struct firn_os_dir *root, firn_slice path, struct firn_os_file **out, firn_error *err)
{
    struct firn_buf text = {0};
    struct firn_os_dir *dir = NULL;
    *out = NULL;
    if (firn_buf_append_slice(&text, path) != FIRN_OK || firn_buf_text(&text) == NULL) {
        firn_buf_deinit(&text);
        return firn_error_no_memory(err, "a path");
    }
    char *name = strrchr((char *)text.data, '/');
    const char *parent = name == NULL ? "" : (const char *)text.data;
    if (name == NULL) {
        name = (char *)text.data;
    } else {
        *name++ = '\0';
    }
    int rc = firn_os_dir_open_beneath(root, parent, &dir, err);
    if (rc == FIRN_OK) {
        rc = firn_os_file_open(dir, name, FIRN_OS_READ | FIRN_OS_NO_ATIME, 0, out, err);
    }
    firn_os_dir_close(dir);
    firn_buf_deinit(&text);
    return rc;
}

/* Reads what the entry says the file has; *out_is_same is false if it has something else. */
static int
read_same(struct firn_os_file *file, const struct firn_tree_entry *entry, struct firn_buf *out,
          bool *out_is_same, firn_error *err)
{
    size_t size = (size_t)entry->size;
    size_t got = 0;
    *out_is_same = false;
    /* One byte more than there should be: a file that grew shows. */
    if (firn_buf_set_size(out, size + 1) != FIRN_OK) {
        return firn_error_no_memory(err, "the content of a file");
    }
    int rc = firn_os_file_read(file, 0, out->data, size + 1, &got, err);
    if (rc != FIRN_OK || got != size) {
        return rc;
    }
    firn_hash hash;
    out->size = size;
    firn_blake3_hash_of(out->data, size, &hash);
    *out_is_same = firn_hash_equal(&hash, &entry->hash);
    return FIRN_OK;
}

static void
tell(const struct firn_ws_difference_lines *lines, firn_notice_kind kind, firn_slice path,
     const char *text)
{
    if (lines->callbacks.on_notice != NULL) {
        firn_notice notice = {.kind = kind, .path = path, .text = text};
        lines->callbacks.on_notice(lines->callbacks.ctx, &notice);
    }
}

static int
load_disk(struct firn_ws_difference_lines *lines, firn_slice path,
          const struct firn_tree_entry *entry, struct firn_buf *out, firn_lines_kind *out_kind,
          firn_error *err)
{
    firn_error cause = {0};
    struct firn_os_file *file;
    bool is_same = false;
    int rc = open_beneath(lines->disk, path, &file, &cause);
    if (rc == FIRN_OK) {
        rc = read_same(file, entry, out, &is_same, &cause);
    }
    firn_os_file_close(file);
    if (rc == FIRN_NO_MEMORY) {
        return firn_error_no_memory(err, "the content of a file");
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND && rc != FIRN_INVALID) {
        tell(lines, FIRN_NOTICE_UNREADABLE, path, cause.text);
        *out_kind = FIRN_LINES_UNREADABLE;
    } else if (!is_same) {
        tell(lines, FIRN_NOTICE_CHANGING, path, "changed while it was compared");
        *out_kind = FIRN_LINES_UNREADABLE;
    } else if (firn_line_diff_is_binary(firn_buf_slice(out))) {
        *out_kind = FIRN_LINES_BINARY;
    }
    return FIRN_OK;
}

/* ---- both ---- */

static bool
is_file(const struct firn_tree_entry *entry)
{
    return entry != NULL && entry->kind == FIRN_TREE_FILE;
}

/* Brings a version into memory, if there is one; *out_kind stays NONE if it is text or missing. */
static int
load(struct firn_ws_difference_lines *lines, firn_slice path, const struct firn_tree_entry *entry,
     bool from_disk, struct firn_buf *out, firn_lines_kind *out_kind, firn_error *err)
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
compare(struct firn_ws_difference_lines *lines, firn_difference *out, firn_error *err)
{
    struct firn_line_diff *diff = &lines->diff;
    firn_line_diff_deinit(diff);
    int rc = firn_line_diff_init(diff, firn_buf_slice(&lines->before),
                                 firn_buf_slice(&lines->after), FIRN_LINE_DIFF_WORK_DEFAULT, err);
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
firn_ws_difference_lines_compare(struct firn_ws_difference_lines *lines,
                                 const struct firn_ws_diff_change *change, firn_difference *out,
                                 firn_error *err)
{
    const unsigned about_content = FIRN_WS_DIFF_TYPE | FIRN_WS_DIFF_CONTENT;
    firn_lines_kind kind = FIRN_LINES_NONE;
    bool may_differ = change->kind != FIRN_WS_DIFF_CHANGED || (change->what & about_content) != 0;
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
