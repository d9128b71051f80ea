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
 * The weight of an object of a directory is the sum of those of its parts or entries. It is
 * computed once for each object, so the work is linear in the bytes of the objects, all of which
 * were verified. A tree that is light, or hardly heavier than one of the same line that was
 * measured, needs no more. For any other one, the bytes of all its objects are counted; a tree that
 * was refused is not measured again.
 *
 * Memory: 72 bytes for each object of a directory; for the count 64 for each object of one tree.
 */
#include <string.h>

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
    ATTRIBUTE_COST = 256, /* for each byte: a restore holds those of all directories in memory */
    SCRATCH_FRAMES = 4,
    TICK = 256 /* objects between two reports of progress */
};

/* Of all that is below an object of a directory. */
struct weight {
    firn_hash hash; /* first: the key */
    uint64_t entries;
    uint64_t path_bytes; /* of their paths from the directory */
    uint64_t content_bytes;
    uint64_t attribute_bytes; /* and those of links */
    bool is_refused;          /* as the tree of a checkpoint */
};

/* The heaviest tree of a line that was found fine. */
struct accepted {
    uint8_t line[FI_SHARE_LINE_SIZE]; /* first: the key */
    uint64_t work;
};

struct fi_share_extent {
    struct fi_share *share;
    struct fi_pack_scratch *scratch;
    struct fi_hash_map known;    /* struct weight */
    struct fi_hash_map accepted; /* struct accepted */
    struct fi_buf waiting;       /* firn_hash each: objects whose weights are needed */
    struct fi_buf object;
    struct weight weight; /* of the object that is being looked at */
    bool lacks;           /* it has parts or directories whose weights are not known yet */
    unsigned ticks;
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
    fi_hash_map_init(&extent->accepted, sizeof(struct accepted), fi_hash_map_first,
                     fi_share_lines_same);
    int rc = fi_pack_scratch_create(SCRATCH_FRAMES, &extent->scratch, err);
    if (rc != FIRN_OK) {
        fi_share_extent_close(extent);
        return rc;
    }
    *out = extent;
    return FIRN_OK;
}

void
fi_share_extent_close(struct fi_share_extent *extent)
{
    if (extent == NULL) {
        return;
    }
    fi_pack_scratch_destroy(extent->scratch);
    fi_hash_map_deinit(&extent->known);
    fi_hash_map_deinit(&extent->accepted);
    fi_buf_deinit(&extent->waiting);
    fi_buf_deinit(&extent->object);
    fi_free(extent);
}

/* Lets the caller cancel. */
static int
tick(struct fi_share_extent *extent, firn_error *err)
{
    return extent->ticks++ % TICK == 0 ? fi_share_progress(extent->share, "verify", 0, 0, err)
                                       : FIRN_OK;
}

/* ==== the weight of a tree ==== */

static struct weight *
find(const struct fi_share_extent *extent, const firn_hash *hash)
{
    return fi_hash_map_find(&extent->known, fi_hash_map_first(hash), hash);
}

static int
wait_for(struct fi_share_extent *extent, const firn_hash *hash, firn_error *err)
{
    extent->lacks = true;
    return fi_buf_append(&extent->waiting, hash, sizeof *hash) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the directories of a remote");
}

/* Adds what is below a part, or below an entry with a name of that size and a slash. */
static void
add_below(struct weight *to, const struct weight *below, size_t prefix_size)
{
    to->entries = add(to->entries, below->entries);
    to->path_bytes =
        add(to->path_bytes, add(below->path_bytes, multiply(below->entries, prefix_size)));
    to->content_bytes = add(to->content_bytes, below->content_bytes);
    to->attribute_bytes = add(to->attribute_bytes, below->attribute_bytes);
}

static int
weigh_part(void *ctx, const firn_hash *hash, firn_error *err)
{
    struct fi_share_extent *extent = ctx;
    const struct weight *part = find(extent, hash);
    if (part == NULL) {
        return wait_for(extent, hash, err);
    }
    add_below(&extent->weight, part, 0);
    return FIRN_OK;
}

static int
weigh_entry(void *ctx, const struct fi_tree_entry *entry, firn_error *err)
{
    struct fi_share_extent *extent = ctx;
    struct weight *weight = &extent->weight;
    weight->entries = add(weight->entries, 1);
    weight->path_bytes = add(weight->path_bytes, entry->name.size);
    weight->attribute_bytes = add(weight->attribute_bytes, entry->xattrs.size + entry->target.size);
    if (entry->kind == FI_TREE_DIR) {
        const struct weight *below = find(extent, &entry->hash);
        if (below == NULL) {
            return wait_for(extent, &entry->hash, err);
        }
        add_below(weight, below, entry->name.size + 1);
    } else if (entry->kind == FI_TREE_FILE && entry->hard_link.size == 0) {
        weight->content_bytes = add(weight->content_bytes, entry->size);
    }
    return FIRN_OK;
}

/* Weighs the last object that waits, or lets those that it needs wait after it. No object is below
 * itself, so this ends. */
static int
weigh_last(struct fi_share_extent *extent, firn_error *err)
{
    const struct fi_tree_object_visitor visitor = {weigh_part, weigh_entry, extent};
    firn_hash hash;
    memcpy(&hash, extent->waiting.data + extent->waiting.size - sizeof hash, sizeof hash);
    extent->weight = (struct weight){.hash = hash};
    extent->lacks = false;
    if (find(extent, &hash) == NULL) {
        FI_TRY_RETURN(tick(extent, err));
        FI_TRY_RETURN(fi_objects_stream_whole(extent->share->opened.objects, extent->scratch, &hash,
                                              &extent->object, err));
        FI_TRY_RETURN(fi_tree_object_visit(fi_buf_slice(&extent->object), &visitor, err));
        if (extent->lacks) {
            return FIRN_OK;
        }
        if (fi_hash_map_insert(&extent->known, fi_hash_map_first(&hash), &extent->weight) == NULL) {
            return fi_error_no_memory(err, "the directories of a remote");
        }
    }
    extent->waiting.size -= sizeof hash;
    return FIRN_OK;
}

static int
weigh(struct fi_share_extent *extent, const firn_hash *root, struct weight **out, firn_error *err)
{
    fi_buf_clear(&extent->waiting);
    FI_TRY_RETURN(wait_for(extent, root, err));
    while (extent->waiting.size > 0) {
        FI_TRY_RETURN(weigh_last(extent, err));
    }
    *out = find(extent, root);
    CHECK(*out != NULL);
    return FIRN_OK;
}

/* ==== its bytes ==== */

struct counting {
    struct fi_share_extent *extent;
    struct fi_objects *objects; /* a handle that nothing else uses, with a budget */
};

static int
earn_object(void *ctx, const firn_hash *hash, enum fi_outgoing_has has, firn_error *err)
{
    const struct counting *counting = ctx;
    (void)has;
    FI_TRY_RETURN(tick(counting->extent, err));
    fi_budget_renew(fi_objects_budget(counting->objects)); /* only the tree itself is judged */
    return fi_objects_budget_earn(counting->objects, hash, err);
}

/* *out: whether the bytes of all objects of the tree account for that work. */
static int
compare_with_bytes(struct fi_share_extent *extent, const firn_hash *root, uint64_t work, bool *out,
                   firn_error *err)
{
    struct counting counting = {.extent = extent};
    struct fi_outgoing *all = NULL;
    int rc;
    FI_TRY(fi_objects_open(extent->share->opened.db, &counting.objects, err));
    fi_objects_budget_begin(counting.objects);
    FI_TRY(fi_outgoing_create(extent->share->opened.objects, &fi_outgoing_nowhere, &all, err));
    FI_TRY(fi_outgoing_add_tree(all, root, err));
    FI_TRY(fi_outgoing_list(all, earn_object, &counting, err));
    fi_budget_renew(fi_objects_budget(counting.objects));
    *out = fi_budget_spend(fi_objects_budget(counting.objects), work, NULL) == FIRN_OK;
out:
    fi_outgoing_destroy(all);
    fi_objects_close(counting.objects);
    return rc;
}

/* The heaviest tree of the line so far, as work. */
static int
find_accepted(struct fi_share_extent *extent, const uint8_t *line, struct accepted **out,
              firn_error *err)
{
    struct accepted none = {.work = 0};
    *out = fi_hash_map_find(&extent->accepted, fi_hash_map_first(line), line);
    if (*out == NULL) {
        memcpy(none.line, line, sizeof none.line);
        *out = fi_hash_map_insert(&extent->accepted, fi_hash_map_first(line), &none);
    }
    return *out != NULL ? FIRN_OK : fi_error_no_memory(err, "the lines of a remote");
}

int
fi_share_extent_check(struct fi_share_extent *extent, const uint8_t *line, const firn_hash *root,
                      firn_error *err)
{
    struct weight *weight;
    struct accepted *accepted;
    bool is_fine = true;
    FI_TRY_RETURN(weigh(extent, root, &weight, err));
    FI_TRY_RETURN(find_accepted(extent, line, &accepted, err));
    const uint64_t work = work_of(weight);
    if (!weight->is_refused && work > FI_BUDGET_FREE + (uint64_t)LIGHT * FI_BUDGET_FOR_BYTE &&
        work > add(accepted->work, FI_BUDGET_FREE)) {
        FI_TRY_RETURN(compare_with_bytes(extent, root, work, &is_fine, err));
        weight->is_refused = !is_fine;
        accepted->work = is_fine ? work : accepted->work;
    }
    return !weight->is_refused ? FIRN_OK
                               : fi_error_set(err, FIRN_LIMIT,
                                              "it stands for far more files, or longer ones, than "
                                              "its bytes account for");
}
