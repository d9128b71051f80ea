/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_stats.c: what the trees hold and what works have done, as numbers.
 *
 * Everything is taken in one moment under the mutex, from what the versions know of their runs; no
 * file is asked.
 */
#include "lsm/lsm_internal.h"

static void
add_version(const struct firn_version *version, struct firn_lsm_stats *out)
{
    for (unsigned number = 0; number < FIRN_VERSION_LEVELS_ALL; number++) {
        const struct firn_version_level *level = &version->levels[number];
        struct firn_lsm_level_stats *stats = &out->levels[number];
        stats->runs += level->count;
        stats->bytes += level->bytes;
        for (size_t i = 0; i < level->count; i++) {
            const struct firn_manifest_run *info = &firn_version_file(level, i)->info;
            stats->entries += info->entry_count;
            stats->tombstones += info->tombstone_count + info->range_count;
        }
    }
}

static void
add_tree(const struct firn_lsm_tree *tree, struct firn_lsm_stats *out)
{
    firn_os_mutex_assert_held(&tree->lsm->mutex);
    const struct firn_lsm_state *state = atomic_load_explicit(&tree->state, memory_order_relaxed);
    add_version(state->version, out);
    out->values.files += tree->values.files;
    out->values.bytes += tree->values.bytes;
    out->values.live_bytes += tree->values.live_bytes;
    out->memtables += state->memtable_count;
    out->frozen_memtables += state->memtable_count > 0 ? state->memtable_count - 1 : 0;
    for (size_t i = 0; i < state->memtable_count; i++) {
        out->memtable_bytes +=
            atomic_load_explicit(&state->memtables[i]->counted_bytes, memory_order_relaxed);
    }
}

void
firn_lsm_stats(struct firn_lsm *lsm, const struct firn_lsm_tree *tree, struct firn_lsm_stats *out)
{
    firn_os_mutex_lock(&lsm->mutex);
    *out = lsm->counters;
    out->waiting_files = lsm->waiting_count;
    if (tree != NULL) {
        add_tree(tree, out);
    } else {
        for (size_t i = 0; i < lsm->tree_count; i++) {
            add_tree(lsm->trees[i], out);
        }
    }
    firn_os_mutex_unlock(&lsm->mutex);
}
