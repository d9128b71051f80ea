/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_walk.c: a merge of two sorted trees.
 *
 * Two iterators walk the entries of a directory on both sides in step. A name on one side only was
 * added or removed; a name on both is compared. The walk enters a directory only if the hashes of
 * the objects differ, or if every entry is wanted. Of a large directory, which has several objects,
 * it reads only those that differ, unless an option makes equal entries matter. Nothing is
 * collected: memory is two iterators for each level.
 *
 * The walk keeps its own stack on the heap, because the depth depends on the data; it is bounded by
 * FI_TREE_DEPTH_MAX (I1). An entry passed to visit is borrowed from an iterator that does not
 * move before visit has returned (I2).
 *
 * A tree may have far more paths than it has directories. Each path is paid for (I3; not checked:
 * base/budget.h).
 */
#include "difference/difference.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "tree/tree.h"

/* One side of a directory being walked; iterator is NULL if this side does not have it. */
struct side {
    struct fi_tree_iterator *iterator;
    const struct fi_tree_entry *entry; /* next one not yet visited, NULL at the end */
};

struct level {
    struct side before;
    struct side after;
    size_t path_size; /* of the directory itself */
};

struct diff {
    const struct fi_tree_source *before_source;
    const struct fi_tree_source *after_source;
    const struct fi_difference_walk_options *options;
    int (*visit)(void *ctx, const struct fi_difference_walk_change *change, firn_error *err);
    void *ctx;
    struct level *levels;
    size_t depth;
    size_t capacity;
    struct fi_buf path;
    struct fi_budget *budget; /* of the stored side */
};

unsigned
fi_difference_walk_what(const struct fi_tree_entry *before, const struct fi_tree_entry *after)
{
    unsigned what = 0;
    if (before->kind != after->kind) {
        return FI_DIFFERENCE_WALK_TYPE;
    }
    if (before->kind == FI_TREE_FILE &&
        (before->size != after->size || !fi_hash_equal(&before->hash, &after->hash))) {
        what |= FI_DIFFERENCE_WALK_CONTENT;
    }
    if (!fi_slice_equal(before->target, after->target)) {
        what |= FI_DIFFERENCE_WALK_CONTENT;
    }
    if (!fi_slice_equal(before->hard_link, after->hard_link)) {
        what |= FI_DIFFERENCE_WALK_GROUP;
    }
    if (before->mode != after->mode) {
        what |= FI_DIFFERENCE_WALK_MODE;
    }
    if (before->uid != after->uid || before->gid != after->gid) {
        what |= FI_DIFFERENCE_WALK_OWNER;
    }
    if (before->mtime_ns != after->mtime_ns) {
        what |= FI_DIFFERENCE_WALK_MTIME;
    }
    if (!fi_slice_equal(before->xattrs, after->xattrs)) {
        what |= FI_DIFFERENCE_WALK_XATTRS;
    }
    return what;
}

static int
difference_walk_advance(struct side *side, firn_error *err)
{
    if (side->iterator == NULL) {
        side->entry = NULL;
        return FIRN_OK;
    }
    bool is_end;
    return fi_tree_iterator_next(side->iterator, &side->entry, &is_end, err);
}

/* Whether what is the same on both sides is of no interest. */
static bool
may_pass(const struct fi_difference_walk_options *options)
{
    return !options->with_same && options->is_to_replace == NULL && !options->without_reserved;
}

/* Advances both sides; what is the same on both need not be read. */
static int
advance_both(const struct diff *diff, struct level *level, firn_error *err)
{
    if (level->before.iterator != NULL && level->after.iterator != NULL &&
        may_pass(diff->options)) {
        FI_TRY_RETURN(
            fi_tree_iterator_pass_equal(level->before.iterator, level->after.iterator, err));
    }
    FI_TRY_RETURN(difference_walk_advance(&level->before, err));
    return difference_walk_advance(&level->after, err);
}

static bool
is_dir(const struct fi_tree_entry *entry)
{
    return entry != NULL && entry->kind == FI_TREE_DIR;
}

static int
open_side(struct side *side, const struct fi_tree_source *source,
          const struct fi_tree_entry *directory, firn_error *err)
{
    if (!is_dir(directory)) {
        return FIRN_OK;
    }
    return fi_tree_iterator_create(source, &directory->hash, &side->iterator, err);
}

static void
close_level(struct level *level)
{
    fi_tree_iterator_destroy(level->before.iterator);
    fi_tree_iterator_destroy(level->after.iterator);
}

/* Enters a directory that is on one side or on both. */
static int
difference_walk_enter(struct diff *diff, const struct fi_tree_entry *before,
                      const struct fi_tree_entry *after, firn_error *err)
{
    if (diff->depth >= FI_TREE_DEPTH_MAX) {
        return fi_error_set(err, FIRN_CORRUPT, "directories are nested more than %d deep",
                            FI_TREE_DEPTH_MAX);
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(diff->levels, diff->depth + 1, diff->capacity, err));
    struct level level = {.path_size = diff->path.size};
    int rc = open_side(&level.before, diff->before_source, before, err);
    if (rc == FIRN_OK) {
        rc = open_side(&level.after, diff->after_source, after, err);
    }
    rc = rc == FIRN_OK ? advance_both(diff, &level, err) : rc;
    if (rc != FIRN_OK) {
        if (diff->path.size > 0) {
            fi_error_prefix(err, "%.*s", (int)(diff->path.size < 256 ? diff->path.size : 256),
                            (const char *)diff->path.data);
        }
        close_level(&level);
        return rc;
    }
    diff->levels[diff->depth++] = level;
    return FIRN_OK;
}

/* Checks what struct fi_difference_walk_change documents for each kind. */
static bool
is_consistent(const struct fi_difference_walk_change *change)
{
    bool has_both = change->before != NULL && change->after != NULL;
    switch (change->kind) {
    case FI_DIFFERENCE_WALK_ADDED:
        return change->before == NULL && change->after != NULL && change->what == 0;
    case FI_DIFFERENCE_WALK_REMOVED:
        return change->before != NULL && change->after == NULL && change->what == 0;
    case FI_DIFFERENCE_WALK_CHANGED:
        return has_both && change->what != 0;
    case FI_DIFFERENCE_WALK_SAME:
        return has_both && change->what == 0;
    case FI_DIFFERENCE_WALK_NOTHING:
        break;
    }
    return false;
}

static size_t
texts_size(const struct fi_tree_entry *entry)
{
    return entry == NULL ? 0 : entry->target.size + entry->xattrs.size + entry->hard_link.size;
}

/* Visits one name, and decides whether to enter it. diff->path is the name's path. */
static int
compare_entry(struct diff *diff, const struct fi_tree_entry *before,
              const struct fi_tree_entry *after, bool *out_enter, firn_error *err)
{
    struct fi_difference_walk_change change = {
        .path = fi_buf_slice(&diff->path), .before = before, .after = after};
    bool both_dirs = is_dir(before) && is_dir(after);
    if (before == NULL) {
        change.kind = FI_DIFFERENCE_WALK_ADDED;
    } else if (after == NULL) {
        change.kind = FI_DIFFERENCE_WALK_REMOVED;
    } else {
        change.what = fi_difference_walk_what(before, after);
        if (before->kind == FI_TREE_FILE && after->kind == FI_TREE_FILE &&
            diff->options->is_to_replace != NULL &&
            diff->options->is_to_replace(diff->options->ctx, change.path)) {
            change.what |= FI_DIFFERENCE_WALK_CONTENT;
        }
        change.kind = change.what != 0 ? FI_DIFFERENCE_WALK_CHANGED : FI_DIFFERENCE_WALK_SAME;
        change.is_entered = both_dirs && !fi_hash_equal(&before->hash, &after->hash);
    }
    DCHECK(is_consistent(&change));
    *out_enter =
        both_dirs ? change.is_entered || diff->options->with_same : is_dir(before) || is_dir(after);

    struct fi_tree_filter *filter = diff->options->filter;
    if (filter != NULL && !fi_tree_filter_selects(filter, change.path)) {
        bool leads_on = change.path.size == 0 || fi_tree_filter_leads_on(filter, change.path);
        *out_enter = *out_enter && leads_on;
        if (!leads_on || before != NULL) {
            return FIRN_OK;
        }
        /* The entries selected below need this directory, which is not there. */
    }
    if (change.kind == FI_DIFFERENCE_WALK_SAME && !change.is_entered && !diff->options->with_same) {
        return FIRN_OK;
    }
    const size_t size = change.path.size + texts_size(before) + texts_size(after);
    int rc = fi_budget_spend(diff->budget, fi_budget_visit(size), err); /* (I3) */
    return rc == FIRN_OK ? diff->visit(diff->ctx, &change, err) : rc;
}

/* The order of the next names of both sides: < 0 only before, > 0 only after. */
static int
order_of(const struct level *level)
{
    if (level->before.entry == NULL) {
        return 1;
    }
    if (level->after.entry == NULL) {
        return -1;
    }
    return fi_slice_compare(level->before.entry->name, level->after.entry->name);
}

static int
set_path(struct diff *diff, size_t parent_size, firn_slice name, firn_error *err)
{
    DCHECK(parent_size <= diff->path.size);
    diff->path.size = parent_size;
    if ((parent_size > 0 && fi_buf_append_u8(&diff->path, '/') != FIRN_OK) ||
        fi_buf_append_slice(&diff->path, name) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    if (diff->path.size > FI_TREE_PATH_SIZE_MAX) {
        return fi_error_set(err, FIRN_CORRUPT, "a path is longer than %d bytes",
                            FI_TREE_PATH_SIZE_MAX);
    }
    return FIRN_OK;
}

/* Whether the name at the end of diff->path is to be skipped, on both sides. */
static bool
is_passed(struct diff *diff, firn_slice name)
{
    const struct fi_difference_walk_options *options = diff->options;
    const char *reason = options->without_reserved ? fi_tree_reserved_name(name) : NULL;
    firn_slice path = fi_buf_slice(&diff->path);
    if (reason != NULL && options->on_reserved != NULL &&
        (options->filter == NULL || fi_tree_filter_selects(options->filter, path))) {
        options->on_reserved(options->reserved_ctx, path, reason);
    }
    return reason != NULL;
}

/* Handles the next name of the deepest level. */
static int
difference_walk_step(struct diff *diff, firn_error *err)
{
    size_t at = diff->depth - 1;
    struct level *level = &diff->levels[at];
    int order = order_of(level);
    const struct fi_tree_entry *before = order <= 0 ? level->before.entry : NULL;
    const struct fi_tree_entry *after = order >= 0 ? level->after.entry : NULL;
    bool go_below = false;
    DCHECK(diff->depth > 0 && diff->depth <= FI_TREE_DEPTH_MAX); /* (I1) */
    CHECK(before != NULL || after != NULL); /* a level at the end of both sides is left */
    firn_slice name = before != NULL ? before->name : after->name;
    FI_TRY_RETURN(set_path(diff, level->path_size, name, err));
    if (!is_passed(diff, name)) {
        FI_TRY_RETURN(compare_entry(diff, before, after, &go_below, err));
    }
    if (go_below) {
        FI_TRY_RETURN(difference_walk_enter(diff, before, after, err));
    }
    /* Entering may have moved the levels; the entries are no longer needed. */
    level = &diff->levels[at];
    DCHECK((order > 0 || level->before.entry == before) &&
           (order < 0 || level->after.entry == after)); /* (I2) */
    return order == 0  ? advance_both(diff, level, err)
           : order < 0 ? difference_walk_advance(&level->before, err)
                       : difference_walk_advance(&level->after, err);
}

int
fi_difference_walk(const struct fi_difference_walk_side *before,
                   const struct fi_difference_walk_side *after,
                   const struct fi_difference_walk_options *options,
                   int (*visit)(void *ctx, const struct fi_difference_walk_change *change,
                                firn_error *err),
                   void *ctx, firn_error *err)
{
    struct diff diff = {.before_source = before->source,
                        .after_source = after->source,
                        .options = options,
                        .visit = visit,
                        .ctx = ctx,
                        .budget = before->source != NULL && before->source->budget != NULL
                                      ? before->source->budget
                                  : after->source != NULL ? after->source->budget
                                                          : NULL};
    bool go_below = false;
    int rc = FIRN_OK;
    if (before->root == NULL && after->root == NULL) {
        goto out;
    }
    FI_TRY(compare_entry(&diff, before->root, after->root, &go_below, err));
    if (go_below) {
        FI_TRY(difference_walk_enter(&diff, before->root, after->root, err));
    }
    while (diff.depth > 0) {
        struct level *level = &diff.levels[diff.depth - 1];
        if (level->before.entry == NULL && level->after.entry == NULL) {
            close_level(level);
            diff.depth--;
            continue;
        }
        FI_TRY(difference_walk_step(&diff, err));
    }
out:
    while (diff.depth > 0) {
        close_level(&diff.levels[--diff.depth]);
    }
    fi_free(diff.levels);
    fi_buf_deinit(&diff.path);
    return rc;
}

void
fi_difference_walk_to_info(firn_slice path, const struct fi_tree_entry *entry,
                           firn_workspace_entry *out)
{
    *out = (firn_workspace_entry){.path = path,
                                  .mode = entry->mode,
                                  .uid = entry->uid,
                                  .gid = entry->gid,
                                  .mtime_ns = entry->mtime_ns,
                                  .size_bytes = entry->size,
                                  .hash = entry->hash,
                                  .link_target = entry->target,
                                  .hard_link = entry->hard_link,
                                  .xattrs = entry->xattrs};
    out->type = entry->kind == FI_TREE_DIR       ? FIRN_ENTRY_DIRECTORY
                : entry->kind == FI_TREE_SYMLINK ? FIRN_ENTRY_SYMLINK
                                                 : FIRN_ENTRY_FILE;
}

void
fi_difference_walk_to_change(const struct fi_difference_walk_change *change,
                             firn_workspace_entry *before, firn_workspace_entry *after,
                             firn_workspace_change *out)
{
    const unsigned content = FI_DIFFERENCE_WALK_TYPE | FI_DIFFERENCE_WALK_CONTENT;
    DCHECK(change->kind != FI_DIFFERENCE_WALK_SAME && is_consistent(change));
    *out = (firn_workspace_change){
        .kind = change->kind == FI_DIFFERENCE_WALK_ADDED     ? FIRN_CHANGE_ADDED
                : change->kind == FI_DIFFERENCE_WALK_REMOVED ? FIRN_CHANGE_REMOVED
                : (change->what & content) != 0              ? FIRN_CHANGE_CONTENT
                                                             : FIRN_CHANGE_METADATA,
        .what = change->kind == FI_DIFFERENCE_WALK_CHANGED ? change->what : 0};
    if (change->before != NULL) {
        fi_difference_walk_to_info(change->path, change->before, before);
        out->before = before;
    }
    if (change->after != NULL) {
        fi_difference_walk_to_info(change->path, change->after, after);
        out->after = after;
    }
}
