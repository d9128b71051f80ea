/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_salvage.c: finds the blocks of a damaged file without its table of contents.
 *
 * Blocks follow each other at multiples of 8. At each such offset the walk asks whether the 24
 * bytes there are the prefix of a block of this file at this place. If they are, the lengths in
 * them are believed: the block is read, verified by its checksum, passed to the visitor if it is
 * sound, and stepped over in any case. If not, the walk continues 8 bytes further on. So damage
 * inside a block costs that block, and damage of a prefix costs a search up to the next one. Every
 * byte is read a bounded number of times, even in a malicious file (a block whose lengths are
 * believed is stepped over, never searched). Holes are stepped over too: a prefix begins with a
 * byte that is not zero. So a file of a TiB that takes up 10 KiB costs no more than these.
 *
 * The checksums depend on the file's identity and on the place. So content that looks like blocks
 * (a pack that was saved into a pack) and blocks that were moved are not mistaken for blocks. The
 * identity is in the header and again in the footer; either will do.
 *
 * Memory: one window and one block. A part of the disk that cannot be read is skipped in steps of 4
 * KiB, and its error is returned after the walk has seen all the rest.
 */
#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "block/block_seal.h"

enum {
    WINDOW_SIZE = 64 << 10,
    UNREADABLE_STEP = 4 << 10,
    PREFIX_SIZE = FI_BLOCK_FORMAT_PREFIX_SIZE
};

struct walk {
    struct fi_os_file *file;
    uint64_t file_size;
    struct fi_block_file_id id;
    struct fi_block_format_seal format;
    struct fi_block_seal seal;
    uint64_t at;       /* always a multiple of 8 */
    uint64_t data_end; /* of the run of data that the walk has come to */
    uint64_t window_at;
    size_t window_size;
    uint8_t *window;
    struct fi_buf stored;
    int unreadable; /* the first I/O error, or FIRN_OK */
    firn_error *err;
    int (*visit)(void *ctx, const struct fi_block_ref *ref, enum fi_codec codec, firn_slice stored,
                 firn_error *err);
    void *ctx;
};

static int find_identity(struct walk *walk, enum fi_block_file_kind kind);
static int skip_hole(struct walk *walk);
static int block_salvage_step(struct walk *walk);

int
fi_block_salvage(struct fi_os_dir *dir, const char *name, enum fi_block_file_kind kind,
                 int (*visit)(void *ctx, const struct fi_block_ref *ref, enum fi_codec codec,
                              firn_slice stored, firn_error *err),
                 void *ctx, firn_error *err)
{
    int rc;
    firn_error local;
    struct fi_os_stat stat;
    struct walk walk = {.at = FI_BLOCK_FORMAT_HEADER_SIZE,
                        .visit = visit,
                        .ctx = ctx,
                        .err = err != NULL ? err : &local};
    FI_TRY(fi_os_file_open(dir, name, FI_OS_READ, 0, &walk.file, walk.err));
    FI_TRY(fi_os_file_stat(walk.file, &stat, walk.err));
    walk.file_size = stat.size_bytes;
    FI_TRY(find_identity(&walk, kind));
    FI_TRY(fi_block_seal_open(fi_os_dir_seal(dir), kind, &walk.id, &walk.format, name, &walk.seal,
                              walk.err));
    if (fi_block_seal_is_locked(&walk.seal)) {
        FI_TRY(fi_error_set(walk.err, FIRN_DENIED, "'%s' is encrypted, and its key is not here",
                            fi_os_file_path(walk.file)));
    }
    walk.window = fi_alloc(WINDOW_SIZE);
    if (walk.window == NULL) {
        FI_TRY(fi_error_no_memory(walk.err, "a window on a file"));
    }
    while (fi_range_inside(walk.at, PREFIX_SIZE, walk.file_size)) {
        uint64_t before = walk.at;
        FI_TRY(skip_hole(&walk));
        if (fi_range_inside(walk.at, PREFIX_SIZE, walk.file_size)) {
            FI_TRY(block_salvage_step(&walk));
            DCHECK(walk.at > before); /* else it would never end */
        }
    }
    rc = walk.unreadable;
out:
    fi_block_seal_deinit(&walk.seal);
    fi_buf_deinit(&walk.stored);
    fi_free(walk.window);
    fi_os_file_close(walk.file);
    return rc;
}

/* ---- the identity of the file ---- */

/* From the header, else from the footer; the error is the header's. */
static int
find_identity(struct walk *walk, enum fi_block_file_kind kind)
{
    const char *path = fi_os_file_path(walk->file);
    uint8_t bytes[FI_BLOCK_FORMAT_HEADER_SIZE];
    if (walk->file_size < sizeof bytes) {
        return fi_error_set(walk->err, FIRN_CORRUPT,
                            "'%s': %llu bytes are too few for a firn block file", path,
                            (unsigned long long)walk->file_size);
    }
    int rc = fi_os_file_read_exact(walk->file, 0, bytes, sizeof bytes, walk->err);
    if (rc == FIRN_OK) {
        rc = fi_block_format_decode_header(bytes, kind, path, &walk->id, &walk->format, walk->err);
    }
    if (rc == FIRN_OK || rc == FIRN_NEWER) {
        return rc;
    }
    struct fi_block_format_footer footer;
    if (fi_os_file_read_exact(walk->file, walk->file_size - FI_BLOCK_FORMAT_FOOTER_SIZE, bytes,
                              sizeof bytes, NULL) == FIRN_OK &&
        fi_block_format_decode_footer(bytes, kind, path, &footer, NULL) == FIRN_OK) {
        walk->id = footer.id;
        walk->format = footer.seal;
        rc = FIRN_OK;
    }
    return rc;
}

/* ---- the walk ---- */

/* Remembers the first error of the disk and goes on after the place. */
static int
step_over_unreadable(struct walk *walk, int rc, const firn_error *err)
{
    if (rc != FIRN_IO) {
        *walk->err = *err;
        return rc;
    }
    if (walk->unreadable == FIRN_OK) {
        walk->unreadable = rc;
        *walk->err = *err;
    }
    walk->at += UNREADABLE_STEP;
    return FIRN_OK;
}

/* Where the disk does not say where its holes are, all the rest counts as data. */
static int
skip_hole(struct walk *walk)
{
    if (walk->at < walk->data_end) {
        return FIRN_OK;
    }
    uint64_t start;
    uint64_t end;
    firn_error err;
    int rc = fi_os_file_next_data(walk->file, walk->at, &start, &end, &err);
    if (rc != FIRN_OK) {
        walk->data_end = walk->file_size;
        uint64_t at = walk->at;
        rc = step_over_unreadable(walk, rc, &err);
        walk->at = at;
        return rc;
    }
    walk->data_end = end;
    if (start >= end) {
        walk->at = walk->file_size - walk->file_size % FI_BLOCK_FORMAT_ALIGNMENT;
        walk->data_end = walk->file_size;
    } else if (start - start % FI_BLOCK_FORMAT_ALIGNMENT > walk->at) {
        walk->at = start - start % FI_BLOCK_FORMAT_ALIGNMENT;
    }
    return FIRN_OK;
}

/* Whether the window holds a prefix at `at`; *out is NULL where the disk could not be read, and
 * `at` has moved. */
static int
block_salvage_inspect(struct walk *walk, const uint8_t **out)
{
    *out = NULL;
    DCHECK(walk->at % FI_BLOCK_FORMAT_ALIGNMENT == 0);
    DCHECK(fi_range_inside(walk->at, PREFIX_SIZE, walk->file_size));
    uint64_t window_end = walk->window_at + walk->window_size;
    if (walk->at < walk->window_at || walk->at + PREFIX_SIZE > window_end) {
        firn_error err;
        uint64_t left = walk->file_size - walk->at;
        size_t size = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
        walk->window_size = 0;
        int rc = fi_os_file_read_exact(walk->file, walk->at, walk->window, size, &err);
        if (rc == FIRN_IO && size > UNREADABLE_STEP) {
            size = UNREADABLE_STEP;
            rc = fi_os_file_read_exact(walk->file, walk->at, walk->window, size, &err);
        }
        if (rc != FIRN_OK) {
            return step_over_unreadable(walk, rc, &err);
        }
        walk->window_at = walk->at;
        walk->window_size = size;
    }
    DCHECK(walk->at + PREFIX_SIZE <= walk->window_at + walk->window_size);
    *out = walk->window + (walk->at - walk->window_at);
    return FIRN_OK;
}

/* In a file in clear *stored stays as it is. False: the block is not a sound one. */
static bool
decrypt(struct walk *walk, uint64_t offset, const uint8_t *bytes, firn_slice *stored,
        struct fi_block_format_prefix *prefix)
{
    size_t size;
    if (walk->seal.key == NULL) {
        return prefix->flags == 0;
    }
    if (prefix->flags != FI_BLOCK_FORMAT_SEALED ||
        fi_block_seal_decrypt(&walk->seal, offset, bytes, *stored, walk->stored.data, &size, prefix,
                              NULL) != FIRN_OK) {
        return false;
    }
    *stored = firn_bytes(walk->stored.data, size);
    return prefix->raw_size <= FI_BLOCK_SIZE_MAX;
}

static int
read_block(struct walk *walk, const uint8_t *bytes, struct fi_block_format_prefix *prefix)
{
    uint64_t offset = walk->at;
    uint8_t kept[PREFIX_SIZE];
    memcpy(kept, bytes, sizeof kept);
    walk->at += fi_block_format_span(prefix->stored_size);
    if (prefix->stored_size > FI_BLOCK_STORED_SIZE_MAX || prefix->raw_size > FI_BLOCK_SIZE_MAX ||
        !fi_range_inside(offset + PREFIX_SIZE, prefix->stored_size, walk->file_size)) {
        return FIRN_OK; /* cut off, or lengths that no writer wrote */
    }
    fi_buf_clear(&walk->stored);
    if (fi_buf_set_size(&walk->stored, prefix->stored_size) != FIRN_OK) {
        return fi_error_no_memory(walk->err, "a block");
    }
    firn_error err;
    int rc = fi_os_file_read_exact(walk->file, offset + PREFIX_SIZE, walk->stored.data,
                                   prefix->stored_size, &err);
    if (rc != FIRN_OK) {
        uint64_t next = walk->at;
        rc = step_over_unreadable(walk, rc, &err);
        walk->at = next;
        return rc;
    }
    firn_slice stored = fi_buf_slice(&walk->stored);
    if (!fi_block_format_stored_matches(&walk->id, offset, kept, stored) ||
        !decrypt(walk, offset, kept, &stored, prefix) || prefix->codec > FI_CODEC_ZSTD) {
        return FIRN_OK;
    }
    const struct fi_block_ref ref = {offset, (uint32_t)walk->stored.size, prefix->raw_size};
    return walk->visit(walk->ctx, &ref, (enum fi_codec)prefix->codec, stored, walk->err);
}

static int
block_salvage_step(struct walk *walk)
{
    const uint8_t *bytes;
    struct fi_block_format_prefix prefix;
    int rc = block_salvage_inspect(walk, &bytes);
    if (rc != FIRN_OK || bytes == NULL) {
        return rc;
    }
    if (fi_block_format_decode_prefix(&walk->id, walk->at, bytes, &prefix)) {
        return read_block(walk, bytes, &prefix);
    }
    walk->at += FI_BLOCK_FORMAT_ALIGNMENT;
    return FIRN_OK;
}
