/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_versions.c: placing versions of one file next to each other.
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
 * A base may be in a pack that is too large to be joined. Its deltas then go next to each other
 * without it, if that saves more than the one copy that is paid for in full. If its pack may yet be
 * joined they wait for that.
 *
 * When the walk comes to the delta itself, the new pack has the object already and does not add it
 * again; the object counts as moved all the same. This is right as long as the index leads to one
 * of the two places. If the live objects are known and counted, nothing is brought together here: a
 * base that no delta needs any more would be garbage by the next collection. Then gc_names.c brings
 * together what is alive in its own right.
 *
 * (I1) Only what the index has at exactly that place counts (gc_wants.c). Not checked: the
 *      index is asked for each.
 * (I2) A delta whose result does not match its name is left alone: it moves as it is. Not checked:
 *      fi_pack_delta_read compares the name.
 *
 * Memory: the deltas, BYTES_MAX, with a record of some 120 bytes each, COUNT_MAX; one object of up
 * to SIZE_MAX_OF bytes, and the base of one. Beyond these limits deltas stay deltas, and so do
 * those that would bring the new packs above WHOLE_MAX.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"
#include "gc/gc_internal.h"

enum {
    FRAME_SIZE = FI_GC_FRAME_SIZE,
    SIZE_MAX_OF = FI_OBJECTS_VERSION_SIZE_MAX,
    COMPRESSED_PART = 4,
    BYTES_MAX = 8 << 20,
    COUNT_MAX = 32 << 10,
    WHOLE_MAX = 64 << 20,
    SCRATCH_FRAMES = 1
};

_Static_assert(SIZE_MAX_OF <= FRAME_SIZE / 8, "several fit, and none gets a frame of its own");

struct version {
    firn_hash hash;
    firn_hash base;
    const uint8_t *stored; /* stored_size bytes, in the arena */
    uint32_t stored_size;
    uint32_t size;
    uint32_t order;
    bool is_decided; /* of the first one of a base: whether they are placed without it */
};

struct fi_gc_versions {
    struct fi_gc *gc;
    struct fi_hash_map map;   /* of struct version, by hash */
    struct version **by_base; /* then by order */
    struct fi_arena bytes;    /* their stored bytes */
    uint64_t whole_bytes;     /* that they would have as whole objects */
    struct fi_pack_scratch *scratch;
    struct fi_buf base; /* of what is placed without it */

    uint32_t pack; /* being collected from */
};

static uint64_t
hash_of(const void *record)
{
    return fi_load_le64(((const struct version *)record)->hash.bytes);
}

static bool
is_hash(const void *record, const void *key)
{
    return fi_hash_equal(&((const struct version *)record)->hash, key);
}

static struct version *
gc_versions_find(const struct fi_gc_versions *versions, const firn_hash *hash)
{
    return fi_hash_map_find(&versions->map, fi_load_le64(hash->bytes), hash);
}

/* ---- noting ---- */

/* What the whole object takes among its versions, but for its changes. */
static uint64_t
share_of(uint32_t size)
{
    return (uint64_t)size * size / COMPRESSED_PART / FRAME_SIZE;
}

bool
fi_gc_versions_pays(size_t stored, uint32_t size)
{
    return size <= SIZE_MAX_OF && stored >= share_of(size);
}

static int
gc_versions_note(struct fi_gc_versions *versions, const firn_hash *hash,
                 const struct fi_pack_location *at, firn_slice stored, firn_error *err)
{
    struct fi_pack_delta delta;
    int rc = fi_pack_delta_decode(stored, &delta, err);
    if (rc != FIRN_OK || !fi_gc_versions_pays(at->size, delta.size) ||
        gc_versions_find(versions, hash) != NULL || versions->map.count == COUNT_MAX ||
        versions->whole_bytes + delta.size > WHOLE_MAX ||
        versions->bytes.total_bytes + stored.size > BYTES_MAX) {
        return rc;
    }
    struct version version = {.hash = *hash,
                              .base = delta.base,
                              .stored_size = at->size,
                              .size = delta.size,
                              .order = (uint32_t)versions->map.count};
    CHECK(stored.size == at->size);
    DCHECK(versions->by_base == NULL); /* the map may move */
    version.stored = fi_arena_copy(&versions->bytes, stored.data, stored.size);
    if (version.stored == NULL ||
        fi_hash_map_insert(&versions->map, hash_of(&version), &version) == NULL) {
        return fi_error_no_memory(err, "versions to be brought together");
    }
    versions->whole_bytes += delta.size;
    DCHECK(versions->whole_bytes <= WHOLE_MAX && versions->map.count <= COUNT_MAX);
    return FIRN_OK;
}

static int
note_if_wanted(void *ctx, const firn_hash *hash, const struct fi_pack_location *at,
               firn_slice content, firn_error *err)
{
    struct fi_gc_versions *versions = ctx;
    bool is_wanted;
    bool is_here;
    int rc =
        fi_gc_wants(versions->gc, versions->pack, hash, at, &is_wanted, &is_here, err); /* (I1) */
    return rc == FIRN_OK && is_wanted ? gc_versions_note(versions, hash, at, content, err) : rc;
}

static int
gc_versions_collect(struct fi_gc_versions *versions, firn_error *err)
{
    struct fi_gc *gc = versions->gc;
    struct fi_objects *objects = gc->opened->objects;
    int rc = FIRN_OK;
    DCHECK(gc->table == NULL); /* else what is alive is counted */
    for (size_t i = 0; rc == FIRN_OK && i < gc->pack_count; i++) {
        if (gc->packs[i].fate != FI_GC_REWRITE) {
            continue;
        }
        struct firn_pack *file;
        versions->pack = gc->packs[i].number;
        rc = fi_objects_pack_acquire(objects, versions->pack, &file, err);
        if (rc == FIRN_OK) {
            rc = fi_pack_walk_deltas(file, gc->scratch, note_if_wanted, versions, err);
            fi_objects_pack_release(objects, versions->pack);
        }
        if (fi_gc_is_finding(rc)) {
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
sort_by_base(struct fi_gc_versions *versions, firn_error *err)
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

int
fi_gc_versions_create(struct fi_gc *gc, struct fi_gc_versions **out, firn_error *err)
{
    int rc;
    *out = NULL;
    struct fi_gc_versions *versions = fi_alloc_zeroed(sizeof *versions);
    if (versions == NULL) {
        return fi_error_no_memory(err, "versions to be brought together");
    }
    versions->gc = gc;
    fi_hash_map_init(&versions->map, sizeof(struct version), hash_of, is_hash);
    FI_TRY(fi_pack_scratch_create(SCRATCH_FRAMES, &versions->scratch, err));
    if (gc->table == NULL) {
        FI_TRY(gc_versions_collect(versions, err));
    }
    FI_TRY(sort_by_base(versions, err));
    *out = versions;
    return FIRN_OK;
out:
    fi_gc_versions_destroy(versions);
    return rc;
}

void
fi_gc_versions_destroy(struct fi_gc_versions *versions)
{
    if (versions != NULL) {
        fi_hash_map_deinit(&versions->map);
        fi_free(versions->by_base);
        fi_arena_deinit(&versions->bytes);
        fi_pack_scratch_destroy(versions->scratch);
        fi_buf_deinit(&versions->base);
        fi_free(versions);
    }
}

/* ---- placing ---- */

/* The index of the first delta based on an object, or the end of all deltas with smaller bases. */
static size_t
first_of(const struct fi_gc_versions *versions, const firn_hash *base)
{
    DCHECK(versions->by_base != NULL);
    size_t at = 0;
    size_t end = versions->map.count;
    FI_SEARCH_FIRST(at, end, i,
                    memcmp(versions->by_base[i]->base.bytes, base->bytes, sizeof base->bytes) < 0);
    return at;
}

bool
fi_gc_versions_has(const struct fi_gc_versions *versions, const firn_hash *base)
{
    size_t first = first_of(versions, base);
    return first < versions->map.count && fi_hash_equal(&versions->by_base[first]->base, base);
}

struct base_at_hand {
    enum fi_pack_kind kind;
    firn_slice content;
};

static int
give_base(void *ctx, struct fi_pack_scratch *scratch, const firn_hash *base,
          enum fi_pack_kind *out_kind, firn_slice *out, firn_error *err)
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
gc_versions_place(struct fi_gc_versions *versions, const struct version *version,
                  struct base_at_hand *base, struct fi_objects_session_lane *lane, firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice content;
    firn_error found;
    int rc = fi_pack_delta_read(versions->scratch, &version->hash,
                                firn_bytes(version->stored, version->stored_size), give_base, base,
                                &kind, &content, &found);
    if (rc == FIRN_OK) {
        return fi_objects_session_lane_move(lane, kind, &version->hash, content, err);
    }
    if (rc == FIRN_CORRUPT) { /* (I2) */
        return FIRN_OK;
    }
    fi_error_copy(err, &found);
    return rc;
}

int
fi_gc_versions_place(struct fi_gc_versions *versions, const firn_hash *base, enum fi_pack_kind kind,
                     firn_slice content, struct fi_objects_session_lane *lane, firn_error *err)
{
    DCHECK(!fi_pack_kind_is_named(kind)); /* it is whole */
    struct base_at_hand at_hand = {kind, content};
    int rc = FIRN_OK;
    for (size_t i = first_of(versions, base); rc == FIRN_OK && i < versions->map.count &&
                                              fi_hash_equal(&versions->by_base[i]->base, base);
         i++) {
        rc = gc_versions_place(versions, versions->by_base[i], &at_hand, lane, err);
    }
    return rc;
}

bool
fi_gc_versions_knows(const struct fi_gc_versions *versions, const firn_hash *delta)
{
    return gc_versions_find(versions, delta) != NULL;
}

/* Whether all deltas of a base, from the first one on, take more than they would next to each other
 * without it. */
static bool
is_worth_a_copy(const struct fi_gc_versions *versions, size_t first)
{
    const struct version *const *by_base = (const struct version *const *)versions->by_base;
    uint64_t saved = 0;
    uint64_t copy = 0;
    for (size_t i = first;
         i < versions->map.count && fi_hash_equal(&by_base[i]->base, &by_base[first]->base); i++) {
        const uint64_t whole = by_base[i]->size / COMPRESSED_PART;
        saved += by_base[i]->stored_size - share_of(by_base[i]->size);
        copy = whole > copy ? whole : copy;
    }
    return saved > copy;
}

/* Whether the object is in a pack that is none of those that may be joined. */
static bool
is_out_of_reach(const struct fi_gc *gc, const firn_hash *hash)
{
    struct fi_objects_place place;
    if (fi_objects_index_find(gc->opened->objects, hash, &place, NULL) != FIRN_OK) {
        return false;
    }
    for (size_t i = 0; i < gc->pack_count; i++) {
        if (gc->packs[i].number == place.pack) {
            return false;
        }
    }
    return true;
}

int
fi_gc_versions_place_alone(struct fi_gc_versions *versions, const firn_hash *delta,
                           struct fi_objects_session_lane *lane, firn_error *err)
{
    const struct version *version = gc_versions_find(versions, delta);
    if (version == NULL) {
        return FIRN_OK;
    }
    size_t first = first_of(versions, &version->base);
    if (versions->by_base[first]->is_decided) {
        return FIRN_OK;
    }
    versions->by_base[first]->is_decided = true;
    if (!is_worth_a_copy(versions, first) || !is_out_of_reach(versions->gc, &version->base)) {
        return FIRN_OK;
    }
    firn_slice content;
    if (fi_objects_read(versions->gc->opened->objects, versions->scratch, &version->base, &content,
                        NULL) != FIRN_OK) {
        return FIRN_OK; /* a reader that needs the base reports it */
    }
    fi_buf_clear(&versions->base); /* the scratch is used for what is placed */
    if (fi_buf_append_slice(&versions->base, content) != FIRN_OK) {
        return fi_error_no_memory(err, "versions to be brought together");
    }
    return fi_gc_versions_place(versions, &version->base, FI_PACK_BLOB,
                                fi_buf_slice(&versions->base), lane, err);
}
