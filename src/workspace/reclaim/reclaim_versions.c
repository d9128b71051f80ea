/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_versions.c: versions of one thing side by side.
 *
 * A save stores new versions as deltas of an old one (objects_session.c), because it has nothing
 * else to lay them beside. When packs are rewritten there is a better way: whole, one behind the
 * other, in one solid frame. zstd then finds each version in the one before, which is more like it
 * than a base of long ago. A history of 400 commits whose 4,450 contents take 4.1 MB as wholes and
 * deltas takes 2.7 MB so; and a reader needs no second object.
 *
 * A delta says what it leans on, so families are known without any path. When an object moves
 * whole, what leans on it is made whole and put behind it, in the order in which it was saved.
 * Later versions lean on the newest one that is whole, and come to lie behind that.
 *
 * Frames of 2 MiB: of 1 MiB a history of 480 commits takes 3.5 % more, of 4 MiB 3 to 5 % less. But who
 * reads one version decodes the others of its frame: of 1, 2 and 4 MiB a file costs 4.7, 6.1 and 8.7 ms,
 * and a restore, whose threads keep a few frames each, takes 30, 46 and 87 MiB of memory.
 *
 * In a frame of F bytes one copy of the content is paid for in full, so a version costs about
 * (its compressed size) x (its size) / F, and its changes. Where a delta takes less than that it
 * stays one: changes of large files do. Compressed sizes are taken for a quarter of the sizes.
 *
 * When the walk comes to the delta itself the new pack has the object, and takes it no second time.
 * It counts as moved all the same. That needs no more than that the index leads to one of the two
 * places; so where what is alive is known, and counted, nothing is brought together: a base that
 * nothing leans on any more would turn out to be garbage by the next time.
 *
 * (I1) Only what the index has at just that place counts, as in reclaim_move.c. Not checked: it is
 *      asked for each.
 * (I2) A delta that does not make the object of its name is left alone: it moves as it is. Not checked:
 *      firn_packfile_delta_read compares the name.
 *
 * Memory: the deltas, BYTES_MAX, with a record of some 120 bytes each, COUNT_MAX; one object of
 * up to SIZE_MAX_OF bytes. What is beyond that stays a delta, and so does what would make more than
 * WHOLE_MAX of the new packs.
 */
#include "reclaim/reclaim_versions.h"

#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "pack/packfile.h"

enum {
    FRAME_SIZE = FIRN_RECLAIM_FRAME_SIZE,
    SIZE_MAX_OF = FRAME_SIZE / 8, /* several fit, and none has a frame to itself */
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

struct firn_reclaim_versions {
    struct firn_reclaim *gc;
    struct firn_hash_map map; /* of struct version, by hash */
    struct version **by_base; /* then by order */
    struct firn_arena bytes;  /* what they are stored as */
    uint64_t whole_bytes;     /* that they would be */
    struct firn_packfile_scratch *scratch;

    uint32_t pack; /* being collected from */
};

static uint64_t
hash_of(const void *record)
{
    return firn_load_le64(((const struct version *)record)->hash.bytes);
}

static bool
is_hash(const void *record, const void *key)
{
    return firn_hash_equal(&((const struct version *)record)->hash, key);
}

static struct version *
find(const struct firn_reclaim_versions *versions, const firn_hash *hash)
{
    return firn_hash_map_find(&versions->map, firn_load_le64(hash->bytes), hash);
}

/* ---- noting ---- */

/* Whether a delta takes more than the object would among its likes. */
static bool
is_worth_it(uint32_t stored, uint32_t size)
{
    return size <= SIZE_MAX_OF &&
           (uint64_t)stored * COMPRESSED_PART * FRAME_SIZE >= (uint64_t)size * size;
}

static int
note(struct firn_reclaim_versions *versions, const firn_hash *hash,
     const struct firn_packfile_location *at, firn_slice stored, firn_error *err)
{
    struct firn_packfile_delta delta;
    int rc = firn_packfile_delta_decode(stored, &delta, err);
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
    version.stored = firn_arena_copy(&versions->bytes, stored.data, stored.size);
    if (version.stored == NULL ||
        firn_hash_map_insert(&versions->map, hash_of(&version), &version) == NULL) {
        return firn_error_no_memory(err, "versions to be brought together");
    }
    versions->whole_bytes += delta.size;
    DCHECK(versions->whole_bytes <= WHOLE_MAX && versions->map.count <= COUNT_MAX);
    return FIRN_OK;
}

static int
note_if_wanted(void *ctx, const firn_hash *hash, const struct firn_packfile_location *at,
               firn_slice content, firn_error *err)
{
    struct firn_reclaim_versions *versions = ctx;
    bool is_wanted;
    bool is_here;
    int rc = firn_reclaim_move_wants(versions->gc, versions->pack, hash, at, &is_wanted, &is_here,
                                     err); /* (I1) */
    return rc == FIRN_OK && is_wanted ? note(versions, hash, at, content, err) : rc;
}

static int
collect(struct firn_reclaim_versions *versions, firn_error *err)
{
    struct firn_reclaim *gc = versions->gc;
    struct firn_objects *objects = gc->opened->objects;
    int rc = FIRN_OK;
    DCHECK(gc->table == NULL); /* else what is alive is counted */
    for (size_t i = 0; rc == FIRN_OK && i < gc->pack_count; i++) {
        if (gc->packs[i].fate != FIRN_RECLAIM_REWRITE) {
            continue;
        }
        struct firn_packfile *file;
        versions->pack = gc->packs[i].number;
        rc = firn_objects_acquire(objects, versions->pack, &file, err);
        if (rc == FIRN_OK) {
            rc = firn_packfile_walk_deltas(file, gc->scratch, note_if_wanted, versions, err);
            firn_objects_release(objects, versions->pack);
        }
        if (firn_reclaim_move_is_finding(rc)) {
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
sort_by_base(struct firn_reclaim_versions *versions, firn_error *err)
{
    size_t count = versions->map.count;
    versions->by_base = firn_alloc_array(count + 1, sizeof(struct version *));
    if (versions->by_base == NULL) {
        return firn_error_no_memory(err, "versions to be brought together");
    }
    for (size_t i = 0; i < count; i++) {
        versions->by_base[i] = firn_hash_map_at(&versions->map, i);
    }
    firn_sort(versions->by_base, count, sizeof(struct version *), compare_bases);
    return FIRN_OK;
}

int
firn_reclaim_versions_create(struct firn_reclaim *gc, struct firn_reclaim_versions **out,
                             firn_error *err)
{
    int rc;
    *out = NULL;
    struct firn_reclaim_versions *versions = firn_alloc_zeroed(sizeof *versions);
    if (versions == NULL) {
        return firn_error_no_memory(err, "versions to be brought together");
    }
    versions->gc = gc;
    firn_hash_map_init(&versions->map, sizeof(struct version), hash_of, is_hash);
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &versions->scratch, err));
    if (gc->table == NULL) {
        FIRN_TRY(collect(versions, err));
    }
    FIRN_TRY(sort_by_base(versions, err));
    *out = versions;
    return FIRN_OK;
out:
    firn_reclaim_versions_destroy(versions);
    return rc;
}

void
firn_reclaim_versions_destroy(struct firn_reclaim_versions *versions)
{
    if (versions != NULL) {
        firn_hash_map_deinit(&versions->map);
        firn_free(versions->by_base);
        firn_arena_deinit(&versions->bytes);
        firn_packfile_scratch_destroy(versions->scratch);
        firn_free(versions);
    }
}

/* ---- placing ---- */

/* The first that leans on an object, or behind all that lean on a smaller name. */
static size_t
first_of(const struct firn_reclaim_versions *versions, const firn_hash *base)
{
    DCHECK(versions->by_base != NULL);
    size_t low = 0;
    size_t high = versions->map.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(versions->by_base[middle]->base.bytes, base->bytes, sizeof base->bytes) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool
firn_reclaim_versions_has(const struct firn_reclaim_versions *versions, const firn_hash *base)
{
    size_t first = first_of(versions, base);
    return first < versions->map.count && firn_hash_equal(&versions->by_base[first]->base, base);
}

struct base_at_hand {
    enum firn_packfile_kind kind;
    firn_slice content;
};

static int
give_base(void *ctx, struct firn_packfile_scratch *scratch, const firn_hash *base,
          enum firn_packfile_kind *out_kind, firn_slice *out, firn_error *err)
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
place(struct firn_reclaim_versions *versions, const struct version *version,
      struct base_at_hand *base, struct firn_objects_session_lane *lane, firn_error *err)
{
    enum firn_packfile_kind kind;
    firn_slice content;
    firn_error found;
    int rc = firn_packfile_delta_read(versions->scratch, &version->hash,
                                      firn_bytes(version->stored, version->stored_size), give_base,
                                      base, &kind, &content, &found);
    if (rc == FIRN_OK) {
        return firn_objects_session_lane_move(lane, kind, &version->hash, content, err);
    }
    if (rc == FIRN_CORRUPT) { /* (I2) */
        return FIRN_OK;
    }
    if (err != NULL) {
        *err = found;
    }
    return rc;
}

int
firn_reclaim_versions_place(struct firn_reclaim_versions *versions, const firn_hash *base,
                            enum firn_packfile_kind kind, firn_slice content,
                            struct firn_objects_session_lane *lane, firn_error *err)
{
    DCHECK(!firn_packfile_kind_is_named(kind)); /* it is whole */
    struct base_at_hand at_hand = {kind, content};
    int rc = FIRN_OK;
    for (size_t i = first_of(versions, base); rc == FIRN_OK && i < versions->map.count &&
                                              firn_hash_equal(&versions->by_base[i]->base, base);
         i++) {
        rc = place(versions, versions->by_base[i], &at_hand, lane, err);
    }
    return rc;
}
