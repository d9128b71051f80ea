/* SPDX-License-Identifier: Apache-2.0
 *
 * far/far_parts.c: where objects are, and what lists of pieces name: for a caller that decides
 * which packs are needed.
 */
#include "far/far.h"
#include "far/far_internal.h"
#include "pack/pack_cells.h"

int
fi_far_parts_find(struct fi_far *far, const firn_hash *hash, uint64_t *out_pack, bool *out_is_list,
                  firn_error *err)
{
    enum fi_pack_kind kind;
    FI_TRY_RETURN(fi_far_parts_kind(far, hash, out_pack, &kind, err));
    *out_is_list = kind == FI_PACK_PIECES;
    return FIRN_OK;
}

int
fi_far_parts_kind(struct fi_far *far, const firn_hash *hash, uint64_t *out_pack,
                  enum fi_pack_kind *out_kind, firn_error *err)
{
    struct fi_far_place place;
    FI_TRY_RETURN(fi_far_need(far, hash, NULL, &place, err));
    *out_pack = far->files[place.file]->number;
    *out_kind = place.at.kind;
    return FIRN_OK;
}

struct parts {
    struct fi_far *far;
    int (*visit)(void *ctx, const firn_hash *hash, firn_error *err);
    void *ctx;
};

static int
visit_part(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    const struct parts *parts = ctx;
    (void)offset;
    FI_TRY_RETURN(fi_budget_spend(&parts->far->budget, FI_BUDGET_ENTRY, err));
    return piece->is_hole ? FIRN_OK : parts->visit(parts->ctx, &piece->hash, err);
}

int
fi_far_parts_list(struct fi_far *far, const firn_hash *hash,
                  int (*visit)(void *ctx, const firn_hash *hash, firn_error *err), void *ctx,
                  firn_error *err)
{
    struct parts parts = {far, visit, ctx};
    enum fi_pack_kind kind;
    firn_slice list;
    uint64_t size;
    FI_TRY_RETURN(fi_far_read_stored(far, hash, &kind, &list, err));
    if (kind != FI_PACK_PIECES) {
        return FIRN_OK;
    }
    return fi_pack_cells_is_list(list)
               ? fi_pack_cells_decode(list, &size, visit_part, &parts, err)
               : fi_pack_pieces_decode(list, &size, visit_part, &parts, err);
}

int
fi_far_parts_read_list(struct fi_far *far, const firn_hash *hash, struct fi_buf *out,
                       firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice list;
    FI_TRY_RETURN(fi_far_read_stored(far, hash, &kind, &list, err));
    if (kind != FI_PACK_PIECES) {
        return fi_error_set(err, FIRN_CORRUPT, "an object is no list of pieces");
    }
    return fi_buf_assign(out, list) == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "an object");
}
