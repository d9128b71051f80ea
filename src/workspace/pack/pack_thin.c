/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_thin.c: content that is far larger than what a pack has of it.
 *
 * A list of pieces may consist of holes, or name one piece in many places: 5 KiB may stand for
 * terabytes. Its name is the hash of all bytes, which takes time for each byte that it claims. So
 * the name of thin content is not computed: of more than FREE bytes, if they are also more than
 * RATIO times those of its different pieces. Each piece has a name of its own, which is compared,
 * and the list is covered by the checksum of its frame, so damage is found as before; what is not
 * found is a list that was written wrongly.
 *
 * A real file that is thin is a sparse one, such as a new disk image. Since files of 16 GiB and
 * more are named without their zeros (pack_cells.c), it has less than that.
 */
#include "base/check.h"
#include "base/hash_map.h"
#include "pack/pack.h"

enum { FREE = 1 << 30, RATIO = 64 };

int
fi_pack_thin_assess(firn_slice list, bool *out, firn_error *err)
{
    struct fi_hash_map seen;
    struct fi_pack_piece piece;
    struct fi_reader pieces;
    uint64_t total;
    uint64_t most = FREE;
    *out = false;
    int rc = fi_pack_pieces_open(list, &pieces, &total, err);
    if (rc != FIRN_OK || total <= FREE) {
        return rc;
    }
    fi_hash_map_init(&seen, sizeof(firn_hash), fi_hash_map_first, fi_hash_map_same_hash);
    while (rc == FIRN_OK && most < total && fi_pack_pieces_next(&pieces, &piece)) {
        const uint64_t key = fi_hash_map_first(&piece.hash);
        if (piece.is_hole || fi_hash_map_find(&seen, key, &piece.hash) != NULL) {
            continue;
        }
        DCHECK(piece.size <= FI_PACK_OBJECT_SIZE_MAX);
        most += RATIO * piece.size;
        if (fi_hash_map_insert(&seen, key, &piece.hash) == NULL) {
            rc = fi_error_no_memory(err, "a list of pieces");
        }
    }
    fi_hash_map_deinit(&seen);
    *out = rc == FIRN_OK && most < total;
    return rc;
}
