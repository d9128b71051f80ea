/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_renew.c: writing runs anew because of the files that they are in, not of
 * what is in them: after the keys of a store were rotated, or when it becomes encrypted.
 *
 * A run of level 1 or deeper, and a history run, is rewritten in its place. Nothing is rewritten in
 * level 0, whose runs are ordered by age; so the oldest of them are merged into the level below. If
 * a run refers to an outdated value file, its values move to a new one while it is rewritten
 * (compaction_values.c), and the file goes with the last run that refers to it. Graphs are built
 * again for each new run.
 *
 * A run that is damaged stays as it is.
 *
 * Under the mutex of lsm.
 */
#include "base/check.h"
#include "base/search.h"
#include "compaction/compaction_internal.h"

bool
fi_compaction_renew_has(const struct fi_compaction_outdated *outdated, uint64_t number)
{
    if (outdated == NULL) {
        return false;
    }
    size_t at = 0;
    size_t end = outdated->count;
    FI_SEARCH_FIRST(at, end, i, outdated->numbers[i] < number);
    return at < outdated->count && outdated->numbers[at] == number;
}

static bool
is_outdated(const struct fi_compaction_outdated *outdated, const struct fi_version_file *run)
{
    bool is_found = fi_compaction_renew_has(outdated, run->info.number);
    for (size_t i = 0; i < run->info.reference_count && !is_found; i++) {
        is_found = fi_compaction_renew_has(outdated, run->info.references[i].number);
    }
    return is_found;
}

static bool
pick_run_locked(struct fi_lsm_tree *tree, unsigned level, size_t i, struct fi_compaction_plan *out)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    return level == 0 ? fi_compaction_pick_level0_locked(tree, FI_COMPACTION_PICK_UNHURRIED, out)
                      : fi_compaction_pick_rewrite_locked(tree, FI_COMPACTION_PICK_UNHURRIED, level,
                                                          i, out);
}

bool
fi_compaction_renew_pick_locked(struct fi_lsm_tree *tree,
                                const struct fi_compaction_outdated *outdated,
                                struct fi_compaction_plan *out)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    for (unsigned level = 0; level < FI_VERSION_LEVELS_ALL; level++) {
        for (size_t i = 0; i < version->levels[level].count; i++) {
            if (is_outdated(outdated, fi_version_file(&version->levels[level], i)) &&
                pick_run_locked(tree, level, i, out)) {
                out->outdated = outdated;
                return true;
            }
        }
    }
    return false;
}
