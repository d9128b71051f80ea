/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_merge_entry.c: the rule of a three-way merge for one path.
 *
 * The base is the state that both sides started from. One rule (R) applies to a whole entry, and
 * then to each of its attributes:
 *   theirs equals the base       ours
 *   ours equals the base         theirs
 *   ours and theirs are equal    either
 *   else                         a conflict
 * So if ours has not changed the result is exactly theirs, and if theirs has not changed it is
 * exactly ours.
 *
 * Exceptions to the rule:
 * - Directories are not compared as a whole but entry by entry. One that a side has removed counts
 *   as empty: entries in it that the other side has not changed are removed, changed ones are
 *   conflicts, and added ones stay.
 * - A modification time is not a user's work: it is never a conflict, and a file that was only
 *   touched may be removed. The time is taken from the side that the content is taken from.
 * - The name of the first of several hard links is treated in the same way; whether names still
 *   agree is checked when the whole tree has been made.
 * - If a directory became something else, all entries below it are removed. This is a conflict
 *   unless the other side changed nothing below, which the caller finds out by a walk.
 * - An entry that ours does not have may exist on the disk, because a rule excludes it. A merge
 *   must not touch such entries; the caller looks at the disk.
 */
#include "difference/difference_internal.h"

#include "base/check.h"

static bool
is_dir(const struct fi_tree_entry *entry)
{
    return entry != NULL && entry->kind == FI_TREE_DIR;
}

bool
fi_difference_merge_entry_equal(const struct fi_tree_entry *a, const struct fi_tree_entry *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return fi_difference_walk_what(a, b) == 0 &&
           (a->kind != FI_TREE_DIR || fi_hash_equal(&a->hash, &b->hash));
}

/* Whether two entries, not directories, differ at most in what is not a user's work. */
static bool
is_only_touched(const struct fi_tree_entry *a, const struct fi_tree_entry *b)
{
    const unsigned nobodys = FI_DIFFERENCE_WALK_MTIME | FI_DIFFERENCE_WALK_GROUP;
    return (fi_difference_walk_what(a, b) & ~nobodys) == 0;
}

static struct fi_difference_merge_entry_ruling
ruling(enum fi_difference_merge_entry_verdict verdict)
{
    return (struct fi_difference_merge_entry_ruling){.verdict = verdict};
}

static struct fi_difference_merge_entry_ruling
conflict(firn_workspace_revert_conflict_kind kind)
{
    return (struct fi_difference_merge_entry_ruling){.verdict = FI_DIFFERENCE_MERGE_ENTRY_CONFLICT,
                                                     .conflict = kind};
}

/* Ours and theirs are directories, or one is and the other is missing. */
static struct fi_difference_merge_entry_ruling
assess_dirs(const struct fi_difference_merge_entry_sides *sides)
{
    DCHECK(sides->ours != NULL || sides->theirs != NULL);
    struct fi_difference_merge_entry_ruling result = ruling(FI_DIFFERENCE_MERGE_ENTRY_DESCEND);
    bool is_gone = sides->ours == NULL || sides->theirs == NULL;
    if (is_gone && !is_dir(sides->base)) {
        result = conflict(sides->ours == NULL ? FIRN_REVERT_CONFLICT_REMOVED
                                              : FIRN_REVERT_CONFLICT_CHANGED);
    }
    result.asks_disk = sides->ours == NULL;
    return result;
}

/* Either ours or theirs is missing; the other is a file or a link that differs from the base. */
static struct fi_difference_merge_entry_ruling
assess_removed(const struct fi_difference_merge_entry_sides *sides)
{
    const struct fi_tree_entry *left = sides->ours != NULL ? sides->ours : sides->theirs;
    DCHECK((sides->ours == NULL) != (sides->theirs == NULL) && sides->base != NULL);
    bool is_touched = !is_dir(sides->base) && is_only_touched(sides->base, left);
    struct fi_difference_merge_entry_ruling result =
        is_touched ? ruling(FI_DIFFERENCE_MERGE_ENTRY_NOTHING)
                   : conflict(sides->ours == NULL ? FIRN_REVERT_CONFLICT_REMOVED
                                                  : FIRN_REVERT_CONFLICT_CHANGED);
    result.asks_disk = sides->ours == NULL;
    return result;
}

/* Ours and theirs are of different kinds. */
static struct fi_difference_merge_entry_ruling
assess_kinds(const struct fi_difference_merge_entry_sides *sides)
{
    const struct fi_tree_entry *base = sides->base;
    if (base == NULL) {
        return conflict(FIRN_REVERT_CONFLICT_ADDED);
    }
    DCHECK(sides->ours->kind != sides->theirs->kind);
    bool ours_kept = sides->ours->kind == base->kind;
    bool theirs_kept = sides->theirs->kind == base->kind;
    struct fi_difference_merge_entry_ruling result = conflict(FIRN_REVERT_CONFLICT_KIND);
    if (is_dir(base) && ours_kept) {
        result.verdict = FI_DIFFERENCE_MERGE_ENTRY_THEIRS_OF_DIR;
    } else if (is_dir(base) && theirs_kept) {
        result.verdict = FI_DIFFERENCE_MERGE_ENTRY_OURS_OF_DIR;
    } else if (ours_kept && is_only_touched(base, sides->ours)) {
        result.verdict = FI_DIFFERENCE_MERGE_ENTRY_THEIRS;
    } else if (theirs_kept && is_only_touched(base, sides->theirs)) {
        result.verdict = FI_DIFFERENCE_MERGE_ENTRY_OURS;
    }
    return result;
}

struct fi_difference_merge_entry_ruling
fi_difference_merge_entry_assess(const struct fi_difference_merge_entry_sides *sides)
{
    const struct fi_tree_entry *ours = sides->ours;
    const struct fi_tree_entry *theirs = sides->theirs;
    DCHECK(sides->base != NULL || ours != NULL || theirs != NULL);
    if (fi_difference_merge_entry_equal(sides->base, theirs) ||
        fi_difference_merge_entry_equal(ours, theirs)) {
        return ruling(FI_DIFFERENCE_MERGE_ENTRY_OURS);
    }
    if (fi_difference_merge_entry_equal(sides->base, ours)) {
        return ruling(FI_DIFFERENCE_MERGE_ENTRY_THEIRS);
    }
    /* From here on at least one of ours and theirs exists, and the base does if one of them does
     * not. */
    if ((ours == NULL || is_dir(ours)) && (theirs == NULL || is_dir(theirs))) {
        return assess_dirs(sides);
    }
    if (ours == NULL || theirs == NULL) {
        return assess_removed(sides);
    }
    return ours->kind == theirs->kind ? ruling(FI_DIFFERENCE_MERGE_ENTRY_LEAF)
                                      : assess_kinds(sides);
}

/* ---- attribute by attribute ---- */

/* (R); each argument is whether two sides are equal. */
static bool
takes_theirs(bool theirs_is_base, bool ours_is_base, bool is_same, bool *out_is_conflict)
{
    DCHECK(!theirs_is_base || !ours_is_base || is_same);
    *out_is_conflict = !theirs_is_base && !ours_is_base && !is_same;
    return !theirs_is_base && ours_is_base;
}

static enum fi_difference_merge_entry_content
make_content(const struct fi_difference_merge_entry_sides *sides, const struct fi_tree_entry *base)
{
    const unsigned bit = FI_DIFFERENCE_WALK_CONTENT;
    bool is_conflict;
    bool theirs_is_base = base != NULL && (fi_difference_walk_what(base, sides->theirs) & bit) == 0;
    bool ours_is_base = base != NULL && (fi_difference_walk_what(base, sides->ours) & bit) == 0;
    bool is_same = (fi_difference_walk_what(sides->ours, sides->theirs) & bit) == 0;
    if (takes_theirs(theirs_is_base, ours_is_base, is_same, &is_conflict)) {
        return FI_DIFFERENCE_MERGE_ENTRY_CONTENT_THEIRS;
    }
    if (!is_conflict) {
        return FI_DIFFERENCE_MERGE_ENTRY_CONTENT_OURS;
    }
    return base != NULL && base->kind == FI_TREE_FILE ? FI_DIFFERENCE_MERGE_ENTRY_CONTENT_BOTH
                                                      : FI_DIFFERENCE_MERGE_ENTRY_CONTENT_CONFLICT;
}

/* Whether the attribute of a bit is to be taken from theirs; a conflict is added to *what. */
static bool
theirs_of(const struct fi_difference_merge_entry_sides *sides, const struct fi_tree_entry *base,
          unsigned bit, unsigned *what)
{
    bool is_conflict;
    bool theirs_is_base = base != NULL && (fi_difference_walk_what(base, sides->theirs) & bit) == 0;
    bool ours_is_base = base != NULL && (fi_difference_walk_what(base, sides->ours) & bit) == 0;
    bool is_same = (fi_difference_walk_what(sides->ours, sides->theirs) & bit) == 0;
    bool is_theirs = takes_theirs(theirs_is_base, ours_is_base, is_same, &is_conflict);
    *what |= is_conflict ? bit : 0;
    return is_theirs;
}

enum fi_difference_merge_entry_content
fi_difference_merge_entry_make(const struct fi_difference_merge_entry_sides *sides,
                               struct fi_tree_entry *out, unsigned *out_what)
{
    const struct fi_tree_entry *ours = sides->ours;
    const struct fi_tree_entry *theirs = sides->theirs;
    *out_what = 0;
    DCHECK(ours != NULL || theirs != NULL);
    if (ours == NULL || theirs == NULL) {
        *out = ours != NULL ? *ours : *theirs;
        return FI_DIFFERENCE_MERGE_ENTRY_CONTENT_OURS;
    }
    const struct fi_tree_entry *base =
        sides->base != NULL && sides->base->kind == ours->kind ? sides->base : NULL;
    unsigned what = 0;
    *out = *ours;
    enum fi_difference_merge_entry_content content = FI_DIFFERENCE_MERGE_ENTRY_CONTENT_OURS;
    bool is_new_dir = is_dir(ours) && base == NULL;
    if (!is_dir(ours)) {
        content = make_content(sides, base);
    }
    if (content == FI_DIFFERENCE_MERGE_ENTRY_CONTENT_THEIRS) {
        out->hash = theirs->hash;
        out->size = theirs->size;
        out->target = theirs->target;
    }
    if (theirs_of(sides, base, FI_DIFFERENCE_WALK_MODE, &what)) {
        out->mode = theirs->mode;
    }
    if (theirs_of(sides, base, FI_DIFFERENCE_WALK_OWNER, &what)) {
        out->uid = theirs->uid;
        out->gid = theirs->gid;
    }
    if (theirs_of(sides, base, FI_DIFFERENCE_WALK_XATTRS, &what)) {
        out->xattrs = theirs->xattrs;
    }
    unsigned ignored = 0;
    if (theirs_of(sides, base, FI_DIFFERENCE_WALK_GROUP, &ignored)) {
        out->hard_link = theirs->hard_link;
    }
    bool is_their_time = theirs_of(sides, base, FI_DIFFERENCE_WALK_MTIME, &ignored);
    if (is_their_time || content == FI_DIFFERENCE_MERGE_ENTRY_CONTENT_THEIRS) {
        out->mtime_ns = theirs->mtime_ns;
    }
    *out_what = is_new_dir ? 0 : what;
    return content;
}
