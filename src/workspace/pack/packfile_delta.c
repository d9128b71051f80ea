/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile_delta.c: objects stored as their differences from others.
 *
 * A new version of a file shares nearly all of its bytes with the old one. A DELTA object holds the
 * name of the old one, its base, and a zstd frame that refers to the base's bytes
 * (codec/compress.c): often a hundredth of what the object would take by itself.
 *
 * One step only: a base is stored whole (I1, tested at each reading, because it is data). So
 * reading an object needs at most one other, a damaged frame affects only the deltas directly based
 * on it, and nothing here recurses. If the old version is a DELTA itself, the new one gets the base
 * of that one.
 *
 * The name of a DELTA object is that of the content it makes, as for a list of pieces. The frame's
 * list gives the name, and each result is compared with it (I2; not checked: a difference is an
 * error). So a wrong base, or a damaged one, yields an error and never other bytes.
 *
 * A DELTA does not say where its base is: in the same pack or, in a store, in any other. Reading
 * asks the caller for it.
 *
 * Memory: three objects of at most 16 MiB while reading: the stored bytes, which are copied because
 * reading the base uses the scratch that they were borrowed from, the base's frame, the result.
 */
#include "pack/packfile.h"

#include <string.h>

#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "pack/packfile_internal.h"

static bool
kind_is_possible(uint32_t kind)
{
    return kind == FI_PACKFILE_BLOB || kind == FI_PACKFILE_TREE;
}

int
fi_packfile_delta_decode(firn_slice encoded, struct fi_packfile_delta *out, firn_error *err)
{
    uint8_t kind;
    uint64_t size;
    struct fi_reader reader = fi_reader_of(encoded);
    if (!fi_reader_u8(&reader, &kind) || !kind_is_possible(kind) ||
        !fi_reader_copy(&reader, &out->base, sizeof out->base) ||
        !fi_reader_varint_max(&reader, FI_PACKFILE_OBJECT_SIZE_MAX, &size) || size == 0) {
        return fi_error_set(err, FIRN_CORRUPT, "%zu bytes are not a delta", encoded.size);
    }
    out->kind = (enum fi_packfile_kind)kind;
    out->size = (uint32_t)size;
    out->frame = firn_bytes(reader.at, fi_reader_left(&reader));
    return FIRN_OK;
}

int
fi_packfile_delta_encode(struct fi_compress *compress, const struct fi_packfile_delta_base *base,
                         enum fi_packfile_kind kind, firn_slice content, size_t size_max,
                         struct fi_buf *out, bool *out_fits, firn_error *err)
{
    struct fi_buf frame = {0};
    int rc;
    CHECK(kind_is_possible(kind) && content.size > 0);
    DCHECK(base->content.size > 0 && content.size <= FI_PACKFILE_OBJECT_SIZE_MAX);
    fi_buf_clear(out);
    *out_fits = false;
    if (fi_buf_append_u8(out, (uint8_t)kind) != FIRN_OK ||
        fi_buf_append(out, base->hash.bytes, sizeof base->hash.bytes) != FIRN_OK ||
        fi_buf_append_varint(out, content.size) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a delta"));
    }
    if (size_max <= out->size) {
        rc = FIRN_OK;
        goto out;
    }
    FI_TRY(fi_compress_delta_encode(compress, base->content, content, size_max - out->size, &frame,
                                    out_fits, err));
    if (*out_fits && fi_buf_append_slice(out, fi_buf_slice(&frame)) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a delta"));
    }
    DCHECK(!*out_fits || out->size <= size_max);
out:
    fi_buf_deinit(&frame);
    return rc;
}

static int
delta_corrupt(const firn_hash *hash, const char *what, const firn_hash *base, firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    char base_hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    fi_hex_encode(base->bytes, sizeof base->bytes, base_hex);
    return fi_error_set(err, FIRN_CORRUPT, "object %s, a change of %s: %s", hex, base_hex, what);
}

/* Makes the object from its base; the result is in *out. */
static int
apply(struct fi_packfile_scratch *scratch, const firn_hash *hash,
      const struct fi_packfile_delta *delta, firn_slice base, struct fi_buf *out, firn_error *err)
{
    firn_hash found;
    DCHECK(delta->size > 0 && delta->size <= FI_PACKFILE_OBJECT_SIZE_MAX);
    if (base.size == 0) {
        return delta_corrupt(hash, "its base is empty", &delta->base, err);
    }
    if (fi_buf_set_size(out, delta->size) != FIRN_OK) {
        return fi_error_no_memory(err, "an object");
    }
    int rc = fi_compress_delta_decode(fi_packfile_scratch_compress(scratch), base, delta->frame,
                                      out->data, out->size, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_CORRUPT
                   ? delta_corrupt(hash, "it cannot be decompressed", &delta->base, err)
                   : rc;
    }
    fi_blake3_hash_of(out->data, out->size, &found);
    if (!fi_hash_equal(&found, hash)) { /* (I2) */
        return delta_corrupt(hash, "its bytes do not match its name", &delta->base, err);
    }
    return FIRN_OK;
}

int
fi_packfile_delta_read(struct fi_packfile_scratch *scratch, const firn_hash *hash,
                       firn_slice stored, fi_packfile_delta_read_base *read_base, void *ctx,
                       enum fi_packfile_kind *out_kind, firn_slice *out, firn_error *err)
{
    struct fi_packfile_scratch_delta *buffers = fi_packfile_scratch_delta(scratch);
    struct fi_packfile_delta delta;
    enum fi_packfile_kind kind;
    firn_slice base;
    *out = firn_bytes(NULL, 0);
    fi_buf_clear(&buffers->stored);
    if (fi_buf_append_slice(&buffers->stored, stored) != FIRN_OK) {
        return fi_error_no_memory(err, "a delta");
    }
    FI_TRY_RETURN(fi_packfile_delta_decode(fi_buf_slice(&buffers->stored), &delta, err));
    FI_TRY_RETURN(read_base(ctx, scratch, &delta.base, &kind, &base, err));
    if (fi_packfile_kind_is_named(kind)) { /* (I1) */
        return delta_corrupt(hash, "its base is not stored whole", &delta.base, err);
    }
    FI_TRY_RETURN(apply(scratch, hash, &delta, base, &buffers->content, err));
    *out_kind = delta.kind;
    *out = fi_buf_slice(&buffers->content);
    return FIRN_OK;
}
