/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_measure.c: how far flushes and compactions lag: the numbers that writing is throttled by.
 */
#include "lsm/lsm_internal.h"

#include "base/check.h"

void
fi_lsm_measure_locked(struct fi_lsm *lsm)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    size_t frozen = 0;
    size_t level0 = 0;
    for (size_t i = 0; i < lsm->tree_count; i++) {
        const struct fi_lsm_superversion *state =
            atomic_load_explicit(&lsm->trees[i]->state, memory_order_relaxed);
        DCHECK(state->memtable_count > 0 || lsm->trees[i]->is_dropping);
        if (state->memtable_count > frozen + 1) {
            frozen = state->memtable_count - 1;
        }
        size_t runs = fi_version_waiting_runs(state->version);
        level0 = runs > level0 ? runs : level0;
    }
    atomic_store_explicit(&lsm->frozen_max, (unsigned)frozen, memory_order_relaxed);
    atomic_store_explicit(&lsm->level0_max, (unsigned)level0, memory_order_relaxed);
}
