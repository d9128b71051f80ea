/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_values.c: the garbage of value files.
 *
 * The values of a file that are alive are those that the runs of the newest version refer to:
 * MANIFEST keeps the bytes for each run, so nothing has to be counted from the data, and a number
 * cannot go wrong by itself. It falls when a compaction drops a version, and with it the reference.
 */
#include "lsm/lsm_internal.h"

#include "base/check.h"

void
firn_lsm_values_add_locked(struct firn_lsm_tree *tree, const struct firn_run_file *run)
{
    firn_os_mutex_assert_held(&tree->lsm->mutex);
    struct firn_lsm_value_stats *stats = &tree->values;
    for (size_t i = 0; i < run->info.reference_count; i++) {
        struct firn_run_file *values = run->value_files[i];
        DCHECK(values->info.kind == FIRN_BLOCK_FILE_VALUES);
        DCHECK(values->live_runs > 0 || values->live_bytes == 0);
        if (values->live_runs++ == 0) {
            stats->files++;
            stats->bytes += values->info.content_bytes;
        }
        values->live_bytes += run->info.references[i].bytes;
        stats->live_bytes += run->info.references[i].bytes;
    }
}

void
firn_lsm_values_remove_locked(struct firn_lsm_tree *tree, const struct firn_run_file *run)
{
    firn_os_mutex_assert_held(&tree->lsm->mutex);
    struct firn_lsm_value_stats *stats = &tree->values;
    for (size_t i = 0; i < run->info.reference_count; i++) {
        struct firn_run_file *values = run->value_files[i];
        CHECK(values->live_runs > 0 && values->live_bytes >= run->info.references[i].bytes);
        DCHECK(stats->live_bytes >= run->info.references[i].bytes);
        values->live_bytes -= run->info.references[i].bytes;
        stats->live_bytes -= run->info.references[i].bytes;
        if (--values->live_runs == 0) {
            DCHECK(values->live_bytes == 0);
            stats->files--;
            stats->bytes -= values->info.content_bytes;
        }
    }
    tree->may_have_sparse |= run->info.reference_count > 0;
}

bool
firn_lsm_values_is_worth_moving_locked(const struct firn_lsm *lsm,
                                       const struct firn_run_file *values, bool is_thorough)
{
    firn_os_mutex_assert_held(&lsm->mutex);
    uint64_t total = values->info.content_bytes;
    return is_thorough ? values->live_bytes < total : values->live_bytes < total - total / 2;
}
