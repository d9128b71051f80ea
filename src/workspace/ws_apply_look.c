/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_apply_look.c: comparing what stands on the disk with an entry of a tree.
 *
 * Sizes and times say nearly always what is what, and where they differ nothing has to be read. But
 * a clock ticks every few milliseconds, and somebody may have set a time back; so where a byte of
 * somebody's could be lost, the content decides: it is read, a piece at a time, and hashed.
 */
#include "workspace/ws_apply_look.h"

#include "base/slice.h"
#include "codec/blake3_hash.h"

enum { PIECE_SIZE = 128 << 10 };

static int
hash_file(const struct firn_ws_apply_look *look, struct firn_os_file *file, firn_hash *out,
          uint64_t *out_size, firn_error *err)
{
    struct firn_blake3_hash state;
    firn_blake3_hash_init(&state);
    *out_size = 0;
    firn_buf_clear(look->buf);
    if (firn_buf_set_size(look->buf, PIECE_SIZE) != FIRN_OK) {
        return firn_error_no_memory(err, "the content of a file");
    }
    uint64_t end = look->is_cut ? look->stat->size_bytes : UINT64_MAX;
    size_t wanted;
    size_t got;
    do {
        wanted = end - *out_size < PIECE_SIZE ? (size_t)(end - *out_size) : PIECE_SIZE;
        int rc = firn_os_file_read(file, *out_size, look->buf->data, wanted, &got, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        firn_blake3_hash_update(&state, look->buf->data, got);
        *out_size += got;
    } while (got == wanted && *out_size < end);
    firn_blake3_hash_final(&state, out);
    return FIRN_OK;
}

static int
file_equal(const struct firn_ws_apply_look *look, const struct firn_tree_entry *entry, bool *out,
           firn_error *err)
{
    const struct firn_os_stat *stat = look->stat;
    *out = false;
    if (stat->size_bytes != entry->size) {
        return FIRN_OK;
    }
    struct firn_os_file *file;
    int rc =
        firn_os_file_open(look->dir, look->name, FIRN_OS_READ | FIRN_OS_NO_ATIME, 0, &file, err);
    if (rc == FIRN_DENIED) {
        *out = stat->mtime_ns == entry->mtime_ns && stat->mode == entry->mode;
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_hash hash;
    uint64_t size;
    rc = hash_file(look, file, &hash, &size, err);
    firn_os_file_close(file);
    *out = rc == FIRN_OK && size == entry->size && firn_hash_equal(&hash, &entry->hash);
    return rc;
}

static int
symlink_equal(const struct firn_ws_apply_look *look, const struct firn_tree_entry *entry, bool *out,
              firn_error *err)
{
    firn_buf_clear(look->buf);
    int rc = firn_os_read_symlink(look->dir, look->name, look->buf, err);
    *out = rc == FIRN_OK && firn_slice_equal(firn_buf_slice(look->buf), entry->target);
    return rc;
}

int
firn_ws_apply_look_equal(const struct firn_ws_apply_look *look, const struct firn_tree_entry *entry,
                         bool *out, firn_error *err)
{
    *out = false;
    switch (entry->kind) {
    case FIRN_TREE_DIR:
        *out = look->stat->kind == FIRN_OS_DIR;
        return FIRN_OK;
    case FIRN_TREE_SYMLINK:
        return look->stat->kind == FIRN_OS_SYMLINK ? symlink_equal(look, entry, out, err) : FIRN_OK;
    case FIRN_TREE_FILE:
        return look->stat->kind == FIRN_OS_FILE ? file_equal(look, entry, out, err) : FIRN_OK;
    default:
        return FIRN_OK;
    }
}
