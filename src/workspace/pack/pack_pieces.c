/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_pieces.c: lists of pieces: the content of an object that is stored in parts.
 *
 * A list is checked as a whole before anything of it is used: sizes that add up to the total, no
 * empty piece, no hole after a hole.
 */
#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/reader.h"
#include "pack/pack.h"

int
fi_pack_pieces_encode(const struct fi_pack_piece *pieces, size_t count, struct fi_buf *out)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (!fi_add_u64(total, pieces[i].size, &total)) {
            return FIRN_LIMIT;
        }
    }
    if (total > FI_PACK_TOTAL_SIZE_MAX) {
        return FIRN_LIMIT;
    }
    FI_TRY_RETURN(fi_buf_append_varint(out, total));
    for (size_t i = 0; i < count; i++) {
        const struct fi_pack_piece *piece = &pieces[i];
        FI_TRY_RETURN(fi_buf_append_varint(out, piece->size << 1 | (piece->is_hole ? 1 : 0)));
        if (!piece->is_hole) {
            FI_TRY_RETURN(fi_buf_append(out, piece->hash.bytes, sizeof piece->hash.bytes));
        }
    }
    return FIRN_OK;
}

/* Takes one piece off the front. */
static bool
next_piece(struct fi_reader *reader, struct fi_pack_piece *out)
{
    uint64_t coded;
    if (!fi_reader_varint_max(reader, FI_PACK_TOTAL_SIZE_MAX << 1 | 1, &coded)) {
        return false;
    }
    out->size = coded >> 1;
    out->is_hole = (coded & 1) != 0;
    memset(&out->hash, 0, sizeof out->hash);
    if (out->size == 0) {
        return false;
    }
    return out->is_hole || (out->size <= FI_PACK_OBJECT_SIZE_MAX &&
                            fi_reader_copy(reader, &out->hash, sizeof out->hash));
}

/* Checks every rule of a list, before anything of it is used. */
static bool
pieces_are_sound(firn_slice encoded, uint64_t *out_total)
{
    uint64_t total;
    uint64_t sum = 0;
    bool after_hole = false;
    struct fi_pack_piece piece;
    struct fi_reader reader = fi_reader_of(encoded);
    if (!fi_reader_varint_max(&reader, FI_PACK_TOTAL_SIZE_MAX, &total) || total == 0) {
        return false;
    }
    while (fi_reader_left(&reader) > 0) {
        if (!next_piece(&reader, &piece) || (after_hole && piece.is_hole) ||
            piece.size > total - sum) {
            return false;
        }
        sum += piece.size;
        after_hole = piece.is_hole;
    }
    *out_total = total;
    return sum == total;
}

int
fi_pack_pieces_open(firn_slice encoded, struct fi_reader *out, uint64_t *out_total_size,
                    firn_error *err)
{
    *out_total_size = 0;
    *out = fi_reader_of(encoded);
    uint64_t total;
    if (!pieces_are_sound(encoded, &total) || !fi_reader_varint(out, &total)) {
        return fi_error_set(err, FIRN_CORRUPT, "%zu bytes are not a list of pieces", encoded.size);
    }
    *out_total_size = total;
    return FIRN_OK;
}

bool
fi_pack_pieces_next(struct fi_reader *reader, struct fi_pack_piece *out)
{
    return fi_reader_left(reader) > 0 && next_piece(reader, out);
}

int
fi_pack_pieces_decode(firn_slice encoded, uint64_t *out_total_size,
                      int (*visit)(void *ctx, uint64_t offset, const struct fi_pack_piece *piece,
                                   firn_error *err),
                      void *ctx, firn_error *err)
{
    struct fi_reader reader;
    struct fi_pack_piece piece;
    uint64_t offset = 0;
    uint64_t total;
    *out_total_size = 0;
    int rc = fi_pack_pieces_open(encoded, &reader, &total, err);
    while (rc == FIRN_OK && visit != NULL && fi_pack_pieces_next(&reader, &piece)) {
        rc = visit(ctx, offset, &piece, err);
        offset += piece.size;
    }
    DCHECK(rc != FIRN_OK || visit == NULL || offset == total);
    *out_total_size = rc == FIRN_OK ? total : 0;
    return rc;
}
