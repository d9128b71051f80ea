/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_mark.c: which packs of a remote its checkpoints need.
 *
 * All directories of the checkpoints are read where they are (far.h): they stand at the ends of
 * packs, with the tables that say which objects a pack has. Of contents only lists of pieces are
 * read, some at a time. A delta leans on another object, which is not looked at: the packs that
 * have bases of a pack's deltas are needed with it.
 *
 * As in a collection of garbage, the same bytes may be a file's and a directory's.
 *
 * A second walk goes on from the first: it reads what only the newer checkpoints have. What was met
 * stays needed, even if its checkpoint has gone since; that keeps a pack too long, never too short.
 *
 * (I1) Each pack that a walk has looked at is in the present state, or its objects are in a pack
 *      that took its place. Otherwise all is read again.
 *
 * Memory: 40 bytes for each object.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "far/far.h"
#include "share/share_internal.h"
#include "tree/tree.h"

enum { LISTS_AT_ONCE = 256 };

/* An object that was met. */
struct met {
    firn_hash hash; /* first */
    bool is_tree;   /* it was looked into as a directory */
};

/* A pack of far. */
struct known {
    uint64_t number; /* first */
    bool is_inline;
};

static int
need_pack(struct fi_share_mark *mark, uint64_t number, firn_error *err)
{
    if (fi_hash_map_find(&mark->needed, number, &number) != NULL) {
        return FIRN_OK;
    }
    return fi_hash_map_insert(&mark->needed, number, &number) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "the packs that are needed");
}

static int
push_hash(struct fi_buf *stack, const firn_hash *hash, firn_error *err)
{
    return fi_buf_append(stack, hash, sizeof *hash) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the objects that are needed");
}

static int
meet(struct fi_share_mark *mark, const firn_hash *hash, bool is_tree, firn_error *err)
{
    struct met *met = fi_hash_map_find(&mark->met, fi_hash_map_first(hash), hash);
    uint64_t pack;
    bool is_list;
    if (met == NULL) {
        const struct met new = {.hash = *hash};
        FI_TRY_RETURN(fi_far_parts_find(mark->far, hash, &pack, &is_list, err));
        FI_TRY_RETURN(need_pack(mark, pack, err));
        FI_TRY_RETURN(is_list ? push_hash(&mark->lists, hash, err) : FIRN_OK);
        met = fi_hash_map_insert(&mark->met, fi_hash_map_first(hash), &new);
        if (met == NULL) {
            return fi_error_no_memory(err, "the objects that are needed");
        }
    }
    if (!is_tree || met->is_tree) {
        return FIRN_OK;
    }
    met->is_tree = true;
    return push_hash(&mark->trees, hash, err);
}

static int
meet_reference(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err)
{
    return meet(ctx, hash, is_tree, err);
}

static int
collect_part(void *ctx, const firn_hash *hash, firn_error *err)
{
    return push_hash(ctx, hash, err);
}

/* The parts are met after the list, since looking them up uses what it is borrowed from. */
static int
look_into_list(struct fi_share_mark *mark, const firn_hash *hash, firn_error *err)
{
    struct fi_buf parts = {0};
    int rc = fi_far_parts_list(mark->far, hash, collect_part, &parts, err);
    for (size_t at = 0; rc == FIRN_OK && at < parts.size; at += sizeof(firn_hash)) {
        firn_hash part;
        memcpy(&part, parts.data + at, sizeof part);
        rc = meet(mark, &part, false, err);
    }
    fi_buf_deinit(&parts);
    return rc;
}

/* The last lists that wait. */
static int
look_into_lists(struct fi_share_mark *mark, firn_error *err)
{
    firn_hash hashes[LISTS_AT_ONCE];
    size_t count = mark->lists.size / sizeof(firn_hash);
    count = count < LISTS_AT_ONCE ? count : LISTS_AT_ONCE;
    mark->lists.size -= count * sizeof(firn_hash);
    memcpy(hashes, mark->lists.data + mark->lists.size, count * sizeof(firn_hash));
    FI_TRY_RETURN(fi_far_want(mark->far, hashes, count, err));
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(look_into_list(mark, &hashes[i], err));
    }
    return FIRN_OK;
}

static int
look_into_tree(struct fi_share_mark *mark, firn_error *err)
{
    firn_hash hash;
    mark->trees.size -= sizeof hash;
    memcpy(&hash, mark->trees.data + mark->trees.size, sizeof hash);
    FI_TRY_RETURN(fi_far_read(mark->far, &hash, &mark->object, err));
    FI_TRY_RETURN(fi_share_progress(mark->share, "mark", fi_far_fetched(mark->far), 0, err));
    return fi_tree_references(fi_buf_slice(&mark->object), meet_reference, mark, err);
}

/* A pack took the place of another one. */
struct joined {
    uint64_t number;
    uint64_t by;
};

static int
compare_joined(const void *a, const void *b)
{
    const struct joined *left = a;
    const struct joined *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

/* Sorted, fi_free to end; of the present state. */
static int
list_joined(const struct fi_hash_map *packs, struct joined **out, size_t *out_count,
            firn_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < packs->count; i++) {
        count += ((const struct fi_share_pack *)fi_hash_map_at(packs, i))->joined.size / 8;
    }
    struct joined *all = fi_alloc_array(count + 1, sizeof *all);
    if (all == NULL) {
        return fi_error_no_memory(err, "the packs of a remote");
    }
    *out = all;
    *out_count = count;
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        for (size_t at = 0; at < pack->joined.size; at += sizeof(uint64_t)) {
            *all++ = (struct joined){fi_load_le64(pack->joined.data + at), pack->number};
        }
    }
    fi_sort(*out, count, sizeof **out, compare_joined);
    return FIRN_OK;
}

/* All that took the place of the pack. */
static int
need_joining(struct fi_share_mark *mark, const struct joined *joined, size_t count, uint64_t number,
             firn_error *err)
{
    size_t low = 0;
    for (size_t high = count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        if (joined[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < count && joined[low].number == number; low++) {
        FI_TRY_RETURN(need_pack(mark, joined[low].by, err));
    }
    return FIRN_OK;
}

/* Packs that took the place of needed ones, and packs on which needed ones lean, until nothing is
 * new: the map grows while it is walked. */
static int
complete_needed(struct fi_share_mark *mark, firn_error *err)
{
    const struct fi_hash_map *packs = &mark->share->packs;
    struct joined *joined = NULL;
    size_t count;
    int rc;
    FI_TRY(list_joined(packs, &joined, &count, err));
    for (size_t i = 0; i < mark->needed.count; i++) {
        uint64_t number;
        memcpy(&number, fi_hash_map_at(&mark->needed, i), sizeof number);
        FI_TRY(need_joining(mark, joined, count, number, err));
        const struct fi_share_pack *pack = fi_hash_map_find(packs, number, &number);
        for (size_t at = 0; pack != NULL && at < pack->bases.size; at += sizeof number) {
            FI_TRY(need_pack(mark, fi_load_le64(pack->bases.data + at), err));
        }
    }
    rc = FIRN_OK;
out:
    fi_free(joined);
    return rc;
}

/* ==== opening ==== */

/* Where the bases of a pack that another one took the place of are now. */
static uint64_t
present_base(const struct fi_share *share, uint64_t number)
{
    const struct fi_share_pack *base = fi_hash_map_find(&share->packs, number, &number);
    return base != NULL && base->by != 0 ? base->by : number;
}

static int
add_far(const struct fi_share *share, struct fi_far *far, const struct fi_share_pack *pack,
        firn_error *err)
{
    char name[FI_BUCKET_NAME_SIZE_MAX + 1];
    const size_t count = pack->bases.size / sizeof(uint64_t);
    uint64_t *bases = NULL;
    int rc = FIRN_OK;
    fi_share_entry_pack_name(pack, name);
    if (count > 0) {
        bases = fi_alloc_array(count, sizeof *bases);
        if (bases == NULL) {
            return fi_error_no_memory(err, "the packs of a remote");
        }
        for (size_t i = 0; i < count; i++) {
            bases[i] = present_base(share, fi_load_le64(pack->bases.data + i * sizeof *bases));
        }
    }
    const struct fi_far_pack added = {.name = name,
                                      .id = pack->id,
                                      .size_bytes = pack->size_bytes,
                                      .number = pack->number,
                                      .bases = bases,
                                      .base_count = count};
    rc = pack->is_inline ? fi_far_add_bytes(far, &added, pack->bytes, err)
                         : fi_far_add_pack(far, &added, err);
    fi_free(bases);
    return rc == FIRN_EXISTS ? FIRN_OK : rc;
}

/* Without packs; it may fetch as many bytes as the remote has. */
static int
create_far(struct fi_share *share, struct fi_os_dir *dir, struct fi_far **out, firn_error *err)
{
    enum { FREE_BYTES = 64 << 20 };
    uint64_t bytes_max = FREE_BYTES;
    for (size_t i = 0; i < share->packs.count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(&share->packs, i);
        bytes_max += pack->size_bytes < UINT64_MAX / 4 - bytes_max ? pack->size_bytes : 0;
    }
    return fi_far_create(share->bucket, dir, bytes_max, out, err);
}

int
fi_share_mark_open(struct fi_share *share, struct fi_os_dir *dir, const struct fi_hash_map *without,
                   struct fi_far **out, firn_error *err)
{
    struct fi_far *far = NULL;
    int rc;
    FI_TRY(create_far(share, dir, &far, err));
    for (size_t i = 0; i < share->packs.count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(&share->packs, i);
        bool is_out =
            pack->is_joined ||
            (without != NULL && fi_hash_map_find(without, pack->number, &pack->number) != NULL);
        FI_TRY(is_out ? FIRN_OK : add_far(share, far, pack, err));
    }
    *out = far;
    return FIRN_OK;
out:
    fi_far_destroy(far);
    return rc;
}

/* ==== a walk ==== */

void
fi_share_mark_init(struct fi_share_mark *mark, struct fi_share *share)
{
    *mark = (struct fi_share_mark){.share = share};
    fi_hash_map_init(&mark->known, sizeof(struct known), fi_hash_map_first,
                     fi_hash_map_same_number);
    fi_hash_map_init(&mark->needed, sizeof(uint64_t), fi_hash_map_first, fi_hash_map_same_number);
    fi_hash_map_init(&mark->met, sizeof(struct met), fi_hash_map_first, fi_hash_map_same_hash);
}

/* Forgets all. */
static void
reset(struct fi_share_mark *mark)
{
    fi_far_destroy(mark->far);
    mark->far = NULL;
    fi_hash_map_clear(&mark->known);
    fi_hash_map_clear(&mark->needed);
    fi_hash_map_clear(&mark->met);
    fi_buf_clear(&mark->trees);
    fi_buf_clear(&mark->lists);
}

void
fi_share_mark_deinit(struct fi_share_mark *mark)
{
    reset(mark);
    fi_hash_map_deinit(&mark->known);
    fi_hash_map_deinit(&mark->needed);
    fi_hash_map_deinit(&mark->met);
    fi_buf_deinit(&mark->trees);
    fi_buf_deinit(&mark->lists);
    fi_buf_deinit(&mark->object);
}

/* The bytes of a small pack are here, even if another one has taken its place. */
static bool
are_present(const struct fi_share_mark *mark)
{
    for (size_t i = 0; i < mark->known.count; i++) {
        const struct known *known = fi_hash_map_at(&mark->known, i);
        const struct fi_share_pack *pack =
            fi_hash_map_find(&mark->share->packs, known->number, &known->number);
        if (pack == NULL || (pack->is_joined && !known->is_inline)) {
            return false;
        }
    }
    return true;
}

/* Adds what the state has and far does not. */
static int
add_new(struct fi_share_mark *mark, firn_error *err)
{
    const struct fi_hash_map *packs = &mark->share->packs;
    for (size_t i = 0; i < packs->count; i++) {
        const struct fi_share_pack *pack = fi_hash_map_at(packs, i);
        if (pack->is_joined ||
            fi_hash_map_find(&mark->known, pack->number, &pack->number) != NULL) {
            continue;
        }
        const struct known known = {.number = pack->number, .is_inline = pack->is_inline};
        FI_TRY_RETURN(add_far(mark->share, mark->far, pack, err));
        if (fi_hash_map_insert(&mark->known, known.number, &known) == NULL) {
            return fi_error_no_memory(err, "the packs of a remote");
        }
    }
    return FIRN_OK;
}

static int
walk(struct fi_share_mark *mark, struct fi_os_dir *dir, const struct fi_share_mark_root *roots,
     size_t count, firn_error *err)
{
    if (mark->far == NULL) {
        FI_TRY_RETURN(create_far(mark->share, dir, &mark->far, err));
    }
    FI_TRY_RETURN(add_new(mark, err));
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(meet(mark, &roots[i].hash, roots[i].is_tree, err));
    }
    while (mark->trees.size > 0 || mark->lists.size > 0) {
        FI_TRY_RETURN(mark->trees.size > 0 ? look_into_tree(mark, err)
                                           : look_into_lists(mark, err));
    }
    return complete_needed(mark, err);
}

int
fi_share_mark_walk(struct fi_share_mark *mark, struct fi_os_dir *dir,
                   const struct fi_share_mark_root *roots, size_t count, firn_error *err)
{
    if (!are_present(mark)) {
        reset(mark);
    }
    CHECK(are_present(mark)); /* (I1) */
    int rc = walk(mark, dir, roots, count, err);
    if (rc != FIRN_OK) {
        reset(mark); /* an object may be met, and what it names not */
    }
    return rc;
}
