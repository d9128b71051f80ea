/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_walk.c: the objects of a pack in the order in which they lie in it, frame by
 * frame.
 *
 * For callers that move many objects out of a pack: each frame is read and decoded once, and
 * neighbours are visited one after the other, so they compress as well in their new place as in the
 * old one. A walk in hash order would decode a frame again for nearly every object.
 *
 * Names are computed, as everywhere, and never trusted; a list of pieces and a delta have the names
 * that their frame gives them, and their form is checked. A frame whose list does not match its
 * contents to the last byte is damaged as a whole (I1): without the list nobody can say where one
 * object ends and the next begins.
 *
 * Memory: the frame in the scratch, and one bit for each frame while deltas are walked.
 */
#include <string.h>

#include "base/check.h"
#include "base/reader.h"
#include "codec/blake3_hash.h"
#include "pack/pack.h"
#include "pack/pack_internal.h"

uint32_t
fi_pack_walk_count(const struct firn_pack *pack)
{
    return pack->frame_count;
}

static int
frame_corrupt(const struct firn_pack *pack, uint32_t number, firn_error *err)
{
    return fi_error_set(
        err, FIRN_CORRUPT, "'%s': frame %u (at %llu) does not contain the objects that it lists",
        fi_pack_path(pack), number, (unsigned long long)pack->frames[number].offset);
}

/* Whether the list is whole and every object has its kind's form (I1). */
static bool
is_sound(const struct fi_pack_format_frame *frame)
{
    struct fi_pack_format_item item;
    struct fi_pack_format_items items = fi_pack_format_items_of(frame);
    while (fi_pack_format_next_item(&items, &item)) {
        firn_slice content = firn_bytes(frame->contents.data + item.offset, item.size);
        if (!fi_pack_format_has_form(item.kind, &item.name, content)) {
            return false;
        }
    }
    return fi_pack_format_items_ended(&items);
}

int
fi_pack_walk_frame(struct firn_pack *pack, struct fi_pack_scratch *scratch, uint32_t number,
                   fi_pack_walk_visit *visit, void *ctx, firn_error *err)
{
    struct fi_pack_format_frame frame;
    DCHECK(number < pack->frame_count);
    int rc = fi_pack_scratch_frame(scratch, pack, number, &frame, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (!is_sound(&frame)) {
        return frame_corrupt(pack, number, err);
    }
    struct fi_pack_format_item item;
    struct fi_pack_format_items items = fi_pack_format_items_of(&frame);
    while (rc == FIRN_OK && fi_pack_format_next_item(&items, &item)) {
        struct fi_pack_location at = {
            .frame = number, .offset = item.offset, .size = item.size, .kind = item.kind};
        firn_slice content = firn_bytes(frame.contents.data + item.offset, item.size);
        firn_hash name = item.name;
        if (!fi_pack_kind_is_named(item.kind)) {
            fi_blake3_hash_of(content.data, content.size, &name);
        }
        rc = visit(ctx, &name, &at, content, err);
    }
    DCHECK(rc != FIRN_OK || fi_pack_format_items_ended(&items)); /* (I1) */
    return rc;
}

/* ---- deltas alone ---- */

struct delta_walk {
    struct fi_buf frames; /* a bit for each: whether it has a delta */
    fi_pack_walk_visit *visit;
    void *ctx;
};

static int
mark_frame(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct delta_walk *walk = ctx;
    (void)hash;
    (void)err;
    if (at->kind == FI_PACK_DELTA && at->frame / 8 < walk->frames.size) {
        walk->frames.data[at->frame / 8] |= (uint8_t)(1U << at->frame % 8);
    }
    return FIRN_OK;
}

static int
visit_delta(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_slice content,
            firn_error *err)
{
    struct delta_walk *walk = ctx;
    return at->kind == FI_PACK_DELTA ? walk->visit(walk->ctx, hash, at, content, err) : FIRN_OK;
}

int
fi_pack_walk_deltas(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                    fi_pack_walk_visit *visit, void *ctx, firn_error *err)
{
    struct delta_walk walk = {.visit = visit, .ctx = ctx};
    int rc;
    if (fi_buf_set_size(&walk.frames, pack->frame_count / 8 + 1) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a list of frames"));
    }
    memset(walk.frames.data, 0, walk.frames.size);
    FI_TRY(fi_pack_list(pack, scratch, mark_frame, &walk, err));
    for (uint32_t i = 0; i < pack->frame_count; i++) {
        if ((walk.frames.data[i / 8] >> i % 8 & 1) != 0) {
            FI_TRY(fi_pack_walk_frame(pack, scratch, i, visit_delta, &walk, err));
        }
    }
out:
    fi_buf_deinit(&walk.frames);
    return rc;
}

/* ---- frames as they are stored ---- */

bool
fi_pack_walk_is_all(const struct firn_pack *pack, uint32_t number,
                    const struct fi_pack_frame_object *objects, size_t count)
{
    uint64_t list_size = 0;
    uint64_t end = 0;
    DCHECK(number < pack->frame_count);
    for (size_t i = 0; i < count; i++) {
        uint8_t item[FI_PACK_FORMAT_ITEM_SIZE_MAX];
        const struct fi_pack_location *at = &objects[i].at;
        if (at->offset != end || at->size > FI_PACK_OBJECT_SIZE_MAX) {
            return false;
        }
        end += at->size;
        list_size += fi_pack_format_encode_item(
            at->kind, at->size, fi_pack_kind_is_named(at->kind) ? &objects[i].hash : NULL, item);
    }
    return FI_PACK_FORMAT_FRAME_HEAD_SIZE + list_size + end == pack->frames[number].raw_size;
}

int
fi_pack_walk_stored(struct firn_pack *pack, uint32_t number, struct fi_buf *buf,
                    enum fi_codec *out_codec, firn_slice *out, uint32_t *out_raw_size,
                    firn_error *err)
{
    DCHECK(number < pack->frame_count);
    const struct fi_block_ref *ref = &pack->frames[number];
    *out_raw_size = ref->raw_size;
    return fi_block_reader_read_stored(pack->reader, ref, buf, out_codec, out, err);
}
