/* SPDX-License-Identifier: Apache-2.0
 *
 * outgoing/outgoing_join.c: several packs become one, without a store.
 *
 * First all frames of all packs are read, and the best copy of each object is chosen; then the
 * chosen ones are written, contents before directories, in the order of the packs.
 *
 * Nothing in the packs is trusted. A whole object has the name that its bytes have; the name of a
 * list or of a delta is what its frame says. So (I4) a whole copy is preferred to one that may be
 * something else, and so a delta whose base one of the packs has whole finds it whole in the new
 * one. Not asserted: a base may also be in no pack, or in one only as a delta.
 *
 * (I5) The table of a pack and the lists of its frames have the same objects at the same places,
 *      each once. A pack that breaks this is damaged: others look objects up in the table, and
 *      would not find here what they find there, or the other way round. It also bounds the work: a
 *      frame that the pack names many times is met twice, and refused. Not asserted: it is about
 *      foreign data, and checked as such.
 *
 * Each pack is read with a scratch of its own handle. A shared one would know frames by the pack's
 * identity, which a hostile pack may have taken from another one.
 *
 * A directory is known by the kind of the copy that was chosen. Bytes that are a file and a
 * directory may so come before the directories, which costs a reader time and nothing else.
 *
 * Memory: 64 bytes for each object, 56 for each of the largest pack, and two frames.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "outgoing/outgoing_internal.h"

enum { LEVEL = 6 };

/* An entry of a pack's own table. */
struct listed {
    firn_hash hash; /* first: the key */
    struct fi_pack_location at;
    bool is_met;
};

struct joining {
    const struct fi_outgoing_join *join;
    struct fi_hash_map map;    /* of fi_outgoing_object: the copies that were chosen */
    struct fi_hash_map listed; /* of struct listed: the table of the pack that is being read */
    uint64_t bytes_left;

    uint32_t pack; /* that is open */
    struct firn_pack *file;
    struct fi_pack_scratch *scratch; /* of file */
    struct fi_outgoing_frame frame;

    struct firn_pack_writer *writer;
    struct fi_pack_lane *lane;
};

static struct fi_outgoing_object *
find_chosen(const struct joining *joining, const firn_hash *hash)
{
    return fi_hash_map_find(&joining->map, fi_hash_map_first(hash), hash);
}

/* ==== the pack that is read ==== */

static void
close_pack(struct joining *joining)
{
    if (joining->scratch != NULL) {
        fi_pack_give_scratch(joining->file, joining->scratch);
        joining->scratch = NULL;
    }
    fi_pack_close(joining->file);
    joining->file = NULL;
}

static int
open_pack(struct joining *joining, size_t number, firn_error *err)
{
    const struct fi_outgoing_join *join = joining->join;
    close_pack(joining);
    FI_TRY_RETURN(fi_pack_open(join->dir, join->names[number], &joining->file, err));
    joining->pack = (uint32_t)number;
    return fi_pack_take_scratch(joining->file, &joining->scratch, err);
}

static int
disagrees(const struct joining *joining, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "'%s': the object table and the frames disagree",
                        fi_pack_path(joining->file));
}

/* ==== choosing ==== */

static int
note_listed(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct joining *joining = ctx;
    const struct listed listed = {.hash = *hash, .at = *at};
    if (at->kind == FI_PACK_RECORD) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s' has a checkpoint's record",
                            fi_pack_path(joining->file));
    }
    return fi_hash_map_insert(&joining->listed, fi_hash_map_first(hash), &listed) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "the objects of a pack");
}

/* (I5) */
static int
compare_with_table(struct joining *joining, const struct fi_pack_frame_object *object,
                   firn_error *err)
{
    struct listed *listed =
        fi_hash_map_find(&joining->listed, fi_hash_map_first(&object->hash), &object->hash);
    if (listed == NULL || listed->is_met || listed->at.frame != object->at.frame ||
        listed->at.offset != object->at.offset || listed->at.size != object->at.size ||
        listed->at.kind != object->at.kind) {
        return disagrees(joining, err);
    }
    listed->is_met = true;
    return FIRN_OK;
}

/* (I4) */
static int
rank_of(enum fi_pack_kind kind)
{
    return fi_pack_kind_is_named(kind) ? 0 : kind == FI_PACK_TREE ? 2 : 1;
}

static int
choose(struct joining *joining, const struct fi_outgoing_met *met, firn_error *err)
{
    const struct fi_pack_location *at = &met->object.at;
    struct fi_outgoing_object *before = find_chosen(joining, &met->object.hash);
    struct fi_pack_delta delta = {.kind = at->kind};
    if (before != NULL && rank_of((enum fi_pack_kind)before->kind) >= rank_of(at->kind)) {
        return FIRN_OK;
    }
    if (at->kind == FI_PACK_DELTA) {
        FI_TRY_RETURN(fi_pack_delta_decode(met->content, &delta, err));
    }
    const struct fi_outgoing_object object = {.hash = met->object.hash,
                                              .pack = joining->pack,
                                              .frame = at->frame,
                                              .offset = at->offset,
                                              .size = at->size,
                                              .kind = (uint8_t)at->kind,
                                              .is_tree = delta.kind == FI_PACK_TREE};
    if (before != NULL) {
        *before = object;
        return FIRN_OK;
    }
    return fi_hash_map_insert(&joining->map, fi_hash_map_first(&object.hash), &object) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "the objects of packs");
}

static int
check_size(struct joining *joining, firn_error *err)
{
    for (uint32_t i = 0; i < fi_pack_walk_count(joining->file); i++) {
        uint32_t raw = fi_pack_frame_size_of(joining->file, i).raw;
        if (raw > joining->bytes_left) {
            return fi_error_set(
                err, FIRN_LIMIT,
                "the packs have more than the %llu bytes of objects that can be joined",
                (unsigned long long)joining->join->bytes_max);
        }
        joining->bytes_left -= raw;
    }
    return FIRN_OK;
}

static int
choose_from_pack(struct joining *joining, firn_error *err)
{
    size_t met_count = 0;
    fi_hash_map_clear(&joining->listed);
    FI_TRY_RETURN(check_size(joining, err));
    FI_TRY_RETURN(fi_pack_list(joining->file, joining->scratch, note_listed, joining, err));
    for (uint32_t i = 0; i < fi_pack_walk_count(joining->file); i++) {
        FI_TRY_RETURN(
            fi_outgoing_frame_read(&joining->frame, joining->file, joining->scratch, i, err));
        for (size_t k = 0; k < joining->frame.count; k++) {
            const struct fi_outgoing_met *met = &joining->frame.met[k];
            FI_TRY_RETURN(compare_with_table(joining, &met->object, err));
            FI_TRY_RETURN(choose(joining, met, err));
        }
        met_count += joining->frame.count;
    }
    return met_count == joining->listed.count ? FIRN_OK : disagrees(joining, err);
}

/* ==== writing ==== */

/* The object if this is the copy that was chosen, and it goes now. */
static struct fi_outgoing_object *
chosen_object(const struct joining *joining, const struct fi_outgoing_met *met, bool has_trees)
{
    struct fi_outgoing_object *object = find_chosen(joining, &met->object.hash);
    bool is_chosen = object != NULL && !object->is_written && object->is_tree == has_trees &&
                     object->pack == joining->pack && object->frame == met->object.at.frame &&
                     object->offset == met->object.at.offset && object->kind == met->object.at.kind;
    return is_chosen ? object : NULL;
}

static int
write_chosen(struct joining *joining, bool has_trees, firn_error *err)
{
    struct fi_outgoing_frame *frame = &joining->frame;
    bool is_whole = true;
    for (size_t i = 0; i < frame->count; i++) {
        struct fi_outgoing_object *object = chosen_object(joining, &frame->met[i], has_trees);
        frame->met[i].is_chosen = object != NULL;
        is_whole = is_whole && object != NULL;
        if (object != NULL) {
            object->is_written = true; /* a second one of the name is not chosen */
        }
    }
    if (is_whole) {
        return fi_outgoing_frame_copy(frame, joining->writer, joining->lane, err);
    }
    for (size_t i = 0; i < frame->count; i++) {
        const struct fi_pack_frame_object *object = &frame->met[i].object;
        bool is_new;
        if (frame->met[i].is_chosen) {
            FI_TRY_RETURN(fi_pack_lane_add(joining->lane, object->at.kind, &object->hash,
                                           frame->met[i].content, &is_new, err));
            DCHECK(is_new);
        }
    }
    return FIRN_OK;
}

static int
write_frame_of(struct joining *joining, const struct fi_outgoing_object *object, firn_error *err)
{
    if (joining->file == NULL || joining->pack != object->pack) {
        FI_TRY_RETURN(open_pack(joining, object->pack, err));
    }
    /* It was there a moment ago; a file that was exchanged since is damaged, too. */
    if (object->frame < fi_pack_walk_count(joining->file)) {
        FI_TRY_RETURN(fi_outgoing_frame_read(&joining->frame, joining->file, joining->scratch,
                                             object->frame, err));
        FI_TRY_RETURN(write_chosen(joining, object->is_tree, err));
    }
    return object->is_written ? FIRN_OK : disagrees(joining, err);
}

static int
write_joined(struct joining *joining, firn_error *err)
{
    size_t count = joining->map.count;
    struct fi_outgoing_object **order = fi_alloc_array(count, sizeof(void *));
    if (order == NULL) {
        return fi_error_no_memory(err, "the objects of packs");
    }
    int rc;
    for (size_t i = 0; i < count; i++) {
        order[i] = fi_hash_map_at(&joining->map, i);
    }
    fi_sort(order, count, sizeof(void *), fi_outgoing_frame_compare);
    FI_TRY(fi_pack_writer_create(joining->join->out_dir, joining->join->out_name, LEVEL,
                                 &joining->writer, err));
    FI_TRY(fi_pack_lane_create(joining->writer, &joining->lane, err));
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && order[i]->is_tree && !order[i - 1]->is_tree) {
            FI_TRY(fi_pack_lane_flush(joining->lane, err)); /* no frame has both */
        }
        if (!order[i]->is_written) { /* else with the frame of one before */
            FI_TRY(write_frame_of(joining, order[i], err));
        }
    }
    rc = fi_pack_lane_flush(joining->lane, err);
out:
    fi_free(order);
    return rc;
}

int
fi_outgoing_join(const struct fi_outgoing_join *join, struct fi_outgoing_joined *out,
                 firn_error *err)
{
    struct joining joining = {.join = join, .bytes_left = join->bytes_max};
    int rc;
    CHECK(join->count > 0 && join->count <= UINT32_MAX);
    fi_hash_map_init(&joining.map, sizeof(struct fi_outgoing_object), fi_hash_map_first,
                     fi_hash_map_same_hash);
    fi_hash_map_init(&joining.listed, sizeof(struct listed), fi_hash_map_first,
                     fi_hash_map_same_hash);
    for (size_t i = 0; i < join->count; i++) {
        FI_TRY(open_pack(&joining, i, err));
        FI_TRY(choose_from_pack(&joining, err));
    }
    FI_TRY(write_joined(&joining, err));
    out->id = *fi_pack_writer_id(joining.writer);
    out->object_count = fi_pack_writer_count(joining.writer);
    rc = fi_pack_writer_finish(joining.writer, &out->size_bytes, err);
out:
    close_pack(&joining);
    fi_pack_lane_destroy(joining.lane);
    fi_pack_writer_destroy(joining.writer);
    fi_outgoing_frame_deinit(&joining.frame);
    fi_hash_map_deinit(&joining.listed);
    fi_hash_map_deinit(&joining.map);
    return rc;
}
