/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_inspect.c: comparing an entry on the disk with an entry of a tree.
 *
 * Sizes and times nearly always suffice, and if the sizes differ nothing has to be read. But a
 * clock ticks only every few milliseconds, and times can be set back. So where a user's data could
 * be lost, the content decides: it is read piece by piece and hashed.
 */
#include "checkout/checkout_internal.h"

#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "scan/scan.h"

enum { PIECE_SIZE = 128 << 10 };

static int
hash_file(const struct fi_checkout_look *look, struct fi_os_file *file, firn_hash *out,
          uint64_t *out_size, firn_error *err)
{
    struct fi_blake3_hash state;
    fi_blake3_hash_init(&state);
    *out_size = 0;
    fi_buf_clear(look->buf);
    if (fi_buf_set_size(look->buf, PIECE_SIZE) != FIRN_OK) {
        return fi_error_no_memory(err, "the content of a file");
    }
    uint64_t end = look->is_cut ? look->stat->size_bytes : UINT64_MAX;
    size_t wanted;
    size_t got;
    do {
        wanted = end - *out_size < PIECE_SIZE ? (size_t)(end - *out_size) : PIECE_SIZE;
        int rc = fi_os_file_read(file, *out_size, look->buf->data, wanted, &got, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        fi_blake3_hash_update(&state, look->buf->data, got);
        *out_size += got;
        rc = look->tick != NULL ? look->tick(look->ctx, 0, err) : FIRN_OK;
        if (rc != FIRN_OK) {
            return rc;
        }
    } while (got == wanted && *out_size < end);
    DCHECK(*out_size <= end);
    fi_blake3_hash_final(&state, out);
    return FIRN_OK;
}

/* Whether the entry's hash is that of a list of cells; assumed if the object cannot be found. */
static int
has_cells(const struct fi_checkout_look *look, const struct fi_tree_entry *entry, bool *out,
          firn_error *err)
{
    struct fi_pack_scratch *scratch;
    int level;
    *out = entry->size >= FI_PACK_CELLS_CONTENT_MIN && entry->size <= FI_PACK_CELLS_CONTENT_MAX;
    if (!*out) {
        return FIRN_OK;
    }
    int rc = fi_pack_scratch_create(1, &scratch, err);
    if (rc == FIRN_OK) {
        rc = fi_objects_cells_level(look->objects, scratch, &entry->hash, &level, err);
        *out = rc != FIRN_OK || level >= 0;
        fi_pack_scratch_destroy(scratch);
    }
    return rc == FIRN_NO_MEMORY ? rc : FIRN_OK;
}

static int
hash_as(const struct fi_checkout_look *look, const struct fi_tree_entry *entry,
        struct fi_os_file *file, firn_hash *out, uint64_t *out_size, firn_error *err)
{
    bool is_by_cells;
    int rc = has_cells(look, entry, &is_by_cells, err);
    if (rc != FIRN_OK || !is_by_cells) {
        return rc == FIRN_OK ? hash_file(look, file, out, out_size, err) : rc;
    }
    struct fi_scan_cell_walk walk = {
        .file = file, .size = entry->size, .tick = look->tick, .ctx = look->ctx};
    rc = fi_scan_cell_walk_name(&walk, out, 0, NULL, err);
    *out_size = rc == FIRN_OK && !walk.is_shorter ? entry->size : 0;
    return rc;
}

static int
file_equal(const struct fi_checkout_look *look, const struct fi_tree_entry *entry, bool *out,
           firn_error *err)
{
    const struct fi_os_stat *stat = look->stat;
    DCHECK(stat->kind == FI_OS_FILE); /* only files are opened and read */
    *out = false;
    if (stat->size_bytes != entry->size) {
        return FIRN_OK;
    }
    struct fi_os_file *file;
    int rc = fi_os_file_open(look->dir, look->name, FI_OS_READ | FI_OS_NO_ATIME, 0, &file, err);
    if (rc == FIRN_DENIED) {
        *out = stat->mtime_ns == entry->mtime_ns && stat->mode == entry->mode;
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_hash hash;
    uint64_t size;
    rc = hash_as(look, entry, file, &hash, &size, err);
    fi_os_file_close(file);
    *out = rc == FIRN_OK && size == entry->size && fi_hash_equal(&hash, &entry->hash);
    return rc;
}

static int
symlink_equal(const struct fi_checkout_look *look, const struct fi_tree_entry *entry, bool *out,
              firn_error *err)
{
    fi_buf_clear(look->buf);
    int rc = fi_os_read_symlink(look->dir, look->name, look->buf, err);
    *out = rc == FIRN_OK && fi_slice_equal(fi_buf_slice(look->buf), entry->target);
    return rc;
}

int
fi_checkout_inspect_equal(const struct fi_checkout_look *look, const struct fi_tree_entry *entry,
                          bool *out, firn_error *err)
{
    *out = false;
    switch (entry->kind) {
    case FI_TREE_DIR:
        *out = look->stat->kind == FI_OS_DIR;
        return FIRN_OK;
    case FI_TREE_SYMLINK:
        return look->stat->kind == FI_OS_SYMLINK ? symlink_equal(look, entry, out, err) : FIRN_OK;
    case FI_TREE_FILE:
        return look->stat->kind == FI_OS_FILE ? file_equal(look, entry, out, err) : FIRN_OK;
    default:
        return FIRN_OK;
    }
}
