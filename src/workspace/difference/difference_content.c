/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_content.c: the content of one file in memory, for comparing and merging
 * lines.
 *
 * A version in a checkpoint is read from the packs, verified. A version on the disk is read again,
 * because the scan that found it kept only its hash. It is read below the root without following
 * links, and compared with that hash (I1): the result is exactly the content that the scan saw, or
 * nothing.
 *
 * The caller checks the size in the entry against its limit first. The first bytes decide whether
 * content is text; if stored content is not, the rest of it is not read.
 */
#include "difference/difference_internal.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "lines/lines_diff.h"

enum { LOOK_SIZE = 8000, LINES_WORK = 8 /* for each byte, to compare and show it */ };

/* ---- the store ---- */

struct loading {
    struct fi_buf *out;
    bool is_binary;
};

/* FIRN_CANCELLED as soon as the content shows not to be text. */
static int
take_piece(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    struct loading *loading = ctx;
    size_t size = loading->out->size;
    (void)offset;
    if (fi_buf_set_size(loading->out, size + data.size) != FIRN_OK) {
        return fi_error_no_memory(err, "the content of a file");
    }
    if (data.data == NULL) {
        memset(loading->out->data + size, 0, data.size);
    } else {
        memcpy(loading->out->data + size, data.data, data.size);
    }
    loading->is_binary = size < LOOK_SIZE && fi_lines_diff_is_binary(fi_buf_slice(loading->out));
    return loading->is_binary ? fi_error_set(err, FIRN_CANCELLED, "no text") : FIRN_OK;
}

int
fi_difference_content_load_stored(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                                  const struct fi_tree_entry *entry, struct fi_buf *out,
                                  bool *out_is_text, firn_error *err)
{
    struct loading loading = {.out = out};
    DCHECK(entry->kind == FI_TREE_FILE && entry->size <= FI_LINES_DIFF_TEXT_SIZE_MAX);
    fi_buf_clear(out);
    int rc = fi_budget_spend(fi_objects_budget(objects), LINES_WORK * entry->size, err);
    rc = rc == FIRN_OK ? fi_objects_stream(objects, scratch, &entry->hash, entry->size, take_piece,
                                           &loading, err)
                       : rc;
    *out_is_text = !loading.is_binary;
    DCHECK(rc != FIRN_OK || out->size == entry->size);
    return loading.is_binary ? FIRN_OK : rc;
}

/* ---- the disk ---- */

/* Opens the directory of a path; *out_name points into text. */
static int
open_parent(struct fi_os_dir *root, firn_slice path, struct fi_buf *text, struct fi_os_dir **out,
            const char **out_name, firn_error *err)
{
    *out = NULL;
    DCHECK(text->size == 0 && path.size > 0 && path.data[0] != '/');
    if (fi_buf_append_slice(text, path) != FIRN_OK || fi_buf_text(text) == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    char *name = strrchr((char *)text->data, '/');
    const char *parent = name == NULL ? "" : (const char *)text->data;
    if (name == NULL) {
        name = (char *)text->data;
    } else {
        *name++ = '\0';
    }
    *out_name = name;
    return fi_os_dir_open_beneath(root, parent, out, err);
}

static int
open_file(struct fi_os_dir *root, firn_slice path, struct fi_os_file **out, firn_error *err)
{
    struct fi_buf text = {0};
    struct fi_os_dir *dir;
    const char *name;
    *out = NULL;
    int rc = open_parent(root, path, &text, &dir, &name, err);
    if (rc == FIRN_OK) {
        rc = fi_os_file_open(dir, name, FI_OS_READ | FI_OS_NO_ATIME, 0, out, err);
    }
    fi_os_dir_close(dir);
    fi_buf_deinit(&text);
    return rc;
}

static int
read_same(struct fi_os_file *file, const struct fi_tree_entry *entry, struct fi_buf *out,
          bool *out_is_same, firn_error *err)
{
    size_t size = (size_t)entry->size;
    size_t got = 0;
    /* One byte more than expected, to notice if the file has grown. */
    if (fi_buf_set_size(out, size + 1) != FIRN_OK) {
        return fi_error_no_memory(err, "the content of a file");
    }
    int rc = fi_os_file_read(file, 0, out->data, size + 1, &got, err);
    if (rc != FIRN_OK || got != size) {
        return rc;
    }
    firn_hash hash;
    out->size = size;
    fi_blake3_hash_of(out->data, size, &hash);
    *out_is_same = fi_hash_equal(&hash, &entry->hash);
    return FIRN_OK;
}

int
fi_difference_content_load_disk(struct fi_os_dir *root, firn_slice path,
                                const struct fi_tree_entry *entry, struct fi_buf *out,
                                bool *out_is_same, bool *out_is_text, firn_error *err)
{
    struct fi_os_file *file;
    *out_is_same = false;
    *out_is_text = false;
    DCHECK(entry->kind == FI_TREE_FILE && entry->size <= FI_LINES_DIFF_TEXT_SIZE_MAX);
    fi_buf_clear(out);
    int rc = open_file(root, path, &file, err);
    if (rc == FIRN_OK) {
        rc = read_same(file, entry, out, out_is_same, err);
    }
    fi_os_file_close(file);
    DCHECK(!*out_is_same || (rc == FIRN_OK && out->size == entry->size)); /* (I1) */
    if (*out_is_same) {
        *out_is_text = !fi_lines_diff_is_binary(fi_buf_slice(out));
    }
    return rc == FIRN_NOT_FOUND || rc == FIRN_INVALID ? FIRN_OK : rc;
}

int
fi_difference_content_stands(struct fi_os_dir *root, firn_slice path, bool *out, firn_error *err)
{
    struct fi_buf text = {0};
    struct fi_os_dir *dir;
    struct fi_os_stat stat;
    const char *name;
    int rc = open_parent(root, path, &text, &dir, &name, err);
    if (rc == FIRN_OK) {
        rc = fi_os_stat(dir, name, &stat, err);
    }
    *out = rc == FIRN_OK;
    fi_os_dir_close(dir);
    fi_buf_deinit(&text);
    return rc == FIRN_NOT_FOUND || rc == FIRN_INVALID ? FIRN_OK : rc;
}
