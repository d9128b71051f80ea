/* SPDX-License-Identifier: Apache-2.0
 *
 * far/far_read.c: one object, however it is stored.
 *
 * The pack's reader compares the bytes with the name, and asks the source of the pack for the
 * frame, which fetches it (far_ranges.c). A delta needs one object more, which is stored whole, so
 * there is no chain that could have a circle.
 *
 * Every object pays for the bytes that were decompressed for it and for its own (base/budget.h).
 */
#include "base/budget.h"
#include "base/check.h"
#include "far/far.h"
#include "far/far_internal.h"

int
fi_far_read_at(struct fi_far *far, const firn_hash *hash, const struct fi_far_place *place,
               firn_slice *out, firn_error *err)
{
    const struct fi_far_file *file = far->files[place->file];
    const uint64_t before = fi_pack_scratch_decoded(far->scratch);
    DCHECK(place->file < far->file_count && file->pack != NULL);
    FI_TRY_RETURN(fi_pack_read(file->pack, far->scratch, hash, &place->at, out, err));
    const uint64_t decoded = fi_pack_scratch_decoded(far->scratch) - before;
    return fi_budget_spend(&far->budget, FI_BUDGET_OBJECT + decoded + out->size, err);
}

struct based {
    struct fi_far *far;
    uint32_t file; /* that has the delta */
};

static int
read_base(void *ctx, struct fi_pack_scratch *scratch, const firn_hash *base,
          enum fi_pack_kind *out_kind, firn_slice *out, firn_error *err)
{
    const struct based *based = ctx;
    struct fi_far_place place;
    DCHECK(scratch == based->far->scratch);
    (void)scratch;
    FI_TRY_RETURN(fi_far_need(based->far, base, &based->file, &place, err));
    *out_kind = place.at.kind;
    return fi_far_read_at(based->far, base, &place, out, err);
}

int
fi_far_read_stored(struct fi_far *far, const firn_hash *hash, enum fi_pack_kind *out_kind,
                   firn_slice *out, firn_error *err)
{
    struct fi_far_place place;
    FI_TRY_RETURN(fi_far_need(far, hash, NULL, &place, err));
    FI_TRY_RETURN(fi_far_read_at(far, hash, &place, out, err));
    *out_kind = place.at.kind;
    if (*out_kind != FI_PACK_DELTA) {
        return FIRN_OK;
    }
    struct based based = {far, place.file};
    FI_TRY_RETURN(
        fi_pack_delta_read(far->scratch, hash, *out, read_base, &based, out_kind, out, err));
    return fi_budget_spend(&far->budget, out->size, err);
}

int
fi_far_read(struct fi_far *far, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice stored;
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_far_read_stored(far, hash, &kind, &stored, err));
    if (kind == FI_PACK_PIECES) {
        return fi_far_stream_whole(far, hash, stored, out, err);
    }
    return fi_buf_append_slice(out, stored) == FIRN_OK ? FIRN_OK
                                                       : fi_error_no_memory(err, "an object");
}
