/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_move.c: moves live objects out of packs that are to go, into new packs.
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
 * Without a table (reclaim_join.c) everything that the index has in the packs counts as alive.
 * (I3) Then a pack is retired only if all objects that it has were visited, and the index has none
 *      of them at another place in this pack.
 *
 * (I4) A frame whose objects are all alive, and that is as large as frames are made, is copied as
 *      it is stored, after it was decoded and its objects were verified. Exceptions: it is to be
 *      compressed at a higher level, or versions follow one of its objects. A frame that the save
 *      could not make smaller is never compressed again: it would be in vain.
 *
 * Each level has new packs of its own (reclaim_plan.c). A collection in slices (reclaim_auto.c)
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
#include "pack/packfile.h"
#include "reclaim/reclaim_internal.h"

struct fi_reclaim_versions;

enum {
    LEVEL_OF_LITTLE = 6,
    LITTLE_BYTES_MAX = 32 << 20,
    SOURCES_MAX = 4096,
    FULL_FRAME_SIZE = 512 << 10
};

/* An object of the frame that is being moved; content is borrowed from the scratch. */
struct met {
    struct fi_packfile_frame_object object;
    firn_slice content;
    bool is_wanted;
};

struct moving {
    struct fi_reclaim *gc;
    struct fi_reclaim_versions *versions;
    int level;                          /* that is recorded for the new pack */
    int effort;                         /* the level at which it is compressed; >= level */
    struct fi_objects_session *session; /* NULL between new packs */
    struct fi_objects_session_lane *lane;

    struct fi_reclaim_pack *from; /* being read; counts what was moved out of it */
    uint64_t walked;              /* all objects visited in it */
    uint64_t strayed;             /* of these, those that the index has elsewhere in this pack */
    bool is_target_failing;       /* the failure was not the pack's */
    struct fi_buf met;            /* of struct met: the current frame */
    struct fi_buf stored;         /* the same as it is stored */
    struct fi_buf objects;        /* the same, of struct fi_packfile_frame_object */

    uint32_t *done; /* numbers of packs that are now empty */
    size_t done_count;
    uint64_t bytes; /* of packs that are empty and not retired */
    uint64_t moved_in_all;
};

/* ---- the new pack ---- */

static int
begin(struct moving *moving, firn_error *err)
{
    if (moving->session != NULL) {
        return FIRN_OK;
    }
    DCHECK(moving->lane == NULL && moving->effort >= moving->level);
    int rc = fi_objects_session_begin(moving->gc->opened->objects, moving->effort, &moving->session,
                                      err);
    if (rc == FIRN_OK) {
        fi_objects_session_remember_level(moving->session, moving->level);
        fi_objects_session_set_frame_size(moving->session, FI_RECLAIM_FRAME_SIZE);
        if (moving->gc->is_short_of_space) {
            fi_objects_session_free_space(moving->session);
        }
        rc = fi_objects_session_lane_open(moving->session, &moving->lane, err);
    }
    return rc;
}

static void
abandon(struct moving *moving)
{
    FI_IGNORE(fi_objects_session_lane_close(moving->lane, false, NULL));
    fi_objects_session_end(moving->session);
    moving->lane = NULL;
    moving->session = NULL;
}

/* Makes what was moved so far durable in its new place (I1). */
static int
finish(struct moving *moving, firn_error *err)
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
    abandon(moving);
    return rc;
}

static bool
is_full(const struct moving *moving)
{
    const struct fi_reclaim_limits *limits = moving->gc->limits;
    return moving->session != NULL &&
           (fi_objects_session_object_count(moving->session) >= limits->pack_objects ||
            fi_objects_session_size_bytes(moving->session) >= limits->pack_bytes);
}

/* ---- the old packs ---- */

static bool
may_be_alive(const struct fi_reclaim *gc, const firn_hash *hash)
{
    size_t number;
    return gc->table == NULL || (fi_reclaim_table_find(gc->table, hash, &number) &&
                                 fi_reclaim_table_has(gc->table, number, FI_RECLAIM_MARK_LIVE));
}

/* Whether the index has a live object at exactly this place of a pack, and whether it has it in
 * that pack at all; the next entry for the same hash may lead to another one. */
static int
wants(struct fi_reclaim *gc, uint32_t pack, const firn_hash *hash,
      const struct fi_packfile_location *at, bool *out, bool *out_is_here, firn_error *err)
{
    struct fi_objects_place place;
    *out = false;
    *out_is_here = false;
    if (!may_be_alive(gc, hash)) {
        return FIRN_OK;
    }
    int rc = fi_objects_find(gc->opened->objects, hash, &place, err);
    if (rc != FIRN_OK || place.pack != pack) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    *out_is_here = true;
    *out = place.at.frame == at->frame && place.at.offset == at->offset &&
           place.at.size == at->size && place.at.kind == at->kind;
    return FIRN_OK;
}

static int
meet_object(void *ctx, const firn_hash *hash, const struct fi_packfile_location *at,
            firn_slice content, firn_error *err)
{
    struct moving *moving = ctx;
    struct met met = {.object = {.hash = *hash, .at = *at}, .content = content};
    bool is_here;
    DCHECK(content.size == at->size);
    moving->walked++;
    int rc = wants(moving->gc, moving->from->number, hash, at, &met.is_wanted, &is_here, err);
    moving->strayed += is_here && !met.is_wanted ? 1 : 0;
    if (rc == FIRN_OK && fi_buf_append(&moving->met, &met, sizeof met) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the objects of a frame");
    }
    moving->is_target_failing = rc != FIRN_OK;
    return rc;
}

/* Placing versions of one file next to each other.
 *
 * A save stores new versions as deltas of an old one (objects_session.c), because it has nothing
 * else to place them next to. When packs are rewritten, there is a better way: whole, one after the
 * other, in one solid frame. zstd then finds each version in the one before, which is more similar
 * to it than an old base. A history of 400 commits whose 4,450 contents take 4.1 MB as whole
 * objects and deltas takes 2.7 MB in this way; and a reader needs no second object.
 *
 * A delta names its base, so versions are known without any path. When an object moves whole, the
 * deltas based on it are made whole and put after it, in the order in which they were saved. Later
 * versions need the newest one that is whole, and follow that one.
 *
 * Frames of 2 MiB: with 1 MiB a history of 480 commits takes 3.5 % more, with 4 MiB 3 to 5 % less.
 * But a reader of one version decodes the others in its frame: with 1, 2 and 4 MiB a file costs
 * 4.7, 6.1 and 8.7 ms, and a restore, whose threads keep a few frames each, takes 30, 46 and 87 MiB
 * of memory.
 *
 * In a frame of F bytes one copy of the content is paid for in full, so a version costs about (its
 * compressed size) x (its size) / F, and its changes. A delta that takes less than that stays a
 * delta, as for changes of large files. Compressed sizes are estimated as a quarter of the sizes.
 *
 * When the walk comes to the delta itself, the new pack has the object already and does not add it
 * again; the object counts as moved all the same. This is right as long as the index leads to one
 * of the two places. If the live objects are known and counted, nothing is brought together: a base
 * that no delta needs any more would be garbage by the next collection.
 *
 * (I5) Only what the index has at exactly that place counts, as above. Not checked: the index is
 *      asked for each.
 * (I6) A delta whose result does not match its name is left alone: it moves as it is. Not checked:
 *      fi_packfile_delta_read compares the name.
 *
 * Memory: the deltas, BYTES_MAX, with a record of some 120 bytes each, COUNT_MAX; one object of up
 * to SIZE_MAX_OF bytes. Beyond these limits deltas stay deltas, and so do those that would bring
 * the new packs above WHOLE_MAX. */

enum {
    FRAME_SIZE = FI_RECLAIM_FRAME_SIZE,
    SIZE_MAX_OF = FRAME_SIZE / 8, /* several fit, and none gets a frame of its own */
    COMPRESSED_PART = 4,
    BYTES_MAX = 8 << 20,
    COUNT_MAX = 32 << 10,
    WHOLE_MAX = 64 << 20,
    SCRATCH_FRAMES = 1
};

struct version {
    firn_hash hash;
    firn_hash base;
    const uint8_t *stored; /* stored_size bytes, in the arena */
    uint32_t stored_size;
    uint32_t order;
};

struct fi_reclaim_versions {
    struct fi_reclaim *gc;
    struct fi_hash_map map;   /* of struct version, by hash */
    struct version **by_base; /* then by order */
    struct fi_arena bytes;    /* their stored bytes */
    uint64_t whole_bytes;     /* that they would have as whole objects */
    struct fi_packfile_scratch *scratch;

    uint32_t pack; /* being collected from */
};

static struct version *
find(const struct fi_reclaim_versions *versions, const firn_hash *hash)
{
    return fi_hash_map_find(&versions->map, fi_hash_map_first(hash), hash);
}

/* ---- noting ---- */

/* Whether a delta takes more space than the whole object would among its versions. */
static bool
is_worth_it(uint32_t stored, uint32_t size)
{
    return size <= SIZE_MAX_OF &&
           (uint64_t)stored * COMPRESSED_PART * FRAME_SIZE >= (uint64_t)size * size;
}

static int
note(struct fi_reclaim_versions *versions, const firn_hash *hash,
     const struct fi_packfile_location *at, firn_slice stored, firn_error *err)
{
    struct fi_packfile_delta delta;
    int rc = fi_packfile_delta_decode(stored, &delta, err);
    if (rc != FIRN_OK || !is_worth_it(at->size, delta.size) || find(versions, hash) != NULL ||
        versions->map.count == COUNT_MAX || versions->whole_bytes + delta.size > WHOLE_MAX ||
        versions->bytes.total_bytes + stored.size > BYTES_MAX) {
        return rc;
    }
    struct version version = {.hash = *hash,
                              .base = delta.base,
                              .stored_size = at->size,
                              .order = (uint32_t)versions->map.count};
    CHECK(stored.size == at->size);
    DCHECK(versions->by_base == NULL); /* the map may move */
    version.stored = fi_arena_copy(&versions->bytes, stored.data, stored.size);
    if (version.stored == NULL ||
        fi_hash_map_insert(&versions->map, fi_hash_map_first(&version), &version) == NULL) {
        return fi_error_no_memory(err, "versions to be brought together");
    }
    versions->whole_bytes += delta.size;
    DCHECK(versions->whole_bytes <= WHOLE_MAX && versions->map.count <= COUNT_MAX);
    return FIRN_OK;
}

static int
note_if_wanted(void *ctx, const firn_hash *hash, const struct fi_packfile_location *at,
               firn_slice content, firn_error *err)
{
    struct fi_reclaim_versions *versions = ctx;
    bool is_wanted;
    bool is_here;
    int rc = wants(versions->gc, versions->pack, hash, at, &is_wanted, &is_here, err); /* (I5) */
    return rc == FIRN_OK && is_wanted ? note(versions, hash, at, content, err) : rc;
}

static int
collect(struct fi_reclaim_versions *versions, firn_error *err)
{
    struct fi_reclaim *gc = versions->gc;
    struct fi_objects *objects = gc->opened->objects;
    int rc = FIRN_OK;
    DCHECK(gc->table == NULL); /* else what is alive is counted */
    for (size_t i = 0; rc == FIRN_OK && i < gc->pack_count; i++) {
        if (gc->packs[i].fate != FI_RECLAIM_REWRITE) {
            continue;
        }
        struct firn_packfile *file;
        versions->pack = gc->packs[i].number;
        rc = fi_objects_acquire(objects, versions->pack, &file, err);
        if (rc == FIRN_OK) {
            rc = fi_packfile_walk_deltas(file, gc->scratch, note_if_wanted, versions, err);
            fi_objects_release(objects, versions->pack);
        }
        if (fi_reclaim_move_is_finding(rc)) {
            rc = FIRN_OK;
        }
    }
    return rc;
}

static int
compare_bases(const void *a, const void *b)
{
    const struct version *left = *(const struct version *const *)a;
    const struct version *right = *(const struct version *const *)b;
    int order = memcmp(left->base.bytes, right->base.bytes, sizeof left->base.bytes);
    return order != 0 ? order : (left->order > right->order) - (left->order < right->order);
}

static int
sort_by_base(struct fi_reclaim_versions *versions, firn_error *err)
{
    size_t count = versions->map.count;
    versions->by_base = fi_alloc_array(count + 1, sizeof(struct version *));
    if (versions->by_base == NULL) {
        return fi_error_no_memory(err, "versions to be brought together");
    }
    for (size_t i = 0; i < count; i++) {
        versions->by_base[i] = fi_hash_map_at(&versions->map, i);
    }
    fi_sort(versions->by_base, count, sizeof(struct version *), compare_bases);
    return FIRN_OK;
}

static void versions_destroy(struct fi_reclaim_versions *versions);

/* Notes the deltas that will move, in packs whose fate is REWRITE; none if the live objects are
 * known. A delta that cannot be read is left to the move, which reports it. gc is borrowed. */
static int
versions_create(struct fi_reclaim *gc, struct fi_reclaim_versions **out, firn_error *err)
{
    int rc;
    *out = NULL;
    struct fi_reclaim_versions *versions = fi_alloc_zeroed(sizeof *versions);
    if (versions == NULL) {
        return fi_error_no_memory(err, "versions to be brought together");
    }
    versions->gc = gc;
    fi_hash_map_init(&versions->map, sizeof(struct version), fi_hash_map_first,
                     fi_hash_map_same_hash);
    FI_TRY(fi_packfile_scratch_create(SCRATCH_FRAMES, &versions->scratch, err));
    if (gc->table == NULL) {
        FI_TRY(collect(versions, err));
    }
    FI_TRY(sort_by_base(versions, err));
    *out = versions;
    return FIRN_OK;
out:
    versions_destroy(versions);
    return rc;
}

/* NULL is fine. */
static void
versions_destroy(struct fi_reclaim_versions *versions)
{
    if (versions != NULL) {
        fi_hash_map_deinit(&versions->map);
        fi_free(versions->by_base);
        fi_arena_deinit(&versions->bytes);
        fi_packfile_scratch_destroy(versions->scratch);
        fi_free(versions);
    }
}

/* ---- placing ---- */

/* The index of the first delta based on an object, or the end of all deltas with smaller bases. */
static size_t
first_of(const struct fi_reclaim_versions *versions, const firn_hash *base)
{
    DCHECK(versions->by_base != NULL);
    size_t at = 0;
    size_t end = versions->map.count;
    FI_SEARCH_FIRST(at, end, i,
                    memcmp(versions->by_base[i]->base.bytes, base->bytes, sizeof base->bytes) < 0);
    return at;
}

/* Whether a delta based on the object was noted. */
static bool
versions_has(const struct fi_reclaim_versions *versions, const firn_hash *base)
{
    size_t first = first_of(versions, base);
    return first < versions->map.count && fi_hash_equal(&versions->by_base[first]->base, base);
}

struct base_at_hand {
    enum fi_packfile_kind kind;
    firn_slice content;
};

static int
give_base(void *ctx, struct fi_packfile_scratch *scratch, const firn_hash *base,
          enum fi_packfile_kind *out_kind, firn_slice *out, firn_error *err)
{
    const struct base_at_hand *at_hand = ctx;
    (void)scratch;
    (void)base;
    (void)err;
    *out_kind = at_hand->kind;
    *out = at_hand->content;
    return FIRN_OK;
}

static int
place(struct fi_reclaim_versions *versions, const struct version *version,
      struct base_at_hand *base, struct fi_objects_session_lane *lane, firn_error *err)
{
    enum fi_packfile_kind kind;
    firn_slice content;
    firn_error found;
    int rc = fi_packfile_delta_read(versions->scratch, &version->hash,
                                    firn_bytes(version->stored, version->stored_size), give_base,
                                    base, &kind, &content, &found);
    if (rc == FIRN_OK) {
        return fi_objects_session_lane_move(lane, kind, &version->hash, content, err);
    }
    if (rc == FIRN_CORRUPT) { /* (I6) */
        return FIRN_OK;
    }
    fi_error_copy(err, &found);
    return rc;
}

/* Requires: an object was just moved whole. Puts the noted deltas that are based on it next to it,
 * whole. Failures here are not the fault of an old pack. */
static int
versions_place(struct fi_reclaim_versions *versions, const firn_hash *base,
               enum fi_packfile_kind kind, firn_slice content, struct fi_objects_session_lane *lane,
               firn_error *err)
{
    DCHECK(!fi_packfile_kind_is_named(kind)); /* it is whole */
    struct base_at_hand at_hand = {kind, content};
    int rc = FIRN_OK;
    for (size_t i = first_of(versions, base); rc == FIRN_OK && i < versions->map.count &&
                                              fi_hash_equal(&versions->by_base[i]->base, base);
         i++) {
        rc = place(versions, versions->by_base[i], &at_hand, lane, err);
    }
    return rc;
}

static int
move_object(struct moving *moving, const struct met *met, firn_error *err)
{
    DCHECK(met->is_wanted);
    const firn_hash *hash = &met->object.hash;
    enum fi_packfile_kind kind = met->object.at.kind;
    int rc = begin(moving, err);
    if (rc == FIRN_OK) {
        rc = fi_objects_session_lane_move(moving->lane, kind, hash, met->content, err);
    }
    if (rc == FIRN_OK && !fi_packfile_kind_is_named(kind)) {
        rc = versions_place(moving->versions, hash, kind, met->content, moving->lane, err);
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
              const struct firn_packfile *file)
{
    struct fi_packfile_frame_size size = fi_packfile_frame_size_of(file, frame);
    bool is_plain = size.stored == size.raw;
    /* A join packs fresh saves better; what a collection moves was mostly joined before. */
    int wanted = moving->gc->table == NULL ? moving->effort : moving->level;
    if (size.raw < FULL_FRAME_SIZE || (moving->from->level < wanted && !is_plain)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!met[i].is_wanted || versions_has(moving->versions, &met[i].object.hash) ||
            (moving->session != NULL &&
             fi_objects_session_has_added(moving->session, &met[i].object.hash))) {
            return false;
        }
    }
    return count > 0;
}

static int
copy_frame(struct moving *moving, const struct met *met, size_t count, uint32_t frame,
           struct firn_packfile *file, firn_error *err)
{
    enum fi_codec codec;
    firn_slice stored;
    uint32_t raw_size;
    int rc = fi_packfile_walk_stored(file, frame, &moving->stored, &codec, &stored, &raw_size, err);
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
    const struct fi_packfile_frame_object *objects = (const void *)moving->objects.data;
    rc = begin(moving, err);
    if (rc == FIRN_OK && fi_packfile_has_cells(file)) {
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
move_frame(struct moving *moving, struct firn_packfile *file, uint32_t frame, firn_error *err)
{
    fi_buf_clear(&moving->met);
    int rc = fi_packfile_walk_frame(file, moving->gc->scratch, frame, meet_object, moving, err);
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
move_frames(struct moving *moving, struct firn_packfile *file, const struct fi_reclaim_part *part,
            firn_error *err)
{
    const char *phase = moving->gc->options->recompress_level > 0 ? "recompress" : "move";
    uint32_t count = fi_packfile_walk_count(file);
    int rc = FIRN_OK;
    for (uint32_t i = part->first; rc == FIRN_OK && i < part->end && i < count; i++) {
        if (moving->gc->table != NULL && !fi_reclaim_plan_needs_frame(moving->from, i)) {
            continue;
        }
        rc = move_frame(moving, file, i, err);
        if (rc == FIRN_OK && is_full(moving)) {
            rc = finish(moving, err);
            moving->is_target_failing = rc != FIRN_OK;
        }
        if (rc == FIRN_OK) {
            rc = fi_reclaim_report_progress_now(moving->gc, phase, moving->moved_in_all, err);
            moving->is_target_failing = rc != FIRN_OK;
        }
    }
    return rc;
}

bool
fi_reclaim_move_is_finding(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_IO || rc == FIRN_NOT_FOUND;
}

/* Moves the frames of a part. Damage is reported, with FIRN_OK: the damaged frame, and everything
 * after it in the pack, stay (I2). */
static int
move_part(struct moving *moving, struct fi_reclaim_part *part, firn_error *err)
{
    struct fi_objects *objects = moving->gc->opened->objects;
    struct firn_packfile *file;
    firn_error found;
    DCHECK(part->first <= part->end && part->pack->fate != FI_RECLAIM_KEEP);
    moving->from = part->pack;
    moving->walked = 0;
    moving->strayed = 0;
    moving->is_target_failing = false;
    int rc = fi_objects_acquire(objects, part->pack->number, &file, &found);
    if (rc == FIRN_OK) {
        rc = move_frames(moving, file, part, &found);
        fi_objects_release(objects, part->pack->number);
    }
    if (fi_reclaim_move_is_finding(rc) && !moving->is_target_failing) {
        fi_reclaim_report_damage(moving->gc, found.text);
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
    const struct fi_reclaim_pack *from = moving->from;
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
move_pack(struct moving *moving, struct fi_reclaim_pack *from, firn_error *err)
{
    struct fi_reclaim_part whole = {.pack = from, .first = 0, .end = UINT32_MAX};
    firn_error found;
    int rc = move_part(moving, &whole, err);
    if (rc != FIRN_OK || whole.is_damaged) {
        return rc;
    }
    if (check_complete(moving, &found) == FIRN_OK) {
        CHECK(moving->done_count < SOURCES_MAX);
        moving->done[moving->done_count++] = from->number; /* (I2), (I3) */
    } else {
        fi_reclaim_report_damage(moving->gc, found.text); /* (I2) */
    }
    return FIRN_OK;
}

static int
give_back(struct moving *moving, firn_error *err)
{
    int rc = finish(moving, err);
    CHECK(moving->session == NULL); /* (I1): everything moved is durable in the new pack */
    if (rc == FIRN_OK && moving->done_count > 0) {
        rc = fi_reclaim_steps_retire(moving->gc, moving->done, moving->done_count, err);
        moving->gc->result->packs_rewritten += rc == FIRN_OK ? moving->done_count : 0;
        moving->done_count = 0;
    }
    return rc;
}

/* The level of compression: few bytes take little time even at a high level. */
static int
effort_of(const struct fi_reclaim *gc, int level)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < gc->pack_count; i++) {
        bytes += gc->packs[i].fate == FI_RECLAIM_REWRITE ? gc->packs[i].size_bytes : 0;
    }
    return bytes <= LITTLE_BYTES_MAX && level < LEVEL_OF_LITTLE ? LEVEL_OF_LITTLE : level;
}

/* Moves the packs whose target is this level. */
static int
move_level(struct moving *moving, int level, firn_error *err)
{
    struct fi_reclaim *gc = moving->gc;
    int rc = FIRN_OK;
    DCHECK(moving->session == NULL); /* a new pack is of one level */
    moving->level = level;
    moving->effort = effort_of(gc, level);
    for (size_t i = 0; rc == FIRN_OK && i < gc->pack_count; i++) {
        struct fi_reclaim_pack *pack = &gc->packs[i];
        if (pack->fate != FI_RECLAIM_REWRITE || pack->target != level) {
            continue;
        }
        DCHECK(pack->level <= pack->target);
        moving->bytes += pack->size_bytes;
        rc = move_pack(moving, pack, err);
        if (rc == FIRN_OK &&
            (moving->bytes >= gc->limits->give_back_bytes || moving->done_count == SOURCES_MAX)) {
            rc = give_back(moving, err);
            moving->bytes = 0;
        }
    }
    return rc == FIRN_OK ? finish(moving, err) : rc;
}

static void
release(struct moving *moving)
{
    abandon(moving);
    fi_buf_deinit(&moving->met);
    fi_buf_deinit(&moving->stored);
    fi_buf_deinit(&moving->objects);
    versions_destroy(moving->versions);
    fi_free(moving->done);
}

int
fi_reclaim_move(struct fi_reclaim *gc, firn_error *err)
{
    struct moving moving = {.gc = gc};
    int rc = FIRN_OK;
    moving.done = fi_alloc_array(SOURCES_MAX, sizeof *moving.done);
    if (moving.done == NULL) {
        return fi_error_no_memory(err, "a list of packs");
    }
    rc = versions_create(gc, &moving.versions, err);
    for (int level = FI_OBJECTS_SESSION_LEVEL; rc == FIRN_OK && level <= FI_OBJECTS_INDEX_LEVEL_MAX;
         level++) {
        rc = move_level(&moving, level, err);
    }
    if (rc == FIRN_OK) {
        rc = give_back(&moving, err);
    }
    release(&moving);
    return rc;
}

int
fi_reclaim_move_parts(struct fi_reclaim *gc, struct fi_reclaim_part *parts, size_t count,
                      firn_error *err)
{
    struct moving moving = {.gc = gc};
    int rc = count == 0 ? FIRN_OK : versions_create(gc, &moving.versions, err);
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        DCHECK(parts[i].pack->target == parts[0].pack->target);
        moving.level = moving.effort = parts[i].pack->target;
        rc = move_part(&moving, &parts[i], err);
    }
    if (rc == FIRN_OK) {
        rc = finish(&moving, err);
    }
    release(&moving);
    return rc;
}
