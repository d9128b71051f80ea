/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_sparse.c: which runs to rewrite, so that a value file can be removed.
 *
 * A file of which more than half is dead is to be removed: the runs that refer to it are rewritten
 * in place, one after the other; their live values move to a new file (compaction_values.c), and
 * after the last of them no run refers to the old file. So values take up at most about twice their
 * size, and a byte is moved at most once for each byte that died in its file. Other compactions do
 * the same with the references that they meet.
 *
 * Runs of level 0 are left alone: their values are as new as they are, and the compaction into the
 * next level comes anyway.
 *
 * If space is short (a full disk), files are emptied a few at a time, beginning with those with the
 * fewest live bytes: only their values move, out of all runs that refer to them. The live values of
 * all of these take at most half of the free space, or there is only one file. So they can always
 * be emptied, and removed, before others are begun.
 *
 * The search looks at all runs of a tree, so it is made only if some file has become worth emptying
 * since the last search that found nothing (may_have_sparse).
 *
 * Under the mutex of lsm.
 */
#include "base/check.h"
#include "compaction/compaction_internal.h"

static bool
refers_to_sparse_locked(const struct fi_lsm *lsm, const struct fi_version_file *run,
                        bool is_thorough)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    for (size_t i = 0; i < run->info.reference_count; i++) {
        if (fi_lsm_collect_is_worth_moving_locked(lsm, run->value_files[i], is_thorough)) {
            return true;
        }
    }
    return false;
}

/* Value files in ascending order of their live bytes. */
struct emptiest {
    const struct fi_version_file *files[FI_COMPACTION_LEAVING_MAX];
    unsigned count;
};

static bool
has_file(const struct emptiest *emptiest, const struct fi_version_file *file)
{
    bool is_there = false;
    for (unsigned i = 0; i < emptiest->count && !is_there; i++) {
        is_there = emptiest->files[i] == file;
    }
    return is_there;
}

/* Takes the file in if it is among the emptiest. */
static void
offer_file(struct emptiest *emptiest, const struct fi_version_file *file)
{
    unsigned at = emptiest->count;
    if (at == FI_COMPACTION_LEAVING_MAX) {
        if (file->live_bytes >= emptiest->files[at - 1]->live_bytes) {
            return;
        }
        at--;
    } else {
        emptiest->count++;
    }
    for (; at > 0 && emptiest->files[at - 1]->live_bytes > file->live_bytes; at--) {
        emptiest->files[at] = emptiest->files[at - 1];
    }
    emptiest->files[at] = file;
}

/* The files with the fewest live bytes among those worth emptying. */
static void
find_emptiest_locked(const struct fi_lsm *lsm, const struct fi_version *version, bool is_thorough,
                     struct emptiest *out)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    out->count = 0;
    for (unsigned level = 1; level < FI_VERSION_LEVELS_ALL; level++) {
        for (size_t i = 0; i < version->levels[level].count; i++) {
            const struct fi_version_file *run = fi_version_file(&version->levels[level], i);
            for (size_t j = 0; j < run->info.reference_count; j++) {
                const struct fi_version_file *values = run->value_files[j];
                if (fi_lsm_collect_is_worth_moving_locked(lsm, values, is_thorough) &&
                    !has_file(out, values)) {
                    offer_file(out, values);
                }
            }
        }
    }
}

/* Shortens the list to what may be emptied with so much space; it may be empty then. */
static void
keep_fitting(struct emptiest *emptiest, uint64_t room_bytes)
{
    uint64_t bytes = 0;
    unsigned fitting = 0;
    for (; fitting < emptiest->count; fitting++) {
        bytes += emptiest->files[fitting]->live_bytes;
        if (bytes > (fitting == 0 ? room_bytes : room_bytes / 2)) {
            break;
        }
    }
    emptiest->count = fitting;
}

static bool
refers_to_any(const struct fi_version_file *run, const struct emptiest *emptiest)
{
    for (size_t i = 0; i < run->info.reference_count; i++) {
        if (has_file(emptiest, run->value_files[i])) {
            return true;
        }
    }
    return false;
}

static bool
pick_within_room_locked(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                        uint64_t room_bytes, struct fi_compaction_plan *out)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    DCHECK(room_bytes != 0);
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    bool is_thorough = mode != FI_COMPACTION_PICK_DEMANDED;
    struct emptiest emptiest;
    find_emptiest_locked(tree->lsm, version, is_thorough, &emptiest);
    keep_fitting(&emptiest, room_bytes);
    for (unsigned level = 1; level < FI_VERSION_LEVELS_ALL; level++) {
        for (size_t i = 0; i < version->levels[level].count; i++) {
            const struct fi_version_file *run = fi_version_file(&version->levels[level], i);
            if (refers_to_any(run, &emptiest) && run->info.file_bytes <= room_bytes &&
                fi_compaction_pick_rewrite_locked(tree, mode, level, i, out)) {
                out->is_thorough = is_thorough;
                out->leaving.from = FI_COMPACTION_LEAVE_LISTED;
                for (unsigned k = 0; k < emptiest.count; k++) {
                    out->leaving.numbers[out->leaving.count++] = emptiest.files[k]->info.number;
                }
                return true;
            }
        }
    }
    return false;
}

bool
fi_compaction_sparse_pick_locked(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                                 uint64_t room_bytes, struct fi_compaction_plan *out)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    bool is_thorough = mode != FI_COMPACTION_PICK_DEMANDED;
    bool is_any = false;
    if (!atomic_load_explicit(&tree->separates, memory_order_relaxed) ||
        (!tree->may_have_sparse && !is_thorough)) {
        return false;
    }
    if (room_bytes != 0) {
        return pick_within_room_locked(tree, mode, room_bytes, out);
    }
    for (unsigned level = 1; level < FI_VERSION_LEVELS_ALL; level++) {
        for (size_t i = 0; i < version->levels[level].count; i++) {
            if (!refers_to_sparse_locked(tree->lsm, fi_version_file(&version->levels[level], i),
                                         is_thorough)) {
                continue;
            }
            is_any = true;
            if (fi_compaction_pick_rewrite_locked(tree, mode, level, i, out)) {
                out->is_thorough = is_thorough;
                return true;
            }
        }
    }
    tree->may_have_sparse = tree->may_have_sparse && is_any;
    return false;
}
