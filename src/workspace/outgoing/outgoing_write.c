/* SPDX-License-Identifier: Apache-2.0
 *
 * outgoing/outgoing_write.c: writing the objects into packs.
 *
 * They are written in the order in which the store has them, contents before directories, so each
 * frame of the store is read once and neighbours stay neighbours. A frame that goes out whole is
 * copied as it is stored, and not decoded: the checksum of its block vouches for it, and who takes
 * the pack in compares each object with its name.
 *
 * (I2) A delta goes out as it is stored only if its base goes out or is there, stored whole.
 *      Otherwise the object goes out whole: the base may be something that a user has forgotten, or
 *      a version that only other checkpoints have.
 *
 * (I3) Only the copy of an object to which the index leads goes out. Another one may be stored in
 *      another form, or be a list or a delta that nobody has compared with its name.
 *
 * (I4) A frame goes out whole only if each object that it has goes out now. What else it has may be
 *      something that a user has forgotten.
 *
 * A pack says in which packs of the other place the bases of its deltas are. That may be an earlier
 * one of this write, if the place says so by then.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/hex.h"
#include "outgoing/outgoing_internal.h"

enum { LEVEL = 6, NAME_SIZE = 48 };

struct writing {
    struct fi_outgoing *outgoing;
    struct fi_os_dir *dir;
    uint64_t size_max;
    fi_outgoing_visit *visit;
    void *ctx;

    uint32_t pack;                  /* of the store, that is being read */
    struct fi_pack_scratch *frames; /* its frame that is being read */
    struct fi_outgoing_frame frame;
    struct fi_buf whole;

    char name[NAME_SIZE];
    struct firn_pack_writer *writer; /* NULL between packs */
    struct fi_pack_lane *lane;
    uint64_t *bases;
    size_t base_count;
    size_t base_capacity;
};

/* ==== the pack ==== */

static int
outgoing_write_begin(struct writing *writing, firn_error *err)
{
    uint8_t random[8];
    char digits[2 * sizeof random + 1];
    if (writing->writer != NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_os_random(fi_os_dir_os(writing->dir), random, sizeof random, err));
    fi_hex_encode(random, sizeof random, digits);
    (void)snprintf(writing->name, sizeof writing->name, "outgoing-%s.pack", digits);
    FI_TRY_RETURN(fi_pack_writer_create(writing->dir, writing->name, LEVEL, &writing->writer, err));
    fi_pack_writer_set_passing(writing->writer);
    writing->base_count = 0;
    return fi_pack_lane_create(writing->writer, &writing->lane, err);
}

static void
abandon(struct writing *writing)
{
    fi_pack_lane_destroy(writing->lane);
    fi_pack_writer_destroy(writing->writer);
    writing->lane = NULL;
    writing->writer = NULL;
}

static int
finish(struct writing *writing, firn_error *err)
{
    uint64_t size;
    if (writing->writer == NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_pack_lane_flush(writing->lane, err));
    FI_TRY_RETURN(fi_pack_writer_finish(writing->writer, &size, err));
    writing->base_count = fi_sort_unique_u64(writing->bases, writing->base_count);
    const struct fi_outgoing_pack pack = {.name = writing->name,
                                          .id = fi_pack_writer_id(writing->writer),
                                          .size_bytes = size,
                                          .object_count = fi_pack_writer_count(writing->writer),
                                          .bases = writing->bases,
                                          .base_count = writing->base_count,
                                          .writer = writing->writer};
    int rc = writing->visit(writing->ctx, &pack, err);
    FI_IGNORE(fi_os_remove_file(writing->dir, writing->name, NULL)); /* a crash leaves it, too */
    abandon(writing);
    return rc;
}

/* ==== deltas ==== */

/* (I2) *out_base_pack is 0 if the base is in the pack that is being written. */
static int
may_go_as_delta(const struct writing *writing, const firn_hash *base, bool *out,
                uint64_t *out_base_pack, firn_error *err)
{
    const struct fi_outgoing *outgoing = writing->outgoing;
    enum fi_outgoing_has has;
    *out = false;
    *out_base_pack = 0;
    if (fi_pack_writer_contains(writing->writer, base)) {
        const struct fi_outgoing_object *object = fi_outgoing_find(outgoing, base);
        *out = object != NULL && !fi_pack_kind_is_named((enum fi_pack_kind)object->kind);
        return FIRN_OK;
    }
    FI_TRY_RETURN(outgoing->place.find(outgoing->place.ctx, base, &has, out_base_pack, err));
    *out = has != FI_OUTGOING_LACKS && *out_base_pack != 0;
    return FIRN_OK;
}

/* ==== frames ==== */

/* The object if it goes out now: with the contents, or with the directories. (I3) */
static struct fi_outgoing_object *
wanted_object(const struct writing *writing, const struct fi_outgoing_met *met, bool has_trees)
{
    struct fi_outgoing_object *object = fi_outgoing_find(writing->outgoing, &met->object.hash);
    bool is_wanted = object != NULL && !object->is_written && object->is_tree == has_trees &&
                     object->pack == writing->pack && object->frame == met->object.at.frame &&
                     object->offset == met->object.at.offset;
    return is_wanted ? object : NULL;
}

/* Whether the objects, which are all that are to go out from their frame, go out now and are all
 * that it has, and none is a delta. (I4) */
static int
goes_whole(struct writing *writing, struct firn_pack *file,
           struct fi_outgoing_object *const *objects, size_t count, bool *out, firn_error *err)
{
    *out = false;
    for (size_t i = 0; i < count; i++) {
        if (objects[i]->kind == FI_PACK_DELTA || objects[i]->is_written) {
            return FIRN_OK;
        }
    }
    return fi_outgoing_frame_know(&writing->frame, file, objects, count, out, err);
}

static int
copy_frame(struct writing *writing, struct fi_outgoing_object *const *objects, size_t count,
           firn_error *err)
{
    for (size_t i = 0; i < count; i++) {
        CHECK(objects[i]->pack == writing->pack && !objects[i]->is_written); /* (I3) */
        objects[i]->is_written = true;
    }
    FI_TRY_RETURN(outgoing_write_begin(writing, err));
    return fi_outgoing_frame_copy_known(&writing->frame, writing->writer, writing->lane, err);
}

/* A delta as it is stored, or the object that it stands for. */
static int
write_delta(struct writing *writing, const struct fi_outgoing_met *met, firn_error *err)
{
    struct fi_outgoing *outgoing = writing->outgoing;
    struct fi_pack_delta delta;
    bool is_new;
    bool is_delta;
    uint64_t base_pack;
    FI_TRY_RETURN(fi_pack_delta_decode(met->content, &delta, err));
    FI_TRY_RETURN(may_go_as_delta(writing, &delta.base, &is_delta, &base_pack, err));
    if (is_delta) {
        /* (I2) */
        DCHECK(base_pack != 0 || fi_pack_writer_contains(writing->writer, &delta.base));
        if (base_pack != 0) {
            FI_TRY_RETURN(FI_VEC_RESERVE(writing->bases, writing->base_count + 1,
                                         writing->base_capacity, err));
            writing->bases[writing->base_count++] = base_pack;
        }
        return fi_pack_lane_add(writing->lane, FI_PACK_DELTA, &met->object.hash, met->content,
                                &is_new, err);
    }
    FI_TRY_RETURN(fi_objects_stream_whole(outgoing->objects, outgoing->scratch, &met->object.hash,
                                          &writing->whole, err));
    return fi_pack_lane_add(writing->lane, delta.kind, &met->object.hash,
                            fi_buf_slice(&writing->whole), &is_new, err);
}

static int
write_objects(struct writing *writing, bool has_trees, firn_error *err)
{
    const struct fi_outgoing_met *met = writing->frame.met;
    for (size_t i = 0; i < writing->frame.count; i++) {
        struct fi_outgoing_object *object = wanted_object(writing, &met[i], has_trees);
        bool is_new;
        if (object == NULL) {
            continue;
        }
        FI_TRY_RETURN(outgoing_write_begin(writing, err));
        if (met[i].object.at.kind == FI_PACK_DELTA) {
            FI_TRY_RETURN(write_delta(writing, &met[i], err));
        } else {
            FI_TRY_RETURN(fi_pack_lane_add(writing->lane, met[i].object.at.kind,
                                           &met[i].object.hash, met[i].content, &is_new, err));
        }
        object->is_written = true;
    }
    return FIRN_OK;
}

static int
write_objects_of(struct writing *writing, struct firn_pack *file,
                 struct fi_outgoing_object *const *objects, size_t count, firn_error *err)
{
    bool is_whole;
    if (objects[0]->frame >= fi_pack_walk_count(file)) {
        return FIRN_OK; /* the caller sees that nothing was written */
    }
    FI_TRY_RETURN(goes_whole(writing, file, objects, count, &is_whole, err));
    if (is_whole) {
        return copy_frame(writing, objects, count, err);
    }
    FI_TRY_RETURN(
        fi_outgoing_frame_read(&writing->frame, file, writing->frames, objects[0]->frame, err));
    return write_objects(writing, objects[0]->is_tree, err);
}

static int
write_frame(struct writing *writing, struct fi_outgoing_object *const *objects, size_t count,
            firn_error *err)
{
    struct fi_objects *all = writing->outgoing->objects;
    const uint32_t pack = objects[0]->pack;
    struct firn_pack *file;
    int rc = fi_objects_pack_acquire(all, pack, &file, err);
    writing->pack = pack;
    if (rc == FIRN_OK) {
        rc = write_objects_of(writing, file, objects, count, err);
        fi_objects_pack_release(all, pack);
    }
    return rc;
}

/* ==== all ==== */

/* How many of the objects, from the first on, are of its frame and go out with it. */
static size_t
count_neighbours(struct fi_outgoing_object *const *objects, size_t count)
{
    const struct fi_outgoing_object *first = objects[0];
    size_t n = 1;
    while (n < count && objects[n]->is_tree == first->is_tree && objects[n]->pack == first->pack &&
           objects[n]->frame == first->frame) {
        n++;
    }
    return n;
}

static int
write_all(struct writing *writing, struct fi_outgoing_object **order, size_t count, firn_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct fi_outgoing_object *object = order[i];
        if (writing->writer != NULL && object->is_tree && !order[i - 1]->is_tree) {
            FI_TRY_RETURN(fi_pack_lane_flush(writing->lane, err)); /* no frame has both */
        }
        if (object->is_written) {
            continue; /* with the frame of one before, or only looked into */
        }
        FI_TRY_RETURN(write_frame(writing, order + i, count_neighbours(order + i, count - i), err));
        if (!object->is_written) {
            return fi_pack_object_failed(
                &object->hash, fi_error_set(err, FIRN_CORRUPT, "it is not where it should be"),
                err);
        }
        if (fi_pack_writer_size_bytes(writing->writer) >= writing->size_max) {
            FI_TRY_RETURN(finish(writing, err));
        }
    }
    return finish(writing, err);
}

int
fi_outgoing_write(struct fi_outgoing *outgoing, struct fi_os_dir *dir, uint64_t size_max,
                  fi_outgoing_visit *visit, void *ctx, firn_error *err)
{
    struct writing writing = {
        .outgoing = outgoing, .dir = dir, .size_max = size_max, .visit = visit, .ctx = ctx};
    size_t count = outgoing->map.count;
    struct fi_outgoing_object **order = NULL;
    int rc = FIRN_OK;
    if (outgoing->is_over) {
        return fi_error_set(err, FIRN_MISUSE, "these objects were written before");
    }
    outgoing->is_over = true;
    if (count == 0) {
        return FIRN_OK;
    }
    order = fi_alloc_array(count, sizeof(void *));
    if (order == NULL) {
        rc = fi_error_no_memory(err, "the objects to send");
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        order[i] = fi_hash_map_at(&outgoing->map, i);
    }
    fi_sort(order, count, sizeof(void *), fi_outgoing_frame_compare);
    FI_TRY(fi_pack_scratch_create(1, &writing.frames, err));
    rc = write_all(&writing, order, count, err);
out:
    abandon(&writing);
    fi_pack_scratch_destroy(writing.frames);
    fi_outgoing_frame_deinit(&writing.frame);
    fi_buf_deinit(&writing.whole);
    fi_free(writing.bases);
    fi_free(order);
    return rc;
}
