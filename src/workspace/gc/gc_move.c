/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_move.c: moves live objects out of packs that are to go, into new packs.
 *
 * The packs are read in the order of their numbers, each frame by frame; frames without live
 * objects are skipped. Every live object that the index has at that place is added to a new pack,
 * next to its former neighbours. A new pack is finished, durable and in the index before the next
 * one is begun (I1), so a crash leaves at most one file that no list names, as in a save. A new
 * pack is finished when it is full, or when enough was moved to give space back: then the old packs
 * that are empty are retired and collected before more is moved. So a collection needs space for a
 * part of the store, not for all of it.
 *
 * An object moves by getting a new entry in the index. Until that is written, the old entry leads
 * to the old pack, and both places hold the same bytes: a crash may leave either entry.
 *
 * (I2) A pack is retired only if as many objects were moved out of it as the index had live ones in
 *      it. If something in a pack cannot be read, the pack stays, with everything in it; the
 *      objects already moved keep their places in the new pack. This is reported, and the
 *      collection continues.
 *
 * If one new pack has room for everything that moves to it, and that is known to be alive, most of
 * it is placed first, in the order of names (gc_names.c). The frames are then read as always; what
 * the new pack has already is not added again, and counts as moved.
 *
 * Without a table (gc_join.c) everything that the index has in the packs counts as alive.
 * (I3) Then a pack is retired only if all objects that it has were visited, and the index has none
 *      of them at another place in this pack.
 *
 * (I4) A frame whose objects are all alive, and that is as large as frames are made, is copied as
 *      it is stored, after it was decoded and its objects were verified. Exceptions: it is to be
 *      compressed at a higher level, versions follow one of its objects, or the new pack has one. A
 *      frame that the save could not make smaller is never compressed again: it would be in vain.
 *
 * Each level has new packs of its own (gc_plan.c). A collection in slices (gc_auto.c)
 * moves some frames at a time; it retires the packs itself, once it knows that they are empty.
 *
 * Memory: what a writer of packs needs for the names in one pack (57 bytes each), two frames being
 * filled and one being read, and what is noted about versions.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"
#include "gc/gc_internal.h"
#include "pack/pack.h"

struct fi_gc_versions;

enum {
    LEVEL_OF_LITTLE = 6,
    LITTLE_BYTES_MAX = 32 << 20,
    SOURCES_MAX = 4096,
    FULL_FRAME_SIZE = 512 << 10
};

/* An object of the frame that is being moved; content is borrowed from the scratch. */
struct met {
    struct fi_pack_frame_object object;
    firn_slice content;
    bool is_wanted;
};

struct moving {
    struct fi_gc *gc;
    struct fi_gc_versions *versions;
    int level;                          /* that is recorded for the new pack */
    int effort;                         /* the level at which it is compressed; >= level */
    struct fi_objects_session *session; /* NULL between new packs */
    struct fi_objects_session_lane *lane;

    struct fi_gc_pack *from; /* being read; counts what was moved out of it */
    uint64_t walked;         /* all objects visited in it */
    uint64_t strayed;        /* of these, those that the index has elsewhere in this pack */
    bool is_target_failing;  /* the failure was not the pack's */
    struct fi_buf met;       /* of struct met: the current frame */
    struct fi_buf stored;    /* the same as it is stored */
    struct fi_buf objects;   /* the same, of struct fi_pack_frame_object */

    uint32_t *done; /* numbers of packs that are now empty */
    size_t done_count;
    uint64_t bytes; /* of packs that are empty and not retired */
    uint64_t moved_in_all;
    bool is_one_pack; /* by names: it must not be finished before all is moved */
};

/* ---- the new pack ---- */

static int
gc_move_begin(struct moving *moving, firn_error *err)
{
    if (moving->session != NULL) {
        return FIRN_OK;
    }
    DCHECK(moving->lane == NULL && moving->effort >= moving->level);
    int rc = fi_objects_session_begin(moving->gc->opened->objects, moving->effort, &moving->session,
                                      err);
    if (rc == FIRN_OK) {
        fi_objects_session_remember_level(moving->session, moving->level);
        fi_objects_session_set_frame_size(moving->session, FI_GC_FRAME_SIZE);
        if (moving->gc->is_short_of_space) {
            fi_objects_session_free_space(moving->session);
        }
        rc = fi_objects_session_lane_open(moving->session, &moving->lane, err);
    }
    return rc;
}

static void
gc_move_abandon(struct moving *moving)
{
    FI_IGNORE(fi_objects_session_lane_close(moving->lane, false, NULL));
    fi_objects_session_end(moving->session);
    moving->lane = NULL;
    moving->session = NULL;
}

/* Makes what was moved so far durable in its new place (I1). */
static int
gc_move_finish(struct moving *moving, firn_error *err)
{
    if (moving->session == NULL) {
        return FIRN_OK;
    }
    uint64_t size;
    int rc = fi_objects_session_lane_close(moving->lane, true, err);
    moving->lane = NULL;
    if (rc == FIRN_OK) {
        rc = fi_objects_session_commit(moving->session, &size, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_db_log_sync(moving->gc->opened->db, err);
    }
    gc_move_abandon(moving);
    return rc;
}

static bool
is_full(const struct moving *moving)
{
    const struct fi_gc_limits *limits = moving->gc->limits;
    return moving->session != NULL &&
           (fi_objects_session_object_count(moving->session) >= limits->pack_objects ||
            fi_objects_session_size_bytes(moving->session) >= limits->pack_bytes);
}

/* ---- the old packs ---- */

static int
meet_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_slice content,
            firn_error *err)
{
    struct moving *moving = ctx;
    struct met met = {.object = {.hash = *hash, .at = *at}, .content = content};
    bool is_here;
    DCHECK(content.size == at->size);
    moving->walked++;
    int rc = fi_gc_wants(moving->gc, moving->from->number, hash, at, &met.is_wanted, &is_here, err);
    moving->strayed += is_here && !met.is_wanted ? 1 : 0;
    if (rc == FIRN_OK && fi_buf_append(&moving->met, &met, sizeof met) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the objects of a frame");
    }
    moving->is_target_failing = rc != FIRN_OK;
    return rc;
}

static int
move_object(struct moving *moving, const struct met *met, firn_error *err)
{
    DCHECK(met->is_wanted);
    const firn_hash *hash = &met->object.hash;
    enum fi_pack_kind kind = met->object.at.kind;
    int rc = gc_move_begin(moving, err);
    if (rc == FIRN_OK && kind == FI_PACK_DELTA &&
        !fi_objects_session_has_added(moving->session, hash)) {
        rc = fi_gc_versions_place_alone(moving->versions, hash, moving->lane, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_objects_session_lane_move(moving->lane, kind, hash, met->content, err);
    }
    if (rc == FIRN_OK && !fi_pack_kind_is_named(kind)) {
        rc = fi_gc_versions_place(moving->versions, hash, kind, met->content, moving->lane, err);
    }
    return rc;
}

static int
move_objects(struct moving *moving, const struct met *met, size_t count, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        if (met[i].is_wanted) {
            rc = move_object(moving, &met[i], err);
            moving->from->moved++;
            moving->moved_in_all++;
        }
    }
    moving->is_target_failing = rc != FIRN_OK;
    return rc;
}

/* (I4) */
static bool
may_be_copied(const struct moving *moving, const struct met *met, size_t count, uint32_t frame,
              const struct firn_pack *file)
{
    struct fi_pack_frame_size size = fi_pack_frame_size_of(file, frame);
    bool is_plain = size.stored >= size.raw;
    /* A join packs fresh saves better; what a collection moves was mostly joined before. */
    int wanted = moving->gc->table == NULL ? moving->effort : moving->level;
    if (size.raw < FULL_FRAME_SIZE || (moving->from->level < wanted && !is_plain)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!met[i].is_wanted || fi_gc_versions_has(moving->versions, &met[i].object.hash) ||
            fi_gc_versions_knows(moving->versions, &met[i].object.hash) ||
            (moving->session != NULL &&
             fi_objects_session_has_added(moving->session, &met[i].object.hash))) {
            return false;
        }
    }
    return count > 0;
}

static int
copy_frame(struct moving *moving, const struct met *met, size_t count, uint32_t frame,
           struct firn_pack *file, firn_error *err)
{
    enum fi_codec codec;
    firn_slice stored;
    uint32_t raw_size;
    int rc = fi_pack_walk_stored(file, frame, &moving->stored, &codec, &stored, &raw_size, err);
    if (rc != FIRN_OK) {
        return rc; /* the pack's fault */
    }
    fi_buf_clear(&moving->objects);
    for (size_t i = 0; i < count; i++) {
        DCHECK(met[i].is_wanted); /* (I4) */
        if (fi_buf_append(&moving->objects, &met[i].object, sizeof met[i].object) != FIRN_OK) {
            moving->is_target_failing = true;
            return fi_error_no_memory(err, "the objects of a frame");
        }
    }
    const struct fi_pack_frame_object *objects = (const void *)moving->objects.data;
    rc = gc_move_begin(moving, err);
    if (rc == FIRN_OK && fi_pack_has_cells(file)) {
        fi_objects_session_note_cells(moving->session);
    }
    rc = rc == FIRN_OK ? fi_objects_session_lane_copy(moving->lane, objects, count, codec, stored,
                                                      raw_size, err)
                       : rc;
    moving->from->moved += count;
    moving->moved_in_all += count;
    moving->is_target_failing = rc != FIRN_OK;
    return rc;
}

static int
move_frame(struct moving *moving, struct firn_pack *file, uint32_t frame, firn_error *err)
{
    fi_buf_clear(&moving->met);
    int rc = fi_pack_walk_frame(file, moving->gc->scratch, frame, meet_object, moving, err);
    const struct met *met = (const void *)moving->met.data;
    size_t count = moving->met.size / sizeof *met;
    if (rc != FIRN_OK) {
        return rc;
    }
    return may_be_copied(moving, met, count, frame, file)
               ? copy_frame(moving, met, count, frame, file, err)
               : move_objects(moving, met, count, err);
}

static int
move_frames(struct moving *moving, struct firn_pack *file, const struct fi_gc_part *part,
            firn_error *err)
{
    uint32_t count = fi_pack_walk_count(file);
    int rc = FIRN_OK;
    for (uint32_t i = part->first; rc == FIRN_OK && i < part->end && i < count; i++) {
        if (moving->gc->table != NULL && !fi_gc_has_frame(&moving->from->live_frames, i)) {
            continue;
        }
        rc = move_frame(moving, file, i, err);
        if (rc == FIRN_OK && is_full(moving)) {
            DCHECK(!moving->is_one_pack); /* (I1) of gc_names.c */
            rc = gc_move_finish(moving, err);
            moving->is_target_failing = rc != FIRN_OK;
        }
        if (rc == FIRN_OK) {
            rc = fi_gc_report_moved(moving->gc, moving->moved_in_all, err);
            moving->is_target_failing = rc != FIRN_OK;
        }
    }
    return rc;
}

/* Moves the frames of a part. Damage is reported, with FIRN_OK: the damaged frame, and everything
 * after it in the pack, stay (I2). */
static int
move_part(struct moving *moving, struct fi_gc_part *part, firn_error *err)
{
    struct fi_objects *objects = moving->gc->opened->objects;
    struct firn_pack *file;
    firn_error found;
    DCHECK(part->first <= part->end && part->pack->fate != FI_GC_KEEP);
    moving->from = part->pack;
    moving->walked = 0;
    moving->strayed = 0;
    moving->is_target_failing = false;
    int rc = fi_objects_pack_acquire(objects, part->pack->number, &file, &found);
    if (rc == FIRN_OK) {
        rc = move_frames(moving, file, part, &found);
        fi_objects_pack_release(objects, part->pack->number);
    }
    if (fi_gc_is_finding(rc) && !moving->is_target_failing) {
        fi_gc_report_damage(moving->gc, found.text);
        part->is_damaged = true;
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

/* Checks that all of a pack was moved, if it was walked to its end (I2), (I3). */
static int
check_complete(const struct moving *moving, firn_error *err)
{
    const struct fi_gc_pack *from = moving->from;
    bool has_all = moving->gc->table != NULL
                       ? from->moved == from->live_count
                       : moving->walked == from->object_count && moving->strayed == 0;
    if (has_all) {
        return FIRN_OK;
    }
    uint64_t wanted = moving->gc->table != NULL ? from->live_count : from->object_count;
    return fi_error_set(err, FIRN_CORRUPT,
                        "pack %u: the index has %llu objects in it that are needed, %llu of "
                        "them are there",
                        from->number, (unsigned long long)wanted, (unsigned long long)from->moved);
}

static int
move_pack(struct moving *moving, struct fi_gc_pack *from, firn_error *err)
{
    struct fi_gc_part whole = {.pack = from, .first = 0, .end = UINT32_MAX};
    firn_error found;
    int rc = move_part(moving, &whole, err);
    if (rc != FIRN_OK || whole.is_damaged) {
        return rc;
    }
    if (check_complete(moving, &found) == FIRN_OK) {
        CHECK(moving->done_count < SOURCES_MAX);
        moving->done[moving->done_count++] = from->number; /* (I2), (I3) */
    } else {
        fi_gc_report_damage(moving->gc, found.text); /* (I2) */
    }
    return FIRN_OK;
}

static int
give_back(struct moving *moving, firn_error *err)
{
    int rc = gc_move_finish(moving, err);
    CHECK(moving->session == NULL); /* (I1): everything moved is durable in the new pack */
    if (rc == FIRN_OK && moving->done_count > 0) {
        rc = fi_gc_steps_retire(moving->gc, moving->done, moving->done_count, err);
        moving->gc->result->packs_rewritten += rc == FIRN_OK ? moving->done_count : 0;
        moving->done_count = 0;
    }
    return rc;
}

/* The level of compression: few bytes take little time even at a high level. */
static int
effort_of(const struct fi_gc *gc, int level)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < gc->pack_count; i++) {
        bytes += gc->packs[i].fate == FI_GC_REWRITE ? gc->packs[i].size_bytes : 0;
    }
    return bytes <= LITTLE_BYTES_MAX && level < LEVEL_OF_LITTLE ? LEVEL_OF_LITTLE : level;
}

/* What moves to one level. */
struct sums {
    size_t packs;
    uint64_t bytes; /* of the packs */
    uint64_t live_count;
    uint64_t live_bytes;
};

static struct sums
sum_up(const struct fi_gc *gc, int level)
{
    struct sums sums = {0};
    for (size_t i = 0; i < gc->pack_count; i++) {
        const struct fi_gc_pack *pack = &gc->packs[i];
        if (fi_gc_moves_to(pack, level)) {
            sums.packs++;
            sums.bytes += pack->size_bytes;
            sums.live_count += pack->live_count;
            sums.live_bytes += pack->live_bytes;
        }
    }
    return sums;
}

/* Whether all of it fits one new pack, which nothing finishes early. */
static bool
fits_one_pack(const struct moving *moving, const struct sums *sums)
{
    const struct fi_gc_limits *limits = moving->gc->limits;
    return sums->live_count < limits->pack_objects && sums->live_bytes < limits->pack_bytes &&
           moving->bytes + sums->bytes < limits->give_back_bytes &&
           moving->done_count + sums->packs < SOURCES_MAX;
}

/* Places what moves to this level by names, if that pays. */
static int
move_by_names(struct moving *moving, int level, firn_error *err)
{
    const struct sums sums = sum_up(moving->gc, level);
    moving->is_one_pack =
        fits_one_pack(moving, &sums) && fi_gc_names_pays(moving->gc, sums.live_bytes);
    if (!moving->is_one_pack) {
        return FIRN_OK;
    }
    int rc = gc_move_begin(moving, err);
    return rc == FIRN_OK ? fi_gc_names_place(moving->gc, level, sums.live_bytes, moving->lane, err)
                         : rc;
}

/* Moves the packs whose target is this level. */
static int
move_level(struct moving *moving, int level, firn_error *err)
{
    struct fi_gc *gc = moving->gc;
    DCHECK(moving->session == NULL); /* a new pack is of one level */
    moving->level = level;
    moving->effort = effort_of(gc, level);
    int rc = move_by_names(moving, level, err);
    for (size_t i = 0; rc == FIRN_OK && i < gc->pack_count; i++) {
        struct fi_gc_pack *pack = &gc->packs[i];
        if (!fi_gc_moves_to(pack, level)) {
            continue;
        }
        DCHECK(pack->level <= pack->target);
        moving->bytes += pack->size_bytes;
        rc = move_pack(moving, pack, err);
        if (rc == FIRN_OK &&
            (moving->bytes >= gc->limits->give_back_bytes || moving->done_count == SOURCES_MAX)) {
            DCHECK(!moving->is_one_pack); /* (I1) of gc_names.c */
            rc = give_back(moving, err);
            moving->bytes = 0;
        }
    }
    return rc == FIRN_OK ? gc_move_finish(moving, err) : rc;
}

static void
gc_move_release(struct moving *moving)
{
    gc_move_abandon(moving);
    fi_buf_deinit(&moving->met);
    fi_buf_deinit(&moving->stored);
    fi_buf_deinit(&moving->objects);
    fi_gc_versions_destroy(moving->versions);
    fi_free(moving->done);
}

int
fi_gc_move(struct fi_gc *gc, firn_error *err)
{
    struct moving moving = {.gc = gc};
    int rc = FIRN_OK;
    moving.done = fi_alloc_array(SOURCES_MAX, sizeof *moving.done);
    if (moving.done == NULL) {
        return fi_error_no_memory(err, "a list of packs");
    }
    rc = fi_gc_versions_create(gc, &moving.versions, err);
    for (int level = FI_OBJECTS_SESSION_LEVEL; rc == FIRN_OK && level <= FI_OBJECTS_INDEX_LEVEL_MAX;
         level++) {
        rc = move_level(&moving, level, err);
    }
    if (rc == FIRN_OK) {
        rc = give_back(&moving, err);
    }
    gc_move_release(&moving);
    return rc;
}

int
fi_gc_move_parts(struct fi_gc *gc, struct fi_gc_part *parts, size_t count, firn_error *err)
{
    struct moving moving = {.gc = gc};
    int rc = count == 0 ? FIRN_OK : fi_gc_versions_create(gc, &moving.versions, err);
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        DCHECK(parts[i].pack->target == parts[0].pack->target);
        moving.level = moving.effort = parts[i].pack->target;
        rc = move_part(&moving, &parts[i], err);
    }
    if (rc == FIRN_OK) {
        rc = gc_move_finish(&moving, err);
    }
    gc_move_release(&moving);
    return rc;
}
