/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_delta.c: objects stored as their differences from others.
 *
 * A new version of a file shares nearly all of its bytes with the old one. A DELTA object holds the
 * name of the old one, its base, and a zstd frame that refers to the base's bytes
 * (codec/compress_delta.c): often a hundredth of what the object would take by itself.
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
 * Reading: pack_delta_read.c.
 */
#include "pack/pack.h"

#include <string.h>

#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "pack/pack_internal.h"

static bool
kind_is_possible(uint32_t kind)
{
    return kind == FI_PACK_BLOB || kind == FI_PACK_TREE;
}

int
fi_pack_delta_decode(firn_slice encoded, struct fi_pack_delta *out, firn_error *err)
{
    uint8_t kind;
    uint64_t size;
    struct fi_reader reader = fi_reader_of(encoded);
    if (!fi_reader_u8(&reader, &kind) || !kind_is_possible(kind) ||
        !fi_reader_copy(&reader, &out->base, sizeof out->base) ||
        !fi_reader_varint_max(&reader, FI_PACK_OBJECT_SIZE_MAX, &size) || size == 0) {
        return fi_error_set(err, FIRN_CORRUPT, "%zu bytes are not a delta", encoded.size);
    }
    out->kind = (enum fi_pack_kind)kind;
    out->size = (uint32_t)size;
    out->frame = firn_bytes(reader.at, fi_reader_left(&reader));
    return FIRN_OK;
}

int
fi_pack_delta_encode(struct fi_compress *compress, const struct fi_pack_delta_base *base,
                     enum fi_pack_kind kind, firn_slice content, size_t size_max,
                     struct fi_buf *out, bool *out_fits, firn_error *err)
{
    struct fi_buf frame = {0};
    int rc;
    CHECK(kind_is_possible(kind) && content.size > 0);
    DCHECK(base->content.size > 0 && content.size <= FI_PACK_OBJECT_SIZE_MAX);
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
