/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile_stream.h: content of any size into a pack and out of it, in bounded memory. Up to 8
 * MiB it is one object; above it is cut into pieces of 1 MiB and a PIECES object that names them,
 * all in the same pack. That is no part of its name, which is the BLAKE3 of the whole.
 *
 * (A store spreads pieces, and deltas with their bases, over packs; that is workspace/'s to read.
 * Here everything is in one pack.)
 */
#ifndef FIRN_PACK_PACKFILE_STREAM_H
#define FIRN_PACK_PACKFILE_STREAM_H

#include "pack/packfile.h"

enum {
    FIRN_PACKFILE_STREAM_WHOLE_MAX = 8 << 20, /* the largest content that is stored in one piece */
    FIRN_PACKFILE_STREAM_PIECE_SIZE = 1 << 20,
    /* Of lists that stand for pieces of other lists; more than any that firn makes: a piece has at
     * most 1 MiB, so a list for it at most 2,048 entries of 36 bytes where holes are kept in units
     * of 512 bytes, and each level has a unit less than the one above. */
    FIRN_PACKFILE_STREAM_INNER_DEPTH_MAX = 256,
    FIRN_PACKFILE_STREAM_INNER_LIST_SIZE_MAX = 128 << 10
};

/* Fills at most size bytes of buf; *got is how many, 0 at the end of the content only. */
typedef int firn_packfile_stream_source(void *ctx, void *buf, size_t size, size_t *got,
                                        firn_error *err);

/* Adds content until read gives nothing more. The outs may be NULL. *out_is_new is false where the
 * pack had the whole; FIRN_LIMIT beyond about 450 GiB, where the list of pieces would exceed an
 * object. */
FIRN_MUST_CHECK int firn_packfile_stream_add(struct firn_packfile_lane *lane,
                                             firn_packfile_stream_source *read, void *ctx,
                                             firn_hash *out_hash, bool *out_is_new,
                                             uint64_t *out_size, firn_error *err);
/* The same for content in memory; nothing is copied but into frames. */
FIRN_MUST_CHECK int firn_packfile_stream_add_bytes(struct firn_packfile_lane *lane,
                                                   firn_slice content, firn_hash *out_hash,
                                                   bool *out_is_new, firn_error *err);

/* The size of an object's content: what _read will deliver. FIRN_NOT_FOUND; FIRN_CORRUPT. */
FIRN_MUST_CHECK int firn_packfile_stream_size(struct firn_packfile *pack,
                                              struct firn_packfile_scratch *scratch,
                                              const firn_hash *hash, uint64_t *out,
                                              firn_error *err);
/* Gives an object's content to sink in order (NULL: only verifies). Each piece is verified before
 * sink sees it, the whole after the last: what sink got before a failure must be thrown away. A
 * return of sink other than FIRN_OK ends the reading and is returned. The slice is borrowed until
 * sink returns; sink must not use scratch. */
FIRN_MUST_CHECK int firn_packfile_stream_read(
    struct firn_packfile *pack, struct firn_packfile_scratch *scratch, const firn_hash *hash,
    int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx, firn_error *err);
/* The same without a sink. *out_is_elsewhere if it failed because a piece, or the base of a delta,
 * is not in this pack. */
FIRN_MUST_CHECK int firn_packfile_stream_verify(struct firn_packfile *pack,
                                                struct firn_packfile_scratch *scratch,
                                                const firn_hash *hash, bool *out_is_elsewhere,
                                                firn_error *err);

#endif
