/* SPDX-License-Identifier: Apache-2.0
 *
 * outgoing/outgoing_frame.c: a frame of a pack that goes into another pack. If all of its objects
 * go, its bytes are copied as they are stored, so nothing is compressed again.
 *
 * Where the places of objects are known, their sizes tell whether they are all that a frame has
 * (fi_pack_walk_is_all), and it is not even decoded: the checksum of its block vouches for its
 * bytes. Otherwise it is decoded to learn the names.
 *
 * Memory: a frame, decoded and as it is stored.
 */
#include "base/check.h"
#include "base/mem.h"
#include "outgoing/outgoing_internal.h"

static int
meet_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_slice content,
            firn_error *err)
{
    struct fi_outgoing_frame *frame = ctx;
    FI_TRY_RETURN(FI_VEC_RESERVE(frame->met, frame->count + 1, frame->capacity, err));
    frame->met[frame->count++] =
        (struct fi_outgoing_met){.object = {.hash = *hash, .at = *at}, .content = content};
    return FIRN_OK;
}

int
fi_outgoing_frame_read(struct fi_outgoing_frame *frame, struct firn_pack *file,
                       struct fi_pack_scratch *scratch, uint32_t number, firn_error *err)
{
    frame->file = file;
    frame->number = number;
    frame->count = 0;
    return fi_pack_walk_frame(file, scratch, number, meet_object, frame, err);
}

int
fi_outgoing_frame_know(struct fi_outgoing_frame *frame, struct firn_pack *file,
                       struct fi_outgoing_object *const *objects, size_t count, bool *out_is_all,
                       firn_error *err)
{
    CHECK(count > 0);
    frame->file = file;
    frame->number = objects[0]->frame;
    *out_is_all = false;
    FI_TRY_RETURN(FI_VEC_RESERVE(frame->copied, count, frame->copied_capacity, err));
    for (size_t i = 0; i < count; i++) {
        const struct fi_outgoing_object *object = objects[i];
        CHECK(object->frame == frame->number && object->pack == objects[0]->pack);
        frame->copied[i] =
            (struct fi_pack_frame_object){.hash = object->hash,
                                          .at = {.frame = object->frame,
                                                 .offset = object->offset,
                                                 .size = object->size,
                                                 .kind = (enum fi_pack_kind)object->kind}};
    }
    frame->copied_count = count;
    *out_is_all = fi_pack_walk_is_all(file, frame->number, frame->copied, count);
    return FIRN_OK;
}

int
fi_outgoing_frame_copy_known(struct fi_outgoing_frame *frame, struct firn_pack_writer *writer,
                             struct fi_pack_lane *lane, firn_error *err)
{
    enum fi_codec codec;
    firn_slice stored;
    uint32_t raw_size;
    DCHECK(fi_pack_walk_is_all(frame->file, frame->number, frame->copied, frame->copied_count));
    FI_TRY_RETURN(fi_pack_walk_stored(frame->file, frame->number, &frame->stored, &codec, &stored,
                                      &raw_size, err));
    if (fi_pack_has_cells(frame->file)) {
        fi_pack_writer_note_cells(writer);
    }
    return fi_pack_lane_copy(lane, frame->copied, frame->copied_count, codec, stored, raw_size,
                             err);
}

int
fi_outgoing_frame_copy(struct fi_outgoing_frame *frame, struct firn_pack_writer *writer,
                       struct fi_pack_lane *lane, firn_error *err)
{
    DCHECK(frame->count > 0);
    FI_TRY_RETURN(FI_VEC_RESERVE(frame->copied, frame->count, frame->copied_capacity, err));
    for (size_t i = 0; i < frame->count; i++) {
        frame->copied[i] = frame->met[i].object;
    }
    frame->copied_count = frame->count;
    return fi_outgoing_frame_copy_known(frame, writer, lane, err);
}

void
fi_outgoing_frame_deinit(struct fi_outgoing_frame *frame)
{
    fi_free(frame->met);
    fi_free(frame->copied);
    fi_buf_deinit(&frame->stored);
    *frame = (struct fi_outgoing_frame){.file = NULL};
}

int
fi_outgoing_frame_compare(const void *a, const void *b)
{
    const struct fi_outgoing_object *left = *(struct fi_outgoing_object *const *)a;
    const struct fi_outgoing_object *right = *(struct fi_outgoing_object *const *)b;
    if (left->is_tree != right->is_tree) {
        return left->is_tree ? 1 : -1;
    }
    if (left->pack != right->pack) {
        return left->pack < right->pack ? -1 : 1;
    }
    if (left->frame != right->frame) {
        return left->frame < right->frame ? -1 : 1;
    }
    if (left->offset != right->offset) {
        return left->offset < right->offset ? -1 : 1;
    }
    return (left->size > right->size) - (left->size < right->size); /* an empty one is first */
}
