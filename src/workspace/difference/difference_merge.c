/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_merge.c: merges three trees, walked in step, into one.
 *
 * Three iterators go over the entries of a directory together; difference_merge_entry.c rules on
 * each name. The walk enters a directory only if all three differ: what only one side has changed
 * is taken as it is, with its object, so the work depends on what both sides have changed. Entries
 * of the result are collected, encoded, in the order of the walk, which is that of a directory
 * object. When all three iterators are at their ends the object is made, and the directory becomes
 * an entry of its parent. An empty directory is left out if one side has removed it.
 *
 * The walk keeps its own stack on the heap, bounded by FI_TREE_DEPTH_MAX (I1). The entries of a
 * directory are borrowed from its parent's iterators, which do not move before it is done (I2).
 * Memory is three iterators and the collected entries of a directory for each level.
 *
 * A reserved name (tree.h) is in no scan, so ours never has it. It is left as it is, reported if
 * theirs would change it, and is not in the result (I3; not checked: each name is tested).
 *
 * A tree may have far more paths than it has directories. Each path is paid for (I4; not checked:
 * base/budget.h).
 *
 * After a conflict the walk continues, to report all conflicts; its result is then not used.
 */
#include "difference/difference.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "difference/difference_internal.h"
#include "lines/lines_diff.h"
#include "lines/lines_merge.h"
#include "tree/tree.h"

enum fi_difference_merge_content_outcome {
    FI_DIFFERENCE_MERGE_CONTENT_MERGED,   /* merge.text, without conflicts */
    FI_DIFFERENCE_MERGE_CONTENT_CONFLICT, /* merge.conflicts */
    FI_DIFFERENCE_MERGE_CONTENT_NO_LINES  /* a version is not text, or too large */
};

struct fi_difference_merge_content {
    struct fi_objects *objects;
    struct fi_os_dir *disk;
    struct fi_pack_scratch *scratch;
    struct fi_buf base;
    struct fi_buf ours;
    struct fi_buf theirs;
    struct fi_lines_merge merge; /* of the last call */
};

enum { BASE, OURS, THEIRS, SIDES };

struct level {
    struct fi_tree_iterator *iterators[SIDES];
    const struct fi_tree_entry *next[SIDES]; /* not yet handled; NULL at the end */
    bool was_next[SIDES];                    /* of the parent: the entry that is this directory */
    struct fi_tree_entry entry;              /* of the result, without its hash */
    bool may_vanish;                         /* left out if it is empty */
    size_t path_size;
    struct fi_buf encoded; /* entries of the result */
};

struct merge {
    const struct fi_difference_merge_options *options;
    struct fi_difference_merge_result *result;
    const struct fi_tree_source *sources[SIDES];
    struct fi_difference_merge_content content;
    struct level *levels;
    size_t depth;
    size_t capacity;
    struct fi_buf path;
};

static firn_slice
path_of(const struct merge *merge)
{
    return fi_buf_slice(&merge->path);
}

static bool
is_dir(const struct fi_tree_entry *entry)
{
    return entry != NULL && entry->kind == FI_TREE_DIR;
}

/* ---- conflicts ---- */

static const firn_workspace_entry *
info_of(firn_slice path, const struct fi_tree_entry *entry, firn_workspace_entry *room)
{
    if (entry == NULL) {
        return NULL;
    }
    fi_difference_walk_to_info(path, entry, room);
    return room;
}

/* Completes a conflict whose kind is set, and reports it. */
static int
difference_merge_report(struct merge *merge, const struct fi_difference_merge_entry_sides *sides,
                        firn_workspace_revert_conflict *conflict, firn_error *err)
{
    firn_workspace_entry infos[SIDES];
    DCHECK(sides->base != NULL || sides->ours != NULL || sides->theirs != NULL);
    conflict->path = path_of(merge);
    conflict->after = info_of(conflict->path, sides->base, &infos[BASE]);
    conflict->now = info_of(conflict->path, sides->ours, &infos[OURS]);
    conflict->before = info_of(conflict->path, sides->theirs, &infos[THEIRS]);
    return merge->options->on_conflict(merge->options->ctx, conflict, err);
}

static int
report_kind(struct merge *merge, const struct fi_difference_merge_entry_sides *sides,
            firn_workspace_revert_conflict_kind kind, firn_error *err)
{
    firn_workspace_revert_conflict conflict = {.kind = kind};
    return difference_merge_report(merge, sides, &conflict, err);
}

/* ---- entries of the result ---- */

/* Adds an entry to the result of the current directory; NULL: none. */
static int
difference_merge_emit(struct merge *merge, const struct fi_tree_entry *entry, firn_error *err)
{
    if (entry == NULL) {
        return FIRN_OK;
    }
    CHECK(merge->depth > 0);
    return fi_tree_encode_entry(&merge->levels[merge->depth - 1].encoded, entry) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the entries of a directory");
}

static int
put_text(struct merge *merge, struct fi_tree_entry *entry, firn_error *err)
{
    firn_slice text = fi_buf_slice(&merge->content.merge.text);
    DCHECK(text.size <= FI_DIFFERENCE_MERGE_CONTENT_SIZE_MAX);
    struct fi_objects_object object = {.kind = FI_PACK_BLOB, .content = text};
    fi_blake3_hash_of(text.data, text.size, &object.hash);
    if (fi_hash_equal(&object.hash, &entry->hash)) {
        return FIRN_OK; /* ours had it all */
    }
    entry->hash = object.hash;
    entry->size = text.size;
    entry->mtime_ns = merge->options->now_ns;
    merge->result->lines_merged++;
    return merge->options->put(merge->options->ctx, &object, err);
}

/* Merging three versions of a text file line by line.
 *
 * Base and theirs are read from the store, ours from the disk. If ours is not what the scan saw, it
 * is being edited now, and the merge fails (difference_content.c). All three and the result are in
 * memory at once, so the size of each is limited; the limit is the largest size at which a file is
 * stored as one object. */

enum { SCRATCH_FRAMES = 4 };

_Static_assert((int)FI_DIFFERENCE_MERGE_CONTENT_SIZE_MAX <= (int)FI_LINES_DIFF_TEXT_SIZE_MAX,
               "what is merged is within the limits of texts");

/* objects and disk are borrowed. */
static int
content_init(struct fi_difference_merge_content *out, struct fi_objects *objects,
             struct fi_os_dir *disk, firn_error *err)
{
    *out = (struct fi_difference_merge_content){.objects = objects, .disk = disk};
    return fi_pack_scratch_create(SCRATCH_FRAMES, &out->scratch, err);
}

/* A zeroed struct is fine. */
static void
content_deinit(struct fi_difference_merge_content *content)
{
    fi_pack_scratch_destroy(content->scratch);
    fi_buf_deinit(&content->base);
    fi_buf_deinit(&content->ours);
    fi_buf_deinit(&content->theirs);
    fi_lines_merge_deinit(&content->merge);
    *content = (struct fi_difference_merge_content){0};
}

static int
printed(firn_slice path)
{
    return (int)(path.size < 256 ? path.size : 256);
}

static int
load_ours(struct fi_difference_merge_content *content, firn_slice path,
          const struct fi_tree_entry *entry, bool *out_is_text, firn_error *err)
{
    bool is_same;
    int rc = fi_difference_content_load_disk(content->disk, path, entry, &content->ours, &is_same,
                                             out_is_text, err);
    if (rc == FIRN_OK && !is_same) {
        rc = fi_error_set(err, FIRN_CONFLICT, "'%.*s' was changed meanwhile: run it again",
                          printed(path), (const char *)path.data);
    }
    return rc;
}

static int
difference_merge_load(struct fi_difference_merge_content *content, firn_slice path,
                      const struct fi_difference_merge_entry_sides *sides, bool *out_is_text,
                      firn_error *err)
{
    int rc;
    /* The base first: a database in use is not text, and its file on disk is not what the scan
     * saved. */
    FI_TRY(fi_difference_content_load_stored(content->objects, content->scratch, sides->base,
                                             &content->base, out_is_text, err));
    if (*out_is_text) {
        FI_TRY(load_ours(content, path, sides->ours, out_is_text, err));
    }
    if (*out_is_text) {
        FI_TRY(fi_difference_content_load_stored(content->objects, content->scratch, sides->theirs,
                                                 &content->theirs, out_is_text, err));
    }
out:
    if (rc == FIRN_CORRUPT) {
        fi_error_prefix(err, "%.*s", printed(path), (const char *)path.data);
    }
    return rc;
}

static bool
is_too_large(const struct fi_tree_entry *entry)
{
    return entry->size > FI_DIFFERENCE_MERGE_CONTENT_SIZE_MAX;
}

/* Merges three files; ours is read from the disk. FIRN_CONFLICT if its content has changed there;
 * FIRN_CORRUPT names the path. */
static int
content_run(struct fi_difference_merge_content *content, firn_slice path,
            const struct fi_difference_merge_entry_sides *sides,
            enum fi_difference_merge_content_outcome *out, firn_error *err)
{
    struct fi_lines_merge *merge = &content->merge;
    bool is_text;
    DCHECK(sides->base->kind == FI_TREE_FILE && sides->ours->kind == FI_TREE_FILE &&
           sides->theirs->kind == FI_TREE_FILE);
    *out = FI_DIFFERENCE_MERGE_CONTENT_NO_LINES;
    if (is_too_large(sides->base) || is_too_large(sides->ours) || is_too_large(sides->theirs)) {
        return FIRN_OK;
    }
    int rc = difference_merge_load(content, path, sides, &is_text, err);
    if (rc != FIRN_OK || !is_text) {
        return rc;
    }
    DCHECK(content->base.size <= FI_DIFFERENCE_MERGE_CONTENT_SIZE_MAX &&
           content->ours.size <= FI_DIFFERENCE_MERGE_CONTENT_SIZE_MAX &&
           content->theirs.size <= FI_DIFFERENCE_MERGE_CONTENT_SIZE_MAX);
    const struct fi_lines_merge_texts texts = {.base = fi_buf_slice(&content->base),
                                               .ours = fi_buf_slice(&content->ours),
                                               .theirs = fi_buf_slice(&content->theirs)};
    fi_lines_merge_deinit(merge);
    rc = fi_lines_merge_init(merge, &texts, FI_LINES_DIFF_WORK_DEFAULT, err);
    if (rc == FIRN_LIMIT ||
        (rc == FIRN_OK && merge->text.size > FI_DIFFERENCE_MERGE_CONTENT_SIZE_MAX)) {
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        *out = merge->conflict_count == 0 ? FI_DIFFERENCE_MERGE_CONTENT_MERGED
                                          : FI_DIFFERENCE_MERGE_CONTENT_CONFLICT;
    }
    return rc;
}

static int
merge_lines(struct merge *merge, const struct fi_difference_merge_entry_sides *sides,
            struct fi_tree_entry *entry, firn_error *err)
{
    const struct fi_lines_merge *lines = &merge->content.merge;
    enum fi_difference_merge_content_outcome outcome;
    firn_workspace_revert_conflict conflict = {.kind = FIRN_REVERT_CONFLICT_CONTENT};
    int rc = content_run(&merge->content, path_of(merge), sides, &outcome, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (outcome == FI_DIFFERENCE_MERGE_CONTENT_MERGED) {
        return put_text(merge, entry, err);
    }
    if (outcome == FI_DIFFERENCE_MERGE_CONTENT_CONFLICT) {
        conflict.kind = FIRN_REVERT_CONFLICT_LINES;
        conflict.regions = lines->conflicts;
        conflict.region_count = lines->conflict_count;
    }
    return difference_merge_report(merge, sides, &conflict, err);
}

/* ---- attribute by attribute ---- */

/* A file, or a link, on both sides. */
static int
merge_leaf(struct merge *merge, const struct fi_difference_merge_entry_sides *sides,
           firn_error *err)
{
    struct fi_tree_entry entry;
    firn_workspace_revert_conflict conflict = {.kind = FIRN_REVERT_CONFLICT_ATTRIBUTES};
    enum fi_difference_merge_entry_content content =
        fi_difference_merge_entry_make(sides, &entry, &conflict.what);
    DCHECK(sides->ours != NULL && !is_dir(sides->ours));
    DCHECK(sides->theirs != NULL && sides->ours->kind == sides->theirs->kind);
    if (content == FI_DIFFERENCE_MERGE_ENTRY_CONTENT_CONFLICT) {
        bool is_new = sides->base == NULL;
        FI_TRY_RETURN(report_kind(
            merge, sides, is_new ? FIRN_REVERT_CONFLICT_ADDED : FIRN_REVERT_CONFLICT_CONTENT, err));
    } else if (conflict.what != 0) {
        FI_TRY_RETURN(difference_merge_report(merge, sides, &conflict, err));
    } else if (content == FI_DIFFERENCE_MERGE_ENTRY_CONTENT_BOTH) {
        FI_TRY_RETURN(merge_lines(merge, sides, &entry, err));
    }
    return difference_merge_emit(merge, &entry, err);
}

/* ---- directories ---- */

static int
difference_merge_advance(struct level *level, int side, firn_error *err)
{
    bool is_end;
    DCHECK(level->iterators[side] != NULL || level->next[side] == NULL);
    level->next[side] = NULL;
    return level->iterators[side] == NULL
               ? FIRN_OK
               : fi_tree_iterator_next(level->iterators[side], &level->next[side], &is_end, err);
}

static void
close_level(struct level *level)
{
    for (int i = 0; i < SIDES; i++) {
        fi_tree_iterator_destroy(level->iterators[i]);
    }
    fi_buf_deinit(&level->encoded);
}

static int
reserve_level(struct merge *merge, firn_error *err)
{
    if (merge->depth >= FI_TREE_DEPTH_MAX) {
        return fi_error_set(err, FIRN_CORRUPT, "directories are nested more than %d deep",
                            FI_TREE_DEPTH_MAX);
    }
    return FI_VEC_RESERVE(merge->levels, merge->depth + 1, merge->capacity, err);
}

/* Whether a directory is not selected itself, but an entry below it may be. */
static bool
is_on_the_way(const struct merge *merge)
{
    struct fi_tree_filter *filter = merge->options->filter;
    return filter != NULL && !fi_tree_filter_selects(filter, path_of(merge));
}

/* Enters a directory. Requires: at least one side has it. */
static int
difference_merge_enter(struct merge *merge, const struct fi_difference_merge_entry_sides *sides,
                       firn_error *err)
{
    const struct fi_tree_entry *entries[SIDES] = {sides->base, sides->ours, sides->theirs};
    struct level level = {.path_size = merge->path.size,
                          .may_vanish = sides->ours == NULL || sides->theirs == NULL};
    firn_workspace_revert_conflict conflict = {.kind = FIRN_REVERT_CONFLICT_ATTRIBUTES};
    int rc;
    FI_TRY(reserve_level(merge, err));
    (void)fi_difference_merge_entry_make(sides, &level.entry, &conflict.what);
    if (sides->ours != NULL && is_on_the_way(merge)) {
        level.entry = *sides->ours;
    } else if (conflict.what != 0) {
        FI_TRY(difference_merge_report(merge, sides, &conflict, err));
    }
    for (int i = 0; i < SIDES; i++) {
        level.was_next[i] = entries[i] != NULL;
        if (is_dir(entries[i])) {
            FI_TRY(fi_tree_iterator_create(merge->sources[i], &entries[i]->hash,
                                           &level.iterators[i], err));
            FI_TRY(difference_merge_advance(&level, i, err));
        }
    }
    merge->levels[merge->depth++] = level;
    DCHECK(merge->depth <= FI_TREE_DEPTH_MAX); /* (I1) */
    return FIRN_OK;
out:
    close_level(&level);
    return rc;
}

struct putting {
    struct merge *merge;
    const firn_hash *base;
};

static int
put_directory(void *ctx, const firn_hash *hash, firn_slice bytes, firn_error *err)
{
    const struct putting *putting = ctx;
    const struct fi_objects_object object = {
        .kind = FI_PACK_TREE, .hash = *hash, .content = bytes, .base = putting->base};
    return putting->merge->options->put(putting->merge->options->ctx, &object, err);
}

/* Leaves a directory after all its entries have been handled. */
static int
difference_merge_leave(struct merge *merge, firn_error *err)
{
    struct level level = merge->levels[--merge->depth];
    const firn_hash before = level.entry.hash;
    struct putting putting = {merge, &before};
    bool is_left = merge->depth == 0 || level.encoded.size > 0 || !level.may_vanish;
    int rc;
    DCHECK(!is_left || level.entry.kind == FI_TREE_DIR);
    merge->path.size = level.path_size;
    if (is_left) {
        FI_TRY(fi_tree_build(fi_buf_slice(&level.encoded), put_directory, &putting,
                             &level.entry.hash, err));
    }
    if (merge->depth == 0) {
        merge->result->root = level.entry;
        goto out;
    }
    FI_TRY(is_left ? difference_merge_emit(merge, &level.entry, err) : FIRN_OK);
    struct level *parent = &merge->levels[merge->depth - 1];
    for (int i = 0; i < SIDES; i++) {
        DCHECK(!level.was_next[i] || parent->next[i] != NULL); /* (I2) */
        FI_TRY(level.was_next[i] ? difference_merge_advance(parent, i, err) : FIRN_OK);
    }
out:
    close_level(&level);
    return rc;
}

static int
stop_at_change(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    bool *is_changed = ctx;
    if (change->kind == FI_DIFFERENCE_WALK_SAME || fi_difference_walk_is_dir_time(change)) {
        return FIRN_OK;
    }
    *is_changed = true;
    return fi_error_set(err, FIRN_CANCELLED, "a change");
}

/* Whether a side has changed at most the times of directories in a directory. */
static int
is_unchanged(struct merge *merge, const struct fi_tree_entry *base, int side,
             const struct fi_tree_entry *entry, bool *out, firn_error *err)
{
    const struct fi_difference_walk_side before = {.source = merge->sources[BASE], .root = base};
    const struct fi_difference_walk_side after = {.source = merge->sources[side], .root = entry};
    const struct fi_difference_walk_options options = {.without_reserved = true}; /* (I3) */
    bool is_changed = false;
    int rc = fi_difference_walk(&before, &after, &options, stop_at_change, &is_changed, err);
    *out = !is_changed;
    return is_changed ? FIRN_OK : rc;
}

/* The base and `side` have a directory where the other side has something else. */
static int
replace_directory(struct merge *merge, const struct fi_difference_merge_entry_sides *sides,
                  int side, firn_workspace_revert_conflict_kind kind, firn_error *err)
{
    const struct fi_tree_entry *kept = side == OURS ? sides->ours : sides->theirs;
    const struct fi_tree_entry *other = side == OURS ? sides->theirs : sides->ours;
    bool is_same;
    DCHECK(is_dir(sides->base) && is_dir(kept) && !is_dir(other));
    FI_TRY_RETURN(is_unchanged(merge, sides->base, side, kept, &is_same, err));
    if (is_same) {
        return difference_merge_emit(merge, other, err);
    }
    FI_TRY_RETURN(report_kind(merge, sides, kind, err));
    return difference_merge_emit(merge, sides->ours, err);
}

/* ---- one name ---- */

/* Narrows a ruling to what the filter selects. */
static void
apply_filter(struct merge *merge, const struct fi_difference_merge_entry_sides *sides,
             struct fi_difference_merge_entry_ruling *ruling)
{
    struct fi_tree_filter *filter = merge->options->filter;
    if (filter == NULL || fi_tree_filter_selects(filter, path_of(merge))) {
        return;
    }
    bool leads_on = fi_tree_filter_leads_on(filter, path_of(merge));
    bool has_room = sides->ours == NULL || is_dir(sides->ours);
    bool has_dir = is_dir(sides->base) || is_dir(sides->theirs);
    ruling->verdict =
        leads_on && has_room && has_dir && ruling->verdict != FI_DIFFERENCE_MERGE_ENTRY_OURS
            ? FI_DIFFERENCE_MERGE_ENTRY_DESCEND
            : FI_DIFFERENCE_MERGE_ENTRY_OURS;
}

/* *out_is_left_alone: ours has no entry, but the disk has one, which a rule excludes. */
static int
query_disk(struct merge *merge, bool *out_is_left_alone, firn_error *err)
{
    firn_slice path = path_of(merge);
    int rc = fi_difference_content_stands(merge->options->disk, path, out_is_left_alone, err);
    return rc == FIRN_OK && *out_is_left_alone
               ? merge->options->on_left_alone(merge->options->ctx, path, err)
               : rc;
}

/* (I3) */
static int
leave_reserved(struct merge *merge, const struct fi_difference_merge_entry_sides *sides,
               const char *reason, firn_error *err)
{
    const struct fi_difference_merge_options *options = merge->options;
    bool is_meant =
        options->filter == NULL || fi_tree_filter_selects(options->filter, path_of(merge));
    if (is_meant && options->on_reserved != NULL &&
        !fi_difference_merge_entry_equal(sides->base, sides->theirs)) {
        options->on_reserved(options->ctx, path_of(merge), reason);
    }
    return difference_merge_emit(merge, sides->ours, err);
}

/* Handles one name; if *out_entered, it is a directory that the walk has entered. */
static int
difference_merge_handle(struct merge *merge, const struct fi_difference_merge_entry_sides *sides,
                        bool *out_entered, firn_error *err)
{
    struct fi_difference_merge_entry_ruling ruling = fi_difference_merge_entry_assess(sides);
    *out_entered = false;
    apply_filter(merge, sides, &ruling);
    if (ruling.asks_disk && ruling.verdict != FI_DIFFERENCE_MERGE_ENTRY_OURS) {
        bool is_left_alone;
        int rc = query_disk(merge, &is_left_alone, err);
        if (rc != FIRN_OK || is_left_alone) {
            return rc;
        }
    }
    switch (ruling.verdict) {
    case FI_DIFFERENCE_MERGE_ENTRY_OURS:
        return difference_merge_emit(merge, sides->ours, err);
    case FI_DIFFERENCE_MERGE_ENTRY_THEIRS:
        return difference_merge_emit(merge, sides->theirs, err);
    case FI_DIFFERENCE_MERGE_ENTRY_NOTHING:
        return FIRN_OK;
    case FI_DIFFERENCE_MERGE_ENTRY_DESCEND:
        *out_entered = true;
        return difference_merge_enter(merge, sides, err);
    case FI_DIFFERENCE_MERGE_ENTRY_LEAF:
        return merge_leaf(merge, sides, err);
    case FI_DIFFERENCE_MERGE_ENTRY_THEIRS_OF_DIR:
        return replace_directory(merge, sides, OURS, ruling.conflict, err);
    case FI_DIFFERENCE_MERGE_ENTRY_OURS_OF_DIR:
        return replace_directory(merge, sides, THEIRS, ruling.conflict, err);
    case FI_DIFFERENCE_MERGE_ENTRY_CONFLICT:
        break;
    }
    int rc = report_kind(merge, sides, ruling.conflict, err);
    return rc == FIRN_OK ? difference_merge_emit(merge, sides->ours, err) : rc;
}

/* The first of the next names of a directory; NULL at its end. */
static const struct fi_tree_entry *
first_of(const struct level *level)
{
    const struct fi_tree_entry *first = NULL;
    for (int i = 0; i < SIDES; i++) {
        const struct fi_tree_entry *entry = level->next[i];
        if (entry != NULL && (first == NULL || fi_slice_compare(entry->name, first->name) < 0)) {
            first = entry;
        }
    }
    return first;
}

static int
set_path(struct merge *merge, size_t parent_size, firn_slice name, firn_error *err)
{
    DCHECK(parent_size <= merge->path.size && name.size > 0);
    merge->path.size = parent_size;
    if ((parent_size > 0 && fi_buf_append_u8(&merge->path, '/') != FIRN_OK) ||
        fi_buf_append_slice(&merge->path, name) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    if (merge->path.size > FI_TREE_PATH_SIZE_MAX) {
        return fi_error_set(err, FIRN_CORRUPT, "a path is longer than %d bytes",
                            FI_TREE_PATH_SIZE_MAX);
    }
    return FIRN_OK;
}

static int
difference_merge_step(struct merge *merge, firn_error *err)
{
    DCHECK(merge->depth > 0);
    size_t at = merge->depth - 1;
    struct level *level = &merge->levels[at];
    const struct fi_tree_entry *first = first_of(level);
    if (first == NULL) {
        return difference_merge_leave(merge, err);
    }
    const struct fi_tree_entry *entries[SIDES];
    for (int i = 0; i < SIDES; i++) {
        const struct fi_tree_entry *entry = level->next[i];
        entries[i] = entry != NULL && fi_slice_equal(entry->name, first->name) ? entry : NULL;
    }
    const struct fi_difference_merge_entry_sides sides = {entries[BASE], entries[OURS],
                                                          entries[THEIRS]};
    const char *reason = fi_tree_reserved_name(first->name);
    bool is_entered = false;
    FI_TRY_RETURN(set_path(merge, level->path_size, first->name, err));
    FI_TRY_RETURN(fi_budget_spend(merge->sources[BASE]->budget, fi_budget_visit(merge->path.size),
                                  err)); /* (I4) */
    FI_TRY_RETURN(reason != NULL ? leave_reserved(merge, &sides, reason, err)
                                 : difference_merge_handle(merge, &sides, &is_entered, err));
    level = &merge->levels[at]; /* entering may have moved it */
    for (int i = 0; i < SIDES && !is_entered; i++) {
        FI_TRY_RETURN(entries[i] != NULL ? difference_merge_advance(level, i, err) : FIRN_OK);
    }
    return FIRN_OK;
}

int
fi_difference_merge(const struct fi_difference_merge_options *options,
                    struct fi_difference_merge_result *out, firn_error *err)
{
    struct merge merge = {
        .options = options,
        .result = out,
        .sources = {options->base.source, options->ours.source, options->theirs.source}};
    const struct fi_difference_merge_entry_sides roots = {options->base.root, options->ours.root,
                                                          options->theirs.root};
    int rc;
    *out = (struct fi_difference_merge_result){0};
    FI_TRY(content_init(&merge.content, options->objects, options->disk, err));
    FI_TRY(difference_merge_enter(&merge, &roots, err));
    while (merge.depth > 0) {
        FI_TRY(difference_merge_step(&merge, err));
    }
out:
    while (merge.depth > 0) {
        close_level(&merge.levels[--merge.depth]);
    }
    fi_free(merge.levels);
    fi_buf_deinit(&merge.path);
    content_deinit(&merge.content);
    return rc;
}
