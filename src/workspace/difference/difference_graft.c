/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_graft.c: a tree with some of its paths as another tree has them.
 *
 * Both trees are walked in step, but only where the paths lead: what is at a path and below comes
 * from theirs, all else from ours, with its object. A directory above a path is taken from ours. If
 * ours has none there, it is taken from theirs, but contains only what is at the paths.
 *
 * An entry names the first name of its group of hard links by a path (tree/tree.h), which may lie
 * on the other side of the seam:
 *
 *   ours, and the first name is at a path     the first of the names that stay is now that;
 *                                             difference_forget.c finds these names (survey)
 *   theirs, and the first name is elsewhere   a file of its own, as a restore of paths makes it
 *                                             (checkout_batch.c), unless ours has the same entry
 *
 * So each link of the result names a file of the same content (I1; not checked here: a check of the
 * store does, and so does each restore). Entries have all fields of their first name, so no content
 * is lost.
 *
 * The walk keeps its stack on the heap, bounded by FI_TREE_DEPTH_MAX. The entry of a directory is
 * borrowed from its parent's iterators, which do not move before it is done (I2; not
 * checked: a level is advanced only where the step before it has returned).
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "difference/difference.h"

enum { OURS, THEIRS, SIDES };

struct level {
    struct fi_tree_iterator *iterators[SIDES]; /* NULL: that side is not walked */
    const struct fi_tree_entry *next[SIDES];   /* NULL: at its end */
    bool is_taken[SIDES];                      /* next is done */
    struct fi_tree_entry entry;                /* of the directory, with its object as it was */
    size_t path_size;                          /* of its parent */
    bool is_selected;                          /* at a path or below */
    bool is_changed;                           /* its object is another one in the result */
    struct fi_buf encoded;                     /* entries of the result */
};

struct graft {
    const struct fi_difference_graft_options *options;
    struct fi_difference_forget *forget; /* knows the links of ours that lose their first name */
    struct level *levels;
    size_t depth;
    size_t capacity;
    struct fi_buf path;
};

static void
close_level(struct level *level)
{
    fi_tree_iterator_destroy(level->iterators[OURS]);
    fi_tree_iterator_destroy(level->iterators[THEIRS]);
    fi_buf_deinit(&level->encoded);
}

static struct level *
difference_graft_top(struct graft *graft)
{
    DCHECK(graft->depth > 0);
    return &graft->levels[graft->depth - 1];
}

static int
difference_graft_emit(struct graft *graft, const struct fi_tree_entry *entry, firn_error *err)
{
    return fi_tree_encode_entry(&difference_graft_top(graft)->encoded, entry) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the entries of a directory");
}

/* Goes into a directory that the path names; entry is that of the result, of one of the sides. */
static int
difference_graft_enter(struct graft *graft, const struct fi_tree_entry *ours,
                       const struct fi_tree_entry *theirs, bool is_selected, size_t path_size,
                       firn_error *err)
{
    const struct fi_tree_entry *sides[SIDES] = {ours, theirs};
    const struct fi_tree_source *sources[SIDES] = {graft->options->ours.source,
                                                   graft->options->theirs.source};
    if (graft->depth >= FI_TREE_DEPTH_MAX) {
        return fi_error_set(err, FIRN_CORRUPT, "directories are nested more than %d deep",
                            FI_TREE_DEPTH_MAX);
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(graft->levels, graft->depth + 1, graft->capacity, err));
    struct level *levels = graft->levels;
    struct level *level = &levels[graft->depth++];
    *level = (struct level){.entry = is_selected || ours == NULL ? *theirs : *ours,
                            .path_size = path_size,
                            .is_selected = is_selected,
                            .is_taken = {true, true}};
    for (size_t side = 0; side < SIDES; side++) {
        if (sides[side] != NULL) {
            FI_TRY_RETURN(
                fi_budget_spend(sources[side]->budget, fi_budget_visit(graft->path.size), err));
            FI_TRY_RETURN(fi_tree_iterator_create(sources[side], &sides[side]->hash,
                                                  &level->iterators[side], err));
        }
    }
    return FIRN_OK;
}

static bool
is_dir(const struct fi_tree_entry *entry)
{
    return entry != NULL && entry->kind == FI_TREE_DIR;
}

/* What is at a path, or below one. */
static int
place_theirs(struct graft *graft, const struct fi_tree_entry *ours,
             const struct fi_tree_entry *theirs, size_t path_size, firn_error *err)
{
    struct level *level = difference_graft_top(graft);
    level->is_changed = level->is_changed || !level->is_selected;
    if (theirs == NULL) {
        return FIRN_OK;
    }
    if (is_dir(theirs) && !(is_dir(ours) && fi_hash_equal(&ours->hash, &theirs->hash))) {
        return difference_graft_enter(graft, is_dir(ours) ? ours : NULL, theirs, true, path_size,
                                      err);
    }
    struct fi_tree_entry entry = *theirs;
    bool is_same = ours != NULL && fi_difference_walk_what(ours, theirs) == 0;
    if (entry.hard_link.size > 0 && !is_same &&
        !fi_tree_filter_selects(graft->options->filter, entry.hard_link)) { /* (I1) */
        entry.hard_link = firn_bytes(NULL, 0);
        level->is_changed = true;
    }
    if (graft->options->replace != NULL && entry.kind == FI_TREE_FILE) {
        FI_TRY_RETURN(graft->options->replace(graft->options->ctx, fi_buf_slice(&graft->path), ours,
                                              &entry, err));
        level->is_changed = level->is_changed || !fi_hash_equal(&entry.hash, &theirs->hash);
    }
    return difference_graft_emit(graft, &entry, err);
}

/* What is neither at a path nor above one. */
static int
place_ours(struct graft *graft, const struct fi_tree_entry *ours, size_t path_size, firn_error *err)
{
    struct level *level = difference_graft_top(graft);
    if (ours == NULL) {
        level->is_changed = level->is_changed || level->iterators[OURS] == NULL;
        return FIRN_OK;
    }
    if (is_dir(ours) && fi_difference_forget_concerns(graft->forget, &ours->hash)) {
        return difference_graft_enter(graft, ours, NULL, false, path_size, err);
    }
    struct fi_tree_entry entry = *ours;
    entry.hard_link =
        fi_difference_forget_link(graft->forget, fi_buf_slice(&graft->path), ours); /* (I1) */
    level->is_changed = level->is_changed || !fi_slice_equal(entry.hard_link, ours->hard_link);
    return difference_graft_emit(graft, &entry, err);
}

static int
difference_graft_place(struct graft *graft, const struct fi_tree_entry *ours,
                       const struct fi_tree_entry *theirs, size_t path_size, firn_error *err)
{
    const firn_slice path = fi_buf_slice(&graft->path);
    if (difference_graft_top(graft)->is_selected ||
        fi_tree_filter_selects(graft->options->filter, path)) {
        return place_theirs(graft, ours, theirs, path_size, err);
    }
    if ((!is_dir(ours) && !is_dir(theirs)) ||
        !fi_tree_filter_leads_on(graft->options->filter, path)) {
        return place_ours(graft, ours, path_size, err);
    }
    difference_graft_top(graft)->is_changed =
        difference_graft_top(graft)->is_changed || !is_dir(ours);
    return difference_graft_enter(graft, is_dir(ours) ? ours : NULL, is_dir(theirs) ? theirs : NULL,
                                  false, path_size, err);
}

static int
put_directory(void *ctx, const firn_hash *hash, firn_slice bytes, firn_error *err)
{
    const struct graft *graft = ctx;
    const struct fi_objects_object object = {.kind = FI_PACK_TREE, .hash = *hash, .content = bytes};
    return graft->options->put(graft->options->ctx, &object, err);
}

static int
difference_graft_leave(struct graft *graft, firn_hash *out_root, firn_error *err)
{
    struct level level = graft->levels[--graft->depth];
    int rc = FIRN_OK;
    if (level.is_changed) {
        FI_TRY(fi_tree_build(fi_buf_slice(&level.encoded), put_directory, graft, &level.entry.hash,
                             err));
    }
    if (graft->depth == 0) {
        *out_root = level.entry.hash;
        goto out;
    }
    difference_graft_top(graft)->is_changed =
        difference_graft_top(graft)->is_changed || level.is_changed;
    rc = difference_graft_emit(graft, &level.entry, err);
out:
    graft->path.size = level.path_size;
    close_level(&level);
    return rc;
}

/* The next entry of a side, borrowed; NULL at the end. */
static int
difference_graft_advance(struct level *level, size_t side, firn_error *err)
{
    bool is_end = true;
    int rc = FIRN_OK;
    if (level->is_taken[side] && level->iterators[side] != NULL) {
        rc = fi_tree_iterator_next(level->iterators[side], &level->next[side], &is_end, err);
        level->next[side] = rc == FIRN_OK && !is_end ? level->next[side] : NULL;
    }
    level->is_taken[side] = false;
    return rc;
}

/* Handles the next name of the deepest level. */
static int
difference_graft_step(struct graft *graft, firn_hash *out_root, firn_error *err)
{
    struct level *level = difference_graft_top(graft);
    FI_TRY_RETURN(difference_graft_advance(level, OURS, err));
    FI_TRY_RETURN(difference_graft_advance(level, THEIRS, err));
    const struct fi_tree_entry *ours = level->next[OURS];
    const struct fi_tree_entry *theirs = level->next[THEIRS];
    if (ours == NULL && theirs == NULL) {
        return difference_graft_leave(graft, out_root, err);
    }
    const int order = ours == NULL     ? 1
                      : theirs == NULL ? -1
                                       : fi_slice_compare(ours->name, theirs->name);
    level->is_taken[OURS] = order <= 0;
    level->is_taken[THEIRS] = order >= 0;
    const firn_slice name = order <= 0 ? ours->name : theirs->name;
    const size_t parent_size = graft->path.size;
    const size_t depth = graft->depth;
    if ((parent_size > 0 && fi_buf_append_u8(&graft->path, '/') != FIRN_OK) ||
        fi_buf_append_slice(&graft->path, name) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    int rc = difference_graft_place(graft, order <= 0 ? ours : NULL, order >= 0 ? theirs : NULL,
                                    parent_size, err);
    if (rc == FIRN_OK && graft->depth == depth) {
        graft->path.size = parent_size;
    }
    return rc;
}

int
fi_difference_graft(const struct fi_difference_graft_options *options, firn_hash *out_root,
                    firn_error *err)
{
    struct graft graft = {.options = options};
    struct fi_difference_forget_counts counts;
    struct fi_hash_map unused;
    int rc;
    DCHECK(options->filter->count > 0);
    fi_catalog_forgotten_init(&unused);
    FI_TRY(fi_difference_forget_create(options->ours.source, options->filter, &unused,
                                       &graft.forget, err));
    FI_TRY(fi_difference_forget_survey(graft.forget, &options->ours.root->hash, &counts, err));
    FI_TRY(difference_graft_enter(&graft, options->ours.root, options->theirs.root, false, 0, err));
    while (rc == FIRN_OK && graft.depth > 0) {
        rc = difference_graft_step(&graft, out_root, err);
    }
out:
    while (graft.depth > 0) {
        close_level(&graft.levels[--graft.depth]);
    }
    fi_free(graft.levels);
    fi_buf_deinit(&graft.path);
    fi_difference_forget_destroy(graft.forget);
    fi_hash_map_deinit(&unused);
    return rc;
}
