/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_sparse.c: which runs to write again, so that a value file may go.
 *
 * A file of which more than half is dead is to go: the runs that refer to it are written again, one
 * after the other, each in its place; their live values move into a new file (compaction_values.c), and
 * with the last of them nobody refers to the old one any more. So values take up at most about twice
 * their size, and a byte is moved at most once for each byte that died beside it. Other compactions
 * do the same with what they come across.
 *
 * Runs of level 0 are left alone: their values are as young as they, and the compaction into the
 * next level comes anyway.
 *
 * Where space is short (a full disk) files are emptied one after the other, that of which the least is
 * alive first: only its values move, out of all runs that refer to it, and it goes before the next one
 * is begun. So what is needed is what is alive of one file, not of all.
 *
 * The search goes over all runs of a tree, so it is made only where some file has become worth it
 * since the last search found nothing (may_have_sparse).
 */
#include "compaction/compaction_sparse.h"

#include "base/check.h"
#include "lsm/lsm_values.h"

static bool
refers_to_sparse(const struct firn_run_file *run, bool is_thorough)
{
    for (size_t i = 0; i < run->info.reference_count; i++) {
        if (firn_lsm_values_is_worth_moving_locked(run->value_files[i], is_thorough)) {
            return true;
        }
    }
    return false;
}

/* Of the files that are worth it, the one of which the least is alive; NULL if there is none. */
static const struct firn_run_file *
find_emptiest(const struct firn_version *version, bool is_thorough)
{
    const struct firn_run_file *found = NULL;
    for (unsigned level = 1; level < FIRN_VERSION_LEVELS_ALL; level++) {
        for (size_t i = 0; i < version->levels[level].count; i++) {
            const struct firn_run_file *run = firn_version_file(&version->levels[level], i);
            for (size_t j = 0; j < run->info.reference_count; j++) {
                const struct firn_run_file *values = run->value_files[j];
                if (firn_lsm_values_is_worth_moving_locked(values, is_thorough) &&
                    (found == NULL || values->live_bytes < found->live_bytes)) {
                    found = values;
                }
            }
        }
    }
    return found;
}

static bool
refers_to(const struct firn_run_file *run, const struct firn_run_file *values)
{
    for (size_t i = 0; i < run->info.reference_count; i++) {
        if (run->value_files[i] == values) {
            return true;
        }
    }
    return false;
}

static bool
pick_within_room(struct firn_lsm_tree *tree, enum firn_compaction_pick_mode mode,
                 uint64_t room_bytes, struct firn_compaction_plan *out)
{
    firn_os_mutex_assert_held(&tree->lsm->mutex);
    DCHECK(room_bytes != 0);
    const struct firn_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    bool is_thorough = mode != FIRN_COMPACTION_PICK_DEMANDED;
    const struct firn_run_file *values = find_emptiest(version, is_thorough);
    if (values == NULL || values->live_bytes > room_bytes) {
        return false;
    }
    for (unsigned level = 1; level < FIRN_VERSION_LEVELS_ALL; level++) {
        for (size_t i = 0; i < version->levels[level].count; i++) {
            const struct firn_run_file *run = firn_version_file(&version->levels[level], i);
            if (refers_to(run, values) && run->info.file_bytes <= room_bytes &&
                firn_compaction_pick_rewrite_locked(tree, mode, level, i, out)) {
                out->is_thorough = is_thorough;
                out->values_of = values->info.number;
                return true;
            }
        }
    }
    return false;
}

bool
firn_compaction_sparse_pick_locked(struct firn_lsm_tree *tree, enum firn_compaction_pick_mode mode,
                                   uint64_t room_bytes, struct firn_compaction_plan *out)
{
    firn_os_mutex_assert_held(&tree->lsm->mutex);
    const struct firn_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    bool is_thorough = mode != FIRN_COMPACTION_PICK_DEMANDED;
    bool is_any = false;
    if (!atomic_load_explicit(&tree->separates, memory_order_relaxed) ||
        (!tree->may_have_sparse && !is_thorough)) {
        return false;
    }
    if (room_bytes != 0) {
        return pick_within_room(tree, mode, room_bytes, out);
    }
    for (unsigned level = 1; level < FIRN_VERSION_LEVELS_ALL; level++) {
        for (size_t i = 0; i < version->levels[level].count; i++) {
            if (!refers_to_sparse(firn_version_file(&version->levels[level], i), is_thorough)) {
                continue;
            }
            is_any = true;
            if (firn_compaction_pick_rewrite_locked(tree, mode, level, i, out)) {
                out->is_thorough = is_thorough;
                return true;
            }
        }
    }
    tree->may_have_sparse = tree->may_have_sparse && is_any;
    return false;
}
