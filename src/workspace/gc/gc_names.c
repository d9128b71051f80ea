/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_names.c: placing objects with the same name next to each other.
 *
 * Versions of one file are similar, so they compress best side by side. A join of small packs
 * brings those together that it meets (gc_versions.c), but a long history has the versions of a
 * file in as many places as there were joins, with all of the file once in each. A collection
 * visits all directories anyway. So it notes for each object under which name it is met first, and
 * places what is moved in the order of names. A name is that of an entry, without its directory:
 * directories that were renamed do not matter. A history of 1,692 commits whose packs take 27 MB
 * after joins takes 18 MB in this way. (git sorts what it packs by names for the same reason.)
 *
 * Names have numbers in the order in which they are met. Those of one directory are neighbours, and
 * so are its contents in a pack: a restore decodes few frames twice.
 *
 * What is moved may be more than memory holds. So numbers are divided into shares with about
 * limits->share_bytes of contents. For each the packs are walked once, and what belongs to it is
 * gathered, sorted and added to the new pack. The walk that follows (gc_move.c) meets all of these
 * objects again: the pack has them already, and they count as moved. It adds what is left: objects
 * without a name, large ones, and frames that cannot be read, which it reports. More than
 * SHARES_MAX shares are not worth the walks: then nothing is placed here.
 *
 * A delta whose base is gathered with it is placed whole, unless it saves more as it is
 * (fi_gc_versions_pays). A base that only its deltas need has no name, so it is not gathered: if
 * they became whole, it would be garbage for the next collection.
 *
 * (I1) All that is placed goes into one new pack, which is not finished before all old packs were
 *      walked: the index must lead to the old places until then, because gc_move.c counts what it
 *      meets there. (fits_one_pack of gc_move.c sees to it; asserted wherever a pack is finished
 *      there.)
 *
 * Memory: 4 bytes for each object, some 40 for each name; for a share half as much again as its
 * bytes at most, and some 90 for each object in it.
 */
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/blake3_hash.h"
#include "gc/gc_internal.h"
#include "pack/pack.h"

enum { SHARES_MAX = 16, SIZE_MAX_OF = FI_OBJECTS_VERSION_SIZE_MAX, SCRATCH_FRAMES = 1 };

/* ==== which object has which name ==== */

struct name {
    uint64_t key;   /* the beginning of a hash */
    uint64_t bytes; /* of objects with this name */
};

struct fi_gc_names {
    struct fi_hash_map map; /* of struct name; numbers count from 1 in the order of insertion */
    uint32_t *of;           /* numbers, by the numbers of objects in the table; 0: none */
    size_t count;
    uint64_t bytes;
};

int
fi_gc_names_create(size_t object_count, struct fi_gc_names **out, firn_error *err)
{
    *out = NULL;
    struct fi_gc_names *names = fi_alloc_zeroed(sizeof *names);
    if (names == NULL) {
        return fi_error_no_memory(err, "names of objects");
    }
    fi_hash_map_init(&names->map, sizeof(struct name), fi_hash_map_first, fi_hash_map_same_number);
    names->count = object_count;
    names->of = fi_alloc_zeroed((object_count + 1) * sizeof *names->of);
    if (names->of == NULL) {
        fi_gc_names_destroy(names);
        return fi_error_no_memory(err, "names of objects");
    }
    *out = names;
    return FIRN_OK;
}

void
fi_gc_names_destroy(struct fi_gc_names *names)
{
    if (names != NULL) {
        fi_hash_map_deinit(&names->map);
        fi_free(names->of);
        fi_free(names);
    }
}

int
fi_gc_names_note(struct fi_gc_names *names, size_t object, firn_slice name, bool is_tree,
                 firn_error *err)
{
    firn_hash hash;
    DCHECK(object < names->count && names->of[object] == 0);
    fi_blake3_hash_of(name.data, name.size, &hash);
    struct name record = {.key = fi_load_le64(hash.bytes) ^ is_tree};
    struct name *found = fi_hash_map_find(&names->map, record.key, &record.key);
    if (found == NULL) {
        found = fi_hash_map_insert(&names->map, record.key, &record);
    }
    if (found == NULL) {
        return fi_error_no_memory(err, "names of objects");
    }
    size_t at = (size_t)(found - (const struct name *)fi_hash_map_at(&names->map, 0));
    names->of[object] = (uint32_t)at + 1;
    return FIRN_OK;
}

void
fi_gc_names_count(struct fi_gc_names *names, size_t object, uint64_t bytes)
{
    DCHECK(object < names->count);
    if (names->of[object] != 0) {
        struct name *name = fi_hash_map_at(&names->map, names->of[object] - 1);
        name->bytes += bytes;
        names->bytes += bytes;
    }
}

/* ==== placing them ==== */

/* An object that is placed. */
struct placed {
    firn_hash hash; /* first */
    const uint8_t *content;
    uint32_t size;
    uint32_t name;
    uint32_t order;
    enum fi_pack_kind kind;
};

struct placing {
    struct fi_gc *gc;
    struct fi_objects_session_lane *lane;
    struct fi_pack_scratch *scratch;
    uint32_t first_name; /* of the share */
    uint32_t end_name;
    uint32_t pack;          /* that is being walked */
    bool is_target_failing; /* the failure was not the pack's */
    struct fi_hash_map map; /* of struct placed, by hash */
    struct fi_arena contents;
    uint64_t contents_bytes;
};

static int
compare_placed(const void *a, const void *b)
{
    const struct placed *left = *(const struct placed *const *)a;
    const struct placed *right = *(const struct placed *const *)b;
    if (left->name != right->name) {
        return left->name < right->name ? -1 : 1;
    }
    return (left->order > right->order) - (left->order < right->order);
}

/* ---- one share ---- */

static int
give_gathered(void *ctx, struct fi_pack_scratch *scratch, const firn_hash *base,
              enum fi_pack_kind *out_kind, firn_slice *out, firn_error *err)
{
    const struct placing *placing = ctx;
    const struct placed *placed = fi_hash_map_find(&placing->map, fi_hash_map_first(base), base);
    (void)scratch;
    if (placed == NULL || fi_pack_kind_is_named(placed->kind)) {
        return fi_error_set(err, FIRN_NOT_FOUND, "the base is elsewhere");
    }
    *out_kind = placed->kind;
    *out = firn_bytes(placed->content, placed->size);
    return FIRN_OK;
}

/* Leaves a delta that cannot be made whole here to the walk that follows. */
static int
place_delta(struct placing *placing, const struct placed *delta, firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice content;
    firn_error found;
    int rc =
        fi_pack_delta_read(placing->scratch, &delta->hash, firn_bytes(delta->content, delta->size),
                           give_gathered, placing, &kind, &content, &found);
    if (rc == FIRN_OK) {
        return fi_objects_session_lane_move(placing->lane, kind, &delta->hash, content, err);
    }
    if (rc == FIRN_NOT_FOUND || rc == FIRN_CORRUPT) {
        return FIRN_OK;
    }
    fi_error_copy(err, &found);
    return rc;
}

/* Adds what was gathered to the new pack, in order, and forgets it. */
static int
place_gathered(struct placing *placing, firn_error *err)
{
    size_t count = placing->map.count;
    const struct placed **sorted = fi_alloc_array(count + 1, sizeof(struct placed *));
    int rc = FIRN_OK;
    if (sorted == NULL) {
        return fi_error_no_memory(err, "objects with the same name");
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = fi_hash_map_at(&placing->map, i);
    }
    fi_sort(sorted, count, sizeof(struct placed *), compare_placed);
    for (size_t i = 0; i < count; i++) {
        const struct placed *placed = sorted[i];
        DCHECK(i == 0 || compare_placed(&sorted[i - 1], &sorted[i]) < 0);
        FI_TRY(placed->kind == FI_PACK_DELTA
                   ? place_delta(placing, placed, err)
                   : fi_objects_session_lane_move(placing->lane, placed->kind, &placed->hash,
                                                  firn_bytes(placed->content, placed->size), err));
    }
out:
    fi_free(sorted);
    fi_hash_map_clear(&placing->map);
    fi_arena_deinit(&placing->contents);
    placing->contents_bytes = 0;
    return rc;
}

static bool
may_be_placed(const struct fi_pack_location *at, firn_slice content)
{
    struct fi_pack_delta delta;
    if (at->kind != FI_PACK_DELTA) {
        return at->kind != FI_PACK_PIECES && content.size <= SIZE_MAX_OF;
    }
    return fi_pack_delta_decode(content, &delta, NULL) == FIRN_OK &&
           fi_gc_versions_pays(content.size, delta.size);
}

static int
gather(struct placing *placing, const firn_hash *hash, const struct fi_pack_location *at,
       firn_slice content, firn_error *err)
{
    const struct fi_gc *gc = placing->gc;
    size_t number;
    bool is_wanted;
    bool is_here;
    if (!fi_gc_table_find(gc->table, hash, &number) ||
        gc->names->of[number] < placing->first_name || gc->names->of[number] >= placing->end_name ||
        !may_be_placed(at, content) ||
        fi_hash_map_find(&placing->map, fi_hash_map_first(hash), hash) != NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_gc_wants(placing->gc, placing->pack, hash, at, &is_wanted, &is_here, err));
    if (!is_wanted) {
        return FIRN_OK;
    }
    if (placing->contents_bytes + content.size > gc->limits->share_bytes * 3 / 2) {
        FI_TRY_RETURN(place_gathered(placing, err));
    }
    struct placed placed = {.hash = *hash,
                            .size = (uint32_t)content.size,
                            .name = gc->names->of[number],
                            .order = (uint32_t)placing->map.count,
                            .kind = at->kind};
    placed.content = fi_arena_copy(&placing->contents, content.data, content.size);
    if (placed.content == NULL ||
        fi_hash_map_insert(&placing->map, fi_hash_map_first(hash), &placed) == NULL) {
        return fi_error_no_memory(err, "objects with the same name");
    }
    placing->contents_bytes += content.size;
    return FIRN_OK;
}

static int
gc_names_meet(void *ctx, const firn_hash *hash, const struct fi_pack_location *at,
              firn_slice content, firn_error *err)
{
    struct placing *placing = ctx;
    int rc = gather(placing, hash, at, content, err);
    placing->is_target_failing = rc != FIRN_OK;
    return rc;
}

/* Frames that no compression made smaller are copied as they are. */
static bool
is_plain(const struct firn_pack *file, uint32_t frame)
{
    struct fi_pack_frame_size size = fi_pack_frame_size_of(file, frame);
    return size.stored >= size.raw;
}

static int
gather_from(struct placing *placing, const struct fi_gc_pack *pack, struct firn_pack *file,
            firn_error *err)
{
    uint32_t count = fi_pack_walk_count(file);
    int rc = FIRN_OK;
    for (uint32_t i = 0; rc == FIRN_OK && i < count; i++) {
        if (fi_gc_has_frame(&pack->live_frames, i) && !is_plain(file, i)) {
            rc = fi_pack_walk_frame(file, placing->gc->scratch, i, gc_names_meet, placing, err);
        }
        if (rc == FIRN_OK) {
            rc = fi_gc_report_moved(placing->gc, 0, err);
            placing->is_target_failing = rc != FIRN_OK;
        }
    }
    return rc;
}

/* What cannot be read is left to the walk that follows. */
static int
gather_pack(struct placing *placing, const struct fi_gc_pack *pack, firn_error *err)
{
    struct fi_objects *objects = placing->gc->opened->objects;
    struct firn_pack *file;
    firn_error found;
    placing->pack = pack->number;
    placing->is_target_failing = false;
    int rc = fi_objects_pack_acquire(objects, pack->number, &file, &found);
    if (rc == FIRN_OK) {
        rc = gather_from(placing, pack, file, &found);
        fi_objects_pack_release(objects, pack->number);
    }
    if (rc == FIRN_OK || (fi_gc_is_finding(rc) && !placing->is_target_failing)) {
        return FIRN_OK;
    }
    fi_error_copy(err, &found);
    return rc;
}

/* ---- all shares ---- */

/* The end of the share that begins with a name: names with about so many bytes. */
static uint32_t
end_of_share(const struct fi_gc_names *names, uint32_t first, uint64_t bytes)
{
    uint64_t sum = 0;
    uint32_t at = first;
    while (at <= names->map.count && sum < bytes) {
        sum += ((const struct name *)fi_hash_map_at(&names->map, at++ - 1))->bytes;
    }
    return at;
}

static int
place_shares(struct placing *placing, int level, uint64_t share_bytes, firn_error *err)
{
    struct fi_gc *gc = placing->gc;
    for (placing->first_name = 1; placing->first_name <= gc->names->map.count;
         placing->first_name = placing->end_name) {
        placing->end_name = end_of_share(gc->names, placing->first_name, share_bytes);
        DCHECK(placing->end_name > placing->first_name);
        for (size_t i = 0; i < gc->pack_count; i++) {
            if (fi_gc_moves_to(&gc->packs[i], level)) {
                FI_TRY_RETURN(gather_pack(placing, &gc->packs[i], err));
            }
        }
        FI_TRY_RETURN(place_gathered(placing, err));
    }
    return FIRN_OK;
}

bool
fi_gc_names_pays(const struct fi_gc *gc, uint64_t bytes)
{
    return gc->names != NULL && gc->names->bytes > 0 && !gc->is_short_of_space && bytes > 0 &&
           bytes / gc->limits->share_bytes < SHARES_MAX;
}

int
fi_gc_names_place(struct fi_gc *gc, int level, uint64_t bytes, struct fi_objects_session_lane *lane,
                  firn_error *err)
{
    struct placing placing = {.gc = gc, .lane = lane, .contents = {.chunk_size = 1 << 20}};
    const uint64_t shares = bytes / gc->limits->share_bytes + 1;
    DCHECK(fi_gc_names_pays(gc, bytes));
    fi_hash_map_init(&placing.map, sizeof(struct placed), fi_hash_map_first, fi_hash_map_same_hash);
    int rc = fi_pack_scratch_create(SCRATCH_FRAMES, &placing.scratch, err);
    if (rc == FIRN_OK) {
        rc = place_shares(&placing, level, gc->names->bytes / shares + 1, err);
    }
    fi_hash_map_deinit(&placing.map);
    fi_arena_deinit(&placing.contents);
    fi_pack_scratch_destroy(placing.scratch);
    return rc;
}
