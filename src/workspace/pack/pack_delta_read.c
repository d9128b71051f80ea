/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_delta_read.c: reading an object that is stored as a delta.
 *
 * A DELTA does not say where its base is: in the same pack or, in a store, in any other. Reading
 * asks the caller for it.
 *
 * Memory: three objects of at most 16 MiB: the stored bytes, which are copied because reading the
 * base uses the scratch that they were borrowed from, the base's frame, the result.
 */
#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "pack/pack.h"
#include "pack/pack_internal.h"

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
pack_delta_read_apply(struct fi_pack_scratch *scratch, const firn_hash *hash,
                      const struct fi_pack_delta *delta, firn_slice base, struct fi_buf *out,
                      firn_error *err)
{
    firn_hash found;
    DCHECK(delta->size > 0 && delta->size <= FI_PACK_OBJECT_SIZE_MAX);
    if (base.size == 0) {
        return delta_corrupt(hash, "its base is empty", &delta->base, err);
    }
    if (fi_buf_set_size(out, delta->size) != FIRN_OK) {
        return fi_error_no_memory(err, "an object");
    }
    int rc = fi_compress_delta_decode(fi_pack_scratch_compress(scratch), base, delta->frame,
                                      out->data, out->size, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_CORRUPT
                   ? delta_corrupt(hash, "it cannot be decompressed", &delta->base, err)
                   : rc;
    }
    fi_blake3_hash_of(out->data, out->size, &found);
    if (!fi_hash_equal(&found, hash)) { /* (I2) of pack_delta.c */
        return delta_corrupt(hash, "its bytes do not match its name", &delta->base, err);
    }
    return FIRN_OK;
}

int
fi_pack_delta_read(struct fi_pack_scratch *scratch, const firn_hash *hash, firn_slice stored,
                   fi_pack_delta_read_base *read_base, void *ctx, enum fi_pack_kind *out_kind,
                   firn_slice *out, firn_error *err)
{
    struct fi_pack_scratch_delta *buffers = fi_pack_scratch_delta(scratch);
    struct fi_pack_delta delta;
    enum fi_pack_kind kind;
    firn_slice base;
    *out = firn_bytes(NULL, 0);
    fi_buf_clear(&buffers->stored);
    if (fi_buf_append_slice(&buffers->stored, stored) != FIRN_OK) {
        return fi_error_no_memory(err, "a delta");
    }
    FI_TRY_RETURN(fi_pack_delta_decode(fi_buf_slice(&buffers->stored), &delta, err));
    FI_TRY_RETURN(read_base(ctx, scratch, &delta.base, &kind, &base, err));
    if (fi_pack_kind_is_named(kind)) { /* (I1) of pack_delta.c */
        return delta_corrupt(hash, "its base is not stored whole", &delta.base, err);
    }
    FI_TRY_RETURN(pack_delta_read_apply(scratch, hash, &delta, base, &buffers->content, err));
    *out_kind = delta.kind;
    *out = fi_buf_slice(&buffers->content);
    return FIRN_OK;
}
