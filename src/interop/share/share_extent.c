/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_extent.c: whether a checkpoint of a remote stands for far more than its bytes.
 *
 * A directory that is named in many places is stored once, so a few kilobytes may be a tree that no
 * disk holds. What is in this store is this user's, and nothing bounds what is done with it. So a
 * tree from a remote is measured before its checkpoint gets in: all its entries, at each of their
 * paths, and all its contents must cost no more than what a store from elsewhere allows that has
 * the bytes of this tree (base/budget.h).
 *
 * The weight of a directory is the sum of those of its entries, and is computed once for each. A
 * tree that is light, or hardly heavier than one that was measured, needs no more. For any other
 * one, the bytes of all its objects are counted.
 *
 * (I1) A directory's weight is known when the walk leaves it; checked with DCHECK.
 *
 * Memory: 64 bytes for each directory; for the count 64 for each object of one tree.
 */
#include "base/budget.h"
#include "base/check.h"
#include "base/mem.h"
#include "outgoing/outgoing.h"
#include "share/share_internal.h"
#include "tree/tree.h"

enum {
    LIGHT = 1 << 20, /* bytes; about 2^32 units of work */
    WEIGHT_MAX = 62, /* sums end at two to this */
    ENTRY_COST = FI_BUDGET_VISIT + FI_BUDGET_ENTRY,
    ATTRIBUTE_COST = 256 /* for each byte: a restore holds those of all directories in memory */
};

/* Of all that is below a directory. */
struct weight {
    firn_hash hash; /* first: the key */
    uint64_t entries;
    uint64_t path_bytes; /* of their paths from the directory */
    uint64_t content_bytes;
    uint64_t attribute_bytes; /* and those of links */
};

/* A directory that the walk is in. */
struct level {
    struct weight weight; /* so far */
    struct fi_tree_iterator *iterator;
    size_t name_size; /* its own, in the directory above */
};

struct fi_share_extent {
    struct fi_share *share;
    struct fi_objects *objects; /* a handle that nothing else reads by, with a budget */
    struct fi_hash_map known;
    uint64_t accepted; /* the work of the heaviest tree that was measured */
    struct level *levels;
    size_t depth;
    size_t level_capacity;
};

static uint64_t
add(uint64_t a, uint64_t b)
{
    const uint64_t most = UINT64_C(1) << WEIGHT_MAX;
    return a < most && b < most - a ? a + b : most;
}

static uint64_t
multiply(uint64_t a, uint64_t b)
{
    const uint64_t most = UINT64_C(1) << WEIGHT_MAX;
    return b == 0 || a < most / b ? a * b : most;
}

static uint64_t
work_of(const struct weight *weight)
{
    return add(add(multiply(weight->entries, ENTRY_COST),
                   multiply(weight->path_bytes, FI_BUDGET_PATH_BYTE)),
               add(weight->content_bytes, multiply(weight->attribute_bytes, ATTRIBUTE_COST)));
}

static int
open_objects(struct fi_share *share, struct fi_objects **out, firn_error *err)
{
    FI_TRY_RETURN(fi_objects_open(share->opened.db, out, err));
    fi_objects_budget_begin(*out);
    return FIRN_OK;
}

int
fi_share_extent_open(struct fi_share *share, struct fi_share_extent **out, firn_error *err)
{
    struct fi_share_extent *extent = fi_alloc_zeroed(sizeof *extent);
    if (extent == NULL) {
        return fi_error_no_memory(err, "the directories of a remote");
    }
    extent->share = share;
    fi_hash_map_init(&extent->known, sizeof(struct weight), fi_hash_map_first,
                     fi_hash_map_same_hash);
    int rc = open_objects(share, &extent->objects, err);
    if (rc != FIRN_OK) {
        fi_share_extent_close(extent);
        return rc;
    }
    *out = extent;
    return FIRN_OK;
}

static void
leave_all(struct fi_share_extent *extent)
{
    while (extent->depth > 0) {
        fi_tree_iterator_destroy(extent->levels[--extent->depth].iterator);
    }
}

void
fi_share_extent_close(struct fi_share_extent *extent)
{
    if (extent == NULL) {
        return;
    }
    leave_all(extent);
    fi_objects_close(extent->objects);
    fi_hash_map_deinit(&extent->known);
    fi_free(extent->levels);
    fi_free(extent);
}

/* ==== the weight of a tree ==== */

static const struct weight *
find(const struct fi_share_extent *extent, const firn_hash *hash)
{
    return fi_hash_map_find(&extent->known, fi_hash_map_first(hash), hash);
}

static int
enter(struct fi_share_extent *extent, const firn_hash *hash, size_t name_size, firn_error *err)
{
    if (extent->depth > FI_TREE_DEPTH_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "directories are nested too deeply");
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(extent->levels, extent->depth + 1, extent->level_capacity, err));
    struct level *level = &extent->levels[extent->depth];
    *level = (struct level){.weight = {.hash = *hash}, .name_size = name_size};
    FI_TRY_RETURN(
        fi_tree_iterator_create(fi_objects_trees(extent->objects), hash, &level->iterator, err));
    extent->depth++;
    return FIRN_OK;
}

/* Adds what is below an entry that is a directory. */
static void
add_below(struct weight *to, const struct weight *below, size_t name_size)
{
    to->entries = add(to->entries, below->entries);
    to->path_bytes =
        add(to->path_bytes, add(below->path_bytes, multiply(below->entries, name_size + 1)));
    to->content_bytes = add(to->content_bytes, below->content_bytes);
    to->attribute_bytes = add(to->attribute_bytes, below->attribute_bytes);
}

static int
leave(struct fi_share_extent *extent, firn_error *err)
{
    const struct level done = extent->levels[--extent->depth];
    fi_tree_iterator_destroy(done.iterator);
    DCHECK(find(extent, &done.weight.hash) == NULL); /* no directory is in itself */
    if (fi_hash_map_insert(&extent->known, fi_hash_map_first(&done.weight.hash), &done.weight) ==
        NULL) {
        return fi_error_no_memory(err, "the directories of a remote");
    }
    if (extent->depth > 0) {
        add_below(&extent->levels[extent->depth - 1].weight, &done.weight, done.name_size);
    }
    return FIRN_OK;
}

static int
weigh_entry(struct fi_share_extent *extent, const struct fi_tree_entry *entry, firn_error *err)
{
    struct weight *weight = &extent->levels[extent->depth - 1].weight;
    weight->entries = add(weight->entries, 1);
    weight->path_bytes = add(weight->path_bytes, entry->name.size);
    weight->attribute_bytes = add(weight->attribute_bytes, entry->xattrs.size + entry->target.size);
    if (entry->kind == FI_TREE_DIR) {
        const struct weight *below = find(extent, &entry->hash);
        if (below == NULL) {
            return enter(extent, &entry->hash, entry->name.size, err);
        }
        add_below(weight, below, entry->name.size);
    } else if (entry->kind == FI_TREE_FILE && entry->hard_link.size == 0) {
        weight->content_bytes = add(weight->content_bytes, entry->size);
    }
    return FIRN_OK;
}

static int
weigh(struct fi_share_extent *extent, const firn_hash *root, uint64_t *out, firn_error *err)
{
    int rc = FIRN_OK;
    if (find(extent, root) == NULL) {
        FI_TRY(enter(extent, root, 0, err));
    }
    while (extent->depth > 0) {
        const struct fi_tree_entry *entry;
        bool is_end;
        FI_TRY(fi_tree_iterator_next(extent->levels[extent->depth - 1].iterator, &entry, &is_end,
                                     err));
        FI_TRY(is_end ? leave(extent, err) : weigh_entry(extent, entry, err));
    }
    const struct weight *weight = find(extent, root);
    CHECK(weight != NULL); /* (I1) */
    *out = work_of(weight);
out:
    leave_all(extent);
    return rc;
}

/* ==== its bytes ==== */

static int
find_nothing(void *ctx, const firn_hash *hash, enum fi_outgoing_has *out, uint64_t *out_base_pack,
             firn_error *err)
{
    (void)ctx, (void)hash, (void)err;
    *out = FI_OUTGOING_LACKS;
    *out_base_pack = 0;
    return FIRN_OK;
}

static int
earn_object(void *ctx, const firn_hash *hash, enum fi_outgoing_has has, firn_error *err)
{
    (void)has;
    return fi_objects_budget_earn(ctx, hash, err);
}

/* FIRN_LIMIT if that is more work than the bytes of all objects of the tree account for. */
static int
compare_with_bytes(struct fi_share_extent *extent, const firn_hash *root, uint64_t work,
                   firn_error *err)
{
    const struct fi_outgoing_place nothing = {find_nothing, NULL};
    struct fi_outgoing *all = NULL;
    struct fi_objects *objects = NULL;
    int rc;
    FI_TRY(open_objects(extent->share, &objects, err));
    FI_TRY(fi_outgoing_create(objects, &nothing, &all, err));
    FI_TRY(fi_outgoing_add_tree(all, root, err));
    FI_TRY(fi_outgoing_list(all, earn_object, objects, err));
    fi_budget_renew(fi_objects_budget(objects));
    FI_TRY(fi_budget_spend(fi_objects_budget(objects), work, err));
out:
    fi_outgoing_destroy(all);
    fi_objects_close(objects);
    return rc;
}

int
fi_share_extent_check(struct fi_share_extent *extent, const firn_hash *root, firn_error *err)
{
    uint64_t work = 0;
    FI_TRY_RETURN(weigh(extent, root, &work, err));
    if (work <= FI_BUDGET_FREE + (uint64_t)LIGHT * FI_BUDGET_FOR_BYTE ||
        work <= add(extent->accepted, FI_BUDGET_FREE)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(compare_with_bytes(extent, root, work, err));
    extent->accepted = work;
    return FIRN_OK;
}
