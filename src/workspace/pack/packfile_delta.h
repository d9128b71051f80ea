/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile_delta.h: an object stored as what has to be changed in another one, its base.
 */
#ifndef FIRN_PACK_PACKFILE_DELTA_H
#define FIRN_PACK_PACKFILE_DELTA_H

#include "codec/compress.h"
#include "pack/packfile.h"

/* The bytes of a DELTA object, taken apart; frame is borrowed from them. */
struct firn_packfile_delta {
    enum firn_packfile_kind kind; /* what the object is: BLOB or TREE */
    firn_hash base;               /* the name of an object that is stored whole */
    uint32_t size;                /* of the object's own bytes, at least 1 */
    firn_slice frame;
};

/* FIRN_CORRUPT if it is not one. The frame is not looked into. */
FIRN_MUST_CHECK int firn_packfile_delta_decode(firn_slice encoded, struct firn_packfile_delta *out,
                                               firn_error *err);
/* Replaces the contents of out by the bytes of a DELTA object for content, given the bytes and the
 * name of its base; *out_fits is false where they would be more than size_max. None of the two is
 * empty, kind is BLOB or TREE. */
struct firn_packfile_delta_base {
    firn_hash hash;
    firn_slice content;
};
FIRN_MUST_CHECK int firn_packfile_delta_encode(struct firn_compress *compress,
                                               const struct firn_packfile_delta_base *base,
                                               enum firn_packfile_kind kind, firn_slice content,
                                               size_t size_max, struct firn_buf *out,
                                               bool *out_fits, firn_error *err);

/* Gives the stored bytes of a base, which may be borrowed from scratch, and its kind. */
typedef int firn_packfile_delta_read_base(void *ctx, struct firn_packfile_scratch *scratch,
                                          const firn_hash *base, enum firn_packfile_kind *out_kind,
                                          firn_slice *out, firn_error *err);
/* The bytes of the object `hash` that is stored as a DELTA, compared with its name, and its own
 * kind; borrowed from scratch until its next use. stored may be borrowed from scratch, too.
 * FIRN_CORRUPT where they do not have that name, or the base is not stored whole. */
FIRN_MUST_CHECK int firn_packfile_delta_read(struct firn_packfile_scratch *scratch,
                                             const firn_hash *hash, firn_slice stored,
                                             firn_packfile_delta_read_base *read_base, void *ctx,
                                             enum firn_packfile_kind *out_kind, firn_slice *out,
                                             firn_error *err);

#endif
